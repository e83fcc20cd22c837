//! The encoder against what its weights give in floats (`training/encoder.py`), and its pieces against
//! the package that they come from.

use proptest::prelude::*;
use serde::Deserialize;

use super::{
    BadModel, DIMENSIONS, Encoder, Example, Gate, Heads, INPUTS, MAX_PIECES, Probe, ngrams, shipped,
};

#[derive(Debug, Clone, Deserialize)]
struct Golden {
    text: String,
    rows: Vec<u32>,
    /// In ten-thousandths.
    vector: Vec<f32>,
}

fn golden() -> Vec<Golden> {
    let lines = include_str!("../../tests/data/sense/golden.jsonl").lines();
    let golden: Vec<Golden> = lines
        .map(|line| serde_json::from_str(line).expect("a golden line"))
        .collect();
    assert!(golden.len() > 30);
    golden
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    let dot = |one: &[f32], other: &[f32]| one.iter().zip(other).map(|(a, b)| a * b).sum::<f32>();
    dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
}

#[test]
fn pieces_are_those_of_the_package() {
    for case in golden() {
        assert_eq!(shipped().pieces(&case.text), case.rows, "{:?}", case.text);
    }
}

#[test]
fn vectors_agree_with_the_forward_pass_in_floats() {
    for case in golden() {
        let inputs = shipped().encode(&case.text);
        assert_eq!(inputs.len(), INPUTS);
        let cosine = cosine(&inputs[..DIMENSIONS], &case.vector);
        assert!(cosine >= 0.999, "{:?}: {cosine}", case.text);
    }
}

/// What the scores of the golden texts are on whatever machine: a threshold means the same everywhere.
/// Another model has others: `UPDATE=1 cargo test --lib sense::tests::scores_are` writes them.
#[test]
fn scores_are_those_of_every_machine() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sense/scores.json");
    let heads = super::shipped_heads();
    let scores = |case: &Golden| heads.scores(&case.text, &shipped().encode(&case.text));
    let scores: Vec<Vec<f32>> = golden().iter().map(scores).collect();
    if std::env::var_os("UPDATE").is_some() {
        let rows: Vec<String> = scores.iter().map(|row| format!("{row:?}")).collect();
        std::fs::write(file, format!("[\n{}\n]\n", rows.join(",\n"))).expect("writable");
    }
    let written = std::fs::read_to_string(file).expect("readable");
    let written: Vec<Vec<f32>> = serde_json::from_str(&written).expect("scores");
    assert_eq!(written.len(), scores.len());
    for (case, (there, here)) in golden().iter().zip(written.iter().zip(&scores)) {
        assert_eq!(there.len(), heads.labels().len());
        let apart = |(there, here): (&f32, &f32)| (there - here).abs();
        let widest = there.iter().zip(here).map(apart).fold(0.0, f32::max);
        assert!(widest <= 1e-4, "{:?}: {widest}", case.text);
    }
}

#[test]
fn long_texts_are_read_up_to_a_bound() {
    for text in [
        "苗".repeat(100_000),
        "a b".repeat(100_000),
        "\u{200b}".repeat(100_000),
    ] {
        assert!(shipped().pieces(&text).len() <= MAX_PIECES);
        assert!(
            shipped()
                .encode(&text)
                .iter()
                .all(|value| value.is_finite())
        );
    }
}

#[test]
fn ngrams_are_hashed_as_training_hashes_them() {
    // FNV-1a 64 of " l", "le", "ek", "k ", " le" ... modulo 2^15, as training/features.py computes them.
    assert_eq!(ngrams(" Leek\n", 1 << 15), ngrams("\u{200b}leek", 1 << 15));
    assert_eq!(ngrams("Leek", 1 << 15).len(), 5 + 4 + 3);
    assert_eq!(ngrams("a", 1 << 15)[0] as u64, fnv(" a") % (1 << 15));
}

