//! [`Layer`]: weights of eight bits, multiplied with activations of seven, in whole numbers: the
//! sums are exact, so every machine computes the same.
//!
//! Why seven bits: x86 without VNNI adds two products in sixteen bits, and `2 * 127 * 127` is the
//! most that fits. Where a vector stands alone (nothing averages its error out) it goes in as two
//! halves of seven bits each.

use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_tensor::Matrix;

use super::weights::{BadModel, Weights};
use super::wide::wide;

/// Steps of an activation.
const STEPS: f32 = 127.0;

/// Steps of an activation in two halves.
const FINE_STEPS: f32 = 128.0 * 128.0 - 1.0;

/// Added to a small number that is not below 0 it leaves the nearest whole one in the lowest bits:
/// conversions that check their range cost more than the products.
const WHOLE: f32 = 8_388_608.0;

/// Scale of a row that is all zero, so that nothing is divided by zero.
const SMALLEST_SCALE: f32 = 1e-20;

thread_local! {
    /// The multiplication for this machine, which its library does not let threads share.
    static KERNEL: GemmExecutor<u8, i8, i32> = GemmExecutor::new();
}

/// A matrix and what its columns are multiplied with.
pub(super) struct Layer {
    packed: PackedBMatrix<i8>,
    /// Per column.
    pub scale: Vec<f32>,
    /// Sum of each column: what a zero that is not 0 adds.
    pub sums: Vec<i32>,
    inputs: usize,
}

/// Rows of seven-bit numbers: `value = scale * (number - zero)`, scale and zero per row.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    pub values: Vec<u8>,
    pub zero: Vec<u8>,
    pub scale: Vec<f32>,
}

impl Layer {
    /// `NAME.weight` of `inputs` rows and `outputs` columns.
    pub fn load(
        weights: &Weights<'_>,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Self, BadModel> {
        let matrix = weights.signed(&format!("{name}.weight"), &[inputs, outputs])?;
        let mut sums = vec![0; outputs];
        for row in matrix.chunks_exact(outputs) {
            for (sum, &weight) in sums.iter_mut().zip(row) {
                *sum += i32::from(weight);
            }
        }
        Ok(Self {
            packed: KERNEL
                .with(|kernel| kernel.prepack_b(Matrix::from_data([inputs, outputs], &matrix[..]))),
            scale: weights.floats(&format!("{name}.scale"), &[outputs])?,
            sums,
            inputs,
        })
    }

    /// Columns.
    pub fn outputs(&self) -> usize {
        self.scale.len()
    }

    /// `numbers * weights` into the beginning of `out`, row by row; each row's zero times the columns'
    /// sums still to be taken off, and scales to be applied.
    pub fn multiply(&self, numbers: &Numbers, out: &mut Vec<i32>) {
        let rows = numbers.zero.len();
        let length = rows * self.outputs();
        // The product overwrites what is there, so room is made once and kept.
        if out.len() < length {
            out.resize(length, 0);
        }
        let out = &mut out[..length];
        let input = Matrix::from_data([rows, self.inputs], &numbers.values[..]);
        let packed = GemmInputB::Packed(&self.packed);
        let input = GemmInputA::Unpacked(input);
        let done = KERNEL.with(|kernel| kernel.gemm(out, input, packed, GemmOptions::default()));
        done.expect("the sizes were checked when the model was read");
    }

    /// Vectors through the layer, each added to its row of `out`.
    pub fn add(&self, vectors: &[f32], out: &mut [f32], work: &mut (Numbers, Vec<i32>)) {
        let (halves, product) = work;
        halves.clear();
        wide(|| {
            for vector in vectors.chunks_exact(self.inputs) {
                halves.push_halves(vector);
            }
        });
        self.multiply(halves, product);
        let width = self.outputs();
        wide(|| {
            let rows = product.chunks_exact(2 * width).zip(&halves.scale);
            for (at, ((product, scale), out)) in rows.zip(out.chunks_exact_mut(width)).enumerate() {
                let (high, low) = product.split_at(width);
                let zeros = (halves.zero[2 * at], halves.zero[2 * at + 1]);
                let (zero_high, zero_low) = (i32::from(zeros.0), i32::from(zeros.1));
                let products = high.iter().zip(low).zip(&self.sums).zip(&self.scale);
                for (sum, (((&high, &low), column), of)) in out.iter_mut().zip(products) {
                    let (high, low) = (high - zero_high * column, low - zero_low * column);
                    *sum += (high as f32 * 128.0 + low as f32) * (scale * of);
                }
            }
        });
    }
}

