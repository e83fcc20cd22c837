//! What [`super::file`] is written with: values that know their place ([`At`]), lists and mappings
//! in which a bad element does not hide the others, a word or a mapping.
//!
//! Meant for [`Reader`](super::reader::Reader), which reports what it cannot read.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, IntoDeserializer, Visitor};

use super::diagnostic::Place;

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

/// The name under which [`At`] asks for a place; no YAML type has it.
pub(super) const AT: &str = "$wardgate::At";

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
