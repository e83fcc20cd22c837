//! [`Patterns`]: regular expressions of bounded width, all in one dense automaton.
//!
//! A thread starts at every symbol at which the automaton does not die at once; threads that meet
//! in one state go on as the one that began first. Of one pattern, the longest match from each
//! start is reported, and none that overlaps one that began earlier.

use std::collections::HashSet;
use std::ops::Range;

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, LookSet};

use super::contact;
use super::doubt::Needs;
use super::lane::{Found, Source, stamp};
use super::window::{Tape, Window};
use super::{Problem, SignalId};
use crate::text::skeleton;

/// Bytes that the widest pattern may match: a stream may be held that long.
const MAX_WIDTH: usize = 512;

/// Bytes of one automaton; more patterns than fit are spread over several.
const MAX_DFA: usize = 8 << 20;

/// Patterns that one automaton is tried for.
const MAX_TOGETHER: usize = 32;

/// Members of a character class up to which each is folded like the text.
const MAX_FOLDED_CLASS: usize = 512;

/// What has to hold around a match for it to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    /// Nothing.
    None,
    /// It is a contact of this kind.
    Contact(super::ContactKind),
}

/// Patterns before they are compiled.
#[derive(Debug, Default)]
pub(super) struct Regexes {
    entries: Vec<(Hir, Meta)>,
}

#[derive(Debug, Clone, Copy)]
struct Meta {
    signal: SignalId,
    /// Bytes, and so symbols, of the longest match.
    width: u32,
    guard: Guard,
}

impl Regexes {
    /// Adds one; says why it cannot be looked for. Returns the symbols that a hit can span.
    pub(super) fn add(
        &mut self,
        signal: SignalId,
        regex: &str,
        guard: Guard,
    ) -> Result<u32, Problem> {
        let hir = folded(parse(regex)?);
        let properties = hir.properties();
        if has_unicode_border(properties.look_set()) {
            return Err(Problem::new(
                "a Unicode word border (`\\b`) makes Chinese text very slow to scan",
                Some("write `(?-u:\\b)`, or leave it out: Han has no word borders"),
            ));
        }
        let Some(width) = properties.maximum_len() else {
            return Err(Problem::new(
                "this pattern has no bounded width, so a stream would wait for it without end",
                Some("write `{0,20}` instead of `*`, `{1,20}` instead of `+` or `{n,}`"),
            ));
        };
        if properties.minimum_len().is_none_or(|least| least == 0) {
            return Err(Problem::new(
                "this pattern matches the empty text",
                Some("make at least one character obligatory"),
            ));
        }
        if width > MAX_WIDTH {
            return Err(Problem::new(
                format!("this pattern can match {width} bytes; the limit is {MAX_WIDTH}"),
                Some("use smaller counts, or two signals and `near`"),
            ));
        }
        let width = width as u32;
        let meta = Meta {
            signal,
            width,
            guard,
        };
        // On its own first, so that the author learns which pattern is too large; ours fit.
        if guard == Guard::None {
            bank(&[(hir.clone(), meta)]).ok_or_else(too_large)?;
        }
        self.entries.push((hir, meta));
        Ok(width + 1)
    }

    /// Compiles.
    pub(super) fn build(self, free: &HashSet<SignalId>) -> Result<Vec<Patterns>, Problem> {
        let (free, held): (Vec<_>, Vec<_>) = self
            .entries
            .into_iter()
            .partition(|(_, meta)| free.contains(&meta.signal));
        let mut banks = spread(&held)?;
        for bank in &mut banks {
            bank.held = true;
        }
        banks.extend(spread(&free)?);
        Ok(banks)
    }
}

fn too_large() -> Problem {
    Problem::new(
        format!("this pattern needs more than {MAX_DFA} bytes of automaton"),
        Some("use smaller counts and fewer `\\w` or `.`"),
    )
}

/// Few automata within the limit. Many patterns together nearly always exceed it, and the
/// attempt costs as much as success does, so those are halved at once, a thread for each half.
fn spread(entries: &[(Hir, Meta)]) -> Result<Vec<Patterns>, Problem> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    if entries.len() <= MAX_TOGETHER
        && let Some(bank) = bank(entries)
    {
        return Ok(vec![bank]);
    }
    if entries.len() == 1 {
        return Err(too_large());
    }
    let (left, right) = entries.split_at(entries.len() / 2);
    let (left, right) = std::thread::scope(|scope| {
        let left = scope.spawn(|| spread(left));
        let right = spread(right);
        (left.join().expect("compiling does not panic"), right)
    });
    let mut banks = left?;
    banks.append(&mut right?);
    Ok(banks)
}

