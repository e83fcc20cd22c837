//! What is not allowed and what to do about it: the file, its compilation, the one place that decides.
//!
//! No IO but reading policy folders, no provider JSON, no HTTP. [`compile()`] is the one door from
//! files to a [`PolicySet`]; [`judge`] is the one place that decides, and it is pure.
//!
//! [`file`] is what is written, one to one, made of [`parts`] and read with places by [`yaml`] and
//! [`reader`]; [`signals`], [`rules`] and [`select`] check and compile it. A `when` is read by
//! [`condition`], has its names spelled out by [`conditions`] and becomes [`clause`]s in [`normal`]; [`ledger`] is the evidence that [`judge`]
//! decides on; [`cases`] shows that rules do what their authors meant.

pub mod actions;
mod answer;
mod audience;
pub mod border;
pub mod cases;
pub mod clause;
pub mod cloaked;
mod code;
pub mod compile;
pub mod condition;
mod conditions;
pub mod context;
mod conversation;
mod desk;
pub mod diagnostic;
mod disclosure;
mod examples;
pub mod file;
mod folders;
mod frame;
pub mod helpline;
mod images;
pub mod judge;
mod ledger;
mod log;
mod mark;
mod meaning;
mod normal;
mod opinions;
pub mod outlook;
mod paint;
pub mod parts;
mod past;
mod place;
mod reader;
pub mod reply;
pub mod report;
pub mod rule;
mod rules;
pub mod schema;
pub mod scripts;
mod select;
mod shipped;
mod signals;
mod spelling;
pub(crate) mod spread;
pub mod tally;
mod track;
mod visible;
pub mod yaml;

pub use crate::detect::Hold;
pub use actions::Actions;
pub use answer::judge_answer;
pub use compile::{compile, renew};
pub use conversation::Talk;
pub use diagnostic::{Code, Diagnostic, Diagnostics, Paint};
pub use examples::Separation;
pub use folders::read_folders;
pub use judge::{
    Detection, Horizon, Judge, Scene, Verdict, judge_conversation, judge_prompt, judge_text,
};
pub use outlook::{Outlook, Scoring};
pub use past::{carried, withhold};
pub use rule::{Action, Level, Rule, RuleId, RuleIx, Severity, Status};
pub use select::Selection;
pub use shipped::{profiles, shipped, support};
pub(crate) use spelling::did_you_mean;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::detect::{Detectors, Hit, Opinion, SignalId, SignalSet};
use crate::message::{Band, Direction, Language, Part};
use crate::picture::Eye;
use audience::Cues;
use cases::Case;
use context::Contexts;
use conversation::Conversation;
use frame::Placed;
use scripts::Script;

/// One policy source file as read: shipped (embedded) or an operator's.
#[derive(Debug, Clone)]
pub struct Source {
    /// Path for diagnostics and for `use`: relative to its root ("common/minors.yaml").
    pub path: String,
    /// The text.
    pub text: String,
    /// Whether it is part of the shipped pack (its wall rules cannot be lowered).
    pub shipped: bool,
}

/// What an app says about policies, as its config says it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AppPolicies {
    /// The app's name, for diagnostics.
    pub app: String,
    /// Policy names, rule ids or rows ("QL1", "QL3.1", "grooming"); empty means every policy.
    pub policies: Vec<String>,
    /// Rules above this level are off. 1 to 3.
    pub level: u8,
    /// Rule id -> what the app changes.
    pub overrides: BTreeMap<String, Override>,
    /// Phrases within which nothing is detected (no wall rule is excused by them).
    pub allow: Vec<String>,
}

/// What an app changes about one rule.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Override {
    /// Another action for every audience; `allow` turns the rule off. Any other turns it on, even
    /// above the app's level or outside its policies.
    pub action: Option<Action>,
    /// Another status ("experimental" makes a rule observe).
    pub status: Option<Status>,
}

/// Whether verdicts act or are only recorded. A wall rule always acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Verdicts act.
    Enforce,
    /// Verdicts are recorded; everything passes.
    Observe,
}

impl Mode {
    /// The name in configs and audit lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Observe => "observe",
        }
    }
}

/// A signal that some rule reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignalInfo {
    /// Its name in its file.
    pub name: String,
    /// Where it is declared: file, line from 1.
    pub place: (String, u32),
    /// The label of the classifier that it asks for, and from which probability, in thousandths.
    pub asks: Option<(String, u16)>,
}

