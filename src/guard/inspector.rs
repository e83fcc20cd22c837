//! [`Inspector`]: one growing text in, what may be shown out. No IO, no JSON, no clock.
//!
//! A document is a stream of one piece: the same inspector judges both.

use std::sync::Arc;

use super::{Context, Window};
use crate::detect::{Hit, Scanner};
use crate::message::Role;
use crate::policy::{Action, Detection, Horizon, Judge};
use crate::text::Span;

/// A span of the text and what the reader sees in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redaction {
    /// What is withheld.
    pub span: Span,
    /// What stands there instead.
    pub text: String,
}

/// Where a text ends early, and for which detection.
#[derive(Debug, Clone, PartialEq)]
pub struct Cut {
    /// Byte of the text: what comes before may be shown.
    pub at: u32,
    /// The detection that ended it.
    pub detection: Detection,
    /// What is done: support or block.
    pub action: Action,
}

/// What a push or the end of the text led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Text before this byte may be shown (with [`Inspector::redactions`] applied).
    Show(u32),
    /// The text ends at [`Inspector::cut`].
    End,
    /// There is more in the text than can be followed: nothing undecided may be shown.
    Overflow,
}

/// Judges one lane of an answer.
#[derive(Debug)]
pub struct Inspector {
    context: Arc<Context>,
    scanner: Scanner,
    judge: Judge,
    window: Window,
    /// Disjoint, ascending; dropped once shown.
    redactions: Vec<Redaction>,
    /// Every detection so far, for the record.
    detections: Vec<(Detection, Action)>,
    cut: Option<Cut>,
    /// A piece came that was not read.
    skipped: bool,
    /// Scratch, kept so that a clean delta allocates nothing.
    hits: Vec<Hit>,
    found: Vec<Detection>,
}

