//! What can be seen in a view: phrases, patterns, ages, contacts, meanings. No notion of good or bad.
//!
//! [`Builder`] takes the signals of all policies and builds one immutable [`Detectors`];
//! a [`Scanner`] reads one text through it, piece by piece, and reports [`Hit`]s.
//!
//! Laws (each has a property test):
//! * What is reported, and in which order, depends on the text alone, never on how it was cut.
//! * Text before [`Scanner::settled`] can no longer become part of an unreported hit.
//! * A hit's span holds exactly the bytes of the original that spell it, disguise included.

mod address;
mod age;
mod align;
mod alternatives;
mod beginnings;
mod builder;
mod cloaking;
mod contact;
mod doubt;
mod endings;
mod gap;
mod glance;
mod grid;
mod image;
mod lane;
mod lexicon;
mod meaning;
#[cfg(test)]
mod meaning_tests;
mod opening;
mod opinion;
mod pattern;
mod phrase;
mod places;
mod regex;
mod scanner;
mod seconds;
mod sentences;
mod sets;
mod side;
mod starts;
mod table;
mod thread;
mod trie;
mod window;
mod word;

pub use builder::{Builder, Detectors};
pub use cloaking::Cloaking;
pub use glance::{Glance, windows};
pub use image::Look;
pub use meaning::Hold;
pub use opinion::{Opinion, Scores, Silent, Source, joined};
pub use regex::{Prepared, prepare};
pub use scanner::Scanner;
pub use sentences::Sentences;
pub use sets::SignalSet;

use crate::message::Language;
use crate::text::fold::han_share;
use crate::text::{Span, ViewKind};

/// A signal's number within one [`Detectors`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SignalId(pub u32);

/// Signals seen in a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// What was looked for: every signal that these words belong to ([`Detectors::signals`]).
    pub signals: SignalSet,
    /// Where it is: bytes of the original.
    pub span: Span,
    /// The same place in skeleton symbols, counted from the start of the text: distances between
    /// hits are measured in these, so that padding with invisible characters buys nothing.
    pub from: u32,
    /// One past the last skeleton symbol.
    pub to: u32,
    /// The reading in which it was found first.
    pub view: ViewKind,
    /// 1.0 for a literal match; a probability for a classifier.
    pub score: f32,
    /// The number of skeleton symbols of the text that had to be seen before the hit was certain
    /// (its end plus the right context its kind looks at, or the text's length at its end).
    /// Hits are reported in order of `(ripe, to, from, signals, span)`; those that only the end of the
    /// text makes certain come after all others, in the same order.
    pub ripe: u32,
}

/// Ways to reach somebody outside the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContactKind {
    /// A phone number.
    Phone,
    /// An e-mail address.
    Email,
    /// A link or bare domain.
    Link,
    /// A handle or number for a named messenger ("加V abc123", "QQ 12345678", "snap: name").
    Handle,
}

/// Why a signal cannot be compiled; the policy compiler adds the place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, in words for a policy author.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl Problem {
    pub(crate) fn new(message: impl Into<String>, help: Option<&str>) -> Self {
        Self {
            message: message.into(),
            help: help.map(str::to_owned),
        }
    }
}

/// The language a text is mostly written in: Chinese if at least 30 % of its letters are Han.
/// A text without letters counts as English.
pub fn language(text: &str) -> Language {
    if han_share(text).is_some_and(|share| share >= HAN_PERCENT) {
        Language::Zh
    } else {
        Language::En
    }
}

/// A Han says as much as three Latin letters, so far less than half is already the main language.
const HAN_PERCENT: u32 = 30;
