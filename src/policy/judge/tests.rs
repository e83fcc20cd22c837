//! The laws of judging, on hits made by hand: positions are exact and detectors play no part.

use proptest::prelude::*;

use super::*;
use crate::message::{AudienceSource, Band, Media};
use crate::policy::condition::{Condition, Name, parse};
use crate::policy::{AppPolicies, Source, compile};
use crate::text::ViewKind;
use crate::text::steps::taken_by;

/// Conditions; those of which [`arms`] says nothing have one arm.
const RULES: [&str; 14] = [
    "leek",
    "leek or onion",
    "leek and onion",
    "leek and near(onion, 20)",
    "(leek or chive) and near((onion or basil), 40) and not near(mint, 10)",
    "leek and near(onion, 30) and near(basil, 30)",
    "leek and not mint",
    "leek and onion and not (mint or near(basil, 15))",
    "count(leek) >= 3 and not near(mint, 25)",
    "in_order(leek, onion, 30)",
    "leek and (near(onion, 20) or near(basil, 60)) and not count(mint) >= 2",
    "leek and in_order(onion, basil, 25) and not in_order(mint, chive, 40)",
    "leek and onion or basil and near(chive, 30) and not mint",
    "leek and not (onion and mint)",
];

/// The arms of a condition, by hand: each detects for itself.
fn arms(when: &'static str) -> &'static [&'static str] {
    match RULES.iter().position(|rule| *rule == when) {
        Some(10) => &[
            "leek and near(onion, 20) and not count(mint) >= 2",
            "leek and near(basil, 60) and not count(mint) >= 2",
        ],
        Some(12) => &["leek and onion", "basil and near(chive, 30) and not mint"],
        Some(13) => &["leek and not onion", "leek and not mint"],
        at => std::slice::from_ref(&RULES[at.expect("a rule of the list")]),
    }
}
const SIGNALS: [&str; 5] = ["leek", "onion", "basil", "chive", "mint"];

fn sources(rules: &[&str], action: &str) -> Vec<Source> {
    let mut text = String::from("policy: garden\ntitle: {en: Garden, zh: 菜园}\nsignals:\n");
    for signal in SIGNALS {
        text.push_str(&format!("  {signal}: {{words: [{signal}]}}\n"));
    }
    text.push_str("rules:\n");
    for (at, when) in rules.iter().enumerate() {
        text.push_str(&format!(
            "  - {{id: ACME-{at:03}, title: t, status: stable, level: 1, severity: 2, \
             action: {action}, false_positives: [soup], when: \"{when}\"}}\n"
        ));
    }
    vec![Source {
        path: "garden.yaml".into(),
        text,
        shipped: true,
    }]
}

fn set(rules: &[&str], allow: &[&str]) -> (Arc<PolicySet>, Arc<Selection>) {
    let app = AppPolicies {
        app: "kitchen".into(),
        level: 1,
        allow: allow.iter().map(|one| (*one).to_owned()).collect(),
        ..AppPolicies::default()
    };
    let set = compile(&sources(rules, "redact"), &[app]).unwrap_or_else(|all| panic!("{all}"));
    let selection = Arc::clone(&set.selections[0]);
    (Arc::new(set), selection)
}

fn scene() -> Scene {
    Scene {
        direction: Direction::Output,
        output: Output::Text,
        audience: Audience {
            band: Band::Age12,
            source: AudienceSource::App,
        },
    }
}

fn signal(set: &PolicySet, name: &str) -> SignalId {
    let at = set.signals.iter().position(|info| info.name == name);
    SignalId(u32::try_from(at.unwrap_or(set.signals.len())).expect("few signals"))
}

fn hit(set: &PolicySet, signal: SignalId, from: u32, length: u32, ripe: u32) -> Hit {
    let to = from + length;
    Hit {
        signals: set.detectors.single(signal).expect("declared"),
        span: Span::new(from, to),
        from,
        to,
        view: ViewKind::Surface,
        score: 1.0,
        ripe,
    }
}

/// Whether a hit is one of the signal of that name.
fn is_of(set: &PolicySet, name: &Name, hit: &Hit) -> bool {
    set.detectors.signals(hit.signals) == [signal(set, &name.text)]
}

/// Name of a signal (one past the last is the allow phrase), start, length, lateness.
type Plan = Vec<(usize, u32, u32, u32)>;

fn plan(names: usize) -> impl Strategy<Value = Plan> {
    prop::collection::vec((0..names, 0..420_u32, 1..6_u32, 0..4_u32), 0..28)
}

/// Hits in the scanner's order, none wider or later than its signal's reach.
fn hits(set: &PolicySet, plan: &Plan) -> Vec<Hit> {
    let make = |&(name, from, length, late): &(usize, u32, u32, u32)| {
        let id = signal(set, SIGNALS.get(name).copied().unwrap_or(""));
        let length = if name < SIGNALS.len() {
            length
        } else {
            4 * length
        };
        let reach = set.detectors.reach(id).max(1);
        let length = length.min(reach);
        hit(
            set,
            id,
            from,
            length,
            (from + length + late).min(from + reach),
        )
    };
    let mut hits: Vec<_> = plan.iter().map(make).collect();
    hits.sort_by_key(|hit| (hit.ripe, hit.to, hit.from, hit.signals));
    hits.dedup();
    hits
}

fn judge(set: &Arc<PolicySet>, selection: &Arc<Selection>, horizon: Horizon) -> Judge {
    let (set, selection) = (Arc::clone(set), Arc::clone(selection));
    let mut judge = Judge::new(set, selection, scene(), Role::Assistant, horizon, &[]);
    judge.part();
    judge
}

fn run(judge: &mut Judge, hits: &[Hit], advances: &[u32]) -> Vec<Detection> {
    let mut found = Vec::new();
    let mut advances = advances.to_vec();
    advances.sort_unstable();
    let mut advances = advances.into_iter().peekable();
    for hit in hits {
        while let Some(to) = advances.next_if(|to| *to < hit.ripe) {
            judge.advance(to, &mut found);
        }
        judge.hit(hit, &mut found);
    }
    for to in advances {
        judge.advance(to, &mut found);
    }
    judge.finish(&mut found);
    found
}

/// The condition read literally, over all hits up to `last` (excuses: all that lie in their window).
struct Reference<'r> {
    set: &'r PolicySet,
    hits: &'r [Hit],
    horizon: Horizon,
}

