//! Pictures through the official SDKs: each way that they are sent or drawn, allowed and blocked by
//! what the picture itself shows. The prompts are harmless.

use http::Response;
use serde_json::{Value, json};
use wardgate::body::full;
use wardgate::limits::Limits;
use wardgate::picture::drawing;

use super::{App, Client, OPENAI_PYTHON, REFUSED, SOUP, answers_of, skip, with_app};
use crate::gateway::percent;
use crate::pictures::code;
use crate::shown::avif;
use crate::wire::serve;

const PICTURES: Client = Client {
    script: "scenarios_pictures.py",
    probe: ["-c", "import openai, dashscope; from google import genai"],
    ..OPENAI_PYTHON
};

/// Runs scenarios through the SDKs, in front of a mock that still runs; `scenarios` are told where files
/// lie that are codes of their own names. Nothing where no SDK is installed.
fn run(scenarios: impl FnOnce(&str) -> Vec<Value>) -> Option<(Vec<Value>, App)> {
    let command = match PICTURES.found() {
        Ok(command) => command,
        Err(skipped) => {
            skip(&skipped);
            return None;
        }
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
    let app = with_app(&runtime, &more);
    let scenarios = scenarios(&url);
    let lines: String = scenarios.iter().map(|one| format!("{one}\n")).collect();
    let results = answers_of(command, &app.served.url, &lines);
    assert_eq!(results.len(), scenarios.len());
    for result in &results {
        eprintln!("{} {} {}", result["name"], result["ok"], result["error"]);
    }
    Some((results, app))
}

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
    let mut shelf = String::new();
    let both = |url: &str| {
        url.clone_into(&mut shelf);
        [scenarios("pear", url), scenarios("turnip", url)].concat()
    };
    let Some((results, app)) = run(both) else {
        return;
    };
    let (count, url) = (results.len() / 2, shelf);
    let (allowed, blocked) = results.split_at(count);
    for result in allowed {
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
    assert_eq!(sent.len(), 2 * count - 4 + 2);
    assert!(sent.iter().all(|one| {
        let body = String::from_utf8_lossy(&one.body);
        !body.contains(&code("turnip")) && !body.contains("/turnip")
    }));
}

#[test]
fn avif_goes_through_official_clients_as_far_as_it_may_be_seen() {
    let scenarios = |word: &str| {
        let picture = avif(word);
        let scenario = |kind: &str, headers: Value| {
            json!({"name": format!("{kind} {word}"), "kind": kind, "headers": headers,
                "picture": picture, "media": "image/avif"})
        };
        let soup = json!({"x-mock-answer": percent(SOUP)});
        let drawn = json!({"created": 1, "data": [{"b64_json": picture}], "output_format": "avif"});
        let inline = json!({"inlineData": {"mimeType": "image/avif", "data": picture}});
        let answer = json!({"candidates": [{"index": 0, "finishReason": "STOP",
            "content": {"role": "model", "parts": [{"text": "here"}, inline]}}]});
        vec![
            scenario("image", says(&drawn)),
            scenario("image_edit", json!({})),
            scenario("vision", soup.clone()),
            scenario("gemini", soup),
            scenario("gemini_draws", says(&answer)),
        ]
    };
    let Some((results, app)) = run(|_| [scenarios("pear"), scenarios("turnip")].concat()) else {
        return;
    };
    let result = |name: &str| {
        let found = results.iter().find(|result| result["name"] == name);
        found.expect("a result").clone()
    };
    assert_eq!(result("image pear")["pictures"], json!([avif("pear")]));
    assert_eq!(result("image_edit pear")["ok"], true);
    assert_eq!(result("vision pear")["text"], SOUP);
    assert_eq!(result("gemini pear")["text"], SOUP);
    assert_eq!(
        result("gemini_draws pear")["pictures"],
        json!([avif("pear")])
    );
    for blocked in ["image turnip", "image_edit turnip"] {
        assert_eq!(result(blocked)["error"]["code"], "moderation_blocked");
    }
    assert_eq!(result("vision turnip")["finish_reason"], "content_filter");
    for blocked in ["gemini turnip", "gemini_draws turnip"] {
        assert_eq!(result(blocked)["finish_reason"], "SAFETY");
        assert_eq!(result(blocked)["pictures"], json!([]));
    }
    // OpenAI's client asks for the format by name; three of the refused were uploads, and went nowhere.
    let sent = app.mock.seen();
    assert_eq!(sent.len(), results.len() - 3);
    let asked = String::from_utf8_lossy(&sent[0].body).into_owned();
    assert!(asked.contains(r#""output_format":"avif""#), "{asked}");
    let told = results[results.len() / 2..].iter().map(Value::to_string);
    assert!(
        told.into_iter()
            .all(|told| !told.contains(&avif("turnip")[..99]))
    );
}

/// `action: strip`: what is left is what each client is given.
#[test]
fn official_clients_get_what_is_left_where_a_picture_is_cut_out() {
    let (good, bad) = (code("pear"), code("samphire"));
    let mut shelf = String::new();
    let scenarios = |url: &str| {
        url.clone_into(&mut shelf);
        let scenario = |kind: &str, headers: Value| json!({"name": kind, "kind": kind, "headers": headers, "picture": bad});
        let soup = json!({"x-mock-answer": percent(SOUP)});
        let data = json!([{"b64_json": bad}, {"b64_json": good}]);
        let lies = json!([{"url": format!("{url}/samphire")}, {"url": format!("{url}/pear")}]);
        let inline = json!({"inlineData": {"mimeType": "image/png", "data": bad}});
        let answer = json!({"candidates": [{"index": 0, "finishReason": "STOP",
            "content": {"role": "model", "parts": [{"text": "here"}, inline]}}]});
        let task = json!({"request_id": "r", "output": {"task_id": "t", "task_status": "SUCCEEDED",
            "results": lies}});
        vec![
            scenario("image", says(&json!({"created": 1, "data": data}))),
            scenario("image_url", says(&json!({"created": 1, "data": lies}))),
            scenario("image_stream", events(&["pear", "samphire", "pear"])),
            scenario("vision", soup.clone()),
            scenario("gemini", soup),
            scenario("gemini_draws", says(&answer)),
            scenario("dashscope_draws", says(&task)),
        ]
    };
    let Some((results, app)) = run(scenarios) else {
        return;
    };
    let lies = json!([format!("{shelf}/pear")]);
    for result in &results {
        assert_eq!(result["ok"], true, "{result}");
        let (pictures, text) = (&result["pictures"], &result["text"]);
        match result["name"].as_str().expect("a name") {
            "image" => assert_eq!(*pictures, json!([good])),
            "image_url" | "dashscope_draws" => assert_eq!(*pictures, lies),
            "image_stream" => assert_eq!(*pictures, json!([good, good])),
            "gemini_draws" => {
                assert_eq!((pictures, text), (&json!([]), &json!("here")));
                assert_eq!(result["finish_reason"], "STOP");
            }
            _ => assert_eq!(text, SOUP),
        }
    }
    let sent = app.mock.seen();
    let told = |sent: &wardgate::mock::Seen| String::from_utf8_lossy(&sent.body).into_owned();
    assert!(sent.iter().all(|one| !told(one).contains(&bad)));
    let asked = sent
        .iter()
        .filter(|one| told(one).contains("What is this?"));
    assert_eq!(asked.count(), 2, "without their pictures");
}
