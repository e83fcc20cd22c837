//! LiteLLM's generic guardrail contract: LiteLLM sends the texts of a request or of an answer and
//! does what it is told about them.
//!
//! A request is judged as one conversation: `structured_messages` say whose words each text is. Each
//! text of an answer is a choice and judged by itself; while it streams, `stream_holdback_chars` says
//! how much of its end is still undecided.
//!
//! Limit: only `texts` can be edited; what has to be withheld elsewhere (tool calls, pictures) blocks. A
//! nudge is only recorded: LiteLLM has no place for one more sentence.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::check::{self, Check, Finding, Question};
use super::json::{Document, Value};
use super::members::{self, refuse, wrong_type};
use super::table::{Leaf, Place, Side, Step, Table};
use super::{Field, ReadError, ReadLimits};
use crate::message::{Direction, Media, Part, Role};

/// Every field that is known.
static FIELDS: &[Field] = &[
    Field::inspected("/texts/*", ""),
    Field::opaque("/input_type", "checked: request or response"),
    Field::opaque("/images/*", "pictures, which are looked at"),
    Field::inspected(
        "/structured_messages/**",
        "the texts again, with their roles",
    ),
    Field::inspected("/structured_messages/*/content", ""),
    Field::inspected("/structured_messages/*/content/*/text", ""),
    Field::inspected("/structured_messages/*/name", ""),
    Field::inspected("/structured_messages/*/tool_calls/*/function/name", ""),
    Field::inspected("/structured_messages/*/tool_calls/*/function/arguments", ""),
    Field::opaque("/structured_messages/*/role", ""),
    Field::opaque("/structured_messages/*/content/*/type", ""),
    Field::opaque("/structured_messages/*/content/*/image_url/**", "a picture"),
    Field::opaque("/structured_messages/*/tool_calls/*/id", "a number"),
    Field::opaque("/structured_messages/*/tool_calls/*/type", ""),
    Field::opaque("/structured_messages/*/tool_call_id", "a number"),
    Field::inspected("/tools/**", ""),
    Field::inspected("/tools/*/function/name", ""),
    Field::inspected("/tools/*/function/description", ""),
    Field::inspected("/tools/*/function/parameters/**", ""),
    Field::opaque("/tools/*/type", ""),
    Field::inspected("/tool_calls/**", ""),
    Field::inspected("/tool_calls/*/function/name", ""),
    Field::inspected("/tool_calls/*/function/arguments", ""),
    Field::opaque("/tool_calls/*/id", "a number"),
    Field::opaque("/tool_calls/*/type", ""),
    Field::opaque("/tool_calls/*/index", ""),
    Field::opaque("/request_data/**", "who asks LiteLLM; no model reads it"),
    Field::opaque("/request_headers/**", "no model reads them"),
    Field::opaque("/additional_provider_specific_params/**", "typed: audience"),
    Field::opaque("/litellm_call_id", ""),
    Field::opaque("/litellm_trace_id", ""),
    Field::opaque("/litellm_version", ""),
    Field::opaque("/model", "for the audit line"),
];

static REQUEST: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Request));

/// What is said where a place cannot be edited and has no reply of its own.
const NO_PLACE: &str = "What was called for cannot be shown.";

/// The contract.
#[derive(Debug, Clone, Copy)]
pub struct LiteLlm;

