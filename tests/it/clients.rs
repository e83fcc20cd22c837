//! The official SDKs of each dialect talk through wardgate: whatever it does to a prompt or an
//! answer, they parse it.
//!
//! `.ci/run` installs the SDKs, pinned, and sets WARDGATE_REQUIRE_CLIENTS=1, so that nothing is
//! skipped there. Elsewhere a missing interpreter or SDK is said and skipped.

mod cases;
mod frameworks;
mod matrix;
mod pictures;
mod wanted;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use wardgate::mock::Mock;

use cases::{ANTHROPIC, DASHSCOPE, DRAWN, OLLAMA, OPENAI, REALTIME, RESPONSES, SEEING};

use wanted::{
    called, called_without, cut, failed, helped, listed, not_called, nudged, redacted, refused,
    supported, whole,
};

use crate::cli::Served;
use crate::gateway::percent;
use crate::pictures::code;
use crate::support::CANARY;
use crate::wire::Authority;

/// A word that is harmless to ask about and withheld from answers: tool arguments come from prompts.
const OUTPUT_ONLY: &str = "
policy: clients
title: {en: Output only, zh: 仅输出}
reference: none; test only
signals:
  told: {words: [rutabaga]}
  cut: {words: [samphire]}
replies:
  refusal.clients: {en: This cannot be shown., zh: 这段内容不能显示。}
rules:
  - {id: CLI-010, title: Told, status: stable, level: 1, severity: 2, applies: {direction: [output]}, when: told, action: block, reply: refusal.clients, false_positives: [cooks]}
  - {id: CLI-020, title: Cut out, status: stable, level: 1, severity: 3, when: cut, action: strip, false_positives: [cooks]}
";

/// What wardgate says instead of a withheld text.
const REFUSED: &str = "This cannot be shown.";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// One official client: how it is run, and what its dialect calls things.
struct Client {
    program: &'static str,
    script: &'static str,
    /// Says whether the client is installed.
    probe: [&'static str; 2],
    /// What its base URL adds to the gateway's.
    base: &'static str,
    /// How an answer ends by itself, by the filter, with a call of a tool.
    stopped: &'static str,
    filtered: &'static str,
    called: &'static str,
    /// The classes of its errors: for a refused request, for a server that fails.
    denied: &'static str,
    failed: &'static str,
    /// Which of its APIs is used, where it has several.
    flavour: &'static str,
    /// Whether it speaks TLS alone.
    secure: bool,
    /// What it does beside plain conversations.
    more: &'static [&'static [Case]],
}

const OPENAI_PYTHON: Client = Client {
    program: "python3",
    script: "scenarios.py",
    probe: ["-c", "import openai"],
    base: "/v1",
    stopped: "stop",
    filtered: "content_filter",
    called: "tool_calls",
    denied: "BadRequestError",
    failed: "InternalServerError",
    flavour: "",
    secure: false,
    more: &[SEEING, OPENAI],
};

const OPENAI_NODE: Client = Client {
    program: "node",
    script: "scenarios.mjs",
    probe: ["-e", "require('openai')"],
    ..OPENAI_PYTHON
};

const ANTHROPIC_PYTHON: Client = Client {
    script: "scenarios_anthropic.py",
    probe: ["-c", "import anthropic"],
    base: "",
    stopped: "end_turn",
    filtered: "refusal",
    called: "tool_use",
    more: &[SEEING, ANTHROPIC],
    ..OPENAI_PYTHON
};

const ANTHROPIC_NODE: Client = Client {
    program: "node",
    script: "scenarios_anthropic.mjs",
    probe: ["-e", "require('@anthropic-ai/sdk')"],
    ..ANTHROPIC_PYTHON
};

const RESPONSES_PYTHON: Client = Client {
    script: "scenarios_responses.py",
    stopped: "completed",
    called: "completed",
    more: &[SEEING, RESPONSES],
    ..OPENAI_PYTHON
};

const RESPONSES_NODE: Client = Client {
    program: "node",
    script: "scenarios_responses.mjs",
    probe: ["-e", "require('openai')"],
    ..RESPONSES_PYTHON
};

const REALTIME_PYTHON: Client = Client {
    script: "scenarios_realtime.py",
    probe: ["-c", "import openai, websockets"],
    failed: "InvalidStatus",
    more: &[SEEING, REALTIME],
    ..RESPONSES_PYTHON
};

/// It always connects by TLS.
const REALTIME_NODE: Client = Client {
    program: "node",
    script: "scenarios_realtime.mjs",
    probe: ["-e", "require('openai/realtime/ws')"],
    secure: true,
    ..REALTIME_PYTHON
};

