//! [`Trie`]: grows a [`Lexicon`] from terms: the plain trie, the disguises beside its edges, and
//! everything laid out flat.

use std::collections::{BTreeMap, HashMap};

use super::alternatives::{self, Way};
use super::beginnings::Beginnings;
use super::lexicon::{
    Edge, HAS_HAN, HAS_HELD, HAS_LATIN, HAS_SPACE, HAS_SQUEEZED, HAS_TERM, Kind, Labels, Lexicon,
    Node, Term, Terms,
};
use super::places::Signs;
use super::sets::Sets;
use crate::text::readings::{Key, readings};
use crate::text::{Class, Symbol, ViewKind, Views};

/// What a leet sign may stand for.
const LEET: [(char, &str); 16] = [
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
    ('9', "gq"),
    ('2', "z"),
    ('6', "bg"),
    ('+', "t"),
    ('(', "c"),
];

/// A symbol or a reading that many symbols share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Label {
    /// A symbol.
    Char(char),
    /// A syllable.
    Syllable(Key),
    /// A shape class.
    Shape(Key),
    /// A syllable with what dialects merge merged.
    Fuzzy(Key),
    /// A Cantonese syllable.
    Jyutping(Key),
}

impl Label {
    fn class(self) -> Class {
        match self {
            Self::Char(c) => Class::of(c),
            _ => Class::Han,
        }
    }
}

/// A node while the trie grows.
#[derive(Debug)]
struct Draft {
    edges: Vec<(u16, Edge)>,
    terms: Vec<u32>,
    /// Of the terms below: the views of all together, the most Han in one, squeezed and held.
    views: Views,
    han: u8,
    has: u8,
}

impl Draft {
    fn new() -> Self {
        Self {
            edges: Vec::new(),
            terms: Vec::new(),
            views: Views::NONE,
            han: 0,
            has: 0,
        }
    }
}

/// A trie while it grows.
#[derive(Debug)]
pub(super) struct Trie {
    nodes: Vec<Draft>,
    codes: HashMap<Label, u16>,
    classes: Vec<Class>,
    /// By code: the symbol, if it is one.
    chars: Vec<Option<char>>,
}

impl Trie {
    /// The compiled lexicon of these terms, which are sorted by their symbols.
    pub(super) fn grow(entries: Terms, sets: &Sets) -> Lexicon {
        let mut trie = Self {
            nodes: vec![Draft::new()],
            codes: HashMap::new(),
            classes: vec![Class::Mark],
            chars: vec![None],
        };
        let mut ways: BTreeMap<u32, Vec<Way>> = BTreeMap::new();
        for (number, (symbols, term)) in (0..).zip(&entries) {
            let path = trie.plant(symbols, term, number, sets.holds(term.signals));
            if !term.turned {
                alternatives::emoji(symbols, term, &path, &mut ways);
            }
        }
        for node in 0..trie.nodes.len() as u32 {
            trie.disguise(node, &mut ways);
        }
        for (node, ways) in ways {
            trie.pave(node, ways, 0);
        }
        trie.flatten(entries.into_iter().map(|entry| entry.1).collect())
    }

    fn code(&mut self, label: Label) -> u16 {
        let next = self.classes.len();
        *self.codes.entry(label).or_insert_with(|| {
            self.classes.push(label.class());
            self.chars.push(match label {
                Label::Char(c) => Some(c),
                _ => None,
            });
            u16::try_from(next).expect("fewer folded characters and readings than 65,536")
        })
    }

    /// Adds a term to the plain trie; returns the nodes on its way, the root first.
    fn plant(&mut self, symbols: &[Symbol], term: &Term, number: u32, held: bool) -> Vec<u32> {
        let mut has = 0;
        if term.views.has(ViewKind::Squeezed) {
            has |= HAS_SQUEEZED;
        }
        if held {
            has |= HAS_HELD;
        }
        let mut path = vec![0_u32];
        for symbol in symbols {
            let at = path[path.len() - 1];
            let code = self.code(Label::Char(symbol.ch));
            // Terms come sorted, so a shared prefix is the newest edge.
            let known = self.nodes[at as usize].edges.last();
            let to = match known.filter(|edge| edge.0 == code) {
                Some(edge) => edge.1.to,
                None => self.edge(at, code, Kind::Exact),
            };
            path.push(to);
        }
        for &node in &path {
            let node = &mut self.nodes[node as usize];
            node.views = node.views | term.views;
            node.han = node.han.max(if term.turned { 0 } else { term.han });
            node.has |= has;
        }
        let last = path[path.len() - 1];
        self.nodes[last as usize].terms.push(number);
        path
    }

    /// A new node, entered from `at` by this code.
    fn edge(&mut self, at: u32, code: u16, kind: Kind) -> u32 {
        let to = self.nodes.len() as u32;
        self.nodes.push(Draft::new());
        self.nodes[at as usize]
            .edges
            .push((code, Edge { to, kind }));
        to
    }

    /// Sets the disguises of each Han beside the edges of a node.
    fn disguise(&mut self, node: u32, ways: &mut BTreeMap<u32, Vec<Way>>) {
        let edges = self.nodes[node as usize].edges.iter();
        let han: Vec<(char, u32)> = edges
            .filter(|(_, edge)| edge.kind == Kind::Exact)
            .filter_map(|(code, edge)| Some((self.chars[usize::from(*code)]?, edge.to)))
            .collect();
        for (c, to) in han {
            let below = &self.nodes[to as usize];
            // A single Han has too many that sound or look like it.
            if Class::of(c) != Class::Han || below.han < 2 {
                continue;
            }
            let views = below.views;
            for (label, kind) in alternatives::labels(c, views) {
                let code = self.code(label);
                self.nodes[node as usize]
                    .edges
                    .push((code, Edge { to, kind }));
            }
            let spelled = alternatives::ways(c, to, views);
            if !spelled.is_empty() {
                ways.entry(node).or_default().extend(spelled);
            }
        }
    }

