//! [`Place`] and [`Spot`]: where in a source something is written, in bytes and for people.

use std::ops::Range;

use super::Source;

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
        // Thousands of places are looked up when a pack is compiled.
        let lines = memchr::memchr_iter(b'\n', &text.as_bytes()[..start]).count();
        let count =
            |range: Range<usize>| u32::try_from(text[range].chars().count()).unwrap_or(u32::MAX);
        Self {
            path: source.path.clone(),
            line: 1 + u32::try_from(lines).unwrap_or(u32::MAX - 1),
            column: 1 + count(line_start..start),
            text: text[line_start..line_end].trim_end().to_owned(),
            width: count(start..end.min(line_end)).max(1),
        }
    }
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
}
