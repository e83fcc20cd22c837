//! One JSON line per exchange, hash-chained, without text.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cache::process_secret;
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

/// Longest model name (characters) in a line.
const MODEL_CHARS: usize = 64;

/// The caller's network, never the caller: /24 of an IPv4, /48 of an IPv6 address.
pub fn peer_prefix(peer: IpAddr) -> String {
    match peer.to_canonical() {
        IpAddr::V4(peer) => {
            let [a, b, c, _] = peer.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(peer) => {
            let [a, b, c, ..] = peer.segments();
            let network = Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0);
            format!("{network}/48")
        }
    }
}

/// A model's name fit for a log: at most 64 of letters, digits and `._:/@-`; others become `?`.
pub fn model_name(model: &str) -> String {
    let fit = |letter: char| letter.is_ascii_alphanumeric() || "._:/@-".contains(letter);
    model
        .chars()
        .take(MODEL_CHARS)
        .map(|letter| if fit(letter) { letter } else { '?' })
        .collect()
}

/// How long a caller waits for room. A disk that stalls longer than this is broken, and then
/// children are better protected by a guard without a log than by none.
pub const FULL_WAIT: Duration = Duration::from_secs(2);

/// What the first line of a chain names as its predecessor.
const FIRST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Longest line (bytes) that a chain is continued from; ours are below 64 KiB.
const LINE_BYTES: u64 = 1024 * 1024;

/// Writes lines on its own thread. Dropping it writes what is queued.
#[derive(Debug)]
pub struct Audit {
    queue: Arc<Queue>,
    /// Key of [`Audit::span_hash`].
    secret: [u8; 32],
    metrics: Arc<Metrics>,
    writer: Option<JoinHandle<()>>,
}

/// What callers and the writer share.
#[derive(Debug)]
struct Queue {
    state: Mutex<Waiting>,
    /// Something to write, or the end.
    more: Condvar,
    /// Room in the queue, or everything written.
    less: Condvar,
    bound: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<Line>,
    /// Lines that the writer has taken and not yet written.
    writing: usize,
    closed: bool,
}

impl Queue {
    /// No line is ever half queued, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Audit {
    /// Opens the target and starts the writer; a file's chain goes on from its last line.
    /// `queue_lines` is [`crate::limits::Limits::audit_queue_lines`].
    pub fn open(target: &AuditTarget, queue_lines: u32, metrics: Arc<Metrics>) -> io::Result<Self> {
        match target {
            AuditTarget::Stderr => {
                Self::start(io::stderr(), FIRST.to_owned(), queue_lines, metrics)
            }
            AuditTarget::Stdout => {
                Self::start(io::stdout(), FIRST.to_owned(), queue_lines, metrics)
            }
            AuditTarget::File(path) => {
                let named = |error: io::Error| {
                    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
                };
                let (file, prev) = continue_chain(path).map_err(named)?;
                Self::start(file, prev, queue_lines, metrics)
            }
        }
    }

