//! Ciphers that the text itself announces: what follows the announcement, turned by every number of
//! letters, mirrored in the alphabet, and backwards.
//!
//! Only what follows is read, for as far as an announcement reaches: to the second blank line and
//! at most [`NAMED_REACH`] characters. What a word like "decode" promises is often nothing, so its
//! reach is shorter and only the first [`MOST_PERHAPS`] of a text count.

use super::Span;
use super::announce::{self, Follows, LONGEST, Promise};
use super::decode::{Code, Spelled};

/// Characters after the name of a cipher.
const NAMED_REACH: usize = 512;

/// Characters after a word that may announce one: several phrases.
const PERHAPS_REACH: usize = 192;

/// Announcements by name in one text; more is an attack.
const MOST_NAMED: u32 = 64;

/// Words that may announce a cipher and are believed, in one text.
const MOST_PERHAPS: u32 = 16;

/// Latin letters that are worth turning, at least.
const FEWEST_LETTERS: usize = 3;

/// Letters of the Latin alphabet.
const ALPHABET: u8 = 26;

/// Letters from which on their frequencies tell a language from a cipher.
const PLAIN_LETTERS: usize = 16;

/// Share of the nine commonest English letters, in percent: two thirds of a text are made of them,
/// and a third of a rotated one.
const PLAIN_PERCENT: usize = 52;

/// Finds announcements in a text that comes in pieces, and reads what follows them.
#[derive(Debug, Default)]
pub(super) struct Cipher {
    /// The last bytes before the current piece.
    before: Vec<u8>,
    collecting: Option<Collecting>,
    named: u32,
    perhaps: u32,
}

#[derive(Debug)]
struct Collecting {
    /// Original byte at which it starts.
    start: u32,
    reach: usize,
    promise: Promise,
    follows: Follows,
    text: Vec<(char, Span)>,
    /// Whether the line so far is blank, and how many blank lines there were.
    blank: bool,
    blanks: u32,
}

impl Cipher {
    /// Reads the next piece, which starts at this original byte; appends what became certain.
    pub(super) fn push(&mut self, piece: &str, base: u32, out: &mut Vec<Spelled>) {
        let mut at = 0;
        while at < piece.len() {
            if self.collecting.is_some() {
                at = self.collect(piece, base, at, out);
                continue;
            }
            let Some((end, stem)) = announce::next(&self.before, piece.as_bytes(), at) else {
                break;
            };
            at = end;
            if self.believes(stem.promise) {
                self.collecting = Some(Collecting {
                    start: base + at as u32,
                    reach: match stem.promise {
                        Promise::Cipher => NAMED_REACH,
                        Promise::Perhaps => PERHAPS_REACH,
                    },
                    promise: stem.promise,
                    follows: stem.follows,
                    text: Vec::new(),
                    blank: false,
                    blanks: 0,
                });
            }
        }
        let bytes = piece.as_bytes();
        let kept = bytes.len().min(LONGEST);
        self.before.extend_from_slice(&bytes[bytes.len() - kept..]);
        let extra = self.before.len().saturating_sub(LONGEST);
        self.before.drain(..extra);
    }

    /// The text ends at this byte; appends what became certain by that.
    pub(super) fn finish(&mut self, when: u32, out: &mut Vec<Spelled>) {
        if let Some(collecting) = self.collecting.take() {
            collecting.emit(when, out);
        }
    }

    /// First original byte of what waits to be read.
    pub(super) fn growing(&self) -> Option<u32> {
        self.collecting.as_ref().map(|collecting| collecting.start)
    }

    /// Whether more was announced than is read.
    pub(super) const fn overflowed(&self) -> bool {
        self.named > MOST_NAMED
    }

    fn believes(&self, promise: Promise) -> bool {
        match promise {
            Promise::Cipher => self.named <= MOST_NAMED,
            Promise::Perhaps => self.perhaps < MOST_PERHAPS,
        }
    }

