//! What the shipped pack has to hold: cases, honest texts, conversations and replies for every row, in
//! both languages, and a list of rules that is true (`UPDATE=1 cargo test --test it coverage::` writes it).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use wardgate::config::HelplineBook;
use wardgate::message::{Band, Direction, Language};
use wardgate::policy::cases::Case;
use wardgate::policy::{Action, PolicySet, RuleIx, compile, shipped};
use wardgate::text::ViewKind;

/// Cases that hit, and near misses, per row and language.
const CASES_OF_A_ROW: usize = 12;
/// Of those that hit, how many are disguised: found in a view other than the text as it came.
const DISGUISED_OF_A_ROW: usize = 3;
/// Cases that hit, and near misses, each way: a prompt, and what an assistant says.
const CASES_OF_A_WAY: usize = 2;
/// Honest texts per area and language.
const HONEST_OF_AN_AREA: usize = 40;
/// Scripted conversations per language: so many that add up, and so many innocent ones.
const CONVERSATIONS: usize = 10;
/// Bytes of a reply to a child under 8, in either language: three short sentences read aloud.
const YOUNG_BYTES: usize = 190;
/// Bytes of any other reply: what a reader in distress still reads to its end.
const REPLY_BYTES: usize = 720;

const LANGUAGES: [(Language, &str); 2] = [(Language::En, "en"), (Language::Zh, "zh")];

