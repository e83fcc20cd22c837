//! [`Frame`]: what does not change while a turn is judged, and which clauses are judged in it.

use std::sync::Arc;

use super::clause::Clause;
use super::context::Contexts;
use super::judge::Horizon;
use super::rule::{Action, RuleIx};
use super::{PolicySet, Selection};
use crate::detect::SignalId;
use crate::message::Audience;

/// A clause with what judging needs to know beside it.
#[derive(Debug)]
pub(super) struct Placed {
    /// The rule it is an arm of.
    pub rule: RuleIx,
    /// The arm.
    pub clause: Clause,
    /// Whether the rule is part of the wall.
    pub wall: bool,
}

/// What does not change while a turn is judged.
#[derive(Debug)]
pub(super) struct Frame {
    pub set: Arc<PolicySet>,
    pub selection: Arc<Selection>,
    pub context: Contexts,
    pub audience: Audience,
    pub horizon: Horizon,
    /// Signals of the prompt, sorted.
    pub carried: Vec<SignalId>,
}

/// Which rules a ledger judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    /// All of them.
    All,
    /// Those that no allow phrase excuses.
    Wall,
    /// The others.
    Rest,
}

impl Frame {
    /// What this app does about a rule for this audience.
    pub fn action(&self, rule: RuleIx) -> Action {
        self.selection.action(rule, self.audience)
    }

    /// Whether a ledger of this share judges the clause here at all.
    pub fn judges(&self, placed: &Placed, share: Share) -> bool {
        let shared = match share {
            Share::All => true,
            Share::Wall => placed.wall,
            Share::Rest => !placed.wall,
        };
        shared
            && placed.clause.contexts.meets(self.context)
            && self.action(placed.rule) != Action::Allow
    }

    /// Whether the prompt had one of the signals.
    pub fn carries(&self, names: &[SignalId]) -> bool {
        !self.carried.is_empty()
            && names
                .iter()
                .any(|name| self.carried.binary_search(name).is_ok())
    }

    /// Symbols after a place within which every hit that begins there has been fed.
    pub fn slack(&self, names: &[SignalId]) -> u32 {
        let reach = names
            .iter()
            .map(|name| self.set.signal_reach(*name))
            .max()
            .unwrap_or(0);
        reach.max(self.selection.allow_reach)
    }
}
