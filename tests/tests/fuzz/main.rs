//! Bytes from strangers, mutated from good ones, against every decoder that meets them. No decoder may panic, take long
//! over little, or let through what it must not.
//!
//! A second for each in `make test`, a minute in `make fuzz` (`ROLLCALL_FUZZ_SECONDS`). The corpora lie in
//! `tests/corpus/<target>`; what breaks a decoder is written there as `crash-<digest>` and is tried first from then on.

mod api;
mod mutation;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};

use self::mutation::Mutator;
use self::targets::Target;

/// How long each decoder is tried.
const SECONDS: &str = "ROLLCALL_FUZZ_SECONDS";
/// An input of at most a mebibyte is decided within this.
const SLOW: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // A panic is caught and told once, not printed a million times; so one at a time.
    arguments.test_threads = Some(1);
    let seconds = std::env::var(SECONDS).ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let trials = targets::all()
        .into_iter()
        .map(|target| Trial::test(target.name, move || run(&target, Duration::from_secs(seconds))))
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

#[allow(clippy::print_stdout, reason = "this is a test's output")]
fn run(target: &Target, span: Duration) -> Result<(), Failed> {
    let directory = corpus(target.name);
    let seeds = read(&directory, (target.seeds)());
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let outcome = hunt(target, &directory, &seeds, span);
    std::panic::set_hook(hook);
    let tried = outcome?;
    println!("    {}: {tried} inputs in {} s, from {} seeds", target.name, span.as_secs(), seeds.len());
    Ok(())
}

fn hunt(target: &Target, directory: &Path, seeds: &[Vec<u8>], span: Duration) -> Result<u64, Failed> {
    let until = Instant::now() + span;
    let mut tried = 0;
    for seed in seeds {
        attempt(target, directory, seed)?;
        tried += 1;
    }
    // The same mutations every time: what one run finds, the next one finds again.
    let mut mutator = Mutator::new(target.name, seeds, target.words);
    while Instant::now() < until {
        for _ in 0..64 {
            attempt(target, directory, &mutator.next())?;
            tried += 1;
        }
    }
    Ok(tried)
}

fn attempt(target: &Target, directory: &Path, input: &[u8]) -> Result<(), Failed> {
    let began = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.decode)(input)));
    let why = match outcome {
        Ok(Ok(())) if began.elapsed() < SLOW => return Ok(()),
        Ok(Ok(())) => format!("took {} ms", began.elapsed().as_millis()),
        Ok(Err(why)) => why,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            format!("panicked: {}", text.or_else(|| panic.downcast_ref().copied()).unwrap_or("no words"))
        }
    };
    let path = directory.join(format!("crash-{:016x}", mutation::hash(input)));
    std::fs::create_dir_all(directory)
        .and_then(|()| std::fs::write(&path, input))
        .map_err(|error| error.to_string())?;
    Err(format!("{} of {} bytes, kept in {}: {why}", target.name, input.len(), path.display()).into())
}

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

/// What is kept on disk, in the order of its names, after the seeds made on the spot.
fn read(directory: &Path, mut seeds: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    seeds.extend(files.iter().filter_map(|file| std::fs::read(file).ok()));
    seeds
}
