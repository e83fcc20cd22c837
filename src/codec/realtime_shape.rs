//! What OpenAI's realtime events have to look like: events, items, parts and tools of known types,
//! and nothing that is said out of sight.
//!
//! Closed by default: an event whose type nobody knows could say anything.

use super::ReadError;
use super::json::{Kind, Value};
use super::members::{optional_text, refuse, wrong_type};
use super::table::{Step, pointer};
use crate::message::Role;

/// What a caller may send.
pub const SENT: &[&str] = &[
    "session.update",
    "conversation.item.create",
    "conversation.item.delete",
    "conversation.item.retrieve",
    "conversation.item.truncate",
    "input_audio_buffer.append",
    "input_audio_buffer.clear",
    "input_audio_buffer.commit",
    "output_audio_buffer.clear",
    "response.cancel",
    "response.create",
];

/// What a server may tell beside its responses.
pub const TOLD: &[&str] = &[
    "error",
    "session.created",
    "session.updated",
    "conversation.created",
    "conversation.item.created",
    "conversation.item.added",
    "conversation.item.done",
    "conversation.item.deleted",
    "conversation.item.retrieved",
    "conversation.item.truncated",
    "conversation.item.input_audio_transcription.completed",
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.failed",
    "conversation.item.input_audio_transcription.segment",
    "input_audio_buffer.cleared",
    "input_audio_buffer.committed",
    "input_audio_buffer.dtmf_event_received",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.timeout_triggered",
    "output_audio_buffer.started",
    "output_audio_buffer.stopped",
    "output_audio_buffer.cleared",
    "mcp_list_tools.in_progress",
    "mcp_list_tools.completed",
    "mcp_list_tools.failed",
    "rate_limits.updated",
];

/// What a server may tell of a response. Beta names stand beside those that followed them.
pub const ANSWERED: &[&str] = &[
    "response.created",
    "response.done",
    "response.output_item.added",
    "response.output_item.done",
    "response.content_part.added",
    "response.content_part.done",
    "response.output_text.delta",
    "response.output_text.done",
    "response.text.delta",
    "response.text.done",
    "response.output_audio_transcript.delta",
    "response.output_audio_transcript.done",
    "response.audio_transcript.delta",
    "response.audio_transcript.done",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.audio.delta",
    "response.audio.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.mcp_call_arguments.delta",
    "response.mcp_call_arguments.done",
    "response.mcp_call.in_progress",
    "response.mcp_call.completed",
    "response.mcp_call.failed",
];

/// Items that a caller may send; those of MCP are the server's.
const SENT_ITEMS: [&str; 4] = [
    "message",
    "function_call",
    "function_call_output",
    "mcp_approval_response",
];

/// Items that a server may tell.
const TOLD_ITEMS: [&str; 7] = [
    "message",
    "function_call",
    "function_call_output",
    "mcp_approval_response",
    "mcp_approval_request",
    "mcp_list_tools",
    "mcp_call",
];

/// Parts of an item, as sent and as told.
const PARTS: [&str; 7] = [
    "input_text",
    "output_text",
    "text",
    "input_image",
    "input_audio",
    "output_audio",
    "audio",
];