impl Inspector {
    /// An inspector at the start of a text.
    pub fn new(context: Arc<Context>) -> Self {
        let mut judge = Judge::new(
            Arc::clone(&context.set),
            Arc::clone(&context.selection),
            context.scene,
            Role::Assistant,
            Horizon::Stream,
            &context.carried,
        )
        .after(context.talk.clone(), Role::Assistant);
        judge.part();
        Self {
            scanner: context.scanner(),
            judge,
            context,
            window: Window::default(),
            redactions: Vec::new(),
            detections: Vec::new(),
            cut: None,
            skipped: false,
            hits: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Reads the next piece.
    pub fn push(&mut self, piece: &str) -> Step {
        if self.cut.is_some() {
            return Step::End;
        }
        self.window.push(piece);
        let mut hits = std::mem::take(&mut self.hits);
        self.scanner.push(piece, &mut hits);
        self.weigh(&hits);
        hits.clear();
        self.hits = hits;
        if self.cut.is_none() {
            self.judge.advance(self.scanner.symbols(), &mut self.found);
            self.decide();
        }
        self.step()
    }

    /// The next piece is more than is read of an answer: it is never shown.
    pub fn skip(&mut self, piece: &str) -> Step {
        self.window.push(piece);
        self.skipped = true;
        self.step()
    }

    /// The text ends here.
    pub fn finish(&mut self) -> Step {
        if self.cut.is_some() {
            return Step::End;
        }
        let mut hits = std::mem::take(&mut self.hits);
        self.scanner.finish(&mut hits);
        self.weigh(&hits);
        if self.cut.is_none() {
            self.judge.finish(&mut self.found);
            self.decide();
        }
        match self.cut {
            Some(_) => Step::End,
            None if self.is_beyond() => Step::Overflow,
            None => Step::Show(self.window.end()),
        }
    }

    /// Bytes read so far.
    pub fn len(&self) -> u32 {
        self.window.end()
    }

    /// Whether nothing was read yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where and why the text ends early, if it does.
    pub fn cut(&self) -> Option<&Cut> {
        self.cut.as_ref()
    }

    /// Redactions that are not wholly before what was released.
    pub fn redactions(&self) -> &[Redaction] {
        &self.redactions
    }

    /// Text before `to` has been shown: it and its redactions are forgotten.
    pub fn released(&mut self, to: u32) {
        self.window.release(to);
        self.redactions.retain(|redaction| redaction.span.end > to);
    }

    /// Text of a span that has not been released.
    pub fn text(&self, span: Span) -> &str {
        self.window.text(span)
    }

    /// What a reader may see of `span`: nothing from `limit` on, and each redaction's text where the
    /// redaction begins. A redaction that begins before the limit is shown whole.
    pub fn visible(&self, span: Span, limit: u32) -> String {
        let end = span.end.min(limit);
        let mut seen = String::new();
        let mut at = span.start;
        for redaction in &self.redactions {
            if !redaction.span.overlaps(span) || redaction.span.start >= limit {
                continue;
            }
            if redaction.span.start >= span.start {
                seen.push_str(self.text(Span::new(at, redaction.span.start.max(at))));
                seen.push_str(&redaction.text);
            }
            at = redaction.span.end;
        }
        if at < end {
            seen.push_str(self.text(Span::new(at, end)));
        }
        seen
    }

    /// Detections since the last call, with what was done about each.
    pub fn take_detections(&mut self) -> Vec<(Detection, Action)> {
        std::mem::take(&mut self.detections)
    }

    /// Whether there are detections to take.
    pub fn has_detections(&self) -> bool {
        !self.detections.is_empty()
    }

    /// Feeds ripe hits in order; everything that waited for an earlier position is decided first.
    fn weigh(&mut self, hits: &[Hit]) {
        for hit in hits {
            self.judge
                .advance(hit.ripe.saturating_sub(1), &mut self.found);
            self.decide();
            if self.cut.is_some() {
                return;
            }
            self.judge.hit(hit, &mut self.found);
            self.decide();
            if self.cut.is_some() {
                return;
            }
        }
    }

    /// Acts on what the judge found at one position: all of it first, then the strongest decides.
    fn decide(&mut self) {
        if self.found.is_empty() {
            return;
        }
        let mut ending: Option<(Detection, Action)> = None;
        for detection in std::mem::take(&mut self.found) {
            let action = self.context.effective(&detection);
            if action.ends() {
                let stronger = match &ending {
                    None => true,
                    Some((best, strongest)) => {
                        (action, std::cmp::Reverse(detection.span.start))
                            > (*strongest, std::cmp::Reverse(best.span.start))
                    }
                };
                if stronger {
                    ending = Some((detection.clone(), action));
                }
            } else if action.withholds() {
                self.redact(&detection);
            }
            self.detections.push((detection, action));
        }
        if let Some((detection, action)) = ending {
            self.cut = Some(Cut {
                at: self.cut_at(detection.span.start),
                detection,
                action,
            });
        }
    }

    /// Where a text that may not reach `start` ends: whatever else is still in doubt before it goes too.
    fn cut_at(&self, start: u32) -> u32 {
        let undecided = self.judge.undecided_from().unwrap_or(start);
        let unripe = self.scanner.unripe_before(start).unwrap_or(start);
        let sentence = self.scanner.sentence_of(start).unwrap_or(start);
        start.min(undecided).min(unripe).min(sentence)
    }

    /// Withholds a detection's completing hit; overlapping redactions become one.
    fn redact(&mut self, detection: &Detection) {
        let text = self
            .context
            .set
            .replacement(detection.rule, self.context.language)
            .to_owned();
        let symbols = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        self.judge.forget(detection.part, detection.span, symbols);
        let mut span = detection.span;
        self.redactions.retain(|earlier| {
            let joined = earlier.span.overlaps(span);
            if joined {
                span = Span::new(
                    span.start.min(earlier.span.start),
                    span.end.max(earlier.span.end),
                );
            }
            !joined
        });
        let place = self
            .redactions
            .partition_point(|earlier| earlier.span.end <= span.start);
        self.redactions.insert(place, Redaction { span, text });
    }

    /// Whether there is more in the text than was followed.
    fn is_beyond(&self) -> bool {
        self.skipped || self.scanner.overflowed()
    }

    /// How far the text may be shown now.
    fn step(&self) -> Step {
        if self.cut.is_some() {
            return Step::End;
        }
        if self.is_beyond() {
            return Step::Overflow;
        }
        let mut to = self.scanner.settled();
        if let Some(undecided) = self.judge.undecided_from() {
            to = to.min(undecided);
        }
        for redaction in &self.redactions {
            if redaction.span.start < to && to < redaction.span.end {
                to = redaction.span.start;
            }
        }
        Step::Show(to)
    }
}
