//! Text in columns: at least three lines of one to four characters each, read downwards, once from
//! the right and once from the left.
//!
//! A line that is longer costs a look at its first five characters; the rest is skipped to the
//! next line end. Cells are counted from the left of each line: a placeholder is no cell, unless it
//! stands where other lines have a letter: there it is the space between two words of a column.

use super::Span;
use super::decode::{Code, Spelled};
use super::fold::{self, Reading};

/// Lines of a block, at least: two short lines are common.
const FEWEST: usize = 3;

/// Lines of a block, at most: a longer one is read in parts.
const MOST: usize = 64;

/// Characters of a line of a block, at most.
const WIDTH: usize = 4;

/// Characters of a line with the spaces, bars and invisible signs between its cells, at most: 64
/// bytes, which [`super::decode::REACH`] allows to be seen late.
const SIGNS: usize = 16;

/// Finds blocks in a text that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct Vertical {
    /// The lines of the block so far, but for the last one.
    rows: Vec<Row>,
    row: Row,
    /// The byte after the first line: what came before it may have been shown.
    second: u32,
    /// Whether the current line is too long to be one of a block.
    broken: bool,
}

#[derive(Debug, Default, Clone, Copy)]
struct Row {
    /// Characters with the original byte at which each starts.
    cells: [(char, u32); WIDTH],
    length: usize,
    /// The same with the spaces between them, as far as they fit; `across` counts all.
    places: [(char, u32); WIDTH],
    across: usize,
    /// Whether there is a letter or digit in it.
    wordy: bool,
    /// Characters read, cells or not.
    signs: usize,
}

impl Vertical {
    /// Reads the next piece, which starts at this original byte; appends the blocks that ended.
    pub(super) fn push(&mut self, piece: &str, base: u32, out: &mut Vec<Spelled>) {
        let mut at = 0;
        while at < piece.len() {
            if self.broken {
                let Some(end) = memchr::memchr(b'\n', &piece.as_bytes()[at..]) else {
                    return;
                };
                at += end + 1;
                self.broken = false;
            }
            let begins = self.row.signs == 0;
            if let Some(length) = too_long(&piece.as_bytes()[at..]).filter(|_| begins) {
                at += length;
                self.broken = true;
                self.end(base + at as u32, out);
                continue;
            }
            for c in piece[at..].chars() {
                let start = base + at as u32;
                at += c.len_utf8();
                self.read(c, Span::new(start, base + at as u32), out);
                if self.broken {
                    break;
                }
            }
        }
    }

    /// The text ends at this byte; appends the block that ends with it.
    pub(super) fn finish(&mut self, when: u32, out: &mut Vec<Spelled>) {
        if !self.broken && self.row.wordy {
            self.rows.push(self.row);
        }
        self.end(when, out);
        self.row = Row::default();
    }

    /// First original byte of what may be a block, from its second line on.
    pub(super) fn growing(&self) -> Option<u32> {
        (!self.rows.is_empty()).then_some(self.second)
    }

    fn read(&mut self, c: char, span: Span, out: &mut Vec<Spelled>) {
        if c == '\n' {
            let row = std::mem::take(&mut self.row);
            if row.wordy {
                if self.rows.is_empty() {
                    self.second = span.end;
                }
                self.rows.push(row);
            }
            if !row.wordy || self.rows.len() == MOST {
                self.end(span.end, out);
            }
            return;
        }
        self.row.signs += 1;
        let bar = matches!(c, '|' | '｜' | '│' | '\r');
        let there = !bar && matches!(fold::read(c), Reading::One(_) | Reading::Many(_));
        let seen = there && !c.is_whitespace();
        if there {
            if let Some(place) = self.row.places.get_mut(self.row.across) {
                *place = (c, span.start);
            }
            self.row.across += 1;
        }
        if seen && self.row.length < WIDTH && self.row.signs < SIGNS {
            self.row.cells[self.row.length] = (c, span.start);
            self.row.length += 1;
            self.row.wordy = self.row.wordy || is_common_han(c) || c.is_alphanumeric();
        } else if seen || self.row.signs >= SIGNS {
            self.broken = true;
            self.row = Row::default();
            self.end(span.end, out);
        }
    }

