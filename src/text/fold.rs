//! V1, the skeleton: one character at a time, without context, many to one.
//!
//! Compatibility forms, case, invisible characters, combining marks, traditional and variant Han
//! and look-alikes of Latin letters fold away. Leet is not folded here: it is one-to-many, so the
//! phrase threads of `detect` read it.
//!
//! Look-ups go through pages of 256 characters, each built when its first character is met.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use unicode_normalization::char::decompose_compatible;

use super::class::{Class, is_fraction, is_han};
use super::hidden::{Secret, secret};

/// One symbol of the skeleton.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symbol {
    /// The folded character.
    pub ch: char,
    /// What it is to its neighbours.
    pub class: Class,
}

/// How one original character reads in the skeleton.
#[derive(Debug, Clone, Copy)]
pub enum Reading {
    /// It is not there.
    Nothing,
    /// One symbol.
    One(Symbol),
    /// Several symbols, each of which stands for the whole character.
    Many(&'static [Symbol]),
    /// It is not there, but it smuggles something (V8).
    Hidden(Secret),
}

impl Reading {
    /// The symbols; none for what is not there.
    pub fn symbols(self) -> impl Iterator<Item = Symbol> {
        let (one, many): (Option<Symbol>, &'static [Symbol]) = match self {
            Self::One(symbol) => (Some(symbol), &[]),
            Self::Many(list) => (None, list),
            Self::Nothing | Self::Hidden(_) => (None, &[]),
        };
        one.into_iter().chain(many.iter().copied())
    }
}

/// Characters per page and pages in Unicode.
const PAGE: usize = 256;
const PAGES: usize = 0x11_0000 / PAGE;

/// Mapping repeats until nothing changes; three rounds have been enough for every character.
const ROUNDS: usize = 8;

/// Packed readings: bits 0..21 the character (or where the list starts, and its length from
/// [`LENGTH`] on), bits 21..24 the class, bits 24.. the kind.
const CLASS: u32 = 21;
const LENGTH: u32 = 14;
const KIND: u32 = 24;
const ONE: u32 = 0;
const NOTHING: u32 = 1;
const MANY: u32 = 2;
const HIDDEN: u32 = 3;

struct Page {
    packed: [u32; PAGE],
    lists: Vec<Symbol>,
}

static TABLE: [OnceLock<Box<Page>>; PAGES] = [const { OnceLock::new() }; PAGES];

/// How the character reads.
#[inline]
pub fn read(c: char) -> Reading {
    let code = c as usize;
    let page = match TABLE[code / PAGE].get() {
        Some(page) => page,
        None => build(code / PAGE),
    };
    unpack(page, page.packed[code % PAGE], c)
}

/// How each character of ASCII reads that is a symbol ([`plain_ascii`]); the others stand for themselves.
pub fn ascii() -> &'static [Symbol; 128] {
    static SYMBOLS: OnceLock<[Symbol; 128]> = OnceLock::new();
    SYMBOLS.get_or_init(|| {
        std::array::from_fn(|code| {
            let c = char::from(code as u8);
            let class = Class::Mark;
            let unread = Symbol { ch: c, class };
            read(c).symbols().next().unwrap_or(unread)
        })
    })
}

/// How many of these bytes, from the first on, are ASCII that reads as one symbol each: all but
/// control characters.
pub fn plain_ascii(bytes: &[u8]) -> usize {
    let chunks = bytes.chunks(PLAIN_CHUNK);
    let whole = chunks.take_while(|chunk| chunk.iter().fold(true, |all, &b| all & is_plain(b)));
    let from: usize = whole.map(<[u8]>::len).sum();
    let rest = bytes[from..].iter().take(PLAIN_CHUNK);
    from + rest.take_while(|&&byte| is_plain(byte)).count()
}

/// Bytes that are looked at together, in the machine's vectors.
const PLAIN_CHUNK: usize = 32;

/// Whether a byte is a character of ASCII that reads as one symbol.
#[inline]
const fn is_plain(byte: u8) -> bool {
    (byte.wrapping_sub(0x20) < 0x5F) | (byte.wrapping_sub(0x9) < 5)
}

