//! [`Conversation`] and [`Talk`]: acts of grooming over the messages of a conversation, as a score.
//!
//! Six acts in the order in which they usually come (after O'Connell, Olson, Lorenzo-Dus): probing
//! for age and being alone, building trust, secrecy, checking the risk, sexual talk, meeting or
//! money. A policy file says which signals are which act and how much each weighs. Each speaker has
//! a book of their own: acts of one side never add to the other's. Per book, a score adds
//! - each act once, at the weight of its strongest signal: praise repeated is still one act;
//! - [`ORDER`] of its weight for every earlier stage that came before it: the same acts the other
//!   way round score less;
//! - [`INSISTED`] of its weight if the other side had refused it before.
//!
//! A message in which an excuse is heard (a surprise, a birthday) has no secrecy: what it keeps from
//! somebody is a gift. Its other acts count.
//!
//! Everything halves in `half_life` messages; there is no clock. When the score stands at `watch`
//! or `act` at a hit of an act, the signals `conversation.watch` and `conversation.act` are seen at
//! the place of that hit, and rules read them as any other. Limits: it sees what one request holds;
//! a redacted act stays in the book; both sides inside one message count as its sender's.

use std::collections::BTreeMap;

use super::compile::Input;
use super::desk::Desk;
use super::diagnostic::{Code, did_you_mean, one_of};
use super::file;
use super::parts::{At, Named};
use super::signals::Numbers;
use super::visible::Visible;
use crate::detect::SignalId;
use crate::message::Role;

/// Share of an act's weight that it gains for each earlier stage before it. At a quarter, three
/// acts in their order outweigh three in reverse by half an act.
pub const ORDER: f64 = 0.25;
/// Share of an act's weight that it gains when it comes again after a refusal.
pub const INSISTED: f64 = 0.5;
/// Longest half-life, in messages: longer than any request's history.
const HALF_LIFE_LIMIT: u32 = 1000;
/// Messages in which a score halves when the file does not say (about a session).
const HALF_LIFE: u32 = 20;
/// Stages.
const ACTS: usize = 6;
/// The stage that an excuse takes back.
const SECRECY: usize = 2;
/// The names of what is seen at the two thresholds.
pub(super) const SEEN: [&str; 2] = ["conversation.watch", "conversation.act"];
/// Places in a file that no declared signal has: what [`SEEN`] names is numbered by them.
pub(super) const SEEN_PLACES: [usize; 2] = [usize::MAX - 1, usize::MAX];

/// What a file says about conversations, compiled.
#[derive(Debug, Clone)]
pub(super) struct Conversation {
    /// Signal, stage, weight; by signal.
    acts: Vec<(SignalId, usize, f64)>,
    refusals: Vec<SignalId>,
    excuses: Vec<SignalId>,
    half_life: f64,
    /// Scores at which it is watched and acted on.
    thresholds: [f64; 2],
    /// What is then seen.
    pub seen: [SignalId; 2],
}

/// Where a conversation stands: a book per speaker and policy file. Nothing is allocated before the
/// first act.
#[derive(Debug, Clone, Default)]
pub struct Talk {
    /// By conversation, then by speaker.
    books: Vec<[Book; 2]>,
    /// Messages begun.
    message: u32,
    speaker: Option<usize>,
}

/// What one speaker has done.
#[derive(Debug, Clone, Copy, Default)]
struct Book {
    /// By stage, as of `message`.
    acts: [f64; ACTS],
    /// What each act gained by coming after earlier stages.
    order: [f64; ACTS],
    /// Acts that the other side has refused.
    refused: [bool; ACTS],
    message: u32,
    /// [`SECRECY`] and what it gained, without what `message` itself adds.
    before: (f64, f64),
    /// Whether `message` holds an excuse.
    excused: bool,
}

impl Book {
    fn score(&self) -> f64 {
        self.acts.iter().chain(&self.order).sum()
    }

    /// What is left at a later message.
    fn decayed(mut self, message: u32, half_life: f64) -> Self {
        let ago = message.saturating_sub(self.message);
        if ago > 0 {
            let left = 0.5_f64.powf(f64::from(ago) / half_life);
            for value in self.acts.iter_mut().chain(&mut self.order) {
                *value *= left;
            }
            self.message = message;
            self.before = (self.acts[SECRECY], self.order[SECRECY]);
            self.excused = false;
        }
        self
    }

