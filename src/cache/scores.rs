//! [`ScoreCache`]: what somebody who is asked said of texts. Holds no text.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use super::process_secret;
use crate::detect::Scores;

/// Texts whose scores are remembered: each turn of a conversation resends its history.
const REMEMBERED: u64 = 10_000;

/// How long: an endpoint may be given another model.
const REMEMBERED_FOR: Duration = Duration::from_secs(3600);

/// What one endpoint or model said, by keyed hash of the text.
#[derive(Debug)]
pub struct ScoreCache {
    /// Lives and dies with this, so that a key says nothing about a text.
    secret: [u8; 32],
    known: Cache<[u8; 32], Arc<Scores>>,
}

impl Default for ScoreCache {
    fn default() -> Self {
        Self {
            secret: process_secret(),
            known: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(REMEMBERED_FOR)
                .build(),
        }
    }
}

impl ScoreCache {
    /// What was said of a text.
    pub fn get(&self, text: &str) -> Option<Arc<Scores>> {
        self.known.get(&self.key(text))
    }

    /// Remembers what was said of it.
    pub fn put(&self, text: &str, scores: Arc<Scores>) {
        self.known.insert(self.key(text), scores);
    }

    fn key(&self, text: &str) -> [u8; 32] {
        *blake3::keyed_hash(&self.secret, text.as_bytes()).as_bytes()
    }
}
