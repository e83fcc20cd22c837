//! The mock's pictures as Stable Diffusion WebUI and ComfyUI send them.

use http::StatusCode;
use serde_json::{Value, json};

use super::script::Script;
use super::shape::Answer;

/// The number of every graph.
const GRAPH: &str = "5f1f2d7e-0000-4000-8000-000000000000";

/// An error as WebUI sends it.
pub fn webui_error(status: StatusCode, message: &str) -> Answer {
    let body = json!({"error": "HTTPException", "detail": message, "body": "", "errors": ""});
    Answer::document(status, &body)
}

/// `POST /sdapi/v1/txt2img` and `img2img`.
pub fn webui(body: &Value, script: &Script) -> Answer {
    let prompt = body["prompt"].as_str().unwrap_or_default();
    let became = script.answer.as_deref().unwrap_or(prompt);
    let info = json!({"prompt": became, "seed": 1, "infotexts": [became]}).to_string();
    let body = json!({"images": [script.picture()], "parameters": body, "info": info});
    Answer::document(StatusCode::OK, &body)
}

/// WebUI's lists.
pub fn webui_list(path: &str) -> Answer {
    let body = match path {
        "/sdapi/v1/sd-models" => json!([{"title": "mock", "model_name": "mock"}]),
        "/sdapi/v1/progress" => json!({"progress": 0.0, "state": {}, "current_image": null}),
        "/sdapi/v1/options" => json!({"sd_model_checkpoint": "mock"}),
        _ => json!([{"name": "mock"}]),
    };
    Answer::document(StatusCode::OK, &body)
}

/// An error as ComfyUI sends it.
pub fn comfy_error(status: StatusCode, message: &str) -> Answer {
    let error = json!({"type": "mock_error", "message": message, "details": "", "extra_info": {}});
    Answer::document(status, &json!({"error": error, "node_errors": {}}))
}

/// `POST /prompt`.
pub fn comfy(body: &Value, _: &Script) -> Answer {
    if !body["prompt"].is_object() {
        return comfy_error(StatusCode::BAD_REQUEST, "no prompt");
    }
    let body = json!({"prompt_id": GRAPH, "number": 1, "node_errors": {}});
    Answer::document(StatusCode::OK, &body)
}

/// `GET /history/{id}`: done at once, with a picture and, where the script says one, a text.
pub fn comfy_history(id: &str, script: &Script) -> Answer {
    let picture = json!({"filename": "mock_00001_.png", "subfolder": "", "type": "output"});
    let mut outputs = json!({"9": {"images": [picture]}});
    if let Some(text) = &script.answer {
        outputs["10"] = json!({"text": [text]});
    }
    let status = json!({"status_str": "success", "completed": true, "messages": []});
    let run = json!({"prompt": [1, id, {}, {}, ["9"]], "outputs": outputs, "status": status});
    Answer::document(StatusCode::OK, &json!({id: run}))
}

/// ComfyUI's lists, and a picture.
pub fn comfy_list(path: &str) -> Answer {
    let body = match path {
        "/queue" => json!({"queue_running": [], "queue_pending": []}),
        "/system_stats" => json!({"system": {"os": "mock"}, "devices": []}),
        "/models" | "/embeddings" => json!(["mock"]),
        _ => json!({}),
    };
    Answer::document(StatusCode::OK, &body)
}
