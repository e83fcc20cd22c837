//! Anthropic messages, and the counting of their tokens.
//!
//! Turns: the message's index; whatever belongs to no message (system, tools, metadata) shares the
//! turn after the last message. An answer is one choice. Its lanes: [`CONTENT`] for the words of all
//! text blocks, [`THINKING`], and from [`TOOLS`] on two per block: `TOOLS + 2 * index` the name of a
//! tool, the next its input. Input that comes as an object is read value by value.
//!
//! Limit: files other than plain text are refused; thoughts and search results that are encrypted cannot be read by anybody here.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::json;

use super::anthropic_fields::FIELDS;
use super::anthropic_reply::{self as reply, Events};
use super::anthropic_shape::{
    Messages, begun_block, check_answer, check_delta, check_system, check_tools,
};
use super::json::{Document, Kind, Value};
use super::members::{self, WRITE_LIMITS, refuse, wrong_type};
use super::splice::{self, Splice, splice};
use super::table::{Leaf, Place, Side, Step, Table};
use super::{
    Ask, Codec, Delta, Edit, Ending, Envelope, Fault, Field, Lane, Open, Piece, ReadError,
    ReadLimits, Refusal, RefusalStyle, Reply, openai_reply,
};
use crate::message::{Media, Part, Role};

/// Lane of the words that the reader sees.
pub const CONTENT: u32 = 0;
/// Lane of visible thoughts.
pub const THINKING: u32 = 1;
/// First lane of the first block's tool.
pub const TOOLS: u32 = 16;

/// Blocks beyond this many share the last lanes: together they are judged all the more.
const MAX_BLOCK: u64 = 1 << 20;

static REQUEST: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Request));
static ANSWER: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Answer));
static EVENT: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Event));

/// The dialect: asking for an answer, or only for the length of a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anthropic {
    /// An answer.
    Messages,
    /// How many tokens a prompt has. It is judged all the same: it goes to the provider.
    CountTokens,
}

