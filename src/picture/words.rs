//! Words in the pixels of a picture: PP-OCR, as the package `rapidocr-onnxruntime` runs it.
//!
//! Three networks: one marks where words stand, one says which strips stand on their heads, one reads
//! a strip letter by letter. `tests/data/pictures/words.txt` has what the package reads of drawings.
//!
//! Limits: Han, Latin letters and digits, as the package's dictionary has them; letters of some eight
//! pixels and more; upright columns of Han are read badly. Of an animation [`MAX_PAGES`] frames at
//! most are read, evenly spread.

use std::fmt;
use std::sync::Arc;

use super::Frame;
use super::scale;
use super::strips::{self, Strip, sum};
use crate::network::{BadNetwork, Failed, Input, Network};

/// Frames of one animation that are read.
pub const MAX_PAGES: usize = 4;
/// Pixels of a page: larger ones are made smaller first, and letters stay readable.
pub const PIXELS: u64 = 4 * 1024 * 1024;
/// The shorter side of what the detector sees, and how many times as long the other may be.
const SHORT: f64 = 640.0;
const LONGEST: f64 = 4.0 * SHORT;
/// How much a small picture is enlarged: what is not readable then, no person reads either.
const ENLARGED: f64 = 2.0;
/// Sides that the detector takes are multiples of this.
const STEP: u32 = 32;
/// Rows of a strip, and its shortest and longest row.
const ROWS: usize = 48;
const LEAST_COLUMNS: usize = 320;
const MOST_COLUMNS: usize = 2048;
/// Columns that the judge of heads and feet sees, and how sure it has to be.
const GLANCE: usize = 192;
const TURNED: f32 = 0.9;
/// Columns of all strips of a picture: a page of a book; onnxruntime reads 320 in 34 ms.
const ALL_COLUMNS: usize = 48 * 1024;
/// Surer than this on average, letters are words: the package's bound.
const SURE: f32 = 0.5;
/// Between two letters stands a space if a step there is so sure of one, though of another class surer:
/// the package loses spaces of small print, where words would run into each other. Steps between words
/// have 0.10 and more, those within words 0.02 at most (Latin letters of 14 to 32 pixels, Han).
const SPACE: f32 = 0.05;
/// Samples of one pixel of a strip, along each side: letters of 400 pixels are still smooth.
const SMOOTH: usize = 8;
/// Under which name the recogniser's file holds its letters.
const LETTERS: &str = "character";

/// Reads pictures.
#[derive(Clone)]
pub struct Words(Arc<Networks>);

struct Networks {
    detector: Network,
    turner: Network,
    recogniser: Network,
    /// By class, from 1: what it stands for.
    letters: Vec<String>,
}

impl fmt::Debug for Words {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Words")
    }
}

/// Why nobody can say which words a picture holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// A network takes no such pictures.
    Failed,
    /// More words than are read in time.
    TooMany,
}

impl From<Failed> for Unread {
    fn from(_: Failed) -> Self {
        Self::Failed
    }
}

impl Words {
    /// With these networks; the recogniser's file holds its letters.
    ///
    /// # Errors
    /// A recogniser that does not say its letters.
    pub fn new(
        detector: Network,
        turner: Network,
        recogniser: Network,
    ) -> Result<Self, BadNetwork> {
        let letters = recogniser.note(LETTERS);
        let letters =
            letters.ok_or_else(|| BadNetwork("it does not say its letters".to_owned()))?;
        let mut letters: Vec<String> = letters.split('\n').map(str::to_owned).collect();
        letters.push(" ".to_owned());
        Ok(Self(Arc::new(Networks {
            detector,
            turner,
            recogniser,
            letters,
        })))
    }