fn parse(regex: &str) -> Result<Hir, Problem> {
    regex_syntax::ParserBuilder::new()
        .case_insensitive(true)
        .build()
        .parse(regex)
        .map_err(|error| {
            let message = match &error {
                regex_syntax::Error::Parse(error) => error.kind().to_string(),
                regex_syntax::Error::Translate(error) => error.kind().to_string(),
                _ => error.to_string(),
            };
            Problem::new(format!("this is no regular expression: {message}"), None)
        })
}

fn has_unicode_border(looks: LookSet) -> bool {
    looks.contains_word_unicode()
}

/// The expression as it must read to match folded text: its literals and small classes folded.
fn folded(hir: Hir) -> Hir {
    match hir.into_kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Look(look) => Hir::look(look),
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) => Hir::literal(skeleton(text).into_bytes()),
            Err(_) => Hir::literal(literal.0),
        },
        HirKind::Class(Class::Unicode(class)) => Hir::class(Class::Unicode(folded_class(class))),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Repetition(mut repetition) => {
            repetition.sub = Box::new(folded(*repetition.sub));
            Hir::repetition(repetition)
        }
        HirKind::Capture(capture) => folded(*capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.into_iter().map(folded).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.into_iter().map(folded).collect()),
    }
}

/// Only folded characters occur in the skeleton, so only those stay: case folding adds the Kelvin
/// sign and the long s, which would treble the width of `[a-z]`.
fn folded_class(class: ClassUnicode) -> ClassUnicode {
    let members: usize = class.iter().map(ClassUnicodeRange::len).sum();
    if members > MAX_FOLDED_CLASS {
        return class;
    }
    let folded = class
        .iter()
        .flat_map(|range| range.start()..=range.end())
        .filter_map(|c| {
            let folded = skeleton(c.encode_utf8(&mut [0; 4]));
            let mut chars = folded.chars();
            chars.next().filter(|_| chars.next().is_none())
        })
        .map(|c| ClassUnicodeRange::new(c, c));
    ClassUnicode::new(folded)
}

/// One automaton and what its patterns mean.
#[derive(Debug)]
pub(super) struct Patterns {
    dfa: dense::DFA<Vec<u32>>,
    /// By the byte before (the last is for the start of the text): which row of `first` applies.
    rows: Vec<u8>,
    /// Where each first byte leads, a row of 256 for each start state.
    first: Vec<StateID>,
    metas: Vec<Meta>,
    /// Whether text waits for its matches.
    pub(super) held: bool,
}

fn bank(entries: &[(Hir, Meta)]) -> Option<Patterns> {
    let hirs: Vec<&Hir> = entries.iter().map(|entry| &entry.0).collect();
    let nfa = thompson::Compiler::new()
        .configure(thompson::Config::new().nfa_size_limit(Some(MAX_DFA)))
        .build_many_from_hir(&hirs)
        .ok()?;
    let dfa = dense::Builder::new()
        .configure(
            dense::Config::new()
                .match_kind(MatchKind::All)
                .start_kind(StartKind::Anchored)
                .dfa_size_limit(Some(MAX_DFA))
                .determinize_size_limit(Some(4 * MAX_DFA)),
        )
        .build_from_nfa(&nfa)
        .ok()?;
    let (rows, first) = first_steps(&dfa)?;
    Some(Patterns {
        dfa,
        rows,
        first,
        metas: entries.iter().map(|entry| entry.1).collect(),
        held: false,
    })
}

/// Most symbols start nothing: one look-up tells.
fn first_steps(dfa: &dense::DFA<Vec<u32>>) -> Option<(Vec<u8>, Vec<StateID>)> {
    let mut starts: Vec<StateID> = Vec::new();
    let mut rows = Vec::new();
    for before in (0..=u8::MAX).map(Some).chain([None]) {
        let config = start::Config::new()
            .anchored(Anchored::Yes)
            .look_behind(before);
        let state = dfa.start_state(&config).ok()?;
        let row = starts.iter().position(|&known| known == state);
        rows.push(row.unwrap_or(starts.len()) as u8);
        if row.is_none() {
            starts.push(state);
        }
    }
    let first = starts
        .iter()
        .flat_map(|&start| (0..=u8::MAX).map(move |byte| dfa.next_state(start, byte)))
        .collect();
    Some((rows, first))
}

