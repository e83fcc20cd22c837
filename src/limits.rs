//! Every bound of the proxy, in one place, named, unit last. Nothing here is "unlimited".

use serde::Deserialize;
use std::time::Duration;

use crate::codec::ReadLimits;

/// Every bound. All are optional in the config file; the defaults suit one machine in front of a
/// chat or image API. Zero is refused for each of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a request's or answer's head. SDKs send under 2 KiB; 64 KiB leaves room for
    /// gateways that add tokens, and bounds what one connection can make us hold.
    pub header_bytes: u32,
    /// Header fields of one request or answer. SDKs send about 20.
    pub header_count: u32,
    /// Bytes of a request body, decoded. Ten MiB holds a long conversation with a picture.
    pub request_body_bytes: u64,
    /// Bytes of an answer that has to be held whole (no stream), decoded: four large pictures as
    /// base64.
    pub answer_body_bytes: u64,
    /// Nesting of JSON. Dialects need less than 20; serde_json gives up at 128.
    pub json_depth: u32,
    /// Texts of one request: messages, their parts, tool calls and results.
    pub parts: u32,
    /// Bytes of text in one request, and in one answer, of which a rule of the app asks what sentences
    /// mean: each costs a core some ten microseconds, so that ten MiB would cost it minutes. 512 KiB are
    /// 130,000 tokens, a book of 500 pages and as much as most models read; it costs five seconds.
    pub scored_bytes: u32,
    /// Bytes that one stream may hold back until they are judged. Policies reach some hundred
    /// symbols; a stream that reaches this is cut, never flushed.
    pub held_bytes: u32,
    /// Connections at once. Above it each worker holds one more unanswered, and the rest queue in
    /// the kernel until one closes.
    pub connections: u32,
    /// Exchanges at once on one HTTP/2 connection.
    pub streams: u32,
    /// Seconds to reach an upstream, its TLS handshake included.
    pub connect_timeout_secs: u32,
    /// Seconds for a caller's TLS handshake, and for each request head to arrive whole. An idle
    /// HTTP/1.1 connection waits for its next head just as long, so this is also the keep-alive.
    pub header_timeout_secs: u32,
    /// Seconds for a request body to arrive whole.
    pub request_body_timeout_secs: u32,
    /// Seconds from sending a request until the upstream's answer head. Reasoning models and
    /// pictures think for minutes.
    pub first_byte_timeout_secs: u32,
    /// Seconds without a byte: from the upstream within an answer, or taken by the caller.
    pub idle_timeout_secs: u32,
    /// Seconds for an upstream's whole answer.
    pub total_timeout_secs: u32,
    /// Times a compressed body may grow. Repetitive JSON reaches 20; bombs reach 1000.
    pub decompression_ratio: u32,
    /// Bytes of a decompressed body that streams through (a held one is bounded by
    /// `answer_body_bytes`).
    pub decompressed_bytes: u64,
    /// Bytes of all pictures of one request or answer that are fetched from their addresses.
    pub fetched_bytes: u64,
    /// Seconds for fetching one of them, its name and its TLS included.
    pub fetch_timeout_secs: u32,
    /// Seconds for looking at a picture, waiting for a turn included: the largest animation takes two, a page of
    /// words one, and a loaded machine several times that.
    pub look_timeout_secs: u32,
    /// Seconds that open exchanges get to finish after SIGTERM.
    pub drain_timeout_secs: u32,
    /// Audit lines that wait for the disk. When they are full the next exchange waits for room.
    pub audit_queue_lines: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 64 * 1024,
            header_count: 100,
            request_body_bytes: 10 * 1024 * 1024,
            answer_body_bytes: 32 * 1024 * 1024,
            json_depth: 64,
            parts: 4096,
            scored_bytes: 512 * 1024,
            held_bytes: 64 * 1024,
            connections: 10_000,
            streams: 200,
            connect_timeout_secs: 10,
            header_timeout_secs: 30,
            request_body_timeout_secs: 60,
            first_byte_timeout_secs: 300,
            idle_timeout_secs: 120,
            total_timeout_secs: 1800,
            decompression_ratio: 100,
            decompressed_bytes: 256 * 1024 * 1024,
            fetched_bytes: 24 * 1024 * 1024,
            fetch_timeout_secs: 15,
            look_timeout_secs: 10,
            drain_timeout_secs: 30,
            audit_queue_lines: 8192,
        }
    }
}

impl Limits {
    /// Every bound with its name and value, for `check` and for the rule that none may be zero.
    pub fn named(&self) -> [(&'static str, u64); 23] {
        [
            ("header_bytes", self.header_bytes.into()),
            ("header_count", self.header_count.into()),
            ("request_body_bytes", self.request_body_bytes),
            ("answer_body_bytes", self.answer_body_bytes),
            ("json_depth", self.json_depth.into()),
            ("parts", self.parts.into()),
            ("scored_bytes", self.scored_bytes.into()),
            ("held_bytes", self.held_bytes.into()),
            ("connections", self.connections.into()),
            ("streams", self.streams.into()),
            ("connect_timeout_secs", self.connect_timeout_secs.into()),
            ("header_timeout_secs", self.header_timeout_secs.into()),
            (
                "request_body_timeout_secs",
                self.request_body_timeout_secs.into(),
            ),
            (
                "first_byte_timeout_secs",
                self.first_byte_timeout_secs.into(),
            ),
            ("idle_timeout_secs", self.idle_timeout_secs.into()),
            ("total_timeout_secs", self.total_timeout_secs.into()),
            ("decompression_ratio", self.decompression_ratio.into()),
            ("decompressed_bytes", self.decompressed_bytes),
            ("fetched_bytes", self.fetched_bytes),
            ("fetch_timeout_secs", self.fetch_timeout_secs.into()),
            ("look_timeout_secs", self.look_timeout_secs.into()),
            ("drain_timeout_secs", self.drain_timeout_secs.into()),
            ("audit_queue_lines", self.audit_queue_lines.into()),
        ]
    }

    /// What a codec needs of these.
    pub fn read(&self) -> ReadLimits {
        ReadLimits {
            depth: self.json_depth as usize,
            parts: self.parts as usize,
        }
    }
}

/// A limit in seconds as a duration.
pub fn secs(limit: u32) -> Duration {
    Duration::from_secs(limit.into())
}
