//! The mock as OpenAI's realtime API speaks: events over a WebSocket.
//!
//! What it says is told as everywhere (headers of the handshake, scenarios, the prompt). Sound is the
//! words themselves, in base64: what it hears it writes down, what it says it also speaks.

use std::collections::VecDeque;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::scenario;
use super::script::Script;
use super::shape::Says;
use super::{Memory, MockBody, Seen, plain};
use crate::socket;

/// Takes a handshake; the conversation goes on behind the response.
pub fn answer<B>(request: &mut Request<B>, memory: Arc<Memory>) -> Response<MockBody> {
    let script = match Script::read(request.headers()) {
        Ok(script) => script,
        Err(message) => return plain(StatusCode::BAD_REQUEST, message),
    };
    memory.remember(Seen {
        method: request.method().clone(),
        path: request.uri().to_string(),
        headers: request.headers().clone(),
        body: bytes::Bytes::new(),
    });
    if script.status.as_u16() >= 400 {
        return plain(script.status, "as scripted");
    }
    let Some(key) = socket::key(request.headers()).cloned() else {
        return plain(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket");
    };
    let told = Script::is_in(request.headers()).then_some(script);
    let beta = (request.headers().get("openai-beta")).is_some_and(|value| value == "realtime=v1");
    let protocols = request.headers().get("sec-websocket-protocol");
    let protocol = protocols.and_then(|names| names.to_str().ok()?.split(',').next()?.parse().ok());
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let io = TokioIo::new(upgraded);
        let socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
        let talk = Talk {
            socket,
            told,
            beta,
            memory,
            queue: VecDeque::new(),
            sent: 0,
            session: json!({"type": "realtime", "output_modalities": ["audio"]}),
            items: Vec::new(),
            heard: Vec::new(),
            numbers: 0,
            active: None,
        };
        talk.go_on().await;
    });
    let response = socket::accept(&key, protocol);
    response.map(|_| super::nothing())
}

struct Talk {
    socket: WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>,
    /// What the handshake's headers say.
    told: Option<Script>,
    beta: bool,
    memory: Arc<Memory>,
    /// Events of the running response.
    queue: VecDeque<Value>,
    /// Events of responses that were sent.
    sent: usize,
    session: Value,
    items: Vec<Value>,
    heard: Vec<u8>,
    numbers: u64,
    /// The id of the running response.
    active: Option<String>,
}

