//! From the file as written to the [`Config`], or to every problem with its place and a help.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use http::uri::Scheme;
use http::{HeaderName, HeaderValue, Uri};
use ipnet::IpNet;
use serde_saphyr::{Location, Spanned};

use super::{
    App, AudienceRule, AuditTarget, CacheBounds, Config, ConfigErrors, Credential, Http2, LISTEN,
    Match, Mode, OnFailure, Passthrough, Secret, Tls, Upstream, UpstreamServer, file,
};
use crate::codec::RefusalStyle;
use crate::limits::Limits;
use crate::message::Band;
use crate::policy::{Action, AppPolicies, Override, Status};

/// Longest name of an app: it becomes a metric label and stands in every audit line.
const NAME_BYTES: usize = 64;

/// Smallest head that hyper can be told to accept.
const HEADER_BYTES_MIN: u32 = 8192;

/// Deepest JSON that serde_json reads.
const JSON_DEPTH_MAX: u32 = 127;

/// Largest credential file; a key with a certificate chain stays below.
const CREDENTIAL_BYTES: u64 = 16 * 1024;

/// Parses and checks; everything that can be known at once is reported at once.
pub fn config(
    text: &str,
    origin: &str,
    folder: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, ConfigErrors> {
    let mut problems = Problems {
        origin,
        text,
        blocks: Vec::new(),
    };
    let file: file::File = match serde_saphyr::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            problems.unreadable(&error);
            return Err(ConfigErrors(problems.blocks));
        }
    };
    let mut check = Check {
        problems,
        folder,
        environment,
        watched: Vec::new(),
    };
    let config = check.config(file);
    if check.problems.blocks.is_empty() {
        Ok(config)
    } else {
        Err(ConfigErrors(check.problems.blocks))
    }
}

/// What was found wrong so far.
struct Problems<'t> {
    origin: &'t str,
    text: &'t str,
    blocks: Vec<String>,
}

impl Problems<'_> {
    fn add(&mut self, at: Location, message: impl std::fmt::Display, help: &str) {
        let (line, column) = (at.line(), at.column());
        let mut block = format!("error: {message}\n  --> {}", self.origin);
        if at != Location::UNKNOWN {
            let source = self
                .text
                .lines()
                .nth(line.saturating_sub(1) as usize)
                .unwrap_or_default();
            let pad = " ".repeat(column.saturating_sub(1) as usize);
            block += &format!(":{line}:{column}\n   |\n{line:>3}| {source}\n   | {pad}^");
        }
        self.blocks.push(format!("{block}\n   = help: {help}"));
    }

    /// The YAML itself, or its shape.
    fn unreadable(&mut self, error: &serde_saphyr::Error) {
        let at = error.location().unwrap_or(Location::UNKNOWN);
        let error = error.without_snippet();
        match error {
            serde_saphyr::Error::SerdeUnknownField {
                field, expected, ..
            } => {
                let message = format!("there is no `{field}` here");
                self.add(at, message, &format!("known here: {}", expected.join(", ")));
            }
            serde_saphyr::Error::SerdeMissingField { field, .. } => {
                self.add(at, format!("`{field}` is missing"), missing_help(field));
            }
            serde_saphyr::Error::SerdeUnknownVariant {
                variant, expected, ..
            } => {
                let message = format!("`{variant}` is none of the choices");
                self.add(
                    at,
                    message,
                    &format!("write one of: {}", expected.join(", ")),
                );
            }
            other => {
                let text = other.to_string();
                let first = text.lines().next().unwrap_or_default();
                self.add(
                    at,
                    first,
                    "examples/openai.yaml is a whole config that works",
                );
            }
        }
    }
}

fn missing_help(field: &str) -> &'static str {
    match field {
        "on_failure" => {
            "write `on_failure: block` (an exchange that cannot be judged is refused) or `on_failure: allow`; there is no default because only you can choose"
        }
        "upstream" => {
            "write `upstream: {url: https://api.openai.com}`, or `{url: mock}` to try things out"
        }
        "apps" => "write at least one app: `apps: [{name: ..., upstream: ..., on_failure: block}]`",
        "name" => "every app has a name: it stands in metrics and audit lines",
        _ => "examples/openai.yaml is a whole config that works",
    }
}

