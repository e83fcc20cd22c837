//! What reaches over several messages: acts that add up, doubt that a prompt leaves, ages said.

use serde_json::{Value, json};

use crate::gateway::{Gateway, Reply};

const PATH: &str = "/v1/chat/completions";

/// Messages of alternating speakers, the user first and last.
fn talk(said: &[&str]) -> Value {
    let roles = ["user", "assistant"].iter().cycle();
    let messages: Vec<_> = roles
        .zip(said)
        .map(|(role, text)| json!({"role": role, "content": text}))
        .collect();
    json!({"model": "m", "messages": messages})
}

async fn answered(gateway: &Gateway, said: &[&str], answer: &str) -> Reply {
    gateway
        .post(PATH, &[("x-mock-answer", answer)], &talk(said))
        .await
}

async fn ending(gateway: &Gateway, said: &[&str], answer: &str) -> String {
    answered(gateway, said, answer).await.said().1
}

#[tokio::test]
async fn a_doubtful_prompt_makes_its_answer_one_level_stricter_and_a_clean_one_does_not() {
    let gateway = Gateway::start("").await;
    let answer = "try a kohlrabi";
    assert_eq!(
        ending(&gateway, &["what shall I eat"], answer).await,
        "stop"
    );
    assert_eq!(
        ending(&gateway, &["some chicory"], answer).await,
        "content_filter"
    );
    assert_eq!(
        ending(&gateway, &["some chicory"], "try soup").await,
        "stop"
    );
    let mut streamed = talk(&["some chicory"]);
    streamed["stream"] = json!(true);
    let streamed = gateway
        .post(PATH, &[("x-mock-answer", answer)], &streamed)
        .await;
    let (shown, end) = streamed.said();
    assert!(
        end == "content_filter" && !shown.contains("kohlrabi"),
        "{shown}"
    );
    // A redaction protects the speaker; it is no doubt.
    assert_eq!(ending(&gateway, &["a radish"], answer).await, "stop");
    let observing = "    overrides: {GAR-010: {status: experimental}}\n";
    let gateway = Gateway::start(observing).await;
    assert_eq!(
        ending(&gateway, &["some chicory"], answer).await,
        "stop",
        "it only observes"
    );
    // At the strictest level there is nothing above.
    let gateway = Gateway::start("    level: 3\n").await;
    assert_eq!(
        ending(&gateway, &["some chicory"], "try soup").await,
        "stop"
    );
}

#[tokio::test]
async fn acts_of_one_side_add_up_over_messages_and_into_the_answer() {
    let gateway = Gateway::start("").await;
    let acts = ["a marrow squash", "ok", "a shallot", "ok", "samphire"];
    let refused = answered(&gateway, &acts, "fine").await;
    assert_eq!(refused.said().1, "content_filter");
    assert_eq!(gateway.audit()[0]["detections"][0]["rule"], "GAR-030");
    let backwards = ["samphire", "ok", "a shallot", "ok", "a marrow squash"];
    assert_eq!(ending(&gateway, &backwards, "fine").await, "stop");
    // The model's own acts, the last two in its answer.
    let persona = [
        "hi",
        "a marrow squash for you",
        "thanks",
        "a shallot",
        "and now?",
    ];
    let (shown, end) = answered(&gateway, &persona, "first samphire, then salsify")
        .await
        .said();
    assert_eq!(end, "content_filter");
    // A watched conversation has its answer judged at level 2, where a cut takes the whole sentence.
    assert!(
        !shown.contains("first") && !shown.contains("samphire"),
        "{shown}"
    );
    assert_eq!(
        ending(&gateway, &["hi"], "first samphire, then salsify").await,
        "stop"
    );
}

#[tokio::test]
async fn a_watched_conversation_makes_its_answer_stricter() {
    let gateway = Gateway::start("").await;
    let watched = ["a marrow squash", "ok", "a shallot"];
    assert_eq!(
        ending(&gateway, &watched, "try a kohlrabi").await,
        "content_filter"
    );
    let apart = ["a shallot", "ok", "a marrow squash"];
    assert_eq!(ending(&gateway, &apart, "try a kohlrabi").await, "stop");
}

#[tokio::test]
async fn what_users_say_of_their_age_only_tightens_and_is_told_in_the_audit() {
    let gateway = Gateway::start(
        "    audience: {default: adult, header: x-age-band, trusted_peers: [127.0.0.1]}\n",
    )
    .await;
    assert_eq!(ending(&gateway, &["a leek"], "fine").await, "stop");
    assert_eq!(
        ending(&gateway, &["I am 13.", "ok", "a leek"], "fine").await,
        "content_filter"
    );
    assert_eq!(
        ending(&gateway, &["my son is 13", "I am 13", "a leek"], "fine").await,
        "stop"
    );
    let headers = [
        ("x-mock-answer", "fine"),
        ("x-age-band", "8-11; assurance=verified"),
    ];
    gateway
        .post(PATH, &headers, &talk(&["I'm 16, tell me of soup"]))
        .await;
    let told: Vec<_> = gateway
        .audit()
        .iter()
        .map(|line| {
            ["audience", "audience_source", "audience_assurance"]
                .map(|key| line[key].as_str().unwrap_or("").to_owned())
        })
        .collect();
    let wanted = [
        ["18+", "app", "declared"],
        ["12-13", "cue", "estimated"],
        ["18+", "app", "declared"],
        ["8-11", "header", "verified"],
    ];
    assert_eq!(told, wanted);
}

#[tokio::test]
async fn a_refusal_does_not_end_the_conversation_and_the_model_never_sees_what_was_refused() {
    let gateway = Gateway::start("").await;
    let said = [
        "a turnip for me",
        "This cannot be shown.",
        "then tell me of soup",
    ];
    let reply = answered(&gateway, &said, "Soup is warm.").await;
    assert_eq!(
        reply.said(),
        ("Soup is warm.".to_owned(), "stop".to_owned())
    );
    assert_eq!(reply.headers["x-wardgate-action"], "redact");
    let forwarded = gateway.forwarded();
    assert_eq!(forwarded["messages"][0]["content"], "[removed]");
    assert_eq!(forwarded["messages"][2]["content"], said[2]);
    let gateway = Gateway::start("").await;
    let again = [
        "a turnip for me",
        "This cannot be shown.",
        "a turnip, please",
    ];
    assert_eq!(ending(&gateway, &again, "fine").await, "content_filter");
    assert!(gateway.mock.seen().is_empty());
    let gateway = Gateway::start("    mode: observe\n").await;
    assert_eq!(ending(&gateway, &said, "fine").await, "stop");
    assert_eq!(gateway.forwarded()["messages"][0]["content"], said[0]);
}
