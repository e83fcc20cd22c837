//! [`Phrases`]: all live prefixes of terms at one place of a text: skeleton, squeezed and leet in
//! one walk.
//!
//! A thread is a place in the trie and where it began. Each symbol moves it on, lets it step over
//! a separator (V2), reads the symbol as a leet letter, or ends it. The rules of the gap:
//! * between words of a term: one to three white spaces, hyphens or underscores;
//! * between two Han: any separators, but those of ordinary prose (，。 newline) only if both Han stand alone;
//! * between two Latin letters: only if each letter of the spelled-out part stands alone, and there are at least three;
//! * between Han and Latin: white space, as typesetting puts it there, or as above.

use std::ops::Range;

use super::Detectors;
use super::SignalId;
use super::lane::{Found, Source, stamp};
use super::lexicon::{
    HAS_HAN, HAS_LATIN, HAS_SPACE, HAS_SQUEEZED, HAS_TERM, Lexicon, MAX_SEPARATORS, MAX_SPACES,
    Term,
};
use super::window::{Seen, Tape, Window};
use crate::text::{Class, ViewKind};

/// Live prefixes per lane; ordinary text has a handful.
const MAX_THREADS: usize = 4_096;

/// The gap is the space between two words of a term.
const WORDS: u8 = 1;
/// The gap is a disguise.
const SQUEEZE: u8 = 2;
/// The gap is typesetting between Han and Latin.
const SCRIPT: u8 = 4;
/// The gap holds punctuation of prose.
const PROSE: u8 = 8;
/// The symbol before the gap is a letter or digit.
const AFTER_LATIN: u8 = 16;
/// The symbol before the gap has no other word symbol on its left.
const ALONE: u8 = 32;

/// A leet sign was read as a letter.
const LEET: u8 = 1;
/// A real letter was read.
const REAL: u8 = 2;
/// A separator was stepped over.
const SQUEEZED: u8 = 4;
/// No letter or digit may follow the last symbol.
const NO_LATIN: u8 = 8;
/// No word symbol may follow the last symbol.
const NO_WORD: u8 = 16;
/// The last symbol is a sign read as a letter.
const LEET_MARK: u8 = 32;

#[derive(Debug, Clone, Copy)]
struct Thread {
    start: u32,
    from: u32,
    node: u32,
    gap: u8,
    gate: u8,
    flags: u8,
    /// Gaps between two Latin letters that were stepped over.
    crossings: u8,
}

/// What must not follow a complete match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Border {
    /// A letter or digit.
    Latin,
    /// Any word symbol.
    Word,
}

/// A complete match that waits for the symbol after it.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    found: Found,
    border: Border,
    tail: u8,
}

/// The live prefixes of one lane.
#[derive(Debug, Default)]
pub(super) struct Phrases {
    threads: Vec<Thread>,
    moved: Vec<Thread>,
    waiting: Vec<Waiting>,
    /// Whether a thread is inside a gap.
    gapped: bool,
    /// Whether there were ever more threads than [`MAX_THREADS`].
    overflowed: bool,
    /// Classes of the last two symbols.
    last: Option<Class>,
    before_last: Option<Class>,
}

/// One step's surroundings, so that the functions below need few arguments.
struct Step<'a> {
    lexicon: &'a Lexicon,
    window: Window<'a>,
    seen: &'a Seen,
    index: u32,
    code: u16,
    source: Source,
}

fn is_latin(class: Option<Class>) -> bool {
    class.is_some_and(Class::is_latin)
}

fn is_word(class: Option<Class>) -> bool {
    class.is_some_and(Class::is_word)
}

impl Phrases {
    /// Reads the batch, symbol by symbol.
    pub(super) fn run(
        &mut self,
        lexicon: &Lexicon,
        tape: &Tape,
        batch: Range<u32>,
        source: Source,
        found: &mut Vec<Found>,
    ) {
        for next in batch {
            let from = found.len();
            self.step(lexicon, tape.before(next), source, found);
            stamp(&mut found[from..], next);
            self.overflowed |= self.threads.len() > MAX_THREADS;
        }
    }

