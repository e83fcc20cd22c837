//! What a reply leaves open for the region it is said in: `{help}`, `{danger}` and their like.
//!
//! A number stands in one place, the region's support pack, with its source and the day of its last
//! check. A reply only says what is needed there; without a number it says so in words.

use serde::Deserialize;

use crate::message::Language;

/// What a help line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Children who need somebody to talk to.
    Help,
    /// Thoughts of suicide, despair.
    Crisis,
    /// Somebody is in danger now.
    Danger,
    /// Money that is about to be lost.
    Fraud,
    /// Unlawful content.
    Report,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 5] = [
        Self::Help,
        Self::Crisis,
        Self::Danger,
        Self::Fraud,
        Self::Report,
    ];

    /// How replies write it.
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Help => "{help}",
            Self::Crisis => "{crisis}",
            Self::Danger => "{danger}",
            Self::Fraud => "{fraud}",
            Self::Report => "{report}",
        }
    }

    /// What is said where no line is known.
    const fn words(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::En, Self::Help) => "a child helpline in your country",
            (Language::En, Self::Crisis) => "a crisis line in your country",
            (Language::En, Self::Danger) => "your local emergency number",
            (Language::En, Self::Fraud) => "the police",
            (Language::En, Self::Report) => "the reporting line of your country",
            (Language::Zh, Self::Help) => "当地的青少年热线",
            (Language::Zh, Self::Crisis) => "当地的心理援助热线",
            (Language::Zh, Self::Danger) => "当地的紧急电话",
            (Language::Zh, Self::Fraud) => "当地的反诈热线",
            (Language::Zh, Self::Report) => "当地的网络举报电话",
        }
    }
}

/// What stands for each purpose, in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Helplines {
    /// In the order of [`Purpose::ALL`].
    said: [String; Purpose::ALL.len()],
}

impl Helplines {
    /// Of known lines, best first; several of one purpose are joined.
    pub fn new(language: Language, known: &[(Purpose, &str)]) -> Self {
        let or = match language {
            Language::En => " or ",
            Language::Zh => "、",
        };
        let said = Purpose::ALL.map(|purpose| {
            let own = known.iter().filter(|(of, _)| *of == purpose);
            let own: Vec<_> = own.map(|(_, reach)| *reach).collect();
            match own.is_empty() {
                true => purpose.words(language).to_owned(),
                false => own.join(or),
            }
        });
        Self { said }
    }

    /// A reply with its marks filled in.
    pub fn fill(&self, reply: &str) -> String {
        let all = Purpose::ALL.iter().zip(&self.said);
        all.fold(reply.to_owned(), |text, (purpose, said)| {
            text.replace(purpose.mark(), said)
        })
    }
}

impl Default for Helplines {
    /// No line is known, for readers of English.
    fn default() -> Self {
        Self::new(Language::En, &[])
    }
}

/// The first mark of a text that stands for nothing: `{helpp}`.
pub(super) fn unknown_mark(text: &str) -> Option<&str> {
    let marks = text.match_indices('{').filter_map(|(start, _)| {
        let end = text[start..].find('}')?;
        Some(&text[start..=start + end])
    });
    let known = |mark: &str| Purpose::ALL.iter().any(|purpose| purpose.mark() == mark);
    marks.into_iter().find(|mark| !known(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_filled_with_the_lines_of_a_region_or_with_words() {
        let lines = Helplines::new(
            Language::Zh,
            &[
                (Purpose::Danger, "000"),
                (Purpose::Danger, "001"),
                (Purpose::Help, "002"),
            ],
        );
        assert_eq!(
            lines.fill("可以拨打 {help},危险时打 {danger},或者{crisis}。"),
            "可以拨打 002,危险时打 000、001,或者当地的心理援助热线。"
        );
        assert_eq!(
            Helplines::default().fill("call {danger}"),
            "call your local emergency number"
        );
    }

    #[test]
    fn a_mark_that_nobody_fills_is_seen() {
        assert_eq!(unknown_mark("call {danger} {helpp}"), Some("{helpp}"));
        assert_eq!(unknown_mark("call {danger}, or not {"), None);
    }
}
