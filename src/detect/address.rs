//! E-mail addresses and links, read by hand: every Latin word could be the beginning of one, so
//! a letter may cost no more than a comparison or two.
//!
//! A [`Reader`] follows the earliest place at which an address may have begun. While that is
//! alive, none that began later can be longer or complete earlier; when it dies, what follows it
//! is read again from the next place. The widths below bound how much that can be.

use std::ops::Range;

use super::SignalSet;
use super::doubt::Needs;
use super::lane::{Found, Source, stamp};
use super::window::{Seen, Tape, Window};

/// Top-level domains that a bare name is taken for a link with. Endings that are words or file
/// names ("to", "us", "rs", "py", "md") are left out.
const DOMAINS: [&str; 28] = [
    "com", "net", "org", "cn", "io", "cc", "xyz", "top", "vip", "club", "app", "tv", "info",
    "site", "online", "shop", "link", "ru", "uk", "gg", "ly", "me", "fun", "live", "work", "tech",
    "win", "bet",
];

/// Letters of the longest of [`DOMAINS`].
const MAX_DOMAIN: u32 = 6;

/// Symbols before the `@` (RFC 5321, 4.5.3.1.1).
const MAX_LOCAL: u32 = 64;

/// Symbols of a label in an e-mail address; longer ones are legal but not seen in the wild.
const MAX_MAIL_LABEL: u32 = 40;

/// Letters of the last label of an e-mail address.
const MAX_MAIL_DOMAIN: u32 = 12;

/// Symbols of a label of a bare domain.
const MAX_LABEL: u32 = 41;

/// Labels before the last one.
const MAX_LABELS: u8 = 3;

/// Symbols of a host after `://`, at least and at most.
const HOST: (u32, u32) = (3, 81);

/// Digits of a port.
const MAX_PORT: u32 = 5;

/// Symbols of a path after a host with a scheme.
const MAX_TAIL: u32 = 120;

/// Symbols of a path after a bare domain.
const MAX_BARE_TAIL: u32 = 80;

/// `local@` and three labels with their dots and the last one, and one symbol that ends it.
const MAIL_REACH: u32 =
    MAX_LOCAL + 1 + MAX_LABELS as u32 * (MAX_MAIL_LABEL + 1) + MAX_MAIL_DOMAIN + 1;

/// `https://`, host, port, sign and path, and one symbol that ends it; a bare one is narrower.
const LINK_REACH: u32 = 8 + HOST.1 + 1 + MAX_PORT + 1 + MAX_TAIL + 1;

const ALPHA: u8 = 1;
const DIGIT: u8 = 2;
const ALNUM: u8 = ALPHA | DIGIT;
/// Like a letter at a word border: `_`.
const UNDERSCORE: u8 = 4;
const DOT: u8 = 8;
const HYPHEN: u8 = 16;
/// In the local part of an e-mail address only: `%+`.
const LOCAL_ONLY: u8 = 32;
const LOCAL: u8 = ALNUM | UNDERSCORE | DOT | HYPHEN | LOCAL_ONLY;

const KINDS: [u8; 128] = kinds();

const fn kinds() -> [u8; 128] {
    let mut kinds = [0; 128];
    let mut at = 0;
    while at < 128 {
        kinds[at] = match at as u8 {
            b'a'..=b'z' => ALPHA,
            b'0'..=b'9' => DIGIT,
            b'_' => UNDERSCORE,
            b'.' => DOT,
            b'-' => HYPHEN,
            b'%' | b'+' => LOCAL_ONLY,
            _ => 0,
        };
        at += 1;
    }
    kinds
}

#[inline]
fn kind(ch: char) -> u8 {
    KINDS.get(ch as usize).copied().unwrap_or_default()
}

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// An e-mail address.
    Mail,
    /// A link with a scheme or a bare domain.
    Link,
}

impl Shape {
    /// Symbols that an address can span, the one after it included.
    pub(super) fn reach(self) -> u32 {
        match self {
            Self::Mail => MAIL_REACH,
            Self::Link => LINK_REACH,
        }
    }
}

/// An address signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub signals: SignalSet,
    pub shape: Shape,
}

