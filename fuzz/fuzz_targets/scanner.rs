//! The shipped detectors find the same, in the same order, however a text is cut; spans fit it.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use wardgate::detect::{Detectors, Scanner};
use wardgate::policy::{AppPolicies, compile, shipped};

static DETECTORS: LazyLock<Arc<Detectors>> = LazyLock::new(|| {
    let app = AppPolicies {
        level: 3,
        ..AppPolicies::default()
    };
    compile(&shipped(), &[app]).expect("the shipped pack compiles").detectors
});

fuzz_target!(|input: (u16, &str)| {
    let (cut, text) = input;
    let whole = DETECTORS.scan(text);
    let (first, rest) = text.split_at(text.floor_char_boundary(usize::from(cut)));
    let mut scanner = Scanner::new(Arc::clone(&DETECTORS));
    let mut hits = Vec::new();
    scanner.push(first, &mut hits);
    scanner.push(rest, &mut hits);
    scanner.finish(&mut hits);
    assert_eq!(whole, hits);
    assert!(hits.iter().all(|hit| text.get(hit.span.range()).is_some()));
});
