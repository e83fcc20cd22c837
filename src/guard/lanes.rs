//! [`Lanes`]: the texts of one answer, each with its inspector. Streams and documents share it.

use std::ops::Range;
use std::sync::Arc;

use super::inspector::{Cut, Inspector, Step};
use super::{Context, Record};
use crate::codec::{Edit, Lane, Piece, Telling};
use crate::message::Media;
use crate::policy::Action;
use crate::text::Span;

/// Texts of one answer that are followed at a time: 128 choices with a few fields each. An answer
/// with more is not one that a model gives.
const MAX_LANES: usize = 1_024;

/// What is read between values that stand apart: the end of a line, like between paragraphs.
const BORDER: &str = "\n";

/// All texts of one answer.
pub struct Lanes {
    context: Arc<Context>,
    record: Arc<dyn Record>,
    states: Vec<State>,
    /// The choice whose text holds more than can be followed.
    overflowed: Option<u32>,
    /// Bytes that may still be read.
    left: usize,
    /// How the pieces' literals tell the text.
    telling: Telling,
}

/// One text of the answer as it grows.
struct State {
    lane: Lane,
    media: Media,
    inspector: Inspector,
    /// Text before this byte may be shown.
    shown_to: u32,
    /// The choice has ended: the text is whole.
    whole: bool,
    /// The text of a name in which nothing was found.
    name: Option<String>,
    /// Sentences to say when the choice ends.
    nudges: Vec<String>,
    /// What the reader has seen, where a literal may tell it again.
    seen: String,
    /// It is not what the model said.
    altered: bool,
}

/// Where a piece stands in its lane's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Index of the lane within its [`Lanes`].
    lane: usize,
    span: Span,
    /// The literal in the event's data or the document.
    raw: Range<usize>,
}

impl Lanes {
    /// No text yet.
    pub fn new(context: Arc<Context>, record: Arc<dyn Record>) -> Self {
        Self {
            left: context.readable_bytes(),
            context,
            record,
            states: Vec::new(),
            overflowed: None,
            telling: Telling::Pieces,
        }
    }

    /// Literals tell the text so from now on.
    pub fn retell(&mut self, telling: Telling) {
        self.telling = telling;
    }

    /// Lets the piece's inspector read it.
    pub fn read(&mut self, piece: Piece) -> Placed {
        if piece.media == Media::Name {
            return self.read_name(piece);
        }
        let index = self.index(piece.lane, piece.media);
        let readable = self.takes(&piece.text);
        let state = &mut self.states[index];
        if piece.apart && !state.inspector.is_empty() {
            state.inspector.push(BORDER);
        }
        let start = state.inspector.len();
        let step = match readable {
            true => state.inspector.push(&piece.text),
            false => state.inspector.skip(&piece.text),
        };
        self.overflowed = self.overflowed.or(state.take(step));
        let span = Span::new(start, state.inspector.len());
        self.note(index);
        Placed {
            lane: index,
            span,
            raw: piece.raw,
        }
    }

    /// A name is whole as it comes, so it is judged by itself and never waits for a next piece.
    /// Chunks repeat names; one that was clean is not judged again.
    fn read_name(&mut self, piece: Piece) -> Placed {
        let span = Span::new(0, u32::try_from(piece.text.len()).unwrap_or(u32::MAX));
        let known = self.states.iter().position(|state| {
            state.lane == piece.lane && state.name.as_deref() == Some(&*piece.text)
        });
        if let Some(lane) = known {
            return Placed {
                lane,
                span,
                raw: piece.raw,
            };
        }
        let index = self.begin(piece.lane, piece.media);
        let readable = self.takes(&piece.text);
        let state = &mut self.states[index];
        match readable {
            true => state.inspector.push(&piece.text),
            false => state.inspector.skip(&piece.text),
        };
        let step = state.inspector.finish();
        state.whole = true;
        if !state.inspector.has_detections() {
            state.name = Some(piece.text);
        }
        let overflow = state.take(step);
        self.overflowed = self.overflowed.or(overflow);
        self.note(index);
        Placed {
            lane: index,
            span,
            raw: piece.raw,
        }
    }

    /// Whether a text of the answer is still read: nothing is, once one was not.
    fn takes(&mut self, text: &str) -> bool {
        let left = match self.overflowed {
            None => self.left.checked_sub(text.len()),
            Some(_) => None,
        };
        self.left = left.unwrap_or_default();
        left.is_some()
    }

    /// The texts of a choice (or, without one, all texts) are whole.
    pub fn finish(&mut self, choice: Option<u32>) {
        for index in 0..self.states.len() {
            let state = &mut self.states[index];
            if state.whole || choice.is_some_and(|choice| state.lane.choice != choice) {
                continue;
            }
            state.whole = true;
            let step = state.inspector.finish();
            self.overflowed = self.overflowed.or(state.take(step));
            self.note(index);
        }
    }

    /// The choice whose text holds more than can be followed, if there is one.
    pub fn overflowed(&self) -> Option<u32> {
        self.overflowed
    }

