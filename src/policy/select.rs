//! [`Selection`]: what one app uses of a set, and the checks on what the app says about it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::actions::Actions;
use super::desk::Desk;
use super::diagnostic::{Code, Diagnostic, Where, did_you_mean};
use super::rule::{Action, Rule, RuleIx, Status};
use super::{AppPolicies, Override};
use crate::detect::{Builder, SignalId};
use crate::message::{Audience, AudienceSource};
use crate::text::Views;

/// The strictest level.
const LEVEL_MAX: u8 = 3;

/// What one app uses of a set: which rules, with which actions, which phrases are allowed.
#[derive(Debug)]
pub struct Selection {
    /// The app, for diagnostics; empty for the selection of everything.
    pub app: String,
    /// By rule; [`Action::Allow`] where a rule is off.
    actions: Vec<Actions>,
    /// Signals of the app's allow phrases, sorted.
    pub(super) allow: Vec<SignalId>,
    /// Symbols that the longest of them spans, right context included; 0 without.
    pub(super) allow_reach: u32,
    /// One level up, for the answer to a doubtful prompt; none at the highest level.
    pub(super) stricter: Option<Arc<Selection>>,
    /// By rule: whether it only observes here, and so changes nothing.
    observes: Vec<bool>,
}

impl Selection {
    /// What is done about a rule for this audience.
    pub fn action(&self, rule: RuleIx, audience: Audience) -> Action {
        let actions = self.actions[rule.0 as usize];
        let own = actions.of(audience.band);
        match audience.source {
            AudienceSource::Cue(declared) => tightened(actions.of(declared), own),
            _ => own,
        }
    }

    /// What is done about a rule, by audience.
    pub fn actions(&self, rule: RuleIx) -> Actions {
        self.actions[rule.0 as usize]
    }

    /// Whether the rule does anything for anybody.
    pub fn uses(&self, rule: RuleIx) -> bool {
        self.actions[rule.0 as usize] != Actions::all(Action::Allow)
    }

    /// The same app one level stricter; itself at the highest level.
    #[must_use]
    pub fn stricter(self: &Arc<Self>) -> Arc<Self> {
        Arc::clone(self.stricter.as_ref().unwrap_or(self))
    }

    /// Whether a rule only observes here, whatever it finds.
    pub fn observes(&self, rule: RuleIx) -> bool {
        self.observes[rule.0 as usize]
    }

    /// The longest allow phrase is known.
    pub(super) fn reaches(&mut self, symbols: u32) {
        self.allow_reach = symbols;
        if let Some(stricter) = self.stricter.as_mut().and_then(Arc::get_mut) {
            stricter.reaches(symbols);
        }
    }

    /// Every rule with its own action, whatever its level.
    pub(super) fn everything(rules: &[Rule]) -> Self {
        Self::those(rules, |_| true)
    }

    /// The rules of which that is true, each with its own action, whatever its level.
    pub(super) fn those(rules: &[Rule], fits: impl Fn(RuleIx) -> bool) -> Self {
        let action = |(ix, rule): (RuleIx, &Rule)| match fits(ix) {
            true => lived(rule.actions, rule.status),
            false => Actions::all(Action::Allow),
        };
        let actions = (0..).map(RuleIx).zip(rules).map(action).collect();
        Self {
            app: String::new(),
            actions,
            allow: Vec::new(),
            allow_reach: 0,
            stricter: None,
            observes: rules
                .iter()
                .map(|rule| rule.status == Status::Experimental)
                .collect(),
        }
    }
}

/// What is done when a cue made the audience younger: never less than for the declared band. Where
/// the younger band's action ends the exchange too, it is the one: a child is supported, not refused.
fn tightened(declared: Action, younger: Action) -> Action {
    match younger.ends() {
        true => younger,
        false => younger.max(declared),
    }
}

/// What a rule does at its stage of life.
fn lived(actions: Actions, status: Status) -> Actions {
    match status {
        Status::Experimental => actions.map(|action| action.min(Action::Flag)),
        Status::Stable => actions,
        Status::Retired => Actions::all(Action::Allow),
    }
}

