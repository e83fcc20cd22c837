//! Listens and serves: HTTP/1.1 and HTTP/2, TLS, one current-thread runtime per core, drain.
//!
//! Each worker thread has its own socket (SO_REUSEPORT) and runtime, because work stealing costs a
//! proxy 18-35 % of its CPU. Knows nothing of what is served.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::UPGRADE;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use crate::body::Body;
use crate::caller_io::CallerIo;
use crate::limits::{Limits, secs};
use crate::tls::ServerTls;

/// A worker thread's number, from 0; upstream connections stay on the worker that opened them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Worker(pub usize);

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub addr: SocketAddr,
    /// The worker that serves it.
    pub worker: Worker,
    /// Whether it showed a client certificate (which then was verified).
    pub certified: bool,
}

/// What answers requests.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. Never fails: what goes wrong is an answer too.
    fn handle(
        &self,
        request: Request<Incoming>,
        peer: Peer,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// Where work goes that outlives its request, as a socket's does: its connection counts as open, and
/// a drain waits, until it is over. An extension of every request that asks for an upgrade.
#[derive(Debug, Clone)]
pub struct Outlasting {
    /// Runs it.
    pub tasks: TaskTracker,
    /// Says when to come to an end.
    pub drain: Drain,
}

/// How to listen.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The address; port 0 takes a free one, see [`Listener::local_addr`].
    pub address: SocketAddr,
    /// TLS, if any.
    pub tls: Option<Arc<ServerTls>>,
    /// Header, connection, stream and time bounds.
    pub limits: Limits,
    /// Worker threads, at least 1; [`cores`] for production.
    pub workers: usize,
}

/// How long accepting pauses when the process is out of file descriptors: accepting again at once
/// would spin, and a connection closes within milliseconds.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections that the kernel queues while a worker is busy with a long scan.
const BACKLOG: i32 = 1024;

/// HTTP/2 pings find callers that vanished without a FIN.
const PING_SECS: u32 = 30;

/// The smallest buffer that hyper accepts for an HTTP/1.1 head.
const HEAD_BYTES_MIN: u32 = 8192;

/// hyper's own default count of header fields; it is cheaper than the same number set explicitly.
const HYPER_HEADER_COUNT: u32 = 100;

/// Bytes that one HTTP/2 stream buffers towards its caller: with [`Limits::streams`] this bounds
/// what a slow caller can make us hold.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// Says "no new requests, finish what is open", once, to everybody who listens.
#[derive(Debug, Clone)]
pub struct Drain(tokio::sync::watch::Sender<bool>);

/// Worker threads that this machine is good for.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Drain {
    /// Nothing is draining yet.
    #[expect(
        clippy::new_without_default,
        reason = "a drain has an identity, no neutral value"
    )]
    pub fn new() -> Self {
        Self(tokio::sync::watch::Sender::new(false))
    }

    /// Begins the drain; again is the same.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Whether it has begun.
    pub fn begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it begins.
    pub async fn wait(&self) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|begun| *begun).await;
    }

    /// Begins the drain at the first SIGTERM or SIGINT; returns then.
    #[cfg(unix)]
    pub async fn begin_on_signal(&self) -> io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        self.begin();
        Ok(())
    }
}

/// Bound sockets, one per worker.
#[derive(Debug)]
pub struct Listener {
    sockets: Vec<std::net::TcpListener>,
    address: SocketAddr,
    setup: Setup,
}

impl Listener {
    /// Binds one socket per worker. Fails if another process listens there.
    pub fn bind(setup: Setup) -> io::Result<Self> {
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", setup.address));
        if setup.address.port() != 0 {
            // SO_REUSEPORT would let a second wardgate share the port without a word.
            socket(setup.address, Sharing::Alone).map_err(named)?;
        }
        let mut sockets: Vec<std::net::TcpListener> = Vec::new();
        let mut address = setup.address;
        for _ in 0..setup.workers.max(1) {
            let socket = socket(address, Sharing::Workers).map_err(named)?;
            socket.listen(BACKLOG).map_err(named)?;
            let listener: std::net::TcpListener = socket.into();
            address = listener.local_addr()?;
            sockets.push(listener);
        }
        Ok(Self {
            sockets,
            address,
            setup,
        })
    }

    /// The bound address, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Starts the workers; each answers with `handler` until `drain` begins and its exchanges end.
    pub fn serve<H: Handler>(self, handler: Arc<H>, drain: Drain) -> io::Result<Serving> {
        let shared = Arc::new(Shared::new(handler, &self.setup, drain));
        let mut threads = Vec::new();
        for (number, socket) in self.sockets.into_iter().enumerate() {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let shared = Arc::clone(&shared);
            let thread = std::thread::Builder::new().name(format!("worker-{number}"));
            threads.push(
                thread.spawn(move || runtime.block_on(work(socket, Worker(number), shared)))?,
            );
        }
        Ok(Serving { threads })
    }
}

/// Running workers.
#[derive(Debug)]
pub struct Serving {
    threads: Vec<std::thread::JoinHandle<io::Result<usize>>>,
}

