//! How the streams of each dialect are written by a model server and read by a client.
//!
//! A dialect gets every streaming property by being listed in [`SPOKEN`].

use serde_json::{Value, json};
use wardgate::codec::framing::Frames;
use wardgate::codec::{self, Codec, Framing, Telling};

use crate::{spoken_dashscope, spoken_realtime};

/// Deltas: whose, and what.
pub type Deltas = [(u32, String)];

/// What a reader saw of each choice, and how it ended.
pub type Shown = Vec<(String, Option<String>)>;

/// One dialect's streams.
#[derive(Debug)]
pub struct Spoken {
    /// Its route.
    pub path: &'static str,
    /// How its streams are framed.
    pub framing: Framing,
    /// How its events tell a text.
    pub telling: Telling,
    /// Most choices of one answer.
    pub choices: u32,
    /// How an answer ends by itself, and how one ends that was filtered.
    pub stopped: &'static str,
    pub filtered: &'static str,
    /// A stream in which choice k says its texts, delta by delta, as the provider sends it.
    pub write: fn(&Deltas, u32) -> Vec<u8>,
    /// The text that a client shows for each choice, and how it ended; of any part of a stream.
    pub read: fn(&[u8], u32) -> Shown,
    /// Fails where a client that follows the protocol closely would, of a whole stream.
    pub follow: fn(&[u8]),
}

/// Every dialect that streams.
pub static SPOKEN: &[Spoken] = &[
    CHAT,
    Spoken {
        path: "/v1/completions",
        framing: Framing::Events,
        telling: Telling::Pieces,
        choices: 3,
        stopped: "stop",
        filtered: "content_filter",
        write: completion_stream,
        read: choices_shown,
        follow: ends_with_done,
    },
    Spoken {
        path: "/v1/audio/transcriptions",
        framing: Framing::Events,
        telling: Telling::Pieces,
        choices: 1,
        stopped: "stop",
        filtered: "content_filter",
        write: transcript_stream,
        read: transcript_shown,
        follow: transcript_follow,
    },
    Spoken {
        path: "/v1/messages",
        framing: Framing::Events,
        telling: Telling::Pieces,
        choices: 1,
        stopped: "end_turn",
        filtered: "refusal",
        write: anthropic_stream,
        read: anthropic_shown,
        follow: anthropic_follow,
    },
    Spoken {
        path: "/v1/responses",
        framing: Framing::Events,
        telling: Telling::Pieces,
        choices: 1,
        stopped: "completed",
        filtered: "content_filter",
        write: responses_stream,
        read: responses_shown,
        follow: responses_follow,
    },
    Spoken {
        path: "/api/chat",
        framing: Framing::Lines,
        telling: Telling::Pieces,
        choices: 1,
        stopped: "stop",
        filtered: "content_filter",
        write: |deltas, _| {
            ollama_stream(
                deltas,
                |text| json!({"message": {"role": "assistant", "content": text}}),
            )
        },
        read: ollama_shown,
        follow: ollama_follow,
    },
    Spoken {
        path: "/api/generate",
        framing: Framing::Lines,
        telling: Telling::Pieces,
        choices: 1,
        stopped: "stop",
        filtered: "content_filter",
        write: |deltas, _| ollama_stream(deltas, |text| json!({"response": text})),
        read: ollama_shown,
        follow: ollama_follow,
    },
    Spoken {
        path: "/v1beta/models/m:streamGenerateContent",
        framing: Framing::Events,
        telling: Telling::Pieces,
        choices: 3,
        stopped: "STOP",
        filtered: "SAFETY",
        write: |deltas, choices| {
            gemini_events(deltas, choices)
                .map(|event| format!("data: {event}\r\n\r\n"))
                .collect::<String>()
                .into_bytes()
        },
        read: |stream, choices| gemini_shown(events(stream), choices),
        follow: |stream| assert!(events(stream).all(|event| event["candidates"].is_array())),
    },
    Spoken {
        path: "/v1beta/models/m:streamGenerateContent",
        framing: Framing::Array,
        telling: Telling::Pieces,
        choices: 3,
        stopped: "STOP",
        filtered: "SAFETY",
        write: |deltas, choices| {
            let events: Vec<_> = gemini_events(deltas, choices)
                .map(|event| event.to_string())
                .collect();
            format!("[{}\n]\n", events.join("\n,\r\n")).into_bytes()
        },
        read: |stream, choices| gemini_shown(elements(stream), choices),
        follow: |stream| {
            let array: Vec<Value> = serde_json::from_slice(stream).expect("an array");
            assert!(array.iter().all(|event| event["candidates"].is_array()));
        },
    },
    spoken_dashscope::PIECES,
    spoken_dashscope::FOUND_OUT,
    spoken_dashscope::WHOLE,
    spoken_realtime::WRITTEN,
    spoken_realtime::SPOKEN,
];

