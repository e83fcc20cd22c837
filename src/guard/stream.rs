//! [`Guard`]: frames of an answer in, frames that may go out. Holds no socket and no clock.
//!
//! Frames keep their order. A frame goes as the very bytes it came in once every text in it may be
//! shown; until then it and everything behind it waits. A frame with a redaction is rewritten.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::lanes::{Lanes, Placed};
use super::pictures::Withheld;
use super::{Context, Record, UNCHECKED_CODE, ending, unchecked_text};
use crate::codec::framing::Outgoing;
use crate::codec::sse::Frame;
use crate::codec::{Delta, Edit, Ending, Envelope, Fault, Framing, Open, Progress, Telling};

/// Words of one answer that are remembered for an ending that repeats them. Answers are some ten
/// kilobytes; of a longer one the ending of ours repeats the beginning.
const MAX_SAID_BYTES: usize = 1 << 20;

/// Guards the event stream of one answer.
pub struct Guard {
    context: Arc<Context>,
    record: Arc<dyn Record>,
    lanes: Lanes,
    queue: VecDeque<Held>,
    /// Bytes of all frames in `queue`.
    held: usize,
    envelope: Envelope,
    /// How far the reader is: behind [`Envelope::progress`] by what waits.
    shown: Progress,
    out: Outgoing,
    ended: bool,
}

/// A frame that waits.
struct Held {
    frame: Frame,
    pieces: Vec<Placed>,
    /// Choices that this frame ends.
    ended: Vec<u32>,
    /// Said just before this frame (nudges): the events, and the texts in them.
    before: Vec<Bytes>,
    said: Vec<String>,
    /// Said at the end of a piece (nudges, where the last words come with the choice's end).
    tails: Vec<(usize, String)>,
    /// How far the stream is with this frame.
    after: Progress,
    /// The protocol's own end, or an error: ours stands in its place.
    last: bool,
}

impl Guard {
    /// A guard at the start of an answer that is framed so.
    pub fn new(context: Arc<Context>, record: Arc<dyn Record>, framing: Framing) -> Self {
        Self {
            lanes: Lanes::new(Arc::clone(&context), Arc::clone(&record)),
            record,
            queue: VecDeque::new(),
            held: 0,
            envelope: Envelope {
                framing,
                telling: context.telling,
                ..Envelope::default()
            },
            shown: Progress::default(),
            out: Outgoing::new(framing),
            ended: false,
            context,
        }
    }

    /// The next frame of the answer.
    pub fn frame(&mut self, frame: Frame) {
        if self.ended {
            return;
        }
        let delta = match frame.data() {
            None => Ok(Delta::default()),
            Some(data) => {
                self.context
                    .codec
                    .read_event(&data, &mut self.envelope, &self.context.read)
            }
        };
        let delta = match delta {
            Ok(delta) => delta,
            Err(error) => return self.fail(error.code, &error.message),
        };
        self.lanes.retell(self.envelope.telling);
        let pieces: Vec<Placed> = delta
            .pieces
            .into_iter()
            .map(|piece| self.lanes.read(piece))
            .collect();
        let last = delta.done || delta.error;
        if last {
            self.lanes.finish(None);
        }
        let (mut before, mut said, mut tails) = (Vec::new(), Vec::new(), Vec::new());
        for choice in &delta.ended {
            self.lanes.finish(Some(*choice));
            let Some(text) = self.lanes.nudge(*choice) else {
                continue;
            };
            let speaks =
                |piece: &Placed| self.lanes.is_text(piece) && self.lanes.choice(piece) == *choice;
            match pieces.iter().rposition(speaks) {
                Some(index) => tails.push((index, text)),
                None => {
                    before.push(self.context.codec.say(&mut self.envelope, *choice, &text));
                    said.push(text);
                }
            }
        }
        self.pass_or_hold(Held {
            frame,
            pieces,
            ended: delta.ended,
            before,
            said,
            tails,
            after: self.envelope.progress,
            last,
        });
        if last && !self.ended {
            self.out.close();
            self.ended = true;
            self.record.complete();
        }
    }

