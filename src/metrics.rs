//! What Prometheus sees. Labels come from configs, policies and our own tables only, so their
//! number is bounded; no caller's text becomes a label.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::audit::{CacheState, Line};
use crate::detect::{Silent, Source};

/// One kind of finished exchange.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ExchangeLabels {
    app: String,
    dialect: &'static str,
    /// Where the strongest detection was: "prompt", "output" or "none".
    direction: &'static str,
    action: &'static str,
    mode: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DetectionLabels {
    rule: String,
    direction: &'static str,
    action: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AppLabels {
    app: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UnseenLabels {
    app: String,
    what: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CacheLabels {
    app: String,
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OpinionLabels {
    who: String,
    answer: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WhoLabels {
    who: String,
}

/// Judging takes 5 us to 80 ms: 15 buckets, each twice the one before.
fn judge_seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_005, 2.0, 15))
}

/// Models answer within 1 ms (a mock) to 10 minutes: 20 buckets, each twice the one before.
fn answer_seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 20))
}

/// Every figure. Shared by all workers.
pub struct Metrics {
    registry: Registry,
    exchanges: Family<ExchangeLabels, Counter>,
    detections: Family<DetectionLabels, Counter>,
    answers: Family<CacheLabels, Counter>,
    not_inspected: Family<AppLabels, Counter>,
    unseen: Family<UnseenLabels, Counter>,
    judge: Histogram,
    first_byte: Histogram,
    held: Histogram,
    total: Histogram,
    bytes_in: Counter,
    bytes_out: Counter,
    open_streams: Gauge,
    held_bytes: Gauge,
    upstream_errors: Family<CodeLabels, Counter>,
    opinions: Family<OpinionLabels, Counter>,
    opinion: Family<WhoLabels, Histogram, fn() -> Histogram>,
    reloads: Family<OutcomeLabels, Counter>,
    audit_dropped: Counter,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Metrics")
    }
}

