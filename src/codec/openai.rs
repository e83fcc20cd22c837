//! How the OpenAI dialects are read: answers made of `choices`.

use std::ops::Range;

use serde_json::Value as Json;

use super::json::{Document, Kind, Value};
use super::members::{
    MAX_CHOICES, WRITE_LIMITS, event_of, gather, optional_text, refuse, root, unnamed_lane,
    wrong_type,
};
use super::splice::{self, Splice, splice};
use super::table::{Leaf, Place, Step, Table, pointer};
use super::{Delta, Edit, Envelope, Field, Lane, Piece, ReadError, ReadLimits, openai_reply};
use crate::message::Media;

/// Most choices of one stream that are open at once; completions may ask for 2048.
const MAX_OPEN_CHOICES: usize = 4096;

/// Rows of an error object in the place of an answer.
pub const ERROR: [Field; 4] = [
    Field::inspected("answer:/error/message", ""),
    Field::opaque("answer:/error/type", "a stable word"),
    Field::opaque("answer:/error/param", "a pointer"),
    Field::opaque("answer:/error/code", "a stable word"),
];

/// Rows of one that ends a stream.
pub const ERROR_EVENT: [Field; 4] = [
    Field::inspected("event:/error/message", ""),
    Field::opaque("event:/error/type", "a stable word"),
    Field::opaque("event:/error/param", "a pointer"),
    Field::opaque("event:/error/code", "a stable word"),
];

/// Tables as one, which the compiler makes; `N` is the count of all their rows.
pub const fn joined<const N: usize>(tables: &[&[Field]]) -> [Field; N] {
    let mut all = [ERROR[0]; N];
    let (mut table, mut row, mut at) = (0, 0, 0);
    while table < tables.len() {
        if row < tables[table].len() {
            all[at] = tables[table][row];
            (row, at) = (row + 1, at + 1);
        } else {
            (table, row) = (table + 1, 0);
        }
    }
    assert!(at == N, "the rows are counted wrong");
    all
}

/// Lane of a choice's visible text.
pub const CONTENT: u32 = 0;

/// `n`: 1 where absent.
pub fn choices_asked(object: Value<'_>) -> Result<u32, ReadError> {
    let Some(value) = object.get("n") else {
        return Ok(1);
    };
    value
        .number()
        .and_then(|n| u32::try_from(n).ok())
        .filter(|n| (1..=MAX_CHOICES).contains(n))
        .ok_or_else(|| wrong_type("/n", &format!("a whole number from 1 to {MAX_CHOICES}")))
}

/// How many texts a member holds: one string, or an array of strings.
///
/// # Errors
/// Another type; token numbers, which nobody here can read.
pub fn count_texts(member: Value<'_>, at: &str) -> Result<usize, ReadError> {
    match member.kind() {
        Kind::Text => return Ok(1),
        Kind::Array => {}
        _ => return Err(wrong_type(at, "a string or an array of strings")),
    }
    let mut count = 0;
    for item in member.children() {
        match item.kind() {
            Kind::Text => count += 1,
            Kind::Number | Kind::Array => {
                let why = "token numbers cannot be inspected; send text";
                return Err(refuse("unsupported_field", format!("{at}: {why}")));
            }
            _ => return Err(wrong_type(&format!("{at}/*"), "a string")),
        }
    }
    Ok(count)
}