impl Talk {
    async fn go_on(mut self) {
        let session = self.session.clone();
        if !self
            .say(json!({"type": "session.created", "session": session}))
            .await
        {
            return;
        }
        loop {
            let delay = self
                .told
                .as_ref()
                .map(|script| script.delay)
                .unwrap_or_default();
            tokio::select! {
                biased;
                message = self.socket.next() => match message {
                    Some(Ok(Message::Text(text))) => {
                        if !self.hear(&text).await { return; }
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => {}
                },
                () = sleep(delay), if !self.queue.is_empty() => {
                    if !self.next().await { return; }
                }
            }
        }
    }

    /// The next event of the running response; false once the connection is over.
    async fn next(&mut self) -> bool {
        let cut = self.told.as_ref().and_then(|script| script.cut_after);
        if cut == Some(self.sent) {
            return false;
        }
        let Some(event) = self.queue.pop_front() else {
            return true;
        };
        self.sent += 1;
        if self.queue.is_empty() {
            self.active = None;
        }
        self.say(event).await
    }

    async fn say(&mut self, mut event: Value) -> bool {
        self.numbers += 1;
        event["event_id"] = json!(format!("event_{}", self.numbers));
        self.socket
            .send(Message::text(event.to_string()))
            .await
            .is_ok()
    }

    async fn fail(&mut self, event: &Value, code: &str) -> bool {
        let error = json!({"type": "invalid_request_error", "code": code, "message": "as the mock sees it",
            "param": null, "event_id": event["event_id"]});
        self.say(json!({"type": "error", "error": error})).await
    }

    /// An event of the caller's.
    async fn hear(&mut self, text: &str) -> bool {
        self.memory.remember(Seen {
            method: Method::GET,
            path: "/v1/realtime".to_owned(),
            headers: HeaderMap::new(),
            body: bytes::Bytes::copy_from_slice(text.as_bytes()),
        });
        let event: Value = serde_json::from_str(text).unwrap_or_default();
        match event["type"].as_str().unwrap_or_default() {
            "session.update" => {
                for (name, value) in event["session"].as_object().into_iter().flatten() {
                    self.session[name] = value.clone();
                }
                let session = self.session.clone();
                self.say(json!({"type": "session.updated", "session": session}))
                    .await
            }
            "conversation.item.create" => self.take_in(event["item"].clone()).await,
            "conversation.item.delete" => {
                self.items.retain(|item| item["id"] != event["item_id"]);
                let id = &event["item_id"];
                self.say(json!({"type": "conversation.item.deleted", "item_id": id}))
                    .await
            }
            "conversation.item.retrieve" => {
                let known = self
                    .items
                    .iter()
                    .find(|item| item["id"] == event["item_id"]);
                match known.cloned() {
                    Some(item) => {
                        let told = json!({"type": "conversation.item.retrieved", "item": item});
                        self.say(told).await
                    }
                    None => self.fail(&event, "item_retrieve_invalid_item_id").await,
                }
            }
            "conversation.item.truncate" => {
                let mut told = event.clone();
                told["type"] = json!("conversation.item.truncated");
                self.say(told).await
            }
            "input_audio_buffer.append" => {
                let sound = event["audio"].as_str().unwrap_or_default();
                self.heard
                    .extend(STANDARD.decode(sound).unwrap_or_default());
                true
            }
            "input_audio_buffer.clear" => {
                self.heard.clear();
                self.say(json!({"type": "input_audio_buffer.cleared"}))
                    .await
            }
            "input_audio_buffer.commit" => self.commit().await,
            "output_audio_buffer.clear" => true,
            "response.create" if self.active.is_some() => {
                self.fail(&event, "conversation_already_has_active_response")
                    .await
            }
            "response.create" => {
                self.respond(&event["response"]);
                true
            }
            "response.cancel" => self.cancel(&event).await,
            _ => self.fail(&event, "invalid_value").await,
        }
    }

    fn id(&mut self, kind: &str) -> String {
        self.numbers += 1;
        format!("{kind}_mock_{}", self.numbers)
    }

    /// An item of the caller's.
    async fn take_in(&mut self, mut item: Value) -> bool {
        if item["id"].is_null() {
            item["id"] = json!(self.id("item"));
        }
        self.items.push(item.clone());
        if self.beta {
            return self
                .say(json!({"type": "conversation.item.created", "item": item}))
                .await;
        }
        self.say(json!({"type": "conversation.item.added", "item": item}))
            .await
            && self
                .say(json!({"type": "conversation.item.done", "item": item}))
                .await
    }

    /// What was spoken becomes an item; it is written down where the session says so, and answered.
    async fn commit(&mut self) -> bool {
        let id = self.id("item");
        let said = String::from_utf8_lossy(&std::mem::take(&mut self.heard)).into_owned();
        let committed = json!({"type": "input_audio_buffer.committed", "item_id": id});
        let item = json!({"id": id, "type": "message", "role": "user", "status": "completed",
            "content": [{"type": "input_audio"}]});
        if !self.say(committed).await || !self.take_in(item).await {
            return false;
        }
        // What it answers to; not told, as OpenAI does not.
        if let Some(last) = self.items.last_mut() {
            last["content"] = json!([{"type": "input_audio", "transcript": said}]);
        }
        let input = &self.session["audio"]["input"];
        let (writes, turns) = (
            input["transcription"].is_object(),
            input["turn_detection"].is_object(),
        );
        if turns {
            self.respond(&Value::Null);
            while self.queue.len() > 1 && writes {
                // Answers begin before what they answer was written down.
                if !self.next().await {
                    return false;
                }
            }
        }
        if !writes {
            return true;
        }
        let name = "conversation.item.input_audio_transcription";
        for piece in Script::default().deltas(&said) {
            let told = json!({"type": format!("{name}.delta"), "item_id": id, "content_index": 0, "delta": piece});
            if !self.say(told).await {
                return false;
            }
        }
        self.say(
            json!({"type": format!("{name}.completed"), "item_id": id, "content_index": 0,
            "transcript": said, "usage": {"type": "duration", "seconds": 1.0}}),
        )
        .await
    }

    async fn cancel(&mut self, event: &Value) -> bool {
        let Some(id) = self.active.take() else {
            return self.fail(event, "response_cancel_not_active").await;
        };
        self.queue.clear();
        let details = json!({"type": "cancelled", "reason": "client_cancelled"});
        let response = json!({"object": "realtime.response", "id": id, "status": "cancelled",
            "status_details": details, "output": []});
        self.say(json!({"type": "response.done", "response": response}))
            .await
    }

    /// The last thing that the user said, in a response's own input or in the conversation.
    fn prompt(&self, settings: &Value) -> String {
        let input = settings["input"].as_array().unwrap_or(&self.items);
        let last = input.iter().rfind(|item| item["role"] == "user");
        let content = last.and_then(|item| item["content"].as_array());
        let parts = content.into_iter().flatten();
        parts
            .flat_map(|part| [&part["text"], &part["transcript"]])
            .filter_map(Value::as_str)
            .collect()
    }

    fn respond(&mut self, settings: &Value) {
        let prompt = self.prompt(settings);
        let body = json!({"input": prompt}).to_string();
        let scripted = scenario::script(&self.memory.scenarios, "/v1/realtime", body.as_bytes());
        let script = self.told.clone().or(scripted).unwrap_or_default();
        if let Some(raw) = &script.raw {
            let lines = String::from_utf8_lossy(raw).into_owned();
            let events = lines
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok());
            self.queue.extend(events);
            return;
        }
        let id = self.id("resp");
        let item = self.id("item");
        let says = Says::read(&prompt, "mock", &script);
        let named = [settings, &self.session].map(|one| {
            let modalities = one["output_modalities"]
                .as_array()
                .or(one["modalities"].as_array());
            modalities.map(|all| all.iter().any(|one| one == "audio"))
        });
        let spoken = named.into_iter().flatten().next().unwrap_or(true);
        let told = Told {
            id: &id,
            item: &item,
            spoken,
            beta: self.beta,
        };
        let (events, whole) = told.events(&says, &script);
        self.queue.extend(events);
        self.items.push(whole);
        self.active = Some(id);
    }
}

