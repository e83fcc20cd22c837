//! Reviewed texts by name, in every language, and what stands in place of a redacted span.

use std::collections::BTreeMap;

use super::file::{Localised, Reply};
use crate::message::{Band, Language};

/// What stands in place of a redacted span if a rule does not say. It holds letters, so that the
/// text left and right of it never joins up to a new phrase.
pub(super) const REMOVED: (&str, &str) = ("[removed]", "[已移除]");

/// What stands in place of what no rule has a replacement for.
pub const fn removed(language: Language) -> &'static str {
    match language {
        Language::En => REMOVED.0,
        Language::Zh => REMOVED.1,
    }
}

/// A text in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    en: String,
    zh: String,
    /// For children under 8.
    young: Option<Box<Template>>,
    /// For 14 to 17.
    teen: Option<Box<Template>>,
}

impl Template {
    /// Of both texts.
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self {
            en: en.into().trim().to_owned(),
            zh: zh.into().trim().to_owned(),
            young: None,
            teen: None,
        }
    }

    /// Of a reply with its texts for some ages.
    pub(super) fn of(reply: &Reply) -> Self {
        let other = |text: &Option<Localised>| {
            let text = text.as_ref();
            text.map(|text| Box::new(Self::new(&*text.en, &*text.zh)))
        };
        Self {
            young: other(&reply.young),
            teen: other(&reply.teen),
            ..Self::new(&*reply.en, &*reply.zh)
        }
    }

    /// The text for an age: a band without one of its own gets the text for everybody.
    pub fn for_band(&self, band: Band) -> &Self {
        let own = match band {
            Band::Age0 | Band::Age3 => &self.young,
            Band::Age14 | Band::Age16 => &self.teen,
            Band::Age8 | Band::Age12 | Band::Adult | Band::Unknown => &None,
        };
        own.as_deref().unwrap_or(self)
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

    /// The first text of a reply that lacks a language, and which.
    pub(super) fn reply_lacks(reply: &Reply) -> Option<(&'static str, &'static str)> {
        let Reply {
            en,
            zh,
            young,
            teen,
        } = reply;
        let everybody = Localised {
            en: en.clone(),
            zh: zh.clone(),
        };
        let all = [
            ("", Some(&everybody)),
            ("young", young.as_ref()),
            ("teen", teen.as_ref()),
        ];
        let mut lacking = all
            .into_iter()
            .filter_map(|(age, text)| Some((age, Self::lacks(text?)?)));
        lacking.next()
    }
}

/// Every reply of every file.
#[derive(Debug, Default)]
pub(super) struct Replies(pub BTreeMap<String, Template>);

#[cfg(test)]
mod tests {
    use super::super::{RuleIx, Source, compile};
    use crate::message::{Band, Language};

    fn source(young: &str) -> Source {
        let text = format!(
            "policy: garden\ntitle: {{en: Garden, zh: 菜园}}\nsignals:\n  leek: {{words: [leek]}}\n\
             replies:\n  refusal.leek: {{en: No leeks today., zh: 今天没有韭菜。, {young}}}\n\
             rules:\n  - {{id: ACME-010, title: t, status: stable, level: 1, severity: 2, when: leek, action: block, \
             reply: refusal.leek, false_positives: [soup]}}\n"
        );
        Source {
            path: "garden.yaml".into(),
            text,
            shipped: false,
        }
    }

    #[test]
    fn a_reply_speaks_to_the_readers_age() {
        let set = compile(
            &[source(
                "young: {en: Not now., zh: 现在不行。}, teen: {en: None., zh: 没有。}",
            )],
            &[],
        );
        let set = set.unwrap_or_else(|all| panic!("{all}"));
        let said = Band::NAMES.map(|(band, _)| set.reply_for(RuleIx(0), Language::En, band));
        let (young, all, teen) = ("Not now.", "No leeks today.", "None.");
        assert_eq!(said, [young, young, all, all, teen, teen, all, all]);
        assert_eq!(
            set.reply_for(RuleIx(0), Language::Zh, Band::Age3),
            "现在不行。"
        );
        assert_eq!(set.reply(RuleIx(0), Language::En), all);
    }

    #[test]
    fn a_text_for_an_age_has_every_language() {
        let said = compile(&[source("young: {en: Not now.}")], &[]);
        let said = said.expect_err("zh is missing").to_string();
        assert!(
            said.contains("reply `refusal.leek` lacks `young.zh`"),
            "{said}"
        );
    }
}
