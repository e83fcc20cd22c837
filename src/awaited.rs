//! [`Awaited`]: what counts of a prompt whose pictures are made later and fetched by a name: the number
//! of a task (DashScope), of a graph or the file that one gave (ComfyUI).
//!
//! Holds no words: which signals the prompt has, how old its speaker is, what is to be made. Whoever
//! fetches the pictures, what they show is judged beside that. A name that is given twice has both
//! prompts: callers may choose it.
//!
//! Limit: in this process's memory and for a day, as servers keep what a task gave. Pictures under any
//! other name are judged by themselves, one level stricter, for nobody knows what they were made from.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use crate::detect::SignalId;
use crate::guard::Context;
use crate::message::{Band, Language, Output};
use crate::policy::Talk;

/// Names of one app: a day of a busy one, some 30 MB.
const MAX_NAMES: u64 = 100_000;

/// How long a name is known: DashScope keeps what a task gave for a day.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// The prompts of one app by the names of what they ask for.
#[derive(Debug, Clone)]
pub struct Awaited(Cache<[u8; 32], Arc<Basis>>);

/// What an answer is judged beside.
#[derive(Debug, Clone)]
struct Basis {
    /// Of which policies.
    set: [u8; 32],
    carried: Vec<SignalId>,
    talk: Talk,
    language: Language,
    band: Band,
    output: Output,
    /// Whether the answer is judged one level stricter.
    doubtful: bool,
}

impl Default for Awaited {
    fn default() -> Self {
        let names = Cache::builder()
            .max_capacity(MAX_NAMES)
            .time_to_live(KEPT)
            .build();
        Self(names)
    }
}

fn key(name: &str) -> [u8; 32] {
    *blake3::hash(name.as_bytes()).as_bytes()
}

/// Judges the answer one level stricter.
fn doubt(context: &mut Context) {
    if !context.doubtful {
        context.selection = context.selection.stricter();
        context.doubtful = true;
    }
}

impl Awaited {
    /// What the prompt behind `context` asked for will be fetched by these names.
    pub fn keep(&self, names: &[String], context: &Context) {
        for name in names {
            let mut basis = Basis {
                set: context.set.hash,
                carried: context.carried.clone(),
                talk: context.talk.clone(),
                language: context.language,
                band: context.scene.audience.band,
                output: context.scene.output,
                doubtful: context.doubtful,
            };
            if let Some(known) = self.of(name, context) {
                let new = known
                    .carried
                    .iter()
                    .filter(|one| !context.carried.contains(one));
                basis.carried.extend(new.copied());
                basis.doubtful |= known.doubtful;
                basis.band = context.scene.audience.heard(Some(known.band)).band;
            }
            self.0.insert(key(name), Arc::new(basis));
        }
    }

    /// Lets what is fetched by this name be judged beside what it was made from, if that is known.
    pub fn join(&self, name: &str, context: &mut Context) {
        let Some(known) = self.of(name, context) else {
            return doubt(context);
        };
        context.carried.clone_from(&known.carried);
        context.talk = known.talk.clone();
        context.language = known.language;
        context.scene.output = known.output;
        context.scene.audience = context.scene.audience.heard(Some(known.band));
        if known.doubtful {
            doubt(context);
        }
    }

    fn of(&self, name: &str, context: &Context) -> Option<Arc<Basis>> {
        let known = self.0.get(&key(name));
        known.filter(|known| known.set == context.set.hash)
    }
}
