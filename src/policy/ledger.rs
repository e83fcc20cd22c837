//! [`Ledger`]: what was seen in a turn, and which clauses of which rules it makes true.
//!
//! A clause sleeps until something was seen for each of its atoms: until then it cannot come true,
//! whatever else is seen. Then it is told of the hits so far, in their order, and of every further
//! one at once. Most clauses never wake, so most hits are only written down. Per awake clause: which
//! atoms hold, which anchors wait for a `near`, which only for the rest. Work per hit is in
//! proportion to the awake clauses that read it and to what lies within their reach, never to the
//! length of the text. A ledger without hits holds no heap memory.

use std::collections::BTreeSet;

use super::clause::{Atom, Clause};
use super::frame::{Frame, Share};
use super::judge::{Detection, Horizon, NOT_REACH};
use super::log::{Listener, Log};
use super::mark::{Cut, Mark};
use super::rule::RuleIx;
use super::track::{Pending, Track, deadline};
use crate::detect::{SignalId, SignalSet};
use crate::text::Span;
use crate::text::steps;

/// What was seen and what follows.
#[derive(Debug)]
pub(super) struct Ledger {
    share: Share,
    log: Log,
    /// By clause: atoms for which nothing was seen yet, one bit each.
    lacks: Vec<u32>,
    /// Clauses that are awake, in the order in which they woke.
    tracks: Vec<(u32, Track)>,
    /// By deadline, then in order of arrival.
    pending: Vec<Pending>,
    /// Rule and completing hit of detections.
    told: BTreeSet<(RuleIx, u32)>,
}