    /// Reads the newest symbol of the window.
    #[inline]
    fn step(
        &mut self,
        lexicon: &Lexicon,
        window: Window<'_>,
        source: Source,
        found: &mut Vec<Found>,
    ) {
        let seen = window.newest();
        let class = seen.symbol.class;
        if !self.waiting.is_empty() {
            self.pass_border(seen, window.len(), found);
        }
        let code = lexicon.code(seen.symbol.ch);
        let inside_word = class.is_latin() && is_latin(self.last);
        let starts = !inside_word && !class.is_white();
        if starts || !self.threads.is_empty() {
            let step = Step {
                lexicon,
                window,
                seen,
                index: window.len() - 1,
                code,
                source,
            };
            if !self.threads.is_empty() {
                self.advance(&step, found);
            }
            if starts {
                self.begin(&step, found);
            }
        }
        self.before_last = self.last;
        self.last = Some(class);
    }

    fn pass_border(&mut self, seen: &Seen, to: u32, found: &mut Vec<Found>) {
        let class = seen.symbol.class;
        self.waiting.retain_mut(|waiting| {
            let stopped = match waiting.border {
                Border::Latin => class.is_latin(),
                Border::Word => class.is_word(),
            };
            if !stopped {
                found.push(waiting.found);
                return false;
            }
            if waiting.tail == 0 || !seen.symbol.ch.is_ascii_alphabetic() {
                return false;
            }
            waiting.tail -= 1;
            waiting.found.end = seen.end;
            waiting.found.to = to;
            true
        });
    }

    fn advance(&mut self, step: &Step, found: &mut Vec<Found>) {
        let class = step.seen.symbol.class;
        if !self.gapped && matches!(class, Class::Letter | Class::Han) {
            return self.advance_plainly(step, found);
        }
        let threads = std::mem::take(&mut self.threads);
        for thread in &threads {
            match (class.is_word(), thread.gap) {
                (true, 0) => self.next_letter(*thread, step, found),
                (true, _) => self.leave_gap(*thread, step, found),
                (false, _) => self.separator(*thread, step, found),
            }
        }
        self.threads = std::mem::replace(&mut self.moved, threads);
        self.moved.clear();
        self.gapped = self.threads.iter().any(|thread| thread.gap > 0);
    }

    /// The common case: a letter follows a letter in every thread, so none can split.
    fn advance_plainly(&mut self, step: &Step, found: &mut Vec<Found>) {
        let letter = step.seen.symbol.class == Class::Letter;
        let waiting = &mut self.waiting;
        self.threads.retain_mut(|thread| {
            let barred = NO_WORD | if letter { NO_LATIN } else { 0 };
            if thread.flags & barred != 0 {
                return false;
            }
            let Some(child) = step.lexicon.child(thread.node, step.code) else {
                return false;
            };
            thread.node = child;
            thread.flags = thread.flags & !LEET_MARK | if letter { REAL } else { 0 };
            complete(*thread, step, waiting, found);
            true
        });
    }

    fn begin(&mut self, step: &Step, found: &mut Vec<Found>) {
        let class = step.seen.symbol.class;
        let mut thread = Thread {
            start: step.seen.start,
            from: step.index,
            node: 0,
            gap: 0,
            gate: 0,
            flags: 0,
            crossings: 0,
        };
        if let Some(node) = step.lexicon.root(step.code) {
            thread.node = node;
            if class == Class::Letter {
                thread.flags = REAL;
            }
            self.threads.push(thread);
            complete(thread, step, &mut self.waiting, found);
        }
        // A leading `!` or `|` is punctuation; `@` and `$` are not, if a word follows at once.
        if !matches!(class, Class::Digit | Class::Mark)
            || is_latin(self.last)
            || step.seen.symbol.ch == '|'
        {
            return;
        }
        for code in step.lexicon.leet(step.seen.symbol.ch) {
            if let Some(node) = step.lexicon.root(code) {
                thread.node = node;
                thread.flags = LEET | mark_flag(class);
                self.threads.push(thread);
            }
        }
    }

    /// A word symbol follows directly.
    fn next_letter(&mut self, thread: Thread, step: &Step, found: &mut Vec<Found>) {
        let class = step.seen.symbol.class;
        if thread.flags & NO_WORD != 0 || (thread.flags & NO_LATIN != 0 && class.is_latin()) {
            return;
        }
        self.take(thread, thread.node, step, found);
    }

