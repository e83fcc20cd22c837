//! [`Beginnings`]: what the terms begin with: whole Latin words, and pairs of neighbouring symbols
//! of which the first is Han. Most places of ordinary text begin nothing, and this tells so
//! without touching the trie; where a pair begins something, it leads two symbols into it.
//!
//! Bit sets may say yes where the trie says no, never no where the trie says yes: they decide
//! which prefixes are tried, not what is found.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::grid::{Grid, Place};
use super::lexicon::{
    Edge, HAS_HELD, HAS_SPACE, HAS_SQUEEZED, HAS_TERM, Kind, Labels, Lexicon, MAX_TAIL,
};
use super::seconds::{self, Listed, Seconds};
use super::table::{Key, Table, get, set};
use super::thread::{AFTER_SYLLABLE, REAL, Thread};
use super::word::{End, FIRM, MAX_WORD, STEMS, TAILS, WORDS, Word, firm_bit, word_bit};
use crate::text::Class;

/// Bits of the set of pairs for each pair: a Han and its neighbour are looked up by four to 25 of
/// them, and each one that the set wrongly knows costs a look into the index.
const BITS_PER_PAIR: usize = 24;

/// Bits of the set of pairs at most: it has to stay in the second-level cache.
const MAX_PAIRS: usize = 1 << 22;

/// Keys of a symbol.
const KEYS: usize = 5;

/// What the terms begin with.
#[derive(Debug, Default)]
pub(super) struct Beginnings {
    /// Hashed whole words.
    words: Vec<u64>,
    /// By whole word: where what it begins lies.
    whole: Table<u64, u32>,
    ends: Vec<End>,
    /// Which words may come next where one has ended, by node, and by the hash of that word.
    seconds: Seconds,
    next: Seconds,
    /// Hashed words of which the next one does not tell whether anything begins with them.
    firm: Vec<u64>,
    /// Hashed first letters of terms with a tail.
    stems: Vec<u64>,
    has_tails: bool,
    /// Hashed terms with a tail.
    tails: Vec<u64>,
    /// Hashed pairs of keys.
    pairs: Vec<u64>,
    /// By pair of keys: where its beginnings lie, and by which hashed keys they go on, in two halves: a
    /// slot is a quarter of a cache line.
    index: Table<u32, [u32; 3]>,
    begins: Vec<Beginning>,
    /// Which neighbours begin anything, told without their keys.
    grid: Grid,
    /// By code: a space may follow.
    spaced: Vec<bool>,
}

/// Two symbols with which terms begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Beginning {
    /// The node that they lead to.
    pub to: u32,
    pub first: (u16, Kind),
    pub second: (u16, Kind),
    /// Whether it is the last of its pair of keys.
    last: bool,
    /// Hashed codes by which it goes on; all bits where a term ends.
    third: u64,
}

/// One side of a pair while the index is made.
struct Side {
    code: u16,
    kind: Kind,
    keys: Vec<u16>,
}

