//! [`Layer`]: one level of codes. Characters in, the same characters with every code replaced by
//! what it spells out; a character that may become part of a code waits.
//!
//! Everything advances per character, so how the text was cut cannot be seen. Each character is
//! looked at a bounded number of times: an inline code is a dozen characters at most, a run is
//! judged once, at its end, and what of it is no code is not tried again.

use std::collections::VecDeque;

use super::Span;
use super::base::{self, Beside};
use super::decode::{REACH, Spelled};
use super::escape::{self, Read};
use super::list::{self, Kinds};
use super::sift::begins_morse;

/// Characters of a run that wait together: longer ones are read in pieces of this length, which is
/// a whole number of groups of every base.
const RUN_CAP: usize = 4_096;

/// Signs of a letter of Morse, a full stop after it included.
const LONGEST_MORSE: usize = 7;

/// Separators between the groups of a list, and between two words of Morse.
const GAP: usize = 3;

/// What the waiting characters may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing waits.
    Idle,
    /// Nothing waits: the token that goes on is too long a word.
    Dead,
    /// An inline code.
    Inline,
    /// A token: a run, or the next group of a list.
    Token,
    /// What stands between two groups of a list.
    Gap,
    /// Dots and dashes.
    Morse,
}

/// One level of codes.
#[derive(Debug)]
pub(super) struct Layer {
    state: State,
    /// What waits.
    queue: Vec<Spelled>,
    /// What is still to be read: rests of failed codes, before what comes next.
    todo: VecDeque<Spelled>,
    /// The character before the queue.
    last: char,
    /// Whether the queue holds a sign that it is no ordinary word.
    evident: bool,
    /// Where that sign stands: what comes before it may have been shown by then.
    evident_at: u32,
    /// What the groups of the list in the queue may be; none if there is no list.
    kinds: Kinds,
    /// Where in the queue the list's last group ends.
    good: usize,
    /// Where in the queue the current token starts.
    token: usize,
    /// Whether runs of plain characters were judged by the layer before.
    nested: bool,
    /// Whether a stretch began and nothing of it was given yet.
    fresh: bool,
    runs: u32,
}

/// Whether the character can be part of a run of letters: one of some base's alphabet.
pub(super) const fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '_' | '-')
}

/// Whether lists put it between groups.
const fn is_separator(c: char) -> bool {
    matches!(c, ' ' | ',' | ';' | ':' | '|' | '\t' | '\n' | '、' | '，')
}

impl Layer {
    pub(super) fn outermost() -> Self {
        Self {
            state: State::Idle,
            queue: Vec::new(),
            todo: VecDeque::new(),
            last: '\0',
            evident: false,
            evident_at: 0,
            kinds: Kinds::NONE,
            good: 0,
            token: 0,
            nested: false,
            fresh: false,
            runs: 0,
        }
    }

    pub(super) fn nested() -> Self {
        Self {
            nested: true,
            ..Self::outermost()
        }
    }

    /// Reading begins after this character, and perhaps within a word that is too long.
    pub(super) fn enter(&mut self, last: char, within: bool) {
        self.last = last;
        self.state = if within { State::Dead } else { State::Idle };
    }

    pub(super) fn is_idle(&self) -> bool {
        self.state == State::Idle
    }

    /// From which byte on what waits looks like a code and not like a word.
    pub(super) fn evident(&self) -> Option<u32> {
        self.evident.then_some(self.evident_at)
    }

    /// Whether a code of single characters is open, which is evident from its first sign on.
    pub(super) fn is_inline(&self) -> bool {
        self.state == State::Inline
    }

    fn evident_by(&mut self, sign: bool, unit: &Spelled) {
        if sign && !self.evident {
            (self.evident, self.evident_at) = (true, unit.span.start);
        }
    }

    /// What was decoded begins where it was evident: what came before may have been shown, and a
    /// stream must end at the same place however it was cut.
    fn clamp(&self, decoded: &mut [Spelled]) {
        for unit in decoded.iter_mut().filter(|unit| unit.layers > 0) {
            let Span { start, end } = unit.span;
            let start = start.max(self.evident_at);
            unit.span = Span::new(start, end.max(start + 1));
        }
    }

    /// First original byte of what waits.
    pub(super) fn pending(&self) -> Option<u32> {
        self.queue.first().map(|unit| unit.span.start)
    }

    /// Runs decoded so far.
    pub(super) const fn runs(&self) -> u32 {
        self.runs
    }

    /// Reads one character; appends what became certain.
    #[inline]
    pub(super) fn push(&mut self, mut unit: Spelled, out: &mut Vec<Spelled>) {
        if unit.fresh {
            self.finish(out);
            self.fresh = true;
            unit.fresh = false;
        }
        let from = out.len();
        self.step(unit, out);
        while let Some(unit) = self.todo.pop_front() {
            self.step(unit, out);
        }
        self.begin_stretch(from, out);
    }

