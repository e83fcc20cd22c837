//! OpenAI's realtime API: events over a WebSocket, both ways.
//!
//! A request is one event of the caller's; the events of one response are a stream of lines, so that
//! the guard of every other stream judges them. What a server tells beside its responses is a document
//! of one event. As with [`super::responses`] the words are told several times (deltas, the event that
//! ends them, their part, their item, the item in its conversation, the response), and each telling is
//! a text of its own.
//!
//! Limit: sound is never read. Whoever sends events on holds it until its transcript was judged, or
//! refuses it ([`is_sound`], [`asks_for_sound`]).

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::json;

use super::json::{Document, Kind, Value};
use super::members::{self, WRITE_LIMITS, refuse, wrong_type};
use super::realtime_fields::FIELDS;
use super::realtime_reply as reply;
pub use super::realtime_reply::Names;
use super::realtime_shape as shape;
pub use super::realtime_shape::{ANSWERED, SENT, TOLD};
use super::responses::{Telling, told};
use super::splice::{self, Splice, splice};
use super::table::{Leaf, Place, Side, Step, Table};
use super::{
    Ask, Codec, Delta, Edit, Ending, Envelope, Fault, Field, Framing, Open, Piece, ReadError,
    ReadLimits, Refusal, RefusalStyle, Reply, openai_reply, response_events,
};
use crate::message::{Media, Part, Role};

/// Text of the words that the reader sees or hears.
const CONTENT: u32 = 0;
/// Text of the first item's tool name; its arguments follow, then the next item's.
const TOOLS: u32 = 16;
/// Items of one response; models make a handful.
const MAX_ITEMS: u64 = 4_096;

static REQUEST: LazyLock<Table> = LazyLock::new(|| Table::new(&FIELDS, Side::Request));
static EVENT: LazyLock<Table> = LazyLock::new(|| Table::new(&FIELDS, Side::Event));

/// The dialect, as a session names its events.
#[derive(Debug, Clone, Copy)]
pub struct Realtime(pub Names);

/// The dialect with today's names.
pub static CURRENT: Realtime = Realtime(Names::Current);
/// The dialect with the names of its beta.
pub static BETA: Realtime = Realtime(Names::Beta);