    /// The words of each page, lines from top to bottom; pages without words, and those that say the
    /// same, are left out. Keeps the thread for as long as it takes.
    ///
    /// # Errors
    /// See [`Unread`].
    pub fn read(&self, pages: &[Frame]) -> Result<Vec<String>, Unread> {
        let mut columns = 0;
        let mut texts: Vec<String> = Vec::new();
        for page in pages {
            let mut lines = Vec::new();
            for strip in self.0.strips(page)? {
                columns += wide(strip, MOST_COLUMNS).max(LEAST_COLUMNS);
                if columns > ALL_COLUMNS {
                    return Err(Unread::TooMany);
                }
                if let Some(line) = self.0.line(page, strip)? {
                    lines.push((strip, line));
                }
            }
            let text = in_order(lines);
            if !text.is_empty() && !texts.contains(&text) {
                texts.push(text);
            }
        }
        Ok(texts)
    }
}

impl Networks {
    /// Where words stand.
    fn strips(&self, page: &Frame) -> Result<Vec<Strip>, Failed> {
        let (width, height) = seen_size(page.width, page.height);
        let shown = scale::resized(page, (width, height));
        let pixels = (width as usize) * (height as usize);
        let mut numbers = vec![0.0; pixels * 3];
        for (at, pixel) in shown.rgb.chunks_exact(3).enumerate() {
            for (plane, value) in pixel.iter().rev().enumerate() {
                numbers[plane * pixels + at] = level(f32::from(*value));
            }
        }
        let shape = vec![1, 3, height as usize, width as usize];
        let map = self.detector.run(vec![Input::Floats(shape, numbers)])?;
        if map.len() != pixels {
            return Err(Failed::Shape);
        }
        let scale = (
            page.width as f32 / width as f32,
            page.height as f32 / height as f32,
        );
        let found = strips::find(&map, width as usize).into_iter();
        Ok(found
            .map(|strip| strip.scaled(scale).laid_across())
            .collect())
    }

    /// What a strip says, if it is words.
    fn line(&self, page: &Frame, strip: Strip) -> Result<Option<String>, Failed> {
        let glance = Input::Floats(
            vec![1, 3, ROWS, GLANCE],
            cut(page, strip, wide(strip, GLANCE), GLANCE),
        );
        let turned = self.turner.run(vec![glance])?;
        let strip = match turned[..] {
            [_, turned] if turned > TURNED => strip.turned(),
            [_, _] => strip,
            _ => return Err(Failed::Shape),
        };
        let columns = wide(strip, MOST_COLUMNS);
        let row = columns.max(LEAST_COLUMNS);
        let input = Input::Floats(vec![1, 3, ROWS, row], cut(page, strip, columns, row));
        decoded(&self.letters, &self.recogniser.run(vec![input])?)
    }
}

/// The likeliest class of each step; the same one twice in a row is one letter, class 0 is none, the
/// last is a space.
fn decoded(letters: &[String], steps: &[f32]) -> Result<Option<String>, Failed> {
    let classes = letters.len() + 1;
    if !steps.len().is_multiple_of(classes) {
        return Err(Failed::Shape);
    }
    let (mut text, mut sure, mut count, mut last) = (String::new(), 0.0, 0.0, 0);
    let mut space = 0.0_f32;
    for step in steps.chunks_exact(classes) {
        let likelier = |best: (usize, f32), (class, chance): (usize, &f32)| match *chance > best.1 {
            true => (class, *chance),
            false => best,
        };
        let (class, chance) = step.iter().enumerate().fold((0, f32::MIN), likelier);
        space = space.max(step[classes - 1]);
        if class != 0 && class != last {
            let letter = &letters[class - 1];
            let inside = !text.is_empty() && !text.ends_with(' ') && letter != " ";
            if inside && space >= SPACE {
                text.push(' ');
            }
            text.push_str(letter);
            space = 0.0;
            sure += chance;
            count += 1.0;
        }
        last = class;
    }
    let is_text = count > 0.0 && sure / count >= SURE && !text.trim().is_empty();
    Ok(is_text.then_some(text))
}

