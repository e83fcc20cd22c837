//! Cases: what stands beside a policy to show what its rules find and what they leave alone.
//!
//! Only the file and its checks; running a case is judging, and `wardgate test` does that.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{Action, Rule, Source, Status};
use crate::message::{Band, Direction, Output};

/// How a file of cases is named beside `NAME.yaml`.
pub const SUFFIX: &str = ".cases.yaml";

/// Folders below a policy folder that are looked into; deeper ones are no policies.
const MAX_DEPTH: usize = 8;

/// What a case expects of its rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// The rule is found and does this.
    Act(Action),
    /// The rule is not found, and nothing else withholds the text.
    Pass,
    /// The rule is not found though it should be: a recorded known miss.
    Miss,
}

impl Expect {
    /// The name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Act(action) => action.name(),
            Self::Pass => "pass",
            Self::Miss => "miss",
        }
    }
}

/// One case, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The file, as its source names it.
    pub path: String,
    /// The line in it, from 1.
    pub line: u32,
    /// Its name, unique within a rule by custom.
    pub name: String,
    /// The rule that it is about.
    pub rule: String,
    /// What is said.
    pub text: String,
    /// Where the text travels.
    pub direction: Direction,
    /// What the model is asked to make.
    pub output: Output,
    /// Who speaks.
    pub audience: Band,
    /// What is expected.
    pub expect: Expect,
    /// The rule's false positive that it stands for.
    pub false_positive: Option<String>,
}

/// Something wrong with a file of cases, or missing from all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub path: String,
    /// The line, from 1.
    pub line: u32,
    /// What is wrong and what to do.
    pub message: String,
}

/// A file of cases as written.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The cases.
    #[schemars(with = "Vec<Written>")]
    cases: Vec<Spanned<Written>>,
}

/// A case as written.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    rule: String,
    name: String,
    text: String,
    #[serde(default)]
    direction: Option<String>,
    #[serde(default)]
    output: Option<String>,
    #[serde(default)]
    audience: Option<String>,
    expect: String,
    #[serde(default)]
    false_positive: Option<String>,
}

/// Reads one file; all its faults at once.
///
/// # Errors
/// Faults with their lines.
pub fn read(source: &Source) -> Result<Vec<Case>, Vec<Fault>> {
    let fault = |line, message| Fault {
        path: source.path.clone(),
        line,
        message,
    };
    let file: File = serde_saphyr::from_str(&source.text).map_err(|error| {
        let line = error.location().map_or(1, |at| at.line());
        vec![fault(
            u32::try_from(line).unwrap_or(u32::MAX),
            error.to_string(),
        )]
    })?;
    let (mut cases, mut faults) = (Vec::new(), Vec::new());
    for written in file.cases {
        let line = u32::try_from(written.referenced.line()).unwrap_or(u32::MAX);
        match case(written.value, &source.path, line) {
            Ok(case) => cases.push(case),
            Err(message) => faults.push(fault(line, message)),
        }
    }
    if faults.is_empty() {
        Ok(cases)
    } else {
        Err(faults)
    }
}

fn case(written: Written, path: &str, line: u32) -> Result<Case, String> {
    let direction = match written.direction.as_deref() {
        None | Some("prompt") => Direction::Prompt,
        Some("output") => Direction::Output,
        Some(other) => return Err(format!("direction `{other}`: use prompt or output")),
    };
    let output = match written.output.as_deref() {
        None | Some("text") => Output::Text,
        Some("image") => Output::Image,
        Some("image_edit") => Output::ImageEdit,
        Some(other) => return Err(format!("output `{other}`: use text, image or image_edit")),
    };
    let audience = written.audience.as_deref().unwrap_or("minor");
    let audience = Band::named(audience).ok_or_else(|| {
        format!("audience `{audience}`: use minor, adult or a band such as 12-13")
    })?;
    let expect = match written.expect.as_str() {
        "pass" => Expect::Pass,
        "miss" => Expect::Miss,
        name => match Action::named(name) {
            Some(action) if action > Action::Allow => Expect::Act(action),
            _ => {
                return Err(format!(
                    "expect `{name}`: use pass, miss or the rule's action"
                ));
            }
        },
    };
    Ok(Case {
        path: path.to_owned(),
        line,
        name: written.name,
        rule: written.rule,
        text: written.text,
        direction,
        output,
        audience,
        expect,
        false_positive: written.false_positive,
    })
}