/// OpenAI chat.
pub const CHAT: Spoken = Spoken {
    path: "/v1/chat/completions",
    framing: Framing::Events,
    telling: Telling::Pieces,
    choices: 3,
    stopped: "stop",
    filtered: "content_filter",
    write: chat_stream,
    read: choices_shown,
    follow: ends_with_done,
};

impl Spoken {
    /// The dialect.
    pub fn codec(&self) -> &'static dyn Codec {
        codec::for_path(self.path).expect("a dialect")
    }

    /// A decoder of its framing.
    pub fn frames(&self) -> Frames {
        Frames::new(self.framing)
    }

    /// A stream of one choice and one delta.
    pub fn whole(&self, text: &str) -> Vec<u8> {
        (self.write)(&[(0, text.to_owned())], 1)
    }
}

/// The data of every event, parsed; what is no JSON (`[DONE]`) is left out.
pub fn events(stream: &[u8]) -> impl Iterator<Item = Value> {
    let text = std::str::from_utf8(stream).expect("UTF-8");
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    let data = data.map(str::trim_start);
    data.filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).expect("events are JSON"))
}

// ---- OpenAI -----------------------------------------------------------------------------------

fn chat_stream(deltas: &Deltas, choices: u32) -> Vec<u8> {
    let chunk = |choice: u32, delta: Value, finish: Option<&str>| {
        let event = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": choice, "delta": delta, "logprobs": null, "finish_reason": finish}],
        });
        format!("data: {event}\n\n")
    };
    let mut out = String::new();
    for choice in 0..choices {
        out += &chunk(choice, json!({"role": "assistant", "content": ""}), None);
    }
    for (choice, text) in deltas {
        out += &chunk(*choice, json!({"content": text}), None);
    }
    for choice in 0..choices {
        out += &chunk(choice, json!({}), Some("stop"));
    }
    out += "data: [DONE]\n\n";
    out.into_bytes()
}

fn completion_stream(deltas: &Deltas, choices: u32) -> Vec<u8> {
    let chunk = |choice: u32, text: &str, finish: Option<&str>| {
        let event = json!({
            "id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m",
            "choices": [{"index": choice, "text": text, "logprobs": null, "finish_reason": finish}],
        });
        format!("data: {event}\n\n")
    };
    let begun = (0..choices).map(|choice| chunk(choice, "", None));
    let said = deltas
        .iter()
        .map(|(choice, text)| chunk(*choice, text, None));
    let ended = (0..choices).map(|choice| chunk(choice, "", Some("stop")));
    let out: String = begun.chain(said).chain(ended).collect();
    (out + "data: [DONE]\n\n").into_bytes()
}

fn choices_shown(stream: &[u8], choices: u32) -> Shown {
    let mut seen = vec![(String::new(), None); choices as usize];
    for event in events(stream) {
        for choice in event["choices"].as_array().into_iter().flatten() {
            let index = choice["index"].as_u64().expect("an index") as usize;
            let said = choice["delta"]["content"].as_str();
            if let Some(text) = said.or(choice["text"].as_str()) {
                seen[index].0.push_str(text);
            }
            if let Some(reason) = choice["finish_reason"].as_str() {
                assert_eq!(seen[index].1, None, "a choice ends once");
                seen[index].1 = Some(reason.to_owned());
            }
        }
    }
    seen
}

