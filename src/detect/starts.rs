//! [`Starts`]: with which symbols patterns begin. Up to six are looked at, and whether a word
//! of ASCII goes on there, so that most places of a text start no pattern, and none is stepped there.
//!
//! It may name a pattern that dies at once, never leave one out that lives: it decides what is
//! tried, not what is found.

use std::collections::HashMap;

use regex_automata::dfa::{Automaton, dense};
use regex_automata::util::primitives::StateID;

use super::regex::MAX_PATTERNS;
use super::table::{Table, get, set, then};
use super::window::Seen;

/// Symbols that may follow a place of a pattern and are listed; more count as anything.
const LISTED: usize = 256;

/// Symbols that a pattern begins with are listed up to here.
const FIRSTS: usize = 2_048;

/// Ways of three symbols and more that are listed of a pattern: what else it begins with is
/// known by fewer symbols.
const WAYS: usize = 128;

/// Symbols that are looked at: most words differ within them.
const DEPTH: usize = 6;

/// Bits of the set of first symbols, one for each of the basic plane, and of the set of keys.
const FIRST_BITS: usize = 1 << 16;
const KEY_BITS: usize = 1 << 18;

/// First symbols of a way that a place is told apart by before anything is looked up, and bits of each
/// set of them: those sets stay in the nearest caches.
const HEAD: usize = 3;
const HEAD_BITS: usize = 1 << 17;

/// What is known of the symbols at a place.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// A pattern begins so; the text ends there so far.
    Begins,
    /// A pattern begins so, and anything may follow.
    Anything,
}

/// What stands before a place, as far as word borders of ASCII see it; a bit each.
pub(super) type After = u8;

/// A letter, digit or `_`.
const WORD: After = 1;

/// Anything else, or nothing.
const OTHER: After = 2;

/// What this symbol is to one behind it.
#[inline]
pub(super) fn after(symbol: Option<char>) -> After {
    match symbol {
        Some(c) if c.is_ascii_alphanumeric() || c == '_' => WORD,
        _ => OTHER,
    }
}

/// Bits of a list's entry that number the pattern; above them is [`After`].
const NUMBER: u32 = 14;
const _: () = assert!(MAX_PATTERNS <= 1 << NUMBER);

/// Which patterns may begin where.
#[derive(Debug, Default)]
pub(super) struct Starts {
    /// Behind a word, and behind anything else.
    firsts: [Firsts; 2],
    index: Table<u64, (u32, u32)>,
    /// Patterns, each with what may stand before it.
    lists: Vec<u16>,
    /// Patterns that may begin with anything.
    pub(super) anywhere: Vec<u16>,
}

/// What patterns begin with behind one kind of symbol.
#[derive(Debug)]
struct Firsts {
    /// By first symbol of ASCII: which symbols of ASCII may follow it.
    pairs: Vec<u128>,
    first: Vec<u64>,
    /// First symbols of ways of which no more is known.
    alone: Vec<u64>,
    /// Hashed first two symbols of ways.
    twos: Vec<u64>,
    /// The same of ways of which no more is known, and of three symbols.
    heads: [Vec<u64>; 2],
    /// Hashed keys.
    known: Vec<u64>,
}

/// A way in which a pattern begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Beginning {
    key: u64,
    head: Head,
    /// Whether longer ways tell the rest of its head.
    longer: bool,
    after: After,
}

/// The first symbols of a way; `None` where anything may follow.
type Head = [Option<char>; HEAD];

/// The first symbols of a way, and what the automaton is in behind them.
#[derive(Clone, Copy)]
struct Prefix {
    hash: u64,
    head: Head,
    state: StateID,
}

impl Prefix {
    /// The prefix with one more symbol, which is the one at `depth`.
    fn then(&self, symbol: char, state: StateID, depth: usize) -> Self {
        let mut head = self.head;
        if let Some(slot) = head.get_mut(depth) {
            *slot = Some(symbol);
        }
        let hash = then(self.hash, symbol);
        Self { hash, head, state }
    }
}

/// How one pattern begins; `None` if with anything. `rows` says by the byte before (the last is for
/// the start of the text) which of `starts` applies.
pub(super) fn beginnings(
    dfa: &dense::DFA<Vec<u32>>,
    rows: &[u8],
    starts: &[StateID],
) -> Option<Box<[Beginning]>> {
    let mut all: Vec<Beginning> = Vec::new();
    let mut known = HashMap::new();
    for (row, &start) in (0_u8..).zip(starts) {
        let before = rows.iter().enumerate().filter(|(_, own)| **own == row);
        let before = before.map(|(byte, _)| u8::try_from(byte).ok().map(char::from));
        let after = before.fold(0, |all, byte| all | after(byte));
        let ways = ways(dfa, start, &mut known)?.into_iter();
        all.extend(ways.map(|(key, head, longer)| Beginning {
            key,
            head,
            longer,
            after,
        }));
    }
    all.sort_unstable();
    all.dedup();
    Some(all.into())
}

