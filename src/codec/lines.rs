//! Lines of JSON (NDJSON): bytes to frames. What [`super::sse`] is for events.
//!
//! Knows lines, not meaning. Every frame keeps its exact bytes, line end included, and the frames'
//! bytes together are the input. How the input was cut never matters.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr;

use super::sse::{Frame, MAX_FRAME_BYTES, SseError};

/// The decoder: push bytes, then take frames until there is none.
#[derive(Debug, Default)]
pub struct Lines {
    /// The open line's bytes from earlier chunks.
    pending: BytesMut,
    /// Bytes that came and belong to no finished line.
    chunk: Bytes,
    /// An error was reported; nothing more is read.
    failed: bool,
}

impl Lines {
    /// Adds bytes as they came.
    pub fn push(&mut self, bytes: Bytes) {
        if self.failed {
            return;
        }
        if self.chunk.is_empty() {
            self.chunk = bytes;
            return;
        }
        let mut joined = BytesMut::with_capacity(self.chunk.len() + bytes.len());
        joined.extend_from_slice(&self.chunk);
        joined.extend_from_slice(&bytes);
        self.chunk = joined.freeze();
    }

    /// Bytes held that belong to no finished line.
    pub fn held_bytes(&self) -> usize {
        self.pending.len() + self.chunk.len()
    }

    /// The next whole line, if the bytes so far hold one.
    ///
    /// # Errors
    /// [`SseError`]; afterwards the decoder yields nothing more.
    pub fn next_frame(&mut self) -> Option<Result<Frame, SseError>> {
        let end = memchr(b'\n', &self.chunk).map(|at| at + 1);
        let length = self.pending.len() + end.unwrap_or(self.chunk.len());
        if length > MAX_FRAME_BYTES {
            return Some(self.fail(SseError::TooLong));
        }
        match end {
            Some(end) => Some(self.take(end)),
            None => {
                self.pending.extend_from_slice(&self.chunk);
                self.chunk = Bytes::new();
                None
            }
        }
    }

    /// At the end of the bytes: the next whole line, then the unfinished one.
    ///
    /// # Errors
    /// As [`Self::next_frame`].
    pub fn finish(&mut self) -> Option<Result<Frame, SseError>> {
        if let Some(frame) = self.next_frame() {
            return Some(frame);
        }
        (self.held_bytes() > 0).then(|| self.take(self.chunk.len()))
    }

    fn take(&mut self, end: usize) -> Result<Frame, SseError> {
        let raw = if self.pending.is_empty() {
            self.chunk.split_to(end)
        } else {
            self.pending.extend_from_slice(&self.chunk[..end]);
            self.chunk.advance(end);
            self.pending.split().freeze()
        };
        Frame::bare(raw).or_else(|error| self.fail(error))
    }

    fn fail(&mut self, error: SseError) -> Result<Frame, SseError> {
        *self = Self {
            failed: true,
            ..Self::default()
        };
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::framing::{Framing, harness};
    use super::*;

    fn decode(chunks: &[&[u8]]) -> Vec<Result<Frame, SseError>> {
        harness::decode(Framing::Lines, chunks)
    }

    #[test]
    fn a_line_is_a_frame_and_its_data_is_rewritten_in_place() {
        let frames: Vec<_> = decode(&[b"{\"a\":1}\r\n\n {}"])
            .into_iter()
            .map(|frame| frame.expect("reads"))
            .collect();
        let data: Vec<_> = frames.iter().map(|frame| frame.data()).collect();
        assert_eq!(data, [Some("{\"a\":1}".into()), None, Some("{}".into())]);
        assert_eq!(&frames[0].with_data("x")[..], b"x\r\n");
    }

    #[test]
    fn a_line_without_end_and_bytes_that_are_no_text_are_errors() {
        let long = vec![b'a'; MAX_FRAME_BYTES + 1];
        assert_eq!(decode(&[&long]), [Err(SseError::TooLong)]);
        assert_eq!(decode(&[b"\xff\n{}\n"]), [Err(SseError::NotUtf8)]);
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(
            text in "[a中\\r\\n {}]{0,40}",
            cuts in harness::cuts(),
        ) {
            let input = text.as_bytes();
            harness::decode_cut(Framing::Lines, input, &cuts)?;
        }
    }
}
