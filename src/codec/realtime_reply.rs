//! What wardgate itself says over OpenAI's realtime socket: events, one a line, named as the session
//! names them.

use std::fmt::Write as _;

use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::{Ending, Envelope, Fault, Open, Refusal};

/// How numbers of ours begin: what a server tells of them is not the caller's concern.
pub const OURS: &str = "wardgate_";

/// Which names events have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Of the API as it is.
    Current,
    /// Of its beta (`OpenAI-Beta: realtime=v1`).
    Beta,
}

impl Names {
    /// The event that goes on with the words of an open part, the one that ends them, and the
    /// member that says them whole.
    fn words(self, spoken: bool) -> (&'static str, &'static str, &'static str) {
        match (self, spoken) {
            (Self::Current, false) => (
                "response.output_text.delta",
                "response.output_text.done",
                "text",
            ),
            (Self::Current, true) => (
                "response.output_audio_transcript.delta",
                "response.output_audio_transcript.done",
                "transcript",
            ),
            (Self::Beta, false) => ("response.text.delta", "response.text.done", "text"),
            (Self::Beta, true) => (
                "response.audio_transcript.delta",
                "response.audio_transcript.done",
                "transcript",
            ),
        }
    }

    /// What a part of an item is called.
    fn part(self, spoken: bool) -> &'static str {
        match (self, spoken) {
            (Self::Current, false) => "output_text",
            (Self::Current, true) => "output_audio",
            (Self::Beta, false) => "text",
            (Self::Beta, true) => "audio",
        }
    }
}

/// How a response of ours ends. One with an item that the reader saw begin and nobody will finish
/// cannot be completed, whatever the reason.
fn status(ending: Ending, unfinished: bool) -> (&'static str, Json) {
    match ending {
        Ending::Supported if !unfinished => ("completed", json!({"type": "completed"})),
        _ => (
            "incomplete",
            json!({"type": "incomplete", "reason": "content_filter"}),
        ),
    }
}

/// An `error` event: what was wrong with which of the caller's events.
pub fn error_event(
    kind: &str,
    code: &str,
    message: &str,
    event_id: Option<&str>,
    exchange: &str,
) -> String {
    let error = json!({
        "type": kind, "code": code, "message": message, "param": null, "event_id": event_id,
    });
    let event = json!({
        "type": "error", "event_id": format!("event_{OURS}{exchange}"), "error": error,
        "wardgate": {"exchange": exchange},
    });
    event.to_string()
}

/// A system message of ours that is put into the conversation.
pub fn guidance_item(text: &str, number: u64) -> String {
    let content = json!([{"type": "input_text", "text": text}]);
    let item = json!({"id": format!("{OURS}{number}"), "type": "message", "role": "system", "content": content});
    json!({"type": "conversation.item.create", "event_id": format!("{OURS}{number}"), "item": item})
        .to_string()
}

/// Ends a response that the server is still giving.
pub fn cancel(response: &str, number: u64) -> String {
    json!({"type": "response.cancel", "event_id": format!("{OURS}{number}"), "response_id": response})
        .to_string()
}

/// Takes an item out of the conversation.
pub fn delete(item: &str, number: u64) -> String {
    json!({"type": "conversation.item.delete", "event_id": format!("{OURS}{number}"), "item_id": item})
        .to_string()
}

/// Events on their way out.
pub struct Events<'e> {
    envelope: &'e mut Envelope,
    names: Names,
    out: String,
}

impl<'e> Events<'e> {
    /// None yet.
    pub fn new(envelope: &'e mut Envelope, names: Names) -> Self {
        let out = String::new();
        Self {
            envelope,
            names,
            out,
        }
    }

    fn push(&mut self, name: &str, mut event: Json) {
        event["type"] = json!(name);
        let number = self.envelope.progress.sequence;
        event["event_id"] = json!(format!("event_{OURS}{number}_{}", self.envelope.id));
        self.envelope.progress.sequence += 1;
        writeln!(self.out, "{event}").expect("a string grows");
    }

