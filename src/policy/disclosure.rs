//! [`weigh`]: what a child tells decides over what is refused, in the words of a prompt.
//!
//! Support and block both withhold a prompt from the model, so which of them the reader gets changes
//! nothing about what the model may say. Two things follow for whoever is protected as a minor:
//! - **A disclosure is not refused.** Where the user's turn is answered with support, a block in the
//!   same turn is only recorded, unless it is the wall, of severity 1, or about a picture.
//! - **Support is for what is said now.** Clients send the history again; a turn that has been
//!   answered is not answered with the same text for ever. Severity 1 (danger to life) still is, and
//!   so is a turn whose block gave way: nothing that was ever withheld goes to the model later.
//!
//! A rule with `instead_of: block` is a mere doubt that somebody tells: it never acts by itself. Where
//! the turn would be refused, its support stands instead. That holds beside the wall and severity 1,
//! too: they go on to end the exchange by themselves, and the reply is the one that helps.
//!
//! Answers are never weighed, and no claim of a disclosure lets a byte through that would be withheld.

use super::PolicySet;
use super::context::Minor;
use super::judge::{Detection, Scene};
use super::rule::{Action, RuleIx, Severity};
use crate::message::{Output, Part, Role};

/// Lowers to [`Action::Flag`] what gives way, to [`Action::Support`] what does not, and takes away
/// doubts that stand in for nothing. `found` are the detections of a whole prompt, and their `part` indexes `parts`.
pub(super) fn weigh(set: &PolicySet, scene: Scene, parts: &[Part], found: &mut Vec<Detection>) {
    if scene.minor() == Minor::No || scene.output != Output::Text {
        return;
    }
    doubt(set, parts, found);
    let turn = |one: &Detection| turn_of(parts, one);
    let supports = found.iter().filter(|one| one.action == Action::Support);
    let supported: Vec<_> = supports
        .filter_map(|one| Some((turn(one)?, set.rule(one.rule).instead)))
        .filter(|((_, role), _)| *role == Role::User)
        .collect();
    let mut yielded = Vec::new();
    for one in found.iter_mut().filter(|one| one.action == Action::Block) {
        let firm = firm(set, one.rule);
        let Some(turn) = turn(one) else { continue };
        let mut beside = supported.iter().filter(|(other, _)| *other == turn);
        if beside.any(|(_, instead)| *instead || !firm) {
            one.action = match firm {
                true => Action::Support,
                false => Action::Flag,
            };
            yielded.push(turn);
        }
    }
    let answered = parts.iter().rposition(|part| part.role == Role::Assistant);
    let last = |one: &Detection| answered.is_none_or(|at| one.part as usize >= at);
    for one in found.iter_mut() {
        let again = one.action == Action::Support && !last(one) && !firm(set, one.rule);
        if again && !turn(one).is_some_and(|turn| yielded.contains(&turn)) {
            one.action = Action::Flag;
        }
    }
}

/// Takes away every doubtful support that stands in for no refusal: where nothing refuses the turn, and
/// where somebody surely tells and what refuses gives way to that.
fn doubt(set: &PolicySet, parts: &[Part], found: &mut Vec<Detection>) {
    let place = |one: &Detection| turn_of(parts, one);
    let doubtful = |one: &Detection| one.action == Action::Support && set.rule(one.rule).instead;
    if !found.iter().any(doubtful) {
        return;
    }
    let of_turn = |turn, action| {
        let here = found.iter().filter(move |one| place(one) == turn);
        here.filter(move |one| one.action == action && !doubtful(one))
    };
    let stands_in = |turn: Option<(u32, Role)>| {
        turn.is_some_and(|(_, role)| role == Role::User)
            && of_turn(turn, Action::Block).next().is_some()
            && (of_turn(turn, Action::Support).next().is_none()
                || of_turn(turn, Action::Block).any(|one| firm(set, one.rule)))
    };
    let stays: Vec<bool> = (found.iter())
        .map(|one| !doubtful(one) || stands_in(place(one)))
        .collect();
    let mut stays = stays.into_iter();
    found.retain(|_| stays.next().unwrap_or(true));
}