/// A check under way.
struct Check<'t> {
    problems: Problems<'t>,
    folder: &'t Path,
    environment: &'t dyn Fn(&str) -> Option<String>,
    /// Every file that the config names.
    watched: Vec<PathBuf>,
}

impl Check<'_> {
    fn config(&mut self, file: file::File) -> Config {
        let listen = file.listen.unwrap_or(LISTEN);
        if file.admin == Some(listen) && listen.port() != 0 {
            let message = format!("admin and listen are both {listen}");
            let help = "give admin a port of its own, such as 127.0.0.1:9090";
            self.problems.add(Location::UNKNOWN, message, help);
        }
        let limits = file
            .limits
            .map_or_else(Limits::default, |limits| self.limits(limits));
        let tls = file.tls.map(|tls| Tls {
            certificate: self.file(&tls.certificate),
            key: self.file(&tls.key),
            client_ca: tls.client_ca.map(|file| self.file(&file)),
        });
        let policy_folders = file
            .policy_folders
            .iter()
            .map(|path| self.folder(path))
            .collect();
        let audit = match file.audit.file.as_deref() {
            None | Some("stderr") => AuditTarget::Stderr,
            Some("stdout") => AuditTarget::Stdout,
            Some(path) => AuditTarget::File(self.folder.join(path)),
        };
        let apps = self.apps(file.apps);
        Config {
            listen,
            admin: file.admin,
            tls,
            policy_folders,
            audit,
            limits,
            apps,
            watched: std::mem::take(&mut self.watched),
        }
    }

    fn limits(&mut self, limits: Spanned<Limits>) -> Limits {
        let at = limits.referenced;
        let limits = limits.value;
        for (name, value) in limits.named() {
            if value == 0 {
                let help = "every limit is at least 1; leave the line out for the default";
                self.problems.add(at, format!("limits.{name} is 0"), help);
            }
        }
        if (1..HEADER_BYTES_MIN).contains(&limits.header_bytes) {
            let help = "write at least 8192";
            self.problems
                .add(at, "limits.header_bytes is below 8192", help);
        }
        if limits.json_depth > JSON_DEPTH_MAX {
            let help = "write at most 127; no dialect needs more than 20";
            self.problems
                .add(at, "limits.json_depth is above 127", help);
        }
        limits
    }

    fn apps(&mut self, file: Spanned<Vec<file::App>>) -> Vec<App> {
        if file.value.is_empty() {
            self.problems
                .add(file.referenced, "there is no app", missing_help("apps"));
        }
        let mut placed: Vec<(Location, App)> = Vec::new();
        for app in file.value {
            let at = app.name.referenced;
            let app = self.app(app);
            for (_, earlier) in &placed {
                if earlier.name == app.name {
                    let message = format!("a second app is called `{}`", app.name);
                    self.problems
                        .add(at, message, "give each app a name of its own");
                } else if earlier.matches.ambiguous_with(&app.matches) {
                    let message = format!(
                        "a request can belong to `{}` and to `{}`, and neither is more specific",
                        earlier.name, app.name
                    );
                    let help = "give one of them a match that the other has not: bearer_sha256, header, host or a longer path_prefix";
                    self.problems.add(at, message, help);
                }
            }
            placed.push((at, app));
        }
        let mut apps: Vec<App> = placed.into_iter().map(|(_, app)| app).collect();
        apps.sort_by_key(|app| std::cmp::Reverse(app.matches.specificity()));
        apps
    }

    fn app(&mut self, app: file::App) -> App {
        let name = app.name.value.clone();
        let fit = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || name.len() > NAME_BYTES || !name.bytes().all(fit) {
            let help = "use 1 to 64 letters, digits, dots, dashes and underscores";
            self.problems.add(
                app.name.referenced,
                format!("`{name}` is no name for an app"),
                help,
            );
        }
        App {
            matches: self.matches(app.matches),
            upstream: self.upstream(app.upstream),
            mode: match app.mode {
                file::Mode::Enforce => Mode::Enforce,
                file::Mode::Observe => Mode::Observe,
            },
            audience: self.audience(app.audience),
            on_failure: match app.on_failure {
                file::OnFailure::Block => OnFailure::Block,
                file::OnFailure::Allow => OnFailure::Allow,
            },
            refusal: match app.refusal {
                file::Refusal::Answer => RefusalStyle::Answer,
                file::Refusal::Error => RefusalStyle::Error,
            },
            cache: app.cache.map(|cache| self.cache(&cache)),
            passthrough: app
                .passthrough
                .iter()
                .filter_map(|line| self.passthrough(line))
                .collect(),
            policies: AppPolicies {
                app: name.clone(),
                policies: app.policies,
                level: self.level(app.level),
                overrides: app
                    .overrides
                    .into_iter()
                    .map(|(rule, change)| (rule, self.change(&change)))
                    .collect(),
                allow: app
                    .allow
                    .into_iter()
                    .map(|phrase| self.phrase(phrase))
                    .collect(),
            },
            name,
        }
    }

    fn level(&mut self, level: Option<Spanned<u8>>) -> u8 {
        let Some(level) = level else {
            return 1;
        };
        if !(1..=3).contains(&level.value) {
            let help = "1 is hardly ever wrong, 2 sometimes, 3 is strict";
            self.problems.add(
                level.referenced,
                format!("level {} does not exist", level.value),
                help,
            );
        }
        level.value
    }

    fn phrase(&mut self, phrase: Spanned<String>) -> String {
        if phrase.value.trim().is_empty() {
            let help = "an allow phrase has words: within them nothing is detected";
            self.problems
                .add(phrase.referenced, "an empty allow phrase", help);
        }
        phrase.value
    }

    fn change(&mut self, change: &Spanned<file::Override>) -> Override {
        let at = change.referenced;
        let file::Override { action, status } = &change.value;
        if action.is_none() && status.is_none() {
            let help = "write {action: flag} or {status: experimental}; {action: allow} turns the rule off";
            self.problems.add(at, "this override changes nothing", help);
        }
        let action = action.as_deref().and_then(|name| {
            let known = Action::named(name);
            if known.is_none() {
                let names = Action::ALL.map(Action::name).join(", ");
                self.problems.add(
                    at,
                    format!("`{name}` is no action"),
                    &format!("write one of: {names}"),
                );
            }
            known
        });
        let status = status.as_deref().and_then(|name| match name {
            "experimental" => Some(Status::Experimental),
            "stable" => Some(Status::Stable),
            "retired" => Some(Status::Retired),
            _ => {
                let help = "write one of: experimental, stable, retired";
                self.problems
                    .add(at, format!("`{name}` is no status"), help);
                None
            }
        });
        Override { action, status }
    }

    fn cache(&mut self, cache: &Spanned<file::Cache>) -> CacheBounds {
        let file::Cache {
            ttl_secs,
            max_bytes,
        } = cache.value;
        if ttl_secs == 0 || max_bytes == 0 {
            let help = "leave `cache` out for no cache; else write for example {ttl_secs: 300, max_bytes: 67108864}";
            self.problems
                .add(cache.referenced, "a cache without time or room", help);
        }
        CacheBounds {
            ttl_secs,
            max_bytes,
        }
    }

    fn passthrough(&mut self, line: &Spanned<String>) -> Option<Passthrough> {
        let parsed = line.value.split_once(' ').and_then(|(method, path)| {
            let method = method.parse::<http::Method>().ok()?;
            let path = path.trim();
            let star = path.find('*').is_none_or(|at| at == path.len() - 1);
            (path.starts_with('/') && star).then(|| Passthrough {
                method,
                path: path.to_owned(),
            })
        });
        if parsed.is_none() {
            let message = format!("`{}` is no route", line.value);
            let help = "write a method and a path, such as `GET /v1/models` or `GET /v1/files/*`";
            self.problems.add(line.referenced, message, help);
        }
        parsed
    }

    fn audience(&mut self, audience: Option<Spanned<file::Audience>>) -> AudienceRule {
        let Some(audience) = audience else {
            return AudienceRule {
                default: Band::Unknown,
                header: None,
                trusted_peers: Vec::new(),
            };
        };
        let at = audience.referenced;
        let audience = audience.value;
        if audience.header.is_some() == audience.trusted_peers.is_empty() {
            let help = "write both: `header` says who speaks, `trusted_peers` whose word counts, such as [10.0.0.0/8]";
            self.problems.add(
                at,
                "audience has only one of `header` and `trusted_peers`",
                help,
            );
        }
        let default = audience.default.map_or(Band::Unknown, |name| {
            Band::named(&name.value).unwrap_or_else(|| {
                let names = Band::NAMES.map(|(_, name)| name).join(", ");
                let help = format!("write one of: minor, adult, {names}");
                self.problems.add(
                    name.referenced,
                    format!("`{}` is no audience", name.value),
                    &help,
                );
                Band::Unknown
            })
        });
        AudienceRule {
            default,
            header: audience.header.and_then(|name| self.header_name(&name)),
            trusted_peers: audience
                .trusted_peers
                .iter()
                .filter_map(|net| self.network(net))
                .collect(),
        }
    }

    fn network(&mut self, text: &Spanned<String>) -> Option<IpNet> {
        let address = || text.value.parse::<IpAddr>().ok().map(IpNet::from);
        let net = text.value.parse().ok().or_else(address);
        if net.is_none() {
            let message = format!("`{}` is no address or network", text.value);
            self.problems.add(
                text.referenced,
                message,
                "write 10.0.0.0/8, fd00::/8 or 127.0.0.1",
            );
        }
        net
    }

    fn header_name(&mut self, name: &Spanned<String>) -> Option<HeaderName> {
        let parsed = name.value.parse().ok();
        if parsed.is_none() {
            let message = format!("`{}` is no header name", name.value);
            self.problems
                .add(name.referenced, message, "write it like x-age-band");
        }
        parsed
    }

    fn matches(&mut self, matches: file::Match) -> Match {
        let headers = matches.header.into_iter().filter_map(|(name, value)| {
            let at = value.referenced;
            let name = self.header_name(&Spanned::new(name, at, at))?;
            match HeaderValue::from_str(&value.value) {
                Ok(value) => Some((name, value)),
                Err(_) => {
                    let help = "write visible characters on one line";
                    self.problems
                        .add(at, "this value cannot stand in a header", help);
                    None
                }
            }
        });
        let headers = headers.collect();
        let bearer_sha256 = matches
            .bearer_sha256
            .iter()
            .filter_map(|hex| self.sha256(hex))
            .collect();
        Match {
            host: matches.host.map(|host| self.host(&host)),
            path_prefix: matches
                .path_prefix
                .and_then(|prefix| self.path_prefix(&prefix)),
            headers,
            bearer_sha256,
        }
    }

    fn host(&mut self, host: &Spanned<String>) -> String {
        let lower = host.value.to_ascii_lowercase();
        let authority = lower.parse::<http::uri::Authority>();
        if !authority.is_ok_and(|authority| authority.host() == lower && authority.port().is_none())
        {
            let message = format!("`{}` is no host", host.value);
            self.problems.add(
                host.referenced,
                message,
                "write a name without port, such as homework.example.org",
            );
        }
        lower
    }

    fn path_prefix(&mut self, prefix: &Spanned<String>) -> Option<String> {
        let trimmed = prefix.value.trim_end_matches('/');
        let fit = trimmed.starts_with('/') && !trimmed.contains(['?', '#', '%', ' ']);
        if !fit && !prefix.value.is_empty() && prefix.value != "/" {
            let message = format!("`{}` is no beginning of a path", prefix.value);
            self.problems
                .add(prefix.referenced, message, "write it like /homework");
        }
        (!trimmed.is_empty()).then(|| trimmed.to_owned())
    }

    fn sha256(&mut self, hex: &Spanned<String>) -> Option<[u8; 32]> {
        let parsed = blake3::Hash::from_hex(hex.value.trim())
            .ok()
            .map(|hash| *hash.as_bytes());
        if parsed.is_none() {
            let help = "write 64 hex digits: printf %s \"$KEY\" | sha256sum";
            self.problems
                .add(hex.referenced, "this is no SHA-256 in hex", help);
        }
        parsed
    }

    fn upstream(&mut self, upstream: Spanned<file::Upstream>) -> Upstream {
        let at = upstream.referenced;
        let upstream = upstream.value;
        let client_certificate = match (upstream.client_certificate, upstream.client_key) {
            (Some(certificate), Some(key)) => Some((self.file(&certificate), self.file(&key))),
            (None, None) => None,
            _ => {
                let message = "upstream has only one of client_certificate and client_key";
                self.problems.add(at, message, "write both, or neither");
                None
            }
        };
        let header = upstream
            .credential_header
            .and_then(|name| self.header_name(&name));
        let credential = self.credential(upstream.credential, header);
        let ca_file = upstream.ca_file.map(|file| self.file(&file));
        if upstream.url.value == "mock" {
            return Upstream::Mock;
        }
        let Some(url) = self.url(&upstream.url) else {
            return Upstream::Mock; // Never runs: the problem is recorded.
        };
        Upstream::Server(Box::new(UpstreamServer {
            url,
            ca_file,
            client_certificate,
            http2: match upstream.http2 {
                file::Http2::Auto => Http2::Auto,
                file::Http2::Only => Http2::Only,
                file::Http2::Never => Http2::Never,
            },
            credential,
        }))
    }

    fn url(&mut self, url: &Spanned<String>) -> Option<Uri> {
        let parsed = url.value.parse::<Uri>().ok().filter(|uri| {
            let web = uri.scheme() == Some(&Scheme::HTTP) || uri.scheme() == Some(&Scheme::HTTPS);
            let bare = uri.query().is_none()
                && uri
                    .authority()
                    .is_some_and(|authority| !authority.as_str().contains('@'));
            web && bare
        });
        if parsed.is_none() {
            let message = format!("`{}` is no upstream", url.value);
            let help = "write https://host[:port][/base] without query or password, or `mock`";
            self.problems.add(url.referenced, message, help);
        }
        parsed
    }

    fn credential(
        &mut self,
        credential: Option<Spanned<file::Credential>>,
        header: Option<HeaderName>,
    ) -> Credential {
        let Some(credential) = credential else {
            return Credential::Pass;
        };
        let at = credential.referenced;
        let text = match credential.value {
            file::Credential::Pass => return Credential::Pass,
            file::Credential::Env(name) => {
                let help = format!("set it before starting: export {name}=...");
                let read = (self.environment)(&name);
                read.ok_or_else(|| (format!("the environment has no `{name}`"), help))
            }
            file::Credential::File(path) => {
                let path = self.folder.join(path);
                self.watched.push(path.clone());
                read_secret(&path)
                    .map_err(|error| (error, "it holds the key and nothing else".to_owned()))
            }
        };
        let header = header.unwrap_or(http::header::AUTHORIZATION);
        let value = text.and_then(|text| {
            let text = text.trim();
            let bearer = header == http::header::AUTHORIZATION && !text.contains(' ');
            let text = if bearer {
                format!("Bearer {text}")
            } else {
                text.to_owned()
            };
            let fit = Secret::new(&text)
                .ok()
                .filter(|_| !text.is_empty() && text != "Bearer ");
            fit.ok_or_else(|| {
                let help = "it must be one line of visible characters".to_owned();
                (
                    "this credential is empty or cannot stand in a header".to_owned(),
                    help,
                )
            })
        });
        match value {
            Ok(value) => Credential::Replace { header, value },
            Err((message, help)) => {
                self.problems.add(at, message, &help);
                Credential::Pass // Never runs: the problem is recorded.
            }
        }
    }

    /// A file that must exist; watched.
    fn file(&mut self, path: &Spanned<PathBuf>) -> PathBuf {
        let full = self.folder.join(&path.value);
        if !full.is_file() {
            let message = format!("there is no file {}", full.display());
            self.problems.add(
                path.referenced,
                message,
                "paths are relative to the config file",
            );
        }
        self.watched.push(full.clone());
        full
    }

    /// A folder that must exist; watched.
    fn folder(&mut self, path: &Spanned<PathBuf>) -> PathBuf {
        let full = self.folder.join(&path.value);
        if !full.is_dir() {
            let message = format!("there is no folder {}", full.display());
            self.problems.add(
                path.referenced,
                message,
                "paths are relative to the config file",
            );
        }
        self.watched.push(full.clone());
        full
    }
}

fn read_secret(path: &Path) -> Result<String, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let size = std::fs::metadata(path)
        .map_err(|error| named(&error))?
        .len();
    if size > CREDENTIAL_BYTES {
        return Err(named(&format!("{size} bytes are no credential")));
    }
    std::fs::read_to_string(path).map_err(|error| named(&error))
}
