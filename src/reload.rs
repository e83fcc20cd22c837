//! Swaps a freshly loaded value in, or keeps the old one and says why.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use crate::metrics::{Metrics, Reloaded};

/// How long to wait for more changes: editors write a file in several steps, and `git pull` touches
/// hundreds; what is loaded half-way would only be an error to report.
const SETTLE: Duration = Duration::from_millis(200);

/// Triggers that wait while a load runs. They count as one, so losing more of them loses nothing.
const TRIGGERS: usize = 16;

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
pub struct Triggers {
    _files: RecommendedWatcher,
    #[cfg(unix)]
    hangup: tokio::task::JoinHandle<()>,
}

impl Drop for Triggers {
    fn drop(&mut self) {
        #[cfg(unix)]
        self.hangup.abort();
    }
}

impl Triggers {
    /// SIGHUP and changes of these files and folders (with everything in them). Call within a
    /// runtime. The error names the path that cannot be watched.
    pub fn watch(paths: &[PathBuf]) -> Result<(Self, mpsc::Receiver<Trigger>), String> {
        let (sender, triggers) = mpsc::channel(TRIGGERS);
        let files = watch_files(paths, sender.clone())?;
        #[cfg(unix)]
        let hangup = {
            use tokio::signal::unix::{SignalKind, signal};
            let hangups = signal(SignalKind::hangup());
            let mut hangups = hangups.map_err(|error| format!("SIGHUP: {error}"))?;
            tokio::spawn(async move {
                while hangups.recv().await.is_some() {
                    let _ = sender.try_send(Trigger::Signal);
                }
            })
        };
        let triggers_alive = Self {
            _files: files,
            #[cfg(unix)]
            hangup,
        };
        Ok((triggers_alive, triggers))
    }
}

/// Watches the folders in which files stand, because editors and Kubernetes replace a file by
/// renaming another over it, which ends a watch on the file itself.
fn watch_files(
    paths: &[PathBuf],
    sender: mpsc::Sender<Trigger>,
) -> Result<RecommendedWatcher, String> {
    let mut watched: Vec<PathBuf> = Vec::new();
    let mut folders: Vec<(PathBuf, RecursiveMode)> = Vec::new();
    for path in paths {
        let full =
            std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()))?;
        folders.push(if full.is_dir() {
            (full.clone(), RecursiveMode::Recursive)
        } else {
            let folder = full.parent().unwrap_or(Path::new("/"));
            (folder.to_owned(), RecursiveMode::NonRecursive)
        });
        watched.push(full);
    }
    let changed = move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else {
            return; // A lost event is followed by others; SIGHUP is the sure way.
        };
        let ours = |path: &PathBuf| is_watched(path, &watched);
        if matters(event.kind)
            && let Some(path) = event.paths.into_iter().find(ours)
        {
            let _ = sender.try_send(Trigger::File(path));
        }
    };
    let mut watcher = notify::recommended_watcher(changed).map_err(|error| error.to_string())?;
    // A recursive watch first, so that a plain one on the same folder does not replace it.
    folders.sort_by_key(|(_, mode)| *mode != RecursiveMode::Recursive);
    let mut seen: Vec<PathBuf> = Vec::new();
    for (folder, mode) in folders {
        if !seen.contains(&folder) {
            let watching = watcher.watch(&folder, mode);
            watching.map_err(|error| format!("{}: {error}", folder.display()))?;
            seen.push(folder);
        }
    }
    Ok(watcher)
}

/// Whether a changed path is one of ours, lies in one of our folders, or is the `..data` link
/// through which Kubernetes swaps all files of a folder at once.
fn is_watched(path: &Path, watched: &[PathBuf]) -> bool {
    let swapped = |ours: &PathBuf| {
        path.file_name().is_some_and(|name| name == "..data") && ours.parent() == path.parent()
    };
    watched
        .iter()
        .any(|ours| path.starts_with(ours) || swapped(ours))
}

/// Reading a file is no change of it.
fn matters(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_)
    )
}

