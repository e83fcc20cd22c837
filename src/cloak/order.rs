//! Another order: in a column, backwards; and alphabets that are turned round.

use super::marks::clusters;
use super::{Dice, Written};

/// Fewer lines make no column.
const LINES: usize = 3;

/// What stands in the other columns: neutral words, letter by letter.
const FILLER: [(bool, &str); 2] = [
    (true, "今天天气很好我们出去走走看看花"),
    (false, "wegotothesea"),
];

/// One column of a block of lines holds the phrase; one to three other columns are filled. Where
/// the phrase is shorter than a column, it goes on with filler.
pub(super) fn vertical(plain: &str, dice: &mut Dice) -> Option<Written> {
    let letters = clusters(plain);
    if letters.len() < 2 {
        return None;
    }
    let is_han = plain.chars().any(|c| c > '\u{2E80}');
    let filler = FILLER.iter().find(|(han, _)| *han == is_han)?.1;
    let mut filler = filler.chars().cycle().skip(dice.below(10));
    let (columns, first) = (1 + dice.below(3), dice.flip());
    let mut others = || -> String { filler.by_ref().take(columns).collect() };
    let mut written = Written {
        lead: "\n".to_owned(),
        ..Written::default()
    };
    for (line, letter) in letters.iter().enumerate() {
        let (last, rest) = (line + 1 == letters.len(), others());
        match (first, line) {
            (true, _) if last => {
                written.body.push_str(letter);
                written.tail = rest + "\n";
            }
            (true, _) => written.body += &format!("{letter}{rest}\n"),
            (false, 0) => {
                written.lead += &rest;
                written.body = format!("{letter}\n");
            }
            (false, _) => {
                written.body += &format!("{rest}{letter}{}", if last { "" } else { "\n" })
            }
        }
    }
    if !first {
        written.tail.push('\n');
    }
    for _ in letters.len()..LINES {
        written.tail += &format!(
            "{}{}\n",
            others(),
            others().chars().next().unwrap_or_default()
        );
    }
    Some(written)
}

pub(super) fn reversed(plain: &str) -> Option<Written> {
    let body: String = clusters(plain).into_iter().rev().collect();
    let is_han = plain.chars().any(|c| c > '\u{2E80}');
    let lead = if is_han {
        "倒着读："
    } else {
        "read backwards: "
    };
    (body != plain).then(|| Written {
        lead: lead.to_owned(),
        body,
        ..Written::default()
    })
}

pub(super) fn rotated_by_some(plain: &str, dice: &mut Dice) -> Option<Written> {
    let steps = 1 + dice.below(24) as u8; // 1 to 24, for 13 the next one
    rotated(plain, if steps >= 13 { steps + 1 } else { steps })
}

/// Every letter `steps` further in the alphabet; only for Latin phrases.
pub(super) fn rotated(plain: &str, steps: u8) -> Option<Written> {
    turned(plain, format!("rot{steps}: "), |at| (at + steps) % 26)
}

pub(super) fn atbash(plain: &str) -> Option<Written> {
    turned(plain, "atbash: ".to_owned(), |at| 25 - at)
}

fn turned(plain: &str, lead: String, turn: impl Fn(u8) -> u8) -> Option<Written> {
    let latin = |c: char| c.is_ascii() || !c.is_alphabetic();
    if !plain.chars().all(latin) || !plain.chars().any(|c| c.is_ascii_alphabetic()) {
        return None;
    }
    let letter = |c: char| match c {
        'a'..='z' => char::from(b'a' + turn(c as u8 - b'a')),
        'A'..='Z' => char::from(b'A' + turn(c as u8 - b'A')),
        _ => c,
    };
    Some(Written {
        lead,
        body: plain.chars().map(letter).collect(),
        ..Written::default()
    })
}
