//! The command line: how what is asked for ([`command`]) is done, and how each answer leaves.
//!
//! Manners: a message ends in the command that the user wanted; results go to standard output,
//! everything else to standard error; colour only on a terminal. Exit codes: 0 fine, 1 something
//! was found or failed, 2 it could not run.

mod card;
mod check;
mod command;
mod corpus;
mod density;
mod eval;
mod explain;
mod models;
mod pack;
mod rows;
mod scan;
mod sense;
mod serve;
mod table;
mod test;
mod trace;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

pub use command::*;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Nothing to complain about.
    Fine,
    /// Something was found, or a test failed.
    Found,
    /// Some of it could not be run, and that has been said.
    CouldNotRun,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Fine => 0,
            Outcome::Found => 1,
            Outcome::CouldNotRun => 2,
        })
    }
}

/// Why a command could not run, for its user.
#[derive(Debug)]
struct Trouble {
    /// What is wrong; diagnostics may be many lines.
    message: String,
    /// The command that was probably wanted.
    instead: Option<String>,
}

impl Trouble {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            instead: None,
        }
    }

    fn instead(mut self, command: impl Into<String>) -> Self {
        self.instead = Some(command.into());
        self
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::new(error.to_string())
    }
}

type Ended = Result<Outcome, Trouble>;

/// Parses `words` (the program's name first), does what they say; what to exit with.
pub fn run(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody is left to tell when even standard error is closed.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match dispatch(&cli.command) {
        Ok(outcome) => outcome.into(),
        Err(trouble) => {
            let mut err = io::stderr().lock();
            let _ = writeln!(err, "{}", trouble.message.trim_end());
            if let Some(command) = trouble.instead {
                let _ = writeln!(err, "\nTry: {command}");
            }
            Outcome::CouldNotRun.into()
        }
    }
}

fn dispatch(command: &Command) -> Ended {
    match command {
        Command::Serve(serve) => serve::run(serve),
        Command::Check(files) => check::run(files),
        Command::Test(test) => test::run(test),
        Command::Scan(scan) => scan::run(scan),
        Command::Sense(sense) => sense::run(sense),
        Command::Eval(eval) => eval::run(eval),
        Command::Explain(explain) => explain::run(explain),
        Command::Schema(schema) => explain::schema(schema.of),
        Command::Models(asked) => models::run(asked),
        Command::Mock(mock) => serve::mock(mock),
        Command::Completions(completions) => {
            let mut script = Vec::new();
            clap_complete::generate(
                completions.shell,
                &mut Cli::command(),
                "wardgate",
                &mut script,
            );
            print(&script)
        }
    }
}

/// Writes a whole result. A reader that has seen enough (`| head`) is no failure.
fn print(bytes: &[u8]) -> Ended {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(Outcome::Fine),
    }
}

/// Styles for a terminal; all empty elsewhere, or where `NO_COLOR` is set.
#[derive(Debug, Clone, Copy, Default)]
struct Paint {
    hit: clap::builder::styling::Style,
    bad: clap::builder::styling::Style,
    good: clap::builder::styling::Style,
    strong: clap::builder::styling::Style,
}

impl Paint {
    /// For standard output.
    fn stdout() -> Self {
        use clap::builder::styling::{AnsiColor, Style};
        use std::io::IsTerminal;

        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        if !io::stdout().is_terminal() || !wanted {
            return Self::default();
        }
        Self {
            hit: AnsiColor::Red.on_default().underline().bold(),
            bad: AnsiColor::Red.on_default().bold(),
            good: AnsiColor::Green.on_default(),
            strong: Style::new().bold(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