/// In which turn something was found, and who speaks there.
fn turn_of(parts: &[Part], one: &Detection) -> Option<(u32, Role)> {
    let part = parts.get(one.part as usize)?;
    Some((part.turn, part.role))
}

/// Whether what a rule ends stays ended, whatever else is said.
fn firm(set: &PolicySet, rule: RuleIx) -> bool {
    let rule = set.rule(rule);
    rule.wall() || rule.severity <= Severity(1)
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::{Source, compile, judge_prompt};
    use super::*;
    use crate::message::{Audience, AudienceSource, Band, Direction, Media};

    /// Told, told in danger, an ordinary block, a block of severity 1, the wall, a nudge, maybe told,
    /// nothing.
    pub const WORDS: [&str; 8] = [
        "turnip", "celery", "leek", "onion", "radish", "fennel", "parsnip", "soup",
    ];

    pub fn set() -> Arc<PolicySet> {
        let rule = |id: &str, severity: u8, word: &str, action: &str| {
            format!(
                "  - {{id: {id}, title: t, status: stable, level: 1, severity: {severity}, when: {word}, \
                 action: {{minor: {action}, adult: {action}}}, reply: r, false_positives: [soup]}}\n"
            )
        };
        let signals = WORDS.map(|word| format!("  {word}: {{words: [{word}]}}\n"));
        let maybe = "  - {id: QL2.1-040, title: t, status: stable, level: 1, severity: 2, when: parsnip, \
                     applies: {direction: [prompt], output: [text]}, action: {minor: support, adult: allow}, \
                     instead_of: block, reply: r, false_positives: [soup]}\n";
        let text = format!(
            "policy: garden\ntitle: {{en: Garden, zh: 菜园}}\nreplies: {{r: {{en: No., zh: 不。}}}}\nsignals:\n{}rules:\n{}{}{}{}{}{}{maybe}",
            signals.concat(),
            rule("QL2.1-010", 2, "turnip", "support"),
            rule("X.SH-010", 1, "celery", "support"),
            rule("QL2.1-020", 3, "leek", "block"),
            rule("QL1.2-020", 1, "onion", "block"),
            rule("QL7.1-010", 2, "radish", "block"),
            rule("QL2.1-030", 3, "fennel", "nudge"),
        );
        let source = Source {
            path: "garden.yaml".into(),
            text,
            shipped: true,
        };
        Arc::new(compile(&[source], &[]).unwrap_or_else(|all| panic!("{all}")))
    }

    /// One turn a message.
    pub fn parts(said: &[(Role, String)]) -> Vec<Part> {
        let part = |(turn, (role, text)): (u32, &(Role, String))| Part {
            role: *role,
            media: Media::Text,
            turn,
            text: text.clone(),
            at: String::new(),
            raw: 0..0,
        };
        (0..).zip(said).map(part).collect()
    }

    fn judged(
        set: &Arc<PolicySet>,
        band: Band,
        output: Output,
        said: &[(Role, String)],
    ) -> Vec<Detection> {
        let parts = parts(said);
        let hits: Vec<_> = parts
            .iter()
            .map(|part| set.detectors.scan(&part.text))
            .collect();
        let scene = Scene {
            direction: Direction::Prompt,
            output,
            audience: Audience {
                band,
                source: AudienceSource::App,
            },
        };
        judge_prompt(set, &set.everything, scene, &parts, &hits).detections
    }

    fn decided(band: Band, output: Output, said: &[(Role, &str)]) -> Action {
        let said: Vec<_> = said
            .iter()
            .map(|(role, text)| (*role, (*text).to_owned()))
            .collect();
        let found = judged(&set(), band, output, &said);
        found.iter().map(|one| one.action).max().unwrap_or_default()
    }

    #[test]
    fn what_is_told_is_supported_where_an_ordinary_block_is_in_the_same_turn() {
        let user = |text| [(Role::User, text)];
        let text = |band, said| decided(band, Output::Text, &user(said));
        for band in [Band::Unknown, Band::Age8, Band::Age16] {
            assert_eq!(text(band, "a turnip and a leek"), Action::Support);
            assert_eq!(text(band, "a leek, then a turnip"), Action::Support);
            assert_eq!(text(band, "a leek"), Action::Block);
            assert_eq!(text(band, "a turnip and an onion"), Action::Block);
            assert_eq!(text(band, "a turnip and a radish"), Action::Block);
        }
        assert_eq!(text(Band::Adult, "a turnip and a leek"), Action::Block);
        let picture = decided(Band::Unknown, Output::Image, &user("a turnip and a leek"));
        assert_eq!(picture, Action::Block);
    }

    #[test]
    fn a_doubt_that_somebody_tells_stands_in_for_a_refusal_and_for_nothing_else() {
        let text = |said| decided(Band::Age8, Output::Text, &[(Role::User, said)]);
        assert_eq!(text("a parsnip"), Action::Allow);
        assert_eq!(text("a parsnip and a fennel"), Action::Nudge);
        assert_eq!(text("a parsnip and a leek"), Action::Support);
        assert_eq!(text("a leek and a parsnip"), Action::Support);
        assert_eq!(text("a parsnip, a leek, an onion"), Action::Support);
        assert_eq!(text("a parsnip and a radish"), Action::Support);
        assert_eq!(text("a turnip, a parsnip and a radish"), Action::Support);
        assert_eq!(text("a parsnip and a turnip"), Action::Support);
        let apart = [
            (Role::User, "a parsnip"),
            (Role::Assistant, "soup"),
            (Role::User, "a leek"),
        ];
        assert_eq!(decided(Band::Age8, Output::Text, &apart), Action::Block);
        let adult = decided(
            Band::Adult,
            Output::Text,
            &[(Role::User, "a leek and a parsnip")],
        );
        assert_eq!(adult, Action::Block);
    }

    #[test]
    fn turns_are_weighed_apart_and_support_is_for_what_is_said_now() {
        let talk = |said: &[(Role, &str)]| decided(Band::Unknown, Output::Text, said);
        let (user, model) = (Role::User, Role::Assistant);
        assert_eq!(
            talk(&[(user, "a turnip"), (model, "soup"), (user, "a leek")]),
            Action::Block
        );
        assert_eq!(
            talk(&[(model, "a turnip"), (user, "a leek")]),
            Action::Block
        );
        assert_eq!(
            talk(&[(user, "a turnip"), (model, "soup"), (user, "soup")]),
            Action::Flag
        );
        assert_eq!(
            talk(&[(user, "a celery"), (model, "soup"), (user, "soup")]),
            Action::Support
        );
        assert_eq!(
            talk(&[
                (user, "a turnip and a leek"),
                (model, "soup"),
                (user, "soup")
            ]),
            Action::Support
        );
    }

    pub fn words() -> impl Strategy<Value = Vec<(Role, String)>> {
        let role = prop::sample::select(vec![Role::User, Role::User, Role::Assistant]);
        let text = prop::collection::vec(prop::sample::select(WORDS.to_vec()), 1..4);
        prop::collection::vec((role, text.prop_map(|words| words.join(" and "))), 1..5)
    }

    proptest! {
        #[test]
        fn no_disclosure_unlocks_anything(said in words(), adult in any::<bool>(), image in any::<bool>()) {
            let set = set();
            let band = if adult { Band::Adult } else { Band::Unknown };
            let output = if image { Output::Image } else { Output::Text };
            let found = judged(&set, band, output, &said);
            let actions: Vec<_> = found.iter().map(|one| one.action).collect();
            let strongest = actions.iter().copied().max().unwrap_or_default();
            let holds = |word: &str| said.iter().any(|(_, text)| text.contains(word));
            // Whatever was blocked stays withheld; the wall and severity 1 see to it themselves.
            if holds("leek") || holds("onion") || holds("radish") {
                prop_assert!(strongest.ends());
            }
            for one in &found {
                let id = set.rule(one.rule).id.0.as_str();
                prop_assert!(one.action.ends() || !["QL1.2-020", "QL7.1-010"].contains(&id), "{}", id);
            }
            // Without a word of the user's telling, nothing gives way.
            let told = said.iter().any(|(role, text)| {
                *role == Role::User
                    && ["turnip", "celery", "parsnip"].iter().any(|word| text.contains(word))
            });
            let forbidden = ["leek", "onion", "radish"];
            if forbidden.into_iter().any(holds) && !told {
                prop_assert_eq!(strongest, Action::Block);
            }
        }
    }
}
