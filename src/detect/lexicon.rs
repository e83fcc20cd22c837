//! [`Lexicon`]: the words and phrases of all signals as one trie over skeleton symbols.
//!
//! A trie walked from every possible start (see [`super::phrase`]) knows exactly which prefixes
//! are alive and where each began, borders included; an Aho-Corasick automaton knows only the
//! longest, and not whether its left border holds. Since Latin terms start at words only, most
//! symbols of ordinary text touch no node at all, which also makes the walk the faster one.

use std::collections::BTreeMap;

use super::{Problem, SignalId};
use crate::text::{Class, Symbol, ViewKind, Views, symbols};

/// Symbols of the longest term; longer ones are sentences, and a window has to hold them.
pub(super) const MAX_TERM_SYMBOLS: usize = 128;

/// Letters that a trailing `*` stands for at most ("-ing", "-ation").
pub(super) const MAX_TAIL: u8 = 8;

/// Separators that may stand between two letters of a squeezed term.
pub(super) const MAX_SEPARATORS: u8 = 16;

/// White space that may stand for the space between two words of a term.
pub(super) const MAX_SPACES: u8 = 3;

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

/// One word or phrase of one signal.
#[derive(Debug)]
pub(super) struct Term {
    pub signal: SignalId,
    pub views: Views,
    /// As the policy has it, for the surface view.
    pub written: Box<str>,
    /// Class of its last symbol: a letter or digit wants a border after it.
    pub last: Class,
    /// Further letters that may follow.
    pub tail: u8,
}

impl Term {
    /// The first allowed reading in which something is found that this one shows: each reading
    /// shows all that the ones before it show.
    pub(super) fn view(&self, level: ViewKind) -> Option<ViewKind> {
        [ViewKind::Surface, ViewKind::Skeleton, ViewKind::Squeezed]
            .into_iter()
            .find(|&view| view >= level && self.views.has(view))
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Node {
    first: u32,
    outs: u32,
    children: u16,
    terms: u16,
    has: u8,
}

/// Terms before they are compiled.
#[derive(Debug, Default)]
pub(super) struct Words {
    entries: Vec<(Vec<Symbol>, Term)>,
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
        let last = last.class;
        let reach = reach(folded.len() as u32, tail, views);
        let term = Term {
            signal,
            views,
            written: written.into(),
            last,
            tail,
        };
        self.entries.push((folded, term));
        Ok(reach)
    }

    /// Compiles.
    pub(super) fn build(self) -> Lexicon {
        Lexicon::new(self.entries)
    }
}

fn reach(symbols: u32, tail: u8, views: Views) -> u32 {
    let gap = if views.has(ViewKind::Squeezed) {
        MAX_SEPARATORS
    } else {
        MAX_SPACES
    };
    symbols + (symbols - 1) * u32::from(gap) + u32::from(tail) + 1
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
    nodes: Vec<Node>,
    /// Parallel to `nodes`: the symbol that leads to it. Children of a node lie side by side.
    codes: Vec<u16>,
    outs: Vec<u32>,
    terms: Vec<Term>,
    roots: Vec<u32>,
    space: u16,
    leet: Vec<[u16; 2]>,
    pages: Vec<u16>,
    alphabet: Vec<[u16; 256]>,
}

/// What a leet sign may stand for.
const LEET: [(char, &str); 12] = [
    ('1', "il"),
    ('!', "il"),
    ('|', "il"),
    ('0', "o"),
    ('3', "e"),
    ('4', "a"),
    ('@', "a"),
    ('5', "s"),
    ('$', "s"),
    ('7', "t"),
    ('8', "b"),
    ('9', "g"),
];

impl Lexicon {
    fn new(mut entries: Vec<(Vec<Symbol>, Term)>) -> Self {
        entries.sort_by(|a, b| {
            let key = |entry: &(Vec<Symbol>, Term)| -> Vec<char> {
                entry.0.iter().map(|symbol| symbol.ch).collect()
            };
            key(a).cmp(&key(b)).then(a.1.signal.cmp(&b.1.signal))
        });
        let mut lexicon = Self {
            nodes: vec![Node::default()],
            codes: vec![0],
            outs: Vec::new(),
            terms: Vec::new(),
            roots: Vec::new(),
            space: 0,
            leet: vec![[0; 2]; 128],
            pages: vec![0; 0x11_0000 / 256],
            alphabet: vec![[0; 256]],
        };
        let classes = lexicon.number_symbols(&entries);
        let keys: Vec<Vec<u16>> = entries
            .iter()
            .map(|(symbols, _)| symbols.iter().map(|s| lexicon.code(s.ch)).collect())
            .collect();
        lexicon.terms = entries.into_iter().map(|entry| entry.1).collect();
        lexicon.grow(&keys, &classes);
        lexicon.roots = vec![0; classes.len()];
        let root = lexicon.nodes[0];
        for child in root.first..root.first + u32::from(root.children) {
            lexicon.roots[lexicon.codes[child as usize] as usize] = child;
        }
        lexicon
    }