fn ends_with_done(stream: &[u8]) {
    assert!(stream.ends_with(b"data: [DONE]\n\n"));
}

/// The words come as deltas, then whole.
fn transcript_stream(deltas: &Deltas, _: u32) -> Vec<u8> {
    let event = |event: Value| format!("data: {event}\n\n");
    let said = deltas
        .iter()
        .map(|(_, text)| event(json!({"type": "transcript.text.delta", "delta": text})));
    let whole: String = deltas.iter().map(|(_, text)| text.as_str()).collect();
    let done = event(json!({"type": "transcript.text.done", "text": whole}));
    (said.collect::<String>() + &done).into_bytes()
}

fn transcript_shown(stream: &[u8], _: u32) -> Shown {
    let (mut text, mut ended) = (String::new(), None);
    for event in events(stream) {
        text += event["delta"].as_str().unwrap_or_default();
        if event["type"] == "transcript.text.done" {
            let reason = event["wardgate"]["finish_reason"].as_str();
            ended = Some(reason.unwrap_or("stop").to_owned());
        }
    }
    vec![(text, ended)]
}

/// The last event, and no other, tells the whole text again.
fn transcript_follow(stream: &[u8]) {
    let (mut told, mut last) = (String::new(), None);
    for event in events(stream) {
        assert_eq!(last, None, "nothing follows the end");
        told += event["delta"].as_str().unwrap_or_default();
        if event["type"] == "transcript.text.done" {
            last = event["text"].as_str().map(str::to_owned);
        }
    }
    assert_eq!(last, Some(told));
}

// ---- Anthropic --------------------------------------------------------------------------------

fn named(event: &Value) -> String {
    format!(
        "event: {}\ndata: {event}\n\n",
        event["type"].as_str().expect("a type")
    )
}

/// Every third delta begins a block of its own, as quotations make it.
fn anthropic_stream(deltas: &Deltas, _: u32) -> Vec<u8> {
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}});
    let mut out = named(&json!({"type": "message_start", "message": message}));
    for (index, block) in deltas.chunks(3).enumerate() {
        let begun = json!({"type": "text", "text": ""});
        out +=
            &named(&json!({"type": "content_block_start", "index": index, "content_block": begun}));
        for (_, text) in block {
            let delta = json!({"type": "text_delta", "text": text});
            out += &named(&json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        out += &named(&json!({"type": "content_block_stop", "index": index}));
    }
    let delta = json!({"stop_reason": "end_turn", "stop_sequence": null});
    out += &named(&json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 9}}));
    out += &named(&json!({"type": "message_stop"}));
    out.into_bytes()
}

fn anthropic_shown(stream: &[u8], _: u32) -> Shown {
    let (mut text, mut ended) = (String::new(), None);
    for event in events(stream) {
        text += event["delta"]["text"].as_str().unwrap_or_default();
        if let Some(reason) = event["delta"]["stop_reason"].as_str() {
            assert_eq!(ended, None, "an answer ends once");
            ended = Some(reason.to_owned());
        }
    }
    vec![(text, ended)]
}

/// Blocks follow one another, each is closed before the next, and nothing follows the end.
fn anthropic_follow(stream: &[u8]) {
    let (mut blocks, mut open, mut last) = (0, false, String::new());
    for event in events(stream) {
        let kind = event["type"].as_str().expect("a type");
        let index = event["index"].as_u64();
        match kind {
            "message_start" => assert_eq!(last, ""),
            "content_block_start" => {
                assert!(
                    !open && index == Some(blocks),
                    "block {index:?} after {blocks}"
                );
                (blocks, open) = (blocks + 1, true);
            }
            "content_block_delta" => assert!(open && index == Some(blocks - 1)),
            "content_block_stop" => {
                assert!(open && index == Some(blocks - 1));
                open = false;
            }
            "message_delta" => assert!(!open),
            "message_stop" => assert_eq!(last, "message_delta"),
            other => panic!("{other}"),
        }
        last = kind.to_owned();
    }
    assert_eq!(last, "message_stop");
}

// ---- OpenAI responses -------------------------------------------------------------------------

