//! Inline codes: one character written as a few signs.

use super::decode::{Code, Spelled};

/// What the signs at the front of a text are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// What follows decides.
    More,
    /// The first is itself.
    Plain,
    /// The first `used` are a code for a character, or for none.
    Code {
        used: usize,
        ch: Option<char>,
        code: Code,
    },
}

/// Characters of an entity's name, at most.
const NAME: usize = 8;

/// Digits of a numeric entity, at most: leading zeros are common in disguise.
const NUMBER: usize = 12;

/// Named entities that text is met with: the ASCII signs, spaces, dashes and quotes, and the
/// accented letters of the Latin 1 block, which the skeleton folds.
const NAMED: &str = "amp=& lt=< gt=> quot=\" apos=' nbsp=\u{A0} sol=/ bsol=\\ num=# percnt=% \
    excl=! dollar=$ lpar=( rpar=) ast=* plus=+ comma=, period=. colon=: semi=; equals== quest=? \
    commat=@ lsqb=[ lbrack=[ rsqb=] rbrack=] lowbar=_ grave=` lcub={ lbrace={ rcub=} rbrace=} \
    vert=| verbar=| hyphen=- dash=- ndash=– mdash=— hellip=… middot=· bull=• lsquo=‘ rsquo=’ \
    ldquo=“ rdquo=” laquo=« raquo=» shy=\u{AD} zwj=\u{200D} zwnj=\u{200C} ensp=\u{2002} \
    emsp=\u{2003} thinsp=\u{2009} agrave=à aacute=á acirc=â atilde=ã auml=ä aring=å aelig=æ \
    ccedil=ç egrave=è eacute=é ecirc=ê euml=ë igrave=ì iacute=í icirc=î iuml=ï ntilde=ñ \
    ograve=ò oacute=ó ocirc=ô otilde=õ ouml=ö oslash=ø ugrave=ù uacute=ú ucirc=û uuml=ü \
    yacute=ý szlig=ß";

/// Whether an inline code may begin with it.
pub(super) const fn begins(c: char) -> bool {
    matches!(c, '%' | '&' | '\\' | '=')
}

/// Reads the code at the front, which [`begins`]; `ended` if nothing follows.
pub(super) fn read(units: &[Spelled], ended: bool) -> Read {
    let signs = Signs { units, ended };
    let read = match units.first().map(|unit| unit.ch) {
        Some('%') => percent(&signs),
        Some('&') => entity(&signs),
        Some('\\') => escape(&signs),
        Some('=') => quoted(&signs),
        _ => Ok(Read::Plain),
    };
    read.unwrap_or(Read::More)
}

/// What is needed has not come yet.
struct Wait;

struct Signs<'a> {
    units: &'a [Spelled],
    ended: bool,
}

impl Signs<'_> {
    /// The sign there; `'\0'` after the end.
    fn at(&self, index: usize) -> Result<char, Wait> {
        match self.units.get(index) {
            Some(unit) => Ok(unit.ch),
            None if self.ended => Ok('\0'),
            None => Err(Wait),
        }
    }

    /// The number that exactly `count` digits from `from` on make.
    fn digits(&self, from: usize, count: usize, radix: u32) -> Result<Option<u32>, Wait> {
        let mut number = 0;
        for index in from..from + count {
            let Some(digit) = self.at(index)?.to_digit(radix) else {
                return Ok(None);
            };
            number = number * radix + digit;
        }
        Ok(Some(number))
    }

    /// A character of UTF-8 bytes, each after `sign`, in `count` digits.
    fn utf8(&self, sign: &str, count: usize, radix: u32, code: Code) -> Result<Read, Wait> {
        let step = sign.len() + count;
        let mut bytes = [0_u8; 4];
        let mut length = 1;
        let mut known = 0;
        while known < length {
            for (index, expected) in sign.chars().enumerate() {
                if self.at(known * step + index)? != expected {
                    return Ok(Read::Plain);
                }
            }
            let number = self.digits(known * step + sign.len(), count, radix)?;
            let Some(byte) = number.and_then(|number| u8::try_from(number).ok()) else {
                return Ok(Read::Plain);
            };
            if known == 0 {
                length = match byte {
                    0x00..=0x7F => 1,
                    0xC2..=0xDF => 2,
                    0xE0..=0xEF => 3,
                    0xF0..=0xF4 => 4,
                    _ => return Ok(Read::Plain),
                };
            } else if !matches!(byte, 0x80..=0xBF) {
                return Ok(Read::Plain);
            }
            bytes[known] = byte;
            known += 1;
        }
        let ch = std::str::from_utf8(&bytes[..length]).ok();
        Ok(found(
            step * length,
            ch.and_then(|ch| ch.chars().next()),
            code,
        ))
    }
}

