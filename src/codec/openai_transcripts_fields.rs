//! The one table of fields of OpenAI transcriptions and translations. What no row names is inspected.

use super::{Field, openai};

/// Every field that is known; the two endpoints share what they have in common.
pub static FIELDS: &[Field] =
    &openai::joined::<{ OWN.len() + 8 }>(&[OWN, &openai::ERROR, &openai::ERROR_EVENT]);

/// What an error object is not.
const OWN: &[Field] = &[
    // Requests: fields of a form.
    Field::inspected("/prompt", ""),
    Field::inspected("/known_speaker_names[]", ""),
    Field::opaque("/known_speaker_references[]", "sound, as data URLs"),
    Field::opaque("/model", "a name that the upstream resolves"),
    Field::opaque("/language", ""),
    Field::opaque("/response_format", ""),
    Field::opaque("/temperature", ""),
    Field::opaque("/stream", "typed"),
    Field::opaque("/include[]", "logprobs"),
    Field::opaque("/timestamp_granularities[]", "word, segment"),
    Field::opaque("/chunking_strategy", "when a silence is an end"),
    // Answers that are documents; the others are lines.
    Field::inspected("answer:/text", ""),
    Field::inspected("answer:/segments/*/text", ""),
    Field::inspected("answer:/segments/*/speaker", ""),
    Field::opaque("answer:/segments/*/tokens/**", "numbers; emptied on edits"),
    Field::opaque("answer:/segments/*/id", "the server's own number"),
    Field::opaque("answer:/segments/*/type", ""),
    Field::opaque("answer:/segments/*/seek", ""),
    Field::opaque("answer:/segments/*/start", ""),
    Field::opaque("answer:/segments/*/end", ""),
    Field::opaque("answer:/segments/*/temperature", ""),
    Field::opaque("answer:/segments/*/avg_logprob", ""),
    Field::opaque("answer:/segments/*/compression_ratio", ""),
    Field::opaque("answer:/segments/*/no_speech_prob", ""),
    Field::inspected("answer:/words/*/word", ""),
    Field::opaque("answer:/words/*/start", ""),
    Field::opaque("answer:/words/*/end", ""),
    Field::opaque("answer:/logprobs/**", "emptied on edits"),
    Field::opaque("answer:/task", ""),
    Field::opaque("answer:/language", ""),
    Field::opaque("answer:/duration", ""),
    Field::opaque("answer:/usage/**", ""),
    // Events.
    Field::opaque("event:/type", "checked"),
    Field::inspected("event:/delta", ""),
    Field::inspected("event:/text", "of a segment, or all that was said"),
    Field::inspected("event:/speaker", ""),
    Field::opaque("event:/logprobs/**", "emptied on edits"),
    Field::opaque("event:/id", "the server's own number"),
    Field::opaque("event:/segment_id", "the server's own number"),
    Field::opaque("event:/start", ""),
    Field::opaque("event:/end", ""),
    Field::opaque("event:/usage/**", ""),
];
