//! OpenAI embeddings: texts go in, numbers come out.
//!
//! Turns: a text's position in the body. What is refused is an error, since numbers cannot say why;
//! guidance is for models that speak, so a rewritten text goes without it.
//!
//! Limit: texts sent as token numbers are refused, since nobody here can read them.

use std::sync::LazyLock;

use bytes::Bytes;

use super::json::Document;
use super::members::{self, refuse};
use super::openai;
use super::splice;
use super::table::{Leaf, Side, Step, Table};
use super::{
    Ask, Codec, Edit, Ending, Fault, Field, Piece, ReadError, ReadLimits, Refusal, Reply,
    openai_reply,
};
use crate::message::{Media, Part};

/// Every field that is known.
static FIELDS: &[Field] = &openai::joined::<{ OWN.len() + 4 }>(&[OWN, &openai::ERROR]);

/// What an error object is not.
const OWN: &[Field] = &[
    Field::inspected("/input", ""),
    Field::inspected("/input/*", "token numbers are refused"),
    Field::inspected("/user", ""),
    Field::opaque("/model", "a name that the upstream resolves"),
    Field::opaque("/encoding_format", "float or base64"),
    Field::opaque("/dimensions", ""),
    Field::opaque("answer:/data/*/embedding", "numbers, as base64"),
    Field::opaque("answer:/data/*/object", ""),
    Field::opaque("answer:/object", ""),
    Field::opaque("answer:/id", "the server's own number"),
    Field::opaque("answer:/created", ""),
    Field::opaque("answer:/model", ""),
    Field::opaque("answer:/usage/**", ""),
];

static REQUEST: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Request));
static ANSWER: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Answer));

/// The dialect.
#[derive(Debug, Clone, Copy)]
pub struct OpenAiEmbeddings;

impl Codec for OpenAiEmbeddings {
    fn name(&self) -> &'static str {
        "openai.embeddings"
    }

    fn paths(&self) -> &'static [&'static str] {
        &["/v1/embeddings"]
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn read(&self, _: &str, body: &Bytes, limits: &ReadLimits) -> Result<Ask, ReadError> {
        let document = Document::parse(body, limits)?;
        let root = members::root(&document)?;
        let input = root
            .get("input")
            .ok_or_else(|| refuse("missing_field", "/input is missing"))?;
        openai::count_texts(input, "/input")?;
        Ok(Ask {
            model: members::required_text(root, "model")?,
            guidance_at: input.raw(),
            ..Ask::of(members::gather(&REQUEST, &document, limits, part)?)
        })
    }

    /// No guidance: what it is for does not answer.
    fn write(
        &self,
        _: &str,
        body: &Bytes,
        _: &Ask,
        edits: &[Edit],
        _: Option<&str>,
    ) -> Result<Bytes, ReadError> {
        splice::edited(body, edits)
    }

    fn read_answer(&self, body: &[u8], limits: &ReadLimits) -> Result<Vec<Piece>, ReadError> {
        members::read_asides(&ANSWER, body, &["data", "error"], limits)
    }

    /// Nothing of it is shown: what should be numbers said something.
    fn end_answer(&self, _: &[u8], _: u32, text: &str, _: Ending) -> Result<Bytes, ReadError> {
        Ok(openai_reply::filtered_document(text))
    }

    /// Always an error: numbers cannot say why they are missing.
    fn refuse(&self, _: &Ask, refusal: &Refusal) -> Reply {
        openai_reply::refusal_error(refusal, "invalid_request_error", "content_filter")
    }

    fn fail_stream(&self, _: &super::Envelope, fault: &Fault) -> Bytes {
        openai_reply::fault_event(fault)
    }

    fn error(&self, fault: &Fault) -> Reply {
        openai_reply::fault(fault)
    }
}

fn part(leaf: &Leaf<'_, '_>) -> Part {
    let (turn, media) = match leaf.path {
        [Step::Known("input"), Step::Index(index)] => {
            (u32::try_from(*index).unwrap_or(u32::MAX), Media::Text)
        }
        [Step::Known("user")] => (0, Media::Name),
        _ => (0, Media::Text),
    };
    members::user_part(leaf, turn, media)
}
