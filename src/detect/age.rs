//! Ages bound to a person: "14 years old", "aged 14", "she is fourteen", "14岁", "今年十四".
//!
//! Every number opens a candidate that is judged anew with each further symbol, until what stands
//! around it decides. Text after a number therefore waits only as long as it still spells a unit,
//! or the word after one that could make it the age of a thing ("a 14-year-old whisky").

mod number;
mod words;

use std::ops::Range;

use super::SignalSet;
use super::doubt::Needs;
use super::endings::Endings;
use super::lane::{Found, Source, stamp};
use super::window::{Seen, Tape, Window};
use crate::text::Class;
use number::{WordMask, number};
use words::{
    BINDING, BINDING_HAN, DURATION, MEASURES, MEASURES_HAN, MONTHS, PERSON_ENDS, PERSONS,
    PERSONS_HAN, PLAIN_S, SOFTENERS, SOFTENERS_HAN, SPANS, THINGS, THINGS_HAN, TURNS, UNDER,
    UNDER_HAN, VERBS, WEAK_AFTER, WEAK_HAN, YEARS, YEARS_BARE, YEARS_HAN,
};

/// Symbols from the start of the number within which everything is decided.
pub(super) const MAX_WIDTH: usize = 64;

/// Symbols before the number that are looked at.
const LEFT: usize = 40;

/// Letters of the longest word that a guard knows, and a few more.
const MAX_WORD: usize = 16;

/// An age signal: from which to which age, in years.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub signals: SignalSet,
    pub from: u8,
    pub to: u8,
}

/// How far an attempt to read something came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look<T> {
    /// It is there.
    Yes(T),
    /// It is not.
    No,
    /// The text so far does not say.
    More,
}

/// An age that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Age {
    years: u16,
    /// Symbols from the start of the number to the end of its unit.
    length: usize,
}

/// The text around a number.
#[derive(Clone, Copy)]
struct Context<'a> {
    left: &'a [char],
    /// From the first symbol of the number on.
    text: &'a [char],
    /// Whether nothing more will be seen.
    ended: bool,
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

/// Decides about the number at the start of the text.
fn judge(context: Context) -> Look<Age> {
    let (low, mut at) = match number(context, 0) {
        Look::Yes(number) => number,
        Look::No => return Look::No,
        Look::More => return Look::More,
    };
    match range(context, at) {
        Look::Yes(to) => at = to,
        Look::More => return Look::More,
        Look::No => {}
    }
    match unit(context, low, at) {
        Look::No => bound_left(context, low, at),
        decided => decided,
    }
}

/// The upper end of a range; ages count by their lower end.
fn range(context: Context, at: usize) -> Look<usize> {
    let second = match context.any(at, &SPANS) {
        Look::Yes(second) => second,
        Look::No => return Look::No,
        Look::More => return Look::More,
    };
    match number(context, second) {
        Look::Yes((_, to)) => Look::Yes(to),
        Look::No => Look::No,
        Look::More => Look::More,
    }
}

/// A number with a unit of age.
fn unit(context: Context, value: u16, at: usize) -> Look<Age> {
    let after_gap = context.skip(at, &[' ', '-'], 2);
    let years = context.word(after_gap, &YEARS);
    let months = context.word(after_gap, &MONTHS);
    let bare = context.word(after_gap, &YEARS_BARE);
    let han = context.any(context.skip(at, &[' '], 1), &YEARS_HAN);
    if [years, months, han].contains(&Look::More) {
        return Look::More;
    }
    let under = UNDER.end(context.left) || UNDER_HAN.end(context.left);
    let value = value - u16::from(under && value > 0);
    match (years, months, bare, han) {
        (Look::Yes(to), ..) => of_person(context, value, to),
        (_, Look::Yes(to), ..) => of_person(context, value / 12, to),
        (.., Look::Yes(to)) => of_person_han(context, value, to),
        (_, _, Look::Yes(to), _) if under => match context.next_word(to) {
            Look::More => Look::More,
            Look::Yes((word, _)) if DURATION.contains(&word.text()) => Look::No,
            Look::Yes(_) | Look::No => Look::Yes(Age {
                years: value,
                length: to,
            }),
        },
        (_, _, Look::More, _) => Look::More,
        _ => Look::No,
    }
}

/// An English age, unless it is that of a thing.
fn of_person(context: Context, years: u16, to: usize) -> Look<Age> {
    if thing_before(context.left) {
        return Look::No;
    }
    let mut at = to;
    for _ in 0..2 {
        match context.next_word(at) {
            Look::More => return Look::More,
            Look::No => break,
            Look::Yes((word, _)) if is_thing(word.text()) => return Look::No,
            Look::Yes((word, _)) if PERSONS.contains(&word.text()) => break,
            Look::Yes((_, end)) => at = end,
        }
    }
    Look::Yes(Age { years, length: to })
}

