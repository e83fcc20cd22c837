//! Every integration test in one binary: one link, one run.

mod gateway;
mod road;
mod streams;
mod support;