impl Reference<'_> {
    fn of<'n>(&'n self, names: &'n [Name], among: usize) -> impl Iterator<Item = &'n Hit> + 'n {
        self.hits[..among]
            .iter()
            .filter(|hit| names.iter().any(|name| is_of(self.set, name, hit)))
    }

    fn near(a: &Hit, b: &Hit, distance: u32) -> bool {
        let (first, second) = if a.from <= b.from { (a, b) } else { (b, a) };
        second.from.saturating_sub(first.to) <= distance
    }

    /// Whether it holds with the first `among` hits, `not` counting as true.
    fn holds(&self, condition: &Condition, anchor: &Hit, among: usize) -> bool {
        match condition {
            Condition::Not(_) => true,
            Condition::And(all) => all.iter().all(|one| self.holds(one, anchor, among)),
            Condition::Or(any) => any.iter().any(|one| self.holds(one, anchor, among)),
            Condition::Name(name) => self.of(std::slice::from_ref(name), among).next().is_some(),
            Condition::Near(names, distance, _) => self
                .of(names, among)
                .any(|hit| Self::near(hit, anchor, *distance)),
            Condition::Count(names, number) => {
                // Hits that overlap are one.
                let mut hits: Vec<_> = self
                    .of(names, among)
                    .map(|hit| (hit.to, hit.from))
                    .collect();
                hits.sort_unstable();
                let mut end = 0;
                hits.retain(|(to, from)| {
                    let apart = *from >= end;
                    end = if apart { *to } else { end };
                    apart
                });
                hits.len() >= *number as usize
            }
            Condition::InOrder(first, second, distance) => self.of(first, among).any(|a| {
                let follows = |b: &Hit| a.to <= b.from && b.from - a.to <= *distance;
                self.of(second, among).any(follows)
            }),
        }
    }

    /// Whether something inside a `not` excuses.
    fn excused(&self, condition: &Condition, anchor: &Hit, completing: &Hit) -> bool {
        match condition {
            Condition::And(all) => all.iter().any(|one| self.excused(one, anchor, completing)),
            Condition::Not(inner) => {
                let last = match self.horizon {
                    Horizon::Whole => u32::MAX,
                    Horizon::Stream => completing.to + NOT_REACH,
                };
                let near = matches!(**inner, Condition::Near(..));
                let hits: Vec<_> = self
                    .hits
                    .iter()
                    .filter(|hit| near || hit.from <= last)
                    .copied()
                    .collect();
                let inside = Reference {
                    set: self.set,
                    hits: &hits,
                    horizon: self.horizon,
                };
                match &**inner {
                    // Each arm of `not (a or b)` has its own window.
                    Condition::Or(arms) => arms.iter().any(|arm| {
                        let not = Condition::Not(Box::new(arm.clone()));
                        self.excused(&not, anchor, completing)
                    }),
                    inner => inside.holds(inner, anchor, hits.len()),
                }
            }
            _ => false,
        }
    }

    fn anchors(condition: &Condition) -> Vec<&Name> {
        match condition {
            Condition::Name(name) => vec![name],
            Condition::Count(names, _) | Condition::InOrder(names, _, _) => names.iter().collect(),
            Condition::Or(arms) => arms.iter().flat_map(Self::anchors).collect(),
            Condition::And(parts) => Self::anchors(&parts[0]),
            Condition::Near(..) | Condition::Not(_) => Vec::new(),
        }
    }

    /// Every completing hit, by the definition: for each anchor the first hit with which it holds.
    fn found(&self, when: &str) -> Vec<Span> {
        let condition = parse(when).expect("a condition");
        let anchors = Self::anchors(&condition);
        let is_anchor = |hit: &Hit| anchors.iter().any(|name| is_of(self.set, name, hit));
        let mut found = Vec::new();
        for (at, anchor) in self
            .hits
            .iter()
            .enumerate()
            .filter(|(_, hit)| is_anchor(hit))
        {
            let first =
                (at + 1..=self.hits.len()).find(|among| self.holds(&condition, anchor, *among));
            let Some(among) = first else { continue };
            let completing = &self.hits[among - 1];
            if !self.excused(&condition, anchor, completing) {
                found.push(completing.span);
            }
        }
        found
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    /// The incremental judge says what the definition says.
    #[test]
    fn agrees_with_the_definition(plan in plan(SIGNALS.len()), stream in any::<bool>()) {
        thread_local!(static SET: (Arc<PolicySet>, Arc<Selection>) = set(&RULES, &[]));
        SET.with(|(set, selection)| {
            let horizon = if stream { Horizon::Stream } else { Horizon::Whole };
            let hits = hits(set, &plan);
            let found = run(&mut judge(set, selection, horizon), &hits, &[]);
            let reference = Reference { set, hits: &hits, horizon };
            for (at, when) in RULES.iter().enumerate() {
                let of_rule = found.iter().filter(|one| one.rule.0 as usize == at);
                let mut spans: Vec<_> = of_rule.map(|one| one.span).collect();
                spans.sort_unstable();
                spans.dedup();
                let mut wanted: Vec<_> =
                    arms(when).iter().flat_map(|arm| reference.found(arm)).collect();
                wanted.sort_unstable();
                wanted.dedup();
                prop_assert_eq!(&spans, &wanted, "{}", when);
            }
            Ok(())
        })?;
    }

    /// Positions decide, never when the judge was told how far the text was read.
    #[test]
    fn the_schedule_of_advances_changes_nothing(
        plan in plan(SIGNALS.len() + 1),
        advances in prop::collection::vec(0..700_u32, 0..40),
        allow in any::<bool>(),
    ) {
        thread_local!(static SETS: [(Arc<PolicySet>, Arc<Selection>); 2] =
            [set(&RULES, &[]), set(&RULES, &["a soup of leek and onion"])]);
        SETS.with(|sets| {
            let (set, selection) = &sets[usize::from(allow)];
            let hits = hits(set, &plan);
            let still = run(&mut judge(set, selection, Horizon::Stream), &hits, &[]);
            let moved = run(&mut judge(set, selection, Horizon::Stream), &hits, &advances);
            prop_assert_eq!(still, moved);
            Ok(())
        })?;
    }

    /// Once a text was read far enough, nothing before `undecided_from` is detected any more.
    #[test]
    fn what_is_not_undecided_is_never_detected(plan in plan(SIGNALS.len() + 1), allow in any::<bool>()) {
        thread_local!(static SETS: [(Arc<PolicySet>, Arc<Selection>); 2] =
            [set(&RULES, &[]), set(&RULES, &["a soup of leek and onion"])]);
        SETS.with(|sets| {
            let (set, selection) = &sets[usize::from(allow)];
            let mut judge = judge(set, selection, Horizon::Stream);
            let hits = hits(set, &plan);
            let mut found = Vec::new();
            for (at, hit) in hits.iter().enumerate() {
                judge.hit(hit, &mut found);
                let known = found.len();
                let free = judge.undecided_from().unwrap_or(u32::MAX);
                // Hits still to come are the scanner's business: text before them is not settled.
                let coming = hits[at + 1..].iter().map(|hit| hit.span.start).min().unwrap_or(u32::MAX);
                let mut rest = Vec::new();
                let mut copy = run_on(set, selection, &hits[..=at]);
                for later in &hits[at + 1..] {
                    copy.hit(later, &mut rest);
                }
                copy.finish(&mut rest);
                for one in &rest {
                    prop_assert!(one.span.start >= free.min(coming), "{one:?} but free to {free}");
                }
                prop_assert_eq!(known, found.len());
            }
            Ok(())
        })?;
    }

    /// What the reader does not see is no evidence: forgetting equals never having seen.
    #[test]
    fn forgetting_equals_never_having_seen(plan in plan(SIGNALS.len()), which in any::<prop::sample::Index>()) {
        thread_local!(static SET: (Arc<PolicySet>, Arc<Selection>) = set(&RULES, &[]));
        SET.with(|(set, selection)| {
            let hits = hits(set, &plan);
            if hits.is_empty() {
                return Ok(());
            }
            let gone = hits[which.index(hits.len())].span;
            let kept: Vec<_> = hits.iter().filter(|hit| !gone.contains(hit.span)).copied().collect();
            let mut forgetful = judge(set, selection, Horizon::Whole);
            let (mut before, mut after) = (Vec::new(), Vec::new());
            for hit in &hits {
                forgetful.hit(hit, &mut before);
            }
            forgetful.forget(0, gone, gone.len());
            forgetful.finish(&mut after);
            let said: Vec<_> = before.iter().chain(&after).map(|one| (one.rule, one.span)).collect();
            for one in run(&mut judge(set, selection, Horizon::Whole), &kept, &[]) {
                prop_assert!(said.contains(&(one.rule, one.span)), "{one:?} is not said");
            }
            for one in &after {
                prop_assert!(!gone.contains(one.span), "{one:?} was forgotten");
            }
            Ok(())
        })?;
    }
}

