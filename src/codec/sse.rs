//! Server-sent events (WHATWG HTML, section 9.2): bytes to frames and back.
//!
//! Knows frames, not meaning. Every frame keeps its exact bytes, so that a clean frame goes on as
//! it came, and the frames' bytes together are the input. How the input was cut never matters.
//!
//! Limit: where a line ended by a lone CR is followed by a blank line, the frame ends at that blank
//! line's CR at once; an LF right after it belongs to the next frame's bytes. After a line ended by
//! CRLF a blank line's CR waits for its LF.

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr2;

pub use super::sse_frame::{Frame, frame, named_frame};

/// Longest frame, bytes. Chat chunks are below 4 KiB even with logprobs; a frame beyond a mebibyte
/// is a stream that forgot its blank lines, and holding it would grow memory without an end.
pub const MAX_FRAME_BYTES: usize = 1 << 20;

/// Why a stream of events cannot be read further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SseError {
    /// A frame is longer than [`MAX_FRAME_BYTES`].
    TooLong,
    /// A frame is not UTF-8, as the standard asks.
    NotUtf8,
    /// Bytes of an array stand where none may.
    Misplaced,
}

impl SseError {
    /// A stable code for replies and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLong => "frame_too_large",
            Self::NotUtf8 => "invalid_utf8",
            Self::Misplaced => "invalid_json",
        }
    }
}

impl fmt::Display for SseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "an event is longer than {MAX_FRAME_BYTES} bytes"),
            Self::NotUtf8 => write!(f, "an event is not valid UTF-8"),
            Self::Misplaced => write!(f, "the answer is not an array of objects"),
        }
    }
}

impl std::error::Error for SseError {}

/// How a line ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineEnd {
    /// No line of this frame has ended yet, or it ended with LF or CRLF.
    Lf,
    /// With a lone CR (or a CR whose LF has not been seen yet).
    Cr,
}

/// Where the decoder stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the first byte of a line; how the line before ended.
    LineStart(LineEnd),
    /// Inside a line that is not blank.
    Line,
    /// After the CR of a blank line whose LF is expected.
    BlankCr,
    /// An error was reported; nothing more is read.
    Failed,
}

/// The decoder: push bytes, then take frames until there is none.
#[derive(Debug)]
pub struct Frames {
    state: State,
    /// The open frame's bytes from earlier chunks.
    pending: BytesMut,
    /// Bytes that came and belong to no finished frame.
    chunk: Bytes,
    /// Bytes of `chunk` that `state` has seen.
    seen: usize,
}

impl Default for Frames {
    fn default() -> Self {
        Self::new()
    }
}

impl Frames {
    /// A decoder at the start of a stream.
    pub fn new() -> Self {
        Self {
            state: State::LineStart(LineEnd::Lf),
            pending: BytesMut::new(),
            chunk: Bytes::new(),
            seen: 0,
        }
    }

    /// Adds bytes as they came. Copies nothing when the frames before were taken.
    pub fn push(&mut self, bytes: Bytes) {
        if self.chunk.is_empty() {
            self.chunk = bytes;
            return;
        }
        let mut joined = BytesMut::with_capacity(self.chunk.len() + bytes.len());
        joined.extend_from_slice(&self.chunk);
        joined.extend_from_slice(&bytes);
        self.chunk = joined.freeze();
    }

    /// Bytes held that belong to no finished frame.
    pub fn held_bytes(&self) -> usize {
        self.pending.len() + self.chunk.len()
    }

    /// The next whole frame, if the bytes so far hold one.
    ///
    /// # Errors
    /// [`SseError`]; afterwards the decoder yields nothing more.
    pub fn next_frame(&mut self) -> Option<Result<Frame, SseError>> {
        if self.state == State::Failed {
            return None;
        }
        let end = self.find_end();
        let length = self.pending.len() + end.unwrap_or(self.chunk.len());
        if length > MAX_FRAME_BYTES {
            return Some(self.fail(SseError::TooLong));
        }
        let Some(end) = end else {
            self.keep_rest();
            return None;
        };
        Some(self.take(end, true))
    }

    /// The stream is over: what is left, as a frame that may lack its blank line.
    ///
    /// # Errors
    /// [`SseError`], as for [`Self::next_frame`].
    pub fn finish(&mut self) -> Option<Result<Frame, SseError>> {
        if let Some(frame) = self.next_frame() {
            return Some(frame);
        }
        if self.state == State::Failed || self.held_bytes() == 0 {
            return None;
        }
        let complete = self.state == State::BlankCr;
        Some(self.take(self.chunk.len(), complete))
    }