#[inline]
fn unpack(page: &'static Page, packed: u32, c: char) -> Reading {
    match packed >> KIND {
        ONE => Reading::One(Symbol {
            ch: char::from_u32(packed & ((1 << CLASS) - 1)).unwrap_or(c),
            class: Class::from_bits((packed >> CLASS & 7) as u8),
        }),
        MANY => {
            let from = (packed & ((1 << LENGTH) - 1)) as usize;
            let length = (packed >> LENGTH & 0x7F) as usize;
            Reading::Many(&page.lists[from..from + length])
        }
        HIDDEN => secret(c).map_or(Reading::Nothing, Reading::Hidden),
        _ => Reading::Nothing,
    }
}

#[cold]
fn build(number: usize) -> &'static Page {
    TABLE[number].get_or_init(|| {
        let mut page = Box::new(Page {
            packed: [NOTHING << KIND; PAGE],
            lists: Vec::new(),
        });
        for offset in 0..PAGE {
            let Some(c) = char::from_u32((number * PAGE + offset) as u32) else {
                continue; // a surrogate
            };
            page.packed[offset] = pack(c, &mut page.lists);
        }
        page
    })
}

fn pack(c: char, lists: &mut Vec<Symbol>) -> u32 {
    if secret(c).is_some() {
        return HIDDEN << KIND;
    }
    let folded = fold(c);
    match folded.as_slice() {
        [] => NOTHING << KIND,
        [one] => ONE << KIND | (Class::of(*one) as u32) << CLASS | *one as u32,
        several => {
            let from = lists.len() as u32;
            lists.extend(several.iter().map(|&ch| Symbol {
                ch,
                class: Class::of(ch),
            }));
            MANY << KIND | (several.len() as u32) << LENGTH | from
        }
    }
}

/// The symbols of a text, each with the byte range of the character that it comes from.
pub fn symbols(text: &str) -> impl Iterator<Item = (Symbol, super::Span)> + '_ {
    text.char_indices().flat_map(|(at, c)| {
        let span = super::Span::new(at as u32, (at + c.len_utf8()) as u32);
        read(c).symbols().map(move |symbol| (symbol, span))
    })
}

/// The skeleton of a text.
pub fn skeleton(text: &str) -> String {
    symbols(text).map(|(symbol, _)| symbol.ch).collect()
}

/// The share of Han among the letters, in percent; `None` if there is no letter.
pub fn han_share(text: &str) -> Option<u32> {
    let (mut han, mut letters) = (0_u64, 0_u64);
    for c in text.chars() {
        let class = Class::of(c);
        han += u64::from(class == Class::Han);
        letters += u64::from(matches!(class, Class::Han | Class::Letter));
    }
    (han * 100).checked_div(letters).map(|share| share as u32)
}

/// What a character becomes, the slow and exact way.
fn fold(c: char) -> Vec<char> {
    let mut now = vec![c];
    for _ in 0..ROUNDS {
        let mut next = Vec::with_capacity(now.len());
        for &c in &now {
            fold_once(c, &mut next);
        }
        if next == now {
            break;
        }
        now = next;
    }
    now
}

fn fold_once(c: char, out: &mut Vec<char>) {
    if is_dropped(c) {
        return;
    }
    if let Some(special) = special(c) {
        return out.push(special);
    }
    // Hangul syllables stay whole; the ellipsis is one sign, a trade mark is no letters, and a fraction
    // is no digits: 12½ is not 121/2.
    if matches!(c, '\u{AC00}'..='\u{D7A3}' | '…' | '‥' | '™' | '℠') || is_fraction(c) {
        return out.push(c);
    }
    decompose_compatible(c, |part| {
        if is_dropped(part) {
            return;
        }
        for lower in part.to_lowercase() {
            if !is_dropped(lower) {
                out.push(simplified(lower).or_else(|| latin(lower)).unwrap_or(lower));
            }
        }
    });
}

