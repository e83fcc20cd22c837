//! Runs: letters that are the bits of a text, in base 64, 32, 16 or 2, and labels of domain names.
//!
//! A run counts only if its bytes are a readable text: a hash, a key or an identifier decodes to
//! noise.

use super::Span;
use super::decode::{Code, Spelled};

/// Characters of a run, at least: two Han in base64.
const SHORTEST: usize = 8;

/// Characters of a run that is read backwards and may be any readable text, at least: a short identifier
/// may read so by chance; it seldom reads as nothing but letters.
const SHORTEST_BACKWARDS: usize = 12;

/// Hexadecimal digits without one of `a` to `f` that may be any readable text, at least, and those that
/// have to be small letters only: shorter numbers are dates and amounts, and of those with ten digits one
/// in 4,000 is letters only.
const SHORTEST_NUMBER: usize = 12;
const SHORTEST_LETTERS: usize = 10;

/// From this length on a run may begin or end within a character, because it was cut.
const LONG: usize = 256;

/// Signs `=` that fill up the last group of a run, at most (base32, RFC 4648).
pub(super) const MAX_PADDING: usize = 6;

/// How bits become characters.
struct Base {
    bits: usize,
    code: Code,
    /// The value of a digit.
    value: fn(u8) -> Option<u8>,
}

const BASE64: Base = Base {
    bits: 6,
    code: Code::Base64,
    value: |digit| match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    },
};

const BASE32: Base = Base {
    bits: 5,
    code: Code::Base32,
    value: |digit| match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a'),
        b'2'..=b'7' => Some(digit - b'2' + 26),
        _ => None,
    },
};

const HEX: Base = Base {
    bits: 4,
    code: Code::Hex,
    value: |digit| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    },
};

const BINARY: Base = Base {
    bits: 1,
    code: Code::Binary,
    value: |digit| match digit {
        b'0' | b'1' => Some(digit - b'0'),
        _ => None,
    },
};

/// One character that these spell together.
pub(super) fn union(units: &[Spelled], ch: char, code: Code) -> Spelled {
    // What a code gave begins where that code does, not where plain text replayed before it does.
    let starts = |from: u8| {
        let units = units.iter().filter(move |unit| unit.layers >= from);
        units.map(|unit| unit.span.start).min()
    };
    let start = starts(1).or_else(|| starts(0));
    let end = units.iter().map(|unit| unit.span.end).max();
    let layers = units.iter().map(|unit| unit.layers).max();
    Spelled {
        ch,
        span: Span::new(start.unwrap_or(0), end.unwrap_or(0)),
        when: 0,
        fresh: false,
        layers: layers.unwrap_or(0) + 1,
        code,
    }
}

/// How many signs at the end fill up a group.
pub(super) fn padding(units: &[Spelled]) -> usize {
    let filling = units.iter().rev();
    filling.take_while(|unit| unit.ch == '=').count()
}

/// How many of the units a run of `run` digits takes up that was read to `out`: with its padding, if
/// that makes its last group whole. The last character then ends with it.
pub(super) fn padded(units: &[Spelled], run: usize, out: &mut [Spelled]) -> usize {
    let group = match out.last().map(|last| last.code) {
        Some(Code::Base64) => 4,
        Some(Code::Base32) => 8,
        _ => return run,
    };
    if units.len() == run || units.len() - run >= group || !units.len().is_multiple_of(group) {
        return run;
    }
    if let (Some(last), Some(end)) = (out.last_mut(), units.last()) {
        last.span = Span::new(last.span.start, last.span.end.max(end.span.end));
    }
    units.len()
}

/// What stands beside a run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Beside {
    /// Signs `=` behind it.
    pub padding: usize,
    /// Whether one stands before it, as of a run that is written backwards.
    pub leads: bool,
}

/// Reads a token; whether it, or a part of it, is a run. If so, appends it decoded.
pub(super) fn read(units: &[Spelled], beside: Beside, out: &mut Vec<Spelled>) -> bool {
    if whole(units, beside, out) {
        return true;
    }
    let from = out.len();
    let mut found = false;
    for part in units.chunk_by(|a, b| a.ch.is_ascii_alphanumeric() == b.ch.is_ascii_alphanumeric())
    {
        let run = part.len() < units.len() && whole(part, Beside::default(), out);
        if !run {
            out.extend_from_slice(part);
        }
        found |= run;
    }
    if !found {
        out.truncate(from);
    }
    found
}

