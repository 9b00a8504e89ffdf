//! As docs/operations.md says: the zone first, then check-in service and racks, the agents last. In the middle of it every mixture is there.

use rollcall_tests::stage::{Brokers, Stage};
use tokio::time::Instant;

use crate::load::{REAL, Zone, replaced, session_after};

/// Upgrades these agents, each of which begins another session.
async fn agents(zone: &mut Zone, which: &[usize]) {
    for &index in which {
        let since = Instant::now();
        let name = zone.fleet.agents[index].name().to_owned();
        let epoch = zone.stage.api().epochs().await[&name];
        replaced(&mut zone.fleet.agents[index], false).await;
        session_after(zone.stage.api(), &name, epoch).await;
        zone.whole(&name, since).await;
    }
}

pub async fn a_zone_is_upgraded_under_load_one_daemon_after_the_other(brokers: &Brokers) {
    let mut zone = Zone::started(Stage::new(brokers.main().await).await, true).await;
    zone.acts().await;
    let (change, known) = (zone.stage.api().latest_change().await, zone.identities().await);
    zone.under_load(1, async |zone| {
        let since = Instant::now();
        replaced(&mut zone.fleet.zone, false).await;
        zone.whole("the zone controller", since).await;
        let since = Instant::now();
        replaced(&mut zone.fleet.checkin, false).await;
        zone.whole("the check-in service", since).await;
        zone.replaces_rack(0, false).await;
        // A new one in the new rack, and one in the old one.
        agents(zone, &[0, 1]).await;
        // New in new, new in old, old in new, old in old: each is missed when it dies.
        for index in 0..REAL {
            zone.misses(index).await;
        }
        zone.replaces_rack(1, false).await;
        agents(zone, &[2, 3, REAL]).await;
        zone.stage.obeys().await;
    })
    .await;
    zone.acts().await;
    assert_eq!(zone.identities().await, known, "the same nodes in the same groups");
    zone.blames_only(&["sim-0000", "sim-0001", "sim-0002", "sim-0003"], change).await;
}
