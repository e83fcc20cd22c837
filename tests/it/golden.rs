//! Golden files of the codecs: `tests/data/<dialect>/ask-*`, `answer-*` and `stream-*`, each with
//! what was read from it and what edits make of it beside. `UPDATE=1 cargo test` rewrites them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use wardgate::codec::framing::{Frames, Outgoing};
use wardgate::codec::realtime::{ANSWERED, SENT, TOLD};
use wardgate::codec::sse::Frame;
use wardgate::codec::{
    Codec, Edit, Ending, Envelope, Framing, Piece, ReadLimits, Telling, for_path,
};

const LIMITS: ReadLimits = ReadLimits {
    depth: 64,
    parts: 1000,
};

fn codec_of(file: &Path) -> &'static dyn Codec {
    let folder = file
        .parent()
        .and_then(Path::file_name)
        .expect("in a folder");
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let is_stream = name.starts_with("stream-");
    let is_edit = name.starts_with("ask-edit");
    let path = match folder.to_str().expect("plain name") {
        "openai-chat" => "/v1/chat/completions",
        "openai-completions" => "/v1/completions",
        "openai-images" if is_edit => "/v1/images/edits",
        "openai-images" => "/v1/images/generations",
        "openai-variations" => "/v1/images/variations",
        "openai-embeddings" => "/v1/embeddings",
        "openai-speech" => "/v1/audio/speech",
        "openai-transcripts" => "/v1/audio/transcriptions",
        "anthropic" => "/v1/messages",
        "responses" => "/v1/responses",
        "realtime" => "/v1/realtime",
        "gemini" if is_stream => "/v1beta/models/m:streamGenerateContent",
        "gemini" => "/v1beta/models/m:generateContent",
        "ollama-chat" => "/api/chat",
        "ollama-generate" => "/api/generate",
        "ollama-embed" => "/api/embed",
        "ollama-embeddings" => "/api/embeddings",
        "ollama-show" => "/api/show",
        "dashscope-text" => "/api/v1/services/aigc/text-generation/generation",
        "dashscope-multimodal" => "/api/v1/services/aigc/multimodal-generation/generation",
        "dashscope-images" => "/api/v1/services/aigc/text2image/image-synthesis",
        "webui" if name == "ask-edit.json" => "/sdapi/v1/img2img",
        "webui" => "/sdapi/v1/txt2img",
        "comfy" => "/prompt",
        "comfy-history" => "/history/p1",
        other => panic!("no dialect for tests/data/{other}"),
    };
    for_path(path).expect("a dialect")
}

fn files(start: &str) -> Vec<PathBuf> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut found = Vec::new();
    for folder in [
        "openai-chat",
        "openai-completions",
        "openai-images",
        "openai-variations",
        "openai-embeddings",
        "openai-speech",
        "openai-transcripts",
        "anthropic",
        "responses",
        "realtime",
        "ollama-chat",
        "ollama-generate",
        "ollama-embed",
        "ollama-embeddings",
        "ollama-show",
        "dashscope-text",
        "dashscope-multimodal",
        "dashscope-images",
        "webui",
        "comfy",
        "comfy-history",
        "gemini",
    ] {
        for entry in std::fs::read_dir(data.join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy();
            let is_input = !name.ends_with(".parts") && !name.ends_with(".pieces");
            if name.starts_with(start) && is_input {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "no golden files {start}*");
    found.sort();
    found
}

#[track_caller]
fn compare(file: &Path, end: &str, found: &str) {
    let golden = file.with_extension(end);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&golden, found).expect("written");
    }
    let expect = std::fs::read_to_string(&golden)
        .unwrap_or_else(|_| panic!("{} is missing; run with UPDATE=1", golden.display()));
    assert_eq!(
        found,
        expect,
        "{} differs; look, then UPDATE=1",
        golden.display()
    );
}

fn edits<'r>(raws: impl Iterator<Item = &'r std::ops::Range<usize>>) -> Vec<Edit> {
    raws.enumerate()
        .map(|(number, raw)| Edit {
            raw: raw.clone(),
            text: format!("<\"{number}\">"),
        })
        .collect()
}