/// The size of what the detector sees.
fn seen_size(width: u32, height: u32) -> (u32, u32) {
    let [width, height] = [width, height].map(f64::from);
    let by = (SHORT / width.min(height))
        .min(LONGEST / width.max(height))
        .min(ENLARGED);
    let side = |side: f64| ((side * by / f64::from(STEP)).round() as u32).max(1) * STEP;
    (side(width), side(height))
}

/// A brightness as the networks take it, from -1 to 1.
fn level(value: f32) -> f32 {
    value / 127.5 - 1.0
}

/// Columns of a strip that is [`ROWS`] high.
fn wide(strip: Strip, most: usize) -> usize {
    ((ROWS as f32 * strip.ratio()).ceil() as usize).clamp(1, most)
}

/// A strip as the networks take it: blue, green and red, `columns` of it and grey up to `row`.
fn cut(page: &Frame, strip: Strip, columns: usize, row: usize) -> Vec<f32> {
    let mut numbers = vec![0.0; 3 * ROWS * row];
    let smooth = |way, steps: usize| {
        let pixels = strips::length(way) / steps as f32;
        (pixels.ceil() as usize).clamp(1, SMOOTH)
    };
    let (fine_right, fine_down) = (smooth(strip.right, columns), smooth(strip.down, ROWS));
    let samples = (fine_right * fine_down) as f32;
    for y in 0..ROWS {
        for x in 0..columns {
            let mut color = [0.0; 3];
            for down in 0..fine_down {
                let part = (y * fine_down + down) as f32 + 0.5;
                let start = sum(strip.origin, strip.down, part / (ROWS * fine_down) as f32);
                for right in 0..fine_right {
                    let part = (x * fine_right + right) as f32 + 0.5;
                    let place = sum(start, strip.right, part / (columns * fine_right) as f32);
                    let shown = between(page, place);
                    color
                        .iter_mut()
                        .zip(shown)
                        .for_each(|(sum, one)| *sum += one);
                }
            }
            for (plane, value) in color.iter().rev().enumerate() {
                numbers[(plane * ROWS + y) * row + x] = level(value / samples);
            }
        }
    }
    numbers
}

/// The colour at a place between pixels; beyond the edge that of the edge.
fn between(page: &Frame, [x, y]: [f32; 2]) -> [f32; 3] {
    let side = |at: f32, most: u32| {
        let at = (at - 0.5).clamp(0.0, (most - 1) as f32);
        let low = at as usize;
        (low, (low + 1).min(most as usize - 1), at - low as f32)
    };
    let ((left, right, across), (top, foot, down)) = (side(x, page.width), side(y, page.height));
    let pixel = |x: usize, y: usize, color: usize| {
        f32::from(page.rgb[(y * page.width as usize + x) * 3 + color])
    };
    [0, 1, 2].map(|color| {
        let row = |y| {
            let (left, right) = (pixel(left, y, color), pixel(right, y, color));
            left + (right - left) * across
        };
        let (top, foot) = (row(top), row(foot));
        top + (foot - top) * down
    })
}

