//! What a config says about those that policies may ask: endpoints and classifiers in files, checked.

use std::collections::{BTreeMap, BTreeSet};

use serde_saphyr::{Location, Spanned};

use super::check::Check;
use super::{Answers, Asking, Classifier, Remote, Squash, Upstream, file};

/// Milliseconds that an endpoint or a classifier has, if the config does not say: a child waits for it.
const TIMEOUT_MS: u32 = 2_000;

/// The longest that can be said.
const TIMEOUT_MS_MAX: u32 = 60_000;

/// Questions at once to one endpoint, if the config does not say.
const AT_ONCE: u32 = 16;

/// The most that can be said.
const AT_ONCE_MAX: u32 = 1_024;

/// Pieces that a classifier reads at a time, if the config does not say: what BERT and its kin read.
const MAX_TOKENS: u32 = 512;

/// Fewest and most that can be said.
const TOKENS: std::ops::RangeInclusive<u32> = 16..=8_192;

/// Labels of one.
const MAX_LABELS: usize = 128;

impl Check<'_> {
    pub(super) fn remotes(
        &mut self,
        written: BTreeMap<String, Spanned<file::Remote>>,
    ) -> Vec<Remote> {
        let each = written.into_iter();
        each.filter_map(|(name, remote)| self.remote(name, remote))
            .collect()
    }

    fn remote(&mut self, name: String, written: Spanned<file::Remote>) -> Option<Remote> {
        let (at, written) = (written.referenced, written.value);
        let place = written.upstream.referenced;
        let asking = self.asking(&written, at)?;
        let timeout_ms = self.timeout_ms(written.timeout_ms, at);
        let at_once = self.within(written.at_once, "at_once", at, AT_ONCE, 1..=AT_ONCE_MAX);
        match self.upstream(written.upstream) {
            Upstream::Server(server) => Some(Remote {
                name,
                server: *server,
                asking,
                model: written.model,
                timeout_ms,
                at_once,
            }),
            Upstream::Mock => {
                let message = format!("remote `{name}` has no server");
                self.problems
                    .add(place, message, "write its URL: https://host[:port][/base]");
                None
            }
        }
    }

    fn asking(&mut self, written: &file::Remote, at: Location) -> Option<Asking> {
        let labels = !written.labels.is_empty() || !written.policy.is_empty();
        let (message, help) = match (written.kind, written.answers) {
            (file::Kind::Moderation, None) if !labels => return Some(Asking::Moderation),
            (file::Kind::Chat, Some(file::Answers::LlamaGuard)) if !labels => {
                return Some(Asking::Chat(Answers::LlamaGuard));
            }
            (file::Kind::Chat, Some(file::Answers::Qwen3guard)) if !labels => {
                return Some(Asking::Chat(Answers::Qwen3Guard));
            }
            (file::Kind::Chat, Some(file::Answers::Scores)) => {
                let policy = written.policy.trim().to_owned();
                let labels = self.labels(&written.labels, at)?;
                if !policy.is_empty() {
                    return Some(Asking::Chat(Answers::Scores { policy, labels }));
                }
                (
                    "a remote that answers in scores needs a policy",
                    "policy: what the model is to judge by",
                )
            }
            (file::Kind::Chat, None) => (
                "a remote of kind chat needs to say how it answers",
                "answers: llama_guard, qwen3guard or scores",
            ),
            _ => (
                "policy and labels are for a chat that answers in scores; a moderation has no `answers`",
                "remove what does not belong, or write kind: chat and answers: scores",
            ),
        };
        self.problems.add(at, message, help);
        None
    }

    pub(super) fn classifiers(
        &mut self,
        written: BTreeMap<String, Spanned<file::Classifier>>,
    ) -> Vec<Classifier> {
        let each = written.into_iter();
        each.filter_map(|(name, one)| self.classifier(name, one))
            .collect()
    }

    fn classifier(
        &mut self,
        name: String,
        written: Spanned<file::Classifier>,
    ) -> Option<Classifier> {
        let (at, written) = (written.referenced, written.value);
        let timeout_ms = self.timeout_ms(written.timeout_ms, at);
        let max_tokens = self.within(written.max_tokens, "max_tokens", at, MAX_TOKENS, TOKENS);
        Some(Classifier {
            name,
            file: self.file(&written.file),
            tokenizer: self.file(&written.tokenizer),
            labels: self.labels(&written.labels, at)?,
            squash: match written.scores {
                file::Squash::Softmax => Squash::Softmax,
                file::Squash::Sigmoid => Squash::Sigmoid,
            },
            max_tokens,
            timeout_ms,
        })
    }

    fn labels(&mut self, labels: &[String], at: Location) -> Option<Vec<String>> {
        let different: BTreeSet<&String> = labels.iter().collect();
        let named = labels.iter().all(|label| !label.trim().is_empty());
        if (1..=MAX_LABELS).contains(&labels.len()) && different.len() == labels.len() && named {
            return Some(labels.to_vec());
        }
        let message = format!("{} labels, or some twice or without a name", labels.len());
        let help = "labels: [fine, bullying], each once, at most 128";
        self.problems.add(at, message, help);
        None
    }

    fn timeout_ms(&mut self, written: Option<u32>, at: Location) -> u32 {
        let range = 1..=TIMEOUT_MS_MAX;
        self.within(written, "timeout_ms", at, TIMEOUT_MS, range)
    }

    fn within(
        &mut self,
        written: Option<u32>,
        key: &str,
        at: Location,
        default: u32,
        range: std::ops::RangeInclusive<u32>,
    ) -> u32 {
        let value = written.unwrap_or(default);
        if !range.contains(&value) {
            let message = format!("{key} is {value}");
            let help = format!("write {} to {}", range.start(), range.end());
            self.problems.add(at, message, &help);
        }
        value
    }
}
