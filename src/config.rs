//! What the config file says, checked: every name resolved to a value, every path absolute.
//!
//! Two forms, one door: [`file`] is the YAML one to one, [`Config::load`] turns it into this or
//! into all its problems with `file:line:column` and a help line. Policies are not looked at here.

mod check;
pub mod file;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use ipnet::IpNet;
use sha2::{Digest, Sha256};

use crate::codec::RefusalStyle;
use crate::limits::Limits;
use crate::message::{Audience, AudienceSource, Band};
use crate::policy::{AppPolicies, Mode};

/// Everything a server is started with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where callers connect.
    pub listen: SocketAddr,
    /// Where `/metrics`, `/healthz` and `/readyz` answer, if anywhere.
    pub admin: Option<SocketAddr>,
    /// TLS towards callers, if any.
    pub tls: Option<Tls>,
    /// Folders of policies beside the shipped pack.
    pub policy_folders: Vec<PathBuf>,
    /// Where audit lines go.
    pub audit: AuditTarget,
    /// Every bound.
    pub limits: Limits,
    /// The apps, most specific first: the first whose [`Match`] accepts a request has it.
    pub apps: Vec<App>,
    /// Every file that this config was read from or names, for the file watcher.
    pub watched: Vec<PathBuf>,
}

/// Files for TLS towards callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// PEM certificate chain, leaf first.
    pub certificate: PathBuf,
    /// PEM private key.
    pub key: PathBuf,
    /// PEM authorities; when given, callers must show a certificate of one of them.
    pub client_ca: Option<PathBuf>,
}

/// Where audit lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditTarget {
    /// Standard error, the default: standard output stays free.
    Stderr,
    /// Standard output.
    Stdout,
    /// Appended to a file; the chain goes on from its last line.
    File(PathBuf),
}

/// One protected application.
#[derive(Debug, Clone)]
pub struct App {
    /// Its name in metrics, audit lines and diagnostics.
    pub name: String,
    /// Which requests are its.
    pub matches: Match,
    /// Where its requests go.
    pub upstream: Upstream,
    /// What it says about policies.
    pub policies: AppPolicies,
    /// Whether verdicts act.
    pub mode: Mode,
    /// Who speaks.
    pub audience: AudienceRule,
    /// What happens when judging itself fails.
    pub on_failure: OnFailure,
    /// How refusals of prompts look.
    pub refusal: RefusalStyle,
    /// The answer cache, if any.
    pub cache: Option<CacheBounds>,
    /// Routes that no dialect knows and that go on uninspected.
    pub passthrough: Vec<Passthrough>,
}

/// What happens to an exchange when judging itself fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnFailure {
    /// It is refused.
    Block,
    /// It goes on unjudged (child areas of the shipped pack are closed all the same).
    Allow,
}

/// Which requests are an app's: all that are given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Match {
    /// The host of the request, lower case, without port.
    pub host: Option<String>,
    /// The path starts with these segments; they are taken off before forwarding. No slash at the end.
    pub path_prefix: Option<String>,
    /// Headers with exactly these values.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// SHA-256 of the bearer keys of this app's callers.
    pub bearer_sha256: Vec<[u8; 32]>,
}

/// A route that goes on uninspected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passthrough {
    /// The method.
    pub method: http::Method,
    /// The path without the app's prefix; a last `*` stands for any rest.
    pub path: String,
}

/// Where an app's requests go.
#[derive(Debug, Clone)]
pub enum Upstream {
    /// The built-in mock model: for first steps, nothing leaves the machine.
    Mock,
    /// A server.
    Server(Box<UpstreamServer>),
}

/// A server behind us.
#[derive(Debug, Clone)]
pub struct UpstreamServer {
    /// Scheme, host, port and a base path.
    pub url: Uri,
    /// PEM authorities to trust instead of the public ones.
    pub ca_file: Option<PathBuf>,
    /// PEM chain and key that we show.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// Which HTTP version is spoken.
    pub http2: Http2,
    /// Which credential it sees.
    pub credential: Credential,
}

/// Which HTTP version is spoken upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Http2 {
    /// What TLS negotiates; HTTP/1.1 without TLS.
    Auto,
    /// HTTP/2, without TLS too.
    Only,
    /// HTTP/1.1.
    Never,
}

/// Which credential the upstream sees.
#[derive(Debug, Clone)]
pub enum Credential {
    /// The caller's own.
    Pass,
    /// Ours; every credential of the caller is taken off.
    Replace {
        /// The header that carries it.
        header: HeaderName,
        /// Its value, already with `Bearer ` where the header is `authorization`.
        value: Secret,
    },
}

