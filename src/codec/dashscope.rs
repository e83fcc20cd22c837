//! DashScope's own API for Qwen: text generation and multimodal generation, whole and streamed.
//!
//! Turns: the message's index; what is not said in a message shares that of the last user message,
//! tools and formats the turn after the last one.
//! Lanes of a choice: [`CONTENT`], [`THINKING`], and from [`TOOLS`] on two per tool call: its name
//! and its arguments.
//!
//! Events tell a text piece by piece or, without `incremental_output`, all of it each time: see
//! [`Telling`]. Where a request says neither, the model decides, and the second event that tells a
//! text shows which it was.
//!
//! Limit: answers that tell all of it each time may have one choice. Sound, films and files
//! are refused.

use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use serde_json::{Value as Json, json};

use super::dashscope_fields::FIELDS;
use super::dashscope_shape::{self as shape, Shape};
use super::json::{Document, Kind, Value};
use super::members::{self, WRITE_LIMITS, refuse};
use super::splice::{self, Splice, splice};
use super::table::{Leaf, Place, Side, Step, Table};
use super::{
    Ask, Codec, Delta, Edit, Ending, Envelope, Fault, Field, Lane, Piece, ReadError, ReadLimits,
    Refusal, RefusalStyle, Reply, Telling, openai_reply, sse,
};
use crate::message::{Media, Output, Part, Role};

/// Lane of the words that the reader sees.
pub const CONTENT: u32 = 0;
/// Lane of visible thoughts.
pub const THINKING: u32 = 1;
/// First lane of the first tool call.
pub const TOOLS: u32 = 16;

/// Calls beyond this many share the last lanes: together they are judged all the more.
const MAX_CALL: usize = 1 << 20;

/// Members of an answer's output, by the form that it has (`result_format`).
const TEXT: &str = "text";
const CHOICES: &str = "choices";

/// DashScope's own code of what its filter stopped.
pub(super) const FILTERED: &str = "DataInspectionFailed";

/// What the names of models that paint begin with.
const PAINTERS: [&str; 3] = ["qwen-image", "wan", "z-image"];

static REQUEST: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Request));
static ANSWER: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Answer));

/// The dialect, in its two forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DashScope {
    /// Words: content is a string.
    Text,
    /// Words and pictures: content is a list of parts.
    Multimodal,
}

