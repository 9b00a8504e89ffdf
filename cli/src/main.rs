//! The `rollcall` command.

use std::process::ExitCode;

use rollcall_cli::arguments::{Command, CommandLine, Global, Question};
use rollcall_cli::settings::Settings;
use rollcall_cli::{ask, ca, contexts, db, demo, manual, plan, sim};
use rollcall_startup::{Failure, finish};

#[tokio::main]
async fn main() -> ExitCode {
    let CommandLine { global, command } = CommandLine::of_this_process();
    finish(match command {
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Sim(arguments) => sim::run(arguments, &Settings::without_zone(&global)).await,
        Command::Plan(arguments) => plan::run(&arguments, &Settings::without_zone(&global)),
        Command::SimDaemon(arguments) => sim::daemon::run(arguments).await,
        Command::Ca(command) => ca::run(&command, &Settings::without_zone(&global)),
        Command::Db(command) => db::run(command, &Settings::without_zone(&global)).await,
        Command::Context(command) => contexts::run(&command, &global),
        Command::Completions(wanted) => manual::completions(wanted),
        Command::Man(wanted) => manual::pages(&wanted),
        Command::Ask(question) => asked(question, &global).await,
    })
}

async fn asked(question: Question, global: &Global) -> Result<(), Failure> {
    ask::run(question, &Settings::of(global)?).await
}
