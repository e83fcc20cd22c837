//! The one-line `when`: its grammar, its meaning over named signals, and its reach.
//!
//! ```text
//! or   = and ("or" and)*          not  = "not" not | atom
//! and  = not ("and" not)*         atom = "(" or ")" | near(x, n) | in_order(a, b, n)
//!                                      | count(x) >= n | name
//! ```

use std::ops::Range;

/// Distance bound in `near` and `in_order`, skeleton symbols: about a page. Beyond it two mentions
/// have nothing to do with each other, and a plain name says "anywhere" anyway.
pub const MAX_DISTANCE: u32 = 1_000;
/// Bound in `count`: more mentions than this are a list, not emphasis.
pub const MAX_COUNT: u32 = 100;
/// Nesting of a condition; nobody reads a deeper one.
const MAX_DEPTH: usize = 16;

/// A condition as written, names unresolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition<N> {
    /// All hold.
    And(Vec<Self>),
    /// At least one holds.
    Or(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// The signal is present, or the meta fact holds.
    Is(N),
    /// A hit of one of the names within so many symbols of the anchor hit.
    Near(Vec<N>, u32),
    /// The first name, then the second within so many symbols.
    InOrder(N, N, u32),
    /// At least so many hits.
    Count(N, u32),
}

/// A name with its place in the condition's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// As written.
    pub text: String,
    /// Bytes of the condition.
    pub at: Range<usize>,
}

/// What is wrong with a condition, and where in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// In words.
    pub message: String,
    /// Bytes of the condition.
    pub at: Range<usize>,
}

impl<N> Condition<N> {
    /// The same condition over other names.
    pub fn map<M, E>(self, name: &mut impl FnMut(N) -> Result<M, E>) -> Result<Condition<M>, E> {
        Ok(match self {
            Self::And(all) => Condition::And(Self::map_all(all, name)?),
            Self::Or(any) => Condition::Or(Self::map_all(any, name)?),
            Self::Not(inner) => Condition::Not(Box::new(inner.map(name)?)),
            Self::Is(one) => Condition::Is(name(one)?),
            Self::Near(names, within) => {
                let names = names.into_iter().map(&mut *name).collect::<Result<_, E>>()?;
                Condition::Near(names, within)
            }
            Self::InOrder(first, second, within) => {
                Condition::InOrder(name(first)?, name(second)?, within)
            }
            Self::Count(one, least) => Condition::Count(name(one)?, least),
        })
    }

    fn map_all<M, E>(
        all: Vec<Self>,
        name: &mut impl FnMut(N) -> Result<M, E>,
    ) -> Result<Vec<Condition<M>>, E> {
        all.into_iter().map(|one| one.map(name)).collect()
    }

    /// Every name, with whether it stands under an odd number of `not`.
    pub fn names(&self) -> Vec<(&N, Polarity)> {
        let mut names = Vec::new();
        self.collect(Polarity::Positive, &mut names);
        names
    }

    fn collect<'a>(&'a self, polarity: Polarity, names: &mut Vec<(&'a N, Polarity)>) {
        match self {
            Self::And(all) | Self::Or(all) => {
                for one in all {
                    one.collect(polarity, names);
                }
            }
            Self::Not(inner) => inner.collect(polarity.flipped(), names),
            Self::Is(one) | Self::Count(one, _) => names.push((one, polarity)),
            Self::Near(many, _) => names.extend(many.iter().map(|one| (one, polarity))),
            Self::InOrder(first, second, _) => names.extend([(first, polarity), (second, polarity)]),
        }
    }
}

/// Whether a name speaks for or against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polarity {
    /// Its presence makes the condition hold.
    Positive,
    /// Its presence excuses.
    Negative,
}

impl Polarity {
    const fn flipped(self) -> Self {
        match self {
            Self::Positive => Self::Negative,
            Self::Negative => Self::Positive,
        }
    }
}