impl Codec for Realtime {
    fn name(&self) -> &'static str {
        "openai.realtime"
    }

    fn paths(&self) -> &'static [&'static str] {
        &["/v1/realtime"]
    }

    fn talks(&self) -> bool {
        true
    }

    fn framing(&self, _: &str) -> Option<Framing> {
        Some(Framing::Lines)
    }

    fn fields(&self) -> &'static [Field] {
        &FIELDS
    }

    /// Reads one event of the caller's.
    fn read(&self, _: &str, body: &Bytes, limits: &ReadLimits) -> Result<Ask, ReadError> {
        let document = Document::parse(body, limits)?;
        let root = members::root(&document)?;
        let kind = shape::kind_of(root, SENT)?;
        let roles = shape::check_sent(kind, root)?;
        let mut parts = members::gather(&REQUEST, &document, limits, |leaf| {
            (!is_schema_word(leaf)).then(|| part(leaf, &roles))
        })?;
        let response = root.get("response");
        let instructions = response.and_then(|response| response.get("instructions"));
        Ok(Ask {
            stream: true,
            guidance_at: instructions.map_or(0..0, |text| text.raw()),
            ..Ask::of(parts.drain(..).flatten().collect())
        })
    }

    /// Guidance follows the instructions of a response, or precedes what is put into it.
    fn write(
        &self,
        _: &str,
        body: &Bytes,
        ask: &Ask,
        edits: &[Edit],
        guidance: Option<&str>,
    ) -> Result<Bytes, ReadError> {
        let mut edits = edits.to_vec();
        let mut splices = Vec::new();
        if let Some(guidance) = guidance {
            let at = &ask.guidance_at;
            let instructions = ask.parts.iter().find(|part| part.raw == *at);
            match instructions.filter(|_| !at.is_empty()) {
                Some(part) => members::append(&mut edits, part, guidance),
                None => splices.push(put_first(body, guidance)?),
            }
        }
        splices.extend(edits.iter().map(Splice::literal));
        splice(body, splices)
    }

    /// Reads one event that a server tells beside its responses.
    fn read_answer(&self, body: &[u8], limits: &ReadLimits) -> Result<Vec<Piece>, ReadError> {
        let data = std::str::from_utf8(body).map_err(|_| refuse("invalid_utf8", "not UTF-8"))?;
        let delta = self.read_event(data, &mut Envelope::default(), limits)?;
        Ok(delta.pieces)
    }

    /// What repeats an edited text goes with it: its tokens, and the sound that says it.
    fn write_answer(&self, body: &[u8], edits: &[Edit]) -> Result<Bytes, ReadError> {
        let document = Document::parse(body, &WRITE_LIMITS)?;
        let mut splices: Vec<_> = edits.iter().map(Splice::literal).collect();
        if !edits.is_empty() {
            members::empty_arrays(document.root(), &["logprobs"], &mut splices);
            empty_sound(document.root(), &mut splices);
        }
        splice(body, splices)
    }

    /// An event that may not be told becomes an error that says why.
    fn end_answer(&self, _: &[u8], _: u32, text: &str, _: Ending) -> Result<Bytes, ReadError> {
        let (kind, code) = ("invalid_request_error", "content_filter");
        Ok(reply::error_event(kind, code, text, None, "").into())
    }

    fn read_event(
        &self,
        data: &str,
        envelope: &mut Envelope,
        limits: &ReadLimits,
    ) -> Result<Delta, ReadError> {
        let document = Document::parse(data.as_bytes(), limits)?;
        let root = members::root(&document)?;
        let kind = shape::kind_of(root, ANSWERED).or_else(|_| shape::kind_of(root, TOLD))?;
        let mut delta = Delta::default();
        let about = follow(kind, root, envelope, &mut delta)?;
        let index = root.get("output_index").and_then(|index| index.number());
        let index = index.or_else(|| of_item(root, envelope)).unwrap_or(0);
        let callers = root.get("item").is_some_and(shape::is_callers);
        let pieces = members::gather(&EVENT, &document, limits, |leaf| {
            (!callers || is_transcript(leaf)).then(|| about.piece(leaf, index))
        })?;
        delta.pieces = pieces.into_iter().flatten().collect();
        if is_sound(kind) {
            delta.pieces.retain(|piece| piece.text != sound_of(root));
        }
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
        let item = |index: usize, text: &str| {
            let id = envelope.items.get(first as usize + index);
            json!({"id": id, "object": "realtime.item", "type": "message", "status": "completed",
                "role": "assistant", "content": [{"type": self.0.content(false), "text": text}]})
        };
        let items = said.iter().enumerate();
        members::with_output(data, items.map(|(index, text)| item(index, text)))
    }

    fn say(&self, envelope: &mut Envelope, _: u32, text: &str) -> Bytes {
        response_events::say(self.0, envelope, text)
    }

    fn end_stream(&self, envelope: &Envelope, _: u32, text: &str, ending: Ending) -> Bytes {
        response_events::end(self.0, envelope, text, ending, json!(null))
    }

    /// The events of a response that no model gives, or of an error: one a line.
    fn refuse(&self, _: &Ask, refusal: &Refusal) -> Reply {
        let body = if refusal.style == RefusalStyle::Error && refusal.ending == Ending::Filtered {
            reply::error_event(
                "invalid_request_error",
                "content_filter",
                &refusal.text,
                None,
                &refusal.exchange,
            )
            .into()
        } else {
            reply::refused(self.0, refusal, openai_reply::mark(refusal))
        };
        Reply {
            status: 200,
            content_type: "application/x-ndjson",
            body,
        }
    }

    fn fail_stream(&self, envelope: &Envelope, fault: &Fault) -> Bytes {
        reply::fail(self.0, envelope, fault)
    }

    fn error(&self, fault: &Fault) -> Reply {
        openai_reply::fault(fault)
    }
}

/// Whether an event brings or ends sound of an answer.
pub fn is_sound(kind: &str) -> bool {
    matches!(
        kind,
        "response.output_audio.delta"
            | "response.output_audio.done"
            | "response.audio.delta"
            | "response.audio.done"
    )
}

/// Whether an event of the caller's asks that answers be spoken.
pub fn asks_for_sound(event: &serde_json::Value) -> bool {
    let settings = [&event["session"], &event["response"]];
    let modalities = settings
        .into_iter()
        .flat_map(|one| [&one["modalities"], &one["output_modalities"]]);
    let mut named = modalities.filter_map(|one| one.as_array()).flatten();
    named.any(|word| word == "audio")
}

