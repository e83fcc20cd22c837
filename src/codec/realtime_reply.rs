//! What wardgate itself says over OpenAI's realtime socket: events, one a line, named as the session
//! names them.

use bytes::{Bytes, BytesMut};
use serde_json::{Value as Json, json};

use super::response_events::{self, Manner, Words};
use super::{Envelope, Fault, Refusal};

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
    pub fn content(self, spoken: bool) -> &'static str {
        match (self, spoken) {
            (Self::Current, false) => "output_text",
            (Self::Current, true) => "output_audio",
            (Self::Beta, false) => "text",
            (Self::Beta, true) => "audio",
        }
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

impl Manner for Names {
    fn frame(self, name: &str, mut event: Json, envelope: &Envelope) -> Bytes {
        let number = envelope.progress.sequence;
        event["type"] = json!(name);
        event["event_id"] = json!(format!("event_{OURS}{number}_{}", envelope.id));
        format!("{event}\n").into()
    }

    fn beginning(self) -> &'static [&'static str] {
        &["response.created"]
    }

    fn last(self, _: &str) -> String {
        "response.done".to_owned()
    }

    fn details(self, status: &str) -> Json {
        match status {
            "incomplete" => json!({"type": status, "reason": "content_filter"}),
            _ => json!({"type": status}),
        }
    }

    fn response(self, envelope: &Envelope, status: &str, details: &Json, output: Json) -> Json {
        json!({
            "object": "realtime.response", "id": envelope.id, "status": status,
            "status_details": details, "output": output, "usage": null, "metadata": null,
        })
    }

    fn own_id(self, envelope: &Envelope, index: u32) -> String {
        format!("item_{OURS}{index}_{}", envelope.id)
    }

    fn message(self, id: &str, status: &str, said: Option<Words<'_>>) -> Json {
        let content = said.map(|Words { text, spoken }| {
            let (_, _, member) = self.words(spoken);
            json!({"type": self.content(spoken), member: text})
        });
        let content: Vec<_> = content.into_iter().collect();
        json!({
            "id": id, "object": "realtime.item", "type": "message", "status": status,
            "role": "assistant", "content": content,
        })
    }

    fn part(self, Words { text, spoken }: Words<'_>) -> Json {
        let (_, _, member) = self.words(spoken);
        json!({"type": if spoken { "audio" } else { "text" }, member: text})
    }

    fn delta(self, Words { text, spoken }: Words<'_>) -> (&'static str, Json) {
        let (name, _, _) = self.words(spoken);
        (name, json!({"delta": text}))
    }

    fn done(self, Words { text, spoken }: Words<'_>) -> (&'static str, Json) {
        let (_, name, member) = self.words(spoken);
        (name, json!({member: text}))
    }

    fn whose(self, envelope: &Envelope) -> Json {
        json!({"response_id": envelope.id})
    }
}

/// An error, and the end of a response that has begun.
pub fn fail(names: Names, envelope: &Envelope, fault: &Fault) -> Bytes {
    let error = error_event(
        fault.kind,
        fault.code,
        &fault.message,
        None,
        &fault.exchange,
    );
    let mut out = BytesMut::from(format!("{error}\n").as_bytes());
    if envelope.progress.begun {
        let error = json!({"type": fault.kind, "code": fault.code});
        let details = json!({"type": "failed", "error": error});
        let last = names.response(envelope, "failed", &details, json!([]));
        out.extend_from_slice(&names.frame("response.done", json!({"response": last}), envelope));
    }
    out.freeze()
}

/// A whole response that says what a refusal says.
pub fn refused(names: Names, refusal: &Refusal, mark: Json) -> Bytes {
    let envelope = Envelope {
        id: format!("resp_{OURS}{}", refusal.exchange),
        ..Envelope::default()
    };
    response_events::end(names, &envelope, &refusal.text, refusal.ending, mark)
}
