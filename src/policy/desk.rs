//! [`Desk`]: where problems of reading go, and [`Fault`]: why the reading of one value stopped.

use std::cell::RefCell;
use std::fmt;

use serde::de;

use super::diagnostic::{Code, Diagnostic, Place, Spot, Where, did_you_mean, one_of};
use super::{Diagnostics, Source};

/// Where problems of typed reading go.
#[derive(Debug)]
pub(super) struct Desk<'s> {
    /// All sources, to show lines of.
    pub sources: &'s [Source],
    /// What was found.
    pub problems: RefCell<Diagnostics>,
}

impl Desk<'_> {
    /// A diagnostic at a place, to be completed and pushed.
    pub fn at(&self, code: Code, place: Place, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, Where::Spot(Spot::of(self.sources, place)), message)
    }

    /// Records it.
    pub fn report(&self, diagnostic: Diagnostic) {
        self.problems.borrow_mut().push(diagnostic);
    }

    /// The bytes of a place as written.
    pub fn written(&self, place: Place) -> &str {
        let text = &self.sources[place.source as usize].text;
        text.get(place.start as usize..place.end as usize)
            .unwrap_or("")
    }
}

/// Why reading stopped. What is wrong has no place until it passes a [`Reader`], which reports it.
#[derive(Debug)]
pub(super) enum Fault {
    /// Not yet reported.
    Said {
        code: Code,
        message: String,
        help: Option<String>,
    },
    /// Reported.
    Reported,
}

impl Fault {
    /// Not yet reported.
    pub fn said(code: Code, message: impl Into<String>, help: Option<String>) -> Self {
        Self::Said {
            code,
            message: message.into(),
            help,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said { message, .. } => out.write_str(message),
            Self::Reported => out.write_str("already reported"),
        }
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::said(Code::WrongType, message.to_string(), None)
    }
    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::said(
            Code::WrongType,
            format!("{found} where {expected} belongs"),
            None,
        )
    }
    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::said(
            Code::WrongType,
            format!("{found} where {expected} belongs"),
            None,
        )
    }
    fn unknown_variant(found: &str, expected: &'static [&'static str]) -> Self {
        let help = did_you_mean(found, expected.iter().copied());
        let help = help.unwrap_or_else(|| one_of(expected.iter().copied()));
        Self::said(
            Code::WrongType,
            format!("unknown word `{found}`"),
            Some(help),
        )
    }
    fn missing_field(field: &'static str) -> Self {
        let help = Some(format!("add `{field}:` here"));
        Self::said(Code::MissingField, format!("`{field}` is missing"), help)
    }
}
