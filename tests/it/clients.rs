//! The official OpenAI SDKs for Python and Node talk through wardgate: whatever it does to a prompt
//! or an answer, they parse it.
//!
//! `.ci/run` installs both SDKs, pinned, and sets WARDGATE_REQUIRE_CLIENTS=1, so that nothing is
//! skipped there. Elsewhere a missing interpreter or SDK is said and skipped.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use wardgate::mock::Mock;

use crate::cli::Served;
use crate::support::CANARY;

/// A word that is harmless to ask about and withheld from answers: tool arguments come from prompts.
const OUTPUT_ONLY: &str = "
policy: clients
title: {en: Output only, zh: 仅输出}
reference: none; test only
signals:
  told: {words: [rutabaga]}
replies:
  refusal.clients: {en: This cannot be shown., zh: 这段内容不能显示。}
rules:
  - {id: CLI-010, title: Told, status: stable, level: 1, severity: 2, applies: {direction: [output]}, when: told, action: block, reply: refusal.clients, false_positives: [cooks]}
";

/// What wardgate says instead of a withheld text.
const REFUSED: &str = "This cannot be shown.";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A client that is installed, or why it is not.
fn client(program: &str, script: &str, probe: &[&str]) -> Result<Command, String> {
    let sdk = root().join(".clients/node");
    let own = root().join(".clients/python/bin/python");
    let program = match program {
        "python3" if own.exists() => own,
        other => PathBuf::from(other),
    };
    let found = Command::new(&program)
        .args(probe)
        .current_dir(if sdk.exists() { &sdk } else { root() })
        .output();
    match found {
        Ok(output) if output.status.success() => {
            let mut command = Command::new(program);
            command.arg(root().join("tests/clients").join(script));
            command.env("OPENAI_SDK", sdk);
            Ok(command)
        }
        Ok(_) => Err(format!(
            "skipped: {} has no openai package",
            program.display()
        )),
        Err(_) => Err(format!("skipped: no {}", program.display())),
    }
}

fn python() -> Result<Command, String> {
    client("python3", "scenarios.py", &["-c", "import openai"])
}

fn node() -> Result<Command, String> {
    client("node", "scenarios.mjs", &["-e", "require('openai')"])
}

/// A scenario and what its result has to be.
struct Case {
    name: &'static str,
    kind: &'static str,
    prompt: &'static str,
    /// What the model answers; by default it greets.
    answer: Option<&'static str>,
    /// The upstream's status.
    status: u16,
    choices: u32,
    wanted: fn(&Value),
}

const fn case(
    name: &'static str,
    kind: &'static str,
    prompt: &'static str,
    wanted: fn(&Value),
) -> Case {
    Case {
        name,
        kind,
        prompt,
        answer: None,
        status: 200,
        choices: 1,
        wanted,
    }
}

impl Case {
    const fn answered(mut self, answer: &'static str) -> Self {
        self.answer = Some(answer);
        self
    }

