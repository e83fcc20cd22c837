//! `test`: runs the cases that stand beside the policies, and says what has none.

use super::{Ended, Format, Outcome, Test, pack};
use crate::policy::cases;

/// Runs `test`.
pub(super) fn run(test: &Test) -> Ended {
    let pack = pack::load(&test.files, None)?;
    let report = cases::run(&pack.set);
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
