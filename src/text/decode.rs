//! V7, the decoded view: what codes spell, together with the plain text around them.
//!
//! [`Decoder`] reads a text piece by piece and appends what its codes spell. A phrase may be half
//! encoded, so a **stretch** is the decoded text with its neighbours: from the first code on it
//! replays up to [`REACH`] characters before it, goes on with what follows and ends [`REACH`] plain
//! characters after the last code. Codes may hold codes, three layers deep.
//!
//! Plain text costs a look at 64 bytes at a time ([`super::sift`]); only from a byte on that may
//! begin a code is the text read character by character ([`super::layer`]), until nothing is open.
//!
//! Limits: a run of letters alone, without an inner capital or a digit, is taken for a word and
//! never for base64; line-wrapped base64 is read line by line.

use super::Span;
use super::cipher::Cipher;
use super::layer::Layer;
use super::sift;
use super::stretch::{Past, Stretch};
use super::vertical::Vertical;

/// Characters of plain text that belong to a code on either side. The widest phrase is shorter.
pub const REACH: usize = 64;

/// Decoded runs of one text, beyond one per [`BYTES_PER_RUN`]: more is an attack, not a text.
const MAX_RUNS: u32 = 64;

/// A long table of numbers or keys holds a run by chance now and then; it is allowed this many
/// bytes per run.
const BYTES_PER_RUN: u32 = 512;

/// How a character was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// As itself: a neighbour of a code.
    Plain,
    /// `%74`, `%u0074`.
    Percent,
    /// `&#116;`, `&#x74;`, `&amp;`.
    Entity,
    /// `\u0074`, `\x74`, `\u{74}`, `\164`, `\n`.
    Escape,
    /// Quoted-printable: `=74`.
    Quoted,
    /// `U+0074`.
    Point,
    /// A base64 run, either alphabet.
    Base64,
    /// A base32 run.
    Base32,
    /// Hexadecimal bytes, together or apart.
    Hex,
    /// Groups of eight binary digits.
    Binary,
    /// Decimal numbers of bytes or characters.
    Decimal,
    /// Dots and dashes.
    Morse,
    /// A label of an internationalised domain name: `xn--...`.
    Punycode,
    /// Read in columns.
    Vertical,
    /// Turned by a number of letters, mirrored in the alphabet, or read backwards.
    Rotated,
}

impl Code {
    /// Whether the order of reading is changed too: such a stretch comes whole, at once, and is a
    /// sequence of its own, even where it comes between two characters of another stretch.
    pub const fn is_turned(self) -> bool {
        matches!(self, Self::Vertical | Self::Rotated)
    }
}

/// A character of a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spelled {
    /// What is read.
    pub ch: char,
    /// The original bytes that spell it; those of neighbours may overlap where a code packs bits.
    pub span: Span,
    /// Original bytes that had to be read before this was certain.
    pub when: u32,
    /// First character of a stretch: what was read before is not its neighbour.
    pub fresh: bool,
    /// Codes around it: 0 for a plain neighbour and for what a rotation leaves as it is.
    pub layers: u8,
    /// The outermost of them but for nested ones, which tell the innermost.
    pub code: Code,
}

impl Spelled {
    /// A character that stands for itself.
    pub(super) const fn plain(ch: char, start: u32) -> Self {
        Self {
            ch,
            span: Span::new(start, start + ch.len_utf8() as u32),
            when: 0,
            fresh: false,
            layers: 0,
            code: Code::Plain,
        }
    }

    /// A character of a stretch that is read in another order or alphabet.
    pub(super) const fn turned(ch: char, span: Span, when: u32, code: Code) -> Self {
        Self {
            ch,
            span,
            when,
            fresh: false,
            layers: 1,
            code,
        }
    }
}

