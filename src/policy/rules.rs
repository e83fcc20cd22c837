//! Rules: checks every field of every rule and compiles those that are not retired.

use std::collections::{BTreeMap, BTreeSet};

use super::actions::Actions;
use super::clause::Clause;
use super::compile::Loaded;
use super::condition;
use super::conditions::{Conditions, Written};
use super::context::Contexts;
use super::desk::Desk;
use super::diagnostic::{Code, Spot, did_you_mean};
use super::file;
use super::frame::Placed;
use super::normal;
use super::parts::At;
use super::reply::{REMOVED, Replies, Template};
use super::rule::{Action, Level, Rule, RuleId, RuleIx, Severity, Status};
use super::visible::Visible;
use crate::message::{Band, Direction, Output};

/// What became of the rules.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// Those that are compiled.
    pub rules: Vec<Rule>,
    /// Their arms.
    pub clauses: Vec<Placed>,
    /// Every id, of retired rules too.
    pub ids: BTreeSet<String>,
}

/// Compiles the rules of all files.
pub(super) fn make(
    files: &[Loaded],
    visible: &[Visible<'_>],
    conditions: &Conditions,
    replies: &Replies,
    desk: &Desk<'_>,
) -> Made {
    let mut made = Made::default();
    let mut places: BTreeMap<&str, String> = BTreeMap::new();
    for (loaded, visible) in files.iter().zip(visible) {
        let maker = Maker {
            loaded,
            visible,
            conditions,
            replies,
            desk,
        };
        for rule in &loaded.file.rules.0 {
            let spot = Spot::of(desk.sources, rule.id.place);
            let here = format!("{}:{}", spot.path, spot.line);
            if let Some(earlier) = places.insert(&rule.id.value, here) {
                let message = format!("rule id `{}` is taken", rule.id.value);
                let diagnostic = desk
                    .at(Code::Duplicate, rule.id.place, message)
                    .label("again");
                desk.report(
                    diagnostic.help(format!("ids are never reused; the other is at {earlier}")),
                );
            }
            made.ids.insert(rule.id.value.clone());
            let (compiled, clauses) = maker.make(rule, &spot);
            if compiled.status == Status::Retired {
                continue;
            }
            let ix = RuleIx(u32::try_from(made.rules.len()).unwrap_or(u32::MAX));
            let wall = compiled.wall;
            let clauses = clauses.into_iter();
            made.clauses.extend(clauses.map(|clause| Placed {
                rule: ix,
                clause,
                wall,
            }));
            made.rules.push(compiled);
        }
    }
    made
}

struct Maker<'m> {
    loaded: &'m Loaded,
    visible: &'m Visible<'m>,
    conditions: &'m Conditions,
    replies: &'m Replies,
    desk: &'m Desk<'m>,
}

