//! What all exchanges share: the live config with its compiled policies, caches, audit, metrics.
//!
//! [`Live`] is immutable and swapped whole; an exchange pins the one it began with.

use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::Uri;
use http::request::Parts;

use crate::audit::Audit;
use crate::awaited::Awaited;
use crate::cache::{AnswerCache, HitCache};
use crate::config::{self, Config, ImageUrls};
use crate::earlier::Earlier;
use crate::eyes;
use crate::gallery::Gallery;
use crate::hosts::{Elsewhere, Hosts};
use crate::message::Band;
use crate::metrics::Metrics;
use crate::mock;
use crate::opinion::Voices;
use crate::picture::{Eye, Eyes};
use crate::policy::{self, Mode, PolicySet, Selection};
use crate::reply::Error;
use crate::tls;
use crate::upstream::Upstream;

/// Bytes of remembered hits: about a hundred thousand turns; a sixth of the memory budget.
const HIT_CACHE_BYTES: u64 = 10 * 1024 * 1024;

/// What outlives a reload.
pub struct Gate {
    /// The config and policies that new exchanges begin with.
    pub live: Arc<ArcSwap<Live>>,
    /// Hits of parts that were scanned before.
    pub hits: HitCache,
    /// Pictures that were looked at.
    pub gallery: Arc<Gallery>,
    /// Where each exchange ends up.
    pub audit: Audit,
    /// Figures.
    pub metrics: Arc<Metrics>,
}

/// One loaded config with its compiled policies.
pub struct Live {
    /// As the file says.
    pub config: Config,
    /// The policies of all apps.
    pub set: Arc<PolicySet>,
    /// One for each of the config's apps, in its order.
    pub apps: Vec<Arc<App>>,
    /// Whom policies may ask about prompts.
    pub voices: Voices,
    /// What looks at pictures, as far as policies ask for it and it is there.
    pub eyes: Eyes,
    /// Where the built-in model listens, if an app ever used it.
    mock: Option<Uri>,
}

/// One protected application, ready to serve.
pub struct App {
    /// As the config says.
    pub config: config::App,
    /// What it uses of the policy set.
    pub selection: Arc<Selection>,
    /// What is done with pictures that are only named by their address.
    pub elsewhere: Elsewhere,
    /// What looks at its pictures: what its own policies ask for.
    pub eyes: Eyes,
    /// Its model server.
    pub upstream: Upstream,
    /// Its upstream's URL, for cache keys.
    pub url: String,
    /// Its answers for repeat prompts, if it wants them.
    pub answers: Option<AnswerCache>,
    /// What was said before, if it joins that to what goes on from it.
    pub earlier: Option<Earlier>,
    /// What its pictures are made from that are fetched later.
    pub awaited: Awaited,
}

impl Gate {
    /// Puts a loaded config to work.
    ///
    /// # Errors
    /// One line for the operator if the audit target cannot be opened.
    pub fn open(live: Live) -> Result<Arc<Self>, String> {
        let metrics = Arc::new(Metrics::new());
        let queue = live.config.limits.audit_queue_lines;
        let audit = Audit::open(&live.config.audit, queue, Arc::clone(&metrics))
            .map_err(|error| format!("cannot open the audit target: {error}"))?;
        Ok(Arc::new(Self {
            live: Arc::new(ArcSwap::from_pointee(live)),
            hits: HitCache::new(HIT_CACHE_BYTES),
            gallery: Arc::default(),
            audit,
            metrics,
        }))
    }
}

impl Live {
    /// Compiles the policies and prepares the upstreams of a config. `previous` lends its policies, if
    /// they are the same, its mock and its answer caches: entries of another policy set are
    /// unreachable by their keys.
    ///
    /// # Errors
    /// All diagnostics, rendered, or one line for the operator.
    pub fn load(config: Config, previous: Option<&Self>) -> Result<Self, String> {
        let set = policies(&config, previous.map(|live| &live.set))?;
        Self::of(config, set, previous)
    }

