//! V8: what invisible characters spell. Tag characters are ASCII in disguise; a run of variation
//! selectors is a run of bytes.
//!
//! Nothing needs sparing here: the three subdivision flags spell "gbeng", "gbsct" and "gbwls", and
//! the selectors that emoji and ideographs use are control bytes, which no term holds.

/// What one invisible character smuggles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secret {
    /// A character.
    Char(char),
    /// A byte of UTF-8.
    Byte(u8),
}

/// What the character smuggles, if it can.
pub fn secret(c: char) -> Option<Secret> {
    let code = c as u32;
    match code {
        0xE0020..=0xE007E => char::from_u32(code - 0xE0000).map(Secret::Char),
        0xFE00..=0xFE0F => u8::try_from(code - 0xFE00).ok().map(Secret::Byte),
        0xE0100..=0xE01EF => u8::try_from(code - 0xE0100 + 16).ok().map(Secret::Byte),
        _ => None,
    }
}

/// Joins smuggled bytes to characters; a byte that fits nowhere starts anew.
#[derive(Debug, Default)]
pub struct Decoder {
    code: u32,
    missing: u8,
}

impl Decoder {
    /// The next secret; a character as soon as it is whole.
    pub fn push(&mut self, secret: Secret) -> Option<char> {
        let byte = match secret {
            Secret::Char(c) => {
                self.missing = 0;
                return Some(c);
            }
            Secret::Byte(byte) => byte,
        };
        match byte {
            0x80..=0xBF if self.missing > 0 => {
                self.code = self.code << 6 | u32::from(byte & 0x3F);
                self.missing -= 1;
                return (self.missing == 0)
                    .then(|| char::from_u32(self.code))
                    .flatten();
            }
            0xC2..=0xDF => (self.code, self.missing) = (u32::from(byte & 0x1F), 1),
            0xE0..=0xEF => (self.code, self.missing) = (u32::from(byte & 0x0F), 2),
            0xF0..=0xF4 => (self.code, self.missing) = (u32::from(byte & 0x07), 3),
            _ => {
                self.missing = 0;
                return byte.is_ascii().then_some(byte as char);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_join_to_characters() {
        let mut decoder = Decoder::default();
        let spelled: String = "a茄é"
            .bytes()
            .filter_map(|byte| decoder.push(Secret::Byte(byte)))
            .collect();
        assert_eq!(spelled, "a茄é");
    }

    #[test]
    fn tags_and_selectors_are_secrets() {
        assert_eq!(secret('\u{E0061}'), Some(Secret::Char('a')));
        assert_eq!(secret('\u{E0151}'), Some(Secret::Byte(b'a')));
        assert_eq!(secret('\u{FE0F}'), Some(Secret::Byte(15)));
        assert_eq!(secret('a'), None);
    }
}
