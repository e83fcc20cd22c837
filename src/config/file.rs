//! The config file one to one, as written: nothing is resolved or checked here beyond its shape.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use crate::limits::Limits;
use crate::policy::file::Localised;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Where callers connect, "127.0.0.1:8080" when absent.
    pub listen: Option<SocketAddr>,
    /// Where `/metrics`, `/healthz` and `/readyz` answer.
    pub admin: Option<SocketAddr>,
    /// TLS towards callers.
    pub tls: Option<Tls>,
    /// Folders of policies beside the shipped pack.
    #[serde(default)]
    pub policy_folders: Vec<Spanned<PathBuf>>,
    /// The folder of models in files; `models` beside this file when absent.
    pub models: Option<PathBuf>,
    /// Where audit lines go.
    #[serde(default)]
    pub audit: Audit,
    /// Endpoints that policies may ask about a prompt, by name.
    #[serde(default)]
    pub remotes: BTreeMap<String, Spanned<Remote>>,
    /// Classifiers in files that policies may ask, by name.
    #[serde(default)]
    pub classifiers: BTreeMap<String, Spanned<Classifier>>,
    /// Every bound.
    pub limits: Option<Spanned<Limits>>,
    /// The applications.
    pub apps: Spanned<Vec<App>>,
}

/// TLS towards callers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM chain, leaf first.
    pub certificate: Spanned<PathBuf>,
    /// PEM key.
    pub key: Spanned<PathBuf>,
    /// Authorities of the certificates that callers must show.
    pub client_ca: Option<Spanned<PathBuf>>,
}

/// Where audit lines go.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// "stdout", "stderr" or a file.
    pub file: Option<String>,
}

/// One application.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// Its name; its profile's when absent.
    pub name: Option<Spanned<String>>,
    /// Policies, level, audience and failure choice in one word; what the app writes itself wins.
    pub profile: Option<Spanned<String>>,
    /// Which requests are its.
    #[serde(default, rename = "match")]
    pub matches: Match,
    /// Where its requests go.
    pub upstream: Spanned<Upstream>,
    /// Policy names, rows or rule ids; all when absent.
    pub policies: Option<Vec<String>>,
    /// Rules above this level are off.
    pub level: Option<Spanned<u8>>,
    /// Whether verdicts act.
    #[serde(default)]
    pub mode: Mode,
    /// Whether text of an answer waits until its sentence has been scored.
    #[serde(default)]
    pub hold: Hold,
    /// Who speaks.
    pub audience: Option<Spanned<Audience>>,
    /// What happens when judging fails.
    pub on_failure: Option<OnFailure>,
    /// What happens to pictures that are named by their address; where the app's rules read pictures,
    /// or its profile is for minors, they are refused when this is absent.
    pub image_urls: Option<Spanned<ImageUrls>>,
    /// What pictures of answers are labelled with; they are not when absent.
    pub label: Option<Spanned<Label>>,
    /// How refusals look.
    #[serde(default)]
    pub refusal: Refusal,
    /// Whose help lines follow supporting replies: the name of a support pack.
    pub region: Option<Spanned<String>>,
    /// What follows a refusal: whom to ask when it was wrong.
    pub appeal: Option<Spanned<Localised>>,
    /// The answer cache.
    pub cache: Option<Spanned<Cache>>,
    /// What OpenAI's responses need.
    #[serde(default)]
    pub responses: Responses,
    /// What OpenAI's realtime sessions need.
    #[serde(default)]
    pub realtime: Realtime,
    /// Rule id -> what this app changes.
    #[serde(default)]
    pub overrides: BTreeMap<String, Spanned<Override>>,
    /// Phrases within which nothing is detected.
    #[serde(default)]
    pub allow: Vec<Spanned<String>>,
    /// Routes that go on uninspected: "GET /v1/models".
    #[serde(default)]
    pub passthrough: Vec<Spanned<String>>,
}

impl App {
    /// Where to point when something of the app is missing.
    pub fn place(&self) -> Location {
        let name = self.name.as_ref().or(self.profile.as_ref());
        name.map_or(self.upstream.referenced, |name| name.referenced)
    }
}

/// Which requests are an app's.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// The host, without port.
    pub host: Option<Spanned<String>>,
    /// The beginning of the path, whole segments.
    pub path_prefix: Option<Spanned<String>>,
    /// Headers with exactly these values.
    #[serde(default)]
    pub header: BTreeMap<String, Spanned<String>>,
    /// SHA-256 (hex) of bearer keys.
    #[serde(default)]
    pub bearer_sha256: Vec<Spanned<String>>,
}

/// Where an app's requests go.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// "https://host[:port][/base]", or "mock".
    pub url: Spanned<String>,
    /// Authorities to trust instead of the public ones.
    pub ca_file: Option<Spanned<PathBuf>>,
    /// Our certificate chain.
    pub client_certificate: Option<Spanned<PathBuf>>,
    /// Its key.
    pub client_key: Option<Spanned<PathBuf>>,
    /// HTTP version.
    #[serde(default)]
    pub http2: Http2,
    /// "pass", {env: NAME} or {file: path}.
    pub credential: Option<Spanned<Credential>>,
    /// The header that carries our credential.
    pub credential_header: Option<Spanned<String>>,
}

/// Which HTTP version is spoken upstream.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Http2 {
    /// What TLS negotiates.
    #[default]
    Auto,
    /// HTTP/2.
    Only,
    /// HTTP/1.1.
    Never,
}

