//! What a body of DashScope's generation has to look like: roles, parts and tools of known kinds.

use super::ReadError;
use super::json::{Kind, Value};
use super::members::{self, MAX_CHOICES, refuse, wrong_type};
use crate::message::Role;

/// What a request says of itself.
#[derive(Debug)]
pub struct Shape<'d> {
    /// Whose words each message holds.
    pub roles: Vec<Role>,
    /// The array of messages.
    pub messages: Option<Value<'d>>,
    /// The lone prompt.
    pub prompt: Option<Value<'d>>,
    /// The turn of the last thing the user said.
    pub last: u32,
    /// The turn after every other.
    pub after: u32,
    /// A message shows a picture.
    pub shows: bool,
    /// How many answers are asked for.
    pub choices: u32,
}

/// Checks a request.
///
/// # Errors
/// A message, a role, a part or a tool that is unknown or of a wrong type.
pub fn read<'d>(root: Value<'d>) -> Result<Shape<'d>, ReadError> {
    let input =
        object(root, "input")?.ok_or_else(|| refuse("missing_field", "/input is missing"))?;
    let mut shape = Shape {
        roles: Vec::new(),
        messages: input.get("messages"),
        prompt: input.get("prompt"),
        last: 0,
        after: 0,
        shows: false,
        choices: 1,
    };
    if shape.messages.is_none() && shape.prompt.is_none() {
        return Err(refuse(
            "missing_field",
            "/input has neither messages nor a prompt",
        ));
    }
    if shape
        .prompt
        .is_some_and(|prompt| prompt.kind() != Kind::Text)
    {
        return Err(wrong_type("/input/prompt", "a string"));
    }
    if let Some(messages) = shape.messages {
        if messages.kind() != Kind::Array {
            return Err(wrong_type("/input/messages", "an array"));
        }
        for (index, message) in messages.children().enumerate() {
            let at = format!("/input/messages/{index}");
            shape.roles.push(role(message, &at)?);
            shape.shows |= check_content(message, &at, &["text", "image"])?;
            check_functions(message.get("tool_calls"), &at)?;
        }
        if shape.roles.is_empty() {
            return Err(refuse("missing_field", "/input/messages is empty"));
        }
    }
    let history = input.get("history").into_iter();
    let history = history.flat_map(|all| all.children()).count();
    let turn = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
    let spoken = shape.roles.iter().rposition(|role| *role == Role::User);
    shape.last = match shape.prompt {
        Some(_) => turn(history.max(shape.roles.len())),
        None => turn(spoken.unwrap_or(shape.roles.len())),
    };
    shape.after = turn(history.max(shape.roles.len()) + 1);
    if let Some(parameters) = object(root, "parameters")? {
        check_functions(parameters.get("tools"), "/parameters/tools")?;
        check_modalities(parameters)?;
        shape.choices = choices(parameters)?;
    }
    Ok(shape)
}

/// An answer has output or is an error; its messages hold parts of known kinds.
///
/// # Errors
/// It has neither, or something in it is of a wrong type.
pub fn check_answer(root: Value<'_>) -> Result<(), ReadError> {
    members::known_shape(root, &["output", "code"])?;
    let Some(output) = object(root, "output")? else {
        return Ok(());
    };
    if output
        .get("choices")
        .is_some_and(|all| all.kind() != Kind::Array)
    {
        return Err(wrong_type("/output/choices", "an array"));
    }
    for choice in choices_of(root) {
        let at = "/output/choices/*";
        if let Some(message) = object(choice, "message")? {
            check_content(message, at, &["text", "image", "audio"])?;
            check_functions(message.get("tool_calls"), at)?;
        }
    }
    Ok(())
}

/// The choices of an answer in the form of messages.
pub fn choices_of<'d>(root: Value<'d>) -> impl Iterator<Item = Value<'d>> {
    let choices = root.get("output").and_then(|output| output.get("choices"));
    choices.into_iter().flat_map(|all| all.children())
}

