//! What every JSON dialect reads alike: typed members, refusals that name a place, lanes of places
//! that a dialect has no number for.
//!
//! Limit: knows no dialect; what a member means is its codec's to say.

use std::ops::Range;

use bytes::Bytes;

use super::json::{Document, Kind, MAX_DEPTH, Value};
use super::splice::{self, Splice, splice};
use super::table::{Leaf, Place, Step, Table, pointer};
use super::{Ask, Delta, Edit, Envelope, Lane, Open, Piece, ReadError, ReadLimits};
use crate::message::{Media, Output, Part, Role};

/// JSON Schema's own words. A request with many tools holds hundreds of them, and they say nothing.
const SCHEMA_WORDS: [&str; 24] = [
    "type",
    "properties",
    "required",
    "description",
    "items",
    "enum",
    "additionalProperties",
    "default",
    "title",
    "format",
    "anyOf",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "$schema",
    "$ref",
    "string",
    "object",
    "array",
    "number",
    "integer",
    "boolean",
    "null",
];

/// Most choices one request may ask for (OpenAI's own bound for `n`): a refusal repeats its text
/// once per choice.
pub const MAX_CHOICES: u32 = 128;

/// Longest id of an item that is remembered, bytes; OpenAI's have less than 100. An item with a
/// longer one is followed all the same, and our own events about it name none.
const MAX_ID_BYTES: usize = 256;

/// Bounds for bodies that were read before and are now written: depth was judged then.
pub const WRITE_LIMITS: ReadLimits = ReadLimits {
    depth: MAX_DEPTH,
    parts: usize::MAX,
};

impl Ask {
    /// What most ask for: one text, whole, of a model that nobody names, with no place for guidance.
    pub fn of(parts: Vec<Part>) -> Self {
        Self {
            parts,
            stream: false,
            model: String::new(),
            output: Output::Text,
            choices: 1,
            guidance_at: 0..0,
        }
    }
}

/// A [`ReadError`] with owned text.
pub fn refuse(code: &'static str, message: impl Into<String>) -> ReadError {
    ReadError {
        code,
        message: message.into(),
    }
}

/// A member has another type than the dialect says.
pub fn wrong_type(at: &str, expected: &str) -> ReadError {
    refuse("wrong_type", format!("{at} has to be {expected}"))
}

/// The root, which has to be an object.
pub fn root<'d>(document: &'d Document<'d>) -> Result<Value<'d>, ReadError> {
    let root = document.root();
    if root.kind() != Kind::Object {
        return Err(wrong_type("the body", "a JSON object"));
    }
    Ok(root)
}

/// An optional string member.
pub fn optional_text(object: Value<'_>, name: &str) -> Result<Option<String>, ReadError> {
    let Some(value) = object.get(name) else {
        return Ok(None);
    };
    match value.text()? {
        Some(text) => Ok(Some(text.into_owned())),
        None => Err(wrong_type(&format!("/{name}"), "a string")),
    }
}

/// A string member that has to be there.
pub fn required_text(object: Value<'_>, name: &str) -> Result<String, ReadError> {
    optional_text(object, name)?
        .ok_or_else(|| refuse("missing_field", format!("/{name} is missing")))
}

/// The bytes of an object's member, null or not; where there is none, the place for it, which is
/// empty: right behind the brace.
pub fn member_or_place(object: Value<'_>, name: &str) -> Range<usize> {
    let mut members = object.children();
    let member = members.find(|member| member.key().is_ok_and(|key| key == name));
    let first = object.raw().start + 1;
    member.map_or(first..first, |member| member.raw())
}

/// An optional `true` or `false`, false by default.
pub fn flag(object: Value<'_>, name: &str) -> Result<bool, ReadError> {
    match object.get(name) {
        None => Ok(false),
        Some(value) if value.kind() == Kind::Bool => Ok(value.raw_text() == "true"),
        Some(_) => Err(wrong_type(&format!("/{name}"), "true or false")),
    }
}

/// More strings than `limits.parts`.
pub fn too_many(limits: &ReadLimits) -> ReadError {
    let most = limits.parts;
    refuse(
        "too_many_parts",
        format!("the body holds more than {most} texts; send fewer"),
    )
}

