//! [`Reader`]: typed values from a tree of [`Node`]s; every problem is reported at its place, and a
//! bad element of a list or mapping does not hide the others.

use std::cell::RefCell;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};

use super::diagnostic::{Code, Diagnostic, Place, Spot, Where, did_you_mean, one_of};
use super::yaml::{Node, Value};
use super::{Diagnostics, Source};

/// A value with its place.
#[derive(Debug, Clone)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it is written.
    pub place: Place,
}

/// A list of which each element is read on its own: a bad one is reported and left out.
#[derive(Debug, Clone)]
pub struct Each<T>(pub Vec<T>);

/// A mapping from names of which each entry is read on its own.
#[derive(Debug, Clone)]
pub struct Named<T>(pub Vec<(At<String>, T)>);

impl<T> Default for Each<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// Where problems of typed reading go.
#[derive(Debug)]
pub(super) struct Desk<'s> {
    /// All sources, to show lines of.
    pub sources: &'s [Source],
    /// What was found.
    pub problems: RefCell<Diagnostics>,
}

impl Desk<'_> {
    /// A diagnostic at a place, to be completed and pushed.
    pub fn at(&self, code: Code, place: Place, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, Where::Spot(Spot::of(self.sources, place)), message)
    }

    /// Records it.
    pub fn report(&self, diagnostic: Diagnostic) {
        self.problems.borrow_mut().push(diagnostic);
    }

    /// The bytes of a place as written.
    pub fn written(&self, place: Place) -> &str {
        let text = &self.sources[place.source as usize].text;
        text.get(place.start as usize..place.end as usize)
            .unwrap_or("")
    }
}

/// Reads a typed value; `None` if it could not be read, with everything reported.
pub(super) fn read<'n, T: Deserialize<'n>>(node: &'n Node, desk: &'n Desk<'n>) -> Option<T> {
    T::deserialize(Reader { node, desk }).ok()
}

/// Why reading stopped. What is wrong has no place until it passes a [`Reader`], which reports it.
#[derive(Debug)]
pub(super) enum Fault {
    /// Not yet reported.
    Said {
        code: Code,
        message: String,
        help: Option<String>,
    },
    /// Reported.
    Reported,
}

impl Fault {
    fn said(code: Code, message: impl Into<String>, help: Option<String>) -> Self {
        Self::Said {
            code,
            message: message.into(),
            help,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said { message, .. } => out.write_str(message),
            Self::Reported => out.write_str("already reported"),
        }
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::said(Code::WrongType, message.to_string(), None)
    }
    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::said(
            Code::WrongType,
            format!("{found} where {expected} belongs"),
            None,
        )
    }
    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::said(
            Code::WrongType,
            format!("{found} where {expected} belongs"),
            None,
        )
    }
    fn unknown_variant(found: &str, expected: &'static [&'static str]) -> Self {
        let help = did_you_mean(found, expected.iter().copied());
        let help = help.unwrap_or_else(|| one_of(expected.iter().copied()));
        Self::said(
            Code::WrongType,
            format!("unknown word `{found}`"),
            Some(help),
        )
    }
    fn missing_field(field: &'static str) -> Self {
        let help = Some(format!("add `{field}:` here"));
        Self::said(Code::MissingField, format!("`{field}` is missing"), help)
    }
}

/// Reads typed values from a node.
#[derive(Clone, Copy)]
pub(super) struct Reader<'n> {
    node: &'n Node,
    desk: &'n Desk<'n>,
}

/// The name under which [`At`] asks for a place; no YAML type has it.
const AT: &str = "$wardgate::At";

impl<'n> Reader<'n> {
    /// Reports what a visitor said, at this node.
    fn settle<T>(self, result: Result<T, Fault>) -> Result<T, Fault> {
        result.map_err(|fault| {
            if let Fault::Said {
                code,
                message,
                help,
            } = fault
            {
                let at = self.desk.at(code, self.node.place, message);
                self.desk.report(at.helped(help));
            }
            Fault::Reported
        })
    }

    fn on(self, node: &'n Node) -> Self {
        Self {
            node,
            desk: self.desk,
        }
    }

    fn any<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(value) => visitor.visit_borrowed_str(value),
            Value::List(items) => visitor.visit_seq(Items {
                rest: items.iter(),
                reader: self,
            }),
            Value::Map(entries) => visitor.visit_map(Entries::new(self, entries, None)),
        }
    }
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.settle(self.any(visitor))
    }

    /// A number or truth value where a text belongs is that text: `words: [007]`.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Int(_) | Value::Float(_) | Value::Bool(_) => {
                self.settle(visitor.visit_borrowed_str(self.desk.written(self.node.place)))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Null => self.settle(visitor.visit_none()),
            _ => self.settle(visitor.visit_some(self)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if name == AT {
            return visitor.visit_seq(Placed {
                reader: self,
                step: 0,
            });
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Map(entries) => {
                self.settle(visitor.visit_map(Entries::new(self, entries, Some(fields))))
            }
            _ => {
                let help = format!("a mapping with {}", fields.join(", "));
                let kind = unexpected(self.node);
                self.settle(Err(Fault::said(
                    Code::WrongType,
                    format!("{kind} where a mapping belongs"),
                    Some(help),
                )))
            }
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Text(value) => {
                let word: StrDeserializer<'_, Fault> = value.as_str().into_deserializer();
                self.settle(visitor.visit_enum(word))
            }
            _ => {
                let message = format!("{} where a word belongs", unexpected(self.node));
                let help = Some(one_of(variants.iter().copied()));
                self.settle(Err(Fault::said(Code::WrongType, message, help)))
            }
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct
        seq tuple tuple_struct map identifier ignored_any
    }
}

