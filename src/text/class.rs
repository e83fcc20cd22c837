//! [`Class`]: what a skeleton symbol is to its neighbours: part of a word, or something between words.

/// The kind of a skeleton symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Class {
    /// A letter of a script that puts no spaces between words: Han, kana, Thai and the like.
    Han,
    /// Any other letter.
    Letter,
    /// A decimal digit or other number sign.
    Digit,
    /// White space within a line.
    Space,
    /// The end of a line.
    Line,
    /// Punctuation that ordinary prose puts between words and clauses.
    Natural,
    /// Everything else: signs and emoji that prose hardly ever puts between two Han.
    Mark,
}

impl Class {
    /// By discriminant; the last fills up to a power of two.
    const ALL: [Self; 8] = [
        Self::Han,
        Self::Letter,
        Self::Digit,
        Self::Space,
        Self::Line,
        Self::Natural,
        Self::Mark,
        Self::Mark,
    ];

    /// The class with this discriminant; only for values made by `as u8`.
    pub(super) const fn from_bits(bits: u8) -> Self {
        Self::ALL[bits as usize % Self::ALL.len()]
    }

    /// Whether a whole word of Latin letters goes on here: a letter or a digit, but no Han.
    pub const fn is_latin(self) -> bool {
        matches!(self, Self::Letter | Self::Digit)
    }

    /// Whether it is part of a word in any script.
    pub const fn is_word(self) -> bool {
        matches!(self, Self::Han | Self::Letter | Self::Digit)
    }

    /// Whether prose puts it between words, so that it alone is no sign of disguise.
    pub const fn is_natural(self) -> bool {
        matches!(self, Self::Natural | Self::Line)
    }

    /// Whether it is white space of any kind.
    pub const fn is_white(self) -> bool {
        matches!(self, Self::Space | Self::Line)
    }

    /// The class of a folded character.
    pub fn of(c: char) -> Self {
        match c {
            '\n' => Self::Line,
            ' ' => Self::Space,
            'a'..='z' | 'A'..='Z' => Self::Letter,
            '0'..='9' => Self::Digit,
            ',' | '!' | '?' | ';' | ':' | '"' | '\'' | '(' | ')' | '[' | ']' | '{' | '}' => {
                Self::Natural
            }
            '\0'..='\x7f' => Self::Mark,
            '。' | '、' | '…' | '—' | '―' | '“' | '”' | '«' | '»' | '《' | '》' | '〈' | '〉'
            | '「' | '」' | '『' | '』' | '【' | '】' | '〔' | '〕' | '〖' | '〗' => {
                Self::Natural
            }
            _ if is_han(c) => Self::Han,
            _ if c.is_whitespace() => Self::Space,
            _ if c.is_alphabetic() => Self::Letter,
            _ if is_fraction(c) => Self::Mark,
            _ if c.is_numeric() => Self::Digit,
            _ => Self::Mark,
        }
    }
}

/// Whether it is a fraction: a word follows it as it follows a sign.
pub(super) fn is_fraction(c: char) -> bool {
    matches!(c, '\u{BC}'..='\u{BE}' | '\u{2150}'..='\u{215F}' | '\u{2189}')
}

/// Whether the character belongs to a script that puts no spaces between words.
pub(super) fn is_han(c: char) -> bool {
    matches!(c,
        '\u{0E01}'..='\u{0E4E}' | '\u{0E81}'..='\u{0ECD}' // Thai, Lao
        | '\u{1000}'..='\u{103F}' | '\u{1780}'..='\u{17D3}' // Myanmar, Khmer
        | '\u{2E80}'..='\u{2FD5}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3029}'
        | '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FA}' | '\u{30FC}'..='\u{30FF}' // kana
        | '\u{3105}'..='\u{312F}' | '\u{31A0}'..='\u{31BF}' | '\u{31F0}'..='\u{31FF}'
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{323AF}')
}
