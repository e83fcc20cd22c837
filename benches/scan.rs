//! MB/s of each stage of a scan on generated English, Chinese and mixed text.
//!
//! `cargo bench --bench scan`. The lexicon is made up: words of random syllables and Han, so that
//! prefixes are shared as in a real one and hits are rare.

use std::sync::{Arc, OnceLock};

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use wardgate::detect::{Builder, ContactKind, Detectors, Scanner, SignalId};
use wardgate::text::{Views, symbols};

fn main() {
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

    fn latin(&mut self) -> String {
        const SYLLABLES: [&str; 24] = [
            "a", "be", "con", "de", "er", "fi", "ga", "ho", "in", "ka", "le", "mo", "ni", "or",
            "pre", "ra", "st", "ti", "un", "ver", "wa", "y", "ing", "s",
        ];
        let count = 1 + self.roll(3);
        (0..count)
            .map(|_| SYLLABLES[self.roll(SYLLABLES.len())])
            .collect()
    }

    /// A word of the lexicon: it shares first letters with the text's words, as real ones do, but
    /// seldom more than three.
    fn term(&mut self) -> String {
        let count = 2 + self.roll(2);
        let letter = |dice: &mut Self, of: &str| of.as_bytes()[dice.roll(of.len())] as char;
        (0..count)
            .flat_map(|_| [letter(self, "bcdfghjklmnprstvwz"), letter(self, "aeiou")])
            .collect()
    }

    /// Han of skewed frequency: 90 % of a text are the commonest few hundred.
    fn han(&mut self) -> char {
        let range = if self.roll(10) == 0 { 3_500 } else { 400 };
        char::from_u32(0x4E00 + self.roll(range) as u32).unwrap_or('一')
    }
}

fn english(bytes: usize) -> String {
    let mut dice = Dice(1);
    let mut text = String::new();
    while text.len() < bytes {
        text.push_str(&dice.latin());
        text.push_str(["", " ", " ", " ", ", ", ". "][dice.roll(6)]);
    }
    text
}

fn chinese(bytes: usize) -> String {
    let mut dice = Dice(2);
    let mut text = String::new();
    while text.len() < bytes {
        (0..3 + dice.roll(9)).for_each(|_| text.push(dice.han()));
        text.push_str(["，", "。", "、", "\n"][dice.roll(4)]);
    }
    text
}

fn mixed(bytes: usize) -> String {
    let (english, chinese) = (english(bytes), chinese(bytes));
    let (mut left, mut right) = (english.split(". "), chinese.split('。'));
    let mut text = String::new();
    while text.len() < bytes {
        text.push_str(left.next().unwrap_or("end "));
        text.push_str(right.next().unwrap_or("完"));
    }
    text
}

fn words(builder: &mut Builder, count: usize) {
    let mut dice = Dice(3);
    for nth in 0..count {
        let word: String = if nth % 2 == 0 {
            (0..2 + dice.roll(3)).map(|_| dice.han()).collect()
        } else {
            format!("{} {}", dice.term(), dice.latin())
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

const TEXTS: [&str; 5] = [
    "english 2K",
    "chinese 2K",
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
        .bench(|| detectors.scan(black_box(&text)));
}

#[divan::bench(args = TEXTS)]
fn phrases_4_000(bencher: Bencher, name: &str) {
    scan(bencher, name, &phrases(4_000));
}

#[divan::bench(args = TEXTS)]
fn phrases_24_000(bencher: Bencher, name: &str) {
    scan(bencher, name, &phrases(24_000));
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
        let mut scanner = Scanner::new(Arc::clone(full()));
        let mut hits = Vec::new();
        for cut in cuts.windows(2) {
            scanner.push(&text[cut[0]..cut[1]], &mut hits);
            black_box(scanner.settled());
        }
        scanner.finish(&mut hits);
        hits
    });
}

#[divan::bench(args = [4_000, 24_000])]
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