/// What every living rule must have: a hit, a near miss, and one case per false positive it names.
pub fn gaps(rules: &[Rule], cases: &[Case]) -> Vec<Fault> {
    let mut gaps = Vec::new();
    let known = |case: &&Case| rules.iter().any(|rule| rule.id.0 == case.rule);
    for case in cases.iter().filter(|case| !known(case)) {
        gaps.push(Fault {
            path: case.path.clone(),
            line: case.line,
            message: format!("there is no rule {}", case.rule),
        });
    }
    for rule in rules.iter().filter(|rule| rule.status != Status::Retired) {
        let own: Vec<_> = cases.iter().filter(|case| case.rule == rule.id.0).collect();
        let mut gap = |message: String| {
            gaps.push(Fault {
                path: rule.place.0.clone(),
                line: rule.place.1,
                message: format!("{} {message}", rule.id),
            });
        };
        if !own.iter().any(|case| matches!(case.expect, Expect::Act(_))) {
            gap("has no case that hits: add one with the action it expects".to_owned());
        }
        if !own.iter().any(|case| case.expect == Expect::Pass) {
            gap("has no near miss: add a case with `expect: pass`".to_owned());
        }
        for named in &rule.false_positives {
            let shown = |case: &&Case| case.false_positive.as_deref() == Some(named);
            if !own.iter().any(shown) {
                gap(format!("names a false positive without a case: {named}"));
            }
        }
    }
    gaps
}

/// The cases of the shipped pack, embedded in the binary.
pub fn shipped() -> Vec<Source> {
    macro_rules! embedded {
        ($($name:literal),*) => {
            [$(($name, include_str!(concat!("../../policies/", $name)))),*]
        };
    }
    let files = embedded![
        "1-concealment.cases.yaml",
        "3-grooming.cases.yaml",
        "4-scams.cases.yaml",
        "6-addiction.cases.yaml",
        "7-synthetic.cases.yaml"
    ];
    let source = |(path, text): (&str, &str)| Source {
        path: format!("policies/{path}"),
        text: text.to_owned(),
        shipped: true,
    };
    files.into_iter().map(source).collect()
}

/// Files of cases in operators' folders, in order.
///
/// # Errors
/// One line: which path cannot be read, and why.
pub fn read_folders(folders: &[PathBuf]) -> Result<Vec<Source>, String> {
    let mut paths = Vec::new();
    for folder in folders {
        find(folder, MAX_DEPTH, &mut paths)?;
    }
    paths.sort();
    let source = |path: PathBuf| {
        let text = std::fs::read_to_string(&path);
        Ok(Source {
            path: path.display().to_string(),
            text: text.map_err(|error| format!("{}: {error}", path.display()))?,
            shipped: false,
        })
    };
    paths.into_iter().map(source).collect()
}

fn find(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> Result<(), String> {
    let unreadable = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            if depth > 0 {
                find(&path, depth - 1, paths)?;
            }
        } else if path.to_string_lossy().ends_with(SUFFIX) {
            paths.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source {
            path: "x.cases.yaml".to_owned(),
            text: text.to_owned(),
            shipped: false,
        }
    }

    #[test]
    fn reads_a_case_and_its_line() {
        let text = "cases:\n  # one\n  - {rule: A-010, name: hit, text: turnip, expect: block}\n";
        let cases = read(&source(text)).expect("a good file");
        assert_eq!(cases[0].line, 3);
        assert_eq!(cases[0].expect, Expect::Act(Action::Block));
        assert_eq!(cases[0].direction, Direction::Prompt);
        assert!(cases[0].audience.is_minor());
    }

    #[test]
    fn tells_all_faults_at_once() {
        let text = "cases:\n  - {rule: A, name: a, text: t, expect: explode}\n  - {rule: A, name: b, text: t, expect: pass, audience: nobody}\n";
        let faults = read(&source(text)).expect_err("two faults");
        assert_eq!(
            faults.iter().map(|fault| fault.line).collect::<Vec<_>>(),
            [2, 3]
        );
    }

    #[test]
    fn every_shipped_file_of_cases_is_embedded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        let mut found = Vec::new();
        find(&folder, MAX_DEPTH, &mut found).expect("the pack is here");
        assert_eq!(found.len(), shipped().len());
    }
}
