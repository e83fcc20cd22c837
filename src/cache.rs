//! Two caches: hits per part (no text in it), and guarded answers for repeat prompts.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::config::CacheBounds;
use crate::detect::Hit;
use crate::message::Band;

/// Hits of parts already scanned. Each turn of a conversation resends its history: only the new
/// part is scanned. Keys are keyed hashes, values are positions: no text is kept.
#[derive(Debug)]
pub struct HitCache {}

/// Parts shorter than this (bytes) are scanned again: that is cheaper than hash and look-up
/// (about 1.5 us, `reference/perf.md` section 3).
pub const SMALL_PART_BYTES: usize = 128;

impl HitCache {
    /// A cache of at most that many bytes.
    pub fn new(_max_bytes: u64) -> Self {
        unimplemented!()
    }
    /// The hits of a text under a policy set: remembered, or found by `scan` and remembered.
    pub fn hits(
        &self,
        _text: &str,
        _set: &[u8; 32],
        _scan: impl FnOnce() -> Vec<Hit>,
    ) -> Arc<[Hit]> {
        unimplemented!()
    }
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
}

/// The identity of a request for the answer cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AnswerKey([u8; 32]);

impl AnswerKey {
    /// The key of a JSON request: white space and the order of keys do not matter, number text and
    /// everything else does. `None` if the body is no JSON within `depth`: do not cache then.
    pub fn of_json(_scope: &Scope<'_>, _body: &[u8], _depth: usize) -> Option<Self> {
        unimplemented!()
    }
    /// The key of any other request: its bytes.
    pub fn of_bytes(_scope: &Scope<'_>, _body: &[u8]) -> Self {
        unimplemented!()
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

/// What the caller's and the answer's `cache-control` allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Look up and store.
    Use,
    /// `no-cache`: do not look up; store the fresh answer.
    Refresh,
    /// `no-store`: neither.
    Bypass,
}

/// What a request's `cache-control` allows.
pub fn permission(_request: &HeaderMap) -> Permission {
    unimplemented!()
}

/// Whether an answer with these headers may be kept: not with `no-store`, nor with `no-cache`
/// (except on an event stream, where servers send it only to stop proxies from buffering).
pub fn storable(_answer: &HeaderMap) -> bool {
    unimplemented!()
}

/// One app's answers for repeat prompts, with single flight. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AnswerCache {}

/// What to do about a request.
#[derive(Debug)]
pub enum Begin {
    /// Answer with this.
    Hit(Arc<Answer>),
    /// Ask the upstream, on behalf of everybody who waits.
    Lead(Lead),
    /// Somebody is asking: wait.
    Wait(Wait),
    /// Ask the upstream for yourself: the answer turned out not to be shareable.
    Alone,
}

/// The right to ask on behalf of others. Dropping it without [`Lead::store`] wakes those who wait,
/// and one of them leads next.
#[derive(Debug)]
pub struct Lead {}

/// A place in the queue behind a [`Lead`].
#[derive(Debug)]
pub struct Wait {}

impl AnswerCache {
    /// An empty cache within these bounds.
    pub fn new(_bounds: CacheBounds) -> Self {
        unimplemented!()
    }
    /// Looks up a request; on a miss says who asks. With [`Permission::Bypass`] always `Alone`.
    pub fn begin(&self, _key: AnswerKey, _permission: Permission) -> Begin {
        unimplemented!()
    }
}

impl Lead {
    /// Collects the next bytes that went to the caller (headers later, at [`Lead::store`]). Above the
    /// size of an entry it gives up: those who wait ask for themselves.
    pub fn push(&mut self, _bytes: &Bytes) {
        unimplemented!()
    }
    /// The answer ended cleanly: keeps it and hands it to those who wait.
    pub fn store(self, _status: StatusCode, _content_type: HeaderValue) {
        unimplemented!()
    }
    /// This answer is not for others (`no-store`, not clean): those who wait ask for themselves.
    pub fn decline(self) {
        unimplemented!()
    }
}

impl Wait {
    /// Waits for the leader: `Hit`, `Alone`, or, when the leader failed, `Lead` for one of those who
    /// wait. Never `Wait`.
    pub async fn answer(self) -> Begin {
        unimplemented!()
    }
}
