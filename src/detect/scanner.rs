//! [`Scanner`]: one text, read in batches of symbols. What is reported, and with which numbers,
//! depends on the symbols alone, so how the text was cut cannot be seen.

use std::sync::Arc;

use super::lane::{Found, Lane, Source};
use super::side::Side;
use super::window::Seen;
use super::{Detectors, Hit};
use crate::text::fold::{self, Reading};
use crate::text::hidden::{Decoder, Secret};
use crate::text::{Span, Symbol};

/// Hits reported per text. More means an attack on the judge, not a text: the caller closes.
pub const MAX_HITS: u32 = 2_000;

/// Visible symbols after which smuggled text counts as ended, so that it does not hold the rest.
const HIDDEN_PATIENCE: u32 = 64;

/// Symbols per batch: the tape of a batch stays in the first-level cache.
const BATCH: u32 = 512;

/// Reads one text, piece by piece.
#[derive(Debug)]
pub struct Scanner {
    detectors: Arc<Detectors>,
    lane: Lane,
    hidden: Option<Box<Smuggled>>,
    /// Original bytes read.
    bytes: u32,
    found: Vec<Found>,
    reported: u32,
    overflowed: bool,
}

/// The lane of what invisible characters spell (V8), made when the first of them comes.
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
        Self {
            lane: Lane::new(Source::Visible, &detectors),
            hidden: None,
            bytes: 0,
            found: Vec::new(),
            reported: 0,
            overflowed: false,
            detectors,
        }
    }

    /// Reads the next piece; appends the hits that became certain.
    pub fn push(&mut self, piece: &str, hits: &mut Vec<Hit>) {
        let mut room = BATCH;
        for c in piece.chars() {
            let start = self.bytes;
            self.bytes += c.len_utf8() as u32;
            match fold::read(c) {
                Reading::One(symbol) => self.write(symbol, c, start),
                Reading::Many(symbols) => {
                    for &symbol in symbols {
                        self.write(symbol, c, start);
                        if self.hidden.is_some() {
                            self.run(hits);
                        }
                    }
                }
                Reading::Nothing => continue,
                Reading::Hidden(secret) => {
                    self.run(hits);
                    self.secret(secret, start);
                    continue;
                }
            }
            room -= 1;
            if room == 0 || self.hidden.is_some() {
                self.run(hits);
                room = BATCH;
            }
        }
        self.run(hits);
    }

    /// The text ends here; appends the hits that became certain by that.
    pub fn finish(&mut self, hits: &mut Vec<Hit>) {
        self.lane.finish(&self.detectors, &mut self.found);
        if let Some(mut hidden) = self.hidden.take() {
            hidden.side.close(&self.detectors);
            self.take_late(&mut hidden.side);
        }
        self.report(hits);
    }

    /// Bytes of the text so far that can no longer become part of an unreported hit (of a signal
    /// that text waits for, see [`super::Builder::free`]).
    pub fn settled(&self) -> u32 {
        let hidden = self.hidden.as_ref();
        let hidden = hidden.and_then(|hidden| hidden.earliest(&self.detectors));
        [self.lane.earliest(&self.detectors), hidden]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(self.bytes)
    }

    /// Skeleton symbols read so far.
    pub fn symbols(&self) -> u32 {
        self.lane.tape.len()
    }

    /// The start of the earliest match that is complete, ends at or before `end`, and waits only for right context.
    pub fn unripe_before(&self, end: u32) -> Option<u32> {
        let hidden = self.hidden.iter();
        let hidden = hidden.flat_map(|hidden| hidden.side.unripe(&self.detectors));
        let visible = self.lane.unripe(&self.detectors).into_iter();
        visible
            .chain(hidden)
            .filter(|found| found.end <= end)
            .map(|found| found.start)
            .min()
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

    /// Reads the batch and reports what became certain.
    fn run(&mut self, hits: &mut Vec<Hit>) {
        self.lane.run(&self.detectors, &mut self.found);
        if self.hidden.is_some() {
            self.age_hidden();
        }
        if !self.found.is_empty() {
            self.report(hits);
        }
        self.overflowed |= self.lane.overflowed();
    }

    #[cold]
    fn age_hidden(&mut self) {
        let Some(mut hidden) = self.hidden.take() else {
            return;
        };
        let read = self.symbols();
        if read == hidden.side.last {
            self.hidden = Some(hidden);
            return;
        }
        let expired = read - hidden.side.last > HIDDEN_PATIENCE;
        if expired {
            hidden.side.close(&self.detectors);
        }
        self.take_late(&mut hidden.side);
        if !expired {
            self.hidden = Some(hidden);
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
        self.overflowed |= hidden.side.waiting() > MAX_HITS as usize || hidden.side.overflowed();
    }

    /// Turns what became certain into hits, in the order of the law.
    fn report(&mut self, hits: &mut Vec<Hit>) {
        self.found
            .sort_by_key(|found| (found.ripe, found.to, found.from, found.signal, found.view));
        self.found
            .dedup_by_key(|found| (found.ripe, found.to, found.from, found.signal, found.start));
        for found in self.found.drain(..) {
            if self.reported == MAX_HITS {
                self.overflowed = true;
                continue;
            }
            self.reported += 1;
            hits.push(Hit {
                signal: found.signal,
                span: Span::new(found.start, found.end),
                from: found.from,
                to: found.to,
                view: found.view,
                score: 1.0,
                ripe: found.ripe,
            });
        }
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
            self.side.push(seen, at);
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
