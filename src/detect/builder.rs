//! [`Builder`] and [`Detectors`]: from signals to one immutable set of automata.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::address::{self, Shape};
use super::age::{self, Wanted};
use super::align;
use super::cloaking;
use super::contact;
use super::image::{self, Look};
use super::lexicon::{Lexicon, Words};
use super::meaning::{self, Judge, MAX_UNITS, Meanings};
use super::opinion::{self, Opinion};
use super::pattern::{Guard, Patterns, Regexes};
use super::sets::Sets;
use super::trie::Trie;
use super::{Cloaking, ContactKind, Hit, Problem, Scanner, SignalId, SignalSet};
use crate::sense::{self, Heads, Probe};
use crate::text::Views;

/// Bytes of everything compiled: the shipped pack needs 26 MiB, and 20,000 phrases more some 30.
const MAX_MEMORY: usize = 256 << 20;

/// Collects the signals of all policies.
#[derive(Debug, Default)]
pub struct Builder {
    words: Words,
    regexes: Regexes,
    ages: Vec<(SignalId, u8, u8)>,
    addresses: Vec<(SignalId, Shape)>,
    cloaking: Vec<(SignalId, Cloaking)>,
    images: Vec<(SignalId, Look)>,
    opinions: Vec<(SignalId, Opinion)>,
    vouchers: HashSet<(SignalId, SignalId)>,
    reach: HashMap<SignalId, u32>,
    free: HashSet<SignalId>,
    contacts: HashSet<SignalId>,
    alone: BTreeSet<SignalId>,
    plain: HashSet<SignalId>,
    meanings: Vec<(SignalId, Judge, f32)>,
    /// Those that come with the binary if not said.
    heads: Option<&'static Heads>,
}

