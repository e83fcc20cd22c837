//! [`Builder`] and [`Detectors`]: from signals to one immutable set of automata.

use std::collections::HashMap;
use std::sync::Arc;

use super::lexicon::{Lexicon, Words};
use super::{ContactKind, Hit, Problem, Scanner, SignalId};
use crate::text::Views;

/// Collects the signals of all policies.
#[derive(Debug, Default)]
pub struct Builder {
    words: Words,
    reach: HashMap<SignalId, u32>,
}

/// All signals of all policies, compiled. Immutable and shared.
#[derive(Debug)]
pub struct Detectors {
    pub(super) lexicon: Lexicon,
    reach: HashMap<SignalId, u32>,
}

impl Builder {
    /// Adds one word or phrase to a signal. It is folded like the text. Latin words match whole
    /// words only, Han anywhere; a trailing `*` stands for up to eight further Latin letters.
    pub fn word(&mut self, signal: SignalId, word: &str, views: Views) -> Result<(), Problem> {
        let reach = self.words.add(signal, word, views)?;
        self.reaches(signal, reach);
        Ok(())
    }

    /// Adds one regular expression (regex-syntax), matched against the skeleton; refused without a bounded width.
    pub fn pattern(&mut self, _signal: SignalId, _regex: &str) -> Result<(), Problem> {
        unimplemented!()
    }

    /// Adds: an age of `from..=to` years bound to a person.
    pub fn age(&mut self, _signal: SignalId, _from: u8, _to: u8) -> Result<(), Problem> {
        unimplemented!()
    }

    /// Adds: a way to reach somebody.
    pub fn contact(&mut self, _signal: SignalId, _kinds: &[ContactKind]) -> Result<(), Problem> {
        unimplemented!()
    }

    /// Compiles.
    pub fn build(self) -> Result<Detectors, Problem> {
        Ok(Detectors {
            lexicon: self.words.build(),
            reach: self.reach,
        })
    }

    fn reaches(&mut self, signal: SignalId, reach: u32) {
        let widest = self.reach.entry(signal).or_default();
        *widest = reach.max(*widest);
    }
}

impl Detectors {
    /// All hits of a whole text.
    pub fn scan(self: &Arc<Self>, text: &str) -> Vec<Hit> {
        let mut hits = Vec::new();
        let mut scanner = Scanner::new(Arc::clone(self));
        scanner.push(text, &mut hits);
        scanner.finish(&mut hits);
        hits
    }

    /// Skeleton symbols that a hit of the signal can span, right context included.
    pub fn reach(&self, signal: SignalId) -> u32 {
        self.reach.get(&signal).copied().unwrap_or_default()
    }

    /// Heap bytes of the compiled automata.
    pub fn memory(&self) -> usize {
        self.lexicon.memory()
    }
}
