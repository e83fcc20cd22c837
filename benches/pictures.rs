//! What one picture costs: decoding, hashing, codes; and a look-up among a million hashes.
//! Budgets (one core, 1024 x 1024): decode + PDQ 15 ms, codes 30 ms, nudity 120 ms, words 600 ms, look-up
//! 1 ms. What needs a model is measured where `wardgate models fetch` has brought it.

use std::hint::black_box;
use std::path::Path;

use divan::Bencher;
use wardgate::picture::{self, Eye, HashList, Pdq, bars, decode, drawing, pdq, qr};

fn main() {
    divan::main();
}

/// Random enough, and the same each time.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// A drawing of 1024 x 1024 with edges and noise.
fn drawn() -> Vec<u8> {
    let mut state = 7;
    let rgb = (0..1024_u32 * 1024)
        .flat_map(|at| {
            let (x, y) = (at % 1024, at / 1024);
            let block = ((x / 90) * 7 + (y / 70) * 13) * 37 % 200;
            let noise = (random(&mut state) % 16) as u32;
            [block + noise, (x + y) / 9 + noise, y / 5 + noise].map(|value| value as u8)
        })
        .collect();
    drawing::colored(1024, 1024, rgb).expect("sized")
}

fn jpeg() -> Vec<u8> {
    let picture = image::load_from_memory(&drawn()).expect("drawn");
    let mut file = std::io::Cursor::new(Vec::new());
    let written = picture.write_to(&mut file, image::ImageFormat::Jpeg);
    written.expect("memory takes every byte");
    file.into_inner()
}

fn luma(file: &[u8]) -> Vec<f32> {
    let mut luma = Vec::new();
    let take = &mut |frame: &picture::Frame| luma = frame.luma();
    decode::read(file, take).expect("drawn");
    luma
}

#[divan::bench(args = ["png", "jpeg", "avif"])]
fn decode_and_pdq(bencher: Bencher<'_, '_>, format: &str) {
    let file = match format {
        "png" => drawn(),
        "jpeg" => jpeg(),
        _ => include_bytes!("../tests/data/pictures/avif/large.avif").to_vec(),
    };
    bencher.bench(|| pdq::hash(&luma(black_box(&file)), 1024, 1024));
}

#[divan::bench]
fn codes(bencher: Bencher<'_, '_>) {
    let luma = luma(&drawn());
    bencher.bench(|| qr::read(black_box(&luma), 1024, 1024));
}

#[divan::bench]
fn bar_codes(bencher: Bencher<'_, '_>) {
    let luma = luma(&drawn());
    bencher.bench(|| bars::read(black_box(&luma), 1024, 1024));
}

#[divan::bench]
fn everything(bencher: Bencher<'_, '_>) {
    let file = jpeg();
    bencher.bench(|| picture::look(black_box(&file)));
}

/// What a model costs on top of everything else.
fn model(bencher: Bencher<'_, '_>, eye: Eye, file: &[u8]) {
    let eyes = wardgate::eyes::of(
        eye,
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/models")),
    );
    match eyes {
        Ok(eyes) => bencher.bench(|| picture::look_with(&eyes, black_box(file))),
        Err(why) => eprintln!("not measured: {why}"),
    }
}

#[divan::bench(args = [Eye::Nudity, Eye::Drawn, Eye::Age], sample_count = 10)]
fn everything_and(bencher: Bencher<'_, '_>, eye: Eye) {
    model(bencher, eye, &jpeg());
}

#[divan::bench(sample_count = 10)]
fn everything_and_words(bencher: Bencher<'_, '_>) {
    let page = include_bytes!("../tests/data/pictures/words/large.png");
    model(bencher, Eye::Text, page);
}

#[divan::bench(sample_count = 20)]
fn look_up_among_a_million(bencher: Bencher<'_, '_>) {
    let mut state = 11;
    let mut hash = || Pdq(std::array::from_fn(|_| random(&mut state)));
    let list = HashList::of((0..1_000_000).map(|_| hash()).collect());
    let wanted: Vec<Pdq> = (0..64).map(|_| hash()).collect();
    let mut at = 0;
    bencher.bench_local(|| {
        at = (at + 1) % wanted.len();
        list.nearest(black_box(wanted[at]))
    });
}
