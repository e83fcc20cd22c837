//! What the mock's answers look like: one function per OpenAI endpoint; other dialects have files
//! of their own.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::{Value, json};

use super::script::Script;
use super::{anthropic, audio, dashscope, gemini, ollama, painters, pictures, responses};
use crate::codec::{ReadLimits, sse};
use crate::picture::Format;

/// When every answer was made: the same request gets the same bytes.
pub const CREATED: u64 = 1_700_000_000;

/// What a scripted failure says.
const SCRIPTED: &str = "as scripted";

/// Most choices of one answer.
pub const MAX_CHOICES: u64 = 16;

/// Bounds for forms; the body's length was bounded before.
pub const FORM_LIMITS: ReadLimits = ReadLimits {
    depth: 64,
    parts: 1024,
};

/// A response before compression and pauses.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// `content-type`.
    pub content_type: &'static str,
    /// The body; each chunk leaves on its own.
    pub chunks: Vec<Bytes>,
}

impl Answer {
    pub fn document(status: StatusCode, body: &Value) -> Self {
        Self {
            status,
            content_type: "application/json",
            chunks: vec![body.to_string().into()],
        }
    }

    /// A stream of plain events and the protocol's end.
    fn events(events: &[Value]) -> Self {
        let mut chunks: Vec<_> = events
            .iter()
            .map(|event| sse::frame(&event.to_string()))
            .collect();
        chunks.push(sse::frame("[DONE]"));
        Self {
            status: StatusCode::OK,
            content_type: "text/event-stream",
            chunks,
        }
    }

    pub fn error(status: StatusCode, message: &str) -> Self {
        let error = json!({"message": message, "type": "mock_error", "param": null, "code": null});
        Self::document(status, &json!({"error": error}))
    }

    fn raw(status: StatusCode, body: &Bytes, script: &Script) -> Self {
        let size = script.pieces.unwrap_or(body.len()).max(1);
        let starts = (0..body.len()).step_by(size);
        let chunks = starts
            .map(|at| body.slice(at..body.len().min(at + size)))
            .collect();
        let events = [&b"data:"[..], b":", b"event:", b"id:", b"retry:"];
        let is_events = events.iter().any(|start| body.starts_with(start));
        Self {
            status,
            content_type: match Format::of(body) {
                Some(picture) => picture.media_type(),
                None if is_events => "text/event-stream",
                None => "application/json",
            },
            chunks,
        }
    }
}

/// What the prompt asks the mock to say.
pub enum Says {
    /// Words.
    Text(String),
    /// A call.
    Tool {
        /// Of what.
        name: String,
        /// JSON.
        arguments: String,
    },
}

impl Says {
    /// Reads the prompt; the script's answer goes before, and may call a tool as a prompt may ask for it.
    pub fn read(prompt: &str, model: &str, script: &Script) -> Self {
        let call = script.answer.as_deref().unwrap_or(prompt);
        if let Some(call) = call.strip_prefix("tool: ") {
            let (name, arguments) = call.split_once(' ').unwrap_or((call, "{}"));
            return Self::Tool {
                name: name.to_owned(),
                arguments: arguments.to_owned(),
            };
        }
        if let Some(answer) = &script.answer {
            return Self::Text(answer.clone());
        }
        if let Some(text) = prompt.strip_prefix("repeat: ") {
            return Self::Text(text.to_owned());
        }
        Self::Text(format!(
            "Hello! I am {model}, a mock model. Say \"repeat: TEXT\" and I will answer TEXT."
        ))
    }
}