/// What follows a state, once it was asked for.
type Known = HashMap<StateID, Option<Vec<(char, StateID)>>>;

/// The keys of all ways from one start, with their first symbols and whether there are longer ones.
fn ways(
    dfa: &dense::DFA<Vec<u32>>,
    start: StateID,
    known: &mut Known,
) -> Option<Vec<(u64, Head, bool)>> {
    let mut ways = Vec::new();
    let nothing = Prefix {
        hash: 0,
        head: [None; HEAD],
        state: start,
    };
    let first = follows(dfa, start, FIRSTS)?.into_iter();
    let first = first.map(|(one, state)| nothing.then(one, state, 0));
    let mut prefixes: Vec<Prefix> = first.collect();
    for depth in 1..=DEPTH {
        let mut longer = Vec::new();
        for prefix in prefixes {
            let mut add = |kind, longer| {
                ways.push((key(kind, prefix.hash), prefix.head, longer));
            };
            let next = match depth < 3 || (depth < DEPTH && longer.len() < WAYS) {
                true => known
                    .entry(prefix.state)
                    .or_insert_with(|| follows(dfa, prefix.state, LISTED))
                    .as_ref(),
                false => None,
            };
            let Some(next) = next else {
                add(Kind::Begins, false);
                add(Kind::Anything, false);
                continue;
            };
            // Nothing follows where only the end of the text may.
            add(Kind::Begins, !next.is_empty());
            let next = next.iter();
            longer.extend(next.map(|&(symbol, state)| prefix.then(symbol, state, depth)));
        }
        prefixes = longer;
    }
    Some(ways)
}

impl Starts {
    /// Of all patterns, by how they begin.
    pub(super) fn of<'k>(patterns: impl Iterator<Item = Option<&'k [Beginning]>>) -> Self {
        let mut starts = Self::default();
        let mut lists: HashMap<u64, Vec<u16>> = HashMap::new();
        for (number, beginnings) in (0_u16..).zip(patterns) {
            let Some(beginnings) = beginnings else {
                starts.anywhere.push(number);
                continue;
            };
            for &beginning in beginnings {
                let after = u16::from(beginning.after) << NUMBER;
                for (bit, firsts) in [WORD, OTHER].into_iter().zip(&mut starts.firsts) {
                    if beginning.after & bit != 0 {
                        firsts.note(beginning);
                    }
                }
                let list = lists.entry(beginning.key).or_default();
                match list.last_mut().filter(|last| number_of(**last) == number) {
                    Some(last) => *last |= after,
                    None => list.push(number | after),
                }
            }
        }
        let mut lists: Vec<_> = lists.into_iter().collect();
        lists.sort_unstable();
        starts.index = Table::of(lists.len());
        for (key, list) in lists {
            let place = (starts.lists.len() as u32, list.len() as u32);
            starts.index.insert(key, place);
            starts.lists.extend(list);
        }
        starts.lists.shrink_to_fit();
        starts
    }

    /// Whether any pattern may begin with these symbols, of which there is one at least, behind
    /// such a one.
    #[inline]
    pub(super) fn any(&self, after: After, symbols: &[Seen]) -> bool {
        let firsts = self.behind(after);
        let symbol = |at: usize| symbols.get(at).map(|seen| seen.symbol.ch);
        let one = symbols[0].symbol.ch;
        let begins = match symbol(1) {
            Some(two) if one.is_ascii() && two.is_ascii() => {
                firsts.pairs[one as usize] >> (two as u32) & 1 != 0
            }
            _ => get(&firsts.first, first_bit(one)),
        };
        let begins = begins
            && match (symbol(1), symbol(2)) {
                (Some(two), Some(three)) => firsts.has_head([one, two, three]),
                _ => true,
            };
        begins || !self.anywhere.is_empty()
    }

    #[inline]
    fn behind(&self, after: After) -> &Firsts {
        &self.firsts[usize::from(after != WORD)]
    }

    /// Appends the patterns that may begin with these symbols, which are all that are known yet.
    pub(super) fn all(
        &self,
        after: After,
        symbols: impl ExactSizeIterator<Item = char>,
        out: &mut Vec<u16>,
    ) {
        out.extend(&self.anywhere);
        let (mut hash, mut left) = (0, symbols.len());
        for symbol in symbols.take(DEPTH) {
            hash = then(hash, symbol);
            left -= 1;
            let begins = key(Kind::Begins, hash);
            if !get(&self.behind(after).known, key_bit(begins)) {
                break;
            }
            match left {
                0 => self.add(after, begins, out),
                _ => self.add(after, key(Kind::Anything, hash), out),
            }
        }
        if out.len() > 1 {
            out.sort_unstable();
            out.dedup();
        }
    }

    #[inline]
    fn add(&self, after: After, key: u64, out: &mut Vec<u16>) {
        if !get(&self.behind(after).known, key_bit(key)) {
            return;
        }
        if let Some((from, count)) = self.index.get(key) {
            let list = &self.lists[from as usize..(from + count) as usize];
            let here = list
                .iter()
                .filter(|&&entry| entry >> NUMBER & u16::from(after) != 0);
            out.extend(here.map(|&entry| number_of(entry)));
        }
    }

    /// Heap bytes.
    pub(super) fn memory(&self) -> usize {
        self.firsts.iter().map(Firsts::memory).sum::<usize>()
            + self.index.memory()
            + self.lists.capacity() * size_of::<u16>()
    }
}

