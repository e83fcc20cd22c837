//! How a [`Diagnostic`] looks: its line of the file, carets under the place, colours.
//!
//! Carets count terminal columns, not characters; lines of word lists are cropped.

use std::fmt;

use super::code::Weight;
use super::diagnostic::{Diagnostic, Diagnostics, Where};
use super::place::Spot;

/// Whether a rendering carries terminal colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Plain text.
    Plain,
    /// ANSI colours.
    Colour,
}

impl Diagnostic {
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

impl Diagnostics {
    /// The text for people: every diagnostic, a blank line between.
    pub fn render(&self, paint: Paint) -> String {
        let ink = match paint {
            Paint::Plain => Ink::PLAIN,
            Paint::Colour => Ink::COLOUR,
        };
        let mut out = String::new();
        for (at, diagnostic) in self.all().iter().enumerate() {
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

#[cfg(test)]
mod tests {
    use super::super::Source;
    use super::super::code::Code;
    use super::super::place::Place;
    use super::*;

    fn sources() -> Vec<Source> {
        vec![Source {
            path: "a.yaml".into(),
            text: "个性: x\nb: 交友 y\n".into(),
            shipped: false,
        }]
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
}
