//! Files of examples: read, checked, learned from once each; and [`Separation`], how well that went.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;

use super::compile::Input;
use super::desk::Desk;
use super::diagnostic::{Code, Place, did_you_mean};
use super::parts::At;
use crate::sense::{Example, Probe};
use crate::text::symbols;

/// Examples of one file: leaving each out costs the cube of their number, a second at this one.
const MOST: usize = 500;

/// Characters of one example: what is scored at once has at most 256 letters or 85 Han, and a
/// sentence or two before it.
const LONGEST: usize = 600;

/// Examples of each kind below which leaving one out says little of the rest.
const FEW: usize = 8;

/// Area under the curve below which too many are told apart wrongly.
const POOR: f64 = 0.85;

/// Share of the counter-examples that may be wrong where the recall is said.
const FALSE_ALARMS: f64 = 0.02;

/// What every complaint about the form of a line says.
const FORM: &str =
    r#"write {"text": "what somebody says", "expect": true}, or false for a counter-example"#;

/// A line as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    text: String,
    expect: bool,
}

/// An example, and its line from 1.
#[derive(Debug)]
struct Written {
    example: Example,
    line: u32,
}

/// What was learned from a file.
#[derive(Debug, Clone)]
pub(super) struct Learned {
    pub probe: Arc<Probe>,
    /// By example: its line, whether it is meant, and how probable it was before it had been seen.
    left_out: Arc<[(u32, bool, f32)]>,
}

/// What was learned from each file; nothing from those that are wrong.
#[derive(Debug, Default)]
pub(super) struct Lessons(RefCell<BTreeMap<String, Option<Learned>>>);

/// How well a signal tells its examples apart; each was left out when it was asked about.
#[derive(Debug, Clone, PartialEq)]
pub struct Separation {
    /// The signal.
    pub signal: String,
    /// Its file of examples.
    pub file: String,
    /// From which probability it counts.
    pub at_least: f32,
    /// Examples and counter-examples.
    pub counts: (usize, usize),
    /// Share of pairs in which the example is the likelier one.
    pub auc: f64,
    /// Share of examples above all but 2 % of the counter-examples.
    pub recall: f64,
    /// Lines of examples that it would not see.
    pub missed: Vec<u32>,
    /// Lines of counter-examples that it would see.
    pub wrong: Vec<u32>,
}

impl Lessons {
    /// What a list teaches, with everything that is wrong with it reported the first time.
    pub fn of(&self, list: &At<String>, input: &Input<'_>, desk: &Desk<'_>) -> Option<Learned> {
        if let Some(known) = self.0.borrow().get(&list.value) {
            return known.clone();
        }
        let learned = learned(list, input, desk);
        self.0
            .borrow_mut()
            .insert(list.value.clone(), learned.clone());
        learned
    }
}

fn learned(list: &At<String>, input: &Input<'_>, desk: &Desk<'_>) -> Option<Learned> {
    let ends_well = list.value.ends_with(super::folders::EXAMPLES);
    let Some((source, text)) = input.list(&list.value).filter(|_| ends_well) else {
        let known = input
            .lists()
            .filter(|path| path.ends_with(super::folders::EXAMPLES));
        let help = did_you_mean(&list.value, known);
        let help =
            help.unwrap_or_else(|| "a path from the policy folder: `lists/name.jsonl`".to_owned());
        let message = format!("there is no file of examples `{}`", list.value);
        desk.report(desk.at(Code::UnknownFile, list.place, message).help(help));
        return None;
    };
    let written = lines(source, text, desk)?;
    let yes = written.iter().filter(|one| one.example.yes).count();
    let lacks = |message: String, help: &str| {
        let diagnostic = desk.at(Code::ExamplesLack, list.place, message);
        desk.report(diagnostic.help(help));
        None
    };
    let file = &list.value;
    if written.len() > MOST {
        let message = format!("{file} holds {} examples, more than {MOST}", written.len());
        return lacks(
            message,
            "200 that differ say as much; for more, train a head (training/)",
        );
    }
    if yes < 2 || written.len() - yes < 2 {
        let message = format!(
            "{file} holds {yes} examples and {} counter-examples",
            written.len() - yes
        );
        return lacks(
            message,
            "write some of both kinds: `\"expect\": true` and `\"expect\": false`",
        );
    }
    let examples: Vec<Example> = written.iter().map(|one| one.example.clone()).collect();
    let Some((probe, scores)) = Probe::learn(&examples) else {
        let message = format!("the examples of {file} cannot be told from its counter-examples");
        return lacks(
            message,
            "give more of both, and let each kind have one thing in common",
        );
    };
    let left_out = written.iter().zip(scores);
    let left_out = left_out.map(|(one, score)| (one.line, one.example.yes, score));
    Some(Learned {
        probe: Arc::new(probe),
        left_out: left_out.collect(),
    })
}

