//! One file per API dialect; nobody else touches a provider's JSON.
//!
//! A [`Codec`] turns bodies into parts and pieces, edits into bytes, and phrases what wardgate
//! itself has to say as its dialect would. It knows JSON, multipart and framings; it knows no rule.
//!
//! **Closed by default.** Each dialect lists its fields in one table ([`Codec::fields`]): inspected,
//! opaque or refused. A string in a place that no table names is inspected; an object of an
//! unknown *type* (content part, event, tool kind) is refused.

pub mod addresses;
pub mod answer;
pub mod anthropic;
mod anthropic_fields;
mod anthropic_reply;
mod anthropic_shape;
pub mod array;
pub mod captions;
pub mod check;
pub mod comfy;
mod comfy_graph;
pub mod cut;
pub mod dashscope;
mod dashscope_fields;
pub mod dashscope_images;
mod dashscope_shape;
pub mod form;
pub mod framing;
pub mod gemini;
mod gemini_fields;
mod gemini_shape;
pub mod guard_check;
pub mod json;
pub mod lines;
pub mod litellm;
pub mod members;
pub mod moderations;
pub mod multipart;
pub mod ollama;
pub mod ollama_embed;
mod ollama_fields;
pub mod openai;
pub mod openai_chat;
mod openai_chat_fields;
mod openai_chat_shape;
pub mod openai_completions;
pub mod openai_embeddings;
pub mod openai_images;
mod openai_reply;
pub mod openai_speech;
pub mod openai_transcripts;
mod openai_transcripts_fields;
pub mod pictures;
pub mod realtime;
mod realtime_fields;
pub mod realtime_reply;
mod realtime_shape;
mod response_events;
pub mod responses;
mod responses_fields;
mod responses_reply;
mod responses_shape;
mod responses_thread;
pub mod splice;
pub mod sse;
mod sse_frame;
pub mod table;
pub mod webui;

use std::ops::Range;

use bytes::Bytes;
use http::HeaderMap;

pub use answer::AnswerKind;
pub use framing::Framing;

use crate::message::{Media, Output, Part};

/// Every dialect. Adding one is a file and a line here.
pub static CODECS: &[&dyn Codec] = &[
    &openai_chat::OpenAiChat,
    &openai_completions::OpenAiCompletions,
    &openai_images::OpenAiImages::Generations,
    &openai_images::OpenAiImages::Edits,
    &openai_images::OpenAiImages::Variations,
    &openai_embeddings::OpenAiEmbeddings,
    &openai_speech::OpenAiSpeech,
    &openai_transcripts::OpenAiTranscripts::Transcriptions,
    &openai_transcripts::OpenAiTranscripts::Translations,
    &anthropic::Anthropic::Messages,
    &anthropic::Anthropic::CountTokens,
    &responses::Responses,
    &realtime::CURRENT,
    &ollama::Ollama::Chat,
    &ollama::Ollama::Generate,
    &gemini::Gemini::Whole,
    &gemini::Gemini::Streamed,
    &ollama_embed::OllamaEmbed::Embed,
    &ollama_embed::OllamaEmbed::Embeddings,
    &ollama_embed::OllamaEmbed::Show,
    &dashscope::DashScope::Text,
    &dashscope::DashScope::Multimodal,
    &dashscope_images::DashScopeImages::Synthesis,
    &dashscope_images::DashScopeImages::Task,
    &webui::WebUi::TextToImage,
    &webui::WebUi::ImageToImage,
    &comfy::Comfy::Prompt,
    &comfy::Comfy::History,
];

/// The dialect that answers to `path`.
pub fn for_path(path: &str) -> Option<&'static dyn Codec> {
    let answers = |codec: &&&dyn Codec| named(**codec, path).is_some();
    CODECS.iter().find(answers).copied()
}

/// The dialect that lets `GET path` pass by declaration.
pub fn for_listing(path: &str) -> Option<&'static dyn Codec> {
    let lists = |codec: &&&dyn Codec| {
        let mut patterns = codec.listings().iter();
        patterns.any(|pattern| fit(pattern, path).is_some())
    };
    CODECS.iter().find(lists).copied()
}

/// The name in `path` of the model that a codec is asked for: empty where its paths have none,
/// nothing where the path is not the codec's.
pub fn named<'p>(codec: &dyn Codec, path: &'p str) -> Option<&'p str> {
    codec.paths().iter().find_map(|pattern| fit(pattern, path))
}

