//! [`Diagnostic`]: what is wrong, where exactly, and what to write instead. Many at once.

use std::fmt;
use std::ops::Range;

use super::Source;

/// What kind of problem; its number is stable and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u16)]
pub enum Code {
    /// No YAML.
    Syntax = 1,
    /// Larger, deeper or more entangled than a policy file may be.
    Budget,
    /// A key that no such place has.
    UnknownKey,
    /// A value of another kind than the place wants.
    WrongType,
    /// A key that must be there.
    MissingField,
    /// A name that breaks the grammar of names or is reserved.
    BadName,
    /// `use` or `list` of a file that is not there.
    UnknownFile,
    /// Files that use each other.
    CircularUse,
    /// A rule id, policy, signal, reply or file that is there twice.
    Duplicate,
    /// A rule id that breaks its grammar.
    BadId,
    /// A condition that cannot be read.
    Condition,
    /// A signal that is not visible here.
    UnknownSignal,
    /// A condition, or an arm of it, without a signal that could be its anchor.
    NoAnchor,
    /// A distance or a condition larger than its bound.
    Reach,
    /// A pattern that is wrong or has no bound.
    Pattern,
    /// A signal or list that looks for nothing.
    Empty,
    /// A phrase that cannot be looked for, such as one that folds to nothing.
    Phrase,
    /// A view that does not exist.
    UnknownView,
    /// A contact kind that does not exist.
    UnknownContact,
    /// False positives that are not honest.
    FalsePositives,
    /// A reply or guidance that no file has.
    UnknownReply,
    /// A text that lacks a language.
    Language,
    /// A number outside its range.
    Range,
    /// A signal that no rule reads.
    Unused,
    /// An override of a rule that does not exist.
    OverrideUnknown,
    /// An override that would lower the wall.
    Wall,
    /// An app that asks for a policy that does not exist.
    UnknownPolicy,
    /// A case that names a rule, or a false positive, that does not exist.
    UnknownRule,
    /// A replacement in which neighbours could join up.
    Replacement,
    /// A case that cannot be run as written.
    Case,
}

impl Code {
    /// Whether the files cannot be used at all, or only should be better.
    pub const fn weight(self) -> Weight {
        match self {
            Self::Unused => Weight::Warning,
            _ => Weight::Error,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "P{:03}", *self as u16)
    }
}

/// How much a diagnostic weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Nothing is compiled.
    Error,
    /// Everything works; an author should look.
    Warning,
}

/// Whether a rendering carries terminal colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Plain text.
    Plain,
    /// ANSI colours.
    Colour,
}

/// Bytes of one source: where something was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// Index of the source among those given to the compiler.
    pub source: u32,
    /// First byte.
    pub start: u32,
    /// One past the last byte; equal to `start` where only a point is known.
    pub end: u32,
}

impl Place {
    /// A part of the place, by bytes relative to its start.
    pub fn within(self, part: Range<usize>) -> Self {
        let at = |byte: usize| {
            self.start
                .saturating_add(u32::try_from(byte).unwrap_or(u32::MAX))
        };
        Self {
            source: self.source,
            start: at(part.start),
            end: at(part.end),
        }
    }
}

/// A line of a file with the columns that matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The file, as its source is called.
    pub path: String,
    /// 1 is the first line.
    pub line: u32,
    /// Characters, 1 is the first.
    pub column: u32,
    /// The line's text.
    pub text: String,
    /// How many characters the carets mark; at least 1.
    pub width: u32,
}

impl Spot {
    /// The spot at which a place starts; marks to the place's end or the line's, whichever is first.
    pub fn of(sources: &[Source], place: Place) -> Self {
        let source = &sources[place.source as usize];
        let text = source.text.as_str();
        let start = text.floor_char_boundary((place.start as usize).min(text.len()));
        let end = text
            .floor_char_boundary((place.end as usize).min(text.len()))
            .max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let count =
            |range: Range<usize>| u32::try_from(text[range].chars().count()).unwrap_or(u32::MAX);
        Self {
            path: source.path.clone(),
            line: 1 + u32::try_from(text[..start].matches('\n').count()).unwrap_or(u32::MAX - 1),
            column: 1 + count(line_start..start),
            text: text[line_start..line_end].trim_end().to_owned(),
            width: count(start..end.min(line_end)).max(1),
        }
    }
}

