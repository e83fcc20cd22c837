//! A model server that says what it is told, for tests and first steps.
//!
//! It speaks every dialect that wardgate knows, over HTTP/1.1 and HTTP/2. What it says is written in the request:
//! in `x-mock-*` headers (see [`script`]) or, for people with an SDK in their hands, in the prompt:
//! `repeat: TEXT`, `tool: NAME {json}`; or in a file of scenarios (see [`scenario`]). The same request
//! always gets the same bytes.
//!
//! Limit: it judges nothing, not even its input, and is no server for production.

mod anthropic;
mod audio;
mod dashscope;
mod gemini;
mod ollama;
mod painters;
mod pictures;
mod realtime;
mod responses;
pub mod scenario;
pub mod script;
mod shape;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use async_compression::tokio::write::{BrotliEncoder, GzipEncoder, ZstdEncoder};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use scenario::Scenario;
use script::{Encoding, Script};

/// Longest request body, bytes: four pictures of OpenAI's own limit would be more, a test never is.
const MAX_BODY_BYTES: usize = 32 << 20;

/// Most requests remembered; the oldest go first, so that a long test stays small.
const MAX_SEEN: usize = 10_000;

/// Pause before a scripted cut: hyper drops what it has not written yet when a body fails.
const BEFORE_CUT: Duration = Duration::from_millis(20);

/// The mock's response body.
pub type MockBody = UnsyncBoxBody<Bytes, io::Error>;

/// A request as the mock saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Every header.
    pub headers: HeaderMap,
    /// The body, as it came.
    pub body: Bytes,
}

/// What a running mock remembers.
#[derive(Debug, Default)]
struct Memory {
    seen: Mutex<VecDeque<Seen>>,
    aborted: AtomicUsize,
    scenarios: Vec<Scenario>,
}

impl Memory {
    fn remember(&self, seen: Seen) {
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == MAX_SEEN {
            all.pop_front();
        }
        all.push_back(seen);
    }
}

/// A mock model server on a free local port; it stops when dropped.
pub struct Mock {
    address: SocketAddr,
    memory: Arc<Memory>,
    task: JoinHandle<()>,
}

