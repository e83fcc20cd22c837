//! [`Lane`]: everything that reads one sequence of symbols. The skeleton is one lane; what
//! invisible characters spell is another.

use super::address::Reader;
use super::age::Ages;
use super::cloaking::Watch;
use super::doubt::{Doubts, Needs};
use super::pattern::Matching;
use super::phrase::Phrases;
use super::window::{Seen, Tape};
use super::{Detectors, SignalSet};
use crate::text::ViewKind;

/// Where a lane's symbols come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The text that a reader sees.
    Visible,
    /// Invisible characters.
    Hidden,
    /// What codes spell.
    Decoded,
    /// Columns, and text that is announced to be turned around.
    Turned,
}

impl Source {
    /// The reading that a match here is reported in, if nothing tells it more exactly.
    pub(super) fn view(self) -> ViewKind {
        self.only().unwrap_or(ViewKind::Skeleton)
    }

    /// The one reading of everything in a lane beside the skeleton.
    pub(super) fn only(self) -> Option<ViewKind> {
        match self {
            Self::Visible => None,
            Self::Hidden => Some(ViewKind::Hidden),
            Self::Decoded => Some(ViewKind::Decoded),
            Self::Turned => Some(ViewKind::Reversed),
        }
    }
}

/// A match: bytes of the original and symbols of the lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub signals: SignalSet,
    pub view: ViewKind,
    pub start: u32,
    pub end: u32,
    pub from: u32,
    pub to: u32,
    /// Symbols of the lane that had to be read before it was certain.
    pub ripe: u32,
    /// What has to be there beside it for it to count; nothing once it leaves the lane.
    pub needs: Needs,
}

/// One sequence of symbols and all that is alive in it.
#[derive(Debug)]
pub(super) struct Lane {
    source: Source,
    pub(super) tape: Tape,
    /// Symbols that the detectors have read; the rest of the tape is the batch.
    read: u32,
    phrases: Phrases,
    doubts: Doubts,
    matching: Matching,
    /// One per shape that is wanted.
    addresses: Vec<Reader>,
    ages: Ages,
    watch: Watch,
}

impl Lane {
    pub(super) fn new(source: Source, detectors: &Detectors) -> Self {
        Self {
            source,
            tape: Tape::default(),
            read: 0,
            phrases: Phrases::default(),
            doubts: Doubts::default(),
            matching: Matching::default(),
            addresses: detectors.shapes().map(Reader::new).collect(),
            ages: Ages::default(),
            watch: Watch::default(),
        }
    }

    /// Writes one symbol to the batch.
    #[inline]
    pub(super) fn push(&mut self, seen: Seen) {
        self.tape.push(seen);
    }

    /// Something invisible was dropped here.
    #[cold]
    pub(super) fn veil(&mut self) {
        self.watch.veil(self.tape.len());
    }

    /// Reads the batch; appends what became certain by it, detector by detector.
    pub(super) fn run(&mut self, detectors: &Detectors, found: &mut Vec<Found>) {
        if self.read == self.tape.len() {
            return;
        }
        self.tape.level();
        let (tape, source, from) = (&self.tape, self.source, found.len());
        let batch = self.read + 1..self.tape.len() + 1;
        if !detectors.lexicon.is_empty() {
            self.phrases
                .run(&detectors.lexicon, tape, batch.clone(), source, found);
        }
        let patterns = &detectors.patterns;
        if !patterns.is_empty() {
            self.matching
                .run(patterns, tape, batch.clone(), source, found);
        }
        for reader in &mut self.addresses {
            reader.run(&detectors.addresses, tape, batch.clone(), source, found);
        }
        if !detectors.ages.is_empty() {
            self.ages.run(&detectors.ages, tape, batch, source, found);
        }
        if !detectors.cloaking.is_empty() {
            self.watch
                .run(&detectors.cloaking, (tape, self.read), source, found);
        }
        self.doubts.settle(detectors, tape, from, found);
        self.read = self.tape.len();
        self.tape.trim();
    }

    /// The sequence ends; appends what became certain by that.
    pub(super) fn finish(&mut self, detectors: &Detectors, found: &mut Vec<Found>) {
        let (from, window) = (found.len(), self.tape.whole());
        self.phrases.finish(found);
        self.matching
            .finish(&detectors.patterns, window, self.source, found);
        for reader in &mut self.addresses {
            reader.finish(&detectors.addresses, window, self.source, found);
        }
        self.ages
            .finish(&detectors.ages, window, self.source, found);
        self.watch.finish(&detectors.cloaking, self.read, found);
        stamp(&mut found[from..], self.read);
        self.doubts.finish(detectors, &self.tape, from, found);
    }

    /// First byte of the earliest thing that is alive and that text waits for.
    pub(super) fn earliest(&self, detectors: &Detectors) -> Option<u32> {
        let matching = self.matching.earliest(&detectors.patterns);
        let addresses = self.addresses.iter();
        let addresses = addresses.filter(|_| detectors.holds_addresses());
        matching
            .into_iter()
            .chain(addresses.filter_map(Reader::earliest))
            .chain(self.phrases.earliest(detectors))
            .chain(self.doubts.earliest(detectors))
            .chain(self.ages.earliest().filter(|_| detectors.holds_ages()))
            .chain(self.watch.unripe(detectors).iter().map(|found| found.start))
            .min()
    }

    /// Complete matches that wait only for what follows, and that text waits for.
    pub(super) fn unripe(&self, detectors: &Detectors) -> Vec<Found> {
        let window = self.tape.whole();
        let matching = self.matching.unripe(&detectors.patterns, window);
        let held = |found: &Found| detectors.holds(found.signals);
        let addresses = self.addresses.iter();
        let addresses = addresses.flat_map(|reader| reader.unripe(&detectors.addresses, window));
        let ages = self.ages.unripe(window);
        let ages = ages.filter(|_| detectors.holds_ages());
        let words = self.phrases.unripe().chain(self.doubts.unripe());
        let mut found: Vec<Found> = words.chain(addresses).filter(held).collect();
        found.extend(matching.chain(ages));
        found.extend(self.watch.unripe(detectors));
        found
    }

    /// Whether there were ever more live prefixes than are followed.
    pub(super) fn overflowed(&self) -> bool {
        self.phrases.overflowed()
    }
}

/// Notes how many symbols had been read when these became certain.
#[inline]
pub(super) fn stamp(found: &mut [Found], ripe: u32) {
    for found in found {
        found.ripe = ripe;
    }
}
