//! OpenAI chat completions, which every OpenAI-compatible server speaks.
//!
//! Turns: the message's index; `user`, `stop`, metadata and the like share that of the last user
//! message, tools and formats the turn after the last message. Lanes of a choice: [`CONTENT`], [`REFUSAL`],
//! [`REASONING_CONTENT`], [`REASONING`], the old `function_call`'s name and arguments, and from
//! [`TOOLS`] on two per tool call: `TOOLS + 2 * index` its name, the next its arguments.
//!
//! Limit: audio and files are refused.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::json::{Document, Value};
use super::members;
use super::openai::{self, CONTENT, Choice};
use super::openai_chat_fields::FIELDS;
use super::openai_chat_shape::{Messages, check_modalities, check_said, check_tools};
use super::splice::{self, Splice, splice};
use super::table::{Leaf, Place, Side, Step, Table};
use super::{
    Ask, Codec, Delta, Edit, Ending, Envelope, Fault, Field, Piece, ReadError, ReadLimits, Refusal,
    RefusalStyle, Reply, openai_reply, sse,
};
use crate::message::{Media, Part, Role};

/// Lane of a model's own refusal.
pub const REFUSAL: u32 = 1;
/// Lane of `reasoning_content` (DeepSeek, vLLM, Qwen).
pub const REASONING_CONTENT: u32 = 2;
/// Lane of `reasoning` (OpenRouter, Ollama).
pub const REASONING: u32 = 3;
/// Lane of the old `function_call`'s name; its arguments follow.
pub const FUNCTION: u32 = 4;
/// First lane of the first tool call.
pub const TOOLS: u32 = 16;

static REQUEST: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Request));
static ANSWER: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Answer));
static EVENT: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Event));

/// The dialect.
#[derive(Debug, Clone, Copy)]
pub struct OpenAiChat;

