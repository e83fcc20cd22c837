//! What others say of a prompt, where rules of the app read it: asked before anything goes on, and only
//! about what no rule of ours has already refused, as it would go on.

mod voices;

pub use voices::{Voices, asked};

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::app::App;
use crate::body::Blame;
use crate::config::OnFailure;
use crate::detect::{Hit, Opinion, Scores, Silent, Source};
use crate::exchange::Exchange;
use crate::message::Part;
use crate::metrics::Answered;
use crate::policy::{Mode, outlook};
use crate::reply::Error;
use voices::Voice;

/// Texts of one request that are asked about: an agent's tools are some hundreds. What was asked before
/// is remembered, so a conversation reaches this only if it comes whole and new.
const MAX_TEXTS: usize = 1_024;

/// Bytes of a text that is asked about: models read some ten thousand tokens.
const MAX_TEXT_BYTES: usize = 128 * 1024;

/// Questions of one request at once, so that a long conversation leaves others their turns.
const TOGETHER: usize = 8;

/// Times the longest deadline that all questions of one request may take.
const PATIENCE: u32 = 4;

/// What was said of a prompt.
#[derive(Debug, Default)]
pub struct Heard {
    /// By part.
    pub hits: Vec<Vec<Hit>>,
    /// Something was not said, and the app lets that pass.
    pub incomplete: bool,
}

impl Heard {
    /// Whether rules have more to go by than before.
    pub fn is_something(&self) -> bool {
        self.hits.iter().any(|hits| !hits.is_empty())
    }
}

/// What rules want to hear of one that is asked.
#[derive(Default)]
struct Wanted<'a> {
    labels: BTreeSet<&'a str>,
    /// About what.
    texts: BTreeSet<&'a str>,
    /// Whether a rule that acts needs it: what only observes stops nothing.
    binds: bool,
}

/// Asks about the texts of a prompt whom rules want to hear of them. `told` are the parts' texts as they
/// go on: what is asked about.
///
/// # Errors
/// `opinion_missing` if something is not said that a rule which acts needs, and the app does not let
/// that pass; `too_much_text` if there is more to ask than is asked of one request.
pub async fn of(
    exchange: &Exchange,
    app: &App,
    parts: &[Part],
    (told, asked): (&[Cow<'_, str>], &[outlook::Wanted<'_>]),
) -> Result<Heard, Error> {
    let set = &exchange.live.set;
    let mut wanted: BTreeMap<&Source, Wanted<'_>> = BTreeMap::new();
    for one in asked {
        let (rule, opinion) = (one.rule, one.opinion);
        let texts = told[one.parts.clone()].iter().map(|text| text.trim());
        let one = wanted.entry(&opinion.source).or_default();
        one.labels.insert(&opinion.label);
        one.texts.extend(texts.filter(|text| !text.is_empty()));
        let observed = app.config.mode == Mode::Observe && !set.rule(rule).wall();
        one.binds |= !observed && !app.selection.observes(rule);
    }
    let mut asking = Asking {
        exchange,
        app,
        wanted: &wanted,
        said: HashMap::new(),
        silent: BTreeSet::new(),
    };
    asking.ask_all().await?;
    let Asking { said, silent, .. } = asking;
    let each = parts.iter().zip(told);
    let hits = each.map(|(part, told)| {
        let of = |opinion: &Opinion| {
            let scores = said.get(&(&opinion.source, told.trim()))?;
            scores.of(&opinion.label)
        };
        set.detectors.heard(&part.text, &of)
    });
    Ok(Heard {
        hits: hits.collect(),
        incomplete: !silent.is_empty(),
    })
}

/// What is asked, and what was said so far.
struct Asking<'a> {
    exchange: &'a Exchange,
    app: &'a App,
    wanted: &'a BTreeMap<&'a Source, Wanted<'a>>,
    said: HashMap<(&'a Source, &'a str), Arc<Scores>>,
    /// Who did not say something, and it goes on.
    silent: BTreeSet<&'a Source>,
}

