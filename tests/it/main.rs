//! Integration tests: one binary, one module per subject.

mod detect;
mod diagnostics;
mod pack;
mod policies;
mod tables;
