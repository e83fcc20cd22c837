//! What wardgate itself says in the dialect of OpenAI responses: how its [`response_events`] look.
//!
//! [`response_events`]: super::response_events

use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::response_events::{Events, Manner, Words};
use super::{Envelope, Fault, sse};

/// Named events with numbers.
#[derive(Debug, Clone, Copy)]
pub struct Numbered;

impl Manner for Numbered {
    fn frame(self, name: &str, mut event: Json, envelope: &Envelope) -> Bytes {
        event["type"] = json!(name);
        event["sequence_number"] = json!(envelope.progress.sequence);
        sse::named_frame(name, &event.to_string())
    }

    fn beginning(self) -> &'static [&'static str] {
        &["response.created", "response.in_progress"]
    }

    fn last(self, status: &str) -> String {
        format!("response.{status}")
    }

    fn details(self, status: &str) -> Json {
        match status {
            "incomplete" => json!({"reason": "content_filter"}),
            _ => Json::Null,
        }
    }

    fn response(self, envelope: &Envelope, status: &str, details: &Json, output: Json) -> Json {
        json!({
            "id": envelope.id, "object": "response", "created_at": envelope.created,
            "status": status, "error": null, "incomplete_details": details, "instructions": null,
            "max_output_tokens": null, "metadata": {}, "model": envelope.model, "output": output,
            "parallel_tool_calls": true, "previous_response_id": null, "store": false,
            "temperature": null, "text": {"format": {"type": "text"}}, "tool_choice": "auto",
            "tools": [], "top_p": null, "truncation": "disabled", "usage": null,
        })
    }

    fn own_id(self, envelope: &Envelope, index: u32) -> String {
        format!("msg_wardgate_{index}_{}", envelope.id)
    }

    fn message(self, id: &str, status: &str, said: Option<Words<'_>>) -> Json {
        let content: Vec<_> = said.map(|words| self.part(words)).into_iter().collect();
        json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": content})
    }

    fn part(self, words: Words<'_>) -> Json {
        json!({"type": "output_text", "text": words.text, "annotations": [], "logprobs": []})
    }

    fn delta(self, words: Words<'_>) -> (&'static str, Json) {
        let event = json!({"delta": words.text, "logprobs": []});
        ("response.output_text.delta", event)
    }

    fn done(self, words: Words<'_>) -> (&'static str, Json) {
        let event = json!({"text": words.text, "logprobs": []});
        ("response.output_text.done", event)
    }

    fn whose(self, _: &Envelope) -> Json {
        json!({})
    }
}

/// An error as the last event.
pub fn fail(envelope: &Envelope, fault: &Fault) -> Bytes {
    let error =
        json!({"message": fault.message, "type": fault.kind, "param": null, "code": fault.code});
    let event = json!({
        "code": fault.code, "message": fault.message, "param": null, "error": error,
        "wardgate": {"exchange": fault.exchange},
    });
    let mut envelope = envelope.clone();
    let mut events = Events::new(Numbered, &mut envelope);
    events.push("error", event);
    events.finish()
}