impl Wanted<'_> {
    /// Whether it is more than is asked of one request.
    fn is_too_much(&self) -> bool {
        let long = |text: &&str| text.len() > MAX_TEXT_BYTES;
        self.texts.len() > MAX_TEXTS || self.texts.iter().any(long)
    }
}

impl<'a> Asking<'a> {
    /// Asks everybody about every text of theirs, some at a time, those first who said something before.
    async fn ask_all(&mut self) -> Result<(), Error> {
        let exchange = self.exchange;
        let metrics = &exchange.gate().metrics;
        let mut questions: Vec<(&'a Source, &Voice, &'a str)> = Vec::new();
        let mut longest = Duration::ZERO;
        for (&source, wanted) in self.wanted {
            if wanted.is_too_much() {
                self.silent(source, Silent::TooMuch)?;
                continue;
            }
            let Some(voice) = exchange.live.voices.of(source) else {
                self.silent(source, Silent::Failed)?;
                continue;
            };
            longest = longest.max(voice.deadline());
            for &text in &wanted.texts {
                match voice.known(text) {
                    Some(scores) => {
                        metrics.opinion(source, Answered::Remembered, None);
                        self.heard(source, text, scores)?;
                    }
                    None => questions.push((source, voice, text)),
                }
            }
        }
        let (turns, until) = (
            Semaphore::new(TOGETHER),
            Instant::now() + longest * PATIENCE,
        );
        let turns = &turns;
        let asks = questions.iter().map(|&(source, voice, text)| async move {
            let _turn = turns.acquire().await;
            let began = Instant::now();
            let answer = voice.ask(exchange.worker, text).await;
            let answered = match &answer {
                Ok(_) => Answered::Said,
                Err(why) => Answered::Nothing(*why),
            };
            metrics.opinion(source, answered, Some(began.elapsed()));
            (source, text, answer)
        });
        let mut asks: FuturesUnordered<_> = asks.collect();
        loop {
            match timeout_at(until, asks.next()).await {
                Ok(None) => return Ok(()),
                Ok(Some((source, text, Ok(scores)))) => self.heard(source, text, scores)?,
                Ok(Some((source, _, Err(why)))) => self.silent(source, why)?,
                Err(_) => break,
            }
        }
        for (source, _, text) in questions {
            if !self.said.contains_key(&(source, text)) {
                self.silent(source, Silent::Late)?;
            }
        }
        Ok(())
    }

    fn heard(&mut self, of: &'a Source, text: &'a str, scores: Arc<Scores>) -> Result<(), Error> {
        let mut labels = self.wanted[of].labels.iter();
        let knows = labels.all(|label| scores.of(label).is_some());
        self.said.insert((of, text), scores);
        match knows {
            true => Ok(()),
            false => self.silent(of, Silent::Garbled),
        }
    }

    /// One says nothing of a text.
    fn silent(&mut self, source: &'a Source, why: Silent) -> Result<(), Error> {
        let id = &self.exchange.id;
        if self.silent.insert(source) {
            tracing::warn!(exchange = %id, who = %source, ?why, "asked about a prompt, it says nothing");
        }
        // How much there is to ask is the caller's choice, and so nobody's failure.
        let stops = self.app.config.on_failure == OnFailure::Block || why == Silent::TooMuch;
        if stops && self.wanted[source].binds {
            return Err(unsaid(why));
        }
        self.exchange.opinion_missing();
        Ok(())
    }
}

fn unsaid(why: Silent) -> Error {
    match why {
        Silent::TooMuch => Error::client(
            "too_much_text",
            "There is more text than a check of this app takes. Send less, or begin a new conversation.",
        ),
        _ => Error {
            blame: Blame::Upstream,
            code: "opinion_missing",
            message: "A check that this app needs could not be made. Try again later.".to_owned(),
        },
    }
}
