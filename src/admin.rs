//! `/healthz`, `/readyz` and `/metrics`, on an address of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;

use crate::body::{Body, full};
use crate::metrics::Metrics;
use crate::server::{Drain, Handler, Peer};

/// The content type of OpenMetrics 1.0.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers the admin address; serve it with [`crate::server::Listener`], one worker, no TLS, and a
/// drain of its own, so that `/readyz` can say "draining" while the callers' server drains.
#[derive(Debug)]
pub struct Admin {
    /// The figures.
    pub metrics: Arc<Metrics>,
    /// Set once the first policy set runs.
    pub loaded: Arc<AtomicBool>,
    /// The callers' drain: not ready any more once it has begun.
    pub drain: Drain,
}

impl Admin {
    /// The answer for a method and path.
    pub fn answer(&self, method: &Method, path: &str) -> Response<Body> {
        if method != Method::GET && method != Method::HEAD {
            return text(StatusCode::METHOD_NOT_ALLOWED, "GET only\n");
        }
        match path {
            "/healthz" => text(StatusCode::OK, "ok\n"),
            "/readyz" if self.drain.begun() => text(StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
            "/readyz" if !self.loaded.load(Ordering::Acquire) => {
                text(StatusCode::SERVICE_UNAVAILABLE, "loading policies\n")
            }
            "/readyz" => text(StatusCode::OK, "ready\n"),
            "/metrics" => {
                let mut answer = Response::new(full(self.metrics.render()));
                let open_metrics = HeaderValue::from_static(OPEN_METRICS);
                answer
                    .headers_mut()
                    .insert(header::CONTENT_TYPE, open_metrics);
                answer
            }
            _ => text(
                StatusCode::NOT_FOUND,
                "here are /healthz, /readyz and /metrics\n",
            ),
        }
    }
}

impl Handler for Admin {
    async fn handle(&self, request: Request<Incoming>, _peer: Peer) -> Response<Body> {
        self.answer(request.method(), request.uri().path())
    }
}

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut answer = Response::new(full(text));
    *answer.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, plain);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_after_loading_and_until_draining() {
        let admin = Admin {
            metrics: Arc::new(Metrics::new()),
            loaded: Arc::new(AtomicBool::new(false)),
            drain: Drain::new(),
        };
        let status = |path| admin.answer(&Method::GET, path).status().as_u16();
        assert_eq!((status("/healthz"), status("/readyz")), (200, 503));
        admin.loaded.store(true, Ordering::Release);
        assert_eq!((status("/healthz"), status("/readyz")), (200, 200));
        admin.drain.begin();
        assert_eq!((status("/healthz"), status("/readyz")), (200, 503));
        assert_eq!((status("/metrics"), status("/")), (200, 404));
        let posted = admin.answer(&Method::POST, "/metrics").status();
        assert_eq!(posted, StatusCode::METHOD_NOT_ALLOWED);
    }
}
