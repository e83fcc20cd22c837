//! The one table of fields of OpenAI responses. What no row names is inspected.
//!
//! Items of an answer stand in four places (the answer, an event's item, a part, the whole response
//! that ends a stream), so their rows are written once and repeated for each.

use std::sync::LazyLock;

use super::Field;

/// Rows of a part of a message or of reasoning.
macro_rules! part {
    ($at:literal) => {
        [
            Field::opaque(concat!($at, "/type"), "checked"),
            Field::inspected(concat!($at, "/text"), ""),
            Field::inspected(concat!($at, "/refusal"), ""),
            Field::opaque(concat!($at, "/annotations/*/type"), ""),
            Field::inspected(concat!($at, "/annotations/*/title"), ""),
            Field::inspected(concat!($at, "/annotations/*/url"), ""),
            Field::inspected(concat!($at, "/annotations/*/filename"), ""),
            Field::opaque(concat!($at, "/annotations/*/start_index"), ""),
            Field::opaque(concat!($at, "/annotations/*/end_index"), ""),
            Field::opaque(concat!($at, "/annotations/*/index"), ""),
            Field::opaque(concat!($at, "/annotations/*/file_id"), ""),
            Field::inspected(concat!($at, "/annotations/**"), "names of quoted pages"),
            Field::opaque(
                concat!($at, "/logprobs/**"),
                "repeat the text: emptied where it is edited",
            ),
        ]
    };
}

/// Rows of an item of an answer.
macro_rules! item {
    ($at:literal) => {
        [
            Field::opaque(concat!($at, "/type"), "checked"),
            Field::opaque(concat!($at, "/id"), "the server's own number"),
            Field::opaque(concat!($at, "/call_id"), "the server's own number"),
            Field::opaque(concat!($at, "/status"), ""),
            Field::opaque(concat!($at, "/role"), ""),
            Field::opaque(concat!($at, "/phase"), "commentary or final_answer"),
            Field::opaque(concat!($at, "/encrypted_content"), "encrypted"),
            Field::inspected(concat!($at, "/name"), ""),
            Field::inspected(concat!($at, "/arguments"), ""),
            Field::inspected(concat!($at, "/input"), ""),
            Field::opaque(concat!($at, "/action/type"), ""),
            Field::inspected(concat!($at, "/action/query"), ""),
            Field::inspected(concat!($at, "/action/queries/*"), ""),
            Field::inspected(concat!($at, "/action/url"), ""),
            Field::inspected(concat!($at, "/action/pattern"), ""),
            Field::opaque(concat!($at, "/action/sources/*/type"), ""),
            Field::inspected(concat!($at, "/action/sources/*/url"), ""),
            Field::inspected(concat!($at, "/action/**"), "what was searched for"),
            Field::opaque(concat!($at, "/summary/*/type"), "checked"),
            Field::inspected(concat!($at, "/summary/*/text"), ""),
        ]
    };
}

