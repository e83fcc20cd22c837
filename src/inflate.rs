//! Decodes `content-encoding` while a body streams, within a ratio and a size.

use bytes::Bytes;
use http::HeaderMap;

use crate::body::{Blame, Body, BodyFault};
use crate::limits::Limits;

/// How a body is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// As it is.
    Identity,
    /// gzip (RFC 1952), also under its old name `x-gzip`.
    Gzip,
    /// brotli (RFC 7932).
    Brotli,
    /// zstd (RFC 8878).
    Zstd,
}

/// The `accept-encoding` that we send upstream: exactly what [`decoded`] can read.
pub const ACCEPT: &str = "gzip, br, zstd";

impl Coding {
    /// The coding that the headers declare; unknown and multiple codings are refused, because
    /// what we cannot read we cannot judge.
    pub fn of(_headers: &HeaderMap) -> Result<Self, BodyFault> {
        unimplemented!()
    }
}

/// The body as plain bytes, in bounded frames; ratio and size are enforced as it streams.
pub fn decoded<B>(_coding: Coding, _body: B, _blame: Blame, _limits: &Limits) -> Body
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    unimplemented!()
}
