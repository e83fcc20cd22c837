//! The shipped pack as a whole, and what apps may and may not make of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use wardgate::message::{Audience, AudienceSource, Band, Direction, Language, Output, Role};
use wardgate::policy::{
    self, Action, AppPolicies, Horizon, Override, PolicySet, RuleIx, Scene, Source, Status, cases,
};

/// Lays a small pack: one rule of the wall, one ordinary, one strict, one experimental, one retired.
const PACK: &str = "\
policy: garden
title: {en: Garden, zh: 菜园}
reference: test
signals:
  leek: {words: [leek, 韭菜]}
  onion: {words: [onion]}
  mint: {words: [mint]}
rules:
  - {id: QL7.1-010, title: a, status: stable, level: 3, severity: 1, when: leek, action: block, reply: refusal.leek, false_positives: [soup]}
  - {id: QL3.1-010, title: b, status: stable, level: 1, severity: 2, when: onion, action: {minor: block, adult: flag}, reply: refusal.leek, false_positives: [soup]}
  - {id: QL4.2-010, title: c, status: stable, level: 3, severity: 2, when: mint, action: redact, false_positives: [tea]}
  - {id: QL4.2-020, title: d, status: experimental, level: 1, severity: 2, when: mint and onion, action: redact, replace: {en: \"[herb]\", zh: \"[香草]\"}, false_positives: [tea]}
  - {id: QL4.2-030, title: e, status: retired, level: 1, severity: 2, when: mint, action: redact, false_positives: [tea]}
replies:
  refusal.leek: {en: No leeks., zh: 没有韭菜。}
";

fn source(path: &str, text: &str, shipped: bool) -> Source {
    Source {
        path: path.into(),
        text: text.into(),
        shipped,
    }
}

fn app(level: u8) -> AppPolicies {
    AppPolicies {
        app: "kitchen".into(),
        level,
        ..AppPolicies::default()
    }
}

fn set(app: AppPolicies) -> Arc<PolicySet> {
    let sources = [source("garden.yaml", PACK, true)];
    Arc::new(policy::compile(&sources, &[app]).unwrap_or_else(|all| panic!("{all}")))
}

fn scene(band: Band) -> Scene {
    let audience = Audience {
        band,
        source: AudienceSource::App,
    };
    Scene {
        direction: Direction::Prompt,
        output: Output::Text,
        audience,
    }
}

/// Ids and actions of what an app finds.
fn found(set: &Arc<PolicySet>, band: Band, text: &str) -> Vec<(String, Action)> {
    let selection = &set.selections[0];
    let verdict = policy::judge_text(
        set,
        selection,
        scene(band),
        Role::User,
        Horizon::Whole,
        text,
    );
    verdict
        .detections
        .iter()
        .map(|one| (set.rule(one.rule).id.0.clone(), one.action))
        .collect()
}

fn check(app: AppPolicies, band: Band, text: &str, expect: &[(&str, Action)]) {
    let found = found(&set(app), band, text);
    let found: Vec<_> = found
        .iter()
        .map(|(id, action)| (id.as_str(), *action))
        .collect();
    assert_eq!(found, expect, "{text}");
}

#[test]
fn the_shipped_pack_compiles_and_keeps_its_laws() {
    let set = policy::compile(&policy::shipped(), &[]).unwrap_or_else(|all| panic!("{all}"));
    let report = cases::run(&Arc::new(set));
    assert!(report.ok(), "{}", report.text());
}

#[test]
fn level_audience_and_status_select() {
    check(
        app(1),
        Band::Unknown,
        "onion mint",
        &[("QL3.1-010", Action::Block), ("QL4.2-020", Action::Flag)],
    );
    check(app(1), Band::Adult, "onion", &[("QL3.1-010", Action::Flag)]);
    check(app(1), Band::Age3, "mint", &[]);
    check(app(3), Band::Age3, "mint", &[("QL4.2-010", Action::Redact)]);
    let only = AppPolicies {
        policies: vec!["QL4".into()],
        ..app(3)
    };
    check(
        only,
        Band::Age3,
        "onion, mint",
        &[("QL4.2-010", Action::Redact), ("QL4.2-020", Action::Flag)],
    );
}

#[test]
fn overrides_change_turn_off_and_turn_on() {
    let change = |id: &str, action: Option<Action>, status: Option<Status>| AppPolicies {
        overrides: BTreeMap::from([(id.to_owned(), Override { action, status })]),
        ..app(1)
    };
    check(
        change("QL3.1-010", Some(Action::Nudge), None),
        Band::Adult,
        "onion",
        &[("QL3.1-010", Action::Nudge)],
    );
    check(
        change("QL3.1-010", Some(Action::Allow), None),
        Band::Unknown,
        "onion",
        &[],
    );
    check(
        change("QL3.1-010", None, Some(Status::Experimental)),
        Band::Unknown,
        "onion",
        &[("QL3.1-010", Action::Flag)],
    );
    check(
        change("QL4.2-010", Some(Action::Flag), None),
        Band::Unknown,
        "mint",
        &[("QL4.2-010", Action::Flag)],
    );
    check(
        change("QL4.2-020", None, Some(Status::Stable)),
        Band::Unknown,
        "mint and onion",
        &[("QL3.1-010", Action::Block), ("QL4.2-020", Action::Redact)],
    );
}

#[test]
fn nothing_turns_the_wall_off() {
    let wall = [("QL7.1-010", Action::Block)];
    let elsewhere = AppPolicies {
        policies: vec!["QL4.2".into()],
        ..app(1)
    };
    check(elsewhere, Band::Adult, "a leek", &wall);
    let allowed = AppPolicies {
        allow: vec!["a leek and an onion".into()],
        ..app(3)
    };
    check(allowed, Band::Adult, "write: a leek and an onion", &wall);
    for (action, status) in [
        (Some(Action::Allow), None),
        (Some(Action::Support), None),
        (None, Some(Status::Retired)),
    ] {
        let change = Override { action, status };
        let lowered = AppPolicies {
            overrides: BTreeMap::from([("QL7.1-010".into(), change)]),
            ..app(3)
        };
        let sources = [source("garden.yaml", PACK, true)];
        let said = policy::compile(&sources, &[lowered])
            .expect_err("the wall")
            .to_string();
        assert!(said.contains("P026"), "{said}");
    }
}

#[test]
fn an_operators_file_cannot_claim_the_wall() {
    let sources = [source("garden.yaml", PACK, false)];
    let change = Override {
        action: Some(Action::Allow),
        status: None,
    };
    let lowered = AppPolicies {
        overrides: BTreeMap::from([("QL7.1-010".into(), change)]),
        ..app(3)
    };
    let set = policy::compile(&sources, &[lowered]).unwrap_or_else(|all| panic!("{all}"));
    assert!(!set.rule(set.find("QL7.1-010").expect("there")).wall());
}

#[test]
fn every_wall_rule_of_the_pack_acts_in_the_meekest_app() {
    let meek = AppPolicies {
        policies: vec!["QL1.1".into()],
        ..app(1)
    };
    let set = policy::compile(&policy::shipped(), &[meek]).unwrap_or_else(|all| panic!("{all}"));
    let rules = (0..).map(RuleIx).zip(&set.rules);
    let wall: Vec<_> = rules.filter(|(_, rule)| rule.wall()).collect();
    assert!(wall.len() > 5, "the wall has rules");
    for (ix, rule) in wall {
        assert_eq!(
            set.selections[0].uses(ix),
            set.everything.uses(ix),
            "{}",
            rule.id
        );
    }
}

#[test]
fn texts_come_in_the_readers_language() {
    let set = set(app(1));
    let wall = set.find("QL7.1-010").expect("there");
    assert_eq!(set.reply(wall, Language::En), "No leeks.");
    assert_eq!(set.reply(wall, Language::Zh), "没有韭菜。");
    assert_eq!(set.area(wall, Language::Zh), "菜园");
    assert_eq!(set.guidance(wall, Language::En), None);
    assert_eq!(set.replacement(wall, Language::Zh), "[已移除]");
    let herb = set.find("QL4.2-020").expect("there");
    assert_eq!(set.replacement(herb, Language::En), "[herb]");
    assert_eq!(set.reply(herb, Language::En), "");
}

#[test]
fn a_rule_explains_itself() {
    let cases = "cases:\n  - {rule: QL3.1-010, name: plain, text: an onion, expect: block}\n";
    let sources = [
        source("garden.yaml", PACK, true),
        source("garden.cases.yaml", cases, true),
    ];
    let set = policy::compile(&sources, &[]).unwrap_or_else(|all| panic!("{all}"));
    let said = set.explain("QL3.1-010").expect("there");
    assert_eq!(said.rule.place, ("garden.yaml".to_owned(), 10));
    assert_eq!(said.cases[0].place, ("garden.cases.yaml".to_owned(), 2));
    assert_eq!(said.signals[0].name, "onion");
    assert!(set.explain("QL4.2-030").is_none(), "a retired rule is gone");
}

#[test]
fn a_wrong_case_fails_and_says_why() {
    let cases = "cases:
  - {rule: QL3.1-010, text: an onion, expect: flag}
  - {rule: QL3.1-010, text: an onion, expect: miss}
  - {rule: QL3.1-010, text: mint, expect: pass}
  - {rule: QL3.1-010, text: a leek, expect: pass}
  - {rule: QL3.1-010, text: a leek, expect: miss, false_positive: soup}
  - {rule: QL4.2-020, messages: [{role: user, text: mint onion}, {role: assistant, text: tea}], expect: flag}
";
    let sources = [
        source("garden.yaml", PACK, true),
        source("garden.cases.yaml", cases, true),
    ];
    let set = policy::compile(&sources, &[]).unwrap_or_else(|all| panic!("{all}"));
    let report = cases::run(&Arc::new(set));
    let passed: Vec<_> = report
        .results
        .iter()
        .map(|row| row.outcome == policy::report::Outcome::Pass)
        .collect();
    assert_eq!(passed, [false, false, false, false, true, true]);
    let text = report.text();
    assert!(
        text.starts_with("garden.cases.yaml:2: FAIL QL3.1-010 line 2: expected flag, found block"),
        "{text}"
    );
    assert!(
        text.contains("garden.yaml:9: FAIL QL7.1-010: no case that hits in English"),
        "{text}"
    );
    assert!(
        text.contains("garden.yaml:11: FAIL QL4.2-010: no case with `false_positive: tea`"),
        "{text}"
    );
    assert!(
        !text.contains("QL4.2-020: no near miss"),
        "experimental rules may still lack cases: {text}"
    );
}

#[test]
fn the_hash_follows_what_can_change_a_verdict() {
    let hash = |sources: &[Source], apps: &[AppPolicies]| {
        policy::compile(sources, apps)
            .unwrap_or_else(|all| panic!("{all}"))
            .hash
    };
    let garden = source("garden.yaml", PACK, true);
    let list = source("lists/a.txt", "a\n", true);
    let cases = source("garden.cases.yaml", "cases: []\n", true);
    let both = hash(&[garden.clone(), list.clone()], &[app(1)]);
    assert_eq!(
        both,
        hash(&[list.clone(), garden.clone()], &[app(1)]),
        "order of files"
    );
    assert_eq!(
        both,
        hash(&[garden.clone(), list.clone(), cases], &[app(1)]),
        "cases"
    );
    assert_ne!(
        both,
        hash(&[garden.clone(), list.clone()], &[app(2)]),
        "level"
    );
    assert_ne!(
        both,
        hash(
            &[garden.clone(), source("lists/a.txt", "b\n", true)],
            &[app(1)]
        ),
        "list"
    );
    assert_ne!(
        both,
        hash(&[source("garden.yaml", PACK, false), list], &[app(1)]),
        "shipped"
    );
}

/// What hides (whatever it says) and what vouches for a doubtful reading, as a policy file says it.
const DISGUISES: &str = "\
policy: garden
title: {en: Garden, zh: 菜园}
reference: test
signals:
  radish: {words: [萝卜, radish], vouched_by: [stall]}
  stall: {words: [摊位, stall]}
  goods: {words: [basket, 篮子]}
  hiding: {cloaking: [invisible, mixed_script, variant, split, decoded, hidden, turned]}
  crossing: {cloaking: [crossing]}
rules:
  - {id: QL1.1-010, title: a, status: stable, level: 1, severity: 2, when: radish, action: block, reply: refusal.radish, false_positives: [soup]}
  - {id: QL1.1-020, title: b, status: stable, level: 1, severity: 2, when: 'goods and near(hiding, 30)', action: flag, false_positives: [soup]}
  - {id: QL1.1-030, title: c, status: stable, level: 1, severity: 2, when: crossing, action: flag, false_positives: [soup]}
replies:
  refusal.radish: {en: No radishes., zh: 没有萝卜。}
";

fn disguises() -> Arc<PolicySet> {
    let sources = [source("garden.yaml", DISGUISES, true)];
    Arc::new(policy::compile(&sources, &[app(1)]).unwrap_or_else(|all| panic!("{all}")))
}

#[test]
fn a_named_sign_vouches_for_two_han_that_only_sound_alike() {
    let set = disguises();
    let blocked = [("QL1.1-010".to_owned(), Action::Block)];
    let said = |text| found(&set, Band::Unknown, text);
    assert_eq!(said("今天的罗卜很好吃"), [], "by its sound alone");
    assert_eq!(said("今天的罗卜很好吃，摊位在左边"), blocked);
    assert_eq!(said("今天的罗卜很好吃，学校在左边"), []);
    assert_eq!(
        said("罗卜很好吃，我爱罗卜，妈妈买了罗卜"),
        [],
        "said thrice"
    );
    let twice = [blocked.clone(), blocked.clone()].concat();
    assert_eq!(said("罗卜很好吃，我爱箩卜"), twice, "written in two ways");
    let far = format!("今天的罗卜很好吃{}摊位在左边", "，左边是学校".repeat(8));
    assert_eq!(said(&far), [], "too far away");
}

#[test]
fn hiding_is_a_signal_whatever_is_hidden() {
    let set = disguises();
    let flagged = [("QL1.1-020".to_owned(), Action::Flag)];
    for text in [
        "the basket of pe\u{200B}ars",
        "the basket of pеars",
        "a basket: p.e.a.r.s",
        "篮子，梨/子/汤 吗",
        "a basket of cGVhcnMgYW5kIHBsdW1zMQ==",
        "a basket of &#112;&#101;&#97;&#114;",
    ] {
        assert_eq!(found(&set, Band::Unknown, text), flagged, "{text:?}");
    }
    for text in [
        "the basket of pears",
        "p.e.a.r.s without one",
        "a basket in the U.S.A.",
    ] {
        assert_eq!(found(&set, Band::Unknown, text), [], "{text:?}");
    }
}
