//! What the config file says, checked: every name resolved to a value, every path absolute.
//!
//! Two forms, one door: [`file`] is the YAML one to one, [`Config::load`] turns it into this or
//! into all its problems with `file:line:column` and a help line. Policies are not looked at here.

pub mod file;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use ipnet::IpNet;

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
    /// Who speaks in a request with these headers from that peer.
    pub fn of(&self, _headers: &HeaderMap, _peer: IpAddr) -> Audience {
        Audience {
            band: self.default,
            source: AudienceSource::App,
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

/// Everything that is wrong with a config, rendered for people: one block per problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<String>);

impl Config {
    /// Reads and checks a config file. Paths in it are relative to it.
    pub fn load(_path: &Path) -> Result<Self, ConfigErrors> {
        unimplemented!()
    }

    /// Checks a config text; `origin` names it in errors, `folder` is what its paths are relative to.
    pub fn parse(_text: &str, _origin: &str, _folder: &Path) -> Result<Self, ConfigErrors> {
        unimplemented!()
    }

    /// The set-up without a file: one app "default" for every request, every policy, level 1,
    /// audience unknown, failure blocks; the given upstream or else the built-in mock.
    pub fn default_for(_upstream: Option<Uri>) -> Self {
        unimplemented!()
    }

    /// The app that a request belongs to (index into [`Config::apps`]) and its path without the
    /// app's prefix.
    pub fn route<'p>(
        &self,
        _request: &http::request::Parts,
        _path: &'p str,
    ) -> Option<(usize, &'p str)> {
        unimplemented!()
    }
}
