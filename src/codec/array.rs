//! A JSON array that arrives piece by piece: bytes to frames. What [`super::sse`] is for events.
//!
//! Knows brackets and strings, not meaning: whether an element is valid JSON is its reader's to say.
//! Every frame keeps its exact bytes and the frames' bytes together are the input, however it was
//! cut. The opening bracket is a frame without data, an element with what stands before it is one,
//! and so is the closing bracket with all behind it; its data is [`END`].
//!
//! Limit: elements are objects; anything else that stands in the array is an error.

use bytes::{Bytes, BytesMut};

use super::sse::{Frame, MAX_FRAME_BYTES, SseError};

/// The data of the frame that ends the array. It comes at the end of the bytes, so that whatever
/// blank follows the bracket belongs to it.
pub const END: &str = "]";

/// Where the decoder stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// Before the array.
    #[default]
    Start,
    /// Behind the opening bracket: an element or the end.
    First,
    /// Behind an element: a comma or the end.
    After,
    /// Behind a comma: an element.
    Next,
    /// Inside an element, so many brackets deep.
    Element(usize),
    /// Inside a string of an element that deep.
    Text(usize),
    /// Behind a backslash in a string of an element that deep.
    Escape(usize),
    /// Behind the array.
    End,
    /// An error was reported; nothing more is read.
    Failed,
}

/// The decoder: push bytes, then take frames until there is none.
#[derive(Debug, Default)]
pub struct Elements {
    state: State,
    /// Bytes that belong to no finished frame.
    pending: BytesMut,
    /// Bytes of `pending` that `state` has seen.
    seen: usize,
}

impl Elements {
    /// Adds bytes as they came.
    pub fn push(&mut self, bytes: Bytes) {
        if self.state != State::Failed {
            self.pending.extend_from_slice(&bytes);
        }
    }

    /// The next whole frame, if the bytes so far hold one.
    ///
    /// # Errors
    /// [`SseError`]; afterwards the decoder yields nothing more.
    pub fn next_frame(&mut self) -> Option<Result<Frame, SseError>> {
        while let Some(byte) = self.pending.get(self.seen).copied() {
            if self.seen >= MAX_FRAME_BYTES {
                return Some(self.fail(SseError::TooLong));
            }
            let before = self.state;
            let Some(state) = before.after(byte) else {
                return Some(self.fail(SseError::Misplaced));
            };
            (self.state, self.seen) = (state, self.seen + 1);
            let opened = before == State::Start && state == State::First;
            if opened || (before == State::Element(1) && state == State::After) {
                return Some(self.take());
            }
        }
        None
    }

    /// At the end of the bytes: the next whole frame, then what is left.
    ///
    /// # Errors
    /// As [`Self::next_frame`].
    pub fn finish(&mut self) -> Option<Result<Frame, SseError>> {
        if let Some(frame) = self.next_frame() {
            return Some(frame);
        }
        (!self.pending.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> Result<Frame, SseError> {
        let raw = self.pending.split_to(self.seen).freeze();
        self.seen = 0;
        let start = raw.iter().position(|byte| !is_before(*byte));
        Frame::bare_from(raw, start.unwrap_or(usize::MAX)).or_else(|error| self.fail(error))
    }

    fn fail(&mut self, error: SseError) -> Result<Frame, SseError> {
        *self = Self {
            state: State::Failed,
            ..Self::default()
        };
        Err(error)
    }
}

/// What may stand before an element and is not part of it; the opening bracket, too, says nothing.
fn is_before(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, b',' | b'[')
}

/// White space of JSON.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

impl State {
    /// The state behind `byte`; nothing where it may not stand.
    fn after(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Text(depth), b'"') => Some(Self::Element(depth)),
            (Self::Text(depth), b'\\') => Some(Self::Escape(depth)),
            (Self::Text(depth) | Self::Escape(depth), _) => Some(Self::Text(depth)),
            (Self::Element(depth), b'"') => Some(Self::Text(depth)),
            (Self::Element(depth), b'{' | b'[') => Some(Self::Element(depth + 1)),
            (Self::Element(1), b'}' | b']') => Some(Self::After),
            (Self::Element(depth), b'}' | b']') => Some(Self::Element(depth - 1)),
            (Self::Element(_), _) => Some(self),
            (Self::Failed, _) => None,
            (_, blank) if is_blank(blank) => Some(self),
            (Self::Start, b'[') => Some(Self::First),
            (Self::First | Self::Next, b'{') => Some(Self::Element(1)),
            (Self::First | Self::After, b']') => Some(Self::End),
            (Self::After, b',') => Some(Self::Next),
            _ => None,
        }
    }
}

/// Frames of an array on their way out: each element but the first follows a comma, whoever
/// wrote it, and the array is closed once.
#[derive(Debug, Default)]
pub struct Joined {
    opened: bool,
    /// An element has gone.
    begun: bool,
    closed: bool,
}

