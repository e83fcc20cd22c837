//! Signals: what they are made of, and their numbers in the detectors.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::compile::Input;
use super::context::META;
use super::conversation::{SEEN, SEEN_PLACES};
use super::desk::Desk;
use super::diagnostic::{Code, Spot, did_you_mean, one_of};
use super::examples::{Lessons, Separation};
use super::file::Signal;
use super::parts::At;
use super::visible::Visible;
use super::{SignalInfo, meaning};
use crate::detect::{self, Builder, Cloaking, ContactKind, Problem, SignalId};
use crate::message::Language;
use crate::text::{ViewKind, Views};

/// Contact kinds by name.
const CONTACTS: [(&str, ContactKind); 4] = [
    ("phone", ContactKind::Phone),
    ("email", ContactKind::Email),
    ("link", ContactKind::Link),
    ("handle", ContactKind::Handle),
];

/// A signal by its file (index among the loaded) and its place within it.
pub(super) type Key = (usize, usize);

/// Numbers of signals, given out when a rule first reads one: nobody looks for the others.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    keys: RefCell<Vec<Key>>,
    by_key: RefCell<BTreeMap<Key, SignalId>>,
}

impl Numbers {
    /// The number of a signal.
    pub fn of(&self, key: Key) -> SignalId {
        *self.by_key.borrow_mut().entry(key).or_insert_with(|| {
            let mut keys = self.keys.borrow_mut();
            keys.push(key);
            SignalId(u32::try_from(keys.len() - 1).unwrap_or(u32::MAX))
        })
    }

    /// The number of a signal that has one already.
    fn known(&self, key: Key) -> Option<SignalId> {
        self.by_key.borrow().get(&key).copied()
    }

    /// How many rules read.
    pub fn count(&self) -> u32 {
        u32::try_from(self.keys.borrow().len()).unwrap_or(u32::MAX)
    }
}

/// Pairs (sign, doubtful) of every `vouched_by` of a signal that rules read. The signs get numbers
/// here, so that they are looked for even if no rule reads them.
pub(super) fn vouchers(
    input: &Input,
    visible: &[Visible<'_>],
    numbers: &Numbers,
    desk: &Desk<'_>,
) -> Vec<(SignalId, SignalId)> {
    let mut pairs = Vec::new();
    for (file, (loaded, visible)) in input.files.iter().zip(visible).enumerate() {
        for (at, (_, signal)) in loaded.file.signals.0.iter().enumerate() {
            for name in &signal.vouched_by {
                if !visible.is_signal(&name.value) {
                    let message = format!("unknown signal `{}`", name.value);
                    let help = did_you_mean(&name.value, visible.names());
                    let diagnostic = desk.at(Code::UnknownSignal, name.place, message);
                    desk.report(diagnostic.label("not visible here").helped(help));
                } else if let Some(doubtful) = numbers.known((file, at)) {
                    let sign = visible.find(&name.value);
                    pairs.extend(sign.map(|sign| (sign, doubtful)));
                }
            }
        }
    }
    pairs
}

/// What became of the signals.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// By number.
    pub infos: Vec<SignalInfo>,
    /// By number: the languages of its words.
    pub languages: Vec<BTreeSet<Language>>,
    /// How well signals tell their examples apart, in the order of files.
    pub separations: Vec<Separation>,
}

/// Checks every signal of every file; those that rules read are added to the builder.
pub(super) fn make(
    input: &Input,
    numbers: &Numbers,
    desk: &Desk<'_>,
    builder: &mut Builder,
) -> Made {
    let _prepared = prepare(input);
    let (mut unread, lessons) = (Builder::default(), Lessons::default());
    let by_key = numbers.by_key.borrow();
    let count = by_key.len();
    let mut made = Made {
        infos: Vec::new(),
        languages: vec![BTreeSet::new(); count],
        separations: Vec::new(),
    };
    let nowhere = SignalInfo {
        name: String::new(),
        place: (String::new(), 0),
        asks: None,
    };
    made.infos.resize(count, nowhere);
    for (file, loaded) in input.files.iter().enumerate() {
        for (at, (name, signal)) in loaded.file.signals.0.iter().enumerate() {
            check_name(name, "signal", desk);
            let number = by_key.get(&(file, at)).copied();
            let builder = if number.is_some() {
                &mut *builder
            } else {
                &mut unread
            };
            let number_or_none = number.unwrap_or(SignalId(0));
            let (languages, separation) = Maker {
                input,
                desk,
                builder,
                signal: number_or_none,
                lessons: &lessons,
            }
            .make(name, signal);
            made.separations.extend(separation);
            match number {
                Some(SignalId(number)) => {
                    let spot = Spot::of(desk.sources, name.place);
                    made.infos[number as usize] = SignalInfo {
                        name: name.value.clone(),
                        place: (spot.path, spot.line),
                        asks: meaning::asked(signal),
                    };
                    made.languages[number as usize] = languages;
                }
                None => {
                    let message = format!("no rule reads signal `{}`", name.value);
                    let diagnostic = desk.at(Code::Unused, name.place, message).label("unused");
                    desk.report(diagnostic.help("remove it, or read it in a `when`"));
                }
            }
        }
    }
    for (file, loaded) in input.files.iter().enumerate() {
        let Some(conversation) = &loaded.file.conversation else {
            continue;
        };
        for (name, place) in SEEN.into_iter().zip(SEEN_PLACES) {
            let spot = Spot::of(desk.sources, conversation.place);
            if let Some(SignalId(number)) = by_key.get(&(file, place)) {
                made.infos[*number as usize] = SignalInfo {
                    name: name.to_owned(),
                    place: (spot.path, spot.line),
                    asks: None,
                };
            }
        }
    }
    made
}

