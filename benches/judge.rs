//! What judging costs beside scanning: nothing on a clean prompt, and never more than the hits ask.
//!
//! `cargo bench --bench judge`

use std::sync::Arc;

use divan::Bencher;
use divan::counter::BytesCount;
use wardgate::detect::Hit;
use wardgate::message::{Audience, AudienceSource, Band, Direction, Media, Output, Part, Role};
use wardgate::policy::{self, Horizon, Judge, PolicySet, Scene};

fn main() {
    divan::main();
}

const SCENE: Scene = Scene {
    direction: Direction::Prompt,
    output: Output::Text,
    audience: Audience {
        band: Band::Unknown,
        source: AudienceSource::App,
    },
};

fn set() -> Arc<PolicySet> {
    let set = policy::compile(&policy::shipped(), &[]);
    Arc::new(set.unwrap_or_else(|problems| panic!("{problems}")))
}

/// A prompt of about 2 KB that asks for nothing bad, as chat prompts are.
fn clean() -> String {
    "Explain how a sailing boat can move against the wind, with a small example and one formula. "
        .repeat(22)
}

/// Every phrase of the pack, shuffled with a fixed step and repeated: nothing but evidence.
fn hostile(bytes: usize) -> String {
    let sources = policy::shipped();
    let words: Vec<&str> = sources
        .iter()
        .filter(|source| !source.path.ends_with(".cases.yaml"))
        .flat_map(|source| source.text.lines())
        .filter_map(|line| line.trim().strip_prefix("- "))
        .filter(|word| word.len() < 60 && !word.contains(['{', ':']))
        .collect();
    let mut text = String::new();
    // A prime step visits every word in an order unlike the files'.
    for at in (0..).map(|turn: usize| turn * 7919 % words.len()) {
        if text.len() > bytes {
            break;
        }
        text.push_str(words[at]);
        text.push(' ');
    }
    text
}

fn parts(text: String) -> [Part; 1] {
    let at = "/messages/0/content".to_owned();
    [Part {
        role: Role::User,
        media: Media::Text,
        turn: 0,
        text,
        at,
        raw: 0..0,
    }]
}

#[divan::bench]
fn clean_2_kb(bencher: Bencher<'_, '_>) {
    let set = set();
    let parts = parts(clean());
    let hits: [Arc<[Hit]>; 1] = [set.detectors.scan_words(&parts[0].text).into()];
    println!("{} hits", hits[0].len());
    bencher
        .counter(BytesCount::of_str(&parts[0].text))
        .bench_local(|| policy::judge_prompt(&set, &set.everything, SCENE, &parts, &hits));
}

#[divan::bench]
fn hostile_2_kb(bencher: Bencher<'_, '_>) {
    let set = set();
    let parts = parts(hostile(2048));
    let hits: [Arc<[Hit]>; 1] = [set.detectors.scan_words(&parts[0].text).into()];
    bencher
        .counter(BytesCount::of_str(&parts[0].text))
        .bench_local(|| policy::judge_prompt(&set, &set.everything, SCENE, &parts, &hits));
}

#[divan::bench(sample_count = 10)]
fn hostile_100_kb(bencher: Bencher<'_, '_>) {
    let set = set();
    let parts = parts(hostile(100 * 1024));
    let hits: [Arc<[Hit]>; 1] = [set.detectors.scan_words(&parts[0].text).into()];
    println!("{} hits", hits[0].len());
    bencher
        .counter(BytesCount::of_str(&parts[0].text))
        .bench_local(|| policy::judge_prompt(&set, &set.everything, SCENE, &parts, &hits));
}

#[divan::bench(sample_count = 10)]
fn hostile_100_kb_stream(bencher: Bencher<'_, '_>) {
    let set = set();
    let hits = set.detectors.scan_words(&hostile(100 * 1024));
    let scene = Scene {
        direction: Direction::Output,
        ..SCENE
    };
    bencher.bench_local(|| {
        let (own, everything) = (Arc::clone(&set), Arc::clone(&set.everything));
        let mut judge = Judge::new(
            own,
            everything,
            scene,
            Role::Assistant,
            Horizon::Stream,
            &[],
        );
        let mut found = Vec::new();
        for hit in &hits {
            judge.hit(hit, &mut found);
        }
        judge.finish(&mut found);
        found
    });
}

#[divan::bench(sample_count = 5)]
fn compile_the_pack(bencher: Bencher<'_, '_>) {
    let sources = policy::shipped();
    bencher.bench_local(|| policy::compile(&sources, &[]).map(|set| set.hash));
}
