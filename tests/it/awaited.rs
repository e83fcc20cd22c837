//! Pictures that are made later and fetched by a name, over real sockets: they are judged beside the
//! prompt that they were made from.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use wardgate::picture::drawing;

use crate::gateway::{Gateway, Reply, percent};
use crate::pictures::{code, url};

const SYNTHESIS: &str = "/api/v1/services/aigc/text2image/image-synthesis";

/// An app that adults use, with rules that read a code beside a word of the prompt: `swede` blocks,
/// `kale` only for minors.
async fn gateway() -> Gateway {
    Gateway::start("    policies: [canary, pictures]\n    audience: {default: adult}\n").await
}

/// Asks DashScope for a picture; the number of the task.
async fn asked(gateway: &Gateway, prompt: &str) -> String {
    let body = json!({"model": "m", "input": {"prompt": prompt}});
    let reply = gateway.post(SYNTHESIS, &[], &body).await.json();
    reply["output"]["task_id"]
        .as_str()
        .expect("a task")
        .to_owned()
}

/// What a task gave: a code.
async fn polled(gateway: &Gateway, task: &str) -> Reply {
    let result = json!({"url": url(&code("pear"))});
    let output = json!({"task_id": task, "task_status": "SUCCEEDED", "results": [result]});
    let raw = percent(&json!({"request_id": "r", "output": output}).to_string());
    let headers = [("content-type", "application/json"), ("x-mock-raw", &*raw)];
    let path = format!("/api/v1/tasks/{task}");
    gateway.send(Method::GET, &path, &headers, "").await
}

fn shows(reply: &Reply) -> bool {
    String::from_utf8_lossy(&reply.body).contains("data:image/png")
}

#[tokio::test]
async fn what_a_task_gave_is_judged_beside_its_prompt() {
    let gateway = gateway().await;
    for (prompt, shown) in [
        ("a pear", true),
        ("a swede", false),
        ("a kale", true),
        ("I am 9 years old, draw a kale", false),
    ] {
        let task = asked(&gateway, prompt).await;
        for _ in 0..2 {
            let reply = polled(&gateway, &task).await;
            assert_eq!(shows(&reply), shown, "{prompt}: {reply:?}");
        }
    }
    // Nobody asked for it here, and its number is no model's name.
    let reply = polled(&gateway, "unknown").await;
    assert!(shows(&reply), "{reply:?}");
    assert!(
        gateway
            .audit()
            .iter()
            .all(|line| line["model"] != "unknown")
    );
}

#[tokio::test]
async fn what_a_graph_gave_is_judged_beside_its_prompt() {
    let gateway = gateway().await;
    let view = async |path: &str| {
        let file = drawing::qr("pear").expect("short");
        let raw: String = file.iter().map(|byte| format!("%{byte:02X}")).collect();
        let path = format!("{path}?type=output&filename=mock%5F00001_.png");
        let headers = [("x-mock-raw", &*raw)];
        gateway.send(Method::GET, &path, &headers, "").await.status
    };
    let queued = async |word: &str| -> Value {
        let node = json!({"class_type": "CLIPTextEncode", "inputs": {"text": word}});
        let body = json!({"prompt": {"6": node}});
        gateway.post("/prompt", &[], &body).await.json()
    };
    let graph = queued("a swede").await["prompt_id"]
        .as_str()
        .map(str::to_owned);
    let history = format!("/history/{}", graph.expect("a number"));
    // Which graph a file is of, its history says.
    assert_eq!(view("/view").await, StatusCode::OK);
    let reply = gateway.send(Method::GET, &history, &[], "").await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    for path in ["/view", "/api/view"] {
        assert!(!view(path).await.is_success(), "{path}");
    }
    // The same number again, which a caller may choose, takes nothing back.
    assert!(queued("a pear").await["prompt_id"].is_string());
    gateway.send(Method::GET, &history, &[], "").await;
    assert!(!view("/view").await.is_success());
}
