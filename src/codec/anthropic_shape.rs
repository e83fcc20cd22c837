//! What a body of Anthropic messages has to look like: roles, and blocks and tools of known types.
//!
//! Closed by default: a block whose type nobody knows could say anything, so it is refused.

use std::ops::Range;

use super::ReadError;
use super::json::{Kind, Value};
use super::members::{refuse, wrong_type};
use super::table::{Step, pointer};
use crate::message::Role;

/// Blocks of a message.
const SAID: [&str; 9] = [
    "text",
    "image",
    "document",
    "search_result",
    "thinking",
    "redacted_thinking",
    "tool_use",
    "tool_result",
    "server_tool_use",
];

/// Blocks within a tool's result, a document or a search result.
const WITHIN: [&str; 4] = ["text", "image", "document", "search_result"];

/// Blocks of an answer.
const ANSWERED: [&str; 6] = [
    "text",
    "thinking",
    "redacted_thinking",
    "tool_use",
    "server_tool_use",
    FOUND,
];

/// What a server's search found: names of pages, and pages that are encrypted.
const FOUND: &str = "web_search_tool_result";

/// Beginnings of the types of tools that the caller runs, or whose results are blocks we know.
const TOOLS: [&str; 5] = [
    "bash_",
    "text_editor_",
    "memory_",
    "computer_",
    "web_search_",
];

/// What the messages say about the strings in them.
pub struct Messages<'d> {
    /// Of each message: whose it is, and its blocks.
    pub said: Vec<Said<'d>>,
    /// Sources of pictures, in body order.
    pictures: Vec<Range<usize>>,
}

/// One message.
pub struct Said<'d> {
    /// Whose words.
    pub role: Role,
    /// Its blocks; none where `content` is a string.
    blocks: Vec<Value<'d>>,
}

impl Said<'_> {
    /// Whose words the block at `index` holds: a tool's result is the tool's.
    pub fn role_of(&self, index: usize) -> Role {
        let is_result = |block: &Value<'_>| {
            kind_of(*block).is_ok_and(|kind| kind.as_deref() == Some("tool_result"))
        };
        match self.blocks.get(index) {
            Some(block) if is_result(block) => Role::Tool,
            _ => self.role,
        }
    }
}

impl<'d> Messages<'d> {
    /// Reads `messages`.
    ///
    /// # Errors
    /// A message, a role or a block that is unknown or of a wrong type.
    pub fn read(root: Value<'d>) -> Result<Self, ReadError> {
        let messages = root
            .get("messages")
            .ok_or_else(|| refuse("missing_field", "/messages is missing"))?;
        if messages.kind() != Kind::Array {
            return Err(wrong_type("/messages", "an array"));
        }
        let mut read = Self {
            said: Vec::new(),
            pictures: Vec::new(),
        };
        for (index, message) in messages.children().enumerate() {
            let at = pointer(&[Step::Known("messages"), Step::Index(index)]);
            let role = role(message, &at)?;
            let blocks = match message.get("content") {
                Some(content) if content.kind() == Kind::Array => content.children().collect(),
                Some(content) if content.kind() == Kind::Text => Vec::new(),
                _ => return Err(wrong_type(&format!("{at}/content"), "a string or an array")),
            };
            for (index, block) in blocks.iter().enumerate() {
                let at = format!("{at}/content/{index}");
                read.block(*block, &at, &[&SAID[..], &[FOUND]].concat())?;
            }
            read.said.push(Said { role, blocks });
        }
        if read.said.is_empty() {
            return Err(refuse("missing_field", "/messages is empty"));
        }
        Ok(read)
    }

    /// Whether a literal belongs to a picture.
    pub fn shows(&self, raw: &Range<usize>) -> bool {
        let next = self.pictures.partition_point(|one| one.end < raw.end);
        let picture = self.pictures.get(next);
        picture.is_some_and(|picture| picture.start <= raw.start)
    }

    fn block(&mut self, block: Value<'d>, at: &str, known: &[&str]) -> Result<(), ReadError> {
        let kind = known_kind(block, at, known)?;
        match kind {
            "image" => self.picture(block, at),
            "document" => self.document(block, at),
            "tool_result" | "search_result" => self.within(block.get("content"), at),
            _ => Ok(()),
        }
    }

    /// Blocks within a block.
    fn within(&mut self, content: Option<Value<'d>>, at: &str) -> Result<(), ReadError> {
        let Some(content) = content else {
            return Ok(());
        };
        match content.kind() {
            Kind::Text => Ok(()),
            Kind::Array => content
                .children()
                .enumerate()
                .try_for_each(|(index, block)| {
                    self.block(block, &format!("{at}/content/{index}"), &WITHIN)
                }),
            _ => Err(wrong_type(&format!("{at}/content"), "a string or an array")),
        }
    }

