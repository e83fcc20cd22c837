//! Cases beside policies: what must be found and what must not, and the laws that a pack keeps.
//!
//! Laws: there are cases; every stable rule has a hit and a near miss, in each language that its
//! anchors are written in; every declared false positive has a case, which
//! shows that it is avoided or records that it is not; every positive is found
//! at the same place when its text streams in character by character.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::border::Crossings;
use super::desk::Desk;
use super::diagnostic::{Code, Spot, did_you_mean, one_of};
use super::file::{self, CasesFile, Expect};
use super::judge::{Detection, Horizon, Judge, Scene, Verdict, judge_prompt, judge_text};
use super::parts::At;
use super::report::{Gap, Outcome, Report, Row};
use super::rule::{Action, Rule, RuleIx, Status};
use super::scripts;
use super::spread::spread;
use super::{PolicySet, Selection};
use crate::detect::{self, Hit, Opinion, Scanner, Source};
use crate::message::{
    Audience, AudienceSource, Band, Direction, Language, Media, Output, Part, Role,
};
use crate::picture::Seen;

/// One case, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The rule it is about.
    pub rule: RuleIx,
    /// What it shows.
    pub name: String,
    /// Where it stands: file, line from 1.
    pub place: (String, u32),
    /// What is said, turn by turn.
    pub turns: Vec<(Role, String)>,
    /// What is seen of the picture beside the last of it.
    pub image: Option<Arc<Seen>>,
    /// What others say of the last of it, by label.
    pub said: Vec<(Source, String, f32)>,
    /// Direction, output and audience.
    pub scene: Scene,
    /// What is expected.
    pub expect: Expect,
    /// The declared false positive that it covers.
    pub false_positive: Option<String>,
}

impl Case {
    /// The language of what is said.
    pub fn language(&self) -> Language {
        let all: String = self.turns.iter().map(|(_, text)| text.as_str()).collect();
        detect::language(&all)
    }

    /// A name for people and reports.
    pub fn title(&self) -> String {
        if self.name.is_empty() {
            format!("line {}", self.place.1)
        } else {
            self.name.clone()
        }
    }
}

/// Checks the cases of all files.
pub(super) fn make(files: &[CasesFile], rules: &[Rule], desk: &Desk<'_>) -> Vec<Case> {
    let all = files.iter().flat_map(|file| &file.cases.0);
    all.filter_map(|written| case(written, rules, desk))
        .collect()
}

fn case(written: &At<file::Case>, rules: &[Rule], desk: &Desk<'_>) -> Option<Case> {
    let At { value: case, place } = written;
    let found = rules.iter().position(|rule| rule.id.0 == case.rule.value);
    let Some(ix) = found else {
        let help = did_you_mean(
            &case.rule.value,
            rules.iter().map(|rule| rule.id.0.as_str()),
        );
        let help = help.unwrap_or_else(|| "a case names a rule that is not retired".to_owned());
        let message = format!("there is no rule `{}`", case.rule.value);
        desk.report(
            desk.at(Code::UnknownRule, case.rule.place, message)
                .help(help),
        );
        return None;
    };
    if let Some(named) = &case.false_positive {
        let declared = || rules[ix].false_positives.iter().map(String::as_str);
        if !declared().any(|one| one == named.value) {
            let help = did_you_mean(&named.value, declared()).unwrap_or_else(|| one_of(declared()));
            let message = format!("{} declares no such false positive", case.rule.value);
            desk.report(desk.at(Code::UnknownRule, named.place, message).help(help));
        }
    }
    let direction = case.direction.map_or(Direction::Prompt, Direction::from);
    let role = match direction {
        Direction::Prompt => Role::User,
        Direction::Output => Role::Assistant,
    };
    let turns = match (&case.text, &case.messages) {
        (Some(text), None) => vec![(role, text.clone())],
        (None, None) if case.image.is_some() => vec![(role, String::new())],
        (None, Some(messages)) if direction == Direction::Prompt && !messages.is_empty() => {
            messages
                .iter()
                .map(|message| (message.role.into(), message.text.clone()))
                .collect()
        }
        _ => {
            let message = "a case has a `text`, an `image` or both, or, as a prompt, `messages`";
            desk.report(desk.at(Code::Case, *place, message).help("add `text: ...`"));
            return None;
        }
    };
    let spot = Spot::of(desk.sources, *place);
    let band = case.audience.map_or(Band::Unknown, Band::from);
    Some(Case {
        rule: RuleIx(u32::try_from(ix).unwrap_or(u32::MAX)),
        name: case.name.clone().unwrap_or_default(),
        place: (spot.path, spot.line),
        turns,
        image: match &case.image {
            Some(image) => Some(Arc::new(super::images::drawn(image, desk)?)),
            None => None,
        },
        said: super::opinions::said(case),
        scene: Scene {
            direction,
            output: case.output.map_or(Output::Text, Output::from),
            audience: Audience {
                band,
                source: AudienceSource::App,
            },
        },
        expect: case.expect,
        false_positive: case
            .false_positive
            .as_ref()
            .map(|named| named.value.clone()),
    })
}

