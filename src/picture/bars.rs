//! Bar codes in a picture, read as text: EAN and UPC, Code 39, 93 and 128, ITF.
//!
//! Straight lines are laid over a picture, some across it and some down; each is bars or it is none.
//!
//! Limits: codes that lie within some twenty degrees of upright or flat, as high as a fortieth of the
//! picture. Codes of dots (Aztec, Data Matrix, PDF417) are not read; QR codes are: [`super::qr`].

use std::collections::HashSet;

use rxing::common::BitArray;
use rxing::oned::{MultiFormatOneDReader, OneDReader};
use rxing::{BarcodeFormat, DecodeHints};

/// Lines that are laid over a picture, each way.
const LINES: usize = 40;
/// Pixels of a line that are looked at: of a longer one, parts of that size.
const LONGEST: usize = 4096;
/// Edges of a line below which it is no code: the shortest has 22 bars.
const LEAST_EDGES: usize = 44;
/// Codes of one line, and of one frame.
const LINE_CODES: usize = 4;
const MAX_CODES: usize = 32;
/// Pixels to both sides whose mean tells dark from light, and by how much a bar is darker.
const AROUND: usize = 40;
const DARKER: f32 = 10.0;
/// Kinds of codes that are read.
const KINDS: [BarcodeFormat; 8] = [
    BarcodeFormat::EAN_13,
    BarcodeFormat::EAN_8,
    BarcodeFormat::UPC_A,
    BarcodeFormat::UPC_E,
    BarcodeFormat::CODE_39,
    BarcodeFormat::CODE_93,
    BarcodeFormat::CODE_128,
    BarcodeFormat::ITF,
];

/// What the bar codes of a picture say, each once.
pub fn read(luma: &[f32], width: usize, height: usize) -> Vec<String> {
    let mut reader = Reader::new();
    let mut line = Vec::new();
    for at in places(height) {
        reader.line(&luma[at * width..(at + 1) * width]);
    }
    for at in places(width) {
        line.clear();
        line.extend(luma.iter().skip(at).step_by(width));
        reader.line(&line);
    }
    reader.codes
}

/// Where lines lie on a side, in the middle of as many parts.
fn places(side: usize) -> impl Iterator<Item = usize> {
    let lines = side.min(LINES);
    (0..lines).map(move |at| (2 * at + 1) * side / (2 * lines))
}

/// Reads one line after another.
struct Reader {
    hints: DecodeHints,
    reader: MultiFormatOneDReader,
    codes: Vec<String>,
}

impl Reader {
    fn new() -> Self {
        let hints = DecodeHints {
            PossibleFormats: Some(HashSet::from(KINDS)),
            ..DecodeHints::default()
        };
        Self {
            reader: MultiFormatOneDReader::new(&hints),
            hints,
            codes: Vec::new(),
        }
    }

    fn line(&mut self, luma: &[f32]) {
        // Parts overlap by half, so that a code on a border lies within the next.
        for from in (0..luma.len()).step_by(LONGEST / 2) {
            let part = &luma[from..luma.len().min(from + LONGEST)];
            let dark = dark(part);
            let edges = dark.windows(2).filter(|pair| pair[0] != pair[1]).count();
            if edges >= LEAST_EDGES {
                for turned in [false, true] {
                    self.codes_of(&dark, turned);
                }
            }
            if from + LONGEST >= luma.len() {
                break;
            }
        }
    }

    fn codes_of(&mut self, dark: &[bool], turned: bool) {
        let size = dark.len();
        let mut bits = BitArray::with_size(size);
        for (at, _) in dark.iter().enumerate().filter(|(_, dark)| **dark) {
            bits.set(if turned { size - 1 - at } else { at });
        }
        for _ in 0..LINE_CODES {
            let Ok(found) = self.reader.decode_row(0, &bits, &self.hints) else {
                return;
            };
            let text = found.getText();
            let is_new = !text.is_empty() && !self.codes.iter().any(|code| code == text);
            if is_new && self.codes.len() < MAX_CODES {
                self.codes.push(text.to_owned());
            }
            // The rest of the line may hold another.
            let end = found
                .getPoints()
                .iter()
                .fold(0.0_f32, |end, point| end.max(point.x));
            for at in 0..(end as usize + 1).min(size) {
                bits.unset(at);
            }
        }
    }
}

/// Which pixels of a line are darker than what lies around them.
fn dark(line: &[f32]) -> Vec<bool> {
    let mut sums = Vec::with_capacity(line.len() + 1);
    let mut sum = 0.0_f64;
    sums.push(sum);
    for value in line {
        sum += f64::from(*value);
        sums.push(sum);
    }
    let is_dark = |(at, value): (usize, &f32)| {
        let (from, to) = (at.saturating_sub(AROUND), (at + AROUND + 1).min(line.len()));
        let mean = (sums[to] - sums[from]) / (to - from) as f64;
        f64::from(*value + DARKER) < mean
    };
    line.iter().enumerate().map(is_dark).collect()
}

#[cfg(test)]
mod tests {
    use rxing::oned::{Code39Writer, Code128Writer, EAN13Writer, OneDimensionalCodeWriter};

    use super::*;

    /// Bars, so many pixels each, on a page of that size.
    fn page(bars: &[bool], module: usize, (width, height): (usize, usize), top: usize) -> Vec<f32> {
        let mut page = vec![230.0; width * height];
        let left = (width - bars.len() * module) / 2;
        for y in top..(top + 40).min(height) {
            for (at, dark) in bars.iter().enumerate() {
                let from = y * width + left + at * module;
                page[from..from + module].fill(if *dark { 30.0 } else { 240.0 });
            }
        }
        page
    }

    fn turned(page: &[f32], width: usize) -> Vec<f32> {
        let columns = (0..width).map(|x| page.iter().skip(x).step_by(width).copied());
        columns.flatten().collect()
    }

    #[test]
    fn bars_are_read_upright_flat_and_on_their_heads() {
        let bars = [
            ("turnip-2026", Code128Writer.encode_oned("turnip-2026")),
            ("SOUP 7", Code39Writer.encode_oned("SOUP 7")),
            ("4006381333931", EAN13Writer.encode_oned("4006381333931")),
        ];
        for (text, bars) in bars {
            let bars = bars.expect("a code");
            for module in [2, 3] {
                let size = (800, 300);
                let page = page(&bars, module, size, 120);
                assert_eq!(read(&page, 800, 300), [text], "{module}");
                assert_eq!(read(&turned(&page, 800), 300, 800), [text], "{module}");
                let back: Vec<f32> = page.iter().rev().copied().collect();
                assert_eq!(read(&back, 800, 300), [text], "{module}");
            }
        }
    }

    #[test]
    fn two_on_a_page_are_both_read_and_none_of_nothing() {
        let bars = |text| Code128Writer.encode_oned(text).expect("a code");
        let mut both = page(&bars("turnip"), 2, (600, 300), 20);
        let second = page(&bars("garden"), 2, (600, 300), 200);
        both[600 * 150..].copy_from_slice(&second[600 * 150..]);
        assert_eq!(read(&both, 600, 300), ["turnip", "garden"]);
        assert!(read(&vec![128.0; 400 * 300], 400, 300).is_empty());
        assert!(read(&[], 0, 0).is_empty());
        assert!(read(&[1.0], 1, 1).is_empty());
    }
}
