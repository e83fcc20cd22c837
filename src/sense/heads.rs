//! [`Heads`]: from a sentence's vector and its n-grams to a probability per label.

use super::encoder::{DIMENSIONS, INPUTS};
use super::ngrams::ngrams;
use super::weights::{BadModel, Weights};
use crate::wide::wide;

/// The trained heads.
#[derive(Debug)]
pub struct Heads {
    labels: Vec<String>,
    hidden: Option<Dense>,
    last: Dense,
    grams: Option<Grams>,
    /// Per label: of the dense logit, of the n-gram logit, and what is added.
    calibration: Vec<[f32; 3]>,
}

/// `weight * input + bias`.
#[derive(Debug)]
struct Dense {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

/// A weight per n-gram bucket and label.
#[derive(Debug)]
struct Grams {
    weight: Vec<i8>,
    scale: Vec<f32>,
    buckets: u32,
}

/// Labels that a file may have; a policy names a handful.
const MAX_LABELS: usize = 256;

/// Units of the hidden layer that a file may have.
const MAX_WIDTH: usize = 4096;

/// Buckets that a file may have.
const MAX_BUCKETS: usize = 1 << 20;

impl Heads {
    /// Reads a file of heads.
    ///
    /// # Errors
    /// [`BadModel`] if a tensor is missing, of another shape, or holds what is no number.
    pub fn load(file: &[u8]) -> Result<Self, BadModel> {
        let weights = &Weights::read(file)?;
        let labels: Vec<String> = serde_json::from_str(weights.said("labels")?)
            .map_err(|error| BadModel::new(format!("labels: {error}")))?;
        if labels.is_empty() || labels.len() > MAX_LABELS {
            return Err(BadModel::new(format!("{} labels", labels.len())));
        }
        let orders = weights.said("ngram_orders")?;
        if orders != "2-4" {
            return Err(BadModel::new(format!("n-grams of {orders:?}, not \"2-4\"")));
        }
        // A file's heads look at the vector alone, or at the pooled features too.
        let inputs = match weights.shape("dense.0.weight")?.get(1) {
            Some(&DIMENSIONS) => DIMENSIONS,
            _ => INPUTS,
        };
        let (hidden, last) = if weights.has("dense.1.weight") {
            let shape = weights.shape("dense.0.weight")?;
            let width = *shape.first().unwrap_or(&0);
            let hidden = Dense::load(weights, "dense.0", width, inputs)?;
            (
                Some(hidden),
                Dense::load(weights, "dense.1", labels.len(), width)?,
            )
        } else {
            (None, Dense::load(weights, "dense.0", labels.len(), inputs)?)
        };
        let numbers = weights.floats("calibration", &[labels.len(), 3])?;
        Ok(Self {
            hidden,
            last,
            grams: Grams::load(weights, labels.len())?,
            calibration: numbers.as_chunks::<3>().0.to_vec(),
            labels,
        })
    }

    /// The labels, in the order of [`Heads::scores`].
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The probability of each label for a text, given what [`super::Encoder::encode`] made of it.
    pub fn scores(&self, text: &str, inputs: &[f32]) -> Vec<f32> {
        self.scores_all(&[text], &[inputs]).remove(0)
    }

    /// [`Heads::scores`] of each text, number for number; together they cost less.
    pub fn scores_all(&self, texts: &[&str], inputs: &[&[f32]]) -> Vec<Vec<f32>> {
        let dense = match &self.hidden {
            Some(hidden) => {
                let mut middle = hidden.apply(inputs);
                for value in middle.iter_mut().flatten() {
                    *value = value.max(0.0);
                }
                let middle: Vec<&[f32]> = middle.iter().map(Vec::as_slice).collect();
                self.last.apply(&middle)
            }
            None => self.last.apply(inputs),
        };
        let scores = |(dense, text): (Vec<f32>, &&str)| {
            let grams = self.grams.as_ref().map(|grams| grams.logits(text));
            let grams = grams.unwrap_or_else(|| vec![0.0; self.labels.len()]);
            let logits = dense.iter().zip(&grams).zip(&self.calibration);
            logits
                .map(|((dense, gram), [a, b, c])| sigmoid(a * dense + b * gram + c))
                .collect()
        };
        dense.into_iter().zip(texts).map(scores).collect()
    }
}

impl Dense {
    fn load(
        weights: &Weights<'_>,
        name: &str,
        outputs: usize,
        inputs: usize,
    ) -> Result<Self, BadModel> {
        if outputs == 0 || outputs > MAX_WIDTH {
            return Err(BadModel::new(format!("{name:?} has {outputs} outputs")));
        }
        Ok(Self {
            weight: weights.floats(&format!("{name}.weight"), &[outputs, inputs])?,
            bias: weights.floats(&format!("{name}.bias"), &[outputs])?,
        })
    }

