//! `models`: which models policies may ask for, and bringing them.

use std::fmt::Write;
use std::path::Path;

use tokio::runtime::Builder;

use super::{Ended, Models, ModelsCommand, Trouble};
use crate::models::{self, Fetched, PINNED, Source, Unusable};

/// Where authorities lie that the machine trusts, by the name that other tools read too.
const CA_FILE: &str = "SSL_CERT_FILE";

/// Runs `models`.
pub(super) fn run(asked: &Models) -> Ended {
    match &asked.command {
        ModelsCommand::List => list(&asked.folder),
        ModelsCommand::Fetch(fetch) => {
            let source = match &fetch.from {
                Some(file) => Source::File(file.clone()),
                None => Source::Index {
                    url: fetch.index.clone(),
                    ca_file: fetch
                        .ca_file
                        .clone()
                        .or_else(|| std::env::var_os(CA_FILE).map(Into::into)),
                },
            };
            bring(&asked.folder, &source)
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
        let (name, archive, licence) = (pinned.name, pinned.archive, pinned.licence);
        let place = pinned.place(folder);
        let place = place.display();
        let _ = writeln!(out, "{name}: {state}\n  {place}\n  {archive} ({licence})");
    }
    super::print(out.as_bytes())
}

fn bring(folder: &Path, source: &Source) -> Ended {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut out = String::new();
    for pinned in PINNED {
        let fetched = runtime.block_on(models::fetch(pinned, folder, source));
        let fetched = fetched.map_err(|why| {
            Trouble::new(format!("{}: {why}", pinned.name))
                .instead(format!("wardgate models fetch --from {}", pinned.archive))
        })?;
        let said = match fetched {
            Fetched::Kept => "was there",
            Fetched::New => "fetched",
        };
        let _ = writeln!(
            out,
            "{}: {said}, {}",
            pinned.name,
            pinned.place(folder).display()
        );
    }
    super::print(out.as_bytes())
}
