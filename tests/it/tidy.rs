//! What holds for the repository as a whole: layers, module docs, file sizes, licences, clean paths.
//! Each rule says in its message what to do instead.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use wardgate::cli::Cli;

/// Longest file, in lines. The codebases that read well stay far below (STYLE).
const MAX_LINES: usize = 600;

/// Files that may be longer, each with its reason.
const LONGER: &[(&str, &str)] = &[
    (
        "tests/it/codecs.rs",
        "one property per promise of each dialect",
    ),
    (
        "tests/it/upstream.rs",
        "one case per way an upstream can speak or fail",
    ),
];

/// The inner layers: what each module may use. DESIGN section 1.
const INNER: &[(&str, &[&str])] = &[
    ("wide", &[]),
    ("text", &["wide"]),
    ("cloak", &["text"]),
    ("message", &["text"]),
    ("sense", &["text", "wide"]),
    ("network", &[]),
    ("turns", &[]),
    ("picture", &["network"]),
    ("detect", &["text", "message", "sense", "picture"]),
    (
        "policy",
        &["text", "message", "sense", "picture", "detect", "cloak"],
    ),
    ("codec", &["text", "message", "picture"]),
    ("gallery", &["codec", "picture"]),
    ("limits", &["codec"]),
    (
        "config",
        &["codec", "limits", "message", "picture", "policy"],
    ),
    ("hosts", &["config", "limits"]),
    (
        "guard",
        &[
            "text", "message", "detect", "policy", "codec", "limits", "config", "body", "metrics",
            "picture", "gallery", "hosts", "turns",
        ],
    ),
];

/// The outer layers, lowest first; a module may use its own floor and everything below.
const FLOORS: &[&[&str]] = &[
    // Serves anything, and what one exchange needs.
    &[
        "admin",
        "audit",
        "body",
        "cache",
        "caller_io",
        "classifier",
        "inflate",
        "metrics",
        "mock",
        "models",
        "reload",
        "remote",
        "reply",
        "server",
        "socket",
        "tls",
        "upstream",
    ],
    // One exchange, and what exchanges share.
    &[
        "app",
        "awaited",
        "earlier",
        "exchange",
        "eyes",
        "opinion",
        "prompt",
        "recorded",
        "remembered",
        "session",
        "sight",
        "verdict",
    ],
    &["proxy", "realtime"],
    &["cli"],
];

/// Crates that do IO or speak HTTP: no business of these modules.
const PURE: &[&str] = &[
    "text", "message", "sense", "picture", "detect", "policy", "cloak",
];
const IMPURE_CRATES: &[&str] = &["hyper", "hyper_util", "http", "tokio", "rustls"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the repository, relative, without what builds and tools leave behind.
fn files() -> Vec<PathBuf> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        let skipped = ["target", ".git", ".clients", "node_modules", "__pycache__"];
        for entry in fs::read_dir(folder).expect("the repository is readable") {
            let path = entry.expect("the repository is readable").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if skipped.contains(&&*name) {
                continue;
            }
            if path.is_dir() {
                walk(&path, files);
            } else {
                files.push(
                    path.strip_prefix(root())
                        .expect("below the root")
                        .to_owned(),
                );
            }
        }
    }
    let mut files = Vec::new();
    walk(root(), &mut files);
    files.sort();
    files
}

fn read(file: &Path) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_default()
}

/// Rust files below `src` with their text.
fn sources() -> Vec<(PathBuf, String)> {
    let files = files().into_iter();
    let sources: Vec<_> = files
        .filter(|file| file.starts_with("src") && file.extension().is_some_and(|end| end == "rs"))
        .map(|file| (file.clone(), read(&file)))
        .collect();
    assert!(sources.len() > 10, "the sources were not found");
    sources
}

