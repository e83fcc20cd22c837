//! Conversations that a model server keeps: what goes on from an answer is judged with all before it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::{Value, json};

use crate::gateway::{Gateway, Reply};
use crate::pictures::{code, url, with_chunk};

const PATH: &str = "/v1/responses";
const STORED: &str = "    responses: {context: stored}\n";
const ANA: (&str, &str) = ("authorization", "Bearer sk-ana");
const BEN: (&str, &str) = ("authorization", "Bearer sk-ben");

/// One turn, and the id of its answer.
async fn turn(gateway: &Gateway, headers: &[(&str, &str)], body: Value) -> (Reply, String) {
    let reply = gateway.post(PATH, headers, &body).await;
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    let rest = text.split_once("\"id\":\"resp_").map(|(_, rest)| rest);
    let id = rest.and_then(|rest| rest.split('"').next());
    (reply, format!("resp_{}", id.unwrap_or_default()))
}

async fn said(gateway: &Gateway, who: (&str, &str), input: &str, on: &str) -> (Reply, String) {
    let body = json!({"model": "m", "input": input, "previous_response_id": on});
    turn(gateway, &[who], body).await
}

async fn begun(gateway: &Gateway, who: (&str, &str), input: &str) -> String {
    let (reply, id) = turn(gateway, &[who], json!({"model": "m", "input": input})).await;
    assert_eq!(reply.status, StatusCode::OK);
    id
}

fn is_blocked(reply: &Reply) -> bool {
    let action = reply.headers.get("x-wardgate-action");
    action.is_some_and(|action| action == "block")
}

fn is_forgotten(reply: &Reply) -> bool {
    reply.status == StatusCode::BAD_REQUEST && reply.error_code() == "previous_response_not_found"
}

#[tokio::test]
async fn what_goes_on_from_an_answer_is_judged_with_what_was_said_before() {
    let gateway = Gateway::start(STORED).await;
    for stream in [false, true] {
        let first = json!({"model": "m", "input": "a tur", "stream": stream});
        let (reply, first) = turn(&gateway, &[ANA], first).await;
        assert_eq!(reply.status, StatusCode::OK);
        let (reply, second) = said(&gateway, ANA, "soup, please", &first).await;
        assert_eq!(reply.status, StatusCode::OK, "{:?}", reply.body);
        assert_eq!(gateway.forwarded()["previous_response_id"], first);
        assert_eq!(gateway.forwarded()["input"], "soup, please");
        let asked = gateway.mock.seen().len();
        let (reply, _) = said(&gateway, ANA, "nip now", &first).await;
        assert!(is_blocked(&reply), "{:?}", reply.body);
        assert_eq!(gateway.mock.seen().len(), asked, "the model never saw it");
        // Its own first turn says half of it; what lies between does not hide that.
        let half = begun(&gateway, ANA, "soup").await;
        let (_, half) = said(&gateway, ANA, "a tur", &half).await;
        let (reply, _) = said(&gateway, ANA, "nip now", &half).await;
        assert!(is_blocked(&reply), "{:?}", reply.body);
        let (reply, _) = said(&gateway, ANA, "nip now", &second).await;
        assert!(
            !is_blocked(&reply),
            "\"soup, please\" is no half of it: {:?}",
            reply.body
        );
    }
}

#[tokio::test]
async fn what_is_not_remembered_is_not_gone_on_from() {
    let gateway = Gateway::start(STORED).await;
    let (unknown, _) = said(&gateway, ANA, "soup", "resp_beetroot").await;
    assert!(is_forgotten(&unknown));
    assert!(!String::from_utf8_lossy(&unknown.body).contains("beetroot"));
    // Another caller's.
    let id = begun(&gateway, ANA, "soup").await;
    assert!(is_forgotten(&said(&gateway, BEN, "more", &id).await.0));
    assert_eq!(
        said(&gateway, ANA, "more", &id).await.0.status,
        StatusCode::OK
    );
    // The server keeps what it said, and we did not show all of it.
    for stream in [false, true] {
        let body = json!({"model": "m", "input": "dinner?", "stream": stream});
        let (_, cut) = turn(&gateway, &[ANA, ("x-mock-answer", "a turnip")], body).await;
        assert!(
            is_forgotten(&said(&gateway, ANA, "more", &cut).await.0),
            "{stream}"
        );
    }
    let body = json!({"model": "m", "input": "lunch?", "store": false});
    let (_, unkept) = turn(&gateway, &[ANA], body).await;
    assert!(is_forgotten(&said(&gateway, ANA, "more", &unkept).await.0));
    // Other words on the server stay out of sight.
    let body = json!({"model": "m", "input": "a", "conversation": "conv_1"});
    let (reply, _) = turn(&gateway, &[ANA], body).await;
    assert_eq!(
        (reply.status, &*reply.error_code()),
        (StatusCode::BAD_REQUEST, "unsupported_field")
    );
}

#[tokio::test]
async fn an_app_remembers_nothing_unless_it_says_so_and_no_app_for_another() {
    let gateway = Gateway::start("").await;
    let id = begun(&gateway, ANA, "soup").await;
    let asked = gateway.mock.seen().len();
    let (reply, _) = said(&gateway, ANA, "more", &id).await;
    assert_eq!(
        (reply.status, &*reply.error_code()),
        (StatusCode::BAD_REQUEST, "unsupported_field")
    );
    assert_eq!(gateway.mock.seen().len(), asked);
    let app = |name: &str| {
        format!(
            "  - name: {name}\n    match: {{path_prefix: /{name}}}\n    upstream: {{url: UPSTREAM}}\n    \
             on_failure: block\n{STORED}"
        )
    };
    let gateway = Gateway::with_config(&format!("apps:\n{}{}", app("one"), app("two"))).await;
    let first = json!({"model": "m", "input": "soup"});
    let reply = gateway.post("/one/v1/responses", &[ANA], &first).await;
    let on = json!({"model": "m", "input": "more", "previous_response_id": reply.json()["id"]});
    assert!(is_forgotten(
        &gateway.post("/two/v1/responses", &[ANA], &on).await
    ));
    let reply = gateway.post("/one/v1/responses", &[ANA], &on).await;
    assert_eq!(reply.status, StatusCode::OK);
}

