//! Requests that are sent as forms: their fields by the same table as a document's members.
//!
//! [`multipart`] finds the fields; this file says which are words, which are files and which nobody
//! may send, and puts edits back. Files are
//! [`super::pictures`]' to find, or sound; their names are inspected.

use std::ops::Range;

use bytes::Bytes;

use super::members::{refuse, wrong_type};
use super::multipart::{self, FormField};
use super::splice::{Splice, splice};
use super::{Edit, Field, ReadError, ReadLimits, Treatment};
use crate::message::{Media, Part, Role};

/// What a dialect's form looks like.
#[derive(Debug)]
pub struct Shape {
    /// The dialect's table: fields have the names of a document's members.
    pub fields: &'static [Field],
    /// Fields that are files.
    pub files: &'static [&'static str],
    /// Fields that hold a name.
    pub names: &'static [&'static str],
}

/// A field whose value is a text.
#[derive(Debug)]
pub struct Value<'v> {
    /// Its name.
    pub name: &'v str,
    /// Its text.
    pub text: &'v str,
    /// The text's bytes in the body.
    pub raw: Range<usize>,
}

/// Everything said in a form, as one turn of the user's. `typed` sees every value that is no file
/// and takes what the dialect has to know.
///
/// # Errors
/// A form that [`multipart::read`] refuses, a file where none belongs, text where a file does, a
/// value that is not UTF-8, a refused field, and whatever `typed` returns.
pub fn read(
    content_type: &str,
    body: &Bytes,
    shape: &Shape,
    limits: &ReadLimits,
    typed: &mut dyn FnMut(&Value<'_>) -> Result<(), ReadError>,
) -> Result<Vec<Part>, ReadError> {
    let mut parts = Vec::new();
    for field in multipart::read(content_type, body, limits)? {
        match &field.file {
            Some(file) => parts.extend(shape.file(&field.name, file)?),
            None => parts.extend(shape.value(&field, body, typed)?),
        }
    }
    Ok(parts)
}

impl Shape {
    fn file(
        &self,
        field: &str,
        (name, raw): &(String, Range<usize>),
    ) -> Result<Option<Part>, ReadError> {
        if !self.files.contains(&field) {
            let mut known = self.files.to_vec();
            known.retain(|name| !name.ends_with("[]"));
            let known = known.join(" and ");
            let why = format!("a form's field is a file: only {known} may be");
            return Err(refuse("unsupported_field", why));
        }
        let at = format!("/{field}/filename");
        Ok((!name.is_empty()).then(|| part(Media::Name, name.clone(), at, raw.clone())))
    }

    fn value(
        &self,
        field: &FormField,
        body: &Bytes,
        typed: &mut dyn FnMut(&Value<'_>) -> Result<(), ReadError>,
    ) -> Result<Option<Part>, ReadError> {
        let name = field.name.as_str();
        let mut rows = self.fields.iter();
        let row = rows.find(|row| row.at.strip_prefix('/') == Some(name));
        let at = row.map_or("/*", |row| row.at);
        let text = std::str::from_utf8(&body[field.value.clone()]);
        let text = text.map_err(|_| {
            let why = format!("the form's field {at} is not UTF-8");
            refuse("invalid_utf8", why)
        })?;
        if self.files.contains(&name) {
            return Err(wrong_type(&format!("/{name}"), "a file"));
        }
        let treatment = row.map_or(Treatment::Inspected, |row| row.treatment);
        if treatment == Treatment::Refused {
            let why = format!("{at} cannot be inspected yet; leave it out");
            return Err(refuse("unsupported_field", why));
        }
        let raw = field.value.clone();
        typed(&Value { name, text, raw })?;
        if treatment == Treatment::Opaque || text.is_empty() {
            return Ok(None);
        }
        let media = match self.names.contains(&name) {
            true => Media::Name,
            false => Media::Text,
        };
        let (text, raw) = (text.to_owned(), field.value.clone());
        Ok(Some(part(media, text, at.to_owned(), raw)))
    }
}

fn part(media: Media, text: String, at: String, raw: Range<usize>) -> Part {
    let (role, turn) = (Role::User, 0);
    Part {
        role,
        media,
        turn,
        text,
        at,
        raw,
    }
}

/// A value that is `true` or `false`.
///
/// # Errors
/// Any other value.
pub fn flag(value: &Value<'_>) -> Result<bool, ReadError> {
    match value.text {
        "true" => Ok(true),
        "false" | "" => Ok(false),
        _ => Err(wrong_type(&format!("/{}", value.name), "true or false")),
    }
}

/// The form with edits of its `parts` applied.
///
/// # Errors
/// "bad_edit" where an edit would end its field.
pub fn write(
    content_type: &str,
    body: &Bytes,
    edits: Vec<Edit>,
    parts: &[Part],
) -> Result<Bytes, ReadError> {
    let mut splices = Vec::with_capacity(edits.len());
    for edit in edits {
        let mut of = parts.iter().filter(|part| part.raw == edit.raw);
        let text = match of.any(|part| part.at.ends_with("/filename")) {
            true => plain_file_name(&edit.text),
            false => edit.text,
        };
        if !multipart::fits(content_type, &text) {
            return Err(refuse("bad_edit", "an edit holds the form's boundary"));
        }
        splices.push(Splice {
            at: edit.raw,
            bytes: text,
        });
    }
    splice(body, splices)
}

/// A file name that cannot leave its quotes or its line.
fn plain_file_name(name: &str) -> String {
    let unsafe_here = |c: char| c.is_control() || matches!(c, '"' | '\\');
    name.chars().filter(|c| !unsafe_here(*c)).collect()
}
