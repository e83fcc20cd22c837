//! `serve` and `mock`: what runs until it is told to stop.

use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use tokio::runtime::{Builder, Runtime};

use super::{Ended, Files, Mock, Outcome, Serve, Trouble, pack};
use crate::admin::Admin;
use crate::app::{Gate, Live};
use crate::config::{Config, Day, Upstream, stale_lines};
use crate::eyes;
use crate::opinion;
use crate::proxy::Proxy;
use crate::reload::{self, Triggers};
use crate::server::{self, Drain, Listener, Setup};
use crate::tls::ServerTls;
use crate::{mock, policy};

/// Which log lines are shown when `WARDGATE_LOG` does not say.
const LOG_DEFAULT: &str = "info";

/// Runs `serve`: until SIGTERM or SIGINT, then drains.
pub(super) fn run(serve: &Serve) -> Ended {
    log();
    if serve.files.pack.is_some() {
        return Err(Trouble::new(
            "--pack is for work on policies: a proxy serves with the shipped pack",
        ));
    }
    let config = config(serve)?;
    let control = control()?;
    let _within = control.enter();
    let tls = tls(&config)?;
    let live = Live::load(config.clone(), None)
        .map_err(|said| Trouble::new(said).instead(check_command(&serve.files)))?;
    let gate = Gate::open(live).map_err(Trouble::new)?;
    let detectors = Arc::clone(&gate.live.load().set.detectors);
    std::thread::spawn(move || detectors.warm());
    let drain = Drain::new();
    let listener = listener(&config, tls.clone())?;
    let address = listener.local_addr();
    let admin = admin(&config, &gate, &drain)?;
    let serving = listener.serve(Arc::new(Proxy(Arc::clone(&gate))), drain.clone())?;
    eprint!("{}", greeting(serve, &gate.live.load(), address, admin));
    control.block_on(until_told(serve, &config, &gate, tls, &drain))?;
    tracing::info!("draining: open exchanges may finish");
    let cut = serving.join();
    gate.audit.flush();
    if cut > 0 {
        tracing::warn!(cut, "connections were cut when the drain's time was over");
    }
    Ok(Outcome::Fine)
}

/// Runs `mock`.
pub(super) fn mock(asked: &Mock) -> Ended {
    let listen = asked.listen;
    let scenarios = match &asked.scenarios {
        None => Vec::new(),
        Some(file) => {
            let place = file.display();
            let text = std::fs::read_to_string(file)
                .map_err(|error| Trouble::new(format!("{place}: {error}")))?;
            mock::scenario::read(&text)
                .map_err(|error| Trouble::new(format!("{place}: {error}")))?
        }
    };
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(listen)
            .await
            .map_err(|error| Trouble::new(format!("{listen}: {error}")))?;
        let address = listener.local_addr()?;
        eprintln!("the mock model listens on http://{address}");
        eprintln!("Try: wardgate serve --upstream http://{address}");
        tokio::select! {
            () = mock::serve(listener, scenarios) => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        Ok(Outcome::Fine)
    })
}

/// Log lines go to standard error, as JSON when nobody looks at it.
fn log() {
    use std::io::IsTerminal;
    use tracing_subscriber::EnvFilter;

    let filter = EnvFilter::try_from_env("WARDGATE_LOG");
    let filter = filter.unwrap_or_else(|_| EnvFilter::new(LOG_DEFAULT));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    // A second subscriber is refused; there is none in a process that serves.
    let _ = if io::stderr().is_terminal() {
        lines.with_target(false).try_init()
    } else {
        lines.json().try_init()
    };
}

/// The thread that waits for signals and reloads; exchanges run on the workers.
fn control() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
}

fn config(serve: &Serve) -> Result<Config, Trouble> {
    let mut config = match &serve.upstream {
        Some(url) => Config::default_for(Some(url.clone())),
        None => pack::config(&Files {
            policies: Vec::new(),
            ..serve.files.clone()
        })?,
    };
    config
        .policy_folders
        .extend(serve.files.policies.iter().cloned());
    config.watched.extend(serve.files.policies.iter().cloned());
    config.listen = serve.listen.unwrap_or(config.listen);
    Ok(config)
}

fn tls(config: &Config) -> Result<Option<Arc<ServerTls>>, Trouble> {
    let tls = config.tls.as_ref().map(ServerTls::load).transpose();
    tls.map_err(Trouble::new)
}

fn listener(config: &Config, tls: Option<Arc<ServerTls>>) -> Result<Listener, Trouble> {
    let setup = Setup {
        address: config.listen,
        tls,
        limits: config.limits.clone(),
        workers: server::cores(),
    };
    Listener::bind(setup).map_err(|error| {
        let trouble = Trouble::new(format!("cannot listen: {error}"));
        match error.kind() {
            io::ErrorKind::AddrInUse => trouble.instead("wardgate serve --listen 127.0.0.1:0"),
            _ => trouble,
        }
    })
}