    /// Reads `chunk` from `seen` on; the byte of `chunk` after the open frame, once that is known.
    fn find_end(&mut self) -> Option<usize> {
        while self.seen < self.chunk.len() {
            let byte = self.chunk[self.seen];
            match self.state {
                State::Failed => return None,
                State::BlankCr => return Some(self.seen + usize::from(byte == b'\n')),
                State::Line => {
                    let rest = &self.chunk[self.seen..];
                    let Some(length) = memchr2(b'\r', b'\n', rest) else {
                        self.seen = self.chunk.len();
                        return None;
                    };
                    let end = match rest[length] {
                        b'\r' => LineEnd::Cr,
                        _ => LineEnd::Lf,
                    };
                    self.seen += length + 1;
                    self.state = State::LineStart(end);
                }
                State::LineStart(before) => {
                    self.seen += 1;
                    match (byte, before) {
                        // The LF of a CRLF: the line before has ended with it.
                        (b'\n', LineEnd::Cr) => self.state = State::LineStart(LineEnd::Lf),
                        (b'\n', LineEnd::Lf) | (b'\r', LineEnd::Cr) => return Some(self.seen),
                        (b'\r', LineEnd::Lf) => self.state = State::BlankCr,
                        _ => self.state = State::Line,
                    }
                }
            }
        }
        None
    }

    /// Keeps an unfinished frame's bytes for the next chunk.
    fn keep_rest(&mut self) {
        self.pending.extend_from_slice(&self.chunk);
        self.chunk = Bytes::new();
        self.seen = 0;
    }

    /// Cuts the frame that ends before byte `end` of `chunk`.
    fn take(&mut self, end: usize, complete: bool) -> Result<Frame, SseError> {
        let raw = if self.pending.is_empty() {
            self.chunk.split_to(end)
        } else {
            self.pending.extend_from_slice(&self.chunk[..end]);
            self.chunk.advance(end);
            self.pending.split().freeze()
        };
        self.seen = 0;
        // A frame that ended with a blank line's lone CR: an LF that follows is that line's.
        let lone_cr = raw.ends_with(b"\r") && self.state != State::BlankCr;
        self.state = State::LineStart(if lone_cr { LineEnd::Cr } else { LineEnd::Lf });
        match Frame::parse(raw, complete) {
            Ok(frame) => Ok(frame),
            Err(error) => self.fail(error),
        }
    }

