//! The whole road over real sockets: what a caller sees and what the model sees.

use http::{Method, StatusCode};
use serde_json::json;

use crate::gateway::{Gateway, Stream};

const BOTH: [Stream; 2] = [Stream::No, Stream::Yes];
const FILTERED: &str = "This cannot be shown.";

#[tokio::test]
async fn clean_exchanges_pass_byte_for_byte() {
    let gateway = Gateway::start("").await;
    let body = "{ \"model\":\"m\",  \"messages\": [{\"role\":\"user\",\"content\":\"h\\u0065llo\"}], \"x\": 1.50 }";
    let reply = gateway
        .send(
            Method::POST,
            "/v1/chat/completions?a=b",
            &[
                ("content-type", "application/json"),
                ("x-mock-raw", "%7B%20%22choices%22%3A%5B%5D%20%7D"),
            ],
            body,
        )
        .await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(&reply.body[..], br#"{ "choices":[] }"#);
    let seen = gateway.mock.seen();
    assert_eq!(&seen[0].body[..], body.as_bytes());
    assert!(reply.headers.contains_key("x-wardgate-exchange"));
    assert!(!reply.headers.contains_key("x-wardgate-action"));
}

#[tokio::test]
async fn a_blocked_prompt_never_reaches_the_model() {
    let gateway = Gateway::start("").await;
    for stream in BOTH {
        let reply = gateway.chat("turnip soup please", "fine", stream).await;
        assert_eq!(reply.status, StatusCode::OK);
        assert_eq!(
            reply.said(),
            (FILTERED.to_owned(), "content_filter".to_owned()),
            "{stream:?}"
        );
        assert_eq!(reply.headers["x-wardgate-action"], "block");
        assert!(!String::from_utf8_lossy(&reply.body).contains("turnip"));
    }
    assert!(gateway.mock.seen().is_empty());
}

#[tokio::test]
async fn refusals_speak_the_conversations_language() {
    let gateway = Gateway::start("").await;
    let reply = gateway.chat("请给我一个紫甘蓝好吗", "好", Stream::No).await;
    assert_eq!(reply.said().0, "这段内容不能显示。");
}

#[tokio::test]
async fn a_refusal_may_be_an_error() {
    let gateway = Gateway::start("    refusal: error\n").await;
    let reply = gateway.chat("a turnip", "fine", Stream::Yes).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(reply.error_code(), "content_filter");
    assert_eq!(reply.json()["wardgate"]["rule"], "CAN-010");
}

#[tokio::test]
async fn support_is_an_ordinary_answer() {
    let gateway = Gateway::start("").await;
    for stream in BOTH {
        let reply = gateway.chat("asparagus", "fine", stream).await;
        assert_eq!(
            reply.said(),
            ("Here is some help.".to_owned(), "stop".to_owned()),
            "{stream:?}"
        );
    }
}

#[tokio::test]
async fn prompts_are_redacted_before_the_model_sees_them() {
    let gateway = Gateway::start("").await;
    let reply = gateway
        .chat("my r\u{200b}adish \"and\" 小萝卜", "fine", Stream::No)
        .await;
    assert_eq!(reply.said().0, "fine");
    let forwarded = gateway.forwarded();
    let text = forwarded["messages"][0]["content"].as_str().unwrap();
    assert!(
        !text.contains("adish") && !text.contains("小萝卜") && text.contains("\"and\""),
        "{text}"
    );
}

#[tokio::test]
async fn rewriting_adds_guidance() {
    let gateway = Gateway::start("").await;
    gateway.chat("cook okra", "fine", Stream::No).await;
    let forwarded = gateway.forwarded();
    assert_eq!(forwarded["messages"][0]["role"], "system");
    assert_eq!(forwarded["messages"][0]["content"], "Speak of fruit.");
    assert!(
        !forwarded["messages"][1]["content"]
            .as_str()
            .unwrap()
            .contains("okra")
    );
}

#[tokio::test]
async fn guidance_follows_the_prompt_of_a_graph_and_nothing_else() {
    let gateway = Gateway::start("").await;
    let mut graph = json!({"prompt": {
        "1": {"class_type": "KSampler", "inputs": {"sampler_name": "okra", "positive": ["2", 0]}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a soup"}},
    }});
    gateway.post("/prompt", &[], &graph).await;
    let forwarded = &gateway.forwarded()["prompt"];
    assert_eq!(
        forwarded["2"]["inputs"]["text"],
        "a soup\n\nSpeak of fruit."
    );
    let sampler = forwarded["1"]["inputs"]["sampler_name"].as_str().unwrap();
    assert!(
        !sampler.contains("okra") && !sampler.contains("fruit"),
        "{sampler}"
    );
    // Nothing to follow: guidance elsewhere would break the graph.
    graph["prompt"]["2"] = json!({"class_type": "VAELoader", "inputs": {}});
    let asked = gateway.mock.seen().len();
    let reply = gateway.post("/prompt", &[], &graph).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(reply.json()["error"]["type"], "missing_prompt");
    assert_eq!(gateway.mock.seen().len(), asked);
}

#[tokio::test]
async fn nudges_end_the_answer() {
    let gateway = Gateway::start("").await;
    for stream in BOTH {
        let from_prompt = gateway.chat("a parsnip", "fine", stream).await;
        assert_eq!(
            from_prompt.said(),
            ("fine\n\nEat well.".to_owned(), "stop".to_owned()),
            "{stream:?}"
        );
        let from_answer = gateway.chat("hello", "a parsnip for you", stream).await;
        assert_eq!(
            from_answer.said().0,
            "a parsnip for you\n\nEat well.",
            "{stream:?}"
        );
    }
}

#[tokio::test]
async fn answers_are_cut_where_the_harm_begins() {
    let gateway = Gateway::start("").await;
    for stream in BOTH {
        let reply = gateway
            .chat("hello", "Here is a red cabbage for you", stream)
            .await;
        let (text, finish) = reply.said();
        assert_eq!(text, format!("Here is a \n\n{FILTERED}"), "{stream:?}");
        assert_eq!(finish, "content_filter");
    }
}

#[tokio::test]
async fn a_cut_aborts_the_upstream() {
    let gateway = Gateway::start("").await;
    let ask =
        json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "hello"}]});
    let headers = [
        ("x-mock-answer", "a%20turnip%20and%20more%20of%20it"),
        ("x-mock-pieces", "1"),
        ("x-mock-delay-ms", "5"),
    ];
    let reply = gateway.post("/v1/chat/completions", &headers, &ask).await;
    assert_eq!(reply.said().1, "content_filter");
    while gateway.mock.aborted() == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn answers_are_redacted_in_place() {
    let gateway = Gateway::start("").await;
    for stream in BOTH {
        let (text, finish) = gateway
            .chat(
                "hello",
                "one radish, one ｓｗｅｅｔ potato, two pears",
                stream,
            )
            .await
            .said();
        assert_eq!(
            text, "one [removed], one [removed], two pears",
            "{stream:?}"
        );
        assert_eq!(finish, "stop");
    }
}

