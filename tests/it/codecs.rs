//! The codecs: properties of the JSON walk, bad input, and what wardgate says in their dialects.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;
use wardgate::codec::json::Document;
use wardgate::codec::splice::{Splice, quote, splice};
use wardgate::codec::table::{Leaf, Side, Table};
use wardgate::codec::{
    AnswerKind, Ask, CODECS, Codec, Edit, Ending, Envelope, Fault, ReadError, ReadLimits, Refusal,
    RefusalStyle, for_path,
};

const LIMITS: ReadLimits = ReadLimits {
    depth: 64,
    parts: 1000,
};

const FORM: &str = "multipart/form-data; boundary=wg";

fn codec(path: &str) -> &'static dyn Codec {
    for_path(path).expect("a dialect")
}

fn chat() -> &'static dyn Codec {
    codec("/v1/chat/completions")
}

fn read(path: &str, body: &str) -> Result<Ask, ReadError> {
    codec(path).read(FORM, &Bytes::copy_from_slice(body.as_bytes()), &LIMITS)
}

// ---- properties -------------------------------------------------------------------------------

/// One character as some JSON writer may put it.
fn escaped_char() -> impl Strategy<Value = String> {
    let simple = prop_oneof![
        "\\\\\"", "\\\\\\\\", "\\\\/", "\\\\b", "\\\\f", "\\\\n", "\\\\r", "\\\\t"
    ];
    let unit = any::<char>().prop_map(|c| {
        let mut units = [0; 2];
        let escape = |unit: &u16| format!("\\u{unit:04x}");
        c.encode_utf16(&mut units).iter().map(escape).collect()
    });
    let upper = any::<char>().prop_filter("one unit", |c| u32::from(*c) < 0xd800);
    let upper = upper.prop_map(|c| format!("\\u{:04X}", u32::from(c)));
    let plain = any::<char>().prop_filter("needs no escape", |c| {
        u32::from(*c) >= 0x20 && !matches!(c, '"' | '\\')
    });
    prop_oneof![
        simple,
        unit,
        upper,
        plain.prop_map(String::from),
        "[a-z 你好]"
    ]
}

fn literal() -> impl Strategy<Value = String> {
    prop::collection::vec(escaped_char(), 0..12).prop_map(|chars| format!("\"{}\"", chars.concat()))
}

fn blank() -> impl Strategy<Value = String> {
    "[ \t\r\n]{0,2}".prop_map(String::from)
}

/// A document of any shape, in any writing.
fn document() -> impl Strategy<Value = String> {
    let number = prop_oneof!["-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,4})?([eE][-+]?[0-9]{1,2})?"];
    let word = prop_oneof![Just("true"), Just("false"), Just("null")].prop_map(String::from);
    let leaf = prop_oneof![4 => literal(), 1 => number, 1 => word];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let item = (blank(), inner, blank())
            .prop_map(|(a, value, b)| a + &value + &b)
            .boxed();
        let items = prop::collection::vec(item.clone(), 0..5);
        let members = prop::collection::vec((literal(), item), 0..5).prop_map(|members| {
            // A number in front keeps the keys apart.
            let members = members.iter().enumerate();
            let members = members.map(|(n, (key, value))| format!("\"{n}{}:{value}", &key[1..]));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        });
        prop_oneof![
            items.prop_map(|items| format!("[{}]", items.join(","))),
            members
        ]
    })
}

/// Every string that is no key, as serde_json reads them.
fn strings(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(text) => out.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| strings(item, out)),
        Value::Object(members) => members.values().for_each(|member| strings(member, out)),
        _ => {}
    }
}

