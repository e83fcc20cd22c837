//! [`Grid`]: which two neighbouring symbols begin a term, a bit for each pair of places. Symbols that
//! begin the same share a place, so a look costs two small tables and one bit; only where it says yes
//! are the symbols looked up by their keys ([`super::beginnings`]).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::beginnings::Beginning;
use super::lexicon::{Kind, Labels, Lexicon};
use super::table::{get, set};

/// Where a symbol stands: 0 among those that begin nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    /// As the first of two; [`SINGLE`] beside it.
    row: u16,
    /// As the second.
    column: u16,
}

/// The bit of a Han that is a term alone.
const SINGLE: u16 = 1 << 15;

/// Places on each side at most, so that the bits of any lexicon stay below 8 MiB. The rarest symbols
/// share the last one, which then says yes more often than it must.
const MOST: u16 = (1 << 13) - 1;

impl Place {
    /// Whether a term is this one symbol, a Han.
    #[inline]
    pub(super) fn is_single(self) -> bool {
        self.row & SINGLE != 0
    }
}

/// A bit for each two places.
#[derive(Debug, Default)]
pub(super) struct Grid {
    /// By page of the lexicon's labels, and by symbol.
    pub(super) places: Vec<[Place; 256]>,
    bits: Vec<u64>,
    /// Bits of a row.
    width: usize,
}

/// By which a symbol meets a side of a pair: the symbol's own code, or a key.
type Keys = BTreeSet<u16>;

impl Grid {
    /// Of the pairs with which terms begin.
    pub(super) fn of<'b>(
        lexicon: &Lexicon,
        begins: impl Iterator<Item = &'b Beginning>,
        chars: &[Option<char>],
        single: &BTreeSet<u16>,
    ) -> Self {
        let mut pairs: BTreeSet<(u16, u16)> = BTreeSet::new();
        for begin in begins {
            let side = |(code, kind)| side(lexicon, chars, code, kind);
            let second = side(begin.second);
            let first = side(begin.first).into_iter();
            pairs.extend(first.flat_map(|one| second.iter().map(move |&two| (one, two))));
        }
        let (first, second) = (sets(&pairs, |pair| pair.0), sets(&pairs, |pair| pair.1));
        let (mut rows, mut columns) = (Classes::default(), Classes::default());
        // Symbols that stand in terms are the common ones: their places are neighbours.
        for common in [true, false] {
            for labels in lexicon.labels.iter().flatten() {
                if (labels.exact != 0) == common && labels.many > 0 {
                    rows.add(labels, &first);
                    columns.add(labels, &second);
                }
            }
        }
        let width = columns.places().next_multiple_of(64);
        let mut grid = Self {
            places: vec![[Place::default(); 256]; lexicon.labels.len()],
            bits: vec![0; rows.places() * width / 64],
            width,
        };
        grid.fill(&pairs, &rows, &columns);
        for (places, page) in grid.places.iter_mut().zip(&lexicon.labels) {
            for (place, labels) in places.iter_mut().zip(page) {
                place.row = rows.place(labels, &first);
                if single.contains(&labels.exact) {
                    place.row |= SINGLE;
                }
                place.column = columns.place(labels, &second);
            }
        }
        grid
    }

    /// Sets the bits: a row of each key first, then those of the symbols that have it.
    fn fill(&mut self, pairs: &BTreeSet<(u16, u16)>, rows: &Classes, columns: &Classes) {
        let of_key = columns.of_key();
        let words = self.width / 64;
        let mut by_key: BTreeMap<u16, Vec<u64>> = BTreeMap::new();
        for (first, second) in pairs {
            let row = by_key.entry(*first).or_insert_with(|| vec![0; words]);
            for &column in of_key.get(second).into_iter().flatten() {
                set(row, usize::from(column));
            }
        }
        for (keys, &row) in &rows.keys {
            let from = usize::from(row) * words;
            for key in keys {
                let own = by_key.get(key).into_iter().flatten();
                for (bits, own) in self.bits[from..from + words].iter_mut().zip(own) {
                    *bits |= own;
                }
            }
        }
    }

    /// Whether these two, one after the other, begin a term.
    #[inline]
    pub(super) fn meet(&self, first: Place, second: Place) -> bool {
        let bit = usize::from(first.row & !SINGLE) * self.width + usize::from(second.column);
        get(&self.bits, bit)
    }

    /// Heap bytes.
    pub(super) fn memory(&self) -> usize {
        self.places.capacity() * size_of::<[Place; 256]>() + self.bits.capacity() * size_of::<u64>()
    }
}