    /// Gives every symbol of the terms a code, in the order of the characters, so that sorted
    /// terms are sorted codes. Returns the class of each code.
    fn number_symbols(&mut self, entries: &[(Vec<Symbol>, Term)]) -> Vec<Class> {
        let used: BTreeMap<char, Class> = entries
            .iter()
            .flat_map(|entry| entry.0.iter().map(|symbol| (symbol.ch, symbol.class)))
            .collect();
        let mut classes = vec![Class::Mark];
        for (&ch, &class) in &used {
            let code = u16::try_from(classes.len()).expect("fewer folded characters than 65,536");
            classes.push(class);
            let page = ch as usize / 256;
            if self.pages[page] == 0 {
                self.pages[page] = self.alphabet.len() as u16;
                self.alphabet.push([0; 256]);
            }
            self.alphabet[self.pages[page] as usize][ch as usize % 256] = code;
        }
        self.space = self.code(' ');
        for (sign, letters) in LEET {
            for (slot, letter) in letters.chars().enumerate() {
                self.leet[sign as usize][slot] = self.code(letter);
            }
        }
        classes
    }

    /// Grows the trie breadth first over the sorted keys.
    fn grow(&mut self, keys: &[Vec<u16>], classes: &[Class]) {
        let mut ranges = vec![(0, keys.len())];
        let mut depths = vec![0];
        let mut at = 0;
        while at < self.nodes.len() {
            let (mut from, to) = ranges[at];
            let depth = depths[at];
            let mut node = Node {
                first: self.nodes.len() as u32,
                outs: self.outs.len() as u32,
                ..Node::default()
            };
            let squeezed = |term: &Term| term.views.has(ViewKind::Squeezed);
            if self.terms[from..to].iter().any(squeezed) {
                node.has |= HAS_SQUEEZED;
            }
            while from < to && keys[from].len() == depth {
                self.outs.push(from as u32);
                node.terms = node.terms.saturating_add(1);
                node.has |= HAS_TERM;
                from += 1;
            }
            while from < to {
                let code = keys[from][depth];
                let same = keys[from..to].partition_point(|key| key[depth] == code);
                self.nodes.push(Node::default());
                self.codes.push(code);
                ranges.push((from, from + same));
                depths.push(depth + 1);
                node.children += 1;
                node.has |= match classes[code as usize] {
                    Class::Space => HAS_SPACE,
                    Class::Han => HAS_HAN,
                    Class::Letter | Class::Digit => HAS_LATIN,
                    _ => 0,
                };
                from += same;
            }
            self.nodes[at] = node;
            at += 1;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// The code of a symbol; 0 if no term has it.
    #[inline]
    pub(super) fn code(&self, ch: char) -> u16 {
        let page = self.pages[ch as usize / 256] as usize;
        self.alphabet[page][ch as usize % 256]
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

    /// The node for terms that begin with this symbol.
    #[inline]
    pub(super) fn root(&self, code: u16) -> Option<u32> {
        let node = self.roots[code as usize];
        (node != 0).then_some(node)
    }

    /// Where this symbol leads.
    #[inline]
    pub(super) fn child(&self, node: u32, code: u16) -> Option<u32> {
        if code == 0 {
            return None;
        }
        let node = self.nodes[node as usize];
        let first = node.first as usize;
        let codes = &self.codes[first..first + usize::from(node.children)];
        let at = match codes {
            [] => None,
            [one] => (*one == code).then_some(0),
            [..] if codes.len() <= 8 => codes.iter().position(|&c| c == code),
            _ => codes.binary_search(&code).ok(),
        };
        at.map(|at| node.first + at as u32)
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
        use std::mem::size_of;
        self.nodes.capacity() * (size_of::<Node>() + size_of::<u16>())
            + self.outs.capacity() * size_of::<u32>()
            + self
                .terms
                .iter()
                .map(|term| term.written.len() + size_of::<Term>())
                .sum::<usize>()
            + self.roots.capacity() * size_of::<u32>()
            + self.pages.capacity() * size_of::<u16>()
            + self.alphabet.capacity() * size_of::<[u16; 256]>()
    }
}