/// Rows of a response beside its output: most of it repeats the request.
macro_rules! response {
    ($at:literal) => {
        [
            Field::opaque(concat!($at, "/id"), "the server's own number"),
            Field::opaque(concat!($at, "/object"), ""),
            Field::opaque(concat!($at, "/created_at"), ""),
            Field::opaque(concat!($at, "/completed_at"), ""),
            Field::opaque(concat!($at, "/status"), ""),
            Field::opaque(concat!($at, "/model"), ""),
            Field::opaque(concat!($at, "/incomplete_details/**"), "a stable word"),
            Field::inspected(concat!($at, "/error/message"), ""),
            Field::opaque(concat!($at, "/error/code"), "a stable word"),
            Field::opaque(concat!($at, "/error/type"), "a stable word"),
            Field::opaque(concat!($at, "/error/param"), "a pointer"),
            Field::opaque(concat!($at, "/instructions/**"), "repeats the request"),
            Field::opaque(concat!($at, "/metadata/**"), "repeats the request"),
            Field::opaque(concat!($at, "/tools/**"), "repeats the request"),
            Field::opaque(concat!($at, "/tool_choice/**"), "repeats the request"),
            Field::opaque(concat!($at, "/text/**"), "repeats the request"),
            Field::opaque(concat!($at, "/reasoning/**"), "repeats the request"),
            Field::opaque(concat!($at, "/user"), "repeats the request"),
            Field::opaque(concat!($at, "/safety_identifier"), "repeats the request"),
            Field::opaque(concat!($at, "/prompt_cache_key"), "repeats the request"),
            Field::opaque(concat!($at, "/prompt_cache_retention"), ""),
            Field::opaque(concat!($at, "/truncation"), ""),
            Field::opaque(concat!($at, "/service_tier"), ""),
            Field::opaque(concat!($at, "/billing/**"), ""),
            Field::opaque(concat!($at, "/background"), ""),
            Field::opaque(concat!($at, "/store"), ""),
            Field::opaque(concat!($at, "/temperature"), ""),
            Field::opaque(concat!($at, "/top_p"), ""),
            Field::opaque(concat!($at, "/top_logprobs"), ""),
            Field::opaque(concat!($at, "/max_output_tokens"), ""),
            Field::opaque(concat!($at, "/max_tool_calls"), ""),
            Field::opaque(concat!($at, "/parallel_tool_calls"), ""),
            Field::opaque(concat!($at, "/frequency_penalty"), ""),
            Field::opaque(concat!($at, "/presence_penalty"), ""),
            Field::opaque(concat!($at, "/previous_response_id"), ""),
            Field::opaque(concat!($at, "/usage/**"), ""),
        ]
    };
}

/// Every field that is known.
pub static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
    let mut fields = REQUEST.to_vec();
    fields.extend(response!("answer:"));
    fields.extend(item!("answer:/output/*"));
    fields.extend(part!("answer:/output/*/content/*"));
    fields.extend_from_slice(EVENT);
    fields.extend(item!("event:/item"));
    fields.extend(part!("event:/item/content/*"));
    fields.extend(part!("event:/part"));
    fields.extend(response!("event:/response"));
    fields.extend(item!("event:/response/output/*"));
    fields.extend(part!("event:/response/output/*/content/*"));
    fields
});

