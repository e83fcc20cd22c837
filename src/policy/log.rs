//! [`Log`]: every hit of a turn, once; and, for the signals that somebody asked for, theirs by place.

use super::mark::{Cut, Mark};
use crate::detect::{Detectors, SignalId, SignalSet};
use crate::text::Span;

/// No entry.
const NONE: u32 = u32::MAX;

/// One hit.
#[derive(Debug, Clone, Copy)]
struct Entry {
    mark: Mark,
    /// The one before it of the same set.
    before: u32,
    /// Whether it was redacted.
    gone: bool,
}

/// A clause that is told of each hit of a signal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listener {
    pub clause: u32,
    /// Where its ledger keeps how it stands.
    pub track: u32,
    /// The atoms that read the signal, one bit each.
    pub atoms: u32,
    /// Whether the hit is an anchor.
    pub anchors: bool,
}

/// A signal that is followed.
#[derive(Debug)]
struct Followed {
    /// By end.
    marks: Vec<Mark>,
    /// By clause.
    listeners: Vec<Listener>,
}

/// Every hit of a turn.
#[derive(Debug)]
pub(super) struct Log {
    /// In the order of arrival; a mark's id is its index.
    entries: Vec<Entry>,
    /// By set: its newest entry.
    newest: Vec<u32>,
    /// By signal: where in `followed` it is.
    places: Vec<u32>,
    followed: Vec<Followed>,
}

impl Log {
    pub const fn new() -> Self {
        Self {
            entries: Vec::new(),
            newest: Vec::new(),
            places: Vec::new(),
            followed: Vec::new(),
        }
    }

    /// Whether no hit of this set was written yet.
    pub fn is_new(&self, set: SignalSet) -> bool {
        let newest = self.newest.get(set.0 as usize);
        newest.is_none_or(|&newest| newest == NONE)
    }

    /// Writes a hit down; returns it with its number.
    pub fn write(&mut self, detectors: &Detectors, mark: Mark) -> Mark {
        if self.newest.is_empty() {
            self.newest = vec![NONE; detectors.sets().count()];
        }
        let id = self.entries.len() as u32;
        let mark = Mark { id, ..mark };
        let newest = &mut self.newest[mark.signals.0 as usize];
        self.entries.push(Entry {
            mark,
            before: std::mem::replace(newest, id),
            gone: false,
        });
        if !self.followed.is_empty() {
            for &signal in detectors.signals(mark.signals) {
                if let Some(place) = self.place(signal) {
                    insert(&mut self.followed[place].marks, mark);
                }
            }
        }
        mark
    }

    /// Keeps the hits of a signal by place from now on, those so far included.
    pub fn follow(&mut self, detectors: &Detectors, signal: SignalId) {
        if self.place(signal).is_some() {
            return;
        }
        let mut marks = Vec::new();
        for &set in detectors.sets_of(signal) {
            let mut at = self.newest.get(set.0 as usize).copied().unwrap_or(NONE);
            while let Some(entry) = self.entries.get(at as usize) {
                if !entry.gone {
                    marks.push(entry.mark);
                }
                at = entry.before;
            }
        }
        marks.sort_unstable_by_key(|mark| (mark.to, mark.from, mark.id));
        marks.dedup_by(|later, mark| is_same(mark, later));
        let index = signal.0 as usize;
        if self.places.len() <= index {
            self.places.resize(index + 1, NONE);
        }
        self.places[index] = self.followed.len() as u32;
        let listeners = Vec::new();
        self.followed.push(Followed { marks, listeners });
    }

    /// A clause is told of each hit of a signal that is followed.
    pub fn listen(&mut self, signal: SignalId, listener: Listener) {
        if let Some(place) = self.place(signal) {
            let listeners = &mut self.followed[place].listeners;
            let at = listeners.partition_point(|other| other.clause < listener.clause);
            listeners.insert(at, listener);
        }
    }

    /// The clauses that are told of each hit of a signal.
    pub fn listeners(&self, signal: SignalId) -> &[Listener] {
        self.place(signal)
            .map_or(&[], |place| &self.followed[place].listeners)
    }

    /// The hits of a signal that is followed, by end.
    pub fn of(&self, signal: SignalId) -> &[Mark] {
        self.place(signal)
            .map_or(&[], |place| &self.followed[place].marks)
    }

    /// Whether the hit before this one stands at the same place.
    pub fn has_twin(&self, mark: &Mark) -> bool {
        let before = self.entries[..mark.id as usize].last();
        before.is_some_and(|entry| (entry.mark.to, entry.mark.now) == (mark.to, mark.now))
    }

    /// Whether another hit stands for this one: words of two sets can be read at one place.
    pub fn repeats(&self, signal: SignalId, mark: &Mark) -> bool {
        let marks = self.of(signal);
        let first = marks.partition_point(|other| (other.to, other.from) < (mark.to, mark.from));
        let same = marks[first..]
            .iter()
            .take_while(|other| other.to == mark.to);
        let mut same = same.filter(|other| is_same(other, mark));
        same.any(|other| other.id != mark.id)
    }

    /// Every hit.
    pub fn marks(&self) -> impl Iterator<Item = &Mark> {
        let there = self.entries.iter().filter(|entry| !entry.gone);
        there.map(|entry| &entry.mark)
    }

    /// The sets of all hits, again and again.
    pub fn sets(&self) -> impl Iterator<Item = SignalSet> + '_ {
        self.marks().map(|mark| mark.signals)
    }

    /// Takes hits inside `span` out; returns the signals of which it took any.
    pub fn forget(&mut self, detectors: &Detectors, part: u32, span: Span) -> Vec<SignalId> {
        let inside = |mark: &Mark| mark.part == part && span.contains(mark.span);
        let mut gone = Vec::new();
        for entry in &mut self.entries {
            if !entry.gone && inside(&entry.mark) {
                entry.gone = true;
                gone.extend(detectors.signals(entry.mark.signals));
            }
        }
        gone.sort_unstable();
        gone.dedup();
        for &signal in &gone {
            if let Some(place) = self.place(signal) {
                self.followed[place].marks.retain(|mark| !inside(mark));
            }
        }
        gone
    }

    /// Moves what stands behind a cut; whether anything did.
    pub fn shift(&mut self, cut: Cut) -> bool {
        let mut moved = false;
        let marks = self.entries.iter_mut().filter(|entry| !entry.gone);
        for entry in marks.filter(|entry| entry.mark.from >= cut.at) {
            entry.mark.shift(cut);
            moved = true;
        }
        for Followed { marks, .. } in &mut self.followed {
            for mark in marks.iter_mut().filter(|mark| mark.from >= cut.at) {
                mark.shift(cut);
            }
            marks.sort_by_key(|mark| (mark.to, mark.from));
        }
        moved
    }

    fn place(&self, signal: SignalId) -> Option<usize> {
        let place = self.places.get(signal.0 as usize).copied()?;
        (place != NONE).then_some(place as usize)
    }
}

/// One more hit, by its end; one at the same place that came before it stands for it.
fn insert(marks: &mut Vec<Mark>, mark: Mark) {
    let at = marks.partition_point(|other| (other.to, other.from) <= (mark.to, mark.from));
    let mut before = marks[..at].iter().rev();
    let mut before = before.by_ref().take_while(|other| other.to == mark.to);
    if !before.any(|other| is_same(other, &mark)) {
        marks.insert(at, mark);
    }
}

/// Whether both stand at one place and became certain at once.
fn is_same(one: &Mark, other: &Mark) -> bool {
    let place = |mark: &Mark| (mark.part, mark.span, mark.from, mark.to, mark.now);
    place(one) == place(other)
}
