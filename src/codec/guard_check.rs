//! wardgate's own endpoint for gateways that keep their traffic: a text or messages in, a verdict out.
//!
//! Turns: the message's index; a text alone is turn 0. Spans are bytes of the part's text.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::check::{self, Check, Finding, Question};
use super::cut;
use super::json::{Document, Kind, Value};
use super::members::{self, refuse, wrong_type};
use super::moderations::verdict;
use super::openai_chat;
use super::openai_chat_shape::Messages;
use super::splice::{Splice, splice};
use super::table::{Side, Table};
use super::{Ask, Field, ReadError, ReadLimits, openai_chat_fields};
use crate::message::{Direction, Output, Role};

/// What stands beside the messages, which are those of OpenAI chat.
const OWN: [Field; 5] = [
    Field::inspected("/text", "instead of messages"),
    Field::opaque("/direction", "checked: prompt or output"),
    Field::opaque(
        "/audience",
        "checked: a band; it makes the audience younger, never older",
    ),
    Field::opaque("/output", "checked: text, image or image-edit"),
    Field::opaque("/model", "for the audit line"),
];

static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
    let chat = openai_chat_fields::FIELDS.iter().copied();
    let messages = chat.filter(|field| field.at.starts_with("/messages/"));
    OWN.into_iter().chain(messages).collect()
});

static REQUEST: LazyLock<Table> = LazyLock::new(|| Table::new(&FIELDS, Side::Request));

/// The API.
#[derive(Debug, Clone, Copy)]
pub struct GuardCheck;

impl Check for GuardCheck {
    fn name(&self) -> &'static str {
        "guard.check"
    }

    fn path(&self) -> &'static str {
        "/guard/v1/check"
    }

    fn fields(&self) -> &'static [Field] {
        &FIELDS
    }

    fn read(&self, body: &Bytes, limits: &ReadLimits) -> Result<Question, ReadError> {
        let document = Document::parse(body, limits)?;
        let root = members::root(&document)?;
        let direction = check::direction(root)?;
        let roles = roles(root, direction)?;
        let audience = members::optional_text(root, "audience")?;
        let mut parts = members::gather(&REQUEST, &document, limits, |leaf| {
            let mut part = openai_chat::part(leaf, &roles);
            if part.at == "/text" {
                part.role = roles[0];
            }
            part
        })?;
        // The answer that is judged is the last turn.
        parts.sort_by_key(|part| part.turn);
        let model = members::optional_text(root, "model")?.unwrap_or_default();
        Ok(Question {
            asks: vec![Ask {
                output: output(root)?,
                ..Question::ask(parts, model)
            }],
            direction,
            audience: check::band("/audience", audience.as_deref())?,
            pictures: 0,
            unseen: &[],
        })
    }

    fn write(
        &self,
        body: &Bytes,
        question: &Question,
        findings: &[Finding],
        exchange: &str,
    ) -> Result<Bytes, ReadError> {
        let Some(finding) = findings.first() else {
            return Err(refuse("bad_edit", "nothing was judged"));
        };
        let mut answer = verdict(finding);
        let parts = &question.asks[0].parts;
        for rule in answer["rules"].as_array_mut().into_iter().flatten() {
            let part = rule["part"]
                .as_u64()
                .and_then(|at| usize::try_from(at).ok());
            rule["at"] = json!(part.and_then(|at| parts.get(at)).map(|part| &part.at));
        }
        let refusal = finding.refusal.as_ref();
        answer["rule"] = json!(refusal.map(|refusal| &refusal.rule));
        answer["area"] = json!(refusal.map(|refusal| &refusal.area));
        answer["guidance"] = json!(finding.guidance);
        answer["exchange"] = json!(exchange);
        // What may go on: nothing, the very same, or with what is redacted replaced.
        let edits = finding.edits.iter().map(Splice::literal).collect();
        let edited = splice(body, cut::beside(edits, finding.cuts.clone()))?;
        let edited: Json = serde_json::from_slice(&edited)
            .map_err(|_| refuse("bad_edit", "an edit broke the document"))?;
        for name in ["text", "messages"] {
            if let Some(said) = edited.get(name) {
                answer[name] = match refusal {
                    Some(_) => Json::Null,
                    None => said.clone(),
                };
            }
        }
        Ok(Bytes::from(answer.to_string()))
    }
}

/// Whose words each message holds, or the text.
fn roles(root: Value<'_>, direction: Direction) -> Result<Vec<Role>, ReadError> {
    match (root.get("text"), root.get("messages")) {
        (Some(text), None) if text.kind() == Kind::Text => Ok(vec![match direction {
            Direction::Prompt => Role::User,
            Direction::Output => Role::Assistant,
        }]),
        (Some(_), None) => Err(wrong_type("/text", "a string")),
        (None, Some(_)) => Ok(Messages::read(root)?.roles),
        _ => Err(refuse("missing_field", "send either /text or /messages")),
    }
}

fn output(root: Value<'_>) -> Result<Output, ReadError> {
    match members::optional_text(root, "output")?.as_deref() {
        None | Some("text") => Ok(Output::Text),
        Some("image") => Ok(Output::Image),
        Some("image-edit") => Ok(Output::ImageEdit),
        Some(_) => Err(wrong_type("/output", "text, image or image-edit")),
    }
}