/// Every string of a document, values and keys, with its bytes; a table that names nothing.
fn leaves(text: &str) -> Vec<(bool, String, std::ops::Range<usize>)> {
    let document = Document::parse(text.as_bytes(), &LIMITS).expect("reads");
    let mut out = Vec::new();
    Table::new(&[], Side::Request)
        .walk(&document, &mut |leaf: &Leaf<'_, '_>| {
            let is_key = leaf.place == wardgate::codec::table::Place::Key;
            out.push((is_key, leaf.text.to_string(), leaf.raw.clone()));
            Ok(())
        })
        .expect("nothing is refused");
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// The walk sees what serde_json sees, and edits that say the same change no meaning.
    #[test]
    fn texts_are_what_serde_json_reads(text in document()) {
        let value: Value = serde_json::from_str(&text).expect("a document");
        let mut expect = Vec::new();
        strings(&value, &mut expect);
        expect.retain(|text| !text.is_empty());
        let found = leaves(&text);
        let mut texts: Vec<_> = found.iter().filter(|leaf| !leaf.0).map(|leaf| leaf.1.clone()).collect();
        texts.sort();
        expect.sort();
        prop_assert_eq!(texts, expect);
        for (_, read, raw) in &found {
            let again: String = serde_json::from_str(&text[raw.clone()]).expect("a literal");
            prop_assert_eq!(read, &again);
        }
        let same = found.iter().map(|(_, text, raw)| Splice { at: raw.clone(), bytes: quote(text) });
        let written = splice(text.as_bytes(), same.collect()).expect("splices");
        let again: Value = serde_json::from_slice(&written).expect("a document");
        prop_assert_eq!(again, value);
    }

    /// Bytes outside of edited literals stay as they came.
    #[test]
    fn untouched_bytes_are_identical(text in document(), new in any::<String>(), pick in any::<u64>()) {
        let found = leaves(&text);
        let chosen: Vec<_> = found
            .iter()
            .enumerate()
            .filter(|(number, _)| (pick >> (number % 64)) & 1 == 1)
            .map(|(_, (_, _, raw))| raw.clone())
            .collect();
        let splices = chosen.iter().map(|raw| Splice { at: raw.clone(), bytes: quote(&new) });
        let written = splice(text.as_bytes(), splices.collect()).expect("splices");
        let mut rest = &written[..];
        let mut from = 0;
        for raw in chosen {
            let before = &text.as_bytes()[from..raw.start];
            prop_assert!(rest.starts_with(before));
            let edited = serde_json::from_slice::<String>(&rest[before.len()..][..quote(&new).len()]);
            prop_assert_eq!(edited.ok(), Some(new.clone()));
            rest = &rest[before.len() + quote(&new).len()..];
            from = raw.end;
        }
        prop_assert_eq!(rest, &text.as_bytes()[from..]);
    }

    /// Any bytes: an answer or an error, never a panic, and no error repeats the text.
    #[test]
    fn any_bytes_are_read_or_refused(
        start in prop_oneof![Just(""), Just("{\"messages\":["), Just("{\"prompt\":"), Just("--wg\r\n")],
        middle in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let body = Bytes::from([start.as_bytes(), &middle].concat());
        for codec in CODECS {
            if let Err(error) = codec.read(FORM, &body, &LIMITS) {
                prop_assert!(!error.code.is_empty());
            }
            let data = String::from_utf8_lossy(&body);
            prop_assert!(codec.read_event(&data, &mut Envelope::default(), &LIMITS).is_err());
            prop_assert!(codec.read_answer(&body, &LIMITS).is_err());
        }
    }
}

// ---- bad input --------------------------------------------------------------------------------

/// `body` is refused with `code`; the message tells `place` and repeats nothing of the body.
#[track_caller]
fn refused(path: &str, body: &str, code: &str, place: &str) {
    let error = read(path, body).expect_err("refused");
    assert_eq!(error.code, code, "{}", error.message);
    assert!(error.message.contains(place), "{}", error.message);
    assert!(!error.message.contains("beetroot"), "{}", error.message);
}

const CHAT: &str = "/v1/chat/completions";

fn message(member: &str) -> String {
    format!("{{\"model\":\"m\",\"messages\":[{{\"role\":\"user\",{member}}}]}}")
}

fn with(member: &str) -> String {
    format!("{{\"model\":\"m\",{member},\"messages\":[{{\"role\":\"user\",\"content\":\"a\"}}]}}")
}

#[test]
fn json_that_is_broken() {
    refused(CHAT, "", "invalid_json", "line 1 column 0");
    refused(
        CHAT,
        "{\"model\": \"beetroot\",\n \"messages\": [{",
        "invalid_json",
        "line 2",
    );
    refused(CHAT, "{\"beetroot\" 1}", "invalid_json", "line 1 column 13");
    refused(CHAT, "{} beetroot", "invalid_json", "line 1 column 4");
    refused(CHAT, "{\"n\":01}", "invalid_json", "line 1 column 7");
    refused(CHAT, "\u{feff}{}", "invalid_json", "line 1");
    refused(CHAT, "[]", "wrong_type", "the body");
    let body = Bytes::from_static(b"{\"model\":\"\xff\"}");
    let error = chat().read("", &body, &LIMITS).expect_err("refused");
    assert_eq!(error.code, "invalid_utf8");
    assert!(
        error.message.contains("line 1 column 11"),
        "{}",
        error.message
    );
}

#[test]
fn surrogates_that_stand_alone() {
    for escape in ["\\ud83e", "\\udd55", "\\ud83ea", "\\ud83e\\ud83e"] {
        let body = message(&format!("\"content\":\"beetroot {escape}\""));
        refused(CHAT, &body, "invalid_json", "line 1 column 51");
        refused(
            CHAT,
            &with(&format!("\"{escape}\":1")),
            "invalid_json",
            "line 1 column 14",
        );
    }
}

#[test]
fn nesting_without_end() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = |levels: usize| open.repeat(levels) + "1" + &close.repeat(levels);
        for place in ["metadata", "usage", "logit_bias", "tools"] {
            refused(
                CHAT,
                &with(&format!("\"{place}\":{}", deep(10_000))),
                "too_deep",
                "64 levels",
            );
        }
        read(CHAT, &with(&format!("\"metadata\":{}", deep(63)))).expect("63 and the body itself");
        refused(
            CHAT,
            &with(&format!("\"metadata\":{}", deep(64))),
            "too_deep",
            "line 1",
        );
        let answer = format!("{{\"choices\":[],\"usage\":{}}}", deep(10_000));
        let error = chat()
            .read_answer(answer.as_bytes(), &LIMITS)
            .expect_err("refused");
        assert_eq!(error.code, "too_deep");
        let error = chat().read_event(&answer, &mut Envelope::default(), &LIMITS);
        assert_eq!(error.expect_err("refused").code, "too_deep");
    }
    refused(CHAT, &"[".repeat(10_000), "invalid_json", "ends too early");
}

