//! Profiles: policies, level, audience and failure choice under one name, so that an app needs two lines.
//!
//! The shipped ones are embedded; a policy folder may hold its own under `profiles/`. What an app
//! writes itself wins. A profile cannot lower the wall, as nothing can.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::check::Check;
use super::file::OnFailure;
use super::problems::Problems;
use crate::message::{AudienceSource, Band};
use crate::policy::{self, Source, did_you_mean};

/// A profile as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Its name: that of its file.
    profile: Spanned<String>,
    /// For whom it is, in both languages.
    title: Spanned<policy::file::Localised>,
    /// Policy names, rows or rule ids; empty means every policy.
    policies: Vec<String>,
    /// Rules above this level are off.
    level: Spanned<u8>,
    /// Who speaks.
    audience: Audience,
    /// What happens when judging fails.
    on_failure: OnFailure,
}

/// Who speaks, as far as a profile can know.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Audience {
    /// "minor", "adult", a band such as "12-13", or "unknown".
    default: Spanned<String>,
}

/// What an app has that writes nothing of its own.
#[derive(Debug, Clone)]
pub(super) struct Profile {
    /// Its name, which names an app that has none.
    pub name: String,
    /// Policy names, rows or rule ids.
    pub policies: Vec<String>,
    /// Rules above this level are off.
    pub level: u8,
    /// Who speaks.
    pub band: Band,
    /// What happens when judging fails.
    pub on_failure: OnFailure,
}

impl Profile {
    /// What an app without a profile has: every policy, level 1, an unknown audience.
    pub(super) fn none() -> Self {
        Self {
            name: String::new(),
            policies: Vec::new(),
            level: 1,
            band: Band::Unknown,
            on_failure: OnFailure::Block,
        }
    }

    /// How the band is known when the app does not say it: `own` without a profile.
    pub(super) fn source(&self, own: AudienceSource) -> AudienceSource {
        match self.name.is_empty() {
            true => own,
            false => AudienceSource::Profile,
        }
    }
}

/// All profiles by name.
#[derive(Debug, Default)]
pub(super) struct Profiles(BTreeMap<String, Profile>);

impl Check<'_> {
    /// The shipped profiles and those of policy folders. Reports what is wrong with the latter.
    pub(super) fn profiles(&mut self, folders: &[PathBuf]) -> Profiles {
        let mut profiles = Profiles::default();
        let own = self.beside(folders, "profiles");
        for source in policy::profiles().iter().chain(&own) {
            let mut problems = Problems {
                origin: &source.path,
                text: &source.text,
                blocks: Vec::new(),
            };
            let profile = read(source, &mut problems);
            self.problems.blocks.append(&mut problems.blocks);
            if let Some(profile) = profile {
                profiles.0.insert(profile.name.clone(), profile);
            }
        }
        profiles
    }

    /// The profile that an app names, if it names one that exists.
    pub(super) fn profile(
        &mut self,
        named: Option<&Spanned<String>>,
        all: &Profiles,
    ) -> Option<Profile> {
        let named = named?;
        let found = all.0.get(&named.value);
        if found.is_none() {
            let known = || all.0.keys().map(String::as_str);
            let help = did_you_mean(&named.value, known()).unwrap_or_else(|| {
                format!("write one of: {}", known().collect::<Vec<_>>().join(", "))
            });
            let message = format!("there is no profile `{}`", named.value);
            self.problems.add(named.referenced, message, &help);
        }
        found.cloned()
    }
}

fn read(source: &Source, problems: &mut Problems<'_>) -> Option<Profile> {
    let file: File = match serde_saphyr::from_str(&source.text) {
        Ok(file) => file,
        Err(error) => {
            problems.unreadable(&error);
            return None;
        }
    };
    let stem = source.path.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = file.profile.value;
    if stem.strip_suffix(".yaml") != Some(&name) {
        let message = format!("the profile of {stem} is called `{name}`");
        problems.add(
            file.profile.referenced,
            message,
            "a profile has the name of its file",
        );
    }
    if !source.shipped
        && policy::profiles()
            .iter()
            .any(|one| one.path.ends_with(&format!("/{stem}")))
    {
        let help = "give yours a name of its own; what an app writes wins over its profile";
        problems.add(
            file.profile.referenced,
            format!("`{name}` is a shipped profile"),
            help,
        );
    }
    if file.title.value.en.trim().is_empty() || file.title.value.zh.trim().is_empty() {
        problems.add(
            file.title.referenced,
            "the title lacks a language",
            "write `title: {en: ..., zh: ...}`",
        );
    }
    if !(1..=3).contains(&file.level.value) {
        let help = "1 is hardly ever wrong, 2 sometimes, 3 is strict";
        problems.add(
            file.level.referenced,
            format!("level {} does not exist", file.level.value),
            help,
        );
    }
    let band = Band::named(&file.audience.default.value);
    if band.is_none() {
        let names = Band::NAMES.map(|(_, name)| name).join(", ");
        let message = format!("`{}` is no audience", file.audience.default.value);
        problems.add(
            file.audience.default.referenced,
            message,
            &format!("write one of: minor, adult, {names}"),
        );
    }
    Some(Profile {
        name,
        policies: file.policies,
        level: file.level.value,
        band: band.unwrap_or(Band::Unknown),
        on_failure: file.on_failure,
    })
}
