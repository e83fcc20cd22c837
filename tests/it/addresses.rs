//! Pictures that lie elsewhere, over real sockets: fetched from declared hosts and judged, asked for
//! as files, or refused. The hosts of these tests are on loopback, which they have to declare.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};
use wardgate::body::full;
use wardgate::limits::Limits;
use wardgate::picture::drawing;

use crate::gateway::{Gateway, Reply, percent};
use crate::wire::{Server, serve};

const CHAT: &str = "/v1/chat/completions";
const IMAGES: &str = "/v1/images/generations";
const GEMINI: &str = "/v1beta/models/g:generateContent";

pub fn code(text: &str) -> Vec<u8> {
    drawing::qr(text).expect("short")
}

/// A host of pictures: `/WORD.png` is a code that says so. Counts who asked.
pub struct Shelf {
    pub server: Server,
    pub asked: Arc<AtomicUsize>,
}

impl Shelf {
    pub fn open() -> Self {
        Self::with(|path, _| {
            let word = path.trim_start_matches('/').trim_end_matches(".png");
            png(code(word))
        })
    }

    /// What lies at a path when it is asked for the n-th time.
    pub fn with(
        lies: impl Fn(&str, usize) -> Response<wardgate::body::Body> + Send + Sync + 'static,
    ) -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let (count, lies) = (Arc::clone(&asked), Arc::new(lies));
        let server = serve(Limits::default(), None, move |request, _| {
            let answer = lies(request.uri().path(), count.fetch_add(1, Ordering::SeqCst));
            async move { answer }
        });
        Self { server, asked }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address)
    }

    pub fn config(&self, more: &str) -> String {
        let address = self.server.address;
        format!(
            "    image_urls: {{fetch: {{hosts: [\"http://{address}\"], private: [127.0.0.1]{more}}}}}\n"
        )
    }
}

fn answer(status: u16, kind: &str, body: impl Into<Bytes>) -> Response<wardgate::body::Body> {
    let answer = Response::builder()
        .status(status)
        .header("content-type", kind);
    answer.body(full(body)).expect("an answer")
}

pub fn png(file: Vec<u8>) -> Response<wardgate::body::Body> {
    answer(200, "image/png", file)
}

fn chat(url: &str) -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": [
        {"type": "text", "text": "what is this"}, {"type": "image_url", "image_url": {"url": url}}]}]})
}

