//! [`Lexicon`]: the words and phrases of all signals as one automaton over skeleton symbols.
//!
//! It is a trie, walked from every possible start (see [`super::phrase`]), so that it is known
//! exactly which prefixes are alive and where each began; an Aho-Corasick automaton knows only the
//! longest, and not whether its left border holds. Each edge also has its disguises beside it
//! ([`super::alternatives`]): a Han is entered by itself, by its syllable, by its shape class, by
//! the parts it splits into, by its pinyin in letters; a word by an emoji of that name. So one walk
//! reads views V0 to V6 and any mixture of them.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::beginnings::Beginnings;
use super::grid::Place;
use super::places::Signs;
use super::sets::{MAX_SET, Sets};
use super::{Problem, SignalId, SignalSet};
use crate::text::{Class, Symbol, ViewKind, Views, symbols};

/// Symbols of the longest term; longer ones are sentences, and a window has to hold them.
pub(super) const MAX_TERM_SYMBOLS: usize = 128;

/// Letters that a trailing `*` stands for at most ("-ing", "-ation").
pub(super) const MAX_TAIL: u8 = 8;

/// Separators that may stand between two letters of a squeezed term.
pub(super) const MAX_SEPARATORS: u8 = 16;

/// White space that may stand for the space between two words of a term.
pub(super) const MAX_SPACES: u8 = 3;

/// Symbols that may stand for one Han: six letters of pinyin and a tone.
const MAX_SPELLED: u32 = 7;

/// Letters of a Latin term from which on it is looked for backwards and rotated: shorter words
/// turn into each other ("live", "evil").
const MIN_TURNED_LETTERS: usize = 4;

/// What a node has: a child that is a space.
pub(super) const HAS_SPACE: u8 = 1;
/// A child that is Han.
pub(super) const HAS_HAN: u8 = 2;
/// A child that is a letter or digit.
pub(super) const HAS_LATIN: u8 = 4;
/// A term below may be looked for in the squeezed view.
pub(super) const HAS_SQUEEZED: u8 = 8;
/// A term ends here.
pub(super) const HAS_TERM: u8 = 16;
/// A term below is one that text waits for.
pub(super) const HAS_HELD: u8 = 32;

/// One word or phrase of all signals that look for it in the same views.
#[derive(Debug, Clone)]
pub(super) struct Term {
    pub signals: SignalSet,
    pub views: Views,
    /// As policies have it, for the surface view.
    pub written: Box<[Box<str>]>,
    /// Further letters that may follow.
    pub tail: u8,
    /// Han in it.
    pub han: u8,
    /// Latin letters in it.
    pub letters: u8,
    /// Whether it is a term backwards or rotated (V9).
    pub turned: bool,
}

/// Readings each of which shows all that the ones before it show.
const LADDER: [ViewKind; 7] = [
    ViewKind::Surface,
    ViewKind::Skeleton,
    ViewKind::Squeezed,
    ViewKind::Emoji,
    ViewKind::Pinyin,
    ViewKind::Fuzzy,
    ViewKind::Shape,
];

impl Term {
    /// The reading in which it is reported when it was found at `level` (surface, skeleton or
    /// squeezed) and with the help of the lossy views `uses`; `None` where its policy does not
    /// look. Each reading shows all that the ones before it show.
    pub(super) fn view(&self, level: ViewKind, uses: Views) -> Option<ViewKind> {
        let uses = if self.turned {
            uses.with(ViewKind::Reversed)
        } else {
            uses
        };
        if !uses.is_empty() {
            let view = uses.farthest();
            return view.filter(|_| self.views.has_all(uses));
        }
        let shown = |view: &ViewKind| *view >= level && self.views.has(*view);
        LADDER.into_iter().find(shown)
    }
}

/// By what an edge is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The symbol itself.
    Exact,
    /// A step of a longer way, not its last.
    Path,
    /// The parts that a Han splits into.
    Split,
    /// An emoji of that name, or with that keyword.
    Emoji,
    /// Pinyin in letters.
    Spelled,
    /// A Han with that sound.
    Syllable,
    /// A Han of that shape.
    Shape,
    /// An emoji whose name sounds like it.
    Pun,
    /// A Han with a sound that dialects merge with it.
    Fuzzy,
}

impl Kind {
    /// The view that undoes it, if it is more than the skeleton.
    pub(super) fn view(self) -> Views {
        match self {
            Self::Exact | Self::Path => Views::NONE,
            Self::Emoji | Self::Pun => Views::of(&[ViewKind::Emoji]),
            Self::Spelled | Self::Syllable => Views::of(&[ViewKind::Pinyin]),
            Self::Split | Self::Shape => Views::of(&[ViewKind::Shape]),
            Self::Fuzzy => Views::of(&[ViewKind::Fuzzy]),
        }
    }
}

