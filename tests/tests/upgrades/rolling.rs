//! As docs/operations.md says: the zone first, then check-in service and racks, the agents last. In the middle of it every mixture is there.

use rollcall_tests::stage::{Brokers, Stage};
use tokio::time::Instant;

use crate::load::{REAL, Zone, replaced};

pub async fn a_zone_is_upgraded_under_load_one_daemon_after_the_other(brokers: &Brokers) {
    let mut zone = Zone::started(Stage::new(brokers.main().await).await, true).await;
    zone.stays_itself(&["sim-0000", "sim-0001", "sim-0002", "sim-0003"], async |zone| {
        let since = Instant::now();
        replaced(&mut zone.fleet.zone, false).await;
        zone.whole("the zone controller", since).await;
        zone.replaces_checkin(false).await;
        zone.replaces_rack(0, false).await;
        // A new one in the new rack, and one in the old one.
        zone.replaces_agents([0, 1], false).await;
        // New in new, new in old, old in new, old in old: each is missed when it dies.
        for index in 0..REAL {
            zone.misses(index).await;
        }
        zone.replaces_rack(1, false).await;
        zone.replaces_agents([2, 3, REAL], false).await;
        zone.stage.obeys().await;
    })
    .await;
}
