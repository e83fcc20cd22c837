//! [`Patterns`]: regular expressions of bounded width, a dense automaton each.
//!
//! A thread of a pattern begins at every symbol with which the pattern can begin ([`super::starts`]);
//! threads of one pattern that meet in one state go on as the one that began first. Of one pattern,
//! the longest match from each start is reported, and none that overlaps one that began earlier.
//!
//! One automaton per pattern, not one of many: together they need more states where two can be in a
//! gap at once, and every one of them as many columns as all alphabets together.

use std::ops::Range;
use std::sync::Arc;

use regex_automata::dfa::{Automaton, dense};
use regex_automata::util::primitives::StateID;

use super::contact;
use super::doubt::Needs;
use super::lane::{Found, Source};
use super::regex::{Compiled, MAX_PATTERNS, compile};
use super::sets::Sets;
use super::starts::{self, Starts};
use super::window::{Tape, Window};
use super::{Problem, SignalId, SignalSet};
use crate::text::steps;

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
    entries: Vec<(Arc<Compiled>, SignalId, Guard)>,
}

impl Regexes {
    /// Adds one; says why it cannot be looked for. Returns the symbols that a hit can span.
    pub(super) fn add(
        &mut self,
        signal: SignalId,
        regex: &str,
        guard: Guard,
    ) -> Result<u32, Problem> {
        let compiled = compile(regex)?;
        let width = compiled.width;
        self.entries.push((compiled, signal, guard));
        Ok(width + 1)
    }

    /// Lays them out.
    pub(super) fn build(self, sets: &Sets) -> Result<Patterns, Problem> {
        if self.entries.len() > MAX_PATTERNS {
            let message = format!("more than {MAX_PATTERNS} patterns");
            return Err(Problem::new(message, Some("join some with `|`")));
        }
        let beginnings = self.entries.iter();
        let beginnings = beginnings.map(|entry| entry.0.beginnings.as_deref());
        Ok(Patterns {
            starts: Starts::of(beginnings),
            fresh: Fresh::of(self.entries.iter().map(|entry| &*entry.0)),
            all: self
                .entries
                .into_iter()
                .map(|(compiled, signal, guard)| {
                    let signals = sets.single(signal).unwrap_or(SignalSet(0));
                    Pattern {
                        compiled,
                        signals,
                        guard,
                        held: sets.holds(signals),
                    }
                })
                .collect(),
        })
    }
}

/// All patterns.
#[derive(Debug)]
pub(super) struct Patterns {
    all: Vec<Pattern>,
    starts: Starts,
    fresh: Fresh,
}

/// The states in which patterns begin, side by side: each pattern's own lists would be two more misses
/// of the cache for each that is tried.
#[derive(Debug)]
struct Fresh {
    /// What a byte before a match is to word borders and the like: the last is for the start of the text.
    kinds: [u8; 257],
    /// How many kinds there are.
    number: usize,
    /// By pattern, and by kind of the byte before.
    states: Vec<StateID>,
}

impl Fresh {
    fn of<'c>(all: impl Iterator<Item = &'c Compiled> + Clone) -> Self {
        let mut kinds = [0; 257];
        let mut known = vec![(0, 0)];
        for compiled in all.clone() {
            known.clear();
            for (kind, &row) in kinds.iter_mut().zip(&compiled.rows) {
                let pair = (*kind, row);
                let place = known.iter().position(|one| *one == pair);
                *kind = place.unwrap_or(known.len()) as u8;
                if place.is_none() {
                    known.push(pair);
                }
            }
        }
        let number = known.len();
        let firsts = (0..number).map(|kind| kinds.iter().position(|one| usize::from(*one) == kind));
        let firsts: Vec<usize> = firsts.flatten().collect();
        let states = all.flat_map(|compiled| {
            let rows = firsts.iter().map(|&byte| compiled.rows[byte]);
            rows.map(|row| compiled.starts[usize::from(row)])
        });
        Self {
            kinds,
            number,
            states: states.collect(),
        }
    }

    /// The states in which patterns begin behind this symbol, by pattern.
    #[inline]
    fn behind(&self, before: Option<char>) -> impl Fn(u16) -> StateID + '_ {
        let mut buffer = [0; 4];
        let last = before.and_then(|c| c.encode_utf8(&mut buffer).as_bytes().last());
        let kind = self.kinds[last.map_or(256, |&byte| usize::from(byte))];
        move |pattern| self.states[usize::from(pattern) * self.number + usize::from(kind)]
    }
}

/// A pattern and what it means.
#[derive(Debug)]
struct Pattern {
    compiled: Arc<Compiled>,
    signals: SignalSet,
    guard: Guard,
    /// Whether text waits for its matches.
    held: bool,
}

