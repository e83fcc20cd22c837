//! Caches: hits per part and what others said of one (no text in either), and guarded answers for
//! repeat prompts.

mod canonical;
mod flight;
mod scores;

pub use flight::{AnswerCache, Begin, Lead, Wait};
pub use scores::ScoreCache;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use moka::sync::Cache;

use crate::detect::Hit;
use crate::message::Band;

/// The identity of a text in a [`HitCache`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HitKey([u8; 32]);

/// Parts shorter than this (bytes) are scanned again: that is cheaper than hash and look-up
/// (about 1.5 us, `reference/perf.md` section 3).
pub const SMALL_PART_BYTES: usize = 128;

/// What one entry costs beside its hits: moka's own node, the key and two counters.
const HIT_ENTRY_BYTES: usize = 200;

/// Hits of parts already scanned. Each turn of a conversation resends its history: only the new
/// part is scanned. Keys are keyed hashes, values are positions: no text is kept.
#[derive(Debug)]
pub struct HitCache {
    /// Lives and dies with the process, so that a key says nothing about a text.
    secret: [u8; 32],
    parts: Cache<[u8; 32], Arc<[Hit]>>,
}

/// What was looked for in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    /// Words.
    Words,
    /// What sentences mean.
    Sentences,
}

impl HitCache {
    /// A cache of at most that many bytes.
    pub fn new(max_bytes: u64) -> Self {
        let weigh = |_: &[u8; 32], hits: &Arc<[Hit]>| {
            u32::try_from(HIT_ENTRY_BYTES + size_of_val::<[Hit]>(hits)).unwrap_or(u32::MAX)
        };
        Self {
            secret: process_secret(),
            parts: Cache::builder()
                .max_capacity(max_bytes)
                .weigher(weigh)
                .build(),
        }
    }

    /// The identity of a text under a policy set, and of what was looked for; none for a text too
    /// short to remember.
    pub fn key(&self, text: &str, set: &[u8; 32], looked: Looked) -> Option<HitKey> {
        if text.len() < SMALL_PART_BYTES {
            return None;
        }
        let mut hasher = blake3::Hasher::new_keyed(&self.secret);
        hasher.update(set).update(&[looked as u8]);
        hasher.update(text.as_bytes());
        Some(HitKey(*hasher.finalize().as_bytes()))
    }

    /// What was remembered. Two callers who miss at once both scan: that is cheaper than to wait.
    pub fn get(&self, key: &HitKey) -> Option<Arc<[Hit]>> {
        self.parts.get(&key.0)
    }

    /// Remembers.
    pub fn put(&self, key: HitKey, hits: Arc<[Hit]>) {
        self.parts.insert(key.0, hits);
    }

    /// Weight of everything remembered, in bytes.
    pub fn bytes(&self) -> u64 {
        self.parts.run_pending_tasks();
        self.parts.weighted_size()
    }
}

/// 32 random bytes: two version-7 UUIDs hold 148 random bits, hashed to the width of a key.
pub(crate) fn process_secret() -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("wardgate process secret 1");
    for _ in 0..2 {
        hasher.update(uuid::Uuid::now_v7().as_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// What separates two answers to the same words.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The app's name.
    pub app: &'a str,
    /// The upstream's URL.
    pub upstream: &'a str,
    /// [`crate::upstream::Upstream::credential_scope`].
    pub credential: [u8; 32],
    /// Who speaks.
    pub band: Band,
    /// [`crate::policy::PolicySet::hash`].
    pub set: [u8; 32],
    /// The dialect's name.
    pub dialect: &'a str,
    /// The path with its query.
    pub path: &'a str,
    /// Whether headers ask for a stream, where the body does not say it.
    pub streams: bool,
}

impl Scope<'_> {
    /// A hasher that has eaten the scope; every field with its length, so that none runs into the next.
    fn hasher(&self, kind: &str) -> blake3::Hasher {
        let mut hasher = blake3::Hasher::new_derive_key("wardgate answer key 1");
        let fields: [&[u8]; 9] = [
            kind.as_bytes(),
            self.app.as_bytes(),
            self.upstream.as_bytes(),
            &self.credential,
            self.band.name().as_bytes(),
            &self.set,
            self.dialect.as_bytes(),
            self.path.as_bytes(),
            &[u8::from(self.streams)],
        ];
        for field in fields {
            hasher.update(&(field.len() as u64).to_le_bytes());
            hasher.update(field);
        }
        hasher
    }
}

/// Largest body (bytes) that is read for its canonical form. Reading costs its depth times its
/// length, so this bounds what a hostile body can cost to about 60 ms; honest ones above it hold
/// pictures, and resending one byte for byte still hits.
pub const CANONICAL_BYTES: usize = 1024 * 1024;

/// The identity of a request for the answer cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AnswerKey([u8; 32]);

impl AnswerKey {
    /// The key of a JSON request: white space and the order of keys do not matter, number text and
    /// everything else does. `None` if the body is no JSON within `depth` or repeats a key: do not
    /// cache then. A body above [`CANONICAL_BYTES`] counts byte for byte.
    pub fn of_json(scope: &Scope<'_>, body: &[u8], depth: usize) -> Option<Self> {
        if body.len() > CANONICAL_BYTES {
            return Some(Self::of_bytes(scope, body));
        }
        let canonical = canonical::hash(body, depth)?;
        let mut hasher = scope.hasher("json");
        hasher.update(&canonical);
        Some(Self(*hasher.finalize().as_bytes()))
    }

