//! [`Ledger`]: what was seen in a turn, and which clauses of which rules it makes true.
//!
//! Per clause: which atoms hold, which anchors wait for a `near`, which only for the rest. Work
//! per hit is in proportion to the clauses that read its signal and to what lies within their
//! reach, never to the length of the text. A ledger without hits holds no heap memory.

use std::collections::BTreeSet;

use super::clause::{Atom, Clause};
use super::frame::{Frame, Share};
use super::judge::{Detection, Horizon, NOT_REACH};
use super::mark::{Cut, Mark};
use super::rule::RuleIx;
use super::track::{Pending, Track, deadline};
use crate::detect::SignalId;
use crate::text::Span;

/// What was seen and what follows.
#[derive(Debug)]
pub(super) struct Ledger {
    share: Share,
    /// By signal, then by end.
    seen: Vec<(SignalId, Vec<Mark>)>,
    tracks: Vec<(u32, Track)>,
    /// By deadline, then in order of arrival.
    pending: Vec<Pending>,
    /// Rule and completing hit of detections.
    told: BTreeSet<(RuleIx, u32)>,
    next: u32,
}

impl Ledger {
    pub const fn new(share: Share) -> Self {
        Self {
            share,
            seen: Vec::new(),
            tracks: Vec::new(),
            pending: Vec::new(),
            told: BTreeSet::new(),
            next: 0,
        }
    }

    /// Position of the next decision.
    pub fn next_deadline(&self) -> Option<u32> {
        self.pending.first().map(|pending| pending.deadline)
    }

    /// Byte of `part` from which text waits because something in it may yet be detected.
    pub fn undecided_from(&self, frame: &Frame, part: u32) -> Option<u32> {
        let withholds = |pending: &&Pending| {
            frame
                .action(frame.set.clauses[pending.clause as usize].rule)
                .withholds()
        };
        let waiting = self.pending.iter().filter(withholds);
        waiting
            .map(|pending| pending.completing.start_in(part))
            .min()
    }

    /// Whether a rule that withholds text reads the signal.
    pub fn may_withhold(&self, frame: &Frame, signal: SignalId) -> bool {
        frame.set.readers(signal).iter().any(|at| {
            let placed = &frame.set.clauses[*at as usize];
            frame.judges(placed, self.share) && frame.action(placed.rule).withholds()
        })
    }

