//! Orderings of acts, in vegetables: what adds up, what does not, and that a stream says the same.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::cases::by_character;
use super::super::judge::{Horizon, Scene, judge_conversation, judge_text};
use super::super::{Action, PolicySet, Source, compile};
use super::Talk;
use crate::message::{Audience, AudienceSource, Band, Direction, Media, Output, Part, Role};

/// One canary per act, in the order of the stages.
const ACTS: [&str; 6] = ["radish", "turnip", "celery", "fennel", "okra", "leek"];
/// Says nothing.
const NEUTRAL: &str = "soup";
/// Refuses.
const REFUSAL: &str = "mint";

fn source(conversation: &str) -> Source {
    let signals: String = ACTS
        .iter()
        .chain([&REFUSAL])
        .map(|word| format!("  {word}: {{words: [{word}]}}\n"))
        .collect();
    let rule = |id: &str, when: &str, action: &str| {
        format!(
            "  - {{id: {id}, title: t, status: stable, level: 1, severity: 2, when: {when}, action: {action}, false_positives: [soup]}}\n"
        )
    };
    let text = format!(
        "policy: garden\ntitle: {{en: Garden, zh: 菜园}}\nsignals:\n{signals}conversation:\n{conversation}rules:\n{}{}",
        rule("ACME-010", "conversation.watch", "flag"),
        rule("ACME-020", "conversation.act", "redact"),
    );
    Source {
        path: "garden.yaml".into(),
        text,
        shipped: false,
    }
}

const CONVERSATION: &str = "  acts: {probe: {radish: 1}, trust: {turnip: 1}, secrecy: {celery: 1}, risk: {fennel: 1}, sexual: {okra: 1}, meeting: {leek: 1}}
  refusal: [mint]
  watch: 2.0
  act: 3.5
";

fn set() -> Arc<PolicySet> {
    let set = compile(&[source(CONVERSATION)], &[]);
    Arc::new(set.unwrap_or_else(|all| panic!("{all}")))
}

fn scene(direction: Direction) -> Scene {
    Scene {
        direction,
        output: Output::Text,
        audience: Audience {
            band: Band::Unknown,
            source: AudienceSource::App,
        },
    }
}

/// The strongest action and where the conversation stands after these messages.
fn talk(set: &Arc<PolicySet>, messages: &[(Role, &str)]) -> (Action, Talk) {
    let part = |(turn, (role, text)): (u32, &(Role, &str))| Part {
        role: *role,
        media: Media::Text,
        turn,
        text: (*text).to_owned(),
        at: String::new(),
        raw: 0..0,
    };
    let parts: Vec<_> = (0..).zip(messages).map(part).collect();
    let hits: Vec<_> = parts
        .iter()
        .map(|part| set.detectors.scan(&part.text))
        .collect();
    let scene = scene(Direction::Prompt);
    let (verdict, talk) = judge_conversation(set, &set.everything, scene, &parts, &hits);
    (verdict.action, talk)
}

fn users<'w>(words: &[&'w str]) -> Vec<(Role, &'w str)> {
    words.iter().map(|word| (Role::User, *word)).collect()
}

fn score(set: &Arc<PolicySet>, messages: &[(Role, &str)]) -> f64 {
    talk(set, messages).1.stands(&set.conversations).0
}

/// Acts with so many neutral messages after each.
fn spread<'w>(acts: &[&'w str], gap: usize) -> Vec<&'w str> {
    acts.iter()
        .flat_map(|act| std::iter::once(*act).chain(std::iter::repeat_n(NEUTRAL, gap)))
        .collect()
}

/// Every set of so many acts, in the order of the stages.
fn chosen(count: u32) -> Vec<Vec<&'static str>> {
    let all = 0..1_u32 << ACTS.len();
    all.filter(|mask| mask.count_ones() == count)
        .map(|mask| {
            (0..ACTS.len())
                .filter(|at| mask & (1 << at) != 0)
                .map(|at| ACTS[at])
                .collect()
        })
        .collect()
}

#[test]
fn four_acts_in_their_order_reach_act_however_they_are_spread() {
    let set = set();
    let orderings: Vec<_> = chosen(4).into_iter().chain(chosen(5)).collect();
    assert!(orderings.len() >= 20);
    for acts in orderings {
        for gap in 0..4 {
            let (action, _) = talk(&set, &users(&spread(&acts, gap)));
            assert_eq!(action, Action::Redact, "{acts:?} with {gap} between");
        }
    }
}

#[test]
fn innocent_orderings_are_not_even_watched() {
    let set = set();
    // One act alone, however often; two the other way round; two a long time apart.
    let alone = ACTS.map(|act| vec![act; 12]).into_iter();
    let reversed = chosen(2)
        .into_iter()
        .map(|pair| pair.into_iter().rev().collect::<Vec<_>>());
    let apart = chosen(2).into_iter().map(|pair| spread(&pair, 14));
    let orderings: Vec<_> = alone.chain(reversed).chain(apart).collect();
    assert!(orderings.len() >= 20);
    for words in orderings {
        let (action, talk) = talk(&set, &users(&words));
        assert_eq!(action, Action::Allow, "{words:?}");
        assert!(!set.watches(&talk), "{words:?}");
    }
}

#[test]
fn two_acts_close_together_and_in_order_are_watched() {
    let set = set();
    for pair in chosen(2) {
        let (action, talk) = talk(&set, &users(&pair));
        assert_eq!(action, Action::Flag, "{pair:?}");
        assert!(set.watches(&talk));
    }
}