impl Codec for DashScope {
    fn name(&self) -> &'static str {
        match self {
            Self::Text => "dashscope.text",
            Self::Multimodal => "dashscope.multimodal",
        }
    }

    fn paths(&self) -> &'static [&'static str] {
        match self {
            Self::Text => &["/api/v1/services/aigc/text-generation/generation"],
            Self::Multimodal => &["/api/v1/services/aigc/multimodal-generation/generation"],
        }
    }

    fn streams(&self, _: &str, headers: &HeaderMap) -> bool {
        let says = |name: &str, wanted: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.is_some_and(|value| value.contains(wanted))
        };
        says("x-dashscope-sse", "enable") || says("accept", "text/event-stream")
    }

    fn telling(&self, body: &[u8]) -> Telling {
        let Ok(document) = Document::parse(body, &WRITE_LIMITS) else {
            return Telling::Unsaid;
        };
        let parameters = document.root().get("parameters");
        let incremental = parameters.and_then(|all| all.get("incremental_output"));
        match incremental.map(|value| value.raw_text()) {
            Some("true") => Telling::Pieces,
            _ => Telling::Unsaid,
        }
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn read(&self, _: &str, body: &Bytes, limits: &ReadLimits) -> Result<Ask, ReadError> {
        let document = Document::parse(body, limits)?;
        let root = members::root(&document)?;
        let shape = shape::read(root)?;
        let model = members::required_text(root, "model")?;
        let mut parts = Vec::with_capacity(shape.roles.len() + 4);
        REQUEST.walk(&document, &mut |leaf: &Leaf<'_, '_>| {
            if parts.len() >= limits.parts {
                return Err(members::too_many(limits));
            }
            if !members::is_schema_word(leaf, &["parameters"]) {
                parts.push(part(leaf, &shape));
            }
            Ok(())
        })?;
        let paints = PAINTERS.iter().any(|name| model.starts_with(name));
        let guidance_at = shape.messages.or(shape.prompt);
        Ok(Ask {
            parts,
            stream: true,
            output: match (paints, shape.shows) {
                (false, _) => Output::Text,
                (true, false) => Output::Image,
                (true, true) => Output::ImageEdit,
            },
            model,
            choices: shape.choices,
            guidance_at: guidance_at.map_or(0..0, |value| value.raw()),
        })
    }

    /// Guidance is a first system message, or follows the lone prompt.
    fn write(
        &self,
        _: &str,
        body: &Bytes,
        ask: &Ask,
        edits: &[Edit],
        guidance: Option<&str>,
    ) -> Result<Bytes, ReadError> {
        let at = ask.guidance_at.clone();
        let Some(text) = guidance.filter(|_| body.get(at.start) == Some(&b'[')) else {
            return members::write_guided(body, ask, edits, guidance);
        };
        let message = json!({"role": "system", "content": self.content(text)});
        let mut splices: Vec<_> = edits.iter().map(Splice::literal).collect();
        splices.push(members::put_first(body, &at, &message.to_string()));
        splice(body, splices)
    }

    fn read_answer(&self, body: &[u8], limits: &ReadLimits) -> Result<Vec<Piece>, ReadError> {
        let document = Document::parse(body, limits)?;
        let root = members::root(&document)?;
        shape::check_answer(root)?;
        members::gather(&ANSWER, &document, limits, |leaf| piece(leaf, root))
    }

    fn write_answer(&self, body: &[u8], edits: &[Edit]) -> Result<Bytes, ReadError> {
        let document = Document::parse(body, &WRITE_LIMITS)?;
        let choices = shape::choices_of(members::root(&document)?);
        let logprobs = choices.filter_map(|choice| choice.get("logprobs"));
        splice::edited_blanking(body, edits, logprobs)
    }

    fn end_answer(
        &self,
        body: &[u8],
        choice: u32,
        text: &str,
        ending: Ending,
    ) -> Result<Bytes, ReadError> {
        let document = Document::parse(body, &WRITE_LIMITS)?;
        let root = members::root(&document)?;
        if root.get("output").is_none() {
            let ended = json!({"code": FILTERED, "message": text});
            return Ok(Bytes::from(ended.to_string()));
        }
        let output = root.get("output").into_iter();
        let mut splices = Vec::new();
        for member in output.flat_map(|output| output.children()) {
            let bytes = match (&*member.key()?, member.kind()) {
                ("text", Kind::Text) => json!(text),
                ("finish_reason", Kind::Text) => json!(openai_reply::finish_reason(ending)),
                ("search_info", _) => json!(null),
                _ => continue,
            };
            let (at, bytes) = (member.raw(), bytes.to_string());
            splices.push(Splice { at, bytes });
        }
        for (position, value) in shape::choices_of(root).enumerate() {
            if shape::index(value, position)? == choice {
                let (at, bytes) = (
                    value.raw(),
                    self.choice(choice, text, Some(ending)).to_string(),
                );
                splices.push(Splice { at, bytes });
            }
        }
        splice(body, splices)
    }

    fn read_event(
        &self,
        data: &str,
        envelope: &mut Envelope,
        limits: &ReadLimits,
    ) -> Result<Delta, ReadError> {
        let document = Document::parse(data.as_bytes(), limits)?;
        let root = members::root(&document)?;
        shape::check_answer(root)?;
        if envelope.id.is_empty() {
            envelope.id = members::optional_text(root, "request_id")?.unwrap_or_default();
        }
        let mut delta = Delta {
            error: root.get("output").is_none(),
            ..Delta::default()
        };
        let mut seen = |choice: u32, of: Value<'_>| -> Result<(), ReadError> {
            match shape::finish_reason(of)? {
                Some(_) => members::choice_ends(envelope, &mut delta, choice),
                None => members::choice_goes_on(envelope, choice)?,
            }
            Ok(())
        };
        let output = root.get("output");
        let form = [CHOICES, TEXT]
            .into_iter()
            .find(|name| output.is_some_and(|output| output.get(name).is_some()));
        if let (Some(output), None | Some(TEXT)) = (output, form) {
            seen(0, output)?;
        }
        for (position, choice) in shape::choices_of(root).enumerate() {
            seen(shape::index(choice, position)?, choice)?;
        }
        // An envelope's items say which form the stream has: ours have to be like it.
        if envelope.items.is_empty() {
            envelope.items.extend(form.map(str::to_owned));
        }
        delta.pieces = members::gather(&ANSWER, &document, limits, |leaf| piece(leaf, root))?;
        if !delta.error {
            leave_new(&mut delta.pieces, envelope)?;
        }
        Ok(delta)
    }

    fn write_event(&self, data: &str, edits: &[Edit]) -> Result<String, ReadError> {
        members::event_of(self.write_answer(data.as_bytes(), edits)?)
    }

    fn say(&self, envelope: &mut Envelope, choice: u32, text: &str) -> Bytes {
        let told = told(envelope, text);
        if envelope.telling != Telling::Pieces {
            envelope.said += text;
        }
        self.event(envelope, vec![(choice, told, None)])
    }

    fn end_stream(&self, envelope: &Envelope, choice: u32, text: &str, ending: Ending) -> Bytes {
        let mut out = BytesMut::new();
        if !text.is_empty() {
            let said = vec![(choice, told(envelope, text), None)];
            out.extend_from_slice(&self.event(envelope, said));
        }
        let ended = openai_reply::ending_choices(envelope, choice).into_iter();
        let last = match envelope.telling {
            Telling::Pieces => String::new(),
            Telling::Whole | Telling::Unsaid => told(envelope, text),
        };
        let ended = ended.map(|choice| (choice, last.clone(), Some(ending)));
        out.extend_from_slice(&self.event(envelope, ended.collect()));
        out.freeze()
    }

    fn refuse(&self, ask: &Ask, refusal: &Refusal) -> Reply {
        // Help is never an error: an app would show its own "something went wrong" instead. A
        // picture cannot say why it is missing.
        let error = refusal.style == RefusalStyle::Error && refusal.ending == Ending::Filtered;
        if error || ask.output != Output::Text {
            return refusal_error(refusal);
        }
        let said = |choice| (choice, refusal.text.clone(), Some(refusal.ending));
        let mut body = self.answer(&refusal.exchange, (0..ask.choices).map(said).collect());
        body["wardgate"] = openai_reply::mark(refusal);
        match ask.stream {
            false => openai_reply::document_reply(200, &body),
            true => Reply {
                status: 200,
                content_type: "text/event-stream;charset=UTF-8",
                body: framed(&body),
            },
        }
    }

    fn fail_stream(&self, _: &Envelope, fault: &Fault) -> Bytes {
        // Its SDK knows an error by these very bytes: no blank behind the colon.
        Bytes::from(format!("event:error\ndata:{}\n\n", error_of(fault)))
    }

    fn error(&self, fault: &Fault) -> Reply {
        openai_reply::document_reply(fault.status, &error_of(fault))
    }
}

