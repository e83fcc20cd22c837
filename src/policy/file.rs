//! A policy file, one to one.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A text in both languages of the pack.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Localised {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

/// A whole file.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyFile {
    /// The policy's name; files that are only used have none.
    #[serde(default)]
    pub policy: Option<String>,
    /// Its title.
    #[serde(default)]
    pub title: Option<Localised>,
    /// What it is based on.
    #[serde(default)]
    pub reference: Option<String>,
    /// Files whose signals are visible.
    #[serde(default, rename = "use")]
    pub uses: Vec<String>,
    /// Signals by name.
    #[serde(default)]
    pub signals: BTreeMap<String, SignalFile>,
    /// Reviewed texts by name.
    #[serde(default)]
    pub replies: BTreeMap<String, Localised>,
    /// Rules.
    #[serde(default)]
    pub rules: Vec<RuleFile>,
}

/// One signal.
#[derive(Debug, Clone, Deserialize, Default, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SignalFile {
    /// Words and phrases.
    pub words: Vec<String>,
    /// A file of words.
    pub list: Option<String>,
    /// A pattern.
    pub pattern: Option<String>,
    /// Patterns.
    pub patterns: Vec<String>,
    /// An age.
    pub age: Option<AgeFile>,
    /// Contacts.
    pub contact: Vec<String>,
    /// Views.
    pub views: Vec<String>,
}

/// An age range.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgeFile {
    /// Lowest.
    pub from: u8,
    /// Highest.
    pub to: u8,
}

/// Where a rule applies.
#[derive(Debug, Clone, Deserialize, Default, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AppliesFile {
    /// prompt, output.
    pub direction: Vec<String>,
    /// Roles.
    pub role: Vec<String>,
    /// Outputs.
    pub output: Vec<String>,
}

/// One action or one by audience.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum ActionFile {
    /// For everybody.
    One(String),
    /// By audience.
    Two {
        /// Minors.
        minor: String,
        /// Adults.
        adult: String,
    },
}

/// A replacement.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum ReplaceFile {
    /// In every language.
    One(String),
    /// By language.
    Two(Localised),
}

/// One rule.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleFile {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Status.
    pub status: String,
    /// Level.
    pub level: u8,
    /// Severity.
    pub severity: u8,
    /// Applies.
    #[serde(default)]
    pub applies: AppliesFile,
    /// Condition.
    pub when: String,
    /// Action.
    pub action: ActionFile,
    /// Reply.
    #[serde(default)]
    pub reply: Option<String>,
    /// Guidance.
    #[serde(default)]
    pub guidance: Option<String>,
    /// Replacement.
    #[serde(default)]
    pub replace: Option<ReplaceFile>,
    /// False positives.
    #[serde(default)]
    pub false_positives: Vec<String>,
}
