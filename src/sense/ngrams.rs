//! [`ngrams`]: a text's character n-grams, hashed: what surface slang and disguise look like.

use crate::text::symbols;

/// Characters of an n-gram.
const ORDERS: std::ops::RangeInclusive<usize> = 2..=4;

/// Symbols of a text that are read; a window has at most 256.
pub const MAX_SYMBOLS: usize = 4096;

/// The bucket of every n-gram of the text's skeleton, in reading order; white space counts as one
/// space, and one stands at each end.
pub fn ngrams(text: &str, buckets: u32) -> Vec<u32> {
    let mut letters = vec![' '];
    for (symbol, _) in symbols(text).take(MAX_SYMBOLS) {
        match symbol.ch.is_whitespace() {
            true if letters.ends_with(&[' ']) => {}
            true => letters.push(' '),
            false => letters.push(symbol.ch),
        }
    }
    if !letters.ends_with(&[' ']) {
        letters.push(' ');
    }
    let mut found = Vec::with_capacity(letters.len() * 3);
    for order in ORDERS {
        let grams = letters.windows(order);
        found.extend(grams.map(|gram| (fnv(gram) % u64::from(buckets.max(1))) as u32));
    }
    found
}

/// FNV-1a over the UTF-8 bytes.
fn fnv(letters: &[char]) -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    for letter in letters {
        for &byte in letter.encode_utf8(&mut [0; 4]).as_bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }
    hash
}
