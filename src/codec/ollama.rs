//! Ollama's chat and generate: documents, or lines of JSON.
//!
//! Turns: the message's index; whatever belongs to no message shares the turn after the last one;
//! what generate asks is one turn. An answer is one choice. Its lanes: [`CONTENT`], [`THINKING`], and
//! from [`TOOLS`] on two per tool call: its name, and its arguments, which are read value by value.
//!
//! Limit: a `context`, which is an earlier conversation as numbers, is refused.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::json::{Document, Kind, Value};
use super::members::{self, WRITE_LIMITS, refuse, wrong_type};
use super::ollama_fields::FIELDS;
use super::splice::{self, Splice, splice};
use super::table::{Leaf, Place, Side, Step, Table, pointer};
use super::{
    Ask, Codec, Delta, Edit, Ending, Envelope, Fault, Field, Framing, Lane, Piece, ReadError,
    ReadLimits, Refusal, RefusalStyle, Reply, openai_reply,
};
use crate::message::{Media, Part, Role};

/// Lane of the words that the reader sees.
pub const CONTENT: u32 = 0;
/// Lane of visible thoughts.
pub const THINKING: u32 = 1;
/// First lane of the first tool call.
pub const TOOLS: u32 = 16;

/// Calls beyond this many share the last lanes: together they are judged all the more.
const MAX_CALL: usize = 1 << 20;

static REQUEST: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Request));
static ANSWER: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Answer));

/// The dialect, in its two forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ollama {
    /// A conversation.
    Chat,
    /// A text to go on with.
    Generate,
}

