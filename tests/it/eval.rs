//! `eval` over a corpus and a pack of vegetables: what it counts, what it prints and what it never prints.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::cli::wardgate;

/// A pack of two rules: one for minors only, one that supports at level 2.
const PACK: &str = r#"
policy: garden
title: {en: Garden, zh: 菜园}
reference: house rules
signals:
  stew: {words: [aubergine, 茄子]}
  leaf: {words: [cabbage, 卷心菜]}
  recipe: {words: [recipe, 菜谱]}
replies:
  refusal.garden: {en: No stew today., zh: 今天不做这个。}
rules:
  - id: QL1.1-010
    title: Aubergines
    status: stable
    level: 1
    severity: 2
    when: stew and not near(recipe, 20)
    action: {minor: block, adult: flag}
    reply: refusal.garden
    false_positives: [a cookbook]
  - id: QL4.2-020
    title: Cabbages
    status: stable
    level: 2
    severity: 3
    applies: {direction: [prompt]}
    when: leaf
    action: support
    reply: refusal.garden
    false_positives: [a cookbook]
"#;

/// Ten rows, one a line; canaries stand for harm.
const ROWS: &str = r#"{"id":1,"set":"beds","lang":"en","text":"an aubergine please","harmful":true,"child_related":true,"category":"stew","kind":"prompt"}
{"id":2,"set":"beds","lang":"en","text":"some cabbage please","harmful":true,"child_related":null,"category":"leaf","kind":"prompt"}
{"id":3,"set":"beds","lang":"en","text":"a carrot please","harmful":true,"child_related":false,"category":"root","kind":"prompt"}
{"id":4,"set":"beds","lang":"zh","text":"来一个茄子","harmful":true,"child_related":null,"category":"stew","kind":"content"}
{"id":5,"set":"beds","lang":"zh","text":"来一个卷心菜","harmful":true,"child_related":null,"category":"leaf","kind":"content"}

{"id":6,"set":"kitchen","lang":"en","text":"an aubergine recipe","harmful":false,"child_related":null,"category":"benign","kind":"prompt"}
{"id":7,"set":"kitchen","lang":"en","text":"the aubergine emoji","harmful":false,"child_related":null,"category":"benign","kind":"prompt"}
{"id":8,"set":"kitchen","lang":"zh","text":"今天天气好","harmful":false,"child_related":null,"category":"benign","kind":"prompt"}
{"id":9,"set":"kitchen","lang":"zh","text":"卷心菜的菜谱","harmful":false,"child_related":null,"category":"benign","kind":"prompt"}
{"id":10,"set":"shed","lang":"en","text":"is an aubergine a fruit","harmful":null,"child_related":null,"category":"other","kind":"prompt"}
"#;

/// The folders of one measurement.
struct Plot(tempfile::TempDir);

