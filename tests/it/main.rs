//! One binary for all integration tests.

mod audit;
mod cache;
mod config;
mod server;
mod upstream;
mod wire;
