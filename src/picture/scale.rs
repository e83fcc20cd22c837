//! Pictures made smaller or larger as Pillow does it (`resize`, bilinear), to the bit: a tent as wide
//! as the reduction, in whole numbers, first along rows, then along columns.

use super::Frame;

/// Bits behind the point of a weight: those of a product of bytes that 32 bits leave, less two.
const BITS: u32 = 32 - 8 - 2;

/// What one pixel of the result is made of: from which pixel on, and the weight of each.
struct Tap {
    from: usize,
    weights: Vec<i32>,
}

/// A frame of at most so many pixels: smaller if it has more.
pub fn at_most(frame: &Frame, most: u64) -> Frame {
    let pixels = u64::from(frame.width) * u64::from(frame.height);
    if pixels <= most {
        return frame.clone();
    }
    let by = (most as f64 / pixels as f64).sqrt();
    let side = |side: u32| ((f64::from(side) * by) as u32).max(1);
    resized(frame, (side(frame.width), side(frame.height)))
}

/// A frame of that width and height.
pub fn resized(frame: &Frame, (width, height): (u32, u32)) -> Frame {
    let size = |width: u32, height: u32| (width as usize, height as usize);
    let from = size(frame.width, frame.height);
    Frame {
        width,
        height,
        rgb: bilinear(&frame.rgb, from, size(width, height)),
    }
}

/// Scales red, green and blue, row by row. Sides are (width, height) and none is zero.
pub fn bilinear(
    rgb: &[u8],
    (width, height): (usize, usize),
    (wide, high): (usize, usize),
) -> Vec<u8> {
    let across = taps(width, wide);
    let mut narrow = Vec::with_capacity(wide * height * 3);
    for row in rgb.chunks_exact(width * 3) {
        for tap in &across {
            narrow.extend(mixed(tap, |at, color| row[at * 3 + color]));
        }
    }
    let mut scaled = Vec::with_capacity(wide * high * 3);
    for tap in &taps(height, high) {
        for column in 0..wide {
            scaled.extend(mixed(tap, |at, color| {
                narrow[(at * wide + column) * 3 + color]
            }));
        }
    }
    scaled
}

fn mixed(tap: &Tap, value: impl Fn(usize, usize) -> u8) -> [u8; 3] {
    [0, 1, 2].map(|color| {
        let weights = tap.weights.iter().enumerate();
        let sum: i32 = weights
            .map(|(at, weight)| weight * i32::from(value(tap.from + at, color)))
            .sum();
        ((sum + (1 << (BITS - 1))) >> BITS).clamp(0, 255) as u8
    })
}

fn taps(from: usize, to: usize) -> Vec<Tap> {
    let scale = from as f64 / to as f64;
    let reach = scale.max(1.0);
    let tap = |at: usize| {
        let center = (at as f64 + 0.5) * scale;
        let first = ((center - reach + 0.5) as usize).min(from);
        let last = ((center + reach + 0.5) as usize).min(from);
        let tent = |at: usize| (1.0 - ((at as f64 - center + 0.5) / reach).abs()).max(0.0);
        let weights: Vec<f64> = (first..last).map(tent).collect();
        let sum: f64 = weights.iter().sum();
        let whole = |weight: &f64| (weight / sum * f64::from(1 << BITS)).round() as i32;
        Tap {
            from: first,
            weights: weights.iter().map(whole).collect(),
        }
    };
    (0..to).map(tap).collect()
}
