//! [`Seconds`]: which words may come next in a term where a word of it has ended: "you" begins thousands
//! of terms by its sound, but few of them go on with the word that follows. The first letters of that word
//! tell most of this ([`super::word`]), the whole word nearly all.
//!
//! It may name a word that leads nowhere, never leave one out that leads on.

use std::collections::HashMap;

use super::beginnings::edges;
use super::lexicon::{HAS_TERM, Lexicon};
use super::table::{get, set};
use super::thread::{AFTER_SYLLABLE, Thread};
use super::word::{MAX_WORD, Word};

/// Bits for each word that may come next.
const BITS_PER_WORD: usize = 16;

/// Bits at most: half a MiB.
const MAX_BITS: usize = 1 << 22;

/// Words that are listed of one place; where there are more, any may come.
const MAX_WORDS: usize = 2_048;

/// Which words come next where.
#[derive(Debug)]
pub(super) struct Seconds {
    /// Hashed places with hashed words.
    bits: Vec<u64>,
}

impl Default for Seconds {
    fn default() -> Self {
        Self::of(&[])
    }
}

impl Seconds {
    /// Of these pairs of a place, a node or a hashed word, and the word that may come next.
    pub(super) fn of(pairs: &[(u64, u64)]) -> Self {
        let bits = (pairs.len() * BITS_PER_WORD).next_power_of_two();
        let mut seconds = Self {
            bits: vec![0; bits.clamp(64, MAX_BITS) / 64],
        };
        for &(place, word) in pairs {
            let bit = seconds.bit(place, word);
            set(&mut seconds.bits, bit);
        }
        seconds
    }

    /// Whether a term may go on from a place, behind a space, with this whole word.
    #[inline]
    pub(super) fn may(&self, place: u64, word: u64) -> bool {
        get(&self.bits, self.bit(place, word))
    }

    #[inline]
    fn bit(&self, place: u64, word: u64) -> usize {
        let mixed = (word ^ place.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 40) as usize & (self.bits.len() * 64 - 1)
    }

    /// Heap bytes.
    pub(super) fn memory(&self) -> usize {
        self.bits.len() * size_of::<u64>()
    }
}

/// Where a word has ended: a node, and whether a syllable ends there.
pub(super) type Place = (u32, u16);

pub(super) fn place(thread: &Thread) -> Place {
    (thread.node, thread.flags & AFTER_SYLLABLE)
}

/// By place: the words that may come next, or `None` where they are not listed.
pub(super) type Listed = HashMap<Place, Option<Vec<u64>>>;

/// Which words come next where these words have ended. `letter` is the letter of a code, if it is one.
pub(super) fn list<'t>(
    lexicon: &Lexicon,
    ended: impl Iterator<Item = &'t Thread>,
    letter: impl Fn(u16) -> Option<char>,
) -> Listed {
    let mut listed = Listed::new();
    for thread in ended {
        let own = listed.entry(place(thread));
        own.or_insert_with(|| words(lexicon, *thread, &letter));
    }
    listed
}

/// The hashes of all words that may come next where a word has ended as this thread has: behind a space
/// of the term, or, if it is a syllable, at once. None if there are too many, or if one has a tail,
/// so that it goes on in ways that are not listed.
fn words(
    lexicon: &Lexicon,
    thread: Thread,
    letter: impl Fn(u16) -> Option<char>,
) -> Option<Vec<u64>> {
    let begin = |node| (Thread { node, ..thread }, Word::default());
    let mut open = Vec::new();
    if lexicon.space() != 0 {
        let spaces = lexicon.children(thread.node, lexicon.space()).iter();
        open.extend(spaces.map(|space| begin(space.to)));
    }
    if thread.flags & AFTER_SYLLABLE != 0 {
        open.push(begin(thread.node));
    }
    let mut words = Vec::new();
    while let Some((thread, word)) = open.pop() {
        let node = thread.node;
        let syllable = word.length > 0 && thread.flags & AFTER_SYLLABLE != 0;
        let mut ends = syllable || lexicon.has(node) & HAS_TERM != 0;
        if lexicon.terms(node).any(|term| term.tail > 0) {
            return None;
        }
        for (code, edge) in edges(lexicon, node) {
            match letter(code) {
                Some(c) if word.length < MAX_WORD => {
                    let mut next = Thread {
                        node: edge.to,
                        flags: 0,
                        ..thread
                    };
                    next.by(edge.kind);
                    open.push((next, word.then(c)));
                }
                _ => ends = true,
            }
        }
        if ends && word.length > 0 {
            words.push(word.hash());
        }
        if words.len() + open.len() > MAX_WORDS {
            return None;
        }
    }
    words.sort_unstable();
    words.dedup();
    Some(words)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::detect::{Builder, Hit, Scanner, SignalId};
    use crate::text::{ViewKind, Views};

    #[test]
    fn what_comes_next_is_found_as_where_it_is_not_known_yet() {
        let mut builder = Builder::default();
        let words = "leek soup|a turnip|kale sal*|黄瓜片|i fern tea|leek|ab";
        for (at, word) in (0..).zip(words.split('|')) {
            let views = Views::of(&ViewKind::ALL);
            builder.word(SignalId(at), word, views).expect("a word");
        }
        let detectors = Arc::new(builder.build().expect("small"));
        let after = "of it all, as everybody knows";
        let found = |text: &str| {
            let text = format!("{text} {after}");
            let whole = detectors.scan_words(&text);
            // By characters, the next word is never known when a word ends: it is followed.
            let mut scanner = Scanner::of_words(Arc::clone(&detectors));
            let mut hits: Vec<Hit> = Vec::new();
            for c in text.chars() {
                scanner.push(c.encode_utf8(&mut [0; 4]), &mut hits);
            }
            scanner.finish(&mut hits);
            assert_eq!(whole, hits, "{text}");
            whole.len()
        };
        for (text, hits) in [
            ("a leek soup", 2),
            ("leek soups", 1),
            ("a turnip", 1),
            ("a turnips", 0),
            ("kale salads", 1),
            ("kale sa", 0),
            ("huang gua pian", 1),
            ("huang1 gua1 pian4", 1),
            ("i fern te", 0),
            ("i f e r n tea", 1),
            ("i fern tea", 1),
            ("a t.u.r.n.i.p", 1),
        ] {
            assert_eq!(found(text), hits, "{text}");
        }
    }
}
