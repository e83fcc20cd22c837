//! The one door from files to a [`PolicySet`]: reads everything, reports everything, builds once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::audience::Cues;
use super::clause::{Atom, Clause};
use super::conditions::Conditions;
use super::context::Contexts;
use super::conversation::Conversation;
use super::desk::Desk;
use super::diagnostic::{Code, Diagnostic, Diagnostics, Place, Where};
use super::file::{CasesFile, PolicyFile};
use super::frame::Placed;
use super::helpline;
use super::judge::NOT_REACH;
use super::parts::At;
use super::reader;
use super::reply::{Replies, Template};
use super::rule::{Rule, RuleIx};
use super::shipped::is_policy;
use super::yaml;
use super::{
    AppPolicies, PolicySet, Selection, Source, cases, conversation, opinions, outlook, rules,
    scripts, select, signals, visible,
};
use crate::detect::{Builder, Detectors, SignalId};
use crate::message::{Direction, Language, Role};
use crate::picture::Eye;

/// How a file of cases is named beside `NAME.yaml`.
pub const CASES_SUFFIX: &str = ".cases.yaml";

/// A policy file as read.
#[derive(Debug)]
pub(super) struct Loaded {
    pub path: String,
    pub shipped: bool,
    pub file: PolicyFile,
}

/// All files as read.
#[derive(Debug)]
pub(super) struct Input<'s> {
    pub files: Vec<Loaded>,
    pub cases: Vec<CasesFile>,
    lists: BTreeMap<&'s str, (u32, &'s str)>,
}

impl<'s> Input<'s> {
    /// Index and text of a list.
    pub fn list(&self, path: &str) -> Option<(u32, &'s str)> {
        self.lists.get(path).copied()
    }

    /// Every list's path.
    pub fn lists(&self) -> impl Iterator<Item = &'s str> + '_ {
        self.lists.keys().copied()
    }
}

/// The set of these sources and apps: the kept one if it says the same (a reload most often changes
/// something else, and compiling the shipped pack takes a second), else compiled anew. Cases are not
/// compared, for no verdict reads them.
///
/// # Errors
/// As [`compile`].
pub fn renew(
    kept: Option<&Arc<PolicySet>>,
    sources: &[Source],
    apps: &[AppPolicies],
) -> Result<Arc<PolicySet>, Diagnostics> {
    let sources = sorted(sources);
    let hash = hash(&sources, apps);
    match kept.filter(|set| set.hash == hash) {
        Some(set) => Ok(Arc::clone(set)),
        None => made(&sources, apps, hash).map(Arc::new),
    }
}

