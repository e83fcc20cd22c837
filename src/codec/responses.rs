//! OpenAI responses.
//!
//! Turns: the item's index; whatever belongs to no item (instructions, tools, `user`) shares the turn
//! after the last. An answer is one choice. A stream says its words up to five times: as deltas, in
//! the event that ends them, their part, their item, the response. Each telling is a text of its own
//! (see [`Telling`]), so that all are judged and what is withheld from one is withheld from all.
//!
//! Limit: an earlier response is joined or refused by whoever calls (see [`Codec::thread`]); what else
//! is said out of sight (a stored prompt or conversation, an
//! answer fetched later) is refused.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::json;

use super::json::{Document, Kind, Value};
use super::members::{self, WRITE_LIMITS, refuse, wrong_type};
use super::response_events::{self, Manner, Words};
use super::responses_fields::FIELDS;
use super::responses_reply::{self as reply, Numbered};
use super::responses_shape::{self as shape, CONTENT_PARTS, SUMMARY_PARTS};
use super::responses_thread as thread;
use super::splice::{Splice, splice};
use super::table::{Leaf, Place, Side, Step, Table};
use super::{
    Ask, Codec, Delta, Edit, Ending, Envelope, Fault, Field, Framing, Kept, Lane, Open, Piece,
    ReadError, ReadLimits, Refusal, RefusalStyle, Reply, Thread, openai_reply,
};
use crate::message::{Media, Part, Role};

/// Text of the words that the reader sees.
const CONTENT: u32 = 0;
/// Text of the model's own refusal.
const REFUSAL: u32 = 1;
/// Text of the summary of its thoughts.
const SUMMARY: u32 = 2;
/// Text of its thoughts.
const REASONING: u32 = 3;
/// Text of the first item's tool name; its arguments follow, then the next item's.
const TOOLS: u32 = 16;

/// Items of one answer. A model's answers have a handful; an item's number is also an index of ours.
const MAX_ITEMS: u64 = 4_096;

/// Which telling of the words: part of a lane's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    /// The only one of a document; the deltas of a stream.
    First,
    /// `*.done` of a text.
    Text,
    /// `*_part.done`.
    Part,
    /// `output_item.done`.
    Item,
    /// The whole response.
    Whole,
    /// The item in its conversation, where there is one over several responses.
    Conversation,
}

static REQUEST: LazyLock<Table> = LazyLock::new(|| Table::new(&FIELDS, Side::Request));
static ANSWER: LazyLock<Table> = LazyLock::new(|| Table::new(&FIELDS, Side::Answer));
static EVENT: LazyLock<Table> = LazyLock::new(|| Table::new(&FIELDS, Side::Event));

/// The dialect.
#[derive(Debug, Clone, Copy)]
pub struct Responses;

