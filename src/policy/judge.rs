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

use super::condition::Condition;
use super::rule::{Action, Atom, Rule, RuleIx};
use super::{PolicySet, Selection};
use crate::detect::{Hit, SignalId};
use crate::message::{Audience, Direction, Output, Role};
use crate::text::{Span, ViewKind};

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
    pub view: ViewKind,
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

/// Symbols between the end of one part of a turn and the start of the next: a paragraph's gap.
const PART_GAP: u32 = 2;

/// A hit as evidence: where it stands in the turn.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Place {
    signal: SignalId,
    part: u32,
    span: Span,
    /// Skeleton symbols from the start of the turn.
    from: u32,
    to: u32,
    view: ViewKind,
    score: f32,
}

impl Place {
    /// Symbols between two places; none if they touch or overlap.
    fn gap(&self, other: &Self) -> u32 {
        if self.to <= other.from { other.from - self.to } else { self.from.saturating_sub(other.to) }
    }
}

/// A rule whose condition holds unless something excuses it.
#[derive(Debug)]
struct Candidate {
    rule: RuleIx,
    anchor: Place,
    completing: Place,
    /// Symbols of the turn that have to be read before it is decided.
    due: u32,
    action: Action,
}

/// Judges the parts of one turn, hit by hit.
#[derive(Debug)]
pub struct Judge {
    set: Arc<PolicySet>,
    selection: Arc<Selection>,
    scene: Scene,
    role: Role,
    horizon: Horizon,
    carried: Vec<SignalId>,
    /// Parts begun.
    parts: u32,
    /// Symbols of the turn before the current part.
    base: u32,
    /// Symbols of the turn read so far.
    read: u32,
    places: Vec<Place>,
    candidates: Vec<Candidate>,
}

impl Judge {
    /// A judge at the start of a turn. `carried` are signals of the prompt that count as present
    /// when its answer is judged. `role` is whose words these are.
    pub fn new(
        set: Arc<PolicySet>,
        selection: Arc<Selection>,
        scene: Scene,
        role: Role,
        horizon: Horizon,
        carried: &[SignalId],
    ) -> Self {
        Self {
            set,
            selection,
            scene,
            role,
            horizon,
            carried: carried.to_vec(),
            parts: 0,
            base: 0,
            read: 0,
            places: Vec::new(),
            candidates: Vec::new(),
        }
    }

    /// The next part of the turn begins. Distances to hits of earlier parts count one
    /// paragraph's gap more than the symbols between.
    pub fn part(&mut self) {
        if self.parts > 0 {
            self.base = self.read + PART_GAP;
        }
        self.parts += 1;
    }

    /// One more ripe hit of the current part, in the scanner's order. New detections that need no
    /// waiting are appended to `found`.
    pub fn hit(&mut self, hit: &Hit, found: &mut Vec<Detection>) {
        let place = Place {
            signal: hit.signal,
            part: self.parts.saturating_sub(1),
            span: hit.span,
            from: self.base + hit.from,
            to: self.base + hit.to,
            view: hit.view,
            score: hit.score,
        };
        self.read = self.read.max(place.to);
        self.places.push(place);
        let set = Arc::clone(&self.set);
        for &ix in set.watchers(hit.signal) {
            let rule = set.rule(ix);
            let Some(action) = self.selection.action(ix, self.scene.audience.band) else { continue };
            if !rule.applies(&self.scene, self.role) {
                continue;
            }
            let Some(anchor) = self.newly_held(rule, &place) else { continue };
            let wait = match self.horizon {
                Horizon::Whole if rule.waits() || self.selection.excuses(rule) => u32::MAX,
                Horizon::Whole => 0,
                Horizon::Stream => rule.lookahead.max(self.selection.patience(rule)),
            };
            let due = place.to.saturating_add(wait).max(self.base.saturating_add(hit.ripe));
            let candidate = Candidate { rule: ix, anchor, completing: place, due, action };
            if wait == 0 {
                found.push(candidate.detection());
            } else {
                self.candidates.push(candidate);
            }
        }
    }

    /// The current part's text has been read up to `symbols`; decides what waited for that.
    pub fn advance(&mut self, symbols: u32, found: &mut Vec<Detection>) {
        let read = self.base.saturating_add(symbols);
        self.read = self.read.max(read);
        self.decide(read, found);
    }

    /// The turn ends here; decides everything that waited.
    pub fn finish(&mut self, found: &mut Vec<Detection>) {
        self.decide(u32::MAX, found);
    }

    /// Byte of the current part at which the earliest undecided completing hit that could withhold
    /// text starts: text from there on has to wait.
    pub fn undecided_from(&self) -> Option<u32> {
        let part = self.parts.saturating_sub(1);
        let waiting = self.candidates.iter().filter(|candidate| candidate.action.withholds());
        let here = waiting.filter(|candidate| candidate.completing.part == part);
        here.map(|candidate| candidate.completing.span.start).min()
    }