/// The words of a response that was shown whole, as parts of the conversation.
pub fn shown(event: &serde_json::Value, turn: u32) -> Vec<Part> {
    let mut parts = Vec::new();
    for item in event["response"]["output"].as_array().into_iter().flatten() {
        let content = item["content"].as_array().into_iter().flatten();
        let words = content.flat_map(|part| [&part["text"], &part["transcript"]]);
        let words = words.map(|word| (Media::Text, word));
        for (media, word) in words.chain([(Media::ToolArguments, &item["arguments"])]) {
            if let Some(text) = word.as_str().filter(|text| !text.is_empty()) {
                parts.push(Part {
                    role: Role::Assistant,
                    media,
                    turn,
                    text: text.to_owned(),
                    at: "/response/output".to_owned(),
                    raw: 0..0,
                });
            }
        }
    }
    parts
}

fn sound_of(root: Value<'_>) -> String {
    let sound = root.get("delta").and_then(|delta| delta.text().ok()?);
    sound.unwrap_or_default().into_owned()
}

/// Whether a leaf is one of JSON Schema's own words within a tool's parameters.
fn is_schema_word(leaf: &Leaf<'_, '_>) -> bool {
    match leaf.path {
        [Step::Known("session" | "response"), rest @ ..] => {
            members::in_schema(rest, &leaf.text, &["tools"])
        }
        _ => false,
    }
}

fn part(leaf: &Leaf<'_, '_>, roles: &[Role]) -> Part {
    use Step::{Index, Known};
    let after = u32::try_from(roles.len()).unwrap_or(u32::MAX);
    let (role, turn, rest) = match leaf.path {
        [Known("item"), rest @ ..] => (roles.first(), 0, rest),
        [Known("response"), Known("input"), Index(index), rest @ ..] => {
            let turn = u32::try_from(*index).unwrap_or(u32::MAX);
            (roles.get(*index), turn, rest)
        }
        path => (None, after, path),
    };
    let role = role.copied().unwrap_or(Role::System);
    members::part(leaf, role, turn, media(leaf.place, rest))
}

