//! What wardgate itself says in the dialect of OpenAI responses: whole responses, numbered events,
//! endings.

use bytes::{Bytes, BytesMut};
use serde_json::{Value as Json, json};

use super::{Ending, Envelope, Fault, Open, sse};

/// How a response of ours ends. One with an item that the reader saw begin and nobody will finish
/// cannot be completed, whatever the reason: clients would wait for the item.
fn status(ending: Ending, unfinished: bool) -> (&'static str, Json) {
    match ending {
        Ending::Supported if !unfinished => ("completed", json!(null)),
        _ => ("incomplete", json!({"reason": "content_filter"})),
    }
}

/// A response in some state.
fn response(envelope: &Envelope, status: &str, details: &Json, output: Json) -> Json {
    json!({
        "id": envelope.id, "object": "response", "created_at": envelope.created,
        "status": status, "error": null, "incomplete_details": details, "instructions": null,
        "max_output_tokens": null, "metadata": {}, "model": envelope.model, "output": output,
        "parallel_tool_calls": true, "previous_response_id": null, "store": false,
        "temperature": null, "text": {"format": {"type": "text"}}, "tool_choice": "auto",
        "tools": [], "top_p": null, "truncation": "disabled", "usage": null,
    })
}

/// A whole response that says `text`.
pub fn whole(envelope: &Envelope, text: &str, ending: Ending) -> Json {
    let (status, details) = status(ending, false);
    let id = own_id(envelope, 0);
    response(
        envelope,
        status,
        &details,
        json!([message(&id, status, text)]),
    )
}

/// What ends a response early: its status and why.
pub fn ended(ending: Ending) -> (Json, Json) {
    let (status, details) = status(ending, false);
    (json!(status), details)
}

/// A message of ours as an item.
pub fn message(id: &str, status: &str, text: &str) -> Json {
    json!({
        "id": id, "type": "message", "status": status, "role": "assistant",
        "content": [part(text)],
    })
}

/// The id of an item of ours.
pub fn own_id(envelope: &Envelope, index: u32) -> String {
    format!("msg_wardgate_{index}_{}", envelope.id)
}

fn part(text: &str) -> Json {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

/// Events on their way out, numbered on from what the reader has seen.
pub struct Events<'e> {
    envelope: &'e mut Envelope,
    out: BytesMut,
}

impl<'e> Events<'e> {
    /// None yet.
    pub fn new(envelope: &'e mut Envelope) -> Self {
        let out = BytesMut::new();
        Self { envelope, out }
    }

    fn push(&mut self, name: &str, mut event: Json) {
        event["type"] = json!(name);
        event["sequence_number"] = json!(self.envelope.progress.sequence);
        self.envelope.progress.sequence += 1;
        self.out
            .extend_from_slice(&sse::named_frame(name, &event.to_string()));
    }

    /// The beginning of a response that no model gives.
    pub fn begin(&mut self, mark: Json) {
        let none = json!(null);
        let mut begun = response(self.envelope, "in_progress", &none, json!([]));
        begun["wardgate"] = mark;
        self.push("response.created", json!({"response": begun}));
        self.push("response.in_progress", json!({"response": begun}));
        self.envelope.progress.begun = true;
    }

    /// Words: in the part that is open, or in a message of their own, which is closed again.
    pub fn say(&mut self, text: &str) {
        if self.envelope.progress.open == Open::Text {
            return self.delta(text);
        }
        let open = self.envelope.progress.open;
        self.open();
        self.delta(text);
        self.close(text, "completed");
        self.envelope.progress.open = open;
    }

    fn place(&self) -> Json {
        let progress = self.envelope.progress;
        let index = progress.blocks.saturating_sub(1);
        let id = self.envelope.items.get(index as usize);
        let id = id.cloned().unwrap_or_default();
        json!({"item_id": id, "output_index": index, "content_index": progress.part})
    }

    fn open(&mut self) {
        let index = self.envelope.progress.blocks;
        let id = own_id(self.envelope, index);
        let mut item = message(&id, "in_progress", "");
        item["content"] = json!([]);
        self.envelope
            .items
            .resize(index as usize + 1, String::new());
        self.envelope.items[index as usize] = id;
        self.envelope.progress.blocks = index + 1;
        self.envelope.progress.part = 0;
        self.push(
            "response.output_item.added",
            json!({"output_index": index, "item": item}),
        );
        let mut event = self.place();
        event["part"] = part("");
        self.push("response.content_part.added", event);
        self.envelope.progress.open = Open::Text;
    }

    fn delta(&mut self, text: &str) {
        let mut event = self.place();
        event["delta"] = json!(text);
        event["logprobs"] = json!([]);
        self.push("response.output_text.delta", event);
    }

    /// Closes the part that is open, whose words are `text`, and its item.
    fn close(&mut self, text: &str, status: &str) {
        let place = self.place();
        let mut event = place.clone();
        event["text"] = json!(text);
        event["logprobs"] = json!([]);
        self.push("response.output_text.done", event);
        let mut event = place.clone();
        event["part"] = part(text);
        self.push("response.content_part.done", event);
        let id = place["item_id"].as_str().unwrap_or_default();
        let event = json!({
            "output_index": place["output_index"], "item": message(id, status, text),
        });
        self.push("response.output_item.done", event);
        self.envelope.progress.open = Open::Nothing;
    }

    /// The end: the words that are said last, the open part's end, the whole response.
    pub fn end(mut self, text: &str, ending: Ending) -> Bytes {
        let from = match self.envelope.progress.open {
            Open::Text => self.envelope.part_from,
            _ => self.envelope.said.len(),
        };
        let unfinished = self.envelope.progress.open == Open::Other;
        let (status, details) = status(ending, unfinished);
        if self.envelope.progress.open == Open::Text || !text.is_empty() {
            if self.envelope.progress.open != Open::Text {
                self.open();
            }
            if !text.is_empty() {
                self.delta(text);
            }
            let said = self.envelope.said.get(from..).unwrap_or_default();
            let said = format!("{said}{text}");
            self.close(&said, status);
        }
        let id = self.envelope.items.last().cloned().unwrap_or_default();
        let said = format!("{}{text}", self.envelope.said);
        let output = json!([message(&id, status, &said)]);
        let last = response(self.envelope, status, &details, output);
        self.push(&format!("response.{status}"), json!({"response": last}));
        self.out.freeze()
    }

    /// What was pushed so far.
    pub fn finish(self) -> Bytes {
        self.out.freeze()
    }

    /// An error as the last event.
    pub fn fail(mut self, fault: &Fault) -> Bytes {
        let error = json!({"message": fault.message, "type": fault.kind, "param": null, "code": fault.code});
        let event = json!({
            "code": fault.code, "message": fault.message, "param": null, "error": error,
            "wardgate": {"exchange": fault.exchange},
        });
        self.push("error", event);
        self.out.freeze()
    }
}
