//! The compiled rule and the small ordered words it is made of.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::actions::Actions;
use super::reply::Template;
use crate::message::Language;

/// What is done about a detection; ordered, so that deciding is `max`.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing.
    #[default]
    Allow,
    /// Recorded; nobody notices.
    Flag,
    /// The answer ends with one more sentence.
    Nudge,
    /// The spans are replaced; a grey picture stands in a picture's place.
    Redact,
    /// The spans are replaced; pictures are cut out where they stand in a list, and are grey elsewhere.
    Strip,
    /// The spans are replaced and the model receives guidance.
    Rewrite,
    /// A reviewed, helping text instead of the model's.
    Support,
    /// Refused.
    Block,
}

impl Action {
    /// Every action, mildest first.
    pub const ALL: [Self; 8] = [
        Self::Allow,
        Self::Flag,
        Self::Nudge,
        Self::Redact,
        Self::Strip,
        Self::Rewrite,
        Self::Support,
        Self::Block,
    ];

    /// The name in policy files, `scan`, metrics and the audit line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Flag => "flag",
            Self::Nudge => "nudge",
            Self::Redact => "redact",
            Self::Strip => "strip",
            Self::Rewrite => "rewrite",
            Self::Support => "support",
            Self::Block => "block",
        }
    }

    /// The action of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    /// Whether the text itself may not go on as it is.
    pub const fn withholds(self) -> bool {
        self.edits() || self.ends()
    }

    /// Whether something else stands in its place, and the rest goes on.
    pub const fn edits(self) -> bool {
        matches!(self, Self::Redact | Self::Strip | Self::Rewrite)
    }

    /// Whether the exchange (or the stream) ends here.
    pub const fn ends(self) -> bool {
        matches!(self, Self::Support | Self::Block)
    }
}

/// `<row of the notice>-<number>`: never reused; a stricter sibling is one higher.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub String);

impl fmt::Display for RuleId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A rule's index in [`super::PolicySet::rules`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleIx(pub u32);

/// How often a rule may be wrong: 1 hardly ever, 2 sometimes, 3 strict. An app picks its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Level(pub u8);

/// How bad it is when it is right: 1 worst .. 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Severity(pub u8);

/// A rule's life: it observes, it acts, it is gone (its id stays taken).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Observes only: at most [`Action::Flag`].
    Experimental,
    /// Acts.
    Stable,
    /// Not compiled.
    Retired,
}

impl Status {
    /// The name in policy files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Experimental => "experimental",
            Self::Stable => "stable",
            Self::Retired => "retired",
        }
    }
}

impl RuleId {
    /// The row of the notice: "QL3.1" of "QL3.1-010".
    pub fn row(&self) -> &str {
        self.0.rsplit_once('-').map_or(&self.0, |(row, _)| row)
    }
}

/// One compiled rule.
#[derive(Debug)]
pub struct Rule {
    /// Its id.
    pub id: RuleId,
    /// The policy it belongs to.
    pub policy: String,
    /// The harm area, as the policy's title says it.
    pub area: Template,
    /// One line for people.
    pub title: String,
    /// Where it comes from, as its policy says.
    pub reference: String,
    /// The condition as written.
    pub when: String,
    /// The conditions that it names, and those that they name: each with what was written for it.
    pub conditions: Vec<(String, String)>,
    /// Its life.
    pub status: Status,
    /// How strict an app must be for it to be on.
    pub level: Level,
    /// How bad it is.
    pub severity: Severity,
    /// What is done, as the file says, before any app changes it.
    pub actions: Actions,
    /// Whether it counts only where the same turn would else be refused, and answers instead.
    pub instead: bool,
    /// What the reader sees in place of the answer.
    pub reply: Option<Template>,
    /// What a `rewrite` appends for the model.
    pub guidance: Option<Template>,
    /// What stands in place of a redacted span.
    pub replace: Template,
    /// What it may be wrong about.
    pub false_positives: Vec<String>,
    /// Where its id stands: file, line from 1.
    pub place: (String, u32),
    /// Symbols from the start of a completing hit until it is decided, at most; allow phrases aside.
    pub reach: u32,
    /// Languages its anchors are written in; empty if they are patterns, ages or contacts only.
    pub languages: Vec<Language>,
    /// Whether it comes with the binary.
    pub shipped: bool,
    /// Whether no app can turn it off or lower it.
    pub(super) wall: bool,
}

impl Rule {
    /// Whether no app, key, level, selection, allow phrase or observe mode turns this rule off:
    /// shipped rules of QL7.1, and shipped rules of QL3 with severity 1.
    pub const fn wall(&self) -> bool {
        self.wall
    }
}
