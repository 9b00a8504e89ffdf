//! The `rollcall` command.

use std::process::ExitCode;

use clap::Parser;
use rollcall_cli::arguments::{Command, CommandLine};
use rollcall_cli::{ask, ca, db, demo};
use rollcall_startup::finish;

#[tokio::main]
async fn main() -> ExitCode {
    let CommandLine { global, command } = CommandLine::parse();
    finish(match command {
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Ca(command) => ca::run(&command, &global),
        Command::Db(command) => db::run(command, &global).await,
        Command::Ask(question) => ask::run(question, &global).await,
    })
}
