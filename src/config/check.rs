//! From the file as written to the [`Config`], or to every problem with its place and a help.

use std::path::{Path, PathBuf};

use serde_saphyr::{Location, Spanned};

use super::problems::{Problems, missing_help};
use super::profile::{Profile, Profiles};
use super::support::Regions;
use super::{
    App, AuditTarget, CacheBounds, Config, ConfigErrors, KeptContext, LISTEN, MODELS, Mode,
    OnFailure, Sound, Tls, file,
};
use crate::codec::RefusalStyle;
use crate::limits::Limits;
use crate::message::AudienceSource;
use crate::policy::file::Localised;
use crate::policy::reply::Template;
use crate::policy::{Action, AppPolicies, Hold, Override, Status};

/// Longest name of an app: it becomes a metric label and stands in every audit line.
const NAME_BYTES: usize = 64;

/// Smallest head that hyper can be told to accept.
const HEADER_BYTES_MIN: u32 = 8192;

/// Deepest JSON that serde_json reads.
const JSON_DEPTH_MAX: u32 = 127;

/// Parses and checks; everything that can be known at once is reported at once.
pub fn config(
    text: &str,
    origin: &str,
    folder: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, ConfigErrors> {
    let mut problems = Problems {
        origin,
        text,
        blocks: Vec::new(),
    };
    let file: file::File = match serde_saphyr::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            problems.unreadable(&error);
            return Err(ConfigErrors {
                problems: problems.blocks,
                draft: None,
            });
        }
    };
    let mut check = Check {
        problems,
        folder,
        environment,
        watched: Vec::new(),
    };
    let config = check.config(file);
    if check.problems.blocks.is_empty() {
        Ok(config)
    } else {
        Err(ConfigErrors {
            problems: check.problems.blocks,
            draft: Some(Box::new(config)),
        })
    }
}

/// A check under way.
pub(super) struct Check<'t> {
    pub problems: Problems<'t>,
    pub folder: &'t Path,
    pub environment: &'t dyn Fn(&str) -> Option<String>,
    /// Every file that the config names.
    pub watched: Vec<PathBuf>,
}