#[test]
fn keys_that_stand_twice() {
    let twice = "\"content\":\"carrot\",\"content\":\"beetroot\"";
    refused(CHAT, &message(twice), "duplicate_key", "line 1 column");
    let disguised = "\"content\":\"carrot\",\"c\\u006fntent\":\"beetroot\"";
    refused(CHAT, &message(disguised), "duplicate_key", "line 1 column");
    let many: Vec<_> = (0..40).map(|n| format!("\"k{n}\":1")).collect();
    let many = format!("\"metadata\":{{{},\"k7\":2}}", many.join(","));
    refused(CHAT, &with(&many), "duplicate_key", "line 1 column");
    let event = "{\"choices\":[{\"delta\":{\"content\":\"a\",\"content\":\"b\"}}]}";
    let error = chat().read_event(event, &mut Envelope::default(), &LIMITS);
    assert_eq!(error.expect_err("refused").code, "duplicate_key");
}

#[test]
fn types_that_are_wrong() {
    refused(CHAT, "{\"model\":\"m\"}", "missing_field", "/messages");
    refused(
        CHAT,
        "{\"model\":\"m\",\"messages\":[]}",
        "missing_field",
        "/messages",
    );
    refused(
        CHAT,
        "{\"model\":\"m\",\"messages\":{}}",
        "wrong_type",
        "/messages",
    );
    refused(
        CHAT,
        "{\"model\":\"m\",\"messages\":[\"beetroot\"]}",
        "wrong_type",
        "/messages/0",
    );
    refused(
        CHAT,
        &message("\"content\":7"),
        "wrong_type",
        "/messages/0/content",
    );
    refused(
        CHAT,
        &with("\"stream\":\"beetroot\""),
        "wrong_type",
        "/stream",
    );
    refused(CHAT, &with("\"n\":0"), "wrong_type", "/n");
    refused(CHAT, &with("\"n\":4000000000"), "wrong_type", "/n");
    refused(CHAT, &with("\"n\":1.5"), "wrong_type", "/n");
    let no_model = "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}";
    refused(CHAT, no_model, "missing_field", "/model");
    let role = "{\"model\":\"m\",\"messages\":[{\"role\":\"beetroot\",\"content\":\"a\"}]}";
    refused(CHAT, role, "unknown_role", "/messages/0/role");
    refused(
        "/v1/completions",
        "{\"model\":\"m\",\"prompt\":{}}",
        "wrong_type",
        "/prompt",
    );
    refused(
        "/v1/images/generations",
        "{\"prompt\":[\"beetroot\"]}",
        "wrong_type",
        "/prompt",
    );
}

#[test]
fn shapes_that_nobody_can_inspect() {
    let part = |kind: &str| {
        message(&format!(
            "\"content\":[{{\"type\":\"{kind}\",\"x\":\"beetroot\"}}]"
        ))
    };
    refused(
        CHAT,
        &part("beetroot"),
        "unknown_part",
        "/messages/0/content/0/type",
    );
    refused(
        CHAT,
        &part("input_audio"),
        "unsupported_part",
        "/messages/0/content/0",
    );
    refused(
        CHAT,
        &part("file"),
        "unsupported_part",
        "/messages/0/content/0",
    );
    refused(
        CHAT,
        &message("\"content\":[\"beetroot\"]"),
        "unknown_part",
        "/messages/0/content/0",
    );
    refused(
        CHAT,
        &message("\"audio\":{\"id\":\"a\"}"),
        "unsupported_field",
        "/messages/0/audio",
    );
    refused(
        CHAT,
        &with("\"audio\":{\"voice\":\"a\"}"),
        "unsupported_field",
        "/audio",
    );
    refused(
        CHAT,
        &with("\"modalities\":[\"text\",\"audio\"]"),
        "unsupported_field",
        "/modalities",
    );
    refused(
        CHAT,
        &with("\"tools\":[{\"type\":\"beetroot\"}]"),
        "unknown_tool",
        "/tools/0/type",
    );
    refused(
        "/v1/completions",
        "{\"model\":\"m\",\"prompt\":[1,2]}",
        "unsupported_field",
        "/prompt",
    );
    let images = "/v1/images/generations";
    refused(
        images,
        "{\"prompt\":\"a\",\"images\":[{\"file_id\":\"beetroot\"}]}",
        "unsupported_field",
        "/images",
    );
    refused(
        images,
        "{\"prompt\":\"a\",\"image\":\"beetroot\"}",
        "unsupported_field",
        "/image",
    );
    let small = ReadLimits {
        depth: 64,
        parts: 2,
    };
    let body = Bytes::from(with("\"metadata\":{\"a\":\"b\"}"));
    let error = chat().read("", &body, &small).expect_err("refused");
    assert_eq!(error.code, "too_many_parts");
    assert!(for_path("/v1/beetroot").is_none());
}

