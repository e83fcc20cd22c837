//! What tests share: a canary policy pack and a guard over it. Vegetables stand in for harm.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use wardgate::codec::{Codec, Lane, ReadLimits, Telling};
use wardgate::detect::SignalId;
use wardgate::guard::{Context, Guard, Record};
use wardgate::message::{Audience, AudienceSource, Band, Direction, Language, Output};
use wardgate::policy::{self, Action, AppPolicies, Detection, Mode, PolicySet, Scene, Source};

use crate::spoken::Spoken;

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

/// A context over the canary pack, for a stream whose events tell their text so.
pub fn context(codec: &'static dyn Codec, mode: Mode, telling: Telling) -> Arc<Context> {
    let set = canary();
    Arc::new(Context {
        selection: Arc::clone(&set.selections[0]),
        doubtful: false,
        set,
        scene: scene(Direction::Output),
        carried: Vec::<SignalId>::new(),
        talk: Default::default(),
        language: Language::En,
        mode,
        hold: Default::default(),
        codec,
        telling,
        read: ReadLimits {
            depth: 64,
            parts: 4096,
        },
        held_bytes: 64 * 1024,
        scored_bytes: 128 * 1024,
        closing: Default::default(),
        sight: Default::default(),
        nudge: None,
        exchange: "test".into(),
    })
}

/// Everything a guard lets out of a dialect's stream cut into `chunks`.
pub fn guard_stream(
    spoken: &Spoken,
    chunks: impl IntoIterator<Item = Bytes>,
    mode: Mode,
) -> (Vec<u8>, Arc<Notes>) {
    let notes = Arc::new(Notes::default());
    let record: Arc<dyn Record> = Arc::<Notes>::clone(&notes);
    let mut guard = Guard::new(
        context(spoken.codec(), mode, spoken.telling),
        record,
        spoken.framing,
    );
    let mut frames = spoken.frames();
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
