//! DashScope's pictures: a task is asked for, and polled until it is done.
//!
//! The prompt is judged when the task is asked for; the poll is read like an answer, its pictures are
//! judged beside the prompt, and one of an unknown shape is refused.
//!
//! Limit: films are refused.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::json;

use super::dashscope::{self, FILTERED};
use super::json::{Document, Kind};
use super::members::{self, WRITE_LIMITS, refuse, wrong_type};
use super::splice::{Splice, splice};
use super::table::{Leaf, Side, Step, Table};
use super::{
    Ask, Codec, Ending, Envelope, Fault, Field, Lane, Piece, ReadError, ReadLimits, Refusal, Reply,
    openai_reply,
};
use crate::message::{Media, Output};

/// Every field that is known. What no row names is inspected.
static FIELDS: &[Field] = &[
    Field::opaque("/model", "a name that the upstream resolves"),
    Field::inspected("/input/prompt", ""),
    Field::inspected("/input/negative_prompt", ""),
    Field::opaque("/input/ref_img", "a picture, which is looked at"),
    Field::opaque("/input/images/*", "the same"),
    Field::opaque("/input/sketch_image_url", "the same"),
    Field::opaque("/input/base_image_url", "the same"),
    Field::opaque("/input/mask_image_url", "the same"),
    Field::opaque("/input/function", "a stable word"),
    Field::opaque("/parameters/size", ""),
    Field::opaque("/parameters/style", "a stable word"),
    Field::opaque("/parameters/ref_mode", "a stable word"),
    Field::opaque("/task_group", "aigc"),
    Field::opaque("/task", "a stable word"),
    Field::opaque("/function", "a stable word"),
    Field::opaque("answer:/output/task_id", "the server's own number"),
    Field::opaque("answer:/output/task_status", "a stable word"),
    Field::opaque("answer:/output/submit_time", ""),
    Field::opaque("answer:/output/scheduled_time", ""),
    Field::opaque("answer:/output/end_time", ""),
    Field::opaque("answer:/output/task_metrics/**", ""),
    Field::opaque("answer:/output/results/*/url", "a picture"),
    Field::opaque(
        "answer:/output/results/*/orig_prompt",
        "the request again, which was judged",
    ),
    Field::inspected("answer:/output/results/*/actual_prompt", "what it became"),
    Field::opaque("answer:/output/results/*/code", "a stable word"),
    Field::inspected("answer:/output/results/*/message", "an error's"),
    Field::refused("answer:/output/video_url", "films cannot be inspected yet"),
    Field::opaque("answer:/output/code", "a stable word"),
    Field::inspected("answer:/output/message", "an error's"),
    Field::opaque("answer:/usage/**", ""),
    Field::opaque("answer:/request_id", "the server's own number"),
    Field::opaque("answer:/code", "a stable word"),
    Field::inspected("answer:/message", "an error's"),
];

/// Members of a request's input that show a picture.
const SHOWN: [&str; 5] = [
    "ref_img",
    "images",
    "sketch_image_url",
    "base_image_url",
    "mask_image_url",
];

static REQUEST: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Request));
static ANSWER: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Answer));

/// The dialect, in its two forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DashScopeImages {
    /// A task is asked for.
    Synthesis,
    /// How far it is, and what it gave.
    Task,
}

impl Codec for DashScopeImages {
    fn name(&self) -> &'static str {
        match self {
            Self::Synthesis => "dashscope.images",
            Self::Task => "dashscope.task",
        }
    }

    fn paths(&self) -> &'static [&'static str] {
        match self {
            Self::Synthesis => &[
                "/api/v1/services/aigc/text2image/image-synthesis",
                "/api/v1/services/aigc/image2image/image-synthesis",
            ],
            Self::Task => &["/api/v1/tasks/{}"],
        }
    }

    fn polls(&self) -> bool {
        *self == Self::Task
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn read(&self, _: &str, body: &Bytes, limits: &ReadLimits) -> Result<Ask, ReadError> {
        if *self == Self::Task {
            return members::polled(body, Output::Image);
        }
        let document = Document::parse(body, limits)?;
        let root = members::root(&document)?;
        let input = root
            .get("input")
            .filter(|input| input.kind() == Kind::Object);
        let input = input.ok_or_else(|| wrong_type("/input", "an object"))?;
        for name in ["prompt", "negative_prompt"] {
            members::optional_text(input, name)?;
        }
        let shows = SHOWN.iter().any(|name| input.get(name).is_some());
        Ok(Ask {
            model: members::required_text(root, "model")?,
            output: match shows {
                true => Output::ImageEdit,
                false => Output::Image,
            },
            guidance_at: input.get("prompt").map_or(0..0, |prompt| prompt.raw()),
            ..Ask::of(members::gather(&REQUEST, &document, limits, |leaf| {
                members::user_part(leaf, 0, Media::Text)
            })?)
        })
    }

    fn awaited(&self, answer: &[u8], limits: &ReadLimits) -> Vec<String> {
        match self {
            Self::Synthesis => members::texts_at(answer, &["output", "task_id"], limits),
            Self::Task => Vec::new(),
        }
    }

    fn read_answer(&self, body: &[u8], limits: &ReadLimits) -> Result<Vec<Piece>, ReadError> {
        let document = Document::parse(body, limits)?;
        let root = members::root(&document)?;
        let output = root.get("output");
        let states = output.and_then(|output| output.get("task_status"));
        let results = output.and_then(|output| output.get("results"));
        if root.get("code").is_none() && states.is_none() {
            let why = "the answer has neither a task's status nor an error's code";
            return Err(refuse("unknown_shape", why));
        }
        if results.is_some_and(|results| results.kind() != Kind::Array) {
            return Err(wrong_type("/output/results", "an array"));
        }
        members::gather(&ANSWER, &document, limits, piece)
    }

    /// The picture goes with the words that are not shown: it was made from them. DashScope itself
    /// reports a picture that its filter stopped like this.
    fn end_answer(
        &self,
        body: &[u8],
        choice: u32,
        text: &str,
        _: Ending,
    ) -> Result<Bytes, ReadError> {
        let document = Document::parse(body, &WRITE_LIMITS)?;
        let output = members::root(&document)?.get("output");
        let results = output.and_then(|output| output.get("results"));
        let position = usize::try_from(choice).unwrap_or(usize::MAX);
        let ended = json!({"code": FILTERED, "message": text});
        match results.and_then(|results| results.children().nth(position)) {
            Some(result) => {
                let (at, bytes) = (result.raw(), ended.to_string());
                splice(body, vec![Splice { at, bytes }])
            }
            None => Ok(Bytes::from(ended.to_string())),
        }
    }

    /// Always an error: a picture cannot say why it is missing.
    fn refuse(&self, _: &Ask, refusal: &Refusal) -> Reply {
        dashscope::refusal_error(refusal)
    }

    fn fail_stream(&self, _: &Envelope, fault: &Fault) -> Bytes {
        self.error(fault).body
    }

    fn error(&self, fault: &Fault) -> Reply {
        openai_reply::document_reply(fault.status, &dashscope::error_of(fault))
    }
}

fn piece(leaf: &Leaf<'_, '_>) -> Piece {
    match leaf.path {
        [
            Step::Known("output"),
            Step::Known("results"),
            Step::Index(at),
            rest @ ..,
        ] => {
            let choice = u32::try_from(*at).unwrap_or(u32::MAX);
            let field = members::unnamed_lane(rest);
            Piece {
                lane: Lane { choice, field },
                ..members::unnamed_piece(leaf, choice)
            }
        }
        _ => members::unnamed_piece(leaf, 0),
    }
}