/// Compiles the patterns of all files side by side.
fn prepare(input: &Input) -> detect::Prepared {
    let signals = input.files.iter().flat_map(|file| &file.file.signals.0);
    let patterns = signals.flat_map(|(_, signal)| {
        let many = signal.patterns.iter().flat_map(|many| &many.value.0);
        signal.pattern.iter().chain(many)
    });
    let patterns: Vec<&str> = patterns.map(|pattern| pattern.value.as_str()).collect();
    detect::prepare(&patterns)
}

/// `[a-z][a-z0-9_]*(\.[a-z0-9_]+)?`, neither a word of the grammar nor a name of the scene.
pub(super) fn check_name(name: &At<String>, what: &str, desk: &Desk<'_>) {
    let (first, rest) = name.value.split_once('.').unwrap_or((&name.value, "x"));
    let small = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let words = ["and", "or", "not", "near", "count", "in_order"];
    let help = if !small(first)
        || !small(rest)
        || !first.starts_with(|c: char| c.is_ascii_lowercase())
    {
        "small letters, digits and `_`, with at most one dot: `lure`, `frame.protect`"
    } else if words.contains(&&*name.value) {
        "this is a word of conditions"
    } else if first == "conversation" {
        "names of this kind are what a `conversation:` shows: conversation.watch, conversation.act"
    } else if META.contains(&first) {
        "names of this kind describe the scene: audience., direction., output., role."
    } else {
        return;
    };
    let message = format!("`{}` cannot name a {what}", name.value);
    desk.report(desk.at(Code::BadName, name.place, message).help(help));
}

/// Compiles one signal.
struct Maker<'m> {
    input: &'m Input<'m>,
    desk: &'m Desk<'m>,
    builder: &'m mut Builder,
    signal: SignalId,
    lessons: &'m Lessons,
}

