//! [`Conditions`]: named parts of conditions. In a `when` a name stands for what it means, as if that were
//! written there: where it is negated, measured from or counted is decided there too.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Range;

use super::compile::Loaded;
use super::condition::{self, Condition, Name, Wrong};
use super::desk::Desk;
use super::diagnostic::{Code, Place};
use super::normal;
use super::parts::At;
use super::signals::{Key, check_name};
use super::visible::Visible;
use crate::detect::SignalId;

/// Most signals and joints of a condition once every name stands for what it means: ten times the largest
/// shipped one. Conditions that name each other twice double in size with every line.
const SIZE_LIMIT: usize = 1_000;

/// Deepest nesting of names. The shipped ones are three deep; a condition of names that deep has still to be
/// walked by functions that call themselves.
const NAMES_LIMIT: usize = 8;

/// The named conditions of all files.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    meanings: BTreeMap<Key, Meaning>,
}

/// What a name stands for.
#[derive(Debug)]
struct Meaning {
    /// All names stand for what they mean here; none if what is wrong has been reported.
    condition: Option<Condition>,
    /// Its name, and what was written for it.
    told: (String, String),
    /// The conditions that it names.
    names: Vec<Key>,
    /// How deep those are in each other, itself included.
    depth: usize,
    /// Whether a rule reads it.
    is_read: Cell<bool>,
}

/// Why a condition cannot be had.
enum Fault {
    Wrong(Wrong),
    /// Something that it names is wrong, which has been reported.
    Reported,
}

impl Conditions {
    /// Reads and checks those of all files.
    pub fn read(files: &[Loaded], visible: &[Visible<'_>], desk: &Desk<'_>) -> Self {
        let mut reader = Reader {
            files,
            visible,
            desk,
            read: Self::default(),
            open: Vec::new(),
        };
        for (file, loaded) in files.iter().enumerate() {
            for (at, (name, _)) in loaded.file.conditions.0.iter().enumerate() {
                check_name(name, "condition", desk);
                reader.read((file, at));
            }
        }
        reader.read
    }

    /// The condition of a rule with every name standing for what it means.
    ///
    /// # Errors
    /// What is wrong; nothing where that has been reported.
    pub fn spelled_out(
        &self,
        condition: &Condition,
        visible: &Visible<'_>,
    ) -> Result<Condition, Vec<Wrong>> {
        let mut room = SIZE_LIMIT;
        let spelled = self.spell(condition, visible, &mut room);
        spelled.map_err(|fault| match fault {
            Fault::Wrong(wrong) => vec![wrong],
            Fault::Reported => Vec::new(),
        })
    }

    /// Notes that a rule has this condition; returns those that it names, and what was written for each.
    pub fn told(&self, condition: &Condition, visible: &Visible<'_>) -> Vec<(String, String)> {
        let mut keys = named(condition, visible);
        let mut next = 0;
        while let Some(meaning) = keys.get(next).and_then(|key| self.meanings.get(key)) {
            meaning.is_read.set(true);
            let more = meaning.names.iter();
            let more: Vec<Key> = more.filter(|key| !keys.contains(key)).copied().collect();
            keys.extend(more);
            next += 1;
        }
        let meanings = keys.iter().filter_map(|key| self.meanings.get(key));
        meanings.map(|meaning| meaning.told.clone()).collect()
    }

    /// Warns of those that no rule reads.
    pub fn report_unread(&self, files: &[Loaded], desk: &Desk<'_>) {
        for (&(file, at), meaning) in &self.meanings {
            if !meaning.is_read.get() {
                let (name, _) = &files[file].file.conditions.0[at];
                let message = format!("no rule reads condition `{}`", name.value);
                let diagnostic = desk.at(Code::Unused, name.place, message).label("unused");
                desk.report(diagnostic.help("remove it, or read it in a `when`"));
            }
        }
    }

    /// The condition with every name standing for what it means, for which there is so much room.
    fn spell(
        &self,
        condition: &Condition,
        visible: &Visible<'_>,
        room: &mut usize,
    ) -> Result<Condition, Fault> {
        let mut each = |parts: &[Condition]| {
            let parts = parts.iter();
            let spelled = parts.map(|part| self.spell(part, visible, room));
            spelled.collect::<Result<_, _>>()
        };
        Ok(match condition {
            Condition::Name(name) => match visible.condition(&name.text) {
                Some(key) => self.placed(key, name, room)?,
                None => condition.clone(),
            },
            Condition::Near(names, distance, at) => {
                Condition::Near(self.list(names, visible, room)?, *distance, at.clone())
            }
            Condition::Count(names, number) => {
                Condition::Count(self.list(names, visible, room)?, *number)
            }
            Condition::InOrder(first, second, distance) => {
                let first = self.list(first, visible, room)?;
                Condition::InOrder(first, self.list(second, visible, room)?, *distance)
            }
            Condition::Not(inner) => Condition::Not(Box::new(self.spell(inner, visible, room)?)),
            Condition::And(parts) => Condition::And(each(parts)?),
            Condition::Or(parts) => Condition::Or(each(parts)?),
        })
    }

    /// What a name means, where it stands.
    fn placed(&self, key: Key, name: &Name, room: &mut usize) -> Result<Condition, Fault> {
        let meaning = self.meanings.get(&key).ok_or(Fault::Reported)?;
        let condition = meaning.condition.as_ref().ok_or(Fault::Reported)?;
        let size = size(condition);
        if size > *room {
            let message = "the condition is too large once its names stand for what they mean";
            let wrong = Wrong::new(Code::Reach, name.at.clone(), message, "too much with this");
            let help = format!(
                "at most {SIZE_LIMIT} signals and joints: put words that mean the same into one signal"
            );
            return Err(Fault::Wrong(wrong.help(help)));
        }
        *room -= size;
        Ok(moved(condition, &name.at))
    }

    /// The signals of a list, in which a name may stand for several.
    fn list(
        &self,
        names: &[Name],
        visible: &Visible<'_>,
        room: &mut usize,
    ) -> Result<Vec<Name>, Fault> {
        let mut signals = Vec::new();
        for name in names {
            let Some(key) = visible.condition(&name.text) else {
                signals.push(name.clone());
                continue;
            };
            if !any_of(self.placed(key, name, room)?, &mut signals) {
                let message = format!("`{}` is more than signals joined by `or`", name.text);
                let wrong = Wrong::new(Code::Condition, name.at.clone(), message, "not in a list");
                let help = "`near`, `count` and `in_order` take signals";
                return Err(Fault::Wrong(wrong.help(help)));
            }
        }
        Ok(signals)
    }
}

struct Reader<'r> {
    files: &'r [Loaded],
    visible: &'r [Visible<'r>],
    desk: &'r Desk<'r>,
    read: Conditions,
    /// Those that are being read, each named by the one before.
    open: Vec<Key>,
}

