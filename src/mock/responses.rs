//! The mock's answers as OpenAI's responses API sends them.

use std::hash::{DefaultHasher, Hash, Hasher};

use http::StatusCode;
use serde_json::{Value, json};

use super::script::Script;
use super::shape::{Answer, CREATED, Says, model};
use crate::codec::sse;

/// `POST /v1/responses`.
pub fn responses(body: &Value, script: &Script) -> Answer {
    let says = Says::read(&last_input(body), model(body), script);
    if body["stream"] == true {
        return events(body, &says, script);
    }
    let output = json!([item(&says, "completed")]);
    Answer::document(StatusCode::OK, &response(body, "completed", &output))
}

/// The last thing that the user said.
fn last_input(body: &Value) -> String {
    let items = match &body["input"] {
        Value::String(text) => return text.clone(),
        Value::Array(items) => items.as_slice(),
        _ => &[],
    };
    let last = items.iter().rfind(|item| item["role"] == "user");
    match last.map(|item| &item["content"]) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        _ => String::new(),
    }
}

/// The same request gets the same id, another one another.
fn id(body: &Value) -> String {
    let mut hasher = DefaultHasher::new();
    body.to_string().hash(&mut hasher);
    format!("resp_mock_{:016x}", hasher.finish())
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

fn item(says: &Says, status: &str) -> Value {
    let done = status == "completed";
    match says {
        Says::Text(text) => {
            let content = if done { json!([part(text)]) } else { json!([]) };
            json!({"id": "msg_mock", "type": "message", "status": status, "role": "assistant",
                "content": content})
        }
        Says::Tool { name, arguments } => {
            let arguments = if done { arguments } else { "" };
            json!({"id": "fc_mock", "type": "function_call", "status": status,
                "call_id": "call_mock", "name": name, "arguments": arguments})
        }
    }
}

fn response(body: &Value, status: &str, output: &Value) -> Value {
    json!({
        "id": id(body), "object": "response", "created_at": CREATED, "status": status,
        "error": null, "incomplete_details": null, "instructions": body["instructions"],
        "max_output_tokens": null, "metadata": {}, "model": model(body), "output": output,
        "parallel_tool_calls": true, "previous_response_id": body["previous_response_id"], "store": false,
        "temperature": 1.0, "text": {"format": {"type": "text"}}, "tool_choice": "auto",
        "tools": [], "top_p": 1.0, "truncation": "disabled", "usage": null,
    })
}

fn events(body: &Value, says: &Says, script: &Script) -> Answer {
    let begun = response(body, "in_progress", &json!([]));
    let mut events = vec![
        ("response.created", json!({"response": begun})),
        ("response.in_progress", json!({"response": begun})),
        (
            "response.output_item.added",
            json!({"output_index": 0, "item": item(says, "in_progress")}),
        ),
    ];
    match says {
        Says::Text(text) => {
            let at = |mut event: Value| {
                event["item_id"] = json!("msg_mock");
                event["output_index"] = json!(0);
                event["content_index"] = json!(0);
                event
            };
            events.push(("response.content_part.added", at(json!({"part": part("")}))));
            for piece in script.deltas(text) {
                let delta = json!({"delta": piece, "logprobs": []});
                events.push(("response.output_text.delta", at(delta)));
            }
            let done = json!({"text": text, "logprobs": []});
            events.push(("response.output_text.done", at(done)));
            events.push((
                "response.content_part.done",
                at(json!({"part": part(text)})),
            ));
        }
        Says::Tool { name, arguments } => {
            let at = |mut event: Value| {
                event["item_id"] = json!("fc_mock");
                event["output_index"] = json!(0);
                event
            };
            for piece in script.deltas(arguments) {
                let delta = at(json!({"delta": piece}));
                events.push(("response.function_call_arguments.delta", delta));
            }
            let done = at(json!({"arguments": arguments, "name": name}));
            events.push(("response.function_call_arguments.done", done));
        }
    }
    let whole = item(says, "completed");
    let done = json!({"output_index": 0, "item": whole});
    events.push(("response.output_item.done", done));
    let whole = response(body, "completed", &json!([whole]));
    events.push(("response.completed", json!({"response": whole})));
    let frames = events
        .into_iter()
        .enumerate()
        .map(|(number, (name, mut event))| {
            event["type"] = json!(name);
            event["sequence_number"] = json!(number);
            sse::named_frame(name, &event.to_string())
        });
    Answer {
        status: StatusCode::OK,
        content_type: "text/event-stream",
        chunks: frames.collect(),
    }
}
