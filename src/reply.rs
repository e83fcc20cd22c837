//! Every reply that wardgate itself originates: the one table error -> status, in the caller's dialect.
//!
//! A caller learns the rule's id, the policy area and the exchange; never the phrase.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};

use crate::body::{self, Blame, Body, BodyError};
use crate::codec::{self, Codec, Fault, ReadError, Reply};
use crate::upstream::UpstreamError;

/// Header that names the exchange on every response.
pub const EXCHANGE_HEADER: &str = "x-wardgate-exchange";
/// Header that names what was done, where it was more than letting pass.
pub const ACTION_HEADER: &str = "x-wardgate-action";
/// Header that says whether the answer cache was asked and what it said.
pub const CACHE_HEADER: &str = "x-wardgate-cache";

/// Why an exchange ends without the model's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Whose fault.
    pub blame: Blame,
    /// A stable code; [`status`] maps it.
    pub code: &'static str,
    /// What is wrong and what to do, without any of the caller's text.
    pub message: String,
}

impl Error {
    /// An error of the caller's.
    pub fn client(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            blame: Blame::Client,
            code,
            message: message.into(),
        }
    }

    /// An error of wardgate's own.
    pub fn ours(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            blame: Blame::Ours,
            ..Self::client(code, message)
        }
    }

    /// An answer that the dialect cannot read, and so nobody can judge.
    pub fn unreadable_answer(error: ReadError) -> Self {
        let message = format!(
            "The model server's answer cannot be checked: {}",
            error.message
        );
        Self {
            blame: Blame::Upstream,
            code: error.code,
            message,
        }
    }
}

impl From<ReadError> for Error {
    /// A body that came from the caller.
    fn from(error: ReadError) -> Self {
        Self::client(error.code, error.message)
    }
}

impl From<BodyError> for Error {
    fn from(error: BodyError) -> Self {
        let code = error.fault.code();
        Self {
            blame: error.blame,
            code,
            message: advice(code).to_owned(),
        }
    }
}

impl From<UpstreamError> for Error {
    fn from(error: UpstreamError) -> Self {
        let code = error.code();
        Self {
            blame: error.blame(),
            code,
            message: advice(code).to_owned(),
        }
    }
}

/// The one table of statuses.
pub fn status(error: &Error) -> StatusCode {
    match (error.code, error.blame) {
        ("unknown_app" | "unknown_route", _) => StatusCode::NOT_FOUND,
        ("upgrade_required", _) => StatusCode::UPGRADE_REQUIRED,
        ("method_not_allowed", _) => StatusCode::METHOD_NOT_ALLOWED,
        ("body_too_large" | "decompression_bomb" | "too_much_text", Blame::Client) => {
            StatusCode::PAYLOAD_TOO_LARGE
        }
        ("body_timeout", Blame::Client) => StatusCode::REQUEST_TIMEOUT,
        ("body_timeout" | "upstream_timeout", _) => StatusCode::GATEWAY_TIMEOUT,
        ("unsupported_content_encoding", Blame::Client) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        (_, Blame::Client) => StatusCode::BAD_REQUEST,
        (_, Blame::Upstream) => StatusCode::BAD_GATEWAY,
        (_, Blame::Ours) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// What to say, and to do, about a failure of transport.
fn advice(code: &str) -> &'static str {
    match code {
        "body_too_large" => "The body is larger than this gateway allows. Send less.",
        "decompression_bomb" => "The compressed body unpacks to more than this gateway allows.",
        "unsupported_content_encoding" => {
            "The body's content-encoding is none of gzip, br and zstd, or several at once."
        }
        "corrupt_content_encoding" => "The compressed body is damaged.",
        "body_timeout" => "The body did not arrive in time.",
        "connection_reset" => "The connection broke before the body was whole.",
        "upstream_unreachable" => "The model server cannot be reached. Try again later.",
        "upstream_timeout" => "The model server did not answer in time. Try again later.",
        "upstream_reset" => "The model server broke the connection. Try again.",
        "upstream_protocol" => "The model server's answer is not valid HTTP.",
        "upstream_content_encoding" => {
            "The model server's answer has an encoding that cannot be read."
        }
        "upstream_refused" => "The model server refused the connection.",
        "unsupported_request" => {
            "Upgrades and expectations other than 100-continue are not supported."
        }
        "invalid_request" => "The request's path or headers cannot be forwarded.",
        _ => "The exchange could not be completed.",
    }
}

/// An error, as the caller's dialect phrases it; callers of no known dialect get OpenAI's shape.
pub fn error(dialect: Option<&'static dyn Codec>, exchange: &str, error: &Error) -> Response<Body> {
    said(fault(dialect, exchange, error, status(error)))
}

/// An error object with a status of its own choosing (the upstream's, so that clients retry as
/// they would).
pub fn fault(
    dialect: Option<&'static dyn Codec>,
    exchange: &str,
    error: &Error,
    status: StatusCode,
) -> Reply {
    let kind = match error.blame {
        Blame::Client => "invalid_request_error",
        Blame::Upstream => "upstream_error",
        Blame::Ours => "server_error",
    };
    let fault = Fault {
        status: status.as_u16(),
        kind,
        code: error.code,
        message: error.message.clone(),
        exchange: exchange.to_owned(),
    };
    dialect.unwrap_or(codec::CODECS[0]).error(&fault)
}

/// A reply body of ours as a response.
pub fn said(reply: Reply) -> Response<Body> {
    let mut response = Response::new(body::full(reply.body));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).expect("codecs name statuses of the HTTP registry");
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    // A verdict belongs to one caller and one policy set.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