/// All signals of all policies, compiled. Immutable and shared.
#[derive(Debug)]
pub struct Detectors {
    pub(super) lexicon: Lexicon,
    pub(super) patterns: Patterns,
    pub(super) ages: Vec<Wanted>,
    pub(super) addresses: Vec<address::Wanted>,
    pub(super) cloaking: Vec<cloaking::Wanted>,
    pub(super) images: Vec<image::Wanted>,
    pub(super) opinions: Vec<opinion::Wanted>,
    pub(super) sets: Sets,
    /// What is looked for in the meaning of sentences, if anything.
    pub(super) meanings: Option<Meanings>,
    reach: HashMap<SignalId, u32>,
    /// Whether text waits for any age, and for any address.
    holds_ages: bool,
    holds_addresses: bool,
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
        self.ages.push((signal, from, to));
        self.reaches(signal, age::MAX_WIDTH as u32);
        Ok(())
    }

    /// Adds: a way to reach somebody.
    pub fn contact(&mut self, signal: SignalId, kinds: &[ContactKind]) -> Result<(), Problem> {
        self.contacts.insert(signal);
        for &kind in kinds {
            if let Some(shape) = contact::shape(kind) {
                if !self.addresses.contains(&(signal, shape)) {
                    self.addresses.push((signal, shape));
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
        self.cloaking.push((signal, what));
        self.reaches(signal, 2);
    }

    /// Adds: a sentence for which the classifier's `label` is at least so probable.
    pub fn classifier(
        &mut self,
        signal: SignalId,
        label: &str,
        at_least: f32,
    ) -> Result<(), Problem> {
        let Some(label) = self.labels().iter().position(|known| known == label) else {
            let message = format!("the classifier has no label `{label}`");
            return Err(Problem::new(message, None));
        };
        let help = "a number between 0 and 1; models/sense/CARD.md says what each catches";
        self.meaning(signal, Judge::Label(label), at_least, help)
    }

    /// Adds: a sentence that is at least so probably what the examples behind a probe have in common.
    pub fn examples(
        &mut self,
        signal: SignalId,
        probe: Arc<Probe>,
        at_least: f32,
    ) -> Result<(), Problem> {
        let help = "a number between 0 and 1; `wardgate check` says what it finds of the examples";
        self.meaning(signal, Judge::Probe(probe), at_least, help)
    }

    fn meaning(
        &mut self,
        signal: SignalId,
        judge: Judge,
        at_least: f32,
        help: &str,
    ) -> Result<(), Problem> {
        if !(at_least > 0.0 && at_least < 1.0) {
            let message = format!("`at_least: {at_least}` is no probability to wait for");
            return Err(Problem::new(message, Some(help)));
        }
        self.meanings.push((signal, judge, at_least));
        // The next symbol says that a sentence has ended.
        self.reaches(signal, MAX_UNITS + 1);
        Ok(())
    }

    /// Labels of the classifier.
    pub fn labels(&self) -> &'static [String] {
        self.heads().labels()
    }

    fn heads(&self) -> &'static Heads {
        self.heads.unwrap_or_else(sense::shipped_heads)
    }

    /// Reads these heads instead of those in the binary.
    #[cfg(test)]
    pub(super) fn read(&mut self, heads: &'static Heads) {
        self.heads = Some(heads);
    }

    /// Adds: something to be seen in a picture.
    pub fn image(&mut self, signal: SignalId, look: Look) {
        self.images.push((signal, look));
        self.reaches(signal, 1);
    }

    /// Adds: something that others say of a whole text, at least so probably.
    pub fn opinion(&mut self, signal: SignalId, opinion: Opinion) -> Result<(), Problem> {
        let at_least = opinion.at_least;
        if !(at_least > 0.0 && at_least <= 1.0) {
            let message = format!("`at_least: {at_least}` is no probability to wait for");
            let help = "a number above 0, and at most 1";
            return Err(Problem::new(message, Some(help)));
        }
        self.opinions.push((signal, opinion));
        self.reaches(signal, 1);
        Ok(())
    }

    /// Whether others are asked for the signal.
    pub fn is_opinion(&self, signal: SignalId) -> bool {
        self.opinions.iter().any(|(of, _)| *of == signal)
    }

    /// A hit of `sign` near by is the second sign that a doubtful hit of `doubtful` needs
    /// (two Han that only sound like a word of it, say).
    pub fn vouch(&mut self, sign: SignalId, doubtful: SignalId) {
        self.vouchers.insert((sign, doubtful));
    }

    /// The signal only ever excuses: nobody disguises an excuse, so its words are looked for in the
    /// views that lose nothing.
    pub fn plain(&mut self, signal: SignalId) {
        self.plain.insert(signal);
    }

    /// No hit of this signal ever withholds text of a stream, so none of it needs to wait for one:
    /// [`Scanner::settled`] and [`Scanner::unripe_before`] pass over what is alive for it alone.
    pub fn free(&mut self, signal: SignalId) {
        self.free.insert(signal);
    }

    /// A hit of this signal belongs to no other; and it has a set even if nothing in a text shows it.
    pub fn alone(&mut self, signal: SignalId) {
        self.alone.insert(signal);
    }

    /// Compiles.
    pub fn build(mut self) -> Result<Detectors, Problem> {
        self.words.plain(&self.plain);
        let reached = self.reach.keys().chain(&self.alone);
        let mut sets = Sets::of(reached.copied().collect());
        let terms = self.words.join(&self.alone, &mut sets);
        sets.seal(&self.free, &self.contacts, &self.vouchers);
        let single = |signal| sets.single(signal).expect("every signal has a set");
        let ages: Vec<Wanted> = self
            .ages
            .into_iter()
            .map(|(signal, from, to)| Wanted {
                signals: single(signal),
                from,
                to,
            })
            .collect();
        let addresses: Vec<address::Wanted> = self
            .addresses
            .into_iter()
            .map(|(signal, shape)| address::Wanted {
                signals: single(signal),
                shape,
            })
            .collect();
        let cloaking = self.cloaking.into_iter();
        let cloaking = cloaking.map(|(signal, what)| cloaking::Wanted {
            signals: single(signal),
            what,
        });
        let cloaking = cloaking.collect();
        let meanings = (!self.meanings.is_empty()).then(|| {
            let heads = self.heads.unwrap_or_else(sense::shipped_heads);
            let gate = match self.heads {
                Some(_) => None,
                None => sense::shipped_gate(),
            };
            let wanted = self.meanings.iter();
            let wanted = wanted.map(|(signal, judge, at_least)| meaning::Wanted {
                signals: single(*signal),
                judge: judge.clone(),
                at_least: *at_least,
            });
            Meanings::new(heads, gate, wanted.collect(), &sets)
        });
        let images = self.images.into_iter();
        let images = images.map(|(signal, look)| image::Wanted {
            signals: single(signal),
            look,
        });
        let images = images.collect();
        let opinions = self.opinions.into_iter();
        let opinions = opinions.map(|(signal, opinion)| opinion::Wanted {
            signals: single(signal),
            opinion,
        });
        let opinions = opinions.collect();
        let detectors = Detectors {
            lexicon: Trie::grow(terms, &sets),
            patterns: self.regexes.build(&sets)?,
            holds_ages: ages.iter().any(|wanted| sets.holds(wanted.signals)),
            holds_addresses: addresses.iter().any(|wanted| sets.holds(wanted.signals)),
            ages,
            addresses,
            cloaking,
            images,
            opinions,
            sets,
            meanings,
            reach: self.reach,
        };
        if detectors.memory() > MAX_MEMORY {
            let most = MAX_MEMORY >> 20;
            let message = format!("all words and patterns together need more than {most} MiB");
            return Err(Problem::new(
                message,
                Some("shorten lists, or split apps over proxies"),
            ));
        }
        Ok(detectors)
    }

    fn reaches(&mut self, signal: SignalId, reach: u32) {
        let widest = self.reach.entry(signal).or_default();
        *widest = reach.max(*widest);
    }
}

