//! The one place that decides: hits in, detections and a verdict out. Pure; no IO, no clock.
//!
//! **Anchor.** A rule's anchor is the first positive signal of its `when` (or, if the condition
//! starts with an `or` of plain signals, each of them; every arm of a wider `or` has its own and
//! detects for itself, see [`super::clause`]). Every hit of the anchor is a candidate; in the condition a
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

use super::context::{Contexts, Minor};
use super::conversation::Talk;
use super::disclosure;
use super::frame::{Frame, Share};
use super::ledger::Ledger;
use super::mark::{Cut, Mark};
use super::rule::{Action, RuleIx};
use super::{PolicySet, Selection};
use crate::detect::{Hit, SignalId};
use crate::message::{Audience, Direction, Output, Part, Role};
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

/// Symbols that a new part of a turn counts as, beside what lies between: two fields of one
/// request are as far apart as two paragraphs.
pub const PARAGRAPH_GAP: u32 = 16;

/// Judges the parts of one turn, hit by hit. Nothing is allocated before the first hit.
#[derive(Debug)]
pub struct Judge {
    frame: Frame,
    /// Hears every hit at once.
    prompt: Ledger,
    /// Hears hits once no allow phrase can contain them any more; unused without allow phrases.
    patient: Ledger,
    /// Hits on their way to the patient ledger, by release.
    waiting: Vec<(u32, Mark)>,
    /// Allow phrases that may still contain a waiting hit.
    allowed: Vec<Mark>,
    /// Found outside of a call that takes detections.
    late: Vec<Detection>,
    /// Position at which the current part begins.
    base: u32,
    /// Symbols of the current part read so far.
    read: u32,
    /// Parts begun.
    parts: u32,
    /// Redactions so far, each in the places that the ones before it left.
    cuts: Vec<Cut>,
    /// What went before this turn, and what its hits add.
    talk: Talk,
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
        let minor = scene.minor();
        let mut carried = carried.to_vec();
        carried.sort_unstable();
        let share = if selection.allow.is_empty() {
            Share::All
        } else {
            Share::Wall
        };
        let context = Contexts::one(scene.direction, scene.output, role, minor);
        let mut talk = Talk::default();
        talk.begin(role);
        Self {
            frame: Frame {
                set,
                selection,
                context,
                audience: scene.audience,
                horizon,
                carried,
            },
            prompt: Ledger::new(share),
            patient: Ledger::new(Share::Rest),
            waiting: Vec::new(),
            allowed: Vec::new(),
            late: Vec::new(),
            base: 0,
            read: 0,
            parts: 0,
            cuts: Vec::new(),
            talk,
        }
    }

    /// The turn goes on a conversation: acts of earlier messages count.
    #[must_use]
    pub fn after(mut self, mut talk: Talk, role: Role) -> Self {
        talk.begin(role);
        self.talk = talk;
        self
    }

    /// Where the conversation stands after this turn.
    pub fn into_talk(self) -> Talk {
        self.talk
    }

    /// The next part of the turn begins; the first call begins part 0. Distances to hits of earlier
    /// parts count [`PARAGRAPH_GAP`] more than the symbols between, as far as [`Judge::advance`]
    /// has told of them.
    pub fn part(&mut self) {
        if self.parts > 0 {
            let mut late = std::mem::take(&mut self.late);
            self.run(self.place(self.read), &mut late);
            self.release(u32::MAX, &mut late);
            self.late = late;
            self.allowed.clear();
            self.base = self
                .base
                .saturating_add(self.read)
                .saturating_add(PARAGRAPH_GAP);
            self.read = 0;
        }
        self.parts += 1;
    }

    /// One more ripe hit of the current part, in the scanner's order. New detections that need no
    /// waiting are appended to `found`.
    pub fn hit(&mut self, hit: &Hit, found: &mut Vec<Detection>) {
        found.append(&mut self.late);
        let now = self.place(hit.ripe);
        // What was due before this hit is decided without it, however far the text was read at once.
        self.run(now.saturating_sub(1), found);
        self.read = self.read.max(hit.ripe);
        let mark = self.mark(hit, now);
        let set = Arc::clone(&self.frame.set);
        if let Some(allow) = set.allow(hit.signals) {
            if self.frame.selection.allow.binary_search(&allow).is_ok() {
                self.allowed.push(mark);
            }
            return;
        }
        self.take(mark, found);
        if set.acts[hit.signals.0 as usize] {
            self.hear(&set, mark, found);
        }
    }

    /// What a hit shows of the conversation stands at its place.
    fn hear(&mut self, set: &PolicySet, mark: Mark, found: &mut Vec<Detection>) {
        for &signal in set.detectors.signals(mark.signals) {
            for seen in self.talk.hear(&set.conversations, signal) {
                if let Some(signals) = set.detectors.single(seen) {
                    self.take(Mark { signals, ..mark }, found);
                }
            }
        }
    }

    /// One more mark for the ledgers.
    fn take(&mut self, mark: Mark, found: &mut Vec<Detection>) {
        let now = mark.now;
        self.prompt.add(&self.frame, mark, found);
        if !self.frame.selection.allow.is_empty() {
            let release = mark
                .from
                .saturating_add(self.frame.selection.allow_reach)
                .max(now);
            let place = self.waiting.partition_point(|(other, _)| *other <= release);
            self.waiting.insert(place, (release, mark));
        }
    }

    /// The current part's text has been read up to `symbols`, and every hit that was ripe by then
    /// has been given; decides what waited for that.
    pub fn advance(&mut self, symbols: u32, found: &mut Vec<Detection>) {
        found.append(&mut self.late);
        self.read = self.read.max(symbols);
        self.run(self.place(symbols), found);
    }

    /// The turn ends here; decides everything that waited.
    pub fn finish(&mut self, found: &mut Vec<Detection>) {
        found.append(&mut self.late);
        self.run(u32::MAX, found);
    }

    /// Byte of the current part at which the earliest undecided completing hit that could withhold
    /// text starts (0 if it lies in an earlier part): text from there on has to wait.
    pub fn undecided_from(&self) -> Option<u32> {
        let part = self.current();
        let waiting = self.waiting.iter().map(|(_, mark)| mark);
        let waiting = waiting.filter(|mark| self.patient.may_withhold(&self.frame, mark.signals));
        let late = self.late.iter().filter(|late| late.action.withholds());
        let late = late.map(|late| {
            if late.part == part {
                late.span.start
            } else {
                0
            }
        });
        waiting
            .map(|mark| mark.start_in(part))
            .chain(late)
            .chain(self.prompt.undecided_from(&self.frame, part))
            .chain(self.patient.undecided_from(&self.frame, part))
            .min()
    }

    /// Takes a redacted hit out of the evidence: the reader sees `symbols` symbols in its place.
    /// What stands around it moves together, so distances across it shrink.
    pub fn forget(&mut self, part: u32, span: Span, symbols: u32) {
        let mut late = std::mem::take(&mut self.late);
        self.waiting
            .retain(|(_, mark)| mark.part != part || !span.contains(mark.span));
        let hidden = self
            .prompt
            .extent(part, span)
            .max(self.patient.extent(part, span));
        let cut = hidden.map(|(to, length)| Cut {
            at: to,
            by: length.saturating_sub(symbols),
        });
        if let Some(cut) = cut {
            self.cuts.push(cut);
            for (release, mark) in &mut self.waiting {
                *release = cut.moved(*release);
                mark.shift(cut);
            }
        }
        self.prompt.forget(&self.frame, part, span, cut, &mut late);
        self.patient.forget(&self.frame, part, span, cut, &mut late);
        self.late = late;
    }

    /// Where a symbol of the current part stands in what the reader sees of the turn.
    fn place(&self, symbol: u32) -> u32 {
        let place = self.base.saturating_add(symbol);
        self.cuts.iter().fold(place, |place, cut| cut.moved(place))
    }

    /// Signals seen in this turn, for [`Judge::new`]'s `carried` of the answer. Those inside an
    /// allow phrase only count where the wall reads them.
    pub fn seen(&self) -> Vec<SignalId> {
        let set = &self.frame.set;
        let excused = !self.frame.selection.allow.is_empty();
        let wall = |signal: &SignalId| {
            let mut readers = set.readers(*signal).iter();
            readers.any(|(at, _)| set.clauses[*at as usize].wall)
        };
        let prompt = self.prompt.signals(&self.frame).into_iter();
        let prompt = prompt.filter(|signal| !excused || wall(signal));
        let patient = self.patient.signals(&self.frame);
        let mut seen: Vec<_> = prompt.chain(patient).collect();
        seen.sort_unstable();
        seen.dedup();
        seen
    }

    fn current(&self) -> u32 {
        self.parts.saturating_sub(1)
    }

    fn mark(&self, hit: &Hit, now: u32) -> Mark {
        Mark {
            id: 0,
            signals: hit.signals,
            part: self.current(),
            span: hit.span,
            from: self.place(hit.from),
            to: self.place(hit.to),
            now,
            view: hit.view,
            score: hit.score,
        }
    }

    /// Everything that is due up to a position, in the order of positions: so what is found does
    /// not depend on how the text was cut.
    fn run(&mut self, until: u32, found: &mut Vec<Detection>) {
        loop {
            let release = self.waiting.first().map(|(release, _)| *release);
            let prompt = self.prompt.next_deadline();
            let patient = self.patient.next_deadline();
            let Some(next) = [release, prompt, patient].into_iter().flatten().min() else {
                return;
            };
            if next > until {
                return;
            }
            if release == Some(next) {
                self.release(next, found);
            } else if prompt == Some(next) {
                self.prompt.decide(&self.frame, next, found);
            } else {
                self.patient.decide(&self.frame, next, found);
            }
        }
    }

    /// Lets the patient ledger hear hits whose time has come, but for those that are allowed.
    fn release(&mut self, until: u32, found: &mut Vec<Detection>) {
        let due = self
            .waiting
            .partition_point(|(release, _)| *release <= until);
        let mut waiting = std::mem::take(&mut self.waiting);
        for (release, mut mark) in waiting.drain(..due) {
            let inside =
                |allowed: &Mark| allowed.part == mark.part && allowed.span.contains(mark.span);
            if !self.allowed.iter().any(inside) {
                mark.now = release;
                self.patient.add(&self.frame, mark, found);
            }
        }
        self.waiting = waiting;
        let oldest = self.waiting.iter().map(|(_, mark)| mark.from).min();
        // A hit still to come begins at most one reach before what is being released.
        let oldest = oldest
            .unwrap_or(until)
            .min(until.saturating_sub(self.frame.set.widest));
        self.allowed.retain(|allowed| allowed.to >= oldest);
    }
}

