//! Decodes `content-encoding` while a body streams, within a ratio and a size.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt};
use http::{HeaderMap, header};
use http_body::Frame;
use http_body_util::{BodyDataStream, BodyExt};
use tokio::io::AsyncRead;
use tokio_util::io::{StreamReader, poll_read_buf};

use crate::body::{Blame, Body, BodyError, BodyFault, empty};
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

/// Bytes of one decoded frame: a TLS record, so that a frame is one write.
const FRAME_BYTES: usize = 16 * 1024;

/// Decoded bytes from which on the ratio counts: a short repetitive body may well beat it.
const RATIO_FROM_BYTES: u64 = 64 * 1024;

/// Largest zstd window, as a power of two: the 8 MiB that RFC 8878 section 3.1.1.1.2 asks every
/// decoder to accept, and no more.
const ZSTD_WINDOW_LOG: u32 = 23;

impl Coding {
    /// The coding that the headers declare; unknown and multiple codings are refused, because
    /// what we cannot read we cannot judge.
    pub fn of(headers: &HeaderMap) -> Result<Self, BodyFault> {
        let mut coding = Self::Identity;
        for value in headers.get_all(header::CONTENT_ENCODING) {
            let value = value.to_str().map_err(|_| BodyFault::Coding)?;
            for name in value.split(',').map(str::trim) {
                let next = Self::named(name).ok_or(BodyFault::Coding)?;
                match (coding, next) {
                    (_, Self::Identity) => {}
                    (Self::Identity, next) => coding = next,
                    _ => return Err(BodyFault::Coding),
                }
            }
        }
        Ok(coding)
    }

    fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "br" => Some(Self::Brotli),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// The body as plain bytes, in bounded frames; ratio and size are enforced as it streams.
/// Trailers are dropped: nobody inspects them.
pub fn decoded<B>(coding: Coding, body: B, blame: Blame, limits: &Limits) -> Body
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if body.is_end_stream() {
        return empty();
    }
    if coding == Coding::Identity {
        return Plain {
            body: Box::pin(body),
            blame,
        }
        .boxed_unsync();
    }
    let taken = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&taken);
    let frames = BodyDataStream::new(body)
        .map_err(move |error| io::Error::other(fault_of(error.into(), blame)))
        .inspect_ok(move |data| {
            counter.fetch_add(data.len() as u64, Ordering::Relaxed);
        })
        .boxed();
    let bytes = StreamReader::new(frames);
    let reader: Pin<Box<dyn AsyncRead + Send>> = match coding {
        Coding::Identity | Coding::Gzip => {
            let mut gzip = GzipDecoder::new(bytes);
            gzip.multiple_members(true);
            Box::pin(gzip)
        }
        Coding::Brotli => Box::pin(BrotliDecoder::new(bytes)),
        Coding::Zstd => {
            let window = [DParameter::window_log_max(ZSTD_WINDOW_LOG)];
            let mut zstd = ZstdDecoder::with_params(bytes, &window);
            zstd.multiple_members(true);
            Box::pin(zstd)
        }
    };
    Decoded {
        reader,
        taken,
        given: 0,
        ratio: limits.decompression_ratio.into(),
        limit_bytes: limits.decompressed_bytes,
        buffer: BytesMut::new(),
        blame,
        state: State::Reading,
    }
    .boxed_unsync()
}

/// What an inner error means: ours keep their meaning, the transport's are a reset.
fn fault_of(error: Box<dyn std::error::Error + Send + Sync>, blame: Blame) -> BodyError {
    match error.downcast_ref::<BodyError>() {
        Some(known) => *known,
        None => BodyError::new(blame, BodyFault::Reset),
    }
}

/// A body as it is, with our error type and without trailers.
struct Plain<B> {
    body: Pin<Box<B>>,
    blame: Blame,
}

impl<B> http_body::Body for Plain<B>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            match ready!(self.body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) if frame.is_data() => return Poll::Ready(Some(Ok(frame))),
                Some(Ok(_trailers)) => {}
                Some(Err(error)) => {
                    return Poll::Ready(Some(Err(fault_of(error.into(), self.blame))));
                }
                None => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

/// Whether a decoding body has more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Over,
}

/// A body that is decoded as it is read.
struct Decoded {
    reader: Pin<Box<dyn AsyncRead + Send>>,
    /// Coded bytes that came so far; shared with the stream that feeds `reader`.
    taken: Arc<AtomicU64>,
    /// Decoded bytes given so far.
    given: u64,
    ratio: u64,
    limit_bytes: u64,
    buffer: BytesMut,
    blame: Blame,
    state: State,
}

impl Decoded {
    /// Counts decoded bytes against both bounds.
    fn count(&mut self, bytes: usize) -> Result<(), BodyFault> {
        self.given += bytes as u64;
        let taken = self.taken.load(Ordering::Relaxed);
        if self.given > RATIO_FROM_BYTES && self.given > taken.saturating_mul(self.ratio) {
            return Err(BodyFault::Bomb);
        }
        if self.given > self.limit_bytes {
            return Err(BodyFault::TooLarge {
                limit_bytes: self.limit_bytes,
            });
        }
        Ok(())
    }

    /// What a failed read means: the inner body's fault, or bytes that are not what they say.
    fn read_fault(&self, error: &io::Error) -> BodyError {
        error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<BodyError>())
            .copied()
            .unwrap_or(BodyError::new(self.blame, BodyFault::Corrupt))
    }
}

impl http_body::Body for Decoded {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if this.state == State::Over {
            return Poll::Ready(None);
        }
        this.buffer.reserve(FRAME_BYTES);
        let read = ready!(poll_read_buf(this.reader.as_mut(), cx, &mut this.buffer));
        let next = match read {
            Ok(0) => None,
            Ok(bytes) => match this.count(bytes) {
                Ok(()) => return Poll::Ready(Some(Ok(Frame::data(this.buffer.split().freeze())))),
                Err(fault) => Some(Err(BodyError::new(this.blame, fault))),
            },
            // A coded body of no bytes at all (an answer to HEAD, say) is an empty body.
            Err(_) if this.taken.load(Ordering::Relaxed) == 0 && this.given == 0 => None,
            Err(error) => Some(Err(this.read_fault(&error))),
        };
        this.state = State::Over;
        Poll::Ready(next)
    }

    fn is_end_stream(&self) -> bool {
        self.state == State::Over
    }
}
