//! The one door from files to a [`PolicySet`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::condition::{self, Condition, Polarity};
use super::file::{ActionFile, PolicyFile, ReplaceFile, RuleFile, SignalFile};
use super::judge::NOT_REACH;
use super::rule::{Action, Actions, Atom, Level, Meta, Rule, RuleId, RuleIx, Severity, Status};
use super::{AppPolicies, Diagnostics, PolicySet, Selection, Source, Texts};
use crate::detect::{Builder, ContactKind, SignalId};
use crate::message::{Direction, Output, Role};
use crate::text::{ViewKind, Views};

/// Compiles.
pub fn compile(sources: &[Source], apps: &[AppPolicies]) -> Result<PolicySet, Diagnostics> {
    let mut problems = Vec::new();
    let mut files: BTreeMap<String, (PolicyFile, &Source)> = BTreeMap::new();
    let mut lists: HashMap<String, &Source> = HashMap::new();
    for source in sources {
        if source.path.ends_with(".cases.yaml") {
            continue;
        }
        if !source.path.ends_with(".yaml") {
            lists.insert(source.path.clone(), source);
            continue;
        }
        match serde_saphyr::from_str::<PolicyFile>(&source.text) {
            Ok(file) => {
                files.insert(source.path.trim_end_matches(".yaml").to_owned(), (file, source));
            }
            Err(error) => problems.push(format!("{}: {error}", source.path)),
        }
    }
    let mut builder = Builder::default();
    let mut names: Vec<String> = Vec::new();
    let mut ids: HashMap<(String, String), SignalId> = HashMap::new();
    for (path, (file, _)) in &files {
        for (name, signal) in &file.signals {
            let id = SignalId(names.len() as u32);
            names.push(format!("{path}.{name}"));
            ids.insert((path.clone(), name.clone()), id);
            if let Err(error) = add(&mut builder, id, signal, &lists) {
                problems.push(format!("{path}: signal {name}: {error}"));
            }
        }
    }
    let mut texts = Vec::new();
    let mut rules = Vec::new();
    let replies: HashMap<&String, _> = files.values().flat_map(|(file, _)| &file.replies).collect();
    for (path, (file, source)) in &files {
        for rule in &file.rules {
            let scope: Vec<&String> = std::iter::once(path).chain(&file.uses).collect();
            match build(rule, file, source, &scope, &ids) {
                Ok(built) => {
                    if built.status == Status::Retired {
                        continue;
                    }
                    let reply = rule.reply.as_ref().and_then(|name| replies.get(name));
                    let guidance = rule.guidance.as_ref().and_then(|name| replies.get(name));
                    texts.push(Texts {
                        reply: reply.map(|text| [text.en.clone(), text.zh.clone()]).unwrap_or_default(),
                        guidance: guidance.map(|text| [text.en.clone(), text.zh.clone()]),
                        replacement: match &rule.replace {
                            None => ["[removed]".into(), "[已移除]".into()],
                            Some(ReplaceFile::One(text)) => [text.clone(), text.clone()],
                            Some(ReplaceFile::Two(text)) => [text.en.clone(), text.zh.clone()],
                        },
                        area: file.title.clone().map(|t| [t.en, t.zh]).unwrap_or_default(),
                    });
                    rules.push(built);
                }
                Err(error) => problems.push(format!("{path}: {}: {error}", rule.id)),
            }
        }
    }
    let mut watchers: Vec<Vec<RuleIx>> = vec![Vec::new(); names.len()];
    for (index, rule) in rules.iter().enumerate() {
        let mut signals: Vec<SignalId> = rule.anchors.clone();
        for (atom, polarity) in rule.when.names() {
            if let (Atom::Signal(id), Polarity::Positive) = (atom, polarity) {
                signals.push(*id);
            }
        }
        signals.sort_unstable();
        signals.dedup();
        for signal in signals {
            watchers[signal.0 as usize].push(RuleIx(index as u32));
        }
    }
    let mut hasher = blake3::Hasher::new();
    for source in sources {
        hasher.update(source.path.as_bytes()).update(&[0]).update(source.text.as_bytes()).update(&[0]);
    }
    hasher.update(format!("{apps:?}").as_bytes());
    let mut selections = Vec::new();
    for app in apps {
        let actions = rules
            .iter()
            .map(|rule| {
                let on = rule.wall() || rule.level.0 <= app.level;
                let mut actions = rule.actions;
                if let Some(over) = app.overrides.get(&rule.id.0)
                    && let Some(action) = over.action
                {
                    actions = Actions { minor: action, adult: action };
                }
                if rule.status == Status::Experimental {
                    actions.minor = actions.minor.min(Action::Flag);
                    actions.adult = actions.adult.min(Action::Flag);
                }
                on.then_some(actions)
            })
            .collect();
        let mut allow = Vec::new();
        let mut longest = 0;
        for phrase in &app.allow {
            let id = SignalId(names.len() as u32);
            names.push(format!("allow.{phrase}"));
            watchers.push(Vec::new());
            longest = longest.max(phrase.chars().count() as u32 + 1);
            if let Err(error) = builder.word(id, phrase, Views::DEFAULT) {
                problems.push(error.message);
            }
            allow.push(id);
        }
        selections.push(Arc::new(Selection { actions, allow, patience: longest }));
    }
    if !problems.is_empty() {
        return Err(Diagnostics { problems });
    }
    let detectors = builder.build().map_err(|error| Diagnostics { problems: vec![error.message] })?;
    Ok(PolicySet {
        detectors: Arc::new(detectors),
        rules,
        selections,
        hash: *hasher.finalize().as_bytes(),
        watchers,
        texts,
    })
}

