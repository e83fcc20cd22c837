//! The compiled rule and the small ordered words it is made of.

use std::fmt;

use super::condition::Condition;
use super::judge::Scene;
use crate::detect::SignalId;
use crate::message::{Band, Direction, Output, Role};

/// What is done about a detection; ordered, so that deciding is `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Action {
    /// Nothing.
    #[default]
    Allow,
    /// Recorded; nobody notices.
    Flag,
    /// The answer ends with one more sentence.
    Nudge,
    /// The spans are replaced.
    Redact,
    /// The spans are replaced and the model receives guidance.
    Rewrite,
    /// A reviewed, helping text instead of the model's.
    Support,
    /// Refused.
    Block,
}

impl Action {
    /// Every action, mildest first.
    pub const ALL: [Self; 7] = [
        Self::Allow,
        Self::Flag,
        Self::Nudge,
        Self::Redact,
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
        matches!(
            self,
            Self::Redact | Self::Rewrite | Self::Support | Self::Block
        )
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Observes only: at most [`Action::Flag`].
    Experimental,
    /// Acts.
    Stable,
    /// Not compiled.
    Retired,
}

/// A fact about the exchange that conditions can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meta {
    /// `audience.minor`: a minor, or nobody said.
    Minor,
    /// `audience.adult`.
    Adult,
    /// `direction.prompt`, `direction.output`.
    Direction(Direction),
    /// `output.text`, `output.image`, `output.image_edit`.
    Output(Output),
    /// `role.system`, `role.user`, `role.assistant`, `role.tool`.
    Role(Role),
}

impl Meta {
    /// Every fact by name.
    pub const NAMES: [(&'static str, Self); 11] = [
        ("audience.minor", Self::Minor),
        ("audience.adult", Self::Adult),
        ("direction.prompt", Self::Direction(Direction::Prompt)),
        ("direction.output", Self::Direction(Direction::Output)),
        ("output.text", Self::Output(Output::Text)),
        ("output.image", Self::Output(Output::Image)),
        ("output.image_edit", Self::Output(Output::ImageEdit)),
        ("role.system", Self::Role(Role::System)),
        ("role.user", Self::Role(Role::User)),
        ("role.assistant", Self::Role(Role::Assistant)),
        ("role.tool", Self::Role(Role::Tool)),
    ];

    /// The fact of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, meta)| *meta)
    }

    /// Whether it holds.
    pub fn holds(self, scene: &Scene, role: Role) -> bool {
        match self {
            Self::Minor => scene.audience.band.is_minor(),
            Self::Adult => !scene.audience.band.is_minor(),
            Self::Direction(direction) => scene.direction == direction,
            Self::Output(output) => scene.output == output,
            Self::Role(of) => role == of,
        }
    }
}

/// A name of a condition, resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Atom {
    /// A signal.
    Signal(SignalId),
    /// A fact about the exchange.
    Meta(Meta),
}

/// What is done, by audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actions {
    /// For minors and where nobody said.
    pub minor: Action,
    /// For adults.
    pub adult: Action,
}

impl Actions {
    /// The action for a band.
    pub fn of(self, band: Band) -> Action {
        if band.is_minor() { self.minor } else { self.adult }
    }
}

/// One compiled rule.
#[derive(Debug)]
pub struct Rule {
    /// Its id.
    pub id: RuleId,
    /// The name of its policy.
    pub policy: String,
    /// Reads well after "allow …".
    pub title: String,
    /// Where its id stands: file, line.
    pub place: (String, u32),
    /// Whether it acts.
    pub status: Status,
    /// How often it may be wrong.
    pub level: Level,
    /// How bad it is when right.
    pub severity: Severity,
    /// Where it applies; empty means everywhere.
    pub directions: Vec<Direction>,
    /// Whose words it applies to; empty means anybody's.
    pub roles: Vec<Role>,
    /// What the model is asked to make; empty means anything.
    pub outputs: Vec<Output>,
    /// Its condition.
    pub when: Condition<Atom>,
    /// Signals whose hits are candidates; see [`super::judge`].
    pub anchors: Vec<SignalId>,
    /// Symbols after a completing hit that must be read before it is decided in a stream.
    pub lookahead: u32,
    /// As the file says, before any app changes it.
    pub actions: Actions,
    /// Whether it is part of the shipped pack.
    pub shipped: bool,
    /// What it may wrongly see.
    pub false_positives: Vec<String>,
}

impl Rule {
    /// Whether no app, key, header, allow phrase or observe mode turns the rule off: shipped rules
    /// of QL7.1, and those of QL3 with severity 1.
    pub fn wall(&self) -> bool {
        let id = self.id.0.as_str();
        self.shipped
            && (id.starts_with("QL7.1-") || (id.starts_with("QL3.") && self.severity == Severity(1)))
    }

    /// Whether it has a `not` that later text may answer.
    pub fn waits(&self) -> bool {
        self.lookahead > 0
    }

    /// Whether it looks at such words at all.
    pub fn applies(&self, scene: &Scene, role: Role) -> bool {
        (self.directions.is_empty() || self.directions.contains(&scene.direction))
            && (self.roles.is_empty() || self.roles.contains(&role))
            && (self.outputs.is_empty() || self.outputs.contains(&scene.output))
    }
}