/// The part of a source file that ships: without its tests and without comments.
fn shipped(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = code.lines();
    lines
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// "src/guard/window.rs" -> "guard".
fn module(file: &Path) -> String {
    let second = file.iter().nth(1).unwrap_or_default().to_string_lossy();
    second.trim_end_matches(".rs").to_owned()
}

/// The modules that a file names as `crate::NAME`, alone or in braces.
fn uses(code: &str) -> BTreeSet<String> {
    let word = |text: &str| {
        let end = text.find(|symbol: char| !symbol.is_alphanumeric() && symbol != '_');
        text[..end.unwrap_or(text.len())].to_owned()
    };
    let mut named = BTreeSet::new();
    for (at, path) in code.match_indices("crate::") {
        let rest = &code[at + path.len()..];
        match rest.strip_prefix('{') {
            None => named.extend([word(rest)]),
            Some(group) => named.extend(in_braces(group).iter().map(|one| word(one.trim()))),
        }
    }
    named.remove("");
    named
}

/// "a::{b, c}, d}; …" -> ["a::{b, c}", " d"].
fn in_braces(group: &str) -> Vec<&str> {
    let (mut depth, mut from, mut parts) = (0, 0, Vec::new());
    for (at, symbol) in group.char_indices() {
        match symbol {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' | ',' if depth == 0 => {
                parts.push(&group[from..at]);
                from = at + 1;
                if symbol == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    parts
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

fn may_use(module: &str, used: &str) -> bool {
    if module == used {
        return true;
    }
    match INNER.iter().find(|(name, _)| *name == module) {
        Some((_, allowed)) => allowed.contains(&used),
        None => match (floor(module), floor(used)) {
            (Some(own), Some(other)) => other <= own,
            _ => INNER.iter().any(|(name, _)| *name == used),
        },
    }
}

#[test]
fn layers_hold() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let module = module(&file);
        if module == "main" || module == "lib" {
            continue;
        }
        let known = floor(&module).is_some() || INNER.iter().any(|(name, _)| *name == module);
        assert!(
            known,
            "{module}: give it a place in the table of tests/it/tidy.rs"
        );
        for used in uses(&shipped(&text)) {
            if !may_use(&module, &used) {
                wrong.push(format!("{}: {module} must not use {used}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn uses_are_found() {
    let code =
        "use crate::app::App;\nuse crate::{codec::{a, b}, text};\nlet x = crate::reply::say();";
    let named: Vec<_> = uses(code).into_iter().collect();
    assert_eq!(named, ["app", "codec", "reply", "text"]);
    assert!(!may_use("detect", "policy") && !may_use("guard", "proxy"));
    assert!(!may_use("server", "proxy") && may_use("proxy", "server"));
}

#[test]
fn detecting_and_deciding_know_no_network() {
    for (file, text) in sources() {
        if !PURE.contains(&&*module(&file)) {
            continue;
        }
        for name in IMPURE_CRATES {
            let path = format!("{name}::");
            let code = shipped(&text);
            let found = code.match_indices(&path).any(|(at, _)| {
                !code[..at].ends_with(|before: char| {
                    before.is_alphanumeric() || before == '_' || before == ':'
                })
            });
            assert!(!found, "{}: no {name} here", file.display());
        }
    }
}

#[test]
fn every_module_says_what_it_is() {
    for (file, text) in sources() {
        assert!(
            text.starts_with("//! "),
            "{}: begin with a `//!` line",
            file.display()
        );
    }
}

#[test]
fn nothing_shipped_unwraps() {
    for (file, text) in sources() {
        for call in [".unwrap()", "todo!(", "unimplemented!("] {
            let found = shipped(&text).contains(call);
            assert!(
                !found,
                "{}: {call}: say why it cannot fail, or handle it",
                file.display()
            );
        }
    }
}

#[test]
fn files_are_short() {
    for file in files() {
        if file.extension().is_none_or(|end| end != "rs") {
            continue;
        }
        let excused = LONGER.iter().any(|(name, _)| file == Path::new(name));
        let lines = read(&file).lines().count();
        let name = file.display();
        assert!(
            excused || lines <= MAX_LINES,
            "{name}: {lines} lines; split it by noun"
        );
        assert!(
            !excused || lines > MAX_LINES,
            "{name}: short again; take it off LONGER"
        );
    }
}

#[test]
fn the_changelog_has_room_for_the_next_line() {
    assert!(read(Path::new("CHANGELOG.md")).contains("## Unreleased"));
}

/// Command lines in the README's code blocks, without the output that follows them.
fn readme_commands() -> Vec<String> {
    let readme = read(Path::new("README.md"));
    let blocks = readme.split("```").skip(1).step_by(2);
    let lines = blocks.flat_map(str::lines);
    lines
        .filter_map(|line| line.strip_prefix("$ "))
        .filter(|line| line.starts_with("wardgate ") || line.starts_with("cargo run "))
        .map(|line| match line.split_once(" -- ") {
            Some((cargo, rest)) if cargo.starts_with("cargo run") => format!("wardgate {rest}"),
            _ => line.to_owned(),
        })
        .collect()
}

/// The words of a simple shell command: quotes are taken off, pipes and redirections end it.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for symbol in command.chars() {
        let last = words.last_mut().expect("begun with one");
        match (quote, symbol) {
            (Some(open), _) if symbol == open => quote = None,
            (Some(_), _) => last.push(symbol),
            (None, '\'' | '"') => quote = Some(symbol),
            (None, '|' | '<' | '>' | '#' | '&') => break,
            (None, ' ') => words.push(String::new()),
            (None, _) => last.push(symbol),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn readme_commands_are_real() {
    let commands = readme_commands();
    assert!(
        commands.len() >= 8,
        "the README shows its commands: {commands:?}"
    );
    for command in commands {
        if let Err(error) = Cli::try_parse_from(words(&command)) {
            assert!(!error.use_stderr(), "README: `{command}`: {error}");
        }
    }
}

#[test]
fn no_file_names_a_machine() {
    // Written in two halves, so that this file does not find itself.
    let machines = [
        ["/ro", "ot/"],
        ["/ho", "me/"],
        ["/wo", "rk/"],
        ["index.", "crates.io"],
        ["registry.", "npmjs.org"],
        ["files.", "pythonhosted.org"],
        ["[regis", "tries"],
    ]
    .map(|halves| halves.concat());
    for file in files() {
        let text = read(&file);
        for machine in &machines {
            assert!(!text.contains(machine), "{}: {machine}", file.display());
        }
    }
}

/// Whether an SPDX expression can be met with the allowed licences. `/` is the old way to write OR.
fn permits(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    either(&mut words, allowed)
}

type Words<'w> = std::iter::Peekable<std::str::SplitWhitespace<'w>>;

fn either(words: &mut Words<'_>, allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut good = both(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        good |= both(words, allowed);
    }
    good
}

fn both(words: &mut Words<'_>, allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut good = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        good &= one(words, allowed);
    }
    good
}

fn one(words: &mut Words<'_>, allowed: &dyn Fn(&str) -> bool) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let good = either(words, allowed);
        words.next_if_eq(&")");
        return good;
    }
    let name = words.next().unwrap_or_default();
    match words.next_if_eq(&"WITH") {
        Some(_) => allowed(&format!("{name} WITH {}", words.next().unwrap_or_default())),
        None => allowed(name),
    }
}

#[test]
fn licence_expressions_are_read() {
    let allowed = |name: &str| ["MIT", "ISC"].contains(&name);
    assert!(permits("MIT/Apache-2.0", &allowed));
    assert!(permits("(MIT OR Apache-2.0) AND ISC", &allowed));
    assert!(!permits("MIT AND GPL-3.0", &allowed));
    assert!(!permits("Apache-2.0 WITH LLVM-exception", &allowed));
}

/// What cargo-deny would say about licences, for machines without it.
#[test]
fn licences_are_permissive() {
    let deny = read(Path::new("deny.toml"));
    let list = deny
        .split("allow = [")
        .nth(1)
        .and_then(|rest| rest.split("\n]").next());
    let list = list.expect("deny.toml has a list of licences");
    let listed: Vec<_> = list.split('"').skip(1).step_by(2).collect();
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .args(["--filter-platform", &host()])
        .current_dir(root())
        .output()
        .expect("cargo runs: it built this test");
    let metadata: serde_json::Value =
        serde_json::from_slice(&metadata.stdout).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("it lists packages");
    assert!(packages.len() > 50, "cargo metadata lists everything");
    for package in packages {
        let (name, licence) = (&package["name"], package["license"].as_str());
        let good = licence.is_some_and(|licence| permits(licence, &|one| listed.contains(&one)));
        assert!(good, "{name}: {licence:?} is not in deny.toml");
    }
}

/// This machine's target triple, as rustc says it.
fn host() -> String {
    let rustc = Command::new("rustc")
        .arg("-vV")
        .output()
        .expect("rustc runs");
    let said = String::from_utf8_lossy(&rustc.stdout);
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc -vV names its host").to_owned()
}

/// Every file that we ship is YAML to other readers, too: an unquoted text in a list or a map in one line
/// does not end in a question mark, which many take for the start of a key.
#[test]
fn yaml_is_yaml_to_other_readers() {
    let mut wrong = Vec::new();
    let shipped = |file: &&PathBuf| {
        let ours = file.starts_with("policies") || file.starts_with("examples");
        ours && file.extension().is_some_and(|end| end == "yaml")
    };
    let files = files();
    let files: Vec<_> = files.iter().filter(shipped).collect();
    assert!(files.len() > 30, "the files were not found");
    for file in files {
        let text = read(file);
        for (number, line) in (1..).zip(text.lines()) {
            let plain: String = line.split('"').step_by(2).collect::<Vec<_>>().join("\"\"");
            let mut marks = plain.split('?').skip(1);
            let ends = |rest: &str| rest.trim_start().starts_with([',', ']', '}']);
            // A comment, or a pattern that is one text in single quotes.
            let other = ["#", "- '"]
                .iter()
                .any(|sign| plain.trim_start().starts_with(sign));
            if !other && marks.any(ends) {
                wrong.push(format!("{}:{number}", file.display()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "quote what ends in `?`:\n{}",
        wrong.join("\n")
    );
}