#[test]
fn requests() {
    for file in files("ask-") {
        let codec = codec_of(&file);
        let body = Bytes::from(std::fs::read(&file).expect("read"));
        let is_form = file.extension().is_some_and(|end| end == "form");
        let kind = match is_form {
            true => "multipart/form-data; boundary=wg",
            false => "application/json",
        };
        let ask = codec.read(kind, &body, &LIMITS).expect("reads");
        let mut out = format!(
            "{} model={} stream={} choices={} {:?}\n",
            codec.name(),
            ask.model,
            ask.stream,
            ask.choices,
            ask.output
        );
        for part in &ask.parts {
            let raw = String::from_utf8_lossy(&body[part.raw.clone()]);
            let (turn, role, media, at) = (part.turn, part.role, part.media, &part.at);
            writeln!(
                out,
                "{turn} {role:?} {media:?} {at} {:?} = {raw}",
                part.text
            )
            .expect("written");
        }
        let same = codec.write(kind, &body, &ask, &[], None).expect("writes");
        assert_eq!(same, body, "without edits nothing changes");
        let edits = edits(ask.parts.iter().map(|part| &part.raw));
        // Over a socket only what asks for an answer has a place for guidance.
        let guides = !codec.talks() || file.to_string_lossy().contains("-guided");
        let first = &edits[..edits.len().min(1)];
        let ways = [(&edits[..], None), (first, Some("Be \"kind\"."))];
        for (edits, guidance) in ways.into_iter().filter(|(_, say)| guides || say.is_none()) {
            let written = codec
                .write(kind, &body, &ask, edits, guidance)
                .expect("writes");
            codec.read(kind, &written, &LIMITS).expect("still reads");
            writeln!(out, "== edited, guidance {guidance:?}").expect("written");
            writeln!(out, "{}", String::from_utf8_lossy(&written)).expect("written");
        }
        compare(&file, "parts", &out);
    }
}

fn list(out: &mut String, pieces: &[Piece], body: &str) {
    for piece in pieces {
        let (choice, field) = (piece.lane.choice, piece.lane.field);
        let raw = &body[piece.raw.clone()];
        let (media, text) = (piece.media, &piece.text);
        writeln!(out, "{choice}.{field} {media:?} {text:?} = {raw}").expect("written");
    }
}

#[test]
fn answers() {
    for file in files("answer-") {
        let codec = codec_of(&file);
        let body = std::fs::read_to_string(&file).expect("read");
        let pieces = codec.read_answer(body.as_bytes(), &LIMITS).expect("reads");
        let mut out = format!("{}\n", codec.name());
        list(&mut out, &pieces, &body);
        let edits = edits(pieces.iter().map(|piece| &piece.raw));
        let same = codec.write_answer(body.as_bytes(), &[]).expect("writes");
        assert_eq!(same, body.as_bytes(), "without edits nothing changes");
        let mut add = |what: &str, written: Bytes| {
            codec.read_answer(&written, &LIMITS).expect("still reads");
            writeln!(out, "== {what}\n{}", String::from_utf8_lossy(&written)).expect("written");
        };
        add(
            "edited",
            codec.write_answer(body.as_bytes(), &edits).expect("writes"),
        );
        if body.contains("\"error\":{") || body.contains("\"error\":\"") {
            compare(&file, "pieces", &out);
            continue;
        }
        let ended = codec.end_answer(body.as_bytes(), 0, "No.", Ending::Filtered);
        add("choice 0 ended", ended.expect("ends"));
        compare(&file, "pieces", &out);
    }
}

fn framing_of(file: &Path) -> Framing {
    match file.extension().and_then(|end| end.to_str()) {
        Some("ndjson") => Framing::Lines,
        Some("json") => Framing::Array,
        _ => Framing::Events,
    }
}

