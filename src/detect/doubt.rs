//! [`Doubts`]: matches that only a lossy view shows, until the text around them says whether they
//! count.
//!
//! Sounds collide: a two-character homophone is an ordinary word more often than a disguise (菠菜 is
//! a vegetable). The rules of `reference/evasion.md`, sections 2 and 4: a candidate must begin and
//! end where words do, which cuts the noise of two characters 16 to 33 times, and two characters
//! need a second signal near by.

use super::Detectors;
use super::align::{is_aligned, is_word};
use super::lane::Found;
use super::window::Tape;

/// What a match needs beside itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// It is certain.
    Nothing,
    /// It must not be an ordinary word itself.
    NoWord,
    /// It begins and ends where words do, or else a second signal.
    Alignment,
    /// A second signal near by.
    Second,
    /// Both.
    Both,
}

/// Symbols between a doubtful match and its second signal at most.
const NEAR: u32 = 30;

/// Symbols after a match that segmenting looks at: the longest common words have four.
const RIGHT: u32 = 6;

/// Symbols after a match within which a second signal must be certain. Links and handles take
/// longer than words, and until then a stream waits.
const PATIENCE: u32 = 64;

/// Symbols of a match around which words are looked at; wider ones are full of separators.
const WIDEST: u32 = 48;

/// Symbols after which a certain match is no second signal for anything to come.
const MEMORY: u32 = 2 * PATIENCE;

/// Doubtful matches of one lane.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    open: Vec<Doubt>,
    /// Matches that may be second signals.
    known: Vec<Found>,
    /// Symbols up to which everything has been decided that could be.
    moment: u32,
    /// Whether something became due or open since everything was decided: until then only a match
    /// that concerns something in doubt can change a verdict.
    stale: bool,
    /// Whether the text has ended.
    ended: bool,
}

#[derive(Debug, Clone, Copy)]
struct Doubt {
    found: Found,
    /// Whether it begins and ends where words do or is no word itself, as it needs; looked up once.
    apart: Option<bool>,
}

impl Doubts {
    /// Takes the doubtful matches out of `found[from..]` and puts in those of which the doubt
    /// went, with the symbol at which it did.
    pub(super) fn settle(
        &mut self,
        detectors: &Detectors,
        tape: &Tape,
        from: usize,
        found: &mut Vec<Found>,
    ) {
        if self.open.is_empty() && found.len() == from {
            return;
        }
        let mut fresh: Vec<Found> = found.drain(from..).collect();
        fresh.sort_by_key(|found| found.ripe);
        for match_ in fresh {
            self.pass(detectors, tape, match_.ripe, found);
            if match_.needs == Needs::Nothing {
                found.push(match_);
                self.known.push(match_);
                if self.stale || self.concerns(detectors, &match_) {
                    self.decide(detectors, tape, match_.ripe, found);
                }
            } else {
                self.stale = true;
                self.open.push(Doubt {
                    found: match_,
                    apart: None,
                });
            }
        }
        self.pass(detectors, tape, tape.len(), found);
        let read = tape.len();
        self.open.retain(|doubt| read <= doubt.found.to + PATIENCE);
        self.known.retain(|known| known.to + MEMORY >= tape.len());
    }

    /// The text ends: what is not settled now never will be.
    pub(super) fn finish(
        &mut self,
        detectors: &Detectors,
        tape: &Tape,
        from: usize,
        found: &mut Vec<Found>,
    ) {
        self.settle(detectors, tape, from, found);
        // Nothing more follows: whatever is open can be decided now.
        self.ended = true;
        self.decide(detectors, tape, tape.len(), found);
        self.open.clear();
    }

    /// Goes through what happens until `read` symbols have been read, one moment after another, so
    /// that it does not matter how many came at once.
    fn pass(&mut self, detectors: &Detectors, tape: &Tape, read: u32, found: &mut Vec<Found>) {
        while self.moment < read {
            let later = |due: &u32| *due > self.moment && *due <= read;
            let next = self.open.iter().map(Doubt::due).filter(later).min();
            let Some(moment) = next else { break };
            self.moment = moment;
            let mut at = 0;
            while at < self.open.len() {
                // What was due before waits for a second signal, which was none of these.
                let due = self.open[at].due() == moment;
                self.stale |= due;
                match due.then(|| self.verdict(detectors, tape, at, moment)) {
                    Some(Some(true)) => {
                        self.decide(detectors, tape, moment, found);
                        at = 0;
                    }
                    Some(Some(false)) => {
                        self.open.remove(at);
                    }
                    Some(None) | None => at += 1,
                }
            }
        }
        self.moment = read;
    }