impl Detectors {
    /// All hits of a whole text.
    pub fn scan(self: &Arc<Self>, text: &str) -> Vec<Hit> {
        Scanner::new(Arc::clone(self)).whole(text)
    }

    /// All hits of a whole text but those of its sentences: for excerpts, which have none.
    pub fn scan_words(self: &Arc<Self>, text: &str) -> Vec<Hit> {
        Scanner::of_words(Arc::clone(self)).whole(text)
    }

    /// Reads the dictionaries and models that texts are checked with, so that no text waits for them.
    pub fn warm(&self) {
        align::warm();
        if self.classifies() {
            sense::shipped();
        }
    }

    /// Whether sentences are scored: then a text costs about a hundred times as much.
    pub fn classifies(&self) -> bool {
        self.meanings.is_some()
    }

    /// Whether the signal is a score of sentences.
    pub fn is_meaning(&self, signal: SignalId) -> bool {
        let mut sets = self.meanings.iter().flat_map(Meanings::signals);
        sets.any(|set| self.signals(set).contains(&signal))
    }

    /// The lowest probability at which a sentence is a hit of the signal; 1 if it is no score of sentences.
    pub fn waits_for(&self, signal: SignalId) -> f32 {
        let mut asked = self.meanings.iter().flat_map(Meanings::asked);
        let own = asked.find(|(set, _)| self.signals(*set).contains(&signal));
        own.map_or(1.0, |(_, at_least)| at_least)
    }

    /// Skeleton symbols that a hit of the signal can span, right context included.
    pub fn reach(&self, signal: SignalId) -> u32 {
        self.reach.get(&signal).copied().unwrap_or_default()
    }

    /// The signals that a hit belongs to, sorted.
    #[inline]
    pub fn signals(&self, set: SignalSet) -> &[SignalId] {
        self.sets.members(set)
    }

    /// Every set of signals that a hit can belong to.
    pub fn sets(&self) -> impl Iterator<Item = SignalSet> {
        (0..self.sets.len()).map(SignalSet)
    }

    /// Every set that a signal is in.
    pub fn sets_of(&self, signal: SignalId) -> &[SignalSet] {
        self.sets.of_signal(signal)
    }

    /// The set of this signal alone; `None` if nothing shows it.
    pub fn single(&self, signal: SignalId) -> Option<SignalSet> {
        self.sets.single(signal)
    }

    /// Whether text may have to wait for hits of the set.
    pub(super) fn holds(&self, set: SignalSet) -> bool {
        self.sets.holds(set)
    }

    /// Whether text may have to wait for an age.
    pub(super) fn holds_ages(&self) -> bool {
        self.holds_ages
    }

    /// Whether text may have to wait for an address.
    pub(super) fn holds_addresses(&self) -> bool {
        self.holds_addresses
    }

    /// The sets of signals that want phrases over the border of two parts.
    pub fn crossing(&self) -> impl Iterator<Item = SignalSet> + '_ {
        let wants = self.cloaking.iter();
        let wants = wants.filter(|wanted| wanted.what == Cloaking::Crossing);
        wants.map(|wanted| wanted.signals)
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
        self.lexicon.memory() + self.patterns.memory() + self.sets.memory()
    }
}
