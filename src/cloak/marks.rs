//! What comes between letters: invisible characters, piled-up marks, signs, line ends.

use unicode_normalization::char::is_combining_mark;

use super::{Dice, Written};

/// What a reader takes for one letter: a character with the marks and invisible ones after it.
pub(super) fn clusters(text: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = Vec::new();
    let mut joined = false;
    for (at, c) in text.char_indices() {
        if at == 0 || !(joined || clings(c)) {
            starts.push(at);
        }
        // An emoji sequence goes on after its joiner; letters do not.
        joined = c == '\u{200D}'
            && text[at + c.len_utf8()..]
                .chars()
                .next()
                .is_some_and(is_picture);
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&from, to)| &text[from..to])
        .collect()
}

fn clings(c: char) -> bool {
    is_combining_mark(c)
        || matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{2069}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{E0000}'..='\u{E01EF}')
}

fn is_picture(c: char) -> bool {
    matches!(c, '\u{2600}'..='\u{27BF}' | '\u{2B00}'..='\u{2BFF}' | '\u{1F300}'..='\u{1FAFF}')
}

/// Puts one of `signs` between some of the letters of a word.
fn between(plain: &str, signs: &[char], dice: &mut Dice) -> Option<String> {
    let clusters = clusters(plain);
    let is_space = |cluster: &str| cluster.chars().all(char::is_whitespace);
    let inside = |pair: &[&str]| !pair.iter().any(|cluster| is_space(cluster));
    let places = clusters.windows(2).filter(|pair| inside(pair)).count();
    let mut chosen = dice.some_of(places).into_iter();
    let mut written = String::from(*clusters.first()?);
    for pair in clusters.windows(2) {
        if inside(pair) && chosen.next()? {
            written.push(*dice.pick(signs)?);
        }
        written.push_str(pair[1]);
    }
    (written != plain).then_some(written)
}

pub(super) fn zero_width(plain: &str, dice: &mut Dice) -> Option<String> {
    let signs = ['\u{200B}', '\u{200C}', '\u{200D}', '\u{2060}', '\u{FEFF}'];
    between(plain, &signs, dice)
}

pub(super) fn soft_hyphen(plain: &str, dice: &mut Dice) -> Option<String> {
    between(plain, &['\u{AD}'], dice)
}

pub(super) fn bidi(plain: &str, dice: &mut Dice) -> Option<String> {
    let signs = [
        '\u{200E}', '\u{200F}', '\u{202A}', '\u{202C}', '\u{202D}', '\u{2066}', '\u{2069}',
    ];
    between(plain, &signs, dice)
}

/// One to three marks on every letter, the last one too.
pub(super) fn combining(plain: &str, dice: &mut Dice) -> Option<String> {
    let mut written = String::new();
    for cluster in clusters(plain) {
        written.push_str(cluster);
        if cluster.chars().any(char::is_alphanumeric) {
            for _ in 0..=dice.below(3) {
                written.extend(
                    u32::try_from(dice.below(0x70))
                        .ok()
                        .and_then(|n| char::from_u32(0x300 + n)),
                );
            }
        }
    }
    (written != plain).then_some(written)
}

/// Signs that people put between letters. Those of ordinary prose (，。) are not among them: they
/// stand between the letters of two words every day.
const SIGNS: [&str; 14] = [
    ".", "-", "*", "/", "|", "·", "_", "~", "+", "#", "•", "✨", "♡", " ",
];

/// Words stay apart; within each, a sign stands between any two letters.
pub(super) fn separators(plain: &str, dice: &mut Dice) -> Option<String> {
    let usual = *dice.pick(&SIGNS)?;
    // Most keep to one sign, some take whatever is at hand.
    let mixed = dice.below(4) == 0 && usual != " ";
    let gap = if usual == " " { "   " } else { " " };
    let words: Vec<String> = plain
        .split(' ')
        .map(|word| {
            let mut written = String::new();
            for (at, cluster) in clusters(word).into_iter().enumerate() {
                if at > 0 {
                    let other = dice.pick(&SIGNS[..SIGNS.len() - 1]).copied();
                    written.push_str(other.filter(|_| mixed).unwrap_or(usual));
                }
                written.push_str(cluster);
            }
            written
        })
        .collect();
    let written = words.join(gap);
    (clusters(plain).len() > 1 && written.trim() != plain).then_some(written)
}

/// Every letter on a line of its own; an empty line is the space between words.
pub(super) fn line_per_char(plain: &str) -> Option<Written> {
    let clusters = clusters(plain);
    let lines: Vec<&str> = clusters.iter().map(|cluster| cluster.trim()).collect();
    (lines.len() > 1).then(|| Written {
        lead: "\n".to_owned(),
        body: lines.join("\n"),
        tail: "\n".to_owned(),
    })
}
