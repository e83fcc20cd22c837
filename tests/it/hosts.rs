//! Where pictures may be fetched from, over real sockets: declared hosts, at addresses that were checked,
//! within bounds. Names are resolved by the tests themselves.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use http::Response;
use wardgate::body::full;
use wardgate::config::{Config, ImageUrls, PictureHosts, Tls};
use wardgate::hosts::{Brought, Hosts, Resolve, Resolving, Unfetched};
use wardgate::limits::Limits;
use wardgate::tls::{ServerTls, plain_client};

use crate::addresses::{Shelf, code, png};
use crate::wire::{Authority, Step, scripted, serve};

/// What a config says of hosts, asked with the machine's resolver.
fn hosts(fetch: &str, limits: &Limits) -> Hosts {
    let declared = declared(fetch);
    let tls = plain_client(declared.ca_file.as_deref()).expect("authorities");
    Hosts::new(declared, tls, limits)
}

fn declared(fetch: &str) -> PictureHosts {
    let yaml = format!(
        "apps: [{{name: a, upstream: {{url: mock}}, on_failure: block, image_urls: {{fetch: {{{fetch}}}}}}}]"
    );
    let config = Config::parse(&yaml, "test.yaml", std::path::Path::new("/"));
    let config = config.unwrap_or_else(|problems| panic!("{}", problems.problems.join("\n")));
    match config.apps[0].image_urls.clone() {
        Some(ImageUrls::Fetch(hosts)) => hosts,
        other => panic!("{other:?}"),
    }
}

async fn bring(hosts: &Hosts, url: &str) -> Result<Brought, Unfetched> {
    hosts.bring(&[url]).await.remove(0)
}