/// A value that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(HeaderValue);

impl Secret {
    /// A value for a header, marked sensitive so that hyper does not index or print it either.
    pub fn new(value: &str) -> Result<Self, http::header::InvalidHeaderValue> {
        let mut value = HeaderValue::from_str(value)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// The value, for the one place that sends it.
    pub fn expose(&self) -> &HeaderValue {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(..)")
    }
}

/// Who speaks, and who may say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudienceRule {
    /// When nobody trusted says otherwise.
    pub default: Band,
    /// The header in which a trusted peer names the band.
    pub header: Option<HeaderName>,
    /// Peers whose header is believed.
    pub trusted_peers: Vec<IpNet>,
}

impl AudienceRule {
    /// Who speaks in a request with these headers from that peer. A header of a peer that is not
    /// trusted, or that names no band, counts for nothing.
    pub fn of(&self, headers: &HeaderMap, peer: IpAddr) -> Audience {
        let peer = peer.to_canonical();
        let trusted = self.trusted_peers.iter().any(|net| net.contains(&peer));
        let named = self
            .header
            .as_ref()
            .filter(|_| trusted)
            .and_then(|name| headers.get(name))
            .and_then(|value| Band::named(value.to_str().ok()?.trim()));
        match named {
            Some(band) => Audience {
                band,
                source: AudienceSource::Header,
            },
            None => Audience {
                band: self.default,
                source: AudienceSource::App,
            },
        }
    }
}

/// Bounds of an app's answer cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheBounds {
    /// Age of the oldest answer.
    pub ttl_secs: u64,
    /// Bytes of all answers together.
    pub max_bytes: u64,
}

/// Everything that is wrong with a config, rendered for people: one block per problem, each with
/// `file:line:column`, the line and a help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<String>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.join("\n\n"))
    }
}

impl std::error::Error for ConfigErrors {}

/// Where callers connect when nobody says otherwise: this machine only.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

/// Largest config file; a hundred apps with all their phrases are a tenth of it.
const CONFIG_BYTES: u64 = 4 * 1024 * 1024;

impl Config {
    /// Reads and checks a config file. Paths in it are relative to it.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        let origin = path.display().to_string();
        let unreadable = |error: &dyn fmt::Display| {
            ConfigErrors(vec![format!(
                "error: cannot read the config\n  --> {origin}\n  = {error}\n  = help: wardgate serve --config FILE; without --config it starts with defaults"
            )])
        };
        let size = std::fs::metadata(path)
            .map_err(|error| unreadable(&error))?
            .len();
        if size > CONFIG_BYTES {
            return Err(unreadable(&format!("{size} bytes; at most {CONFIG_BYTES}")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(&error))?;
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut config = Self::parse(&text, &origin, folder)?;
        config.watched.push(path.to_owned());
        Ok(config)
    }

    /// Checks a config text; `origin` names it in errors, `folder` is what its paths are relative to.
    pub fn parse(text: &str, origin: &str, folder: &Path) -> Result<Self, ConfigErrors> {
        Self::parse_in(text, origin, folder, &|name| std::env::var(name).ok())
    }

    /// [`Config::parse`] in an environment of the caller's choice.
    pub fn parse_in(
        text: &str,
        origin: &str,
        folder: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigErrors> {
        check::config(text, origin, folder, environment)
    }

    /// The set-up without a file: one app "default" for every request, every policy, level 1,
    /// audience unknown, failure blocks; the given upstream or else the built-in mock.
    pub fn default_for(upstream: Option<Uri>) -> Self {
        let upstream = match upstream {
            None => Upstream::Mock,
            Some(url) => Upstream::Server(Box::new(UpstreamServer {
                url,
                ca_file: None,
                client_certificate: None,
                http2: Http2::Auto,
                credential: Credential::Pass,
            })),
        };
        let name = "default".to_owned();
        Self {
            listen: LISTEN,
            admin: None,
            tls: None,
            policy_folders: Vec::new(),
            audit: AuditTarget::Stderr,
            limits: Limits::default(),
            apps: vec![App {
                policies: AppPolicies {
                    app: name.clone(),
                    level: 1,
                    ..AppPolicies::default()
                },
                name,
                matches: Match::default(),
                upstream,
                mode: Mode::Enforce,
                audience: AudienceRule {
                    default: Band::Unknown,
                    header: None,
                    trusted_peers: Vec::new(),
                },
                on_failure: OnFailure::Block,
                refusal: RefusalStyle::Answer,
                cache: None,
                passthrough: Vec::new(),
            }],
            watched: Vec::new(),
        }
    }

    /// The app that a request belongs to (index into [`Config::apps`]) and `path` without the
    /// app's prefix. `path` may carry its query.
    pub fn route<'p>(
        &self,
        request: &http::request::Parts,
        path: &'p str,
    ) -> Option<(usize, &'p str)> {
        let keyed = self
            .apps
            .iter()
            .any(|app| !app.matches.bearer_sha256.is_empty());
        let facts = Facts {
            host: host_of(request),
            headers: &request.headers,
            key: keyed.then(|| key_hash(&request.headers)).flatten(),
        };
        let mut apps = self.apps.iter().enumerate();
        apps.find_map(|(index, app)| Some((index, app.matches.accepts(&facts, path)?)))
    }
}

/// What of a request decides whose it is.
struct Facts<'r> {
    host: Option<String>,
    headers: &'r HeaderMap,
    key: Option<[u8; 32]>,
}

