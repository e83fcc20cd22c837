//! One app's upstream: a pool per worker, header hygiene, credentials, time-outs, decoding.

pub mod headers;

use std::fmt;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    EXPECT, HOST, HeaderName, LOCATION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::Frame;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Builder, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tower_service::Service;

use crate::body::{Blame, Body, BodyError, BodyFault};
use crate::config::{self, Credential, Http2};
use crate::inflate::{self, Coding};
use crate::limits::{Limits, secs};
use crate::server::Worker;
use crate::socket::{self, End, Socket};
use crate::tls;

/// A request to send on. Headers are the caller's; [`Upstream::send`] cleans them.
#[derive(Debug)]
pub struct Forward<'a> {
    /// The worker on whose runtime this is called.
    pub worker: Worker,
    /// The method.
    pub method: Method,
    /// The path without the app's prefix, with its query.
    pub path: &'a str,
    /// The caller's headers, untouched.
    pub headers: &'a HeaderMap,
    /// The body, decoded and edited; empty for none.
    pub body: Bytes,
}

/// What went wrong on the way to an answer's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UpstreamFault {
    /// Nobody there: refused, unknown name, TLS failure, or not within `connect_timeout_secs`.
    Connect,
    /// No answer head within `first_byte_timeout_secs`.
    FirstByte,
    /// The connection broke before the answer's head.
    Reset,
    /// What came is no HTTP or breaks a bound.
    Protocol,
    /// The answer's `content-encoding` is none that we read.
    Coding,
    /// The answer sends the caller elsewhere, which would be around the guard.
    Redirect,
    /// The request asks for an upgrade, or `Expect`s anything but `100-continue`.
    Unsupported,
    /// The request cannot be written as the upstream's URL and headers.
    Request,
    /// A socket was asked for, and the server answered with this status instead.
    NoSocket(u16),
}

/// A socket to a model server.
pub struct Opened {
    /// Its handshake is done.
    pub socket: Socket,
    /// Which of the caller's protocols it chose.
    pub protocol: Option<HeaderValue>,
}

/// A fault with its blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpstreamError {
    /// What went wrong.
    pub fault: UpstreamFault,
}

impl UpstreamError {
    /// Whose fault it is.
    pub const fn blame(self) -> Blame {
        match self.fault {
            UpstreamFault::Unsupported | UpstreamFault::Request => Blame::Client,
            _ => Blame::Upstream,
        }
    }
    /// A stable code for replies, metrics and the audit line.
    pub const fn code(self) -> &'static str {
        match self.fault {
            UpstreamFault::Connect => "upstream_unreachable",
            UpstreamFault::FirstByte => "upstream_timeout",
            UpstreamFault::Reset => "upstream_reset",
            UpstreamFault::Protocol => "upstream_protocol",
            UpstreamFault::Coding => "upstream_content_encoding",
            UpstreamFault::Redirect => "upstream_redirect",
            UpstreamFault::Unsupported => "unsupported_request",
            UpstreamFault::Request => "invalid_request",
            UpstreamFault::NoSocket(_) => "upstream_refused",
        }
    }
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.code(), self.blame().name())
    }
}

impl std::error::Error for UpstreamError {}

/// What hyper pools: one client of a worker.
type Pool = Client<TimedConnector, Full<Bytes>>;

/// Pools that an upstream can have. More workers than this share pools, which costs wake-ups
/// across threads but breaks nothing.
const POOLS: usize = 64;

/// Idle connections that one worker keeps to one upstream: a burst of this size finds them warm.
const IDLE_PER_WORKER: usize = 128;

/// Seconds that an idle connection is kept. Below the minute after which common load balancers
/// close from their side, so that a request hardly ever meets a closing connection.
const IDLE_POOL_SECS: u32 = 50;

/// hyper's own default count of header fields; it is cheaper than the same number set explicitly.
const HYPER_HEADER_COUNT: u32 = 100;