    fn picture(&mut self, block: Value<'d>, at: &str) -> Result<(), ReadError> {
        let source = block.get("source").filter(|one| one.kind() == Kind::Object);
        let source = source.ok_or_else(|| wrong_type(&format!("{at}/source"), "an object"))?;
        known_kind(source, &format!("{at}/source"), &["base64", "url", "file"])?;
        self.pictures.push(source.raw());
        Ok(())
    }

    /// A document is read where it is words.
    fn document(&mut self, block: Value<'d>, at: &str) -> Result<(), ReadError> {
        let source = block.get("source").filter(|one| one.kind() == Kind::Object);
        let source = source.ok_or_else(|| wrong_type(&format!("{at}/source"), "an object"))?;
        match kind_of(source)?.as_deref() {
            Some("text") => Ok(()),
            Some("content") => self.within(source.get("content"), &format!("{at}/source")),
            _ => {
                let why = "files cannot be inspected yet; send their text instead";
                Err(refuse("unsupported_part", format!("{at}/source: {why}")))
            }
        }
    }
}

fn role(message: Value<'_>, at: &str) -> Result<Role, ReadError> {
    if message.kind() != Kind::Object {
        return Err(wrong_type(at, "an object"));
    }
    let role = message.get("role").map(|role| role.text()).transpose()?;
    match role.flatten().as_deref() {
        Some("user") => Ok(Role::User),
        Some("assistant") => Ok(Role::Assistant),
        Some("system") => Ok(Role::System),
        _ => {
            let why = "has to be user, assistant or system";
            Err(refuse("unknown_role", format!("{at}/role {why}")))
        }
    }
}

fn kind_of(value: Value<'_>) -> Result<Option<String>, ReadError> {
    let kind = value.get("type").map(|kind| kind.text()).transpose()?;
    Ok(kind.flatten().map(|kind| kind.into_owned()))
}

/// The type of `value`, which has to be one of `known`.
fn known_kind<'k>(value: Value<'_>, at: &str, known: &[&'k str]) -> Result<&'k str, ReadError> {
    let kind = kind_of(value)?;
    let found = known.iter().find(|one| Some(**one) == kind.as_deref());
    found.copied().ok_or_else(|| {
        let known = known.join(", ");
        refuse(
            "unknown_part",
            format!("{at}/type has to be one of {known}"),
        )
    })
}

/// `system` is absent, a string, or blocks of text.
pub fn check_system(root: Value<'_>) -> Result<(), ReadError> {
    let Some(system) = root.get("system") else {
        return Ok(());
    };
    match system.kind() {
        Kind::Text => Ok(()),
        Kind::Array => system
            .children()
            .enumerate()
            .try_for_each(|(index, block)| {
                known_kind(block, &format!("/system/{index}"), &["text"]).map(drop)
            }),
        _ => Err(wrong_type("/system", "a string or an array")),
    }
}

/// Every tool is of a known type.
pub fn check_tools(root: Value<'_>) -> Result<(), ReadError> {
    let Some(tools) = root.get("tools") else {
        return Ok(());
    };
    if tools.kind() != Kind::Array {
        return Err(wrong_type("/tools", "an array"));
    }
    for (index, tool) in tools.children().enumerate() {
        let known = match kind_of(tool)?.as_deref() {
            None => tool.kind() == Kind::Object && tool.get("type").is_none(),
            Some("custom") => true,
            Some(kind) => TOOLS.iter().any(|start| kind.starts_with(start)),
        };
        if !known {
            let why =
                "has to be custom or a tool whose use and results are blocks that can be read";
            return Err(refuse("unknown_tool", format!("/tools/{index}/type {why}")));
        }
    }
    Ok(())
}

/// The blocks of an answer are of known types.
pub fn check_answer(content: Value<'_>) -> Result<(), ReadError> {
    if content.kind() != Kind::Array {
        return Err(wrong_type("/content", "an array"));
    }
    let mut blocks = content.children().enumerate();
    blocks.try_for_each(|(index, block)| {
        known_kind(block, &format!("/content/{index}"), &ANSWERED).map(drop)
    })
}

/// The type of a block that begins.
pub fn begun_block<'d>(event: Value<'d>) -> Result<&'static str, ReadError> {
    let block = event
        .get("content_block")
        .ok_or_else(|| refuse("missing_field", "/content_block is missing"))?;
    known_kind(block, "/content_block", &ANSWERED)
}

/// A piece of a block is of a known type.
pub fn check_delta(event: Value<'_>) -> Result<(), ReadError> {
    const KNOWN: [&str; 5] = [
        "text_delta",
        "thinking_delta",
        "signature_delta",
        "input_json_delta",
        "citations_delta",
    ];
    let delta = event
        .get("delta")
        .ok_or_else(|| refuse("missing_field", "/delta is missing"))?;
    known_kind(delta, "/delta", &KNOWN).map(drop)
}
