//! [`Beginnings`]: what the terms begin with: whole Latin words, and pairs of neighbouring symbols
//! of which the first is Han. Most places of ordinary text begin nothing, and this tells so
//! without touching the trie; where a pair begins something, it leads two symbols into it.
//!
//! Bit sets may say yes where the trie says no, never no where the trie says yes: they decide
//! which prefixes are tried, not what is found.

use std::collections::HashMap;

use super::lexicon::{
    Edge, HAS_HELD, HAS_SPACE, HAS_SQUEEZED, HAS_TERM, Kind, Labels, Lexicon, bit,
};
use crate::text::Class;

/// Bits of the set of pairs for each pair: a Han and its neighbour are looked up by 25 of them, and
/// each one that the set wrongly knows costs a look into the index.
const BITS_PER_PAIR: usize = 24;

/// Bits of the set of pairs at most: it has to stay in the second-level cache.
const MAX_PAIRS: usize = 1 << 22;

/// Bits of the set of words. A Han term adds one word for each of its syllables.
const WORDS: usize = 1 << 20;

/// Bits of the set of stems: three letters each.
const STEMS: usize = 26 * 26 * 26;

/// Letters of a word that are followed into the trie; no first word is longer.
const MAX_WORD: usize = 24;

/// What the terms begin with.
#[derive(Debug, Default)]
pub(super) struct Beginnings {
    /// Hashed whole words.
    words: Vec<u64>,
    /// Hashed first letters of terms with a tail.
    stems: Vec<u64>,
    /// Hashed pairs of keys.
    pairs: Vec<u64>,
    /// By pair of keys: where its beginnings lie.
    index: HashMap<u32, (u32, u32), Multiply>,
    begins: Vec<Beginning>,
    /// By code: a term of one symbol ends there.
    single: Vec<bool>,
    /// By code: a space may follow.
    spaced: Vec<bool>,
}

/// Two symbols with which terms begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Beginning {
    /// The node that they lead to.
    pub to: u32,
    first: (u16, Kind),
    second: (u16, Kind),
    /// Hashed codes by which it goes on; all bits where a term ends.
    third: u64,
}

/// One side of a pair while the index is made.
struct Side {
    code: u16,
    kind: Kind,
    keys: Vec<u16>,
}

/// A hash of one number: its upper bits after a multiplication.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Multiply(u64);

impl std::hash::Hasher for Multiply {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        let mixed = (self.0 ^ u64::from(number)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ mixed >> 32;
    }
}

impl std::hash::BuildHasher for Multiply {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self(0)
    }
}

impl Beginnings {
    /// What the terms of a lexicon begin with.
    pub(super) fn of(lexicon: &Lexicon, classes: &[Class]) -> Self {
        let mut all = Self {
            words: vec![0; WORDS / 64],
            stems: vec![0; STEMS.div_ceil(64)],
            single: vec![false; classes.len()],
            spaced: vec![false; classes.len()],
            ..Self::default()
        };
        let chars = chars(lexicon, classes.len());
        all.add_words(lexicon, classes, &chars);
        all.add_pairs(lexicon, classes, &chars);
        all
    }

    /// Walks all ways of letters from the root and notes where a word of text may end.
    fn add_words(&mut self, lexicon: &Lexicon, classes: &[Class], chars: &[Option<char>]) {
        let letter = |code: u16| {
            let class = classes[usize::from(code)];
            (class == Class::Letter).then(|| chars[usize::from(code)])?
        };
        let mut open: Vec<(u32, Word, bool)> = vec![(0, Word::default(), false)];
        while let Some((node, word, ends)) = open.pop() {
            let mut ends = ends || lexicon.has(node) & HAS_TERM != 0;
            if lexicon.terms(node).any(|term| term.tail > 0) {
                self.add_stem(word);
            }
            for (code, edge) in edges(lexicon, node) {
                match letter(code) {
                    Some(c) if word.length < MAX_WORD => {
                        open.push((edge.to, word.then(c), edge.kind == Kind::Spelled));
                    }
                    _ => ends = true,
                }
            }
            // A letter alone may be the first of a word that is spelled out.
            let alone = word.length == 1 && lexicon.has(node) & (HAS_SQUEEZED | HAS_HELD) != 0;
            if (ends || alone) && word.length > 0 {
                set(&mut self.words, word.bit());
            }
        }
    }

