//! A caller of realtime sessions over a real socket, and what it sees of them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use http::Request;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::gateway::{Gateway, percent};

/// A caller's socket.
pub struct Caller<S = TcpStream>(pub WebSocketStream<S>);

/// A handshake with a gateway at that host.
pub fn handshake(host: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder()
        .uri(format!("ws://{host}/v1/realtime?model=m"))
        .header("host", host)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", generate_key());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request")
}

pub async fn connect(gateway: &Gateway, headers: &[(&str, &str)]) -> Result<Caller, Box<WsError>> {
    let host = gateway.host();
    let stream = TcpStream::connect(host).await.expect("it listens");
    let opened = client_async(handshake(host, headers), stream).await;
    opened.map(|(socket, _)| Caller(socket)).map_err(Box::new)
}

impl Caller {
    /// Opens a session; the model's answers are scripted by these headers.
    pub async fn open(gateway: &Gateway, headers: &[(&str, &str)]) -> Self {
        let mut caller = connect(gateway, headers).await.expect("a session");
        assert_eq!(caller.next().await["type"], "session.created");
        caller
    }

    pub async fn answered(gateway: &Gateway, answer: &str) -> Self {
        Self::open(
            gateway,
            &[("x-mock-answer", &percent(answer)), ("x-mock-pieces", "3")],
        )
        .await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Caller<S> {
    pub async fn say(&mut self, event: Value) {
        self.0
            .send(Message::text(event.to_string()))
            .await
            .expect("sent");
    }

    pub async fn next(&mut self) -> Value {
        loop {
            match self.0.next().await.expect("an event").expect("no failure") {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Events up to one of that type.
    pub async fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            events.push(self.next().await);
            if events.last().expect("one")["type"] == kind {
                return events;
            }
        }
    }

    pub async fn text(&mut self, text: &str) {
        let content = json!([{"type": "input_text", "text": text}]);
        let item = json!({"type": "message", "role": "user", "content": content});
        self.say(json!({"type": "conversation.item.create", "event_id": "mine", "item": item}))
            .await;
    }

    /// Says something and asks for a written answer: its events.
    pub async fn ask(&mut self, text: &str) -> Vec<Value> {
        self.text(text).await;
        self.respond().await
    }

    pub async fn respond(&mut self) -> Vec<Value> {
        let settings = json!({"output_modalities": ["text"]});
        self.say(json!({"type": "response.create", "response": settings}))
            .await;
        self.until("response.done").await
    }
}

/// The words of the deltas, and how the response ended.
pub fn shown(events: &[Value]) -> (String, String) {
    let words = events.iter().filter(|event| {
        let kind = event["type"].as_str().unwrap_or_default();
        kind.ends_with("text.delta") || kind.ends_with("transcript.delta")
    });
    let text = words.filter_map(|event| event["delta"].as_str()).collect();
    let response = &events.last().expect("an end")["response"];
    let reason = response["status_details"]["reason"].as_str();
    let ended = reason.or(response["status"].as_str()).unwrap_or_default();
    (text, ended.to_owned())
}

/// What was heard of an answer: the mock speaks the words themselves.
pub fn heard(events: &[Value]) -> String {
    let sound = events
        .iter()
        .filter(|event| event["type"] == "response.output_audio.delta");
    let bytes = sound.flat_map(|event| {
        let sound = event["delta"].as_str().expect("base64");
        STANDARD.decode(sound).expect("base64")
    });
    String::from_utf8(bytes.collect()).expect("words")
}

pub fn all(events: &[Value]) -> String {
    events.iter().map(Value::to_string).collect()
}

/// What the model was sent, and of which type.
pub fn sent(gateway: &Gateway) -> Vec<(String, String)> {
    let seen = gateway
        .mock
        .seen()
        .into_iter()
        .filter(|seen| !seen.body.is_empty());
    seen.map(|seen| {
        let event: Value = serde_json::from_slice(&seen.body).expect("JSON");
        let kind = event["type"].as_str().expect("a type").to_owned();
        (kind, event.to_string())
    })
    .collect()
}

pub fn was_sent(gateway: &Gateway, words: &str) -> bool {
    sent(gateway).iter().any(|(_, event)| event.contains(words))
}
