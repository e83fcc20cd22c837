//! The one place that decides: hits in, detections and a verdict out. Pure; no IO, no clock.
//!
//! **Anchor.** A rule's anchor is the first positive signal of its `when` (or, if the condition
//! starts with an `or` of plain signals, each of them). Every hit of the anchor is a candidate; in the condition a
//! plain name means "present in this turn (or carried from the prompt)", `near(x, n)` "a hit of x
//! with at most n skeleton symbols between it and the anchor hit", `in_order(a, b, n)` "a, then b,
//! at most n symbols apart", `count(x) >= n` "at least n hits of x so far".
//!
//! **Completing hit.** A detection arises at the hit that makes the condition true (leaving `not`
//! aside). Nothing before the start of that hit violates the rule, so a stream is cut exactly
//! there, and the verdict depends on positions in the text only, never on chunking.
//!
//! **Lookahead.** A rule with a `not` waits: `not near(x, n)` for n symbols after the completing
//! hit, a plain `not x` for [`NOT_REACH`] symbols (or, under [`Horizon::Whole`], for the whole
//! text). Rules without `not` decide at once. If the app has allow phrases, every hit waits for
//! the longest of them.

use std::sync::Arc;

use super::rule::{Action, RuleIx};
use super::{PolicySet, Selection};
use crate::detect::{Hit, SignalId};
use crate::message::{Audience, Direction, Output, Role};
use crate::text::Span;

/// Symbols after a completing hit in which a plain `not x` still looks for `x` in a stream:
/// about two sentences, the distance over which a frame ("…is a scam, report it") excuses.
pub const NOT_REACH: u32 = 160;

/// What is known about an exchange before its text is read; the `meta` signals read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scene {
    /// Which way the text travels.
    pub direction: Direction,
    /// What the model is asked to make.
    pub output: Output,
    /// Who speaks.
    pub audience: Audience,
}

/// How far a judge waits for what may excuse a detection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Horizon {
    /// The whole text is there (prompts): `not` is answered at the end.
    Whole,
    /// The text is still being written (answers, streamed or not).
    Stream,
}

/// A rule whose condition holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// The rule.
    pub rule: RuleIx,
    /// What this app does about it for this audience, before observe mode.
    pub action: Action,
    /// Index of the part, in the order of [`Judge::part`] calls, in which the completing hit lies.
    pub part: u32,
    /// The completing hit.
    pub span: Span,
    /// The anchor hit, with its part; may be the completing hit itself.
    pub anchor: (u32, Span),
    /// The reading in which the completing hit was found.
    pub view: crate::text::ViewKind,
    /// The lowest score among the hits that took part.
    pub score: f32,
}

/// All detections of a text together. The strongest action decides.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdict {
    /// The strongest action.
    pub action: Action,
    /// Every detection, in the order found.
    pub detections: Vec<Detection>,
}

/// Judges the parts of one turn, hit by hit.
#[derive(Debug)]
pub struct Judge {}

impl Judge {
    /// A judge at the start of a turn. `carried` are signals of the prompt that count as present
    /// when its answer is judged. `role` is whose words these are.
    pub fn new(
        _set: Arc<PolicySet>,
        _selection: Arc<Selection>,
        _scene: Scene,
        _role: Role,
        _horizon: Horizon,
        _carried: &[SignalId],
    ) -> Self {
        unimplemented!()
    }

    /// The next part of the turn begins. Distances to hits of earlier parts count one
    /// paragraph's gap more than the symbols between.
    pub fn part(&mut self) {
        unimplemented!()
    }

    /// One more ripe hit of the current part, in the scanner's order. New detections that need no
    /// waiting are appended to `found`.
    pub fn hit(&mut self, _hit: &Hit, _found: &mut Vec<Detection>) {
        unimplemented!()
    }

    /// The current part's text has been read up to `symbols`; decides what waited for that.
    pub fn advance(&mut self, _symbols: u32, _found: &mut Vec<Detection>) {
        unimplemented!()
    }

    /// The turn ends here; decides everything that waited.
    pub fn finish(&mut self, _found: &mut Vec<Detection>) {
        unimplemented!()
    }

    /// Byte of the current part at which the earliest undecided completing hit that could withhold text starts: text
    /// from there on has to wait.
    pub fn undecided_from(&self) -> Option<u32> {
        unimplemented!()
    }

    /// Takes a redacted hit out of the evidence: the reader will not see it.
    pub fn forget(&mut self, _part: u32, _span: Span) {
        unimplemented!()
    }

    /// Signals seen in this turn, for [`Judge::new`]'s `carried` of the answer.
    pub fn seen(&self) -> Vec<SignalId> {
        unimplemented!()
    }
}
