//! [`Response`]: one answer of a session, and the sound that waits for its transcript.

use std::sync::Arc;

use bytes::Bytes;

use super::head::Head;
use crate::codec::framing::Frames;
use crate::codec::{Framing, ReadError};
use crate::config::Sound;
use crate::exchange::Exchange;
use crate::guard::pictures::Withheld;
use crate::guard::{Context, Guard, Record};

/// Sound of one answer that may wait, bytes of its events: two minutes of speech as OpenAI sends it.
const MAX_SOUND_BYTES: usize = 8 * 1024 * 1024;

/// A part of an item.
type Place = (String, u64);

/// What becomes of a part's sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Its transcript was shown as it was told.
    Passed,
    /// It was not.
    Withheld,
}

/// An answer that is being given.
pub struct Response {
    pub id: String,
    pub exchange: Arc<Exchange>,
    pub context: Arc<Context>,
    guard: Guard,
    frames: Frames,
    /// The ids of its items.
    pub items: Vec<String>,
    /// Events of sound that wait, and their bytes.
    waiting: Vec<(Place, String)>,
    waiting_bytes: usize,
    /// Transcripts as they were told.
    told: Vec<(Place, String)>,
    fates: Vec<(Place, Fate)>,
    /// The caller has seen it end, the server has not.
    pub cut: bool,
    /// The last event that went to the caller.
    pub last: String,
}

impl Response {
    /// One that begins.
    pub fn new(id: &str, context: Arc<Context>, exchange: Arc<Exchange>) -> Self {
        let record: Arc<dyn Record> = Arc::<Exchange>::clone(&exchange);
        Self {
            id: id.to_owned(),
            guard: Guard::new(Arc::clone(&context), record, Framing::Lines),
            frames: Frames::new(Framing::Lines),
            exchange,
            context,
            items: Vec::new(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            told: Vec::new(),
            fates: Vec::new(),
            cut: false,
            last: String::new(),
        }
    }

    /// Whether nothing more of it may be shown.
    pub fn is_ended(&self) -> bool {
        self.guard.is_ended()
    }

    /// Its next event, which is one line; what goes to the caller.
    pub fn tell(&mut self, head: &Head, line: &str) -> Vec<String> {
        if head.kind() == "response.output_item.added" {
            self.items.extend(head.item().map(str::to_owned));
        }
        if head.kind().ends_with("audio_transcript.done") {
            self.told.push((place(head), line.to_owned()));
        }
        self.frames.push(Bytes::from(format!("{line}\n")));
        while let Some(frame) = self.frames.next_frame() {
            match frame {
                Ok(frame) => self.guard.frame(frame),
                Err(error) => self.guard.fail(error.code(), &error.to_string()),
            }
        }
        self.take()
    }

    /// An event of sound: on its way at once, kept, or gone.
    pub fn hear(&mut self, head: &Head, line: &str, sound: Sound) -> Vec<String> {
        let at = place(head);
        let fate = self.fates.iter().find(|(place, _)| *place == at);
        match (sound, fate.map(|(_, fate)| *fate)) {
            (Sound::Refuse, _) | (Sound::Held, Some(Fate::Withheld)) => Vec::new(),
            (Sound::Held, Some(Fate::Passed)) => vec![line.to_owned()],
            (Sound::Held, None) => {
                self.waiting_bytes += line.len();
                self.waiting.push((at, line.to_owned()));
                if self.waiting_bytes > MAX_SOUND_BYTES {
                    let why = "too much sound waits for its transcript";
                    self.guard.fail(crate::guard::UNCHECKED_CODE, why);
                }
                self.take()
            }
        }
    }

    /// It cannot be read on.
    pub fn fail(&mut self, error: &ReadError) -> Vec<String> {
        self.guard.fail(error.code, &error.message);
        self.take()
    }

    /// A picture of its next event may not be shown.
    pub fn withhold(&mut self, withheld: &Withheld) -> Vec<String> {
        self.guard.withhold(withheld);
        self.take()
    }

    /// What may go now; each transcript that was shown as it was told takes its sound along.
    fn take(&mut self) -> Vec<String> {
        let mut out = Vec::new();
        while let Some(bytes) = self.guard.take() {
            let text = String::from_utf8_lossy(&bytes);
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                if line.contains("audio_transcript.done") {
                    self.decide(line, &mut out);
                }
                out.push(line.to_owned());
            }
        }
        if self.guard.is_ended() {
            (self.waiting, self.waiting_bytes) = (Vec::new(), 0);
        }
        if let Some(last) = out.last() {
            self.last.clone_from(last);
        }
        out
    }

    fn decide(&mut self, line: &str, out: &mut Vec<String>) {
        let Some(at) = Head::read(line).map(|head| place(&head)) else {
            return;
        };
        let as_told = self
            .told
            .iter()
            .any(|(place, told)| *place == at && told == line);
        let (own, rest) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(place, _)| *place == at);
        self.waiting = rest;
        self.waiting_bytes = self.waiting.iter().map(|(_, line)| line.len()).sum();
        let own: Vec<(Place, String)> = own;
        if as_told {
            out.extend(own.into_iter().map(|(_, line)| line));
        }
        let fate = if as_told {
            Fate::Passed
        } else {
            Fate::Withheld
        };
        self.fates.push((at, fate));
    }
}

fn place(head: &Head) -> Place {
    let item = head.item().unwrap_or_default().to_owned();
    (item, head.content_index.unwrap_or(0))
}
