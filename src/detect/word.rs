//! [`Word`]: a whole word of letters, by which terms are looked up; [`End`]: a prefix of terms that it
//! is, and whether anything goes on from there with what stands behind the word.

use super::beginnings::{edges, third};
use super::lexicon::{Edge, HAS_TERM, Labels, Lexicon};
use super::table::then;
use super::thread::{AFTER_SYLLABLE, Thread};
use super::window::Seen;
use crate::text::Class;

/// Bits of the set of words. A Han term adds one word for each of its syllables.
pub(super) const WORDS: usize = 1 << 20;

/// Bits of the set of stems: three letters each.
pub(super) const STEMS: usize = 26 * 26 * 26;

/// Bits of the set of terms with a tail.
pub(super) const TAILS: usize = 1 << 16;

/// Letters read so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Word {
    /// Letters that were hashed.
    hash: u64,
    /// Letters of ASCII since, in [`LETTER`] bits each.
    packed: u64,
    stem: u32,
    pub length: usize,
}

/// Bits of a letter of ASCII, and how many letters are sure to fit.
const LETTER: u32 = 5;
pub(super) const PACKED: usize = 12;

impl Word {
    /// The word of so many letters a to z, at most [`PACKED`], which are 1 to 26 in [`LETTER`] bits each.
    #[inline]
    pub(super) fn of(packed: u64, length: usize) -> Self {
        let head = packed >> (LETTER * length.saturating_sub(3) as u32);
        let letter = |at: u32| ((head >> (LETTER * at)) as u32 & 31).wrapping_sub(1);
        let stem = match length {
            0..3 => 0,
            _ => (letter(2) * 26 + letter(1)) * 26 + letter(0),
        };
        Self {
            hash: 0,
            packed,
            stem,
            length,
        }
    }

    /// The packed letters with one more, if it is one of a to z.
    #[inline]
    pub(super) fn pack(packed: u64, letter: char) -> Option<u64> {
        let letter = (letter as u32).wrapping_sub('a' as u32);
        (letter < 26).then_some(packed << LETTER | u64::from(letter + 1))
    }

    /// The word with one more letter.
    #[inline]
    pub(super) fn then(self, c: char) -> Self {
        let letter = (c as u32).wrapping_sub('a' as u32);
        let stem = match self.length {
            0..3 => letter.min(25) + self.stem * 26,
            _ => self.stem,
        };
        let length = self.length + 1;
        let fits = letter < 26 && self.packed >> (u64::BITS - LETTER) == 0;
        let (hash, packed) = match fits {
            true => (self.hash, self.packed << LETTER | u64::from(letter + 1)),
            false => (then(self.hash() ^ 1, c), 0),
        };
        Self {
            hash,
            packed,
            stem,
            length,
        }
    }

    /// All letters, hashed.
    #[inline]
    pub(super) fn hash(self) -> u64 {
        let mixed = (self.hash ^ self.packed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed ^ mixed >> 32
    }

    pub(super) fn bit(self) -> usize {
        (self.hash() >> 40) as usize % WORDS
    }

    pub(super) fn tail_bit(self) -> usize {
        (self.hash() >> 40) as usize % TAILS
    }

    /// `None` if it has fewer than three letters.
    pub(super) fn stem(self) -> Option<usize> {
        (self.length >= 3).then_some(self.stem as usize % STEMS)
    }
}

/// A prefix that a whole word is.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    /// As it is after the last letter, but for where it began.
    pub thread: Thread,
    /// Whether it is the last of its word.
    last: bool,
    /// Whether a term is complete.
    complete: bool,
    ahead: Ahead,
}

/// By which hashed codes terms go on where a word has ended.
#[derive(Debug, Clone, Copy, Default)]
struct Ahead {
    /// Behind a space, and behind a space and one more symbol.
    space: (u64, u64),
    /// The same without the space: as a letter that stands alone, or a syllable, goes on.
    apart: (u64, u64),
}

