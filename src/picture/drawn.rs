//! How probable it is that a picture, drawn or not, is pornographic: the model of the package `nsfwjs`,
//! a second opinion beside [`super::nudity`], which knows photographs only.
//!
//! Limits: it says nothing of age, and takes some statues and anatomy for porn. Of an animation
//! [`MAX_SAMPLES`] frames at most are scored, evenly spread.

use std::fmt;
use std::sync::Arc;

use super::Frame;
use super::scale;
use crate::network::{Failed, Input, Network};

/// Side of what the network sees.
const SIDE: usize = 224;
/// Which kinds count, of drawing, hentai, neutral, porn, sexy.
const COUNT: [usize; 2] = [1, 3];
/// Frames of one animation that are scored.
pub const MAX_SAMPLES: usize = 12;

/// Scores pictures.
#[derive(Clone)]
pub struct Drawn(Arc<Network>);

impl fmt::Debug for Drawn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Drawn")
    }
}

/// A frame as the network sees it, its sides made equal as the package does.
pub fn whole(frame: &Frame) -> Vec<u8> {
    let size = (frame.width as usize, frame.height as usize);
    scale::bilinear(&frame.rgb, size, (SIDE, SIDE))
}

impl Drawn {
    /// With this network.
    pub fn new(network: Network) -> Self {
        Self(Arc::new(network))
    }

    /// The highest score of frames (see [`whole`]), from 0 to 1. Keeps the thread for as long as it takes.
    ///
    /// # Errors
    /// [`Failed::Shape`] where the network takes no such pictures.
    pub fn score(&self, samples: &[Vec<u8>]) -> Result<f32, Failed> {
        let mut highest = 0.0_f32;
        for whole in samples {
            let plane = |color| whole.iter().skip(color).step_by(3);
            let planes = [0, 1, 2].into_iter().flat_map(plane);
            let numbers = planes.map(|value| f32::from(*value) / 255.0).collect();
            let input = Input::Floats(vec![1, 3, SIDE, SIDE], numbers);
            let kinds = self.0.run(vec![input])?;
            let counted = COUNT.iter().map(|at| kinds.get(*at).ok_or(Failed::Shape));
            let score = counted.sum::<Result<f32, Failed>>()?;
            highest = highest.max(score);
        }
        Ok(highest)
    }
}
