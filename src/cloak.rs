//! The cloaker: writes a phrase as people write it to get it past a filter, and says which bytes
//! spell it now. It answers "what gets past my rule?" and measures the views.
//!
//! Seeded and without IO: the same dice give the same disguise. It knows nothing of how disguises
//! are undone but the name of the view, so it is an independent witness. Its limit: initials (bc
//! for 菠菜), number homophones (520) and other scripts' romanisations are conventions of single
//! words, not tricks, and have no row here.

mod codes;
mod han;
mod letters;
mod marks;
mod order;
mod tables;

use std::ops::Range;

/// Seeded random numbers (splitmix64).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dice(pub u64);

impl Dice {
    /// The next 64 bits.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// A number below `sides`; 0 if there are none.
    pub fn below(&mut self, sides: usize) -> usize {
        self.next()
            .checked_rem(sides as u64)
            .and_then(|rest| usize::try_from(rest).ok())
            .unwrap_or_default()
    }

    /// True half of the time.
    fn flip(&mut self) -> bool {
        self.below(2) == 1
    }

    /// One of `all`; `None` if there are none.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len()))
    }

    /// About half of `0..count`, and never none of it.
    fn some_of(&mut self, count: usize) -> Vec<bool> {
        let mut chosen: Vec<bool> = (0..count).map(|_| self.flip()).collect();
        let sure = self.below(count);
        if let Some(one) = chosen.get_mut(sure) {
            *one = true;
        }
        chosen
    }
}

/// When a trick is played: a later stage can follow an earlier one, never the other way round,
/// because it would take the earlier disguise apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// Other characters stand for what is meant.
    Meaning,
    /// Another form of the same Han.
    Glyph,
    /// Another form of the same letters.
    Form,
    /// Something invisible comes in between.
    Invisible,
    /// Something visible comes in between.
    Between,
    /// The order, or the alphabet, changes.
    Order,
    /// It is encoded.
    Code,
    /// It is encoded in characters that cannot be seen.
    Hidden,
}

/// One way to disguise a phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trick {
    /// ｔｏｍａｔｏ
    Fullwidth,
    /// ⓣⓞⓜⓐⓣⓞ and its negative.
    Circled,
    /// Negative squared letters.
    Squared,
    /// Regional indicators, of which flags are made.
    Regional,
    /// Mathematical alphabets.
    MathLetters,
    /// ᵗᵒᵐᵃᵗᵒ
    Superscript,
    /// tOmAtO
    Case,
    /// Cyrillic and Greek letters that look Latin.
    Homoglyph,
    /// t0m4to
    Leet,
    /// Zero-width spaces and joiners.
    ZeroWidth,
    /// Soft hyphens.
    SoftHyphen,
    /// Marks that steer the direction of writing.
    Bidi,
    /// Piled-up combining marks ("zalgo").
    Combining,
    /// Signs between letters.
    Separators,
    /// A line for each letter.
    LinePerChar,
    /// A column of a block of text.
    Vertical,
    /// Written backwards, and said so.
    Reversed,
    /// Traditional forms.
    Traditional,
    /// Rare, Japanese and compatibility forms, 火星文.
    Variant,
    /// A Han that looks alike.
    Shape,
    /// The parts of a Han in its place.
    Split,
    /// Han that sound the same.
    Homophone,
    /// Han that sound nearly the same.
    Fuzzy,
    /// Han that sound the same in Cantonese.
    Cantonese,
    /// Pinyin in Latin letters.
    PinyinLatin,
    /// Some of the Han in pinyin.
    MixedPinyin,
    /// An emoji of that name.
    Emoji,
    /// An emoji whose name sounds the same.
    EmojiPun,
    /// Base64.
    Base64,
    /// Base32.
    Base32,
    /// Hexadecimal bytes in a row.
    Hex,
    /// `\xE8`
    EscapeX,
    /// `%E8`
    Percent,
    /// `&#33821;`
    Entity,
    /// `\u841D`
    EscapeU,
    /// `U+841D`
    CodePoint,
    /// `=E8`
    QuotedPrintable,
    /// Binary bytes.
    Binary,
    /// Morse code.
    Morse,
    /// A domain label in punycode.
    Punycode,
    /// The alphabet rotated by 13, and said so.
    Rot13,
    /// The alphabet rotated by another number, and said so.
    RotN,
    /// The alphabet mirrored, and said so.
    Atbash,
    /// Base64 backwards.
    ReversedBase64,
    /// Tag characters.
    Tags,
    /// Variation selectors.
    Selectors,
}

