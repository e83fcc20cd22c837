//! How a response of OpenAI's realtime API is told, and read by a client: written and spoken.

use serde_json::{Value, json};
use wardgate::codec::{Framing, Telling};

use crate::spoken::{Deltas, Shown, Spoken, lines};

/// Words alone.
pub const WRITTEN: Spoken = Spoken {
    path: "/v1/realtime",
    framing: Framing::Lines,
    telling: Telling::Pieces,
    choices: 1,
    stopped: "completed",
    filtered: "content_filter",
    write: |deltas, _| write(deltas, Way::WRITTEN),
    read,
    follow: |stream| follow(stream, Way::WRITTEN),
};

/// The transcript of what is spoken.
pub const SPOKEN: Spoken = Spoken {
    write: |deltas, _| write(deltas, Way::SPOKEN),
    follow: |stream| follow(stream, Way::SPOKEN),
    ..WRITTEN
};

/// What the same words are called.
#[derive(Clone, Copy)]
struct Way {
    event: &'static str,
    part: &'static str,
    content: &'static str,
    member: &'static str,
}

impl Way {
    const WRITTEN: Self = Self {
        event: "response.output_text",
        part: "text",
        content: "output_text",
        member: "text",
    };
    const SPOKEN: Self = Self {
        event: "response.output_audio_transcript",
        part: "audio",
        content: "output_audio",
        member: "transcript",
    };

    fn item(self, status: &str, words: Option<&str>) -> Value {
        let part = words.map(|text| json!({"type": self.content, self.member: text}));
        let content: Vec<_> = part.into_iter().collect();
        json!({"id": "item_1", "object": "realtime.item", "type": "message", "status": status,
            "role": "assistant", "content": content})
    }
}

fn write(deltas: &Deltas, way: Way) -> Vec<u8> {
    let whole: String = deltas.iter().map(|(_, text)| text.as_str()).collect();
    let at = |mut event: Value| {
        event["response_id"] = json!("resp_1");
        event["item_id"] = json!("item_1");
        event["output_index"] = json!(0);
        event["content_index"] = json!(0);
        event
    };
    let response = |status: &str, output: Value| {
        json!({"response": {"object": "realtime.response", "id": "resp_1", "status": status,
            "status_details": null, "output": output, "metadata": {"note": "a turnip"}}})
    };
    let item = |status: &str, words| {
        let item = way.item(status, words);
        json!({"response_id": "resp_1", "output_index": 0, "item": item})
    };
    let part = |text: &str| at(json!({"part": {"type": way.part, way.member: text}}));
    let named = |name: &str| format!("{}.{name}", way.event);
    let mut events = vec![
        (
            "response.created".to_owned(),
            response("in_progress", json!([])),
        ),
        (
            "response.output_item.added".to_owned(),
            item("in_progress", None),
        ),
        (
            "conversation.item.added".to_owned(),
            json!({"item": way.item("in_progress", None)}),
        ),
        ("response.content_part.added".to_owned(), part("")),
    ];
    for (_, text) in deltas {
        events.push((named("delta"), at(json!({"delta": text}))));
    }
    let whole = whole.as_str();
    events.push((named("done"), at(json!({way.member: whole}))));
    events.push(("response.content_part.done".to_owned(), part(whole)));
    events.push((
        "response.output_item.done".to_owned(),
        item("completed", Some(whole)),
    ));
    let done = way.item("completed", Some(whole));
    events.push(("conversation.item.done".to_owned(), json!({"item": done})));
    events.push((
        "response.done".to_owned(),
        response("completed", json!([done])),
    ));
    let mut out = String::new();
    for (number, (name, mut event)) in events.into_iter().enumerate() {
        event["type"] = json!(name);
        event["event_id"] = json!(format!("event_{number}"));
        out += &format!("{event}\n");
    }
    out.into_bytes()
}

fn read(stream: &[u8], _: u32) -> Shown {
    let (mut text, mut ended) = (String::new(), None);
    for event in lines(stream) {
        match event["type"].as_str().expect("a type") {
            "response.output_text.delta" | "response.output_audio_transcript.delta" => {
                text += event["delta"].as_str().expect("words");
            }
            "response.done" => {
                assert_eq!(ended, None, "a response ends once");
                let details = &event["response"]["status_details"];
                let reason = details["reason"].as_str();
                ended = reason
                    .or(event["response"]["status"].as_str())
                    .map(str::to_owned);
            }
            _ => {}
        }
    }
    vec![(text, ended)]
}

/// Items follow one another, each telling of the words is the same, and the end tells them all.
fn follow(stream: &[u8], way: Way) {
    let (mut items, mut part, mut last) = (Vec::new(), None::<String>, String::new());
    let mut told = String::new();
    let said = |item: &Value| {
        let words = [
            &item["content"][0]["text"],
            &item["content"][0]["transcript"],
        ];
        words
            .iter()
            .find_map(|one| one.as_str().map(str::to_owned))
            .unwrap_or_default()
    };
    for event in lines(stream) {
        let kind = event["type"].as_str().expect("a type");
        assert!(event["event_id"].is_string(), "{event}");
        match kind {
            "response.created" => assert_eq!(last, ""),
            "response.output_item.added" => {
                assert_eq!(event["output_index"], items.len());
                items.push(event["item"]["id"].clone());
            }
            "conversation.item.added" => {}
            "response.content_part.added" => {
                assert_eq!((part.as_ref(), event.get("item_id")), (None, items.last()));
                part = Some(String::new());
            }
            "response.output_text.delta" | "response.output_audio_transcript.delta" => {
                assert_eq!(event.get("item_id"), items.last());
                let part = part.as_mut().expect("a part is open");
                *part += event["delta"].as_str().expect("words");
            }
            "response.output_text.done" => assert_eq!(event["text"].as_str(), part.as_deref()),
            "response.output_audio_transcript.done" => {
                assert_eq!(event["transcript"].as_str(), part.as_deref());
            }
            "response.content_part.done" => {
                let words = event["part"]
                    .get("text")
                    .or(event["part"].get("transcript"));
                assert_eq!(words.and_then(Value::as_str), part.as_deref());
            }
            "response.output_item.done" => {
                let words = part.take().expect("a part was open");
                assert_eq!(said(&event["item"]), words);
                assert_eq!(event["item"].get("id"), items.last());
                told += &words;
            }
            "conversation.item.done" => assert_eq!(said(&event["item"]), told),
            "response.done" => {
                assert_eq!(part, None, "the part was closed");
                let output = event["response"]["output"].as_array().expect("items");
                assert_eq!(
                    output.iter().map(said).collect::<String>(),
                    told,
                    "{}",
                    way.member
                );
            }
            other => panic!("{other}"),
        }
        last = kind.to_owned();
    }
    assert_eq!(last, "response.done");
}
