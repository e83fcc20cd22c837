//! What the mock is told by a request's headers.
//!
//! | header | is |
//! |---|---|
//! | `x-mock-answer` | the text to answer, percent-encoded UTF-8 |
//! | `x-mock-picture` | what pictures of the answer show as a QR code, percent-encoded UTF-8; without it they are one pixel |
//! | `x-mock-pieces` | characters per streamed delta (bytes per chunk of a raw body) |
//! | `x-mock-delay-ms` | milliseconds between chunks |
//! | `x-mock-status` | the status; from 400 on the body is an error object |
//! | `x-mock-cut-after` | the connection breaks after so many chunks |
//! | `x-mock-encoding` | gzip, br or zstd |
//! | `x-mock-raw` | the whole body, percent-encoded; a stream if it begins like one |

use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::picture::drawing;

/// Longest pause between chunks: a typing mistake should not hang a test for an hour.
pub const MAX_DELAY: Duration = Duration::from_secs(60);

/// One transparent pixel, as PNG in base64.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// Characters per streamed delta where no header says: about what models send.
const PIECE_CHARS: usize = 4;

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// None.
    #[default]
    Identity,
    /// gzip (RFC 1952).
    Gzip,
    /// Brotli (RFC 7932).
    Brotli,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl Encoding {
    /// The coding of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Gzip, Self::Brotli, Self::Zstd]
            .into_iter()
            .find(|coding| coding.name() == Some(name))
    }

    /// Its name in `content-encoding`; none for identity.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
            Self::Zstd => Some("zstd"),
        }
    }
}

/// The headers, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The text to answer instead of what the prompt asks for.
    pub answer: Option<String>,
    /// What pictures show as a code.
    pub picture: Option<String>,
    /// Characters per delta, bytes per chunk of a raw body; at least 1.
    pub pieces: Option<usize>,
    /// Between chunks.
    pub delay: Duration,
    /// The status.
    pub status: StatusCode,
    /// Chunks before the connection breaks.
    pub cut_after: Option<usize>,
    /// How the body is compressed.
    pub encoding: Encoding,
    /// The whole body.
    pub raw: Option<Bytes>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            answer: None,
            picture: None,
            pieces: None,
            delay: Duration::ZERO,
            status: StatusCode::OK,
            cut_after: None,
            encoding: Encoding::Identity,
            raw: None,
        }
    }
}

impl Script {
    /// Whether a request brings any of the headers.
    pub fn is_in(headers: &HeaderMap) -> bool {
        headers
            .keys()
            .any(|name| name.as_str().starts_with("x-mock-"))
    }

    /// Reads the `x-mock-*` headers.
    ///
    /// # Errors
    /// A header that cannot be read; the message names it.
    pub fn read(headers: &HeaderMap) -> Result<Self, &'static str> {
        let answer = words(headers, "x-mock-answer", "x-mock-answer has to be UTF-8")?;
        let picture = words(headers, "x-mock-picture", "x-mock-picture has to be UTF-8")?;
        let encoding = match text(headers, "x-mock-encoding") {
            None => Encoding::Identity,
            Some(name) => {
                Encoding::named(name).ok_or("x-mock-encoding has to be gzip, br or zstd")?
            }
        };
        let delay = number(
            headers,
            "x-mock-delay-ms",
            "x-mock-delay-ms has to be a number",
        )?;
        let pieces = number(headers, "x-mock-pieces", "x-mock-pieces has to be a number")?;
        let status = number(headers, "x-mock-status", "x-mock-status has to be a status")?;
        let cut = "x-mock-cut-after has to be a number";
        Ok(Self {
            answer,
            picture,
            pieces: pieces.map(|pieces: usize| pieces.max(1)),
            delay: Duration::from_millis(delay.unwrap_or(0)).min(MAX_DELAY),
            status: status.unwrap_or(StatusCode::OK),
            cut_after: number(headers, "x-mock-cut-after", cut)?,
            encoding,
            raw: text(headers, "x-mock-raw").map(|text| percent_decode(text).into()),
        })
    }

    /// A picture of an answer, as PNG in base64: one transparent pixel, or a code that says what the
    /// script wants it to.
    pub fn picture(&self) -> String {
        let code = self.picture.as_deref().and_then(drawing::qr);
        code.map_or_else(|| PIXEL.to_owned(), |file| STANDARD.encode(file))
    }

    /// Cuts a text into deltas.
    pub fn deltas<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let size = self.pieces.unwrap_or(PIECE_CHARS);
        let mut rest = text;
        let mut out = Vec::new();
        while !rest.is_empty() {
            let end = rest
                .char_indices()
                .nth(size)
                .map_or(rest.len(), |(at, _)| at);
            let (piece, after) = rest.split_at(end);
            out.push(piece);
            rest = after;
        }
        out
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Words that a header says, percent-encoded.
fn words(
    headers: &HeaderMap,
    name: &str,
    error: &'static str,
) -> Result<Option<String>, &'static str> {
    let bytes = text(headers, name).map(percent_decode);
    bytes
        .map(|bytes| String::from_utf8(bytes).map_err(|_| error))
        .transpose()
}

fn number<T: FromStr>(
    headers: &HeaderMap,
    name: &str,
    error: &'static str,
) -> Result<Option<T>, &'static str> {
    text(headers, name)
        .map(|text| text.parse().map_err(|_| error))
        .transpose()
}

/// `%XX` becomes its byte; anything else stays.
fn percent_decode(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        match escape(rest) {
            Some(byte) => {
                out.push(byte);
                rest = &rest[3..];
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}

fn escape(bytes: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = bytes else {
        return None;
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_percent_escapes() {
        assert_eq!(percent_decode("a%20b%E4%BD%A0%"), "a b\u{4f60}%".as_bytes());
        assert_eq!(percent_decode("%zz%4"), b"%zz%4");
    }

    #[test]
    fn cuts_between_characters() {
        let script = Script {
            pieces: Some(2),
            ..Script::default()
        };
        assert_eq!(script.deltas("a\u{4f60}b"), ["a\u{4f60}", "b"]);
        assert!(script.deltas("").is_empty());
    }
}
