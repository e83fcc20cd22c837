//! Whatever text there is: pieces within the bound, numbers that are numbers and the same again, scores that are
//! probabilities.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wardgate::sense::{MAX_PIECES, shipped, shipped_gate, shipped_heads};

fuzz_target!(|text: &str| {
    assert!(shipped().pieces(text).len() <= MAX_PIECES);
    let inputs = shipped().encode(text);
    assert!(inputs.iter().all(|value| value.is_finite()));
    assert_eq!(inputs, shipped().encode(text));
    let gate = shipped_gate().expect("it was taught by these heads");
    assert!(gate.logits(shipped(), text).iter().all(|logit| logit.is_finite()));
    let scores = shipped_heads().scores(text, &inputs);
    assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
});
