//! PDQ, the perceptual hash of ThreatExchange: 256 bits that copies of a picture share.
//!
//! Our own code after the reference (blur, 64 x 64, DCT, median), bit for bit: the one crate is
//! years old and brings an old decoder (docs/decisions/0025). `tests/data/pictures/pdq.txt` has
//! values of the reference.

use std::fmt;
use std::sync::LazyLock;

/// Bits in which two hashes of one picture may differ, as lists and their tools have it.
pub const MAX_DISTANCE: u32 = 31;
/// Below this a picture has too little detail for its hash to mean anything: the reference's advice.
pub const MIN_QUALITY: u32 = 50;
/// A side below which nothing is hashed.
const MIN_SIDE: usize = 5;
/// Side of the picture that is transformed.
const SMALL: usize = 64;
/// Side of the lowest frequencies, which are the hash.
const LOW: usize = 16;

/// A hash; bit `k` is bit `k % 64` of word `k / 64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Pdq(pub [u64; 4]);

impl Pdq {
    /// Bits that differ.
    pub fn distance(self, other: Self) -> u32 {
        let pairs = self.0.iter().zip(other.0);
        pairs.map(|(a, b)| (a ^ b).count_ones()).sum()
    }

    /// Sixteen bits of it; bands count from 0 to 15.
    pub fn band(self, band: usize) -> u16 {
        (self.0[band / 4] >> (band % 4 * 16)) as u16
    }

    /// Reads 64 hexadecimal digits, highest bit first.
    pub fn parse(hex: &str) -> Option<Self> {
        if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let word = |at: usize| u64::from_str_radix(&hex[at * 16..at * 16 + 16], 16).ok();
        Some(Self([word(3)?, word(2)?, word(1)?, word(0)?]))
    }
}

impl fmt::Display for Pdq {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0;
        write!(out, "{d:016x}{c:016x}{b:016x}{a:016x}")
    }
}

/// The lowest frequencies, row by row.
type Low = [[f32; LOW]; LOW];

/// The cosines of the transform, rounded as the reference rounds them.
static COSINES: LazyLock<[[f32; SMALL]; LOW]> = LazyLock::new(|| {
    let scale = f64::from((2.0 / SMALL as f64).sqrt() as f32);
    let step = std::f64::consts::PI / 2.0 / SMALL as f64;
    let cosine =
        |i: usize, j: usize| (scale * (step * ((i + 1) * (2 * j + 1)) as f64).cos()) as f32;
    std::array::from_fn(|i| std::array::from_fn(|j| cosine(i, j)))
});

/// The hash of a picture as it is, turned by 90, 180 and 270 degrees, mirrored at both axes and both
/// diagonals. Nothing where its quality is below [`MIN_QUALITY`].
pub fn turns(luma: &[f32], width: usize, height: usize) -> Option<[Pdq; 8]> {
    let (low, quality) = transform(luma, width, height)?;
    (quality >= MIN_QUALITY).then(|| turned(&low))
}

/// The hash of a picture and its quality, from 0 to 100.
pub fn hash(luma: &[f32], width: usize, height: usize) -> (Pdq, u32) {
    transform(luma, width, height)
        .map_or((Pdq::default(), 0), |(low, quality)| (bits(&low), quality))
}

fn transform(luma: &[f32], width: usize, height: usize) -> Option<(Low, u32)> {
    if width < MIN_SIDE || height < MIN_SIDE || luma.len() != width * height {
        return None;
    }
    let small = shrink(luma, width, height);
    Some((lowest(&small), quality(&small)))
}

type Small = [[f32; SMALL]; SMALL];

/// Rows that are blurred abreast: each sum waits for itself, so that many cost what one does.
const ABREAST: usize = 8;
/// A value of each of those rows.
type Lanes = [f32; ABREAST];

