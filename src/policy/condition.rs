//! The condition: its grammar, and its normal form, clauses that each have an anchor and a reach.
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
//! A condition becomes an `or` of [`Clause`]s, each an `and` of atoms: so every arm of an `or` has
//! an anchor of its own and none is dead, and judging needs no tree. An `or` of plain names (or of
//! `near`s of one distance) stays one atom.

use std::ops::Range;

use super::diagnostic::{Code, did_you_mean};
use crate::detect::SignalId;
use crate::message::{Direction, Output, Role};

/// Largest distance of `near` and `in_order`, in skeleton symbols: about a page. A stream may have
/// to hold that much for a `not near`.
pub const NEAR_LIMIT: u32 = 1000;
/// Largest number of `count`: enough for "the same demand again and again".
pub const COUNT_LIMIT: u32 = 100;
/// Most clauses of one condition; the largest shipped rule has a dozen.
pub const CLAUSE_LIMIT: usize = 64;
/// Deepest nesting of parentheses and `not`.
pub const DEPTH_LIMIT: usize = 32;
/// Most atoms of one clause: one bit each of a `u32` while judging, and one to spare.
pub const ATOM_LIMIT: usize = 31;

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
    fn new(code: Code, at: Range<usize>, message: impl Into<String>, label: &str) -> Self {
        Self {
            code,
            at,
            message: message.into(),
            label: label.to_owned(),
            help: None,
        }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
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

/// A set of scenes and speakers, one bit each: what is known before any text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Contexts(pub u64);

const OUTPUTS: [Output; 3] = [Output::Text, Output::Image, Output::ImageEdit];
const ROLES: [Role; 4] = [Role::System, Role::User, Role::Assistant, Role::Tool];

impl Contexts {
    /// Every context.
    pub const ALL: Self = Self((1 << 48) - 1);

    /// The one context of these.
    pub fn one(direction: Direction, output: Output, role: Role, minor: Minor) -> Self {
        let place = ((direction as u32 * 3 + output as u32) * 4 + role as u32) * 2 + minor as u32;
        Self(1 << place)
    }

    /// Every context for which `wanted` holds.
    pub fn that(wanted: impl Fn(Direction, Output, Role, Minor) -> bool) -> Self {
        let mut bits = 0;
        for direction in [Direction::Prompt, Direction::Output] {
            for output in OUTPUTS {
                for role in ROLES {
                    for minor in [Minor::No, Minor::Yes] {
                        if wanted(direction, output, role, minor) {
                            bits |= Self::one(direction, output, role, minor).0;
                        }
                    }
                }
            }
        }
        Self(bits)
    }

    /// In both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Not in this.
    pub const fn complement(self) -> Self {
        Self(!self.0 & Self::ALL.0)
    }

    /// Whether both share a context.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The contexts of a meta name, if it is one.
    pub fn named(name: &str) -> Option<Self> {
        let (of, what) = name.split_once('.')?;
        if !META.contains(&of) {
            return None;
        }
        let (_, one) = METAS.iter().find(|(known, _)| *known == name)?;
        debug_assert!(!what.is_empty());
        Some(Self::that(one))
    }
}

/// Whether the audience is protected as a minor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Minor {
    /// Known to be an adult.
    No,
    /// A minor, or nobody knows.
    Yes,
}

/// What signal names may not begin with, because these describe the scene.
pub const META: [&str; 4] = ["audience", "direction", "output", "role"];

type Holds = fn(Direction, Output, Role, Minor) -> bool;

/// Names of the scene that conditions may use.
pub const METAS: [(&str, Holds); 11] = [
    ("audience.minor", |_, _, _, minor| minor == Minor::Yes),
    ("audience.adult", |_, _, _, minor| minor == Minor::No),
    ("direction.prompt", |direction, _, _, _| {
        direction == Direction::Prompt
    }),
    ("direction.output", |direction, _, _, _| {
        direction == Direction::Output
    }),
    ("output.text", |_, output, _, _| output == Output::Text),
    ("output.image", |_, output, _, _| output == Output::Image),
    ("output.image_edit", |_, output, _, _| {
        output == Output::ImageEdit
    }),
    ("role.system", |_, _, role, _| role == Role::System),
    ("role.user", |_, _, role, _| role == Role::User),
    ("role.assistant", |_, _, role, _| role == Role::Assistant),
    ("role.tool", |_, _, role, _| role == Role::Tool),
];

