//! [`Fit`]: logistic regression on few vectors, and what it would say of each had it not seen it.
//!
//! Fitted in the space of the samples (Rasmussen and Williams 2006, algorithm 3.1), since there are
//! fewer samples than numbers of a vector. A sample is left out by taking its share off the
//! curvature at the optimum (their section 5.4.2), which costs no further fit.

/// Steps of Newton's method; it needs about eight.
const STEPS: usize = 30;

/// Change of a logit below which the optimum is reached.
const STILL: f64 = 1e-7;

/// Halvings of a step that would make things worse.
const HALVINGS: usize = 12;

/// What is to be learned of one sample.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub yes: bool,
    /// How much it counts.
    pub weight: f64,
}

/// A regression at its optimum: the weights of a vector are the samples' vectors times `share`.
#[derive(Debug)]
pub(super) struct Fit {
    pub share: Vec<f64>,
    /// By sample: its logit had it not been there.
    pub left_out: Vec<f64>,
}

/// A symmetric matrix, row by row.
#[derive(Debug, Clone)]
pub(super) struct Square {
    width: usize,
    values: Vec<f64>,
}

impl Square {
    /// Of what two indices give.
    pub fn of(width: usize, of: impl Fn(usize, usize) -> f64) -> Self {
        let mut values = vec![0.0; width * width];
        for row in 0..width {
            for column in 0..=row {
                let value = of(row, column);
                values[row * width + column] = value;
                values[column * width + row] = value;
            }
        }
        Self { width, values }
    }

    /// Every number times `factor`.
    pub fn scaled(&self, factor: f64) -> Self {
        let values = self.values.iter().map(|value| value * factor).collect();
        Self {
            width: self.width,
            values,
        }
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.width..][..self.width]
    }

    fn times(&self, vector: &[f64]) -> Vec<f64> {
        (0..self.width)
            .map(|row| dot(self.row(row), vector))
            .collect()
    }

    /// The lower triangle whose square this is; it has to be positive definite.
    fn root(mut self) -> Self {
        let width = self.width;
        for row in 0..width {
            let (above, own) = self.values.split_at_mut(row * width);
            for column in 0..row {
                let other = &above[column * width..][..=column];
                let rest = own[column] - dot(&own[..column], &other[..column]);
                own[column] = rest / other[column];
            }
            own[row] = (own[row] - dot(&own[..row], &own[..row]))
                .max(f64::MIN_POSITIVE)
                .sqrt();
        }
        self
    }

    /// `x` of `root * x = vector`.
    fn forward(&self, mut vector: Vec<f64>) -> Vec<f64> {
        for row in 0..self.width {
            let known = dot(&self.row(row)[..row], &vector[..row]);
            vector[row] = (vector[row] - known) / self.row(row)[row];
        }
        vector
    }

    /// `x` of `transposed root * x = vector`.
    fn backward(&self, mut vector: Vec<f64>) -> Vec<f64> {
        for row in (0..self.width).rev() {
            let value = vector[row] / self.row(row)[row];
            vector[row] = value;
            for (other, weight) in vector[..row].iter_mut().zip(self.row(row)) {
                *other -= value * weight;
            }
        }
        vector
    }
}

impl Fit {
    /// Of samples whose vectors have these products: the larger, the less is held back.
    pub fn of(products: &Square, samples: &[Sample]) -> Self {
        let mut share = vec![0.0; samples.len()];
        let mut logits = share.clone();
        let mut worth = self::worth(&share, &logits, samples);
        for _ in 0..STEPS {
            let (wanted, _) = newton(products, samples, &logits);
            let there = products.times(&wanted);
            let mut length = 1.0;
            let towards = |from: &[f64], to: &[f64], length: f64| -> Vec<f64> {
                let pairs = from.iter().zip(to);
                pairs
                    .map(|(from, to)| from + length * (to - from))
                    .collect()
            };
            let mut next = (wanted.clone(), there.clone());
            for _ in 0..HALVINGS {
                if self::worth(&next.0, &next.1, samples) >= worth {
                    break;
                }
                length /= 2.0;
                next = (
                    towards(&share, &wanted, length),
                    towards(&logits, &there, length),
                );
            }
            let pairs = next.1.iter().zip(&logits);
            let moved = pairs
                .map(|(new, old)| (new - old).abs())
                .fold(0.0, f64::max);
            (share, logits) = next;
            worth = self::worth(&share, &logits, samples);
            if moved < STILL {
                break;
            }
        }
        let left_out = left_out(products, samples, &logits);
        Self { share, left_out }
    }
}

/// Likelihood, less what large weights cost.
fn worth(share: &[f64], logits: &[f64], samples: &[Sample]) -> f64 {
    let likely = samples.iter().zip(logits);
    let likely = likely.map(|(sample, &logit)| -sample.weight * loss(logit, sample.yes));
    likely.sum::<f64>() - dot(share, logits) / 2.0
}

/// What it costs to say `logit`.
pub(super) fn loss(logit: f64, yes: bool) -> f64 {
    let margin = if yes { logit } else { -logit };
    // log(1 + e^-margin) without overflow.
    (-margin).max(0.0) + (-margin.abs()).exp().ln_1p()
}

/// Slope and curvature of each sample's likelihood.
fn slopes<'s>(samples: &'s [Sample], logits: &'s [f64]) -> impl Iterator<Item = (f64, f64)> + 's {
    samples.iter().zip(logits).map(|(sample, &logit)| {
        let says = sigmoid(logit);
        let target = if sample.yes { 1.0 } else { 0.0 };
        (
            sample.weight * (target - says),
            sample.weight * says * (1.0 - says),
        )
    })
}