#[tokio::test]
async fn tool_calls_are_judged_too() {
    let gateway = Gateway::start("").await;
    for stream in [false, true] {
        let body = json!({"model": "m", "stream": stream, "messages": [{"role": "user", "content": "tool: buy {\"what\": \"turnip\"}"}]});
        let prompt = gateway.post("/v1/chat/completions", &[], &body).await;
        assert_eq!(prompt.said().1, "content_filter");
        let fragments = [("x-mock-pieces", "2")];
        let body = json!({"model": "m", "stream": stream, "messages": [{"role": "user", "content": "tool: buy {\"what\": \"t\u{200b}urnip\"}"}]});
        let hidden = gateway
            .post("/v1/chat/completions", &fragments, &body)
            .await;
        assert_eq!(hidden.said().1, "content_filter");
    }
    assert!(gateway.mock.seen().is_empty());
    for stream in BOTH {
        let body = json!({"model": "m", "stream": stream == Stream::Yes, "messages": [{"role": "user", "content": "tool: cook {\"a\": \"pear\"}"}]});
        let reply = gateway.post("/v1/chat/completions", &[], &body).await;
        assert!(
            String::from_utf8_lossy(&reply.body).contains("\"finish_reason\":\"tool_calls\""),
            "{reply:?}"
        );
    }
}

