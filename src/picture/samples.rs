//! [`Samples`]: a few frames of an animation, evenly spread over all of them, whose number nobody
//! knows before the last.

/// At most `most` things, evenly spread over those that were offered so far.
#[derive(Debug)]
pub struct Samples<T> {
    kept: Vec<T>,
    most: usize,
    /// Every so many one is kept.
    every: usize,
    offered: usize,
}

impl<T> Samples<T> {
    /// None yet, of `most` at the end.
    pub const fn new(most: usize) -> Self {
        Self {
            kept: Vec::new(),
            most,
            every: 1,
            offered: 0,
        }
    }

    /// Offers the next; it is made only if it is kept.
    pub fn offer(&mut self, make: impl FnOnce() -> T) {
        let wanted = self.offered.is_multiple_of(self.every);
        self.offered += 1;
        if !wanted {
            return;
        }
        if self.kept.len() == self.most {
            // Every other goes; what comes is kept half as often from here on.
            let mut at = 0;
            self.kept.retain(|_| {
                at += 1;
                at % 2 == 1
            });
            self.every *= 2;
            if !(self.offered - 1).is_multiple_of(self.every) {
                return;
            }
        }
        self.kept.push(make());
    }

    /// Those that were kept.
    pub fn kept(&self) -> &[T] {
        &self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_few_and_evenly_spread() {
        for most in [2, 4, 12] {
            let mut samples = Samples::new(most);
            for value in 0..200 {
                samples.offer(|| value);
            }
            let kept = samples.kept();
            assert!(kept.len() > most / 2 && kept.len() <= most, "{kept:?}");
            let gaps: Vec<i32> = kept.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(gaps.iter().all(|gap| *gap == gaps[0]), "{kept:?}");
        }
    }
}
