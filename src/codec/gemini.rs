//! Gemini's generateContent, whole and streamed. The model's name stands in the path.
//!
//! Turns: the content's index; whatever belongs to no content shares the turn after the last one.
//! Choices are candidates. Lanes of one: [`CONTENT`], [`THINKING`], [`CODE`] and what it printed, and
//! from [`TOOLS`] on two per function call: its name, and its arguments, read value by value.
//!
//! A streamed answer is events (`alt=sse`) or, without them, one array that grows; both are judged as
//! they come.
//!
//! Limit: sound, films and files are refused; `cachedContent` is out of sight and refused.

use std::ops::Range;
use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use serde_json::{Value as Json, json};

use super::gemini_fields::FIELDS;
use super::gemini_shape as shape;
use super::json::{Document, Kind, Value};
use super::members::{self, WRITE_LIMITS, refuse, wrong_type};
use super::splice::{self, Splice, splice};
use super::table::{Leaf, Place, Side, Step, Table};
use super::{
    Ask, Codec, Delta, Edit, Ending, Envelope, Fault, Field, Framing, Lane, Piece, ReadError,
    ReadLimits, Refusal, RefusalStyle, Reply, array, openai_reply, sse,
};
use crate::message::{Media, Part, Role};

/// Lane of the words that the reader sees.
pub const CONTENT: u32 = 0;
/// Lane of thoughts that are shown.
pub const THINKING: u32 = 1;
/// Lane of code that the model ran; what it printed follows.
pub const CODE: u32 = 2;
/// First lane of the first part's function call.
pub const TOOLS: u32 = 16;

/// Parts beyond this many share the last lanes: together they are judged all the more.
const MAX_PART: usize = 1 << 20;

static REQUEST: LazyLock<Table> = LazyLock::new(|| Table::new(&FIELDS, Side::Request));
static ANSWER: LazyLock<Table> = LazyLock::new(|| Table::new(&FIELDS, Side::Answer));

/// The dialect, in its two forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gemini {
    /// One answer.
    Whole,
    /// An answer in pieces.
    Streamed,
}

