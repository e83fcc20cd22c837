//! [`Lane`]: everything that reads one sequence of symbols. The skeleton is one lane; what
//! invisible characters spell is another.

use super::address::Reader;
use super::age::Ages;
use super::pattern::Matching;
use super::phrase::Phrases;
use super::window::Window;
use super::{Detectors, SignalId};
use crate::text::{Symbol, ViewKind};

/// Where a lane's symbols come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The text that a reader sees.
    Visible,
    /// Invisible characters.
    Hidden,
}

impl Source {
    /// The reading that a match here is reported in, if nothing tells it more exactly.
    pub(super) fn view(self) -> ViewKind {
        match self {
            Self::Visible => ViewKind::Skeleton,
            Self::Hidden => ViewKind::Hidden,
        }
    }
}

/// A certain match: bytes of the original and symbols of the lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub signal: SignalId,
    pub view: ViewKind,
    pub start: u32,
    pub end: u32,
    pub from: u32,
    pub to: u32,
}

/// One sequence of symbols and all that is alive in it.
#[derive(Debug)]
pub(super) struct Lane {
    source: Source,
    pub(super) window: Window,
    phrases: Phrases,
    /// One per [`Detectors::patterns`].
    matching: Vec<Matching>,
    /// One per shape that is wanted.
    addresses: Vec<Reader>,
    ages: Ages,
}

impl Lane {
    pub(super) fn new(source: Source, detectors: &Detectors) -> Self {
        Self {
            source,
            window: Window::new(),
            phrases: Phrases::default(),
            matching: detectors.patterns.iter().map(Matching::new).collect(),
            addresses: detectors.shapes().map(Reader::new).collect(),
            ages: Ages::default(),
        }
    }

    /// Reads one symbol, which comes from a character at these original bytes, with `at` skeleton
    /// symbols before it; appends what became certain by it.
    #[inline]
    pub(super) fn step(
        &mut self,
        detectors: &Detectors,
        (symbol, original): (Symbol, char),
        bytes: (u32, u32),
        at: u32,
        found: &mut Vec<Found>,
    ) {
        self.window.push(symbol, original, bytes, at);
        if !detectors.lexicon.is_empty() {
            self.phrases
                .step(&detectors.lexicon, &self.window, self.source, found);
        }
        for (matching, patterns) in self.matching.iter_mut().zip(&detectors.patterns) {
            matching.step(patterns, &self.window, self.source, found);
        }
        for reader in &mut self.addresses {
            reader.step(&detectors.addresses, &self.window, self.source, found);
        }
        if !detectors.ages.is_empty() {
            self.ages
                .step(&detectors.ages, &self.window, self.source, found);
        }
    }

    /// The sequence ends; appends what became certain by that.
    pub(super) fn finish(&mut self, detectors: &Detectors, found: &mut Vec<Found>) {
        self.phrases.finish(found);
        for (matching, patterns) in self.matching.iter_mut().zip(&detectors.patterns) {
            matching.finish(patterns, &self.window, self.source, found);
        }
        for reader in &mut self.addresses {
            reader.finish(&detectors.addresses, &self.window, self.source, found);
        }
        self.ages
            .finish(&detectors.ages, &self.window, self.source, found);
    }

    /// First byte of the earliest thing that is alive and that text waits for.
    pub(super) fn earliest(&self, detectors: &Detectors) -> Option<u32> {
        let matching = self.matching.iter().zip(&detectors.patterns);
        let matching = matching.filter(|(_, patterns)| patterns.held);
        let held = |signal: SignalId| detectors.holds(signal);
        let ages = detectors.ages.iter().any(|wanted| held(wanted.signal));
        let addresses = detectors.addresses.iter().any(|wanted| held(wanted.signal));
        let addresses = self.addresses.iter().filter(|_| addresses);
        matching
            .filter_map(|(matching, _)| matching.earliest())
            .chain(addresses.filter_map(Reader::earliest))
            .chain(self.phrases.earliest(detectors))
            .chain(self.ages.earliest().filter(|_| ages))
            .min()
    }

    /// Complete matches that wait only for what follows, and that text waits for.
    pub(super) fn unripe<'a>(
        &'a self,
        detectors: &'a Detectors,
    ) -> impl Iterator<Item = Found> + 'a {
        let matching = self
            .matching
            .iter()
            .zip(&detectors.patterns)
            .flat_map(|(matching, patterns)| matching.unripe(patterns, self.window.len()));
        let ages = self.ages.unripe(&self.window);
        let addresses = self
            .addresses
            .iter()
            .flat_map(|reader| reader.unripe(&detectors.addresses, &self.window));
        let all = self
            .phrases
            .unripe()
            .chain(matching)
            .chain(addresses)
            .chain(ages);
        all.filter(|found| detectors.holds(found.signal))
    }

    /// Live prefixes.
    pub(super) fn threads(&self) -> usize {
        self.phrases.threads()
    }
}
