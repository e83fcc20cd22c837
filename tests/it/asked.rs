//! Endpoints and models that policies ask about prompts, over sockets: what they say counts, and what
//! they do not say is the app's `on_failure`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::time::Instant;
use wardgate::app::Live;
use wardgate::body::full;
use wardgate::config::{self, Answers, Asking, Credential, Http2, UpstreamServer};
use wardgate::detect::Silent;
use wardgate::limits::Limits;
use wardgate::policy::{self, Source, cases};
use wardgate::remote::{Remote, breaker};
use wardgate::server::Worker;

use crate::gateway::{Gateway, Stream};
use crate::wire::{self, Server};

/// An endpoint that says of texts with "marrow" that they are fraud, and fails as the text says.
pub struct Endpoint {
    server: Server,
    texts: Arc<Mutex<Vec<String>>>,
}

impl Endpoint {
    pub fn start() -> Self {
        let texts = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&texts);
        let server = wire::serve(Limits::default(), None, move |request, _| {
            let heard = Arc::clone(&heard);
            async move {
                assert!(request.headers().get("authorization").is_none());
                let body = request.into_body().collect().await.expect("a body");
                let body: Value = serde_json::from_slice(&body.to_bytes()).expect("JSON");
                let text = body["input"]
                    .as_str()
                    .or(body["messages"][0]["content"].as_str());
                let text = text.expect("a text");
                heard.lock().expect("no panic").push(text.to_owned());
                answer(text, body["messages"].is_array()).await
            }
        });
        Self { server, texts }
    }

    pub fn url(&self) -> String {
        format!("http://{}/v1", self.server.address)
    }

    fn asked(&self) -> usize {
        self.texts.lock().expect("no panic").len()
    }

    fn last(&self) -> String {
        let texts = self.texts.lock().expect("no panic");
        texts.last().cloned().unwrap_or_default()
    }
}