impl Codec for OpenAiChat {
    fn name(&self) -> &'static str {
        "openai.chat"
    }

    fn paths(&self) -> &'static [&'static str] {
        &["/v1/chat/completions"]
    }

    fn listings(&self) -> &'static [&'static str] {
        &["/v1/models", "/v1/models/{}"]
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn read(&self, _: &str, body: &Bytes, limits: &ReadLimits) -> Result<Ask, ReadError> {
        let document = Document::parse(body, limits)?;
        let root = members::root(&document)?;
        let messages = Messages::read(root)?;
        check_tools(root)?;
        check_modalities(root)?;
        let mut parts = Vec::with_capacity(messages.roles.len() + 4);
        REQUEST.walk(&document, &mut |leaf: &Leaf<'_, '_>| {
            if parts.len() >= limits.parts {
                return Err(members::too_many(limits));
            }
            if !members::is_schema_word(leaf, &["tools", "functions", "response_format"]) {
                parts.push(part(leaf, &messages.roles));
            }
            Ok(())
        })?;
        Ok(Ask {
            stream: members::flag(root, "stream")?,
            model: members::required_text(root, "model")?,
            choices: openai::choices_asked(root)?,
            guidance_at: messages.guidance_at,
            ..Ask::of(parts)
        })
    }

    fn write(
        &self,
        _: &str,
        body: &Bytes,
        ask: &Ask,
        edits: &[Edit],
        guidance: Option<&str>,
    ) -> Result<Bytes, ReadError> {
        if edits.is_empty() && guidance.is_none() {
            return Ok(body.clone());
        }
        let mut splices: Vec<_> = edits.iter().map(Splice::literal).collect();
        if let Some(text) = guidance {
            splices.push(guidance_splice(ask, text));
        }
        splice(body, splices)
    }

    fn read_answer(&self, body: &[u8], limits: &ReadLimits) -> Result<Vec<Piece>, ReadError> {
        let check = |choices: &[Choice<'_>]| check_said(choices, "message");
        openai::read_answer(body, &ANSWER, lane, check, limits)
    }

    fn write_answer(&self, body: &[u8], edits: &[Edit]) -> Result<Bytes, ReadError> {
        openai::write_choices(body, edits)
    }

    fn end_answer(
        &self,
        body: &[u8],
        choice: u32,
        text: &str,
        ending: Ending,
    ) -> Result<Bytes, ReadError> {
        openai::replace_choice(body, choice, &whole_choice(choice, text, ending))
    }

    fn read_event(
        &self,
        data: &str,
        envelope: &mut Envelope,
        limits: &ReadLimits,
    ) -> Result<Delta, ReadError> {
        let check = |choices: &[Choice<'_>]| check_said(choices, "delta");
        openai::read_event(data, envelope, &EVENT, lane, check, limits)
    }

    fn write_event(&self, data: &str, edits: &[Edit]) -> Result<String, ReadError> {
        openai::write_event(data, edits)
    }

    fn say(&self, envelope: &mut Envelope, choice: u32, text: &str) -> Bytes {
        sse::frame(&said(envelope, choice, text).to_string())
    }

    fn end_stream(&self, envelope: &Envelope, choice: u32, text: &str, ending: Ending) -> Bytes {
        let mut chunks = Vec::new();
        if !text.is_empty() {
            chunks.push(said(envelope, choice, text));
        }
        for open in openai_reply::ending_choices(envelope, choice) {
            chunks.push(chunk(envelope, ended(open, ending), None));
        }
        openai_reply::events(&chunks)
    }

    fn refuse(&self, ask: &Ask, refusal: &Refusal) -> Reply {
        // Help is never an error: an app would show its own "something went wrong" instead.
        if refusal.style == RefusalStyle::Error && refusal.ending == Ending::Filtered {
            return openai_reply::refusal_error(refusal, "invalid_request_error", "content_filter");
        }
        let envelope = openai_reply::own_envelope("chatcmpl", &ask.model, refusal);
        if ask.stream {
            return openai_reply::events_reply(&refusal_chunks(ask, &envelope, refusal));
        }
        let choices = (0..ask.choices)
            .map(|index| whole_choice(index, &refusal.text, refusal.ending))
            .collect();
        let mark = Some(openai_reply::mark(refusal));
        let mut body = openai_reply::wrap("chat.completion", &envelope, choices, mark);
        body["usage"] = json!({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0});
        openai_reply::document_reply(200, &body)
    }

    fn fail_stream(&self, _: &Envelope, fault: &Fault) -> Bytes {
        openai_reply::fault_event(fault)
    }

    fn error(&self, fault: &Fault) -> Reply {
        openai_reply::fault(fault)
    }
}

/// Guidance is a system message: before the first message that is none, which an empty
/// [`Ask::guidance_at`] marks, or after the last one, whose bytes it then holds.
fn guidance_splice(ask: &Ask, text: &str) -> Splice {
    let message = format!(
        "{{\"role\":\"system\",\"content\":{}}}",
        splice::quote(text)
    );
    let (at, bytes) = match ask.guidance_at.clone() {
        before if before.is_empty() => (before.start, message + ","),
        after => (after.end, format!(",{message}")),
    };
    Splice { at: at..at, bytes }
}

/// A string of a request, by whose messages it belongs to.
pub(super) fn part(leaf: &Leaf<'_, '_>, roles: &[Role]) -> Part {
    let after = u32::try_from(roles.len()).unwrap_or(u32::MAX);
    let (role, turn, rest) = match leaf.path {
        [Step::Known("messages"), Step::Index(index), rest @ ..] => {
            let turn = u32::try_from(*index).unwrap_or(u32::MAX);
            (roles[*index], turn, rest)
        }
        path @ [Step::Known("prediction"), ..] => (Role::Assistant, after, path),
        path @ [
            Step::Known(
                "tools" | "functions" | "response_format" | "tool_choice" | "function_call",
            ),
            ..,
        ] => (Role::System, after, path),
        // Said with the last thing the user said: as a turn of its own it would stand for that.
        path => {
            let last = roles.iter().rposition(|role| *role == Role::User);
            let last = last.and_then(|index| u32::try_from(index).ok());
            (Role::User, last.unwrap_or(after), path)
        }
    };
    members::part(leaf, role, turn, media(leaf.place, rest))
}

fn media(place: Place, path: &[Step<'_>]) -> Media {
    use Step::Known;
    match path {
        _ if place == Place::Key => Media::Name,
        [Known("refusal")] | [Known("content"), _, Known("refusal")] => Media::Refusal,
        [
            Known("reasoning_content" | "reasoning" | "reasoning_details"),
            ..,
        ] => Media::Reasoning,
        [Known("name" | "tool_call_id" | "user" | "safety_identifier" | "prompt_cache_key")]
        | [
            ..,
            Known("function" | "custom" | "function_call"),
            Known("name"),
        ]
        | [Known("tool_calls"), _, Known("id")] => Media::Name,
        [Known("tool_calls"), _, _, Known("arguments" | "input")]
        | [Known("function_call"), Known("arguments")] => Media::ToolArguments,
        _ => Media::Text,
    }
}

fn lane(path: &[Step<'_>], choice: Value<'_>) -> Option<(u32, Media)> {
    use Step::{Index, Known};
    let [Known(side @ ("message" | "delta")), rest @ ..] = path else {
        return None;
    };
    let media = media(Place::Value, rest);
    let field = match rest {
        [Known("content"), ..] => CONTENT,
        [Known("refusal")] => REFUSAL,
        [Known("reasoning_content")] => REASONING_CONTENT,
        [Known("reasoning")] => REASONING,
        [Known("reasoning_details"), ..] => members::unnamed_lane(path),
        [Known("function_call"), Known("name")] => FUNCTION,
        [Known("function_call"), Known("arguments")] => FUNCTION + 1,
        [Known("tool_calls"), Index(at), Known(_), Known(field)] => {
            let call = choice.get(side)?.get("tool_calls")?.children().nth(*at)?;
            let position = u64::try_from(*at).ok();
            let index = call.get("index").and_then(|n| n.number()).or(position)?;
            // Calls beyond what fits share the last lanes: together they are judged all the more.
            let index = u32::try_from(index).unwrap_or(u32::MAX).min(1 << 20);
            TOOLS + 2 * index + u32::from(*field != "name")
        }
        _ => return None,
    };
    Some((field, media))
}

fn whole_choice(index: u32, text: &str, ending: Ending) -> Json {
    let message = json!({"role": "assistant", "content": text, "refusal": null});
    let reason = openai_reply::finish_reason(ending);
    json!({"index": index, "message": message, "logprobs": null, "finish_reason": reason})
}

fn chunk(envelope: &Envelope, choice: Json, mark: Option<Json>) -> Json {
    openai_reply::wrap("chat.completion.chunk", envelope, vec![choice], mark)
}

fn said(envelope: &Envelope, choice: u32, text: &str) -> Json {
    let delta = json!({"role": "assistant", "content": text});
    let choice = json!({"index": choice, "delta": delta, "logprobs": null, "finish_reason": null});
    chunk(envelope, choice, None)
}

fn ended(choice: u32, ending: Ending) -> Json {
    let reason = openai_reply::finish_reason(ending);
    json!({"index": choice, "delta": {}, "logprobs": null, "finish_reason": reason})
}

fn refusal_chunks(ask: &Ask, envelope: &Envelope, refusal: &Refusal) -> Vec<Json> {
    let mut chunks = Vec::new();
    for index in 0..ask.choices {
        let mut first = said(envelope, index, &refusal.text);
        first["wardgate"] = openai_reply::mark(refusal);
        chunks.push(first);
    }
    for index in 0..ask.choices {
        chunks.push(chunk(envelope, ended(index, refusal.ending), None));
    }
    chunks
}