/// Reads one text, piece by piece.
#[derive(Debug)]
pub struct Decoder {
    /// Bytes read.
    bytes: u32,
    /// Bytes before which no code can begin any more: those were read character by character.
    floor: u32,
    /// Whether something is open, so that every character is read.
    awake: bool,
    /// At least the last [`REACH`] characters before the current piece, if there were as many.
    before: String,
    outer: Layer,
    stretch: Stretch,
    nested: [Layer; 2],
    /// Between the layers; empty between characters.
    between: [Vec<Spelled>; 3],
    vertical: Vertical,
    cipher: Cipher,
    /// What the last two gave; empty between pieces.
    turned: Vec<Spelled>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            bytes: 0,
            floor: 0,
            awake: false,
            before: String::new(),
            outer: Layer::outermost(),
            stretch: Stretch::default(),
            nested: [Layer::nested(), Layer::nested()],
            between: [const { Vec::new() }; 3],
            vertical: Vertical::default(),
            cipher: Cipher::default(),
            turned: Vec::new(),
        }
    }
}

/// Bytes of [`Decoder::before`] that are enough, and how many it may grow to before it is cut.
const KEPT: usize = REACH * 4;
const KEPT_MOST: usize = KEPT * 4;

impl Decoder {
    /// Reads the next piece; appends what became certain. What is appended depends on the text
    /// alone, never on how it was cut.
    pub fn push(&mut self, piece: &str, out: &mut Vec<Spelled>) {
        let (base, from) = (self.bytes, out.len());
        self.vertical.push(piece, base, &mut self.turned);
        self.cipher.push(piece, base, &mut self.turned);
        let mut at = 0;
        loop {
            if !self.awake {
                let last = self.before.as_bytes().last().copied().unwrap_or(0);
                match sift::next(piece.as_bytes(), last, at) {
                    Some(found) => at = self.wake(piece, base, found, out),
                    None => break,
                }
            }
            for c in piece[at..].chars() {
                let start = base + at as u32;
                at += c.len_utf8();
                self.bytes = start + c.len_utf8() as u32;
                self.read(Spelled::plain(c, start), piece, base, out);
                if !self.stretch.is_live() && self.outer.is_idle() {
                    self.awake = false;
                    self.floor = self.bytes;
                    break;
                }
            }
            if at == piece.len() {
                break;
            }
        }
        self.bytes = base + piece.len() as u32;
        if self.awake {
            let past = Past::new(&self.before, piece, base);
            self.stretch.fill(&past);
        }
        self.remember(piece);
        self.merge(from, out);
    }

    /// The text ends here; appends what became certain by that.
    pub fn finish(&mut self, out: &mut Vec<Spelled>) {
        let from = out.len();
        self.vertical.finish(self.bytes, &mut self.turned);
        self.cipher.finish(self.bytes, &mut self.turned);
        let mut plain = std::mem::take(&mut self.between[0]);
        self.outer.finish(&mut plain);
        self.settle(&mut plain, "", self.bytes, out);
        self.between[0] = plain;
        self.close(out);
        self.merge(from, out);
    }

    /// Puts stretches in another order where they became certain.
    fn merge(&mut self, from: usize, out: &mut Vec<Spelled>) {
        if !self.turned.is_empty() {
            self.turned.sort_by_key(|spelled| spelled.when);
            out.append(&mut self.turned);
            out[from..].sort_by_key(|spelled| spelled.when);
        }
    }

    /// First original byte of what may still become decoded: text from there waits. `None` while
    /// nothing is open.
    ///
    /// No decoded character that is appended later starts before it. Ordinary text need not wait for
    /// that: a run is held, and begins, where it first differs from a word, and a block in columns
    /// at its second line. A replay always reads text again that the plain view has read.
    pub fn growing(&self) -> Option<u32> {
        let nested = self.nested.iter().filter_map(Layer::pending);
        let outer = match self.outer.pending() {
            Some(start) if self.stretch.is_live() => Some(start),
            Some(start) if self.outer.is_inline() => {
                Some(self.stretch.earliest().unwrap_or(start).min(start))
            }
            Some(_) => self.outer.evident(),
            None => None,
        };
        let turned = [self.vertical.growing(), self.cipher.growing()];
        nested
            .chain(outer)
            .chain(turned.into_iter().flatten())
            .min()
    }