/// One app's upstream. Shared by all workers; each has its own connections.
pub struct Upstream {
    scheme: Scheme,
    authority: Authority,
    /// Base path without a slash at its end; empty for none.
    base: String,
    credential: Credential,
    client: Builder,
    connector: TimedConnector,
    /// For sockets, which are a matter of HTTP/1.1.
    plain: TimedConnector,
    pools: Box<[OnceLock<Pool>]>,
    limits: Limits,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Upstream({}://{})", self.scheme, self.authority)
    }
}

impl Upstream {
    /// Reads certificates and prepares the pools; connects to nobody yet.
    pub fn new(server: &config::UpstreamServer, limits: &Limits) -> Result<Self, String> {
        let parts = server.url.clone().into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(format!("{} is no URL with scheme and host", server.url));
        };
        let base = server.url.path().trim_end_matches('/').to_owned();
        Ok(Self {
            scheme,
            authority,
            base,
            credential: server.credential.clone(),
            client: client_builder(server.http2, limits),
            connector: TimedConnector::new(server, server.http2, limits)?,
            plain: TimedConnector::new(server, Http2::Never, limits)?,
            pools: (0..POOLS).map(|_| OnceLock::new()).collect(),
            limits: limits.clone(),
        })
    }

    /// Sends a request and waits for the answer's head. The answer's headers are clean, its body is
    /// decoded and bounded in time; dropping the body aborts the upstream request. A request is
    /// sent again only when hyper knows that no byte of it had left.
    pub async fn send(&self, forward: Forward<'_>) -> Result<Response<Body>, UpstreamError> {
        let started = Instant::now();
        let Forward {
            worker,
            method,
            path,
            headers,
            body,
        } = forward;
        refuse_unsupported(&method, headers)?;
        let request = Request::builder()
            .method(method)
            .uri(self.uri(path)?)
            .body(Full::new(body));
        let mut request = request.map_err(|_| UpstreamFault::Request)?;
        *request.headers_mut() = headers::for_upstream(headers, &self.credential);
        let pool =
            self.pools[worker.0 % POOLS].get_or_init(|| self.client.build(self.connector.clone()));
        let answer = timeout(
            secs(self.limits.first_byte_timeout_secs),
            pool.request(request),
        )
        .await
        .map_err(|_| UpstreamFault::FirstByte)?
        .map_err(|error| fault_of(&error))?;
        self.guarded(answer, started)
    }

    /// Opens a socket. `headers` are the caller's.
    ///
    /// # Errors
    /// As [`Self::send`]; [`UpstreamFault::NoSocket`] with the server's status where it refuses.
    pub async fn open(&self, path: &str, headers: &HeaderMap) -> Result<Opened, UpstreamError> {
        let uri = self.uri(path)?;
        let mut connector = self.plain.clone();
        let ready = std::future::poll_fn(|cx| connector.poll_ready(cx));
        ready.await.map_err(|_| UpstreamFault::Connect)?;
        let connected = connector.call(uri.clone()).await;
        let connected = connected.map_err(|_| UpstreamFault::Connect)?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(self.limits.header_bytes as usize)
            .handshake(connected)
            .await
            .map_err(|_| UpstreamFault::Reset)?;
        // Ends with the handshake: what is left of the connection is the socket's.
        tokio::spawn(connection.with_upgrades());
        let key = HeaderValue::from_str(&generate_key()).map_err(|_| UpstreamFault::Request)?;
        let request = Request::builder()
            .uri(uri.path_and_query().map_or("/", |path| path.as_str()))
            .header(HOST, self.authority.as_str())
            .body(Full::<Bytes>::default());
        let mut request = request.map_err(|_| UpstreamFault::Request)?;
        let asking = headers::for_socket(headers, &self.credential, key.clone());
        request.headers_mut().extend(asking);
        let answer = timeout(
            secs(self.limits.first_byte_timeout_secs),
            sender.send_request(request),
        );
        let answer = answer.await.map_err(|_| UpstreamFault::FirstByte)?;
        let answer = answer.map_err(|_| UpstreamFault::Reset)?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(UpstreamFault::NoSocket(answer.status().as_u16()).into());
        }
        let says = |name: HeaderName| answer.headers().get(name).cloned();
        let accepted = says(SEC_WEBSOCKET_ACCEPT);
        if accepted.is_none_or(|accepted| accepted != socket::accepted(&key)) {
            return Err(UpstreamFault::Protocol.into());
        }
        let protocol = says(SEC_WEBSOCKET_PROTOCOL);
        let upgraded = hyper::upgrade::on(answer).await;
        Ok(Opened {
            socket: Socket::new(
                upgraded.map_err(|_| UpstreamFault::Reset)?,
                End::Client,
                &self.limits,
            )
            .await,
            protocol,
        })
    }

    /// The answer with clean headers and a bounded, decoded body.
    fn guarded(
        &self,
        answer: Response<Incoming>,
        started: Instant,
    ) -> Result<Response<Body>, UpstreamError> {
        let (mut parts, body) = answer.into_parts();
        if parts.status.is_redirection() && parts.headers.contains_key(LOCATION) {
            return Err(UpstreamFault::Redirect.into());
        }
        let coding = Coding::of(&parts.headers).map_err(|_| UpstreamFault::Coding)?;
        parts.headers = headers::for_caller(&parts.headers);
        parts.extensions = http::Extensions::new();
        // The version is the connection's affair: hyper writes the caller's.
        parts.version = http::Version::default();
        let timed = Timed::new(body, started, &self.limits);
        let body = inflate::decoded(coding, timed, Blame::Upstream, &self.limits);
        Ok(Response::from_parts(parts, body))
    }

    /// The URL for a path: the base path, then the path. A base that ends in the version with which
    /// the path begins ("https://host/v1", as SDKs want it) counts that version once.
    fn uri(&self, path: &str) -> Result<Uri, UpstreamError> {
        let first = path.split(['/', '?']).nth(1).unwrap_or_default();
        let base = match self.base.rsplit_once('/') {
            Some((before, last)) if last == first && is_version(first) => before,
            _ => &self.base,
        };
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(format!("{base}{path}"))
            .build()
            .map_err(|_| UpstreamFault::Request.into())
    }

    /// A hash of what decides the account and the API version that the upstream would see for a
    /// request with these headers: callers who differ in it never share a cached answer.
    /// Likewise of what tells callers apart, whatever the upstream sees of it.
    pub fn caller_scope(headers: &HeaderMap) -> [u8; 32] {
        headers::scope(headers, &Credential::Pass)
    }

    /// A hash of what decides the account and API version that the upstream sees.
    pub fn credential_scope(&self, headers: &HeaderMap) -> [u8; 32] {
        headers::scope(headers, &self.credential)
    }
}