fn add(builder: &mut Builder, id: SignalId, signal: &SignalFile, lists: &HashMap<String, &Source>) -> Result<(), String> {
    let views = if signal.views.is_empty() {
        Views::DEFAULT
    } else {
        Views::of(&signal.views.iter().filter_map(|name| ViewKind::named(name)).collect::<Vec<_>>())
    };
    let mut words = signal.words.clone();
    if let Some(list) = &signal.list {
        let source = lists.get(list).ok_or_else(|| format!("no list {list}"))?;
        words.extend(source.text.lines().map(|line| line.split('#').next().unwrap_or("").trim().to_owned()).filter(|line| !line.is_empty()));
    }
    for word in &words {
        builder.word(id, word, views).map_err(|error| error.message)?;
    }
    for pattern in signal.patterns.iter().chain(&signal.pattern) {
        builder.pattern(id, pattern).map_err(|error| error.message)?;
    }
    if let Some(age) = &signal.age {
        builder.age(id, age.from, age.to).map_err(|error| error.message)?;
    }
    if !signal.contact.is_empty() {
        let kinds: Vec<ContactKind> = signal.contact.iter().filter_map(|kind| match kind.as_str() {
            "phone" => Some(ContactKind::Phone),
            "email" => Some(ContactKind::Email),
            "link" => Some(ContactKind::Link),
            "handle" => Some(ContactKind::Handle),
            _ => None,
        }).collect();
        builder.contact(id, &kinds).map_err(|error| error.message)?;
    }
    Ok(())
}

fn build(rule: &RuleFile, file: &PolicyFile, source: &Source, scope: &[&String], ids: &HashMap<(String, String), SignalId>) -> Result<Rule, String> {
    let parsed = condition::parse(&rule.when).map_err(|trouble| trouble.message)?;
    let when = parsed.map(&mut |name| {
        if let Some(meta) = Meta::named(&name.text) {
            return Ok(Atom::Meta(meta));
        }
        scope.iter().find_map(|path| ids.get(&((*path).clone(), name.text.clone()))).map(|id| Atom::Signal(*id)).ok_or(format!("unknown signal {}", name.text))
    })?;
    let anchors = anchors(&when);
    if anchors.is_empty() {
        return Err("no anchor".into());
    }
    let action = |name: &str| Action::named(name).ok_or(format!("unknown action {name}"));
    let actions = match &rule.action {
        ActionFile::One(one) => Actions { minor: action(one)?, adult: action(one)? },
        ActionFile::Two { minor, adult } => Actions { minor: action(minor)?, adult: action(adult)? },
    };
    Ok(Rule {
        id: RuleId(rule.id.clone()),
        policy: file.policy.clone().unwrap_or_default(),
        title: rule.title.clone(),
        place: (source.path.clone(), 0),
        status: match rule.status.as_str() { "stable" => Status::Stable, "experimental" => Status::Experimental, _ => Status::Retired },
        level: Level(rule.level),
        severity: Severity(rule.severity),
        directions: rule.applies.direction.iter().filter_map(|d| match d.as_str() { "prompt" => Some(Direction::Prompt), "output" => Some(Direction::Output), _ => None }).collect(),
        roles: rule.applies.role.iter().filter_map(|d| match d.as_str() { "system" => Some(Role::System), "user" => Some(Role::User), "assistant" => Some(Role::Assistant), "tool" => Some(Role::Tool), _ => None }).collect(),
        outputs: rule.applies.output.iter().filter_map(|d| match d.as_str() { "text" => Some(Output::Text), "image" => Some(Output::Image), "image_edit" => Some(Output::ImageEdit), _ => None }).collect(),
        lookahead: lookahead(&when),
        when,
        anchors,
        actions,
        shipped: source.shipped,
        false_positives: rule.false_positives.clone(),
    })
}

/// The anchor signals of a condition.
pub fn anchors(condition: &Condition<Atom>) -> Vec<SignalId> {
    match condition {
        Condition::And(all) => all.iter().map(anchors).find(|found| !found.is_empty()).unwrap_or_default(),
        Condition::Or(any) => {
            let each: Vec<Vec<SignalId>> = any.iter().map(anchors).collect();
            if each.iter().any(Vec::is_empty) { Vec::new() } else { each.concat() }
        }
        Condition::Is(Atom::Signal(id)) | Condition::Count(Atom::Signal(id), _) | Condition::InOrder(_, Atom::Signal(id), _) => vec![*id],
        _ => Vec::new(),
    }
}

/// Symbols that a `not` waits for.
pub fn lookahead(condition: &Condition<Atom>) -> u32 {
    match condition {
        Condition::And(all) | Condition::Or(all) => all.iter().map(lookahead).max().unwrap_or(0),
        Condition::Not(inner) => negated(inner),
        _ => 0,
    }
}

fn negated(condition: &Condition<Atom>) -> u32 {
    match condition {
        Condition::And(all) | Condition::Or(all) => all.iter().map(negated).max().unwrap_or(0),
        Condition::Not(inner) => lookahead(inner),
        Condition::Is(Atom::Meta(_)) => 1,
        Condition::Is(_) | Condition::Count(..) => NOT_REACH,
        Condition::Near(_, n) | Condition::InOrder(_, _, n) => *n + 1,
    }
}