/// By which codes one symbol may enter an edge; 0 means by none.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Labels {
    /// As itself.
    pub exact: u16,
    /// By its sounds.
    pub syllable: u16,
    pub second: u16,
    /// By its shape.
    pub shape: u16,
    /// By the sounds of dialects.
    pub fuzzy: u16,
    pub jyutping: u16,
    /// By what it is looked up in [`Beginnings`]: its sound stands for the symbol itself where it
    /// has one. Those there are come first; two at least are filled in.
    pub keys: [u16; 5],
    pub many: u8,
    /// The keys, hashed to a bit each ([`bit`]).
    pub mask: u64,
}

/// The bit of a key in a mask.
#[inline]
fn bit(key: u16) -> u64 {
    1 << (u32::from(key).wrapping_mul(0x9E37_79B1) >> 26)
}

impl Labels {
    /// Fills in the mask and the keys.
    pub(super) fn seal(&mut self) {
        let first = match self.syllable {
            0 => self.exact,
            syllable => syllable,
        };
        let keys = [first, self.second, self.shape, self.fuzzy, self.jyutping];
        let there = keys.into_iter().filter(|&key| key != 0);
        self.many = 0;
        for (slot, key) in self.keys.iter_mut().zip(there) {
            *slot = key;
            self.many += 1;
        }
        if self.many == 1 {
            self.keys[1] = self.keys[0];
        }
        let there = &self.keys[..usize::from(self.many)];
        self.mask = there.iter().fold(0, |mask, &key| mask | bit(key));
    }

    /// Those there are, the symbol itself first.
    #[inline]
    pub(super) fn all(self) -> impl Iterator<Item = u16> {
        // Most symbols are letters, which read as themselves only.
        let readings = match self.syllable | self.shape | self.fuzzy | self.jyutping {
            0 => [0; 5],
            _ => [
                self.syllable,
                self.second,
                self.shape,
                self.fuzzy,
                self.jyutping,
            ],
        };
        std::iter::once(self.exact)
            .chain(readings)
            .filter(|&code| code != 0)
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Node {
    pub first: u32,
    pub outs: u32,
    pub edges: u16,
    pub terms: u16,
    pub has: u8,
}

/// Where an edge leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge {
    pub to: u32,
    pub kind: Kind,
}

/// Terms with their symbols.
pub(super) type Terms = Vec<(Vec<Symbol>, Term)>;

/// Terms before they are compiled.
#[derive(Debug, Default)]
pub(super) struct Words {
    entries: Vec<Entry>,
}

/// One word of one signal.
#[derive(Debug, Clone)]
struct Entry {
    symbols: Vec<Symbol>,
    signal: SignalId,
    term: Term,
}

impl Words {
    /// Adds one; says why it cannot be looked for. Returns the symbols that a hit can span.
    pub(super) fn add(
        &mut self,
        signal: SignalId,
        word: &str,
        views: Views,
    ) -> Result<u32, Problem> {
        let trimmed = word.trim();
        let (written, tail) = match trimmed.strip_suffix('*') {
            Some(stem) => (stem, MAX_TAIL),
            None => (trimmed, 0),
        };
        let folded = one_space(symbols(written).map(|(symbol, _)| symbol));
        let Some(last) = folded.last() else {
            return Err(Problem::new("this word has no visible character", None));
        };
        if folded.len() > MAX_TERM_SYMBOLS {
            return Err(Problem::new(
                format!("this phrase is longer than {MAX_TERM_SYMBOLS} characters"),
                Some("keep the few words that carry the meaning"),
            ));
        }
        if tail > 0 && !last.ch.is_ascii_alphabetic() {
            return Err(Problem::new(
                "`*` stands for further Latin letters, so it must follow one",
                Some("drop the `*`: Han terms match inside longer words anyway"),
            ));
        }
        let count = |class: Class| folded.iter().filter(|s| s.class == class).count() as u8;
        let term = Term {
            signals: SignalSet(0),
            views,
            written: Box::new([written.into()]),
            tail,
            han: count(Class::Han),
            letters: count(Class::Letter),
            turned: false,
        };
        let reach = reach(&folded, &term);
        if views.has(ViewKind::Reversed) {
            self.turn(&folded, signal, &term);
        }
        self.entries.push(Entry {
            symbols: folded,
            signal,
            term,
        });
        Ok(reach)
    }

