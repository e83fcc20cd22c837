//! What models see of drawings, beside what their packages see. Skipped where nobody fetched them,
//! unless `WARDGATE_REQUIRE_MODELS` is set.

use std::fs;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageFormat};

use crate::picture::tests::{animation, draw, file};
use crate::picture::{Eye, Eyes, look_with};

/// A file of the tests' pictures.
fn data(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pictures");
    folder.join(name)
}

#[test]
fn nudity_scores_agree_with_the_package() {
    let Some(eyes) = eyes(Eye::Nudity) else {
        return;
    };
    let reference = fs::read_to_string(data("nudity.txt")).expect("readable");
    assert_eq!(reference.lines().count(), 50);
    for line in reference.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [seed, width, height] = [0, 1, 2].map(|at| words[at].parse().expect("a number"));
        let expected: f32 = words[3].parse().expect("a score");
        let drawn = file(&draw(seed, width, height), ImageFormat::Png);
        let score = look_with(&eyes, &drawn).expect("readable").nudity;
        let score = score.expect("a model looked");
        assert!(
            (score - expected).abs() < 1e-3,
            "{seed}: {score}, {expected}"
        );
    }
    // A frame among others counts.
    let drawn = |seed| DynamicImage::ImageRgb8(draw(seed, 224, 224)).into_rgba8();
    let of = |seeds: &[u32]| {
        let shown = animation(seeds.iter().map(|seed| drawn(*seed)));
        look_with(&eyes, &shown).expect("readable").nudity
    };
    assert!(of(&[13]) > of(&[2]));
    assert_eq!(of(&[2, 13, 2]), of(&[13]));
}

/// The eyes with one model; nothing where nobody fetched it.
fn eyes(eye: Eye) -> Option<Eyes> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    match super::of(eye, &folder) {
        Ok(eyes) => Some(eyes),
        Err(why) => {
            eprintln!("SKIPPED: {why}; run `wardgate models fetch`");
            let required = std::env::var_os("WARDGATE_REQUIRE_MODELS").is_some();
            assert!(!required, "{why}");
            None
        }
    }
}

#[test]
fn scores_of_drawings_agree_with_the_package() {
    let Some(eyes) = eyes(Eye::Drawn) else { return };
    let reference = fs::read_to_string(data("drawings.txt")).expect("readable");
    assert_eq!(reference.lines().count(), 50);
    for line in reference.lines() {
        let (seed, expected) = line.split_once(' ').expect("two numbers");
        let seed = seed.parse().expect("a number");
        let expected: f32 = expected.parse().expect("a score");
        let drawn = file(&draw(seed, 224, 224), ImageFormat::Png);
        let score = look_with(&eyes, &drawn).expect("readable").drawn_nudity;
        let score = score.expect("a model looked");
        assert!(
            (score - expected).abs() < 1e-3,
            "{seed}: {score}, {expected}"
        );
    }
}

#[test]
fn ages_and_faces_agree_with_the_package() {
    let Some(eyes) = eyes(Eye::Age) else { return };
    let faces = eyes.faces.as_ref().expect("opened");
    let reference = fs::read_to_string(data("ages.txt")).expect("readable");
    assert_eq!(reference.lines().count(), 50);
    for line in reference.lines() {
        let numbers: Vec<f32> = line
            .split(' ')
            .map(|one| one.parse().expect("a number"))
            .collect();
        let seed = numbers[0] as u32;
        let years = faces.years(&draw(seed, 112, 112)).expect("it runs");
        assert!(
            (years - numbers[1]).abs() < 1e-3,
            "{seed}: {years}, {}",
            numbers[1]
        );
        if let [_, _, highest, mean] = numbers[..] {
            let said = faces.said(&draw(seed, 416, 416)).expect("it runs");
            let own = said.iter().copied().fold(f32::MIN, f32::max);
            assert!((own - highest).abs() < 1e-3, "{seed}: {own}, {highest}");
            let own = said.iter().sum::<f32>() / said.len() as f32;
            assert!((own - mean).abs() < 1e-3, "{seed}: {own}, {mean}");
        }
    }
    // Drawings are nobody.
    let seen = look_with(&eyes, &file(&draw(3, 300, 200), ImageFormat::Png)).expect("readable");
    assert_eq!(seen.apparent_age, None);
}

#[test]
fn words_are_read_as_the_package_reads_them() {
    let Some(eyes) = eyes(Eye::Text) else { return };
    let letters = |text: &str| text.split_whitespace().collect::<String>();
    let reference = fs::read_to_string(data("words.txt")).expect("readable");
    for line in reference.lines() {
        let (name, expected) = line.split_once('\t').unwrap_or((line, ""));
        let picture = fs::read(data(&format!("words/{name}.png"))).expect("readable");
        let seen = look_with(&eyes, &picture).expect("readable");
        assert_eq!(letters(&seen.words.concat()), letters(expected), "{name}");
        // Its package loses the spaces of small print.
        if name == "small" {
            assert!(
                seen.words[0].starts_with("a recipe with turnip and leek"),
                "{seen:?}"
            );
        }
    }
    // Words of a frame among others are read, and the same words once.
    let page = |name: &str| {
        let page = fs::read(data(&format!("words/{name}.png"))).expect("readable");
        image::load_from_memory(&page)
            .expect("a picture")
            .into_rgba8()
    };
    let shown = animation([page("han"), page("none"), page("han")]);
    let seen = look_with(&eyes, &shown).expect("readable");
    assert_eq!(seen.words, ["萝卜汤好喝"]);
    assert!(seen.texts().any(|text| text == "萝卜汤好喝"));
}
