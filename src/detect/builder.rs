//! [`Builder`] and [`Detectors`]: from signals to one immutable set of automata.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::address::{self, Shape};
use super::age::{self, Wanted};
use super::contact;
use super::lexicon::{Lexicon, Words};
use super::meaning::{self, MAX_UNITS};
use super::pattern::{Guard, Patterns, Regexes};
use super::{ContactKind, Hit, Problem, Scanner, SignalId};
use crate::sense::{self, Heads};
use crate::text::Views;

/// Collects the signals of all policies.
#[derive(Debug, Default)]
pub struct Builder {
    words: Words,
    regexes: Regexes,
    ages: Vec<Wanted>,
    addresses: Vec<address::Wanted>,
    reach: HashMap<SignalId, u32>,
    free: HashSet<SignalId>,
    contacts: HashSet<SignalId>,
    meanings: Vec<meaning::Wanted>,
    /// Those that come with the binary if not said.
    heads: Option<&'static Heads>,
}

/// All signals of all policies, compiled. Immutable and shared.
#[derive(Debug)]
pub struct Detectors {
    pub(super) lexicon: Lexicon,
    pub(super) patterns: Vec<Patterns>,
    pub(super) ages: Vec<Wanted>,
    pub(super) addresses: Vec<address::Wanted>,
    pub(super) meanings: Vec<meaning::Wanted>,
    pub(super) heads: Option<&'static Heads>,
    reach: HashMap<SignalId, u32>,
    /// Signals for which no text waits.
    free: Signals,
    /// Signals that are a way to reach somebody.
    contacts: Signals,
}

/// A set of signals that is asked for every match: sorted, since hashing costs more than the look-up.
#[derive(Debug)]
struct Signals(Vec<SignalId>);

impl Signals {
    fn of(set: HashSet<SignalId>) -> Self {
        let mut signals: Vec<SignalId> = set.into_iter().collect();
        signals.sort_unstable();
        Self(signals)
    }

    fn has(&self, signal: SignalId) -> bool {
        self.0.binary_search(&signal).is_ok()
    }
}

impl Builder {
    /// Adds one word or phrase to a signal. It is folded like the text. Latin words match whole
    /// words only, Han anywhere; a trailing `*` stands for up to eight further Latin letters.
    pub fn word(&mut self, signal: SignalId, word: &str, views: Views) -> Result<(), Problem> {
        let reach = self.words.add(signal, word, views)?;
        self.reaches(signal, reach);
        Ok(())
    }

    /// Adds one regular expression (regex-syntax), matched against the skeleton; refused without a bounded width.
    pub fn pattern(&mut self, signal: SignalId, regex: &str) -> Result<(), Problem> {
        let reach = self.regexes.add(signal, regex, Guard::None)?;
        self.reaches(signal, reach);
        Ok(())
    }

    /// Adds: an age of `from..=to` years bound to a person.
    pub fn age(&mut self, signal: SignalId, from: u8, to: u8) -> Result<(), Problem> {
        if from > to {
            return Err(Problem::new(
                format!("no age is from {from} to {to}"),
                Some("write the younger age first"),
            ));
        }
        self.ages.push(Wanted { signal, from, to });
        self.reaches(signal, age::MAX_WIDTH as u32);
        Ok(())
    }

    /// Adds: a way to reach somebody.
    pub fn contact(&mut self, signal: SignalId, kinds: &[ContactKind]) -> Result<(), Problem> {
        self.contacts.insert(signal);
        for &kind in kinds {
            if let Some(shape) = contact::shape(kind) {
                let wanted = address::Wanted { signal, shape };
                if !self.addresses.contains(&wanted) {
                    self.addresses.push(wanted);
                }
                self.reaches(signal, shape.reach());
            }
            for regex in contact::patterns(kind) {
                let reach = self.regexes.add(signal, &regex, Guard::Contact(kind))?;
                self.reaches(signal, reach);
            }
        }
        Ok(())
    }