#[test]
fn each_side_has_a_book_of_its_own() {
    let set = set();
    let sides = [Role::User, Role::Assistant];
    let shared: Vec<_> = ACTS
        .iter()
        .enumerate()
        .map(|(at, act)| (sides[at % 2], *act))
        .collect();
    let alone: Vec<_> = ACTS.iter().map(|act| (Role::Assistant, *act)).collect();
    assert!(score(&set, &shared) < score(&set, &alone));
    let pair = [(Role::User, "turnip"), (Role::Assistant, "celery")];
    assert_eq!(talk(&set, &pair).0, Action::Allow, "neither side did both");
    let nobody = ACTS.map(|act| (Role::System, act));
    assert_eq!(score(&set, &nobody), 0.0, "instructions are no side");
}

#[test]
fn an_act_repeated_after_a_refusal_weighs_more() {
    let set = set();
    let with = |between| {
        let between = (Role::Assistant, between);
        score(
            &set,
            &[
                (Role::User, "turnip"),
                (Role::User, "celery"),
                between,
                (Role::User, "celery"),
            ],
        )
    };
    assert!(with(REFUSAL) > with(NEUTRAL));
}

#[test]
fn a_stream_of_acts_is_found_at_the_same_place_as_the_whole() {
    let set = set();
    let text = "a turnip, some celery, then fennel and okra with a leek";
    let scene = scene(Direction::Output);
    let whole = judge_text(
        &set,
        &set.everything,
        scene,
        Role::Assistant,
        Horizon::Stream,
        text,
    );
    assert_eq!(whole.action, Action::Redact);
    let pieces = by_character(&set, &set.everything, scene, Role::Assistant, text);
    assert_eq!(whole.detections, pieces);
    let first = whole
        .detections
        .iter()
        .find(|one| one.action == Action::Redact);
    let first = first.map(|one| &text[one.span.range()]);
    assert_eq!(
        first,
        Some("fennel"),
        "the third act in order is the one too many"
    );
}

#[test]
fn mistakes_have_a_place_and_a_help() {
    for (written, why) in [
        (
            "  acts: {trust: {turnip: 2.0}, secrecy: {celery: 1}}\n  watch: 2.0\n  act: 3.5\n",
            "a weight of 2 is outside 0 to `watch`",
        ),
        (
            "  acts: {trust: {turnip: 1}}\n  watch: 2.0\n  act: 3.5\n",
            "needs two different acts",
        ),
        (
            "  acts: {trust: {turnip: 1}, secrecy: {celery: 1}}\n  watch: 2.0\n  act: 1.5\n",
            "`act` must lie above `watch`",
        ),
        (
            "  acts: {trust: {turnpi: 1}, secrecy: {celery: 1}}\n  watch: 2.0\n  act: 3.5\n",
            "did you mean `turnip`?",
        ),
        (
            "  acts: {trust: {turnip: 1}, secrets: {celery: 1}}\n  watch: 2.0\n  act: 3.5\n",
            "unknown key `secrets`",
        ),
        (
            "  acts: {trust: {turnip: 1}, secrecy: {conversation.act: 1}}\n  watch: 2.0\n  act: 3.5\n",
            "unknown signal `conversation.act`",
        ),
        (
            "  acts: {trust: {turnip: 1}, secrecy: {celery: 1}}\n  half_life: 0\n  watch: 2.0\n  act: 3.5\n",
            "half_life 0 is outside",
        ),
    ] {
        let said = compile(&[source(written)], &[]).expect_err(why).to_string();
        assert!(
            said.contains(why) && said.contains("garden.yaml:"),
            "{why}:\n{said}"
        );
    }
    let mut without = source("");
    without.text = without.text.replace("conversation:\n", "");
    let said = compile(&[without], &[])
        .expect_err("nothing shows it")
        .to_string();
    assert!(
        said.contains("unknown signal `conversation.watch`"),
        "{said}"
    );
}

proptest! {
    #[test]
    fn the_order_of_the_stages_scores_highest(
        order in Just(ACTS.to_vec()).prop_shuffle(),
        count in 2_usize..7,
        gap in 0_usize..4,
    ) {
        let set = set();
        let taken = &order[..count];
        let natural: Vec<_> = ACTS.iter().copied().filter(|act| taken.contains(act)).collect();
        let reversed: Vec<_> = natural.iter().rev().copied().collect();
        let of = |acts: &[&str]| score(&set, &users(&spread(acts, gap)));
        prop_assert!(of(taken) <= of(&natural) + 1e-9);
        prop_assert!(of(&reversed) < of(&natural));
        prop_assert!(of(&reversed) <= of(taken) + 1e-9);
    }

    #[test]
    fn silence_only_ever_lowers_a_score(
        words in prop::collection::vec(prop::sample::select([ACTS.as_slice(), &[NEUTRAL, REFUSAL]].concat()), 1..12),
        silence in 1_usize..30,
    ) {
        let set = set();
        let before = score(&set, &users(&words));
        let mut longer = words.clone();
        longer.extend(std::iter::repeat_n(NEUTRAL, silence));
        let after = score(&set, &users(&longer));
        prop_assert!(after < before || before == 0.0);
        longer.push(NEUTRAL);
        prop_assert!(score(&set, &users(&longer)) < after || before == 0.0);
    }
}
