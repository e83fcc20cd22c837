//! The chain: each line names the hash of the one before, so that changes show.
//!
//! Limit: lines missing at the end of a file do not.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::line::Line;

/// What the first line of a chain names as its predecessor.
pub(super) const FIRST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Longest line (bytes) that a chain is continued from; ours are below 64 KiB.
const LINE_BYTES: u64 = 1024 * 1024;

/// One line as it stands in the file.
#[derive(Serialize)]
struct Chained<'l> {
    /// blake3 (hex) of the line before, without its line feed.
    prev: &'l str,
    #[serde(flatten)]
    line: &'l Line,
}

/// Appends a line and returns its hash.
pub(super) fn append(bytes: &mut Vec<u8>, line: &Line, prev: &str) -> String {
    let start = bytes.len();
    serde_json::to_writer(&mut *bytes, &Chained { prev, line })
        .expect("a line has string keys, and memory takes every byte");
    let hash = blake3::hash(&bytes[start..]).to_hex().to_string();
    bytes.push(b'\n');
    hash
}

/// Opens a file for appending and finds the hash of its last line. A last line that was cut off (by
/// a crash) is ended, so that the next one begins on its own.
pub(super) fn continue_chain(path: &Path) -> io::Result<(File, String)> {
    let mut file = File::options()
        .read(true)
        .append(true)
        .create(true)
        .open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LINE_BYTES)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    if tail.is_empty() {
        return Ok((file, FIRST.to_owned()));
    }
    if tail.last() != Some(&b'\n') {
        file.write_all(b"\n")?;
        tail.push(b'\n');
    }
    tail.pop();
    let last = tail
        .rsplit(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let hash = blake3::hash(last).to_hex().to_string();
    Ok((file, hash))
}

/// Where a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for Broken {}

/// Checks a chain from its first line; the number of lines. A chain shows changed, inserted, moved
/// and missing lines; lines missing at its end it cannot show.
pub fn verify(lines: impl BufRead) -> Result<u64, Broken> {
    #[derive(Deserialize)]
    struct Link {
        prev: String,
    }
    let mut prev = FIRST.to_owned();
    let mut count = 0;
    for line in lines.split(b'\n') {
        count += 1;
        let broken = |why: String| Broken { line: count, why };
        let line = line.map_err(|error| broken(error.to_string()))?;
        let link: Link = serde_json::from_slice(&line)
            .map_err(|error| broken(format!("no audit line: {error}")))?;
        if link.prev != prev {
            let why = "its `prev` is not the hash of the line before: lines were changed, moved or taken out";
            return Err(broken(why.to_owned()));
        }
        prev = blake3::hash(&line).to_hex().to_string();
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::line;
    use super::*;

    fn chain(lines: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut prev = FIRST.to_owned();
        for number in 0..lines {
            prev = append(&mut bytes, &line(number), &prev);
        }
        bytes
    }

    proptest! {
        /// Whatever one changes in a chain but its last line, it shows.
        #[test]
        fn a_changed_byte_is_found(at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let whole = chain(5);
            prop_assert_eq!(verify(&whole[..]), Ok(5));
            let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
            let mut changed = whole.clone();
            let at = at.index(last);
            prop_assume!(changed[at] != to);
            changed[at] = to;
            prop_assert!(verify(&changed[..]).is_err());
        }

        /// A line taken out anywhere but at the end is missed.
        #[test]
        fn a_missing_line_is_found(out in 0_usize..4) {
            let whole = chain(5);
            let mut lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
            lines.remove(out);
            prop_assert_eq!(verify(&lines.concat()[..]).map_err(|broken| broken.line), Err(out as u64 + 1));
        }
    }
}
