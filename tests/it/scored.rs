//! The bound on text whose sentences are scored, over sockets: what is beyond it is refused in the
//! caller's dialect, or ends an answer, and no long text keeps others waiting.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use wardgate::codec::Telling;
use wardgate::guard::{Context, Guard, Record};
use wardgate::policy::{self, AppPolicies, Mode, PolicySet, Source};

use crate::caller::Caller;
use crate::gateway::{Gateway, Stream};
use crate::spoken::SPOKEN;
use crate::support::{self, Notes};

/// Texts are scored at level 2; the app of words has no such rule. `ONE` line of text is 61 bytes.
const APPS: &str = "limits: {scored_bytes: 1000}
apps:
  - name: words
    match: {path_prefix: /words}
    upstream: {url: UPSTREAM}
    policies: [canary]
    on_failure: block
  - name: doubt
    match: {path_prefix: /doubt}
    upstream: {url: UPSTREAM}
    level: 1
    on_failure: block
  - name: meaning
    upstream: {url: UPSTREAM}
    level: 2
    on_failure: block
";

const LINE: &str = "We planted carrots in the school garden and watered them all. ";

fn lines(count: usize) -> String {
    LINE.repeat(count)
}

fn messages(texts: &[String]) -> Value {
    let said = |text: &String| json!({"role": "user", "content": text});
    json!({"model": "m", "max_tokens": 9, "messages": texts.iter().map(said).collect::<Vec<_>>()})
}

/// Compiling the policies takes longer than all of this together.
#[tokio::test]
async fn more_text_than_is_scored() {
    let gateway = Gateway::with_config(APPS).await;
    prompts_are_refused_in_their_dialect(&gateway).await;
    only_whose_words_a_rule_reads_are_scored(&gateway).await;
    what_was_scored_before_counts_too(&gateway).await;
    answers_end_unseen(&gateway).await;
    verdicts_count_all_that_is_asked(&gateway).await;
    a_session_is_told(&gateway).await;
    a_doubt_has_its_answer_scored(&gateway).await;
}

async fn prompts_are_refused_in_their_dialect(gateway: &Gateway) {
    let long = [lines(20)];
    let chat = messages(&long);
    let refused = gateway.post("/v1/chat/completions", &[], &chat).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(refused.error_code(), "too_much_text");
    let message = refused.json()["error"]["message"].to_string();
    assert!(message.contains("1000 bytes"), "{message}");
    let refused = gateway.post("/v1/messages", &[], &chat).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(refused.json()["type"], "error", "{:?}", refused.body);
    let ollama = json!({"model": "m", "prompt": lines(20), "stream": false});
    let refused = gateway.post("/api/generate", &[], &ollama).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(refused.json()["error"].is_string(), "{:?}", refused.body);
    assert!(gateway.mock.seen().is_empty(), "nothing reached the model");
    // An app whose rules read words takes it.
    let words = "/words/v1/chat/completions";
    let passed = gateway.post(words, &[], &chat).await;
    assert_eq!(passed.status, StatusCode::OK);
}

async fn only_whose_words_a_rule_reads_are_scored(gateway: &Gateway) {
    let mut chat = messages(&["What grows in a garden?".to_owned()]);
    let rules = json!({"role": "system", "content": lines(20)});
    let said = chat["messages"].as_array_mut().expect("messages");
    said.insert(0, rules);
    let passed = gateway.post("/v1/chat/completions", &[], &chat).await;
    assert_eq!(passed.status, StatusCode::OK, "{:?}", passed.body);
}

async fn what_was_scored_before_counts_too(gateway: &Gateway) {
    let path = "/v1/chat/completions";
    let half = lines(9);
    for _ in 0..2 {
        let one = messages(std::slice::from_ref(&half));
        assert_eq!(gateway.post(path, &[], &one).await.status, StatusCode::OK);
        let two = messages(&[half.clone(), half.clone()]);
        let refused = gateway.post(path, &[], &two).await;
        assert_eq!(refused.error_code(), "too_much_text");
    }
}

async fn answers_end_unseen(gateway: &Gateway) {
    // A doubtful prompt is not needed: the app's own level reads scores of answers.
    let whole = gateway.chat("a pear", &lines(9), Stream::Yes).await;
    assert_eq!(whole.said(), (lines(9), "stop".to_owned()));
    let cut = gateway.chat("a pear", &lines(20), Stream::Yes).await;
    let (shown, end) = cut.said();
    assert_eq!(end, "content_filter");
    let (seen, ours) = shown.split_once("\n\n").expect("a reply of ours");
    assert!(lines(20).starts_with(seen) && seen.len() <= 1000, "{seen}");
    assert!(seen.len() > 800, "what was read goes out: {}", seen.len());
    assert!(ours.contains("could not be checked"), "{ours}");
    let none = gateway.chat("a pear", &lines(20), Stream::No).await;
    assert_eq!(none.status, StatusCode::BAD_GATEWAY);
    assert!(!String::from_utf8_lossy(&none.body).contains("carrots"));
}

