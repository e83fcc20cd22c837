//! What the config file says, checked: every name resolved to a value, every path absolute.
//!
//! Two forms, one door: [`file`] is the YAML one to one, [`Config::load`] turns it into this or
//! into all its problems with `file:line:column` and a help line. Policies are not looked at here.

mod check;
mod check_asked;
mod check_caller;
mod check_pictures;
mod check_upstream;
mod credential;
pub mod file;
mod problems;
mod profile;
mod route;
mod support;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use http::uri::Authority;
use http::{HeaderMap, HeaderName, Uri};
use ipnet::IpNet;

use crate::codec::RefusalStyle;
use crate::limits::Limits;
use crate::message::{Audience, AudienceSource, Band};
use crate::picture::label::Label;
use crate::policy::reply::Template;
use crate::policy::{AppPolicies, Hold, Mode};
pub use credential::{Credential, Secret};
pub use route::{Match, Passthrough};
pub use support::{Day, HelplineBook, Support, stale_lines};

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
    /// The folder of models in files ([`crate::models`]).
    pub models: PathBuf,
    /// Endpoints that policies may ask about a prompt.
    pub remotes: Vec<Remote>,
    /// Classifiers in files that policies may ask.
    pub classifiers: Vec<Classifier>,
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
    /// For whom its profile is, if it has one.
    pub profile: Option<Band>,
    /// Whether verdicts act.
    pub mode: Mode,
    /// Whether text of an answer waits for its sentence's score.
    pub hold: Hold,
    /// Who speaks.
    pub audience: AudienceRule,
    /// What happens when judging itself fails.
    pub on_failure: OnFailure,
    /// What happens to pictures that are named by their address, if it says so.
    pub image_urls: Option<ImageUrls>,
    /// What pictures of answers are labelled with, if they are; the number is each exchange's own.
    pub label: Option<Label>,
    /// How refusals of prompts look.
    pub refusal: RefusalStyle,
    /// Who helps in its region, if it named one.
    pub support: Option<Support>,
    /// What replies leave open for its region, in each language.
    pub helplines: HelplineBook,
    /// What follows a refusal: whom to ask when it was wrong.
    pub appeal: Option<Template>,
    /// The answer cache, if any.
    pub cache: Option<CacheBounds>,
    /// What becomes of requests that go on from what the server keeps.
    pub kept: KeptContext,
    /// What becomes of sound in realtime sessions.
    pub sound: Sound,
    /// Routes that no dialect knows and that go on uninspected.
    pub passthrough: Vec<Passthrough>,
}

/// What becomes of a request that goes on from an answer that the server keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeptContext {
    /// It is refused: nobody could judge what it goes on from.
    #[default]
    Refuse,
    /// It is judged with what was said before, which is remembered for that.
    Stored,
}

/// What becomes of sound in realtime sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sound {
    /// It is refused, and withheld where a server sends it unasked: sessions are words alone.
    #[default]
    Refuse,
    /// It waits until its transcript was judged: an answer's for that of its part; what a caller says
    /// is answered by nothing that is shown before its own transcript was.
    Held,
}

/// What happens to an exchange when judging itself fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnFailure {
    /// It is refused.
    Block,
    /// It goes on unjudged (child areas of the shipped pack are closed all the same).
    Allow,
}

/// What happens to pictures that are named by their address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageUrls {
    /// They pass unseen; the audit says so.
    Unseen,
    /// They are refused.
    Refuse,
    /// Requests are made to ask for the pictures themselves; addresses are refused all the same.
    Base64,
    /// They are fetched and judged. A prompt goes on with what was fetched.
    Fetch(PictureHosts),
}

/// From where pictures are fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureHosts {
    /// Where they may lie.
    pub hosts: Vec<PictureHost>,
    /// Networks, otherwise closed, in which those hosts may be.
    pub private: Vec<IpNet>,
    /// PEM authorities to trust instead of the public ones.
    pub ca_file: Option<PathBuf>,
    /// How those of answers are shown.
    pub answers: ShownAs,
}

/// A host from which pictures may be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureHost {
    /// Its name, lower case.
    pub name: String,
    /// Whether it stands for every name below it instead.
    pub below: bool,
    /// Whether TLS is spoken.
    pub secure: bool,
    /// Its port.
    pub port: u16,
}

impl PictureHost {
    /// The name and the port of a host as addresses write it, in the one form in which declared and
    /// asked ones are compared.
    pub fn of(authority: &Authority, secure: bool) -> (String, u16) {
        let name = authority.host().trim_matches(['[', ']']);
        let port = match authority.port() {
            Some(port) => port.as_u16(),
            None if secure => 443,
            None => 80,
        };
        (name.to_ascii_lowercase(), port)
    }
}

/// How a picture of an answer is shown that was fetched and judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ShownAs {
    /// By its address, as the answer has it.
    #[default]
    Address,
    /// As the very bytes that were judged, in a data URL.
    Inline,
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
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// An endpoint that is asked about prompts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// What policies call it.
    pub name: String,
    /// Where it is.
    pub server: UpstreamServer,
    /// What is asked, and how it answers.
    pub asking: Asking,
    /// The model's name, as it is told.
    pub model: String,
    /// Milliseconds until it has to have answered.
    pub timeout_ms: u32,
    /// Questions at once.
    pub at_once: u32,
}

