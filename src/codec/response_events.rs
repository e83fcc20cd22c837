//! The events with which wardgate itself begins, goes on with and ends a response, in the APIs of OpenAI
//! that tell one as items of parts: responses and realtime.
//!
//! One writer knows their order: an item begins, its part, words, the part's end, the item's, the
//! response's. What each is called and how it is framed is a [`Manner`].

use bytes::{Bytes, BytesMut};
use serde_json::{Value as Json, json};

use super::{Ending, Envelope, Open};

/// How an API calls the events of a response, and how it writes them.
pub trait Manner: Copy {
    /// One event on the wire; the envelope's sequence is its number.
    fn frame(self, name: &str, event: Json, envelope: &Envelope) -> Bytes;

    /// The events that begin a response.
    fn beginning(self) -> &'static [&'static str];

    /// The event that ends a response with that status.
    fn last(self, status: &str) -> String;

    /// Why a response ended, beside its status.
    fn details(self, status: &str) -> Json;

    /// A response in some state.
    fn response(self, envelope: &Envelope, status: &str, details: &Json, output: Json) -> Json;

    /// The id of an item of ours.
    fn own_id(self, envelope: &Envelope, index: u32) -> String;

    /// A message of ours as an item: its words, once it has some.
    fn message(self, id: &str, status: &str, said: Option<Words<'_>>) -> Json;

    /// A part as its own events tell it.
    fn part(self, words: Words<'_>) -> Json;

    /// The event that goes on with the words of a part.
    fn delta(self, words: Words<'_>) -> (&'static str, Json);

    /// The event that tells them whole.
    fn done(self, words: Words<'_>) -> (&'static str, Json);

    /// What every event about an item says of the response that it belongs to.
    fn whose(self, envelope: &Envelope) -> Json;
}

/// Words of a part.
#[derive(Debug, Clone, Copy)]
pub struct Words<'t> {
    /// What they are.
    pub text: &'t str,
    /// Whether they are the transcript of what is spoken.
    pub spoken: bool,
}

/// How a response of ours ends. One with an item that the reader saw begin and nobody will finish
/// cannot be completed, whatever the reason: clients would wait for the item.
fn status(ending: Ending, unfinished: bool) -> &'static str {
    match ending {
        Ending::Supported if !unfinished => "completed",
        _ => "incomplete",
    }
}

/// A whole response that says `text`.
pub fn whole(manner: impl Manner, envelope: &Envelope, text: &str, ending: Ending) -> Json {
    let status = status(ending, false);
    let said = Words {
        text,
        spoken: false,
    };
    let message = manner.message(&manner.own_id(envelope, 0), status, Some(said));
    manner.response(envelope, status, &manner.details(status), json!([message]))
}

/// What ends a response early: its status and why.
pub fn ended(manner: impl Manner, ending: Ending) -> (Json, Json) {
    let status = status(ending, false);
    (json!(status), manner.details(status))
}

/// The events of [`super::Codec::say`].
pub fn say(manner: impl Manner, envelope: &mut Envelope, text: &str) -> Bytes {
    let mut events = Events::new(manner, envelope);
    events.say(text);
    events.finish()
}

/// The events of [`super::Codec::end_stream`]; of a response that has not begun, its beginning too,
/// with what is told of it.
pub fn end(
    manner: impl Manner,
    envelope: &Envelope,
    text: &str,
    ending: Ending,
    mark: Json,
) -> Bytes {
    let mut envelope = envelope.clone();
    let begun = envelope.progress.begun;
    let mut events = Events::new(manner, &mut envelope);
    if !begun {
        events.begin(mark);
    }
    events.end(text, ending);
    events.finish()
}

/// Events on their way out, numbered on from what the reader has seen.
pub struct Events<'e, M> {
    manner: M,
    envelope: &'e mut Envelope,
    out: BytesMut,
}

impl<'e, M: Manner> Events<'e, M> {
    /// None yet.
    pub fn new(manner: M, envelope: &'e mut Envelope) -> Self {
        Self {
            manner,
            envelope,
            out: BytesMut::new(),
        }
    }

    /// One event.
    pub fn push(&mut self, name: &str, event: Json) {
        let frame = self.manner.frame(name, event, self.envelope);
        self.envelope.progress.sequence += 1;
        self.out.extend_from_slice(&frame);
    }