fn fnv(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(1_099_511_628_211);
    text.bytes().fold(14_695_981_039_346_656_037, step)
}

#[test]
fn the_gate_was_taught_by_these_heads_and_says_what_training_says() {
    let gate = super::shipped_gate().expect("run training/gate.py: the heads are others");
    let said: Vec<Vec<f32>> = include_str!("../../tests/data/sense/gate.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of numbers"))
        .collect();
    let golden = golden();
    assert_eq!(said.len(), golden.len());
    for (case, said) in golden.iter().zip(&said) {
        let logits = gate.logits(shipped(), &case.text);
        assert_eq!(logits.len(), said.len());
        let widest = logits.iter().zip(said);
        let widest = widest.map(|(one, other)| (one - other / 100.0).abs());
        assert!(widest.fold(0.0, f32::max) < 0.05, "{:?}", case.text);
    }
}

#[test]
fn a_gate_answers_for_what_it_was_taught_alone() {
    let gate = super::shipped_gate().expect("it is of these heads");
    let low = gate.cut("harm", 0.8).expect("it was taught");
    assert!(
        gate.cut("harm", 0.86).is_some(),
        "what is asked above a bar passes at the bar"
    );
    assert_eq!(gate.cut("harm", 0.01), None);
    // Few sentences reach that much of it: the highest bar below that was taught stands in.
    assert!(gate.cut("self_harm", 0.99).is_some());
    assert_eq!(gate.cut("radishes", 0.8), None);
    let open = |text: &str| gate.passes(shipped(), text, &[low]);
    assert!(!open(
        "We planted carrots and tomatoes in the school garden today."
    ));
    assert!(!open("今天我们在学校的菜园里种了胡萝卜和西红柿。"));
    let other = Gate::load(super::GATE, b"other heads").expect_err("refused");
    assert!(other.to_string().contains("taught by other heads"));
    assert!(Gate::load(&super::GATE[..900], super::HEADS).is_err());
}

#[test]
fn broken_files_are_refused_with_a_reason() {
    let refused = |result: Result<(), BadModel>| result.expect_err("refused").to_string();
    assert!(refused(Encoder::load(b"no model").map(drop)).contains("not usable"));
    assert!(refused(Heads::load(super::ENCODER).map(drop)).contains("labels"));
    assert!(refused(Encoder::load(&super::ENCODER[..1000]).map(drop)).contains("not usable"));
}

