//! [`Phrases`]: all live prefixes of terms at one place of a text: skeleton, squeezed, leet and the
//! lossy views of the lexicon in one walk.
//!
//! A thread is a place in the trie and where it began. Each symbol moves it on, lets it step over
//! a separator (V2), reads the symbol as a leet letter, or ends it. The rules of the gap:
//! * between words of a term: one to three white spaces, hyphens or underscores;
//! * between two Han: any separators, but those of ordinary prose (，。 newline) only if both Han stand alone;
//! * between two Latin letters: only if each letter of the spelled-out part stands alone, and there are at least three;
//! * between Han and Latin: white space, as typesetting puts it there, or as above;
//! * between syllables of pinyin: the gap between words, or an apostrophe.

use std::ops::Range;

use super::Detectors;
use super::gap::{self, AFTER_LATIN, PROSE, SCRIPT, SIGN, SQUEEZE, SYLLABLE, WORDS};
use super::lane::{Found, Source, stamp};
use super::lexicon::{Edge, Lexicon};
use super::opening::{Opening, Pair, han, sign, word};
use super::places::Places;
use super::thread::{
    AFTER_SYLLABLE, Border, EDGE, LEET, LEET_MARK, MARKED, NO_LATIN, NO_WORD, REAL, SQUEEZED, Step,
    TONED, Thread, Waiting, complete, mark_flag,
};
use super::window::{Seen, Tape, Window};
use super::word::{Behind, Rest, SPACE};
use crate::text::Class;
use crate::text::steps;

/// Live prefixes per lane; ordinary text has a handful.
const MAX_THREADS: usize = 4_096;

/// The live prefixes of one lane.
#[derive(Debug, Default)]
pub(super) struct Phrases {
    threads: Vec<Thread>,
    moved: Vec<Thread>,
    /// What began with the last symbol and the one to come.
    ahead: Vec<Thread>,
    /// Reused for the same, one symbol later.
    begun: Vec<Thread>,
    /// What a word began that has not ended yet; only within a batch.
    word: Option<Begun>,
    waiting: Vec<Waiting>,
    /// Where terms may begin in a batch; reused.
    places: Places,
    /// Whether there were ever more threads than [`MAX_THREADS`].
    overflowed: bool,
    /// Classes of the last two symbols.
    last: Option<Class>,
    before_last: Option<Class>,
}

/// A whole word that terms begin with: they are followed from its last letter on.
#[derive(Debug, Clone, Copy)]
struct Begun {
    /// Where what it begins lies in [`super::beginnings::Beginnings`].
    ends: u32,
    /// First byte, first and last symbol.
    start: u32,
    from: u32,
    to: u32,
}

pub(super) fn is_latin(class: Option<Class>) -> bool {
    class.is_some_and(Class::is_latin)
}

pub(super) fn is_word(class: Option<Class>) -> bool {
    class.is_some_and(Class::is_word)
}

impl Phrases {
    /// Reads the batch.
    pub(super) fn run(
        &mut self,
        lexicon: &Lexicon,
        tape: &Tape,
        batch: Range<u32>,
        source: Source,
        found: &mut Vec<Found>,
    ) {
        let rest = Rest {
            symbols: tape.from(batch.start - 1),
            letters: tape.letters(batch.start - 1),
        };
        self.places.read(lexicon, rest.letters);
        self.read(lexicon, (tape, rest), batch.start, source, found);
    }

