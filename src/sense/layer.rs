//! [`Layer`]: weights of eight bits, multiplied with activations of seven, in whole numbers: the
//! sums are exact, so every machine computes the same.
//!
//! Why seven bits: x86 without VNNI adds two products in sixteen bits, and `2 * 127 * 127` is the
//! most that fits. Where a vector stands alone (nothing averages its error out) it goes in as two
//! halves of seven bits each.

use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmUninitOptions, PackedBMatrix};
use rten_tensor::Matrix;

use super::weights::{BadModel, Weights};
use crate::wide::wide;

/// Steps of an activation.
const STEPS: f32 = 127.0;

/// Steps of an activation in two halves.
const FINE_STEPS: f32 = 128.0 * 128.0 - 1.0;

/// Added to a small number that is not below 0 it leaves the nearest whole one in the lowest bits:
/// conversions that check their range cost more than the products.
const WHOLE: f32 = 8_388_608.0;

/// Those bits.
const LOWEST: u32 = (1 << 23) - 1;

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

    /// `numbers * weights`, row by row; each row's zero times the columns' sums still to be taken off, and scales to
    /// be applied. (The library takes zeros too, and in 0.27 mistakes those of every row behind the eighth.) `room` is
    /// kept from product to product.
    pub fn multiply<'r>(&self, numbers: &Numbers, room: &'r mut Vec<i32>) -> &'r mut [i32] {
        let rows = numbers.zero.len();
        let length = rows * self.outputs();
        room.clear();
        room.reserve(length);
        let out = &mut room.spare_capacity_mut()[..length];
        let input = Matrix::from_data([rows, self.inputs], &numbers.values[..]);
        let (packed, input) = (
            GemmInputB::Packed(&self.packed),
            GemmInputA::Unpacked(input),
        );
        let done = KERNEL
            .with(|kernel| kernel.gemm_uninit(out, input, packed, GemmUninitOptions::default()));
        done.expect("the sizes were checked when the model was read")
    }

    /// Vectors through the layer, each added to its row of `out`.
    pub fn add(&self, vectors: &[f32], out: &mut [f32], work: &mut (Numbers, Vec<i32>)) {
        let (halves, room) = work;
        halves.clear();
        halve(vectors, self.inputs, halves);
        let product = self.multiply(halves, room);
        put_together(self, product, halves, out);
    }
}

wide! {
    /// Vectors of so many numbers, in halves.
    fn halve<'w>(vectors: &'w [f32], inputs: usize, halves: &'w mut Numbers) {
        for vector in vectors.chunks_exact(inputs) {
            halves.push_halves(vector);
        }
    }

    /// Adds the products of both halves of each vector to its row of `out`.
    fn put_together<'w>(layer: &'w Layer, product: &'w [i32], halves: &'w Numbers, out: &'w mut [f32]) {
        let width = layer.outputs();
        let rows = product.chunks_exact(2 * width).zip(&halves.scale);
        let rows = rows.zip(halves.zero.as_chunks::<2>().0);
        for (((product, scale), &zeros), out) in rows.zip(out.chunks_exact_mut(width)) {
            let (high, low) = product.split_at(width);
            let [zero_high, zero_low] = zeros.map(i32::from);
            let products = high.iter().zip(low).zip(&layer.sums).zip(&layer.scale);
            for (sum, (((&high, &low), column), of)) in out.iter_mut().zip(products) {
                let (high, low) = (high - zero_high * column, low - zero_low * column);
                *sum += (high as f32 * 128.0 + low as f32) * (scale * of);
            }
        }
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
        let per_step = 1.0 / scale;
        let fine = |value: &f32| {
            let steps = value * per_step + zero;
            let steps = if steps > 0.0 { steps } else { 0.0 };
            (steps + WHOLE).to_bits() & LOWEST
        };
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
    let (low, high) = (
        -highest(row.iter().map(|&value| -value)),
        highest(row.iter().copied()),
    );
    let scale = ((high - low) / steps).max(SMALLEST_SCALE);
    (scale, (-low / scale).round())
}

/// The highest of the values and 0. Of numbers that are not below 0 bits have the same order, and of whole numbers
/// the compiler compares a register full at a time.
#[inline(always)]
fn highest(values: impl Iterator<Item = f32>) -> f32 {
    let bits = values.map(|value| value.to_bits().cast_signed());
    f32::from_bits(bits.fold(0, i32::max).cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever instructions this machine has: the numbers of a plain loop, at the extremes too, and of more
        /// inputs than the library multiplies at a time (1,024).
        #[test]
        fn products_are_exact(
            (rows, outputs) in (1_usize..20, 1_usize..70),
            inputs in prop_oneof![4 => 1_usize..300, 1 => 1_000_usize..1_300],
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
            let numbers = Numbers { values, zero: vec![9; rows], scale: vec![1.0; rows] };
            let mut room = vec![7; 11];
            let out = layer.multiply(&numbers, &mut room);
            prop_assert_eq!(out.len(), rows * outputs);
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
