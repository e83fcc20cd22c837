//! [`Audit`]: one JSON line per exchange, hash-chained, without text, written on a thread of its own.
//!
//! [`line`](Line) is what stands in one, [`verify`] checks a file of them.

mod chain;
mod line;

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::cache::process_secret;
use crate::config::AuditTarget;
use crate::metrics::Metrics;
pub use chain::{Broken, verify};
use chain::{FIRST, append, continue_chain};
pub use line::{CacheState, Line, LineFault, PictureSeen, Seen, Timings, model_name, peer_prefix};

/// How long a caller waits for room. A disk that stalls longer than this is broken, and then
/// children are better protected by a guard without a log than by none.
pub const FULL_WAIT: Duration = Duration::from_secs(2);

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

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::mpsc;

    use std::collections::BTreeSet;

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
            audience_assurance: "none",
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
            unseen: BTreeSet::new(),
            pictures: Vec::new(),
        }
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
