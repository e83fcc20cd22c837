//! Where in plain text a code may begin: a look at 64 bytes at a time, without a branch per byte.

use std::borrow::Cow;

use super::decode::REACH;
use super::layer::is_token;
use super::stretch::Past;
use crate::wide::wide;

/// Bytes looked at together.
pub(super) const BLOCK: usize = 64;

/// The first byte from `from` on that may begin a code, or that tells a token from a word;
/// `last` is the byte before `bytes` (0 at the start of a text).
pub(super) fn next(bytes: &[u8], last: u8, from: usize) -> Option<usize> {
    let mut at = from;
    if at == 0 {
        if telling(last, *bytes.first()?) {
            return Some(0);
        }
        at = 1;
    }
    while at < bytes.len() {
        at += quiet(&bytes[at - 1..]);
        if at == bytes.len() {
            break;
        }
        let before = block(&bytes[at - 1..]);
        let block = block(&bytes[at..]);
        if any(&before, &block) {
            let here = before.iter().zip(block.iter());
            let found = here.map(|(&before, &byte)| telling(before, byte));
            return found
                .enumerate()
                .find(|found| found.1)
                .map(|found| at + found.0);
        }
        at += BLOCK;
    }
    None
}

wide! {
    /// How many of these bytes from the second on tell nothing: as many blocks as there are before the first that does.
    fn quiet<'b>(bytes: &'b [u8]) -> usize {
        let mut at = 0;
        while let Some(pair) = bytes[at..].first_chunk::<{ BLOCK + 1 }>() {
            let mut found = 0;
            for place in 0..BLOCK {
                found |= u8::from(telling(pair[place], pair[place + 1]));
            }
            if found != 0 {
                break;
            }
            at += BLOCK;
        }
        at
    }
}

/// The next bytes; zeros, which tell nothing, after the end.
#[inline(always)]
pub(super) fn block(bytes: &[u8]) -> Cow<'_, [u8; BLOCK]> {
    match bytes.first_chunk() {
        Some(block) => Cow::Borrowed(block),
        None => {
            let mut block = [0; BLOCK];
            block[..bytes.len()].copy_from_slice(bytes);
            Cow::Owned(block)
        }
    }
}

/// Compiles to vector instructions.
fn any(before: &[u8; BLOCK], block: &[u8; BLOCK]) -> bool {
    let mut found = false;
    for (&before, &byte) in before.iter().zip(block) {
        found |= telling(before, byte);
    }
    found
}

/// Whether a byte after `before` may begin a code or tell a token from a word: a digit, an inner
/// capital, `%`, `&`, `\`, what may follow `=` in quoted-printable, a dot or dash that follows no
/// letter.
#[inline(always)]
const fn telling(before: u8, byte: u8) -> bool {
    let digit = byte.wrapping_sub(b'0') < 10;
    let capital = (byte.wrapping_sub(b'A') < 26) & (before >= b'A');
    let sign = (byte.wrapping_sub(b'%') < 2) | (byte == b'\\');
    let quoted = (byte.wrapping_sub(b'A') < 6) | (byte.wrapping_sub(b'\n') < 4);
    let dot = (byte.wrapping_sub(b'-') < 2) & begins_morse(before);
    digit | capital | sign | (quoted & (before == b'=')) | dot
}

/// Whether a dot or dash after this byte may begin Morse: it is no letter.
#[inline(always)]
pub(super) const fn begins_morse(before: u8) -> bool {
    before.wrapping_sub(b';') >= 0x80 - b';'
}

/// How many characters before the one at `at` belong to its token, of at most `most` bytes and up
/// to [`REACH`], which stands for "too many"; and the character before those.
pub(super) fn token(past: &Past<'_>, at: usize, most: usize) -> (usize, char) {
    let mut back = past.back(at);
    let mut last = back.next().unwrap_or('\0');
    if most == 0 {
        return (0, last);
    }
    if last == '=' {
        return (1, back.next().unwrap_or('\0'));
    }
    let mut count = 0;
    while count < most.min(REACH) && is_token(last) {
        count += 1;
        last = back.next().unwrap_or('\0');
    }
    (count, last)
}