impl DashScope {
    fn content(self, text: &str) -> Json {
        match self {
            Self::Text => json!(text),
            Self::Multimodal => json!([{"text": text}]),
        }
    }

    /// A choice that no model gave.
    fn choice(self, choice: u32, text: &str, ending: Option<Ending>) -> Json {
        let message = json!({"role": "assistant", "content": self.content(text)});
        let mut value = json!({"finish_reason": reason(ending), "message": message});
        if choice > 0 {
            value["index"] = json!(choice);
        }
        value
    }

    /// An event of ours in the form that the stream has.
    fn event(self, envelope: &Envelope, said: Vec<(u32, String, Option<Ending>)>) -> Bytes {
        let mut body = self.answer(&envelope.id, said);
        let others: &[&str] = match envelope.items.first().map(String::as_str) {
            Some(TEXT) => &[CHOICES],
            Some(CHOICES) => &[TEXT, "finish_reason"],
            _ => &[],
        };
        for name in others {
            body["output"]
                .as_object_mut()
                .map(|output| output.remove(*name));
        }
        framed(&body)
    }

    /// An answer of ours in both of DashScope's forms at once: nobody knows which one the caller
    /// reads (`result_format`).
    fn answer(self, id: &str, said: Vec<(u32, String, Option<Ending>)>) -> Json {
        let mut output = json!({"text": "", "finish_reason": "null"});
        let mut choices = Vec::with_capacity(said.len());
        for (choice, text, ending) in said {
            if choice == 0 {
                output["text"] = json!(text);
                output["finish_reason"] = json!(reason(ending));
            }
            choices.push(self.choice(choice, &text, ending));
        }
        output["choices"] = json!(choices);
        json!({"output": output, "usage": {}, "request_id": id})
    }
}

fn reason(ending: Option<Ending>) -> &'static str {
    ending.map_or("null", openai_reply::finish_reason)
}

/// A text as the next event tells it.
fn told(envelope: &Envelope, text: &str) -> String {
    match envelope.telling {
        Telling::Pieces => text.to_owned(),
        Telling::Whole | Telling::Unsaid => format!("{}{text}", envelope.said),
    }
}

