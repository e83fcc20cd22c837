//! Whose a request is: [`Match`], and the most specific app that a request belongs to.

use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

use super::{App, Config};

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

impl Config {
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
    pub(super) fn specificity(&self) -> (bool, usize, bool, usize) {
        (
            !self.bearer_sha256.is_empty(),
            self.headers.len(),
            self.host.is_some(),
            self.path_prefix.as_ref().map_or(0, String::len),
        )
    }

    /// Whether a request could belong to both with nothing to choose between them.
    pub(super) fn ambiguous_with(&self, other: &Self) -> bool {
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
