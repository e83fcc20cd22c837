//! `action: strip`: a picture is cut out of where it stands and the rest goes on as it came, in every
//! dialect that carries pictures in lists; where it cannot be, a grey one stands in its place. Over real
//! sockets.

use http::StatusCode;
use serde_json::{Value, json};

use crate::gateway::{Gateway, percent};
use crate::pictures::{CHAT, IMAGES, chat, code, edit, prompts, shown, url};

/// What the code of a picture says that is cut out (`PIC-080`).
const CUT: &str = "skirret";

/// Every dialect whose answers carry pictures in lists: route, request, and the answer with these
/// elements in its list, all of whose pictures stand beside something else.
fn answers(pictures: &[String]) -> Vec<(&'static str, Value, Value)> {
    let each = |one: fn(&String) -> Value| pictures.iter().map(one).collect::<Vec<_>>();
    let words = |text: &str| json!([{"role": "user", "content": text}]);
    let parts = each(|one| json!({"inlineData": {"mimeType": "image/png", "data": one}}));
    let (before, behind) = (json!({"text": "here"}), json!({"text": " it is"}));
    let parts = [vec![before], parts, vec![behind]].concat();
    let shown = each(|one| json!({"type": "image_url", "image_url": {"url": url(one)}}));
    let spoken = json!({"role": "assistant", "content": "here", "images": shown});
    let content = each(|one| json!({"image": url(one)}));
    let content = [vec![json!({"text": "here"})], content].concat();
    vec![
        (
            IMAGES,
            json!({"model": "m", "prompt": "a pear", "n": 2}),
            json!({"created": 1, "data": each(|one| json!({"b64_json": one})), "usage": 7}),
        ),
        (
            CHAT,
            json!({"model": "m", "messages": words("a pear")}),
            json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m",
                "choices": [{"index": 0, "finish_reason": "stop", "message": spoken}]}),
        ),
        (
            "/v1beta/models/g:generateContent",
            json!({"contents": [{"role": "user", "parts": [{"text": "a pear"}]}]}),
            json!({"candidates": [{"index": 0, "finishReason": "STOP",
                "content": {"role": "model", "parts": parts}}]}),
        ),
        (
            "/sdapi/v1/txt2img",
            json!({"prompt": "a pear"}),
            json!({"images": pictures, "parameters": {}, "info": "{}"}),
        ),
        (
            "/api/v1/services/aigc/multimodal-generation/generation",
            json!({"model": "m", "input": {"messages": [{"role": "user", "content": [{"text": "a pear"}]}]}}),
            json!({"request_id": "r", "output": {"choices": [{"finish_reason": "stop",
                "message": {"role": "assistant", "content": content}}]}}),
        ),
        (
            "/api/chat",
            json!({"model": "m", "stream": false, "messages": words("a pear")}),
            json!({"model": "m", "created_at": "1", "done": true, "done_reason": "stop",
                "message": {"role": "assistant", "content": "here", "images": pictures}}),
        ),
    ]
}

#[tokio::test]
async fn a_picture_is_cut_out_of_an_answer_and_the_rest_stays() {
    let gateway = Gateway::start("").await;
    let (bad, good, other) = (code(CUT), code("pear"), code("a pear"));
    for (with, without) in [
        (vec![bad.clone()], vec![]),
        (vec![bad.clone(), good.clone()], vec![good.clone()]),
        (vec![good.clone(), bad.clone()], vec![good.clone()]),
        (
            vec![
                bad.clone(),
                good.clone(),
                bad.clone(),
                other.clone(),
                bad.clone(),
            ],
            vec![good.clone(), other],
        ),
    ] {
        for ((route, body, answer), (_, _, expect)) in
            answers(&with).into_iter().zip(answers(&without))
        {
            let raw = percent(&answer.to_string());
            let reply = gateway.post(route, &[("x-mock-raw", &raw)], &body).await;
            assert_eq!(reply.status, StatusCode::OK, "{route} {reply:?}");
            assert_eq!(reply.json(), expect, "{route}");
        }
    }
    let lines = gateway.audit();
    assert!(
        lines.iter().all(|line| line["action"] == "strip"),
        "{lines:?}"
    );
    let told = format!("{lines:?}");
    assert!(!told.contains(CUT));
}

