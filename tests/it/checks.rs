//! The APIs that wardgate answers itself: moderations, its own check, LiteLLM's guardrail contract.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use proptest::prelude::*;
use serde_json::{Value, json};
use wardgate::codec::ReadLimits;
use wardgate::codec::check::{CHECKS, for_path};
use wardgate::picture::drawing;

use crate::addresses::Shelf;
use crate::gateway::{Gateway, Reply};
use crate::pictures::{cloth, code, url, with_chunk};

const MODERATE: &str = "/v1/moderations";
const CHECK: &str = "/guard/v1/check";
const LITELLM: &str = "/beta/litellm_basic_guardrail_api";
const FILTERED: &str = "This cannot be shown.";

/// An app of children, and behind prefixes one of adults, one that lets pass what nobody can read, one
/// that refuses pictures that lie elsewhere.
const APPS: &str = "apps:
  - name: children
    upstream: {url: UPSTREAM}
    on_failure: block
  - name: adults
    match: {path_prefix: /adults}
    upstream: {url: UPSTREAM}
    audience: {default: adult}
    on_failure: block
  - name: open
    match: {path_prefix: /open}
    upstream: {url: UPSTREAM}
    on_failure: allow
    image_urls: unseen
  - name: closed
    match: {path_prefix: /closed}
    upstream: {url: UPSTREAM}
    on_failure: block
    image_urls: refuse
";

async fn ask(gateway: &Gateway, path: &str, body: Value) -> Value {
    let reply: Reply = gateway.post(path, &[], &body).await;
    assert_eq!(reply.status, StatusCode::OK, "{:?}", reply.body);
    reply.json()
}

