//! Lists: numbers of bytes or characters, one per group, and Morse.

use std::ops::BitAnd;

use super::base::{readable, union};
use super::decode::{Code, Spelled};

/// What the groups of a list may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kinds(u8);

impl Kinds {
    pub(super) const NONE: Self = Self(0);
    const BINARY: Self = Self(1);
    const HEX: Self = Self(2);
    const DECIMAL: Self = Self(4);
    const POINT: Self = Self(8);
    /// Four hexadecimal digits: two bytes.
    const WIDE: Self = Self(16);

    /// Every kind with its code and the characters that a list of it must spell at least: what
    /// seldom occurs by chance may be short.
    const ALL: [(Self, Code, usize); 5] = [
        (Self::POINT, Code::Point, 1),
        (Self::BINARY, Code::Binary, 2),
        (Self::HEX, Code::Hex, 2),
        (Self::WIDE, Code::Hex, 2),
        (Self::DECIMAL, Code::Decimal, 2),
    ];

    /// Whether it can be no list.
    pub(super) const fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl BitAnd for Kinds {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// Bytes that a list of hexadecimal or decimal bytes must hold at least.
const FEWEST_BYTES: usize = 4;

/// One group: its digits without prefix, and where it stands.
struct Group<'a> {
    digits: &'a [Spelled],
    prefix: Prefix,
    /// Units `from..to`, prefix included.
    from: usize,
    to: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prefix {
    None,
    /// `0x`.
    Zero,
    /// `U+`.
    Point,
}

impl Group<'_> {
    fn number(&self, radix: u32) -> Option<u32> {
        let digits = self.digits.iter();
        digits.into_iter().try_fold(0_u32, |number, unit| {
            number
                .checked_mul(radix)?
                .checked_add(unit.ch.to_digit(radix)?)
        })
    }

    fn kinds(&self) -> Kinds {
        let length = self.digits.len();
        let hex = self.number(16).is_some();
        let mut kinds = 0;
        if self.prefix == Prefix::Point {
            let point = hex && matches!(length, 2..=6);
            return if point { Kinds::POINT } else { Kinds::NONE };
        }
        match length {
            2 if hex => kinds |= Kinds::HEX.0,
            4 if hex => kinds |= Kinds::WIDE.0,
            _ => {}
        }
        if self.prefix == Prefix::Zero {
            return Kinds(kinds);
        }
        if length == 8 && self.number(2).is_some() {
            kinds |= Kinds::BINARY.0;
        }
        let decimal = self.number(10).filter(|_| matches!(length, 2..=6));
        if decimal.is_some_and(|number| !(256..FIRST_HAN).contains(&number)) {
            kinds |= Kinds::DECIMAL.0;
        }
        Kinds(kinds)
    }
}

/// Decimal numbers between a byte and this are no characters: years and amounts.
const FIRST_HAN: u32 = 0x3400;

/// The groups of a list or token.
fn groups(units: &[Spelled]) -> impl Iterator<Item = Group<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let sign = |unit: &Spelled| !unit.ch.is_ascii_alphanumeric();
        while units.get(at).is_some_and(sign) {
            at += 1;
        }
        let from = at;
        let first = units.get(at)?.ch;
        let second = units.get(at + 1).map_or('\0', |unit| unit.ch);
        let prefix = match (first, second) {
            ('U' | 'u', '+') => Prefix::Point,
            ('0', 'x' | 'X') => Prefix::Zero,
            _ => Prefix::None,
        };
        let digits = if prefix == Prefix::None { at } else { at + 2 };
        at = digits;
        let point = |unit: &Spelled| matches!(unit.ch, 'U' | 'u');
        while let Some(unit) = units.get(at) {
            if sign(unit) || (prefix == Prefix::Point && point(unit)) {
                break;
            }
            at += 1;
        }
        Some(Group {
            digits: &units[digits..at],
            prefix,
            from,
            to: at,
        })
    })
}

/// Whether a group of a list may hold it.
pub(super) const fn fits(c: char) -> bool {
    c.is_ascii_hexdigit() || matches!(c, 'x' | 'X' | 'u' | 'U' | '+' | '-' | '/' | '_')
}

/// Which lists a token may be a group, or several, of.
pub(super) fn kinds(token: &[Spelled]) -> Kinds {
    let all = Kinds(u8::MAX);
    let kinds = groups(token).map(|group| group.kinds());
    let kinds = kinds.fold((all, false), |(all, _), kinds| (all & kinds, true));
    if kinds.1 { kinds.0 } else { Kinds::NONE }
}

/// A character of a list, or none, and the units that spell it.
type Cell = (Option<char>, usize, usize);

/// Reads a list; whether it, or a part of it, is a text. If so, appends it decoded.
pub(super) fn read(units: &[Spelled], kinds: Kinds, out: &mut Vec<Spelled>) -> bool {
    Kinds::ALL.iter().any(|&(kind, code, fewest)| {
        !(kinds & kind).is_none() && spell(units, &cells(units, kind), (code, fewest), out)
    })
}

