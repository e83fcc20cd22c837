//! Classifiers in files that policies ask about prompts: a tiny one is made here.

use std::collections::BTreeMap;

use serde_json::json;
use wardgate::app::Live;
use wardgate::config;

use crate::asked::{Endpoint, gateway, sources};
use crate::gateway::Stream;

/// Bytes of a protobuf field.
fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    assert!(bytes.len() < 128);
    [&[tag, bytes.len() as u8], bytes].concat()
}

/// A classifier of two labels: of each piece two numbers, and of a text the highest of them.
fn network() -> Vec<u8> {
    // Rows: padding, unknown, "turnip", "pear"; columns: "fine", "trick".
    let rows: [[f32; 2]; 4] = [[-9.0, -9.0], [2.0, 0.0], [0.0, 6.0], [3.0, 0.0]];
    let floats: Vec<u8> = rows
        .iter()
        .flatten()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    let table = [
        &[0x08, 4, 0x08, 2, 0x10, 1][..],
        &field(0x42, b"t"),
        &field(0x4a, &floats),
    ]
    .concat();
    let gather = [
        field(0x0a, b"t"),
        field(0x0a, b"input_ids"),
        field(0x12, b"g"),
        field(0x22, b"Gather"),
    ];
    let axes = [field(0x0a, b"axes"), vec![0x40, 1, 0xa0, 0x01, 7]].concat();
    let keep = [field(0x0a, b"keepdims"), vec![0x18, 0, 0xa0, 0x01, 2]].concat();
    let highest = [
        field(0x0a, b"g"),
        field(0x12, b"logits"),
        field(0x22, b"ReduceMax"),
        field(0x2a, &axes),
        field(0x2a, &keep),
    ];
    let of_type = |element: u8, dimensions: [&[u8]; 2]| {
        let dimensions = dimensions
            .map(|name| field(0x0a, &field(0x12, name)))
            .concat();
        let tensor = [&[0x08, element][..], &field(0x12, &dimensions)].concat();
        field(0x12, &field(0x0a, &tensor))
    };
    let input = [field(0x0a, b"input_ids"), of_type(7, [b"n", b"l"])].concat();
    let output = [field(0x0a, b"logits"), of_type(1, [b"n", b"k"])].concat();
    let graph = [
        field(0x0a, &gather.concat()),
        field(0x0a, &highest.concat()),
        field(0x12, b"g"),
        field(0x2a, &table),
        field(0x5a, &input),
        field(0x62, &output),
    ];
    let (graph, opset) = (graph.concat(), field(0x42, &[0x10, 13]));
    let length = [graph.len() as u8 | 0x80, (graph.len() >> 7) as u8];
    [&[0x08, 8, 0x3a][..], &length, &graph, &opset].concat()
}

fn tokenizer() -> String {
    let vocabulary: BTreeMap<&str, u32> =
        [("[PAD]", 0), ("[UNK]", 1), ("turnip", 2), ("pear", 3)].into();
    json!({
        "version": "1.0", "padding": null, "added_tokens": [],
        "truncation": {"direction": "Right", "max_length": 16, "strategy": "LongestFirst", "stride": 0},
        "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    })
    .to_string()
}

/// The files of the classifier, and what a config says of them.
fn tiny() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("tiny.onnx"), network()).expect("written");
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer()).expect("written");
    let place = folder.path().display();
    let config = format!(
        "classifiers:\n  tiny:\n    file: {place}/tiny.onnx\n    tokenizer: {place}/tokenizer.json\n    \
         labels: [fine, trick]\n    max_tokens: 16\n    timeout_ms: 20000\n"
    );
    (folder, config)
}

#[tokio::test]
async fn a_classifier_in_a_file_is_asked_too() {
    let endpoint = Endpoint::start();
    let (_files, more) = tiny();
    // The canary's own rule about turnips is out of the way.
    let app = "    level: 3\n    overrides: {CAN-010: {action: flag}}\n    on_failure: block\n";
    let (gateway, _folder) = gateway(&endpoint, app, &more).await;
    let fine = gateway.chat("a pear, please", "soup", Stream::No).await;
    assert_eq!(fine.said(), ("soup".into(), "stop".into()));
    let refused = gateway
        .chat("What about a Turnip?", "soup", Stream::No)
        .await;
    assert_eq!(
        refused.said().0,
        "This looks like a trick.",
        "{:?}",
        refused.body
    );
    // Wherever it stands in a text of many windows, the last piece of the last too; a book is too much.
    for at in [0, 1, 200, 398, 399] {
        let mut words = ["pear"; 400];
        words[at] = "turnip";
        let refused = gateway.chat(&words.join(" "), "soup", Stream::No).await;
        assert_eq!(refused.said().0, "This looks like a trick.", "at {at}");
    }
    let fine = gateway.chat(&"pear ".repeat(400), "soup", Stream::No).await;
    assert_eq!(fine.said().0, "soup");
    let book = gateway
        .chat(&"pear ".repeat(2_000), "soup", Stream::No)
        .await;
    assert_eq!(book.error_code(), "too_much_text");
}

#[tokio::test]
async fn what_a_config_lacks_is_said_at_the_start() {
    let (files, more) = tiny();
    let load = |more: &str, level: u8| {
        let folder = tempfile::tempdir().expect("a folder");
        for source in sources() {
            std::fs::write(folder.path().join(source.path), source.text).expect("written");
        }
        let remote =
            "remotes: {guard: {kind: moderation, upstream: {url: \"http://127.0.0.1:9\"}}}\n";
        let yaml = format!(
            "policy_folders: [{}]\n{remote}{more}apps: [{{name: test, upstream: {{url: mock}}, policies: [asked], level: {level}, on_failure: block}}]\n",
            folder.path().display()
        );
        let config = config::Config::parse(&yaml, "test.yaml", folder.path()).expect("a config");
        Live::load(config, None).err().unwrap_or_default()
    };
    assert_eq!(load(&more, 3), "");
    assert_eq!(load("", 1), "", "no rule of the app asks the model");
    assert!(load("", 3).contains("model `tiny`"), "{}", load("", 3));
    let other = more.replace("trick]", "trap]");
    assert!(
        load(&other, 3).contains("no label `trick`"),
        "{}",
        load(&other, 3)
    );
    let three = more.replace("[fine, trick]", "[fine, trick, treat]");
    assert!(load(&three, 3).contains("3 numbers"), "{}", load(&three, 3));
    std::fs::write(files.path().join("tokenizer.json"), "{}").expect("written");
    assert!(
        load(&more, 3).contains("tokenizer.json"),
        "{}",
        load(&more, 3)
    );
    std::fs::write(files.path().join("tiny.onnx"), "turnip").expect("written");
    assert!(load(&more, 3).contains("tiny.onnx"), "{}", load(&more, 3));
}
