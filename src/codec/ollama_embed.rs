//! Ollama beside its conversations: texts to numbers (embed, embeddings), and what a model is (show).
//!
//! Turns: a text's position. What is refused is an error, since numbers cannot say why; guidance is
//! for models that speak, so a rewritten text goes without it.
//!
//! Limit: what `show` tells of a model are its makers' words and pass by declaration.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::json;

use super::json::{Document, Kind, Value};
use super::members::{self, refuse, wrong_type};
use super::splice;
use super::table::{Leaf, Side, Step, Table};
use super::{
    Ask, Codec, Edit, Ending, Envelope, Fault, Field, Piece, ReadError, ReadLimits, Refusal, Reply,
    ollama, openai_reply,
};
use crate::message::{Media, Part};

/// Every field that is known; the three endpoints share what they have in common.
static FIELDS: &[Field] = &[
    Field::inspected("/input", "of embed"),
    Field::inspected("/input/*", "of embed"),
    Field::inspected("/prompt", "of embeddings"),
    Field::opaque("/model", "a name that the upstream resolves"),
    Field::opaque("/name", "the same, as older clients call it"),
    Field::opaque("/truncate", ""),
    Field::opaque("/dimensions", ""),
    Field::opaque("/keep_alive", ""),
    Field::opaque("/verbose", "of show"),
    Field::inspected("/options/stop", ""),
    Field::inspected("/options/stop/*", ""),
    Field::opaque("/options/**", "numbers"),
    Field::opaque("answer:/embeddings/**", "numbers"),
    Field::opaque("answer:/embedding/**", "numbers"),
    Field::opaque("answer:/model", ""),
    Field::opaque("answer:/total_duration", ""),
    Field::opaque("answer:/load_duration", ""),
    Field::opaque("answer:/prompt_eval_count", ""),
    Field::opaque("answer:/license", "of show: its makers' words"),
    Field::opaque("answer:/modelfile", "the same"),
    Field::opaque("answer:/parameters", "the same"),
    Field::opaque("answer:/template", "the same"),
    Field::opaque("answer:/system", "the same"),
    Field::opaque("answer:/messages/**", "the same"),
    Field::opaque("answer:/details/**", ""),
    Field::opaque("answer:/model_info/**", ""),
    Field::opaque("answer:/projector_info/**", ""),
    Field::opaque("answer:/tensors/**", ""),
    Field::opaque("answer:/capabilities/*", ""),
    Field::opaque("answer:/modified_at", ""),
    Field::inspected("answer:/error", ""),
];

static REQUEST: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Request));
static ANSWER: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Answer));

/// The dialect, in its three forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OllamaEmbed {
    /// Numbers for one text or several.
    Embed,
    /// Numbers for one text, as older clients ask.
    Embeddings,
    /// What a model is.
    Show,
}

impl Codec for OllamaEmbed {
    fn name(&self) -> &'static str {
        match self {
            Self::Embed => "ollama.embed",
            Self::Embeddings => "ollama.embeddings",
            Self::Show => "ollama.show",
        }
    }

    fn paths(&self) -> &'static [&'static str] {
        match self {
            Self::Embed => &["/api/embed"],
            Self::Embeddings => &["/api/embeddings"],
            Self::Show => &["/api/show"],
        }
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn read(&self, _: &str, body: &Bytes, limits: &ReadLimits) -> Result<Ask, ReadError> {
        let document = Document::parse(body, limits)?;
        let root = members::root(&document)?;
        let texts = match self {
            Self::Embed => Some(texts(root)?),
            Self::Embeddings => {
                members::required_text(root, "prompt")?;
                root.get("prompt")
            }
            Self::Show => None,
        };
        let model = match (self, members::optional_text(root, "model")?) {
            (Self::Show, None) => members::required_text(root, "name")?,
            (_, Some(model)) => model,
            (_, None) => return Err(refuse("missing_field", "/model is missing")),
        };
        Ok(Ask {
            model,
            guidance_at: texts.map_or(0..0, |texts| texts.raw()),
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
        let known = match self {
            Self::Embed => ["embeddings", "error"],
            Self::Embeddings => ["embedding", "error"],
            Self::Show => ["details", "error"],
        };
        members::read_asides(&ANSWER, body, &known, limits)
    }

    /// Nothing of it is shown: what should be numbers said something.
    fn end_answer(&self, _: &[u8], _: u32, text: &str, _: Ending) -> Result<Bytes, ReadError> {
        let error = json!({"error": text, "code": "content_filter"});
        Ok(Bytes::from(error.to_string()))
    }

    /// Always an error: numbers cannot say why they are missing.
    fn refuse(&self, _: &Ask, refusal: &Refusal) -> Reply {
        ollama::refusal_error(refusal)
    }

    fn fail_stream(&self, _: &Envelope, fault: &Fault) -> Bytes {
        Bytes::from(format!("{}\n", ollama::error(fault)))
    }

    fn error(&self, fault: &Fault) -> Reply {
        openai_reply::document_reply(fault.status, &ollama::error(fault))
    }
}

/// A text, or an array of nothing but texts.
fn texts<'d>(root: Value<'d>) -> Result<Value<'d>, ReadError> {
    let input = root
        .get("input")
        .ok_or_else(|| refuse("missing_field", "/input is missing"))?;
    let known = match input.kind() {
        Kind::Text => true,
        Kind::Array => input.children().all(|text| text.kind() == Kind::Text),
        _ => false,
    };
    match known {
        true => Ok(input),
        false => Err(wrong_type("/input", "a string or an array of strings")),
    }
}

fn part(leaf: &Leaf<'_, '_>) -> Part {
    let turn = match leaf.path {
        [Step::Known("input"), Step::Index(index)] => u32::try_from(*index).unwrap_or(u32::MAX),
        _ => 0,
    };
    members::user_part(leaf, turn, Media::Text)
}
