//! [`Clause`]: one arm of a condition in its normal form, which has an anchor.
//!
//! Made by [`super::normal`], judged by [`super::ledger`].

use super::context::Contexts;
use crate::detect::SignalId;

/// Something that hits make true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Atom {
    /// One of the signals was seen in the turn (or carried).
    Any(Vec<SignalId>),
    /// One of the signals at most so many symbols from the anchor.
    Near(Vec<SignalId>, u32),
    /// At least so many hits of the signals.
    Count(Vec<SignalId>, u32),
    /// One of the first, then one of the second, at most so many symbols apart.
    InOrder(Vec<SignalId>, Vec<SignalId>, u32),
}

impl Atom {
    /// Whether a hit of the signal matters.
    pub fn reads(&self, signal: SignalId) -> bool {
        match self {
            Self::Any(names) | Self::Near(names, _) | Self::Count(names, _) => {
                names.contains(&signal)
            }
            Self::InOrder(first, second, _) => first.contains(&signal) || second.contains(&signal),
        }
    }

    /// The signals, in no order.
    pub fn signals(&self) -> impl Iterator<Item = SignalId> + '_ {
        let (first, second): (&[SignalId], &[SignalId]) = match self {
            Self::Any(names) | Self::Near(names, _) | Self::Count(names, _) => (names, &[]),
            Self::InOrder(first, second, _) => (first, second),
        };
        first.iter().chain(second).copied()
    }

    /// The signals whose hits can be the anchor; a `near` is measured from one and has none.
    pub(super) fn anchors(&self) -> Option<&[SignalId]> {
        match self {
            Self::Any(names) | Self::Count(names, _) | Self::InOrder(names, _, _) => Some(names),
            Self::Near(..) => None,
        }
    }
}

/// One arm of a condition: all of `need`, none of `unless`, in some contexts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// Where it can hold at all.
    pub contexts: Contexts,
    /// Signals whose hits are candidates.
    pub anchors: Vec<SignalId>,
    /// What has to be seen.
    pub need: Vec<Atom>,
    /// What excuses.
    pub unless: Vec<Atom>,
}

impl Clause {
    /// Every signal that the clause reads.
    pub fn signals(&self) -> impl Iterator<Item = SignalId> + '_ {
        self.need.iter().chain(&self.unless).flat_map(Atom::signals)
    }

    /// Everything that has to be seen, and what of it is measured from the anchor, one bit each.
    pub(super) fn needs(&self) -> (u32, u32) {
        let bits = |is: fn(&Atom) -> bool| {
            let atoms = self.need.iter().enumerate().filter(|(_, atom)| is(atom));
            atoms.fold(0, |bits, (bit, _)| bits | 1 << bit)
        };
        (bits(|_| true), bits(|atom| matches!(atom, Atom::Near(..))))
    }

    /// Whether this clause holds wherever `other` holds, and no later.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.anchors == other.anchors
            && self.need.iter().all(|atom| other.need.contains(atom))
            && self.unless.iter().all(|atom| other.unless.contains(atom))
    }
}
