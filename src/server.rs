//! Listens and serves: HTTP/1.1 and HTTP/2, TLS, one current-thread runtime per core, drain.
//!
//! Each worker thread has its own socket (SO_REUSEPORT) and runtime, because work stealing costs a
//! proxy 18-35 % of its CPU. Knows nothing of what is served.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;

use crate::body::Body;
use crate::limits::Limits;
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

/// Bound sockets, one per worker.
#[derive(Debug)]
pub struct Listener {}

/// Running workers.
#[derive(Debug)]
pub struct Serving {}

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
}

impl Listener {
    /// Binds one socket per worker. Fails if another process listens there.
    pub fn bind(_setup: Setup) -> io::Result<Self> {
        unimplemented!()
    }
    /// The bound address, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        unimplemented!()
    }
    /// Starts the workers; each answers with `handler` until `drain` begins and its exchanges end.
    pub fn serve<H: Handler>(self, _handler: Arc<H>, _drain: Drain) -> io::Result<Serving> {
        unimplemented!()
    }
}

impl Serving {
    /// Waits until every worker has drained; the number of connections that the drain's time-out cut.
    pub fn join(self) -> usize {
        unimplemented!()
    }
}
