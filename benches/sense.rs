//! What meaning costs: a sentence, a token of a stream, a prompt, a prompt that was scored before.
//! Compare ratios within one run: `words` is the same text without a score.
//!
//! `cargo bench --bench sense`. Aims (one core): a sentence 1 ms, a streamed token 100 us, a prompt of
//! 2 KB 4 ms, one that was scored before about nothing.

use std::cell::Cell;
use std::sync::{Arc, OnceLock};

use divan::{Bencher, black_box};
use wardgate::detect::{Builder, Detectors, Scanner, SignalId};
use wardgate::sense::{self, Example, Probe};

fn main() {
    divan::main();
}

const ENGLISH: &str = "We planted carrots and tomatoes in the school garden today, watered them twice, and then \
    our teacher told everybody that the tools must be put away before it gets dark.";
const CHINESE: &str =
    "今天我们在学校的菜园里种了胡萝卜和西红柿，浇了两次水，老师说天黑之前要把工具收好。";

/// Twelve different sentences and a half, so that none is remembered from the one before.
fn prompt(turn: u64) -> String {
    let plants = [
        "leeks", "beans", "chard", "kale", "onions", "garlic", "pumpkins", "radishes",
    ];
    let sentence = |nth: u64| {
        let plant = plants[((turn * 7 + nth) % 8) as usize];
        format!("{ENGLISH} In row {turn} there are {nth} {plant}. 第{turn}行有{nth}棵菜。")
    };
    let text: String = (0..12).map(sentence).collect();
    text[..text.floor_char_boundary(2048)].to_owned()
}

/// One label, as a policy asks for it.
fn scored() -> &'static Arc<Detectors> {
    static SCORED: OnceLock<Arc<Detectors>> = OnceLock::new();
    SCORED.get_or_init(|| {
        let mut builder = Builder::default();
        builder
            .classifier(SignalId(0), "fraud", 0.99)
            .expect("a label");
        Arc::new(builder.build().expect("it compiles"))
    })
}

fn sentence(language: &str) -> &'static str {
    match language {
        "english" => ENGLISH,
        _ => CHINESE,
    }
}

#[divan::bench(args = ["english", "chinese"])]
fn encode(bencher: Bencher<'_, '_>, language: &str) {
    let text = sentence(language);
    let encoder = sense::shipped();
    bencher.bench(|| encoder.encode(black_box(text)));
}

#[divan::bench(args = ["english", "chinese"])]
fn encode_and_heads(bencher: Bencher<'_, '_>, language: &str) {
    let text = sentence(language);
    let (encoder, heads) = (sense::shipped(), sense::shipped_heads());
    bencher.bench(|| heads.scores(black_box(text), &encoder.encode(text)));
}

/// Divide by 470: about so many tokens come in pieces of four bytes.
#[divan::bench]
fn stream_2k(bencher: Bencher<'_, '_>) {
    let turn = Cell::new(0);
    let next = || {
        turn.set(turn.get() + 1);
        prompt(turn.get())
    };
    bencher.with_inputs(next).bench_local_values(|text| {
        let mut scanner = Scanner::new(Arc::clone(scored()));
        let mut hits = Vec::new();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.ceil_char_boundary(rest.len().min(4)));
            scanner.push(piece, &mut hits);
            rest = after;
        }
        scanner.finish(&mut hits);
        hits
    });
}

#[divan::bench]
fn prompt_2k(bencher: Bencher<'_, '_>) {
    let turn = Cell::new(1_000_000);
    let next = || {
        turn.set(turn.get() + 1);
        prompt(turn.get())
    };
    bencher
        .with_inputs(next)
        .bench_local_values(|text| scored().scan(&text));
}

#[divan::bench]
fn prompt_2k_again(bencher: Bencher<'_, '_>) {
    let text = prompt(0);
    scored().scan(&text);
    bencher.bench(|| scored().scan(black_box(&text)));
}

#[divan::bench]
fn prompt_2k_words(bencher: Bencher<'_, '_>) {
    let text = prompt(0);
    bencher.bench(|| scored().scan_words(black_box(&text)));
}

/// What a policy with 28 examples adds to loading.
#[divan::bench(sample_count = 10)]
fn learn_28_examples(bencher: Bencher<'_, '_>) {
    let example = |nth: usize| {
        let (verb, yes) = [("plant", true), ("cook", false)][nth % 2];
        let text = format!("How do I {verb} the {nth} vegetables of {} weeks?", nth * 3);
        Example { text, yes }
    };
    let examples: Vec<Example> = (0..28).map(example).collect();
    bencher.bench(|| Probe::learn(black_box(&examples)));
}
