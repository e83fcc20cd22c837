//! Compiled policies for the commands that judge without serving.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Files, Trouble};
use crate::config::Config;
use crate::policy::{self, PolicySet, Selection, Source};

/// Compiled policies with the config that they were compiled for.
#[derive(Debug)]
pub(super) struct Pack {
    /// What the config says.
    pub config: Config,
    /// Everything compiled.
    pub set: Arc<PolicySet>,
}

impl Pack {
    /// What an app uses; the first app's when no name is given.
    pub fn selection(&self, app: Option<&str>) -> Result<Arc<Selection>, Trouble> {
        let mut apps = self.config.apps.iter();
        let index = match app {
            None => Some(0),
            Some(name) => apps.position(|app| app.name == name),
        };
        let found = index.and_then(|index| self.set.selections.get(index));
        found.map(Arc::clone).ok_or_else(|| {
            let names: Vec<_> = self.config.apps.iter().map(|app| &*app.name).collect();
            let names = names.join(", ");
            Trouble::new(format!("the config has no such app; it has: {names}"))
        })
    }
}

/// The config that the files name, or the one that serves without any.
pub(super) fn config(files: &Files) -> Result<Config, Trouble> {
    let mut config = match &files.config {
        Some(path) => Config::load(path).map_err(|errors| Trouble::new(errors.to_string()))?,
        None => Config::default_for(None),
    };
    config.policy_folders.extend(files.policies.iter().cloned());
    Ok(config)
}

/// The shipped pack, or the folder in its place, and what the folders hold.
pub(super) fn sources(pack: Option<&PathBuf>, folders: &[PathBuf]) -> Result<Vec<Source>, Trouble> {
    let mut sources = match pack {
        None => policy::shipped(),
        Some(folder) => {
            let mut sources =
                policy::read_folders(std::slice::from_ref(folder)).map_err(Trouble::new)?;
            for source in &mut sources {
                source.shipped = true;
            }
            sources
        }
    };
    sources.extend(policy::read_folders(folders).map_err(Trouble::new)?);
    Ok(sources)
}

/// Loads and compiles; `level` is for a run without a config. What is wrong with the config and with the
/// policies is said together.
pub(super) fn load(files: &Files, level: Option<u8>) -> Result<Pack, Trouble> {
    let wrong = match files.config.as_deref().map(Config::load) {
        Some(Err(errors)) => errors,
        _ => return compiled(files, config(files)?, level),
    };
    let said = wrong.to_string();
    let Some(mut draft) = wrong.draft else {
        return Err(Trouble::new(said));
    };
    draft.policy_folders.extend(files.policies.iter().cloned());
    match compiled(files, *draft, level) {
        Ok(_) => Err(Trouble::new(said)),
        Err(more) => Err(Trouble::new(format!("{said}\n\n{}", more.message))),
    }
}

fn compiled(files: &Files, mut config: Config, level: Option<u8>) -> Result<Pack, Trouble> {
    if let Some(level) = level {
        for app in &mut config.apps {
            app.policies.level = level;
        }
    }
    let sources = sources(files.pack.as_ref(), &config.policy_folders)?;
    let set = policy::compile(&sources, &config.policies())
        .map_err(|problems| Trouble::new(problems.to_string()))?;
    Ok(Pack {
        config,
        set: Arc::new(set),
    })
}