#[test]
fn anthropic_shapes_that_nobody_can_inspect() {
    const MESSAGES: &str = "/v1/messages";
    let block = |block: &str| message(&format!("\"content\":[{block}]"));
    let check = |body: &str, code: &str, place: &str| refused(MESSAGES, body, code, place);
    check("{\"model\":\"m\"}", "missing_field", "/messages");
    check(
        &message("\"content\":null"),
        "wrong_type",
        "/messages/0/content",
    );
    check(
        &block("{\"type\":\"beetroot\"}"),
        "unknown_part",
        "/messages/0/content/0/type",
    );
    check(
        &block("\"beetroot\""),
        "unknown_part",
        "/messages/0/content/0/type",
    );
    let file = |source: &str| {
        block(&format!(
            "{{\"type\":\"document\",\"source\":{{\"type\":\"{source}\",\"data\":\"beetroot\"}}}}"
        ))
    };
    check(
        &file("base64"),
        "unsupported_part",
        "/messages/0/content/0/source",
    );
    check(
        &file("url"),
        "unsupported_part",
        "/messages/0/content/0/source",
    );
    let nested = "{\"type\":\"tool_result\",\"content\":[{\"type\":\"beetroot\"}]}";
    check(
        &block(nested),
        "unknown_part",
        "/messages/0/content/0/content/0",
    );
    check(
        &with("\"system\":[{\"type\":\"image\"}]"),
        "unknown_part",
        "/system/0/type",
    );
    check(&with("\"system\":{}"), "wrong_type", "/system");
    for tool in [
        "{\"type\":\"beetroot\"}",
        "{\"type\":7}",
        "7",
        "{\"type\":\"web_fetch_1\"}",
    ] {
        check(
            &with(&format!("\"tools\":[{tool}]")),
            "unknown_tool",
            "/tools/0",
        );
    }
    check(
        &with("\"mcp_servers\":[{\"url\":\"beetroot\"}]"),
        "unsupported_field",
        "/mcp_servers",
    );
    let event = |data: &str| {
        let result = codec(MESSAGES).read_event(data, &mut Envelope::default(), &LIMITS);
        result.expect_err("refused").code
    };
    assert_eq!(event("{\"type\":\"beetroot\"}"), "unknown_event");
    assert_eq!(event("{\"choices\":[]}"), "unknown_event");
    assert_eq!(event("[DONE]"), "invalid_json");
    let begun =
        "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"image\"}}";
    assert_eq!(event(begun), "unknown_part");
    let delta = "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"beetroot\"}}";
    assert_eq!(event(delta), "unknown_part");
    let nowhere =
        "{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}";
    assert_eq!(event(nowhere), "wrong_type");
    let answer = |body: &str| {
        let result = codec(MESSAGES).read_answer(body.as_bytes(), &LIMITS);
        result.expect_err("refused").code
    };
    assert_eq!(answer("{\"input_tokens\":1}"), "unknown_shape");
    assert_eq!(answer("{\"content\":\"beetroot\"}"), "wrong_type");
    assert_eq!(
        answer("{\"content\":[{\"type\":\"image\"}]}"),
        "unknown_part"
    );
}

#[test]
fn anthropic_refusals_are_messages_and_a_count_is_refused_by_an_error() {
    let refusal = refusal(Ending::Filtered, RefusalStyle::Answer);
    let ask = read("/v1/messages", &with("\"max_tokens\":1")).expect("reads");
    let reply = codec("/v1/messages").refuse(&ask, &refusal);
    let answer: Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!(answer["content"][0]["text"], refusal.text);
    assert_eq!(answer["stop_reason"], "refusal");
    assert_eq!(answer["wardgate"]["rule"], "T-010");
    let count = codec("/v1/messages/count_tokens");
    let reply = count.refuse(&ask, &refusal);
    let error: Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!((reply.status, &error["type"]), (400, &"error".into()));
    assert_eq!(error["error"]["type"], "invalid_request_error");
    count
        .read_answer(b"{\"input_tokens\":3}", &LIMITS)
        .expect("a count reads");
}