impl Trick {
    /// Every trick.
    pub const ALL: [Self; 46] = [
        Self::Fullwidth,
        Self::Circled,
        Self::Squared,
        Self::Regional,
        Self::MathLetters,
        Self::Superscript,
        Self::Case,
        Self::Homoglyph,
        Self::Leet,
        Self::ZeroWidth,
        Self::SoftHyphen,
        Self::Bidi,
        Self::Combining,
        Self::Separators,
        Self::LinePerChar,
        Self::Vertical,
        Self::Reversed,
        Self::Traditional,
        Self::Variant,
        Self::Shape,
        Self::Split,
        Self::Homophone,
        Self::Fuzzy,
        Self::Cantonese,
        Self::PinyinLatin,
        Self::MixedPinyin,
        Self::Emoji,
        Self::EmojiPun,
        Self::Base64,
        Self::Base32,
        Self::Hex,
        Self::EscapeX,
        Self::Percent,
        Self::Entity,
        Self::EscapeU,
        Self::CodePoint,
        Self::QuotedPrintable,
        Self::Binary,
        Self::Morse,
        Self::Punycode,
        Self::Rot13,
        Self::RotN,
        Self::Atbash,
        Self::ReversedBase64,
        Self::Tags,
        Self::Selectors,
    ];

    /// Name, the view that undoes it, stage.
    const fn row(self) -> (&'static str, &'static str, Stage) {
        match self {
            Self::Fullwidth => ("fullwidth", "skeleton", Stage::Form),
            Self::Circled => ("circled", "skeleton", Stage::Form),
            Self::Squared => ("squared", "skeleton", Stage::Form),
            Self::Regional => ("regional", "skeleton", Stage::Form),
            Self::MathLetters => ("math_letters", "skeleton", Stage::Form),
            Self::Superscript => ("superscript", "skeleton", Stage::Form),
            Self::Case => ("case", "skeleton", Stage::Form),
            Self::Homoglyph => ("homoglyph", "skeleton", Stage::Form),
            Self::Leet => ("leet", "skeleton", Stage::Form),
            Self::ZeroWidth => ("zero_width", "skeleton", Stage::Invisible),
            Self::SoftHyphen => ("soft_hyphen", "skeleton", Stage::Invisible),
            Self::Bidi => ("bidi", "skeleton", Stage::Invisible),
            Self::Combining => ("combining", "skeleton", Stage::Invisible),
            Self::Separators => ("separators", "squeezed", Stage::Between),
            Self::LinePerChar => ("line_per_char", "squeezed", Stage::Between),
            Self::Vertical => ("vertical", "reversed", Stage::Order),
            Self::Reversed => ("reversed", "reversed", Stage::Order),
            Self::Traditional => ("traditional", "skeleton", Stage::Glyph),
            Self::Variant => ("variant", "skeleton", Stage::Glyph),
            Self::Shape => ("shape", "shape", Stage::Meaning),
            Self::Split => ("split", "shape", Stage::Meaning),
            Self::Homophone => ("homophone", "pinyin", Stage::Meaning),
            Self::Fuzzy => ("fuzzy", "fuzzy", Stage::Meaning),
            Self::Cantonese => ("cantonese", "fuzzy", Stage::Meaning),
            Self::PinyinLatin => ("pinyin_latin", "pinyin", Stage::Meaning),
            Self::MixedPinyin => ("mixed_pinyin", "pinyin", Stage::Meaning),
            Self::Emoji => ("emoji", "emoji", Stage::Meaning),
            Self::EmojiPun => ("emoji_pun", "emoji", Stage::Meaning),
            Self::Base64 => ("base64", "decoded", Stage::Code),
            Self::Base32 => ("base32", "decoded", Stage::Code),
            Self::Hex => ("hex", "decoded", Stage::Code),
            Self::EscapeX => ("escape_x", "decoded", Stage::Code),
            Self::Percent => ("percent", "decoded", Stage::Code),
            Self::Entity => ("entity", "decoded", Stage::Code),
            Self::EscapeU => ("escape_u", "decoded", Stage::Code),
            Self::CodePoint => ("code_point", "decoded", Stage::Code),
            Self::QuotedPrintable => ("quoted_printable", "decoded", Stage::Code),
            Self::Binary => ("binary", "decoded", Stage::Code),
            Self::Morse => ("morse", "decoded", Stage::Code),
            Self::Punycode => ("punycode", "decoded", Stage::Code),
            Self::ReversedBase64 => ("reversed_base64", "decoded", Stage::Code),
            Self::Rot13 => ("rot13", "reversed", Stage::Order),
            Self::RotN => ("rot_n", "reversed", Stage::Order),
            Self::Atbash => ("atbash", "reversed", Stage::Order),
            Self::Tags => ("tags", "hidden", Stage::Hidden),
            Self::Selectors => ("selectors", "hidden", Stage::Hidden),
        }
    }

