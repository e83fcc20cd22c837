//! Pictures in bodies of any dialect: whatever field holds them, in base64, as a data URL or a file.
//!
//! A string is a picture if it says so or begins as one, whether the codec reads it as words or not,
//! so no table has to be complete for pictures to be seen.
//!
//! Limit: a string that neither says that it is a picture, nor begins like PNG, JPEG, WebP or GIF, nor
//! stands in a place named for pictures goes on as its field's row says.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;

use super::addresses::{self, Address};
use super::cut::{self, Element, Holder, Within};
use super::json::{Document, Kind, Value};
use super::{ReadError, ReadLimits, multipart};
use crate::picture::decode::{Format, MAX_BYTES, Unreadable};

/// Letters of base64 that the smallest picture has; shorter strings are placeholders.
const SMALLEST: usize = 48;
/// Letters that show how a file begins: twelve bytes.
const HEAD: usize = 16;
/// How pictures begin in base64, and what may hide it: an answer without any holds none.
const SIGNS: [&[u8]; 14] = [
    b"data:",
    b"image",
    b"b64",
    b"inline",
    b"iVBORw0KGg",
    b"/9j/",
    b"_9j_",
    b"R0lGOD",
    b"UklGR",
    // Behind four bytes: `ftyp`, then `avif`, `avis` or `mif1`.
    b"Z0eXB",
    b"\\u00",
    b"\\/9j",
    b"http",
    b"://",
];

/// A picture in a body, not yet decoded. A copy shares the file.
#[derive(Debug, Clone)]
pub struct Picture {
    /// Its JSON pointer, of the caller's own keys too: for finding its neighbours, not for showing.
    pub at: String,
    /// The literal or the file in the body.
    pub raw: Range<usize>,
    /// What goes with it where it is cut out.
    pub element: Option<Element>,
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    /// In a string: base64.
    Text { encoded: Arc<str>, label: Label },
    /// As it is.
    File(Bytes),
    /// Named by its address, and fetched from there; what its server says that it is.
    Fetched { file: Bytes, media_type: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Label {
    /// The string is base64 alone.
    Bare,
    /// A data URL of this media type, in base64 or not.
    Url { media_type: String, base64: bool },
}

/// What a body holds of pictures.
#[derive(Debug, Default)]
pub struct Found {
    /// In body order.
    pub pictures: Vec<Picture>,
    /// Those that it only names by their address.
    pub addresses: Vec<Address>,
    /// Whether it names files that the server keeps, by their id.
    pub kept: bool,
    /// What the body is.
    pub holder: Holder,
}

impl Found {
    /// Whether there is nothing to look at, here or elsewhere.
    pub fn is_empty(&self) -> bool {
        self.pictures.is_empty() && self.addresses.is_empty() && !self.kept
    }
}

impl Picture {
    /// What lay at an address.
    pub fn fetched(address: Address, file: Bytes, media_type: String) -> Self {
        Self {
            at: address.at,
            raw: address.raw,
            element: address.element,
            source: Source::Fetched { file, media_type },
        }
    }

    /// The file.
    ///
    /// # Errors
    /// Larger than may be read, no base64, another format than its label says.
    pub fn bytes(&self) -> Result<Cow<'_, [u8]>, Unreadable> {
        let (encoded, label) = match &self.source {
            Source::File(bytes) => return Ok(Cow::Borrowed(bytes)),
            Source::Fetched { file, media_type } => {
                let format = Format::read(file)?;
                return match says(media_type, format) {
                    true => Ok(Cow::Borrowed(file)),
                    false => Err(Unreadable::Mislabelled),
                };
            }
            Source::Text { encoded, label } => (encoded, label),
        };
        if encoded.len() / 4 * 3 > MAX_BYTES {
            return Err(Unreadable::Bytes);
        }
        if matches!(label, Label::Url { base64: false, .. }) {
            return Err(Unreadable::Format);
        }
        let bytes = decode(encoded).ok_or(Unreadable::Damaged)?;
        let format = Format::read(&bytes)?;
        match label {
            Label::Url { media_type, .. } if !says(media_type, format) => {
                Err(Unreadable::Mislabelled)
            }
            _ => Ok(Cow::Owned(bytes)),
        }
    }

    /// Whether it is a file that is no string.
    pub const fn is_whole(&self) -> bool {
        matches!(self.source, Source::File(_))
    }

    /// A string that holds `file` as this one holds its picture; nothing where it is no string.
    pub fn written(&self, file: &[u8], format: Format) -> Option<String> {
        match &self.source {
            Source::File(_) => None,
            Source::Text {
                label: Label::Bare, ..
            } => Some(base64::engine::general_purpose::STANDARD.encode(file)),
            Source::Text { .. } | Source::Fetched { .. } => Some(addresses::data_url(file, format)),
        }
    }

    /// A string that holds the picture itself, where the body only names its address.
    pub fn inline(&self) -> Option<String> {
        let Source::Fetched { file, .. } = &self.source else {
            return None;
        };
        Format::of(file).map(|format| addresses::data_url(file, format))
    }
}

/// Whether a label is one of the format's names. A label that names no picture says nothing.
fn says(media_type: &str, format: Format) -> bool {
    let known = [
        "image/png",
        "image/jpeg",
        "image/jpg",
        "image/webp",
        "image/gif",
        "image/avif",
    ];
    let own =
        media_type == format.media_type() || (format == Format::Jpeg && media_type == "image/jpg");
    own || !known.contains(&media_type)
}

/// Base64 as lenient readers read it: both alphabets, other characters passed over, padding or not.
fn decode(encoded: &str) -> Option<Vec<u8>> {
    let mut plain = letters(encoded).collect::<Vec<u8>>();
    if plain.len() % 4 == 1 {
        plain.pop();
    }
    let lenient = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(&STANDARD, lenient).decode(plain).ok()
}

/// The letters of a base64 text in the standard alphabet.
fn letters(text: &str) -> impl Iterator<Item = u8> + '_ {
    let before_padding = text.bytes().take_while(|byte| *byte != b'=');
    before_padding.filter_map(|byte| match byte {
        b'-' => Some(b'+'),
        b'_' => Some(b'/'),
        b'+' | b'/' => Some(byte),
        _ => byte.is_ascii_alphanumeric().then_some(byte),
    })
}

