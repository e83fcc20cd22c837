//! The compiled rule and the small ordered words it is made of.

use std::fmt;

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

/// One compiled rule.
#[derive(Debug)]
pub struct Rule {
    /// Its id.
    pub id: RuleId,
}
