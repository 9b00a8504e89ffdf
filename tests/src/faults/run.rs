//! One run: a bench, a schedule carried out on it, rest, and what the checker says; told as text and picture.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::bench::{Bench, SETTLES};
use super::checker::{Finding, check};
use super::ear::{Ear, wall};
use super::holdings::{Holdings, LONG_LIFE};
use super::schedule::Schedule;
use super::truth::{Store, Truth, Word};
use super::{diary, hand, sight, timeline};

/// Pause between two looks whether everything is at rest.
const LOOK: Duration = Duration::from_millis(500);
/// After a long run everybody is left alone for so long, and what is held then counts.
const QUIET: Duration = Duration::from_secs(120);

/// What came of a run.
pub struct Run {
    /// What was seen.
    pub truth: Truth,
    /// What the store said at rest.
    pub store: Store,
    /// What was not as promised.
    pub findings: Vec<Finding>,
    /// Where the timeline lies.
    pub directory: PathBuf,
}

/// Carries a schedule out on a bench that is up, and leaves it at rest.
///
/// # Panics
/// When the bench cannot be healed, or its timeline not be written.
pub async fn play(bench: &mut Bench, schedule: &Schedule, into: &Path) -> Run {
    bench.allow_actions().await;
    let nodes = bench.agents.iter().map(|member| member.daemon.name().to_owned()).collect();
    let (ear, began) = (Ear::open(bench.api(), nodes), wall());
    let mut holdings = Holdings::default();
    let done = hand::carry_out(bench, schedule, &mut holdings).await;
    let healed = wall();
    let mut confirmed = ear.close().await;
    let mut store = rest(bench).await;
    if healed - began >= LONG_LIFE {
        hand::wait(bench, &[], Instant::now() + QUIET, &mut holdings).await;
    }
    for member in &bench.agents {
        confirmed.extend(diary::of(member.daemon.name(), &member.daemon.log()));
    }
    // What is written with a log's last line may be on its way still.
    let truth = Truth { began, healed, rack_of: bench.rack_of(), confirmed, done, holdings };
    if !check(&truth, &store).is_empty() {
        sleep(LOOK * 4).await;
        store = sight::store(bench.api()).await.expect("the zone answers at rest");
    }
    let findings = check(&truth, &store);
    let directory = into.join(format!("seed-{}", schedule.seed));
    timeline::write(&directory, schedule, &truth, &store, &findings).expect("the timeline is written");
    Run { truth, store, findings, directory }
}

/// Waits until everybody is well and every order has ended, or for as long as that may take; then looks.
async fn rest(bench: &Bench) -> Store {
    let until = Instant::now() + SETTLES;
    loop {
        let store = sight::store(bench.api()).await;
        let late = Instant::now() >= until;
        match store {
            Ok(store) if late || is_at_rest(&store) => return store,
            Err(error) if late => panic!("the zone does not answer after it was healed: {error}"),
            Ok(_) | Err(_) => sleep(LOOK).await,
        }
    }
}

fn is_at_rest(store: &Store) -> bool {
    store.nodes.values().all(|(state, _)| matches!(state.as_str(), "healthy" | "degraded"))
        && store.actions.values().all(|state| !matches!(state.as_str(), "ordered" | "running"))
        && store.alerts.iter().all(|alert| !alert.open || !matches!(alert.kind.as_str(), "liveness" | "mass_darkness"))
}

impl Run {
    /// How much of what was confirmed, in a few words.
    #[must_use]
    pub fn summary(&self) -> String {
        let count = |is: fn(&Word) -> bool| self.truth.confirmed.iter().filter(|one| is(&one.what)).count();
        format!(
            "{} faults; confirmed: {} tokens, {} orders, {} actions begun, {} ended, {} joins, {} events, {} changes; {} findings; {}",
            self.truth.done.len(),
            count(|word| matches!(word, Word::Token(_))),
            count(|word| matches!(word, Word::Ordered(_))),
            count(|word| matches!(word, Word::Begun(..))),
            count(|word| matches!(word, Word::Ended(..))),
            count(|word| matches!(word, Word::Joined(..))),
            count(|word| matches!(word, Word::Event(..))),
            count(|word| matches!(word, Word::Change(_))),
            self.findings.len(),
            self.directory.display()
        )
    }
}
