//! The one table of fields of OpenAI's realtime events, both ways. What no row names is inspected.
//!
//! Rows of what the caller sends have no prefix, those of what the server tells begin with `event:`.
//! Items stand in several places, so their rows are written once and repeated for each; settings of a
//! session and of one response likewise.

use std::sync::LazyLock;

use super::Field;

/// Rows of an item, whoever tells it.
macro_rules! item {
    ($at:literal) => {
        [
            Field::opaque(concat!($at, "/type"), "checked"),
            Field::opaque(concat!($at, "/id"), "a number"),
            Field::opaque(concat!($at, "/object"), ""),
            Field::opaque(concat!($at, "/status"), ""),
            Field::opaque(concat!($at, "/role"), "checked"),
            Field::opaque(concat!($at, "/phase"), "commentary or final_answer"),
            Field::inspected(concat!($at, "/content"), ""),
            Field::opaque(concat!($at, "/content/*/type"), "checked"),
            Field::inspected(concat!($at, "/content/*/text"), ""),
            Field::inspected(concat!($at, "/content/*/transcript"), ""),
            Field::opaque(
                concat!($at, "/content/*/audio"),
                "sound: refused in what is sent; emptied where its transcript is edited",
            ),
            Field::opaque(
                concat!($at, "/content/*/image_url"),
                "a picture: judged as one",
            ),
            Field::opaque(concat!($at, "/content/*/detail"), "auto, low or high"),
            Field::opaque(concat!($at, "/approve"), ""),
            Field::opaque(concat!($at, "/approval_request_id"), "a number"),
            Field::inspected(concat!($at, "/reason"), ""),
            Field::inspected(concat!($at, "/name"), ""),
            Field::inspected(concat!($at, "/arguments"), ""),
            Field::inspected(concat!($at, "/output"), ""),
            Field::inspected(concat!($at, "/server_label"), ""),
            Field::opaque(concat!($at, "/error/type"), "a stable word"),
            Field::opaque(concat!($at, "/error/code"), ""),
            Field::inspected(concat!($at, "/error/message"), ""),
            Field::inspected(concat!($at, "/tools/*/name"), ""),
            Field::inspected(concat!($at, "/tools/*/description"), ""),
            Field::inspected(concat!($at, "/tools/*/input_schema/**"), ""),
            Field::inspected(concat!($at, "/tools/*/annotations/**"), ""),
        ]
    };
}

/// Rows of what is set for a session or for one response.
macro_rules! settings {
    ($at:literal) => {
        [
            Field::inspected(concat!($at, "/instructions"), ""),
            Field::opaque(concat!($at, "/type"), "checked"),
            Field::opaque(concat!($at, "/id"), "a number"),
            Field::opaque(concat!($at, "/object"), ""),
            Field::opaque(concat!($at, "/model"), "a name that the upstream resolves"),
            Field::opaque(concat!($at, "/conversation"), "auto, none or a number"),
            Field::opaque(concat!($at, "/tools/*/type"), "checked"),
            Field::inspected(concat!($at, "/tools/*/name"), ""),
            Field::inspected(concat!($at, "/tools/*/description"), ""),
            Field::inspected(concat!($at, "/tools/*/parameters/**"), ""),
            Field::opaque(concat!($at, "/tool_choice"), "auto, none or required"),
            Field::opaque(concat!($at, "/tool_choice/type"), ""),
            Field::inspected(concat!($at, "/tool_choice/name"), ""),
            Field::opaque(concat!($at, "/parallel_tool_calls"), ""),
            Field::opaque(concat!($at, "/modalities/*"), "text or audio: checked"),
            Field::opaque(
                concat!($at, "/output_modalities/*"),
                "text or audio: checked",
            ),
            Field::opaque(concat!($at, "/audio/**"), "formats, voices, turn taking"),
            Field::inspected(concat!($at, "/audio/input/transcription/prompt"), ""),
            Field::inspected(concat!($at, "/audio/input/transcription/keywords/*"), ""),
            Field::opaque(concat!($at, "/voice"), "a name"),
            Field::opaque(concat!($at, "/voice/id"), "a number"),
            Field::opaque(concat!($at, "/speed"), ""),
            Field::opaque(concat!($at, "/input_audio_format"), ""),
            Field::opaque(concat!($at, "/output_audio_format"), ""),
            Field::opaque(concat!($at, "/input_audio_transcription/model"), ""),
            Field::opaque(concat!($at, "/input_audio_transcription/language"), ""),
            Field::inspected(concat!($at, "/input_audio_transcription/prompt"), ""),
            Field::opaque(concat!($at, "/input_audio_noise_reduction/**"), ""),
            Field::opaque(concat!($at, "/turn_detection/**"), ""),
            Field::opaque(concat!($at, "/include/*"), "names of fields"),
            Field::opaque(concat!($at, "/temperature"), ""),
            Field::opaque(concat!($at, "/max_output_tokens"), ""),
            Field::opaque(concat!($at, "/max_response_output_tokens"), ""),
            Field::opaque(concat!($at, "/reasoning/**"), "effort"),
            Field::opaque(concat!($at, "/truncation/**"), ""),
            Field::opaque(concat!($at, "/tracing"), "auto"),
            Field::inspected(concat!($at, "/tracing/workflow_name"), ""),
            Field::inspected(concat!($at, "/tracing/group_id"), ""),
            Field::inspected(concat!($at, "/tracing/metadata/**"), ""),
            Field::inspected(concat!($at, "/metadata/**"), ""),
            Field::refused(
                concat!($at, "/prompt/**"),
                "a text on the server, out of sight",
            ),
        ]
    };
}

