//! The disks that daemons keep their own words on are full: an agent's journal, a rack's spool.
#![allow(clippy::print_stdout, reason = "what was measured is a test's output")]

use rollcall_tests::stage::{Brokers, PATIENCE, Stage, Tmpfs, free_tcp_port, runs, until};
use serde_json::json;
use tokio::time::Instant;

use crate::monitoring::{LISTEN, page_at, value};
use crate::trust::distrusted;

const WAITING: &str = "rollcall_spool_messages{zone=\"zone-1\"}";
const WRITTEN: &str = "rollcall_spool_written{zone=\"zone-1\"}";
const LOST: &str = "rollcall_spool_lost_total{zone=\"zone-1\"}";

async fn is(port: u16, sample: &str, expected: f64) {
    until(format!("{sample} to be {expected}"), PATIENCE, async || {
        (value(&page_at(port).await, sample) == Some(expected)).then_some(())
    })
    .await;
}

pub async fn nothing_is_done_that_the_journal_cannot_take_and_a_word_that_the_spool_cannot_take_still_arrives(
    brokers: &Brokers,
) {
    let mut broker = brokers.second().await;
    let (stage, port) = (Stage::new(&broker).await, free_tcp_port());
    let [journal, spool] = ["real", "rack-a"].map(|name| Tmpfs::mounted(&stage.directory().join(name), 1));
    let drained = stage.directory().join("drained");
    let rack = stage.rack("rack-a").with(LISTEN, &format!("127.0.0.1:{port}"));
    let command = format!("echo drained >> {}", drained.display());
    let fleet = stage.draining(stage.zone_with_security(), rack, &command).await;
    let change = stage.api().latest_change().await;

    // The agent: it says why, does nothing, and goes on when there is room.
    journal.fill();
    let refused = stage.ordered(json!({ "kind": "drain" })).await;
    let (state, message) = stage.ended(&refused).await;
    assert_eq!((state.as_str(), runs(&drained)), ("failed", 0), "{message}");
    assert!(message.contains("cannot be written to the journal"), "{message}");
    journal.empty();
    let done = stage.ordered(json!({ "kind": "drain" })).await;
    let (state, message) = stage.ended(&done).await;
    assert_eq!((state.as_str(), runs(&drained)), ("done", 1), "{message}");

    // The rack: its word has no room on disk while the broker is away. That is said, and the word is kept in memory.
    is(port, WRITTEN, 1.0).await;
    spool.fill();
    broker.kill().await;
    let _stranger = distrusted(&stage);
    fleet.racks[0].says("words for the zone cannot be written to disk").await;
    is(port, WRITTEN, 0.0).await;
    is(port, WAITING, 1.0).await;
    broker.restart().await;
    let back = Instant::now();
    let words = "SELECT COUNT(*) FROM v_channel_messages WHERE what = 'hello_refused' AND sender LIKE 'inbox.group.%'";
    until("the rack's word", PATIENCE, async || (stage.api().number(words).await == Ok(1)).then_some(())).await;
    println!("    the rack's word arrived {} ms after the broker was back", back.elapsed().as_millis());
    is(port, WAITING, 0.0).await;
    is(port, LOST, 0.0).await;
    spool.empty();
    stage.api().nobody_blamed_since(change, "").await;
    fleet.assert_alive();
}
