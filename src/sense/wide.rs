//! [`wide`]: a loop compiled for the widest registers that this machine has, chosen when it runs. No sum
//! changes its order by that, so every machine computes the same.

use rten_simd::{Isa, SimdOp};

struct Wide<F>(F);

impl<R, F: FnOnce() -> R> SimdOp for Wide<F> {
    type Output = R;

    #[inline(always)]
    fn eval<I: Isa>(self, _: I) -> R {
        (self.0)()
    }
}

/// Does the work of a loop. What it calls has to be `#[inline(always)]`, or stays narrow.
pub(super) fn wide<R>(work: impl FnOnce() -> R) -> R {
    Wide(work).dispatch()
}
