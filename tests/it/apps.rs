//! Apps: who is who, what each may change, what none may.

use std::sync::Arc;

use futures_util::future::join_all;
use http::StatusCode;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::gateway::{Gateway, Stream};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn ask(text: &str) -> serde_json::Value {
    json!({"model": "m", "messages": [{"role": "user", "content": text}]})
}

#[tokio::test]
async fn apps_are_recognised_by_path_and_key() {
    let key = hex(&Sha256::digest(b"sk-school"));
    let gateway = Gateway::with_config(&format!(
        "apps:
  - name: school
    match: {{path_prefix: /school, bearer_sha256: [{key}]}}
    upstream: {{url: UPSTREAM}}
    on_failure: block
  - name: kitchen
    match: {{path_prefix: /kitchen}}
    upstream: {{url: UPSTREAM}}
    policies: [CAN-020]
    on_failure: block
"
    ))
    .await;
    let path = "/v1/chat/completions";
    let school = format!("/school{path}");
    let kitchen = format!("/kitchen{path}");
    let bearer = [
        ("authorization", "Bearer sk-school"),
        ("x-mock-answer", "fine"),
    ];
    let known = gateway.post(&school, &bearer, &ask("a turnip")).await;
    assert_eq!(known.said().1, "content_filter");
    let stranger = gateway
        .post(&school, &[("authorization", "Bearer other")], &ask("hi"))
        .await;
    assert_eq!(
        (stranger.status, stranger.error_code().as_str()),
        (StatusCode::NOT_FOUND, "unknown_app")
    );
    let cook = gateway
        .post(&kitchen, &[("x-mock-answer", "fine")], &ask("a turnip"))
        .await;
    assert_eq!(cook.said().0, "fine", "the kitchen does not use CAN-010");
    assert_eq!(gateway.mock.seen()[0].path, path, "the prefix is taken off");
    let lines = gateway.audit();
    assert_eq!(lines[0]["app"], "school");
    assert_eq!(lines[2]["app"], "kitchen");
}

#[tokio::test]
async fn only_trusted_peers_name_the_audience() {
    for (peers, action) in [("127.0.0.0/8", "flag"), ("10.0.0.0/8", "block")] {
        let gateway = Gateway::start(&format!(
            "    audience: {{default: minor, header: x-age-band, trusted_peers: [{peers}]}}\n    overrides: {{}}\n"
        ))
        .await;
        let headers = [("x-age-band", "18+"), ("x-mock-answer", "fine")];
        gateway
            .post("/v1/chat/completions", &headers, &ask("leek"))
            .await;
        assert_eq!(gateway.audit()[0]["action"], action, "{peers}");
    }
}

#[tokio::test]
async fn an_app_may_lower_its_own_rules_and_allow_phrases() {
    let gateway = Gateway::start(
        "    overrides: {CAN-010: {action: flag}}\n    allow: [\"radish festival\"]\n",
    )
    .await;
    let lowered = gateway.chat("a turnip", "fine", Stream::No).await;
    assert_eq!(lowered.said().0, "fine");
    gateway
        .chat("the radish festival and a radish", "fine", Stream::No)
        .await;
    let forwarded = gateway.forwarded()["messages"][0]["content"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(forwarded, "the radish festival and a [removed]");
    for stream in [Stream::No, Stream::Yes] {
        let answer = gateway
            .chat("hi", "a radish festival, a radish", stream)
            .await;
        assert_eq!(
            answer.said().0,
            "a radish festival, a [removed]",
            "{stream:?}"
        );
    }
}

#[tokio::test]
async fn nobody_lowers_the_wall() {
    let gateway = Gateway::start(
        "    mode: observe\n    level: 1\n    policies: [CAN-020]\n    audience: {default: adult}\n    allow: [\"一键脱衣 我同学的照片\"]\n",
    )
    .await;
    let reply = gateway
        .post(
            "/v1/images/generations",
            &[],
            &json!({"model": "m", "prompt": "一键脱衣 我同学的照片"}),
        )
        .await;
    assert_eq!(reply.error_code(), "moderation_blocked", "{:?}", reply.body);
}

#[tokio::test]
async fn identical_questions_share_one_upstream_call() {
    let gateway = Arc::new(Gateway::start("    cache: {ttl_secs: 60, max_bytes: 1000000}\n").await);
    for stream in [false, true] {
        let body = json!({"model": "m", "stream": stream, "messages": [{"role": "user", "content": "the same"}]});
        let before = gateway.mock.seen().len();
        let headers = [("x-mock-answer", "good%20day"), ("x-mock-delay-ms", "20")];
        let all =
            join_all((0..16).map(|_| gateway.post("/v1/chat/completions", &headers, &body))).await;
        assert_eq!(gateway.mock.seen().len() - before, 1);
        assert!(all.windows(2).all(|pair| pair[0].body == pair[1].body));
        let leaders = all
            .iter()
            .filter(|reply| reply.headers["x-wardgate-cache"] == "miss")
            .count();
        assert_eq!(leaders, 1);
    }
}

#[tokio::test]
async fn a_reload_changes_new_exchanges_and_bad_policies_keep_the_old_set() {
    use wardgate::app::Live;
    let gateway = Gateway::start("").await;
    assert_eq!(
        gateway.chat("a turnip", "fine", Stream::No).await.said().1,
        "content_filter"
    );
    let old = gateway.gate.live.load_full();
    let mut config = old.config.clone();
    let same = Live::load(config.clone(), Some(&old)).expect("a good set");
    assert!(
        Arc::ptr_eq(&same.set, &old.set),
        "the same is not compiled anew"
    );
    config.apps[0].policies.policies = vec!["CAN-020".to_owned()];
    gateway.gate.live.store(Arc::new(
        Live::load(config.clone(), Some(&old)).expect("a good set"),
    ));
    assert_eq!(
        gateway.chat("a turnip", "fine", Stream::No).await.said().0,
        "fine"
    );
    config.apps[0].policies.policies = vec!["no-such-policy".to_owned()];
    let problems = Live::load(config, Some(&old))
        .err()
        .expect("an unknown policy is a problem");
    assert!(problems.contains("no-such-policy"), "{problems}");
    assert_eq!(
        gateway.chat("a radish", "fine", Stream::No).await.said().0,
        "fine"
    );
}