    fn response(&self, status: &str, details: &Json, output: &Json) -> Json {
        json!({
            "object": "realtime.response", "id": self.envelope.id, "status": status,
            "status_details": details, "output": output, "usage": null, "metadata": null,
        })
    }

    /// The beginning of a response that no model gives.
    pub fn begin(&mut self, mark: Json) {
        let mut begun = self.response("in_progress", &json!(null), &json!([]));
        begun["wardgate"] = mark;
        self.push("response.created", json!({"response": begun}));
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
        json!({
            "response_id": self.envelope.id, "item_id": id, "output_index": index,
            "content_index": progress.part,
        })
    }

    fn message(&self, id: &str, status: &str, content: &Json) -> Json {
        json!({
            "id": id, "object": "realtime.item", "type": "message", "status": status,
            "role": "assistant", "content": content,
        })
    }

    fn told(&self, text: &str) -> Json {
        let spoken = self.envelope.progress.spoken;
        let (_, _, member) = self.names.words(spoken);
        json!([{"type": self.names.part(spoken), member: text}])
    }

    fn open(&mut self) {
        let index = self.envelope.progress.blocks;
        let id = format!("item_{OURS}{index}_{}", self.envelope.id);
        self.envelope
            .items
            .resize(index as usize + 1, String::new());
        self.envelope.items[index as usize].clone_from(&id);
        let progress = &mut self.envelope.progress;
        (progress.blocks, progress.part, progress.spoken) = (index + 1, 0, false);
        let item = self.message(&id, "in_progress", &json!([]));
        let response = self.envelope.id.clone();
        self.push(
            "response.output_item.added",
            json!({"response_id": response, "output_index": index, "item": item}),
        );
        let mut event = self.place();
        event["part"] = json!({"type": "text", "text": ""});
        self.push("response.content_part.added", event);
        self.envelope.progress.open = Open::Text;
    }

    fn delta(&mut self, text: &str) {
        let (name, _, _) = self.names.words(self.envelope.progress.spoken);
        let mut event = self.place();
        event["delta"] = json!(text);
        self.push(name, event);
    }

    /// Closes the part that is open, whose words are `text`, and its item.
    fn close(&mut self, text: &str, status: &str) {
        let spoken = self.envelope.progress.spoken;
        let (_, done, member) = self.names.words(spoken);
        let place = self.place();
        let mut event = place.clone();
        event[member] = json!(text);
        self.push(done, event);
        let mut event = place.clone();
        event["part"] = json!({"type": if spoken { "audio" } else { "text" }, member: text});
        self.push("response.content_part.done", event);
        let id = place["item_id"].as_str().unwrap_or_default();
        let item = self.message(id, status, &self.told(text));
        let event = json!({
            "response_id": place["response_id"], "output_index": place["output_index"], "item": item,
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
        let output = json!([self.message(&id, status, &self.told(&said))]);
        let last = self.response(status, &details, &output);
        self.push("response.done", json!({"response": last}));
        self.out.into()
    }

    /// What was pushed so far.
    pub fn finish(self) -> Bytes {
        self.out.into()
    }

    /// An error, and the end of a response that has begun.
    pub fn fail(mut self, fault: &Fault) -> Bytes {
        let event = error_event(
            fault.kind,
            fault.code,
            &fault.message,
            None,
            &fault.exchange,
        );
        writeln!(self.out, "{event}").expect("a string grows");
        if self.envelope.progress.begun {
            let error = json!({"type": fault.kind, "code": fault.code});
            let details = json!({"type": "failed", "error": error});
            let last = self.response("failed", &details, &json!([]));
            self.push("response.done", json!({"response": last}));
        }
        self.out.into()
    }
}

/// A whole response that says what a refusal says.
pub fn refused(names: Names, refusal: &Refusal, mark: Json) -> Bytes {
    let mut envelope = Envelope {
        id: format!("resp_{OURS}{}", refusal.exchange),
        ..Envelope::default()
    };
    let mut events = Events::new(&mut envelope, names);
    events.begin(mark);
    events.end(&refusal.text, refusal.ending)
}