impl Codec for Anthropic {
    fn name(&self) -> &'static str {
        match self {
            Self::Messages => "anthropic.messages",
            Self::CountTokens => "anthropic.count_tokens",
        }
    }

    fn paths(&self) -> &'static [&'static str] {
        match self {
            Self::Messages => &["/v1/messages"],
            Self::CountTokens => &["/v1/messages/count_tokens"],
        }
    }

    fn listings(&self) -> &'static [&'static str] {
        &["/v1/models", "/v1/models/{}"]
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn read(&self, _: &str, body: &Bytes, limits: &ReadLimits) -> Result<Ask, ReadError> {
        let document = Document::parse(body, limits)?;
        let root = members::root(&document)?;
        let messages = Messages::read(root)?;
        check_system(root)?;
        check_tools(root)?;
        let mut parts = Vec::with_capacity(messages.said.len() + 4);
        REQUEST.walk(&document, &mut |leaf: &Leaf<'_, '_>| {
            if parts.len() >= limits.parts {
                return Err(members::too_many(limits));
            }
            if !messages.shows(&leaf.raw) && !members::is_schema_word(leaf, &["tools"]) {
                parts.push(part(leaf, &messages));
            }
            Ok(())
        })?;
        Ok(Ask {
            stream: members::flag(root, "stream")?,
            model: members::required_text(root, "model")?,
            guidance_at: members::member_or_place(root, "system"),
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
        let mut edits = edits.to_vec();
        let added = guidance.and_then(|text| guide(body, ask, &mut edits, text));
        let mut splices: Vec<_> = edits.iter().map(Splice::literal).collect();
        splices.extend(added);
        splice(body, splices)
    }

    fn read_answer(&self, body: &[u8], limits: &ReadLimits) -> Result<Vec<Piece>, ReadError> {
        let document = Document::parse(body, limits)?;
        let root = members::root(&document)?;
        match (root.get("content"), root.get("error")) {
            (Some(content), None) if *self == Self::Messages => check_answer(content)?,
            (None, None) if *self == Self::CountTokens && root.get("input_tokens").is_some() => {}
            (None, Some(_)) => {}
            _ => {
                let message = "the answer has neither content nor an error";
                return Err(refuse("unknown_shape", message));
            }
        }
        let mut pieces = Vec::new();
        ANSWER.walk(&document, &mut |leaf: &Leaf<'_, '_>| {
            if pieces.len() >= limits.parts {
                return Err(members::too_many(limits));
            }
            let sorted = match leaf.path {
                [Step::Known("content"), Step::Index(index), rest @ ..] => {
                    sort(leaf, *index as u64, rest)
                }
                _ => Sorted::unnamed(leaf),
            };
            pieces.push(sorted.piece(leaf));
            Ok(())
        })?;
        Ok(pieces)
    }

    fn end_answer(
        &self,
        body: &[u8],
        _: u32,
        text: &str,
        ending: Ending,
    ) -> Result<Bytes, ReadError> {
        let document = Document::parse(body, &WRITE_LIMITS)?;
        let root = members::root(&document)?;
        let Some(content) = root.get("content") else {
            return Err(refuse("bad_edit", "the answer has no content"));
        };
        let envelope = learned(root)?;
        let stop = Some(reply::stop_reason(ending));
        let whole = reply::message(&envelope, json!([reply::text_block(text)]), stop);
        let mut splices = vec![Splice {
            at: content.raw(),
            bytes: whole["content"].to_string(),
        }];
        for name in ["stop_reason", "stop_sequence", "stop_details"] {
            let mut members = root.children();
            let member = members.find(|member| member.key().is_ok_and(|key| key == name));
            let value = if name == "stop_reason" {
                json!(stop)
            } else {
                json!(null)
            };
            splices.extend(member.map(|member| Splice {
                at: member.raw(),
                bytes: value.to_string(),
            }));
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
        let kind = members::optional_text(root, "type")?.unwrap_or_default();
        let mut delta = Delta::default();
        follow(&kind, root, envelope, &mut delta)?;
        let index = root.get("index").and_then(|index| index.number());
        EVENT.walk(&document, &mut |leaf: &Leaf<'_, '_>| {
            if delta.pieces.len() >= limits.parts {
                return Err(members::too_many(limits));
            }
            let sorted = match (index, leaf.path) {
                (Some(index), [Step::Known("content_block" | "delta"), rest @ ..]) => {
                    sort(leaf, index, rest)
                }
                _ => Sorted::unnamed(leaf),
            };
            delta.pieces.push(sorted.piece(leaf));
            Ok(())
        })?;
        Ok(delta)
    }

    fn write_event(&self, data: &str, edits: &[Edit]) -> Result<String, ReadError> {
        members::write_event(data, edits)
    }

    fn say(&self, envelope: &mut Envelope, _: u32, text: &str) -> Bytes {
        let mut events = Events::default();
        events.say(envelope, text);
        events.finish()
    }

    fn end_stream(&self, envelope: &Envelope, _: u32, text: &str, ending: Ending) -> Bytes {
        let mut events = Events::default();
        let mut envelope = envelope.clone();
        if !envelope.progress.begun {
            let message = reply::message(&envelope, json!([]), None);
            events.begin(&mut envelope, message);
        }
        if !text.is_empty() {
            events.say(&mut envelope, text);
        }
        events.close_block(&mut envelope);
        events.end(ending)
    }

    fn refuse(&self, ask: &Ask, refusal: &Refusal) -> Reply {
        // A count cannot say anything; help is never an error where an answer can be given.
        let as_error = refusal.style == RefusalStyle::Error && refusal.ending == Ending::Filtered;
        if as_error || *self == Self::CountTokens {
            return reply::refusal_error(refusal);
        }
        let mut envelope = openai_reply::own_envelope("msg", &ask.model, refusal);
        let mark = openai_reply::mark(refusal);
        if !ask.stream {
            let stop = Some(reply::stop_reason(refusal.ending));
            let content = json!([reply::text_block(&refusal.text)]);
            let mut body = reply::message(&envelope, content, stop);
            body["wardgate"] = mark;
            return openai_reply::document_reply(200, &body);
        }
        let mut events = Events::default();
        let mut message = reply::message(&envelope, json!([]), None);
        message["wardgate"] = mark;
        events.begin(&mut envelope, message);
        events.say(&mut envelope, &refusal.text);
        Reply {
            status: 200,
            content_type: "text/event-stream; charset=utf-8",
            body: events.end(refusal.ending),
        }
    }

    fn fail_stream(&self, _: &Envelope, fault: &Fault) -> Bytes {
        reply::fault_event(fault)
    }

    fn error(&self, fault: &Fault) -> Reply {
        reply::fault(fault)
    }
}

/// Adds guidance to the system prompt: to its text by an edit, else by the splice it returns.
fn guide(body: &[u8], ask: &Ask, edits: &mut Vec<Edit>, text: &str) -> Option<Splice> {
    let at = &ask.guidance_at;
    if body.get(at.start) == Some(&b'[') && !at.is_empty() {
        let block = format!("{{\"type\":\"text\",\"text\":{}}}", splice::quote(text));
        return Some(members::put_last(body, at, &block));
    }
    members::guide_member(ask, edits, "system", text)
}

fn part(leaf: &Leaf<'_, '_>, messages: &Messages<'_>) -> Part {
    let after = u32::try_from(messages.said.len()).unwrap_or(u32::MAX);
    let (role, turn, rest) = match leaf.path {
        [Step::Known("messages"), Step::Index(index), rest @ ..] => {
            let said = &messages.said[*index];
            let role = match rest {
                [Step::Known("content"), Step::Index(block), ..] => said.role_of(*block),
                _ => said.role,
            };
            (role, u32::try_from(*index).unwrap_or(u32::MAX), rest)
        }
        path => (Role::System, after, path),
    };
    members::part(leaf, role, turn, media(leaf.place, rest))
}

fn media(place: Place, path: &[Step<'_>]) -> Media {
    use Step::Known;
    match path {
        [Known("content"), _, Known("input"), ..] => Media::ToolArguments,
        _ if place == Place::Key => Media::Name,
        [Known("content"), _, Known("thinking")] => Media::Reasoning,
        [
            Known("content"),
            _,
            Known("name" | "id" | "tool_use_id" | "title"),
        ]
        | [Known("tools"), _, Known("name")]
        | [Known("tool_choice"), Known("name")]
        | [Known("metadata"), ..] => Media::Name,
        _ => Media::Text,
    }
}

/// Where a string of an answer belongs.
struct Sorted {
    field: u32,
    media: Media,
    apart: bool,
}

impl Sorted {
    fn of(field: u32, media: Media) -> Self {
        let apart = false;
        Self {
            field,
            media,
            apart,
        }
    }

    /// A place without a number: each string there stands alone.
    fn unnamed(leaf: &Leaf<'_, '_>) -> Self {
        let lane = members::unnamed_lane(leaf.path);
        let (field, media) = match leaf.place {
            Place::Value => (lane, Media::Aside),
            Place::Key => (lane ^ 1, Media::Name),
        };
        let apart = true;
        Self {
            field,
            media,
            apart,
        }
    }

    fn piece(self, leaf: &Leaf<'_, '_>) -> Piece {
        Piece {
            lane: Lane {
                choice: 0,
                field: self.field,
            },
            media: self.media,
            text: leaf.text.to_string(),
            raw: leaf.raw.clone(),
            apart: self.apart,
        }
    }
}

/// Where a string of the block at `index` belongs; `path` leads from the block to it.
fn sort(leaf: &Leaf<'_, '_>, index: u64, path: &[Step<'_>]) -> Sorted {
    use Step::Known;
    let index = u32::try_from(index.min(MAX_BLOCK)).unwrap_or(u32::MAX >> 2);
    let tool = TOOLS + 2 * index;
    match path {
        [Known("input"), ..] => Sorted {
            apart: true,
            ..Sorted::of(tool + 1, Media::ToolArguments)
        },
        _ if leaf.place == Place::Key => Sorted::unnamed(leaf),
        [Known("text")] => Sorted::of(CONTENT, Media::Text),
        [Known("thinking")] => Sorted::of(THINKING, Media::Reasoning),
        [Known("name")] => Sorted::of(tool, Media::Name),
        [Known("partial_json")] => Sorted::of(tool + 1, Media::ToolArguments),
        _ => Sorted::unnamed(leaf),
    }
}

/// What an event does to the stream.
///
/// # Errors
/// An event, a block or a delta of an unknown type.
fn follow(
    kind: &str,
    root: Value<'_>,
    envelope: &mut Envelope,
    delta: &mut Delta,
) -> Result<(), ReadError> {
    match kind {
        "message_start" => {
            let message = root.get("message").filter(|one| one.kind() == Kind::Object);
            let message = message.ok_or_else(|| wrong_type("/message", "an object"))?;
            if let Some(content) = message.get("content") {
                check_answer(content)?;
            }
            let learned = learned(message)?;
            (envelope.id, envelope.model) = (learned.id, learned.model);
            envelope.open = vec![0];
            envelope.progress.begun = true;
        }
        "content_block_start" => {
            let is_text = begun_block(root)? == "text";
            envelope.progress.open = if is_text { Open::Text } else { Open::Other };
            envelope.progress.blocks = index(root)?.saturating_add(1);
        }
        "content_block_delta" => {
            index(root)?;
            check_delta(root)?;
        }
        "content_block_stop" => envelope.progress.open = Open::Nothing,
        "message_delta" => {
            let changes = root.get("delta");
            if changes.is_some_and(|changes| changes.get("stop_reason").is_some()) {
                delta.ended.push(0);
                envelope.open.clear();
            }
        }
        "message_stop" => delta.done = true,
        "ping" => {}
        "error" => delta.error = true,
        _ => return Err(refuse("unknown_event", "an event's /type is not known")),
    }
    Ok(())
}

/// The block that an event is about.
fn index(event: Value<'_>) -> Result<u32, ReadError> {
    let index = event.get("index").and_then(|index| index.number());
    index
        .and_then(|index| u32::try_from(index).ok())
        .ok_or_else(|| wrong_type("/index", "a whole number"))
}

/// What our own events must repeat of a message.
fn learned(message: Value<'_>) -> Result<Envelope, ReadError> {
    Ok(Envelope {
        id: members::optional_text(message, "id")?.unwrap_or_default(),
        model: members::optional_text(message, "model")?.unwrap_or_default(),
        ..Envelope::default()
    })
}
