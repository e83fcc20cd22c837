//! [`Window`]: the last symbols that a lane has read, each with its original bytes.

use crate::text::{Class, Symbol};

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
    /// Symbols of the skeleton before it: its own index in the skeleton lane, that of its
    /// neighbourhood in the hidden lane.
    pub at: u32,
}

/// Symbols kept: the longest term ([`super::lexicon::MAX_TERM_SYMBOLS`]) and the contexts of an
/// age fit. A power of two, so that an index is one `and`.
const KEPT: usize = 256;

/// A ring of the last [`KEPT`] symbols, addressed by their index in the lane.
#[derive(Debug)]
pub(super) struct Window {
    ring: Box<[Seen; KEPT]>,
    next: u32,
}

impl Window {
    pub(super) fn new() -> Self {
        let nothing = Seen {
            symbol: Symbol {
                ch: ' ',
                class: Class::Space,
            },
            original: ' ',
            start: 0,
            end: 0,
            at: 0,
        };
        Self {
            ring: Box::new([nothing; KEPT]),
            next: 0,
        }
    }

    /// Field by field: a whole [`Seen`] on its way through memory costs more than all else here.
    #[inline]
    pub(super) fn push(&mut self, symbol: Symbol, original: char, bytes: (u32, u32), at: u32) {
        let seen = &mut self.ring[self.next as usize % KEPT];
        seen.symbol.ch = symbol.ch;
        seen.symbol.class = symbol.class;
        seen.original = original;
        (seen.start, seen.end) = bytes;
        seen.at = at;
        self.next += 1;
    }

    /// The symbol read last.
    #[inline]
    pub(super) fn newest(&self) -> &Seen {
        &self.ring[self.next.wrapping_sub(1) as usize % KEPT]
    }

    /// Symbols read so far.
    #[inline]
    pub(super) fn len(&self) -> u32 {
        self.next
    }

    /// The symbol with this index, if it is still there.
    pub(super) fn get(&self, index: u32) -> Option<&Seen> {
        (index < self.next && self.next - index <= KEPT as u32)
            .then(|| &self.ring[index as usize % KEPT])
    }

    /// Whether symbols `from..to` came as exactly these characters, with nothing dropped between.
    pub(super) fn spells(&self, from: u32, to: u32, written: &str) -> bool {
        let mut index = from;
        let mut follows = None;
        for c in written.chars() {
            let Some(seen) = self.get(index) else {
                return false;
            };
            if seen.original != c || follows.is_some_and(|end| end != seen.start) {
                return false;
            }
            follows = Some(seen.end);
            index += 1;
        }
        index == to
    }
}
