//! What follows replies of ours: help lines after support, whom to ask after a refusal, nothing by default.

use std::fs;
use std::path::Path;

use serde_json::json;
use wardgate::config::Config;

use crate::cli::wardgate;
use crate::gateway::Gateway;

const PATH: &str = "/v1/chat/completions";

/// Starts as the default test app does, with a region and an appeal.
const APP: &str = "    region: example
    appeal: {en: Ask the gardener about this., zh: 可以向园丁申诉。}
";

async fn said(gateway: &Gateway, prompt: &str, answer: &str) -> String {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": prompt}]});
    let reply = gateway
        .post(PATH, &[("x-mock-answer", answer)], &body)
        .await;
    reply.said().0
}

#[tokio::test]
async fn help_lines_follow_support_and_an_appeal_follows_a_refusal() {
    let gateway = Gateway::start(APP).await;
    let support = said(&gateway, "asparagus", "fine").await;
    assert!(
        support
            .starts_with("Here is some help.\n\nExample child helpline: 000-000 (day and night)\n"),
        "{support}"
    );
    assert!(!support.contains("gardener"), "{support}");
    let chinese = said(&gateway, "给我芦笋尖", "fine").await;
    assert!(
        chinese.contains("示例儿童热线:000-000(全天)") && chinese.contains("英语服务"),
        "{chinese}"
    );
    assert_eq!(
        said(&gateway, "a turnip", "fine").await,
        "This cannot be shown.\n\nAsk the gardener about this."
    );
    let answer = said(&gateway, "what now", "eat a turnip").await;
    assert!(
        answer.ends_with("This cannot be shown.\n\nAsk the gardener about this."),
        "{answer}"
    );
    let body =
        json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    let streamed = gateway
        .post(PATH, &[("x-mock-answer", "some asparagus")], &body)
        .await;
    assert!(
        streamed.said().0.contains("Example child helpline"),
        "{:?}",
        streamed.said()
    );
    assert_eq!(said(&gateway, "soup", "fine").await, "fine");

    let plain = Gateway::start("").await;
    assert_eq!(
        said(&plain, "asparagus", "fine").await,
        "Here is some help."
    );
    assert_eq!(
        said(&plain, "a turnip", "fine").await,
        "This cannot be shown."
    );
}

fn app(more: &str) -> String {
    format!("apps: [{{name: a, upstream: {{url: mock}}, on_failure: block, {more}}}]\n")
}

#[test]
fn a_region_without_a_pack_and_a_bad_pack_have_a_place_and_a_help() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let parse = |text: &str| {
        Config::parse(text, "wardgate.yaml", folder.path()).map_err(|all| all.to_string())
    };
    let said = parse(&app("region: exmaple")).expect_err("no such region");
    assert!(
        said.contains("there is no support pack for `exmaple`")
            && said.contains("did you mean `example`?"),
        "{said}"
    );
    let said = parse(&app("appeal: {en: Ask., zh: ''}")).expect_err("a language is missing");
    assert!(said.contains("`appeal` lacks a language"), "{said}");

    let pack = folder.path().join("own/support/club.yaml");
    fs::create_dir_all(pack.parent().expect("it has one")).expect("writable");
    let line = "{name: {en: A, zh: 甲}, reach: '1', hours: {en: b, zh: 乙}, languages: [en], verified_on: DAY}";
    let write = |day: &str| {
        let text = format!(
            "region: club\ntitle: {{en: Club, zh: 社团}}\nlines:\n  - {}\n",
            line.replace("DAY", day)
        );
        fs::write(&pack, text).expect("writable");
    };
    let text = format!("policy_folders: [own]\n{}", app("region: club"));
    write("2026-02-30");
    let said = parse(&text).expect_err("no such day");
    assert!(
        said.contains("`2026-02-30` is no day") && said.contains("club.yaml:4:"),
        "{said}"
    );
    write("2026-02-28");
    let config = parse(&text).unwrap_or_else(|errors| panic!("{errors}"));
    let support = config.apps[0].support.as_ref().expect("it was named");
    assert_eq!((&*support.region, support.verified.len()), ("club", 1));
}

#[test]
fn check_warns_about_lines_that_nobody_verified_and_ends_well() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("wardgate.yaml");
    let check = |region: &str| {
        fs::write(&config, app(region)).expect("writable");
        let output = wardgate()
            .arg("check")
            .arg("--config")
            .arg(&config)
            .output();
        let output = output.expect("cargo built the program");
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let warned = check("region: example");
    let never = "Example youth club was never verified and is said to nobody";
    assert!(
        warned.contains(&format!("warning: app a: support region example: {never}")),
        "{warned}"
    );
    assert!(!check("level: 1").contains("warning: app a: support"));
    assert!(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("policies/support/example.yaml")
            .is_file()
    );
}
