//! What a body of Gemini's generateContent has to look like: roles, parts and tools of known kinds.
//!
//! Closed by default: a part of a kind that nobody knows could say anything, so it is refused.

use super::ReadError;
use super::addresses::is_address;
use super::json::{Kind, Value};
use super::members::{MAX_CHOICES, refuse, wrong_type};
use super::table::{Step, pointer};
use crate::message::Role;

/// Members of a part that a request may send.
const SENT: [&str; 20] = [
    "text",
    "thought",
    "thoughtSignature",
    "thought_signature",
    "inlineData",
    "inline_data",
    "fileData",
    "file_data",
    "functionCall",
    "function_call",
    "functionResponse",
    "function_response",
    "executableCode",
    "executable_code",
    "codeExecutionResult",
    "code_execution_result",
    "videoMetadata",
    "video_metadata",
    "mediaResolution",
    "media_resolution",
];

/// Members of a part of an answer. A picture's is known so that the table can refuse it.
const ANSWERED: [&str; 8] = [
    "text",
    "thought",
    "thoughtSignature",
    "functionCall",
    "executableCode",
    "codeExecutionResult",
    "inlineData",
    "fileData",
];

/// Tools whose use and results are parts that can be read.
const TOOLS: [&str; 6] = [
    "functionDeclarations",
    "function_declarations",
    "googleSearch",
    "google_search",
    "codeExecution",
    "code_execution",
];

/// A member in either of its spellings.
///
/// # Errors
/// Both at once: two readers might choose differently.
pub fn either<'d>(
    object: Value<'d>,
    names: [&'static str; 2],
) -> Result<Option<Value<'d>>, ReadError> {
    match names.map(|name| object.get(name)) {
        [Some(_), Some(_)] => {
            let [one, other] = names;
            let why = format!("/{one} and /{other} are the same field; send one");
            Err(refuse("duplicate_key", why))
        }
        [one, other] => Ok(one.or(other)),
    }
}

/// Whose words each content holds.
///
/// # Errors
/// A content, a role or a part that is unknown or of a wrong type.
pub fn read_contents(root: Value<'_>) -> Result<Vec<Role>, ReadError> {
    let contents = root
        .get("contents")
        .ok_or_else(|| refuse("missing_field", "/contents is missing"))?;
    if contents.kind() != Kind::Array {
        return Err(wrong_type("/contents", "an array"));
    }
    let mut roles = Vec::new();
    for (index, content) in contents.children().enumerate() {
        let at = pointer(&[Step::Known("contents"), Step::Index(index)]);
        if content.kind() != Kind::Object {
            return Err(wrong_type(&at, "an object"));
        }
        let role = content.get("role").map(|role| role.text()).transpose()?;
        roles.push(match role.flatten().as_deref() {
            None | Some("user") => Role::User,
            Some("model") => Role::Assistant,
            Some("function" | "tool") => Role::Tool,
            Some("system") => Role::System,
            Some(_) => {
                let why = "has to be user, model or function";
                return Err(refuse("unknown_role", format!("{at}/role {why}")));
            }
        });
        check_parts(content, &at, &SENT)?;
    }
    if roles.is_empty() {
        return Err(refuse("missing_field", "/contents is empty"));
    }
    Ok(roles)
}

/// The parts of a content have known members; files in them are pictures.
fn check_parts(content: Value<'_>, at: &str, known: &[&str]) -> Result<(), ReadError> {
    let Some(parts) = content.get("parts") else {
        return Ok(());
    };
    if parts.kind() != Kind::Array {
        return Err(wrong_type(&format!("{at}/parts"), "an array"));
    }
    for (index, part) in parts.children().enumerate() {
        let at = format!("{at}/parts/{index}");
        if part.kind() != Kind::Object {
            return Err(wrong_type(&at, "an object"));
        }
        for member in part.children() {
            let key = member.key()?;
            if !known.contains(&&*key) {
                let why = "has a member of an unknown name";
                return Err(refuse("unknown_part", format!("{at} {why}")));
            }
        }
        for names in [["inlineData", "inline_data"], ["fileData", "file_data"]] {
            if let Some(file) = either(part, names)? {
                check_picture(file, &at)?;
            }
        }
    }
    Ok(())
}

