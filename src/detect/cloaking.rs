//! [`Watch`]: signs that somebody hides what a text says, whatever it says.
//!
//! Cloaking is itself evidence (`reference/evasion.md`, section 4, rule 6), but weak: copied text
//! has soft hyphens, acronyms have dots, links have codes. A rule reads it beside something else.
//! Each sign is one symbol wide and certain at once (a letter spelled apart with the symbol after
//! it), so hardly anything waits for it.
//!
//! [`Cloaking::Crossing`] is no sign of one text: `policy::border` reports it.

use super::lane::{Found, Source};
use super::window::{Seen, Tape};
use super::{Detectors, SignalSet};
use crate::text::{Class, ViewKind, fold};

/// Letters of a script without spaces that stand apart before they count as spelled out, and
/// Latin ones: "A-B-C" and "U.S.A." are everyday, 博/彩 is too short to tell.
const SPELLED_HAN: u8 = 3;
const SPELLED_LATIN: u8 = 4;

/// Symbols between two letters that are spelled apart, at most.
const MAX_GAP: u8 = 3;

/// Letters that a code or a string of invisible characters spells before it counts as a message:
/// `&amp;`, `%20` and an emoji's selector are none.
const PAYLOAD: u32 = 4;

/// A way to hide text from filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cloaking {
    /// An invisible character between two letters of a word.
    Invisible,
    /// A letter of another alphabet that looks Latin, beside a Latin one.
    MixedScript,
    /// A rare form of a Han character, or a radical in its place.
    Variant,
    /// Letters spelled apart: `g.a.m.e`, 博/彩/网.
    Split,
    /// A code (base64, hex, escapes ...) that spells letters.
    Decoded,
    /// Tag characters or variation selectors that spell letters.
    Hidden,
    /// Columns, or text that is announced to be turned around.
    Turned,
    /// A phrase over the border of two messages, parts or fields.
    Crossing,
}

impl Cloaking {
    /// Every way.
    pub const ALL: [Self; 8] = [
        Self::Invisible,
        Self::MixedScript,
        Self::Variant,
        Self::Split,
        Self::Decoded,
        Self::Hidden,
        Self::Turned,
        Self::Crossing,
    ];

    /// The name that policy files use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invisible => "invisible",
            Self::MixedScript => "mixed_script",
            Self::Variant => "variant",
            Self::Split => "split",
            Self::Decoded => "decoded",
            Self::Hidden => "hidden",
            Self::Turned => "turned",
            Self::Crossing => "crossing",
        }
    }

    /// The reading in which it shows.
    const fn view(self) -> ViewKind {
        match self {
            Self::Invisible | Self::MixedScript | Self::Variant | Self::Crossing => {
                ViewKind::Skeleton
            }
            Self::Split => ViewKind::Squeezed,
            Self::Decoded => ViewKind::Decoded,
            Self::Hidden => ViewKind::Hidden,
            Self::Turned => ViewKind::Reversed,
        }
    }
}

/// A way of hiding that signals look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub signals: SignalSet,
    pub what: Cloaking,
}

/// What is known of the symbols before the next one of a lane.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// The newest symbol, and its alphabet if it is a letter of one.
    before: Option<(Seen, Option<Alphabet>)>,
    /// Indices of symbols with something invisible before them, not yet read.
    veiled: Vec<u32>,
    spelled: Spelled,
    /// Letters that the lane spells; only counted beside the skeleton.
    payload: u32,
}

/// Alphabets whose letters are taken for each other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    Latin,
    /// Cyrillic, Greek, Armenian, Cherokee, Coptic.
    Other,
}

impl Watch {
    /// Something invisible was dropped before the symbol with this index.
    pub(super) fn veil(&mut self, next: u32) {
        if self.veiled.last() != Some(&next) {
            self.veiled.push(next);
        }
    }

    /// Reads the symbols `from..` of the tape; appends the signs that became certain.
    pub(super) fn run(
        &mut self,
        wanted: &[Wanted],
        (tape, from): (&Tape, u32),
        source: Source,
        found: &mut Vec<Found>,
    ) {
        let symbols = tape.from(from);
        let mut at = 0;
        while let Some(seen) = symbols.get(at) {
            let index = from + at as u32;
            let mut say = |what: Cloaking, at: (u32, u32, u32), ripe: u32| {
                report(wanted, what, at, ripe, found);
            };
            let here = (seen.start, seen.end, index);
            match source {
                Source::Visible => self.visible(seen, here, &mut say),
                Source::Hidden => self.count(seen, Cloaking::Hidden, here, &mut say),
                Source::Turned => self.count(seen, Cloaking::Turned, here, &mut say),
                // What stands for itself beside a code is no part of its message.
                Source::Decoded if seen.end - seen.start == seen.original.len_utf8() as u32 => {}
                Source::Decoded => self.count(seen, Cloaking::Decoded, here, &mut say),
            }
            at += 1;
            if source == Source::Visible {
                at += self.plain(&symbols[at..]);
            }
        }
        let read = tape.len();
        self.veiled.retain(|index| *index >= read);
    }