/// Prompts of every dialect that may name a picture by its address.
fn prompts(url: &str) -> Vec<(&'static str, Value)> {
    vec![
        (CHAT, chat(url)),
        (
            "/v1/responses",
            json!({"model": "m", "input": [{"role": "user", "content": [
                {"type": "input_image", "image_url": url}, {"type": "input_text", "text": "soup"}]}]}),
        ),
        (
            "/v1/messages",
            json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [
                {"type": "image", "source": {"type": "url", "url": url}}, {"type": "text", "text": "soup"}]}]}),
        ),
        (
            GEMINI,
            json!({"contents": [{"role": "user", "parts": [
                {"fileData": {"mimeType": "image/png", "fileUri": url}}, {"text": "soup"}]}]}),
        ),
        (
            "/v1/images/edits",
            json!({"model": "m", "prompt": "soup", "images": [{"image_url": url}]}),
        ),
        (
            "/api/v1/services/aigc/multimodal-generation/generation",
            json!({"model": "qwen-vl", "input": {"messages": [{"role": "user", "content": [
                {"image": url}, {"text": "soup"}]}]}}),
        ),
        (
            "/api/v1/services/aigc/image2image/image-synthesis",
            json!({"model": "wanx", "input": {"prompt": "soup", "base_image_url": url, "function": "x"}}),
        ),
        (
            "/sdapi/v1/img2img",
            json!({"prompt": "soup", "init_images": [url]}),
        ),
        (
            "/prompt",
            json!({"prompt": {"1": {"class_type": "LoadImageFromUrl", "inputs": {"url": url}},
                "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "soup"}}}}),
        ),
    ]
}

#[tokio::test]
async fn what_lies_at_a_prompts_address_is_judged_and_goes_on_itself() {
    // Whoever asks a second time gets another picture.
    let shelf = Shelf::with(|path, asked| {
        png(code(if asked % 2 == 0 && path == "/pear" {
            "pear"
        } else {
            "turnip"
        }))
    });
    let gateway = Gateway::start(&shelf.config("")).await;
    for (at, (route, body)) in prompts(&shelf.url("/pear")).into_iter().enumerate() {
        let reply = gateway.post(route, &[], &body).await;
        assert_eq!(gateway.mock.seen().len(), at + 1, "{route}: {reply:?}");
        let went = gateway.forwarded().to_string();
        assert!(
            went.contains(&STANDARD.encode(code("pear"))),
            "{route}: {went}"
        );
        assert!(!went.contains("http://127"), "{route}: {went}");
        assert_eq!(shelf.asked.swap(0, Ordering::SeqCst), 1, "{route}");
    }
    let lines = gateway.audit();
    assert!(
        lines.iter().all(|line| line["unseen"].is_null()),
        "{lines:?}"
    );
    assert_eq!(lines[0]["pictures"][0]["direction"], "prompt");
    let before = gateway.mock.seen().len();
    for (route, body) in prompts(&shelf.url("/turnip")) {
        let reply = gateway.post(route, &[], &body).await;
        assert_eq!(gateway.mock.seen().len(), before, "{route}: {reply:?}");
    }
}

/// Answers that name a picture by its address: method, route, prompt, answer.
fn answers(url: &str) -> Vec<(Method, &'static str, Value, Value)> {
    let draw = json!({"model": "m", "prompt": "a pear"});
    vec![
        (
            Method::POST,
            IMAGES,
            draw,
            json!({"created": 1, "data": [{"url": url}]}),
        ),
        (
            Method::GET,
            "/api/v1/tasks/7",
            Value::Null,
            json!({"request_id": "r", "output": {"task_id": "7", "task_status": "SUCCEEDED",
                "results": [{"url": url}]}}),
        ),
        (
            Method::POST,
            "/api/v1/services/aigc/multimodal-generation/generation",
            json!({"model": "qwen-image", "input": {"messages": [{"role": "user", "content": [{"text": "a pear"}]}]}}),
            json!({"request_id": "r", "output": {"choices": [{"finish_reason": "stop", "message":
                {"role": "assistant", "content": [{"image": url}]}}]}}),
        ),
        (
            Method::POST,
            CHAT,
            json!({"model": "m", "messages": [{"role": "user", "content": "a pear"}]}),
            json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "here",
                    "images": [{"type": "image_url", "image_url": {"url": url}}]}}]}),
        ),
        (
            Method::POST,
            GEMINI,
            json!({"contents": [{"role": "user", "parts": [{"text": "a pear"}]}]}),
            json!({"candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model",
                "parts": [{"text": "here"}, {"fileData": {"mimeType": "image/png", "fileUri": url}}]}}]}),
        ),
    ]
}

async fn ask(gateway: &Gateway, url: &str) -> Vec<(&'static str, Value, Reply)> {
    let mut all = Vec::new();
    for (method, route, prompt, answer) in answers(url) {
        let raw = percent(&answer.to_string());
        let headers = [("content-type", "application/json"), ("x-mock-raw", &*raw)];
        let body = match prompt {
            Value::Null => String::new(),
            prompt => prompt.to_string(),
        };
        let reply = gateway.send(method, route, &headers, body).await;
        all.push((route, answer, reply));
    }
    all
}

#[tokio::test]
async fn what_lies_at_an_answers_address_is_judged_before_it_is_told() {
    let shelf = Shelf::open();
    let gateway = Gateway::start(&shelf.config("")).await;
    for (route, answer, reply) in ask(&gateway, &shelf.url("/pear.png")).await {
        assert_eq!(reply.json(), answer, "{route}");
    }
    for (route, _, reply) in ask(&gateway, &shelf.url("/turnip.png")).await {
        let told = String::from_utf8_lossy(&reply.body);
        assert!(
            !told.contains("/turnip.png") && !told.is_empty(),
            "{route}: {told}"
        );
    }
    // One of them is hidden, the rest is shown.
    for (route, _, reply) in ask(&gateway, &shelf.url("/chard.png")).await {
        let told = String::from_utf8_lossy(&reply.body);
        assert!(!told.contains("/chard.png"), "{route}: {told}");
        assert!(told.contains("data:image/png;base64,"), "{route}: {told}");
    }
    let line = &gateway.audit()[0];
    assert_eq!(line["pictures"][0]["direction"], "output");
    // The very bytes that were judged, for who wants them.
    let inline = Gateway::start(&shelf.config(", answers: inline")).await;
    for (route, answer, reply) in ask(&inline, &shelf.url("/pear.png")).await {
        let url = format!("data:image/png;base64,{}", STANDARD.encode(code("pear")));
        let shown = answer.to_string().replace(&shelf.url("/pear.png"), &url);
        assert_eq!(reply.json().to_string(), shown, "{route}");
    }
}

