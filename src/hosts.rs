//! [`Hosts`]: the servers from which an app lets wardgate fetch pictures, and the fetching.
//!
//! An address was written by a caller or a model, so nothing of it is believed: its host has to be
//! declared, every address that the name stands for is checked, and the connection goes to exactly
//! one of those that were checked: a name that is asked for twice may mean something else the second
//! time. No credential, no cookie and no word of the exchange goes there.

pub mod public;

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::join_all;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HOST, LOCATION, USER_AGENT};
use http::uri::Scheme;
use http::{HeaderName, Request, Response, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::config::{PictureHost, PictureHosts, ShownAs};
use crate::limits::{Limits, secs};

/// Bytes of an address that is asked for: signed ones have about a thousand.
const MAX_ADDRESS_BYTES: usize = 8 * 1024;
/// Places that one picture may lead on to, each declared.
const MAX_REDIRECTS: usize = 2;
/// Addresses of a name that are tried.
const TRIED: usize = 3;
/// Pictures that are fetched at once, of all exchanges of an app.
const AT_ONCE: usize = 32;
/// Who asks.
const AGENT: &str = "wardgate";

/// What an app lets be done with pictures that are only named by their address.
#[derive(Debug, Clone, Default)]
pub enum Elsewhere {
    /// They pass, and the audit says so.
    Unseen,
    /// They are refused.
    #[default]
    Refuse,
    /// They are fetched and judged.
    Fetch(Arc<Hosts>),
}

/// A picture that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought {
    /// The file.
    pub file: Bytes,
    /// What the server says that it is, lower case; empty where it says nothing.
    pub media_type: String,
}

/// Why a picture was not fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unfetched {
    /// Its host is none of those that the app declares.
    Undeclared,
    /// Nobody there, nobody who proves to be it, or somewhere that nobody may be led.
    Unreachable,
    /// Not within the time for it.
    Late,
    /// More bytes than may be fetched for one request or answer.
    TooLarge,
    /// It leads on to a place that is not declared, or too often.
    Elsewhere,
    /// What lies there is no picture.
    NoPicture,
}

impl fmt::Display for Unfetched {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Undeclared => "its host is none that pictures may be fetched from",
            Self::Unreachable => "its host cannot be reached",
            Self::Late => "its host took too long",
            Self::TooLarge => "it is too large",
            Self::Elsewhere => "its address leads elsewhere",
            Self::NoPicture => "no picture lies at its address",
        })
    }
}

/// Finds what a name stands for.
pub trait Resolve: Send + Sync + fmt::Debug {
    /// Every address of `host`, each with `port`.
    fn resolve<'r>(&'r self, host: &'r str, port: u16) -> Resolving<'r>;
}

/// The addresses of a name, when they are known.
pub type Resolving<'r> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'r>>;

/// The machine's own resolver.
#[derive(Debug)]
pub struct System;

impl Resolve for System {
    fn resolve<'r>(&'r self, host: &'r str, port: u16) -> Resolving<'r> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }
}

/// The servers that an app declares.
pub struct Hosts {
    declared: PictureHosts,
    tls: TlsConnector,
    resolver: Arc<dyn Resolve>,
    turns: Semaphore,
    patience: Duration,
    /// Of all pictures of one body.
    bytes: usize,
    header_bytes: usize,
}

impl fmt::Debug for Hosts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Hosts({:?})", self.declared.hosts)
    }
}

/// Where a picture lies, declared.
struct Place {
    uri: Uri,
    host: String,
    port: u16,
    secure: bool,
}

/// What an answer is.
enum Told {
    Picture(Brought),
    Moved(Uri),
}

impl Hosts {
    /// The servers of an app, asked with that TLS. Connects to nobody yet.
    pub fn new(declared: PictureHosts, tls: ClientConfig, limits: &Limits) -> Self {
        Self {
            declared,
            tls: TlsConnector::from(Arc::new(tls)),
            resolver: Arc::new(System),
            turns: Semaphore::new(AT_ONCE),
            patience: secs(limits.fetch_timeout_secs),
            bytes: usize::try_from(limits.fetched_bytes).unwrap_or(usize::MAX),
            header_bytes: limits.header_bytes as usize,
        }
    }