/// Lines from top to bottom; what stands side by side is one line, left to right.
fn in_order(mut strips: Vec<(Strip, String)>) -> String {
    let middle = |strip: &Strip| strip.middle();
    strips.sort_by(|(one, _), (other, _)| middle(one)[1].total_cmp(&middle(other)[1]));
    let mut rows: Vec<Vec<(Strip, String)>> = Vec::new();
    for (strip, text) in strips {
        let beside = |row: &&mut Vec<(Strip, String)>| {
            let first = &row[0].0;
            let apart = (middle(&strip)[1] - middle(first)[1]).abs();
            apart < strips::length(first.down).min(strips::length(strip.down)) / 2.0
        };
        match rows.last_mut().filter(beside) {
            Some(row) => row.push((strip, text)),
            None => rows.push(vec![(strip, text)]),
        }
    }
    let line = |mut row: Vec<(Strip, String)>| {
        row.sort_by(|(one, _), (other, _)| middle(one)[0].total_cmp(&middle(other)[0]));
        let texts: Vec<String> = row.into_iter().map(|(_, text)| text).collect();
        texts.join(" ")
    };
    let lines: Vec<String> = rows.into_iter().map(line).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_detector_sees_bounded_sizes() {
        assert_eq!(seen_size(1024, 1024), (640, 640));
        assert_eq!(seen_size(100, 60), (192, 128));
        assert_eq!(seen_size(1, 1), (32, 32));
        assert_eq!(seen_size(32_768, 1024), (2560, 96));
        for (width, height) in [(32_768, 1), (1, 32_768), (5000, 5000), (3, 700)] {
            let (wide, high) = seen_size(width, height);
            assert!(wide * high <= (SHORT * LONGEST) as u32, "{wide} x {high}");
            assert!(wide % STEP == 0 && high % STEP == 0);
        }
    }

    #[test]
    fn letters_are_told_apart_and_so_are_words() {
        let letters = ["a", "b", " "].map(str::to_owned);
        let read = |steps: &[[f32; 4]]| decoded(&letters, steps.as_flattened()).expect("fits");
        let (none, a, b) = (
            [0.9, 0.0, 0.0, 0.0],
            [0.0, 0.9, 0.0, 0.0],
            [0.0, 0.0, 0.9, 0.0],
        );
        let space = |sure: f32| [0.5, 0.0, 0.0, sure];
        assert_eq!(read(&[a, a, none, a, b]).as_deref(), Some("aab"));
        assert_eq!(read(&[a, space(0.1), b]).as_deref(), Some("a b"));
        assert_eq!(read(&[a, space(0.9), b]).as_deref(), Some("a b"));
        assert_eq!(
            read(&[space(0.4), a, space(0.02), b]).as_deref(),
            Some("ab")
        );
        assert_eq!(
            read(&[a, space(0.3), space(0.9), b]).as_deref(),
            Some("a b")
        );
        assert_eq!(read(&[none]), None);
        assert_eq!(read(&[[0.3, 0.4, 0.2, 0.0]]), None, "too doubtful");
        assert_eq!(decoded(&letters, &[0.0; 5]), Err(Failed::Shape));
    }

    #[test]
    fn lines_stand_in_the_order_of_reading() {
        let strip = |x: f32, y: f32| Strip {
            origin: [x, y],
            right: [50.0, 0.0],
            down: [0.0, 20.0],
        };
        let lines = [
            (strip(0.0, 60.0), "last"),
            (strip(90.0, 3.0), "second"),
            (strip(0.0, 0.0), "first"),
        ];
        let lines = lines.map(|(strip, text)| (strip, text.to_owned()));
        assert_eq!(in_order(lines.to_vec()), "first second\nlast");
        assert_eq!(in_order(Vec::new()), "");
    }

    #[test]
    fn a_strip_is_cut_as_it_lies() {
        // Left half black, right half white.
        let rgb: Vec<u8> = (0..64 * 16)
            .flat_map(|at| [if at % 64 < 32 { 0 } else { 255 }; 3])
            .collect();
        let page = Frame {
            width: 64,
            height: 16,
            rgb,
        };
        let strip = Strip {
            origin: [0.0, 0.0],
            right: [64.0, 0.0],
            down: [0.0, 16.0],
        };
        let columns = wide(strip, MOST_COLUMNS);
        assert_eq!(columns, 192);
        let shown = cut(&page, strip, columns, 200);
        let row = |at: usize| &shown[at * 200..(at + 1) * 200];
        assert_eq!((row(20)[3], row(20)[188], row(20)[195]), (-1.0, 1.0, 0.0));
        let turned = cut(&page, strip.turned(), columns, 200);
        assert_eq!((turned[3], turned[188]), (1.0, -1.0));
    }
}