/// Reads a run that is nothing but a run.
fn whole(units: &[Spelled], beside: Beside, out: &mut Vec<Spelled>) -> bool {
    let digits = units.iter().map(|unit| u8::try_from(unit.ch).unwrap_or(0));
    if units.len() < SHORTEST {
        return beside.is_group_of(units.len()) && short(units, digits.collect(), beside, out);
    }
    let digits: Vec<u8> = digits.collect();
    let (skipped, number) = match digits.strip_prefix(b"0x") {
        Some(number) => (2, number),
        None => (0, digits.as_slice()),
    };
    label(units, &digits, out)
        || (is_binary(&digits) && bits(&BINARY, units, &digits, out))
        || (is_hex(number) && hex(&units[skipped..], number, out))
        || (is_base32(&digits) && bits(&BASE32, units, &digits, out))
        || (is_base64(&digits) && either_way(units, digits, out))
}

/// Reads a run of base64, forwards or backwards: the way in which it is words, if one is.
fn either_way(units: &[Spelled], digits: Vec<u8>, out: &mut Vec<Spelled>) -> bool {
    let (from, mut turned) = (out.len(), Vec::new());
    let forwards = bits(&BASE64, units, &digits, out);
    if forwards && is_wordy(&out[from..]) {
        return true;
    }
    let backwards = backwards(units, digits, &mut turned);
    if backwards && (!forwards || is_wordy(&turned)) {
        out.truncate(from);
        out.append(&mut turned);
    }
    forwards || backwards
}

/// Whether it is words and spaces, nothing else.
fn is_wordy(read: &[Spelled]) -> bool {
    let mut read = read.iter();
    read.all(|one| one.ch.is_alphabetic() || one.ch == ' ')
}

impl Beside {
    /// Whether so many digits are a whole group with what fills it up: a word of four letters or five.
    fn is_group_of(self, digits: usize) -> bool {
        match self.leads {
            true => matches!(SHORTEST - digits, 1 | 2),
            false => self.padding > 0 && digits + self.padding == SHORTEST,
        }
    }
}

/// Reads a run that is a word with what fills it up, which no identifier has.
fn short(units: &[Spelled], digits: Vec<u8>, beside: Beside, out: &mut Vec<Spelled>) -> bool {
    if beside.leads {
        return is_base64(&digits) && backwards(units, digits, out);
    }
    (is_base32(&digits) && bits(&BASE32, units, &digits, out))
        || (beside.padding < 3 && is_base64(&digits) && bits(&BASE64, units, &digits, out))
}

/// Reads a run of base64 that was written backwards.
fn backwards(units: &[Spelled], mut digits: Vec<u8>, out: &mut Vec<Spelled>) -> bool {
    digits.reverse();
    let (from, long) = (out.len(), digits.len() >= SHORTEST_BACKWARDS);
    let units: Vec<Spelled> = units.iter().rev().copied().collect();
    if !bits(&BASE64, &units, &digits, out) {
        return false;
    }
    let word = long || out[from..].iter().all(|spelled| spelled.ch.is_alphabetic());
    if !word {
        out.truncate(from);
    }
    word
}

fn is_binary(digits: &[u8]) -> bool {
    digits.len().is_multiple_of(8) && digits.iter().all(|digit| matches!(digit, b'0' | b'1'))
}

fn is_hex(digits: &[u8]) -> bool {
    let letter = digits.iter().any(u8::is_ascii_alphabetic);
    let shortest = if letter { SHORTEST } else { SHORTEST_LETTERS };
    digits.len().is_multiple_of(2) && digits.len() >= shortest
}

/// Reads hexadecimal bytes; a short number only if it is a word.
fn hex(units: &[Spelled], digits: &[u8], out: &mut Vec<Spelled>) -> bool {
    let number = digits.iter().all(u8::is_ascii_digit) && digits.len() < SHORTEST_NUMBER;
    let from = out.len();
    let read = bits(&HEX, units, digits, out);
    let word = !number || out[from..].iter().all(|one| one.ch.is_ascii_lowercase());
    if !word {
        out.truncate(from);
    }
    read && word
}

fn is_base32(digits: &[u8]) -> bool {
    let upper = digits.iter().any(u8::is_ascii_uppercase);
    let lower = digits.iter().any(u8::is_ascii_lowercase);
    upper != lower && matches!(digits.len() % 8, 0 | 2 | 4 | 5 | 7)
}

/// Whether it looks like base64 and not like a word: a digit, or a capital within.
fn is_base64(digits: &[u8]) -> bool {
    let inner = |pair: &[u8]| pair[0].is_ascii_alphabetic() && pair[1].is_ascii_uppercase();
    let evident = digits.iter().any(u8::is_ascii_digit) || digits.windows(2).any(inner);
    evident && digits.len() % 4 != 1
}

