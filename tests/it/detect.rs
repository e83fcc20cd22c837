//! Detection: disguises found with exact spans, near misses left alone, and the laws of
//! `wardgate::detect` on random texts. Canary words only: vegetables and made-up names.

use std::sync::Arc;

use proptest::prelude::*;
use wardgate::detect::{Builder, Detectors, Hit, Scanner, SignalId};
use wardgate::text::{ViewKind, Views};

const CANARIES: [&str; 12] = [
    "番茄", "萝卜", "西葫芦", "小白菜汤", "tomato", "kale", "zorbex", "blind box", "glimmer fern root",
    "加v", "radish*", "秋葵box",
];

fn detectors(words: &[&str]) -> Arc<Detectors> {
    let mut builder = Builder::default();
    for (signal, word) in words.iter().enumerate() {
        builder
            .word(SignalId(signal as u32), word, Views::DEFAULT)
            .expect("a good word");
    }
    Arc::new(builder.build().expect("small"))
}

/// What was hit, as bytes of the original, with the view.
fn seen<'t>(words: &[&str], text: &'t str) -> Vec<(&'t str, ViewKind)> {
    detectors(words)
        .scan(text)
        .iter()
        .map(|hit| (&text[hit.span.range()], hit.view))
        .collect()
}

fn tags(word: &str) -> String {
    word.chars()
        .filter_map(|c| char::from_u32(c as u32 + 0xE0000))
        .collect()
}

fn selectors(word: &str) -> String {
    word.bytes()
        .filter_map(|byte| match byte {
            0..=15 => char::from_u32(0xFE00 + u32::from(byte)),
            _ => char::from_u32(0xE0100 + u32::from(byte) - 16),
        })
        .collect()
}

#[test]
fn disguises_are_found_with_their_bytes() {
    use ViewKind::{Hidden, Skeleton, Squeezed, Surface};
    for (word, around, disguised, view) in [
        ("tomato", ("a ", " b"), "tomato", Surface),
        ("tomato", ("a ", " b"), "Tomato", Skeleton),
        ("tomato", ("x：", "。"), "ｔｏｍａｔｏ", Skeleton),
        ("tomato", ("番", "茄"), "tomato", Surface),
        ("tomato", ("", ""), "t\u{200b}omat\u{300}o", Skeleton),
        ("tomato", ("(", ")"), "tоmаtо", Skeleton),
        ("tomato", ("a ", " b"), "t0m4to", Skeleton),
        ("tomato", ("a ", ""), "70m@t0", Skeleton),
        ("kale", ("a ", "!"), "ka|e", Skeleton),
        ("tomato", ("a ", " b"), "t.o.m.a.t.o", Squeezed),
        ("tomato", ("a ", " b"), "t o m a t o", Squeezed),
        ("tomato", ("a ", " b"), "t-o--m🍅a\nt/o", Squeezed),
        ("tomato", ("a ", " b"), "t.0.m.a.t.o", Squeezed),
        ("萝卜", ("大", "汤"), "萝卜", Surface),
        ("萝卜", ("大", "汤"), "蘿蔔", Skeleton),
        ("萝卜", ("大", "汤"), "萝\u{200d}卜", Skeleton),
        ("萝卜", ("大", "汤"), "萝/卜", Squeezed),
        ("萝卜", ("大", "汤"), "萝 🍅 卜", Squeezed),
        ("西葫芦", ("a:", ""), "西\n葫\n芦", Squeezed),
        ("西葫芦", ("吃：", "。"), "西，葫，芦", Squeezed),
        ("blind box", ("a ", " b"), "blind box", Surface),
        ("blind box", ("a ", " b"), "Blind \n box", Skeleton),
        ("blind box", ("a ", " b"), "blind-box", Skeleton),
        ("blind box", ("a ", " b"), "b.l.i.n.d b.o.x", Squeezed),
        ("加v", ("请", "："), "加V", Skeleton),
        ("加v", ("请", "："), "加 V", Squeezed),
        ("radish*", ("a ", "."), "radishes", Skeleton),
        ("tomato", ("a", "b"), &tags("tomato"), Hidden),
        ("萝卜", ("🍅", "b"), &selectors("萝卜"), Hidden),
    ] {
        let text = format!("{}{disguised}{}", around.0, around.1);
        assert_eq!(seen(&[word], &text), [(disguised, view)], "{text:?}");
    }
}

#[test]
fn near_misses_are_left_alone() {
    for (word, text) in [
        ("tomato", "tomatoes atomato tomato2 automat"),
        ("tomato", "t.o.m.a.t.one"),
        ("博彩", "赌博。彩票"),
        ("博彩", "赌博\n彩票"),
        ("博彩", "博，彩票"),
        ("萝卜", "萝--------------------卜"),
        ("iam", "I a ma cook"),
        ("ab", "a.b"),
        ("kale", "k4l 3"),
        ("kale", "ka! e"),
        ("lo", "10 1.0"),
        ("kale", "kal3x"),
        ("blind box", "blindbox blind    box blind, box"),
        ("radish*", "radishabcdefghi radish2"),
        ("加v", "加 vx"),
    ] {
        assert_eq!(seen(&[word], text), [], "{word} in {text:?}");
    }
}

fn all_hits(detectors: &Arc<Detectors>, text: &str, cuts: &[usize]) -> Vec<Hit> {
    let mut scanner = Scanner::new(Arc::clone(detectors));
    let mut hits = Vec::new();
    let mut from = 0;
    for &cut in cuts.iter().chain([&text.len()]) {
        scanner.push(&text[from..cut], &mut hits);
        from = cut;
    }
    scanner.finish(&mut hits);
    hits
}
