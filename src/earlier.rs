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
use crate::message::Part;
use crate::remembered::Remembered;
use crate::sight::Pictured;

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

/// Whose conversations, and which of them.
type Key = [u8; 32];

/// What was said before, by the id of the answer it led to.
#[derive(Debug, Clone)]
pub struct Earlier {
    threads: Cache<Key, Arc<Remembered>>,
}

impl Default for Earlier {
    fn default() -> Self {
        let weigh =
            |_: &Key, said: &Arc<Remembered>| u32::try_from(said.weight()).unwrap_or(u32::MAX);
        let threads = Cache::builder()
            .max_capacity(MAX_BYTES)
            .weigher(weigh)
            .time_to_idle(IDLE)
            .build();
        Self { threads }
    }
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
    said: Remembered,
    /// The answer as it was shown; nothing once it is too large.
    answer: Option<BytesMut>,
}

/// What a request goes on from.
#[derive(Default)]
pub struct Joined {
    /// What pictures show that were shown before, as those of the request.
    pub pictures: Vec<Pictured>,
    /// Nothing where the app remembers nothing or the server is not to keep it.
    pub turn: Option<Turn>,
}

/// Lets a request begin with what was said before the answer that it goes on from.
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
) -> Result<Joined, ReadError> {
    let Some(thread) = codec.thread(body)? else {
        return Ok(Joined::default());
    };
    let Some(earlier) = earlier else {
        return match thread.previous {
            Some(_) => Err(out_of_sight()),
            None => Ok(Joined::default()),
        };
    };
    let mut said = Remembered::default();
    if let Some(id) = &thread.previous {
        let known = earlier.threads.get(&key(&caller, id));
        said = Remembered::clone(&*known.ok_or_else(forgotten)?);
    }
    if said.parts.len() + ask.parts.len() > limits.parts {
        return Err(ReadError {
            code: "too_many_parts",
            message: "the conversation holds more texts than can be judged; begin a new one".into(),
        });
    }
    let turns = next_turn(&said);
    for part in &mut ask.parts {
        part.turn = part.turn.saturating_add(turns);
    }
    ask.parts.splice(0..0, said.parts.iter().cloned());
    Ok(Joined {
        pictures: said.pictures.clone(),
        turn: thread.keeps.then(|| Turn {
            earlier: earlier.clone(),
            caller,
            codec,
            limits,
            said,
            answer: Some(BytesMut::new()),
        }),
    })
}

fn next_turn(said: &Remembered) -> u32 {
    let last = said.parts.last();
    last.map_or(0, |last| last.turn.saturating_add(1))
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
    /// Takes what this request adds, as the model is to see it. `pictures` are those of `ask`.
    pub fn ask(&mut self, ask: &Ask, pictures: &[Pictured], edits: &[Edit]) {
        let before = self.said.parts.len();
        let new = pictures.iter().filter(|one| one.parts.start >= before);
        let new: Vec<_> = new.map(|one| one.moved(before, 0)).collect();
        let codec = self.codec;
        let lasts = |part: &Part| codec.lasts(part);
        self.said.add(&ask.parts[before..], &new, edits, lasts);
        for part in &mut self.said.parts[before..] {
            part.at = "/previous_response_id".into();
        }
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
        let turn = next_turn(&self.said);
        let answered = kept.parts.into_iter().map(|part| Part { turn, ..part });
        self.said.parts.extend(answered);
        if self.said.weight() <= MAX_THREAD_BYTES {
            let threads = &self.earlier.threads;
            threads.insert(key(&self.caller, &kept.id), self.said.into());
        }
    }
}
