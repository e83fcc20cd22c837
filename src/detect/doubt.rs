//! [`Doubts`]: matches that only a lossy view shows, until the text around them says whether they
//! count.
//!
//! Sounds collide: a two-character homophone is an ordinary word more often than a disguise (菠菜 is
//! a vegetable). The rules of `reference/evasion.md`, sections 2 and 4: a candidate must begin and
//! end where words do, which cuts the noise of two characters 16 to 33 times, and two characters
//! need a second signal near by. The same word once more is none.

use super::Detectors;
use super::align::{is_aligned, is_among, is_word};
use super::lane::Found;
use super::window::Tape;
use crate::text::steps;

/// What a match needs beside itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// It is certain.
    Nothing,
    /// It must not be an ordinary word itself.
    NoWord,
    /// It begins and ends where words do, or else a second signal.
    Alignment,
    /// It stands among Han, or else a second signal.
    Among,
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

/// Doubtful matches after which those whose time is over are dropped: each one looks at all others, and a
/// batch of symbols holds some hundred.
const SWEEP: usize = 8;

/// Doubtful matches of one lane.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    open: Vec<Doubt>,
    /// Matches that may be second signals, in the order in which they became certain.
    known: Vec<Found>,
    /// How many of those were forgotten before the first of them.
    forgotten: usize,
    /// Reused by [`Doubts::settle`].
    fresh: Vec<Found>,
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
    /// Signals of its set that are still in doubt, one bit each.
    left: u64,
    /// Signals of its set that one of the first so many known matches is a second sign of.
    vouched: u64,
    looked: usize,
    /// Whether it begins and ends where words do, is no word itself or stands among Han, as it needs; looked up once.
    apart: Option<bool>,
}

