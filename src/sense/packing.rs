//! How rows of small numbers lie in the binary: six bits a number where that is enough, seven where a row
//! was trained further. Planes of bits, so that a row is unpacked by loops over whole registers.
//!
//! `build.rs` packs with this file too, so it knows nothing else of the crate.

/// Numbers of a row.
pub const NUMBERS: usize = 512;

/// Bytes of a row of six bits: three planes of numbers, whose spare two bits together hold the fourth.
pub const SIX: usize = 3 * QUARTER;

/// Bytes of a row of seven: behind the six the highest bits, eight planes of them.
pub const SEVEN: usize = SIX + EIGHTH;

const QUARTER: usize = NUMBERS / 4;
const EIGHTH: usize = NUMBERS / 8;

/// Appends a row, and says whether it needed seven bits; `None` if seven are too few.
pub fn pack(row: &[u8; NUMBERS], out: &mut Vec<u8>) -> Option<bool> {
    let most = row.iter().copied().max().unwrap_or_default();
    if most > 127 {
        return None;
    }
    for plane in 0..3 {
        let spare = |at: usize| (row[3 * QUARTER + at] >> (2 * plane)) & 3;
        out.extend((0..QUARTER).map(|at| row[plane * QUARTER + at] & 63 | spare(at) << 6));
    }
    if most > 63 {
        let high = |at: usize| (0..8).map(move |plane| (row[plane * EIGHTH + at] >> 6) << plane);
        out.extend((0..EIGHTH).map(|at| high(at).sum::<u8>()));
    }
    Some(most > 63)
}

/// The numbers of a packed row, of [`SIX`] or [`SEVEN`] bytes.
#[inline(always)]
pub fn unpack(packed: &[u8], row: &mut [u8; NUMBERS]) {
    let (planes, high) = packed.split_at(SIX);
    let (numbers, fourth) = row.split_at_mut(SIX);
    for (number, &byte) in numbers.iter_mut().zip(planes) {
        *number = byte & 63;
    }
    let (first, rest) = planes.split_at(QUARTER);
    let (second, third) = rest.split_at(QUARTER);
    for (((number, one), two), three) in fourth.iter_mut().zip(first).zip(second).zip(third) {
        *number = one >> 6 | (two >> 6) << 2 | (three >> 6) << 4;
    }
    if high.len() == EIGHTH {
        for (plane, numbers) in row.chunks_exact_mut(EIGHTH).enumerate() {
            for (number, &bits) in numbers.iter_mut().zip(high) {
                *number |= ((bits >> plane) & 1) << 6;
            }
        }
    }
}
