//! Cases 11 and 13 and the promise of 30 % loss, at once: three racks on one bench, each with a trouble of its own, which
//! must not become another's.

use std::time::{Duration, Instant};

use rollcall_tests::faults::bench::{Bench, Member, SETTLES};
use rollcall_tests::faults::fabric::Cable;
use rollcall_tests::faults::impairment::Impairment;
use rollcall_tests::faults::schedule::Size;
use rollcall_tests::stage::{rack_name, until};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::tell;

const AGENTS: usize = 5;
/// So long the troubles last: past the echo that gives up, and the broker's own heartbeat.
const TROUBLE: Duration = Duration::from_secs(35);
/// Of a hundred frames each way, so that of a hundred that need an answer thirty get none: what `ping` calls 30 % packet loss.
const THIRTY_PERCENT_BOTH_WAYS: u8 = 16;
const ALARMS: &str =
    "SELECT state, group_name, COUNT(*) FROM v_alerts WHERE kind = 'mass_darkness' GROUP BY state, group_name";

pub async fn at_once_one_loses_thirty_percent_one_hears_one_way_and_one_is_dark() {
    let bench = Bench::new(13, Size { racks: 4, agents: AGENTS }).await;
    let (change, dump) = (bench.api().latest_change().await, bench.api().dump().await);
    tokio::join!(
        loses(&bench, 0, change, THIRTY_PERCENT_BOTH_WAYS),
        hears_one_way(&bench, 1, change),
        is_dark(&bench, 2, change)
    );
    bench.all_in().await;
    assert_eq!(bench.api().dump().await, dump, "nobody moved");
    let others: Vec<_> =
        changes(&bench, change).await.into_iter().filter(|row| names(rack(&bench, 3)).contains(&row.node)).collect();
    assert!(
        others.iter().all(|row| row.state != "down" && row.state != "unknown"),
        "the good rack is blamed: {others:?}"
    );
    bench.assert_alive();
}

#[derive(Debug)]
#[allow(dead_code, reason = "shown when a case fails")]
struct Change {
    node: String,
    state: String,
    cause: String,
}

async fn changes(bench: &Bench, since: i64) -> Vec<Change> {
    let query =
        format!("SELECT node, state, cause FROM v_health_history WHERE history_id > {since} ORDER BY history_id");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let change = |row: &Vec<Value>| Change { node: text(&row[0]), state: text(&row[1]), cause: text(&row[2]) };
    bench.api().rows(&query).await.iter().map(change).collect()
}

fn rack(bench: &Bench, index: usize) -> &[Member] {
    &bench.agents[index * AGENTS..(index + 1) * AGENTS]
}

fn names(members: &[Member]) -> Vec<String> {
    members.iter().map(|member| member.daemon.name().to_owned()).collect()
}

async fn lay(bench: &Bench, members: &[Member], cable: Cable) {
    for member in members {
        bench.impair(&member.host, cable.clone()).await;
    }
}

/// Waits until these nodes are heard after what was told of them.
async fn are_heard(bench: &Bench, members: &[Member], what: &str) {
    let mended = Instant::now();
    let quoted: Vec<String> = names(members).iter().map(|name| format!("'{name}'")).collect();
    let query = format!(
        "SELECT COUNT(*) FROM v_nodes WHERE state IN ('healthy', 'degraded') AND name IN ({})",
        quoted.join(", ")
    );
    let wanted = i64::try_from(members.len()).unwrap_or(i64::MAX);
    until(what, SETTLES, async || (bench.api().number(&query).await == Ok(wanted)).then_some(())).await;
    tell(what, mended);
}

/// Frames lost on these cables so far, of how many.
async fn frames(bench: &Bench, members: &[Member]) -> (u64, u64) {
    let (mut lost, mut offered) = (0, 0);
    for member in members {
        for counts in bench.emulator().counts(member.host.port()).await.expect("its counts") {
            lost += counts.lost;
            offered += counts.offered;
        }
    }
    (lost, offered)
}

#[allow(clippy::print_stdout, reason = "what was measured is a test's output")]
async fn loses(bench: &Bench, index: usize, since: i64, percent: u8) {
    let members = rack(bench, index);
    let before = frames(bench, members).await;
    lay(bench, members, Cable::both(Impairment::loss(percent))).await;
    // Not a wait for something to happen: this is how long nothing may happen.
    sleep(TROUBLE).await;
    let (told, mine) = (changes(bench, since).await, names(members));
    let count = |state: &str| told.iter().filter(|row| mine.contains(&row.node) && row.state == state).count();
    let after = frames(bench, members).await;
    let (lost, offered) = (after.0 - before.0, after.1 - before.1);
    println!(
        "    {percent} % loss each way: {lost} of {offered} frames; suspected {} times, unknown {}",
        count("suspect"),
        count("unknown")
    );
    assert_eq!(count("down"), 0, "told down at 30 % loss: {told:?}");
    lay(bench, members, Cable::default()).await;
    are_heard(bench, members, "30 % loss: mended, and heard").await;
}

async fn hears_one_way(bench: &Bench, index: usize, since: i64) {
    let (mute, deaf) = (&rack(bench, index)[..1], &rack(bench, index)[1..2]);
    lay(bench, mute, Cable { up: Impairment::cut(), down: Impairment::default() }).await;
    lay(bench, deaf, Cable { up: Impairment::default(), down: Impairment::cut() }).await;
    sleep(TROUBLE).await;
    let afflicted = &rack(bench, index)[..2];
    lay(bench, afflicted, Cable::default()).await;
    are_heard(bench, afflicted, "one way only: mended, and heard").await;
    let told = changes(bench, since).await;
    for name in names(afflicted) {
        let of_it: Vec<_> = told.iter().filter(|row| row.node == name).collect();
        let down = of_it.iter().filter(|row| row.state == "down").count();
        assert!(down == 1 && of_it.len() <= 4, "{name} flaps: {of_it:?}");
    }
    let others = names(&rack(bench, index)[2..]);
    let blamed: Vec<_> = told.iter().filter(|row| others.contains(&row.node) && row.state != "healthy").collect();
    assert!(blamed.iter().all(|row| row.state == "suspect"), "others of the rack are blamed: {blamed:?}");
}

async fn is_dark(bench: &Bench, index: usize, since: i64) {
    let (members, name, cut) = (rack(bench, index), rack_name(index), Instant::now());
    lay(bench, members, Cable::both(Impairment::cut())).await;
    let unknown = format!("SELECT COUNT(*) FROM v_nodes WHERE state = 'unknown' AND physical_group = '{name}'");
    let all = i64::try_from(AGENTS).unwrap_or(i64::MAX);
    until("all of the rack to be unknown", SETTLES, async || {
        (bench.api().number(&unknown).await == Ok(all)).then_some(())
    })
    .await;
    tell("dark rack: all cut, and all unknown", cut);
    sleep(TROUBLE.saturating_sub(cut.elapsed())).await;
    assert_eq!(bench.api().rows(ALARMS).await, [[json!("raised"), json!(name), json!(1)]], "one alarm for all");
    lay(bench, members, Cable::default()).await;
    are_heard(bench, members, "dark rack: mended, and heard").await;
    until("the alarm to be over", SETTLES, async || {
        (bench.api().rows(ALARMS).await == [[json!("cleared"), json!(name), json!(1)]]).then_some(())
    })
    .await;
    let (told, mine) = (changes(bench, since).await, names(members));
    let down: Vec<_> = told.iter().filter(|row| mine.contains(&row.node) && row.state == "down").collect();
    assert!(down.is_empty(), "in the dark nobody is down: {down:?}");
}