impl Scene {
    /// Whether the audience is protected as a minor.
    pub fn minor(&self) -> Minor {
        if self.audience.band.is_minor() {
            Minor::Yes
        } else {
            Minor::No
        }
    }

    /// The same where a text is asked for; nothing if one is. Words in pictures are read like those of any
    /// text, whatever is to be made.
    pub fn as_text(&self) -> Option<Self> {
        (self.output != Output::Text).then_some(Self {
            output: Output::Text,
            ..*self
        })
    }
}

impl Verdict {
    /// The verdict of detections.
    pub fn of(detections: Vec<Detection>) -> Self {
        let action = detections
            .iter()
            .map(|one| one.action)
            .max()
            .unwrap_or_default();
        Self { action, detections }
    }
}

/// Judges a whole prompt, turn by turn; `hits` are those of each part. A detection's `part`
/// indexes `parts`.
pub fn judge_prompt<H: AsRef<[Hit]>>(
    set: &Arc<PolicySet>,
    selection: &Arc<Selection>,
    scene: Scene,
    parts: &[Part],
    hits: &[H],
) -> Verdict {
    judge_conversation(set, selection, scene, parts, hits).0
}

/// [`judge_prompt`], and where the conversation then stands: its answer goes on from there.
pub fn judge_conversation<H: AsRef<[Hit]>>(
    set: &Arc<PolicySet>,
    selection: &Arc<Selection>,
    scene: Scene,
    parts: &[Part],
    hits: &[H],
) -> (Verdict, Talk) {
    let mut found = Vec::new();
    let mut talk = Talk::default();
    let mut at = 0;
    for turn in parts.chunk_by(|a, b| (a.turn, a.role) == (b.turn, b.role)) {
        let hits = &hits[at..at + turn.len()];
        // Most turns of most conversations end here.
        if hits.iter().any(|hits| !hits.as_ref().is_empty()) {
            let first = found.len();
            talk = judge_turn(set, selection, scene, (turn, talk), hits, &mut found);
            for detection in &mut found[first..] {
                let shift = u32::try_from(at).unwrap_or(u32::MAX);
                detection.part += shift;
                detection.anchor.0 += shift;
            }
        } else {
            talk.begin(turn[0].role);
        }
        at += turn.len();
    }
    disclosure::weigh(set, scene, parts, &mut found);
    (Verdict::of(found), talk)
}