    /// Paves ways of several symbols from a node, those with a common beginning together.
    fn pave(&mut self, node: u32, mut ways: Vec<Way>, depth: usize) {
        ways.sort();
        ways.dedup();
        let mut rest = ways.as_slice();
        while let Some(first) = rest.first() {
            let label = first.path[depth];
            let same = rest.partition_point(|way| way.path[depth] <= label);
            let (group, others) = rest.split_at(same);
            rest = others;
            let code = self.code(label);
            let (ending, longer): (Vec<Way>, Vec<Way>) = group
                .iter()
                .cloned()
                .partition(|way| way.path.len() == depth + 1);
            for Way { to, kind, .. } in ending {
                self.nodes[node as usize]
                    .edges
                    .push((code, Edge { to, kind }));
            }
            if longer.is_empty() {
                continue;
            }
            let between = self.edge(node, code, Kind::Path);
            let has = longer.iter().fold(0, |has, way| {
                has | self.nodes[way.to as usize].has & (HAS_SQUEEZED | HAS_HELD)
            });
            self.nodes[between as usize].has = has;
            self.pave(between, longer, depth + 1);
        }
    }

    /// Lays everything out flat.
    fn flatten(mut self, terms: Vec<Term>) -> Lexicon {
        let space = self.codes.get(&Label::Char(' ')).copied().unwrap_or(0);
        let mut lexicon = Lexicon {
            nodes: Vec::with_capacity(self.nodes.len()),
            codes: Vec::new(),
            edges: Vec::new(),
            outs: Vec::new(),
            terms,
            roots: vec![(0, 0); self.classes.len()],
            space,
            leet: vec![[0; 2]; 128],
            pages: vec![0; 0x11_0000 / 256],
            labels: vec![[Labels::default(); 256]],
            keys: Vec::new(),
            beginnings: Beginnings::default(),
            signs: Signs::default(),
        };
        for draft in &mut self.nodes {
            draft.edges.sort_unstable();
            draft.edges.dedup();
            let mut node = Node {
                first: lexicon.edges.len() as u32,
                outs: lexicon.outs.len() as u32,
                edges: u16::try_from(draft.edges.len()).unwrap_or(u16::MAX),
                terms: u16::try_from(draft.terms.len()).unwrap_or(u16::MAX),
                has: draft.has,
            };
            for (code, edge) in &draft.edges {
                lexicon.codes.push(*code);
                lexicon.edges.push(*edge);
                node.has |= match self.classes[usize::from(*code)] {
                    _ if *code == space => HAS_SPACE,
                    Class::Han => HAS_HAN,
                    Class::Letter | Class::Digit => HAS_LATIN,
                    _ => 0,
                };
            }
            if !draft.terms.is_empty() {
                node.has |= HAS_TERM;
            }
            lexicon.outs.extend(&draft.terms);
            lexicon.nodes.push(node);
        }
        self.label(&mut lexicon);
        lexicon.beginnings = Beginnings::of(&lexicon, &self.classes);
        lexicon.signs = Signs::of(&lexicon);
        lexicon
    }

    /// Fills in by which codes each symbol enters edges.
    fn label(&self, lexicon: &mut Lexicon) {
        let root = lexicon.nodes[0];
        for at in root.first..root.first + u32::from(root.edges) {
            let (first, count) = &mut lexicon.roots[usize::from(lexicon.codes[at as usize])];
            if *count == 0 {
                *first = at;
            }
            *count += 1;
        }
        let code = |label| self.codes.get(&label).copied().unwrap_or(0);
        for (sign, letters) in LEET {
            for (slot, letter) in letters.chars().enumerate() {
                lexicon.leet[sign as usize][slot] = code(Label::Char(letter));
            }
        }
        for (label, &code) in &self.codes {
            if let Label::Char(c) = label {
                labels_of(lexicon, *c).exact = code;
            }
        }
        // Without lossy views nothing but the symbols themselves is ever entered.
        if !self.chars.iter().skip(1).all(Option::is_some) {
            self.label_readings(lexicon);
        }
        for page in &mut lexicon.labels {
            page.iter_mut().for_each(Labels::seal);
        }
        let key = |(code, ch): (u16, &Option<char>)| {
            let read = ch.map(|ch| lexicon.labels(ch).keys[0]);
            read.unwrap_or(code)
        };
        lexicon.keys = (0..).zip(&self.chars).map(key).collect();
    }

    /// Fills in the readings of each Han.
    fn label_readings(&self, lexicon: &mut Lexicon) {
        let code = |label| self.codes.get(&label).copied().unwrap_or(0);
        for (c, keys) in readings().all() {
            let found = Labels {
                exact: code(Label::Char(c)),
                syllable: code(Label::Syllable(keys.syllable)),
                second: code(Label::Syllable(keys.second)),
                shape: code(Label::Shape(keys.shape)),
                fuzzy: code(Label::Fuzzy(keys.fuzzy)),
                jyutping: code(Label::Jyutping(keys.jyutping)),
                ..Labels::default()
            };
            if found.all().next().is_some() {
                *labels_of(lexicon, c) = found;
            }
        }
    }
}

fn labels_of(lexicon: &mut Lexicon, c: char) -> &mut Labels {
    let page = &mut lexicon.pages[c as usize / 256];
    if *page == 0 {
        *page = lexicon.labels.len() as u16;
        lexicon.labels.push([Labels::default(); 256]);
    }
    &mut lexicon.labels[usize::from(*page)][c as usize % 256]
}
