//! The mock's answers as DashScope sends them.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::script::Script;
use super::shape::{Answer, Says, model};

/// Most bytes of a prompt that a task's name carries: a path segment has to stay short.
const NAMED_BYTES: usize = 200;

/// An error object.
pub fn error(status: StatusCode, message: &str) -> Answer {
    let code = match status.as_u16() {
        429 => "Throttling",
        400..500 => "InvalidParameter",
        _ => "InternalError",
    };
    let body = json!({"code": code, "message": message, "request_id": "mock"});
    Answer::document(status, &body)
}

/// `POST /api/v1/services/aigc/text-generation/generation`.
pub fn text(body: &Value, headers: &HeaderMap, script: &Script) -> Answer {
    generation(body, headers, script, |text| json!(text))
}

/// `POST /api/v1/services/aigc/multimodal-generation/generation`.
pub fn multimodal(body: &Value, headers: &HeaderMap, script: &Script) -> Answer {
    generation(body, headers, script, |text| json!([{"text": text}]))
}

fn generation(
    body: &Value,
    headers: &HeaderMap,
    script: &Script,
    content: fn(&str) -> Value,
) -> Answer {
    let says = Says::read(&last_input(body), model(body), script);
    let is_text = body["parameters"]["result_format"] == "text";
    let answer = |text: &str, call: Option<(&str, &str)>, reason: &str| {
        let mut message = json!({"role": "assistant", "content": content(text)});
        if let Some((name, arguments)) = call {
            let function = json!({"name": name, "arguments": arguments});
            message["tool_calls"] =
                json!([{"id": "call_mock", "index": 0, "type": "function", "function": function}]);
        }
        let output = match is_text {
            true => json!({"text": text, "finish_reason": reason}),
            false => json!({"choices": [{"finish_reason": reason, "message": message}]}),
        };
        json!({"output": output, "request_id": "mock",
            "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}})
    };
    let streams = headers
        .get("x-dashscope-sse")
        .is_some_and(|value| value == "enable");
    let whole = match &says {
        Says::Text(text) => answer(text, None, "stop"),
        Says::Tool { name, arguments } => answer("", Some((name, arguments)), "tool_calls"),
    };
    let Some(Says::Text(text)) = streams.then_some(&says) else {
        return match streams {
            true => events(&[whole]),
            false => Answer::document(StatusCode::OK, &whole),
        };
    };
    let new_only = body["parameters"]["incremental_output"] == true;
    let (mut told, mut all) = (String::new(), Vec::new());
    for piece in script.deltas(text) {
        told += piece;
        all.push(answer(if new_only { piece } else { &told }, None, "null"));
    }
    all.push(answer(if new_only { "" } else { &told }, None, "stop"));
    events(&all)
}

fn events(all: &[Value]) -> Answer {
    let framed = (all.iter().enumerate()).map(|(index, event)| {
        let id = index + 1;
        Bytes::from(format!(
            "id:{id}\nevent:result\n:HTTP_STATUS/200\ndata:{event}\n\n"
        ))
    });
    Answer {
        status: StatusCode::OK,
        content_type: "text/event-stream;charset=UTF-8",
        chunks: framed.collect(),
    }
}

/// `POST /api/v1/services/aigc/text2image/image-synthesis`: a task whose name carries the prompt,
/// since the mock remembers none.
pub fn synthesis(body: &Value, _: &Script) -> Answer {
    let prompt = body["input"]["prompt"].as_str().unwrap_or_default();
    let bytes = prompt.bytes().take(NAMED_BYTES);
    let name: String = bytes.map(|byte| format!("{byte:02x}")).collect();
    let output = json!({"task_id": format!("mock-{name}"), "task_status": "PENDING"});
    Answer::document(
        StatusCode::OK,
        &json!({"output": output, "request_id": "mock"}),
    )
}

/// `GET /api/v1/tasks/{id}`: done at once.
pub fn task(id: &str, script: &Script) -> Answer {
    let hex = id.strip_prefix("mock-").unwrap_or_default();
    let digits: Vec<_> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    let bytes: Vec<u8> = (digits.chunks_exact(2))
        .filter_map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok())
        .collect();
    let prompt = String::from_utf8_lossy(&bytes);
    let became = script.answer.as_deref().unwrap_or(&prompt);
    let became = became.strip_prefix("repeat: ").unwrap_or(became);
    let url = "http://127.0.0.1/mock.png";
    let output = json!({"task_id": id, "task_status": "SUCCEEDED",
        "results": [{"orig_prompt": prompt, "actual_prompt": became, "url": url}],
        "task_metrics": {"TOTAL": 1, "SUCCEEDED": 1, "FAILED": 0}});
    let usage = json!({"image_count": 1});
    let body = json!({"output": output, "usage": usage, "request_id": "mock"});
    Answer::document(StatusCode::OK, &body)
}

/// The last thing that the user said.
fn last_input(body: &Value) -> String {
    let input = &body["input"];
    let messages = input["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let last = messages.iter().rfind(|message| message["role"] == "user");
    match last.map(|message| &message["content"]) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => (parts.iter())
            .filter_map(|part| part["text"].as_str())
            .collect(),
        _ => input["prompt"].as_str().unwrap_or_default().to_owned(),
    }
}
