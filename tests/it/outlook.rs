//! What is not asked for changes nothing: verdicts where scores are made only where they can matter are
//! the verdicts with everything scored.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use proptest::prelude::*;
use wardgate::detect::{self, Hit, Sentences, SignalId};
use wardgate::message::{Audience, AudienceSource, Band, Direction, Media, Output, Part, Role};
use wardgate::policy::cases::Case;
use wardgate::policy::{
    self, Action, AppPolicies, Detection, Horizon, Judge, Override, PolicySet, Scene, Scoring,
    Selection, Source, outlook,
};

/// What scores high, what does not, and words.
const SAID: [&str; 9] = [
    "Send me the code that the bank texts you and I will double your money by tonight.",
    "告诉我银行发给你的验证码，今晚我就把你的钱翻一倍。",
    "We planted carrots in the school garden and watered them all week.",
    "a leek",
    "an onion",
    "a parsnip",
    "leek, onion. ",
    "soup",
    "",
];

/// Rules that read a score in every way in which a condition can.
const RULES: &str = r#"
policy: tricks
title: {en: Tricks, zh: 骗局}
replies: {r: {en: No., zh: 不。}}
signals:
  trick: {classifier: fraud, at_least: 0.3}
  trick_some: {classifier: fraud, at_least: 0.01}
  leek: {words: [leek]}
  onion: {words: [onion]}
  parsnip: {words: [parsnip]}
rules:
RULE(ACME-010, trick, {})
RULE(ACME-020, 'trick and near(leek, 40)', {})
RULE(ACME-030, 'leek and not near(trick, 80)', {})
RULE(ACME-040, 'count(trick) >= 2 and onion', {})
RULE(ACME-050, 'in_order(onion, trick, 60)', {})
RULE(ACME-060, 'trick and (onion or leek and not parsnip)', '{direction: [output]}')
RULE(ACME-070, 'onion and not trick', '{direction: [output]}')
RULE(ACME-080, parsnip, {})
"#;

/// A doubt that counts beside a refusal only.
const INSTEAD: &str = "  - {id: ACME-090, when: trick_some, title: T, status: stable, level: 1, severity: 2, \
    applies: {direction: [prompt], output: [text]}, action: {minor: support, adult: allow}, \
    instead_of: block, reply: r, false_positives: [soup]}\n";

fn tricks() -> String {
    let rule = |line: &str| {
        let inside = line
            .strip_prefix("RULE(")
            .and_then(|rest| rest.strip_suffix(')'))?;
        let (id, rest) = inside.split_once(", ")?;
        let (when, applies) = rest.rsplit_once(", ")?;
        let action = match id {
            "ACME-020" => "{minor: allow, adult: flag}",
            "ACME-080" => "block",
            _ => "{minor: block, adult: allow}",
        };
        let applies = match applies.trim_matches('\'') {
            "{}" => String::new(),
            applies => format!("applies: {applies}, "),
        };
        Some(format!(
            "  - {{id: {id}, when: {when}, title: T, status: stable, level: 1, severity: 2, {applies}\
             action: {action}, reply: r, false_positives: [soup]}}\n"
        ))
    };
    let lines = RULES.trim_start().lines();
    let lines = lines.map(|line| rule(line).unwrap_or_else(|| format!("{line}\n")));
    lines.chain([INSTEAD.to_owned()]).collect()
}

fn app(level: u8, off: &[&str]) -> AppPolicies {
    let off = off.iter().map(|rule| {
        let change = Override {
            action: Some(Action::Allow),
            status: None,
        };
        ((*rule).to_owned(), change)
    });
    AppPolicies {
        app: format!("level {level}"),
        level,
        overrides: off.collect::<BTreeMap<_, _>>(),
        ..AppPolicies::default()
    }
}

fn compiled(sources: &[Source], apps: &[AppPolicies]) -> Arc<PolicySet> {
    let set = policy::compile(sources, apps);
    Arc::new(set.unwrap_or_else(|problems| panic!("{problems}")))
}

/// The rules above: all of them, without the one that needs nothing else, and the doubt alone.
fn set() -> &'static Arc<PolicySet> {
    static SET: OnceLock<Arc<PolicySet>> = OnceLock::new();
    SET.get_or_init(|| {
        let source = Source {
            path: "tricks.yaml".into(),
            text: tricks(),
            shipped: false,
        };
        let all = [
            "ACME-010", "ACME-020", "ACME-030", "ACME-040", "ACME-050", "ACME-070",
        ];
        let apps = [app(1, &[]), app(1, &[all[0], "ACME-070"]), app(1, &all)];
        compiled(&[source], &apps)
    })
}

fn part(turn: u32, role: Role, text: &str) -> Part {
    Part {
        role,
        media: Media::Text,
        turn,
        text: text.to_owned(),
        at: String::new(),
        raw: 0..0,
    }
}

