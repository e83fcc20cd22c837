//! [`Scanner`]: one text, read in batches of symbols. What is reported, and with which numbers,
//! depends on the symbols alone, so how the text was cut cannot be seen.

use std::sync::Arc;

use super::lane::{Found, Lane, Source};
use super::meaning::{Hold, Meaning};
use super::side::{Disguise, Side};
use super::window::Seen;
use super::{Detectors, Hit};
use crate::text::decode::{self, Code, Spelled};
use crate::text::fold::{self, Reading};
use crate::text::hidden::{Decoder, Secret};
use crate::text::{Span, Symbol};

/// Hits reported of a short text; a longer one has more. Beyond that it is an attack on the judge,
/// not a text: the caller closes.
pub const MAX_HITS: u32 = 2_000;

/// Hits that each symbol of the text allows beyond that: the pack also looks for everyday words (who
/// speaks, how something is asked), some of which stand in dozens of signals; honest text has two
/// hits per symbol, "我想知道" over and over five.
const HITS_PER_SYMBOL: u32 = 8;

/// Visible symbols after which a lane beside the skeleton counts as ended, so that it does not
/// hold the rest.
const PATIENCE: u32 = 64;

/// Bytes of a piece that may end more than one sentence: those are scored together. A token of a stream
/// is shorter.
const PARAGRAPH_BYTES: usize = 64;

/// Symbols per batch: the tape of a batch stays in the first-level cache.
const BATCH: u32 = 512;

/// Symbols by which a batch may be longer, so that it ends with a word.
const LONGEST_WORD: u32 = 16;

/// Reads one text, piece by piece.
#[derive(Debug)]
pub struct Scanner {
    detectors: Arc<Detectors>,
    lane: Lane,
    /// What invisible characters spell (V8), from the first of them on.
    hidden: Option<Box<Smuggled>>,
    decoder: decode::Decoder,
    /// What codes and columns spell (V7, V9), and how much of it was read.
    spelled: Vec<Spelled>,
    spelled_read: usize,
    decoded: Option<Box<Side>>,
    turned: Option<Box<Side>>,
    /// If a signal asks what sentences mean.
    meaning: Option<Box<Meaning>>,
    /// Skeleton symbols at which a lane beside the skeleton has to be looked after.
    due: u32,
    /// Original bytes read, and of those settled.
    bytes: u32,
    settled: u32,
    found: Vec<Found>,
    reported: u32,
    overflowed: bool,
}

/// The lane of what invisible characters spell.
#[derive(Debug)]
struct Smuggled {
    decoder: Decoder,
    /// First byte of the character being joined from bytes.
    joining: Option<u32>,
    side: Side,
}

impl Scanner {
    /// A scanner at the start of a text.
    pub fn new(detectors: Arc<Detectors>) -> Self {
        Self::of_words(detectors).holding(Hold::default())
    }

    /// A scanner at the start of an excerpt, whose sentences are not scored.
    pub fn of_words(detectors: Arc<Detectors>) -> Self {
        Self {
            lane: Lane::new(Source::Visible, &detectors),
            hidden: None,
            decoder: decode::Decoder::default(),
            spelled: Vec::new(),
            spelled_read: 0,
            decoded: None,
            turned: None,
            meaning: None,
            due: u32::MAX,
            bytes: 0,
            settled: 0,
            found: Vec::new(),
            reported: 0,
            overflowed: false,
            detectors,
        }
    }

    /// At the start of a text whose sentences wait for their scores so.
    #[must_use]
    pub fn holding(mut self, hold: Hold) -> Self {
        let classifies = self.detectors.classifies();
        self.meaning = classifies.then(|| Box::new(Meaning::new(hold)));
        self
    }

    /// All hits of a whole text.
    pub(super) fn whole(mut self, text: &str) -> Vec<Hit> {
        let mut hits = Vec::new();
        self.push(text, &mut hits);
        self.finish(&mut hits);
        hits
    }

