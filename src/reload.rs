//! Swaps a freshly loaded value in, or keeps the old one and says why.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;

use crate::metrics::Metrics;

/// Why to load again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// SIGHUP.
    Signal,
    /// A watched file changed.
    File(PathBuf),
}

/// What can be waited for: keeps the file watcher alive.
#[derive(Debug)]
pub struct Triggers {}

impl Triggers {
    /// SIGHUP and changes of these files and folders (recursive).
    pub fn watch(_paths: &[PathBuf]) -> Result<(Self, mpsc::Receiver<Trigger>), String> {
        unimplemented!()
    }
}

/// For each trigger (several at once count once): loads on a blocking thread and swaps, or logs
/// all diagnostics and keeps what runs. Ends when the triggers end.
pub async fn reload<T: Send + Sync + 'static>(
    _current: Arc<ArcSwap<T>>,
    _triggers: mpsc::Receiver<Trigger>,
    _metrics: Arc<Metrics>,
    _load: impl Fn() -> Result<T, String> + Send + Sync + 'static,
) {
    unimplemented!()
}