#[tokio::test]
async fn what_is_in_no_list_is_grey_and_what_blocks_withholds_all() {
    let gateway = Gateway::start("").await;
    let ask = json!({"model": "m", "stream": false, "prompt": "a pear"});
    let answer =
        json!({"model": "m", "created_at": "1", "done": true, "response": "", "image": code(CUT)});
    let raw = percent(&answer.to_string());
    let reply = gateway
        .post("/api/generate", &[("x-mock-raw", &raw)], &ask)
        .await;
    let (before, after) = (shown(&answer["image"]), shown(&reply.json()["image"]));
    assert_eq!((before.width, before.height), (after.width, after.height));
    assert!(after.codes.is_empty());
    let draw = json!({"model": "m", "prompt": "a pear"});
    let data = json!([{"b64_json": code(CUT)}, {"b64_json": code("turnip")}]);
    let raw = percent(&json!({"created": 1, "data": data}).to_string());
    let reply = gateway.post(IMAGES, &[("x-mock-raw", &raw)], &draw).await;
    assert_eq!(reply.error_code(), "moderation_blocked");
    // One that a milder rule greys stays in the list, beside one that goes.
    let data = json!([{"b64_json": code(CUT)}, {"b64_json": code("chard")}]);
    let raw = percent(&json!({"created": 1, "data": data}).to_string());
    let reply = gateway
        .post(IMAGES, &[("x-mock-raw", &raw)], &draw)
        .await
        .json();
    assert_eq!(reply["data"].as_array().map(Vec::len), Some(1));
    assert!(shown(&reply["data"][0]["b64_json"]).codes.is_empty());
    let observing = Gateway::start("    mode: observe\n").await;
    let (_, _, answer) = answers(&[code(CUT)]).remove(0);
    let raw = percent(&answer.to_string());
    let reply = observing.post(IMAGES, &[("x-mock-raw", &raw)], &draw).await;
    assert_eq!(reply.json(), answer);
}

/// The events of a stream that come back, as they were framed.
async fn streamed(gateway: &Gateway, route: &str, ask: &Value, events: &[Value]) -> Vec<Value> {
    let frame = |event: &Value| match event["type"].as_str() {
        Some(kind) => format!("event: {kind}\ndata: {event}\n\n"),
        None => format!("data: {event}\n\n"),
    };
    let raw = percent(&events.iter().map(frame).collect::<String>());
    let mut all = Vec::new();
    for pieces in ["11", "100000"] {
        let headers = [("x-mock-raw", &*raw), ("x-mock-pieces", pieces)];
        let reply = gateway.post(route, &headers, ask).await;
        let told = String::from_utf8_lossy(&reply.body).into_owned();
        let data = told.lines().filter_map(|line| line.strip_prefix("data: "));
        let data = data.map(|data| serde_json::from_str(data).expect("JSON"));
        all.push(data.collect::<Vec<Value>>());
    }
    assert_eq!(all[0], all[1], "however it was cut");
    all.remove(0)
}

#[tokio::test]
async fn an_unfinished_picture_goes_with_its_event() {
    let gateway = Gateway::start("").await;
    let ask = json!({"model": "m", "prompt": "a pear", "stream": true, "partial_images": 2});
    let event = |kind: &str, word: &str| {
        let kind = format!("image_generation.{kind}");
        json!({"type": kind, "b64_json": code(word)})
    };
    let first = event("partial_image", "pear");
    let whole = event("completed", "pear");
    let events = [first.clone(), event("partial_image", CUT), whole.clone()];
    let told = streamed(&gateway, IMAGES, &ask, &events).await;
    assert_eq!(told, [first.clone(), whole]);
    // The last one has to be there.
    let told = streamed(
        &gateway,
        IMAGES,
        &ask,
        &[first.clone(), event("completed", CUT)],
    )
    .await;
    assert_eq!((&told[0], told.len()), (&first, 2));
    assert_eq!(told[1]["type"], "image_generation.completed");
    assert!(shown(&told[1]["b64_json"]).codes.is_empty());
}