/// Whether an answer could hold a picture or its address: most cannot, and are not read twice.
pub fn may_hold(body: &[u8]) -> bool {
    let holds = |sign: &[u8]| memchr::memmem::find(body, sign).is_some();
    body.len() >= SMALLEST && SIGNS.iter().any(|sign| holds(sign))
}

/// What a JSON body holds beside the strings that are `read` as words.
///
/// # Errors
/// A body that is no JSON within bounds.
pub fn in_document(
    body: &[u8],
    read: &[Range<usize>],
    limits: &ReadLimits,
) -> Result<Found, ReadError> {
    let document = Document::parse(body, limits)?;
    let mut found = Found::default();
    let at = &mut String::new();
    walk(document.root(), (None, None), at, read, &mut found)?;
    bounded(found, limits)
}

/// The same of some members of a body alone; of all where none is named.
///
/// # Errors
/// As [`in_document`].
pub fn in_members(
    body: &[u8],
    members: &[&str],
    read: &[Range<usize>],
    limits: &ReadLimits,
) -> Result<Found, ReadError> {
    if members.is_empty() {
        return in_document(body, read, limits);
    }
    let document = Document::parse(body, limits)?;
    let (root, mut found) = (document.root(), Found::default());
    for name in members {
        if let Some(member) = root.get(name) {
            let at = &mut format!("/{name}");
            walk(member, (Some(root), None), at, read, &mut found)?;
        }
    }
    bounded(found, limits)
}

/// What was found, unless it is more than may be looked at.
fn bounded(found: Found, limits: &ReadLimits) -> Result<Found, ReadError> {
    match found.pictures.len() + found.addresses.len() > limits.parts {
        true => Err(super::members::too_many(limits)),
        false => Ok(found),
    }
}