/// A Chinese age, unless it is that of a thing.
fn of_person_han(context: Context, years: u16, to: usize) -> Look<Age> {
    if thing_before(context.left) {
        return Look::No;
    }
    let at = match context.any(to, &["的"]) {
        Look::Yes(at) => at,
        Look::No => to,
        Look::More => return Look::More,
    };
    match context.any(at, &THINGS_HAN) {
        Look::More => return Look::More,
        Look::Yes(_) => return Look::No,
        Look::No => {}
    }
    match context.any(to, &["以下"]) {
        Look::More => Look::More,
        Look::Yes(_) => Look::Yes(Age {
            years: years.saturating_sub(1),
            length: to,
        }),
        Look::No => Look::Yes(Age { years, length: to }),
    }
}

fn is_thing(word: &str) -> bool {
    let single = word.strip_suffix('s').unwrap_or(word);
    THINGS.contains(&word) || THINGS.contains(&single)
}

/// Whether the nearest noun before the number is a thing or an animal.
fn thing_before(left: &[char]) -> bool {
    let clause = left
        .iter()
        .rposition(|c| matches!(c, '.' | '!' | '?' | '。' | ';' | '\n'))
        .map_or(left, |stop| &left[stop + 1..]);
    for from in (0..clause.len()).rev() {
        let rest = &clause[from..];
        // Five words or six Han away it is another clause's noun.
        if rest.iter().filter(|c| **c == ' ').count() > 4 {
            return false;
        }
        if PERSONS_HAN.contains(&rest[0]) {
            return false;
        }
        if starts_any(rest, &THINGS_HAN) && rest.len() <= 8 {
            return true;
        }
        let word_start = from == 0 || !clause[from - 1].is_ascii_alphabetic();
        if !word_start || !rest[0].is_ascii_alphabetic() {
            continue;
        }
        let word = Letters::of(rest, LEFT);
        if PERSONS.contains(&word.text()) || TURNS.contains(&word.text()) {
            return false;
        }
        if is_thing(word.text()) {
            return true;
        }
    }
    false
}

/// A number without a unit, bound by what stands before it.
fn bound_left(context: Context, value: u16, at: usize) -> Look<Age> {
    let (left, softened) = strip(context.left, &SOFTENERS);
    let age = Look::Yes(Age {
        years: value,
        length: at,
    });
    if binds(left) {
        return match measured(context, at) {
            Look::Yes(()) => Look::No,
            Look::More => Look::More,
            Look::No => age,
        };
    }
    let (left, softened_han) = strip(context.left, &SOFTENERS_HAN);
    if UNDER_HAN.end(left) && value > 0 {
        return unless_measured_han(context, value - 1, at);
    }
    if BINDING_HAN.end(left) {
        return unless_measured_han(context, value, at);
    }
    let weak = !softened && softened_han && WEAK_HAN.end(context.left);
    if weak && !thing_before(context.left) {
        return match context.text.get(at) {
            None if context.ended => age,
            None => Look::More,
            Some(c) if WEAK_AFTER.contains(c) => age,
            Some(_) => Look::No,
        };
    }
    Look::No
}

fn unless_measured_han(context: Context, years: u16, at: usize) -> Look<Age> {
    match measured(context, at) {
        Look::Yes(()) => Look::No,
        Look::More => Look::More,
        Look::No => Look::Yes(Age { years, length: at }),
    }
}

/// Whether English before the number says whose age it is.
fn binds(left: &[char]) -> bool {
    if BINDING.end(left) {
        return true;
    }
    // "my daughter is 14", "the boy, 14": a person and at most a verb.
    VERBS
        .strip(left)
        .is_some_and(|before| PERSON_ENDS.end(before))
}

/// Whether what follows the number makes it a measure, a time, an ordinal.
fn measured(context: Context, at: usize) -> Look<()> {
    let Some(&next) = context.text.get(at) else {
        return if context.ended { Look::No } else { Look::More };
    };
    match next {
        '.' | ',' => match context.text.get(at + 1) {
            None if context.ended => Look::No,
            None => Look::More,
            Some(c) if c.is_ascii_digit() => Look::Yes(()),
            Some(_) => Look::No,
        },
        ' ' => match context.text.get(at + 1) {
            None if context.ended => Look::No,
            None => Look::More,
            Some(c) if c.is_ascii_digit() || SIGNS.contains(*c) => Look::Yes(()),
            Some(c) if MEASURES_HAN.contains(c) => Look::Yes(()),
            Some(_) => match context.next_word(at) {
                Look::Yes((word, _)) if is_measure(word.text()) => Look::Yes(()),
                Look::More => Look::More,
                Look::Yes(_) | Look::No => Look::No,
            },
        },
        c if c.is_ascii_alphanumeric() || SIGNS.contains(c) || MEASURES_HAN.contains(&c) => {
            Look::Yes(())
        }
        _ => Look::No,
    }
}

