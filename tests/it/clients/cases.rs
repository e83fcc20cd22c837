//! What single clients do beside conversations: scenarios and what has to come of them.

use serde_json::{Value, json};

use super::wanted::{
    both_cut, both_whole, counted, cut, denied, ended, failed, listed, nudged, redacted, refused,
    supported, text, whole,
};
use super::{Case, Client, REFUSED, SOUP, case};

/// A message with a picture, whose code says something.
pub const SEEING: &[Case] = &[
    case("picture allowed", "seen", "what is it?", whole)
        .showing("a pear")
        .answered(SOUP),
    case(
        "picture refused for its words",
        "seen",
        "what is it?",
        refused,
    )
    .showing("a turnip"),
    case(
        "words beside a picture blocked",
        "seen",
        "a turnip",
        refused,
    )
    .showing("a pear"),
    case("answer about a picture blocked", "seen", "what is it?", cut)
        .showing("a pear")
        .answered(SOUP_AND_TURNIP),
    case("picture redacted", "seen", "what is it?", whole)
        .showing("a radish")
        .answered(SOUP),
    case(
        "answer about a picture redacted",
        "seen",
        "what is it?",
        redacted,
    )
    .showing("a pear")
    .answered("Soup with a radish on top."),
    case("picture supported", "seen", "what is it?", supported).showing("asparagus"),
    case("picture fails", "seen", "what is it?", failed)
        .showing("a pear")
        .failing(500),
];

/// Answers that are pictures, beside words.
pub const DRAWN: &[Case] = &[
    case("drawn allowed", "drawn", "a boat", shown).drawing("a pear"),
    case("drawn prompt blocked", "drawn", "a turnip", refused).drawing("a pear"),
    case("drawn blocked", "drawn", "a boat", refused).drawing("a turnip"),
    case("drawn redacted", "drawn", "a boat", shown).drawing("a radish"),
    case("drawn supported", "drawn", "asparagus", supported).drawing("a pear"),
    case("drawn fails", "drawn", "a boat", failed).failing(500),
];

pub const ANTHROPIC: &[Case] = &[
    case("models", "models", "", listed),
    case("count allowed", "count", "three small words", counted),
    case("count blocked", "count", "a turnip", denied),
];

/// Kinds that go on from an answer to "a tur".
pub const RESPONSES: &[Case] = &[
    case("models", "models", "", listed),
    case("going on allowed", "goes_on", "soup?", whole).answered(SOUP),
    case(
        "going on, streamed, allowed",
        "goes_on_stream",
        "soup?",
        whole,
    )
    .answered(SOUP),
    case("going on blocked", "goes_on", "nip now", refused),
    case(
        "going on, streamed, blocked",
        "goes_on_stream",
        "nip now",
        refused,
    ),
    case("going on, answer blocked", "goes_on", "soup?", cut).answered(SOUP_AND_TURNIP),
    case("nothing to go on from", "lost", "soup?", forgotten),
];

/// What is spoken: the app of the tests lets no sound through.
pub const REALTIME: &[Case] = &[
    case("spoken allowed", "spoken", "soup?", whole).answered(SOUP),
    case("spoken blocked", "spoken", "soup?", cut).answered(SOUP_AND_TURNIP),
    case("sound refused", "sound", "", soundless),
];

fn soundless(result: &Value, _: &Client) {
    assert_eq!(result["text"], json!(["audio_refused"]));
}

fn forgotten(result: &Value, client: &Client) {
    let error = &result["error"];
    assert_eq!(error["class"], client.denied);
    assert_eq!(error["code"], "previous_response_not_found");
}

pub const OLLAMA: &[Case] = &[
    case("models", "models", "", listed),
    case("generated", "generate", "soup?", whole).answered(SOUP),
    case("streamed generated", "generate_stream", "soup?", whole).answered(SOUP),
    case("generate blocked", "generate", "a turnip", refused),
    case("streamed generate blocked", "generate_stream", "soup?", cut)
        .answered("Soup first, then a turnip, then more."),
    case("embed allowed", "embed", "a soup of leeks", embedded),
    case("embed blocked", "embed", "a turnip", denied),
    case(
        "embed of old allowed",
        "embeddings",
        "a soup of leeks",
        embedded,
    ),
    case("embed of old blocked", "embeddings", "a turnip", denied),
    case("what a model is", "show", "", listed),
    case("what runs", "ps", "", listed),
];

pub const DASHSCOPE: &[Case] = &[
    case("whole told again", "stream_whole", "soup?", whole).answered(SOUP),
    case("whole told again, blocked", "stream_whole", "soup?", cut)
        .answered("Soup first, then a turnip, then more."),
    case(
        "whole told again, redacted",
        "stream_whole",
        "soup?",
        redacted,
    )
    .answered("Soup with a radish on top."),
    case("whole told again, nudged", "stream_whole", "soup?", nudged).answered("Soup of parsnip."),
    case("older form allowed", "stream_text", "soup?", whole).answered(SOUP),
    case("older form refused", "stream_text", "a turnip", refused),
    case("older form blocked", "stream_text", "soup?", cut)
        .answered("Soup first, then a turnip, then more."),
    case("multimodal allowed", "multimodal", "soup?", whole).answered(SOUP),
    case("multimodal refused", "multimodal", "a turnip", refused),
    case(
        "streamed multimodal blocked",
        "multimodal_stream",
        "soup?",
        cut,
    )
    .answered("Soup first, then a turnip, then more."),
    case("image allowed", "image", "a boat on a lake", pictured),
    case("image blocked", "image", "a turnip", denied),
    case("image redacted", "image", "a boat and a radish", pictured),
    case("image supported", "image", "asparagus", denied),
    case("image fails", "image", "a boat", failed).failing(500),
];

