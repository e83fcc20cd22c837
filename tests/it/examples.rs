//! Every example config loads, compiles with the shipped pack and says on top how to try it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wardgate::app;
use wardgate::config::Config;
use wardgate::policy::report::Outcome;
use wardgate::policy::{self, cases};

/// One config per use, as the README promises.
const USES: usize = 8;

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let entries = fs::read_dir(folder).expect("there are examples");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("the folder is readable").path())
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .collect();
    files.sort();
    files
}

/// The files below `tls/` that an example names. Loading a config looks whether they are there.
fn certificates(text: &str, folder: &Path) {
    fs::create_dir(folder.join("tls")).expect("the folder is writable");
    for word in text
        .split_whitespace()
        .filter(|word| word.starts_with("tls/"))
    {
        let path = folder.join(word.trim_end_matches([',', '}']));
        fs::write(path, "canary").expect("the folder is writable");
    }
}

/// The policy folders of the examples that a config names, beside it.
fn policies(text: &str, folder: &Path) {
    let named = text
        .lines()
        .filter_map(|line| line.strip_prefix("policy_folders: ["));
    for name in named.filter_map(|rest| rest.split(']').next()) {
        let to = folder.join(name);
        fs::create_dir(&to).expect("the folder is writable");
        let from = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("examples")
            .join(name);
        for file in fs::read_dir(from).expect("an example's folder stands beside it") {
            let file = file.expect("readable");
            fs::copy(file.path(), to.join(file.file_name())).expect("the folder is writable");
        }
    }
}

#[test]
fn every_example_loads_and_compiles() {
    let files = examples();
    assert!(files.len() >= USES, "{} examples", files.len());
    for file in files {
        let name = file.display();
        let text = fs::read_to_string(&file).expect("the example is readable");
        let folder = tempfile::tempdir().expect("a temporary folder");
        certificates(&text, folder.path());
        policies(&text, folder.path());
        // Keys come from the environment, which a test has none of.
        let environment = |_: &str| Some("sk-canary".to_owned());
        let config = Config::parse_in(&text, "example.yaml", folder.path(), &environment);
        let config = config.unwrap_or_else(|errors| panic!("{name}:\n{errors}"));
        let set = app::policies(&config, None);
        let set = set.unwrap_or_else(|problems| panic!("{name}:\n{problems}"));
        assert_eq!(set.selections.len(), config.apps.len(), "{name}");
    }
}

#[test]
fn every_example_says_how_to_try_it() {
    for file in examples() {
        let text = fs::read_to_string(&file).expect("the example is readable");
        let top: Vec<_> = text
            .lines()
            .take_while(|line| line.starts_with('#'))
            .collect();
        let top = top.join("\n");
        let name = file.display();
        assert!(
            top.contains("wardgate serve --config examples/"),
            "{name}: no command on top"
        );
        assert!(top.contains("curl "), "{name}: no curl line on top");
    }
}

/// Nobody runs them beside the shipped cases, so they could grow stale.
#[test]
fn the_cases_of_the_club_hold_beside_the_shipped_pack() {
    let club = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/club");
    let own = policy::read_folders(&[club]).expect("a folder");
    let sources = [policy::shipped(), own].concat();
    let set = policy::compile(&sources, &[]).unwrap_or_else(|all| panic!("{all}"));
    let rows = cases::run(&Arc::new(set)).results;
    let club: Vec<_> = rows
        .iter()
        .filter(|row| row.file.starts_with("club."))
        .collect();
    assert_eq!(club.len(), 9);
    for row in club {
        assert_eq!(row.outcome, Outcome::Pass, "{}", row.name);
    }
}

/// The example of each dialect, and how a client that people use is pointed at it.
#[test]
fn every_dialect_has_an_example_with_its_client() {
    for (name, client) in [
        ("openai", "OpenAI("),
        ("responses", "OpenAI("),
        ("realtime", "OpenAI("),
        ("images", "OpenAI("),
        ("audio", "OpenAI("),
        ("guard", "OpenAI("),
        ("anthropic", "Anthropic("),
        ("gemini", "genai.Client("),
        ("ollama", "Client("),
        ("dashscope", "dashscope.base_http_api_url"),
        ("webui", "WebUIApi("),
        ("comfyui", "urllib.request.urlopen("),
    ] {
        let mut all = examples().into_iter();
        let file = all.find(|file| file.file_stem().is_some_and(|stem| stem == name));
        let file = file.unwrap_or_else(|| panic!("no example of {name}"));
        let text = fs::read_to_string(&file).expect("the example is readable");
        assert!(text.contains(client), "{name}: no {client}");
    }
}
