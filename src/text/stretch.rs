//! [`Stretch`]: which plain characters belong to a code, and the memory from which those before
//! it are replayed.

use std::collections::VecDeque;

use super::decode::{REACH, Spelled};

/// The text before a place: what is kept of earlier pieces, then the current piece.
pub(super) struct Past<'a> {
    before: &'a str,
    piece: &'a str,
    /// Original byte at which the piece starts.
    base: u32,
}

impl<'a> Past<'a> {
    pub(super) fn new(before: &'a str, piece: &'a str, base: u32) -> Self {
        Self {
            before,
            piece,
            base,
        }
    }

    /// The characters before byte `at` of the piece, last one first.
    pub(super) fn back(&self, at: usize) -> impl Iterator<Item = char> + 'a {
        let piece = self.piece[..at].chars().rev();
        piece.chain(self.before.chars().rev())
    }

    /// The same before an original byte, which may lie before the piece.
    fn before(&self, byte: u32) -> impl Iterator<Item = char> + 'a {
        let known = self.before.len() + self.piece.len();
        let at = (byte + self.before.len() as u32).saturating_sub(self.base) as usize;
        let at = at.min(known);
        let earlier = &self.before[..at.min(self.before.len())];
        let piece = &self.piece[..at.saturating_sub(self.before.len())];
        piece.chars().rev().chain(earlier.chars().rev())
    }
}

/// Follows how near the last code is.
#[derive(Debug, Default)]
pub(super) struct Stretch {
    /// The last characters that the outermost layer gave.
    ring: VecDeque<Spelled>,
    /// Where reading character by character began; text before is not in the ring yet.
    entry: Option<u32>,
    live: bool,
    /// Plain characters since the last code.
    since: usize,
}

impl Stretch {
    /// Reading character by character begins at this original byte.
    pub(super) fn enter(&mut self, at: u32) {
        self.ring.clear();
        self.entry = Some(at);
    }

    pub(super) const fn is_live(&self) -> bool {
        self.live
    }

    /// First byte of what would be replayed.
    pub(super) fn earliest(&self) -> Option<u32> {
        self.ring.front().map(|unit| unit.span.start)
    }

    /// Completes the ring from the text before the entry.
    pub(super) fn fill(&mut self, past: &Past<'_>) {
        let Some(mut start) = self.entry.take() else {
            return;
        };
        let missing = REACH - self.ring.len();
        for c in past.before(start).take(missing) {
            start -= c.len_utf8() as u32;
            self.ring.push_front(Spelled::plain(c, start));
        }
    }

    /// The next character; appends what belongs to the stretch. Whether the stretch ends with it.
    pub(super) fn push(&mut self, unit: Spelled, out: &mut Vec<Spelled>) -> bool {
        let mut ends = false;
        if unit.layers > 0 {
            let fresh = !self.live;
            if fresh {
                let from = out.len();
                out.extend(&self.ring);
                out.push(unit);
                out[from].fresh = true;
            } else {
                out.push(unit);
            }
            (self.live, self.since) = (true, 0);
        } else if self.live {
            out.push(unit);
            self.since += 1;
            ends = self.since == REACH;
            self.live = !ends;
        }
        if self.ring.len() == REACH {
            self.ring.pop_front();
        }
        self.ring.push_back(unit);
        ends
    }
}