#[test]
fn responses_that_are_said_out_of_sight() {
    const RESPONSES: &str = "/v1/responses";
    let asked = |member: &str| format!("{{\"model\":\"m\",\"input\":\"a\",{member}}}");
    let items = |item: &str| format!("{{\"model\":\"m\",\"input\":[{item}]}}");
    let check = |body: &str, code: &str, place: &str| refused(RESPONSES, body, code, place);
    for hidden in ["conversation", "prompt"] {
        let body = asked(&format!("\"{hidden}\":{{\"id\":\"beetroot\"}}"));
        check(&body, "unsupported_field", hidden);
    }
    check(
        &asked("\"background\":true"),
        "unsupported_field",
        "/background",
    );
    check("{\"model\":\"m\"}", "missing_field", "/input");
    check("{\"model\":\"m\",\"input\":7}", "wrong_type", "/input");
    check(
        &items("{\"type\":\"item_reference\",\"id\":\"beetroot\"}"),
        "unsupported_part",
        "/input/0",
    );
    check(
        &items("{\"type\":\"beetroot\"}"),
        "unknown_part",
        "/input/0/type",
    );
    check(
        &items("{\"role\":\"beetroot\"}"),
        "unknown_role",
        "/input/0/role",
    );
    let part = |kind: &str| {
        items(&format!(
            "{{\"role\":\"user\",\"content\":[{{\"type\":\"{kind}\"}}]}}"
        ))
    };
    check(&part("beetroot"), "unknown_part", "/input/0/content/0/type");
    check(
        &part("input_file"),
        "unsupported_part",
        "/input/0/content/0",
    );
    for tool in [
        "file_search",
        "code_interpreter",
        "mcp",
        "image_generation",
        "beetroot",
    ] {
        let tools = asked(&format!("\"tools\":[{{\"type\":\"{tool}\"}}]"));
        check(&tools, "unknown_tool", "/tools/0/type");
    }
    let event = |data: &str| {
        let result = codec(RESPONSES).read_event(data, &mut Envelope::default(), &LIMITS);
        result.expect_err("refused").code
    };
    assert_eq!(
        event("{\"type\":\"response.audio.delta\"}"),
        "unknown_event"
    );
    assert_eq!(event("{\"choices\":[]}"), "unknown_event");
    assert_eq!(event("{\"type\":\"response.completed\"}"), "wrong_type");
    let item = "{\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"mcp_call\"}}";
    assert_eq!(event(item), "unknown_part");
    let far = "{\"type\":\"response.output_item.added\",\"output_index\":9999999,\"item\":{\"type\":\"message\"}}";
    assert_eq!(event(far), "wrong_type");
    let part = "{\"type\":\"response.content_part.added\",\"part\":{\"type\":\"beetroot\"}}";
    assert_eq!(event(part), "unknown_part");
    let answer = |body: &str| {
        let result = codec(RESPONSES).read_answer(body.as_bytes(), &LIMITS);
        result.expect_err("refused").code
    };
    assert_eq!(
        answer("{\"id\":\"resp_1\",\"error\":null}"),
        "unknown_shape"
    );
    assert_eq!(
        answer("{\"output\":[{\"type\":\"computer_call\"}]}"),
        "unknown_part"
    );
}

#[test]
fn texts_and_sounds_that_nobody_can_inspect() {
    let embed = |body: &str, code: &str, place: &str| refused("/v1/embeddings", body, code, place);
    embed("{\"model\":\"m\"}", "missing_field", "/input");
    embed("{\"input\":\"beetroot\"}", "missing_field", "/model");
    for tokens in ["[1,2]", "[[1],[2]]", "[\"a\",7]"] {
        let body = format!("{{\"model\":\"m\",\"input\":{tokens}}}");
        embed(&body, "unsupported_field", "/input");
    }
    embed(
        "{\"model\":\"m\",\"input\":[null]}",
        "wrong_type",
        "/input/*",
    );
    let speech = "/v1/audio/speech";
    refused(speech, "{\"model\":\"m\"}", "missing_field", "/input");
    let list = "{\"model\":\"m\",\"input\":[\"beetroot\"]}";
    refused(speech, list, "wrong_type", "/input");
    let heard = "/v1/audio/transcriptions";
    let form = |head: &str| {
        format!("--wg\r\nContent-Disposition: form-data; {head}\r\n\r\nbeetroot\r\n--wg--\r\n")
    };
    refused(heard, &form("name=\"prompt\""), "missing_field", "/model");
    let file = form("name=\"voice\"; filename=\"beetroot\"");
    refused(heard, &file, "unsupported_field", "only file may be");
    refused(heard, &form("name=\"file\""), "wrong_type", "/file");
    refused(heard, &form("name=\"stream\""), "wrong_type", "/stream");
    for (path, unknown) in [
        (heard, "transcript.audio.delta"),
        (speech, "speech.text.delta"),
        ("/v1/images/generations", "image_generation.caption"),
        ("/v1/embeddings", "embedding.delta"),
    ] {
        let event = format!("{{\"type\":\"{unknown}\",\"text\":\"beetroot\"}}");
        let error = codec(path).read_event(&event, &mut Envelope::default(), &LIMITS);
        assert_eq!(error.expect_err("refused").code, "unknown_event", "{path}");
        let error = codec(path).read_answer(b"{\"ok\":true}", &LIMITS);
        assert_eq!(error.expect_err("refused").code, "unknown_shape", "{path}");
    }
    for kind in ["application/json", "text/plain", "text/event-stream"] {
        assert_eq!(codec(speech).answer_kind(kind), AnswerKind::Document);
    }
    assert_eq!(codec(speech).answer_kind("audio/mpeg"), AnswerKind::Unseen);
    assert_eq!(codec(CHAT).answer_kind("audio/mpeg"), AnswerKind::Document);
}

