//! [`Side`]: a lane beside the skeleton, of what a reader does not see as it is written.

use super::Detectors;
use super::lane::{Found, Lane, Source};
use super::scanner::MAX_HITS;
use super::window::Seen;

/// Symbols whose places are kept: as many as a window shows.
const KEPT: usize = 256;

/// Places after which they are cut back to [`KEPT`].
const FULL: usize = 8 * KEPT;

/// Where a symbol of the lane stands in the text.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Skeleton symbols before it.
    at: u32,
    /// Original bytes.
    start: u32,
    end: u32,
    /// How it stands there.
    disguise: Disguise,
}

/// How a symbol beside the skeleton stands in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disguise {
    /// As itself: the skeleton has it, too.
    None,
    /// Evident from its first sign on, so that nothing before it was shown meanwhile.
    Open,
    /// A run that looked like ordinary text at first: a match begins in it at the earliest.
    Late,
}

/// A lane whose matches are placed among the symbols of the skeleton.
#[derive(Debug)]
pub(super) struct Side {
    source: Source,
    lane: Lane,
    /// The place of each symbol of the lane, from index `base` on.
    places: Vec<Place>,
    base: u32,
    /// Certain, but to be reported with the next visible symbol: the order of hits counts those.
    late: Vec<Found>,
    /// Skeleton symbols when the lane was last written to.
    pub last: u32,
}

impl Side {
    /// An empty lane.
    pub(super) fn new(source: Source, detectors: &Detectors) -> Self {
        Self {
            source,
            lane: Lane::new(source, detectors),
            places: Vec::new(),
            base: 0,
            late: Vec::new(),
            last: 0,
        }
    }

    /// Writes a symbol that stands where `at` skeleton symbols have been read. One without
    /// disguise stands in the skeleton, too.
    pub(super) fn push(&mut self, seen: Seen, at: u32, disguise: Disguise) {
        self.lane.push(seen);
        self.places.push(Place {
            at,
            start: seen.start,
            end: seen.end,
            disguise,
        });
        self.last = at;
    }

    /// Reads what was written.
    pub(super) fn run(&mut self, detectors: &Detectors) {
        let from = self.late.len();
        self.lane.run(detectors, &mut self.late);
        self.place(from);
        if self.places.len() >= FULL {
            let old = self.places.len() - KEPT;
            self.places.drain(..old);
            self.base += old as u32;
        }
    }

    /// The sequence ends here.
    pub(super) fn close(&mut self, detectors: &Detectors) {
        self.run(detectors);
        let from = self.late.len();
        self.lane.finish(detectors, &mut self.late);
        self.place(from);
    }

    /// The sequence ends here, and another one begins.
    pub(super) fn end(&mut self, detectors: &Detectors) {
        self.close(detectors);
        self.lane = Lane::new(self.source, detectors);
        self.places.clear();
        self.base = 0;
    }

    /// What became certain and is not yet reported.
    pub(super) fn late(&mut self) -> std::vec::Drain<'_, Found> {
        self.late.drain(..)
    }

    /// How much that is.
    pub(super) fn waiting(&self) -> usize {
        self.late.len()
    }

    /// First byte of the earliest thing that text waits for.
    pub(super) fn earliest(&self, detectors: &Detectors) -> Option<u32> {
        let late = self.late.iter();
        let late = late.filter(|found| detectors.holds(found.signals));
        let late = late.map(|found| found.start).min();
        [self.lane.earliest(detectors), late]
            .into_iter()
            .flatten()
            .min()
    }

    /// Complete matches that wait only for what follows, and that text waits for.
    pub(super) fn unripe(&self, detectors: &Detectors) -> Vec<Found> {
        let mut found = self.lane.unripe(detectors);
        let late = self.late.iter().copied();
        found.extend(late.filter(|found| detectors.holds(found.signals)));
        found
    }

    /// Whether there is more in it than is followed.
    pub(super) fn is_too_much(&self) -> bool {
        self.lane.overflowed() || self.late.len() > MAX_HITS as usize
    }

    /// Drops what stands in the skeleton as well, and replaces positions in this lane by positions
    /// in the skeleton. A match of which the window has lost the beginning stands where its end does:
    /// never where batches end.
    fn place(&mut self, from: usize) {
        let Self {
            late, places, base, ..
        } = self;
        let kept = |found: &Found, index: u32| found.ripe - index <= KEPT as u32;
        let read = |index: u32| places.get((index - *base) as usize).copied();
        let disguised =
            |index: u32| read(index).is_none_or(|place: Place| place.disguise != Disguise::None);
        let mut fresh = late.split_off(from);
        // One symbol reads the same in any order.
        let turned = self.source == Source::Turned;
        fresh.retain(|found| !turned || found.to - found.from > 1);
        fresh.retain(|found| !kept(found, found.from) || (found.from..found.to).any(disguised));
        for found in &mut fresh {
            // Text that is turned around begins where it is read last.
            let mut late = false;
            for index in found.from..found.to {
                let Some(place) = read(index).filter(|_| kept(found, index)) else {
                    continue;
                };
                if place.disguise == Disguise::Late && !late {
                    (late, found.start) = (true, place.start);
                }
                if !late || place.disguise == Disguise::Late {
                    found.start = found.start.min(place.start);
                }
                found.end = found.end.max(place.end);
            }
            let (ripe, near) = (found.ripe, found.ripe.saturating_sub(KEPT as u32));
            let place = |index: u32| {
                let index = if index >= near { index } else { ripe - 1 };
                read(index).map_or(0, |place: Place| place.at)
            };
            (found.from, found.to) = (place(found.from), place(found.to - 1));
        }
        late.append(&mut fresh);
    }
}
