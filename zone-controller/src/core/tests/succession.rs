//! A zone that passes from one zone controller to another.

use rollcall_store::{Lease, Tenure, ZoneRecord};

use super::*;

fn lease(name_of: &str, generation: u64, is_released: bool) -> Lease {
    let address = format!("https://{name_of}:7655");
    let instance = InstanceId::derived_from(name_of);
    Lease { generation, beats: 3, instance, name: name(name_of), address, is_released }
}

fn started(from: Option<Lease>, generation: u64) -> (Zone, Vec<Effect>) {
    let succession = Some(Succession { tenure: Tenure { generation, from }, name: name("zc-b") });
    let saved = ZoneRecord { zone: ZoneId::derived_from("z"), name: name("z"), generation: 41 };
    let saved = Snapshot { zone: Some(saved), ..Snapshot::default() };
    Zone::start(NOW, Settings { succession, ..settings(true) }, saved)
}

#[test]
fn a_zone_starts_in_the_generation_of_its_lease_and_every_message_tells_it() {
    let (mut zone, effects) = started(Some(lease("zc-b", 44, false)), 45);
    assert_eq!(zone.generation(), 45);
    assert!(matches!(saves(&effects)[0], Change::ZoneStarted { generation: 45, .. }));
    assert!(
        !effects.iter().any(|it| matches!(it, Effect::Save(Change::Noted { kind: "zone_takeover", .. }))),
        "itself"
    );
    let answered = zone.step(NOW, Event::AckHeard(Ack { generation: 45, ..ack("rack-a", "r1") }));
    let mut generations = answered.iter().filter_map(|effect| match effect {
        Effect::Publish(message) => Some(Envelope::decode(&message.body).unwrap().generation),
        _ => None,
    });
    assert_eq!(generations.next(), Some(Some(45)));
    assert!(generations.all(|generation| generation == Some(45)));
}

#[test]
fn a_takeover_is_told_as_an_event_and_in_the_audit_log() {
    for (is_released, how) in [(true, "which ended in order"), (false, "which gave no sign")] {
        let (_, effects) = started(Some(lease("zc-a", 44, is_released)), 45);
        let told = effects.iter().find_map(|effect| match effect {
            Effect::Save(Change::Noted { kind: "zone_takeover", message, .. }) => Some(message.clone()),
            _ => None,
        });
        let expected = format!("zone controller zc-b took over from zc-a, {how}: generation 45");
        assert_eq!(told, Some(expected));
        let audited = saves(&effects).into_iter().any(|change| match change {
            Change::Trust(change) => matches!(
                &**change,
                rollcall_store::TrustChange::Audited { action, who, .. } if action == "zone_takeover" && who == "zc-b"
            ),
            _ => false,
        });
        assert!(audited);
    }
}