impl Reader<'_> {
    fn read(&mut self, key: Key) {
        if self.read.meanings.contains_key(&key) {
            return;
        }
        let (files, visible, desk) = (self.files, &self.visible[key.0], self.desk);
        let (name, value) = &files[key.0].file.conditions.0[key.1];
        let written = Written::of(value, desk);
        self.open.push(key);
        let parsed = condition::parse(written.text);
        let names = parsed
            .as_ref()
            .map_or_else(|_| Vec::new(), |parsed| named(parsed, visible));
        let made = parsed.map_err(|wrong| vec![wrong]).and_then(|parsed| {
            let length = written.text.trim_end().len();
            self.made(&parsed, &names, visible, length)
        });
        self.open.pop();
        let depths = names.iter().filter_map(|key| self.read.meanings.get(key));
        let depth = 1 + depths.map(|meaning| meaning.depth).max().unwrap_or(0);
        let meaning = Meaning {
            condition: made.map_err(|wrongs| written.report(wrongs, desk)).ok(),
            told: (name.value.clone(), value.value.clone()),
            names,
            depth,
            is_read: Cell::new(false),
        };
        self.read.meanings.insert(key, meaning);
    }

    /// A condition of that length, which names these others, checked, every name standing for what it means.
    fn made(
        &mut self,
        parsed: &Condition,
        names: &[Key],
        visible: &Visible<'_>,
        length: usize,
    ) -> Result<Condition, Vec<Wrong>> {
        let whole = 0..length;
        for key in names {
            if self.open.contains(key) {
                let wrong = Wrong::new(
                    Code::CircularUse,
                    whole,
                    "a condition that names itself, perhaps through another",
                    "closes a circle",
                );
                return Err(vec![wrong.help("say what it means by signals")]);
            }
            let is_deep = |meaning: &Meaning| meaning.depth >= NAMES_LIMIT;
            if self.open.len() < NAMES_LIMIT {
                self.read(*key);
            }
            if self.read.meanings.get(key).is_none_or(is_deep) {
                let message = "conditions name each other too deeply";
                let wrong = Wrong::new(Code::Reach, whole, message, "here");
                return Err(vec![
                    wrong.help(format!("at most {NAMES_LIMIT} in each other")),
                ]);
            }
        }
        let is_known = |name: &str| visible.is_signal(name) || visible.condition(name).is_some();
        let lookup = |name: &str| is_known(name).then_some(SignalId(0));
        let unknown = normal::unknown(parsed, &lookup, &visible.names());
        if !unknown.is_empty() {
            return Err(unknown);
        }
        self.read.spelled_out(parsed, visible)
    }
}

