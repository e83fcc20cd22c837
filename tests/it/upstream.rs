//! The way to an upstream and back: what goes on, what stays, and whose fault a failure is.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response};
use http_body_util::BodyExt;
use proptest::prelude::*;
use wardgate::body::{Blame, Body, BodyFault, full, read_request, read_whole};
use wardgate::config::{Credential, Http2, Secret, Tls};
use wardgate::limits::Limits;
use wardgate::server::Worker;
use wardgate::tls::ServerTls;
use wardgate::upstream::{Forward, Upstream, UpstreamError, UpstreamFault};

use crate::wire::{Authority, Step, scripted, serve, upstream, whole};

/// Sends a POST with these headers.
async fn post(
    upstream: &Upstream,
    path: &str,
    headers: &[(&'static str, &str)],
    body: &'static str,
) -> Result<Response<Body>, UpstreamError> {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            let value = HeaderValue::from_str(value).expect("a value");
            (http::HeaderName::from_static(name), value)
        })
        .collect();
    let forward = Forward {
        worker: Worker(0),
        method: Method::POST,
        path,
        headers: &headers,
        body: Bytes::from_static(body.as_bytes()),
    };
    upstream.send(forward).await
}

fn to(url: &str) -> Upstream {
    Upstream::new(&upstream(url), &Limits::default()).expect("no files to read")
}

/// An upstream that answers with the head and body it got, as text.
fn mirror() -> crate::wire::Server {
    serve(Limits::default(), None, |request, _| async move {
        let (head, body) = request.into_parts();
        let body = whole(body).await.expect("a body");
        let mut text = format!("{} {} {:?}\n", head.method, head.uri, head.version);
        for (name, value) in &head.headers {
            text += &format!("{name}: {}\n", value.to_str().expect("text"));
        }
        text += &String::from_utf8_lossy(&body);
        Response::new(full(text))
    })
}