impl Patterns {
    /// Heap bytes.
    pub(super) fn memory(&self) -> usize {
        let all = self.all.iter().map(|pattern| pattern.compiled.memory());
        let states = self.fresh.states.capacity() * size_of::<StateID>();
        all.sum::<usize>() + self.starts.memory() + states
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// A place in a pattern.
#[derive(Debug, Clone, Copy)]
struct Thread {
    pattern: u16,
    start: u32,
    from: u32,
    state: StateID,
}

/// The longest match so far of one pattern from one start.
#[derive(Debug, Clone, Copy)]
struct Match {
    pattern: u16,
    start: u32,
    end: u32,
    from: u32,
    to: u32,
}

/// What is alive of all patterns in one lane.
#[derive(Debug, Default)]
pub(super) struct Matching {
    /// In the order of their starts.
    threads: Vec<Thread>,
    matches: Vec<Match>,
    /// By pattern: one past the last symbol of the last match reported. Empty before the first.
    reported: Vec<u32>,
    /// Reused for what may begin at a symbol.
    begins: Vec<u16>,
    /// Reused by [`Matching::merge`].
    order: Vec<(u16, StateID, usize)>,
}

impl Matching {
    /// Reads the batch, symbol by symbol.
    pub(super) fn run(
        &mut self,
        patterns: &Patterns,
        tape: &Tape,
        batch: Range<u32>,
        source: Source,
        found: &mut Vec<Found>,
    ) {
        let symbols = tape.from(batch.start - 1);
        let before = tape.before(batch.start).before_newest();
        let mut before = before.map(|seen| seen.symbol.ch);
        for (at, seen) in symbols.iter().enumerate() {
            let one = seen.symbol.ch;
            let after = starts::after(before.replace(one));
            let begins = patterns.starts.any(after, &symbols[at..]);
            if !begins && self.threads.is_empty() && self.matches.is_empty() {
                continue;
            }
            let window = tape.before(batch.start + at as u32);
            let mut buffer = [0; 4];
            let bytes = one.encode_utf8(&mut buffer).as_bytes();
            if !self.threads.is_empty() {
                self.advance(patterns, bytes, window);
            }
            if begins {
                let mut begins = std::mem::take(&mut self.begins);
                let symbols = symbols[at..].iter().map(|seen| seen.symbol.ch);
                patterns.starts.all(after, symbols, &mut begins);
                self.begin(patterns, &begins, bytes, window);
                begins.clear();
                self.begins = begins;
            }
            if !self.matches.is_empty() {
                self.resolve(patterns, window, source, found);
            }
        }
    }

    /// Begins these patterns with the newest symbol.
    fn begin(&mut self, patterns: &Patterns, begins: &[u16], bytes: &[u8], window: Window<'_>) {
        let index = window.len() - 1;
        let before = window.before_newest().map(|seen| seen.symbol.ch);
        let fresh = patterns.fresh.behind(before);
        let known = self.threads.len();
        for &pattern in begins {
            let dfa = &patterns.all[usize::from(pattern)].compiled.dfa;
            let state = walk(dfa, fresh(pattern), bytes);
            let met = |thread: &Thread| thread.pattern == pattern && thread.state == state;
            if !dfa.is_dead_state(state) && !self.threads[..known].iter().any(met) {
                self.threads.push(Thread {
                    pattern,
                    start: window.newest().start,
                    from: index,
                    state,
                });
            }
        }
    }

    fn advance(&mut self, patterns: &Patterns, bytes: &[u8], window: Window<'_>) {
        let index = window.len() - 1;
        // Threads are alive, so there is a symbol before this one.
        let end = window.before_newest().map_or(0, |seen| seen.end);
        let matches = &mut self.matches;
        self.threads.retain_mut(|thread| {
            steps::step();
            let dfa = &patterns.all[usize::from(thread.pattern)].compiled.dfa;
            // The automaton reports a match one byte late: on the first byte after it.
            let state = dfa.next_state(thread.state, bytes[0]);
            if dfa.is_match_state(state) {
                record(*thread, (index, end), matches);
            }
            thread.state = walk(dfa, state, &bytes[1..]);
            !dfa.is_dead_state(thread.state)
        });
        self.merge();
    }

    /// Of threads of one pattern in the same state, keeps the one that began first.
    fn merge(&mut self) {
        if self.threads.len() < 2 {
            return;
        }
        self.order.clear();
        let places = self.threads.iter().zip(0..);
        self.order
            .extend(places.map(|(one, at)| (one.pattern, one.state, at)));
        self.order.sort_unstable();
        self.order
            .dedup_by_key(|(pattern, state, _)| (*pattern, *state));
        if self.order.len() == self.threads.len() {
            return;
        }
        self.order.sort_unstable_by_key(|entry| entry.2);
        for (kept, &(.., at)) in self.order.iter().enumerate() {
            self.threads[kept] = self.threads[at];
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
        self.matches
            .sort_by_key(|match_| (match_.from, match_.pattern));
        let mut at = 0;
        while at < self.matches.len() {
            let match_ = self.matches[at];
            let own =
                |thread: &Thread| (thread.pattern, thread.from) == (match_.pattern, match_.from);
            let pattern = &patterns.all[usize::from(match_.pattern)];
            // A thread outlives its widest match by a symbol, which tells that it ended.
            let grows = window.len() - match_.from <= pattern.compiled.width;
            if grows && self.threads.iter().any(own) {
                at += 1;
                continue;
            }
            let earlier = self.matches[..at].iter().any(|other| {
                other.pattern == match_.pattern
                    && other.from < match_.from
                    && match_.from < other.to
            });
            self.matches.remove(at);
            self.reported.resize(patterns.all.len(), 0);
            let reported = &mut self.reported[usize::from(match_.pattern)];
            if earlier
                || match_.from < *reported
                || !holds(pattern.guard, match_.from, match_.to, window)
            {
                continue;
            }
            *reported = match_.to;
            found.push(Found {
                ripe: window.len(),
                ..report(pattern.signals, match_, source)
            });
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
        let end = window.last().map_or(0, |seen| seen.end);
        for thread in self.threads.drain(..) {
            let dfa = &patterns.all[usize::from(thread.pattern)].compiled.dfa;
            let state = dfa.next_eoi_state(thread.state);
            if dfa.is_match_state(state) {
                record(thread, (window.len(), end), &mut self.matches);
            }
        }
        self.resolve(patterns, window, source, found);
    }

    /// First byte of the earliest live thread that text waits for.
    pub(super) fn earliest(&self, patterns: &Patterns) -> Option<u32> {
        let held = |pattern: u16| patterns.all[usize::from(pattern)].held;
        let mut threads = self.threads.iter();
        let thread = threads.find(|thread| held(thread.pattern));
        thread.map(|thread| thread.start)
    }

    /// Matches that are complete already or would be if the text ended here, may yet grow, and that
    /// text waits for.
    pub(super) fn unripe<'a>(
        &'a self,
        patterns: &'a Patterns,
        window: Window<'a>,
    ) -> impl Iterator<Item = Found> + 'a {
        let whole = self.threads.iter().filter_map(move |thread| {
            let dfa = &patterns.all[usize::from(thread.pattern)].compiled.dfa;
            let state = dfa.next_eoi_state(thread.state);
            dfa.is_match_state(state).then_some(Match {
                pattern: thread.pattern,
                start: thread.start,
                end: window.last().map_or(0, |seen| seen.end),
                from: thread.from,
                to: window.len(),
            })
        });
        let pattern = |match_: &Match| &patterns.all[usize::from(match_.pattern)];
        self.matches
            .iter()
            .copied()
            .chain(whole)
            .filter(move |match_| pattern(match_).held)
            .map(move |match_| report(pattern(&match_).signals, match_, Source::Visible))
    }
}

#[inline]
fn walk(dfa: &dense::DFA<Vec<u32>>, mut state: StateID, bytes: &[u8]) -> StateID {
    for &byte in bytes {
        state = dfa.next_state(state, byte);
    }
    state
}

/// Notes that a thread's pattern ended before symbol `to`, at original byte `end`.
fn record(thread: Thread, (to, end): (u32, u32), matches: &mut Vec<Match>) {
    let Thread {
        pattern,
        start,
        from,
        ..
    } = thread;
    let own = |match_: &&mut Match| (match_.pattern, match_.from) == (pattern, from);
    match matches.iter_mut().find(own) {
        Some(match_) => (match_.to, match_.end) = (to, end),
        None => matches.push(Match {
            pattern,
            start,
            end,
            from,
            to,
        }),
    }
}

fn holds(guard: Guard, from: u32, to: u32, window: Window<'_>) -> bool {
    match guard {
        Guard::None => true,
        Guard::Contact(kind) => contact::holds(kind, from, to, window),
    }
}

fn report(signals: SignalSet, match_: Match, source: Source) -> Found {
    Found {
        signals,
        view: source.view(),
        start: match_.start,
        end: match_.end,
        from: match_.from,
        to: match_.to,
        ripe: 0,
        needs: Needs::Nothing,
    }
}