/// Checks what an app says and selects its rules. `allow` is the number for its allow phrases.
pub(super) fn make(
    app: &AppPolicies,
    rules: &[Rule],
    ids: &BTreeSet<String>,
    allow: SignalId,
    desk: &Desk<'_>,
    builder: &mut Builder,
) -> Selection {
    let said = Said { app, rules, desk };
    if app.level == 0 || app.level > 3 {
        let help = "1 hardly ever wrong, 2 sometimes, 3 strict";
        said.report(
            Code::Range,
            format!("level {} is outside 1 to 3", app.level),
            help.into(),
        );
    }
    for wanted in &app.policies {
        said.check_policy(wanted);
    }
    for (id, change) in &app.overrides {
        said.check_override(id, change, ids);
    }
    builder.alone(allow);
    for phrase in &app.allow {
        if let Err(problem) = builder.word(allow, phrase, Views::PLAIN) {
            let message = format!("allow phrase {phrase:?}: {}", problem.message);
            said.report(Code::Phrase, message, problem.help.unwrap_or_default());
        }
    }
    let at = |level: u8, stricter| Selection {
        app: app.app.clone(),
        actions: rules.iter().map(|rule| said.actions(rule, level)).collect(),
        allow: if app.allow.is_empty() {
            Vec::new()
        } else {
            vec![allow]
        },
        // Known once the detectors are built.
        allow_reach: 0,
        stricter,
        observes: rules.iter().map(|rule| said.observes(rule)).collect(),
    };
    let stricter = (app.level < LEVEL_MAX).then(|| Arc::new(at(app.level + 1, None)));
    at(app.level, stricter)
}

struct Said<'s> {
    app: &'s AppPolicies,
    rules: &'s [Rule],
    desk: &'s Desk<'s>,
}

impl Said<'_> {
    fn report(&self, code: Code, message: String, help: String) {
        let diagnostic = Diagnostic::new(code, Where::App(self.app.app.clone()), message);
        self.desk
            .report(diagnostic.helped((!help.is_empty()).then_some(help)));
    }

    fn check_policy(&self, wanted: &str) {
        if self.rules.iter().any(|rule| names(wanted, rule)) {
            return;
        }
        let known: BTreeSet<&str> = self
            .rules
            .iter()
            .flat_map(|rule| [rule.policy.as_str(), rule.id.row(), rule.id.0.as_str()])
            .collect();
        let help = did_you_mean(wanted, known);
        let help =
            help.unwrap_or_else(|| "a policy's name, a row (`QL3`, `QL3.1`) or a rule's id".into());
        self.report(
            Code::UnknownPolicy,
            format!("there is no policy `{wanted}`"),
            help,
        );
    }

    fn check_override(&self, id: &str, change: &Override, ids: &BTreeSet<String>) {
        let Some(rule) = self.rules.iter().find(|rule| rule.id.0 == id) else {
            let help = match ids.contains(id) {
                true => Some("the rule is retired; remove the override".to_owned()),
                false => did_you_mean(id, ids.iter().map(String::as_str)),
            };
            let help = help.unwrap_or_else(|| "`wardgate explain` lists the rules".to_owned());
            self.report(
                Code::OverrideUnknown,
                format!("override of unknown rule `{id}`"),
                help,
            );
            return;
        };
        let own = lived(rule.actions, rule.status);
        let changed = changed(rule, change);
        if rule.wall() && changed != changed.raised(own) {
            let help = "rules of QL7.1 and the worst of QL3 protect children everywhere; remove the override";
            self.report(
                Code::Wall,
                format!("rule {id} cannot be lowered"),
                help.into(),
            );
        }
    }

    fn observes(&self, rule: &Rule) -> bool {
        let change = self.app.overrides.get(&rule.id.0);
        let status = change.and_then(|change| change.status);
        status.unwrap_or(rule.status) == Status::Experimental
    }

    fn actions(&self, rule: &Rule, level: u8) -> Actions {
        let own = lived(rule.actions, rule.status);
        let change = self.app.overrides.get(&rule.id.0);
        if rule.wall() {
            let changed = change.map_or(own, |change| changed(rule, change));
            // The check has refused what is lower; a set must not be able to hold it either.
            return own.raised(changed);
        }
        let wanted = &self.app.policies;
        let selected = (wanted.is_empty() || wanted.iter().any(|wanted| names(wanted, rule)))
            && rule.level.0 <= level;
        match change {
            Some(change) if selected || change.action.is_some() => changed(rule, change),
            _ if selected => own,
            _ => Actions::all(Action::Allow),
        }
    }
}

/// Whether an app's word means this rule: its policy, its id, its row or the row's chapter.
fn names(wanted: &str, rule: &Rule) -> bool {
    let row = rule.id.row();
    wanted == rule.policy
        || wanted == rule.id.0
        || wanted == row
        || row
            .strip_prefix(wanted)
            .is_some_and(|rest| rest.starts_with('.'))
}

fn changed(rule: &Rule, change: &Override) -> Actions {
    let actions = change.action.map_or(rule.actions, Actions::all);
    lived(actions, change.status.unwrap_or(rule.status))
}
