//! One binary for all integration tests: a list of modules.

mod codecs;
mod detect;
mod gateway;
mod golden;
mod mock;
mod road;
mod streams;
mod support;
mod tables;
//! One binary for all integration tests.

mod audit;
mod cache;
mod config;
mod server;
mod upstream;
mod wire;