/// Every line that is an example; nothing if one of them is wrong.
fn lines(source: u32, text: &str, desk: &Desk<'_>) -> Option<Vec<Written>> {
    let whole = Place {
        source,
        start: 0,
        end: 0,
    };
    let mut written: Vec<Written> = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let (mut start, mut good) = (0, true);
    for (line, number) in text.split_inclusive('\n').zip(1_u32..) {
        let place = whole.within(start..start + line.trim_end().len());
        start += line.len();
        if line.trim().is_empty() {
            continue;
        }
        let mut wrong = |code, message: String, help: &str| {
            desk.report(desk.at(code, place, message).help(help));
            good = false;
        };
        let example = match read(line) {
            Ok(example) => example,
            Err(message) => {
                wrong(Code::Example, message, FORM);
                continue;
            }
        };
        let said: String = symbols(&example.text)
            .map(|(symbol, _)| symbol.ch)
            .collect();
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        match seen.get(&said).map(|&at| &written[at]) {
            Some(earlier) if earlier.example.yes == example.yes => {
                let message = format!("line {} says the same", earlier.line);
                wrong(Code::ExampleTwice, message, "remove one of them");
            }
            Some(earlier) => {
                let message = format!(
                    "line {} expects the opposite of the same text",
                    earlier.line
                );
                wrong(Code::ExampleTwice, message, "remove the one that is wrong");
            }
            None => {
                seen.insert(said, written.len());
                written.push(Written {
                    example,
                    line: number,
                });
            }
        }
    }
    good.then_some(written)
}

/// One line, or what is wrong with it.
fn read(line: &str) -> Result<Example, String> {
    let read: Result<Line, serde_json::Error> = serde_json::from_str(line);
    let Line { text, expect: yes } = read.map_err(|error| {
        // The line is known better than by the reader of this one.
        let said = error.to_string();
        let said = said.split(" at line ").next().unwrap_or_default();
        format!("this is no example: {said}")
    })?;
    let length = text.chars().count();
    if length > LONGEST {
        return Err(format!(
            "this example has {length} characters, more than {LONGEST}"
        ));
    }
    match text.chars().any(char::is_alphanumeric) {
        true => Ok(Example { text, yes }),
        false => Err("this example says nothing".to_owned()),
    }
}

impl Learned {
    /// How well a signal tells its examples apart; authors are warned where that is not well.
    pub fn separation(
        &self,
        signal: &str,
        list: &At<String>,
        at_least: f32,
        desk: &Desk<'_>,
    ) -> Separation {
        let of = |kind: bool| self.left_out.iter().filter(move |(_, yes, _)| *yes == kind);
        let (yes, no): (Vec<f32>, Vec<f32>) = (
            of(true).map(|one| one.2).collect(),
            of(false).map(|one| one.2).collect(),
        );
        let separation = Separation {
            signal: signal.to_owned(),
            file: list.value.clone(),
            at_least,
            counts: (yes.len(), no.len()),
            auc: auc(&yes, &no),
            recall: recall(&yes, &no),
            missed: of(true)
                .filter(|one| one.2 < at_least)
                .map(|one| one.0)
                .collect(),
            wrong: of(false)
                .filter(|one| one.2 >= at_least)
                .map(|one| one.0)
                .collect(),
        };
        if let Some((message, help)) = separation.poor() {
            let diagnostic = desk.at(Code::ExamplesPoor, list.place, message);
            desk.report(diagnostic.help(help));
        }
        separation
    }
}

