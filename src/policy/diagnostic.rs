//! [`Diagnostic`]: what is wrong, where exactly, and what to write instead. Many at once.
//!
//! [`super::code`] lists the kinds, [`super::place`] says where, [`super::paint`] how it looks.

use std::fmt;

pub use super::code::{Code, Weight};
pub use super::paint::Paint;
pub use super::place::{Place, Spot};
pub(super) use super::spelling::{did_you_mean, one_of};

/// Where a diagnostic belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// A spot in a source.
    Spot(Spot),
    /// A source as a whole.
    File(String),
    /// What an app's config says; the config's reader knows the line.
    App(String),
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which kind.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub at: Where,
    /// What stands under the carets.
    pub label: String,
    /// What to do.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A problem with a source as a whole, until [`Self::at`] says where.
    pub fn new(code: Code, at: Where, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            at,
            label: String::new(),
            help: None,
        }
    }

    /// With a word under the carets.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With a help.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With a help if there is one.
    pub fn helped(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    fn order(&self) -> (u8, &str, u32, u32, Code) {
        match &self.at {
            Where::Spot(spot) => (0, &spot.path, spot.line, spot.column, self.code),
            Where::File(path) => (0, path, 0, 0, self.code),
            // Apps come last: what is wrong with a file often explains them.
            Where::App(app) => (1, app, 0, 0, self.code),
        }
    }
}

/// Everything that is wrong with the files and the apps, in the order of files and lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    found: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Sorted by file, line and column; repeated ones (a file used twice) once.
    pub(super) fn settle(mut self) -> Self {
        // What a rule that could not be read would have used is not unused.
        if self.errors() > 0 {
            self.found.retain(|one| one.code.weight() == Weight::Error);
        }
        self.found.sort_by(|a, b| a.order().cmp(&b.order()));
        self.found.dedup();
        self
    }

    /// Those that are not about such a file.
    pub fn outside(&self, theirs: impl Fn(&str) -> bool) -> Self {
        let own = |one: &&Diagnostic| match &one.at {
            Where::Spot(spot) => !theirs(&spot.path),
            Where::File(path) => !theirs(path),
            Where::App(_) => true,
        };
        Self {
            found: self.found.iter().filter(own).cloned().collect(),
        }
    }

    /// All of them.
    pub fn all(&self) -> &[Diagnostic] {
        &self.found
    }

    /// How many are errors.
    pub fn errors(&self) -> usize {
        let errors = self
            .found
            .iter()
            .filter(|one| one.code.weight() == Weight::Error);
        errors.count()
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.render(Paint::Plain))
    }
}

impl std::error::Error for Diagnostics {}
