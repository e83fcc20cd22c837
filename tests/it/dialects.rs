//! What no dialect knows, for every dialect by the same tests: shapes of requests, of answers and of
//! events, and routes beside the known ones. Refused in the dialect, never passed.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use wardgate::codec::{CODECS, Codec, Envelope, ReadLimits, for_path};

use crate::gateway::{Gateway, percent};

const LIMITS: ReadLimits = ReadLimits {
    depth: 64,
    parts: 1000,
};

/// A word that no message of ours may repeat and no caller may see.
const SECRET: &str = "beetroot";

/// What one dialect does not know.
struct Unknown {
    codec: &'static str,
    path: &'static str,
    /// A request that is fine.
    good: fn() -> Value,
    /// Requests with a role, a part, a tool or a field that nobody knows.
    asks: fn() -> Vec<Value>,
    /// Answers of shapes that nobody knows.
    answers: &'static [&'static str],
    /// Events of types that nobody knows; none where there is no stream.
    events: &'static [&'static str],
    /// Where its errors say what is wrong.
    message: &'static str,
}

fn message(content: &Value) -> Value {
    json!([{"role": "user", "content": content}])
}

fn chat(content: &Value) -> Value {
    json!({"model": "m", "max_tokens": 9, "messages": message(content)})
}

fn with(mut body: Value, member: &str, value: Value) -> Value {
    body[member] = value;
    body
}

/// A part, a role and a tool that nobody knows, where messages are OpenAI's or like them.
fn unknown_in_chat() -> Vec<Value> {
    vec![
        chat(&json!([{"type": SECRET, SECRET: SECRET}])),
        json!({"model": "m", "max_tokens": 9, "messages": [{"role": SECRET, "content": "a"}]}),
        with(chat(&json!("a")), "tools", json!([{"type": SECRET}])),
    ]
}

fn dashscope(content: &Value) -> Value {
    json!({"model": "m", "input": {"messages": message(content)}})
}

fn unknown_in_dashscope() -> Vec<Value> {
    vec![
        dashscope(&json!([{SECRET: SECRET}])),
        dashscope(&json!([{"audio": SECRET}])),
        json!({"model": "m", "input": SECRET}),
        json!({"model": "m", "input": {"messages": [{"role": SECRET, "content": "a"}]}}),
        with(
            dashscope(&json!("a")),
            "parameters",
            json!({"tools": [{"type": SECRET}]}),
        ),
    ]
}

fn gemini(part: Value) -> Value {
    json!({"contents": [{"role": "user", "parts": [part]}]})
}

fn unknown_in_gemini() -> Vec<Value> {
    vec![
        gemini(json!({SECRET: SECRET})),
        json!({"contents": [{"role": SECRET, "parts": [{"text": "a"}]}]}),
        with(gemini(json!({"text": "a"})), "tools", json!([{SECRET: {}}])),
        with(gemini(json!({"text": "a"})), "cachedContent", json!(SECRET)),
    ]
}

fn node(inputs: Value) -> Value {
    json!({"prompt": {"6": {"class_type": "CLIPTextEncode", "inputs": inputs}}})
}

const OBJECTS: &[&str] = &["{\"beetroot\":\"beetroot\"}", "[\"beetroot\"]"];

const CHAT: Unknown = Unknown {
    codec: "openai.chat",
    path: "/v1/chat/completions",
    good: || chat(&json!("a")),
    asks: unknown_in_chat,
    answers: OBJECTS,
    events: OBJECTS,
    message: "/error/message",
};

const GEMINI: Unknown = Unknown {
    codec: "gemini.generate",
    path: "/v1beta/models/m:generateContent",
    good: || gemini(json!({"text": "a"})),
    asks: unknown_in_gemini,
    ..CHAT
};

const OLLAMA: Unknown = Unknown {
    codec: "ollama.chat",
    path: "/api/chat",
    asks: || unknown_in_chat()[1..].to_vec(),
    message: "/error",
    ..CHAT
};

