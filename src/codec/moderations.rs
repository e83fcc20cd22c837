//! OpenAI moderations, answered from wardgate's own policies.
//!
//! A string is one text, an array of strings one each, an array of parts one together. The rows of
//! the notice become OpenAI's categories by [`CATEGORIES`]; whatever has no category there is
//! flagged all the same, and every rule's own id stands in `wardgate`.
//!
//! Limit: pictures are refused, since "not flagged" would say that somebody had looked.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::{Map, Value as Json, json};

use super::check::{self, Check, Finding, Question};
use super::json::{Document, Kind, Value};
use super::members::{self, refuse};
use super::openai;
use super::table::{Leaf, Side, Step, Table};
use super::{Field, ReadError, ReadLimits};
use crate::message::{Direction, Media, Part, Role};

/// Every field that is known.
static FIELDS: &[Field] = &[
    Field::inspected("/input", ""),
    Field::inspected("/input/*", ""),
    Field::inspected("/input/*/text", ""),
    Field::opaque("/input/*/type", "checked: text"),
    Field::refused("/input/*/image_url/**", "pictures cannot be inspected yet"),
    Field::opaque("/model", "any; the answer repeats it"),
    Field::opaque("/direction", "ours: prompt or output"),
];

static REQUEST: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Request));

/// OpenAI's categories.
const NAMES: [&str; 13] = [
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
];

/// The one table from rows of the notice to categories. Rows that OpenAI has no category for
/// (a person's data, staged family conflict, long use, secret chats) are absent, as is QL7.3, which
/// may be any.
pub static CATEGORIES: &[(&str, &[&str])] = &[
    ("QL1.1", &["sexual", "illicit"]),
    ("QL1.2", &["violence/graphic"]),
    ("QL1.3", &["sexual"]),
    ("QL1.4", &["sexual", "violence"]),
    ("QL2.1", &["harassment"]),
    ("QL2.3", &["harassment"]),
    ("QL3.1", &["sexual/minors"]),
    ("QL3.2", &["sexual", "sexual/minors"]),
    ("QL3.3", &["sexual/minors"]),
    ("QL4.1", &["illicit"]),
    ("QL4.2", &["illicit"]),
    ("QL4.3", &["illicit"]),
    ("QL5.1", &["harassment"]),
    ("QL5.3", &["illicit"]),
    ("QL5.4", &["violence"]),
    ("QL6.4", &["illicit"]),
    ("QL7.1", &["sexual/minors"]),
    (
        "X.SH",
        &["self-harm", "self-harm/intent", "self-harm/instructions"],
    ),
];

/// The API.
#[derive(Debug, Clone, Copy)]
pub struct Moderations;

impl Check for Moderations {
    fn name(&self) -> &'static str {
        "openai.moderations"
    }

    fn path(&self) -> &'static str {
        "/v1/moderations"
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn read(&self, body: &Bytes, limits: &ReadLimits) -> Result<Question, ReadError> {
        let document = Document::parse(body, limits)?;
        let root = members::root(&document)?;
        let input = root
            .get("input")
            .ok_or_else(|| refuse("missing_field", "/input is missing"))?;
        let together = input.kind() == Kind::Array && is_of_parts(input)?;
        if !together {
            openai::count_texts(input, "/input")?;
        }
        let direction = check::direction(root)?;
        let role = match direction {
            Direction::Prompt => Role::User,
            Direction::Output => Role::Assistant,
        };
        let model = members::optional_text(root, "model")?.unwrap_or_default();
        let parts = members::gather(&REQUEST, &document, limits, |leaf| part(leaf, role))?;
        let texts = if together || input.kind() == Kind::Text {
            1
        } else {
            input.children().count()
        };
        let asks = (0..texts).map(|index| {
            let own = parts
                .iter()
                .filter(|(at, _)| together || at.is_none_or(|at| at == index));
            Question::ask(own.map(|(_, part)| part.clone()).collect(), model.clone())
        });
        Ok(Question {
            asks: asks.collect(),
            direction,
            audience: None,
            unseen: &[],
        })
    }

    fn write(
        &self,
        _: &Bytes,
        question: &Question,
        findings: &[Finding],
        exchange: &str,
    ) -> Result<Bytes, ReadError> {
        let model = question.asks.first().map_or("", |ask| ask.model.as_str());
        let answer = json!({
            "id": format!("modr-wardgate-{exchange}"),
            "model": if model.is_empty() { "wardgate" } else { model },
            "results": findings.iter().map(result).collect::<Vec<_>>(),
            "wardgate": {"exchange": exchange},
        });
        Ok(Bytes::from(answer.to_string()))
    }
}

/// Whether an array holds parts; all of them are texts then.
fn is_of_parts(input: Value<'_>) -> Result<bool, ReadError> {
    let mut any = false;
    for (index, part) in input.children().enumerate() {
        if part.kind() != Kind::Object {
            continue;
        }
        any = true;
        match members::optional_text(part, "type")?.as_deref() {
            Some("text") => {}
            Some("image_url") => {
                let why = "pictures cannot be inspected yet; send the texts alone";
                return Err(refuse("unsupported_part", format!("/input/{index}: {why}")));
            }
            _ => {
                let why = format!("/input/{index}/type has to be text");
                return Err(refuse("unknown_part", why));
            }
        }
    }
    let mixed = any && input.children().any(|part| part.kind() != Kind::Object);
    match mixed {
        true => Err(refuse("unknown_part", "/input mixes texts and parts")),
        false => Ok(any),
    }
}

/// A part, and which text of an array it belongs to.
fn part(leaf: &Leaf<'_, '_>, role: Role) -> (Option<usize>, Part) {
    let part = Part {
        role,
        ..members::user_part(leaf, 0, Media::Text)
    };
    match leaf.path {
        [Step::Known("input"), Step::Index(index), ..] => (Some(*index), part),
        _ => (None, part),
    }
}

fn result(finding: &Finding) -> Json {
    let (mut categories, mut scores) = (Map::new(), Map::new());
    let mut types = Map::new();
    for name in NAMES {
        let score = score(finding, name);
        categories.insert(name.to_owned(), json!(score.is_some()));
        scores.insert(name.to_owned(), json!(score.unwrap_or(0.0)));
        types.insert(name.to_owned(), json!(["text"]));
    }
    json!({
        "flagged": finding.found.iter().any(|found| found.withholds),
        "categories": categories,
        "category_scores": scores,
        "category_applied_input_types": types,
        "wardgate": verdict(finding),
    })
}

/// The highest score of a rule that withholds and whose row has the category.
fn score(finding: &Finding, category: &str) -> Option<f32> {
    let held = finding.found.iter().filter(|found| found.withholds);
    let of = held.filter(|found| {
        let mut rows = CATEGORIES.iter();
        rows.any(|(row, names)| *row == found.row && names.contains(&category))
    });
    of.map(|found| found.score).reduce(f32::max)
}

/// What wardgate itself says about a text: the same in every API of this kind.
pub(super) fn verdict(finding: &Finding) -> Json {
    let rules: Vec<_> = (finding.found.iter())
        .map(|found| {
            json!({"rule": found.rule, "area": found.area, "action": found.action,
                "part": found.part, "span": found.span, "view": found.view,
                "score": found.score})
        })
        .collect();
    let refusal = finding.refusal.as_ref();
    let nudge = finding.nudge.as_ref();
    json!({
        "action": finding.action,
        "rules": rules,
        "reply": refusal.map(|refusal| &refusal.text).or(nudge),
    })
}
