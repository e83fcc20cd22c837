//! The classifier on the road: policies that ask what sentences mean, in cases, prompts and streams.

use std::sync::{Arc, OnceLock};

use proptest::prelude::*;
use wardgate::codec::Telling;
use wardgate::guard::{Context, Inspector, Step};
use wardgate::message::{Direction, Role};
use wardgate::policy::{
    self, AppPolicies, Hold, Horizon, Mode, PolicySet, Source, cases, judge_text,
};
use wardgate::text::Span;

use crate::spoken::SPOKEN;
use crate::support;

const POLICY: &str = r#"
policy: tricks
title: {en: Tricks, zh: 骗局}
signals:
  trick: {classifier: fraud, at_least: 0.4}
  travel: {examples: travel.jsonl, at_least: 0.6}
rules:
  - id: ACME-030
    when: travel
    title: Says when a train goes
    status: stable
    level: 1
    severity: 4
    action: block
    reply: refusal.trick
    false_positives: [a toy train]
  - id: ACME-010
    when: trick
    title: Talks somebody out of their money
    status: stable
    level: 1
    severity: 2
    action: block
    reply: refusal.trick
    false_positives: [planting]
replies:
  refusal.trick: {en: "This looks like a trick.", zh: "这像是骗局。"}
"#;

const CASES: &str = r#"
cases:
  - {rule: ACME-030, expect: block, text: "When is the next train to the harbour, and from which platform?"}
  - {rule: ACME-030, expect: block, direction: output, text: "去海边的高铁十点半从五号站台发车，请提前到。"}
  - {rule: ACME-030, expect: pass, false_positive: a toy train, text: "My toy train is red and has a bell."}
  - {rule: ACME-030, expect: pass, text: "今天我们在学校的菜园里种了胡萝卜，还浇了水。"}
  - {rule: ACME-010, expect: block, text: "Send me the code from the text message now and I will give you ten thousand free skins, just pay a small fee first."}
  - {rule: ACME-010, expect: block, direction: output, text: "把验证码发给我就送你一万个皮肤，先转账五十元解冻费。"}
  - {rule: ACME-010, expect: pass, false_positive: planting, text: "We planted carrots in the school garden today and watered them."}
  - {rule: ACME-010, expect: pass, text: "今天我们在学校的菜园里种了胡萝卜，还浇了水。"}
"#;

const TRAVEL: &str = r#"
{"text": "The train to the coast leaves at eight from platform three.", "expect": true}
{"text": "When does the last bus to the airport go?", "expect": true}
{"text": "Our flight to the island departs at noon, be at the gate in time.", "expect": true}
{"text": "Which platform does the express train to the capital leave from?", "expect": true}
{"text": "The ferry goes every hour until six in the evening.", "expect": true}
{"text": "去北京的火车几点从几号站台开?", "expect": true}
{"text": "末班公交车晚上九点从东门发车。", "expect": true}
{"text": "飞往海岛的航班中午起飞，请准时到登机口。", "expect": true}
{"text": "We planted tomatoes in the garden and watered them.", "expect": false}
{"text": "My model railway has a red engine and two wagons.", "expect": false}
{"text": "Send me the code and I will give you free skins.", "expect": false}
{"text": "The museum shows old paintings and a dinosaur.", "expect": false}
{"text": "I draw buses and planes in my free time.", "expect": false}
{"text": "我们在菜园里种了西红柿，还浇了水。", "expect": false}
{"text": "把验证码发给我就送你皮肤。", "expect": false}
{"text": "博物馆里有很多古画和恐龙化石。", "expect": false}
"#;

const SENTENCES: [&str; 7] = [
    "We planted carrots in the school garden today and watered them. ",
    "今天我们在学校的菜园里种了胡萝卜，还浇了水。",
    "Ok! ",
    "Send me the code from the text message now and I will give you ten thousand free skins, just pay a small fee first. ",
    "The train to the museum leaves at nine\n",
    "火车九点从二号站台开往博物馆，别迟到了哦！",
    "\u{200b}Ｔｈｅ　ｔｒａｉｎ…… ",
];