    /// The same with another resolver.
    pub fn resolving(self, resolver: Arc<dyn Resolve>) -> Self {
        Self { resolver, ..self }
    }

    /// How pictures of answers that were fetched are shown.
    pub fn shown(&self) -> ShownAs {
        self.declared.answers
    }

    /// What lies at each address; together they take no more room than one body may.
    pub async fn bring(&self, urls: &[&str]) -> Vec<Result<Brought, Unfetched>> {
        let room = AtomicUsize::new(self.bytes);
        join_all(urls.iter().map(|url| self.bring_one(url, &room))).await
    }

    async fn bring_one(&self, url: &str, room: &AtomicUsize) -> Result<Brought, Unfetched> {
        let bringing = async {
            let turn = self.turns.acquire().await;
            let _turn = turn.map_err(|_| Unfetched::Late)?;
            let mut place = self.place(url).ok_or(Unfetched::Undeclared)?;
            for _ in 0..=MAX_REDIRECTS {
                match self.ask(&place, room).await? {
                    Told::Picture(brought) => return Ok(brought),
                    Told::Moved(to) => {
                        let next = self.place(&to.to_string());
                        place = next.ok_or(Unfetched::Elsewhere)?;
                    }
                }
            }
            Err(Unfetched::Elsewhere)
        };
        let brought = timeout(self.patience, bringing).await;
        brought.unwrap_or(Err(Unfetched::Late))
    }

    /// The place that a declared address names.
    fn place(&self, url: &str) -> Option<Place> {
        let uri: Uri = (url.len() <= MAX_ADDRESS_BYTES).then(|| url.parse().ok())??;
        let authority = uri.authority()?;
        let secure = match uri.scheme()? {
            scheme if *scheme == Scheme::HTTPS => true,
            scheme if *scheme == Scheme::HTTP => false,
            _ => return None,
        };
        if authority.as_str().ends_with(':') {
            return None;
        }
        let (host, port) = PictureHost::of(authority, secure);
        let declared = self.declared.hosts.iter();
        let mut declared = declared.filter(|one| one.secure == secure && one.port == port);
        let known = !authority.as_str().contains('@') && declared.any(|one| covers(one, &host));
        known.then_some(Place {
            host,
            port,
            secure,
            uri,
        })
    }

    async fn ask(&self, place: &Place, room: &AtomicUsize) -> Result<Told, Unfetched> {
        let stream = self.connect(place).await?;
        if !place.secure {
            return self.talk(stream, place, room).await;
        }
        let name = ServerName::try_from(place.host.clone()).map_err(|_| Unfetched::Unreachable)?;
        let stream = self.tls.connect(name, stream).await;
        let stream = stream.map_err(|error| place.unreachable(&error))?;
        self.talk(stream, place, room).await
    }

