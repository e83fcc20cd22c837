//! Words that announce a cipher, in English and Chinese, found at the speed of a copy.
//!
//! A look at 64 bytes at a time asks for two or three bytes in a row that little but these words
//! holds; only then are the bytes before compared with the stems. A stem may need a character after
//! it ([`Follows`]).

use super::sift::BLOCK;
use crate::wide::wide;

/// Bytes of the longest stem, and of what must not stand before it.
pub(super) const LONGEST: usize = 8;

/// Bytes of a block that are looked at together once more, where something in the block may end a stem.
const NARROW: usize = 16;

/// What an announcing word promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Promise {
    /// A cipher by name: `rot13`, Caesar, Atbash.
    Cipher,
    /// Perhaps one: decode, reversed, password.
    Perhaps,
}

/// What has to follow a stem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Follows {
    /// Anything.
    Any,
    /// One of these characters.
    One(&'static str),
}

/// A stem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stem {
    text: &'static str,
    pub promise: Promise,
    pub follows: Follows,
}

const fn stem(text: &'static str, promise: Promise) -> Stem {
    Stem {
        text,
        promise,
        follows: Follows::Any,
    }
}

/// What follows "turn", "backward" and "counter-" when the order of reading is meant.
const TURN: Follows = Follows::One("着过序向读念写转置");

/// The stem before which its word may have begun.
const DECIPHERED: &str = "ciph";

/// Every stem in lower case; each ends in what [`telling`] asks for.
const STEMS: [Stem; 27] = [
    stem("rot-", Promise::Cipher),
    stem("rot0", Promise::Cipher),
    stem("rot1", Promise::Cipher),
    stem("rot2", Promise::Cipher),
    stem("rot3", Promise::Cipher),
    stem("rot4", Promise::Cipher),
    stem("rot5", Promise::Cipher),
    stem("rot6", Promise::Cipher),
    stem("rot7", Promise::Cipher),
    stem("rot8", Promise::Cipher),
    stem("rot9", Promise::Cipher),
    stem("cae", Promise::Cipher),
    stem("atb", Promise::Cipher),
    stem(DECIPHERED, Promise::Cipher),
    stem("凯撒", Promise::Cipher),
    stem("恺撒", Promise::Cipher),
    stem("decod", Promise::Perhaps),
    stem("encod", Promise::Perhaps),
    stem("backw", Promise::Perhaps),
    stem("reverse", Promise::Perhaps),
    stem("密码", Promise::Perhaps),
    stem("解码", Promise::Perhaps),
    stem("解密", Promise::Perhaps),
    Stem {
        text: "暗",
        promise: Promise::Perhaps,
        follows: Follows::One("号语文"),
    },
    Stem {
        text: "倒",
        promise: Promise::Perhaps,
        follows: TURN,
    },
    Stem {
        text: "反",
        promise: Promise::Perhaps,
        follows: TURN,
    },
    Stem {
        text: "逆",
        promise: Promise::Perhaps,
        follows: TURN,
    },
];

/// The first stem that ends after `from` and within `bytes`: one past its end, and the stem.
/// `before` are the bytes before `bytes`, the last [`LONGEST`] at least.
pub(super) fn next(before: &[u8], bytes: &[u8], from: usize) -> Option<(usize, Stem)> {
    let byte = |at: usize, back: usize| match at.checked_sub(back) {
        Some(at) => bytes[at],
        None => before
            .len()
            .checked_sub(back - at)
            .map_or(0, |at| before[at]),
    };
    let mut at = from;
    while at < bytes.len() {
        if at >= 2 {
            at += quiet(&bytes[at - 2..]);
        }
        // The first two bytes have neighbours in the piece before.
        let end = if at < 2 { 2 } else { at + BLOCK }.min(bytes.len());
        let from = if at < 2 {
            at
        } else {
            at + first(bytes, at).min(end - at)
        };
        for from in (from..end).step_by(NARROW) {
            if from >= 2 && is_quiet(bytes, from) {
                continue;
            }
            for at in from..end.min(from + NARROW) {
                if telling(byte(at, 2), byte(at, 1), byte(at, 0))
                    && let Some(stem) = ending(|back| byte(at, back))
                {
                    return Some((at + 1, stem));
                }
            }
        }
        at = end;
    }
    None
}

