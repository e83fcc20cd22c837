//! [`Starts`]: with which symbols patterns begin. Up to three are looked at, so that most places of
//! a text start no pattern, and none is stepped there.
//!
//! It may name a pattern that dies at once, never leave one out that lives: it decides what is
//! tried, not what is found.

use std::collections::HashMap;

use regex_automata::dfa::{Automaton, dense};
use regex_automata::util::primitives::StateID;

use super::beginnings::Multiply;

/// Symbols that may follow a place of a pattern and are listed; more count as anything.
const LISTED: usize = 256;

/// Symbols that a pattern begins with are listed up to here.
const FIRSTS: usize = 2_048;

/// Bits of the set of first symbols, and of the set of keys.
const FIRST_BITS: usize = 1 << 12;
const KEY_BITS: usize = 1 << 16;

/// What is known of the symbols at a place.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// The pattern begins so; the text ends there so far.
    Begins,
    /// The pattern begins so, and anything may follow.
    Anything,
    /// The pattern begins with these three.
    Three,
}

/// Which patterns may begin where.
#[derive(Debug, Default)]
pub(super) struct Starts {
    /// By first symbol of ASCII: which symbols of ASCII may follow it.
    pairs: Vec<u128>,
    first: Vec<u64>,
    known: Vec<u64>,
    index: HashMap<u64, (u32, u32), Multiply>,
    lists: Vec<u16>,
    /// Patterns that may begin with anything.
    pub(super) anywhere: Vec<u16>,
}

/// A way in which a pattern begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Beginning {
    key: u64,
    one: char,
    /// `None` if anything may follow.
    two: Option<char>,
}

/// How one pattern begins; `None` if with anything.
pub(super) fn beginnings(
    dfa: &dense::DFA<Vec<u32>>,
    starts: &[StateID],
) -> Option<Box<[Beginning]>> {
    let mut all = Vec::new();
    let mut add = |kind, symbols: &[char], two| {
        all.push(Beginning {
            key: key(kind, symbols),
            one: symbols[0],
            two,
        });
    };
    for &start in starts {
        for (one, state) in follows(dfa, start, FIRSTS)? {
            let Some(seconds) = follows(dfa, state, LISTED) else {
                add(Kind::Begins, &[one], None);
                add(Kind::Anything, &[one], None);
                continue;
            };
            for (two, state) in seconds {
                add(Kind::Begins, &[one], Some(two));
                add(Kind::Begins, &[one, two], Some(two));
                match follows(dfa, state, LISTED) {
                    None => add(Kind::Anything, &[one, two], Some(two)),
                    Some(thirds) => {
                        for (three, _) in thirds {
                            add(Kind::Three, &[one, two, three], Some(two));
                        }
                    }
                }
            }
        }
    }
    all.sort_unstable();
    all.dedup();
    Some(all.into())
}

impl Starts {
    /// Of all patterns, by how they begin.
    pub(super) fn of<'k>(patterns: impl Iterator<Item = Option<&'k [Beginning]>>) -> Self {
        let mut starts = Self {
            pairs: vec![0; 128],
            first: vec![0; FIRST_BITS / 64],
            known: vec![0; KEY_BITS / 64],
            ..Self::default()
        };
        let mut lists: HashMap<u64, Vec<u16>, Multiply> = HashMap::default();
        for (number, beginnings) in (0..).zip(patterns) {
            let Some(beginnings) = beginnings else {
                starts.anywhere.push(number);
                continue;
            };
            for &Beginning { key, one, two } in beginnings {
                set(&mut starts.first, first_bit(one));
                if let Some(row) = starts.pairs.get_mut(one as usize) {
                    *row |= two.map_or(u128::MAX, |two| match two as usize {
                        two @ 0..128 => 1 << two,
                        _ => 0,
                    });
                }
                let list = lists.entry(key).or_default();
                if list.last() != Some(&number) {
                    list.push(number);
                }
            }
        }
        let mut lists: Vec<_> = lists.into_iter().collect();
        lists.sort_unstable();
        for (key, list) in lists {
            set(&mut starts.known, key_bit(key));
            let place = (starts.lists.len() as u32, list.len() as u32);
            starts.index.insert(key, place);
            starts.lists.extend(list);
        }
        starts
    }

    /// Whether any pattern begins with these symbols.
    #[inline]
    pub(super) fn any(&self, one: char, two: Option<char>) -> bool {
        let begins = match two {
            Some(two) if one.is_ascii() && two.is_ascii() => {
                self.pairs[one as usize] >> (two as u32) & 1 != 0
            }
            _ => get(&self.first, first_bit(one)),
        };
        begins || !self.anywhere.is_empty()
    }

    /// Appends the patterns that may begin with these symbols.
    pub(super) fn all(
        &self,
        one: char,
        two: Option<char>,
        three: Option<char>,
        out: &mut Vec<u16>,
    ) {
        out.extend(&self.anywhere);
        match (two, three) {
            (None, _) => self.add(key(Kind::Begins, &[one]), out),
            (Some(two), None) => {
                self.add(key(Kind::Anything, &[one]), out);
                self.add(key(Kind::Begins, &[one, two]), out);
            }
            (Some(two), Some(three)) => {
                self.add(key(Kind::Anything, &[one]), out);
                self.add(key(Kind::Anything, &[one, two]), out);
                self.add(key(Kind::Three, &[one, two, three]), out);
            }
        }
        if out.len() > 1 {
            out.sort_unstable();
            out.dedup();
        }
    }

    #[inline]
    fn add(&self, key: u64, out: &mut Vec<u16>) {
        if !get(&self.known, key_bit(key)) {
            return;
        }
        if let Some(&(from, count)) = self.index.get(&key) {
            out.extend(&self.lists[from as usize..(from + count) as usize]);
        }
    }

    /// Heap bytes.
    pub(super) fn memory(&self) -> usize {
        self.pairs.len() * size_of::<u128>()
            + (self.first.len() + self.known.len()) * size_of::<u64>()
            + self.index.capacity() * size_of::<(u64, (u32, u32))>()
            + self.lists.capacity() * size_of::<u16>()
    }
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
fn key(kind: Kind, symbols: &[char]) -> u64 {
    let mut hash = kind as u64 + 1;
    for &symbol in symbols {
        hash = (hash ^ u64::from(symbol)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        hash ^= hash >> 32;
    }
    hash
}

#[inline]
fn first_bit(one: char) -> usize {
    // Letters and signs have a bit each, Han share them.
    one as usize % FIRST_BITS
}

#[inline]
fn key_bit(key: u64) -> usize {
    (key >> 40) as usize % KEY_BITS
}

#[inline]
fn get(bits: &[u64], bit: usize) -> bool {
    bits[bit / 64] >> (bit % 64) & 1 != 0
}

fn set(bits: &mut [u64], bit: usize) {
    bits[bit / 64] |= 1 << (bit % 64);
}