const OLLAMA_PYTHON: Client = Client {
    script: "scenarios_ollama.py",
    probe: ["-c", "import ollama"],
    base: "",
    called: "stop",
    denied: "ResponseError",
    failed: "ResponseError",
    more: &[SEEING, OLLAMA],
    ..OPENAI_PYTHON
};

const GEMINI_PYTHON: Client = Client {
    script: "scenarios_gemini.py",
    probe: ["-c", "from google import genai"],
    base: "",
    stopped: "STOP",
    filtered: "SAFETY",
    called: "STOP",
    denied: "ClientError",
    failed: "ServerError",
    more: &[SEEING, DRAWN, LISTS],
    ..OPENAI_PYTHON
};

const DASHSCOPE_PYTHON: Client = Client {
    script: "scenarios_dashscope.py",
    probe: ["-c", "import dashscope"],
    base: "/api/v1",
    denied: "Refused",
    failed: "Refused",
    more: &[SEEING, DASHSCOPE],
    ..OPENAI_PYTHON
};

impl Client {
    /// The client if it is installed, or why it is not.
    fn found(&self) -> Result<Command, String> {
        let sdks = root().join(".clients/node");
        let own = root().join(".clients/python/bin/python");
        let program = match self.program {
            "python3" if own.exists() => own,
            "frameworks" => frameworks::python(),
            other => PathBuf::from(other),
        };
        let found = Command::new(&program)
            .args(self.probe)
            .current_dir(if sdks.exists() { &sdks } else { root() })
            .output();
        match found {
            Ok(output) if output.status.success() => {
                let mut command = Command::new(program);
                command.arg(root().join("tests/clients").join(self.script));
                command.env("CLIENT_SDKS", sdks);
                command.env("WARDGATE_FLAVOUR", self.flavour);
                Ok(command)
            }
            Ok(_) => Err(format!(
                "skipped: {} fails {:?}",
                program.display(),
                self.probe
            )),
            Err(_) => Err(format!("skipped: no {}", program.display())),
        }
    }

    fn cases(&self) -> impl Iterator<Item = &'static Case> {
        EVERYWHERE.iter().chain(self.more.iter().copied().flatten())
    }
}

/// A scenario and what its result has to be.
struct Case {
    name: &'static str,
    kind: &'static str,
    prompt: &'static str,
    /// What the model answers; by default it greets.
    answer: Option<&'static str>,
    /// What the picture beside the prompt shows.
    shows: Option<&'static str>,
    /// What the model's picture shows.
    drawn: Option<&'static str>,
    /// The upstream's status.
    status: u16,
    choices: u32,
    wanted: fn(&Value, &Client),
}

