//! What every JSON dialect reads alike: typed members, refusals that name a place, lanes of places
//! that a dialect has no number for.
//!
//! Limit: knows no dialect; what a member means is its codec's to say.

use std::ops::Range;

use super::json::{Document, Kind, MAX_DEPTH, Value};
use super::splice::{self, Splice, splice};
use super::table::{Leaf, Place, Step, Table, pointer};
use super::{Edit, Lane, Piece, ReadError, ReadLimits};
use crate::message::{Media, Part, Role};

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

/// Bounds for bodies that were read before and are now written: depth was judged then.
pub const WRITE_LIMITS: ReadLimits = ReadLimits {
    depth: MAX_DEPTH,
    parts: usize::MAX,
};

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

/// A part of a request that is one turn of the user's.
pub fn user_part(leaf: &Leaf<'_, '_>, turn: u32, media: Media) -> Part {
    Part {
        role: Role::User,
        media: match leaf.place {
            Place::Key => Media::Name,
            Place::Value => media,
        },
        turn,
        text: leaf.text.to_string(),
        at: pointer(leaf.path),
        raw: leaf.raw.clone(),
    }
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
    let in_schema = matches!(leaf.path, [Step::Known(name), ..] if schemas.contains(name));
    in_schema && SCHEMA_WORDS.contains(&leaf.text.as_ref())
}

/// One event's data with edits applied, for dialects whose events repeat nothing.
pub fn write_event(data: &str, edits: &[Edit]) -> Result<String, ReadError> {
    let bytes = splice(data.as_bytes(), edits.iter().map(Splice::literal).collect())?;
    String::from_utf8(bytes.into()).map_err(|_| refuse("bad_edit", "an edit cut a character"))
}
