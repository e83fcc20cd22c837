//! What Prometheus sees. Labels come from configs, policies and our own tables only, so their
//! number is bounded; no caller's text becomes a label.

use std::sync::Arc;

use crate::audit::Line;

/// Every figure. Shared by all workers.
#[derive(Debug)]
pub struct Metrics {}

impl Metrics {
    /// All at zero.
    #[expect(
        clippy::new_without_default,
        reason = "a registry has an identity, no neutral value"
    )]
    pub fn new() -> Self {
        unimplemented!()
    }
    /// Counts one finished exchange: its line knows everything.
    pub fn exchange(&self, _line: &Line) {
        unimplemented!()
    }
    /// Counts a stream as open while the guard lives, with the bytes that it holds.
    pub fn open_stream(self: &Arc<Self>) -> OpenStream {
        unimplemented!()
    }
    /// Counts a failed upstream request or body, by its stable code.
    pub fn upstream_error(&self, _code: &'static str) {
        unimplemented!()
    }
    /// Counts a reload.
    pub fn reload(&self, _outcome: Reloaded) {
        unimplemented!()
    }
    /// Counts an audit line that was lost.
    pub fn audit_dropped(&self) {
        unimplemented!()
    }
    /// The OpenMetrics text.
    pub fn render(&self) -> String {
        unimplemented!()
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

/// An open stream's share of the gauges.
#[derive(Debug)]
pub struct OpenStream {}

impl OpenStream {
    /// The stream holds that many bytes now.
    pub fn holds(&mut self, _bytes: usize) {
        unimplemented!()
    }
}
