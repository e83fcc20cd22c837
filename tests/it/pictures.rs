//! Pictures over real sockets, in every dialect that carries them: what they show is judged beside
//! the words, before a byte of them goes on. All are drawn here.

use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use wardgate::picture::drawing;
use wardgate::policy;
use wardgate::policy::report::Outcome;

use crate::gateway::{Gateway, Reply, percent};

pub const CHAT: &str = "/v1/chat/completions";
pub const IMAGES: &str = "/v1/images/generations";

/// A cloth whose hash is on the tests' list.
pub fn cloth() -> String {
    let value = |at: u32| (((at % 128 / 16) * 7 + (at / 128 / 16) * 13) * 37 % 256) as u8;
    let rgb = (0..128 * 128).flat_map(|at| [value(at); 3]).collect();
    STANDARD.encode(drawing::colored(128, 128, rgb).expect("sized"))
}

pub fn code(text: &str) -> String {
    STANDARD.encode(drawing::qr(text).expect("short"))
}

pub fn url(encoded: &str) -> String {
    format!("data:image/png;base64,{encoded}")
}

/// A plain PNG with one more chunk before its pixels.
pub fn with_chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut chunk = (data.len() as u32).to_be_bytes().to_vec();
    chunk.extend(name);
    chunk.extend(data);
    let mut crc = flate2::Crc::new();
    crc.update(&chunk[4..]);
    chunk.extend(crc.sum().to_be_bytes());
    let mut file = drawing::plain(30, 20);
    file.splice(33..33, chunk);
    file
}

pub fn chat(text: &str, picture: &str) -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": [
        {"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": picture}},
    ]}]})
}

/// Every dialect whose prompts carry pictures in JSON: route and body.
pub fn prompts(text: &str, picture: &str) -> Vec<(&'static str, Value)> {
    let source = json!({"type": "base64", "media_type": "image/png", "data": picture});
    let inline = json!({"inlineData": {"mimeType": "image/png", "data": picture}});
    vec![
        (CHAT, chat(text, &url(picture))),
        (
            "/v1/responses",
            json!({"model": "m", "input": [{"role": "user", "content": [
            {"type": "input_text", "text": text},
            {"type": "input_image", "image_url": url(picture)}]}]}),
        ),
        (
            "/v1/messages",
            json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user",
            "content": [{"type": "image", "source": source}, {"type": "text", "text": text}]}]}),
        ),
        (
            "/v1beta/models/g:generateContent",
            json!({"contents": [{"role": "user",
            "parts": [{"text": text}, inline]}]}),
        ),
        (
            "/api/chat",
            json!({"model": "m", "stream": false, "messages": [
            {"role": "user", "content": text, "images": [picture]}]}),
        ),
        (
            "/api/generate",
            json!({"model": "m", "stream": false, "prompt": text,
            "images": [picture]}),
        ),
        (
            "/sdapi/v1/img2img",
            json!({"prompt": text, "init_images": [picture]}),
        ),
    ]
}

async fn ask(gateway: &Gateway, picture: &str, text: &str) -> Vec<(&'static str, Reply, bool)> {
    let mut all = Vec::new();
    for (route, body) in prompts(text, picture) {
        let before = gateway.mock.seen().len();
        let reply = gateway.post(route, &[], &body).await;
        all.push((route, reply, gateway.mock.seen().len() > before));
    }
    all
}

#[test]
fn cases_draw_their_pictures() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/policies");
    let sources = policy::read_folders(&[folder]).expect("readable");
    let set = policy::compile(&sources, &[]).unwrap_or_else(|problems| panic!("{problems}"));
    let report = policy::cases::run(&Arc::new(set));
    assert_eq!(report.results.len(), 30);
    for row in report.results {
        assert_eq!(row.outcome, Outcome::Pass, "{} {}", row.rule, row.name);
    }
}

