//! `test`: runs the cases that stand beside the policies, and says what has none.

use std::fmt::Write;
use std::sync::Arc;

use serde::Serialize;

use super::scan::{Bench, Findings};
use super::{Ended, Format, Outcome, Paint, Test, Trouble, pack};
use crate::detect::{Hit, Scanner};
use crate::policy::cases::{self, Case, Expect, Fault};
use crate::policy::{self, Action, AppPolicies, PolicySet, Source};

/// Rules stricter than this do not exist; one selection is compiled per level.
const LEVELS: u8 = 3;

/// A case that was run.
#[derive(Debug, Serialize)]
struct Ran<'c> {
    file: &'c str,
    line: u32,
    rule: &'c str,
    name: &'c str,
    expected: &'static str,
    /// What is wrong; absent when the case passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

/// Everything that a run found out.
#[derive(Debug, Serialize)]
struct Report<'c> {
    passed: usize,
    failed: usize,
    /// What is missing: rules without a hit, without a near miss, false positives without a case.
    gaps: Vec<String>,
    cases: Vec<Ran<'c>>,
}

/// Runs `test`.
pub(super) fn run(test: &Test) -> Ended {
    let config = pack::config(&test.files)?;
    let set = compiled(&pack::sources(&config.policy_folders)?)?;
    let mut sources = cases::shipped();
    sources.extend(cases::read_folders(&config.policy_folders).map_err(Trouble::new)?);
    let cases = read(&sources)?;
    if cases.is_empty() {
        return Err(Trouble::new("there are no cases").instead("wardgate test --policies DIR"));
    }
    let report = report(&set, &cases);
    let text = match test.format {
        Format::Text => text(&report),
        Format::Json => json(&report),
        Format::Junit => junit(&report),
    };
    super::print(text.as_bytes())?;
    Ok(match report.failed + report.gaps.len() {
        0 => Outcome::Fine,
        _ => Outcome::Found,
    })
}

/// The whole pack with one selection per level.
fn compiled(sources: &[Source]) -> Result<Arc<PolicySet>, Trouble> {
    let app = |level| AppPolicies {
        app: format!("level {level}"),
        level,
        ..AppPolicies::default()
    };
    let apps: Vec<_> = (1..=LEVELS).map(app).collect();
    let set = policy::compile(sources, &apps);
    let set =
        set.map_err(|problems| Trouble::new(problems.to_string()).instead("wardgate check"))?;
    Ok(Arc::new(set))
}

fn read(sources: &[Source]) -> Result<Vec<Case>, Trouble> {
    let (mut cases, mut faults) = (Vec::new(), Vec::new());
    for source in sources {
        match cases::read(source) {
            Ok(read) => cases.extend(read),
            Err(found) => faults.extend(found.iter().map(line)),
        }
    }
    match faults.is_empty() {
        true => Ok(cases),
        false => Err(Trouble::new(faults.join("\n"))),
    }
}

fn line(fault: &Fault) -> String {
    format!("{}:{}: {}", fault.path, fault.line, fault.message)
}

fn report<'c>(set: &Arc<PolicySet>, cases: &'c [Case]) -> Report<'c> {
    let ran: Vec<_> = cases
        .iter()
        .map(|case| Ran {
            file: &case.path,
            line: case.line,
            rule: &case.rule,
            name: &case.name,
            expected: case.expect.name(),
            failure: failure(set, case),
        })
        .collect();
    let failed = ran.iter().filter(|ran| ran.failure.is_some()).count();
    Report {
        passed: ran.len() - failed,
        failed,
        gaps: cases::gaps(&set.rules, cases).iter().map(line).collect(),
        cases: ran,
    }
}

/// What is wrong with a case, if anything: judged at its rule's own level, whole and cut into
/// characters; a hit also through disguises.
fn failure(set: &Arc<PolicySet>, case: &Case) -> Option<String> {
    let rule = set.rules.iter().find(|rule| rule.id.0 == case.rule)?;
    let bench = Bench {
        selection: Arc::clone(
            set.selections
                .get(usize::from(rule.level.0).checked_sub(1)?)?,
        ),
        set: Arc::clone(set),
        output: case.output,
        direction: case.direction,
        audience: case.audience,
    };
    if let Some(wrong) = wrong(&bench, case, &bench.judge(&bench.said(case.text.clone()))) {
        return Some(wrong);
    }
    if !matches!(case.expect, Expect::Act(_)) {
        return None;
    }
    if by_character(&bench, &case.text) != bench.set.detectors.scan(&case.text) {
        return Some("cut at every character, it has other hits than whole".to_owned());
    }
    DISGUISES.iter().find_map(|(name, disguise)| {
        let wrong = wrong(
            &bench,
            case,
            &bench.judge(&bench.said(disguise(&case.text))),
        )?;
        Some(format!("disguised ({name}): {wrong}"))
    })
}

