//! Which models look at pictures for the apps of a config: loaded once, kept over reloads, or told as
//! missing.
//!
//! Without its model a signal is off: nothing reads it, so such a rule never holds. [`missing`] says
//! so, and an app for children does not start where its operator's own policies need one.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use crate::config::{self, Config};
use crate::message::Band;
use crate::models::{self, Pinned, Unusable};
use crate::network::{BadNetwork, Network};
use crate::picture::{Drawn, Eye, Eyes, Faces, Nudity, Words};
use crate::policy::{PolicySet, Rule, Selection};

/// The eyes that policies of some app ask for and whose models are there; `kept` are those that were
/// loaded from the same folder before.
///
/// # Errors
/// For the operator: a model that is damaged, or one that is missing and that an app for children
/// names in policies of its operator's own.
pub fn load(config: &Config, set: &PolicySet, kept: Option<&Eyes>) -> Result<Eyes, String> {
    let mut eyes = kept.map_or_else(Eyes::default, |kept| {
        kept.only(|eye| is_asked(config, set, eye))
    });
    for eye in Eye::ALL {
        if eyes.has(eye) || !is_asked(config, set, eye) {
            continue;
        }
        let pinned = models::of(eye);
        match pinned.read(&config.models) {
            Ok(files) => open(eye, files, &mut eyes)
                .map_err(|why| format!("model `{}`: {why}", pinned.name))?,
            Err(why @ Unusable::Damaged(_)) => {
                return Err(format!("model `{}`: {why}", pinned.name));
            }
            Err(why @ Unusable::Missing(_)) => promised(config, set, eye, pinned, &why)?,
        }
    }
    Ok(eyes)
}

/// One eye, with its model from the folder of all models.
///
/// # Errors
/// For the operator: a model that is missing or damaged.
pub fn of(eye: Eye, folder: &Path) -> Result<Eyes, String> {
    let pinned = models::of(eye);
    let wrong = |why: &dyn Display| format!("model `{}`: {why}", pinned.name);
    let files = pinned.read(folder).map_err(|why| wrong(&why))?;
    let mut eyes = Eyes::default();
    open(eye, files, &mut eyes).map_err(|why| wrong(&why))?;
    Ok(eyes)
}

/// What the apps of a config ask for that is not there, a line each, for the operator; `there` is what was
/// loaded, which is not read again.
pub fn missing(config: &Config, set: &PolicySet, there: &Eyes) -> Vec<String> {
    let mut lines = Vec::new();
    for eye in Eye::ALL {
        // Reading a model checks all its bytes: not for nobody.
        if there.has(eye) || !is_asked(config, set, eye) {
            continue;
        }
        let Err(why) = models::of(eye).read(&config.models) else {
            continue;
        };
        for (app, selection) in apps(config, set) {
            let rules: Vec<&str> = set
                .asks_eye(selection, eye)
                .map(|rule| &*rule.id.0)
                .collect();
            if !rules.is_empty() {
                let be = if rules.len() == 1 { "is" } else { "are" };
                let (name, rules) = (&app.name, rules.join(", "));
                lines.push(format!(
                    "app {name}: {rules} {be} off: {why}; `wardgate models fetch` brings it"
                ));
            }
        }
    }
    lines
}

fn apps<'a>(
    config: &'a Config,
    set: &'a PolicySet,
) -> impl Iterator<Item = (&'a config::App, &'a Arc<Selection>)> {
    config.apps.iter().zip(&set.selections)
}

fn is_asked(config: &Config, set: &PolicySet, eye: Eye) -> bool {
    apps(config, set).any(|(_, selection)| set.asks_eye(selection, eye).next().is_some())
}

/// Opens an eye with the files of its model.
fn open(eye: Eye, files: Vec<Vec<u8>>, eyes: &mut Eyes) -> Result<(), BadNetwork> {
    let mut networks = models::networks(models::of(eye), files)?.into_iter();
    let mut network = || Network::read(networks.next().unwrap_or_default());
    match eye {
        Eye::Nudity => eyes.nudity = Some(Nudity::new(Arc::new(network()?))),
        Eye::Text => eyes.words = Some(Words::new(network()?, network()?, network()?)?),
        Eye::Drawn => eyes.drawn = Some(Drawn::new(network()?)),
        Eye::Age => eyes.faces = Some(Faces::new(network()?, network()?)),
    }
    Ok(())
}

/// Refuses apps for children whose operator's own policies ask for what is missing.
fn promised(
    config: &Config,
    set: &PolicySet,
    eye: Eye,
    pinned: &Pinned,
    why: &Unusable,
) -> Result<(), String> {
    let children = apps(config, set).filter(|(app, _)| app.profile.is_some_and(Band::is_minor));
    let own = |rule: &&Rule| !rule.shipped;
    for (app, selection) in children {
        if let Some(rule) = set.asks_eye(selection, eye).find(own) {
            let (name, model, rule) = (&app.name, pinned.name, &rule.id);
            return Err(format!(
                "app `{name}` is for children, and rule {rule} needs the model `{model}`: {why}. \
                 Run `wardgate models fetch`"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
