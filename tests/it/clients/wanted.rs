//! What the result of a scenario has to be.

use serde_json::{Value, json};

use super::{Client, REFUSED, SOUP};

pub fn text(result: &Value) -> &str {
    result["text"][0].as_str().unwrap_or_default()
}

pub fn ended(result: &Value, reason: &str) {
    assert_eq!(result["ok"], true);
    let reasons = result["finish_reason"].as_array().expect("a list");
    assert!(
        !reasons.is_empty() && reasons.iter().all(|one| one == reason),
        "ended otherwise"
    );
}

pub fn whole(result: &Value, client: &Client) {
    ended(result, client.stopped);
    assert_eq!(result["text"], json!([SOUP]));
}

pub fn both_whole(result: &Value, client: &Client) {
    ended(result, client.stopped);
    assert_eq!(result["text"], json!([SOUP, SOUP]));
}

pub fn refused(result: &Value, client: &Client) {
    ended(result, client.filtered);
    assert_eq!(text(result), REFUSED);
}

pub fn cut(result: &Value, client: &Client) {
    ended(result, client.filtered);
    let texts = result["text"].as_array().expect("a list");
    assert!(
        texts
            .iter()
            .all(|text| text.as_str().is_some_and(|text| text.ends_with(REFUSED)))
    );
    assert!(!result["text"].to_string().contains("turnip"));
    assert!(!result["text"].to_string().contains("then more"));
}

/// The end of one answer ends the stream: the other stops where it stood.
pub fn both_cut(result: &Value, client: &Client) {
    ended(result, client.filtered);
    assert!(result["text"].to_string().contains(REFUSED));
    assert!(!result["text"].to_string().contains("turnip"));
    assert!(!result["text"].to_string().contains("then more"));
}

pub fn redacted(result: &Value, client: &Client) {
    ended(result, client.stopped);
    assert!(text(result).starts_with("Soup with a ") && text(result).ends_with(" on top."));
    assert!(!text(result).contains("radish"));
}

pub fn supported(result: &Value, client: &Client) {
    ended(result, client.stopped);
    assert_eq!(text(result), "Here is some help.");
}

pub fn helped(result: &Value, client: &Client) {
    ended(result, client.stopped);
    assert!(text(result).ends_with("Here is some help."));
    assert!(!text(result).contains("asparagus"));
}

pub fn nudged(result: &Value, client: &Client) {
    ended(result, client.stopped);
    assert_eq!(text(result), "Soup of parsnip.\n\nEat well.");
}

pub fn listed(result: &Value, _: &Client) {
    assert_eq!(result["ok"], true);
    let names = result["text"].as_array().expect("a list");
    assert!(!names.is_empty() && names.iter().all(|name| name == "mock"));
}

pub fn counted(result: &Value, _: &Client) {
    assert_eq!(result["ok"], true);
    assert_eq!(result["images"], 3);
}

pub fn called(result: &Value, client: &Client) {
    ended(result, client.called);
    assert_eq!(result["tools"], json!([["look_up", "{\"word\":\"soup\"}"]]));
}

/// A redacted word does not end the call.
pub fn called_without(result: &Value, client: &Client) {
    ended(result, client.called);
    let calls = result["tools"].as_array().expect("a list");
    assert_eq!(calls.len(), 1);
    assert!(!result["tools"].to_string().contains("radish"));
}

pub fn not_called(result: &Value, client: &Client) {
    ended(result, client.filtered);
    assert!(!result["tools"].to_string().contains("rutabaga"));
}

pub fn denied(result: &Value, client: &Client) {
    assert_eq!(result["ok"], false);
    assert_eq!(result["error"]["class"], client.denied);
    assert!(result["error"]["code"].is_string(), "an error has a code");
    assert!(!result["error"]["message"].to_string().contains("turnip"));
}

pub fn failed(result: &Value, client: &Client) {
    assert_eq!(result["ok"], false);
    assert_eq!(result["error"]["class"], client.failed);
    assert!(
        result["error"]["status"]
            .as_u64()
            .is_some_and(|status| status >= 500)
    );
}