impl Ledger {
    pub const fn new(share: Share) -> Self {
        Self {
            share,
            log: Log::new(),
            lacks: Vec::new(),
            tracks: Vec::new(),
            pending: Vec::new(),
            told: BTreeSet::new(),
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

    /// Whether a rule that withholds text reads one of the signals.
    pub fn may_withhold(&self, frame: &Frame, signals: SignalSet) -> bool {
        let signals = frame.set.detectors.signals(signals).iter();
        let mut readers = signals.flat_map(|signal| frame.set.readers(*signal));
        readers.any(|(at, _)| {
            let placed = &frame.set.clauses[*at as usize];
            frame.judges(placed, self.share) && frame.action(placed.rule).withholds()
        })
    }

    /// Signals seen.
    pub fn signals(&self, frame: &Frame) -> BTreeSet<SignalId> {
        let members = |set| frame.set.detectors.signals(set).iter().copied();
        self.log.sets().flat_map(members).collect()
    }

    /// One more hit.
    pub fn add(&mut self, frame: &Frame, mark: Mark, found: &mut Vec<Detection>) {
        let detectors = &frame.set.detectors;
        let fresh = self.log.is_new(mark.signals);
        let mark = self.log.write(detectors, mark);
        self.excuse(frame, &mark);
        if fresh {
            self.wake(frame, &mark, found);
        }
        if self.tracks.is_empty() {
            return;
        }
        let twin = self.log.has_twin(&mark);
        for &signal in detectors.signals(mark.signals) {
            if twin && self.log.repeats(signal, &mark) {
                continue;
            }
            for at in 0..self.log.listeners(signal).len() {
                let listener = self.log.listeners(signal)[at];
                self.feed(frame, listener, (signal, &mark), found);
            }
        }
    }

    /// Wakes the clauses for which the first hit of these signals was the last that they lacked.
    fn wake(&mut self, frame: &Frame, mark: &Mark, found: &mut Vec<Detection>) {
        if self.lacks.is_empty() {
            self.lacks = frame.set.needs.iter().map(|(all, _)| *all).collect();
            for signal in &frame.carried {
                self.carry(frame, *signal);
            }
        }
        let mut awake = Vec::new();
        for signal in frame.set.detectors.signals(mark.signals) {
            for &(at, bits) in frame.set.readers(*signal) {
                let lacks = &mut self.lacks[at as usize];
                if *lacks & bits != 0 {
                    *lacks &= !bits;
                    if *lacks == 0 {
                        awake.push(at);
                    }
                }
            }
        }
        for at in awake {
            let placed = &frame.set.clauses[at as usize];
            if !frame.judges(placed, self.share) {
                continue;
            }
            for signal in placed.clause.signals() {
                self.log.follow(&frame.set.detectors, signal);
            }
            let track = self.tracks.len() as u32;
            self.tracks.push((at, track_of(frame, &placed.clause)));
            let listeners = listeners(&placed.clause, at, track);
            for (signal, listener) in &listeners {
                self.log.listen(*signal, *listener);
            }
            self.relive(frame, &listeners, mark.id, found);
        }
    }

    /// Notes which atoms a signal of the prompt makes true. The anchor has to be in the turn itself.
    fn carry(&mut self, frame: &Frame, signal: SignalId) {
        for &(at, bits) in frame.set.readers(signal) {
            let clause = &frame.set.clauses[at as usize].clause;
            let anchor = clause.need.iter().position(|atom| atom.anchors().is_some());
            for (bit, atom) in clause.need.iter().enumerate() {
                if matches!(atom, Atom::Any(_)) && Some(bit) != anchor {
                    self.lacks[at as usize] &= !(bits & 1 << bit);
                }
            }
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
        let moved = cut.is_some_and(|cut| self.log.shift(cut));
        let gone = self.log.forget(&frame.set.detectors, part, span);
        if gone.is_empty() && !moved {
            return;
        }
        let clauses = self.tracks.iter().zip(0..);
        let mut clauses: Vec<(u32, u32)> = clauses.map(|(one, track)| (one.0, track)).collect();
        clauses.sort_unstable();
        for (at, track) in clauses {
            let clause = &frame.set.clauses[at as usize].clause;
            if moved || clause.signals().any(|signal| gone.contains(&signal)) {
                self.replay(frame, at, track, found);
            }
        }
    }

    /// The end and the length, in symbols, of the longest hit that is exactly `span`.
    pub fn extent(&self, part: u32, span: Span) -> Option<(u32, u32)> {
        let marks = self.log.marks();
        let here = marks.filter(|mark| mark.part == part && mark.span == span);
        here.map(|mark| (mark.to, mark.to - mark.from))
            .max_by_key(|(_, length)| *length)
    }

    fn marks(&self, signal: SignalId) -> &[Mark] {
        self.log.of(signal)
    }

    /// Lets an awake clause know of a hit of a signal that it reads.
    fn feed(
        &mut self,
        frame: &Frame,
        listener: Listener,
        (signal, mark): (SignalId, &Mark),
        found: &mut Vec<Detection>,
    ) {
        steps::step();
        let (at, place) = (listener.clause, listener.track as usize);
        let (all, nears) = frame.set.needs[at as usize];
        let track = &self.tracks[place].1;
        let news = listener.atoms & !nears & !track.held;
        let closer = listener.atoms & nears != 0 && !track.open.is_empty();
        // Most hits change nothing: the clause has the like already.
        if news == 0 && !closer && !listener.anchors {
            return;
        }
        let need = &frame.set.clauses[at as usize].clause.need;
        let mut held = track.held;
        for (bit, atom) in need.iter().enumerate() {
            if news >> bit & 1 != 0 && self.holds(frame, atom, (signal, mark)) {
                held |= 1 << bit;
            }
        }
        let own = listener.anchors.then(|| self.nears(frame, need, mark));
        let track = &mut self.tracks[place].1;
        track.held = held;
        track.approach(frame, need, (signal, mark), nears);
        if let Some(has) = own {
            if has == nears {
                track.ready.push(*mark);
            } else {
                track.open.push((*mark, has));
            }
        }
        if held | nears == all && !track.ready.is_empty() {
            let anchors = std::mem::take(&mut track.ready);
            self.complete(frame, at, mark, anchors, found);
        }
    }

    /// Whether a hit makes an atom true that does not depend on the anchor. Hits that arrived after
    /// it do not count: when a clause is judged again they are already there.
    fn holds(&self, frame: &Frame, atom: &Atom, (signal, mark): (SignalId, &Mark)) -> bool {
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
                first.contains(&signal) && self.followed(frame, second, mark, *distance, known)
                    || second.contains(&signal) && self.led(first, mark, *distance, known)
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
            near.any(|other| {
                steps::step();
                other.from >= mark.to && other.from <= last && counts(other)
            })
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
                steps::step();
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
        let signals = frame.set.detectors.signals(mark.signals);
        let mut pending = std::mem::take(&mut self.pending);
        pending.retain_mut(|one| {
            let clause = &frame.set.clauses[one.clause as usize].clause;
            let mut unless = clause.unless.iter().flat_map(Atom::signals);
            if unless.any(|signal| signals.contains(&signal)) {
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
    fn replay(&mut self, frame: &Frame, at: u32, track: u32, found: &mut Vec<Detection>) {
        let clause = &frame.set.clauses[at as usize].clause;
        self.pending.retain(|pending| pending.clause != at);
        self.tracks[track as usize].1 = track_of(frame, clause);
        let listeners = listeners(clause, at, track);
        self.relive(frame, &listeners, u32::MAX, found);
    }

    /// Tells a clause of all hits before `until`, in their order.
    fn relive(
        &mut self,
        frame: &Frame,
        listeners: &[(SignalId, Listener)],
        until: u32,
        found: &mut Vec<Detection>,
    ) {
        let mut marks: Vec<(Mark, SignalId, Listener)> = Vec::new();
        for &(signal, listener) in listeners {
            let before = self.marks(signal).iter().filter(|mark| mark.id < until);
            marks.extend(before.map(|mark| (*mark, signal, listener)));
        }
        marks.sort_by_key(|(mark, ..)| mark.id);
        for (mark, signal, listener) in &marks {
            self.feed(frame, *listener, (*signal, mark), found);
        }
    }
}

/// A clause of which nothing was seen in the turn.
fn track_of(frame: &Frame, clause: &Clause) -> Track {
    let carried = |atom: &Atom| matches!(atom, Atom::Any(names) if frame.carries(names));
    let held = clause.need.iter().enumerate();
    let held = held.filter(|(_, atom)| carried(atom));
    Track {
        held: held.fold(0, |held, (bit, _)| held | 1 << bit),
        ..Track::default()
    }
}

/// What a clause listens to, by signal.
fn listeners(clause: &Clause, at: u32, track: u32) -> Vec<(SignalId, Listener)> {
    let mut signals: Vec<SignalId> = clause.need.iter().flat_map(Atom::signals).collect();
    signals.sort_unstable();
    signals.dedup();
    let listener = |signal: SignalId| {
        let atoms = clause.need.iter().enumerate();
        let atoms = atoms.filter(|(_, atom)| atom.reads(signal));
        let listener = Listener {
            clause: at,
            track,
            atoms: atoms.fold(0, |atoms, (bit, _)| atoms | 1 << bit),
            anchors: clause.anchors.contains(&signal),
        };
        (signal, listener)
    };
    signals.into_iter().map(listener).collect()
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