impl Metrics {
    /// All at zero.
    #[expect(
        clippy::new_without_default,
        reason = "a registry has an identity, no neutral value"
    )]
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("wardgate"),
            exchanges: Family::default(),
            detections: Family::default(),
            answers: Family::default(),
            not_inspected: Family::default(),
            unseen: Family::default(),
            judge: judge_seconds(),
            first_byte: answer_seconds(),
            held: judge_seconds(),
            total: answer_seconds(),
            bytes_in: Counter::default(),
            bytes_out: Counter::default(),
            open_streams: Gauge::default(),
            held_bytes: Gauge::default(),
            upstream_errors: Family::default(),
            opinions: Family::default(),
            opinion: Family::new_with_constructor(answer_seconds),
            reloads: Family::default(),
            audit_dropped: Counter::default(),
        };
        metrics.register_counts();
        metrics.register_measures();
        metrics
    }

    fn register_counts(&mut self) {
        let registry = &mut self.registry;
        registry.register("exchanges", "Finished exchanges", self.exchanges.clone());
        registry.register("detections", "Rules that held", self.detections.clone());
        registry.register(
            "answer_cache",
            "Exchanges by what the answer cache did",
            self.answers.clone(),
        );
        registry.register(
            "not_inspected",
            "Exchanges of which something went on unread",
            self.not_inspected.clone(),
        );
        registry.register(
            "unseen",
            "Exchanges with sound or pictures that nobody looked into; their words were judged",
            self.unseen.clone(),
        );
        registry.register(
            "upstream_errors",
            "Upstream requests and answers that failed",
            self.upstream_errors.clone(),
        );
        registry.register(
            "opinions",
            "Texts that a remote or a model was asked about, by what it answered",
            self.opinions.clone(),
        );
        registry.register("reloads", "Reloads by outcome", self.reloads.clone());
        registry.register(
            "audit_lines_dropped",
            "Audit lines that were lost",
            self.audit_dropped.clone(),
        );
        registry.register(
            "open_streams",
            "Streams now open",
            self.open_streams.clone(),
        );
    }

    fn register_measures(&mut self) {
        let registry = &mut self.registry;
        let seconds = [
            ("prompt_judging", "Judging a prompt", &self.judge),
            (
                "upstream_first_byte",
                "From sending to the answer's head",
                &self.first_byte,
            ),
            (
                "held",
                "Longest time that a byte of an answer was held back",
                &self.held,
            ),
            ("exchange", "Whole exchanges", &self.total),
        ];
        for (name, help, histogram) in seconds {
            registry.register_with_unit(name, help, Unit::Seconds, histogram.clone());
        }
        registry.register_with_unit(
            "opinion",
            "Waiting for what a remote or a model says of a text",
            Unit::Seconds,
            self.opinion.clone(),
        );
        let counts = [
            ("request_body", "Bytes of request bodies", &self.bytes_in),
            ("answer_body", "Bytes of answers that left", &self.bytes_out),
        ];
        for (name, help, counter) in counts {
            registry.register_with_unit(name, help, Unit::Bytes, counter.clone());
        }
        let held = self.held_bytes.clone();
        registry.register_with_unit(
            "held",
            "Bytes now held back by open streams",
            Unit::Bytes,
            held,
        );
    }

    /// Counts one finished exchange: its line knows everything.
    pub fn exchange(&self, line: &Line) {
        let strongest = line
            .detections
            .iter()
            .find(|seen| seen.action == line.action);
        let labels = ExchangeLabels {
            app: line.app.clone(),
            dialect: line.dialect,
            direction: strongest.map_or("none", |seen| seen.direction),
            action: line.action,
            mode: line.mode,
            status: line.status,
        };
        self.exchanges.get_or_create(&labels).inc();
        for seen in &line.detections {
            let labels = DetectionLabels {
                rule: seen.rule.clone(),
                direction: seen.direction,
                action: seen.action,
            };
            self.detections.get_or_create(&labels).inc();
        }
        self.cached(line);
        self.timed(line);
        self.bytes_in.inc_by(line.bytes_in);
        self.bytes_out.inc_by(line.bytes_out);
        if line.not_inspected {
            let labels = AppLabels {
                app: line.app.clone(),
            };
            self.not_inspected.get_or_create(&labels).inc();
        }
        for &what in &line.unseen {
            let labels = UnseenLabels {
                app: line.app.clone(),
                what,
            };
            self.unseen.get_or_create(&labels).inc();
        }
        if let Some(fault) = &line.fault
            && fault.blame == crate::body::Blame::Upstream.name()
        {
            self.upstream_error(fault.code);
        }
    }

    fn cached(&self, line: &Line) {
        if line.cache != CacheState::Off {
            let labels = CacheLabels {
                app: line.app.clone(),
                state: line.cache.name(),
            };
            self.answers.get_or_create(&labels).inc();
        }
    }

    fn timed(&self, line: &Line) {
        let seconds = |micros: u64| micros as f64 / 1e6;
        self.judge.observe(seconds(line.timings.judge_prompt_us));
        self.total.observe(seconds(line.timings.total_us));
        if let Some(micros) = line.timings.upstream_first_byte_us {
            self.first_byte.observe(seconds(micros));
        }
        if let Some(micros) = line.timings.held_us {
            self.held.observe(seconds(micros));
        }
    }

    /// Counts a stream as open while the guard lives, with the bytes that it holds.
    pub fn open_stream(self: &Arc<Self>) -> OpenStream {
        self.open_streams.inc();
        OpenStream {
            metrics: Arc::clone(self),
            held: 0,
        }
    }

    /// Counts a failed upstream request or body, by its stable code.
    fn upstream_error(&self, code: &'static str) {
        self.upstream_errors
            .get_or_create(&CodeLabels { code })
            .inc();
    }

    /// Counts what one that is asked answered, and how long that took.
    pub fn opinion(&self, of: &Source, answered: Answered, took: Option<Duration>) {
        let who = of.to_string();
        if let Some(took) = took {
            let labels = WhoLabels { who: who.clone() };
            let waits = self.opinion.get_or_create(&labels);
            waits.observe(took.as_secs_f64());
        }
        let answer = answered.name();
        let labels = OpinionLabels { who, answer };
        self.opinions.get_or_create(&labels).inc();
    }

    /// Counts a reload.
    pub fn reload(&self, outcome: Reloaded) {
        let outcome = match outcome {
            Reloaded::New => "new",
            Reloaded::KeptOld => "kept_old",
        };
        self.reloads.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Counts an audit line that was lost.
    pub fn audit_dropped(&self) {
        self.audit_dropped.inc();
    }

    /// The OpenMetrics text.
    pub fn render(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)
            .expect("a string takes every byte");
        text
    }
}

