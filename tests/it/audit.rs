//! The audit line: what is in it is fixed by a golden line, what is not in it is text.

use wardgate::audit::{CacheState, Line, LineFault, Seen, Timings, verify};

fn line() -> Line {
    Line {
        time_unix_ms: 1_700_000_000_000,
        exchange: "x1".to_owned(),
        app: "homework".to_owned(),
        dialect: "openai.chat",
        peer: "203.0.113.0/24".to_owned(),
        audience: "12-13",
        audience_source: "header",
        audience_assurance: "declared",
        model: "model-a".to_owned(),
        status: 200,
        action: "block",
        mode: "enforce",
        detections: vec![Seen {
            rule: "QL1.1-010".to_owned(),
            action: "block",
            direction: "prompt",
            part: 2,
            span: [4, 10],
            view: "squeezed",
            hash: "0123456789abcdef".to_owned(),
        }],
        cache: CacheState::Miss,
        bytes_in: 120,
        bytes_out: 340,
        timings: Timings {
            judge_prompt_us: 60,
            upstream_first_byte_us: Some(1500),
            held_us: None,
            total_us: 2000,
        },
        fault: Some(LineFault {
            blame: "upstream",
            code: "upstream_reset",
        }),
        not_inspected: false,
        unseen: std::collections::BTreeSet::new(),
        pictures: Vec::new(),
    }
}

/// Operators parse these lines: a change here is a change for them.
#[test]
fn the_line_is_as_it_was() {
    let written = serde_json::to_string(&line()).expect("writes");
    let golden = concat!(
        r#"{"time_unix_ms":1700000000000,"exchange":"x1","app":"homework","dialect":"openai.chat","#,
        r#""peer":"203.0.113.0/24","audience":"12-13","audience_source":"header","#,
        r#""audience_assurance":"declared","model":"model-a","#,
        r#""status":200,"action":"block","mode":"enforce","detections":[{"rule":"QL1.1-010","#,
        r#""action":"block","direction":"prompt","part":2,"span":[4,10],"view":"squeezed","#,
        r#""hash":"0123456789abcdef"}],"cache":"miss","bytes_in":120,"bytes_out":340,"#,
        r#""timings":{"judge_prompt_us":60,"upstream_first_byte_us":1500,"total_us":2000},"#,
        r#""fault":{"blame":"upstream","code":"upstream_reset"},"not_inspected":false}"#,
    );
    assert_eq!(written, golden);
}

#[test]
fn a_file_that_is_no_chain_says_where() {
    assert_eq!(verify(&b""[..]), Ok(0));
    let broken = verify(&b"turnips\n"[..]).expect_err("no line");
    assert_eq!(broken.line, 1);
    let broken = verify(&b"{\"prev\":\"00\"}\n"[..]).expect_err("no first line");
    assert!(broken.to_string().starts_with("line 1: "), "{broken}");
}