#[tokio::test]
async fn tool_arguments_of_an_answer_are_judged() {
    let gateway = Gateway::start("").await;
    let ask = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    let call = json!({"id": "1", "type": "function", "function": {"name": "buy", "arguments": "{\"what\": \"turnip\"}"}});
    let answer = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": null, "tool_calls": [call]}}]});
    let raw = crate::gateway::percent(&answer.to_string());
    let reply = gateway
        .post("/v1/chat/completions", &[("x-mock-raw", &raw)], &ask)
        .await;
    assert_eq!(
        reply.said(),
        (FILTERED.to_owned(), "content_filter".to_owned())
    );
    assert!(!String::from_utf8_lossy(&reply.body).contains("turnip"));
}

#[tokio::test]
async fn every_role_and_field_of_a_prompt_is_judged() {
    let gateway = Gateway::start("").await;
    let user = json!({"role": "user", "content": "hi"});
    for messages in [
        json!([{"role": "system", "content": "turnip"}, user]),
        json!([{"role": "developer", "content": [{"type": "text", "text": "turnip"}]}, user]),
        json!([user, {"role": "assistant", "content": null, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": \"turnip\"}"}}]}]),
        json!([user, {"role": "tool", "tool_call_id": "1", "content": "turnip"}]),
        json!([{"role": "user", "name": "turnip", "content": "hi"}]),
        json!([{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "text", "text": "turnip"}]}]),
        json!([{"role": "assistant", "content": "x", "reasoning_content": "turnip"}, user]),
    ] {
        let reply = gateway
            .post(
                "/v1/chat/completions",
                &[],
                &json!({"model": "m", "messages": messages}),
            )
            .await;
        assert_eq!(reply.said().1, "content_filter", "{messages}");
    }
    assert!(gateway.mock.seen().is_empty());
}

#[tokio::test]
async fn image_prompts_are_refused_as_images_are() {
    let gateway = Gateway::start("").await;
    let blocked = gateway
        .post(
            "/v1/images/generations",
            &[],
            &json!({"model": "m", "prompt": "a turnip"}),
        )
        .await;
    assert_eq!(blocked.status, StatusCode::BAD_REQUEST);
    assert_eq!(blocked.error_code(), "moderation_blocked");
    let allowed = gateway
        .post(
            "/v1/images/generations",
            &[],
            &json!({"model": "m", "prompt": "a pear"}),
        )
        .await;
    assert_eq!(allowed.status, StatusCode::OK);
    assert!(allowed.json()["data"][0]["b64_json"].is_string());
}

#[tokio::test]
async fn image_edits_are_read_from_forms() {
    let gateway = Gateway::start("").await;
    let picture = wardgate::picture::drawing::plain(8, 8);
    let form = |prompt: &str, file: &str| {
        let head = format!(
            "--b\r\ncontent-disposition: form-data; name=\"prompt\"\r\n\r\n{prompt}\r\n--b\r\n\
             content-disposition: form-data; name=\"image\"; filename=\"{file}\"\r\ncontent-type: image/png\r\n\r\n"
        );
        [head.as_bytes(), &picture, b"\r\n--b--\r\n"].concat()
    };
    let headers = [("content-type", "multipart/form-data; boundary=b")];
    let path = "/v1/images/edits";
    for (prompt, file) in [("a turnip", "a.png"), ("a pear", "turnip.png")] {
        let reply = gateway
            .send(Method::POST, path, &headers, form(prompt, file))
            .await;
        assert_eq!(reply.error_code(), "moderation_blocked", "{prompt} {file}");
    }
    let reply = gateway
        .send(Method::POST, path, &headers, form("a radish pear", "a.png"))
        .await;
    assert_eq!(reply.status, StatusCode::OK);
    let seen = gateway.mock.seen().pop().expect("the model was asked");
    let body = String::from_utf8_lossy(&seen.body).into_owned();
    assert!(!body.contains("radish") && body.contains("pear"), "{body}");
    let mut windows = seen.body.windows(picture.len());
    assert!(windows.any(|bytes| bytes == picture));
}

