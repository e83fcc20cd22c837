//! Answers for repeat prompts: one store per app, and one upstream call for identical misses.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, StatusCode};
use moka::sync::Cache;
use tokio::sync::watch;

use super::{Answer, AnswerKey, Permission};
use crate::config::CacheBounds;

/// Part of the whole cache that one answer may fill: a few large pictures must not push every
/// chat answer out.
const ENTRY_SHARE: u64 = 8;

/// What one entry costs beside its bytes: moka's own node, the key, the head.
const ENTRY_BYTES: usize = 300;

/// How a leader's call ended, for those who wait.
#[derive(Debug, Clone)]
enum Landing {
    Flying,
    Stored(Arc<Answer>),
    Declined,
}

/// One app's answers for repeat prompts, with single flight. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AnswerCache {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    answers: Cache<AnswerKey, Arc<Answer>>,
    flights: Mutex<HashMap<AnswerKey, watch::Receiver<Landing>>>,
    entry_bytes: usize,
}

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
pub struct Lead {
    cache: AnswerCache,
    key: AnswerKey,
    landing: watch::Sender<Landing>,
    bytes: BytesMut,
}

/// A place in the queue behind a [`Lead`].
#[derive(Debug)]
pub struct Wait {
    cache: AnswerCache,
    key: AnswerKey,
    landing: watch::Receiver<Landing>,
}

impl AnswerCache {
    /// An empty cache within these bounds.
    pub fn new(bounds: CacheBounds) -> Self {
        let weigh = |_: &AnswerKey, answer: &Arc<Answer>| {
            u32::try_from(ENTRY_BYTES + answer.body.len()).unwrap_or(u32::MAX)
        };
        let answers = Cache::builder()
            .max_capacity(bounds.max_bytes)
            .weigher(weigh)
            .time_to_live(Duration::from_secs(bounds.ttl_secs))
            .build();
        let entry_bytes = usize::try_from(bounds.max_bytes / ENTRY_SHARE).unwrap_or(usize::MAX);
        Self {
            shared: Arc::new(Shared {
                answers,
                flights: Mutex::default(),
                entry_bytes,
            }),
        }
    }

    /// Looks up a request; on a miss says who asks. With [`Permission::Bypass`] always `Alone`;
    /// with [`Permission::Refresh`] never `Hit`.
    pub fn begin(&self, key: AnswerKey, permission: Permission) -> Begin {
        match permission {
            Permission::Bypass => return Begin::Alone,
            Permission::Use => {
                if let Some(answer) = self.shared.answers.get(&key) {
                    return Begin::Hit(answer);
                }
            }
            Permission::Refresh => {}
        }
        match self.flights().entry(key) {
            Entry::Occupied(flight) => Begin::Wait(Wait {
                cache: self.clone(),
                key,
                landing: flight.get().clone(),
            }),
            Entry::Vacant(place) => {
                // Between the look-up above and this lock a leader may have landed.
                if permission == Permission::Use
                    && let Some(answer) = self.shared.answers.get(&key)
                {
                    return Begin::Hit(answer);
                }
                let (landing, receiver) = watch::channel(Landing::Flying);
                place.insert(receiver);
                Begin::Lead(Lead {
                    cache: self.clone(),
                    key,
                    landing,
                    bytes: BytesMut::new(),
                })
            }
        }
    }

    /// Nothing in the map is ever half changed, so a poisoned lock is as good as any.
    fn flights(&self) -> MutexGuard<'_, HashMap<AnswerKey, watch::Receiver<Landing>>> {
        let flights = self.shared.flights.lock();
        flights.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lead {
    /// Collects the next bytes that went to the caller. Above the size of an entry (an eighth of the
    /// cache) it gives up: those who wait ask for themselves.
    pub fn push(&mut self, bytes: &Bytes) {
        if matches!(*self.landing.borrow(), Landing::Declined) {
            return;
        }
        if self.bytes.len() + bytes.len() > self.cache.shared.entry_bytes {
            self.land(Landing::Declined);
            self.bytes = BytesMut::new();
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// The answer ended cleanly: keeps it and hands it to those who wait.
    pub fn store(mut self, status: StatusCode, content_type: HeaderValue) {
        if matches!(*self.landing.borrow(), Landing::Declined) {
            return;
        }
        let answer = Arc::new(Answer {
            status,
            content_type,
            body: std::mem::take(&mut self.bytes).freeze(),
        });
        let answers = &self.cache.shared.answers;
        answers.insert(self.key, Arc::clone(&answer));
        self.land(Landing::Stored(answer));
    }

    /// This answer is not for others (`no-store`, an error, too large): those who wait ask for
    /// themselves.
    pub fn decline(self) {
        self.land(Landing::Declined);
    }

    /// Tells those who wait. The flight leaves the map first, so that nobody joins a landed one.
    fn land(&self, landing: Landing) {
        self.leave();
        self.landing.send_replace(landing);
    }

    /// Takes this flight, and no later one of the same key, out of the map.
    fn leave(&self) {
        let mut flights = self.cache.flights();
        if let Entry::Occupied(flight) = flights.entry(self.key)
            && flight.get().same_channel(&self.landing.subscribe())
        {
            flight.remove();
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        // Dropping the sender afterwards is what tells those who wait that nobody flies.
        self.leave();
    }
}

impl Wait {
    /// Waits for the leader: `Hit`, `Alone`, or, when the leader failed, `Lead` for one of those who
    /// wait. Never `Wait`.
    pub async fn answer(mut self) -> Begin {
        loop {
            let landed = self
                .landing
                .wait_for(|landing| !matches!(landing, Landing::Flying))
                .await
                .map(|landing| landing.clone());
            match landed {
                Ok(Landing::Stored(answer)) => return Begin::Hit(answer),
                Ok(Landing::Flying | Landing::Declined) => return Begin::Alone,
                // The leader failed: whoever comes first leads, the others queue behind.
                Err(_) => match self.cache.begin(self.key, Permission::Use) {
                    Begin::Wait(next) => self = next,
                    begun => return begun,
                },
            }
        }
    }
}