#[tokio::test]
async fn moderations_come_from_wardgates_own_policies() {
    let gateway = Gateway::with_config(APPS).await;
    let input = json!([
        "a pear",
        "a turnip",
        "How do I bypass the parental controls on my tablet?"
    ]);
    let answer = ask(&gateway, MODERATE, json!({"model": "m", "input": input})).await;
    let results = answer["results"].as_array().expect("a list");
    let flags: Vec<_> = results.iter().map(|one| &one["flagged"]).collect();
    assert_eq!(flags, [false, true, true]);
    let none = |result: &Value| {
        let all = result["categories"].as_object().expect("categories");
        all.len() == 13 && all.values().all(|one| one == false)
    };
    assert!(
        none(&results[0]) && none(&results[1]),
        "canaries have no category"
    );
    assert_eq!(results[1]["wardgate"]["rules"][0]["rule"], "CAN-010");
    assert_eq!(results[1]["wardgate"]["rules"][0]["span"], json!([2, 8]));
    assert_eq!(results[2]["categories"]["illicit"], true);
    assert_eq!(results[2]["category_scores"]["illicit"], 1.0);
    assert_eq!(results[2]["categories"]["sexual"], false);
    assert_eq!(
        results[2]["category_applied_input_types"]["illicit"],
        json!(["text"])
    );

    let parts = json!([{"type": "text", "text": "a turnip"}, {"type": "text", "text": "a pear"}]);
    let together = ask(&gateway, MODERATE, json!({"input": parts})).await;
    assert_eq!(together["results"].as_array().map(Vec::len), Some(1));
    assert_eq!(together["results"][0]["flagged"], true);
    let helped = ask(&gateway, MODERATE, json!({"input": "asparagus"})).await;
    let verdict = &helped["results"][0]["wardgate"];
    assert_eq!(
        (&verdict["action"], &verdict["reply"]),
        (&json!("support"), &json!("Here is some help."))
    );
    // What a child may not, an adult may: the app's audience counts.
    let leek = json!({"input": "a leek"});
    assert_eq!(
        ask(&gateway, MODERATE, leek.clone()).await["results"][0]["flagged"],
        true
    );
    let adult = ask(&gateway, "/adults/v1/moderations", leek).await;
    assert_eq!(adult["results"][0]["flagged"], false);
    assert_eq!(
        adult["results"][0]["wardgate"]["rules"][0]["action"],
        "flag"
    );

    let get = gateway.send(Method::GET, MODERATE, &[], "").await;
    assert_eq!(get.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(gateway.mock.seen().is_empty(), "no model is asked");
    let lines = gateway.audit();
    assert_eq!(lines[0]["dialect"], "openai.moderations");
    assert_eq!(lines[0]["app"], "children");
    assert_eq!(lines[0]["action"], "block");
    assert!(!lines[0].to_string().contains("turnip"));
}

#[tokio::test]
async fn a_check_says_what_the_road_would_do() {
    let gateway = Gateway::with_config(APPS).await;
    let clean = ask(&gateway, CHECK, json!({"text": "a pear"})).await;
    assert_eq!(
        (&clean["action"], &clean["text"]),
        (&json!("allow"), &json!("a pear"))
    );
    let blocked = ask(&gateway, CHECK, json!({"text": "a turnip"})).await;
    assert_eq!(
        (&blocked["action"], &blocked["reply"]),
        (&json!("block"), &json!(FILTERED))
    );
    assert_eq!(
        (&blocked["rule"], &blocked["text"]),
        (&json!("CAN-010"), &Value::Null)
    );
    assert_eq!(blocked["rules"][0]["at"], "/text");
    let redacted = ask(
        &gateway,
        CHECK,
        json!({"text": "a radish pie", "direction": "output"}),
    )
    .await;
    assert_eq!(redacted["action"], "redact");
    let text = redacted["text"].as_str().expect("a text");
    assert!(text.starts_with("a ") && text.ends_with(" pie") && !text.contains("radish"));
    let messages = json!([{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "an okra pie"}]}]);
    let rewritten = ask(&gateway, CHECK, json!({"messages": messages})).await;
    assert_eq!(rewritten["action"], "rewrite");
    assert_eq!(rewritten["guidance"], "Speak of fruit.");
    assert!(!rewritten["messages"].to_string().contains("okra"));
    assert_eq!(rewritten["rules"][0]["at"], "/messages/1/content/0/text");
    // The rule is about prompts: the same words pass in an answer.
    let said =
        json!([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "an okra pie"}]);
    let answer = ask(
        &gateway,
        CHECK,
        json!({"messages": said, "direction": "output"}),
    )
    .await;
    assert_eq!(answer["action"], "allow");
    let nudged = ask(
        &gateway,
        CHECK,
        json!({"text": "parsnip", "direction": "output"}),
    )
    .await;
    assert_eq!(
        (&nudged["action"], &nudged["reply"]),
        (&json!("nudge"), &json!("Eat well."))
    );
    let gated = gateway.audit();
    assert!(
        gated
            .iter()
            .any(|line| line["detections"][0]["direction"] == "output")
    );
    let metrics = gateway.gate.metrics.render();
    assert!(metrics.contains("dialect=\"guard.check\""));
}

#[tokio::test]
async fn a_callers_word_on_the_audience_only_protects() {
    let gateway = Gateway::with_config(APPS).await;
    let leek = |audience: &str| json!({"text": "a leek", "audience": audience});
    let child = ask(&gateway, "/adults/guard/v1/check", leek("8-11")).await;
    assert_eq!(child["action"], "block");
    assert_eq!(
        ask(&gateway, "/adults/guard/v1/check", leek("18+")).await["action"],
        "flag"
    );
    assert_eq!(ask(&gateway, CHECK, leek("18+")).await["action"], "block");
    for (body, code) in [
        (leek("grown"), "wrong_type"),
        (json!({}), "missing_field"),
        (json!({"text": "a", "messages": []}), "missing_field"),
        (json!({"text": 7}), "wrong_type"),
        (json!({"text": "a", "direction": "up"}), "wrong_type"),
        (json!({"text": "a", "output": "film"}), "wrong_type"),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "film"}]}]}),
            "unknown_part",
        ),
    ] {
        let reply = gateway.post(CHECK, &[], &body).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        assert_eq!(reply.error_code(), code, "{body}");
    }
}

fn shown(url: &str) -> Value {
    json!({"type": "image_url", "image_url": {"url": url}})
}

