//! [`Outlook`]: what rules could still find in a prompt of which only a part is known.
//!
//! A score costs a hundred times what words cost, and who else is asked costs money. So words are
//! looked for first, and the rest is asked for where it can matter: where a rule that does something
//! for this audience reads it, and everything else that the rule needs may be there. What is found
//! is the same to the byte as if everything had been asked at once.
//!
//! It looks at whether a signal was seen in the turn at all, not at distances or excuses, so it asks
//! too often, never too seldom. A rule that only stands in for a refusal (`instead_of`) waits until
//! something refuses the turn.

use std::ops::Range;

use super::clause::{Atom, Clause};
use super::context::Contexts;
use super::frame::Placed;
use super::judge::{Detection, Scene};
use super::rule::{Action, RuleIx};
use super::{PolicySet, Selection};
use crate::detect::{Hit, Opinion, SignalId};
use crate::message::{Direction, Part, Role};

/// What rules that an app uses could still find for somebody.
#[derive(Debug, Clone, Copy)]
pub struct Outlook<'s> {
    pub(super) set: &'s PolicySet,
    pub(super) selection: &'s Selection,
    pub(super) scene: Scene,
}

/// What is not known yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unknown {
    /// What sentences mean, and what others say.
    Scores,
    /// What others say.
    Opinions,
}

/// Clauses that may wait for what is unknown of one speaker's turns.
struct Waiting<'s> {
    role: Role,
    clauses: Vec<&'s Placed>,
}

/// Whether the sentences of a part are scored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scoring {
    /// No rule waits for a score of them.
    No,
    /// If a sentence of the part's turn reaches what one of these signals waits for: without a hit of one
    /// of them nothing more can be found ([`crate::detect::Glance`]).
    If(Vec<SignalId>),
    /// Whatever they mean.
    Yes,
}

impl Scoring {
    /// When either says so.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (one, Self::No) => one,
            (Self::No, other) => other.clone(),
            (Self::If(mut signals), Self::If(more)) => {
                signals.extend(more);
                signals.sort_unstable();
                signals.dedup();
                Self::If(signals)
            }
        }
    }
}

/// What others could say of one turn.
#[derive(Debug)]
pub struct Wanted<'s> {
    /// The parts of the turn.
    pub parts: Range<usize>,
    /// The rule that reads it.
    pub rule: RuleIx,
    /// What it wants to hear.
    pub opinion: &'s Opinion,
}

impl<'s> Outlook<'s> {
    /// Whether scores of something that is said could matter at all.
    pub fn asks_meaning(&self) -> bool {
        let scene = self.scene;
        let said = Contexts::that(|way, output, _, minor| {
            (way, output, minor) == (scene.direction, scene.output, scene.minor())
        });
        let mut scored = self.set.placed(&self.set.scored);
        self.set.hears_meaning || scored.any(|one| self.uses(one, said))
    }

    /// By part of a prompt: when scores of its sentences could change what is found. `found` is
    /// what its words show.
    pub fn scored<H: AsRef<[Hit]>>(
        &self,
        parts: &[Part],
        hits: &[H],
        found: &[Detection],
    ) -> Vec<Scoring> {
        if self.set.hears_meaning {
            return vec![Scoring::Yes; parts.len()];
        }
        let mut wanted = vec![Scoring::No; parts.len()];
        let mut waiting = Vec::new();
        for turn in turns(parts) {
            let clauses = self.waiting(&mut waiting, parts[turn.start].role, Unknown::Scores);
            if clauses.is_empty() {
                continue;
            }
            let refused = || {
                let here = found
                    .iter()
                    .filter(|one| turn.contains(&(one.part as usize)));
                here.into_iter().any(|one| one.action == Action::Block)
            };
            let known = Known::of(self.set, &hits[turn.clone()], &[]);
            let matters = |one: &&Placed| {
                let stands_in = self.set.rule(one.rule).instead && !self.hears_others();
                self.can_hold(&one.clause, &known, Unknown::Scores) && (!stands_in || refused())
            };
            let open = clauses.iter().filter(|one| matters(one));
            let scoring = self.scoring(open.map(|one| &one.clause));
            wanted[turn.clone()].fill(scoring);
        }
        self.carry(parts, &mut wanted);
        wanted
    }

