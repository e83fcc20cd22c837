//! Signals that ask others, an endpoint or a model in a file, checked; and what cases say that those say.

use std::collections::{BTreeMap, BTreeSet};

use super::compile::Input;
use super::context::Contexts;
use super::desk::Desk;
use super::diagnostic::Code;
use super::file::{self, Signal};
use super::frame::Placed;
use super::rules;
use crate::detect::{Builder, Opinion, SignalId, Source};
use crate::message::Direction;

/// Adds what a signal asks of others.
pub(super) fn make(written: &Signal, signal: SignalId, desk: &Desk<'_>, builder: &mut Builder) {
    let unclear = |place, message: &str, help: &str| {
        desk.report(desk.at(Code::Opinion, place, message).help(help));
    };
    let (name, source) = match (&written.remote, &written.model) {
        (None, None) => {
            if let Some(label) = &written.label {
                let help =
                    "say who is asked: `remote: NAME` or `model: NAME`, as the config names it";
                unclear(label.place, "nobody is asked about this label", help);
            }
            return;
        }
        (Some(_), Some(model)) => {
            let help = "make two signals, and read both: `remote_says or model_says`";
            return unclear(model.place, "one signal asks two", help);
        }
        (Some(name), None) => (name, Source::Remote(name.value.clone())),
        (None, Some(name)) => (name, Source::Model(name.value.clone())),
    };
    let Some(label) = &written.label else {
        let help = "say about what: `label: violence`";
        return unclear(name.place, "`label` is missing", help);
    };
    let Some(at_least) = &written.at_least else {
        let help = "say from which probability it counts: `at_least: 0.8`";
        return unclear(name.place, "`at_least` is missing", help);
    };
    let opinion = Opinion {
        source,
        label: label.value.clone(),
        at_least: at_least.value,
    };
    if let Err(problem) = builder.opinion(signal, opinion) {
        let diagnostic = desk.at(Code::Range, at_least.place, problem.message);
        desk.report(diagnostic.helped(problem.help));
    }
}

/// Reports rules that read in answers what is only asked of prompts.
pub(super) fn only_in_prompts(
    input: &Input<'_>,
    made: &rules::Made,
    builder: &Builder,
    desk: &Desk<'_>,
) {
    let answers = Contexts::that(|way, _, _, _| way == Direction::Output);
    let reads = |one: &&Placed| {
        let mut signals = one.clause.signals();
        one.clause.contexts.meets(answers) && signals.any(|signal| builder.is_opinion(signal))
    };
    let rules = made.clauses.iter().filter(reads);
    let rules = rules.filter_map(|one| made.rules.get(one.rule.0 as usize));
    let ids: BTreeSet<&str> = rules.map(|rule| rule.id.0.as_str()).collect();
    let written = input.files.iter().flat_map(|file| &file.file.rules.0);
    for written in written.filter(|written| ids.contains(written.id.value.as_str())) {
        let message =
            "remotes and models are asked about prompts only, and this rule reads one in answers";
        let diagnostic = desk.at(Code::OpinionOfAnswer, written.id.place, message);
        desk.report(diagnostic.help("add `applies: {direction: [prompt]}`"));
    }
}

/// What a case says that others say of its last turn.
pub(super) fn said(case: &file::Case) -> Vec<(Source, String, f32)> {
    type Named = BTreeMap<String, BTreeMap<String, f32>>;
    let all = |named: &Named, source: fn(String) -> Source| {
        let each = named.iter().flat_map(|(name, scores)| {
            let labelled = scores.iter();
            labelled.map(|(label, score)| (source(name.clone()), label.clone(), *score))
        });
        each.collect::<Vec<_>>()
    };
    let mut said = all(&case.remote, Source::Remote);
    said.extend(all(&case.model, Source::Model));
    said
}
