//! [`Report`]: what a run of cases showed, for people, programs and CI.

use std::fmt::Write;

use serde::Serialize;

use super::cloaked::Cloaks;

/// What became of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome", content = "reason")]
pub enum Outcome {
    /// As expected.
    Pass,
    /// Not as expected, and how.
    Fail(String),
    /// It could not be run.
    Error(String),
}

/// One case of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The file of cases.
    pub file: String,
    /// The line in it, from 1.
    pub line: u32,
    /// The rule it is about.
    pub rule: String,
    /// What it shows.
    pub name: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// A rule that lacks a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The policy file.
    pub file: String,
    /// The rule's line in it, from 1.
    pub line: u32,
    /// The rule.
    pub rule: String,
    /// What it lacks.
    pub lack: String,
}

/// What a run of cases showed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Every case.
    pub results: Vec<Row>,
    /// Stable rules without a case that hits, per language.
    pub rules_without_hit: Vec<Gap>,
    /// Stable rules without a near miss, per language.
    pub rules_without_miss: Vec<Gap>,
    /// Declared false positives that no case covers.
    pub false_positives_without_case: Vec<Gap>,
    /// Rules that no case of any rule hits. Said, not failed: stable ones are failed above.
    pub rules_never_hit: Vec<Gap>,
    /// What disguises get past, if that was asked. It fails nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloaks: Option<Cloaks>,
}

impl Report {
    /// Whether everything is as it should be. No cases at all is a failure.
    pub fn ok(&self) -> bool {
        !self.results.is_empty()
            && self.gaps().next().is_none()
            && self.results.iter().all(|row| row.outcome == Outcome::Pass)
    }

    /// Everything that rules lack and must have.
    pub fn gaps(&self) -> impl Iterator<Item = &Gap> + '_ {
        let all = [
            &self.rules_without_hit,
            &self.rules_without_miss,
            &self.false_positives_without_case,
        ];
        all.into_iter().flatten()
    }

    fn count(&self, wanted: fn(&Outcome) -> bool) -> usize {
        self.results
            .iter()
            .filter(|row| wanted(&row.outcome))
            .count()
    }

    /// For people: what is wrong, file and line first, then one line of summary.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for row in &self.results {
            let (word, reason) = match &row.outcome {
                Outcome::Pass => continue,
                Outcome::Fail(reason) => ("FAIL", reason),
                Outcome::Error(reason) => ("ERROR", reason),
            };
            let Row {
                file,
                line,
                rule,
                name,
                ..
            } = row;
            let _ = writeln!(out, "{file}:{line}: {word} {rule} {name}: {reason}");
        }
        for Gap {
            file,
            line,
            rule,
            lack,
        } in self.gaps()
        {
            let _ = writeln!(out, "{file}:{line}: FAIL {rule}: {lack}");
        }
        for Gap {
            file,
            line,
            rule,
            lack,
        } in &self.rules_never_hit
        {
            let _ = writeln!(out, "{file}:{line}: note {rule}: {lack}");
        }
        if self.results.is_empty() {
            out.push_str("there are no cases: put NAME.cases.yaml beside NAME.yaml\n");
        }
        let word = if self.ok() { "PASS" } else { "FAIL" };
        let passed = self.count(|outcome| *outcome == Outcome::Pass);
        let failed = self.count(|outcome| matches!(outcome, Outcome::Fail(_)));
        let errors = self.count(|outcome| matches!(outcome, Outcome::Error(_)));
        let gaps = self.gaps().count();
        let _ = writeln!(
            out,
            "{word}: {passed} cases passed, {failed} failed, {errors} could not run, {gaps} missing"
        );
        if let Some(cloaks) = &self.cloaks {
            out.push_str(&cloaks.text());
        }
        out
    }

    /// For programs.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("strings and numbers always serialise")
    }

    /// For CI: JUnit XML, one suite per file of cases and one for what is missing.
    pub fn junit(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let total = self.results.len() + self.gaps().count();
        let errors = self.count(|outcome| matches!(outcome, Outcome::Error(_)));
        let failed = total - self.count(|outcome| *outcome == Outcome::Pass) - errors;
        let _ = writeln!(
            out,
            "<testsuites name=\"wardgate\" tests=\"{total}\" failures=\"{failed}\" errors=\"{errors}\">"
        );
        for rows in self.results.chunk_by(|a, b| a.file == b.file) {
            let name = escaped(&rows[0].file);
            let _ = writeln!(
                out,
                "  <testsuite name=\"{name}\" tests=\"{}\">",
                rows.len()
            );
            for row in rows {
                let fault = match &row.outcome {
                    Outcome::Pass => None,
                    Outcome::Fail(reason) => Some(("failure", reason)),
                    Outcome::Error(reason) => Some(("error", reason)),
                };
                write_case(&mut out, &row.rule, &row.name, &row.file, row.line, fault);
            }
            out.push_str("  </testsuite>\n");
        }
        let missing = self.gaps().count();
        if missing > 0 {
            let _ = writeln!(
                out,
                "  <testsuite name=\"missing cases\" tests=\"{missing}\">"
            );
            for gap in self.gaps() {
                let fault = Some(("failure", &gap.lack));
                write_case(&mut out, &gap.rule, &gap.lack, &gap.file, gap.line, fault);
            }
            out.push_str("  </testsuite>\n");
        }
        out.push_str("</testsuites>\n");
        out
    }
}