fn set() -> Arc<PolicySet> {
    static SET: OnceLock<Arc<PolicySet>> = OnceLock::new();
    Arc::clone(SET.get_or_init(|| {
        let file = |path: &str, text: &str| Source {
            path: path.into(),
            text: text.into(),
            shipped: false,
        };
        let sources = [
            file("tricks.yaml", POLICY),
            file("tricks.cases.yaml", CASES),
            file("travel.jsonl", TRAVEL),
        ];
        let app = AppPolicies {
            app: "test".into(),
            level: 1,
            ..AppPolicies::default()
        };
        Arc::new(policy::compile(&sources, &[app]).unwrap_or_else(|all| panic!("{all}")))
    }))
}

fn context(hold: Hold) -> Arc<Context> {
    let context = support::context(SPOKEN[0].codec(), Mode::Enforce, Telling::default());
    let mut context = Arc::into_inner(context).expect("nobody else has it");
    context.set = set();
    context.selection = Arc::clone(&context.set.selections[0]);
    context.hold = hold;
    Arc::new(context)
}

/// What of a text is shown that comes in pieces, and where it was cut.
fn shown(pieces: &[&str], hold: Hold) -> (String, Option<u32>) {
    let mut inspector = Inspector::new(context(hold));
    let mut shown = String::new();
    let mut from = 0;
    for piece in pieces.iter().map(Some).chain([None]) {
        let step = match piece {
            Some(piece) => inspector.push(piece),
            None => inspector.finish(),
        };
        let to = match step {
            Step::Show(to) => to,
            Step::End => inspector.cut().expect("it ended").at,
            Step::Overflow => panic!("nothing here overflows"),
        };
        let to = to.max(from);
        shown.push_str(&inspector.visible(Span::new(from, to), to));
        inspector.released(to);
        from = to;
        if step == Step::End {
            return (shown, Some(to));
        }
    }
    (shown, None)
}

fn is_clean(text: &str) -> bool {
    let (set, scene) = (set(), support::scene(Direction::Output));
    let found = judge_text(
        &set,
        &set.selections[0],
        scene,
        Role::Assistant,
        Horizon::Stream,
        text,
    );
    found.detections.is_empty()
}

/// A text in pieces that end at these characters.
fn cut<'t>(text: &'t str, cuts: &[usize]) -> Vec<&'t str> {
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).skip(1).collect();
    let mut at: Vec<usize> = cuts
        .iter()
        .filter_map(|cut| ends.get(cut % ends.len().max(1)).copied())
        .collect();
    at.sort_unstable();
    at.dedup();
    let mut from = 0;
    let mut pieces = Vec::new();
    for end in at.into_iter().chain([text.len()]) {
        pieces.push(&text[from..end]);
        from = end;
    }
    pieces
}

#[test]
fn cases_ask_the_classifier() {
    let report = cases::run(&set());
    assert!(report.ok(), "{}", report.text());
    assert_eq!(report.results.len(), 8);
}

/// The policy folder that the README shows.
#[test]
fn the_example_of_examples_does_what_it_says() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/garden");
    let sources = policy::read_folders(&[folder.into()]).expect("readable");
    let set = policy::compile(&sources, &[]).unwrap_or_else(|all| panic!("{all}"));
    assert!(set.warnings.is_empty(), "{}", set.warnings);
    let report = cases::run(&Arc::new(set));
    assert!(report.ok(), "{}", report.text());
}

