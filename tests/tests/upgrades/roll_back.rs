//! What docs/operations.md says of the way back: racks and agents by their packages alone, a zone by the backup of before.

use rollcall_tests::stage::{Brokers, Daemon, Stage, previous};
use tokio::time::Instant;

use crate::load::{AGENTS, REAL, Zone, replaced};

pub async fn racks_and_agents_go_back_to_the_previous_version_under_load(brokers: &Brokers) {
    let mut zone = Zone::started(Stage::new(brokers.main().await).await, false).await;
    zone.stays_itself(&["sim-0000", "sim-0001"], async |zone| {
        zone.replaces_agents(0..AGENTS, true).await;
        zone.misses(0).await;
        zone.replaces_rack(0, true).await;
        zone.replaces_rack(1, true).await;
        zone.replaces_checkin(true).await;
        zone.misses(1).await;
        zone.stage.obeys().await;
    })
    .await;
}

/// Runs the previous version's command on the zone's database.
fn database(stage: &Stage, arguments: &[&str]) {
    let at = format!("sqlite:{}", stage.directory().join("zone.db").display());
    let done = std::process::Command::new(previous("rollcall"))
        .arg("db")
        .args(arguments)
        .args(["--database", &at])
        .current_dir(stage.directory())
        .output()
        .expect("the command runs");
    assert!(done.status.success(), "rollcall db {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Queues that this version made of a kind that keeps them when a node of the broker fails, and the previous one will not take.
const OF_THIS_VERSION: [&str; 3] = ["zone.parked", "zone.refusals", "zone.security"];

async fn ends(daemon: &Daemon) {
    let status = daemon.terminate().await;
    assert!(status.success(), "{}: {status}", daemon.name());
}

pub async fn a_zone_goes_back_to_the_backup_of_before(brokers: &Brokers) {
    let broker = brokers.main().await;
    let mut zone = Zone::started(Stage::new(broker).await, true).await;
    zone.acts().await;
    database(&zone.stage, &["backup", "before.bak"]);
    let known = zone.identities().await;

    let since = Instant::now();
    replaced(&mut zone.fleet.zone, false).await;
    zone.whole("the zone controller of this version", since).await;
    // What happens after the backup: sessions end and begin, an action is carried out.
    zone.misses(1).await;
    zone.acts().await;

    let since = Instant::now();
    ends(&zone.fleet.zone).await;
    database(&zone.stage, &["restore", "before.bak", "--replace"]);
    for queue in OF_THIS_VERSION {
        broker.ctl(&["delete_queue", "-p", "rollcall", queue]);
    }
    zone.fleet.zone.becomes(true);
    zone.fleet.zone.start();
    zone.whole("the zone controller of before, with its backup", since).await;
    assert_eq!(zone.identities().await, known, "the same nodes in the same groups");
    zone.misses(0).await;
    zone.acts().await;
    zone.misses(REAL - 1).await;
}
