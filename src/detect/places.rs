//! [`Places`]: where in a batch a term may begin, a bit for each symbol. Words are asked for one after the other
//! without a branch that depends on the text: of four words of a text one begins some term by its letters, and of
//! ten of those one goes on with the word behind it, which no processor guesses.
//!
//! It may mark a symbol at which nothing begins, never leave out one at which something does.

use super::lexicon::Lexicon;
use super::table::get;
use super::word::{OTHER, SPACE, Word, chunk, is_end, word_bit};
use crate::text::Class;

/// Symbols looked at together.
const BLOCK: usize = 64;

/// A batch is looked at ahead if one symbol in so many is a letter, at least: Han are asked for where they stand.
const FEW: usize = 8;

/// A word is certain to end before the symbol.
const ENDS: u8 = 1;
/// A term may begin with the symbol.
const BEGINS: u8 = 2;
/// No term goes on with it behind a word, unless that is a letter that stands alone.
const STOPS: u8 = 4;

/// What signs are to words, by [`super::word::letter`].
#[derive(Debug)]
pub(super) struct Signs([u8; 256]);

impl Default for Signs {
    fn default() -> Self {
        Self([0; 256])
    }
}

impl Signs {
    /// In the terms of a lexicon.
    pub(super) fn of(lexicon: &Lexicon) -> Self {
        let mut signs = Self::default();
        for byte in 0..OTHER {
            let ch = char::from(byte);
            let (class, leet) = (Class::of(ch), lexicon.is_leet(ch));
            let begins = !class.is_white() && (leet || lexicon.labels(ch).mask != 0);
            let flags = [
                (ENDS, !class.is_latin() && !leet),
                (BEGINS, begins),
                (
                    STOPS,
                    !class.is_word() && !class.is_white() && is_end(lexicon, ch),
                ),
            ];
            for (flag, _) in flags.into_iter().filter(|flag| flag.1) {
                signs.0[usize::from(OTHER | byte)] |= flag;
            }
        }
        signs.0[usize::from(OTHER)] = BEGINS;
        signs
    }

    #[inline]
    fn of_letter(&self, letter: u8) -> u8 {
        self.0[usize::from(letter)]
    }
}

/// Where terms may begin in a batch.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// A bit for each symbol; none at all if any may begin something.
    bits: Vec<u64>,
    /// The words of the batch, and the numbers of those with which terms may begin; reused.
    words: Vec<Told>,
    known: Vec<u32>,
}

/// A word of a batch.
#[derive(Debug, Clone, Copy)]
struct Told {
    hash: u64,
    start: u32,
    /// Where the next word has to begin for it to tell something.
    next: u32,
    /// Whether it tells whether the word before goes on: it is whole, and no letter that stands alone.
    tells: bool,
    /// Whether a term with a tail may be its beginning.
    stem: bool,
    /// Whether no term goes on behind it.
    stopped: bool,
}

impl Told {
    /// Behind the last word; it tells nothing.
    const NONE: Self = Self {
        hash: 0,
        start: u32::MAX,
        next: u32::MAX,
        tells: false,
        stem: false,
        stopped: false,
    };
}

impl Places {
    /// Looks at the symbols of a batch.
    pub(super) fn read(&mut self, lexicon: &Lexicon, letters: &[u8]) {
        self.bits.clear();
        let some = letters.iter().step_by(FEW).filter(|&&one| one < OTHER);
        if some.count() * FEW * FEW < letters.len() {
            return;
        }
        self.bits.resize(letters.len().div_ceil(BLOCK), 0);
        let known = self.find(lexicon, letters);
        for at in 0..known {
            let at = self.known[at] as usize;
            let (word, next) = (self.words[at], self.words[at + 1]);
            let tells = next.tells & (word.next == next.start);
            let firm = word.stem | lexicon.beginnings.is_firm(word.hash);
            let goes_on = !tells | lexicon.beginnings.both(word.hash, next.hash);
            self.mark(word.start as usize, firm | (goes_on & !word.stopped));
        }
    }

