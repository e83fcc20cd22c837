//! [`Rows`]: what each piece of the vocabulary means by itself, [`NUMBERS`] small numbers with a scale, packed as
//! [`super::packing`] says and unpacked one at a time. Of those in the binary only the pages are resident that
//! somebody's words lie on.

use std::borrow::Cow;

use super::packing::{self, NUMBERS, SEVEN, SIX};
use super::weights::{BadModel, Weights};

/// The rows of a vocabulary.
pub(super) struct Rows {
    packed: Cow<'static, [u8]>,
    /// Where each begins in `packed`, and where the last ends.
    starts: Vec<u32>,
    /// Which scale each has.
    chunk: Vec<u8>,
    scale: Vec<f32>,
    low: Vec<f32>,
}

/// What a row's numbers stand for: `number * scale + low`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    pub scale: f32,
    pub low: f32,
}

impl Rows {
    /// The rows in the binary, as `build.rs` packed them.
    pub fn embedded(weights: &Weights<'static>) -> Result<Self, BadModel> {
        let wide = weights.bytes("rows.wide")?;
        let packed = Cow::Borrowed(weights.bytes("rows.packed")?);
        Self::new(weights, packed, wide.iter().map(|&wide| wide != 0))
    }

    /// The rows of a file, as training writes them: one zstd frame.
    pub fn compressed(weights: &Weights<'_>) -> Result<Self, BadModel> {
        let bad = |said: &str| BadModel::new(format!("rows.zstd: {said}"));
        let length = weights.bytes("rows.chunk")?.len() * NUMBERS;
        let numbers = zstd::bulk::decompress(weights.bytes("rows.zstd")?, length);
        let numbers = numbers.map_err(|error| bad(&error.to_string()))?;
        if numbers.len() != length {
            return Err(bad(&format!("{} bytes, not {length}", numbers.len())));
        }
        let mut packed = Vec::with_capacity(length / NUMBERS * SIX);
        let rows = numbers.as_chunks().0.iter();
        let wide = rows.map(|row| packing::pack(row, &mut packed));
        let wide: Option<Vec<bool>> = wide.collect();
        let wide = wide.ok_or_else(|| bad("a number of more than seven bits"))?;
        Self::new(weights, Cow::Owned(packed), wide.into_iter())
    }

    fn new(
        weights: &Weights<'_>,
        packed: Cow<'static, [u8]>,
        wide: impl Iterator<Item = bool>,
    ) -> Result<Self, BadModel> {
        let scale = weights.floats("rows.scale", &weights.shape("rows.scale")?)?;
        let low = weights.floats("rows.low", &[scale.len()])?;
        let chunk = weights.bytes("rows.chunk")?.to_vec();
        if chunk.len() < 3 || chunk.iter().any(|&chunk| usize::from(chunk) >= scale.len()) {
            return Err(BadModel::new("rows.chunk names a scale that is not there"));
        }
        let mut end = 0;
        let ends = wide.map(|wide| {
            end += if wide { SEVEN } else { SIX };
            u32::try_from(end).unwrap_or(u32::MAX)
        });
        let starts: Vec<u32> = std::iter::once(0).chain(ends).collect();
        if starts.len() != chunk.len() + 1 || end != packed.len() {
            return Err(BadModel::new("the rows are not as many as rows.chunk says"));
        }
        Ok(Self {
            packed,
            starts,
            chunk,
            scale,
            low,
        })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.chunk.len()
    }

    /// Writes the numbers of a row that the vocabulary has, and says what they stand for.
    #[inline(always)]
    pub fn unpack(&self, row: u32, numbers: &mut [u8; NUMBERS]) -> Steps {
        let row = row as usize;
        let bytes = self.starts[row] as usize..self.starts[row + 1] as usize;
        packing::unpack(&self.packed[bytes], numbers);
        self.steps(row)
    }

    fn steps(&self, row: usize) -> Steps {
        let chunk = usize::from(self.chunk[row]);
        Steps {
            scale: self.scale[chunk],
            low: self.low[chunk],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A row comes back number for number, in six bits where they are enough.
        #[test]
        fn rows_come_back(numbers in prop::collection::vec(0_u8..128, NUMBERS), six in any::<bool>()) {
            let row: [u8; NUMBERS] = numbers.try_into().expect("that many");
            let row = row.map(|number| if six { number & 63 } else { number });
            let mut packed = Vec::new();
            let wide = packing::pack(&row, &mut packed).expect("seven bits at most");
            prop_assert_eq!(wide, row.iter().any(|&number| number > 63));
            prop_assert_eq!(packed.len(), if wide { SEVEN } else { SIX });
            let mut back = [255; NUMBERS];
            packing::unpack(&packed, &mut back);
            prop_assert_eq!(back, row);
        }
    }

    #[test]
    fn eight_bits_are_too_many() {
        let mut row = [0; NUMBERS];
        row[300] = 128;
        assert_eq!(packing::pack(&row, &mut Vec::new()), None);
    }

    /// What the binary holds is what the repository's file says.
    #[test]
    fn the_binary_has_the_rows_of_the_file() {
        let file = include_bytes!("../../models/sense/encoder.safetensors");
        let file = Rows::compressed(&Weights::read(file).expect("a model")).expect("rows");
        let embedded = Weights::read(super::super::ENCODER).expect("a model");
        let embedded = Rows::embedded(&embedded).expect("rows");
        assert_eq!(embedded.starts, file.starts);
        assert!(embedded.packed == file.packed);
        assert_eq!(embedded.chunk, file.chunk);
    }
}