impl Joined {
    /// Adds whole frames: an upstream's, or elements of ours that each follow a comma.
    pub fn put(&mut self, out: &mut BytesMut, frames: &[u8]) {
        let Some(start) = frames.iter().position(|byte| !is_blank(*byte)) else {
            return out.extend_from_slice(frames);
        };
        let first = frames[start];
        if first == b'[' {
            self.opened = true;
            return out.extend_from_slice(frames);
        }
        if !self.opened {
            self.opened = true;
            out.extend_from_slice(b"[");
        }
        match (self.begun, first) {
            (_, b']') => out.extend_from_slice(frames),
            (false, b',') => out.extend_from_slice(&frames[start + 1..]),
            (true, b'{') => {
                out.extend_from_slice(b",");
                out.extend_from_slice(frames);
            }
            _ => out.extend_from_slice(frames),
        }
        self.begun |= first != b']';
        self.closed |= first == b']';
    }

    /// Closes the array, if it is not.
    pub fn close(&mut self, out: &mut BytesMut) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        if !self.opened {
            out.extend_from_slice(b"[");
        }
        out.extend_from_slice(b"\n]");
    }
}

/// An element of ours.
pub fn element(data: &str) -> Bytes {
    Bytes::from(format!(",\r\n{data}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::framing::{Framing, harness};
    use super::*;

    fn decode(chunks: &[&[u8]]) -> Vec<Result<Frame, SseError>> {
        harness::decode(Framing::Array, chunks)
    }

    #[test]
    fn an_element_is_a_frame_and_its_data_is_rewritten_in_place() {
        let frames: Vec<_> = decode(&[b" [ {\"a\":\"}]\\\"\"}\r\n, {} \n] \n"])
            .into_iter()
            .map(|frame| frame.expect("reads"))
            .collect();
        let data: Vec<_> = frames.iter().map(|frame| frame.data()).collect();
        let data: Vec<_> = data.iter().map(|data| data.as_deref()).collect();
        assert_eq!(
            data,
            [None, Some("{\"a\":\"}]\\\"\"}"), Some("{}"), Some(END)]
        );
        assert_eq!(&frames[2].with_data("{\"b\":1}")[..], b"\r\n, {\"b\":1}");
    }

    #[test]
    fn what_is_no_array_of_objects_is_an_error() {
        for wrong in ["{}", "[1]", "[,{}]", "[{},]", "[{}{}]", "[{}] x", "[[]]"] {
            let found = decode(&[wrong.as_bytes()]);
            assert_eq!(found.last(), Some(&Err(SseError::Misplaced)), "{wrong}");
        }
        let long = [b"[{\"a\":\"".to_vec(), vec![b'a'; MAX_FRAME_BYTES]].concat();
        assert_eq!(decode(&[&long]).last(), Some(&Err(SseError::TooLong)));
        let broken = decode(&[b"[{\"a\":\"\xff\"}]"]);
        assert_eq!(broken.last(), Some(&Err(SseError::NotUtf8)));
        let cut = decode(&[b"[{\"a\":"])
            .pop()
            .expect("a frame")
            .expect("reads");
        assert_eq!(cut.data().as_deref(), Some("{\"a\":"));
    }

    #[test]
    fn whoever_writes_the_elements_the_array_is_one() {
        let ours = element("{\"o\":1}");
        for frames in [
            vec![&b"["[..], b"{}", b",{}", b"]"],
            vec![b"[", &ours, b"{}", b",{}", b"\n]"],
            vec![b"[", b"{}", &ours, b",{}", b"]"],
            vec![&ours, &ours, b"]"],
            vec![b" ", b"[ ", b"]\n"],
        ] {
            let (mut joined, mut out) = (Joined::default(), BytesMut::new());
            for frame in &frames {
                joined.put(&mut out, frame);
            }
            serde_json::from_slice::<Vec<serde_json::Value>>(&out).expect("an array");
        }
        let mut out = BytesMut::new();
        Joined::default().close(&mut out);
        assert_eq!(&out[..], b"[\n]");
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(
            elements in prop::collection::vec("\\{\"[a中\\[\\]\\}]{0,4}\": ?(\\[\\{\\}\\]|\"\\\\\"\")\\}", 0..5),
            blank in "[ \r\n]{0,2}",
            cuts in harness::cuts(),
        ) {
            let text = format!("{blank}[{blank}{}{blank}]{blank}", elements.join(&format!("{blank},{blank}")));
            let input = text.as_bytes();
            let frames = harness::decode_cut(Framing::Array, input, &cuts)?;
            let read: Vec<_> = frames.iter().filter_map(|frame| frame.data()).filter(|data| data != END).collect();
            prop_assert_eq!(read, elements);
        }
    }
}