async fn text(answer: Response<Body>) -> String {
    let bytes = whole(answer.into_body()).await.expect("a whole body");
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[tokio::test]
async fn a_request_goes_on_with_its_own_headers_and_our_host() {
    let mirror = mirror();
    for (base, path) in [
        ("", "/v1/chat?x=1"),
        ("/v1", "/v1/chat?x=1"),
        ("/v1/", "/v1/chat?x=1"),
    ] {
        let upstream = to(&format!("http://{}{base}", mirror.address));
        let headers = [
            ("host", "guard.example"),
            ("x-custom", "1"),
            ("content-length", "99"),
        ];
        let seen = text(
            post(&upstream, path, &headers, "turnip")
                .await
                .expect("an answer"),
        )
        .await;
        assert!(seen.starts_with("POST /v1/chat?x=1 HTTP/1.1\n"), "{seen}");
        assert!(
            seen.contains(&format!("host: {}\n", mirror.address)),
            "{seen}"
        );
        assert!(
            seen.contains("x-custom: 1\n") && seen.contains("content-length: 6\n"),
            "{seen}"
        );
        assert!(seen.ends_with("\nturnip"), "{seen}");
    }
    let base = to(&format!("http://{}/gateway", mirror.address));
    let seen = text(post(&base, "/v1/chat", &[], "").await.expect("an answer")).await;
    assert!(seen.starts_with("POST /gateway/v1/chat "), "{seen}");
}

#[tokio::test]
async fn http2_without_tls_when_asked() {
    let mirror = mirror();
    let mut server = upstream(&format!("http://{}", mirror.address));
    server.http2 = Http2::Only;
    let upstream = Upstream::new(&server, &Limits::default()).expect("no files");
    let seen = text(
        post(&upstream, "/v1/chat", &[], "turnip")
            .await
            .expect("an answer"),
    )
    .await;
    assert!(
        seen.contains("HTTP/2.0\n") && seen.ends_with("turnip"),
        "{seen}"
    );
}

#[tokio::test]
async fn the_upstream_sees_our_credential_instead_of_the_caller_s() {
    let mirror = mirror();
    let mut server = upstream(&format!("http://{}", mirror.address));
    server.credential = Credential::Replace {
        header: http::header::AUTHORIZATION,
        value: Secret::new("Bearer ours").expect("a value"),
    };
    let upstream = Upstream::new(&server, &Limits::default()).expect("no files");
    let headers = [("authorization", "Bearer caller"), ("x-api-key", "caller")];
    let seen = text(post(&upstream, "/", &headers, "").await.expect("an answer")).await;
    assert!(
        seen.contains("authorization: Bearer ours\n") && !seen.contains("caller"),
        "{seen}"
    );
}

fn fault(result: Result<Response<Body>, UpstreamError>) -> UpstreamFault {
    match result {
        Ok(answer) => panic!("an answer: {}", answer.status()),
        Err(error) => {
            let client = matches!(
                error.fault,
                UpstreamFault::Unsupported | UpstreamFault::Request
            );
            assert_eq!(error.blame() == Blame::Client, client);
            error.fault
        }
    }
}

#[tokio::test]
async fn tunnels_and_expectations_are_refused_and_an_offer_of_h2c_is_not() {
    let mirror = mirror();
    let upstream = to(&format!("http://{}", mirror.address));
    for header in [("upgrade", "websocket"), ("expect", "payment")] {
        assert_eq!(
            fault(post(&upstream, "/", &[header], "").await),
            UpstreamFault::Unsupported
        );
    }
    for header in [("upgrade", "h2c"), ("expect", "100-Continue")] {
        let seen = text(
            post(&upstream, "/", &[header], "")
                .await
                .expect("an answer"),
        )
        .await;
        assert!(!seen.contains(header.0), "{seen}");
    }
}

#[tokio::test]
async fn nobody_there() {
    let port = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = port.local_addr().expect("bound");
    drop(port);
    let upstream = to(&format!("http://{address}"));
    assert_eq!(
        fault(post(&upstream, "/", &[], "").await),
        UpstreamFault::Connect
    );
}

fn say(text: &str) -> Step {
    Step::Say(text.as_bytes().to_vec())
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

#[tokio::test]
async fn what_is_no_http_and_what_breaks_off_is_the_upstream_s_fault() {
    let garbage = to(&format!(
        "http://{}",
        scripted(vec![say("turnips!\r\n\r\n"), Step::Stall]).await
    ));
    assert_eq!(
        fault(post(&garbage, "/", &[], "").await),
        UpstreamFault::Protocol
    );
    let gone = to(&format!("http://{}", scripted(vec![Step::Hangup]).await));
    assert_eq!(fault(post(&gone, "/", &[], "").await), UpstreamFault::Reset);
    let flood = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "a".repeat(200 * 1024));
    let flood = to(&format!(
        "http://{}",
        scripted(vec![say(&flood), Step::Stall]).await
    ));
    assert_eq!(
        fault(post(&flood, "/", &[], "").await),
        UpstreamFault::Protocol
    );
}

#[tokio::test]
async fn nobody_is_sent_around_the_guard() {
    let away = "HTTP/1.1 307 Temporary Redirect\r\nlocation: https://elsewhere.example/\r\ncontent-length: 0\r\n\r\n";
    let upstream = to(&format!(
        "http://{}",
        scripted(vec![say(away), Step::Stall]).await
    ));
    assert_eq!(
        fault(post(&upstream, "/", &[], "").await),
        UpstreamFault::Redirect
    );
}

#[tokio::test]
async fn an_answer_that_breaks_off_gives_what_came_and_then_a_reset() {
    let steps = vec![say(CHUNKED), say("6\r\nturnip\r\n"), Step::Hangup];
    let upstream = to(&format!("http://{}", scripted(steps).await));
    let mut body = post(&upstream, "/", &[], "")
        .await
        .expect("a head")
        .into_body();
    let first = body
        .frame()
        .await
        .expect("a frame")
        .expect("data")
        .into_data();
    assert_eq!(first.ok(), Some(Bytes::from("turnip")));
    let error = body.frame().await.expect("an end").expect_err("a reset");
    assert_eq!(
        (error.blame, error.fault),
        (Blame::Upstream, BodyFault::Reset)
    );
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_thinks_too_long_times_out() {
    let upstream = to(&format!("http://{}", scripted(vec![Step::Stall]).await));
    let started = tokio::time::Instant::now();
    assert_eq!(
        fault(post(&upstream, "/", &[], "").await),
        UpstreamFault::FirstByte
    );
    let limit = u64::from(Limits::default().first_byte_timeout_secs);
    assert_eq!(started.elapsed().as_secs(), limit);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_stalls_times_out_after_the_idle_time() {
    let steps = vec![say(CHUNKED), say("6\r\nturnip\r\n"), Step::Stall];
    let upstream = to(&format!("http://{}", scripted(steps).await));
    let mut body = post(&upstream, "/", &[], "")
        .await
        .expect("a head")
        .into_body();
    assert!(body.frame().await.is_some_and(|frame| frame.is_ok()));
    let started = tokio::time::Instant::now();
    let error = body.frame().await.expect("an end").expect_err("too slow");
    assert_eq!(
        (error.blame, error.fault),
        (Blame::Upstream, BodyFault::Slow)
    );
    assert_eq!(
        started.elapsed().as_secs(),
        u64::from(Limits::default().idle_timeout_secs)
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_caller_does_not_make_an_upstream_look_idle() {
    let steps = vec![
        say(CHUNKED),
        say("6\r\nturnip\r\n"),
        say("0\r\n\r\n"),
        Step::Stall,
    ];
    let upstream = to(&format!("http://{}", scripted(steps).await));
    let body = post(&upstream, "/", &[], "")
        .await
        .expect("a head")
        .into_body();
    tokio::time::sleep(std::time::Duration::from_secs(1000)).await;
    assert_eq!(whole(body).await, Ok(Bytes::from("turnip")));
}

#[tokio::test]
async fn dropping_an_answer_closes_the_upstream_s_connection() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let upstream = to(&format!("http://{}", listener.local_addr().expect("bound")));
    let asked = post(&upstream, "/", &[], "");
    let served = async {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        crate::wire::read_head(&mut stream).await;
        let chunk = format!("{CHUNKED}6\r\nturnip\r\n");
        tokio::io::AsyncWriteExt::write_all(&mut stream, chunk.as_bytes())
            .await
            .expect("writes");
        stream
    };
    let (answer, mut stream) = tokio::join!(asked, served);
    drop(answer.expect("a head"));
    let end = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 16]).await;
    assert!(
        matches!(end, Ok(0) | Err(_)),
        "the connection is still open: {end:?}"
    );
}

// --- codings ---------------------------------------------------------------------------------

const CODINGS: [&str; 3] = ["gzip", "br", "zstd"];

async fn coded(coding: &str, plain: &[u8]) -> Vec<u8> {
    use async_compression::tokio::write::{BrotliEncoder, GzipEncoder, ZstdEncoder};
    use tokio::io::AsyncWriteExt;
    macro_rules! with {
        ($encoder:ident) => {{
            let mut encoder = $encoder::new(Vec::new());
            encoder.write_all(plain).await.expect("memory");
            encoder.shutdown().await.expect("memory");
            encoder.into_inner()
        }};
    }
    match coding {
        "gzip" => with!(GzipEncoder),
        "br" => with!(BrotliEncoder),
        "zstd" => with!(ZstdEncoder),
        _ => plain.to_vec(),
    }
}

/// A body of these chunks.
fn chunks(chunks: Vec<Bytes>) -> Body {
    let frames = chunks
        .into_iter()
        .map(|data| Ok(http_body::Frame::data(data)));
    http_body_util::StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
}

fn encoding(value: &str) -> HeaderMap {
    let value = HeaderValue::from_str(value).expect("a value");
    HeaderMap::from_iter([(http::header::CONTENT_ENCODING, value)])
}

fn now<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.expect("a runtime").block_on(future)
}

/// Cuts bytes at these places.
fn cut(bytes: &[u8], cuts: &[prop::sample::Index]) -> Vec<Bytes> {
    let mut borders: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    borders.extend([0, bytes.len()]);
    borders.sort_unstable();
    borders
        .windows(2)
        .map(|pair| Bytes::copy_from_slice(&bytes[pair[0]..pair[1]]))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// However coded bytes are cut, the plain ones come out.
    #[test]
    fn decoding_does_not_depend_on_chunks(
        plain in prop::collection::vec(any::<u8>(), 0..2000),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        coding in prop::sample::select(vec!["gzip", "br", "zstd", "identity", "X-GZIP"]),
    ) {
        let decoded = now(async {
            let kind = if coding == "X-GZIP" { "gzip" } else { coding };
            let body = chunks(cut(&coded(kind, &plain).await, &cuts));
            read_request(&encoding(coding), body, &Limits::default()).await
        });
        prop_assert_eq!(decoded, Ok(Bytes::from(plain)));
    }

    /// A coded body that ends early is an error, never a shorter body.
    #[test]
    fn a_coded_body_that_ends_early_is_an_error(
        plain in prop::collection::vec(any::<u8>(), 1..500),
        keep in any::<prop::sample::Index>(),
        coding in prop::sample::select(CODINGS.to_vec()),
    ) {
        let decoded = now(async {
            let mut bytes = coded(coding, &plain).await;
            bytes.truncate(1 + keep.index(bytes.len() - 1));
            read_request(&encoding(coding), chunks(vec![bytes.into()]), &Limits::default()).await
        });
        prop_assert_eq!(decoded.map_err(|error| error.fault), Err(BodyFault::Corrupt));
    }

    /// Any bytes under any coding give an error or bytes, no panic.
    #[test]
    fn any_bytes_decode_or_fail(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        coding in prop::sample::select(CODINGS.to_vec()),
    ) {
        let body = chunks(vec![bytes.into()]);
        let decoded = now(read_request(&encoding(coding), body, &Limits::default()));
        // Below 64 KiB the ratio does not count yet.
        prop_assert!(decoded.map_or(0, |plain| plain.len()) <= 64 * 1024);
    }
}

#[tokio::test]
async fn a_bomb_is_cut_long_before_it_is_large() {
    for coding in CODINGS {
        let bomb = coded(coding, &vec![0; 64 << 20]).await;
        let error = read_request(&encoding(coding), full(bomb), &Limits::default()).await;
        let fault = error.expect_err("a bomb").fault;
        assert_eq!(fault, BodyFault::Bomb, "{coding}");
    }
}

#[tokio::test]
async fn unknown_and_stacked_codings_are_refused() {
    for value in ["compress", "gzip, br", "gzip, gzip", "deflate", "aes128gcm"] {
        let error = read_request(&encoding(value), full("x"), &Limits::default()).await;
        assert_eq!(
            error.expect_err("refused").fault,
            BodyFault::Coding,
            "{value}"
        );
    }
    let odd = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-encoding: compress\r\n\r\nx";
    let upstream = to(&format!(
        "http://{}",
        scripted(vec![say(odd), Step::Stall]).await
    ));
    assert_eq!(
        fault(post(&upstream, "/", &[], "").await),
        UpstreamFault::Coding
    );
}

#[tokio::test]
async fn coded_answers_arrive_plain_and_piece_by_piece() {
    use async_compression::tokio::write::{BrotliEncoder, GzipEncoder, ZstdEncoder};
    use tokio::io::AsyncWriteExt;
    macro_rules! flushed {
        ($encoder:ident) => {{
            let mut encoder = $encoder::new(Vec::new());
            encoder
                .write_all(b"data: turnip\n\n")
                .await
                .expect("memory");
            encoder.flush().await.expect("memory");
            encoder.into_inner()
        }};
    }
    for coding in CODINGS {
        let first = match coding {
            "gzip" => flushed!(GzipEncoder),
            "br" => flushed!(BrotliEncoder),
            _ => flushed!(ZstdEncoder),
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n",
            first.len()
        );
        let mut bytes = head.into_bytes();
        bytes.extend(first);
        bytes.extend(b"\r\n");
        // The upstream goes on later: what it has flushed must not wait for that.
        let upstream = to(&format!(
            "http://{}",
            scripted(vec![Step::Say(bytes), Step::Stall]).await
        ));
        let answer = post(&upstream, "/", &[], "").await.expect("a head");
        assert!(!answer.headers().contains_key("content-encoding"));
        let mut body = answer.into_body();
        let mut seen = Vec::new();
        while seen.len() < 14 {
            let frame = body.frame().await.expect("more").expect("data");
            seen.extend(frame.into_data().expect("data"));
        }
        assert_eq!(seen, b"data: turnip\n\n", "{coding}");
    }
}

#[tokio::test]
async fn large_bodies_stop_at_their_limit() {
    let limits = Limits {
        request_body_bytes: 10,
        ..Limits::default()
    };
    let read = |chunk: &'static str| {
        let body = chunks(vec![Bytes::from_static(chunk.as_bytes()); 2]);
        let limits = limits.clone();
        async move { read_request(&HeaderMap::new(), body, &limits).await }
    };
    assert_eq!(read("12345").await, Ok(Bytes::from("1234512345")));
    let error = read("123456").await.expect_err("too large");
    assert_eq!(error.fault, BodyFault::TooLarge { limit_bytes: 10 });
    let declared = read_request(&HeaderMap::new(), full("12345678901"), &limits).await;
    assert!(declared.is_err());
    let held = read_whole(full("12345678901"), 10, Blame::Upstream).await;
    assert_eq!(held.map_err(|error| error.blame), Err(Blame::Upstream));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_times_out() {
    let endless =
        futures_util::stream::pending::<Result<http_body::Frame<Bytes>, std::io::Error>>();
    let body = http_body_util::StreamBody::new(endless);
    let started = tokio::time::Instant::now();
    let error = read_request(&HeaderMap::new(), body, &Limits::default()).await;
    assert_eq!(error.map_err(|error| error.fault), Err(BodyFault::Slow));
    let limit = u64::from(Limits::default().request_body_timeout_secs);
    assert_eq!(started.elapsed().as_secs(), limit);
}

// --- TLS -------------------------------------------------------------------------------------

#[tokio::test]
async fn tls_with_our_own_authority_and_certificates_on_both_sides() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let (servers, callers) = (
        Authority::new(path, "servers"),
        Authority::new(path, "callers"),
    );
    let (certificate, key) = servers.issue(path, "server", "localhost");
    let files = Tls {
        certificate,
        key,
        client_ca: Some(callers.file.clone()),
    };
    let tls = ServerTls::load(&files).expect("good files");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let server = serve(Limits::default(), Some(tls), move |request, peer| {
        let version = request.version();
        record
            .lock()
            .expect("no panic")
            .push((peer.certified, version));
        async { Response::new(full("turnip")) }
    });
    let mut ours = upstream(&format!("https://localhost:{}", server.address.port()));
    ours.ca_file = Some(servers.file.clone());
    ours.client_certificate = Some(callers.issue(path, "client", "caller"));
    for (http2, version) in [
        (Http2::Auto, http::Version::HTTP_2),
        (Http2::Only, http::Version::HTTP_2),
        (Http2::Never, http::Version::HTTP_11),
    ] {
        ours.http2 = http2;
        let upstream = Upstream::new(&ours, &Limits::default()).expect("good files");
        let answer = post(&upstream, "/", &[], "").await.expect("an answer");
        assert_eq!(text(answer).await, "turnip");
        assert_eq!(seen.lock().expect("no panic").pop(), Some((true, version)));
    }
    ours.http2 = Http2::Auto;
    let mut stranger = ours.clone();
    stranger.client_certificate = Some(servers.issue(path, "stranger", "caller"));
    let mut nobody = ours.clone();
    nobody.client_certificate = None;
    let mut distrustful = ours.clone();
    distrustful.ca_file = Some(callers.file.clone());
    let mut public = ours.clone();
    public.ca_file = None;
    for wrong in [stranger, nobody, distrustful, public] {
        let upstream = Upstream::new(&wrong, &Limits::default()).expect("good files");
        let failed = fault(post(&upstream, "/", &[], "").await);
        assert!(
            matches!(failed, UpstreamFault::Connect | UpstreamFault::Reset),
            "{failed:?}"
        );
    }
    assert!(
        seen.lock().expect("no panic").is_empty(),
        "a stranger got through"
    );
}

#[test]
fn files_that_are_no_certificates_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").expect("writes");
    let mut server = upstream("https://localhost");
    server.ca_file = Some(empty);
    let error = Upstream::new(&server, &Limits::default()).expect_err("no certificate");
    assert!(
        error.contains("empty.pem") && error.contains("BEGIN CERTIFICATE"),
        "{error}"
    );
}
