//! What each client is tried with, as a table in `tests/clients/README.md`: made from the scenarios, so
//! that it says what is there, and every gap its reason. `UPDATE=1` rewrites it.

use std::fmt::Write as _;
use std::fs;

use super::frameworks::{AI_SDK, AI_SDK_RESPONSES, LANGCHAIN, LITELLM};
use super::{
    ANTHROPIC_NODE, ANTHROPIC_PYTHON, Case, Client, DASHSCOPE_PYTHON, GEMINI_PYTHON, OLLAMA_PYTHON,
    OPENAI_NODE, OPENAI_PYTHON, REALTIME_NODE, REALTIME_PYTHON, RESPONSES_NODE, RESPONSES_PYTHON,
    root,
};

const CLIENTS: &[(&str, &Client)] = &[
    ("openai (Python), chat", &OPENAI_PYTHON),
    ("openai (Node), chat", &OPENAI_NODE),
    ("openai (Python), responses", &RESPONSES_PYTHON),
    ("openai (Node), responses", &RESPONSES_NODE),
    ("openai (Python), realtime", &REALTIME_PYTHON),
    ("openai (Node), realtime", &REALTIME_NODE),
    ("anthropic (Python)", &ANTHROPIC_PYTHON),
    ("anthropic (Node)", &ANTHROPIC_NODE),
    ("google-genai (Python)", &GEMINI_PYTHON),
    ("ollama (Python)", &OLLAMA_PYTHON),
    ("dashscope (Python)", &DASHSCOPE_PYTHON),
    ("langchain-openai", &LANGCHAIN),
    ("litellm as a client", &LITELLM),
    ("Vercel AI SDK, chat", &AI_SDK),
    ("Vercel AI SDK, responses", &AI_SDK_RESPONSES),
];

/// How an answer is asked for.
const WAYS: &[(&str, &[&str])] = &[
    ("unary", &["chat"]),
    ("stream", &["stream"]),
    ("tools", &["tools", "tools_stream"]),
    ("image sent", &["seen"]),
    ("image made", &["image", "image_stream", "drawn"]),
];

/// What comes of it, and what the names of its scenarios hold.
const OUTCOMES: &[(&str, &[&str])] = &[
    ("allowed", &["allowed", "tool call"]),
    ("blocked", &["blocked", "refused"]),
    ("redacted", &["redacted"]),
    ("supported", &["supported"]),
    ("error", &["overloaded", "fails"]),
];

/// Why something is missing: by the beginning of a client's name, and the way.
const GAPS: &[(&str, &str, &str)] = &[
    (
        "openai (Python), responses",
        "image made",
        "the tool that draws is refused, as every tool is whose work happens out of sight; the first row's API draws",
    ),
    ("openai (Node), responses", "image made", "likewise"),
    (
        "openai (Python), realtime",
        "image made",
        "the API draws none",
    ),
    (
        "openai (Node), realtime",
        "image made",
        "the API draws none",
    ),
    ("anthropic", "image made", "the API draws none"),
    ("ollama", "image made", "the API draws none"),
    (
        "langchain-openai",
        "image made",
        "it has no class for the API that draws",
    ),
];

/// The outcomes of a way that a client's scenarios show.
fn shown(client: &Client, kinds: &[&str]) -> Vec<&'static str> {
    let tried = |outcome: &[&str]| {
        client.cases().any(|case: &Case| {
            let is_plain = outcome.contains(&case.name) || case.name == "streamed tool call";
            let named = outcome
                .iter()
                .any(|word| *word != "tool call" && case.name.contains(word));
            kinds.contains(&case.kind) && (named || (is_plain && outcome.contains(&"allowed")))
        })
    };
    let outcomes = OUTCOMES.iter().filter(|(_, words)| tried(words));
    outcomes.map(|(name, _)| *name).collect()
}

#[test]
fn the_table_says_what_is_tried_and_why_not() {
    let mut table = String::from("| client |");
    for (way, _) in WAYS {
        write!(table, " {way} |").expect("written");
    }
    table.push_str("\n|---|---|---|---|---|---|\n");
    let (mut gaps, mut used) = (String::new(), Vec::new());
    for (name, client) in CLIENTS {
        write!(table, "| {name} |").expect("written");
        for (way, kinds) in WAYS {
            let shown = shown(client, kinds);
            let cell = match shown.len() {
                0 => "-".to_owned(),
                all if all == OUTCOMES.len() => "all five".to_owned(),
                _ => shown.join(", "),
            };
            write!(table, " {cell} |").expect("written");
            if shown.len() < OUTCOMES.len() {
                let gap = GAPS
                    .iter()
                    .find(|(who, which, _)| name.starts_with(who) && which == way);
                let (who, which, why) = gap.unwrap_or_else(|| {
                    panic!("{name}, {way}: only {shown:?}, and nobody says why")
                });
                if !used.contains(&(who, which)) {
                    used.push((who, which));
                    writeln!(gaps, "- {name}, {way}: {why}.").expect("written");
                }
            }
        }
        table.push('\n');
    }
    assert_eq!(used.len(), GAPS.len(), "a gap was filled: {used:?}");
    let text = format!(
        "# What the clients are tried with\n\nMade by `tests/it/clients/matrix.rs` from the scenarios in \
         `tests/it/clients/`; the five are\nallowed, blocked, redacted, supported and an upstream's error.\n\n{table}\n{gaps}"
    );
    let file = root().join("tests/clients/README.md");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, &text).expect("written");
    }
    let told = fs::read_to_string(&file).expect("tests/clients/README.md; run with UPDATE=1");
    assert_eq!(told, text, "look, then UPDATE=1");
}