    /// Looks for the words of these signals in the views that lose nothing only.
    pub(super) fn plain(&mut self, signals: &HashSet<SignalId>) {
        self.entries
            .retain(|entry| !entry.term.turned || !signals.contains(&entry.signal));
        let own = self.entries.iter_mut();
        for entry in own.filter(|entry| signals.contains(&entry.signal)) {
            entry.term.views = entry.term.views & Views::PLAIN;
        }
    }

    /// Adds a term backwards, in rot13 and in atbash.
    fn turn(&mut self, folded: &[Symbol], signal: SignalId, term: &Term) {
        let plain = |s: &Symbol| s.ch.is_ascii_alphabetic() || s.ch == ' ';
        let latin = folded.iter().all(plain) && usize::from(term.letters) >= MIN_TURNED_LETTERS;
        let han = term.han >= 2 && folded.iter().all(|s| s.class == Class::Han);
        let mut ways = Vec::new();
        if latin || han {
            ways.push(folded.iter().rev().copied().collect::<Vec<_>>());
        }
        if latin {
            let rot13 = |at: u8| (at + 13) % 26;
            ways.push(rotated(folded, rot13));
            ways.push(rotated(folded, |at| 25 - at));
        }
        for turned in ways.into_iter().filter(|turned| turned != folded) {
            let term = Term {
                turned: true,
                tail: 0,
                ..term.clone()
            };
            self.entries.push(Entry {
                symbols: turned,
                signal,
                term,
            });
        }
    }

