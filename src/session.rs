//! [`Session`]: a conversation over a socket, judged event by event. Holds no socket and no clock.
//!
//! What the caller says is a prompt, judged with all that was said before; each response is a stream
//! behind a [`crate::guard::Guard`] of its own; what a server tells beside its responses is judged as
//! one document. Each response is an exchange with an audit line; the session itself is one, too.
//!
//! Limit: a session keeps the policies that it began with.

mod head;
mod memory;
mod response;
mod said;
mod speech;
mod spoken;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;

use crate::app::App;
use crate::codec::pictures::may_hold;
use crate::codec::realtime_reply::{self as say, OURS};
use crate::codec::{AnswerKind, Codec, ReadError, Refusal, Telling, realtime};
use crate::exchange::Exchange;
use crate::guard::{Context, Record, document, pictures};
use crate::message::Audience;
use crate::prompt;
use crate::reply::Error;
use crate::server::Peer;

use head::Head;
use memory::Memory;
use response::Response;
use speech::Speech;

/// Responses at once. OpenAI gives one in the conversation, and some beside it.
const MAX_RESPONSES: usize = 16;
/// Responses that are asked for and have not begun.
const MAX_ASKED: usize = 16;
/// Ids of items that were taken out of the conversation and may be told about once more.
const MAX_DELETED: usize = 256;

/// A conversation over a socket.
pub struct Session {
    app: Arc<App>,
    peer: Peer,
    codec: &'static dyn Codec,
    audience: Audience,
    model: String,
    /// The session as an exchange: what belongs to no response.
    own: Arc<Exchange>,
    /// The exchange of what is being said, up to the response that answers it.
    turn: Option<Arc<Exchange>>,
    /// What judging needs to know that belongs to no response.
    context: Arc<Context>,
    memory: Memory,
    /// What was refused and has not been answered yet.
    refused: Option<Refusal>,
    asked: VecDeque<Asked>,
    responses: Vec<Response>,
    speech: Speech,
    deleted: VecDeque<String>,
    /// The next number of ours.
    number: u64,
    /// Events on their way.
    pub to_caller: Vec<String>,
    pub to_model: Vec<String>,
    /// Nothing more can be judged: the session has to end.
    pub broken: bool,
}

/// A response that was asked for.
struct Asked {
    event_id: Option<String>,
    context: Arc<Context>,
    exchange: Arc<Exchange>,
}

impl Session {
    /// Begins one. `own` is the exchange that opened it.
    ///
    /// # Errors
    /// As [`prompt::judge`].
    pub async fn begin(
        own: Arc<Exchange>,
        app: Arc<App>,
        peer: Peer,
        codec: &'static dyn Codec,
        audience: Audience,
        model: String,
    ) -> Result<Self, Error> {
        let memory = Memory::default();
        let ask = memory.ask(&model);
        own.asks(&ask);
        let prompt = prompt::judge(&own, &app, audience, &ask, &[]).await?;
        let context = Arc::new(prompt.into_context(&own, &app, codec, Telling::Pieces));
        Ok(Self {
            speech: Speech::new(app.config.sound),
            app,
            peer,
            codec,
            audience,
            model,
            own,
            turn: None,
            context,
            memory,
            refused: None,
            asked: VecDeque::new(),
            responses: Vec::new(),
            deleted: VecDeque::new(),
            number: 0,
            to_caller: Vec::new(),
            to_model: Vec::new(),
            broken: false,
        })
    }

    /// Whether nothing is being answered.
    pub fn is_idle(&self) -> bool {
        self.responses.is_empty() && self.asked.is_empty()
    }

    /// The model server tells an event.
    pub async fn told(&mut self, event: &str) {
        // Between its tokens JSON may hold line ends; events of a guard are lines.
        let line = event.replace(['\n', '\r'], " ");
        let Some(head) = Head::read(&line) else {
            return self.withhold("invalid_json", "The model server told no event.");
        };
        if self.is_ours(&head) {
            return;
        }
        self.broken |= !self.speech.follow(&head, &line);
        if self.speech.holds(head.kind()) {
            return;
        }
        if self.speech.takes(head.kind()) {
            return self.transcribed(&head, &line).await;
        }
        if self.waits(&head) {
            if !self.speech.wait(line) {
                self.broken = true;
            }
            return;
        }
        self.pass(&head, line).await;
    }

    /// Whether an event has to wait until what the caller spoke was judged.
    fn waits(&self, head: &Head) -> bool {
        self.speech.is_awaited()
            && (head.kind().starts_with("response.") || self.of(head).is_some())
    }

    async fn pass(&mut self, head: &Head, line: String) {
        let is_response = head.kind().starts_with("response.");
        if head.kind() == "response.created" {
            self.open(head).await;
        }
        match self.of(head) {
            Some(at) => self.respond(at, head, &line).await,
            None if is_response => {
                self.withhold("unknown_response", "An event of an unknown response.");
            }
            None => self.beside(head, line).await,
        }
    }

