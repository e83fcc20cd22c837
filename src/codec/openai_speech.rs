//! OpenAI speech: a text goes in, its sound comes out.
//!
//! Turns: the whole request is turn 0. What is refused is an error, since sound cannot be made up;
//! a rewritten text goes without guidance, which would be read out.
//!
//! Limit: the sound passes unseen, whole or as events, once its text was judged.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::json;

use super::json::{Document, Kind};
use super::members::{self, refuse, wrong_type};
use super::openai;
use super::splice;
use super::table::{Leaf, Side, Step, Table};
use super::{
    AnswerKind, Ask, Codec, Delta, Edit, Ending, Envelope, Fault, Field, Piece, ReadError,
    ReadLimits, Refusal, Reply, openai_reply, sse,
};
use crate::message::{Media, Part};

/// Every field that is known.
static FIELDS: &[Field] =
    &openai::joined::<{ OWN.len() + 8 }>(&[OWN, &openai::ERROR, &openai::ERROR_EVENT]);

/// What an error object is not.
const OWN: &[Field] = &[
    Field::inspected("/input", "what is read out"),
    Field::inspected("/instructions", "how it is read out"),
    Field::inspected("/user", ""),
    Field::opaque("/model", "a name that the upstream resolves"),
    Field::opaque("/voice", "a name that the upstream resolves"),
    Field::opaque("/voice/id", "the server's own number"),
    Field::opaque("/response_format", ""),
    Field::opaque("/stream_format", "audio or sse"),
    Field::opaque("/speed", ""),
    Field::opaque("event:/type", "checked"),
    Field::opaque("event:/audio", "sound"),
    Field::opaque("event:/usage/**", ""),
];

static REQUEST: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Request));
static ANSWER: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Answer));
static EVENT: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Event));

/// The dialect.
#[derive(Debug, Clone, Copy)]
pub struct OpenAiSpeech;

impl Codec for OpenAiSpeech {
    fn name(&self) -> &'static str {
        "openai.speech"
    }

    fn paths(&self) -> &'static [&'static str] {
        &["/v1/audio/speech"]
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn unseen(&self) -> &'static [&'static str] {
        &["audio"]
    }

    fn answer_kind(&self, content_type: &str) -> AnswerKind {
        let sound = ["audio/", "application/octet-stream"];
        match sound.iter().any(|kind| content_type.starts_with(kind)) {
            true => AnswerKind::Unseen,
            false => AnswerKind::Document,
        }
    }

    fn read(&self, _: &str, body: &Bytes, limits: &ReadLimits) -> Result<Ask, ReadError> {
        let document = Document::parse(body, limits)?;
        let root = members::root(&document)?;
        let input = root
            .get("input")
            .ok_or_else(|| refuse("missing_field", "/input is missing"))?;
        if input.kind() != Kind::Text {
            return Err(wrong_type("/input", "a string"));
        }
        Ok(Ask {
            stream: members::optional_text(root, "stream_format")?.as_deref() == Some("sse"),
            model: members::required_text(root, "model")?,
            guidance_at: input.raw(),
            ..Ask::of(members::gather(&REQUEST, &document, limits, part)?)
        })
    }

    /// No guidance: what it is for does not answer.
    fn write(
        &self,
        _: &str,
        body: &Bytes,
        _: &Ask,
        edits: &[Edit],
        _: Option<&str>,
    ) -> Result<Bytes, ReadError> {
        splice::edited(body, edits)
    }

    /// A document is an error.
    fn read_answer(&self, body: &[u8], limits: &ReadLimits) -> Result<Vec<Piece>, ReadError> {
        members::read_asides(&ANSWER, body, &["error"], limits)
    }

    fn end_answer(&self, _: &[u8], _: u32, text: &str, _: Ending) -> Result<Bytes, ReadError> {
        Ok(openai_reply::filtered_document(text))
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
        let ended = match kind.as_deref() {
            Some("speech.audio.delta") => Vec::new(),
            Some("speech.audio.done") => vec![0],
            _ if error => Vec::new(),
            _ => return Err(refuse("unknown_event", "an event's /type is not known")),
        };
        envelope.open = match error || !ended.is_empty() {
            true => Vec::new(),
            false => vec![0],
        };
        Ok(Delta {
            pieces: members::gather(&EVENT, &document, limits, |leaf| {
                members::unnamed_piece(leaf, 0)
            })?,
            ended,
            done: false,
            error,
        })
    }

    fn write_event(&self, data: &str, edits: &[Edit]) -> Result<String, ReadError> {
        members::write_event(data, edits)
    }

    /// Always an error: a stream of sound has no words.
    fn end_stream(&self, _: &Envelope, _: u32, text: &str, _: Ending) -> Bytes {
        let error = openai_reply::filtered_error(
            text.trim_start(),
            "invalid_request_error",
            "content_filter",
        );
        sse::frame(&json!({"type": "error", "error": error}).to_string())
    }

    /// Always an error: a program expects sound.
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

fn part(leaf: &Leaf<'_, '_>) -> Part {
    let media = match leaf.path {
        [Step::Known("user")] => Media::Name,
        _ => Media::Text,
    };
    members::user_part(leaf, 0, media)
}