/// An answer has one of the members by which its dialect knows it.
///
/// # Errors
/// "unknown_shape" where it has none of them.
pub fn known_shape(root: Value<'_>, members: &[&str]) -> Result<(), ReadError> {
    if members.iter().any(|name| root.get(name).is_some()) {
        return Ok(());
    }
    let none = members.join(", no ");
    Err(refuse("unknown_shape", format!("the answer has no {none}")))
}

/// A string of a request, as its dialect places it.
pub fn part(leaf: &Leaf<'_, '_>, role: Role, turn: u32, media: Media) -> Part {
    Part {
        role,
        media,
        turn,
        text: leaf.text.to_string(),
        at: pointer(leaf.path),
        raw: leaf.raw.clone(),
    }
}

/// A part of a request that is one turn of the user's; keys are names.
pub fn user_part(leaf: &Leaf<'_, '_>, turn: u32, media: Media) -> Part {
    let media = match leaf.place {
        Place::Key => Media::Name,
        Place::Value => media,
    };
    part(leaf, Role::User, turn, media)
}

/// What `make` makes of every string of a document that is to be inspected.
///
/// # Errors
/// A refused field, and more strings than `limits.parts`.
pub fn gather<T>(
    table: &Table,
    document: &Document<'_>,
    limits: &ReadLimits,
    mut make: impl FnMut(&Leaf<'_, '_>) -> T,
) -> Result<Vec<T>, ReadError> {
    let mut made = Vec::new();
    table.walk(document, &mut |leaf: &Leaf<'_, '_>| {
        if made.len() >= limits.parts {
            return Err(too_many(limits));
        }
        made.push(make(leaf));
        Ok(())
    })?;
    Ok(made)
}

/// Reads a whole answer that is no conversation: its shape is known by one of these members, and each
/// of its strings stands for itself.
///
/// # Errors
/// As [`known_shape`] and [`gather`].
pub fn read_asides(
    table: &Table,
    body: &[u8],
    shape: &[&str],
    limits: &ReadLimits,
) -> Result<Vec<Piece>, ReadError> {
    let document = Document::parse(body, limits)?;
    known_shape(root(&document)?, shape)?;
    gather(table, &document, limits, |leaf| unnamed_piece(leaf, 0))
}

/// A string of an answer in a place that the dialect has no number for.
pub fn unnamed_piece(leaf: &Leaf<'_, '_>, choice: u32) -> Piece {
    let lane = unnamed_lane(leaf.path);
    let (field, media) = match leaf.place {
        Place::Value => (lane, Media::Aside),
        Place::Key => (lane ^ 1, Media::Name),
    };
    Piece {
        lane: Lane { choice, field },
        media,
        text: leaf.text.to_string(),
        raw: leaf.raw.clone(),
        apart: true,
    }
}

/// The lane of a place that the dialect has no number for: its pointer's FNV-1a hash, with the
/// highest bit set so that it meets no number of a dialect. The same place of later events of a
/// stream gets the same lane.
pub fn unnamed_lane(path: &[Step<'_>]) -> u32 {
    let mut hash: u32 = 0x811c_9dc5;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    };
    for step in path {
        add(b"/");
        match step {
            Step::Known(name) => add(name.as_bytes()),
            Step::Index(index) => add(index.to_string().as_bytes()),
            Step::Unknown(key) => add(key.as_bytes()),
        }
    }
    (hash | 0x8000_0000) & !1
}

/// An answer or event with edits applied. Where anything is edited, every array that is a member of
/// one of these names, however deep, is emptied: such arrays repeat the texts' tokens.
pub fn edited_without(body: &[u8], edits: &[Edit], names: &[&str]) -> Result<Bytes, ReadError> {
    let document = Document::parse(body, &WRITE_LIMITS)?;
    let mut splices: Vec<_> = edits.iter().map(Splice::literal).collect();
    if !edits.is_empty() {
        empty_arrays(document.root(), names, &mut splices);
    }
    splice(body, splices)
}

