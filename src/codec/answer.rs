//! [`AnswerKind`]: what a whole answer is made of, by its content type.

use bytes::Bytes;

use super::{Codec, Edit, Ending, Piece, ReadError, ReadLimits, captions};

/// What a whole answer is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerKind {
    /// A document of the dialect, which reads it.
    Document,
    /// Lines of words: a text, or captions with their times.
    Captions,
    /// Nothing that could be read (sound): it passes by the dialect's declaration, once the prompt
    /// was judged.
    Unseen,
}

impl AnswerKind {
    /// Every text of the answer.
    ///
    /// # Errors
    /// [`ReadError`] where it is not what it should be.
    pub fn read(
        self,
        codec: &dyn Codec,
        body: &[u8],
        limits: &ReadLimits,
    ) -> Result<Vec<Piece>, ReadError> {
        match self {
            Self::Document => codec.read_answer(body, limits),
            Self::Captions => captions::read(body, limits),
            Self::Unseen => Ok(Vec::new()),
        }
    }

    /// The answer with edits applied.
    ///
    /// # Errors
    /// As [`Codec::write_answer`].
    pub fn write(self, codec: &dyn Codec, body: &[u8], edits: &[Edit]) -> Result<Bytes, ReadError> {
        match self {
            Self::Document => codec.write_answer(body, edits),
            Self::Captions => captions::write(body, edits),
            Self::Unseen => Ok(Bytes::copy_from_slice(body)),
        }
    }

    /// The answer, ended early.
    ///
    /// # Errors
    /// As [`Codec::end_answer`].
    pub fn end(
        self,
        codec: &dyn Codec,
        body: &[u8],
        choice: u32,
        text: &str,
        ending: Ending,
    ) -> Result<Bytes, ReadError> {
        match self {
            Self::Document => codec.end_answer(body, choice, text, ending),
            Self::Captions => captions::end(body, text),
            Self::Unseen => Ok(Bytes::copy_from_slice(body)),
        }
    }
}