impl Codec for Gemini {
    fn name(&self) -> &'static str {
        match self {
            Self::Whole => "gemini.generate",
            Self::Streamed => "gemini.stream",
        }
    }

    fn paths(&self) -> &'static [&'static str] {
        match self {
            Self::Whole => &[
                "/v1beta/models/{}:generateContent",
                "/v1/models/{}:generateContent",
            ],
            Self::Streamed => &[
                "/v1beta/models/{}:streamGenerateContent",
                "/v1/models/{}:streamGenerateContent",
            ],
        }
    }

    fn listings(&self) -> &'static [&'static str] {
        &["/v1beta/models", "/v1beta/models/{}"]
    }

    fn streams(&self, query: &str, _: &HeaderMap) -> bool {
        query.split('&').any(|pair| pair == "alt=sse")
    }

    fn framing(&self, content_type: &str) -> Option<Framing> {
        match self {
            _ if content_type.starts_with("text/event-stream") => Some(Framing::Events),
            Self::Streamed => Some(Framing::Array),
            Self::Whole => None,
        }
    }

    fn fields(&self) -> &'static [Field] {
        &FIELDS
    }

    fn read(&self, _: &str, body: &Bytes, limits: &ReadLimits) -> Result<Ask, ReadError> {
        let document = Document::parse(body, limits)?;
        let root = members::root(&document)?;
        let roles = shape::read_contents(root)?;
        let instruction = shape::instruction(root)?;
        shape::check_tools(root)?;
        let mut parts = Vec::with_capacity(roles.len() + 4);
        REQUEST.walk(&document, &mut |leaf: &Leaf<'_, '_>| {
            if parts.len() >= limits.parts {
                return Err(members::too_many(limits));
            }
            if !members::is_schema_word(leaf, &["tools", "generationConfig"]) {
                parts.push(part(leaf, &roles));
            }
            Ok(())
        })?;
        Ok(Ask {
            stream: *self == Self::Streamed,
            choices: shape::choices_asked(root)?,
            guidance_at: match instruction {
                Some(parts) => parts.raw(),
                None => members::member_or_place(root, "systemInstruction"),
            },
            ..Ask::of(parts)
        })
    }

    fn write(
        &self,
        _: &str,
        body: &Bytes,
        ask: &Ask,
        edits: &[Edit],
        guidance: Option<&str>,
    ) -> Result<Bytes, ReadError> {
        if edits.is_empty() && guidance.is_none() {
            return Ok(body.clone());
        }
        let mut splices: Vec<_> = edits.iter().map(Splice::literal).collect();
        splices.extend(guidance.map(|text| guide(body, ask.guidance_at.clone(), text)));
        splice(body, splices)
    }

    fn read_answer(&self, body: &[u8], limits: &ReadLimits) -> Result<Vec<Piece>, ReadError> {
        let document = Document::parse(body, limits)?;
        let mut pieces = Vec::new();
        for answer in answers(&document)? {
            check_answer(answer)?;
            let at = answer.raw();
            let answer = Document::parse(&body[at.clone()], limits)?;
            read_pieces(&answer, at.start, &mut pieces, limits)?;
        }
        Ok(pieces)
    }

    fn write_answer(&self, body: &[u8], edits: &[Edit]) -> Result<Bytes, ReadError> {
        let document = Document::parse(body, &WRITE_LIMITS)?;
        let candidates = answers(&document)?.into_iter().flat_map(candidates);
        let logprobs = candidates.filter_map(|candidate| candidate.get("logprobsResult"));
        splice::edited_blanking(body, edits, logprobs)
    }

    /// In an array the candidate speaks in the first answer that has it, and is silent in the rest.
    fn end_answer(
        &self,
        body: &[u8],
        choice: u32,
        text: &str,
        ending: Ending,
    ) -> Result<Bytes, ReadError> {
        let document = Document::parse(body, &WRITE_LIMITS)?;
        let mut splices = Vec::new();
        for answer in answers(&document)? {
            for (position, candidate) in candidates(answer).enumerate() {
                if index(candidate, position)? != choice {
                    continue;
                }
                let said = if splices.is_empty() { text } else { "" };
                let bytes = candidate_of(choice, said, Some(ending)).to_string();
                let at = candidate.raw();
                splices.push(Splice { at, bytes });
            }
        }
        if splices.is_empty() {
            return Err(refuse("bad_edit", "no candidate has that number"));
        }
        splice(body, splices)
    }

    fn read_event(
        &self,
        data: &str,
        envelope: &mut Envelope,
        limits: &ReadLimits,
    ) -> Result<Delta, ReadError> {
        if envelope.framing == Framing::Array && data == array::END {
            return Ok(Delta {
                done: true,
                ..Delta::default()
            });
        }
        let document = Document::parse(data.as_bytes(), limits)?;
        let root = members::root(&document)?;
        check_answer(root)?;
        let mut delta = Delta {
            error: root.get("error").is_some(),
            ..Delta::default()
        };
        if envelope.model.is_empty() {
            envelope.model = members::optional_text(root, "modelVersion")?.unwrap_or_default();
            envelope.id = members::optional_text(root, "responseId")?.unwrap_or_default();
        }
        for (position, candidate) in candidates(root).enumerate() {
            let choice = index(candidate, position)?;
            match candidate.get("finishReason") {
                Some(_) => members::choice_ends(envelope, &mut delta, choice),
                None => members::choice_goes_on(envelope, choice)?,
            }
        }
        read_pieces(&document, 0, &mut delta.pieces, limits)?;
        Ok(delta)
    }

    fn write_event(&self, data: &str, edits: &[Edit]) -> Result<String, ReadError> {
        members::event_of(self.write_answer(data.as_bytes(), edits)?)
    }

    fn say(&self, envelope: &mut Envelope, choice: u32, text: &str) -> Bytes {
        let said = vec![candidate_of(choice, text, None)];
        framed(envelope, &answer_of(envelope, said))
    }

    fn end_stream(&self, envelope: &Envelope, choice: u32, text: &str, ending: Ending) -> Bytes {
        let mut out = BytesMut::new();
        if !text.is_empty() {
            let said = vec![candidate_of(choice, text, None)];
            out.extend_from_slice(&framed(envelope, &answer_of(envelope, said)));
        }
        let ended = openai_reply::ending_choices(envelope, choice).into_iter();
        let ended = ended.map(|choice| candidate_of(choice, "", Some(ending)));
        let last = answer_of(envelope, ended.collect());
        out.extend_from_slice(&framed(envelope, &last));
        out.freeze()
    }

    fn refuse(&self, ask: &Ask, refusal: &Refusal) -> Reply {
        let mark = openai_reply::mark(refusal);
        // Help is never an error: an app would show its own "something went wrong" instead.
        if refusal.style == RefusalStyle::Error && refusal.ending == Ending::Filtered {
            let mut body = error_of(400, &refusal.text);
            body["wardgate"] = mark;
            body["wardgate"]["code"] = json!("content_filter");
            return openai_reply::document_reply(400, &body);
        }
        let envelope = openai_reply::own_envelope("gemini", &ask.model, refusal);
        let said = |choice| candidate_of(choice, &refusal.text, Some(refusal.ending));
        let mut body = answer_of(&envelope, (0..ask.choices).map(said).collect());
        body["wardgate"] = mark;
        match (self, ask.stream) {
            (Self::Whole, _) => openai_reply::document_reply(200, &body),
            (Self::Streamed, false) => openai_reply::document_reply(200, &json!([body])),
            (Self::Streamed, true) => Reply {
                status: 200,
                content_type: "text/event-stream",
                body: sse::frame(&body.to_string()),
            },
        }
    }

    fn fail_stream(&self, envelope: &Envelope, fault: &Fault) -> Bytes {
        framed(envelope, &fault_of(fault))
    }

    fn error(&self, fault: &Fault) -> Reply {
        openai_reply::document_reply(fault.status, &fault_of(fault))
    }
}