impl Check for LiteLlm {
    fn name(&self) -> &'static str {
        "litellm.guardrail"
    }

    fn path(&self) -> &'static str {
        "/beta/litellm_basic_guardrail_api"
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    /// What is known of who asks may name files and addresses; no model sees those.
    fn pictures_in(&self) -> &'static [&'static str] {
        &[
            "images",
            "structured_messages",
            "texts",
            "tools",
            "tool_calls",
        ]
    }

    fn read(&self, body: &Bytes, limits: &ReadLimits) -> Result<Question, ReadError> {
        let document = Document::parse(body, limits)?;
        let root = members::root(&document)?;
        let direction = match members::required_text(root, "input_type")?.as_str() {
            "request" => Direction::Prompt,
            "response" => Direction::Output,
            _ => return Err(wrong_type("/input_type", "request or response")),
        };
        let roles = roles(root);
        let mut said = members::gather(&REQUEST, &document, limits, |leaf| {
            let word = members::is_schema_word(leaf, &["tools"]);
            (!word).then(|| part(leaf, &roles, direction))
        })?;
        let parts: Vec<_> = said.drain(..).flatten().collect();
        let model = members::optional_text(root, "model")?.unwrap_or_default();
        let asks = match direction {
            Direction::Prompt => vec![conversation(parts)],
            Direction::Output => answers(parts, root),
        };
        let params = root.get("additional_provider_specific_params");
        let audience = params.map(|params| members::optional_text(params, "audience"));
        let audience = audience.transpose()?.flatten();
        let pictured = root
            .get("images")
            .is_some_and(|all| all.children().next().is_some());
        let asks = asks
            .into_iter()
            .map(|parts| Question::ask(parts, model.clone()));
        let at = "/additional_provider_specific_params/audience";
        Ok(Question {
            asks: asks.collect(),
            direction,
            audience: check::band(at, audience.as_deref())?,
            pictures: 0,
            unseen: if pictured { &["picture"] } else { &[] },
        })
    }

    fn write(
        &self,
        body: &Bytes,
        question: &Question,
        findings: &[Finding],
        exchange: &str,
    ) -> Result<Bytes, ReadError> {
        let told: Json = serde_json::from_slice(body)
            .map_err(|_| refuse("bad_edit", "the body was read and is none"))?;
        let mut texts = told["texts"].as_array().cloned().unwrap_or_default();
        let mut holdback = vec![0; texts.len()];
        let mut blocked = None;
        let mut intervened = false;
        for (ask, finding) in question.asks.iter().zip(findings) {
            if let Some(refusal) = &finding.refusal {
                blocked.get_or_insert_with(|| refusal.text.clone());
            }
            for edit in &finding.edits {
                let part = ask.parts.iter().find(|part| part.raw == edit.raw);
                match part
                    .and_then(|part| text_index(&part.at))
                    .and_then(|at| texts.get_mut(at))
                {
                    Some(text) => *text = json!(edit.text),
                    None => {
                        blocked.get_or_insert_with(|| NO_PLACE.to_owned());
                    }
                }
                intervened = true;
            }
            let last = ask.parts.iter().rev().find_map(|part| text_index(&part.at));
            if let (Some(guidance), Some(Json::String(text))) =
                (&finding.guidance, last.and_then(|at| texts.get_mut(at)))
            {
                text.push_str("\n\n");
                text.push_str(guidance);
            }
            if let Some(held) = last.and_then(|at| holdback.get_mut(at)) {
                *held = finding.undecided;
            }
        }
        let mut answer = match (&blocked, intervened) {
            (Some(reason), _) => json!({"action": "BLOCKED", "blocked_reason": reason}),
            (None, true) => json!({"action": "GUARDRAIL_INTERVENED", "texts": texts}),
            (None, false) => json!({"action": "NONE"}),
        };
        if question.direction == Direction::Output {
            answer["stream_holdback_chars"] = json!(holdback);
        }
        let found = findings.iter().flat_map(|finding| &finding.found);
        let rules: Vec<_> = found.map(|found| &found.rule).collect();
        answer["wardgate"] = json!({"exchange": exchange, "rules": rules});
        Ok(Bytes::from(answer.to_string()))
    }
}

/// The text that a part is.
fn text_index(at: &str) -> Option<usize> {
    at.strip_prefix("/texts/")?.parse().ok()
}

/// Whose words each structured message holds. A role that nobody knows is the user's.
fn roles(root: Value<'_>) -> Vec<Role> {
    let messages = root.get("structured_messages");
    let all = messages.iter().flat_map(|messages| messages.children());
    all.map(|message| {
        let role = message
            .get("role")
            .and_then(|role| role.text().ok().flatten());
        match role.as_deref() {
            Some("system" | "developer") => Role::System,
            Some("assistant") => Role::Assistant,
            Some("tool" | "function") => Role::Tool,
            _ => Role::User,
        }
    })
    .collect()
}

fn part(leaf: &Leaf<'_, '_>, roles: &[Role], direction: Direction) -> Part {
    let own = match direction {
        Direction::Prompt => Role::User,
        Direction::Output => Role::Assistant,
    };
    let number = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
    let (role, turn) = match leaf.path {
        [Step::Known("texts"), Step::Index(index)] => (own, number(*index)),
        [Step::Known("structured_messages"), Step::Index(index), ..] => {
            (roles.get(*index).copied().unwrap_or(own), number(*index))
        }
        [Step::Known("tools"), ..] => (Role::System, number(roles.len())),
        _ => (own, number(roles.len())),
    };
    let media = match leaf.path {
        _ if leaf.place == Place::Key => Media::Name,
        [.., Step::Known("arguments")] => Media::ToolArguments,
        _ => Media::Text,
    };
    members::part(leaf, role, turn, media)
}

/// The texts in the places of the messages that they are, and what else was said.
fn conversation(parts: Vec<Part>) -> Vec<Part> {
    let (mut texts, mut others): (Vec<_>, Vec<_>) = parts
        .into_iter()
        .partition(|part| text_index(&part.at).is_some());
    let structured = |part: &Part| part.at.starts_with("/structured_messages/");
    let mut from = 0;
    for text in &mut texts {
        let same = |other: &Part| structured(other) && other.text == text.text;
        // Both are in the order of the conversation.
        let found = others.iter().skip(from).position(same).map(|at| at + from);
        if let Some(at) = found {
            let message = others.remove(at);
            (text.role, text.turn) = (message.role, message.turn);
            from = at;
        }
    }
    let mut parts: Vec<_> = texts.into_iter().chain(others).collect();
    parts.sort_by_key(|part| part.turn);
    parts
}

/// Each text by itself; what else was said (calls of tools) together. The prompt, which LiteLLM may
/// repeat, was judged as a request.
fn answers(parts: Vec<Part>, root: Value<'_>) -> Vec<Vec<Part>> {
    let count = root
        .get("texts")
        .map_or(0, |texts| texts.children().count());
    let mut asks = vec![Vec::new(); count];
    let mut others = Vec::new();
    for part in parts {
        match text_index(&part.at).and_then(|at| asks.get_mut(at)) {
            Some(ask) => ask.push(part),
            None if part.at.starts_with("/structured_messages/") => {}
            None => others.push(part),
        }
    }
    if !others.is_empty() {
        asks.push(others);
    }
    asks
}
