//! The one table of fields of Gemini's generateContent. What no row names is inspected.
//!
//! Google reads every name in two spellings, `inlineData` and `inline_data`; both are known here.

use std::sync::LazyLock;

use super::Field;

/// Rows of a part, of what is sent or answered.
macro_rules! part {
    ($at:literal) => {
        [
            Field::inspected(concat!($at, "/text"), ""),
            Field::opaque(concat!($at, "/thought"), ""),
            Field::opaque(concat!($at, "/thoughtSignature"), "encrypted"),
            Field::opaque(concat!($at, "/thought_signature"), "encrypted"),
            Field::inspected(concat!($at, "/functionCall/name"), ""),
            Field::inspected(concat!($at, "/functionCall/args/**"), ""),
            Field::opaque(concat!($at, "/functionCall/id"), "a number of the call"),
            Field::inspected(concat!($at, "/function_call/name"), ""),
            Field::inspected(concat!($at, "/function_call/args/**"), ""),
            Field::opaque(concat!($at, "/function_call/id"), "a number of the call"),
            Field::opaque(concat!($at, "/executableCode/language"), ""),
            Field::inspected(concat!($at, "/executableCode/code"), ""),
            Field::opaque(concat!($at, "/executable_code/language"), ""),
            Field::inspected(concat!($at, "/executable_code/code"), ""),
            Field::opaque(concat!($at, "/codeExecutionResult/outcome"), ""),
            Field::inspected(concat!($at, "/codeExecutionResult/output"), ""),
            Field::opaque(concat!($at, "/code_execution_result/outcome"), ""),
            Field::inspected(concat!($at, "/code_execution_result/output"), ""),
        ]
    };
}

/// Rows of what only a request shows: pictures, and what functions gave back.
macro_rules! sent {
    ($at:literal) => {
        [
            Field::opaque(concat!($at, "/inlineData/**"), "a picture: judged as one"),
            Field::opaque(concat!($at, "/inline_data/**"), "the same"),
            Field::opaque(concat!($at, "/fileData/**"), "the same"),
            Field::opaque(concat!($at, "/file_data/**"), "the same"),
            Field::opaque(concat!($at, "/mediaResolution/**"), "a stable word"),
            Field::opaque(concat!($at, "/media_resolution/**"), "a stable word"),
            Field::opaque(concat!($at, "/videoMetadata/**"), "offsets and a rate"),
            Field::opaque(concat!($at, "/video_metadata/**"), "offsets and a rate"),
            Field::inspected(concat!($at, "/functionResponse/name"), ""),
            Field::inspected(concat!($at, "/functionResponse/response/**"), ""),
            Field::opaque(concat!($at, "/functionResponse/id"), ""),
            Field::inspected(concat!($at, "/function_response/name"), ""),
            Field::inspected(concat!($at, "/function_response/response/**"), ""),
            Field::opaque(concat!($at, "/function_response/id"), ""),
        ]
    };
}

/// Rows of the settings.
macro_rules! settings {
    ($at:literal) => {
        [
            Field::inspected(concat!($at, "/stopSequences/*"), ""),
            Field::inspected(concat!($at, "/stop_sequences/*"), ""),
            Field::inspected(concat!($at, "/responseSchema/**"), "words of a schema"),
            Field::inspected(concat!($at, "/response_schema/**"), "words of a schema"),
            Field::inspected(concat!($at, "/responseJsonSchema/**"), "the same"),
            Field::inspected(concat!($at, "/response_json_schema/**"), "the same"),
            Field::opaque(concat!($at, "/responseModalities/*"), "checked: text"),
            Field::opaque(concat!($at, "/response_modalities/*"), "checked: text"),
            Field::refused(concat!($at, "/speechConfig/**"), "asks for a spoken answer"),
            Field::refused(concat!($at, "/speech_config/**"), "the same"),
            Field::opaque(concat!($at, "/temperature"), ""),
            Field::opaque(concat!($at, "/topP"), ""),
            Field::opaque(concat!($at, "/top_p"), ""),
            Field::opaque(concat!($at, "/topK"), ""),
            Field::opaque(concat!($at, "/top_k"), ""),
            Field::opaque(concat!($at, "/candidateCount"), ""),
            Field::opaque(concat!($at, "/candidate_count"), ""),
            Field::opaque(concat!($at, "/maxOutputTokens"), ""),
            Field::opaque(concat!($at, "/max_output_tokens"), ""),
            Field::opaque(concat!($at, "/seed"), ""),
            Field::opaque(concat!($at, "/presencePenalty"), ""),
            Field::opaque(concat!($at, "/presence_penalty"), ""),
            Field::opaque(concat!($at, "/frequencyPenalty"), ""),
            Field::opaque(concat!($at, "/frequency_penalty"), ""),
            Field::opaque(concat!($at, "/responseLogprobs"), ""),
            Field::opaque(concat!($at, "/response_logprobs"), ""),
            Field::opaque(concat!($at, "/logprobs"), ""),
            Field::opaque(concat!($at, "/responseMimeType"), ""),
            Field::opaque(concat!($at, "/response_mime_type"), ""),
            Field::opaque(concat!($at, "/mediaResolution"), ""),
            Field::opaque(concat!($at, "/media_resolution"), ""),
            Field::opaque(concat!($at, "/thinkingConfig/**"), "on, off, a budget"),
            Field::opaque(concat!($at, "/thinking_config/**"), "the same"),
        ]
    };
}