/// How one response is told.
struct Told<'t> {
    id: &'t str,
    item: &'t str,
    spoken: bool,
    beta: bool,
}

impl Told<'_> {
    fn item(&self, says: &Says, status: &str) -> Value {
        let done = status == "completed";
        match says {
            Says::Text(text) => {
                let (kind, member) = match (self.spoken, self.beta) {
                    (true, false) => ("output_audio", "transcript"),
                    (true, true) => ("audio", "transcript"),
                    (false, false) => ("output_text", "text"),
                    (false, true) => ("text", "text"),
                };
                let content = if done {
                    json!([{"type": kind, member: text}])
                } else {
                    json!([])
                };
                json!({"id": self.item, "object": "realtime.item", "type": "message", "status": status,
                    "role": "assistant", "content": content})
            }
            Says::Tool { name, arguments } => {
                let arguments = if done { arguments } else { "" };
                json!({"id": self.item, "object": "realtime.item", "type": "function_call",
                    "status": status, "call_id": "call_mock", "name": name, "arguments": arguments})
            }
        }
    }

    fn response(&self, status: &str, output: &Value) -> Value {
        let details = if status == "completed" {
            json!({"type": status})
        } else {
            Value::Null
        };
        json!({"object": "realtime.response", "id": self.id, "status": status, "status_details": details,
            "output": output, "conversation_id": "conv_mock", "usage": null, "metadata": null})
    }

    fn at(&self, kind: &str, mut event: Value) -> Value {
        event["type"] = json!(kind);
        event["response_id"] = json!(self.id);
        event["item_id"] = json!(self.item);
        event["output_index"] = json!(0);
        event
    }

    /// The events, and the item as it is kept.
    fn events(&self, says: &Says, script: &Script) -> (Vec<Value>, Value) {
        let mut events = vec![
            json!({"type": "response.created", "response": self.response("in_progress", &json!([]))}),
            json!({"type": "response.output_item.added", "response_id": self.id, "output_index": 0,
                "item": self.item(says, "in_progress")}),
        ];
        match says {
            Says::Text(text) => self.words(text, script, &mut events),
            Says::Tool { name, arguments } => {
                let call = |mut event: Value| {
                    event["call_id"] = json!("call_mock");
                    event
                };
                for piece in script.deltas(arguments) {
                    let event = call(json!({"delta": piece}));
                    events.push(self.at("response.function_call_arguments.delta", event));
                }
                let event = call(json!({"arguments": arguments, "name": name}));
                events.push(self.at("response.function_call_arguments.done", event));
            }
        }
        let whole = self.item(says, "completed");
        events.push(
            json!({"type": "response.output_item.done", "response_id": self.id,
            "output_index": 0, "item": whole}),
        );
        if !self.beta {
            events.push(json!({"type": "conversation.item.done", "item": whole}));
        }
        let last = self.response("completed", &json!([whole]));
        events.push(json!({"type": "response.done", "response": last}));
        (events, whole)
    }

    fn words(&self, text: &str, script: &Script, events: &mut Vec<Value>) {
        let name = |current: &str, beta: &str| match self.beta {
            true => format!("response.{beta}"),
            false => format!("response.{current}"),
        };
        let (kind, member, words) = match self.spoken {
            true => (
                "audio",
                "transcript",
                name("output_audio_transcript", "audio_transcript"),
            ),
            false => ("text", "text", name("output_text", "text")),
        };
        let sound = name("output_audio", "audio");
        let part = |text: &str| json!({"content_index": 0, "part": {"type": kind, member: text}});
        events.push(self.at("response.content_part.added", part("")));
        for piece in script.deltas(text) {
            let delta = |delta: &str| json!({"content_index": 0, "delta": delta});
            events.push(self.at(&format!("{words}.delta"), delta(piece)));
            if self.spoken {
                let spoken = STANDARD.encode(piece);
                events.push(self.at(&format!("{sound}.delta"), delta(&spoken)));
            }
        }
        if self.spoken {
            events.push(self.at(&format!("{sound}.done"), json!({"content_index": 0})));
        }
        let done = json!({"content_index": 0, member: text});
        events.push(self.at(&format!("{words}.done"), done));
        events.push(self.at("response.content_part.done", part(text)));
    }
}