#[tokio::test]
async fn moderations_look_at_pictures_or_say_that_nobody_could() {
    let gateway = Gateway::with_config(APPS).await;
    let words = |text: &str| json!({"type": "text", "text": text});
    let moderate = async |input: Value| {
        let answer = ask(&gateway, MODERATE, json!({"input": input})).await;
        assert_eq!(answer["results"].as_array().map(Vec::len), Some(1));
        answer["results"][0].clone()
    };
    let pear = shown(&url(&code("pear")));
    for (input, flagged) in [
        (json!([pear]), false),
        (json!([words("soup"), pear]), false),
        (json!([words("a swede"), pear]), true), // A code beside a word.
        (json!([pear, words("a swede")]), true),
        (json!([words("soup"), shown(&url(&code("turnip")))]), true),
        (json!([shown(&url(&cloth()))]), true), // On the list of known ones.
    ] {
        assert_eq!(moderate(input.clone()).await["flagged"], flagged, "{input}");
    }
    let applied = |result: &Value| result["category_applied_input_types"].clone();
    let (alone, both) = (
        applied(&moderate(json!([pear])).await),
        applied(&moderate(json!([words("soup"), pear])).await),
    );
    assert_eq!(
        (&alone["sexual"], &alone["hate"]),
        (&json!(["image"]), &json!([]))
    );
    assert_eq!(
        (&both["sexual"], &both["hate"]),
        (&json!(["text", "image"]), &json!(["text"]))
    );
    // An answer's picture is judged as one.
    let chard = json!({"input": [shown(&url(&code("chard")))], "direction": "output"});
    let answer = ask(&gateway, MODERATE, chard).await;
    assert_eq!(answer["results"][0]["flagged"], true);
    // "Not flagged" would say that somebody had looked, whatever the app lets pass unseen.
    let damaged = url(&STANDARD.encode(&drawing::plain(40, 40)[..60]));
    for (picture, code) in [
        ("https://example.com/a.png", "picture_url"),
        ("data:text/plain;base64,AAAA", "unreadable_picture"),
        ("data:image/png;base64,AAAA", "unreadable_picture"),
        ("file-123", "unreadable_picture"),
        (&damaged, "unreadable_picture"),
    ] {
        for path in [MODERATE, "/open/v1/moderations"] {
            let input = json!({"input": [words("soup"), shown(picture)]});
            let refused = gateway.post(path, &[], &input).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{path}: {picture}");
            assert_eq!(refused.error_code(), code, "{path}: {picture}");
        }
    }
    let reply = gateway
        .post(MODERATE, &[], &json!({"input": [{"type": "image_url"}]}))
        .await;
    assert_eq!(reply.error_code(), "wrong_type");
    let lines = gateway.audit();
    assert_eq!(lines[0]["pictures"][0]["direction"], "prompt");
    assert!(!format!("{lines:?}").contains("turnip"));
}

#[tokio::test]
async fn verdicts_are_of_what_lies_at_an_address_where_the_app_has_it_fetched() {
    let shelf = Shelf::open();
    let gateway = Gateway::start(&shelf.config("")).await;
    for (word, harms) in [("pear", false), ("turnip", true)] {
        let (picture, text) = (shelf.url(&format!("/{word}.png")), "soup");
        for direction in ["prompt", "output"] {
            let input = json!([{"type": "text", "text": text}, shown(&picture)]);
            let body = json!({"input": input, "direction": direction});
            let answer = ask(&gateway, MODERATE, body).await;
            assert_eq!(answer["results"][0]["flagged"], harms, "{word} {direction}");
            let content = json!([{"type": "text", "text": text}, shown(&picture)]);
            let messages = json!([{"role": "user", "content": content}]);
            let body = json!({"messages": messages, "direction": direction});
            let answer = ask(&gateway, CHECK, body).await;
            assert_eq!(answer["action"] == "block", harms, "{word} {direction}");
        }
        let body = litellm("request", &[text], json!({"images": [picture]}));
        let action = if harms { "BLOCKED" } else { "NONE" };
        assert_eq!(ask(&gateway, LITELLM, body).await["action"], action);
    }
    for (url, code) in [
        ("https://example.com/a.png".to_owned(), "picture_url"),
        ("http://127.0.0.1:1/a.png".to_owned(), "picture_url"),
    ] {
        let body = json!({"input": [shown(&url)]});
        let refused = gateway.post(MODERATE, &[], &body).await;
        assert_eq!(refused.error_code(), code, "{url}");
    }
    assert!(gateway.mock.seen().is_empty(), "no model is asked");
}

