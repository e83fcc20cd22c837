//! MB/s of the decoded view on text that holds no code, and on text that is full of it.
//!
//! `cargo bench --bench decode`. The texts are generated, as in `benches/scan.rs`.

use std::sync::OnceLock;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use wardgate::text::decode::Decoder;

fn main() {
    divan::main();
}

/// Bytes of each text.
const SIZE: usize = 1 << 20;

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

    fn word(&mut self) -> &'static str {
        const WORDS: &str = "the of and to in a is that for it was on are as with they be at one \
            have this from or had by hot but some what there we can out other were all your when \
            up use word how said an each she which do their time if will way about many then them \
            would write like so these her long make thing see him two has look more day could go \
            come did my sound no most number who over know water than call first people may down \
            side been now find any new work part take get place made live where after back little \
            only round man year came show every good me give our under name very through just form \
            much great think say help low line before turn cause same mean differ move right boy \
            old too does tell sentence set three want air well also play small end put home read \
            hand port large spell add even land here must big high such follow act why ask men \
            change went light kind off need house picture try us again animal point mother world";
        static LIST: OnceLock<Vec<&str>> = OnceLock::new();
        let list = LIST.get_or_init(|| WORDS.split_whitespace().collect());
        list[self.roll(list.len())]
    }
}

fn text(kind: &str) -> &'static str {
    static TEXTS: OnceLock<[(&str, String); 3]> = OnceLock::new();
    let texts = TEXTS.get_or_init(|| {
        [
            ("english", english()),
            ("chinese", chinese()),
            ("json", json()),
        ]
    });
    let known = texts.iter().find(|text| text.0 == kind);
    known.map_or("", |text| &text.1)
}

/// Sentences with a number in every tenth and an acronym in every fifteenth, a line of 80.
fn english() -> String {
    let mut dice = Dice(1);
    let mut text = String::new();
    let mut line = 0;
    while text.len() < SIZE {
        match dice.roll(150) {
            0 => text.push_str("1998 "),
            1 => text.push_str("USA "),
            2..12 => text.push_str("and. "),
            12..20 => text.push_str("or, "),
            _ => {
                text.push_str(dice.word());
                text.push(' ');
            }
        }
        if text.len() - line > 80 {
            text.push('\n');
            line = text.len();
        }
    }
    text
}

/// Han of skewed frequency in sentences and paragraphs; a number now and then.
fn chinese() -> String {
    let mut dice = Dice(2);
    let mut text = String::new();
    while text.len() < SIZE {
        match dice.roll(1_000) {
            0..5 => text.push_str("。\n"),
            5..60 => text.push('，'),
            60..80 => text.push('。'),
            80 => text.push_str("2024 年"),
            _ => {
                let range = if dice.roll(10) == 0 { 3_500 } else { 400 };
                text.extend(char::from_u32(0x4E00 + dice.roll(range) as u32));
            }
        }
    }
    text
}

/// JSON within a JSON string: identifiers, numbers, hashes and escapes all over.
fn json() -> String {
    let mut dice = Dice(3);
    let mut text = String::new();
    while text.len() < SIZE {
        let (word, other) = (dice.word(), dice.word());
        let number = dice.roll(1 << 40);
        text.push_str(&format!(
            "{{\\\"{word}Id\\\": {number}, \\\"{other}\\\": \\\"{number:016x}\\\",\\n  \
             \\\"path\\\": \\\"/{word}/{other}%20{word}?a={number}\\\"}}\\n"
        ));
    }
    text
}

#[divan::bench(args = ["english", "chinese", "json"])]
fn whole(bencher: Bencher<'_, '_>, kind: &str) {
    let text = text(kind);
    bencher
        .counter(BytesCount::of_str(text))
        .bench(|| decode(black_box(text), text.len()));
}

/// As an answer streams: sixteen bytes at a time.
#[divan::bench(args = ["english", "chinese", "json"])]
fn streamed(bencher: Bencher<'_, '_>, kind: &str) {
    let text = text(kind);
    bencher
        .counter(BytesCount::of_str(text))
        .bench(|| decode(black_box(text), 16));
}

fn decode(text: &str, size: usize) -> usize {
    let mut decoder = Decoder::default();
    let mut out = Vec::new();
    let mut count = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.ceil_char_boundary(size.min(rest.len())));
        decoder.push(piece, &mut out);
        count += out.len();
        out.clear();
        rest = after;
    }
    decoder.finish(&mut out);
    count + out.len()
}
