//! Case 13: everything of a rack dark at once.

use std::time::{Duration, Instant};

use rollcall_tests::faults::bench::{Bench, SETTLES};
use rollcall_tests::faults::fabric::Cable;
use rollcall_tests::faults::impairment::Impairment;
use rollcall_tests::faults::schedule::Size;
use rollcall_tests::stage::until;
use serde_json::json;
use tokio::time::sleep;

use crate::tell;

const ALARMS: &str = "SELECT state, group_name, COUNT(*) FROM v_alerts WHERE kind = 'mass_darkness' GROUP BY state, group_name";

pub async fn a_rack_whose_cables_are_all_cut_is_unknown_and_raises_one_alarm() {
    let bench = Bench::new(13, Size { racks: 2, agents: 4 }).await;
    let change = bench.api().latest_change().await;
    let rack = &bench.agents[..4];
    let cut = Instant::now();
    for member in rack {
        bench.impair(&member.host, Cable::both(Impairment::cut())).await;
    }
    let unknown = "SELECT COUNT(*) FROM v_nodes WHERE state = 'unknown' AND physical_group = 'rack-a'";
    until("all of the rack to be unknown", SETTLES, async || {
        (bench.api().number(unknown).await == Ok(4)).then_some(())
    })
    .await;
    tell("all cut, and all unknown", cut);
    // Past the time at which the broker finds their connections dead, too.
    sleep(Duration::from_secs(30).saturating_sub(cut.elapsed())).await;
    assert_eq!(bench.api().rows(ALARMS).await, [[json!("raised"), json!("rack-a"), json!(1)]], "one alarm for all");
    for member in rack {
        bench.impair(&member.host, Cable::default()).await;
    }
    let mended = Instant::now();
    bench.all_in().await;
    tell("mended, and all heard again", mended);
    until("the alarm to be over", SETTLES, async || {
        (bench.api().rows(ALARMS).await == [[json!("cleared"), json!("rack-a"), json!(1)]]).then_some(())
    })
    .await;
    let blamed = bench.api().blamed_since(change).await;
    assert!(blamed.iter().all(|row| row[1] != "down"), "nobody was down: {blamed:?}");
    let of_the_rack = |node: &serde_json::Value| rack.iter().any(|member| *node == member.daemon.name());
    assert!(blamed.iter().all(|row| of_the_rack(&row[0])), "the other rack is untouched: {blamed:?}");
    bench.assert_alive();
}
