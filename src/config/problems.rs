//! [`Problems`]: what is wrong with a config, each with its line of the file and a help.

use serde_saphyr::Location;

/// What was found wrong so far.
pub(super) struct Problems<'t> {
    pub origin: &'t str,
    pub text: &'t str,
    pub blocks: Vec<String>,
}

impl Problems<'_> {
    /// One more, with what to do about it.
    pub fn add(&mut self, at: Location, message: impl std::fmt::Display, help: &str) {
        let (line, column) = (at.line(), at.column());
        let mut block = format!("error: {message}\n  --> {}", self.origin);
        if at != Location::UNKNOWN {
            let source = self
                .text
                .lines()
                .nth(line.saturating_sub(1) as usize)
                .unwrap_or_default();
            let pad = " ".repeat(column.saturating_sub(1) as usize);
            block += &format!(":{line}:{column}\n   |\n{line:>3}| {source}\n   | {pad}^");
        }
        self.blocks.push(format!("{block}\n   = help: {help}"));
    }

    /// The YAML itself, or its shape.
    pub fn unreadable(&mut self, error: &serde_saphyr::Error) {
        let at = error.location().unwrap_or(Location::UNKNOWN);
        let error = error.without_snippet();
        match error {
            serde_saphyr::Error::SerdeUnknownField {
                field, expected, ..
            } => {
                let message = format!("there is no `{field}` here");
                self.add(at, message, &format!("known here: {}", expected.join(", ")));
            }
            serde_saphyr::Error::SerdeMissingField { field, .. } => {
                self.add(at, format!("`{field}` is missing"), missing_help(field));
            }
            serde_saphyr::Error::SerdeUnknownVariant {
                variant, expected, ..
            } => {
                let message = format!("`{variant}` is none of the choices");
                self.add(
                    at,
                    message,
                    &format!("write one of: {}", expected.join(", ")),
                );
            }
            other => {
                let text = other.to_string();
                let first = text.lines().next().unwrap_or_default();
                self.add(
                    at,
                    first,
                    "examples/openai.yaml is a whole config that works",
                );
            }
        }
    }
}

pub(super) fn missing_help(field: &str) -> &'static str {
    match field {
        "on_failure" => {
            "write `on_failure: block` (an exchange that cannot be judged is refused) or `on_failure: allow`; there is no default because only you can choose"
        }
        "upstream" => {
            "write `upstream: {url: https://api.openai.com}`, or `{url: mock}` to try things out"
        }
        "apps" => "write at least one app: `apps: [{name: ..., upstream: ..., on_failure: block}]`",
        "name" => "every app has a name: it stands in metrics and audit lines",
        _ => "examples/openai.yaml is a whole config that works",
    }
}
