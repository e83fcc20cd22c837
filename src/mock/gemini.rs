//! The mock's answers as Gemini sends them.

use http::StatusCode;
use serde_json::{Value, json};

use super::script::Script;
use super::shape::{Answer, Says};
use crate::codec::sse;

/// An error object.
pub fn error(status: StatusCode, message: &str) -> Answer {
    let word = match status.as_u16() {
        429 => "RESOURCE_EXHAUSTED",
        400..500 => "INVALID_ARGUMENT",
        503 => "UNAVAILABLE",
        _ => "INTERNAL",
    };
    let error = json!({"code": status.as_u16(), "message": message, "status": word});
    Answer::document(status, &json!({"error": error}))
}

/// `GET /v1beta/models`.
pub fn models() -> Answer {
    Answer::document(StatusCode::OK, &json!({"models": [listed_model()]}))
}

/// `GET /v1beta/models/{id}`.
pub fn model() -> Answer {
    Answer::document(StatusCode::OK, &listed_model())
}

fn listed_model() -> Value {
    json!({"name": "models/mock", "displayName": "Mock", "version": "1"})
}

/// `POST /v1beta/models/{id}:generateContent`.
pub fn generate(body: &Value, script: &Script) -> Answer {
    let says = Says::read(&last_content(body), "mock", script);
    let parts = whole(&says).into_iter().chain(picture(script)).collect();
    Answer::document(StatusCode::OK, &answer(parts, Some("STOP")))
}

/// `POST /v1beta/models/{id}:streamGenerateContent?alt=sse`.
pub fn events(body: &Value, script: &Script) -> Answer {
    let chunks = stream(body, script);
    let frames = chunks.iter().map(|chunk| sse::frame(&chunk.to_string()));
    Answer {
        status: StatusCode::OK,
        content_type: "text/event-stream",
        chunks: frames.collect(),
    }
}

/// The same without `alt=sse`: one array, piece by piece.
pub fn array(body: &Value, script: &Script) -> Answer {
    let chunks = stream(body, script);
    let mut out: Vec<_> = (chunks.iter().enumerate())
        .map(|(index, chunk)| {
            let before = if index == 0 { "[" } else { ",\r\n" };
            format!("{before}{chunk}").into()
        })
        .collect();
    out.push("\n]".into());
    Answer {
        status: StatusCode::OK,
        content_type: "application/json",
        chunks: out,
    }
}

fn stream(body: &Value, script: &Script) -> Vec<Value> {
    let says = Says::read(&last_content(body), "mock", script);
    let mut chunks: Vec<_> = match &says {
        Says::Text(text) => (script.deltas(text).into_iter())
            .map(|piece| answer(vec![json!({"text": piece})], None))
            .collect(),
        Says::Tool { .. } => vec![answer(whole(&says), None)],
    };
    chunks.extend(picture(script).map(|picture| answer(vec![picture], None)));
    chunks.push(answer(vec![json!({"text": ""})], Some("STOP")));
    chunks
}

fn whole(says: &Says) -> Vec<Value> {
    vec![match says {
        Says::Text(text) => json!({"text": text}),
        Says::Tool { name, arguments } => {
            let args: Value = serde_json::from_str(arguments).unwrap_or_else(|_| json!({}));
            json!({"functionCall": {"name": name, "args": args}})
        }
    }]
}

/// A picture, where the script names one.
fn picture(script: &Script) -> Option<Value> {
    script.picture.as_ref()?;
    Some(json!({"inlineData": {"mimeType": "image/png", "data": script.picture()}}))
}

fn answer(parts: Vec<Value>, reason: Option<&str>) -> Value {
    let content = json!({"role": "model", "parts": parts});
    let mut candidate = json!({"index": 0, "content": content});
    if let Some(reason) = reason {
        candidate["finishReason"] = json!(reason);
    }
    let usage = json!({"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2});
    json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "mock",
        "responseId": "mock"})
}

/// The last thing that the user said.
fn last_content(body: &Value) -> String {
    let contents = body["contents"].as_array().map_or(&[][..], Vec::as_slice);
    let last = contents.iter().rfind(|content| content["role"] != "model");
    let parts = last.and_then(|content| content["parts"].as_array());
    let texts = parts.into_iter().flatten();
    texts.filter_map(|part| part["text"].as_str()).collect()
}