#[tokio::test]
async fn what_prompts_show_is_judged_in_every_dialect() {
    let gateway = Gateway::start("").await;
    for (route, reply, asked) in ask(&gateway, &code("https://example.com/pear"), "soup").await {
        assert!(asked, "{route}: {reply:?}");
        assert_eq!(reply.status, StatusCode::OK, "{route}");
    }
    let seen = gateway.audit();
    assert!(
        seen.iter()
            .all(|line| line["pictures"][0]["direction"] == "prompt"),
        "{seen:?}"
    );
    assert!(seen.iter().all(|line| line["unseen"].is_null()));
    let hash = &seen[0]["pictures"][0]["pdq"];
    assert!(hash.as_str().is_some_and(|hash| hash.len() == 64), "{hash}");
    // A forbidden word in a code, a known picture, a code beside a word of the prompt.
    for (picture, text) in [
        (code("https://example.com/turnip"), "soup"),
        (cloth(), "soup"),
        (code("pear"), "a swede"),
    ] {
        for (route, reply, asked) in ask(&gateway, &picture, text).await {
            assert!(!asked, "{route}: {text} went on: {reply:?}");
            assert!(!reply.body.is_empty());
        }
    }
    let told = format!("{:?}", gateway.audit());
    assert!(!told.contains("turnip") && !told.contains("example.com"));
}

#[tokio::test]
async fn what_nobody_can_read_is_refused_or_told() {
    let broken = STANDARD.encode(&drawing::plain(40, 40)[..60]);
    let closed = Gateway::start("").await;
    let reply = closed.post(CHAT, &[], &chat("soup", &url(&broken))).await;
    assert_eq!(
        (reply.status, reply.error_code().as_str()),
        (StatusCode::BAD_REQUEST, "unreadable_picture")
    );
    let wrong = url(&code("pear")).replace("image/png", "image/webp");
    let reply = closed.post(CHAT, &[], &chat("soup", &wrong)).await;
    assert!(
        reply.json()["error"]["message"]
            .as_str()
            .is_some_and(|why| why.contains("label"))
    );
    assert!(closed.mock.seen().is_empty());
    let open =
        Gateway::with_config("apps: [{name: test, upstream: {url: UPSTREAM}, on_failure: allow}]")
            .await;
    let reply = open.post(CHAT, &[], &chat("soup", &url(&broken))).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(open.audit()[0]["unseen"], json!(["picture"]));
}

#[tokio::test]
async fn pictures_named_by_their_address_pass_or_not_as_the_app_says() {
    let address = chat("soup", "https://example.com/a.png");
    let open = Gateway::start("    image_urls: unseen\n").await;
    assert_eq!(open.post(CHAT, &[], &address).await.status, StatusCode::OK);
    assert_eq!(open.audit()[0]["unseen"], json!(["picture"]));
    let closed = Gateway::start("    image_urls: refuse\n").await;
    let reply = closed.post(CHAT, &[], &address).await;
    assert_eq!(reply.error_code(), "picture_url");
    assert!(closed.mock.seen().is_empty());
    let answer = json!({"created": 1, "data": [{"url": "https://example.com/a.png"}]});
    let raw = percent(&answer.to_string());
    let draw = json!({"model": "m", "prompt": "a pear"});
    let reply = closed.post(IMAGES, &[("x-mock-raw", &raw)], &draw).await;
    assert_eq!(reply.error_code(), "picture_url");
    assert_eq!(
        open.post(IMAGES, &[("x-mock-raw", &raw)], &draw)
            .await
            .json(),
        answer
    );
}

/// An edit of a picture with that code in it.
pub async fn edit(gateway: &Gateway, prompt: &str, text: &str) -> Reply {
    let form = [("content-type", "multipart/form-data; boundary=b")];
    let mut body = format!("--b\r\ncontent-disposition: form-data; name=\"prompt\"\r\n\r\n{prompt}\r\n--b\r\ncontent-disposition: form-data; name=\"image\"; filename=\"a.png\"\r\n\r\n").into_bytes();
    body.extend(drawing::qr(text).expect("short"));
    body.extend(b"\r\n--b--\r\n");
    gateway
        .send(Method::POST, "/v1/images/edits", &form, body)
        .await
}

#[tokio::test]
async fn files_of_forms_are_judged() {
    let gateway = Gateway::start("").await;
    for (text, allowed) in [("pear", true), ("turnip", false)] {
        let reply = edit(&gateway, "make it blue", text).await;
        assert_eq!(reply.status.is_success(), allowed, "{text}");
        if !allowed {
            assert_eq!(reply.error_code(), "moderation_blocked");
        }
    }
    assert_eq!(gateway.mock.seen().len(), 1);
}