fn frames(file: &Path, bytes: Vec<u8>) -> Vec<Frame> {
    let mut decoder = Frames::new(framing_of(file));
    decoder.push(bytes.into());
    std::iter::from_fn(|| decoder.finish())
        .map(|frame| frame.expect("a frame"))
        .collect()
}

#[test]
fn streams() {
    for file in files("stream-") {
        let codec = codec_of(&file);
        // Such a stream has one choice.
        let whole = file.to_string_lossy().contains("-whole");
        let mut envelope = Envelope {
            telling: if whole {
                Telling::Whole
            } else {
                Telling::Pieces
            },
            framing: framing_of(&file),
            ..Envelope::default()
        };
        let mut out = format!("{}\n", codec.name());
        for frame in frames(&file, std::fs::read(&file).expect("read")) {
            let Some(data) = frame.data() else {
                out.push_str("-- no data\n");
                continue;
            };
            let delta = codec
                .read_event(&data, &mut envelope, &LIMITS)
                .expect("reads");
            let (ended, open) = (&delta.ended, &envelope.open);
            let (done, error) = (delta.done, delta.error);
            writeln!(
                out,
                "-- ended {ended:?} open {open:?} done {done} error {error}"
            )
            .expect("written");
            list(&mut out, &delta.pieces, &data);
            if !delta.done {
                let same = codec.write_event(&data, &[]).expect("writes");
                assert_eq!(same, data, "without edits nothing changes");
                let edits = edits(delta.pieces.iter().map(|piece| &piece.raw));
                let written = codec.write_event(&data, &edits).expect("writes");
                writeln!(out, "   {written}").expect("written");
            }
        }
        envelope.open = if whole { vec![0] } else { vec![0, 1] };
        envelope.said = envelope
            .told
            .first()
            .map_or_else(String::new, |(_, text)| text.clone());
        let said = codec.say(&mut envelope, u32::from(!whole), "Hm.");
        let end = codec.end_stream(&envelope, 0, "No.", Ending::Supported);
        for (what, bytes) in [("say", said), ("end", end)] {
            let text = String::from_utf8(bytes.to_vec()).expect("text");
            writeln!(out, "== {what}\n{text}").expect("written");
            let mut out = Outgoing::new(envelope.framing);
            out.put(&bytes);
            out.close();
            for frame in frames(&file, out.take().to_vec()) {
                if frame.data().is_none() {
                    continue; // The opening of an array.
                }
                let data = frame.data().expect("data");
                codec
                    .read_event(&data, &mut envelope, &LIMITS)
                    .expect("our own events read");
            }
        }
        assert!(envelope.open.is_empty(), "every open choice was ended");
        compare(&file, "pieces", &out);
    }
}

/// Event, delta and block types that the codecs tell apart, by the folder that shows each of them.
const TYPES: &[(&str, &[&str])] = &[
    (
        "anthropic",
        &[
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
            "ping",
            "error",
            "text_delta",
            "thinking_delta",
            "signature_delta",
            "input_json_delta",
            "citations_delta",
            "redacted_thinking",
            "tool_use",
            "server_tool_use",
            "web_search_tool_result",
        ],
    ),
    (
        "responses",
        &[
            "response.created",
            "response.queued",
            "response.in_progress",
            "response.completed",
            "response.incomplete",
            "response.failed",
            "response.output_item.added",
            "response.output_item.done",
            "response.content_part.added",
            "response.content_part.done",
            "response.reasoning_summary_part.added",
            "response.reasoning_summary_part.done",
            "response.output_text.delta",
            "response.output_text.done",
            "response.refusal.delta",
            "response.refusal.done",
            "response.reasoning_summary_text.delta",
            "response.reasoning_summary_text.done",
            "response.reasoning_text.delta",
            "response.reasoning_text.done",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.custom_tool_call_input.delta",
            "response.custom_tool_call_input.done",
            "response.output_text.annotation.added",
            "response.web_search_call.in_progress",
            "response.web_search_call.searching",
            "response.web_search_call.completed",
            "keepalive",
            "error",
        ],
    ),
];

