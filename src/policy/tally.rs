//! [`Tally`]: how often labelled texts were stopped, with honest intervals. Knows no text and no file.
//!
//! A rate without its interval says little: 0 of 20 is no proof of 0 %. Intervals are Wilson's at
//! 95 %, which stay inside 0 to 1 and make sense for 0 hits and for few rows.

use std::collections::BTreeMap;

use serde::Serialize;

use super::rule::{Action, RuleId};

/// Two-sided 95 % point of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// How many of `n` rows met which fate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows.
    pub n: u64,
    /// Rows of which the text did not go on as it was: blocked, supported, rewritten, redacted, stripped.
    pub stopped: u64,
    /// Of those, rows that were answered with a supporting text.
    pub supported: u64,
    /// Rows in which anything was found: stopped, nudged or flagged.
    pub seen: u64,
}

impl Tally {
    /// One more row.
    pub fn add(&mut self, action: Action) {
        self.n += 1;
        self.stopped += u64::from(action.withholds());
        self.supported += u64::from(action == Action::Support);
        self.seen += u64::from(action > Action::Allow);
    }

    /// Both together.
    pub fn merge(&mut self, other: &Self) {
        self.n += other.n;
        self.stopped += other.stopped;
        self.supported += other.supported;
        self.seen += other.seen;
    }
}

/// What a row's own label says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// It should be found.
    Harmful,
    /// It should pass.
    Benign,
    /// Its source does not say.
    Unknown,
}

/// Tallies apart by label: recall is read from the harmful rows, false alarms from the benign.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Split {
    /// Rows labelled harmful.
    pub harmful: Tally,
    /// Rows labelled benign.
    pub benign: Tally,
    /// Rows that nobody labelled.
    pub unlabelled: Tally,
}

impl Split {
    /// One more row.
    pub fn add(&mut self, label: Label, action: Action) {
        match label {
            Label::Harmful => self.harmful.add(action),
            Label::Benign => self.benign.add(action),
            Label::Unknown => self.unlabelled.add(action),
        }
    }

    /// Both together.
    pub fn merge(&mut self, other: &Self) {
        self.harmful.merge(&other.harmful);
        self.benign.merge(&other.benign);
        self.unlabelled.merge(&other.unlabelled);
    }
}

/// Splits by whatever rows are grouped by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups<K: Ord>(pub BTreeMap<K, Split>);

impl<K: Ord> Default for Groups<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord> Groups<K> {
    /// One more row of a group.
    pub fn add(&mut self, key: K, label: Label, action: Action) {
        self.0.entry(key).or_default().add(label, action);
    }

    /// Both together.
    pub fn merge(&mut self, other: Self) {
        for (key, split) in other.0 {
            self.0.entry(key).or_default().merge(&split);
        }
    }
}

/// The strongest action of each rule and of each row of the notice that a text met. `found` are
/// its detections; actions that do nothing are left out.
pub fn by_rule<'r>(
    found: impl IntoIterator<Item = (&'r RuleId, Action)>,
) -> (BTreeMap<&'r str, Action>, BTreeMap<&'r str, Action>) {
    let (mut rules, mut rows) = (BTreeMap::new(), BTreeMap::new());
    for (rule, action) in found {
        if action == Action::Allow {
            continue;
        }
        for (strongest, key) in [(&mut rules, rule.0.as_str()), (&mut rows, rule.row())] {
            let known = strongest.entry(key).or_insert(action);
            *known = action.max(*known);
        }
    }
    (rules, rows)
}

/// A share of rows with its interval; all `None` where there is no row to say anything of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rate {
    /// The share, 0 to 1.
    pub rate: Option<f64>,
    /// Ends of the 95 % interval, 0 to 1.
    pub interval: Option<[f64; 2]>,
}

impl Rate {
    /// `hits` of `n`.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of rows are far below 2^52"
    )]
    pub fn of(hits: u64, n: u64) -> Self {
        let Some(interval) = wilson(hits, n) else {
            return Self {
                rate: None,
                interval: None,
            };
        };
        Self {
            rate: Some(hits as f64 / n as f64),
            interval: Some(interval),
        }
    }
}

/// Wilson's score interval at 95 % of `hits` successes in `n` trials; `None` without trials.
/// Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of rows are far below 2^52"
)]
pub fn wilson(hits: u64, n: u64) -> Option<[f64; 2]> {
    if n == 0 {
        return None;
    }
    let (share, n) = (hits.min(n) as f64 / n as f64, n as f64);
    let square = Z * Z;
    let middle = share + square / (2.0 * n);
    let reach = Z * (share * (1.0 - share) / n + square / (4.0 * n * n)).sqrt();
    let whole = 1.0 + square / n;
    Some([
        ((middle - reach) / whole).max(0.0),
        ((middle + reach) / whole).min(1.0),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(interval: Option<[f64; 2]>, wanted: [f64; 2]) {
        let interval = interval.expect("there are trials");
        for (got, wanted) in interval.into_iter().zip(wanted) {
            assert!((got - wanted).abs() < 5e-5, "{interval:?}");
        }
    }

    #[test]
    fn intervals_are_those_of_the_textbooks() {
        // Newcombe 1998, table I: the score method without continuity correction.
        close(wilson(81, 263), [0.2553, 0.3662]);
        close(wilson(15, 148), [0.0624, 0.1605]);
        close(wilson(0, 20), [0.0, 0.1611]);
        close(wilson(1, 29), [0.0061, 0.1718]);
        close(wilson(29, 29), [0.8830, 1.0]);
        assert_eq!(wilson(0, 0), None);
    }

    #[test]
    fn fates_are_counted_apart() {
        let mut tally = Tally::default();
        for action in Action::ALL {
            tally.add(action);
        }
        assert_eq!(
            (tally.n, tally.stopped, tally.supported, tally.seen),
            (8, 5, 1, 7)
        );
        let mut split = Split::default();
        split.add(Label::Benign, Action::Block);
        split.add(Label::Unknown, Action::Flag);
        assert_eq!(
            (split.benign.stopped, split.harmful.n, split.unlabelled.seen),
            (1, 0, 1)
        );
    }

    #[test]
    fn a_row_of_the_notice_takes_its_strongest_rule() {
        let [mild, hard, off] = ["QL4.2-010", "QL4.2-020", "QL1.1-010"].map(|id| RuleId(id.into()));
        let found = [
            (&mild, Action::Flag),
            (&hard, Action::Block),
            (&mild, Action::Nudge),
            (&off, Action::Allow),
        ];
        let (rules, rows) = by_rule(found);
        assert_eq!(
            rules,
            BTreeMap::from([("QL4.2-010", Action::Nudge), ("QL4.2-020", Action::Block)])
        );
        assert_eq!(rows, BTreeMap::from([("QL4.2", Action::Block)]));
    }
}