/// The code, if it spells a character.
fn found(used: usize, ch: Option<char>, code: Code) -> Read {
    match ch {
        Some('\0') | None => Read::Plain,
        ch => Read::Code { used, ch, code },
    }
}

fn percent(signs: &Signs<'_>) -> Result<Read, Wait> {
    if matches!(signs.at(1)?, 'u' | 'U') {
        let number = signs.digits(2, 4, 16)?;
        return Ok(found(6, number.and_then(char::from_u32), Code::Percent));
    }
    signs.utf8("%", 2, 16, Code::Percent)
}

fn quoted(signs: &Signs<'_>) -> Result<Read, Wait> {
    let soft = |used| Read::Code {
        used,
        ch: None,
        code: Code::Quoted,
    };
    match signs.at(1)? {
        '\n' => Ok(soft(2)),
        '\r' if signs.at(2)? == '\n' => Ok(soft(3)),
        '0'..='9' | 'A'..='F' => signs.utf8("=", 2, 16, Code::Quoted),
        _ => Ok(Read::Plain),
    }
}

fn entity(signs: &Signs<'_>) -> Result<Read, Wait> {
    if signs.at(1)? != '#' {
        return named(signs);
    }
    let hex = matches!(signs.at(2)?, 'x' | 'X');
    let (from, radix) = if hex { (3, 16) } else { (2, 10) };
    let (mut at, mut number) = (from, 0_u32);
    while let Some(digit) = signs.at(at)?.to_digit(radix) {
        if at == from + NUMBER {
            return Ok(Read::Plain);
        }
        number = number.saturating_mul(radix).saturating_add(digit);
        at += 1;
    }
    if at == from {
        return Ok(Read::Plain);
    }
    let used = at + usize::from(signs.at(at)? == ';');
    Ok(found(used, char::from_u32(number), Code::Entity))
}

fn named(signs: &Signs<'_>) -> Result<Read, Wait> {
    let mut name = String::with_capacity(NAME);
    loop {
        match signs.at(1 + name.len())? {
            ';' => break,
            c if c.is_ascii_alphabetic() && name.len() < NAME => name.push(c),
            _ => return Ok(Read::Plain),
        }
    }
    let known = NAMED.split(' ').find_map(|pair| {
        let (known, ch) = pair.split_once('=')?;
        known.eq_ignore_ascii_case(&name).then_some(ch)
    });
    let ch = known.and_then(|ch| ch.chars().next());
    Ok(found(name.len() + 2, ch, Code::Entity))
}

fn escape(signs: &Signs<'_>) -> Result<Read, Wait> {
    let code = Code::Escape;
    let control = match signs.at(1)? {
        'u' | 'U' if signs.at(2)? == '{' => return braced(signs),
        'u' => return unit16(signs),
        'U' => {
            let number = signs.digits(2, 8, 16)?;
            return Ok(found(10, number.and_then(char::from_u32), code));
        }
        'x' | 'X' if signs.at(2)? == '{' => return braced(signs),
        'x' | 'X' => return signs.utf8("\\x", 2, 16, code),
        '0'..='3' => return signs.utf8("\\", 3, 8, code),
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{8}',
        'f' => '\u{C}',
        c @ ('"' | '\'' | '\\' | '/') => c,
        _ => return Ok(Read::Plain),
    };
    Ok(found(2, Some(control), code))
}

/// `\u{74}`, `\x{74}`.
fn braced(signs: &Signs<'_>) -> Result<Read, Wait> {
    let (mut at, mut number) = (3, 0_u32);
    while let Some(digit) = signs.at(at)?.to_digit(16) {
        if at == 3 + NUMBER {
            return Ok(Read::Plain);
        }
        number = number.saturating_mul(16).saturating_add(digit);
        at += 1;
    }
    if at == 3 || signs.at(at)? != '}' {
        return Ok(Read::Plain);
    }
    Ok(found(at + 1, char::from_u32(number), Code::Escape))
}

/// `\u0074`, or two of them for a character beyond 16 bits.
fn unit16(signs: &Signs<'_>) -> Result<Read, Wait> {
    let Some(high) = signs.digits(2, 4, 16)? else {
        return Ok(Read::Plain);
    };
    if !matches!(high, 0xD800..=0xDBFF) {
        return Ok(found(6, char::from_u32(high), Code::Escape));
    }
    if signs.at(6)? != '\\' || signs.at(7)? != 'u' {
        return Ok(Read::Plain);
    }
    let low = signs.digits(8, 4, 16)?;
    let joined = low
        .filter(|low| matches!(low, 0xDC00..=0xDFFF))
        .and_then(|low| char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00)));
    Ok(found(12, joined, Code::Escape))
}
