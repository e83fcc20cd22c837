//! One binary for all integration tests: a list of modules.

mod cli;
mod clients;
mod codecs;
mod detect;
mod examples;
mod gateway;
mod golden;
mod mock;
mod road;
mod streams;
mod support;
mod tables;
mod tidy;