impl Beginnings {
    /// What the terms of a lexicon begin with.
    pub(super) fn of(lexicon: &Lexicon, classes: &[Class]) -> Self {
        let mut all = Self {
            words: vec![0; WORDS / 64],
            stems: vec![0; STEMS.div_ceil(64)],
            tails: vec![0; TAILS / 64],
            firm: vec![0; FIRM / 64],
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
        let mut words: HashMap<u64, Vec<Thread>> = HashMap::new();
        let mut open = vec![(Thread::new(0, 0), Word::default())];
        while let Some((thread, word)) = open.pop() {
            let node = thread.node;
            let mut ends = thread.flags & AFTER_SYLLABLE != 0 || lexicon.has(node) & HAS_TERM != 0;
            if lexicon.terms(node).any(|term| term.tail > 0) {
                self.add_stem(word);
            }
            let mut before = None;
            for (code, edge) in edges(lexicon, node) {
                match letter(code) {
                    // The first of several ways is the nearest to the surface.
                    Some(_) if before == Some((code, edge.to)) => {}
                    Some(c) if word.length < MAX_WORD => {
                        let mut next = Thread {
                            node: edge.to,
                            flags: REAL,
                            ..thread
                        };
                        next.by(edge.kind);
                        open.push((next, word.then(c)));
                    }
                    _ => ends = true,
                }
                before = Some((code, edge.to));
            }
            // A letter alone may be the first of a word that is spelled out.
            let alone = word.length == 1 && lexicon.has(node) & (HAS_SQUEEZED | HAS_HELD) != 0;
            if (ends || alone) && word.length > 0 {
                set(&mut self.words, word_bit(word.hash()));
                words.entry(word.hash()).or_default().push(thread);
            }
        }
        let listed = seconds::list(lexicon, words.values().flatten(), letter);
        let mut words: Vec<_> = words.into_iter().collect();
        words.sort_unstable_by_key(|word| word.0);
        self.add_next(lexicon, &words, &listed);
        self.whole = Table::of(words.len());
        for (hash, threads) in words {
            self.whole.insert(hash, self.ends.len() as u32);
            let last = threads.len() - 1;
            let ends = threads.into_iter().enumerate();
            self.ends.extend(ends.map(|(at, thread)| {
                let loose = listed[&seconds::place(&thread)].is_none();
                End::of(lexicon, thread, at == last, loose)
            }));
        }
    }

    /// Notes which words may come next after each of these, or that this does not tell.
    fn add_next(&mut self, lexicon: &Lexicon, words: &[(u64, Vec<Thread>)], listed: &Listed) {
        let of_node = listed.iter().flat_map(|(place, words)| {
            let words = words.iter().flatten();
            words.map(|&word| (u64::from(place.0), word))
        });
        self.seconds = Seconds::of(&of_node.collect::<Vec<_>>());
        let mut of_word: Vec<(u64, u64)> = Vec::new();
        for (hash, threads) in words {
            let known = |thread: &Thread| listed[&seconds::place(thread)].as_deref();
            let ends = |thread: &Thread| lexicon.has(thread.node) & HAS_TERM != 0;
            if threads.iter().any(|one| ends(one) || known(one).is_none()) {
                set(&mut self.firm, firm_bit(*hash));
                continue;
            }
            let next = threads.iter().filter_map(known).flatten();
            of_word.extend(next.map(|&next| (*hash, next)));
        }
        of_word.sort_unstable();
        of_word.dedup();
        self.next = Seconds::of(&of_word);
    }

    fn add_stem(&mut self, word: Word) {
        self.has_tails = true;
        set(&mut self.tails, word.tail_bit());
        match word.length {
            3.. => set(&mut self.stems, word.stem()),
            // Two letters and a tail: any third letter.
            _ => self.stems.fill(u64::MAX),
        }
    }

    fn add_pairs(&mut self, lexicon: &Lexicon, classes: &[Class], chars: &[Option<char>]) {
        let mut groups: HashMap<u32, Vec<Beginning>> = HashMap::new();
        let mut single = BTreeSet::new();
        let lossy = |kind| matches!(kind, Kind::Syllable | Kind::Shape | Kind::Fuzzy);
        let disguised = lexicon.edges.iter().filter(|edge| lossy(edge.kind));
        let disguised: HashSet<u32> = disguised.map(|edge| edge.to).collect();
        let keys = |code: u16, kind: Kind| match chars[usize::from(code)] {
            Some(c) if kind == Kind::Exact => lexicon.labels(c).keys().to_vec(),
            Some(c) => lexicon.labels(c).keys()[..1].to_vec(),
            None => Vec::new(),
        };
        let side = |(code, edge): (u16, Edge)| {
            let kind = match edge.kind {
                // Entered by nothing but the symbol itself.
                Kind::Exact if !disguised.contains(&edge.to) => Kind::Path,
                kind => kind,
            };
            let keys = keys(code, kind);
            (!lossy(kind)).then_some((Side { code, kind, keys }, edge.to))
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
                single.insert(first.code);
            }
            for (second, to) in edges(lexicon, middle).filter_map(side) {
                if !word(second.code) {
                    continue;
                }
                let begin = Beginning {
                    to,
                    first: (first.code, first.kind),
                    second: (second.code, second.kind),
                    last: false,
                    third: third(lexicon, to),
                };
                for key in pairs(&first.keys, &second.keys) {
                    groups.entry(key).or_default().push(begin);
                }
            }
        }
        self.grid = Grid::of(lexicon, groups.values().flatten(), chars, &single);
        let bits = (groups.len() * BITS_PER_PAIR).next_power_of_two();
        self.pairs = vec![0; bits.clamp(64, MAX_PAIRS) / 64];
        self.index = Table::of(groups.len());
        for (key, mut begins) in groups {
            begins.sort_unstable();
            begins.dedup();
            if let Some(last) = begins.last_mut() {
                last.last = true;
            }
            let bit = self.pair_bit(hash(key));
            set(&mut self.pairs, bit);
            let third = begins.iter().fold(0, |all, begin| all | begin.third);
            let (low, high) = (third as u32, (third >> 32) as u32);
            self.index
                .insert(key, [self.begins.len() as u32, low, high]);
            self.begins.extend(begins);
        }
    }

