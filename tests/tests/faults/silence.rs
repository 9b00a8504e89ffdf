//! Case 3: cables that drop everything and tell nobody.

use std::time::{Duration, Instant};

use rollcall_tests::faults::bench::{Bench, Member, SETTLES};
use rollcall_tests::faults::fabric::Cable;
use rollcall_tests::faults::impairment::Impairment;
use rollcall_tests::faults::schedule::Size;
use rollcall_tests::stage::until;

use crate::tell;

/// A link that carries nothing is noticed after at most its echo's period and deadline: 20 s, and some room.
const NOTICED: Duration = Duration::from_secs(25);

fn lost(member: &Member) -> usize {
    member.daemon.log().matches("not connected to the broker").count()
}

fn connected(member: &Member) -> usize {
    member.daemon.log().matches("connected to the broker broker=").count()
}

/// Open files and threads: what a task that leaks would hold on to.
fn held(member: &Member) -> [usize; 2] {
    let id = member.daemon.id().expect("it runs");
    ["fd", "task"].map(|what| std::fs::read_dir(format!("/proc/{id}/{what}")).map_or(0, Iterator::count))
}

pub async fn packets_dropped_silently_are_noticed_and_everybody_is_back() {
    let bench = Bench::new(3, Size { racks: 1, agents: 3 }).await;
    let before: Vec<_> = bench.members().map(|member| (lost(member), connected(member), held(member))).collect();
    let (change, dump) = (bench.api().latest_change().await, bench.api().dump().await);
    let began = Instant::now();
    bench.impair_hub(Cable::both(Impairment::cut())).await;
    until("everybody to notice", NOTICED, async || {
        bench.members().zip(&before).all(|(member, (lost_before, ..))| lost(member) > *lost_before).then_some(())
    })
    .await;
    tell("dropped silently, and noticed by all", began);
    bench.impair_hub(Cable::default()).await;
    let mended = Instant::now();
    until("everybody to be connected again", SETTLES, async || {
        let is_back = |(member, (_, before, _)): (&Member, &(usize, usize, [usize; 2]))| connected(member) > *before;
        bench.members().zip(&before).all(is_back).then_some(())
    })
    .await;
    tell("mended, and all connected again", mended);
    bench.all_in().await;
    assert_eq!(bench.api().dump().await, dump, "everything as it was");
    let blamed = bench.api().blamed_since(change).await;
    assert!(blamed.iter().all(|row| row[1] != "down"), "nobody was down: {blamed:?}");
    // Each outage makes several attempts: what one of them leaves behind shows. The connector's own reactor is made with the first
    // attempt that is given up, and kept: a thread and four files.
    for (member, (.., before)) in bench.members().zip(&before) {
        let (name, now) = (member.daemon.name(), held(member));
        assert!(
            now[0] <= before[0] + 5 && now[1] <= before[1] + 1,
            "{name} held {before:?} files and threads, now {now:?}"
        );
    }
    bench.assert_alive();
}
