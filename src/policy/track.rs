//! [`Track`]: where one clause stands in a turn, and [`Pending`]: what it said and may yet take back.

use super::clause::{Atom, Clause};
use super::frame::Frame;
use super::judge::{Horizon, NOT_REACH};
use super::mark::Mark;
use crate::detect::SignalId;

/// Where a clause stands.
#[derive(Debug, Default)]
pub(super) struct Track {
    /// Atoms that hold for every anchor, one bit each.
    pub held: u32,
    /// Anchors that lack a `near`, with one bit per atom that they have.
    pub open: Vec<(Mark, u32)>,
    /// Anchors that lack nothing of their own.
    pub ready: Vec<Mark>,
}

impl Track {
    /// Anchors that a new hit of a signal brings closer; those that nothing can reach any more are dropped.
    pub fn approach(
        &mut self,
        frame: &Frame,
        need: &[Atom],
        (signal, mark): (SignalId, &Mark),
        nears: u32,
    ) {
        if self.open.is_empty() {
            return;
        }
        let mut farthest = 0;
        for (bit, atom) in need.iter().enumerate() {
            let Atom::Near(names, distance) = atom else {
                continue;
            };
            farthest = farthest.max(distance + frame.slack(names));
            if names.contains(&signal) {
                for (anchor, has) in &mut self.open {
                    if anchor.gap(mark) <= *distance {
                        *has |= 1 << bit;
                    }
                }
            }
        }
        let ready = &mut self.ready;
        self.open.retain(|(anchor, has)| {
            if *has == nears {
                ready.push(*anchor);
            }
            *has != nears && mark.now <= anchor.to.saturating_add(farthest)
        });
    }
}

/// A completing hit that something may still excuse.
#[derive(Debug)]
pub(super) struct Pending {
    /// Position at which everything that may excuse it has been seen.
    pub deadline: u32,
    pub clause: u32,
    pub completing: Mark,
    pub anchors: Vec<Mark>,
    pub score: f32,
}

/// Position at which everything that may excuse a detection has been fed.
pub(super) fn deadline(frame: &Frame, clause: &Clause, completing: u32, anchor: u32) -> u32 {
    let wait = |atom: &Atom| match (atom, frame.horizon) {
        (Atom::Near(names, distance), _) => completing
            .max(anchor)
            .saturating_add(*distance)
            .saturating_add(frame.slack(names)),
        (_, Horizon::Whole) => u32::MAX,
        (atom, Horizon::Stream) => {
            let names: Vec<_> = atom.signals().collect();
            completing
                .saturating_add(NOT_REACH)
                .saturating_add(frame.slack(&names))
        }
    };
    clause.unless.iter().map(wait).max().unwrap_or(0)
}
