//! What makes a number somebody's age: its unit, or what stands before it, unless a thing or a measure is meant.

use super::LEFT;
use super::context::{Context, Letters, Look, starts_any};
use super::number::number;
use super::words::{
    BINDING, BINDING_HAN, DURATION, MEASURES, MEASURES_HAN, MONTHS, PERSON_ENDS, PERSONS,
    PERSONS_HAN, PLAIN_S, SOFTENERS, SOFTENERS_HAN, SPANS, THINGS, THINGS_HAN, TURNS, UNDER,
    UNDER_HAN, VERBS, WEAK_AFTER, WEAK_HAN, YEARS, YEARS_BARE, YEARS_HAN,
};
use crate::detect::endings::Endings;

/// An age that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Age {
    pub years: u16,
    /// Symbols from the start of the number to the end of its unit.
    pub length: usize,
}

/// Decides about the number at the start of the text.
pub(super) fn judge(context: Context) -> Look<Age> {
    let (low, mut at) = match number(context, 0) {
        Look::Yes(number) => number,
        Look::No => return Look::No,
        Look::More => return Look::More,
    };
    match range(context, at) {
        Look::Yes(to) => at = to,
        Look::More => return Look::More,
        Look::No => {}
    }
    match unit(context, low, at) {
        Look::No => bound_left(context, low, at),
        decided => decided,
    }
}

/// The upper end of a range; ages count by their lower end.
fn range(context: Context, at: usize) -> Look<usize> {
    let second = match context.any(at, &SPANS) {
        Look::Yes(second) => second,
        Look::No => return Look::No,
        Look::More => return Look::More,
    };
    match number(context, second) {
        Look::Yes((_, to)) => Look::Yes(to),
        Look::No => Look::No,
        Look::More => Look::More,
    }
}

/// A number with a unit of age.
fn unit(context: Context, value: u16, at: usize) -> Look<Age> {
    let after_gap = context.skip(at, &[' ', '-'], 2);
    let years = context.word(after_gap, &YEARS);
    let months = context.word(after_gap, &MONTHS);
    let bare = context.word(after_gap, &YEARS_BARE);
    let han = context.any(context.skip(at, &[' '], 1), &YEARS_HAN);
    if [years, months, han].contains(&Look::More) {
        return Look::More;
    }
    let under = UNDER.end(context.left) || UNDER_HAN.end(context.left);
    let value = value - u16::from(under && value > 0);
    match (years, months, bare, han) {
        (Look::Yes(to), ..) => of_person(context, value, to),
        (_, Look::Yes(to), ..) => of_person(context, value / 12, to),
        (.., Look::Yes(to)) => of_person_han(context, value, to),
        (_, _, Look::Yes(to), _) if under => match context.next_word(to) {
            Look::More => Look::More,
            Look::Yes((word, _)) if DURATION.contains(&word.text()) => Look::No,
            Look::Yes(_) | Look::No => Look::Yes(Age {
                years: value,
                length: to,
            }),
        },
        (_, _, Look::More, _) => Look::More,
        _ => Look::No,
    }
}

/// An English age, unless it is that of a thing.
fn of_person(context: Context, years: u16, to: usize) -> Look<Age> {
    if thing_before(context.left) {
        return Look::No;
    }
    let mut at = to;
    for _ in 0..2 {
        match context.next_word(at) {
            Look::More => return Look::More,
            Look::No => break,
            Look::Yes((word, _)) if is_thing(word.text()) => return Look::No,
            Look::Yes((word, _)) if PERSONS.contains(&word.text()) => break,
            Look::Yes((_, end)) => at = end,
        }
    }
    Look::Yes(Age { years, length: to })
}

/// A Chinese age, unless it is that of a thing.
fn of_person_han(context: Context, years: u16, to: usize) -> Look<Age> {
    if thing_before(context.left) {
        return Look::No;
    }
    let at = match context.any(to, &["的"]) {
        Look::Yes(at) => at,
        Look::No => to,
        Look::More => return Look::More,
    };
    match context.any(at, &THINGS_HAN) {
        Look::More => return Look::More,
        Look::Yes(_) => return Look::No,
        Look::No => {}
    }
    match context.any(to, &["以下"]) {
        Look::More => Look::More,
        Look::Yes(_) => Look::Yes(Age {
            years: years.saturating_sub(1),
            length: to,
        }),
        Look::No => Look::Yes(Age { years, length: to }),
    }
}

fn is_thing(word: &str) -> bool {
    let single = word.strip_suffix('s').unwrap_or(word);
    THINGS.contains(&word) || THINGS.contains(&single)
}

/// Whether the nearest noun before the number is a thing or an animal.
fn thing_before(left: &[char]) -> bool {
    let clause = left
        .iter()
        .rposition(|c| matches!(c, '.' | '!' | '?' | '。' | ';' | '\n'))
        .map_or(left, |stop| &left[stop + 1..]);
    for from in (0..clause.len()).rev() {
        let rest = &clause[from..];
        // Five words or six Han away it is another clause's noun.
        if rest.iter().filter(|c| **c == ' ').count() > 4 {
            return false;
        }
        if PERSONS_HAN.contains(&rest[0]) {
            return false;
        }
        if starts_any(rest, &THINGS_HAN) && rest.len() <= 8 {
            return true;
        }
        let word_start = from == 0 || !clause[from - 1].is_ascii_alphabetic();
        if !word_start || !rest[0].is_ascii_alphabetic() {
            continue;
        }
        let word = Letters::of(rest, LEFT);
        if PERSONS.contains(&word.text()) || TURNS.contains(&word.text()) {
            return false;
        }
        if is_thing(word.text()) {
            return true;
        }
    }
    false
}

