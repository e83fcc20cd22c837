//! `explain` and `schema`: what a rule is, and what a file may hold.

use std::fmt::Write;

use super::{Ended, Explain, Paint, SchemaOf, Trouble, card, pack};
use crate::detect::Opinion;
use crate::message::Language;
use crate::policy::cases::Case;
use crate::policy::{Explanation, Status, schema};

/// Runs `explain`.
pub(super) fn run(explain: &Explain) -> Ended {
    let pack = pack::load(&explain.files, None)?;
    let wanted = explain.id.as_str();
    let rules = pack.set.rules.iter();
    let rules: Vec<_> = rules
        .filter(|rule| rule.id.0 == wanted || is_row(wanted, &rule.id.0))
        .collect();
    if rules.is_empty() {
        let known = pack.set.rules.iter().map(|rule| rule.id.0.as_str());
        let trouble = Trouble::new(format!("there is no rule {wanted}"));
        return Err(match closest(wanted, known) {
            Some(close) => trouble.instead(format!("wardgate explain {close}")),
            None => trouble,
        });
    }
    let shown: Vec<_> = rules
        .iter()
        .filter_map(|rule| pack.set.explain(&rule.id.0))
        .map(|all| one(&all))
        .collect();
    super::print(shown.join("\n").as_bytes())
}

/// Whether `id` is a rule of the row or area `wanted`: "QL3" and "QL3.1" hold "QL3.1-010".
fn is_row(wanted: &str, id: &str) -> bool {
    let rest = id.strip_prefix(wanted);
    rest.is_some_and(|rest| rest.starts_with(['.', '-']))
}

/// The known id that begins most like the wanted one.
fn closest<'k>(wanted: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let alike = |id: &str| {
        id.chars()
            .zip(wanted.chars())
            .take_while(|(a, b)| a == b)
            .count()
    };
    known.max_by_key(|id| alike(id))
}

/// Fixed headings: what, how sure, what it does, why, when, what is said, what it gets wrong, cases.
fn one(all: &Explanation<'_>) -> String {
    let rule = all.rule;
    let strong = Paint::stdout().strong;
    let mut out = format!("{strong}{}{strong:#} {}\n", rule.id, rule.title);
    let status = match rule.status {
        Status::Experimental => "experimental (observes only)",
        Status::Stable => "stable",
        Status::Retired => "retired",
    };
    let wall = if rule.wall() {
        ", part of the wall"
    } else {
        ""
    };
    let (policy, level, severity) = (&rule.policy, rule.level.0, rule.severity.0);
    let _ = writeln!(
        out,
        "  policy    {policy} ({}:{})",
        rule.place.0, rule.place.1
    );
    let _ = writeln!(
        out,
        "  status    {status}, level {level}, severity {severity}{wall}"
    );
    let instead = match rule.instead {
        true => ", only where the same turn would else be refused, and instead of that",
        false => "",
    };
    let _ = writeln!(out, "  action    {}{instead}", rule.actions);
    let area = rule.area.text(Language::En);
    let _ = writeln!(out, "  why       {area} ({})", rule.reference);
    let _ = writeln!(out, "  when      {}", one_line(&rule.when));
    for (name, written) in &rule.conditions {
        let _ = writeln!(out, "  where     {name}: {}", one_line(written));
    }
    if let Some(reply) = &rule.reply {
        let _ = writeln!(out, "  replies   {}", reply.text(Language::En));
    }
    let list = |out: &mut String, heading: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            let _ = writeln!(out, "  {heading}");
            for line in lines {
                let _ = writeln!(out, "    - {line}");
            }
        }
    };
    let signals = all.signals.iter();
    let signals =
        signals.map(|signal| format!("{} ({}:{})", signal.name, signal.place.0, signal.place.1));
    list(&mut out, "reads", signals.collect());
    list(&mut out, "scores", scores(all));
    list(&mut out, "asks", asks(all));
    list(&mut out, "may wrongly see", rule.false_positives.clone());
    let of = |hit: bool| {
        let cases = all
            .cases
            .iter()
            .filter(|case| case.expect.action().is_some() == hit);
        cases.map(|case| told(case)).collect::<Vec<_>>()
    };
    list(&mut out, "finds", of(true));
    list(&mut out, "leaves alone, or is known to miss", of(false));
    out
}

/// What a rule asks others about a prompt.
fn asks(all: &Explanation<'_>) -> Vec<String> {
    let asked = all.asks.iter().map(|(name, opinion)| {
        let Opinion {
            source,
            label,
            at_least,
        } = opinion;
        format!("{name}: {source}, whether `{label}` is at least {at_least}")
    });
    asked.collect()
}

/// What a rule asks of the classifier: label, threshold, and what the card says of it there.
fn scores(all: &Explanation<'_>) -> Vec<String> {
    let asked = all.signals.iter().filter_map(|signal| {
        let (label, thousandths) = signal.asks.as_ref()?;
        Some((&signal.name, label, f32::from(*thousandths) / 1000.0))
    });
    let told = asked.map(|(name, label, at_least)| {
        let figures = card::figures(label, at_least).join("; ");
        format!("{name}: `{label}` from {at_least}. The card says: {figures}")
    });
    told.collect()
}

/// A condition as written, without its line breaks.
fn one_line(when: &str) -> String {
    when.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A case on one line: what it shows and what is said.
fn told(case: &Case) -> String {
    let mut said: Vec<_> = case.turns.iter().map(|(_, text)| text.trim()).collect();
    if let Some(seen) = &case.image {
        said.push("a picture");
        said.extend(seen.codes.iter().map(String::as_str));
    }
    said.retain(|text| !text.is_empty());
    let mut told = format!("{}: {}", case.title(), said.join(" / "));
    for (source, label, score) in &case.said {
        let _ = write!(told, " ({source}: {label} {score})");
    }
    told
}

/// Runs `schema`.
pub(super) fn schema(of: SchemaOf) -> Ended {
    let schema = match of {
        SchemaOf::Policy => schema::policy(),
        SchemaOf::Cases => schema::cases(),
    };
    let text = serde_json::to_string_pretty(&schema).expect("a schema always serialises");
    super::print((text + "\n").as_bytes())
}
