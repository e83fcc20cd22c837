//! Parses the command line, calls the library, turns the result into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    wardgate::cli::run(std::env::args_os())
}
