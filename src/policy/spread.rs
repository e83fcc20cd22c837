//! [`spread`]: work on many things by all cores, with the answers in the order of the things.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// What `of` makes of each thing and its index, in their order. A thread that panics, panics here.
pub(crate) fn spread<T: Sync, R: Send>(things: &[T], of: impl Fn(usize, &T) -> R + Sync) -> Vec<R> {
    let made: Vec<_> = things.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(thing) = things.get(at) else { return };
            let one = of(at, thing);
            *made[at].lock().unwrap_or_else(PoisonError::into_inner) = Some(one);
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 1..cores.min(things.len()) {
            scope.spawn(work);
        }
        work();
    });
    made.into_iter()
        .filter_map(|one| one.into_inner().unwrap_or_else(PoisonError::into_inner))
        .collect()
}
