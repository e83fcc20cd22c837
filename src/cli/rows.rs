//! Rows of `scan --jsonl`: read, judged by all cores, written in their order, in constant memory.

use std::io::{BufRead, Read, Write};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::scan::{self, Bench, Findings, Said};
use super::trace::{self, Step};
use super::{Ended, Outcome, Way};
use crate::message::{Direction, Part, Role};
use crate::policy::Detection;
use crate::policy::spread::spread;

/// Bytes of one row; the proxy's own bound on a request body is of the same size. A longer row is
/// an error of that row, not of the run.
pub(super) const ROW_BYTES: u64 = 16 * 1024 * 1024;

/// Rows judged between two writes: enough to keep every core busy, few enough to be held at once.
const BATCH_ROWS: usize = 1024;

/// Bytes after which a batch is judged even if it has fewer rows.
const BATCH_BYTES: usize = 32 * 1024 * 1024;

/// A row as written. Other keys (labels, sources) are the caller's own and are ignored.
#[derive(Debug, Deserialize)]
struct Row {
    id: Value,
    text: Option<String>,
    messages: Option<Vec<Message>>,
    direction: Option<Way>,
    audience: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Message {
    role: String,
    content: Option<Content>,
}

/// Content as chat APIs write it: a text, or parts of which some hold text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<ContentPart>),
}

#[derive(Debug, Deserialize)]
struct ContentPart {
    text: Option<String>,
}

/// The answer to a row. The lists are parallel: one entry per detection.
#[derive(Debug, Serialize)]
struct Judged<'s> {
    /// The row's own; a text of the command line has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'s Value>,
    action: &'static str,
    rules: Vec<&'s str>,
    spans: Vec<[u32; 2]>,
    scores: Vec<f32>,
    /// The reading in which the deciding detection was made.
    view: Option<&'static str>,
    /// Which message each span lies in; only for rows of messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<Vec<u32>>,
    /// The way back of each detection, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Vec<Vec<Step<'s>>>>,
}

/// Judges every row of `input`. Bad rows are answered with an error and remembered.
pub(super) fn run(bench: &Bench, input: &mut impl BufRead, output: &mut impl Write) -> Ended {
    answer(&|row, line| verdict(bench, row, line), input, output)
}

/// A row's answer and whether the row was good, given its bytes and its line; none for no answer.
pub(super) type Answer<'a> = dyn Fn(&[u8], usize) -> Option<(String, bool)> + Sync + 'a;

/// Answers every row of `input`, in order. Bad rows are answered with an error and remembered.
pub(super) fn answer(of: &Answer<'_>, input: &mut impl BufRead, output: &mut impl Write) -> Ended {
    let mut outcome = Outcome::Fine;
    let mut batch = Vec::with_capacity(BATCH_ROWS);
    let mut line = 1;
    loop {
        let more = fill(&mut batch, input)?;
        for (verdict, good) in answers(of, &batch, line) {
            if !good {
                outcome = Outcome::CouldNotRun;
            }
            if let Err(error) = output.write_all(verdict.as_bytes()) {
                return match error.kind() {
                    std::io::ErrorKind::BrokenPipe => Ok(outcome),
                    _ => Err(error.into()),
                };
            }
        }
        output.flush()?;
        if !more {
            return Ok(outcome);
        }
        line += batch.len();
        batch.clear();
    }
}

/// Reads the next rows; whether there may be more. A row that is too long keeps its first bytes,
/// which then are no JSON.
pub(super) fn fill(batch: &mut Vec<Vec<u8>>, input: &mut impl BufRead) -> std::io::Result<bool> {
    let mut bytes = 0;
    while batch.len() < BATCH_ROWS && bytes < BATCH_BYTES {
        let mut row = Vec::new();
        if input.take(ROW_BYTES).read_until(b'\n', &mut row)? == 0 {
            return Ok(false);
        }
        if row.len() as u64 == ROW_BYTES && row.last() != Some(&b'\n') {
            input.skip_until(b'\n')?;
        }
        bytes += row.len();
        batch.push(row);
    }
    Ok(true)
}