impl fmt::Debug for Mock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mock").field(&self.address).finish()
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Mock {
    /// Starts on a free port of 127.0.0.1, inside the current tokio runtime.
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn start() -> io::Result<Self> {
        Self::start_with(Vec::new()).await
    }

    /// The same, told by scenarios what to answer.
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn start_with(scenarios: Vec<Scenario>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let memory = Arc::new(Memory {
            scenarios,
            ..Memory::default()
        });
        let task = tokio::spawn(accept(listener, memory.clone()));
        Ok(Self {
            address,
            memory,
            task,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base URL, without a trailing slash and without `/v1`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far, oldest first.
    pub fn seen(&self) -> Vec<Seen> {
        let all = self.memory.seen.lock();
        let all = all.unwrap_or_else(PoisonError::into_inner);
        all.iter().cloned().collect()
    }

    /// How many answers were given up by their reader before they ended.
    pub fn aborted(&self) -> usize {
        self.memory.aborted.load(Ordering::SeqCst)
    }
}

/// Serves on `listener` until the future is dropped; for `wardgate mock`.
pub async fn serve(listener: TcpListener, scenarios: Vec<Scenario>) {
    let memory = Memory {
        scenarios,
        ..Memory::default()
    };
    accept(listener, Arc::new(memory)).await;
}

async fn accept(listener: TcpListener, memory: Arc<Memory>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((socket, _)) = listener.accept().await else {
            // Out of file descriptors, or a peer that left: others may fare better shortly.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let memory = memory.clone();
        connections.spawn(async move {
            // A local test server: without it each small chunk would wait for an acknowledgement.
            let _ = socket.set_nodelay(true);
            let service = service_fn(move |request| {
                let memory = memory.clone();
                async move { Ok::<_, Infallible>(handle(request, memory).await) }
            });
            let builder = auto::Builder::new(TokioExecutor::new());
            // A peer that goes away mid-answer is what many tests are about.
            let _ = builder
                .serve_connection_with_upgrades(TokioIo::new(socket), service)
                .await;
        });
    }
}

async fn handle<B>(request: Request<B>, memory: Arc<Memory>) -> Response<MockBody>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut request = request;
    if request.uri().path() == "/v1/realtime" {
        return realtime::answer(&mut request, memory);
    }
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY_BYTES).collect().await else {
        return plain(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is too large or broke off",
        );
    };
    let body = body.to_bytes();
    let path = head.uri.path().to_owned();
    let query = head.uri.query().unwrap_or_default().to_owned();
    memory.remember(Seen {
        method: head.method.clone(),
        path: head.uri.to_string(),
        headers: head.headers.clone(),
        body: body.clone(),
    });
    let told = match Script::is_in(&head.headers) {
        true => None,
        false => scenario::script(&memory.scenarios, &path, &body),
    };
    match told.map_or_else(|| Script::read(&head.headers), Ok) {
        Ok(script) => {
            let answer = shape::answer(&head.method, &path, &query, &head.headers, &body, &script);
            respond(answer, script, memory)
        }
        Err(message) => plain(StatusCode::BAD_REQUEST, message),
    }
}

/// A body of nothing.
fn nothing() -> MockBody {
    let nothing = http_body_util::Empty::new();
    nothing.map_err(|never| match never {}).boxed_unsync()
}

fn plain(status: StatusCode, message: &str) -> Response<MockBody> {
    let error = serde_json::json!({"error": {"message": message, "type": "mock_error"}});
    let script = Script {
        status,
        ..Script::default()
    };
    let answer = shape::Answer {
        status,
        content_type: "application/json",
        chunks: vec![error.to_string().into()],
    };
    respond(answer, script, Arc::default())
}

fn respond(answer: shape::Answer, script: Script, memory: Arc<Memory>) -> Response<MockBody> {
    let mut response = Response::builder()
        .status(answer.status)
        .header(header::CONTENT_TYPE, answer.content_type);
    if let Some(name) = script.encoding.name() {
        response = response.header(header::CONTENT_ENCODING, name);
    }
    let speech = Speech {
        chunks: answer.chunks.into(),
        encoder: Some(Encoder::new(script.encoding)),
        sent: 0,
        script,
        memory,
    };
    let body = StreamBody::new(stream::unfold(speech, Speech::next));
    response
        .body(BodyExt::boxed_unsync(body))
        .expect("status and headers are constants")
}

/// An answer on its way out, chunk by chunk.
struct Speech {
    chunks: VecDeque<Bytes>,
    /// `None` once the answer has ended, as planned or by a planned cut.
    encoder: Option<Encoder>,
    sent: usize,
    script: Script,
    memory: Arc<Memory>,
}

impl Speech {
    async fn next(mut self) -> Option<(io::Result<Frame<Bytes>>, Self)> {
        self.encoder.as_ref()?;
        if self.script.cut_after == Some(self.sent) {
            tokio::time::sleep(BEFORE_CUT).await;
            self.encoder = None;
            let error = io::Error::new(io::ErrorKind::ConnectionReset, "cut, as scripted");
            return Some((Err(error), self));
        }
        if self.sent > 0 && !self.script.delay.is_zero() {
            tokio::time::sleep(self.script.delay).await;
        }
        // Taken only now: a reader who leaves during a pause is noticed by `drop`.
        let mut encoder = self.encoder.take()?;
        let chunk = self.chunks.pop_front()?;
        self.sent += 1;
        let goes_on = !self.chunks.is_empty() || self.script.cut_after == Some(self.sent);
        let bytes = if goes_on {
            let bytes = encoder.add(&chunk).await;
            self.encoder = Some(encoder);
            bytes
        } else {
            encoder.end(&chunk).await
        };
        Some((bytes.map(Frame::data), self))
    }
}

impl Drop for Speech {
    fn drop(&mut self) {
        if self.encoder.is_some() {
            self.memory.aborted.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Compresses chunk by chunk; each chunk can be read as soon as it has arrived.
enum Encoder {
    Identity,
    Gzip(GzipEncoder<Vec<u8>>),
    Brotli(Box<BrotliEncoder<Vec<u8>>>),
    Zstd(ZstdEncoder<Vec<u8>>),
}

impl Encoder {
    fn new(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Identity => Self::Identity,
            Encoding::Gzip => Self::Gzip(GzipEncoder::new(Vec::new())),
            Encoding::Brotli => Self::Brotli(Box::new(BrotliEncoder::new(Vec::new()))),
            Encoding::Zstd => Self::Zstd(ZstdEncoder::new(Vec::new())),
        }
    }

    async fn add(&mut self, bytes: &Bytes) -> io::Result<Bytes> {
        macro_rules! add {
            ($encoder:expr) => {{
                $encoder.write_all(bytes).await?;
                $encoder.flush().await?;
                Ok(std::mem::take($encoder.get_mut()).into())
            }};
        }
        match self {
            Self::Identity => Ok(bytes.clone()),
            Self::Gzip(encoder) => add!(encoder),
            Self::Brotli(encoder) => add!(encoder),
            Self::Zstd(encoder) => add!(encoder),
        }
    }

    async fn end(self, bytes: &Bytes) -> io::Result<Bytes> {
        macro_rules! end {
            ($encoder:expr) => {{
                $encoder.write_all(bytes).await?;
                $encoder.shutdown().await?;
                Ok($encoder.into_inner().into())
            }};
        }
        match self {
            Self::Identity => Ok(bytes.clone()),
            Self::Gzip(mut encoder) => end!(encoder),
            Self::Brotli(mut encoder) => end!(encoder),
            Self::Zstd(mut encoder) => end!(encoder),
        }
    }
}
