//! [`Gate`]: a small network that says of which sentences the heads need not be asked: it sees the
//! pieces' rows summed and their hashed neighbours, costs a hundredth of the encoder, and was taught by
//! what encoder and heads say (`training/gate.py`, docs/decisions/0049).
//!
//! It answers for a label and a probability: below its cut lay at most one in two hundred of the unseen
//! sentences that reach the probability. What it was not taught, it does not answer for.

use sha2::{Digest, Sha256};

use super::encoder::{DIMENSIONS, Encoder};
use super::heads::dot;
use super::weights::{BadModel, Weights};

/// Buckets that a file may have.
const MAX_BUCKETS: usize = 1 << 20;

/// Units and labels that a file may have.
const MAX_WIDTH: usize = 256;

/// Stands behind a piece that is hashed by itself.
const ALONE: u32 = u32::MAX;

/// What passes sentences on to the encoder.
#[derive(Debug)]
pub struct Gate {
    labels: Vec<String>,
    /// Probabilities that it was taught, ascending.
    bars: Vec<f32>,
    /// By label and bar: the logit from which a sentence passes; infinite where it was not taught.
    cuts: Vec<f32>,
    /// Of the rows' sum: [`DIMENSIONS`] weights a unit.
    rows: Vec<f32>,
    bias: Vec<f32>,
    /// Of the pieces and pairs: a weight per bucket and unit.
    pairs: Vec<i8>,
    pair_scale: Vec<f32>,
    /// From the units to a logit per label.
    last: Vec<f32>,
    last_bias: Vec<f32>,
}

/// Something that is asked of sentences, and from where a sentence has to be scored for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cut {
    label: usize,
    logit: f32,
}

impl Gate {
    /// Reads a gate that was taught by these `heads`.
    ///
    /// # Errors
    /// [`BadModel`] if a tensor is missing, of another shape, or holds what is no number, or if the gate
    /// was taught by other heads: nobody knows what it would let slip then.
    pub fn load(file: &[u8], heads: &[u8]) -> Result<Self, BadModel> {
        let weights = &Weights::read(file)?;
        let said = weights.said("heads")?;
        if said != digest(heads) {
            let message = "the gate was taught by other heads: run training/gate.py";
            return Err(BadModel::new(message));
        }
        let labels: Vec<String> = serde_json::from_str(weights.said("labels")?)
            .map_err(|error| BadModel::new(format!("labels: {error}")))?;
        let shape = weights.shape("pairs.weight")?;
        let (buckets, width) = match shape[..] {
            [buckets, width] => (buckets, width),
            _ => (0, 0),
        };
        let fits = buckets.is_power_of_two() && buckets <= MAX_BUCKETS;
        if !fits || !(1..=MAX_WIDTH).contains(&width) || labels.len() > MAX_WIDTH {
            return Err(BadModel::new(format!("a gate of shape {shape:?}")));
        }
        let bars = weights.floats("bars", &weights.shape("bars")?)?;
        if bars.is_empty() || !bars.is_sorted() {
            return Err(BadModel::new("the bars do not ascend"));
        }
        Ok(Self {
            cuts: weights.floats("cuts", &[labels.len(), bars.len()])?,
            rows: weights.floats("rows.weight", &[width, DIMENSIONS])?,
            bias: weights.floats("rows.bias", &[width])?,
            pairs: weights.signed("pairs.weight", &[buckets, width])?,
            pair_scale: weights.floats("pairs.scale", &[width])?,
            last: weights.floats("last.weight", &[labels.len(), width])?,
            last_bias: weights.floats("last.bias", &[labels.len()])?,
            labels,
            bars,
        })
    }

    /// From where a sentence has to be scored that may be so probable; `None` if nobody taught the gate
    /// that label or a probability that low.
    pub fn cut(&self, label: &str, at_least: f32) -> Option<Cut> {
        let label = self.labels.iter().position(|known| known == label)?;
        let below = self.bars.partition_point(|&bar| bar <= at_least);
        let cuts = &self.cuts[label * self.bars.len()..][..below];
        let taught = cuts.iter().rev().find(|cut| **cut < UNTAUGHT);
        taught.map(|&logit| Cut { label, logit })
    }

    /// Whether a sentence has to be scored for one of these.
    pub fn passes(&self, encoder: &Encoder, text: &str, cuts: &[Cut]) -> bool {
        let units = self.units(encoder, &encoder.pieces(text));
        cuts.iter().any(|cut| {
            let weights = &self.last[cut.label * units.len()..][..units.len()];
            dot(weights, &units) + self.last_bias[cut.label] >= cut.logit
        })
    }

    /// The logit of each label.
    pub fn logits(&self, encoder: &Encoder, text: &str) -> Vec<f32> {
        let units = self.units(encoder, &encoder.pieces(text));
        let rows = self.last.chunks_exact(units.len()).zip(&self.last_bias);
        rows.map(|(weights, bias)| dot(weights, &units) + bias)
            .collect()
    }

    fn units(&self, encoder: &Encoder, pieces: &[u32]) -> Vec<f32> {
        let width = self.bias.len();
        let mut sums = vec![0_i32; width];
        let buckets = self.pairs.len() / width;
        let mut count = 0_u32;
        let singles = pieces.iter().map(|&piece| (piece, ALONE));
        let pairs = pieces.windows(2).map(|pair| (pair[0], pair[1]));
        for (piece, next) in singles.chain(pairs) {
            let weights = &self.pairs[bucket(piece, next, buckets) * width..][..width];
            for (sum, &weight) in sums.iter_mut().zip(weights) {
                *sum += i32::from(weight);
            }
            count += 1;
        }
        let share = 1.0 / (count.max(1) as f32).sqrt();
        let sum = encoder.rows_sum(pieces);
        let weights = self.rows.chunks_exact(DIMENSIONS).zip(&self.bias);
        let pairs = sums.iter().zip(&self.pair_scale);
        let units = weights.zip(pairs).map(|((weights, bias), (&of, scale))| {
            (dot(weights, &sum) + bias + of as f32 * (scale * share)).max(0.0)
        });
        units.collect()
    }
}

/// A cut that no sentence reaches stands where too few sentences were there to learn from.
const UNTAUGHT: f32 = 1e6;

/// The bucket of a piece and the one after it; `buckets` is a power of two.
fn bucket(piece: u32, next: u32, buckets: usize) -> usize {
    let mixed = piece
        .wrapping_mul(0x9E37_79B1)
        .wrapping_add(next.wrapping_mul(0x85EB_CA77));
    let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x2C1B_3C6D);
    (mixed ^ (mixed >> 13)) as usize & (buckets - 1)
}

/// SHA-256 of a file, as `sha256sum` prints it.
fn digest(file: &[u8]) -> String {
    let bytes = Sha256::digest(file);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
