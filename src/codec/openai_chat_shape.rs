//! What a chat body has to look like: roles, and parts and tools of known types.
//!
//! Closed by default: an object whose type nobody knows could say anything, so it is refused.

use std::ops::Range;

use super::ReadError;
use super::json::{Kind, Value};
use super::members::{refuse, wrong_type};
use super::openai::Choice;
use super::table::{Step, pointer};
use crate::message::Role;

/// What the messages say about the others: whose words, and where guidance goes.
pub struct Messages {
    /// Of each message.
    pub roles: Vec<Role>,
    /// Before the first message that is no system message: an empty range; or, where there is
    /// none, the bytes of the last message.
    pub guidance_at: Range<usize>,
}

impl Messages {
    /// Reads `messages`.
    ///
    /// # Errors
    /// A message, a role or a part that is unknown or of a wrong type.
    pub fn read(root: Value<'_>) -> Result<Self, ReadError> {
        let messages = root
            .get("messages")
            .ok_or_else(|| refuse("missing_field", "/messages is missing"))?;
        if messages.kind() != Kind::Array {
            return Err(wrong_type("/messages", "an array"));
        }
        let mut roles = Vec::new();
        let mut guidance_at = None;
        let mut last = 0..0;
        for (index, message) in messages.children().enumerate() {
            let role = read_message(index, message)?;
            if role != Role::System && guidance_at.is_none() {
                let start = message.raw().start;
                guidance_at = Some(start..start);
            }
            roles.push(role);
            last = message.raw();
        }
        if roles.is_empty() {
            return Err(refuse("missing_field", "/messages is empty"));
        }
        Ok(Self {
            roles,
            guidance_at: guidance_at.unwrap_or(last),
        })
    }
}

fn read_message(index: usize, message: Value<'_>) -> Result<Role, ReadError> {
    let at = pointer(&[Step::Known("messages"), Step::Index(index)]);
    if message.kind() != Kind::Object {
        return Err(wrong_type(&at, "an object"));
    }
    let role = match message.get("role") {
        Some(role) => role.text()?,
        None => None,
    };
    let role = match role.as_deref() {
        Some("system" | "developer") => Role::System,
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        Some("tool" | "function") => Role::Tool,
        _ => {
            let known = "system, developer, user, assistant, tool or function";
            return Err(refuse(
                "unknown_role",
                format!("{at}/role has to be {known}"),
            ));
        }
    };
    check_content(message, &at, &["text", "refusal", "image_url"])?;
    check_kinds(message.get("tool_calls"), &at, "tool_calls")?;
    Ok(role)
}

/// `content` is absent, a string, or parts of the types `known`.
fn check_content(message: Value<'_>, at: &str, known: &[&str]) -> Result<(), ReadError> {
    let Some(content) = message.get("content") else {
        return Ok(());
    };
    match content.kind() {
        Kind::Text => return Ok(()),
        Kind::Array => {}
        _ => return Err(wrong_type(&format!("{at}/content"), "a string or an array")),
    }
    for (index, part) in content.children().enumerate() {
        let at = format!("{at}/content/{index}");
        let kind = part.get("type").map(|kind| kind.text()).transpose()?;
        match kind.flatten().as_deref() {
            Some(kind) if known.contains(&kind) => {}
            Some("input_audio" | "file") => {
                let why = "sound and files cannot be inspected yet; send their text instead";
                return Err(refuse("unsupported_part", format!("{at}: {why}")));
            }
            _ => {
                let known = known.join(" or ");
                return Err(refuse(
                    "unknown_part",
                    format!("{at}/type has to be {known}"),
                ));
            }
        }
    }
    Ok(())
}

/// Tools and tool calls are functions or custom tools; a later piece of a streamed call has no type.
fn check_kinds(tools: Option<Value<'_>>, at: &str, name: &str) -> Result<(), ReadError> {
    let Some(tools) = tools else {
        return Ok(());
    };
    if tools.kind() != Kind::Array {
        return Err(wrong_type(&format!("{at}/{name}"), "an array"));
    }
    for (index, tool) in tools.children().enumerate() {
        let kind = tool.get("type").map(|kind| kind.text()).transpose()?;
        let known = match kind {
            None => tool.kind() == Kind::Object,
            Some(kind) => matches!(kind.as_deref(), Some("function" | "custom")),
        };
        if !known {
            let why = "has to be function or custom";
            return Err(refuse(
                "unknown_tool",
                format!("{at}/{name}/{index}/type {why}"),
            ));
        }
    }
    Ok(())
}

/// Every tool is of a known type.
pub fn check_tools(root: Value<'_>) -> Result<(), ReadError> {
    check_kinds(root.get("tools"), "", "tools")
}

/// Only text is asked for.
pub fn check_modalities(root: Value<'_>) -> Result<(), ReadError> {
    let Some(modalities) = root.get("modalities") else {
        return Ok(());
    };
    for modality in modalities.children() {
        if modality.text()?.as_deref() != Some("text") {
            let why = "only text answers can be inspected yet; ask for [\"text\"]";
            return Err(refuse("unsupported_field", format!("/modalities: {why}")));
        }
    }
    Ok(())
}

/// The parts and tools of every choice are of known types.
pub fn check_said(choices: &[Choice<'_>], name: &'static str) -> Result<(), ReadError> {
    for choice in choices {
        let Some(said) = choice.value.get(name) else {
            continue;
        };
        let at = match name {
            "message" => "/choices/*/message",
            _ => "/choices/*/delta",
        };
        check_content(said, at, &["text", "refusal"])?;
        check_kinds(said.get("tool_calls"), at, "tool_calls")?;
    }
    Ok(())
}
