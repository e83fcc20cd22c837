//! ComfyUI: a graph of nodes is queued, its history is asked for until it is there.
//!
//! Which of a node's inputs are words only its author knows, so every string of every node is read:
//! prompts, file names, choices of menus. All of it is one turn of the user's.
//!
//! Guidance follows the positive prompt (see [`comfy_graph`](super::comfy_graph)).
//!
//! Limits: a negative prompt looks like any other prompt of the graph and is read as one. Words that
//! nodes join on the server are read one by one. The progress socket (`/ws`) is refused: it shows
//! pictures before they are done.

use std::ops::Range;
use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::comfy_graph::Graph;
use super::json::{Document, Value};
use super::members::{self, WRITE_LIMITS, refuse};
use super::splice::{Splice, splice};
use super::table::{Leaf, Place, Side, Step, Table};
use super::{
    Ask, Codec, Ending, Envelope, Fault, Field, Piece, ReadError, ReadLimits, Refusal, Reply,
    openai_reply,
};
use crate::message::{Media, Output, Part};

/// Every field that is known. What no row names is inspected.
static FIELDS: &[Field] = &[
    Field::inspected("/prompt/*/inputs/**", "every input of any node"),
    Field::opaque("/prompt/*/class_type", "a name that the server resolves"),
    Field::inspected("/prompt/*/_meta/**", "a node's title"),
    Field::inspected("/extra_data/**", ""),
    Field::opaque(
        "/extra_data/extra_pnginfo/workflow/**",
        "the editor's copy of the graph: kept in the picture's file, never read by a model",
    ),
    Field::inspected("/extra_data/extra_pnginfo/workflow/nodes/*/title", ""),
    Field::inspected(
        "/extra_data/extra_pnginfo/workflow/nodes/*/widgets_values/**",
        "the words of that copy",
    ),
    Field::inspected("/extra_data/extra_pnginfo/workflow/groups/*/title", ""),
    Field::opaque("/extra_data/auth_token_comfy_org", "a credential"),
    Field::opaque("/extra_data/api_key_comfy_org", "a credential"),
    Field::opaque("/client_id", "a number of the caller"),
    Field::opaque("/prompt_id", "a number of the graph"),
    Field::opaque("/partial_execution_targets/*", "numbers of nodes"),
    // Of a queued graph.
    Field::opaque("answer:/prompt_id", ""),
    Field::inspected("answer:/error/**", ""),
    Field::opaque("answer:/error/type", "a stable word"),
    Field::inspected("answer:/node_errors/**", ""),
    // Of the history, by number of the graph.
    Field::opaque("answer:/*/prompt/**", "the request again, which was judged"),
    Field::inspected("answer:/*/outputs/**", ""),
    Field::opaque("answer:/*/outputs/*/images/*/type", "output or temp"),
    Field::opaque("answer:/*/status/**", "what the server did"),
    Field::opaque("answer:/*/meta/**", "numbers of nodes"),
];

/// What the server is, has and does; pictures that are done.
static LISTINGS: &[&str] = &[
    "/queue",
    "/view",
    "/object_info",
    "/object_info/{}",
    "/system_stats",
    "/embeddings",
    "/models",
    "/models/{}",
    "/features",
    "/api/queue",
    "/api/view",
    "/api/object_info",
    "/api/object_info/{}",
    "/api/system_stats",
    "/api/models",
    "/api/models/{}",
    "/api/features",
];

/// How the names of files end that a node loads or saves.
const FILES: [&str; 8] = [
    ".safetensors",
    ".ckpt",
    ".pth",
    ".gguf",
    ".png",
    ".jpg",
    ".jpeg",
    ".webp",
];

/// Longest identifier, bytes: the longest names of inputs are about half of it.
const MAX_IDENTIFIER: usize = 64;

static REQUEST: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Request));
static ANSWER: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Answer));

/// The dialect, in its two forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comfy {
    /// A graph to be run.
    Prompt,
    /// What a graph gave.
    History,
}