/// Runs every case and checks the laws.
pub fn run(set: &Arc<PolicySet>) -> Report {
    let mut found: BTreeSet<RuleIx> = BTreeSet::new();
    let judged = spread(&set.cases, |_, case| judged(set, case));
    let rows = set
        .cases
        .iter()
        .zip(judged)
        .map(|(case, (outcome, rules))| {
            found.extend(rules);
            Row {
                file: case.place.0.clone(),
                line: case.place.1,
                rule: set.rule(case.rule).id.0.clone(),
                name: case.title(),
                outcome,
            }
        });
    let results = rows.chain(scripts::run(set)).collect();
    let mut report = Report {
        results,
        ..gaps(set)
    };
    let indexed = || (0..).map(RuleIx).zip(&set.rules);
    let never = indexed().filter(|(ix, _)| !found.contains(ix));
    report.rules_never_hit = never
        .map(|(_, rule)| gap(rule, "no case of any rule hits it"))
        .collect();
    report
}

fn gap(rule: &Rule, lack: impl Into<String>) -> Gap {
    let (file, line) = rule.place.clone();
    Gap {
        file,
        line,
        rule: rule.id.0.clone(),
        lack: lack.into(),
    }
}

/// What stable rules lack.
fn gaps(set: &PolicySet) -> Report {
    let mut by_rule: BTreeMap<RuleIx, Vec<&Case>> = BTreeMap::new();
    for case in &set.cases {
        by_rule.entry(case.rule).or_default().push(case);
    }
    let mut report = Report::default();
    for (ix, rule) in (0..).map(RuleIx).zip(&set.rules) {
        let cases = by_rule.get(&ix).map_or(&[][..], Vec::as_slice);
        for named in &rule.false_positives {
            if !cases
                .iter()
                .any(|case| case.false_positive.as_ref() == Some(named))
            {
                let lack = format!("no case with `false_positive: {named}`");
                report.false_positives_without_case.push(gap(rule, lack));
            }
        }
        if rule.status != Status::Stable {
            continue;
        }
        // One language, or none known: any case will do.
        let wanted: Vec<Option<Language>> = match rule.languages.len() {
            0 | 1 => vec![None],
            _ => rule.languages.iter().copied().map(Some).collect(),
        };
        for language in wanted {
            let fits = |case: &&&Case| language.is_none_or(|wanted| case.language() == wanted);
            let said = match language {
                None => String::new(),
                Some(Language::En) => " in English".to_owned(),
                Some(Language::Zh) => " in Chinese".to_owned(),
            };
            if !cases
                .iter()
                .filter(fits)
                .any(|case| case.expect.action().is_some())
            {
                report
                    .rules_without_hit
                    .push(gap(rule, format!("no case that hits{said}")));
            }
            if !cases
                .iter()
                .filter(fits)
                .any(|case| case.expect.action().is_none())
            {
                report
                    .rules_without_miss
                    .push(gap(rule, format!("no near miss{said}")));
            }
        }
    }
    report
}

/// What became of a case, and every rule that was found in it.
fn judged(set: &Arc<PolicySet>, case: &Case) -> (Outcome, Vec<RuleIx>) {
    let found = found(set, case);
    let rules = found.iter().map(|detection| detection.rule).collect();
    let own = found.iter().filter(|detection| detection.rule == case.rule);
    let action = own.map(|detection| detection.action).max();
    let outcome = match (case.expect.action(), action) {
        (Some(wanted), Some(got)) if wanted == got => streamed(set, case, wanted),
        (Some(wanted), got) => {
            let got = got.map_or("nothing", Action::name);
            Outcome::Fail(format!(
                "expected {}, found {got}{}",
                wanted.name(),
                others(set, &found)
            ))
        }
        (None, Some(got)) => Outcome::Fail(format!("expected no detection, found {}", got.name())),
        (None, None) if case.expect == Expect::Pass && !found.is_empty() => {
            Outcome::Fail(format!("expected nothing at all{}", others(set, &found)))
        }
        (None, None) => Outcome::Pass,
    };
    (outcome, rules)
}

