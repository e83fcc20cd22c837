//! One JSON line per exchange, hash-chained, without text.

use std::io::BufRead;
use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;

use crate::config::AuditTarget;
use crate::metrics::Metrics;

/// One exchange as the audit sees it: ids, positions and figures, never words.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// Milliseconds since 1970 at which the exchange began.
    pub time_unix_ms: u64,
    /// Its id, as the caller saw it in `x-wardgate-exchange`.
    pub exchange: String,
    /// The app's name; empty when no app was found.
    pub app: String,
    /// The dialect's name; empty when none was found.
    pub dialect: &'static str,
    /// [`peer_prefix`] of the caller.
    pub peer: String,
    /// [`crate::message::Band::name`].
    pub audience: &'static str,
    /// How the band is known: "app" or "header".
    pub audience_source: &'static str,
    /// [`model_name`] of the model asked for.
    pub model: String,
    /// The status that the caller received.
    pub status: u16,
    /// The strongest action taken (in observe mode: that would have been taken).
    pub action: &'static str,
    /// [`crate::config::Mode::name`].
    pub mode: &'static str,
    /// Every detection.
    pub detections: Vec<Seen>,
    /// What the answer cache did.
    pub cache: CacheState,
    /// Bytes of the request body.
    pub bytes_in: u64,
    /// Bytes of the answer's body that left.
    pub bytes_out: u64,
    /// Where the time went.
    pub timings: Timings,
    /// What went wrong, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<LineFault>,
    /// Whether something went on that nobody had read (passthrough, or `on_failure: allow`).
    pub not_inspected: bool,
}

/// A detection without its words.
#[derive(Debug, Clone, Serialize)]
pub struct Seen {
    /// The rule's id.
    pub rule: String,
    /// [`crate::policy::Action::name`].
    pub action: &'static str,
    /// "prompt" or "output".
    pub direction: &'static str,
    /// Index of the part.
    pub part: u32,
    /// Byte offsets of the completing hit in the part.
    pub span: [u32; 2],
    /// [`crate::text::ViewKind::name`].
    pub view: &'static str,
    /// [`Audit::span_hash`] of the words: repeats are recognised while this process lives.
    pub hash: String,
}

/// Microseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Timings {
    /// Judging the prompt.
    pub judge_prompt_us: u64,
    /// From sending the request to the answer's head; absent when no upstream was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_first_byte_us: Option<u64>,
    /// The longest that a byte of the answer was held back; absent when nothing was held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_us: Option<u64>,
    /// From the request's head to the answer's last byte.
    pub total_us: u64,
}

/// What went wrong and whose fault it was.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct LineFault {
    /// [`crate::body::Blame::name`].
    pub blame: &'static str,
    /// A stable code.
    pub code: &'static str,
}

/// What the answer cache did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheState {
    /// The app has none, or the exchange did not get that far.
    #[default]
    Off,
    /// `no-store`, or a request that has no key.
    Bypass,
    /// Asked the upstream.
    Miss,
    /// Answered from the cache.
    Hit,
    /// Waited for somebody else's identical request.
    Shared,
}

impl CacheState {
    /// The value of `x-wardgate-cache`, metrics and the audit line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Bypass => "bypass",
            Self::Miss => "miss",
            Self::Hit => "hit",
            Self::Shared => "shared",
        }
    }
}

/// The caller's network, never the caller: /24 of an IPv4, /48 of an IPv6 address.
pub fn peer_prefix(_peer: IpAddr) -> String {
    unimplemented!()
}

/// A model's name fit for a log: at most 64 of letters, digits and `._:/@-`; others become `?`.
pub fn model_name(_model: &str) -> String {
    unimplemented!()
}

/// Writes lines on its own thread.
#[derive(Debug)]
pub struct Audit {}

impl Audit {
    /// Opens the target and starts the writer; a file's chain goes on from its last line.
    /// `queue_lines` is [`crate::limits::Limits::audit_queue_lines`].
    pub fn open(
        _target: &AuditTarget,
        _queue_lines: u32,
        _metrics: Arc<Metrics>,
    ) -> std::io::Result<Self> {
        unimplemented!()
    }

    /// Queues a line. When the queue is full the caller blocks (its whole worker does) until the
    /// disk has caught up, for at most [`FULL_WAIT`]; then the line is lost and counted.
    pub fn write(&self, _line: Line) {
        unimplemented!()
    }

    /// A keyed hash (16 hex digits) of a span's words; the key lives and dies with the process.
    pub fn span_hash(&self, _words: &str) -> String {
        unimplemented!()
    }

    /// Returns when everything queued so far is on the target.
    pub fn flush(&self) {
        unimplemented!()
    }
}

/// How long a caller waits for room. A disk that stalls longer than this is broken, and then
/// children are better protected by a guard without a log than by none.
pub const FULL_WAIT: std::time::Duration = std::time::Duration::from_secs(2);

/// Where a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: String,
}

/// Checks a chain from its first line; the number of lines.
pub fn verify(_lines: impl BufRead) -> Result<u64, Broken> {
    unimplemented!()
}
