//! The streaming promise, kept: nothing forbidden leaves, nothing allowed waits.
//!
//! [`Inspector`] judges one growing text. [`Guard`] runs one inspector per lane over the frames of
//! an answer and decides which frames may go; [`document`] does the same for a whole document.
//! [`GuardedBody`] is the only place that polls.
//!
//! What the client receives depends on the upstream's text and events alone, never on how its
//! bytes were cut: no timers, no chunk sizes, only positions.

pub mod body;
pub mod document;
pub mod inspector;
pub mod lanes;
pub mod pictures;
pub mod stream;
pub mod window;

use std::sync::Arc;

pub use body::GuardedBody;
pub use document::document;
pub use inspector::{Inspector, Step};
pub use pictures::Sight;
pub use stream::Guard;
pub use window::Window;

use crate::codec::{Codec, Ending, ReadLimits, Telling};
use crate::detect::{Scanner, SignalId};
use crate::message::{Direction, Language};
use crate::picture::Seen;
use crate::policy::helpline::Helplines;
use crate::policy::{Action, Detection, Hold, Mode, PolicySet, RuleIx, Scene, Selection, Talk};

/// What judging one exchange's answer needs to know; shared by all its lanes.
#[derive(Debug)]
pub struct Context {
    /// The policy set that the exchange began with.
    pub set: Arc<PolicySet>,
    /// What the app uses of it, one level stricter where the prompt raised a doubt.
    pub selection: Arc<Selection>,
    /// Whether it did.
    pub doubtful: bool,
    /// Direction, output kind, audience.
    pub scene: Scene,
    /// Signals of the prompt: they count as present when its answer is judged.
    pub carried: Vec<SignalId>,
    /// Where the conversation stands before the answer.
    pub talk: Talk,
    /// The conversation's language, for replies.
    pub language: Language,
    /// Enforce or observe.
    pub mode: Mode,
    /// Whether text waits for its sentence's score.
    pub hold: Hold,
    /// The dialect.
    pub codec: &'static dyn Codec,
    /// How the events of a stream tell a text.
    pub telling: Telling,
    /// Bounds on reading events.
    pub read: ReadLimits,
    /// Bytes of frames that one stream may hold back. Reaching it ends the stream: flushing would
    /// let a forbidden text out by padding it.
    pub held_bytes: usize,
    /// Bytes of text of one answer that are scored, if they are; more ends it in the same way.
    pub scored_bytes: usize,
    /// What follows replies of ours.
    pub closing: Closing,
    /// What happens to pictures of the answer.
    pub sight: Sight,
    /// A sentence that ends the answer, from a nudge on its prompt.
    pub nudge: Option<String>,
    /// The exchange's id, for error events.
    pub exchange: String,
}

impl Context {
    /// What the reader sees in place of the answer: in their language, in words for their age.
    pub fn reply(&self, rule: RuleIx) -> &str {
        let band = self.scene.audience.band;
        self.set.reply_for(rule, self.language, band)
    }

    /// Whether a rule that does something for this reader asks what sentences of the answer mean. Words in
    /// pictures are read as a text, whatever was asked for.
    pub fn asks_meaning(&self) -> bool {
        let asks = |scene| self.set.outlook(&self.selection, scene).asks_meaning();
        asks(self.scene) || self.scene.as_text().is_some_and(asks)
    }

    /// Bytes of its texts that are read.
    pub fn readable_bytes(&self) -> usize {
        match self.asks_meaning() {
            true => self.scored_bytes,
            false => usize::MAX,
        }
    }

    /// A scanner at the start of a text of the answer: its sentences are scored only where a rule of
    /// the app reads the scores.
    pub fn scanner(&self) -> Scanner {
        let scanner = Scanner::of_words(Arc::clone(&self.set.detectors));
        match self.asks_meaning() {
            true => scanner.holding(self.hold),
            false => scanner,
        }
    }

    /// What is really done about a detection here.
    pub fn effective(&self, detection: &Detection) -> Action {
        effective(&self.set, self.mode, detection)
    }
}

/// What follows a reply that ends an exchange, in the conversation's language; nothing unless the
/// app says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closing {
    /// Who helps in the app's region: after support.
    pub support: Option<String>,
    /// Whom to ask when it was wrong: after a refusal.
    pub appeal: Option<String>,
    /// What a reply leaves open for the region.
    pub helplines: Helplines,
}

impl Closing {
    /// The reply with what follows it.
    pub fn after(&self, reply: &str, action: Action) -> String {
        let more = match action {
            Action::Support => &self.support,
            Action::Block => &self.appeal,
            _ => &None,
        };
        let reply = self.helplines.fill(reply);
        match more {
            Some(more) => format!("{reply}\n\n{more}"),
            None => reply,
        }
    }
}

/// What is really done about a detection: observe mode lowers everything but the wall.
pub fn effective(set: &PolicySet, mode: Mode, detection: &Detection) -> Action {
    match mode {
        Mode::Observe if !set.rule(detection.rule).wall() => Action::Allow,
        _ => detection.action,
    }
}

/// What the guard saw, for the audit line and metrics.
pub trait Record: Send + Sync {
    /// A detection in the answer: where its lane stands, and the text it was found in.
    fn detection(&self, detection: &Detection, lane: crate::codec::Lane, text: &str);
    /// The answer was ended by the guard.
    fn ended(&self, action: Action, rule: &str);
    /// The answer could not be inspected (code of the reason).
    fn failed(&self, code: &'static str);
    /// A picture was looked at.
    fn saw(&self, _: Direction, _: &Seen) {}
    /// A picture goes on unseen.
    fn picture_unseen(&self) {}
    /// Bytes held back now.
    fn held(&self, bytes: usize);
    /// Bytes that went to the client.
    fn sent(&self, bytes: usize);
    /// The answer came to its own end, inspected whole.
    fn complete(&self);
}

/// Code of an answer that had to be ended because too much of it was held back.
pub const UNCHECKED_CODE: &str = "held_bytes";

/// What the reader sees when an answer ends because it could not be checked.
pub const fn unchecked_text(language: Language) -> &'static str {
    match language {
        Language::En => "This answer was stopped because it could not be checked.",
        Language::Zh => "由于无法完成检查，本次回答已停止。",
    }
}

/// How an answer of ours ends after an action that ends it.
pub const fn ending(action: Action) -> Ending {
    match action {
        Action::Support => Ending::Supported,
        _ => Ending::Filtered,
    }
}