fn run_on(set: &Arc<PolicySet>, selection: &Arc<Selection>, hits: &[Hit]) -> Judge {
    let mut judge = judge(set, selection, Horizon::Stream);
    let mut found = Vec::new();
    for hit in hits {
        judge.hit(hit, &mut found);
    }
    judge
}

fn part(turn: u32, text: &str) -> Part {
    let (role, media) = (Role::User, Media::Text);
    Part {
        role,
        media,
        turn,
        text: text.to_owned(),
        at: String::new(),
        raw: 0..0,
    }
}

fn prompt(when: &str, allow: &[&str], texts: &[(u32, &str)]) -> Vec<(u32, u32)> {
    let (set, selection) = set(&[when], allow);
    let parts: Vec<_> = texts.iter().map(|(turn, text)| part(*turn, text)).collect();
    let hits: Vec<_> = parts
        .iter()
        .map(|part| set.detectors.scan(&part.text))
        .collect();
    let scene = Scene {
        direction: Direction::Prompt,
        ..scene()
    };
    let verdict = judge_prompt(&set, &selection, scene, &parts, &hits);
    verdict
        .detections
        .iter()
        .map(|one| (one.part, one.span.start))
        .collect()
}

#[test]
fn a_turn_is_one_scene_and_turns_are_apart() {
    assert_eq!(
        prompt("leek and onion", &[], &[(0, "a leek"), (0, "an onion")]),
        [(1, 3)]
    );
    assert_eq!(
        prompt("leek and onion", &[], &[(0, "a leek"), (1, "an onion")]),
        []
    );
}