async fn answer(text: &str, in_a_chat: bool) -> Response<wardgate::body::Body> {
    let say = |status: StatusCode, body: String| {
        let mut response = Response::new(full(body));
        *response.status_mut() = status;
        response
    };
    if text.contains("slow") {
        std::future::pending::<()>().await;
    }
    if text.contains("down") {
        return say(StatusCode::SERVICE_UNAVAILABLE, "{}".to_owned());
    }
    if text.contains("large") {
        return say(StatusCode::PAYLOAD_TOO_LARGE, "{}".to_owned());
    }
    if text.contains("refused") {
        return say(StatusCode::BAD_REQUEST, "{}".to_owned());
    }
    if text.contains("garbage") {
        return say(StatusCode::OK, r#"{"results": "turnips"}"#.to_owned());
    }
    let is = text.contains("marrow");
    let said = match in_a_chat {
        true => {
            json!({"choices": [{"message": {"content": if is { "unsafe\nS2" } else { "safe" }}}]})
        }
        false => json!({"results": [{
            "flagged": is, "category_scores": {"fraud": if is { 0.9 } else { 0.1 }},
        }]}),
    };
    say(StatusCode::OK, said.to_string())
}

const POLICY: &str = "
policy: asked
title: {en: Tricks, zh: 骗局}
signals:
  trick: {remote: guard, label: fraud, at_least: 0.8}
  model_trick: {model: tiny, label: trick, at_least: 0.8}
rules:
  - id: ACME-310
    when: trick
    title: An endpoint finds fraud
    status: stable
    level: 1
    severity: 2
    applies: {direction: [prompt]}
    action: block
    reply: refusal.asked
    false_positives: [a shop]
  - id: ACME-320
    when: model_trick
    title: A model finds a trick
    status: stable
    level: 3
    severity: 2
    applies: {direction: [prompt]}
    action: block
    reply: refusal.asked
    false_positives: [a fair]
replies:
  refusal.asked: {en: This looks like a trick., zh: 这像是骗局。}
";

const CASES: &str = "
cases:
  - {rule: ACME-310, expect: block, text: a marrow, remote: {guard: {fraud: 0.9}}}
  - {rule: ACME-310, expect: pass, text: a marrow, remote: {guard: {fraud: 0.7, violence: 0.9}}}
  - {rule: ACME-310, expect: miss, text: a marrow in the shop, false_positive: a shop}
  - {rule: ACME-310, expect: block, messages: [{role: user, text: hi}, {role: user, text: a marrow}], remote: {guard: {fraud: 0.8}}}
  - {rule: ACME-320, expect: block, text: a turnip, model: {tiny: {trick: 1}}}
  - {rule: ACME-320, expect: pass, text: a fair, false_positive: a fair, model: {tiny: {trick: 0.1}}}
";

pub fn sources() -> Vec<Source> {
    let file = |path: &str, text: &str| Source {
        path: path.into(),
        text: text.into(),
        shipped: false,
    };
    vec![file("asked.yaml", POLICY), file("asked.cases.yaml", CASES)]
}

#[test]
fn cases_say_what_others_say() {
    let set = policy::compile(&sources(), &[]).unwrap_or_else(|all| panic!("{all}"));
    let report = cases::run(&Arc::new(set));
    assert!(report.ok(), "{}", report.text());
    assert_eq!(report.results.len(), 6);
}

#[test]
fn who_is_asked_in_answers_or_unclearly_is_reported() {
    let problems = |from: &str, to: &str| {
        let mut sources = sources();
        assert!(sources[0].text.contains(from), "{from}");
        sources[0].text = sources[0].text.replacen(from, to, 1);
        let compiled = policy::compile(&sources, &[]);
        compiled.err().map_or(String::new(), |all| all.to_string())
    };
    for (from, to, expect) in [
        ("    applies: {direction: [prompt]}\n", "", "P044"),
        ("remote: guard, label: fraud", "remote: guard", "P045"),
        ("remote: guard, ", "", "P045"),
        (", at_least: 0.8}\n  model", "}\n  model", "P045"),
        ("remote: guard", "remote: guard, model: tiny", "P045"),
        ("at_least: 0.8", "at_least: 1.5", "P023"),
    ] {
        let said = problems(from, to);
        assert!(said.contains(expect), "{from} -> {to}\n{said}");
    }
    assert_eq!(
        problems("when: trick", "when: trick and direction.prompt"),
        ""
    );
}

/// A gateway whose policies ask; `app` is YAML of the app, `more` of the config.
pub async fn gateway(endpoint: &Endpoint, app: &str, more: &str) -> (Gateway, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    for source in sources() {
        std::fs::write(folder.path().join(source.path), source.text).expect("written");
    }
    let config = format!(
        "remotes:\n  guard: {{kind: moderation, upstream: {{url: \"{}\"}}, timeout_ms: 1500}}\n{more}\
         apps:\n  - name: test\n    upstream: {{url: UPSTREAM}}\n    policies: [canary, asked]\n{app}",
        endpoint.url()
    );
    let folders = format!("[data/policies, {}]", folder.path().display());
    (Gateway::with_folders(&folders, &config).await, folder)
}

#[tokio::test]
async fn what_an_endpoint_says_decides_and_is_remembered() {
    let endpoint = Endpoint::start();
    let (gateway, _folder) = gateway(&endpoint, "    on_failure: block\n", "").await;
    let fine = gateway.chat("a pear", "soup", Stream::No).await;
    assert_eq!(fine.said(), ("soup".into(), "stop".into()));
    assert_eq!(endpoint.asked(), 1);
    let refused = gateway.chat("a marrow", "soup", Stream::No).await;
    assert_eq!(
        refused.said(),
        ("This looks like a trick.".into(), "content_filter".into())
    );
    assert_eq!(endpoint.asked(), 2);
    let streamed = gateway.chat("a marrow", "soup", Stream::Yes).await;
    assert_eq!(streamed.said().1, "content_filter");
    assert_eq!(endpoint.asked(), 2, "what it said is remembered");
    assert_eq!(gateway.mock.seen().len(), 1);
    // What our own rules refuse leaves for nobody.
    let ours = gateway
        .chat("a turnip and a bean", "soup", Stream::No)
        .await;
    assert_eq!(ours.said().1, "content_filter");
    assert_eq!(endpoint.asked(), 2);
    let audit = gateway.audit();
    assert_eq!(audit[1]["detections"][0]["rule"], "ACME-310");
    assert!(!audit[1].to_string().contains("marrow"));
}

#[tokio::test]
async fn silence_is_refused_or_passes_as_the_app_says() {
    let endpoint = Endpoint::start();
    let (closed, _folder) = gateway(&endpoint, "    on_failure: block\n", "").await;
    let open = "    on_failure: allow\n    cache: {ttl_secs: 60, max_bytes: 100000}\n";
    let (open, _folder) = gateway(&endpoint, open, "").await;
    for text in ["slow", "down", "garbage"] {
        let refused = closed.chat(text, "soup", Stream::No).await;
        assert_eq!(refused.status, StatusCode::BAD_GATEWAY, "{text}");
        assert_eq!(refused.error_code(), "opinion_missing", "{text}");
        let passed = open.chat(text, "soup", Stream::No).await;
        assert_eq!(passed.said(), ("soup".into(), "stop".into()), "{text}");
    }
    assert!(closed.mock.seen().is_empty());
    assert_eq!(open.audit()[0]["unseen"], json!(["opinion"]));
    // An answer to what was not judged whole is not kept for others.
    let seen = open.mock.seen().len();
    open.chat("down", "soup", Stream::No).await;
    assert_eq!(open.mock.seen().len(), seen + 1);
    // Five failures in a row: nobody is asked any more, and nobody waits.
    for nth in 1..=breaker::FAILURES {
        let text = &format!("down {nth}");
        closed.chat(text, "soup", Stream::No).await;
    }
    let asked = endpoint.asked();
    let refused = closed.chat("a pear", "soup", Stream::No).await;
    assert_eq!(refused.error_code(), "opinion_missing");
    assert_eq!(endpoint.asked(), asked);
}

/// What our own rules withhold from the model is withheld from everybody else, too.
#[tokio::test]
async fn what_is_asked_about_is_what_goes_on() {
    let endpoint = Endpoint::start();
    let (gateway, _folder) = gateway(&endpoint, "    on_failure: block\n", "").await;
    let answer = gateway
        .chat("a pear and a radish", "soup", Stream::No)
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        gateway.forwarded()["messages"][0]["content"],
        endpoint.last()
    );
    assert!(!endpoint.last().contains("radish"), "{}", endpoint.last());
    // A turn that was refused before goes whole; what is asked about it is what stands in its place.
    let turn = |role: &str, text: &str| json!({"role": role, "content": text});
    let past = json!({"model": "m", "messages": [
        turn("user", "a turnip"), turn("assistant", "no"), turn("user", "a plum"),
    ]});
    let answer = gateway.post("/v1/chat/completions", &[], &past).await;
    assert_eq!(answer.status, StatusCode::OK);
    let told = endpoint.texts.lock().expect("no panic").clone();
    assert!(told.iter().all(|text| !text.contains("turnip")), "{told:?}");
    assert!(told.contains(&"a plum".to_owned()));
    // What is found in such a text is found in the part that it stands for.
    let refused = gateway
        .chat("a radish and a marrow", "soup", Stream::No)
        .await;
    assert_eq!(refused.said().1, "content_filter");
}