impl Maker<'_> {
    fn make(
        &mut self,
        name: &At<String>,
        written: &Signal,
    ) -> (BTreeSet<Language>, Option<Separation>) {
        let mut languages = BTreeSet::new();
        let views = self.views(written);
        let Signal {
            words,
            list,
            pattern,
            patterns,
            age,
            contact,
            cloaking,
            classifier,
            examples,
            remote,
            model,
            label,
            at_least,
            image,
            views: _,
            vouched_by: _,
        } = written;
        let forms = [
            words.is_some(),
            list.is_some(),
            pattern.is_some(),
            patterns.is_some(),
            age.is_some(),
            contact.is_some(),
            cloaking.is_some(),
            classifier.is_some(),
            examples.is_some(),
            remote.is_some(),
            model.is_some(),
            label.is_some(),
            at_least.is_some(),
            image.is_some(),
        ];
        if !forms.contains(&true) {
            let message = format!("signal `{}` looks for nothing", name.value);
            let help = "give it words, a list, a pattern, an age, contact kinds, an image, a \
                        classifier's label, examples, a remote or a model";
            self.desk
                .report(self.desk.at(Code::Empty, name.place, message).help(help));
        }
        if let Some(words) = words {
            self.not_empty(words.value.0.len(), "words", words.place);
            for word in &words.value.0 {
                languages.insert(detect::language(&word.value));
                self.word(word, views);
            }
        }
        for word in self.listed(list.as_ref()) {
            languages.insert(detect::language(&word.value));
            self.word(&word, views);
        }
        if let Some(patterns) = patterns {
            self.not_empty(patterns.value.0.len(), "patterns", patterns.place);
        }
        let many = patterns.iter().flat_map(|patterns| &patterns.value.0);
        for pattern in pattern.iter().chain(many) {
            let result = self.builder.pattern(self.signal, &pattern.value);
            self.settle(Code::Pattern, pattern, result);
        }
        if let Some(age) = age {
            let At { value: ages, place } = age;
            let result = self.builder.age(self.signal, ages.from, ages.to);
            self.settle(
                Code::Range,
                &At {
                    value: (),
                    place: *place,
                },
                result,
            );
        }
        if let Some(contact) = contact {
            self.not_empty(contact.value.len(), "contact", contact.place);
            self.contact(&contact.value);
        }
        if let Some(cloaking) = cloaking {
            self.not_empty(cloaking.value.len(), "cloaking", cloaking.place);
            self.cloaking(&cloaking.value);
        }
        let sources = (self.input, self.lessons);
        let asked = (name.value.as_str(), written);
        let separation = meaning::make(asked, self.signal, sources, self.desk, self.builder);
        super::opinions::make(written, self.signal, self.desk, self.builder);
        if let Some(image) = image {
            for look in super::images::looks(image, self.input, self.desk) {
                self.builder.image(self.signal, look);
            }
        }
        (languages, separation)
    }

    fn not_empty(&self, count: usize, what: &str, place: super::diagnostic::Place) {
        if count == 0 {
            let message = format!("`{what}` is empty");
            self.desk.report(
                self.desk
                    .at(Code::Empty, place, message)
                    .help("add one, or remove the key"),
            );
        }
    }

    fn views(&self, written: &Signal) -> Views {
        let Some(names) = &written.views else {
            return Views::DEFAULT;
        };
        let mut kinds = Vec::new();
        for name in names {
            match ViewKind::named(&name.value) {
                Some(kind) => kinds.push(kind),
                None => {
                    let known = ViewKind::ALL.map(ViewKind::name);
                    let help = did_you_mean(&name.value, known).unwrap_or_else(|| one_of(known));
                    let message = format!("unknown view `{}`", name.value);
                    self.desk.report(
                        self.desk
                            .at(Code::UnknownView, name.place, message)
                            .help(help),
                    );
                }
            }
        }
        if kinds.is_empty() {
            Views::DEFAULT
        } else {
            Views::of(&kinds)
        }
    }

    fn word(&mut self, word: &At<String>, views: Views) {
        let result = self.builder.word(self.signal, &word.value, views);
        self.settle(Code::Phrase, word, result);
    }

    fn settle<T>(&self, code: Code, at: &At<T>, result: Result<(), Problem>) {
        if let Err(problem) = result {
            self.desk.report(
                self.desk
                    .at(code, at.place, problem.message)
                    .helped(problem.help),
            );
        }
    }

    /// The phrases of a list file, each with its place.
    fn listed(&self, list: Option<&At<String>>) -> Vec<At<String>> {
        let Some(list) = list else { return Vec::new() };
        let Some((source, text)) = self.input.list(&list.value) else {
            let known: Vec<_> = self.input.lists().collect();
            let help = did_you_mean(&list.value, known.iter().copied());
            let help = help
                .unwrap_or_else(|| "a path from the policy folder: `lists/name.txt`".to_owned());
            let message = format!("there is no list `{}`", list.value);
            self.desk.report(
                self.desk
                    .at(Code::UnknownFile, list.place, message)
                    .help(help),
            );
            return Vec::new();
        };
        let phrases = super::compile::lines(source, text);
        if phrases.is_empty() {
            let message = format!("list `{}` holds no phrase", list.value);
            self.desk.report(
                self.desk
                    .at(Code::Empty, list.place, message)
                    .help("one phrase a line, `#` for comments"),
            );
        }
        phrases
    }

    fn cloaking(&mut self, names: &[At<String>]) {
        for name in names {
            let known = Cloaking::ALL.map(Cloaking::name);
            match Cloaking::ALL.iter().find(|one| one.name() == name.value) {
                Some(what) => self.builder.cloaking(self.signal, *what),
                None => {
                    let help = did_you_mean(&name.value, known).unwrap_or_else(|| one_of(known));
                    let message = format!("unknown way of cloaking `{}`", name.value);
                    let diagnostic = self.desk.at(Code::UnknownCloaking, name.place, message);
                    self.desk.report(diagnostic.help(help));
                }
            }
        }
    }

    fn contact(&mut self, names: &[At<String>]) {
        for name in names {
            match CONTACTS.iter().find(|(known, _)| *known == name.value) {
                Some((_, kind)) => {
                    let result = self.builder.contact(self.signal, &[*kind]);
                    self.settle(Code::UnknownContact, name, result);
                }
                None => {
                    let known = CONTACTS.map(|(known, _)| known);
                    let help = did_you_mean(&name.value, known).unwrap_or_else(|| one_of(known));
                    let message = format!("unknown contact kind `{}`", name.value);
                    self.desk.report(
                        self.desk
                            .at(Code::UnknownContact, name.place, message)
                            .help(help),
                    );
                }
            }
        }
    }
}