/// Something that hits make true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Atom {
    /// One of the signals was seen in the turn (or carried).
    Any(Vec<SignalId>),
    /// One of the signals at most so many symbols from the anchor.
    Near(Vec<SignalId>, u32),
    /// At least so many hits of the signals.
    Count(Vec<SignalId>, u32),
    /// One of the first, then one of the second, at most so many symbols apart.
    InOrder(Vec<SignalId>, Vec<SignalId>, u32),
}

impl Atom {
    /// Whether a hit of the signal matters.
    pub fn reads(&self, signal: SignalId) -> bool {
        match self {
            Self::Any(names) | Self::Near(names, _) | Self::Count(names, _) => {
                names.contains(&signal)
            }
            Self::InOrder(first, second, _) => first.contains(&signal) || second.contains(&signal),
        }
    }

    /// The signals, in no order.
    pub fn signals(&self) -> impl Iterator<Item = SignalId> + '_ {
        let (first, second): (&[SignalId], &[SignalId]) = match self {
            Self::Any(names) | Self::Near(names, _) | Self::Count(names, _) => (names, &[]),
            Self::InOrder(first, second, _) => (first, second),
        };
        first.iter().chain(second).copied()
    }

    fn anchors(&self) -> Option<&[SignalId]> {
        match self {
            Self::Any(names) | Self::Count(names, _) | Self::InOrder(names, _, _) => Some(names),
            Self::Near(..) => None,
        }
    }
}

/// One arm of a condition: all of `need`, none of `unless`, in some contexts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// Where it can hold at all.
    pub contexts: Contexts,
    /// Signals whose hits are candidates.
    pub anchors: Vec<SignalId>,
    /// What has to be seen.
    pub need: Vec<Atom>,
    /// What excuses.
    pub unless: Vec<Atom>,
}

