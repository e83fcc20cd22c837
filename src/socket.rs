//! WebSockets (RFC 6455): the handshake towards a caller, and a [`Socket`] with the bounds that every
//! connection of ours has.
//!
//! No extension is agreed on, so nothing is compressed. Who answers what is said is none of its
//! concern.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
pub use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WsError, Message, Utf8Bytes, error::CapacityError};

use crate::body::{self, Body};
use crate::limits::{Limits, secs};

/// The only version there is.
pub const VERSION: &str = "13";

/// How often each side is asked whether it is still there. Half of what common load balancers wait.
pub const PING: Duration = Duration::from_secs(30);

/// How long the other side gets to answer a close frame.
const CLOSING: Duration = Duration::from_secs(2);

/// Whether a request asks for a WebSocket.
pub fn is_asked(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(UPGRADE);
    upgrade.is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// What an asking request has to say; nothing where it is no handshake.
pub fn key(headers: &HeaderMap) -> Option<&HeaderValue> {
    let version = headers.get(SEC_WEBSOCKET_VERSION)?;
    let key = headers.get(SEC_WEBSOCKET_KEY)?;
    (is_asked(headers) && version == VERSION).then_some(key)
}

/// What a server says to that key.
pub fn accepted(key: &HeaderValue) -> String {
    derive_accept_key(key.as_bytes())
}

/// The response that makes a connection a socket.
pub fn accept(key: &HeaderValue, protocol: Option<HeaderValue>) -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let accepted = HeaderValue::from_str(&accepted(key)).expect("base64 is a header value");
    headers.insert(SEC_WEBSOCKET_ACCEPT, accepted);
    if let Some(protocol) = protocol {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    response
}

/// Which side of the connection is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// A caller is at the other end.
    Server,
    /// A model server is.
    Client,
}

/// Why a socket is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The other side said so, with this code.
    Told(CloseCode),
    /// Without a word.
    Lost,
    /// It said something that we do not take: the code that says what.
    Broke(CloseCode),
    /// Nothing came, or nothing was taken, for too long.
    Late,
}

impl Closed {
    /// The code for the other side.
    pub fn code(self) -> CloseCode {
        match self {
            Self::Told(code) if code.is_allowed() => code,
            Self::Told(_) => CloseCode::Normal,
            Self::Lost => CloseCode::Error,
            Self::Broke(code) => code,
            Self::Late => CloseCode::Policy,
        }
    }
}

/// A connection of texts.
pub struct Socket {
    inner: WebSocketStream<TokioIo<Upgraded>>,
    /// Longest without a frame, and without one being taken.
    idle: Duration,
    /// When a frame came last.
    heard: Instant,
}

impl Socket {
    /// A socket on a connection whose handshake is done.
    pub async fn new(upgraded: Upgraded, end: End, limits: &Limits) -> Self {
        let most = usize::try_from(limits.request_body_bytes).unwrap_or(usize::MAX);
        let config = WebSocketConfig::default()
            .max_message_size(Some(most))
            .max_frame_size(Some(most));
        let role = match end {
            End::Server => Role::Server,
            End::Client => Role::Client,
        };
        let io = TokioIo::new(upgraded);
        Self {
            inner: WebSocketStream::from_raw_socket(io, role, Some(config)).await,
            idle: secs(limits.idle_timeout_secs),
            heard: Instant::now(),
        }
    }

    /// The next text. Losing this future loses nothing.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn next(&mut self) -> Result<Utf8Bytes, Closed> {
        loop {
            let message = self.inner.next().await.ok_or(Closed::Lost)?;
            self.heard = Instant::now();
            match message {
                Ok(Message::Text(text)) => return Ok(text),
                Ok(Message::Binary(_)) => return Err(Closed::Broke(CloseCode::Unsupported)),
                Ok(Message::Close(frame)) => {
                    let code = frame.map_or(CloseCode::Normal, |frame| frame.code);
                    return Err(Closed::Told(code));
                }
                // Pings are answered by whoever reads or writes next.
                Ok(_) => {}
                Err(error) => return Err(why(&error)),
            }
        }
    }

    /// Sends a text, as soon as the other side takes it.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn say(&mut self, text: impl Into<Utf8Bytes>) -> Result<(), Closed> {
        self.send(Message::Text(text.into())).await
    }

    /// Asks whether the other side is still there.
    ///
    /// # Errors
    /// It has said nothing for the idle time, or cannot be asked.
    pub async fn ping(&mut self) -> Result<(), Closed> {
        if self.heard.elapsed() >= self.idle {
            return Err(Closed::Late);
        }
        self.send(Message::Ping(bytes::Bytes::new())).await
    }

    /// Ends it, with the reason that is shown to nobody but programs.
    pub async fn close(mut self, code: CloseCode) {
        let frame = CloseFrame {
            code,
            reason: Utf8Bytes::default(),
        };
        let closing = async {
            if self.inner.close(Some(frame)).await.is_ok() {
                while let Some(Ok(_)) = self.inner.next().await {}
            }
        };
        let _ = timeout(CLOSING, closing).await;
    }

    async fn send(&mut self, message: Message) -> Result<(), Closed> {
        let sent = timeout(self.idle, self.inner.send(message)).await;
        sent.map_err(|_| Closed::Late)?.map_err(|error| why(&error))
    }
}

fn why(error: &WsError) -> Closed {
    match error {
        WsError::Capacity(CapacityError::MessageTooLong { .. }) => Closed::Broke(CloseCode::Size),
        WsError::Utf8(_) => Closed::Broke(CloseCode::Invalid),
        WsError::Protocol(_) => Closed::Broke(CloseCode::Protocol),
        _ => Closed::Lost,
    }
}
