use proptest::prelude::*;
use rollcall_model::wire::bytes::Bytes;
use rollcall_model::wire::txt::{Announcement, BrokerEndpoint, MAX_BYTES};

use super::*;
use crate::Announcer;
use crate::stage::{NOW, Stage, after, before, name, zone};

fn plain() -> Hello {
    Hello {
        zone: zone(),
        name: name("east"),
        generation: 7,
        broker: BrokerEndpoint { host: "10.0.0.1".into(), port: 5671, vhost: "rollcall-east".into() },
        api: "10.0.0.1:7655".into(),
        addresses: vec!["10.0.0.1".parse().unwrap()],
        expires: None,
        ca: None,
        credential: None,
        signature: None,
    }
}

fn signed(stage: &Stage) -> Hello {
    Announcer::load(&stage.zone_dir()).unwrap().sign(plain(), NOW).unwrap()
}

fn reason(stage: &Stage, wanted: Option<&str>, hello: &Hello, now: UnixMillis) -> &'static str {
    let wanted = wanted.map(name);
    verify(stage.site.bundle(), wanted.as_ref(), hello, now).map_or_else(|error| error.reason(), |()| "believed")
}

#[test]
fn a_signed_hello_survives_its_txt_record() {
    let stage = Stage::new();
    let pairs = Announcement::Hello(signed(&stage)).to_txt();
    let bytes: usize = pairs.iter().map(|(key, value)| key.len() + value.len() + 2).sum();
    assert!(bytes <= MAX_BYTES, "{bytes}");
    let read = Announcement::from_txt(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()))).unwrap();
    let Announcement::Hello(read) = read else { panic!("not a hello: {read:?}") };
    assert_eq!(reason(&stage, Some("east"), &read, NOW), "believed");
}

#[test]
fn a_hello_is_believed_for_its_life_and_a_little_more() {
    let stage = Stage::new();
    let hello = signed(&stage);
    let at = |now| reason(&stage, Some("east"), &hello, now);
    assert_eq!(at(NOW), "believed");
    assert_eq!(reason(&stage, None, &hello, NOW), "believed");
    assert_eq!(at(after(HELLO_LIVES * 1000 + SKEW * 1000 - 1)), "believed");
    assert_eq!(at(after(HELLO_LIVES * 1000 + SKEW * 1000)), "expired");
    assert_eq!(at(before((LONGEST_LIFE - HELLO_LIVES) * 1000)), "believed");
    assert_eq!(at(before((LONGEST_LIFE - HELLO_LIVES + 1) * 1000)), "from_the_future");
    assert_eq!(at(after(731 * 24 * 3_600_000)), "credential_expired");
}

#[test]
fn every_missing_part_is_unsigned() {
    let stage = Stage::new();
    let whole = signed(&stage);
    for part in [
        Hello { expires: None, ..whole.clone() },
        Hello { ca: None, ..whole.clone() },
        Hello { credential: None, ..whole.clone() },
        Hello { signature: None, ..whole },
        plain(),
    ] {
        assert_eq!(reason(&stage, None, &part, NOW), "unsigned");
    }
}

#[test]
fn other_sites_zones_and_signers_are_told_apart() {
    let (stage, other) = (Stage::new(), Stage::new());
    let (ours, theirs) = (signed(&stage), signed(&other));
    assert_eq!(reason(&stage, None, &theirs, NOW), "unknown_ca");
    let forged = Hello { ca: ours.ca, ..theirs };
    assert_eq!(reason(&stage, None, &forged, NOW), "bad_credential");
    let replaced = Hello { credential: ours.credential, ..forged };
    assert_eq!(reason(&stage, None, &replaced, NOW), "bad_signature");
    // The announcer of east says it were west: the root vouches for it under its own name only.
    let renamed = Hello { name: name("west"), ..ours.clone() };
    assert_eq!(reason(&stage, None, &renamed, NOW), "bad_credential");
    assert_eq!(reason(&stage, Some("west"), &ours, NOW), "wrong_zone");
    for changed in [
        Hello { generation: 8, ..ours.clone() },
        Hello { api: "10.0.0.2:7655".into(), ..ours.clone() },
        Hello { expires: ours.expires.map(|at| at + 1), ..ours.clone() },
        Hello { zone: rollcall_model::ZoneId::derived_from("x"), ..ours.clone() },
        Hello { broker: BrokerEndpoint { port: 5672, ..ours.broker.clone() }, ..ours },
    ] {
        assert_eq!(reason(&stage, None, &changed, NOW), "bad_signature");
    }
}

#[test]
fn every_reason_is_listed() {
    let errors = [
        HelloError::Unsigned,
        HelloError::UnknownCa(Fingerprint([0; 16])),
        HelloError::BadCredential,
        HelloError::CredentialExpired,
        HelloError::WrongZone,
        HelloError::BadSignature,
        HelloError::Expired,
        HelloError::FromTheFuture,
    ];
    assert_eq!(errors.map(|error| error.reason()), HelloError::REASONS);
}

proptest! {
    #[test]
    fn no_changed_byte_is_believed(at in 0..105usize, bit in 0..8u8, part in 0..3usize) {
        thread_local!(static STAGE: (Stage, Hello) = {
            let stage = Stage::new();
            let hello = signed(&stage);
            (stage, hello)
        });
        STAGE.with(|(stage, good)| {
            let mut hello = good.clone();
            match part {
                0 => hello.ca.as_mut().unwrap().0[at % 16] ^= 1 << bit,
                1 => hello.credential.as_mut().unwrap().0[at] ^= 1 << bit,
                _ => hello.signature.as_mut().unwrap().0[at % 64] ^= 1 << bit,
            }
            prop_assert_ne!(reason(stage, None, &hello, NOW), "believed");
            Ok(())
        })?;
    }

    #[test]
    fn strangers_bytes_make_nothing_panic(
        expires in any::<Option<u64>>(), ca in any::<Option<[u8; 16]>>(),
        credential in proptest::collection::vec(any::<u8>(), 105), signature in proptest::collection::vec(any::<u8>(), 64),
        now in any::<u64>(), api in "\\PC{0,40}",
    ) {
        thread_local!(static STAGE: Stage = Stage::new());
        STAGE.with(|stage| {
            let ours = Announcer::load(&stage.zone_dir()).unwrap().ca().0;
            let hello = Hello {
                expires,
                api,
                ca: Some(Bytes(ca.unwrap_or(ours))),
                credential: credential.try_into().ok().map(Bytes),
                signature: signature.try_into().ok().map(Bytes),
                ..plain()
            };
            prop_assert_ne!(reason(stage, None, &hello, UnixMillis(now)), "believed");
            Ok(())
        })?;
    }
}