impl Patterns {
    /// Heap bytes.
    pub(super) fn memory(&self) -> usize {
        self.dfa.memory_usage() + self.first.len() * size_of::<StateID>()
    }
}

#[derive(Debug, Clone, Copy)]
struct Thread {
    start: u32,
    from: u32,
    state: StateID,
}

/// The longest match so far of one pattern from one start.
#[derive(Debug, Clone, Copy)]
struct Match {
    pattern: usize,
    start: u32,
    end: u32,
    from: u32,
    to: u32,
}

/// What is alive of one [`Patterns`] in one lane.
#[derive(Debug)]
pub(super) struct Matching {
    threads: Vec<Thread>,
    matches: Vec<Match>,
    /// Per pattern: one past the last symbol of the last match reported.
    reported: Vec<u32>,
    /// The last byte read.
    before: Option<u8>,
    /// One past the last original byte of the last symbol.
    end: u32,
    /// Reused by [`Matching::merge`].
    order: Vec<(StateID, u32)>,
}

impl Matching {
    pub(super) fn new(patterns: &Patterns) -> Self {
        Self {
            threads: Vec::new(),
            matches: Vec::new(),
            reported: vec![0; patterns.metas.len()],
            before: None,
            end: 0,
            order: Vec::new(),
        }
    }

    /// Reads the batch, symbol by symbol.
    pub(super) fn run(
        &mut self,
        patterns: &Patterns,
        tape: &Tape,
        batch: Range<u32>,
        source: Source,
        found: &mut Vec<Found>,
    ) {
        for next in batch {
            let from = found.len();
            self.step(patterns, tape.before(next), source, found);
            stamp(&mut found[from..], next);
        }
    }

    /// Reads the newest symbol of the window.
    #[inline]
    fn step(
        &mut self,
        patterns: &Patterns,
        window: Window<'_>,
        source: Source,
        found: &mut Vec<Found>,
    ) {
        let seen = window.newest();
        let mut buffer = [seen.symbol.ch as u8, 0, 0, 0];
        let bytes = if seen.symbol.ch.is_ascii() {
            &buffer[..1]
        } else {
            seen.symbol.ch.encode_utf8(&mut buffer).as_bytes()
        };
        let index = window.len() - 1;
        let dfa = &patterns.dfa;
        if !self.threads.is_empty() {
            self.advance(dfa, bytes, index);
        }
        let row = usize::from(patterns.rows[self.before.map_or(256, usize::from)]);
        let first = patterns.first[row * 256 + usize::from(bytes[0])];
        let state = if dfa.is_dead_state(first) {
            first
        } else {
            walk(dfa, first, &bytes[1..])
        };
        if !dfa.is_dead_state(state) {
            self.threads.push(Thread {
                start: seen.start,
                from: index,
                state,
            });
            if self.threads.len() > 1 {
                self.merge();
            }
        }
        self.before = bytes.last().copied();
        self.end = seen.end;
        if !self.matches.is_empty() {
            self.resolve(patterns, window, source, found);
        }
    }

    fn advance(&mut self, dfa: &dense::DFA<Vec<u32>>, bytes: &[u8], index: u32) {
        let (matches, end) = (&mut self.matches, self.end);
        self.threads.retain_mut(|thread| {
            // The automaton reports a match one byte late: on the first byte after it.
            let state = dfa.next_state(thread.state, bytes[0]);
            if dfa.is_match_state(state) {
                record(dfa, state, *thread, (index, end), matches);
            }
            thread.state = walk(dfa, state, &bytes[1..]);
            !dfa.is_dead_state(thread.state)
        });
    }

    /// Of threads in the same state, keeps the one that began first.
    fn merge(&mut self) {
        self.order.clear();
        let states = self.threads.iter().zip(0..);
        self.order.extend(states.map(|(t, at)| (t.state, at)));
        self.order.sort_unstable();
        let twice = |pair: &[(StateID, u32)]| pair[0].0 == pair[1].0;
        if !self.order.windows(2).any(twice) {
            return;
        }
        self.order.dedup_by_key(|entry| entry.0);
        self.order.sort_unstable_by_key(|entry| entry.1);
        for (kept, &(_, at)) in self.order.iter().enumerate() {
            self.threads[kept] = self.threads[at as usize];
        }
        self.threads.truncate(self.order.len());
    }