/// An answer as a frame of its stream.
fn framed(envelope: &Envelope, answer: &Json) -> Bytes {
    envelope.framing.frame(&answer.to_string())
}

/// Every answer of a document.
fn answers<'d>(document: &'d Document<'d>) -> Result<Vec<Value<'d>>, ReadError> {
    let root = document.root();
    match root.kind() {
        Kind::Object => Ok(vec![root]),
        Kind::Array => Ok(root.children().collect()),
        _ => Err(wrong_type("the body", "an object or an array of them")),
    }
}

fn candidates<'d>(answer: Value<'d>) -> impl Iterator<Item = Value<'d>> {
    let candidates = answer.get("candidates");
    candidates.into_iter().flat_map(|all| all.children())
}

fn check_answer(answer: Value<'_>) -> Result<(), ReadError> {
    if answer.kind() != Kind::Object {
        return Err(wrong_type("an answer", "an object"));
    }
    let known = ["candidates", "promptFeedback", "usageMetadata", "error"];
    if known.iter().all(|name| answer.get(name).is_none()) {
        let message = "the answer has neither candidates nor feedback nor an error";
        return Err(refuse("unknown_shape", message));
    }
    let all = answer.get("candidates");
    if all.is_some_and(|all| all.kind() != Kind::Array) {
        return Err(wrong_type("/candidates", "an array"));
    }
    candidates(answer).try_for_each(shape::check_candidate)
}

/// A candidate's number: its `index`, or its position where it has none.
fn index(candidate: Value<'_>, position: usize) -> Result<u32, ReadError> {
    let index = match candidate.get("index") {
        None => u32::try_from(position).ok(),
        Some(index) => index.number().and_then(|index| u32::try_from(index).ok()),
    };
    index.ok_or_else(|| wrong_type("/candidates/*/index", "a whole number"))
}

/// Guidance is a part of the system instruction: another one, or the first of a new one.
fn guide(body: &[u8], at: Range<usize>, text: &str) -> Splice {
    let part = json!({"text": text}).to_string();
    match body.get(at.clone()).unwrap_or_default() {
        [] => Splice {
            at,
            bytes: format!("\"systemInstruction\":{{\"parts\":[{part}]}},"),
        },
        [b'[', .., b']'] => members::put_last(body, &at, &part),
        // Null.
        _ => Splice {
            at,
            bytes: format!("{{\"parts\":[{part}]}}"),
        },
    }
}

fn part(leaf: &Leaf<'_, '_>, roles: &[Role]) -> Part {
    use Step::{Index, Known};
    let after = u32::try_from(roles.len()).unwrap_or(u32::MAX);
    let (role, turn, rest) = match leaf.path {
        [Known("contents"), Index(index), rest @ ..] => {
            let turn = u32::try_from(*index).unwrap_or(u32::MAX);
            let role = match rest {
                [
                    Known("parts"),
                    _,
                    Known("functionResponse" | "function_response"),
                    ..,
                ] => Role::Tool,
                _ => roles[*index],
            };
            (role, turn, rest)
        }
        path => (Role::System, after, path),
    };
    let media = match rest {
        [Known("parts"), _, rest @ ..] => media(leaf.place, rest),
        [Known("tools"), .., Known("name")] => Media::Name,
        _ if leaf.place == Place::Key => Media::Name,
        _ => Media::Text,
    };
    members::part(leaf, role, turn, media)
}

