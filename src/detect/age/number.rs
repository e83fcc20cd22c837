//! Numbers as people write ages: digits, Chinese numerals, English words.

use super::context::{Context, Look};

/// English number words up to twenty: the ages that rules about minors ask for.
const WORDS: [&str; 20] = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];

/// Symbols of the longest Chinese numeral read ("一百二十一").
const MAX_HAN: usize = 5;

/// Which of [`WORDS`] the letters so far can begin: one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WordMask(u32);

/// Per place and letter: the words that have it there. "seventeen" has nine letters.
const MASKS: [[u32; 26]; 9] = masks();

const fn masks() -> [[u32; 26]; 9] {
    let mut masks = [[0; 26]; 9];
    let mut word = 0;
    while word < WORDS.len() {
        let letters = WORDS[word].as_bytes();
        let mut at = 0;
        while at < letters.len() {
            masks[at][(letters[at] - b'a') as usize] |= 1 << word;
            at += 1;
        }
        word += 1;
    }
    masks
}

impl WordMask {
    /// Every word.
    pub(super) const ALL: Self = Self(u32::MAX);

    /// Those that have this letter at this place, if there are any.
    pub(super) fn with(self, at: u32, letter: char) -> Option<Self> {
        let letter = (letter as usize).checked_sub('a' as usize)?;
        let mask = self.0 & MASKS.get(at as usize)?.get(letter)?;
        (mask != 0).then_some(Self(mask))
    }
}

/// The value of a Chinese numeral; ten and a hundred multiply.
pub(super) fn han_digit(c: char) -> Option<u16> {
    Some(match c {
        '零' | '〇' => 0,
        '一' | '壹' => 1,
        '二' | '两' | '贰' => 2,
        '三' | '叁' => 3,
        '四' | '肆' => 4,
        '五' | '伍' => 5,
        '六' | '陆' => 6,
        '七' | '柒' => 7,
        '八' | '捌' => 8,
        '九' | '玖' => 9,
        '十' | '拾' => 10,
        '百' => 100,
        _ => return None,
    })
}

/// The number at this place and where it ends.
pub(super) fn number(context: Context, at: usize) -> Look<(u16, usize)> {
    match context.text.get(at) {
        None if context.ended => Look::No,
        None => Look::More,
        Some(c) if c.is_ascii_digit() => digits(context, at),
        Some(c) if c.is_ascii_alphabetic() => word(context, at),
        Some(_) => han(context, at),
    }
}

fn digits(context: Context, at: usize) -> Look<(u16, usize)> {
    let mut end = at;
    let mut value = 0_u16;
    while let Some(digit) = context.text.get(end).and_then(|c| c.to_digit(10)) {
        if end - at == 3 {
            return Look::No; // years, prices: four digits are no age
        }
        value = value * 10 + digit as u16;
        end += 1;
    }
    if end == context.text.len() && !context.ended {
        return Look::More;
    }
    // "14.5", "14:00"
    if matches!(context.text.get(end), Some('.' | ':' | ',')) {
        match context.text.get(end + 1) {
            None if !context.ended => return Look::More,
            Some(c) if c.is_ascii_digit() => return Look::No,
            _ => {}
        }
    }
    Look::Yes((value, end))
}

fn word(context: Context, at: usize) -> Look<(u16, usize)> {
    for (nth, word) in WORDS.iter().enumerate() {
        match context.word(at, &[word]) {
            Look::More => return Look::More,
            Look::Yes(end) => return Look::Yes((nth as u16 + 1, end)),
            Look::No => {}
        }
    }
    Look::No
}

fn han(context: Context, at: usize) -> Look<(u16, usize)> {
    let (mut total, mut digit, mut end) = (0_u16, None, at);
    while let Some(value) = context.text.get(end).copied().and_then(han_digit) {
        if end - at == MAX_HAN {
            return Look::No;
        }
        match (value, digit) {
            (10 | 100, _) => {
                total += digit.take().unwrap_or(1) * value;
            }
            (_, None) => digit = Some(value),
            // "一四": digits read one by one
            (_, Some(before)) => digit = Some((before % 100) * 10 + value),
        }
        end += 1;
    }
    if end == at {
        return Look::No;
    }
    if end == context.text.len() && !context.ended {
        return Look::More;
    }
    Look::Yes((total + digit.unwrap_or(0), end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        for (text, value) in [
            ("14", Some(14)),
            ("007", Some(7)),
            ("2014", None),
            ("14.5", None),
            ("十四", Some(14)),
            ("二十一", Some(21)),
            ("一百零三", Some(103)),
            ("一四", Some(14)),
            ("seventeen", Some(17)),
            ("sixty", None),
            ("六", Some(6)),
        ] {
            let chars: Vec<char> = text.chars().collect();
            let context = Context {
                left: &[],
                text: &chars,
                ended: true,
            };
            let expect = value.map_or(Look::No, |value| Look::Yes((value, chars.len())));
            assert_eq!(number(context, 0), expect, "{text}");
        }
    }
}