    /// Joins what several signals look for in the same views into one term of all of them; terms
    /// are sorted by their symbols. Signals that stay alone share none.
    pub(super) fn join(self, alone: &BTreeSet<SignalId>, sets: &mut Sets) -> Terms {
        let mut entries = self.entries;
        entries.sort_by_cached_key(key);
        let mut terms: Terms = Vec::new();
        for same in entries.chunk_by(|a, b| key(a) == key(b)) {
            let mut written: BTreeMap<SignalId, BTreeSet<&Box<str>>> = BTreeMap::new();
            for entry in same {
                let own = written.entry(entry.signal).or_default();
                own.extend(&entry.term.written);
            }
            let mut signals: BTreeMap<_, Vec<SignalId>> = BTreeMap::new();
            for (signal, written) in written {
                let apart = alone.contains(&signal).then_some(signal);
                signals.entry((apart, written)).or_default().push(signal);
            }
            for ((_, written), signals) in signals {
                for signals in signals.chunks(MAX_SET) {
                    let term = Term {
                        signals: sets.intern(signals),
                        written: written.iter().map(|&one| one.clone()).collect(),
                        ..same[0].term.clone()
                    };
                    terms.push((same[0].symbols.clone(), term));
                }
            }
        }
        terms
    }
}

/// What has to be equal for two words to be one term.
fn key(entry: &Entry) -> (Vec<char>, bool, u8, Views) {
    let symbols: Vec<char> = entry.symbols.iter().map(|symbol| symbol.ch).collect();
    let term = &entry.term;
    (symbols, term.turned, term.tail, term.views)
}

/// A Latin phrase with each letter replaced.
fn rotated(folded: &[Symbol], turn: impl Fn(u8) -> u8) -> Vec<Symbol> {
    let replaced = folded.iter().map(|symbol| match symbol.ch {
        'a'..='z' => Symbol {
            ch: (turn(symbol.ch as u8 - b'a') + b'a') as char,
            ..*symbol
        },
        _ => *symbol,
    });
    replaced.collect()
}

/// Symbols that a match can span, the one after it included.
fn reach(folded: &[Symbol], term: &Term) -> u32 {
    let lossy = [ViewKind::Pinyin, ViewKind::Shape];
    let lossy = term.han >= 2 && lossy.iter().any(|&view| term.views.has(view));
    let width = |symbol: &Symbol| match symbol.class {
        Class::Han if lossy => MAX_SPELLED,
        _ => 1,
    };
    let symbols: u32 = folded.iter().map(width).sum();
    let gap = if term.views.has(ViewKind::Squeezed) {
        MAX_SEPARATORS
    } else {
        MAX_SPACES
    };
    symbols + (symbols - 1) * u32::from(gap) + u32::from(term.tail) + 1
}

/// White space inside becomes single spaces, that around the term goes.
fn one_space(symbols: impl Iterator<Item = Symbol>) -> Vec<Symbol> {
    let space = Symbol {
        ch: ' ',
        class: Class::Space,
    };
    let mut out: Vec<Symbol> = Vec::new();
    for symbol in symbols {
        if !symbol.class.is_white() {
            out.push(symbol);
        } else if out.last().is_some_and(|last| *last != space) {
            out.push(space);
        }
    }
    while out.last() == Some(&space) {
        out.pop();
    }
    out
}

/// All terms, compiled. Code 0 is "in no term".
#[derive(Debug)]
pub(super) struct Lexicon {
    pub(super) nodes: Vec<Node>,
    /// Codes of the edges, a node's own side by side and sorted; parallel to `edges`.
    pub(super) codes: Vec<u16>,
    pub(super) edges: Vec<Edge>,
    pub(super) outs: Vec<u32>,
    pub(super) terms: Vec<Term>,
    /// By code: where the edges of the root begin, and how many they are.
    pub(super) roots: Vec<(u32, u16)>,
    pub(super) space: u16,
    pub(super) leet: Vec<[u16; 2]>,
    pub(super) pages: Vec<u16>,
    pub(super) labels: Vec<[Labels; 256]>,
    /// By code: the key of the symbols that enter an edge by it.
    pub(super) keys: Vec<u16>,
    pub(super) beginnings: Beginnings,
    pub(super) signs: Signs,
}

impl Lexicon {
    /// Whether text waits for a term below the node.
    pub(super) fn holds(&self, node: u32) -> bool {
        self.nodes[node as usize].has & HAS_HELD != 0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// By which codes a symbol may enter edges.
    #[inline]
    pub(super) fn labels(&self, ch: char) -> &Labels {
        let page = self.pages[ch as usize / 256] as usize;
        &self.labels[page][ch as usize % 256]
    }

    /// The bit of what enters an edge by a code, in the masks of [`Labels`].
    pub(super) fn bit(&self, code: u16) -> u64 {
        bit(self.keys[usize::from(code)])
    }

    /// Where a symbol stands among those that terms begin with.
    #[inline]
    pub(super) fn place(&self, ch: char) -> Place {
        let page = self.pages[ch as usize / 256];
        self.beginnings.place(usize::from(page), ch)
    }

    /// The code of the space between words; 0 if every term is a single word.
    pub(super) fn space(&self) -> u16 {
        self.space
    }

    /// Codes of the letters that a sign may stand for; 0 means none.
    #[inline]
    pub(super) fn leet(&self, ch: char) -> [u16; 2] {
        self.leet.get(ch as usize).copied().unwrap_or_default()
    }

    /// Whether a sign may stand for a letter of any term.
    #[inline]
    pub(super) fn is_leet(&self, ch: char) -> bool {
        self.leet(ch) != [0, 0]
    }

    /// Where a term may begin with this code.
    #[inline]
    pub(super) fn roots(&self, code: u16) -> &[Edge] {
        let (first, count) = self.roots[code as usize];
        &self.edges[first as usize..first as usize + usize::from(count)]
    }

    /// Where this code leads from a node.
    #[inline]
    pub(super) fn children(&self, node: u32, code: u16) -> &[Edge] {
        let node = &self.nodes[node as usize];
        let first = node.first as usize;
        let codes = &self.codes[first..first + usize::from(node.edges)];
        if let [only] = codes {
            let here = usize::from(*only == code);
            return &self.edges[first..first + here];
        }
        let from = if codes.len() <= 16 {
            codes.iter().take_while(|&&c| c < code).count()
        } else {
            codes.partition_point(|&c| c < code)
        };
        let same = codes[from..].iter().take_while(|&&c| c == code).count();
        &self.edges[first + from..first + from + same]
    }

    /// Whether anything goes on from a node.
    #[inline]
    pub(super) fn goes_on(&self, node: u32) -> bool {
        self.nodes[node as usize].edges > 0
    }

    /// Which kinds of children a node has.
    #[inline]
    pub(super) fn has(&self, node: u32) -> u8 {
        self.nodes[node as usize].has
    }

    /// The terms that end here.
    #[inline]
    pub(super) fn terms(&self, node: u32) -> impl Iterator<Item = &Term> {
        let node = self.nodes[node as usize];
        let from = node.outs as usize;
        self.outs[from..from + usize::from(node.terms)]
            .iter()
            .map(|&term| &self.terms[term as usize])
    }

    /// Heap bytes.
    pub(super) fn memory(&self) -> usize {
        let terms = self.terms.iter();
        let written = |term: &Term| term.written.iter().map(|one| one.len() + 16).sum::<usize>();
        let terms = terms.map(|term| written(term) + size_of::<Term>());
        self.nodes.capacity() * size_of::<Node>()
            + self.codes.capacity() * size_of::<u16>()
            + self.edges.capacity() * size_of::<Edge>()
            + self.outs.capacity() * size_of::<u32>()
            + terms.sum::<usize>()
            + self.roots.capacity() * size_of::<(u32, u16)>()
            + (self.pages.capacity() + self.keys.capacity()) * size_of::<u16>()
            + self.labels.capacity() * size_of::<[Labels; 256]>()
            + self.beginnings.memory()
    }
}