/// What a string of a part is; `path` leads from the part to it.
fn media(place: Place, path: &[Step<'_>]) -> Media {
    use Step::Known;
    match path {
        [Known("functionCall" | "function_call"), Known("args"), ..]
        | [Known("executableCode" | "executable_code"), Known("code")] => Media::ToolArguments,
        _ if place == Place::Key => Media::Name,
        [.., Known("name")] => Media::Name,
        _ => Media::Text,
    }
}

/// Every string of an answer or event, which begins at byte `start` of its document.
fn read_pieces(
    answer: &Document<'_>,
    start: usize,
    pieces: &mut Vec<Piece>,
    limits: &ReadLimits,
) -> Result<(), ReadError> {
    ANSWER.walk(answer, &mut |leaf: &Leaf<'_, '_>| {
        if pieces.len() >= limits.parts {
            return Err(members::too_many(limits));
        }
        let mut piece = piece(leaf, answer.root());
        piece.raw = piece.raw.start + start..piece.raw.end + start;
        pieces.push(piece);
        Ok(())
    })
}

/// A string of an answer.
fn piece(leaf: &Leaf<'_, '_>, answer: Value<'_>) -> Piece {
    use Step::{Index, Known};
    let [Known("candidates"), Index(at), rest @ ..] = leaf.path else {
        return aside(leaf, 0, leaf.path);
    };
    let candidate = candidates(answer).nth(*at);
    let choice = candidate.and_then(|candidate| index(candidate, *at).ok());
    let choice = choice.unwrap_or(0);
    let [Known("content"), Known("parts"), Index(number), rest @ ..] = rest else {
        return aside(leaf, choice, rest);
    };
    let part = candidate
        .and_then(|candidate| candidate.get("content"))
        .and_then(|content| content.get("parts"))
        .and_then(|parts| parts.children().nth(*number));
    let thought = part.and_then(|part| part.get("thought"));
    let is_thought = thought.is_some_and(|thought| thought.raw_text() == "true");
    let call = TOOLS + 2 * u32::try_from((*number).min(MAX_PART)).unwrap_or(0);
    let (field, media, apart) = match rest {
        [Known("functionCall"), Known("args"), ..] => (call + 1, Media::ToolArguments, true),
        _ if leaf.place == Place::Key => return aside(leaf, choice, rest),
        [Known("text")] if is_thought => (THINKING, Media::Reasoning, false),
        [Known("text")] => (CONTENT, Media::Text, false),
        [Known("functionCall"), Known("name")] => (call, Media::Name, true),
        [Known("executableCode"), Known("code")] => (CODE, Media::ToolArguments, false),
        [Known("codeExecutionResult"), Known("output")] => (CODE + 1, Media::Aside, false),
        _ => return aside(leaf, choice, rest),
    };
    Piece {
        lane: Lane { choice, field },
        media,
        text: leaf.text.to_string(),
        raw: leaf.raw.clone(),
        apart,
    }
}

/// A string beside the answer's own words.
fn aside(leaf: &Leaf<'_, '_>, choice: u32, path: &[Step<'_>]) -> Piece {
    let lane = members::unnamed_lane(path);
    let (field, media) = match leaf.place {
        Place::Value => (lane, Media::Aside),
        Place::Key => (lane ^ 1, Media::Name),
    };
    Piece {
        lane: Lane { choice, field },
        media,
        text: leaf.text.to_string(),
        raw: leaf.raw.clone(),
        apart: true,
    }
}

/// A candidate that no model gave; one that has not ended has no reason.
fn candidate_of(choice: u32, text: &str, ending: Option<Ending>) -> Json {
    let content = json!({"role": "model", "parts": [{"text": text}]});
    let mut candidate = json!({"index": choice, "content": content});
    match ending {
        None => {}
        Some(Ending::Filtered) => candidate["finishReason"] = json!("SAFETY"),
        Some(Ending::Supported) => candidate["finishReason"] = json!("STOP"),
    }
    candidate
}

fn answer_of(envelope: &Envelope, candidates: Vec<Json>) -> Json {
    json!({
        "candidates": candidates, "modelVersion": envelope.model, "responseId": envelope.id,
    })
}

fn fault_of(fault: &Fault) -> Json {
    let mut body = error_of(fault.status, &fault.message);
    body["wardgate"] = json!({"exchange": fault.exchange, "code": fault.code});
    body
}

/// Google's error object: its code is the status, its status a word.
fn error_of(status: u16, message: &str) -> Json {
    let word = match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        429 => "RESOURCE_EXHAUSTED",
        502 | 503 => "UNAVAILABLE",
        400..500 => "INVALID_ARGUMENT",
        _ => "INTERNAL",
    };
    json!({"error": {"code": status, "message": message, "status": word}})
}