/// Whether the character is a combining mark that decorates a letter: part of ordinary spelling,
/// unlike what is invisible.
pub fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36F}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5BD}'
        | '\u{64B}'..='\u{65F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}' | '\u{3099}' | '\u{309A}' | '\u{FE20}'..='\u{FE2F}')
}

/// Whether the character is a rare form of a common Han character, or a radical in its place.
/// Traditional forms are not rare.
pub fn is_rare(c: char) -> bool {
    static RARE: OnceLock<HashSet<char>> = OnceLock::new();
    let rare = RARE.get_or_init(|| {
        let rows = include_str!("../tables/variants.txt").lines();
        let rows = rows.filter(|line| !line.starts_with('#'));
        rows.filter_map(|line| line.chars().next()).collect()
    });
    rare.contains(&c)
}

/// Invisible characters and the combining marks that decorate Latin, Greek, Cyrillic, kana,
/// Hebrew and Arabic. Marks that spell vowels elsewhere (Indic, Thai) stay.
fn is_dropped(c: char) -> bool {
    matches!(c,
        '\0'..='\u{8}' | '\u{E}'..='\u{1F}' | '\u{7F}'..='\u{84}' | '\u{86}'..='\u{9F}'
        | '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
        | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
        || is_mark(c)
}

/// Letters whose look-alike is not what NFKD or the Unicode confusables say, pair by pair:
/// Cyrillic and Greek by the shape of their capitals (so that case does not matter), small
/// capitals, letters with a stroke.
const LOOKS: [(&str, &str); 4] = [
    ("авекмнорстухіјѕԁԛԝһӏґ", "abekmhopctyxijsdqwhlr"),
    (
        "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαβεικνορτυχωηγ",
        "abezhikmnoptyxabeikvoptuxwny",
    ),
    ("ᴀʙᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴘʀꜱᴛᴜʏ", "abdefghijklmnprstuy"),
    ("øđłıħŧƀɑɡ", "odlihtbag"),
];

/// Zeros of the decimal digits of other scripts; nine more follow each.
const ZEROS: [u32; 12] = [
    0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xE50, 0xED0,
];

/// Forms that NFKD leaves alone, and signs of which the skeleton wants one form.
fn special(c: char) -> Option<char> {
    let code = c as u32;
    let letter = |first: u32| char::from_u32(u32::from(b'a') + code - first);
    let digit = |one: u32| char::from_u32(u32::from(b'1') + code - one);
    match code {
        0x9 | 0xB | 0xC => Some(' '),
        0xD | 0x85 | 0x2028 | 0x2029 => Some('\n'),
        // Negative circled, negative squared, regional indicators.
        0x1F150..=0x1F169 => letter(0x1F150),
        0x1F170..=0x1F189 => letter(0x1F170),
        0x1F1E6..=0x1F1FF => letter(0x1F1E6),
        // Dingbat circled digits 1 to 9.
        0x2776..=0x277E => digit(0x2776),
        0x2780..=0x2788 => digit(0x2780),
        0x278A..=0x2792 => digit(0x278A),
        0x2010..=0x2013 | 0x2212 => Some('-'),
        0x2018 | 0x2019 | 0x2BC | 0xB4 => Some('\''),
        0x0..=0x7F => None,
        _ => ZEROS
            .iter()
            .find(|&&zero| (zero..zero + 10).contains(&code))
            .and_then(|zero| char::from_u32(u32::from(b'0') + code - zero))
            .or_else(|| look_alike(c)),
    }
}

fn look_alike(c: char) -> Option<char> {
    LOOKS
        .iter()
        .find_map(|(from, to)| from.chars().zip(to.chars()).find(|pair| pair.0 == c))
        .map(|pair| pair.1)
}

/// The Latin letter that the Unicode confusables (UTS 39) take a letter of another script for.
fn latin(c: char) -> Option<char> {
    if c.is_ascii() || is_han(c) {
        return None;
    }
    let text = c.to_string();
    let mut prototype = unicode_security::skeleton(&text);
    match (prototype.next(), prototype.next()) {
        (Some(one), None) if one.is_ascii_alphabetic() => Some(one.to_ascii_lowercase()),
        _ => None,
    }
}

/// Traditional Han to simplified, from the baked OpenCC table, and rare variants to common forms,
/// from Unihan and a list of our own.
fn simplified(c: char) -> Option<char> {
    static PAIRS: OnceLock<HashMap<char, char>> = OnceLock::new();
    let pairs = PAIRS.get_or_init(|| {
        let variants = include_str!("../tables/variants.txt").lines();
        variants
            .chain(include_str!("t2s.txt").lines())
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| {
                let mut pair = line.chars().filter(|c| *c != '\t');
                Some((pair.next()?, pair.next()?))
            })
            .collect()
    });
    pairs.get(&c).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn disguises_fold_away() {
        for (disguised, plain) in [
            ("ＴＯＭＡＴＯ", "tomato"),
            ("ⓣⓞⓜⓐⓣⓞ", "tomato"),
            ("𝓽𝓸𝓶𝓪𝓽𝓸", "tomato"),
            ("🅣🅞🅼🄰🇹🇴", "tomato"),
            ("t\u{200b}o\u{ad}m\u{2060}a\u{fe0f}to", "tomato"),
            ("tо\u{336}mаto", "tomato"),
            ("ТОМАТО", "tomato"),
            ("τοᴍατο", "tomato"),
            ("tömàtø", "tomato"),
            ("蘿蔔", "萝卜"),
            ("西紅柿，茄子！", "西红柿,茄子!"),
            ("１２٣", "123"),
            ("I’m", "i'm"),
            ("12½", "12½"),
            ("ﬁg", "fig"),
        ] {
            assert_eq!(skeleton(disguised), plain, "{disguised}");
        }
    }

    #[test]
    fn every_character_folds_to_folded_ones() {
        for c in '\0'..=char::MAX {
            for folded in fold(c) {
                assert_eq!(fold(folded), [folded], "{c:?} -> {folded:?}");
            }
        }
    }

    #[test]
    fn plain_ascii_is_one_symbol_each() {
        for byte in 0..=u8::MAX {
            let one = byte.is_ascii() && matches!(read(char::from(byte)), Reading::One(_));
            assert_eq!(plain_ascii(&[byte]) == 1, one, "{byte:#x}");
            let text = [[b'a'; 40].as_slice(), &[byte], b"b"].concat();
            assert_eq!(plain_ascii(&text), if one { 42 } else { 40 });
            if let (true, Reading::One(symbol)) = (one, read(char::from(byte))) {
                assert_eq!(ascii()[usize::from(byte)], symbol);
            }
        }
    }

    #[test]
    fn a_rare_form_folds_to_another_character() {
        for c in (0x2E80..=0x3_FFFF).filter_map(char::from_u32) {
            if is_rare(c) {
                assert_ne!(fold(c), [c], "{c}");
            }
        }
    }

    #[test]
    fn classes_are_those_of_the_folded_character() {
        for (c, class) in [
            ('茄', Class::Han),
            ('Ａ', Class::Letter),
            ('，', Class::Natural),
            ('。', Class::Natural),
            ('\u{3000}', Class::Space),
            ('·', Class::Mark),
            ('🍅', Class::Mark),
        ] {
            assert!(
                matches!(read(c), Reading::One(symbol) if symbol.class == class),
                "{c}"
            );
        }
    }

    #[test]
    fn share_of_han() {
        assert_eq!(han_share("12 %"), None);
        assert_eq!(han_share("茄子 ab"), Some(50));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn folding_twice_is_folding_once(text in "\\PC{0,40}") {
            let once = skeleton(&text);
            prop_assert_eq!(skeleton(&once), once);
        }

        #[test]
        fn spans_are_characters(text in any::<String>()) {
            for (_, span) in symbols(&text) {
                prop_assert_eq!(text[span.range()].chars().count(), 1);
            }
        }
    }
}
