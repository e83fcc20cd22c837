//! How old the people in a picture look: the networks of the package `@vladmandic/face-api`.
//!
//! Read to be more careful, never to clear a picture: policies cannot negate it (P050). The head is
//! off by five years on average and by ten often, so rules wait for far more than eighteen. Nothing
//! of a face is kept but years, and of those the fewest; no vector that could know a face again is made.
//!
//! Limits: faces that look at the camera, larger than a twentieth of the picture. Of an animation
//! [`MAX_SAMPLES`] frames at most are looked at, evenly spread.

use std::fmt;
use std::sync::Arc;

use super::{Frame, scale};
use crate::network::{Failed, Input, Network};

/// Frames of one animation that are looked at.
pub const MAX_SAMPLES: usize = 12;
/// Pixels of a frame; of larger ones a smaller copy is looked at.
pub const PIXELS: u64 = 1024 * 1024;
/// Faces of one frame, the surest first.
const MAX_FACES: usize = 16;
/// Side of what the detector sees, cells of a side of what it says, and numbers of an anchor.
const SEEN: usize = 416;
const CELLS: usize = 13;
const NUMBERS: usize = 5;
/// Sizes of a face that the detector starts from, in cells.
const ANCHORS: [[f32; 2]; 5] = [
    [1.603_231, 2.094_468],
    [6.041_143, 7.080_126],
    [2.882_459, 3.518_061],
    [4.266_906, 5.178_857],
    [9.041_765, 10.663_08],
];
/// Surer than this it is a face; faces that share more than that are one. Both are the package's.
const FACE: f32 = 0.5;
const SHARED: f32 = 0.4;
/// Side of a face as its age is read.
const SIDE: usize = 112;
/// What is taken from red, green and blue by the detector and by the age head.
const DETECTOR_MEAN: [f32; 3] = [117.001, 114.697, 97.404];
const AGE_MEAN: [f32; 3] = [122.782, 117.001, 104.298];

/// Looks for faces.
#[derive(Clone)]
pub struct Faces {
    detector: Arc<Network>,
    age: Arc<Network>,
}

impl fmt::Debug for Faces {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Faces")
    }
}

/// A face in parts of the square around the picture: left, top, right, foot.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Face {
    sure: f32,
    edges: [f32; 4],
}

impl Faces {
    /// With these networks.
    pub fn new(detector: Network, age: Network) -> Self {
        Self {
            detector: Arc::new(detector),
            age: Arc::new(age),
        }
    }

    /// Years of whoever looks youngest in some frames; nothing where no face is. Keeps the thread for
    /// as long as that takes.
    ///
    /// # Errors
    /// [`Failed::Shape`] where a network takes no such pictures.
    pub fn youngest(&self, frames: &[Frame]) -> Result<Option<f32>, Failed> {
        let mut youngest: Option<f32> = None;
        for frame in frames {
            for face in self.find(frame)? {
                let Some(shown) = cut(frame, face) else {
                    continue;
                };
                let years = self.years(&shown)?;
                youngest = Some(youngest.map_or(years, |least| least.min(years)));
            }
        }
        Ok(youngest)
    }

    /// How old a face looks; `shown` is a square of [`SIDE`].
    pub(crate) fn years(&self, shown: &[u8]) -> Result<f32, Failed> {
        let numbers = planes(shown, AGE_MEAN);
        let input = Input::Floats(vec![1, 3, SIDE, SIDE], numbers);
        let years = self.age.run(vec![input])?;
        years.first().copied().ok_or(Failed::Shape)
    }

    /// What the detector says of a square of [`SEEN`].
    pub(crate) fn said(&self, square: &[u8]) -> Result<Vec<f32>, Failed> {
        let numbers = planes(square, DETECTOR_MEAN);
        let input = Input::Floats(vec![1, 3, SEEN, SEEN], numbers);
        let said = self.detector.run(vec![input])?;
        match said.len() == CELLS * CELLS * ANCHORS.len() * NUMBERS {
            true => Ok(said),
            false => Err(Failed::Shape),
        }
    }

    fn find(&self, frame: &Frame) -> Result<Vec<Face>, Failed> {
        let size = (frame.width as usize, frame.height as usize);
        Ok(faces(&self.said(&square(
            &frame.rgb,
            size,
            SEEN,
            Corner::First,
        ))?))
    }
}

/// What the detector says, as faces; of those that share most of their place, the surest.
fn faces(said: &[f32]) -> Vec<Face> {
    let sigmoid = |value: f32| 1.0 / (1.0 + (-value).exp());
    let cells = CELLS * CELLS;
    let mut found = Vec::new();
    for (at, anchor) in (0..cells).flat_map(|at| (0..ANCHORS.len()).map(move |anchor| (at, anchor)))
    {
        let number = |which: usize| said[(anchor * NUMBERS + which) * cells + at];
        let sure = sigmoid(number(4));
        if sure <= FACE {
            continue;
        }
        let part = |value: f32| value / CELLS as f32;
        let middle = [
            part((at % CELLS) as f32 + sigmoid(number(0))),
            part((at / CELLS) as f32 + sigmoid(number(1))),
        ];
        let half = [0, 1].map(|side| part(number(2 + side).exp() * ANCHORS[anchor][side]) / 2.0);
        let edges = [
            middle[0] - half[0],
            middle[1] - half[1],
            middle[0] + half[0],
            middle[1] + half[1],
        ];
        found.push(Face { sure, edges });
    }
    found.sort_by(|one, other| other.sure.total_cmp(&one.sure));
    let mut kept: Vec<Face> = Vec::new();
    for face in found {
        if kept.len() < MAX_FACES && kept.iter().all(|one| shared(one, &face) <= SHARED) {
            kept.push(face);
        }
    }
    kept
}

