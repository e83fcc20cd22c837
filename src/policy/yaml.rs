//! [`Node`]: a YAML file, within bounds, as a tree whose every node knows its place.
//!
//! Knows no policy: [`super::reader`] reads typed values from it, [`super::file`] says which.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde_saphyr::Spanned;

use super::diagnostic::{Code, Diagnostic, Place, Spot, Where};
use super::{Diagnostics, Source};

/// Bytes of one policy file. The largest phrase lists have about 20,000 lines of 30 bytes.
pub const FILE_BYTES: usize = 4 * 1024 * 1024;
/// Nesting of one file; a policy needs six levels.
pub const DEPTH: usize = 32;
/// Nodes of one file: each at least two bytes of a full-size file is beyond any honest policy.
pub const NODES: usize = 400_000;
/// Aliases in one file. Sharing a word list or two is fine.
pub const ALIASES: usize = 64;
/// Events that aliases may add: what makes a bomb is what an alias repeats.
pub const REPLAYED_EVENTS: usize = 100_000;

/// A node and where it is written.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where.
    pub place: Place,
    /// What.
    pub value: Value,
}

/// What a node holds.
#[derive(Debug, Clone)]
pub enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number; its spelling is kept by the place.
    Int(i64),
    /// Another number.
    Float(f64),
    /// A text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in order.
    Map(Vec<(Node, Node)>),
}

/// Reads one source into a tree; `None` if it is no YAML, with the reason reported.
pub(super) fn parse(sources: &[Source], index: u32, problems: &mut Diagnostics) -> Option<Node> {
    let source = &sources[index as usize];
    if source.text.len() > FILE_BYTES {
        let message = format!(
            "{} bytes are more than a policy file may have",
            source.text.len()
        );
        let help = format!("split the file: at most {FILE_BYTES} bytes each");
        let at = Where::File(source.path.clone());
        problems.push(Diagnostic::new(Code::Budget, at, message).help(help));
        return None;
    }
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(&source.text, options()) {
        Ok(raw) => Some(node(raw, index)),
        Err(error) => {
            problems.push(refused(sources, index, &error));
            None
        }
    }
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH,
            max_nodes: NODES,
            max_events: 3 * NODES,
            max_aliases: ALIASES,
            max_anchors: ALIASES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: REPLAYED_EVENTS,
            max_replay_stack_depth: DEPTH,
        },
        // `no` and `on` are words in a phrase list, not truth values.
        strict_booleans: true,
    }
}

fn refused(sources: &[Source], index: u32, error: &serde_saphyr::Error) -> Diagnostic {
    let error = error.without_snippet();
    let options = serde_saphyr::RenderOptions::new(&serde_saphyr::UserMessageFormatter);
    let said = error.render_with_options(options);
    let inside = error.to_string();
    let budget = match error {
        serde_saphyr::Error::Budget { .. } if inside.contains("Depth") => {
            Some(format!("nested deeper than {DEPTH} levels"))
        }
        _ if inside.contains("alias") && inside.contains("limit exceeded") => {
            Some("anchors and aliases repeat more than a policy file may".to_owned())
        }
        serde_saphyr::Error::Budget { .. } => Some("larger than a policy file may be".to_owned()),
        _ => None,
    };
    let text = &sources[index as usize].text;
    let (start, width) = error.location().map_or((0, 0), |at| {
        let width = u32::try_from(at.span().byte_len().unwrap_or(0)).unwrap_or(0);
        (byte_of(text, at.line(), at.column()), width)
    });
    let at = Where::Spot(Spot::of(
        sources,
        Place {
            source: index,
            start,
            end: start + width,
        },
    ));
    if let Some(message) = budget {
        let help = "policy files need no deep nesting and hardly any anchors";
        return Diagnostic::new(Code::Budget, at, message).help(help);
    }
    let message = said.rfind(" at line ").map_or(&*said, |end| &said[..end]);
    let help = "texts with `: `, `#`, `[`, `{`, `*` or `&` need quotes; indent with spaces";
    Diagnostic::new(
        Code::Syntax,
        at,
        message.trim_end_matches(" is not allowed here"),
    )
    .help(help)
}

/// Byte of a line and column as the parser counts: lines and characters from 1.
fn byte_of(text: &str, line: u64, column: u64) -> u32 {
    let line_index = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
    let column_index = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
    let start: usize = text
        .split_inclusive('\n')
        .take(line_index)
        .map(str::len)
        .sum();
    let rest = text[start..].lines().next().unwrap_or("");
    let offset = rest
        .char_indices()
        .nth(column_index)
        .map_or(rest.len(), |(at, _)| at);
    u32::try_from(start + offset).unwrap_or(u32::MAX)
}

/// What serde-saphyr reads; [`node`] turns its places into ours.
enum Raw {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("YAML")
    }
    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Int(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Int(i64::try_from(value).unwrap_or(i64::MAX)))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Float(value))
    }
    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }
    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_seq<A: de::SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }
    fn visit_map<A: de::MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

fn node(raw: Spanned<Raw>, source: u32) -> Node {
    let span = raw.referenced.span();
    let start = u32::try_from(span.byte_offset().unwrap_or(0)).unwrap_or(u32::MAX);
    let length = u32::try_from(span.byte_len().unwrap_or(0)).unwrap_or(u32::MAX);
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Bool(value) => Value::Bool(value),
        Raw::Int(value) => Value::Int(value),
        Raw::Float(value) => Value::Float(value),
        Raw::Text(value) => Value::Text(value),
        Raw::List(items) => Value::List(items.into_iter().map(|item| node(item, source)).collect()),
        Raw::Map(entries) => {
            let entries = entries.into_iter();
            let both = entries.map(|(key, value)| (node(key, source), node(value, source)));
            Value::Map(both.collect())
        }
    };
    Node {
        place: Place {
            source,
            start,
            end: start.saturating_add(length),
        },
        value,
    }
}
