//! [`Tape`]: the last symbols that a lane has read, each with its original bytes; [`Window`]: the
//! tape as it was when one of them was the newest.
//!
//! A lane reads in batches: symbols are written to the tape first, then each detector walks over
//! the new ones in a tight loop of its own. What a detector sees at a symbol is the window that
//! ends there, so that how the text was cut into batches cannot be seen.

use super::word::{letter, letters};
use crate::text::Symbol;
use crate::text::fold::{self, Reading};

/// One symbol as a lane reads it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// The folded symbol.
    pub symbol: Symbol,
    /// The character that it comes from.
    pub original: char,
    /// First byte of that character.
    pub start: u32,
    /// One past its last byte.
    pub end: u32,
}

/// Symbols a window shows: the longest term ([`super::lexicon::MAX_TERM_SYMBOLS`]), the contexts
/// of an age and of an alignment fit.
const KEPT: usize = 256;

/// Symbols after which the tape is cut back to [`KEPT`]: rarely enough to cost nothing.
const FULL: usize = 4 * KEPT;

/// The last symbols of a lane.
#[derive(Debug, Default)]
pub(super) struct Tape {
    seen: Vec<Seen>,
    /// What each of them is to words ([`letter`]), of the last ones only where [`Tape::level`] was called.
    letters: Vec<u8>,
    /// Index in the lane of the first symbol kept.
    base: u32,
}

impl Tape {
    /// Writes one symbol.
    #[inline]
    pub(super) fn push(&mut self, seen: Seen) {
        self.seen.push(seen);
    }

    /// Writes the characters of ASCII that these bytes begin with and that are symbols, of which
    /// the first is at byte `start`; returns how many there were.
    pub(super) fn push_ascii(&mut self, bytes: &[u8], start: u32) -> usize {
        self.level();
        let symbols = fold::ascii();
        let plain = &bytes[..fold::plain_ascii(bytes)];
        self.seen
            .extend((start..).zip(plain).map(|(start, &byte)| Seen {
                symbol: symbols[usize::from(byte & 0x7F)],
                original: char::from(byte),
                start,
                end: start + 1,
            }));
        letters(plain, &mut self.letters);
        plain.len()
    }

    /// Writes the characters beyond ASCII that a text begins with and that are one symbol each, of
    /// which the first is at byte `start`: at most so many, and none that starts at byte `until` or
    /// later. Returns the number of bytes.
    pub(super) fn push_wide(&mut self, text: &str, start: u32, most: usize, until: u32) -> usize {
        let mut end = start;
        for original in text.chars().take(most) {
            if original.is_ascii() || end >= until {
                break;
            }
            let Reading::One(symbol) = fold::read(original) else {
                break;
            };
            let start = end;
            end += original.len_utf8() as u32;
            self.seen.push(Seen {
                symbol,
                original,
                start,
                end,
            });
        }
        (end - start) as usize
    }

    /// Symbols written so far.
    #[inline]
    pub(super) fn len(&self) -> u32 {
        self.base + self.seen.len() as u32
    }

    /// The window whose newest symbol is the one before `next`.
    #[inline]
    pub(super) fn before(&self, next: u32) -> Window<'_> {
        Window {
            seen: &self.seen[..(next - self.base) as usize],
            base: self.base,
        }
    }

    /// The window whose newest symbol is the one written last.
    pub(super) fn whole(&self) -> Window<'_> {
        self.before(self.len())
    }

    /// The symbols from this index on, which has to be one of the last [`KEPT`].
    #[inline]
    pub(super) fn from(&self, index: u32) -> &[Seen] {
        &self.seen[(index - self.base) as usize..]
    }

    /// Notes what symbols are to words of which that is not known yet.
    #[inline]
    pub(super) fn level(&mut self) {
        let fresh = &self.seen[self.letters.len()..];
        self.letters
            .extend(fresh.iter().map(|seen| letter(seen.symbol.ch)));
    }

    /// What the symbols from this index on, one of the last [`KEPT`], are to words, as far as [`Tape::level`]
    /// has noted it.
    #[inline]
    pub(super) fn letters(&self, index: u32) -> &[u8] {
        &self.letters[(index - self.base) as usize..]
    }

    /// Forgets what no window shows any more, once it is much.
    #[inline]
    pub(super) fn trim(&mut self) {
        if self.seen.len() >= FULL {
            let old = self.seen.len() - KEPT;
            self.seen.drain(..old);
            self.letters.drain(..old);
            self.base += old as u32;
        }
    }
}

/// The last [`KEPT`] symbols up to one place, addressed by their index in the lane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window<'t> {
    seen: &'t [Seen],
    base: u32,
}

impl<'t> Window<'t> {
    /// The newest symbol.
    #[inline]
    pub(super) fn newest(&self) -> &'t Seen {
        &self.seen[self.seen.len() - 1]
    }

    /// The newest symbol, if there is any.
    pub(super) fn last(&self) -> Option<&'t Seen> {
        self.seen.last()
    }

    /// The symbol before the newest one.
    #[inline]
    pub(super) fn before_newest(&self) -> Option<&'t Seen> {
        self.seen.get(self.seen.len().checked_sub(2)?)
    }

    /// Symbols of the lane up to here.
    #[inline]
    pub(super) fn len(&self) -> u32 {
        self.base + self.seen.len() as u32
    }

    /// The symbol with this index, if it is one of the last [`KEPT`].
    #[inline]
    pub(super) fn get(&self, index: u32) -> Option<&'t Seen> {
        let back = self.len().checked_sub(index)?;
        if back as usize > KEPT {
            return None;
        }
        self.seen.get(self.seen.len().checked_sub(back as usize)?)
    }

    /// Whether symbols `from..to` came as exactly these characters, with nothing dropped between.
    pub(super) fn spells(&self, from: u32, to: u32, written: &str) -> bool {
        let Some(symbols) = self.between(from, to) else {
            return false;
        };
        let mut follows = symbols.first().map_or(0, |first| first.start);
        let mut left = symbols.iter();
        let same = written.chars().all(|c| {
            let next = left.next();
            let next = next.filter(|seen| seen.original == c && seen.start == follows);
            next.inspect(|seen| follows = seen.end).is_some()
        });
        same && left.len() == 0
    }

    /// Symbols `from..to`, if they are among the last [`KEPT`].
    #[inline]
    fn between(&self, from: u32, to: u32) -> Option<&'t [Seen]> {
        let length = self.seen.len();
        let back = |index: u32| self.len().checked_sub(index).map(|back| back as usize);
        let (first, last) = (back(from)?, back(to)?);
        if first > KEPT {
            return None;
        }
        self.seen
            .get(length.checked_sub(first)?..length.checked_sub(last)?)
    }
}