impl Codec for Comfy {
    fn name(&self) -> &'static str {
        match self {
            Self::Prompt => "comfy.prompt",
            Self::History => "comfy.history",
        }
    }

    fn paths(&self) -> &'static [&'static str] {
        match self {
            Self::Prompt => &["/prompt", "/api/prompt"],
            Self::History => &["/history/{}", "/api/history/{}"],
        }
    }

    fn listings(&self) -> &'static [&'static str] {
        LISTINGS
    }

    fn polls(&self) -> bool {
        *self == Self::History
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn read(&self, _: &str, body: &Bytes, limits: &ReadLimits) -> Result<Ask, ReadError> {
        if *self == Self::History {
            return members::polled(body, Output::Image);
        }
        let document = Document::parse(body, limits)?;
        let graph = Graph::read(members::root(&document)?)?;
        let parts = parts(&document, limits)?;
        let prompt = graph.prompt().or_else(|| prose(&parts));
        Ok(Ask {
            output: match graph.shows {
                true => Output::ImageEdit,
                false => Output::Image,
            },
            guidance_at: prompt.unwrap_or(0..0),
            ..Ask::of(parts)
        })
    }

    /// The number of a graph, and then the files that it gave.
    fn awaited(&self, answer: &[u8], limits: &ReadLimits) -> Vec<String> {
        let path: &[&str] = match self {
            Self::Prompt => &["prompt_id"],
            Self::History => &["*", "outputs", "*", "*", "*", "filename"],
        };
        members::texts_at(answer, path, limits)
    }

    fn read_answer(&self, body: &[u8], limits: &ReadLimits) -> Result<Vec<Piece>, ReadError> {
        let document = Document::parse(body, limits)?;
        self.check_answer(members::root(&document)?)?;
        members::gather(&ANSWER, &document, limits, |leaf| {
            members::unnamed_piece(leaf, 0)
        })
    }

    /// The pictures go with the words that are not shown; the reply stands as a text that a node of
    /// ours gave.
    fn end_answer(&self, body: &[u8], _: u32, text: &str, _: Ending) -> Result<Bytes, ReadError> {
        let document = Document::parse(body, &WRITE_LIMITS)?;
        let root = members::root(&document)?;
        if *self == Self::Prompt {
            return Ok(Bytes::from(
                error(text, "content_filter", &json!({})).to_string(),
            ));
        }
        let outputs = root.children().filter_map(|run| run.get("outputs"));
        let said = json!({"wardgate": {"text": [text]}}).to_string();
        let splices = outputs.map(|outputs| Splice {
            at: outputs.raw(),
            bytes: said.clone(),
        });
        splice(body, splices.collect())
    }

    /// Always an error: a picture cannot say why it is missing.
    fn refuse(&self, _: &Ask, refusal: &Refusal) -> Reply {
        let mark = openai_reply::mark(refusal);
        openai_reply::document_reply(400, &error(&refusal.text, "content_filter", &mark))
    }

    fn fail_stream(&self, _: &Envelope, fault: &Fault) -> Bytes {
        self.error(fault).body
    }

    fn error(&self, fault: &Fault) -> Reply {
        let mark = json!({"exchange": fault.exchange});
        openai_reply::document_reply(fault.status, &error(&fault.message, fault.code, &mark))
    }
}

impl Comfy {
    fn check_answer(self, root: Value<'_>) -> Result<(), ReadError> {
        if root.get("error").is_some() {
            return Ok(());
        }
        if self == Self::Prompt {
            return members::known_shape(root, &["prompt_id"]);
        }
        // A graph that has not run yet has no history: an empty object.
        let known = |run: Value<'_>| run.get("outputs").is_some();
        match root.children().all(known) {
            true => Ok(()),
            false => Err(refuse(
                "unknown_shape",
                "a run of the history has no outputs",
            )),
        }
    }
}

/// Every string but the names of inputs and the numbers of nodes: a graph has hundreds of them, and
/// they are identifiers of its program.
fn parts(document: &Document<'_>, limits: &ReadLimits) -> Result<Vec<Part>, ReadError> {
    let mut parts = Vec::new();
    REQUEST.walk(document, &mut |leaf: &Leaf<'_, '_>| {
        if leaf.place == Place::Key && is_identifier(&leaf.text) {
            return Ok(());
        }
        if parts.len() >= limits.parts {
            return Err(members::too_many(limits));
        }
        parts.push(part(leaf));
        Ok(())
    })?;
    Ok(parts)
}

/// The first words of a node that are neither an identifier nor a file: where nothing leads to the
/// prompt, they are most likely it.
fn prose(parts: &[Part]) -> Option<Range<usize>> {
    let said = parts.iter().filter(|part| part.media == Media::Text);
    let mut prose = said.filter(|part| {
        let names_file = FILES.iter().any(|kind| part.text.ends_with(kind));
        !is_identifier(&part.text) && !names_file && part.at.contains("/inputs/")
    });
    prose.next().map(|part| part.raw.clone())
}

/// A short word of a program's: letters, digits and what joins them, of ASCII.
fn is_identifier(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
    text.len() <= MAX_IDENTIFIER && text.chars().all(plain)
}

fn part(leaf: &Leaf<'_, '_>) -> Part {
    let media = match leaf.path {
        [Step::Known("prompt"), ..] => Media::Text,
        _ => Media::Name,
    };
    members::user_part(leaf, 0, media)
}

/// ComfyUI's error object.
fn error(message: &str, kind: &str, mark: &Json) -> Json {
    let error = json!({"type": kind, "message": message, "details": "", "extra_info": {}});
    json!({"error": error, "node_errors": {}, "wardgate": mark})
}