    /// How many of the next symbols go on a word of plain letters or Han that has two at least: they
    /// hide nothing, and change nothing but which symbol is the newest.
    fn plain(&mut self, symbols: &[Seen]) -> usize {
        let Some((before, alphabet)) = self.before.as_mut() else {
            return 0;
        };
        let class = before.symbol.class;
        let goes_on: fn(&Seen) -> bool = match class {
            _ if self.spelled.run < 2 || !self.veiled.is_empty() => return 0,
            Class::Letter if *alphabet == Some(Alphabet::Latin) => {
                |seen| seen.symbol.class == Class::Letter && seen.original.is_ascii()
            }
            Class::Han => |seen| seen.symbol.class == Class::Han && seen.original == seen.symbol.ch,
            _ => return 0,
        };
        let run = symbols.iter().take_while(|seen| goes_on(seen)).count();
        if let Some(last) = run.checked_sub(1) {
            *before = symbols[last];
        }
        run
    }

    fn count(
        &mut self,
        seen: &Seen,
        what: Cloaking,
        here: (u32, u32, u32),
        say: &mut impl FnMut(Cloaking, (u32, u32, u32), u32),
    ) {
        self.payload += u32::from(seen.symbol.class.is_word());
        if self.payload == PAYLOAD && seen.symbol.class.is_word() {
            say(what, here, here.2 + 1);
        }
    }

    fn visible(
        &mut self,
        seen: &Seen,
        here: (u32, u32, u32),
        say: &mut impl FnMut(Cloaking, (u32, u32, u32), u32),
    ) {
        let index = here.2;
        let veiled = self.veiled.contains(&index);
        let alphabet = alphabet(seen);
        if let Some((before, other)) = &self.before {
            let joined = alike(before.symbol.class, seen.symbol.class);
            if veiled && joined {
                say(Cloaking::Invisible, here, index + 1);
            }
            let mixed = alphabet.is_some() && other.is_some() && alphabet != *other;
            if joined && mixed {
                say(Cloaking::MixedScript, here, index + 1);
            }
        }
        // A rare form folds to another character: most Han need no look into the list.
        let folded = seen.original != seen.symbol.ch;
        if folded && seen.symbol.class == Class::Han && fold::is_rare(seen.original) {
            say(Cloaking::Variant, here, index + 1);
        }
        if let Some(at) = self.spelled.next(seen, index) {
            say(Cloaking::Split, at, index + 1);
        }
        self.before = Some((*seen, alphabet));
    }

    /// The lane ends.
    pub(super) fn finish(&mut self, wanted: &[Wanted], ripe: u32, found: &mut Vec<Found>) {
        if let Some(at) = self.spelled.waiting.take() {
            report(wanted, Cloaking::Split, at, ripe, found);
        }
    }

    /// The sign that waits for the symbol after it, for each signal that wants it.
    pub(super) fn unripe(&self, detectors: &Detectors) -> Vec<Found> {
        let mut found = Vec::new();
        if let Some(at) = self.spelled.waiting {
            report(&detectors.cloaking, Cloaking::Split, at, 0, &mut found);
        }
        found.retain(|one| detectors.holds(one.signals));
        found
    }
}

fn report(
    wanted: &[Wanted],
    what: Cloaking,
    (start, end, index): (u32, u32, u32),
    ripe: u32,
    found: &mut Vec<Found>,
) {
    for one in wanted.iter().filter(|one| one.what == what) {
        found.push(Found {
            signals: one.signals,
            view: what.view(),
            start,
            end,
            from: index,
            to: index + 1,
            ripe,
            needs: super::doubt::Needs::Nothing,
        });
    }
}

/// Whether both are of one word: Han beside Han, letters and digits beside each other.
fn alike(one: Class, other: Class) -> bool {
    match one {
        Class::Han => other == Class::Han,
        _ => one.is_latin() && other.is_latin(),
    }
}

/// The alphabet of a symbol that reads as a Latin letter.
fn alphabet(seen: &Seen) -> Option<Alphabet> {
    if !seen.symbol.ch.is_ascii_lowercase() {
        return None;
    }
    match seen.original as u32 {
        0x370..=0x58F | 0x13A0..=0x13FF | 0x1D26..=0x1D2B | 0x1F00..=0x1FFF | 0x2C80..=0x2DFF => {
            Some(Alphabet::Other)
        }
        0xA640..=0xA69F | 0xAB70..=0xABBF => Some(Alphabet::Other),
        _ => Some(Alphabet::Latin),
    }
}

