//! How a stream is cut into frames: the choice of a dialect, and the decoder for each.
//!
//! A stream of either framing is a sequence of [`Frame`]s; nobody behind this knows which it was,
//! but for the dialect, whose own frames have to look like the others.

use bytes::Bytes;

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
}

/// A decoder: push bytes, then take frames until there is none.
#[derive(Debug)]
pub enum Frames {
    /// Of events.
    Events(sse::Frames),
    /// Of lines.
    Lines(Lines),
}

impl Frames {
    /// A decoder at the start of a stream.
    pub fn new(framing: Framing) -> Self {
        match framing {
            Framing::Events => Self::Events(sse::Frames::new()),
            Framing::Lines => Self::Lines(Lines::default()),
        }
    }

    /// Adds bytes as they came.
    pub fn push(&mut self, bytes: Bytes) {
        match self {
            Self::Events(frames) => frames.push(bytes),
            Self::Lines(lines) => lines.push(bytes),
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
        }
    }
}