impl Codec for Responses {
    fn name(&self) -> &'static str {
        "openai.responses"
    }

    fn paths(&self) -> &'static [&'static str] {
        &["/v1/responses"]
    }

    fn fields(&self) -> &'static [Field] {
        &FIELDS
    }

    fn thread(&self, body: &[u8]) -> Result<Option<Thread>, ReadError> {
        thread::thread(body).map(Some)
    }

    fn lasts(&self, part: &Part) -> bool {
        thread::lasts(part)
    }

    fn kept(
        &self,
        answer: &[u8],
        framing: Option<Framing>,
        limits: &ReadLimits,
    ) -> Result<Option<Kept>, ReadError> {
        thread::kept(answer, framing, limits)
    }

    fn read(&self, _: &str, body: &Bytes, limits: &ReadLimits) -> Result<Ask, ReadError> {
        let document = Document::parse(body, limits)?;
        let root = members::root(&document)?;
        let roles = shape::read_input(root)?;
        shape::check_tools(root)?;
        shape::check_background(root)?;
        let mut parts = Vec::with_capacity(roles.len() + 4);
        REQUEST.walk(&document, &mut |leaf: &Leaf<'_, '_>| {
            if parts.len() >= limits.parts {
                return Err(members::too_many(limits));
            }
            if !members::is_schema_word(leaf, &["tools", "text"]) {
                parts.push(part(leaf, &roles));
            }
            Ok(())
        })?;
        Ok(Ask {
            stream: members::flag(root, "stream")?,
            model: members::required_text(root, "model")?,
            guidance_at: members::member_or_place(root, "instructions"),
            ..Ask::of(parts)
        })
    }

    /// Guidance follows the instructions, or becomes them.
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
        let added =
            guidance.and_then(|text| members::guide_member(ask, &mut edits, "instructions", text));
        let mut splices: Vec<_> = edits.iter().map(Splice::literal).collect();
        splices.extend(added);
        splice(body, splices)
    }

    fn read_answer(&self, body: &[u8], limits: &ReadLimits) -> Result<Vec<Piece>, ReadError> {
        let document = Document::parse(body, limits)?;
        let root = members::root(&document)?;
        match (root.get("output"), root.get("error")) {
            (Some(output), _) => shape::check_output(output)?,
            (None, Some(_)) => {}
            (None, None) => {
                let message = "the answer has neither output nor an error";
                return Err(refuse("unknown_shape", message));
            }
        }
        members::gather(&ANSWER, &document, limits, |leaf| match leaf.path {
            [Step::Known("output"), Step::Index(item), rest @ ..] => {
                said(leaf, *item as u64, rest, Telling::First)
            }
            _ => members::unnamed_piece(leaf, 0),
        })
    }

    fn write_answer(&self, body: &[u8], edits: &[Edit]) -> Result<Bytes, ReadError> {
        members::edited_without(body, edits, &["logprobs"])
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
        if root.get("output").is_none() {
            return Err(refuse("bad_edit", "the answer has no output"));
        }
        let (status, details) = response_events::ended(Numbered, ending);
        let mut envelope = Envelope::default();
        learn(root, &mut envelope)?;
        let message = own_message(&envelope, 0, text);
        let splices = root.children().filter_map(|member| {
            let key = member.key().ok()?;
            let value = match &*key {
                "output" => json!([message]),
                "status" => status.clone(),
                "incomplete_details" => details.clone(),
                _ => return None,
            };
            let (at, bytes) = (member.raw(), value.to_string());
            Some(Splice { at, bytes })
        });
        splice(body, splices.collect())
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
        let event = follow(&kind, root, envelope, &mut delta)?;
        let index = root.get("output_index").and_then(|index| index.number());
        delta.pieces = members::gather(&EVENT, &document, limits, |leaf| {
            event.piece(leaf, index.unwrap_or(0))
        })?;
        Ok(delta)
    }

    fn write_event(&self, data: &str, edits: &[Edit]) -> Result<String, ReadError> {
        members::event_of(self.write_answer(data.as_bytes(), edits)?)
    }

    fn repeats(&self) -> bool {
        true
    }

    /// The response that ends a stream repeats its items: those of ours have to be among them.
    fn add_said(
        &self,
        data: &str,
        envelope: &Envelope,
        said: &[String],
    ) -> Result<String, ReadError> {
        let first = envelope.progress.blocks.saturating_sub(said.len() as u32);
        let item = |(index, text): (u32, &String)| own_message(envelope, index, text);
        members::with_output(data, (first..).zip(said).map(item))
    }

    fn say(&self, envelope: &mut Envelope, _: u32, text: &str) -> Bytes {
        response_events::say(Numbered, envelope, text)
    }

    fn end_stream(&self, envelope: &Envelope, _: u32, text: &str, ending: Ending) -> Bytes {
        response_events::end(Numbered, envelope, text, ending, json!(null))
    }

    fn refuse(&self, ask: &Ask, refusal: &Refusal) -> Reply {
        // Help is never an error: an app would show its own "something went wrong" instead.
        if refusal.style == RefusalStyle::Error && refusal.ending == Ending::Filtered {
            return openai_reply::refusal_error(refusal, "invalid_request_error", "content_filter");
        }
        let envelope = openai_reply::own_envelope("resp", &ask.model, refusal);
        let mark = openai_reply::mark(refusal);
        let (text, ending) = (&refusal.text, refusal.ending);
        if !ask.stream {
            let mut body = response_events::whole(Numbered, &envelope, text, ending);
            body["wardgate"] = mark;
            return openai_reply::document_reply(200, &body);
        }
        Reply {
            status: 200,
            content_type: "text/event-stream; charset=utf-8",
            body: response_events::end(Numbered, &envelope, text, ending, mark),
        }
    }

    fn fail_stream(&self, envelope: &Envelope, fault: &Fault) -> Bytes {
        reply::fail(envelope, fault)
    }

    fn error(&self, fault: &Fault) -> Reply {
        openai_reply::fault(fault)
    }
}

/// A whole message of ours.
fn own_message(envelope: &Envelope, index: u32, text: &str) -> serde_json::Value {
    let said = Words {
        text,
        spoken: false,
    };
    Numbered.message(&Numbered.own_id(envelope, index), "completed", Some(said))
}