    /// Adds: a sentence for which the classifier's `label` is at least so probable.
    pub fn classifier(
        &mut self,
        signal: SignalId,
        label: &str,
        at_least: f32,
    ) -> Result<(), Problem> {
        let Some(heads) = self.heads() else {
            return Err(Problem::new("this build has no trained classifier", None));
        };
        let Some(label) = heads.labels().iter().position(|known| known == label) else {
            return Err(Problem::new(
                format!("the classifier has no label `{label}`"),
                None,
            ));
        };
        if !(at_least > 0.0 && at_least < 1.0) {
            return Err(Problem::new(
                format!("`at_least: {at_least}` is no probability to wait for"),
                Some("a number between 0 and 1; models/sense/CARD.md says what each catches"),
            ));
        }
        self.meanings.push(meaning::Wanted {
            signal,
            label,
            at_least,
        });
        // The next symbol says that a sentence has ended.
        self.reaches(signal, MAX_UNITS + 1);
        Ok(())
    }

    /// The heads that classifier signals read.
    pub fn heads(&self) -> Option<&'static Heads> {
        self.heads.or_else(sense::shipped_heads)
    }

    /// Reads these heads instead of those in the binary.
    #[cfg(test)]
    pub(super) fn read(&mut self, heads: &'static Heads) {
        self.heads = Some(heads);
    }

    /// The signal only ever excuses: nobody disguises an excuse, so its words are looked for in the
    /// views that lose nothing.
    pub fn plain(&mut self, signal: SignalId) {
        self.words.plain(signal);
    }

    /// No hit of this signal ever withholds text of a stream, so none of it needs to wait for one:
    /// [`Scanner::settled`] and [`Scanner::unripe_before`] pass over what is alive for it alone.
    pub fn free(&mut self, signal: SignalId) {
        self.free.insert(signal);
    }

    /// Compiles.
    pub fn build(self) -> Result<Detectors, Problem> {
        Ok(Detectors {
            heads: self.heads(),
            meanings: self.meanings,
            lexicon: self.words.build(&self.free),
            patterns: self.regexes.build(&self.free)?,
            free: Signals::of(self.free),
            contacts: Signals::of(self.contacts),
            ages: self.ages,
            addresses: self.addresses,
            reach: self.reach,
        })
    }

    fn reaches(&mut self, signal: SignalId, reach: u32) {
        let widest = self.reach.entry(signal).or_default();
        *widest = reach.max(*widest);
    }
}

impl Detectors {
    /// All hits of a whole text.
    pub fn scan(self: &Arc<Self>, text: &str) -> Vec<Hit> {
        let mut hits = Vec::new();
        let mut scanner = Scanner::new(Arc::clone(self));
        scanner.push(text, &mut hits);
        scanner.finish(&mut hits);
        hits
    }

    /// Skeleton symbols that a hit of the signal can span, right context included.
    pub fn reach(&self, signal: SignalId) -> u32 {
        self.reach.get(&signal).copied().unwrap_or_default()
    }

    /// Whether sentences are scored: then a text costs about a hundred times as much.
    pub fn classifies(&self) -> bool {
        !self.meanings.is_empty()
    }

    /// Whether text may have to wait for hits of the signal.
    pub(super) fn holds(&self, signal: SignalId) -> bool {
        !self.free.has(signal)
    }

    /// Whether a hit of one signal is a second sign of the other.
    pub(super) fn vouches(&self, one: SignalId, other: SignalId) -> bool {
        one == other || self.contacts.has(one)
    }

    /// The shapes of address that any signal wants.
    pub(super) fn shapes(&self) -> impl Iterator<Item = Shape> {
        let wants = |shape: &Shape| self.addresses.iter().any(|wanted| wanted.shape == *shape);
        [Shape::Mail, Shape::Link].into_iter().filter(wants)
    }

    /// Heap bytes of the compiled automata.
    pub fn memory(&self) -> usize {
        self.lexicon.memory() + self.patterns.iter().map(Patterns::memory).sum::<usize>()
    }
}