/// Everything compiled from all policy files for all apps. Immutable, swapped whole on reload.
#[derive(Debug)]
pub struct PolicySet {
    /// The shared automata.
    pub detectors: Arc<Detectors>,
    /// Rules of all policies; [`RuleIx`] indexes them.
    pub rules: Vec<Rule>,
    /// One per app, in the order given to the compiler.
    pub selections: Vec<Arc<Selection>>,
    /// Every rule with its own action, whatever its level.
    pub everything: Arc<Selection>,
    /// Of those, the rules that do not ask what sentences mean.
    pub words: Arc<Selection>,
    /// Cases of all files.
    pub cases: Vec<Case>,
    /// Scripted conversations of all files.
    pub scripts: Vec<Script>,
    /// What authors should look at although everything compiled.
    pub warnings: Diagnostics,
    /// How well signals tell their examples apart, in the order of files.
    pub separations: Vec<Separation>,
    /// blake3 of everything that can change a verdict; part of every cache key.
    pub hash: [u8; 32],
    clauses: Vec<Placed>,
    /// By signal: the clauses that need it, and which of their atoms it serves, one bit each.
    readers: Vec<Vec<(u32, u32)>>,
    /// By clause: all atoms that it needs, and those that are measured from the anchor, one bit each.
    needs: Vec<(u32, u32)>,
    /// Clauses that ask what sentences mean, by index.
    scored: Vec<u32>,
    /// Clauses that read what is seen of pictures without a model.
    pictured: Vec<u32>,
    /// By eye: clauses that read what only it sees of pictures.
    looked: [Vec<u32>; Eye::ALL.len()],
    /// Clauses that read what others say.
    asked: Vec<u32>,
    /// By signal: what shows it.
    sources: Vec<outlook::Source>,
    /// Whether a conversation hears what sentences mean.
    hears_meaning: bool,
    /// By set of signals: whether a conversation hears one of them.
    acts: Vec<bool>,
    /// By signal: symbols that a hit can span, right context included.
    reaches: Vec<u32>,
    /// The largest of them.
    widest: u32,
    /// By signal; allow phrases come after.
    signals: Vec<SignalInfo>,
    /// What users say about their own age.
    cues: Cues,
    /// What files say about acts over several messages.
    conversations: Vec<Conversation>,
}

/// A rule with everything there is to say about it.
#[derive(Debug)]
pub struct Explanation<'s> {
    /// The rule.
    pub rule: &'s Rule,
    /// Its cases.
    pub cases: Vec<&'s Case>,
    /// The signals it reads.
    pub signals: Vec<&'s SignalInfo>,
    /// What those ask others, by their name.
    pub asks: Vec<(&'s str, &'s Opinion)>,
}

impl PolicySet {
    /// The rule behind an index.
    pub fn rule(&self, ix: RuleIx) -> &Rule {
        &self.rules[ix.0 as usize]
    }

    /// The rule of that id.
    pub fn find(&self, id: &str) -> Option<RuleIx> {
        let at = self.rules.iter().position(|rule| rule.id.0 == id)?;
        u32::try_from(at).ok().map(RuleIx)
    }

    /// Whether some rule that the selection uses asks what the sentences of a text mean that travels
    /// that way, whoever speaks.
    pub fn asks_meaning(&self, selection: &Selection, direction: Direction) -> bool {
        let said = Contexts::that(|way, _, _, _| way == direction);
        let mut scored = self.placed(&self.scored);
        scored.any(|one| one.clause.contexts.meets(said) && selection.uses(one.rule))
    }

    /// What rules that the selection uses could find there, beyond what is known of it.
    pub const fn outlook<'s>(&'s self, selection: &'s Selection, scene: Scene) -> Outlook<'s> {
        Outlook {
            set: self,
            selection,
            scene,
        }
    }

    /// Clauses by their indexes.
    fn placed<'s>(&'s self, clauses: &'s [u32]) -> impl Iterator<Item = &'s Placed> {
        clauses.iter().map(|&at| &self.clauses[at as usize])
    }