    /// Reads the next piece; appends the hits that became certain.
    pub fn push(&mut self, piece: &str, hits: &mut Vec<Hit>) {
        self.decoder.push(piece, &mut self.spelled);
        self.overflowed |= self.decoder.overflowed();
        self.foresee(piece);
        let mut due = self.lane.tape.len() + BATCH;
        let mut at = 0;
        while at < piece.len() {
            if self.certain(self.bytes) {
                self.spell(self.bytes, hits);
            }
            at += self.write_plain(&piece[at..], due);
            let Some(c) = piece[at..].chars().next() else {
                break;
            };
            if self.certain(self.bytes) {
                self.spell(self.bytes, hits);
            }
            at += c.len_utf8();
            let start = self.bytes;
            self.bytes += c.len_utf8() as u32;
            let reading = fold::read(c);
            self.mean(c, &reading);
            match reading {
                Reading::One(symbol) => self.write(symbol, c, start),
                Reading::Many(symbols) => {
                    for &symbol in symbols {
                        self.write(symbol, c, start);
                        if self.lane.tape.len() >= self.due {
                            self.run(hits);
                        }
                    }
                }
                Reading::Nothing => {
                    if self.detectors.looks_for_veils() && !fold::is_mark(c) {
                        self.lane.veil();
                    }
                    continue;
                }
                Reading::Hidden(secret) => {
                    self.run(hits);
                    self.secret(secret, start);
                    continue;
                }
            }
            // A word that ends in another batch is read letter by letter.
            let most = due
                + if c.is_ascii_alphabetic() {
                    LONGEST_WORD
                } else {
                    0
                };
            if self.lane.tape.len() >= self.due.min(most) {
                self.run(hits);
                due = self.lane.tape.len() + BATCH;
            }
        }
        self.run(hits);
        if self.certain(self.bytes) {
            self.spell(self.bytes, hits);
        }
        self.settle();
    }

    /// The text ends here; appends the hits that became certain by that.
    pub fn finish(&mut self, hits: &mut Vec<Hit>) {
        self.decoder.finish(&mut self.spelled);
        self.overflowed |= self.decoder.overflowed();
        self.spell(u32::MAX, hits);
        self.lane.finish(&self.detectors, &mut self.found);
        if let (Some(meaning), Some(wanted)) = (&mut self.meaning, &self.detectors.meanings) {
            meaning.finish(wanted);
        }
        let hidden = self.hidden.take().map(|hidden| hidden.side);
        let sides = [self.decoded.take(), self.turned.take()];
        for mut side in sides.into_iter().flatten().map(|side| *side).chain(hidden) {
            side.close(&self.detectors);
            self.take_late(&mut side);
        }
        self.report(hits);
    }

    /// Bytes of the text so far that can no longer become part of an unreported hit (of a signal
    /// that text waits for, see [`super::Builder::free`]).
    ///
    /// It never goes back. A run of base64 and a block in columns are told from ordinary text only
    /// after their first signs: hits in them begin where they are ([`crate::text::decode`]).
    pub fn settled(&self) -> u32 {
        self.settled
    }

    fn settle(&mut self) {
        let hidden = self.hidden.as_ref();
        let hidden = hidden.and_then(|hidden| hidden.earliest(&self.detectors));
        let sides = [&self.decoded, &self.turned].into_iter().flatten();
        let sides = sides.filter_map(|side| side.earliest(&self.detectors));
        let visible = self.lane.earliest(&self.detectors);
        let wanted = self.detectors.meanings.as_ref();
        let sentence = self.meaning.as_ref().zip(wanted);
        let sentence = sentence.and_then(|(meaning, wanted)| meaning.earliest(self.bytes, wanted));
        let earliest = [visible, hidden, sentence, self.decoder.growing()];
        let earliest = earliest.into_iter().flatten().chain(sides).min();
        self.settled = self.settled.max(earliest.unwrap_or(self.bytes));
    }

    /// Skeleton symbols read so far.
    pub fn symbols(&self) -> u32 {
        self.lane.tape.len()
    }

    /// The start of the earliest match that is complete, ends at or before `end`, and waits only for right context.
    pub fn unripe_before(&self, end: u32) -> Option<u32> {
        let hidden = self.hidden.iter();
        let hidden = hidden.flat_map(|hidden| hidden.side.unripe(&self.detectors));
        let sides = [&self.decoded, &self.turned].into_iter().flatten();
        let sides = sides.flat_map(|side| side.unripe(&self.detectors));
        let visible = self.lane.unripe(&self.detectors).into_iter();
        visible
            .chain(hidden)
            .chain(sides)
            .filter(|found| found.end <= end)
            .map(|found| found.start)
            .min()
    }

    /// Where the sentence begins that holds a byte, if sentences wait for their scores: no part of
    /// one is shown without the rest.
    pub fn sentence_of(&self, byte: u32) -> Option<u32> {
        let wanted = self.detectors.meanings.as_ref()?;
        self.meaning.as_ref()?.sentence_of(byte, wanted)
    }

    /// Whether the text held more hits or live prefixes than a scanner follows: later hits are
    /// missing, so the caller must treat the text as forbidden.
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    #[inline]
    fn write(&mut self, symbol: Symbol, original: char, start: u32) {
        self.lane.push(Seen {
            symbol,
            original,
            start,
            end: self.bytes,
        });
    }

