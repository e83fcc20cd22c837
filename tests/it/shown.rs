//! What pictures say is read as a text whatever is asked for, and AVIF like any other format: over real
//! sockets.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::json;

use crate::gateway::{Gateway, percent};
use crate::pictures::{CHAT, IMAGES, chat, code, edit};

/// What pictures say, and whether minors may have it.
const SAYINGS: [(&str, bool); 2] = [
    ("harbour fair, sunday at ten", true),
    ("免费领皮肤 加微信 扫码进群", false),
];

/// With the shipped policies, most of whose rules on words hold for texts.
#[tokio::test]
async fn words_in_a_drawn_picture_are_read_like_those_of_any_answer() {
    let gateway =
        Gateway::with_config("apps: [{name: test, upstream: {url: UPSTREAM}, on_failure: block}]")
            .await;
    let draw = json!({"model": "m", "prompt": "a poster of our harbour"});
    for (words, allowed) in SAYINGS {
        let answer = json!({"created": 1, "data": [{"b64_json": code(words)}]});
        let raw = percent(&answer.to_string());
        let reply = gateway.post(IMAGES, &[("x-mock-raw", &raw)], &draw).await;
        match allowed {
            true => assert_eq!(reply.json(), answer),
            false => assert_eq!(reply.error_code(), "moderation_blocked"),
        }
    }
}

/// With the shipped policies: an edit asks for a picture, and what the picture says is a text all the same.
#[tokio::test]
async fn words_in_an_uploaded_picture_are_read_like_those_of_any_prompt() {
    let gateway =
        Gateway::with_config("apps: [{name: test, upstream: {url: UPSTREAM}, on_failure: block}]")
            .await;
    for (words, allowed) in SAYINGS {
        let reply = edit(&gateway, "make it blue", words).await;
        assert_eq!(reply.status.is_success(), allowed, "{words}: {reply:?}");
        let body = json!({"prompt": "make it blue", "init_images": [code(words)]});
        let reply = gateway.post("/sdapi/v1/img2img", &[], &body).await;
        assert_eq!(reply.status.is_success(), allowed, "{words}: {reply:?}");
    }
}

/// An AVIF that libavif wrote (`tests/data/pictures/avif.py`).
pub fn avif(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pictures/avif");
    STANDARD.encode(std::fs::read(folder.join(format!("{name}.avif"))).expect("readable"))
}

#[tokio::test]
async fn avif_is_judged_like_any_other_picture() {
    let gateway = Gateway::start("").await;
    let labelled = |name: &str| format!("data:image/avif;base64,{}", avif(name));
    for (name, allowed) in [("pear", true), ("turnip", false)] {
        let before = gateway.mock.seen().len();
        let reply = gateway
            .post(CHAT, &[], &chat("soup", &labelled(name)))
            .await;
        let refused = reply.said().1 == "content_filter";
        assert_eq!(refused, !allowed, "{name}: {reply:?}");
        let bare = json!({"prompt": "soup", "init_images": [avif(name)]});
        let reply = gateway.post("/sdapi/v1/img2img", &[], &bare).await;
        assert_eq!(reply.status.is_success(), allowed, "{name}: {reply:?}");
        let asked = gateway.mock.seen().len() - before;
        assert_eq!(asked, if allowed { 2 } else { 0 }, "{name}");
        let answer = json!({"created": 1, "data": [{"b64_json": avif(name)}]});
        let raw = percent(&answer.to_string());
        let draw = json!({"model": "m", "prompt": "a pear"});
        let reply = gateway.post(IMAGES, &[("x-mock-raw", &raw)], &draw).await;
        match allowed {
            true => assert_eq!(reply.json(), answer),
            false => assert_eq!(reply.error_code(), "moderation_blocked"),
        }
    }
    // Nobody writes AVIF: what stands in its place is a PNG, and says so.
    let reply = gateway
        .post(CHAT, &[], &chat("a pear", &labelled("turned")))
        .await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    let content = &gateway.forwarded()["messages"][0]["content"];
    let went = content[1]["image_url"]["url"].as_str().expect("a data URL");
    let went = STANDARD.decode(went.strip_prefix("data:image/png;base64,").expect("a PNG"));
    let seen = wardgate::picture::look(&went.expect("base64")).expect("a picture");
    assert_eq!((seen.width, seen.height), (45, 61));
    let reply = gateway
        .post(CHAT, &[], &chat("a pear", &labelled("moving")))
        .await;
    assert_eq!(reply.error_code(), "unreadable_picture");
}