fn check_picture(file: Value<'_>, at: &str) -> Result<(), ReadError> {
    let kind = either(file, ["mimeType", "mime_type"])?;
    let kind = kind.map(|kind| kind.text()).transpose()?.flatten();
    if kind.is_some_and(|kind| kind.starts_with("image/")) {
        return check_address(file, at);
    }
    let why = "sound, films and files cannot be inspected yet; send their text instead";
    Err(refuse("unsupported_part", format!("{at}: {why}")))
}

/// A file that lies elsewhere is named by an address, or nobody would know of it.
fn check_address(file: Value<'_>, at: &str) -> Result<(), ReadError> {
    let address = either(file, ["fileUri", "file_uri"])?;
    let Some(address) = address.map(|address| address.text()).transpose()? else {
        return Ok(());
    };
    // A picture that stands there itself is found as everywhere else.
    let says = |address: &str| is_address(address) || address.starts_with("data:");
    if address.is_some_and(|address| says(address.trim())) {
        return Ok(());
    }
    let why = "the file's URI has to be an address";
    Err(refuse("unsupported_part", format!("{at}: {why}")))
}

/// The system instruction's list of parts, if there is one.
///
/// # Errors
/// It is no object with parts.
pub fn instruction(root: Value<'_>) -> Result<Option<Value<'_>>, ReadError> {
    let Some(instruction) = either(root, ["systemInstruction", "system_instruction"])? else {
        return Ok(None);
    };
    check_parts(instruction, "/systemInstruction", &SENT)?;
    match instruction.get("parts") {
        Some(parts) => Ok(Some(parts)),
        None => Err(wrong_type("/systemInstruction", "an object with parts")),
    }
}

/// Every tool is known.
pub fn check_tools(root: Value<'_>) -> Result<(), ReadError> {
    let Some(tools) = root.get("tools") else {
        return Ok(());
    };
    if tools.kind() != Kind::Array {
        return Err(wrong_type("/tools", "an array"));
    }
    for (index, tool) in tools.children().enumerate() {
        let mut known = tool.kind() == Kind::Object;
        for member in tool.children() {
            known &= member.kind() == Kind::Null || TOOLS.contains(&&*member.key()?);
        }
        if !known {
            let why = "has to hold functions, a search or code execution";
            return Err(refuse("unknown_tool", format!("/tools/{index} {why}")));
        }
    }
    Ok(())
}

/// Only text is asked for; how many answers.
pub fn choices_asked(root: Value<'_>) -> Result<u32, ReadError> {
    let Some(config) = either(root, ["generationConfig", "generation_config"])? else {
        return Ok(1);
    };
    if let Some(modalities) = either(config, ["responseModalities", "response_modalities"])? {
        for modality in modalities.children() {
            let text = modality.text()?;
            if !text.is_some_and(|text| text.eq_ignore_ascii_case("text")) {
                let why = "only text answers can be inspected yet; ask for [\"TEXT\"]";
                let message = format!("/generationConfig/responseModalities: {why}");
                return Err(refuse("unsupported_field", message));
            }
        }
    }
    let Some(count) = either(config, ["candidateCount", "candidate_count"])? else {
        return Ok(1);
    };
    let count = count.number().and_then(|count| u32::try_from(count).ok());
    count
        .filter(|count| (1..=MAX_CHOICES).contains(count))
        .ok_or_else(|| {
            let expected = format!("a whole number from 1 to {MAX_CHOICES}");
            wrong_type("/generationConfig/candidateCount", &expected)
        })
}

/// The parts of an answer's candidates have known members.
pub fn check_candidate(candidate: Value<'_>) -> Result<(), ReadError> {
    if candidate.kind() != Kind::Object {
        return Err(wrong_type("/candidates/*", "an object"));
    }
    match candidate.get("content") {
        Some(content) => check_parts_of_answer(content),
        None => Ok(()),
    }
}

fn check_parts_of_answer(content: Value<'_>) -> Result<(), ReadError> {
    let at = "/candidates/*/content";
    let parts = content.get("parts");
    let pictures = parts.into_iter().flat_map(|parts| parts.children());
    for part in pictures {
        for name in ["inlineData", "fileData"] {
            if let Some(picture) = part.get(name) {
                check_picture(picture, &format!("{at}/parts"))?;
            }
        }
    }
    check_parts(content, at, &ANSWERED)
}
