//! [`Voices`]: the endpoints and models that policies of a config may ask, each with what it said
//! before.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::cache::ScoreCache;
use crate::classifier::Classifier;
use crate::config::Config;
use crate::detect::{Opinion, Scores, Silent, Source};
use crate::policy::PolicySet;
use crate::remote::Remote;
use crate::server::Worker;

/// Whom policies of a config may ask.
#[derive(Debug, Default)]
pub struct Voices(BTreeMap<Source, Arc<Voice>>);

/// One of them.
#[derive(Debug)]
pub(super) struct Voice {
    who: Who,
    known: ScoreCache,
}

#[derive(Debug)]
enum Who {
    Remote(Box<Remote>),
    Model(Arc<Classifier>),
}

impl Voices {
    /// Prepares all of them, and looks whether those are there that policies ask. Of the `kept` ones
    /// those stay, with what they said, that are still what the config says.
    ///
    /// # Errors
    /// One line for the operator.
    pub fn load(config: &Config, set: &PolicySet, kept: Option<&Self>) -> Result<Self, String> {
        let mut voices = Self::default();
        for written in &config.remotes {
            let is = |who: &Who| matches!(who, Who::Remote(one) if one.is(written, &config.limits));
            voices.put(Source::Remote(written.name.clone()), kept, is, || {
                let remote = Remote::new(written, &config.limits);
                remote.map(|remote| Who::Remote(Box::new(remote)))
            })?;
        }
        for written in &config.classifiers {
            let is = |who: &Who| matches!(who, Who::Model(one) if one.is(written));
            voices.put(Source::Model(written.name.clone()), kept, is, || {
                Classifier::load(written).map(|model| Who::Model(Arc::new(model)))
            })?;
        }
        for (app, selection) in config.apps.iter().zip(&set.selections) {
            for (_, opinion) in set.opinions(selection) {
                let answered = voices.answer(opinion);
                answered.map_err(|error| format!("app `{}`: {error}", app.name))?;
            }
        }
        Ok(voices)
    }

    /// Puts in who that is: the kept one if it is still what the config says, else a new one.
    fn put<E: Display>(
        &mut self,
        source: Source,
        kept: Option<&Self>,
        is: impl Fn(&Who) -> bool,
        make: impl FnOnce() -> Result<Who, E>,
    ) -> Result<(), String> {
        let old = kept.and_then(|kept| kept.0.get(&source));
        let voice = match old.filter(|voice| is(&voice.who)) {
            Some(old) => Arc::clone(old),
            None => Voice::new(make().map_err(|error| format!("{source}: {error}"))?),
        };
        self.0.insert(source, voice);
        Ok(())
    }

    /// Whether somebody is there who may say what a policy wants to hear.
    fn answer(&self, opinion: &Opinion) -> Result<(), String> {
        let Opinion { source, label, .. } = opinion;
        let Some(voice) = self.0.get(source) else {
            let key = match source {
                Source::Remote(_) => "remotes",
                Source::Model(_) => "classifiers",
            };
            return Err(format!(
                "a policy asks {source}, which the config does not have: add it under `{key}:`"
            ));
        };
        match voice.may_know(label) {
            true => Ok(()),
            false => Err(format!("{source} has no label `{label}`")),
        }
    }

    pub(super) fn of(&self, source: &Source) -> Option<&Arc<Voice>> {
        self.0.get(source)
    }
}

impl Voice {
    fn new(who: Who) -> Arc<Self> {
        let known = ScoreCache::default();
        Arc::new(Self { who, known })
    }

    fn may_know(&self, label: &str) -> bool {
        match &self.who {
            Who::Remote(remote) => remote.may_know(label),
            Who::Model(model) => model.knows(label),
        }
    }

    /// How long it has for one text.
    pub fn deadline(&self) -> Duration {
        match &self.who {
            Who::Remote(remote) => remote.deadline(),
            Who::Model(model) => model.deadline(),
        }
    }

    /// What it said of a text before.
    pub fn known(&self, text: &str) -> Option<Arc<Scores>> {
        self.known.get(text)
    }

    /// What it says of a text.
    pub async fn ask(&self, worker: Worker, text: &str) -> Result<Arc<Scores>, Silent> {
        let said = match &self.who {
            Who::Remote(remote) => remote.ask(worker, text, Instant::now()).await,
            Who::Model(model) => model.ask(text).await,
        };
        let scores = Arc::new(said?);
        self.known.put(text, Arc::clone(&scores));
        Ok(scores)
    }
}

/// Whom rules of the apps ask about prompts, and where those go then: a line each, for the operator.
pub fn asked(config: &Config, set: &PolicySet) -> Vec<String> {
    let mut lines = Vec::new();
    for (app, selection) in config.apps.iter().zip(&set.selections) {
        let mut rules: BTreeMap<&Source, BTreeSet<&str>> = BTreeMap::new();
        for (rule, opinion) in set.opinions(selection) {
            let of = rules.entry(&opinion.source).or_default();
            of.insert(&set.rule(rule).id.0);
        }
        for (source, rules) in rules {
            let remote = |name: &String| config.remotes.iter().find(|one| one.name == *name);
            let place = match source {
                Source::Remote(name) => remote(name).map(|one| one.server.url.to_string()),
                Source::Model(_) => None,
            };
            let place = place.map_or(String::new(), |url| format!(", sends prompts to {url}"));
            let rules: Vec<&str> = rules.into_iter().collect();
            let (name, rules) = (&app.name, rules.join(", "));
            lines.push(format!("app {name}: {rules} ask {source}{place}"));
        }
    }
    lines
}