    /// Scores the sentences that end in a piece, together.
    fn foresee(&mut self, piece: &str) {
        if let (Some(meaning), Some(wanted)) = (&mut self.meaning, &self.detectors.meanings)
            && piece.len() > PARAGRAPH_BYTES
        {
            meaning.foresee(piece, wanted);
        }
    }

    /// Writes the characters of one symbol each that a text begins with, as far as nothing else is to
    /// be done: until the batch is full, or what a code spells is certain. Returns the number of bytes.
    #[inline]
    fn write_plain(&mut self, text: &str, due: u32) -> usize {
        if self.meaning.is_some() {
            return 0;
        }
        let spelled = self.spelled.get(self.spelled_read);
        let until = spelled.map_or(u32::MAX, |spelled| spelled.when);
        let mut at = 0;
        loop {
            // The last one is written as any other character, so that the batch is looked after.
            let room = self.due.min(due).saturating_sub(self.symbols());
            let room = room.saturating_sub(1) as usize;
            let quiet = until.saturating_sub(self.bytes) as usize;
            let bytes = &text.as_bytes()[at..];
            let ascii = &bytes[..room.min(quiet).min(bytes.len())];
            let tape = &mut self.lane.tape;
            let written = match ascii.first() {
                Some(byte) if byte.is_ascii() => tape.push_ascii(ascii, self.bytes),
                Some(_) => tape.push_wide(&text[at..], self.bytes, room, until),
                None => 0,
            };
            self.bytes += written as u32;
            at += written;
            if written == 0 {
                return at;
            }
        }
    }

    /// Whether something that a code spells is certain when so many bytes have been read.
    #[inline]
    fn certain(&self, bytes: u32) -> bool {
        let next = self.spelled.get(self.spelled_read);
        next.is_some_and(|spelled| spelled.when <= bytes)
    }

    /// Tells what sentences mean of the next character, before its symbols are written.
    fn mean(&mut self, c: char, reading: &Reading) {
        let (Some(meaning), Some(wanted)) = (&mut self.meaning, &self.detectors.meanings) else {
            return;
        };
        let symbols = match reading {
            Reading::One(_) => 1,
            Reading::Many(symbols) => symbols.len() as u32,
            Reading::Nothing | Reading::Hidden(_) => return,
        };
        meaning.read(c, self.bytes, self.lane.tape.len(), symbols, wanted);
    }

    /// Reads the batch and reports what became certain.
    fn run(&mut self, hits: &mut Vec<Hit>) {
        self.lane.run(&self.detectors, &mut self.found);
        if self.symbols() >= self.due {
            self.look_after();
        }
        if !self.found.is_empty() || self.meaning.as_ref().is_some_and(|one| one.has_hits()) {
            self.report(hits);
        }
        self.overflowed |= self.lane.overflowed();
    }

    /// Reports what the lanes beside the skeleton found, and ends those that have fallen silent.
    #[cold]
    fn look_after(&mut self) {
        let mut hidden = self.hidden.take();
        let smuggled = hidden.as_mut().map(|hidden| &mut hidden.side);
        let keep = self.age(smuggled);
        self.hidden = hidden.filter(|_| keep);
        let mut decoded = self.decoded.take();
        let keep = self.age(decoded.as_deref_mut());
        self.decoded = decoded.filter(|_| keep);
        let mut turned = self.turned.take();
        let keep = self.age(turned.as_deref_mut());
        self.turned = turned.filter(|_| keep);
        self.set_due();
    }

    /// Whether the lane goes on.
    fn age(&mut self, side: Option<&mut Side>) -> bool {
        let Some(side) = side else { return false };
        let since = self.symbols() - side.last;
        if since > PATIENCE {
            side.close(&self.detectors);
        }
        if since > 0 {
            self.take_late(side);
        }
        since <= PATIENCE
    }

    /// When a lane beside the skeleton has to be looked after next: with the next symbol if it
    /// found something, else when it has been silent for long.
    fn set_due(&mut self) {
        let hidden = self.hidden.as_ref().map(|hidden| &hidden.side);
        let sides = [self.decoded.as_deref(), self.turned.as_deref(), hidden];
        let due = sides
            .into_iter()
            .flatten()
            .map(|side| match side.waiting() {
                0 => side.last + PATIENCE + 1,
                _ => side.last + 1,
            });
        self.due = due.min().unwrap_or(u32::MAX);
    }

