//! OpenAI images: pictures from words (JSON), from pictures and words (forms or JSON), and variations
//! of pictures (forms).
//!
//! Turns: the whole request is turn 0, one scene. Lanes: the choice is the picture's position, its
//! field [`REVISED_PROMPT`].
//!
//! The pictures themselves are [`super::pictures`]' to find.

use std::ops::Range;
use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::json;

use super::form::{self, Shape};
use super::json::{Document, Kind, Value};
use super::members::{self, WRITE_LIMITS, refuse, wrong_type};
use super::multipart;
use super::openai;
use super::splice::{Splice, splice};
use super::table::{Leaf, Place, Side, Step, Table};
use super::{
    Ask, Codec, Delta, Edit, Ending, Envelope, Fault, Field, Lane, Piece, ReadError, ReadLimits,
    Refusal, Reply, openai_reply, sse,
};
use crate::message::{Media, Output, Part};

/// Lane of the prompt as the model rephrased it.
pub const REVISED_PROMPT: u32 = 0;

/// Every field that is known. Form fields have the same names as JSON members.
static FIELDS: &[Field] =
    &openai::joined::<{ OWN.len() + 8 }>(&[OWN, &openai::ERROR, &openai::ERROR_EVENT]);

/// What an error object is not.
const OWN: &[Field] = &[
    Field::inspected("/prompt", ""),
    Field::inspected("/negative_prompt", "some compatible servers"),
    Field::inspected("/user", ""),
    Field::opaque("/model", "a name that the upstream resolves"),
    Field::opaque("/n", "typed"),
    Field::opaque("/size", ""),
    Field::opaque("/quality", ""),
    Field::opaque("/style", "vivid or natural"),
    Field::opaque("/background", ""),
    Field::opaque("/moderation", "auto or low: the upstream's own filter"),
    Field::opaque("/output_format", ""),
    Field::opaque("/output_compression", ""),
    Field::opaque("/response_format", "url or b64_json"),
    Field::opaque("/input_fidelity", ""),
    Field::opaque("/seed", ""),
    Field::opaque("/stream", "typed"),
    Field::opaque(
        "/partial_images",
        "a number: unfinished pictures of a stream",
    ),
    Field::refused("/image/**", "in JSON; a form's picture is judged"),
    Field::opaque("/images/*/image_url", "of edits: a picture"),
    Field::opaque("/images/*/file_id", "of edits: a picture"),
    Field::opaque("/mask/image_url", "of edits: a picture"),
    Field::opaque("/mask/file_id", "of edits: a picture"),
    Field::inspected("answer:/data/*/revised_prompt", ""),
    Field::opaque("answer:/data/*/b64_json", "a picture"),
    Field::opaque("answer:/data/*/url", "a picture"),
    Field::opaque("answer:/created", ""),
    Field::opaque("answer:/model", ""),
    Field::opaque("answer:/size", ""),
    Field::opaque("answer:/quality", ""),
    Field::opaque("answer:/background", ""),
    Field::opaque("answer:/output_format", ""),
    Field::opaque("answer:/usage/**", ""),
    Field::opaque("event:/type", "checked"),
    Field::inspected("event:/revised_prompt", ""),
    Field::opaque("event:/b64_json", "a picture"),
    Field::opaque("event:/url", "a picture"),
    Field::opaque("event:/partial_image_index", ""),
    Field::opaque("event:/sequence_number", ""),
    Field::opaque("event:/created_at", ""),
    Field::opaque("event:/size", ""),
    Field::opaque("event:/quality", ""),
    Field::opaque("event:/background", ""),
    Field::opaque("event:/output_format", ""),
    Field::opaque("event:/usage/**", ""),
];

/// Forms of edits and variations.
static FORM: Shape = Shape {
    fields: FIELDS,
    files: &["image", "image[]", "mask"],
    names: &["user"],
};

/// How OpenAI says that a picture was refused.
const KIND: &str = "image_generation_user_error";
const CODE: &str = "moderation_blocked";