    /// Whether the text holds more runs than are followed: what it spells is not known, so the
    /// caller must treat the text as forbidden.
    pub fn overflowed(&self) -> bool {
        let layers = self.nested.iter().chain([&self.outer]);
        let runs = layers.map(Layer::runs).sum::<u32>();
        runs > MAX_RUNS + self.bytes / BYTES_PER_RUN || self.cipher.overflowed()
    }

    /// Begins to read every character, from the start of the token that holds the byte at `found`;
    /// returns where to go on in the piece.
    fn wake(&mut self, piece: &str, base: u32, found: usize, out: &mut Vec<Spelled>) -> usize {
        self.awake = true;
        let past = Past::new(&self.before, piece, base);
        let most = (base + found as u32 - self.floor) as usize;
        let (back, last) = sift::token(&past, found, most);
        self.bytes = base + found as u32;
        self.outer.enter(last, back >= REACH);
        if back >= REACH {
            self.stretch.enter(self.bytes);
            return found;
        }
        let start = self.bytes - back as u32;
        self.stretch.enter(start);
        let mut token: [u8; REACH] = [0; REACH];
        for (slot, c) in token[..back].iter_mut().rev().zip(past.back(found)) {
            *slot = c as u8;
        }
        for (index, &byte) in token[..back].iter().enumerate() {
            let unit = Spelled::plain(byte as char, start + index as u32);
            self.read(unit, piece, base, out);
        }
        found
    }

    /// Reads one character of the text.
    #[inline]
    fn read(&mut self, unit: Spelled, piece: &str, base: u32, out: &mut Vec<Spelled>) {
        let mut plain = std::mem::take(&mut self.between[0]);
        self.outer.push(unit, &mut plain);
        self.settle(&mut plain, piece, base, out);
        self.between[0] = plain;
    }

    /// What the outermost layer gave goes through the stretch and the nested layers.
    fn settle(&mut self, plain: &mut Vec<Spelled>, piece: &str, base: u32, out: &mut Vec<Spelled>) {
        for unit in plain.drain(..) {
            let mut near = std::mem::take(&mut self.between[1]);
            if unit.layers > 0 && !self.stretch.is_live() {
                self.stretch.fill(&Past::new(&self.before, piece, base));
            }
            let ends = self.stretch.push(unit, &mut near);
            for unit in near.drain(..) {
                self.descend(unit, out);
            }
            self.between[1] = near;
            if ends {
                self.close(out);
            }
        }
    }

    /// One character of a stretch through the nested layers.
    fn descend(&mut self, unit: Spelled, out: &mut Vec<Spelled>) {
        let [second, third] = &mut self.nested;
        let inner = &mut self.between[2];
        second.push(unit, inner);
        let from = out.len();
        for unit in inner.drain(..) {
            third.push(unit, out);
        }
        stamp(&mut out[from..], self.bytes);
    }

    /// The stretch ends: nothing waits for what follows.
    fn close(&mut self, out: &mut Vec<Spelled>) {
        let [second, third] = &mut self.nested;
        let inner = &mut self.between[2];
        second.finish(inner);
        let from = out.len();
        for unit in inner.drain(..) {
            third.push(unit, out);
        }
        third.finish(out);
        stamp(&mut out[from..], self.bytes);
    }

    fn remember(&mut self, piece: &str) {
        if piece.len() >= KEPT {
            self.before.clear();
            let from = piece.floor_char_boundary(piece.len() - KEPT);
            self.before.push_str(&piece[from..]);
            return;
        }
        self.before.push_str(piece);
        if self.before.len() > KEPT_MOST {
            let from = self.before.floor_char_boundary(self.before.len() - KEPT);
            self.before.drain(..from);
        }
    }
}

fn stamp(spelled: &mut [Spelled], when: u32) {
    for spelled in spelled {
        spelled.when = when;
    }
}
