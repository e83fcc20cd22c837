//! What the caller of a session spoke, once it was written down: judged as what was said, and then
//! shown; what answers it waits for that.

use super::Session;
use super::head::Head;
use super::memory::TooLong;
use crate::codec::realtime_reply as say;
use crate::codec::{Ending, Refusal};
use crate::config::OnFailure;
use crate::guard::unchecked_text;
use crate::message::{Media, Part, Role};
use crate::reply::Error;

impl Session {
    /// What the caller spoke was written down, or could not be: it is judged as what was said, and then
    /// shown; then what answers it.
    pub(super) async fn transcribed(&mut self, head: &Head, line: &str) {
        let Some(item) = head.item().map(str::to_owned) else {
            return self.withhold("unknown_shape", "A transcript of no item.");
        };
        let event: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        let text = event["transcript"].as_str().unwrap_or_default();
        let failed = head.kind().ends_with(".failed");
        if failed && self.app.config.on_failure == OnFailure::Block {
            let why = "What was said could not be written down, so nobody could judge it.";
            self.complain(&Error::client("not_transcribed", why), None);
            self.refused = Some(self.unheard());
        }
        if failed {
            self.own.leaves_unseen(&["audio"]);
        } else if let Err(error) = self.judge_speech(text).await {
            self.complain(&error, None);
            self.refused = Some(self.unheard());
        }
        let refused = self.refused.is_some();
        if refused {
            let number = self.next_number();
            self.to_model.push(say::delete(&item, number));
        }
        let pieces = self.speech.pieces_of(&item);
        let before = self.to_caller.len();
        self.beside(head, line.to_owned()).await;
        let as_told = self.to_caller.get(before).is_some_and(|told| told == line);
        if as_told {
            self.to_caller.splice(before..before, pieces);
        }
        if refused {
            self.forget(item.clone());
        }
        self.speech.heard(&item);
        while !self.speech.is_awaited() {
            let Some(line) = self.speech.next_waiting() else {
                break;
            };
            if let Some(head) = Head::read(&line) {
                self.pass(&head, line).await;
            }
        }
    }

    async fn judge_speech(&mut self, text: &str) -> Result<(), Error> {
        let exchange = self.turn();
        let part = spoken(text);
        let mut ask = self.memory.ask(&self.model);
        ask.parts = self.memory.followed_by(vec![part.clone()]);
        let prompt = self.judge(&exchange, &ask, &[]).await?;
        if prompt.action.ends() {
            self.refused = Some(prompt.refusal(&exchange, &self.app));
            return Ok(());
        }
        self.memory
            .add(&[part], &[], &[])
            .map_err(|TooLong| self.too_long())
    }

    /// What answers something that nobody could judge.
    fn unheard(&mut self) -> Refusal {
        let exchange = self.turn();
        Refusal {
            text: unchecked_text(self.context.language).to_owned(),
            ending: Ending::Filtered,
            rule: String::new(),
            area: String::new(),
            exchange: exchange.id.clone(),
            style: self.app.config.refusal,
            created: exchange.created(),
        }
    }
}

/// What was heard of a caller, as a part of the conversation.
fn spoken(text: &str) -> Part {
    Part {
        role: Role::User,
        media: Media::Text,
        turn: 0,
        text: text.to_owned(),
        at: "/transcript".to_owned(),
        raw: 0..0,
    }
}
