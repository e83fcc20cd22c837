//! Sound, pictures and numbers over real sockets: the words beside them are judged, and what nobody
//! looks into is told in the audit.

use http::{Method, StatusCode};
use serde_json::json;

use crate::gateway::{Gateway, Reply, percent};

const FILTERED: &str = "This cannot be shown.";
const FORM: [(&str, &str); 1] = [("content-type", "multipart/form-data; boundary=b")];

/// A form with these fields and a file under `file`.
fn form(file: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let part = |head: &str, value: &str| {
        format!("--b\r\ncontent-disposition: form-data; {head}\r\n\r\n{value}\r\n")
    };
    let fields = fields
        .iter()
        .map(|(name, value)| part(&format!("name=\"{name}\""), value));
    let bytes = match file {
        "image" => wardgate::picture::drawing::plain(8, 8),
        _ => b"\x01raw".to_vec(),
    };
    let head = part(&format!("name=\"{file}\"; filename=\"a.bin\""), "");
    let head = head.trim_end_matches("\r\n").to_owned() + "\r\n\r\n";
    let end = format!("\r\n{}--b--\r\n", fields.collect::<String>());
    [head.into_bytes(), bytes, end.into_bytes()].concat()
}

/// A transcript of sound in which `said` is heard, in some format.
async fn heard(gateway: &Gateway, said: &str, format: &str) -> Reply {
    let mut fields = vec![("model", "m"), ("prompt", "a talk about soup")];
    match format {
        "stream" => fields.push(("stream", "true")),
        format => fields.push(("response_format", format)),
    }
    let said = percent(said);
    let headers = [FORM[0], ("x-mock-answer", &said)];
    let path = "/v1/audio/transcriptions";
    gateway
        .send(Method::POST, path, &headers, form("file", &fields))
        .await
}

fn text(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.body).into_owned()
}

#[tokio::test]
async fn texts_to_be_embedded_are_judged() {
    let gateway = Gateway::start("").await;
    let ask = |input: serde_json::Value| json!({"model": "m", "input": input});
    let path = "/v1/embeddings";
    for input in [json!("a turnip"), json!(["a pear", "a turnip"])] {
        let reply = gateway.post(path, &[], &ask(input)).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        assert_eq!(reply.error_code(), "content_filter");
    }
    assert!(gateway.mock.seen().is_empty());
    let reply = gateway.post(path, &[], &ask(json!(["a", "bc"]))).await;
    assert_eq!(reply.json()["data"][1]["embedding"][3], 2);
    gateway.post(path, &[], &ask(json!("a radish pear"))).await;
    let forwarded = gateway.forwarded()["input"].to_string();
    assert!(
        !forwarded.contains("radish") && forwarded.contains("pear"),
        "{forwarded}"
    );
}