/// Which credential the upstream sees.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Credential {
    /// The caller's own, the default.
    Pass,
    /// Ours, from an environment variable.
    Env(String),
    /// Ours, from a file.
    File(PathBuf),
}

/// Whether verdicts act.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// They do.
    #[default]
    Enforce,
    /// They are only recorded.
    Observe,
}

/// Whether text of an answer waits for the classifier.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hold {
    /// Nothing of a sentence leaves before its score.
    #[default]
    Sentence,
    /// Text leaves as it comes; the answer ends with a sentence whose score says so.
    Tail,
}

/// What happens when judging fails.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// Refuse.
    Block,
    /// Let pass.
    Allow,
}

/// What happens to pictures that are named by their address.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageUrls {
    /// They pass unseen; the audit says so.
    Unseen,
    /// They are refused.
    Refuse,
    /// Pictures themselves are asked for, where the dialect has a word for it; addresses are refused.
    Base64,
    /// They are fetched and judged.
    Fetch(Fetch),
}

/// What pictures of answers are labelled with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// The name or code of who is responsible for the service, for the metadata.
    pub producer: Spanned<String>,
    /// The language of the words in the corner.
    pub words: Words,
}

/// The words in a picture's corner.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Words {
    /// AI-generated.
    En,
    /// AI生成.
    Zh,
}

/// From where pictures are fetched.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fetch {
    /// "cdn.example.com", "*.example.com", with a port or with "http://" where need be.
    pub hosts: Vec<Spanned<String>>,
    /// Networks of your own that those hosts may be in: none is reached otherwise.
    #[serde(default)]
    pub private: Vec<Spanned<String>>,
    /// Authorities to trust instead of the public ones.
    pub ca_file: Option<Spanned<PathBuf>>,
    /// How fetched pictures of answers are shown.
    #[serde(default)]
    pub answers: ShownAs,
}

/// How a picture of an answer is shown that was fetched and judged.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShownAs {
    /// By its address, as the answer has it.
    #[default]
    Address,
    /// As the very bytes that were judged, in a data URL.
    Inline,
}

/// How refusals of prompts look.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Refusal {
    /// As an answer.
    #[default]
    Answer,
    /// As an error.
    Error,
}

/// Who speaks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audience {
    /// "minor", "adult", a band such as "12-13", or "unknown".
    pub default: Option<Spanned<String>>,
    /// The header in which a trusted peer names the band.
    pub header: Option<Spanned<String>>,
    /// Addresses or networks whose header is believed.
    #[serde(default)]
    pub trusted_peers: Vec<Spanned<String>>,
}

/// The answer cache.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Age of the oldest answer.
    pub ttl_secs: u64,
    /// Bytes of all answers.
    pub max_bytes: u64,
}

/// What OpenAI's responses need.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Responses {
    /// What becomes of `previous_response_id`.
    #[serde(default)]
    pub context: KeptContext,
}

/// What becomes of a request that goes on from an answer that the server keeps.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeptContext {
    /// It is refused.
    #[default]
    Refuse,
    /// It is judged with what was said before, kept in memory for that.
    Stored,
}

/// What OpenAI's realtime sessions need.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Realtime {
    /// What becomes of sound.
    #[serde(default)]
    pub audio: Sound,
}

/// What becomes of sound in realtime sessions.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sound {
    /// It is refused.
    #[default]
    Refuse,
    /// It waits until its transcript was judged.
    Held,
}

/// What an app changes about a rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Another action.
    pub action: Option<String>,
    /// Another status.
    pub status: Option<String>,
}

/// An endpoint that is asked about prompts. They are sent to it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remote {
    /// Where it is, as an app's upstream.
    pub upstream: Spanned<Upstream>,
    /// What it speaks.
    pub kind: Kind,
    /// The model's name.
    #[serde(default)]
    pub model: String,
    /// How a chat model answers.
    pub answers: Option<Answers>,
    /// What a model is told that answers in scores: what to judge by.
    #[serde(default)]
    pub policy: String,
    /// The labels that it gives scores of.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Milliseconds until it has to have answered.
    pub timeout_ms: Option<u32>,
    /// Questions at once.
    pub at_once: Option<u32>,
}

/// What an endpoint speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// OpenAI's moderations.
    Moderation,
    /// OpenAI's chat completions.
    Chat,
}

/// How a chat model answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answers {
    /// "safe", or "unsafe" and codes.
    LlamaGuard,
    /// "Safety: ..." and "Categories: ...".
    Qwen3guard,
    /// A JSON object of scores.
    Scores,
}

/// A classifier in a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classifier {
    /// The network (ONNX).
    pub file: Spanned<PathBuf>,
    /// Its `tokenizer.json`.
    pub tokenizer: Spanned<PathBuf>,
    /// Its labels, in the order of its outputs.
    pub labels: Vec<String>,
    /// How its outputs become probabilities.
    #[serde(default)]
    pub scores: Squash,
    /// Pieces of a text that it reads at a time.
    pub max_tokens: Option<u32>,
    /// Milliseconds until it has to have answered.
    pub timeout_ms: Option<u32>,
}

/// How a network's outputs become probabilities.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Squash {
    /// One of the labels is right.
    #[default]
    Softmax,
    /// Each is right or not.
    Sigmoid,
}
