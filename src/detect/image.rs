//! What signals want of a picture, and the hits in one that was looked at.

use std::sync::Arc;

use super::{Detectors, Hit, SignalSet};
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
}

impl Look {
    fn sees(&self, seen: &Seen) -> bool {
        match self {
            Self::Listed(list) => list.find(seen).is_some(),
            Self::Code => !seen.codes.is_empty(),
            Self::Location => seen.metadata.location,
            Self::Generated => seen.metadata.generated,
            Self::Credentials => seen.metadata.credentials,
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
        let found = self.images.iter().filter(|wanted| wanted.look.sees(seen));
        let mut signals: Vec<SignalSet> = found.map(|wanted| wanted.signals).collect();
        signals.sort_unstable();
        signals.dedup();
        let hit = |signals| Hit {
            signals,
            span: Span::new(0, 0),
            from: 0,
            to: 0,
            view: ViewKind::Surface,
            score: 1.0,
            ripe: 0,
        };
        signals.into_iter().map(hit).collect()
    }
}
