//! Gaps: in which ways a thread may step over what stands between two symbols of a term, as a bit each. The rules
//! stand with [`super::phrase`].

use super::lexicon::{HAS_HAN, HAS_LATIN, HAS_SPACE, HAS_SQUEEZED, MAX_SEPARATORS, MAX_SPACES};
use super::phrase::{is_latin, is_word};
use super::thread::{AFTER_SYLLABLE, LEET_MARK, Step, TONED, Thread, parts_words};
use super::window::Seen;
use crate::text::Class;

/// The gap is the space between two words of a term.
pub(super) const WORDS: u8 = 1;
/// The gap is a disguise.
pub(super) const SQUEEZE: u8 = 2;
/// The gap is typesetting between Han and Latin.
pub(super) const SCRIPT: u8 = 4;
/// The gap holds punctuation of prose.
pub(super) const PROSE: u8 = 8;
/// The symbol before the gap is a letter or digit.
pub(super) const AFTER_LATIN: u8 = 16;
/// The symbol before the gap has no other word symbol on its left.
const ALONE: u8 = 32;

/// The symbol before the gap ends a syllable of pinyin.
pub(super) const SYLLABLE: u8 = 64;
/// The gap holds a sign that prose does not put there.
pub(super) const SIGN: u8 = 128;

/// In which ways a gap may begin with this separator, behind symbols of these classes.
pub(super) fn enter(thread: Thread, step: &Step, [before_last, last]: [Option<Class>; 2]) -> u8 {
    let class = step.seen.symbol.class;
    let has = step.lexicon.has(thread.node);
    let mut gate = 0;
    if has & HAS_SPACE != 0 && parts_words(step.seen) {
        gate |= WORDS;
    }
    if thread.flags & (AFTER_SYLLABLE | TONED) != 0
        && has & (HAS_LATIN | HAS_HAN) != 0
        && (parts_words(step.seen) || step.seen.symbol.ch == '\'')
    {
        gate |= SYLLABLE;
    }
    if has & HAS_SQUEEZED == 0 {
        return gate;
    }
    let latin = is_latin(last) || thread.flags & LEET_MARK != 0;
    // An emoji of a term stands for Han, by itself.
    let sign = last == Some(Class::Mark) && thread.flags & LEET_MARK == 0;
    let han = last == Some(Class::Han) || sign;
    let alone = if sign {
        true
    } else if latin {
        !is_latin(before_last)
    } else {
        !is_word(before_last)
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
    if class == Class::Mark {
        gate |= SIGN;
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

/// Which ways of crossing remain when the gap grows.
pub(super) fn stay(thread: Thread, seen: &Seen) -> u8 {
    let class = seen.symbol.class;
    let mut gate = thread.gate;
    if thread.gap >= MAX_SPACES || !parts_words(seen) {
        gate &= !WORDS;
    }
    if thread.gap >= MAX_SPACES || class != Class::Space {
        gate &= !(SCRIPT | SYLLABLE);
    }
    if class == Class::Mark {
        gate |= SIGN;
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
