//! Five hundred histories of a whole zone, each of one seed, and the bugs planted to see that they would be noticed.
//! `ROLLCALL_SIM_SEED=<seed>` plays one and shows all of it; `ROLLCALL_SIM_SEEDS=<count>` plays that many; `ROLLCALL_SIM_BUG=<name>`
//! plants one bug only. `make soak` plays a hundred thousand.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rollcall_tests::sim::crowd::{self, Crowd};
use rollcall_tests::sim::planted::{BUGS, Planted};
use rollcall_tests::sim::{Keep, Outcome, Tally, play, play_with};

/// Seeds that once found something; played first.
const REGRESSIONS: &[u64] = &[6, 1091, 1244, 1271, 1412, 1700, 1822];

/// How many seeds are played.
const SEEDS: u64 = 500;
/// What has to happen somewhere among that many seeds, or they prove little.
const FAULTS: [&str; 46] = [
    "RA messages alone",
    "absent databases",
    "acknowledgements lost",
    "announcements heard twice",
    "broker alarms",
    "broker nodes drained",
    "broker nodes lost",
    "confirms that came too late",
    "full disks",
    "links that carry only down",
    "links that carry only up",
    "messages lost with their connection",
    "racks in the dark",
    "former holders that ended",
    "packets of an older generation",
    "slow renewals",
    "takeovers",
    "transactions fenced off",
    "wall clocks that jumped",
    "RA messages that ride",
    "actions carried out",
    "announcements not heard",
    "batches redelivered",
    "broker restarts",
    "commands carried out",
    "confirmed messages lost",
    "confirms lost",
    "connections refused for an inbox in use",
    "cuts",
    "deaths before a save",
    "deaths between save and publish",
    "deaths amid publishing",
    "deaths between publish and ack",
    "ends for good",
    "joins granted while the zone was away",
    "lies refused",
    "lossy messages lost",
    "looks that found a target",
    "messages doubled",
    "messages late",
    "moves",
    "pauses",
    "power losses",
    "words on a rack's disk",
    "worlds with a group by rule",
    "worlds with a policy",
];
/// Played twice: whatever has no order must not decide what happens. Some of them are of histories in which it once did.
const TWICE: [u64; 8] = [7, 21, 60, 226, 357, 406, 451, 499];
/// Lines of the log that a failing seed shows.
const LINES: usize = 200;
/// At most so many failing seeds are shown.
const SHOWN: usize = 3;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.trim().parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, not a number")))
}

fn seeds() -> Vec<u64> {
    match number("ROLLCALL_SIM_SEED") {
        Some(seed) => vec![seed],
        None => REGRESSIONS.iter().copied().chain(0..number("ROLLCALL_SIM_SEEDS").unwrap_or(SEEDS)).collect(),
    }
}

fn play_all(seeds: &[u64], keep: Keep) -> Vec<Outcome> {
    let (next, outcomes) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = play(*seed, keep);
                    outcomes.lock().expect("no player panicked").push(outcome);
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().expect("no player panicked");
    outcomes.sort_by_key(|outcome| outcome.seed);
    outcomes
}

#[allow(clippy::print_stdout, reason = "the log of a failing seed is what its test has to say")]
fn show(outcome: &Outcome) {
    println!("---- seed {}: the log's end", outcome.seed);
    for line in &outcome.log {
        println!("{line}");
    }
    println!("---- ROLLCALL_SIM_SEED={} cargo test -p rollcall-tests --test sim -- --nocapture", outcome.seed);
}

fn words(outcome: &Outcome) -> String {
    let words: Vec<String> = outcome.violations.iter().map(ToString::to_string).collect();
    words.join("; ")
}

#[test]
fn no_history_violates_an_invariant() {
    let seeds = seeds();
    let keep = if seeds.len() == 1 { Keep::All } else { Keep::Last(LINES) };
    let outcomes = play_all(&seeds, keep);
    let mut tally = Tally::default();
    for outcome in &outcomes {
        tally.add(&outcome.tally);
    }
    let failed: Vec<&Outcome> = outcomes.iter().filter(|outcome| !outcome.violations.is_empty()).collect();
    if seeds.len() == 1 {
        outcomes.iter().for_each(show);
    }
    failed.iter().take(SHOWN).filter(|_| seeds.len() > 1).copied().for_each(show);
    if seeds.len() >= SEEDS as usize {
        for fault in FAULTS {
            assert!(tally.of(fault) > 0, "none of the {} seeds had {fault}:\n{tally}", seeds.len());
        }
    }
    let words: Vec<String> =
        failed.iter().map(|outcome| format!("seed {}: {}", outcome.seed, words(outcome))).collect();
    assert!(words.is_empty(), "{} of {} seeds:\n{}\n{tally}", words.len(), outcomes.len(), words.join("\n"));
}