fn write_case(
    out: &mut String,
    rule: &str,
    name: &str,
    file: &str,
    line: u32,
    fault: Option<(&str, &String)>,
) {
    let (rule, name, file) = (escaped(rule), escaped(name), escaped(file));
    let _ = write!(
        out,
        "    <testcase classname=\"{rule}\" name=\"{name}\" file=\"{file}\" line=\"{line}\""
    );
    match fault {
        None => out.push_str("/>\n"),
        Some((kind, reason)) => {
            let _ = writeln!(out, "><{kind} message=\"{}\"/></testcase>", escaped(reason));
        }
    }
}

/// Text for an XML attribute. Control characters have no place in XML 1.0 at all.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(' '),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, outcome: Outcome) -> Row {
        Row {
            file: "a.cases.yaml".into(),
            line: 3,
            rule: "ACME-010".into(),
            name: name.into(),
            outcome,
        }
    }

    #[test]
    fn no_cases_is_a_failure() {
        assert!(!Report::default().ok());
        assert!(Report::default().text().contains("there are no cases"));
    }

    #[test]
    fn every_form_says_what_failed() {
        let bad = Outcome::Fail("expected block, found \"<nothing>\"".into());
        let report = Report {
            results: vec![row("a", Outcome::Pass), row("b & c", bad)],
            ..Report::default()
        };
        assert!(!report.ok());
        assert!(
            report
                .text()
                .starts_with("a.cases.yaml:3: FAIL ACME-010 b & c: expected block")
        );
        assert!(
            report
                .text()
                .ends_with("FAIL: 1 cases passed, 1 failed, 0 could not run, 0 missing\n")
        );
        let json: serde_json::Value = serde_json::from_str(&report.json()).expect("JSON");
        assert_eq!(json["results"][0]["outcome"], "pass");
        assert_eq!(json["results"][1]["outcome"], "fail");
        let junit = report.junit();
        assert!(
            junit.contains("tests=\"2\" failures=\"1\" errors=\"0\""),
            "{junit}"
        );
        assert!(
            junit.contains("name=\"b &amp; c\"") && junit.contains("&quot;&lt;nothing&gt;&quot;")
        );
    }

    #[test]
    fn a_gap_fails_a_run() {
        let gap = Gap {
            file: "a.yaml".into(),
            line: 1,
            rule: "ACME-010".into(),
            lack: "no near miss".into(),
        };
        let results = vec![row("a", Outcome::Pass)];
        let mut report = Report {
            results,
            rules_never_hit: vec![gap.clone()],
            ..Report::default()
        };
        assert!(report.ok(), "a rule that is never hit is said, not failed");
        report.rules_without_miss.push(gap);
        assert!(!report.ok());
    }
}
