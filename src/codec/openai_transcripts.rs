//! OpenAI transcriptions and translations: sound goes in as a form, its words come out, as a
//! document, as lines or as events.
//!
//! Turns: the whole form is turn 0. An answer tells its words up to three times (whole, by segment,
//! by word), a stream as deltas and then whole; each telling is a text of its own, so that what is
//! withheld from one is withheld from all. A refused prompt is an error: words that nobody spoke do
//! not belong in a transcript.
//!
//! Limit: the sound passes unseen; its words are judged as they come back.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::form::{self, Shape};
use super::json::Document;
use super::members::{self, WRITE_LIMITS, refuse};
use super::openai_transcripts_fields::FIELDS;
use super::splice::{self, Splice, splice};
use super::table::{Leaf, Place, Side, Step, Table};
use super::{
    AnswerKind, Ask, Codec, Delta, Edit, Ending, Envelope, Fault, Field, Lane, Piece, ReadError,
    ReadLimits, Refusal, Reply, openai_reply, sse,
};
use crate::message::Media;

/// The words that a reader is told as they come.
const TEXT: u32 = 0;
/// The words by segment.
const SEGMENTS: u32 = 1;
/// Word by word.
const WORDS: u32 = 2;
/// The words, told again whole at the end of a stream.
const WHOLE: u32 = 3;

/// What repeats the words in numbers or tokens.
const ECHOES: [&str; 2] = ["logprobs", "tokens"];

static ANSWER: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Answer));
static EVENT: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Event));

static FORM: Shape = Shape {
    fields: FIELDS,
    files: &["file"],
    names: &["known_speaker_names[]"],
};

/// The dialect's two endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenAiTranscripts {
    /// In the language spoken.
    Transcriptions,
    /// In English.
    Translations,
}

