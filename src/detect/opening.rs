//! [`Opening`]: what may begin at a symbol of a text, told from the symbols that follow it, so
//! that no beginning is followed that dies at the next step. Where they are not known yet, anything.

use super::beginnings::Begins;
use super::lexicon::{Labels, Lexicon, MAX_SEPARATORS};
use super::phrase::is_word;
use super::window::Seen;
use super::word::{Behind, Rest};
use crate::text::Class;

/// What may begin at a symbol.
pub(super) enum Opening<'l> {
    /// No term.
    Nothing,
    /// Terms that begin with a Han and the symbol after it.
    Pair(Pair<'l>),
    /// A term that is one Han, and those that begin with it and the symbol after it.
    Single(Option<Pair<'l>>),
    /// What a whole word of so many letters begins, which lies there.
    Word(u32, usize),
    /// No term begins with a whole word of so many letters.
    Dull(usize),
    /// Any term that begins with the symbol.
    Anything,
}

/// A Han and what follows it.
pub(super) struct Pair<'l> {
    pub first: &'l Labels,
    pub second: &'l Labels,
    pub third: Option<Seen>,
}

/// What may begin with the Han that these symbols begin with. `last` is the
/// symbol before it.
#[inline]
pub(super) fn han<'l>(lexicon: &'l Lexicon, last: Option<Class>, symbols: &[Seen]) -> Opening<'l> {
    let Some(next) = symbols.get(1) else {
        return Opening::Anything;
    };
    let (first, second) = (symbols[0].symbol.ch, next.symbol.ch);
    let place = lexicon.place(first);
    let single = place.is_single();
    match next.symbol.class {
        Class::Han | Class::Letter => {
            let begins = lexicon.beginnings.meet(place, lexicon.place(second));
            let both = begins.then(|| Pair {
                first: lexicon.labels(first),
                second: lexicon.labels(second),
                third: symbols.get(2).copied(),
            });
            match both {
                both if single => Opening::Single(both),
                Some(both) => Opening::Pair(both),
                None => Opening::Nothing,
            }
        }
        Class::Digit => Opening::Anything,
        _ if single => Opening::Anything,
        _ => over_gap(lexicon, (last, first), &symbols[1..]),
    }
}

/// What may begin with a Han that a gap follows: something only if it could without the gap,
/// too. The gap is looked at, so that not every beginning has to be carried into it.
fn over_gap<'l>(
    lexicon: &'l Lexicon,
    (last, first): (Option<Class>, char),
    gap: &[Seen],
) -> Opening<'l> {
    let (alone, place) = (!is_word(last), lexicon.place(first));
    let spaced = || lexicon.beginnings.spaced(lexicon.labels(first));
    for seen in gap.iter().take(usize::from(MAX_SEPARATORS)) {
        let (ch, class) = (seen.symbol.ch, seen.symbol.class);
        let read = lexicon.labels(ch);
        match class {
            Class::Han | Class::Letter => {
                let begins = lexicon.beginnings.meet(place, lexicon.place(ch));
                return match begins {
                    true => Opening::Anything,
                    false => Opening::Nothing,
                };
            }
            Class::Digit => break,
            // It may itself be a symbol of a term, or a letter in disguise.
            _ if lexicon.is_leet(ch) => break,
            _ if read.exact != 0 && (!class.is_white() || spaced()) => {
                break;
            }
            _ if class.is_natural() && !alone => return Opening::Nothing,
            _ => {}
        }
    }
    Opening::Anything
}

/// What may begin with the letter that these symbols begin with: only a word that is whole tells.
#[inline]
pub(super) fn word(lexicon: &Lexicon, rest: Rest<'_>) -> Opening<'static> {
    let (word, symbols) = (rest.first(), rest.symbols);
    let length = word.length;
    let Some(end) = symbols.get(length).map(|seen| seen.symbol) else {
        return Opening::Anything;
    };
    // `!` and `+` may be letters in disguise.
    if end.class == Class::Digit || lexicon.is_leet(end.ch) {
        return Opening::Anything;
    }
    let letters = symbols.iter().map(|seen| seen.symbol.ch);
    match lexicon.beginnings.word(word, letters) {
        Begins::Nothing => Opening::Dull(length),
        Begins::Word(ends) => goes_on(lexicon, ends, length, rest),
        Begins::Unknown => Opening::Anything,
    }
}

/// Whether what a word of so many letters begins, which lies there, is complete or goes on.
fn goes_on(lexicon: &Lexicon, ends: u32, length: usize, rest: Rest<'_>) -> Opening<'static> {
    let behind = Behind::of(lexicon, length == 1, rest.from(length));
    let mut begun = lexicon.beginnings.ends(ends);
    match begun.any(|end| end.is_complete() || end.goes_on(lexicon, &behind)) {
        true => Opening::Word(ends, length),
        false => Opening::Dull(length),
    }
}

/// What may begin with a sign or a digit.
#[inline]
pub(super) fn sign(lexicon: &Lexicon, ch: char) -> Opening<'static> {
    match lexicon.labels(ch).mask == 0 && !lexicon.is_leet(ch) {
        true => Opening::Nothing,
        false => Opening::Anything,
    }
}