/// The shares that are best for the curvature at these logits, and the root of what is solved.
fn newton(products: &Square, samples: &[Sample], logits: &[f64]) -> (Vec<f64>, (Square, Vec<f64>)) {
    let (slopes, curves): (Vec<f64>, Vec<f64>) = slopes(samples, logits).unzip();
    let roots: Vec<f64> = curves.iter().map(|curve| curve.sqrt()).collect();
    let inner = |row: usize, column: usize| {
        let unit = if row == column { 1.0 } else { 0.0 };
        unit + roots[row] * products.values[row * products.width + column] * roots[column]
    };
    let root = Square::of(samples.len(), inner).root();
    let target: Vec<f64> = curves
        .iter()
        .zip(logits)
        .zip(&slopes)
        .map(|((curve, logit), slope)| curve * logit + slope)
        .collect();
    let scaled = |vector: Vec<f64>| -> Vec<f64> {
        vector
            .iter()
            .zip(&roots)
            .map(|(value, root)| value * root)
            .collect()
    };
    let inside = scaled(products.times(&target));
    let inside = scaled(root.backward(root.forward(inside)));
    let share = target
        .iter()
        .zip(inside)
        .map(|(target, inside)| target - inside)
        .collect();
    (share, (root, roots))
}

/// The logit of each sample at an optimum from which its own share is taken off.
fn left_out(products: &Square, samples: &[Sample], logits: &[f64]) -> Vec<f64> {
    let (_, (root, roots)) = newton(products, samples, logits);
    let width = products.width;
    let each = slopes(samples, logits).zip(logits).enumerate();
    each.map(|(at, ((slope, curve), logit))| {
        let row = products
            .row(at)
            .iter()
            .zip(&roots)
            .map(|(product, root)| product * root);
        let seen = root.forward(row.collect());
        let spread = products.values[at * width + at] - dot(&seen, &seen);
        logit - spread * slope / (1.0 - spread * curve).max(f64::EPSILON)
    })
    .collect()
}

/// In eight strands, in an order that does not depend on the machine.
fn dot(one: &[f64], other: &[f64]) -> f64 {
    let mut strands = [0.0; 8];
    let (ones, others) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    for (one, other) in ones.0.iter().zip(others.0) {
        for ((strand, one), other) in strands.iter_mut().zip(one).zip(other) {
            *strand += one * other;
        }
    }
    let rest = ones.1.iter().zip(others.1);
    let rest: f64 = rest.map(|(one, other)| one * other).sum();
    strands.iter().sum::<f64>() + rest
}

/// A logit as a probability.
pub(super) fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(yes: bool) -> Sample {
        Sample { yes, weight: 1.0 }
    }

    /// The logit of `at` after learning from the others alone.
    fn without(vectors: &[[f64; 3]], samples: &[Sample], at: usize) -> f64 {
        let others: Vec<usize> = (0..samples.len()).filter(|&one| one != at).collect();
        let product = |one: usize, other: usize| dot(&vectors[one], &vectors[other]);
        let products = Square::of(others.len(), |row, column| {
            product(others[row], others[column])
        });
        let kept: Vec<Sample> = others.iter().map(|&one| samples[one]).collect();
        let fit = Fit::of(&products, &kept);
        let shares = others.iter().zip(&fit.share);
        shares.map(|(&one, share)| share * product(one, at)).sum()
    }

    proptest! {
        #[test]
        fn what_is_said_of_a_left_out_sample_is_what_the_others_teach(
            drawn in prop::collection::vec((prop::array::uniform3(-1.0..1.0_f64), any::<bool>()), 16..30),
            strength in 0.1..8.0_f64,
        ) {
            let (vectors, yes): (Vec<[f64; 3]>, Vec<bool>) = drawn.into_iter().unzip();
            let vectors: Vec<[f64; 3]> = vectors.iter().map(|one| one.map(|x| x * strength.sqrt())).collect();
            let samples: Vec<Sample> = yes.into_iter().map(sample).collect();
            let products = Square::of(vectors.len(), |one, other| dot(&vectors[one], &vectors[other]));
            let fit = Fit::of(&products, &samples);
            let seen = products.times(&fit.share);
            for (at, seen) in seen.into_iter().enumerate() {
                let exact = without(&vectors, &samples, at);
                let said = fit.left_out[at];
                // One step from the optimum: off by a part of what the sample itself changed.
                let changed = (exact - seen).abs();
                prop_assert!((exact - said).abs() < 0.1 + 0.3 * changed, "{} {} {}", exact, said, changed);
            }
        }
    }

    #[test]
    fn the_optimum_has_no_slope() {
        let vectors = [
            [1.0, 0.2, 0.0],
            [0.9, -0.1, 0.3],
            [-1.0, 0.1, 0.2],
            [-0.8, 0.0, -0.4],
        ];
        let samples = [true, true, false, false].map(sample);
        let products = Square::of(4, |one, other| 10.0 * dot(&vectors[one], &vectors[other]));
        let fit = Fit::of(&products, &samples);
        let logits = products.times(&fit.share);
        for ((slope, _), share) in slopes(&samples, &logits).zip(&fit.share) {
            assert!((slope - share).abs() < 1e-6, "{slope} {share}");
        }
    }
}
