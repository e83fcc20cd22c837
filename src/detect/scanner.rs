//! [`Scanner`]: one text, read character by character. All state advances per character, so how
//! the text was cut cannot be seen.

use std::sync::Arc;

use super::lane::{Found, Lane, Source};
use super::{Detectors, Hit};
use crate::text::fold::{self, Reading};
use crate::text::hidden::{Decoder, Secret};
use crate::text::{Span, Symbol};

/// Hits reported per text. More means an attack on the judge, not a text: the caller closes.
pub const MAX_HITS: u32 = 2_000;

/// Live prefixes per lane; ordinary text has a handful.
const MAX_THREADS: usize = 4_096;

/// Visible symbols after which smuggled text counts as ended, so that it does not hold the rest.
const HIDDEN_PATIENCE: u32 = 64;

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
    lane: Lane,
    /// Certain, but to be reported with the next visible symbol: the order of hits counts those.
    late: Vec<Found>,
    /// Skeleton symbols at the last secret.
    last: u32,
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
        for c in piece.chars() {
            let start = self.bytes;
            self.bytes += c.len_utf8() as u32;
            match fold::read(c) {
                Reading::One(symbol) => self.symbol(symbol, c, start, hits),
                Reading::Many(symbols) => {
                    for &symbol in symbols {
                        self.symbol(symbol, c, start, hits);
                    }
                }
                Reading::Nothing => {}
                Reading::Hidden(secret) => self.secret(secret, start),
            }
        }
    }

    /// The text ends here; appends the hits that became certain by that.
    pub fn finish(&mut self, hits: &mut Vec<Hit>) {
        self.lane.finish(&self.detectors, &mut self.found);
        if let Some(mut hidden) = self.hidden.take() {
            hidden.close(&self.detectors);
            self.found.append(&mut hidden.late);
        }
        self.report(hits);
    }

    /// Bytes of the text so far that can no longer become part of an unreported hit.
    pub fn settled(&self) -> u32 {
        let hidden = self.hidden.as_ref().and_then(|hidden| hidden.earliest());
        [self.lane.earliest(), hidden]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(self.bytes)
    }

    /// Skeleton symbols read so far.
    pub fn symbols(&self) -> u32 {
        self.lane.window.len()
    }

    /// The start of the earliest match that is complete, ends at or before `end`, and waits only for right context.
    pub fn unripe_before(&self, end: u32) -> Option<u32> {
        let late = self.hidden.iter().flat_map(|hidden| {
            let late = hidden.late.iter().copied();
            late.chain(hidden.lane.unripe(&self.detectors))
        });
        self.lane
            .unripe(&self.detectors)
            .chain(late)
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
    fn symbol(&mut self, symbol: Symbol, original: char, start: u32, hits: &mut Vec<Hit>) {
        let at = self.lane.window.len();
        let bytes = (start, self.bytes);
        self.lane.step(
            &self.detectors,
            (symbol, original),
            bytes,
            at,
            &mut self.found,
        );
        if self.hidden.is_some() {
            self.age_hidden();
        }
        if !self.found.is_empty() {
            self.report(hits);
        }
        self.overflowed |= self.lane.threads() > MAX_THREADS;
    }

    #[cold]
    fn age_hidden(&mut self) {
        let Some(hidden) = &mut self.hidden else {
            return;
        };
        let expired = self.lane.window.len() - hidden.last > HIDDEN_PATIENCE;
        if expired {
            hidden.close(&self.detectors);
        }
        self.found.append(&mut hidden.late);
        if expired {
            self.hidden = None;
        }
    }

    #[cold]
    fn secret(&mut self, secret: Secret, start: u32) {
        let detectors = &self.detectors;
        let hidden = self.hidden.get_or_insert_with(|| {
            Box::new(Smuggled {
                decoder: Decoder::default(),
                joining: None,
                lane: Lane::new(Source::Hidden, detectors),
                late: Vec::new(),
                last: 0,
            })
        });
        hidden.last = self.lane.window.len();
        hidden.push(detectors, secret, start, self.bytes);
        self.overflowed |= hidden.late.len() > MAX_HITS as usize;
        hidden.late.truncate(MAX_HITS as usize);
        self.overflowed |= hidden.lane.threads() > MAX_THREADS;
    }

    /// Turns what became certain with the newest symbol into hits, in the order of the law.
    fn report(&mut self, hits: &mut Vec<Hit>) {
        let ripe = self.symbols();
        self.found
            .sort_by_key(|found| (found.to, found.from, found.signal, found.view));
        self.found
            .dedup_by_key(|found| (found.to, found.from, found.signal, found.start));
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
                ripe,
            });
        }
    }
}

impl Smuggled {
    fn push(&mut self, detectors: &Detectors, secret: Secret, start: u32, end: u32) {
        if matches!(secret, Secret::Byte(0xC0..)) {
            self.joining = Some(start);
        }
        let Some(c) = self.decoder.push(secret) else {
            return;
        };
        let joined = self.joining.take().unwrap_or(start);
        let start = if c.is_ascii() { start } else { joined };
        let (one, many): (Option<Symbol>, &[Symbol]) = match fold::read(c) {
            Reading::One(symbol) => (Some(symbol), &[]),
            Reading::Many(symbols) => (None, symbols),
            Reading::Nothing | Reading::Hidden(_) => (None, &[]),
        };
        let from = self.late.len();
        for &symbol in one.iter().chain(many) {
            let bytes = (start, end);
            self.lane
                .step(detectors, (symbol, c), bytes, self.last, &mut self.late);
        }
        self.place(from);
    }

    fn close(&mut self, detectors: &Detectors) {
        let from = self.late.len();
        self.lane.finish(detectors, &mut self.late);
        self.place(from);
    }

    /// Replaces positions in this lane by positions in the skeleton.
    fn place(&mut self, from: usize) {
        let place = |index: u32| {
            self.lane
                .window
                .get(index)
                .map_or(self.last, |seen| seen.at)
        };
        for found in &mut self.late[from..] {
            (found.from, found.to) = (place(found.from), place(found.to - 1));
        }
    }

    fn earliest(&self) -> Option<u32> {
        let late = self.late.iter().map(|found| found.start).min();
        [self.lane.earliest(), late, self.joining]
            .into_iter()
            .flatten()
            .min()
    }
}