/// A choice's number: its `index`, or its position where it has none.
///
/// # Errors
/// It is no number.
pub fn index(choice: Value<'_>, position: usize) -> Result<u32, ReadError> {
    let index = match choice.get("index") {
        None => u32::try_from(position).ok(),
        Some(index) => index.number().and_then(|index| u32::try_from(index).ok()),
    };
    index.ok_or_else(|| wrong_type("/output/choices/*/index", "a whole number"))
}

/// The word with which an answer or a choice has ended. DashScope writes "null" while it has not.
///
/// # Errors
/// It is no string.
pub fn finish_reason(of: Value<'_>) -> Result<Option<String>, ReadError> {
    let reason = members::optional_text(of, "finish_reason")?;
    Ok(reason.filter(|reason| !reason.is_empty() && reason != "null"))
}

fn object<'d>(parent: Value<'d>, name: &str) -> Result<Option<Value<'d>>, ReadError> {
    match parent.get(name) {
        Some(value) if value.kind() != Kind::Object => {
            Err(wrong_type(&format!("/{name}"), "an object"))
        }
        value => Ok(value),
    }
}

fn role(message: Value<'_>, at: &str) -> Result<Role, ReadError> {
    if message.kind() != Kind::Object {
        return Err(wrong_type(at, "an object"));
    }
    let role = message.get("role").map(|role| role.text()).transpose()?;
    match role.flatten().as_deref() {
        Some("system") => Ok(Role::System),
        Some("user") => Ok(Role::User),
        Some("assistant") => Ok(Role::Assistant),
        Some("tool") => Ok(Role::Tool),
        _ => {
            let why = "has to be system, user, assistant or tool";
            Err(refuse("unknown_role", format!("{at}/role {why}")))
        }
    }
}

/// A message's content is words, or parts of one known kind each; whether it shows a picture.
fn check_content(message: Value<'_>, at: &str, known: &[&str]) -> Result<bool, ReadError> {
    let Some(content) = message.get("content") else {
        return Ok(false);
    };
    match content.kind() {
        Kind::Text => return Ok(false),
        Kind::Array => {}
        _ => return Err(wrong_type(&format!("{at}/content"), "a string or an array")),
    }
    let mut shows = false;
    for part in content.children() {
        for member in part.children() {
            let key = member.key()?;
            if matches!(&*key, "audio" | "video" | "file") && !known.contains(&&*key) {
                let why = "sound, films and files cannot be inspected yet; send their text";
                return Err(refuse("unsupported_part", format!("{at}/content: {why}")));
            }
            if !known.contains(&&*key) {
                let why = "a part has a member of an unknown name";
                return Err(refuse("unknown_part", format!("{at}/content: {why}")));
            }
            shows |= key == "image";
        }
        if part.kind() != Kind::Object {
            return Err(wrong_type(&format!("{at}/content/*"), "an object"));
        }
    }
    Ok(shows)
}

/// Tools and calls of them are functions.
fn check_functions(all: Option<Value<'_>>, at: &str) -> Result<(), ReadError> {
    let Some(all) = all else {
        return Ok(());
    };
    let function = |one: Value<'_>| one.get("function").is_some();
    match all.kind() == Kind::Array && all.children().all(function) {
        true => Ok(()),
        false => Err(refuse(
            "unknown_tool",
            format!("{at} has to hold functions"),
        )),
    }
}

fn check_modalities(parameters: Value<'_>) -> Result<(), ReadError> {
    let modalities = parameters.get("modalities");
    for modality in modalities.into_iter().flat_map(|all| all.children()) {
        if modality.text()?.as_deref() != Some("text") {
            let why = "only text answers can be inspected yet; ask for [\"text\"]";
            return Err(refuse(
                "unsupported_field",
                format!("/parameters/modalities: {why}"),
            ));
        }
    }
    Ok(())
}

fn choices(parameters: Value<'_>) -> Result<u32, ReadError> {
    let Some(count) = parameters.get("n") else {
        return Ok(1);
    };
    let count = count.number().and_then(|count| u32::try_from(count).ok());
    count
        .filter(|count| (1..=MAX_CHOICES).contains(count))
        .ok_or_else(|| {
            let expected = format!("a whole number from 1 to {MAX_CHOICES}");
            wrong_type("/parameters/n", &expected)
        })
}
