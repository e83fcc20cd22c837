//! [`Remote`]: an endpoint that is asked what it thinks of a text, within a time and never too often.
//!
//! What it is told leaves this machine: that is the operator's choice, in `remotes:` of the config.
//! What a failure means is the app's `on_failure`; nothing here decides.

pub mod breaker;
mod form;

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::body::{Blame, read_whole};
use crate::config::{self, Answers, Asking};
use crate::detect::{Scores, Silent};
use crate::limits::Limits;
use crate::server::Worker;
use crate::upstream::{Forward, Upstream};
use breaker::Breaker;

/// Bytes of an answer: a moderation has some twenty scores.
const ANSWER_BYTES: u64 = 64 * 1024;

/// Bytes of a text up to which an answer that is late says that the endpoint is slow: of longer ones
/// it may be the text.
const SHORT_BYTES: usize = 8 * 1024;

/// An endpoint.
#[derive(Debug)]
pub struct Remote {
    written: config::Remote,
    limits: Limits,
    upstream: Upstream,
    turns: Semaphore,
    breaker: Breaker,
}

impl Remote {
    /// Reads certificates; connects to nobody yet.
    ///
    /// # Errors
    /// One line for the operator.
    pub fn new(written: &config::Remote, limits: &Limits) -> Result<Self, String> {
        Ok(Self {
            upstream: Upstream::new(&written.server, limits)?,
            turns: Semaphore::new(written.at_once as usize),
            breaker: Breaker::default(),
            written: written.clone(),
            limits: limits.clone(),
        })
    }

    /// Whether it is what a config says. Certificates in files may be others by now.
    pub fn is(&self, written: &config::Remote, limits: &Limits) -> bool {
        let server = &written.server;
        let files = server.ca_file.is_some() || server.client_certificate.is_some();
        !files && self.written == *written && self.limits == *limits
    }

    /// How long it has for one text.
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.written.timeout_ms.into())
    }

    /// Whether it may say something about a label; which categories a moderation has, it says itself.
    pub fn may_know(&self, label: &str) -> bool {
        match &self.written.asking {
            Asking::Chat(Answers::Scores { labels, .. }) => labels.iter().any(|one| one == label),
            Asking::Chat(Answers::LlamaGuard) => form::is_llama_guards(label),
            Asking::Chat(Answers::Qwen3Guard) => form::is_qwen3_guards(label),
            Asking::Moderation => true,
        }
    }

    /// What it thinks of a text. Waits for its turn as long as the caller waits: others' texts say
    /// nothing about the endpoint.
    ///
    /// # Errors
    /// [`Silent`].
    pub async fn ask(&self, worker: Worker, text: &str, now: Instant) -> Result<Scores, Silent> {
        if !self.breaker.admits(now) {
            return Err(Silent::Resting);
        }
        let began = Instant::now();
        let _turn = self.turns.acquire().await.map_err(|_| Silent::Late)?;
        let asked = timeout(self.deadline(), self.send(worker, text)).await;
        let said = asked.unwrap_or(Err(Silent::Late));
        match said {
            Err(Silent::Failed) => self.breaker.failed(now + began.elapsed()),
            Err(Silent::Late) if text.len() <= SHORT_BYTES => {
                self.breaker.failed(now + began.elapsed());
            }
            Err(Silent::Late) => {}
            // It is there: no caller's text may keep it from all others.
            _ => self.breaker.answered(),
        }
        said
    }

    async fn send(&self, worker: Worker, text: &str) -> Result<Scores, Silent> {
        let config::Remote { asking, model, .. } = &self.written;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let forward = Forward {
            worker,
            method: Method::POST,
            path: form::path(asking),
            headers: &headers,
            body: Bytes::from(form::question(asking, model, text)),
        };
        let answer = self.upstream.send(forward).await;
        let answer = answer.map_err(|_| Silent::Failed)?;
        match answer.status() {
            status if status.is_success() => {}
            StatusCode::PAYLOAD_TOO_LARGE => return Err(Silent::TooMuch),
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
                return Err(Silent::Garbled);
            }
            _ => return Err(Silent::Failed),
        }
        let body = read_whole(answer.into_body(), ANSWER_BYTES, Blame::Upstream).await;
        let body = body.map_err(|_| Silent::Failed)?;
        form::answer(asking, &body).ok_or(Silent::Garbled)
    }
}
