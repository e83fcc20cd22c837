//! MB/s of each stage of a scan on English, Chinese and mixed text.
//!
//! `cargo bench --bench scan`. The texts are the honest corpora of the policies; the lexicon is made
//! of their words in random order, so that prefixes are shared as in a real one and hits are rare.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use wardgate::detect::{Builder, ContactKind, Detectors, Scanner, SignalId};
use wardgate::text::{Views, symbols};

/// Counts allocations: a delta of clean text must make none.
#[global_allocator]
static ALLOC: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    println!("compiled set, bytes of memory:");
    for count in [5_000, 20_000] {
        println!("  {count} phrases: {}", phrases(count).memory());
    }
    println!("  everything: {}", full().memory());
    println!(
        "a stream: {} bytes, and what `everything_in_deltas` has allocated at most",
        size_of::<Scanner>()
    );
    divan::main();
}

/// A small generator (splitmix64), so that every run measures the same text.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ mixed >> 31) % sides as u64) as usize
    }
}

/// The honest texts of the policies, whose frequencies are those of real messages.
fn honest(language: &str) -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/benign");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the corpora")
        .map(|file| file.expect("readable").path())
        .filter(|path| path.to_string_lossy().ends_with(&format!("{language}.txt")))
        .collect();
    files.sort();
    let read = |path| std::fs::read_to_string(path).expect("readable");
    let texts: Vec<String> = files.into_iter().map(read).collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    lines
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Lines in random order until there are so many bytes.
fn lines(languages: &[&str], bytes: usize) -> String {
    let lines: Vec<String> = languages.iter().flat_map(|one| honest(one)).collect();
    let mut dice = Dice(1);
    let mut text = String::new();
    while text.len() < bytes {
        text.push_str(&lines[dice.roll(lines.len())]);
        text.push('\n');
    }
    text
}

fn english(bytes: usize) -> String {
    lines(&["en"], bytes)
}

fn chinese(bytes: usize) -> String {
    lines(&["zh"], bytes)
}

fn mixed(bytes: usize) -> String {
    lines(&["en", "zh"], bytes)
}

/// Phrases, Latin and Han by turns. Han ones are of the texts' own characters in random order, Latin
/// ones half of made-up first words (slang, names), half of the texts' longer words: they begin
/// where text does, and hardly ever match.
fn words(builder: &mut Builder, count: usize) {
    let en: BTreeSet<String> = honest("en")
        .iter()
        .flat_map(|line| line.split(|c: char| !c.is_ascii_alphabetic()))
        .filter(|word| word.len() > 2)
        .map(str::to_lowercase)
        .collect();
    let zh: BTreeSet<char> = honest("zh")
        .iter()
        .flat_map(|line| line.chars())
        .filter(|c| ('\u{4E00}'..='\u{9FFF}').contains(c))
        .collect();
    let (en, zh): (Vec<_>, Vec<_>) = (en.iter().collect(), zh.iter().collect());
    let long: Vec<_> = en.iter().filter(|word| word.len() > 6).collect();
    let mut dice = Dice(3);
    for nth in 0..count {
        let word: String = if nth % 2 == 0 {
            let length = [2, 2, 3, 3, 4, 4, 5, 6][dice.roll(8)];
            (0..length).map(|_| *zh[dice.roll(zh.len())]).collect()
        } else if nth % 4 == 1 {
            format!(
                "{} {}",
                long[dice.roll(long.len())],
                en[dice.roll(en.len())]
            )
        } else {
            let (head, tail) = (en[dice.roll(en.len())], en[dice.roll(en.len())]);
            let (head, tail) = (&head[..head.len().min(4)], &tail[tail.len() / 2..]);
            format!("{head}{tail} {}", en[dice.roll(en.len())])
        };
        builder
            .word(SignalId(nth as u32 / 50), &word, Views::DEFAULT)
            .expect("a word");
    }
}

fn phrases(count: usize) -> Arc<Detectors> {
    let mut builder = Builder::default();
    words(&mut builder, count);
    Arc::new(builder.build().expect("fits"))
}

/// What a policy set looks like: 4,000 phrases, some patterns, ages and contacts.
fn full() -> &'static Arc<Detectors> {
    static FULL: OnceLock<Arc<Detectors>> = OnceLock::new();
    FULL.get_or_init(|| {
        let mut builder = Builder::default();
        words(&mut builder, 4_000);
        for regex in [
            "番.{0,8}茄",
            r"(?-u:\b)[0-9]{2,4} ?(?:kg|cm|斤)",
            r"(?-u:\b)(?:kale|fern).{1,20}(?:soup|汤)",
            "(?:想|要|能).{0,6}(?:萝卜|茄子)",
        ] {
            builder.pattern(SignalId(900), regex).expect("a pattern");
        }
        builder.age(SignalId(901), 0, 17).expect("a range");
        let kinds = [
            ContactKind::Phone,
            ContactKind::Email,
            ContactKind::Link,
            ContactKind::Handle,
        ];
        builder.contact(SignalId(902), &kinds).expect("built in");
        Arc::new(builder.build().expect("fits"))
    })
}

