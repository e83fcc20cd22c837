//! What signals want of a picture, and the hits in one that was looked at.

use std::sync::Arc;

use super::{Detectors, Hit, SignalId, SignalSet};
use crate::picture::{HashList, Seen};
use crate::text::{Span, ViewKind};

/// What is looked for in a picture.
#[derive(Debug, Clone)]
pub enum Look {
    /// It is on the list, as the same file or as a copy, however turned.
    Listed(Arc<HashList>),
    /// A QR code is in it.
    Code,
    /// It says where it was taken.
    Location,
    /// It says that a model made it.
    Generated,
    /// It has content credentials (C2PA).
    Credentials,
    /// It probably shows naked people, at least so probably.
    Nudity(f32),
}

impl Look {
    /// How surely it is seen, if it is.
    fn sees(&self, seen: &Seen) -> Option<f32> {
        let is = match self {
            Self::Listed(list) => list.find(seen).is_some(),
            Self::Code => !seen.codes.is_empty(),
            Self::Location => seen.metadata.location,
            Self::Generated => seen.metadata.generated,
            Self::Credentials => seen.metadata.credentials,
            Self::Nudity(at_least) => return seen.nudity.filter(|score| score >= at_least),
        };
        is.then_some(1.0)
    }
}

/// A signal and what it wants.
#[derive(Debug)]
pub(super) struct Wanted {
    pub signals: SignalSet,
    pub look: Look,
}

impl Detectors {
    /// The hits in a picture. They stand in a part of their own, which has no text: no phrase that
    /// an app allows can lie around them.
    pub fn look(&self, seen: &Seen) -> Vec<Hit> {
        let found = self.images.iter();
        let found = found.filter_map(|wanted| Some((wanted.signals, wanted.look.sees(seen)?)));
        let mut signals: Vec<(SignalSet, f32)> = found.collect();
        signals
            .sort_unstable_by(|one, other| (one.0.cmp(&other.0)).then(other.1.total_cmp(&one.1)));
        signals.dedup_by_key(|(signals, _)| *signals);
        let hit = |(signals, score)| Hit {
            signals,
            span: Span::new(0, 0),
            from: 0,
            to: 0,
            view: ViewKind::Surface,
            score,
            ripe: 0,
        };
        signals.into_iter().map(hit).collect()
    }

    /// Whether the signal reads what is seen of a picture without a model.
    pub fn is_pictured(&self, signal: SignalId) -> bool {
        let wanted = self.images.iter();
        let mut wanted = wanted.filter(|wanted| !matches!(wanted.look, Look::Nudity(_)));
        wanted.any(|wanted| self.signals(wanted.signals).contains(&signal))
    }

    /// Whether the signal reads how probable it is that a picture shows naked people.
    pub fn is_nudity(&self, signal: SignalId) -> bool {
        let wanted = self.images.iter();
        let mut wanted = wanted.filter(|wanted| matches!(wanted.look, Look::Nudity(_)));
        wanted.any(|wanted| self.signals(wanted.signals).contains(&signal))
    }
}
