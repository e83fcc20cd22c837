//! The mock model server over real sockets.

use std::io::Read as _;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use wardgate::codec::sse::Frames;
use wardgate::codec::{Codec, Envelope, ReadLimits, for_path};
use wardgate::mock::{Mock, scenario};
use wardgate::picture;

const CHAT: &str = "/v1/chat/completions";

const LIMITS: ReadLimits = ReadLimits {
    depth: 64,
    parts: 1000,
};

/// A whole answer; `broken` where the connection ended too early.
struct Got {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    broken: bool,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

fn client() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

async fn send(
    mock: &Mock,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Bytes,
) -> Got {
    let mut request = Request::builder().method(method).uri(mock.url() + path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body)).expect("a request");
    let response = client().request(request).await.expect("an answer");
    let (head, mut body) = response.into_parts();
    let mut got = Vec::new();
    let mut broken = false;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => got.extend_from_slice(frame.data_ref().expect("data")),
            Err(_) => broken = true,
        }
    }
    Got {
        status: head.status,
        headers: head.headers,
        body: got.into(),
        broken,
    }
}

async fn post(mock: &Mock, path: &str, headers: &[(&str, &str)], body: &Value) -> Got {
    send(mock, Method::POST, path, headers, body.to_string().into()).await
}

fn ask(text: &str, stream: bool) -> Value {
    let messages = json!([{"role": "system", "content": "s"}, {"role": "user", "content": text}]);
    json!({"model": "gpt-mock", "messages": messages, "stream": stream})
}

/// What a client would see of a stream: the texts of lane 0, how many events, and whether it ended.
fn listen(codec: &dyn Codec, body: Bytes) -> (String, usize, bool) {
    let mut frames = Frames::new();
    frames.push(body);
    let (mut text, mut events, mut done) = (String::new(), 0, false);
    let mut envelope = Envelope::default();
    while let Some(frame) = frames.next_frame() {
        let frame = frame.expect("a frame");
        let data = frame.data().expect("data");
        let delta = codec
            .read_event(&data, &mut envelope, &LIMITS)
            .expect("reads");
        let shown = delta.pieces.iter().filter(|piece| piece.lane.field == 0);
        shown.for_each(|piece| text += &piece.text);
        events += 1;
        done |= delta.done;
    }
    (text, events, done)
}

#[tokio::test]
async fn it_repeats_calls_tools_and_greets() {
    let mock = Mock::start().await.expect("starts");
    let got = post(&mock, CHAT, &[], &ask("repeat: Ünï \"x\"", false)).await;
    assert_eq!(got.json()["choices"][0]["message"]["content"], "Ünï \"x\"");
    let got = post(&mock, CHAT, &[], &ask("tool: cook {\"a\": 1}", false)).await;
    let call = got.json()["choices"][0]["message"]["tool_calls"][0]["function"].clone();
    assert_eq!(call, json!({"name": "cook", "arguments": "{\"a\": 1}"}));
    let got = post(&mock, CHAT, &[], &ask("hello", false)).await;
    let said = got.json()["choices"][0]["message"]["content"].clone();
    assert!(said.as_str().expect("text").contains("gpt-mock"), "{said}");
    let seen = mock.seen();
    assert_eq!((seen.len(), seen[0].path.as_str()), (3, CHAT));
    assert_eq!(seen[2].body, ask("hello", false).to_string());
}

#[tokio::test]
async fn its_streams_read_as_the_dialects() {
    let mock = Mock::start().await.expect("starts");
    let chat = for_path(CHAT).expect("chat");
    let headers = [("x-mock-pieces", "2")];
    let got = post(&mock, CHAT, &headers, &ask("repeat: 你好 leek", true)).await;
    assert_eq!(got.headers[header::CONTENT_TYPE], "text/event-stream");
    // Role, four deltas of two characters, the ending, the protocol's end.
    assert_eq!(listen(chat, got.body), ("你好 leek".to_owned(), 7, true));
    let got = post(&mock, CHAT, &[], &ask("tool: cook {}", true)).await;
    assert!(listen(chat, got.body.clone()).2);
    assert!(String::from_utf8_lossy(&got.body).contains("tool_calls"));
    let path = "/v1/completions";
    let body = json!({"model": "m", "prompt": "repeat: leek", "stream": true});
    let got = post(&mock, path, &[], &body).await;
    let (text, _, done) = listen(for_path(path).expect("completions"), got.body);
    assert_eq!((text.as_str(), done), ("leek", true));
    assert_eq!(mock.aborted(), 0);
}