/// The type of an event.
///
/// # Errors
/// None, or one that is not among `known`.
pub fn kind_of<'k>(root: Value<'_>, known: &[&'k str]) -> Result<&'k str, ReadError> {
    let kind = optional_text(root, "type")?.unwrap_or_default();
    let known = known.iter().find(|known| **known == kind);
    known
        .copied()
        .ok_or_else(|| refuse("unknown_event", "an event's /type is not known"))
}

/// Whose words each item of what is sent holds.
///
/// # Errors
/// An item, a role, a part or a tool that is unknown, of a wrong type, or out of sight.
pub fn check_sent(kind: &str, root: Value<'_>) -> Result<Vec<Role>, ReadError> {
    match kind {
        "conversation.item.create" => {
            let item = object(root, "item")?;
            Ok(vec![sent_item(item, "/item")?])
        }
        "session.update" => {
            let session = object(root, "session")?;
            check_kind(session, "/session", &["realtime", "transcription"], true)?;
            check_tools(session, "/session/tools")?;
            Ok(Vec::new())
        }
        "response.create" => match root.get("response") {
            None => Ok(Vec::new()),
            Some(response) if response.kind() == Kind::Object => {
                check_tools(response, "/response/tools")?;
                response.get("input").map_or(Ok(Vec::new()), sent_items)
            }
            Some(_) => Err(wrong_type("/response", "an object")),
        },
        _ => Ok(Vec::new()),
    }
}

fn sent_items(input: Value<'_>) -> Result<Vec<Role>, ReadError> {
    if input.kind() != Kind::Array {
        return Err(wrong_type("/response/input", "an array"));
    }
    let path = |index| {
        pointer(&[
            Step::Known("response"),
            Step::Known("input"),
            Step::Index(index),
        ])
    };
    let items = input.children().enumerate();
    items
        .map(|(index, item)| sent_item(item, &path(index)))
        .collect()
}

fn sent_item(item: Value<'_>, at: &str) -> Result<Role, ReadError> {
    if item.kind() != Kind::Object {
        return Err(wrong_type(at, "an object"));
    }
    match optional_text(item, "type")?.as_deref() {
        Some("item_reference") => {
            let why = "points to words on the server, out of sight; send the item itself";
            return Err(refuse("unsupported_part", format!("{at} {why}")));
        }
        _ => check_kind(item, at, &SENT_ITEMS, false)?,
    }
    check_parts(item, at)?;
    let sound = |part: Value<'_>| part.get("audio").is_some();
    let content = item.get("content");
    if content.is_some_and(|content| content.children().any(sound)) {
        let why = "sound in an item is never written down, so nobody could judge it; send its text";
        return Err(refuse(
            "unsupported_part",
            format!("{at}/content/*/audio: {why}"),
        ));
    }
    role_of(item, at)
}

fn role_of(item: Value<'_>, at: &str) -> Result<Role, ReadError> {
    match optional_text(item, "type")?.as_deref() {
        Some("function_call") => return Ok(Role::Assistant),
        Some("function_call_output") => return Ok(Role::Tool),
        Some("mcp_approval_response") => return Ok(Role::User),
        _ => {}
    }
    match optional_text(item, "role")?.as_deref() {
        Some("system" | "developer") => Ok(Role::System),
        Some("user") => Ok(Role::User),
        Some("assistant") => Ok(Role::Assistant),
        _ => {
            let why = "has to be system, user or assistant";
            Err(refuse("unknown_role", format!("{at}/role {why}")))
        }
    }
}

/// An item that a server tells is of a known type, and so are its parts.
pub fn check_told(item: Value<'_>, at: &str) -> Result<(), ReadError> {
    check_kind(item, at, &TOLD_ITEMS, false)?;
    check_parts(item, at)
}

/// Whether a server tells an item that the caller, or its application, put in.
pub fn is_callers(item: Value<'_>) -> bool {
    let text = |name| {
        let value = item.get(name).and_then(|value| value.text().ok().flatten());
        value.unwrap_or_default()
    };
    match &*text("type") {
        "message" => matches!(&*text("role"), "user" | "system" | "developer"),
        "function_call_output" | "mcp_approval_response" => true,
        _ => false,
    }
}

/// A part of an answer is of a known type; whether it is spoken, and whether it is words at all.
pub fn check_part(root: Value<'_>) -> Result<(bool, bool), ReadError> {
    let part = object(root, "part")?;
    check_kind(part, "/part", &PARTS, false)?;
    let kind = optional_text(part, "type")?.unwrap_or_default();
    let spoken = matches!(&*kind, "audio" | "output_audio");
    Ok((spoken, spoken || matches!(&*kind, "text" | "output_text")))
}

fn check_parts(item: Value<'_>, at: &str) -> Result<(), ReadError> {
    let Some(content) = item.get("content") else {
        return Ok(());
    };
    let at = format!("{at}/content");
    if content.kind() != Kind::Array {
        return Err(wrong_type(&at, "an array"));
    }
    for (index, part) in content.children().enumerate() {
        check_kind(part, &format!("{at}/{index}"), &PARTS, false)?;
    }
    Ok(())
}

/// Every tool is a function, whose calls and results are items that can be read.
fn check_tools(settings: Value<'_>, at: &str) -> Result<(), ReadError> {
    let Some(tools) = settings.get("tools") else {
        return Ok(());
    };
    if tools.kind() != Kind::Array {
        return Err(wrong_type(at, "an array"));
    }
    for (index, tool) in tools.children().enumerate() {
        if optional_text(tool, "type")?.as_deref() != Some("function") {
            let why = "has to be function: what other tools say, nobody here could read";
            return Err(refuse("unknown_tool", format!("{at}/{index}/type {why}")));
        }
    }
    Ok(())
}

fn check_kind(value: Value<'_>, at: &str, known: &[&str], may_lack: bool) -> Result<(), ReadError> {
    if value.kind() != Kind::Object {
        return Err(wrong_type(at, "an object"));
    }
    match optional_text(value, "type")?.as_deref() {
        None if may_lack => Ok(()),
        Some(kind) if known.contains(&kind) => Ok(()),
        _ => {
            let known = known.join(", ");
            Err(refuse(
                "unknown_part",
                format!("{at}/type has to be one of {known}"),
            ))
        }
    }
}

/// A member that has to be an object.
pub fn object<'d>(root: Value<'d>, name: &str) -> Result<Value<'d>, ReadError> {
    let member = root.get(name).filter(|one| one.kind() == Kind::Object);
    member.ok_or_else(|| wrong_type(&format!("/{name}"), "an object"))
}