    /// The key of any other request: its bytes.
    pub fn of_bytes(scope: &Scope<'_>, body: &[u8]) -> Self {
        let mut hasher = scope.hasher("bytes");
        hasher.update(body);
        Self(*hasher.finalize().as_bytes())
    }
}

/// An answer as the caller received it: guarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// `content-type`.
    pub content_type: HeaderValue,
    /// All bytes.
    pub body: Bytes,
}

/// What the caller's `cache-control` allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Look up and store.
    Use,
    /// `no-cache`: do not look up; store the fresh answer.
    Refresh,
    /// `no-store`: neither.
    Bypass,
}

/// What a request's `cache-control` allows; `max-age=0` is the old way to say `no-cache`.
pub fn permission(request: &HeaderMap) -> Permission {
    if says(request, "no-store") {
        Permission::Bypass
    } else if says(request, "no-cache") || says(request, "max-age=0") {
        Permission::Refresh
    } else {
        Permission::Use
    }
}

/// Whether an answer with these headers may be kept: not with `no-store`, nor with `no-cache`
/// (except on an event stream, where servers send it only to stop proxies from buffering), nor with
/// a cookie, which is one caller's own. `private` may: entries are kept per credential.
pub fn storable(answer: &HeaderMap) -> bool {
    let events = answer
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
    !says(answer, "no-store")
        && (events || !says(answer, "no-cache"))
        && !answer.contains_key(header::SET_COOKIE)
}

/// Whether `cache-control` has a directive.
fn says(headers: &HeaderMap, directive: &str) -> bool {
    let values = headers.get_all(header::CACHE_CONTROL).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|given| given.trim().eq_ignore_ascii_case(directive))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::SignalSet;
    use crate::text::{Span, ViewKind};

    fn hit(at: u32) -> Hit {
        Hit {
            signals: SignalSet(7),
            span: Span::new(at, at + 3),
            from: at,
            to: at + 3,
            view: ViewKind::Surface,
            score: 1.0,
            ripe: at + 4,
        }
    }

    #[test]
    fn hits_are_remembered_per_text_and_policy_set() {
        let cache = HitCache::new(1 << 20);
        let text = "turnip ".repeat(40);
        let key = cache
            .key(&text, &[1; 32], Looked::Words)
            .expect("long enough");
        assert!(cache.get(&key).is_none());
        cache.put(key, [hit(3)].into());
        assert_eq!(cache.get(&key).as_deref(), Some(&[hit(3)][..]));
        let other = cache
            .key(&text, &[2; 32], Looked::Words)
            .expect("long enough");
        assert!(cache.get(&other).is_none());
    }

    #[test]
    fn a_small_part_is_never_remembered() {
        let cache = HitCache::new(1 << 20);
        assert_eq!(cache.key("turnip", &[1; 32], Looked::Words), None);
    }

    #[test]
    fn the_weight_stays_within_its_bytes() {
        let bound = 64 * 1024;
        let cache = HitCache::new(bound);
        for number in 0..1000 {
            let key = cache
                .key(&format!("{number:0200}"), &[1; 32], Looked::Words)
                .expect("long enough");
            cache.put(key, vec![hit(1); 10].into());
        }
        assert!(cache.bytes() <= bound, "{} bytes", cache.bytes());
        assert!(cache.bytes() > bound / 2, "{} bytes", cache.bytes());
    }

    fn with(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| {
                (
                    http::HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn cache_control_is_honoured_on_both_sides() {
        let asked = |value| permission(&with(&[("cache-control", value)]));
        assert_eq!(permission(&HeaderMap::new()), Permission::Use);
        assert_eq!(asked("No-Store"), Permission::Bypass);
        assert_eq!(asked("max-age=60, no-cache"), Permission::Refresh);
        assert_eq!(asked("max-age=0"), Permission::Refresh);
        assert_eq!(asked("max-age=60"), Permission::Use);
        assert!(storable(&HeaderMap::new()));
        assert!(!storable(&with(&[("cache-control", "private, no-store")])));
        assert!(!storable(&with(&[("cache-control", "no-cache")])));
        assert!(!storable(&with(&[("set-cookie", "a=1")])));
        let stream = ("content-type", "text/event-stream; charset=utf-8");
        assert!(storable(&with(&[("cache-control", "no-cache"), stream])));
        assert!(!storable(&with(&[("cache-control", "no-store"), stream])));
    }

    #[test]
    fn every_part_of_the_scope_separates() {
        let base = Scope {
            app: "a",
            upstream: "u",
            credential: [0; 32],
            band: Band::Adult,
            set: [0; 32],
            dialect: "d",
            path: "/p",
            streams: false,
        };
        let others = [
            Scope { app: "b", ..base },
            Scope {
                upstream: "v",
                ..base
            },
            Scope {
                credential: [1; 32],
                ..base
            },
            Scope {
                band: Band::Unknown,
                ..base
            },
            Scope {
                set: [1; 32],
                ..base
            },
            Scope {
                dialect: "e",
                ..base
            },
            Scope { path: "/q", ..base },
            Scope {
                streams: true,
                ..base
            },
            Scope {
                app: "au",
                upstream: "",
                ..base
            },
        ];
        let key = AnswerKey::of_json(&base, b"{}", 8);
        assert!(key.is_some());
        for other in others {
            assert_ne!(AnswerKey::of_json(&other, b"{}", 8), key, "{other:?}");
        }
        assert_ne!(Some(AnswerKey::of_bytes(&base, b"{}")), key);
    }
}