    /// The first lane that was cut: its choice and the cut.
    pub fn cut(&self) -> Option<(u32, &Cut)> {
        self.cuts().next()
    }

    /// All lanes that were cut.
    pub fn cuts(&self) -> impl Iterator<Item = (u32, &Cut)> {
        self.states
            .iter()
            .filter_map(|state| Some((state.lane.choice, state.inspector.cut()?)))
    }

    /// Whether all of a piece may be shown, redacted or not.
    pub fn shows(&self, piece: &Placed) -> bool {
        piece.span.end <= self.states[piece.lane].limit()
    }

    /// Whether a piece may be shown as it is.
    pub fn is_clean(&self, piece: &Placed) -> bool {
        let state = &self.states[piece.lane];
        let redactions = state.inspector.redactions();
        self.shows(piece)
            && (self.telling == Telling::Pieces || !state.altered)
            && !redactions
                .iter()
                .any(|redaction| redaction.span.overlaps(piece.span))
    }

    /// What a reader may see of a piece.
    pub fn visible(&self, piece: &Placed) -> String {
        let state = &self.states[piece.lane];
        state.inspector.visible(piece.span, state.limit())
    }

    /// The edit that leaves of a piece what may be seen, behind what was seen before where its
    /// literal tells that again.
    pub fn edit(&self, piece: &Placed) -> Edit {
        let state = &self.states[piece.lane];
        let mut text = match self.telling {
            Telling::Pieces => String::new(),
            Telling::Whole | Telling::Unsaid => state.seen.clone(),
        };
        text += &self.visible(piece);
        let raw = piece.raw.clone();
        Edit { raw, text }
    }

    /// A piece has left: its lane forgets the text.
    pub fn released(&mut self, piece: &Placed) {
        if self.telling != Telling::Pieces && self.states[piece.lane].media != Media::Name {
            let visible = self.visible(piece);
            let state = &mut self.states[piece.lane];
            state.altered |= visible != state.inspector.text(piece.span);
            state.seen += &visible;
        }
        self.states[piece.lane].inspector.released(piece.span.end);
    }

    /// The piece's choice.
    pub fn choice(&self, piece: &Placed) -> u32 {
        self.states[piece.lane].lane.choice
    }

    /// Whether the piece is ordinary words, which [`crate::codec::Codec::say`] can say.
    pub fn is_text(&self, piece: &Placed) -> bool {
        self.states[piece.lane].media == Media::Text
    }

    /// Whether the reader has seen any ordinary words of the choice.
    pub fn has_spoken(&self, choice: u32) -> bool {
        self.of(choice)
            .any(|state| state.media == Media::Text && state.limit() > 0)
    }

    /// What a choice's nudges say, with the gap before them.
    pub fn nudge(&self, choice: u32) -> Option<String> {
        let mut texts: Vec<&str> = self.context.nudge.as_deref().into_iter().collect();
        for text in self.of(choice).flat_map(|state| &state.nudges) {
            if !texts.contains(&text.as_str()) {
                texts.push(text);
            }
        }
        (!texts.is_empty()).then(|| format!("\n\n{}", texts.join("\n")))
    }

    fn of(&self, choice: u32) -> impl Iterator<Item = &State> {
        self.states
            .iter()
            .filter(move |state| state.lane.choice == choice)
    }

    /// The index of a lane's state, begun at its first piece.
    fn index(&mut self, lane: Lane, media: Media) -> usize {
        match self.states.iter().position(|state| state.lane == lane) {
            Some(index) => index,
            None => self.begin(lane, media),
        }
    }

    fn begin(&mut self, lane: Lane, media: Media) -> usize {
        if self.states.len() > MAX_LANES {
            self.overflowed = self.overflowed.or(Some(lane.choice));
        }
        self.states.push(State {
            lane,
            media,
            inspector: Inspector::new(Arc::clone(&self.context)),
            shown_to: 0,
            whole: false,
            name: None,
            nudges: Vec::new(),
            seen: String::new(),
            altered: false,
        });
        self.states.len() - 1
    }

    /// Hands a lane's new detections to the record and keeps what its nudges say.
    fn note(&mut self, index: usize) {
        let state = &mut self.states[index];
        if !state.inspector.has_detections() {
            return;
        }
        for (detection, action) in state.inspector.take_detections() {
            self.record
                .detection(&detection, state.lane, state.inspector.text(detection.span));
            if action == Action::Nudge {
                let text = self.context.reply(detection.rule);
                state.nudges.push(self.context.closing.helplines.fill(text));
            }
        }
    }
}

impl State {
    /// Takes over how far the text may be shown; its choice, if it cannot be followed any more.
    fn take(&mut self, step: Step) -> Option<u32> {
        match step {
            Step::Show(to) => self.shown_to = to,
            Step::End => {}
            Step::Overflow => return Some(self.lane.choice),
        }
        None
    }

    /// Text before this byte may be shown, now or ever.
    fn limit(&self) -> u32 {
        self.inspector.cut().map_or(self.shown_to, |cut| cut.at)
    }
}