    fn act(&mut self, stage: usize, weight: f64) {
        if stage == SECRECY && self.excused {
            return;
        }
        let weight = match self.refused[stage] {
            true => weight * (1.0 + INSISTED),
            false => weight,
        };
        let before = self.acts[..stage].iter().map(|earlier| earlier.min(weight));
        let order = ORDER * before.sum::<f64>();
        self.acts[stage] = self.acts[stage].max(weight);
        self.order[stage] = self.order[stage].max(order);
    }

    fn excuse(&mut self) {
        self.excused = true;
        (self.acts[SECRECY], self.order[SECRECY]) = self.before;
    }

    fn refuse(&mut self) {
        for (refused, act) in self.refused.iter_mut().zip(self.acts) {
            *refused |= act > 0.0;
        }
    }
}

impl Talk {
    /// Somebody's next message begins.
    pub fn begin(&mut self, role: Role) {
        self.speaker = match role {
            Role::User => Some(0),
            Role::Assistant => Some(1),
            Role::System | Role::Tool => None,
        };
        self.message += u32::from(self.speaker.is_some());
    }

    /// A hit of a signal: what is thereby seen of the conversation.
    pub(super) fn hear(&mut self, all: &[Conversation], signal: SignalId) -> Vec<SignalId> {
        let mut seen = Vec::new();
        let Some(speaker) = self.speaker else {
            return seen;
        };
        for (at, conversation) in all.iter().enumerate() {
            let refuses = conversation.refusals.contains(&signal);
            let excuses = conversation.excuses.contains(&signal);
            let mut acts = conversation.of(signal).peekable();
            if !refuses && !excuses && acts.peek().is_none() {
                continue;
            }
            self.books.resize(all.len(), Default::default());
            let half_life = conversation.half_life;
            let books = &mut self.books[at];
            *books = books.map(|book| book.decayed(self.message, half_life));
            if refuses {
                books[1 - speaker].refuse();
            }
            if excuses {
                books[speaker].excuse();
            }
            let mut acted = false;
            for (_, stage, weight) in acts {
                books[speaker].act(*stage, *weight);
                acted = true;
            }
            if acted {
                let score = books[speaker].score();
                let reached = conversation.thresholds.iter().zip(conversation.seen);
                seen.extend(
                    reached
                        .filter(|(least, _)| score >= **least)
                        .map(|(_, seen)| seen),
                );
            }
        }
        seen
    }

    /// The highest score of any speaker, and whether any stands at its `watch`.
    pub(super) fn stands(&self, all: &[Conversation]) -> (f64, bool) {
        let mut highest = (0.0_f64, false);
        for (conversation, books) in all.iter().zip(&self.books) {
            for book in books {
                let score = book.decayed(self.message, conversation.half_life).score();
                highest.0 = highest.0.max(score);
                highest.1 |= score >= conversation.thresholds[0];
            }
        }
        highest
    }
}

impl Conversation {
    fn of(&self, signal: SignalId) -> impl Iterator<Item = &(SignalId, usize, f64)> {
        let first = self.acts.partition_point(|(known, ..)| *known < signal);
        self.acts[first..]
            .iter()
            .take_while(move |(known, ..)| *known == signal)
    }

    /// Whether a hit of the signal changes a book.
    pub fn hears(&self, signal: SignalId) -> bool {
        let heard = [&self.refusals, &self.excuses];
        heard.iter().any(|signals| signals.contains(&signal)) || self.of(signal).next().is_some()
    }

    /// Every signal that moves the score.
    pub fn signals(&self) -> impl Iterator<Item = SignalId> + '_ {
        self.acts.iter().map(|(signal, ..)| *signal)
    }
}

