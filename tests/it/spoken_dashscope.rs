//! DashScope's streams: events that tell what is new, and events that tell all of the text.

use serde_json::{Value, json};
use wardgate::codec::{Framing, Telling};

use crate::spoken::{Deltas, Shown, Spoken, events};

/// Events that tell what is new.
pub const PIECES: Spoken = Spoken {
    path: "/api/v1/services/aigc/text-generation/generation",
    framing: Framing::Events,
    telling: Telling::Pieces,
    choices: 3,
    stopped: "stop",
    filtered: "content_filter",
    write: |deltas, choices| dashscope_pieces(deltas, choices, |text| json!(text)),
    read: dashscope_shown,
    follow: dashscope_follow,
};

/// Events that tell all of the text, which nobody said.
pub const FOUND_OUT: Spoken = Spoken {
    path: "/api/v1/services/aigc/multimodal-generation/generation",
    framing: Framing::Events,
    telling: Telling::Unsaid,
    choices: 1,
    stopped: "stop",
    filtered: "content_filter",
    write: |deltas, _| {
        dashscope_whole(deltas, |text, reason| {
            let message = json!({"role": "assistant", "content": [{"text": text}]});
            json!({"choices": [{"finish_reason": reason, "message": message}]})
        })
    },
    read: dashscope_shown_whole,
    follow: dashscope_follow,
};

/// Events that tell all of the text, in the older form.
pub const WHOLE: Spoken = Spoken {
    path: "/api/v1/services/aigc/text-generation/generation",
    framing: Framing::Events,
    telling: Telling::Whole,
    choices: 1,
    stopped: "stop",
    filtered: "content_filter",
    write: |deltas, _| {
        dashscope_whole(
            deltas,
            |text, reason| json!({"text": text, "finish_reason": reason}),
        )
    },
    read: dashscope_shown_whole,
    follow: dashscope_follow,
};

fn dashscope_event(output: &Value) -> String {
    let event = json!({"output": output, "usage": {}, "request_id": "1"});
    format!("id:1\nevent:result\n:HTTP_STATUS/200\ndata:{event}\n\n")
}

/// Each event tells what is new.
fn dashscope_pieces(deltas: &Deltas, choices: u32, content: fn(&str) -> Value) -> Vec<u8> {
    let event = |choice: u32, text: &str, reason: &str| {
        let message = json!({"role": "assistant", "content": content(text)});
        let choice = json!({"index": choice, "finish_reason": reason, "message": message});
        dashscope_event(&json!({"choices": [choice]}))
    };
    let begun = (0..choices).map(|choice| event(choice, "", "null"));
    let said = deltas
        .iter()
        .map(|(choice, text)| event(*choice, text, "null"));
    let ended = (0..choices).map(|choice| event(choice, "", "stop"));
    begun
        .chain(said)
        .chain(ended)
        .collect::<String>()
        .into_bytes()
}

/// Each event tells all of it so far.
fn dashscope_whole(deltas: &Deltas, output: fn(&str, &str) -> Value) -> Vec<u8> {
    let mut told = String::new();
    let mut out = String::new();
    for (_, text) in deltas {
        told += text;
        out += &dashscope_event(&output(&told, "null"));
    }
    (out + &dashscope_event(&output(&told, "stop"))).into_bytes()
}

/// The words of every choice of an event, and how it ended.
fn dashscope_said(event: &Value) -> Vec<(usize, String, Option<String>)> {
    let output = &event["output"];
    let Some(choices) = output["choices"].as_array() else {
        return vec![(0, words(&output["text"]), reason(output))];
    };
    let said = |(at, choice): (usize, &Value)| {
        let index = choice["index"].as_u64().map_or(at, |index| index as usize);
        (index, words(&choice["message"]["content"]), reason(choice))
    };
    choices.iter().enumerate().map(said).collect()
}

fn words(content: &Value) -> String {
    match content {
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        text => text.as_str().unwrap_or_default().to_owned(),
    }
}

fn reason(of: &Value) -> Option<String> {
    let reason = of["finish_reason"]
        .as_str()
        .filter(|reason| *reason != "null");
    reason.map(str::to_owned)
}

fn dashscope_shown(stream: &[u8], choices: u32) -> Shown {
    let mut seen = vec![(String::new(), None); choices as usize];
    for (choice, text, reason) in events(stream).flat_map(|event| dashscope_said(&event)) {
        seen[choice].0 += &text;
        assert!(
            reason.is_none() || seen[choice].1.is_none(),
            "a choice ends once"
        );
        seen[choice].1 = seen[choice].1.take().or(reason);
    }
    seen
}

/// A client shows what the last event tells; none takes back what it has shown.
fn dashscope_shown_whole(stream: &[u8], _: u32) -> Shown {
    let (mut seen, mut ended) = (String::new(), None);
    for (_, text, reason) in events(stream).flat_map(|event| dashscope_said(&event)) {
        assert!(text.starts_with(&seen), "{text:?} takes back {seen:?}");
        assert_eq!(ended, None, "an answer ends once");
        (seen, ended) = (text, reason);
    }
    vec![(seen, ended)]
}

fn dashscope_follow(stream: &[u8]) {
    assert!(events(stream).all(|event| event["output"].is_object()));
}
