//! Pictures that bodies only name, by an address or by an id, and the bodies with the pictures
//! themselves in their place.
//!
//! Limit: a string that the codec reads as words is none, whatever it says; a place that no name
//! shows to be for pictures is one only if its address ends like a picture's.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::ReadError;
use super::cut::{Element, Within};
use super::json::Value;
use super::splice::{Splice, quote, splice};
use crate::picture::Format;

/// How places for pictures are named.
const PLACES: [&str; 8] = [
    "image", "img", "picture", "photo", "mask", "url", "uri", "sketch",
];
/// Places whose addresses are for people to read, or for programs.
const READ: [&str; 7] = [
    "citation",
    "annotation",
    "grounding",
    "urlcontext",
    "url_context",
    "server_url",
    "$schema",
];
/// How the names of pictures end.
const ENDINGS: [&str; 8] = [
    ".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".bmp", ".heic",
];
/// Letters of the longest scheme, and of what follows a colon.
const SCHEME: usize = 16;

/// A picture that lies elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Its JSON pointer, as a picture's.
    pub at: String,
    /// The literal in the body.
    pub raw: Range<usize>,
    /// Where it lies.
    pub url: String,
    /// What goes with the picture where it is cut out.
    pub(super) element: Option<Element>,
    /// What has to change where the picture itself takes its place.
    holder: Holder,
}

/// What holds an address.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Holder {
    /// A string that may be a data URL as well.
    Text,
    /// Anthropic's source: an object of another type holds the picture itself.
    Source(Range<usize>),
    /// Gemini's file: a member of another name holds the picture itself.
    File {
        key: Range<usize>,
        object: Range<usize>,
        /// `file_data`, as clients in Python write it.
        snake: bool,
    },
}

