//! [`Pieces`]: a text as the rows of the encoder's vocabulary: sentencepiece's normalizer
//! (`nmt_nfkc`) and unigram segmentation, exactly as the encoder was trained with.
//!
//! Why not the unigram model of `tokenizers`: docs/decisions/0020.

use super::double_array::DoubleArray;
use super::weights::{BadModel, Weights};

/// Rows of the pieces that every vocabulary begins with.
pub(super) const UNKNOWN: u32 = 0;
const BEGIN: u32 = 1;
const END: u32 = 2;

/// What stands for a space inside pieces.
const SPACE: char = '\u{2581}';

/// The vocabulary.
#[derive(Debug)]
pub(super) struct Pieces {
    trie: DoubleArray,
    scores: Vec<f32>,
    unknown_score: f64,
    longest: usize,
    signs: DoubleArray,
    written: String,
}

impl Pieces {
    /// From the encoder's file, whose vocabulary has so many `rows`.
    pub fn load(weights: &Weights<'_>, rows: usize) -> Result<Self, BadModel> {
        let number = |key: &str| {
            let value = weights.said(key)?.parse::<f64>().ok();
            let value = value.filter(|value| value.is_finite());
            value.ok_or_else(|| BadModel::new(format!("{key:?} is no number")))
        };
        let written = weights.bytes("signs.text")?.to_vec();
        Ok(Self {
            trie: DoubleArray::new(weights.units("pieces.trie")?),
            scores: weights.floats("pieces.score", &[rows])?,
            unknown_score: number("unknown_score")?,
            longest: number("longest_piece")? as usize,
            signs: DoubleArray::new(weights.units("signs.trie")?),
            written: String::from_utf8(written)
                .map_err(|_| BadModel::new("signs.text is no UTF-8"))?,
        })
    }

    /// The rows of a text, those of its beginning and its end around them.
    pub fn rows(&self, text: &str) -> Vec<u32> {
        let normal = self.normalize(text);
        let mut rows = vec![BEGIN];
        if normal.is_empty() {
            rows.push(UNKNOWN);
        } else {
            self.segment(&normal, &mut rows);
        }
        rows.push(END);
        rows
    }

    /// The text with signs in their normal form, spaces joined and written as [`SPACE`].
    fn normalize(&self, text: &str) -> String {
        let mut rest = text;
        let mut normal = String::with_capacity(text.len() + text.len() / 4);
        let mut after_space = true;
        let mut begun = false;
        while !rest.is_empty() {
            let (mut sign, length) = self.sign(rest);
            rest = rest.get(length..).unwrap_or_default();
            if !begun && sign == " " {
                continue;
            }
            if !begun {
                normal.push(SPACE);
                begun = true;
            }
            if after_space {
                sign = sign.trim_start_matches(' ');
            }
            if let Some(last) = sign.chars().next_back() {
                after_space = last == ' ';
                normal.extend(sign.chars().map(|c| if c == ' ' { SPACE } else { c }));
            }
        }
        normal.truncate(normal.trim_end_matches(SPACE).len());
        normal
    }

    /// What the beginning of a text is written as, and how many bytes of it that is for.
    fn sign<'t>(&'t self, text: &'t str) -> (&'t str, usize) {
        if let Some((length, at)) = self.signs.prefixes(text.as_bytes()).last()
            && let Some(written) = self.written.get(at as usize..)
        {
            let end = written.find('\0').unwrap_or(written.len());
            return (&written[..end], length);
        }
        let length = text.chars().next().map_or(0, char::len_utf8);
        (&text[..length], length)
    }

    /// The likeliest pieces (Viterbi); of equals those that begin earliest, as in sentencepiece.
    fn segment(&self, text: &str, rows: &mut Vec<u32>) {
        let mut best = vec![(f64::NEG_INFINITY, 0_u32, UNKNOWN); text.len() + 1];
        best[0].0 = 0.0;
        for (from, c) in text.char_indices() {
            let so_far = best[from].0;
            let end = text.len().min(from + self.longest);
            let mut reach = |to: usize, score: f64, row: u32| {
                if score > best[to].0 {
                    best[to] = (score, from as u32, row);
                }
            };
            let mut single = false;
            for (length, row) in self.trie.prefixes(&text.as_bytes()[from..end]) {
                if let Some(&score) = self.scores.get(row as usize) {
                    reach(from + length, so_far + f64::from(score), row);
                    single |= length == c.len_utf8();
                }
            }
            if !single {
                reach(from + c.len_utf8(), so_far + self.unknown_score, UNKNOWN);
            }
        }
        let (begin, mut to) = (rows.len(), text.len());
        while to > 0 {
            let (_, from, row) = best[to];
            rows.push(row);
            to = from as usize;
        }
        rows[begin..].reverse();
    }
}
