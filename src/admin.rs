//! `/healthz`, `/readyz` and `/metrics`, on an address of their own.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use http::{Request, Response};
use hyper::body::Incoming;

use crate::body::Body;
use crate::metrics::Metrics;
use crate::server::{Drain, Handler, Peer};

/// Answers the admin address; serve it with [`crate::server::Listener`], one worker, no TLS.
#[derive(Debug)]
pub struct Admin {
    /// The figures.
    pub metrics: Arc<Metrics>,
    /// Set once the first policy set runs.
    pub loaded: Arc<AtomicBool>,
    /// Not ready any more once it has begun.
    pub drain: Drain,
}

impl Handler for Admin {
    async fn handle(&self, _request: Request<Incoming>, _peer: Peer) -> Response<Body> {
        unimplemented!()
    }
}