impl Numbers {
    /// Empty, with room kept.
    pub fn clear(&mut self) {
        self.values.clear();
        self.zero.clear();
        self.scale.clear();
    }

    /// One more row.
    #[inline(always)]
    pub fn push(&mut self, row: &[f32]) {
        let (scale, zero) = range(row, STEPS);
        let per_step = 1.0 / scale;
        // The lowest value may come out a little below 0, where the lowest bits mean another thing.
        let number = |value: &f32| {
            let steps = value * per_step + zero;
            let steps = if steps > 0.0 { steps } else { 0.0 };
            (steps + WHOLE).to_bits() as u8
        };
        self.values.extend(row.iter().map(number));
        self.zero.push(zero as u8);
        self.scale.push(scale);
    }

    /// One vector as two rows, its high and its low halves, with one scale for both.
    #[inline(always)]
    fn push_halves(&mut self, row: &[f32]) {
        let (scale, zero) = range(row, FINE_STEPS);
        let fine = |value: &f32| (value * (1.0 / scale) + zero + 0.5) as i32;
        self.values
            .extend(row.iter().map(|value| (fine(value) >> 7) as u8));
        self.values
            .extend(row.iter().map(|value| (fine(value) & 127) as u8));
        self.zero
            .extend([(zero as i32 >> 7) as u8, (zero as i32 & 127) as u8]);
        self.scale.push(scale);
    }
}

/// Scale and zero by which a row's values become `0..=steps`.
#[inline(always)]
fn range(row: &[f32], steps: f32) -> (f32, f32) {
    let (mut lows, mut highs) = ([0.0_f32; 8], [0.0_f32; 8]);
    let (eights, rest) = row.as_chunks::<8>();
    for eight in eights {
        for ((low, high), &value) in lows.iter_mut().zip(&mut highs).zip(eight) {
            *low = if value < *low { value } else { *low };
            *high = if value > *high { value } else { *high };
        }
    }
    let both = |ends: [f32; 8], pick: fn(f32, f32) -> f32| {
        let all = ends.into_iter().chain(rest.iter().copied());
        all.fold(0.0, pick)
    };
    let (low, high) = (both(lows, f32::min), both(highs, f32::max));
    let scale = ((high - low) / steps).max(SMALLEST_SCALE);
    (scale, (-low / scale).round())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever instructions this machine has: the numbers of a plain loop, at the extremes too.
        #[test]
        fn products_are_exact(
            (rows, inputs, outputs) in (1_usize..9, 1_usize..300, 1_usize..70),
            seed in prop::collection::vec((0_u8..128, any::<i8>()), 97),
            extreme in any::<bool>(),
        ) {
            let picked = |at: usize| if extreme { (127, i8::MIN) } else { seed[at % seed.len()] };
            let values: Vec<u8> = (0..rows * inputs).map(|at| picked(at).0).collect();
            let matrix: Vec<i8> = (0..inputs * outputs).map(|at| picked(at * 3).1).collect();
            let packed = Matrix::from_data([inputs, outputs], &matrix[..]);
            let layer = Layer {
                packed: KERNEL.with(|kernel| kernel.prepack_b(packed)),
                scale: vec![1.0; outputs],
                sums: vec![0; outputs],
                inputs,
            };
            let numbers = Numbers { values, zero: vec![0; rows], scale: vec![1.0; rows] };
            let mut out = Vec::new();
            layer.multiply(&numbers, &mut out);
            for row in 0..rows {
                for column in 0..outputs {
                    let products = (0..inputs).map(|at| {
                        i32::from(numbers.values[row * inputs + at]) * i32::from(matrix[at * outputs + column])
                    });
                    prop_assert_eq!(out[row * outputs + column], products.sum::<i32>());
                }
            }
        }
    }
}
