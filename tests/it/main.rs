//! One binary for all integration tests: a list of modules.

mod codecs;
mod golden;
mod mock;