    fn add_stem(&mut self, word: Word) {
        match word.stem() {
            Some(bit) => set(&mut self.stems, bit),
            // Two letters and a tail: any third letter.
            None => self.stems.fill(u64::MAX),
        }
    }

    fn add_pairs(&mut self, lexicon: &Lexicon, classes: &[Class], chars: &[Option<char>]) {
        let mut groups: HashMap<u32, Vec<Beginning>> = HashMap::new();
        let keys = |code: u16, kind: Kind| match chars[usize::from(code)] {
            Some(c) if kind == Kind::Exact => lexicon.labels(c).keys().to_vec(),
            Some(c) => vec![lexicon.labels(c).keys()[0]],
            None => Vec::new(),
        };
        let side = |(code, edge): (u16, Edge)| {
            let keys = keys(code, edge.kind);
            let kind = edge.kind;
            (!matches!(kind, Kind::Syllable | Kind::Shape | Kind::Fuzzy))
                .then_some((Side { code, kind, keys }, edge.to))
        };
        let word = |code: u16| matches!(classes[usize::from(code)], Class::Han | Class::Letter);
        for (code, edge) in edges(lexicon, 0) {
            self.spaced[usize::from(code)] |= lexicon.has(edge.to) & HAS_SPACE != 0;
        }
        for (first, middle) in edges(lexicon, 0).filter_map(side) {
            if classes[usize::from(first.code)] != Class::Han {
                continue;
            }
            if lexicon.has(middle) & HAS_TERM != 0 {
                self.single[usize::from(first.code)] = true;
            }
            for (second, to) in edges(lexicon, middle).filter_map(side) {
                if !word(second.code) {
                    continue;
                }
                let begin = Beginning {
                    to,
                    first: (first.code, first.kind),
                    second: (second.code, second.kind),
                    third: third(lexicon, to),
                };
                for key in pairs(&first.keys, &second.keys) {
                    groups.entry(key).or_default().push(begin);
                }
            }
        }
        let bits = (groups.len() * BITS_PER_PAIR).next_power_of_two();
        self.pairs = vec![0; bits.clamp(64, MAX_PAIRS) / 64];
        for (key, mut begins) in groups {
            begins.sort_unstable();
            begins.dedup();
            let bit = self.pair_bit(key);
            set(&mut self.pairs, bit);
            let range = (self.begins.len() as u32, begins.len() as u32);
            self.index.insert(key, range);
            self.begins.extend(begins);
        }
    }

    /// Whether a term may begin with this word of letters, whatever follows it.
    #[inline]
    pub(super) fn word(&self, word: Word) -> bool {
        let stem = word.stem().is_none_or(|bit| get(&self.stems, bit));
        stem || word.length > MAX_WORD || get(&self.words, word.bit())
    }

    /// Whether a term of one symbol has this code.
    #[inline]
    pub(super) fn single(&self, labels: &Labels) -> bool {
        self.single[usize::from(labels.exact)]
    }

    /// Whether a space may follow the first symbol of a term, read as this one may be.
    #[inline]
    pub(super) fn spaced(&self, labels: &Labels) -> bool {
        labels.all().any(|code| self.spaced[usize::from(code)])
    }

    /// The beginnings that two neighbouring symbols may be, each with the ways in which they are.
    #[inline]
    pub(super) fn pair(
        &self,
        first: &Labels,
        second: &Labels,
        third: Option<&Labels>,
        mut take: impl FnMut(u32, Kind, Kind),
    ) {
        let (one, two) = (first.keys(), second.keys());
        let third = third.map_or(u64::MAX, |labels| labels.mask);
        let many = |keys: &[u16; 5]| {
            if keys[2] | keys[3] | keys[4] == 0 {
                2
            } else {
                5
            }
        };
        for &a in one.iter().take(many(&one)).filter(|&&key| key != 0) {
            for &b in two.iter().take(many(&two)).filter(|&&key| key != 0) {
                let key = u32::from(a) << 16 | u32::from(b);
                if get(&self.pairs, self.pair_bit(key)) {
                    self.each(key, (first, a), (second, b), third, &mut take);
                }
            }
        }
    }

