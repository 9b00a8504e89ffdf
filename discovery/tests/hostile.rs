//! What strangers on the network may send: it is refused by its reason, and the next good hello is heard.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod network;

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::time::Duration;

use mdns_sd::{IfKind, ServiceDaemon, ServiceInfo, TxtProperty};
use network::{daemon, hello, quiet_port};
use rollcall_discovery::{Discovery, DiscoveryError, DiscoverySettings, Sighting, Tag};
use rollcall_model::wire::txt::TxtError;

/// A program that speaks multicast DNS but not our language.
struct Stranger(ServiceDaemon);

impl Stranger {
    fn on(port: u16) -> Self {
        let daemon = ServiceDaemon::new_with_port(port).unwrap();
        daemon.disable_interface(IfKind::All).unwrap();
        daemon.enable_interface("lo").unwrap();
        Self(daemon)
    }

    fn announces(&self, subtype: &str, instance: &str, txt: Vec<TxtProperty>) {
        let service = format!("_{subtype}._sub._rollcall._tcp.local.");
        let host = format!("{instance}.local.");
        let info = ServiceInfo::new(&service, instance, &host, "127.0.0.1", 1, txt).unwrap();
        self.0.register(info).unwrap();
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.shutdown();
    }
}

fn text(pairs: &[(&str, &str)]) -> Vec<TxtProperty> {
    pairs.iter().map(|(key, value)| TxtProperty::from((*key, *value))).collect()
}

/// The hello's TXT record with some values replaced.
fn spoilt(changes: &[(&str, &str)]) -> Vec<TxtProperty> {
    let good = hello("stranger", 1).to_txt();
    good.iter()
        .map(|(key, value)| {
            let changed = changes.iter().find(|(changed, _)| changed == key).map_or(value.as_str(), |(_, value)| value);
            TxtProperty::from((key.as_str(), changed))
        })
        .collect()
}

#[tokio::test]
async fn strangers_are_refused_by_reason_and_good_announcements_still_heard() {
    let port = quiet_port();
    let stranger = Stranger::on(port);
    let discovery = daemon(port);
    let mut watch = discovery.watch(Tag::Zone);

    let long = "x".repeat(250);
    let cases: [(&str, Vec<TxtProperty>, &str); 8] = [
        ("a-printer", spoilt(&[("tag", "printer")]), "wrong_tag"),
        ("an-ack", spoilt(&[("tag", "group")]), "malformed"),
        ("from-the-future", spoilt(&[("v", "99")]), "future_version"),
        ("no-keys", text(&[("a", "1"), ("b", "")]), "malformed"),
        ("no-values", vec![TxtProperty::from("tag"), TxtProperty::from("zone")], "malformed"),
        ("bad-id", spoilt(&[("zone", "'; drop table zones; --")]), "malformed"),
        ("not-utf8", vec![TxtProperty::from(("tag", [0xff_u8, 0xfe, 0]))], "malformed"),
        ("huge", text(&[("a", &long), ("b", &long), ("c", &long), ("tag", "zone")]), "oversized"),
    ];
    for (instance, txt, _) in &cases {
        stranger.announces("zone", instance, txt.clone());
    }
    let good = hello("zone", 1);
    let _announced = discovery.announce(good.clone()).await.unwrap();

    let expected: BTreeMap<&str, &str> = cases.iter().map(|(instance, _, reason)| (*instance, *reason)).collect();
    let mut refused = BTreeMap::new();
    let mut seen = false;
    while refused.len() < expected.len() || !seen {
        match tokio::time::timeout(Duration::from_secs(20), watch.next()).await.expect("not all were heard").unwrap() {
            Sighting::Refused { instance, error, from } => {
                assert_eq!(from, ["127.0.0.1".parse::<std::net::IpAddr>().unwrap()]);
                refused.insert(instance, error.reason());
            }
            Sighting::Seen { announcement, .. } => {
                assert_eq!(announcement, good);
                seen = true;
            }
            Sighting::Distrusted { instance, .. } | Sighting::Gone { instance } => panic!("{instance} is gone"),
        }
    }
    assert_eq!(
        refused.iter().map(|(instance, reason)| (instance.as_str(), *reason)).collect::<BTreeMap<_, _>>(),
        expected
    );
}

#[tokio::test]
async fn a_hello_under_the_subtype_of_groups_is_refused_by_its_tag() {
    let port = quiet_port();
    let stranger = Stranger::on(port);
    let discovery = daemon(port);
    let mut watch = discovery.watch(Tag::Group);
    stranger.announces("group", "zone-in-disguise", spoilt(&[]));
    let heard = tokio::time::timeout(Duration::from_secs(20), watch.next()).await.expect("nothing was heard");
    match heard.unwrap() {
        Sighting::Refused { instance, error, .. } => {
            assert_eq!((instance.as_str(), error), ("zone-in-disguise", TxtError::UnknownTag("zone".into())));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_interface_that_is_not_there_and_a_port_that_is_held_are_errors() {
    let held = UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let settings = DiscoverySettings { mdns: true, interfaces: vec!["lo".into()], port };
    let error = Discovery::start(&settings).unwrap_err();
    assert!(matches!(error, DiscoveryError::Port { .. }), "{error}");
    assert!(Discovery::start(&DiscoverySettings { mdns: false, ..settings.clone() }).is_ok(), "nothing is bound");

    let error = Discovery::start(&DiscoverySettings { interfaces: vec!["nonesuch0".into()], ..settings }).unwrap_err();
    assert!(error.to_string().contains("no network interface \"nonesuch0\"") && error.to_string().contains("lo ("));
}