    /// Notes the words of a batch and with which of them terms may begin, and marks what is none. Returns
    /// how many those are.
    fn find(&mut self, lexicon: &Lexicon, letters: &[u8]) -> usize {
        self.words.clear();
        self.known.resize(letters.len() / 2 + 1, 0);
        let (words, mut known, mut within) = (lexicon.beginnings.words(), 0, 0);
        for (at, block) in letters.chunks(BLOCK).enumerate() {
            let Marks {
                ends,
                others,
                white,
            } = Marks::of(block);
            let behind = !ends << 1 | within;
            // A sign right behind a letter is looked at with its word.
            self.bits[at] |= others | (ends & !white & !behind);
            let mut starts = !ends & !behind;
            within = !ends >> (BLOCK - 1);
            while starts != 0 {
                let start = at * BLOCK + starts.trailing_zeros() as usize;
                starts &= starts - 1;
                let Some(word) = Word::first(chunk(&letters[start..])) else {
                    self.long_word(letters, start);
                    continue;
                };
                let end = start + word.length;
                let sign = lexicon.signs.of_letter(letters[end]);
                if sign & BEGINS != 0 {
                    self.mark(end, true);
                }
                let (hash, ends) = (word.hash(), sign & ENDS != 0);
                let stem = lexicon.beginnings.is_stem(word);
                self.known[known] = self.words.len() as u32;
                known += usize::from(get(words, word_bit(hash)) | stem | !ends);
                self.words.push(Told {
                    hash,
                    start: start as u32,
                    next: match ends & (letters[end] == SPACE) {
                        true => end as u32 + 1,
                        false => u32::MAX,
                    },
                    tells: ends & (word.length > 1),
                    stem,
                    stopped: (sign & STOPS != 0) & (word.length > 1),
                });
            }
        }
        self.words.push(Told::NONE);
        known
    }

    /// Marks a word that is long, or whose end is not known.
    #[cold]
    fn long_word(&mut self, letters: &[u8], start: usize) {
        self.mark(start, true);
        let length = letters[start..]
            .iter()
            .take_while(|&&one| one < OTHER)
            .count();
        if start + length < letters.len() {
            self.mark(start + length, true);
        }
        self.words.push(Told::NONE);
    }

    #[inline]
    fn mark(&mut self, at: usize, there: bool) {
        self.bits[at / BLOCK] |= u64::from(there) << (at % BLOCK);
    }

    /// Whether it was looked where terms may begin; if not, it may be anywhere.
    #[inline]
    pub(super) fn are_told(&self) -> bool {
        !self.bits.is_empty()
    }

    /// The first of so many symbols, from one on, at which a term may begin; their number if there is none.
    #[inline]
    pub(super) fn next(&self, at: usize, symbols: usize) -> usize {
        let Some(&first) = self.bits.get(at / BLOCK) else {
            return at;
        };
        let mut bits = first & u64::MAX << (at % BLOCK);
        let mut block = at / BLOCK;
        while bits == 0 {
            block += 1;
            match self.bits.get(block) {
                Some(&next) => bits = next,
                None => return symbols,
            }
        }
        block * BLOCK + bits.trailing_zeros() as usize
    }

    /// Whether a term may begin at a symbol.
    #[inline]
    pub(super) fn has(&self, at: usize) -> bool {
        let bits = self.bits.get(at / BLOCK);
        bits.is_none_or(|bits| bits >> (at % BLOCK) & 1 != 0)
    }
}

/// A bit for each symbol of a block.
struct Marks {
    /// It is no letter a to z.
    ends: u64,
    /// Nothing is known of it.
    others: u64,
    /// It is a space or the end of a line.
    white: u64,
}

impl Marks {
    /// Of the symbols of a block; spaces stand behind the last.
    #[inline]
    fn of(block: &[u8]) -> Self {
        let whole: [u8; BLOCK] = block.try_into().unwrap_or_else(|_| {
            let mut whole = [SPACE; BLOCK];
            whole[..block.len()].copy_from_slice(block);
            whole
        });
        let (mut ends, mut others, mut white) = (0, 0, 0);
        for (at, eight) in whole.as_chunks().0.iter().enumerate() {
            let eight = u64::from_le_bytes(*eight);
            let equal = |letter: u8| zeros(eight ^ (u64::from(letter) * ONES));
            ends |= packed(eight) << (8 * at);
            others |= packed(equal(OTHER)) << (8 * at);
            white |= packed(equal(SPACE) | equal(LINE)) << (8 * at);
        }
        Self {
            ends,
            others,
            white,
        }
    }
}