#[test]
fn a_seed_is_a_whole_history() {
    let seeds = number("ROLLCALL_SIM_SEED").map_or_else(|| TWICE.to_vec(), |seed| vec![seed]);
    for seed in seeds {
        let (first, second) = (play(seed, Keep::Last(1)), play(seed, Keep::Last(1)));
        assert_eq!(first.digest, second.digest, "seed {seed} gave two histories");
        assert_eq!(first.tally, second.tally, "seed {seed}");
        assert_ne!(first.digest, play(seed + 1, Keep::Last(1)).digest, "two seeds gave one history");
    }
}

/// Plays seeds until something is noticed.
fn caught(planted: &Planted) -> Result<String, String> {
    let Planted { bug, caught_by, from, within } = planted;
    for seed in *from..from + within {
        let outcome = play_with(*bug, seed, Keep::Last(1));
        let Some(first) = outcome.violations.first() else { continue };
        let clean = play(seed, Keep::Last(1));
        return match () {
            () if !caught_by.contains(&first.invariant) => Err(format!("{bug:?} in seed {seed}: {}", words(&outcome))),
            () if !clean.violations.is_empty() => Err(format!("seed {seed} without {bug:?}: {}", words(&clean))),
            () => Ok(format!("{:<24} {:<34} {:>3}", format!("{bug:?}"), first.invariant, seed + 1)),
        };
    }
    Err(format!("{bug:?} was not noticed in {within} seeds from {from}"))
}

#[test]
#[allow(clippy::print_stdout, reason = "which invariant caught which bug is what this test has to say")]
fn every_planted_bug_is_caught() {
    let one = std::env::var("ROLLCALL_SIM_BUG").ok();
    let bugs = BUGS.iter().filter(|planted| one.as_ref().is_none_or(|name| *name == format!("{:?}", planted.bug)));
    let found: Vec<_> = bugs.map(caught).collect();
    assert!(!found.is_empty(), "ROLLCALL_SIM_BUG names no planted bug: {one:?}");
    println!("{:<24} {:<34} {:>3}", "planted", "caught by", "seeds");
    found.iter().flatten().for_each(|line| println!("{line}"));
    let missed: Vec<_> = found.iter().filter_map(|it| it.as_ref().err()).collect();
    assert!(missed.is_empty(), "{missed:#?}");
}

/// What a zone can do is measured with nodes that come one after the other; then four hundred come at once, to a zone that has time for two or
/// three in a second. Needs 8.4, case 15: what is said again because nobody answered yet must not eat up what it can do.
#[test]
#[allow(clippy::print_stdout, reason = "what was measured is a test's output")]
fn a_crowd_is_served_at_the_rate_a_zone_has() {
    let calm = crowd::serve(Crowd { nodes: 40, apart: 2_000, each: 1 });
    let crowd = crowd::serve(Crowd { nodes: 400, apart: 0, each: 100 });
    for served in [&calm, &crowd] {
        assert!(served.violations.is_empty(), "{:?}\n{}", served.violations, served.log.join("\n"));
        println!("{:?} ms, then {} packets a minute, {:?}", served.took, served.packets_a_minute, served.packets);
    }
    let (Some(calmly), Some(took)) = (calm.took, crowd.took) else { panic!("some were never in") };
    let useful = calm.packets.values().sum::<u64>() - calm.packets_a_minute * calmly / 60_000;
    let (capacity, goodput) = (10.0 * 40.0 / useful as f64, 400.0 * 1_000.0 / took as f64);
    println!("{goodput:.2} of {capacity:.2} joins a second");
    assert!(goodput >= 0.8 * capacity, "{goodput:.2} of {capacity:.2} joins a second");
}
