//! Signals that ask what sentences mean, checked: a label of the classifier, or examples.

use super::compile::Input;
use super::desk::Desk;
use super::diagnostic::{Code, did_you_mean, one_of};
use super::examples::{Lessons, Separation};
use super::file::Signal;
use super::parts::At;
use crate::detect::{Builder, SignalId};

/// Adds what a signal asks of sentences; how well its examples are told apart, if it has some.
pub(super) fn make(
    (name, written): (&str, &Signal),
    signal: SignalId,
    (input, lessons): (&Input<'_>, &Lessons),
    desk: &Desk<'_>,
    builder: &mut Builder,
) -> Option<Separation> {
    let missing = |place, what: &str, help: &str| {
        let message = format!("`{what}` is missing");
        desk.report(desk.at(Code::MissingField, place, message).help(help));
    };
    let (classifier, examples) = (written.classifier.as_ref(), written.examples.as_ref());
    let Some(at_least) = &written.at_least else {
        if let Some(asked) = classifier.or(examples) {
            let help = "say from which probability it counts: `at_least: 0.8`";
            missing(asked.place, "at_least", help);
        }
        return None;
    };
    let others = written.remote.is_some() || written.model.is_some() || written.label.is_some();
    if classifier.is_none() && examples.is_none() && !others {
        let help = "say what has to be that probable: `classifier: grooming`, or `examples: lists/name.jsonl`";
        missing(at_least.place, "classifier", help);
    }
    if let Some(label) = classifier {
        self::label(label, at_least, signal, desk, builder);
    }
    let list = examples?;
    let learned = lessons.of(list, input, desk)?;
    if let Err(problem) = builder.examples(signal, learned.probe.clone(), at_least.value) {
        let diagnostic = desk.at(Code::Range, at_least.place, problem.message);
        desk.report(diagnostic.helped(problem.help));
        return None;
    }
    Some(learned.separation(name, list, at_least.value, desk))
}

/// The label that a signal asks for, and from which probability, in thousandths.
pub(super) fn asked(written: &Signal) -> Option<(String, u16)> {
    let (label, at_least) = (written.classifier.as_ref()?, written.at_least.as_ref()?);
    let thousandths = (at_least.value.clamp(0.0, 1.0) * 1000.0).round();
    // Between 0 and 1000, as just clamped.
    Some((label.value.clone(), thousandths as u16))
}

fn label(
    label: &At<String>,
    at_least: &At<f32>,
    signal: SignalId,
    desk: &Desk<'_>,
    builder: &mut Builder,
) {
    let known = builder.labels();
    if known.contains(&label.value) {
        let added = builder.classifier(signal, &label.value, at_least.value);
        if let Err(problem) = added {
            let diagnostic = desk.at(Code::Range, at_least.place, problem.message);
            desk.report(diagnostic.helped(problem.help));
        }
        return;
    }
    let known = known.iter().map(String::as_str);
    let help = did_you_mean(&label.value, known.clone()).unwrap_or_else(|| one_of(known));
    let message = format!("the classifier has no label `{}`", label.value);
    let diagnostic = desk.at(Code::UnknownLabel, label.place, message);
    desk.report(diagnostic.help(help));
}