/// Empties every array that is a member of one of these names, however deep.
pub fn empty_arrays(value: Value<'_>, names: &[&str], splices: &mut Vec<Splice>) {
    for child in value.children() {
        let named = child.key().is_ok_and(|key| names.contains(&key.as_ref()));
        if named && child.kind() == Kind::Array {
            let (at, bytes) = (child.raw(), "[]".to_owned());
            splice::cover(splices, Splice { at, bytes });
        } else {
            empty_arrays(child, names, splices);
        }
    }
}

/// The texts of a document at a path, in which `*` is any member or element; none of what is no document.
pub fn texts_at(body: &[u8], path: &[&str], limits: &ReadLimits) -> Vec<String> {
    fn descend(value: Value<'_>, path: &[&str], texts: &mut Vec<String>) {
        match path {
            [] => texts.extend(value.text().ok().flatten().map(Into::into)),
            ["*", rest @ ..] => value.children().for_each(|one| descend(one, rest, texts)),
            [name, rest @ ..] => {
                if let Some(one) = value.get(name) {
                    descend(one, rest, texts);
                }
            }
        }
    }
    let mut texts = Vec::new();
    if let Ok(document) = Document::parse(body, limits) {
        descend(document.root(), path, &mut texts);
    }
    texts
}

/// A request that asks for what was made before: it says nothing.
///
/// # Errors
/// It has a body, which nobody would read.
pub fn polled(body: &[u8], output: Output) -> Result<Ask, ReadError> {
    if !body.is_empty() {
        return Err(refuse("unexpected_body", "this route takes no body"));
    }
    Ok(Ask {
        output,
        ..Ask::of(Vec::new())
    })
}

/// A request with edits applied, where guidance can only follow words: those at
/// [`Ask::guidance_at`], which may be an empty string.
///
/// # Errors
/// "bad_edit" where edits overlap, "missing_prompt" where the request has no such words: guidance
/// anywhere else would break it.
pub fn write_guided(
    body: &Bytes,
    ask: &Ask,
    edits: &[Edit],
    guidance: Option<&str>,
) -> Result<Bytes, ReadError> {
    let mut edits = edits.to_vec();
    if let Some(guidance) = guidance {
        let at = &ask.guidance_at;
        let part = ask.parts.iter().find(|part| part.raw == *at);
        match (part, body.get(Range::clone(at))) {
            (Some(part), _) => append(&mut edits, part, guidance),
            (None, Some(b"\"\"")) => edits.push(Edit {
                raw: Range::clone(at),
                text: guidance.to_owned(),
            }),
            (None, _) => {
                let why = "a policy has something to say to the model, and the request has no \
                           prompt that it could follow";
                return Err(refuse("missing_prompt", why));
            }
        }
    }
    splice::edited(body, &edits)
}

/// Lets guidance follow the words at [`Ask::guidance_at`]; where there are none, the member of that
/// name is set to it by the splice that is returned.
pub fn guide_member(ask: &Ask, edits: &mut Vec<Edit>, name: &str, text: &str) -> Option<Splice> {
    let at = Range::clone(&ask.guidance_at);
    if let Some(part) = ask.parts.iter().find(|part| part.raw == at) {
        append(edits, part, text);
        return None;
    }
    let quoted = splice::quote(text);
    let bytes = match at.is_empty() {
        true => format!("\"{name}\":{quoted},"),
        false => quoted,
    };
    Some(Splice { at, bytes })
}

/// An element before all others of the array whose bytes in `body` are `array`.
pub fn put_first(body: &[u8], array: &Range<usize>, element: &str) -> Splice {
    let comma = if is_empty_array(body, array) { "" } else { "," };
    let at = array.start + 1;
    Splice {
        at: at..at,
        bytes: format!("{element}{comma}"),
    }
}

/// An element behind all others.
pub fn put_last(body: &[u8], array: &Range<usize>, element: &str) -> Splice {
    let comma = if is_empty_array(body, array) { "" } else { "," };
    let at = array.end - 1;
    Splice {
        at: at..at,
        bytes: format!("{comma}{element}"),
    }
}

fn is_empty_array(body: &[u8], array: &Range<usize>) -> bool {
    let inner = body.get(array.start + 1..array.end.saturating_sub(1));
    inner.is_none_or(|inner| inner.trim_ascii().is_empty())
}

