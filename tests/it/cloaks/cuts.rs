//! How a disguised text was cut into pieces cannot be seen in what was found.

use std::sync::Arc;

use wardgate::cloak::{Dice, Trick, cloak};
use wardgate::detect::{Hit, Scanner};

use super::{detectors, signals};

/// All hits of a text that comes character by character, in a fixed order.
fn in_pieces(text: &str) -> Vec<String> {
    let mut scanner = Scanner::new(Arc::clone(detectors()));
    let (mut hits, mut buffer) = (Vec::new(), [0; 4]);
    for c in text.chars() {
        scanner.push(c.encode_utf8(&mut buffer), &mut hits);
    }
    scanner.finish(&mut hits);
    sorted(&hits)
}

fn sorted(hits: &[Hit]) -> Vec<String> {
    let mut said: Vec<String> = hits.iter().map(|hit| format!("{hit:?}")).collect();
    said.sort_unstable();
    said
}

#[test]
fn how_a_disguise_was_cut_cannot_be_seen() {
    let mut seen = 0;
    for (_, signal, word) in signals() {
        let (before, after) = match word.is_ascii() {
            true => ("they like ", " with rice"),
            false => ("他们都很喜欢", "的味道"),
        };
        let text = [before, word, after].concat();
        for trick in Trick::ALL {
            let target = before.len()..before.len() + word.len();
            let mut dice = Dice(u64::from(signal.0) << 8 ^ trick as u64);
            let Some(made) = cloak(trick, &text, target, &mut dice) else {
                continue;
            };
            let whole = sorted(&detectors().scan(&made.text));
            seen += whole.len();
            assert_eq!(
                in_pieces(&made.text),
                whole,
                "{}: {:?}",
                trick.name(),
                made.text
            );
        }
    }
    assert!(seen > 1_000, "{seen} hits");
}
