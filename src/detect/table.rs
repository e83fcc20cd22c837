//! [`Table`]: where something lies by a key of 64 bits, in one look at memory most of the time; and how
//! such keys are made of symbols, and sets of bits looked at before it.

/// What something is looked up by. The default is no key: it marks an empty slot.
pub(super) trait Key: Copy + Default + PartialEq {
    /// Its bits, spread: the upper ones say where it lies.
    fn hash(self) -> u64;
}

/// Hashes already.
impl Key for u64 {
    #[inline]
    fn hash(self) -> u64 {
        self
    }
}

impl Key for u32 {
    #[inline]
    fn hash(self) -> u64 {
        u64::from(self).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

/// Open addressing in slots that are half full.
#[derive(Debug, Default)]
pub(super) struct Table<K, V> {
    slots: Vec<(K, V)>,
}

impl<K: Key, V: Copy + Default> Table<K, V> {
    /// Room for so many keys.
    pub(super) fn of(keys: usize) -> Self {
        Self {
            slots: vec![(K::default(), V::default()); (keys * 2).max(1)],
        }
    }

    /// Adds a key that is not there yet.
    pub(super) fn insert(&mut self, key: K, value: V) {
        let mut slot = self.slot(key);
        while self.slots[slot].0 != K::default() {
            slot = self.next(slot);
        }
        self.slots[slot] = (key, value);
    }

    /// What was added with this key.
    #[inline]
    pub(super) fn get(&self, key: K) -> Option<V> {
        let mut slot = self.slot(key);
        loop {
            let (known, value) = *self.slots.get(slot)?;
            if known == K::default() {
                return None;
            }
            if known == key {
                return Some(value);
            }
            slot = self.next(slot);
        }
    }

    #[inline]
    fn slot(&self, key: K) -> usize {
        // The upper half of the hash, as a share of all slots: their number need not be a power of two.
        (((key.hash() >> 32) * self.slots.len() as u64) >> 32) as usize
    }

    #[inline]
    fn next(&self, slot: usize) -> usize {
        match slot + 1 {
            next if next == self.slots.len() => 0,
            next => next,
        }
    }

    /// Heap bytes.
    pub(super) fn memory(&self) -> usize {
        self.slots.capacity() * size_of::<(K, V)>()
    }
}

/// The key of symbols with one more.
#[inline]
pub(super) fn then(hash: u64, symbol: char) -> u64 {
    let mixed = (hash ^ u64::from(symbol)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ mixed >> 32
}

#[inline]
pub(super) fn get(bits: &[u64], bit: usize) -> bool {
    bits[bit / 64] >> (bit % 64) & 1 != 0
}

pub(super) fn set(bits: &mut [u64], bit: usize) {
    bits[bit / 64] |= 1 << (bit % 64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_and_others_are_not() {
        let mut table = Table::of(100);
        let key = |at: u64| (at + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        for at in 0..100 {
            table.insert(key(at), at as u32);
        }
        assert!((0..100).all(|at| table.get(key(at)) == Some(at as u32)));
        assert!((100..1_000).all(|at| table.get(key(at)).is_none()));
        assert_eq!(Table::<u64, u32>::default().get(key(1)), None);
    }
}