    /// The same with policies that are compiled: [`policies`] of that config.
    ///
    /// # Errors
    /// One line for the operator.
    pub fn of(
        config: Config,
        set: Arc<PolicySet>,
        previous: Option<&Self>,
    ) -> Result<Self, String> {
        let kept = previous.filter(|live| live.config.models == config.models);
        let eyes = eyes::load(&config, &set, kept.map(|live| &live.eyes))?;
        let voices = Voices::load(&config, &set, previous.map(|live| &live.voices))?;
        let wants_mock = config
            .apps
            .iter()
            .any(|app| matches!(app.upstream, config::Upstream::Mock));
        let mut mock = previous.and_then(|live| live.mock.clone());
        if wants_mock && mock.is_none() {
            let started = start_mock();
            mock =
                Some(started.map_err(|error| format!("cannot start the built-in model: {error}"))?);
        }
        let reads_pictures = |app: &config::App, selection: &Selection| {
            let asks = |eye: Eye| set.asks_eye(selection, eye).next().is_some();
            let mut seeing = Eye::ALL.into_iter().filter(|eye| eyes.has(*eye));
            let reads = set.reads_pictures(selection) || seeing.any(asks);
            reads || app.profile.is_some_and(Band::is_minor)
        };
        let mut apps = Vec::with_capacity(config.apps.len());
        for (app, selection) in config.apps.iter().zip(&set.selections) {
            let server = match &app.upstream {
                config::Upstream::Server(server) => server.as_ref().clone(),
                config::Upstream::Mock => plain(mock.clone().expect("started above for this app")),
            };
            let upstream = Upstream::new(&server, &config.limits)
                .map_err(|error| format!("app `{}`: {error}", app.name))?;
            let kept = previous.and_then(|live| live.answers_of(app));
            apps.push(Arc::new(App {
                elsewhere: elsewhere(app, &config, reads_pictures(app, selection))?,
                selection: Arc::clone(selection),
                eyes: eyes.only(|eye| set.asks_eye(selection, eye).next().is_some()),
                upstream,
                url: server.url.to_string(),
                answers: app
                    .cache
                    .map(|bounds| kept.unwrap_or_else(|| AnswerCache::new(bounds))),
                earlier: (app.kept == config::KeptContext::Stored).then(|| {
                    let kept = previous.and_then(|live| live.known(app)?.earlier.clone());
                    kept.unwrap_or_default()
                }),
                awaited: previous
                    .and_then(|live| live.known(app))
                    .map_or_else(Awaited::default, |old| old.awaited.clone()),
                config: app.clone(),
            }));
        }
        Ok(Self {
            config,
            set,
            apps,
            voices,
            eyes,
            mock,
        })
    }

    /// The answer cache of an app that was and is bounded alike. What others were asked about is not part
    /// of its keys: whoever asks begins anew.
    fn answers_of(&self, app: &config::App) -> Option<AnswerCache> {
        if !self.config.remotes.is_empty() || !self.config.classifiers.is_empty() {
            return None;
        }
        // What was said of pictures before may not be what is said now.
        let same = |old: &&Arc<App>| {
            let old = &old.config;
            let pictures = old.image_urls == app.image_urls && old.label == app.label;
            old.name == app.name && old.cache == app.cache && pictures
        };
        self.apps.iter().find(same)?.answers.clone()
    }

    /// The app of that name, which may remember what was said to it.
    fn known(&self, app: &config::App) -> Option<&Arc<App>> {
        self.apps.iter().find(|old| old.config.name == app.name)
    }

    /// The app that a request is for, and its path within that app, query included.
    ///
    /// # Errors
    /// `unknown_app` if no app's match holds.
    pub fn route(&self, head: &Parts) -> Result<(Arc<App>, String), Error> {
        let path = head.uri.path();
        let Some((index, rest)) = self.config.route(head, path) else {
            return Err(Error::client(
                "unknown_app",
                "No app of this gateway answers to this host, path and key. Check the base URL and the API key.",
            ));
        };
        let rest = match head.uri.query() {
            Some(query) => format!("{rest}?{query}"),
            None => rest.to_owned(),
        };
        Ok((Arc::clone(&self.apps[index]), rest))
    }
}

/// The shipped pack and a config's folders, compiled for its apps; `kept` as it is if it says the same.
///
/// # Errors
/// All diagnostics, rendered, or one line for the operator.
pub fn policies(config: &Config, kept: Option<&Arc<PolicySet>>) -> Result<Arc<PolicySet>, String> {
    let mut sources = policy::shipped();
    sources.extend(policy::read_folders(&config.policy_folders)?);
    policy::renew(kept, &sources, &config.policies()).map_err(|problems| problems.to_string())
}

/// What an app lets be done with pictures that lie elsewhere. Where it says nothing, they are refused
/// if it is for children or its rules read pictures: those would have nothing to read.
fn elsewhere(
    app: &config::App,
    config: &Config,
    reads_pictures: bool,
) -> Result<Elsewhere, String> {
    Ok(match &app.image_urls {
        Some(ImageUrls::Unseen) => Elsewhere::Unseen,
        Some(ImageUrls::Refuse | ImageUrls::Base64) => Elsewhere::Refuse,
        Some(ImageUrls::Fetch(hosts)) => {
            let tls = tls::plain_client(hosts.ca_file.as_deref());
            let tls = tls.map_err(|error| format!("app `{}`: {error}", app.name))?;
            Elsewhere::Fetch(Arc::new(Hosts::new(hosts.clone(), tls, &config.limits)))
        }
        None if app.label.is_some() => Elsewhere::Refuse,
        None if reads_pictures && app.mode == Mode::Enforce => Elsewhere::Refuse,
        None => Elsewhere::Unseen,
    })
}

/// A server behind us without TLS, to which callers' credentials do not matter.
fn plain(url: Uri) -> config::UpstreamServer {
    config::UpstreamServer {
        url,
        ca_file: None,
        client_certificate: None,
        http2: config::Http2::Auto,
        credential: config::Credential::Pass,
    }
}

/// Starts the built-in model on a thread of its own, for as long as the process lives.
fn start_mock() -> io::Result<Uri> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("mock model".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => mock::serve(listener, Vec::new()).await,
                    Err(error) => tracing::error!(%error, "the built-in model cannot listen"),
                }
            });
        })?;
    Ok(format!("http://{address}")
        .parse()
        .expect("an address is a URL's authority"))
}