/// The whole answer to a request.
pub fn answer(
    method: &Method,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    body: &Bytes,
    script: &Script,
) -> Answer {
    if let Some(raw) = &script.raw {
        return Answer::raw(script.status, raw, script);
    }
    if script.status.is_client_error() || script.status.is_server_error() {
        return match path {
            path if path.starts_with("/v1/messages") => anthropic::error(script.status, SCRIPTED),
            path if path.ends_with("enerateContent") => gemini::error(script.status, SCRIPTED),
            path if path.starts_with("/api/v1/") => dashscope::error(script.status, SCRIPTED),
            path if path.starts_with("/api/") => ollama::error(script.status, SCRIPTED),
            path if path.starts_with("/sdapi/") => painters::webui_error(script.status, SCRIPTED),
            path if is_comfy(path) => painters::comfy_error(script.status, SCRIPTED),
            _ => Answer::error(script.status, SCRIPTED),
        };
    }
    let is_anthropic = headers.contains_key("anthropic-version");
    let mut answer = match (method.as_str(), path) {
        ("GET", "/v1/models") if is_anthropic => anthropic::models(),
        ("GET", "/v1/models") => models(),
        ("GET", path) if is_anthropic && path.starts_with("/v1/models/") => anthropic::model(),
        ("GET", path) if path.starts_with("/v1/models/") => {
            Answer::document(StatusCode::OK, &listed_model())
        }
        ("POST", "/v1/chat/completions") => with_json(body, script, chat),
        ("POST", "/v1/completions") => with_json(body, script, completions),
        ("POST", "/v1/embeddings") => with_json(body, script, embeddings),
        ("POST", "/v1/audio/speech") => with_json(body, script, audio::speech),
        ("POST", "/v1/audio/transcriptions" | "/v1/audio/translations") => {
            audio::transcript(headers, body, script)
        }
        ("POST", "/v1/images/generations") => with_json(body, script, pictures::generations),
        ("POST", "/v1/images/edits") => pictures::edits(headers, body, script),
        ("POST", "/v1/images/variations") => pictures::variations(headers, body, script),
        ("GET", "/v1beta/models") => gemini::models(),
        ("GET", path) if path.starts_with("/v1beta/models/") => gemini::model(),
        ("POST", path) if path.ends_with(":generateContent") => {
            with_json(body, script, gemini::generate)
        }
        ("POST", path) if path.ends_with(":streamGenerateContent") => {
            let shape = match query.contains("alt=sse") {
                true => gemini::events,
                false => gemini::array,
            };
            with_json(body, script, shape)
        }
        ("POST", "/api/v1/services/aigc/text-generation/generation") => {
            with_json(body, script, |body, script| {
                dashscope::text(body, headers, script)
            })
        }
        ("POST", "/api/v1/services/aigc/multimodal-generation/generation") => {
            with_json(body, script, |body, script| {
                dashscope::multimodal(body, headers, script)
            })
        }
        ("POST", path) if path.ends_with("/image-synthesis") => {
            with_json(body, script, dashscope::synthesis)
        }
        ("GET", path) if path.starts_with("/api/v1/tasks/") => {
            dashscope::task(path.trim_start_matches("/api/v1/tasks/"), script)
        }
        ("POST", "/sdapi/v1/txt2img" | "/sdapi/v1/img2img") => {
            with_json(body, script, painters::webui)
        }
        ("GET", path) if path.starts_with("/sdapi/v1/") => painters::webui_list(path),
        ("POST", "/prompt") => with_json(body, script, painters::comfy),
        ("GET", path) if path.starts_with("/history/") => {
            painters::comfy_history(path.trim_start_matches("/history/"), script)
        }
        ("GET", path) if is_comfy(path) => painters::comfy_list(path),
        ("GET", "/api/tags") => ollama::tags(),
        ("GET", "/api/ps") => ollama::ps(),
        ("POST", "/api/show") => with_json(body, script, ollama::show),
        ("POST", "/api/embed") => with_json(body, script, ollama::embed),
        ("POST", "/api/embeddings") => with_json(body, script, ollama::embeddings),
        ("GET", "/api/version") => ollama::version(),
        ("POST", "/api/chat") => with_json(body, script, ollama::chat),
        ("POST", "/api/generate") => with_json(body, script, ollama::generate),
        ("POST", "/v1/responses") => with_json(body, script, responses::responses),
        ("POST", "/v1/messages") => with_json(body, script, anthropic::messages),
        ("POST", "/v1/messages/count_tokens") => with_json(body, script, anthropic::count_tokens),
        _ => Answer::error(StatusCode::NOT_FOUND, "the mock has no such endpoint"),
    };
    if answer.status == StatusCode::OK {
        answer.status = script.status;
    }
    answer
}

/// Whether it is one of ComfyUI's own paths.
fn is_comfy(path: &str) -> bool {
    let first = path.split('/').nth(1).unwrap_or_default();
    matches!(
        first,
        "prompt"
            | "history"
            | "queue"
            | "view"
            | "object_info"
            | "system_stats"
            | "models"
            | "embeddings"
    )
}

fn with_json(
    body: &Bytes,
    script: &Script,
    shape: impl FnOnce(&Value, &Script) -> Answer,
) -> Answer {
    match serde_json::from_slice(body) {
        Ok(body) => shape(&body, script),
        Err(_) => Answer::error(StatusCode::BAD_REQUEST, "the body is not JSON"),
    }
}

fn listed_model() -> Value {
    json!({"id": "mock", "object": "model", "created": CREATED, "owned_by": "wardgate"})
}

fn models() -> Answer {
    let list = json!({"object": "list", "data": [listed_model()]});
    Answer::document(StatusCode::OK, &list)
}

/// The model that the request names.
pub fn model(body: &Value) -> &str {
    body["model"].as_str().unwrap_or("mock")
}

/// How many answers it asks for.
pub fn count(body: &Value) -> u64 {
    body["n"].as_u64().unwrap_or(1).clamp(1, MAX_CHOICES)
}

/// The content type of a request.
pub fn content_type(headers: &HeaderMap) -> &str {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default()
}

/// The last thing that the user said.
pub fn last_prompt(body: &Value) -> String {
    let messages = body["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let last = messages.iter().rfind(|message| message["role"] == "user");
    match last.map(|message| &message["content"]) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        _ => String::new(),
    }
}