#[test]
fn ollama_shapes_that_nobody_can_inspect() {
    let chat = |body: &str, code: &str, place: &str| refused("/api/chat", body, code, place);
    chat("{\"model\":\"m\"}", "missing_field", "/messages");
    chat(
        "{\"model\":\"m\",\"messages\":[]}",
        "missing_field",
        "/messages",
    );
    chat(
        "{\"messages\":[{\"role\":\"user\"}]}",
        "missing_field",
        "/model",
    );
    chat(
        &message("\"content\":[]"),
        "wrong_type",
        "/messages/0/content",
    );
    chat(
        &message("\"tool_calls\":[\"beetroot\"]"),
        "unknown_tool",
        "/tool_calls",
    );
    chat(
        &with("\"tools\":[{\"type\":\"beetroot\"}]"),
        "unknown_tool",
        "/tools/0",
    );
    chat(&with("\"stream\":\"beetroot\""), "wrong_type", "/stream");
    let context = "{\"model\":\"m\",\"prompt\":\"a\",\"context\":[1,2]}";
    refused("/api/generate", context, "unsupported_field", "/context");
    assert!(
        read("/api/chat", &with("\"think\":true"))
            .expect("reads")
            .stream
    );
    let line = |path: &str, line: &str| {
        let result = codec(path).read_event(line, &mut Envelope::default(), &LIMITS);
        result.expect_err("refused").code
    };
    assert_eq!(line("/api/chat", "{\"response\":\"a\"}"), "unknown_shape");
    assert_eq!(line("/api/generate", "{\"message\":{}}"), "unknown_shape");
    assert_eq!(line("/api/chat", "data: {}"), "invalid_json");
}

#[test]
fn gemini_shapes_that_nobody_can_inspect() {
    const GEMINI: &str = "/v1beta/models/m:generateContent";
    let part = |part: &str| format!("{{\"contents\":[{{\"role\":\"user\",\"parts\":[{part}]}}]}}");
    let beside =
        |member: &str| format!("{{\"contents\":[{{\"parts\":[{{\"text\":\"a\"}}]}}],{member}}}");
    let check = |body: &str, code: &str, place: &str| refused(GEMINI, body, code, place);
    check("{}", "missing_field", "/contents");
    check("{\"contents\":[]}", "missing_field", "/contents");
    check(
        "{\"contents\":[{\"role\":\"beetroot\"}]}",
        "unknown_role",
        "/contents/0/role",
    );
    check(
        &part("{\"beetroot\":1}"),
        "unknown_part",
        "/contents/0/parts/0",
    );
    check(&part("\"beetroot\""), "wrong_type", "/contents/0/parts/0");
    for data in ["inlineData", "inline_data"] {
        for mime in ["mimeType", "mime_type"] {
            let file = part(&format!(
                "{{\"{data}\":{{\"{mime}\":\"audio/mp3\",\"data\":\"beetroot\"}}}}"
            ));
            check(&file, "unsupported_part", "/contents/0/parts/0");
        }
    }
    let both = "\"systemInstruction\":{\"parts\":[]},\"system_instruction\":{\"parts\":[]}";
    check(&beside(both), "duplicate_key", "/systemInstruction");
    check(
        &beside("\"systemInstruction\":\"beetroot\""),
        "wrong_type",
        "/systemInstruction",
    );
    check(
        &beside("\"cachedContent\":\"beetroot\""),
        "unsupported_field",
        "/cachedContent",
    );
    check(
        &beside("\"cached_content\":\"beetroot\""),
        "unsupported_field",
        "/cached_content",
    );
    check(
        &beside("\"tools\":[{\"urlContext\":{}}]"),
        "unknown_tool",
        "/tools/0",
    );
    for config in ["generationConfig", "generation_config"] {
        let asks = |member: &str| beside(&format!("\"{config}\":{{{member}}}"));
        check(
            &asks("\"responseModalities\":[\"AUDIO\"]"),
            "unsupported_field",
            "Modalities",
        );
        check(
            &asks("\"candidate_count\":0"),
            "wrong_type",
            "candidateCount",
        );
        check(
            &asks("\"speechConfig\":{\"a\":1}"),
            "unsupported_field",
            "speechConfig",
        );
    }
    let event = |data: &str| {
        let result = codec(GEMINI).read_event(data, &mut Envelope::default(), &LIMITS);
        result.expect_err("refused").code
    };
    assert_eq!(event("{\"beetroot\":1}"), "unknown_shape");
    let said = |part: &str| format!("{{\"candidates\":[{{\"content\":{{\"parts\":[{part}]}}}}]}}");
    assert_eq!(event(&said("{\"beetroot\":1}")), "unknown_part");
    assert_eq!(
        event(&said("{\"inlineData\":{\"mimeType\":\"audio/mp3\"}}")),
        "unsupported_part"
    );
    assert_eq!(event("{\"candidates\":{}}"), "wrong_type");
    for path in [
        "/v1beta/models/a:b:generateContent",
        "/v1beta/models/:generateContent",
        "/v1beta/models/a%2f:generateContent",
    ] {
        assert!(for_path(path).is_none(), "{path}");
    }
}