fn unexpected(node: &Node) -> String {
    match &node.value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => format!("boolean `{value}`"),
        Value::Int(value) => format!("integer `{value}`"),
        Value::Float(value) => format!("number `{value}`"),
        Value::Text(value) => format!("text {value:?}"),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a mapping".to_owned(),
    }
}

struct Items<'n> {
    rest: std::slice::Iter<'n, Node>,
    reader: Reader<'n>,
}

impl<'n> de::SeqAccess<'n> for Items<'n> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'n>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        let Some(node) = self.rest.next() else {
            return Ok(None);
        };
        seed.deserialize(self.reader.on(node)).map(Some)
    }
}

struct Entries<'n> {
    rest: std::slice::Iter<'n, (Node, Node)>,
    reader: Reader<'n>,
    value: Option<&'n Node>,
    /// The keys that a struct has; others are reported and left out.
    fields: Option<&'static [&'static str]>,
}

impl<'n> Entries<'n> {
    fn new(
        reader: Reader<'n>,
        entries: &'n [(Node, Node)],
        fields: Option<&'static [&'static str]>,
    ) -> Self {
        Self {
            rest: entries.iter(),
            reader,
            value: None,
            fields,
        }
    }

    fn knows(&self, key: &Node, value: &Node) -> bool {
        let Some(fields) = self.fields else {
            return true;
        };
        let name = match &key.value {
            Value::Text(name) => name.as_str(),
            _ => self.reader.desk.written(key.place),
        };
        if fields.contains(&name) {
            return true;
        }
        let help = match did_you_mean(name, fields.iter().copied()) {
            Some(help) => help,
            // `{en: a, b, zh: c}` makes a key of `b`.
            None if matches!(value.value, Value::Null) => {
                "a text with a comma needs quotes here".to_owned()
            }
            None => one_of(fields.iter().copied()),
        };
        let desk = self.reader.desk;
        desk.report(
            desk.at(Code::UnknownKey, key.place, format!("unknown key `{name}`"))
                .help(help),
        );
        false
    }
}

impl<'n> de::MapAccess<'n> for Entries<'n> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'n>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        while let Some((key, value)) = self.rest.next() {
            if self.knows(key, value) {
                self.value = Some(value);
                return seed.deserialize(self.reader.on(key)).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'n>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let node = self
            .value
            .take()
            .expect("serde asks for a value after its key");
        seed.deserialize(self.reader.on(node))
    }
}

/// Yields source, start, end and the value itself: what [`At`] is made of.
struct Placed<'n> {
    reader: Reader<'n>,
    step: u8,
}

impl<'n> de::SeqAccess<'n> for Placed<'n> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'n>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        let place = self.reader.node.place;
        self.step += 1;
        let number = match self.step {
            1 => place.source,
            2 => place.start,
            3 => place.end,
            _ => return seed.deserialize(self.reader).map(Some),
        };
        seed.deserialize(number.into_deserializer()).map(Some)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AtVisitor<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for AtVisitor<T> {
            type Value = At<T>;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a value with its place")
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut access: A) -> Result<At<T>, A::Error> {
                let mut number = || {
                    let next: Option<u32> = access.next_element()?;
                    next.ok_or_else(|| de::Error::custom("a place has three numbers"))
                };
                let place = Place {
                    source: number()?,
                    start: number()?,
                    end: number()?,
                };
                let value = access.next_element()?;
                let value = value.ok_or_else(|| de::Error::custom("a place has a value"))?;
                Ok(At { value, place })
            }
        }
        deserializer.deserialize_newtype_struct(AT, AtVisitor(std::marker::PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Each<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EachVisitor<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for EachVisitor<T> {
            type Value = Each<T>;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a list")
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut access: A) -> Result<Each<T>, A::Error> {
                let mut items = Vec::new();
                loop {
                    match access.next_element() {
                        Ok(Some(item)) => items.push(item),
                        Ok(None) => return Ok(Each(items)),
                        // The reader has reported it and stands at the next element.
                        Err(_) => {}
                    }
                }
            }
        }
        deserializer.deserialize_seq(EachVisitor(std::marker::PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamedVisitor<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for NamedVisitor<T> {
            type Value = Named<T>;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a mapping from names")
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut access: A) -> Result<Named<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(name) = access.next_key()? {
                    if let Ok(value) = access.next_value() {
                        entries.push((name, value));
                    }
                }
                Ok(Named(entries))
            }
        }
        deserializer.deserialize_map(NamedVisitor(std::marker::PhantomData))
    }
}

/// Reads a value that may be written as one word or as a mapping.
pub(super) fn word_or_map<'de, W, M, D>(
    deserializer: D,
    what: &'static str,
) -> Result<WordOrMap<W, M>, D::Error>
where
    W: Deserialize<'de>,
    M: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct Both<W, M>(&'static str, std::marker::PhantomData<(W, M)>);
    impl<'de, W: Deserialize<'de>, M: Deserialize<'de>> Visitor<'de> for Both<W, M> {
        type Value = WordOrMap<W, M>;
        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str(self.0)
        }
        fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
            W::deserialize(value.into_deserializer()).map(WordOrMap::Word)
        }
        fn visit_map<A: de::MapAccess<'de>>(self, access: A) -> Result<Self::Value, A::Error> {
            M::deserialize(MapAccessDeserializer::new(access)).map(WordOrMap::Map)
        }
    }
    deserializer.deserialize_any(Both(what, std::marker::PhantomData))
}

/// What [`word_or_map`] read.
pub(super) enum WordOrMap<W, M> {
    /// One word.
    Word(W),
    /// A mapping.
    Map(M),
}