impl Maker<'_> {
    fn make(&self, rule: &file::Rule, spot: &Spot) -> (Rule, Vec<Clause>) {
        self.check_id(&rule.id);
        self.check_range(
            &rule.level,
            3,
            "level",
            "1 hardly ever wrong, 2 sometimes, 3 strict",
        );
        self.check_range(&rule.severity, 4, "severity", "1 is worst, 4 is mildest");
        self.check_false_positives(rule);
        let actions = self.actions(rule);
        let reply = self.reply(rule.reply.as_ref(), "reply");
        let guidance = self.reply(rule.guidance.as_ref(), "guidance");
        self.check_reply(rule, actions);
        self.check_instead(rule, actions);
        let id = RuleId(rule.id.value.clone());
        let severity = Severity(rule.severity.value);
        let title = self
            .loaded
            .file
            .title
            .as_ref()
            .map(|title| title.value.clone());
        let title = title.unwrap_or_default();
        let (mut clauses, conditions) = self.clauses(&rule.when);
        let compiled = Rule {
            shipped: self.loaded.shipped,
            wall: self.loaded.shipped && is_wall(&id, severity),
            id,
            policy: self
                .loaded
                .file
                .policy
                .as_ref()
                .map_or_else(String::new, |name| name.value.clone()),
            area: Template::new(title.en, title.zh),
            title: rule.title.clone(),
            reference: self.loaded.file.reference.clone().unwrap_or_default(),
            when: rule.when.value.clone(),
            conditions,
            status: rule.status,
            level: Level(rule.level.value),
            severity,
            actions,
            instead: rule.instead_of.is_some(),
            reply,
            guidance,
            replace: self.replace(rule),
            false_positives: rule
                .false_positives
                .value
                .iter()
                .map(|one| one.value.clone())
                .collect(),
            place: (spot.path.clone(), spot.line),
            reach: 0,
            languages: Vec::new(),
        };
        let applies = applies(&rule.applies);
        for clause in &mut clauses {
            clause.contexts = clause.contexts.and(applies);
        }
        clauses.retain(|clause| clause.contexts.0 != 0);
        (compiled, clauses)
    }

    fn check_id(&self, id: &At<String>) {
        if is_id(&id.value) {
            return;
        }
        let message = format!("`{}` is no rule id", id.value);
        let help =
            "row of the notice and a number of three digits: `QL3.1-010`, `X.SH-010`, `ACME-010`";
        self.desk
            .report(self.desk.at(Code::BadId, id.place, message).help(help));
    }

    fn check_range(&self, number: &At<u8>, most: u8, what: &str, help: &str) {
        if number.value == 0 || number.value > most {
            let message = format!("{what} {} is outside 1 to {most}", number.value);
            self.desk
                .report(self.desk.at(Code::Range, number.place, message).help(help));
        }
    }

    fn check_false_positives(&self, rule: &file::Rule) {
        let help = "every rule errs: name what it may wrongly find, and add a case for each";
        let list = &rule.false_positives;
        if list.value.is_empty() {
            let diagnostic = self.desk.at(
                Code::FalsePositives,
                list.place,
                "`false_positives` is empty",
            );
            self.desk.report(diagnostic.help(help));
        }
        for entry in &list.value {
            let word = entry.value.trim().trim_end_matches('.').to_lowercase();
            if ["", "none", "no", "nothing", "n/a", "na", "-", "无", "没有"].contains(&&*word) {
                let message = format!("false positive `{}` is refused", entry.value);
                self.desk.report(
                    self.desk
                        .at(Code::FalsePositives, entry.place, message)
                        .help(help),
                );
            }
        }
    }

    fn actions(&self, rule: &file::Rule) -> Actions {
        let actions = rule.action.value.0;
        if actions == Actions::all(Action::Allow) {
            let diagnostic = self.desk.at(
                Code::Range,
                rule.action.place,
                "a rule that allows does nothing",
            );
            self.desk.report(
                diagnostic.help("retire it with `status: retired`, or use `flag` to record"),
            );
        }
        actions
    }

    /// Whoever reads a refusal, a support or a nudge has to read something.
    fn check_reply(&self, rule: &file::Rule, actions: Actions) {
        let speaks = |action: &Action| action.ends() || *action == Action::Nudge;
        let spoken = actions.each().map(|(_, action)| action).find(speaks);
        if let (None, Some(action)) = (&rule.reply, spoken) {
            let message = format!("`{}` needs a `reply`", action.name());
            let diagnostic = self.desk.at(Code::MissingField, rule.action.place, message);
            self.desk.report(
                diagnostic.help("name a text of a file with `replies:`: `reply: refusal.name`"),
            );
        }
    }

    /// What stands in for a refusal is support, of a prompt that asks for words.
    fn check_instead(&self, rule: &file::Rule, actions: Actions) {
        let Some(At { value, place }) = rule.instead_of else {
            return;
        };
        let supports = |(band, action): (Band, Action)| {
            action == Action::Support || (band == Band::Adult && !action.ends())
        };
        let words = !applies(&rule.applies).meets(prompts_for_words().complement());
        if value != Action::Block || !actions.each().all(supports) || !words {
            let message = "nothing can stand in for something else like that";
            let help = "`instead_of: block` goes with `action: {minor: support, ...}` and \
                        `applies: {direction: [prompt], output: [text]}`: what a child may be telling is \
                        answered with help where it would be refused";
            let diagnostic = self.desk.at(Code::Instead, place, message);
            self.desk.report(diagnostic.help(help));
        }
    }

    fn reply(&self, name: Option<&At<String>>, what: &str) -> Option<Template> {
        let name = name?;
        let found = self.replies.0.get(&name.value);
        if found.is_none() {
            let help = did_you_mean(&name.value, self.replies.0.keys().map(String::as_str));
            let help =
                help.unwrap_or_else(|| "texts stand under `replies:` in a common file".to_owned());
            let message = format!("unknown {what} `{}`", name.value);
            self.desk.report(
                self.desk
                    .at(Code::UnknownReply, name.place, message)
                    .help(help),
            );
        }
        found.cloned()
    }

    fn replace(&self, rule: &file::Rule) -> Template {
        let Some(At {
            value: written,
            place,
        }) = &rule.replace
        else {
            return Template::new(REMOVED.0, REMOVED.1);
        };
        let template = Template::new(&*written.0.en, &*written.0.zh);
        if !template.separates() {
            let message = "a replacement needs a letter or Han in every language";
            let diagnostic = self.desk.at(Code::Replacement, *place, message);
            let help = "what stands left and right of it must not join up: `[removed]`, `[已移除]`";
            self.desk.report(diagnostic.help(help));
        }
        template
    }

    /// The arms of a condition, and the conditions that it names, each with what was written for it.
    fn clauses(&self, when: &At<String>) -> (Vec<Clause>, Vec<(String, String)>) {
        let written = Written::of(when, self.desk);
        let length = written.text.trim_end().len();
        let (visible, conditions) = (self.visible, self.conditions);
        let lookup = |name: &str| visible.find(name);
        let mut told = Vec::new();
        let made = condition::parse(written.text)
            .map_err(|wrong| vec![wrong])
            .inspect(|parsed| told = conditions.told(parsed, visible))
            .and_then(|parsed| conditions.spelled_out(&parsed, visible))
            .and_then(|parsed| normal::clauses(&parsed, length, &lookup, &visible.names()));
        let clauses = made.unwrap_or_else(|wrongs| {
            written.report(wrongs, self.desk);
            Vec::new()
        });
        (clauses, told)
    }
}

