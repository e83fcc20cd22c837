//! What models see of pictures, over real sockets: words in pixels are judged as words, in prompts and
//! in answers, and only for apps that ask. Skipped where nobody fetched the models.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::{Value, json};
use wardgate::models;

use crate::gateway::{Gateway, percent};

/// A drawing with words, in base64.
fn page(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pictures/words");
    STANDARD.encode(fs::read(folder.join(format!("{name}.png"))).expect("readable"))
}

fn vision(picture: &str) -> Value {
    let url = format!("data:image/png;base64,{picture}");
    json!({"model": "m", "messages": [{"role": "user", "content": [
        {"type": "text", "text": "what is this"}, {"type": "image_url", "image_url": {"url": url}},
    ]}]})
}

/// A gateway with models and these policies of the tests' pack; nothing where they are not there.
async fn gateway(policies: &str) -> Option<Gateway> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    if let Err(why) = models::TEXT.read(&folder) {
        eprintln!("SKIPPED: {why}; run `wardgate models fetch`");
        let required = std::env::var_os("WARDGATE_REQUIRE_MODELS").is_some();
        assert!(!required, "{why}");
        return None;
    }
    let config = format!(
        "models: ../models\nlimits: {{look_timeout_secs: 300}}\napps: [{{name: test, upstream: {{url: UPSTREAM}}, on_failure: block, \
         {policies}}}]"
    );
    Some(Gateway::with_config(&config).await)
}

#[tokio::test]
async fn words_in_pixels_are_judged_as_words() {
    let Some(gateway) = gateway("policies: [canary, spelt]").await else {
        return;
    };
    let chat = async |name: &str| {
        let before = gateway.mock.seen().len();
        let reply = gateway
            .post("/v1/chat/completions", &[], &vision(&page(name)))
            .await;
        (reply, gateway.mock.seen().len() > before)
    };
    for name in ["dark", "feet"] {
        let (reply, asked) = chat(name).await;
        assert!(!asked, "{name}");
        assert_eq!(reply.said().1, "content_filter", "{name}: {reply:?}");
    }
    for name in ["none", "han"] {
        let (reply, asked) = chat(name).await;
        assert!(asked, "{name}: {reply:?}");
        assert_eq!(reply.status, StatusCode::OK, "{name}");
    }
    // An answer's picture is withheld for its words.
    let draw = json!({"model": "m", "prompt": "a poster"});
    let answer = |name: &str| json!({"created": 1, "data": [{"b64_json": page(name)}]});
    let drawn = async |name: &str| {
        let raw = percent(&answer(name).to_string());
        let headers = [("x-mock-raw", &*raw)];
        gateway
            .post("/v1/images/generations", &headers, &draw)
            .await
    };
    assert_eq!(drawn("none").await.json(), answer("none"));
    assert_eq!(drawn("plain").await.error_code(), "moderation_blocked");
}

#[tokio::test]
async fn words_are_only_read_for_apps_that_ask() {
    let Some(gateway) = gateway("policies: [canary]").await else {
        return;
    };
    let reply = gateway
        .post("/v1/chat/completions", &[], &vision(&page("dark")))
        .await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    assert_eq!(gateway.mock.seen().len(), 1);
}