#[tokio::test]
async fn pictures_beside_texts_are_judged_for_other_gateways_too() {
    let gateway = Gateway::with_config(APPS).await;
    let placed = STANDARD.encode(with_chunk(
        b"iTXt",
        b"XML:com.adobe.xmp\0\0\0\0\0<x exif:GPSLatitude='1'/>",
    ));
    // wardgate's own endpoint: refused, redacted, as it came.
    let check = async |picture: &str| {
        let content = json!([{"type": "text", "text": "soup"}, shown(&url(picture))]);
        let body = json!({"messages": [{"role": "user", "content": content}]});
        ask(&gateway, CHECK, body).await
    };
    assert_eq!(check(&code("turnip")).await["action"], "block");
    let clean = check(&code("pear")).await;
    assert_eq!(clean["action"], "allow");
    assert_eq!(
        clean["messages"][0]["content"][1]["image_url"]["url"],
        url(&code("pear"))
    );
    let grey = check(&placed).await;
    let went = &grey["messages"][0]["content"][1]["image_url"]["url"];
    assert_eq!(grey["action"], "redact");
    assert!(
        went.as_str()
            .is_some_and(|went| went.starts_with("data:") && *went != url(&placed))
    );
    // LiteLLM's contract: what cannot be edited is blocked; what lies elsewhere is the app's to say.
    let told = async |path: &str, picture: &str| {
        let body = litellm("request", &["soup"], json!({"images": [picture]}));
        gateway
            .post(
                &format!("{path}/beta/litellm_basic_guardrail_api"),
                &[],
                &body,
            )
            .await
    };
    for (picture, action) in [
        (code("pear"), "NONE"),
        (code("turnip"), "BLOCKED"),
        (placed, "BLOCKED"),
    ] {
        assert_eq!(told("", &url(&picture)).await.json()["action"], action);
    }
    let address = "https://example.com/a.png";
    assert_eq!(told("/open", address).await.json()["action"], "NONE");
    let lines = gateway.audit();
    assert_eq!(lines.last().expect("a line")["unseen"], json!(["picture"]));
    assert_eq!(told("/closed", address).await.error_code(), "picture_url");
    let chard = litellm(
        "response",
        &["soup"],
        json!({"images": [url(&code("chard"))]}),
    );
    assert_eq!(ask(&gateway, LITELLM, chard).await["action"], "BLOCKED");
}

fn litellm(kind: &str, texts: &[&str], more: Value) -> Value {
    let mut body = json!({"input_type": kind, "texts": texts, "request_data": {"user_api_key_alias": "turnip"},
        "litellm_call_id": "c", "images": null, "tools": null, "model": "m"});
    let members = more.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(members);
    body
}