#[tokio::test]
async fn a_redacted_picture_is_grey_and_the_words_go_on() {
    let gateway = Gateway::start("").await;
    let exif = b"XML:com.adobe.xmp\0\0\0\0\0<x exif:GPSLatitude='1'/>";
    let photo = with_chunk(b"iTXt", exif);
    let sent = url(&STANDARD.encode(&photo));
    let reply = gateway
        .post(CHAT, &[], &chat("where is this pear", &sent))
        .await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    let content = &gateway.forwarded()["messages"][0]["content"];
    assert_eq!(content[0]["text"], "where is this pear");
    let went = content[1]["image_url"]["url"].as_str().expect("a data URL");
    let went = STANDARD.decode(went.strip_prefix("data:image/png;base64,").expect("a PNG"));
    let seen = wardgate::picture::look(&went.expect("base64")).expect("a picture");
    assert_eq!(
        (seen.width, seen.height, seen.metadata.location),
        (30, 20, false)
    );
}

#[tokio::test]
async fn answers_are_judged_before_their_pictures_are_seen() {
    let gateway = Gateway::start("").await;
    let draw = json!({"model": "m", "prompt": "a pear"});
    let gemini = (
        "/v1beta/models/g:generateContent",
        json!({"contents": [{"role": "user", "parts": [{"text": "a pear"}]}]}),
    );
    let answers = |picture: &str| {
        [
            (
                IMAGES,
                draw.clone(),
                json!({"created": 1, "data": [{"b64_json": picture}]}),
            ),
            (
                "/sdapi/v1/txt2img",
                json!({"prompt": "a pear"}),
                json!({"images": [picture], "parameters": {}, "info": "{}"}),
            ),
            (
                gemini.0,
                gemini.1.clone(),
                json!({"candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model",
                "parts": [{"inlineData": {"mimeType": "image/png", "data": picture}}]}}]}),
            ),
        ]
    };
    for (route, body, answer) in answers(&code("pear")) {
        let raw = percent(&answer.to_string());
        let reply = gateway.post(route, &[("x-mock-raw", &raw)], &body).await;
        assert_eq!(reply.json(), answer, "{route}");
    }
    for withheld in [cloth(), code("turnip")] {
        for (route, body, answer) in answers(&withheld) {
            let raw = percent(&answer.to_string());
            let reply = gateway.post(route, &[("x-mock-raw", &raw)], &body).await;
            let told = String::from_utf8_lossy(&reply.body);
            assert!(
                !told.contains(&withheld[..60]) && !told.is_empty(),
                "{route}: {told}"
            );
        }
    }
    let line = &gateway.audit()[3];
    assert_eq!(
        (&line["pictures"][0]["direction"], &line["action"]),
        (&json!("output"), &json!("block"))
    );
    // What the prompt said counts when its picture is judged.
    let raw = percent(&json!({"created": 1, "data": [{"b64_json": code("pear")}]}).to_string());
    let swede = json!({"model": "m", "prompt": "a swede"});
    let reply = gateway.post(IMAGES, &[("x-mock-raw", &raw)], &swede).await;
    assert_eq!(reply.error_code(), "moderation_blocked");
}

#[tokio::test]
async fn streamed_pictures_wait_until_somebody_looked() {
    let gateway = Gateway::start("").await;
    let draw = json!({"model": "m", "prompt": "a pear", "stream": true, "partial_images": 2});
    let event = |kind: &str, picture: &str| {
        let data = json!({"type": kind, "b64_json": picture});
        format!("event: {kind}\ndata: {data}\n\n")
    };
    let (partial, whole) = (
        "image_generation.partial_image",
        "image_generation.completed",
    );
    let clean = event(partial, &code("pear")) + &event(whole, &code("a pear"));
    for pieces in ["7", "100000"] {
        let headers = [("x-mock-raw", &*percent(&clean)), ("x-mock-pieces", pieces)];
        let reply = gateway.post(IMAGES, &headers, &draw).await;
        assert_eq!(String::from_utf8_lossy(&reply.body), clean);
        let cut = event(partial, &code("pear"))
            + &event(partial, &cloth())
            + &event(whole, &code("pear"));
        let headers = [("x-mock-raw", &*percent(&cut)), ("x-mock-pieces", pieces)];
        let reply = gateway.post(IMAGES, &headers, &draw).await;
        let told = String::from_utf8_lossy(&reply.body);
        let first = event(partial, &code("pear"));
        assert!(
            told.starts_with(&first) && told[first.len()..].contains("moderation_blocked"),
            "{told}"
        );
        assert!(!told.contains(&cloth()) && !told.contains(whole));
    }
}

