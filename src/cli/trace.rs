//! The way back: from a detection to what was read, in which view, where it stands in the text and
//! which line of which file looks for it.

use std::fmt;

use serde::Serialize;

use super::scan::{Bench, Said};
use crate::detect::Hit;
use crate::policy::Detection;
use crate::text::decode::{Decoder, Spelled};
use crate::text::readings::readings;
use crate::text::{Span, ViewKind, hidden, symbols};

/// Characters of a reading that are shown; a longer one is cut.
const SHOWN: usize = 60;

/// One hit that took part in a detection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Step<'s> {
    /// The signal that was looked for.
    pub signal: &'s str,
    /// The file that has it, in its policy folder.
    pub file: &'s str,
    /// The line of its name, from 1.
    pub line: u32,
    /// The reading in which it was found.
    pub view: &'static str,
    /// Where: symbols of the skeleton, from 0.
    pub symbols: [u32; 2],
    /// Where: bytes of the text.
    pub span: [u32; 2],
    /// What that says in this reading.
    pub reads: String,
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            signal,
            file,
            line,
            view,
            symbols: [from, to],
            span: [start, end],
            reads,
        } = self;
        write!(
            out,
            "{view} {from}..{to} reads \"{reads}\" <- bytes {start}..{end} <- {signal} ({file}:{line})"
        )
    }
}

/// The hits at the places that a detection names: its anchor and what completed it, of signals that
/// its rule reads. A signal by its conversation has no place of its own.
pub(super) fn steps<'b>(bench: &'b Bench, said: &Said, detection: &Detection) -> Vec<Step<'b>> {
    let read = bench.set.read_by(detection.rule);
    let mut places = vec![detection.anchor, (detection.part, detection.span)];
    places.dedup();
    let mut steps: Vec<Step<'b>> = Vec::new();
    for (part, span) in places {
        let Some(text) = said.parts.get(part as usize).map(|part| &part.text) else {
            continue;
        };
        for hit in bench.scan(said.direction, text) {
            if hit.span != span {
                continue;
            }
            let signals = bench.set.detectors.signals(hit.signals).iter();
            let own = signals.filter(|signal| read.binary_search(signal).is_ok());
            for signal in own.filter_map(|signal| bench.set.signal(*signal)) {
                let step = Step {
                    signal: &signal.name,
                    file: &signal.place.0,
                    line: signal.place.1,
                    view: hit.view.name(),
                    symbols: [hit.from, hit.to],
                    span: [span.start, span.end],
                    reads: reading(text, &hit),
                };
                if !steps.contains(&step) {
                    steps.push(step);
                }
            }
        }
    }
    steps
}

/// What the bytes of a hit say in its view.
fn reading(text: &str, hit: &Hit) -> String {
    let written = &text[hit.span.range()];
    let read = match hit.view {
        ViewKind::Surface => written.to_owned(),
        ViewKind::Pinyin | ViewKind::Fuzzy => sounds(written),
        ViewKind::Decoded | ViewKind::Reversed => spelled(text, hit.span),
        ViewKind::Hidden => smuggled(written),
        ViewKind::Skeleton | ViewKind::Emoji | ViewKind::Shape => folded(written, |_| true),
        ViewKind::Squeezed => folded(written, |word| word),
    };
    let mut shown: String = read.chars().take(SHOWN).collect();
    if shown.len() < read.len() {
        shown.push('…');
    }
    shown
}

fn folded(written: &str, keep: impl Fn(bool) -> bool) -> String {
    let symbols = symbols(written).map(|(symbol, _)| symbol);
    let kept = symbols.filter(|symbol| keep(symbol.class.is_word()));
    kept.map(|symbol| symbol.ch).collect()
}

/// Han by their commonest syllables, the rest as it folds.
fn sounds(written: &str) -> String {
    let all = readings();
    let mut out = String::new();
    for (symbol, _) in symbols(written).filter(|(symbol, _)| symbol.class.is_word()) {
        match all.spelling(all.keys(symbol.ch).syllable) {
            "" => out.push(symbol.ch),
            syllable => {
                if !out.is_empty() {
                    out.push(' ');
                }
                out.push_str(syllable);
            }
        }
    }
    out
}

/// What codes, columns and ciphers spell at these bytes.
fn spelled(text: &str, span: Span) -> String {
    let (mut decoder, mut all) = (Decoder::default(), Vec::new());
    decoder.push(text, &mut all);
    decoder.finish(&mut all);
    let inside = |one: &&Spelled| span.contains(one.span);
    // A stretch inside another repeats its characters: the first one is the outermost.
    let mut out = String::new();
    for (at, one) in all.iter().filter(inside).enumerate() {
        if one.fresh && at > 0 && !out.is_empty() {
            break;
        }
        out.push(one.ch);
    }
    out
}

fn smuggled(written: &str) -> String {
    let mut decoder = hidden::Decoder::default();
    let secrets = written.chars().filter_map(hidden::secret);
    secrets.filter_map(|secret| decoder.push(secret)).collect()
}
