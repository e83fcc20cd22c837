//! [`document`]: a whole answer, judged as a stream of one piece.

use std::sync::Arc;

use bytes::Bytes;

use super::lanes::{Lanes, Placed};
use super::{Context, Record};
use crate::codec::{AnswerKind, Edit, ReadError};
use crate::turns;

/// What the client receives of an answer: the very same bytes if nothing in it is withheld. Judged beside
/// the threads that serve where its sentences are scored.
///
/// # Errors
/// [`ReadError`] if the document is not one the dialect knows, or holds more than can be followed.
pub async fn document(
    context: &Arc<Context>,
    record: &Arc<dyn Record>,
    kind: AnswerKind,
    body: Bytes,
) -> Result<Bytes, ReadError> {
    if !context.asks_meaning() {
        return judged(context, record, kind, body);
    }
    let (context, record) = (Arc::clone(context), Arc::clone(record));
    let judged = turns::take(body.len(), move || judged(&context, &record, kind, body));
    judged.await.unwrap_or(Err(ReadError {
        code: super::UNCHECKED_CODE,
        message: "judging it failed".to_owned(),
    }))
}

fn judged(
    context: &Arc<Context>,
    record: &Arc<dyn Record>,
    kind: AnswerKind,
    body: Bytes,
) -> Result<Bytes, ReadError> {
    let pieces = kind.read(context.codec, &body, &context.read)?;
    let mut lanes = Lanes::new(Arc::clone(context), Arc::clone(record));
    let placed: Vec<Placed> = pieces.into_iter().map(|piece| lanes.read(piece)).collect();
    lanes.finish(None);
    if lanes.overflowed().is_some() {
        return Err(ReadError {
            code: super::UNCHECKED_CODE,
            message: "it holds more than can be followed".to_owned(),
        });
    }
    let edits = edits(&lanes, &placed);
    let body = if edits.is_empty() {
        body
    } else {
        kind.write(context.codec, &body, &edits)?
    };
    let body = end_cut_choices(context, record.as_ref(), &lanes, &placed, kind, body)?;
    if lanes.cuts().next().is_none() {
        record.complete();
    }
    Ok(body)
}

/// Redactions and cuts where they are; nudges at the end of their choice's last words.
fn edits(lanes: &Lanes, placed: &[Placed]) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (index, piece) in placed.iter().enumerate() {
        let choice = lanes.choice(piece);
        let last = lanes.is_text(piece)
            && !placed[index + 1..]
                .iter()
                .any(|later| lanes.is_text(later) && lanes.choice(later) == choice);
        let cut = lanes.cuts().any(|(other, _)| other == choice);
        let nudge = if last && !cut {
            lanes.nudge(choice)
        } else {
            None
        };
        if nudge.is_some() || !lanes.is_clean(piece) {
            let mut edit = lanes.edit(piece);
            edit.text.push_str(nudge.as_deref().unwrap_or(""));
            edits.push(edit);
        }
    }
    edits
}

/// Choices in which something ended the text: what may be seen of it, our reply, the filter's ending.
fn end_cut_choices(
    context: &Context,
    record: &dyn Record,
    lanes: &Lanes,
    placed: &[Placed],
    kind: AnswerKind,
    mut body: Bytes,
) -> Result<Bytes, ReadError> {
    let mut ended: Vec<u32> = Vec::new();
    for (choice, cut) in lanes.cuts() {
        if ended.contains(&choice) {
            continue;
        }
        ended.push(choice);
        record.ended(cut.action, &context.set.rule(cut.detection.rule).id.0);
        let mut text: String = placed
            .iter()
            .filter(|piece| lanes.is_text(piece) && lanes.choice(piece) == choice)
            .map(|piece| lanes.visible(piece))
            .collect();
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        let reply = context.reply(cut.detection.rule);
        text.push_str(&context.closing.after(reply, cut.action));
        let ending = super::ending(cut.action);
        body = kind.end(context.codec, &body, choice, &text, ending)?;
    }
    Ok(body)
}