    /// Collects from byte `at` of the piece on; returns where it stopped.
    fn collect(&mut self, piece: &str, base: u32, from: usize, out: &mut Vec<Spelled>) -> usize {
        let Some(collecting) = &mut self.collecting else {
            return from;
        };
        let mut at = from;
        for c in piece[from..].chars() {
            let start = base + at as u32;
            if collecting.text.is_empty()
                && let Follows::One(expected) = collecting.follows
                && !expected.contains(c)
            {
                self.collecting = None;
                return at;
            }
            if collecting.text.is_empty() {
                match collecting.promise {
                    Promise::Cipher => self.named += 1,
                    Promise::Perhaps => self.perhaps += 1,
                }
            }
            at += c.len_utf8();
            let when = base + at as u32;
            if collecting.ends_with(c, Span::new(start, when)) {
                collecting.emit(when, out);
                self.collecting = None;
                return at;
            }
        }
        at
    }
}

impl Collecting {
    /// Takes a character; whether it is the last.
    fn ends_with(&mut self, c: char, span: Span) -> bool {
        if c == '\n' {
            self.blanks += u32::from(self.blank);
            self.blank = true;
        } else if !c.is_whitespace() {
            self.blank = false;
        }
        self.text.push((c, span));
        self.blanks == 2 || self.text.len() == self.reach
    }

    /// Whether there are letters, and they are not plainly those of a language: "my password is
    /// easy to guess" announces nothing.
    fn may_be_rotated(&self) -> bool {
        let letters = self.text.iter().map(|(c, _)| c.to_ascii_lowercase());
        let letters = letters.filter(char::is_ascii_lowercase);
        let common = |c: char| "etaoinshr".contains(c);
        let (all, plain) = letters.fold((0, 0), |(all, plain), c| {
            (all + 1, plain + usize::from(common(c)))
        });
        let reads = all >= PLAIN_LETTERS && plain * 100 >= all * PLAIN_PERCENT;
        all >= FEWEST_LETTERS && (self.promise == Promise::Cipher || !reads)
    }

    fn emit(&self, when: u32, out: &mut Vec<Spelled>) {
        if self.may_be_rotated() {
            for by in 1..ALPHABET {
                self.stretch(self.text.iter(), |c| rotated(c, by), false, when, out);
            }
            self.stretch(self.text.iter(), mirrored, false, when, out);
            let latin = |at: &(char, Span)| at.0.is_ascii_alphabetic();
            let words = self.text.chunk_by(|a, b| latin(a) == latin(b));
            let backwards = words.flat_map(|word| {
                let (there, back) = if latin(&word[0]) {
                    (&word[..0], word)
                } else {
                    (word, &word[..0])
                };
                there.iter().chain(back.iter().rev())
            });
            self.stretch(backwards, |c| c, true, when, out);
        }
        self.stretch(self.text.iter().rev(), |c| c, true, when, out);
    }

    fn stretch<'a>(
        &self,
        text: impl Iterator<Item = &'a (char, Span)>,
        turn: impl Fn(char) -> char,
        backwards: bool,
        when: u32,
        out: &mut Vec<Spelled>,
    ) {
        let from = out.len();
        out.extend(text.map(|&(c, span)| {
            let read = turn(c);
            // What no rotation changes stands in the plain text as well.
            let layers = u8::from(backwards || read != c);
            Spelled {
                layers,
                ..Spelled::turned(read, span, when, Code::Rotated)
            }
        }));
        if let Some(first) = out.get_mut(from) {
            first.fresh = true;
        }
    }
}

/// The letter that many places on; anything else is itself.
fn rotated(c: char, by: u8) -> char {
    turned(c, |place| (place + by) % ALPHABET)
}

/// The letter as far from the other end of the alphabet.
fn mirrored(c: char) -> char {
    turned(c, |place| ALPHABET - 1 - place)
}

fn turned(c: char, turn: impl Fn(u8) -> u8) -> char {
    match c {
        'a'..='z' => char::from(b'a' + turn(c as u8 - b'a')),
        'A'..='Z' => char::from(b'a' + turn(c as u8 - b'A')),
        _ => c,
    }
}