#[tokio::test]
async fn what_no_dialect_knows_is_refused() {
    let gateway = Gateway::start("    passthrough: [GET /v1/models]\n").await;
    let unknown = gateway.post("/v1/unheard", &[], &json!({})).await;
    assert_eq!(
        (unknown.status, unknown.error_code().as_str()),
        (StatusCode::NOT_FOUND, "unknown_route")
    );
    let method = gateway
        .send(Method::GET, "/v1/chat/completions", &[], "")
        .await;
    assert_eq!(method.status, StatusCode::METHOD_NOT_ALLOWED);
    let models = gateway.send(Method::GET, "/v1/models", &[], "").await;
    assert_eq!(models.status, StatusCode::OK);
    assert_eq!(
        gateway
            .audit()
            .iter()
            .filter(|line| line["not_inspected"] == true)
            .count(),
        1
    );
}

#[tokio::test]
async fn lists_of_models_pass_by_declaration() {
    let gateway = Gateway::start("").await;
    for path in [
        "/v1/models",
        "/v1/models?limit=5",
        "/v1/models/ft:mock-1.5_x",
    ] {
        let reply = gateway.send(Method::GET, path, &[], "").await;
        assert_eq!(reply.status, StatusCode::OK, "{path}");
    }
    for path in [
        "/v1/models/",
        "/v1/models/..",
        "/v1/models/a/b",
        "/v1/models/a%2fb",
        "/v1/models/a;b",
        "/v1//models",
    ] {
        let reply = gateway.send(Method::GET, path, &[], "").await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
    }
    let post = gateway.post("/v1/models", &[], &json!({})).await;
    assert_eq!(post.status, StatusCode::METHOD_NOT_ALLOWED);
    let body = gateway
        .send(Method::GET, "/v1/models", &[], "a turnip")
        .await;
    assert_eq!(body.error_code(), "unexpected_body");
    assert_eq!(gateway.mock.seen().len(), 3);
    let lines = gateway.audit();
    for line in &lines[..3] {
        assert_eq!(line["dialect"], "listing");
        assert_eq!(line["not_inspected"], true);
    }
    assert!(lines[3..].iter().all(|line| line["not_inspected"] == false));
}

#[tokio::test]
async fn a_model_in_the_path_is_named_and_an_array_is_judged_whole() {
    let gateway = Gateway::start("").await;
    let path = "/v1beta/models/m-1:streamGenerateContent";
    let ask = |text: &str| json!({"contents": [{"role": "user", "parts": [{"text": text}]}]});
    let said = |reply: &crate::gateway::Reply| {
        let answers = reply.json();
        let parts = answers.as_array().expect("an array").iter();
        let texts = parts.map(|answer| &answer["candidates"][0]["content"]["parts"][0]["text"]);
        texts.filter_map(|text| text.as_str()).collect::<String>()
    };
    let clean = gateway
        .post(path, &[], &ask("repeat: a pear for you"))
        .await;
    assert_eq!(said(&clean), "a pear for you");
    let refused = gateway.post(path, &[], &ask("a turnip")).await;
    assert_eq!(said(&refused), FILTERED);
    let headers = [("x-mock-answer", "Here%20is%20a%20turnip%20for%20you")];
    let cut = gateway.post(path, &headers, &ask("hello")).await;
    assert_eq!(said(&cut), format!("Here is a \n\n{FILTERED}"));
    assert_eq!(gateway.audit()[0]["model"], "m-1");
    assert_eq!(gateway.audit()[0]["dialect"], "gemini.stream");
}