wide! {
    /// How many of these bytes from the third on certainly end no stem: as many blocks as there are before the first
    /// that may.
    fn quiet<'b>(bytes: &'b [u8]) -> usize {
        let mut at = 0;
        while let Some(block) = bytes[at..].first_chunk::<{ BLOCK + 2 }>() {
            if any(block) {
                break;
            }
            at += BLOCK;
        }
        at
    }
}

/// How many of the bytes from `at` on certainly end no stem: all of a block, or none.
#[inline(always)]
fn first(bytes: &[u8], at: usize) -> usize {
    let found = match bytes[at - 2..].first_chunk::<{ BLOCK + 2 }>() {
        Some(block) => any(block),
        None => {
            let mut block = [0; BLOCK + 2];
            let rest = &bytes[at - 2..];
            block[..rest.len()].copy_from_slice(rest);
            any(&block)
        }
    };
    if found { 0 } else { BLOCK }
}

/// Whether none of [`NARROW`] bytes ends a stem for certain, which are not the first two.
#[inline(always)]
fn is_quiet(bytes: &[u8], at: usize) -> bool {
    let block = bytes[at - 2..].first_chunk::<{ NARROW + 2 }>();
    block.is_some_and(|block| !any(block))
}

/// Compiles to vector instructions.
#[inline(always)]
fn any<const LENGTH: usize>(bytes: &[u8; LENGTH]) -> bool {
    let (mut some, mut all) = (0, 0xFF);
    for byte in bytes {
        some |= byte;
        all &= byte;
    }
    let mut found = 0;
    if all < 0x80 {
        for at in 0..LENGTH - 2 {
            found |= u8::from(latin(
                bytes[at] | 0x20,
                bytes[at + 1] | 0x20,
                bytes[at + 2] | 0x20,
            ));
        }
    }
    if some >= 0x80 {
        for at in 0..LENGTH - 2 {
            found |= u8::from(han(bytes[at], bytes[at + 1], bytes[at + 2]));
        }
    }
    found > 0
}

/// Whether a stem may end with these bytes.
#[inline(always)]
const fn telling(a: u8, b: u8, c: u8) -> bool {
    latin(a | 0x20, b | 0x20, c | 0x20) | han(a, b, c)
}

/// The ends of the Latin stems, in lower case: bit 5 is set, which leaves `-` and digits alone.
#[inline(always)]
const fn latin(a: u8, b: u8, c: u8) -> bool {
    let rot = (b == b't') & ((c.wrapping_sub(b'0') < 10) | (c == b'-'));
    let pairs = ((b == b'a') & (c == b'e'))
        | ((b == b't') & (c == b'b'))
        | ((b == b'k') & (c == b'w'))
        | ((b == b'p') & (c == b'h') & (a == b'i'));
    let triples =
        ((a == b'c') & (b == b'o') & (c == b'd')) | ((a == b'r') & (b == b's') & (c == b'e'));
    rot | pairs | triples
}

/// 码, 撒, 暗, 倒, 逆, 反 and 密.
#[inline(always)]
const fn han(a: u8, b: u8, c: u8) -> bool {
    ((a == 0xE7) & (b == 0xA0) & (c == 0x81))
        | ((a == 0xE6) & (((b == 0x92) & (c == 0x92)) | ((b == 0x9A) & (c == 0x97))))
        | ((a == 0xE5)
            & (((b == 0x80) & (c == 0x92))
                | ((b == 0x8F) & (c == 0x8D))
                | ((b == 0xAF) & (c == 0x86))))
        | ((a == 0xE9) & (b == 0x80) & (c == 0x86))
}

/// The stem that ends here; `byte(n)` is the byte n before the last. A Latin one begins its word,
/// or follows a prefix of it ("deciphered").
fn ending(byte: impl Fn(usize) -> u8) -> Option<Stem> {
    STEMS.into_iter().find(|stem| {
        let length = stem.text.len();
        let mut known = stem.text.bytes().rev().enumerate();
        let same = known.all(|(back, known)| byte(back).to_ascii_lowercase() == known);
        let within = byte(0).is_ascii() && byte(length).is_ascii_alphabetic();
        same && (!within || stem.text == DECIPHERED)
    })
}