/// `(QL[1-7].[1-4] | X.[A-Z]{2} | [A-Z]{2,8})-[0-9]{3}`
fn is_id(id: &str) -> bool {
    let Some((row, number)) = id.rsplit_once('-') else {
        return false;
    };
    let capitals = |text: &str| text.bytes().all(|byte| byte.is_ascii_uppercase());
    let row_ok = match row.split_once('.') {
        Some(("X", area)) => area.len() == 2 && capitals(area),
        Some((notice, place)) => {
            let digit = |text: &str, most: u8| matches!(text.as_bytes(), [one] if (b'1'..=most).contains(one));
            notice
                .strip_prefix("QL")
                .is_some_and(|part| digit(part, b'7'))
                && digit(place, b'4')
        }
        None => (2..=8).contains(&row.len()) && capitals(row),
    };
    row_ok && number.len() == 3 && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a shipped rule belongs to the wall.
fn is_wall(id: &RuleId, severity: Severity) -> bool {
    id.row() == "QL7.1" || id.row().starts_with("QL3.") && severity == Severity(1)
}

/// Prompts that ask for words.
fn prompts_for_words() -> Contexts {
    Contexts::that(|way, kind, _, _| way == Direction::Prompt && kind == Output::Text)
}

fn applies(written: &file::Applies) -> Contexts {
    let file::Applies {
        direction,
        role,
        output,
    } = written;
    Contexts::that(|way, kind, speaker, _| {
        direction
            .as_ref()
            .is_none_or(|all| all.iter().any(|one| way == (*one).into()))
            && output
                .as_ref()
                .is_none_or(|all| all.iter().any(|one| kind == (*one).into()))
            && role
                .as_ref()
                .is_none_or(|all| all.iter().any(|one| speaker == (*one).into()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        for good in ["QL3.1-010", "QL7.4-999", "X.SH-010", "ACME-001", "AB-000"] {
            assert!(is_id(good), "{good}");
        }
        for bad in [
            "QL8.1-010",
            "QL3.5-010",
            "QL3-010",
            "X.S-010",
            "ql3.1-010",
            "A-001",
            "QL3.1-10",
            "QL3.1010",
            "",
        ] {
            assert!(!is_id(bad), "{bad}");
        }
    }

    #[test]
    fn the_wall() {
        let wall = |id: &str, severity| is_wall(&RuleId(id.into()), Severity(severity));
        assert!(wall("QL7.1-030", 4) && wall("QL3.2-010", 1));
        assert!(!wall("QL3.2-010", 2) && !wall("QL7.2-010", 1) && !wall("QL6.3-010", 1));
    }
}