#[tokio::test]
async fn what_was_redacted_then_is_not_edited_again() {
    let gateway = Gateway::start(STORED).await;
    let id = begun(&gateway, ANA, "a radish, please").await;
    assert!(!gateway.forwarded().to_string().contains("radish"));
    let body = json!({"model": "m", "input": "thanks, and soup", "previous_response_id": id});
    let (reply, next) = turn(&gateway, &[ANA], body.clone()).await;
    assert_eq!((reply.status, gateway.forwarded()), (StatusCode::OK, body));
    // Acts on this turn leave what was said before alone.
    let (reply, _) = said(&gateway, ANA, "cook okra and a radish", &next).await;
    assert_eq!(reply.status, StatusCode::OK);
    let forwarded = gateway.forwarded();
    assert_eq!(forwarded["instructions"], "Speak of fruit.");
    assert_eq!(forwarded["previous_response_id"], next);
    let input = forwarded["input"].to_string();
    assert!(
        !input.contains("okra") && !input.contains("radish") && input.contains("cook"),
        "{input}"
    );
}

/// An app for adults, among whom a child turns out to be.
#[tokio::test]
async fn what_the_model_must_not_see_any_more_cannot_be_taken_back_from_a_server() {
    let adults = format!("{STORED}    audience: {{default: adult}}\n");
    let (first, told) = ("cook a leek", "I am 12.");
    let gateway = Gateway::start(&adults).await;
    let id = begun(&gateway, ANA, first).await;
    let asked = gateway.mock.seen().len();
    let (reply, _) = said(&gateway, ANA, told, &id).await;
    assert!(is_forgotten(&reply), "{reply:?}");
    let why = reply.json()["error"]["message"].to_string();
    assert!(
        why.contains("new conversation") && !why.contains("leek"),
        "{why}"
    );
    assert_eq!(gateway.mock.seen().len(), asked, "the model was not asked");
    // Whoever stays an adult goes on, and whoever sends the history has it taken out of that.
    let (reply, _) = said(&gateway, ANA, "thanks", &id).await;
    assert_eq!(reply.status, StatusCode::OK);
    let turn = |role: &str, text: &str| json!({"role": role, "content": text});
    let input = [
        turn("user", first),
        turn("assistant", "Done."),
        turn("user", told),
    ];
    let body = json!({"model": "m", "input": input});
    let reply = gateway.post(PATH, &[ANA], &body).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    assert!(!gateway.forwarded().to_string().contains("leek"));
    // Who only observes changes nothing.
    let gateway = Gateway::start(&format!("{adults}    mode: observe\n")).await;
    let id = begun(&gateway, ANA, first).await;
    let (reply, _) = said(&gateway, ANA, told, &id).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
}

/// One turn with a picture.
async fn showing(gateway: &Gateway, text: &str, picture: &str) -> (Reply, String) {
    let content = json!([{"type": "input_text", "text": text},
        {"type": "input_image", "image_url": url(picture)}]);
    let input = json!([{"role": "user", "content": content}]);
    turn(gateway, &[ANA], json!({"model": "m", "input": input})).await
}

/// As a history that is sent again would be: who an adult seemed to be is a child.
#[tokio::test]
async fn a_picture_that_was_shown_before_is_judged_again() {
    let gateway = Gateway::start(&format!("{STORED}    audience: {{default: adult}}\n")).await;
    // A code beside a word; a word in a code.
    for (text, picture) in [("kale", code("pear")), ("soup", code("a leek"))] {
        let (reply, id) = showing(&gateway, text, &picture).await;
        assert!(
            reply.status.is_success() && !is_blocked(&reply),
            "{reply:?}"
        );
        let (reply, next) = said(&gateway, ANA, "and a leaf", &id).await;
        assert!(
            reply.status.is_success() && !is_blocked(&reply),
            "{reply:?}"
        );
        let asked = gateway.mock.seen().len();
        for on in [&id, &next] {
            let (reply, _) = said(&gateway, ANA, "I am 12.", on).await;
            assert!(is_blocked(&reply), "{text}: {reply:?}");
            let mut body = json!({"model": "m", "input": "I am 12.", "previous_response_id": on});
            body["store"] = json!(false);
            let (reply, _) = turn(&gateway, &[ANA], body).await;
            assert!(is_blocked(&reply), "{text}: {reply:?}");
        }
        assert_eq!(gateway.mock.seen().len(), asked, "the model was not asked");
    }
    // What was redacted has shown nothing: the model never had it.
    let placed = with_chunk(
        b"iTXt",
        b"XML:com.adobe.xmp\0\0\0\0\0<x exif:GPSLatitude='1'/>",
    );
    let (_, id) = showing(&gateway, "where is it", &STANDARD.encode(placed)).await;
    let sent = gateway.forwarded().to_string();
    assert!(
        sent.contains("image/png"),
        "a grey one stands there: {sent}"
    );
    let (reply, _) = said(&gateway, ANA, "I am 12.", &id).await;
    assert!(
        reply.status.is_success() && !is_blocked(&reply),
        "{reply:?}"
    );
}
