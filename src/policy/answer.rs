//! A whole answer judged in its conversation: what went before it counts as its prompt.

use std::sync::Arc;

use super::judge::{Detection, Horizon, Judge, Scene, judge_conversation};
use super::past::carried;
use super::{PolicySet, Selection};
use crate::detect::Hit;
use crate::message::{Direction, Part, Role};

/// Judges the last turn as an answer; `hits` are those of each part, and parts are in the order of
/// their turns. Signals of the last thing that the user said before it are carried. A detection's
/// `part` indexes `parts`.
pub fn judge_answer<H: AsRef<[Hit]>>(
    set: &Arc<PolicySet>,
    selection: &Arc<Selection>,
    scene: Scene,
    parts: &[Part],
    hits: &[H],
) -> Vec<Detection> {
    let last = parts.last().map_or(0, |part| part.turn);
    let first = parts.partition_point(|part| part.turn < last);
    let carried = carried(set, &parts[..first], &hits[..first]);
    let prompt = Scene {
        direction: Direction::Prompt,
        ..scene
    };
    let (_, talk) = judge_conversation(set, selection, prompt, &parts[..first], &hits[..first]);
    let judge = Judge::new(
        Arc::clone(set),
        Arc::clone(selection),
        scene,
        Role::Assistant,
        Horizon::Stream,
        &carried,
    );
    let mut judge = judge.after(talk, Role::Assistant);
    let mut found = Vec::new();
    for hits in &hits[first..] {
        judge.part();
        for hit in hits.as_ref() {
            judge.hit(hit, &mut found);
        }
    }
    judge.finish(&mut found);
    // The judge has counted the answer's parts only.
    for detection in &mut found {
        let first = u32::try_from(first).unwrap_or(u32::MAX);
        detection.part += first;
        detection.anchor.0 += first;
    }
    found
}
