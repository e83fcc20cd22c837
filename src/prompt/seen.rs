//! What is seen in the parts of a prompt: remembered, or looked for in slices so that no stream of the
//! thread stalls.

use std::sync::Arc;

use crate::cache::Looked;
use crate::detect::{self, Glance, Hit, Scanner, Sentences, SignalId};
use crate::exchange::Exchange;
use crate::message::Part;
use crate::policy::Scoring;
use crate::policy::outlook;
use crate::reply::Error;
use crate::sight::Pictured;
use crate::turns;

/// Bytes scanned before other exchanges of the thread get their turn: about 0.1 ms of work.
const SLICE_BYTES: usize = 16 * 1024;

/// The same where sentences are scored, which happens beside the threads that serve: a page,
/// about ten milliseconds.
const SCORED_SLICE_BYTES: usize = 2 * 1024;

/// The hits of the words of each part, and what is seen in each picture as the hits of its first.
///
/// # Errors
/// `too_many_matches` if a text holds more than can be followed.
pub(super) async fn words(
    exchange: &Exchange,
    parts: &[Part],
    pictures: &[Pictured],
) -> Result<Vec<Arc<[Hit]>>, Error> {
    let mut hits = Vec::with_capacity(parts.len());
    for part in parts {
        hits.push(words_of(exchange, &part.text).await?);
    }
    let detectors = &exchange.live.set.detectors;
    for picture in pictures {
        hits[picture.parts.start] = detectors.look(&picture.seen).into();
    }
    Ok(hits)
}

/// The hits of the words of one text.
///
/// # Errors
/// As [`words`].
pub(super) async fn words_of(exchange: &Exchange, text: &str) -> Result<Arc<[Hit]>, Error> {
    let (set, cache) = (&exchange.live.set, &exchange.gate().hits);
    let key = cache.key(text, &set.hash, Looked::Words);
    if let Some(known) = key.and_then(|key| cache.get(&key)) {
        return Ok(known);
    }
    let mut scanner = Scanner::of_words(Arc::clone(&set.detectors));
    let mut hits = Vec::new();
    for slice in slices(text, SLICE_BYTES) {
        if !slice.is_first {
            tokio::task::yield_now().await;
        }
        scanner.push(slice.text, &mut hits);
    }
    scanner.finish(&mut hits);
    if scanner.overflowed() {
        return Err(Error::client(
            "too_many_matches",
            "The text repeats what policies look for more often than can be followed. Send less.",
        ));
    }
    let hits: Arc<[Hit]> = hits.into();
    if let Some(key) = key {
        cache.put(key, Arc::clone(&hits));
    }
    Ok(hits)
}

/// Adds to the hits of the wanted parts what their sentences mean. Returns the bytes of those parts; what
/// was scored before counts too, since whether a request is answered must not depend on that.
///
/// # Errors
/// `too_much_text` if they are more than the limit.
pub(super) async fn score(
    exchange: &Exchange,
    parts: &[Part],
    wanted: &[Scoring],
    hits: &mut [Arc<[Hit]>],
) -> Result<usize, Error> {
    let asked = (parts.iter().zip(wanted)).filter(|(_, wanted)| **wanted != Scoring::No);
    let bytes = asked.map(|(part, _)| part.text.len()).sum();
    within(exchange, bytes)?;
    for turn in outlook::turns(parts) {
        if !is_open(exchange, &parts[turn.clone()], &wanted[turn.start], bytes).await? {
            continue;
        }
        for (part, hits) in parts[turn.clone()].iter().zip(&mut hits[turn]) {
            if !part.text.is_empty() {
                let scores = scores_of(exchange, &part.text, bytes).await?;
                *hits = detect::joined(hits, &scores);
            }
        }
    }
    Ok(bytes)
}

