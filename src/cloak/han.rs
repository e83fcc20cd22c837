//! Other Han, letters or emoji in the place of Han; emoji in the place of English words.

use super::Dice;
use super::tables::tables;

/// Rewrites some characters, or every one where `every`: `others` says what a character may become.
fn rewritten(
    plain: &str,
    dice: &mut Dice,
    every: bool,
    others: impl Fn(char, &mut Dice) -> Option<String>,
) -> Option<String> {
    let chars: Vec<char> = plain.chars().collect();
    let offers: Vec<Option<String>> = chars.iter().map(|&c| others(c, dice)).collect();
    let places = offers.iter().filter(|offer| offer.is_some()).count();
    let mut chosen = dice.some_of(places).into_iter();
    let mut written = String::new();
    for (c, offer) in chars.iter().zip(offers) {
        match offer {
            Some(other) if every | chosen.next().unwrap_or_default() => written.push_str(&other),
            _ => written.push(*c),
        }
    }
    (places > 0 && written != plain).then_some(written)
}

/// One of `all` that is not `c`.
fn other(c: char, all: &[char], dice: &mut Dice) -> Option<String> {
    let all: Vec<char> = all.iter().copied().filter(|&one| one != c).collect();
    dice.pick(&all).map(char::to_string)
}

pub(super) fn traditional(plain: &str, dice: &mut Dice) -> Option<String> {
    rewritten(plain, dice, true, |c, dice| {
        other(c, tables().traditional.get(&c)?, dice)
    })
}

pub(super) fn variant(plain: &str, dice: &mut Dice) -> Option<String> {
    rewritten(plain, dice, false, |c, dice| {
        other(c, tables().variants.get(&c)?, dice)
    })
}

/// One character only: with two or more the word is no longer read by anybody.
pub(super) fn shape(plain: &str, dice: &mut Dice) -> Option<String> {
    one_char(plain, dice, |c, dice| {
        let class: Vec<char> = tables().shapes.get(&c)?.chars().collect();
        // Rare characters are not at hand on a keyboard.
        let common = class
            .iter()
            .copied()
            .filter(|one| tables().splits.contains_key(one));
        other(c, &common.collect::<Vec<_>>(), dice)
    })
}

fn one_char(
    plain: &str,
    dice: &mut Dice,
    others: impl Fn(char, &mut Dice) -> Option<String>,
) -> Option<String> {
    let offers = plain.char_indices().filter_map(|(at, c)| {
        let offer = others(c, dice)?;
        Some((at, at + c.len_utf8(), offer))
    });
    let offers: Vec<_> = offers.collect();
    let (from, to, offer) = dice.pick(&offers)?;
    Some([&plain[..*from], offer, &plain[*to..]].concat())
}

pub(super) fn split(plain: &str, dice: &mut Dice) -> Option<String> {
    rewritten(plain, dice, false, |c, dice| {
        let splits = tables().splits.get(&c)?;
        dice.pick(splits).map(|&split| split.to_owned())
    })
}

pub(super) fn homophone(plain: &str, dice: &mut Dice) -> Option<String> {
    rewritten(plain, dice, false, |c, dice| {
        other(c, tables().sounding.get(tables().syllables.get(&c)?)?, dice)
    })
}

/// What southern ears and fingers take for one another: beginnings, then endings.
const INITIALS: [(&str, &str); 5] = [
    ("zh", "z"),
    ("ch", "c"),
    ("sh", "s"),
    ("n", "l"),
    ("r", "l"),
];
const FINALS: [(&str, &str); 3] = [("ang", "an"), ("eng", "en"), ("ing", "in")];

/// Other syllables that `syllable` is mixed up with.
fn near(syllable: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (one, two) in INITIALS {
        // "zh" begins with "z", so the longer one is looked for first.
        if let Some(rest) = syllable.strip_prefix(one) {
            all.push(format!("{two}{rest}"));
        } else if let Some(rest) = syllable.strip_prefix(two) {
            all.push(format!("{one}{rest}"));
        }
    }
    for (one, two) in FINALS {
        if let Some(rest) = syllable.strip_suffix(one) {
            all.push(format!("{rest}{two}"));
        } else if let Some(rest) = syllable.strip_suffix(two) {
            all.push(format!("{rest}{one}"));
        }
    }
    all
}

pub(super) fn fuzzy(plain: &str, dice: &mut Dice) -> Option<String> {
    rewritten(plain, dice, false, |c, dice| {
        let near = near(tables().syllables.get(&c)?);
        let chars = near
            .iter()
            .filter_map(|one| tables().sounding.get(one.as_str()));
        let chars: Vec<char> = chars.flatten().copied().collect();
        other(c, &chars, dice)
    })
}

