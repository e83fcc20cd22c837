//! [`Earlier`]: what was said before under the id of an answer that a model server keeps, so that a
//! request that goes on from that answer is judged with all that preceded it.
//!
//! Holds texts, in memory and for a while only, of apps that ask for it. What one caller said is found
//! by that caller alone: the caller's own credential is part of every key.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use moka::sync::Cache;

use crate::codec::{Ask, Codec, Edit, Framing, ReadError, ReadLimits};
use crate::message::{Media, Part};

/// Text of one app's conversations together, bytes: some ten thousand of ordinary length.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Text of one conversation, bytes: beyond the context of today's models in most of their tokens, and
/// a small share of the above, so that one caller does not drive out the others.
const MAX_THREAD_BYTES: usize = 1024 * 1024;

/// Bytes of one answer that are collected for its words; an answer of a model is a tenth of it.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// How long a conversation rests before it is forgotten: whoever comes back the next day sends it
/// whole.
const IDLE: Duration = Duration::from_secs(24 * 60 * 60);

/// What a part costs beside its text: its place and its pointer.
const PART_BYTES: usize = size_of::<Part>() + 32;

/// Whose conversations, and which of them.
type Key = [u8; 32];

/// What was said before, by the id of the answer it led to.
#[derive(Debug, Clone)]
pub struct Earlier {
    threads: Cache<Key, Arc<[Part]>>,
}

impl Default for Earlier {
    fn default() -> Self {
        let weigh = |_: &Key, parts: &Arc<[Part]>| u32::try_from(weight(parts)).unwrap_or(u32::MAX);
        let threads = Cache::builder()
            .max_capacity(MAX_BYTES)
            .weigher(weigh)
            .time_to_idle(IDLE)
            .build();
        Self { threads }
    }
}

fn weight(parts: &[Part]) -> usize {
    let texts = parts.iter().map(|part| part.text.len() + PART_BYTES);
    texts.sum()
}

fn key(caller: &[u8; 32], id: &str) -> Key {
    *blake3::keyed_hash(caller, id.as_bytes()).as_bytes()
}

/// One turn of a conversation, on its way into [`Earlier`]: all that was said up to it, then its answer.
pub struct Turn {
    earlier: Earlier,
    caller: [u8; 32],
    codec: &'static dyn Codec,
    limits: ReadLimits,
    said: Vec<Part>,
    /// The answer as it was shown; nothing once it is too large.
    answer: Option<BytesMut>,
}

/// Lets a request begin with what was said before the answer that it goes on from. The turn that it
/// makes is nothing where the app remembers nothing or the server is not to keep it.
///
/// # Errors
/// "unsupported_field" where the app does not join what is kept by the server, so that nobody could
/// judge it; "previous_response_not_found" where it is not remembered (another caller's, too old, too
/// long, never shown whole); "too_many_parts".
pub fn join(
    earlier: Option<&Earlier>,
    caller: [u8; 32],
    codec: &'static dyn Codec,
    body: &[u8],
    ask: &mut Ask,
    limits: ReadLimits,
) -> Result<Option<Turn>, ReadError> {
    let Some(thread) = codec.thread(body)? else {
        return Ok(None);
    };
    let Some(earlier) = earlier else {
        return match thread.previous {
            Some(_) => Err(out_of_sight()),
            None => Ok(None),
        };
    };
    let mut said = Vec::new();
    if let Some(id) = &thread.previous {
        let known = earlier.threads.get(&key(&caller, id));
        said = known.ok_or_else(forgotten)?.to_vec();
    }
    if said.len() + ask.parts.len() > limits.parts {
        return Err(ReadError {
            code: "too_many_parts",
            message: "the conversation holds more texts than can be judged; begin a new one".into(),
        });
    }
    let turns = said.last().map_or(0, |last| last.turn.saturating_add(1));
    for part in &mut ask.parts {
        part.turn = part.turn.saturating_add(turns);
    }
    ask.parts.splice(0..0, said.iter().cloned());
    Ok(thread.keeps.then(|| Turn {
        earlier: earlier.clone(),
        caller,
        codec,
        limits,
        said,
        answer: Some(BytesMut::new()),
    }))
}

fn out_of_sight() -> ReadError {
    ReadError {
        code: "unsupported_field",
        message:
            "/previous_response_id: what was said before is on the server, out of sight; send it \
                  all as /input. An operator can let this gateway remember it: \
                  `responses: {context: stored}`"
                .into(),
    }
}

fn forgotten() -> ReadError {
    ReadError {
        code: "previous_response_not_found",
        message:
            "/previous_response_id: this gateway does not remember that answer, so what it goes on \
                  from could not be checked; send it all as /input"
                .into(),
    }
}

impl Turn {
    /// Takes what this request adds, as the model is to see it.
    pub fn ask(&mut self, ask: &Ask, edits: &[Edit]) {
        let added = ask.parts[self.said.len()..]
            .iter()
            .filter(|part| self.codec.lasts(part))
            // A picture that was taken away has said nothing.
            .filter(|part| {
                part.media != Media::Image || !edits.iter().any(|edit| edit.raw == part.raw)
            });
        let added = added.map(|part| {
            let edit = edits.iter().find(|edit| edit.raw == part.raw);
            let text = edit.map_or(&part.text, |edit| &edit.text);
            earlier_part(part, text.clone())
        });
        self.said.extend(added.collect::<Vec<_>>());
    }

    /// Collects bytes of the answer as they went to the caller.
    pub fn push(&mut self, bytes: &Bytes) {
        let answer = self.answer.take();
        let room = |answer: &BytesMut| answer.len() + bytes.len() <= MAX_ANSWER_BYTES;
        self.answer = answer.filter(room).map(|mut answer| {
            answer.extend_from_slice(bytes);
            answer
        });
    }

    /// The answer was shown whole: remembers the conversation under its id. What cannot be read or is
    /// too long is not remembered, and so nothing goes on from it.
    pub fn store(mut self, framing: Option<Framing>) {
        let answer = self.answer.take();
        let kept = answer.and_then(|answer| {
            let kept = self.codec.kept(&answer, framing, &self.limits);
            kept.ok().flatten()
        });
        let Some(kept) = kept else {
            return;
        };
        let turn = self
            .said
            .last()
            .map_or(0, |last| last.turn.saturating_add(1));
        let answered = kept.parts.into_iter().map(|part| Part { turn, ..part });
        self.said.extend(answered);
        if weight(&self.said) <= MAX_THREAD_BYTES {
            let threads = &self.earlier.threads;
            threads.insert(key(&self.caller, &kept.id), self.said.into());
        }
    }
}

/// A part as it is remembered: it has no place in the bodies that follow.
fn earlier_part(part: &Part, text: String) -> Part {
    Part {
        text,
        at: "/previous_response_id".into(),
        raw: 0..0,
        ..part.clone()
    }
}
