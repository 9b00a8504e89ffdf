//! What the broker refused is in the audit log, and a flood of it does not fill the disk.

use rollcall_bus::audit::Refusal;
use rollcall_store::TrustChange;
use serde_json::json;

use super::enrolment::trusted;
use super::*;

fn refused(user: &str, operation: &str) -> Event {
    let what = format!("access to queue 'zone.joins' in vhost 'rollcall' refused for user '{user}'");
    Event::BrokerRefused(Refusal { user: Some(user.into()), operation: operation.into(), what })
}

fn at(ms: u64) -> Now {
    Now { tick: NOW.tick + Millis(ms), ..NOW }
}

/// Who, operation and what is said of each audit line.
fn lines(effects: &[Effect]) -> Vec<(String, String, Value)> {
    let line = |change: &&TrustChange| match change {
        TrustChange::Audited { who, origin, action, subject, after, .. } => {
            assert_eq!((origin.as_str(), action.as_str()), ("broker", "broker_refused"));
            (who.clone(), subject.clone(), after.clone())
        }
        other => panic!("{other:?}"),
    };
    trusted(effects).iter().map(line).collect()
}

#[test]
fn a_refusal_is_counted_audited_and_told_on_the_security_channel() {
    let mut zone = zone();
    let effects = zone.step(NOW, refused("node.a@z", "queue.bind"));
    let [(who, operation, after)] = &lines(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!((who.as_str(), operation.as_str()), ("node.a@z", "queue.bind"));
    assert!(after["refused"].as_str().is_some_and(|what| what.contains("zone.joins")), "{after}");
    assert_eq!(zone.overview().ignored.get("broker.queue.bind"), Some(&1));
    let told = all_packets(&effects);
    assert!(
        matches!(&told[..], [(_, Packet::ChannelMessage(said))] if said.what == "broker_refused" && said.subject == "node.a@z"),
        "{told:?}"
    );
}

#[test]
fn a_flood_is_added_up_and_takes_nobody_elses_lines() {
    let mut zone = zone();
    let of = |zone: &mut Zone, ms, user: &str| lines(&zone.step(at(ms), refused(user, "basic.publish"))).len();
    let written: usize = (0..1_000).map(|_| of(&mut zone, 0, "node.a@z")).sum();
    assert_eq!(written, 200);
    assert_eq!(of(&mut zone, 0, "node.b@z"), 1);
    assert_eq!(zone.next_deadline(), Some(at(60_000).tick));
    let sums = lines(&zone.step(at(60_000), Event::Tick));
    assert_eq!(sums, [("node.a@z".into(), "basic.publish".into(), json!({ "more_refused": 800 }))]);
    assert!(lines(&zone.step(at(120_000), Event::Tick)).is_empty(), "nothing is added up twice");
    // Six lines are had again in a minute.
    let again: usize = (0..100).map(|_| of(&mut zone, 120_000, "node.a@z")).sum();
    assert_eq!(again, 12);
}