/// Answers of a batch, in order, each with whether its row was good. Blank lines have none.
fn answers(of: &Answer<'_>, batch: &[Vec<u8>], first_line: usize) -> Vec<(String, bool)> {
    let verdicts = spread(batch, |at, row| of(row, first_line + at));
    verdicts.into_iter().flatten().collect()
}

/// One row's answer and whether the row was good; none for a blank line.
fn verdict(bench: &Bench, row: &[u8], line: usize) -> Option<(String, bool)> {
    if row.trim_ascii().is_empty() {
        return None;
    }
    Some(match read(row) {
        Ok(row) => match said(bench, &row) {
            Ok(said) => (judged(bench, &row, &said), true),
            Err(error) => (refused(&row.id, line, &error), false),
        },
        Err((id, error)) => (refused(&id, line, &error), false),
    })
}

fn read(row: &[u8]) -> Result<Row, (Value, String)> {
    serde_json::from_slice(row).map_err(|error| {
        // The id still helps to find a row whose other keys are wrong.
        let id = serde_json::from_slice::<Value>(row).ok();
        let id = id.and_then(|row| row.get("id").cloned());
        (id.unwrap_or(Value::Null), error.to_string())
    })
}

pub(super) fn refused(id: &Value, line: usize, error: &str) -> String {
    let row = serde_json::json!({"id": id, "error": format!("line {line}: {error}")});
    format!("{row}\n")
}

/// What a row says, where it travels and who speaks.
fn said(bench: &Bench, row: &Row) -> Result<Said, String> {
    let direction = row.direction.map_or(bench.direction, Direction::from);
    let parts = match (&row.text, &row.messages) {
        (Some(text), None) => vec![scan::part(scan::speaker(direction), 0, text.clone())],
        (None, Some(messages)) => conversation(messages)?,
        _ => return Err("a row has either `text` or `messages`".to_owned()),
    };
    let audience = match &row.audience {
        None => bench.audience,
        Some(name) => super::command::band(name).map_err(|help| format!("audience: {help}"))?,
    };
    Ok(Said {
        parts,
        direction,
        audience,
    })
}

fn conversation(messages: &[Message]) -> Result<Vec<Part>, String> {
    let mut parts = Vec::with_capacity(messages.len());
    for (turn, message) in (0..).zip(messages) {
        let role = role(&message.role)?;
        match &message.content {
            None => {}
            Some(Content::Text(text)) => parts.push(scan::part(role, turn, text.clone())),
            Some(Content::Parts(several)) => {
                let texts = several.iter().filter_map(|part| part.text.clone());
                parts.extend(texts.map(|text| scan::part(role, turn, text)));
            }
        }
    }
    Ok(parts)
}

fn role(name: &str) -> Result<Role, String> {
    Ok(match name {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" | "model" => Role::Assistant,
        "tool" | "function" => Role::Tool,
        other => {
            return Err(format!(
                "role {other:?}: use system, user, assistant or tool"
            ));
        }
    })
}

fn judged(bench: &Bench, row: &Row, said: &Said) -> String {
    written(bench, Some(row), said, &bench.judge(said))
}

/// The verdict of a text of the command line.
pub(super) fn line(bench: &Bench, said: &Said, findings: &Findings) -> String {
    written(bench, None, said, findings)
}

fn written(bench: &Bench, row: Option<&Row>, said: &Said, findings: &Findings) -> String {
    let found = || findings.0.iter();
    let turn = |detection: &Detection| said.parts[detection.part as usize].turn;
    let several = row.is_some_and(|row| row.messages.is_some());
    let judged = Judged {
        id: row.map(|row| &row.id),
        action: findings.action().name(),
        rules: found().map(|detection| bench.rule(detection)).collect(),
        spans: found()
            .map(|detection| [detection.span.start, detection.span.end])
            .collect(),
        scores: found().map(|detection| detection.score).collect(),
        view: findings.deciding().map(|detection| detection.view.name()),
        messages: several.then(|| found().map(turn).collect()),
        trace: bench.traces.then(|| {
            let each = found().map(|detection| trace::steps(bench, said, detection));
            each.collect()
        }),
    };
    let mut line = serde_json::to_string(&judged).expect("numbers and strings always serialise");
    line.push('\n');
    line
}