/// The member in which a caller says how pictures are to come, and what it says for files.
const WISH: &str = "response_format";
const FILES: &str = "b64_json";

/// What an event of a stream may be, errors aside: an unfinished picture, and the last one.
const PARTIAL: [&str; 2] = ["image_generation.partial_image", "image_edit.partial_image"];
const COMPLETED: [&str; 2] = ["image_generation.completed", "image_edit.completed"];

static REQUEST: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Request));
static ANSWER: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Answer));
static EVENT: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Event));

/// The dialect, in its three kinds of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenAiImages {
    /// A picture from words: JSON.
    Generations,
    /// A picture from pictures and words: multipart/form-data or JSON.
    Edits,
    /// Pictures like a picture, without words: multipart/form-data.
    Variations,
}

impl Codec for OpenAiImages {
    fn name(&self) -> &'static str {
        match self {
            Self::Generations => "openai.images",
            Self::Edits => "openai.image_edits",
            Self::Variations => "openai.image_variations",
        }
    }

    fn paths(&self) -> &'static [&'static str] {
        match self {
            Self::Generations => &["/v1/images/generations"],
            Self::Edits => &["/v1/images/edits"],
            Self::Variations => &["/v1/images/variations"],
        }
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn read(
        &self,
        content_type: &str,
        body: &Bytes,
        limits: &ReadLimits,
    ) -> Result<Ask, ReadError> {
        match self.is_form(content_type) {
            true => self.read_form(content_type, body, limits),
            false => self.read_document(body, limits),
        }
    }

    /// Guidance follows the prompt after a blank line; [`Ask::guidance_at`] is the prompt's value.
    /// A variation has no words to guide.
    fn write(
        &self,
        content_type: &str,
        body: &Bytes,
        ask: &Ask,
        edits: &[Edit],
        guidance: Option<&str>,
    ) -> Result<Bytes, ReadError> {
        let mut edits = edits.to_vec();
        if let Some(guidance) = guidance.filter(|_| *self != Self::Variations) {
            let prompt = ask.parts.iter().find(|part| part.raw == ask.guidance_at);
            let prompt = prompt.ok_or_else(|| refuse("bad_edit", "the prompt is empty"))?;
            members::append(&mut edits, prompt, guidance);
        }
        if edits.is_empty() {
            return Ok(body.clone());
        }
        match self.is_form(content_type) {
            true => form::write(content_type, body, edits, &ask.parts),
            false => splice(body, edits.iter().map(Splice::literal).collect()),
        }
    }

    fn asking_for_files(
        &self,
        content_type: &str,
        body: &Bytes,
        limits: &ReadLimits,
    ) -> Result<Bytes, ReadError> {
        match self.is_form(content_type) {
            true => form_for_files(content_type, body, limits),
            false => document_for_files(body, limits),
        }
    }

    fn read_answer(&self, body: &[u8], limits: &ReadLimits) -> Result<Vec<Piece>, ReadError> {
        let document = Document::parse(body, limits)?;
        members::known_shape(members::root(&document)?, &["data", "error"])?;
        members::gather(&ANSWER, &document, limits, piece)
    }

    /// The picture goes with the words that are not shown: it was made from them.
    fn end_answer(
        &self,
        body: &[u8],
        choice: u32,
        text: &str,
        _: Ending,
    ) -> Result<Bytes, ReadError> {
        let document = Document::parse(body, &WRITE_LIMITS)?;
        let data = members::root(&document)?.get("data");
        let position = usize::try_from(choice).unwrap_or(usize::MAX);
        let Some(picture) = data.and_then(|data| data.children().nth(position)) else {
            return Err(refuse("bad_edit", "no picture has that number"));
        };
        let bytes = json!({"b64_json": null, "url": null, "revised_prompt": text}).to_string();
        let at = picture.raw();
        splice(body, vec![Splice { at, bytes }])
    }

    fn read_event(
        &self,
        data: &str,
        envelope: &mut Envelope,
        limits: &ReadLimits,
    ) -> Result<Delta, ReadError> {
        if data.trim() == openai_reply::DONE {
            return Ok(Delta {
                done: true,
                ..Delta::default()
            });
        }
        let document = Document::parse(data.as_bytes(), limits)?;
        let root = members::root(&document)?;
        let kind = members::optional_text(root, "type")?.unwrap_or_default();
        let error = root.get("error").is_some();
        let mut delta = Delta {
            error,
            ..Delta::default()
        };
        match kind.as_str() {
            kind if PARTIAL.contains(&kind) => envelope.open = vec![0],
            kind if COMPLETED.contains(&kind) => delta.ended.push(0),
            _ if error => {}
            _ => return Err(refuse("unknown_event", "an event's /type is not known")),
        }
        if error || !delta.ended.is_empty() {
            envelope.open.clear();
        }
        delta.pieces = members::gather(&EVENT, &document, limits, piece)?;
        Ok(delta)
    }

    fn write_event(&self, data: &str, edits: &[Edit]) -> Result<String, ReadError> {
        members::write_event(data, edits)
    }

    /// Always an error: a picture cannot say why it is missing.
    fn end_stream(&self, _: &Envelope, _: u32, text: &str, _: Ending) -> Bytes {
        let error = openai_reply::filtered_error(text.trim_start(), KIND, CODE);
        sse::named_frame(
            "error",
            &json!({"type": "error", "error": error}).to_string(),
        )
    }

    /// Always an error: a picture cannot say why it is missing.
    fn refuse(&self, _: &Ask, refusal: &Refusal) -> Reply {
        openai_reply::refusal_error(refusal, KIND, CODE)
    }

    fn fail_stream(&self, _: &Envelope, fault: &Fault) -> Bytes {
        openai_reply::fault_event(fault)
    }

    fn error(&self, fault: &Fault) -> Reply {
        openai_reply::fault(fault)
    }
}