#[tokio::test]
async fn what_cannot_be_had_is_refused_or_told() {
    let shelf = Shelf::with(|path, _| match path {
        "/words" => answer(200, "text/html", "turnip"),
        "/gone" => answer(404, "image/png", code("pear")),
        "/text.png" => png(b"no picture at all".to_vec()),
        _ => answer(200, "image/webp", code("pear")),
    });
    let closed = Gateway::start(&shelf.config("")).await;
    for (path, expect) in [
        ("/words", "picture_unreachable"),
        ("/gone", "picture_unreachable"),
        ("/text.png", "unreadable_picture"),
    ] {
        let reply = closed.post(CHAT, &[], &chat(&shelf.url(path))).await;
        assert_eq!(
            (reply.status, &*reply.error_code()),
            (StatusCode::BAD_REQUEST, expect)
        );
        let raw = percent(&json!({"created": 1, "data": [{"url": shelf.url(path)}]}).to_string());
        let draw = json!({"model": "m", "prompt": "a pear"});
        let reply = closed.post(IMAGES, &[("x-mock-raw", &raw)], &draw).await;
        assert_eq!(
            (reply.status, &*reply.error_code()),
            (StatusCode::BAD_GATEWAY, expect)
        );
    }
    // Elsewhere than declared, and kept by the server, where nobody can look.
    for url in [
        "https://example.com/a.png",
        "gs://bucket/a.png",
        "http://127.0.0.1:1/a.png",
    ] {
        let reply = closed.post(CHAT, &[], &chat(url)).await;
        assert_eq!(reply.error_code(), "picture_url", "{url}");
    }
    // Films, and files that no address names.
    for file in [
        json!({"mimeType": "video/mp4", "fileUri": shelf.url("/pear")}),
        json!({"mimeType": "image/png", "fileUri": "files/pear"}),
    ] {
        let parts = json!({"role": "model", "parts": [{"fileData": file}]});
        let said = json!({"candidates": [{"index": 0, "finishReason": "STOP", "content": parts}]});
        let raw = percent(&said.to_string());
        let body = json!({"contents": [{"role": "user", "parts": [{"text": "a pear"}]}]});
        let reply = closed.post(GEMINI, &[("x-mock-raw", &raw)], &body).await;
        assert_eq!(reply.status, StatusCode::BAD_GATEWAY, "{file}");
    }
    let kept = json!({"model": "m", "input": [{"role": "user", "content": [
        {"type": "input_image", "file_id": "file-1"}, {"type": "input_text", "text": "soup"}]}]});
    let reply = closed.post("/v1/responses", &[], &kept).await;
    assert_eq!(reply.error_code(), "picture_url");
    let many: Vec<_> = (0..17)
        .map(|at| json!({"type": "image_url", "image_url": {"url": shelf.url(&format!("/{at}"))}}))
        .collect();
    let many = json!({"model": "m", "messages": [{"role": "user", "content": many}]});
    assert_eq!(
        closed.post(CHAT, &[], &many).await.error_code(),
        "picture_url"
    );
    assert!(
        closed
            .mock
            .seen()
            .iter()
            .all(|one| !String::from_utf8_lossy(&one.body).contains("image_url"))
    );
    let yaml = format!(
        "apps:\n  - name: test\n    upstream: {{url: UPSTREAM}}\n    on_failure: allow\n{}",
        shelf.config("")
    );
    let open = Gateway::with_config(&yaml).await;
    let reply = open.post(CHAT, &[], &chat(&shelf.url("/gone"))).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(open.audit()[0]["unseen"], json!(["picture"]));
    let reply = open
        .post(CHAT, &[], &chat("https://example.com/a.png"))
        .await;
    assert_eq!(reply.error_code(), "picture_url");
}

