//! OpenAI images: pictures from words (JSON), and pictures from pictures and words (forms).
//!
//! Turns: the whole request is turn 0, one scene. Lanes: the choice is the picture's position, its
//! field [`REVISED_PROMPT`]. There are no streams: partial pictures would leave before any check.
//!
//! Limit: the pictures themselves pass unseen in both directions.

use std::ops::Range;
use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::json;

use super::json::{Document, Kind};
use super::members::{self, WRITE_LIMITS, refuse, wrong_type};
use super::openai;
use super::splice::{Splice, splice};
use super::table::{Leaf, Place, Side, Step, Table, pointer};
use super::{
    Ask, Codec, Delta, Edit, Ending, Envelope, Fault, Field, Lane, Piece, ReadError, ReadLimits,
    Refusal, Reply, Treatment,
    multipart::{self, FormField},
    openai_reply,
};
use crate::message::{Media, Output, Part, Role};

/// Lane of the prompt as the model rephrased it.
pub const REVISED_PROMPT: u32 = 0;

/// Every field that is known. Form fields have the same names as JSON members.
static FIELDS: &[Field] = &[
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
    Field::opaque("/stream", "typed: true is refused"),
    Field::opaque("/partial_images", "typed: more than 0 is refused"),
    Field::refused("/image/**", "in JSON; a form's picture is passed on unseen"),
    Field::refused("/images/**", "in JSON"),
    Field::refused("/mask/**", "in JSON; a form's picture is passed on unseen"),
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
    Field::inspected("answer:/error/message", ""),
    Field::opaque("answer:/error/type", "a stable word"),
    Field::opaque("answer:/error/param", "a pointer"),
    Field::opaque("answer:/error/code", "a stable word"),
];

/// Form fields that are pictures.
const PICTURES: [&str; 3] = ["image", "image[]", "mask"];

static REQUEST: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Request));
static ANSWER: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Answer));

/// The dialect, in its two forms of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenAiImages {
    /// A picture from words: JSON.
    Generations,
    /// A picture from pictures and words: multipart/form-data.
    Edits,
}