fn sorted(sources: &[Source]) -> Vec<Source> {
    let mut sources = sources.to_vec();
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// The one door: all files of all roots and what each app says, to a set or to all diagnostics.
/// The order of sources does not matter.
///
/// # Errors
/// Everything that is wrong, sorted by place.
pub fn compile(sources: &[Source], apps: &[AppPolicies]) -> Result<PolicySet, Diagnostics> {
    let sources = sorted(sources);
    let hash = hash(&sources, apps);
    made(&sources, apps, hash)
}

/// The set of sources in order, and its hash.
fn made(
    sources: &[Source],
    apps: &[AppPolicies],
    hash: [u8; 32],
) -> Result<PolicySet, Diagnostics> {
    let desk = Desk {
        sources,
        problems: Default::default(),
    };
    let input = read(&desk);
    let replies = replies(&input, &desk);
    let numbers = signals::Numbers::default();
    let visible = visible::visible(&input, &numbers, &desk);
    let conditions = Conditions::read(&input.files, &visible, &desk);
    let rules = rules::make(&input.files, &visible, &conditions, &replies, &desk);
    conditions.report_unread(&input.files, &desk);
    let conversations = conversation::make(&input, &visible, &numbers, &desk);
    let mut cues = Cues::find(&input, &numbers, &desk);
    let vouchers = signals::vouchers(&input, &visible, &numbers, &desk);
    let mut builder = Builder::default();
    for (sign, doubtful) in vouchers {
        builder.vouch(sign, doubtful);
    }
    let signals = signals::make(&input, &numbers, &desk, &mut builder);
    let selections: Vec<_> = (numbers.count()..)
        .zip(apps)
        .map(|(allow, app)| {
            select::make(
                app,
                &rules.rules,
                &rules.ids,
                SignalId(allow),
                &desk,
                &mut builder,
            )
        })
        .collect();
    let cases = cases::make(&input.cases, &rules.rules, &desk);
    let scripts = scripts::make(&input.cases, &desk);
    let read = (numbers.count(), conversations.as_slice());
    free_what_never_withholds(&rules, &selections, read, &mut builder);
    plain_what_only_excuses(&rules, &cues, &conversations, &mut builder);
    for seen in conversations.iter().flat_map(|one| one.seen) {
        builder.alone(seen);
    }
    opinions::only_in_prompts(&input, &rules, &builder, &desk);
    let detectors = built(builder, &desk);
    if let Some(detectors) = &detectors {
        super::images::ages_only_warn(&rules.rules, &rules.clauses, detectors, &desk);
    }
    let problems = desk.problems.take().settle();
    let Some(detectors) = detectors.filter(|_| problems.errors() == 0) else {
        return Err(problems);
    };
    let rules::Made { rules, clauses, .. } = rules;
    cues.seal(&detectors);
    let scored = reading(&clauses, &|signal| detectors.is_meaning(signal));
    let asking: BTreeSet<u32> = scored
        .iter()
        .map(|&at| clauses[at as usize].rule.0)
        .collect();
    let mut set = PolicySet {
        everything: Arc::new(Selection::everything(&rules)),
        words: Arc::new(Selection::those(&rules, |ix| !asking.contains(&ix.0))),
        readers: readers(&clauses, signals.infos.len()),
        needs: clauses.iter().map(|one| one.clause.needs()).collect(),
        scored,
        pictured: reading(&clauses, &|signal| detectors.is_pictured(signal)),
        looked: Eye::ALL.map(|eye| reading(&clauses, &|signal| detectors.asks(signal, eye))),
        asked: reading(&clauses, &|signal| detectors.is_opinion(signal)),
        sources: shown_by(&detectors, &conversations, numbers.count()),
        hears_meaning: hears_meaning(&detectors, &conversations),
        acts: acts(&detectors, &conversations),
        reaches: (0..numbers.count())
            .map(|id| detectors.reach(SignalId(id)))
            .collect(),
        widest: 0,
        detectors: Arc::new(detectors),
        selections: Vec::new(),
        rules,
        clauses,
        cases,
        scripts,
        warnings: problems,
        hash,
        signals: signals.infos,
        separations: signals.separations,
        cues,
        conversations,
    };
    // What is seen of a conversation stands where the hit stands that showed it.
    for conversation in &set.conversations {
        let reach = conversation
            .signals()
            .map(|one| set.reaches[one.0 as usize])
            .max();
        for seen in conversation.seen {
            set.reaches[seen.0 as usize] = reach.unwrap_or(0);
        }
    }
    set.widest = set.reaches.iter().copied().max().unwrap_or(0);
    describe(
        &mut set.rules,
        &set.clauses,
        &set.reaches,
        &signals.languages,
    );
    for mut selection in selections {
        let reach = selection
            .allow
            .iter()
            .map(|allow| set.detectors.reach(*allow))
            .max();
        selection.reaches(reach.unwrap_or(0));
        set.selections.push(Arc::new(selection));
    }
    Ok(set)
}

/// Reads every source by its kind.
fn read<'s>(desk: &Desk<'s>) -> Input<'s> {
    let mut input = Input {
        files: Vec::new(),
        cases: Vec::new(),
        lists: BTreeMap::new(),
    };
    let mut policies: BTreeMap<String, String> = BTreeMap::new();
    let mut paths = BTreeSet::new();
    for (index, source) in (0..).zip(desk.sources) {
        if !paths.insert(source.path.as_str()) {
            let message = "two policy folders hold a file of this path";
            let diagnostic =
                Diagnostic::new(Code::Duplicate, Where::File(source.path.clone()), message);
            desk.report(
                diagnostic
                    .help("rename yours: shipped files are changed by overrides, not replaced"),
            );
            continue;
        }
        if !is_policy(&source.path) {
            continue;
        }
        let ends = |end: &str| source.path.ends_with(end);
        if ends(".txt")
            || ends(super::folders::EXAMPLES)
            || super::folders::HASHES.iter().any(|end| ends(end))
        {
            input.lists.insert(&source.path, (index, &source.text));
            continue;
        }
        let parsed = yaml::parse(desk.sources, index, &mut desk.problems.borrow_mut());
        let Some(node) = parsed else { continue };
        if matches!(node.value, yaml::Value::Null) {
            continue;
        }
        if source.path.ends_with(CASES_SUFFIX) {
            input.cases.extend(reader::read::<CasesFile>(&node, desk));
        } else if let Some(file) = reader::read::<PolicyFile>(&node, desk) {
            check_head(&file, &source.path, &mut policies, desk);
            let (path, shipped) = (source.path.clone(), source.shipped);
            input.files.push(Loaded {
                path,
                shipped,
                file,
            });
        }
    }
    input
}