/// Recurses at most as deep as the document, which its own limit bounds. `outer` is what the value stands
/// in, and the element of the innermost list that it is in.
fn walk(
    value: Value<'_>,
    outer: (Option<Value<'_>>, Option<&Within>),
    at: &mut String,
    read: &[Range<usize>],
    found: &mut Found,
) -> Result<(), ReadError> {
    match value.kind() {
        Kind::Text if is_kept(at, value)? && !read.contains(&value.raw()) => found.kept = true,
        Kind::Text if value.raw().len() >= SMALLEST / 4 => {
            let text = value.text()?.unwrap_or_default();
            let is_read = read.contains(&value.raw());
            let place = || in_its_place(at, &text).filter(|_| !is_read);
            if let Some(source) = source(&text).or_else(place) {
                found.pictures.push(Picture {
                    at: at.clone(),
                    raw: value.raw(),
                    element: outer.1.and_then(|within| within.of(at)),
                    source,
                });
            } else if !is_read {
                found.addresses.extend(Address::of(at, value, &text, outer));
            }
        }
        Kind::Array => {
            let length = at.len();
            for (index, (child, within)) in cut::elements(value, length).enumerate() {
                write!(at, "/{index}").expect("a string takes all");
                walk(child, (Some(value), within.as_ref()), at, read, found)?;
                at.truncate(length);
            }
        }
        Kind::Object => {
            let length = at.len();
            for child in value.children() {
                at.push('/');
                at.push_str(&child.key()?);
                walk(child, (Some(value), outer.1), at, read, found)?;
                at.truncate(length);
            }
        }
        _ => {}
    }
    Ok(())
}

/// Whether a string is the id of a file that the server keeps.
fn is_kept(at: &str, value: Value<'_>) -> Result<bool, ReadError> {
    let named = ["file_id", "fileId"].contains(&&*value.key()?);
    Ok(named && !value.raw_text().is_empty() && !addresses::is_to_be_read(at))
}

/// What a string holds, if that is a picture.
fn source(text: &str) -> Option<Source> {
    let trimmed = text.trim_start();
    let head = trimmed.get(..5).unwrap_or("");
    if head.eq_ignore_ascii_case("data:")
        && let Some((head, encoded)) = trimmed[5..].split_once(',')
    {
        let mut words = head.split(';').map(|word| word.trim().to_ascii_lowercase());
        let media_type = words.next().unwrap_or_default();
        let base64 = words.any(|word| word == "base64");
        let picture = media_type.starts_with("image/") || begins(encoded);
        let label = Label::Url { media_type, base64 };
        let encoded: Arc<str> = Arc::from(encoded);
        return (picture && encoded.len() >= SMALLEST).then_some(Source::Text { encoded, label });
    }
    (text.len() >= SMALLEST && begins(text)).then(|| Source::Text {
        encoded: Arc::from(text),
        label: Label::Bare,
    })
}

/// Base64 in a place for pictures is one, though it begins like none that can be read.
fn in_its_place(at: &str, text: &str) -> Option<Source> {
    let at = at.to_ascii_lowercase();
    let places = [
        "image",
        "img",
        "picture",
        "mask",
        "b64",
        "inline",
        "/source/data",
    ];
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"+/=-_".contains(&byte)
    };
    let is = text.len() >= SMALLEST
        && text.bytes().all(plain)
        && places.iter().any(|name| at.contains(name));
    is.then(|| Source::Text {
        encoded: Arc::from(text),
        label: Label::Bare,
    })
}

/// Whether base64 begins like a picture.
fn begins(encoded: &str) -> bool {
    let head: Vec<u8> = letters(encoded).take(HEAD).collect();
    let head = base64::engine::general_purpose::STANDARD.decode(head);
    head.is_ok_and(|head| Format::of(&head).is_some())
}

/// An answer that is one picture and nothing else.
pub fn in_file(body: &Bytes) -> Found {
    Found {
        pictures: vec![Picture {
            at: String::new(),
            raw: 0..body.len(),
            element: None,
            source: Source::File(body.clone()),
        }],
        ..Found::default()
    }
}