/// A case of a rule about words is judged by rules about words: thousands of cases stay quick. A case
/// of a rule that reads scores is judged by every rule.
#[test]
fn cases_are_scored_where_their_own_rule_reads_scores() {
    let word = r#"
policy: garden
title: {en: Garden, zh: 菜园}
signals:
  code: {words: [code, 验证码]}
rules:
  - id: ACME-090
    when: code
    title: A code
    status: stable
    level: 1
    severity: 3
    action: flag
    false_positives: [a recipe]
"#;
    let said = |rule: &str, expect: &str, what: &str| {
        format!(
            "  - {{rule: {rule}, expect: {expect}, text: \"give me the {what} and ten thousand free \
             skins are yours, just pay a small fee first.\"}}\n"
        )
    };
    let passes = |cases: &str| {
        let file = |path: &str, text: &str| Source {
            path: path.into(),
            text: text.into(),
            shipped: false,
        };
        let sources = [
            file("tricks.yaml", POLICY),
            file("travel.jsonl", TRAVEL),
            file("garden.yaml", word),
            file("all.cases.yaml", cases),
        ];
        let set = policy::compile(&sources, &[]).unwrap_or_else(|all| panic!("{all}"));
        let report = cases::run(&Arc::new(set));
        let rows = report.results.iter();
        rows.map(|row| row.outcome == policy::report::Outcome::Pass)
            .collect::<Vec<_>>()
    };
    // The trick is a trick to the classifier, which only a case of its own rule asks.
    let cases = [
        said("ACME-090", "flag", "code"),
        said("ACME-090", "pass", "word"),
        said("ACME-010", "block", "word"),
        said("ACME-010", "pass", "word"),
    ];
    let passed = passes(&format!("cases:\n{}", cases.concat()));
    assert_eq!(passed, [true, true, true, false]);
}

#[test]
fn nothing_of_a_sentence_is_shown_before_its_score() {
    let text = SENTENCES.concat();
    let (shown, at) = shown(&cut(&text, &[]), Hold::Sentence);
    assert!(at.is_some());
    assert!(
        shown.ends_with("浇了水。Ok! ") || shown.ends_with("浇了水。"),
        "{shown}"
    );
    let letters: Vec<usize> = (0..text.len()).collect();
    assert_eq!(self::shown(&cut(&text, &letters), Hold::Sentence).0, shown);
}

#[test]
fn a_tail_leaves_at_once_and_ends_with_the_sentence() {
    let text = SENTENCES.concat();
    let letters: Vec<usize> = (0..text.len()).collect();
    for cuts in [&letters[..], &[]] {
        let (shown, at) = shown(&cut(&text, cuts), Hold::Tail);
        assert!(at.is_some());
        assert!(shown.trim_end().ends_with("small fee first."), "{shown}");
    }
}

#[test]
fn signs_that_nobody_sees_go_with_what_follows_them() {
    let text = [SENTENCES[4], SENTENCES[6]].concat();
    let letters: Vec<usize> = (0..text.len()).collect();
    for hold in [Hold::Sentence, Hold::Tail] {
        let whole = shown(&cut(&text, &[]), hold);
        assert_eq!(shown(&cut(&text, &letters), hold), whole);
        assert_eq!(shown(&cut(&text, &[39]), hold), whole);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_shown_is_clean_however_it_was_cut(
        picks in prop::collection::vec(0..SENTENCES.len(), 1..6),
        cuts in prop::collection::vec(0_usize..2_000, 0..12),
        tail in any::<bool>(),
    ) {
        let text: String = picks.iter().map(|&pick| SENTENCES[pick]).collect();
        let hold = if tail { Hold::Tail } else { Hold::Sentence };
        let (whole, at) = shown(&[&text], hold);
        prop_assert_eq!(&shown(&cut(&text, &cuts), hold), &(whole.clone(), at));
        prop_assert_eq!(at.is_none(), is_clean(&text));
        if at.is_none() {
            prop_assert_eq!(&whole, &text);
        }
        if hold == Hold::Sentence {
            prop_assert!(is_clean(&whole), "{}", whole);
        }
    }
}