const fn case(
    name: &'static str,
    kind: &'static str,
    prompt: &'static str,
    wanted: fn(&Value, &Client),
) -> Case {
    Case {
        name,
        kind,
        prompt,
        answer: None,
        shows: None,
        drawn: None,
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

    const fn showing(mut self, words: &'static str) -> Self {
        self.shows = Some(words);
        self
    }

    const fn drawing(mut self, words: &'static str) -> Self {
        self.drawn = Some(words);
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
        if let Some(words) = self.drawn {
            headers["x-mock-picture"] = percent(words).into();
        }
        if self.status != 200 {
            headers["x-mock-status"] = self.status.to_string().into();
        }
        let mut scenario = json!({
            "name": self.name, "kind": self.kind, "prompt": self.prompt,
            "headers": headers, "n": self.choices,
        });
        if let Some(words) = self.shows {
            scenario["picture"] = code(words).into();
        }
        format!("{scenario}\n")
    }
}

const SOUP: &str = "A plain soup of leeks, for four people.";

/// What every dialect of conversation does.
const EVERYWHERE: &[Case] = &[
    case("chat allowed", "chat", "soup?", whole).answered(SOUP),
    case("stream allowed", "stream", "soup?", whole).answered(SOUP),
    case("chat blocked", "chat", "a turnip", refused),
    case("stream blocked", "stream", "a turnip", refused),
    case("answer blocked", "chat", "soup?", cut).answered("Soup first, then a turnip, then more."),
    case("streamed answer blocked", "stream", "soup?", cut)
        .answered("Soup first, then a turnip, then more."),
    case("answer redacted", "chat", "soup?", redacted).answered("Soup with a radish on top."),
    case("streamed answer redacted", "stream", "soup?", redacted)
        .answered("Soup with a radish on top."),
    case("chat supported", "chat", "asparagus", supported),
    case("stream supported", "stream", "asparagus", supported),
    case("streamed answer supported", "stream", "soup?", helped)
        .answered("Soup of asparagus, then more."),
    case("answer nudged", "chat", "soup?", nudged).answered("Soup of parsnip."),
    case("streamed answer nudged", "stream", "soup?", nudged).answered("Soup of parsnip."),
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
    case("tool call redacted", "tools", "soup?", called_without)
        .answered("tool: look_up {\"word\":\"radish\"}"),
    case("tool call supported", "tools", "asparagus", supported),
    case("tool call fails", "tools", "soup?", failed).failing(500),
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

/// What clients that list models do.
const LISTS: &[Case] = &[case("models", "models", "", listed)];

/// Runs every case through a client; the results, one per case.
fn results(client: &Client, command: Command, base: &str) -> Vec<Value> {
    let lines: String = client.cases().map(Case::line).collect();
    answers_of(command, base, &lines)
}

/// What a client's script makes of scenarios, one a line.
fn answers_of(mut command: Command, base: &str, lines: &str) -> Vec<Value> {
    let mut running = command
        .arg(base)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the client was found before");
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

/// Says that something is not installed; fails where it has to be.
fn skip(skipped: &str) {
    let required = std::env::var("WARDGATE_REQUIRE_CLIENTS").is_ok_and(|value| value == "1");
    assert!(!required, "{skipped}; .ci/run installs it");
    eprintln!("{skipped}");
}

fn check(client: &Client) {
    let mut command = match client.found() {
        Ok(command) => command,
        Err(skipped) => return skip(&skipped),
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let more = if client.secure { TLS } else { "" };
    let app = with_app(&runtime, more);
    command.env("WARDGATE_CA", &app.authority);
    let results = results(
        client,
        command,
        &format!("{}{}", app.served.url, client.base),
    );
    assert_eq!(
        results.len(),
        client.cases().count(),
        "one result per scenario"
    );
    for (case, result) in client.cases().zip(&results) {
        eprintln!("{}: {result}", case.name);
        assert_eq!(result["name"], case.name);
        (case.wanted)(result, client);
    }
}

/// A running program and what it needs.
struct App {
    served: Served,
    mock: Mock,
    /// Whom callers trust if it speaks TLS.
    authority: PathBuf,
    _folder: tempfile::TempDir,
}

/// What callers find in front of it who speak TLS alone.
const TLS: &str = "tls: {certificate: server.pem, key: server.key}\n";

/// The program in front of a mock model, with the tests' policies; `more` is YAML of its app and of
/// what follows that.
fn with_app(runtime: &tokio::runtime::Runtime, more: &str) -> App {
    let _within = runtime.enter();
    let mock = runtime.block_on(Mock::start()).expect("the mock starts");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).expect("the folder is writable");
    };
    fs::create_dir(folder.path().join("policies")).expect("the folder is writable");
    write("policies/canary.yaml", CANARY);
    write("policies/clients.yaml", OUTPUT_ONLY);
    let authority = Authority::new(folder.path(), "ca");
    authority.issue(folder.path(), "server", "127.0.0.1");
    let config = format!(
        "listen: 127.0.0.1:0\npolicy_folders: [policies]\naudit: {{file: audit.jsonl}}\napps:\n  - name: clients\n    upstream: {{url: \"{}\"}}\n    on_failure: block\n    policies: [canary, clients]\n    responses: {{context: stored}}\n{more}",
        mock.url()
    );
    write("wardgate.yaml", &config);
    App {
        served: Served::start(&folder.path().join("wardgate.yaml")),
        mock,
        authority: authority.file,
        _folder: folder,
    }
}

#[test]
fn openai_for_python_parses_everything() {
    check(&OPENAI_PYTHON);
}

#[test]
fn openai_for_node_parses_everything() {
    check(&OPENAI_NODE);
}

#[test]
fn openai_responses_for_python_parses_everything() {
    check(&RESPONSES_PYTHON);
}

#[test]
fn openai_responses_for_node_parses_everything() {
    check(&RESPONSES_NODE);
}

#[test]
fn openai_realtime_for_python_parses_everything() {
    check(&REALTIME_PYTHON);
}

#[test]
fn openai_realtime_for_node_parses_everything() {
    check(&REALTIME_NODE);
}

#[test]
fn anthropic_for_python_parses_everything() {
    check(&ANTHROPIC_PYTHON);
}

#[test]
fn anthropic_for_node_parses_everything() {
    check(&ANTHROPIC_NODE);
}

#[test]
fn ollama_for_python_parses_everything() {
    check(&OLLAMA_PYTHON);
}

#[test]
fn dashscope_for_python_parses_everything() {
    check(&DASHSCOPE_PYTHON);
}

#[test]
fn google_genai_for_python_parses_everything() {
    check(&GEMINI_PYTHON);
}
