//! One app's upstream: a pool per worker, header hygiene, credentials, time-outs, decoding.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method, Response};

use crate::body::{Blame, Body};
use crate::config;
use crate::limits::Limits;
use crate::server::Worker;

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
    /// The request asks for an upgrade, or `Expect`s anything but `100-continue`.
    Unsupported,
    /// The request cannot be written as the upstream's URL and headers.
    Request,
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
            UpstreamFault::Unsupported => "unsupported_request",
            UpstreamFault::Request => "invalid_request",
        }
    }
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.code(), self.blame().name())
    }
}

impl std::error::Error for UpstreamError {}

/// One app's upstream. Shared by all workers; each has its own connections.
#[derive(Debug)]
pub struct Upstream {}

impl Upstream {
    /// Reads certificates and prepares the pools; connects to nobody yet.
    pub fn new(_server: &config::UpstreamServer, _limits: &Limits) -> Result<Self, String> {
        unimplemented!()
    }

    /// Sends a request and waits for the answer's head. The answer's headers are clean, its body is
    /// decoded and bounded in time; dropping the body aborts the upstream request.
    pub async fn send(&self, _forward: Forward<'_>) -> Result<Response<Body>, UpstreamError> {
        unimplemented!()
    }

    /// A hash of the credentials that the upstream would see for a request with these headers:
    /// callers who would be different accounts upstream never share a cached answer.
    pub fn credential_scope(&self, _headers: &HeaderMap) -> [u8; 32] {
        unimplemented!()
    }
}
