//! What wardgate itself says in Anthropic's dialect: messages, events with names, endings, errors.

use bytes::{Bytes, BytesMut};
use serde_json::{Value as Json, json};

use super::{Ending, Envelope, Fault, Open, Refusal, Reply, openai_reply, sse};

/// The dialect's word for how an answer of ours ends.
pub fn stop_reason(ending: Ending) -> &'static str {
    match ending {
        Ending::Filtered => "refusal",
        Ending::Supported => "end_turn",
    }
}

/// A message that no model said.
pub fn message(envelope: &Envelope, content: Json, stop_reason: Option<&str>) -> Json {
    json!({
        "id": envelope.id, "type": "message", "role": "assistant", "model": envelope.model,
        "content": content, "stop_reason": stop_reason, "stop_sequence": null,
        "usage": {"input_tokens": 0, "output_tokens": 0},
    })
}

/// A block of words.
pub fn text_block(text: &str) -> Json {
    json!({"type": "text", "text": text})
}

/// Events on their way out.
#[derive(Default)]
pub struct Events(BytesMut);

impl Events {
    /// An event whose name is its type.
    fn push(&mut self, event: &Json) {
        let name = event["type"].as_str().unwrap_or_default();
        self.0
            .extend_from_slice(&sse::named_frame(name, &event.to_string()));
    }

    /// The beginning of the answer.
    pub fn begin(&mut self, envelope: &mut Envelope, message: Json) {
        self.push(&json!({"type": "message_start", "message": message}));
        envelope.progress.begun = true;
    }

    /// Words: in the block of words that is open, or in one of their own, which is closed again.
    pub fn say(&mut self, envelope: &mut Envelope, text: &str) {
        let own = envelope.progress.open != Open::Text;
        if own {
            self.close_block(envelope);
            let index = envelope.progress.blocks;
            let block = text_block("");
            self.push(
                &json!({"type": "content_block_start", "index": index, "content_block": block}),
            );
            envelope.progress.blocks += 1;
            envelope.progress.open = Open::Text;
        }
        let index = envelope.progress.blocks.saturating_sub(1);
        let delta = json!({"type": "text_delta", "text": text});
        self.push(&json!({"type": "content_block_delta", "index": index, "delta": delta}));
        if own {
            self.close_block(envelope);
        }
    }

    /// The end of the block that is open.
    pub fn close_block(&mut self, envelope: &mut Envelope) {
        if envelope.progress.open == Open::Nothing {
            return;
        }
        let index = envelope.progress.blocks.saturating_sub(1);
        self.push(&json!({"type": "content_block_stop", "index": index}));
        envelope.progress.open = Open::Nothing;
    }

    /// The end of the answer.
    pub fn end(mut self, ending: Ending) -> Bytes {
        let delta = json!({"stop_reason": stop_reason(ending), "stop_sequence": null});
        self.push(&json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 0}}));
        self.push(&json!({"type": "message_stop"}));
        self.finish()
    }

    /// What was pushed so far.
    pub fn finish(self) -> Bytes {
        self.0.freeze()
    }
}

/// A refusal as an error object.
pub fn refusal_error(refusal: &Refusal) -> Reply {
    let error = json!({
        "type": "invalid_request_error", "message": refusal.text, "code": "content_filter",
    });
    let mark = openai_reply::mark(refusal);
    let body = json!({"type": "error", "error": error, "wardgate": mark});
    openai_reply::document_reply(400, &body)
}

/// An error of ours as Anthropic's error object.
pub fn fault(fault: &Fault) -> Reply {
    openai_reply::document_reply(fault.status, &fault_body(fault))
}

/// The same as a stream's last event.
pub fn fault_event(fault: &Fault) -> Bytes {
    let mut events = Events::default();
    events.push(&fault_body(fault));
    events.finish()
}

fn fault_body(fault: &Fault) -> Json {
    let kind = match fault.status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        400..500 => "invalid_request_error",
        _ => "api_error",
    };
    let error = json!({"type": kind, "message": fault.message, "code": fault.code});
    json!({"type": "error", "error": error, "wardgate": {"exchange": fault.exchange}})
}
