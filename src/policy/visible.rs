//! [`Visible`]: the names that one file may use, of signals and of conditions: its own and those of every
//! file that it uses, however far.

use std::collections::{BTreeMap, BTreeSet};

use super::compile::{Input, Loaded};
use super::conversation::{SEEN, SEEN_PLACES};
use super::desk::Desk;
use super::diagnostic::{Code, did_you_mean};
use super::parts::At;
use super::signals::{Key, Numbers};
use crate::detect::SignalId;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Signal(Key),
    Condition(Key),
}

/// The names of one file.
#[derive(Debug)]
pub(super) struct Visible<'i> {
    names: BTreeMap<&'i str, Named>,
    numbers: &'i Numbers,
}

impl<'i> Visible<'i> {
    /// The number of a signal.
    pub fn find(&self, name: &str) -> Option<SignalId> {
        match self.names.get(name)? {
            Named::Signal(key) => Some(self.numbers.of(*key)),
            Named::Condition(_) => None,
        }
    }

    /// Whether that is a signal; it gets no number for being asked about.
    pub fn is_signal(&self, name: &str) -> bool {
        matches!(self.names.get(name), Some(Named::Signal(_)))
    }

    /// A condition.
    pub fn condition(&self, name: &str) -> Option<Key> {
        match self.names.get(name)? {
            Named::Condition(key) => Some(*key),
            Named::Signal(_) => None,
        }
    }

    /// Every name.
    pub fn names(&self) -> Vec<&'i str> {
        self.names.keys().copied().collect()
    }
}

/// What each file sees.
pub(super) fn visible<'i>(
    input: &'i Input,
    numbers: &'i Numbers,
    desk: &Desk<'_>,
) -> Vec<Visible<'i>> {
    let uses = resolve(input, desk);
    report_circles(input, &uses, desk);
    let files = &input.files;
    let of = |at: usize| {
        let mut names: BTreeMap<&str, Named> = BTreeMap::new();
        for file in reachable(at, &uses) {
            for (name, named) in declared(&files[file], file) {
                if let Some(earlier) = names.insert(&name.value, named) {
                    let (Named::Signal((other, _)) | Named::Condition((other, _))) = earlier;
                    let (user, other) = (&files[at].path, &files[other].path);
                    report_clash(name, user, other, desk);
                }
            }
        }
        // A file's own conversation is meant before one that it uses.
        for file in reachable(at, &uses).into_iter().chain([at]) {
            if files[file].file.conversation.is_some() {
                let seen = SEEN_PLACES.map(|place| Named::Signal((file, place)));
                names.extend(SEEN.into_iter().zip(seen));
            }
        }
        Visible { names, numbers }
    };
    (0..files.len()).map(of).collect()
}

/// What a file gives a name to.
fn declared(loaded: &Loaded, file: usize) -> impl Iterator<Item = (&At<String>, Named)> {
    let signals = loaded.file.signals.0.iter().enumerate();
    let signals = signals.map(move |(at, (name, _))| (name, Named::Signal((file, at))));
    let conditions = loaded.file.conditions.0.iter().enumerate();
    let conditions = conditions.map(move |(at, (name, _))| (name, Named::Condition((file, at))));
    signals.chain(conditions)
}

fn report_clash(name: &At<String>, user: &str, other: &str, desk: &Desk<'_>) {
    let message = format!("{user} sees the name `{}` twice", name.value);
    let diagnostic = desk
        .at(Code::Duplicate, name.place, message)
        .label("one of them");
    desk.report(diagnostic.help(format!("rename it; the other is in {other}")));
}

/// Indices of used files, with where they are named.
fn resolve(input: &Input, desk: &Desk<'_>) -> Vec<Vec<(usize, usize)>> {
    let stems: Vec<&str> = input.files.iter().map(|file| stem(&file.path)).collect();
    let resolve = |file: &Loaded| {
        let uses = file.file.uses.iter().enumerate();
        uses.filter_map(|(at, name)| {
            let found = stems.iter().position(|known| *known == name.value);
            if found.is_none() {
                let help = did_you_mean(&name.value, stems.iter().copied());
                let help = help
                    .unwrap_or_else(|| "a path from the policy folder, without `.yaml`".to_owned());
                let message = format!("there is no file `{}.yaml`", name.value);
                desk.report(desk.at(Code::UnknownFile, name.place, message).help(help));
            }
            found.map(|found| (found, at))
        })
        .collect()
    };
    input.files.iter().map(resolve).collect()
}

fn stem(path: &str) -> &str {
    path.strip_suffix(".yaml").unwrap_or(path)
}

fn reachable(from: usize, uses: &[Vec<(usize, usize)>]) -> BTreeSet<usize> {
    let mut seen = BTreeSet::from([from]);
    let mut next = vec![from];
    while let Some(file) = next.pop() {
        next.extend(
            uses[file]
                .iter()
                .map(|(used, _)| *used)
                .filter(|used| seen.insert(*used)),
        );
    }
    seen
}

fn report_circles(input: &Input, uses: &[Vec<(usize, usize)>], desk: &Desk<'_>) {
    for (file, used) in uses.iter().enumerate() {
        for &(other, at) in used {
            if reachable(other, uses).contains(&file) {
                let (this, that) = (
                    stem(&input.files[file].path),
                    stem(&input.files[other].path),
                );
                let message = if this == that {
                    format!("`{this}` uses itself")
                } else {
                    format!("`{that}` uses `{this}` too, perhaps through another file")
                };
                let place = input.files[file].file.uses[at].place;
                let diagnostic = desk
                    .at(Code::CircularUse, place, message)
                    .label("closes a circle");
                desk.report(diagnostic.help("move what both need into a third file"));
            }
        }
    }
}
