//! Frameworks and gateways that bring clients of their own: langchain-openai, LiteLLM (as a client and as
//! a proxy that asks wardgate), the Vercel AI SDK.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use http::StatusCode;
use serde_json::{Value, json};

use super::cases::{SEEING, embedded, pictured};
use super::wanted::{denied, failed};
use super::{Case, Client, OPENAI_PYTHON, case, check, root, skip};
use crate::gateway::{Gateway, Reply, fetch};

/// The interpreter that has them: their pins and those of the official SDKs exclude each other.
pub fn python() -> PathBuf {
    root().join(".clients/frameworks/bin/python")
}

pub(super) const LANGCHAIN: Client = Client {
    program: "frameworks",
    script: "scenarios_langchain.py",
    probe: ["-c", "import langchain_openai"],
    failed: "OpenAIAPIError",
    more: &[SEEING, NUMBERS],
    ..OPENAI_PYTHON
};

pub(super) const LITELLM: Client = Client {
    program: "frameworks",
    script: "scenarios_litellm.py",
    probe: [
        "-c",
        "import importlib.util as u; assert u.find_spec('litellm')",
    ],
    more: &[SEEING, DRAWING_BY_LITELLM],
    ..OPENAI_PYTHON
};

pub(super) const AI_SDK: Client = Client {
    program: "node",
    script: "scenarios_ai.mjs",
    probe: ["-e", "require('ai'); require('@ai-sdk/openai')"],
    filtered: "content-filter",
    called: "tool-calls",
    denied: "AI_APICallError",
    failed: "AI_APICallError",
    more: &[SEEING, DRAWING],
    ..OPENAI_PYTHON
};

pub(super) const AI_SDK_RESPONSES: Client = Client {
    flavour: "responses",
    ..AI_SDK
};

const NUMBERS: &[Case] = &[
    case("embedding allowed", "embedding", "a boat", embedded),
    case("embedding blocked", "embedding", "a turnip", denied),
];

const DRAWING: &[Case] = &[
    case("image allowed", "image", "a boat", pictured),
    case("image blocked", "image", "a turnip", denied),
    case("image blocked for what it shows", "image", "a boat", denied).drawing("a turnip"),
    case("image redacted", "image", "a boat and a radish", pictured),
    case("image supported", "image", "asparagus", denied),
    case("image fails", "image", "a boat", failed).failing(500),
    case("embedding allowed", "embedding", "a boat", embedded),
    case("embedding blocked", "embedding", "a turnip", denied),
];

const DRAWING_BY_LITELLM: &[Case] = &[
    case("image allowed", "image", "a boat", pictured),
    case("image blocked", "image", "a turnip", declined),
    case(
        "image blocked for what it shows",
        "image",
        "a boat",
        declined,
    )
    .drawing("a turnip"),
    case("image redacted", "image", "a boat and a radish", pictured),
    case("image supported", "image", "asparagus", declined),
    case("image fails", "image", "a boat", failed).failing(500),
    case("embedding allowed", "embedding", "a boat", embedded),
    case("embedding blocked", "embedding", "a turnip", declined),
];

/// LiteLLM has classes of its own for what a server refuses, and drops its code.
fn declined(result: &Value, _: &Client) {
    assert_eq!(result["ok"], false);
    let class = result["error"]["class"].as_str().unwrap_or_default();
    assert!(
        ["BadRequestError", "ContentPolicyViolationError"].contains(&class),
        "{class}"
    );
    assert_eq!(result["error"]["status"], 400);
    assert!(!result["error"]["message"].to_string().contains("turnip"));
}

#[test]
fn langchain_openai_parses_everything() {
    check(&LANGCHAIN);
}

#[test]
fn litellm_parses_everything() {
    check(&LITELLM);
}

#[test]
fn the_ai_sdk_parses_everything() {
    check(&AI_SDK);
}

#[test]
fn the_ai_sdk_parses_every_response() {
    check(&AI_SDK_RESPONSES);
}

/// Opens a LiteLLM proxy on loopback for the length of a test. Without one it asks its database.
const PROXY_KEY: &str = "sk-only-for-this-test";