    /// The upstream's own end of bytes.
    pub fn finish(&mut self) {
        if self.ended {
            return;
        }
        self.lanes.finish(None);
        self.settle();
        if !self.ended {
            self.ended = true;
            self.record.complete();
        }
    }

    /// The answer cannot be read on: what is in doubt is dropped, the client gets an error event.
    pub fn fail(&mut self, code: &'static str, message: &str) {
        if self.ended {
            return;
        }
        self.record.failed(code);
        let fault = Fault {
            status: 502,
            kind: "upstream_error",
            code,
            message: message.to_owned(),
            exchange: self.context.exchange.clone(),
        };
        self.envelope.progress = self.shown;
        self.out
            .put(&self.context.codec.fail_stream(&self.envelope, &fault));
        self.end();
    }

    /// Literals of an event that are words: no pictures are among them.
    pub fn words(&self, data: &str) -> Vec<Range<usize>> {
        let (codec, read) = (self.context.codec, &self.context.read);
        let delta = codec.read_event(data, &mut self.envelope.clone(), read);
        let pieces = delta.map_or_else(|_| Vec::new(), |delta| delta.pieces);
        pieces.into_iter().map(|piece| piece.raw).collect()
    }

    /// A picture of the next frame may not be shown: the answer ends before it.
    pub fn withhold(&mut self, withheld: &Withheld) {
        if self.ended {
            return;
        }
        let rule = self.context.set.rule(withheld.detection.rule);
        self.record.ended(withheld.action, &rule.id.0);
        let reply = self.context.reply(withheld.detection.rule);
        let reply = self.context.closing.after(reply, withheld.action);
        let choice = self.envelope.open.first().copied().unwrap_or(0);
        self.release_partly();
        self.close(choice, &reply, ending(withheld.action));
    }

    /// Whether the answer is over: nothing the upstream still says matters.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// Bytes that may go now.
    pub fn take(&mut self) -> Option<Bytes> {
        if self.out.is_empty() {
            return None;
        }
        self.record.sent(self.out.len());
        Some(self.out.take())
    }

    /// How many bytes may go now.
    pub fn ready(&self) -> usize {
        self.out.len()
    }

    /// Sends a frame on at once if nothing waits and nothing in it must; else queues it.
    fn pass_or_hold(&mut self, held: Held) {
        let plain = self.queue.is_empty()
            && held.before.is_empty()
            && self.lanes.cut().is_none()
            && self.lanes.overflowed().is_none();
        if plain && held.pieces.iter().all(|piece| self.lanes.is_clean(piece)) {
            return self.release(&held);
        }
        self.held += held.frame.raw.len();
        self.queue.push_back(held);
        self.settle();
        self.record.held(self.held);
        if !self.ended && (self.held > self.context.held_bytes || self.lanes.overflowed().is_some())
        {
            self.overflow();
        }
    }

    /// Sends everything that may go; ends the answer if a lane was cut.
    fn settle(&mut self) {
        while let Some(held) = self
            .queue
            .pop_front_if(|held| held.pieces.iter().all(|piece| self.lanes.shows(piece)))
        {
            self.held -= held.frame.raw.len();
            self.release(&held);
        }
        let Some((choice, cut)) = self.lanes.cut() else {
            return;
        };
        let rule = self.context.set.rule(cut.detection.rule);
        let reply = self.context.reply(cut.detection.rule);
        let ending = ending(cut.action);
        self.record.ended(cut.action, &rule.id.0);
        let reply = self.context.closing.after(reply, cut.action);
        self.release_partly();
        self.close(choice, &reply, ending);
    }

    /// A frame leaves: as it came, or rewritten where a redaction touches it.
    fn release(&mut self, held: &Held) {
        for said in &held.before {
            self.out.put(said);
        }
        let repeats = self.repeats();
        let clean = held.pieces.iter().all(|piece| self.lanes.is_clean(piece));
        if clean && held.tails.is_empty() && (held.said.is_empty() || !repeats) {
            self.out.put(&held.frame.raw);
        } else {
            self.rewrite(held);
        }
        if repeats {
            self.remember(held);
        }
        self.shown = held.after;
        for piece in &held.pieces {
            self.lanes.released(piece);
        }
    }