pub const OPENAI: &[Case] = &[
    case("models", "models", "", listed),
    case("stream of two allowed", "stream", "soup?", both_whole)
        .answered(SOUP)
        .twice(),
    case("streamed answers blocked", "stream", "soup?", both_cut)
        .answered("Soup first, then a turnip, then more.")
        .twice(),
    case("completion allowed", "completion", "soup?", whole).answered(SOUP),
    case(
        "streamed completion allowed",
        "completion_stream",
        "soup?",
        whole,
    )
    .answered(SOUP),
    case("completion blocked", "completion", "a turnip", refused),
    case(
        "streamed completion blocked",
        "completion_stream",
        "soup?",
        cut,
    )
    .answered("Soup first, then a turnip, then more."),
    case("image allowed", "image", "a boat on a lake", pictured),
    case("image blocked", "image", "a turnip", denied),
    case("image redacted", "image", "a boat and a radish", pictured),
    case("image supported", "image", "asparagus", denied),
    case("image blocked for what it shows", "image", "a boat", denied).drawing("a turnip"),
    case(
        "image redacted for what it shows",
        "image",
        "a boat",
        pictured,
    )
    .drawing("a radish"),
    case("image fails", "image", "a boat", failed).failing(500),
    case(
        "image edit allowed",
        "image_edit",
        "a boat on a lake",
        pictured,
    ),
    case("image edit blocked", "image_edit", "a turnip", denied),
    case(
        "image edit blocked for its picture",
        "image_edit",
        "a boat",
        denied,
    )
    .showing("a turnip"),
    case("image variation", "image_variation", "u1", pictured),
    case(
        "image variation blocked",
        "image_variation",
        "turnip",
        denied,
    ),
    case("image stream allowed", "image_stream", "a boat", pictured),
    case("image stream blocked", "image_stream", "a turnip", denied),
    case(
        "image stream blocked for what it shows",
        "image_stream",
        "a boat",
        streamed_denied,
    )
    .drawing("a turnip"),
    case("image stream fails", "image_stream", "a boat", failed).failing(500),
    case("embedding allowed", "embedding", "a boat", embedded),
    case("embedding redacted", "embedding", "a radish", embedded),
    case("embedding blocked", "embedding", "a turnip", denied),
    case("embedding fails", "embedding", "a boat", failed).failing(500),
    case("speech allowed", "speech", "a boat", sounds),
    case("speech blocked", "speech", "a turnip", denied),
    case("speech fails", "speech", "a boat", failed).failing(500),
    case("transcript allowed", "transcript", "", heard).answered(SOUP),
    case("transcript blocked", "transcript", "a turnip", denied),
    case("transcript cut", "transcript", "", heard_cut).answered(SOUP_AND_TURNIP),
    case("transcript fails", "transcript", "", failed).failing(500),
    case("captions cut", "transcript_vtt", "", heard_cut).answered(SOUP_AND_TURNIP),
    case("segments allowed", "transcript_verbose", "", heard).answered(SOUP),
    case("segments cut", "transcript_verbose", "", heard_cut).answered(SOUP_AND_TURNIP),
    case(
        "streamed transcript allowed",
        "transcript_stream",
        "",
        heard,
    )
    .answered(SOUP),
    case(
        "streamed transcript cut",
        "transcript_stream",
        "",
        heard_cut,
    )
    .answered(SOUP_AND_TURNIP),
    case(
        "streamed transcript redacted",
        "transcript_stream",
        "",
        heard_redacted,
    )
    .answered("Soup with a radish on top."),
    case("moderation allowed", "moderation", "a boat", unflagged),
    case("moderation flagged", "moderation", "a turnip", flagged),
    case("moderation of a picture", "moderation", "a boat", unflagged).showing("a pear"),
    case(
        "moderation of a picture flagged",
        "moderation",
        "a boat",
        flagged,
    )
    .showing("a turnip"),
    case(
        "moderation of a cry for help",
        "moderation",
        "asparagus",
        flagged,
    ),
];

const SOUP_AND_TURNIP: &str = "Soup first, then a turnip, then more.";

/// Words, a picture, and an ordinary end.
fn shown(result: &Value, client: &Client) {
    ended(result, client.stopped);
    assert_eq!(result["images"], 1);
}

/// An error event within a stream.
fn streamed_denied(result: &Value, _: &Client) {
    assert_eq!(result["ok"], false, "{result}");
    assert_eq!(result["error"]["code"], "moderation_blocked");
}

pub fn pictured(result: &Value, _: &Client) {
    assert_eq!(result["ok"], true);
    assert_eq!(result["images"], 1);
}

pub fn embedded(result: &Value, _: &Client) {
    assert_eq!(result["ok"], true);
    assert_eq!(result["images"], 4);
}

fn sounds(result: &Value, _: &Client) {
    assert_eq!(result["ok"], true);
    assert_eq!(result["images"], 8);
}

fn heard(result: &Value, _: &Client) {
    assert_eq!(result["ok"], true);
    assert_eq!(text(result), SOUP);
}

fn heard_cut(result: &Value, _: &Client) {
    assert_eq!(result["ok"], true);
    let told = result["text"].to_string();
    assert!(told.contains("Soup first") && told.contains(REFUSED));
    assert!(!told.contains("turnip") && !told.contains("then more"));
}

fn heard_redacted(result: &Value, _: &Client) {
    assert_eq!(result["ok"], true);
    assert!(text(result).starts_with("Soup with a ") && !text(result).contains("radish"));
}

fn unflagged(result: &Value, _: &Client) {
    assert_eq!(result["text"], json!(["false"]));
}

fn flagged(result: &Value, _: &Client) {
    assert_eq!(result["text"], json!(["true"]));
}
