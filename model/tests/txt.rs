//! The three TXT records are frozen, fit, survive the way there and back, and strangers break nothing.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::net::IpAddr;

use proptest::collection::vec;
use proptest::prelude::*;
use rollcall_model::packet::Ack;
use rollcall_model::wire::bytes::Bytes;
use rollcall_model::wire::txt::{Announcement, BrokerEndpoint, CheckinAnnouncement, Hello, MAX_BYTES, TxtError};
use rollcall_model::{CheckinId, GroupId, InstanceId, Name, ZoneId};

fn pairs(announcement: &Announcement) -> Vec<(String, String)> {
    announcement.to_txt()
}

fn read(pairs: &[(String, String)]) -> Result<Announcement, TxtError> {
    Announcement::from_txt(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())))
}

/// What the record takes on the wire: a length byte and `=` for each pair.
fn size(announcement: &Announcement) -> usize {
    pairs(announcement).iter().map(|(key, value)| 2 + key.len() + value.len()).sum()
}

fn written(announcement: &Announcement) -> Vec<String> {
    pairs(announcement).into_iter().map(|(key, value)| format!("{key}={value}")).collect()
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn hello() -> Announcement {
    Announcement::Hello(Hello {
        zone: "3f2a1c9e-0d4b-8c7e-9a55-6d0f7b1e2c34".parse().unwrap(),
        name: Name::new("hall-2").unwrap(),
        generation: 7,
        broker: BrokerEndpoint { host: "10.1.0.5".into(), port: 5671, vhost: "zone-3f2a1c9e".into() },
        api: "10.1.0.5:8443".into(),
        addresses: addresses(&["10.1.0.5", "fd00::5"]),
        ..unsigned()
    })
}

/// A hello of which only that it is not signed matters.
fn unsigned() -> Hello {
    Hello {
        zone: ZoneId::derived_from("z"),
        name: Name::new("n".repeat(32)).unwrap(),
        generation: u64::MAX,
        broker: BrokerEndpoint { host: "10.100.100.100".into(), port: 65_535, vhost: "rollcall".into() },
        api: "10.100.100.100:65535".into(),
        addresses: Vec::new(),
        expires: None,
        ca: None,
        credential: None,
        signature: None,
    }
}

fn signed(hello: Hello) -> Hello {
    Hello {
        expires: Some(1_700_086_400),
        ca: Some(Bytes([0xa1; 16])),
        credential: Some(Bytes([0xb2; 105])),
        signature: Some(Bytes([0xc3; 64])),
        ..hello
    }
}

fn ack() -> Announcement {
    Announcement::Ack(Ack {
        zone: "3f2a1c9e-0d4b-8c7e-9a55-6d0f7b1e2c34".parse().unwrap(),
        generation: 7,
        group: "0a010200-0000-8000-8000-000000000018".parse().unwrap(),
        name: Name::new("rack-7").unwrap(),
        place: Name::new("row-a.rack-7").unwrap(),
        addresses: addresses(&["10.1.2.3"]),
        instance: "7d444840-9dc0-41d1-b245-5ffdce74fad2".parse().unwrap(),
    })
}

fn checkin() -> Announcement {
    Announcement::Checkin(CheckinAnnouncement {
        checkin: "9b2d0c54-6c57-8a30-bb0e-1f1d62d0f4aa".parse().unwrap(),
        zone: "3f2a1c9e-0d4b-8c7e-9a55-6d0f7b1e2c34".parse().unwrap(),
        namespace: Name::new("hall-2").unwrap(),
        ranges: ["10.1.0.0/16", "fd00::/64"].map(|text| text.parse().unwrap()).to_vec(),
        broker: BrokerEndpoint { host: "10.1.0.5".into(), port: 5671, vhost: "zone-3f2a1c9e".into() },
        addresses: addresses(&["10.1.9.9"]),
    })
}

#[test]
fn the_hello_record_is_frozen() {
    let expected = [
        "tag=zone",
        "v=1",
        "zone=3f2a1c9e-0d4b-8c7e-9a55-6d0f7b1e2c34",
        "name=hall-2",
        "gen=7",
        "broker=10.1.0.5:5671",
        "vhost=zone-3f2a1c9e",
        "api=10.1.0.5:8443",
        "ip=10.1.0.5,fd00::5",
    ];
    assert_eq!(written(&hello()), expected);
    assert_eq!(hello().instance(), "zone-3f2a1c9e-0d4b-8c7e-9a55-6d0f7b1e2c34");
    assert_eq!(hello().port(), 5671);
}

#[test]
fn the_signed_hello_record_is_frozen_and_what_is_signed_is_all_of_it_but_the_signature() {
    let Announcement::Hello(plain) = hello() else { panic!("a hello") };
    let hello = signed(plain.clone());
    let record = written(&Announcement::Hello(hello.clone()));
    assert_eq!(record[..9], written(&Announcement::Hello(plain)));
    let (ca, cert, sig) = ("oaGhoaGhoaGhoaGhoaGhoQ", "srKy".repeat(35), "w8PD".repeat(21));
    let added = ["exp=1700086400".into(), format!("ca={ca}"), format!("cert={cert}"), format!("sig={sig}ww")];
    assert_eq!(record[9..], added);
    assert_eq!(hello.signed_text(), record[..12].join("\n"));
    let before = Hello { signature: None, ..hello.clone() };
    assert_eq!(before.signed_text(), hello.signed_text(), "the signer sees what the verifier sees");
    assert_eq!(read(&pairs(&Announcement::Hello(hello.clone()))), Ok(Announcement::Hello(hello)));
}

#[test]
fn a_signed_hello_leaves_out_addresses_rather_than_be_too_long() {
    let many: Vec<IpAddr> = (0..40).map(|last| IpAddr::from([0xfd00, 1, 2, 3, 4, 5, 6, last])).collect();
    let long = Name::new("n".repeat(63)).unwrap();
    let hello = signed(Hello { name: long, generation: u64::from(u32::MAX), addresses: many.clone(), ..unsigned() });
    let announcement = Announcement::Hello(hello.clone());
    assert!(size(&announcement) <= MAX_BYTES, "{} bytes", size(&announcement));
    let Ok(Announcement::Hello(taken)) = read(&pairs(&announcement)) else { panic!("refused") };
    assert!(!taken.addresses.is_empty() && many.starts_with(&taken.addresses));
    assert_eq!(taken.signed_text(), hello.signed_text(), "the signature holds for what was taken");
    assert_eq!(Hello { addresses: many, ..taken }, hello);
}

#[test]
fn what_is_signed_wrongly_is_malformed() {
    let Announcement::Hello(plain) = hello() else { panic!("a hello") };
    let announcement = Announcement::Hello(signed(plain));
    for (key, value) in [("exp", "soon"), ("exp", "-1"), ("ca", "oaGh"), ("cert", ""), ("sig", "+/=="), ("sig", "w8")] {
        assert_eq!(with(&announcement, key, value).unwrap_err().reason(), "malformed", "{key}={value}");
    }
}

#[test]
fn the_ack_record_is_frozen() {
    let expected = [
        "tag=group",
        "v=1",
        "zone=3f2a1c9e-0d4b-8c7e-9a55-6d0f7b1e2c34",
        "gen=7",
        "group=0a010200-0000-8000-8000-000000000018",
        "name=rack-7",
        "place=row-a.rack-7",
        "run=7d444840-9dc0-41d1-b245-5ffdce74fad2",
        "ip=10.1.2.3",
    ];
    assert_eq!(written(&ack()), expected);
    assert_eq!(ack().instance(), "g-0a010200000080008000000000000018-3f2a1c9e");
    assert_eq!(ack().port(), 9);
}

#[test]
fn the_checkin_record_is_frozen() {
    let expected = [
        "tag=checkin",
        "v=1",
        "checkin=9b2d0c54-6c57-8a30-bb0e-1f1d62d0f4aa",
        "zone=3f2a1c9e-0d4b-8c7e-9a55-6d0f7b1e2c34",
        "ns=hall-2",
        "range=10.1.0.0/16,fd00::/64",
        "broker=10.1.0.5:5671",
        "vhost=zone-3f2a1c9e",
        "ip=10.1.9.9",
    ];
    assert_eq!(written(&checkin()), expected);
    assert_eq!(checkin().instance(), "checkin-9b2d0c54-6c57-8a30-bb0e-1f1d62d0f4aa");
}

#[test]
fn an_instance_is_one_label_of_dns() {
    for announcement in [hello(), ack(), checkin()] {
        let instance = announcement.instance();
        assert!(instance.len() <= 63 && !instance.contains('.'), "{instance}");
    }
}

/// The longest that is met: full names, a host name with its domain, a vhost with the whole zone id, four
/// addresses, two of them IPv6, and four ranges.
#[test]
fn the_largest_realistic_records_fit() {
    let name = || Name::new("n".repeat(32)).unwrap();
    let host = "broker-01.hall-2.dc-frankfurt.example.net";
    let broker =
        || BrokerEndpoint { host: host.into(), port: 65_535, vhost: format!("zone-{}", ZoneId::derived_from("z")) };
    let v6 = |last: u16| IpAddr::from([0xfd00, 0x1111, 0x2222, 0x3333, 0x4444, 0x5555, 0x6666, last]);
    let addresses = || vec![[100, 100, 100, 100].into(), [100, 100, 100, 101].into(), v6(0x7777), v6(0x8888)];
    let ranges = ["100.100.0.0/16", "100.101.0.0/16", "fd00:1111:2222:3333::/64"];
    let largest = [
        Announcement::Hello(Hello {
            zone: ZoneId::derived_from("z"),
            name: name(),
            generation: u64::MAX,
            broker: broker(),
            api: format!("{host}:65535"),
            addresses: addresses(),
            ..unsigned()
        }),
        Announcement::Ack(Ack {
            zone: ZoneId::derived_from("z"),
            generation: u64::MAX,
            group: GroupId::derived_from("g"),
            name: name(),
            place: name(),
            addresses: addresses(),
            instance: InstanceId::derived_from("i"),
        }),
        Announcement::Checkin(CheckinAnnouncement {
            checkin: CheckinId::derived_from("c"),
            zone: ZoneId::derived_from("z"),
            namespace: name(),
            ranges: ranges.map(|text| text.parse().unwrap()).to_vec(),
            broker: broker(),
            addresses: vec![[100, 100, 100, 100].into(), v6(0x7777)],
        }),
    ];
    for announcement in largest {
        let bytes = size(&announcement);
        assert!(bytes <= MAX_BYTES, "{} has {bytes} bytes", announcement.tag());
        assert!(pairs(&announcement).iter().all(|(key, value)| key.len() + value.len() < 255));
        assert_eq!(read(&pairs(&announcement)), Ok(announcement));
    }
}

fn with(announcement: &Announcement, key: &str, value: &str) -> Result<Announcement, TxtError> {
    let mut pairs = pairs(announcement);
    pairs.iter_mut().filter(|(present, _)| present == key).for_each(|(_, old)| value.clone_into(old));
    read(&pairs)
}

#[test]
fn what_is_wrong_is_told_by_reason() {
    let table = [
        ("tag", "printer", "wrong_tag"),
        ("tag", "", "wrong_tag"),
        ("tag", "Zone", "wrong_tag"),
        ("v", "2", "future_version"),
        ("v", "one", "malformed"),
        ("zone", "rack-7", "malformed"),
        ("name", "two words", "malformed"),
        ("gen", "-1", "malformed"),
        ("gen", "18446744073709551616", "malformed"),
        ("broker", "10.1.0.5", "malformed"),
        ("broker", ":5671", "malformed"),
        ("broker", "10.1.0.5:65536", "malformed"),
        ("ip", "10.1.0.256", "malformed"),
    ];
    for (key, value, reason) in table {
        assert_eq!(with(&hello(), key, value).unwrap_err().reason(), reason, "{key}={value}");
    }
    assert_eq!(with(&hello(), "vhost", &"x".repeat(MAX_BYTES)).unwrap_err().reason(), "oversized");
}

#[test]
fn every_key_is_needed_and_unknown_ones_are_not_minded() {
    for announcement in [hello(), ack(), checkin()] {
        let all = pairs(&announcement);
        for missing in 0..all.len() {
            let mut fewer = all.clone();
            let (key, _) = fewer.remove(missing);
            assert!(matches!(read(&fewer), Err(TxtError::Missing(name)) if name == key), "{key}");
        }
        let mut more = all;
        more.push(("later".into(), "more".into()));
        more.push(("zone".into(), "of a repeated key the first counts".into()));
        assert_eq!(read(&more), Ok(announcement));
    }
}

fn name() -> impl Strategy<Value = Name> {
    "[A-Za-z0-9._-]{1,24}".prop_map(|text| Name::new(text).unwrap())
}

fn broker() -> impl Strategy<Value = BrokerEndpoint> {
    ("[a-z0-9.:-]{1,40}", any::<u16>(), "[ -~]{0,40}").prop_map(|(host, port, vhost)| BrokerEndpoint {
        host,
        port,
        vhost,
    })
}

fn range() -> impl Strategy<Value = ipnet::IpNet> {
    any::<IpAddr>().prop_flat_map(|address| {
        let longest = if address.is_ipv4() { 32_u8 } else { 128 };
        (0..=longest).prop_map(move |length| ipnet::IpNet::new(address, length).unwrap())
    })
}

fn any_hello() -> impl Strategy<Value = Announcement> {
    (any::<[u8; 16]>(), name(), any::<u64>(), broker(), "[ -~]{0,40}", vec(any::<IpAddr>(), 0..3)).prop_map(
        |(zone, name, generation, broker, api, addresses)| {
            let zone = ZoneId::from_bytes(zone);
            Announcement::Hello(Hello { zone, name, generation, broker, api, addresses, ..unsigned() })
        },
    )
}

fn any_ack() -> impl Strategy<Value = Announcement> {
    (any::<[[u8; 16]; 3]>(), any::<u64>(), name(), name(), vec(any::<IpAddr>(), 0..4)).prop_map(
        |([zone, group, instance], generation, name, place, addresses)| {
            Announcement::Ack(Ack {
                zone: ZoneId::from_bytes(zone),
                generation,
                group: GroupId::from_bytes(group),
                name,
                place,
                addresses,
                instance: InstanceId::from_bytes(instance),
            })
        },
    )
}

fn any_checkin() -> impl Strategy<Value = Announcement> {
    (any::<[[u8; 16]; 2]>(), name(), vec(range(), 0..3), broker(), vec(any::<IpAddr>(), 0..2)).prop_map(
        |([checkin, zone], namespace, ranges, broker, addresses)| {
            Announcement::Checkin(CheckinAnnouncement {
                checkin: CheckinId::from_bytes(checkin),
                zone: ZoneId::from_bytes(zone),
                namespace,
                ranges,
                broker,
                addresses,
            })
        },
    )
}

fn any_announcement() -> impl Strategy<Value = Announcement> {
    prop_oneof![any_hello(), any_ack(), any_checkin()]
}

proptest! {
    #[test]
    fn a_signed_hello_fits_and_its_signature_holds(
        name in "[A-Za-z0-9._-]{1,63}",
        generation in any::<u32>(),
        host in "[a-z0-9.-]{1,14}",
        addresses in vec(any::<IpAddr>(), 1..12),
    ) {
        let broker = BrokerEndpoint { host: host.clone(), ..unsigned().broker };
        let (name, api) = (Name::new(name).unwrap(), format!("{host}:65535"));
        let generation = u64::from(generation);
        let hello = signed(Hello { name, generation, broker, api, addresses, ..unsigned() });
        let announcement = Announcement::Hello(hello.clone());
        // With one IPv6 address of full length nothing can be left out any more.
        prop_assert!(size(&announcement) <= MAX_BYTES + 40 - 15, "{} bytes", size(&announcement));
        if let Ok(Announcement::Hello(taken)) = read(&pairs(&announcement)) {
            prop_assert_eq!(taken.signed_text(), hello.signed_text());
        }
    }

    #[test]
    fn every_announcement_survives_the_way_there_and_back(announcement in any_announcement()) {
        prop_assert!(size(&announcement) <= MAX_BYTES, "{} bytes", size(&announcement));
        prop_assert_eq!(read(&pairs(&announcement)), Ok(announcement));
    }

    #[test]
    fn strangers_pairs_never_panic_and_what_is_taken_is_written_back_alike(
        pairs in vec(("(tag|v|zone|gen|group|name|place|run|ip|range|broker|vhost|api|.{0,8})", ".{0,80}"), 0..16),
    ) {
        if let Ok(taken) = read(&pairs) {
            prop_assert_eq!(read(&taken.to_txt()), Ok(taken));
        }
    }

    #[test]
    fn a_spoilt_value_never_panics(announcement in any_announcement(), at in 0_usize..9, value in ".{0,300}") {
        let mut pairs = pairs(&announcement);
        pairs[at].1 = value;
        if let Ok(taken) = read(&pairs) {
            prop_assert_eq!(read(&taken.to_txt()), Ok(taken));
        }
    }
}
