//! Sessions of the realtime API at their edges, over real sockets: TLS, the drain, pings, time. The model
//! is played by hand, and where time matters the gateway runs in the test's own runtime, whose clock is
//! paused: it goes on only when nothing else does.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{accept_async, client_async};
use tokio_util::task::TaskTracker;
use wardgate::app::Gate;
use wardgate::config::Tls;
use wardgate::mock::Mock;
use wardgate::proxy;
use wardgate::server::{Drain, Outlasting, Peer, Worker};
use wardgate::tls::{ServerTls, client_config};

use crate::caller::{Caller, handshake, shown};
use crate::gateway::{Gateway, live};
use crate::wire::{Authority, tls_door, upstream};

/// Seconds between pings: `wardgate::socket::PING`.
const PING: u64 = 30;

/// A model server that says what the test says.
struct Model {
    listener: TcpListener,
}

impl Model {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self { listener }
    }

    /// One app in front of it.
    fn config(&self, limits: &str) -> String {
        let at = self.listener.local_addr().expect("bound");
        format!(
            "limits: {{{limits}}}\napps: [{{name: test, upstream: {{url: \"http://{at}\"}}, on_failure: block, policies: [canary]}}]\n"
        )
    }

    /// A session through the gateway at that host: its two ends.
    async fn open(&self, host: &str) -> (Caller, Caller) {
        let calling = async {
            let stream = TcpStream::connect(host).await.expect("it listens");
            let opened = client_async(handshake(host, &[]), stream).await;
            Caller(opened.expect("a session").0)
        };
        let called = async {
            let (stream, _) = self.listener.accept().await.expect("it is called");
            Caller(accept_async(stream).await.expect("a handshake"))
        };
        tokio::join!(calling, called)
    }
}

/// A gateway in this runtime, for one connection.
async fn serve_here(model: &Model, limits: &str) -> (SocketAddr, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let gate = Gate::open(live(&model.config(limits), folder.path())).expect("the gate opens");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        let (stream, addr) = listener.accept().await.expect("a caller");
        let peer = Peer {
            addr,
            worker: Worker(0),
            certified: false,
        };
        let outlasting = Outlasting {
            tasks: TaskTracker::new(),
            drain: Drain::new(),
        };
        let service = service_fn(move |mut request| {
            request.extensions_mut().insert(outlasting.clone());
            let gate = Arc::clone(&gate);
            async move { Ok::<_, Infallible>(proxy::handle(&gate, request, peer).await) }
        });
        let io = TokioIo::new(stream);
        let serving = http1::Builder::new().serve_connection(io, service);
        serving.with_upgrades().await
    });
    (address, folder)
}

/// The code with which a socket ends, whatever is said before.
async fn ended<S>(socket: &mut Caller<S>) -> CloseCode
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut code = None;
    while let Some(Ok(message)) = socket.0.next().await {
        if let Message::Close(frame) = message {
            code = frame.map(|frame| frame.code);
        }
    }
    code.expect("a close frame")
}