    /// Reports the matches that can grow no more.
    fn resolve(
        &mut self,
        patterns: &Patterns,
        window: Window<'_>,
        source: Source,
        found: &mut Vec<Found>,
    ) {
        // Threads and matches are both in the order of their starts.
        self.matches
            .sort_by_key(|match_| (match_.from, match_.pattern));
        let mut at = 0;
        while at < self.matches.len() {
            let match_ = self.matches[at];
            let meta = patterns.metas[match_.pattern];
            // The thread may be alive for the sake of another, wider pattern.
            let grows = window.len() - match_.from <= meta.width
                && self
                    .threads
                    .binary_search_by_key(&match_.from, |thread| thread.from)
                    .is_ok();
            if grows {
                at += 1;
                continue;
            }
            let earlier = self.matches[..at].iter().any(|other| {
                other.pattern == match_.pattern
                    && other.from < match_.from
                    && match_.from < other.to
            });
            self.matches.remove(at);
            let reported = &mut self.reported[match_.pattern];
            if earlier
                || match_.from < *reported
                || !holds(meta.guard, match_.from, match_.to, window)
            {
                continue;
            }
            *reported = match_.to;
            found.push(report(meta.signal, match_, source));
        }
    }

    /// The text ends.
    pub(super) fn finish(
        &mut self,
        patterns: &Patterns,
        window: Window<'_>,
        source: Source,
        found: &mut Vec<Found>,
    ) {
        for thread in self.threads.drain(..) {
            let state = patterns.dfa.next_eoi_state(thread.state);
            if patterns.dfa.is_match_state(state) {
                let at = (window.len(), self.end);
                record(&patterns.dfa, state, thread, at, &mut self.matches);
            }
        }
        self.resolve(patterns, window, source, found);
    }

    /// First byte of the earliest live thread.
    pub(super) fn earliest(&self) -> Option<u32> {
        self.threads.first().map(|thread| thread.start)
    }

    /// Matches that are complete already or would be if the text ended here, and may yet grow.
    pub(super) fn unripe<'a>(
        &'a self,
        patterns: &'a Patterns,
        to: u32,
    ) -> impl Iterator<Item = Found> + 'a {
        let whole = self.threads.iter().filter_map(move |thread| {
            let state = patterns.dfa.next_eoi_state(thread.state);
            patterns.dfa.is_match_state(state).then_some(Match {
                pattern: 0,
                start: thread.start,
                end: self.end,
                from: thread.from,
                to,
            })
        });
        self.matches
            .iter()
            .copied()
            .chain(whole)
            .map(|match_| report(SignalId(0), match_, Source::Visible))
    }
}

#[inline]
fn walk(dfa: &dense::DFA<Vec<u32>>, mut state: StateID, bytes: &[u8]) -> StateID {
    for &byte in bytes {
        state = dfa.next_state(state, byte);
    }
    state
}

/// Notes that the patterns of a match state ended before symbol `to`, at original byte `end`.
fn record(
    dfa: &dense::DFA<Vec<u32>>,
    state: StateID,
    thread: Thread,
    (to, end): (u32, u32),
    matches: &mut Vec<Match>,
) {
    for nth in 0..dfa.match_len(state) {
        let pattern = dfa.match_pattern(state, nth).as_usize();
        let known = matches
            .iter_mut()
            .find(|match_| match_.from == thread.from && match_.pattern == pattern);
        match known {
            Some(match_) => (match_.to, match_.end) = (to, end),
            None => matches.push(Match {
                pattern,
                start: thread.start,
                end,
                from: thread.from,
                to,
            }),
        }
    }
}

fn holds(guard: Guard, from: u32, to: u32, window: Window<'_>) -> bool {
    match guard {
        Guard::None => true,
        Guard::Contact(kind) => contact::holds(kind, from, to, window),
    }
}

fn report(signal: SignalId, match_: Match, source: Source) -> Found {
    Found {
        signal,
        view: source.view(),
        start: match_.start,
        end: match_.end,
        from: match_.from,
        to: match_.to,
        ripe: 0,
        needs: Needs::Nothing,
    }
}