/// What an endpoint is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asking {
    /// For a moderation.
    Moderation,
    /// In a chat.
    Chat(Answers),
}

/// How a chat model answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answers {
    /// As Llama Guard does.
    LlamaGuard,
    /// As Qwen3Guard does.
    Qwen3Guard,
    /// With a JSON object of scores, by a policy that it is told.
    Scores {
        /// What it judges by.
        policy: String,
        /// What it gives scores of.
        labels: Vec<String>,
    },
}

/// A classifier in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classifier {
    /// What policies call it.
    pub name: String,
    /// The network (ONNX).
    pub file: PathBuf,
    /// Its `tokenizer.json`.
    pub tokenizer: PathBuf,
    /// Its labels, in the order of its outputs.
    pub labels: Vec<String>,
    /// How its outputs become probabilities.
    pub squash: Squash,
    /// Pieces of a text that it reads at a time.
    pub max_tokens: u32,
    /// Milliseconds until it has to have answered.
    pub timeout_ms: u32,
}

/// How a network's outputs become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Squash {
    /// One of the labels is right.
    Softmax,
    /// Each is right or not.
    Sigmoid,
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

/// Who speaks, and who may say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudienceRule {
    /// When nobody trusted says otherwise.
    pub default: Band,
    /// Where the default comes from: the app, its profile or its callers' keys.
    pub source: AudienceSource,
    /// The header in which a trusted peer names the band.
    pub header: Option<HeaderName>,
    /// Peers whose header is believed.
    pub trusted_peers: Vec<IpNet>,
}

impl AudienceRule {
    /// Who speaks in a request with these headers from that peer. A header of a peer that is not
    /// trusted, or that names no band, counts for nothing. `12-13; assurance=verified` (or
    /// `estimated`) says how the band is known.
    pub fn of(&self, headers: &HeaderMap, peer: IpAddr) -> Audience {
        let peer = peer.to_canonical();
        let trusted = self.trusted_peers.iter().any(|net| net.contains(&peer));
        let named = self
            .header
            .as_ref()
            .filter(|_| trusted)
            .and_then(|name| headers.get(name))
            .and_then(|value| claimed(value.to_str().ok()?));
        named.unwrap_or(Audience {
            band: self.default,
            source: self.source,
        })
    }
}

/// What an audience header says.
fn claimed(value: &str) -> Option<Audience> {
    let mut parts = value.split(';').map(str::trim);
    let band = Band::named(parts.next()?)?;
    let assurance = parts.find_map(|part| part.strip_prefix("assurance="));
    let source = match assurance {
        Some("estimated") => AudienceSource::Estimated,
        Some("verified") => AudienceSource::Verified,
        _ => AudienceSource::Header,
    };
    Some(Audience { band, source })
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
#[derive(Debug, Clone)]
pub struct ConfigErrors {
    /// One block per problem.
    pub problems: Vec<String>,
    /// The config with defaults where it is wrong, if its shape could be read: to look for what else is
    /// wrong, never to serve with.
    pub draft: Option<Box<Config>>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.problems.join("\n\n"))
    }
}

impl std::error::Error for ConfigErrors {}

/// Where callers connect when nobody says otherwise: this machine only.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

/// Where models lie when nobody says otherwise.
pub const MODELS: &str = "models";

/// Largest config file; a hundred apps with all their phrases are a tenth of it.
const CONFIG_BYTES: u64 = 4 * 1024 * 1024;

impl Config {
    /// What each app says about policies, in their order.
    pub fn policies(&self) -> Vec<AppPolicies> {
        self.apps.iter().map(|app| app.policies.clone()).collect()
    }

    /// Reads and checks a config file. Paths in it are relative to it.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        let origin = path.display().to_string();
        let unreadable = |error: &dyn fmt::Display| ConfigErrors {
            problems: vec![format!(
                "error: cannot read the config\n  --> {origin}\n  = {error}\n  = help: wardgate serve --config FILE; without --config it starts with defaults"
            )],
            draft: None,
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
            models: PathBuf::from(MODELS),
            remotes: Vec::new(),
            classifiers: Vec::new(),
            audit: AuditTarget::Stderr,
            limits: Limits::default(),
            apps: vec![App {
                profile: None,
                policies: AppPolicies {
                    app: name.clone(),
                    level: 1,
                    ..AppPolicies::default()
                },
                name,
                matches: Match::default(),
                upstream,
                mode: Mode::Enforce,
                hold: Hold::default(),
                audience: AudienceRule {
                    default: Band::Unknown,
                    source: AudienceSource::App,
                    header: None,
                    trusted_peers: Vec::new(),
                },
                helplines: HelplineBook::shipped(),
                image_urls: None,
                label: None,
                on_failure: OnFailure::Block,
                refusal: RefusalStyle::Answer,
                support: None,
                appeal: None,
                cache: None,
                kept: KeptContext::Refuse,
                sound: Sound::Refuse,
                passthrough: Vec::new(),
            }],
            watched: Vec::new(),
        }
    }
}