/// An event tells of a choice that has not ended.
///
/// # Errors
/// More than [`MAX_CHOICES`] are open at once.
pub fn choice_goes_on(envelope: &mut Envelope, choice: u32) -> Result<(), ReadError> {
    if envelope.open.contains(&choice) {
        return Ok(());
    }
    if envelope.open.len() >= MAX_CHOICES as usize {
        let message = format!("more than {MAX_CHOICES} choices at once");
        return Err(refuse("too_many_choices", message));
    }
    envelope.open.push(choice);
    Ok(())
}

/// An event ends a choice.
pub fn choice_ends(envelope: &mut Envelope, delta: &mut Delta, choice: u32) {
    delta.ended.push(choice);
    envelope.open.retain(|open| *open != choice);
}

/// Lets `guidance` follow the part's text, as edited so far.
pub fn append(edits: &mut Vec<Edit>, part: &Part, guidance: &str) {
    match edits.iter_mut().find(|edit| edit.raw == part.raw) {
        Some(edit) => edit.text = format!("{}\n\n{guidance}", edit.text),
        None => edits.push(Edit {
            raw: part.raw.clone(),
            text: format!("{}\n\n{guidance}", part.text),
        }),
    }
}

/// Whether a leaf is one of JSON Schema's own words within one of the root's members `schemas`.
pub fn is_schema_word(leaf: &Leaf<'_, '_>, schemas: &[&str]) -> bool {
    in_schema(leaf.path, &leaf.text, schemas)
}

/// Whether a text is one of JSON Schema's own words, and the way to it begins with one of `schemas`.
pub fn in_schema(path: &[Step<'_>], text: &str, schemas: &[&str]) -> bool {
    let within = matches!(path, [Step::Known(name), ..] if schemas.contains(name));
    within && SCHEMA_WORDS.contains(&text)
}

/// An item of a response begins: it is the block that is open, and its id is remembered.
///
/// # Errors
/// Its `output_index` is none, or more than an answer has.
pub fn begin_item(
    root: Value<'_>,
    item: Value<'_>,
    most: u64,
    envelope: &mut Envelope,
) -> Result<(), ReadError> {
    let index = root.get("output_index").and_then(|index| index.number());
    let index = index
        .filter(|index| *index < most)
        .and_then(|index| usize::try_from(index).ok())
        .ok_or_else(|| wrong_type("/output_index", "a small whole number"))?;
    let mut id = optional_text(item, "id")?.unwrap_or_default();
    if id.len() > MAX_ID_BYTES {
        id.clear();
    }
    envelope.items.resize(index + 1, String::new());
    envelope.items[index] = id;
    envelope.progress.blocks = u32::try_from(index + 1).unwrap_or(u32::MAX);
    envelope.progress.open = Open::Other;
    Ok(())
}

/// An event whose response repeats its output, with items of ours at its end.
pub fn with_output(
    data: &str,
    items: impl Iterator<Item = serde_json::Value>,
) -> Result<String, ReadError> {
    let document = Document::parse(data.as_bytes(), &WRITE_LIMITS)?;
    let response = document.root().get("response");
    let Some(output) = response.and_then(|response| response.get("output")) else {
        return Ok(data.to_owned());
    };
    let mut added = String::new();
    for item in items {
        let empty = added.is_empty() && output.children().next().is_none();
        added.push_str(if empty { "" } else { "," });
        added.push_str(&item.to_string());
    }
    let end = output.raw().end - 1;
    let at = end..end;
    event_of(splice(data.as_bytes(), vec![Splice { at, bytes: added }])?)
}

/// One event's data with edits applied, for dialects whose events repeat nothing.
pub fn write_event(data: &str, edits: &[Edit]) -> Result<String, ReadError> {
    event_of(splice::edited(data.as_bytes(), edits)?)
}

/// Edited bytes as one event's data.
///
/// # Errors
/// An edit cut a character.
pub fn event_of(bytes: Bytes) -> Result<String, ReadError> {
    String::from_utf8(bytes.into()).map_err(|_| refuse("bad_edit", "an edit cut a character"))
}
