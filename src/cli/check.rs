//! `check`: everything that `serve` would load, without serving.

use std::fmt::Write;
use std::time::SystemTime;

use super::{Ended, Files, Trouble, pack};
use crate::config::{Day, Upstream, stale_lines};
use crate::eyes;
use crate::opinion::{self, Voices};
use crate::picture::Eyes;
use crate::policy;

/// Bytes of a mebibyte, for people.
const MIB: f64 = 1024.0 * 1024.0;

/// Runs `check`. Whatever is wrong has its diagnostics and ends as "could not run".
pub(super) fn run(files: &Files) -> Ended {
    let pack = pack::load(files, None)?;
    // Who works on the pack sees its warnings too; everybody else has no use for them.
    let shipped = policy::shipped();
    let theirs = |path: &str| files.pack.is_none() && shipped.iter().any(|one| one.path == path);
    let mut out = pack.set.warnings.outside(theirs).to_string();
    Voices::load(&pack.config, &pack.set, None).map_err(Trouble::new)?;
    let (rules, memory) = (
        pack.set.rules.len(),
        pack.set.detectors.memory() as f64 / MIB,
    );
    let _ = writeln!(out, "ok: {rules} rules, {memory:.1} MiB of automata");
    for separation in &pack.set.separations {
        let _ = writeln!(out, "{separation}");
    }
    for app in &pack.config.apps {
        let upstream = match &app.upstream {
            Upstream::Mock => "the built-in mock model".to_owned(),
            Upstream::Server(server) => server.url.to_string(),
        };
        let (name, mode) = (&app.name, app.mode.name());
        let (level, audience) = (app.policies.level, app.audience.default.name());
        let _ = writeln!(
            out,
            "app {name}: {mode}, level {level}, audience {audience}, to {upstream}"
        );
    }
    for line in opinion::asked(&pack.config, &pack.set) {
        let _ = writeln!(out, "{line}");
    }
    let today = Day::of(SystemTime::now());
    for line in stale_lines(&pack.config, today) {
        let _ = writeln!(out, "warning: {line}");
    }
    for line in eyes::missing(&pack.config, &pack.set, &Eyes::default()) {
        let _ = writeln!(out, "warning: {line}");
    }
    super::print(out.as_bytes())
}
