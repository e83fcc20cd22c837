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

/// Blurs and picks 64 x 64. What is not picked in the end is not worked out in the second pass; each
/// sum is added up in the reference's order, so that every bit is the reference's.
fn shrink(luma: &[f32], width: usize, height: usize) -> Small {
    let window = |side: usize| side.div_ceil(2 * SMALL);
    let pick = |at: usize, side: usize| ((at as f64 + 0.5) * side as f64 / SMALL as f64) as usize;
    let columns: [usize; SMALL] = std::array::from_fn(|at| pick(at, width));
    let across = steps(width, window(width));
    let down = steps(height, window(height));
    let mut rows = vec![0.0; luma.len()];
    blur_rows(luma, width, &across, &mut |row, at, value| {
        rows[row * width + at] = value;
    });
    let mut once = vec![0.0; luma.len()];
    blur_columns(&rows, width, &down, &mut |at, line| {
        once[at * width..(at + 1) * width].copy_from_slice(line);
    });
    let mut picked = vec![[0.0; SMALL]; height];
    let mut wanted = vec![Vec::new(); width];
    for (at, column) in columns.into_iter().enumerate() {
        wanted[column].push(at);
    }
    blur_rows(&once, width, &across, &mut |row, at, value| {
        for to in &wanted[at] {
            picked[row][*to] = value;
        }
    });
    let mut small = [[0.0; SMALL]; SMALL];
    blur_columns(picked.as_flattened(), SMALL, &down, &mut |at, line| {
        for (i, row) in small.iter_mut().enumerate() {
            if pick(i, height) == at {
                row.copy_from_slice(line);
            }
        }
    });
    small
}

/// One step of a box filter: the window gains the value at `gains`, loses that at `loses`, and its
/// average goes to `writes`.
#[derive(Clone, Copy)]
struct Step {
    gains: Option<usize>,
    loses: Option<usize>,
    writes: Option<usize>,
    size: f32,
}

/// The steps of a box filter over `length` values, smaller windows at both ends.
fn steps(length: usize, window: usize) -> Vec<Step> {
    let ahead = window / 2;
    let mut size = 0_u16;
    let steps = (0..length + ahead).map(|at| {
        let gains = (at < length).then_some(at);
        let loses = at.checked_sub(window);
        size = size + u16::from(gains.is_some()) - u16::from(loses.is_some());
        Step {
            gains,
            loses,
            writes: at.checked_sub(ahead),
            size: f32::from(size),
        }
    });
    steps.collect()
}

/// Rows side by side: each sum waits for itself, so that many at once cost what one does.
const ABREAST: usize = 8;

/// Blurs every row; `write` is told row, place and value.
fn blur_rows(
    from: &[f32],
    width: usize,
    steps: &[Step],
    write: &mut impl FnMut(usize, usize, f32),
) {
    for (block, rows) in from.chunks(width * ABREAST).enumerate() {
        let first = block * ABREAST;
        if rows.len() < width * ABREAST {
            for (at, row) in rows.chunks_exact(width).enumerate() {
                blur_abreast([row], first + at, steps, write);
            }
            continue;
        }
        let rows: [&[f32]; ABREAST] = std::array::from_fn(|at| &rows[at * width..(at + 1) * width]);
        blur_abreast(rows, first, steps, write);
    }
}

fn blur_abreast<const N: usize>(
    rows: [&[f32]; N],
    first: usize,
    steps: &[Step],
    write: &mut impl FnMut(usize, usize, f32),
) {
    let mut sums = [0.0; N];
    for step in steps {
        if let Some(gains) = step.gains {
            sums.iter_mut()
                .zip(rows)
                .for_each(|(sum, row)| *sum += row[gains]);
        }
        if let Some(loses) = step.loses {
            sums.iter_mut()
                .zip(rows)
                .for_each(|(sum, row)| *sum -= row[loses]);
        }
        if let Some(writes) = step.writes {
            for (at, sum) in sums.iter().enumerate() {
                write(first + at, writes, sum / step.size);
            }
        }
    }
}

/// Blurs all columns side by side: memory is read in its order. `write` is told a row and its values.
fn blur_columns(from: &[f32], width: usize, steps: &[Step], write: &mut impl FnMut(usize, &[f32])) {
    let row = |at: usize| &from[at * width..(at + 1) * width];
    let (mut sums, mut line) = (vec![0.0_f32; width], vec![0.0_f32; width]);
    for step in steps {
        let size = step.size;
        match (step.gains, step.loses) {
            (Some(gains), Some(loses)) => {
                let both = row(gains).iter().zip(row(loses));
                for ((sum, value), (gain, lose)) in sums.iter_mut().zip(&mut line).zip(both) {
                    *sum = *sum + gain - lose;
                    *value = *sum / size;
                }
            }
            (gains, loses) => {
                if let Some(gains) = gains {
                    sums.iter_mut()
                        .zip(row(gains))
                        .for_each(|(sum, gain)| *sum += gain);
                }
                if let Some(loses) = loses {
                    sums.iter_mut()
                        .zip(row(loses))
                        .for_each(|(sum, lose)| *sum -= lose);
                }
                line.iter_mut()
                    .zip(&sums)
                    .for_each(|(value, sum)| *value = sum / size);
            }
        }
        if let Some(writes) = step.writes {
            write(writes, &line);
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
