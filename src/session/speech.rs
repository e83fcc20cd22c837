//! [`Speech`]: what a caller speaks and what waits until it was written down and judged.

use std::collections::VecDeque;

use serde_json::Value;

use super::head::Head;
use crate::config::Sound;
use crate::reply::Error;

/// Events of answers that may wait for what they answer, bytes: a transcript comes within seconds, and
/// a minute of sound is half of it.
const MAX_WAITING_BYTES: usize = 8 * 1024 * 1024;
/// Things said at once that nobody has written down yet.
const MAX_AWAITED: usize = 64;

/// Begins the name of every event of a transcript.
const TRANSCRIPT: &str = "conversation.item.input_audio_transcription.";

/// What is spoken, and what waits for it.
#[derive(Debug)]
pub struct Speech {
    sound: Sound,
    /// The session writes down what it hears.
    transcribes: bool,
    /// Items that were spoken and not written down yet.
    awaited: Vec<String>,
    /// Events that wait for those.
    waiting: VecDeque<String>,
    waiting_bytes: usize,
    /// Pieces of transcripts, held until each is whole.
    pieces: Vec<(String, String)>,
}

impl Speech {
    /// Nothing was said.
    pub fn new(sound: Sound) -> Self {
        Self {
            sound,
            transcribes: false,
            awaited: Vec::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            pieces: Vec::new(),
        }
    }

    /// Whether the caller may speak.
    ///
    /// # Errors
    /// The app lets no sound through, or nobody would write it down.
    pub fn may_come(&self) -> Result<(), Error> {
        let why = match (self.sound, self.transcribes) {
            (Sound::Held, true) => return Ok(()),
            (Sound::Held, false) => {
                "What is said has to be written down, or nobody could judge it: set \
                 session.audio.input.transcription first, and wait for session.updated."
            }
            (Sound::Refuse, _) => {
                "This gateway lets no sound through: send text. An operator can change that: \
                 `realtime: {audio: held}`."
            }
        };
        Err(Error::client("audio_refused", why))
    }

    /// Whether sound goes on that nobody here listens to.
    pub fn is_unseen(&self) -> bool {
        self.sound == Sound::Held
    }

    /// Learns what the server tells of a session and of what it heard; false where there is no room.
    pub fn follow(&mut self, head: &Head, line: &str) -> bool {
        match head.kind() {
            "session.created" | "session.updated" => {
                let event: Value = serde_json::from_str(line).unwrap_or_default();
                let session = &event["session"];
                let places = [
                    &session["audio"]["input"]["transcription"],
                    &session["input_audio_transcription"],
                ];
                self.transcribes = places.iter().any(|place| place.is_object());
            }
            "input_audio_buffer.committed" if self.sound == Sound::Held => {
                self.awaited.extend(head.item().map(str::to_owned));
            }
            kind if self.holds(kind) => {
                let item = head.item().unwrap_or_default().to_owned();
                self.waiting_bytes += line.len();
                self.pieces.push((item, line.to_owned()));
            }
            _ => {}
        }
        self.awaited.len() <= MAX_AWAITED && self.waiting_bytes <= MAX_WAITING_BYTES
    }

    /// Whether an event is a piece of a transcript, which is held until that is whole.
    pub fn holds(&self, kind: &str) -> bool {
        kind.strip_prefix(TRANSCRIPT)
            .is_some_and(|what| what == "delta" || what == "segment")
    }

    /// Whether an event ends a transcript.
    pub fn takes(&self, kind: &str) -> bool {
        let what = kind.strip_prefix(TRANSCRIPT);
        what.is_some_and(|what| what == "completed" || what == "failed")
    }

    /// Whether something was said that nobody has written down yet.
    pub fn is_awaited(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// Keeps an event until what it answers was judged; false where there is no room.
    pub fn wait(&mut self, line: String) -> bool {
        self.waiting_bytes += line.len();
        self.waiting.push_back(line);
        self.waiting_bytes <= MAX_WAITING_BYTES
    }

    /// The next event that waited.
    pub fn next_waiting(&mut self) -> Option<String> {
        let line = self.waiting.pop_front()?;
        self.waiting_bytes = self.waiting_bytes.saturating_sub(line.len());
        Some(line)
    }

    /// The pieces of an item's transcript.
    pub fn pieces_of(&mut self, item: &str) -> Vec<String> {
        let all = std::mem::take(&mut self.pieces);
        let (own, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|(of, _)| of == item);
        self.pieces = rest;
        let bytes: usize = own.iter().map(|(_, line)| line.len()).sum();
        self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes);
        own.into_iter().map(|(_, line)| line).collect()
    }

    /// An item was judged.
    pub fn heard(&mut self, item: &str) {
        self.awaited.retain(|awaited| awaited != item);
    }
}
