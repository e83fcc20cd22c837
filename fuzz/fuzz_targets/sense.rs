//! Whatever text there is: pieces within the bound, numbers that are numbers, scores that are probabilities.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wardgate::sense::{MAX_PIECES, shipped, shipped_heads};

fuzz_target!(|text: &str| {
    assert!(shipped().pieces(text).len() <= MAX_PIECES);
    let inputs = shipped().encode(text);
    assert!(inputs.iter().all(|value| value.is_finite()));
    let scores = shipped_heads().scores(text, &inputs);
    assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
});
