//! The mock's answers as Ollama sends them.

use http::StatusCode;
use serde_json::{Value, json};

use super::script::Script;
use super::shape::{Answer, Says, last_prompt, model};

/// When every answer was made.
const CREATED: &str = "2023-11-14T22:13:20Z";

/// An error object.
pub fn error(status: StatusCode, message: &str) -> Answer {
    Answer::document(status, &json!({"error": message}))
}

/// `GET /api/tags`.
pub fn tags() -> Answer {
    let model = json!({"name": "mock", "model": "mock", "modified_at": CREATED, "size": 1,
        "digest": "0", "details": {"family": "mock"}});
    Answer::document(StatusCode::OK, &json!({"models": [model]}))
}

/// `GET /api/version`.
pub fn version() -> Answer {
    Answer::document(StatusCode::OK, &json!({"version": "0.0.0-mock"}))
}

/// `POST /api/chat`.
pub fn chat(body: &Value, script: &Script) -> Answer {
    let says = Says::read(&last_prompt(body), model(body), script);
    answer(body, &says, script, |text| {
        ("message", json!({"role": "assistant", "content": text}))
    })
}

/// `POST /api/generate`.
pub fn generate(body: &Value, script: &Script) -> Answer {
    let prompt = body["prompt"].as_str().unwrap_or_default();
    let says = Says::read(prompt, model(body), script);
    answer(body, &says, script, |text| ("response", json!(text)))
}

fn answer(
    body: &Value,
    says: &Says,
    script: &Script,
    saying: fn(&str) -> (&'static str, Value),
) -> Answer {
    let line = |text: &str, done: bool| {
        let (name, said) = saying(text);
        let mut line = json!({"model": model(body), "created_at": CREATED, "done": done});
        line[name] = said;
        if done {
            line["done_reason"] = json!("stop");
            line["eval_count"] = json!(1);
        }
        line
    };
    let called = |name: &str, arguments: &str, done| {
        let arguments: Value = serde_json::from_str(arguments).unwrap_or_else(|_| json!({}));
        let mut line = line("", done);
        line["message"]["tool_calls"] =
            json!([{"function": {"name": name, "arguments": arguments}}]);
        line
    };
    if body["stream"] == false {
        let whole = match says {
            Says::Text(text) => line(text, true),
            Says::Tool { name, arguments } => called(name, arguments, true),
        };
        return Answer::document(StatusCode::OK, &whole);
    }
    let mut lines = match says {
        Says::Text(text) => (script.deltas(text).into_iter())
            .map(|piece| line(piece, false))
            .collect(),
        Says::Tool { name, arguments } => vec![called(name, arguments, false)],
    };
    lines.push(line("", true));
    Answer {
        status: StatusCode::OK,
        content_type: "application/x-ndjson",
        chunks: lines
            .iter()
            .map(|line| format!("{line}\n").into())
            .collect(),
    }
}

/// `GET /api/ps`.
pub fn ps() -> Answer {
    let model = json!({"name": "mock", "model": "mock", "size": 1, "digest": "0",
        "details": {"family": "mock"}, "expires_at": CREATED, "size_vram": 0});
    Answer::document(StatusCode::OK, &json!({"models": [model]}))
}

/// `POST /api/show`.
pub fn show(_: &Value, _: &Script) -> Answer {
    let show = json!({"license": "", "modelfile": "FROM mock", "template": "", "details":
        {"family": "mock"}, "model_info": {}, "capabilities": ["completion"],
        "modified_at": CREATED});
    Answer::document(StatusCode::OK, &show)
}

/// `POST /api/embed`: four numbers per text, told apart by its length.
pub fn embed(body: &Value, _: &Script) -> Answer {
    let texts: Vec<_> = match &body["input"] {
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect(),
        text => vec![text.as_str().unwrap_or_default()],
    };
    let numbers: Vec<_> = texts.iter().map(|text| numbers(text)).collect();
    Answer::document(
        StatusCode::OK,
        &json!({"model": model(body), "embeddings": numbers}),
    )
}

/// `POST /api/embeddings`.
pub fn embeddings(body: &Value, _: &Script) -> Answer {
    let text = body["prompt"].as_str().unwrap_or_default();
    Answer::document(StatusCode::OK, &json!({"embedding": numbers(text)}))
}

fn numbers(text: &str) -> Value {
    json!([0.5, -0.5, 0.25, text.len()])
}
