//! What tests of sockets share: handlers from closures, scripted peers, certificates, bodies.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use wardgate::body::Body;
use wardgate::config::{Credential, Http2, UpstreamServer};
use wardgate::limits::Limits;
use wardgate::server::{Drain, Handler, Listener, Peer, Serving, Setup};
use wardgate::tls::ServerTls;

/// A handler from a closure.
pub struct By<F>(pub F);

impl<F, A> Handler for By<F>
where
    F: Fn(Request<Incoming>, Peer) -> A + Send + Sync + 'static,
    A: Future<Output = Response<Body>> + Send,
{
    async fn handle(&self, request: Request<Incoming>, peer: Peer) -> Response<Body> {
        (self.0)(request, peer).await
    }
}

/// A running server of ours; drains when dropped.
pub struct Server {
    pub address: SocketAddr,
    pub drain: Drain,
    pub serving: Option<Serving>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.drain.begin();
    }
}

/// Serves a closure on a free port with one worker.
pub fn serve<F, A>(limits: Limits, tls: Option<Arc<ServerTls>>, handler: F) -> Server
where
    F: Fn(Request<Incoming>, Peer) -> A + Send + Sync + 'static,
    A: Future<Output = Response<Body>> + Send + 'static,
{
    let setup = Setup {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        tls,
        limits,
        workers: 1,
    };
    let listener = Listener::bind(setup).expect("a free port");
    let (address, drain) = (listener.local_addr(), Drain::new());
    let serving = listener
        .serve(Arc::new(By(handler)), drain.clone())
        .expect("threads start");
    Server {
        address,
        drain,
        serving: Some(serving),
    }
}

/// An upstream of plain bytes: for each connection reads a request's head, then says each step.
pub async fn scripted(steps: Vec<Step>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(play(stream, steps.clone()));
        }
    });
    address
}

/// What a scripted upstream does next.
#[derive(Clone)]
pub enum Step {
    /// Writes these bytes.
    Say(Vec<u8>),
    /// Never moves again.
    Stall,
    /// Closes without the end of anything.
    Hangup,
}

async fn play(mut stream: TcpStream, steps: Vec<Step>) {
    read_head(&mut stream).await;
    for step in steps {
        match step {
            Step::Say(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Step::Stall => std::future::pending().await,
            Step::Hangup => return,
        }
    }
}

/// Reads up to the empty line; what was read.
pub async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// Writes a raw request and reads until the server closes.
pub async fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    // The server may well close before it has read everything.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// A door of TLS before a server that speaks in the clear.
pub async fn tls_door(tls: Arc<ServerTls>, to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = TlsAcceptor::from(tls.current());
            tokio::spawn(async move {
                let mut outside = acceptor.accept(stream).await?;
                let mut inside = TcpStream::connect(to).await?;
                copy_bidirectional(&mut outside, &mut inside).await
            });
        }
    });
    address
}

/// An upstream at that URL, with nothing special.
pub fn upstream(url: &str) -> UpstreamServer {
    UpstreamServer {
        url: url.parse().expect("a URL"),
        ca_file: None,
        client_certificate: None,
        http2: Http2::Auto,
        credential: Credential::Pass,
    }
}

/// A whole body.
pub async fn whole<B>(body: B) -> Result<Bytes, B::Error>
where
    B: http_body::Body<Data = Bytes>,
{
    Ok(body.collect().await?.to_bytes())
}

/// An authority for tests that writes certificates into a folder.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub file: PathBuf,
}

impl Authority {
    /// A new one, its certificate in `folder/name.pem`.
    pub fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are fine");
        // Two certificates of one name, and OpenSSL takes one for its own issuer.
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("signs");
        let file = folder.join(format!("{name}.pem"));
        std::fs::write(&file, certificate.pem()).expect("writes");
        Self {
            issuer: Issuer::new(params, key),
            file,
        }
    }

    /// A certificate and key for `name`, in `folder/file.pem` and `folder/file.key`.
    pub fn issue(&self, folder: &Path, file: &str, name: &str) -> (PathBuf, PathBuf) {
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("signs");
        let (chain, secret) = (
            folder.join(format!("{file}.pem")),
            folder.join(format!("{file}.key")),
        );
        std::fs::write(&chain, certificate.pem()).expect("writes");
        std::fs::write(&secret, key.serialize_pem()).expect("writes");
        (chain, secret)
    }
}
