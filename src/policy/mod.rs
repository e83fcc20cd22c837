//! What is not allowed and what to do about it: the file, its compilation, the one place that decides.
//!
//! No IO but reading policy folders, no provider JSON, no HTTP. [`compile`] is the one door from
//! files to a [`PolicySet`]; [`judge`] is the one place that decides, and it is pure.

pub mod judge;
pub mod rule;

pub use judge::{Detection, Horizon, Judge, Scene, Verdict};
pub use rule::{Action, Level, Rule, RuleId, RuleIx, Severity, Status};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::detect::Detectors;
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
}

/// What one app uses of a set: which rules, with which actions, which phrases are allowed.
#[derive(Debug)]
pub struct Selection {}

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
pub struct Diagnostics {}

/// The one door: all files of all roots and what each app says, to a set or to all diagnostics.
pub fn compile(_sources: &[Source], _apps: &[AppPolicies]) -> Result<PolicySet, Diagnostics> {
    unimplemented!()
}

/// The shipped pack, embedded in the binary.
pub fn shipped() -> Vec<Source> {
    unimplemented!()
}

impl PolicySet {
    /// The rule behind an index.
    pub fn rule(&self, _ix: RuleIx) -> &Rule {
        unimplemented!()
    }
    /// The reviewed reply of a detection's rule, in the conversation's language.
    pub fn reply(&self, _ix: RuleIx, _language: Language) -> &str {
        unimplemented!()
    }
    /// The guidance that a `rewrite` rule appends for the model.
    pub fn guidance(&self, _ix: RuleIx, _language: Language) -> Option<&str> {
        unimplemented!()
    }
    /// What stands in place of a redacted or rewritten span.
    pub fn replacement(&self, _ix: RuleIx, _language: Language) -> &str {
        unimplemented!()
    }
}
