//! How a stream is cut into frames: the choice of a dialect, and the decoder for each.
//!
//! A stream of any framing is a sequence of [`Frame`]s; nobody behind this knows which it was,
//! but for the dialect, whose own frames have to look like the others.

use bytes::{Bytes, BytesMut};

use super::array::{self, Elements, Joined};
use super::lines::Lines;
use super::sse::{self, Frame, SseError};

/// How a stream's frames are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Framing {
    /// Server-sent events.
    #[default]
    Events,
    /// A JSON document per line.
    Lines,
    /// The elements of one JSON array.
    Array,
}

impl Framing {
    /// A frame of ours around one document.
    pub fn frame(self, data: &str) -> Bytes {
        match self {
            Self::Events => sse::frame(data),
            Self::Lines => Bytes::from(format!("{data}\n")),
            Self::Array => array::element(data),
        }
    }
}

/// Frames on their way out. What joins them is the framing's: events and lines need nothing.
#[derive(Debug, Default)]
pub struct Outgoing {
    bytes: BytesMut,
    array: Option<Joined>,
}

impl Outgoing {
    /// Nothing has gone yet.
    pub fn new(framing: Framing) -> Self {
        Self {
            bytes: BytesMut::new(),
            array: (framing == Framing::Array).then(Joined::default),
        }
    }

    /// Adds whole frames.
    pub fn put(&mut self, frames: &[u8]) {
        match &mut self.array {
            Some(array) => array.put(&mut self.bytes, frames),
            None => self.bytes.extend_from_slice(frames),
        }
    }

    /// No frame follows, though the stream did not come to its own end.
    pub fn close(&mut self) {
        if let Some(array) = &mut self.array {
            array.close(&mut self.bytes);
        }
    }

    /// Bytes that have not been taken.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes them.
    pub fn take(&mut self) -> Bytes {
        self.bytes.split().freeze()
    }
}

/// A decoder: push bytes, then take frames until there is none.
#[derive(Debug)]
pub enum Frames {
    /// Of events.
    Events(sse::Frames),
    /// Of lines.
    Lines(Lines),
    /// Of an array.
    Array(Elements),
}

impl Frames {
    /// A decoder at the start of a stream.
    pub fn new(framing: Framing) -> Self {
        match framing {
            Framing::Events => Self::Events(sse::Frames::new()),
            Framing::Lines => Self::Lines(Lines::default()),
            Framing::Array => Self::Array(Elements::default()),
        }
    }

    /// Adds bytes as they came.
    pub fn push(&mut self, bytes: Bytes) {
        match self {
            Self::Events(frames) => frames.push(bytes),
            Self::Lines(lines) => lines.push(bytes),
            Self::Array(elements) => elements.push(bytes),
        }
    }

    /// The next whole frame, if the bytes so far hold one.
    ///
    /// # Errors
    /// [`SseError`]; afterwards the decoder yields nothing more.
    pub fn next_frame(&mut self) -> Option<Result<Frame, SseError>> {
        match self {
            Self::Events(frames) => frames.next_frame(),
            Self::Lines(lines) => lines.next_frame(),
            Self::Array(elements) => elements.next_frame(),
        }
    }

    /// At the end of the bytes: the next whole frame, then what is left.
    ///
    /// # Errors
    /// As [`Self::next_frame`].
    pub fn finish(&mut self) -> Option<Result<Frame, SseError>> {
        match self {
            Self::Events(frames) => frames.finish(),
            Self::Lines(lines) => lines.finish(),
            Self::Array(elements) => elements.finish(),
        }
    }
}

/// What the tests of every decoder share.
#[cfg(test)]
pub mod harness {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    /// All that a decoder makes of the chunks.
    pub fn decode(framing: Framing, chunks: &[&[u8]]) -> Vec<Result<Frame, SseError>> {
        let mut frames = Frames::new(framing);
        let mut out = Vec::new();
        for chunk in chunks {
            frames.push(Bytes::copy_from_slice(chunk));
            out.extend(std::iter::from_fn(|| frames.next_frame()));
        }
        out.extend(std::iter::from_fn(|| frames.finish()));
        out
    }

    /// Places to cut an input at.
    pub fn cuts() -> impl Strategy<Value = Vec<Index>> {
        prop::collection::vec(any::<Index>(), 0..6)
    }

    /// The frames of an input that reads: the same however it is cut, and nothing is lost.
    pub fn decode_cut(
        framing: Framing,
        input: &[u8],
        cuts: &[Index],
    ) -> Result<Vec<Frame>, TestCaseError> {
        let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        at.extend([0, input.len()]);
        at.sort_unstable();
        let chunks: Vec<_> = at.windows(2).map(|pair| &input[pair[0]..pair[1]]).collect();
        let whole = decode(framing, &[input]);
        prop_assert_eq!(&whole, &decode(framing, &chunks));
        let frames: Vec<_> = whole
            .into_iter()
            .map(|frame| frame.expect("reads"))
            .collect();
        let raw: Vec<u8> = frames.iter().flat_map(|frame| frame.raw.to_vec()).collect();
        prop_assert_eq!(raw, input);
        Ok(frames)
    }
}