/// Whether the sentences of a turn are scored, all of them: also those that excuse what others mean.
async fn is_open(
    exchange: &Exchange,
    turn: &[Part],
    wanted: &Scoring,
    bytes: usize,
) -> Result<bool, Error> {
    let signals = match wanted {
        Scoring::No => return Ok(false),
        Scoring::Yes => return Ok(true),
        Scoring::If(signals) => signals,
    };
    for part in turn {
        if reaches(exchange, &part.text, signals, bytes).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a sentence of a text may reach what one of the signals waits for, looked for in slices beside
/// the threads that serve. That none does is remembered, as no hits of those signals.
async fn reaches(
    exchange: &Exchange,
    text: &str,
    signals: &[SignalId],
    bytes: usize,
) -> Result<bool, Error> {
    let (set, cache) = (&exchange.live.set, &exchange.gate().hits);
    let Some(mut glance) = Glance::new(Arc::clone(&set.detectors), signals) else {
        return Ok(true);
    };
    let mut of = blake3::Hasher::new();
    of.update(&set.hash);
    for signal in signals {
        of.update(&signal.0.to_le_bytes());
    }
    let key = cache.key(text, of.finalize().as_bytes(), Looked::Sentences);
    if key.and_then(|key| cache.get(&key)).is_some() {
        return Ok(false);
    }
    for slice in slices(text, SCORED_SLICE_BYTES) {
        let slice = slice.text.to_owned();
        let pushed = turns::take(bytes, move || {
            let reached = glance.push(&slice);
            (glance, reached)
        });
        let reached;
        (glance, reached) = pushed.await.ok_or_else(lost)?;
        if reached {
            return Ok(true);
        }
    }
    let finished = turns::take(bytes, move || glance.finish());
    let reached = finished.await.ok_or_else(lost)?;
    if let Some(key) = key.filter(|_| !reached) {
        cache.put(key, Arc::new([]));
    }
    Ok(reached)
}

/// A turn beside the threads that serve never ended.
fn lost() -> Error {
    Error::ours("unscored", "The text could not be checked. Try again.")
}

/// Whether so many bytes of one request may be scored.
///
/// # Errors
/// `too_much_text` if they are more than the limit.
pub fn within(exchange: &Exchange, bytes: usize) -> Result<(), Error> {
    let limit = exchange.live.config.limits.scored_bytes;
    if bytes <= limit as usize {
        return Ok(());
    }
    let message = format!(
        "Policies of this app read what sentences mean, of at most {limit} bytes of text in one \
         request. Send less: shorter documents, or a new conversation."
    );
    Err(Error::client("too_much_text", message))
}

/// What the sentences of a text mean, in slices beside the threads that serve. It is part of so many
/// `bytes`.
async fn scores_of(exchange: &Exchange, text: &str, bytes: usize) -> Result<Arc<[Hit]>, Error> {
    let (set, cache) = (&exchange.live.set, &exchange.gate().hits);
    let key = cache.key(text, &set.hash, Looked::Sentences);
    if let Some(known) = key.and_then(|key| cache.get(&key)) {
        return Ok(known);
    }
    let mut sentences = Sentences::new(Arc::clone(&set.detectors));
    let mut hits = Vec::new();
    for slice in slices(text, SCORED_SLICE_BYTES) {
        let slice = slice.text.to_owned();
        let pushed = turns::take(bytes, move || {
            sentences.push(&slice, &mut hits);
            (sentences, hits)
        });
        (sentences, hits) = pushed.await.ok_or_else(lost)?;
    }
    let finished = turns::take(bytes, move || {
        sentences.finish(&mut hits);
        hits
    });
    let hits: Arc<[Hit]> = finished.await.ok_or_else(lost)?.into();
    if let Some(key) = key {
        cache.put(key, Arc::clone(&hits));
    }
    Ok(hits)
}

/// A piece of a text.
struct Slice<'t> {
    text: &'t str,
    is_first: bool,
}

/// A text in pieces of at most so many bytes.
fn slices(text: &str, bytes: usize) -> impl Iterator<Item = Slice<'_>> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let whole = rest.take()?;
        let is_first = whole.len() == text.len();
        let (text, after) = whole.split_at(whole.floor_char_boundary(bytes));
        rest = Some(after).filter(|after| !after.is_empty());
        Some(Slice { text, is_first })
    })
}
