//! JSON bodies: one flat scan with the position of every literal, and edits by splicing.
//!
//! serde_json checks the grammar (without recursion); a second, trusting pass lays the document
//! out as a flat list of nodes. Texts are unescaped only when asked for. An edit replaces the bytes
//! of literals and nothing else, so number text, key order and blanks survive by construction.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use bytes::Bytes;
use memchr::{memchr_iter, memchr2};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::{Edit, ReadError, ReadLimits};

/// Deepest nesting that any limit may ask for: the walk over a document recurses, and this many
/// frames fit any thread's stack. It is serde_json's own bound as well.
pub const MAX_DEPTH: usize = 128;

/// Up to so many keys of one object are compared pairwise; a set costs more below that.
const PAIRWISE_KEYS: usize = 12;

/// A document, laid out flat: a container is followed by its children.
#[derive(Debug)]
pub struct Document<'a> {
    text: &'a str,
    nodes: Vec<Node>,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{}`
    Object,
    /// `[]`
    Array,
    /// A string.
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// `null`
    Null,
}

#[derive(Debug, Clone)]
struct Node {
    kind: Kind,
    /// Bytes of the value.
    raw: Range<usize>,
    /// The first node that is not inside this one.
    next: usize,
    /// Bytes of the member's key, quotes included; empty where there is none.
    key: Range<usize>,
}

impl<'a> Document<'a> {
    /// Lays `body` out.
    ///
    /// # Errors
    /// Invalid UTF-8, invalid JSON, bytes after the document, nesting beyond `limits.depth`, an
    /// object with a key twice; the message names line and column.
    pub fn parse(body: &'a [u8], limits: &ReadLimits) -> Result<Self, ReadError> {
        let text = std::str::from_utf8(body).map_err(|error| {
            let place = place(body, error.valid_up_to());
            error_of("invalid_utf8", format!("the body is not UTF-8 at {place}"))
        })?;
        serde_json::from_str::<&RawValue>(text).map_err(|error| {
            let what = match error.classify() {
                Category::Eof => "ends too early",
                _ => "is not valid JSON",
            };
            let (line, column) = (error.line(), error.column());
            error_of(
                "invalid_json",
                format!("the body {what} at line {line} column {column}"),
            )
        })?;
        Scan::new(text, limits.depth.min(MAX_DEPTH)).run()
    }

    /// The outermost value.
    pub fn root(&self) -> Value<'_> {
        Value {
            document: self,
            index: 0,
        }
    }

    /// Unescapes the literal at `raw`.
    fn unescape(&self, raw: Range<usize>) -> Result<Cow<'_, str>, ReadError> {
        let literal = &self.text[raw.clone()];
        let inner = &literal[1..literal.len() - 1];
        if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
            return Ok(Cow::Borrowed(inner));
        }
        serde_json::from_str::<String>(literal)
            .map(Cow::Owned)
            .map_err(|_| {
                let place = place(self.text.as_bytes(), raw.start);
                let why = "half a surrogate pair";
                error_of(
                    "invalid_json",
                    format!("the string at {place} holds {why}; escape whole characters"),
                )
            })
    }

    fn refuse_duplicates(&self, object: usize) -> Result<(), ReadError> {
        let root = Value {
            document: self,
            index: object,
        };
        let count = root.children().count();
        if count < 2 {
            return Ok(());
        }
        let mut known = HashSet::new();
        for (position, member) in root.children().enumerate() {
            let key = member.key()?;
            let twice = if count <= PAIRWISE_KEYS {
                let before = root.children().take(position);
                before
                    .map(|other| other.key())
                    .any(|other| other.as_ref() == Ok(&key))
            } else {
                !known.insert(key)
            };
            if twice {
                let place = place(self.text.as_bytes(), member.node().key.start);
                return Err(error_of(
                    "duplicate_key",
                    format!("the key at {place} stands in its object twice; send each key once"),
                ));
            }
        }
        Ok(())
    }
}

/// The trusting pass over text whose grammar was checked.
struct Scan<'a> {
    document: Document<'a>,
    open: Vec<usize>,
    key: Range<usize>,
    depth: usize,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str, depth: usize) -> Self {
        // Chat bodies have about one value per 60 bytes; the cap keeps one long string cheap.
        let nodes = Vec::with_capacity((text.len() / 48).clamp(8, 256));
        Self {
            document: Document { text, nodes },
            open: Vec::with_capacity(16),
            key: 0..0,
            depth,
        }
    }

    fn run(mut self) -> Result<Document<'a>, ReadError> {
        let bytes = self.document.text.as_bytes();
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            at = match byte {
                b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' => at + 1,
                b'{' => self.begin(Kind::Object, at)?,
                b'[' => self.begin(Kind::Array, at)?,
                b'}' | b']' => self.end(at)?,
                b'"' => self.string(at),
                first => self.scalar(*first, at),
            };
        }
        Ok(self.document)
    }

    fn begin(&mut self, kind: Kind, at: usize) -> Result<usize, ReadError> {
        if self.open.len() >= self.depth {
            let place = place(self.document.text.as_bytes(), at);
            let most = self.depth;
            return Err(error_of(
                "too_deep",
                format!("nesting goes beyond {most} levels at {place}; flatten the body"),
            ));
        }
        self.open.push(self.document.nodes.len());
        self.add(kind, at..at + 1);
        Ok(at + 1)
    }

    fn end(&mut self, at: usize) -> Result<usize, ReadError> {
        let index = self.open.pop().expect("the grammar was checked");
        let next = self.document.nodes.len();
        let node = &mut self.document.nodes[index];
        node.raw.end = at + 1;
        node.next = next;
        if node.kind == Kind::Object {
            self.document.refuse_duplicates(index)?;
        }
        Ok(at + 1)
    }

    fn string(&mut self, at: usize) -> usize {
        let bytes = self.document.text.as_bytes();
        let mut end = at + 1;
        while let Some(found) = memchr2(b'"', b'\\', &bytes[end..]) {
            end += found;
            if bytes[end] == b'"' {
                break;
            }
            end += 2;
        }
        let raw = at..end + 1;
        let in_object = self
            .open
            .last()
            .is_some_and(|open| self.document.nodes[*open].kind == Kind::Object);
        if in_object && self.key.is_empty() {
            self.key = raw.clone();
        } else {
            self.add(Kind::Text, raw.clone());
        }
        raw.end
    }

    fn scalar(&mut self, first: u8, at: usize) -> usize {
        let rest = &self.document.text.as_bytes()[at..];
        let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
        let end = at + rest.iter().position(ends).unwrap_or(rest.len());
        let kind = match first {
            b't' | b'f' => Kind::Bool,
            b'n' => Kind::Null,
            _ => Kind::Number,
        };
        self.add(kind, at..end);
        end
    }

    fn add(&mut self, kind: Kind, raw: Range<usize>) {
        let next = self.document.nodes.len() + 1;
        let key = std::mem::take(&mut self.key);
        self.document.nodes.push(Node {
            kind,
            raw,
            next,
            key,
        });
    }
}

/// One value of a document.
#[derive(Debug, Clone, Copy)]
pub struct Value<'d> {
    document: &'d Document<'d>,
    index: usize,
}

impl<'d> Value<'d> {
    fn node(&self) -> &'d Node {
        &self.document.nodes[self.index]
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.node().kind
    }

    /// Its bytes in the body; a string's quotes included.
    pub fn raw(&self) -> Range<usize> {
        self.node().raw.clone()
    }

    /// Its bytes' text.
    pub fn raw_text(&self) -> &'d str {
        &self.document.text[self.raw()]
    }

    /// Text at bytes of the whole body.
    pub fn slice(&self, raw: Range<usize>) -> &'d str {
        &self.document.text[raw]
    }

    /// Its key's bytes in the body, quotes included; empty outside of objects.
    pub fn key_raw(&self) -> Range<usize> {
        self.node().key.clone()
    }

    /// Its key, unescaped; empty outside of objects.
    ///
    /// # Errors
    /// A lone surrogate.
    pub fn key(&self) -> Result<Cow<'d, str>, ReadError> {
        match self.key_raw() {
            none if none.is_empty() => Ok(Cow::Borrowed("")),
            raw => self.document.unescape(raw),
        }
    }

    /// Members of an object or items of an array; nothing for a leaf.
    pub fn children(&self) -> impl Iterator<Item = Value<'d>> + use<'d> {
        let document = self.document;
        let end = self.node().next;
        let mut index = self.index + 1;
        std::iter::from_fn(move || {
            let value = (index < end).then_some(Value { document, index })?;
            index = value.node().next;
            Some(value)
        })
    }

    /// The member of that name. `null` counts as absent.
    pub fn get(&self, name: &str) -> Option<Value<'d>> {
        if self.kind() != Kind::Object {
            return None;
        }
        self.children()
            .find(|member| member.key().is_ok_and(|key| key == name))
            .filter(|member| member.kind() != Kind::Null)
    }

    /// A string's text, or `None` for other kinds.
    ///
    /// # Errors
    /// A lone surrogate.
    pub fn text(&self) -> Result<Option<Cow<'d, str>>, ReadError> {
        match self.kind() {
            Kind::Text => self.document.unescape(self.raw()).map(Some),
            _ => Ok(None),
        }
    }

    /// A whole number, or `None` for anything else.
    pub fn number(&self) -> Option<u64> {
        match self.kind() {
            Kind::Number => self.raw_text().parse().ok(),
            _ => None,
        }
    }

    /// Line and column, for messages.
    pub fn place(&self) -> String {
        place(self.document.text.as_bytes(), self.raw().start)
    }
}

/// "line L column C" of a byte, both from 1, columns in bytes.
fn place(body: &[u8], at: usize) -> String {
    let before = &body[..at.min(body.len())];
    let line = memchr_iter(b'\n', before).count() + 1;
    let column = at - memchr::memrchr(b'\n', before).map_or(0, |end| end + 1) + 1;
    format!("line {line} column {column}")
}

fn error_of(code: &'static str, message: String) -> ReadError {
    ReadError { code, message }
}

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
            return Err(error_of("bad_edit", "edits overlap".to_owned()));
        };
        out.extend_from_slice(between);
        out.extend_from_slice(splice.bytes.as_bytes());
        from = splice.at.end;
    }
    let Some(rest) = body.get(from..) else {
        return Err(error_of("bad_edit", "an edit leaves the body".to_owned()));
    };
    out.extend_from_slice(rest);
    Ok(Bytes::from(out))
}

/// Adds `splice`, which replaces a whole value, and drops those inside of it.
pub fn cover(splices: &mut Vec<Splice>, splice: Splice) {
    splices.retain(|other| other.outside_of(&splice.at));
    splices.push(splice);
}
