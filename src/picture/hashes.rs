//! [`HashList`]: known pictures by hash, exact and perceptual, as an operator has them by agreement.
//!
//! Two hashes within 31 bits of each other share one of sixteen bands but for one bit at most
//! (pigeonhole), so a look-up reads 16 x 17 buckets instead of the list: multi-index hashing.

use std::collections::HashSet;

use super::Seen;
use super::pdq::{MAX_DISTANCE, Pdq};

/// Bands of a hash, and buckets of a band: 16 bits each.
const BANDS: usize = 16;
const BUCKETS: usize = 1 << 16;
/// Bits of one band that may differ: 31 / 16.
const FLIPS: [u16; 17] = {
    let mut flips = [0; 17];
    let mut at = 0;
    while at < 16 {
        flips[at + 1] = 1 << at;
        at += 1;
    }
    flips
};
/// Hashes of one list: two hundred bytes each are 800 MiB.
pub const MAX_HASHES: usize = 4_000_000;

/// Hashes of known pictures, to be looked up.
#[derive(Debug, Default)]
pub struct HashList {
    sha256: HashSet<[u8; 32]>,
    md5: HashSet<[u8; 16]>,
    pdq: Vec<Pdq>,
    /// By band: where each bucket begins in `entries`, and the indices of its hashes.
    bands: Vec<(Vec<u32>, Vec<u32>)>,
}

/// A line of a list that is no hash: its number from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadLine(pub usize);

/// Which hash a line holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pdq,
    Sha256,
    Md5,
}

impl HashList {
    /// Reads a list: one hash a line, or CSV whose rows begin with it (or hold it in the column that
    /// the first row calls `hash`). 64 digits are PDQ, 32 are MD5; where a row or a prefix says
    /// `pdq`, `sha256` or `md5` (ThreatExchange: `HASH_PDQ`), that. `#` begins a comment.
    ///
    /// # Errors
    /// The first line that holds no hash, or that is one too many.
    pub fn parse(text: &str) -> Result<Self, BadLine> {
        let mut list = Self::default();
        let mut column = 0;
        let lines = text.lines().enumerate();
        let lines = lines.map(|(at, line)| (at, line.split('#').next().unwrap_or("").trim()));
        let mut first = true;
        for (at, line) in lines.filter(|(_, line)| !line.is_empty()) {
            let mut cells = line.split(',').map(|cell| cell.trim().trim_matches('"'));
            if std::mem::take(&mut first)
                && let Some(named) = header(line)
            {
                column = named;
                continue;
            }
            let cell = cells.clone().nth(column).unwrap_or("");
            let (prefix, hex) = cell.split_once(':').unwrap_or(("", cell));
            let said = kind(prefix).or_else(|| cells.find_map(kind));
            if list.len() == MAX_HASHES || list.add(hex.trim(), said).is_none() {
                return Err(BadLine(at + 1));
            }
        }
        list.index();
        Ok(list)
    }

    /// A list of perceptual hashes.
    pub fn of(pdq: Vec<Pdq>) -> Self {
        let mut list = Self {
            pdq,
            ..Self::default()
        };
        list.index();
        list
    }

    /// How many hashes it holds.
    pub fn len(&self) -> usize {
        self.pdq.len() + self.sha256.len() + self.md5.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Heap bytes.
    pub fn memory(&self) -> usize {
        let bands: usize = self
            .bands
            .iter()
            .map(|(starts, entries)| starts.len() + entries.len())
            .sum();
        self.pdq.len() * size_of::<Pdq>() + bands * 4 + self.sha256.len() * 48 + self.md5.len() * 32
    }

    /// Whether a picture, however turned, is on the list. 0 is the same file or hash; nothing where
    /// it is not there.
    pub fn find(&self, seen: &Seen) -> Option<u32> {
        if self.sha256.contains(&seen.sha256) || self.md5.contains(&seen.md5) {
            return Some(0);
        }
        let turns = seen.pdq.iter().flatten();
        turns.filter_map(|pdq| self.nearest(*pdq)).min()
    }

    /// The distance of the nearest hash, if it is [`MAX_DISTANCE`] at most.
    pub fn nearest(&self, wanted: Pdq) -> Option<u32> {
        let mut nearest = None;
        for (band, (starts, entries)) in self.bands.iter().enumerate() {
            for flip in FLIPS {
                let bucket = usize::from(wanted.band(band) ^ flip);
                let (from, to) = (starts[bucket] as usize, starts[bucket + 1] as usize);
                for entry in &entries[from..to] {
                    let distance = self.pdq[*entry as usize].distance(wanted);
                    if distance <= nearest.map_or(MAX_DISTANCE, |best: u32| best.saturating_sub(1))
                    {
                        nearest = Some(distance);
                    }
                }
            }
            if nearest == Some(0) {
                break;
            }
        }
        nearest
    }

    fn add(&mut self, hex: &str, said: Option<Kind>) -> Option<()> {
        match (said, hex.len()) {
            (Some(Kind::Pdq) | None, 64) => self.pdq.push(Pdq::parse(hex)?),
            (Some(Kind::Sha256), 64) => _ = self.sha256.insert(digits(hex)?),
            (Some(Kind::Md5) | None, 32) => _ = self.md5.insert(digits(hex)?),
            _ => return None,
        }
        Some(())
    }

    /// Sorts the hashes into buckets, band by band.
    fn index(&mut self) {
        self.pdq.sort_unstable();
        self.pdq.dedup();
        if self.pdq.is_empty() {
            return;
        }
        self.bands = (0..BANDS).map(|band| self.buckets(band)).collect();
    }

    fn buckets(&self, band: usize) -> (Vec<u32>, Vec<u32>) {
        let mut starts = vec![0_u32; BUCKETS + 1];
        for pdq in &self.pdq {
            starts[usize::from(pdq.band(band)) + 1] += 1;
        }
        for at in 0..BUCKETS {
            starts[at + 1] += starts[at];
        }
        let mut next = starts.clone();
        let mut entries = vec![0; self.pdq.len()];
        for (index, pdq) in (0..).zip(&self.pdq) {
            let place = &mut next[usize::from(pdq.band(band))];
            entries[*place as usize] = index;
            *place += 1;
        }
        (starts, entries)
    }
}

/// The column of the hash, if a line is a header.
fn header(line: &str) -> Option<usize> {
    let name = |cell: &str| cell.trim().trim_matches('"').to_ascii_lowercase();
    let names: Vec<String> = line.split(',').map(name).collect();
    let known = ["hash", "indicator", "pdq", "sha256", "md5"];
    known
        .iter()
        .find_map(|one| names.iter().position(|name| name == one))
}

fn kind(cell: &str) -> Option<Kind> {
    let mut plain: String = cell.chars().filter(char::is_ascii_alphanumeric).collect();
    plain.make_ascii_lowercase();
    match plain.strip_prefix("hash").unwrap_or(&plain) {
        "pdq" => Some(Kind::Pdq),
        "sha256" => Some(Kind::Sha256),
        "md5" => Some(Kind::Md5),
        _ => None,
    }
}

fn digits<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(bytes)
}