/// How far an address is read. `since` is the index of the first symbol of the part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the `@` of an e-mail address.
    Local,
    /// In a label after `@`, or at its start.
    MailLabel { labels: u8, since: u32 },
    /// In a label of a bare domain, which may be a scheme; or at its start.
    Label { labels: u8, since: u32 },
    /// In `http` or `https` within a word.
    Scheme,
    /// After `http:` or `http:/`.
    Slashes { seen: u8 },
    /// After `://`.
    Host { since: u32 },
    /// After the `:` of a port.
    Port { since: u32 },
    /// After the `/`, `?` or `#` of a path of at most `most` symbols.
    Tail { since: u32, most: u32 },
}

/// An address that may have begun.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    from: u32,
    start: u32,
    state: State,
    /// One past the last symbol and byte of the longest complete address.
    complete: Option<(u32, u32)>,
}

/// Reads addresses of one shape in one lane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader {
    shape: Shape,
    candidate: Option<Candidate>,
}

impl Reader {
    pub(super) fn new(shape: Shape) -> Self {
        Self {
            shape,
            candidate: None,
        }
    }

    /// Reads the batch, symbol by symbol.
    pub(super) fn run(
        &mut self,
        wanted: &[Wanted],
        tape: &Tape,
        batch: Range<u32>,
        source: Source,
        found: &mut Vec<Found>,
    ) {
        let symbols = tape.from(batch.start - 1);
        let mut at = 0;
        while at < symbols.len() {
            let sign = at + self.sign(&symbols[at..]);
            at += self.dull(&symbols[at..sign]);
            // Behind a sign it is read symbol by symbol until there is a mere word again.
            while at < symbols.len() && (at <= sign || !self.is_word()) {
                let (next, from) = (batch.start + at as u32, found.len());
                self.step(wanted, tape.before(next), source, found);
                stamp(&mut found[from..], next);
                at += 1;
            }
        }
    }

    /// Whether what is followed is a mere word so far, of which only a sign can make an address.
    fn is_word(&self) -> bool {
        match self.candidate.map(|candidate| candidate.state) {
            None | Some(State::Local | State::Scheme) => true,
            Some(State::Label { labels, .. }) => labels == 0,
            Some(_) => false,
        }
    }

    /// How many symbols stand before the first sign that makes an address of a word.
    fn sign(&self, symbols: &[Seen]) -> usize {
        let found = match self.shape {
            Shape::Mail => symbols.iter().position(|seen| seen.symbol.ch == '@'),
            Shape::Link => (symbols.iter()).position(|seen| matches!(seen.symbol.ch, '.' | ':')),
        };
        found.unwrap_or(symbols.len())
    }

    /// How many of these symbols, among which is no such sign, leave nothing behind: all up to the last
    /// that ends every word.
    fn dull(&mut self, symbols: &[Seen]) -> usize {
        if !self.is_word() {
            return 0;
        }
        let within = match self.shape {
            Shape::Mail => LOCAL,
            Shape::Link => ALNUM | HYPHEN,
        };
        let last = (symbols.iter()).rposition(|seen| kind(seen.symbol.ch) & within == 0);
        if last.is_some() {
            self.candidate = None;
        }
        last.map_or(0, |last| last + 1)
    }

    /// Reads the newest symbol of the window.
    #[inline]
    fn step(
        &mut self,
        wanted: &[Wanted],
        window: Window<'_>,
        source: Source,
        found: &mut Vec<Found>,
    ) {
        let index = window.len() - 1;
        let kind = kind(window.newest().symbol.ch);
        let plain = match &self.candidate {
            None => kind & ALNUM == 0,
            Some(candidate) => match candidate.state {
                State::Local => kind & LOCAL != 0 && index - candidate.from < MAX_LOCAL,
                State::Label { labels, since } => {
                    kind & ALNUM != 0 && labels < MAX_LABELS && index - since < MAX_LABEL
                }
                _ => false,
            },
        };
        if !plain {
            self.read(index, wanted, window, source, found);
        }
    }

    /// Reads the symbols from this one to the newest, those after a dead candidate anew.
    fn read(
        &mut self,
        mut at: u32,
        wanted: &[Wanted],
        window: Window<'_>,
        source: Source,
        found: &mut Vec<Found>,
    ) {
        while let Some(seen) = window.get(at) {
            let Some(candidate) = &mut self.candidate else {
                self.candidate = self.begin(at, window);
                at += 1;
                continue;
            };
            if candidate.complete_before(Some(seen.symbol.ch), at, window) {
                candidate.complete = Some((at, end_before(at, window)));
            }
            if let Some(state) = candidate.next(seen.symbol.ch, at, window) {
                candidate.state = state;
                at += 1;
                continue;
            }
            let dead = *candidate;
            self.candidate = None;
            at = match dead.complete {
                Some((to, _)) => to,
                None if dead.none_later(seen.symbol.ch) => at + 1,
                None => dead.from + 1,
            };
            report(dead, self.shape, wanted, source, found);
        }
    }