    /// A connection to one of the addresses that were checked.
    async fn connect(&self, place: &Place) -> Result<TcpStream, Unfetched> {
        let found = match place.host.parse::<IpAddr>() {
            Ok(address) => Ok(vec![SocketAddr::new(address, place.port)]),
            Err(_) => self.resolver.resolve(&place.host, place.port).await,
        };
        let found = found.map_err(|error| place.unreachable(&error))?;
        if let Some(closed) = found.iter().find(|address| !self.may_reach(address.ip())) {
            let why = format!("it stands for {}, which is not public", closed.ip());
            return Err(place.unreachable(&why));
        }
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in found.iter().take(TRIED) {
            // The port is ours, whatever a resolver says.
            let address = SocketAddr::new(address.ip(), place.port);
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(place.unreachable(&last))
    }

    /// Whether a machine at that address may be asked.
    fn may_reach(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let mut opened = self.declared.private.iter();
        let opened = opened.any(|network| network.contains(&address));
        public::is_public(address) || (opened && !public::is_link_local(address))
    }

    async fn talk(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        place: &Place,
        room: &AtomicUsize,
    ) -> Result<Told, Unfetched> {
        let shake = http1::Builder::new()
            .max_buf_size(self.header_bytes)
            .handshake(TokioIo::new(stream));
        let (mut sender, connection) = shake.await.map_err(|error| place.unreachable(&error))?;
        // Ends when the sender and the answer are dropped.
        tokio::spawn(connection);
        let path = place.uri.path_and_query().map_or("/", |path| path.as_str());
        let authority = place.uri.authority().map_or("", |one| one.as_str());
        let request = Request::get(path)
            .header(HOST, authority)
            .header(ACCEPT, "image/*")
            .header(USER_AGENT, AGENT)
            .body(Empty::<Bytes>::new())
            .map_err(|_| Unfetched::Undeclared)?;
        let answer = sender.send_request(request).await;
        let answer = answer.map_err(|error| place.unreachable(&error))?;
        if answer.status().is_redirection() {
            let next = said(&answer, LOCATION).and_then(|to| place.leading_to(to));
            return next.map(Told::Moved).ok_or(Unfetched::Elsewhere);
        }
        picture(answer, place, room).await.map(Told::Picture)
    }
}

impl Place {
    /// What the operator learns of a host that cannot be asked; the caller learns less.
    fn unreachable(&self, why: &dyn fmt::Display) -> Unfetched {
        tracing::debug!(host = self.host, %why, "a picture host cannot be reached");
        Unfetched::Unreachable
    }

    /// Where an answer sends on: a whole address, or a path of the same host.
    fn leading_to(&self, to: &str) -> Option<Uri> {
        if !to.starts_with('/') || to.starts_with("//") {
            return to.parse().ok().filter(|uri: &Uri| uri.scheme().is_some());
        }
        let here = Uri::builder()
            .scheme(self.uri.scheme()?.clone())
            .authority(self.uri.authority()?.clone());
        here.path_and_query(to).build().ok()
    }
}

fn covers(declared: &PictureHost, host: &str) -> bool {
    match declared.below {
        true => host
            .strip_suffix(declared.name.as_str())
            .is_some_and(|label| label.len() > 1 && label.ends_with('.')),
        false => host == declared.name,
    }
}

fn said(answer: &Response<Incoming>, name: HeaderName) -> Option<&str> {
    answer.headers().get(name)?.to_str().ok()
}

/// The picture that an answer is, as far as its head says.
async fn picture(
    answer: Response<Incoming>,
    place: &Place,
    room: &AtomicUsize,
) -> Result<Brought, Unfetched> {
    let media_type = said(&answer, CONTENT_TYPE).unwrap_or("");
    let media_type = media_type.split(';').next().unwrap_or("").trim();
    let media_type = media_type.to_ascii_lowercase();
    let unnamed = ["", "application/octet-stream", "binary/octet-stream"];
    let named = media_type.starts_with("image/") || unnamed.contains(&media_type.as_str());
    let plain = said(&answer, CONTENT_ENCODING).is_none_or(|coding| coding == "identity");
    if answer.status() != http::StatusCode::OK || !named || !plain {
        return Err(Unfetched::NoPicture);
    }
    let mut body = answer.into_body();
    let most = room.load(Ordering::Relaxed) as u64;
    if body.size_hint().lower() > most {
        return Err(Unfetched::TooLarge);
    }
    let mut file = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| place.unreachable(&error))?;
        let Ok(bytes) = frame.into_data() else {
            continue;
        };
        let less = |left: usize| left.checked_sub(bytes.len());
        let taken = room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        taken.map_err(|_| Unfetched::TooLarge)?;
        file.extend_from_slice(&bytes);
    }
    match file.is_empty() {
        true => Err(Unfetched::NoPicture),
        false => Ok(Brought {
            file: file.freeze(),
            media_type: match media_type.starts_with("image/") {
                true => media_type,
                false => String::new(),
            },
        }),
    }
}