/// Whether a path segment is an API version: `v1`, `v1beta`.
fn is_version(segment: &str) -> bool {
    let mut bytes = segment.bytes();
    bytes.next() == Some(b'v') && bytes.next().is_some_and(|byte| byte.is_ascii_digit())
}

/// Tunnels and conditions that we do not take part in. `Upgrade: h2c` is an offer that a server may
/// ignore (RFC 9110 section 7.8), and Java's client makes it with every first request.
fn refuse_unsupported(method: &Method, headers: &HeaderMap) -> Result<(), UpstreamError> {
    let is = |name: HeaderName, wanted: &str| {
        let mut values = headers.get_all(name).iter();
        values.all(|value| value.as_bytes().eq_ignore_ascii_case(wanted.as_bytes()))
    };
    if method == Method::CONNECT || !is(UPGRADE, "h2c") || !is(EXPECT, "100-continue") {
        return Err(UpstreamFault::Unsupported.into());
    }
    Ok(())
}

fn client_builder(http2: Http2, limits: &Limits) -> Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(secs(IDLE_POOL_SECS))
        .pool_max_idle_per_host(IDLE_PER_WORKER)
        .retry_canceled_requests(true)
        .http1_max_buf_size(limits.header_bytes as usize)
        .http2_only(http2 == Http2::Only)
        .http2_max_header_list_size(limits.header_bytes);
    if limits.header_count != HYPER_HEADER_COUNT {
        builder.http1_max_headers(limits.header_count as usize);
    }
    builder
}