fn judge_turn<H: AsRef<[Hit]>>(
    set: &Arc<PolicySet>,
    selection: &Arc<Selection>,
    scene: Scene,
    (parts, talk): (&[Part], Talk),
    hits: &[H],
    found: &mut Vec<Detection>,
) -> Talk {
    let (set, selection) = (Arc::clone(set), Arc::clone(selection));
    let role = parts[0].role;
    let judge = Judge::new(set, selection, scene, role, Horizon::Whole, &[]);
    let mut judge = judge.after(talk, role);
    for (part, hits) in parts.iter().zip(hits) {
        judge.part();
        for hit in hits.as_ref() {
            judge.hit(hit, found);
        }
        if parts.len() > 1 {
            let symbols = crate::text::symbols(&part.text).count();
            judge.advance(u32::try_from(symbols).unwrap_or(u32::MAX), found);
        }
    }
    judge.finish(found);
    judge.into_talk()
}

/// Judges one whole text, which is one turn of one part.
pub fn judge_text(
    set: &Arc<PolicySet>,
    selection: &Arc<Selection>,
    scene: Scene,
    role: Role,
    horizon: Horizon,
    text: &str,
) -> Verdict {
    let hits = set.scan(selection, scene.direction, text);
    let mut found = Vec::new();
    if !hits.is_empty() {
        let (set, selection) = (Arc::clone(set), Arc::clone(selection));
        let mut judge = Judge::new(set, selection, scene, role, horizon, &[]);
        judge.part();
        for hit in &hits {
            judge.hit(hit, &mut found);
        }
        judge.finish(&mut found);
    }
    Verdict::of(found)
}

#[cfg(test)]
mod tests;