const DASHSCOPE: Unknown = Unknown {
    codec: "dashscope.text",
    path: "/api/v1/services/aigc/text-generation/generation",
    good: || dashscope(&json!("a")),
    asks: unknown_in_dashscope,
    message: "/message",
    ..CHAT
};

const WEBUI: Unknown = Unknown {
    codec: "webui.txt2img",
    path: "/sdapi/v1/txt2img",
    good: || json!({"prompt": "a"}),
    asks: || {
        vec![
            json!({"prompt": [SECRET]}),
            json!({"styles": SECRET}),
            json!([SECRET]),
        ]
    },
    events: &[],
    message: "/detail",
    ..CHAT
};

const EMBED: Unknown = Unknown {
    codec: "ollama.embed",
    path: "/api/embed",
    good: || json!({"model": "m", "input": "a"}),
    asks: || {
        vec![
            json!({"model": "m", "input": [[1]]}),
            json!({"model": "m", "input": {SECRET: 1}}),
        ]
    },
    events: &[],
    message: "/error",
    ..CHAT
};

/// Every dialect.
const UNKNOWN: &[Unknown] = &[
    CHAT,
    Unknown {
        codec: "openai.completions",
        path: "/v1/completions",
        good: || json!({"model": "m", "prompt": "a"}),
        asks: || {
            vec![
                json!({"model": "m", "prompt": {SECRET: 1}}),
                json!({"model": "m", "prompt": [[1]]}),
            ]
        },
        ..CHAT
    },
    Unknown {
        codec: "openai.embeddings",
        path: "/v1/embeddings",
        good: || json!({"model": "m", "input": "a"}),
        asks: || {
            vec![
                json!({"model": "m", "input": {SECRET: 1}}),
                json!({"model": "m", "input": [[1]]}),
            ]
        },
        events: &[],
        answers: &[],
        ..CHAT
    },
    Unknown {
        codec: "openai.speech",
        path: "/v1/audio/speech",
        good: || json!({"model": "m", "input": "a", "voice": "v"}),
        asks: || vec![json!({"model": "m", "input": [SECRET], "voice": "v"})],
        events: &[],
        answers: &[],
        ..CHAT
    },
    Unknown {
        codec: "openai.images",
        path: "/v1/images/generations",
        good: || json!({"prompt": "a"}),
        asks: || vec![json!({"prompt": [SECRET]})],
        events: &[],
        ..CHAT
    },
    Unknown {
        codec: "anthropic.messages",
        path: "/v1/messages",
        events: &[
            "{\"type\":\"beetroot\"}",
            "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"beetroot\"}}",
            "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"beetroot\"}}",
        ],
        answers: &["{\"content\":[{\"type\":\"beetroot\"}]}"],
        ..CHAT
    },
    Unknown {
        codec: "anthropic.count_tokens",
        path: "/v1/messages/count_tokens",
        events: &[],
        answers: &["[\"beetroot\"]"],
        ..CHAT
    },
    Unknown {
        codec: "openai.responses",
        path: "/v1/responses",
        good: || json!({"model": "m", "input": "a"}),
        asks: || {
            vec![
                json!({"model": "m", "input": [{"type": SECRET}]}),
                json!({"model": "m", "input": [{"role": SECRET, "content": "a"}]}),
                json!({"model": "m", "input": [{"role": "user", "content": [{"type": SECRET}]}]}),
                json!({"model": "m", "input": "a", "tools": [{"type": SECRET}]}),
            ]
        },
        answers: &["{\"beetroot\":1}", "{\"output\":[{\"type\":\"beetroot\"}]}"],
        events: &[
            "{\"type\":\"response.beetroot\"}",
            "{\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"beetroot\"}}",
            "{\"type\":\"response.content_part.added\",\"output_index\":0,\"item_id\":\"a\",\"content_index\":0,\"part\":{\"type\":\"beetroot\"}}",
        ],
        ..CHAT
    },
    Unknown {
        codec: "openai.realtime",
        path: "/v1/realtime",
        good: || json!({"type": "response.create"}),
        asks: || {
            let item = |item: Value| json!({"type": "conversation.item.create", "item": item});
            let said =
                |content: Value| json!({"type": "message", "role": "user", "content": content});
            vec![
                json!({"type": SECRET}),
                item(json!({"type": SECRET})),
                item(json!({"type": "item_reference", "id": SECRET})),
                item(json!({"type": "message", "role": SECRET, "content": []})),
                item(said(json!([{"type": SECRET}]))),
                item(said(json!([{"type": "input_audio", "audio": SECRET}]))),
                json!({"type": "session.update", "session": {"type": SECRET}}),
                json!({"type": "session.update", "session": {"tools": [{"type": SECRET}]}}),
                json!({"type": "session.update", "session": {"prompt": {"id": SECRET}}}),
                json!({"type": "response.create", "response": {"input": SECRET}}),
            ]
        },
        answers: &[
            "{\"type\":\"beetroot\"}",
            "{\"type\":\"conversation.item.added\",\"item\":{\"type\":\"beetroot\"}}",
        ],
        events: &[
            "{\"type\":\"response.beetroot\"}",
            "{\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"beetroot\"}}",
            "{\"type\":\"response.content_part.added\",\"output_index\":0,\"item_id\":\"a\",\"content_index\":0,\"part\":{\"type\":\"beetroot\"}}",
        ],
        ..CHAT
    },
    OLLAMA,
    Unknown {
        codec: "ollama.generate",
        path: "/api/generate",
        good: || json!({"model": "m", "prompt": "a"}),
        asks: || vec![json!({"model": "m", "prompt": "a", "context": [1]})],
        ..OLLAMA
    },
    GEMINI,
    Unknown {
        codec: "gemini.stream",
        path: "/v1beta/models/m:streamGenerateContent",
        answers: &["{\"beetroot\":1}", "[{\"beetroot\":1}]"],
        ..GEMINI
    },
    EMBED,
    Unknown {
        codec: "ollama.embeddings",
        path: "/api/embeddings",
        good: || json!({"model": "m", "prompt": "a"}),
        asks: || vec![json!({"model": "m", "prompt": [SECRET]})],
        ..EMBED
    },
    Unknown {
        codec: "ollama.show",
        path: "/api/show",
        good: || json!({"model": "m"}),
        asks: || vec![json!({"model": [SECRET]}), json!({})],
        ..EMBED
    },
    DASHSCOPE,
    Unknown {
        codec: "dashscope.multimodal",
        path: "/api/v1/services/aigc/multimodal-generation/generation",
        ..DASHSCOPE
    },
    Unknown {
        codec: "dashscope.images",
        path: "/api/v1/services/aigc/text2image/image-synthesis",
        good: || json!({"model": "m", "input": {"prompt": "a"}}),
        asks: || {
            vec![
                json!({"model": "m", "input": SECRET}),
                json!({"model": "m", "input": {"prompt": [SECRET]}}),
            ]
        },
        answers: &["{\"output\":{\"beetroot\":1}}", "{\"beetroot\":1}"],
        events: &[],
        ..DASHSCOPE
    },
    Unknown {
        codec: "dashscope.task",
        path: "/api/v1/tasks/t1",
        good: || Value::Null,
        asks: || vec![json!({SECRET: 1})],
        answers: &[
            "{\"output\":{\"beetroot\":1}}",
            "{\"output\":{\"task_status\":\"SUCCEEDED\",\"video_url\":\"beetroot\"}}",
        ],
        events: &[],
        ..DASHSCOPE
    },
    WEBUI,
    Unknown {
        codec: "webui.img2img",
        path: "/sdapi/v1/img2img",
        ..WEBUI
    },
    Unknown {
        codec: "comfy.prompt",
        path: "/prompt",
        good: || node(json!({"text": "a"})),
        asks: || {
            vec![
                json!({"prompt": [SECRET]}),
                json!({"prompt": {"6": {"inputs": {"text": SECRET}}}}),
                json!({"prompt": {"6": {"class_type": "A", "inputs": SECRET}}}),
                json!({SECRET: {}}),
            ]
        },
        events: &[],
        ..CHAT
    },
    Unknown {
        codec: "comfy.history",
        path: "/history/p1",
        good: || Value::Null,
        asks: || vec![json!({SECRET: 1})],
        events: &[],
        ..CHAT
    },
];