impl Codec for OpenAiImages {
    fn name(&self) -> &'static str {
        match self {
            Self::Generations => "openai.images",
            Self::Edits => "openai.image_edits",
        }
    }

    fn paths(&self) -> &'static [&'static str] {
        match self {
            Self::Generations => &["/v1/images/generations"],
            Self::Edits => &["/v1/images/edits"],
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
        match self {
            Self::Generations => read_document(body, limits),
            Self::Edits => read_form(content_type, body, limits),
        }
    }

    /// Guidance follows the prompt after a blank line; [`Ask::guidance_at`] is the prompt's value.
    fn write(
        &self,
        content_type: &str,
        body: &Bytes,
        ask: &Ask,
        edits: &[Edit],
        guidance: Option<&str>,
    ) -> Result<Bytes, ReadError> {
        let mut edits = edits.to_vec();
        if let Some(guidance) = guidance {
            let prompt = ask.parts.iter().find(|part| part.raw == ask.guidance_at);
            let prompt = prompt.ok_or_else(|| refuse("bad_edit", "the prompt is empty"))?;
            members::append(&mut edits, prompt, guidance);
        }
        if edits.is_empty() {
            return Ok(body.clone());
        }
        match self {
            Self::Generations => splice(body, edits.iter().map(Splice::literal).collect()),
            Self::Edits => write_form(content_type, body, edits, ask),
        }
    }

    fn read_answer(&self, body: &[u8], limits: &ReadLimits) -> Result<Vec<Piece>, ReadError> {
        let document = Document::parse(body, limits)?;
        let root = members::root(&document)?;
        if root.get("data").is_none() && root.get("error").is_none() {
            let message = "the answer has neither data nor an error";
            return Err(refuse("unknown_shape", message));
        }
        let mut pieces = Vec::new();
        ANSWER.walk(&document, &mut |leaf: &Leaf<'_, '_>| {
            if pieces.len() >= limits.parts {
                return Err(members::too_many(limits));
            }
            pieces.push(piece(leaf));
            Ok(())
        })?;
        Ok(pieces)
    }

    fn write_answer(&self, body: &[u8], edits: &[Edit]) -> Result<Bytes, ReadError> {
        splice(body, edits.iter().map(Splice::literal).collect())
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

    fn read_event(&self, _: &str, _: &mut Envelope, _: &ReadLimits) -> Result<Delta, ReadError> {
        Err(no_stream())
    }

    fn write_event(&self, _: &str, _: &[Edit]) -> Result<String, ReadError> {
        Err(no_stream())
    }

    /// Nothing: pictures have no stream to speak in.
    fn say(&self, _: &mut Envelope, _: u32, _: &str) -> Bytes {
        Bytes::new()
    }

    /// Nothing: pictures have no stream to end.
    fn end_stream(&self, _: &Envelope, _: u32, _: &str, _: Ending) -> Bytes {
        Bytes::new()
    }

    /// Always an error: a picture cannot say why it is missing.
    fn refuse(&self, _: &Ask, refusal: &Refusal) -> Reply {
        openai_reply::refusal_error(refusal, "image_generation_user_error", "moderation_blocked")
    }

    fn fail_stream(&self, _: &Envelope, fault: &Fault) -> Bytes {
        openai_reply::fault_event(fault)
    }

    fn error(&self, fault: &Fault) -> Reply {
        openai_reply::fault(fault)
    }
}

fn no_stream() -> ReadError {
    refuse("unknown_event", "pictures have no stream that can be read")
}

fn read_document(body: &Bytes, limits: &ReadLimits) -> Result<Ask, ReadError> {
    let document = Document::parse(body, limits)?;
    let root = members::root(&document)?;
    let prompt = root
        .get("prompt")
        .ok_or_else(|| refuse("missing_field", "/prompt is missing"))?;
    if prompt.kind() != Kind::Text {
        return Err(wrong_type("/prompt", "a string"));
    }
    refuse_streams(
        members::flag(root, "stream")?,
        root.get("partial_images").map_or("0", |n| n.raw_text()),
    )?;
    let mut parts = Vec::new();
    REQUEST.walk(&document, &mut |leaf: &Leaf<'_, '_>| {
        if parts.len() >= limits.parts {
            return Err(members::too_many(limits));
        }
        let media = match (leaf.place, leaf.path) {
            (Place::Key, _) | (_, [Step::Known("user")]) => Media::Name,
            _ => Media::Text,
        };
        let text = leaf.text.to_string();
        parts.push(part(media, text, pointer(leaf.path), leaf.raw.clone()));
        Ok(())
    })?;
    Ok(Ask {
        parts,
        stream: false,
        model: members::optional_text(root, "model")?.unwrap_or_default(),
        output: Output::Image,
        choices: openai::choices_asked(root)?,
        guidance_at: prompt.raw(),
    })
}

fn read_form(content_type: &str, body: &Bytes, limits: &ReadLimits) -> Result<Ask, ReadError> {
    let mut ask = Ask {
        parts: Vec::new(),
        stream: false,
        model: String::new(),
        output: Output::ImageEdit,
        choices: 1,
        guidance_at: 0..0,
    };
    let mut prompted = false;
    for field in multipart::read(content_type, body, limits)? {
        prompted |= field.name == "prompt";
        match &field.file {
            Some(file) => read_picture(&mut ask, &field.name, file)?,
            None => read_value(&mut ask, &field, body)?,
        }
    }
    if !prompted {
        return Err(refuse(
            "missing_field",
            "the form's field /prompt is missing",
        ));
    }
    Ok(ask)
}

fn read_picture(
    ask: &mut Ask,
    field: &str,
    (name, raw): &(String, Range<usize>),
) -> Result<(), ReadError> {
    if !PICTURES.contains(&field) {
        let why = "only image and mask may be files";
        return Err(refuse(
            "unsupported_field",
            format!("a form's field is a file: {why}"),
        ));
    }
    if !name.is_empty() {
        let at = format!("/{field}/filename");
        ask.parts
            .push(part(Media::Name, name.clone(), at, raw.clone()));
    }
    Ok(())
}

fn read_value(ask: &mut Ask, field: &FormField, body: &Bytes) -> Result<(), ReadError> {
    let name = field.name.as_str();
    let row = FIELDS
        .iter()
        .find(|row| row.at.strip_prefix('/') == Some(name));
    let at = row.map_or("/*", |row| row.at);
    let value = std::str::from_utf8(&body[field.value.clone()]).map_err(|_| {
        refuse(
            "invalid_utf8",
            format!("the form's field {at} is not UTF-8"),
        )
    })?;
    match name {
        "prompt" => ask.guidance_at = field.value.clone(),
        "model" => value.clone_into(&mut ask.model),
        "n" => ask.choices = form_number(value)?,
        "stream" => refuse_streams(value != "false", "0")?,
        "partial_images" => refuse_streams(false, value)?,
        _ if PICTURES.contains(&name) => {
            return Err(wrong_type(&format!("/{name}"), "a file"));
        }
        _ => {}
    }
    let inspected = row.is_none_or(|row| row.treatment == Treatment::Inspected);
    if inspected && !value.is_empty() {
        let media = if name == "user" {
            Media::Name
        } else {
            Media::Text
        };
        ask.parts.push(part(
            media,
            value.to_owned(),
            at.to_owned(),
            field.value.clone(),
        ));
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

fn refuse_streams(stream: bool, partial: &str) -> Result<(), ReadError> {
    if stream || !matches!(partial, "0" | "") {
        let why = "streamed and partial pictures cannot be inspected; ask without them";
        return Err(refuse(
            "unsupported_field",
            format!("/stream, /partial_images: {why}"),
        ));
    }
    Ok(())
}

fn write_form(
    content_type: &str,
    body: &Bytes,
    edits: Vec<Edit>,
    ask: &Ask,
) -> Result<Bytes, ReadError> {
    let mut splices = Vec::with_capacity(edits.len());
    for edit in edits {
        let named = ask
            .parts
            .iter()
            .any(|part| part.raw == edit.raw && part.at.ends_with("/filename"));
        let text = if named {
            plain_file_name(&edit.text)
        } else {
            edit.text
        };
        if !multipart::fits(content_type, &text) {
            return Err(refuse("bad_edit", "an edit holds the form's boundary"));
        }
        splices.push(Splice {
            at: edit.raw,
            bytes: text,
        });
    }
    splice(body, splices)
}

/// A file name that cannot leave its quotes or its line.
fn plain_file_name(name: &str) -> String {
    let unsafe_here = |c: char| c.is_control() || matches!(c, '"' | '\\');
    name.chars().filter(|c| !unsafe_here(*c)).collect()
}

fn part(media: Media, text: String, at: String, raw: Range<usize>) -> Part {
    Part {
        role: Role::User,
        media,
        turn: 0,
        text,
        at,
        raw,
    }
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
