//! [`Meaning`]: what the sentences of a text mean, scored where the text alone says.
//!
//! A window is the text since the last one began; it is scored at every end of a sentence that is
//! far enough from the last, at its greatest length, and at the end of the text. Where that is
//! depends on the symbols, never on how the text was cut, so neither does any score.

use std::collections::VecDeque;
use std::sync::Arc;

use moka::sync::Cache;

use super::Hit;
use super::sets::{Sets, SignalSet};
use crate::sense::{self, Cut, Gate, Heads, Probe};
use crate::text::{Class, Span, ViewKind, fold};

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

/// Windows whose scores are remembered: each turn of a conversation resends its history, and a text
/// is scanned as a prompt, as an answer and again by tests. An entry is about 300 bytes.
const REMEMBERED: u64 = 8_192;

/// Windows that are scored at a time, where a text's are known: as many as a page has.
const TOGETHER: usize = 24;

/// Who says how probable it is that a sentence means something.
#[derive(Debug, Clone)]
pub(super) enum Judge {
    /// The label of that index.
    Label(usize),
    /// What examples have in common.
    Probe(Arc<Probe>),
}

/// What is looked for in sentences.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub signals: SignalSet,
    pub judge: Judge,
    /// Probability from which it is a hit.
    pub at_least: f32,
}

/// Everything that is looked for in sentences.
#[derive(Debug)]
pub(super) struct Meanings {
    heads: &'static Heads,
    /// Says which windows need not be scored, if it was taught by these heads.
    gate: Option<&'static Gate>,
    wanted: Vec<Wanted>,
    /// Whether a label is wanted, not examples alone.
    labels: bool,
    /// Whether text may have to wait for a score.
    holds: bool,
    /// By the hash of a window.
    scores: Cache<[u8; 32], Arc<[f32]>>,
}

impl Meanings {
    /// What these heads are asked.
    pub fn new(
        heads: &'static Heads,
        gate: Option<&'static Gate>,
        wanted: Vec<Wanted>,
        sets: &Sets,
    ) -> Self {
        Self {
            gate,
            holds: wanted.iter().any(|wanted| sets.holds(wanted.signals)),
            labels: wanted
                .iter()
                .any(|one| matches!(one.judge, Judge::Label(_))),
            scores: Cache::new(REMEMBERED),
            heads,
            wanted,
        }
    }

    /// What is wanted of sentences for one of these signals: each by its index and, if the gate answers for all of
    /// them, from where a window has to be scored for it.
    pub(super) fn cuts(&self, signals: &[SignalSet]) -> Option<(Vec<usize>, Vec<Cut>)> {
        let gate = self.gate?;
        let asked = self.wanted.iter().enumerate();
        let asked = asked.filter(|(_, wanted)| signals.contains(&wanted.signals));
        let cut = |(at, wanted): (usize, &Wanted)| match wanted.judge {
            Judge::Label(label) => {
                let cut = gate.cut(&self.heads.labels()[label], wanted.at_least)?;
                Some((at, cut))
            }
            Judge::Probe(_) => None,
        };
        asked.map(cut).collect()
    }

    /// Whether one of these windows reaches what is wanted there. Windows that no cut lets pass are not scored.
    pub(super) fn reached(&self, windows: &[String], wanted: &[usize], cuts: &[Cut]) -> bool {
        let Some(gate) = self.gate else { return true };
        let encoder = sense::shipped();
        let open = windows.iter().map(String::as_str);
        let open: Vec<&str> = open
            .filter(|text| gate.passes(encoder, text, cuts))
            .collect();
        open.chunks(TOGETHER).any(|windows| {
            let scores = self.scores_of(windows);
            let reaches = |at: &usize, scores: &[f32]| scores[*at] >= self.wanted[*at].at_least;
            let mut each = scores.iter();
            each.any(|scores| wanted.iter().any(|at| reaches(at, scores)))
        })
    }