fn media(place: Place, path: &[Step<'_>]) -> Media {
    use Step::Known;
    match path {
        _ if place == Place::Key => Media::Name,
        [Known("arguments")] => Media::ToolArguments,
        [Known("name" | "call_id")]
        | [
            Known("session" | "response"),
            Known("tools"),
            _,
            Known("name"),
        ]
        | [
            Known("session" | "response"),
            Known("tool_choice"),
            Known("name"),
        ] => Media::Name,
        _ => Media::Text,
    }
}

/// A system message of ours before everything else that is put into a response.
fn put_first(body: &[u8], guidance: &str) -> Result<Splice, ReadError> {
    let document = Document::parse(body, &WRITE_LIMITS)?;
    let input = document.root().get("response");
    let input = input.and_then(|response| response.get("input"));
    let Some(input) = input.filter(|input| input.kind() == Kind::Array) else {
        let why = "a policy has something to say to the model, and the event has no place for it";
        return Err(refuse("missing_prompt", why));
    };
    let content = json!([{"type": "input_text", "text": guidance}]);
    let item = json!({"type": "message", "role": "system", "content": content});
    Ok(members::put_first(body, &input.raw(), &item.to_string()))
}

/// Empties every string that is sound of a part, however deep.
fn empty_sound(value: Value<'_>, splices: &mut Vec<Splice>) {
    for child in value.children() {
        let named = child.key().is_ok_and(|key| key == "audio");
        if named && child.kind() == Kind::Text {
            let (at, bytes) = (child.raw(), splice::quote(""));
            splice::cover(splices, Splice { at, bytes });
        } else {
            empty_sound(child, splices);
        }
    }
}

/// Whether a leaf is what was heard in a caller's sound.
fn is_transcript(leaf: &Leaf<'_, '_>) -> bool {
    matches!(leaf.path, [.., Step::Known("transcript")])
}

/// The place of an event's item among those of its response.
fn of_item(root: Value<'_>, envelope: &Envelope) -> Option<u64> {
    let item = root.get("item")?;
    let id = members::optional_text(item, "id").ok()??;
    let at = envelope.items.iter().position(|known| *known == id)?;
    u64::try_from(at).ok()
}

/// What an event is about: how its strings are sorted.
#[derive(Debug, Clone, Copy)]
struct About {
    text: u32,
    media: Media,
    telling: Telling,
}

impl About {
    fn piece(self, leaf: &Leaf<'_, '_>, index: u64) -> Piece {
        use Step::{Index, Known};
        match leaf.path {
            _ if leaf.place == Place::Key => members::unnamed_piece(leaf, 0),
            [Known("delta" | "text" | "transcript" | "arguments")] => {
                told(leaf, self.text + self.tool(index), self.media, self.telling)
            }
            [Known("name")] => told(leaf, TOOLS + tool(index), Media::Name, self.telling),
            [Known("part"), Known("text" | "transcript")] => {
                told(leaf, CONTENT, Media::Text, self.telling)
            }
            [Known("item"), rest @ ..] => said(leaf, index, rest, self.telling),
            [Known("response"), Known("output"), Index(item), rest @ ..] => {
                said(leaf, *item as u64, rest, Telling::Whole)
            }
            _ => members::unnamed_piece(leaf, 0),
        }
    }

    fn tool(self, index: u64) -> u32 {
        if self.text >= TOOLS { tool(index) } else { 0 }
    }
}

fn tool(index: u64) -> u32 {
    2 * u32::try_from(index.min(MAX_ITEMS)).unwrap_or(0)
}

/// A string of an item; `path` leads from the item to it.
fn said(leaf: &Leaf<'_, '_>, item: u64, path: &[Step<'_>], telling: Telling) -> Piece {
    use Step::Known;
    match path {
        _ if leaf.place == Place::Key => members::unnamed_piece(leaf, 0),
        [Known("content"), _, Known("text" | "transcript")] => {
            told(leaf, CONTENT, Media::Text, telling)
        }
        [Known("name")] => told(leaf, TOOLS + tool(item), Media::Name, telling),
        [Known("arguments")] => told(leaf, TOOLS + tool(item) + 1, Media::ToolArguments, telling),
        _ => members::unnamed_piece(leaf, 0),
    }
}

/// What an event does to the stream, and what it is about.
///
/// # Errors
/// An item or a part of an unknown type.
fn follow(
    kind: &str,
    root: Value<'_>,
    envelope: &mut Envelope,
    delta: &mut Delta,
) -> Result<About, ReadError> {
    envelope.progress.sequence = envelope.progress.sequence.saturating_add(1);
    let about = |text, media, telling| About {
        text,
        media,
        telling,
    };
    let words = |telling| about(CONTENT, Media::Text, telling);
    let calls = |telling| about(TOOLS + 1, Media::ToolArguments, telling);
    Ok(match kind {
        "response.created" => {
            follow_response(root, envelope)?;
            words(Telling::Whole)
        }
        "response.done" => {
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
            shape::check_told(shape::object(root, "item")?, "/item")?;
            envelope.progress.open = Open::Nothing;
            words(Telling::Item)
        }
        "response.content_part.added" => {
            let (spoken, is_words) = shape::check_part(root)?;
            let index = root.get("content_index").and_then(|index| index.number());
            let progress = &mut envelope.progress;
            progress.part = u32::try_from(index.unwrap_or(0)).unwrap_or(0);
            progress.open = if is_words { Open::Text } else { Open::Other };
            progress.spoken = spoken;
            words(Telling::First)
        }
        "response.content_part.done" => {
            shape::check_part(root)?;
            envelope.progress.open = Open::Other;
            words(Telling::Part)
        }
        "response.function_call_arguments.delta" | "response.mcp_call_arguments.delta" => {
            calls(Telling::First)
        }
        "response.function_call_arguments.done" | "response.mcp_call_arguments.done" => {
            calls(Telling::Text)
        }
        kind if kind.starts_with("response.") && kind.ends_with(".done") => words(Telling::Text),
        kind if kind.starts_with("conversation.item.") => {
            if let Some(item) = root.get("item") {
                shape::check_told(item, "/item")?;
            }
            words(Telling::Conversation)
        }
        _ => words(Telling::First),
    })
}

fn follow_response(root: Value<'_>, envelope: &mut Envelope) -> Result<(), ReadError> {
    let response = shape::object(root, "response")?;
    if let Some(output) = response.get("output") {
        if output.kind() != Kind::Array {
            return Err(wrong_type("/response/output", "an array"));
        }
        for item in output.children() {
            shape::check_told(item, "/response/output/*")?;
        }
    }
    if envelope.id.is_empty() {
        envelope.id = members::optional_text(response, "id")?.unwrap_or_default();
    }
    if !envelope.progress.begun {
        envelope.open = vec![0];
    }
    envelope.progress.begun = true;
    Ok(())
}

fn follow_item(root: Value<'_>, envelope: &mut Envelope) -> Result<(), ReadError> {
    let item = shape::object(root, "item")?;
    shape::check_told(item, "/item")?;
    members::begin_item(root, item, MAX_ITEMS, envelope)
}