/// A file with rules says which policy it is, and what callers learn of it.
fn check_head(
    file: &PolicyFile,
    path: &str,
    policies: &mut BTreeMap<String, String>,
    desk: &Desk<'_>,
) {
    let whole = |code, message: &str| Diagnostic::new(code, Where::File(path.to_owned()), message);
    if !file.rules.0.is_empty() {
        if file.policy.is_none() {
            let help = "add `policy: name` on top: apps select by it";
            desk.report(whole(Code::MissingField, "`policy` is missing").help(help));
        }
        if file.title.is_none() {
            let help = "add `title: {en: ..., zh: ...}`: callers learn it with a refusal";
            desk.report(whole(Code::MissingField, "`title` is missing").help(help));
        }
    }
    if let Some(title) = &file.title
        && let Some(language) = Template::lacks(&title.value)
    {
        let diagnostic = desk.at(
            Code::Language,
            title.place,
            format!("the title lacks `{language}`"),
        );
        desk.report(diagnostic.help(format!("add `{language}: ...`")));
    }
    let Some(name) = &file.policy else { return };
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    if name.value.is_empty() || !name.value.chars().all(word) {
        let message = format!("`{}` cannot name a policy", name.value);
        desk.report(
            desk.at(Code::BadName, name.place, message)
                .help("small letters, digits, `-` and `_`"),
        );
    }
    if let Some(other) = policies.insert(name.value.clone(), path.to_owned()) {
        let message = format!("policy `{}` is there twice", name.value);
        let diagnostic = desk.at(Code::Duplicate, name.place, message).label("again");
        desk.report(diagnostic.help(format!("the other is in {other}")));
    }
}

fn replies(input: &Input<'_>, desk: &Desk<'_>) -> Replies {
    let mut replies = Replies::default();
    for loaded in &input.files {
        for (name, text) in &loaded.file.replies.0 {
            if let Some((age, language)) = Template::reply_lacks(&text.value) {
                let dot = if age.is_empty() { "" } else { "." };
                let message = format!("reply `{}` lacks `{age}{dot}{language}`", name.value);
                let diagnostic = desk.at(Code::Language, name.place, message);
                desk.report(diagnostic.help(format!(
                    "add `{language}: ...`: every reader gets an answer"
                )));
            }
            if let Some(mark) = text.value.texts().find_map(helpline::unknown_mark) {
                let message = format!("reply `{}` says {mark}, which nothing fills", name.value);
                let known = helpline::Purpose::ALL
                    .map(helpline::Purpose::mark)
                    .join(", ");
                let diagnostic = desk.at(Code::Mark, name.place, message);
                desk.report(diagnostic.help(format!("write one of: {known}")));
            }
            let template = Template::of(&text.value);
            if replies.0.insert(name.value.clone(), template).is_some() {
                let message = format!("reply `{}` is there twice", name.value);
                desk.report(desk.at(Code::Duplicate, name.place, message).label("again"));
            }
        }
    }
    replies
}

