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

/// Bits of the set of stems: three letters each, of five bits.
pub(super) const STEMS: usize = 1 << 15;

/// Bits of the set of words that are terms, or of which what may come next is not listed.
pub(super) const FIRM: usize = 1 << 17;

/// Where a hashed word stands in the set of words, and in that of firm ones.
#[inline]
pub(super) fn word_bit(hash: u64) -> usize {
    (hash >> 40) as usize % WORDS
}

#[inline]
pub(super) fn firm_bit(hash: u64) -> usize {
    (hash >> 40) as usize % FIRM
}

/// Letters of a word that are followed into the trie; no word of a term is longer.
pub(super) const MAX_WORD: usize = 24;

/// Bits of the set of terms with a tail.
pub(super) const TAILS: usize = 1 << 16;

/// Letters read so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Word {
    /// Letters that were hashed.
    hash: u64,
    /// Letters of ASCII since, a byte each ([`letter`]), the first one lowest.
    packed: u128,
    stem: u32,
    pub length: usize,
}

/// Symbols that are looked at together for the end of a word.
pub(super) const PACKED: usize = size_of::<u128>();

/// The highest bit of each byte.
const OTHERS: u128 = u128::MAX / 0xFF * 0x80;

/// What a symbol is to words: 1 to 26 for the letters a to z, its own code with the highest bit for other ASCII, and
/// [`OTHER`]. A word ends where the highest bit is first set.
#[inline]
pub(super) fn letter(ch: char) -> u8 {
    match (ch as u32).wrapping_sub('a' as u32) {
        letter @ 0..26 => letter as u8 + 1,
        _ if ch.is_ascii() => OTHER | ch as u8,
        _ => OTHER,
    }
}

/// The same of the symbols of plain ASCII ([`crate::text::fold::plain_ascii`]). Compiles to vector instructions.
pub(super) fn letters(plain: &[u8], out: &mut Vec<u8>) {
    out.extend(plain.iter().map(|&byte| {
        let place = (byte | 0x20).wrapping_sub(b'a');
        // The skeleton has one white space and one end of a line.
        let tab = (byte == b'\t') | (byte == 0xB) | (byte == 0xC);
        let sign = if tab { b' ' } else { byte };
        let sign = if byte == b'\r' { b'\n' } else { sign };
        if place < 26 { place + 1 } else { OTHER | sign }
    }));
}

/// What is neither a letter nor known to be another sign of ASCII to words.
pub(super) const OTHER: u8 = 0x80;

/// What a space is to words.
pub(super) const SPACE: u8 = OTHER | b' ';

impl Word {
    /// The letters a to z that [`chunk`] begins with, if something else is among them, too.
    #[inline]
    pub(super) fn first(all: u128) -> Option<Self> {
        let bits = (all & OTHERS).trailing_zeros() & !7;
        if bits == u128::BITS {
            return None;
        }
        let packed = all & ((1 << bits) - 1);
        let stem = packed as u32;
        Some(Self {
            hash: 0,
            packed,
            stem: stem & 31 | (stem >> 8 & 31) << 5 | (stem >> 16 & 31) << 10,
            length: bits as usize / 8,
        })
    }

    /// The word with one more letter.
    #[inline]
    pub(super) fn then(self, c: char) -> Self {
        let letter = (c as u32).wrapping_sub('a' as u32);
        let stem = match self.length {
            at @ 0..3 => self.stem | (letter.min(25) + 1) << (5 * at),
            _ => self.stem,
        };
        let length = self.length + 1;
        let bits = (u128::BITS - self.packed.leading_zeros()).next_multiple_of(8);
        let fits = letter < 26 && bits < u128::BITS;
        let (hash, packed) = match fits {
            true => (self.hash, self.packed | u128::from(letter + 1) << bits),
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
        let (low, high) = (self.packed as u64, (self.packed >> 64) as u64);
        let low = (self.hash ^ low).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = low ^ high.wrapping_mul(0xD6E8_FEB8_6659_FD93);
        mixed ^ mixed >> 32
    }

    pub(super) fn tail_bit(self) -> usize {
        (self.hash() >> 40) as usize % TAILS
    }

    /// Its first three letters.
    #[inline]
    pub(super) fn stem(self) -> usize {
        self.stem as usize % STEMS
    }
}

/// What the next symbols are to words; where the last of them are letters, they may go on.
#[inline]
pub(super) fn chunk(letters: &[u8]) -> u128 {
    match letters.first_chunk() {
        Some(chunk) => u128::from_le_bytes(*chunk),
        None => last_chunk(letters),
    }
}

#[cold]
fn last_chunk(letters: &[u8]) -> u128 {
    let mut chunk = [1; PACKED];
    chunk[..letters.len()].copy_from_slice(letters);
    u128::from_le_bytes(chunk)
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
    /// Whether the words that may come next are not listed ([`super::seconds`]).
    loose: bool,
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
    pub(super) fn of(lexicon: &Lexicon, thread: Thread, last: bool, loose: bool) -> Self {
        Self {
            thread,
            last,
            complete: lexicon.has(thread.node) & HAS_TERM != 0,
            ahead: ahead(lexicon, thread.node),
            loose,
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
    pub(super) fn goes_on(&self, lexicon: &Lexicon, behind: &Behind<'_>) -> bool {
        let Behind::Letters {
            alone,
            letter,
            then,
            rest,
        } = behind
        else {
            return matches!(behind, Behind::Anything);
        };
        let meets = |(first, second): (u64, u64)| {
            first & letter.mask != 0 && then.is_none_or(|then| second & then.mask != 0)
        };
        let Ahead { space, apart } = self.ahead;
        let parts = *alone || self.thread.flags & AFTER_SYLLABLE != 0;
        if !(meets(space) || (parts && meets(apart))) {
            return false;
        }
        // A letter that stands alone may be one of a word that is spelled out; two letters never are.
        let next = match self.loose {
            true => None,
            false => rest.word(lexicon),
        };
        let next = next.filter(|next| next.length > 1);
        next.is_none_or(|next| lexicon.beginnings.follows(self.thread.node, next))
    }
}

/// What stands behind a word.
pub(super) enum Behind<'l> {
    /// A space, a letter and the letter behind that, if there is one; `rest` begins with the first letter.
    /// `alone` if the word has one letter.
    Letters {
        alone: bool,
        letter: &'l Labels,
        then: Option<&'l Labels>,
        rest: Rest<'l>,
    },
    /// A sign that ends every term.
    End,
    /// Anything else, or nothing yet.
    Anything,
}

/// Symbols, and what they are to words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rest<'s> {
    pub symbols: &'s [Seen],
    pub letters: &'s [u8],
}

impl Rest<'_> {
    /// Those from one on.
    #[inline]
    pub(super) fn from(&self, at: usize) -> Self {
        Self {
            symbols: &self.symbols[at..],
            letters: &self.letters[at..],
        }
    }

