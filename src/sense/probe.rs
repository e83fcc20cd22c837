//! [`Probe`]: what a handful of examples have in common, as a direction among sentence vectors.
//!
//! Logistic regression, as strong as leaving each example out says, and calibrated (Platt 1999) on
//! what it says of the examples that were left out. Everyday sentences count as a few more
//! counter-examples: without them, what is near no example at all would be as likely as not.

use std::sync::LazyLock;

use super::encoder::DIMENSIONS;
use super::heads::dot;
use super::regression::{Fit, Sample, Square, loss, sigmoid};
use super::shipped;

/// How much a vector may weigh; the one that says most of left-out examples is taken.
const STRENGTHS: [f64; 3] = [1.0, 10.0, 100.0];

/// What all everyday sentences weigh together, the counter-examples together being 1. With 28
/// examples of gardening against cooking, 1.6 % of honest texts were as likely as not instead of 20 %.
const EVERYDAY_SHARE: f64 = 0.5;

/// Steps of the calibration; it needs about ten.
const STEPS: usize = 60;

/// Keeps the calibration of examples that are told apart without a doubt finite.
const RIDGE: f64 = 1e-6;

/// Sentences of no matter what, half English, half Chinese.
static EVERYDAY: LazyLock<Vec<Vec<f32>>> = LazyLock::new(|| {
    let lines = include_str!("everyday.txt").lines();
    lines.map(vector).collect()
});

/// A text and whether it is what is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// What is said.
    pub text: String,
    /// Whether it is meant.
    pub yes: bool,
}

/// A direction, and where on it probability begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    weight: Vec<f32>,
    bias: f32,
}

impl Probe {
    /// What the examples have in common that the counter-examples have not, and how probable it says
    /// each example was before it had seen it. `None` if it cannot tell them apart: there are fewer
    /// than two of a kind, or those left out came out the wrong way round.
    pub fn learn(examples: &[Example]) -> Option<(Self, Vec<f32>)> {
        let yes = examples.iter().filter(|example| example.yes).count();
        let no = examples.len() - yes;
        if yes < 2 || no < 2 {
            return None;
        }
        let own: Vec<Vec<f32>> = examples.iter().map(|one| vector(&one.text)).collect();
        let vectors: Vec<&Vec<f32>> = own.iter().chain(EVERYDAY.iter()).collect();
        let half = examples.len() as f64 / 2.0;
        let balanced = |example: &Example| Sample {
            yes: example.yes,
            weight: half / if example.yes { yes } else { no } as f64,
        };
        let everyday = Sample {
            yes: false,
            weight: half * EVERYDAY_SHARE / EVERYDAY.len() as f64,
        };
        let mut samples: Vec<Sample> = examples.iter().map(balanced).collect();
        samples.resize(vectors.len(), everyday);
        // One more number, always 1, stands for the bias.
        let product = |one: usize, other: usize| f64::from(dot(vectors[one], vectors[other])) + 1.0;
        let products = Square::of(vectors.len(), product);
        let fits =
            STRENGTHS.map(|strength| (strength, Fit::of(&products.scaled(strength), &samples)));
        let cost = |fit: &Fit| -> f64 {
            let each = fit.left_out.iter().zip(&samples);
            each.map(|(&logit, sample)| sample.weight * loss(logit, sample.yes))
                .sum()
        };
        let (strength, fit) = fits
            .into_iter()
            .min_by(|one, other| cost(&one.1).total_cmp(&cost(&other.1)))?;
        let unseen: Vec<(f64, bool)> = fit
            .left_out
            .iter()
            .copied()
            .zip(examples.iter().map(|one| one.yes))
            .collect();
        let (slope, shift) = calibrated(&unseen, (yes, no))?;
        let mut weight = vec![0.0_f64; DIMENSIONS];
        for (vector, share) in vectors.iter().zip(&fit.share) {
            for (sum, &value) in weight.iter_mut().zip(vector.iter()) {
                *sum += share * f64::from(value);
            }
        }
        let scale = slope * strength;
        let probe = Self {
            weight: weight.iter().map(|sum| (sum * scale) as f32).collect(),
            bias: (fit.share.iter().sum::<f64>() * scale + shift) as f32,
        };
        let probability = |(logit, _): &(f64, bool)| sigmoid(slope * logit + shift) as f32;
        Some((probe, unseen.iter().map(probability).collect()))
    }

    /// How probable it is that a text is meant, given what [`super::Encoder::encode`] made of it.
    pub fn score(&self, inputs: &[f32]) -> f32 {
        let logit = dot(&self.weight, &inputs[..DIMENSIONS]) + self.bias;
        super::heads::sigmoid(logit)
    }
}

fn vector(text: &str) -> Vec<f32> {
    let mut inputs = shipped().encode(text);
    inputs.truncate(DIMENSIONS);
    inputs
}

/// Slope and shift by which logits become probabilities, both kinds counting the same; `None` if the
/// higher logit is not the likelier.
fn calibrated(unseen: &[(f64, bool)], (yes, no): (usize, usize)) -> Option<(f64, f64)> {
    // Platt's targets: nobody is certain after so few.
    let certain = |count: usize| (count as f64 + 1.0) / (count as f64 + 2.0);
    let (mut slope, mut shift) = (1.0_f64, 0.0_f64);
    for _ in 0..STEPS {
        let (mut gradient, mut curve) = ([0.0; 2], [RIDGE, 0.0, RIDGE]);
        for &(logit, is) in unseen {
            let (target, count) = if is {
                (certain(yes), yes)
            } else {
                (1.0 - certain(no), no)
            };
            let says = sigmoid(slope * logit + shift);
            let pull = (target - says) / count as f64;
            let bend = says * (1.0 - says) / count as f64;
            gradient[0] += pull * logit;
            gradient[1] += pull;
            curve[0] += bend * logit * logit;
            curve[1] += bend * logit;
            curve[2] += bend;
        }
        let area = curve[0] * curve[2] - curve[1] * curve[1];
        let step = |one: f64| {
            if area > 0.0 {
                (one / area).clamp(-1.0, 1.0)
            } else {
                0.0
            }
        };
        slope += step(curve[2] * gradient[0] - curve[1] * gradient[1]);
        shift += step(curve[0] * gradient[1] - curve[1] * gradient[0]);
    }
    (slope.is_finite() && shift.is_finite() && slope > 0.0).then_some((slope, shift))
}