/// Where a diagnostic belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// A spot in a source.
    Spot(Spot),
    /// A source as a whole.
    File(String),
    /// What an app's config says; the config's reader knows the line.
    App(String),
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which kind.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub at: Where,
    /// What stands under the carets.
    pub label: String,
    /// What to do.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A problem with a source as a whole, until [`Self::at`] says where.
    pub fn new(code: Code, at: Where, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            at,
            label: String::new(),
            help: None,
        }
    }

    /// With a word under the carets.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With a help.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With a help if there is one.
    pub fn helped(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    fn order(&self) -> (u8, &str, u32, u32, Code) {
        match &self.at {
            Where::Spot(spot) => (0, &spot.path, spot.line, spot.column, self.code),
            Where::File(path) => (0, path, 0, 0, self.code),
            // Apps come last: what is wrong with a file often explains them.
            Where::App(app) => (1, app, 0, 0, self.code),
        }
    }

    fn render(&self, ink: &Ink, out: &mut impl fmt::Write) -> fmt::Result {
        let (word, shade) = match self.code.weight() {
            Weight::Error => ("error", ink.error),
            Weight::Warning => ("warning", ink.warning),
        };
        let Ink {
            bold, frame, off, ..
        } = ink;
        writeln!(
            out,
            "{shade}{word}[{}]{off}{bold}: {}{off}",
            self.code, self.message
        )?;
        let mut gutter = 1;
        match &self.at {
            Where::App(app) => writeln!(out, " {frame}-->{off} app `{app}`")?,
            Where::File(path) => writeln!(out, " {frame}-->{off} {path}")?,
            Where::Spot(spot) => {
                gutter = spot.line.to_string().len();
                let Spot {
                    path,
                    line,
                    column,
                    text,
                    width,
                } = spot;
                writeln!(out, "{:gutter$}{frame}-->{off} {path}:{line}:{column}", "")?;
                writeln!(out, "{:gutter$} {frame}|{off}", "")?;
                let (text, before) = cropped(text, *column as usize - 1);
                writeln!(out, "{frame}{line} |{off} {text}")?;
                let indent: String = text
                    .chars()
                    .take(before)
                    // Tabs keep their width, wide characters take two columns.
                    .flat_map(|c| std::iter::repeat_n(if c == '\t' { c } else { ' ' }, columns(c)))
                    .collect();
                let marked = text.chars().skip(before).take(*width as usize);
                let carets = "^".repeat(marked.map(columns).sum::<usize>().max(1));
                let label = if self.label.is_empty() { "" } else { " " };
                let carets = format!("{indent}{shade}{carets}{label}{}{off}", self.label);
                writeln!(out, "{:gutter$} {frame}|{off} {carets}", "")?;
            }
        }
        if let Some(help) = &self.help {
            writeln!(out, "{:gutter$} {frame}={off} {bold}help{off}: {help}", "")?;
        }
        Ok(())
    }
}

/// Characters of a line that are shown; word lists have lines of thousands.
const SHOWN: usize = 140;
/// Characters shown before the marked place of a line that is too long.
const SHOWN_BEFORE: usize = 60;

/// The part of a line around a place, and where the place is in it.
fn cropped(text: &str, place: usize) -> (String, usize) {
    let length = text.chars().count();
    if length <= SHOWN {
        return (text.to_owned(), place);
    }
    let from = place.saturating_sub(SHOWN_BEFORE).min(length - SHOWN);
    let part: String = text.chars().skip(from).take(SHOWN).collect();
    let (lead, trail) = (
        if from > 0 { "…" } else { "" },
        if from + SHOWN < length { "…" } else { "" },
    );
    (
        format!("{lead}{part}{trail}"),
        place - from + lead.chars().count(),
    )
}

/// Terminal columns of a character: Han, kana, Hangul and full-width forms take two.
fn columns(c: char) -> usize {
    let wide = matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}');
    if wide { 2 } else { 1 }
}

struct Ink {
    error: &'static str,
    warning: &'static str,
    bold: &'static str,
    frame: &'static str,
    off: &'static str,
}