impl Plot {
    fn new(rows: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (path, text) in [("pack/garden.yaml", PACK), ("rows/a.jsonl", rows)] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("it has one")).expect("writable");
            fs::write(path, text).expect("writable");
        }
        Self(folder)
    }

    fn eval(&self, more: &[&str]) -> Output {
        let mut command = wardgate();
        command
            .current_dir(self.0.path())
            .args(["eval", "rows", "--pack", "pack"]);
        command
            .args(more)
            .output()
            .expect("cargo built the program")
    }

    fn json(&self, more: &[&str]) -> Value {
        let output = self.eval(&[more, &["--format", "json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Counts of one group: n, stopped, supported, seen.
fn counts(group: &Value, label: &str) -> [u64; 4] {
    ["n", "stopped", "supported", "seen"].map(|key| group[label][key].as_u64().expect("a count"))
}

fn find<'v>(groups: &'v Value, wanted: &[(&str, &str)]) -> &'v Value {
    let groups = groups.as_array().expect("a list");
    let found = groups
        .iter()
        .find(|group| wanted.iter().all(|(key, value)| group[*key] == **value));
    found.unwrap_or_else(|| panic!("no {wanted:?}"))
}

#[test]
fn it_counts_by_level_audience_set_language_way_and_category() {
    let json = Plot::new(ROWS).json(&[]);
    assert_eq!(
        (&json["rows"], &json["files"], &json["bad_lines"]),
        (&10.into(), &1.into(), &Value::Array(Vec::new()))
    );
    let setups: Vec<_> = json["setups"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|setup| (setup["level"].as_u64(), setup["audience"].as_str()))
        .collect();
    let wanted = [(1, "minor"), (1, "general"), (2, "minor"), (2, "general")];
    assert_eq!(setups, wanted.map(|(level, who)| (Some(level), Some(who))));
    let [minor, general, strict, _] = [0, 1, 2, 3].map(|at| &json["setups"][at]);

    let beds = [("set", "beds"), ("lang", "en"), ("as", "prompt")];
    assert_eq!(counts(find(&minor["sets"], &beds), "harmful"), [3, 1, 0, 1]);
    assert_eq!(
        counts(find(&general["sets"], &beds), "harmful"),
        [3, 0, 0, 1],
        "flagged, not stopped"
    );
    assert_eq!(
        counts(find(&strict["sets"], &beds), "harmful"),
        [3, 2, 1, 2]
    );
    // Contents are judged on both ways, and the cabbage rule reads prompts only.
    for (way, wanted) in [("prompt", [2, 2, 1, 2]), ("answer", [2, 1, 0, 1])] {
        let beds = [("set", "beds"), ("lang", "zh"), ("as", way)];
        assert_eq!(
            counts(find(&strict["sets"], &beds), "harmful"),
            wanted,
            "{way}"
        );
    }
    let kitchen = [("set", "kitchen"), ("lang", "zh")];
    assert_eq!(
        counts(find(&strict["sets"], &kitchen), "benign"),
        [2, 1, 1, 1]
    );
    assert_eq!(
        counts(find(&minor["sets"], &[("set", "shed")]), "unlabelled"),
        [1, 1, 0, 1]
    );
    assert_eq!(
        counts(
            find(
                &minor["categories"],
                &[("category", "benign"), ("lang", "en")]
            ),
            "benign"
        ),
        [2, 1, 0, 1]
    );
    assert_eq!(
        counts(find(&minor["child_related"], &[("set", "beds")]), "harmful"),
        [1, 1, 0, 1]
    );

    let rate = &find(&minor["sets"], &beds)["harmful"]["stopped_rate"];
    let [low, high] = [0, 1].map(|at| rate["interval"][at].as_f64().expect("an end"));
    assert!(
        low > 0.05 && low < 0.07 && high > 0.78 && high < 0.8,
        "{rate}"
    );
    let row = find(&strict["notice"], &[("row", "QL4.2")]);
    assert_eq!(
        (&row["harmful"]["stopped"], &row["benign"]["supported"]),
        (&2.into(), &1.into())
    );
    assert_eq!(
        find(&minor["rules"], &[("rule", "QL1.1-010")])["benign"]["stopped"],
        1
    );
}

#[test]
fn levels_audiences_and_threads_are_the_callers_choice_and_threads_change_nothing() {
    let many: String = (0..400)
        .map(|at| ROWS.replace("\"id\":", &format!("\"n\":{at},\"id\":")))
        .collect();
    let plot = Plot::new(&many);
    let one = plot.json(&["--jobs", "1", "--level", "2", "--audience", "12-13"]);
    assert_eq!(one["setups"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&one["setups"][0]["level"], &one["setups"][0]["audience"]),
        (&2.into(), &"12-13".into())
    );
    assert_eq!(one["rows"], 4000);
    assert_eq!(
        one,
        plot.json(&["--jobs", "7", "--level", "2", "--audience", "12-13"])
    );
}

#[test]
fn a_bad_line_is_named_by_file_and_line_and_the_rest_is_measured() {
    let mut rows = ROWS.to_owned();
    rows.push_str(
        "{\"set\":\"beds\",\"lang\":\"en\",\"text\":\"courgette\",\"kind\":\"poem\"}\ncourgette\n",
    );
    let plot = Plot::new(&rows);
    let output = plot.eval(&["--level", "1"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    let file = Path::new("rows").join("a.jsonl");
    for line in [12, 13] {
        assert!(
            said.contains(&format!("error: {}:{line}: column ", file.display())),
            "{said}"
        );
    }
    assert!(
        !said.contains("courgette") && !said.contains("poem"),
        "{said}"
    );
    assert!(text(&output.stdout).starts_with("10 rows, 1 files, 2 bad lines\n"));
}

#[test]
fn what_cannot_be_read_is_said_with_the_command_to_try() {
    let plot = Plot::new(ROWS);
    for (path, wanted) in [
        ("no/such/place", "no/such/place"),
        ("pack", "holds no .jsonl file"),
    ] {
        let mut command = wardgate();
        command.current_dir(plot.0.path());
        let output = command
            .args(["eval", path])
            .output()
            .expect("cargo built the program");
        assert_eq!(output.status.code(), Some(2), "{path}");
        assert!(
            text(&output.stderr).contains(wanted),
            "{}",
            text(&output.stderr)
        );
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn no_text_is_printed_and_the_readme_shows_what_is() {
    let plot = Plot::new(ROWS);
    let output = plot.eval(&["--level", "1", "--audience", "minor"]);
    let table = text(&output.stdout);
    let json = plot.json(&[]).to_string();
    for word in ["aubergine", "cabbage", "carrot", "茄子", "卷心菜", "please"] {
        assert!(!table.contains(word), "{table}");
        assert!(!json.contains(word));
    }
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    let readme = readme.expect("there is a README").replace("\r\n", "\n");
    let (groups, notice) = table
        .split_once("\nby row of the notice")
        .expect("rows were seen");
    let (groups, _) = groups
        .split_once("\nby category")
        .expect("there are categories");
    for part in [groups, notice] {
        assert!(
            readme.contains(part),
            "the README's table should be:\n{table}"
        );
    }
}

#[test]
fn benign_texts_are_read_from_text_files_and_flagged_spans_are_counted_by_policy_and_view() {
    let plot = Plot::new(ROWS);
    let honest = "# honest\n\nthe aubergine is ripe, an a.u.b.e.r.g.i.n.e too\n今天天气好\n";
    fs::write(plot.0.path().join("rows/soil.en.txt"), honest).expect("writable");
    fs::write(plot.0.path().join("rows/notes.txt"), "aubergine").expect("writable");
    let json = plot.json(&["--level", "1", "--audience", "minor"]);
    assert_eq!((&json["rows"], &json["files"]), (&12.into(), &2.into()));
    let setup = &json["setups"][0];
    let soil = [("set", "soil"), ("lang", "en"), ("as", "answer")];
    assert_eq!(counts(find(&setup["sets"], &soil), "benign"), [2, 1, 0, 1]);
    // Four benign rows are read once, the two lines of the text file on both ways.
    let rows = [
        "an aubergine recipe",
        "the aubergine emoji",
        "今天天气好",
        "卷心菜的菜谱",
    ];
    let lines = [
        "the aubergine is ripe, an a.u.b.e.r.g.i.n.e too",
        "今天天气好",
    ];
    let length = |texts: &[&str]| texts.iter().map(|text| text.chars().count()).sum::<usize>();
    let density = &setup["benign_density"];
    let wanted = length(&rows) + 2 * length(&lines);
    assert_eq!(density["characters"], wanted);
    let garden = find(&density["policies"], &[("policy", "garden")]);
    assert_eq!(garden["spans"], 5);
    assert_eq!(garden["views"]["surface"], 3);
    assert_eq!(garden["views"]["squeezed"], 2);
    let per = garden["per_100k"].as_f64().expect("a number");
    assert!((per - 5.0 * 100_000.0 / wanted as f64).abs() < 1e-6);
    let shown = text(&plot.eval(&["--level", "1", "--audience", "minor"]).stdout);
    assert!(shown.contains("surface 3, squeezed 2"), "{shown}");
}
