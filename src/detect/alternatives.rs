//! What a disguise writes in the place of a Han or of a word: the edges that the lexicon grows
//! beside the plain ones. The text is folded only where many forms have one reading; where one
//! form has many, the lexicon is expanded (`reference/evasion.md`, section 2: merging split
//! characters in the text fires 3,000 times per million characters, expanding terms 0.002 times).

use std::collections::BTreeMap;

use super::lexicon::{Kind, Term};
use super::trie::Label;
use crate::text::readings::{Key, readings};
use crate::text::{Class, Symbol, ViewKind, Views};

/// A way around edges of the trie: what is written instead, where it leads, and how.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Way {
    pub path: Vec<Label>,
    pub to: u32,
    pub kind: Kind,
}

/// Symbols of a term that one emoji stands for at most.
const MAX_NAMED: usize = 24;

/// Letters, a Han counting for two, of a keyword that says clearly what an emoji means.
const MIN_KEYWORD: usize = 4;

/// Han whose sound one emoji stands for at most.
const MAX_PUN: usize = 2;

/// Shared readings by which a Han may be entered, of the views that are looked in.
pub(super) fn labels(c: char, views: Views) -> Vec<(Label, Kind)> {
    let keys = readings().keys(c);
    let mut labels = Vec::new();
    let mut add = |view, key: Key, label: fn(Key) -> Label, kind| {
        if key != 0 && views.has(view) {
            labels.push((label(key), kind));
        }
    };
    add(
        ViewKind::Pinyin,
        keys.syllable,
        Label::Syllable,
        Kind::Syllable,
    );
    add(
        ViewKind::Pinyin,
        keys.second,
        Label::Syllable,
        Kind::Syllable,
    );
    add(ViewKind::Shape, keys.shape, Label::Shape, Kind::Shape);
    add(ViewKind::Fuzzy, keys.fuzzy, Label::Fuzzy, Kind::Fuzzy);
    add(ViewKind::Fuzzy, keys.jyutping, Label::Jyutping, Kind::Fuzzy);
    labels
}

/// Ways of several symbols around one Han: its pinyin in letters and its parts.
pub(super) fn ways(c: char, to: u32, views: Views) -> Vec<Way> {
    let readings = readings();
    let keys = readings.keys(c);
    let mut ways = Vec::new();
    let mut add = |text: &str, kind| {
        let path: Vec<Label> = text.chars().map(Label::Char).collect();
        if !path.is_empty() {
            ways.push(Way { path, to, kind });
        }
    };
    if views.has(ViewKind::Pinyin) {
        for key in [keys.syllable, keys.second] {
            let spelling = readings.spelling(key);
            add(spelling, Kind::Spelled);
            if spelling.contains('v') {
                add(&spelling.replace('v', "u"), Kind::Spelled);
            }
        }
    }
    if views.has(ViewKind::Shape) {
        for parts in readings.splits(c) {
            add(parts, Kind::Split);
        }
    }
    ways
}

/// Ways around parts of a term by emoji: of that name, or whose name sounds like it.
pub(super) fn emoji(
    symbols: &[Symbol],
    term: &Term,
    path: &[u32],
    ways: &mut BTreeMap<u32, Vec<Way>>,
) {
    if !term.views.has(ViewKind::Emoji) {
        return;
    }
    for from in 0..symbols.len() {
        for to in from + 1..=symbols.len().min(from + MAX_NAMED) {
            if !is_unit(symbols, from, to) {
                continue;
            }
            let part = &symbols[from..to];
            for (emoji, kind) in named(part).chain(sounding(part)) {
                ways.entry(path[from]).or_default().push(Way {
                    path: emoji.chars().map(Label::Char).collect(),
                    to: path[to],
                    kind,
                });
            }
        }
    }
}

/// Whether the part does not cut a Latin word.
fn is_unit(symbols: &[Symbol], from: usize, to: usize) -> bool {
    let cut = |at: usize| {
        at > 0
            && at < symbols.len()
            && symbols[at - 1].class.is_latin()
            && symbols[at].class.is_latin()
    };
    let white = |at: usize| symbols[at].class.is_white();
    !cut(from) && !cut(to) && !white(from) && !white(to - 1)
}

fn named(part: &[Symbol]) -> impl Iterator<Item = (&'static str, Kind)> {
    let name: String = part.iter().map(|symbol| symbol.ch).collect();
    let named = readings().named(&name).iter();
    named.map(move |named| {
        // Keywords of one Han or three letters belong to too many emoji.
        let width: usize = part
            .iter()
            .map(|s| if s.class == Class::Han { 2 } else { 1 })
            .sum();
        let clear = named.short || width >= MIN_KEYWORD;
        (&*named.emoji, if clear { Kind::Emoji } else { Kind::Pun })
    })
}

fn sounding(part: &[Symbol]) -> impl Iterator<Item = (&'static str, Kind)> {
    let fits = part.len() <= MAX_PUN && part.iter().all(|symbol| symbol.class == Class::Han);
    let syllables: Vec<Key> = part
        .iter()
        .map(|symbol| readings().keys(symbol.ch).syllable)
        .filter(|&key| fits && key != 0)
        .collect();
    let sounding = match syllables.len() == part.len() {
        true => readings().sounding(&syllables),
        false => &[],
    };
    sounding.iter().map(|emoji| (&**emoji, Kind::Pun))
}
