//! Ages bound to a person: "14 years old", "aged 14", "she is fourteen", "14岁", "今年十四".
//!
//! Every number opens a candidate that is judged anew with each further symbol, until what stands
//! around it decides. Text after a number therefore waits only as long as it still spells a unit,
//! or the word after one that could make it the age of a thing ("a 14-year-old whisky").

mod binding;
mod context;
mod number;
mod words;

use std::ops::Range;

use super::SignalSet;
use super::doubt::Needs;
use super::lane::{Found, Source, stamp};
use super::window::{Seen, Tape, Window};
use crate::text::Class;
use binding::{Age, judge};
use context::{Context, Look};
use number::WordMask;

/// Symbols from the start of the number within which everything is decided.
pub(super) const MAX_WIDTH: usize = 64;

/// Symbols before the number that are looked at.
const LEFT: usize = 40;

/// An age signal: from which to which age, in years.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub signals: SignalSet,
    pub from: u8,
    pub to: u8,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    from: u32,
    start: u32,
}

/// The undecided numbers of one lane.
#[derive(Debug, Default)]
pub(super) struct Ages {
    candidates: Vec<Candidate>,
    /// The English word that may yet become a number word, and which ones.
    word: Option<(Candidate, WordMask)>,
    last: Option<Class>,
}

impl Ages {
    /// Reads the batch, symbol by symbol.
    pub(super) fn run(
        &mut self,
        wanted: &[Wanted],
        tape: &Tape,
        batch: Range<u32>,
        source: Source,
        found: &mut Vec<Found>,
    ) {
        let symbols = tape.from(batch.start - 1);
        let mut at = 0;
        while at < symbols.len() {
            let idle = self.idle(&symbols[at..]);
            if idle > 0 {
                at += idle;
                self.last = Some(symbols[at - 1].symbol.class);
                continue;
            }
            let (next, from) = (batch.start + at as u32, found.len());
            self.step(wanted, tape.before(next), source, found);
            stamp(&mut found[from..], next);
            at += 1;
        }
    }

    /// How many of the next symbols open nothing, while nothing is open.
    fn idle(&self, symbols: &[Seen]) -> usize {
        if !self.candidates.is_empty() || self.word.is_some() {
            return 0;
        }
        let mut last = self.last;
        let opens = symbols.iter().enumerate().position(|(at, seen)| {
            let begins = !last.is_some_and(Class::is_latin);
            last = Some(seen.symbol.class);
            match seen.symbol.class {
                Class::Letter => begins && may_be_number(&symbols[at..]),
                Class::Digit => begins,
                Class::Han => number::han_digit(seen.symbol.ch).is_some(),
                _ => false,
            }
        });
        opens.unwrap_or(symbols.len())
    }

    /// Reads the newest symbol of the window.
    #[inline]
    fn step(
        &mut self,
        wanted: &[Wanted],
        window: Window<'_>,
        source: Source,
        found: &mut Vec<Found>,
    ) {
        let seen = window.newest();
        let index = window.len() - 1;
        let candidate = Candidate {
            from: index,
            start: seen.start,
        };
        let opens = self.opens(seen, index, window);
        if seen.symbol.class == Class::Letter {
            self.letter(candidate, opens, seen.symbol.ch);
        } else {
            // Only a whole word is worth judging.
            self.candidates
                .extend(self.word.take().map(|(candidate, _)| candidate));
            if opens {
                self.candidates.push(candidate);
            }
        }
        self.last = Some(seen.symbol.class);
        if !self.candidates.is_empty() {
            self.decide(wanted, window, source, false, found);
        }
    }

    fn letter(&mut self, candidate: Candidate, opens: bool, letter: char) {
        if opens {
            self.word = Some((candidate, WordMask::ALL));
        }
        self.word = self.word.take().and_then(|(word, mask)| {
            let mask = mask.with(candidate.from - word.from, letter)?;
            Some((word, mask))
        });
    }

