//! Reviewed texts by name, in every language, and what stands in place of a redacted span.

use std::collections::BTreeMap;

use super::file::Localised;
use crate::message::Language;

/// What stands in place of a redacted span if a rule does not say. It holds letters, so that the
/// text left and right of it never joins up to a new phrase.
pub(super) const REMOVED: (&str, &str) = ("[removed]", "[已移除]");

/// A text in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    en: String,
    zh: String,
}

impl Template {
    /// Of both texts.
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self {
            en: en.into().trim().to_owned(),
            zh: zh.into().trim().to_owned(),
        }
    }

    /// The text in a language.
    pub fn text(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Zh => &self.zh,
        }
    }

    /// Whether both texts keep neighbours apart: each holds a letter or Han.
    pub(super) fn separates(&self) -> bool {
        [&self.en, &self.zh]
            .into_iter()
            .all(|text| text.chars().any(char::is_alphabetic))
    }

    /// The first language without a text, by its key.
    pub(super) fn lacks(texts: &Localised) -> Option<&'static str> {
        let both = [("en", &texts.en), ("zh", &texts.zh)];
        both.into_iter()
            .find(|(_, text)| text.trim().is_empty())
            .map(|(key, _)| key)
    }
}

/// Every reply of every file.
#[derive(Debug, Default)]
pub(super) struct Replies(pub BTreeMap<String, Template>);