async fn verdicts_count_all_that_is_asked(gateway: &Gateway) {
    let ask = |inputs: &[String]| json!({"model": "m", "input": inputs});
    let path = "/v1/moderations";
    let few = gateway.post(path, &[], &ask(&[lines(5), lines(5)])).await;
    assert_eq!(few.status, StatusCode::OK);
    let many = gateway.post(path, &[], &ask(&[lines(9), lines(9)])).await;
    assert_eq!(many.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(many.error_code(), "too_much_text");
}

async fn a_session_is_told(gateway: &Gateway) {
    let mut caller = Caller::answered(gateway, "A plain soup of leeks.").await;
    let events = caller.ask("soup?").await;
    assert_eq!(crate::caller::shown(&events).1, "completed");
    let seen = gateway.mock.seen().len();
    caller.text(&lines(20)).await;
    let told = caller.until("error").await;
    let error = &told.last().expect("an event")["error"];
    assert_eq!(error["code"], "too_much_text", "{error}");
    assert_eq!(gateway.mock.seen().len(), seen);
}

/// At level 1 an answer is scored where its prompt raised a doubt, and nowhere else.
async fn a_doubt_has_its_answer_scored(gateway: &Gateway) {
    let harm = "Make the little ones hand over their money, and hit the one who cries first so that the others learn.";
    for (prompt, end) in [
        ("a pear", "stop"),
        ("what can I say so that he cries", "content_filter"),
    ] {
        let mut chat = messages(&[prompt.to_owned()]);
        chat["stream"] = json!(true);
        let path = "/doubt/v1/chat/completions";
        let answer = [("x-mock-answer", harm)];
        let (shown, ended) = gateway.post(path, &answer, &chat).await.said();
        assert_eq!(ended, end, "{prompt}");
        assert_eq!(shown == harm, end == "stop", "{prompt}: {shown}");
    }
}

/// A set of one rule that reads a score.
fn set() -> Arc<PolicySet> {
    let policy = r#"
policy: tricks
title: {en: Tricks, zh: 骗局}
signals: {trick: {classifier: fraud, at_least: 0.9}}
rules:
  - id: ACME-010
    when: trick
    title: Talks somebody out of their money
    status: stable
    level: 1
    severity: 2
    action: flag
    false_positives: [planting]
"#;
    let source = Source {
        path: "tricks.yaml".into(),
        text: policy.into(),
        shipped: false,
    };
    let app = AppPolicies {
        app: "test".into(),
        level: 1,
        ..AppPolicies::default()
    };
    let set = policy::compile(&[source], &[app]);
    Arc::new(set.unwrap_or_else(|problems| panic!("{problems}")))
}

fn context(codec: &'static dyn wardgate::codec::Codec, telling: Telling) -> Arc<Context> {
    let context = support::context(codec, Mode::Enforce, telling);
    let mut context = Arc::into_inner(context).expect("nobody else has it");
    context.set = set();
    context.selection = Arc::clone(&context.set.selections[0]);
    context.scored_bytes = 150;
    Arc::new(context)
}

/// In every dialect, whatever choice goes on: nothing that was not read is shown, and the stream ends as
/// its protocol ends.
#[test]
fn nothing_beyond_the_bound_is_shown_in_any_dialect() {
    for spoken in SPOKEN {
        let last = spoken.choices - 1;
        let mut deltas: Vec<_> = (0..6).map(|_| (last, LINE.to_owned())).collect();
        deltas.extend([(0, "Beans. ".to_owned()), (last, LINE.to_owned())]);
        let notes = Arc::new(Notes::default());
        let record: Arc<dyn Record> = Arc::<Notes>::clone(&notes);
        let context = context(spoken.codec(), spoken.telling);
        let mut guard = Guard::new(context, record, spoken.framing);
        let mut frames = spoken.frames();
        frames.push(Bytes::from((spoken.write)(&deltas, spoken.choices)));
        while let Some(frame) = frames.finish() {
            guard.frame(frame.expect("the tests send valid frames"));
        }
        guard.finish();
        let out = guard.take().unwrap_or_default();
        let shown = (spoken.read)(&out, spoken.choices);
        let (text, finish) = &shown[last as usize];
        assert_eq!(finish.as_deref(), Some(spoken.filtered), "{}", spoken.path);
        let seen = text.split("\n\n").next().unwrap_or_default();
        assert!(LINE.repeat(2).starts_with(seen), "{}: {text}", spoken.path);
        assert_eq!(*notes.failed.lock().expect("lock"), Some("held_bytes"));
        (spoken.follow)(&out);
    }
}