/// Rows of an answer and of each event, which are the same objects.
macro_rules! answer {
    ($at:literal) => {
        [
            Field::opaque(
                concat!($at, "/candidates/*/content/parts/*/inlineData/**"),
                "a picture, checked",
            ),
            Field::opaque(
                concat!($at, "/candidates/*/content/parts/*/fileData/**"),
                "a picture that lies elsewhere, which is the app's to say",
            ),
            Field::opaque(concat!($at, "/candidates/*/content/role"), "model"),
            Field::opaque(concat!($at, "/candidates/*/index"), ""),
            Field::opaque(concat!($at, "/candidates/*/finishReason"), ""),
            Field::inspected(concat!($at, "/candidates/*/finishMessage"), ""),
            Field::opaque(concat!($at, "/candidates/*/safetyRatings/**"), "marks"),
            Field::opaque(concat!($at, "/candidates/*/tokenCount"), ""),
            Field::opaque(concat!($at, "/candidates/*/avgLogprobs"), ""),
            Field::opaque(
                concat!($at, "/candidates/*/logprobsResult/**"),
                "repeats the text: emptied where it is edited",
            ),
            Field::inspected(
                concat!($at, "/candidates/*/citationMetadata/**"),
                "names of quoted pages",
            ),
            Field::inspected(
                concat!($at, "/candidates/*/groundingMetadata/**"),
                "what was searched for and found; parts of the text",
            ),
            Field::inspected(
                concat!($at, "/candidates/*/urlContextMetadata/**"),
                "pages that were read",
            ),
            Field::opaque(concat!($at, "/promptFeedback/blockReason"), ""),
            Field::inspected(concat!($at, "/promptFeedback/blockReasonMessage"), ""),
            Field::opaque(concat!($at, "/promptFeedback/safetyRatings/**"), ""),
            Field::opaque(concat!($at, "/usageMetadata/**"), ""),
            Field::opaque(concat!($at, "/modelVersion"), ""),
            Field::opaque(concat!($at, "/modelStatus/**"), ""),
            Field::opaque(concat!($at, "/responseId"), "the server's own number"),
            Field::opaque(concat!($at, "/createTime"), ""),
            Field::inspected(concat!($at, "/error/message"), ""),
            Field::opaque(concat!($at, "/error/code"), ""),
            Field::opaque(concat!($at, "/error/status"), "a stable word"),
            Field::inspected(concat!($at, "/error/details/**"), ""),
        ]
    };
}

/// Every field that is known.
pub static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
    let mut fields = REQUEST.to_vec();
    fields.extend(part!("/contents/*/parts/*"));
    fields.extend(sent!("/contents/*/parts/*"));
    fields.extend(part!("/systemInstruction/parts/*"));
    fields.extend(part!("/system_instruction/parts/*"));
    fields.extend(settings!("/generationConfig"));
    fields.extend(settings!("/generation_config"));
    fields.extend(answer!("answer:"));
    fields.extend(part!("answer:/candidates/*/content/parts/*"));
    fields
});

const REQUEST: &[Field] = &[
    Field::opaque("/contents/*/role", "checked"),
    Field::opaque("/systemInstruction/role", ""),
    Field::opaque("/system_instruction/role", ""),
    Field::inspected("/tools/*/functionDeclarations/*/name", ""),
    Field::inspected("/tools/*/functionDeclarations/*/description", ""),
    Field::inspected("/tools/*/functionDeclarations/*/parameters/**", ""),
    Field::inspected(
        "/tools/*/functionDeclarations/*/parametersJsonSchema/**",
        "",
    ),
    Field::inspected("/tools/*/function_declarations/*/name", ""),
    Field::inspected("/tools/*/function_declarations/*/description", ""),
    Field::inspected("/tools/*/function_declarations/*/parameters/**", ""),
    Field::opaque("/tools/*/googleSearch/**", "on"),
    Field::opaque("/tools/*/google_search/**", "on"),
    Field::opaque("/tools/*/codeExecution/**", "on"),
    Field::opaque("/tools/*/code_execution/**", "on"),
    Field::opaque("/toolConfig/functionCallingConfig/mode", ""),
    Field::inspected(
        "/toolConfig/functionCallingConfig/allowedFunctionNames/*",
        "",
    ),
    Field::opaque("/safetySettings/**", "the upstream's own filter"),
    Field::opaque("/safety_settings/**", "the same"),
    Field::refused("/cachedContent", "words on the server, out of sight"),
    Field::refused("/cached_content", "the same"),
    Field::opaque("/model", "a name that the upstream resolves"),
    Field::inspected("/labels/**", ""),
];