/// What stands in `path` for the pattern's `{}`. It is one plain segment or a part of one: nothing
/// that an upstream could read as another path, and no colon where a verb follows.
fn fit<'p>(pattern: &str, path: &'p str) -> Option<&'p str> {
    let Some((before, after)) = pattern.split_once("{}") else {
        return (pattern == path).then_some("");
    };
    let name = path.strip_prefix(before)?.strip_suffix(after)?;
    let plain =
        |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c) || (c == ':' && after.is_empty());
    let good = !name.is_empty() && name.chars().all(plain) && !name.chars().all(|c| c == '.');
    good.then_some(name)
}

/// How a field is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// Read, judged, and edited where a verdict says so.
    Inspected,
    /// Passed on unread: it cannot carry words to a person or a model.
    Opaque,
    /// A request or answer that has it is refused: its words cannot be judged (yet).
    Refused,
}

/// One row of a dialect's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// JSON pointer with `*` for any index or key and a last `**` for a whole subtree; multipart
    /// fields are written `/name`. Answers are prefixed with `answer:`, stream events with `event:`.
    pub at: &'static str,
    /// What happens to it.
    pub treatment: Treatment,
    /// Why, when it is not obvious.
    pub why: &'static str,
}

impl Field {
    /// A row whose strings are read, judged and edited.
    pub const fn inspected(at: &'static str, why: &'static str) -> Self {
        let treatment = Treatment::Inspected;
        Self { at, treatment, why }
    }

    /// A row whose strings go on unread.
    pub const fn opaque(at: &'static str, why: &'static str) -> Self {
        let treatment = Treatment::Opaque;
        Self { at, treatment, why }
    }

    /// A row that is refused unless it is null.
    pub const fn refused(at: &'static str, why: &'static str) -> Self {
        let treatment = Treatment::Refused;
        Self { at, treatment, why }
    }
}

/// A request, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// Everything said, in body order.
    pub parts: Vec<Part>,
    /// Whether the caller wants the answer as a stream.
    pub stream: bool,
    /// The model named, for the envelope of our own answers.
    pub model: String,
    /// What the model is asked to make.
    pub output: Output,
    /// How many answers are asked for (`n`).
    pub choices: u32,
    /// Byte of the body at which guidance for the model is inserted, and how (dialect-private).
    pub guidance_at: Range<usize>,
}

/// Where in an answer a text grows: texts of one lane are one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane {
    /// The choice (or image) index.
    pub choice: u32,
    /// Which field of the choice: content, refusal, reasoning, arguments of tool call k …
    /// (numbers are the dialect's own).
    pub field: u32,
}

/// A string of an answer or of one stream event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Which text it continues.
    pub lane: Lane,
    /// What kind of text that is.
    pub media: Media,
    /// The unescaped text.
    pub text: String,
    /// The JSON string literal, quotes included: bytes of the body or of the event's data.
    pub raw: Range<usize>,
    /// Whether it stands apart from what its text said before, as one value of an object does from
    /// the next: a border is read between them. Otherwise it continues, perhaps within a word.
    pub apart: bool,
}

/// What one stream event says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delta {
    /// Texts that grow, in the event's order.
    pub pieces: Vec<Piece>,
    /// Choices that end with this event: their texts are whole now.
    pub ended: Vec<u32>,
    /// The protocol's own end (`[DONE]`).
    pub done: bool,
    /// An error object in the stream: ends it.
    pub error: bool,
}

/// How the events of a stream tell a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Telling {
    /// Each tells what is new.
    #[default]
    Pieces,
    /// Each tells all of it so far: the pieces that are read from it are what is new, their
    /// literals are the whole.
    Whole,
    /// Nobody said which; the dialect finds out before it could matter.
    Unsaid,
}

/// What a stream's own chunks must repeat (id, model, time), learned from its first events, and
/// which choices are open.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Envelope {
    /// The answer's id.
    pub id: String,
    /// The answering model.
    pub model: String,
    /// Unix seconds.
    pub created: u64,
    /// Choices that have begun and not ended.
    pub open: Vec<u32>,
    /// How far the stream has come.
    pub progress: Progress,
    /// How the stream's frames are told apart, for those of our own.
    pub framing: Framing,
    /// How its events tell a text.
    pub telling: Telling,
    /// Every text so far, where events may tell it again.
    pub told: Vec<(Lane, String)>,
    /// The ids of its items, by index, where items have ids.
    pub items: Vec<String>,
    /// The words that the reader was shown, for a dialect that [repeats](Codec::repeats) them.
    pub said: String,
    /// Byte of `said` at which the open part's words begin.
    pub part_from: usize,
}

