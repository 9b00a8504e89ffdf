//! The fault bench: real daemons, RabbitMQ and PostgreSQL on hosts of their own, whose cables fail as ordered.
//!
//! Without flags of its own it runs the named cases and one short schedule. `--long` runs long schedules too; `--seed N`, with
//! `--seconds`, `--racks`, `--agents` and `--spare` as a run has printed them, runs that schedule again and nothing else.

mod racks;
mod schedules;
mod silence;

use std::process::ExitCode;
use std::time::Instant;

use libtest_mimic::{Arguments, Trial};
use rollcall_tests::faults::alone::be_alone;
use rollcall_tests::stage::program;
use tokio::runtime::Runtime;

use schedules::Flags;

#[allow(clippy::print_stdout, reason = "what was measured is a test's output")]
fn tell(text: &str, since: Instant) {
    println!("    {text} after {} ms", since.elapsed().as_millis());
}

/// One line for each case: its file and the sentence that holds.
macro_rules! cases {
    ($($file:ident :: $case:ident),* $(,)?) => {
        vec![$(
            Trial::test(concat!(stringify!($file), "::", stringify!($case)), move || {
                Runtime::new().expect("a runtime").block_on($file::$case());
                Ok(())
            })
        ),*]
    };
}

fn main() -> ExitCode {
    let (flags, others) = match Flags::parse(std::env::args()) {
        Ok(parsed) => parsed,
        Err(problem) => {
            #[allow(clippy::print_stderr, reason = "this is what a person reads")]
            {
                eprintln!("error: {problem}");
            }
            return ExitCode::from(2);
        }
    };
    let mut arguments = Arguments::from_iter(others);
    arguments.test_threads = Some(1);
    let mut trials = cases![
        silence::packets_dropped_silently_are_noticed_and_everybody_is_back,
        racks::at_once_one_loses_thirty_percent_one_hears_one_way_and_one_is_dark,
    ];
    if flags.is_one_run() {
        trials.clear();
    }
    trials.extend(flags.schedules().into_iter().map(|schedule| {
        Trial::test(format!("schedules::everything_holds_under_seed_{}", schedule.seed), move || {
            Runtime::new().expect("a runtime").block_on(schedules::everything_holds(&schedule));
            Ok(())
        })
    }));
    if !arguments.list {
        // Built before there is no network but our own.
        let _ = program("rollcall-zone-controller");
        be_alone();
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}
