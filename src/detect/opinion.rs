//! What others say of a whole text, endpoints and models that policies name, and the hits in it.
//!
//! Whom to ask, and how, is not known here.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::{Detectors, Hit, SignalId, SignalSet};
use crate::text::{Span, ViewKind, symbols};

/// Who is asked, by the name that a config gives it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// An endpoint.
    Remote(String),
    /// A model in a file.
    Model(String),
}

/// Hits of a text and what else is known of it, in the order in which hits are judged: of what is
/// certain at one place, what was known first.
pub fn joined(hits: &[Hit], heard: &[Hit]) -> Arc<[Hit]> {
    let mut all = [hits, heard].concat();
    all.sort_by_key(|hit| hit.ripe);
    all.into()
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(name) => write!(out, "remote `{name}`"),
            Self::Model(name) => write!(out, "model `{name}`"),
        }
    }
}

/// What a signal wants to hear.
#[derive(Debug, Clone, PartialEq)]
pub struct Opinion {
    /// Of whom.
    pub source: Source,
    /// About what.
    pub label: String,
    /// How probable at least.
    pub at_least: f32,
}

/// What one says of a text, by label.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    given: BTreeMap<String, f32>,
    rest: Option<f32>,
}

/// Why one says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silent {
    /// It failed too often in a row, and is not asked for a while.
    Resting,
    /// It took too long, waiting for its turn included.
    Late,
    /// It cannot be reached, or fails.
    Failed,
    /// What it says is nothing that can be relied on, or that it cannot judge this text.
    Garbled,
    /// There is more to ask than is asked of one request.
    TooMuch,
}

impl Scores {
    /// These, and `rest` for every label that is not among them, if anything can be said of those.
    /// Nothing where a score is no probability.
    pub fn new(given: BTreeMap<String, f32>, rest: Option<f32>) -> Option<Self> {
        let all = given.values().all(|score| (0.0..=1.0).contains(score));
        let some = !given.is_empty() || rest.is_some();
        (all && some).then_some(Self { given, rest })
    }

    /// What is said about a label.
    pub fn of(&self, label: &str) -> Option<f32> {
        self.given.get(label).copied().or(self.rest)
    }
}

/// A signal and what it wants.
#[derive(Debug)]
pub(super) struct Wanted {
    pub signals: SignalSet,
    pub opinion: Opinion,
}

impl Detectors {
    /// What a signal wants to hear.
    pub fn opinions_of(&self, signal: SignalId) -> impl Iterator<Item = &Opinion> {
        let wanted = self.opinions.iter();
        let of = move |wanted: &&Wanted| self.signals(wanted.signals).contains(&signal);
        wanted.filter(of).map(|wanted| &wanted.opinion)
    }

    /// Whether somebody else is asked about the signal.
    pub fn is_opinion(&self, signal: SignalId) -> bool {
        self.opinions_of(signal).next().is_some()
    }

    /// The hits in what is said of a text: each is all of it.
    pub fn heard(&self, text: &str, said: &dyn Fn(&Opinion) -> Option<f32>) -> Vec<Hit> {
        if self.opinions.is_empty() {
            return Vec::new();
        }
        let count = u32::try_from(symbols(text).count()).unwrap_or(u32::MAX);
        let bytes = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let hit = |wanted: &Wanted| {
            let score = said(&wanted.opinion)?;
            (score >= wanted.opinion.at_least).then_some(Hit {
                signals: wanted.signals,
                span: Span::new(0, bytes),
                from: 0,
                to: count,
                view: ViewKind::Surface,
                score,
                ripe: count,
            })
        };
        let mut hits: Vec<Hit> = self.opinions.iter().filter_map(hit).collect();
        hits.sort_unstable_by_key(|hit| hit.signals);
        hits.dedup_by_key(|hit| hit.signals);
        hits
    }
}
