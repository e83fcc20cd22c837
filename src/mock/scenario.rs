//! A file of scenarios: what the mock does for requests that nobody can give headers to.
//!
//! ```yaml
//! - prompt: soup              # some text of the body holds it; every body where it is absent
//!   path: /v1/messages        # every path where it is absent
//!   answer: A plain soup.
//!   pieces: 2
//! - path: /api/chat
//!   status: 503
//! ```
//! The first that fits a request decides, field by field as the headers of [`super::script`] would.
//! A request with such headers is told by them alone.

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::script::{Encoding, MAX_DELAY, Script};

/// One scenario, as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// A piece of some text of the body.
    pub prompt: Option<String>,
    /// The path, without its query.
    pub path: Option<String>,
    /// The text to answer; `tool: NAME {json}` calls a tool.
    pub answer: Option<String>,
    /// What pictures of the answer show as a QR code; they are one pixel where it is absent.
    pub picture: Option<String>,
    /// Characters per delta.
    pub pieces: Option<usize>,
    /// Milliseconds between chunks.
    pub delay_ms: u64,
    /// The status; an error object from 400 on.
    pub status: Option<u16>,
    /// Chunks before the connection breaks.
    pub cut_after: Option<usize>,
    /// gzip, br or zstd.
    pub encoding: Option<String>,
}

/// Reads a file of scenarios.
///
/// # Errors
/// What is wrong, with its place.
pub fn read(text: &str) -> Result<Vec<Scenario>, String> {
    let all: Vec<Scenario> = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    for (index, scenario) in all.iter().enumerate() {
        scenario
            .check()
            .map_err(|why| format!("scenario {}: {why}", index + 1))?;
    }
    Ok(all)
}

/// What the first scenario that fits tells the mock; nothing where none fits.
pub fn script(all: &[Scenario], path: &str, body: &[u8]) -> Option<Script> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let fits = |scenario: &&Scenario| {
        let at = scenario.path.as_deref().is_none_or(|wanted| wanted == path);
        at && scenario
            .prompt
            .as_deref()
            .is_none_or(|wanted| holds(&body, wanted))
    };
    all.iter().find(fits).map(Scenario::script)
}

impl Scenario {
    fn check(&self) -> Result<(), String> {
        if self
            .status
            .is_some_and(|status| StatusCode::from_u16(status).is_err())
        {
            return Err("status has to be one of HTTP's".to_owned());
        }
        match self.encoding.as_deref() {
            Some(name) if Encoding::named(name).is_none() => {
                Err("encoding has to be gzip, br or zstd".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn script(&self) -> Script {
        let status = self
            .status
            .and_then(|status| StatusCode::from_u16(status).ok());
        let delay = std::time::Duration::from_millis(self.delay_ms);
        Script {
            answer: self.answer.clone(),
            picture: self.picture.clone(),
            pieces: self.pieces.map(|pieces| pieces.max(1)),
            delay: delay.min(MAX_DELAY),
            status: status.unwrap_or(StatusCode::OK),
            cut_after: self.cut_after,
            encoding: (self.encoding.as_deref())
                .and_then(Encoding::named)
                .unwrap_or_default(),
            raw: None,
        }
    }
}

/// Whether some text of a body holds the words.
fn holds(body: &Value, words: &str) -> bool {
    match body {
        Value::String(text) => text.contains(words),
        Value::Array(items) => items.iter().any(|item| holds(item, words)),
        Value::Object(members) => members.values().any(|member| holds(member, words)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_fits_decides() {
        let file =
            "- {prompt: soup, path: /a, answer: Leeks., delay_ms: 5}\n- {path: /a, status: 503}\n";
        let all = read(file).expect("reads");
        let soup = br#"{"messages":[{"content":"a soup?"}]}"#;
        let script = |path, body| script(&all, path, body);
        assert_eq!(
            script("/a", soup).expect("fits").answer.as_deref(),
            Some("Leeks.")
        );
        assert_eq!(script("/a", b"{}").expect("fits").status, 503);
        assert_eq!(script("/b", soup), None);
    }

    #[test]
    fn what_is_misspelled_is_said() {
        for (file, why) in [
            ("- {anser: x}", "anser"),
            ("- {status: 99}", "scenario 1: status"),
            ("- {}\n- {encoding: zip}", "scenario 2: encoding"),
            ("answer: x", ""),
        ] {
            let error = read(file).expect_err("refused");
            assert!(error.contains(why), "{error}");
        }
    }
}
