//! What can be seen of a picture without knowing what is good or bad: hashes, codes, metadata.
//!
//! [`look`] is the one door: hostile bytes to [`Seen`], or to a reason why nobody could read them.
//! [`decode`] reads pixels within bounds, [`pdq`] is the perceptual hash and [`hashes`] the lists of
//! it, [`qr`] reads codes, [`metadata`] what is written beside the pixels; [`nudity`] needs a model.
//!
//! Limits: PNG, JPEG, WebP and GIF only; of an animation every frame within [`decode::MAX_FRAMES`].

mod blocks;
pub mod decode;
pub mod drawing;
pub mod hashes;
pub mod label;
pub mod metadata;
pub mod nudity;
pub mod pdq;
pub mod qr;
mod scale;
mod soften;

use sha2::{Digest, Sha256};

pub use decode::{Format, Frame, Unreadable};
pub use hashes::{BadLine, HashList};
pub use nudity::Nudity;
pub use pdq::Pdq;

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
    /// What is written beside the pixels.
    pub metadata: metadata::Metadata,
    /// How probable it is that it shows naked people; nothing where no model looked.
    pub nudity: Option<f32>,
}

/// What looks beside the code of this module: models, where policies ask for them and they are there.
#[derive(Debug, Clone, Default)]
pub struct Eyes {
    /// Scores nudity.
    pub nudity: Option<Nudity>,
}

impl Seen {
    /// Everything that can be read as words: what codes say, then comments.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let codes = self.codes.iter();
        codes.chain(&self.metadata.texts).map(String::as_str)
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
    let mut samples = nudity::Samples::default();
    let mut seen = Seen {
        sha256: Sha256::digest(bytes).into(),
        md5: md5::Md5::digest(bytes).into(),
        ..Seen::default()
    };
    let mut text = 0;
    let format = decode::read(bytes, &mut |frame| {
        (seen.width, seen.height) = (frame.width, frame.height);
        if eyes.nudity.is_some() {
            samples.push(frame);
        }
        let luma = frame.luma();
        if let Some(turns) = pdq::turns(&luma, frame.width as usize, frame.height as usize)
            && !seen.pdq.iter().any(|known| known[0] == turns[0])
        {
            seen.pdq.push(turns);
        }
        for code in qr::read(&luma, frame.width as usize, frame.height as usize) {
            if !seen.codes.contains(&code) && text + code.len() <= MAX_TEXT_BYTES {
                text += code.len();
                seen.codes.push(code);
            }
        }
    })?;
    seen.format = format;
    seen.metadata = metadata::read(bytes, format);
    if let Some(nudity) = &eyes.nudity {
        let score = nudity.score(&samples);
        seen.nudity = Some(score.map_err(|_| Unreadable::Unscored)?);
    }
    Ok(seen)
}

#[cfg(test)]
mod tests;
