//! `test`: runs the cases that stand beside the policies, and says what has none and
//! what disguises get past it.

use super::{Ended, Format, Outcome, Test, pack};
use crate::policy::{cases, cloaked};

/// Runs `test`.
pub(super) fn run(test: &Test) -> Ended {
    let pack = pack::load(&test.files, None)?;
    let mut report = cases::run(&pack.set);
    if test.cloak {
        report.cloaks = Some(cloaked::run(&pack.set, test.seed));
    }
    let text = match test.format {
        Format::Text => report.text(),
        Format::Json => report.json() + "\n",
        Format::Junit => report.junit(),
    };
    super::print(text.as_bytes())?;
    Ok(match report.ok() {
        true => Outcome::Fine,
        false => Outcome::Found,
    })
}