    /// Of each input its outputs. Weights are read once for all of them.
    fn apply(&self, inputs: &[&[f32]]) -> Vec<Vec<f32>> {
        let width = self.weight.len() / self.bias.len();
        let mut outputs = vec![self.bias.clone(); inputs.len()];
        multiply(&self.weight, width, inputs, &mut outputs);
        outputs
    }
}

impl Grams {
    fn load(weights: &Weights<'_>, labels: usize) -> Result<Option<Self>, BadModel> {
        if !weights.has("ngram.weight") {
            return Ok(None);
        }
        let shape = weights.shape("ngram.weight")?;
        let buckets = *shape.first().unwrap_or(&0);
        if buckets == 0 || buckets > MAX_BUCKETS {
            return Err(BadModel::new(format!("{buckets} n-gram buckets")));
        }
        Ok(Some(Self {
            weight: weights.signed("ngram.weight", &[buckets, labels])?,
            scale: weights.floats("ngram.scale", &[labels])?,
            buckets: u32::try_from(buckets).unwrap_or(u32::MAX),
        }))
    }

    fn logits(&self, text: &str) -> Vec<f32> {
        let labels = self.scale.len();
        let found = ngrams(text, self.buckets);
        let mut sums = vec![0_i32; labels];
        for &bucket in &found {
            let weights = &self.weight[bucket as usize * labels..][..labels];
            for (sum, &weight) in sums.iter_mut().zip(weights) {
                *sum += i32::from(weight);
            }
        }
        let share = 1.0 / (found.len().max(1) as f32).sqrt();
        let sums = sums.iter().zip(&self.scale);
        sums.map(|(&sum, scale)| sum as f32 * scale * share)
            .collect()
    }
}

/// Rows of weights that are multiplied beside each other: by itself each waits for its own last sum.
const BESIDE: usize = 8;

wide! {
    /// Adds to the outputs of each input its product with `weight`, rows of so many numbers.
    fn multiply<'w>(weight: &'w [f32], width: usize, inputs: &'w [&'w [f32]], outputs: &'w mut [Vec<f32>]) {
        for (at, rows) in weight.chunks(BESIDE * width).enumerate() {
            for (input, output) in inputs.iter().zip(&mut *outputs) {
                dots(rows, &input[..width], &mut output[at * BESIDE..]);
            }
        }
    }
}

/// Adds to each output the [`dot`] product of its row of weights, at most [`BESIDE`] of them.
#[inline(always)]
fn dots(rows: &[f32], input: &[f32], out: &mut [f32]) {
    let width = input.len();
    if rows.len() < BESIDE * width {
        let rows = rows.chunks_exact(width).zip(out);
        return rows.for_each(|(row, out)| *out += dot(row, input));
    }
    let (inputs, rest) = input.as_chunks::<8>();
    let row = |at: usize| rows[at * width..][..width].as_chunks::<8>();
    let eights: [&[[f32; 8]]; BESIDE] = std::array::from_fn(|at| &row(at).0[..inputs.len()]);
    let mut strands = [[0.0; 8]; BESIDE];
    for (place, input) in inputs.iter().enumerate() {
        for (strands, eights) in strands.iter_mut().zip(&eights) {
            for ((strand, weight), input) in strands.iter_mut().zip(&eights[place]).zip(input) {
                *strand += weight * input;
            }
        }
    }
    for (at, (strands, out)) in strands.iter().zip(out).enumerate() {
        let rest = row(at).1.iter().zip(rest);
        let rest: f32 = rest.map(|(weight, input)| weight * input).sum();
        *out += strands.iter().sum::<f32>() + rest;
    }
}

/// A dot product in eight strands, in an order that does not depend on the machine.
#[inline(always)]
pub(super) fn dot(one: &[f32], other: &[f32]) -> f32 {
    let mut strands = [0.0; 8];
    let (ones, others) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    for (one, other) in ones.0.iter().zip(others.0) {
        for ((strand, one), other) in strands.iter_mut().zip(one).zip(other) {
            *strand += one * other;
        }
    }
    let rest: f32 = ones
        .1
        .iter()
        .zip(others.1)
        .map(|(one, other)| one * other)
        .sum();
    strands.iter().sum::<f32>() + rest
}

/// A logit as a probability.
pub(super) fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// However many rows there are and inputs together: the numbers of each alone, bit by bit.
        #[test]
        fn rows_beside_each_other_have_their_own_numbers(
            (outputs, inputs, width) in (1_usize..20, 1_usize..4, 1_usize..40),
            seed in prop::collection::vec(-3.0_f32..3.0, 61),
        ) {
            let number = |at: usize| seed[at % seed.len()];
            let dense = Dense {
                weight: (0..outputs * width).map(|at| number(at * 7)).collect(),
                bias: (0..outputs).map(number).collect(),
            };
            let input = |nth: usize| (0..width).map(|at| number(at * 5 + nth)).collect();
            let inputs: Vec<Vec<f32>> = (0..inputs).map(input).collect();
            let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
            for (output, input) in dense.apply(&inputs).iter().zip(&inputs) {
                for (at, output) in output.iter().enumerate() {
                    let alone = dot(&dense.weight[at * width..][..width], input) + dense.bias[at];
                    prop_assert_eq!(output.to_bits(), alone.to_bits());
                }
            }
        }
    }
}
