//! Bytes that no daemon would send, on every queue there is.

use std::collections::BTreeMap;

use rollcall_tests::stage::{Brokers, PATIENCE, Stage, until};
use serde_json::json;

/// Longer than any packet.
const OVERSIZED: usize = (1 << 20) + 1;

/// What is wrong with it, what was published as, the bytes, and what the reason it is parked with says.
fn rubbish() -> Vec<(&'static str, &'static str, Vec<u8>, &'static str)> {
    let random: Vec<u8> =
        (0..600_u32).map(|n| u8::try_from(n.wrapping_mul(2_654_435_761) >> 24).unwrap_or(0)).collect();
    let whole = json!({ "v": 1, "id": "00000000-0000-4000-8000-000000000001", "from": "inbox.nobody", "sent": 1, "kind": "ack",
                        "body": { "zone": "7" } });
    let whole = whole.to_string().into_bytes();
    let future = br#"{"v":9,"id":"x","kind":"something_new","body":{}}"#.to_vec();
    vec![
        ("random", "ack", random, "not an envelope"),
        ("empty", "ack", Vec::new(), "not an envelope"),
        ("truncated", "ack", whole[..whole.len() / 2].to_vec(), "not an envelope"),
        ("future version", "something_new", future, "version 9"),
        ("bad body", "ack", whole, "does not decode"),
        ("oversized", "ack", vec![b' '; OVERSIZED], "over the limit"),
    ]
}

pub async fn rubbish_on_every_queue_is_counted_and_parked_and_kills_nobody(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let mut fleet = stage.fleet(1, 2).await;
    let api = stage.api();
    let (dump, epochs, change) = (api.dump().await, api.epochs().await, api.latest_change().await);
    let id = async |query: &str| api.rows(query).await[0][0].as_str().expect("an id").to_owned();
    let zone = id("SELECT zone_id FROM v_zones").await;
    let group = id("SELECT group_id FROM v_groups WHERE kind = 'physical'").await;
    let node = id("SELECT node_id FROM v_nodes WHERE name = 'sim-0000'").await;
    let checkin = id("SELECT checkin_id FROM v_checkins").await;
    let outsider = stage.outsider().await;
    outsider.parked().await;
    let mut expected: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for (exchange, key, queue) in [
        ("rollcall.direct", "zone.joins".to_owned(), "zone.joins".to_owned()),
        ("rollcall.zone", format!("alerts.{group}"), "zone.alerts".into()),
        ("rollcall.zone", format!("analytics.{group}"), "zone.analytics".into()),
        ("rollcall.direct", format!("inbox.zone.{zone}"), format!("inbox.zone.{zone}")),
        ("rollcall.direct", format!("inbox.group.{group}"), format!("inbox.group.{group}")),
        ("rollcall.direct", format!("inbox.checkin.{checkin}"), format!("inbox.checkin.{checkin}")),
        ("rollcall.direct", format!("inbox.node.{node}"), format!("inbox.node.{node}")),
        ("rollcall.direct", format!("checkin.{checkin}.{node}"), format!("checkin.{checkin}")),
        ("rollcall.presence", String::new(), format!("group.{group}.presence")),
    ] {
        for (what, kind, body, reason) in rubbish() {
            assert!(outsider.publish(exchange, &key, kind, &body).await, "no queue took {what} for {queue}");
            // A node puts nothing aside.
            if !queue.starts_with("inbox.node.") {
                *expected.entry((queue.clone(), reason)).or_default() += 1;
            }
        }
    }
    let health = format!("group.{group}.health");
    for (what, kind, body, reason) in statuses(&node) {
        assert!(outsider.publish("rollcall.group", &format!("{group}.health.{node}"), kind, &body).await, "{what}");
        *expected.entry((health.clone(), reason)).or_default() += 1;
    }
    let mut parked: Vec<(String, String)> = Vec::new();
    until("all of it to be parked", PATIENCE, async || {
        parked.extend(outsider.parked().await);
        (parked.len() >= expected.values().sum()).then_some(())
    })
    .await;
    for ((queue, reason), count) in &expected {
        let found = parked.iter().filter(|(from, why)| from == queue && why.contains(reason)).count();
        assert_eq!(found, *count, "{queue}, {reason}: {parked:#?}");
    }
    let ignored = api.status().await.expect("a status")["ignored"].clone();
    // Joins, alerts, analytics and the inbox; three of the six are no envelope at all.
    for (reason, count) in [("not_an_envelope", 12), ("future_version", 4), ("bad_body", 4), ("oversized", 4)] {
        assert_eq!(ignored[format!("packet.{reason}")], count, "{ignored}");
    }
    let refused = async |path: &[&str]| {
        let status = api.status().await.ok()?;
        let reports = status[path[0]].as_object()?.values().next()?["refused"].clone();
        reports[path[1]].as_u64()
    };
    for path in [
        ["checkins", "oversized"],
        ["checkins", "future_version"],
        ["summaries", "oversized"],
        ["summaries", "bad_length"],
    ] {
        until(format!("{path:?} to be reported"), PATIENCE, async || refused(&path).await).await;
    }
    // Everybody is alive, unharmed, and still does its work.
    fleet.agents.push(stage.agent(2, "rack-a").started());
    stage.all_in(3).await;
    fleet.assert_alive();
    api.nobody_blamed_since(change, "").await;
    let mut now = api.dump().await;
    now.nodes.retain(|row| row[1] != "sim-0002");
    assert_eq!(now.nodes, dump.nodes);
    assert!(api.epochs().await.iter().all(|(node, epoch)| epochs.get(node).is_none_or(|before| before == epoch)));
}

/// The same for the queue of status packets, which are binary.
fn statuses(node: &str) -> Vec<(&'static str, &'static str, Vec<u8>, &'static str)> {
    let mut good = vec![0_u8; 64];
    (good[0], good[3]) = (1, 35);
    let id: String = node.chars().filter(|digit| *digit != '-').collect();
    for (index, byte) in good[12..28].iter_mut().enumerate() {
        *byte = u8::from_str_radix(&id[2 * index..2 * index + 2], 16).expect("hexadecimal digits");
    }
    let with = |place: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[place] = value;
        bytes
    };
    vec![
        ("truncated", "status", good[..40].to_vec(), "has 40 bytes"),
        ("oversized", "status", vec![1; OVERSIZED], "has 1048577 bytes"),
        ("future version", "status", with(0, 7), "version 7"),
        ("reserved bits", "status", with(1, 0xf0), "contradicts itself"),
        (
            "bit set and masked",
            "status",
            {
                let mut bytes = with(5, 1);
                bytes[9] = 1;
                bytes
            },
            "contradicts itself",
        ),
        ("of one who is no node", "status", with(12, good[12] ^ 0xff), "may send no status packet"),
        ("another kind", "ack", good.clone(), "takes no \"ack\" packet"),
    ]
}
