//! Baked tables are reproducible: what is checked in is what the generator makes.
//!
//! `UPDATE=1 cargo test --test it tables::` rewrites them.

use std::fmt::Write as _;

use ferrous_opencc::OpenCC;
use ferrous_opencc::config::BuiltinConfig;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/text/t2s.txt");

const HEADER: &str = "\
# Traditional and variant Han -> simplified, one pair per line, sorted.
# Made by tests/it/tables.rs from the OpenCC data (Apache-2.0) in ferrous-opencc; do not edit.
";

/// Every ideograph block that OpenCC's single-character data reaches.
const HAN: [std::ops::RangeInclusive<u32>; 3] =
    [0x3400..=0x4DBF, 0x4E00..=0x9FFF, 0x20000..=0x2EBEF];

fn simplified() -> String {
    // Taiwan and Hong Kong variants first reach the plain traditional form, then the simplified.
    let steps: Vec<OpenCC> = [BuiltinConfig::Tw2t, BuiltinConfig::Hk2t, BuiltinConfig::T2s]
        .into_iter()
        .map(|config| OpenCC::from_config(config).expect("built-in data"))
        .collect();
    let mut table = String::from(HEADER);
    for from in HAN.into_iter().flatten().filter_map(char::from_u32) {
        let mut now = from.to_string();
        for step in &steps {
            let next = step.convert(&now);
            // One character must stay one character; anything else is a phrase, not a form.
            if next.chars().count() == 1 {
                now = next;
            }
        }
        if !now.starts_with(from) {
            writeln!(table, "{from}{now}").expect("writing to a String");
        }
    }
    table
}

#[test]
fn traditional_table_is_reproducible() {
    let made = simplified();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(PATH, &made).expect("the table is writable");
    }
    let kept = std::fs::read_to_string(PATH).expect("src/text/t2s.txt");
    assert!(
        kept == made,
        "src/text/t2s.txt is stale: run UPDATE=1 cargo test --test it tables::"
    );
    assert!(kept.lines().count() > 2_000);
}
