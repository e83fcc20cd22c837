//! The commands as a user runs them: what they print, where, and how they end.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// The program under test, without the caller's colours or log settings.
pub fn wardgate() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wardgate"));
    command.env_remove("WARDGATE_LOG").env("NO_COLOR", "1");
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// A running `wardgate serve`; stopped when dropped.
pub struct Served {
    child: Child,
    /// Its base URL, as it says itself.
    pub url: String,
    /// What it said before it was ready.
    pub said: String,
}

impl Served {
    /// Starts with a config file.
    pub fn start(config: &Path) -> Self {
        let mut command = wardgate();
        Self::run(command.arg("serve").arg("--config").arg(config))
    }

    /// Starts any `serve` command and waits until it says where it listens.
    pub fn run(command: &mut Command) -> Self {
        let mut child = command
            .stderr(Stdio::piped())
            .spawn()
            .expect("cargo built the program");
        let mut lines = BufReader::new(child.stderr.take().expect("piped"));
        let (mut said, mut url) = (String::new(), None);
        while url.is_none() {
            let from = said.len();
            let read = lines.read_line(&mut said).expect("it says UTF-8");
            assert!(read > 0, "it ended before it listened:\n{said}");
            let line = said[from..].trim_end();
            url = line.strip_prefix("wardgate listens on ").map(str::to_owned);
        }
        // Whatever follows must be read, or the pipe would fill up and stop the server.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Self {
            child,
            url: url.expect("the loop ended"),
            said,
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // A server that is gone already has failed its test in another place.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(words: &[&str]) -> Output {
    wardgate()
        .args(words)
        .output()
        .expect("cargo built the program")
}

fn run_with(words: &[&str], stdin: &str) -> Output {
    let mut child = wardgate()
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cargo built the program");
    let mut pipe = child.stdin.take().expect("piped");
    let text = stdin.to_owned();
    let writer = std::thread::spawn(move || pipe.write_all(text.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    writer
        .join()
        .expect("the writer ends")
        .expect("it reads its input");
    output
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it was not killed")
}

/// A text that the shipped pack refuses at level 1: a lure with free gear (QL4.2).
const LURE: &str = "帮我写一条免费送皮肤的文案,扫码进群";

#[test]
fn help_of_every_command_has_examples() {
    for command in [
        "serve",
        "check",
        "test",
        "scan",
        "eval",
        "explain",
        "schema",
        "mock",
        "completions",
    ] {
        let help = run(&[command, "--help"]);
        assert_eq!(code(&help), 0);
        let wanted = format!("Examples:\n  wardgate {command}");
        assert!(out(&help).contains(&wanted), "{command}:\n{}", out(&help));
    }
}

#[test]
fn a_wrong_word_is_answered_with_the_right_one() {
    let wrong = run(&["sacn", "text"]);
    assert_eq!(code(&wrong), 2);
    assert!(err(&wrong).contains("scan"), "{}", err(&wrong));
    assert!(out(&wrong).is_empty());
}

#[test]
fn the_shipped_pack_is_in_order() {
    let check = run(&["check"]);
    assert_eq!(code(&check), 0, "{}", err(&check));
    assert!(out(&check).starts_with("ok: "), "{}", out(&check));
}

#[test]
fn a_missing_config_is_named() {
    let check = run(&["check", "--config", "no-such.yaml"]);
    assert_eq!(code(&check), 2);
    assert!(err(&check).contains("no-such.yaml"), "{}", err(&check));
    assert!(out(&check).is_empty());
}

#[test]
fn scan_passes_the_harmless() {
    let scan = run(&["scan", "Why is the sky blue?"]);
    assert_eq!(code(&scan), 0, "{}", err(&scan));
    let verdict: Value = serde_json::from_str(&out(&scan)).expect("JSON where no terminal is");
    assert_eq!(verdict["action"], "allow");
    assert_eq!(verdict["rules"], serde_json::json!([]));
    assert_eq!(verdict["view"], Value::Null);
}

#[test]
fn scan_finds_and_says_where() {
    let scan = run(&["scan", LURE]);
    assert_eq!(code(&scan), 1, "{}", err(&scan));
    let verdict: Value = serde_json::from_str(&out(&scan)).expect("JSON where no terminal is");
    assert_eq!(verdict["action"], "block");
    let rules = verdict["rules"].as_array().expect("rules");
    let words = |rule: &Value| rule.as_str().is_some_and(|id| id.starts_with("QL4.2-0"));
    let rule = rules.iter().position(words);
    let rule = rule.unwrap_or_else(|| panic!("{rules:?}"));
    let span = |at: usize| verdict["spans"][rule][at].as_u64().expect("a number") as usize;
    assert!(
        LURE.get(span(0)..span(1))
            .is_some_and(|hit| !hit.is_empty())
    );
}

#[test]
fn scan_reads_standard_input() {
    let scan = run_with(&["scan", "-"], LURE);
    assert_eq!(code(&scan), 1, "{}", err(&scan));
}

#[test]
fn rows_keep_their_order_and_bad_rows_are_told() {
    let mut rows = String::new();
    for id in 0..3000 {
        match id % 3 {
            0 => {
                rows += &format!(
                    "{}\n",
                    serde_json::json!({"id": id, "text": LURE, "label": 1})
                )
            }
            1 => {
                let messages = serde_json::json!([
                    {"role": "system", "content": "Be kind."},
                    {"role": "user", "content": [{"type": "text", "text": "Why is the sky blue?"}]},
                ]);
                let row = serde_json::json!({"id": id, "messages": messages, "audience": "adult"});
                rows += &format!("{row}\n");
            }
            _ => rows += &format!("{{\"id\": {id}, \"text\": 7}}\n"),
        }
    }
    let scan = run_with(&["scan", "--jsonl"], &rows);
    assert_eq!(code(&scan), 2, "{}", err(&scan));
    let text = out(&scan);
    let mut lines = text.lines();
    for id in 0..3000 {
        let line = lines.next().expect("one verdict per row");
        let verdict: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(verdict["id"], id);
        match id % 3 {
            0 => assert_eq!(verdict["action"], "block"),
            1 => assert_eq!(verdict["action"], "allow"),
            _ => assert!(verdict["error"].is_string()),
        }
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn good_rows_end_well() {
    let scan = run_with(
        &["scan", "--jsonl"],
        "{\"id\": \"a\", \"text\": \"soup\"}\n\n",
    );
    assert_eq!(code(&scan), 0, "{}", err(&scan));
    let wanted = "{\"id\":\"a\",\"action\":\"allow\",\"rules\":[],\"spans\":[],\"scores\":[],\"view\":null}\n";
    assert_eq!(out(&scan), wanted);
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell]);
        assert_eq!(code(&script), 0);
        assert!(out(&script).contains("explain"), "{shell}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let mut child = wardgate()
        .args(["schema"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cargo built the program");
    drop(child.stdout.take());
    let mut said = String::new();
    let mut stderr = child.stderr.take().expect("piped");
    stderr.read_to_string(&mut said).expect("UTF-8");
    assert_eq!(child.wait().expect("it ends").code(), Some(0), "{said}");
    assert_eq!(said, "");
}

#[test]
fn serve_without_a_config_says_what_to_try() {
    let served = Served::run(wardgate().args(["serve", "--listen", "127.0.0.1:0"]));
    assert!(served.url.starts_with("http://127.0.0.1:"));
    assert!(!served.said.is_empty());
}

#[test]
fn check_says_what_is_wrong_with_the_config_and_with_the_policies_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("it can be written");
        folder.path().join(name).display().to_string()
    };
    std::fs::create_dir(folder.path().join("own")).expect("a folder");
    write("own/garden.yaml", "policy: garden\nsignal: {}\n");
    let config = write(
        "wardgate.yaml",
        "policy_folders: [own]\napps:\n  - {name: one, upstream: {url: 'http://127.0.0.1:9'}}\n  - {name: two, upstream: {url: 'http://127.0.0.1:9'}, match: {path_prefix: /two}}\n",
    );
    let ended = run(&["check", "--config", &config]);
    assert_eq!(ended.status.code(), Some(2));
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(said.matches("`on_failure` is missing").count(), 2, "{said}");
    assert!(
        said.contains("error[P003]") && said.contains("garden.yaml:2"),
        "{said}"
    );
}
