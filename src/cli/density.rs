//! How densely text is flagged: spans per policy and per view, over the characters that were read.
//!
//! A rate per row hides long texts; an analyst who adds a view or a word asks how often it fires in
//! so much honest prose. One flagged span counts once per policy, however many of its rules saw it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::{Value, json};

use super::scan::{Bench, Findings};
use crate::text::{Span, ViewKind};

/// Characters that a density is of: about a novel's chapter.
const PER_CHARACTERS: f64 = 100_000.0;

/// Spans flagged in some texts.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Density {
    /// Unicode characters read.
    pub characters: u64,
    /// By policy and by the reading in which the span was found.
    spans: BTreeMap<(String, ViewKind), u64>,
}

impl Density {
    /// One more text of so many characters.
    pub fn add(&mut self, characters: u64, bench: &Bench, findings: &Findings) {
        self.characters += characters;
        let mut told: BTreeSet<(&str, u32, Span)> = BTreeSet::new();
        for found in &findings.0 {
            let policy = bench.set.rule(found.rule).policy.as_str();
            if told.insert((policy, found.part, found.span)) {
                let key = (policy.to_owned(), found.view);
                *self.spans.entry(key).or_default() += 1;
            }
        }
    }

    /// Both together.
    pub fn merge(&mut self, other: Self) {
        self.characters += other.characters;
        for (key, spans) in other.spans {
            *self.spans.entry(key).or_default() += spans;
        }
    }

    /// Spans per 100,000 characters.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of characters are far below 2^52"
    )]
    fn rate(&self, spans: u64) -> f64 {
        spans as f64 * PER_CHARACTERS / self.characters.max(1) as f64
    }

    /// Spans by policy, each with its views.
    fn policies(&self) -> BTreeMap<&str, BTreeMap<ViewKind, u64>> {
        let mut policies: BTreeMap<&str, BTreeMap<ViewKind, u64>> = BTreeMap::new();
        for ((policy, view), spans) in &self.spans {
            *policies
                .entry(policy)
                .or_default()
                .entry(*view)
                .or_default() += spans;
        }
        policies
    }

    /// A line per policy, most spans first; nothing if nothing was read.
    pub fn text(&self, out: &mut String) {
        if self.characters == 0 {
            return;
        }
        let characters = self.characters;
        let _ = writeln!(
            out,
            "\nspans flagged in {characters} benign characters, per 100,000, and in which view"
        );
        let mut policies: Vec<_> = self.policies().into_iter().collect();
        policies.sort_by_key(|(_, views)| std::cmp::Reverse(views.values().sum::<u64>()));
        if policies.is_empty() {
            out.push_str("  none\n");
        }
        for (policy, views) in policies {
            let spans: u64 = views.values().sum();
            let each = views
                .iter()
                .map(|(view, spans)| format!("{} {spans}", view.name()));
            let (rate, each) = (self.rate(spans), each.collect::<Vec<_>>().join(", "));
            let _ = writeln!(out, "  {policy:<14} {rate:>7.2}  {spans:>5}  {each}");
        }
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let policies = self.policies().into_iter().map(|(policy, views)| {
            let spans: u64 = views.values().sum();
            let views = views
                .iter()
                .map(|(view, spans)| (view.name().to_owned(), (*spans).into()));
            json!({
                "policy": policy,
                "spans": spans,
                "per_100k": self.rate(spans),
                "views": views.collect::<serde_json::Map<_, _>>(),
            })
        });
        json!({"characters": self.characters, "policies": policies.collect::<Vec<_>>()})
    }
}