/// Reads digits of a base; appends the text if it is one.
fn bits(base: &Base, units: &[Spelled], digits: &[u8], out: &mut Vec<Spelled>) -> bool {
    let mut bytes = Vec::with_capacity(digits.len() * base.bits / 8);
    let (mut held, mut count) = (0_u32, 0);
    for &digit in digits {
        let Some(value) = (base.value)(digit) else {
            return false;
        };
        held = held << base.bits | u32::from(value);
        count += base.bits;
        if count >= 8 {
            count -= 8;
            bytes.push((held >> count) as u8);
            held &= (1 << count) - 1;
        }
    }
    let (skipped, text) = match text(&bytes, digits.len() >= LONG) {
        Some(text) if readable(text.1) => text,
        _ => return false,
    };
    for (at, ch) in text.char_indices() {
        let from = (skipped + at) * 8;
        let to = from + ch.len_utf8() * 8;
        let places = from / base.bits..to.div_ceil(base.bits).min(units.len());
        out.push(union(&units[places], ch, base.code));
    }
    true
}

/// The text that bytes are, and where in them it starts; a long one may be cut within a character.
fn text(bytes: &[u8], long: bool) -> Option<(usize, &str)> {
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return Some((0, text)),
        Err(_) if !long => return None,
        Err(error) => error,
    };
    let start = match error.valid_up_to() {
        0 => bytes
            .iter()
            .take(3)
            .take_while(|byte| matches!(byte, 0x80..=0xBF))
            .count(),
        _ => 0,
    };
    let whole = bytes.get(start..)?;
    let text = match std::str::from_utf8(whole) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&whole[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    Some((start, text))
}

/// Whether a text is one that somebody would write: no control signs, four of five characters are
/// letters, digits, spaces or punctuation, and every other one is a letter.
pub(super) fn readable(text: &str) -> bool {
    let (mut all, mut good, mut letters) = (0, 0, 0);
    for c in text.chars() {
        if c.is_control() && !c.is_whitespace() {
            return false;
        }
        let letter = c.is_alphabetic();
        let near = c.is_whitespace()
            || c.is_ascii()
            || matches!(c, '\u{2010}'..='\u{2027}' | '\u{3001}'..='\u{301F}' | '\u{FF01}'..='\u{FF1F}');
        all += 1;
        good += u32::from(letter || near);
        letters += u32::from(letter);
    }
    letters * 2 >= all && good * 5 >= all * 4 && letters > 0
}

/// Reads a label of an internationalised domain name (RFC 3492).
fn label(units: &[Spelled], digits: &[u8], out: &mut Vec<Spelled>) -> bool {
    let prefix = digits
        .get(..4)
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"xn--"));
    let text = prefix.then(|| punycode(&digits[4..])).flatten();
    let Some(text) = text.filter(|text| readable(text)) else {
        return false;
    };
    out.extend(text.chars().map(|ch| union(units, ch, Code::Punycode)));
    true
}

/// Characters of a label, as DNS bounds it; the work grows with the square.
const LABEL: usize = 63;

fn punycode(label: &[u8]) -> Option<String> {
    const BASE: u32 = 36;
    if label.len() > LABEL {
        return None;
    }
    let split = label.iter().rposition(|&byte| byte == b'-');
    let (basic, rest) = match split {
        Some(at) => (&label[..at], &label[at + 1..]),
        None => (&[][..], label),
    };
    let mut text: Vec<char> = basic.iter().map(|&byte| byte as char).collect();
    let (mut code, mut index, mut bias) = (128_u32, 0_u32, 72);
    let mut rest = rest.iter();
    while rest.len() > 0 {
        let (before, mut weight, mut k) = (index, 1_u32, BASE);
        loop {
            let digit = match rest.next()?.to_ascii_lowercase() {
                byte @ b'a'..=b'z' => u32::from(byte - b'a'),
                byte @ b'0'..=b'9' => u32::from(byte - b'0') + 26,
                _ => return None,
            };
            index = digit.checked_mul(weight)?.checked_add(index)?;
            let threshold = k.saturating_sub(bias).clamp(1, 26);
            if digit < threshold {
                break;
            }
            weight = weight.checked_mul(BASE - threshold)?;
            k += BASE;
        }
        let length = text.len() as u32 + 1;
        bias = adapted(index - before, length, before == 0);
        code = code.checked_add(index / length)?;
        index %= length;
        text.insert(index as usize, char::from_u32(code)?);
        index += 1;
    }
    Some(text.into_iter().collect())
}

/// The next bias of RFC 3492, section 6.1.
fn adapted(delta: u32, length: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta += delta / length;
    let mut k = 0;
    while delta > 455 {
        delta /= 35;
        k += 36;
    }
    k + 36 * delta / (delta + 38)
}