/// A condition as it stands in its file, so that carets stand right even in a folded scalar.
pub(super) struct Written<'w> {
    /// The condition.
    pub text: &'w str,
    place: Place,
    /// Where it begins within its place; an alias has no such text.
    shift: Option<usize>,
}

impl<'w> Written<'w> {
    /// The text of a value.
    pub fn of(value: &'w At<String>, desk: &'w Desk<'_>) -> Self {
        let written = desk.written(value.place);
        let (text, shift) = match written.as_bytes().first() {
            Some(b'*' | b'&' | b'!') | None => (value.value.as_str(), None),
            Some(quote @ (b'"' | b'\'')) => {
                (written[1..].trim_end_matches(*quote as char), Some(1))
            }
            Some(_) => (written, Some(0)),
        };
        Self {
            text,
            place: value.place,
            shift,
        }
    }

    /// Reports what is wrong with it.
    pub fn report(&self, wrongs: Vec<Wrong>, desk: &Desk<'_>) {
        for wrong in wrongs {
            let Range { start, end } = wrong.at;
            let place = match self.shift {
                Some(shift) => self.place.within(start + shift..end + shift),
                None => self.place,
            };
            let diagnostic = desk.at(wrong.code, place, wrong.message).label(wrong.label);
            desk.report(diagnostic.helped(wrong.help));
        }
    }
}

/// The conditions that one names, each once.
fn named(condition: &Condition, visible: &Visible<'_>) -> Vec<Key> {
    let mut keys = Vec::new();
    condition.each_name(&mut |name| {
        let key = visible.condition(&name.text);
        keys.extend(key.filter(|key| !keys.contains(key)));
    });
    keys
}

/// Whether a condition is signals joined by `or`; appends them.
fn any_of(condition: Condition, signals: &mut Vec<Name>) -> bool {
    match condition {
        Condition::Name(signal) => {
            signals.push(signal);
            true
        }
        Condition::Or(parts) => parts.into_iter().all(|part| any_of(part, signals)),
        _ => false,
    }
}

/// Signals and joints.
fn size(condition: &Condition) -> usize {
    match condition {
        Condition::Name(_) => 1,
        Condition::Near(names, ..) | Condition::Count(names, _) => 1 + names.len(),
        Condition::InOrder(first, second, _) => 1 + first.len() + second.len(),
        Condition::Not(inner) => 1 + size(inner),
        Condition::And(parts) | Condition::Or(parts) => 1 + parts.iter().map(size).sum::<usize>(),
    }
}