    /// Whether a certain match is the second sign of something in doubt.
    fn concerns(&self, detectors: &Detectors, certain: &Found) -> bool {
        let counts = |doubt: &Doubt| vouches(detectors, certain, &doubt.found);
        self.open.iter().any(counts)
    }

    /// Reports whatever counts by now, and what counts by that.
    fn decide(&mut self, detectors: &Detectors, tape: &Tape, moment: u32, found: &mut Vec<Found>) {
        let mut at = 0;
        while at < self.open.len() {
            match self.verdict(detectors, tape, at, moment) {
                Some(counts) => {
                    let doubtful = self.open.remove(at).found;
                    if counts && !self.is_known(doubtful) {
                        let ripe = doubtful.ripe.max(moment);
                        let certain = Found { ripe, ..doubtful };
                        found.push(certain);
                        self.known.push(certain);
                        at = 0;
                    }
                }
                None => at += 1,
            }
        }
        self.stale = false;
    }

    /// Whether the same was found with less doubt.
    fn is_known(&self, found: Found) -> bool {
        let place = |found: &Found| (found.signal, found.start, found.from, found.to);
        self.known.iter().any(|known| place(known) == place(&found))
    }

    /// Whether a match counts; `None` while that is open.
    fn verdict(
        &mut self,
        detectors: &Detectors,
        tape: &Tape,
        at: usize,
        moment: u32,
    ) -> Option<bool> {
        let doubtful = self.open[at].found;
        if !self.is_due(at, moment) {
            return None;
        }
        // The words around are looked at last: that costs most.
        match doubtful.needs {
            Needs::Nothing => Some(true),
            Needs::Second => self
                .second(detectors, tape, doubtful, moment)
                .then_some(true),
            Needs::NoWord | Needs::Alignment => {
                let counts =
                    self.is_apart(tape, at) || self.second(detectors, tape, doubtful, moment);
                counts.then_some(true)
            }
            Needs::Both => {
                let second = self.second(detectors, tape, doubtful, moment);
                second.then(|| self.is_apart(tape, at))
            }
        }
    }

    /// Whether something near by makes the match likely.
    fn second(&mut self, detectors: &Detectors, tape: &Tape, doubtful: Found, moment: u32) -> bool {
        let counts =
            |known: &Found| known.to + MEMORY >= moment && vouches(detectors, known, &doubtful);
        if self.known.iter().any(counts) {
            return true;
        }
        (0..self.open.len()).any(|at| {
            let other = self.open[at];
            other.found.signal == doubtful.signal
                && self.is_due(at, moment)
                && is_near(&other.found, &doubtful)
                && self.is_apart(tape, at)
        })
    }

    fn is_due(&self, at: usize, moment: u32) -> bool {
        let doubt = &self.open[at];
        self.ended || (doubt.due() <= moment && moment <= doubt.found.to + PATIENCE)
    }

    /// Whether it begins and ends where words do, or is no word itself, as it needs.
    fn is_apart(&mut self, tape: &Tape, at: usize) -> bool {
        let doubt = self.open[at];
        let apart = doubt.apart.unwrap_or_else(|| {
            let Found { from, to, .. } = doubt.found;
            let seen = (to + RIGHT).min(tape.len());
            match doubt.found.needs {
                _ if to - from > WIDEST => false,
                Needs::NoWord => !is_word(from, to, tape.before(seen)),
                Needs::Nothing | Needs::Second => true,
                Needs::Alignment | Needs::Both => is_aligned(from, to, tape.before(seen), seen),
            }
        });
        self.open[at].apart = Some(apart);
        apart
    }

    /// First byte of the earliest match in doubt that text waits for.
    pub(super) fn earliest(&self, detectors: &Detectors) -> Option<u32> {
        let held = |doubt: &&Doubt| detectors.holds(doubt.found.signal);
        let open = self.open.iter().filter(held);
        open.map(|doubt| doubt.found.start).min()
    }

    /// Matches that may yet count.
    pub(super) fn unripe(&self) -> impl Iterator<Item = Found> {
        self.open.iter().map(|doubt| doubt.found)
    }
}

impl Doubt {
    /// Symbols after which the words around it can be looked at.
    fn due(&self) -> u32 {
        (self.found.to + RIGHT).max(self.found.ripe)
    }
}

/// Whether a certain match is a second sign of a doubtful one.
fn vouches(detectors: &Detectors, certain: &Found, doubtful: &Found) -> bool {
    is_near(certain, doubtful) && detectors.vouches(certain.signal, doubtful.signal)
}

/// Whether both lie apart, within [`NEAR`] symbols.
fn is_near(one: &Found, other: &Found) -> bool {
    let (first, second) = match one.from <= other.from {
        true => (one, other),
        false => (other, one),
    };
    first.to <= second.from && second.from - first.to <= NEAR
}
