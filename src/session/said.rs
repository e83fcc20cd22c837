//! What the caller of a session says: judged, changed, refused or passed on.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::StatusCode;

use super::head::Head;
use super::memory::TooLong;
use super::{Asked, MAX_ASKED, Session};
use crate::codec::pictures::may_hold;
use crate::codec::realtime_reply as say;
use crate::codec::{Ask, Ending, Refusal, RefusalStyle, Telling, realtime};
use crate::config::Sound;
use crate::exchange::{self, Exchange};
use crate::message::Direction;
use crate::prompt::{self, Prompt};
use crate::reply::Error;
use crate::sight::{self, Pictured};

impl Session {
    /// The caller says an event.
    pub async fn said(&mut self, event: &str) {
        let Some(head) = Head::read(event) else {
            let error = Error::client("invalid_json", "The event is no JSON object with a type.");
            return self.complain(&error, None);
        };
        if let Err(error) = self.hear(&head, event).await {
            self.complain(&error, head.event_id.as_deref());
        }
    }

    async fn hear(&mut self, head: &Head, event: &str) -> Result<(), Error> {
        let body = Bytes::copy_from_slice(event.as_bytes());
        let (own, kind) = (Arc::clone(&self.own), "application/json");
        let (body, mut ask) = sight::read(&own, &self.app, self.codec, kind, body).await?;
        self.model.clone_into(&mut ask.model);
        self.check_sound(head, event)?;
        let asks = head.kind() == "response.create";
        if ask.parts.is_empty() && !asks && !may_hold(&body) {
            self.to_model.push(event.to_owned());
            return Ok(());
        }
        let exchange = self.turn();
        exchange.received(event.len());
        if let Some(refusal) = self.refused.take_if(|_| asks) {
            self.answer_with(&refusal, head);
            return Ok(());
        }
        if asks && self.asked.len() >= MAX_ASKED {
            let why = "Too many responses are asked for at once.";
            return Err(Error::client("too_many_responses", why));
        }
        let (app, codec) = (Arc::clone(&self.app), self.codec);
        let pictures = sight::of_prompt(&exchange, &app, codec, kind, &body, &mut ask).await?;
        let new = std::mem::take(&mut ask.parts);
        ask.parts = self.memory.followed_by(new.clone());
        if ask.parts.len() > self.own.live.config.limits.read().parts {
            let why = "The session holds more texts than can be judged. Begin a new one.";
            return Err(Error::client("too_many_parts", why));
        }
        let prompt = self.judge(&exchange, &ask, &pictures).await?;
        if prompt.action.ends() {
            let refusal = prompt.refusal(&exchange, &app);
            self.refuse(refusal, head);
            return Ok(());
        }
        let changes = prompt.changes(&exchange, &app, &ask);
        let guidance = changes.guidance.as_deref().filter(|_| asks);
        let (body, ask, edits) = changes.cut(&body, &ask)?;
        let written = codec.write(kind, &body, &ask, &edits, guidance);
        let written = match written {
            Err(error) if error.code == "missing_prompt" => {
                let number = self.next_number();
                let item = say::guidance_item(guidance.unwrap_or_default(), number);
                self.to_model.push(item);
                codec.write(kind, &body, &ask, &edits, None)?
            }
            written => written?,
        };
        self.to_model
            .push(String::from_utf8_lossy(&written).into_owned());
        match head.kind() {
            "session.update" => self.memory.set(&new, &changes.edits),
            "conversation.item.create" => self.memory.add(&new, &pictures, &changes.edits),
            _ => Ok(()),
        }
        .map_err(|TooLong| self.too_long())?;
        if asks {
            let context = prompt.into_context(&exchange, &app, codec, Telling::Pieces);
            let context = Arc::new(context);
            self.context = Arc::clone(&context);
            self.turn = None;
            self.asked.push_back(Asked {
                event_id: head.event_id.clone(),
                context,
                exchange,
            });
        }
        Ok(())
    }

    /// What a caller asks of sound, and whether the app has it.
    fn check_sound(&self, head: &Head, event: &str) -> Result<(), Error> {
        let refused = |why: &str| Err(Error::client("audio_refused", why));
        match head.kind() {
            "input_audio_buffer.append" | "input_audio_buffer.commit" => self.speech.may_come(),
            "session.update" | "response.create" if self.app.config.sound == Sound::Refuse => {
                let event = serde_json::from_str(event).unwrap_or_default();
                match realtime::asks_for_sound(&event) {
                    true => refused(
                        "This gateway lets no sound through: ask for output_modalities [\"text\"]. \
                         An operator can change that: `realtime: {audio: held}`.",
                    ),
                    false => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// Judges what is said last with everything before it, and notes what is new. `pictures` are those
    /// of what is new.
    pub(super) async fn judge(
        &mut self,
        exchange: &Arc<Exchange>,
        ask: &Ask,
        pictures: &[Pictured],
    ) -> Result<Prompt, Error> {
        let known = self.memory.len();
        let new = pictures.iter().map(|picture| picture.moved(0, known));
        let pictures: Vec<_> = self.memory.pictures().chain(new).collect();
        let began = Instant::now();
        exchange.asks(ask);
        let app = Arc::clone(&self.app);
        let prompt = prompt::judge(exchange, &app, self.audience, ask, &pictures).await?;
        let is_new = |part: u32| part as usize >= known;
        let new = prompt.detections.iter();
        let new: Vec<_> = new
            .filter(|one| is_new(one.part) || is_new(one.anchor.0))
            .cloned()
            .collect();
        exchange.judged(Direction::Prompt, &new, ask, exchange::micros(began));
        Ok(prompt)
    }

    /// Something that was said does not reach the model.
    pub(super) fn refuse(&mut self, refusal: Refusal, head: &Head) {
        match head.kind() {
            "response.create" => self.answer_with(&refusal, head),
            "conversation.item.create" => {
                if refusal.ending == Ending::Filtered {
                    self.tell_refused(&refusal, head);
                }
                self.refused = Some(refusal);
            }
            _ => self.tell_refused(&refusal, head),
        }
    }

    /// An `error` event that says what a refusal says.
    fn tell_refused(&mut self, refusal: &Refusal, head: &Head) {
        let error = say::error_event(
            "invalid_request_error",
            "content_filter",
            &refusal.text,
            head.event_id.as_deref(),
            &refusal.exchange,
        );
        self.to_caller.push(error);
    }

    /// A response that no model gives; the turn ends with it.
    pub(super) fn answer_with(&mut self, refusal: &Refusal, head: &Head) {
        if let Some(turn) = self.turn.take() {
            turn.ends_with(StatusCode::OK);
        }
        if refusal.style == RefusalStyle::Error && refusal.ending == Ending::Filtered {
            return self.tell_refused(refusal, head);
        }
        let said = self.codec.refuse(&self.memory.ask(&self.model), refusal);
        let lines = String::from_utf8_lossy(&said.body);
        self.to_caller.extend(lines.lines().map(str::to_owned));
    }
}
