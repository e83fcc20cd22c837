//! Parses the command line, calls the library, turns the result into an exit code.
fn main() {}