    /// What has to be reached for one of the clauses to hold.
    fn scoring<'c>(&self, open: impl Iterator<Item = &'c Clause>) -> Scoring {
        let mut keys: Option<Vec<SignalId>> = None;
        for clause in open {
            let Some(key) = self.key(clause) else {
                return Scoring::Yes;
            };
            keys.get_or_insert_default().extend(key);
        }
        let Some(mut keys) = keys else {
            return Scoring::No;
        };
        keys.sort_unstable();
        keys.dedup();
        Scoring::If(keys)
    }

    /// Of what a clause needs, the scores that are reached most seldom: by the probability that they wait for.
    fn key<'c>(&self, clause: &'c Clause) -> Option<&'c [SignalId]> {
        let scored = clause.need.iter().filter_map(|atom| match atom {
            Atom::Any(names) | Atom::Near(names, _) | Atom::Count(names, _) => Some(&names[..]),
            Atom::InOrder(..) => None,
        });
        let scored = scored.filter(|names| names.iter().all(|name| self.set.is_score(*name)));
        let lowest = |names: &&[SignalId]| {
            let bars = names.iter().map(|name| self.set.detectors.waits_for(*name));
            bars.fold(1.0, f32::min)
        };
        scored.max_by(|one, other| lowest(one).total_cmp(&lowest(other)))
    }

    /// The same of a conversation whose last turn is judged as an answer.
    pub fn scored_of_answer<H: AsRef<[Hit]>>(&self, parts: &[Part], hits: &[H]) -> Vec<Scoring> {
        if self.set.hears_meaning {
            return vec![Scoring::Yes; parts.len()];
        }
        let last = parts.last().map_or(0, |part| part.turn);
        let first = parts.partition_point(|part| part.turn < last);
        let mut wanted = vec![Scoring::No; parts.len()];
        self.carry(&parts[..first], &mut wanted[..first]);
        let carried = super::carried(self.set, &parts[..first], &hits[..first]);
        let known = Known::of(self.set, &hits[first..], &carried);
        let mut waiting = Vec::new();
        let clauses = self.waiting(&mut waiting, Role::Assistant, Unknown::Scores);
        let carries = wanted.contains(&Scoring::Yes);
        if clauses
            .iter()
            .any(|one| carries || self.can_hold(&one.clause, &known, Unknown::Scores))
        {
            wanted[first..].fill(Scoring::Yes);
        }
        wanted
    }

    /// What others could say of a prompt whose words and sentences are known.
    pub fn opinions<H: AsRef<[Hit]>>(&self, parts: &[Part], hits: &[H]) -> Vec<Wanted<'s>> {
        let mut wanted = Vec::new();
        let mut waiting = Vec::new();
        for turn in turns(parts) {
            let clauses = self.waiting(&mut waiting, parts[turn.start].role, Unknown::Opinions);
            if clauses.is_empty() {
                continue;
            }
            let known = Known::of(self.set, &hits[turn.clone()], &[]);
            let open = clauses.iter();
            let open = open.filter(|one| self.can_hold(&one.clause, &known, Unknown::Opinions));
            for one in open {
                let signals = one.clause.signals();
                let opinions = signals.flat_map(|signal| self.set.detectors.opinions_of(signal));
                wanted.extend(opinions.map(|opinion| Wanted {
                    parts: turn.clone(),
                    rule: one.rule,
                    opinion,
                }));
            }
        }
        wanted
    }

    /// The clauses that read what is unknown of what this speaker says, looked up once a request.
    fn waiting<'w>(
        &self,
        all: &'w mut Vec<Waiting<'s>>,
        role: Role,
        unknown: Unknown,
    ) -> &'w [&'s Placed] {
        let known = all.iter().position(|one| one.role == role);
        let at = known.unwrap_or_else(|| {
            let Scene {
                direction, output, ..
            } = self.scene;
            let here = Contexts::one(direction, output, role, self.scene.minor());
            let set = self.set;
            let read = match unknown {
                Unknown::Scores => &set.scored,
                Unknown::Opinions => &set.asked,
            };
            let clauses = set.placed(read).filter(|one| self.uses(one, here));
            all.push(Waiting {
                role,
                clauses: clauses.collect(),
            });
            all.len() - 1
        });
        &all[at].clauses
    }

    /// Whether a rule does something for this audience there.
    fn uses(&self, one: &Placed, here: Contexts) -> bool {
        one.clause.contexts.meets(here)
            && self.selection.action(one.rule, self.scene.audience) != Action::Allow
    }

    /// Whether some rule reads what others say of a prompt: what they say may refuse it.
    fn hears_others(&self) -> bool {
        self.set.opinions(self.selection).next().is_some()
    }

    /// Whether everything that a clause needs was seen or is unknown.
    fn can_hold(&self, clause: &Clause, known: &Known, unknown: Unknown) -> bool {
        let may_be = |names: &[SignalId]| {
            names
                .iter()
                .any(|name| known.has(*name) || self.is_unknown(*name, unknown))
        };
        clause.need.iter().all(|atom| match atom {
            Atom::Any(names) | Atom::Near(names, _) | Atom::Count(names, _) => may_be(names),
            Atom::InOrder(first, second, _) => may_be(first) && may_be(second),
        })
    }

    fn is_unknown(&self, signal: SignalId, unknown: Unknown) -> bool {
        let of = self.set.sources.get(signal.0 as usize);
        match of {
            Some(Source::Score) => unknown == Unknown::Scores,
            Some(Source::Other) => true,
            Some(Source::Text) | None => false,
        }
    }

    /// Marks the last thing that the user said where its scores count for the answer.
    fn carry(&self, parts: &[Part], wanted: &mut [Scoring]) {
        if !self.carries_meaning() {
            return;
        }
        let users = parts.iter().filter(|part| part.role == Role::User);
        let last = users.map(|part| part.turn).max();
        for (part, wanted) in parts.iter().zip(wanted) {
            if part.role == Role::User && Some(part.turn) == last {
                *wanted = Scoring::Yes;
            }
        }
    }

    /// Whether a rule of answers, at this level or after a doubt, reads what the prompt meant: as a
    /// need that has no place, or as an excuse.
    fn carries_meaning(&self) -> bool {
        let Scene {
            output, audience, ..
        } = self.scene;
        let minor = self.scene.minor();
        let answer = Contexts::one(Direction::Output, output, Role::Assistant, minor);
        let stricter = self.selection.stricter.as_deref();
        let uses = |rule| {
            let all = [Some(self.selection), stricter].into_iter().flatten();
            all.into_iter()
                .any(|one| one.action(rule, audience) != Action::Allow)
        };
        let of_score = |names: &[SignalId]| names.iter().any(|name| self.set.is_score(*name));
        self.set.placed(&self.set.scored).any(|one| {
            let Clause { need, unless, .. } = &one.clause;
            let anchor = need.iter().position(|atom| atom.anchors().is_some());
            let needs = (0..).zip(need).filter(|(at, _)| Some(*at) != anchor);
            let mut read = needs.map(|(_, atom)| atom).chain(unless);
            one.clause.contexts.meets(answer)
                && read.any(|atom| matches!(atom, Atom::Any(names) if of_score(names)))
                && uses(one.rule)
        })
    }
}

/// What shows a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The words of a text, or a picture.
    Text,
    /// What its sentences mean.
    Score,
    /// What others say, or how a conversation stands.
    Other,
}

/// Signals that were seen, sorted.
struct Known(Vec<SignalId>);

impl Known {
    fn of<H: AsRef<[Hit]>>(set: &PolicySet, hits: &[H], carried: &[SignalId]) -> Self {
        let mut seen = set.signals_of(hits.iter().flat_map(|hits| hits.as_ref()));
        if !carried.is_empty() {
            seen.extend(carried);
            seen.sort_unstable();
        }
        Self(seen)
    }

    fn has(&self, signal: SignalId) -> bool {
        self.0.binary_search(&signal).is_ok()
    }
}

impl PolicySet {
    fn is_score(&self, signal: SignalId) -> bool {
        self.sources.get(signal.0 as usize) == Some(&Source::Score)
    }
}

/// The parts of each turn, as they are judged.
pub fn turns(parts: &[Part]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = 0;
    let turns = parts.chunk_by(|a, b| (a.turn, a.role) == (b.turn, b.role));
    turns.map(move |turn| {
        let from = at;
        at += turn.len();
        from..at
    })
}