    /// Starts the writer on any target, with the hash of the line before.
    fn start(
        target: impl Write + Send + 'static,
        prev: String,
        queue_lines: u32,
        metrics: Arc<Metrics>,
    ) -> io::Result<Self> {
        let queue = Arc::new(Queue {
            state: Mutex::default(),
            more: Condvar::new(),
            less: Condvar::new(),
            bound: queue_lines.max(1) as usize,
        });
        let (theirs, counted) = (Arc::clone(&queue), Arc::clone(&metrics));
        let writer = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || write_lines(&theirs, target, prev, &counted))?;
        Ok(Self {
            queue,
            secret: process_secret(),
            metrics,
            writer: Some(writer),
        })
    }

    /// Queues a line. When the queue is full the caller blocks (its whole worker does) until the
    /// disk has caught up, for at most [`FULL_WAIT`]; then the line is lost and counted.
    pub fn write(&self, line: Line) {
        let full = |waiting: &mut Waiting| waiting.lines.len() >= self.queue.bound;
        let mut waiting = self.queue.lock();
        if full(&mut waiting) {
            let room = self.queue.less.wait_timeout_while(waiting, FULL_WAIT, full);
            waiting = room.unwrap_or_else(PoisonError::into_inner).0;
        }
        if full(&mut waiting) {
            self.metrics.audit_dropped();
            return;
        }
        waiting.lines.push_back(line);
        // The writer takes everything at once: only the first line has to wake it.
        let wake = waiting.lines.len() == 1;
        drop(waiting);
        if wake {
            self.queue.more.notify_one();
        }
    }

    /// A keyed hash (16 hex digits) of a span's words; the key lives and dies with the process.
    pub fn span_hash(&self, words: &str) -> String {
        let hash = blake3::keyed_hash(&self.secret, words.as_bytes());
        hash.to_hex()[..16].to_owned()
    }

    /// Returns when everything queued so far is on the target.
    pub fn flush(&self) {
        let busy = |waiting: &mut Waiting| !waiting.lines.is_empty() || waiting.writing > 0;
        let waiting = self.queue.lock();
        drop(self.queue.less.wait_while(waiting, busy));
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.more.notify_one();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// The writer: takes all queued lines, writes them as one, tells who waits.
fn write_lines(queue: &Queue, mut target: impl Write, mut prev: String, metrics: &Metrics) {
    loop {
        let idle = |waiting: &mut Waiting| waiting.lines.is_empty() && !waiting.closed;
        let waited = queue.more.wait_while(queue.lock(), idle);
        let mut waiting = waited.unwrap_or_else(PoisonError::into_inner);
        if waiting.lines.is_empty() {
            return;
        }
        let lines = std::mem::take(&mut waiting.lines);
        waiting.writing = lines.len();
        drop(waiting);
        queue.less.notify_all();

        let mut bytes = Vec::with_capacity(lines.len() * 512);
        for line in &lines {
            prev = append(&mut bytes, line, &prev);
        }
        if let Err(error) = target.write_all(&bytes).and_then(|()| target.flush()) {
            tracing::error!(%error, lines = lines.len(), "audit lines are lost");
            lines.iter().for_each(|_| metrics.audit_dropped());
        }
        queue.lock().writing = 0;
        queue.less.notify_all();
    }
}

/// One line as it stands in the file.
#[derive(Serialize)]
struct Chained<'l> {
    /// blake3 (hex) of the line before, without its line feed.
    prev: &'l str,
    #[serde(flatten)]
    line: &'l Line,
}

/// Appends a line and returns its hash.
fn append(bytes: &mut Vec<u8>, line: &Line, prev: &str) -> String {
    let start = bytes.len();
    serde_json::to_writer(&mut *bytes, &Chained { prev, line })
        .expect("a line has string keys, and memory takes every byte");
    let hash = blake3::hash(&bytes[start..]).to_hex().to_string();
    bytes.push(b'\n');
    hash
}

/// Opens a file for appending and finds the hash of its last line. A last line that was cut off (by
/// a crash) is ended, so that the next one begins on its own.
fn continue_chain(path: &Path) -> io::Result<(File, String)> {
    let mut file = File::options()
        .read(true)
        .append(true)
        .create(true)
        .open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LINE_BYTES)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    if tail.is_empty() {
        return Ok((file, FIRST.to_owned()));
    }
    if tail.last() != Some(&b'\n') {
        file.write_all(b"\n")?;
        tail.push(b'\n');
    }
    tail.pop();
    let last = tail
        .rsplit(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let hash = blake3::hash(last).to_hex().to_string();
    Ok((file, hash))
}

/// Where a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for Broken {}

