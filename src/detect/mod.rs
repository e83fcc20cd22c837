//! What can be seen in a view: phrases, patterns, ages, contacts. No notion of good or bad.
//!
//! [`Builder`] takes the signals of all policies and builds one immutable [`Detectors`];
//! a [`Scanner`] reads one text through it, piece by piece, and reports [`Hit`]s.
//!
//! Laws (each has a property test):
//! * What is reported, and in which order, depends on the text alone, never on how it was cut.
//! * Text before [`Scanner::settled`] can no longer become part of an unreported hit.
//! * A hit's span holds exactly the bytes of the original that spell it, disguise included.

use std::sync::Arc;

use crate::text::{Span, ViewKind, Views};

/// A signal's number within one [`Detectors`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SignalId(pub u32);

/// A signal seen in a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// What was looked for.
    pub signal: SignalId,
    /// Where it is: bytes of the original.
    pub span: Span,
    /// The same place in skeleton symbols, counted from the start of the text: distances between
    /// hits are measured in these, so that padding with invisible characters buys nothing.
    pub from: u32,
    /// One past the last skeleton symbol.
    pub to: u32,
    /// The reading in which it was found first.
    pub view: ViewKind,
    /// 1.0 for a literal match; a probability for a classifier.
    pub score: f32,
    /// The number of skeleton symbols of the text that had to be seen before the hit was certain
    /// (its end plus the right context its kind looks at, or the text's length at its end).
    /// Hits are reported in order of `(ripe, to, from, signal)`.
    pub ripe: u32,
}

/// Ways to reach somebody outside the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContactKind {
    /// A phone number.
    Phone,
    /// An e-mail address.
    Email,
    /// A link or bare domain.
    Link,
    /// A handle or number for a named messenger ("加V abc123", "QQ 12345678", "snap: name").
    Handle,
}

/// Why a signal cannot be compiled; the policy compiler adds the place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, in words for a policy author.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// Collects the signals of all policies.
#[derive(Debug, Default)]
pub struct Builder {}

/// All signals of all policies, compiled. Immutable and shared.
#[derive(Debug)]
pub struct Detectors {}

/// Reads one text, piece by piece.
#[derive(Debug)]
pub struct Scanner {}

impl Builder {
    /// Adds one word or phrase to a signal.
    pub fn word(&mut self, _signal: SignalId, _word: &str, _views: Views) -> Result<(), Problem> {
        unimplemented!()
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
        unimplemented!()
    }
}

impl Detectors {
    /// All hits of a whole text.
    pub fn scan(self: &Arc<Self>, _text: &str) -> Vec<Hit> {
        unimplemented!()
    }
    /// Skeleton symbols that a hit of the signal can span, right context included.
    pub fn reach(&self, _signal: SignalId) -> u32 {
        unimplemented!()
    }
    /// Heap bytes of the compiled automata.
    pub fn memory(&self) -> usize {
        unimplemented!()
    }
}

impl Scanner {
    /// A scanner at the start of a text.
    pub fn new(_detectors: Arc<Detectors>) -> Self {
        unimplemented!()
    }
    /// Reads the next piece; appends the hits that became certain.
    pub fn push(&mut self, _piece: &str, _hits: &mut Vec<Hit>) {
        unimplemented!()
    }
    /// The text ends here; appends the hits that became certain by that.
    pub fn finish(&mut self, _hits: &mut Vec<Hit>) {
        unimplemented!()
    }
    /// Bytes of the text so far that can no longer become part of an unreported hit.
    pub fn settled(&self) -> u32 {
        unimplemented!()
    }
    /// Skeleton symbols read so far.
    pub fn symbols(&self) -> u32 {
        unimplemented!()
    }
    /// The start of the earliest match that is complete, ends at or before `end`, and waits only for right context.
    pub fn unripe_before(&self, _end: u32) -> Option<u32> {
        unimplemented!()
    }
}