/// What the end of a line is to words.
const LINE: u8 = OTHER | b'\n';

/// The lowest bit of each of eight bytes.
const ONES: u64 = u64::MAX / 0xFF;

/// The highest bit of each of eight bytes that is zero.
#[inline]
fn zeros(eight: u64) -> u64 {
    let low = eight & (ONES * 0x7F);
    !((low + ONES * 0x7F) | eight) & (ONES * 0x80)
}

/// The highest bits of eight bytes, side by side.
#[inline]
fn packed(eight: u64) -> u64 {
    (eight >> 7 & ONES).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(test)]
mod tests {
    use super::super::opening::{Opening, sign, word};
    use super::super::window::{Seen, Tape};
    use super::super::word::Rest;
    use super::*;
    use crate::detect::{Builder, SignalId};
    use crate::text::{ViewKind, Views, symbols};

    #[test]
    fn marks_are_those_of_each_symbol() {
        let all: Vec<u8> = (0..=u8::MAX).filter(|&one| one != 0).collect();
        for block in all.chunks(BLOCK).chain(all.chunks(7)) {
            let Marks {
                ends,
                others,
                white,
            } = Marks::of(block);
            for (at, &letter) in block.iter().enumerate() {
                let bit = |bits: u64| bits >> at & 1 != 0;
                assert_eq!(bit(ends), letter >= OTHER, "{letter:#x}");
                assert_eq!(bit(others), letter == OTHER, "{letter:#x}");
                assert_eq!(bit(white), letter == SPACE || letter == LINE, "{letter:#x}");
            }
        }
    }

    #[test]
    fn nothing_begins_where_no_place_is_marked() {
        let mut builder = Builder::default();
        let words =
            "leek soup|a turnip|kale sal*|黄瓜片|i fern tea|don't stew|3d beet|chard|r&d yam";
        for (at, word) in (0..).zip(words.split('|')) {
            let views = Views::of(&ViewKind::ALL);
            builder.word(SignalId(at), word, views).expect("a word");
        }
        let detectors = builder.build().expect("small");
        let lexicon = &detectors.lexicon;
        let begins = [
            "leek soup",
            "a turnip",
            "t u r n i p",
            "kale salads",
            "huang gua",
            "i fern",
            "don't",
            "3d",
        ];
        let others = [
            "leek and soup",
            "leek. soup",
            "a potato",
            "kale is",
            "they huang",
            "cauliflowersandbeans",
        ];
        let (mut marked, mut not) = (0, 0);
        for text in begins.iter().chain(&others) {
            let text = format!(
                "We had (some of it), {text} — and 7 more.\nthen chärd, {text}, {text}! chard {text}"
            );
            let mut tape = Tape::default();
            for (symbol, span) in symbols(&text) {
                let original = symbol.ch;
                tape.push(Seen {
                    symbol,
                    original,
                    start: span.start,
                    end: span.end,
                });
            }
            tape.level();
            let rest = Rest {
                symbols: tape.from(0),
                letters: tape.letters(0),
            };
            let mut places = Places::default();
            places.read(lexicon, rest.letters);
            assert!(places.are_told());
            for at in 0..rest.symbols.len() {
                let class = rest.symbols[at].symbol.class;
                let before = at.checked_sub(1).map(|at| rest.symbols[at].symbol.class);
                let here = match class {
                    Class::Letter if before.is_some_and(Class::is_latin) => continue,
                    Class::Letter => word(lexicon, rest.from(at)),
                    Class::Space | Class::Line => continue,
                    Class::Han => Opening::Anything,
                    _ => sign(lexicon, rest.symbols[at].symbol.ch),
                };
                let nothing = matches!(here, Opening::Nothing | Opening::Dull(_));
                assert!(nothing || places.has(at), "{text} at {at}");
                assert_eq!(places.next(at, usize::MAX) == at, places.has(at));
                marked += u32::from(places.has(at));
                not += u32::from(!places.has(at));
            }
        }
        assert!(not > marked && marked > 50, "{marked} and {not}");
    }
}