/// How far a stream of blocks has come: what an ending of ours has to close. The reader of a
/// stream may be behind it, since frames wait; [`Codec::end_stream`] is told the reader's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// The answer's own beginning has gone by.
    pub begun: bool,
    /// Blocks that have begun, open or not: the next one's index.
    pub blocks: u32,
    /// The block that is open.
    pub open: Open,
    /// The index of the open part within its block.
    pub part: u32,
    /// The number of the next event, where events are numbered.
    pub sequence: u64,
    /// The words of the open part are spoken, too.
    pub spoken: bool,
}

/// What kind of block is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Open {
    /// None.
    #[default]
    Nothing,
    /// Ordinary words: more of them may follow.
    Text,
    /// Reasoning, a tool call.
    Other,
}

/// A string literal to be replaced by another text (escaped by the codec).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The literal's bytes, from [`Part::raw`] or [`Piece::raw`].
    pub raw: Range<usize>,
    /// The new text.
    pub text: String,
}

/// How an answer of ours ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Refused: the dialect's filter ending.
    Filtered,
    /// A helping text in the model's place: an ordinary ending.
    Supported,
}

/// How the app wants refusals of prompts to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RefusalStyle {
    /// A 200 answer in the dialect's shape, where the dialect has one for refusals.
    #[default]
    Answer,
    /// An error object with the dialect's own code.
    Error,
}

/// What wardgate says instead of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Reviewed, localised text.
    pub text: String,
    /// Refused or helped.
    pub ending: Ending,
    /// The rule, never the phrase.
    pub rule: String,
    /// The policy area's title.
    pub area: String,
    /// The exchange, for an appeal.
    pub exchange: String,
    /// Answer or error.
    pub style: RefusalStyle,
    /// Unix seconds, for the envelope.
    pub created: u64,
}

/// An error of ours, to be phrased in a dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// HTTP status.
    pub status: u16,
    /// The dialect's error class ("invalid_request_error", "server_error").
    pub kind: &'static str,
    /// A stable code ("body_too_large").
    pub code: &'static str,
    /// What is wrong and what to do, without any of the caller's text.
    pub message: String,
    /// The exchange.
    pub exchange: String,
}

/// A reply body of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `content-type`.
    pub content_type: &'static str,
    /// The body.
    pub body: Bytes,
}

/// Why a body cannot be read. Names the place, never the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadError {
    /// A stable code: "invalid_json", "duplicate_key", "unknown_part", "unsupported_field" …
    pub code: &'static str,
    /// What is wrong, where (pointer or line:column), and what to do.
    pub message: String,
}

/// What a request says of the conversation that the server keeps for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// The id of the answer that it goes on from.
    pub previous: Option<String>,
    /// Whether its own answer may be gone on from.
    pub keeps: bool,
}

/// What an answer adds to a conversation that the server keeps.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The id by which it is gone on from.
    pub id: String,
    /// The words that it showed; their turn is the caller's to number.
    pub parts: Vec<Part>,
}

/// Bounds on what a codec reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// Nesting of JSON; serde_json's own guard is 128, models need less than 64.
    pub depth: usize,
    /// Parts of one request.
    pub parts: usize,
}

/// One API dialect.
pub trait Codec: Send + Sync + std::fmt::Debug {
    /// The dialect's name in configs, metrics and the audit line ("openai.chat").
    fn name(&self) -> &'static str;