impl Clause {
    /// Every signal that the clause reads.
    pub fn signals(&self) -> impl Iterator<Item = SignalId> + '_ {
        self.need.iter().chain(&self.unless).flat_map(Atom::signals)
    }

    /// Whether this clause holds wherever `other` holds, and no later.
    fn covers(&self, other: &Self) -> bool {
        self.anchors == other.anchors
            && self.need.iter().all(|atom| other.need.contains(atom))
            && self.unless.iter().all(|atom| other.unless.contains(atom))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Draft {
    contexts: Contexts,
    need: Vec<Atom>,
    unless: Vec<Atom>,
}

/// Turns a condition into clauses; `lookup` knows the signals that are visible, `known` their names.
///
/// # Errors
/// Everything that is wrong: unknown signals, arms without an anchor, too many arms.
pub fn clauses(
    condition: &Condition,
    length: usize,
    lookup: &dyn Fn(&str) -> Option<SignalId>,
    known: &[&str],
) -> Result<Vec<Clause>, Vec<Wrong>> {
    let mut maker = Maker {
        lookup,
        known,
        wrong: Vec::new(),
    };
    let drafts = maker.drafts(condition, Sign::Plus);
    let whole = 0..length;
    if drafts.len() > CLAUSE_LIMIT {
        maker.wrong.push(
            Wrong::new(
                Code::Reach,
                whole.clone(),
                "the condition has too many arms",
                "all of this",
            )
            .help("put words that mean the same into one signal, or split the rule"),
        );
    }
    if !maker.wrong.is_empty() {
        return Err(maker.wrong);
    }
    let mut clauses = Vec::new();
    for draft in drafts {
        if draft.contexts.0 == 0 {
            continue;
        }
        let anchors = draft
            .need
            .iter()
            .find_map(Atom::anchors)
            .map(<[SignalId]>::to_vec);
        let Some(anchors) = anchors else {
            let at = first_near(condition).unwrap_or(whole);
            let wrong = Wrong::new(
                Code::NoAnchor,
                at,
                "nothing to measure from",
                "has no anchor",
            );
            let help =
                "every arm needs a plain signal that must be seen: `lure and near(minor, 80)`";
            return Err(vec![wrong.help(help)]);
        };
        if draft.need.len() + draft.unless.len() > ATOM_LIMIT {
            let wrong = Wrong::new(
                Code::Reach,
                whole,
                "an arm has too many parts",
                "all of this",
            );
            return Err(vec![
                wrong.help(format!("at most {ATOM_LIMIT} signals joined by `and`")),
            ]);
        }
        let Draft {
            contexts,
            need,
            unless,
        } = draft;
        clauses.push(Clause {
            contexts,
            anchors,
            need,
            unless,
        });
    }
    absorb(&mut clauses);
    Ok(clauses)
}

/// Takes contexts from clauses that another one covers there: they would only say it again, later.
fn absorb(clauses: &mut Vec<Clause>) {
    for at in 0..clauses.len() {
        for other in (0..clauses.len()).filter(|other| *other != at) {
            let (this, that) = (&clauses[at], &clauses[other]);
            // Of twins the first one stays.
            if that.covers(this) && (other < at || !this.covers(that)) {
                let left = this.contexts.and(that.contexts.complement());
                clauses[at].contexts = left;
            }
        }
    }
    clauses.retain(|clause| clause.contexts.0 != 0);
}

fn first_near(condition: &Condition) -> Option<Range<usize>> {
    match condition {
        Condition::Near(_, _, at) => Some(at.clone()),
        Condition::Not(inner) => first_near(inner),
        Condition::And(parts) | Condition::Or(parts) => parts.iter().find_map(first_near),
        _ => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Plus,
    Minus,
}

struct Maker<'l> {
    lookup: &'l dyn Fn(&str) -> Option<SignalId>,
    known: &'l [&'l str],
    wrong: Vec<Wrong>,
}

impl Maker<'_> {
    fn drafts(&mut self, condition: &Condition, sign: Sign) -> Vec<Draft> {
        match (condition, sign) {
            (Condition::Not(inner), Sign::Plus) => self.drafts(inner, Sign::Minus),
            (Condition::Not(inner), Sign::Minus) => self.drafts(inner, Sign::Plus),
            (Condition::And(parts), Sign::Plus) | (Condition::Or(parts), Sign::Minus) => {
                self.product(parts, sign)
            }
            (Condition::Or(parts), Sign::Plus) | (Condition::And(parts), Sign::Minus) => {
                let arms = parts
                    .iter()
                    .flat_map(|part| self.drafts(part, sign))
                    .collect();
                joined(arms)
            }
            (Condition::Name(name), _) => self.name(name, sign),
            (Condition::Near(names, distance, _), _) => {
                let names = self.signals(names);
                draft(Atom::Near(names, *distance), sign)
            }
            (Condition::Count(names, number), _) => {
                let names = self.signals(names);
                draft(Atom::Count(names, *number), sign)
            }
            (Condition::InOrder(first, second, distance), _) => {
                let (first, second) = (self.signals(first), self.signals(second));
                draft(Atom::InOrder(first, second, *distance), sign)
            }
        }
    }

    fn product(&mut self, parts: &[Condition], sign: Sign) -> Vec<Draft> {
        let mut all = vec![Draft {
            contexts: Contexts::ALL,
            need: Vec::new(),
            unless: Vec::new(),
        }];
        for part in parts {
            let arms = self.drafts(part, sign);
            // Past the limit only errors are still looked for: the product stays small.
            let arms = if all.len() > CLAUSE_LIMIT {
                &arms[..1]
            } else {
                &arms[..]
            };
            all = all
                .iter()
                .flat_map(|left| arms.iter().map(|right| both(left, right)))
                .collect();
        }
        all
    }

    fn name(&mut self, name: &Name, sign: Sign) -> Vec<Draft> {
        if let Some(contexts) = Contexts::named(&name.text) {
            let contexts = match sign {
                Sign::Plus => contexts,
                Sign::Minus => contexts.complement(),
            };
            return vec![Draft {
                contexts,
                need: Vec::new(),
                unless: Vec::new(),
            }];
        }
        let signals = self.signals(std::slice::from_ref(name));
        draft(Atom::Any(signals), sign)
    }

    fn signals(&mut self, names: &[Name]) -> Vec<SignalId> {
        let mut signals: Vec<_> = names.iter().filter_map(|name| self.signal(name)).collect();
        signals.sort_unstable();
        signals.dedup();
        signals
    }

    fn signal(&mut self, name: &Name) -> Option<SignalId> {
        let found = (self.lookup)(&name.text);
        if found.is_none() {
            let metas = METAS.iter().map(|(meta, _)| *meta);
            let help = match did_you_mean(&name.text, self.known.iter().copied().chain(metas)) {
                _ if Contexts::named(&name.text).is_some() => {
                    "names of the scene have no place in the text; join them with `and`".to_owned()
                }
                Some(help) => help,
                None => "declare it under `signals`, or `use` the file that has it".to_owned(),
            };
            let message = format!("unknown signal `{}`", name.text);
            let wrong = Wrong::new(
                Code::UnknownSignal,
                name.at.clone(),
                message,
                "not visible here",
            );
            self.wrong.push(wrong.help(help));
        }
        found
    }
}

