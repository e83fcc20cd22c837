//! Pictures through the official SDKs: each way that they are sent or drawn, allowed and blocked by
//! what the picture itself shows. The prompts are harmless.

use http::Response;
use serde_json::{Value, json};
use wardgate::body::full;
use wardgate::limits::Limits;
use wardgate::picture::drawing;

use super::{Client, OPENAI_PYTHON, REFUSED, SOUP, answers_of, skip, with_app};
use crate::gateway::percent;
use crate::pictures::code;
use crate::wire::serve;

const PICTURES: Client = Client {
    script: "scenarios_pictures.py",
    probe: ["-c", "import openai, dashscope; from google import genai"],
    ..OPENAI_PYTHON
};

/// A model's answer as the mock's header says it.
fn says(answer: &Value) -> Value {
    json!({"x-mock-raw": percent(&answer.to_string())})
}

fn events(words: &[&str]) -> Value {
    let last = words.len() - 1;
    let event = |(at, word): (usize, &&str)| {
        let kind = match at == last {
            true => "image_generation.completed",
            false => "image_generation.partial_image",
        };
        let data = json!({"type": kind, "b64_json": code(word), "partial_image_index": at,
            "created_at": 1, "size": "1024x1024", "quality": "low", "background": "opaque",
            "output_format": "png", "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": 1}}});
        format!("event: {kind}\ndata: {data}\n\n")
    };
    let stream: String = words.iter().enumerate().map(event).collect();
    json!({"x-mock-raw": percent(&stream)})
}

/// Scenarios in which a picture says `word`: by kind.
fn scenarios(word: &str, shelf: &str) -> Vec<Value> {
    let (picture, url) = (code(word), format!("{shelf}/{word}"));
    let inline = json!({"inlineData": {"mimeType": "image/png", "data": picture}});
    let soup = json!({"x-mock-answer": percent(SOUP)});
    let drawn = json!({"created": 1, "data": [{"b64_json": picture}]});
    let lies = json!({"created": 1, "data": [{"url": url}]});
    let answer = json!({"candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model",
        "parts": [{"text": "here"}, inline]}}]});
    let named = json!({"fileData": {"mimeType": "image/png", "fileUri": url}});
    let names = json!({"candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model",
        "parts": [{"text": "here"}, named]}}]});
    let task = json!({"request_id": "r", "output": {"task_id": "t", "task_status": "SUCCEEDED",
        "results": [{"url": url}]}});
    let scenario = |kind: &str, headers: Value| {
        let name = format!("{kind} {word}");
        json!({"name": name, "kind": kind, "headers": headers, "picture": picture, "url": url})
    };
    vec![
        scenario("image", says(&drawn)),
        scenario("image_url", says(&lies)),
        scenario("image_edit", json!({})),
        scenario("image_stream", events(&["pear", word, "pear"])),
        scenario("vision", soup.clone()),
        scenario("vision_url", soup.clone()),
        scenario("gemini", soup),
        scenario("gemini_draws", says(&answer)),
        scenario("gemini_names", says(&names)),
        scenario("dashscope_draws", says(&task)),
    ]
}

#[test]
fn official_clients_send_and_draw_pictures_as_far_as_they_may_be_seen() {
    let command = match PICTURES.found() {
        Ok(command) => command,
        Err(skipped) => return skip(&skipped),
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let _within = runtime.enter();
    let shelf = serve(Limits::default(), None, |request, _| async move {
        let file = drawing::qr(request.uri().path().trim_start_matches('/')).expect("short");
        let answer = Response::builder().header("content-type", "image/png");
        answer.body(full(file)).expect("an answer")
    });
    let url = format!("http://{}", shelf.address);
    let more = format!("    image_urls: {{fetch: {{hosts: [\"{url}\"], private: [127.0.0.1]}}}}\n");
    let (good, bad) = (scenarios("pear", &url), scenarios("turnip", &url));
    let app = with_app(&runtime, &more);
    let lines: String = good
        .iter()
        .chain(&bad)
        .map(|one| format!("{one}\n"))
        .collect();
    let results = answers_of(command, &app.served.url, &lines);
    assert_eq!(results.len(), good.len() + bad.len());
    let (allowed, blocked) = results.split_at(good.len());
    for result in allowed {
        eprintln!("{} {} {}", result["name"], result["ok"], result["error"]);
        assert_eq!(result["ok"], true);
        let pictures = result["pictures"].as_array().expect("a list");
        match result["name"].as_str().expect("a name") {
            "vision pear" | "vision_url pear" => {
                assert_eq!(result["text"], SOUP);
                assert_eq!(result["finish_reason"], "stop");
            }
            "gemini pear" => assert_eq!(result["text"], SOUP),
            "image_edit pear" => assert_eq!(pictures.len(), 1),
            "image_url pear" | "gemini_names pear" | "dashscope_draws pear" => {
                assert_eq!(*pictures, [json!(format!("{url}/pear"))]);
            }
            "image_stream pear" => assert_eq!(*pictures, vec![json!(code("pear")); 3]),
            _ => assert_eq!(*pictures, [json!(code("pear"))]),
        }
    }
    for result in blocked {
        eprintln!("{} {} {}", result["name"], result["ok"], result["error"]);
        let told = result.to_string();
        assert!(!told.contains(&code("turnip")) && !told.contains("/turnip\""));
        match result["name"].as_str().expect("a name") {
            "vision turnip" | "vision_url turnip" => {
                assert_eq!(result["text"], REFUSED);
                assert_eq!(result["finish_reason"], "content_filter");
            }
            "gemini turnip" | "gemini_draws turnip" | "gemini_names turnip" => {
                assert_eq!(result["finish_reason"], "SAFETY");
                assert_eq!(result["pictures"], json!([]));
            }
            "dashscope_draws turnip" => {
                assert_eq!(result["pictures"], json!([]), "{told}");
                assert_eq!(result["error"]["code"], "DataInspectionFailed");
            }
            "image_stream turnip" => {
                assert_eq!(result["ok"], false);
                assert_eq!(result["pictures"], json!([code("pear")]));
            }
            _ => {
                assert_eq!(result["error"]["class"], PICTURES.denied);
                assert_eq!(result["error"]["code"], "moderation_blocked");
            }
        }
    }
    // What was sent went as it was, and what was blocked went nowhere.
    let sent = app.mock.seen();
    // Four prompts went nowhere; a task is asked for before it is asked about.
    assert_eq!(sent.len(), good.len() + bad.len() - 4 + 2);
    assert!(sent.iter().all(|one| {
        let body = String::from_utf8_lossy(&one.body);
        !body.contains(&code("turnip")) && !body.contains("/turnip")
    }));
}