/// Signs that make the number before them something else than an age.
const SIGNS: &str = "%$¥€£°/:'\"+-*=#x×";

/// A word that counts something: known ones, and any other plural.
fn is_measure(word: &str) -> bool {
    let plural = word.len() > 3 && word.ends_with('s') && !word.ends_with("ss");
    MEASURES.contains(&word) || (plural && !PLAIN_S.contains(&word))
}

impl Context<'_> {
    /// One past the run of these characters, at most `most` of them.
    fn skip(self, at: usize, chars: &[char], most: usize) -> usize {
        let run = self.text[at.min(self.text.len())..].iter();
        at + run.take(most).take_while(|c| chars.contains(c)).count()
    }

    /// The longest of the literals at this place.
    fn any(self, at: usize, literals: &[&str]) -> Look<usize> {
        let rest = &self.text[at.min(self.text.len())..];
        let mut best = Look::No;
        for literal in literals {
            let same = rest.iter().copied().zip(literal.chars());
            if !same.clone().all(|(a, b)| a == b) {
                continue;
            }
            let length = literal.chars().count();
            if rest.len() < length {
                if !self.ended {
                    return Look::More;
                }
            } else if !matches!(best, Look::Yes(end) if end >= at + length) {
                best = Look::Yes(at + length);
            }
        }
        best
    }

    /// The longest of the literals, as whole words.
    fn word(self, at: usize, literals: &[&str]) -> Look<usize> {
        match self.any(at, literals) {
            Look::Yes(end) => match self.text.get(end) {
                None if !self.ended => Look::More,
                Some(c) if c.is_ascii_alphanumeric() => Look::No,
                _ => Look::Yes(end),
            },
            other => other,
        }
    }

    /// The next Latin word after one space or hyphen, with its end.
    fn next_word(self, at: usize) -> Look<(Letters, usize)> {
        let from = self.skip(at, &[' ', '-'], 1);
        let word = Letters::of(&self.text[from.min(self.text.len())..], MAX_WORD);
        let end = from + word.length;
        if end >= self.text.len() && !self.ended {
            return Look::More;
        }
        if word.length == 0 || from == at {
            return Look::No;
        }
        Look::Yes((word, end))
    }
}

/// The letters of ASCII that a text begins with: no text costs an allocation for being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Letters {
    letters: [u8; LEFT],
    length: usize,
}

impl Letters {
    /// At most so many of them.
    fn of(text: &[char], most: usize) -> Self {
        let mut letters = [0; LEFT];
        let own = text.iter().take(most.min(LEFT));
        let length = own.take_while(|c| c.is_ascii_alphabetic()).count();
        for (slot, c) in letters.iter_mut().zip(&text[..length]) {
            *slot = *c as u8;
        }
        Self { letters, length }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.letters[..self.length]).expect("letters of ASCII")
    }
}

fn starts_any(text: &[char], literals: &[&str]) -> bool {
    literals.iter().any(|literal| {
        literal.chars().count() <= text.len() && literal.chars().zip(text).all(|(a, b)| a == *b)
    })
}

/// Takes trailing adverbs away, up to three, and says whether there was one.
fn strip<'a>(text: &'a [char], endings: &Endings) -> (&'a [char], bool) {
    let mut now = (text, false);
    for _ in 0..3 {
        match endings.strip(now.0) {
            Some(rest) => now = (rest, true),
            None => break,
        }
    }
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age_in(text: &str, from: usize) -> Option<(u16, String)> {
        let chars: Vec<char> = crate::text::skeleton(text).chars().collect();
        match judge(Context {
            left: &chars[..from],
            text: &chars[from..],
            ended: true,
        }) {
            Look::Yes(age) => {
                let spelled = chars[from..from + age.length].iter().collect();
                Some((age.years, spelled))
            }
            _ => None,
        }
    }

    #[test]
    fn units_and_bindings() {
        assert_eq!(age_in("she is 14.", 7), Some((14, "14".into())));
        assert_eq!(
            age_in("14-year-old girl", 0),
            Some((14, "14-year-old".into()))
        );
        assert_eq!(age_in("12-14岁", 0), Some((12, "12-14岁".into())));
        assert_eq!(
            age_in("18 months old", 0),
            Some((1, "18 months old".into()))
        );
        assert_eq!(age_in("14 weeks", 0), None);
    }

    #[test]
    fn an_unfinished_unit_waits() {
        for (text, expect) in [
            ("14 yea", true),
            ("14 d", false),
            ("14", true),
            ("14年", false),
        ] {
            let chars: Vec<char> = text.chars().collect();
            let look = judge(Context {
                left: &[],
                text: &chars,
                ended: false,
            });
            assert_eq!(look == Look::More, expect, "{text}");
        }
    }
}