    /// What rules that the selection uses want to hear of others about a prompt.
    pub fn opinions<'s>(
        &'s self,
        selection: &'s Selection,
    ) -> impl Iterator<Item = (RuleIx, &'s Opinion)> {
        let prompts = Contexts::that(|way, _, _, _| way == Direction::Prompt);
        let asked = self.placed(&self.asked);
        let used =
            asked.filter(move |one| one.clause.contexts.meets(prompts) && selection.uses(one.rule));
        let wanted = used.flat_map(|one| one.clause.signals().map(|signal| (one.rule, signal)));
        wanted.flat_map(|(rule, signal)| {
            let opinions = self.detectors.opinions_of(signal);
            opinions.map(move |opinion| (rule, opinion))
        })
    }

    /// All hits of a text that travels that way; its sentences are scored only if the selection asks
    /// what they mean.
    pub fn scan(&self, selection: &Selection, direction: Direction, text: &str) -> Vec<Hit> {
        match self.asks_meaning(selection, direction) {
            true => self.detectors.scan(text),
            false => self.detectors.scan_words(text),
        }
    }

    /// What a rule's cases are judged by: every rule where its own asks what sentences mean, else
    /// those that do not. So a pack of thousands of cases is tested in seconds although scores cost a
    /// hundred times as much; what scores say of texts about words is measured on honest texts.
    pub fn trial(&self, rule: RuleIx) -> &Arc<Selection> {
        match self.placed(&self.scored).any(|one| one.rule == rule) {
            true => &self.everything,
            false => &self.words,
        }
    }

    /// Whether some rule that the selection uses reads what is seen of pictures without a model.
    pub fn reads_pictures(&self, selection: &Selection) -> bool {
        self.placed(&self.pictured)
            .any(|one| selection.uses(one.rule))
    }

    /// Rules that the selection uses and that read what only that eye sees of pictures.
    pub fn asks_eye(&self, selection: &Selection, eye: Eye) -> impl Iterator<Item = &Rule> {
        let looked = self.placed(&self.looked[eye as usize]);
        let rules = looked.map(|one| one.rule);
        let used = rules.filter(|rule| selection.uses(*rule));
        used.map(|rule| self.rule(rule))
    }

    /// Whether a conversation stands where its policy wants it watched.
    pub fn watches(&self, talk: &Talk) -> bool {
        talk.stands(&self.conversations).1
    }

    /// The youngest band that users say of themselves, in their own messages; `hits` are those of
    /// each part. For [`crate::message::Audience::heard`].
    pub fn cue<H: AsRef<[Hit]>>(&self, parts: &[Part], hits: &[H]) -> Option<Band> {
        self.cues.heard(parts, hits)
    }

    /// Every signal that some of the hits belong to, sorted.
    pub fn signals_of<'h>(&self, hits: impl Iterator<Item = &'h Hit>) -> Vec<SignalId> {
        let mut sets: Vec<SignalSet> = hits.map(|hit| hit.signals).collect();
        sets.sort_unstable();
        sets.dedup();
        let members = |set: SignalSet| self.detectors.signals(set);
        let mut signals: Vec<SignalId> = sets.into_iter().flat_map(members).copied().collect();
        signals.sort_unstable();
        signals.dedup();
        signals
    }

    /// The reviewed reply of a detection's rule, in the conversation's language. Empty for rules
    /// whose actions never show one.
    pub fn reply(&self, ix: RuleIx, language: Language) -> &str {
        self.rule(ix)
            .reply
            .as_ref()
            .map_or("", |reply| reply.text(language))
    }

    /// [`PolicySet::reply`] in words for the reader's age.
    pub fn reply_for(&self, ix: RuleIx, language: Language, band: Band) -> &str {
        let reply = self.rule(ix).reply.as_ref();
        reply.map_or("", |reply| reply.for_band(band).text(language))
    }

    /// The guidance that a `rewrite` rule appends for the model.
    pub fn guidance(&self, ix: RuleIx, language: Language) -> Option<&str> {
        self.rule(ix)
            .guidance
            .as_ref()
            .map(|guidance| guidance.text(language))
    }

    /// What stands in place of a redacted or rewritten span.
    pub fn replacement(&self, ix: RuleIx, language: Language) -> &str {
        self.rule(ix).replace.text(language)
    }

    /// The harm area that callers learn: the title of the rule's policy.
    pub fn area(&self, ix: RuleIx, language: Language) -> &str {
        self.rule(ix).area.text(language)
    }

    /// Name and place of a signal; `None` for an app's allow phrases.
    pub fn signal(&self, signal: SignalId) -> Option<&SignalInfo> {
        self.signals.get(signal.0 as usize)
    }

    /// Everything about the rule of that id.
    pub fn explain(&self, id: &str) -> Option<Explanation<'_>> {
        let ix = self.find(id)?;
        let mut all = Explanation {
            rule: self.rule(ix),
            cases: self.cases.iter().filter(|case| case.rule == ix).collect(),
            signals: Vec::new(),
            asks: Vec::new(),
        };
        for id in self.read_by(ix) {
            let Some(signal) = self.signal(id) else {
                continue;
            };
            all.signals.push(signal);
            let asks = self.detectors.opinions_of(id);
            all.asks
                .extend(asks.map(|opinion| (&*signal.name, opinion)));
        }
        Some(all)
    }

    /// Every signal that a rule reads, sorted.
    pub fn read_by(&self, rule: RuleIx) -> Vec<SignalId> {
        let clauses = self.clauses.iter().filter(|placed| placed.rule == rule);
        let mut read: Vec<_> = clauses.flat_map(|placed| placed.clause.signals()).collect();
        read.sort_unstable();
        read.dedup();
        read
    }

    fn readers(&self, signal: SignalId) -> &[(u32, u32)] {
        self.readers
            .get(signal.0 as usize)
            .map_or(&[], Vec::as_slice)
    }

    fn signal_reach(&self, signal: SignalId) -> u32 {
        self.reaches.get(signal.0 as usize).copied().unwrap_or(0)
    }

    /// The app's allow phrase that a hit is, if it is one.
    fn allow(&self, set: SignalSet) -> Option<SignalId> {
        let first = self.detectors.signals(set).first().copied()?;
        (first.0 as usize >= self.signals.len()).then_some(first)
    }
}