fn responses_stream(deltas: &Deltas, _: u32) -> Vec<u8> {
    let whole: String = deltas.iter().map(|(_, text)| text.as_str()).collect();
    let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []});
    let message = |content: Value, status: &str| json!({"id": "msg_1", "type": "message", "status": status, "role": "assistant", "content": content});
    let response = |output: Value, status: &str| {
        json!({"response": {"id": "resp_1", "object": "response", "created_at": 1, "status": status,
            "error": null, "incomplete_details": null, "instructions": "a turnip", "model": "m",
            "output": output, "tools": [], "tool_choice": "auto", "parallel_tool_calls": true}})
    };
    let at = |mut event: Value| {
        event["item_id"] = json!("msg_1");
        event["output_index"] = json!(0);
        event["content_index"] = json!(0);
        event
    };
    let begun = message(json!([]), "in_progress");
    let mut events = vec![
        ("response.created", response(json!([]), "in_progress")),
        ("response.in_progress", response(json!([]), "in_progress")),
        (
            "response.output_item.added",
            json!({"output_index": 0, "item": begun}),
        ),
        ("response.content_part.added", at(json!({"part": part("")}))),
    ];
    for (_, text) in deltas {
        events.push((
            "response.output_text.delta",
            at(json!({"delta": text, "logprobs": []})),
        ));
    }
    let done = message(json!([part(&whole)]), "completed");
    events.push((
        "response.output_text.done",
        at(json!({"text": whole, "logprobs": []})),
    ));
    events.push((
        "response.content_part.done",
        at(json!({"part": part(&whole)})),
    ));
    events.push((
        "response.output_item.done",
        json!({"output_index": 0, "item": done}),
    ));
    events.push(("response.completed", response(json!([done]), "completed")));
    let mut out = String::new();
    for (number, (name, mut event)) in events.into_iter().enumerate() {
        event["type"] = json!(name);
        event["sequence_number"] = json!(number);
        out += &named(&event);
    }
    out.into_bytes()
}

fn responses_shown(stream: &[u8], _: u32) -> Shown {
    let (mut text, mut ended) = (String::new(), None);
    for event in events(stream) {
        match event["type"].as_str().expect("a type") {
            "response.output_text.delta" => text += event["delta"].as_str().expect("words"),
            "response.completed" => ended = Some("completed".to_owned()),
            "response.incomplete" => {
                let reason = event["response"]["incomplete_details"]["reason"].as_str();
                ended = reason.map(str::to_owned);
            }
            _ => {}
        }
    }
    vec![(text, ended)]
}

/// Items follow one another, each telling of the words is the same, and the end tells them all.
fn responses_follow(stream: &[u8]) {
    let (mut items, mut part, mut last) = (Vec::new(), None::<String>, String::new());
    let mut told = String::new();
    for event in events(stream) {
        let kind = event["type"].as_str().expect("a type");
        match kind {
            "response.created" => assert_eq!(last, ""),
            "response.in_progress" => {}
            "response.output_item.added" => {
                assert_eq!(event["output_index"], items.len());
                items.push(event["item"]["id"].clone());
            }
            "response.content_part.added" => {
                assert_eq!((part.as_ref(), event.get("item_id")), (None, items.last()));
                part = Some(String::new());
            }
            "response.output_text.delta" => {
                assert_eq!(event.get("item_id"), items.last());
                let part = part.as_mut().expect("a part is open");
                *part += event["delta"].as_str().expect("words");
            }
            "response.output_text.done" => {
                assert_eq!(event["text"].as_str(), part.as_deref());
            }
            "response.content_part.done" => {
                assert_eq!(event["part"]["text"].as_str(), part.as_deref());
            }
            "response.output_item.done" => {
                let said = part.take().expect("a part was open");
                assert_eq!(event["item"]["content"][0]["text"], said);
                assert_eq!(event["item"].get("id"), items.last());
                told += &said;
            }
            "response.completed" | "response.incomplete" => {
                assert_eq!(part, None, "the part was closed");
                let output = event["response"]["output"].as_array().expect("items");
                let texts = output
                    .iter()
                    .map(|item| item["content"][0]["text"].as_str());
                assert_eq!(
                    texts.map(Option::unwrap_or_default).collect::<String>(),
                    told
                );
            }
            other => panic!("{other}"),
        }
        last = kind.to_owned();
    }
    assert!(matches!(
        &*last,
        "response.completed" | "response.incomplete"
    ));
}