#[tokio::test]
async fn an_event_loses_its_picture_and_keeps_the_rest() {
    let gateway = Gateway::start("").await;
    let parts = |parts: Value| json!({"candidates": [{"index": 0, "content": {"role": "model", "parts": parts}}]});
    let inline = |word: &str| json!({"inlineData": {"mimeType": "image/png", "data": code(word)}});
    let last = json!({"candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model",
        "parts": [{"text": "."}]}}]});
    let ask = json!({"contents": [{"role": "user", "parts": [{"text": "a pear"}]}]});
    let route = "/v1beta/models/g:streamGenerateContent?alt=sse";
    let here = json!({"text": "here"});
    let with = [
        parts(json!([here, inline(CUT), inline("pear")])),
        last.clone(),
    ];
    let told = streamed(&gateway, route, &ask, &with).await;
    assert_eq!(told, [parts(json!([here, inline("pear")])), last]);
    let delta = |delta: Value, finish: Value| {
        json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    };
    let image = json!({"type": "image_url", "image_url": {"url": url(&code(CUT))}});
    let events = |images: Value| {
        let spoken = json!({"role": "assistant", "content": "here", "images": images});
        [delta(spoken, Value::Null), delta(json!({}), json!("stop"))]
    };
    let ask =
        json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "a pear"}]});
    let told = streamed(&gateway, CHAT, &ask, &events(json!([image]))).await;
    assert_eq!(told, events(json!([])));
}

#[tokio::test]
async fn a_picture_is_cut_out_of_a_prompt_before_the_model_sees_it() {
    let gateway = Gateway::start("").await;
    for (route, body) in prompts("what is it", &code(CUT)) {
        let reply = gateway.post(route, &[], &body).await;
        assert_eq!(reply.status, StatusCode::OK, "{route}: {reply:?}");
        let forwarded = gateway.forwarded();
        let told = forwarded.to_string();
        assert!(told.contains("what is it"), "{route}: {told}");
        let count = |body: &Value| body.to_string().matches("iVBOR").count();
        // What a picture is made from is grey: nothing could be made without it.
        let left = usize::from(route == "/sdapi/v1/img2img");
        assert_eq!((count(&body), count(&forwarded)), (1, left), "{route}");
        assert!(!told.contains(&code(CUT)), "{route}");
    }
    let gone = |at: usize| prompts("what is it", &code(CUT)).remove(at).1;
    // The very same but for the part: what came before and behind it.
    gateway.post(CHAT, &[], &gone(0)).await;
    let left = json!([{"type": "text", "text": "what is it"}]);
    assert_eq!(gateway.forwarded()["messages"][0]["content"], left);
    gateway.post("/v1/messages", &[], &gone(2)).await;
    assert_eq!(gateway.forwarded()["messages"][0]["content"], left);
    gateway.post("/api/chat", &[], &gone(4)).await;
    assert_eq!(gateway.forwarded()["messages"][0]["images"], json!([]));
    // Nothing else is said: a grey one stays.
    let alone = json!({"model": "m", "messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": url(&code(CUT))}}]}]});
    gateway.post(CHAT, &[], &alone).await;
    let went = &gateway.forwarded()["messages"][0]["content"][0]["image_url"]["url"];
    let grey = went
        .as_str()
        .and_then(|url| url.strip_prefix("data:image/png;base64,"));
    assert!(shown(&json!(grey)).codes.is_empty());
}

#[tokio::test]
async fn what_else_changes_in_a_prompt_changes_beside_it() {
    let gateway = Gateway::start("").await;
    // A redacted word, guidance for the model and two pictures, of which one goes.
    let mut body = chat("an okra and a radish", &url(&code(CUT)));
    let content = body["messages"][0]["content"]
        .as_array_mut()
        .expect("a list");
    content.insert(0, content[1].clone());
    content.push(json!({"type": "image_url", "image_url": {"url": url(&code("pear"))}}));
    let reply = gateway.post(CHAT, &[], &body).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    let forwarded = gateway.forwarded();
    let told = forwarded.to_string();
    assert!(
        told.contains("Speak of fruit.") && !told.contains("radish"),
        "{told}"
    );
    let messages = forwarded["messages"].as_array().expect("a list");
    let content = &messages.last().expect("the user's")["content"];
    let kinds = content
        .as_array()
        .expect("a list")
        .iter()
        .map(|part| &part["type"]);
    assert_eq!(kinds.collect::<Vec<_>>(), ["text", "image_url"], "{told}");
    assert!(!told.contains(&code(CUT)) && told.contains(&code("pear")));
    // A form's file can neither be cut out nor be grey.
    assert_eq!(
        edit(&gateway, "make it blue", CUT).await.error_code(),
        "moderation_blocked"
    );
    // Who asks for a verdict is told the same.
    let body = json!({"messages": chat("what is it", &url(&code(CUT)))["messages"]});
    let verdict = gateway.post("/guard/v1/check", &[], &body).await.json();
    assert_eq!(verdict["action"], "strip", "{verdict}");
    let left = json!([{"type": "text", "text": "what is it"}]);
    assert_eq!(verdict["messages"][0]["content"], left);
}