impl Separation {
    /// What an author should know, and what helps.
    fn poor(&self) -> Option<(String, &'static str)> {
        let (yes, no) = self.counts;
        let (file, at_least) = (&self.file, self.at_least);
        if yes < FEW || no < FEW {
            let message = format!("{file} holds {yes} examples and {no} counter-examples");
            return Some((
                message,
                "8 of each are the least; 20 of each make a signal to rely on",
            ));
        }
        if self.auc < POOR {
            let message = format!(
                "of {file}, left out one at a time, an example is likelier than a counter-example in {:.0} % of pairs",
                self.auc * 100.0
            );
            return Some((
                message,
                "give more of both kinds, above all where lines are on the wrong side",
            ));
        }
        if self.missed.len() * 2 > yes {
            let message = format!(
                "`at_least: {at_least}` sees {} of {yes} examples",
                yes - self.missed.len()
            );
            return Some((message, "lower it, or give more examples"));
        }
        if self.wrong.len() * 10 > no {
            let message = format!(
                "`at_least: {at_least}` sees {} of {no} counter-examples too",
                self.wrong.len()
            );
            return Some((message, "raise it, or give more counter-examples"));
        }
        None
    }
}

impl fmt::Display for Separation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            signal,
            file,
            at_least,
            counts: (yes, no),
            auc,
            recall,
            ..
        } = self;
        writeln!(
            out,
            "signal {signal}: {yes} examples, {no} counter-examples ({file}), each left out once"
        )?;
        let percent = recall * 100.0;
        writeln!(
            out,
            "  AUC {auc:.2}, recall {percent:.0} % at 2 % false alarms"
        )?;
        let (missed, wrong) = (self.missed.len(), self.wrong.len());
        write!(
            out,
            "  at_least {at_least}: sees {} of {yes} examples, {wrong} of {no} counter-examples",
            yes - missed
        )?;
        let mut lines: Vec<u32> = self.missed.iter().chain(&self.wrong).copied().collect();
        lines.sort_unstable();
        let lines: Vec<String> = lines.iter().map(u32::to_string).collect();
        match lines.as_slice() {
            [] => Ok(()),
            lines => write!(out, "; on the wrong side: lines {}", lines.join(", ")),
        }
    }
}

/// Share of pairs in which the first is higher; equals are half a pair.
fn auc(yes: &[f32], no: &[f32]) -> f64 {
    let pair = |one: f32, other: f32| match one.total_cmp(&other) {
        std::cmp::Ordering::Greater => 1.0,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Less => 0.0,
    };
    let pairs = yes
        .iter()
        .flat_map(|&one| no.iter().map(move |&other| pair(one, other)));
    pairs.sum::<f64>() / (yes.len() * no.len()).max(1) as f64
}

