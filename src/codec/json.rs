//! JSON bodies: one flat scan with the position of every literal.
//!
//! serde_json checks the grammar (without recursion); a second, trusting pass lays the document
//! out as a flat list of nodes. Texts are unescaped only when asked for.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use memchr::{memchr_iter, memchr2};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::{ReadError, ReadLimits};

/// Deepest nesting that any limit may ask for: the walk over a document recurses, and this many
/// frames fit any thread's stack. It is serde_json's own bound as well.
pub const MAX_DEPTH: usize = 128;

/// Up to so many plain keys of one object are compared pairwise; a set costs more below that.
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
    /// The member's key; its bytes are empty where there is none.
    key: Literal,
    /// Whether a string holds escapes.
    escaped: bool,
}

/// A string literal.
#[derive(Debug, Clone, Default)]
struct Literal {
    /// Its bytes, quotes included.
    raw: Range<usize>,
    /// Whether it holds escapes.
    escaped: bool,
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

    /// Unescapes the literal.
    fn unescape(&self, literal: &Literal) -> Result<Cow<'_, str>, ReadError> {
        let text = &self.text[literal.raw.clone()];
        if !literal.escaped {
            return Ok(Cow::Borrowed(&text[1..text.len() - 1]));
        }
        serde_json::from_str::<String>(text)
            .map(Cow::Owned)
            .map_err(|_| {
                let place = place(self.text.as_bytes(), literal.raw.start);
                let why = "half a surrogate pair";
                error_of(
                    "invalid_json",
                    format!("the string at {place} holds {why}; escape whole characters"),
                )
            })
    }

    /// An object's keys are all different, however they are escaped.
    fn refuse_duplicates(&self, object: usize) -> Result<(), ReadError> {
        let object = Value {
            document: self,
            index: object,
        };
        let escaped = object.children().any(|member| member.node().key.escaped);
        let many = object.children().nth(PAIRWISE_KEYS).is_some();
        let twice = if escaped || many {
            let mut known = HashSet::new();
            let mut twice = None;
            for member in object.children() {
                if !known.insert(member.key()?) {
                    twice = Some(member);
                }
            }
            twice
        } else {
            // The common case: a few plain keys, whose bytes are their text.
            let stands_before = |(position, member): &(usize, Value<'_>)| {
                let mut before = object.children().take(*position);
                before.any(|other| other.key_slice() == member.key_slice())
            };
            let found = object.children().enumerate().find(stands_before);
            found.map(|(_, member)| member)
        };
        let Some(member) = twice else {
            return Ok(());
        };
        let place = place(self.text.as_bytes(), member.key_raw().start);
        Err(error_of(
            "duplicate_key",
            format!("the key at {place} stands in its object twice; send each key once"),
        ))
    }
}

/// The trusting pass over text whose grammar was checked.
struct Scan<'a> {
    document: Document<'a>,
    open: Vec<usize>,
    key: Literal,
    depth: usize,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str, depth: usize) -> Self {
        // Chat bodies have about one value per 60 bytes; the cap keeps one long string cheap.
        let nodes = Vec::with_capacity((text.len() / 48).clamp(8, 256));
        Self {
            document: Document { text, nodes },
            open: Vec::with_capacity(16),
            key: Literal::default(),
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
        self.add(kind, at..at + 1, false);
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
        let mut escaped = false;
        while let Some(found) = memchr2(b'"', b'\\', &bytes[end..]) {
            end += found;
            if bytes[end] == b'"' {
                break;
            }
            escaped = true;
            end += 2;
        }
        let raw = at..end + 1;
        let in_object = self
            .open
            .last()
            .is_some_and(|open| self.document.nodes[*open].kind == Kind::Object);
        if in_object && self.key.raw.is_empty() {
            self.key = Literal { raw, escaped };
        } else {
            self.add(Kind::Text, raw, escaped);
        }
        end + 1
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
        self.add(kind, at..end, false);
        end
    }

    fn add(&mut self, kind: Kind, raw: Range<usize>, escaped: bool) {
        let next = self.document.nodes.len() + 1;
        let key = std::mem::take(&mut self.key);
        self.document.nodes.push(Node {
            kind,
            raw,
            next,
            key,
            escaped,
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

    /// Its key's bytes in the body, quotes included; empty outside of objects.
    pub fn key_raw(&self) -> Range<usize> {
        self.node().key.raw.clone()
    }

    /// Its key's bytes as text, quotes included; empty outside of objects.
    pub fn key_slice(&self) -> &'d str {
        &self.document.text[self.key_raw()]
    }

    /// Its key, unescaped; empty outside of objects.
    ///
    /// # Errors
    /// A lone surrogate.
    pub fn key(&self) -> Result<Cow<'d, str>, ReadError> {
        match &self.node().key {
            none if none.raw.is_empty() => Ok(Cow::Borrowed("")),
            key => self.document.unescape(key),
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
            Kind::Text => {
                let (raw, escaped) = (self.raw(), self.node().escaped);
                self.document.unescape(&Literal { raw, escaped }).map(Some)
            }
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
