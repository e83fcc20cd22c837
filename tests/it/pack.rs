//! What the shipped pack must let through: honest texts, and the notice that names every harm.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wardgate::message::{Audience, AudienceSource, Band, Direction, Media, Output, Part, Role};
use wardgate::policy::{
    Action, AppPolicies, Horizon, Paint, PolicySet, Scene, compile, judge_prompt, judge_text,
    shipped,
};

/// What people write before a text that they want summarised, translated or explained.
const ASKED: [&str; 9] = [
    "",
    "Summarise this: ",
    "Translate this: ",
    "What does this mean? ",
    "How do I protect my child from this? ",
    "请总结:",
    "请翻译成英文:",
    "请问这句话是什么意思:",
    "怎么保护我的孩子不受这些伤害?",
];

fn pack() -> Arc<PolicySet> {
    let app = AppPolicies {
        app: "strict".to_owned(),
        level: 3,
        ..AppPolicies::default()
    };
    match compile(&shipped(), &[app]) {
        Ok(set) => Arc::new(set),
        Err(diagnostics) => panic!("{}", diagnostics.render(Paint::Plain)),
    }
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What stops or changes the text, by the strictest app: empty if nothing does.
fn stopped(set: &Arc<PolicySet>, scene: Scene, text: &str) -> Vec<String> {
    let selection = &set.selections[0];
    let verdict = match scene.direction {
        Direction::Prompt => {
            let part = Part {
                role: Role::User,
                media: Media::Text,
                turn: 0,
                text: text.to_owned(),
                at: String::new(),
                raw: 0..0,
            };
            let hits = [set.scan(selection, scene.direction, text)];
            judge_prompt(set, selection, scene, &[part], &hits)
        }
        Direction::Output => judge_text(
            set,
            selection,
            scene,
            Role::Assistant,
            Horizon::Stream,
            text,
        ),
    };
    let acting = |action: Action| action > Action::Flag;
    let found = verdict.detections.iter();
    found
        .filter(|one| acting(one.action))
        .map(|one| set.rule(one.rule).id.to_string())
        .collect()
}

fn scene(direction: Direction, output: Output, band: Band) -> Scene {
    let source = AudienceSource::App;
    Scene {
        direction,
        output,
        audience: Audience { band, source },
    }
}

#[test]
fn honest_texts_pass_for_minors_at_the_strictest_level() {
    let set = pack();
    let mut wrong = Vec::new();
    let mut read = 0;
    let files = std::fs::read_dir(root("policies/benign")).expect("the honest texts are there");
    for file in files {
        let path = file.expect("readable").path();
        let name = path
            .file_name()
            .expect("a file")
            .to_string_lossy()
            .into_owned();
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            read += 1;
            let mut scenes = vec![
                scene(Direction::Prompt, Output::Text, Band::Unknown),
                scene(Direction::Output, Output::Text, Band::Unknown),
            ];
            if name.starts_with("ql7") {
                scenes.push(scene(Direction::Prompt, Output::Image, Band::Unknown));
                scenes.push(scene(Direction::Prompt, Output::ImageEdit, Band::Unknown));
            }
            for scene in scenes {
                let rules = stopped(&set, scene, line);
                if !rules.is_empty() {
                    wrong.push(format!("{name}: {line}: {rules:?}"));
                }
            }
        }
    }
    assert!(read >= 400, "only {read} honest texts were read");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_notice_passes_for_adults_as_a_whole_and_sentence_by_sentence() {
    let set = pack();
    let notice = std::fs::read_to_string(root("tests/data/notice.txt")).expect("the notice");
    let sentences = notice
        .split(['。', ';', ';', '\n'])
        .filter(|one| !one.trim().is_empty());
    let mut wrong = Vec::new();
    for text in sentences.chain([notice.as_str()]) {
        for asked in ASKED {
            for direction in [Direction::Prompt, Direction::Output] {
                let rules = stopped(
                    &set,
                    scene(direction, Output::Text, Band::Adult),
                    &format!("{asked}{text}"),
                );
                if !rules.is_empty() {
                    wrong.push(format!("{asked}{text}: {rules:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