#[tokio::test]
async fn words_in_pictures_that_nobody_can_follow_are_refused_both_ways() {
    // More short codes than are followed.
    let comment = format!("Comment\0{}", "dG9tYXRv ".repeat(200));
    let crowded = STANDARD.encode(with_chunk(b"tEXt", comment.as_bytes()));
    let open =
        Gateway::with_config("apps: [{name: test, upstream: {url: UPSTREAM}, on_failure: allow}]")
            .await;
    let reply = open.post(CHAT, &[], &chat("soup", &url(&crowded))).await;
    assert_eq!(reply.error_code(), "too_many_matches");
    assert!(open.mock.seen().is_empty());
    let draw = json!({"model": "m", "prompt": "a pear"});
    let raw = percent(&json!({"created": 1, "data": [{"b64_json": crowded}]}).to_string());
    let reply = open.post(IMAGES, &[("x-mock-raw", &raw)], &draw).await;
    assert_eq!(
        (reply.status, reply.error_code().as_str()),
        (StatusCode::BAD_GATEWAY, "too_many_matches")
    );
    let event = json!({"type": "image_generation.completed", "b64_json": crowded});
    let event = format!("event: image_generation.completed\ndata: {event}\n\n");
    let stream = json!({"model": "m", "prompt": "a pear", "stream": true});
    let raw = percent(&event);
    let reply = open.post(IMAGES, &[("x-mock-raw", &raw)], &stream).await;
    let told = String::from_utf8_lossy(&reply.body);
    assert!(
        told.contains("too_many_matches") && !told.contains(&crowded[..60]),
        "{told}"
    );
}

/// What a picture of an answer shows.
pub fn shown(encoded: &Value) -> wardgate::picture::Seen {
    let file = STANDARD
        .decode(encoded.as_str().expect("a string"))
        .expect("base64");
    wardgate::picture::look(&file).expect("a picture")
}

