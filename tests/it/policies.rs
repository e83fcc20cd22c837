//! The shipped pack as a whole.
use std::sync::Arc;
use wardgate::policy::{self, cases};

#[test]
fn the_shipped_pack_compiles_and_keeps_its_laws() {
    let set =
        policy::compile(&policy::shipped(), &[]).unwrap_or_else(|problems| panic!("{problems}"));
    println!("{}", set.warnings);
    let report = cases::run(&Arc::new(set));
    assert!(report.ok(), "{}", report.text());
}
