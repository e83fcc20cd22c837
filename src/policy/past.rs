//! What was said before: what an answer carries of its prompt, and what a model no longer sees.
//!
//! Clients send the history again with every request. A refused turn that stands in it would refuse
//! the rest of the conversation, although the reader has long gone on. [`withhold`] takes such a
//! turn away from the model instead: nothing of it is forwarded, whoever wrote the history.

use super::PolicySet;
use super::judge::{Detection, Scene};
use super::rule::{Action, Severity};
use crate::detect::{Hit, SignalId};
use crate::message::{Media, Output, Part, Role};

/// Signals of the user's last turn: they count as present when its answer is judged.
pub fn carried<H: AsRef<[Hit]>>(set: &PolicySet, parts: &[Part], hits: &[H]) -> Vec<SignalId> {
    let users = parts.iter().filter(|part| part.role == Role::User);
    let last = users.map(|part| part.turn).max();
    let spoken = parts.iter().zip(hits);
    let spoken = spoken.filter(|(part, _)| part.role == Role::User && Some(part.turn) == last);
    set.signals_of(spoken.flat_map(|(_, hits)| hits.as_ref().iter()))
}

/// Lowers to a redaction what would end the exchange for the sake of turns that have been answered
/// since, and returns the parts of those turns: each has to be replaced whole. `found` are the
/// detections of a whole prompt, and their `part` indexes `parts`.
///
/// The wall and severity 1 end a conversation for good; so does what reaches into what is said now,
/// and a turn that holds more than plain text.
pub fn withhold(
    set: &PolicySet,
    scene: Scene,
    parts: &[Part],
    found: &mut [Detection],
) -> Vec<u32> {
    let past = answered(parts);
    if scene.output != Output::Text || past.is_empty() {
        return Vec::new();
    }
    let turns: Vec<&[Part]> = past
        .chunk_by(|a, b| (a.turn, a.role) == (b.turn, b.role))
        .collect();
    let mut withheld = Vec::new();
    for one in found.iter_mut().filter(|one| gives_way(set, one)) {
        let (Some(turn), Some(other)) = (place(&turns, one.part), place(&turns, one.anchor.0))
        else {
            continue;
        };
        if [&turn, &other].iter().all(|turn| turn.plain) {
            one.action = Action::Redact;
            withheld.extend(turn.parts);
            withheld.extend(other.parts);
        }
    }
    withheld.sort_unstable();
    withheld.dedup();
    withheld
}

/// The parts up to the last answer that the user has replied to.
fn answered(parts: &[Part]) -> &[Part] {
    let now = parts.iter().rposition(|part| part.role == Role::User);
    let before = &parts[..now.unwrap_or(0)];
    let answer = before.iter().rposition(|part| part.role == Role::Assistant);
    &before[..answer.map_or(0, |at| at + 1)]
}

fn gives_way(set: &PolicySet, one: &Detection) -> bool {
    let rule = set.rule(one.rule);
    one.action.ends() && !rule.wall() && rule.severity > Severity(1)
}

/// A turn of the history.
struct Turn {
    /// Indexes of its parts.
    parts: std::ops::Range<u32>,
    /// Whether somebody's words are all there is.
    plain: bool,
}

/// The turn in which a part lies.
fn place(turns: &[&[Part]], part: u32) -> Option<Turn> {
    let mut first = 0;
    for turn in turns {
        let parts = first..first + u32::try_from(turn.len()).ok()?;
        if parts.contains(&part) {
            let words = |part: &Part| {
                part.media == Media::Text && matches!(part.role, Role::User | Role::Assistant)
            };
            let plain = turn.iter().all(words);
            return Some(Turn { parts, plain });
        }
        first = parts.end;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::disclosure::tests::{parts, set, words};
    use super::super::{Selection, judge_prompt};
    use super::*;
    use crate::message::{Audience, AudienceSource, Band, Direction};

    const SCENE: Scene = Scene {
        direction: Direction::Prompt,
        output: Output::Text,
        audience: Audience {
            band: Band::Unknown,
            source: AudienceSource::App,
        },
    };

    fn judged(set: &Arc<PolicySet>, parts: &[Part]) -> (Vec<Detection>, Vec<u32>) {
        let hits: Vec<_> = parts
            .iter()
            .map(|part| set.detectors.scan(&part.text))
            .collect();
        let everything: &Arc<Selection> = &set.everything;
        let mut found = judge_prompt(set, everything, SCENE, parts, &hits).detections;
        let withheld = withhold(set, SCENE, parts, &mut found);
        (found, withheld)
    }

    fn strongest(found: &[Detection]) -> Action {
        found.iter().map(|one| one.action).max().unwrap_or_default()
    }

    fn talk(said: &[(Role, &str)]) -> (Action, Vec<u32>) {
        let said: Vec<_> = said
            .iter()
            .map(|(role, text)| (*role, (*text).to_owned()))
            .collect();
        let (found, withheld) = judged(&set(), &parts(&said));
        (strongest(&found), withheld)
    }

    #[test]
    fn a_refused_turn_is_withheld_once_it_has_been_answered() {
        let (user, model) = (Role::User, Role::Assistant);
        let after = |first: &str| talk(&[(user, first), (model, "No."), (user, "soup")]);
        assert_eq!(after("a leek"), (Action::Redact, vec![0]));
        assert_eq!(after("soup"), (Action::Allow, vec![]));
        // What was told beside it goes with it.
        assert_eq!(after("a turnip and a leek").0, Action::Redact);
        // Danger to life, severity 1 and the wall are not history.
        for grave in ["celery", "onion", "radish"] {
            assert!(after(grave).0.ends(), "{grave}");
        }
        // The model's own words too.
        let slip = [(user, "hi"), (model, "a leek"), (user, "soup")];
        assert_eq!(talk(&slip), (Action::Redact, vec![1]));
    }

    #[test]
    fn what_is_said_now_is_refused_whatever_the_history_looks_like() {
        let (user, model) = (Role::User, Role::Assistant);
        let now = |said: &[(Role, &str)]| talk(said).0;
        assert_eq!(now(&[(user, "a leek")]), Action::Block);
        assert_eq!(now(&[(model, "soup"), (user, "a leek")]), Action::Block);
        // Nobody has answered the first message yet.
        assert_eq!(now(&[(user, "a leek"), (user, "soup")]), Action::Block);
        // A begun answer is no history.
        assert_eq!(now(&[(user, "soup"), (model, "a leek")]), Action::Block);
        // An operator's words are not the conversation's.
        let system = [
            (Role::System, "a leek"),
            (user, "a"),
            (model, "b"),
            (user, "c"),
        ];
        assert_eq!(now(&system), Action::Block);
    }

    proptest! {
        #[test]
        fn what_is_forwarded_holds_nothing_that_ends(mut said in words()) {
            let set = set();
            let calm = [Role::Assistant, Role::User].map(|role| (role, "soup".to_owned()));
            said.extend(calm);
            let mut parts = parts(&said);
            let (found, withheld) = judged(&set, &parts);
            let grave = ["celery", "onion", "radish"];
            let grave = |(_, text): &(Role, String)| grave.iter().any(|word| text.contains(word));
            if strongest(&found).ends() {
                prop_assert!(said.iter().any(grave), "{found:?}");
                return Ok(());
            }
            for index in withheld {
                parts[index as usize].text = "[removed]".to_owned();
            }
            let (again, more) = judged(&set, &parts);
            prop_assert!(!strongest(&again).ends() && more.is_empty(), "{again:?}");
        }
    }
}
