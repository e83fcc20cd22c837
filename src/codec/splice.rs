//! Edits of bodies: bytes in place of others.
//!
//! An edit replaces the bytes of literals and nothing else, so number text, key order and blanks
//! survive by construction.

use std::ops::Range;

use bytes::Bytes;

use super::json::Value;
use super::{Edit, ReadError};

/// A text as a JSON string literal.
pub fn quote(text: &str) -> String {
    serde_json::to_string(text).expect("a string always serialises")
}

/// Bytes to be put in place of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splice {
    /// What goes; empty to insert.
    pub at: Range<usize>,
    /// What comes.
    pub bytes: String,
}

impl Splice {
    /// The literal of an edit.
    pub fn literal(edit: &Edit) -> Self {
        Self {
            at: edit.raw.clone(),
            bytes: quote(&edit.text),
        }
    }

    fn outside_of(&self, other: &Range<usize>) -> bool {
        self.at.end <= other.start || other.end <= self.at.start
    }
}

/// `body` with every splice applied; bytes outside of them are untouched.
///
/// # Errors
/// "bad_edit" where splices overlap or leave the body: a fault of ours, never of the caller.
pub fn splice(body: &[u8], mut splices: Vec<Splice>) -> Result<Bytes, ReadError> {
    splices.sort_by_key(|splice| (splice.at.start, splice.at.end));
    let more: usize = splices.iter().map(|splice| splice.bytes.len()).sum();
    let mut out = Vec::with_capacity(body.len() + more);
    let mut from = 0;
    for splice in &splices {
        let between = body.get(from..splice.at.start);
        let (Some(between), true) = (between, splice.at.start <= splice.at.end) else {
            return Err(bad_edit("edits overlap"));
        };
        out.extend_from_slice(between);
        out.extend_from_slice(splice.bytes.as_bytes());
        from = splice.at.end;
    }
    let Some(rest) = body.get(from..) else {
        return Err(bad_edit("an edit leaves the body"));
    };
    out.extend_from_slice(rest);
    Ok(Bytes::from(out))
}

/// `body` with edits applied and nothing else.
///
/// # Errors
/// As [`splice`].
pub fn edited(body: &[u8], edits: &[Edit]) -> Result<Bytes, ReadError> {
    splice(body, edits.iter().map(Splice::literal).collect())
}

/// `body` with edits applied; where there are any, the values that repeat the texts become null.
///
/// # Errors
/// As [`splice`].
pub fn edited_blanking<'d>(
    body: &[u8],
    edits: &[Edit],
    repeats: impl IntoIterator<Item = Value<'d>>,
) -> Result<Bytes, ReadError> {
    let mut splices: Vec<_> = edits.iter().map(Splice::literal).collect();
    if !edits.is_empty() {
        for value in repeats {
            let (at, bytes) = (value.raw(), "null".to_owned());
            cover(&mut splices, Splice { at, bytes });
        }
    }
    splice(body, splices)
}

/// Adds `splice`, which replaces a whole value, and drops those inside of it.
pub fn cover(splices: &mut Vec<Splice>, splice: Splice) {
    splices.retain(|other| other.outside_of(&splice.at));
    splices.push(splice);
}

fn bad_edit(message: &str) -> ReadError {
    ReadError {
        code: "bad_edit",
        message: message.to_owned(),
    }
}