/// What a form's files hold. Where the form makes pictures, every file is one.
///
/// # Errors
/// As [`multipart::read`].
pub fn in_form(
    content_type: &str,
    body: &Bytes,
    limits: &ReadLimits,
    makes_pictures: bool,
) -> Result<Found, ReadError> {
    let mut found = Found::default();
    for field in multipart::read(content_type, body, limits)? {
        let bytes = body.slice(field.value.clone());
        if field.file.is_some() && (makes_pictures || Format::of(&bytes).is_some()) {
            found.pictures.push(Picture {
                at: format!("/{}", field.name),
                raw: field.value,
                element: None,
                source: Source::File(bytes),
            });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::drawing;

    const LIMITS: ReadLimits = ReadLimits { depth: 8, parts: 9 };

    fn found(body: &serde_json::Value) -> Found {
        in_document(body.to_string().as_bytes(), &[], &LIMITS).expect("reads")
    }

    #[test]
    fn pictures_are_found_wherever_and_however_they_stand() {
        let file = drawing::plain(20, 20);
        let encoded = base64::engine::general_purpose::STANDARD.encode(&file);
        let url = |label: &str| format!("data:{label};base64,{encoded}");
        let spaced: String = encoded.chars().flat_map(|c| [c, '\n']).collect();
        let safe = encoded.replace('+', "-").replace('/', "_");
        for text in [
            &encoded,
            &spaced,
            &safe,
            &url("image/png"),
            &url("IMAGE/PNG"),
            &url("a/b"),
        ] {
            let found = found(&serde_json::json!({"a": [{"b": text}]}));
            assert_eq!(found.pictures[0].at, "/a/0/b");
            assert_eq!(
                found.pictures[0].bytes().as_deref(),
                Ok(&file[..]),
                "{text}"
            );
        }
        let wrong = &found(&serde_json::json!([url("image/gif")])).pictures[0];
        assert_eq!(wrong.bytes(), Err(Unreadable::Mislabelled));
        let foreign = format!("data:image/avif;base64,{}", "A".repeat(100));
        let foreign = &found(&serde_json::json!([foreign])).pictures[0];
        assert_eq!(foreign.bytes(), Err(Unreadable::Format));
        let named = [&[0, 0, 0, 32][..], b"ftypavif", &[0; 99]].concat();
        let named = format!(
            "data:image/avif;base64,{}",
            base64::engine::general_purpose::STANDARD.encode(named)
        );
        let named = &found(&serde_json::json!([named])).pictures[0];
        assert!(named.bytes().is_ok());
        let written = wrong.written(&file, Format::Png).expect("a string");
        assert_eq!(written, url("image/png"));
    }

    #[test]
    fn words_and_other_codes_are_no_pictures() {
        let long = "soup ".repeat(30);
        let sound = format!("UklGR{}", "A".repeat(100));
        let none =
            found(&serde_json::json!({"a": long, "b": sound, "c": "data:image/png;base64,AA"}));
        assert!(none.is_empty());
        let foreign = &found(&serde_json::json!({"init_images": ["A".repeat(99)]})).pictures[0];
        assert_eq!(foreign.bytes(), Err(Unreadable::Format));
        assert!(
            found(&serde_json::json!({"thoughtSignature": "A".repeat(99)}))
                .pictures
                .is_empty()
        );
        let url = "https://example.com/a.png";
        let body = serde_json::json!([url]).to_string();
        let words = 1..body.len() - 1;
        let none = in_document(body.as_bytes(), std::slice::from_ref(&words), &LIMITS);
        assert!(none.expect("reads").is_empty());
        // What is read as words and is a picture as well is both: a new field of an API is.
        let body = serde_json::json!([drawn()]).to_string();
        let words = 1..body.len() - 1;
        let both = in_document(body.as_bytes(), std::slice::from_ref(&words), &LIMITS);
        assert_eq!(both.expect("reads").pictures.len(), 1);
        assert!(found(&serde_json::json!({"image": {"file_id": "file-1"}})).kept);
        assert!(may_hold(body.as_bytes()) && !may_hold(long.as_bytes()));
    }

    fn drawn() -> String {
        base64::engine::general_purpose::STANDARD.encode(drawing::plain(20, 20))
    }
}