    /// The response that an event belongs to, by its own number or that of its item.
    fn of(&self, head: &Head) -> Option<usize> {
        let mut responses = self.responses.iter();
        match (head.response(), head.item()) {
            (Some(id), _) => responses.position(|one| one.id == id),
            (None, Some(item)) => {
                responses.position(|one| one.items.iter().any(|known| known == item))
            }
            (None, None) => None,
        }
    }

    /// A response begins, whoever asked for it.
    async fn open(&mut self, head: &Head) {
        let Some(id) = head.response().map(str::to_owned) else {
            return;
        };
        if self.of(head).is_some() || self.responses.len() >= MAX_RESPONSES {
            return;
        }
        let (context, exchange) = match self.asked.pop_front() {
            Some(asked) => (asked.context, asked.exchange),
            None => match self.unasked().await {
                Ok(begun) => begun,
                Err(error) => return self.complain(&error, None),
            },
        };
        exchange.ends_with(StatusCode::OK);
        exchange.streams();
        let mut response = Response::new(&id, context, exchange);
        if let Some(refusal) = self.refused.take() {
            self.answer_with(&refusal, &Head::default());
            response.cut = true;
            self.cancel(&id);
        }
        self.responses.push(response);
    }

    /// The context of a response that the server gives by itself, as it does when somebody has spoken.
    async fn unasked(&mut self) -> Result<(Arc<Context>, Arc<Exchange>), Error> {
        let exchange = self.turn();
        let ask = self.memory.ask(&self.model);
        let prompt = self.judge(&exchange, &ask, &[]).await?;
        if prompt.action.ends() && self.refused.is_none() {
            self.refused = Some(prompt.refusal(&exchange, &self.app));
        }
        let context = prompt.into_context(&exchange, &self.app, self.codec, Telling::Pieces);
        let context = Arc::new(context);
        self.context = Arc::clone(&context);
        self.turn = None;
        Ok((context, exchange))
    }

    async fn respond(&mut self, at: usize, head: &Head, line: &str) {
        let sound = self.app.config.sound;
        let is_last = head.kind() == "response.done";
        if !self.responses[at].cut {
            let response = &mut self.responses[at];
            let told = if realtime::is_sound(head.kind()) {
                response.hear(head, line, sound)
            } else if may_hold(line.as_bytes()) {
                let (context, exchange) = (
                    Arc::clone(&response.context),
                    Arc::clone(&response.exchange),
                );
                match looked_at(&context, exchange, line).await {
                    Ok(Ok(line)) => response.tell(head, &line),
                    Ok(Err(withheld)) => response.withhold(&withheld),
                    Err(error) => response.fail(&error),
                }
            } else if self.codec_knows(line) {
                self.responses[at].tell(head, line)
            } else {
                self.withhold("unknown_event", "An event of an unknown type.");
                Vec::new()
            };
            self.to_caller.extend(told);
        }
        let response = &mut self.responses[at];
        if response.is_ended() && !is_last && !response.cut {
            response.cut = true;
            let id = response.id.clone();
            self.cancel(&id);
        }
        if is_last {
            let response = self.responses.swap_remove(at);
            self.close(response);
        }
    }

    /// Whether an event of a response is of a type that is known: others are not part of the stream.
    fn codec_knows(&self, line: &str) -> bool {
        let limits = self.own.live.config.limits.read();
        let mut envelope = crate::codec::Envelope::default();
        let read = self.codec.read_event(line, &mut envelope, &limits);
        read.err().is_none_or(|error| error.code != "unknown_event")
    }

    /// A response is over. What was shown whole goes on; what was not is taken from the model, too.
    fn close(&mut self, response: Response) {
        if !response.cut && response.exchange.is_clean() {
            let last = serde_json::from_str(&response.last).unwrap_or_default();
            let parts = realtime::shown(&last, 0);
            if self.memory.add(&parts, &[], &[]).is_err() {
                let error = self.too_long();
                self.complain(&error, None);
            }
            return;
        }
        for item in response.items {
            let number = self.next_number();
            self.to_model.push(say::delete(&item, number));
            self.forget(item);
        }
    }

    /// An event beside the responses, judged as one document.
    async fn beside(&mut self, head: &Head, mut line: String) {
        if head.kind() == "error" {
            self.asked_in_vain(head);
        }
        let context = Arc::clone(&self.context);
        if may_hold(line.as_bytes()) {
            let looked = looked_at(&context, Arc::clone(&self.own), &line).await;
            match looked {
                Ok(Ok(told)) => line = told,
                Ok(Err(_)) => return self.withhold("content_filter", "A picture is withheld."),
                Err(error) => return self.withhold(error.code, &error.message),
            }
        }
        let record: Arc<dyn Record> = Arc::<Exchange>::clone(&self.own);
        let judged = document(&context, &record, AnswerKind::Document, Bytes::from(line));
        match judged.await {
            Ok(told) => {
                record.sent(told.len());
                self.to_caller
                    .push(String::from_utf8_lossy(&told).into_owned());
            }
            Err(error) => self.withhold(error.code, &error.message),
        }
    }