// ---- Ollama -----------------------------------------------------------------------------------

fn ollama_stream(deltas: &Deltas, saying: fn(&str) -> Value) -> Vec<u8> {
    let line = |text: &str, done: bool| {
        let mut line = saying(text);
        line["model"] = json!("m");
        line["created_at"] = json!("2023-11-14T22:13:20Z");
        line["done"] = json!(done);
        if done {
            line["done_reason"] = json!("stop");
        }
        format!("{line}\n")
    };
    let said: String = deltas.iter().map(|(_, text)| line(text, false)).collect();
    (said + &line("", true)).into_bytes()
}

pub fn lines(stream: &[u8]) -> impl Iterator<Item = Value> {
    let text = std::str::from_utf8(stream).expect("UTF-8");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("lines are JSON"))
}

fn ollama_shown(stream: &[u8], _: u32) -> Shown {
    let (mut text, mut ended) = (String::new(), None);
    for line in lines(stream) {
        let said = line["message"]["content"].as_str();
        text += said.or(line["response"].as_str()).unwrap_or_default();
        ended = ended.or(line["done_reason"].as_str().map(str::to_owned));
    }
    vec![(text, ended)]
}

/// The last line, and no other, is done.
fn ollama_follow(stream: &[u8]) {
    let done: Vec<_> = lines(stream).map(|line| line["done"] == true).collect();
    assert_eq!(
        done.iter().position(|done| *done),
        done.len().checked_sub(1)
    );
}

// ---- Gemini -----------------------------------------------------------------------------------

fn gemini_events(deltas: &Deltas, choices: u32) -> impl Iterator<Item = Value> {
    let event = |choice: u32, text: &str, reason: Option<&str>| {
        let content = json!({"role": "model", "parts": [{"text": text}]});
        let mut candidate = json!({"index": choice, "content": content});
        if let Some(reason) = reason {
            candidate["finishReason"] = json!(reason);
        }
        json!({"candidates": [candidate], "modelVersion": "m", "responseId": "1"})
    };
    let begun = (0..choices).map(|choice| event(choice, "", None));
    let last = |choice: u32| deltas.iter().rposition(|(whose, _)| *whose == choice);
    // As Gemini does it, the last words of a candidate come with its end.
    let said = deltas.iter().enumerate().map(|(at, (choice, text))| {
        let reason = (last(*choice) == Some(at)).then_some("STOP");
        event(*choice, text, reason)
    });
    let silent = (0..choices).filter(|choice| last(*choice).is_none());
    let ended = silent.map(|choice| event(choice, "", Some("STOP")));
    begun
        .chain(said)
        .chain(ended)
        .collect::<Vec<_>>()
        .into_iter()
}

/// The elements of any part of an array that was cut between them.
fn elements(stream: &[u8]) -> impl Iterator<Item = Value> {
    let text = std::str::from_utf8(stream).expect("UTF-8").trim();
    let inner = text.trim_start_matches(['[', ',']).trim_end_matches(']');
    let array: Vec<Value> = serde_json::from_str(&format!("[{inner}]")).expect("elements");
    array.into_iter()
}

fn gemini_shown(events: impl Iterator<Item = Value>, choices: u32) -> Shown {
    let mut seen = vec![(String::new(), None); choices as usize];
    for event in events {
        for candidate in event["candidates"].as_array().into_iter().flatten() {
            let seen = &mut seen[candidate["index"].as_u64().expect("an index") as usize];
            for part in candidate["content"]["parts"]
                .as_array()
                .into_iter()
                .flatten()
            {
                seen.0 += part["text"].as_str().unwrap_or_default();
            }
            if let Some(reason) = candidate["finishReason"].as_str() {
                assert_eq!(seen.1, None, "a candidate ends once");
                seen.1 = Some(reason.to_owned());
            }
        }
    }
    seen
}