/// Everything found in a case: in its text, or in its conversation message by message.
fn found(set: &Arc<PolicySet>, case: &Case) -> Vec<Detection> {
    if let (Direction::Output, [(role, text)], None) =
        (case.scene.direction, case.turns.as_slice(), &case.image)
    {
        return verdict(set, case, *role, text).detections;
    }
    let part = |(turn, (role, text)): (u32, &(Role, String))| Part {
        role: *role,
        media: Media::Text,
        turn,
        text: text.clone(),
        at: String::new(),
        raw: 0..0,
    };
    let mut parts: Vec<_> = (0..).zip(&case.turns).map(part).collect();
    let picture = parts.len();
    if let (Some(seen), Some(last)) = (&case.image, parts.last().cloned()) {
        let texts = std::iter::once("").chain(seen.texts());
        parts.extend(texts.map(|text| Part {
            media: Media::Image,
            text: text.to_owned(),
            ..last.clone()
        }));
    }
    let mut hits: Vec<Arc<[Hit]>> = parts
        .iter()
        .map(|part| {
            set.scan(set.trial(case.rule), case.scene.direction, &part.text)
                .into()
        })
        .collect();
    if let Some(seen) = &case.image {
        hits[picture] = set.detectors.look(seen).into();
    }
    if let Some((at, (_, text))) = case.turns.iter().enumerate().next_back() {
        let said = |opinion: &Opinion| {
            let mut said = case.said.iter();
            let about = |(source, label, _): &&(Source, String, f32)| {
                *source == opinion.source && *label == opinion.label
            };
            said.find(about).map(|(_, _, score)| *score)
        };
        let heard = set.detectors.heard(text, &said);
        hits[at] = detect::joined(&hits[at], &heard);
    }
    let crossings = Crossings::of(set, &parts);
    crossings.insert(&mut hits);
    let trial = set.trial(case.rule);
    let mut found = judge_prompt(set, trial, case.scene, &parts, &hits).detections;
    crossings.harden(&mut found);
    found
}

fn others(set: &PolicySet, found: &[Detection]) -> String {
    let said: BTreeSet<String> = found
        .iter()
        .map(|one| format!("{} {}", set.rule(one.rule).id, one.action.name()))
        .collect();
    match said.is_empty() {
        true => String::new(),
        false => format!(
            "; found {}",
            said.into_iter().collect::<Vec<_>>().join(", ")
        ),
    }
}

/// All detections of one turn of a case.
pub(super) fn verdict(set: &Arc<PolicySet>, case: &Case, role: Role, text: &str) -> Verdict {
    let horizon = match case.scene.direction {
        Direction::Prompt => Horizon::Whole,
        Direction::Output => Horizon::Stream,
    };
    judge_text(set, set.trial(case.rule), case.scene, role, horizon, text)
}

/// A positive must be found at the same places when its text streams in.
fn streamed(set: &Arc<PolicySet>, case: &Case, wanted: Action) -> Outcome {
    let ([(role, text)], None) = (case.turns.as_slice(), &case.image) else {
        return Outcome::Pass;
    };
    // Others are asked about whole prompts.
    if !case.said.is_empty() {
        return Outcome::Pass;
    }
    if case.scene.output != Output::Text {
        return Outcome::Pass;
    }
    let own = |found: Vec<Detection>| -> Vec<Detection> {
        found
            .into_iter()
            .filter(|one| one.rule == case.rule)
            .collect()
    };
    let whole = judge_text(
        set,
        set.trial(case.rule),
        case.scene,
        *role,
        Horizon::Stream,
        text,
    );
    let (whole, pieces) = (
        own(whole.detections),
        own(by_character(
            set,
            set.trial(case.rule),
            case.scene,
            *role,
            text,
        )),
    );
    if whole != pieces {
        let places = |found: &[Detection]| {
            let places: Vec<_> = found
                .iter()
                .map(|one| format!("{:?}", one.span.range()))
                .collect();
            places.join(" ")
        };
        return Outcome::Fail(format!(
            "streamed, it is found at [{}] instead of [{}]",
            places(&pieces),
            places(&whole)
        ));
    }
    match whole.iter().map(|one| one.action).max() {
        Some(action) if action == wanted => Outcome::Pass,
        _ => Outcome::Fail(format!(
            "expected {} in a stream too, found nothing",
            wanted.name()
        )),
    }
}

/// Judges a text that comes character by character.
pub fn by_character(
    set: &Arc<PolicySet>,
    selection: &Arc<Selection>,
    scene: Scene,
    role: Role,
    text: &str,
) -> Vec<Detection> {
    let (own, selection) = (Arc::clone(set), Arc::clone(selection));
    let detectors = Arc::clone(&set.detectors);
    let scanner = match set.asks_meaning(&selection, scene.direction) {
        true => Scanner::new(detectors),
        false => Scanner::of_words(detectors),
    };
    let judge = Judge::new(own, selection, scene, role, Horizon::Stream, &[]);
    typed(scanner, judge, text)
}

/// What a judge finds in a text that comes character by character.
pub(super) fn typed(mut scanner: Scanner, mut judge: Judge, text: &str) -> Vec<Detection> {
    judge.part();
    let (mut hits, mut found) = (Vec::new(), Vec::new());
    let mut buffer = [0; 4];
    for c in text.chars() {
        scanner.push(c.encode_utf8(&mut buffer), &mut hits);
        for hit in hits.drain(..) {
            judge.hit(&hit, &mut found);
        }
        judge.advance(scanner.symbols(), &mut found);
    }
    scanner.finish(&mut hits);
    for hit in &hits {
        judge.hit(hit, &mut found);
    }
    judge.finish(&mut found);
    found
}
