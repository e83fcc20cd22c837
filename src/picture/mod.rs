//! What can be seen of a picture without knowing what is good or bad: hashes, codes, metadata.
//!
//! [`look`] is the one door: hostile bytes to [`Seen`], or to a reason why nobody could read them.
//! [`decode`] reads pixels within bounds, [`pdq`] is the perceptual hash and [`hashes`] the lists of
//! it, [`qr`] and [`bars`] read codes, [`metadata`] what is written beside the pixels. [`nudity`], [`drawn`],
//! [`words`] and [`faces`] need models: [`Eyes`] has those that are there.
//!
//! Limits: PNG, JPEG, WebP, GIF and stills of AVIF only; of an animation every frame within [`decode::MAX_FRAMES`].

mod avif;
pub mod bars;
mod blocks;
mod boxes;
pub mod decode;
pub mod drawing;
pub mod drawn;
pub mod faces;
pub mod hashes;
mod heif;
pub mod label;
pub mod metadata;
mod moving;
pub mod nudity;
pub mod pdq;
pub mod qr;
mod samples;
mod scale;
mod soften;
mod strips;
pub mod words;

use sha2::{Digest, Sha256};

pub use decode::{Format, Frame, Unreadable};
pub use drawn::Drawn;
pub use faces::Faces;
pub use hashes::{BadLine, HashList};
pub use nudity::Nudity;
pub use pdq::Pdq;
pub use words::Words;

use samples::Samples;
use words::Unread;

/// Bytes of all texts kept of one picture: a hundred pages, more than any code or caption holds.
pub const MAX_TEXT_BYTES: usize = 256 * 1024;

/// What was seen of one picture. Holds no pixel.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// MD5 of the file: old lists know nothing else.
    pub md5: [u8; 16],
    /// The file's format.
    pub format: Format,
    /// Pixels of a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// By frame: the perceptual hash in its eight turns and mirrors, where the frame has enough
    /// detail ([`pdq::MIN_QUALITY`]). Frames that look alike are there once.
    pub pdq: Vec<[Pdq; 8]>,
    /// What QR codes say, each once.
    pub codes: Vec<String>,
    /// What bar codes say, each once.
    pub bars: Vec<String>,
    /// What words in its pixels say, by frame; nothing where no model read them.
    pub words: Vec<String>,
    /// What is written beside the pixels.
    pub metadata: metadata::Metadata,
    /// How probable it is that it shows naked people; nothing where no model looked.
    pub nudity: Option<f32>,
    /// How probable another model finds it that it is pornographic, drawn or not.
    pub drawn_nudity: Option<f32>,
    /// Years of whoever looks youngest; nothing where no model looked or no face is.
    pub apparent_age: Option<f32>,
}

/// What only a model sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eye {
    /// How probable it is that it shows naked people.
    Nudity,
    /// Words in its pixels.
    Text,
    /// How old people in it look.
    Age,
    /// How probable it is that it is pornographic, drawn or not.
    Drawn,
}

impl Eye {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Nudity, Self::Text, Self::Age, Self::Drawn];
}

/// The models that look, where policies ask for them and they are there.
#[derive(Debug, Clone, Default)]
pub struct Eyes {
    /// Scores nudity.
    pub nudity: Option<Nudity>,
    /// Reads words.
    pub words: Option<Words>,
    /// Looks for faces.
    pub faces: Option<Faces>,
    /// Scores drawings.
    pub drawn: Option<Drawn>,
}

impl Eyes {
    /// Whether this eye is there.
    pub const fn has(&self, eye: Eye) -> bool {
        match eye {
            Eye::Nudity => self.nudity.is_some(),
            Eye::Text => self.words.is_some(),
            Eye::Age => self.faces.is_some(),
            Eye::Drawn => self.drawn.is_some(),
        }
    }

    /// Those of them that somebody asks for.
    pub fn only(&self, asked: impl Fn(Eye) -> bool) -> Self {
        Self {
            nudity: self.nudity.clone().filter(|_| asked(Eye::Nudity)),
            words: self.words.clone().filter(|_| asked(Eye::Text)),
            faces: self.faces.clone().filter(|_| asked(Eye::Age)),
            drawn: self.drawn.clone().filter(|_| asked(Eye::Drawn)),
        }
    }

