//! [`GuardedBody`]: upstream bytes through the framing's decoder and the guard to the client. The only `poll_frame`.
//!
//! Back-pressure is the client's: nothing is read from the upstream until the client asks for more.
//! Dropping the body, or a cut, drops the upstream's body, which aborts its request.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};

use super::{Context, Guard, Record};
use crate::codec::Framing;
use crate::codec::framing::Frames;

/// Bytes gathered into one write before the client gets them: a TLS record's worth. More would
/// only add delay; less costs a system call per event.
const COALESCE_BYTES: usize = 16 * 1024;

/// The answer's events as the client may see them.
pub struct GuardedBody<B> {
    /// Gone once the answer is over.
    upstream: Option<B>,
    frames: Frames,
    guard: Guard,
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
            guard: Guard::new(context, record, framing),
        }
    }

    /// Reads a piece of the upstream's bytes, cut anywhere.
    fn read(&mut self, bytes: Bytes) {
        self.frames.push(bytes);
        while !self.guard.is_ended() {
            match self.frames.next_frame() {
                Some(Ok(frame)) => self.guard.frame(frame),
                Some(Err(error)) => self.guard.fail(error.code(), &error.to_string()),
                None => break,
            }
        }
    }

    /// The upstream's bytes end.
    fn finish(&mut self) {
        while let Some(frame) = self.frames.finish() {
            match frame {
                Ok(frame) => self.guard.frame(frame),
                Err(error) => self.guard.fail(error.code(), &error.to_string()),
            }
        }
        self.guard.finish();
    }
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
        while this.guard.ready() < COALESCE_BYTES {
            let Some(upstream) = this.upstream.as_mut() else {
                break;
            };
            match Pin::new(upstream).poll_frame(task) {
                Poll::Pending if this.guard.ready() == 0 => return Poll::Pending,
                Poll::Pending => break,
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(bytes) = frame.into_data() {
                        this.read(bytes);
                    }
                }
                Poll::Ready(Some(Err(_))) => {
                    this.guard
                        .fail("upstream_reset", "The model's answer broke off. Ask again.");
                }
                Poll::Ready(None) => {
                    this.finish();
                    this.upstream = None;
                }
            }
            if this.guard.is_ended() {
                this.upstream = None;
            }
        }
        Poll::Ready(this.guard.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.upstream.is_none() && self.guard.ready() == 0
    }
}