/// How a dialect sorts the strings of a choice into lanes: the way from the choice on, and the
/// choice itself.
pub type Sorter = fn(&[Step<'_>], Value<'_>) -> Option<(u32, Media)>;

/// Reads every string of a document with `choices`.
///
/// Strings outside of choices, and places in a choice that `sort` does not know, get a lane by
/// their pointer ([`unnamed_lane`]), those outside of choices in choice 0.
fn read_pieces(
    document: &Document<'_>,
    choices: &[Choice<'_>],
    table: &Table,
    sort: Sorter,
    limits: &ReadLimits,
) -> Result<Vec<Piece>, ReadError> {
    gather(table, document, limits, |leaf| {
        let (lane, media) = sorted(choices, leaf, sort);
        Piece {
            lane,
            media,
            text: leaf.text.to_string(),
            raw: leaf.raw.clone(),
            apart: false,
        }
    })
}

fn sorted(choices: &[Choice<'_>], leaf: &Leaf<'_, '_>, sort: Sorter) -> (Lane, Media) {
    let (choice, rest, known) = match leaf.path {
        [Step::Known("choices"), Step::Index(at), rest @ ..] if *at < choices.len() => {
            let choice = &choices[*at];
            (choice.index, rest, sort(rest, choice.value))
        }
        path => (0, path, None),
    };
    let (field, media) = match (leaf.place, known) {
        (Place::Value, Some(known)) => known,
        (Place::Value, None) => (unnamed_lane(rest), Media::Text),
        (Place::Key, _) => (unnamed_lane(rest) ^ 1, Media::Name),
    };
    (Lane { choice, field }, media)
}

/// One entry of `choices`.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'d> {
    /// Its `index`, or its position where it has none.
    pub index: u32,
    /// The object.
    pub value: Value<'d>,
}

impl<'d> Choice<'d> {
    /// Every choice, in body order; none where `choices` is absent.
    pub fn all(document: &'d Document<'d>) -> Result<Vec<Self>, ReadError> {
        let Some(choices) = root(document)?.get("choices") else {
            return Ok(Vec::new());
        };
        if choices.kind() != Kind::Array {
            return Err(wrong_type("/choices", "an array"));
        }
        let of = |(position, value)| Self::of(position, value);
        choices.children().enumerate().map(of).collect()
    }

    fn of(position: usize, value: Value<'d>) -> Result<Self, ReadError> {
        let at = pointer(&[Step::Known("choices"), Step::Index(position)]);
        if value.kind() != Kind::Object {
            return Err(wrong_type(&at, "an object"));
        }
        let index = match value.get("index") {
            None => u32::try_from(position).ok(),
            Some(index) => index.number().and_then(|n| u32::try_from(n).ok()),
        };
        let index = index.ok_or_else(|| wrong_type(&format!("{at}/index"), "a whole number"))?;
        Ok(Self { index, value })
    }

    /// Whether this event ends the choice.
    fn ends(&self) -> Result<bool, ReadError> {
        match self.value.get("finish_reason") {
            None => Ok(false),
            Some(reason) if reason.kind() == Kind::Text => Ok(true),
            Some(_) => Err(wrong_type("/choices/*/finish_reason", "a string or null")),
        }
    }
}

/// Edits a document with `choices`; logprobs of a choice that an edit touches are emptied, since
/// they repeat its tokens.
pub fn write_choices(body: &[u8], edits: &[Edit]) -> Result<bytes::Bytes, ReadError> {
    let document = Document::parse(body, &WRITE_LIMITS)?;
    let touched = |raw: Range<usize>| {
        let within = |edit: &Edit| raw.start <= edit.raw.start && edit.raw.end <= raw.end;
        edits.iter().any(within)
    };
    let choices = Choice::all(&document)?.into_iter();
    let touched = choices.filter(|choice| touched(choice.value.raw()));
    let logprobs = touched.filter_map(|choice| choice.value.get("logprobs"));
    splice::edited_blanking(body, edits, logprobs)
}

/// [`write_choices`] for one event's data.
pub fn write_event(data: &str, edits: &[Edit]) -> Result<String, ReadError> {
    event_of(write_choices(data.as_bytes(), edits)?)
}

/// Replaces the choices of that index by `replacement`.
pub fn replace_choice(
    body: &[u8],
    index: u32,
    replacement: &Json,
) -> Result<bytes::Bytes, ReadError> {
    let document = Document::parse(body, &WRITE_LIMITS)?;
    let splices = Choice::all(&document)?
        .iter()
        .filter(|choice| choice.index == index)
        .map(|choice| Splice {
            at: choice.value.raw(),
            bytes: replacement.to_string(),
        })
        .collect();
    splice(body, splices)
}

/// Reads a whole answer: choices, or an error object; `check` looks for what the dialect does not
/// know.
pub fn read_answer(
    body: &[u8],
    table: &Table,
    sort: Sorter,
    check: fn(&[Choice<'_>]) -> Result<(), ReadError>,
    limits: &ReadLimits,
) -> Result<Vec<Piece>, ReadError> {
    let document = Document::parse(body, limits)?;
    let root = root(&document)?;
    if root.get("choices").is_none() && root.get("error").is_none() {
        let message = "the answer has neither choices nor an error";
        return Err(refuse("unknown_shape", message));
    }
    let choices = Choice::all(&document)?;
    check(&choices)?;
    read_pieces(&document, &choices, table, sort, limits)
}

/// Reads one event of a stream of choices and learns its envelope; `check` looks for what the
/// dialect does not know.
pub fn read_event(
    data: &str,
    envelope: &mut Envelope,
    table: &Table,
    sort: Sorter,
    check: fn(&[Choice<'_>]) -> Result<(), ReadError>,
    limits: &ReadLimits,
) -> Result<Delta, ReadError> {
    if data.trim() == openai_reply::DONE {
        return Ok(Delta {
            done: true,
            ..Delta::default()
        });
    }
    let document = Document::parse(data.as_bytes(), limits)?;
    let root = root(&document)?;
    let error = root.get("error").is_some();
    if !error && root.get("choices").is_none() && root.get("usage").is_none() {
        return Err(refuse(
            "unknown_event",
            "an event has no choices, no usage and no error",
        ));
    }
    let choices = Choice::all(&document)?;
    check(&choices)?;
    learn(root, envelope)?;
    let mut ended = Vec::new();
    for choice in &choices {
        let open = envelope.open.iter().position(|open| *open == choice.index);
        match (choice.ends()?, open) {
            (true, open) => {
                ended.push(choice.index);
                open.map(|position| envelope.open.remove(position));
            }
            (false, None) if envelope.open.len() >= MAX_OPEN_CHOICES => {
                let message = format!("more than {MAX_OPEN_CHOICES} choices at once");
                return Err(refuse("too_many_choices", message));
            }
            (false, None) => envelope.open.push(choice.index),
            (false, Some(_)) => {}
        }
    }
    Ok(Delta {
        pieces: read_pieces(&document, &choices, table, sort, limits)?,
        ended,
        done: false,
        error,
    })
}

fn learn(root: Value<'_>, envelope: &mut Envelope) -> Result<(), ReadError> {
    if envelope.id.is_empty() {
        envelope.id = optional_text(root, "id")?.unwrap_or_default();
    }
    if envelope.model.is_empty() {
        envelope.model = optional_text(root, "model")?.unwrap_or_default();
    }
    if envelope.created == 0 {
        envelope.created = root.get("created").and_then(|n| n.number()).unwrap_or(0);
    }
    Ok(())
}
