//! What gets past a rule: the positives of a pack, with what their rules hit in disguise.
//!
//! Every positive case is judged; each span that took part in its detection is written in every
//! way of [`crate::cloak`] that applies, and judged again in the same scene. A disguise is caught
//! if the case's own rule finds it again. Counts only: no text of a case is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use serde::Serialize;

use super::PolicySet;
use super::cases::{Case, verdict};
use crate::cloak::{Dice, Trick, cloak};
use crate::message::Role;
use crate::text::Span;

/// Disguises written, and how many of them were caught.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Disguises.
    pub tried: u32,
    /// Those that the case's own rule found again.
    pub caught: u32,
}

impl Count {
    fn add(&mut self, caught: bool) {
        self.tried += 1;
        self.caught += u32::from(caught);
    }

    /// "97 %", rounded down: 100 % means all of them.
    fn rate(self) -> String {
        let rate = u64::from(self.caught) * 100 / u64::from(self.tried.max(1));
        format!("{rate} %")
    }
}

/// One trick over all rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrickRow {
    /// Its name.
    pub trick: &'static str,
    /// The view that undoes it.
    pub view: &'static str,
    /// How it went.
    #[serde(flatten)]
    pub count: Count,
}

/// One rule over all tricks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleRow {
    /// Its id.
    pub rule: String,
    /// How it went.
    #[serde(flatten)]
    pub count: Count,
    /// Every trick that got past it at least once.
    pub past: BTreeMap<&'static str, Count>,
}

/// What the disguises of a pack showed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Cloaks {
    /// The seed of the dice; the same seed writes the same disguises.
    pub seed: u64,
    /// Tricks, in the order of [`Trick::ALL`]; those that applied nowhere are left out.
    pub tricks: Vec<TrickRow>,
    /// Rules with a positive case, by id.
    pub rules: Vec<RuleRow>,
}

/// Disguises every positive of the pack.
pub fn run(set: &Arc<PolicySet>, seed: u64) -> Cloaks {
    let mut counts: BTreeMap<(String, Trick), Count> = BTreeMap::new();
    let positive = |case: &&Case| case.expect.action().is_some();
    for (number, case) in set.cases.iter().filter(positive).enumerate() {
        for (role, text) in &case.turns {
            for span in spans(set, case, *role, text) {
                for trick in Trick::ALL {
                    // Dice of its own for each, so that a new case changes no other's disguise.
                    let mut dice = Dice(seed ^ (number as u64) << 32 ^ trick as u64);
                    let Some(made) = cloak(trick, text, span.range(), &mut dice) else {
                        continue;
                    };
                    let found = verdict(set, case, *role, &made.text).detections;
                    let caught = found.iter().any(|one| one.rule == case.rule);
                    let rule = set.rule(case.rule).id.0.clone();
                    counts.entry((rule, trick)).or_default().add(caught);
                }
            }
        }
    }
    summed(seed, &counts)
}

/// The spans that took part in the detections of the case's own rule.
fn spans(set: &Arc<PolicySet>, case: &Case, role: Role, text: &str) -> BTreeSet<Span> {
    let found = verdict(set, case, role, text).detections;
    let own = found.iter().filter(|one| one.rule == case.rule);
    // One text is one part, so the anchor lies in it too.
    let both = own.flat_map(|one| [one.span, one.anchor.1]);
    both.collect()
}

fn summed(seed: u64, counts: &BTreeMap<(String, Trick), Count>) -> Cloaks {
    let mut tricks: BTreeMap<Trick, Count> = BTreeMap::new();
    let mut rules: BTreeMap<&str, (Count, BTreeMap<&'static str, Count>)> = BTreeMap::new();
    for ((rule, trick), count) in counts {
        let (all, past) = rules.entry(rule).or_default();
        for sum in [all, tricks.entry(*trick).or_default()] {
            sum.tried += count.tried;
            sum.caught += count.caught;
        }
        if count.caught < count.tried {
            past.insert(trick.name(), *count);
        }
    }
    let tricks = tricks.into_iter().map(|(trick, count)| TrickRow {
        trick: trick.name(),
        view: trick.view(),
        count,
    });
    let rules = rules.into_iter().map(|(rule, (count, past))| RuleRow {
        rule: rule.to_owned(),
        count,
        past,
    });
    Cloaks {
        seed,
        tricks: tricks.collect(),
        rules: rules.collect(),
    }
}

impl Cloaks {
    /// For people: tricks, then rules with what gets past them, then one line of summary.
    pub fn text(&self) -> String {
        let mut out = String::from("\nDisguises caught, per trick:\n");
        for TrickRow { trick, view, count } in &self.tricks {
            let (rate, of) = (count.rate(), count.tried);
            let _ = writeln!(out, "  {trick:<18} {view:<9} {rate:>6} of {of}");
        }
        out.push_str("\nPer rule, and what gets past it (missed/tried):\n");
        for RuleRow { rule, count, past } in &self.rules {
            let missed = past.iter().map(|(trick, count)| {
                format!("{trick} {}/{}", count.tried - count.caught, count.tried)
            });
            let (rate, missed) = (count.rate(), missed.collect::<Vec<_>>().join(", "));
            let of = count.tried;
            let _ = writeln!(out, "  {rule:<12} {rate:>6} of {of}  {missed}");
        }
        let mut all = Count::default();
        for row in &self.tricks {
            all.tried += row.count.tried;
            all.caught += row.count.caught;
        }
        let (rate, rules, seed) = (all.rate(), self.rules.len(), self.seed);
        let _ = writeln!(
            out,
            "\n{rate} of {} disguises caught, {rules} rules, seed {seed}",
            all.tried
        );
        out
    }
}