impl Serving {
    /// Blocks until every worker has drained; the number of connections that the drain's time-out cut.
    pub fn join(self) -> usize {
        let ended = self.threads.into_iter().map(|thread| match thread.join() {
            Ok(Ok(cut)) => cut,
            Ok(Err(error)) => {
                tracing::error!(%error, "a worker could not listen");
                0
            }
            Err(_) => {
                tracing::error!("a worker panicked; its connections are gone");
                0
            }
        });
        ended.sum()
    }
}

/// Who may bind the same port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Alone,
    Workers,
}

fn socket(address: SocketAddr, sharing: Sharing) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(sharing == Sharing::Workers)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// What all workers share.
struct Shared<H> {
    handler: Arc<H>,
    connection: auto::Builder<TokioExecutor>,
    tls: Option<Arc<ServerTls>>,
    limits: Limits,
    places: Arc<Semaphore>,
    drain: Drain,
}

impl<H> Shared<H> {
    fn new(handler: Arc<H>, setup: &Setup, drain: Drain) -> Self {
        let places = setup.limits.connections as usize;
        Self {
            handler,
            connection: connection_builder(&setup.limits),
            tls: setup.tls.clone(),
            limits: setup.limits.clone(),
            places: Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))),
            drain,
        }
    }
}

fn connection_builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    let mut http1 = builder.http1();
    http1
        .timer(TokioTimer::new())
        .header_read_timeout(secs(limits.header_timeout_secs))
        .max_buf_size(limits.header_bytes.max(HEAD_BYTES_MIN) as usize);
    if limits.header_count != HYPER_HEADER_COUNT {
        http1.max_headers(limits.header_count as usize);
    }
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(limits.header_bytes)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .keep_alive_interval(secs(PING_SECS))
        .keep_alive_timeout(secs(PING_SECS));
    builder
}

/// One worker: accepts until the drain, then waits for its connections. Returns how many were cut.
async fn work<H: Handler>(
    socket: std::net::TcpListener,
    worker: Worker,
    shared: Arc<Shared<H>>,
) -> io::Result<usize> {
    let listener = TcpListener::from_std(socket)?;
    let graceful = GracefulShutdown::new();
    let open = TaskTracker::new();
    let drained = shared.drain.wait();
    tokio::pin!(drained);
    loop {
        let next = async {
            let accepted = listener.accept().await;
            (accepted, Arc::clone(&shared.places).acquire_owned().await)
        };
        let (accepted, place) = tokio::select! {
            biased;
            () = &mut drained => break,
            next = next => next,
        };
        let (stream, addr) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Without it Nagle's algorithm holds small chunks of a stream back for the next ACK.
        let _ = stream.set_nodelay(true);
        let (shared, watcher) = (Arc::clone(&shared), graceful.watcher());
        open.spawn(async move {
            let _place = place;
            let ended = connection(stream, addr, worker, shared, watcher).await;
            if let Err(error) = ended {
                tracing::debug!(%error, "connection ended early");
            }
        });
    }
    drop(listener);
    open.close();
    let finished = async {
        graceful.shutdown().await;
        open.wait().await;
    };
    let _ = timeout(secs(shared.limits.drain_timeout_secs), finished).await;
    Ok(open.len())
}

/// One connection, from its handshake to its end.
async fn connection<H, S>(
    stream: S,
    addr: SocketAddr,
    worker: Worker,
    shared: Arc<Shared<H>>,
    watcher: Watcher,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
where
    H: Handler,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut peer = Peer {
        addr,
        worker,
        certified: false,
    };
    let Some(tls) = &shared.tls else {
        return exchanges(stream, peer, shared, watcher).await;
    };
    let handshake = TlsAcceptor::from(tls.current()).accept(stream);
    let stream = timeout(secs(shared.limits.header_timeout_secs), handshake).await??;
    peer.certified = stream.get_ref().1.peer_certificates().is_some();
    exchanges(stream, peer, shared, watcher).await
}

/// The exchanges of one connection.
async fn exchanges<H, S>(
    stream: S,
    peer: Peer,
    shared: Arc<Shared<H>>,
    watcher: Watcher,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
where
    H: Handler,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handler = Arc::clone(&shared.handler);
    let outlasting = Outlasting {
        tasks: TaskTracker::new(),
        drain: shared.drain.clone(),
    };
    let tasks = outlasting.tasks.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        let handler = Arc::clone(&handler);
        if request.headers().contains_key(UPGRADE) {
            request.extensions_mut().insert(outlasting.clone());
        }
        async move { Ok::<_, Infallible>(handler.handle(request, peer).await) }
    });
    let io = TokioIo::new(CallerIo::new(stream, &shared.limits));
    let serving = shared
        .connection
        .serve_connection_with_upgrades(io, service)
        .into_owned();
    let served = watcher.watch(serving).await;
    tasks.close();
    tasks.wait().await;
    served
}

#[cfg(test)]
mod tests;