#[tokio::test]
async fn without_a_word_of_the_app_addresses_are_closed_where_rules_read_pictures() {
    let address = chat("https://example.com/a.png");
    let reads = Gateway::start("").await;
    assert_eq!(
        reads.post(CHAT, &[], &address).await.error_code(),
        "picture_url"
    );
    let citation = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "soup",
            "annotations": [{"type": "url_citation", "url_citation": {"url": "https://example.com/soup",
                "title": "Soup", "start_index": 0, "end_index": 4}}]}}]});
    let raw = percent(&citation.to_string());
    let words = json!({"model": "m", "messages": [{"role": "user", "content": "soup, see https://example.com/a.png"}]});
    let reply = reads.post(CHAT, &[("x-mock-raw", &raw)], &words).await;
    assert_eq!(reply.json(), citation, "addresses to be read pass");
    let blind = Gateway::start("    policies: [CAN-010]\n").await;
    assert_eq!(blind.post(CHAT, &[], &address).await.status, StatusCode::OK);
    assert_eq!(blind.audit()[0]["unseen"], json!(["picture"]));
    let children =
        "apps: [{name: test, profile: child, policies: [CAN-010], upstream: {url: UPSTREAM}}]";
    let children = Gateway::with_config(children).await;
    assert_eq!(
        children.post(CHAT, &[], &address).await.error_code(),
        "picture_url"
    );
    let observing = Gateway::start("    mode: observe\n").await;
    assert_eq!(
        observing.post(CHAT, &[], &address).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn files_are_asked_for_where_the_app_wants_no_addresses() {
    let gateway = Gateway::start("    image_urls: base64\n").await;
    let url = json!({"created": 1, "data": [{"url": "https://example.com/a.png"}]});
    let raw = percent(&url.to_string());
    for (mut body, expect) in [
        (
            json!({"model": "dall-e-3", "prompt": "a pear"}),
            json!("b64_json"),
        ),
        (
            json!({"model": "m", "response_format": "url", "prompt": "a pear"}),
            json!("b64_json"),
        ),
        (
            json!({"model": "m", "response_format": null, "prompt": "a pear"}),
            json!("b64_json"),
        ),
        (
            json!({"model": "gpt-image-1", "prompt": "a pear"}),
            Value::Null,
        ),
    ] {
        let reply = gateway.post(IMAGES, &[("x-mock-raw", &raw)], &body).await;
        assert_eq!(
            (reply.status, &*reply.error_code()),
            (StatusCode::BAD_GATEWAY, "picture_url")
        );
        let mut went = gateway.forwarded();
        assert_eq!(went["response_format"], expect);
        for one in [&mut went, &mut body] {
            one.as_object_mut()
                .expect("an object")
                .remove("response_format");
        }
        assert_eq!(went, body);
    }
    let picture = json!({"created": 1, "data": [{"b64_json": STANDARD.encode(code("pear"))}]});
    let raw = percent(&picture.to_string());
    let field = |name: &str, value: &str| {
        format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let mut file =
        b"--b\r\ncontent-disposition: form-data; name=\"image\"; filename=\"a.png\"\r\n\r\n"
            .to_vec();
    file.extend(code("pear"));
    file.extend(b"\r\n");
    for (wish, model, asks) in [
        ("url", "dall-e-2", true),
        ("", "dall-e-2", true),
        ("", "gpt-image-1", false),
    ] {
        let mut form = field("prompt", "a pear") + &field("model", model);
        if !wish.is_empty() {
            form += &field("response_format", wish);
        }
        let form = [form.as_bytes(), &file, b"--b--\r\n"].concat();
        let headers = [
            ("content-type", "multipart/form-data; boundary=b"),
            ("x-mock-raw", &*raw),
        ];
        let reply = gateway
            .send(Method::POST, "/v1/images/edits", &headers, form)
            .await;
        assert_eq!(reply.json(), picture);
        let seen = gateway.mock.seen();
        let went = String::from_utf8_lossy(&seen.last().expect("asked").body).into_owned();
        assert_eq!(
            went.contains(&field("response_format", "b64_json")),
            asks,
            "{went}"
        );
        assert!(went.contains("a pear") && !went.contains("\r\nurl\r\n"));
    }
}

#[tokio::test]
async fn what_lies_at_an_address_is_judged_for_who_asks_for_a_verdict() {
    let shelf = Shelf::open();
    let gateway = Gateway::start(&shelf.config("")).await;
    for (word, withheld) in [("pear", false), ("turnip", true)] {
        let url = shelf.url(&format!("/{word}.png"));
        let image = json!({"type": "image_url", "image_url": {"url": url}});
        let body = json!({"messages": [{"role": "user", "content": [image]}]});
        let told = gateway.post("/guard/v1/check", &[], &body).await.json();
        assert_eq!(told["action"] == "block", withheld, "{told}");
        let body = json!({"model": "omni-moderation-latest", "input": [image]});
        let told = gateway.post("/v1/moderations", &[], &body).await.json();
        assert_eq!(told["results"][0]["flagged"], withheld, "{told}");
        let body = json!({"input_type": "request", "texts": ["look"], "images": [url],
            "request_data": {}, "litellm_call_id": "c"});
        let path = "/beta/litellm_basic_guardrail_api";
        let told = gateway.post(path, &[], &body).await.json();
        assert_eq!(told["action"] == "BLOCKED", withheld, "{told}");
    }
    assert!(shelf.asked.load(Ordering::SeqCst) >= 6);
    assert!(gateway.mock.seen().is_empty());
    // Where it cannot be had, nobody says that it was seen.
    let body = json!({"input": [{"type": "image_url", "image_url": {"url": "http://other.example/a.png"}}]});
    let refused = gateway.post("/v1/moderations", &[], &body).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
}
