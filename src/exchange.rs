//! [`Exchange`]: one request and its answer. When its last holder lets go, it becomes an audit line.
//!
//! Holds no text: ids, spans, keyed hashes, sizes, times.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::{HeaderValue, Response, StatusCode};
use http_body::Body as _;
use uuid::Uuid;

use crate::app::{App, Gate, Live};
use crate::audit::{self, CacheState, Line, LineFault, PictureSeen, Timings};
use crate::body::Body;
use crate::codec::{Ask, Codec, Lane, Refusal};
use crate::guard::{self, Record, Sight};
use crate::limits::secs;
use crate::message::{Audience, Band, Direction, Language};
use crate::metrics::OpenStream;
use crate::picture::Seen;
use crate::picture::label::Label;
use crate::policy::{Action, Detection, RuleIx};
use crate::reply::{self, Error};
use crate::server::{Peer, Worker};

/// Pictures of one exchange that its audit line tells: a line stays a line.
const PICTURES_TOLD: usize = 16;

/// Words of ours, and their language.
pub struct Said {
    /// Reviewed, with what follows them.
    pub text: String,
    /// The conversation's.
    pub language: Language,
}

/// One request and its answer.
pub struct Exchange {
    /// Time-ordered and unguessable (UUID version 7); the caller gets it for an appeal.
    pub id: String,
    /// Who serves it.
    pub worker: Worker,
    /// Pinned at the beginning: a reload does not change a running exchange.
    pub live: Arc<Live>,
    gate: Arc<Gate>,
    began: Instant,
    began_at: SystemTime,
    dialect: OnceLock<&'static dyn Codec>,
    sent: AtomicU64,
    /// The answer was inspected to its own end and nothing was cut off.
    clean: AtomicBool,
    line: Mutex<Line>,
    stream: Mutex<Option<OpenStream>>,
}

impl Exchange {
    /// Begins an exchange under the set that is live now.
    pub fn begin(gate: &Arc<Gate>, peer: &Peer) -> Arc<Self> {
        Self::begin_under(gate, gate.live.load_full(), peer)
    }

    /// Begins one under the set that a session began with.
    pub fn begin_under(gate: &Arc<Gate>, live: Arc<Live>, peer: &Peer) -> Arc<Self> {
        let began_at = SystemTime::now();
        let since = began_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let id = Uuid::now_v7().to_string();
        let line = Line {
            time_unix_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            exchange: id.clone(),
            app: String::new(),
            dialect: "",
            peer: audit::peer_prefix(peer.addr.ip()),
            audience: Band::Unknown.name(),
            audience_source: "app",
            audience_assurance: "none",
            model: String::new(),
            status: 0,
            action: Action::Allow.name(),
            mode: "",
            detections: Vec::new(),
            cache: CacheState::Off,
            bytes_in: 0,
            bytes_out: 0,
            timings: Timings::default(),
            fault: None,
            not_inspected: false,
            unseen: BTreeSet::new(),
            pictures: Vec::new(),
        };
        Arc::new(Self {
            id,
            worker: peer.worker,
            live,
            gate: Arc::clone(gate),
            began: Instant::now(),
            began_at,
            dialect: OnceLock::new(),
            sent: AtomicU64::new(0),
            clean: AtomicBool::new(false),
            line: Mutex::new(line),
            stream: Mutex::new(None),
        })
    }