    /// The name that reports use.
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// The name of the view that undoes it.
    pub const fn view(self) -> &'static str {
        self.row().1
    }

    /// The trick of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|trick| trick.name() == name)
    }

    /// Whether other phrases could have been written in the same way, so that what is found is
    /// evidence and no proof.
    pub const fn is_lossy(self) -> bool {
        matches!(
            self,
            Self::Shape
                | Self::Homophone
                | Self::Fuzzy
                | Self::Cantonese
                | Self::PinyinLatin
                | Self::MixedPinyin
                | Self::EmojiPun
        )
    }

    /// Whether it can be played on what `first` has written without taking that apart.
    pub fn follows(self, first: Self) -> bool {
        let (earlier, later) = (first.row().2, self.row().2);
        let may_meet = matches!(earlier, Stage::Glyph | Stage::Invisible | Stage::Code);
        self != first && (earlier < later || (earlier == later && may_meet))
    }

    fn write(self, plain: &str, dice: &mut Dice) -> Option<Written> {
        let body = match self {
            Self::Vertical => return order::vertical(plain, dice),
            Self::Reversed => return order::reversed(plain),
            Self::Rot13 => return order::rotated(plain, 13),
            Self::RotN => return order::rotated_by_some(plain, dice),
            Self::Atbash => return order::atbash(plain),
            Self::LinePerChar => return marks::line_per_char(plain),
            Self::Separators => marks::separators(plain, dice),
            Self::ZeroWidth => marks::zero_width(plain, dice),
            Self::SoftHyphen => marks::soft_hyphen(plain, dice),
            Self::Bidi => marks::bidi(plain, dice),
            Self::Combining => marks::combining(plain, dice),
            Self::Fullwidth => letters::fullwidth(plain),
            Self::Circled => letters::circled(plain, dice),
            Self::Squared => letters::squared(plain),
            Self::Regional => letters::regional(plain),
            Self::MathLetters => letters::math(plain, dice),
            Self::Superscript => letters::superscript(plain),
            Self::Case => letters::case(plain, dice),
            Self::Homoglyph => letters::homoglyph(plain, dice),
            Self::Leet => letters::leet(plain, dice),
            Self::Traditional => han::traditional(plain, dice),
            Self::Variant => han::variant(plain, dice),
            Self::Shape => han::shape(plain, dice),
            Self::Split => han::split(plain, dice),
            Self::Homophone => han::homophone(plain, dice),
            Self::Fuzzy => han::fuzzy(plain, dice),
            Self::Cantonese => han::cantonese(plain, dice),
            Self::PinyinLatin => han::pinyin(plain, dice),
            Self::MixedPinyin => han::mixed_pinyin(plain, dice),
            Self::Emoji => han::emoji(plain, dice),
            Self::EmojiPun => han::emoji_pun(plain, dice),
            Self::Base64 => codes::base64(plain),
            Self::Base32 => codes::base32(plain),
            Self::Hex => codes::hex(plain),
            Self::EscapeX => codes::escape_x(plain),
            Self::Percent => codes::percent(plain),
            Self::Entity => codes::entity(plain, dice),
            Self::EscapeU => codes::escape_u(plain),
            Self::CodePoint => codes::code_point(plain),
            Self::QuotedPrintable => codes::quoted_printable(plain),
            Self::Binary => codes::binary(plain),
            Self::Morse => codes::morse(plain),
            Self::Punycode => codes::punycode(plain),
            Self::ReversedBase64 => codes::base64(plain).map(|code| code.chars().rev().collect()),
            Self::Tags => codes::tags(plain),
            Self::Selectors => codes::selectors(plain),
        };
        body.map(Written::from)
    }
}

