//! [`Recorded`]: a guarded stream on its way to the caller, collected for those who ask the same or go on
//! from it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use http_body::{Body, Frame};

use crate::cache::Lead;
use crate::codec::Framing;
use crate::earlier::Turn;
use crate::exchange::Exchange;

/// Passes a body on and hands it to the answer cache, and to what is remembered of conversations, if
/// the exchange ended cleanly. A caller who
/// leaves early drops this, and somebody who waits asks instead.
pub struct Recorded<B> {
    body: B,
    /// Gone once handed over.
    lead: Option<Lead>,
    /// Likewise.
    turn: Option<(Turn, Framing)>,
    exchange: Arc<Exchange>,
    content_type: HeaderValue,
}

impl<B> Recorded<B> {
    /// Collects `body` for `lead`, and as the answer of `turn`.
    pub fn new(
        body: B,
        lead: Option<Lead>,
        turn: Option<(Turn, Framing)>,
        exchange: Arc<Exchange>,
        content_type: HeaderValue,
    ) -> Self {
        Self {
            body,
            lead,
            turn,
            exchange,
            content_type,
        }
    }
}

impl<B> Recorded<B> {
    /// Hands over what was collected, if the answer was shown whole.
    fn keep(&mut self) {
        let (lead, turn) = (self.lead.take(), self.turn.take());
        match (lead, self.exchange.is_clean()) {
            (Some(lead), true) => lead.store(StatusCode::OK, self.content_type.clone()),
            (Some(lead), false) => lead.decline(),
            (None, _) => {}
        }
        if let Some((turn, framing)) = turn.filter(|_| self.exchange.is_clean()) {
            turn.store(Some(framing));
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
        if let Some(bytes) = frame
            .as_ref()
            .and_then(|frame| frame.as_ref().ok()?.data_ref())
        {
            if let Some(lead) = &mut this.lead {
                lead.push(bytes);
            }
            if let Some((turn, _)) = &mut this.turn {
                turn.push(bytes);
            }
        }
        if frame.is_none() || this.body.is_end_stream() {
            this.keep();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}