#[tokio::test]
async fn a_redacted_picture_of_an_answer_is_grey_and_the_rest_is_shown() {
    let gateway = Gateway::start("").await;
    let draw = json!({"model": "m", "prompt": "two signs", "n": 2});
    let (bad, good) = (code("chard"), code("pear"));
    let answer = json!({"created": 1, "data": [{"b64_json": bad}, {"b64_json": good}], "usage": 7});
    let raw = percent(&answer.to_string());
    let reply = gateway.post(IMAGES, &[("x-mock-raw", &raw)], &draw).await;
    let (before, after) = (
        shown(&json!(bad)),
        shown(&reply.json()["data"][0]["b64_json"]),
    );
    assert_eq!((before.width, before.height), (after.width, after.height));
    assert!(after.codes.is_empty());
    let mut rest = reply.json();
    rest["data"][0]["b64_json"] = json!(bad);
    assert_eq!(rest, answer);
    assert_eq!(gateway.audit()[0]["action"], "redact");
    // What a body is told by is one of many things; what blocks withholds all.
    let answer = json!({"created": 1, "data": [{"b64_json": bad}, {"b64_json": cloth()}]});
    let raw = percent(&answer.to_string());
    let reply = gateway.post(IMAGES, &[("x-mock-raw", &raw)], &draw).await;
    assert_eq!(reply.error_code(), "moderation_blocked");
    // In a stream the frames around it pass as they came.
    let event = |kind: &str, picture: &str| {
        let data = json!({"type": kind, "b64_json": picture});
        format!("event: {kind}\ndata: {data}\n\n")
    };
    let (partial, whole) = (
        "image_generation.partial_image",
        "image_generation.completed",
    );
    let first = event(partial, &good);
    let raw = percent(&(first.clone() + &event(whole, &bad)));
    let stream = json!({"model": "m", "prompt": "a sign", "stream": true, "partial_images": 1});
    let reply = gateway
        .post(
            IMAGES,
            &[("x-mock-raw", &raw), ("x-mock-pieces", "9")],
            &stream,
        )
        .await;
    let told = String::from_utf8_lossy(&reply.body).into_owned();
    let last = told
        .strip_prefix(&first)
        .expect("the first frame is as it was");
    let data = last
        .lines()
        .find_map(|line| line.strip_prefix("data: "))
        .expect("an event");
    let data: Value = serde_json::from_str(data).expect("JSON");
    assert_eq!(data["type"], whole);
    assert!(shown(&data["b64_json"]).codes.is_empty() && !told.contains(&bad));
    // Words beside it stay: a chat that shows a picture.
    let inline = |data: &str| json!({"inlineData": {"mimeType": "image/png", "data": data}});
    let parts = json!([{"text": "here it is"}, inline(&bad)]);
    let answer = json!({"candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": parts}}]});
    let ask = json!({"contents": [{"role": "user", "parts": [{"text": "a sign"}]}]});
    let raw = percent(&answer.to_string());
    let reply = gateway
        .post(
            "/v1beta/models/g:generateContent",
            &[("x-mock-raw", &raw)],
            &ask,
        )
        .await;
    let parts = &reply.json()["candidates"][0]["content"]["parts"];
    assert_eq!(parts[0]["text"], "here it is");
    assert!(shown(&parts[1]["inlineData"]["data"]).codes.is_empty());
}

/// A drawing of tests/data/pictures/generate.py, side 224.
fn drawn(seed: u32) -> String {
    let side = 224_u32;
    let mut state = seed;
    let mut pick = |below: u32| {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12345) & 0x7fff_ffff;
        (state >> 8) % below
    };
    let places = || (0..side * side).map(|at| (at % side, at / side));
    let shade = |(x, y)| [x * 255 / side, y * 255 / side, (x + y) * 255 / (2 * side)];
    let mut rgb: Vec<[u8; 3]> = places()
        .map(|at| shade(at).map(|value| value as u8))
        .collect();
    for _ in 0..14 {
        let (disc, left, top) = (pick(2) == 1, pick(side), pick(side));
        let size = pick(side / 2) + 4;
        let color = [0; 3].map(|_| pick(256) as u8);
        for ((x, y), pixel) in places().zip(&mut rgb) {
            let inside = match disc {
                true => x.abs_diff(left).pow(2) + y.abs_diff(top).pow(2) < (size / 2).pow(2),
                false => (left..left + size).contains(&x) && (top..=top + size / 2).contains(&y),
            };
            if inside {
                *pixel = color;
            }
        }
    }
    STANDARD.encode(drawing::colored(side, side, rgb.concat()).expect("sized"))
}

#[tokio::test]
async fn what_a_model_scores_is_read_by_rules_beside_the_prompt() {
    let draw = |prompt: &str| json!({"model": "m", "prompt": prompt});
    let answer = |seed| json!({"created": 1, "data": [{"b64_json": drawn(seed)}]});
    let ask = async |gateway: &Gateway, seed, prompt| {
        let raw = percent(&answer(seed).to_string());
        gateway
            .post(IMAGES, &[("x-mock-raw", &raw)], &draw(prompt))
            .await
    };
    // Without the model the signal is off, and everything else works.
    let blind = Gateway::start("").await;
    assert_eq!(ask(&blind, 13, "a pear").await.json(), answer(13));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    if let Err(why) = wardgate::models::NUDITY.read(&folder) {
        eprintln!("SKIPPED: {why}; run `wardgate models fetch`");
        return;
    }
    let config = "models: ../models\napps: [{name: test, upstream: {url: UPSTREAM}, \
                  on_failure: block, policies: [canary, pictures]}]";
    let gateway = Gateway::with_config(config).await;
    // Scores of the package: seed 13 has 0.114, seed 6 0.003.
    assert_eq!(ask(&gateway, 6, "a pear").await.json(), answer(6));
    assert_eq!(ask(&gateway, 6, "a swede").await.json(), answer(6));
    let reply = ask(&gateway, 13, "a pear").await;
    assert_eq!(reply.error_code(), "moderation_blocked");
    let reply = gateway
        .post(CHAT, &[], &chat("what is this", &url(&drawn(13))))
        .await;
    assert_eq!(reply.said().1, "content_filter", "{reply:?}");
}

