//! What tests share: a canary policy pack and a guard over it. Vegetables stand in for harm.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use wardgate::codec::sse::Frames;
use wardgate::codec::{self, Codec, Lane, ReadLimits};
use wardgate::detect::SignalId;
use wardgate::guard::{Context, Guard, Record};
use wardgate::message::{Audience, AudienceSource, Band, Direction, Language, Output};
use wardgate::policy::{self, Action, AppPolicies, Detection, Mode, PolicySet, Scene, Source};

/// A pack whose every action is set off by a neutral word.
pub const CANARY: &str = include_str!("../data/policies/canary.yaml");

/// Words of the pack that withhold text by themselves.
pub const WITHHELD: [&str; 9] = [
    "turnip",
    "red cabbage",
    "紫甘蓝",
    "大头菜根",
    "radish",
    "sweet potato",
    "小萝卜",
    "asparagus",
    "芦笋尖",
];

/// Words that matter only in company, or only for the record.
pub const COMPANY: [&str; 7] = [
    "celery",
    "西芹段",
    "fennel",
    "茴香球",
    "recipe",
    "spinach",
    "parsnip",
];

/// The canary pack as a source file.
pub fn canary_source() -> Source {
    Source {
        path: "canary.yaml".into(),
        text: CANARY.into(),
        shipped: false,
    }
}

/// The canary pack, compiled once.
pub fn canary() -> Arc<PolicySet> {
    static SET: std::sync::OnceLock<Arc<PolicySet>> = std::sync::OnceLock::new();
    Arc::clone(SET.get_or_init(|| {
        let app = AppPolicies {
            app: "test".into(),
            level: 1,
            ..AppPolicies::default()
        };
        let set = policy::compile(&[canary_source()], &[app]);
        Arc::new(set.unwrap_or_else(|problems| panic!("{problems}")))
    }))
}

/// What a guard reported.
#[derive(Debug, Default)]
pub struct Notes {
    pub detections: Mutex<Vec<(String, Action)>>,
    pub ended: Mutex<Option<(Action, String)>>,
    pub failed: Mutex<Option<&'static str>>,
    pub complete: Mutex<bool>,
}

impl Record for Notes {
    fn detection(&self, detection: &Detection, _: Lane, _: &str) {
        let rule = canary().rule(detection.rule).id.to_string();
        self.detections
            .lock()
            .unwrap()
            .push((rule, detection.action));
    }
    fn ended(&self, action: Action, rule: &str) {
        *self.ended.lock().unwrap() = Some((action, rule.to_owned()));
    }
    fn failed(&self, code: &'static str) {
        *self.failed.lock().unwrap() = Some(code);
    }
    fn held(&self, _: usize) {}
    fn sent(&self, _: usize) {}
    fn complete(&self) {
        *self.complete.lock().unwrap() = true;
    }
}

/// The scene of an answer to a child.
pub fn scene(direction: Direction) -> Scene {
    let audience = Audience {
        band: Band::Unknown,
        source: AudienceSource::App,
    };
    Scene {
        direction,
        output: Output::Text,
        audience,
    }
}

/// A context over the canary pack.
pub fn context(codec: &'static dyn Codec, mode: Mode) -> Arc<Context> {
    let set = canary();
    Arc::new(Context {
        selection: Arc::clone(&set.selections[0]),
        set,
        scene: scene(Direction::Output),
        carried: Vec::<SignalId>::new(),
        talk: Default::default(),
        language: Language::En,
        mode,
        codec,
        read: ReadLimits {
            depth: 64,
            parts: 4096,
        },
        held_bytes: 64 * 1024,
        closing: Default::default(),
        nudge: None,
        exchange: "test".into(),
    })
}

/// The chat dialect.
pub fn chat() -> &'static dyn Codec {
    codec::for_path("/v1/chat/completions").expect("chat completions are a dialect")
}

/// Everything a guard lets out of a stream cut into `chunks`.
pub fn guard_stream(chunks: impl IntoIterator<Item = Bytes>, mode: Mode) -> (Vec<u8>, Arc<Notes>) {
    let notes = Arc::new(Notes::default());
    let record: Arc<dyn Record> = Arc::<Notes>::clone(&notes);
    let mut guard = Guard::new(context(chat(), mode), record);
    let mut frames = Frames::new();
    let mut out = Vec::new();
    for chunk in chunks {
        frames.push(chunk);
        while let Some(frame) = frames.next_frame() {
            guard.frame(frame.expect("the tests send valid frames"));
        }
        out.extend(guard.take().unwrap_or_default());
    }
    while let Some(frame) = frames.finish() {
        guard.frame(frame.expect("the tests send valid frames"));
    }
    guard.finish();
    out.extend(guard.take().unwrap_or_default());
    (out, notes)
}

/// A chat stream in which choice k says its texts, delta by delta, as OpenAI sends it.
pub fn chat_stream(deltas: &[(u32, String)], choices: u32) -> Vec<u8> {
    let chunk = |choice: u32, delta: serde_json::Value, finish: Option<&str>| {
        let event = serde_json::json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": choice, "delta": delta, "logprobs": null, "finish_reason": finish}],
        });
        format!("data: {event}\n\n")
    };
    let mut out = String::new();
    for choice in 0..choices {
        out += &chunk(
            choice,
            serde_json::json!({"role": "assistant", "content": ""}),
            None,
        );
    }
    for (choice, text) in deltas {
        out += &chunk(*choice, serde_json::json!({"content": text}), None);
    }
    for choice in 0..choices {
        out += &chunk(choice, serde_json::json!({}), Some("stop"));
    }
    out += "data: [DONE]\n\n";
    out.into_bytes()
}

/// The text that a client that follows the protocol shows for each choice, and how it ended.
pub fn shown(stream: &[u8], choices: u32) -> Vec<(String, Option<String>)> {
    let mut seen = vec![(String::new(), None); choices as usize];
    for event in std::str::from_utf8(stream).expect("UTF-8").split("\n\n") {
        let Some(data) = event.strip_prefix("data: ") else {
            continue;
        };
        if data == "[DONE]" {
            continue;
        }
        let event: serde_json::Value = serde_json::from_str(data).expect("events are JSON");
        for choice in event["choices"].as_array().into_iter().flatten() {
            let index = choice["index"].as_u64().expect("an index") as usize;
            if let Some(text) = choice["delta"]["content"].as_str() {
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