const REQUEST: &[Field] = &[
    Field::inspected("/input", ""),
    Field::opaque("/input/*/type", "checked"),
    Field::opaque("/input/*/role", "checked"),
    Field::opaque("/input/*/status", ""),
    Field::opaque("/input/*/phase", ""),
    Field::opaque("/input/*/id", "the server's own number"),
    Field::inspected("/input/*/content", ""),
    Field::opaque("/input/*/content/*/type", "checked"),
    Field::inspected("/input/*/content/*/text", ""),
    Field::inspected("/input/*/content/*/refusal", ""),
    Field::opaque("/input/*/content/*/image_url", "a picture: judged as one"),
    Field::opaque("/input/*/content/*/file_id", "a picture; the same"),
    Field::opaque("/input/*/content/*/detail", "low, high or auto"),
    Field::opaque("/input/*/content/*/annotations/**", "of an earlier answer"),
    Field::opaque("/input/*/content/*/logprobs/**", "of an earlier answer"),
    Field::inspected("/input/*/call_id", ""),
    Field::inspected("/input/*/name", ""),
    Field::inspected("/input/*/arguments", ""),
    Field::inspected("/input/*/input", ""),
    Field::inspected("/input/*/output", ""),
    Field::opaque("/input/*/output/*/type", "checked"),
    Field::inspected("/input/*/output/*/text", ""),
    Field::opaque("/input/*/output/*/image_url", "a picture"),
    Field::opaque("/input/*/output/*/file_id", "a picture"),
    Field::opaque("/input/*/output/*/detail", ""),
    Field::opaque("/input/*/summary/*/type", ""),
    Field::inspected("/input/*/summary/*/text", ""),
    Field::opaque("/input/*/encrypted_content", "encrypted"),
    Field::opaque("/input/*/action/type", ""),
    Field::inspected("/input/*/action/query", ""),
    Field::inspected("/input/*/action/**", "what was searched for"),
    Field::inspected("/instructions", ""),
    Field::opaque("/tools/*/type", "checked"),
    Field::inspected("/tools/*/name", ""),
    Field::inspected("/tools/*/description", ""),
    Field::inspected("/tools/*/parameters/**", ""),
    Field::inspected("/tools/*/format/**", ""),
    Field::opaque("/tools/*/strict", ""),
    Field::opaque("/tools/*/search_context_size", ""),
    Field::opaque("/tool_choice", "auto, none or required"),
    Field::opaque("/tool_choice/type", ""),
    Field::inspected("/tool_choice/name", ""),
    Field::opaque("/text/format/type", ""),
    Field::inspected("/text/format/name", ""),
    Field::inspected("/text/format/description", ""),
    Field::inspected("/text/format/schema/**", ""),
    Field::opaque("/text/format/strict", ""),
    Field::opaque("/text/verbosity", ""),
    Field::inspected("/user", ""),
    Field::inspected("/safety_identifier", ""),
    Field::inspected("/prompt_cache_key", ""),
    Field::inspected("/metadata/**", ""),
    Field::opaque("/include/*", "names of fields"),
    Field::opaque(
        "/previous_response_id",
        "joined with what was said before, or refused, as the app says",
    ),
    Field::refused(
        "/conversation/**",
        "what was said before is on the server, out of sight",
    ),
    Field::refused("/prompt/**", "a text on the server, out of sight"),
    Field::opaque("/model", "a name that the upstream resolves"),
    Field::opaque("/stream", "typed"),
    Field::opaque("/stream_options/**", ""),
    Field::opaque("/background", "checked: an answer is read when it is given"),
    Field::opaque("/store", ""),
    Field::opaque("/reasoning/**", "effort, summary"),
    Field::opaque("/temperature", ""),
    Field::opaque("/top_p", ""),
    Field::opaque("/top_logprobs", ""),
    Field::opaque("/max_output_tokens", ""),
    Field::opaque("/max_tool_calls", ""),
    Field::opaque("/parallel_tool_calls", ""),
    Field::opaque("/service_tier", ""),
    Field::opaque("/truncation", ""),
    Field::opaque("/prompt_cache_retention", ""),
];

const EVENT: &[Field] = &[
    Field::opaque("event:/type", "checked: unknown types are refused"),
    Field::opaque("event:/sequence_number", ""),
    Field::opaque("event:/output_index", ""),
    Field::opaque("event:/content_index", ""),
    Field::opaque("event:/summary_index", ""),
    Field::opaque("event:/annotation_index", ""),
    Field::opaque("event:/item_id", "the server's own number"),
    Field::opaque("event:/obfuscation", "random padding"),
    Field::opaque(
        "event:/logprobs/**",
        "repeat the text: emptied where it is edited",
    ),
    Field::inspected("event:/delta", ""),
    Field::inspected("event:/text", ""),
    Field::inspected("event:/refusal", ""),
    Field::inspected("event:/arguments", ""),
    Field::inspected("event:/input", ""),
    Field::inspected("event:/name", ""),
    Field::opaque("event:/annotation/type", ""),
    Field::inspected("event:/annotation/title", ""),
    Field::inspected("event:/annotation/url", ""),
    Field::opaque("event:/annotation/start_index", ""),
    Field::opaque("event:/annotation/end_index", ""),
    Field::inspected("event:/annotation/**", "names of quoted pages"),
    Field::inspected("event:/message", "of an error"),
    Field::opaque("event:/code", "a stable word"),
    Field::opaque("event:/param", "a pointer"),
    Field::inspected("event:/error/message", ""),
    Field::opaque("event:/error/code", "a stable word"),
    Field::opaque("event:/error/type", "a stable word"),
    Field::opaque("event:/error/param", "a pointer"),
];