fn usage(said: usize) -> Value {
    json!({"prompt_tokens": 1, "completion_tokens": said, "total_tokens": said + 1})
}

fn chat(body: &Value, script: &Script) -> Answer {
    let says = Says::read(&last_prompt(body), model(body), script);
    if body["stream"] == true {
        return chat_events(body, &says, script);
    }
    let (message, reason) = match &says {
        Says::Text(text) => (
            json!({"role": "assistant", "content": text, "refusal": null}),
            "stop",
        ),
        Says::Tool { name, arguments } => {
            let function = json!({"name": name, "arguments": arguments});
            let call = json!({"id": "call_mock", "type": "function", "function": function});
            let message = json!({"role": "assistant", "content": null, "tool_calls": [call]});
            (message, "tool_calls")
        }
    };
    let choice = |index| json!({"index": index, "message": message, "logprobs": null, "finish_reason": reason});
    let choices: Vec<_> = (0..count(body)).map(choice).collect();
    let answer = json!({
        "id": "chatcmpl-mock", "object": "chat.completion", "created": CREATED,
        "model": model(body), "choices": choices, "usage": usage(1),
    });
    Answer::document(StatusCode::OK, &answer)
}

fn chat_events(body: &Value, says: &Says, script: &Script) -> Answer {
    let event = |choices: Value| {
        json!({
            "id": "chatcmpl-mock", "object": "chat.completion.chunk", "created": CREATED,
            "model": model(body), "choices": choices,
        })
    };
    let delta = |delta: &Value, reason: Value| {
        (0..count(body))
            .map(|index| {
                event(json!([{"index": index, "delta": delta, "logprobs": null,
                    "finish_reason": reason}]))
            })
            .collect::<Vec<_>>()
    };
    let mut events = delta(&json!({"role": "assistant", "content": ""}), Value::Null);
    let reason = match says {
        Says::Text(text) => {
            for piece in script.deltas(text) {
                events.extend(delta(&json!({"content": piece}), Value::Null));
            }
            "stop"
        }
        Says::Tool { name, arguments } => {
            let function = json!({"name": name, "arguments": ""});
            let call = json!({"index": 0, "id": "call_mock", "type": "function",
                "function": function});
            events.extend(delta(&json!({"tool_calls": [call]}), Value::Null));
            for piece in script.deltas(arguments) {
                let call = json!({"index": 0, "function": {"arguments": piece}});
                events.extend(delta(&json!({"tool_calls": [call]}), Value::Null));
            }
            "tool_calls"
        }
    };
    events.extend(delta(&json!({}), json!(reason)));
    if body["stream_options"]["include_usage"] == true {
        let mut last = event(json!([]));
        last["usage"] = usage(1);
        events.push(last);
    }
    Answer::events(&events)
}

fn completions(body: &Value, script: &Script) -> Answer {
    let prompts: Vec<_> = match &body["prompt"] {
        Value::Array(prompts) => prompts.iter().filter_map(Value::as_str).collect(),
        prompt => vec![prompt.as_str().unwrap_or_default()],
    };
    let texts: Vec<_> = prompts
        .iter()
        .map(|prompt| match Says::read(prompt, model(body), script) {
            Says::Text(text) => text,
            Says::Tool { name, arguments } => format!("{name} {arguments}"),
        })
        .collect();
    let event = |index: usize, text: &str, reason: Value| {
        let choice = json!({"index": index, "text": text, "logprobs": null,
            "finish_reason": reason});
        json!({
            "id": "cmpl-mock", "object": "text_completion", "created": CREATED,
            "model": model(body), "choices": [choice],
        })
    };
    if body["stream"] == true {
        let mut events = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let pieces = script.deltas(text).into_iter();
            events.extend(pieces.map(|piece| event(index, piece, Value::Null)));
            events.push(event(index, "", json!("stop")));
        }
        return Answer::events(&events);
    }
    let choices: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| event(index, text, json!("stop"))["choices"][0].take())
        .collect();
    let mut answer = event(0, "", Value::Null);
    answer["choices"] = Value::Array(choices);
    answer["usage"] = usage(1);
    Answer::document(StatusCode::OK, &answer)
}

/// `POST /v1/embeddings`: four numbers per text, told apart by its length.
fn embeddings(body: &Value, _: &Script) -> Answer {
    let texts: Vec<_> = match &body["input"] {
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect(),
        text => vec![text.as_str().unwrap_or_default()],
    };
    let base64 = body["encoding_format"] == "base64";
    let data: Vec<_> = (texts.iter().enumerate())
        .map(|(index, text)| {
            // As base64: four little-endian floats, all zero.
            let embedding = match base64 {
                true => json!("AAAAAAAAAAAAAAAAAAAAAA=="),
                false => json!([0.5, -0.5, 0.25, text.len()]),
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let usage = json!({"prompt_tokens": 1, "total_tokens": 1});
    let list = json!({"object": "list", "data": data, "model": model(body), "usage": usage});
    Answer::document(StatusCode::OK, &list)
}
