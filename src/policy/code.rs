//! [`Code`]: every kind of problem that policy files can have. Its number is stable.

use std::fmt;

/// What kind of problem; its number is stable and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u16)]
pub enum Code {
    /// No YAML.
    Syntax = 1,
    /// Larger, deeper or more entangled than a policy file may be.
    Budget,
    /// A key that no such place has.
    UnknownKey,
    /// A value of another kind than the place wants.
    WrongType,
    /// A key that must be there.
    MissingField,
    /// A name that breaks the grammar of names or is reserved.
    BadName,
    /// `use` or `list` of a file that is not there.
    UnknownFile,
    /// Files that use each other.
    CircularUse,
    /// A rule id, policy, signal, reply or file that is there twice.
    Duplicate,
    /// A rule id that breaks its grammar.
    BadId,
    /// A condition that cannot be read.
    Condition,
    /// A signal that is not visible here.
    UnknownSignal,
    /// A condition, or an arm of it, without a signal that could be its anchor.
    NoAnchor,
    /// A distance or a condition larger than its bound.
    Reach,
    /// A pattern that is wrong or has no bound.
    Pattern,
    /// A signal or list that looks for nothing.
    Empty,
    /// A phrase that cannot be looked for, such as one that folds to nothing.
    Phrase,
    /// A view that does not exist.
    UnknownView,
    /// A contact kind that does not exist.
    UnknownContact,
    /// False positives that are not honest.
    FalsePositives,
    /// A reply or guidance that no file has.
    UnknownReply,
    /// A text that lacks a language.
    Language,
    /// A number outside its range.
    Range,
    /// A signal that no rule reads.
    Unused,
    /// An override of a rule that does not exist.
    OverrideUnknown,
    /// An override that would lower the wall.
    Wall,
    /// An app that asks for a policy that does not exist.
    UnknownPolicy,
    /// A case that names a rule, or a false positive, that does not exist.
    UnknownRule,
    /// A replacement in which neighbours could join up.
    Replacement,
    /// A case that cannot be run as written.
    Case,
    /// A way of cloaking that does not exist.
    UnknownCloaking,
    /// A label that the classifier does not have.
    UnknownLabel,
    /// Something of a picture that cannot be seen.
    UnknownImage = 33,
    /// A list of hashes with a line that is none.
    HashList,
    /// A line of examples that is none.
    Example = 40,
    /// An example that is there twice, or as both kinds.
    ExampleTwice,
    /// Examples from which nothing can be learned.
    ExamplesLack,
    /// Examples from which little was learned.
    ExamplesPoor,
    /// A rule that reads in answers what others are only asked about prompts.
    OpinionOfAnswer = 44,
    /// A signal that asks others, and does not say whom, about what, or from when it counts.
    Opinion,
    /// A mark in a reply that no support pack fills.
    Mark = 46,
    /// A rule that an apparent age could clear.
    AgeClears = 50,
    /// An apparent age that no face tells.
    ApparentAge,
    /// A rule that stands in for what cannot be stood in for.
    Instead = 56,
    /// A cue of who speaks that is no words: nothing would hear it.
    Cue,
}

impl Code {
    /// Whether the files cannot be used at all, or only should be better.
    pub const fn weight(self) -> Weight {
        match self {
            Self::Unused | Self::ExamplesPoor => Weight::Warning,
            _ => Weight::Error,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "P{:03}", *self as u16)
    }
}

/// How much a diagnostic weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Nothing is compiled.
    Error,
    /// Everything works; an author should look.
    Warning,
}