/// What a trick writes in the place of a phrase.
#[derive(Debug, Default)]
struct Written {
    /// What it has to say first: an announcement, the rest of a line.
    lead: String,
    /// What spells the phrase.
    body: String,
    /// What has to follow.
    tail: String,
}

impl From<String> for Written {
    fn from(body: String) -> Self {
        Self {
            body,
            ..Self::default()
        }
    }
}

/// A text with a disguised phrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloaked {
    /// The whole text.
    pub text: String,
    /// The bytes that spell the phrase now; in a column also what lies between.
    pub span: Range<usize>,
}

/// Writes `target`, bytes of `text`, in disguise. `None` where the trick does not apply to it
/// (no Han, no emoji of that name, nothing that looks alike ...) or `target` cuts a character.
pub fn cloak(trick: Trick, text: &str, target: Range<usize>, dice: &mut Dice) -> Option<Cloaked> {
    let (before, after) = (text.get(..target.start)?, text.get(target.end..)?);
    let plain = text.get(target)?;
    let mut written = trick.write(plain, dice)?;
    if written.body == plain {
        return None;
    }
    // A word that has become a run of letters or a code would run into its neighbours.
    if glued(before.chars().next_back(), written.body.chars().next()) && written.lead.is_empty() {
        written.lead.push(' ');
    }
    if glued(written.body.chars().next_back(), after.chars().next()) && written.tail.is_empty() {
        written.tail.push(' ');
    }
    let start = before.len() + written.lead.len();
    Some(Cloaked {
        span: start..start + written.body.len(),
        text: [before, &written.lead, &written.body, &written.tail, after].concat(),
    })
}

fn glued(left: Option<char>, right: Option<char>) -> bool {
    let run = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '=');
    run(left) && run(right)
}

