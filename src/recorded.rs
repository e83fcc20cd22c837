//! [`Recorded`]: a guarded stream on its way to the caller, collected for those who ask the same.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use http_body::{Body, Frame};

use crate::cache::Lead;
use crate::exchange::Exchange;

/// Passes a body on and hands it to the answer cache if the exchange ended cleanly. A caller who
/// leaves early drops this, and somebody who waits asks instead.
pub struct Recorded<B> {
    body: B,
    /// Gone once handed over.
    lead: Option<Lead>,
    exchange: Arc<Exchange>,
    content_type: HeaderValue,
}

impl<B> Recorded<B> {
    /// Collects `body` for `lead`.
    pub fn new(body: B, lead: Lead, exchange: Arc<Exchange>, content_type: HeaderValue) -> Self {
        Self {
            body,
            lead: Some(lead),
            exchange,
            content_type,
        }
    }
}

impl<B> Body for Recorded<B>
where
    B: Body<Data = Bytes, Error = Infallible> + Unpin,
{
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(task));
        if let (Some(Ok(frame)), Some(lead)) = (&frame, &mut this.lead)
            && let Some(bytes) = frame.data_ref()
        {
            lead.push(bytes);
        }
        if (frame.is_none() || this.body.is_end_stream())
            && let Some(lead) = this.lead.take()
        {
            if this.exchange.is_clean() {
                lead.store(StatusCode::OK, this.content_type.clone());
            } else {
                lead.decline();
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}
