//! [`Reader`]: typed values from a tree of [`Node`]s; every problem is reported at its place, and a
//! bad element of a list or mapping does not hide the others.

use serde::de::value::StrDeserializer;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};

use super::desk::{Desk, Fault};
use super::diagnostic::{Code, did_you_mean, one_of};
use super::parts::AT;
use super::yaml::{Node, Value};

/// Reads a typed value; `None` if it could not be read, with everything reported.
pub(super) fn read<'n, T: Deserialize<'n>>(node: &'n Node, desk: &'n Desk<'n>) -> Option<T> {
    T::deserialize(Reader { node, desk }).ok()
}

/// Reads typed values from a node.
#[derive(Clone, Copy)]
pub(super) struct Reader<'n> {
    node: &'n Node,
    desk: &'n Desk<'n>,
}

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

/// Yields source, start, end and the value itself: what [`At`](super::parts::At) is made of.
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