    /// Something else than a separator follows a gap; a sign can only be a leet letter.
    fn leave_gap(&mut self, thread: Thread, step: &Step, found: &mut Vec<Found>) {
        let class = step.seen.symbol.class;
        if thread.gate & WORDS != 0
            && let Some(node) = step.lexicon.child(thread.node, step.lexicon.space())
        {
            self.take(thread, node, step, found);
        }
        let after_latin = thread.gate & AFTER_LATIN != 0;
        let mut squeezed = thread;
        squeezed.flags |= SQUEEZED;
        if thread.gate & SQUEEZE != 0 {
            if class != Class::Han {
                squeezed.flags |= NO_LATIN;
                squeezed.crossings += u8::from(after_latin);
            } else if thread.gate & PROSE != 0 {
                squeezed.flags |= NO_WORD;
            }
            self.take(squeezed, thread.node, step, found);
        } else if thread.gate & SCRIPT != 0 && class.is_latin() != after_latin {
            self.take(squeezed, thread.node, step, found);
        }
    }

    /// Moves to the children that the symbol leads to, as it is and as leet.
    fn take(&mut self, thread: Thread, node: u32, step: &Step, found: &mut Vec<Found>) {
        let class = step.seen.symbol.class;
        let mut next = Thread {
            gap: 0,
            gate: 0,
            flags: thread.flags & !LEET_MARK,
            ..thread
        };
        if let Some(child) = step.lexicon.child(node, step.code) {
            let mut exact = next;
            exact.node = child;
            if class == Class::Letter {
                exact.flags |= REAL;
            }
            self.moved.push(exact);
            complete(exact, step, &mut self.waiting, found);
        }
        if matches!(class, Class::Letter | Class::Han) {
            return;
        }
        next.flags |= LEET | mark_flag(class);
        for code in step.lexicon.leet(step.seen.symbol.ch) {
            if let Some(child) = step.lexicon.child(node, code) {
                next.node = child;
                self.moved.push(next);
                // At its end `!` or `|` is punctuation.
                if !matches!(step.seen.symbol.ch, '!' | '|') {
                    complete(next, step, &mut self.waiting, found);
                }
            }
        }
    }

    /// Something that is no word symbol follows: part of the term, a leet letter, or a gap.
    fn separator(&mut self, thread: Thread, step: &Step, found: &mut Vec<Found>) {
        if !step.seen.symbol.class.is_white() {
            if thread.gap == 0 {
                self.take(thread, thread.node, step, found);
            } else {
                self.leave_gap(thread, step, found);
            }
        }
        let gate = if thread.gap == 0 {
            self.enter_gap(thread, step)
        } else {
            stay_in_gap(thread, step.seen)
        };
        if gate & (WORDS | SQUEEZE | SCRIPT) != 0 {
            self.moved.push(Thread {
                gap: thread.gap + 1,
                gate,
                flags: thread.flags & !(NO_LATIN | NO_WORD | LEET_MARK),
                ..thread
            });
        }
    }

    /// In which ways a gap may begin with this separator.
    fn enter_gap(&self, thread: Thread, step: &Step) -> u8 {
        let class = step.seen.symbol.class;
        let has = step.lexicon.has(thread.node);
        let mut gate = 0;
        if has & HAS_SPACE != 0 && parts_words(step.seen) {
            gate |= WORDS;
        }
        if has & HAS_SQUEEZED == 0 {
            return gate;
        }
        let latin = is_latin(self.last) || thread.flags & LEET_MARK != 0;
        let han = self.last == Some(Class::Han);
        let alone = if latin {
            !is_latin(self.before_last)
        } else {
            !is_word(self.before_last)
        };
        if latin {
            gate |= AFTER_LATIN;
        }
        if alone {
            gate |= ALONE;
        }
        if class.is_natural() {
            gate |= PROSE;
        }
        let squeezes = (latin && alone) || (han && (alone || !class.is_natural()));
        if squeezes && has & (HAS_HAN | HAS_LATIN) != 0 {
            gate |= SQUEEZE;
        }
        let other = if latin { HAS_HAN } else { HAS_LATIN };
        if (latin || han) && class == Class::Space && has & other != 0 {
            gate |= SCRIPT;
        }
        gate
    }

