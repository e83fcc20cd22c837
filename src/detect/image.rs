//! What signals want of a picture, and the hits in one that was looked at.

use std::sync::Arc;

use super::{Detectors, Hit, SignalId, SignalSet};
use crate::picture::{Eye, HashList, Seen};
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
    /// It probably is pornographic, drawn or not, at least so probably.
    Drawn(f32),
    /// Words stand in its pixels.
    Text,
    /// Somebody in it looks younger than so many years.
    Young(f32),
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
            Self::Text => !seen.words.is_empty(),
            Self::Young(below) => seen.apparent_age.is_some_and(|years| years < *below),
            Self::Drawn(at_least) => return seen.drawn_nudity.filter(|score| score >= at_least),
            Self::Nudity(at_least) => return seen.nudity.filter(|score| score >= at_least),
        };
        is.then_some(1.0)
    }

    /// The eye that sees it, if that needs one.
    const fn eye(&self) -> Option<Eye> {
        match self {
            Self::Nudity(_) => Some(Eye::Nudity),
            Self::Drawn(_) => Some(Eye::Drawn),
            Self::Text => Some(Eye::Text),
            Self::Young(_) => Some(Eye::Age),
            Self::Listed(_) | Self::Code | Self::Location | Self::Generated | Self::Credentials => {
                None
            }
        }
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
        let mut wanted = wanted.filter(|wanted| wanted.look.eye().is_none());
        wanted.any(|wanted| self.signals(wanted.signals).contains(&signal))
    }

    /// Whether the signal reads what only that eye sees.
    pub fn asks(&self, signal: SignalId, eye: Eye) -> bool {
        let wanted = self.images.iter();
        let mut wanted = wanted.filter(|wanted| wanted.look.eye() == Some(eye));
        wanted.any(|wanted| self.signals(wanted.signals).contains(&signal))
    }
}