/// What is known of a match in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Nothing yet.
    Open,
    /// It counts for these of its signals.
    Counts(u64),
    /// It is an ordinary word.
    Never,
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
        let mut fresh = std::mem::take(&mut self.fresh);
        fresh.extend(found.drain(from..));
        fresh.sort_by_key(|found| found.ripe);
        for match_ in fresh.drain(..) {
            self.pass(detectors, tape, match_.ripe, found);
            if match_.needs == Needs::Nothing {
                found.push(match_);
                self.known.push(match_);
                if self.stale || self.concerns(detectors, &match_) {
                    self.decide(detectors, tape, match_.ripe, found);
                }
            } else {
                self.stale = true;
                if self.open.len().is_multiple_of(SWEEP) {
                    self.forget(match_.ripe);
                }
                self.open.push(Doubt {
                    found: match_,
                    left: detectors.sets.whole(match_.signals),
                    vouched: 0,
                    looked: 0,
                    apart: None,
                });
            }
        }
        self.fresh = fresh;
        self.pass(detectors, tape, tape.len(), found);
        let read = tape.len();
        self.forget(read);
        let old = self.known.iter();
        let old = old.take_while(|known| known.to + MEMORY < read).count();
        self.known.drain(..old);
        self.forgotten += old;
    }

    /// Drops the matches whose time is over when so many symbols have been read: nothing settles them, and
    /// they settle nothing.
    fn forget(&mut self, read: u32) {
        self.open.retain(|doubt| read <= doubt.found.to + PATIENCE);
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
                    Some(Verdict::Counts(_)) => {
                        self.decide(detectors, tape, moment, found);
                        at = 0;
                    }
                    Some(Verdict::Never) => {
                        self.open.remove(at);
                    }
                    Some(Verdict::Open) | None => at += 1,
                }
            }
        }
        self.moment = read;
    }

    /// Whether a certain match is the second sign of something in doubt.
    fn concerns(&self, detectors: &Detectors, certain: &Found) -> bool {
        let counts = |doubt: &Doubt| {
            is_near(certain, &doubt.found)
                && detectors.sets.vouched(certain.signals, doubt.found.signals) & doubt.left != 0
        };
        self.open.iter().any(counts)
    }

    /// Reports whatever counts by now, and what counts by that.
    fn decide(&mut self, detectors: &Detectors, tape: &Tape, moment: u32, found: &mut Vec<Found>) {
        let mut at = 0;
        while at < self.open.len() {
            match self.verdict(detectors, tape, at, moment) {
                Verdict::Counts(bits) => {
                    let doubtful = self.open[at].found;
                    self.open[at].left &= !bits;
                    if self.open[at].left == 0 {
                        self.open.remove(at);
                    }
                    let fresh = bits & !self.known_of(detectors, doubtful);
                    for signals in detectors.sets.parts(doubtful.signals, fresh) {
                        let ripe = doubtful.ripe.max(moment);
                        let certain = Found {
                            signals,
                            ripe,
                            ..doubtful
                        };
                        found.push(certain);
                        self.known.push(certain);
                    }
                    if fresh != 0 {
                        at = 0;
                    }
                }
                Verdict::Never => {
                    self.open.remove(at);
                }
                Verdict::Open => at += 1,
            }
        }
        self.stale = false;
    }

    /// The signals of which the same was found with less doubt.
    fn known_of(&self, detectors: &Detectors, found: Found) -> u64 {
        let place = |found: &Found| (found.start, found.from, found.to);
        let same = self.known.iter();
        let same = same.filter(|known| place(known) == place(&found));
        let shared = same.map(|known| detectors.sets.shared(found.signals, known.signals));
        shared.fold(0, |all, bits| all | bits)
    }

    /// Whether a match counts.
    fn verdict(&mut self, detectors: &Detectors, tape: &Tape, at: usize, moment: u32) -> Verdict {
        if !self.is_due(at, moment) {
            return Verdict::Open;
        }
        let Doubt { found, left, .. } = self.open[at];
        // The words around are looked at last: that costs most.
        let bits = match found.needs {
            Needs::Nothing => left,
            Needs::Second => self.second(detectors, tape, at, moment),
            Needs::NoWord | Needs::Alignment | Needs::Among if self.is_apart(tape, at) => left,
            Needs::NoWord | Needs::Alignment | Needs::Among => {
                self.second(detectors, tape, at, moment)
            }
            Needs::Both => match self.second(detectors, tape, at, moment) {
                0 => 0,
                _ if !self.is_apart(tape, at) => return Verdict::Never,
                bits => bits,
            },
        };
        match bits {
            0 => Verdict::Open,
            bits => Verdict::Counts(bits),
        }
    }

    /// The signals in doubt that something near by makes likely.
    fn second(&mut self, detectors: &Detectors, tape: &Tape, at: usize, moment: u32) -> u64 {
        let Doubt { found, left, .. } = self.open[at];
        self.look(detectors, at, moment);
        let mut bits = self.open[at].vouched;
        if bits & left == left {
            return left;
        }
        for other in 0..self.open.len() {
            steps::step();
            let one = &self.open[other];
            if !detectors.sets.may_share(found.signals, one.found.signals) {
                continue;
            }
            let shared = match is_near(&one.found, &found) && self.is_due(other, moment) {
                true => detectors.sets.shared(found.signals, one.found.signals),
                false => 0,
            };
            let fresh = shared & left & !bits != 0;
            let whole = self.open[other].found.needs == Needs::Among;
            if fresh && !self.is_same(tape, at, other) && (whole || self.is_apart(tape, other)) {
                bits |= shared;
            }
        }
        bits & left
    }

    /// Whether two doubts are about the same word: who says it twice has said one thing. An honest
    /// text about 菠菜 does.
    fn is_same(&self, tape: &Tape, at: usize, other: usize) -> bool {
        let (one, two) = (&self.open[at].found, &self.open[other].found);
        let seen = (one.to.max(two.to) + RIGHT).min(tape.len());
        let window = tape.before(seen);
        let symbol = |index: u32| window.get(index).map(|seen| seen.symbol.ch);
        let length = one.to - one.from;
        length == two.to - two.from
            && length <= WIDEST
            && (0..length).all(|step| symbol(one.from + step) == symbol(two.from + step))
    }

    /// Notes what the known matches that were not yet looked at are second signs of. Whatever counts
    /// is taken out of what is left at the same moment, so none has to be looked at twice.
    fn look(&mut self, detectors: &Detectors, at: usize, moment: u32) {
        let doubt = &mut self.open[at];
        let fresh = doubt.looked.saturating_sub(self.forgotten);
        for known in &self.known[fresh..] {
            steps::step();
            if is_near(known, &doubt.found) && known.to + MEMORY >= moment {
                doubt.vouched |= detectors.sets.vouched(known.signals, doubt.found.signals);
            }
        }
        doubt.looked = self.forgotten + self.known.len();
    }

    fn is_due(&self, at: usize, moment: u32) -> bool {
        let doubt = &self.open[at];
        self.ended || (doubt.due() <= moment && moment <= doubt.found.to + PATIENCE)
    }

    /// Whether it begins and ends where words do, is no word itself or stands among Han, as it needs.
    fn is_apart(&mut self, tape: &Tape, at: usize) -> bool {
        let doubt = self.open[at];
        let apart = doubt.apart.unwrap_or_else(|| {
            let Found { from, to, .. } = doubt.found;
            let seen = (to + RIGHT).min(tape.len());
            match doubt.found.needs {
                _ if to - from > WIDEST => false,
                Needs::NoWord => !is_word(from, to, tape.before(seen)),
                Needs::Nothing | Needs::Second => true,
                Needs::Among => is_among(from, to, tape.before(seen)),
                Needs::Alignment | Needs::Both => is_aligned(from, to, tape.before(seen), seen),
            }
        });
        self.open[at].apart = Some(apart);
        apart
    }

    /// First byte of the earliest match in doubt that text waits for.
    pub(super) fn earliest(&self, detectors: &Detectors) -> Option<u32> {
        let held = |doubt: &&Doubt| detectors.holds(doubt.found.signals);
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

/// Whether both lie apart, within [`NEAR`] symbols.
#[inline]
fn is_near(one: &Found, other: &Found) -> bool {
    let (first, second) = match one.from <= other.from {
        true => (one, other),
        false => (other, one),
    };
    first.to <= second.from && second.from - first.to <= NEAR
}