#[test]
fn an_app_for_children_needs_the_models_that_its_own_policies_name() {
    let load = |app: &str| {
        let yaml = format!("policy_folders: [data/policies]\nmodels: nowhere\napps: [{{{app}}}]");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        let config = wardgate::config::Config::parse(&yaml, "test.yaml", &folder);
        let config = config.unwrap_or_else(|problems| panic!("{}", problems.problems.join("\n")));
        let loaded = wardgate::app::Live::load(config, None);
        loaded.map(|live| wardgate::eyes::missing(&live.config, &live.set, &live.eyes))
    };
    let refused = load("profile: child, upstream: {url: mock}");
    let why = refused.expect_err("refused");
    assert!(
        why.contains("PIC-06") && why.contains("wardgate models fetch"),
        "{why}"
    );
    let warned = load("profile: general, upstream: {url: mock}").expect("it serves");
    assert!(
        warned[0].contains("PIC-060, PIC-061, PIC-062"),
        "{warned:?}"
    );
    let unasked = load("profile: child, policies: [QL4], upstream: {url: mock}");
    let wall = unasked.expect("it serves");
    assert!(wall[0].contains("QL7.1-070, QL7.1-071 are off"), "{wall:?}");
    // What is shipped is only off, and said to be.
    let shipped =
        load("profile: child, policies: [QL7], upstream: {url: mock}").expect("it serves");
    assert!(
        shipped[0].contains("QL7.1-070, QL7.1-071, QL7.3-050, QL7.3-051 are off"),
        "{shipped:?}"
    );
}

#[tokio::test]
async fn a_picture_that_is_the_whole_answer_is_judged() {
    let gateway = Gateway::start("").await;
    let get = async |file: &[u8], path: &str| {
        let raw: String = file.iter().map(|byte| format!("%{byte:02X}")).collect();
        let headers = [("x-mock-raw", &*raw)];
        gateway.send(Method::GET, path, &headers, "").await
    };
    let good = drawing::qr("pear").expect("short");
    let reply = get(&good, "/view?filename=a.png").await;
    assert_eq!((reply.status, &reply.body[..]), (StatusCode::OK, &good[..]));
    assert_eq!(reply.headers["content-type"], "image/png");
    let known = STANDARD.decode(cloth()).expect("base64");
    for bad in [drawing::qr("turnip").expect("short"), known] {
        for path in ["/view?filename=a.png", "/api/view?filename=a.png"] {
            let reply = get(&bad, path).await;
            assert!(!reply.status.is_success(), "{path}: {reply:?}");
            assert!(reply.json()["error"].is_object(), "{path}");
        }
    }
    // What is only to be hidden is grey.
    let chard = drawing::qr("chard").expect("short");
    let reply = get(&chard, "/view?filename=a.png").await;
    assert_eq!(reply.status, StatusCode::OK);
    let look = |file: &[u8]| wardgate::picture::look(file).expect("a picture");
    let (before, after) = (look(&chard), look(&reply.body));
    assert_eq!((before.width, before.height), (after.width, after.height));
    assert!(after.codes.is_empty() && !before.codes.is_empty());
    // A part of a picture is none: nobody could say what it shows.
    let reply = get(&good[..60], "/view?filename=a.png").await;
    assert_eq!(reply.status, StatusCode::BAD_GATEWAY);
    let lines = gateway.audit();
    assert_eq!(lines[0]["pictures"][0]["direction"], "output");
    assert_eq!(
        (&lines[0]["action"], &lines[1]["action"]),
        (&json!("allow"), &json!("block"))
    );
    assert_eq!(lines[0]["not_inspected"], false);
}