fn cells(units: &[Spelled], kind: Kinds) -> Vec<Cell> {
    let radix = match kind {
        Kinds::BINARY => 2,
        Kinds::DECIMAL => 10,
        _ => 16,
    };
    let mut cells = Vec::new();
    let mut bytes: Vec<(u8, usize, usize)> = Vec::new();
    for group in groups(units) {
        let number = group.number(radix).unwrap_or(0);
        let wide = kind == Kinds::WIDE;
        if kind == Kinds::POINT || (number > 255 && !wide) {
            join(&mut bytes, &mut cells);
            cells.push((char::from_u32(number), group.from, group.to));
            continue;
        }
        let half = group.to - if wide { 2 } else { 0 };
        if wide {
            bytes.push(((number >> 8) as u8, group.from, half));
            bytes.push((number as u8, half, group.to));
        } else {
            bytes.push((number as u8, group.from, group.to));
        }
    }
    join(&mut bytes, &mut cells);
    cells
}

/// Bytes become the characters that they are; a byte of none becomes an empty cell.
fn join(bytes: &mut Vec<(u8, usize, usize)>, cells: &mut Vec<Cell>) {
    let raw: Vec<u8> = bytes.iter().map(|byte| byte.0).collect();
    let mut at = 0;
    for chunk in raw.utf8_chunks() {
        for ch in chunk.valid().chars() {
            let last = at + ch.len_utf8() - 1;
            cells.push((Some(ch), bytes[at].1, bytes[last].2));
            at = last + 1;
        }
        for _ in chunk.invalid() {
            cells.push((None, bytes[at].1, bytes[at].2));
            at += 1;
        }
    }
    bytes.clear();
}

/// Appends the units with every readable stretch of cells in place of those that spell it.
fn spell(
    units: &[Spelled],
    cells: &[Cell],
    (code, fewest): (Code, usize),
    out: &mut Vec<Spelled>,
) -> bool {
    let visible = |cell: &Cell| {
        cell.0
            .is_some_and(|ch| !ch.is_control() || ch.is_whitespace())
    };
    let start = out.len();
    let mut done = 0;
    for part in cells.chunk_by(|a, b| visible(a) == visible(b)) {
        let text: String = part.iter().filter_map(|cell| cell.0).collect();
        let bytes = matches!(code, Code::Hex | Code::Decimal) && text.len() < FEWEST_BYTES;
        if !visible(&part[0]) || part.len() < fewest || bytes || !readable(&text) {
            continue;
        }
        out.extend_from_slice(&units[done..part[0].1]);
        for &(ch, from, to) in part {
            out.extend(ch.map(|ch| union(&units[from..to], ch, code)));
            done = to;
        }
    }
    if out.len() > start {
        out.extend_from_slice(&units[done..]);
    }
    done > 0
}

/// Morse: each letter or digit with its signs.
const MORSE: &str = "a.- b-... c-.-. d-.. e. f..-. g--. h.... i.. j.--- k-.- l.-.. m-- n-. o--- \
    p.--. q--.- r.-. s... t- u..- v...- w.-- x-..- y-.-- z--.. 0----- 1.---- 2..--- 3...-- \
    4....- 5..... 6-.... 7--... 8---.. 9----. ..-.-.- ,--..-- ?..--.. ";

/// Letters of Morse, at least: fewer are a rule or a dash.
const FEWEST_LETTERS: usize = 3;

/// Reads dots and dashes; whether they are letters. If so, appends them.
pub(super) fn read_morse(units: &[Spelled], out: &mut Vec<Spelled>) -> bool {
    if !units.iter().any(|unit| unit.ch == '-') {
        return false;
    }
    let from = out.len();
    let sign = |unit: &Spelled| matches!(unit.ch, '.' | '-');
    let mut letters = 0;
    for part in units.chunk_by(|a, b| sign(a) == sign(b)) {
        if !sign(&part[0]) {
            if part.len() > 1 || part[0].ch != ' ' {
                out.push(union(part, ' ', Code::Morse));
            }
            continue;
        }
        let signs: String = part.iter().map(|unit| unit.ch).collect();
        // A full stop may follow the last letter.
        let Some(letter) = letter(&signs).or_else(|| letter(signs.strip_suffix('.')?)) else {
            out.truncate(from);
            return false;
        };
        out.push(union(part, letter, Code::Morse));
        letters += 1;
    }
    if letters < FEWEST_LETTERS {
        out.truncate(from);
    }
    letters >= FEWEST_LETTERS
}

fn letter(signs: &str) -> Option<char> {
    let mut known = MORSE.split(' ').filter(|known| !known.is_empty());
    let known = known.find(|known| &known[1..] == signs)?;
    known.chars().next()
}
