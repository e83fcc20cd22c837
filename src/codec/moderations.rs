//! OpenAI moderations, answered from wardgate's own policies.
//!
//! A string is one text, an array of strings one each, an array of parts one together. The rows of
//! the notice become OpenAI's categories by [`CATEGORIES`]; whatever has no category there is
//! flagged all the same, and every rule's own id stands in `wardgate`.
//!
//! Limit: a picture that nobody can look at is refused, since "not flagged" would say that somebody had.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::{Map, Value as Json, json};

use super::check::{self, Check, Finding, Question};
use super::json::{Document, Kind, Value};
use super::members::{self, refuse, wrong_type};
use super::openai;
use super::table::{Leaf, Side, Step, Table};
use super::{Ask, Field, ReadError, ReadLimits};
use crate::message::{Direction, Media, Part, Role};

/// Every field that is known.
static FIELDS: &[Field] = &[
    Field::inspected("/input", ""),
    Field::inspected("/input/*", ""),
    Field::inspected("/input/*/text", ""),
    Field::opaque("/input/*/type", "checked: text or image_url"),
    Field::opaque("/input/*/image_url/url", "a picture, which is looked at"),
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

/// Those that OpenAI also has for pictures.
const PICTURED: [&str; 6] = [
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
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
        let pictures = match input.kind() {
            Kind::Array => pictures(input)?,
            _ => None,
        };
        let together = pictures.is_some();
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
            pictures: pictures.unwrap_or(0),
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
        let kinds = question.asks.iter().map(kinds);
        let results = findings.iter().zip(kinds);
        let results = results.map(|(finding, kinds)| result(finding, &kinds));
        let answer = json!({
            "id": format!("modr-wardgate-{exchange}"),
            "model": if model.is_empty() { "wardgate" } else { model },
            "results": results.collect::<Vec<_>>(),
            "wardgate": {"exchange": exchange},
        });
        Ok(Bytes::from(answer.to_string()))
    }
}

/// How many pictures are among the parts of an array; nothing where it holds none.
fn pictures(input: Value<'_>) -> Result<Option<usize>, ReadError> {
    let (mut pictures, mut parts, mut others) = (0, 0, 0);
    for (index, part) in input.children().enumerate() {
        if part.kind() != Kind::Object {
            others += 1;
            continue;
        }
        parts += 1;
        match members::optional_text(part, "type")?.as_deref() {
            Some("text") => {}
            Some("image_url") => {
                let address = part.get("image_url").and_then(|named| named.get("url"));
                if address.is_none_or(|address| address.kind() != Kind::Text) {
                    let at = format!("/input/{index}/image_url/url");
                    return Err(wrong_type(&at, "a string"));
                }
                pictures += 1;
            }
            _ => {
                let why = format!("/input/{index}/type has to be text or image_url");
                return Err(refuse("unknown_part", why));
            }
        }
    }
    match (parts, others) {
        (0, _) => Ok(None),
        (_, 0) => Ok(Some(pictures)),
        _ => Err(refuse("unknown_part", "/input mixes texts and parts")),
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

/// What kinds of input were judged.
fn kinds(ask: &Ask) -> Vec<&'static str> {
    let pictured = |part: &Part| part.media == Media::Image;
    let worded = !ask.parts.iter().all(pictured);
    let kinds = [
        ("text", worded || ask.parts.is_empty()),
        ("image", ask.parts.iter().any(pictured)),
    ];
    let there = kinds.into_iter().filter(|(_, there)| *there);
    there.map(|(kind, _)| kind).collect()
}

/// `kinds` are those of the input; OpenAI has pictures for some categories only.
fn result(finding: &Finding, kinds: &[&str]) -> Json {
    let (mut categories, mut scores) = (Map::new(), Map::new());
    let mut types = Map::new();
    for name in NAMES {
        let score = score(finding, name);
        categories.insert(name.to_owned(), json!(score.is_some()));
        scores.insert(name.to_owned(), json!(score.unwrap_or(0.0)));
        let applied = kinds
            .iter()
            .filter(|kind| **kind == "text" || PICTURED.contains(&name));
        types.insert(name.to_owned(), json!(applied.collect::<Vec<_>>()));
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