#[test]
fn parts_of_a_turn_are_a_paragraph_apart() {
    let texts = [(0, "a leek"), (0, "an onion")];
    assert_eq!(prompt("leek and near(onion, 40)", &[], &texts), [(1, 3)]);
    assert_eq!(prompt("leek and near(onion, 10)", &[], &texts), []);
    let far = format!("a leek {}", "x ".repeat(40));
    assert_eq!(
        prompt(
            "leek and near(onion, 40)",
            &[],
            &[(0, &far), (0, "an onion")]
        ),
        []
    );
}

#[test]
fn an_allow_phrase_excuses_what_lies_inside_it() {
    let allow = ["leek soup recipe"];
    assert_eq!(prompt("leek", &allow, &[(0, "my leek soup recipe")]), []);
    assert_eq!(
        prompt("leek", &allow, &[(0, "my leek soup recipe, a leek")]),
        [(0, 23)]
    );
    assert_eq!(prompt("leek", &allow, &[(0, "my leek soup")]), [(0, 3)]);
}

#[test]
fn what_the_prompt_said_counts_for_the_answer() {
    let (set, selection) = set(&["leek and onion", "leek and not mint"], &[]);
    let ask = |carried: &[SignalId]| {
        let (set, selection) = (Arc::clone(&set), Arc::clone(&selection));
        let mut judge = Judge::new(
            set,
            selection,
            scene(),
            Role::Assistant,
            Horizon::Stream,
            carried,
        );
        judge.part();
        let mut found = Vec::new();
        let id = signal(&judge.frame.set, "leek");
        let leek = hit(&judge.frame.set, id, 5, 4, 10);
        judge.hit(&leek, &mut found);
        judge.finish(&mut found);
        found.iter().map(|one| one.rule.0).collect::<Vec<_>>()
    };
    assert_eq!(ask(&[]), [1]);
    assert_eq!(ask(&[signal(&set, "onion")]), [0, 1]);
    assert_eq!(ask(&[signal(&set, "mint")]), Vec::<u32>::new());
}