/// By what a symbol may be this side of a pair.
fn side(lexicon: &Lexicon, chars: &[Option<char>], code: u16, kind: Kind) -> Vec<u16> {
    match chars[usize::from(code)] {
        Some(c) if kind == Kind::Exact => lexicon.labels(c).keys().to_vec(),
        Some(_) => vec![code],
        None => Vec::new(),
    }
}

fn sets(pairs: &BTreeSet<(u16, u16)>, side: impl Fn(&(u16, u16)) -> u16) -> Keys {
    pairs.iter().map(side).collect()
}

/// Sets of keys, each with its place, from 1 on.
#[derive(Default)]
struct Classes {
    keys: HashMap<Vec<u16>, u16>,
}

impl Classes {
    fn add(&mut self, labels: &Labels, wanted: &Keys) {
        let keys = keys(labels, wanted);
        if !keys.is_empty() {
            let next = (self.keys.len() + 1).min(usize::from(MOST)) as u16;
            self.keys.entry(keys).or_insert(next);
        }
    }

    /// How many there are, that of what begins nothing included.
    fn places(&self) -> usize {
        self.keys.len().min(usize::from(MOST)) + 1
    }

    fn place(&self, labels: &Labels, wanted: &Keys) -> u16 {
        let known = self.keys.get(&keys(labels, wanted));
        known.copied().unwrap_or(0)
    }

    /// By key: the places of those that have it.
    fn of_key(&self) -> HashMap<u16, Vec<u16>> {
        let mut of_key: HashMap<u16, Vec<u16>> = HashMap::new();
        for (keys, &place) in &self.keys {
            for &key in keys {
                of_key.entry(key).or_default().push(place);
            }
        }
        of_key
    }
}

/// By what a symbol meets pairs, sorted.
fn keys(labels: &Labels, wanted: &Keys) -> Vec<u16> {
    let own = std::iter::once(labels.exact).filter(|&code| code != 0);
    let all = own.chain(labels.keys().iter().copied());
    let keys: Keys = all.filter(|key| wanted.contains(key)).collect();
    keys.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::detect::{Builder, SignalId};
    use crate::text::{ViewKind, Views};

    #[test]
    fn the_grid_says_what_the_keys_say() {
        let mut builder = Builder::default();
        let words = "番茄 萝卜汤 豆abc 土豆 黄瓜片 清炒芦笋 茶 茶水";
        for (at, word) in words.split(' ').enumerate() {
            let views = [Views::DEFAULT, Views::PLAIN, Views::of(&ViewKind::ALL)][at % 3];
            builder.word(SignalId(0), word, views).expect("a word");
        }
        let detectors = builder.build().expect("small");
        let lexicon = &detectors.lexicon;
        let some = (0x4E00..0x9FA5).step_by(97).filter_map(char::from_u32);
        let symbols: Vec<char> = words.chars().chain(some).chain('a'..'f').collect();
        let mut begin = 0;
        for &first in symbols.iter().filter(|c| !c.is_ascii()) {
            for &second in symbols.iter().filter(|&&c| c != ' ') {
                let (one, two) = (lexicon.labels(first), lexicon.labels(second));
                let mut begins = false;
                let told = &lexicon.beginnings;
                told.pair(one, two, None, |_, _, _| begins = true);
                let meet = told.meet(lexicon.place(first), lexicon.place(second));
                assert_eq!(meet, begins, "{first}{second}");
                begin += u32::from(begins);
            }
            assert_eq!(lexicon.place(first).is_single(), first == '茶');
        }
        assert!(begin > 10, "{begin}");
    }
}
