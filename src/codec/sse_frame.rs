//! [`Frame`]: one server-sent event or one bare document, its exact bytes and where in them its data
//! and name are.
//!
//! Knows fields, not meaning. Where a stream is cut into frames is in [`super::sse`].

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use memchr::memchr2;

use super::sse::SseError;

const BOM: &str = "\u{feff}";

/// Everything up to and with a blank line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The exact bytes, line ends and blank line included; valid UTF-8.
    pub raw: Bytes,
    /// Whether the blank line (or the line's end) was there. Only the last frame of a stream may lack it, and a client
    /// that follows the standard drops such a frame.
    pub complete: bool,
    data: Data,
}

/// Where a frame's data is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Data {
    /// No data line: a comment, a bare blank line, an event name alone.
    Absent,
    /// One data line: bytes of the frame.
    Line(Range<usize>),
    /// Several data lines, joined by LF.
    Lines(String),
    /// No line of fields: a document with nothing but framing around it. Bytes of the frame.
    Bare(Range<usize>),
}

impl Frame {
    /// Reads whole bytes of one frame; [`SseError::NotUtf8`] is all that can be wrong.
    pub(super) fn parse(raw: Bytes, complete: bool) -> Result<Self, SseError> {
        let text = std::str::from_utf8(&raw).map_err(|_| SseError::NotUtf8)?;
        let mut data = Data::Absent;
        for line in Lines::of(text) {
            let Some(value) = line.data(text) else {
                continue;
            };
            data = match data {
                Data::Absent | Data::Bare(_) => Data::Line(value),
                Data::Line(first) => Data::Lines(format!("{}\n{}", &text[first], &text[value])),
                Data::Lines(joined) => Data::Lines(joined + "\n" + &text[value]),
            };
        }
        Ok(Self {
            raw,
            complete,
            data,
        })
    }

    /// A frame that is a document: its data is what is left without white space around it.
    pub(super) fn bare(raw: Bytes) -> Result<Self, SseError> {
        Self::bare_from(raw, 0)
    }

    /// The same, where a document begins no earlier than at byte `from`.
    pub(super) fn bare_from(raw: Bytes, from: usize) -> Result<Self, SseError> {
        let text = std::str::from_utf8(&raw).map_err(|_| SseError::NotUtf8)?;
        let bytes = text.as_bytes();
        let rest = &bytes[from.min(bytes.len())..];
        let start = bytes.len() - rest.trim_ascii_start().len();
        let data = match rest.trim_ascii().len() {
            0 => Data::Absent,
            length => Data::Bare(start..start + length),
        };
        let complete = raw.ends_with(b"\n");
        Ok(Self {
            raw,
            complete,
            data,
        })
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.raw).expect("checked when the frame was read")
    }

    /// The event's data, or `None` where no line carries any (a comment, a keep-alive).
    pub fn data(&self) -> Option<Cow<'_, str>> {
        match &self.data {
            Data::Absent => None,
            Data::Line(range) | Data::Bare(range) => {
                Some(Cow::Borrowed(&self.text()[range.clone()]))
            }
            Data::Lines(text) => Some(Cow::Borrowed(text)),
        }
    }

    /// The event's name: the last `event` line's value.
    pub fn event(&self) -> Option<&str> {
        let text = self.text();
        Lines::of(text)
            .filter_map(|line| line.value(text, "event"))
            .last()
            .map(|range| &text[range])
    }

    /// The frame with other data: the other fields stay, comments go, lines end with LF.
    pub fn with_data(&self, data: &str) -> Bytes {
        let text = self.text();
        if let Data::Bare(range) = &self.data {
            let (before, after) = (&text[..range.start], &text[range.end..]);
            return Bytes::from([before, data, after].concat());
        }
        let mut out = String::with_capacity(text.len() + data.len());
        for line in Lines::of(text) {
            let line_text = &text[line.content.clone()];
            let keep = !line_text.is_empty() && !line_text.starts_with(':');
            if keep && line.data(text).is_none() {
                out.push_str(line_text);
                out.push('\n');
            }
        }
        push_data(&mut out, data);
        Bytes::from(out)
    }

    /// The frame that [`Frame::with_data`] writes.
    pub fn carrying(&self, data: &str) -> Self {
        let raw = self.with_data(data);
        match &self.data {
            Data::Bare(range) => Self {
                raw,
                complete: self.complete,
                data: Data::Bare(range.start..range.start + data.len()),
            },
            _ => Self::parse(raw, self.complete).expect("written from texts"),
        }
    }
}

/// A frame of ours that carries `data` and nothing else.
pub fn frame(data: &str) -> Bytes {
    let mut out = String::with_capacity(data.len() + 8);
    push_data(&mut out, data);
    Bytes::from(out)
}

/// A frame of ours that carries `data` under the name of an event.
pub fn named_frame(event: &str, data: &str) -> Bytes {
    let mut out = format!("event: {event}\n");
    push_data(&mut out, data);
    Bytes::from(out)
}

fn push_data(out: &mut String, data: &str) {
    for line in data.split(['\n', '\r']) {
        out.push_str("data: ");
        out.push_str(line);
        out.push('\n');
    }
    out.push('\n');
}

/// The lines of a frame, whichever way they end.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// One line of a frame.
struct Line {
    /// Its bytes in the frame, without the line end.
    content: Range<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let at = if text.starts_with(BOM) { BOM.len() } else { 0 };
        Self {
            bytes: text.as_bytes(),
            at,
        }
    }
}

impl Iterator for Lines<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
        let content = self.at..self.at + length;
        self.at = match &rest[length..] {
            [b'\r', b'\n', ..] => content.end + 2,
            _ => content.end + 1,
        };
        Some(Line { content })
    }
}

impl Line {
    fn data(&self, frame: &str) -> Option<Range<usize>> {
        self.value(frame, "data")
    }

    /// The value of the field `name`: after the colon, less one space.
    fn value(&self, frame: &str, name: &str) -> Option<Range<usize>> {
        let line = &frame[self.content.clone()];
        let rest = line.strip_prefix(name)?;
        let end = self.content.end;
        match rest.as_bytes() {
            [] => Some(end..end),
            [b':', b' ', ..] => Some(self.content.start + name.len() + 2..end),
            [b':', ..] => Some(self.content.start + name.len() + 1..end),
            _ => None,
        }
    }
}
