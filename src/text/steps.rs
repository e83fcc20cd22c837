//! [`step`]: counts work while tests run, so that they can say how it grows with a text; in the program
//! it does nothing.

/// One step of work whose number a hostile text might drive up.
#[inline]
pub(crate) fn step() {
    #[cfg(test)]
    TAKEN.with(|taken| taken.set(taken.get() + 1));
}

#[cfg(test)]
thread_local! {
    static TAKEN: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Steps that this thread took meanwhile.
#[cfg(test)]
pub(crate) fn taken_by(work: impl FnOnce()) -> u64 {
    let before = TAKEN.with(std::cell::Cell::get);
    work();
    TAKEN.with(std::cell::Cell::get) - before
}
