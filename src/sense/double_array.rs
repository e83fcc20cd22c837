//! [`DoubleArray`]: a dictionary of byte strings in the layout of darts-clone, which sentencepiece
//! also uses for its normalizer: read as it lies in the file, no building at start-up.

/// Byte strings with a number each.
#[derive(Debug)]
pub(super) struct DoubleArray(Vec<u32>);

impl DoubleArray {
    /// From its units; what they say is checked as they are walked.
    pub fn new(units: Vec<u32>) -> Self {
        Self(units)
    }

    /// Every key that `text` begins with, shortest first: its length in bytes and its number.
    pub fn prefixes(&self, text: &[u8]) -> impl Iterator<Item = (usize, u32)> {
        let mut node = self.0.first().map_or(0, |&root| offset(root));
        let mut bytes = text.iter().enumerate();
        std::iter::from_fn(move || {
            loop {
                let (at, &byte) = bytes.next()?;
                node ^= u32::from(byte);
                let unit = *self.0.get(node as usize)?;
                if unit & (LEAF_BIT | 0xFF) != u32::from(byte) {
                    // Nothing further on either.
                    bytes = [].iter().enumerate();
                    return None;
                }
                node ^= offset(unit);
                if unit & HAS_LEAF != 0 {
                    let leaf = *self.0.get(node as usize)?;
                    return Some((at + 1, leaf & !LEAF_BIT));
                }
            }
        })
    }
}

/// The unit holds a number, not a label.
const LEAF_BIT: u32 = 1 << 31;

/// A key ends at this unit.
const HAS_LEAF: u32 = 1 << 8;

/// Where a unit's children are, relative to it.
fn offset(unit: u32) -> u32 {
    (unit >> 10) << ((unit & (1 << 9)) >> 6)
}