impl OpenAiImages {
    fn is_form(self, content_type: &str) -> bool {
        match self {
            Self::Generations => false,
            Self::Edits => !content_type.starts_with("application/json"),
            Self::Variations => true,
        }
    }

    /// An ask without words yet.
    fn ask(self) -> Ask {
        Ask {
            output: match self {
                Self::Generations => Output::Image,
                Self::Edits | Self::Variations => Output::ImageEdit,
            },
            ..Ask::of(Vec::new())
        }
    }

    fn read_document(self, body: &Bytes, limits: &ReadLimits) -> Result<Ask, ReadError> {
        let document = Document::parse(body, limits)?;
        let root = members::root(&document)?;
        let prompt = root
            .get("prompt")
            .ok_or_else(|| refuse("missing_field", "/prompt is missing"))?;
        if prompt.kind() != Kind::Text {
            return Err(wrong_type("/prompt", "a string"));
        }
        if self == Self::Generations {
            refuse_pictures(root)?;
        }
        Ok(Ask {
            parts: members::gather(&REQUEST, &document, limits, said)?,
            stream: members::flag(root, "stream")?,
            model: members::optional_text(root, "model")?.unwrap_or_default(),
            choices: openai::choices_asked(root)?,
            guidance_at: prompt.raw(),
            ..self.ask()
        })
    }

    fn read_form(
        self,
        content_type: &str,
        body: &Bytes,
        limits: &ReadLimits,
    ) -> Result<Ask, ReadError> {
        let mut ask = self.ask();
        let mut prompted = self == Self::Variations;
        let parts = form::read(content_type, body, &FORM, limits, &mut |value| {
            match value.name {
                "prompt" => {
                    prompted = true;
                    ask.guidance_at = Range::clone(&value.raw);
                }
                "model" => value.text.clone_into(&mut ask.model),
                "n" => ask.choices = form_number(value.text)?,
                "stream" => ask.stream = form::flag(value)?,
                _ => {}
            }
            Ok(())
        })?;
        if !prompted {
            let why = "the form's field /prompt is missing";
            return Err(refuse("missing_field", why));
        }
        Ok(Ask { parts, ..ask })
    }
}

