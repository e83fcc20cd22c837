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
use super::window::{Tape, Window};

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

/// Symbols after which a certain match is no second signal for anything to come.
const MEMORY: u32 = 2 * PATIENCE;

/// Doubtful matches of one lane.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    open: Vec<Doubt>,
    /// Matches that may be second signals.
    known: Vec<Found>,
}

#[derive(Debug, Clone, Copy)]
struct Doubt {
    found: Found,
    /// Whether it begins and ends where words do and is no word itself; unknown before [`RIGHT`].
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
                self.decide(detectors, match_.ripe, found);
            } else {
                self.open.push(Doubt {
                    found: match_,
                    apart: None,
                });
            }
        }
        self.pass(detectors, tape, tape.len(), found);
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
        self.look(tape, tape.len(), true);
        self.decide(detectors, tape.len(), found);
        self.open.clear();
    }

    /// Goes through what happens until `read` symbols have been read, one moment after another, so
    /// that it does not matter how many came at once.
    fn pass(&mut self, detectors: &Detectors, tape: &Tape, read: u32, found: &mut Vec<Found>) {
        loop {
            let undecided = self.open.iter().filter(|doubt| doubt.apart.is_none());
            let Some(moment) = undecided.map(Doubt::due).min().filter(|due| *due <= read) else {
                break;
            };
            self.expire(moment);
            self.look(tape, moment, false);
            self.decide(detectors, moment, found);
        }
        self.expire(read);
    }

    fn expire(&mut self, read: u32) {
        self.open.retain(|doubt| read <= doubt.found.to + PATIENCE);
    }

    /// Looks at the words around whatever has enough text after it.
    fn look(&mut self, tape: &Tape, moment: u32, ended: bool) {
        for doubt in &mut self.open {
            if doubt.apart.is_none() && (ended || doubt.due() <= moment) {
                let seen = (doubt.found.to + RIGHT).min(moment);
                doubt.apart = Some(is_apart(doubt.found, tape.before(moment), seen));
            }
        }
    }

    /// Reports whatever counts by now, and what counts by that.
    fn decide(&mut self, detectors: &Detectors, moment: u32, found: &mut Vec<Found>) {
        let mut at = 0;
        while at < self.open.len() {
            let doubt = self.open[at];
            match self.verdict(detectors, doubt, moment) {
                Some(counts) => {
                    self.open.remove(at);
                    if counts && !self.is_known(doubt.found) {
                        let ripe = doubt.found.ripe.max(moment);
                        let certain = Found {
                            ripe,
                            ..doubt.found
                        };
                        found.push(certain);
                        self.known.push(certain);
                        at = 0;
                    }
                }
                None => at += 1,
            }
        }
    }

    /// Whether the same was found with less doubt.
    fn is_known(&self, found: Found) -> bool {
        let place = |found: &Found| (found.signal, found.start, found.from, found.to);
        self.known.iter().any(|known| place(known) == place(&found))
    }

    /// Whether the match counts; `None` while that is open.
    fn verdict(&self, detectors: &Detectors, doubt: Doubt, moment: u32) -> Option<bool> {
        let apart = doubt.apart?;
        let second = || self.second(detectors, doubt.found, moment).then_some(true);
        match doubt.found.needs {
            Needs::Nothing => Some(true),
            Needs::NoWord | Needs::Alignment if apart => Some(true),
            Needs::NoWord | Needs::Alignment | Needs::Second => second(),
            Needs::Both if !apart => Some(false),
            Needs::Both => second(),
        }
    }

    /// Whether something near by makes the match likely.
    fn second(&self, detectors: &Detectors, doubtful: Found, moment: u32) -> bool {
        let vouches = |known: &Found| {
            known.to + MEMORY >= moment
                && detectors.vouches(known.signal, doubtful.signal)
                && is_near(known, &doubtful)
        };
        let twin = |other: &Doubt| {
            other.found.signal == doubtful.signal
                && other.apart == Some(true)
                && is_near(&other.found, &doubtful)
        };
        self.known.iter().any(vouches) || self.open.iter().any(twin)
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

/// Whether both lie apart, within [`NEAR`] symbols.
fn is_near(one: &Found, other: &Found) -> bool {
    let (first, second) = match one.from <= other.from {
        true => (one, other),
        false => (other, one),
    };
    first.to <= second.from && second.from - first.to <= NEAR
}

fn is_apart(found: Found, window: Window<'_>, seen: u32) -> bool {
    match found.needs {
        Needs::NoWord => !is_word(found.from, found.to, window),
        Needs::Second => true,
        _ => is_aligned(found.from, found.to, window, seen),
    }
}