fn pack() -> PolicySet {
    compile(&shipped(), &[]).unwrap_or_else(|all| panic!("{all}"))
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn rows(set: &PolicySet) -> Vec<String> {
    let mut rows: Vec<_> = set
        .rules
        .iter()
        .map(|rule| rule.id.row().to_owned())
        .collect();
    rows.sort();
    rows.dedup();
    rows
}

/// Whether a case is found in a view other than the text as it came.
fn disguised(set: &PolicySet, case: &Case) -> bool {
    let explained = set.explain(&set.rule(case.rule).id.0).expect("its rule");
    let reads = |hit: &wardgate::detect::Hit| {
        let signals = set.detectors.signals(hit.signals).iter();
        let mut infos = signals.filter_map(|signal| set.signal(*signal));
        infos.any(|info| explained.signals.contains(&info))
    };
    let texts = case.turns.iter().map(|(_, text)| text);
    texts
        .flat_map(|text| set.detectors.scan_words(text))
        .any(|hit| hit.view != ViewKind::Surface && reads(&hit))
}

#[test]
fn every_row_has_its_cases_in_both_languages() {
    let set = pack();
    let rows = rows(&set);
    assert_eq!(rows.len(), 26, "24 rows of the notice, X.SH and X.PI");
    let mut lacking = String::new();
    for row in &rows {
        for (language, name) in LANGUAGES {
            let own =
                |case: &&Case| set.rule(case.rule).id.row() == row && case.language() == language;
            let all: Vec<_> = set.cases.iter().filter(own).collect();
            let hits: Vec<_> = all
                .iter()
                .filter(|case| case.expect.action().is_some())
                .collect();
            let masked = hits.iter().filter(|case| disguised(&set, case)).count();
            let misses = all.len() - hits.len();
            if hits.len() < CASES_OF_A_ROW || misses < CASES_OF_A_ROW || masked < DISGUISED_OF_A_ROW
            {
                let hits = hits.len();
                let _ = writeln!(
                    lacking,
                    "{row} {name}: {hits} that hit, {misses} near misses, {masked} disguised"
                );
            }
        }
    }
    assert!(lacking.is_empty(), "{lacking}");
}

#[test]
fn every_row_has_cases_of_prompts_and_of_answers() {
    let set = pack();
    let mut counts: BTreeMap<(&str, &str, bool, bool), usize> = BTreeMap::new();
    for case in &set.cases {
        let language = LANGUAGES.iter().find(|one| one.0 == case.language());
        let name = language.map_or("another language", |one| one.1);
        let answer = case.scene.direction == Direction::Output;
        let row = set.rule(case.rule).id.row();
        let kind = (row, name, answer, case.expect.action().is_some());
        *counts.entry(kind).or_default() += 1;
    }
    for row in rows(&set) {
        for (_, language) in LANGUAGES {
            for (answer, hit) in [(false, false), (false, true), (true, false), (true, true)] {
                let kind = (row.as_str(), language, answer, hit);
                let count = counts.get(&kind).copied().unwrap_or(0);
                assert!(
                    count >= CASES_OF_A_WAY,
                    "{kind:?}: {count} (row, language, whether answers, whether hits)"
                );
            }
        }
    }
}

#[test]
fn every_rule_can_explain_itself_to_an_analyst() {
    let set = pack();
    for rule in &set.rules {
        let all = set.explain(&rule.id.0).expect("a rule of the set");
        let id = &rule.id;
        assert!(!rule.title.is_empty(), "{id} says what it finds");
        for (language, name) in LANGUAGES {
            assert!(!rule.area.text(language).is_empty(), "{id} {name}: why");
        }
        assert!(!rule.reference.is_empty(), "{id} says what it rests on");
        assert!(!rule.false_positives.is_empty(), "{id}: what it gets wrong");
        assert!(
            !all.signals.is_empty() || rule.wall(),
            "{id}: what it reads"
        );
        let hits = all
            .cases
            .iter()
            .filter(|case| case.expect.action().is_some());
        let hits = hits.count();
        assert!(
            hits > 0 && hits < all.cases.len(),
            "{id}: hits and near misses"
        );
    }
}

#[test]
fn every_area_has_its_honest_texts_in_both_languages() {
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for file in std::fs::read_dir(root("policies/benign")).expect("the honest texts are there") {
        let path = file.expect("readable").path();
        let name = path
            .file_name()
            .expect("a file")
            .to_string_lossy()
            .into_owned();
        let mut parts = name.split('.').rev().skip(1);
        let language = parts.next().expect("a language").to_owned();
        let area = match name.split('.').next().expect("a name") {
            "x" => name.split('.').take(2).collect::<Vec<_>>().join("."),
            area => area.to_owned(),
        };
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
        *counts.entry((area, language)).or_default() += lines;
    }
    for area in [
        "ql1", "ql2", "ql3", "ql4", "ql5", "ql6", "ql7", "x.pi", "x.sh",
    ] {
        for (_, language) in LANGUAGES {
            let count = counts.get(&(area.to_owned(), language.to_owned()));
            let count = count.copied().unwrap_or(0);
            assert!(count >= HONEST_OF_AN_AREA, "{area} {language}: {count}");
        }
    }
}

#[test]
fn conversations_of_both_kinds_are_scripted_in_both_languages() {
    let set = pack();
    for (language, name) in LANGUAGES {
        let own = set.scripts.iter().filter(|one| {
            let said: String = one.turns.iter().map(|(_, text)| text.as_str()).collect();
            wardgate::detect::language(&said) == language
        });
        let (innocent, adding): (Vec<_>, Vec<_>) = own.partition(|one| one.at == [None, None]);
        assert!(
            innocent.len() >= CONVERSATIONS,
            "{name}: {}",
            innocent.len()
        );
        assert!(adding.len() >= CONVERSATIONS, "{name}: {}", adding.len());
    }
}

#[test]
fn every_age_gets_a_reply_that_it_can_read_to_the_end() {
    let (set, helplines) = (pack(), HelplineBook::shipped());
    let number =
        |text: &str| (text.as_bytes().windows(3)).any(|three| three.iter().all(u8::is_ascii_digit));
    for (ix, rule) in (0..).map(RuleIx).zip(&set.rules) {
        for (band, _) in Band::NAMES {
            let action = rule.actions.of(band);
            if !action.ends() && action != Action::Nudge {
                continue;
            }
            for (language, name) in LANGUAGES {
                let open = set.reply_for(ix, language, band);
                assert!(
                    !number(open),
                    "{}: numbers stand in support packs: {open}",
                    rule.id
                );
                let said = helplines.of(language).fill(open);
                let young = matches!(band, Band::Age0 | Band::Age3) && action.ends();
                let most = if young { YOUNG_BYTES } else { REPLY_BYTES };
                let (id, bytes, age) = (&rule.id, said.len(), band.name());
                assert!(
                    (1..=most).contains(&bytes),
                    "{id} {name} for {age}: {bytes} bytes, at most {most}"
                );
            }
        }
    }
}

/// The rules as a table, area by area.
fn table(set: &PolicySet) -> String {
    let mut out = String::from(
        "# Rules\n\n\
         Written by `UPDATE=1 cargo test --test it coverage::`. `wardgate explain QL3.1` tells the rest: why, when, \
         what is said, what a rule may get wrong, its cases. Actions are for minors / for adults; one word where both \
         are the same. The wall is what no app turns off.\n",
    );
    let mut rules: Vec<_> = set.rules.iter().collect();
    rules.sort_by(|a, b| a.id.cmp(&b.id));
    for rows in rules.chunk_by(|a, b| a.id.row() == b.id.row()) {
        let _ = write!(
            out,
            "\n## {}\n| rule | what it finds | level | severity | action | file |\n|---|---|---|---|---|---|\n",
            rows[0].id.row()
        );
        for rule in rows {
            let (minor, adult) = (
                rule.actions.of(Band::Unknown).name(),
                rule.actions.of(Band::Adult).name(),
            );
            let action = match minor == adult {
                true => minor.to_owned(),
                false => format!("{minor} / {adult}"),
            };
            let wall = if rule.wall() { ", wall" } else { "" };
            let (level, severity) = (rule.level.0, rule.severity.0);
            let _ = writeln!(
                out,
                "| {} | {} | {level} | {severity}{wall} | {action} | {} |",
                rule.id, rule.title, rule.place.0
            );
        }
    }
    out
}

#[test]
fn the_list_of_rules_is_true_and_the_readme_names_every_row_once() {
    let set = pack();
    let path = root("policies/RULES.md");
    let (table, written) = (
        table(&set),
        std::fs::read_to_string(&path).unwrap_or_default(),
    );
    if std::env::var_os("UPDATE").is_some() && table != written {
        std::fs::write(&path, &table).expect("writable");
    } else {
        assert!(
            table == written,
            "UPDATE=1 cargo test --test it coverage:: writes policies/RULES.md"
        );
    }
    let readme = std::fs::read_to_string(root("policies/README.md")).expect("it is there");
    for row in rows(&set) {
        let lines = readme.lines();
        let named = lines.filter(|line| line.starts_with(&format!("| {row} |")));
        assert_eq!(named.count(), 1, "{row} has one line in policies/README.md");
    }
}