/// For each trigger (several at once count once): loads on a blocking thread and swaps, or logs
/// all diagnostics and keeps what runs. Ends when the triggers end.
pub async fn reload<T: Send + Sync + 'static>(
    current: Arc<ArcSwap<T>>,
    mut triggers: mpsc::Receiver<Trigger>,
    metrics: Arc<Metrics>,
    load: impl Fn() -> Result<T, String> + Send + Sync + 'static,
) {
    let load = Arc::new(load);
    while let Some(trigger) = triggers.recv().await {
        tracing::info!(?trigger, "reloading");
        while let Ok(Some(_)) = tokio::time::timeout(SETTLE, triggers.recv()).await {}
        let load = Arc::clone(&load);
        let loaded = tokio::task::spawn_blocking(move || load()).await;
        let outcome = match loaded {
            Ok(Ok(fresh)) => {
                current.store(Arc::new(fresh));
                tracing::info!("reloaded");
                Reloaded::New
            }
            Ok(Err(diagnostics)) => {
                tracing::error!("nothing changes, what ran before runs on:\n{diagnostics}");
                Reloaded::KeptOld
            }
            Err(panic) => {
                tracing::error!(%panic, "loading failed, what ran before runs on");
                Reloaded::KeptOld
            }
        };
        metrics.reload(outcome);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Runs `reload` over what `triggers` sends, with loads that take what `file` says by then.
    async fn run(triggers: Vec<Trigger>, results: Vec<Result<u32, String>>) -> (u32, u32, String) {
        let current = Arc::new(ArcSwap::from_pointee(0_u32));
        let metrics = Arc::new(Metrics::new());
        let (sender, receiver) = mpsc::channel(TRIGGERS);
        let loads = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&loads);
        let load = move || {
            let number = counted.fetch_add(1, Ordering::SeqCst) as usize;
            results[number].clone()
        };
        let running = reload(Arc::clone(&current), receiver, Arc::clone(&metrics), load);
        let sending = async move {
            for trigger in triggers {
                let _ = sender.send(trigger).await;
                // Longer than the debounce: each counts for itself. Time is paused.
                tokio::time::sleep(SETTLE * 2).await;
            }
        };
        tokio::join!(running, sending);
        (
            **current.load(),
            loads.load(Ordering::SeqCst),
            metrics.render(),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn a_bad_load_keeps_what_runs_and_a_good_one_replaces_it() {
        let bad = Err("p.yaml:3:1: no such signal".to_owned());
        let (value, loads, figures) = run(
            vec![
                Trigger::Signal,
                Trigger::File("p.yaml".into()),
                Trigger::Signal,
            ],
            vec![Ok(1), bad.clone(), bad],
        )
        .await;
        assert_eq!((value, loads), (1, 3));
        assert!(figures.contains("wardgate_reloads_total{outcome=\"new\"} 1"));
        assert!(figures.contains("wardgate_reloads_total{outcome=\"kept_old\"} 2"));
    }

    #[tokio::test(start_paused = true)]
    async fn many_changes_at_once_load_once() {
        let current = Arc::new(ArcSwap::from_pointee(0_u32));
        let (sender, receiver) = mpsc::channel(TRIGGERS);
        for _ in 0..10 {
            sender
                .try_send(Trigger::File("p.yaml".into()))
                .expect("room");
        }
        drop(sender);
        let loads = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&loads);
        let load = move || Ok(counted.fetch_add(1, Ordering::SeqCst) + 1);
        reload(
            Arc::clone(&current),
            receiver,
            Arc::new(Metrics::new()),
            load,
        )
        .await;
        assert_eq!(loads.load(Ordering::SeqCst), 1);
        assert_eq!(**current.load(), 1);
    }

    /// Waits for a trigger of the operating system; a minute is far beyond any delay of it.
    async fn next(triggers: &mut mpsc::Receiver<Trigger>) -> Trigger {
        let next = tokio::time::timeout(Duration::from_secs(60), triggers.recv()).await;
        next.expect("in time").expect("the watcher lives")
    }

    #[tokio::test]
    async fn a_file_written_or_replaced_is_seen_and_its_neighbour_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a path");
        let (config, policies) = (root.join("wardgate.yaml"), root.join("policies"));
        std::fs::create_dir(&policies).expect("creates");
        std::fs::write(&config, "a").expect("writes");
        let (_alive, mut triggers) =
            Triggers::watch(&[config.clone(), policies.clone()]).expect("watches");
        std::fs::write(root.join("neighbour"), "x").expect("writes");
        std::fs::write(root.join("next"), "b").expect("writes");
        std::fs::rename(root.join("next"), &config).expect("renames");
        assert_eq!(next(&mut triggers).await, Trigger::File(config));
        let policy = policies.join("p.yaml");
        std::fs::write(&policy, "c").expect("writes");
        let mut seen = next(&mut triggers).await;
        while seen != Trigger::File(policy.clone()) {
            seen = next(&mut triggers).await;
        }
    }
}
