//! Integration tests: one binary, one module per subject.

mod detect;
mod tables;
mod policies;
