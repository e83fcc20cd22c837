//! The one table of fields of DashScope's text and multimodal generation. What no row names is
//! inspected.

use super::Field;

/// Every field that is known; the two endpoints share what they have in common.
pub static FIELDS: &[Field] = &[
    // Requests.
    Field::opaque("/model", "a name that the upstream resolves"),
    Field::inspected("/input/prompt", ""),
    Field::inspected("/input/history/*/user", "an older form of messages"),
    Field::inspected("/input/history/*/bot", "an older form of messages"),
    Field::opaque(
        "/input/customized_model_id",
        "a name that the upstream resolves",
    ),
    Field::opaque("/input/messages/*/role", "checked"),
    Field::inspected("/input/messages/*/content", ""),
    Field::inspected("/input/messages/*/content/*/text", ""),
    Field::opaque(
        "/input/messages/*/content/*/image",
        "a picture; passed on unseen for now",
    ),
    Field::inspected("/input/messages/*/reasoning_content", ""),
    Field::inspected("/input/messages/*/name", ""),
    Field::opaque("/input/messages/*/tool_call_id", "a number of the call"),
    Field::inspected("/input/messages/*/tool_calls/*/function/name", ""),
    Field::inspected("/input/messages/*/tool_calls/*/function/arguments", ""),
    Field::opaque("/input/messages/*/tool_calls/*/id", "a number of the call"),
    Field::opaque("/input/messages/*/tool_calls/*/type", "checked: function"),
    Field::opaque("/parameters/result_format", "text or message"),
    Field::inspected("/parameters/stop", ""),
    Field::inspected("/parameters/stop/*", ""),
    Field::opaque("/parameters/tools/*/type", "checked: function"),
    Field::inspected("/parameters/tools/*/function/name", ""),
    Field::inspected("/parameters/tools/*/function/description", ""),
    Field::inspected("/parameters/tools/*/function/parameters/**", ""),
    Field::inspected("/parameters/tool_choice/**", ""),
    Field::inspected("/parameters/response_format/**", ""),
    Field::opaque("/parameters/response_format/type", "a stable word"),
    Field::opaque("/parameters/size", ""),
    Field::inspected("/parameters/negative_prompt", "of pictures"),
    Field::opaque("/parameters/modalities/*", "checked: text"),
    Field::refused("/parameters/audio/**", "sound cannot be inspected yet"),
    Field::refused("/parameters/voice", "sound cannot be inspected yet"),
    Field::opaque("/task_group", "aigc"),
    Field::opaque("/task", "a stable word"),
    Field::opaque("/function", "generation"),
    // Answers; the events of a stream are the same objects.
    Field::inspected("answer:/output/text", ""),
    Field::opaque("answer:/output/finish_reason", "a stable word"),
    Field::opaque("answer:/output/choices/*/finish_reason", "a stable word"),
    Field::opaque("answer:/output/choices/*/message/role", ""),
    Field::inspected("answer:/output/choices/*/message/content", ""),
    Field::inspected("answer:/output/choices/*/message/content/*/text", ""),
    Field::opaque(
        "answer:/output/choices/*/message/content/*/image",
        "a picture",
    ),
    Field::refused(
        "answer:/output/choices/*/message/content/*/audio",
        "sound cannot be inspected yet",
    ),
    Field::inspected("answer:/output/choices/*/message/reasoning_content", ""),
    Field::inspected(
        "answer:/output/choices/*/message/tool_calls/*/function/name",
        "",
    ),
    Field::inspected(
        "answer:/output/choices/*/message/tool_calls/*/function/arguments",
        "",
    ),
    Field::opaque(
        "answer:/output/choices/*/message/tool_calls/*/id",
        "a number of the call",
    ),
    Field::opaque("answer:/output/choices/*/message/tool_calls/*/type", ""),
    Field::opaque(
        "answer:/output/choices/*/logprobs/**",
        "repeat the text: emptied where it is edited",
    ),
    Field::refused("answer:/output/audio/**", "sound cannot be inspected yet"),
    Field::inspected("answer:/output/search_info/**", ""),
    Field::opaque("answer:/usage/**", ""),
    Field::opaque("answer:/request_id", "the server's own number"),
    Field::opaque("answer:/code", "a stable word"),
    Field::inspected("answer:/message", "an error's"),
];
