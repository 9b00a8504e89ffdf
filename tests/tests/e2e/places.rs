//! Check-in services at places: run where the zone wants them, replaced when they die, serving while the zone is away.

use rollcall_tests::stage::{Brokers, Daemon, Fleet, PATIENCE, Stage, ZONE, until};

/// A zone whose check-in service is run by rack-a.
fn zone(stage: &Stage) -> Daemon {
    let config = format!(
        "{}[[checkin.places]]\nplace = \"rack-a\"\nname = \"checkin-rack-a\"\nranges = [\"10.0.0.0/8\"]\n",
        stage.zone_config(ZONE)
    );
    Daemon::new(stage.directory(), "zone", "rollcall-zone-controller", &config)
}

/// The process id of the check-in service that a group controller of this stage runs, if one does.
fn running(stage: &Stage) -> Option<i32> {
    let directory = stage.directory().to_str()?.to_owned();
    std::fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let is_it = line.contains("rollcall-checkin") && line.contains(&directory);
        if is_it { entry.file_name().to_str()?.parse().ok() } else { None }
    })
}

pub async fn a_checkin_service_is_run_where_the_zone_wants_it_and_replaced(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let zone = zone(&stage).started();
    let mut fleet = Fleet {
        racks: vec![stage.rack("rack-a").started(), stage.rack("rack-b").started()],
        agents: vec![stage.agent(0, "rack-a").started(), stage.agent(1, "rack-b").started()],
        zone,
        // Not started: the racks run the only one there is.
        checkin: stage.checkin(),
    };
    stage.all_in(2).await;
    let first = until("a check-in service in rack-a", PATIENCE, async || running(&stage)).await;
    let pid = rustix::process::Pid::from_raw(first).expect("a process id");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it is there");
    until("another one", PATIENCE, async || running(&stage).filter(|pid| *pid != first)).await;
    fleet.agents.push(stage.agent(2, "rack-b").started());
    stage.all_in(3).await;
    // Its controller is killed, and the service ends by itself: another rack takes over.
    let orphan = running(&stage).expect("it runs");
    fleet.racks[0].kill().await;
    until("the service to have ended with its controller", PATIENCE, async || {
        (running(&stage) != Some(orphan)).then_some(())
    })
    .await;
    until("the other rack to run it", PATIENCE * 3, async || {
        let query =
            "SELECT COUNT(*) FROM v_checkins WHERE name = 'checkin-rack-a' AND running = 1 AND running_group = 'rack-b'";
        (stage.api().number(query).await == Ok(1)).then_some(())
    })
    .await;
}

pub async fn known_nodes_check_in_while_the_zone_is_away(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let mut fleet = stage.fleet(1, 2).await;
    fleet.checkin.says("is ready").await;
    // The service is told of new groups at most once in a while; known is what its copy of the table has.
    let groups = stage.api().rows("SELECT group_id FROM v_groups WHERE kind = 'logical'").await;
    until("the check-in service to know both nodes' groups", PATIENCE, async || {
        let table = std::fs::read_to_string(stage.directory().join("checkin/group-table.json")).ok()?;
        groups.iter().all(|row| row[0].as_str().is_some_and(|id| table.contains(id))).then_some(())
    })
    .await;
    fleet.zone.kill().await;
    fleet.agents[0].restart().await;
    let assigned = "(epoch 2)";
    fleet.agents[0].says(assigned).await;
    fleet.zone.start();
    until("the zone to have learnt of it", PATIENCE, async || {
        let rows = stage.api().sql("SELECT epoch FROM v_nodes WHERE name = 'sim-0000'").await.ok()?;
        (rows.first()?.first()?.as_i64()? == 2).then_some(())
    })
    .await;
    stage.all_in(2).await;
    assert_eq!(stage.api().epochs().await["sim-0000"], 2, "the epoch the service gave holds");
    fleet.assert_alive();
}
