//! The command: arguments, one call, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    match firstbell::cli::args::parse() {
        Ok(arguments) => firstbell::cli::run(arguments).into(),
        Err(exit) => exit.into(),
    }
}