/// The lines of a list that hold a phrase, each with its place.
pub(super) fn lines(source: u32, text: &str) -> Vec<At<String>> {
    let mut phrases = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        // A `#` inside a phrase is part of it; a comment begins a line or follows a space.
        let written = line.split_once(" #").map_or(line, |(before, _)| before);
        let phrase = written.trim();
        if !phrase.is_empty() && !phrase.starts_with('#') {
            let indent = written.len() - written.trim_start().len();
            let place = Place {
                source,
                start: 0,
                end: 0,
            }
            .within(start + indent..start + indent + phrase.len());
            phrases.push(At {
                value: phrase.to_owned(),
                place,
            });
        }
        start += line.len();
    }
    phrases
}

/// Tells the builder which signals only ever excuse.
fn plain_what_only_excuses(
    made: &rules::Made,
    cues: &Cues,
    conversations: &[Conversation],
    builder: &mut Builder,
) {
    let clauses = made.clauses.iter();
    let needed: BTreeSet<SignalId> = clauses
        .flat_map(|one| one.clause.need.iter().flat_map(Atom::signals))
        .chain(conversations.iter().flat_map(Conversation::signals))
        .chain(cues.signals())
        .collect();
    let unless = |one: &'_ Placed| -> Vec<SignalId> {
        one.clause.unless.iter().flat_map(Atom::signals).collect()
    };
    let excuses: BTreeSet<SignalId> = made.clauses.iter().flat_map(unless).collect();
    for signal in excuses.difference(&needed) {
        builder.plain(*signal);
    }
}

/// Tells the builder for which signals no stream has to wait: a hit that only excuses, or that only
/// prompts are judged by, never withholds a byte of an answer.
fn free_what_never_withholds(
    made: &rules::Made,
    selections: &[Selection],
    (signals, conversations): (u32, &[Conversation]),
    builder: &mut Builder,
) {
    let answers = Contexts::that(|direction, _, role, _| {
        (direction, role) == (Direction::Output, Role::Assistant)
    });
    let everything = Selection::everything(&made.rules);
    let stricter = || selections.iter().filter_map(|one| one.stricter.as_deref());
    let withholds = |rule: RuleIx| {
        let all = selections.iter().chain(stricter()).chain([&everything]);
        all.flat_map(|one| one.actions(rule).each())
            .any(|(_, action)| action.withholds())
    };
    let clauses = made.clauses.iter();
    let acting = clauses.filter(|one| one.clause.contexts.meets(answers) && withholds(one.rule));
    let mut held: BTreeSet<SignalId> = acting
        .flat_map(|one| one.clause.need.iter().flat_map(Atom::signals))
        .collect();
    for conversation in conversations {
        if conversation.seen.iter().any(|seen| held.contains(seen)) {
            held.extend(conversation.signals());
        }
    }
    for signal in (0..signals)
        .map(SignalId)
        .filter(|signal| !held.contains(signal))
    {
        builder.free(signal);
    }
}

fn built(builder: Builder, desk: &Desk<'_>) -> Option<Detectors> {
    builder
        .build()
        .map_err(|problem| {
            let at = Where::File("all policies together".to_owned());
            let diagnostic = Diagnostic::new(Code::Budget, at, problem.message);
            desk.report(diagnostic.helped(problem.help));
        })
        .ok()
}