/// Letters that stand alone, one after another.
#[derive(Debug, Default)]
struct Spelled {
    /// How many, the newest one included.
    alone: u8,
    /// Whether they are Han.
    han: bool,
    /// Symbols since the last word symbol, and whether a mark was among them.
    gap: u8,
    marked: bool,
    /// Word symbols in a row up to the newest symbol.
    run: u8,
    /// The letter that counts if what follows is no word symbol.
    waiting: Option<(u32, u32, u32)>,
}

impl Spelled {
    /// Where letters were spelled apart, once that is certain.
    fn next(&mut self, seen: &Seen, index: u32) -> Option<(u32, u32, u32)> {
        let class = seen.symbol.class;
        if !class.is_word() {
            let certain = self.waiting.take();
            if self.run > 1 {
                self.alone = 0;
            }
            self.run = 0;
            self.gap = self.gap.saturating_add(1);
            self.marked |= matches!(class, Class::Mark);
            if self.gap > MAX_GAP {
                self.alone = 0;
            }
            return certain;
        }
        self.waiting = None;
        self.run = self.run.saturating_add(1);
        if self.run > 1 || class == Class::Digit {
            self.alone = 0;
            (self.gap, self.marked) = (0, false);
            return None;
        }
        let han = class == Class::Han;
        // Prose puts spaces and commas between Han; marks it does not.
        let follows = self.alone > 0 && self.han == han && (!han || self.marked);
        self.alone = if follows {
            self.alone.saturating_add(1)
        } else {
            1
        };
        self.han = han;
        (self.gap, self.marked) = (0, false);
        let enough = if han { SPELLED_HAN } else { SPELLED_LATIN };
        if self.alone == enough {
            self.waiting = Some((seen.start, seen.end, index));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::detect::{Builder, Scanner, SignalId};

    fn detectors() -> Arc<Detectors> {
        let mut builder = Builder::default();
        for (number, what) in (0..).zip(Cloaking::ALL) {
            builder.cloaking(SignalId(number), what);
        }
        Arc::new(builder.build().expect("nothing to compile"))
    }

    /// What is seen, each with the text of its span; the same for every cut.
    fn seen(text: &str) -> Vec<(&'static str, String)> {
        let all = detectors();
        let whole = all.scan(text);
        let mut scanner = Scanner::new(Arc::clone(&all));
        let mut pieces = Vec::new();
        for c in text.chars() {
            let settled = scanner.settled();
            let before = pieces.len();
            scanner.push(c.encode_utf8(&mut [0; 4]), &mut pieces);
            let late = |hit: &super::super::Hit| hit.span.start < settled;
            assert!(!pieces[before..].iter().any(late), "{text:?}");
        }
        scanner.finish(&mut pieces);
        assert_eq!(whole, pieces, "{text:?}");
        let hits = whole.iter();
        hits.map(|hit| {
            let signal = all.signals(hit.signals)[0];
            let name = Cloaking::ALL[signal.0 as usize].name();
            (name, text[hit.span.range()].to_owned())
        })
        .collect()
    }

    fn names(text: &str) -> Vec<&'static str> {
        let mut names: Vec<_> = seen(text).into_iter().map(|(name, _)| name).collect();
        names.dedup();
        names
    }

    #[test]
    fn each_way_of_hiding_is_seen_where_it_is() {
        assert_eq!(seen("tur\u{200B}nip"), [("invisible", "n".to_owned())]);
        assert_eq!(seen("白\u{2060}菜"), [("invisible", "菜".to_owned())]);
        assert_eq!(
            seen("tuгnip cаrrot"),
            ["г", "n", "а", "r"].map(|letter| ("mixed_script", letter.to_owned()))
        );
        assert_eq!(seen("t.u.r.n.i.p"), [("split", "n".to_owned())]);
        assert_eq!(seen("白/菜/汤 "), [("split", "汤".to_owned())]);
        assert_eq!(names("dHVybmlwIHNvdXA9MQ=="), ["decoded"]);
        assert_eq!(names("&#116;&#117;&#114;&#110;"), ["decoded"]);
        let tags: String = "soup"
            .chars()
            .filter_map(|c| char::from_u32(0xE0000 + c as u32))
            .collect();
        assert_eq!(names(&format!("hi {tags} there")), ["hidden"]);
    }

    #[test]
    fn ordinary_text_hides_nothing() {
        for text in [
            "The U.S.A. and the E.U. met.",
            "Tom & Jerry &amp; friends, 100%20off",
            "café naïve Ångström ‘quoted’",
            "Москва и Киев",
            "红、白、黄，三种菜。",
            "a b testing, option c or d",
            "❤️ 👍🏽 🏳️‍🌈",
            "1.2.3.4 and 5-6-7-8",
            "我 是 学 生",
            "soft\u{AD} hyphen at a gap",
        ] {
            assert_eq!(seen(text), [], "{text}");
        }
    }
}