    /// The same, and from which probability each is a hit.
    pub fn asked(&self) -> impl Iterator<Item = (SignalSet, f32)> + '_ {
        self.wanted.iter().map(|one| (one.signals, one.at_least))
    }

    /// The signals that are scores of sentences.
    pub fn signals(&self) -> impl Iterator<Item = SignalSet> + '_ {
        self.wanted.iter().map(|wanted| wanted.signals)
    }

    /// The probability of each that is wanted.
    fn scores(&self, text: &str) -> Arc<[f32]> {
        let mut scores = self.scores_of(&[text]);
        scores.pop().expect("a window has its scores")
    }

    /// The same of each window, number for number; together they cost less.
    fn scores_of(&self, windows: &[&str]) -> Vec<Arc<[f32]>> {
        let key = |window: &&str| *blake3::hash(window.as_bytes()).as_bytes();
        let keys: Vec<[u8; 32]> = windows.iter().map(key).collect();
        let mut known: Vec<_> = keys.iter().map(|key| self.scores.get(key)).collect();
        let new = (0..windows.len()).filter(|&at| known[at].is_none());
        let new: Vec<usize> = new.collect();
        if !new.is_empty() {
            let texts: Vec<&str> = new.iter().map(|&at| windows[at]).collect();
            for (at, scores) in new.into_iter().zip(self.weighed(&texts)) {
                self.scores.insert(keys[at], Arc::clone(&scores));
                known[at] = Some(scores);
            }
        }
        known.into_iter().flatten().collect()
    }

    fn weighed(&self, texts: &[&str]) -> Vec<Arc<[f32]>> {
        let inputs = sense::shipped().encode_all(texts);
        let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
        let labels = match self.labels {
            true => self.heads.scores_all(texts, &inputs),
            false => vec![Vec::new(); texts.len()],
        };
        let scores = |(labels, inputs): (&Vec<f32>, &&[f32])| {
            let score = |wanted: &Wanted| match &wanted.judge {
                Judge::Label(label) => labels.get(*label).copied().unwrap_or_default(),
                Judge::Probe(probe) => probe.score(inputs),
            };
            self.wanted.iter().map(score).collect()
        };
        labels.iter().zip(&inputs).map(scores).collect()
    }
}

/// The sentence that is being read, with what it is read with.
#[derive(Debug, Clone)]
pub(super) struct Window {
    text: String,
    /// Units of all of it.
    units: u32,
    /// Units of the sentence.
    since: u32,
    /// Whether the sentence has a letter or a digit.
    says: bool,
    last: char,
}

impl Window {
    pub(super) fn new() -> Self {
        Self {
            text: String::new(),
            units: 0,
            since: 0,
            says: false,
            last: ' ',
        }
    }

    /// Whether the sentence is over when this character comes.
    fn ends_before(&self, c: char) -> bool {
        let ends = match self.last {
            '。' | '！' | '？' | '!' | '?' | '…' | '；' | '\n' => !is_end(c),
            '.' | ';' => c.is_whitespace(),
            _ => false,
        };
        (ends && self.since >= MIN_UNITS) || self.units >= MAX_UNITS
    }

    fn push(&mut self, c: char) {
        let units = match Class::of(c) {
            Class::Han => HAN_UNITS,
            _ => 1,
        };
        self.text.push(c);
        self.units += units;
        self.since += units;
        self.says |= c.is_alphanumeric();
        self.last = c;
    }

    /// The windows that a piece ends. Sentences are read from what somebody sees.
    pub(super) fn ended(&mut self, piece: &str) -> Vec<String> {
        let mut windows = Vec::new();
        let is_seen = |c: &char| fold::read(*c).symbols().next().is_some();
        for c in piece.chars().filter(is_seen) {
            if self.ends_before(c) {
                windows.extend(self.last());
                self.close();
            }
            self.push(c);
        }
        windows
    }