    /// Reads what codes and columns spell that was certain when so many bytes had been read.
    #[cold]
    fn spell(&mut self, bytes: u32, hits: &mut Vec<Hit>) {
        let mut spelled = std::mem::take(&mut self.spelled);
        let fresh = &spelled[self.spelled_read..];
        let certain = fresh.partition_point(|spelled| spelled.when <= bytes);
        if certain == 0 {
            self.spelled = spelled;
            return;
        }
        self.run(hits);
        let at = self.symbols();
        for one in &fresh[..certain] {
            let turned = one.code.is_turned();
            if one.fresh {
                self.end(turned);
            }
            let (side, source) = match turned {
                true => (&mut self.turned, Source::Turned),
                false => (&mut self.decoded, Source::Decoded),
            };
            let side = side.get_or_insert_with(|| Box::new(Side::new(source, &self.detectors)));
            for symbol in fold::read(one.ch).symbols() {
                let seen = Seen {
                    symbol,
                    original: one.ch,
                    start: one.span.start,
                    end: one.span.end,
                };
                side.push(seen, at, disguise(one));
            }
            side.last = at;
        }
        // Columns and ciphers come whole.
        self.end(true);
        if let Some(side) = &mut self.decoded {
            side.run(&self.detectors);
            self.overflowed |= side.is_too_much();
        }
        self.spelled_read += certain;
        if self.spelled_read == spelled.len() {
            spelled.clear();
            self.spelled_read = 0;
        }
        self.spelled = spelled;
        self.set_due();
    }

    /// What follows in this lane is no neighbour of what came before.
    fn end(&mut self, turned: bool) {
        let side = if turned {
            &mut self.turned
        } else {
            &mut self.decoded
        };
        if let Some(side) = side {
            side.end(&self.detectors);
            self.overflowed |= side.is_too_much();
        }
    }

    /// What a side lane found is certain with the visible symbol that follows it.
    fn take_late(&mut self, side: &mut Side) {
        let ripe = self.symbols();
        self.found
            .extend(side.late().map(|found| Found { ripe, ..found }));
    }

    #[cold]
    fn secret(&mut self, secret: Secret, start: u32) {
        let (detectors, read) = (&self.detectors, self.lane.tape.len());
        let hidden = self.hidden.get_or_insert_with(|| {
            Box::new(Smuggled {
                decoder: Decoder::default(),
                joining: None,
                side: Side::new(Source::Hidden, detectors),
            })
        });
        hidden.push(detectors, secret, (start, self.bytes), read);
        self.overflowed |= hidden.side.is_too_much();
        self.set_due();
    }

    /// Turns what became certain into hits, in the order of the law.
    fn report(&mut self, hits: &mut Vec<Hit>) {
        let first = hits.len();
        let place = |found: &Found| {
            let order = (found.ripe, found.to, found.from, found.signals);
            (order, found.start, found.end)
        };
        self.found
            .sort_unstable_by_key(|found| (place(found), found.view));
        self.found.dedup_by_key(|found| place(found));
        for found in self.found.drain(..) {
            if self.reported >= MAX_HITS.saturating_add(found.ripe.saturating_mul(HITS_PER_SYMBOL))
            {
                self.overflowed = true;
                continue;
            }
            self.reported += 1;
            hits.push(Hit {
                signals: found.signals,
                span: Span::new(found.start, found.end),
                from: found.from,
                to: found.to,
                view: found.view,
                score: 1.0,
                ripe: found.ripe,
            });
        }
        if let Some(meaning) = self.meaning.as_mut().filter(|one| one.has_hits()) {
            meaning.take(hits);
            // Of what is certain at one place, words come first: as where they were looked for alone.
            hits[first..].sort_by_key(|hit| hit.ripe);
        }
    }
}

fn disguise(spelled: &Spelled) -> Disguise {
    match spelled.code {
        _ if spelled.layers == 0 => Disguise::None,
        Code::Percent | Code::Entity | Code::Escape | Code::Quoted | Code::Point => Disguise::Open,
        _ => Disguise::Late,
    }
}

impl Smuggled {
    /// The next secret, at these bytes, where `at` skeleton symbols have been read.
    fn push(&mut self, detectors: &Detectors, secret: Secret, bytes: (u32, u32), at: u32) {
        let (start, end) = bytes;
        self.side.last = at;
        if matches!(secret, Secret::Byte(0xC0..)) {
            self.joining = Some(start);
        }
        let Some(c) = self.decoder.push(secret) else {
            return;
        };
        let joined = self.joining.take().unwrap_or(start);
        let start = if c.is_ascii() { start } else { joined };
        for symbol in fold::read(c).symbols() {
            let seen = Seen {
                symbol,
                original: c,
                start,
                end,
            };
            self.side.push(seen, at, Disguise::Open);
        }
        self.side.run(detectors);
    }

    fn earliest(&self, detectors: &Detectors) -> Option<u32> {
        [self.side.earliest(detectors), self.joining]
            .into_iter()
            .flatten()
            .min()
    }
}
