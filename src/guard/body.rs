//! [`GuardedBody`]: upstream bytes through the framing's decoder and the guard to the client. The only `poll_frame`.
//!
//! Back-pressure is the client's: nothing is read from the upstream until the client asks for more.
//! A frame with a picture waits, with all behind it, until somebody has looked at the picture.
//! Dropping the body, or a cut, drops the upstream's body, which aborts its request.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};

use super::pictures::{self, Unchecked, Verdict};
use super::{Context, Guard, Record};
use crate::codec::framing::Frames;
use crate::codec::pictures::may_hold;
use crate::codec::sse::Frame as Event;
use crate::codec::{Framing, ReadError};

/// Bytes gathered into one write before the client gets them: a TLS record's worth. More would
/// only add delay; less costs a system call per event.
const COALESCE_BYTES: usize = 16 * 1024;

/// Bytes of events judged at a time where sentences are scored: about as many milliseconds as there are
/// KiB of words in them. Then other exchanges of the thread get their turn.
const SCORED_SLICE_BYTES: usize = 4 * 1024;

/// What will become of the pictures of one frame.
type Judging = Pin<Box<dyn Future<Output = Result<Verdict, Unchecked>> + Send>>;

/// The answer's events as the client may see them.
pub struct GuardedBody<B> {
    /// Gone once the answer is over.
    upstream: Option<B>,
    frames: Frames,
    guard: Guard,
    context: Arc<Context>,
    record: Arc<dyn Record>,
    /// A frame whose pictures are being judged.
    pending: Option<(Event, Judging)>,
    /// The upstream has said everything.
    told: bool,
    /// Bytes of events judged in this turn, and in one turn at most.
    judged: usize,
    slice: usize,
    /// Events that came are not yet judged.
    behind: bool,
}

impl<B> GuardedBody<B> {
    /// Guards an upstream's stream of that framing.
    pub fn new(
        upstream: B,
        framing: Framing,
        context: Arc<Context>,
        record: Arc<dyn Record>,
    ) -> Self {
        Self {
            upstream: Some(upstream),
            frames: Frames::new(framing),
            slice: match context.asks_meaning() {
                true => SCORED_SLICE_BYTES,
                false => usize::MAX,
            },
            guard: Guard::new(Arc::clone(&context), Arc::clone(&record), framing),
            context,
            record,
            pending: None,
            told: false,
            judged: 0,
            behind: false,
        }
    }

    /// Judges frames as far as they are whole, up to one with pictures or the end of the turn.
    fn advance(&mut self) {
        self.behind = false;
        while !self.guard.is_ended() && self.pending.is_none() {
            if self.judged >= self.slice {
                self.behind = true;
                return;
            }
            let next = match self.frames.next_frame() {
                None if self.told => self.frames.finish(),
                next => next,
            };
            match next {
                Some(Ok(frame)) => {
                    self.judged += frame.raw.len();
                    self.frame(frame);
                }
                Some(Err(error)) => self.guard.fail(error.code(), &error.to_string()),
                None if self.told => return self.guard.finish(),
                None => return,
            }
        }
    }

    fn frame(&mut self, frame: Event) {
        let data = frame.data();
        let data = data.as_deref().unwrap_or("");
        if !may_hold(data.as_bytes()) {
            return self.guard.frame(frame);
        }
        let words = self.guard.words(data);
        let found = pictures::find_in_event(&self.context, data.as_bytes(), &words);
        if found.is_empty() {
            return self.guard.frame(frame);
        }
        let (context, record) = (Arc::clone(&self.context), Arc::clone(&self.record));
        let judging = pictures::judge(context, record, found);
        self.pending = Some((frame, Box::pin(judging)));
    }

    /// The frame that waits, once its pictures were looked at.
    fn poll_pending(&mut self, task: &mut TaskContext<'_>) -> Poll<()> {
        let Some((_, judging)) = &mut self.pending else {
            return Poll::Ready(());
        };
        let Poll::Ready(verdict) = judging.as_mut().poll(task) else {
            return Poll::Pending;
        };
        let Some((frame, _)) = self.pending.take() else {
            return Poll::Ready(());
        };
        match verdict {
            Ok(Verdict {
                withheld: Some(withheld),
                ..
            }) => self.guard.withhold(&withheld),
            Ok(Verdict { dropped: true, .. }) => {}
            Ok(verdict) => match edited(frame, verdict) {
                Ok(frame) => self.guard.frame(frame),
                Err(error) => self.guard.fail(error.code, &error.message),
            },
            Err(why) => {
                let message = format!("A picture of the answer cannot be checked: {why}.");
                self.guard.fail(why.code(), &message);
            }
        }
        self.advance();
        Poll::Ready(())
    }
}

/// The frame without pictures that may not be shown.
fn edited(frame: Event, verdict: Verdict) -> Result<Event, ReadError> {
    if verdict.is_clean() {
        return Ok(frame);
    }
    let data = frame.data().unwrap_or_default();
    let written = verdict.written(data.as_bytes())?;
    Ok(frame.carrying(&String::from_utf8_lossy(&written)))
}

impl<B> Body for GuardedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        task: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        this.judged = 0;
        if this.behind {
            this.advance();
        }
        while this.guard.ready() < COALESCE_BYTES {
            if this.pending.is_some() {
                match this.poll_pending(task) {
                    Poll::Pending if this.guard.ready() == 0 => return Poll::Pending,
                    Poll::Pending => break,
                    Poll::Ready(()) => {
                        if this.guard.is_ended() {
                            this.upstream = None;
                        }
                        continue;
                    }
                }
            }
            if this.behind {
                break;
            }
            let Some(upstream) = this.upstream.as_mut() else {
                break;
            };
            match Pin::new(upstream).poll_frame(task) {
                Poll::Pending if this.guard.ready() == 0 => return Poll::Pending,
                Poll::Pending => break,
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(bytes) = frame.into_data() {
                        this.frames.push(bytes);
                        this.advance();
                    }
                }
                Poll::Ready(Some(Err(_))) => {
                    this.guard
                        .fail("upstream_reset", "The model's answer broke off. Ask again.");
                }
                Poll::Ready(None) => {
                    this.told = true;
                    this.upstream = None;
                    this.advance();
                }
            }
            if this.guard.is_ended() {
                this.upstream = None;
            }
        }
        if this.guard.is_ended() {
            (this.upstream, this.behind) = (None, false);
        }
        if this.behind && this.guard.ready() == 0 {
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(this.guard.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.upstream.is_none() && self.pending.is_none() && !self.behind && self.guard.ready() == 0
    }
}