impl Unknown {
    fn codec(&self) -> &'static dyn Codec {
        for_path(self.path).expect("a dialect")
    }

    /// A request as its clients send it; a null body is none.
    async fn ask(
        &self,
        gateway: &Gateway,
        body: &Value,
        raw: Option<&str>,
    ) -> crate::gateway::Reply {
        let raw = raw.map(percent);
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(raw.as_deref().map(|raw| ("x-mock-raw", raw)));
        let method = if self.codec().polls() {
            Method::GET
        } else {
            Method::POST
        };
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        gateway.send(method, self.path, &headers, body).await
    }
}

#[test]
fn every_dialect_is_asked() {
    let mut listed: Vec<_> = UNKNOWN.iter().map(|unknown| unknown.codec).collect();
    let mut all: Vec<_> = CODECS.iter().map(|codec| codec.name()).collect();
    // Forms and sound have their own tests in `codecs`.
    let form = |name: &str| {
        let forms = [
            "image_edits",
            "image_variations",
            "transcriptions",
            "translations",
        ];
        name.strip_prefix("openai.")
            .is_some_and(|name| forms.contains(&name))
    };
    all.retain(|name| !form(name));
    listed.sort_unstable();
    all.sort_unstable();
    assert_eq!(
        listed, all,
        "a dialect belongs into UNKNOWN of tests/it/dialects.rs"
    );
    for unknown in UNKNOWN {
        assert_eq!(unknown.codec().name(), unknown.codec);
    }
}