    /// Nothing follows; appends what became certain by that.
    pub(super) fn finish(&mut self, out: &mut Vec<Spelled>) {
        let from = out.len();
        while !self.queue.is_empty() {
            match self.state {
                State::Inline => self.inline(true, out),
                State::Token => self.end_token(None, out),
                State::Gap => self.end_list(out),
                State::Morse => self.end_morse(out),
                State::Idle | State::Dead => out.append(&mut self.queue),
            }
            while let Some(unit) = self.todo.pop_front() {
                self.step(unit, out);
            }
        }
        self.begin_stretch(from, out);
        self.rest();
        self.last = '\0';
    }

    #[inline]
    fn step(&mut self, unit: Spelled, out: &mut Vec<Spelled>) {
        match self.state {
            State::Idle | State::Dead => self.begin(unit, out),
            State::Inline => {
                self.queue.push(unit);
                self.inline(false, out);
            }
            State::Token => self.token(unit, out),
            State::Gap => self.gap(unit, out),
            State::Morse => self.morse(unit, out),
        }
    }

    /// What was given first after a stretch began is its first character.
    fn begin_stretch(&mut self, from: usize, out: &mut [Spelled]) {
        if let Some(first) = out.get_mut(from).filter(|_| self.fresh) {
            first.fresh = true;
            self.fresh = false;
        }
    }

    /// Nothing waits any more.
    fn rest(&mut self) {
        self.state = State::Idle;
        self.evident = false;
        self.kinds = Kinds::NONE;
        (self.good, self.token) = (0, 0);
    }

    fn give(&mut self, unit: Spelled, out: &mut Vec<Spelled>) {
        self.last = unit.ch;
        out.push(unit);
    }

    /// The waiting characters up to `to` are no code; those after are read anew.
    fn let_go(&mut self, to: usize, out: &mut Vec<Spelled>) {
        if to < self.queue.len() {
            for unit in self.queue.drain(to..).rev() {
                self.todo.push_front(unit);
            }
        }
        if let Some(unit) = self.queue.last() {
            self.last = unit.ch;
        }
        out.append(&mut self.queue);
        self.rest();
    }

    fn begin(&mut self, unit: Spelled, out: &mut Vec<Spelled>) {
        let c = unit.ch;
        let before = u8::try_from(self.last).unwrap_or(0x80);
        if self.state == State::Dead && is_token(c) {
            return self.give(unit, out);
        }
        self.state = if escape::begins(c) {
            State::Inline
        } else if matches!(c, '-' | '.') && begins_morse(before) {
            State::Morse
        } else if is_token(c) {
            State::Token
        } else {
            State::Idle
        };
        if self.state == State::Idle {
            return self.give(unit, out);
        }
        let sign = match self.state {
            State::Inline => true,
            State::Morse => false,
            _ => c.is_ascii_digit() || unit.layers > 0,
        };
        self.evident = false;
        self.evident_by(sign, &unit);
        self.queue.push(unit);
    }

    fn inline(&mut self, ended: bool, out: &mut Vec<Spelled>) {
        match escape::read(&self.queue, ended) {
            Read::More => {}
            Read::Plain => self.let_go(1, out),
            // Signs that only a soft line break has brought together: the layer before knew it.
            Read::Code {
                used, ch: Some(_), ..
            } if self.is_known(used) => self.let_go(1, out),
            Read::Code { used, ch, code } => {
                if let Some(ch) = ch {
                    let unit = base::union(&self.queue[..used], ch, code);
                    self.give(unit, out);
                }
                self.queue.drain(..used);
                self.let_go(0, out);
            }
        }
    }

    fn token(&mut self, unit: Spelled, out: &mut Vec<Spelled>) {
        let padding = base::padding(&self.queue);
        let may_pad = self.evident && self.kinds.is_none() && padding < base::MAX_PADDING;
        if unit.ch == '=' && may_pad {
            return self.queue.push(unit);
        }
        if !is_token(unit.ch) || padding > 0 || self.queue.len() >= RUN_CAP {
            return self.end_token(Some(unit), out);
        }
        let last = self.queue.last().map_or('\0', |unit| unit.ch);
        if !self.kinds.is_none() && !list::fits(unit.ch) {
            self.todo.push_front(unit);
            return self.end_list(out);
        }
        let label = unit.ch == '-' && last == '-';
        let capital = unit.ch.is_ascii_uppercase() && last.is_ascii_alphabetic();
        let sign = label || capital || unit.ch.is_ascii_digit() || unit.layers > 0;
        self.evident_by(sign, &unit);
        self.queue.push(unit);
        if self.queue.len() == REACH && !self.evident {
            self.let_go(REACH, out);
            self.state = State::Dead;
        }
    }