/// Whether a model tells addresses unless it is asked not to. Others know no such wish and refuse it.
fn may_tell_addresses(model: &str) -> bool {
    let files = ["gpt-image", "chatgpt-image"];
    !files.iter().any(|name| model.starts_with(name))
}

fn document_for_files(body: &Bytes, limits: &ReadLimits) -> Result<Bytes, ReadError> {
    let document = Document::parse(body, limits)?;
    let root = members::root(&document)?;
    let wish = |member: &Value<'_>| member.key().is_ok_and(|key| key == WISH);
    let written = root.children().find(wish);
    let model = members::optional_text(root, "model")?.unwrap_or_default();
    let (at, bytes) = match written {
        Some(written) => (written.raw(), format!("\"{FILES}\"")),
        None if may_tell_addresses(&model) => {
            let start = root.raw().start + 1;
            (start..start, format!("\"{WISH}\":\"{FILES}\","))
        }
        None => return Ok(body.clone()),
    };
    splice(body, vec![Splice { at, bytes }])
}

fn form_for_files(
    content_type: &str,
    body: &Bytes,
    limits: &ReadLimits,
) -> Result<Bytes, ReadError> {
    let fields = multipart::read(content_type, body, limits)?;
    let named = |name| fields.iter().find(|field| field.name == name);
    let model = named("model").map_or(&b""[..], |field| &body[field.value.clone()]);
    let (at, bytes) = match named(WISH) {
        Some(written) => (written.value.clone(), FILES.to_owned()),
        None if may_tell_addresses(&String::from_utf8_lossy(model)) => {
            let boundary = multipart::boundary(content_type)?;
            let head = format!("content-disposition: form-data; name=\"{WISH}\"");
            (0..0, format!("--{boundary}\r\n{head}\r\n\r\n{FILES}\r\n"))
        }
        None => return Ok(body.clone()),
    };
    splice(body, vec![Splice { at, bytes }])
}

/// A picture from words alone has no place for pictures.
fn refuse_pictures(root: Value<'_>) -> Result<(), ReadError> {
    for name in ["images", "mask"] {
        if root.get(name).is_some() {
            let why = format!("/{name} belongs to edits; send it to /v1/images/edits");
            return Err(refuse("unsupported_field", why));
        }
    }
    Ok(())
}

fn form_number(value: &str) -> Result<u32, ReadError> {
    value
        .parse()
        .ok()
        .filter(|n| (1..=members::MAX_CHOICES).contains(n))
        .ok_or_else(|| {
            wrong_type(
                "/n",
                &format!("a whole number from 1 to {}", members::MAX_CHOICES),
            )
        })
}

fn said(leaf: &Leaf<'_, '_>) -> Part {
    let media = match leaf.path {
        [Step::Known("user")] => Media::Name,
        _ => Media::Text,
    };
    members::user_part(leaf, 0, media)
}

fn piece(leaf: &Leaf<'_, '_>) -> Piece {
    let (choice, rest) = match leaf.path {
        [Step::Known("data"), Step::Index(at), rest @ ..] => {
            (u32::try_from(*at).unwrap_or(0), rest)
        }
        path => (0, path),
    };
    let (field, media) = match (leaf.place, rest) {
        (Place::Value, [Step::Known("revised_prompt")]) => (REVISED_PROMPT, Media::Text),
        (Place::Value, rest) => (members::unnamed_lane(rest), Media::Text),
        (Place::Key, rest) => (members::unnamed_lane(rest) ^ 1, Media::Name),
    };
    Piece {
        lane: Lane { choice, field },
        media,
        text: leaf.text.to_string(),
        raw: leaf.raw.clone(),
        apart: false,
    }
}
