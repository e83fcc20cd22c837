//! The bytes that travel: the one body type, what can go wrong with it and whose fault that is,
//! and reading a request body whole within its bounds.

use std::fmt;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};

use crate::inflate::{self, Coding};
use crate::limits::{Limits, secs};

/// A body on its way: polled, so a slow reader slows the writer; dropping it aborts what feeds it
/// (for an upstream's answer: the upstream request).
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The caller's.
    Client,
    /// The upstream's.
    Upstream,
    /// Ours: configuration or a bug.
    Ours,
}

impl Blame {
    /// The name in metrics and the audit line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Upstream => "upstream",
            Self::Ours => "ours",
        }
    }
}

/// What went wrong with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BodyFault {
    /// More bytes than the named limit allows.
    TooLarge {
        /// The limit's value.
        limit_bytes: u64,
    },
    /// It compresses more than anything honest does.
    Bomb,
    /// A coding we do not decode, or several.
    Coding,
    /// Not what its coding says.
    Corrupt,
    /// No byte within the idle time, or not whole within its time.
    Slow,
    /// The sender went away before the end.
    Reset,
    /// The guard ended it where no ending of the dialect could be written any more.
    Cut,
}

impl BodyFault {
    /// A stable code for metrics, replies and the audit line.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "body_too_large",
            Self::Bomb => "decompression_bomb",
            Self::Coding => "unsupported_content_encoding",
            Self::Corrupt => "corrupt_content_encoding",
            Self::Slow => "body_timeout",
            Self::Reset => "connection_reset",
            Self::Cut => "cut",
        }
    }
}

/// A fault with its blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyError {
    /// Whose body it was.
    pub blame: Blame,
    /// What went wrong.
    pub fault: BodyFault,
}

impl BodyError {
    /// A fault of that side's body.
    pub const fn new(blame: Blame, fault: BodyFault) -> Self {
        Self { blame, fault }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.fault.code(), self.blame.name())
    }
}

impl std::error::Error for BodyError {}

/// A body of bytes that are there already.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A body of nothing.
pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Reads a caller's body whole: decoded, within `request_body_bytes` and
/// `request_body_timeout_secs`. The only copy is the one that joins its frames.
pub async fn read_request<B>(
    headers: &HeaderMap,
    body: B,
    limits: &Limits,
) -> Result<Bytes, BodyError>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let limit = limits.request_body_bytes;
    let coding = Coding::of(headers).map_err(|fault| BodyError::new(Blame::Client, fault))?;
    let too_large = BodyFault::TooLarge { limit_bytes: limit };
    if body.size_hint().lower() > limit {
        return Err(BodyError::new(Blame::Client, too_large));
    }
    let body = inflate::decoded(coding, body, Blame::Client, limits);
    tokio::time::timeout(
        secs(limits.request_body_timeout_secs),
        read_whole(body, limit, Blame::Client),
    )
    .await
    .unwrap_or(Err(BodyError::new(Blame::Client, BodyFault::Slow)))
}

/// Reads a body whole, at most `limit` bytes.
pub async fn read_whole(mut body: Body, limit: u64, blame: Blame) -> Result<Bytes, BodyError> {
    let too_large = BodyError::new(blame, BodyFault::TooLarge { limit_bytes: limit });
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue; // Trailers carry no words to a model; they are not forwarded.
        };
        if (first.len() + rest.len() + data.len()) as u64 > limit {
            return Err(too_large);
        }
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&std::mem::take(&mut first));
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() {
        first
    } else {
        rest.freeze()
    })
}