    /// What was pushed so far.
    pub fn finish(self) -> Bytes {
        self.out.freeze()
    }

    fn begin(&mut self, mark: Json) {
        let (none, nothing) = (json!(null), json!([]));
        let mut begun = self
            .manner
            .response(self.envelope, "in_progress", &none, nothing);
        begun["wardgate"] = mark;
        for name in self.manner.beginning() {
            self.push(name, json!({"response": begun}));
        }
        self.envelope.progress.begun = true;
    }

    /// Words: in the part that is open, or in a message of their own, which is closed again.
    fn say(&mut self, text: &str) {
        if self.envelope.progress.open == Open::Text {
            return self.delta(text);
        }
        let open = self.envelope.progress.open;
        self.open();
        self.delta(text);
        self.close(text, "completed");
        self.envelope.progress.open = open;
    }

    fn words<'t>(&self, text: &'t str) -> Words<'t> {
        let spoken = self.envelope.progress.spoken;
        Words { text, spoken }
    }

    /// An event about an item, with more of its members.
    fn about(&self, more: Json) -> Json {
        let mut event = self.manner.whose(self.envelope);
        for (name, value) in more.as_object().into_iter().flatten() {
            event[name] = value.clone();
        }
        event
    }

    /// The same about the open part.
    fn placed(&self, mut more: Json) -> Json {
        let progress = self.envelope.progress;
        let index = progress.blocks.saturating_sub(1);
        let id = self.envelope.items.get(index as usize);
        more["item_id"] = json!(id.cloned().unwrap_or_default());
        more["output_index"] = json!(index);
        more["content_index"] = json!(progress.part);
        self.about(more)
    }

    fn open(&mut self) {
        let index = self.envelope.progress.blocks;
        let id = self.manner.own_id(self.envelope, index);
        let item = self.manner.message(&id, "in_progress", None);
        let items = &mut self.envelope.items;
        items.resize(index as usize + 1, String::new());
        items[index as usize] = id;
        let progress = &mut self.envelope.progress;
        (progress.blocks, progress.part, progress.spoken) = (index + 1, 0, false);
        let event = self.about(json!({"output_index": index, "item": item}));
        self.push("response.output_item.added", event);
        let part = self.manner.part(self.words(""));
        let event = self.placed(json!({"part": part}));
        self.push("response.content_part.added", event);
        self.envelope.progress.open = Open::Text;
    }

    fn delta(&mut self, text: &str) {
        let (name, event) = self.manner.delta(self.words(text));
        let event = self.placed(event);
        self.push(name, event);
    }

    /// Closes the part that is open, whose words are `text`, and its item.
    fn close(&mut self, text: &str, status: &str) {
        let words = self.words(text);
        let (name, event) = self.manner.done(words);
        let event = self.placed(event);
        let id = event["item_id"].as_str().unwrap_or_default().to_owned();
        let index = event["output_index"].clone();
        self.push(name, event);
        let event = self.placed(json!({"part": self.manner.part(words)}));
        self.push("response.content_part.done", event);
        let item = self.manner.message(&id, status, Some(words));
        let event = self.about(json!({"output_index": index, "item": item}));
        self.push("response.output_item.done", event);
        self.envelope.progress.open = Open::Nothing;
    }

    /// The end: the words that are said last, the open part's end, the whole response.
    fn end(&mut self, text: &str, ending: Ending) {
        let open = self.envelope.progress.open;
        let from = match open {
            Open::Text => self.envelope.part_from,
            _ => self.envelope.said.len(),
        };
        let status = status(ending, open == Open::Other);
        if open == Open::Text || !text.is_empty() {
            if open != Open::Text {
                self.open();
            }
            if !text.is_empty() {
                self.delta(text);
            }
            let said = self.envelope.said.get(from..).unwrap_or_default();
            let said = format!("{said}{text}");
            self.close(&said, status);
        }
        let id = self.envelope.items.last().cloned().unwrap_or_default();
        let said = format!("{}{text}", self.envelope.said);
        let message = self.manner.message(&id, status, Some(self.words(&said)));
        let details = self.manner.details(status);
        let last = self
            .manner
            .response(self.envelope, status, &details, json!([message]));
        self.push(&self.manner.last(status), json!({"response": last}));
    }
}
