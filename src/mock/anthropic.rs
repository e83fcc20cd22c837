//! The mock's answers as Anthropic sends them.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::script::Script;
use super::shape::{self, Answer, Says, last_prompt};
use crate::codec::sse;

/// An error object.
pub fn error(status: StatusCode, message: &str) -> Answer {
    let kind = match status.as_u16() {
        429 => "rate_limit_error",
        529 => "overloaded_error",
        400..500 => "invalid_request_error",
        _ => "api_error",
    };
    let error = json!({"type": kind, "message": message});
    Answer::document(status, &json!({"type": "error", "error": error}))
}

/// `GET /v1/models/{id}`.
pub fn model() -> Answer {
    Answer::document(StatusCode::OK, &listed_model())
}

/// `GET /v1/models`.
pub fn models() -> Answer {
    let data = [listed_model()];
    let list = json!({"data": data, "has_more": false, "first_id": "mock", "last_id": "mock"});
    Answer::document(StatusCode::OK, &list)
}

fn listed_model() -> Value {
    let created = "2023-11-14T22:13:20Z";
    json!({"id": "mock", "type": "model", "display_name": "Mock", "created_at": created,
        "lifecycle": "active"})
}

/// `POST /v1/messages/count_tokens`: a token per word of the last prompt.
pub fn count_tokens(body: &Value, _: &Script) -> Answer {
    let words = last_prompt(body).split_whitespace().count();
    Answer::document(StatusCode::OK, &json!({"input_tokens": words}))
}

/// `POST /v1/messages`.
pub fn messages(body: &Value, script: &Script) -> Answer {
    let says = Says::read(&last_prompt(body), shape::model(body), script);
    let reason = match says {
        Says::Text(_) => "end_turn",
        Says::Tool { .. } => "tool_use",
    };
    if body["stream"] == true {
        return events(body, &says, reason, script);
    }
    let block = match &says {
        Says::Text(text) => json!({"type": "text", "text": text}),
        Says::Tool { name, arguments } => {
            let input: Value = serde_json::from_str(arguments).unwrap_or_else(|_| json!({}));
            json!({"type": "tool_use", "id": "toolu_mock", "name": name, "input": input})
        }
    };
    Answer::document(
        StatusCode::OK,
        &message(body, json!([block]), json!(reason)),
    )
}

fn message(body: &Value, content: Value, reason: Value) -> Value {
    json!({
        "id": "msg_mock", "type": "message", "role": "assistant", "model": shape::model(body),
        "content": content, "stop_reason": reason, "stop_sequence": null,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    })
}

fn events(body: &Value, says: &Says, reason: &str, script: &Script) -> Answer {
    let (block, deltas): (_, Vec<_>) = match says {
        Says::Text(text) => (
            json!({"type": "text", "text": ""}),
            (script.deltas(text).into_iter())
                .map(|piece| json!({"type": "text_delta", "text": piece}))
                .collect(),
        ),
        Says::Tool { name, arguments } => (
            json!({"type": "tool_use", "id": "toolu_mock", "name": name, "input": {}}),
            (script.deltas(arguments).into_iter())
                .map(|piece| json!({"type": "input_json_delta", "partial_json": piece}))
                .collect(),
        ),
    };
    let mut events = vec![
        json!({"type": "message_start", "message": message(body, json!([]), Value::Null)}),
        json!({"type": "content_block_start", "index": 0, "content_block": block}),
        json!({"type": "ping"}),
    ];
    for delta in deltas {
        events.push(json!({"type": "content_block_delta", "index": 0, "delta": delta}));
    }
    let delta = json!({"stop_reason": reason, "stop_sequence": null});
    events.extend([
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 1}}),
        json!({"type": "message_stop"}),
    ]);
    Answer {
        status: StatusCode::OK,
        content_type: "text/event-stream",
        chunks: events.iter().map(frame).collect(),
    }
}

fn frame(event: &Value) -> Bytes {
    let name = event["type"].as_str().unwrap_or_default();
    sse::named_frame(name, &event.to_string())
}