#[tokio::test]
async fn observing_records_and_changes_nothing() {
    let gateway = Gateway::start("    mode: observe\n").await;
    for stream in BOTH {
        let reply = gateway.chat("a turnip", "a red cabbage", stream).await;
        assert_eq!(
            reply.said(),
            ("a red cabbage".to_owned(), "stop".to_owned())
        );
    }
    for line in gateway.audit() {
        assert_eq!(line["action"], "block");
        assert_eq!(line["mode"], "observe");
        assert_eq!(line["detections"].as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn repeat_prompts_are_answered_from_the_cache() {
    let gateway = Gateway::start("    cache: {ttl_secs: 60, max_bytes: 1000000}\n").await;
    for stream in BOTH {
        let first = gateway.chat("hello", "good day", stream).await;
        let second = gateway.chat("hello", "good day", stream).await;
        assert_eq!(first.headers["x-wardgate-cache"], "miss");
        assert_eq!(second.headers["x-wardgate-cache"], "hit");
        assert_eq!(first.body, second.body);
    }
    assert_eq!(
        gateway.mock.seen().len(),
        2,
        "streamed and whole answers are kept apart"
    );
    gateway.chat("bye", "a turnip", Stream::Yes).await;
    let again = gateway.chat("bye", "a turnip", Stream::Yes).await;
    assert_eq!(
        again.headers["x-wardgate-cache"], "miss",
        "a cut answer is not kept"
    );
}

#[tokio::test]
async fn the_audit_holds_no_text() {
    let gateway = Gateway::start("").await;
    gateway.chat("please a turnip", "fine", Stream::No).await;
    gateway
        .chat("please", "secret words and a red cabbage", Stream::Yes)
        .await;
    let lines = gateway.audit();
    assert_eq!(lines.len(), 2);
    for line in &lines {
        let text = line.to_string();
        assert!(
            !text.contains("turnip") && !text.contains("please") && !text.contains("cabbage"),
            "{text}"
        );
        assert_eq!(line["action"], "block");
        assert_eq!(line["detections"][0]["rule"], "CAN-010");
    }
    assert_eq!(lines[0]["detections"][0]["span"], json!([9, 15]));
    assert!(
        lines
            .iter()
            .all(|line| line["bytes_out"].as_u64() > Some(100)),
        "{lines:?}"
    );
}

#[tokio::test]
async fn bad_bodies_are_told_apart_and_the_next_exchange_is_unharmed() {
    let gateway = Gateway::start("").await;
    let deep = format!(
        "{{\"messages\": {}{}}}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let cases: [(&[u8], &str); 7] = [
        (b"{\"messages\": [", "invalid_json"),
        (
            b"{\"messages\": [{\"role\": \"user\", \"content\": \"\xff\"}]}",
            "invalid_utf8",
        ),
        (b"{\"messages\": [], \"messages\": []}", "duplicate_key"),
        (deep.as_bytes(), "too_deep"),
        (b"{\"messages\": 7}", "wrong_type"),
        (b"[]", "wrong_type"),
        (
            b"{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"hologram\"}]}]}",
            "unknown_part",
        ),
    ];
    for (body, code) in cases {
        let headers = [("content-type", "application/json")];
        let reply = gateway
            .send(
                Method::POST,
                "/v1/chat/completions",
                &headers,
                body.to_vec(),
            )
            .await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{code}");
        assert_eq!(reply.error_code(), code, "{:?}", reply.body);
        assert_eq!(
            gateway.chat("hello", "fine", Stream::No).await.said().0,
            "fine"
        );
    }
}

#[tokio::test]
async fn bad_answers_are_not_shown() {
    let gateway = Gateway::start("").await;
    let ask = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    for (raw, status) in [("not json", 502), ("{\"choices\": 3}", 502)] {
        let raw = crate::gateway::percent(raw);
        let reply = gateway
            .post("/v1/chat/completions", &[("x-mock-raw", &raw)], &ask)
            .await;
        assert_eq!(reply.status.as_u16(), status);
        assert!(reply.json()["error"]["message"].is_string());
    }
    let metrics = gateway.gate.metrics.render();
    let counted = |line: &&str| line.contains("upstream_errors") && line.contains("code=");
    let counts: Vec<_> = metrics.lines().filter(counted).collect();
    assert!(!counts.is_empty(), "{metrics}");
    assert!(
        counts.iter().all(|line| line.ends_with(" 1")),
        "each failure counts once: {counts:?}"
    );
    let limited = gateway
        .post("/v1/chat/completions", &[("x-mock-status", "429")], &ask)
        .await;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(limited.json()["error"]["message"].is_string());
}

#[tokio::test]
async fn a_broken_stream_ends_in_an_error_event() {
    let gateway = Gateway::start("").await;
    let ask = json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "repeat: one two three four five"}]});
    let reply = gateway
        .post(
            "/v1/chat/completions",
            &[("x-mock-cut-after", "3"), ("x-mock-pieces", "4")],
            &ask,
        )
        .await;
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    assert!(text.contains("\"error\"") && text.contains("one"), "{text}");
}