/// The part of two faces' place that both have.
fn shared(one: &Face, other: &Face) -> f32 {
    let area = |edges: [f32; 4]| (edges[2] - edges[0]).max(0.0) * (edges[3] - edges[1]).max(0.0);
    let both = std::array::from_fn(|at| match at {
        0 | 1 => one.edges[at].max(other.edges[at]),
        _ => one.edges[at].min(other.edges[at]),
    });
    let both = area(both);
    both / (area(one.edges) + area(other.edges) - both)
}

/// A face as its age is read; nothing where all of it lies outside of the picture.
fn cut(frame: &Frame, face: Face) -> Option<Vec<u8>> {
    let (width, height) = (frame.width as usize, frame.height as usize);
    let side = width.max(height) as f32;
    let pixel = |edge: f32, most: usize| ((edge * side).max(0.0) as usize).min(most);
    let [left, right] = [0, 2].map(|at| pixel(face.edges[at], width));
    let [top, foot] = [1, 3].map(|at| pixel(face.edges[at], height));
    if right <= left || foot <= top {
        return None;
    }
    let rows = frame.rgb.chunks_exact(width * 3).skip(top).take(foot - top);
    let shown: Vec<u8> = rows
        .flat_map(|row| &row[left * 3..right * 3])
        .copied()
        .collect();
    Some(square(
        &shown,
        (right - left, foot - top),
        SIDE,
        Corner::Middle,
    ))
}

/// Where a picture lies in a square of black.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Corner {
    First,
    Middle,
}

/// A picture within a black square, as large as it can be there.
fn square(rgb: &[u8], (width, height): (usize, usize), side: usize, corner: Corner) -> Vec<u8> {
    let long = width.max(height).max(1);
    let scaled = |part: usize| (part * side).div_ceil(long).clamp(1, side);
    let (wide, high) = (scaled(width), scaled(height));
    let small = match (wide, high) == (width, height) {
        true => rgb.to_vec(),
        false => scale::bilinear(rgb, (width, height), (wide, high)),
    };
    let start = |part: usize| match corner {
        Corner::First => 0,
        Corner::Middle => (side - part) / 2,
    };
    let (left, top) = (start(wide), start(high));
    let mut out = vec![0; side * side * 3];
    for (row, line) in small.chunks_exact(wide * 3).enumerate() {
        let at = ((top + row) * side + left) * 3;
        out[at..at + line.len()].copy_from_slice(line);
    }
    out
}

/// Red, green and blue apart, less their mean, as parts of one.
fn planes(rgb: &[u8], mean: [f32; 3]) -> Vec<f32> {
    let plane = |color: usize| {
        let values = rgb.iter().skip(color).step_by(3);
        values.map(move |value| (f32::from(*value) - mean[color]) / 255.0)
    };
    [0, 1, 2].into_iter().flat_map(plane).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a detector says that sees these faces: cell, anchor, how surely.
    fn said(seen: &[(usize, usize, f32)]) -> Vec<f32> {
        let cells = CELLS * CELLS;
        let mut said = vec![-9.0; cells * ANCHORS.len() * NUMBERS];
        for &(cell, anchor, sure) in seen {
            for (which, value) in [0.0, 0.0, 0.0, 0.0, sure].into_iter().enumerate() {
                said[(anchor * NUMBERS + which) * cells + cell] = value;
            }
        }
        said
    }

    #[test]
    fn faces_are_found_once_each() {
        assert_eq!(faces(&said(&[])), []);
        let one = faces(&said(&[(84, 3, 2.0)]));
        let middle = 6.5 / 13.0;
        let half = ANCHORS[3].map(|side| side / 26.0);
        let edges = [
            middle - half[0],
            middle - half[1],
            middle + half[0],
            middle + half[1],
        ];
        assert_eq!(one.len(), 1);
        assert!(
            one[0]
                .edges
                .iter()
                .zip(edges)
                .all(|(one, other)| (one - other).abs() < 1e-5)
        );
        let twice = faces(&said(&[(84, 3, 2.0), (85, 3, 3.0), (0, 0, 1.0)]));
        assert_eq!(twice.len(), 2);
        assert!(twice[0].sure > twice[1].sure);
        let many: Vec<(usize, usize, f32)> = (0..CELLS * CELLS).map(|at| (at, 0, 1.0)).collect();
        assert!(faces(&said(&many)).len() <= MAX_FACES);
        let nowhere = said(&[(84, 3, f32::MAX)]);
        assert_eq!(faces(&nowhere).len(), 1);
    }

    #[test]
    fn a_face_at_the_border_is_cut_there() {
        let frame = Frame {
            width: 40,
            height: 20,
            rgb: vec![200; 40 * 20 * 3],
        };
        let face = |edges| Face { sure: 1.0, edges };
        let shown = cut(&frame, face([-0.2, 0.0, 0.25, 0.5])).expect("inside");
        assert_eq!(shown.len(), SIDE * SIDE * 3);
        // Ten wide and twenty high: black at both sides.
        assert_eq!((shown[0], shown[SIDE / 2 * 3]), (0, 200));
        for edges in [[1.5, 0.0, 2.0, 1.0], [0.5, 0.1, 0.4, 0.2], [f32::NAN; 4]] {
            assert_eq!(cut(&frame, face(edges)), None, "{edges:?}");
        }
    }
}