/// Leaves of each piece what is new in it, where events tell all of a text.
fn leave_new(pieces: &mut [Piece], envelope: &mut Envelope) -> Result<(), ReadError> {
    if envelope.telling == Telling::Pieces {
        return Ok(());
    }
    let mut here: Vec<Lane> = Vec::new();
    for piece in pieces.iter_mut().filter(|piece| piece.media != Media::Name) {
        let known = envelope
            .told
            .iter()
            .position(|(lane, _)| *lane == piece.lane);
        let before = known.map_or("", |at| &envelope.told[at].1);
        let grown = piece.text.strip_prefix(before).map(str::to_owned);
        match (envelope.telling, known, &grown) {
            (_, None, _) => {}
            (Telling::Unsaid, Some(_), Some(_)) => envelope.telling = Telling::Whole,
            (Telling::Unsaid, Some(_), None) => {
                envelope.telling = Telling::Pieces;
                return Ok(());
            }
            (_, Some(_), Some(_)) => {}
            (_, Some(_), None) => {
                let why = "an event takes back what one before it said";
                return Err(refuse("unknown_shape", why));
            }
        }
        if here.contains(&piece.lane) || piece.lane.choice > 0 {
            let why = "ask with incremental_output: true; events that repeat a text cannot be \
                       followed where there are several";
            return Err(refuse("unsupported_field", why));
        }
        here.push(piece.lane);
        // What is new may go on within a word.
        piece.apart &= known.is_none();
        let whole = std::mem::replace(&mut piece.text, grown.unwrap_or_default());
        match known {
            Some(at) => envelope.told[at].1 = whole,
            None => envelope.told.push((piece.lane, whole)),
        }
    }
    Ok(())
}

fn part(leaf: &Leaf<'_, '_>, shape: &Shape<'_>) -> Part {
    use Step::{Index, Known};
    let (role, turn, rest) = match leaf.path {
        [Known("input"), Known("messages"), Index(index), rest @ ..] => {
            let turn = u32::try_from(*index).unwrap_or(u32::MAX);
            (shape.roles[*index], turn, rest)
        }
        [Known("input"), Known("history"), Index(index), rest @ ..] => {
            let turn = u32::try_from(*index).unwrap_or(u32::MAX);
            let role = match rest {
                [Known("bot")] => Role::Assistant,
                _ => Role::User,
            };
            (role, turn, rest)
        }
        path @ [
            Known("parameters"),
            Known("tools" | "tool_choice" | "response_format"),
            ..,
        ] => (Role::System, shape.after, path),
        // Said with the last thing the user said: as a turn of its own it would stand for that.
        path => (Role::User, shape.last, path),
    };
    members::part(leaf, role, turn, media(leaf.place, rest))
}

fn media(place: Place, path: &[Step<'_>]) -> Media {
    use Step::Known;
    match path {
        [
            Known("tool_calls"),
            _,
            Known("function"),
            Known("arguments"),
        ] => Media::ToolArguments,
        _ if place == Place::Key => Media::Name,
        [Known("reasoning_content")] => Media::Reasoning,
        [Known("name")] | [.., Known("function"), Known("name")] => Media::Name,
        _ => Media::Text,
    }
}

/// A string of an answer or an event.
fn piece(leaf: &Leaf<'_, '_>, root: Value<'_>) -> Piece {
    use Step::{Index, Known};
    let number = |at: usize| {
        let choice = shape::choices_of(root).nth(at);
        choice
            .and_then(|choice| shape::index(choice, at).ok())
            .unwrap_or(u32::MAX)
    };
    let (choice, path) = match leaf.path {
        [
            Known("output"),
            Known("choices"),
            Index(at),
            Known("message"),
            rest @ ..,
        ] => (number(*at), rest),
        path => (0, path),
    };
    let call = |at: usize| TOOLS + 2 * u32::try_from(at.min(MAX_CALL)).unwrap_or(0);
    let (field, apart) = match path {
        _ if leaf.place == Place::Key => return members::unnamed_piece(leaf, choice),
        [Known("output"), Known("text")] | [Known("content")] => (CONTENT, false),
        [Known("content"), Index(_), Known("text")] => (CONTENT, false),
        [Known("reasoning_content")] => (THINKING, false),
        [
            Known("tool_calls"),
            Index(at),
            Known("function"),
            Known("name"),
        ] => (call(*at), true),
        [
            Known("tool_calls"),
            Index(at),
            Known("function"),
            Known("arguments"),
        ] => (call(*at) + 1, false),
        _ => return members::unnamed_piece(leaf, choice),
    };
    Piece {
        lane: Lane { choice, field },
        media: match media(leaf.place, path) {
            Media::Text if field != CONTENT => Media::Aside,
            media => media,
        },
        text: leaf.text.to_string(),
        raw: leaf.raw.clone(),
        apart,
    }
}

/// An answer as an event.
fn framed(body: &Json) -> Bytes {
    sse::named_frame("result", &body.to_string())
}

/// A refusal as an error.
pub(super) fn refusal_error(refusal: &Refusal) -> Reply {
    let body = json!({"code": FILTERED, "message": refusal.text, "request_id": refusal.exchange,
        "wardgate": openai_reply::mark(refusal)});
    openai_reply::document_reply(400, &body)
}

/// DashScope's error object.
pub(super) fn error_of(fault: &Fault) -> Json {
    let mark = json!({"exchange": fault.exchange});
    json!({"code": fault.code, "message": fault.message, "request_id": fault.exchange,
        "wardgate": mark})
}
