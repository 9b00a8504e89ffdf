//! Those who do not belong, those who claim what is another's, and neighbours.

use rollcall_model::packet::Ack;
use rollcall_model::wire::txt::Announcement;
use rollcall_model::{GroupId, InstanceId, Name, ZoneId};
use rollcall_tests::stage::{Brokers, PATIENCE, Stage, Stranger, until};

/// An ACK as anybody on the network can announce it.
fn announce_ack(stage: &Stage, zone: ZoneId, group: &str) -> Stranger {
    let name = Name::new(group).expect("a name");
    let ack = Ack {
        zone,
        generation: 1,
        group: GroupId::derived_from(group),
        name: name.clone(),
        place: name,
        addresses: vec![[127, 0, 0, 1].into()],
        instance: InstanceId::derived_from(group),
    };
    let pairs = Announcement::Ack(ack).to_txt();
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    Stranger::announce(stage.mdns_port(), "group", &pairs)
}

pub async fn acks_that_do_not_count_are_ignored_and_counted_by_reason(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let fleet = stage.fleet(1, 1).await;
    let api = stage.api();
    let groups = api.dump().await.groups;
    // Not among `rack-*`: neither let in, nor listened to.
    let uninvited = stage.rack("shelf-9").started();
    uninvited.says("not_admitted").await;
    let zone = stage.zone_id().await;
    let _shelf = announce_ack(&stage, zone, "shelf-9");
    assert!(api.ignored("ack.stranger").await >= 1);
    // A name that may join, from somebody who did not.
    let _impostor = announce_ack(&stage, zone, "rack-z");
    assert!(api.ignored("ack.not_enrolled").await >= 1);
    let _printer = Stranger::announce(stage.mdns_port(), "group", &[("tag", "printer"), ("v", "1")]);
    assert!(api.ignored("ack.wrong_tag").await >= 1);
    let _later = Stranger::announce(stage.mdns_port(), "group", &[("tag", "group"), ("v", "9")]);
    assert!(api.ignored("ack.future_version").await >= 1);
    let told = api.rows("SELECT message FROM v_events WHERE kind = 'ignored'").await;
    assert!(told.iter().any(|row| row[0].as_str().is_some_and(|text| text.contains("shelf-9"))), "{told:?}");
    assert_eq!(api.dump().await.groups, groups, "no group was made of them");
    fleet.assert_alive();
}

pub async fn a_node_out_of_range_is_refused_with_a_readable_reason(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let fleet = stage.fleet(1, 1).await;
    let outside = stage.agent_without_mdns(8, "rack-a", "192.0.2.8").started();
    // Over mDNS a node sees for itself that nobody is responsible for it.
    let unasked = stage.agent_at(9, "rack-a", "192.0.2.9", "sim-0009").started();
    let refusal = until("the check-in service to report the refusal", PATIENCE, async || {
        let status = stage.api().status().await.ok()?;
        let report = status["checkins"].as_object()?.values().next()?.clone();
        (report["refused"]["out_of_range"].as_u64()? >= 1).then(|| report["last_refusal"].to_string())
    })
    .await;
    assert!(refusal.contains("192.0.2.8 is outside the ranges") && refusal.contains("sim-0008"), "{refusal}");
    outside.says("192.0.2.8 is outside the ranges").await;
    unasked.says("no check-in service").await;
    assert!(unasked.log().contains("192.0.2.9"), "it says for which address");
    assert!(outside.is_running() && unasked.is_running(), "they go on asking: the ranges may change");
    let logical = "SELECT COUNT(*) FROM v_assignments WHERE node IN ('sim-0008', 'sim-0009') AND kind = 'logical'";
    assert_eq!(stage.api().number(logical).await, Ok(0));
    fleet.assert_alive();
}

pub async fn a_second_agent_with_one_identity_is_reported_and_the_first_stays(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let fleet = stage.fleet(1, 2).await;
    let api = stage.api();
    let (dump, epochs, change) = (api.dump().await, api.epochs().await, api.latest_change().await);
    let clone = stage.agent_at(0, "rack-a", "10.0.0.77", "clone").started();
    assert!(api.ignored("join.identity_clash").await >= 1);
    clone.says("/etc/machine-id").await;
    let told = api.rows("SELECT message FROM v_events WHERE kind = 'ignored'").await;
    assert!(told.iter().any(|row| row[0].as_str().is_some_and(|text| text.contains("10.0.0.77"))), "{told:?}");
    assert_eq!((api.dump().await, api.epochs().await), (dump, epochs), "the first one is untouched");
    api.nobody_blamed_since(change, "").await;
    stage.state_is("sim-0000", "healthy").await;
    // Once the first one is gone, the second takes its place without being started again.
    fleet.agents[0].terminate().await;
    until("the second agent to take the place of the first", PATIENCE, async || {
        let rows = api.sql("SELECT address, state FROM v_nodes WHERE name = 'sim-0000'").await.ok()?;
        (rows[0][0] == "10.0.0.77" && rows[0][1] == "healthy").then_some(())
    })
    .await;
}

pub async fn two_zones_of_one_name_say_so_and_nobody_moves(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let fleet = stage.fleet(2, 2).await;
    let api = stage.api();
    let (dump, change) = (api.dump().await, api.latest_change().await);
    let second = brokers.second().await;
    let other = Stage::beside(&second, stage.mdns_port());
    let namesake = other.zone().started();
    assert_eq!(api.ignored("hello.same_name").await, 1);
    assert_eq!(other.api().ignored("hello.same_name").await, 1);
    // Who comes now hears both, and may join either; who is in, stays.
    assert_eq!(api.dump().await, dump);
    api.nobody_blamed_since(change, "").await;
    assert_eq!(other.api().number("SELECT COUNT(*) FROM v_groups WHERE kind <> 'health'").await, Ok(0));
    assert_eq!(other.api().number("SELECT COUNT(*) FROM v_nodes").await, Ok(0));
    assert!(namesake.is_running());
    fleet.assert_alive();
}
