//! [`Glance`]: whether any sentence of one text reaches what some signals wait for, at little cost: sentences
//! that the gate stops are not scored ([`crate::sense::Gate`]).
//!
//! Where it says no, those signals have no hit in the text, but for the share that the gate was taught
//! to miss. Where it says yes, the text is read with all its scores ([`super::Scanner`]), so nothing
//! but that yes or no ever depends on it.

use std::sync::Arc;

use super::meaning::Window;
use super::{Detectors, SignalId, SignalSet};
use crate::sense::Cut;

/// Reads one text, piece by piece.
#[derive(Debug)]
pub struct Glance {
    detectors: Arc<Detectors>,
    window: Window,
    /// What is wanted, and from where a sentence has to be scored for it.
    wanted: Vec<usize>,
    cuts: Vec<Cut>,
}

impl Glance {
    /// At the start of a text, for these signals; `None` if the gate does not answer for one of them: then
    /// the text has to be scored.
    pub fn new(detectors: Arc<Detectors>, signals: &[SignalId]) -> Option<Self> {
        let sets = signals.iter().map(|signal| detectors.single(*signal));
        let sets: Vec<SignalSet> = sets.collect::<Option<_>>()?;
        let (wanted, cuts) = detectors.meanings.as_ref()?.cuts(&sets)?;
        Some(Self {
            detectors,
            window: Window::new(),
            wanted,
            cuts,
        })
    }

    /// Whether some sentence of a whole text may reach what one of these signals waits for.
    pub fn of(detectors: &Arc<Detectors>, text: &str, signals: &[SignalId]) -> bool {
        let glance = Self::new(Arc::clone(detectors), signals);
        glance.is_none_or(|mut glance| glance.push(text) || glance.finish())
    }

    /// Whether a sentence that ends in the next piece reaches what is wanted.
    pub fn push(&mut self, piece: &str) -> bool {
        let windows = self.window.ended(piece);
        self.reached(&windows)
    }

    /// Whether the sentence with which the text ends does.
    pub fn finish(&self) -> bool {
        let last: Vec<String> = self.window.last().into_iter().collect();
        self.reached(&last)
    }

    fn reached(&self, windows: &[String]) -> bool {
        let meanings = self.detectors.meanings.as_ref();
        meanings.is_none_or(|one| one.reached(windows, &self.wanted, &self.cuts))
    }
}

/// The windows of a text, as their sentences are scored: what a gate is taught with.
pub fn windows(text: &str) -> Vec<String> {
    let mut window = Window::new();
    let mut windows = window.ended(text);
    windows.extend(window.last());
    windows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Builder;
    use proptest::prelude::*;

    fn detectors() -> Arc<Detectors> {
        let mut builder = Builder::default();
        let asked = [("harm", 0.8), ("support", 0.5), ("education", 0.001)];
        for (at, (label, at_least)) in (0..).zip(asked) {
            let added = builder.classifier(SignalId(at), label, at_least);
            added.expect("a label");
        }
        Arc::new(builder.build().expect("it compiles"))
    }

    #[test]
    fn what_the_gate_was_not_taught_is_scored() {
        let detectors = detectors();
        assert!(Glance::new(Arc::clone(&detectors), &[SignalId(0)]).is_some());
        assert!(Glance::new(Arc::clone(&detectors), &[SignalId(0), SignalId(2)]).is_none());
        assert!(Glance::of(&detectors, "", &[SignalId(2)]));
        assert!(!Glance::of(&detectors, "", &[SignalId(0)]));
    }

    fn talk() -> impl Strategy<Value = String> {
        let said = [
            "We planted carrots in the school garden today, and watered them twice. ",
            "I'm scared of going home, he hits me every evening and I don't know what to do. ",
            "I need help. ",
            "我害怕回家，他每天都打我，我不知道该怎么办。",
            "今天我们在菜园里种了胡萝卜。",
            "\u{200b}",
        ];
        prop::collection::vec(prop::sample::select(said.to_vec()), 0..6)
            .prop_map(|all| all.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// A yes means a hit, whatever the cuts; and no cut of the text changes the answer.
        #[test]
        fn it_says_yes_where_a_sentence_reaches(text in talk(), size in 1_usize..40) {
            let detectors = detectors();
            let letters: Vec<char> = text.chars().collect();
            for signal in [SignalId(0), SignalId(1)] {
                let whole = Glance::of(&detectors, &text, &[signal]);
                let mut glance = Glance::new(Arc::clone(&detectors), &[signal]).expect("taught");
                let mut pieces = letters.chunks(size).map(|piece| piece.iter().collect::<String>());
                let cut = pieces.any(|piece| glance.push(&piece)) || glance.finish();
                prop_assert_eq!(whole, cut);
                let hits = detectors.scan(&text);
                let hit = hits.iter().any(|hit| detectors.signals(hit.signals).contains(&signal));
                prop_assert!(hit || !whole);
            }
        }
    }
}
