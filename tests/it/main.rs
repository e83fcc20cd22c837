//! Integration tests: one binary, one module per subject.

mod detect;
mod policies;
mod tables;