/// The kinds of what the other dialects tell apart by members and words instead of types: by folder,
/// as each stands in one of its inputs.
const KINDS: &[(&str, &[&str])] = &[
    (
        "gemini",
        &[
            "\"text\":",
            "\"thought\":true",
            "\"thoughtSignature\":",
            "\"thought_signature\":",
            "\"inlineData\":",
            "\"inline_data\":",
            "\"fileData\":",
            "\"file_data\":",
            "\"functionCall\":",
            "\"function_call\":",
            "\"functionResponse\":",
            "\"function_response\":",
            "\"executableCode\":",
            "\"executable_code\":",
            "\"codeExecutionResult\":",
            "\"code_execution_result\":",
            "\"mediaResolution\":",
            "\"media_resolution\":",
            "\"promptFeedback\":",
            "\"groundingMetadata\":",
            "\"citationMetadata\":",
            "\"safetyRatings\":",
            "\"logprobsResult\":",
            "\"finishReason\":",
            "\"usageMetadata\":",
            "\"error\":",
        ],
    ),
    (
        "ollama-chat",
        &[
            "\"content\":\"A",
            "\"thinking\":",
            "\"tool_calls\":",
            "\"tool_name\":",
            "\"images\":",
            "\"done_reason\":",
            "\"done\":true",
            "\"error\":",
        ],
    ),
    (
        "ollama-generate",
        &[
            "\"response\":\"A",
            "\"thinking\":",
            "\"suffix\":",
            "\"system\":",
            "\"template\":",
            "\"context\":",
            "\"done_reason\":",
            "\"done\":true",
            "\"error\":",
        ],
    ),
    (
        "dashscope-text",
        &[
            "\"content\":\"",
            "\"reasoning_content\":",
            "\"tool_calls\":",
            "\"search_info\":",
            "\"text\":",
            "\"history\":",
            "\"finish_reason\":\"stop\"",
            "\"finish_reason\":\"null\"",
            "\"code\":",
        ],
    ),
    (
        "dashscope-multimodal",
        &["\"text\":", "\"image\":", "\"finish_reason\":"],
    ),
    (
        "dashscope-images",
        &[
            "\"task_status\":\"PENDING\"",
            "\"task_status\":\"RUNNING\"",
            "\"task_status\":\"SUCCEEDED\"",
            "\"task_status\":\"FAILED\"",
            "\"task_status\":\"CANCELED\"",
            "\"task_status\":\"UNKNOWN\"",
            "\"results\":",
            "\"code\":",
        ],
    ),
];

/// Every input of a folder whose name begins so.
fn inputs(folder: &str, starts: &[&str]) -> String {
    let all = starts.iter().flat_map(|start| files(start));
    all.filter(|file| file.parent().is_some_and(|parent| parent.ends_with(folder)))
        .map(|file| String::from_utf8_lossy(&std::fs::read(file).expect("read")).into_owned())
        .collect()
}

#[test]
fn every_kind_of_the_others_is_in_a_golden_file() {
    for (folder, kinds) in KINDS {
        let all = inputs(folder, &["ask-", "answer-", "stream-"]);
        for kind in *kinds {
            assert!(all.contains(kind), "{folder}: no golden file has {kind}");
        }
    }
}

/// The codec's own lists: a type that it learns has to be shown.
#[test]
fn every_event_of_a_session_is_in_a_golden_file() {
    for (start, types) in [("ask-", SENT), ("stream-", ANSWERED), ("stream-", TOLD)] {
        let all = inputs("realtime", &[start]);
        for kind in types {
            let shown = all.contains(&format!("\"type\":\"{kind}\""));
            assert!(shown, "realtime: no golden file {start}* has {kind}");
        }
    }
}

#[test]
fn every_event_type_is_in_a_golden_file() {
    for (folder, types) in TYPES {
        let all = inputs(folder, &["stream-"]);
        for kind in *types {
            let shown = all.contains(&format!("\"type\":\"{kind}\""));
            assert!(shown, "{folder}: no golden file has {kind}");
        }
    }
}