/// What hyper's error means for an exchange.
fn fault_of(error: &hyper_util::client::legacy::Error) -> UpstreamFault {
    if error.is_connect() {
        return UpstreamFault::Connect;
    }
    let hyper =
        std::error::Error::source(error).and_then(|inner| inner.downcast_ref::<hyper::Error>());
    match hyper {
        Some(inner) if inner.is_parse() => UpstreamFault::Protocol,
        _ => UpstreamFault::Reset,
    }
}

impl From<UpstreamFault> for UpstreamError {
    fn from(fault: UpstreamFault) -> Self {
        Self { fault }
    }
}

/// A connector whose time-out covers name, TCP and TLS together.
#[derive(Clone)]
struct TimedConnector {
    https: HttpsConnector<HttpConnector>,
    limit: Duration,
}

impl TimedConnector {
    fn new(server: &config::UpstreamServer, http2: Http2, limits: &Limits) -> Result<Self, String> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let builder = HttpsConnectorBuilder::new()
            .with_tls_config(tls::client_config(server)?)
            .https_or_http();
        let https = match http2 {
            Http2::Auto => builder.enable_all_versions().wrap_connector(tcp),
            Http2::Only => builder.enable_http2().wrap_connector(tcp),
            Http2::Never => builder.enable_http1().wrap_connector(tcp),
        };
        Ok(Self {
            https,
            limit: secs(limits.connect_timeout_secs),
        })
    }
}

type Connected = <HttpsConnector<HttpConnector> as Service<Uri>>::Response;
type ConnectError = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for TimedConnector {
    type Response = Connected;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Connected, ConnectError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.https.poll_ready(cx)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = timeout(self.limit, self.https.call(to));
        Box::pin(async move { connecting.await? })
    }
}

/// An answer's body that fails when the upstream stalls or takes too long as a whole.
///
/// The clock is looked at only when the upstream has nothing to give, so a slow caller never makes
/// an upstream look idle, and a chunk costs no timer.
struct Timed {
    body: Incoming,
    idle: Duration,
    /// When the whole answer has to be over.
    end: Instant,
    /// When the last frame came, or waiting began.
    last: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timed {
    fn new(body: Incoming, started: Instant, limits: &Limits) -> Self {
        Self {
            body,
            idle: secs(limits.idle_timeout_secs),
            end: started + secs(limits.total_timeout_secs),
            last: Instant::now(),
            sleep: None,
        }
    }

    /// Ready when the upstream is late. Fires at most once per idle time: it then looks whether a
    /// frame has come since, and goes on sleeping.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let deadline = self.end.min(self.last + self.idle);
            let sleep = self
                .sleep
                .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            ready!(sleep.as_mut().poll(cx));
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

impl http_body::Body for Timed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Poll::Ready(next) = Pin::new(&mut self.body).poll_frame(cx) {
            self.last = Instant::now();
            if next.is_some() && self.last >= self.end {
                return Poll::Ready(Some(Err(BodyError::new(Blame::Upstream, BodyFault::Slow))));
            }
            let reset = |_| BodyError::new(Blame::Upstream, BodyFault::Reset);
            return Poll::Ready(next.map(|frame| frame.map_err(reset)));
        }
        ready!(self.poll_late(cx));
        Poll::Ready(Some(Err(BodyError::new(Blame::Upstream, BodyFault::Slow))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
