//! [`Mark`]: a hit as a ledger keeps it, and how redactions move it.

use crate::detect::SignalSet;
use crate::text::{Span, ViewKind};

/// A hit in the ledger. Positions count through all parts of the turn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mark {
    /// Order of arrival.
    pub id: u32,
    pub signals: SignalSet,
    pub part: u32,
    pub span: Span,
    pub from: u32,
    pub to: u32,
    /// How far the text had been read on arrival.
    pub now: u32,
    pub view: ViewKind,
    pub score: f32,
}

impl Mark {
    /// Symbols between two hits; 0 if they touch or overlap.
    pub fn gap(&self, other: &Self) -> u32 {
        let (first, second) = if self.from <= other.from {
            (self, other)
        } else {
            (other, self)
        };
        second.from.saturating_sub(first.to)
    }

    /// Stands where a cut before it leaves it.
    pub fn shift(&mut self, cut: Cut) {
        (self.from, self.to) = (cut.moved(self.from), cut.moved(self.to));
        self.now = cut.moved(self.now);
    }

    /// Byte of `part` at which the hit starts; 0 if it lies in an earlier part.
    pub const fn start_in(&self, part: u32) -> u32 {
        if self.part == part {
            self.span.start
        } else {
            0
        }
    }
}

/// A redaction that is shorter than what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    /// Where the redacted text ended.
    pub at: u32,
    /// Symbols that the reader sees fewer.
    pub by: u32,
}

impl Cut {
    /// Where a place is now.
    pub const fn moved(self, place: u32) -> u32 {
        if place >= self.at {
            place.saturating_sub(self.by)
        } else {
            place
        }
    }
}
