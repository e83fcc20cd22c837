//! Phrases split over the fields of one request, over real sockets.

use serde_json::{Value, json};

use crate::gateway::Gateway;

async fn blocked(gateway: &Gateway, path: &str, body: Value) {
    let reply = gateway.post(path, &[], &body).await;
    let action = reply.headers.get("x-wardgate-action");
    assert!(action.is_some_and(|action| action == "block"), "{body}");
    assert!(gateway.mock.seen().is_empty(), "{body}");
}

fn message(role: &str, content: impl Into<Value>) -> Value {
    json!({"role": role, "content": content.into()})
}

#[tokio::test]
async fn a_phrase_split_over_fields_is_seen() {
    let gateway = Gateway::start("").await;
    let chat = |messages: Value| json!({"model": "m", "messages": messages});
    for messages in [
        json!([message("user", "a tur"), message("user", "nip now")]),
        json!([
            message("user", "我要紫甘"),
            message("assistant", "ok"),
            message("user", "蓝，谢谢"),
        ]),
        json!([message(
            "user",
            json!([{"type": "text", "text": "red"}, {"type": "text", "text": "cabbage"}]),
        )]),
        // Half a phrase cannot be redacted.
        json!([message("user", "a rad"), message("user", "ish")]),
    ] {
        blocked(&gateway, "/v1/chat/completions", chat(messages)).await;
    }
    let body = json!({"model": "m", "prompt": "a big tur", "negative_prompt": "nip"});
    blocked(&gateway, "/v1/images/generations", body).await;
}

#[tokio::test]
async fn what_only_meets_at_a_border_passes() {
    let gateway = Gateway::start("").await;
    let body = json!({"model": "m", "messages": [
        message("user", "a tur."), message("assistant", "Nip?"), message("user", "no, soup"),
    ]});
    gateway.post("/v1/chat/completions", &[], &body).await;
    assert_eq!(gateway.forwarded(), body);
}
