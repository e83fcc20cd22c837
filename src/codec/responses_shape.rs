//! What bodies and events of OpenAI responses have to look like: items, parts and tools of known
//! types, and nothing that is said out of sight.
//!
//! Closed by default: an item whose type nobody knows could say anything, so it is refused.

use super::ReadError;
use super::json::{Kind, Value};
use super::members::{refuse, wrong_type};
use super::table::{Step, pointer};
use crate::message::Role;

/// Items of an answer.
const ANSWERED: [&str; 5] = [
    "message",
    "reasoning",
    "function_call",
    "custom_tool_call",
    "web_search_call",
];

/// Parts of an item of an answer.
const PARTS: [&str; 3] = ["output_text", "refusal", "reasoning_text"];

/// Parts of what is sent.
const SENT: [&str; 5] = [
    "input_text",
    "output_text",
    "refusal",
    "reasoning_text",
    "input_image",
];

/// Whose words each item of `input` holds; one where it is a string.
///
/// # Errors
/// An item, a role or a part that is unknown, of a wrong type, or out of sight.
pub fn read_input(root: Value<'_>) -> Result<Vec<Role>, ReadError> {
    let input = root
        .get("input")
        .ok_or_else(|| refuse("missing_field", "/input is missing"))?;
    match input.kind() {
        Kind::Text => Ok(vec![Role::User]),
        Kind::Array => (input.children().enumerate())
            .map(|(index, item)| {
                read_item(item, &pointer(&[Step::Known("input"), Step::Index(index)]))
            })
            .collect(),
        _ => Err(wrong_type("/input", "a string or an array")),
    }
}

fn read_item(item: Value<'_>, at: &str) -> Result<Role, ReadError> {
    if item.kind() != Kind::Object {
        return Err(wrong_type(at, "an object"));
    }
    match kind_of(item)?.as_deref() {
        None | Some("message") => {
            let role = role(item, at)?;
            check_parts(item.get("content"), &format!("{at}/content"), &SENT)?;
            Ok(role)
        }
        Some("reasoning") => {
            check_parts(item.get("content"), &format!("{at}/content"), &SENT)?;
            Ok(Role::Assistant)
        }
        Some("function_call" | "custom_tool_call" | "web_search_call") => Ok(Role::Assistant),
        Some("function_call_output" | "custom_tool_call_output") => {
            check_parts(item.get("output"), &format!("{at}/output"), &SENT)?;
            Ok(Role::Tool)
        }
        Some("item_reference") => {
            let why = "points to words on the server, out of sight; send the item itself";
            Err(refuse("unsupported_part", format!("{at} {why}")))
        }
        Some(_) => {
            let why = "is of a type that cannot be inspected";
            Err(refuse("unknown_part", format!("{at}/type {why}")))
        }
    }
}

fn role(item: Value<'_>, at: &str) -> Result<Role, ReadError> {
    let role = item.get("role").map(|role| role.text()).transpose()?;
    match role.flatten().as_deref() {
        Some("system" | "developer") => Ok(Role::System),
        Some("user") => Ok(Role::User),
        Some("assistant") => Ok(Role::Assistant),
        _ => {
            let why = "has to be system, developer, user or assistant";
            Err(refuse("unknown_role", format!("{at}/role {why}")))
        }
    }
}

fn kind_of(value: Value<'_>) -> Result<Option<String>, ReadError> {
    let kind = value.get("type").map(|kind| kind.text()).transpose()?;
    Ok(kind.flatten().map(|kind| kind.into_owned()))
}

/// Parts are absent, a string, or objects of the types `known`.
fn check_parts(parts: Option<Value<'_>>, at: &str, known: &[&str]) -> Result<(), ReadError> {
    let Some(parts) = parts else {
        return Ok(());
    };
    match parts.kind() {
        Kind::Text => return Ok(()),
        Kind::Array => {}
        _ => return Err(wrong_type(at, "a string or an array")),
    }
    for (index, part) in parts.children().enumerate() {
        check_kind(part, &format!("{at}/{index}"), known)?;
    }
    Ok(())
}

fn check_kind(value: Value<'_>, at: &str, known: &[&str]) -> Result<(), ReadError> {
    match kind_of(value)?.as_deref() {
        Some(kind) if known.contains(&kind) => Ok(()),
        Some("input_file" | "input_audio") => {
            let why = "sound and files cannot be inspected yet; send their text instead";
            Err(refuse("unsupported_part", format!("{at}: {why}")))
        }
        _ => {
            let known = known.join(", ");
            Err(refuse(
                "unknown_part",
                format!("{at}/type has to be one of {known}"),
            ))
        }
    }
}

/// Every tool is a function or a search whose use and results are items that can be read.
pub fn check_tools(root: Value<'_>) -> Result<(), ReadError> {
    let Some(tools) = root.get("tools") else {
        return Ok(());
    };
    if tools.kind() != Kind::Array {
        return Err(wrong_type("/tools", "an array"));
    }
    for (index, tool) in tools.children().enumerate() {
        let known = match kind_of(tool)?.as_deref() {
            Some("function" | "custom") => true,
            Some(kind) => kind.starts_with("web_search"),
            None => false,
        };
        if !known {
            let why = "has to be function, custom or web_search";
            return Err(refuse("unknown_tool", format!("/tools/{index}/type {why}")));
        }
    }
    Ok(())
}

/// An answer of the background is fetched later, past every check.
pub fn check_background(root: Value<'_>) -> Result<(), ReadError> {
    if super::members::flag(root, "background")? {
        let why = "an answer can only be inspected as it is given; ask without it";
        return Err(refuse("unsupported_field", format!("/background: {why}")));
    }
    Ok(())
}

/// The items of an answer and their parts are of known types.
pub fn check_output(output: Value<'_>) -> Result<(), ReadError> {
    if output.kind() != Kind::Array {
        return Err(wrong_type("/output", "an array"));
    }
    let mut items = output.children();
    items.try_for_each(check_item)
}

/// An item of an answer is of a known type.
pub fn check_item(item: Value<'_>) -> Result<(), ReadError> {
    check_kind(item, "/output/*", &ANSWERED)?;
    check_parts(item.get("content"), "/output/*/content", &PARTS)?;
    check_parts(item.get("summary"), "/output/*/summary", &["summary_text"])
}

/// A part of an answer is of a known type; whether it is words that the reader sees.
pub fn check_part(event: Value<'_>, known: &[&str]) -> Result<bool, ReadError> {
    let part = event
        .get("part")
        .ok_or_else(|| refuse("missing_field", "/part is missing"))?;
    check_kind(part, "/part", known)?;
    Ok(kind_of(part)?.as_deref() == Some("output_text"))
}

/// Types of parts of content.
pub const CONTENT_PARTS: &[&str] = &PARTS;
/// Types of parts of a summary.
pub const SUMMARY_PARTS: &[&str] = &["summary_text"];