/// The same, as if all of it stood there.
fn moved(condition: &Condition, there: &Range<usize>) -> Condition {
    let names = |names: &[Name]| -> Vec<Name> {
        let moved = |name: &Name| Name {
            text: name.text.clone(),
            at: there.clone(),
        };
        names.iter().map(moved).collect()
    };
    let each = |parts: &[Condition]| parts.iter().map(|part| moved(part, there)).collect();
    match condition {
        Condition::Name(name) => Condition::Name(names(std::slice::from_ref(name)).remove(0)),
        Condition::Near(all, distance, _) => Condition::Near(names(all), *distance, there.clone()),
        Condition::Count(all, number) => Condition::Count(names(all), *number),
        Condition::InOrder(first, second, distance) => {
            Condition::InOrder(names(first), names(second), *distance)
        }
        Condition::Not(inner) => Condition::Not(Box::new(moved(inner, there))),
        Condition::And(parts) => Condition::And(each(parts)),
        Condition::Or(parts) => Condition::Or(each(parts)),
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::clause::Clause;
    use crate::policy::{PolicySet, Source, compile};
    use proptest::prelude::*;

    /// The set of a rule with that `when`, beside such named conditions. A rule before it reads every signal,
    /// so that their numbers are the same in all sets.
    fn set(conditions: &[(&str, &str)], when: &str) -> PolicySet {
        let named = conditions.iter();
        let named: String = named
            .map(|(name, means)| format!("  {name}: {means}\n"))
            .collect();
        let text = format!(
            "policy: p\ntitle: {{en: A, zh: 甲}}\nsignals:\n  x: {{words: [turnip]}}\n  a: {{words: [leek]}}\n  \
             b: {{words: [kale]}}\n  c: {{words: [fern]}}\n  d: {{words: [moss]}}\nconditions: {{}}\nrules:\n  - {{id: \
             CAN-010, title: T, status: stable, level: 1, severity: 2, when: x or a or b or c or d, action: flag, \
             false_positives: [cooks]}}\n  - {{id: CAN-020, title: T, status: stable, level: 1, severity: 2, when: \
             '{when}', action: flag, false_positives: [cooks]}}\n"
        );
        let text = match conditions {
            [] => text,
            _ => text.replace("conditions: {}\n", &format!("conditions:\n{named}")),
        };
        let source = Source {
            path: "p.yaml".to_owned(),
            text,
            shipped: false,
        };
        compile(&[source], &[]).expect("a set")
    }

    fn arms(set: &PolicySet) -> Vec<&Clause> {
        set.clauses.iter().map(|one| &one.clause).collect()
    }

    fn condition() -> impl Strategy<Value = String> {
        let signal = prop::sample::select(vec!["a", "b", "c", "d"]);
        let leaf = prop_oneof![
            3 => signal.clone().prop_map(str::to_owned),
            2 => (signal.clone(), 1..9_u32).prop_map(|(one, n)| format!("near({one}, {n})")),
            1 => (signal.clone(), 1..4_u32).prop_map(|(one, n)| format!("count({one}) >= {n}")),
            1 => (signal.clone(), signal, 1..9_u32)
                .prop_map(|(one, two, n)| format!("in_order({one}, {two}, {n})")),
            1 => Just("audience.minor".to_owned()),
        ];
        leaf.prop_recursive(3, 8, 3, |inner| {
            prop_oneof![
                inner.clone().prop_map(|one| format!("not ({one})")),
                (inner.clone(), inner.clone())
                    .prop_map(|(one, two)| format!("({one}) and ({two})")),
                (inner.clone(), inner).prop_map(|(one, two)| format!("({one}) or ({two})")),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever a name stands for, and however deep: the rule is the one with it written out.
        #[test]
        fn a_name_is_what_it_stands_for(one in condition(), two in condition()) {
            let named = [("one", format!("({one})")), ("two", format!("not one or {two}"))];
            let named = named.each_ref().map(|(name, means)| (*name, means.as_str()));
            let by_name = set(&named, "x and not two");
            let written = set(&[], &format!("x and not (not ({one}) or {two})"));
            prop_assert_eq!(arms(&by_name), arms(&written));
        }
    }

    #[test]
    fn a_name_in_a_list_is_its_signals() {
        let named = [("green", "b or (c)"), ("plants", "(a or green)")];
        let by_name = set(&named, "x and near((plants or d), 9) and count(green) >= 2");
        let written = set(
            &[],
            "x and near((a or b or c or d), 9) and count((b or c)) >= 2",
        );
        assert_eq!(arms(&by_name), arms(&written));
    }

    #[test]
    fn a_rule_tells_what_its_names_stand_for() {
        let set = set(
            &[("green", "b or leafy"), ("leafy", "c")],
            "x and not green",
        );
        let told = &set.rules[1].conditions;
        let told: Vec<(&str, &str)> = told.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(told, [("green", "b or leafy"), ("leafy", "c")]);
    }
}