impl Ink {
    const PLAIN: Self = Self {
        error: "",
        warning: "",
        bold: "",
        frame: "",
        off: "",
    };
    const COLOUR: Self = Self {
        error: "\x1b[1;31m",
        warning: "\x1b[1;33m",
        bold: "\x1b[1m",
        frame: "\x1b[34m",
        off: "\x1b[0m",
    };
}

/// Everything that is wrong with the files and the apps, in the order of files and lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    found: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Sorted by file, line and column; repeated ones (a file used twice) once.
    pub(super) fn settle(mut self) -> Self {
        // What a rule that could not be read would have used is not unused.
        if self.errors() > 0 {
            self.found.retain(|one| one.code.weight() == Weight::Error);
        }
        self.found.sort_by(|a, b| a.order().cmp(&b.order()));
        self.found.dedup();
        self
    }

    /// All of them.
    pub fn all(&self) -> &[Diagnostic] {
        &self.found
    }

    /// How many are errors.
    pub fn errors(&self) -> usize {
        let errors = self
            .found
            .iter()
            .filter(|one| one.code.weight() == Weight::Error);
        errors.count()
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The text for people: every diagnostic, a blank line between.
    pub fn render(&self, paint: Paint) -> String {
        let ink = match paint {
            Paint::Plain => Ink::PLAIN,
            Paint::Colour => Ink::COLOUR,
        };
        let mut out = String::new();
        for (at, diagnostic) in self.found.iter().enumerate() {
            if at > 0 {
                out.push('\n');
            }
            diagnostic
                .render(&ink, &mut out)
                .expect("writing to a String cannot fail");
        }
        out
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.render(Paint::Plain))
    }
}

impl std::error::Error for Diagnostics {}

/// How alike two words must be (Damerau-Levenshtein, 1 is equal) for one to be offered in place of
/// the other: a slip of one letter in four, two swapped letters; unrelated names stay out.
const ALIKE: f64 = 0.7;

/// "did you mean …?" if one of the known words is much like `word`.
pub(super) fn did_you_mean<'k>(
    word: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<String> {
    let scored = known
        .into_iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(word, name), name));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)))?;
    (best.0 >= ALIKE).then(|| format!("did you mean `{}`?", best.1))
}

/// Names for a help line: "one of a, b, c".
pub(super) fn one_of<'k>(known: impl IntoIterator<Item = &'k str>) -> String {
    let known: Vec<_> = known.into_iter().collect();
    format!("one of: {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources() -> Vec<Source> {
        vec![Source {
            path: "a.yaml".into(),
            text: "个性: x\nb: 交友 y\n".into(),
            shipped: false,
        }]
    }

    #[test]
    fn a_spot_counts_characters_and_stops_at_the_line() {
        let text = &sources()[0].text;
        let start = u32::try_from(text.find("交友").expect("there")).expect("small");
        let spot = Spot::of(
            &sources(),
            Place {
                source: 0,
                start,
                end: start + 200,
            },
        );
        assert_eq!((spot.line, spot.column, spot.width), (2, 4, 4));
        assert_eq!(spot.text, "b: 交友 y");
    }

    #[test]
    fn a_place_beyond_the_text_is_its_end() {
        let spot = Spot::of(
            &sources(),
            Place {
                source: 0,
                start: 900,
                end: 901,
            },
        );
        assert_eq!((spot.line, spot.column, spot.width), (3, 1, 1));
    }

    #[test]
    fn carets_stand_under_wide_characters() {
        let start = 3 + 3 + 2 + 2 + 3;
        let spot = Spot::of(
            &sources(),
            Place {
                source: 0,
                start,
                end: start + 6,
            },
        );
        let mut all = Diagnostics::default();
        all.push(
            Diagnostic::new(Code::Syntax, Where::Spot(spot), "m")
                .label("here")
                .help("h"),
        );
        assert_eq!(
            all.to_string(),
            "error[P001]: m\n --> a.yaml:2:4\n  |\n2 | b: 交友 y\n  |    ^^^^ here\n  = help: h\n"
        );
        assert!(
            all.render(Paint::Colour)
                .contains("\x1b[1;31m^^^^ here\x1b[0m")
        );
    }

    #[test]
    fn only_alike_words_are_offered() {
        assert_eq!(
            did_you_mean("lurr", ["lure", "minor"]).as_deref(),
            Some("did you mean `lure`?")
        );
        assert_eq!(did_you_mean("contact", ["minor"]), None);
    }
}