/// What one that is asked about a text answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// Scores.
    Said,
    /// Scores, before.
    Remembered,
    /// Nothing.
    Nothing(Silent),
}

impl Answered {
    fn name(self) -> &'static str {
        match self {
            Self::Said => "said",
            Self::Remembered => "remembered",
            Self::Nothing(Silent::Resting) => "resting",
            Self::Nothing(Silent::Late) => "late",
            Self::Nothing(Silent::Failed) => "failed",
            Self::Nothing(Silent::Garbled) => "garbled",
            Self::Nothing(Silent::TooMuch) => "too_much",
        }
    }
}

/// How a reload ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reloaded {
    /// The new one runs.
    New,
    /// The old one runs on.
    KeptOld,
}

/// An open stream's share of the gauges; dropping it takes the share off.
#[derive(Debug)]
pub struct OpenStream {
    metrics: Arc<Metrics>,
    held: i64,
}

impl OpenStream {
    /// The stream holds that many bytes now.
    pub fn holds(&mut self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        if bytes != self.held {
            self.metrics.held_bytes.inc_by(bytes - self.held);
            self.held = bytes;
        }
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.metrics.held_bytes.dec_by(self.held);
        self.metrics.open_streams.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::tests::line;
    use crate::audit::{LineFault, Seen};

    fn value(text: &str, start: &str) -> String {
        let line = text.lines().find(|line| line.starts_with(start));
        let line = line.unwrap_or_else(|| panic!("no {start} in\n{text}"));
        line.rsplit(' ').next().unwrap_or_default().to_owned()
    }

    #[test]
    fn a_line_becomes_counts_by_bounded_labels() {
        let metrics = Metrics::new();
        let mut line = line(1);
        line.action = "block";
        line.cache = CacheState::Shared;
        line.fault = Some(LineFault {
            blame: "upstream",
            code: "upstream_reset",
        });
        line.detections.push(Seen {
            rule: "QL1.1-010".to_owned(),
            action: "block",
            direction: "output",
            part: 0,
            span: [1, 2],
            view: "surface",
            hash: "00".to_owned(),
        });
        metrics.exchange(&line);
        metrics.exchange(&line);
        let text = metrics.render();
        let exchanges = "wardgate_exchanges_total{app=\"homework\",dialect=\"openai.chat\",direction=\"output\",action=\"block\",mode=\"enforce\",status=\"200\"}";
        assert_eq!(value(&text, exchanges), "2");
        assert_eq!(
            value(&text, "wardgate_detections_total{rule=\"QL1.1-010\""),
            "2"
        );
        assert_eq!(
            value(
                &text,
                "wardgate_answer_cache_total{app=\"homework\",state=\"shared\"}"
            ),
            "2"
        );
        assert_eq!(
            value(
                &text,
                "wardgate_upstream_errors_total{code=\"upstream_reset\"}"
            ),
            "2"
        );
        assert_eq!(value(&text, "wardgate_exchange_seconds_count"), "2");
        assert!(
            !text.contains("model-a"),
            "a model's name is a caller's text"
        );
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn gauges_follow_open_streams_and_what_they_hold() {
        let metrics = Arc::new(Metrics::new());
        let mut stream = metrics.open_stream();
        let mut other = metrics.open_stream();
        stream.holds(100);
        other.holds(7);
        stream.holds(40);
        let text = metrics.render();
        assert_eq!(value(&text, "wardgate_open_streams"), "2");
        assert_eq!(value(&text, "wardgate_held_bytes"), "47");
        drop(stream);
        drop(other);
        let text = metrics.render();
        assert_eq!(value(&text, "wardgate_open_streams"), "0");
        assert_eq!(value(&text, "wardgate_held_bytes"), "0");
    }
}