fn draft(atom: Atom, sign: Sign) -> Vec<Draft> {
    let (need, unless) = match sign {
        Sign::Plus => (vec![atom], Vec::new()),
        Sign::Minus => (Vec::new(), vec![atom]),
    };
    vec![Draft {
        contexts: Contexts::ALL,
        need,
        unless,
    }]
}

fn both(left: &Draft, right: &Draft) -> Draft {
    let join = |a: &[Atom], b: &[Atom]| {
        let mut all = a.to_vec();
        all.extend(b.iter().filter(|atom| !a.contains(atom)).cloned());
        all
    };
    Draft {
        contexts: left.contexts.and(right.contexts),
        need: join(&left.need, &right.need),
        unless: join(&left.unless, &right.unless),
    }
}

/// Makes one atom of arms that are a plain name each, or a `near` of the same distance each.
fn joined(arms: Vec<Draft>) -> Vec<Draft> {
    let mut out: Vec<Draft> = Vec::new();
    for arm in arms {
        let alone = |draft: &Draft| {
            draft.contexts == Contexts::ALL && draft.unless.is_empty() && draft.need.len() == 1
        };
        let place = out
            .iter_mut()
            .filter(|other| alone(other) && alone(&arm))
            .find_map(|other| match (&mut other.need[0], &arm.need[0]) {
                (Atom::Any(names), Atom::Any(more)) => Some((names, more)),
                (Atom::Near(names, at), Atom::Near(more, distance)) if *at == *distance => {
                    Some((names, more))
                }
                _ => None,
            });
        match place {
            Some((names, more)) => {
                names.extend(more);
                names.sort_unstable();
                names.dedup();
            }
            None => out.push(arm),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 6] = ["a", "b", "c", "d", "e.f", "g"];

    fn made(text: &str) -> Result<Vec<Clause>, Vec<Wrong>> {
        let condition = parse(text).map_err(|wrong| vec![wrong])?;
        let lookup = |name: &str| {
            let at = NAMES.iter().position(|known| *known == name)?;
            Some(SignalId(u32::try_from(at).expect("six names")))
        };
        clauses(&condition, text.len(), &lookup, &NAMES)
    }

    fn check(text: &str, expect: &str) {
        let clauses = made(text).expect(text);
        let shown: Vec<_> = clauses.iter().map(show).collect();
        assert_eq!(shown.join(" | "), expect, "{text}");
    }

    fn show(clause: &Clause) -> String {
        let names = |ids: &[SignalId]| {
            ids.iter()
                .map(|id| NAMES[id.0 as usize])
                .collect::<Vec<_>>()
                .join("+")
        };
        let atom = |atom: &Atom| match atom {
            Atom::Any(ids) => names(ids),
            Atom::Near(ids, n) => format!("~{}{n}", names(ids)),
            Atom::Count(ids, n) => format!("#{}{n}", names(ids)),
            Atom::InOrder(a, b, n) => format!("{}>{}{n}", names(a), names(b)),
        };
        let need: Vec<_> = clause.need.iter().map(atom).collect();
        let unless: Vec<_> = clause
            .unless
            .iter()
            .map(|one| format!(" !{}", atom(one)))
            .collect();
        let some = if clause.contexts == Contexts::ALL {
            ""
        } else {
            "?"
        };
        format!(
            "{some}[{}] {}{}",
            names(&clause.anchors),
            need.join(" "),
            unless.concat()
        )
    }

    #[test]
    fn normal_forms() {
        check("a", "[a] a");
        check("a or b or e.f", "[a+b+e.f] a+b+e.f");
        check("(a or b) and near(c, 9)", "[a+b] a+b ~c9");
        check("a and near((b or c), 9)", "[a] a ~b+c9");
        check("near(b, 9) and a", "[a] ~b9 a");
        check(
            "a and (near(b, 9) or near(c, 9) or near(d, 8))",
            "[a] a ~b+c9 | [a] a ~d8",
        );
        check("a and not (b or near(c, 5))", "[a] a !b !~c5");
        check("a and not (b and c)", "[a] a !b | [a] a !c");
        check("(a and b) or (c and d)", "[a] a b | [c] c d");
        check("count(a) >= 3 and b", "[a] #a3 b");
        check("in_order(a, (b or c), 7)", "[a] a>b+c7");
        check(
            "a and (near(b, 9) or audience.minor)",
            "?[a] a ~b9 | ?[a] a",
        );
        check("a and (b or b) and not not c", "[a] a b c");
        check("a or a and b", "[a] a");
        check("audience.minor and audience.adult and a or b", "[b] b");
    }

    fn fails(text: &str, code: Code, marked: &str) {
        let wrong = made(text).expect_err(text);
        assert_eq!(wrong[0].code, code, "{text}");
        assert_eq!(&text[wrong[0].at.clone()], marked, "{text}");
    }

    #[test]
    fn what_is_wrong_is_marked() {
        fails("a and", Code::Condition, "");
        fails("a b", Code::Condition, "b");
        fails("a AND b", Code::Condition, "AND");
        fails("a and (b or c", Code::Condition, "");
        fails("near(a)", Code::Condition, ")");
        fails("a && b", Code::Condition, "&");
        fails("a and 个", Code::Condition, "个");
        fails("a and near(b, 1001)", Code::Reach, "1001");
        fails("a and near(b, 0)", Code::Reach, "0");
        fails("a and near(b, 99999999999)", Code::Reach, "99999999999");
        fails("count(a) >= 101", Code::Reach, "101");
        fails("near(a, 5)", Code::NoAnchor, "near(a, 5)");
        fails("not a", Code::NoAnchor, "not a");
        fails("a or audience.minor", Code::NoAnchor, "a or audience.minor");
        fails("a and bb", Code::UnknownSignal, "bb");
        fails(
            "a and near(audience.minor, 5)",
            Code::UnknownSignal,
            "audience.minor",
        );
        fails(&"(".repeat(40), Code::Condition, "(");
    }

    #[test]
    fn too_many_arms_are_refused_and_cheap() {
        let one = "(a and b or c and d or e.f and g)";
        let text = ["a"]
            .into_iter()
            .chain([one; 30])
            .collect::<Vec<_>>()
            .join(" and ");
        assert_eq!(made(&text).expect_err("3^30 arms")[0].code, Code::Reach);
    }

    #[test]
    fn contexts_split_the_world() {
        for (name, _) in METAS {
            let one = Contexts::named(name).expect("a meta");
            assert!(one.0 != 0 && one.complement().0 != 0, "{name}");
            assert_eq!(one.0 | one.complement().0, Contexts::ALL.0, "{name}");
        }
        assert_eq!(Contexts::named("audience.teen"), None);
    }
}
