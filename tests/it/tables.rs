//! Baked tables are reproducible: what is checked in is what the generator makes.
//!
//! `UPDATE=1 cargo test --test it tables::` rewrites `t2s.txt`; `src/tables/README.md` says how the
//! others are made.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;

use ferrous_opencc::OpenCC;
use ferrous_opencc::config::BuiltinConfig;
use wardgate::text::skeleton;

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

/// What `src/tables/generate.py` bakes: the rows of a table, cut at tabs.
fn rows(name: &str) -> Vec<Vec<String>> {
    let path = format!("{}/src/tables/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the table is there");
    let head = text.lines().take_while(|line| line.starts_with('#'));
    let head: Vec<_> = head.collect();
    assert!(head.len() == 3 && head[1].starts_with("# From "), "{name}");
    let rows: Vec<&str> = text.lines().skip(head.len()).collect();
    assert!(
        rows.is_sorted_by(|a, b| a < b),
        "{name}: sorted, no row twice"
    );
    let cut = |row: &&str| row.split('\t').map(str::to_owned).collect();
    rows.iter().map(cut).collect()
}

fn assert_folded(name: &str, text: &str) {
    assert_eq!(skeleton(text), text, "{name}: the skeleton leaves it");
}

#[test]
fn tables_are_reproducible() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tables/generate.py");
    let run = Command::new("python3").args([script, "--check"]).output();
    let Ok(run) = run else {
        return println!("SKIPPED: python3 is not here, so the tables were not made again");
    };
    let said = String::from_utf8_lossy(&run.stderr);
    match run.status.code() {
        Some(0) => {}
        Some(2) => println!("SKIPPED: the tables were not made again: {said}"),
        _ => panic!("{said}"),
    }
}

#[test]
fn readings_are_syllables_and_a_character_has_one_of_each_rank() {
    for (name, ranks, at_least) in [("pinyin.txt", 2, 20_000), ("jyutping.txt", 1, 20_000)] {
        let mut seen = BTreeSet::new();
        for row in rows(name) {
            assert_eq!(row.len(), ranks + 1, "{name}");
            let letters = row[0].bytes().all(|byte| byte.is_ascii_lowercase());
            assert!(letters && !row[0].is_empty(), "{name}: {}", row[0]);
            for (rank, chars) in row[1..].iter().enumerate() {
                assert_folded(name, chars);
                for c in chars.chars() {
                    assert!(seen.insert((rank, c)), "{name}: {c} twice");
                    assert!(rank == 0 || !row[1].contains(c), "{name}: {c}");
                }
            }
        }
        let firsts = seen.iter().filter(|(rank, _)| *rank == 0);
        assert!(firsts.count() > at_least, "{name}");
    }
}

#[test]
fn no_character_looks_like_two_classes() {
    let mut seen = BTreeSet::new();
    for row in rows("shapes.txt") {
        assert_folded("shapes.txt", &row[0]);
        assert!((2..=60).contains(&row[0].chars().count()), "{row:?}");
        for c in row[0].chars() {
            assert!(seen.insert(c), "{c} is in two classes");
        }
    }
    assert!(seen.len() > 10_000);
}

#[test]
fn splits_are_other_characters() {
    let rows = rows("splits.txt");
    for row in &rows {
        assert_eq!((row.len(), row[0].chars().count()), (2, 1), "{row:?}");
        let splits: Vec<&str> = row[1].split(' ').collect();
        assert!((1..=4).contains(&splits.len()), "{row:?}");
        for split in splits {
            assert!((2..=4).contains(&split.chars().count()), "{row:?}");
            assert!(!split.contains(&row[0]), "{row:?}");
            assert_folded("splits.txt", split);
        }
        assert_folded("splits.txt", &row[0]);
    }
    assert!(rows.len() > 5_000);
}

#[test]
fn emoji_have_short_names() {
    let rows = rows("emoji.txt");
    for row in &rows {
        let [emoji, zh, en] = row.as_slice() else {
            panic!("{row:?}");
        };
        assert_folded("emoji.txt", &emoji.replace('\u{200D}', ""));
        assert!(!emoji.contains('\u{FE0F}') && !emoji.is_ascii(), "{row:?}");
        for name in zh.split('|').filter(|name| !name.is_empty()) {
            assert_folded("emoji.txt", name);
            assert!(name.chars().count() <= 4, "{row:?}");
        }
        for name in en.split('|').filter(|name| !name.is_empty()) {
            assert_folded("emoji.txt", name);
            assert!(name.split([' ', '-']).count() <= 2, "{row:?}");
        }
        assert!(!zh.is_empty() || !en.is_empty(), "{row:?}");
    }
    assert!(rows.len() > 1_000);
}

#[test]
fn variants_end_in_plain_characters() {
    let rows = rows("variants.txt");
    let from: BTreeSet<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    for row in &rows {
        let [rare, plain] = row.as_slice() else {
            panic!("{row:?}");
        };
        assert_eq!((rare.chars().count(), plain.chars().count()), (1, 1));
        assert!(!from.contains(plain.as_str()), "{row:?}: not the end");
        assert_folded("variants.txt", plain);
        // The skeleton knows the row already, or leaves the character alone; it does nothing else.
        let folded = skeleton(rare);
        assert!(folded == *rare || folded == *plain, "{row:?} {folded}");
    }
    assert!(rows.len() > 1_000);
}
