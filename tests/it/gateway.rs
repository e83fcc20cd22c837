//! A whole wardgate on a free port, in front of a mock model, and a plain HTTP client.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use wardgate::app::{Gate, Live, policies};
use wardgate::config::Config;
use wardgate::mock::Mock;
use wardgate::policy::{AppPolicies, PolicySet};
use wardgate::proxy::Proxy;
use wardgate::server::{Drain, Listener, Serving, Setup};
use wardgate::tls::ServerTls;

use crate::spoken::CHAT;

/// A running gateway; drains when dropped.
pub struct Gateway {
    pub url: String,
    pub mock: Mock,
    pub gate: Arc<Gate>,
    audit: tempfile::TempDir,
    pub drain: Drain,
    pub serving: Option<Serving>,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// What a config makes; its audit lines lie in `folder`.
pub fn live(yaml: &str, folder: &Path) -> Live {
    live_with("[data/policies]", yaml, folder)
}

fn live_with(folders: &str, yaml: &str, folder: &Path) -> Live {
    let lines = folder.join("audit.jsonl");
    let yaml = format!(
        "listen: 127.0.0.1:0\npolicy_folders: {folders}\naudit: {{file: {}}}\n{yaml}",
        lines.display(),
    );
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let config = Config::parse(&yaml, "test.yaml", &tests)
        .unwrap_or_else(|problems| panic!("{}", problems.problems.join("\n")));
    let set = compiled(&config);
    Live::of(config, set, None).unwrap_or_else(|problems| panic!("{problems}"))
}

/// What sets were compiled for, and the sets: what no test has asked for of late is let go, since a set
/// of the whole pack is some tens of MB.
static SETS: Mutex<Vec<(Vec<AppPolicies>, Arc<PolicySet>)>> = Mutex::new(Vec::new());
const KEPT_SETS: usize = 16;

/// A config's policies. Most tests read the same few, and compiling the shipped pack is most of what
/// starting a gateway costs, so a set is compiled once for all of them.
fn compiled(config: &Config) -> Arc<PolicySet> {
    let apps = config.policies();
    let mut sets = SETS.lock().unwrap_or_else(PoisonError::into_inner);
    let known = sets.iter().position(|(of, _)| *of == apps);
    // Compiled anew if a folder says something else.
    let kept = known.map(|at| sets.remove(at).1);
    let set = policies(config, kept.as_ref()).unwrap_or_else(|problems| panic!("{problems}"));
    sets.push((apps, Arc::clone(&set)));
    if sets.len() > KEPT_SETS {
        sets.remove(0);
    }
    set
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {:?}", self.body))
    }

    /// The first choice's words, and how it ended.
    pub fn said(&self) -> (String, String) {
        if self.body.starts_with(b"data: ") {
            let (text, finish) = (CHAT.read)(&self.body, 1).remove(0);
            return (text, finish.unwrap_or_default());
        }
        let answer = self.json();
        let choice = &answer["choices"][0];
        let text = choice["message"]["content"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        (
            text,
            choice["finish_reason"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        )
    }

    pub fn error_code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

impl Gateway {
    /// One app with the canary pack beside the shipped one; `extra` is YAML of the app.
    pub async fn start(extra: &str) -> Self {
        Self::with_config(&format!(
            "apps:\n  - name: test\n    upstream: {{url: UPSTREAM}}\n    on_failure: block\n{extra}"
        ))
        .await
    }

    /// A whole config; `UPSTREAM` stands for the mock's URL.
    pub async fn with_config(yaml: &str) -> Self {
        Self::with_folders("[data/policies]", yaml).await
    }

    /// A whole config but for its policy folders.
    pub async fn with_folders(folders: &str, yaml: &str) -> Self {
        let mock = Mock::start().await.expect("the mock starts");
        let audit = tempfile::tempdir().expect("a folder");
        let live = live_with(
            folders,
            &yaml.replace("UPSTREAM", &mock.url()),
            audit.path(),
        );
        let setup = Setup {
            address: live.config.listen,
            tls: (live.config.tls.as_ref())
                .map(|files| ServerTls::load(files).expect("good files")),
            limits: live.config.limits.clone(),
            workers: 1,
        };
        let gate = Gate::open(live).expect("the gate opens");
        let listener = Listener::bind(setup).expect("a free port");
        let url = format!("http://{}", listener.local_addr());
        let drain = Drain::new();
        let serving = listener
            .serve(Arc::new(Proxy(Arc::clone(&gate))), drain.clone())
            .expect("it serves");
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self {
            url,
            mock,
            gate,
            audit,
            drain,
            serving: Some(serving),
            client,
        }
    }

    /// Host and port.
    pub fn host(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Full::new(body.into()))
            .expect("a valid request");
        let response = self.client.request(request).await.expect("an answer");
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Reply {
            status: head.status,
            headers: head.headers,
            body,
        }
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.send(Method::POST, path, &all, body.to_string()).await
    }

    /// A chat with one user message; the mock's answer is scripted by `answer`.
    pub async fn chat(&self, prompt: &str, answer: &str, stream: Stream) -> Reply {
        let body = json!({
            "model": "m", "stream": stream == Stream::Yes,
            "messages": [{"role": "user", "content": prompt}],
        });
        let answer = percent(answer);
        self.post(
            "/v1/chat/completions",
            &[("x-mock-answer", &answer), ("x-mock-pieces", "3")],
            &body,
        )
        .await
    }

    /// The body that the model saw last.
    pub fn forwarded(&self) -> Value {
        let seen = self.mock.seen();
        serde_json::from_slice(&seen.last().expect("the model was asked").body).expect("JSON")
    }

    /// Every audit line so far.
    pub fn audit(&self) -> Vec<Value> {
        self.gate.audit.flush();
        let text = std::fs::read_to_string(self.audit.path().join("audit.jsonl")).expect("lines");
        text.lines()
            .map(|line| serde_json::from_str(line).expect("JSON lines"))
            .collect()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.drain.begin();
    }
}

/// Whether the caller asks for a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stream {
    Yes,
    No,
}

/// Percent-encodes everything but letters and digits (RFC 3986, section 2.1).
pub fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// Posts JSON to any server.
pub async fn fetch(url: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let mut request = Request::post(url).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_string())));
    let response = client.request(request.expect("a valid request")).await;
    let (head, body) = response.expect("an answer").into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes();
    Reply {
        status: head.status,
        headers: head.headers,
        body,
    }
}
