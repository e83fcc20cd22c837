//! Encodings, visible and invisible.

use super::Dice;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Bits of `bytes` in groups of `size`, as signs of `alphabet`, padded to a multiple of `block`.
fn grouped(bytes: &[u8], size: u32, alphabet: &[u8], block: usize) -> String {
    let (mut written, mut held, mut bits) = (String::new(), 0_u32, 0);
    let sign = |value: u32| alphabet.get(value as usize).map(|&sign| char::from(sign));
    for &byte in bytes {
        held = held << 8 | u32::from(byte);
        bits += 8;
        while bits >= size {
            bits -= size;
            written.extend(sign(held >> bits & ((1 << size) - 1)));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        written.extend(sign(held << (size - bits)));
    }
    let missing = written.len().next_multiple_of(block) - written.len();
    written + &"=".repeat(missing)
}

pub(super) fn base64(plain: &str) -> Option<String> {
    Some(grouped(plain.as_bytes(), 6, BASE64, 4))
}

pub(super) fn base32(plain: &str) -> Option<String> {
    Some(grouped(plain.as_bytes(), 5, BASE32, 8))
}

fn bytes(plain: &str, write: impl Fn(u8) -> String) -> Option<String> {
    Some(plain.bytes().map(write).collect())
}

pub(super) fn hex(plain: &str) -> Option<String> {
    bytes(plain, |byte| format!("{byte:02x}"))
}

pub(super) fn escape_x(plain: &str) -> Option<String> {
    bytes(plain, |byte| format!("\\x{byte:02x}"))
}

pub(super) fn percent(plain: &str) -> Option<String> {
    bytes(plain, |byte| format!("%{byte:02X}"))
}

pub(super) fn quoted_printable(plain: &str) -> Option<String> {
    bytes(plain, |byte| format!("={byte:02X}"))
}

pub(super) fn binary(plain: &str) -> Option<String> {
    let groups: Vec<_> = plain.bytes().map(|byte| format!("{byte:08b}")).collect();
    Some(groups.join(" "))
}

pub(super) fn entity(plain: &str, dice: &mut Dice) -> Option<String> {
    let decimal = dice.flip();
    let write = |c: char| match decimal {
        true => format!("&#{};", c as u32),
        false => format!("&#x{:x};", c as u32),
    };
    Some(plain.chars().map(write).collect())
}

pub(super) fn escape_u(plain: &str) -> Option<String> {
    let units = plain.encode_utf16();
    Some(units.map(|unit| format!("\\u{unit:04x}")).collect())
}

pub(super) fn code_point(plain: &str) -> Option<String> {
    let points: Vec<_> = plain
        .chars()
        .map(|c| format!("U+{:04X}", c as u32))
        .collect();
    Some(points.join(" "))
}

/// Letters from a, then digits from 0.
const MORSE: [&str; 36] = [
    ".-", "-...", "-.-.", "-..", ".", "..-.", "--.", "....", "..", ".---", "-.-", ".-..", "--",
    "-.", "---", ".--.", "--.-", ".-.", "...", "-", "..-", "...-", ".--", "-..-", "-.--", "--..",
    "-----", ".----", "..---", "...--", "....-", ".....", "-....", "--...", "---..", "----.",
];

pub(super) fn morse(plain: &str) -> Option<String> {
    let letters = plain.chars().map(|c| match c.to_ascii_lowercase() {
        c @ 'a'..='z' => MORSE.get(c as usize - 'a' as usize).copied(),
        c @ '0'..='9' => MORSE.get(26 + c as usize - '0' as usize).copied(),
        ' ' => Some("/"),
        _ => None,
    });
    Some(letters.collect::<Option<Vec<_>>>()?.join(" "))
}

/// RFC 3492, section 6.3, with its constants; `None` if all of it is ASCII.
pub(super) fn punycode(plain: &str) -> Option<String> {
    const SKEW: u32 = 38;
    let mut written: String = plain.chars().filter(char::is_ascii).collect();
    let basic = u32::try_from(written.len()).ok()?;
    let mut points: Vec<u32> = plain
        .chars()
        .map(|c| c as u32)
        .filter(|&c| c > 0x7F)
        .collect();
    points.sort_unstable();
    points.dedup();
    if points.is_empty() {
        return None;
    }
    if basic > 0 {
        written.push('-');
    }
    let (mut next, mut delta, mut bias, mut done) = (0x80_u32, 0_u32, 72, basic);
    for point in points {
        delta = delta.checked_add((point - next).checked_mul(done + 1)?)?;
        next = point;
        for c in plain.chars().map(|c| c as u32) {
            if c < next {
                delta = delta.checked_add(1)?;
            } else if c == next {
                push_number(&mut written, delta, bias);
                let damped = if done == basic {
                    delta / 700
                } else {
                    delta / 2
                };
                let (mut rest, mut shift) = (damped + damped / (done + 1), 0);
                while rest > 455 {
                    rest /= 35;
                    shift += 36;
                }
                bias = shift + 36 * rest / (rest + SKEW);
                (delta, done) = (0, done + 1);
            }
        }
        delta += 1;
        next += 1;
    }
    Some(format!("xn--{written}"))
}

/// A number of variable length in base 36.
fn push_number(written: &mut String, mut number: u32, bias: u32) {
    let digit = |value: u32| char::from_digit((value + 10) % 36, 36);
    for place in (36..).step_by(36) {
        let threshold = (place as u32).saturating_sub(bias).clamp(1, 26);
        if number < threshold {
            break;
        }
        // a to z are 0 to 25, 0 to 9 are 26 to 35.
        written.extend(digit(threshold + (number - threshold) % (36 - threshold)));
        number = (number - threshold) / (36 - threshold);
    }
    written.extend(digit(number));
}

/// ASCII only.
pub(super) fn tags(plain: &str) -> Option<String> {
    let tag = |c: char| match c {
        ' '..='~' => char::from_u32(0xE0000 + c as u32),
        _ => None,
    };
    plain.chars().map(tag).collect()
}

pub(super) fn selectors(plain: &str) -> Option<String> {
    let selector = |byte: u8| match byte {
        0..=15 => char::from_u32(0xFE00 + u32::from(byte)),
        _ => char::from_u32(0xE0100 + u32::from(byte) - 16),
    };
    plain.bytes().map(selector).collect()
}
