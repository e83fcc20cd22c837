//! Transcripts as lines: a plain text, or captions (SubRip, WebVTT).
//!
//! Every line is words but for what only counts and times: a line with `-->` that holds nothing but
//! times, and the number right before one. Words go on from line to line, so all are one text.
//!
//! Limit: a cue's settings (`align:start`) are read as words; nobody styles a transcript.

use std::ops::Range;

use bytes::Bytes;

use super::members::refuse;
use super::splice::{Splice, splice};
use super::{Edit, Lane, Piece, ReadError, ReadLimits};
use crate::message::Media;

/// One line and where it stands.
struct Line<'t> {
    text: &'t str,
    at: Range<usize>,
}

/// The lines of a text, without their ends.
fn lines(text: &str) -> Vec<Line<'_>> {
    let mut at = 0;
    let lines = text.split_inclusive('\n').map(|line| {
        let start = at;
        at += line.len();
        let text = line.trim_end_matches(['\n', '\r']);
        Line {
            text,
            at: start..start + text.len(),
        }
    });
    lines.collect()
}

/// `00:00:01,000 --> 00:00:04.500`: nothing but times.
fn is_time(line: &str) -> bool {
    let counts = |c: char| c.is_ascii_digit() || matches!(c, ':' | '.' | ',' | '-' | '>' | ' ');
    line.contains("-->") && line.chars().all(counts)
}

fn is_number(line: &str) -> bool {
    !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit())
}

fn words<'l, 't>(lines: &'l [Line<'t>]) -> impl Iterator<Item = &'l Line<'t>> {
    lines.iter().enumerate().filter_map(|(index, line)| {
        let next = lines.get(index + 1).is_some_and(|next| is_time(next.text));
        let counts = is_time(line.text) || (next && is_number(line.text));
        (!counts && !line.text.is_empty()).then_some(line)
    })
}

fn text_of(body: &[u8]) -> Result<&str, ReadError> {
    std::str::from_utf8(body).map_err(|_| refuse("invalid_utf8", "the answer is not UTF-8"))
}

/// Every line of words.
///
/// # Errors
/// Bytes that are no text, and more lines than `limits.parts`.
pub fn read(body: &[u8], limits: &ReadLimits) -> Result<Vec<Piece>, ReadError> {
    let lines = lines(text_of(body)?);
    let pieces: Vec<_> = words(&lines).map(piece).collect();
    if pieces.len() > limits.parts {
        return Err(super::members::too_many(limits));
    }
    Ok(pieces)
}

fn piece(line: &Line<'_>) -> Piece {
    Piece {
        lane: Lane {
            choice: 0,
            field: 0,
        },
        media: Media::Text,
        text: line.text.to_owned(),
        raw: line.at.clone(),
        apart: true,
    }
}

/// The text with lines replaced; what would begin a line of its own is joined.
///
/// # Errors
/// "bad_edit" where edits overlap.
pub fn write(body: &[u8], edits: &[Edit]) -> Result<Bytes, ReadError> {
    let splices = edits.iter().map(|edit| Splice {
        at: edit.raw.clone(),
        bytes: edit.text.clone(),
    });
    splice(body, splices.collect())
}

/// The text ends where its words do: `said` is all that it says, of which it holds the beginning.
/// The rest stands in the cue that was cut, and later cues go.
///
/// # Errors
/// Bytes that are no text.
pub fn end(body: &[u8], said: &str) -> Result<Bytes, ReadError> {
    let text = text_of(body)?;
    let lines = lines(text);
    let visible: String = words(&lines).map(|line| line.text).collect();
    let rest = said.strip_prefix(&visible).unwrap_or(said).trim_start();
    let spoken = words(&lines).last().map_or(0, |line| line.at.end);
    let after = lines
        .iter()
        .find(|line| line.at.start >= spoken && is_time(line.text));
    let kept = after.map_or(spoken, |time| time.at.end);
    let gap = if kept == 0 { "" } else { "\n" };
    Ok(Bytes::from(format!("{}{gap}{rest}\n", &text[..kept])))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SRT: &str = "1\n00:00:00,000 --> 00:00:02,000\nSoup of leeks\n\n2\n00:00:02,000 --> 00:00:04,000\nwith a\nbeetroot\n\n";
    const LIMITS: ReadLimits = ReadLimits { depth: 8, parts: 9 };

    #[track_caller]
    fn check(body: &str, expect: &[&str]) {
        let pieces = read(body.as_bytes(), &LIMITS).expect("reads");
        for piece in &pieces {
            assert_eq!(body[piece.raw.clone()], piece.text);
        }
        let texts: Vec<_> = pieces.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(texts, expect);
    }

    #[test]
    fn times_and_numbers_are_no_words_and_everything_else_is() {
        check(SRT, &["Soup of leeks", "with a", "beetroot"]);
        check(
            "WEBVTT\r\n\r\n00:00.000 --> 00:02.000\r\n14\r\n",
            &["WEBVTT", "14"],
        );
        check("one --> two\n3\n", &["one --> two", "3"]);
        check("00:01 --> 00:02 beetroot\n", &["00:01 --> 00:02 beetroot"]);
        check("", &[]);
        check("a text without an end", &["a text without an end"]);
        assert_eq!(
            read(b"\xff", &LIMITS).expect_err("no text").code,
            "invalid_utf8"
        );
    }

    #[test]
    fn an_end_stands_in_the_cue_that_was_cut() {
        let cut = SRT.replace("with a\nbeetroot\n", "\n\n");
        let ended = end(cut.as_bytes(), "Soup of leeks\n\nNo.").expect("ends");
        let expect = "1\n00:00:00,000 --> 00:00:02,000\nSoup of leeks\n\n2\n00:00:02,000 --> 00:00:04,000\nNo.\n";
        assert_eq!(ended, expect);
        assert_eq!(
            end(b"a soup\n", "a soup\n\nNo.").expect("ends"),
            "a soup\nNo.\n"
        );
        assert_eq!(end(b"\n", "No.").expect("ends"), "No.\n");
    }
}
