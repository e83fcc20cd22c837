//! [`Builder`] and [`Detectors`]: from signals to one immutable set of automata.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::address::{self, Shape};
use super::age::{self, Wanted};
use super::cloaking;
use super::contact;
use super::lexicon::{Lexicon, Words};
use super::pattern::{Guard, Patterns, Regexes};
use super::{Cloaking, ContactKind, Hit, Problem, Scanner, SignalId};
use crate::text::Views;

/// Collects the signals of all policies.
#[derive(Debug, Default)]
pub struct Builder {
    words: Words,
    regexes: Regexes,
    ages: Vec<Wanted>,
    addresses: Vec<address::Wanted>,
    cloaking: Vec<cloaking::Wanted>,
    vouchers: HashSet<(SignalId, SignalId)>,
    reach: HashMap<SignalId, u32>,
    free: HashSet<SignalId>,
    contacts: HashSet<SignalId>,
}

/// All signals of all policies, compiled. Immutable and shared.
#[derive(Debug)]
pub struct Detectors {
    pub(super) lexicon: Lexicon,
    pub(super) patterns: Vec<Patterns>,
    pub(super) ages: Vec<Wanted>,
    pub(super) addresses: Vec<address::Wanted>,
    pub(super) cloaking: Vec<cloaking::Wanted>,
    /// Signals whose hits are a second sign of another signal's doubtful ones: (sign, doubtful), sorted.
    vouchers: Vec<(SignalId, SignalId)>,
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

    /// Adds: a way of hiding text.
    pub fn cloaking(&mut self, signal: SignalId, what: Cloaking) {
        self.cloaking.push(cloaking::Wanted { signal, what });
        self.reaches(signal, 2);
    }

    /// A hit of `sign` near by is the second sign that a doubtful hit of `doubtful` needs
    /// (two Han that only sound like a word of it, say).
    pub fn vouch(&mut self, sign: SignalId, doubtful: SignalId) {
        self.vouchers.insert((sign, doubtful));
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
        let mut vouchers: Vec<_> = self.vouchers.into_iter().collect();
        vouchers.sort_unstable();
        Ok(Detectors {
            lexicon: self.words.build(&self.free),
            patterns: self.regexes.build(&self.free)?,
            free: Signals::of(self.free),
            contacts: Signals::of(self.contacts),
            ages: self.ages,
            addresses: self.addresses,
            cloaking: self.cloaking,
            vouchers,
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

    /// Whether text may have to wait for hits of the signal.
    pub(super) fn holds(&self, signal: SignalId) -> bool {
        !self.free.has(signal)
    }

    /// Whether a hit of one signal is a second sign of the other.
    pub(super) fn vouches(&self, one: SignalId, other: SignalId) -> bool {
        one == other || self.contacts.has(one) || self.vouchers.binary_search(&(one, other)).is_ok()
    }

    /// Signals that want phrases over the border of two parts.
    pub fn crossing(&self) -> impl Iterator<Item = SignalId> + '_ {
        let wants = self.cloaking.iter();
        let wants = wants.filter(|wanted| wanted.what == Cloaking::Crossing);
        wants.map(|wanted| wanted.signal)
    }

    /// Whether the skeleton's gaps are of interest: invisible characters between letters.
    pub(super) fn looks_for_veils(&self) -> bool {
        let mut wants = self.cloaking.iter();
        wants.any(|wanted| wanted.what == Cloaking::Invisible)
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