#[test]
fn a_judge_without_hits_has_nothing_to_say_and_nothing_to_hold() {
    let (set, selection) = set(&RULES, &["leek soup"]);
    let mut judge = judge(&set, &selection, Horizon::Stream);
    let mut found = Vec::new();
    judge.advance(4000, &mut found);
    judge.finish(&mut found);
    assert!(found.is_empty() && found.capacity() == 0);
    assert_eq!((judge.undecided_from(), judge.seen()), (None, Vec::new()));
}

#[test]
fn a_stream_waits_for_an_excuse_no_longer_than_its_window() {
    let (set, selection) = set(&["leek and not mint"], &[]);
    let reach = set.detectors.reach(signal(&set, "mint"));
    let mut judge = judge(&set, &selection, Horizon::Stream);
    let mut found = Vec::new();
    judge.hit(&hit(&set, signal(&set, "leek"), 10, 4, 15), &mut found);
    judge.advance(14 + NOT_REACH + reach - 1, &mut found);
    assert_eq!((found.len(), judge.undecided_from()), (0, Some(10)));
    judge.advance(14 + NOT_REACH + reach, &mut found);
    assert_eq!((found.len(), judge.undecided_from()), (1, None));
}

#[test]
fn each_band_meets_its_own_action() {
    let action = "{minor: redact, adult: flag, 0-7: rewrite, 16-17: allow}";
    let set =
        Arc::new(compile(&sources(&["leek"], action), &[]).unwrap_or_else(|all| panic!("{all}")));
    let acts = |band| {
        let audience = Audience {
            band,
            ..scene().audience
        };
        let scene = Scene {
            audience,
            ..scene()
        };
        judge_text(
            &set,
            &set.everything,
            scene,
            Role::User,
            Horizon::Whole,
            "a leek",
        )
        .action
    };
    let wanted = [
        Action::Rewrite,
        Action::Rewrite,
        Action::Redact,
        Action::Redact,
        Action::Redact,
        Action::Allow,
        Action::Flag,
        Action::Redact,
    ];
    assert_eq!(Band::NAMES.map(|(band, _)| acts(band)), wanted);
}

/// A text of nothing but hits costs what its length says: four times as long, four times the work.
#[test]
fn a_text_full_of_hits_is_judged_in_steps_by_its_length() {
    let set = compile(&crate::policy::shipped(), &[]).unwrap_or_else(|all| panic!("{all}"));
    let set = Arc::new(set);
    let phrase = "child models wanted send me photos our secret add me on telegram 童星招募 ";
    let scene = Scene {
        direction: Direction::Prompt,
        output: Output::Text,
        audience: Audience {
            band: Band::Age12,
            source: AudienceSource::App,
        },
    };
    for horizon in [Horizon::Whole, Horizon::Stream] {
        let steps = |repeats: usize| {
            let text = phrase.repeat(repeats);
            taken_by(|| {
                let verdict = judge_text(&set, &set.words, scene, Role::User, horizon, &text);
                assert!(verdict.action.ends());
            })
        };
        let (one, four) = (steps(60), steps(240));
        assert!(one > 60 * phrase.chars().count() as u64, "{one}");
        assert!(four < 5 * one, "{one} steps, then {four}");
    }
}