    #[inline]
    fn pair_bit(&self, key: u32) -> usize {
        let mixed = u64::from(key).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 40) as usize & (self.pairs.len() * 64 - 1)
    }

    fn each(
        &self,
        key: u32,
        (first, a): (&Labels, u16),
        (second, b): (&Labels, u16),
        third: u64,
        take: &mut impl FnMut(u32, Kind, Kind),
    ) {
        let Some(&(from, count)) = self.index.get(&key) else {
            return;
        };
        for begin in &self.begins[from as usize..(from + count) as usize] {
            if begin.third != u64::MAX && begin.third & third == 0 {
                continue;
            }
            let one = first.way(begin.first, a);
            let two = second.way(begin.second, b);
            if let (Some(one), Some(two)) = (one, two) {
                take(begin.to, one, two);
            }
        }
    }

    /// Heap bytes.
    pub(super) fn memory(&self) -> usize {
        (self.words.len() + self.stems.len() + self.pairs.len()) * size_of::<u64>()
            + self.index.capacity() * size_of::<(u32, (u32, u32))>()
            + self.begins.capacity() * size_of::<Beginning>()
            + self.single.len()
            + self.spaced.len()
    }
}

/// Letters read so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Word {
    hash: u32,
    stem: u32,
    length: usize,
}

impl Word {
    /// The word with one more letter.
    #[inline]
    pub(super) fn then(self, c: char) -> Self {
        let stem = if self.length < 3 {
            (c as u32).wrapping_sub('a' as u32).min(25) + self.stem * 26
        } else {
            self.stem
        };
        Self {
            hash: (self.hash ^ c as u32).wrapping_mul(0x0100_0193),
            stem,
            length: self.length + 1,
        }
    }

    fn bit(self) -> usize {
        (self.hash.wrapping_mul(0x9E37_79B1) >> 12) as usize % WORDS
    }

    /// `None` if it has fewer than three letters.
    fn stem(self) -> Option<usize> {
        (self.length >= 3).then_some(self.stem as usize % STEMS)
    }
}

impl Labels {
    /// By what it is looked up: the syllable stands for the symbol itself where it has one.
    #[inline]
    fn keys(&self) -> [u16; 5] {
        let first = if self.syllable != 0 {
            self.syllable
        } else {
            self.exact
        };
        [first, self.shape, self.second, self.fuzzy, self.jyutping]
    }

    /// How a symbol that reads so enters an edge, having been looked up by `key`.
    #[inline]
    fn way(&self, (code, kind): (u16, Kind), key: u16) -> Option<Kind> {
        if self.exact == code {
            return Some(kind);
        }
        if kind != Kind::Exact {
            return None;
        }
        Some(match key {
            _ if key == self.syllable || key == self.second => Kind::Syllable,
            _ if key == self.shape => Kind::Shape,
            _ if key == self.exact => return None,
            _ => Kind::Fuzzy,
        })
    }
}

/// The edges of a node with their codes.
fn edges(lexicon: &Lexicon, node: u32) -> impl Iterator<Item = (u16, Edge)> + '_ {
    let node = lexicon.nodes[node as usize];
    let range = node.first as usize..node.first as usize + usize::from(node.edges);
    let codes = lexicon.codes[range.clone()].iter().copied();
    codes.zip(lexicon.edges[range].iter().copied())
}

/// By code: the symbol that has it.
fn chars(lexicon: &Lexicon, codes: usize) -> Vec<Option<char>> {
    let mut chars = vec![None; codes];
    let pages = (0_u32..).zip(&lexicon.pages);
    for (page, &at) in pages.filter(|(_, at)| **at != 0) {
        for (low, labels) in (0..).zip(&lexicon.labels[usize::from(at)]) {
            if labels.exact != 0 {
                chars[usize::from(labels.exact)] = char::from_u32(page * 256 + low);
            }
        }
    }
    chars
}

/// The codes by which terms go on from a node, hashed; all bits where a term ends.
fn third(lexicon: &Lexicon, node: u32) -> u64 {
    match lexicon.has(node) & HAS_TERM {
        0 => edges(lexicon, node).fold(0, |mask, (code, _)| mask | bit(code)),
        _ => u64::MAX,
    }
}

/// Keys of all pairs of one key of each.
fn pairs(first: &[u16], second: &[u16]) -> Vec<u32> {
    let there = |key: &&u16| **key != 0;
    let mut keys: Vec<u32> = first
        .iter()
        .filter(there)
        .flat_map(|&a| {
            let pair = move |&b: &u16| u32::from(a) << 16 | u32::from(b);
            second.iter().filter(there).map(pair)
        })
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

#[inline]
fn get(bits: &[u64], bit: usize) -> bool {
    bits[bit / 64] >> (bit % 64) & 1 != 0
}

fn set(bits: &mut [u64], bit: usize) {
    bits[bit / 64] |= 1 << (bit % 64);
}
