//! Scripted conversations beside policies: at which message a conversation is watched and acted on.
//!
//! A script that names neither is innocent: no rule of any policy may do more than record it. A
//! script that ends with the model's message is judged twice, as a history and as an answer that
//! streams in character by character. Acts are words, so scripts are judged without scores of sentences.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::PolicySet;
use super::cases;
use super::desk::Desk;
use super::diagnostic::{Code, Spot};
use super::file::{self, CasesFile};
use super::judge::{Detection, Horizon, Judge, Scene, judge_conversation};
use super::parts::At;
use super::past::carried;
use super::report::{Outcome, Row};
use super::rule::{Action, RuleIx};
use super::spread::spread;
use crate::detect::{Hit, Scanner, SignalId};
use crate::message::{Audience, AudienceSource, Band, Direction, Media, Output, Part, Role};

/// What reports call the rule of a script.
const ABOUT: &str = "conversation";

/// One scripted conversation, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// What it shows.
    pub name: String,
    /// Where it stands: file, line from 1.
    pub place: (String, u32),
    /// What is said, message by message.
    pub turns: Vec<(Role, String)>,
    /// The age band of who is protected.
    pub band: Band,
    /// Messages, from 1, at which it is first watched and first acted on; none: never.
    pub at: [Option<usize>; 2],
}

/// Checks the scripts of all files.
pub(super) fn make(files: &[CasesFile], desk: &Desk<'_>) -> Vec<Script> {
    let all = files.iter().flat_map(|file| &file.conversations.0);
    all.filter_map(|written| script(written, desk)).collect()
}

fn script(written: &At<file::Script>, desk: &Desk<'_>) -> Option<Script> {
    let At { value, place } = written;
    let turns: Vec<_> = value
        .messages
        .iter()
        .map(|message| (message.role.into(), message.text.clone()))
        .collect();
    let inside = |at: &Option<usize>| at.is_none_or(|at| (1..=turns.len()).contains(&at));
    if turns.is_empty() || !inside(&value.watch) || !inside(&value.act) {
        let message = "a conversation has messages, and `watch` and `act` number one of them";
        let help = "messages count from 1";
        desk.report(desk.at(Code::Case, *place, message).help(help));
        return None;
    }
    let spot = Spot::of(desk.sources, *place);
    Some(Script {
        name: value.name.clone(),
        place: (spot.path, spot.line),
        turns,
        band: value.audience.map_or(Band::Unknown, Band::from),
        at: [value.watch, value.act],
    })
}

/// Runs every script.
pub(super) fn run(set: &Arc<PolicySet>) -> Vec<Row> {
    let readers = [0, 1].map(|which| readers(set, which));
    spread(&set.scripts, |_, script| Row {
        file: script.place.0.clone(),
        line: script.place.1,
        rule: ABOUT.to_owned(),
        name: script.name.clone(),
        outcome: outcome(set, script, &readers),
    })
}

/// Rules that read what is seen when a conversation is watched (0) or acted on (1).
fn readers(set: &PolicySet, which: usize) -> BTreeSet<RuleIx> {
    let seen = set.conversations.iter().map(|one| one.seen[which]);
    let seen: Vec<SignalId> = seen.collect();
    let reading = set.clauses.iter().filter(|placed| {
        let mut read = placed.clause.signals();
        read.any(|signal| seen.contains(&signal))
    });
    reading.map(|placed| placed.rule).collect()
}

fn outcome(set: &Arc<PolicySet>, script: &Script, readers: &[BTreeSet<RuleIx>; 2]) -> Outcome {
    let parts = parts(&script.turns);
    let hits: Vec<_> = parts
        .iter()
        .map(|part| set.detectors.scan_words(&part.text))
        .collect();
    let scene = scene(script, Direction::Prompt);
    let (verdict, _) = judge_conversation(set, &set.words, scene, &parts, &hits);
    let found = verdict.detections;
    let first = |rules: &BTreeSet<RuleIx>| {
        let of = found.iter().filter(|one| rules.contains(&one.rule));
        of.map(|one| one.part as usize + 1).min()
    };
    let got = [first(&readers[0]), first(&readers[1])];
    if got != script.at {
        let said = |at: Option<usize>| at.map_or("never".to_owned(), |at| at.to_string());
        return Outcome::Fail(format!(
            "expected to watch at {} and act at {}, found {} and {}",
            said(script.at[0]),
            said(script.at[1]),
            said(got[0]),
            said(got[1])
        ));
    }
    let acting = found.iter().find(|one| one.action > Action::Flag);
    if let (true, Some(one)) = (script.at == [None, None], acting) {
        let (id, action) = (&set.rule(one.rule).id, one.action.name());
        return Outcome::Fail(format!("innocent, but {id} found {action}"));
    }
    answered(set, script, readers, &parts, &hits)
}

/// The last message as an answer that streams in, if the model said it.
fn answered(
    set: &Arc<PolicySet>,
    script: &Script,
    readers: &[BTreeSet<RuleIx>; 2],
    parts: &[Part],
    hits: &[Vec<Hit>],
) -> Outcome {
    let Some((last, before)) = parts.split_last() else {
        return Outcome::Pass;
    };
    if last.role != Role::Assistant {
        return Outcome::Pass;
    }
    let prompt = scene(script, Direction::Prompt);
    let heard = &hits[..before.len()];
    let (_, talk) = judge_conversation(set, &set.words, prompt, before, heard);
    let carried = carried(set, before, heard);
    let (own, words) = (Arc::clone(set), Arc::clone(&set.words));
    let scene = scene(script, Direction::Output);
    let judge = Judge::new(own, words, scene, last.role, Horizon::Stream, &carried);
    let judge = judge.after(talk, last.role);
    let scanner = Scanner::of_words(Arc::clone(&set.detectors));
    let found: Vec<Detection> = cases::typed(scanner, judge, &last.text);
    for (at, rules) in script.at.iter().zip(readers) {
        let due = at.is_some_and(|at| at == parts.len());
        let never = at.is_none();
        let seen = found.iter().any(|one| rules.contains(&one.rule));
        if due && !seen || never && seen {
            return Outcome::Fail(format!("as an answer, message {} differs", parts.len()));
        }
    }
    Outcome::Pass
}

fn parts(turns: &[(Role, String)]) -> Vec<Part> {
    let part = |(turn, (role, text)): (u32, &(Role, String))| Part {
        role: *role,
        media: Media::Text,
        turn,
        text: text.clone(),
        at: String::new(),
        raw: 0..0,
    };
    (0..).zip(turns).map(part).collect()
}

fn scene(script: &Script, direction: Direction) -> Scene {
    let (band, source) = (script.band, AudienceSource::App);
    Scene {
        direction,
        output: Output::Text,
        audience: Audience { band, source },
    }
}