    /// What this whole word of these letters begins.
    #[inline]
    pub(super) fn word(&self, word: Word, letters: impl Iterator<Item = char>) -> Begins {
        let stem = self.is_stem(word);
        if word.length > MAX_WORD || (stem && self.has_tail(word, letters)) {
            return Begins::Unknown;
        }
        if !get(&self.words, word_bit(word.hash())) {
            return Begins::Nothing;
        }
        self.whole
            .get(word.hash())
            .map_or(Begins::Nothing, Begins::Word)
    }

    /// Whether a term with a tail may end before the last letter.
    #[cold]
    fn has_tail(&self, word: Word, letters: impl Iterator<Item = char>) -> bool {
        let mut stem = Word::default();
        for c in letters.take(word.length - 1) {
            stem = stem.then(c);
            let near = stem.length + usize::from(MAX_TAIL) >= word.length;
            if near && get(&self.tails, stem.tail_bit()) {
                return true;
            }
        }
        false
    }

    /// The set of words with which terms may begin.
    #[inline]
    pub(super) fn words(&self) -> &[u64; WORDS / 64] {
        self.words.first_chunk().expect("it is made so large")
    }

    /// Whether a word of a to z may be a term with a tail.
    #[inline]
    pub(super) fn is_stem(&self, word: Word) -> bool {
        self.has_tails && get(&self.stems, word.stem())
    }

    /// Whether the word behind one with which terms may begin cannot tell if they go on.
    #[inline]
    pub(super) fn is_firm(&self, hash: u64) -> bool {
        get(&self.firm, firm_bit(hash))
    }

    /// Whether a term may begin with these two words of a to z, the first of which has no other way to go on.
    #[inline]
    pub(super) fn both(&self, first: u64, second: u64) -> bool {
        self.next.may(first, second)
    }