/// Blurs twice and picks 64 x 64, one strip of rows after the other, so that what lies between the passes
/// stays in the caches. Each sum is added up in the reference's order, so that every bit is the
/// reference's.
fn shrink(luma: &[f32], width: usize, height: usize) -> Small {
    let pick = |at: usize, side: usize| ((at as f64 + 0.5) * side as f64 / SMALL as f64) as usize;
    let columns: [usize; SMALL] = std::array::from_fn(|at| pick(at, width));
    let (mut across, mut again) = (Across::new(width), Across::new(width));
    let mut down = Down::new(width, height);
    let mut strip = vec![0.0; width * ABREAST];
    let mut blurred = Vec::with_capacity(width * ABREAST);
    let mut picked = Vec::with_capacity(height);
    let behind = vec![0.0; width * down.window.ahead];
    let size = width * ABREAST;
    for rows in luma.chunks(size).chain(behind.chunks(size)) {
        across.blur(rows);
        let strip = &mut strip[..rows.len()];
        across.write(strip);
        blurred.clear();
        for row in strip.chunks_exact(width) {
            down.gain(row, &mut blurred);
        }
        again.blur(&blurred);
        let lanes = 0..blurred.len() / width;
        picked.extend(lanes.map(|lane| columns.map(|column| again.of(column)[lane])));
    }
    let mut down = Down::new(SMALL, height);
    picked.resize(height + down.window.ahead, [0.0; SMALL]);
    let mut rows = Vec::with_capacity(SMALL * height);
    picked.iter().for_each(|row| down.gain(row, &mut rows));
    std::array::from_fn(|at| {
        let row = pick(at, height) * SMALL;
        std::array::from_fn(|column| rows[row + column])
    })
}

/// A window that moves along a side, one value further each time.
struct Window {
    /// Values in it.
    length: usize,
    /// By how many it is ahead of the value that gets its average.
    ahead: usize,
    /// How many it holds after each move: fewer at both ends.
    sizes: Vec<f32>,
}

impl Window {
    fn new(side: usize) -> Self {
        let length = side.div_ceil(2 * SMALL);
        let ahead = length / 2;
        let size = |at: usize| (at + 1).min(side) - (at + 1).saturating_sub(length);
        let sizes = (0..side + ahead).map(|at| size(at) as f32);
        Self {
            length,
            ahead,
            sizes: sizes.collect(),
        }
    }
}

/// Blurs along rows, several abreast.
struct Across {
    width: usize,
    window: Window,
    /// Their values, between zeros, which change no sum.
    lanes: Vec<Lanes>,
    /// The averages after each move.
    averages: Vec<Lanes>,
}

impl Across {
    fn new(width: usize) -> Self {
        let window = Window::new(width);
        let moves = window.sizes.len();
        Self {
            width,
            lanes: vec![Lanes::default(); window.length + moves],
            averages: vec![Lanes::default(); moves],
            window,
        }
    }

    /// Takes at most [`ABREAST`] rows.
    fn blur(&mut self, rows: &[f32]) {
        let first = self.window.length;
        let lanes = &mut self.lanes[first..first + self.width];
        let mut each = rows.chunks_exact(self.width);
        let rows: [&[f32]; ABREAST] = std::array::from_fn(|_| each.next().unwrap_or_default());
        match rows.iter().all(|row| row.len() == self.width) {
            true => {
                for (at, lanes) in lanes.iter_mut().enumerate() {
                    *lanes = rows.map(|row| row[at]);
                }
            }
            false => {
                for (lane, row) in rows.iter().enumerate() {
                    let values = lanes.iter_mut().zip(*row);
                    values.for_each(|(lanes, value)| lanes[lane] = *value);
                }
            }
        }
        let mut sums = Lanes::default();
        let moves = self.lanes[first..].iter().zip(&self.lanes);
        let averages = self.averages.iter_mut().zip(&self.window.sizes);
        for ((gain, lose), (average, size)) in moves.zip(averages) {
            for lane in 0..ABREAST {
                sums[lane] = sums[lane] + gain[lane] - lose[lane];
                average[lane] = sums[lane] / size;
            }
        }
    }

    /// What a column is now.
    fn of(&self, column: usize) -> &Lanes {
        &self.averages[self.window.ahead + column]
    }

    /// Writes the rows as they are now.
    fn write(&self, rows: &mut [f32]) {
        let averages = &self.averages[self.window.ahead..];
        for (lane, row) in rows.chunks_exact_mut(self.width).enumerate() {
            let values = row.iter_mut().zip(averages);
            values.for_each(|(value, average)| *value = average[lane]);
        }
    }
}

