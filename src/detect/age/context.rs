//! [`Context`]: the text around a number, read as far as it is there.

use super::LEFT;

/// Letters of the longest word that a guard knows, and a few more.
const MAX_WORD: usize = 16;

/// How far an attempt to read something came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look<T> {
    /// It is there.
    Yes(T),
    /// It is not.
    No,
    /// The text so far does not say.
    More,
}

/// The text around a number.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub left: &'a [char],
    /// From the first symbol of the number on.
    pub text: &'a [char],
    /// Whether nothing more will be seen.
    pub ended: bool,
}

impl Context<'_> {
    /// One past the run of these characters, at most `most` of them.
    pub fn skip(self, at: usize, chars: &[char], most: usize) -> usize {
        let run = self.text[at.min(self.text.len())..].iter();
        at + run.take(most).take_while(|c| chars.contains(c)).count()
    }

    /// The longest of the literals at this place.
    pub fn any(self, at: usize, literals: &[&str]) -> Look<usize> {
        let rest = &self.text[at.min(self.text.len())..];
        let mut best = Look::No;
        for literal in literals {
            let same = rest.iter().copied().zip(literal.chars());
            if !same.clone().all(|(a, b)| a == b) {
                continue;
            }
            let length = literal.chars().count();
            if rest.len() < length {
                if !self.ended {
                    return Look::More;
                }
            } else if !matches!(best, Look::Yes(end) if end >= at + length) {
                best = Look::Yes(at + length);
            }
        }
        best
    }

    /// The longest of the literals, as whole words.
    pub fn word(self, at: usize, literals: &[&str]) -> Look<usize> {
        match self.any(at, literals) {
            Look::Yes(end) => match self.text.get(end) {
                None if !self.ended => Look::More,
                Some(c) if c.is_ascii_alphanumeric() => Look::No,
                _ => Look::Yes(end),
            },
            other => other,
        }
    }

    /// The next Latin word after one space or hyphen, with its end.
    pub fn next_word(self, at: usize) -> Look<(Letters, usize)> {
        let from = self.skip(at, &[' ', '-'], 1);
        let word = Letters::of(&self.text[from.min(self.text.len())..], MAX_WORD);
        let end = from + word.length;
        if end >= self.text.len() && !self.ended {
            return Look::More;
        }
        if word.length == 0 || from == at {
            return Look::No;
        }
        Look::Yes((word, end))
    }
}

/// The letters of ASCII that a text begins with: no text costs an allocation for being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Letters {
    letters: [u8; LEFT],
    pub length: usize,
}

impl Letters {
    /// At most so many of them.
    pub fn of(text: &[char], most: usize) -> Self {
        let mut letters = [0; LEFT];
        let own = text.iter().take(most.min(LEFT));
        let length = own.take_while(|c| c.is_ascii_alphabetic()).count();
        for (slot, c) in letters.iter_mut().zip(&text[..length]) {
            *slot = *c as u8;
        }
        Self { letters, length }
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.letters[..self.length]).expect("letters of ASCII")
    }
}

pub(super) fn starts_any(text: &[char], literals: &[&str]) -> bool {
    literals.iter().any(|literal| {
        literal.chars().count() <= text.len() && literal.chars().zip(text).all(|(a, b)| a == *b)
    })
}