    /// What a word begins that lies here.
    pub(super) fn ends(&self, from: u32) -> impl Iterator<Item = &End> + '_ {
        let ends = &self.ends[from as usize..];
        let last = ends.iter().position(End::is_last);
        ends[..last.map_or(0, |last| last + 1)].iter()
    }

    /// Whether a term may go on from a node, behind a space, with this whole word.
    #[inline]
    pub(super) fn follows(&self, node: u32, word: Word) -> bool {
        word.length > MAX_WORD || self.seconds.may(u64::from(node), word.hash())
    }

    /// Whether a Han and its neighbour begin anything.
    #[inline]
    pub(super) fn meet(&self, first: Place, second: Place) -> bool {
        self.grid.meet(first, second)
    }

    /// Where a symbol stands among those that begin something, by its page in the lexicon.
    #[inline]
    pub(super) fn place(&self, page: usize, ch: char) -> Place {
        self.grid.places[page][ch as usize % 256]
    }

    /// Whether a space may follow the first symbol of a term, read as this one may be.
    #[inline]
    pub(super) fn spaced(&self, labels: &Labels) -> bool {
        labels.all().any(|code| self.spaced[usize::from(code)])
    }

    /// The beginnings that two neighbouring symbols may be, each with the ways in which they are,
    /// the nearest to the surface first.
    #[inline]
    pub(super) fn pair(
        &self,
        first: &Labels,
        second: &Labels,
        third: Option<&Labels>,
        mut take: impl FnMut(u32, Kind, Kind),
    ) {
        let mut known = self.known(first, second);
        let third = third.map_or(u64::MAX, |labels| labels.mask);
        while known != 0 {
            let at = known.trailing_zeros() as usize;
            known &= known - 1;
            let (a, b) = (first.keys[at / KEYS], second.keys[at % KEYS]);
            self.each(pair(a, b), (first, a), (second, b), third, &mut take);
        }
    }

    /// Which pairs of keys of two symbols are in the set, a bit each. Most symbols have two keys.
    #[inline]
    fn known(&self, first: &Labels, second: &Labels) -> u32 {
        let (one, two) = (&first.keys, &second.keys);
        let has = |a: usize, b: usize| {
            let known = get(&self.pairs, self.pair_bit(hash(pair(one[a], two[b]))));
            u32::from(known) << (a * KEYS + b)
        };
        let mut known = has(0, 0) | has(0, 1) | has(1, 0) | has(1, 1);
        if first.many | second.many > 2 {
            for a in 0..usize::from(first.many) {
                for b in 0..usize::from(second.many) {
                    known |= has(a, b);
                }
            }
        }
        // Where there are fewer, the first stands for the second, too.
        let columns = second.there();
        let rows = first.there();
        known
            & (0..KEYS).fold(0, |all, row| {
                all | (columns * (rows >> row & 1)) << (row * KEYS)
            })
    }

    #[inline]
    fn pair_bit(&self, hash: u64) -> usize {
        (hash >> 40) as usize & (self.pairs.len() * 64 - 1)
    }

    fn each(
        &self,
        key: u32,
        (first, a): (&Labels, u16),
        (second, b): (&Labels, u16),
        third: u64,
        take: &mut impl FnMut(u32, Kind, Kind),
    ) {
        let Some([from, low, high]) = self.index.get(key) else {
            return;
        };
        let any = u64::from(high) << 32 | u64::from(low);
        if any & third == 0 && any != u64::MAX {
            return;
        }
        for begin in &self.begins[from as usize..] {
            if begin.third & third != 0 || begin.third == u64::MAX {
                let one = first.way(begin.first, a);
                let two = second.way(begin.second, b);
                if let (Some(one), Some(two)) = (one, two) {
                    take(begin.to, one, two);
                }
            }
            if begin.last {
                break;
            }
        }
    }

    /// Heap bytes.
    pub(super) fn memory(&self) -> usize {
        (self.words.len() + self.stems.len() + self.tails.len() + self.pairs.len())
            * size_of::<u64>()
            + self.index.memory()
            + self.whole.memory()
            + self.seconds.memory()
            + self.next.memory()
            + self.firm.len() * size_of::<u64>()
            + self.ends.capacity() * size_of::<End>()
            + self.begins.capacity() * size_of::<Beginning>()
            + self.grid.memory()
            + self.spaced.len()
    }
}

/// What a whole word of letters begins.
pub(super) enum Begins {
    /// No term.
    Nothing,
    /// What lies here.
    Word(u32),
    /// It has to be read letter by letter.
    Unknown,
}

impl Labels {
    /// The keys there are.
    pub(super) fn keys(&self) -> &[u16] {
        &self.keys[..usize::from(self.many)]
    }

    /// A bit for each key.
    #[inline]
    fn there(&self) -> u32 {
        (1 << self.many) - 1
    }

    /// How a symbol that reads so enters an edge, having been looked up by `key`.
    #[inline]
    fn way(&self, (code, kind): (u16, Kind), key: u16) -> Option<Kind> {
        if self.exact == code {
            return (key == self.keys[0]).then_some(kind);
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
pub(super) fn edges(lexicon: &Lexicon, node: u32) -> impl Iterator<Item = (u16, Edge)> + '_ {
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

/// The keys by which terms go on from a node, hashed; all bits where a term ends.
pub(super) fn third(lexicon: &Lexicon, node: u32) -> u64 {
    match lexicon.has(node) & HAS_TERM {
        0 => edges(lexicon, node).fold(0, |mask, (code, _)| mask | lexicon.bit(code)),
        _ => u64::MAX,
    }
}

#[inline]
fn pair(a: u16, b: u16) -> u32 {
    u32::from(a) << 16 | u32::from(b)
}

#[inline]
fn hash(pair: u32) -> u64 {
    pair.hash()
}

/// Keys of all pairs of one key of each.
fn pairs(first: &[u16], second: &[u16]) -> Vec<u32> {
    let mut keys: Vec<u32> = first
        .iter()
        .flat_map(|&a| second.iter().map(move |&b| pair(a, b)))
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}