impl Codec for OpenAiTranscripts {
    fn name(&self) -> &'static str {
        match self {
            Self::Transcriptions => "openai.transcriptions",
            Self::Translations => "openai.translations",
        }
    }

    fn paths(&self) -> &'static [&'static str] {
        match self {
            Self::Transcriptions => &["/v1/audio/transcriptions"],
            Self::Translations => &["/v1/audio/translations"],
        }
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn unseen(&self) -> &'static [&'static str] {
        &["audio"]
    }

    fn answer_kind(&self, content_type: &str) -> AnswerKind {
        let lines = ["text/plain", "text/vtt", "text/srt", "application/x-subrip"];
        match lines.iter().any(|kind| content_type.starts_with(kind)) {
            true => AnswerKind::Captions,
            false => AnswerKind::Document,
        }
    }

    fn read(
        &self,
        content_type: &str,
        body: &Bytes,
        limits: &ReadLimits,
    ) -> Result<Ask, ReadError> {
        let (mut model, mut stream) = (String::new(), false);
        let parts = form::read(content_type, body, &FORM, limits, &mut |value| {
            match value.name {
                "model" => value.text.clone_into(&mut model),
                "stream" => stream = form::flag(value)?,
                _ => {}
            }
            Ok(())
        })?;
        if model.is_empty() {
            return Err(refuse(
                "missing_field",
                "the form's field /model is missing",
            ));
        }
        Ok(Ask {
            stream,
            model,
            ..Ask::of(parts)
        })
    }

    /// Guidance is for models that answer; one that writes down what it hears gets none.
    fn write(
        &self,
        content_type: &str,
        body: &Bytes,
        ask: &Ask,
        edits: &[Edit],
        _: Option<&str>,
    ) -> Result<Bytes, ReadError> {
        match edits {
            [] => Ok(body.clone()),
            _ => form::write(content_type, body, edits.to_vec(), &ask.parts),
        }
    }

    fn read_answer(&self, body: &[u8], limits: &ReadLimits) -> Result<Vec<Piece>, ReadError> {
        let document = Document::parse(body, limits)?;
        let root = members::root(&document)?;
        members::known_shape(root, &["text", "segments", "error"])?;
        members::gather(&ANSWER, &document, limits, answered)
    }

    fn write_answer(&self, body: &[u8], edits: &[Edit]) -> Result<Bytes, ReadError> {
        members::edited_without(body, edits, &ECHOES)
    }

    fn end_answer(&self, body: &[u8], _: u32, text: &str, _: Ending) -> Result<Bytes, ReadError> {
        let document = Document::parse(body, &WRITE_LIMITS)?;
        let root = members::root(&document)?;
        if root.get("error").is_some() {
            return Ok(openai_reply::filtered_document(text));
        }
        let mut splices = Vec::new();
        members::empty_arrays(root, &["segments", "words", "logprobs"], &mut splices);
        let bytes = splice::quote(text);
        splices.extend(root.get("text").map(|told| Splice {
            at: told.raw(),
            bytes,
        }));
        splice(body, splices)
    }

    fn read_event(
        &self,
        data: &str,
        envelope: &mut Envelope,
        limits: &ReadLimits,
    ) -> Result<Delta, ReadError> {
        if data.trim() == openai_reply::DONE {
            return Ok(Delta {
                done: true,
                ..Delta::default()
            });
        }
        let document = Document::parse(data.as_bytes(), limits)?;
        let root = members::root(&document)?;
        let kind = members::optional_text(root, "type")?;
        let error = root.get("error").is_some();
        let (field, ended) = match kind.as_deref() {
            Some("transcript.text.delta") => (TEXT, Vec::new()),
            Some("transcript.text.segment") => (SEGMENTS, Vec::new()),
            Some("transcript.text.done") => (WHOLE, vec![0]),
            _ if error => (WHOLE, Vec::new()),
            _ => return Err(refuse("unknown_event", "an event's /type is not known")),
        };
        envelope.open = match error || !ended.is_empty() {
            true => Vec::new(),
            false => vec![0],
        };
        Ok(Delta {
            pieces: members::gather(&EVENT, &document, limits, |leaf| match leaf.path {
                [Step::Known("delta")] => piece(leaf, TEXT, Media::Text),
                [Step::Known("text")] => piece(leaf, field, Media::Aside),
                _ => members::unnamed_piece(leaf, 0),
            })?,
            ended,
            done: false,
            error,
        })
    }

    fn write_event(&self, data: &str, edits: &[Edit]) -> Result<String, ReadError> {
        members::event_of(self.write_answer(data.as_bytes(), edits)?)
    }

    fn repeats(&self) -> bool {
        true
    }

    /// The last event tells all words again: those of ours follow.
    fn add_said(&self, data: &str, _: &Envelope, said: &[String]) -> Result<String, ReadError> {
        let document = Document::parse(data.as_bytes(), &WRITE_LIMITS)?;
        let Some(text) = members::root(&document)?.get("text") else {
            return Ok(data.to_owned());
        };
        let told = text.text()?.unwrap_or_default();
        let edit = Edit {
            raw: text.raw(),
            text: format!("{told}{}", said.concat()),
        };
        members::write_event(data, &[edit])
    }

    fn say(&self, _: &mut Envelope, _: u32, text: &str) -> Bytes {
        event(&json!({"type": "transcript.text.delta", "delta": text}))
    }

    fn end_stream(&self, envelope: &Envelope, _: u32, text: &str, ending: Ending) -> Bytes {
        let said = format!("{}{text}", envelope.said);
        let reason = openai_reply::finish_reason(ending);
        let mark = json!({"finish_reason": reason});
        let last = json!({"type": "transcript.text.done", "text": said, "wardgate": mark});
        let first = match text {
            "" => Bytes::new(),
            text => event(&json!({"type": "transcript.text.delta", "delta": text})),
        };
        [first, event(&last)].concat().into()
    }

    /// Always an error: nobody spoke these words.
    fn refuse(&self, _: &Ask, refusal: &Refusal) -> Reply {
        openai_reply::refusal_error(refusal, "invalid_request_error", "content_filter")
    }

    fn fail_stream(&self, _: &Envelope, fault: &Fault) -> Bytes {
        openai_reply::fault_event(fault)
    }

    fn error(&self, fault: &Fault) -> Reply {
        openai_reply::fault(fault)
    }
}

fn event(data: &Json) -> Bytes {
    sse::frame(&data.to_string())
}

fn answered(leaf: &Leaf<'_, '_>) -> Piece {
    use Step::Known;
    match leaf.path {
        _ if leaf.place == Place::Key => members::unnamed_piece(leaf, 0),
        [Known("text")] => piece(leaf, TEXT, Media::Text),
        [Known("segments"), _, Known("text")] => piece(leaf, SEGMENTS, Media::Aside),
        [Known("words"), _, Known("word")] => Piece {
            apart: true,
            ..piece(leaf, WORDS, Media::Aside)
        },
        _ => members::unnamed_piece(leaf, 0),
    }
}

fn piece(leaf: &Leaf<'_, '_>, field: u32, media: Media) -> Piece {
    Piece {
        lane: Lane { choice: 0, field },
        media,
        text: leaf.text.to_string(),
        raw: leaf.raw.clone(),
        apart: false,
    }
}
