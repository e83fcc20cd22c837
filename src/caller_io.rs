//! A caller's connection that ends when nothing moves on it: before the first request, where hyper
//! has no timer yet, and while an answer waits to be taken.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::limits::{Limits, secs};

/// What an HTTP/2 connection begins with (RFC 9113 section 3.4). Until the bytes differ from it or
/// it is whole, hyper-util does not know the version and keeps no time.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream with two clocks.
pub struct CallerIo<S> {
    stream: S,
    /// Runs until the first bytes tell the HTTP version. TLS is below: its handshake has its own time.
    opening: Option<Pin<Box<Sleep>>>,
    /// Bytes of [`PREFACE`] seen so far.
    matched: usize,
    /// Runs while a write waits for the caller to take bytes.
    stalled: Option<Pin<Box<Sleep>>>,
    idle: Duration,
}

impl<S> CallerIo<S> {
    /// Starts the opening clock: `header_timeout_secs`; writes have `idle_timeout_secs`.
    pub fn new(stream: S, limits: &Limits) -> Self {
        Self {
            stream,
            opening: Some(Box::pin(sleep(secs(limits.header_timeout_secs)))),
            matched: 0,
            stalled: None,
            idle: secs(limits.idle_timeout_secs),
        }
    }

    /// Stops the opening clock once the bytes tell the version.
    fn opened_by(&mut self, bytes: &[u8]) {
        let rest = &PREFACE[self.matched..];
        if rest.starts_with(bytes) && bytes.len() < rest.len() {
            self.matched += bytes.len();
        } else {
            self.opening = None;
        }
    }

    /// The result of a write, or an error when the caller has taken nothing for too long.
    fn written<T>(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.stalled = None;
            return result;
        }
        let idle = self.idle;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(idle)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for CallerIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if let Some(opening) = &mut this.opening {
            if read.is_pending() {
                ready!(opening.as_mut().poll(cx));
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            this.opened_by(&buffer.filled()[before..]);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for CallerIo<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.written(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(cx);
        self.written(cx, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.written(cx, result)
    }
}
