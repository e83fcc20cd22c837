//! Whether a candidate begins and ends where words do: a short window of the text around it is
//! segmented by jieba.

use std::collections::HashSet;
use std::sync::OnceLock;

use jieba_rs::Jieba;

use super::lexicon::MAX_SPACES;
use super::window::{Seen, Window};
use crate::text::Class;

/// Symbols before a candidate that are segmented with it.
const LEFT: u32 = 10;

/// The dictionary, loaded at first use (some 0.1 s); [`warm`] does so before the first text comes.
fn jieba() -> &'static Jieba {
    static JIEBA: OnceLock<Jieba> = OnceLock::new();
    JIEBA.get_or_init(Jieba::new)
}

/// Loads the dictionary that lossy readings are checked with, so that no text waits for it.
pub(super) fn warm() {
    jieba();
}

/// Whether symbols `from..to` begin and end where words do. Only symbols before `seen` are looked at.
pub(super) fn is_aligned(from: u32, to: u32, window: Window<'_>, seen: u32) -> bool {
    let mut text = String::new();
    let (mut begins, mut ends) = (0, 0);
    for index in stretch(from, window)..seen {
        if index == from {
            begins = text.len();
        }
        if index == to {
            ends = text.len();
        }
        match window.get(index) {
            Some(seen) if seen.symbol.class == Class::Han => text.push(seen.symbol.ch),
            Some(seen) if index >= from && index < to => text.push(seen.symbol.ch),
            _ if index >= to => break,
            _ => {}
        }
    }
    if ends == 0 {
        ends = text.len();
    }
    let (mut at, mut begun, mut ended) = (0, begins == 0, false);
    for token in jieba().cut(&text, false) {
        at += token.word.len();
        begun |= at == begins;
        ended |= at == ends;
    }
    begun && ended
}

/// Where the run of Han that leads to the candidate begins.
fn stretch(from: u32, window: Window<'_>) -> u32 {
    let mut first = from;
    while first > 0
        && from - first < LEFT
        && window
            .get(first - 1)
            .is_some_and(|seen| seen.symbol.class == Class::Han)
    {
        first -= 1;
    }
    first
}

/// Whether symbols `from..to` are a word of the dictionary.
pub(super) fn is_word(from: u32, to: u32, window: Window<'_>) -> bool {
    let symbols = (from..to).filter_map(|index| window.get(index));
    let text: String = symbols.map(|seen| seen.symbol.ch).collect();
    jieba().has_word(&text)
}

/// Whether symbols `from..to`, pinyin in letters, stand beside Han: whoever writes Chinese types a word in
/// letters to hide it, or because it is none. Words that are English, too, stand for themselves.
pub(super) fn is_among(from: u32, to: u32, window: Window<'_>) -> bool {
    let spaces = u32::from(MAX_SPACES) + 1;
    let before = (from.saturating_sub(spaces)..from).rev();
    let beside = [beside(before, window), beside(to..to + spaces, window)];
    let symbols = (from..to).filter_map(|index| window.get(index));
    beside.contains(&Some(Class::Han)) && !is_english(symbols)
}

/// The class of the first of these symbols that is no white space.
fn beside(mut symbols: impl Iterator<Item = u32>, window: Window<'_>) -> Option<Class> {
    let class = |index| window.get(index).map(|seen| seen.symbol.class);
    symbols.find_map(|index| class(index).filter(|class| !class.is_white()))
}

/// Whether letters are an English word that two syllables of pinyin spell, too.
fn is_english<'s>(symbols: impl Iterator<Item = &'s Seen>) -> bool {
    static WORDS: OnceLock<HashSet<&str>> = OnceLock::new();
    let words = WORDS.get_or_init(|| {
        let lines = include_str!("../tables/pinyin-words.txt").lines();
        let lines = lines.filter(|line| !line.starts_with('#'));
        lines.flat_map(str::split_ascii_whitespace).collect()
    });
    let word: String = symbols.map(|seen| seen.symbol.ch).collect();
    words.contains(word.as_str())
}