    /// Paths it answers to, without host and app prefix ("/v1/chat/completions"); POST only. `{}`
    /// stands for the name of a model.
    fn paths(&self) -> &'static [&'static str];

    /// Paths of the same API whose GET says nothing that a person wrote (lists of models): they
    /// pass by this declaration, uninspected, and are counted as such. `{}` as above.
    fn listings(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether it is asked with a GET that has no body: for what was made of a prompt that was judged
    /// before. The answer is read like any other.
    fn polls(&self) -> bool {
        false
    }

    /// Whether it is spoken over a WebSocket: [`Self::read`] reads one event of the caller's,
    /// [`Self::read_answer`] one that the server tells beside its responses.
    fn talks(&self) -> bool {
        false
    }

    /// Whether a request with this query and these headers gets its answer as a stream of frames, if
    /// its body asks for a stream at all.
    fn streams(&self, _: &str, _: &HeaderMap) -> bool {
        true
    }

    /// How the events of an answer to this request tell a text, if it is a stream.
    fn telling(&self, _: &[u8]) -> Telling {
        Telling::Pieces
    }

    /// What this request says of the conversation that the server keeps, in a dialect whose servers do.
    fn thread(&self, _: &[u8]) -> Result<Option<Thread>, ReadError> {
        Ok(None)
    }

    /// Whether a part of a request counts among what is kept.
    fn lasts(&self, _: &Part) -> bool {
        false
    }

    /// What a whole answer, a document or the frames of a stream, adds to what is kept.
    fn kept(
        &self,
        _: &[u8],
        _: Option<Framing>,
        _: &ReadLimits,
    ) -> Result<Option<Kept>, ReadError> {
        Ok(None)
    }

    /// Under which names that it tells what was asked for is fetched later, where pictures are.
    fn awaited(&self, _: &[u8], _: &ReadLimits) -> Vec<String> {
        Vec::new()
    }

    /// What of its exchanges nobody looks into ("audio", "picture"): it passes by this declaration,
    /// the audit line names it.
    fn unseen(&self) -> &'static [&'static str] {
        &[]
    }

    /// What a whole answer of that content type is made of.
    fn answer_kind(&self, _: &str) -> AnswerKind {
        AnswerKind::Document
    }

    /// How an answer of that content type is cut into frames; nothing where it is one document.
    fn framing(&self, content_type: &str) -> Option<Framing> {
        let events = content_type.starts_with("text/event-stream");
        events.then_some(Framing::Events)
    }

    /// The one table of fields.
    fn fields(&self) -> &'static [Field];

    /// Reads a request body.
    fn read(&self, content_type: &str, body: &Bytes, limits: &ReadLimits)
    -> Result<Ask, ReadError>;

    /// The request with edits applied and guidance for the model added; untouched bytes stay as
    /// they came. By default guidance follows the words at [`Ask::guidance_at`].
    fn write(
        &self,
        _content_type: &str,
        body: &Bytes,
        ask: &Ask,
        edits: &[Edit],
        guidance: Option<&str>,
    ) -> Result<Bytes, ReadError> {
        members::write_guided(body, ask, edits, guidance)
    }

    /// The request, asking for pictures themselves instead of their addresses, where the dialect has
    /// a word for that.
    fn asking_for_files(
        &self,
        _content_type: &str,
        body: &Bytes,
        _: &ReadLimits,
    ) -> Result<Bytes, ReadError> {
        Ok(body.clone())
    }

    /// Reads a whole answer.
    fn read_answer(&self, body: &[u8], limits: &ReadLimits) -> Result<Vec<Piece>, ReadError>;

    /// A whole answer with edits applied; what could repeat an edited text (logprobs) is emptied.
    /// By default nothing repeats them.
    fn write_answer(&self, body: &[u8], edits: &[Edit]) -> Result<Bytes, ReadError> {
        splice::edited(body, edits)
    }

    /// A whole answer whose `choice` ends early: its visible text becomes `text`, its tool calls and
    /// other texts go, and it ends as `ending` says. Other choices stay.
    fn end_answer(
        &self,
        body: &[u8],
        choice: u32,
        text: &str,
        ending: Ending,
    ) -> Result<Bytes, ReadError>;

    /// Reads one event's data; learns the envelope. A dialect without streams knows no event.
    fn read_event(&self, _: &str, _: &mut Envelope, _: &ReadLimits) -> Result<Delta, ReadError> {
        Err(no_stream())
    }

    /// One event's data with edits applied; what could repeat an edited text (logprobs) is emptied.
    fn write_event(&self, _: &str, _: &[Edit]) -> Result<String, ReadError> {
        Err(no_stream())
    }

    /// Whether events at the end of a stream repeat its words: the guard remembers them then.
    fn repeats(&self) -> bool {
        false
    }

    /// One event's data in which the answer, repeated whole, also says what was just
    /// [said](Codec::say) by us, text by text.
    fn add_said(&self, data: &str, _: &Envelope, _: &[String]) -> Result<String, ReadError> {
        Ok(data.to_owned())
    }

    /// Complete events (framed) that let `choice` say `text`, and count in the envelope's progress;
    /// nothing where a stream has no words.
    fn say(&self, _: &mut Envelope, _: u32, _: &str) -> Bytes {
        Bytes::new()
    }

    /// The events (framed) that end a stream early: `choice` says `text` (if any), every open
    /// choice ends as `ending` says, then the protocol's own end. `choice` counts as open even
    /// where an event that was read, but not shown, has ended it.
    fn end_stream(&self, _: &Envelope, _: u32, _: &str, _: Ending) -> Bytes {
        Bytes::new()
    }

    /// The whole reply instead of a model's answer: document or events as the caller asked.
    fn refuse(&self, ask: &Ask, refusal: &Refusal) -> Reply;

    /// An error as the last event of a stream (framed).
    fn fail_stream(&self, envelope: &Envelope, fault: &Fault) -> Bytes;

    /// An error body.
    fn error(&self, fault: &Fault) -> Reply;
}

fn no_stream() -> ReadError {
    members::refuse("unknown_event", "this API has no stream that can be read")
}