    /// Takes a redacted hit out of the evidence: the reader will not see it.
    pub fn forget(&mut self, part: u32, span: Span) {
        let gone = |place: &Place| place.part == part && place.span.overlaps(span);
        self.places.retain(|place| !gone(place));
        self.candidates
            .retain(|candidate| !gone(&candidate.completing) && !gone(&candidate.anchor));
    }

    /// Signals seen in this turn, for [`Judge::new`]'s `carried` of the answer.
    pub fn seen(&self) -> Vec<SignalId> {
        let mut signals: Vec<SignalId> = self.places.iter().map(|place| place.signal).collect();
        signals.sort_unstable();
        signals.dedup();
        signals
    }

    /// Decides the candidates that are due once `read` symbols are known.
    fn decide(&mut self, read: u32, found: &mut Vec<Detection>) {
        if self.candidates.iter().all(|candidate| candidate.due > read) {
            return;
        }
        let mut due: Vec<Candidate> = Vec::new();
        let mut later: Vec<Candidate> = Vec::new();
        for candidate in self.candidates.drain(..) {
            if candidate.due <= read { due.push(candidate) } else { later.push(candidate) }
        }
        self.candidates = later;
        due.sort_by_key(|candidate| candidate.due);
        for candidate in due {
            if self.still_holds(&candidate) {
                found.push(candidate.detection());
            }
        }
    }

    /// The anchor for which the rule holds, `not` aside, with the newest place but not without it.
    fn newly_held(&self, rule: &Rule, newest: &Place) -> Option<Place> {
        let (before, now) = (&self.places[..self.places.len() - 1], &self.places[..]);
        if rule.anchors.contains(&newest.signal) && self.holds(rule, newest, now, Excuses::Aside) {
            return Some(*newest);
        }
        before
            .iter()
            .filter(|place| rule.anchors.contains(&place.signal))
            .find(|anchor| {
                self.holds(rule, anchor, now, Excuses::Aside)
                    && !self.holds(rule, anchor, before, Excuses::Aside)
            })
            .copied()
    }

    /// Whether a candidate's rule holds with everything that excuses it counted.
    fn still_holds(&self, candidate: &Candidate) -> bool {
        let rule = self.set.rule(candidate.rule);
        if !self.selection.excuses(rule) {
            return self.holds(rule, &candidate.anchor, &self.places, Excuses::Counted);
        }
        let allowed: Vec<&Place> =
            self.places.iter().filter(|place| self.selection.allows(place.signal)).collect();
        let excused = |place: &Place| {
            allowed.iter().any(|phrase| phrase.part == place.part && phrase.span.contains(place.span))
        };
        if excused(&candidate.anchor) || excused(&candidate.completing) {
            return false;
        }
        let left: Vec<Place> =
            self.places.iter().filter(|place| !excused(place)).copied().collect();
        self.holds(rule, &candidate.anchor, &left, Excuses::Counted)
    }

    fn holds(&self, rule: &Rule, anchor: &Place, places: &[Place], excuses: Excuses) -> bool {
        Evidence { judge: self, anchor, places, excuses }.holds(&rule.when)
    }
}

impl Candidate {
    fn detection(&self) -> Detection {
        Detection {
            rule: self.rule,
            action: self.action,
            part: self.completing.part,
            span: self.completing.span,
            anchor: (self.anchor.part, self.anchor.span),
            view: self.completing.view,
            score: self.completing.score.min(self.anchor.score),
        }
    }
}

/// Whether `not` is answered yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Excuses {
    /// Not yet: every `not` holds.
    Aside,
    /// Yes.
    Counted,
}

/// What a condition is asked about.
struct Evidence<'a> {
    judge: &'a Judge,
    anchor: &'a Place,
    places: &'a [Place],
    excuses: Excuses,
}

impl Evidence<'_> {
    fn holds(&self, condition: &Condition<Atom>) -> bool {
        match condition {
            Condition::And(all) => all.iter().all(|one| self.holds(one)),
            Condition::Or(any) => any.iter().any(|one| self.holds(one)),
            Condition::Not(inner) => self.excuses == Excuses::Aside || !self.holds(inner),
            Condition::Is(Atom::Meta(meta)) => meta.holds(&self.judge.scene, self.judge.role),
            Condition::Is(Atom::Signal(signal)) => {
                self.of(*signal).next().is_some() || self.judge.carried.contains(signal)
            }
            Condition::Near(names, within) => names.iter().any(|name| {
                let Atom::Signal(signal) = name else { return false };
                self.of(*signal)
                    .any(|place| place != self.anchor && place.gap(self.anchor) <= *within)
            }),
            Condition::InOrder(Atom::Signal(first), Atom::Signal(second), within) => {
                self.of(*first).any(|one| {
                    self.of(*second)
                        .any(|two| one.to <= two.from && two.from - one.to <= *within)
                })
            }
            Condition::Count(Atom::Signal(signal), least) => {
                self.of(*signal).count() >= *least as usize
            }
            Condition::InOrder(..) | Condition::Count(..) => false,
        }
    }

    fn of(&self, signal: SignalId) -> impl Iterator<Item = &Place> {
        self.places.iter().filter(move |place| place.signal == signal)
    }
}