#[tokio::test]
async fn redirects_lead_to_declared_places_only() {
    let other = Shelf::open();
    let elsewhere = other.url("/pear.png");
    let shelf = Shelf::with(move |path, _| {
        let to = match path {
            "/here" => "/pear.png".to_owned(),
            "/loop" => "/loop".to_owned(),
            "/away" => elsewhere.clone(),
            "/odd" => "//127.0.0.1/pear.png".to_owned(),
            "/none" => String::new(),
            _ => return png(code("pear")),
        };
        let moved = Response::builder().status(302).header("location", to);
        moved.body(full("")).expect("an answer")
    });
    let (here, there) = (shelf.server.address, other.server.address);
    let only = format!("hosts: [\"http://{here}\"], private: [127.0.0.0/8]");
    let only = hosts(&only, &Limits::default());
    let pear = bring(&only, &shelf.url("/here")).await.expect("a picture");
    assert_eq!(
        (&pear.file[..], &*pear.media_type),
        (&code("pear")[..], "image/png")
    );
    for path in ["/loop", "/away", "/odd", "/none"] {
        assert_eq!(
            bring(&only, &shelf.url(path)).await,
            Err(Unfetched::Elsewhere),
            "{path}"
        );
    }
    assert_eq!(other.asked.load(Ordering::SeqCst), 0);
    let both = format!("hosts: [\"http://{here}\", \"http://{there}\"], private: [127.0.0.0/8]");
    assert!(
        bring(&hosts(&both, &Limits::default()), &shelf.url("/away"))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn pictures_of_one_body_share_their_room() {
    let size = code("pear").len() as u64;
    let stalls = Step::Say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec());
    let endless = Step::Say([b"100000\r\n", &vec![b'a'; 0x10_0000][..], b"\r\n"].concat());
    let endless = scripted(vec![stalls, endless, Step::Stall]).await;
    let shelf = Shelf::open();
    let here = shelf.server.address;
    let fetch = format!("hosts: [\"http://{here}\", \"http://{endless}\"], private: [127.0.0.1]");
    let limits = Limits {
        fetched_bytes: 2 * size,
        ..Limits::default()
    };
    let hosts = hosts(&fetch, &limits);
    let url = shelf.url("/pear.png");
    let all = hosts.bring(&[&url, &url, &url]).await;
    assert_eq!(all.iter().filter(|one| one.is_ok()).count(), 2);
    assert!(all.contains(&Err(Unfetched::TooLarge)));
    assert!(
        bring(&hosts, &url).await.is_ok(),
        "the next body has its own room"
    );
    assert_eq!(
        bring(&hosts, &format!("http://{endless}/")).await,
        Err(Unfetched::TooLarge)
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_host_is_not_waited_for() {
    let head =
        b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 900\r\n\r\nab".to_vec();
    for steps in [vec![Step::Stall], vec![Step::Say(head), Step::Stall]] {
        let slow = scripted(steps).await;
        let hosts = hosts(
            &format!("hosts: [\"http://{slow}\"], private: [127.0.0.1]"),
            &Limits::default(),
        );
        assert_eq!(
            bring(&hosts, &format!("http://{slow}/a.png")).await,
            Err(Unfetched::Late)
        );
    }
    let gone = scripted(vec![Step::Hangup]).await;
    let hosts = hosts(
        &format!("hosts: [\"http://{gone}\"], private: [127.0.0.1]"),
        &Limits::default(),
    );
    assert!(
        bring(&hosts, &format!("http://{gone}/a.png"))
            .await
            .is_err()
    );
}

/// Says of each name what it is told to, then what comes next; remembers how often it was asked.
#[derive(Debug, Default)]
struct Told {
    says: BTreeMap<&'static str, Vec<Vec<&'static str>>>,
    asked: Mutex<Vec<String>>,
}

impl Resolve for Told {
    fn resolve<'r>(&'r self, host: &'r str, port: u16) -> Resolving<'r> {
        let mut asked = self.asked.lock().expect("whole");
        let times = asked.iter().filter(|one| *one == host).count();
        asked.push(host.to_owned());
        let says = self.says.get(host).and_then(|says| says.get(times));
        let address = |text: &&str| SocketAddr::new(text.parse().expect("an address"), port);
        let found = says.map(|says| says.iter().map(address).collect());
        Box::pin(async move { found.ok_or_else(|| std::io::ErrorKind::NotFound.into()) })
    }
}

#[tokio::test]
async fn nobody_is_led_to_a_machine_within() {
    let shelf = Shelf::open();
    let port = shelf.server.address.port();
    let closed: Vec<Vec<&str>> = [
        "127.0.0.1",
        "10.1.1.1",
        "169.254.169.254",
        "100.100.100.200",
        "::1",
        "fd00:ec2::254",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "0.0.0.0",
    ]
    .map(|one| vec![one])
    .into_iter()
    .chain([vec!["1.1.1.1", "127.0.0.1"], vec![]])
    .collect();
    let count = closed.len();
    let told = Arc::new(Told {
        says: BTreeMap::from([("pictures.example", closed)]),
        ..Told::default()
    });
    let fetch = format!("hosts: [\"http://pictures.example:{port}\", \"http://127.0.0.1:{port}\"]");
    let within = hosts(&fetch, &Limits::default()).resolving(told.clone());
    let url = format!("http://pictures.example:{port}/pear.png");
    for at in 0..count {
        assert_eq!(
            bring(&within, &url).await,
            Err(Unfetched::Unreachable),
            "{at}"
        );
    }
    assert_eq!(
        bring(&within, &shelf.url("/pear.png")).await,
        Err(Unfetched::Unreachable)
    );
    assert_eq!(told.asked.lock().expect("whole").len(), count);
    assert_eq!(shelf.asked.load(Ordering::SeqCst), 0);
    // A declared network opens itself and nothing else; the servers that know secrets stay closed.
    let says = vec![
        vec!["127.0.0.1"],
        vec!["127.0.0.2"],
        vec!["::ffff:169.254.169.254"],
    ];
    let told = Told {
        says: BTreeMap::from([("pictures.example", says)]),
        ..Told::default()
    };
    let own = hosts(
        &format!("{fetch}, private: [127.0.0.1]"),
        &Limits::default(),
    );
    let own = own.resolving(Arc::new(told));
    assert!(bring(&own, &url).await.is_ok());
    for _ in 0..2 {
        assert_eq!(bring(&own, &url).await, Err(Unfetched::Unreachable));
    }
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_asked_once() {
    let (good, bad) = (Shelf::open(), Shelf::with(|_, _| png(code("turnip"))));
    let port = good.server.address.port();
    // The second time it would stand for a machine that nobody may reach.
    let says = vec![vec!["127.0.0.1"], vec!["169.254.169.254"]];
    let told = Arc::new(Told {
        says: BTreeMap::from([("pictures.example", says)]),
        ..Told::default()
    });
    let fetch = format!("hosts: [\"http://pictures.example:{port}\"], private: [127.0.0.1]");
    let hosts = hosts(&fetch, &Limits::default()).resolving(told.clone());
    let url = format!("http://pictures.example:{port}/pear.png");
    let brought = bring(&hosts, &url).await.expect("a picture");
    assert_eq!(brought.file, code("pear"));
    assert_eq!(told.asked.lock().expect("whole").len(), 1);
    assert_eq!(bring(&hosts, &url).await, Err(Unfetched::Unreachable));
    assert_eq!(bad.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_address_is_a_declared_host_and_nothing_that_looks_like_it() {
    let told = Arc::new(Told::default());
    let hosts = hosts(
        "hosts: [cdn.example, \"*.pics.example\", \"plain.example:8443\"]",
        &Limits::default(),
    );
    let hosts = hosts.resolving(told.clone());
    for url in [
        "https://cdn.example.evil/a",
        "https://evil-cdn.example/a",
        "https://cdn.example:444/a",
        "http://cdn.example/a",
        "https://u@cdn.example/a",
        "https://cdn.example@evil.example/a",
        "https://pics.example/a",
        "https://.pics.example/a",
        "https://apics.example/a",
        "https://cdn.example./a",
        "https://cdn.example:/a",
        "https://plain.example/a",
        "ftp://cdn.example/a",
        "https:cdn.example",
        "https://cdn.example%2eevil/a",
        "https://evil.example\\.pics.example/a",
        "",
        "cdn.example/a",
    ] {
        assert_eq!(
            bring(&hosts, url).await,
            Err(Unfetched::Undeclared),
            "{url}"
        );
    }
    let long = format!("https://cdn.example/{}", "a".repeat(9000));
    assert_eq!(bring(&hosts, &long).await, Err(Unfetched::Undeclared));
    assert!(told.asked.lock().expect("whole").is_empty());
    for url in [
        "https://CDN.example/a#b",
        "https://a.b.pics.example/a",
        "https://plain.example:8443/a",
    ] {
        assert_eq!(
            bring(&hosts, url).await,
            Err(Unfetched::Unreachable),
            "{url}"
        );
    }
    assert_eq!(
        *told.asked.lock().expect("whole"),
        ["cdn.example", "a.b.pics.example", "plain.example"]
    );
}

#[tokio::test]
async fn a_host_proves_to_be_the_one_that_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new(folder.path(), "authority");
    let stranger = Authority::new(folder.path(), "stranger");
    let (certificate, key) = authority.issue(folder.path(), "server", "pictures.example");
    let tls = ServerTls::load(&Tls {
        certificate,
        key,
        client_ca: None,
    })
    .expect("files");
    let shelf = serve(Limits::default(), Some(tls), |_, _| async {
        png(code("pear"))
    });
    let port = shelf.address.port();
    for (name, trusted, good) in [
        ("pictures.example", &authority.file, true),
        ("other.example", &authority.file, false),
        ("pictures.example", &stranger.file, false),
    ] {
        let fetch = format!(
            "hosts: [\"{name}:{port}\"], private: [127.0.0.1], ca_file: {}",
            trusted.display()
        );
        let says = BTreeMap::from([
            ("pictures.example", vec![vec!["127.0.0.1"]]),
            ("other.example", vec![vec!["127.0.0.1"]]),
        ]);
        let hosts = hosts(&fetch, &Limits::default());
        let hosts = hosts.resolving(Arc::new(Told {
            says,
            ..Told::default()
        }));
        let brought = bring(&hosts, &format!("https://{name}:{port}/pear.png")).await;
        assert_eq!(brought.is_ok(), good, "{name}: {brought:?}");
    }
}

#[test]
fn a_config_opens_no_server_that_knows_secrets() {
    let problems = |fetch: &str| {
        let yaml = format!(
            "apps: [{{name: a, upstream: {{url: mock}}, on_failure: block, image_urls: {{fetch: {{{fetch}}}}}}}]"
        );
        let config = Config::parse(&yaml, "test.yaml", std::path::Path::new("/"));
        config
            .err()
            .map_or(String::new(), |problems| problems.problems.join("\n"))
    };
    assert_eq!(
        problems("hosts: [a.example], private: [10.0.0.0/8, \"::1\"]"),
        ""
    );
    for private in [
        "169.254.0.0/16",
        "0.0.0.0/0",
        "169.254.169.254",
        "\"fe80::/64\"",
        "\"::/0\"",
    ] {
        let said = problems(&format!("hosts: [a.example], private: [{private}]"));
        assert!(
            said.contains("tell a machine about itself"),
            "{private}: {said}"
        );
    }
    assert!(problems("hosts: []").contains("names no host"));
    assert!(problems("hosts: [\"*\"]").contains("is no host of pictures"));
    assert!(problems("hosts: [a.example], answers: both").contains("none of the choices"));
}