/// Text of any kind: letters, signs, controls, every character there is, one of them without end, and
/// honest words with such characters among their letters.
fn any_text() -> impl Strategy<Value = String> {
    let strange = prop::collection::vec(any::<char>(), 0..100);
    let golden = prop::sample::select(golden());
    let disguised = (golden, strange.clone()).prop_map(|(case, strange)| {
        let letters = case
            .text
            .chars()
            .zip(strange.into_iter().chain(std::iter::repeat('\u{200b}')));
        letters
            .flat_map(|(letter, strange)| [letter, strange])
            .collect::<String>()
    });
    prop_oneof![
        "\\PC{0,120}|.{0,80}|[\\x00-\\x20a.]{0,200}",
        strange.prop_map(String::from_iter),
        (any::<char>(), 0_usize..600).prop_map(|(one, times)| one.to_string().repeat(times)),
        disguised,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_has_a_vector_of_length_one_and_scores(text in any_text()) {
        let pieces = shipped().pieces(&text);
        prop_assert!((2..=MAX_PIECES).contains(&pieces.len()), "{}", pieces.len());
        let inputs = shipped().encode(&text);
        prop_assert!(inputs.iter().all(|value| value.is_finite()));
        let length: f32 = inputs[..DIMENSIONS].iter().map(|value| value * value).sum();
        prop_assert!((length - 1.0).abs() < 1e-3, "{}", length);
        prop_assert_eq!(&inputs, &shipped().encode(&text));
        let scores = super::shipped_heads().scores(&text, &inputs);
        prop_assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
        let gate = super::shipped_gate().expect("it is of these heads");
        prop_assert!(gate.logits(shipped(), &text).iter().all(|logit| logit.is_finite()));
    }
}

/// Windows of a text as a scanner makes them: they grow, and begin anew.
fn windows(sentences: &[String], grow: &[bool]) -> Vec<String> {
    let mut windows: Vec<String> = Vec::new();
    for (sentence, grows) in sentences.iter().zip(grow) {
        let before = windows.last().filter(|_| *grows);
        let window =
            before.map_or_else(|| sentence.clone(), |before| format!("{before}{sentence}"));
        windows.push(window);
    }
    windows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn texts_together_have_the_vectors_and_scores_that_each_has_alone(
        sentences in prop::collection::vec("[a-z]{1,9}( [a-z]{1,9}){0,12}[.!?] |[菜园里种了萝卜水]{1,30}。|\\PC{0,40}", 0..9),
        grow in prop::collection::vec(any::<bool>(), 9),
    ) {
        let windows = windows(&sentences, &grow);
        let texts: Vec<&str> = windows.iter().map(String::as_str).collect();
        let alone: Vec<Vec<f32>> = texts.iter().map(|text| shipped().encode(text)).collect();
        prop_assert_eq!(&shipped().encode_all(&texts), &alone);
        let heads = super::shipped_heads();
        let inputs: Vec<&[f32]> = alone.iter().map(Vec::as_slice).collect();
        let each = texts.iter().zip(&inputs).map(|(text, inputs)| heads.scores(text, inputs));
        let each: Vec<_> = each.collect();
        prop_assert!(each.iter().flatten().all(|score| (0.0..=1.0).contains(score)));
        prop_assert_eq!(heads.scores_all(&texts, &inputs), each);
    }
}

const GARDEN: [&str; 4] = [
    "How do I plant tomatoes on my balcony?",
    "When should I water the carrots in my vegetable bed?",
    "怎么在阳台上种西红柿?",
    "How do I keep slugs away from my salad bed?",
];
const KITCHEN: [&str; 4] = [
    "How do I cook tomato soup?",
    "Which vitamins are in carrots?",
    "西红柿炒鸡蛋怎么做?",
    "A salad recipe for four people, please.",
];

fn examples() -> Vec<Example> {
    let of = |texts: [&str; 4], yes| {
        texts.map(|text| Example {
            text: text.to_owned(),
            yes,
        })
    };
    [of(GARDEN, true), of(KITCHEN, false)].concat()
}

#[test]
fn a_few_examples_make_a_head() {
    let (probe, left_out) = Probe::learn(&examples()).expect("they differ");
    assert_eq!(left_out.len(), 8);
    assert!(left_out.iter().all(|score| (0.0..1.0).contains(score)));
    let score = |text: &str| probe.score(&shipped().encode(text));
    let sown = score("When can I sow pumpkins in the garden?");
    for other in [
        "How long do I boil pumpkins?",
        "What is the capital of France?",
        "你好",
        "",
    ] {
        assert!(
            sown > score(other) + 0.02,
            "{sown} {other:?} {}",
            score(other)
        );
    }
    let again = Probe::learn(&examples()).expect("they differ");
    assert_eq!((probe, left_out), again);
}

#[test]
fn what_cannot_be_told_apart_makes_no_head() {
    let example = |text: &str, yes| Example {
        text: text.to_owned(),
        yes,
    };
    let same = ["one apple", "two apples", "three apples", "four apples"];
    let mixed: Vec<Example> = same
        .iter()
        .zip([true, false, true, false])
        .map(|(text, yes)| example(text, yes))
        .collect();
    assert_eq!(Probe::learn(&mixed), None);
    assert_eq!(
        Probe::learn(&examples()[..5]),
        None,
        "one counter-example cannot be left out"
    );
    assert_eq!(Probe::learn(&[]), None);
}
