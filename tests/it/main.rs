//! One binary for all integration tests: a list of modules.

mod cli;
mod clients;
mod codecs;
mod detect;
mod examples;
mod golden;
mod mock;
mod tables;
mod tidy;