/// Checks and compiles what files say about conversations.
pub(super) fn make(
    input: &Input<'_>,
    visible: &[Visible<'_>],
    numbers: &Numbers,
    desk: &Desk<'_>,
) -> Vec<Conversation> {
    let files = input.files.iter().enumerate().zip(visible);
    let made = files.filter_map(|((at, loaded), visible)| {
        let written = loaded.file.conversation.as_ref()?;
        let maker = Maker { visible, desk };
        maker.check(written);
        Some(Conversation {
            acts: maker.acts(&written.value),
            refusals: maker.all(&written.value.refusal),
            excuses: maker.all(&written.value.excuse),
            half_life: f64::from(
                written
                    .value
                    .half_life
                    .as_ref()
                    .map_or(HALF_LIFE, |one| one.value),
            ),
            thresholds: [written.value.watch.value, written.value.act.value],
            seen: SEEN_PLACES.map(|place| numbers.of((at, place))),
        })
    });
    made.collect()
}

struct Maker<'m> {
    visible: &'m Visible<'m>,
    desk: &'m Desk<'m>,
}

impl Maker<'_> {
    fn acts(&self, written: &file::Conversation) -> Vec<(SignalId, usize, f64)> {
        let mut strongest: BTreeMap<(SignalId, usize), f64> = BTreeMap::new();
        for (stage, signals) in written.acts.by_stage().into_iter().enumerate() {
            for (name, weight) in &signals.0 {
                if let Some(signal) = self.find(name) {
                    strongest.insert((signal, stage), weight.value);
                }
            }
        }
        strongest
            .into_iter()
            .map(|((signal, stage), weight)| (signal, stage, weight))
            .collect()
    }

    fn all(&self, names: &[At<String>]) -> Vec<SignalId> {
        names.iter().filter_map(|name| self.find(name)).collect()
    }

    fn find(&self, name: &At<String>) -> Option<SignalId> {
        let declared = !SEEN.contains(&name.value.as_str());
        let found = self.visible.find(&name.value).filter(|_| declared);
        if found.is_none() {
            let help = did_you_mean(&name.value, self.visible.names());
            let help =
                help.unwrap_or_else(|| "a signal of this file, or of one that it uses".to_owned());
            let message = format!("unknown signal `{}`", name.value);
            self.desk.report(
                self.desk
                    .at(Code::UnknownSignal, name.place, message)
                    .help(help),
            );
        }
        found
    }

    fn check(&self, written: &At<file::Conversation>) {
        let file::Conversation {
            acts,
            half_life,
            watch,
            act,
            ..
        } = &written.value;
        let range = |place, message: String, help: &str| {
            self.desk
                .report(self.desk.at(Code::Range, place, message).help(help));
        };
        let stages = acts.by_stage();
        if stages
            .iter()
            .filter(|signals| !signals.0.is_empty())
            .count()
            < 2
        {
            let help = one_of(file::Acts::NAMES);
            range(
                written.place,
                "a conversation needs two different acts".to_owned(),
                &help,
            );
        }
        if !(watch.value > 0.0 && watch.value < act.value) {
            range(
                act.place,
                "`act` must lie above `watch`, and both above 0".to_owned(),
                "`watch: 2.0`, `act: 3.5`",
            );
        }
        for (_, weight) in stages.iter().flat_map(|signals| &signals.0) {
            if !(weight.value > 0.0 && weight.value < watch.value) {
                let message = format!("a weight of {} is outside 0 to `watch`", weight.value);
                range(
                    weight.place,
                    message,
                    "one act alone is never enough: write less than `watch`, such as 1.0",
                );
            }
        }
        if let Some(half_life) = half_life
            .as_ref()
            .filter(|one| !(1..=HALF_LIFE_LIMIT).contains(&one.value))
        {
            let message = format!(
                "half_life {} is outside 1 to {HALF_LIFE_LIMIT} messages",
                half_life.value
            );
            range(half_life.place, message, "a session is about 20 messages");
        }
    }
}

impl file::Acts {
    /// The stages by name, in the order in which they usually come.
    pub const NAMES: [&'static str; ACTS] =
        ["probe", "trust", "secrecy", "risk", "sexual", "meeting"];

    fn by_stage(&self) -> [&Named<At<f64>>; ACTS] {
        [
            &self.probe,
            &self.trust,
            &self.secrecy,
            &self.risk,
            &self.sexual,
            &self.meeting,
        ]
    }
}

#[cfg(test)]
mod tests;
