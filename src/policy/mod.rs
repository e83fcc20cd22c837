//! What is not allowed and what to do about it: the file, its compilation, the one place that decides.
//!
//! No IO but reading policy folders, no provider JSON, no HTTP. [`compile`] is the one door from
//! files to a [`PolicySet`]; [`judge`] is the one place that decides, and it is pure.

pub mod cases;
pub mod compile;
pub mod condition;
pub mod file;
pub mod judge;
pub mod rule;

pub use compile::compile;
pub use judge::{Detection, Horizon, Judge, Scene, Verdict};
pub use rule::{Action, Level, Rule, RuleId, RuleIx, Severity, Status};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::detect::{Detectors, SignalId};
use crate::message::Language;

/// One policy source file as read: shipped (embedded) or an operator's.
#[derive(Debug, Clone)]
pub struct Source {
    /// Path for diagnostics and for `use`: relative to its root ("common/minors.yaml").
    pub path: String,
    /// The text.
    pub text: String,
    /// Whether it is part of the shipped pack (its wall rules cannot be lowered).
    pub shipped: bool,
}

/// What an app says about policies, as its config says it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AppPolicies {
    /// The app's name, for diagnostics.
    pub app: String,
    /// Policy names, rule ids or rows ("QL1", "QL3.1", "grooming"); empty means every policy.
    pub policies: Vec<String>,
    /// Rules above this level are off. 1 to 3.
    pub level: u8,
    /// Rule id -> what the app changes.
    pub overrides: BTreeMap<String, Override>,
    /// Phrases within which nothing is detected (no wall rule is excused by them).
    pub allow: Vec<String>,
}

/// What an app changes about one rule.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Override {
    /// Another action for every audience; `allow` turns the rule off.
    pub action: Option<Action>,
    /// Another status ("experimental" makes a rule observe).
    pub status: Option<Status>,
}

/// Everything compiled from all policy files for all apps. Immutable, swapped whole on reload.
#[derive(Debug)]
pub struct PolicySet {
    /// The shared automata.
    pub detectors: Arc<Detectors>,
    /// Rules of all policies; [`RuleIx`] indexes them.
    pub rules: Vec<Rule>,
    /// One per app, in the order given to the compiler.
    pub selections: Vec<Arc<Selection>>,
    /// blake3 of everything that can change a verdict; part of every cache key.
    pub hash: [u8; 32],
    watchers: Vec<Vec<RuleIx>>,
    texts: Vec<Texts>,
}

#[derive(Debug)]
struct Texts {
    reply: [String; 2],
    guidance: Option<[String; 2]>,
    replacement: [String; 2],
    area: [String; 2],
}

/// What one app uses of a set: which rules, with which actions, which phrases are allowed.
#[derive(Debug)]
pub struct Selection {
    actions: Vec<Option<rule::Actions>>,
    allow: Vec<SignalId>,
    patience: u32,
}

impl Selection {
    /// What is done about a rule for a band.
    pub fn action(&self, ix: RuleIx, band: crate::message::Band) -> Option<Action> {
        self.actions[ix.0 as usize].map(|actions| actions.of(band)).filter(|action| *action > Action::Allow)
    }
    /// Whether allow phrases may excuse the rule.
    pub fn excuses(&self, rule: &Rule) -> bool {
        !self.allow.is_empty() && !rule.wall()
    }
    /// Symbols to wait for allow phrases.
    pub fn patience(&self, rule: &Rule) -> u32 {
        if self.excuses(rule) { self.patience } else { 0 }
    }
    /// Whether the signal is an allow phrase.
    pub fn allows(&self, signal: SignalId) -> bool {
        self.allow.contains(&signal)
    }
}

/// Whether verdicts act or are only recorded. A wall rule always acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Verdicts act.
    Enforce,
    /// Verdicts are recorded; everything passes.
    Observe,
}

impl Mode {
    /// The name in configs and audit lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Observe => "observe",
        }
    }
}

/// Everything that is wrong with the files and the apps, for rendering.
#[derive(Debug)]
pub struct Diagnostics {
    problems: Vec<String>,
}

impl std::fmt::Display for Diagnostics {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.problems.join("\n"))
    }
}

/// The shipped pack, embedded in the binary.
pub fn shipped() -> Vec<Source> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let mut all = read_folders(&[root]).unwrap_or_default();
    for source in &mut all { source.shipped = true; }
    all
}

/// Reads folders.
pub fn read_folders(folders: &[std::path::PathBuf]) -> Result<Vec<Source>, String> {
    let mut all = Vec::new();
    for root in folders {
        for sub in ["", "common", "lists"] {
            let folder = root.join(sub);
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            for entry in entries.flatten() {
                let path = entry.path();
                if path.is_file() && path.extension().is_some_and(|e| e == "yaml" || e == "txt") {
                    all.push(Source {
                        path: path.strip_prefix(root).unwrap_or(&path).display().to_string(),
                        text: std::fs::read_to_string(&path).map_err(|e| e.to_string())?,
                        shipped: false,
                    });
                }
            }
        }
    }
    all.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(all)
}

/// Judges everything said in a request.
pub fn judge_prompt(
    set: &Arc<PolicySet>,
    selection: &Arc<Selection>,
    scene: Scene,
    parts: &[crate::message::Part],
    hits: &[Arc<[crate::detect::Hit]>],
) -> Verdict {
    let mut verdict = Verdict::default();
    let mut start = 0;
    while start < parts.len() {
        let (turn, role) = (parts[start].turn, parts[start].role);
        let same = parts[start..].iter().take_while(|part| (part.turn, part.role) == (turn, role)).count();
        let end = start + same;
        let mut judge = Judge::new(Arc::clone(set), Arc::clone(selection), scene, role, Horizon::Whole, &[]);
        let mut found = Vec::new();
        for index in start..end {
            judge.part();
            for hit in hits[index].iter() {
                judge.hit(hit, &mut found);
            }
            if same > 1 {
                judge.advance(parts[index].text.chars().count() as u32, &mut found);
            }
        }
        judge.finish(&mut found);
        for mut detection in found {
            detection.part += start as u32;
            detection.anchor.0 += start as u32;
            verdict.action = verdict.action.max(detection.action);
            verdict.detections.push(detection);
        }
        start = end;
    }
    verdict
}

impl PolicySet {
    /// The rule behind an index.
    pub fn rule(&self, ix: RuleIx) -> &Rule {
        &self.rules[ix.0 as usize]
    }
    /// Rules that a hit of the signal may complete.
    pub fn watchers(&self, signal: SignalId) -> &[RuleIx] {
        &self.watchers[signal.0 as usize]
    }
    fn texts(&self, ix: RuleIx) -> &Texts {
        &self.texts[ix.0 as usize]
    }
    /// The reviewed reply of a detection's rule, in the conversation's language.
    pub fn reply(&self, ix: RuleIx, language: Language) -> &str {
        &self.texts(ix).reply[language as usize]
    }
    /// The title of the rule's policy.
    pub fn area(&self, ix: RuleIx, language: Language) -> &str {
        &self.texts(ix).area[language as usize]
    }
    /// The guidance that a `rewrite` rule appends for the model.
    pub fn guidance(&self, ix: RuleIx, language: Language) -> Option<&str> {
        self.texts(ix).guidance.as_ref().map(|text| text[language as usize].as_str())
    }
    /// What stands in place of a redacted or rewritten span.
    pub fn replacement(&self, ix: RuleIx, language: Language) -> &str {
        &self.texts(ix).replacement[language as usize]
    }
}