    /// Whether a number may begin here.
    fn opens(&self, seen: &Seen, index: u32, window: Window<'_>) -> bool {
        let before = |back: u32| {
            let at = index.checked_sub(back)?;
            window.get(at).map(|seen| seen.symbol)
        };
        match seen.symbol.class {
            Class::Digit => {
                let in_number = matches!(before(1).map(|s| s.ch), Some('.' | ',' | ':'))
                    && before(2).is_some_and(|s| s.class == Class::Digit);
                !self.last.is_some_and(Class::is_latin) && !in_number
            }
            Class::Letter => !self.last.is_some_and(Class::is_latin),
            Class::Han => {
                number::han_digit(seen.symbol.ch).is_some()
                    && before(1).is_none_or(|s| number::han_digit(s.ch).is_none())
            }
            _ => false,
        }
    }

    fn decide(
        &mut self,
        wanted: &[Wanted],
        window: Window<'_>,
        source: Source,
        ended: bool,
        found: &mut Vec<Found>,
    ) {
        let mut covered = 0;
        self.candidates.retain(|candidate| {
            if candidate.from < covered {
                return false;
            }
            match look(*candidate, window, ended) {
                Look::More => true,
                Look::No => false,
                Look::Yes(age) => {
                    covered = candidate.from + age.length as u32;
                    let hits = wanted
                        .iter()
                        .filter(|w| (u16::from(w.from)..=u16::from(w.to)).contains(&age.years));
                    found.extend(hits.map(|w| report(*candidate, age, w.signals, window, source)));
                    false
                }
            }
        });
    }

    /// The text ends.
    pub(super) fn finish(
        &mut self,
        wanted: &[Wanted],
        window: Window<'_>,
        source: Source,
        found: &mut Vec<Found>,
    ) {
        self.candidates
            .extend(self.word.take().map(|(candidate, _)| candidate));
        self.decide(wanted, window, source, true, found);
    }

    /// First byte of the earliest undecided number.
    pub(super) fn earliest(&self) -> Option<u32> {
        // A word begins after every candidate before it.
        let word = self.word.iter().map(|(candidate, _)| candidate);
        self.candidates
            .iter()
            .chain(word)
            .map(|candidate| candidate.start)
            .next()
    }

    /// Undecided numbers that would be ages if the text ended here.
    pub(super) fn unripe<'a>(&'a self, window: Window<'a>) -> impl Iterator<Item = Found> + 'a {
        self.candidates
            .iter()
            .filter_map(move |&candidate| match look(candidate, window, true) {
                Look::Yes(age) => Some(report(
                    candidate,
                    age,
                    SignalSet(0),
                    window,
                    Source::Visible,
                )),
                Look::No | Look::More => None,
            })
    }
}

/// Whether the word that these symbols begin with may be a number, as far as two letters say it.
fn may_be_number(symbols: &[Seen]) -> bool {
    let mut letters = symbols.iter().take(2).zip(0..);
    let mask = letters.try_fold(WordMask::ALL, |mask, (seen, at)| {
        mask.with(at, seen.symbol.ch)
    });
    mask.is_some()
}

fn report(
    candidate: Candidate,
    age: Age,
    signals: SignalSet,
    window: Window<'_>,
    source: Source,
) -> Found {
    let to = candidate.from + age.length as u32;
    Found {
        signals,
        view: source.view(),
        start: candidate.start,
        end: window.get(to - 1).map_or(candidate.start, |seen| seen.end),
        from: candidate.from,
        to,
        ripe: 0,
        needs: Needs::Nothing,
    }
}

fn look(candidate: Candidate, window: Window<'_>, ended: bool) -> Look<Age> {
    let (mut left, mut text) = ([' '; LEFT], [' '; MAX_WIDTH]);
    let left_from = candidate.from.saturating_sub(LEFT as u32);
    let left = copy(&mut left, window, left_from, candidate.from);
    let to = window.len().min(candidate.from + MAX_WIDTH as u32);
    let text = copy(&mut text, window, candidate.from, to);
    judge(Context {
        left,
        text,
        ended: ended || text.len() == MAX_WIDTH,
    })
}

/// Symbols `from..to` as characters.
fn copy<'a>(buffer: &'a mut [char], window: Window<'_>, from: u32, to: u32) -> &'a [char] {
    let mut length = 0;
    for index in from..to {
        if let Some(seen) = window.get(index) {
            buffer[length] = seen.symbol.ch;
            length += 1;
        }
    }
    &buffer[..length]
}