    /// The server refuses what was asked: no response will come of it.
    fn asked_in_vain(&mut self, head: &Head) {
        let of = |asked: &Asked| asked.event_id.as_deref() == head.answers();
        if let Some(asked) = (self.asked.iter().position(of)).and_then(|at| self.asked.remove(at)) {
            asked.exchange.ends_with(StatusCode::BAD_GATEWAY);
        }
    }

    /// Whether an event tells about something of ours, or about something that was taken away.
    fn is_ours(&mut self, head: &Head) -> bool {
        if head.answers().is_some_and(|id| id.starts_with(OURS)) {
            return true;
        }
        let Some(item) = head.item() else {
            return false;
        };
        let beside = head.kind().starts_with("conversation.item.");
        beside && (item.starts_with(OURS) || self.deleted.iter().any(|gone| gone == item))
    }

    /// The exchange of what is being said.
    fn turn(&mut self) -> Arc<Exchange> {
        if let Some(turn) = &self.turn {
            return Arc::clone(turn);
        }
        let live = Arc::clone(&self.own.live);
        let turn = Exchange::begin_under(self.own.gate(), live, &self.peer);
        turn.routed(&self.app);
        turn.speaks(self.codec);
        turn.heard(self.audience);
        turn.ends_with(StatusCode::OK);
        if self.speech.is_unseen() {
            turn.leaves_unseen(&["audio"]);
        }
        self.turn = Some(Arc::clone(&turn));
        turn
    }

    /// Ends a response at the server that the caller has seen end.
    fn cancel(&mut self, response: &str) {
        let number = self.next_number();
        self.to_model.push(say::cancel(response, number));
    }

    /// What a server tells of an item from now on is nobody's concern.
    fn forget(&mut self, item: String) {
        if self.deleted.len() >= MAX_DELETED {
            self.deleted.pop_front();
        }
        self.deleted.push_back(item);
    }

    fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    fn too_long(&mut self) -> Error {
        self.broken = true;
        let why = "The session is longer than can be judged. Begin a new one.";
        Error::client("session_too_long", why)
    }

    /// Tells the caller what is wrong with an event.
    fn complain(&mut self, error: &Error, event_id: Option<&str>) {
        let exchange = self.turn.as_ref().unwrap_or(&self.own);
        exchange.failed_with(error);
        let id = exchange.id.clone();
        let kind = "invalid_request_error";
        let event = say::error_event(kind, error.code, &error.message, event_id, &id);
        self.to_caller.push(event);
    }

    /// An event of the server's is not told, and the caller learns that.
    fn withhold(&mut self, code: &'static str, message: &str) {
        let (code, message) = (code, message.to_owned());
        let error = Error::unreadable_answer(ReadError { code, message });
        self.own.failed_with(&error);
        let (kind, id) = ("upstream_error", &self.own.id);
        let event = say::error_event(kind, error.code, &error.message, None, id);
        self.to_caller.push(event);
    }

    /// The server is gone: what it was saying ends.
    pub fn lost(&mut self) {
        for response in &mut self.responses {
            let error = ReadError {
                code: "upstream_reset",
                message: "The model's answer broke off. Ask again.".to_owned(),
            };
            if !response.cut && !response.is_ended() {
                let told = response.fail(&error);
                self.to_caller.extend(told);
            }
        }
    }
}

/// An event with what may be shown of its pictures, or why none of it may.
async fn looked_at(
    context: &Arc<Context>,
    exchange: Arc<Exchange>,
    line: &str,
) -> Result<Result<String, pictures::Withheld>, ReadError> {
    let record: Arc<dyn Record> = exchange;
    let words = AnswerKind::Document.read(context.codec, line.as_bytes(), &context.read)?;
    let words: Vec<_> = words.into_iter().map(|piece| piece.raw).collect();
    let found = pictures::find(context, line.as_bytes(), &words);
    let judged = pictures::judge(Arc::clone(context), record, found).await;
    let mut verdict = judged.map_err(|why| ReadError {
        code: why.code(),
        message: format!("a picture in it cannot be checked: {why}"),
    })?;
    if let Some(withheld) = verdict.withheld.take() {
        return Ok(Err(withheld));
    }
    let edited = verdict.written(line.as_bytes())?;
    Ok(Ok(String::from_utf8_lossy(&edited).into_owned()))
}
