//! Every integration test in one binary: one link, one run.

mod detect;
mod gateway;
mod road;
mod streams;
mod support;
mod tables;
//! One binary for all integration tests: a list of modules.

mod codecs;
mod golden;
mod mock;
