//! [`Sentences`]: one text, read for what its sentences mean and for nothing else.
//!
//! Words cost a hundredth of scores, so they are looked for first ([`super::Scanner::of_words`]), and
//! scores are made where a rule still waits for them. [`super::joined`], both are what a scanner of
//! everything reports.

use std::sync::Arc;

use super::meaning::{Hold, Meaning};
use super::{Detectors, Hit};
use crate::text::fold;

/// Reads one text, piece by piece.
#[derive(Debug)]
pub struct Sentences {
    detectors: Arc<Detectors>,
    meaning: Meaning,
    /// Bytes and skeleton symbols read.
    bytes: u32,
    symbols: u32,
}

impl Sentences {
    /// At the start of a text.
    pub fn new(detectors: Arc<Detectors>) -> Self {
        Self {
            detectors,
            meaning: Meaning::new(Hold::default()),
            bytes: 0,
            symbols: 0,
        }
    }

    /// Reads the next piece; appends the hits of the sentences that end in it.
    pub fn push(&mut self, piece: &str, hits: &mut Vec<Hit>) {
        let Some(wanted) = &self.detectors.meanings else {
            return;
        };
        self.meaning.foresee(piece, wanted);
        for c in piece.chars() {
            self.bytes += c.len_utf8() as u32;
            let symbols = fold::read(c).symbols().count() as u32;
            if symbols > 0 {
                let (end, before) = (self.bytes, self.symbols);
                self.meaning.read(c, end, before, symbols, wanted);
                self.symbols += symbols;
            }
        }
        self.meaning.take(hits);
    }

    /// The text ends here; appends the hits of its last sentence.
    pub fn finish(&mut self, hits: &mut Vec<Hit>) {
        if let Some(wanted) = &self.detectors.meanings {
            self.meaning.finish(wanted);
        }
        self.meaning.take(hits);
    }
}