impl Check<'_> {
    fn config(&mut self, file: file::File) -> Config {
        let listen = file.listen.unwrap_or(LISTEN);
        if file.admin == Some(listen) && listen.port() != 0 {
            let message = format!("admin and listen are both {listen}");
            let help = "give admin a port of its own, such as 127.0.0.1:9090";
            self.problems.add(Location::UNKNOWN, message, help);
        }
        let limits = file
            .limits
            .map_or_else(Limits::default, |limits| self.limits(limits));
        let tls = file.tls.map(|tls| Tls {
            certificate: self.file(&tls.certificate),
            key: self.file(&tls.key),
            client_ca: tls.client_ca.map(|file| self.file(&file)),
        });
        let policy_folders: Vec<PathBuf> = file
            .policy_folders
            .iter()
            .map(|path| self.folder(path))
            .collect();
        let audit = match file.audit.file.as_deref() {
            None | Some("stderr") => AuditTarget::Stderr,
            Some("stdout") => AuditTarget::Stdout,
            Some(path) => AuditTarget::File(self.folder.join(path)),
        };
        let shared = (
            self.profiles(&policy_folders),
            self.regions(&policy_folders),
        );
        let apps = self.apps(file.apps, &shared);
        let remotes = self.remotes(file.remotes);
        let classifiers = self.classifiers(file.classifiers);
        Config {
            listen,
            admin: file.admin,
            tls,
            policy_folders,
            models: self
                .folder
                .join(file.models.as_deref().unwrap_or(Path::new(MODELS))),
            remotes,
            classifiers,
            audit,
            limits,
            apps,
            watched: std::mem::take(&mut self.watched),
        }
    }

    fn limits(&mut self, limits: Spanned<Limits>) -> Limits {
        let at = limits.referenced;
        let limits = limits.value;
        for (name, value) in limits.named() {
            if value == 0 {
                let help = "every limit is at least 1; leave the line out for the default";
                self.problems.add(at, format!("limits.{name} is 0"), help);
            }
        }
        if (1..HEADER_BYTES_MIN).contains(&limits.header_bytes) {
            let help = "write at least 8192";
            self.problems
                .add(at, "limits.header_bytes is below 8192", help);
        }
        if limits.json_depth > JSON_DEPTH_MAX {
            let help = "write at most 127; no dialect needs more than 20";
            self.problems
                .add(at, "limits.json_depth is above 127", help);
        }
        limits
    }

    fn apps(&mut self, file: Spanned<Vec<file::App>>, shared: &(Profiles, Regions)) -> Vec<App> {
        if file.value.is_empty() {
            self.problems
                .add(file.referenced, "there is no app", missing_help("apps"));
        }
        let mut placed: Vec<(Location, App)> = Vec::new();
        for app in file.value {
            let at = app.place();
            let app = self.app(app, shared);
            for (_, earlier) in &placed {
                if earlier.name == app.name {
                    let message = format!("a second app is called `{}`", app.name);
                    self.problems
                        .add(at, message, "give each app a name of its own");
                } else if earlier.matches.ambiguous_with(&app.matches) {
                    let message = format!(
                        "a request can belong to `{}` and to `{}`, and neither is more specific",
                        earlier.name, app.name
                    );
                    let help = "give one of them a match that the other has not: bearer_sha256, header, host or a longer path_prefix";
                    self.problems.add(at, message, help);
                }
            }
            placed.push((at, app));
        }
        let mut apps: Vec<App> = placed.into_iter().map(|(_, app)| app).collect();
        apps.sort_by_key(|app| std::cmp::Reverse(app.matches.specificity()));
        apps
    }

    fn app(&mut self, app: file::App, (profiles, regions): &(Profiles, Regions)) -> App {
        let profile = self.profile(app.profile.as_ref(), profiles);
        let name = self.name(&app, profile.as_ref());
        let on_failure = app
            .on_failure
            .or(profile.as_ref().map(|one| one.on_failure));
        if on_failure.is_none() && app.profile.is_none() {
            let help = missing_help("on_failure");
            self.problems
                .add(app.place(), "`on_failure` is missing", help);
        }
        let profile = profile.unwrap_or_else(Profile::none);
        let own = match app.matches.bearer_sha256.is_empty() {
            true => AudienceSource::App,
            false => AudienceSource::Key,
        };
        App {
            matches: self.matches(app.matches),
            upstream: self.upstream(app.upstream),
            mode: match app.mode {
                file::Mode::Enforce => Mode::Enforce,
                file::Mode::Observe => Mode::Observe,
            },
            hold: match app.hold {
                file::Hold::Sentence => Hold::Sentence,
                file::Hold::Tail => Hold::Tail,
            },
            audience: self.audience(app.audience, (profile.band, profile.source(own)), own),
            on_failure: match on_failure.unwrap_or(profile.on_failure) {
                file::OnFailure::Block => OnFailure::Block,
                file::OnFailure::Allow => OnFailure::Allow,
            },
            label: self.label(app.label.as_ref(), app.image_urls.as_ref()),
            image_urls: app.image_urls.map(|urls| self.image_urls(urls)),
            refusal: match app.refusal {
                file::Refusal::Answer => RefusalStyle::Answer,
                file::Refusal::Error => RefusalStyle::Error,
            },
            helplines: regions.helplines(app.region.as_ref().map(|named| named.value.as_str())),
            support: self.region(app.region.as_ref(), regions),
            appeal: app.appeal.and_then(|appeal| self.appeal(&appeal)),
            cache: app.cache.map(|cache| self.cache(&cache)),
            kept: match app.responses.context {
                file::KeptContext::Refuse => KeptContext::Refuse,
                file::KeptContext::Stored => KeptContext::Stored,
            },
            sound: match app.realtime.audio {
                file::Sound::Refuse => Sound::Refuse,
                file::Sound::Held => Sound::Held,
            },
            passthrough: app
                .passthrough
                .iter()
                .filter_map(|line| self.passthrough(line))
                .collect(),
            profile: (!profile.name.is_empty()).then_some(profile.band),
            policies: AppPolicies {
                app: name.clone(),
                policies: app.policies.unwrap_or(profile.policies),
                level: self.level(app.level, profile.level),
                overrides: app
                    .overrides
                    .into_iter()
                    .map(|(rule, change)| (rule, self.change(&change)))
                    .collect(),
                allow: app
                    .allow
                    .into_iter()
                    .map(|phrase| self.phrase(phrase))
                    .collect(),
            },
            name,
        }
    }

    /// The app's name, or its profile's.
    fn name(&mut self, app: &file::App, profile: Option<&Profile>) -> String {
        let Some(Spanned {
            value: name,
            referenced: at,
            ..
        }) = &app.name
        else {
            if app.profile.is_none() {
                let help = missing_help("name");
                self.problems.add(app.place(), "`name` is missing", help);
            }
            return profile.map_or_else(String::new, |profile| profile.name.clone());
        };
        let fit = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || name.len() > NAME_BYTES || !name.bytes().all(fit) {
            let help = "use 1 to 64 letters, digits, dots, dashes and underscores";
            self.problems
                .add(*at, format!("`{name}` is no name for an app"), help);
        }
        name.clone()
    }

    fn level(&mut self, level: Option<Spanned<u8>>, otherwise: u8) -> u8 {
        let Some(level) = level else {
            return otherwise;
        };
        if !(1..=3).contains(&level.value) {
            let help = "1 is hardly ever wrong, 2 sometimes, 3 is strict";
            self.problems.add(
                level.referenced,
                format!("level {} does not exist", level.value),
                help,
            );
        }
        level.value
    }

    fn appeal(&mut self, appeal: &Spanned<Localised>) -> Option<Template> {
        let Localised { en, zh } = &appeal.value;
        if en.trim().is_empty() || zh.trim().is_empty() {
            let help = "write {en: ..., zh: ...}: every reader gets an answer";
            self.problems
                .add(appeal.referenced, "`appeal` lacks a language", help);
            return None;
        }
        Some(Template::new(en, zh))
    }

    fn phrase(&mut self, phrase: Spanned<String>) -> String {
        if phrase.value.trim().is_empty() {
            let help = "an allow phrase has words: within them nothing is detected";
            self.problems
                .add(phrase.referenced, "an empty allow phrase", help);
        }
        phrase.value
    }

    fn change(&mut self, change: &Spanned<file::Override>) -> Override {
        let at = change.referenced;
        let file::Override { action, status } = &change.value;
        if action.is_none() && status.is_none() {
            let help = "write {action: flag} or {status: experimental}; {action: allow} turns the rule off";
            self.problems.add(at, "this override changes nothing", help);
        }
        let action = action.as_deref().and_then(|name| {
            let known = Action::named(name);
            if known.is_none() {
                let names = Action::ALL.map(Action::name).join(", ");
                self.problems.add(
                    at,
                    format!("`{name}` is no action"),
                    &format!("write one of: {names}"),
                );
            }
            known
        });
        let status = status.as_deref().and_then(|name| match name {
            "experimental" => Some(Status::Experimental),
            "stable" => Some(Status::Stable),
            "retired" => Some(Status::Retired),
            _ => {
                let help = "write one of: experimental, stable, retired";
                self.problems
                    .add(at, format!("`{name}` is no status"), help);
                None
            }
        });
        Override { action, status }
    }

    fn cache(&mut self, cache: &Spanned<file::Cache>) -> CacheBounds {
        let file::Cache {
            ttl_secs,
            max_bytes,
        } = cache.value;
        if ttl_secs == 0 || max_bytes == 0 {
            let help = "leave `cache` out for no cache; else write for example {ttl_secs: 300, max_bytes: 67108864}";
            self.problems
                .add(cache.referenced, "a cache without time or room", help);
        }
        CacheBounds {
            ttl_secs,
            max_bytes,
        }
    }

    /// A file that must exist; watched.
    pub(super) fn file(&mut self, path: &Spanned<PathBuf>) -> PathBuf {
        self.existing(path, "file", Path::is_file)
    }

    /// A folder that must exist; watched.
    fn folder(&mut self, path: &Spanned<PathBuf>) -> PathBuf {
        self.existing(path, "folder", Path::is_dir)
    }

    fn existing(&mut self, path: &Spanned<PathBuf>, kind: &str, is: fn(&Path) -> bool) -> PathBuf {
        let full = self.folder.join(&path.value);
        if !is(&full) {
            let message = format!("there is no {kind} {}", full.display());
            self.problems.add(
                path.referenced,
                message,
                "paths are relative to the config file",
            );
        }
        self.watched.push(full.clone());
        full
    }
}