fn wrong(bench: &Bench, case: &Case, findings: &Findings) -> Option<String> {
    let of_rule = findings.0.iter();
    let of_rule = of_rule.filter(|detection| bench.rule(detection) == case.rule);
    let got = of_rule.map(|detection| detection.action).max();
    match (case.expect, got) {
        (Expect::Act(wanted), Some(got)) if wanted == got => None,
        (Expect::Act(wanted), Some(got)) => {
            Some(format!("expected {}, got {}", wanted.name(), got.name()))
        }
        (Expect::Act(wanted), None) => {
            let others = named(bench, findings, Action::Flag);
            Some(format!(
                "expected {}, the rule was not found{others}",
                wanted.name()
            ))
        }
        (Expect::Miss, None) => None,
        (Expect::Miss, Some(_)) => {
            Some("a known miss is found now: write the action it has".to_owned())
        }
        (Expect::Pass, Some(got)) => Some(format!("expected pass, got {}", got.name())),
        (Expect::Pass, None) if findings.action().withholds() => {
            let others = named(bench, findings, Action::Redact);
            Some(format!("expected pass, withheld by another rule{others}"))
        }
        (Expect::Pass, None) => None,
    }
}

/// " (RULE action, …)" for what was found with at least this action.
fn named(bench: &Bench, findings: &Findings, least: Action) -> String {
    let found = findings
        .0
        .iter()
        .filter(|detection| detection.action >= least);
    let names: Vec<_> = found
        .map(|detection| format!("{} {}", bench.rule(detection), detection.action.name()))
        .collect();
    match names.is_empty() {
        true => String::new(),
        false => format!(" ({})", names.join(", ")),
    }
}

fn by_character(bench: &Bench, text: &str) -> Vec<Hit> {
    let mut scanner = Scanner::new(Arc::clone(&bench.set.detectors));
    let mut hits = Vec::new();
    let mut bytes = [0; 4];
    for symbol in text.chars() {
        scanner.push(symbol.encode_utf8(&mut bytes), &mut hits);
    }
    scanner.finish(&mut hits);
    hits
}

/// A way to write the same text, which every view reads through.
type Disguise = fn(&str) -> String;

const DISGUISES: [(&str, Disguise); 2] = [("full width", full_width), ("zero width", zero_width)];

/// U+FF01..U+FF5E are ASCII's printable characters, 0xFEE0 further on.
fn full_width(text: &str) -> String {
    let wide = |symbol: char| match symbol {
        '0'..='9' | 'A'..='Z' | 'a'..='z' => char::from_u32(symbol as u32 + 0xfee0),
        _ => None,
    };
    text.chars()
        .map(|symbol| wide(symbol).unwrap_or(symbol))
        .collect()
}

/// A zero-width space after every letter.
fn zero_width(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for symbol in text.chars() {
        out.push(symbol);
        if symbol.is_alphabetic() {
            out.push('\u{200b}');
        }
    }
    out
}

fn text(report: &Report<'_>) -> String {
    let paint = Paint::stdout();
    let (bad, good) = (paint.bad, paint.good);
    let mut out = String::new();
    for ran in &report.cases {
        if let Some(failure) = &ran.failure {
            let Ran {
                file,
                line,
                rule,
                name,
                ..
            } = ran;
            let _ = writeln!(
                out,
                "{file}:{line}: {bad}FAIL{bad:#} {rule} {name}: {failure}"
            );
        }
    }
    for gap in &report.gaps {
        let _ = writeln!(out, "{gap}");
    }
    let Report {
        passed,
        failed,
        gaps,
        ..
    } = report;
    let gaps = gaps.len();
    let _ = match failed + gaps {
        0 => writeln!(out, "{good}PASS{good:#} {passed} cases"),
        _ => writeln!(
            out,
            "{bad}FAIL{bad:#} {passed} cases pass, {failed} fail, {gaps} are missing"
        ),
    };
    out
}

fn json(report: &Report<'_>) -> String {
    let text = serde_json::to_string_pretty(report).expect("strings and numbers always serialise");
    text + "\n"
}

fn junit(report: &Report<'_>) -> String {
    let (tests, failures) = (
        report.cases.len() + report.gaps.len(),
        report.failed + report.gaps.len(),
    );
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"wardgate\" tests=\"{tests}\" failures=\"{failures}\">\n"
    );
    for ran in &report.cases {
        let (rule, name) = (escaped(ran.rule), escaped(ran.name));
        let (file, line) = (escaped(ran.file), ran.line);
        let _ = write!(
            out,
            "  <testcase classname=\"{rule}\" name=\"{name}\" file=\"{file}\" line=\"{line}\""
        );
        let _ = match &ran.failure {
            None => writeln!(out, "/>"),
            Some(failure) => writeln!(
                out,
                "><failure message=\"{}\"/></testcase>",
                escaped(failure)
            ),
        };
    }
    for gap in &report.gaps {
        let gap = escaped(gap);
        let _ = writeln!(
            out,
            "  <testcase classname=\"coverage\" name=\"{gap}\"><failure message=\"{gap}\"/></testcase>"
        );
    }
    out + "</testsuite>\n"
}

/// For an XML attribute.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for symbol in text.chars() {
        match symbol {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML 1.0 has no other control characters.
            '\t' | '\n' | '\r' => out.push(' '),
            control if control.is_control() => out.push('\u{fffd}'),
            _ => out.push(symbol),
        }
    }
    out
}