impl Codec for Ollama {
    fn name(&self) -> &'static str {
        match self {
            Self::Chat => "ollama.chat",
            Self::Generate => "ollama.generate",
        }
    }

    fn paths(&self) -> &'static [&'static str] {
        match self {
            Self::Chat => &["/api/chat"],
            Self::Generate => &["/api/generate"],
        }
    }

    fn listings(&self) -> &'static [&'static str] {
        &["/api/tags", "/api/ps", "/api/version"]
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn framing(&self, content_type: &str) -> Option<Framing> {
        let lines = content_type.starts_with("application/x-ndjson");
        lines.then_some(Framing::Lines)
    }

    fn read(&self, _: &str, body: &Bytes, limits: &ReadLimits) -> Result<Ask, ReadError> {
        let document = Document::parse(body, limits)?;
        let root = members::root(&document)?;
        let roles = match self {
            Self::Chat => read_messages(root)?,
            Self::Generate => Vec::new(),
        };
        check_tools(root)?;
        let mut parts = Vec::with_capacity(roles.len() + 4);
        REQUEST.walk(&document, &mut |leaf: &Leaf<'_, '_>| {
            if parts.len() >= limits.parts {
                return Err(members::too_many(limits));
            }
            if !members::is_schema_word(leaf, &["tools", "format"]) {
                parts.push(part(leaf, &roles));
            }
            Ok(())
        })?;
        let stream = root.get("stream").is_none() || members::flag(root, "stream")?;
        Ok(Ask {
            stream,
            model: members::required_text(root, "model")?,
            guidance_at: match self {
                Self::Chat => members::member_or_place(root, "messages"),
                Self::Generate => members::member_or_place(root, "system"),
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
        let mut edits = edits.to_vec();
        let added = guidance.and_then(|text| self.guide(body, ask, &mut edits, text));
        let mut splices: Vec<_> = edits.iter().map(Splice::literal).collect();
        splices.extend(added);
        splice(body, splices)
    }

    fn read_answer(&self, body: &[u8], limits: &ReadLimits) -> Result<Vec<Piece>, ReadError> {
        let document = Document::parse(body, limits)?;
        self.check_answer(members::root(&document)?)?;
        pieces(&document, limits)
    }

    fn write_answer(&self, body: &[u8], edits: &[Edit]) -> Result<Bytes, ReadError> {
        let document = Document::parse(body, &WRITE_LIMITS)?;
        splice::edited_blanking(body, edits, document.root().get("logprobs"))
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
        let splices = root.children().filter_map(|member| {
            let key = member.key().ok()?;
            let value = match &*key {
                "message" => message(text),
                "response" => json!(text),
                "thinking" | "logprobs" | "context" => json!(null),
                "done_reason" => json!(done_reason(ending)),
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
        let error = root.get("error").is_some();
        self.check_answer(root)?;
        if envelope.model.is_empty() {
            envelope.model = members::optional_text(root, "model")?.unwrap_or_default();
            // A time is the envelope's id: our own lines repeat it.
            envelope.id = members::optional_text(root, "created_at")?.unwrap_or_default();
            envelope.open = vec![0];
        }
        let done = members::flag(root, "done")?;
        if done {
            envelope.open.clear();
        }
        Ok(Delta {
            pieces: pieces(&document, limits)?,
            ended: if done { vec![0] } else { Vec::new() },
            done,
            error,
        })
    }

    fn write_event(&self, data: &str, edits: &[Edit]) -> Result<String, ReadError> {
        members::event_of(self.write_answer(data.as_bytes(), edits)?)
    }

    fn say(&self, envelope: &mut Envelope, _: u32, text: &str) -> Bytes {
        line(&self.said(envelope, text))
    }

    fn end_stream(&self, envelope: &Envelope, _: u32, text: &str, ending: Ending) -> Bytes {
        let last = self.ended(envelope, "", ending);
        if text.is_empty() {
            return line(&last);
        }
        [line(&self.said(envelope, text)), line(&last)]
            .concat()
            .into()
    }

    fn refuse(&self, ask: &Ask, refusal: &Refusal) -> Reply {
        // Help is never an error: an app would show its own "something went wrong" instead.
        if refusal.style == RefusalStyle::Error && refusal.ending == Ending::Filtered {
            return refusal_error(refusal);
        }
        let mark = openai_reply::mark(refusal);
        let mut envelope = openai_reply::own_envelope("", &ask.model, refusal);
        envelope.id = rfc3339(refusal.created);
        if !ask.stream {
            let mut body = self.ended(&envelope, &refusal.text, refusal.ending);
            body["wardgate"] = mark;
            return openai_reply::document_reply(200, &body);
        }
        let mut first = self.said(&envelope, &refusal.text);
        first["wardgate"] = mark;
        let last = self.ended(&envelope, "", refusal.ending);
        Reply {
            status: 200,
            content_type: "application/x-ndjson",
            body: [line(&first), line(&last)].concat().into(),
        }
    }

    fn fail_stream(&self, _: &Envelope, fault: &Fault) -> Bytes {
        line(&error(fault))
    }

    fn error(&self, fault: &Fault) -> Reply {
        openai_reply::document_reply(fault.status, &error(fault))
    }
}

impl Ollama {
    /// Guidance is a first system message, or follows the system prompt of generate.
    fn guide(self, body: &[u8], ask: &Ask, edits: &mut Vec<Edit>, text: &str) -> Option<Splice> {
        match self {
            Self::Generate => members::guide_member(ask, edits, "system", text),
            Self::Chat => {
                let content = splice::quote(text);
                let message = format!("{{\"role\":\"system\",\"content\":{content}}}");
                Some(members::put_first(body, &ask.guidance_at, &message))
            }
        }
    }

    /// The answer has the member that this form answers with, or is an error.
    fn check_answer(self, root: Value<'_>) -> Result<(), ReadError> {
        let member = match self {
            Self::Chat => "message",
            Self::Generate => "response",
        };
        if root.get(member).is_none() && root.get("error").is_none() {
            let why = format!("the answer has neither a {member} nor an error");
            return Err(refuse("unknown_shape", why));
        }
        check_calls(root.get("message"))
    }

    fn said(self, envelope: &Envelope, text: &str) -> Json {
        let (model, at) = (&envelope.model, &envelope.id);
        match self {
            Self::Chat => {
                json!({"model": model, "created_at": at, "message": message(text), "done": false})
            }
            Self::Generate => {
                json!({"model": model, "created_at": at, "response": text, "done": false})
            }
        }
    }

    fn ended(self, envelope: &Envelope, text: &str, ending: Ending) -> Json {
        let mut last = self.said(envelope, text);
        last["done"] = json!(true);
        last["done_reason"] = json!(done_reason(ending));
        last
    }
}

fn read_messages(root: Value<'_>) -> Result<Vec<Role>, ReadError> {
    let messages = root
        .get("messages")
        .ok_or_else(|| refuse("missing_field", "/messages is missing"))?;
    if messages.kind() != Kind::Array {
        return Err(wrong_type("/messages", "an array"));
    }
    let mut roles = Vec::new();
    for (index, message) in messages.children().enumerate() {
        let at = pointer(&[Step::Known("messages"), Step::Index(index)]);
        if message.kind() != Kind::Object {
            return Err(wrong_type(&at, "an object"));
        }
        let role = message.get("role").map(|role| role.text()).transpose()?;
        roles.push(match role.flatten().as_deref() {
            Some("system") => Role::System,
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            Some("tool") => Role::Tool,
            _ => {
                let why = "has to be system, user, assistant or tool";
                return Err(refuse("unknown_role", format!("{at}/role {why}")));
            }
        });
        let content = message.get("content");
        if content.is_some_and(|content| content.kind() != Kind::Text) {
            return Err(wrong_type(&format!("{at}/content"), "a string"));
        }
        check_calls(Some(message))?;
    }
    if roles.is_empty() {
        return Err(refuse("missing_field", "/messages is empty"));
    }
    Ok(roles)
}

/// Tool calls are functions.
fn check_calls(message: Option<Value<'_>>) -> Result<(), ReadError> {
    let Some(calls) = message.and_then(|message| message.get("tool_calls")) else {
        return Ok(());
    };
    let known =
        calls.kind() == Kind::Array && calls.children().all(|call| call.get("function").is_some());
    match known {
        true => Ok(()),
        false => Err(refuse("unknown_tool", "/tool_calls has to hold functions")),
    }
}

/// Every tool is a function.
fn check_tools(root: Value<'_>) -> Result<(), ReadError> {
    let Some(tools) = root.get("tools") else {
        return Ok(());
    };
    if tools.kind() != Kind::Array {
        return Err(wrong_type("/tools", "an array"));
    }
    for (index, tool) in tools.children().enumerate() {
        let kind = tool.get("type").map(|kind| kind.text()).transpose()?;
        if !matches!(kind.flatten().as_deref(), None | Some("function")) {
            let why = "has to be function";
            return Err(refuse("unknown_tool", format!("/tools/{index}/type {why}")));
        }
    }
    Ok(())
}

fn part(leaf: &Leaf<'_, '_>, roles: &[Role]) -> Part {
    let after = u32::try_from(roles.len()).unwrap_or(u32::MAX);
    let (role, turn, rest) = match leaf.path {
        [Step::Known("messages"), Step::Index(index), rest @ ..] => {
            let turn = u32::try_from(*index).unwrap_or(u32::MAX);
            (roles[*index], turn, rest)
        }
        path @ [Step::Known("prompt" | "suffix"), ..] => (Role::User, after, path),
        path => (Role::System, after, path),
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
            ..,
        ] => Media::ToolArguments,
        _ if place == Place::Key => Media::Name,
        [Known("thinking")] => Media::Reasoning,
        [Known("tool_name")] | [.., Known("function"), Known("name")] => Media::Name,
        _ => Media::Text,
    }
}

/// Every string of an answer or of a line of one.
fn pieces(document: &Document<'_>, limits: &ReadLimits) -> Result<Vec<Piece>, ReadError> {
    let mut pieces = Vec::new();
    ANSWER.walk(document, &mut |leaf: &Leaf<'_, '_>| {
        if pieces.len() >= limits.parts {
            return Err(members::too_many(limits));
        }
        pieces.push(piece(leaf));
        Ok(())
    })?;
    Ok(pieces)
}

fn piece(leaf: &Leaf<'_, '_>) -> Piece {
    use Step::{Index, Known};
    let path = match leaf.path {
        [Known("message"), rest @ ..] => rest,
        path => path,
    };
    let call = |at: usize| TOOLS + 2 * u32::try_from(at.min(MAX_CALL)).unwrap_or(0);
    let (field, apart) = match path {
        [
            Known("tool_calls"),
            Index(at),
            Known("function"),
            Known("arguments"),
            ..,
        ] => (call(*at) + 1, true),
        _ if leaf.place == Place::Key => (members::unnamed_lane(leaf.path) ^ 1, true),
        [Known("content" | "response")] => (CONTENT, false),
        [Known("thinking")] => (THINKING, false),
        [
            Known("tool_calls"),
            Index(at),
            Known("function"),
            Known("name"),
        ] => (call(*at), true),
        _ => (members::unnamed_lane(leaf.path), true),
    };
    Piece {
        lane: Lane { choice: 0, field },
        media: match media(leaf.place, path) {
            Media::Text if field != CONTENT => Media::Aside,
            media => media,
        },
        text: leaf.text.to_string(),
        raw: leaf.raw.clone(),
        apart,
    }
}

fn message(text: &str) -> Json {
    json!({"role": "assistant", "content": text})
}

fn done_reason(ending: Ending) -> &'static str {
    openai_reply::finish_reason(ending)
}

fn line(body: &Json) -> Bytes {
    Bytes::from(format!("{body}\n"))
}

/// A refusal as an error.
pub(super) fn refusal_error(refusal: &Refusal) -> Reply {
    let mark = openai_reply::mark(refusal);
    let body = json!({"error": refusal.text, "code": "content_filter", "wardgate": mark});
    openai_reply::document_reply(400, &body)
}

/// Ollama's errors are a sentence; the code stands beside it.
pub(super) fn error(fault: &Fault) -> Json {
    let mark = json!({"exchange": fault.exchange});
    json!({"error": fault.message, "code": fault.code, "wardgate": mark})
}

/// A time as Ollama writes it (RFC 3339, UTC), from Unix seconds. The calendar is Howard Hinnant's
/// "days from civil", inverted; exact for every year that `u64` seconds of this age reach.
fn rfc3339(unix: u64) -> String {
    let (days, second) = (unix / 86_400 + 719_468, unix % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::rfc3339;

    #[test]
    fn times_are_written_as_the_calendar_has_them() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(1_700_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(rfc3339(1_735_689_599), "2024-12-31T23:59:59Z");
    }
}
