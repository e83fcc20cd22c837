//! Connections in memory and paused time: what is slow ends exactly when its limit says.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::*;
use crate::body::{BodyError, full};

/// Bytes that the in-memory connection holds in each direction.
const PIPE_BYTES: usize = 4096;

/// What the handler of these tests does, by path.
struct Canary {
    /// Frames that bodies have given.
    given: Arc<AtomicUsize>,
    /// Bodies that live.
    alive: Arc<AtomicUsize>,
}

/// An endless body of turnips.
struct Endless(Arc<AtomicUsize>, Arc<AtomicUsize>);

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b't'; 1024])))))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Handler for Canary {
    async fn handle(&self, request: Request<Incoming>, _peer: Peer) -> Response<Body> {
        match request.uri().path() {
            "/never" => std::future::pending().await,
            "/endless" => {
                self.alive.fetch_add(1, Ordering::SeqCst);
                let body = Endless(Arc::clone(&self.given), Arc::clone(&self.alive));
                Response::new(body.boxed_unsync())
            }
            _ => Response::new(full("turnip")),
        }
    }
}

fn setup(limits: Limits) -> Setup {
    Setup {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        tls: None,
        limits,
        workers: 1,
    }
}

fn shared(limits: Limits) -> Arc<Shared<Canary>> {
    let canary = Canary {
        given: Arc::default(),
        alive: Arc::default(),
    };
    Arc::new(Shared::new(Arc::new(canary), &setup(limits), Drain::new()))
}

/// A connection in memory; its far end.
fn connect(shared: &Arc<Shared<Canary>>) -> DuplexStream {
    let (near, far) = duplex(PIPE_BYTES);
    let graceful = GracefulShutdown::new();
    let watcher = graceful.watcher();
    let addr = SocketAddr::from(([127, 0, 0, 1], 1));
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let ended = connection(near, addr, Worker(0), shared, watcher).await;
        drop((ended.is_ok(), graceful));
    });
    far
}

/// Writes these bytes, reads until the server closes: the answer, and the seconds it took.
async fn say(shared: &Arc<Shared<Canary>>, bytes: &[u8]) -> (String, u64) {
    let mut far = connect(shared);
    let started = Instant::now();
    // The server may close before it has read everything.
    let _ = far.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = far.read_to_end(&mut answer).await;
    (
        String::from_utf8_lossy(&answer).into_owned(),
        started.elapsed().as_secs(),
    )
}

#[tokio::test(start_paused = true)]
async fn who_sends_nothing_or_half_a_head_is_cut_at_the_header_time() {
    let shared = shared(Limits::default());
    let limit = u64::from(shared.limits.header_timeout_secs);
    let beginnings: [&[u8]; 4] = [
        b"",
        b"PRI * HTTP/2.0\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\n",
        b"G",
    ];
    for beginning in beginnings {
        let (_, seconds) = say(&shared, beginning).await;
        assert_eq!(seconds, limit, "{:?}", String::from_utf8_lossy(beginning));
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_at_the_header_time() {
    let shared = shared(Limits::default());
    let (answer, seconds) = say(&shared, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("turnip"),
        "{answer}"
    );
    assert_eq!(seconds, u64::from(shared.limits.header_timeout_secs));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_headers_is_refused() {
    let shared = shared(Limits::default());
    let many = (0..200).map(|number| format!("x-{number}: 1\r\n"));
    let large = [format!("x-large: {}\r\n", "a".repeat(100 * 1024))];
    for fields in [many.collect::<String>(), large.concat()] {
        let request = format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n");
        let (answer, _) = say(&shared, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    let (answer, _) = say(&shared, b"turnips please\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_does_not_read_makes_us_hold_little_and_is_cut_at_the_idle_time() {
    let shared = shared(Limits::default());
    let Canary { given, alive } = &*shared.handler;
    let mut far = connect(&shared);
    far.write_all(b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .expect("writes");
    let started = Instant::now();
    while alive.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    while alive.load(Ordering::SeqCst) > 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let waited = started.elapsed().as_secs();
    let limit = u64::from(shared.limits.idle_timeout_secs);
    assert!((limit..=limit + 1).contains(&waited), "{waited} s");
    let held = given.load(Ordering::SeqCst) * 1024;
    assert!(
        held <= 256 * 1024,
        "{held} bytes for a caller that reads none"
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_ends_its_answer() {
    let shared = shared(Limits::default());
    let alive = Arc::clone(&shared.handler.alive);
    let mut far = connect(&shared);
    far.write_all(b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .expect("writes");
    far.read_exact(&mut [0; 64])
        .await
        .expect("an answer begins");
    assert_eq!(alive.load(Ordering::SeqCst), 1);
    drop(far);
    while alive.load(Ordering::SeqCst) > 0 {
        tokio::task::yield_now().await;
    }
}

/// A worker on a real socket, in this runtime.
fn worker(
    limits: Limits,
) -> (
    SocketAddr,
    Drain,
    tokio::task::JoinHandle<io::Result<usize>>,
) {
    let mut listener = Listener::bind(setup(limits.clone())).expect("a free port");
    let (address, socket) = (listener.local_addr(), listener.sockets.remove(0));
    let shared = shared(limits);
    let drain = shared.drain.clone();
    (
        address,
        drain,
        tokio::spawn(work(socket, Worker(0), shared)),
    )
}

#[tokio::test(start_paused = true)]
async fn a_drain_closes_the_port_and_cuts_what_does_not_end_in_time() {
    let (address, drain, working) = worker(Limits::default());
    let mut stuck = TcpStream::connect(address).await.expect("connects");
    stuck
        .write_all(b"GET /never HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .expect("writes");
    let mut idle = TcpStream::connect(address).await.expect("connects");
    idle.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .expect("writes");
    let mut answer = [0; 15];
    idle.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    let started = Instant::now();
    drain.begin();
    // The idle one closes at once.
    idle.read_to_end(&mut Vec::new()).await.expect("the end");
    assert_eq!(started.elapsed().as_secs(), 0);
    assert!(
        TcpStream::connect(address).await.is_err(),
        "the port is still open"
    );
    let cut = working.await.expect("no panic").expect("it listened");
    assert_eq!(cut, 1);
    let limit = u64::from(Limits::default().drain_timeout_secs);
    assert_eq!(started.elapsed().as_secs(), limit);
}

#[tokio::test]
async fn above_the_limit_a_connection_waits_for_a_place() {
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let (address, _drain, _working) = worker(limits);
    let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut answer = [0; 15];
    let mut first = TcpStream::connect(address).await.expect("connects");
    first.write_all(request).await.expect("writes");
    first.read_exact(&mut answer).await.expect("an answer");
    let mut second = TcpStream::connect(address)
        .await
        .expect("the kernel queues it");
    second.write_all(request).await.expect("writes");
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert!(second.try_read(&mut answer).is_err(), "it was answered");
    drop(first);
    second.read_exact(&mut answer).await.expect("an answer");
}
