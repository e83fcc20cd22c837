//! Other forms of Latin letters and digits.

use super::Dice;

/// Writes each character as `form` says; `None` if it says nothing about any.
fn each(plain: &str, mut form: impl FnMut(char) -> Option<char>) -> Option<String> {
    let mut changed = false;
    let written = plain.chars().map(|c| match form(c) {
        Some(other) => {
            changed |= other != c;
            other
        }
        None => c,
    });
    let written: String = written.collect();
    changed.then_some(written)
}

/// The letter `c` in an alphabet that begins with `a`; `None` if `c` is no ASCII letter.
fn letter(c: char, a: u32) -> Option<char> {
    let c = c.to_ascii_lowercase();
    c.is_ascii_lowercase()
        .then(|| char::from_u32(a + (c as u32 - u32::from(b'a'))))
        .flatten()
}

pub(super) fn fullwidth(plain: &str) -> Option<String> {
    each(plain, |c| {
        c.is_ascii_alphanumeric()
            .then(|| char::from_u32(c as u32 + 0xFEE0))
            .flatten()
    })
}

pub(super) fn circled(plain: &str, dice: &mut Dice) -> Option<String> {
    let a = if dice.flip() { 0x24D0 } else { 0x1F150 };
    each(plain, |c| match c {
        '1'..='9' => char::from_u32(0x2460 + (c as u32 - u32::from(b'1'))),
        '0' => Some('⓪'),
        _ => letter(c, a),
    })
}

pub(super) fn squared(plain: &str) -> Option<String> {
    each(plain, |c| letter(c, 0x1F170))
}

pub(super) fn regional(plain: &str) -> Option<String> {
    each(plain, |c| letter(c, 0x1F1E6))
}

/// Small letters of the mathematical alphabets that have no holes: bold, bold italic, bold script,
/// double-struck, bold fraktur, sans, bold sans, monospace.
const MATH: [u32; 8] = [
    0x1D41A, 0x1D482, 0x1D4EA, 0x1D552, 0x1D586, 0x1D5BA, 0x1D5EE, 0x1D68A,
];

pub(super) fn math(plain: &str, dice: &mut Dice) -> Option<String> {
    let a = *dice.pick(&MATH)?;
    each(plain, |c| match c {
        '0'..='9' => char::from_u32(0x1D7F6 + (c as u32 - u32::from(b'0'))),
        _ => letter(c, a),
    })
}

/// There is no raised q.
const RAISED: &str = "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖqʳˢᵗᵘᵛʷˣʸᶻ";

pub(super) fn superscript(plain: &str) -> Option<String> {
    each(plain, |c| {
        let at = letter(c, 0)? as usize;
        RAISED.chars().nth(at)
    })
}

pub(super) fn case(plain: &str, dice: &mut Dice) -> Option<String> {
    let upper = dice.some_of(plain.chars().filter(char::is_ascii_lowercase).count());
    let mut upper = upper.into_iter();
    each(plain, |c| {
        let raised = c.is_ascii_lowercase() && upper.next()?;
        raised.then(|| c.to_ascii_uppercase())
    })
}

/// Latin letters, each with letters of other scripts that look like it or like its capital.
const ALIKE: [(char, &[char]); 22] = [
    ('a', &['а', 'α', 'А', 'Α']),
    ('b', &['В', 'Β']),
    ('c', &['с', 'С']),
    ('d', &['ԁ']),
    ('e', &['е', 'Е', 'Ε']),
    ('h', &['һ', 'Н', 'Η']),
    ('i', &['і', 'ι', 'І', 'Ι']),
    ('j', &['ј', 'Ј']),
    ('k', &['к', 'κ', 'К', 'Κ']),
    ('l', &['ӏ']),
    ('m', &['М', 'Μ']),
    ('n', &['Ν']),
    ('o', &['о', 'ο', 'О', 'Ο']),
    ('p', &['р', 'ρ', 'Р', 'Ρ']),
    ('q', &['ԛ']),
    ('s', &['ѕ', 'Ѕ']),
    ('t', &['Т', 'Τ', 'τ']),
    ('u', &['υ']),
    ('v', &['ν']),
    ('w', &['ԝ', 'ω']),
    ('x', &['х', 'Х', 'Χ']),
    ('y', &['у', 'γ', 'У', 'Υ']),
];

/// Letters and the signs that stand for them, as the books of leet have them.
const LEET: [(char, &[char]); 10] = [
    ('a', &['4', '@']),
    ('b', &['8']),
    ('e', &['3']),
    ('g', &['9']),
    ('i', &['1', '!']),
    ('l', &['1', '|']),
    ('o', &['0']),
    ('s', &['5', '$']),
    ('t', &['7', '+']),
    ('z', &['2']),
];

type Alternatives = [(char, &'static [char])];

fn alternatives(table: &Alternatives, c: char) -> &'static [char] {
    let c = c.to_ascii_lowercase();
    let found = table.iter().find(|(letter, _)| *letter == c);
    found.map_or(&[], |(_, others)| others)
}

/// Replaces some of the letters that `table` has something for.
fn swapped(plain: &str, table: &Alternatives, dice: &mut Dice) -> Option<String> {
    let places = plain.chars();
    let places = places.filter(|&c| !alternatives(table, c).is_empty());
    let mut chosen = dice.some_of(places.count()).into_iter();
    each(plain, |c| {
        let others = alternatives(table, c);
        let now = !others.is_empty() && chosen.next()?;
        now.then(|| dice.pick(others).copied()).flatten()
    })
}

pub(super) fn homoglyph(plain: &str, dice: &mut Dice) -> Option<String> {
    swapped(plain, &ALIKE, dice)
}

/// At least one letter stays, in each word: what is all signs is a number to its reader.
pub(super) fn leet(plain: &str, dice: &mut Dice) -> Option<String> {
    let words = plain.split(' ').map(|word| {
        let written = swapped(word, &LEET, dice).filter(|written| {
            written.chars().any(|c| c.is_ascii_alphabetic()) && written.is_ascii()
        });
        written.unwrap_or_else(|| word.to_owned())
    });
    let written = words.collect::<Vec<_>>().join(" ");
    (written != plain).then_some(written)
}