#[test]
fn answers_and_events_that_nobody_knows() {
    let event = |data: &str| {
        let result = chat().read_event(data, &mut Envelope::default(), &LIMITS);
        result.expect_err("refused").code
    };
    assert_eq!(event("beetroot"), "invalid_json");
    assert_eq!(event("[DONE"), "invalid_json");
    assert_eq!(event("{\"beetroot\":1}"), "unknown_event");
    assert_eq!(event("{\"choices\":{}}"), "wrong_type");
    assert_eq!(event("{\"choices\":[1]}"), "wrong_type");
    assert_eq!(event("{\"choices\":[{\"index\":-1}]}"), "wrong_type");
    assert_eq!(event("{\"choices\":[{\"finish_reason\":1}]}"), "wrong_type");
    assert_eq!(
        event("{\"choices\":[{\"delta\":{\"audio\":{\"data\":\"a\"}}}]}"),
        "unsupported_field"
    );
    let picture = "{\"choices\":[{\"delta\":{\"content\":[{\"type\":\"image_url\"}]}}]}";
    assert_eq!(event(picture), "unknown_part");
    let answer = |body: &str| {
        let result = chat().read_answer(body.as_bytes(), &LIMITS);
        result.expect_err("refused").code
    };
    assert_eq!(answer("<html>beetroot</html>"), "invalid_json");
    assert_eq!(answer("{\"ok\":true}"), "unknown_shape");
    let audio = "{\"choices\":[{\"message\":{\"audio\":{\"transcript\":\"a\"}}}]}";
    assert_eq!(answer(audio), "unsupported_field");
}

#[test]
fn forms_that_two_parsers_could_read_differently() {
    let edits = "/v1/images/edits";
    let field = |head: &str, value: &str| format!("--wg\r\n{head}\r\n\r\n{value}\r\n");
    let named = |name: &str, value: &str| {
        field(
            &format!("Content-Disposition: form-data; name=\"{name}\""),
            value,
        )
    };
    let prompt = named("prompt", "a leek");
    let form = |fields: &str| format!("{fields}--wg--\r\n");
    let ask = read(edits, &form(&prompt)).expect("reads");
    assert_eq!(ask.parts[0].text, "a leek");
    refused(
        edits,
        &format!("beetroot\r\n{}", form(&prompt)),
        "invalid_form",
        "begin",
    );
    refused(
        edits,
        &format!("{}beetroot", form(&prompt)),
        "invalid_form",
        "end",
    );
    refused(edits, &prompt, "invalid_form", "cut short");
    refused(
        edits,
        &form(&(prompt.clone() + &named("prompt", "beetroot"))),
        "duplicate_key",
        "field 1",
    );
    let twice = "Content-Disposition: form-data; name=\"user\"; name=\"prompt\"";
    refused(
        edits,
        &form(&field(twice, "beetroot")),
        "invalid_form",
        "field 0",
    );
    let extended = "Content-Disposition: form-data; name=\"image\"; filename*=UTF-8''beetroot";
    refused(
        edits,
        &form(&field(extended, "a")),
        "invalid_form",
        "field 0",
    );
    let encoded =
        "Content-Disposition: form-data; name=\"prompt\"\r\nContent-Transfer-Encoding: base64";
    refused(
        edits,
        &form(&field(encoded, "YQ==")),
        "invalid_form",
        "field 0",
    );
    let charset = "Content-Disposition: form-data; name=\"prompt\"\r\nContent-Type: text/plain; charset=utf-7";
    refused(edits, &form(&field(charset, "a")), "invalid_form", "UTF-8");
    let file = "Content-Disposition: form-data; name=\"beetroot\"; filename=\"a\"";
    refused(
        edits,
        &form(&(prompt.clone() + &field(file, "a"))),
        "unsupported_field",
        "image and mask",
    );
    refused(
        edits,
        &form(&(prompt.clone() + &named("stream", "beetroot"))),
        "wrong_type",
        "/stream",
    );
    refused(
        edits,
        &form(&(prompt.clone() + &named("n", "beetroot"))),
        "wrong_type",
        "/n",
    );
    refused(
        edits,
        &form(&named("model", "m")),
        "missing_field",
        "/prompt",
    );
    let body = Bytes::from(form(&prompt));
    for kind in ["text/plain", "multipart/form-data"] {
        let error = codec(edits).read(kind, &body, &LIMITS);
        assert_eq!(error.expect_err("refused").code, "unsupported_media_type");
    }
    let edit = |text: &str| Edit {
        raw: ask.parts[0].raw.clone(),
        text: text.to_owned(),
    };
    let error = codec(edits).write(FORM, &body, &ask, &[edit("x\r\n--wg--")], None);
    assert_eq!(error.expect_err("refused").code, "bad_edit");
}

// ---- what wardgate says -----------------------------------------------------------------------

fn refusal(ending: Ending, style: RefusalStyle) -> Refusal {
    Refusal {
        text: "Let us talk about \"greens\".\n好".to_owned(),
        ending,
        rule: "T-010".to_owned(),
        area: "Test".to_owned(),
        exchange: "e1".to_owned(),
        style,
        created: 1_700_000_000,
    }
}

