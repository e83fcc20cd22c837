//! OpenAI completions: one text goes in, its continuation comes out.
//!
//! Turns: a prompt's position in the body (one prompt is turn 0); whatever else is said belongs to
//! turn 0. Lanes of a choice: [`CONTENT`] for `text`.
//!
//! Limit: prompts sent as token numbers are refused, since nobody here can read them.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::json::{Document, Value};
use super::members::{self, refuse};
use super::openai::{self, CONTENT};
use super::splice::{Splice, splice};
use super::table::{Leaf, Side, Step, Table};
use super::{
    Ask, Codec, Delta, Edit, Ending, Envelope, Fault, Field, Piece, ReadError, ReadLimits, Refusal,
    RefusalStyle, Reply, openai_reply, sse,
};
use crate::message::{Media, Part};

/// Most answers of one request: prompts times `n`. A refusal repeats its text for each.
const MAX_ANSWERS: u32 = 2048;

/// Every field that is known.
static FIELDS: &[Field] =
    &openai::joined::<{ OWN.len() + 8 }>(&[OWN, &openai::ERROR, &openai::ERROR_EVENT]);

/// What an error object is not.
const OWN: &[Field] = &[
    Field::inspected("/prompt", ""),
    Field::inspected("/prompt/*", ""),
    Field::inspected("/suffix", ""),
    Field::inspected("/stop", ""),
    Field::inspected("/stop/*", ""),
    Field::inspected("/user", ""),
    Field::opaque("/model", "a name that the upstream resolves"),
    Field::opaque("/stream", "typed"),
    Field::opaque("/stream_options/**", ""),
    Field::opaque("/n", "typed"),
    Field::opaque("/best_of", ""),
    Field::opaque("/echo", ""),
    Field::opaque("/temperature", ""),
    Field::opaque("/top_p", ""),
    Field::opaque("/top_k", ""),
    Field::opaque("/min_p", ""),
    Field::opaque("/max_tokens", ""),
    Field::opaque("/presence_penalty", ""),
    Field::opaque("/frequency_penalty", ""),
    Field::opaque("/repetition_penalty", ""),
    Field::opaque("/logit_bias/**", "token numbers"),
    Field::opaque("/logprobs", ""),
    Field::opaque("/seed", ""),
    Field::inspected("answer:/choices/*/text", ""),
    Field::opaque("answer:/choices/*/index", ""),
    Field::opaque("answer:/choices/*/finish_reason", ""),
    Field::opaque("answer:/choices/*/logprobs/**", "emptied on edits"),
    Field::opaque("answer:/id", "the server's own number"),
    Field::opaque("answer:/object", ""),
    Field::opaque("answer:/created", ""),
    Field::opaque("answer:/model", ""),
    Field::opaque("answer:/system_fingerprint", ""),
    Field::opaque("answer:/service_tier", ""),
    Field::opaque("answer:/usage/**", ""),
    Field::inspected("event:/choices/*/text", ""),
    Field::opaque("event:/choices/*/index", ""),
    Field::opaque("event:/choices/*/finish_reason", ""),
    Field::opaque("event:/choices/*/logprobs/**", "emptied on edits"),
    Field::opaque("event:/id", "the server's own number"),
    Field::opaque("event:/object", ""),
    Field::opaque("event:/created", ""),
    Field::opaque("event:/model", ""),
    Field::opaque("event:/system_fingerprint", ""),
    Field::opaque("event:/service_tier", ""),
    Field::opaque("event:/usage/**", ""),
];

static REQUEST: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Request));
static ANSWER: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Answer));
static EVENT: LazyLock<Table> = LazyLock::new(|| Table::new(FIELDS, Side::Event));

/// The dialect.
#[derive(Debug, Clone, Copy)]
pub struct OpenAiCompletions;