#[tokio::test]
async fn litellm_is_told_what_to_do() {
    let gateway = Gateway::with_config(APPS).await;
    let told = async |kind: &str, texts: &[&str], more: Value| {
        ask(&gateway, LITELLM, litellm(kind, texts, more)).await
    };
    let clean = told("request", &["a pear"], json!({})).await;
    assert_eq!(clean["action"], "NONE");
    let blocked = told("request", &["a pear", "a turnip"], json!({})).await;
    assert_eq!(
        (&blocked["action"], &blocked["blocked_reason"]),
        (&json!("BLOCKED"), &json!(FILTERED))
    );
    let messages =
        json!([{"role": "system", "content": "a turnip"}, {"role": "user", "content": "hi"}]);
    let system = told("request", &["hi"], json!({"structured_messages": messages})).await;
    assert_eq!(
        system["action"], "BLOCKED",
        "what stands in the messages alone is judged too"
    );
    let messages = json!([{"role": "user", "content": "a radish pie"}, {"role": "assistant", "content": "yes"}, {"role": "user", "content": "go on"}]);
    let more = json!({"structured_messages": messages, "images": ["data:image/png;base64,AA"]});
    // What is known of who asks may name pictures that no model sees.
    let about =
        json!({"logo": code("turnip"), "avatar": "http://example.com/a.png", "file_id": "f"});
    let beside = told("request", &["a pear"], json!({"request_data": about})).await;
    assert_eq!(beside["action"], "NONE", "{beside}");
    let shown = told("request", &["a pear"], json!({"images": [code("turnip")]})).await;
    assert_eq!(shown["action"], "BLOCKED", "{shown}");
    let edited = told("request", &["a radish pie", "yes", "go on"], more).await;
    assert_eq!(edited["action"], "GUARDRAIL_INTERVENED");
    assert!(!edited["texts"][0].to_string().contains("radish"));
    assert_eq!(
        (&edited["texts"][1], &edited["texts"][2]),
        (&json!("yes"), &json!("go on"))
    );
    let guided = told("request", &["an okra pie"], json!({})).await;
    let text = guided["texts"][0].as_str().expect("a text");
    assert!(
        text.ends_with("Speak of fruit.") && !text.contains("okra"),
        "{text}"
    );
    let call = |word: &str| json!({"tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": format!("{{\"a\": \"{word}\"}}")}}]});
    for word in ["turnip", "radish"] {
        let called = told("response", &[], call(word)).await;
        assert_eq!(
            called["action"], "BLOCKED",
            "{word}: calls cannot be edited"
        );
    }
    assert_eq!(
        told("response", &["fine"], call("pear")).await["action"],
        "NONE"
    );
    let words = json!({"additional_provider_specific_params": {"audience": "8-11"}});
    let body = litellm("request", &["a leek"], words);
    let adult = ask(&gateway, "/adults/beta/litellm_basic_guardrail_api", body).await;
    assert_eq!(adult["action"], "BLOCKED");
    let lines = gateway.audit();
    assert!(
        lines
            .iter()
            .any(|line| line["unseen"] == json!(["picture"]))
    );
    assert!(
        lines
            .iter()
            .all(|line| line["dialect"] == "litellm.guardrail")
    );
}

#[tokio::test]
async fn litellm_holds_back_what_may_still_become_something() {
    let gateway = Gateway::with_config(APPS).await;
    let held = async |text: &str| {
        let body = litellm("response", &[text, "Here is a pear. "], json!({}));
        let answer = ask(&gateway, LITELLM, body).await;
        let held = answer["stream_holdback_chars"].clone();
        let held: Vec<u64> = serde_json::from_value(held).expect("numbers");
        assert_eq!(held.len(), 2, "one for each text");
        held
    };
    let undecided = held("Here is a red cab").await;
    assert_eq!(undecided[0], 7);
    assert!(
        undecided[1] < 7,
        "a text that says nothing is not held whole"
    );
    let request = litellm("request", &["a red cab"], json!({}));
    let answer = ask(&gateway, LITELLM, request).await;
    assert!(answer["stream_holdback_chars"].is_null());
}

const LIMITS: ReadLimits = ReadLimits {
    depth: 64,
    parts: 1000,
};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10_000) })]

    /// Any bytes: a question or an error, never a panic, and no error repeats the text.
    #[test]
    fn any_bytes_are_read_or_refused(
        start in prop::sample::select(vec!["", "{\"input\":", "{\"text\":", "{\"input_type\":\"request\",\"texts\":["]),
        middle in "(beetroot|[\\[\\]{}\",:0-9]|type|text|null){0,12}",
    ) {
        let body = bytes::Bytes::from(format!("{start}{middle}"));
        for check in CHECKS {
            if let Err(error) = check.read(&body, &LIMITS) {
                prop_assert!(!error.message.contains("beetroot"), "{}", error.message);
            }
        }
    }
}

#[test]
fn every_row_of_a_table_is_single_and_paths_differ() {
    for check in CHECKS {
        let mut seen = std::collections::HashSet::new();
        assert!(
            check
                .fields()
                .iter()
                .all(|field| field.at.starts_with('/') && seen.insert(field.at))
        );
        assert_eq!(
            for_path(check.path()).map(|found| found.name()),
            Some(check.name())
        );
    }
    assert!(for_path("/v1/moderation").is_none());
}
