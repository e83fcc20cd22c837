//! [`Lane`]: everything that reads one sequence of symbols. The skeleton is one lane; what
//! invisible characters spell is another.

use super::phrase::Phrases;
use super::window::{Seen, Window};
use super::{Detectors, SignalId};
use crate::text::ViewKind;

/// Where a lane's symbols come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The text that a reader sees.
    Visible,
    /// Invisible characters.
    Hidden,
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
}

impl Lane {
    pub(super) fn new(source: Source, _detectors: &Detectors) -> Self {
        Self {
            source,
            window: Window::new(),
            phrases: Phrases::default(),
        }
    }

    /// Reads one symbol; appends what became certain by it.
    #[inline]
    pub(super) fn step(&mut self, detectors: &Detectors, seen: Seen, found: &mut Vec<Found>) {
        self.window.push(seen);
        if !detectors.lexicon.is_empty() {
            self.phrases
                .step(&detectors.lexicon, &self.window, seen, self.source, found);
        }
    }

    /// The sequence ends; appends what became certain by that.
    pub(super) fn finish(&mut self, _detectors: &Detectors, found: &mut Vec<Found>) {
        self.phrases.finish(found);
    }

    /// First byte of the earliest thing that is alive.
    pub(super) fn earliest(&self) -> Option<u32> {
        self.phrases.earliest()
    }

    /// Complete matches that wait only for what follows.
    pub(super) fn unripe(&self) -> impl Iterator<Item = Found> {
        self.phrases.unripe()
    }

    /// Live prefixes.
    pub(super) fn threads(&self) -> usize {
        self.phrases.threads()
    }
}
