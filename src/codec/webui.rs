//! Stable Diffusion WebUI's pictures from words, and from pictures and words.
//!
//! All that is sent is one turn of the user's. Scripts and settings carry words in places that only
//! their authors know, so every string in them is read, but for the pictures that ControlNet takes.
//!
//! Limit: what a style's name stands for is the server's own text.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::json;

use super::json::{Document, Kind};
use super::members::{self, WRITE_LIMITS, wrong_type};
use super::table::{Leaf, Side, Step, Table};
use super::{
    Ask, Codec, Ending, Envelope, Fault, Field, Piece, ReadError, ReadLimits, Refusal, Reply,
    openai_reply,
};
use crate::message::{Media, Output, Part};

/// Every field that is known. What no row names is inspected.
static FIELDS: &[Field] = &[
    Field::inspected("/prompt", ""),
    Field::inspected("/negative_prompt", ""),
    Field::inspected("/styles/*", "names that the server replaces by words"),
    Field::inspected("/hr_prompt", ""),
    Field::inspected("/hr_negative_prompt", ""),
    Field::inspected("/infotext", "a prompt with its settings, as one text"),
    Field::inspected("/script_args/**", ""),
    Field::inspected("/alwayson_scripts/**", ""),
    Field::opaque(
        "/alwayson_scripts/*/args/*/image",
        "a picture: judged as one",
    ),
    Field::opaque("/alwayson_scripts/*/args/*/image/image", "the same"),
    Field::opaque("/alwayson_scripts/*/args/*/image/mask", "the same"),
    Field::opaque("/alwayson_scripts/*/args/*/input_image", "the same"),
    Field::opaque("/alwayson_scripts/*/args/*/mask", "the same"),
    Field::inspected("/override_settings/**", ""),
    Field::inspected("/comments/**", ""),
    Field::opaque(
        "/override_settings/sd_model_checkpoint",
        "a name that the server resolves",
    ),
    Field::opaque(
        "/override_settings/sd_vae",
        "a name that the server resolves",
    ),
    Field::opaque("/init_images/*", "a picture: judged as one"),
    Field::opaque("/mask", "the same"),
    Field::opaque("/latent_mask", "the same"),
    Field::opaque("/firstpass_image", "the same"),
    Field::opaque("/sampler_name", "a name that the server resolves"),
    Field::opaque("/sampler_index", "the same"),
    Field::opaque("/scheduler", "the same"),
    Field::opaque("/script_name", "the same"),
    Field::opaque("/hr_upscaler", "the same"),
    Field::opaque("/hr_checkpoint_name", "the same"),
    Field::opaque("/hr_sampler_name", "the same"),
    Field::opaque("/hr_scheduler", "the same"),
    Field::opaque("/refiner_checkpoint", "the same"),
    Field::opaque("/force_task_id", "a number of the task"),
    Field::opaque("answer:/images/*", "a picture"),
    Field::opaque(
        "answer:/parameters/**",
        "the request again, which was judged",
    ),
    Field::inspected("answer:/info", "what the prompt became"),
    Field::inspected("answer:/detail", "an error's"),
    Field::inspected("answer:/errors", "an error's"),
    Field::opaque("answer:/error", "a stable word"),
    Field::opaque("answer:/body", "an error's: the request again"),
];

/// Lists that the server keeps, and how far it is.
static LISTINGS: &[&str] = &[
    "/sdapi/v1/sd-models",
    "/sdapi/v1/sd-vae",
    "/sdapi/v1/sd-modules",
    "/sdapi/v1/samplers",
    "/sdapi/v1/schedulers",
    "/sdapi/v1/upscalers",
    "/sdapi/v1/latent-upscale-modes",
    "/sdapi/v1/hypernetworks",
    "/sdapi/v1/face-restorers",
    "/sdapi/v1/realesrgan-models",
    "/sdapi/v1/prompt-styles",
    "/sdapi/v1/embeddings",
    "/sdapi/v1/loras",
    "/sdapi/v1/scripts",
    "/sdapi/v1/script-info",
    "/sdapi/v1/progress",
    "/sdapi/v1/options",
    "/sdapi/v1/memory",
];

static REQUEST: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Request));
static ANSWER: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Answer));

/// The dialect, in its two forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebUi {
    /// A picture from words.
    TextToImage,
    /// A picture from pictures and words.
    ImageToImage,
}

impl Codec for WebUi {
    fn name(&self) -> &'static str {
        match self {
            Self::TextToImage => "webui.txt2img",
            Self::ImageToImage => "webui.img2img",
        }
    }

    fn paths(&self) -> &'static [&'static str] {
        match self {
            Self::TextToImage => &["/sdapi/v1/txt2img"],
            Self::ImageToImage => &["/sdapi/v1/img2img"],
        }
    }

    fn listings(&self) -> &'static [&'static str] {
        LISTINGS
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn read(&self, _: &str, body: &Bytes, limits: &ReadLimits) -> Result<Ask, ReadError> {
        let document = Document::parse(body, limits)?;
        let root = members::root(&document)?;
        for name in ["prompt", "negative_prompt", "infotext"] {
            members::optional_text(root, name)?;
        }
        if root
            .get("styles")
            .is_some_and(|styles| styles.kind() != Kind::Array)
        {
            return Err(wrong_type("/styles", "an array of names"));
        }
        Ok(Ask {
            output: match self {
                Self::TextToImage => Output::Image,
                Self::ImageToImage => Output::ImageEdit,
            },
            guidance_at: root.get("prompt").map_or(0..0, |prompt| prompt.raw()),
            ..Ask::of(members::gather(&REQUEST, &document, limits, part)?)
        })
    }

    fn read_answer(&self, body: &[u8], limits: &ReadLimits) -> Result<Vec<Piece>, ReadError> {
        members::read_asides(&ANSWER, body, &["images", "detail", "error"], limits)
    }

    /// The pictures go with the words that are not shown: they were made from them.
    fn end_answer(&self, body: &[u8], _: u32, text: &str, _: Ending) -> Result<Bytes, ReadError> {
        let document = Document::parse(body, &WRITE_LIMITS)?;
        members::root(&document)?;
        let ended = json!({"images": [], "parameters": {}, "info": text, "error": "content_filter",
            "detail": text});
        Ok(Bytes::from(ended.to_string()))
    }

    /// Always an error: a picture cannot say why it is missing.
    fn refuse(&self, _: &Ask, refusal: &Refusal) -> Reply {
        let mark = openai_reply::mark(refusal);
        let body = json!({"error": "content_filter", "detail": refusal.text, "body": "",
            "errors": "", "wardgate": mark});
        openai_reply::document_reply(400, &body)
    }

    fn fail_stream(&self, _: &Envelope, fault: &Fault) -> Bytes {
        self.error(fault).body
    }

    fn error(&self, fault: &Fault) -> Reply {
        let mark = json!({"exchange": fault.exchange});
        let body = json!({"error": fault.code, "detail": fault.message, "body": "", "errors": "",
            "wardgate": mark});
        openai_reply::document_reply(fault.status, &body)
    }
}

fn part(leaf: &Leaf<'_, '_>) -> Part {
    let media = match leaf.path {
        [Step::Known("styles"), ..] => Media::Name,
        _ => Media::Text,
    };
    members::user_part(leaf, 0, media)
}
