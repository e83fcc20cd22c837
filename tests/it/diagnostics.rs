//! Golden pairs: `tests/data/diagnostics/Pnnn-name.in.yaml` and what is said about it.
//!
//! An input may hold several files, each after a line `#== path`; a file of an operator begins with
//! `#== own path`, and `#== app name` holds what an app's config says. `UPDATE=1` rewrites outputs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use wardgate::policy::{Action, AppPolicies, Code, Override, Paint, Source, Status, compile};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct App {
    policies: Vec<String>,
    level: Option<u8>,
    overrides: BTreeMap<String, Change>,
    allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Change {
    action: Option<Action>,
    status: Option<Status>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/diagnostics")
}

/// Files and apps of an input.
fn split(text: &str) -> (Vec<Source>, Vec<AppPolicies>) {
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in text.split_inclusive('\n') {
        if let Some(head) = line.strip_prefix("#== ") {
            sections.push((head.trim().to_owned(), String::new()));
            continue;
        }
        if sections.is_empty() {
            sections.push(("policy.yaml".to_owned(), String::new()));
        }
        let last = sections.last_mut().expect("one was pushed");
        last.1.push_str(line);
    }
    let (mut sources, mut apps) = (Vec::new(), Vec::new());
    for (head, text) in sections {
        match head.split_once(' ') {
            Some(("app", name)) => apps.push(app(name, &text)),
            Some(("own", path)) => sources.push(Source {
                path: path.to_owned(),
                text,
                shipped: false,
            }),
            _ => sources.push(Source {
                path: head,
                text,
                shipped: true,
            }),
        }
    }
    (sources, apps)
}

fn app(name: &str, text: &str) -> AppPolicies {
    let said: App = serde_saphyr::from_str(text).expect("an app");
    let change = |change: Change| Override {
        action: change.action,
        status: change.status,
    };
    AppPolicies {
        app: name.to_owned(),
        policies: said.policies,
        level: said.level.unwrap_or(2),
        overrides: said
            .overrides
            .into_iter()
            .map(|(id, one)| (id, change(one)))
            .collect(),
        allow: said.allow,
    }
}

fn said(input: &str) -> String {
    let (sources, apps) = split(input);
    match compile(&sources, &apps) {
        Ok(set) => set.warnings.render(Paint::Plain),
        Err(problems) => problems.render(Paint::Plain),
    }
}

fn inputs() -> Vec<(String, String)> {
    let entries = fs::read_dir(folder()).expect("the folder of golden pairs");
    let mut inputs: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path
                .file_name()?
                .to_str()?
                .strip_suffix(".in.yaml")?
                .to_owned();
            Some((name, fs::read_to_string(&path).expect("readable")))
        })
        .collect();
    inputs.sort();
    inputs
}

#[test]
fn every_problem_is_said_as_it_was_reviewed() {
    let mut wrong = Vec::new();
    for (name, input) in inputs() {
        let said = said(&input);
        let code = name.split_once('-').expect("Pnnn-name").0;
        assert!(said.contains(&format!("[{code}]")), "{name} says:\n{said}");
        let path = folder().join(format!("{name}.out.txt"));
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, &said).expect("writable");
        } else if fs::read_to_string(&path).unwrap_or_default() != said {
            wrong.push(format!("{name} now says:\n{said}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\nUPDATE=1 accepts these",
        wrong.join("\n")
    );
}

#[test]
fn every_code_has_a_pair() {
    let names: BTreeSet<String> = inputs()
        .iter()
        .map(|(name, _)| name.split('-').next().expect("Pnnn").to_owned())
        .collect();
    // Codes of examples and of marks are tried where those are compiled.
    let last = Code::HashList as u16;
    let later = [
        Code::OpinionOfAnswer,
        Code::Opinion,
        Code::AgeClears,
        Code::ApparentAge,
        Code::Instead,
        Code::Cue,
    ];
    let later = later.map(|code| code as u16);
    let all = (1..=last).chain(later).map(|code| format!("P{code:03}"));
    let all: BTreeSet<String> = all.collect();
    assert_eq!(names, all);
}

#[test]
fn problems_are_sorted_and_do_not_depend_on_the_order_of_files() {
    for (name, input) in inputs() {
        let (mut sources, apps) = split(&input);
        sources.reverse();
        let again = match compile(&sources, &apps) {
            Ok(set) => set.warnings.render(Paint::Plain),
            Err(problems) => problems.render(Paint::Plain),
        };
        assert_eq!(again, said(&input), "{name}");
    }
}

#[test]
fn a_file_that_is_too_large_is_not_even_parsed() {
    let text = "# ".repeat(3 * 1024 * 1024);
    let source = Source {
        path: "big.yaml".into(),
        text,
        shipped: false,
    };
    let said = compile(&[source], &[]).expect_err("too large").to_string();
    assert!(
        said.starts_with("error[P002]") && said.contains("split the file"),
        "{said}"
    );
}

mod any_text {
    use proptest::prelude::*;

    use super::*;

    /// What an edit puts in: the marks of YAML and of conditions, and characters that break words.
    const PIECES: [&str; 24] = [
        ":",
        ": ",
        "-",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "'",
        "#",
        "&a ",
        "*a",
        "!!",
        "|",
        ">-\n",
        "\n",
        "\n  ",
        "\t",
        "(",
        ")",
        " or ",
        "not ",
        "韭\u{200b}菜",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        /// A damaged file is refused or compiled; nothing panics, and every place lies in its file.
        #[test]
        fn never_panics_and_always_has_a_place(
            which in any::<prop::sample::Index>(),
            edits in prop::collection::vec((any::<prop::sample::Index>(), 0..PIECES.len(), 0..12_usize), 1..6),
        ) {
            thread_local!(static INPUTS: Vec<(String, String)> = inputs());
            let mut text = INPUTS.with(|inputs| inputs[which.index(inputs.len())].1.clone());
            for (at, piece, gone) in edits {
                let start = text.floor_char_boundary(at.index(text.len() + 1));
                let end = text.ceil_char_boundary((start + gone).min(text.len()));
                text.replace_range(start..end, PIECES[piece]);
            }
            let (sources, _) = split(&text.replace("#== app", "#== own"));
            if let Err(problems) = compile(&sources, &[]) {
                prop_assert!(problems.errors() > 0);
                for problem in problems.all() {
                    if let wardgate::policy::diagnostic::Where::Spot(spot) = &problem.at {
                        let source = sources.iter().find(|source| source.path == spot.path);
                        let lines = source.expect("a file of the input").text.split('\n').count();
                        prop_assert!(spot.line as usize <= lines);
                    }
                }
            }
        }
    }
}