    /// The candidate that this symbol begins.
    fn begin(&self, at: u32, window: Window<'_>) -> Option<Candidate> {
        let seen = window.get(at)?;
        if kind(seen.symbol.ch) & ALNUM == 0 {
            return None;
        }
        let before = at.checked_sub(1).and_then(|before| window.get(before));
        let before = before.map_or(' ', |seen| seen.symbol.ch);
        let inside = kind(before) & (ALNUM | UNDERSCORE) != 0;
        let state = match self.shape {
            Shape::Mail if inside => return None,
            Shape::Mail => State::Local,
            // The domain of an e-mail address, or the rest of a longer name.
            Shape::Link if !inside && !matches!(before, '@' | '.' | '/') => State::Label {
                labels: 0,
                since: at,
            },
            Shape::Link if seen.symbol.ch == 'h' => State::Scheme,
            Shape::Link => return None,
        };
        Some(Candidate {
            from: at,
            start: seen.start,
            state,
            complete: None,
        })
    }

    /// The text ends.
    pub(super) fn finish(
        &mut self,
        wanted: &[Wanted],
        window: Window<'_>,
        source: Source,
        found: &mut Vec<Found>,
    ) {
        let end = window.len();
        while let Some(mut dead) = self.candidate.take() {
            if dead.complete_before(None, end, window) {
                dead.complete = Some((end, end_before(end, window)));
            }
            report(dead, self.shape, wanted, source, found);
            let again = dead.complete.map_or(dead.from + 1, |(to, _)| to);
            self.read(again, wanted, window, source, found);
        }
    }

    /// First byte of the address that may have begun.
    pub(super) fn earliest(&self) -> Option<u32> {
        self.candidate.map(|candidate| candidate.start)
    }

    /// What would be reported if the text ended here.
    pub(super) fn unripe(mut self, wanted: &[Wanted], window: Window<'_>) -> Vec<Found> {
        let mut found = Vec::new();
        self.finish(wanted, window, Source::Visible, &mut found);
        found
    }
}

impl Candidate {
    /// Whether the symbols before `at`, which this one follows, are an address.
    fn complete_before(&self, follows: Option<char>, at: u32, window: Window<'_>) -> bool {
        let border = || follows.is_none_or(|ch| kind(ch) & (ALNUM | UNDERSCORE) == 0);
        match self.state {
            State::MailLabel { labels, since } => {
                labels > 0
                    && (2..=MAX_MAIL_DOMAIN).contains(&(at - since))
                    && border()
                    && (since..at).all(|index| is_letter(index, window))
            }
            State::Label { labels, since } => {
                labels > 0
                    && (2..=MAX_DOMAIN).contains(&(at - since))
                    && border()
                    && DOMAINS
                        .iter()
                        .any(|domain| spells(since, at, window, domain))
            }
            State::Host { since } => at - since >= HOST.0,
            State::Port { since } => at > since,
            State::Tail { .. } => true,
            State::Local | State::Scheme | State::Slashes { .. } => false,
        }
    }

    /// Where the symbol at `at` leads.
    fn next(&self, ch: char, at: u32, window: Window<'_>) -> Option<State> {
        let kind = kind(ch);
        match self.state {
            State::Local if ch == '@' => Some(State::MailLabel {
                labels: 0,
                since: at + 1,
            }),
            State::Local => (kind & LOCAL != 0 && at - self.from < MAX_LOCAL).then_some(self.state),
            State::MailLabel { labels, since } => next_mail_label(labels, since, ch, at),
            State::Label { labels, since } => self.next_label((labels, since), ch, at, window),
            State::Scheme => self.next_scheme(ch, at, window),
            State::Slashes { seen } => match (ch, seen) {
                ('/', 0) => Some(State::Slashes { seen: 1 }),
                ('/', _) => Some(State::Host { since: at + 1 }),
                _ => None,
            },
            State::Host { since } => match ch {
                ':' if at - since >= HOST.0 => Some(State::Port { since: at + 1 }),
                '/' | '?' | '#' if at - since >= HOST.0 => Some(tail(at, MAX_TAIL)),
                _ => {
                    let wanted = if at == since {
                        ALNUM
                    } else {
                        ALNUM | DOT | HYPHEN
                    };
                    (kind & wanted != 0 && at - since < HOST.1).then_some(self.state)
                }
            },
            State::Port { since } => match ch {
                '/' | '?' | '#' if at > since => Some(tail(at, MAX_TAIL)),
                _ => (kind & DIGIT != 0 && at - since < MAX_PORT).then_some(self.state),
            },
            State::Tail { since, most } => {
                (ch.is_ascii_graphic() && at - since < most).then_some(self.state)
            }
        }
    }

