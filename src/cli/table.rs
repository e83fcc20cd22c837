//! What `eval` measured, as tables for people and as JSON for programs. Counts and names, no texts.

use std::fmt::Write;

use serde_json::{Value, json};

use super::eval::{Counts, Key, Measured, Setup};
use crate::message::{Band, Direction};
use crate::policy::tally::{Groups, Rate, Split, Tally};

/// Rules with the most false alarms that are named; the JSON has all.
const WORST_RULES: usize = 15;

/// Columns of a name: the longest set of the usual corpora fits.
const NAME: usize = 26;

const HEAD: &str = "|  harmful  stopped                seen   support |   benign  stopped                seen   support";

impl Setup {
    /// For whom, in the words of the command line.
    fn audience(self) -> &'static str {
        match self.band {
            Band::Unknown => "minor",
            Band::Adult => "general",
            band => band.name(),
        }
    }
}

fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Prompt => "prompt",
        Direction::Output => "answer",
    }
}

/// Tables, one group of them per setup.
pub(super) fn text(measured: &Measured) -> String {
    let mut out = String::new();
    let Measured {
        files, rows, bad, ..
    } = measured;
    let _ = writeln!(out, "{rows} rows, {files} files, {} bad lines", bad.len());
    out.push_str("stopped: blocked, supported, rewritten or redacted; seen: stopped, nudged or flagged; [Wilson 95 %]\n");
    for (setup, counts) in &measured.setups {
        let _ = writeln!(
            out,
            "\n== level {}, audience {} ==",
            setup.level,
            setup.audience()
        );
        groups(&mut out, "all", &counts.total, |way| (String::new(), *way));
        let both = |(name, lang, way): &Key| (format!("{name} {lang}"), *way);
        groups(&mut out, "by set and language", &counts.sets, both);
        groups(
            &mut out,
            "by category and language",
            &counts.categories,
            both,
        );
        groups(
            &mut out,
            "child-related, by set, language",
            &counts.children,
            both,
        );
        notice(&mut out, counts);
        counts.density.text(&mut out);
    }
    out
}