/// Blurs along columns, all of them side by side, as rows come.
struct Down {
    window: Window,
    width: usize,
    /// Rows that came.
    rows: usize,
    sums: Vec<f32>,
    /// The rows in the window; zeros at first, which change no sum.
    held: Vec<f32>,
}

impl Down {
    fn new(width: usize, height: usize) -> Self {
        let window = Window::new(height);
        Self {
            width,
            rows: 0,
            sums: vec![0.0; width],
            held: vec![0.0; width * window.length],
            window,
        }
    }

    /// Takes a row, zeros behind the last one, and writes one as soon as its window is whole.
    fn gain(&mut self, row: &[f32], blurred: &mut Vec<f32>) {
        let oldest = self.rows % self.window.length * self.width;
        let oldest = &mut self.held[oldest..oldest + self.width];
        for ((sum, lose), gain) in self.sums.iter_mut().zip(oldest).zip(row) {
            *sum = *sum + gain - *lose;
            *lose = *gain;
        }
        let size = self.window.sizes[self.rows];
        self.rows += 1;
        if self.rows > self.window.ahead {
            blurred.extend(self.sums.iter().map(|sum| sum / size));
        }
    }
}

/// How much detail there is: the reference's own measure.
fn quality(small: &Small) -> u32 {
    let step = |a: f32, b: f32| ((a - b) * 100.0 / 255.0).abs() as u32;
    let mut sum = 0;
    for i in 0..SMALL {
        for j in 0..SMALL {
            if i + 1 < SMALL {
                sum += step(small[i][j], small[i + 1][j]);
            }
            if j + 1 < SMALL {
                sum += step(small[i][j], small[i][j + 1]);
            }
        }
    }
    (sum / 90).min(100)
}

/// The lowest frequencies but the constant ones.
fn lowest(small: &Small) -> Low {
    let mut rows = [[0.0_f32; SMALL]; LOW];
    for (row, cosines) in rows.iter_mut().zip(COSINES.iter()) {
        for (line, cosine) in small.iter().zip(cosines) {
            row.iter_mut()
                .zip(line)
                .for_each(|(sum, value)| *sum += cosine * value);
        }
    }
    std::array::from_fn(|i| {
        std::array::from_fn(|j| {
            let pairs = rows[i].iter().zip(&COSINES[j]);
            pairs.fold(0.0, |sum, (value, cosine)| sum + value * cosine)
        })
    })
}

/// Each bit says whether its frequency is above the (lower) median.
fn bits(low: &Low) -> Pdq {
    let mut sorted: Vec<f32> = low.iter().flatten().copied().collect();
    let middle = sorted.len() / 2 - 1;
    let (_, median, _) = sorted.select_nth_unstable_by(middle, f32::total_cmp);
    let mut hash = Pdq::default();
    for (at, value) in low.iter().flatten().enumerate() {
        hash.0[at / 64] |= u64::from(*value > *median) << (at % 64);
    }
    hash
}

/// Turning or mirroring a picture changes signs of frequencies and swaps rows with columns.
fn turned(low: &Low) -> [Pdq; 8] {
    let make = |swap: bool, minus: &dyn Fn(usize, usize) -> bool| {
        let mut turned = [[0.0; LOW]; LOW];
        for (i, row) in low.iter().enumerate() {
            for (j, value) in row.iter().enumerate() {
                let value = if minus(i, j) { -value } else { *value };
                let (i, j) = if swap { (j, i) } else { (i, j) };
                turned[i][j] = value;
            }
        }
        bits(&turned)
    };
    let even = |at: usize| at.is_multiple_of(2);
    [
        make(false, &|_, _| false),
        make(true, &|_, j| even(j)),
        make(false, &|i, j| !even(i + j)),
        make(true, &|i, _| even(i)),
        make(false, &|i, _| even(i)),
        make(false, &|_, j| even(j)),
        make(true, &|_, _| false),
        make(true, &|i, j| !even(i + j)),
    ]
}
