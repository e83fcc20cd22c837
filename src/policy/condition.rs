//! The condition as written: its grammar and its reader. [`super::clause`] has its normal form.
//!
//! ```text
//! condition = all { "or" all }            all  = one { "and" one }
//! one       = "not" one | "(" condition ")" | near | count | order | name
//! near      = "near" "(" names "," number ")"            number: skeleton symbols
//! count     = "count" "(" names ")" ">=" number
//! order     = "in_order" "(" names "," names "," number ")"
//! names     = name | "(" name { "or" name } ")"
//! ```
//!
//! A name is that of a signal, of the scene, or of another condition ([`super::conditions`]).

use std::ops::Range;

use super::diagnostic::Code;

/// Largest distance of `near` and `in_order`, in skeleton symbols: about a page. A stream may have
/// to hold that much for a `not near`.
pub const NEAR_LIMIT: u32 = 1000;
/// Largest number of `count`: enough for "the same demand again and again".
pub const COUNT_LIMIT: u32 = 100;
/// Deepest nesting of parentheses and `not`.
pub const DEPTH_LIMIT: usize = 32;

/// A name as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Bytes of the condition.
    pub at: Range<usize>,
}

/// A condition as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The signal was seen, or the scene is so.
    Name(Name),
    /// One of the signals close to the anchor.
    Near(Vec<Name>, u32, Range<usize>),
    /// At least so many hits.
    Count(Vec<Name>, u32),
    /// One, then another, at most so far apart.
    InOrder(Vec<Name>, Vec<Name>, u32),
    /// Not.
    Not(Box<Condition>),
    /// All.
    And(Vec<Condition>),
    /// Any.
    Or(Vec<Condition>),
}

impl Condition {
    /// Every name in it, in the order in which they stand.
    pub fn each_name(&self, see: &mut impl FnMut(&Name)) {
        match self {
            Self::Name(name) => see(name),
            Self::Near(names, ..) | Self::Count(names, _) => names.iter().for_each(see),
            Self::InOrder(first, second, _) => first.iter().chain(second).for_each(see),
            Self::Not(inner) => inner.each_name(see),
            Self::And(parts) | Self::Or(parts) => {
                parts.iter().for_each(|part| part.each_name(see));
            }
        }
    }
}

/// What is wrong with a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Which kind.
    pub code: Code,
    /// Bytes of the condition.
    pub at: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// Under the carets.
    pub label: String,
    /// What to do.
    pub help: Option<String>,
}