    /// The word of a to z that they begin with, if it is known where it ends.
    #[inline]
    fn whole(&self) -> Option<Word> {
        let word = Word::first(chunk(self.letters))?;
        let end = self.symbols[word.length].symbol;
        (end.class != Class::Letter).then_some(word)
    }

    /// The word that they begin with, of whatever letters; nothing may be known of its end.
    #[inline]
    pub(super) fn first(&self) -> Word {
        self.whole().unwrap_or_else(|| self.letter_by_letter())
    }

    #[cold]
    fn letter_by_letter(&self) -> Word {
        let letters = self.symbols.iter().map(|seen| seen.symbol);
        let letters = letters.take_while(|symbol| symbol.class == Class::Letter);
        letters.fold(Word::default(), |word, symbol| word.then(symbol.ch))
    }

    /// The word that they begin with, if it is of a to z and known where it ends, and neither a digit nor a
    /// letter in disguise goes on with it.
    #[inline]
    pub(super) fn word(&self, lexicon: &Lexicon) -> Option<Word> {
        let word = self.whole()?;
        let end = self.symbols[word.length].symbol;
        let goes_on = end.class == Class::Digit || lexicon.is_leet(end.ch);
        (!goes_on).then_some(word)
    }
}

impl<'l> Behind<'l> {
    /// What these symbols are behind a word, which has one letter if it is `alone`.
    pub(super) fn of(lexicon: &'l Lexicon, alone: bool, behind: Rest<'l>) -> Self {
        let letter = |seen: &Seen| {
            let symbol = seen.symbol;
            (symbol.class == Class::Letter).then(|| lexicon.labels(symbol.ch))
        };
        match behind.symbols {
            [sign, ..] if matches!(sign.symbol.class, Class::Natural | Class::Mark) => {
                match is_end(lexicon, sign.symbol.ch) {
                    true if !alone => Self::End,
                    _ => Self::Anything,
                }
            }
            [space, next, rest @ ..] if space.symbol.class.is_white() => match letter(next) {
                Some(one) => Self::Letters {
                    alone,
                    letter: one,
                    then: rest.first().and_then(letter),
                    rest: behind.from(1),
                },
                None => Self::Anything,
            },
            _ => Self::Anything,
        }
    }
}

/// Whether a sign ends every term before it, but for a letter that stands alone: no term
/// holds it, and it stands for no letter and no space.
pub(super) fn is_end(lexicon: &Lexicon, ch: char) -> bool {
    lexicon.labels(ch).mask == 0 && !lexicon.is_leet(ch) && !matches!(ch, '-' | '_' | '\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_the_same_read_at_once_and_letter_by_letter() {
        for word in [
            "a",
            "zz",
            "the",
            "turnip",
            "cauliflowers",
            "abcdefghijklmno",
        ] {
            let slow = word.chars().fold(Word::default(), Word::then);
            let told = |word: Word| (word.hash(), word.stem(), word.length);
            for behind in [' ', '7', '白', 'é', '!'] {
                let text = format!("{word}{behind}abcdefghijklmnop");
                let read: Vec<u8> = text.chars().map(letter).collect();
                let fast = Word::first(chunk(&read));
                assert_eq!(fast.map(told), Some(told(slow)), "{text}");
            }
        }
        assert!(Word::first(chunk(&[1; PACKED])).is_none(), "it may go on");
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