/// Plays `second` on what `first` has written. `None` where either does not apply, or they do not
/// go together ([`Trick::follows`]).
pub fn cloak_twice(
    (first, second): (Trick, Trick),
    text: &str,
    target: Range<usize>,
    dice: &mut Dice,
) -> Option<Cloaked> {
    if !second.follows(first) {
        return None;
    }
    let once = cloak(first, text, target, dice)?;
    cloak(second, &once.text, once.span, dice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(trick: Trick, plain: &str, seed: u64) -> Option<String> {
        let text = format!("a {plain} b");
        let made = cloak(trick, &text, 2..2 + plain.len(), &mut Dice(seed))?;
        assert!(made.text.starts_with("a ") && made.text.ends_with(" b"));
        Some(made.text[made.span].to_owned())
    }

    #[test]
    fn rows_are_in_order_and_named_once() {
        let mut names: Vec<_> = Trick::ALL.map(Trick::name).into();
        for (at, trick) in Trick::ALL.into_iter().enumerate() {
            assert_eq!(trick as usize, at);
            assert_eq!(Trick::named(trick.name()), Some(trick));
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Trick::ALL.len());
    }

    #[test]
    fn known_disguises() {
        use Trick::*;
        for (trick, plain, disguised) in [
            (Fullwidth, "kale 2", "ｋａｌｅ ２"),
            (Squared, "kale", "🅺🅰🅻🅴"),
            (Regional, "kale", "🇰🇦🇱🇪"),
            (Superscript, "kale", "ᵏᵃˡᵉ"),
            (LinePerChar, "萝卜", "萝\n卜"),
            (Reversed, "南瓜汤", "汤瓜南"),
            (Base64, "kale", "a2FsZQ=="),
            (Base64, "萝卜", "6JCd5Y2c"),
            (Base32, "kale", "NNQWYZI="),
            (Hex, "kale", "6b616c65"),
            (EscapeX, "ka", "\\x6b\\x61"),
            (Percent, "萝", "%E8%90%9D"),
            (EscapeU, "萝a", "\\u841d\\u0061"),
            (CodePoint, "萝卜", "U+841D U+535C"),
            (QuotedPrintable, "萝", "=E8=90=9D"),
            (Binary, "ka", "01101011 01100001"),
            (Morse, "kale", "-.- .- .-.. ."),
            (Punycode, "萝卜", "xn--clr974i"),
            (Rot13, "kale", "xnyr"),
            (Atbash, "kale", "pzov"),
            (ReversedBase64, "kale", "==QZsF2a"),
            (Tags, "ka", "\u{E006B}\u{E0061}"),
            (Selectors, "k", "\u{E015B}"),
        ] {
            assert_eq!(written(trick, plain, 1).as_deref(), Some(disguised));
        }
    }

    #[test]
    fn tricks_that_do_not_apply_say_so() {
        use Trick::*;
        for (trick, plain) in [
            (Fullwidth, "萝卜"),
            (Leet, "萝卜"),
            (Tags, "萝卜"),
            (Rot13, "萝卜"),
            (Homophone, "kale"),
            (Split, "kale"),
            (PinyinLatin, "kale"),
            (Traditional, "瓜"),
            (Separators, "瓜"),
            (Reversed, "瓜"),
            (Emoji, "zorbex"),
            (Punycode, "kale"),
        ] {
            assert_eq!(written(trick, plain, 1), None, "{}", trick.name());
        }
    }

    #[test]
    fn the_same_dice_write_the_same_and_the_span_is_what_was_written() {
        let text = "我家的南瓜汤和 tomato soup 都好";
        for target in [text.find("南瓜汤"), text.find("tomato")] {
            let start = target.expect("it is there");
            let length = if text[start..].starts_with('t') {
                11
            } else {
                9
            };
            for trick in Trick::ALL {
                for seed in 0..20 {
                    let play = || cloak(trick, text, start..start + length, &mut Dice(seed));
                    let Some(made) = play() else { continue };
                    assert_eq!(Some(&made), play().as_ref());
                    assert!(made.text.starts_with(&text[..start]));
                    assert!(made.text.ends_with(&text[start + length..]));
                    assert!(made.text.get(made.span.clone()).is_some());
                    assert_ne!(&made.text[made.span], &text[start..start + length]);
                }
            }
        }
    }

    #[test]
    fn pairs_go_from_the_inside_out() {
        assert!(Trick::Separators.follows(Trick::Homophone));
        assert!(Trick::Percent.follows(Trick::Base64));
        assert!(!Trick::Homophone.follows(Trick::Separators));
        assert!(!Trick::Split.follows(Trick::Homophone));
        let made = cloak_twice((Trick::Case, Trick::Hex), "kale", 0..4, &mut Dice(3));
        assert!(made.is_some_and(|made| made.text.bytes().all(|b| b.is_ascii_hexdigit())));
        assert!(cloak_twice((Trick::Hex, Trick::Case), "kale", 0..4, &mut Dice(3)).is_none());
    }

    #[test]
    fn a_target_that_is_none_is_refused() {
        for target in [0..2, 1..3, 0..99] {
            assert!(cloak(Trick::Split, "萝卜", target, &mut Dice(1)).is_none());
        }
    }
}
