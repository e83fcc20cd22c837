//! [`Meaning`]: what the sentences of a text mean, scored where the text alone says.
//!
//! A window is the text since the last one began; it is scored at every end of a sentence that is
//! far enough from the last, at its greatest length, and at the end of the text. Where that is
//! depends on the symbols, never on how the text was cut, so neither does any score.

use super::builder::Detectors;
use super::{Hit, SignalId};
use crate::sense::{self, Heads};
use crate::text::{Class, Span, ViewKind};

/// Units from one score to the next: "Yes. Ok. Go on." is no three sentences. A Han says as much
/// as three letters.
const MIN_UNITS: u32 = 32;

/// Units of a window after which the next sentence begins a new one: up to there a sentence is
/// read with the ones before it, as the sentences that the heads are trained on are.
const CONTEXT_UNITS: u32 = 96;

/// Units of the longest window: text without an end of a sentence is scored there.
pub(super) const MAX_UNITS: u32 = 256;

/// Units of one Han.
const HAN_UNITS: u32 = 3;

/// Whether text of a stream waits until its sentence has been scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hold {
    /// Nothing of a sentence leaves before its score.
    #[default]
    Sentence,
    /// Text leaves as it comes, and a stream ends where a sentence does whose score says so.
    Tail,
}

/// What is looked for in sentences.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub signal: SignalId,
    /// Index of the label.
    pub label: usize,
    /// Probability from which it is a hit.
    pub at_least: f32,
}

/// The sentences of one text.
#[derive(Debug)]
pub(super) struct Meaning {
    hold: Hold,
    /// The window.
    text: String,
    /// Units of the window.
    units: u32,
    /// Units of the sentence.
    since: u32,
    /// Whether the sentence has a letter or a digit.
    says: bool,
    /// Where the sentence begins: byte of the original, symbol.
    start: u32,
    from: u32,
    /// Bytes and symbols read.
    end: u32,
    to: u32,
    last: char,
    /// Hits that are not yet reported.
    hits: Vec<Hit>,
}

impl Meaning {
    /// At the start of a text.
    pub fn new(hold: Hold) -> Self {
        Self {
            hold,
            text: String::new(),
            units: 0,
            since: 0,
            says: false,
            start: 0,
            from: 0,
            end: 0,
            to: 0,
            last: ' ',
            hits: Vec::new(),
        }
    }

    /// Whether there are hits to take.
    pub fn has_hits(&self) -> bool {
        !self.hits.is_empty()
    }

    /// The hits since the last call.
    pub fn take(&mut self, hits: &mut Vec<Hit>) {
        hits.append(&mut self.hits);
    }

    /// The byte from which text waits for the sentence's score.
    pub fn earliest(&self, detectors: &Detectors) -> Option<u32> {
        let waits = self.hold == Hold::Sentence && self.end > self.start;
        let holds = |wanted: &Wanted| detectors.holds(wanted.signal);
        (waits && detectors.meanings.iter().any(holds)).then_some(self.start)
    }

    /// The next visible character: its bytes end at `end`, and `to` symbols have been read with it.
    pub fn read(&mut self, c: char, end: u32, to: u32, detectors: &Detectors) {
        let ends = match self.last {
            '。' | '！' | '？' | '!' | '?' | '…' | '；' | '\n' => !is_end(c),
            '.' | ';' => c.is_whitespace(),
            _ => false,
        };
        if (ends && self.since >= MIN_UNITS) || self.units >= MAX_UNITS {
            self.score(to, detectors);
        }
        let class = Class::of(c);
        let units = if class == Class::Han { HAN_UNITS } else { 1 };
        self.text.push(c);
        self.units += units;
        self.since += units;
        self.says |= c.is_alphanumeric();
        self.last = c;
        (self.end, self.to) = (end, to);
    }

    /// The text ends.
    pub fn finish(&mut self, detectors: &Detectors) {
        self.score(self.to, detectors);
    }

    /// Scores the window, when `ripe` symbols have been read; its last sentence is where a hit lies.
    fn score(&mut self, ripe: u32, detectors: &Detectors) {
        if let (true, Some(heads)) = (self.says, detectors.heads) {
            self.weigh(heads, ripe, detectors);
        }
        (self.start, self.from, self.since, self.says) = (self.end, self.to, 0, false);
        if self.units > CONTEXT_UNITS {
            self.units = 0;
            self.text.clear();
        }
    }

    fn weigh(&mut self, heads: &Heads, ripe: u32, detectors: &Detectors) {
        let scores = heads.scores(&self.text, &sense::shipped().encode(&self.text));
        let start = match self.hold {
            Hold::Sentence => self.start,
            Hold::Tail => self.end,
        };
        for wanted in &detectors.meanings {
            let score = scores[wanted.label];
            if score >= wanted.at_least {
                self.hits.push(Hit {
                    signal: wanted.signal,
                    span: Span::new(start, self.end),
                    from: self.from,
                    to: self.to,
                    view: ViewKind::Surface,
                    score,
                    ripe,
                });
            }
        }
    }
}

/// Whether a character goes with the end of a sentence that is before it.
fn is_end(c: char) -> bool {
    matches!(
        c,
        '。' | '！'
            | '？'
            | '!'
            | '?'
            | '…'
            | '.'
            | '”'
            | '’'
            | '」'
            | '』'
            | '"'
            | '\''
            | ')'
            | '）'
    )
}