impl Wrong {
    pub(super) fn new(
        code: Code,
        at: Range<usize>,
        message: impl Into<String>,
        label: &str,
    ) -> Self {
        Self {
            code,
            at,
            message: message.into(),
            label: label.to_owned(),
            help: None,
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Reads a condition.
///
/// # Errors
/// The first place at which it cannot be read.
pub fn parse(text: &str) -> Result<Condition, Wrong> {
    let mut parser = Parser {
        text,
        tokens: tokens(text)?,
        next: 0,
        depth: 0,
    };
    let condition = parser.any()?;
    match parser.peek() {
        None => Ok(condition),
        Some(token) => {
            let found = &text[token.at.clone()];
            let wrong = parser.wrong(format!("`{found}` where the condition should end"), "here");
            Err(wrong.help("join conditions with `and` or `or`"))
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    Number(u32),
    Open,
    Close,
    Comma,
    AtLeast,
}

#[derive(Debug, Clone)]
struct Token {
    kind: Kind,
    at: Range<usize>,
}

fn tokens(text: &str) -> Result<Vec<Token>, Wrong> {
    let mut tokens = Vec::new();
    let bytes = text.as_bytes();
    let run = |from: usize, part: fn(u8) -> bool| {
        from + bytes[from..].iter().take_while(|byte| part(**byte)).count()
    };
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        at += 1;
        let kind = match byte {
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            b'(' => Kind::Open,
            b')' => Kind::Close,
            b',' => Kind::Comma,
            b'>' if bytes.get(at) == Some(&b'=') => {
                at += 1;
                Kind::AtLeast
            }
            b'0'..=b'9' => {
                at = run(start, |byte| byte.is_ascii_digit());
                // More digits than a u32 has are beyond every bound, which is what gets reported.
                Kind::Number(text[start..at].parse().unwrap_or(u32::MAX))
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                at = run(start, |byte| {
                    byte.is_ascii_alphanumeric() || b"_.".contains(&byte)
                });
                Kind::Word
            }
            _ => {
                let c = text[start..]
                    .chars()
                    .next()
                    .expect("a byte starts a character");
                let at = start..start + c.len_utf8();
                let wrong =
                    Wrong::new(Code::Condition, at, format!("`{c}` in a condition"), "here");
                return Err(
                    wrong.help("a condition has names, and, or, not, near, count, in_order")
                );
            }
        };
        tokens.push(Token {
            kind,
            at: start..at,
        });
    }
    Ok(tokens)
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn word(&self) -> Option<&str> {
        let token = self.peek().filter(|token| token.kind == Kind::Word)?;
        Some(&self.text[token.at.clone()])
    }

    fn here(&self) -> Range<usize> {
        let end = self.text.trim_end().len();
        self.peek().map_or(end..end, |token| token.at.clone())
    }

    fn wrong(&self, message: impl Into<String>, label: &str) -> Wrong {
        Wrong::new(Code::Condition, self.here(), message, label)
    }

    fn takes(&mut self, word: &str) -> bool {
        let found = self.word() == Some(word);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, kind: Kind, what: &str) -> Result<(), Wrong> {
        match self.peek() {
            Some(token) if token.kind == kind => {
                self.next += 1;
                Ok(())
            }
            Some(token) => {
                let found = &self.text[token.at.clone()];
                Err(self.wrong(format!("`{found}` where {what} belongs"), "here"))
            }
            None => Err(self.wrong(format!("the condition ends where {what} belongs"), "here")),
        }
    }

    fn any(&mut self) -> Result<Condition, Wrong> {
        let mut arms = vec![self.all()?];
        while self.takes("or") {
            arms.push(self.all()?);
        }
        Ok(if arms.len() == 1 {
            arms.remove(0)
        } else {
            Condition::Or(arms)
        })
    }

    fn all(&mut self) -> Result<Condition, Wrong> {
        let mut parts = vec![self.one()?];
        while self.takes("and") {
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Condition::And(parts)
        })
    }

    fn one(&mut self) -> Result<Condition, Wrong> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err(self.wrong("the condition is nested too deeply", "here"));
        }
        let one = if self.takes("not") {
            Condition::Not(Box::new(self.one()?))
        } else if self.peek().is_some_and(|token| token.kind == Kind::Open) {
            self.next += 1;
            let inner = self.any()?;
            self.expect(Kind::Close, "`)`")?;
            inner
        } else {
            self.atom()?
        };
        self.depth -= 1;
        Ok(one)
    }

    fn atom(&mut self) -> Result<Condition, Wrong> {
        let start = self.here().start;
        if self.takes("near") {
            self.expect(Kind::Open, "`(`")?;
            let names = self.names()?;
            self.expect(Kind::Comma, "`,` and a distance")?;
            let distance = self.number(NEAR_LIMIT, "symbols")?;
            self.expect(Kind::Close, "`)`")?;
            let end = self.tokens[self.next - 1].at.end;
            return Ok(Condition::Near(names, distance, start..end));
        }
        if self.takes("count") {
            self.expect(Kind::Open, "`(`")?;
            let names = self.names()?;
            self.expect(Kind::Close, "`)`")?;
            self.expect(Kind::AtLeast, "`>=`")?;
            return Ok(Condition::Count(names, self.number(COUNT_LIMIT, "hits")?));
        }
        if self.takes("in_order") {
            self.expect(Kind::Open, "`(`")?;
            let first = self.names()?;
            self.expect(Kind::Comma, "`,` and a second signal")?;
            let second = self.names()?;
            self.expect(Kind::Comma, "`,` and a distance")?;
            let distance = self.number(NEAR_LIMIT, "symbols")?;
            self.expect(Kind::Close, "`)`")?;
            return Ok(Condition::InOrder(first, second, distance));
        }
        self.name().map(Condition::Name)
    }

    fn names(&mut self) -> Result<Vec<Name>, Wrong> {
        if self.peek().is_none_or(|token| token.kind != Kind::Open) {
            return Ok(vec![self.name()?]);
        }
        self.next += 1;
        let mut names = vec![self.name()?];
        while self.takes("or") {
            names.push(self.name()?);
        }
        self.expect(Kind::Close, "`or` or `)`")?;
        Ok(names)
    }

    fn name(&mut self) -> Result<Name, Wrong> {
        const WORDS: [&str; 6] = ["and", "or", "not", "near", "count", "in_order"];
        match self.word() {
            Some(word) if !WORDS.contains(&word) => {
                let name = Name {
                    text: word.to_owned(),
                    at: self.here(),
                };
                let lower = word.to_ascii_lowercase();
                if lower != word && WORDS.contains(&lower.as_str()) {
                    let wrong = self.wrong(format!("`{word}` is written in small letters"), "here");
                    return Err(wrong.help(format!("write `{lower}`")));
                }
                self.next += 1;
                Ok(name)
            }
            Some(word) => Err(self.wrong(format!("`{word}` where a signal belongs"), "here")),
            None => self
                .expect(Kind::Word, "a signal")
                .map(|()| unreachable!("no word is next")),
        }
    }

    fn number(&mut self, limit: u32, unit: &str) -> Result<u32, Wrong> {
        let Some(&Token {
            kind: Kind::Number(number),
            ..
        }) = self.peek()
        else {
            self.expect(Kind::Number(0), "a number")?;
            return Err(self.wrong("a number belongs here", "here"));
        };
        if number == 0 || number > limit {
            let message = format!("{number} {unit} are outside 1 to {limit}");
            return Err(
                Wrong::new(Code::Reach, self.here(), message, "out of bounds")
                    .help(format!("a distance or number from 1 to {limit}")),
            );
        }
        self.next += 1;
        Ok(number)
    }
}