    /// Unix seconds at which it began.
    pub fn created(&self) -> u64 {
        self.began_at
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs())
    }

    /// What all exchanges share.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// The dialect, once known.
    pub fn dialect(&self) -> Option<&'static dyn Codec> {
        self.dialect.get().copied()
    }

    /// Which app it is for.
    pub fn routed(&self, app: &App) {
        let mut line = self.line();
        line.app.clone_from(&app.config.name);
        line.mode = app.config.mode.name();
    }

    /// Which dialect it speaks.
    pub fn speaks(&self, codec: &'static dyn Codec) {
        // Set once, on the road.
        let _ = self.dialect.set(codec);
        self.line().dialect = codec.name();
    }

    /// It asks for a list of models, in a dialect.
    pub fn lists(&self, codec: &'static dyn Codec) {
        // Set once, on the road.
        let _ = self.dialect.set(codec);
        self.line().dialect = "listing";
    }

    /// It asks for a verdict through that API.
    pub fn consults(&self, api: &'static str) {
        self.line().dialect = api;
    }

    /// Bytes of its body, decoded, or of one more message.
    pub fn received(&self, bytes: usize) {
        self.line().bytes_in += bytes as u64;
    }

    /// It ends with that status, though no response of its own says so.
    pub fn ends_with(&self, status: StatusCode) {
        self.line().status = status.as_u16();
    }

    /// Who speaks, as far as is known; said again when the conversation tells more.
    pub fn heard(&self, audience: Audience) {
        let mut line = self.line();
        line.audience = audience.band.name();
        line.audience_source = audience.source.name();
        line.audience_assurance = audience.source.assurance(audience.band);
    }

    /// What it asks for.
    pub fn asks(&self, ask: &Ask) {
        self.line().model = audit::model_name(&ask.model);
    }

    /// What the cache did.
    pub fn cached(&self, state: CacheState) {
        self.line().cache = state;
    }

    /// It goes on, or comes back, unread.
    pub fn not_inspected(&self) {
        self.line().not_inspected = true;
    }

    /// Who looks at its pictures, and what the app says of them.
    pub fn sight(&self, app: &App) -> Sight {
        Sight {
            gallery: Arc::clone(&self.gate.gallery),
            patience: secs(self.live.config.limits.look_timeout_secs),
            eyes: app.eyes.clone(),
            on_failure: app.config.on_failure,
            elsewhere: app.elsewhere.clone(),
            label: app.config.label.clone().map(|label| Label {
                id: self.id.clone(),
                ..label
            }),
        }
    }

    /// What is said instead of a model's answer: `text`, for a rule, in the dialect's refusal.
    pub fn refusal(&self, app: &App, rule: RuleIx, action: Action, said: Said) -> Refusal {
        let set = &self.live.set;
        Refusal {
            text: said.text,
            ending: guard::ending(action),
            rule: set.rule(rule).id.to_string(),
            area: set.area(rule, said.language).to_owned(),
            exchange: self.id.clone(),
            style: app.config.refusal,
            created: self.created(),
        }
    }

    /// It goes on, and nobody looks into these of it.
    pub fn leaves_unseen(&self, unseen: &[&'static str]) {
        self.line().unseen.extend(unseen);
    }

    /// Somebody who is asked about it said nothing, and it goes on.
    pub fn opinion_missing(&self) {
        self.leaves_unseen(&["opinion"]);
    }

    /// A picture of it goes on unseen.
    pub fn picture_unseen(&self) {
        self.leaves_unseen(&["picture"]);
    }

    /// A picture of it was looked at.
    pub fn saw(&self, direction: Direction, seen: &Seen) {
        let mut line = self.line();
        if line.pictures.len() < PICTURES_TOLD {
            line.pictures.push(PictureSeen {
                direction: told(direction),
                sha256: seen
                    .sha256
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect(),
                size: [seen.width, seen.height],
                pdq: seen.pdq.first().map(|turns| turns[0].to_string()),
                nudity: seen.nudity,
                drawn_nudity: seen.drawn_nudity,
                apparent_age: seen.apparent_age,
            });
        }
    }

    /// How its prompt, or what it asks about, was judged, and how long that took.
    pub fn judged(&self, direction: Direction, detections: &[Detection], ask: &Ask, micros: u64) {
        for detection in detections {
            let text = ask
                .parts
                .get(detection.part as usize)
                .and_then(|part| part.text.get(detection.span.range()))
                .unwrap_or("");
            self.note(direction, detection, detection.part, text);
        }
        let mut line = self.line();
        line.timings.judge_prompt_us += micros;
    }

    /// The upstream's answer began.
    pub fn first_byte(&self, asked: Instant) {
        self.line().timings.upstream_first_byte_us = Some(micros(asked));
    }

    /// It failed.
    pub fn failed_with(&self, error: &Error) {
        self.line().fault = Some(LineFault {
            blame: error.blame.name(),
            code: error.code,
        });
    }

    /// An event stream goes to the caller: it is open while the exchange lives.
    pub fn streams(&self) {
        *self.stream.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(self.gate.metrics.open_stream());
    }

    /// Whether the answer was inspected to its own end and nothing was cut off.
    pub fn is_clean(&self) -> bool {
        self.clean.load(Ordering::Acquire)
    }

    /// Names the exchange, the action and the cache's part on the response, and takes its status.
    pub fn answered(&self, response: &mut Response<Body>) {
        let mut line = self.line();
        line.status = response.status().as_u16();
        // What is whole already counts here; a stream counts as it leaves.
        if let (0, Some(bytes)) = (
            self.sent.load(Ordering::Relaxed),
            response.body().size_hint().exact(),
        ) {
            self.sent.store(bytes, Ordering::Relaxed);
        }
        let headers = response.headers_mut();
        let id = HeaderValue::from_str(&self.id).expect("a UUID is a header value");
        headers.insert(reply::EXCHANGE_HEADER, id);
        if line.action != Action::Allow.name() && line.action != Action::Flag.name() {
            headers.insert(reply::ACTION_HEADER, HeaderValue::from_static(line.action));
        }
        if line.cache != CacheState::Off {
            headers.insert(
                reply::CACHE_HEADER,
                HeaderValue::from_static(line.cache.name()),
            );
        }
    }

    fn note(&self, direction: Direction, detection: &Detection, part: u32, text: &str) {
        let seen = audit::Seen {
            rule: self.live.set.rule(detection.rule).id.to_string(),
            action: detection.action.name(),
            direction: told(direction),
            part,
            span: [detection.span.start, detection.span.end],
            view: detection.view.name(),
            hash: self.gate.audit.span_hash(text),
        };
        let mut line = self.line();
        if Action::named(line.action) < Some(detection.action) {
            line.action = detection.action.name();
        }
        line.detections.push(seen);
    }

    /// A panic elsewhere must not lose the audit line.
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name in the audit line.
const fn told(direction: Direction) -> &'static str {
    match direction {
        Direction::Prompt => "prompt",
        Direction::Output => "output",
    }
}

impl Record for Exchange {
    fn saw(&self, direction: Direction, seen: &Seen) {
        Self::saw(self, direction, seen);
    }

    fn picture_unseen(&self) {
        Self::picture_unseen(self);
    }

    fn detection(&self, detection: &Detection, lane: Lane, text: &str) {
        self.note(Direction::Output, detection, lane.choice, text);
    }

    fn ended(&self, _: Action, _: &str) {
        self.clean.store(false, Ordering::Release);
    }

    fn failed(&self, code: &'static str) {
        self.clean.store(false, Ordering::Release);
        self.line().fault = Some(LineFault {
            blame: "upstream",
            code,
        });
    }

    fn held(&self, bytes: usize) {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = stream.as_mut() {
            stream.holds(bytes);
        }
    }

    fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn complete(&self) {
        self.clean.store(true, Ordering::Release);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let line = self.line.get_mut().unwrap_or_else(PoisonError::into_inner);
        line.bytes_out = self.sent.load(Ordering::Relaxed);
        line.timings.total_us = micros(self.began);
        self.gate.metrics.exchange(line);
        self.gate.audit.write(line.clone());
    }
}

/// Microseconds since then.
pub fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