#[tokio::test]
async fn words_to_be_spoken_are_judged_and_their_sound_passes() {
    let gateway = Gateway::start("").await;
    let ask = |input: &str, how: &str, format: &str| {
        json!({"model": "m", "voice": "v", "input": input, "instructions": how,
            "stream_format": format})
    };
    let path = "/v1/audio/speech";
    for (input, how) in [("a turnip", "softly"), ("a pear", "like a turnip")] {
        let reply = gateway.post(path, &[], &ask(input, how, "sse")).await;
        assert_eq!(reply.error_code(), "content_filter", "{input} {how}");
    }
    assert!(gateway.mock.seen().is_empty());
    let whole = gateway
        .post(path, &[], &ask("a pear", "softly", "audio"))
        .await;
    assert_eq!(&whole.body[..], b"ID3\0mock");
    assert_eq!(whole.headers["content-type"], "audio/mpeg");
    let events = gateway
        .post(path, &[], &ask("a pear", "softly", "sse"))
        .await;
    assert!(text(&events).contains("speech.audio.delta"));
    let failed = [("x-mock-status", "500")];
    let failed = gateway
        .post(path, &failed, &ask("a pear", "", "audio"))
        .await;
    assert_eq!(failed.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(failed.json()["error"]["message"], "as scripted");
    let lines = gateway.audit();
    assert!(lines[..2].iter().all(|line| line["unseen"].is_null()));
    assert!(
        lines[2..]
            .iter()
            .all(|line| line["unseen"] == json!(["audio"]))
    );
    assert!(lines.iter().all(|line| line["not_inspected"] == false));
    let metrics = gateway.gate.metrics.render();
    assert!(metrics.contains("wardgate_unseen_total{app=\"test\",what=\"audio\"} 3"));
}

#[tokio::test]
async fn a_transcript_is_judged_however_it_is_written() {
    let gateway = Gateway::start("").await;
    let formats = ["json", "text", "srt", "vtt", "verbose_json", "stream"];
    for format in formats {
        let clean = heard(&gateway, "Soup of leeks for four.", format).await;
        assert_eq!(clean.status, StatusCode::OK, "{format}");
        assert!(text(&clean).contains("leeks"), "{format}: {clean:?}");
        let cut = heard(&gateway, "Soup of one turnip for four people", format).await;
        let told = text(&cut);
        assert!(
            !told.contains("turnip") && !told.contains("four"),
            "{format}: {told}"
        );
        assert!(
            told.contains("Soup of") && told.contains(FILTERED),
            "{format}: {told}"
        );
        let redacted = heard(&gateway, "Soup with a radish on top", format).await;
        let told = text(&redacted);
        assert!(!told.contains("radish"), "{format}: {told}");
        assert!(told.contains("top"), "{format}: {told}");
        assert!(!told.contains("\"tokens\":[1"), "{format}: {told}");
    }
    let prompt = form("file", &[("model", "m"), ("prompt", "a turnip")]);
    let before = gateway.mock.seen().len();
    let path = "/v1/audio/translations";
    let reply = gateway.send(Method::POST, path, &FORM, prompt).await;
    assert_eq!(reply.error_code(), "content_filter");
    assert_eq!(gateway.mock.seen().len(), before);
}

#[tokio::test]
async fn captions_stay_captions() {
    let gateway = Gateway::start("").await;
    let cut = heard(&gateway, "Soup of leeks with turnip", "srt").await;
    let expect = format!(
        "1\n00:00:00,000 --> 00:00:01,000\nSoup of leeks\n\n2\n00:00:01,000 --> 00:00:02,000\nwith \n{FILTERED}\n"
    );
    assert_eq!(text(&cut), expect);
}

#[tokio::test]
async fn streamed_pictures_pass_once_they_and_their_prompt_were_judged() {
    let gateway = Gateway::start("").await;
    let ask =
        |prompt: &str| json!({"model": "m", "prompt": prompt, "stream": true, "partial_images": 2});
    let path = "/v1/images/generations";
    let refused = gateway.post(path, &[], &ask("a turnip")).await;
    assert_eq!(refused.error_code(), "moderation_blocked");
    assert!(gateway.mock.seen().is_empty());
    let drawn = gateway.post(path, &[], &ask("a pear")).await;
    assert_eq!(drawn.headers["content-type"], "text/event-stream");
    assert_eq!(text(&drawn).matches("event: image_generation.").count(), 3);
    let edit = form("image", &[("prompt", "a pear"), ("stream", "true")]);
    let edited = gateway
        .send(Method::POST, "/v1/images/edits", &FORM, edit)
        .await;
    assert!(text(&edited).contains("image_edit.completed"));
    let raw = "event: image_generation.completed\ndata: {\"type\":\"image_generation.completed\",\"b64_json\":\"a\",\"revised_prompt\":\"a turnip\"}\n\n";
    let raw = percent(raw);
    let told = gateway
        .post(path, &[("x-mock-raw", &raw)], &ask("a pear"))
        .await;
    assert!(text(&told).contains("moderation_blocked") && !text(&told).contains("b64_json"));
    let lines = gateway.audit();
    assert!(lines.iter().all(|line| line["unseen"].is_null()));
    assert_eq!(lines[1]["pictures"].as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn a_variation_is_a_picture_that_was_looked_at() {
    let gateway = Gateway::start("").await;
    let path = "/v1/images/variations";
    let body = form("image", &[("n", "2"), ("user", "u1")]);
    let reply = gateway.send(Method::POST, path, &FORM, body).await;
    assert_eq!(reply.json()["data"].as_array().map(Vec::len), Some(2));
    let body = form("image", &[("note", "a turnip")]);
    let refused = gateway.send(Method::POST, path, &FORM, body).await;
    assert_eq!(refused.error_code(), "moderation_blocked");
    let line = &gateway.audit()[0];
    assert!(line["unseen"].is_null());
    assert_eq!(line["pictures"].as_array().map(Vec::len), Some(3));
    assert_eq!(gateway.mock.seen().len(), 1);
}