/// Share of the first above all but [`FALSE_ALARMS`] of the others.
fn recall(yes: &[f32], no: &[f32]) -> f64 {
    let mut others = no.to_vec();
    others.sort_by(|one, other| other.total_cmp(one));
    let allowed = (no.len() as f64 * FALSE_ALARMS) as usize;
    let from = others.get(allowed).copied().unwrap_or(f32::NEG_INFINITY);
    yes.iter().filter(|&&one| one > from).count() as f64 / yes.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{PolicySet, Source, compile};

    const GOOD: &str = include_str!("../../examples/garden/gardening.jsonl");

    fn compiled(signal: &str, lines: &str) -> Result<PolicySet, String> {
        let rules = "- {id: CAN-010, title: T, status: stable, level: 1, severity: 2, when: seen, \
                     action: flag, false_positives: [cooks]}";
        let policy = format!(
            "policy: p\ntitle: {{en: A, zh: 甲}}\nsignals: {{seen: {signal}}}\nrules:\n  {rules}\n"
        );
        let source = |path: &str, text: &str| Source {
            path: path.to_owned(),
            text: text.to_owned(),
            shipped: false,
        };
        let sources = [source("p.yaml", &policy), source("garden.jsonl", lines)];
        compile(&sources, &[]).map_err(|problems| problems.to_string())
    }

    #[track_caller]
    fn check(signal: &str, lines: &str, expect: &[&str]) {
        let said = match compiled(signal, lines) {
            Ok(set) => set.warnings.to_string(),
            Err(problems) => problems,
        };
        assert_eq!(said.is_empty(), expect.is_empty(), "{said}");
        for part in expect {
            assert!(said.contains(part), "{part} is not in:\n{said}");
        }
    }

    const SIGNAL: &str = "{examples: garden.jsonl, at_least: 0.6}";

    #[test]
    fn authors_learn_what_is_wrong_with_a_line() {
        let with = |line: &str| format!("{GOOD}{line}\n\n");
        let place = format!("garden.jsonl:{}:1", GOOD.lines().count() + 1);
        for (line, code, said) in [
            ("turnip", "P040", "this is no example: "),
            (r#"{"text": "turnip"}"#, "P040", "missing field `expect`"),
            (
                r#"{"text": "turnip", "expect": "yes"}"#,
                "P040",
                "expected a boolean",
            ),
            (
                r#"{"text": "turnip", "expect": true, "why": 1}"#,
                "P040",
                "unknown field `why`",
            ),
            (r#"{"text": " …", "expect": true}"#, "P040", "says nothing"),
            (
                r#"{"text": "how do i cook ｔomato  soup?", "expect": false}"#,
                "P041",
                "line 15 says the same",
            ),
            (
                r#"{"text": "How do I cook tomato soup?", "expect": true}"#,
                "P041",
                "expects the opposite",
            ),
        ] {
            check(SIGNAL, &with(line), &[code, &place, said]);
        }
        let long = format!(r#"{{"text": "{}", "expect": true}}"#, "turnip ".repeat(100));
        check(SIGNAL, &with(&long), &["P040", &place, "700 characters"]);
    }

    #[test]
    fn authors_learn_what_is_wrong_with_a_file() {
        check(
            "{examples: gardens.jsonl, at_least: 0.6}",
            GOOD,
            &["P007", "did you mean `garden.jsonl`"],
        );
        check("{examples: garden.txt, at_least: 0.6}", GOOD, &["P007"]);
        check("{examples: garden.jsonl}", GOOD, &["P005", "`at_least`"]);
        check("{at_least: 0.5}", GOOD, &["P005", "examples:"]);
        check(
            "{examples: garden.jsonl, at_least: 1.0}",
            GOOD,
            &["P023", "wardgate check"],
        );
        check(SIGNAL, "\n", &["P042", "0 examples and 0 counter-examples"]);
        let yes: String = GOOD
            .lines()
            .take(14)
            .map(|line| format!("{line}\n"))
            .collect();
        check(SIGNAL, &yes, &["P042", "14 examples and 0"]);
        let many: String = (0..=MOST)
            .map(|nth| {
                format!(
                    "{{\"text\": \"leek {nth}\", \"expect\": {}}}\n",
                    nth % 2 == 0
                )
            })
            .collect();
        check(SIGNAL, &many, &["P042", "501 examples"]);
        let mixed: String = (0..12)
            .map(|nth| {
                format!(
                    "{{\"text\": \"leek {nth}\", \"expect\": {}}}\n",
                    nth % 2 == 0
                )
            })
            .collect();
        check(SIGNAL, &mixed, &["P04"]);
    }

    #[test]
    fn authors_are_warned_of_what_little_was_learned_from() {
        check(SIGNAL, GOOD, &[]);
        let few: String = GOOD
            .lines()
            .skip(7)
            .take(14)
            .map(|line| format!("{line}\n"))
            .collect();
        check(
            SIGNAL,
            &few,
            &["warning[P043]", "7 examples and 7 counter-examples"],
        );
        check(
            "{examples: garden.jsonl, at_least: 0.999}",
            GOOD,
            &["warning[P043]", "`at_least: 0.999` sees 0 of 14"],
        );
        check(
            "{examples: garden.jsonl, at_least: 0.01}",
            GOOD,
            &["warning[P043]", "counter-examples too"],
        );
    }

    #[test]
    fn what_was_learned_is_told_and_is_part_of_the_hash() {
        let set = compiled(SIGNAL, GOOD).expect("good");
        let [separation] = &set.separations[..] else {
            panic!("{:?}", set.separations)
        };
        assert_eq!((separation.counts, separation.at_least), ((14, 14), 0.6));
        assert!(
            separation.auc > 0.8 && separation.recall > 0.4,
            "{separation}"
        );
        let wrong = [&separation.missed[..], &separation.wrong].concat();
        assert!(
            wrong.len() < 7 && wrong.iter().all(|line| (1..=28).contains(line)),
            "{separation}"
        );
        let changed = GOOD.replacen("true", "false", 1);
        let other = compiled(SIGNAL, &changed).expect("still good");
        assert_ne!(set.hash, other.hash);
        assert_ne!(set.separations, other.separations);
    }

    #[test]
    fn shares_of_pairs_and_recall_are_counted() {
        assert_eq!(auc(&[0.9, 0.5], &[0.5, 0.1]), 0.875);
        let no: Vec<f32> = (0..100).map(|nth| nth as f32 / 100.0).collect();
        assert_eq!(recall(&[0.98, 0.975, 0.97, 0.5], &no), 0.5);
        assert_eq!(recall(&[0.9, 0.2], &[0.8, 0.1]), 0.5);
    }
}