    /// The block ends.
    fn end(&mut self, when: u32, out: &mut Vec<Spelled>) {
        if self.rows.len() >= FEWEST {
            let width = self.rows.iter().map(|row| row.length).max().unwrap_or(0);
            self.columns((0..width).rev(), when, out);
            if width > 1 {
                self.columns(0..width, when, out);
                // A word that fills a column ends with it.
                for column in 0..width {
                    self.columns(column..column + 1, when, out);
                }
                self.spaced(when, out);
            }
        }
        self.rows.clear();
    }

    /// Columns in which spaces stand between letters: those are between words.
    fn spaced(&self, when: u32, out: &mut Vec<Spelled>) {
        let width = self.rows.iter().map(|row| row.across).max().unwrap_or(0);
        let letter = |row: &Row, column: usize| {
            let place = row.places.get(column).filter(|_| column < row.across);
            place.is_some_and(|place| !place.0.is_whitespace())
        };
        let stands = |column: usize| self.rows.iter().filter(|row| letter(row, column)).count();
        // A column that is blank all the way down parts cells, not words.
        if width > WIDTH || (0..width).any(|column| stands(column) == 0) {
            return;
        }
        for column in 0..width {
            let first = self.rows.iter().position(|row| letter(row, column));
            let last = self.rows.iter().rposition(|row| letter(row, column));
            let (Some(first), Some(last)) = (first, last) else {
                continue;
            };
            let rows = &self.rows[first..=last];
            if rows.iter().all(|row| letter(row, column)) {
                continue;
            }
            let from = out.len();
            for row in rows {
                let there = letter(row, column);
                let (ch, start) = row.places[if there { column } else { 0 }];
                let seen = self.seen(ch, start, when);
                let ch = if there { ch } else { ' ' };
                out.push(Spelled { ch, ..seen });
            }
            out[from].fresh = true;
        }
    }

    /// A character of a column. The first line may have been shown: the second one stands for it.
    fn seen(&self, ch: char, start: u32, when: u32) -> Spelled {
        let shown = self.rows.get(1).filter(|_| start < self.second);
        let (seen, start) = shown.map_or((ch, start), |row| row.cells[0]);
        let span = Span::new(start, start + seen.len_utf8() as u32);
        Spelled::turned(ch, span, when, Code::Vertical)
    }

    fn columns(&self, columns: impl Iterator<Item = usize>, when: u32, out: &mut Vec<Spelled>) {
        let from = out.len();
        for column in columns {
            let cells = self.rows.iter().filter(|row| column < row.length);
            out.extend(cells.map(|row| {
                let (ch, start) = row.cells[column];
                self.seen(ch, start, when)
            }));
        }
        if let Some(first) = out.get_mut(from) {
            first.fresh = true;
        }
    }
}

/// The bytes of a line up to the sign by which it is longer than one of a block, where its first characters are
/// plain ASCII and Han, all of which are seen.
fn too_long(line: &[u8]) -> Option<usize> {
    let (mut at, mut seen) = (0, 0);
    for _ in 0..2 * WIDTH {
        let (length, counts) = match line.get(at)? {
            b' ' => (1, 0),
            b'|' => return None,
            b'!'..=b'~' => (1, 1),
            // U+4000 to U+9FFF.
            0xE4..=0xE9 => (3, 1),
            _ => return None,
        };
        at += length;
        seen += counts;
        if seen > WIDTH {
            return Some(at);
        }
    }
    None
}

/// Whether it is a letter that can be told without a look at a table.
fn is_common_han(c: char) -> bool {
    matches!(c, '\u{4E00}'..='\u{9FA5}')
}