fn part(leaf: &Leaf<'_, '_>, roles: &[Role]) -> Part {
    let after = u32::try_from(roles.len()).unwrap_or(u32::MAX);
    let (role, turn, rest) = match leaf.path {
        [Step::Known("input"), Step::Index(index), rest @ ..] => {
            let turn = u32::try_from(*index).unwrap_or(u32::MAX);
            (roles[*index], turn, rest)
        }
        [Step::Known("input"), rest @ ..] => (Role::User, 0, rest),
        path => (Role::System, after, path),
    };
    members::part(leaf, role, turn, media(leaf.place, rest))
}

fn media(place: Place, path: &[Step<'_>]) -> Media {
    use Step::Known;
    match path {
        _ if place == Place::Key => Media::Name,
        [Known("arguments" | "input"), ..] => Media::ToolArguments,
        [Known("content"), _, Known("refusal")] => Media::Refusal,
        [Known("summary"), ..] => Media::Reasoning,
        [Known("name" | "call_id" | "user" | "safety_identifier" | "prompt_cache_key")]
        | [Known("tools"), _, Known("name")]
        | [Known("tool_choice"), Known("name")] => Media::Name,
        _ => Media::Text,
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

/// A string of a text, in one of its tellings.
pub(super) fn told(leaf: &Leaf<'_, '_>, text: u32, media: Media, telling: Telling) -> Piece {
    let media = match (media, telling) {
        (Media::Text, Telling::First) => Media::Text,
        (Media::Text, _) => Media::Aside,
        (media, _) => media,
    };
    piece(leaf, (text << 3) | telling as u32, media)
}

/// A string of an item; `path` leads from the item to it.
fn said(leaf: &Leaf<'_, '_>, item: u64, path: &[Step<'_>], telling: Telling) -> Piece {
    use Step::Known;
    let item = u32::try_from(item.min(MAX_ITEMS)).unwrap_or(0);
    let tool = TOOLS + 2 * item;
    match path {
        _ if leaf.place == Place::Key => members::unnamed_piece(leaf, 0),
        [Known("content"), _, Known("text")] => told(leaf, CONTENT, Media::Text, telling),
        [Known("content"), _, Known("refusal")] => told(leaf, REFUSAL, Media::Refusal, telling),
        [Known("summary"), _, Known("text")] => told(leaf, SUMMARY, Media::Reasoning, telling),
        [Known("name")] => told(leaf, tool, Media::Name, telling),
        [Known("arguments" | "input")] => told(leaf, tool + 1, Media::ToolArguments, telling),
        _ => members::unnamed_piece(leaf, 0),
    }
}

/// What an event is about: how its strings are sorted.
#[derive(Debug, Clone, Copy)]
struct About {
    /// The text that its own strings continue or repeat, and its kind.
    text: u32,
    media: Media,
    telling: Telling,
}

impl About {
    /// Where a string of the event belongs.
    fn piece(self, leaf: &Leaf<'_, '_>, index: u64) -> Piece {
        use Step::{Index, Known};
        let telling = self.telling;
        match leaf.path {
            _ if leaf.place == Place::Key => members::unnamed_piece(leaf, 0),
            [Known("delta" | "text" | "refusal" | "arguments" | "input")] => {
                let item = u32::try_from(index.min(MAX_ITEMS)).unwrap_or(0);
                let tool = if self.text >= TOOLS { 2 * item } else { 0 };
                told(leaf, self.text + tool, self.media, telling)
            }
            [Known("part"), Known("text")] if self.text == SUMMARY => {
                told(leaf, SUMMARY, Media::Reasoning, telling)
            }
            [Known("part"), Known("text")] => told(leaf, CONTENT, Media::Text, telling),
            [Known("part"), Known("refusal")] => told(leaf, REFUSAL, Media::Refusal, telling),
            [Known("item"), rest @ ..] => said(leaf, index, rest, telling),
            [Known("response"), Known("output"), Index(item), rest @ ..] => {
                said(leaf, *item as u64, rest, Telling::Whole)
            }
            _ => members::unnamed_piece(leaf, 0),
        }
    }
}

/// What an event does to the stream, and what it is about.
///
/// # Errors
/// An event, an item or a part of an unknown type.
fn follow(
    kind: &str,
    root: Value<'_>,
    envelope: &mut Envelope,
    delta: &mut Delta,
) -> Result<About, ReadError> {
    let sequence = root
        .get("sequence_number")
        .and_then(|number| number.number());
    let next = sequence
        .unwrap_or(envelope.progress.sequence)
        .saturating_add(1);
    envelope.progress.sequence = next;
    let about = |text, media, telling| About {
        text,
        media,
        telling,
    };
    let words = |telling| about(CONTENT, Media::Text, telling);
    let about = match kind {
        "response.created" | "response.queued" | "response.in_progress" => {
            follow_response(root, envelope)?;
            words(Telling::Whole)
        }
        "response.completed" | "response.incomplete" | "response.failed" => {
            follow_response(root, envelope)?;
            envelope.open.clear();
            delta.ended.push(0);
            delta.done = true;
            words(Telling::Whole)
        }
        "response.output_item.added" => {
            follow_item(root, envelope)?;
            words(Telling::First)
        }
        "response.output_item.done" => {
            shape::check_item(member(root, "item")?)?;
            envelope.progress.open = Open::Nothing;
            words(Telling::Item)
        }
        "response.content_part.added" => {
            let is_text = shape::check_part(root, CONTENT_PARTS)?;
            let index = root.get("content_index").and_then(|index| index.number());
            envelope.progress.part = u32::try_from(index.unwrap_or(0)).unwrap_or(0);
            envelope.progress.open = if is_text { Open::Text } else { Open::Other };
            words(Telling::First)
        }
        "response.content_part.done" => {
            shape::check_part(root, CONTENT_PARTS)?;
            envelope.progress.open = Open::Other;
            words(Telling::Part)
        }
        "response.reasoning_summary_part.added" => {
            shape::check_part(root, SUMMARY_PARTS)?;
            about(SUMMARY, Media::Reasoning, Telling::First)
        }
        "response.reasoning_summary_part.done" => {
            shape::check_part(root, SUMMARY_PARTS)?;
            about(SUMMARY, Media::Reasoning, Telling::Part)
        }
        "response.output_text.delta" => words(Telling::First),
        "response.output_text.done" => words(Telling::Text),
        "response.refusal.delta" => about(REFUSAL, Media::Refusal, Telling::First),
        "response.refusal.done" => about(REFUSAL, Media::Refusal, Telling::Text),
        "response.reasoning_summary_text.delta" => about(SUMMARY, Media::Reasoning, Telling::First),
        "response.reasoning_summary_text.done" => about(SUMMARY, Media::Reasoning, Telling::Text),
        "response.reasoning_text.delta" => about(REASONING, Media::Reasoning, Telling::First),
        "response.reasoning_text.done" => about(REASONING, Media::Reasoning, Telling::Text),
        "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
            about(TOOLS + 1, Media::ToolArguments, Telling::First)
        }
        "response.function_call_arguments.done" | "response.custom_tool_call_input.done" => {
            about(TOOLS + 1, Media::ToolArguments, Telling::Text)
        }
        "response.output_text.annotation.added"
        | "response.web_search_call.in_progress"
        | "response.web_search_call.searching"
        | "response.web_search_call.completed"
        | "keepalive" => words(Telling::First),
        "error" => {
            delta.error = true;
            words(Telling::First)
        }
        _ => return Err(refuse("unknown_event", "an event's /type is not known")),
    };
    Ok(about)
}

fn member<'d>(root: Value<'d>, name: &str) -> Result<Value<'d>, ReadError> {
    let member = root.get(name).filter(|one| one.kind() == Kind::Object);
    member.ok_or_else(|| wrong_type(&format!("/{name}"), "an object"))
}

fn follow_response(root: Value<'_>, envelope: &mut Envelope) -> Result<(), ReadError> {
    let response = member(root, "response")?;
    if let Some(output) = response.get("output") {
        shape::check_output(output)?;
    }
    learn(response, envelope)?;
    if !envelope.progress.begun {
        envelope.open = vec![0];
    }
    envelope.progress.begun = true;
    Ok(())
}

fn follow_item(root: Value<'_>, envelope: &mut Envelope) -> Result<(), ReadError> {
    let item = member(root, "item")?;
    shape::check_item(item)?;
    members::begin_item(root, item, MAX_ITEMS, envelope)
}

fn learn(response: Value<'_>, envelope: &mut Envelope) -> Result<(), ReadError> {
    if envelope.id.is_empty() {
        envelope.id = members::optional_text(response, "id")?.unwrap_or_default();
        envelope.model = members::optional_text(response, "model")?.unwrap_or_default();
        let created = response.get("created_at").and_then(|at| at.number());
        envelope.created = created.unwrap_or(0);
    }
    Ok(())
}