/// Reads a condition.
///
/// # Errors
/// The first [`Trouble`]; a condition is one line, and what follows a wrong token means nothing.
pub fn parse(text: &str) -> Result<Condition<Name>, Trouble> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let condition = parser.or()?;
    match parser.peek() {
        None => Ok(condition),
        Some(token) => Err(parser.trouble(token, "expected `and`, `or` or the end")),
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn or(&mut self) -> Result<Condition<Name>, Trouble> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.trouble(self.at..self.at, "the condition is nested too deeply"));
        }
        let mut any = vec![self.and()?];
        while self.take_if("or") {
            any.push(self.and()?);
        }
        self.depth -= 1;
        Ok(if any.len() == 1 { any.remove(0) } else { Condition::Or(any) })
    }

    fn and(&mut self) -> Result<Condition<Name>, Trouble> {
        let mut all = vec![self.not()?];
        while self.take_if("and") {
            all.push(self.not()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Condition::And(all) })
    }

    fn not(&mut self) -> Result<Condition<Name>, Trouble> {
        if self.take_if("not") {
            return Ok(Condition::Not(Box::new(self.not()?)));
        }
        self.atom()
    }

    fn atom(&mut self) -> Result<Condition<Name>, Trouble> {
        if self.take_if("(") {
            let inner = self.or()?;
            self.expect(")")?;
            return Ok(inner);
        }
        let name = self.name()?;
        if !self.take_if("(") {
            return Ok(Condition::Is(name));
        }
        let condition = match name.text.as_str() {
            "near" => {
                let mut names = Vec::new();
                let grouped = self.take_if("(");
                names.push(self.name()?);
                while self.take_if("or") {
                    names.push(self.name()?);
                }
                if grouped {
                    self.expect(")")?;
                }
                self.expect(",")?;
                Condition::Near(names, self.number(MAX_DISTANCE)?)
            }
            "in_order" => {
                let first = self.name()?;
                self.expect(",")?;
                let second = self.name()?;
                self.expect(",")?;
                Condition::InOrder(first, second, self.number(MAX_DISTANCE)?)
            }
            "count" => {
                let name = self.name()?;
                self.expect(")")?;
                self.expect(">=")?;
                return Ok(Condition::Count(name, self.number(MAX_COUNT)?));
            }
            _ => return Err(self.trouble(name.at, "only near, in_order and count take arguments")),
        };
        self.expect(")")?;
        Ok(condition)
    }

    fn name(&mut self) -> Result<Name, Trouble> {
        let Some(at) = self.peek() else {
            return Err(self.trouble(self.at..self.text.len(), "expected a signal's name"));
        };
        let text = &self.text[at.clone()];
        let is_name = text.starts_with(|c: char| c.is_ascii_lowercase());
        if !is_name || matches!(text, "and" | "or" | "not") {
            return Err(self.trouble(at, "expected a signal's name"));
        }
        self.at = at.end;
        Ok(Name { text: text.to_owned(), at })
    }

    fn number(&mut self, most: u32) -> Result<u32, Trouble> {
        let Some(at) = self.peek() else {
            return Err(self.trouble(self.at..self.text.len(), "expected a number"));
        };
        self.at = at.end;
        match self.text[at.clone()].parse() {
            Ok(number) if (1..=most).contains(&number) => Ok(number),
            _ => Err(self.trouble(at, &format!("expected a number from 1 to {most}"))),
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), Trouble> {
        if self.take_if(token) {
            return Ok(());
        }
        let at = self.peek().unwrap_or(self.text.len()..self.text.len());
        Err(self.trouble(at, &format!("expected `{token}`")))
    }

    fn take_if(&mut self, token: &str) -> bool {
        match self.peek() {
            Some(at) if &self.text[at.clone()] == token => {
                self.at = at.end;
                true
            }
            _ => false,
        }
    }

    /// The next token's place.
    fn peek(&self) -> Option<Range<usize>> {
        let rest = &self.text[self.at..];
        let start = self.at + (rest.len() - rest.trim_start().len());
        let rest = &self.text[start..];
        let first = rest.chars().next()?;
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let length = if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if rest.starts_with(">=") {
            2
        } else {
            first.len_utf8()
        };
        Some(start..start + length)
    }

    fn trouble(&self, at: Range<usize>, message: &str) -> Trouble {
        Trouble { message: message.to_owned(), at }
    }
}
