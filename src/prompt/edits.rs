//! [`Changing`]: what detections and withheld turns change of the texts of a prompt.

use crate::app::App;
use crate::codec::Edit;
use crate::guard;
use crate::message::{Language, Media, Part};
use crate::policy::{self, Detection, Mode, PolicySet};
use crate::text::Span;

/// What is withheld of a prompt, and in which language that is said.
pub(super) struct Changing<'a> {
    set: &'a PolicySet,
    language: Language,
    /// Those that really withhold.
    pub acting: Vec<&'a Detection>,
    /// Parts that go whole, sorted.
    withheld: &'a [u32],
}

impl<'a> Changing<'a> {
    pub fn new(
        set: &'a PolicySet,
        app: &App,
        language: Language,
        detections: &'a [Detection],
        withheld: &'a [u32],
    ) -> Self {
        let mode = app.config.mode;
        let acts = |one: &&Detection| guard::effective(set, mode, one).withholds();
        Self {
            set,
            language,
            acting: detections.iter().filter(acts).collect(),
            // Observing changes nothing; the wall has no history.
            withheld: match mode {
                Mode::Enforce => withheld,
                Mode::Observe => &[],
            },
        }
    }

    /// The part of that index as it is then, if it changes: its spans, joined where they overlap,
    /// replaced; all of it where it is withheld.
    pub fn part(&self, index: usize, part: &Part) -> Option<String> {
        let mut spans: Vec<(Span, &str)> = Vec::new();
        for detection in &self.acting {
            let replacement = self.set.replacement(detection.rule, self.language);
            for (place, span) in [(detection.part, detection.span), detection.anchor] {
                if place as usize == index {
                    spans.push((span, replacement));
                }
            }
        }
        let whole = u32::try_from(index).is_ok_and(|at| self.withheld.binary_search(&at).is_ok());
        if whole {
            let rule = spans.first().map(|(_, replacement)| *replacement);
            let replacement = rule.unwrap_or(policy::reply::removed(self.language));
            spans = vec![(Span::new(0, part.text.len() as u32), replacement)];
        }
        (!spans.is_empty()).then(|| replaced(&part.text, spans))
    }
}

/// One edit per part that changes. Pictures have stand-ins.
pub(super) fn edits(changing: &Changing<'_>, parts: &[Part]) -> Vec<Edit> {
    let words = parts.iter().enumerate();
    // Said before: the model has it as it was edited then.
    let words = words.filter(|(_, part)| part.media != Media::Image && !part.raw.is_empty());
    let edit = |(at, part): (usize, &Part)| {
        let raw = part.raw.clone();
        changing.part(at, part).map(|text| Edit { raw, text })
    };
    words.filter_map(edit).collect()
}

/// The text with each span replaced; overlapping spans become one, with the first one's replacement.
fn replaced(text: &str, mut spans: Vec<(Span, &str)>) -> String {
    spans.sort_unstable_by_key(|(span, _)| *span);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (span, replacement) in spans {
        if span.start >= at {
            out.push_str(text.get(at as usize..span.start as usize).unwrap_or(""));
            out.push_str(replacement);
        }
        at = at.max(span.end);
    }
    out.push_str(text.get(at as usize..).unwrap_or(""));
    out
}