impl Address {
    /// The address that a string is, within what is around it.
    pub(super) fn of(
        at: &str,
        value: Value<'_>,
        text: &str,
        outer: (Option<Value<'_>>, Option<&Within>),
    ) -> Option<Self> {
        let url = text.trim();
        let meant = is_for_pictures(at) || (ends_like_one(url) && !is_to_be_read(at));
        if !is_address(url) || !meant {
            return None;
        }
        Some(Self {
            at: at.to_owned(),
            raw: value.raw(),
            url: url.to_owned(),
            element: outer.1.and_then(|within| within.of(at)),
            holder: holder(value, outer.0),
        })
    }

    /// The edits that put a picture in place of its address.
    fn replaced_by(&self, file: &[u8], format: Format) -> Vec<Splice> {
        let (encoded, kind) = (STANDARD.encode(file), format.media_type());
        let put = |at: &Range<usize>, bytes: String| Splice {
            at: at.clone(),
            bytes,
        };
        match &self.holder {
            Holder::Text => vec![put(&self.raw, quote(&data_url(file, format)))],
            Holder::Source(object) => vec![put(
                object,
                format!(r#"{{"type":"base64","media_type":"{kind}","data":"{encoded}"}}"#),
            )],
            Holder::File { key, object, snake } => {
                let (name, label) = match snake {
                    true => ("inline_data", "mime_type"),
                    false => ("inlineData", "mimeType"),
                };
                let inline = format!(r#"{{"{label}":"{kind}","data":"{encoded}"}}"#);
                vec![put(key, quote(name)), put(object, inline)]
            }
        }
    }
}

/// A file as a data URL.
pub fn data_url(file: &[u8], format: Format) -> String {
    format!(
        "data:{};base64,{}",
        format.media_type(),
        STANDARD.encode(file)
    )
}

/// The body with pictures in place of their addresses.
///
/// # Errors
/// "bad_edit" where two of them share a place: a fault of ours.
pub fn inlined(body: &[u8], pictures: &[(Address, Bytes, Format)]) -> Result<Bytes, ReadError> {
    let splices = pictures
        .iter()
        .flat_map(|(address, file, format)| address.replaced_by(file, *format));
    splice(body, splices.collect())
}

fn holder(value: Value<'_>, around: Option<Value<'_>>) -> Holder {
    let is = |value: Value<'_>, name: &str| value.key().is_ok_and(|key| key == name);
    let Some(around) = around else {
        return Holder::Text;
    };
    let kind = around.get("type").and_then(|kind| kind.text().ok()?);
    if is(value, "url") && kind.as_deref() == Some("url") {
        return Holder::Source(around.raw());
    }
    let snake = is(around, "file_data");
    if snake || is(around, "fileData") {
        return Holder::File {
            key: around.key_raw(),
            object: around.raw(),
            snake,
        };
    }
    Holder::Text
}

/// Whether a string is an address and nothing else, of any scheme: `https://`, `gs://`, `oss://`.
pub fn is_address(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let named = (1..=SCHEME).contains(&scheme.len()) && scheme.bytes().all(plain);
    named && !rest.is_empty() && !text.contains(char::is_whitespace)
}

/// Whether a place is one for pictures or files, by its name: other addresses are the model's business.
fn is_for_pictures(at: &str) -> bool {
    let lower = at.to_ascii_lowercase();
    PLACES.iter().any(|name| lower.contains(name)) && !is_to_be_read(at)
}

/// Whether what a place names is for people to read, or for programs.
pub(super) fn is_to_be_read(at: &str) -> bool {
    let at = at.to_ascii_lowercase();
    READ.iter().any(|name| at.contains(name))
}

fn ends_like_one(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let path = path.to_ascii_lowercase();
    ENDINGS.iter().any(|ending| path.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::pictures::in_document;
    use super::*;
    use crate::codec::ReadLimits;
    use crate::picture::drawing;

    const LIMITS: ReadLimits = ReadLimits {
        depth: 12,
        parts: 9,
    };

    fn found(body: &serde_json::Value) -> Vec<Address> {
        let found = in_document(body.to_string().as_bytes(), &[], &LIMITS);
        found.expect("reads").addresses
    }

    #[test]
    fn addresses_are_told_from_words_and_from_what_people_read() {
        for address in [
            json!({"image_url": {"url": "https://example.com/a"}}),
            json!({"image_url": " HTTPS://example.com/a\n"}),
            json!({"fileData": {"fileUri": "gs://bucket/a"}}),
            json!({"ref_img": "oss://bucket/a"}),
            json!({"x": "https://example.com/A.PNG?sig=1"}),
        ] {
            assert_eq!(found(&address).len(), 1, "{address}");
        }
        for none in [
            json!({"text": "https://example.com/soup"}),
            json!({"image": "see https://example.com/soup"}),
            json!({"annotations": [{"url_citation": {"url": "https://example.com/soup"}}]}),
            json!({"tools": [{"server_url": "https://example.com/mcp"}]}),
            json!({"url": "://a", "uri": "a b://c", "image": "a.png"}),
        ] {
            assert!(found(&none).is_empty(), "{none}");
        }
    }

    #[test]
    fn a_picture_takes_the_place_of_its_address_in_each_dialects_own_form() {
        let file = Bytes::from(drawing::plain(3, 2));
        let encoded = STANDARD.encode(&file);
        let url = "https://example.com/a";
        for (before, after) in [
            (
                json!({"image_url": {"url": url, "detail": "low"}}),
                json!({"image_url": {"url": format!("data:image/png;base64,{encoded}"), "detail": "low"}}),
            ),
            (
                json!({"image": {"source": {"type": "url", "url": url}, "k": 1}}),
                json!({"image": {"source": {"type": "base64", "media_type": "image/png", "data": encoded}, "k": 1}}),
            ),
            (
                json!({"fileData": {"mimeType": "image/x", "fileUri": url}, "k": 1}),
                json!({"inlineData": {"mimeType": "image/png", "data": encoded}, "k": 1}),
            ),
            (
                json!({"file_data": {"file_uri": url}}),
                json!({"inline_data": {"mime_type": "image/png", "data": encoded}}),
            ),
        ] {
            let pictures: Vec<_> = found(&before)
                .into_iter()
                .map(|address| (address, file.clone(), Format::Png))
                .collect();
            let body = inlined(before.to_string().as_bytes(), &pictures).expect("fits");
            let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            assert_eq!(body, after);
        }
    }
}
