//! [`Prefilter`]: whether any term begins with the next two Han or three letters. Most places of
//! ordinary text begin nothing, and this tells so without touching the trie.
//!
//! It may say yes where the trie says no, never no where the trie says yes: it decides which
//! prefixes are tried, not what is found.

use super::lexicon::{Edge, HAS_HAN, HAS_TERM, Kind, Labels, Lexicon};
use crate::text::Class;

/// Bits of the set of pairs, a power of two: 5,000 terms fill some 3 % of them.
const PAIRS: usize = 1 << 18;

/// Letters, and one more for the space after a word.
const THIRD: usize = 27;

/// Two letters of a word and what follows them: a third letter or white space.
const WORDS: usize = 26 * 26 * THIRD;

/// What the terms begin with.
#[derive(Debug)]
pub(super) struct Prefilter {
    /// Hashed pairs of codes of two neighbouring symbols, the first being Han.
    pairs: Vec<u64>,
    /// Begins of Latin words, exactly.
    words: Vec<u64>,
    /// By code: a term of one symbol ends there.
    whole: Vec<bool>,
}

impl Default for Prefilter {
    fn default() -> Self {
        Self {
            pairs: vec![0; PAIRS / 64],
            words: vec![0; WORDS.div_ceil(64)],
            whole: Vec::new(),
        }
    }
}

impl Prefilter {
    /// Heap bytes.
    pub(super) const MEMORY: usize = (PAIRS + WORDS) / 8;

    /// What the terms of a lexicon begin with.
    pub(super) fn of(lexicon: &Lexicon, classes: &[Class]) -> Self {
        let mut filter = Self {
            whole: vec![false; classes.len()],
            ..Self::default()
        };
        let canonical = canonical(lexicon, classes.len());
        let mut letters = vec![None; classes.len()];
        for letter in 'a'..='z' {
            letters[usize::from(lexicon.labels(letter).exact)] = Some(letter);
        }
        letters[0] = None;
        let edges = |node: u32| {
            let node = lexicon.nodes[node as usize];
            let range = node.first as usize..node.first as usize + usize::from(node.edges);
            let codes = lexicon.codes[range.clone()].iter().copied();
            codes.zip(lexicon.edges[range].iter().copied())
        };
        for (first, edge) in edges(0) {
            let at = usize::from(first);
            if classes[at] == Class::Han {
                filter.whole[usize::from(canonical[at])] |= lexicon.has(edge.to) & HAS_TERM != 0;
                for (second, _) in edges(edge.to) {
                    filter.add_pair(canonical[at], canonical[usize::from(second)]);
                }
            }
            let Some(one) = letters[at] else { continue };
            for (second, edge) in edges(edge.to) {
                let Some(two) = letters[usize::from(second)] else {
                    continue;
                };
                filter.add_word(one, two, &letters, edge, lexicon, edges(edge.to));
            }
        }
        filter
    }

    fn add_pair(&mut self, first: u16, second: u16) {
        let bit = pair(first, second);
        self.pairs[bit / 64] |= 1 << (bit % 64);
    }

    /// Notes what may follow two letters.
    fn add_word(
        &mut self,
        one: char,
        two: char,
        letters: &[Option<char>],
        edge: Edge,
        lexicon: &Lexicon,
        next: impl Iterator<Item = (u16, Edge)>,
    ) {
        let mut add = |third: usize| {
            let bit = word(one, two, third);
            self.words[bit / 64] |= 1 << (bit % 64);
        };
        let has = lexicon.has(edge.to);
        // A term, a syllable of pinyin or Latin before Han may end here.
        if has & (HAS_TERM | HAS_HAN) != 0 || edge.kind == Kind::Spelled {
            add(THIRD - 1);
        }
        if lexicon.terms(edge.to).any(|term| term.tail > 0) {
            (0..THIRD).for_each(&mut add);
        }
        for (code, _) in next {
            match letters[usize::from(code)] {
                Some(letter) => add(letter as usize - 'a' as usize),
                None if code == lexicon.space() => add(THIRD - 1),
                None => {}
            }
        }
    }

    /// Whether a term may begin with two symbols that read so; the second is Han or a letter.
    #[inline]
    pub(super) fn pair(&self, first: &Labels, second: &Labels) -> bool {
        let (one, two) = (first.keys(), second.keys());
        let known = |a: u16, b: u16| {
            let bit = pair(a, b);
            a != 0 && b != 0 && self.pairs[bit / 64] >> (bit % 64) & 1 != 0
        };
        if known(one[0], two[0])
            || known(one[0], two[1])
            || known(one[1], two[0])
            || known(one[1], two[1])
        {
            return true;
        }
        // Second sounds and dialects are rare: most symbols have none.
        let more = (one[2] | one[3] | one[4] | two[2] | two[3] | two[4]) != 0;
        (more && one.iter().any(|&a| two.iter().any(|&b| known(a, b))))
            || (self.whole[usize::from(one[0])])
    }

    /// Whether a term may begin with a word of these letters; `third` is a letter or a space.
    #[inline]
    pub(super) fn word(&self, one: char, two: char, third: char) -> bool {
        let third = match third {
            'a'..='z' => third as usize - 'a' as usize,
            _ => THIRD - 1,
        };
        let bit = word(one, two, third);
        self.words[bit / 64] >> (bit % 64) & 1 != 0
    }
}

impl Labels {
    /// By what it is filtered: the syllable stands for the symbol itself where it has one.
    #[inline]
    fn keys(&self) -> [u16; 5] {
        let first = if self.syllable != 0 {
            self.syllable
        } else {
            self.exact
        };
        [first, self.shape, self.second, self.fuzzy, self.jyutping]
    }
}

/// By code: what stands for it in the filter.
fn canonical(lexicon: &Lexicon, codes: usize) -> Vec<u16> {
    let mut canonical: Vec<u16> = (0..=u16::MAX).take(codes).collect();
    for labels in lexicon.labels.iter().flatten() {
        if labels.exact != 0 {
            canonical[usize::from(labels.exact)] = labels.keys()[0];
        }
    }
    canonical
}

#[inline]
fn pair(first: u16, second: u16) -> usize {
    let joined = u32::from(first) << 16 | u32::from(second);
    (joined.wrapping_mul(0x9E37_79B1) >> 14) as usize % PAIRS
}

#[inline]
fn word(one: char, two: char, third: usize) -> usize {
    let at = |letter: char| letter as usize - 'a' as usize;
    (at(one) * 26 + at(two)) * THIRD + third
}
