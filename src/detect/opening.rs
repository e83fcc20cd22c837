//! [`Opening`]: what may begin at a symbol of a text, told from the symbols that follow it, so
//! that no beginning is followed that dies at the next step. Where they are not known yet, anything.

use super::beginnings::{Begins, Word};
use super::lexicon::{Labels, Lexicon, MAX_SEPARATORS};
use super::phrase::is_word;
use super::window::Seen;
use crate::text::Class;

/// What may begin at a symbol.
pub(super) enum Opening<'l> {
    /// No term.
    Nothing,
    /// Terms that begin with a Han and the symbol after it.
    Pair(Pair<'l>),
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
    let labels = lexicon.labels(symbols[0].symbol.ch);
    if lexicon.beginnings.single(labels) {
        return Opening::Anything;
    }
    let Some(next) = symbols.get(1) else {
        return Opening::Anything;
    };
    match next.symbol.class {
        Class::Han | Class::Letter => Opening::Pair(Pair {
            first: labels,
            second: lexicon.labels(next.symbol.ch),
            third: symbols.get(2).copied(),
        }),
        Class::Digit => Opening::Anything,
        _ => over_gap(lexicon, (last, labels), &symbols[1..]),
    }
}

/// What may begin with a Han that a gap follows: something only if it could without the gap,
/// too. The gap is looked at, so that not every beginning has to be carried into it.
fn over_gap<'l>(
    lexicon: &'l Lexicon,
    (last, labels): (Option<Class>, &'l Labels),
    gap: &[Seen],
) -> Opening<'l> {
    let alone = !is_word(last);
    for seen in gap.iter().take(usize::from(MAX_SEPARATORS)) {
        let (ch, class) = (seen.symbol.ch, seen.symbol.class);
        let read = lexicon.labels(ch);
        match class {
            Class::Han | Class::Letter => {
                let mut begins = false;
                let any = |_, _, _| begins = true;
                lexicon.beginnings.pair(labels, read, None, any);
                return if begins {
                    Opening::Anything
                } else {
                    Opening::Nothing
                };
            }
            Class::Digit => break,
            // It may itself be a symbol of a term, or a letter in disguise.
            _ if lexicon.leet(ch)[0] != 0 => break,
            _ if read.exact != 0 && (!class.is_white() || lexicon.beginnings.spaced(labels)) => {
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
pub(super) fn word(lexicon: &Lexicon, symbols: &[Seen]) -> Opening<'static> {
    let mut word = Word::default();
    for (length, seen) in symbols.iter().enumerate() {
        let symbol = seen.symbol;
        match symbol.class {
            Class::Letter => word = word.then(symbol.ch),
            Class::Digit | Class::Mark => break,
            // `!` may be a letter in disguise.
            _ if lexicon.leet(symbol.ch)[0] != 0 => break,
            _ => {
                let letters = symbols.iter().map(|seen| seen.symbol.ch);
                return match lexicon.beginnings.word(word, letters) {
                    Begins::Nothing => Opening::Dull(length),
                    Begins::Word(ends) => Opening::Word(ends, length),
                    Begins::Unknown => Opening::Anything,
                };
            }
        }
    }
    Opening::Anything
}