    /// The text ends: nothing follows what waits.
    pub(super) fn finish(&mut self, found: &mut Vec<Found>) {
        self.threads.clear();
        found.extend(self.waiting.drain(..).map(|waiting| waiting.found));
    }

    /// First byte of the earliest live prefix or waiting match that text waits for.
    pub(super) fn earliest(&self, detectors: &Detectors) -> Option<u32> {
        let threads = self.threads.iter();
        let threads = threads.filter(|thread| detectors.lexicon.holds(thread.node));
        let waiting = self.unripe().filter(|found| detectors.holds(found.signal));
        threads
            .map(|thread| thread.start)
            .chain(waiting.map(|found| found.start))
            .min()
    }

    /// Matches that wait only for what follows.
    pub(super) fn unripe(&self) -> impl Iterator<Item = Found> {
        self.waiting.iter().map(|waiting| waiting.found)
    }

    /// Whether there were ever more live prefixes than are followed.
    pub(super) fn overflowed(&self) -> bool {
        self.overflowed
    }
}

/// Whether it may stand for the space between two words.
fn parts_words(seen: &Seen) -> bool {
    seen.symbol.class.is_white() || matches!(seen.symbol.ch, '-' | '_')
}

fn mark_flag(class: Class) -> u8 {
    if class == Class::Digit { 0 } else { LEET_MARK }
}

/// Which ways of crossing remain when the gap grows.
fn stay_in_gap(thread: Thread, seen: &Seen) -> u8 {
    let class = seen.symbol.class;
    let mut gate = thread.gate;
    if thread.gap >= MAX_SPACES || !parts_words(seen) {
        gate &= !WORDS;
    }
    if thread.gap >= MAX_SPACES || class != Class::Space {
        gate &= !SCRIPT;
    }
    if class.is_natural() {
        gate |= PROSE;
        if gate & ALONE == 0 {
            gate &= !SQUEEZE;
        }
    }
    if thread.gap >= MAX_SEPARATORS {
        gate &= !SQUEEZE;
    }
    gate
}

/// Reports the terms that end where the thread now is, or lets them wait for their border.
fn complete(thread: Thread, step: &Step, waiting: &mut Vec<Waiting>, found: &mut Vec<Found>) {
    if step.lexicon.has(thread.node) & HAS_TERM == 0 {
        return;
    }
    if (thread.flags & LEET != 0 && thread.flags & REAL == 0) || thread.crossings == 1 {
        return;
    }
    let mut reported: Option<(SignalId, u8)> = None;
    for term in step.lexicon.terms(thread.node) {
        // Two spellings of one term fold alike; terms of a node are sorted by signal.
        if reported == Some((term.signal, term.tail)) {
            continue;
        }
        let Some(view) = view(thread, term, step) else {
            continue;
        };
        reported = Some((term.signal, term.tail));
        let match_ = Found {
            signal: term.signal,
            view,
            start: thread.start,
            end: step.seen.end,
            from: thread.from,
            to: step.index + 1,
            ripe: 0,
        };
        let border = match (term.last.is_latin(), thread.flags & NO_WORD != 0) {
            (true, _) => Border::Latin,
            (false, true) => Border::Word,
            (false, false) => {
                found.push(match_);
                continue;
            }
        };
        waiting.push(Waiting {
            found: match_,
            border,
            tail: term.tail,
        });
    }
}

/// The reading in which the term is found, if it may be looked for there.
fn view(thread: Thread, term: &Term, step: &Step) -> Option<ViewKind> {
    if step.source == Source::Hidden {
        return term.views.has(ViewKind::Hidden).then_some(ViewKind::Hidden);
    }
    let level = if thread.flags & SQUEEZED != 0 {
        ViewKind::Squeezed
    } else if thread.flags & LEET != 0
        || !step
            .window
            .spells(thread.from, step.index + 1, &term.written)
    {
        ViewKind::Skeleton
    } else {
        ViewKind::Surface
    };
    term.view(level)
}