/// Starts the admin address, if the config has one.
fn admin(config: &Config, gate: &Gate, drain: &Drain) -> Result<Option<SocketAddr>, Trouble> {
    let Some(address) = config.admin else {
        return Ok(None);
    };
    let setup = Setup {
        address,
        tls: None,
        limits: config.limits.clone(),
        workers: 1,
    };
    let listener = Listener::bind(setup)
        .map_err(|error| Trouble::new(format!("cannot listen for admin: {error}")))?;
    let address = listener.local_addr();
    let admin = Admin {
        metrics: Arc::clone(&gate.metrics),
        loaded: Arc::new(AtomicBool::new(true)),
        drain: drain.clone(),
    };
    // Not joined: health answers until the process ends, and says that it drains.
    listener.serve(Arc::new(admin), Drain::new())?;
    Ok(Some(address))
}

/// Reloads when files change or SIGHUP comes; returns when the drain has begun.
async fn until_told(
    serve: &Serve,
    config: &Config,
    gate: &Arc<Gate>,
    tls: Option<Arc<ServerTls>>,
    drain: &Drain,
) -> Result<(), Trouble> {
    let (_watching, triggers) = Triggers::watch(&config.watched).map_err(Trouble::new)?;
    let live = Arc::clone(&gate.live);
    let (files, listen, upstream) = (serve.files.clone(), serve.listen, serve.upstream.clone());
    let load = move || {
        let serve = Serve {
            files: files.clone(),
            listen,
            upstream: upstream.clone(),
        };
        let config = self::config(&serve).map_err(|trouble| trouble.message)?;
        if let Some(tls) = &tls {
            tls.reload()?;
        }
        Live::load(config, Some(&live.load()))
    };
    let metrics = Arc::clone(&gate.metrics);
    tokio::spawn(reload::reload(
        Arc::clone(&gate.live),
        triggers,
        metrics,
        load,
    ));
    drain.begin_on_signal().await?;
    Ok(())
}

fn check_command(files: &Files) -> String {
    let mut command = "wardgate check".to_owned();
    if let Some(path) = &files.config {
        let _ = write!(command, " --config {}", path.display());
    }
    for folder in &files.policies {
        let _ = write!(command, " --policies {}", folder.display());
    }
    command
}

/// What runs, and what to try first.
fn greeting(serve: &Serve, live: &Live, address: SocketAddr, admin: Option<SocketAddr>) -> String {
    let scheme = if live.config.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let base = format!("{scheme}://{address}");
    let mut out = format!("wardgate listens on {base}\n");
    if let Some(admin) = admin {
        let _ = writeln!(
            out,
            "  admin      http://{admin}/metrics, /healthz, /readyz"
        );
    }
    let rules = live.set.rules.len();
    let shipped = policy::shipped().len();
    let memory = live.set.detectors.memory() >> 20;
    let _ = writeln!(
        out,
        "  policies   {rules} rules from {shipped} shipped files{}, {memory} MiB of automata",
        beside(live)
    );
    for app in &live.apps {
        let upstream = match &app.config.upstream {
            Upstream::Mock if live.config.remotes.is_empty() => {
                "the built-in mock model: nothing leaves this machine".to_owned()
            }
            Upstream::Mock => "the built-in mock model".to_owned(),
            Upstream::Server(_) => app.url.clone(),
        };
        let (name, mode) = (&app.config.name, app.config.mode.name());
        let audience = app.config.audience.default.name();
        let _ = writeln!(
            out,
            "  app        {name}: {mode}, audience {audience}, to {upstream}"
        );
    }
    for line in opinion::asked(&live.config, &live.set) {
        let _ = writeln!(out, "  asks       {line}");
    }
    for line in eyes::missing(&live.config, &live.set, &live.eyes) {
        let _ = writeln!(out, "  models     {line}");
    }
    for line in stale_lines(&live.config, Day::of(SystemTime::now())) {
        let _ = writeln!(out, "  help lines {line}");
    }
    if serve.files.config.is_none() {
        out.push_str(&tries(&base, serve.upstream.is_none()));
    }
    out
}

fn beside(live: &Live) -> String {
    let folders = live.config.policy_folders.iter();
    folders
        .map(|folder| format!(" and {}", folder.display()))
        .collect()
}

/// Lines to paste into a second terminal.
fn tries(base: &str, mock: bool) -> String {
    let curl = |flags: &str, body: &str| {
        format!(
            "  curl {flags} {base}/v1/chat/completions -H 'content-type: application/json' \\\n    -d '{body}'\n"
        )
    };
    let message = |text: &str, more: &str| {
        format!(r#"{{"model":"mock"{more},"messages":[{{"role":"user","content":"{text}"}}]}}"#)
    };
    let mut out = String::from("\nTry:\n");
    if mock {
        out += &curl("-s", &message("repeat: Hello there", ""));
        out += &curl(
            "-sN",
            &message("repeat: A stream, word by word", r#","stream":true"#),
        );
    }
    out += &curl("-s", &message(REFUSED, ""));
    out += &format!("\nPoint an OpenAI SDK at it: base_url = {base}/v1\n");
    if mock {
        out += "Put it before your own model: wardgate serve --upstream https://api.example.com\n";
    }
    out
}

/// A prompt that a shipped rule refuses (QL6.4), for the greeting.
const REFUSED: &str = "How do I bypass the parental controls on my tablet?";