/// The events of an answer, after the one that begins it.
fn rest() -> [Value; 3] {
    let item = json!({"id": "i", "object": "realtime.item", "type": "message", "status": "completed",
        "role": "assistant", "content": [{"type": "output_text", "text": "Soup."}]});
    let at = json!({"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0});
    let mut delta = at.clone();
    delta["type"] = json!("response.output_text.delta");
    delta["delta"] = json!("Soup.");
    [
        json!({"type": "response.output_item.added", "response_id": "r", "output_index": 0, "item": item}),
        delta,
        json!({"type": "response.done", "response": {"id": "r", "object": "realtime.response",
            "status": "completed", "output": [item]}}),
    ]
}

fn begun() -> Value {
    json!({"type": "response.created", "response": {"id": "r", "object": "realtime.response",
        "status": "in_progress", "output": []}})
}

#[tokio::test]
async fn a_drain_lets_an_open_answer_end_and_then_closes() {
    let model = Model::new().await;
    let mut gateway = Gateway::with_config(&model.config("")).await;
    let (mut idle, mut idle_model) = model.open(gateway.host()).await;
    let (mut caller, mut told) = model.open(gateway.host()).await;
    caller.say(json!({"type": "response.create"})).await;
    assert_eq!(told.next().await["type"], "response.create");
    told.say(begun()).await;
    assert_eq!(caller.next().await["type"], "response.created");

    gateway.drain.begin();
    assert_eq!(
        tokio::join!(ended(&mut idle), ended(&mut idle_model)),
        (CloseCode::Away, CloseCode::Normal)
    );
    for event in rest() {
        told.say(event).await;
    }
    let events = caller.until("response.done").await;
    assert_eq!(shown(&events), ("Soup.".into(), "completed".into()));
    assert_eq!(
        tokio::join!(ended(&mut caller), ended(&mut told)),
        (CloseCode::Away, CloseCode::Normal)
    );
    let serving = gateway.serving.take().expect("it serves");
    let cut = tokio::task::spawn_blocking(move || serving.join()).await;
    assert_eq!(cut.expect("no panic"), 0);
}

#[tokio::test]
async fn a_ping_is_answered_by_whom_it_reached_and_codes_go_through() {
    let model = Model::new().await;
    let gateway = Gateway::with_config(&model.config("")).await;
    let (mut caller, mut told) = model.open(gateway.host()).await;
    caller
        .0
        .send(Message::Ping("soup".into()))
        .await
        .expect("sent");
    match caller.0.next().await {
        Some(Ok(Message::Pong(echo))) => assert_eq!(&echo[..], b"soup"),
        other => panic!("{other:?}"),
    }
    let update = json!({"type": "session.update", "session": {"type": "realtime", "speed": 1}});
    caller.say(update.clone()).await;
    match told.0.next().await {
        Some(Ok(Message::Text(text))) => assert_eq!(*text, *update.to_string()),
        other => panic!("the ping went on: {other:?}"),
    }
    let frame = CloseFrame {
        code: CloseCode::Restart,
        reason: "a turnip".into(),
    };
    told.0.close(Some(frame)).await.expect("closed");
    match caller.0.next().await {
        Some(Ok(Message::Close(Some(frame)))) => {
            assert_eq!((frame.code, &*frame.reason), (CloseCode::Restart, ""));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_answers_pings_is_not_idle() {
    let model = Model::new().await;
    let (address, _folder) = serve_here(&model, "").await;
    let (mut caller, mut told) = model.open(&address.to_string()).await;
    let began = Instant::now();
    let (mut here, mut there) = (Vec::new(), Vec::new());
    let watching = async {
        loop {
            let (message, seen) = tokio::select! {
                message = caller.0.next() => (message, &mut here),
                message = told.0.next() => (message, &mut there),
            };
            match message {
                Some(Ok(Message::Ping(_))) => seen.push(began.elapsed().as_secs()),
                other => panic!("{other:?}"),
            }
        }
    };
    let watched = timeout(Duration::from_secs(10 * PING + 1), watching).await;
    assert!(watched.is_err(), "it would go on");
    let every: Vec<_> = (1..=10).map(|number| number * PING).collect();
    assert_eq!((&here, &there), (&every, &every));
    let update = json!({"type": "session.update", "session": {"type": "realtime", "speed": 1}});
    caller.say(update.clone()).await;
    assert_eq!(told.next().await, update);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_silent_too_long_is_left_and_the_other_is_told() {
    let (idle, policy) = (3 * PING, CloseCode::Policy);
    let limits = format!("idle_timeout_secs: {idle}");
    let model = Model::new().await;
    // Nobody reads at the model's end, so nobody answers pings there.
    let (address, _folder) = serve_here(&model, &limits).await;
    let (mut caller, told) = model.open(&address.to_string()).await;
    let began = Instant::now();
    assert_eq!(ended(&mut caller).await, policy);
    assert_eq!(began.elapsed().as_secs() / PING, idle / PING);
    drop(told);
    // And the other way round.
    let (address, _folder) = serve_here(&model, &limits).await;
    let (caller, mut told) = model.open(&address.to_string()).await;
    let began = Instant::now();
    assert_eq!(ended(&mut told).await, CloseCode::Normal);
    assert_eq!(began.elapsed().as_secs() / PING, idle / PING);
    drop(caller);
}

#[tokio::test(start_paused = true)]
async fn no_session_is_longer_than_the_longest_exchange() {
    let model = Model::new().await;
    let (address, _folder) = serve_here(&model, "total_timeout_secs: 100").await;
    let (mut caller, mut told) = model.open(&address.to_string()).await;
    let began = Instant::now();
    let codes = tokio::join!(ended(&mut caller), ended(&mut told));
    assert_eq!(codes, (CloseCode::Policy, CloseCode::Normal));
    assert_eq!(began.elapsed().as_secs(), 100);
}

#[tokio::test]
async fn sessions_are_judged_over_tls_on_both_sides() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new(folder.path(), "ca");
    let (certificate, key) = authority.issue(folder.path(), "server", "localhost");
    let (shown_file, key_file) = (certificate.display(), key.display());
    let files = Tls {
        certificate: certificate.clone(),
        key: key.clone(),
        client_ca: None,
    };
    let tls = ServerTls::load(&files).expect("good files");
    let mock = Mock::start().await.expect("the mock starts");
    let door = tls_door(tls, mock.address()).await;
    let gateway = Gateway::with_config(&format!(
        "tls: {{certificate: {shown_file}, key: {key_file}}}\napps:\n  - name: test\n    on_failure: block\n    policies: [canary]\n    \
         upstream: {{url: \"https://localhost:{}\", ca_file: {}}}\n",
        door.port(),
        authority.file.display(),
    ))
    .await;
    let mut trusting = upstream("https://localhost");
    trusting.ca_file = Some(authority.file.clone());
    let connector = TlsConnector::from(Arc::new(client_config(&trusting).expect("good files")));
    let stream = TcpStream::connect(gateway.host())
        .await
        .expect("it listens");
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = connector.connect(name, stream).await.expect("a handshake");
    let said = [("x-mock-answer", "Soup."), ("x-mock-pieces", "3")];
    let opened = client_async(handshake(gateway.host(), &said), stream).await;
    let mut caller = Caller(opened.expect("a session").0);
    assert_eq!(caller.next().await["type"], "session.created");
    let events = caller.ask("soup?").await;
    assert_eq!(shown(&events), ("Soup.".into(), "completed".into()));
    let events = caller.ask("how do I cook a turnip").await;
    assert_eq!(shown(&events).1, "content_filter");
    let heard = |words: &str| {
        let seen = mock.seen();
        seen.iter()
            .any(|seen| String::from_utf8_lossy(&seen.body).contains(words))
    };
    assert!(heard("soup?") && !heard("turnip"));
}
