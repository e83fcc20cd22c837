//! The mock's pictures: one transparent pixel, or a code that its script names, whatever was asked for.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::script::Script;
use super::shape::{Answer, CREATED, FORM_LIMITS, MAX_CHOICES, content_type, count};
use crate::codec::{Ask, Codec, openai_images::OpenAiImages, sse};

/// Most unfinished pictures of a stream (OpenAI's own bound).
const MAX_PARTIAL: u64 = 3;

fn whole(prompt: &str, count: u64, script: &Script) -> Answer {
    let revised = script.answer.as_deref().unwrap_or(prompt);
    let revised = revised.strip_prefix("repeat: ").unwrap_or(revised);
    let picture = json!({"b64_json": script.picture(), "revised_prompt": revised});
    let data: Vec<_> = (0..count).map(|_| picture.clone()).collect();
    Answer::document(StatusCode::OK, &json!({"created": CREATED, "data": data}))
}

/// Unfinished pictures, then the last one; `what` is the beginning of the events' names.
fn stream(what: &str, partial: u64, script: &Script) -> Answer {
    let picture = script.picture();
    let event = |end: &str, mut more: Value| {
        let name = format!("{what}.{end}");
        more["type"] = json!(name);
        more["b64_json"] = json!(picture);
        more["created_at"] = json!(CREATED);
        more["background"] = json!("opaque");
        more["output_format"] = json!("png");
        more["quality"] = json!("low");
        more["size"] = json!("1024x1024");
        sse::named_frame(&name, &more.to_string())
    };
    let unfinished = |index| event("partial_image", json!({"partial_image_index": index}));
    let mut chunks: Vec<_> = (0..partial.min(MAX_PARTIAL)).map(unfinished).collect();
    let details = json!({"image_tokens": 0, "text_tokens": 1});
    let usage = json!({"input_tokens": 1, "output_tokens": 1, "total_tokens": 2,
        "input_tokens_details": details});
    chunks.push(event("completed", json!({"usage": usage})));
    Answer {
        status: StatusCode::OK,
        content_type: "text/event-stream",
        chunks,
    }
}

/// `POST /v1/images/generations`.
pub fn generations(body: &Value, script: &Script) -> Answer {
    if body["stream"] == true {
        return stream(
            "image_generation",
            body["partial_images"].as_u64().unwrap_or(0),
            script,
        );
    }
    let prompt = body["prompt"].as_str().unwrap_or_default();
    whole(prompt, count(body), script)
}

/// `POST /v1/images/edits`.
pub fn edits(headers: &HeaderMap, body: &Bytes, script: &Script) -> Answer {
    match OpenAiImages::Edits.read(content_type(headers), body, &FORM_LIMITS) {
        Ok(ask) if ask.stream => stream("image_edit", 1, script),
        Ok(ask) => whole(prompt(&ask), choices(&ask), script),
        Err(_) => unreadable(),
    }
}

/// `POST /v1/images/variations`.
pub fn variations(headers: &HeaderMap, body: &Bytes, script: &Script) -> Answer {
    match OpenAiImages::Variations.read(content_type(headers), body, &FORM_LIMITS) {
        Ok(ask) => whole("", choices(&ask), script),
        Err(_) => unreadable(),
    }
}

fn prompt(ask: &Ask) -> &str {
    let prompt = ask.parts.iter().find(|part| part.at == "/prompt");
    prompt.map_or("", |part| part.text.as_str())
}

fn choices(ask: &Ask) -> u64 {
    u64::from(ask.choices).min(MAX_CHOICES)
}

fn unreadable() -> Answer {
    Answer::error(StatusCode::BAD_REQUEST, "the form cannot be read")
}