    fn next_label(
        &self,
        (labels, since): (u8, u32),
        ch: char,
        at: u32,
        window: Window<'_>,
    ) -> Option<State> {
        let kind = kind(ch);
        match ch {
            '.' => (at > since && labels < MAX_LABELS).then_some(State::Label {
                labels: labels + 1,
                since: at + 1,
            }),
            ':' if labels == 0 => self.next_scheme(ch, at, window),
            '/' => self
                .complete
                .is_some_and(|(to, _)| to == at)
                .then(|| tail(at, MAX_BARE_TAIL)),
            _ => {
                let last = labels == MAX_LABELS;
                let wanted = match at == since {
                    _ if last => ALPHA,
                    true => ALNUM,
                    false => ALNUM | HYPHEN,
                };
                let most = if last { MAX_DOMAIN } else { MAX_LABEL };
                (kind & wanted != 0 && at - since < most).then_some(self.state)
            }
        }
    }

    fn next_scheme(&self, ch: char, at: u32, window: Window<'_>) -> Option<State> {
        let length = (at - self.from) as usize;
        if ch == ':' {
            let whole = ["http", "https"]
                .iter()
                .any(|scheme| spells(self.from, at, window, scheme));
            return whole.then_some(State::Slashes { seen: 0 });
        }
        ("https".chars().nth(length) == Some(ch)).then_some(self.state)
    }

    /// Whether the symbol that ended this candidate ends every one that began after it, too.
    fn none_later(&self, ch: char) -> bool {
        match self.state {
            State::Local => kind(ch) & LOCAL == 0,
            State::Label { .. } => kind(ch) & (ALNUM | DOT | HYPHEN) == 0 && ch != ':',
            _ => false,
        }
    }
}

fn next_mail_label(labels: u8, since: u32, ch: char, at: u32) -> Option<State> {
    let last = labels == MAX_LABELS;
    if ch == '.' {
        return (at > since && !last).then_some(State::MailLabel {
            labels: labels + 1,
            since: at + 1,
        });
    }
    let (wanted, most) = if last {
        (ALPHA, MAX_MAIL_DOMAIN)
    } else {
        (ALNUM | HYPHEN, MAX_MAIL_LABEL)
    };
    (kind(ch) & wanted != 0 && at - since < most).then_some(State::MailLabel { labels, since })
}

fn tail(at: u32, most: u32) -> State {
    State::Tail {
        since: at + 1,
        most,
    }
}

fn is_letter(index: u32, window: Window<'_>) -> bool {
    window
        .get(index)
        .is_some_and(|seen| kind(seen.symbol.ch) & ALPHA != 0)
}

/// Whether symbols `from..to` are these.
fn spells(from: u32, to: u32, window: Window<'_>, word: &str) -> bool {
    (to - from) as usize == word.len()
        && (from..to)
            .zip(word.chars())
            .all(|(index, ch)| window.get(index).is_some_and(|seen| seen.symbol.ch == ch))
}

/// One past the last byte of the symbol before this one.
fn end_before(at: u32, window: Window<'_>) -> u32 {
    at.checked_sub(1)
        .and_then(|last| window.get(last))
        .map_or(0, |seen| seen.end)
}

fn report(
    candidate: Candidate,
    shape: Shape,
    wanted: &[Wanted],
    source: Source,
    found: &mut Vec<Found>,
) {
    let Some((to, end)) = candidate.complete else {
        return;
    };
    let signals = wanted.iter().filter(|wanted| wanted.shape == shape);
    found.extend(signals.map(|wanted| Found {
        signals: wanted.signals,
        view: source.view(),
        start: candidate.start,
        end,
        from: candidate.from,
        to,
        ripe: 0,
        needs: Needs::Nothing,
    }));
}