    /// Whether later frames, or an ending of ours, have to tell the words again.
    fn repeats(&self) -> bool {
        self.context.codec.repeats() || self.envelope.telling != Telling::Pieces
    }

    /// Sends a frame with its literals edited to what may be seen of them.
    fn rewrite(&mut self, held: &Held) {
        let mut edits: Vec<Edit> = held
            .pieces
            .iter()
            .map(|piece| self.lanes.edit(piece))
            .collect();
        for (index, text) in &held.tails {
            edits[*index].text.push_str(text);
        }
        let data = held.frame.data().unwrap_or_default();
        let codec = self.context.codec;
        let written = codec.write_event(&data, &edits);
        match written.and_then(|data| codec.add_said(&data, &self.envelope, &held.said)) {
            Ok(data) => self.out.put(&held.frame.with_data(&data)),
            // It was read from the same bytes a moment ago; what cannot be written goes unseen.
            Err(error) => self.record.failed(error.code),
        }
    }

    /// Keeps the words that the reader was shown, up to a bound: the end repeats them.
    fn remember(&mut self, held: &Held) {
        if held.after.open == Open::Text && self.shown.open != Open::Text {
            self.envelope.part_from = self.envelope.said.len();
        }
        for piece in held.pieces.iter().filter(|piece| self.lanes.is_text(piece)) {
            if self.envelope.said.len() < MAX_SAID_BYTES {
                self.envelope.said += &self.lanes.visible(piece);
            }
        }
    }

    /// At a cut: of every frame that waits, what may be seen. What one choice says must not get lost
    /// behind another's, since a text may be allowed only for what comes after it.
    fn release_partly(&mut self) {
        while let Some(held) = self.queue.pop_front() {
            let visible = |piece: &Placed| !self.lanes.visible(piece).is_empty();
            if !held.ended.is_empty() {
                self.say_visible(&held);
                self.reopen(&held.ended);
            } else if held.last {
                return;
            } else if held.pieces.is_empty() || held.pieces.iter().any(visible) {
                self.release(&held);
            } else if held.after != self.shown {
                // What follows would stand in a block that the reader has not seen begin.
                return;
            }
        }
    }

    /// The frame also ends its choice, which our own ending does: only its words go.
    fn say_visible(&mut self, held: &Held) {
        self.envelope.progress = self.shown;
        for piece in held.pieces.iter().filter(|piece| self.lanes.is_text(piece)) {
            let text = self.lanes.visible(piece);
            if !text.is_empty() {
                let choice = self.lanes.choice(piece);
                self.out
                    .put(&self.context.codec.say(&mut self.envelope, choice, &text));
            }
        }
        self.shown = self.envelope.progress;
    }

    /// The reader has not seen these choices end.
    fn reopen(&mut self, ended: &[u32]) {
        for choice in ended {
            if !self.envelope.open.contains(choice) {
                self.envelope.open.push(*choice);
            }
        }
    }

    /// Too much is held back: what is undecided must not be flushed.
    fn overflow(&mut self) {
        self.record.failed(UNCHECKED_CODE);
        let piece = self.queue.front().and_then(|held| held.pieces.first());
        let held = piece.map_or(0, |piece| self.lanes.choice(piece));
        let choice = self.lanes.overflowed().unwrap_or(held);
        self.release_partly();
        self.close(
            choice,
            unchecked_text(self.context.language),
            Ending::Filtered,
        );
    }

    /// The reply, the dialect's ending, and nothing more.
    fn close(&mut self, choice: u32, reply: &str, ending: Ending) {
        // The client has not seen what still waits.
        self.envelope.progress = self.shown;
        let waiting: Vec<u32> = (self.queue.iter())
            .flat_map(|held| held.ended.iter().copied())
            .collect();
        self.reopen(&waiting);
        self.envelope.open.sort_unstable();
        let gap = if self.lanes.has_spoken(choice) {
            "\n\n"
        } else {
            ""
        };
        let text = format!("{gap}{reply}");
        self.out.put(
            &self
                .context
                .codec
                .end_stream(&self.envelope, choice, &text, ending),
        );
        self.end();
    }

    fn end(&mut self) {
        self.out.close();
        self.ended = true;
        self.queue.clear();
        self.held = 0;
        self.record.held(0);
    }
}