    /// The window if the text ends here.
    pub(super) fn last(&self) -> Option<String> {
        self.says.then(|| self.text.clone())
    }

    /// The next sentence begins, with this one before it or by itself.
    fn close(&mut self) {
        (self.since, self.says) = (0, false);
        if self.units > CONTEXT_UNITS {
            self.units = 0;
            self.text.clear();
        }
    }
}

/// The sentences of one text.
#[derive(Debug)]
pub(super) struct Meaning {
    hold: Hold,
    window: Window,
    /// Where the sentences begin, in bytes of the original; the last is being read.
    starts: Vec<u32>,
    /// The symbol at which the sentence begins.
    from: u32,
    /// Bytes and symbols read.
    end: u32,
    to: u32,
    /// Hits that are not yet reported.
    hits: Vec<Hit>,
    /// Scores of the windows that come next, where they are known.
    known: VecDeque<Arc<[f32]>>,
}

impl Meaning {
    /// At the start of a text.
    pub fn new(hold: Hold) -> Self {
        Self {
            hold,
            window: Window::new(),
            starts: vec![0],
            from: 0,
            end: 0,
            to: 0,
            hits: Vec::new(),
            known: VecDeque::new(),
        }
    }

    /// Scores the windows that a piece will end, together.
    pub fn foresee(&mut self, piece: &str, meanings: &Meanings) {
        let windows = self.window.clone().ended(piece);
        for windows in windows.chunks(TOGETHER) {
            let windows: Vec<&str> = windows.iter().map(String::as_str).collect();
            self.known.extend(meanings.scores_of(&windows));
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

    /// The byte from which text waits for the sentence's score, of so many `bytes`: signs that nobody
    /// sees go with the sentence after them, also where that one does not wait.
    pub fn earliest(&self, bytes: u32, meanings: &Meanings) -> Option<u32> {
        let from = match self.hold {
            Hold::Sentence => self.start(),
            Hold::Tail => self.end,
        };
        (meanings.holds && bytes > from).then_some(from)
    }

    /// Where the sentence with that byte begins, if sentences wait for their scores.
    pub fn sentence_of(&self, byte: u32, meanings: &Meanings) -> Option<u32> {
        let waits = self.hold == Hold::Sentence && meanings.holds;
        let after = self.starts.partition_point(|&start| start <= byte);
        self.starts
            .get(after.wrapping_sub(1))
            .copied()
            .filter(|_| waits)
    }

    /// Where the last sentence begins.
    fn start(&self) -> u32 {
        self.starts.last().copied().unwrap_or_default()
    }

    /// The next visible character: its bytes end at `end`, `before` symbols were read before it, and
    /// it stands for so many `symbols`.
    pub fn read(&mut self, c: char, end: u32, before: u32, symbols: u32, meanings: &Meanings) {
        if self.window.ends_before(c) {
            self.score(before + 1, meanings);
        }
        self.window.push(c);
        (self.end, self.to) = (end, before + symbols);
    }

    /// The text ends.
    pub fn finish(&mut self, meanings: &Meanings) {
        self.score(self.to, meanings);
    }

    /// Scores the window, when `ripe` symbols have been read; its last sentence is where a hit lies.
    fn score(&mut self, ripe: u32, meanings: &Meanings) {
        if self.window.says {
            self.weigh(ripe, meanings);
        }
        self.starts.push(self.end);
        self.from = self.to;
        self.window.close();
    }

    fn weigh(&mut self, ripe: u32, meanings: &Meanings) {
        let known = self.known.pop_front();
        let scores = known.unwrap_or_else(|| meanings.scores(&self.window.text));
        let start = match self.hold {
            Hold::Sentence => self.start(),
            Hold::Tail => self.end,
        };
        for (wanted, &score) in meanings.wanted.iter().zip(scores.iter()) {
            if score >= wanted.at_least {
                self.hits.push(Hit {
                    signals: wanted.signals,
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