const TEXTS: [&str; 6] = [
    "english 2K",
    "chinese 2K",
    "chinese 100K",
    "mixed 2K",
    "english 100K",
    "mixed 100K",
];

fn text(name: &str) -> String {
    let bytes = if name.ends_with("100K") {
        100_000
    } else {
        2_000
    };
    match name.split(' ').next() {
        Some("english") => english(bytes),
        Some("chinese") => chinese(bytes),
        _ => mixed(bytes),
    }
}

#[divan::bench(args = TEXTS)]
fn fold(bencher: Bencher, name: &str) {
    let text = text(name);
    bencher.counter(BytesCount::of_str(&text)).bench(|| {
        symbols(black_box(&text))
            .map(|(symbol, _)| symbol.ch as u32)
            .sum::<u32>()
    });
}

fn scan(bencher: Bencher, name: &str, detectors: &Arc<Detectors>) {
    let text = text(name);
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| detectors.scan_words(black_box(&text)));
}

#[divan::bench(args = TEXTS)]
fn phrases_5_000(bencher: Bencher, name: &str) {
    scan(bencher, name, &phrases(5_000));
}

#[divan::bench(args = TEXTS)]
fn phrases_20_000(bencher: Bencher, name: &str) {
    scan(bencher, name, &phrases(20_000));
}

#[divan::bench(args = TEXTS)]
fn ages(bencher: Bencher, name: &str) {
    let mut builder = Builder::default();
    builder.age(SignalId(1), 0, 17).expect("a range");
    scan(bencher, name, &Arc::new(builder.build().expect("fits")));
}

#[divan::bench(args = TEXTS)]
fn contacts(bencher: Bencher, name: &str) {
    let mut builder = Builder::default();
    let kinds = [
        ContactKind::Phone,
        ContactKind::Email,
        ContactKind::Link,
        ContactKind::Handle,
    ];
    builder.contact(SignalId(1), &kinds).expect("built in");
    scan(bencher, name, &Arc::new(builder.build().expect("fits")));
}

#[divan::bench(args = TEXTS)]
fn everything(bencher: Bencher, name: &str) {
    scan(bencher, name, full());
}

/// One piece of about 24 bytes at a time, as a stream brings them, with `settled` after each.
#[divan::bench(args = TEXTS)]
fn everything_in_deltas(bencher: Bencher, name: &str) {
    let text = text(name);
    let mut cuts: Vec<usize> = vec![0];
    for (at, _) in text.char_indices() {
        if at - cuts[cuts.len() - 1] >= 24 {
            cuts.push(at);
        }
    }
    cuts.push(text.len());
    bencher.counter(BytesCount::of_str(&text)).bench(|| {
        let mut scanner = Scanner::of_words(Arc::clone(full()));
        let mut hits = Vec::new();
        for cut in cuts.windows(2) {
            scanner.push(&text[cut[0]..cut[1]], &mut hits);
            black_box(scanner.settled());
        }
        scanner.finish(&mut hits);
        hits
    });
}

/// One delta of clean text in the middle of a stream: it must allocate nothing.
#[divan::bench(args = ["english 100K", "chinese 100K", "mixed 100K"])]
fn delta(bencher: Bencher, name: &str) {
    let text = text(name);
    let mut scanner = Scanner::of_words(Arc::clone(full()));
    let mut hits = Vec::with_capacity(64);
    scanner.push(&text, &mut hits);
    let mut at = 0;
    bencher.bench_local(|| {
        let to = text.ceil_char_boundary((at + 24).min(text.len()));
        hits.clear();
        scanner.push(&text[at..to], &mut hits);
        at = if to == text.len() { 0 } else { to };
        scanner.settled()
    });
}

#[divan::bench(args = [5_000, 20_000])]
fn build_phrases(bencher: Bencher, count: usize) {
    bencher.bench(|| phrases(count).memory());
}

#[divan::bench]
fn build_contacts(bencher: Bencher) {
    bencher.bench(|| {
        let mut builder = Builder::default();
        builder
            .contact(SignalId(1), &[ContactKind::Email, ContactKind::Link])
            .expect("built in");
        builder.build().map(|detectors| detectors.memory())
    });
}