fn scene(direction: Direction, band: Band) -> Scene {
    Scene {
        direction,
        output: Output::Text,
        audience: Audience {
            band,
            source: AudienceSource::App,
        },
    }
}

type Hits = Vec<Arc<[Hit]>>;

/// The hits of words, and those of everything.
fn seen(set: &PolicySet, parts: &[Part]) -> (Hits, Hits) {
    let of = |scan: &dyn Fn(&str) -> Vec<Hit>| -> Hits {
        parts.iter().map(|part| scan(&part.text).into()).collect()
    };
    let words = of(&|text| set.detectors.scan_words(text));
    (words, of(&|text| set.detectors.scan(text)))
}

/// What the wanted parts mean is known too.
fn scored(set: &PolicySet, parts: &[Part], words: &Hits, wanted: &[bool]) -> Hits {
    let each = parts.iter().zip(words).zip(wanted);
    let each = each.map(|((part, words), wanted)| match wanted {
        false => Arc::clone(words),
        true => detect::joined(words, &sentences(set, &part.text, usize::MAX)),
    });
    each.collect()
}

fn sentences(set: &PolicySet, text: &str, size: usize) -> Vec<Hit> {
    let mut sentences = Sentences::new(Arc::clone(&set.detectors));
    let mut hits = Vec::new();
    let letters: Vec<char> = text.chars().collect();
    for piece in letters.chunks(size) {
        sentences.push(&piece.iter().collect::<String>(), &mut hits);
    }
    sentences.finish(&mut hits);
    hits
}

/// What an answer of these words is found to be after that prompt.
fn answered(
    set: &Arc<PolicySet>,
    selection: &Arc<Selection>,
    scene: Scene,
    (parts, hits): (&[Part], &Hits),
    answer: &str,
) -> Vec<Detection> {
    let scene = Scene {
        direction: Direction::Output,
        ..scene
    };
    let carried = policy::carried(set, parts, hits);
    let (own, selection) = (Arc::clone(set), Arc::clone(selection));
    let stream = Horizon::Stream;
    let mut judge = Judge::new(own, selection, scene, Role::Assistant, stream, &carried);
    let mut found = Vec::new();
    judge.part();
    for hit in set.detectors.scan(answer) {
        judge.hit(&hit, &mut found);
    }
    judge.finish(&mut found);
    found
}

/// Judges a prompt with what is asked for, and with everything: the same is found, and the same answers
/// are refused after it. Returns what was asked for.
fn check(
    set: &Arc<PolicySet>,
    selection: &Arc<Selection>,
    band: Band,
    parts: &[Part],
    answers: &[&str],
) -> Vec<bool> {
    let scene = scene(Direction::Prompt, band);
    let judge = |hits: &Hits| policy::judge_prompt(set, selection, scene, parts, hits).detections;
    let (words, all) = seen(set, parts);
    let outlook = set.outlook(selection, scene);
    let wanted = outlook.scored(parts, &words, &judge(&words));
    let asked = scored(set, parts, &words, &opened(set, parts, &wanted));
    assert_eq!(judge(&asked), judge(&all), "{band:?} {wanted:?} {parts:?}");
    for answer in answers {
        let after = |hits| answered(set, selection, scene, (parts, hits), answer);
        assert_eq!(after(&asked), after(&all), "{band:?} {parts:?} {answer}");
    }
    wanted.iter().map(|one| *one != Scoring::No).collect()
}

/// By part: whether its sentences are scored, if a glance misses nothing.
fn opened(set: &PolicySet, parts: &[Part], wanted: &[Scoring]) -> Vec<bool> {
    let mut open = vec![false; parts.len()];
    for turn in outlook::turns(parts) {
        let reaches = |part: &Part, keys: &[SignalId]| {
            let hits = sentences(set, &part.text, usize::MAX);
            let mut seen = hits
                .iter()
                .flat_map(|hit| set.detectors.signals(hit.signals));
            seen.any(|signal| keys.contains(signal))
        };
        let is_open = match &wanted[turn.start] {
            Scoring::No => false,
            Scoring::If(keys) => parts[turn.clone()].iter().any(|part| reaches(part, keys)),
            Scoring::Yes => true,
        };
        open[turn].fill(is_open);
    }
    open
}

fn check_answer(set: &Arc<PolicySet>, selection: &Arc<Selection>, band: Band, parts: &[Part]) {
    let scene = scene(Direction::Output, band);
    let judge = |hits: &Hits| policy::judge_answer(set, selection, scene, parts, hits);
    let (words, all) = seen(set, parts);
    let wanted = set
        .outlook(selection, scene)
        .scored_of_answer(parts, &words);
    let asked = scored(set, parts, &words, &opened(set, parts, &wanted));
    assert_eq!(judge(&asked), judge(&all), "{band:?} {wanted:?} {parts:?}");
}