fn groups<K: Ord>(
    out: &mut String,
    title: &str,
    groups: &Groups<K>,
    named: impl Fn(&K) -> (String, Direction),
) {
    if groups.0.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{title:<34} {HEAD}");
    for (key, split) in &groups.0 {
        let (name, direction) = named(key);
        let (way, harmful, benign) = (way(direction), cells(&split.harmful), cells(&split.benign));
        let _ = write!(out, "  {name:<NAME$} {way} | {harmful} | {benign}");
        if split.unlabelled.n > 0 {
            let Tally { n, stopped, .. } = split.unlabelled;
            let _ = write!(out, " | {stopped} of {n} unlabelled stopped");
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
}

/// `     528   12.1% [ 9.6, 15.2]    14.0%     1.1%`; blank without rows.
fn cells(tally: &Tally) -> String {
    let Rate {
        rate: Some(rate),
        interval: Some([low, high]),
    } = Rate::of(tally.stopped, tally.n)
    else {
        return format!("{:>8} {:21} {:9} {:>8}", "-", "", "", "");
    };
    let share = |hits| Rate::of(hits, tally.n).rate.unwrap_or(0.0) * 100.0;
    format!(
        "{:>8} {:>6.2}% {:<13} {:>8.2}% {:>7.2}%",
        tally.n,
        rate * 100.0,
        format!("[{:.1}, {:.1}]", low * 100.0, high * 100.0),
        share(tally.seen),
        share(tally.supported),
    )
}

/// What each row of the notice saw, and the rules that stop the most benign texts.
fn notice(out: &mut String, counts: &Counts) {
    if counts.notice.0.is_empty() {
        return;
    }
    let _ = writeln!(out, "\nby row of the notice: texts stopped / seen");
    let _ = writeln!(
        out,
        "  {:<12} {:>16} {:>16} {:>16}",
        "row", "harmful", "benign", "unlabelled"
    );
    for (row, split) in &counts.notice.0 {
        let _ = writeln!(out, "  {row:<12} {}", fates(split));
    }
    let mut worst: Vec<_> = counts
        .rules
        .0
        .iter()
        .filter(|(_, split)| split.benign.stopped > 0)
        .collect();
    worst.sort_by_key(|(rule, split)| (std::cmp::Reverse(split.benign.stopped), (*rule).clone()));
    if !worst.is_empty() {
        let _ = writeln!(out, "rules that stopped benign texts, most first");
    }
    for (rule, split) in worst.into_iter().take(WORST_RULES) {
        let _ = writeln!(out, "  {rule:<12} {}", fates(split));
    }
}

fn fates(split: &Split) -> String {
    let Split {
        harmful,
        benign,
        unlabelled,
    } = split;
    let fate = |tally: &Tally| format!("{} / {}", tally.stopped, tally.seen);
    format!(
        "{:>16} {:>16} {:>16}",
        fate(harmful),
        fate(benign),
        fate(unlabelled)
    )
}

/// One document.
pub(super) fn json(measured: &Measured) -> String {
    let setups = measured
        .setups
        .iter()
        .map(|(setup, counts)| setup_json(*setup, counts));
    let document = json!({
        "policies": measured.hash,
        "files": measured.files,
        "rows": measured.rows,
        "bad_lines": measured.bad,
        "setups": setups.collect::<Vec<_>>(),
    });
    let mut text =
        serde_json::to_string_pretty(&document).expect("numbers and strings always serialise");
    text.push('\n');
    text
}

fn setup_json(setup: Setup, counts: &Counts) -> Value {
    let keyed = |groups: &Groups<Key>, first: &str| {
        let each = groups.0.iter().map(|((name, lang, direction), split)| {
            split_json(
                split,
                json!({first: name, "lang": lang, "as": way(*direction)}),
            )
        });
        each.collect::<Vec<_>>()
    };
    let named = |groups: &Groups<String>, first: &str| {
        let each = groups
            .0
            .iter()
            .map(|(name, split)| found_json(split, json!({first: name})));
        each.collect::<Vec<_>>()
    };
    let total = counts.total.0.iter();
    let total = total.map(|(direction, split)| split_json(split, json!({"as": way(*direction)})));
    json!({
        "level": setup.level,
        "audience": setup.audience(),
        "total": total.collect::<Vec<_>>(),
        "sets": keyed(&counts.sets, "set"),
        "categories": keyed(&counts.categories, "category"),
        "child_related": keyed(&counts.children, "set"),
        "notice": named(&counts.notice, "row"),
        "rules": named(&counts.rules, "rule"),
        "benign_density": counts.density.json(),
    })
}

fn by_label(split: &Split) -> [(&'static str, &Tally); 3] {
    [
        ("harmful", &split.harmful),
        ("benign", &split.benign),
        ("unlabelled", &split.unlabelled),
    ]
}

fn split_json(split: &Split, mut head: Value) -> Value {
    for (label, tally) in by_label(split) {
        let Tally {
            n,
            stopped,
            supported,
            seen,
        } = *tally;
        head[label] = json!({
            "n": n,
            "stopped": stopped,
            "stopped_rate": Rate::of(stopped, n),
            "supported": supported,
            "supported_rate": Rate::of(supported, n),
            "seen": seen,
            "seen_rate": Rate::of(seen, n),
        });
    }
    head
}

/// Of rules only the texts are counted that they saw: a rate would have no base.
fn found_json(split: &Split, mut head: Value) -> Value {
    for (label, tally) in by_label(split) {
        let Tally {
            stopped,
            supported,
            seen,
            ..
        } = *tally;
        head[label] = json!({"stopped": stopped, "supported": supported, "seen": seen});
    }
    head
}
