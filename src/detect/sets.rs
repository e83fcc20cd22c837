//! [`Sets`]: signals that have words in common. An everyday word ("my", 怎么) stands in dozens of
//! signals; it is one term with one hit, and whoever asks is told whose it is.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::SignalId;

/// Signals of one set at most: a set of members is one word of bits. More share a word as several terms.
pub(super) const MAX_SET: usize = u64::BITS as usize;

/// The signals that a hit belongs to: a set's number within one [`super::Detectors`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SignalSet(pub u32);

/// All sets; those of a single signal come first, in the order of signals.
#[derive(Debug, Default)]
pub(super) struct Sets {
    singles: Vec<SignalId>,
    /// By set: where it begins in `members`; one more than there are sets.
    starts: Vec<u32>,
    members: Vec<SignalId>,
    known: HashMap<Vec<SignalId>, SignalSet>,
    /// By set: whether text may wait for it.
    held: Vec<bool>,
    /// By set: whether one of it is a way to reach somebody.
    contacts: Vec<bool>,
    /// By set: whether one of it vouches for a signal by name.
    signs: Vec<bool>,
    /// Signals whose hits are a second sign of another one's: (sign, doubtful), sorted.
    vouchers: Vec<(SignalId, SignalId)>,
    /// By set: hashed members, so that most pairs are told apart at once.
    marks: Vec<u64>,
    /// By place of a signal in `singles`: every set that it is in.
    homes: Vec<Vec<SignalSet>>,
}

impl Sets {
    /// A set of each of these signals.
    pub(super) fn of(signals: BTreeSet<SignalId>) -> Self {
        let mut sets = Self {
            singles: signals.iter().copied().collect(),
            starts: vec![0],
            ..Self::default()
        };
        for signal in signals {
            sets.intern(&[signal]);
        }
        sets
    }

    /// The set of these signals, sorted and at most [`MAX_SET`].
    pub(super) fn intern(&mut self, signals: &[SignalId]) -> SignalSet {
        if let Some(&set) = self.known.get(signals) {
            return set;
        }
        let set = SignalSet(self.starts.len() as u32 - 1);
        self.members.extend(signals);
        self.starts.push(self.members.len() as u32);
        self.known.insert(signals.to_vec(), set);
        set
    }

    /// No set is added any more: fills in what is asked at every hit.
    pub(super) fn seal(
        &mut self,
        free: &HashSet<SignalId>,
        contacts: &HashSet<SignalId>,
        vouchers: &HashSet<(SignalId, SignalId)>,
    ) {
        self.vouchers = vouchers.iter().copied().collect();
        self.vouchers.sort_unstable();
        self.known = HashMap::new();
        let signs: HashSet<SignalId> = vouchers.iter().map(|voucher| voucher.0).collect();
        for set in 0..self.len() {
            let members = self.members(SignalSet(set));
            let held = members.iter().any(|signal| !free.contains(signal));
            let contact = members.iter().any(|signal| contacts.contains(signal));
            let marks = members
                .iter()
                .fold(0, |marks, one| marks | 1 << (one.0 % 64));
            let sign = members.iter().any(|one| signs.contains(one));
            self.held.push(held);
            self.contacts.push(contact);
            self.signs.push(sign);
            self.marks.push(marks);
        }
        self.homes = vec![Vec::new(); self.singles.len()];
        for set in (0..self.len()).map(SignalSet) {
            for at in 0..self.members(set).len() {
                let signal = self.members(set)[at];
                if let Some(single) = self.single(signal) {
                    self.homes[single.0 as usize].push(set);
                }
            }
        }
    }

    /// Every set that a signal is in.
    pub(super) fn of_signal(&self, signal: SignalId) -> &[SignalSet] {
        let single = self.single(signal);
        single.map_or(&[], |single| &self.homes[single.0 as usize])
    }

    /// How many there are.
    pub(super) fn len(&self) -> u32 {
        self.starts.len() as u32 - 1
    }

    /// The set of one signal.
    pub(super) fn single(&self, signal: SignalId) -> Option<SignalSet> {
        let at = self.singles.binary_search(&signal).ok()?;
        Some(SignalSet(at as u32))
    }