/// A LiteLLM proxy; it ends with its standard input, and so when dropped.
struct Proxy {
    url: String,
    child: Child,
}

impl Proxy {
    fn start(config: &std::path::Path) -> Self {
        let mut child = Command::new(python())
            .arg(root().join("tests/clients/litellm_proxy.py"))
            .arg(config)
            .env("LITELLM_MASTER_KEY", PROXY_KEY)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it was found before");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut ports = lines
            .map_while(Result::ok)
            .filter_map(|line| line.parse::<u16>().ok());
        let port = ports.next().expect("it serves, and says where");
        let url = format!("http://127.0.0.1:{port}/v1/chat/completions");
        Self { url, child }
    }

    async fn ask(&self, model: &str, prompt: &str, stream: bool) -> Reply {
        let messages = json!([{"role": "user", "content": prompt}]);
        let body = json!({"model": model, "stream": stream, "messages": messages});
        let key = format!("Bearer {PROXY_KEY}");
        fetch(&self.url, &[("authorization", &key)], &body).await
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// LiteLLM in front, the model behind it, wardgate beside it.
#[tokio::test]
async fn litellm_asks_wardgate_and_does_what_it_says() {
    if !python().exists() {
        return skip("skipped: no LiteLLM proxy");
    }
    let gateway = Gateway::start("").await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("litellm.yaml");
    let config = format!(
        "model_list:
  - model_name: mock
    litellm_params: {{model: openai/mock, api_base: \"{model}/v1\", api_key: none, max_retries: 0}}
  - model_name: careless
    litellm_params:
      model: openai/mock
      api_base: \"{model}/v1\"
      api_key: none
      max_retries: 0
      extra_headers: {{x-mock-answer: \"Soup%2C%20then%20a%20turnip\"}}
guardrails:
  - guardrail_name: wardgate
    litellm_params:
      guardrail: generic_guardrail_api
      mode: [pre_call, post_call]
      api_base: {guard}
      default_on: true
      streaming_transform_mode: incremental_diff
      streaming_sampling_rate: 1
",
        model = gateway.mock.url(),
        guard = gateway.url
    );
    fs::write(&path, config).expect("the folder is writable");
    let proxy = Proxy::start(&path);
    let told = |reply: &Reply| String::from_utf8_lossy(&reply.body).into_owned();
    for stream in [false, true] {
        let allowed = proxy.ask("mock", "repeat: Soup for four", stream).await;
        assert_eq!(allowed.status, StatusCode::OK, "{}", told(&allowed));
        assert!(told(&allowed).contains("four"), "{}", told(&allowed));
        let asked = gateway.mock.seen().len();
        let blocked = proxy.ask("mock", "repeat: a turnip", stream).await;
        assert_eq!(
            blocked.status,
            StatusCode::BAD_REQUEST,
            "{}",
            told(&blocked)
        );
        assert!(
            told(&blocked).contains("This cannot be shown."),
            "{}",
            told(&blocked)
        );
        assert_eq!(gateway.mock.seen().len(), asked, "the model never saw it");
        let redacted = proxy
            .ask("mock", "repeat: Soup with a radish on top", stream)
            .await;
        assert_eq!(redacted.status, StatusCode::OK, "{}", told(&redacted));
        assert!(!gateway.forwarded().to_string().contains("radish"));
        assert!(!told(&redacted).contains("radish") && told(&redacted).contains("top"));
        let asked = gateway.mock.seen().len();
        let cut = proxy.ask("careless", "what is for dinner?", stream).await;
        assert_eq!(gateway.mock.seen().len(), asked + 1, "the model answered");
        let told = told(&cut);
        assert!(!told.contains("turnip"), "{told}");
        assert!(told.contains("This cannot be shown."), "{told}");
    }
    let lines = gateway.audit();
    let ways: Vec<_> = lines.iter().map(|line| &line["dialect"]).collect();
    assert!(
        lines.len() >= 10 && ways.iter().all(|way| *way == "litellm.guardrail"),
        "{ways:?}"
    );
}
