//! What OpenAI responses say of conversations that the server keeps: which answer a request goes on
//! from, which of its words last, and what an answer adds.

use super::framing::Frames;
use super::json::{Document, Value};
use super::members;
use super::responses::Responses;
use super::{Codec, Framing, Kept, ReadError, ReadLimits, Thread};
use crate::message::{Media, Part, Role};

/// Longest id of an answer, bytes; OpenAI's have less than 100.
const MAX_ID_BYTES: usize = 256;

/// Which answer a request goes on from, and whether its own will be kept: unless it says otherwise.
pub fn thread(body: &[u8]) -> Result<Thread, ReadError> {
    let document = Document::parse(body, &members::WRITE_LIMITS)?;
    let root = members::root(&document)?;
    let keeps = root.get("store").is_none() || members::flag(root, "store")?;
    let previous = members::optional_text(root, "previous_response_id")?;
    if previous.as_ref().is_some_and(|id| id.len() > MAX_ID_BYTES) {
        let why = format!("an id has at most {MAX_ID_BYTES} bytes");
        return Err(members::wrong_type("/previous_response_id", &why));
    }
    Ok(Thread { previous, keeps })
}

/// Instructions, tools and settings hold for one request; what was put in goes on, and pictures only
/// stand there.
pub fn lasts(part: &Part) -> bool {
    part.media == Media::Image || part.at == "/input" || part.at.starts_with("/input/")
}

/// The id of an answer and the words that it showed.
pub fn kept(
    answer: &[u8],
    framing: Option<Framing>,
    limits: &ReadLimits,
) -> Result<Option<Kept>, ReadError> {
    let Some(framing) = framing else {
        let document = Document::parse(answer, limits)?;
        return said(members::root(&document)?, answer, limits);
    };
    let mut frames = Frames::new(framing);
    frames.push(answer.to_vec().into());
    let frames = std::iter::from_fn(|| frames.finish());
    let mut kept = None;
    for data in frames.filter_map(|frame| frame.ok()?.data().map(|data| data.into_owned())) {
        // Deltas are many, and say nothing that the last event does not.
        if data.contains("\"response.completed\"") || data.contains("\"response.incomplete\"") {
            let document = Document::parse(data.as_bytes(), limits)?;
            if let Some(response) = document.root().get("response") {
                kept = said(response, response.raw_text().as_bytes(), limits)?;
            }
        }
    }
    Ok(kept)
}

fn said(response: Value<'_>, text: &[u8], limits: &ReadLimits) -> Result<Option<Kept>, ReadError> {
    let status = members::optional_text(response, "status")?;
    let ended = matches!(status.as_deref(), Some("completed" | "incomplete"));
    let id = members::optional_text(response, "id")?.filter(|id| id.len() <= MAX_ID_BYTES);
    let Some(id) = id.filter(|_| ended) else {
        return Ok(None);
    };
    let shown = [Media::Text, Media::Refusal, Media::ToolArguments];
    let pieces = Responses.read_answer(text, limits)?.into_iter();
    let pieces = pieces.filter(|piece| shown.contains(&piece.media));
    let parts = pieces.map(|piece| Part {
        role: Role::Assistant,
        media: piece.media,
        turn: 0,
        text: piece.text,
        at: "/previous_response_id".into(),
        raw: 0..0,
    });
    Ok(Some(Kept {
        id,
        parts: parts.collect(),
    }))
}
