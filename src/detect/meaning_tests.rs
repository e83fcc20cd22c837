//! Sentences that mean something, with heads made here: one label, "garden", near one sentence.

use std::sync::{Arc, OnceLock};

use safetensors::tensor::{Dtype, TensorView, serialize};

use super::{Builder, Detectors, Hit, Hold, Scanner, SignalId};
use crate::sense::{DIMENSIONS, Heads, shipped};

const GARDEN: &str = "I planted tomatoes and carrots in the vegetable garden today.";
const OTHER: &str = "The train to the museum leaves at nine from the second platform.";
const TALK: &str = "The train to the museum leaves at nine from the second platform. Is it really that \
    late? I planted tomatoes and carrots in the vegetable garden today. 火车九点从二号站台开往博物馆,别迟到了哦。\
    今天我在菜园里种了西红柿和胡萝卜!还浇了很多水";

fn heads() -> &'static Heads {
    static HEADS: OnceLock<Heads> = OnceLock::new();
    HEADS.get_or_init(|| {
        let vector = |text| shipped().encode(text)[..DIMENSIONS].to_vec();
        let towards = vector(GARDEN).into_iter().zip(vector(OTHER));
        let weight: Vec<f32> = towards.map(|(yes, no)| 10.0 * (yes - no)).collect();
        let bytes = |floats: &[f32]| {
            floats
                .iter()
                .flat_map(|float| float.to_le_bytes())
                .collect::<Vec<u8>>()
        };
        let data = [bytes(&weight), bytes(&[0.0]), bytes(&[1.0, 0.0, 0.0])];
        let shapes = [vec![1, DIMENSIONS], vec![1], vec![1, 3]];
        let names = ["dense.0.weight", "dense.0.bias", "calibration"];
        let views = names.iter().zip(shapes).zip(&data);
        let views = views.map(|((name, shape), data)| {
            (
                *name,
                TensorView::new(Dtype::F32, shape, data).expect("sizes agree"),
            )
        });
        let said = [
            ("format", "1"),
            ("labels", "[\"garden\"]"),
            ("ngram_orders", "2-4"),
        ];
        let said = said.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let file = serialize(views, Some(said.into())).expect("it can be written");
        Heads::load(&file).expect("it can be read")
    })
}

fn detectors() -> Arc<Detectors> {
    let mut builder = Builder::default();
    builder.read(heads());
    builder
        .classifier(SignalId(0), "garden", 0.6)
        .expect("a label");
    Arc::new(builder.build().expect("it compiles"))
}

/// Hits of a text cut into pieces of so many characters, and what was settled after each.
fn scan(text: &str, size: usize, hold: Hold) -> (Vec<Hit>, Vec<u32>) {
    let mut scanner = Scanner::new(detectors()).holding(hold);
    let (mut hits, mut settled) = (Vec::new(), Vec::new());
    let letters: Vec<char> = text.chars().collect();
    for piece in letters.chunks(size) {
        scanner.push(&piece.iter().collect::<String>(), &mut hits);
        settled.push(scanner.settled());
    }
    scanner.finish(&mut hits);
    (hits, settled)
}

fn said(text: &str, hits: &[Hit]) -> Vec<String> {
    let spans = hits
        .iter()
        .map(|hit| hit.span.start as usize..hit.span.end as usize);
    spans.map(|span| text[span].trim().to_owned()).collect()
}

#[test]
fn a_hit_is_the_sentence_that_means_it() {
    let (hits, _) = scan(TALK, usize::MAX, Hold::Sentence);
    let found = said(TALK, &hits);
    assert!(
        found.iter().any(|one| one.contains("I planted")),
        "{found:?}"
    );
    assert!(found.iter().any(|one| one.contains("菜园")), "{found:?}");
    assert!(
        !found.iter().any(|one| one.starts_with("The train")),
        "{found:?}"
    );
    assert!(hits.iter().all(|hit| hit.score >= 0.6 && hit.score < 1.0));
}

#[test]
fn cuts_cannot_be_seen() {
    for hold in [Hold::Sentence, Hold::Tail] {
        let (whole, _) = scan(TALK, usize::MAX, hold);
        for size in [1, 2, 3, 7, 31, 70, 150] {
            assert_eq!(scan(TALK, size, hold).0, whole, "{hold:?} {size}");
        }
    }
}

#[test]
fn nothing_of_a_sentence_is_settled_before_its_score() {
    let mut scanner = Scanner::new(detectors());
    let mut hits = Vec::new();
    // A sign that nobody sees belongs to the sentence after it.
    let talk = format!("\u{200b}{GARDEN}\n\u{200b}{TALK}");
    for letter in talk.chars() {
        let settled = scanner.settled();
        scanner.push(letter.encode_utf8(&mut [0; 4]), &mut hits);
        for hit in hits.drain(..) {
            assert!(hit.span.start >= settled, "{hit:?} {settled}");
        }
    }
}

#[test]
fn a_tail_holds_nothing_and_ends_with_the_sentence() {
    let (hits, settled) = scan(TALK, 1, Hold::Tail);
    assert!(!hits.is_empty());
    assert!(hits.iter().all(|hit| hit.span.is_empty()));
    let ends = TALK
        .char_indices()
        .map(|(at, c)| (at + c.len_utf8()) as u32);
    assert!(settled.into_iter().eq(ends));
}

#[test]
fn labels_and_probabilities_are_checked() {
    let mut builder = Builder::default();
    builder.read(heads());
    let label = builder.classifier(SignalId(0), "gardens", 0.5);
    assert!(
        label
            .expect_err("no such label")
            .message
            .contains("`gardens`")
    );
    for at_least in [0.0, 1.0, -1.0, f32::NAN] {
        assert!(builder.classifier(SignalId(0), "garden", at_least).is_err());
    }
}