impl Codec for OpenAiCompletions {
    fn name(&self) -> &'static str {
        "openai.completions"
    }

    fn paths(&self) -> &'static [&'static str] {
        &["/v1/completions"]
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn read(&self, _: &str, body: &Bytes, limits: &ReadLimits) -> Result<Ask, ReadError> {
        let document = Document::parse(body, limits)?;
        let root = members::root(&document)?;
        let prompt = root
            .get("prompt")
            .ok_or_else(|| refuse("missing_field", "/prompt is missing"))?;
        let prompts = openai::count_texts(prompt, "/prompt")?;
        Ok(Ask {
            stream: members::flag(root, "stream")?,
            model: members::required_text(root, "model")?,
            choices: answers(prompts, openai::choices_asked(root)?)?,
            guidance_at: prompt.raw(),
            ..Ask::of(members::gather(&REQUEST, &document, limits, part)?)
        })
    }

    /// Guidance follows every prompt after a blank line; [`Ask::guidance_at`] is `prompt`'s value.
    fn write(
        &self,
        _: &str,
        body: &Bytes,
        ask: &Ask,
        edits: &[Edit],
        guidance: Option<&str>,
    ) -> Result<Bytes, ReadError> {
        let mut edits = edits.to_vec();
        if let Some(guidance) = guidance {
            let prompt = &ask.guidance_at;
            let prompts = ask
                .parts
                .iter()
                .filter(|part| prompt.start <= part.raw.start && part.raw.end <= prompt.end);
            prompts.for_each(|part| members::append(&mut edits, part, guidance));
        }
        if edits.is_empty() {
            return Ok(body.clone());
        }
        splice(body, edits.iter().map(Splice::literal).collect())
    }

    fn read_answer(&self, body: &[u8], limits: &ReadLimits) -> Result<Vec<Piece>, ReadError> {
        openai::read_answer(body, &ANSWER, lane, |_| Ok(()), limits)
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
        openai::read_event(data, envelope, &EVENT, lane, |_| Ok(()), limits)
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
            chunks.push(chunk(envelope, whole_choice(open, "", ending)));
        }
        openai_reply::events(&chunks)
    }

    fn refuse(&self, ask: &Ask, refusal: &Refusal) -> Reply {
        // Help is never an error: an app would show its own "something went wrong" instead.
        if refusal.style == RefusalStyle::Error && refusal.ending == Ending::Filtered {
            return openai_reply::refusal_error(refusal, "invalid_request_error", "content_filter");
        }
        let envelope = openai_reply::own_envelope("cmpl", &ask.model, refusal);
        let choices: Vec<_> = (0..ask.choices)
            .map(|index| whole_choice(index, &refusal.text, refusal.ending))
            .collect();
        let mark = Some(openai_reply::mark(refusal));
        let mut body = openai_reply::wrap("text_completion", &envelope, choices, mark);
        if ask.stream {
            return openai_reply::events_reply(&[body]);
        }
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

fn answers(prompts: usize, each: u32) -> Result<u32, ReadError> {
    u32::try_from(prompts)
        .ok()
        .and_then(|prompts| prompts.checked_mul(each))
        .filter(|all| *all <= MAX_ANSWERS)
        .ok_or_else(|| {
            let message = format!("prompts times n go beyond {MAX_ANSWERS}; send fewer at once");
            refuse("too_many_answers", message)
        })
}

fn part(leaf: &Leaf<'_, '_>) -> Part {
    let (turn, media) = match leaf.path {
        [Step::Known("prompt"), Step::Index(index)] => {
            (u32::try_from(*index).unwrap_or(u32::MAX), Media::Text)
        }
        [Step::Known("user")] => (0, Media::Name),
        _ => (0, Media::Text),
    };
    members::user_part(leaf, turn, media)
}

fn lane(path: &[Step<'_>], _: Value<'_>) -> Option<(u32, Media)> {
    (path == [Step::Known("text")]).then_some((CONTENT, Media::Text))
}

fn whole_choice(index: u32, text: &str, ending: Ending) -> Json {
    let reason = openai_reply::finish_reason(ending);
    json!({"index": index, "text": text, "logprobs": null, "finish_reason": reason})
}

fn chunk(envelope: &Envelope, choice: Json) -> Json {
    openai_reply::wrap("text_completion", envelope, vec![choice], None)
}

fn said(envelope: &Envelope, choice: u32, text: &str) -> Json {
    let choice = json!({"index": choice, "text": text, "logprobs": null, "finish_reason": null});
    chunk(envelope, choice)
}