/// Checks a chain from its first line; the number of lines. A chain shows changed, inserted, moved
/// and missing lines; lines missing at its end it cannot show.
pub fn verify(lines: impl BufRead) -> Result<u64, Broken> {
    #[derive(Deserialize)]
    struct Link {
        prev: String,
    }
    let mut prev = FIRST.to_owned();
    let mut count = 0;
    for line in lines.split(b'\n') {
        count += 1;
        let broken = |why: String| Broken { line: count, why };
        let line = line.map_err(|error| broken(error.to_string()))?;
        let link: Link = serde_json::from_slice(&line)
            .map_err(|error| broken(format!("no audit line: {error}")))?;
        if link.prev != prev {
            let why = "its `prev` is not the hash of the line before: lines were changed, moved or taken out";
            return Err(broken(why.to_owned()));
        }
        prev = blake3::hash(&line).to_hex().to_string();
    }
    Ok(count)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::mpsc;

    use proptest::prelude::*;

    use super::*;

    /// A plain line.
    pub(crate) fn line(number: u64) -> Line {
        Line {
            time_unix_ms: number,
            exchange: format!("x{number}"),
            app: "homework".to_owned(),
            dialect: "openai.chat",
            peer: "203.0.113.0/24".to_owned(),
            audience: "unknown",
            audience_source: "app",
            model: "model-a".to_owned(),
            status: 200,
            action: "allow",
            mode: "enforce",
            detections: Vec::new(),
            cache: CacheState::Off,
            bytes_in: 1,
            bytes_out: 2,
            timings: Timings::default(),
            fault: None,
            not_inspected: false,
        }
    }

    fn chain(lines: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut prev = FIRST.to_owned();
        for number in 0..lines {
            prev = append(&mut bytes, &line(number), &prev);
        }
        bytes
    }

    proptest! {
        /// Whatever one changes in a chain but its last line, it shows.
        #[test]
        fn a_changed_byte_is_found(at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let whole = chain(5);
            prop_assert_eq!(verify(&whole[..]), Ok(5));
            let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
            let mut changed = whole.clone();
            let at = at.index(last);
            prop_assume!(changed[at] != to);
            changed[at] = to;
            prop_assert!(verify(&changed[..]).is_err());
        }

        /// A line taken out anywhere but at the end is missed.
        #[test]
        fn a_missing_line_is_found(out in 0_usize..4) {
            let whole = chain(5);
            let mut lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
            lines.remove(out);
            prop_assert_eq!(verify(&lines.concat()[..]).map_err(|broken| broken.line), Err(out as u64 + 1));
        }
    }

    #[test]
    fn no_address_and_no_odd_letter_reaches_a_line() {
        let prefix = |text: &str| peer_prefix(text.parse().expect("an address"));
        assert_eq!(prefix("203.0.113.77"), "203.0.113.0/24");
        assert_eq!(prefix("::ffff:203.0.113.77"), "203.0.113.0/24");
        assert_eq!(prefix("2001:db8:1:2:3::4"), "2001:db8:1::/48");
        assert_eq!(model_name("gpt-4o mini\n\"x\" 萝卜"), "gpt-4o?mini??x????");
        assert_eq!(model_name(&"m".repeat(1000)).len(), MODEL_CHARS);
    }

    /// A target that takes a batch only when the test lets it, and shows what it took.
    struct Gate {
        open: mpsc::Receiver<()>,
        taken: mpsc::Sender<usize>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.open.recv();
            let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
            let _ = self.taken.send(lines);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_queue_makes_the_writer_of_a_line_wait_and_loses_none() {
        let (open, gate) = mpsc::channel();
        let (taken, seen) = mpsc::channel();
        let metrics = Arc::new(Metrics::new());
        let target = Gate { open: gate, taken };
        let audit = Audit::start(target, FIRST.to_owned(), 2, Arc::clone(&metrics));
        let audit = audit.expect("a thread starts");
        std::thread::scope(|scope| {
            let written = scope.spawn(|| (0..10).for_each(|number| audit.write(line(number))));
            let mut lines = 0;
            while lines < 10 {
                open.send(()).expect("the writer lives");
                lines += seen.recv().expect("the writer lives");
            }
            written.join().expect("no panic");
            assert_eq!(lines, 10);
        });
        audit.flush();
        assert!(
            metrics
                .render()
                .contains("wardgate_audit_lines_dropped_total 0")
        );
    }

    #[test]
    fn a_file_s_chain_goes_on_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.jsonl");
        for run in 0..3 {
            let target = AuditTarget::File(path.clone());
            let audit = Audit::open(&target, 16, Arc::new(Metrics::new())).expect("opens");
            audit.write(line(run));
            audit.write(line(run + 10));
            audit.flush();
            let written = std::fs::read(&path).expect("reads");
            assert_eq!(verify(&written[..]), Ok(2 * run + 2));
        }
    }

    #[test]
    fn hashes_of_words_repeat_within_a_process_only() {
        let open = || {
            Audit::start(io::sink(), FIRST.to_owned(), 1, Arc::new(Metrics::new()))
                .expect("a thread starts")
        };
        let (one, other) = (open(), open());
        assert_eq!(one.span_hash("turnip"), one.span_hash("turnip"));
        assert_ne!(one.span_hash("turnip"), one.span_hash("parsnip"));
        assert_ne!(one.span_hash("turnip"), other.span_hash("turnip"));
    }
}
