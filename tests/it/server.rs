//! The server on real sockets: versions, workers, TLS and its reload, drain.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use tokio::sync::Notify;
use wardgate::body::full;
use wardgate::config::{Http2, Tls};
use wardgate::limits::Limits;
use wardgate::server::{Drain, Listener, Setup, Worker};
use wardgate::tls::ServerTls;
use wardgate::upstream::{Forward, Upstream};

use crate::wire::{Authority, By, raw, serve, upstream, whole};

/// GETs `/` at a URL, trusting an authority.
async fn get(url: &str, authority: Option<&Authority>, http2: Http2) -> Result<Bytes, String> {
    let mut server = upstream(url);
    server.ca_file = authority.map(|authority| authority.file.clone());
    server.http2 = http2;
    let upstream = Upstream::new(&server, &Limits::default())?;
    let forward = Forward {
        worker: Worker(0),
        method: Method::GET,
        path: "/",
        headers: &HeaderMap::new(),
        body: Bytes::new(),
    };
    let answer = upstream
        .send(forward)
        .await
        .map_err(|error| error.to_string())?;
    whole(answer.into_body())
        .await
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn every_worker_answers_both_versions_on_one_port() {
    let setup = Setup {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        tls: None,
        limits: Limits::default(),
        workers: 4,
    };
    let listener = Listener::bind(setup).expect("a free port");
    let (address, drain) = (listener.local_addr(), Drain::new());
    let handler = By(
        |request: http::Request<hyper::body::Incoming>, peer: wardgate::server::Peer| {
            let text = format!("{:?} {}", request.version(), peer.worker.0);
            async move { Response::new(full(text)) }
        },
    );
    let serving = listener
        .serve(Arc::new(handler), drain.clone())
        .expect("threads start");
    let mut workers = std::collections::BTreeSet::new();
    // The kernel deals connections out by their ports: 200 of them reach all four, but for chance
    // of 4 x 0.75^200.
    for number in 0..200 {
        let (http2, version) = match number % 2 {
            0 => (Http2::Only, "HTTP/2.0"),
            _ => (Http2::Never, "HTTP/1.1"),
        };
        let answer = get(&format!("http://{address}"), None, http2)
            .await
            .expect("an answer");
        let answer = String::from_utf8(answer.to_vec()).expect("text");
        let (seen, worker) = answer.split_once(' ').expect("two words");
        assert_eq!(seen, version);
        workers.insert(worker.to_owned());
    }
    assert_eq!(workers.len(), 4);
    drain.begin();
    let cut = tokio::task::spawn_blocking(move || serving.join())
        .await
        .expect("no panic");
    assert_eq!(cut, 0);
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_that_names_it() {
    let running = serve(Limits::default(), None, |_, _| async {
        Response::new(full(""))
    });
    let setup = Setup {
        address: running.address,
        tls: None,
        limits: Limits::default(),
        workers: 1,
    };
    let error = Listener::bind(setup).expect_err("it is taken");
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert!(
        error.to_string().contains(&running.address.to_string()),
        "{error}"
    );
}

#[tokio::test]
async fn a_drain_lets_an_open_exchange_end() {
    let (began, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begins, goes) = (Arc::clone(&began), Arc::clone(&go));
    let mut server = serve(Limits::default(), None, move |_, _| {
        let (begins, goes) = (Arc::clone(&begins), Arc::clone(&goes));
        async move {
            begins.notify_one();
            goes.notified().await;
            Response::new(full("turnip"))
        }
    });
    let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    let exchange = tokio::spawn(raw(server.address, request));
    began.notified().await;
    server.drain.begin();
    let serving = server.serving.take().expect("it serves");
    let joined = tokio::task::spawn_blocking(move || serving.join());
    go.notify_one();
    let answer = exchange.await.expect("no panic");
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("turnip"),
        "{answer}"
    );
    assert_eq!(joined.await.expect("no panic"), 0);
}

#[tokio::test]
async fn a_handler_that_panics_harms_its_own_connection_only() {
    let server = serve(Limits::default(), None, |request, _| async move {
        assert_ne!(request.uri().path(), "/panic", "the canary panics");
        Response::new(full("turnip"))
    });
    let broken = raw(server.address, b"GET /panic HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(broken, "");
    let answer = get(&format!("http://{}", server.address), None, Http2::Never).await;
    assert_eq!(answer, Ok(Bytes::from("turnip")));
}

#[tokio::test]
async fn a_new_certificate_is_shown_after_a_reload_and_a_bad_one_never() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let (old, new) = (Authority::new(path, "old"), Authority::new(path, "new"));
    let (certificate, key) = old.issue(path, "server", "localhost");
    let files = Tls {
        certificate,
        key,
        client_ca: None,
    };
    let tls = ServerTls::load(&files).expect("good files");
    let server = serve(
        Limits::default(),
        Some(Arc::clone(&tls)),
        |_, peer| async move {
            assert!(!peer.certified);
            Response::new(full("turnip"))
        },
    );
    let url = format!("https://localhost:{}", server.address.port());
    let trusts = async |authority| get(&url, Some(authority), Http2::Auto).await.is_ok();
    assert!(trusts(&old).await && !trusts(&new).await);

    std::fs::write(&files.key, "no key").expect("writes");
    let error = tls.reload().expect_err("no key");
    assert!(error.contains("server.key"), "{error}");
    assert!(trusts(&old).await, "the old identity is gone");

    let (certificate, _) = new.issue(path, "other", "localhost");
    std::fs::copy(certificate, &files.certificate).expect("copies");
    let (_, key) = old.issue(path, "third", "localhost");
    std::fs::copy(key, &files.key).expect("copies");
    let error = tls.reload().expect_err("key and certificate do not match");
    assert!(error.contains("does the key belong"), "{error}");

    new.issue(path, "server", "localhost");
    tls.reload().expect("good files");
    assert!(trusts(&new).await && !trusts(&old).await);
}

#[tokio::test]
async fn plain_words_on_a_tls_port_harm_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let authority = Authority::new(path, "ca");
    let (certificate, key) = authority.issue(path, "server", "localhost");
    let tls = ServerTls::load(&Tls {
        certificate,
        key,
        client_ca: None,
    })
    .expect("good files");
    let server = serve(Limits::default(), Some(tls), |_, _| async {
        Response::new(full("turnip"))
    });
    let answer = raw(server.address, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(!answer.contains("turnip"), "{answer}");
    let url = format!("https://localhost:{}", server.address.port());
    let answer = get(&url, Some(&authority), Http2::Auto).await;
    assert_eq!(answer, Ok(Bytes::from("turnip")));
}
