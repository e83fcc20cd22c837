//! No policy file makes the compiler panic or hang: a set, or diagnostics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wardgate::policy::{AppPolicies, Source, compile};

fuzz_target!(|text: String| {
    let source = Source {
        path: "fuzz.yaml".to_owned(),
        text,
        shipped: false,
    };
    let app = AppPolicies {
        level: 3,
        ..AppPolicies::default()
    };
    let _ = compile(&[source], &[app]).map_err(|problems| problems.to_string());
});