/// By what terms go on from a node where a word ends.
fn ahead(lexicon: &Lexicon, node: u32) -> Ahead {
    let masks = |masks: (u64, u64), (code, edge): (u16, Edge)| {
        (
            masks.0 | lexicon.bit(code),
            masks.1 | third(lexicon, edge.to),
        )
    };
    let spaces = lexicon.children(node, lexicon.space()).iter();
    let spaces = spaces.filter(|_| lexicon.space() != 0);
    let behind = spaces.flat_map(|space| edges(lexicon, space.to));
    Ahead {
        space: behind.fold((0, 0), masks),
        apart: edges(lexicon, node).fold((0, 0), masks),
    }
}

impl End {
    /// A thread as it is behind the last letter of a word, and whether the word has no more.
    pub(super) fn of(lexicon: &Lexicon, thread: Thread, last: bool) -> Self {
        Self {
            thread,
            last,
            complete: lexicon.has(thread.node) & HAS_TERM != 0,
            ahead: ahead(lexicon, thread.node),
        }
    }

    /// Whether a term is complete.
    #[inline]
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether it is the last of its word.
    pub(super) fn is_last(&self) -> bool {
        self.last
    }

    /// What it begins, of a word that begins so.
    pub(super) fn thread(&self, start: u32, from: u32) -> Thread {
        Thread {
            start,
            from,
            ..self.thread
        }
    }

    /// Whether a term may go on behind the word.
    #[inline]
    pub(super) fn goes_on(&self, behind: &Behind<'_>) -> bool {
        let Behind::Letters {
            alone,
            letter,
            then,
        } = behind
        else {
            return matches!(behind, Behind::Anything);
        };
        let meets = |(first, second): (u64, u64)| {
            first & letter.mask != 0 && then.is_none_or(|then| second & then.mask != 0)
        };
        let Ahead { space, apart } = self.ahead;
        let parts = *alone || self.thread.flags & AFTER_SYLLABLE != 0;
        meets(space) || (parts && meets(apart))
    }
}

/// What stands behind a word.
pub(super) enum Behind<'l> {
    /// A space, a letter and the letter behind that, if there is one. `alone` if the word has one letter.
    Letters {
        alone: bool,
        letter: &'l Labels,
        then: Option<&'l Labels>,
    },
    /// A sign that ends every term.
    End,
    /// Anything else, or nothing yet.
    Anything,
}

impl<'l> Behind<'l> {
    /// What these symbols are behind a word, which has one letter if it is `alone`.
    pub(super) fn of(lexicon: &'l Lexicon, alone: bool, symbols: &[Seen]) -> Self {
        let letter = |seen: &Seen| {
            let symbol = seen.symbol;
            (symbol.class == Class::Letter).then(|| lexicon.labels(symbol.ch))
        };
        match symbols {
            [sign, ..] if matches!(sign.symbol.class, Class::Natural | Class::Mark) => {
                match is_end(lexicon, sign) {
                    true if !alone => Self::End,
                    _ => Self::Anything,
                }
            }
            [space, next, rest @ ..] if space.symbol.class.is_white() => match letter(next) {
                Some(one) => Self::Letters {
                    alone,
                    letter: one,
                    then: rest.first().and_then(letter),
                },
                None => Self::Anything,
            },
            _ => Self::Anything,
        }
    }
}

/// Whether a sign ends every term before it, but for a letter that stands alone: no term
/// holds it, and it stands for no letter and no space.
fn is_end(lexicon: &Lexicon, sign: &Seen) -> bool {
    let ch = sign.symbol.ch;
    lexicon.labels(ch).mask == 0 && !lexicon.is_leet(ch) && !matches!(ch, '-' | '_' | '\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_the_same_read_at_once_and_letter_by_letter() {
        for word in ["a", "zz", "the", "turnip", "cauliflowers", "abcdefghijk"] {
            let packed = word.chars().try_fold(0, Word::pack).expect("letters");
            let slow = word.chars().fold(Word::default(), Word::then);
            let fast = Word::of(packed, word.len());
            let told = |word: Word| (word.hash(), word.stem(), word.length);
            assert_eq!(told(fast), told(slow), "{word}");
        }
    }

    #[test]
    fn other_words_have_other_hashes() {
        let words = "a aa ab ba café cafe carrots carrot zzzzzzzzzzzzz zzzzzzzzzzzz zzzzzzzzzzzzzz";
        let hash = |word: &str| word.chars().fold(Word::default(), Word::then).hash();
        let mut hashes: Vec<u64> = words.split(' ').map(hash).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), words.split(' ').count());
    }
}
