//! Wall clocks that jump by an hour, forth and back: of an agent, of a group controller, of the zone controller.
#![allow(clippy::print_stdout, reason = "what was measured is a test's output")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use rollcall_tests::stage::{Brokers, Daemon, PATIENCE, Stage, node_name, until};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::actions::{ended, ordered, runs};
use crate::spool_full::draining;

/// libfaketime, of Debian's package.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").expect("/usr/lib").flatten();
    let found = folders.map(|folder| folder.path().join(LIBRARY)).find(|file| file.exists());
    found.expect("libfaketime, of Debian's package libfaketime (`make needs`)")
}

/// A wall clock that can be moved. Monotonic clocks go on as they are.
struct WallClock(PathBuf);

impl WallClock {
    fn of(stage: &Stage, name: &str) -> Self {
        let clock = Self(stage.directory().join(format!("{name}.clock")));
        clock.moved(0);
        clock
    }

    fn shown_to(&self, daemon: Daemon) -> Daemon {
        let file = self.0.display().to_string();
        daemon
            .with("LD_PRELOAD", &library().display().to_string())
            .with("FAKETIME_TIMESTAMP_FILE", &file)
            .with("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .with("DONT_FAKE_MONOTONIC", "1")
            .with("FAKETIME_CACHE_DURATION", "1")
    }

    /// So many hours away from the true time.
    fn moved(&self, hours: i64) {
        let next = self.0.with_extension("next");
        std::fs::write(&next, format!("{:+}\n", hours * 3_600)).expect("it is written");
        std::fs::rename(next, &self.0).expect("it is put in place");
    }
}

async fn one_order_is_done(stage: &Stage, drained: &Path) {
    let before = runs(drained);
    let asked = Instant::now();
    let action = ordered(stage, json!({ "kind": "drain" })).await;
    let (state, message) = ended(stage, &action).await;
    assert_eq!((state.as_str(), runs(drained)), ("done", before + 1), "{message}");
    println!("      an order was done {} ms after it was given", asked.elapsed().as_millis());
}

pub async fn an_hour_forth_and_back_expires_nothing_and_keeps_the_order(brokers: &Brokers) {
    let broker = brokers.own().await;
    let stage = Stage::new(&broker).await;
    let drained = stage.directory().join("drained");
    let command = format!("echo drained >> {}", drained.display());
    let clocks = ["zone", "rack-a", "real"].map(|name| WallClock::of(&stage, name));
    let mut fleet = {
        let (zone, rack) = (clocks[0].shown_to(stage.zone()), clocks[1].shown_to(stage.rack("rack-a")));
        draining(&stage, zone, rack, &command).await
    };
    // The real agent starts anew under a clock of its own.
    fleet.agents[2].kill().await;
    let agent = std::mem::replace(&mut fleet.agents[2], stage.agent(7, "rack-a"));
    fleet.agents[2] = clocks[2].shown_to(agent).started();
    until("the next session", PATIENCE, async || (stage.api().epochs().await["real"] == 2).then_some(())).await;
    stage.state_is("real", "healthy").await;
    crate::spool_full::obeys(&stage).await;
    let (epochs, change) = (stage.api().epochs().await, stage.api().latest_change().await);
    for (clock, whose) in clocks.iter().zip(["the zone controller", "the group controller", "the agent"]).rev() {
        for hours in [1, -1, 0] {
            clock.moved(hours);
            println!("    the clock of {whose} is {hours} h away");
            // Longer than it takes to be seen, and than a node may be silent.
            sleep(Duration::from_secs(4)).await;
            one_order_is_done(&stage, &drained).await;
            stage.api().nobody_blamed_since(change, "").await;
        }
    }
    // What happened last counts, whatever time was written beside it.
    clocks[0].moved(-1);
    sleep(Duration::from_secs(2)).await;
    fleet.agents[0].kill().await;
    stage.state_is(&node_name(0), "down").await;
    fleet.agents[0].start();
    stage.state_is(&node_name(0), "healthy").await;
    stage.api().nobody_blamed_since(change, &node_name(0)).await;
    clocks[0].moved(0);
    let mut now = stage.api().epochs().await;
    now.insert(node_name(0), epochs[&node_name(0)]);
    assert_eq!(now, epochs, "the same sessions");
    let numbers = stage.api().rows("SELECT event_id FROM v_events ORDER BY event_id").await;
    assert!(numbers.windows(2).all(|pair| pair[0][0].as_i64() < pair[1][0].as_i64()), "events keep their order");
    fleet.assert_alive();
}