    /// Signals seen, sorted.
    pub fn signals(&self) -> impl Iterator<Item = SignalId> + '_ {
        self.seen
            .iter()
            .filter(|(_, marks)| !marks.is_empty())
            .map(|(signal, _)| *signal)
    }

    /// One more hit.
    pub fn add(&mut self, frame: &Frame, mut mark: Mark, found: &mut Vec<Detection>) {
        mark.id = self.next;
        self.next += 1;
        self.keep(mark);
        self.excuse(frame, &mark);
        for &at in frame.set.readers(mark.signal) {
            self.feed(frame, at, &mark, found);
        }
    }

    /// Decides everything whose time has come.
    pub fn decide(&mut self, frame: &Frame, until: u32, found: &mut Vec<Detection>) {
        let due = self
            .pending
            .partition_point(|pending| pending.deadline <= until);
        let mut pending = std::mem::take(&mut self.pending);
        for one in pending.drain(..due) {
            self.say(frame, &one, found);
        }
        self.pending = pending;
    }

    /// Takes hits inside `span` out of the evidence; what follows from the rest is said anew.
    pub fn forget(
        &mut self,
        frame: &Frame,
        part: u32,
        span: Span,
        cut: Option<Cut>,
        found: &mut Vec<Detection>,
    ) {
        let moved = cut.is_some_and(|cut| self.shift(cut));
        let mut gone = Vec::new();
        for (signal, marks) in &mut self.seen {
            let before = marks.len();
            marks.retain(|mark| mark.part != part || !span.contains(mark.span));
            if marks.len() < before {
                gone.push(*signal);
            }
        }
        if gone.is_empty() && !moved {
            return;
        }
        let clauses: Vec<u32> = self.tracks.iter().map(|(at, _)| *at).collect();
        for at in clauses {
            let clause = &frame.set.clauses[at as usize].clause;
            if moved || clause.signals().any(|signal| gone.contains(&signal)) {
                self.replay(frame, at, found);
            }
        }
    }

    /// The end and the length, in symbols, of the longest hit that is exactly `span`.
    pub fn extent(&self, part: u32, span: Span) -> Option<(u32, u32)> {
        let marks = self.seen.iter().flat_map(|(_, marks)| marks);
        let here = marks.filter(|mark| mark.part == part && mark.span == span);
        here.map(|mark| (mark.to, mark.to - mark.from))
            .max_by_key(|(_, length)| *length)
    }

    /// Moves what stands behind a cut; whether anything did.
    fn shift(&mut self, cut: Cut) -> bool {
        let mut moved = false;
        for (_, marks) in &mut self.seen {
            let behind = marks.iter_mut().filter(|mark| mark.from >= cut.at);
            for mark in behind {
                mark.shift(cut);
                moved = true;
            }
            marks.sort_by_key(|mark| (mark.to, mark.from));
        }
        moved
    }

    fn keep(&mut self, mark: Mark) {
        let at = match self
            .seen
            .binary_search_by_key(&mark.signal, |(signal, _)| *signal)
        {
            Ok(at) => at,
            Err(at) => {
                self.seen.insert(at, (mark.signal, Vec::new()));
                at
            }
        };
        let marks = &mut self.seen[at].1;
        let place = marks.partition_point(|other| (other.to, other.from) <= (mark.to, mark.from));
        marks.insert(place, mark);
    }

    fn marks(&self, signal: SignalId) -> &[Mark] {
        let found = self.seen.binary_search_by_key(&signal, |(known, _)| *known);
        found.map_or(&[], |at| &self.seen[at].1)
    }

    fn track(&mut self, frame: &Frame, at: u32) -> usize {
        match self.tracks.binary_search_by_key(&at, |(clause, _)| *clause) {
            Ok(place) => place,
            Err(place) => {
                let mut track = Track::default();
                for (bit, atom) in frame.set.clauses[at as usize]
                    .clause
                    .need
                    .iter()
                    .enumerate()
                {
                    if matches!(atom, Atom::Any(names) if frame.carries(names)) {
                        track.held |= 1 << bit;
                    }
                }
                self.tracks.insert(place, (at, track));
                place
            }
        }
    }

    /// Lets a clause know of a hit that it reads.
    fn feed(&mut self, frame: &Frame, at: u32, mark: &Mark, found: &mut Vec<Detection>) {
        let placed = &frame.set.clauses[at as usize];
        if !frame.judges(placed, self.share) {
            return;
        }
        let need = &placed.clause.need;
        let place = self.track(frame, at);
        let mut held = self.tracks[place].1.held;
        let mut whole = 0;
        for (bit, atom) in need.iter().enumerate() {
            if matches!(atom, Atom::Near(..)) {
                continue;
            }
            whole |= 1 << bit;
            if held & (1 << bit) == 0 && atom.reads(mark.signal) && self.holds(frame, atom, mark) {
                held |= 1 << bit;
            }
        }
        let nears = (1_u32 << need.len()).wrapping_sub(1) & !whole;
        let own = placed.clause.anchors.contains(&mark.signal);
        let own = own.then(|| self.nears(frame, need, mark));
        let track = &mut self.tracks[place].1;
        track.held = held;
        track.approach(frame, need, mark, nears);
        if let Some(has) = own {
            if has == nears {
                track.ready.push(*mark);
            } else {
                track.open.push((*mark, has));
            }
        }
        if held & whole == whole && !track.ready.is_empty() {
            let anchors = std::mem::take(&mut track.ready);
            self.complete(frame, at, mark, anchors, found);
        }
    }

    /// Whether a hit makes an atom true that does not depend on the anchor. Hits that arrived after
    /// it do not count: when a clause is judged again they are already there.
    fn holds(&self, frame: &Frame, atom: &Atom, mark: &Mark) -> bool {
        match atom {
            Atom::Any(_) => true,
            Atom::Near(..) => false,
            Atom::Count(names, number) => {
                let known = |name: &SignalId| {
                    let marks = self.marks(*name).iter();
                    marks.filter(|other| other.id <= mark.id)
                };
                apart(names.iter().flat_map(known), *number)
            }
            Atom::InOrder(first, second, distance) => {
                let known = |other: &Mark| other.id <= mark.id;
                first.contains(&mark.signal) && self.followed(frame, second, mark, *distance, known)
                    || second.contains(&mark.signal) && self.led(first, mark, *distance, known)
            }
        }
    }

    /// Whether a hit that counts begins after `mark`, at most `distance` symbols on.
    fn followed(
        &self,
        frame: &Frame,
        names: &[SignalId],
        mark: &Mark,
        distance: u32,
        counts: impl Fn(&Mark) -> bool,
    ) -> bool {
        let last = mark.to.saturating_add(distance);
        names.iter().any(|name| {
            let marks = self.marks(*name);
            let first = marks.partition_point(|other| other.to < mark.to);
            let beyond = last.saturating_add(frame.set.signal_reach(*name));
            let mut near = marks[first..].iter().take_while(|other| other.to <= beyond);
            near.any(|other| other.from >= mark.to && other.from <= last && counts(other))
        })
    }

    /// Whether a hit that counts ends before `mark`, at most `distance` symbols back.
    fn led(
        &self,
        names: &[SignalId],
        mark: &Mark,
        distance: u32,
        counts: impl Fn(&Mark) -> bool,
    ) -> bool {
        names.iter().any(|name| {
            let marks = self.marks(*name);
            let first =
                marks.partition_point(|other| other.to.saturating_add(distance) < mark.from);
            marks[first..]
                .iter()
                .take_while(|other| other.to <= mark.from)
                .any(&counts)
        })
    }

    /// The `near` atoms that an anchor has, one bit each.
    fn nears(&self, frame: &Frame, need: &[Atom], anchor: &Mark) -> u32 {
        let near = |atom: &Atom| match atom {
            Atom::Near(names, distance) => self
                .close(frame, names, *distance, anchor, anchor.id)
                .is_some(),
            _ => false,
        };
        let bits = need.iter().enumerate().filter(|(_, atom)| near(atom));
        bits.fold(0, |bits, (bit, _)| bits | 1 << bit)
    }

    /// The best score among hits at most `distance` from an anchor. The anchor itself is one if its
    /// signal is named: `(bait or goods) and near((bait or free), 20)`. Hits after `until` do not
    /// count.
    fn close(
        &self,
        frame: &Frame,
        names: &[SignalId],
        distance: u32,
        anchor: &Mark,
        until: u32,
    ) -> Option<f32> {
        let mut best: Option<f32> = None;
        for name in names {
            let marks = self.marks(*name);
            let first =
                marks.partition_point(|mark| mark.to.saturating_add(distance) < anchor.from);
            let last = anchor.to.saturating_add(distance);
            let beyond = last.saturating_add(frame.set.signal_reach(*name));
            for mark in marks[first..].iter().take_while(|mark| mark.to <= beyond) {
                if mark.id <= until && mark.gap(anchor) <= distance {
                    best = Some(best.map_or(mark.score, |best| best.max(mark.score)));
                }
            }
        }
        best
    }

    /// A hit made a clause true for these anchors.
    fn complete(
        &mut self,
        frame: &Frame,
        at: u32,
        completing: &Mark,
        mut anchors: Vec<Mark>,
        found: &mut Vec<Detection>,
    ) {
        let clause = &frame.set.clauses[at as usize].clause;
        anchors.retain(|anchor| !self.excused(frame, clause, completing, anchor));
        let Some(last) = anchors.iter().map(|anchor| anchor.to).max() else {
            return;
        };
        let score = self.score(frame, clause, completing, &anchors[0]);
        let pending = Pending {
            deadline: deadline(frame, clause, completing.to, last),
            clause: at,
            completing: *completing,
            anchors,
            score,
        };
        if clause.unless.is_empty() {
            self.say(frame, &pending, found);
        } else {
            let place = self
                .pending
                .partition_point(|other| other.deadline <= pending.deadline);
            self.pending.insert(place, pending);
        }
    }

    /// Drops what a new hit excuses.
    fn excuse(&mut self, frame: &Frame, mark: &Mark) {
        if self.pending.is_empty() {
            return;
        }
        let mut pending = std::mem::take(&mut self.pending);
        pending.retain_mut(|one| {
            let clause = &frame.set.clauses[one.clause as usize].clause;
            if clause.unless.iter().any(|atom| atom.reads(mark.signal)) {
                let completing = one.completing;
                one.anchors
                    .retain(|anchor| !self.excused(frame, clause, &completing, anchor));
            }
            !one.anchors.is_empty()
        });
        self.pending = pending;
    }

    fn excused(&self, frame: &Frame, clause: &Clause, completing: &Mark, anchor: &Mark) -> bool {
        let last = match frame.horizon {
            Horizon::Whole => u32::MAX,
            Horizon::Stream => completing.to.saturating_add(NOT_REACH),
        };
        let inside = |name: &SignalId| self.marks(*name).iter().filter(|mark| mark.from <= last);
        clause.unless.iter().any(|atom| match atom {
            Atom::Any(names) => {
                frame.carries(names) || names.iter().any(|name| inside(name).next().is_some())
            }
            Atom::Near(names, distance) => self
                .close(frame, names, *distance, anchor, u32::MAX)
                .is_some(),
            Atom::Count(names, number) => apart(names.iter().flat_map(inside), *number),
            Atom::InOrder(first, second, distance) => first.iter().flat_map(inside).any(|mark| {
                self.followed(frame, second, mark, *distance, |other| other.from <= last)
            }),
        })
    }

    /// The lowest score of what took part; of several hits for one atom the best counts.
    fn score(&self, frame: &Frame, clause: &Clause, completing: &Mark, anchor: &Mark) -> f32 {
        let own = completing.score.min(anchor.score);
        clause.need.iter().fold(own, |lowest, atom| {
            let best = match atom {
                Atom::Near(names, distance) => {
                    self.close(frame, names, *distance, anchor, completing.id)
                }
                _ => atom
                    .signals()
                    .flat_map(|name| self.marks(name))
                    .map(|mark| mark.score)
                    .reduce(f32::max),
            };
            lowest.min(best.unwrap_or(1.0))
        })
    }

    fn say(&mut self, frame: &Frame, pending: &Pending, found: &mut Vec<Detection>) {
        let rule = frame.set.clauses[pending.clause as usize].rule;
        let completing = pending.completing;
        let Some(anchor) = pending.anchors.first() else {
            return;
        };
        // Arms that one hit completes together say it once.
        if self.told.insert((rule, completing.id)) {
            found.push(Detection {
                rule,
                action: frame.action(rule),
                part: completing.part,
                span: completing.span,
                anchor: (anchor.part, anchor.span),
                view: completing.view,
                score: pending.score,
            });
        }
    }

    /// Judges a clause again from the hits that are left.
    fn replay(&mut self, frame: &Frame, at: u32, found: &mut Vec<Detection>) {
        self.pending.retain(|pending| pending.clause != at);
        self.tracks.retain(|(clause, _)| *clause != at);
        let clause = &frame.set.clauses[at as usize].clause;
        let mut marks: Vec<Mark> = Vec::new();
        for (signal, seen) in &self.seen {
            if clause.need.iter().any(|atom| atom.reads(*signal)) {
                marks.extend(seen);
            }
        }
        marks.sort_unstable_by_key(|mark| mark.id);
        for mark in &marks {
            self.feed(frame, at, mark, found);
        }
    }
}

/// Whether so many hits lie apart: one disguise may be read as several words, and is one hit.
fn apart<'m>(marks: impl Iterator<Item = &'m Mark>, number: u32) -> bool {
    let mut places: Vec<_> = marks.map(|mark| (mark.to, mark.from)).collect();
    if places.len() < number as usize {
        return false;
    }
    places.sort_unstable();
    let (mut count, mut end) = (0, 0);
    for (to, from) in places {
        if from >= end {
            (count, end) = (count + 1, to);
        }
    }
    count >= number
}