impl Match {
    /// The path without the prefix, if the request is this app's.
    fn accepts<'p>(&self, facts: &Facts<'_>, path: &'p str) -> Option<&'p str> {
        let keyed = self.bearer_sha256.is_empty()
            || facts
                .key
                .is_some_and(|key| self.bearer_sha256.contains(&key));
        let hosted = self.host.is_none() || self.host == facts.host;
        let headed = self
            .headers
            .iter()
            .all(|(name, value)| facts.headers.get(name) == Some(value));
        if !(keyed && hosted && headed) {
            return None;
        }
        let Some(prefix) = &self.path_prefix else {
            return Some(path);
        };
        let rest = path.strip_prefix(prefix.as_str())?;
        match rest.as_bytes().first() {
            Some(b'/') => Some(rest),
            None => Some("/"),
            Some(_) => None,
        }
    }

    /// How specific it is: a key beats headers, more headers beat fewer, those beat a host, that
    /// beats a path, a longer path beats a shorter one. Requests go to the most specific app.
    fn specificity(&self) -> (bool, usize, bool, usize) {
        (
            !self.bearer_sha256.is_empty(),
            self.headers.len(),
            self.host.is_some(),
            self.path_prefix.as_ref().map_or(0, String::len),
        )
    }

    /// Whether a request could belong to both with nothing to choose between them.
    fn ambiguous_with(&self, other: &Self) -> bool {
        let shares_key = self.bearer_sha256.is_empty()
            || self
                .bearer_sha256
                .iter()
                .any(|key| other.bearer_sha256.contains(key));
        let headers_clash = self.headers.iter().any(|(name, value)| {
            let mut same = other.headers.iter().filter(|(theirs, _)| theirs == name);
            same.any(|(_, theirs)| theirs != value)
        });
        self.specificity() == other.specificity()
            && self.host == other.host
            && self.path_prefix == other.path_prefix
            && shares_key
            && !headers_clash
    }
}

impl App {
    /// Whether a route goes on uninspected. A path that an upstream might read as another one
    /// (dot segments, empty segments, escaped dots, slashes or percent signs) never does.
    pub fn passes(&self, method: &http::Method, path: &str) -> bool {
        let path = path.split('?').next().unwrap_or_default();
        let lower = path.to_ascii_lowercase();
        let devious = ["/../", "/./", "//", "%2e", "%2f", "%5c", "%25", "\\", ";"];
        if devious.iter().any(|bad| lower.contains(bad))
            || lower.ends_with("/..")
            || lower.ends_with("/.")
        {
            return false;
        }
        self.passthrough.iter().any(|route| {
            route.method == *method
                && match route.path.strip_suffix('*') {
                    Some(start) => path.starts_with(start),
                    None => route.path == path,
                }
        })
    }
}

/// The host that a request names, lower case, without port.
fn host_of(request: &http::request::Parts) -> Option<String> {
    if let Some(host) = request.uri.host() {
        return Some(host.to_ascii_lowercase());
    }
    let value = request.headers.get(http::header::HOST)?.to_str().ok()?;
    let authority: http::uri::Authority = value.parse().ok()?;
    Some(authority.host().to_ascii_lowercase())
}

/// SHA-256 of the caller's key, from whichever header its dialect uses.
fn key_hash(headers: &HeaderMap) -> Option<[u8; 32]> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let bearer = text("authorization").and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    let key = bearer
        .or_else(|| text("x-api-key"))
        .or_else(|| text("api-key"))?;
    Some(Sha256::digest(key.as_bytes()).into())
}