/// What only observes gets in nobody's way, whoever is silent.
#[tokio::test]
async fn silence_stops_nothing_where_rules_only_observe() {
    let endpoint = Endpoint::start();
    for observing in [
        "mode: observe",
        "overrides: {ACME-310: {status: experimental}}",
    ] {
        let app = format!("    {observing}\n    on_failure: block\n");
        let (gateway, _folder) = gateway(&endpoint, &app, "").await;
        for text in ["garbage", "a large pear", "a marrow"] {
            let passed = gateway.chat(text, "soup", Stream::No).await;
            assert_eq!(passed.said().0, "soup", "{observing}: {text}");
        }
        let audit = gateway.audit();
        assert_eq!(audit[0]["unseen"], json!(["opinion"]));
        assert_eq!(audit[2]["detections"][0]["rule"], "ACME-310");
    }
}

#[tokio::test]
async fn a_reload_keeps_whom_the_config_still_names() {
    let endpoint = Endpoint::start();
    let (gateway, _folder) = gateway(&endpoint, "    on_failure: block\n", "").await;
    let reload = |change: &dyn Fn(&mut config::Config)| {
        let old = gateway.gate.live.load_full();
        let mut config = old.config.clone();
        change(&mut config);
        let new = Live::load(config, Some(&old)).unwrap_or_else(|why| panic!("{why}"));
        gateway.gate.live.store(Arc::new(new));
    };
    gateway.chat("a pear", "soup", Stream::No).await;
    reload(&|_| {});
    gateway.chat("a pear", "soup", Stream::No).await;
    assert_eq!(endpoint.asked(), 1);
    reload(&|config| config.remotes[0].model = "another".to_owned());
    gateway.chat("a pear", "soup", Stream::No).await;
    assert_eq!(
        endpoint.asked(),
        2,
        "what another model said counts no more"
    );
    let metrics = gateway.gate.metrics.render();
    for line in [
        "wardgate_opinions_total{who=\"remote `guard`\",answer=\"said\"} 2",
        "wardgate_opinions_total{who=\"remote `guard`\",answer=\"remembered\"} 1",
        "wardgate_opinion_seconds_count{who=\"remote `guard`\"} 2",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
}

fn remote(endpoint: &Endpoint, asking: Asking) -> Remote {
    let written = config::Remote {
        name: "guard".into(),
        server: UpstreamServer {
            url: endpoint.url().parse().expect("a URL"),
            ca_file: None,
            client_certificate: None,
            http2: Http2::Auto,
            credential: Credential::Pass,
        },
        asking,
        model: "m".into(),
        timeout_ms: 300,
        at_once: 2,
    };
    Remote::new(&written, &Limits::default()).expect("it needs no files")
}

#[tokio::test]
async fn the_breaker_closes_again_when_the_endpoint_answers() {
    let endpoint = Endpoint::start();
    let remote = remote(&endpoint, Asking::Moderation);
    let (worker, start) = (Worker::default(), Instant::now());
    for nth in 0..breaker::FAILURES {
        let said = remote.ask(worker, &format!("down {nth}"), start).await;
        assert_eq!(said.err(), Some(Silent::Failed));
    }
    let soon = Instant::now() + Duration::from_secs(1);
    let asked = endpoint.asked();
    assert_eq!(
        remote.ask(worker, "a pear", soon).await.err(),
        Some(Silent::Resting)
    );
    assert_eq!(endpoint.asked(), asked);
    let later = Instant::now() + breaker::REST;
    let said = remote.ask(worker, "a pear", later).await.expect("it is up");
    assert_eq!(said.of("fraud"), Some(0.1));
    assert!(remote.ask(worker, "a plum", later).await.is_ok(), "closed");
}

/// Otherwise one caller could keep an endpoint from all others.
#[tokio::test]
async fn texts_that_an_endpoint_cannot_judge_do_not_open_the_breaker() {
    let endpoint = Endpoint::start();
    let remote = remote(&endpoint, Asking::Moderation);
    let now = Instant::now();
    for nth in 0..2 * breaker::FAILURES {
        let text = format!("{} {nth}", ["garbage", "refused"][nth as usize % 2]);
        let said = remote.ask(Worker::default(), &text, now).await;
        assert_eq!(said.err(), Some(Silent::Garbled), "{text}");
    }
    for nth in 0..breaker::FAILURES {
        let text = format!("slow {nth} {}", "pear ".repeat(2_000));
        let said = remote.ask(Worker::default(), &text, now).await;
        assert_eq!(said.err(), Some(Silent::Late));
    }
    assert!(remote.ask(Worker::default(), "a pear", now).await.is_ok());
}

#[tokio::test]
async fn a_guard_model_is_asked_in_a_chat() {
    let endpoint = Endpoint::start();
    let remote = remote(&endpoint, Asking::Chat(Answers::LlamaGuard));
    let ask = |text: &'static str| remote.ask(Worker::default(), text, Instant::now());
    assert_eq!(ask("a marrow").await.expect("said").of("S2"), Some(1.0));
    assert_eq!(ask("a pear").await.expect("said").of("unsafe"), Some(0.0));
    assert_eq!(ask("slow").await.err(), Some(Silent::Late));
    assert_eq!(ask("garbage").await.err(), Some(Silent::Garbled));
}

#[tokio::test]
async fn a_whole_conversation_is_asked_about_once() {
    let endpoint = Endpoint::start();
    let (gateway, _folder) = gateway(&endpoint, "    on_failure: block\n", "").await;
    let said = |texts: &[&str]| {
        let message = |text: &&str| json!({"role": "user", "content": text});
        json!({"model": "m", "messages": texts.iter().map(message).collect::<Vec<_>>()})
    };
    let path = "/v1/chat/completions";
    let long: Vec<String> = (0..40).map(|nth| format!("pear {nth}")).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    assert_eq!(
        gateway.post(path, &[], &said(&long)).await.status,
        StatusCode::OK
    );
    assert_eq!(endpoint.asked(), 40);
    let longer = [&long[..], &["pear 0", "plum"]].concat();
    assert_eq!(
        gateway.post(path, &[], &said(&longer)).await.status,
        StatusCode::OK
    );
    assert_eq!(endpoint.asked(), 41);
    let texts: Vec<String> = (0..1_025).map(|nth| format!("bean {nth}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let refused = gateway.post(path, &[], &said(&texts)).await;
    assert_eq!(refused.error_code(), "too_much_text", "{:?}", refused.body);
    assert_eq!(endpoint.asked(), 41);
}

/// The config and the policy folder that the README shows.
#[test]
fn the_example_does_what_it_says() {
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let text = std::fs::read_to_string(examples.join("asked.yaml")).expect("readable");
    let key = |name: &str| (name == "OPENAI_API_KEY").then(|| "sk-canary".to_owned());
    let config = config::Config::parse_in(&text, "asked.yaml", &examples, &key);
    let config = config.unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(config.remotes[0].name, "moderation");
    assert_eq!(config.remotes[0].asking, Asking::Moderation);
    let sources = policy::read_folders(&[examples.join("asked")]).expect("readable");
    let set = policy::compile(&sources, &[]).unwrap_or_else(|all| panic!("{all}"));
    assert!(set.warnings.is_empty(), "{}", set.warnings);
    let report = cases::run(&Arc::new(set));
    assert!(report.ok(), "{}", report.text());
}

#[test]
fn a_config_says_whom_to_ask_and_how() {
    let said = |remote: &str| {
        let text = format!(
            "remotes: {{guard: {remote}}}\napps: [{{name: a, upstream: {{url: mock}}, on_failure: block}}]\n"
        );
        let here = std::path::Path::new(".");
        let parsed = config::Config::parse(&text, "test.yaml", here);
        parsed
            .err()
            .map_or(String::new(), |errors| errors.to_string())
    };
    let url = "upstream: {url: \"http://127.0.0.1:9\"}";
    assert_eq!(said(&format!("{{kind: moderation, {url}}}")), "");
    assert_eq!(
        said(&format!("{{kind: chat, answers: qwen3guard, {url}}}")),
        ""
    );
    for (remote, expect) in [
        (format!("{{kind: chat, {url}}}"), "how it answers"),
        (
            format!("{{kind: chat, answers: scores, labels: [a], {url}}}"),
            "needs a policy",
        ),
        (
            format!("{{kind: chat, answers: scores, policy: p, {url}}}"),
            "0 labels",
        ),
        (
            format!("{{kind: moderation, labels: [a], {url}}}"),
            "are for a chat",
        ),
        (
            format!("{{kind: moderation, timeout_ms: 0, {url}}}"),
            "timeout_ms is 0",
        ),
        (
            "{kind: moderation, upstream: {url: mock}}".to_owned(),
            "has no server",
        ),
        ("{kind: oracle, upstream: {url: mock}}".to_owned(), "oracle"),
    ] {
        let said = said(&remote);
        assert!(said.contains(expect), "{remote}\n{said}");
    }
}
