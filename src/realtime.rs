//! The road of a session: handshake with the caller and the model server, then a [`Session`] between
//! two sockets until one of them ends. The only place that polls them.

use std::sync::Arc;

use http::request::Parts;
use http::{Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::app::App;
use crate::body::Body;
use crate::codec::{Codec, realtime};
use crate::exchange::Exchange;
use crate::limits::secs;
use crate::message::Audience;
use crate::reply::{self, Error};
use crate::server::{Outlasting, Peer};
use crate::session::Session;
use crate::socket::{self, CloseCode, Closed, End, PING, Socket};
use crate::upstream::{UpstreamError, UpstreamFault};

/// Opens a session; it goes on behind the response.
///
/// # Errors
/// The request is no handshake, or the model server takes none.
pub async fn open(
    exchange: &Arc<Exchange>,
    app: &Arc<App>,
    head: &mut Parts,
    path: &str,
    peer: Peer,
    audience: Audience,
) -> Result<Response<Body>, Error> {
    let (Some(key), Some(outlasting), Some(upgrade)) = (
        socket::key(&head.headers).cloned(),
        head.extensions.remove::<Outlasting>(),
        head.extensions.remove::<OnUpgrade>(),
    ) else {
        let message = "This route is a WebSocket: connect with one, over HTTP/1.1.";
        return Err(Error::client("upgrade_required", message));
    };
    let codec = dialect(head, path);
    exchange.heard(audience);
    let asked = Instant::now();
    let opened = match app.upstream.open(path, &head.headers).await {
        Ok(opened) => opened,
        Err(error) => return refused(exchange, codec, error),
    };
    exchange.first_byte(asked.into_std());
    let (own, kept) = (Arc::clone(exchange), Arc::clone(app));
    let model = model(path);
    let session = Session::begin(own, kept, peer, codec, audience, model).await?;
    let limits = exchange.live.config.limits.clone();
    outlasting.tasks.spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let caller = Socket::new(upgraded, End::Server, &limits).await;
        let talk = Talk {
            caller,
            model: opened.socket,
            session,
        };
        let longest = secs(limits.total_timeout_secs);
        talk.go_on(outlasting.drain, longest).await;
    });
    Ok(socket::accept(&key, opened.protocol))
}

/// The names that a session's events have.
fn dialect(head: &Parts, path: &str) -> &'static dyn Codec {
    let beta = |value: &http::HeaderValue| value.as_bytes() == b"realtime=v1";
    let header = head.headers.get_all("openai-beta").iter().any(beta);
    let protocols = head.headers.get_all("sec-websocket-protocol");
    let mut protocols = protocols.iter().filter_map(|value| value.to_str().ok());
    let protocol = protocols.any(|names| names.contains("openai-beta.realtime-v1"));
    // The previews were never served in another way.
    match header || protocol || model(path).contains("realtime-preview") {
        true => &realtime::BETA,
        false => &realtime::CURRENT,
    }
}

/// The model that a path's query names, as it stands there.
fn model(path: &str) -> String {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    let mut pairs = query.split('&');
    let model = pairs.find_map(|pair| pair.strip_prefix("model="));
    model.unwrap_or_default().to_owned()
}

/// What a caller is told whose session the model server does not take: with its status, so that
/// clients do what they would do.
fn refused(
    exchange: &Exchange,
    codec: &'static dyn Codec,
    error: UpstreamError,
) -> Result<Response<Body>, Error> {
    let UpstreamFault::NoSocket(status) = error.fault else {
        return Err(error.into());
    };
    let error: Error = error.into();
    exchange.failed_with(&error);
    let status = StatusCode::from_u16(status).ok();
    let failed = |status: &StatusCode| status.is_client_error() || status.is_server_error();
    let status = status.filter(failed).unwrap_or(StatusCode::BAD_GATEWAY);
    let fault = reply::fault(Some(codec), &exchange.id, &error, status);
    Ok(reply::said(fault))
}

/// Two sockets and what is judged between them.
struct Talk {
    caller: Socket,
    model: Socket,
    session: Session,
}

impl Talk {
    /// Until one side ends, the session is too old, or the gateway drains and nothing is open.
    async fn go_on(mut self, drain: crate::server::Drain, longest: std::time::Duration) {
        let end = Instant::now() + longest;
        let mut pings = interval_at(Instant::now() + PING, PING);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ended = loop {
            if let Err(ended) = self.send().await {
                break ended;
            }
            if self.session.broken {
                break Ended::Ours(CloseCode::Policy);
            }
            if drain.begun() && self.session.is_idle() {
                break Ended::Ours(CloseCode::Away);
            }
            tokio::select! {
                said = self.caller.next() => match said {
                    Ok(said) => self.session.said(&said).await,
                    Err(closed) => break Ended::Caller(closed),
                },
                told = self.model.next() => match told {
                    Ok(told) => self.session.told(&told).await,
                    Err(closed) => break Ended::Model(closed),
                },
                _ = pings.tick() => if let Err(ended) = self.ping().await {
                    break ended;
                },
                () = drain.wait(), if !drain.begun() => {}
                () = tokio::time::sleep_until(end) => break Ended::Ours(CloseCode::Policy),
            }
        };
        self.end(ended).await;
    }

    /// What the session has to say, in its order.
    async fn send(&mut self) -> Result<(), Ended> {
        for event in std::mem::take(&mut self.session.to_model) {
            self.model.say(event).await.map_err(Ended::Model)?;
        }
        for event in std::mem::take(&mut self.session.to_caller) {
            self.caller.say(event).await.map_err(Ended::Caller)?;
        }
        Ok(())
    }

    async fn ping(&mut self) -> Result<(), Ended> {
        self.caller.ping().await.map_err(Ended::Caller)?;
        self.model.ping().await.map_err(Ended::Model)
    }

    async fn end(mut self, ended: Ended) {
        let (to_caller, to_model) = match ended {
            Ended::Caller(closed) => (closed.code(), CloseCode::Normal),
            Ended::Model(closed) => {
                self.session.lost();
                for event in std::mem::take(&mut self.session.to_caller) {
                    if self.caller.say(event).await.is_err() {
                        break;
                    }
                }
                (closed.code(), CloseCode::Normal)
            }
            Ended::Ours(code) => (code, CloseCode::Normal),
        };
        tokio::join!(self.caller.close(to_caller), self.model.close(to_model));
    }
}

/// Who ended a session.
enum Ended {
    Caller(Closed),
    Model(Closed),
    Ours(CloseCode),
}
