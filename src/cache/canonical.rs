//! A hash of a JSON text that white space, the order of keys and the spelling of escapes do not
//! change. Number text counts as written: `1.0` and `1` may mean different things to a server.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The hash, or `None` when the text is no JSON, nests deeper than `depth` or repeats a key.
pub fn hash(text: &[u8], depth: usize) -> Option<[u8; 32]> {
    let raw: &RawValue = serde_json::from_slice(text).ok()?;
    value(raw, depth)
}

/// The hash of one value: its kind, then its content; a container hashes its children's hashes.
fn value(raw: &RawValue, depth: usize) -> Option<[u8; 32]> {
    let text = raw.get();
    let mut hasher = blake3::Hasher::new();
    match text.as_bytes().first()? {
        b'{' => {
            let members = children(text, depth)?;
            hasher.update(b"{");
            for (key, child) in members.keyed {
                hasher.update(&(key.len() as u64).to_le_bytes());
                hasher.update(key.as_bytes());
                hasher.update(&child);
            }
        }
        b'[' => {
            hasher.update(b"[");
            for child in children(text, depth)?.listed {
                hasher.update(&child);
            }
        }
        b'"' => {
            let string: String = serde_json::from_str(text).ok()?;
            hasher.update(b"\"").update(string.as_bytes());
        }
        // A number, `true`, `false` or `null`: as written.
        _ => {
            hasher.update(b"0").update(text.as_bytes());
        }
    }
    Some(*hasher.finalize().as_bytes())
}

fn children(text: &str, depth: usize) -> Option<Children> {
    let depth = depth.checked_sub(1)?;
    let mut reader = serde_json::Deserializer::from_str(text);
    Level { depth }.deserialize(&mut reader).ok()
}

/// Hashes of the children of one container.
#[derive(Default)]
struct Children {
    keyed: BTreeMap<String, [u8; 32]>,
    listed: Vec<[u8; 32]>,
}

/// Reads one container; what is in it may nest `depth` deep.
struct Level {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Children;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Children, D::Error> {
        reader.deserialize_any(self)
    }
}

/// Why a value has no hash; nobody reads it, the caller learns `None`.
fn no_hash<E: serde::de::Error>() -> E {
    E::custom("no canonical form")
}

impl<'de> Visitor<'de> for Level {
    type Value = Children;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Children, A::Error> {
        let mut children = Children::default();
        while let Some((key, raw)) = map.next_entry::<String, &RawValue>()? {
            let child = value(raw, self.depth).ok_or_else(no_hash)?;
            if children.keyed.insert(key, child).is_some() {
                return Err(no_hash());
            }
        }
        Ok(children)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Children, A::Error> {
        let mut children = Children::default();
        while let Some(raw) = list.next_element::<&RawValue>()? {
            children
                .listed
                .push(value(raw, self.depth).ok_or_else(no_hash)?);
        }
        Ok(children)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A JSON value that remembers its numbers as text.
    #[derive(Debug, Clone, PartialEq)]
    enum Json {
        Word(&'static str),
        Number(String),
        Text(String),
        List(Vec<Json>),
        Object(BTreeMap<String, Json>),
    }

    fn json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            prop_oneof![Just("true"), Just("false"), Just("null")].prop_map(Json::Word),
            "(0|-?[1-9][0-9]{0,3})(\\.[0-9]{1,3})?(e[1-9])?".prop_map(Json::Number),
            any::<String>().prop_map(Json::Text),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::List),
                prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(Json::Object),
            ]
        })
    }

    /// Writes with white space, key order and escapes that `dice` decides.
    fn write(json: &Json, dice: &mut impl FnMut() -> u8, out: &mut String) {
        let space = |dice: &mut dyn FnMut() -> u8, out: &mut String| {
            out.push_str([" ", "\n\t", "", ""][usize::from(dice() % 4)]);
        };
        space(dice, out);
        match json {
            Json::Word(word) => out.push_str(word),
            Json::Number(text) => out.push_str(text),
            Json::Text(text) => string(text, dice, out),
            Json::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    write(item, dice, out);
                }
                out.push(']');
            }
            Json::Object(members) => {
                let mut order: Vec<_> = members.iter().map(|member| (dice(), member)).collect();
                order.sort_by_key(|(rank, _)| *rank);
                out.push('{');
                for (at, (_, (key, item))) in order.into_iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    string(key, dice, out);
                    out.push(':');
                    write(item, dice, out);
                }
                out.push('}');
            }
        }
        space(dice, out);
    }

    fn string(text: &str, dice: &mut impl FnMut() -> u8, out: &mut String) {
        out.push('"');
        for letter in text.chars() {
            let must = letter.is_control() || letter == '"' || letter == '\\';
            if must || dice().is_multiple_of(4) {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            } else {
                out.push(letter);
            }
        }
        out.push('"');
    }

    fn dice(seed: u64) -> impl FnMut() -> u8 {
        let mut state = seed | 1;
        move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        /// Two spellings of one value have one hash; two values have two.
        #[test]
        fn equal_values_and_only_they_share_a_hash(
            one in json(), other in json(), seeds in any::<(u64, u64, u64)>(),
        ) {
            let hashed = |json: &Json, seed: u64| {
                let mut text = String::new();
                write(json, &mut dice(seed), &mut text);
                hash(text.as_bytes(), 64).expect("what we wrote is JSON")
            };
            prop_assert_eq!(hashed(&one, seeds.0), hashed(&one, seeds.1));
            prop_assert_eq!(hashed(&one, seeds.0) == hashed(&other, seeds.2), one == other);
        }

        /// No text makes it panic or overflow.
        #[test]
        fn any_bytes_are_hashed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let parsed = serde_json::from_slice::<serde_json::Value>(&bytes).is_ok();
            prop_assert!(parsed || hash(&bytes, 64).is_none());
        }
    }

    #[test]
    fn depth_is_bounded_and_repeated_keys_have_no_hash() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(hash(nested(8).as_bytes(), 8).is_some());
        assert_eq!(hash(nested(9).as_bytes(), 8), None);
        assert_eq!(hash(nested(100_000).as_bytes(), 64), None);
        assert_eq!(hash(br#"{"a":1,"a":1}"#, 8), None);
        assert_eq!(hash(br#"{"a":1,"\u0061":1}"#, 8), None);
        assert_eq!(hash(b"{} x", 8), None);
        assert_ne!(hash(b"1.0", 8), hash(b"1", 8));
    }
}