fn readers(clauses: &[Placed], signals: usize) -> Vec<Vec<(u32, u32)>> {
    let mut readers = vec![Vec::new(); signals];
    for (at, placed) in (0..).zip(clauses) {
        let mut needed: BTreeMap<SignalId, u32> = BTreeMap::new();
        for (bit, atom) in placed.clause.need.iter().enumerate() {
            for signal in atom.signals() {
                *needed.entry(signal).or_default() |= 1 << bit;
            }
        }
        for (signal, bits) in needed {
            readers[signal.0 as usize].push((at, bits));
        }
    }
    readers
}

/// Clauses that read one of some signals.
fn reading(clauses: &[Placed], is: &dyn Fn(SignalId) -> bool) -> Vec<u32> {
    let reads = |one: &Placed| one.clause.signals().any(is);
    let reading = (0..).zip(clauses).filter(|(_, one)| reads(one));
    reading.map(|(at, _)| at).collect()
}

/// By signal: what shows it.
fn shown_by(
    detectors: &Detectors,
    conversations: &[Conversation],
    signals: u32,
) -> Vec<outlook::Source> {
    let seen: BTreeSet<SignalId> = conversations.iter().flat_map(|one| one.seen).collect();
    let source = |signal| match () {
        () if detectors.is_meaning(signal) => outlook::Source::Score,
        () if detectors.is_opinion(signal) || seen.contains(&signal) => outlook::Source::Other,
        () => outlook::Source::Text,
    };
    (0..signals).map(SignalId).map(source).collect()
}

/// Whether an act of a conversation is shown by what a sentence means.
fn hears_meaning(detectors: &Detectors, conversations: &[Conversation]) -> bool {
    let mut heard = conversations.iter().flat_map(Conversation::signals);
    heard.any(|signal| detectors.is_meaning(signal))
}

/// By set of signals: whether a conversation hears one of them.
fn acts(detectors: &Detectors, conversations: &[Conversation]) -> Vec<bool> {
    let hears = |signal: &SignalId| conversations.iter().any(|one| one.hears(*signal));
    let sets = detectors.sets();
    sets.map(|set| detectors.signals(set).iter().any(hears))
        .collect()
}

/// Fills in what a rule knows of its clauses: reach and languages.
fn describe(
    rules: &mut [Rule],
    clauses: &[Placed],
    reaches: &[u32],
    languages: &[BTreeSet<Language>],
) {
    for placed in clauses {
        let rule = &mut rules[placed.rule.0 as usize];
        rule.reach = rule.reach.max(reach(&placed.clause, reaches));
        let anchors = placed.clause.anchors.iter();
        for language in anchors.flat_map(|anchor| &languages[anchor.0 as usize]) {
            if !rule.languages.contains(language) {
                rule.languages.push(*language);
                rule.languages.sort_unstable();
            }
        }
    }
}

/// Symbols from the start of a completing hit until a stream has decided it, at most.
fn reach(clause: &Clause, reaches: &[u32]) -> u32 {
    let widest = |atom: &Atom| {
        atom.signals()
            .map(|one| reaches[one.0 as usize])
            .max()
            .unwrap_or(0)
    };
    let own = clause.need.iter().map(widest).max().unwrap_or(0);
    let excuse = clause.unless.iter().map(|atom| {
        widest(atom)
            + match atom {
                Atom::Near(_, distance) => *distance,
                _ => NOT_REACH,
            }
    });
    own + excuse.max().unwrap_or(0)
}

/// blake3 of what can change a verdict: policies and lists, what apps say, and this program.
fn hash(sources: &[Source], apps: &[AppPolicies]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let mut field = |text: &str| {
        // The length first, so that no two different inputs spell the same bytes.
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    field(env!("CARGO_PKG_VERSION"));
    for source in sources
        .iter()
        .filter(|source| !source.path.ends_with(CASES_SUFFIX))
    {
        field(&source.path);
        field(if source.shipped { "shipped" } else { "own" });
        field(&source.text.replace("\r\n", "\n"));
    }
    for app in apps {
        field(&format!("{app:?}"));
    }
    *hasher.finalize().as_bytes()
}