    /// The token is whole: a group of a list, or a run.
    fn end_token(&mut self, next: Option<Spelled>, out: &mut Vec<Spelled>) {
        if let Some(next) = next {
            self.todo.push_front(next);
        }
        let end = self.queue.len() - base::padding(&self.queue);
        let kinds = list::kinds(&self.queue[self.token..end]);
        if self.kinds.is_none() {
            if kinds.is_none() || !self.evident {
                return self.end_run(self.queue.len(), out);
            }
            self.kinds = kinds;
        } else if (self.kinds & kinds).is_none() {
            return self.end_list(out);
        }
        // Groups of a list have no padding: it is read anew.
        for unit in self.queue.drain(end..).rev() {
            self.todo.push_front(unit);
        }
        self.kinds = self.kinds & kinds;
        self.good = self.queue.len();
        self.state = State::Gap;
        if next.is_none() || self.good >= RUN_CAP {
            self.end_list(out);
        }
    }

    fn gap(&mut self, unit: Spelled, out: &mut Vec<Spelled>) {
        let gap = self.queue.len() - self.good;
        if is_separator(unit.ch) && gap < GAP {
            self.queue.push(unit);
        } else if is_token(unit.ch) && list::fits(unit.ch) && gap > 0 {
            self.token = self.queue.len();
            self.queue.push(unit);
            self.state = State::Token;
        } else {
            self.todo.push_front(unit);
            self.end_list(out);
        }
    }

    /// No group follows: the list is read, and what came after its last group is read anew.
    fn end_list(&mut self, out: &mut Vec<Spelled>) {
        let (kinds, good, from) = (self.kinds, self.good, out.len());
        if !self.is_known(good) && list::read(&self.queue[..good], kinds, out) {
            self.clamp(&mut out[from..]);
            return self.decoded(good, out);
        }
        self.end_run(good, out);
    }

    /// The characters before `to` are one run, or none.
    fn end_run(&mut self, to: usize, out: &mut Vec<Spelled>) {
        let from = out.len();
        let run = to - base::padding(&self.queue[..to]);
        let beside = Beside {
            padding: to - run,
            leads: self.last == '=',
        };
        if self.evident && !self.is_known(run) && base::read(&self.queue[..run], beside, out) {
            let to = base::padded(&self.queue[..to], run, out);
            self.clamp(&mut out[from..]);
            return self.decoded(to, out);
        }
        self.let_go(run, out);
    }

    /// The characters before `to` were replaced by what they spell.
    fn decoded(&mut self, to: usize, out: &mut Vec<Spelled>) {
        self.runs += 1;
        self.queue.drain(..to);
        self.let_go(0, out);
        self.last = out.last().map_or('\0', |unit| unit.ch);
    }

    /// Whether the layer before has judged these characters.
    fn is_known(&self, to: usize) -> bool {
        self.nested && self.queue[..to].iter().all(|unit| unit.layers == 0)
    }

    fn morse(&mut self, unit: Spelled, out: &mut Vec<Spelled>) {
        let gap = self.queue.len() - self.good_signs();
        let goes_on = match unit.ch {
            '.' | '-' => true,
            ' ' | '/' | '|' => gap < GAP,
            _ => false,
        };
        let sign = |unit: &Spelled| matches!(unit.ch, '.' | '-');
        let group = self
            .queue
            .iter()
            .rev()
            .take_while(|unit| sign(unit))
            .count();
        if goes_on && group < LONGEST_MORSE && self.queue.len() < RUN_CAP {
            // One group is a rule, a dash or an ellipsis; dashes in two are hardly chance.
            let dashes = unit.ch == '-' || self.queue.iter().any(|unit| unit.ch == '-');
            self.evident_by(gap > 0 && sign(&unit) && dashes, &unit);
            self.queue.push(unit);
        } else {
            self.todo.push_front(unit);
            self.end_morse(out);
        }
    }

    /// Where in the queue the last dot or dash ends.
    fn good_signs(&self) -> usize {
        let signs = |unit: &Spelled| matches!(unit.ch, '.' | '-');
        self.queue.iter().rposition(signs).map_or(0, |at| at + 1)
    }

    fn end_morse(&mut self, out: &mut Vec<Spelled>) {
        let (good, from) = (self.good_signs(), out.len());
        if !self.is_known(good) && list::read_morse(&self.queue[..good], out) {
            self.clamp(&mut out[from..]);
            self.runs += 1;
            self.queue.drain(..good);
        }
        self.let_go(self.queue.len(), out);
    }
}
