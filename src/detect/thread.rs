//! [`Thread`]: a live prefix of terms, and what becomes of it where a term is complete: found, found
//! with a doubt, or waiting for the border after it.

use super::doubt::Needs;
use super::lane::{Found, Source};
use super::lexicon::{HAS_TERM, Kind, Labels, Lexicon, Term};
use super::window::{Seen, Window};
use crate::text::{Class, ViewKind, Views};

/// A leet sign was read as a letter.
pub(super) const LEET: u16 = 1;
/// A real letter was read.
pub(super) const REAL: u16 = 2;
/// A separator was stepped over.
pub(super) const SQUEEZED: u16 = 4;
/// No letter or digit may follow the last symbol.
pub(super) const NO_LATIN: u16 = 8;
/// No word symbol may follow the last symbol.
pub(super) const NO_WORD: u16 = 16;
/// The last symbol is a sign read as a letter.
pub(super) const LEET_MARK: u16 = 32;
/// The last symbol ends a syllable of pinyin in letters.
pub(super) const AFTER_SYLLABLE: u16 = 64;
/// A separator that prose does not put there was stepped over.
pub(super) const MARKED: u16 = 128;
/// The last symbol is the tone of a syllable.
pub(super) const TONED: u16 = 256;

/// The first letter, or the last one without another such, is a sign that may be none.
pub(super) const EDGE: u16 = 512;

/// Letters of a term from which on its first may be such a sign, and its last: "+urnip" is a turnip, but "+ea" is
/// no tea, "car+" no cart and "A+" no "at".
const FIRST_SIGN_LETTERS: u8 = 4;
const LAST_SIGN_LETTERS: u8 = 5;

/// Whether it may stand for the space between two words.
pub(super) fn parts_words(seen: &Seen) -> bool {
    seen.symbol.class.is_white() || matches!(seen.symbol.ch, '-' | '_')
}

/// What notes that a sign of this class was read as a letter.
pub(super) fn mark_flag(class: Class) -> u16 {
    if class == Class::Digit { 0 } else { LEET_MARK }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Thread {
    pub start: u32,
    pub from: u32,
    pub node: u32,
    pub gap: u8,
    pub gate: u8,
    pub flags: u16,
    /// Gaps between two Latin letters that were stepped over.
    pub crossings: u8,
    /// Lossy views that were needed.
    pub uses: Views,
    /// Symbols of the term that only a lossy view shows, and of those the syllables in letters.
    pub lossy: u8,
    pub spelled: u8,
}

impl Thread {
    pub(super) fn new(start: u32, from: u32) -> Self {
        Self {
            start,
            from,
            node: 0,
            gap: 0,
            gate: 0,
            flags: 0,
            crossings: 0,
            uses: Views::NONE,
            lossy: 0,
            spelled: 0,
        }
    }

    /// Whether it is not the end of its terms: something may follow, or the tone of a syllable.
    #[inline]
    pub(super) fn goes_on(&self, lexicon: &Lexicon) -> bool {
        lexicon.goes_on(self.node) || self.flags & AFTER_SYLLABLE != 0
    }

    /// Notes how an edge was entered.
    #[inline]
    pub(super) fn by(&mut self, kind: Kind) {
        if matches!(kind, Kind::Exact | Kind::Path) {
            return;
        }
        self.uses = self.uses | kind.view();
        self.lossy += u8::from(!matches!(kind, Kind::Split | Kind::Emoji));
        if kind == Kind::Spelled {
            self.flags |= AFTER_SYLLABLE;
            self.spelled += 1;
        }
    }
}

/// What must not follow a complete match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Border {
    /// A letter or digit.
    Latin,
    /// Any word symbol.
    Word,
}

/// A complete match that waits for the symbol after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    pub found: Found,
    pub border: Border,
    pub tail: u8,
}

/// One step's surroundings, so that the functions below need few arguments.
pub(super) struct Step<'a> {
    pub lexicon: &'a Lexicon,
    pub window: Window<'a>,
    pub seen: &'a Seen,
    pub index: u32,
    pub labels: &'a Labels,
    pub source: Source,
}