    fn fail(&mut self, error: SseError) -> Result<Frame, SseError> {
        self.state = State::Failed;
        self.pending = BytesMut::new();
        self.chunk = Bytes::new();
        self.seen = 0;
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::super::framing::{Framing, harness};
    use super::*;

    fn decode(chunks: &[&[u8]]) -> Vec<Result<Frame, SseError>> {
        harness::decode(Framing::Events, chunks)
    }

    #[track_caller]
    fn check(input: &str, expect: &[(Option<&str>, bool)]) {
        let frames: Vec<_> = decode(&[input.as_bytes()])
            .into_iter()
            .map(|frame| frame.expect("reads"))
            .collect();
        let found: Vec<_> = frames
            .iter()
            .map(|frame| (frame.data(), frame.complete))
            .collect();
        let expect: Vec<_> = expect
            .iter()
            .map(|(data, complete)| (data.map(Cow::Borrowed), *complete))
            .collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn reads_what_the_standard_says() {
        check("data: a\n\n", &[(Some("a"), true)]);
        check("data:a\r\rdata\r\r", &[(Some("a"), true), (Some(""), true)]);
        check("data:  a\r\n\r\n", &[(Some(" a"), true)]);
        check("\u{feff}data: a\n\n", &[(Some("a"), true)]);
        check(
            "data: a\ndata: b\r\ndata:\rdata:c\n\n",
            &[(Some("a\nb\n\nc"), true)],
        );
        check(": hello\n\ndata: a\n\n", &[(None, true), (Some("a"), true)]);
        check(
            "event: x\nid: 1\nretry: 5\ndata: a\n\n",
            &[(Some("a"), true)],
        );
        check("database: a\n\n\n", &[(None, true), (None, true)]);
        check(
            "data: a\n\ndata: [DONE]",
            &[(Some("a"), true), (Some("[DONE]"), false)],
        );
        check("data: a\n\r", &[(Some("a"), true)]);
        check("", &[]);
    }

    #[test]
    fn names_the_event_and_rewrites_the_data() {
        let input = b"event: a\r\n: note\r\ndata: x\r\ndata: y\r\nid: 7\r\n\r\n";
        let frame = decode(&[input]).remove(0).expect("reads");
        assert_eq!(frame.event(), Some("a"));
        let written = frame.with_data("z");
        assert_eq!(&written[..], b"event: a\nid: 7\ndata: z\n\n");
        assert_eq!(&super::frame("a\nb")[..], b"data: a\ndata: b\n\n");
    }

    #[test]
    fn a_frame_without_end_is_an_error() {
        let mut frames = Frames::new();
        let mut pushed = 0;
        let error = loop {
            frames.push(Bytes::from(vec![b'a'; 65_536]));
            pushed += 65_536;
            assert!(pushed <= MAX_FRAME_BYTES + 65_536, "never reported");
            if let Some(result) = frames.next_frame() {
                break result;
            }
        };
        assert_eq!(error, Err(SseError::TooLong));
        assert_eq!(frames.held_bytes(), 0);
        frames.push(Bytes::from_static(b"data: a\n\n"));
        assert_eq!(frames.next_frame(), None);
    }

    #[test]
    fn bytes_that_are_no_text_are_an_error() {
        assert_eq!(decode(&[b"data: \xff\n\n"]), [Err(SseError::NotUtf8)]);
        assert_eq!(decode(&[b"data: \xe6\x88"]), [Err(SseError::NotUtf8)]);
    }

    #[test]
    fn a_whole_frame_is_not_copied() {
        let chunk = Bytes::from_static(b"data: a\n\ndata: b\n\n");
        let mut frames = Frames::new();
        frames.push(chunk.clone());
        let first = frames.next_frame().expect("whole").expect("reads");
        let second = frames.next_frame().expect("whole").expect("reads");
        assert_eq!(first.raw.as_ptr(), chunk.as_ptr());
        assert_eq!(second.raw.as_ptr(), chunk[9..].as_ptr());
    }

    fn line() -> impl Strategy<Value = String> {
        let text = prop_oneof![
            "data: ?[a-z\u{feff}中🙂: ]{0,6}",
            ": ?[a-z]{0,4}",
            "(event|id|retry|data|foo):? ?[a-z0-9]{0,4}",
            Just(String::new()),
        ];
        (text, prop_oneof!["\n", "\r", "\r\n"]).prop_map(|(text, end)| text + &end)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        /// However the bytes are cut, the same frames come out, and their bytes are the input.
        #[test]
        fn cuts_do_not_matter(
            lines in prop::collection::vec(line(), 0..12),
            cuts in harness::cuts(),
        ) {
            let input = lines.concat().into_bytes();
            harness::decode_cut(Framing::Events, &input, &cuts)?;
            let bytes: Vec<_> = input.chunks(1).collect();
            prop_assert_eq!(decode(&[&input]), decode(&bytes));
        }

        /// Frames are where a decoder written as the standard's text says has them.
        #[test]
        fn agrees_with_the_standard(lines in prop::collection::vec(line(), 0..12)) {
            let input = lines.concat();
            let found: Vec<_> = decode(&[input.as_bytes()])
                .into_iter()
                .map(|frame| frame.expect("text"))
                .filter(|frame| frame.complete)
                .filter_map(|frame| frame.data().map(Cow::into_owned))
                .collect();
            prop_assert_eq!(found, by_the_book(&input));
        }
    }

    /// Section 9.2.6 word for word, slow and simple.
    fn by_the_book(input: &str) -> Vec<String> {
        let input = input.strip_prefix('\u{feff}').unwrap_or(input);
        let input = input.replace("\r\n", "\n").replace('\r', "\n");
        let mut out = Vec::new();
        let mut data: Option<String> = None;
        for line in input.split_inclusive('\n') {
            let Some(line) = line.strip_suffix('\n') else {
                break;
            };
            if line.is_empty() {
                out.extend(data.take());
                continue;
            }
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            if name == "data" {
                let value = value.strip_prefix(' ').unwrap_or(value);
                let joined = data.take().map_or_else(String::new, |before| before + "\n");
                data = Some(joined + value);
            }
        }
        out
    }
}
