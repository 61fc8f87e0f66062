//! The command line: what can be asked, how it is answered, and the exit codes. Data goes to stdout,
//! messages to stderr; a command that fails says what to do next.

pub mod args;
pub mod exit;
pub mod output;

mod acts;
mod ahead;
mod alarms;
mod calls;
mod classify;
mod deadlines;
mod morning;
mod night;
mod reading;
mod replies;
mod routes;
mod running;
mod script;
mod setup;
mod simulate;
mod submit;
mod tasks;
mod texts;

use crate::config::{Config, ConfigFault, Look};
use args::{Arguments, Command};
use exit::Exit;
use output::Output;
use std::path::PathBuf;

/// Why a command ended without its answer: the exit code, and the words for stderr.
#[derive(Debug)]
struct Stop {
    exit: Exit,
    words: String,
}

impl Stop {
    fn new(exit: Exit, words: impl ToString) -> Self {
        Self {
            exit,
            words: words.to_string(),
        }
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Io, error)
    }
}

/// Runs one command and gives its exit code.
pub fn run(arguments: Arguments) -> Exit {
    let output = Output::new(arguments.json);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(output, &Stop::new(Exit::Fault, error)),
    };
    match runtime.block_on(perform(arguments, output)) {
        Ok(exit) => exit,
        Err(stop) => fail(output, &stop),
    }
}

fn fail(output: Output, stop: &Stop) -> Exit {
    match output.message(&format!("firstbell: {}", stop.words)) {
        Ok(()) => stop.exit,
        Err(error) => error.into(),
    }
}

async fn perform(arguments: Arguments, output: Output) -> Result<Exit, Stop> {
    let files = &arguments.config;
    match arguments.command {
        Command::Serve => running::serve(files, &load(files, Look::AtFiles)?).await,
        Command::Demo(demo) => night::demo(&demo, output).await,
        Command::CheckConfig => running::check_config(files, output).await,
        Command::Simulate(asked) => simulate::simulate(&asked, output),
        Command::Submit(submit) => submit::submit(&submit, output).await,
        Command::Referral(command) => reading::referral(files, command, output).await,
        Command::Notification(command) => reading::notification(files, command, output).await,
        Command::Call(command) => calls::call(files, command, output).await,
        Command::Reply(command) => replies::reply(files, command, output).await,
        Command::Alarm(command) => alarms::alarm(files, command, output).await,
        Command::Task(command) => tasks::task(files, command, output).await,
        Command::Route(command) => routes::route(files, command, output).await,
        Command::Morning => morning::morning(files, output).await,
        Command::Queue => reading::queue(files, output).await,
        Command::Deadline(deadline) => deadlines::deadline(files, &deadline, output).await,
        Command::Classify(files) => classify::classify(&files, output),
        Command::School(command) => reading::school(files, command, output).await,
        Command::Directory(command) => setup::directory(files, command, output).await,
        Command::Calendar(command) => setup::calendar(files, command, output).await,
        Command::Keys(command) => setup::keys(files, command, output),
    }
}

/// Reads the settings; every fault at once, exit 78.
fn load(files: &[PathBuf], look: Look) -> Result<Config, Stop> {
    Config::read(files, look).map_err(|faults| faulty(&faults))
}

fn faulty(faults: &[ConfigFault]) -> Stop {
    let lines: Vec<String> = faults.iter().map(ConfigFault::to_string).collect();
    let count = faults.len();
    let words = format!(
        "the configuration has {count} fault(s)\n{}",
        lines.join("\n")
    );
    Stop::new(Exit::Configuration, words)
}
