//! [`Endings`]: which literal of a list a text ends with, by one anchored aho-corasick automaton
//! over the literals written backwards.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, Anchored, Input, MatchKind, StartKind};

/// Bytes before the end that are looked at; the longest literal has 17.
const MOST_BYTES: usize = 48;

/// A list of literals, compiled at first use.
#[derive(Debug)]
pub(super) struct Endings {
    literals: &'static [&'static str],
    automaton: OnceLock<AhoCorasick>,
    /// Their last symbols, hashed to a bit each: most texts end otherwise.
    lasts: OnceLock<u64>,
}

impl Endings {
    /// The endings of a list, none of which is longer than what is looked at: else it does not compile.
    pub(super) const fn of(literals: &'static [&'static str]) -> Self {
        let mut at = 0;
        while at < literals.len() {
            assert!(literals[at].len() <= MOST_BYTES);
            at += 1;
        }
        Self {
            literals,
            automaton: OnceLock::new(),
            lasts: OnceLock::new(),
        }
    }

    /// Whether the text ends with one of them.
    pub(super) fn end(&self, text: &[char]) -> bool {
        self.find(text).is_some()
    }

    /// The text without the ending, if it has one; of several the first of the list.
    pub(super) fn strip<'t>(&self, text: &'t [char]) -> Option<&'t [char]> {
        let literal = self.find(text)?;
        Some(&text[..text.len() - literal.chars().count()])
    }

    /// The first literal of the list with which the text ends, on a word border if it begins with a
    /// Latin letter.
    fn find(&self, text: &[char]) -> Option<&'static str> {
        if self.lasts() & last_bit(*text.last()?) == 0 {
            return None;
        }
        let automaton = self.automaton();
        let mut backwards = [0; MOST_BYTES + 4];
        let mut length = 0;
        for c in text.iter().rev() {
            length += c.encode_utf8(&mut backwards[length..]).len();
            if length >= MOST_BYTES {
                break;
            }
        }
        let input = Input::new(&backwards[..length]).anchored(Anchored::Yes);
        let first = automaton.find(input)?.pattern().as_usize();
        // Nearly always the first match stands on its border; only if not, later literals count.
        let rest = self.literals[first..].iter().copied();
        rest.filter(|literal| ends(text, literal))
            .find(|literal| borders(text, literal))
    }

    fn lasts(&self) -> u64 {
        *self.lasts.get_or_init(|| {
            let lasts = self.literals.iter().filter_map(|one| one.chars().last());
            lasts.fold(0, |bits, last| bits | last_bit(last))
        })
    }

    fn automaton(&self) -> &AhoCorasick {
        self.automaton.get_or_init(|| {
            let backwards = self
                .literals
                .iter()
                .map(|literal| -> String { literal.chars().rev().collect() });
            AhoCorasick::builder()
                .start_kind(StartKind::Anchored)
                .match_kind(MatchKind::LeftmostFirst)
                .build(backwards)
                .expect("a few dozen short literals")
        })
    }
}

/// The bit of a last symbol.
fn last_bit(symbol: char) -> u64 {
    1 << ((symbol as u32).wrapping_mul(0x9E37_79B1) >> 26)
}

/// Whether the text ends with the literal.
fn ends(text: &[char], literal: &str) -> bool {
    let mut backwards = text.iter().rev();
    literal.chars().rev().all(|c| backwards.next() == Some(&c))
}

/// Whether the text may end with the literal here: a Latin word begins where a word begins.
fn borders(text: &[char], literal: &str) -> bool {
    let from = text.len() - literal.chars().count();
    !literal.starts_with(|c: char| c.is_ascii_alphabetic())
        || from == 0
        || !text[from - 1].is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    static WORDS: Endings = Endings::of(&["aged", "age", "才", "is "]);

    fn strip(text: &str) -> Option<String> {
        let text: Vec<char> = text.chars().collect();
        WORDS.strip(&text).map(|rest| rest.iter().collect())
    }

    #[test]
    fn an_ending_is_taken_on_a_word_border() {
        assert_eq!(strip("she is aged"), Some("she is ".to_owned()));
        assert_eq!(strip("teenage"), None);
        assert_eq!(strip("他才"), Some("他".to_owned()));
        assert_eq!(strip("this "), None);
        assert_eq!(strip(""), None);
    }
}