#[test]
fn shapes_that_no_dialect_knows_are_refused() {
    for unknown in UNKNOWN {
        let (codec, name) = (unknown.codec(), unknown.codec);
        let quiet = |error: wardgate::codec::ReadError| {
            assert!(!error.message.contains(SECRET), "{name}: {}", error.message);
        };
        let read = |body: &Value| {
            let body = if body.is_null() {
                String::new()
            } else {
                body.to_string()
            };
            codec.read("application/json", &body.into(), &LIMITS)
        };
        read(&(unknown.good)()).unwrap_or_else(|error| panic!("{name}: {}", error.message));
        for body in (unknown.asks)() {
            quiet(read(&body).expect_err(&format!("{name}: {body}")));
        }
        for answer in unknown.answers {
            let result = codec.read_answer(answer.as_bytes(), &LIMITS);
            quiet(result.expect_err(&format!("{name}: {answer}")));
        }
        for event in unknown.events {
            let result = codec.read_event(event, &mut Envelope::default(), &LIMITS);
            quiet(result.expect_err(&format!("{name}: {event}")));
        }
    }
}

#[tokio::test]
async fn they_are_refused_in_the_dialect_and_never_passed() {
    let gateway = Gateway::start("").await;
    // What is said over a socket has its own tests in `realtime`.
    let posted = UNKNOWN.iter().filter(|unknown| !unknown.codec().talks());
    for unknown in posted {
        let name = unknown.codec;
        for body in (unknown.asks)() {
            let before = gateway.mock.seen().len();
            let reply = unknown.ask(&gateway, &body, None).await;
            assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{name}: {body}");
            assert!(
                reply
                    .json()
                    .pointer(unknown.message)
                    .is_some_and(Value::is_string),
                "{name}"
            );
            assert_eq!(gateway.mock.seen().len(), before, "{name}: it was sent on");
        }
        for answer in unknown.answers {
            let reply = unknown.ask(&gateway, &(unknown.good)(), Some(answer)).await;
            let text = String::from_utf8_lossy(&reply.body).into_owned();
            assert!(!text.contains(SECRET), "{name}: {text}");
        }
        for event in unknown.events {
            let raw = format!("data: {event}\n\n");
            let reply = unknown.ask(&gateway, &(unknown.good)(), Some(&raw)).await;
            let text = String::from_utf8_lossy(&reply.body).into_owned();
            assert!(!text.contains(SECRET), "{name}: {text}");
            assert!(!text.is_empty(), "{name}: nothing says why");
        }
    }
}