#[tokio::test]
async fn it_makes_pictures_and_lists_models() {
    let mock = Mock::start().await.expect("starts");
    let body = json!({"prompt": "a leek", "n": 2});
    let got = post(&mock, "/v1/images/generations", &[], &body).await;
    assert_eq!(got.json()["data"][1]["revised_prompt"], "a leek");
    let form =
        "--wg\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\na beet\r\n--wg--\r\n";
    let kind = [("content-type", "multipart/form-data; boundary=wg")];
    let got = send(&mock, Method::POST, "/v1/images/edits", &kind, form.into()).await;
    assert_eq!(got.json()["data"][0]["revised_prompt"], "a beet");
    let got = send(&mock, Method::GET, "/v1/models", &[], Bytes::new()).await;
    assert_eq!(got.json()["data"][0]["id"], "mock");
    let got = send(&mock, Method::GET, "/v1/nothing", &[], Bytes::new()).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn headers_script_it() {
    let mock = Mock::start().await.expect("starts");
    let headers = [("x-mock-answer", "%E4%BD%A0 ok")];
    let got = post(&mock, CHAT, &headers, &ask("repeat: no", false)).await;
    assert_eq!(got.json()["choices"][0]["message"]["content"], "你 ok");
    let got = post(&mock, CHAT, &[("x-mock-status", "503")], &ask("hi", true)).await;
    assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(got.json()["error"]["message"], "as scripted");
    let raw = [
        ("x-mock-raw", "data: a%0A%0Adata: b"),
        ("x-mock-pieces", "3"),
    ];
    let got = post(&mock, CHAT, &raw, &ask("hi", true)).await;
    assert_eq!(&got.body[..], b"data: a\n\ndata: b");
    assert_eq!(got.headers[header::CONTENT_TYPE], "text/event-stream");
    let got = post(
        &mock,
        CHAT,
        &[("x-mock-encoding", "rot13")],
        &ask("hi", false),
    )
    .await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
}

/// Every dialect that answers with words, and every one that draws: what asks for soup.
fn dialects() -> Vec<(&'static str, Value)> {
    let messages = json!([{"role": "user", "content": "soup?"}]);
    let parts = json!([{"role": "user", "content": [{"text": "soup?"}]}]);
    let contents = json!([{"role": "user", "parts": [{"text": "soup?"}]}]);
    let whole = json!({"result_format": "message"});
    let aigc = |name| format!("/api/v1/services/aigc/{name}/generation").leak() as &'static str;
    vec![
        (CHAT, json!({"model": "m", "messages": messages})),
        ("/v1/completions", json!({"model": "m", "prompt": "soup?"})),
        ("/v1/responses", json!({"model": "m", "input": "soup?"})),
        (
            "/v1/messages",
            json!({"model": "m", "max_tokens": 9, "messages": messages}),
        ),
        (
            "/v1beta/models/m:generateContent",
            json!({"contents": contents}),
        ),
        (
            "/api/chat",
            json!({"model": "m", "stream": false, "messages": messages}),
        ),
        (
            "/api/generate",
            json!({"model": "m", "stream": false, "prompt": "soup?"}),
        ),
        (
            aigc("text-generation"),
            json!({"model": "m", "input": {"messages": messages}, "parameters": whole}),
        ),
        (
            aigc("multimodal-generation"),
            json!({"model": "m", "input": {"messages": parts}}),
        ),
        (
            "/v1/images/generations",
            json!({"model": "m", "prompt": "soup?"}),
        ),
        ("/sdapi/v1/txt2img", json!({"prompt": "soup?"})),
    ]
}

#[tokio::test]
async fn a_file_of_scenarios_tells_every_dialect_what_to_say_and_draw() {
    let file = "- {prompt: soup, answer: Leeks., picture: a pear}\n- {status: 503}\n";
    let scenarios = scenario::read(file).expect("reads");
    let mock = Mock::start_with(scenarios).await.expect("it starts");
    for (path, body) in dialects() {
        let got = post(&mock, path, &[], &body).await;
        let told = got.json();
        assert!(told.to_string().contains("Leeks."), "{path}: {told}");
        let drawn = [
            &told["data"][0]["b64_json"],
            &told["images"][0],
            &told["candidates"][0]["content"]["parts"][1]["inlineData"]["data"],
        ];
        let draws = ["images", "txt2img", "Content"]
            .iter()
            .any(|name| path.contains(name));
        let shown = drawn.iter().find_map(|one| one.as_str()).map(|encoded| {
            let file = STANDARD.decode(encoded).expect("base64");
            let seen = picture::look(&file).expect("a picture");
            seen.texts().collect::<Vec<_>>().concat()
        });
        assert_eq!(shown, draws.then(|| "a pear".to_owned()), "{path}");
        let body = body.to_string().replace("soup?", "bread?");
        let got = send(&mock, Method::POST, path, &[], body.into()).await;
        assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }
}

#[tokio::test]
async fn it_cuts_after_so_many_events() {
    let mock = Mock::start().await.expect("starts");
    let chat = for_path(CHAT).expect("chat");
    let headers = [("x-mock-cut-after", "3"), ("x-mock-pieces", "1")];
    let got = post(&mock, CHAT, &headers, &ask("repeat: leek", true)).await;
    assert!(got.broken);
    assert_eq!(listen(chat, got.body), ("le".to_owned(), 3, false));
    assert_eq!(mock.aborted(), 0);
}

#[tokio::test]
async fn it_waits_between_events_and_notices_who_leaves() {
    let mock = Mock::start().await.expect("starts");
    let headers = [("x-mock-delay-ms", "30"), ("x-mock-pieces", "1")];
    let before = Instant::now();
    post(&mock, CHAT, &headers, &ask("repeat: ab", true)).await;
    // Role, two deltas, ending, end: four pauses.
    assert!(before.elapsed() >= Duration::from_millis(120));
    let request = Request::post(mock.url() + CHAT).header("x-mock-delay-ms", "50");
    let body = ask("repeat: a long answer that nobody hears", true).to_string();
    let request = request.body(Full::from(body)).expect("a request");
    let mut response = client().request(request).await.expect("an answer");
    response
        .body_mut()
        .frame()
        .await
        .expect("a frame")
        .expect("data");
    drop(response);
    for _ in 0..100 {
        if mock.aborted() == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the mock never noticed");
}

#[tokio::test]
async fn it_compresses() {
    let mock = Mock::start().await.expect("starts");
    let plain = post(&mock, CHAT, &[], &ask("repeat: leek", true))
        .await
        .body;
    for name in ["gzip", "br", "zstd"] {
        let got = post(
            &mock,
            CHAT,
            &[("x-mock-encoding", name)],
            &ask("repeat: leek", true),
        )
        .await;
        assert_eq!(got.headers[header::CONTENT_ENCODING], name);
        assert_eq!(decompress(name, &got.body).await, plain, "{name}");
    }
}

async fn decompress(name: &str, body: &[u8]) -> Vec<u8> {
    use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
    use tokio::io::AsyncReadExt;
    let mut out = Vec::new();
    let read = match name {
        "gzip" => GzipDecoder::new(body).read_to_end(&mut out).await,
        "br" => BrotliDecoder::new(body).read_to_end(&mut out).await,
        _ => ZstdDecoder::new(body).read_to_end(&mut out).await,
    };
    read.expect("decompresses");
    out
}

#[tokio::test]
async fn it_stops_when_dropped() {
    let mock = Mock::start().await.expect("starts");
    let address = mock.address();
    drop(mock);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let open =
        std::net::TcpStream::connect(address).and_then(|mut socket| socket.read(&mut [0; 1]));
    assert!(matches!(open, Err(_) | Ok(0)), "still serving");
}