    /// A number that says which there are: what others see is another thing.
    pub fn kind(&self) -> u8 {
        let there = Eye::ALL.iter().enumerate();
        there.fold(0, |kind, (at, eye)| kind | u8::from(self.has(*eye)) << at)
    }
}

impl Seen {
    /// Everything that can be read as words: what codes and bars say, then words in its pixels, then comments.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let shown = self.codes.iter().chain(&self.bars).chain(&self.words);
        shown.chain(&self.metadata.texts).map(String::as_str)
    }

    /// Bytes that it takes to remember it.
    pub fn memory(&self) -> usize {
        let texts: usize = self.texts().map(str::len).sum();
        size_of::<Self>() + texts + self.pdq.len() * size_of::<[Pdq; 8]>()
    }
}

/// Looks at a picture with its own eyes only.
///
/// # Errors
/// As [`look_with`].
pub fn look(bytes: &[u8]) -> Result<Seen, Unreadable> {
    look_with(&Eyes::default(), bytes)
}

/// Looks at a picture. Takes milliseconds to seconds: never on a thread that serves others.
///
/// # Errors
/// Why it cannot be read within bounds: then nobody can say what it shows.
pub fn look_with(eyes: &Eyes, bytes: &[u8]) -> Result<Seen, Unreadable> {
    let mut samples = Samples::new(nudity::MAX_SAMPLES);
    let mut drawings = Samples::new(drawn::MAX_SAMPLES);
    let mut pages = Samples::new(words::MAX_PAGES);
    let mut crowd = Samples::new(faces::MAX_SAMPLES);
    let mut seen = Seen {
        sha256: Sha256::digest(bytes).into(),
        md5: md5::Md5::digest(bytes).into(),
        ..Seen::default()
    };
    let mut text = 0;
    let format = decode::read(bytes, &mut |frame| {
        (seen.width, seen.height) = (frame.width, frame.height);
        if eyes.nudity.is_some() {
            samples.offer(|| nudity::whole(frame));
        }
        if eyes.drawn.is_some() {
            drawings.offer(|| drawn::whole(frame));
        }
        if eyes.words.is_some() {
            pages.offer(|| scale::at_most(frame, words::PIXELS));
        }
        if eyes.faces.is_some() {
            crowd.offer(|| scale::at_most(frame, faces::PIXELS));
        }
        let luma = frame.luma();
        if let Some(turns) = pdq::turns(&luma, frame.width as usize, frame.height as usize)
            && !seen.pdq.iter().any(|known| known[0] == turns[0])
        {
            seen.pdq.push(turns);
        }
        let (width, height) = (frame.width as usize, frame.height as usize);
        let mut keep = |found: Vec<String>, kept: &mut Vec<String>| {
            for code in found {
                if !kept.contains(&code) && text + code.len() <= MAX_TEXT_BYTES {
                    text += code.len();
                    kept.push(code);
                }
            }
        };
        keep(qr::read(&luma, width, height), &mut seen.codes);
        keep(bars::read(&luma, width, height), &mut seen.bars);
    })?;
    seen.format = format;
    seen.metadata = metadata::read(bytes, format);
    if let Some(nudity) = &eyes.nudity {
        let score = nudity.score(samples.kept());
        seen.nudity = Some(score.map_err(|_| Unreadable::Unscored)?);
    }
    if let Some(drawn) = &eyes.drawn {
        let score = drawn.score(drawings.kept());
        seen.drawn_nudity = Some(score.map_err(|_| Unreadable::Unscored)?);
    }
    if let Some(faces) = &eyes.faces {
        let youngest = faces.youngest(crowd.kept());
        seen.apparent_age = youngest.map_err(|_| Unreadable::Unscored)?;
    }
    if let Some(words) = &eyes.words {
        seen.words = words.read(pages.kept()).map_err(|why| match why {
            Unread::Failed => Unreadable::Unscored,
            Unread::TooMany => Unreadable::Words,
        })?;
    }
    Ok(seen)
}

#[cfg(test)]
pub(crate) mod tests;