impl Default for Firsts {
    fn default() -> Self {
        Self {
            pairs: vec![0; 128],
            first: vec![0; FIRST_BITS / 64],
            alone: vec![0; FIRST_BITS / 64],
            twos: vec![0; HEAD_BITS / 64],
            heads: std::array::from_fn(|_| vec![0; HEAD_BITS / 64]),
            known: vec![0; KEY_BITS / 64],
        }
    }
}

impl Firsts {
    fn note(&mut self, beginning: Beginning) {
        set(&mut self.known, key_bit(beginning.key));
        let [Some(one), two, _] = beginning.head else {
            return;
        };
        // Of a way that goes on, each longer one notes its own.
        if beginning.longer {
            return;
        }
        set(&mut self.first, first_bit(one));
        if let Some(row) = self.pairs.get_mut(one as usize) {
            *row |= two.map_or(u128::MAX, |two| match two as usize {
                two @ 0..128 => 1 << two,
                _ => 0,
            });
        }
        let Some(two) = two else {
            set(&mut self.alone, first_bit(one));
            return;
        };
        let hash = then(then(0, one), two);
        set(&mut self.twos, head_bit(hash));
        match beginning.head[2] {
            None => set(&mut self.heads[0], head_bit(hash)),
            Some(three) => set(&mut self.heads[1], head_bit(then(hash, three))),
        }
    }

    /// Whether a way begins with these symbols, or with fewer of them and then anything.
    #[inline]
    fn has_head(&self, [one, two, three]: [char; HEAD]) -> bool {
        let hash = then(then(0, one), two);
        let longer = || {
            get(&self.heads[0], head_bit(hash)) || get(&self.heads[1], head_bit(then(hash, three)))
        };
        (get(&self.twos, head_bit(hash)) && longer()) || get(&self.alone, first_bit(one))
    }

    fn memory(&self) -> usize {
        let heads = self.heads.iter().map(Vec::len).sum::<usize>();
        self.pairs.len() * size_of::<u128>()
            + (2 * self.first.len() + self.twos.len() + heads + self.known.len()) * size_of::<u64>()
    }
}

#[inline]
fn number_of(entry: u16) -> u16 {
    entry & ((1 << NUMBER) - 1)
}

/// The symbols with which a pattern may go on from a state, and where they lead; `None` if they are
/// more than `most`, or if it may end there.
fn follows(
    dfa: &dense::DFA<Vec<u32>>,
    state: StateID,
    most: usize,
) -> Option<Vec<(char, StateID)>> {
    let mut found = Vec::new();
    let mut open = vec![(state, 0_u32, 0_u32)];
    while let Some((state, bits, left)) = open.pop() {
        let bytes = match left {
            0 if bits == 0 => 0..=0xF4_u8,
            _ => 0x80..=0xBF,
        };
        for byte in bytes {
            let next = dfa.next_state(state, byte);
            if dfa.is_match_state(next) {
                return None;
            }
            if dfa.is_dead_state(next) {
                continue;
            }
            let (bits, left) = match byte {
                0..=0x7F => (u32::from(byte), 0),
                0x80..=0xBF if left > 0 => (bits << 6 | u32::from(byte & 0x3F), left - 1),
                0xC2..=0xDF => (u32::from(byte & 0x1F), 1),
                0xE0..=0xEF => (u32::from(byte & 0x0F), 2),
                0xF0..=0xF4 => (u32::from(byte & 0x07), 3),
                _ => continue,
            };
            match char::from_u32(bits) {
                Some(c) if left == 0 => found.push((c, next)),
                _ if left > 0 => open.push((next, bits, left)),
                _ => {}
            }
            if found.len() > most || open.len() > most {
                return None;
            }
        }
    }
    Some(found)
}

/// Symbols and what is known of them, hashed; two that hash alike share their patterns.
#[inline]
fn key(kind: Kind, hash: u64) -> u64 {
    let hash = (hash ^ (kind as u64 + 1)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    hash ^ hash >> 32
}

#[inline]
fn first_bit(one: char) -> usize {
    one as usize % FIRST_BITS
}

#[inline]
fn head_bit(hash: u64) -> usize {
    (hash >> 40) as usize % HEAD_BITS
}

#[inline]
fn key_bit(key: u64) -> usize {
    (key >> 40) as usize % KEY_BITS
}