    /// The signals of a set, sorted.
    #[inline]
    pub(super) fn members(&self, set: SignalSet) -> &[SignalId] {
        let at = set.0 as usize;
        &self.members[self.starts[at] as usize..self.starts[at + 1] as usize]
    }

    /// Whether text may have to wait for a hit of the set.
    #[inline]
    pub(super) fn holds(&self, set: SignalSet) -> bool {
        self.held[set.0 as usize]
    }

    /// All members, one bit each.
    pub(super) fn whole(&self, set: SignalSet) -> u64 {
        u64::MAX >> (MAX_SET - self.members(set).len())
    }

    /// Whether two sets may have a member in common.
    #[inline]
    pub(super) fn may_share(&self, set: SignalSet, other: SignalSet) -> bool {
        self.marks[set.0 as usize] & self.marks[other.0 as usize] != 0
    }

    /// The members of `set` that are in `other`, too.
    pub(super) fn shared(&self, set: SignalSet, other: SignalSet) -> u64 {
        if set == other {
            return self.whole(set);
        }
        if !self.may_share(set, other) {
            return 0;
        }
        let theirs = self.members(other);
        let members = self.members(set).iter().enumerate();
        let shared = members.filter(|(_, one)| theirs.binary_search(one).is_ok());
        shared.fold(0, |bits, (at, _)| bits | 1 << at)
    }

    /// The members of `set` that a hit of `one` is a second sign of.
    #[inline]
    pub(super) fn vouched(&self, one: SignalSet, set: SignalSet) -> u64 {
        match self.contacts[one.0 as usize] {
            true => self.whole(set),
            false if self.signs[one.0 as usize] => self.shared(set, one) | self.named(one, set),
            false => self.shared(set, one),
        }
    }

    /// The members of `set` that a policy says a member of `one` vouches for.
    fn named(&self, one: SignalSet, set: SignalSet) -> u64 {
        let signs = self.members(one);
        let vouched = |doubtful: SignalId| {
            let pair = |sign: &SignalId| self.vouchers.binary_search(&(*sign, doubtful));
            signs.iter().any(|sign| pair(sign).is_ok())
        };
        let members = self.members(set).iter().enumerate();
        let members = members.filter(|(_, member)| vouched(**member));
        members.fold(0, |bits, (at, _)| bits | 1 << at)
    }

    /// These members of a set, each as a set of its own; the set itself if they are all.
    pub(super) fn parts(&self, set: SignalSet, bits: u64) -> impl Iterator<Item = SignalSet> {
        let all = bits == self.whole(set);
        let members = self.members(set).iter().enumerate();
        let members = members.filter(move |(at, _)| !all && bits >> at & 1 != 0);
        let parts = members.filter_map(|(_, &signal)| self.single(signal));
        all.then_some(set).into_iter().chain(parts)
    }

    /// Heap bytes.
    pub(super) fn memory(&self) -> usize {
        (self.singles.len() + self.members.len() + self.starts.len()) * size_of::<u32>()
            + self.held.len() * (3 + size_of::<u64>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_share_members() {
        let [leek, kale, fern] = [2, 5, u32::MAX].map(SignalId);
        let mut sets = Sets::of(BTreeSet::from([leek, kale, fern]));
        let pair = sets.intern(&[leek, fern]);
        assert_eq!(pair, sets.intern(&[leek, fern]));
        let vouchers = HashSet::from([(leek, kale)]);
        sets.seal(&HashSet::from([leek]), &HashSet::from([kale]), &vouchers);
        let single = |signal| sets.single(signal).expect("declared");
        assert_eq!(sets.members(pair), [leek, fern]);
        assert_eq!(sets.shared(pair, single(fern)), 0b10);
        assert_eq!(sets.shared(pair, single(kale)), 0);
        assert_eq!(sets.vouched(single(kale), pair), 0b11);
        assert_eq!(sets.vouched(pair, single(kale)), 0b1, "by name");
        assert_eq!(sets.vouched(single(fern), single(kale)), 0);
        assert_eq!(sets.parts(pair, 0b11).collect::<Vec<_>>(), [pair]);
        assert_eq!(sets.parts(pair, 0b10).collect::<Vec<_>>(), [single(fern)]);
        assert!(sets.holds(pair) && !sets.holds(single(leek)));
        assert_eq!(sets.single(SignalId(7)), None);
    }
}
