//! QR codes in a picture, read as text.
//!
//! Limit: QR only, no bar codes of other kinds. A code is looked for in the picture as it is, and
//! smaller where it is large: a code that fills a screen is read faster and no worse.

/// Pixels of a side that are looked at: a code's smallest module then has a pixel or two left.
const MAX_SIDE: usize = 1024;
/// Codes of one frame.
const MAX_CODES: usize = 32;

/// What the codes of a picture say. Bytes that are no UTF-8 are replaced.
pub fn read(luma: &[f32], width: usize, height: usize) -> Vec<String> {
    let step = width.max(height).div_ceil(MAX_SIDE).max(1);
    let found = at_scale(luma, (width, height), step);
    match (found.is_empty(), step) {
        // Codes too small for the reduced picture are read at half the reduction.
        (true, 2..) => at_scale(luma, (width, height), step / 2),
        _ => found,
    }
}

fn at_scale(luma: &[f32], (width, height): (usize, usize), step: usize) -> Vec<String> {
    let (columns, rows) = (width / step, height / step);
    if columns == 0 || rows == 0 {
        return Vec::new();
    }
    let area = (step * step) as f32;
    let average = |x: usize, y: usize| {
        let rows = (y * step..(y + 1) * step).map(|row| row * width + x * step);
        let sum: f32 = rows
            .map(|from| luma[from..from + step].iter().sum::<f32>())
            .sum();
        (sum / area) as u8
    };
    let mut picture = rqrr::PreparedImage::prepare_from_greyscale(columns, rows, average);
    let mut codes = Vec::new();
    for grid in picture.detect_grids().iter().take(MAX_CODES) {
        let mut bytes = Vec::new();
        if grid.decode_to(&mut bytes).is_ok() {
            codes.push(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    codes
}
