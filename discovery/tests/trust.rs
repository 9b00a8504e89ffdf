//! Who listens says whom to believe: what is not believed is told as such, and to nobody else's harm.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use rollcall_discovery::{Discovery, Distrust, HelloTrust, Sighting, Tag, Watch};
use rollcall_model::wire::txt::{Announcement, BrokerEndpoint, Hello};
use rollcall_model::{Name, ZoneId};

fn hello(zone: &str, generation: u64) -> Hello {
    Hello {
        zone: ZoneId::derived_from(zone),
        name: Name::new(zone).unwrap(),
        generation,
        broker: BrokerEndpoint { host: "10.1.0.5".into(), port: 5671, vhost: "/".into() },
        api: "10.1.0.5:8443".into(),
        addresses: Vec::new(),
        expires: None,
        ca: None,
        credential: None,
        signature: None,
    }
}

fn suspicious() -> HelloTrust {
    HelloTrust::new(|hello| match hello.generation {
        ..7 => Err(Distrust { reason: "old_generation", message: "it is over".into() }),
        _ if hello.name.as_str() == "forged" => Err(Distrust { reason: "unsigned", message: "who says so?".into() }),
        _ => Ok(()),
    })
}

async fn next(watch: &mut Watch) -> Sighting {
    tokio::time::timeout(Duration::from_secs(20), watch.next()).await.unwrap().unwrap()
}

#[tokio::test]
async fn what_is_not_believed_is_told_as_such_and_counted() {
    let network = Discovery::local();
    let listener = network.clone().trusting(suspicious());
    let mut watch = listener.watch(Tag::Zone);
    for (zone, generation, reason) in
        [("forged", 9, Some("unsigned")), ("hall", 7, None), ("hall", 6, Some("old_generation")), ("hall", 8, None)]
    {
        let announced = network.announce(Announcement::Hello(hello(zone, generation))).await.unwrap();
        match next(&mut watch).await {
            Sighting::Seen { announcement: Announcement::Hello(hello), .. } => {
                assert_eq!((hello.generation, None), (generation, reason));
            }
            Sighting::Distrusted { distrust, hello, .. } => {
                assert_eq!((hello.generation, Some(distrust.reason)), (generation, reason));
            }
            other => panic!("{other:?}"),
        }
        drop(announced);
        assert!(matches!(next(&mut watch).await, Sighting::Gone { .. }));
    }
    assert_eq!(listener.distrusted().into_iter().collect::<Vec<_>>(), [("old_generation", 1), ("unsigned", 1)]);
    assert!(network.distrusted().is_empty(), "others judge for themselves");
}

#[tokio::test]
async fn who_waits_for_a_zone_waits_for_one_it_believes() {
    let network = Discovery::local();
    let mut watch = network.clone().trusting(suspicious()).watch(Tag::Zone);
    let name = Name::new("hall").unwrap();
    let _stale = network.announce(Announcement::Hello(hello("hall", 3))).await.unwrap();
    let waiting = tokio::spawn(async move { watch.hello_of(&name).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiting.is_finished(), "the stale one was taken");
    let _current = network.announce(Announcement::Hello(hello("hall", 8))).await.unwrap();
    let heard = tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap().unwrap();
    assert_eq!(heard.unwrap().generation, 8);
}