/// A number without a unit, bound by what stands before it.
fn bound_left(context: Context, value: u16, at: usize) -> Look<Age> {
    let (left, softened) = strip(context.left, &SOFTENERS);
    let age = Look::Yes(Age {
        years: value,
        length: at,
    });
    if binds(left) {
        return match measured(context, at) {
            Look::Yes(()) => Look::No,
            Look::More => Look::More,
            Look::No => age,
        };
    }
    let (left, softened_han) = strip(context.left, &SOFTENERS_HAN);
    if UNDER_HAN.end(left) && value > 0 {
        return unless_measured_han(context, value - 1, at);
    }
    if BINDING_HAN.end(left) {
        return unless_measured_han(context, value, at);
    }
    let weak = !softened && softened_han && WEAK_HAN.end(context.left);
    if weak && !thing_before(context.left) {
        return match context.text.get(at) {
            None if context.ended => age,
            None => Look::More,
            Some(c) if WEAK_AFTER.contains(c) => age,
            Some(_) => Look::No,
        };
    }
    Look::No
}

fn unless_measured_han(context: Context, years: u16, at: usize) -> Look<Age> {
    match measured(context, at) {
        Look::Yes(()) => Look::No,
        Look::More => Look::More,
        Look::No => Look::Yes(Age { years, length: at }),
    }
}

/// Whether English before the number says whose age it is.
fn binds(left: &[char]) -> bool {
    if BINDING.end(left) {
        return true;
    }
    // "my daughter is 14", "the boy, 14": a person and at most a verb.
    VERBS
        .strip(left)
        .is_some_and(|before| PERSON_ENDS.end(before))
}

/// Whether what follows the number makes it a measure, a time, an ordinal.
fn measured(context: Context, at: usize) -> Look<()> {
    let Some(&next) = context.text.get(at) else {
        return if context.ended { Look::No } else { Look::More };
    };
    match next {
        '.' | ',' => match context.text.get(at + 1) {
            None if context.ended => Look::No,
            None => Look::More,
            Some(c) if c.is_ascii_digit() => Look::Yes(()),
            Some(_) => Look::No,
        },
        ' ' => match context.text.get(at + 1) {
            None if context.ended => Look::No,
            None => Look::More,
            Some(c) if c.is_ascii_digit() || SIGNS.contains(*c) => Look::Yes(()),
            Some(c) if MEASURES_HAN.contains(c) => Look::Yes(()),
            Some(_) => match context.next_word(at) {
                Look::Yes((word, _)) if is_measure(word.text()) => Look::Yes(()),
                Look::More => Look::More,
                Look::Yes(_) | Look::No => Look::No,
            },
        },
        c if c.is_ascii_alphanumeric() || SIGNS.contains(c) || MEASURES_HAN.contains(&c) => {
            Look::Yes(())
        }
        _ => Look::No,
    }
}

/// Signs that make the number before them something else than an age.
const SIGNS: &str = "%$¥€£°/:'\"+-*=#x×";

/// A word that counts something: known ones, and any other plural.
fn is_measure(word: &str) -> bool {
    let plural = word.len() > 3 && word.ends_with('s') && !word.ends_with("ss");
    MEASURES.contains(&word) || (plural && !PLAIN_S.contains(&word))
}

/// Takes trailing adverbs away, up to three, and says whether there was one.
fn strip<'a>(text: &'a [char], endings: &Endings) -> (&'a [char], bool) {
    let mut now = (text, false);
    for _ in 0..3 {
        match endings.strip(now.0) {
            Some(rest) => now = (rest, true),
            None => break,
        }
    }
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age_in(text: &str, from: usize) -> Option<(u16, String)> {
        let chars: Vec<char> = crate::text::skeleton(text).chars().collect();
        match judge(Context {
            left: &chars[..from],
            text: &chars[from..],
            ended: true,
        }) {
            Look::Yes(age) => {
                let spelled = chars[from..from + age.length].iter().collect();
                Some((age.years, spelled))
            }
            _ => None,
        }
    }

    #[test]
    fn units_and_bindings() {
        assert_eq!(age_in("she is 14.", 7), Some((14, "14".into())));
        assert_eq!(
            age_in("14-year-old girl", 0),
            Some((14, "14-year-old".into()))
        );
        assert_eq!(age_in("12-14岁", 0), Some((12, "12-14岁".into())));
        assert_eq!(
            age_in("18 months old", 0),
            Some((1, "18 months old".into()))
        );
        assert_eq!(age_in("14 weeks", 0), None);
    }

    #[test]
    fn an_unfinished_unit_waits() {
        for (text, expect) in [
            ("14 yea", true),
            ("14 d", false),
            ("14", true),
            ("14年", false),
        ] {
            let chars: Vec<char> = text.chars().collect();
            let look = judge(Context {
                left: &[],
                text: &chars,
                ended: false,
            });
            assert_eq!(look == Look::More, expect, "{text}");
        }
    }
}
