//! Plays histories of a simulated zone, many thousands of them: `make soak`. Shows how far it has come, and of every seed in
//! which an invariant does not hold what was seen and how it is played again. Ends with 1 if there was any.
//!
//!     soak [--seeds 100000] [--from 0] [--threads 2] [--minutes N] [--state FILE]
//!
//! With `--state` the first seed that is not played yet is kept in that file, and the next run goes on there.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for a person at a terminal")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rollcall_tests::sim::{Keep, Outcome, Tally, play};

/// Progress is shown this often.
const SHOWN: Duration = Duration::from_secs(10);
/// No seed is begun once so many have failed: people read the first ones.
const ENOUGH: usize = 20;

struct Asked {
    from: u64,
    end: u64,
    threads: u64,
    until: Option<Instant>,
    state: Option<PathBuf>,
}

fn asked() -> Result<Asked, String> {
    let (mut from, mut seeds, mut threads, mut minutes, mut state) = (0, 100_000, 2, None, None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} wants a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{word} wants a number, not {value:?}"));
        match word.as_str() {
            "--from" => from = number()?,
            "--seeds" => seeds = number()?,
            "--threads" => threads = number()?.max(1),
            "--minutes" => minutes = Some(number()?),
            "--state" => state = Some(PathBuf::from(&value)),
            _ => return Err(format!("{word} is not known; there are --seeds, --from, --threads, --minutes, --state")),
        }
    }
    let end = from.saturating_add(seeds);
    if let Some(kept) = state.as_ref().and_then(|file| std::fs::read_to_string(file).ok()) {
        from = kept.trim().parse().map_err(|_| format!("{state:?} holds {kept:?}, not a seed: remove it"))?;
    }
    let until = minutes.map(|minutes| Instant::now() + Duration::from_secs(60 * minutes));
    Ok(Asked { from, end, threads, until, state })
}

/// What has come of it so far.
struct Course {
    began: Instant,
    shown: Instant,
    /// Every seed below was played.
    whole: u64,
    /// Seeds above that were played.
    beyond: BTreeSet<u64>,
    played: u64,
    failed: usize,
    tally: Tally,
}

impl Course {
    fn take(&mut self, asked: &Asked, outcome: &Outcome) {
        self.played += 1;
        self.beyond.insert(outcome.seed);
        while self.beyond.remove(&self.whole) {
            self.whole += 1;
        }
        self.tally.add(&outcome.tally);
        if !outcome.violations.is_empty() {
            self.failed += 1;
            println!("seed {} FAILED", outcome.seed);
            outcome.violations.iter().for_each(|violation| println!("    {violation}"));
            println!("    ROLLCALL_SIM_SEED={} cargo test -p rollcall-tests --test sim -- --nocapture", outcome.seed);
        }
        if self.shown.elapsed() >= SHOWN {
            self.shown = Instant::now();
            self.show(asked);
            self.keep(asked);
        }
    }

    fn show(&self, asked: &Asked) {
        let seconds = self.began.elapsed().as_secs_f64();
        let pace = self.played as f64 / seconds.max(0.001);
        let left = asked.end.saturating_sub(self.whole) as f64 / pace.max(0.001) / 60.0;
        println!(
            "{:>7.0} s: {} seeds played, {} failed, {pace:.1} a second; all below {} of {}, {left:.0} min to go",
            seconds, self.played, self.failed, self.whole, asked.end
        );
    }

    fn keep(&self, asked: &Asked) {
        if let Some(file) = &asked.state
            && let Err(error) = std::fs::write(file, self.whole.to_string())
        {
            eprintln!("cannot write {}: {error}", file.display());
        }
    }
}

fn main() -> ExitCode {
    let asked = match asked() {
        Ok(asked) => asked,
        Err(why) => {
            eprintln!("soak: {why}");
            return ExitCode::from(2);
        }
    };
    let now = Instant::now();
    let (beyond, tally) = (BTreeSet::new(), Tally::default());
    let course = Course { began: now, shown: now, whole: asked.from, beyond, played: 0, failed: 0, tally };
    let (next, course) = (AtomicU64::new(asked.from), Mutex::new(course));
    let is_time = || asked.until.is_none_or(|until| Instant::now() < until);
    std::thread::scope(|scope| {
        for _ in 0..asked.threads {
            scope.spawn(|| {
                while is_time() && course.lock().unwrap_or_else(PoisonError::into_inner).failed < ENOUGH {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= asked.end {
                        return;
                    }
                    let outcome = play(seed, Keep::Last(1));
                    course.lock().unwrap_or_else(PoisonError::into_inner).take(&asked, &outcome);
                }
            });
        }
    });
    let course = course.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{}", course.tally);
    course.show(&asked);
    course.keep(&asked);
    if let Some(file) = asked.state.as_ref().filter(|_| course.whole >= asked.end) {
        // The next run begins anew.
        let _ = std::fs::remove_file(file);
    }
    if course.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
