//! [`Breaker`]: after some failures in a row nobody is asked for a while, so that a dead endpoint costs
//! no exchange its time-out. Holds no clock.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row after which nobody is asked.
pub const FAILURES: u32 = 5;

/// How long nobody is asked. Then one is: an answer closes the breaker, a failure starts this anew.
pub const REST: Duration = Duration::from_secs(10);

/// Whether an endpoint is asked.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// Until when nobody is asked.
    until: Option<Instant>,
}

impl Breaker {
    /// Whether one may ask now.
    pub fn admits(&self, now: Instant) -> bool {
        let mut state = self.state();
        match state.until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                // This one tries; the others wait for what comes of it.
                state.until = Some(now + REST);
                true
            }
        }
    }

    /// An answer came.
    pub fn answered(&self) {
        *self.state() = State::default();
    }

    /// None came, or none that says anything.
    pub fn failed(&self, now: Instant) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        if state.failures >= FAILURES {
            state.until = Some(now + REST);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_closes_with_an_answer() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        let later = |seconds| start + Duration::from_secs(seconds);
        for _ in 1..FAILURES {
            breaker.failed(start);
            assert!(breaker.admits(start));
        }
        breaker.answered();
        for _ in 0..FAILURES {
            assert!(breaker.admits(start), "an answer wiped out the failures");
            breaker.failed(start);
        }
        assert!(!breaker.admits(later(9)));
        assert!(breaker.admits(later(10)));
        assert!(!breaker.admits(later(10)), "one tries at a time");
        breaker.failed(later(11));
        assert!(!breaker.admits(later(20)));
        assert!(breaker.admits(later(21)));
        breaker.answered();
        assert!(breaker.admits(later(21)) && breaker.admits(later(21)));
    }
}