/// Every field that is known.
pub static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
    let mut fields = SENT.to_vec();
    fields.extend(item!("/item"));
    fields.extend(settings!("/session"));
    fields.extend(settings!("/response"));
    fields.extend(item!("/response/input/*"));
    fields.extend_from_slice(TOLD);
    fields.extend(item!("event:/item"));
    fields.extend(item!("event:/response/output/*"));
    fields
});

const SENT: &[Field] = &[
    Field::opaque("/type", "checked: unknown types are refused"),
    Field::opaque("/event_id", "a number"),
    Field::opaque("/previous_item_id", "a number"),
    Field::opaque("/item_id", "a number"),
    Field::opaque("/response_id", "a number"),
    Field::opaque("/content_index", ""),
    Field::opaque("/audio_end_ms", ""),
    Field::opaque("/audio", "sound: sent on where the app says so, or refused"),
    Field::inspected("/item/call_id", ""),
    Field::inspected("/response/input/*/call_id", ""),
];

const TOLD: &[Field] = &[
    Field::opaque("event:/type", "checked: unknown types are withheld"),
    Field::opaque("event:/event_id", "a number"),
    Field::opaque("event:/response_id", "a number"),
    Field::opaque("event:/item_id", "a number"),
    Field::opaque("event:/previous_item_id", "a number"),
    Field::opaque("event:/call_id", "a number"),
    Field::opaque("event:/item/call_id", "a number"),
    Field::opaque("event:/response/output/*/call_id", "a number"),
    Field::opaque("event:/output_index", ""),
    Field::opaque("event:/content_index", ""),
    Field::opaque("event:/audio_start_ms", ""),
    Field::opaque("event:/audio_end_ms", ""),
    Field::opaque("event:/received_at", ""),
    Field::opaque("event:/event", "a key of a telephone"),
    Field::opaque("event:/obfuscation", "random padding"),
    Field::opaque("event:/id", "of a segment"),
    Field::opaque("event:/speaker", "a label of the server's own"),
    Field::opaque("event:/start", ""),
    Field::opaque("event:/end", ""),
    Field::opaque("event:/languages/**", "codes"),
    Field::opaque("event:/usage/**", ""),
    Field::opaque("event:/rate_limits/**", ""),
    Field::opaque("event:/conversation/**", "a number"),
    Field::opaque("event:/session/**", "repeats what was set"),
    Field::opaque(
        "event:/logprobs/**",
        "repeat the text: emptied where it is edited",
    ),
    Field::inspected("event:/delta", "words; of audio events: sound, see below"),
    Field::inspected("event:/text", ""),
    Field::inspected("event:/transcript", ""),
    Field::inspected("event:/arguments", ""),
    Field::inspected("event:/name", ""),
    Field::opaque("event:/part/type", "checked"),
    Field::inspected("event:/part/text", ""),
    Field::inspected("event:/part/transcript", ""),
    Field::opaque(
        "event:/part/audio",
        "sound: emptied where its transcript is edited",
    ),
    Field::inspected("event:/error/message", ""),
    Field::opaque("event:/error/type", "a stable word"),
    Field::opaque("event:/error/code", "a stable word"),
    Field::opaque("event:/error/param", "a pointer"),
    Field::opaque("event:/error/event_id", "a number"),
    Field::opaque("event:/response/id", "a number"),
    Field::opaque("event:/response/object", ""),
    Field::opaque("event:/response/status", ""),
    Field::opaque("event:/response/status_details/**", "stable words"),
    Field::inspected("event:/response/status_details/error/message", ""),
    Field::opaque("event:/response/conversation_id", "a number"),
    Field::opaque("event:/response/metadata/**", "repeats the request"),
    Field::opaque("event:/response/modalities/*", ""),
    Field::opaque("event:/response/output_modalities/*", ""),
    Field::opaque("event:/response/voice", "a name"),
    Field::opaque("event:/response/audio/**", "formats and voices"),
    Field::opaque("event:/response/output_audio_format", ""),
    Field::opaque("event:/response/temperature", ""),
    Field::opaque("event:/response/max_output_tokens", ""),
    Field::opaque("event:/response/usage/**", ""),
];