/// Reports the terms that end where the thread now is, or lets them wait for their border.
#[inline]
pub(super) fn complete(
    thread: Thread,
    step: &Step,
    waiting: &mut Vec<Waiting>,
    found: &mut Vec<Found>,
) {
    if step.lexicon.has(thread.node) & HAS_TERM != 0 {
        report(thread, step, waiting, found);
    }
}

fn report(thread: Thread, step: &Step, waiting: &mut Vec<Waiting>, found: &mut Vec<Found>) {
    let latin = step.seen.symbol.class.is_latin() || thread.flags & LEET_MARK != 0;
    if (thread.flags & LEET != 0 && thread.flags & REAL == 0) || thread.crossings == 1 {
        return;
    }
    let at_edge = match step.seen.symbol.class {
        Class::Mark | Class::Natural => LAST_SIGN_LETTERS,
        _ => FIRST_SIGN_LETTERS,
    };
    for term in step.lexicon.terms(thread.node) {
        // A single Han has too many that sound or look like it.
        if term.han == 1 && term.letters == 0 && thread.lossy > 0 {
            continue;
        }
        // Spelled out, it is one of the signs between the letters.
        let spelled_out = thread.flags & SQUEEZED != 0;
        if thread.flags & EDGE != 0 && (spelled_out || term.letters < at_edge) {
            continue;
        }
        // Backwards and by its sound at once is no disguise that anybody reads.
        if term.turned && !thread.uses.is_empty() {
            continue;
        }
        let Some(view) = view(thread, term, step) else {
            continue;
        };
        let match_ = Found {
            signals: term.signals,
            view,
            start: thread.start,
            end: step.seen.end,
            from: thread.from,
            to: step.index + 1,
            ripe: 0,
            needs: needs(thread, term, step.source),
        };
        let border = match (latin, thread.flags & NO_WORD != 0) {
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

/// Letters from which on a word that is found backwards or rotated is no accident.
const SURE_TURNED_LETTERS: u8 = 5;

/// Han from which on a term that only sounds nearly the same is no accident where words begin and
/// end (`reference/evasion.md`, section 2: one word in 150 is another's neighbour then, one in 60 of three).
const SURE_FUZZY_HAN: u8 = 4;

/// What else has to be there for a lossy reading to count (`reference/evasion.md`, section 4).
fn needs(thread: Thread, term: &Term, source: Source) -> Needs {
    if term.turned && term.han == 0 {
        return match term.letters >= SURE_TURNED_LETTERS {
            true => Needs::Nothing,
            false => Needs::Second,
        };
    }
    if thread.lossy == 0 && !term.turned {
        return Needs::Nothing;
    }
    // Four syllables hardly collide, even with what dialects merge merged.
    if thread.uses.has(ViewKind::Fuzzy) {
        return match term.han >= SURE_FUZZY_HAN {
            true => Needs::Alignment,
            false => Needs::Both,
        };
    }
    // A separator between Han that no prose puts there is a second sign of disguise, and so are
    // invisible characters and codes.
    let marked = thread.flags & MARKED != 0 || source.only().is_some();
    // Letters beside the emoji, too.
    let spelled_out = term.letters > 0 && thread.flags & REAL != 0;
    match term.han {
        0..=1 if marked || spelled_out => Needs::Nothing,
        0..=1 => Needs::Second,
        2 if thread.spelled == 2 && !marked => Needs::Among,
        2 if !marked => Needs::Both,
        _ if thread.spelled > 0 || marked => Needs::Nothing,
        3 => Needs::Alignment,
        _ => Needs::NoWord,
    }
}

/// The reading in which the term is found, if it may be looked for there.
fn view(thread: Thread, term: &Term, step: &Step) -> Option<ViewKind> {
    if let Some(view) = step.source.only() {
        return term.views.has_all(thread.uses.with(view)).then_some(view);
    }
    let spells = |written: &str| step.window.spells(thread.from, step.index + 1, written);
    // Where a lossy view was needed, that one is named.
    let lossy = term.turned || !thread.uses.is_empty();
    let level = if thread.flags & SQUEEZED != 0 {
        ViewKind::Squeezed
    } else if lossy || thread.flags & LEET != 0 || !term.written.iter().any(|one| spells(one)) {
        ViewKind::Skeleton
    } else {
        ViewKind::Surface
    };
    term.view(level, thread.uses)
}
