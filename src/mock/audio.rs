//! The mock's sound: it reads out nothing, and hears what its script or the prompt says.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::script::Script;
use super::shape::{Answer, FORM_LIMITS, Says, content_type};
use crate::codec::{multipart, sse};

/// What stands for sound, as bytes and in base64: no decoder would play it.
const SOUND: &[u8] = b"ID3\x00mock";
const SOUND_BASE64: &str = "SUQzAG1vY2s=";

/// `POST /v1/audio/speech`.
pub fn speech(body: &Value, _: &Script) -> Answer {
    if body["stream_format"] != "sse" {
        return Answer {
            status: StatusCode::OK,
            content_type: "audio/mpeg",
            chunks: vec![SOUND.into()],
        };
    }
    let usage = json!({"input_tokens": 1, "output_tokens": 1, "total_tokens": 2});
    let events = [
        json!({"type": "speech.audio.delta", "audio": SOUND_BASE64}),
        json!({"type": "speech.audio.done", "usage": usage}),
    ];
    stream(&events)
}

fn stream(events: &[Value]) -> Answer {
    let frames = events.iter().map(|event| sse::frame(&event.to_string()));
    Answer {
        status: StatusCode::OK,
        content_type: "text/event-stream",
        chunks: frames.collect(),
    }
}

/// `POST /v1/audio/transcriptions` and `/v1/audio/translations`.
pub fn transcript(headers: &HeaderMap, body: &Bytes, script: &Script) -> Answer {
    let Ok(fields) = multipart::read(content_type(headers), body, &FORM_LIMITS) else {
        return Answer::error(StatusCode::BAD_REQUEST, "the form cannot be read");
    };
    let value = |name: &str| {
        let field = fields.iter().find(|field| field.name == name);
        field.map_or("".into(), |field| {
            String::from_utf8_lossy(&body[field.value.clone()])
        })
    };
    let text = match Says::read(&value("prompt"), "mock", script) {
        Says::Text(text) => text,
        Says::Tool { name, .. } => name,
    };
    let usage = json!({"type": "duration", "seconds": 1});
    if value("stream") == "true" {
        let mut events: Vec<_> = (script.deltas(&text).into_iter())
            .map(|piece| json!({"type": "transcript.text.delta", "delta": piece}))
            .collect();
        events.push(json!({"type": "transcript.text.done", "text": text}));
        return stream(&events);
    }
    let plain = |content_type, text: String| Answer {
        status: StatusCode::OK,
        content_type,
        chunks: vec![text.into()],
    };
    match &*value("response_format") {
        "text" => plain("text/plain; charset=utf-8", format!("{text}\n")),
        "srt" => plain("text/plain; charset=utf-8", captions("", ',', &text)),
        "vtt" => plain(
            "text/vtt; charset=utf-8",
            captions("WEBVTT\n\n", '.', &text),
        ),
        "verbose_json" => Answer::document(StatusCode::OK, &verbose(&text)),
        _ => Answer::document(StatusCode::OK, &json!({"text": text, "usage": usage})),
    }
}

/// A cue per half of the words, a second each.
fn halves(text: &str) -> Vec<String> {
    let words: Vec<_> = text.split_inclusive(' ').collect();
    let half = words.len().div_ceil(2).max(1);
    words.chunks(half).map(|half| half.concat()).collect()
}

fn captions(head: &str, point: char, text: &str) -> String {
    let cues = halves(text).into_iter().enumerate().map(|(index, words)| {
        let time = |second: usize| format!("00:00:{second:02}{point}000");
        let (from, to) = (time(index), time(index + 1));
        format!("{}\n{from} --> {to}\n{}\n\n", index + 1, words.trim_end())
    });
    format!("{head}{}", cues.collect::<String>())
}

fn verbose(text: &str) -> Value {
    let segments: Vec<_> = (halves(text).iter().enumerate())
        .map(|(index, words)| {
            json!({"id": index, "seek": 0, "start": index, "end": index + 1, "text": words,
                "tokens": [1, 2], "temperature": 0.0, "avg_logprob": -0.5,
                "compression_ratio": 1.0, "no_speech_prob": 0.1})
        })
        .collect();
    let words: Vec<_> = (text.split_whitespace().enumerate())
        .map(|(index, word)| json!({"word": word, "start": index, "end": index + 1}))
        .collect();
    json!({"task": "transcribe", "language": "english", "duration": 2.0, "text": text,
        "segments": segments, "words": words})
}
