//! One binary for all integration tests: a list of modules.

mod apps;
mod audit;
mod cache;
mod cli;
mod clients;
mod codecs;
mod config;
mod detect;
mod diagnostics;
mod examples;
mod gateway;
mod golden;
mod mock;
mod pack;
mod policies;
mod road;
mod server;
mod spoken;
mod streams;
mod support;
mod tables;
mod tidy;
mod upstream;
mod wire;
