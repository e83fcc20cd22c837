//! The classifier's card, read for people who read a rule: what a threshold catches, and what it gets wrong.

/// The card that ships with the heads.
const CARD: &str = include_str!("../../models/sense/CARD.md");
/// The table with the figures of each label.
const TABLE: &str = "## Labels on unseen own lines";
/// How a column of a probability is headed.
const PROBABILITY: &str = "p ";

/// Figures of a label at the highest probability of the card that is not above `at_least` (0 to 1), or at
/// its lowest where that is above, a line per language; none if the card does not speak of the label.
pub(super) fn figures(label: &str, at_least: f32) -> Vec<String> {
    from(CARD, label, at_least)
}

fn from(card: &str, label: &str, at_least: f32) -> Vec<String> {
    let section = card.split_once(TABLE).map_or("", |(_, rest)| rest);
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut rows = section
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim));
    let Some(head) = rows.next() else {
        return Vec::new();
    };
    let probability = |cell: &str| cell.strip_prefix(PROBABILITY)?.parse::<f32>().ok();
    let columns = head.enumerate();
    let columns: Vec<_> = columns
        .filter_map(|(column, cell)| Some((column, probability(cell)?)))
        .collect();
    let by_probability = |one: &&(usize, f32), other: &&(usize, f32)| one.1.total_cmp(&other.1);
    let below = columns
        .iter()
        .filter(|(_, at)| *at <= at_least + f32::EPSILON)
        .max_by(by_probability);
    // A lower threshold finds more of both than any column says.
    let (found, since) = match (below, columns.iter().min_by(by_probability)) {
        (Some(found), _) => (found, "from"),
        (None, Some(lowest)) => (lowest, "already from"),
        (None, None) => return Vec::new(),
    };
    let (column, at) = *found;
    let told = |row: Vec<&str>| {
        let (recall, alarms) = row.get(column)?.split_once('/')?;
        let (language, recall, alarms) = (row.get(1)?, recall.trim(), alarms.trim());
        (row.first() == Some(&label)).then(|| {
            format!(
                "{language}, {since} {at}: {recall} % of unseen lines about it, {alarms} % of the others"
            )
        })
    };
    rows.filter_map(|row| told(row.collect())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "# Card\n\n## Labels on unseen own lines\n\nText.\n\n\
        | label | language | p 0.1 | p 0.5 | p 0.9 |\n|---|---|---|---|---|\n\
        | leek | en | 90 / 9.0 | 50 / 2.0 | 10 / 0.1 |\n| leek | zh | 80 / 8.0 | 40 / 1.0 | 5 / 0.0 |\n\
        | turnip | en | 1 / 1 | 1 / 1 | 1 / 1 |\n\n## Other\n\n| leek | en | 0 / 0 | 0 / 0 | 0 / 0 |\n";

    #[test]
    fn the_column_below_the_threshold_counts() {
        assert_eq!(
            from(SMALL, "leek", 0.6),
            [
                "en, from 0.5: 50 % of unseen lines about it, 2.0 % of the others",
                "zh, from 0.5: 40 % of unseen lines about it, 1.0 % of the others"
            ]
        );
        assert_eq!(from(SMALL, "leek", 0.9).len(), 2);
        assert_eq!(
            from(SMALL, "leek", 0.05)[0],
            "en, already from 0.1: 90 % of unseen lines about it, 9.0 % of the others"
        );
        assert!(from(SMALL, "chard", 0.6).is_empty() && from("", "leek", 0.6).is_empty());
    }

    #[test]
    fn the_shipped_card_knows_every_label_that_a_shipped_rule_reads() {
        let set = crate::policy::compile(&crate::policy::shipped(), &[]);
        let set = set.unwrap_or_else(|all| panic!("{all}"));
        let mut asked = 0;
        for rule in &set.rules {
            let explained = set.explain(&rule.id.0).expect("its rule");
            for (label, thousandths) in explained.signals.iter().filter_map(|one| one.asks.as_ref())
            {
                let figures = figures(label, f32::from(*thousandths) / 1000.0);
                assert_eq!(figures.len(), 2, "{label} at {thousandths}");
                asked += 1;
            }
        }
        assert!(asked > 20, "rules read scores: {asked}");
    }
}