#[tokio::test]
async fn routes_beside_the_known_ones_are_refused() {
    let gateway = Gateway::start("").await;
    for path in [
        "/v1/realtime/sessions",
        "/v1/realtime/calls",
        "/v1/chat/completions/1",
        "/v1/files",
        "/v1/messages/batches",
        "/v1beta/cachedContents",
        "/api/create",
        "/api/push",
        "/api/v1/tasks/",
        "/api/v1/tasks/t1/cancel",
        "/api/v1/services/aigc/video-generation/video-synthesis",
        "/sdapi/v1/interrogate",
        "/sdapi/v1/extra-single-image",
        "/ws",
        "/upload/image",
        "/history",
        "/interrupt",
    ] {
        for method in [Method::GET, Method::POST] {
            let reply = gateway.send(method, path, &[], "").await;
            assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
    let seen = gateway.mock.seen();
    assert!(seen.is_empty(), "{:?}", seen.first());
    for (method, path) in [
        (Method::POST, "/sdapi/v1/options"),
        (Method::POST, "/queue"),
        (Method::POST, "/api/v1/tasks/t1"),
        (Method::GET, "/prompt"),
        (Method::DELETE, "/api/chat"),
    ] {
        let reply = gateway.send(method, path, &[], "").await;
        assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
}

#[tokio::test]
async fn a_prompt_in_any_field_of_a_painter_is_judged() {
    let gateway = Gateway::start("    policies: [canary]\n").await;
    let told = "a turnip";
    for (path, body) in [
        ("/sdapi/v1/txt2img", json!({"prompt": told})),
        ("/sdapi/v1/txt2img", json!({"negative_prompt": told})),
        ("/sdapi/v1/txt2img", json!({"styles": [told]})),
        ("/sdapi/v1/txt2img", json!({"script_args": [[told]]})),
        (
            "/sdapi/v1/img2img",
            json!({"alwayson_scripts": {"a": {"args": [{"words": told}]}}}),
        ),
        (
            "/sdapi/v1/img2img",
            json!({"override_settings": {"words": told}}),
        ),
        ("/prompt", node(json!({"text": told}))),
        ("/prompt", node(json!({"list": [{"deep": told}]}))),
        (
            "/api/prompt",
            json!({"prompt": {}, "extra_data": {"extra_pnginfo": {"a": told}}}),
        ),
        (
            "/api/v1/services/aigc/text2image/image-synthesis",
            json!({"model": "m", "input": {"prompt": told}}),
        ),
    ] {
        let reply = gateway.post(path, &[], &body).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{path} {body}");
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert!(
            !text.contains("turnip") && text.contains("CAN-010"),
            "{text}"
        );
    }
    assert!(gateway.mock.seen().is_empty());
}

#[tokio::test]
async fn what_was_made_is_judged_when_it_is_polled() {
    let gateway = Gateway::start("    policies: [canary]\n").await;
    for (path, clean) in [
        ("/api/v1/tasks/mock-626f6174", "boat"),
        ("/history/p1", "mock_00001_.png"),
    ] {
        let reply = gateway.send(Method::GET, path, &[], "").await;
        assert_eq!(reply.status, StatusCode::OK);
        assert!(
            String::from_utf8_lossy(&reply.body).contains(clean),
            "{path}"
        );
        let answer = percent("a tall turnip");
        let reply = gateway
            .send(Method::GET, path, &[("x-mock-answer", &answer)], "")
            .await;
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert!(
            !text.contains("turnip") && !text.contains(".png"),
            "{path}: {text}"
        );
        let body = gateway.send(Method::GET, path, &[], "a turnip").await;
        assert_eq!(body.status, StatusCode::BAD_REQUEST, "{path}");
    }
}