#[test]
fn a_refusal_is_an_answer_of_the_dialect() {
    for (ending, reason) in [
        (Ending::Filtered, "content_filter"),
        (Ending::Supported, "stop"),
    ] {
        let refusal = refusal(ending, RefusalStyle::Answer);
        for (path, said) in [(CHAT, "/message/content"), ("/v1/completions", "/text")] {
            let body = with("\"prompt\":\"a\",\"n\":2");
            let ask = read(path, &body).expect("reads");
            let reply = codec(path).refuse(&ask, &refusal);
            assert_eq!(
                (reply.status, reply.content_type),
                (200, "application/json")
            );
            let answer: Value = serde_json::from_slice(&reply.body).expect("JSON");
            assert_eq!(answer["choices"].as_array().map(Vec::len), Some(2));
            for choice in 0..2 {
                let choice = &answer["choices"][choice];
                assert_eq!(
                    choice.pointer(said),
                    Some(&Value::from(refusal.text.clone()))
                );
                assert_eq!(choice["finish_reason"], reason);
            }
            assert_eq!(answer["wardgate"]["rule"], "T-010");
            assert_eq!(answer["model"], "m");
            codec(path)
                .read_answer(&reply.body, &LIMITS)
                .expect("our own answer reads");
        }
    }
}

#[test]
fn a_refusal_of_a_stream_is_a_stream() {
    for path in [CHAT, "/v1/completions"] {
        let ask = read(path, &with("\"prompt\":\"a\",\"n\":2,\"stream\":true")).expect("reads");
        let refusal = refusal(Ending::Filtered, RefusalStyle::Answer);
        let reply = codec(path).refuse(&ask, &refusal);
        assert!(reply.content_type.starts_with("text/event-stream"));
        let mut frames = wardgate::codec::sse::Frames::new();
        frames.push(reply.body);
        let mut envelope = Envelope::default();
        let (mut said, mut ended, mut done) = ([const { String::new() }; 2], Vec::new(), false);
        while let Some(frame) = frames.next_frame() {
            let frame = frame.expect("a frame");
            let data = frame.data().expect("data");
            let delta = codec(path)
                .read_event(&data, &mut envelope, &LIMITS)
                .expect("reads");
            for piece in delta.pieces.iter().filter(|piece| piece.lane.field == 0) {
                said[piece.lane.choice as usize] += &piece.text;
            }
            ended.extend(delta.ended);
            done = delta.done;
        }
        assert_eq!(said, [refusal.text.clone(), refusal.text]);
        assert_eq!(ended, [0, 1]);
        assert!(done && frames.held_bytes() == 0);
    }
}

#[test]
fn errors_are_error_objects_but_help_never_is() {
    let ask = read(CHAT, &with("\"user\":\"u\"")).expect("reads");
    let reply = chat().refuse(&ask, &refusal(Ending::Filtered, RefusalStyle::Error));
    let error: Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!(
        (reply.status, &error["error"]["code"]),
        (400, &"content_filter".into())
    );
    assert_eq!(error["wardgate"]["exchange"], "e1");
    let reply = chat().refuse(&ask, &refusal(Ending::Supported, RefusalStyle::Error));
    assert_eq!(reply.status, 200);
    let images = codec("/v1/images/generations");
    let reply = images.refuse(&ask, &refusal(Ending::Filtered, RefusalStyle::Answer));
    let error: Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!(
        (reply.status, &error["error"]["code"]),
        (400, &"moderation_blocked".into())
    );
    for codec in CODECS {
        let reply = codec.error(&Fault {
            status: 413,
            kind: "invalid_request_error",
            code: "body_too_large",
            message: "send less".to_owned(),
            exchange: "e2".to_owned(),
        });
        let error: Value = serde_json::from_slice(&reply.body).expect("JSON");
        let places = [
            "/error/code",
            "/error/type",
            "/error",
            "/code",
            "/wardgate/code",
        ];
        let codes = places.iter().filter_map(|place| error.pointer(place));
        assert_eq!(reply.status, 413);
        assert!(
            codes.into_iter().any(|code| code == "body_too_large"),
            "{error}"
        );
        assert_eq!(error["wardgate"]["exchange"], "e2");
    }
}

#[test]
fn every_row_of_a_table_is_well_formed_and_single() {
    for codec in CODECS {
        let mut seen = std::collections::HashSet::new();
        for field in codec.fields() {
            let pointer = field
                .at
                .trim_start_matches("answer:")
                .trim_start_matches("event:");
            assert!(pointer.starts_with('/'), "{}", field.at);
            let rest = pointer.strip_suffix("/**").unwrap_or(pointer);
            assert!(!rest.contains("**"), "{}", field.at);
            assert!(seen.insert(field.at), "{} stands twice", field.at);
        }
    }
}

#[test]
fn edits_that_overlap_or_leave_the_body_are_refused() {
    let at = |at| Splice {
        at,
        bytes: String::new(),
    };
    for splices in [vec![at(0..2), at(1..3)], vec![at(2..9)]] {
        assert_eq!(
            splice(b"abc", splices).expect_err("refused").code,
            "bad_edit"
        );
    }
}

#[test]
fn fields_of_the_body_are_no_turn_after_what_the_user_said() {
    let body = r#"{"model":"m","user":"u1","metadata":{"k":"v"},"messages":[{"role":"user","content":"hi"}]}"#;
    let ask = read("/v1/chat/completions", body).expect("a request");
    let user = wardgate::message::Role::User;
    let turns = ask.parts.iter().filter(|part| part.role == user);
    assert!(turns.map(|part| part.turn).all(|turn| turn == 0));
}