    /// Reads these symbols of a tape, of which the first is the one before `next`.
    fn read(
        &mut self,
        lexicon: &Lexicon,
        (tape, rest): (&Tape, Rest<'_>),
        next: u32,
        source: Source,
        found: &mut Vec<Found>,
    ) {
        let mut at = 0;
        while at < rest.symbols.len() {
            if self.threads.is_empty() && self.waiting.is_empty() && self.ahead.is_empty() {
                at = self.skip(lexicon, rest, at, next - 1);
                if at >= rest.symbols.len() {
                    return;
                }
            }
            let next = next + at as u32;
            let from = found.len();
            let follows = (rest.from(at), self.places.has(at));
            self.step(lexicon, tape.before(next), (source, follows), found);
            stamp(&mut found[from..], next);
            self.overflowed |= self.threads.len() > MAX_THREADS;
            at += 1;
        }
    }

    /// The first symbol from `at` on at which something is alive or may begin. Nothing is alive.
    #[inline]
    fn skip(&mut self, lexicon: &Lexicon, rest: Rest<'_>, mut at: usize, index: u32) -> usize {
        let Rest { symbols, letters } = rest;
        if let Some(word) = self.word {
            self.last = Some(Class::Letter);
            return (word.to - index) as usize;
        }
        let told = self.places.are_told();
        loop {
            if told {
                at = self.pass(symbols, at);
            }
            let Some(seen) = symbols.get(at) else {
                return at;
            };
            let class = seen.symbol.class;
            match class {
                Class::Letter if !is_latin(self.last) => {
                    let length = match word(lexicon, rest.from(at)) {
                        Opening::Dull(length) if letters.get(at + length) == Some(&SPACE) => {
                            self.before_last = Some(Class::Letter);
                            self.last = Some(Class::Space);
                            at += length + 1;
                            continue;
                        }
                        Opening::Dull(length) => length,
                        Opening::Word(ends, length) => {
                            self.word = Some(whole_word(seen, index + at as u32, ends, length));
                            length
                        }
                        _ => break,
                    };
                    if length > 1 {
                        self.before_last = self.last;
                        self.last = Some(Class::Letter);
                    }
                    at += length - 1;
                    if self.word.is_some() {
                        break;
                    }
                }
                Class::Letter | Class::Space | Class::Line => {}
                Class::Han => match han(lexicon, self.last, &symbols[at..]) {
                    Opening::Anything | Opening::Single(_) => break,
                    Opening::Nothing | Opening::Word(..) | Opening::Dull(_) => {}
                    Opening::Pair(both) => {
                        self.look_ahead(lexicon, both, seen, index + at as u32);
                        if !self.ahead.is_empty() {
                            self.before_last = self.last;
                            self.last = Some(class);
                            return at + 1;
                        }
                    }
                },
                Class::Natural if lexicon.labels(seen.symbol.ch).exact == 0 => {}
                Class::Natural | Class::Digit | Class::Mark => {
                    if let Opening::Anything = sign(lexicon, seen.symbol.ch) {
                        break;
                    }
                }
            }
            self.before_last = self.last;
            self.last = Some(class);
            at += 1;
        }
        at
    }

    /// Passes the symbols from `at` on at which nothing begins; returns the first other one.
    #[inline]
    fn pass(&mut self, symbols: &[Seen], at: usize) -> usize {
        let next = self.places.next(at, symbols.len());
        if next > at {
            let class = |at: usize| Some(symbols[at].symbol.class);
            self.before_last = if next - at > 1 {
                class(next - 2)
            } else {
                self.last
            };
            self.last = class(next - 1);
        }
        next
    }

    /// Begins whatever begins with a Han and the symbol after it, two symbols in.
    #[inline]
    fn look_ahead(
        &mut self,
        lexicon: &Lexicon,
        Pair {
            first: labels,
            second: next,
            third,
        }: Pair<'_>,
        seen: &Seen,
        index: u32,
    ) {
        let ahead = &mut self.ahead;
        let plain = |third: &Seen| matches!(third.symbol.class, Class::Han | Class::Letter);
        let third = third.filter(plain);
        let third = third.map(|third| lexicon.labels(third.symbol.ch));
        lexicon
            .beginnings
            .pair(labels, next, third, |to, first, second| {
                if ahead.iter().all(|known: &Thread| known.node != to) {
                    let mut thread = Thread::new(seen.start, index);
                    thread.by(first);
                    thread.by(second);
                    thread.node = to;
                    ahead.push(thread);
                }
            });
    }

    /// Reads the newest symbol of the window, with which `follows` begins, and a term may if it `begins`.
    fn step(
        &mut self,
        lexicon: &Lexicon,
        window: Window<'_>,
        (source, (follows, begins)): (Source, (Rest<'_>, bool)),
        found: &mut Vec<Found>,
    ) {
        let seen = window.newest();
        let class = seen.symbol.class;
        if !self.waiting.is_empty() {
            self.pass_border(seen, window.len(), found);
        }
        let step = Step {
            lexicon,
            window,
            seen,
            index: window.len() - 1,
            labels: lexicon.labels(seen.symbol.ch),
            source,
        };
        std::mem::swap(&mut self.begun, &mut self.ahead);
        if !self.threads.is_empty() {
            self.advance(&step, found);
        }
        let inside_word = class.is_latin() && is_latin(self.last);
        if begins && !inside_word && !class.is_white() && self.word.is_none() {
            let start = match class {
                Class::Han => han(lexicon, self.last, follows.symbols),
                Class::Letter => word(lexicon, follows),
                _ => sign(lexicon, seen.symbol.ch),
            };
            match start {
                Opening::Nothing | Opening::Dull(_) => {}
                Opening::Word(ends, length) => {
                    self.word = Some(whole_word(seen, step.index, ends, length));
                }
                Opening::Pair(both) => self.look_ahead(lexicon, both, seen, step.index),
                Opening::Single(both) => {
                    self.end_single(&step, found);
                    if let Some(both) = both {
                        self.look_ahead(lexicon, both, seen, step.index);
                    }
                }
                Opening::Anything => self.begin(&step, found),
            }
        }
        if let Some(word) = self.word.take_if(|word| word.to == step.index) {
            self.end_word(word, &step, follows.from(1), found);
        }
        let mut begun = std::mem::take(&mut self.begun);
        for mut thread in begun.drain(..) {
            if class == Class::Letter {
                thread.flags |= REAL;
            }
            if thread.goes_on(lexicon) {
                self.threads.push(thread);
            }
            complete(thread, &step, &mut self.waiting, found);
        }
        self.begun = begun;
        self.before_last = self.last;
        self.last = Some(class);
    }

    /// Reports the terms that are the newest symbol alone, a Han: nothing else of a single Han counts
    /// but what it is.
    fn end_single(&mut self, step: &Step, found: &mut Vec<Found>) {
        let mut last = None;
        for edge in step.lexicon.roots(step.labels.exact) {
            if last.replace(edge.to) == Some(edge.to) {
                continue;
            }
            let mut thread = Thread::new(step.seen.start, step.index);
            thread.node = edge.to;
            thread.by(edge.kind);
            complete(thread, step, &mut self.waiting, found);
        }
    }

    /// Follows what a word begins from its last letter, the newest symbol, on; of what follows it, one
    /// space and a word tell which terms cannot go on.
    fn end_word(&mut self, word: Begun, step: &Step, follows: Rest<'_>, found: &mut Vec<Found>) {
        let lexicon = step.lexicon;
        let behind = Behind::of(lexicon, word.from == word.to, follows);
        for end in lexicon.beginnings.ends(word.ends) {
            let thread = end.thread(word.start, word.from);
            if end.goes_on(lexicon, &behind) && thread.goes_on(lexicon) {
                self.threads.push(thread);
            }
            if end.is_complete() {
                complete(thread, step, &mut self.waiting, found);
            }
        }
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
        let word = step.seen.symbol.class.is_word();
        let threads = std::mem::take(&mut self.threads);
        for thread in &threads {
            steps::step();
            match (word, thread.gap) {
                (true, 0) => self.next_letter(*thread, step, found),
                (true, _) => self.leave_gap(*thread, step, found),
                (false, _) => self.separator(*thread, step, found),
            }
        }
        self.moved.retain(|thread| thread.goes_on(step.lexicon));
        self.threads = std::mem::replace(&mut self.moved, threads);
        self.moved.clear();
    }

    fn begin(&mut self, step: &Step, found: &mut Vec<Found>) {
        let class = step.seen.symbol.class;
        let thread = Thread::new(step.seen.start, step.index);
        std::mem::swap(&mut self.threads, &mut self.moved);
        let begun = self.moved.len();
        for code in step.labels.all() {
            for edge in step.lexicon.roots(code) {
                if !self.moved[begun..].iter().any(|next| next.node == edge.to) {
                    self.enter(thread, *edge, step, found);
                }
            }
        }
        let sign = match step.seen.symbol.ch {
            // Before a long word only, and where a word may begin.
            ch if is_edge(ch) => self
                .last
                .is_none_or(|last| last.is_white() || last.is_natural()),
            _ => matches!(class, Class::Digit | Class::Mark) && !is_latin(self.last),
        };
        if sign {
            for code in step.lexicon.leet(step.seen.symbol.ch) {
                for edge in step.lexicon.roots(code).iter().filter(|_| code != 0) {
                    self.enter_as_leet(thread, *edge, step);
                }
            }
        }
        std::mem::swap(&mut self.threads, &mut self.moved);
    }

    /// Follows an edge by the symbol itself or one of its readings.
    fn enter(&mut self, thread: Thread, edge: Edge, step: &Step, found: &mut Vec<Found>) {
        let mut next = Thread {
            node: edge.to,
            gap: 0,
            gate: 0,
            flags: thread.flags & !(LEET_MARK | AFTER_SYLLABLE),
            ..thread
        };
        if step.seen.symbol.class == Class::Letter {
            next.flags |= REAL;
        }
        next.by(edge.kind);
        self.moved.push(next);
        complete(next, step, &mut self.waiting, found);
    }

    /// Follows an edge by a sign that stands for a letter.
    fn enter_as_leet(&mut self, thread: Thread, edge: Edge, step: &Step) -> Thread {
        let class = step.seen.symbol.class;
        let begins = thread.from == step.index && is_edge(step.seen.symbol.ch);
        let kept = thread.flags & !(LEET_MARK | AFTER_SYLLABLE);
        let mut next = Thread {
            node: edge.to,
            gap: 0,
            gate: 0,
            flags: kept | LEET | mark_flag(class) | if begins { EDGE } else { 0 },
            ..thread
        };
        next.by(edge.kind);
        self.moved.push(next);
        next
    }

    /// A word symbol follows directly.
    fn next_letter(&mut self, thread: Thread, step: &Step, found: &mut Vec<Found>) {
        let class = step.seen.symbol.class;
        if thread.flags & NO_WORD != 0 || (thread.flags & NO_LATIN != 0 && class.is_latin()) {
            return;
        }
        if thread.flags & AFTER_SYLLABLE != 0 && matches!(step.seen.symbol.ch, '1'..='5') {
            let mut toned = thread;
            toned.flags &= !AFTER_SYLLABLE;
            toned.flags |= TONED;
            self.moved.push(toned);
            complete(toned, step, &mut self.waiting, found);
        }
        self.take(thread, thread.node, step, found);
    }

    /// Something else than a separator follows a gap; a sign can only be a leet letter.
    fn leave_gap(&mut self, thread: Thread, step: &Step, found: &mut Vec<Found>) {
        let class = step.seen.symbol.class;
        if thread.gate & WORDS != 0 {
            for edge in step.lexicon.children(thread.node, step.lexicon.space()) {
                self.take(thread, edge.to, step, found);
            }
        }
        let after_latin = thread.gate & AFTER_LATIN != 0;
        let mut squeezed = thread;
        squeezed.flags |= SQUEEZED;
        if thread.gate & SIGN != 0 {
            squeezed.flags |= MARKED;
        }
        if thread.gate & SQUEEZE != 0 {
            if class != Class::Han {
                squeezed.flags |= NO_LATIN;
                squeezed.crossings += u8::from(after_latin);
            } else if thread.gate & PROSE != 0 {
                squeezed.flags |= NO_WORD;
            }
            self.take(squeezed, thread.node, step, found);
        } else if thread.gate & SYLLABLE != 0
            || (thread.gate & SCRIPT != 0 && class.is_latin() != after_latin)
        {
            self.take(squeezed, thread.node, step, found);
        }
    }

    /// Moves to the children that the symbol leads to, as it is, by its readings, and as leet.
    fn take(&mut self, thread: Thread, node: u32, step: &Step, found: &mut Vec<Found>) {
        let class = step.seen.symbol.class;
        let taken = self.moved.len();
        for code in step.labels.all() {
            for edge in step.lexicon.children(node, code) {
                // The first reading that leads to a place is the nearest to the surface.
                if !self.moved[taken..].iter().any(|next| next.node == edge.to) {
                    self.enter(thread, *edge, step, found);
                }
            }
        }
        if matches!(class, Class::Letter | Class::Han) {
            return;
        }
        for code in step.lexicon.leet(step.seen.symbol.ch) {
            for edge in step
                .lexicon
                .children(node, code)
                .iter()
                .filter(|_| code != 0)
            {
                let mut next = self.enter_as_leet(thread, *edge, step);
                // At its end `!` or `|` is punctuation, unless the term has another such sign.
                let alone = thread.flags & LEET == 0;
                match step.seen.symbol.ch {
                    '(' => continue,
                    '!' | '|' if alone => continue,
                    '+' if alone => next.flags |= EDGE,
                    _ => {}
                }
                complete(next, step, &mut self.waiting, found);
            }
        }
    }

    /// Something that is no word symbol follows: part of the term, a leet letter, or a gap.
    fn separator(&mut self, thread: Thread, step: &Step, found: &mut Vec<Found>) {
        // What begins with punctuation goes on with a letter at once.
        if thread.flags & EDGE != 0 && thread.from + 1 == step.index {
            return;
        }
        if !step.seen.symbol.class.is_white() {
            if thread.gap == 0 {
                self.take(thread, thread.node, step, found);
            } else {
                self.leave_gap(thread, step, found);
            }
        }
        let gate = if thread.gap == 0 {
            gap::enter(thread, step, [self.before_last, self.last])
        } else {
            gap::stay(thread, step.seen)
        };
        if gate & (WORDS | SQUEEZE | SCRIPT | SYLLABLE) != 0 {
            self.moved.push(Thread {
                gap: thread.gap + 1,
                gate,
                flags: thread.flags & !(NO_LATIN | NO_WORD | LEET_MARK | AFTER_SYLLABLE),
                ..thread
            });
        }
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
        let waiting = self.unripe().filter(|found| detectors.holds(found.signals));
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

/// Whether it is a sign where a word begins, and a letter within one. A leading `!` is always a sign.
fn is_edge(ch: char) -> bool {
    matches!(ch, '|' | '+')
}

fn whole_word(first: &Seen, index: u32, ends: u32, length: usize) -> Begun {
    Begun {
        ends,
        start: first.start,
        from: index,
        to: index + length as u32 - 1,
    }
}