pub(super) fn cantonese(plain: &str, dice: &mut Dice) -> Option<String> {
    let tables = tables();
    rewritten(plain, dice, false, |c, dice| {
        let own = tables.syllables.get(&c)?;
        let same = tables.sounding_cantonese.get(tables.jyutping.get(&c)?)?;
        // What sounds the same in Mandarin too is the trick above.
        let elsewhere = |one: &&char| tables.syllables.get(*one) != Some(own);
        let chars: Vec<char> = same.iter().filter(elsewhere).copied().collect();
        other(c, &chars, dice)
    })
}

/// All in pinyin, in one of the ways to write it: plain, with numbers or marks for its tones, `u` or
/// `ü` for `v`, together or apart.
pub(super) fn pinyin(plain: &str, dice: &mut Dice) -> Option<String> {
    let style = dice.below(6);
    let mut written: Vec<String> = Vec::new();
    for c in plain.chars() {
        let syllable = *tables().syllables.get(&c)?;
        written.push(match style {
            1 => format!("{syllable}{}", 1 + dice.below(4)),
            2 => syllable.replace('v', "u"),
            4 | 5 => marked(syllable, dice),
            _ => syllable.to_owned(),
        });
    }
    let apart = matches!(style, 3 | 5);
    Some(written.join(if apart { " " } else { "" }))
}

/// Vowels with each of the four marks, those that carry it first.
const MARKED: [(char, [char; 4]); 6] = [
    ('a', ['ā', 'á', 'ǎ', 'à']),
    ('e', ['ē', 'é', 'ě', 'è']),
    ('o', ['ō', 'ó', 'ǒ', 'ò']),
    ('v', ['ǖ', 'ǘ', 'ǚ', 'ǜ']),
    ('u', ['ū', 'ú', 'ǔ', 'ù']),
    ('i', ['ī', 'í', 'ǐ', 'ì']),
];

/// A syllable with the mark of some tone on a vowel that may carry it.
fn marked(syllable: &str, dice: &mut Dice) -> String {
    let carrier = MARKED.iter().find(|(vowel, _)| syllable.contains(*vowel));
    let Some((vowel, marked)) = carrier else {
        return syllable.to_owned();
    };
    let mark = marked[dice.below(marked.len())];
    syllable
        .replacen(*vowel, &mark.to_string(), 1)
        .replace('v', "ü")
}

/// Some in pinyin; at least one Han stays.
pub(super) fn mixed_pinyin(plain: &str, dice: &mut Dice) -> Option<String> {
    let known = |c: char| tables().syllables.contains_key(&c);
    if plain.chars().filter(|&c| known(c)).count() < 2 {
        return None;
    }
    let written = rewritten(plain, dice, false, |c, _| {
        tables()
            .syllables
            .get(&c)
            .map(|&syllable| syllable.to_owned())
    })?;
    if written.chars().any(known) {
        return Some(written);
    }
    let first = plain.chars().next()?;
    let rest = written.strip_prefix(tables().syllables.get(&first)?)?;
    Some(format!("{first}{rest}"))
}

/// Every part of a phrase that may be a name: runs of Han, or whole words.
fn parts(plain: &str) -> Vec<(usize, usize)> {
    let is_edge = |at: usize| {
        let (left, right) = (plain[..at].chars().next_back(), plain[at..].chars().next());
        !left
            .zip(right)
            .is_some_and(|(left, right)| left.is_ascii_alphabetic() && right.is_ascii_alphabetic())
    };
    let edges: Vec<usize> = plain
        .char_indices()
        .map(|(at, _)| at)
        .chain([plain.len()])
        .collect();
    let edges: Vec<usize> = edges.into_iter().filter(|&at| is_edge(at)).collect();
    let pairs = edges.iter().enumerate();
    pairs
        .flat_map(|(n, &from)| edges[n + 1..].iter().map(move |&to| (from, to)))
        .collect()
}

pub(super) fn emoji(plain: &str, dice: &mut Dice) -> Option<String> {
    let named = parts(plain).into_iter().filter_map(|(from, to)| {
        let emoji = tables().emoji.get(&plain[from..to])?;
        Some((from, to, emoji))
    });
    let named: Vec<_> = named.collect();
    let (from, to, emoji) = dice.pick(&named)?;
    Some([&plain[..*from], *dice.pick(emoji)?, &plain[*to..]].concat())
}

pub(super) fn emoji_pun(plain: &str, dice: &mut Dice) -> Option<String> {
    let sounding = parts(plain).into_iter().flat_map(|(from, to)| {
        let part = &plain[from..to];
        let sound = tables().sound(part);
        let puns = sound.and_then(|sound| tables().puns.get(&sound));
        // A pun is on another word than the emoji's own.
        let others = puns
            .into_iter()
            .flatten()
            .filter(move |(name, _)| *name != part);
        others.map(move |(_, emoji)| (from, to, *emoji))
    });
    let sounding: Vec<_> = sounding.collect();
    let (from, to, emoji) = dice.pick(&sounding)?;
    Some([&plain[..*from], *emoji, &plain[*to..]].concat())
}
