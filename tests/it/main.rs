//! Integration tests: one binary, one module per subject.

mod detect;
mod diagnostics;
mod policies;
mod tables;
