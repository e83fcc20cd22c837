//! The minimal hyper 1.x reverse proxy: what the ordinary Rust stack costs when it does nothing.
//!
//! usage: hyper-pass --listen 127.0.0.1:8081 --upstream 127.0.0.1:9000 [--threads 2]
#![forbid(unsafe_code)]

use std::net::SocketAddr;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::{Client, Error, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use proxy_bench::argument;
use tokio::net::TcpListener;

type Upstream = Client<HttpConnector, Incoming>;

fn main() {
    let threads = argument("threads", 2);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .expect("a runtime starts")
        .block_on(serve());
}

async fn serve() {
    let listen: SocketAddr = argument("listen", ([127, 0, 0, 1], 8081).into());
    let upstream: String = argument("upstream", "127.0.0.1:9000".to_owned());
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Upstream = Client::builder(TokioExecutor::new()).build(connector);
    let listener = TcpListener::bind(listen).await.expect("the port is free");
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let _ = socket.set_nodelay(true);
        let (client, upstream) = (client.clone(), upstream.clone());
        tokio::spawn(async move {
            let service =
                service_fn(move |request| pass(client.clone(), upstream.clone(), request));
            // A reset by the load client ends the connection; there is nobody to tell.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(socket), service)
                .await;
        });
    }
}

async fn pass(
    client: Upstream,
    upstream: String,
    mut request: Request<Incoming>,
) -> Result<Response<Incoming>, Error> {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    *request.uri_mut() = format!("http://{upstream}{path}")
        .parse::<Uri>()
        .expect("a path that hyper parsed stays a path");
    client.request(request).await
}