#[test]
fn the_sentences_that_score_do_and_the_others_do_not() {
    let set = set();
    let hits = |text: &str| sentences(set, text, usize::MAX).len();
    assert!(
        hits(SAID[0]) == 2 && hits(SAID[1]) == 2,
        "certain and maybe"
    );
    assert_eq!(hits(SAID[6]), 0);
}

/// Which parts are asked about, for whom.
#[test]
fn what_cannot_matter_is_not_asked_for() {
    let set = set();
    let wanted = |app: usize, band, said: &[&str]| {
        let parts: Vec<_> = said.iter().map(|text| part(0, Role::User, text)).collect();
        check(set, &set.selections[app], band, &parts, &SAID).contains(&true)
    };
    let (minor, adult) = (Band::Age12, Band::Adult);
    // One rule needs nothing but the score, for minors.
    assert!(wanted(0, minor, &["soup"]) && !wanted(0, adult, &["soup"]));
    // Without it words decide whether any other could hold.
    assert!(!wanted(1, minor, &["soup"]) && !wanted(1, adult, &["a parsnip"]));
    assert!(wanted(1, minor, &["an onion"]) && wanted(1, adult, &["soup", "leek"]));
    // A doubt waits for a refusal.
    assert!(
        wanted(1, minor, &["a parsnip"])
            && !wanted(2, minor, &["soup"])
            && wanted(2, minor, &["a parsnip"])
    );
    assert!(!wanted(2, adult, &["a parsnip"]));
}

fn conversations() -> impl Strategy<Value = Vec<Part>> {
    let role = prop::sample::select(vec![Role::User, Role::User, Role::Assistant, Role::System]);
    let texts = prop::collection::vec(prop::sample::select(SAID.to_vec()), 1..4);
    let message = (role, prop::collection::vec(texts, 1..3));
    prop::collection::vec(message, 1..5).prop_map(|messages| {
        let turns = (0..).zip(messages);
        let parts = turns.flat_map(|(turn, (role, texts))| {
            let said = texts.into_iter().map(|words| words.join(" "));
            said.map(move |text| part(turn, role, &text))
                .collect::<Vec<_>>()
        });
        parts.collect()
    })
}

proptest! {
    #[test]
    fn verdicts_are_those_of_everything_scored(
        parts in conversations(),
        app in 0..3_usize,
        band in prop::sample::select(vec![Band::Unknown, Band::Age8, Band::Adult]),
        answer in prop::sample::select(SAID.to_vec()),
    ) {
        let set = set();
        let selection = &set.selections[app];
        check(set, selection, band, &parts, &[answer]);
        check_answer(set, selection, band, &parts);
    }

    #[test]
    fn words_and_sentences_are_what_a_scanner_of_everything_reports(
        said in prop::collection::vec(prop::sample::select(SAID.to_vec()), 0..6),
        hidden in prop::sample::select(vec!["", "\u{200b}", "\u{e0041}\u{e0042}", "ﬁ"]),
        size in 1..90_usize,
    ) {
        let set = set();
        let text = said.join(&format!("{hidden} "));
        let scored = sentences(set, &text, size);
        let all = set.detectors.scan(&text);
        let joined = detect::joined(&set.detectors.scan_words(&text), &scored);
        prop_assert_eq!(&*joined, &*all);
    }
}

/// The shipped pack, over its own cases: at level 1, without the rules that read a score alone, and at
/// level 2. Some cases are enough: scores are slow where nothing is optimised.
#[test]
fn the_shipped_pack_finds_the_same() {
    let apps = [
        app(1, &[]),
        app(1, &["QL7.3-090", "QL7.3-096"]),
        app(2, &[]),
    ];
    let set = compiled(&policy::shipped(), &apps);
    let prompts = set.cases.iter().filter(|case| {
        let Scene {
            direction, output, ..
        } = case.scene;
        direction == Direction::Prompt && output == Output::Text && case.image.is_none()
    });
    let (mut asked, mut all) = ([0; 3], 0);
    let spoken = |case: &&Case| case.turns.iter().any(|(role, _)| *role == Role::User);
    for case in prompts.filter(spoken).step_by(100) {
        let turns = (0..).zip(&case.turns);
        let parts: Vec<_> = turns
            .map(|(at, (role, text))| part(at, *role, text))
            .collect();
        all += 1;
        for (selection, asked) in set.selections.iter().zip(&mut asked) {
            let minor = check(&set, selection, Band::Unknown, &parts, &[]);
            *asked += u32::from(minor.contains(&true));
            let adult = check(&set, selection, Band::Adult, &parts, &[]);
            let level_1 = selection.app == "level 1";
            assert!(!level_1 || !adult.contains(&true), "{parts:?}");
        }
    }
    assert_eq!(asked[0], all, "QL7.3-090 reads a score and nothing else");
    assert!(asked[1] < all, "without it some need none");
}
