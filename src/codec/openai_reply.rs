//! What wardgate itself says in the OpenAI dialects: envelopes, endings, error objects.

use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value as Json, json};

use super::{Ending, Envelope, Fault, Refusal, Reply, sse};

/// What ends every OpenAI stream.
pub const DONE: &str = "[DONE]";

/// The dialect's word for how an answer of ours ends.
pub fn finish_reason(ending: Ending) -> &'static str {
    match ending {
        Ending::Filtered => "content_filter",
        Ending::Supported => "stop",
    }
}

/// Names the rule, the area and the exchange; SDKs pass over it.
pub fn mark(refusal: &Refusal) -> Json {
    json!({"rule": refusal.rule, "area": refusal.area, "exchange": refusal.exchange})
}

/// An envelope for an answer that no model gave.
pub fn own_envelope(prefix: &str, model: &str, refusal: &Refusal) -> Envelope {
    Envelope {
        id: format!("{prefix}-wardgate-{}", refusal.exchange),
        model: model.to_owned(),
        created: refusal.created,
        ..Envelope::default()
    }
}

/// An answer or chunk of ours around `choices`.
pub fn wrap(object: &str, envelope: &Envelope, choices: Vec<Json>, mark: Option<Json>) -> Json {
    let mut body = Map::new();
    body.insert("id".into(), json!(envelope.id));
    body.insert("object".into(), json!(object));
    body.insert("created".into(), json!(envelope.created));
    body.insert("model".into(), json!(envelope.model));
    body.insert("choices".into(), Json::Array(choices));
    if let Some(mark) = mark {
        body.insert("wardgate".into(), mark);
    }
    Json::Object(body)
}

/// The choices that an early end has to end: those open, and the one that is cut.
pub fn ending_choices(envelope: &Envelope, cut: u32) -> Vec<u32> {
    let mut all = envelope.open.clone();
    all.push(cut);
    all.sort_unstable();
    all.dedup();
    all
}

/// A document of ours.
pub fn document_reply(status: u16, body: &Json) -> Reply {
    Reply {
        status,
        content_type: "application/json",
        body: body.to_string().into(),
    }
}

/// A stream of ours: the chunks, then the protocol's end.
pub fn events_reply(chunks: &[Json]) -> Reply {
    Reply {
        status: 200,
        content_type: "text/event-stream; charset=utf-8",
        body: events(chunks),
    }
}

/// Frames the chunks and adds the protocol's end.
pub fn events(chunks: &[Json]) -> Bytes {
    let mut out = BytesMut::new();
    for chunk in chunks {
        out.extend_from_slice(&sse::frame(&chunk.to_string()));
    }
    out.extend_from_slice(&sse::frame(DONE));
    out.freeze()
}

/// The error object of something that is not shown.
pub fn filtered_error(text: &str, kind: &str, code: &str) -> Json {
    json!({"message": text, "type": kind, "param": null, "code": code})
}

/// A document that is nothing but such an error.
pub fn filtered_document(text: &str) -> Bytes {
    let error = filtered_error(text, "invalid_request_error", "content_filter");
    Bytes::from(json!({"error": error}).to_string())
}

/// A refusal as an error object.
pub fn refusal_error(refusal: &Refusal, kind: &str, code: &str) -> Reply {
    let error = filtered_error(&refusal.text, kind, code);
    document_reply(400, &json!({"error": error, "wardgate": mark(refusal)}))
}

/// An error of ours as the last event of a stream.
pub fn fault_event(error: &Fault) -> Bytes {
    sse::frame(&String::from_utf8_lossy(&fault(error).body))
}

/// An error of ours as the OpenAI error object.
pub fn fault(fault: &Fault) -> Reply {
    let (message, kind, code) = (&fault.message, fault.kind, fault.code);
    let error = json!({"message": message, "type": kind, "param": null, "code": code});
    let mark = json!({"exchange": fault.exchange});
    document_reply(fault.status, &json!({"error": error, "wardgate": mark}))
}