    const fn failing(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    const fn twice(mut self) -> Self {
        self.choices = 2;
        self
    }

    fn line(&self) -> String {
        let mut headers = json!({});
        if let Some(answer) = self.answer {
            headers["x-mock-answer"] = answer.into();
        }
        if self.status != 200 {
            headers["x-mock-status"] = self.status.to_string().into();
        }
        let scenario = json!({
            "name": self.name, "kind": self.kind, "prompt": self.prompt,
            "headers": headers, "n": self.choices,
        });
        format!("{scenario}\n")
    }
}

const SOUP: &str = "A plain soup of leeks, for four people.";

const CASES: &[Case] = &[
    case("chat allowed", "chat", "soup?", whole).answered(SOUP),
    case("stream allowed", "stream", "soup?", whole).answered(SOUP),
    case("stream of two allowed", "stream", "soup?", both_whole)
        .answered(SOUP)
        .twice(),
    case("chat blocked", "chat", "a turnip", refused),
    case("stream blocked", "stream", "a turnip", refused),
    case("answer blocked", "chat", "soup?", cut).answered("Soup first, then a turnip, then more."),
    case("streamed answer blocked", "stream", "soup?", cut)
        .answered("Soup first, then a turnip, then more."),
    case("streamed answers blocked", "stream", "soup?", both_cut)
        .answered("Soup first, then a turnip, then more.")
        .twice(),
    case("answer redacted", "chat", "soup?", redacted).answered("Soup with a radish on top."),
    case("streamed answer redacted", "stream", "soup?", redacted)
        .answered("Soup with a radish on top."),
    case("chat supported", "chat", "asparagus", supported),
    case("stream supported", "stream", "asparagus", supported),
    case("streamed answer supported", "stream", "soup?", helped)
        .answered("Soup of asparagus, then more."),
    case(
        "tool call",
        "tools",
        "tool: look_up {\"word\":\"soup\"}",
        called,
    ),
    case(
        "streamed tool call",
        "tools_stream",
        "tool: look_up {\"word\":\"soup\"}",
        called,
    ),
    case(
        "tool call blocked",
        "tools",
        "tool: look_up {\"word\":\"rutabaga\"}",
        not_called,
    ),
    case(
        "streamed tool call blocked",
        "tools_stream",
        "tool: look_up {\"word\":\"rutabaga\"}",
        not_called,
    ),
    case("completion allowed", "completion", "soup?", whole).answered(SOUP),
    case(
        "streamed completion allowed",
        "completion_stream",
        "soup?",
        whole,
    )
    .answered(SOUP),
    case("completion blocked", "completion", "a turnip", refused),
    case(
        "streamed completion blocked",
        "completion_stream",
        "soup?",
        cut,
    )
    .answered("Soup first, then a turnip, then more."),
    case("image allowed", "image", "a boat on a lake", pictured),
    case("image blocked", "image", "a turnip", denied),
    case(
        "image edit allowed",
        "image_edit",
        "a boat on a lake",
        pictured,
    ),
    case("image edit blocked", "image_edit", "a turnip", denied),
    case("upstream overloaded", "chat", "soup?", failed).failing(500),
    case(
        "upstream overloaded before a stream",
        "stream",
        "soup?",
        failed,
    )
    .failing(500),
    case("after all that", "chat", "soup?", whole).answered(SOUP),
];

fn text(result: &Value) -> &str {
    result["text"][0].as_str().unwrap_or_default()
}

fn ended(result: &Value, reason: &str) {
    assert_eq!(result["ok"], true);
    let reasons = result["finish_reason"].as_array().expect("a list");
    assert!(
        !reasons.is_empty() && reasons.iter().all(|one| one == reason),
        "ended otherwise"
    );
}

fn whole(result: &Value) {
    ended(result, "stop");
    assert_eq!(result["text"], json!([SOUP]));
}

fn both_whole(result: &Value) {
    ended(result, "stop");
    assert_eq!(result["text"], json!([SOUP, SOUP]));
}

fn refused(result: &Value) {
    ended(result, "content_filter");
    assert_eq!(text(result), REFUSED);
}

fn cut(result: &Value) {
    ended(result, "content_filter");
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
fn both_cut(result: &Value) {
    ended(result, "content_filter");
    assert!(result["text"].to_string().contains(REFUSED));
    assert!(!result["text"].to_string().contains("turnip"));
    assert!(!result["text"].to_string().contains("then more"));
}

fn redacted(result: &Value) {
    ended(result, "stop");
    assert!(text(result).starts_with("Soup with a ") && text(result).ends_with(" on top."));
    assert!(!text(result).contains("radish"));
}

fn supported(result: &Value) {
    ended(result, "stop");
    assert_eq!(text(result), "Here is some help.");
}

fn helped(result: &Value) {
    ended(result, "stop");
    assert!(text(result).ends_with("Here is some help."));
    assert!(!text(result).contains("asparagus"));
}

fn called(result: &Value) {
    ended(result, "tool_calls");
    assert_eq!(result["tools"], json!([["look_up", "{\"word\":\"soup\"}"]]));
}

fn not_called(result: &Value) {
    ended(result, "content_filter");
    assert!(!result["tools"].to_string().contains("rutabaga"));
}

fn pictured(result: &Value) {
    assert_eq!(result["ok"], true);
    assert_eq!(result["images"], 1);
}

fn denied(result: &Value) {
    assert_eq!(result["ok"], false);
    assert_eq!(result["error"]["class"], "BadRequestError");
    assert!(result["error"]["code"].is_string(), "an error has a code");
    assert!(!result["error"]["message"].to_string().contains("turnip"));
}

fn failed(result: &Value) {
    assert_eq!(result["ok"], false);
    assert_eq!(result["error"]["class"], "InternalServerError");
    assert!(
        result["error"]["status"]
            .as_u64()
            .is_some_and(|status| status >= 500)
    );
}

/// Runs every case through a client; the results, one per case.
fn results(mut client: Command, base: &str) -> Vec<Value> {
    let mut running = client
        .arg(base)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the client was found before");
    let lines: String = CASES.iter().map(Case::line).collect();
    let mut stdin = running.stdin.take().expect("piped");
    stdin
        .write_all(lines.as_bytes())
        .expect("the client reads its scenarios");
    drop(stdin);
    let output = running.wait_with_output().expect("the client ends");
    assert!(
        output.status.success(),
        "the client ended with {}",
        output.status
    );
    let out = String::from_utf8(output.stdout).expect("UTF-8");
    out.lines()
        .map(|line| serde_json::from_str(line).expect("a result is JSON"))
        .collect()
}

fn check(client: Result<Command, String>) {
    let client = match client {
        Ok(client) => client,
        Err(skipped) => {
            let required =
                std::env::var("WARDGATE_REQUIRE_CLIENTS").is_ok_and(|value| value == "1");
            assert!(!required, "{skipped}; .ci/run installs it");
            eprintln!("{skipped}");
            return;
        }
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let _within = runtime.enter();
    let mock = runtime.block_on(Mock::start()).expect("the mock starts");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).expect("the folder is writable");
    };
    fs::create_dir(folder.path().join("policies")).expect("the folder is writable");
    write("policies/canary.yaml", CANARY);
    write("policies/clients.yaml", OUTPUT_ONLY);
    let config = format!(
        "listen: 127.0.0.1:0\npolicy_folders: [policies]\naudit: {{file: audit.jsonl}}\napps:\n  - name: clients\n    upstream: {{url: \"{}\"}}\n    on_failure: block\n    policies: [canary, clients]\n",
        mock.url()
    );
    write("wardgate.yaml", &config);
    let served = Served::start(&folder.path().join("wardgate.yaml"));
    let results = results(client, &format!("{}/v1", served.url));
    assert_eq!(results.len(), CASES.len(), "one result per scenario");
    for (case, result) in CASES.iter().zip(&results) {
        eprintln!("{}: {result}", case.name);
        assert_eq!(result["name"], case.name);
        (case.wanted)(result);
    }
}

#[test]
fn the_python_sdk_parses_everything() {
    check(python());
}

#[test]
fn the_node_sdk_parses_everything() {
    check(node());
}
