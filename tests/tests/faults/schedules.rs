//! Whole schedules of faults drawn from a seed: nothing that was confirmed is lost, doubled, reordered or stale afterwards, and
//! nobody is told down without a reason.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rollcall_tests::faults::bench::Bench;
use rollcall_tests::faults::run;
use rollcall_tests::faults::schedule::{Schedule, Size};

use crate::tell;

/// Of the schedule that runs with every test.
const SHORT: Duration = Duration::from_secs(45);
/// Of those that run when asked for.
const LONG: Duration = Duration::from_secs(180);
const LONG_SEEDS: std::ops::RangeInclusive<u64> = 101..=106;
const SIZE: Size = Size { racks: 2, agents: 3 };
const LONG_SIZE: Size = Size { racks: 2, agents: 5 };

/// What this program was asked for beyond what the test harness knows.
#[derive(Debug, Default)]
pub struct Flags {
    long: bool,
    spare: bool,
    seed: Option<u64>,
    seconds: Option<u64>,
    racks: Option<u64>,
    agents: Option<u64>,
}

impl Flags {
    /// The flags, and the arguments that are none of ours.
    ///
    /// # Errors
    /// A text that names the flag and what it wants.
    pub fn parse(arguments: impl Iterator<Item = String>) -> Result<(Self, Vec<String>), String> {
        let (mut flags, mut others, mut arguments) = (Self::default(), Vec::new(), arguments);
        while let Some(argument) = arguments.next() {
            let (place, most) = match argument.as_str() {
                "--long" => {
                    flags.long = true;
                    continue;
                }
                "--spare" => {
                    flags.spare = true;
                    continue;
                }
                "--seed" => (&mut flags.seed, u64::MAX),
                "--seconds" => (&mut flags.seconds, 86_400),
                "--racks" => (&mut flags.racks, 20),
                "--agents" => (&mut flags.agents, 100),
                _ => {
                    others.push(argument);
                    continue;
                }
            };
            let value =
                arguments.next().and_then(|value| value.parse().ok()).filter(|value| (1..=most).contains(value));
            *place = Some(value.ok_or(format!("{argument} wants a number from 1 to {most} after it"))?);
        }
        Ok((flags, others))
    }

    /// Whether one schedule is wanted and nothing else.
    pub const fn is_one_run(&self) -> bool {
        self.seed.is_some()
    }

    /// The schedules that are wanted.
    pub fn schedules(&self) -> Vec<Schedule> {
        let usual = if self.long { LONG_SIZE } else { SIZE };
        let count = |wanted: Option<u64>, usual| wanted.and_then(|count| usize::try_from(count).ok()).unwrap_or(usual);
        let size = Size { racks: count(self.racks, usual.racks), agents: count(self.agents, usual.agents) };
        let span = self.seconds.map_or(if self.long { LONG } else { SHORT }, Duration::from_secs);
        let seeds: Vec<u64> = match (self.seed, self.long) {
            (Some(seed), _) => vec![seed],
            (None, true) => LONG_SEEDS.collect(),
            (None, false) => vec![1],
        };
        seeds.into_iter().map(|seed| Schedule::draw(seed, span, size, self.spare)).collect()
    }
}

/// `target/faults`, where this program lies in `target/<profile>/deps`.
fn directory() -> PathBuf {
    let me = std::env::current_exe().expect("the path of this program");
    me.ancestors().nth(3).expect("a test lies in target/<profile>/deps").join("faults")
}

#[allow(clippy::print_stdout, reason = "what was measured is a test's output")]
pub async fn everything_holds(schedule: &Schedule) {
    println!("\n{schedule}");
    let began = Instant::now();
    let mut bench = Bench::new(schedule.seed, schedule.size).await;
    tell("everybody is in", began);
    let run = run::play(&mut bench, schedule, &directory()).await;
    tell(&run.summary(), began);
    print!("{}", run.truth.holdings.table());
    for finding in &run.findings {
        println!("    {finding}");
    }
    assert!(run.findings.is_empty(), "{} findings, see {}", run.findings.len(), run.directory.display());
    bench.assert_alive();
}
