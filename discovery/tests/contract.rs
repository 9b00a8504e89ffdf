//! What every medium of discovery does: once over multicast DNS on the loopback interface, once in-process.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod network;

use std::time::Duration;

use network::{daemon, hello, quiet_port};
use rollcall_discovery::{Discovery, DiscoveryError, Sighting, Tag, Watch};
use rollcall_model::packet::Ack;
use rollcall_model::wire::txt::Announcement;
use rollcall_model::{GroupId, InstanceId, Name, ZoneId};

/// Longer than anything here takes, shorter than patience.
const LIMIT: Duration = Duration::from_secs(20);

async fn next(watch: &mut Watch) -> Sighting {
    tokio::time::timeout(LIMIT, watch.next()).await.expect("nothing was heard").expect("the watch ended")
}

/// The next sighting that is not the same announcement with more addresses.
async fn next_announcement(watch: &mut Watch, not: Option<&Announcement>) -> Announcement {
    loop {
        match next(watch).await {
            Sighting::Seen { announcement, .. } if Some(&announcement) != not => return announcement,
            Sighting::Seen { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn gone(watch: &mut Watch, expected: &str) {
    while !matches!(next(watch).await, Sighting::Gone { instance } if instance == expected) {}
}

fn ack() -> Announcement {
    Announcement::Ack(Ack {
        zone: ZoneId::derived_from("zone"),
        generation: 1,
        group: GroupId::derived_from("group"),
        name: Name::new("rack-1").unwrap(),
        place: Name::new("row-a").unwrap(),
        addresses: vec![[127, 0, 0, 1].into()],
        instance: InstanceId::derived_from("run"),
    })
}

/// `speaker` and `listener` are on one medium.
async fn announcements_are_heard(speaker: Discovery, listener: Discovery) {
    let mut early = listener.watch(Tag::Zone);
    let mut groups = listener.watch(Tag::Group);
    let first = hello("zone", 1);
    let mut announced = speaker.announce(first.clone()).await.unwrap();
    assert_eq!(next_announcement(&mut early, None).await, first);

    // A change is heard, even one made while the name is still being asked for.
    let second = hello("zone", 2);
    announced.update(second.clone()).await.unwrap();
    assert_eq!(next_announcement(&mut early, Some(&first)).await, second);

    // A late watcher is told what is there, and the newest of it.
    let mut late = listener.watch(Tag::Zone);
    assert_eq!(next_announcement(&mut late, None).await, second);

    // Two announcements, two instances; the speaker hears itself.
    let other = speaker.announce(hello("other", 1)).await.unwrap();
    assert_eq!(next_announcement(&mut early, Some(&second)).await, hello("other", 1));
    let mut itself = speaker.watch(Tag::Zone);
    let heard = [next_announcement(&mut itself, None).await.instance(), next(&mut itself).await.instance().to_owned()];
    assert!(heard.contains(&announced.instance().to_owned()) && heard.contains(&other.instance().to_owned()));

    // Good-byes, said and implied, and only for the one that went.
    let (instance, other_instance) = (announced.instance().to_owned(), other.instance().to_owned());
    drop(other);
    gone(&mut early, &other_instance).await;
    announced.withdraw().await.unwrap();
    gone(&mut early, &instance).await;
    gone(&mut late, &instance).await;

    // It can come back.
    let _again = speaker.announce(hello("zone", 3)).await.unwrap();
    assert_eq!(next_announcement(&mut early, None).await, hello("zone", 3));

    // Each tag has its own watchers: nothing of the above was heard by those who watch groups.
    let _ack = speaker.announce(ack()).await.unwrap();
    assert_eq!(next_announcement(&mut groups, None).await, ack());

    drop(listener);
}

#[tokio::test]
async fn announcements_are_heard_over_multicast_dns() {
    let port = quiet_port();
    announcements_are_heard(daemon(port), daemon(port)).await;
}

#[tokio::test]
async fn who_comes_late_hears_what_was_announced_before() {
    let port = quiet_port();
    let speaker = daemon(port);
    let announced = hello("late", 1);
    let _announced = speaker.announce(announced.clone()).await.unwrap();
    // Said for the last time: who is there hears it, and from then on it is told on request only.
    assert_eq!(next_announcement(&mut daemon(port).watch(Tag::Zone), None).await, announced);
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    for _ in 0..3 {
        assert_eq!(next_announcement(&mut daemon(port).watch(Tag::Zone), None).await, announced);
    }
}

#[tokio::test]
async fn announcements_are_heard_within_one_process() {
    let discovery = Discovery::local();
    announcements_are_heard(discovery.clone(), discovery).await;
}

#[tokio::test]
async fn one_shared_daemon_hears_itself_over_multicast_dns() {
    let discovery = daemon(quiet_port());
    announcements_are_heard(discovery.clone(), discovery).await;
}

async fn the_last_announcement_of_a_name_counts(discovery: Discovery) {
    let mut watch = discovery.watch(Tag::Zone);
    let mut old = discovery.announce(hello("zone", 1)).await.unwrap();
    let new = discovery.announce(hello("zone", 2)).await.unwrap();
    assert!(matches!(old.update(hello("zone", 3)).await, Err(DiscoveryError::Replaced { .. })));
    drop(old);
    while next_announcement(&mut watch, None).await != hello("zone", 2) {}
    new.withdraw().await.unwrap();
    gone(&mut watch, &hello("zone", 2).instance()).await;
}

#[tokio::test]
async fn the_last_announcement_of_a_name_counts_over_multicast_dns() {
    the_last_announcement_of_a_name_counts(daemon(quiet_port())).await;
}

#[tokio::test]
async fn the_last_announcement_of_a_name_counts_within_one_process() {
    the_last_announcement_of_a_name_counts(Discovery::local()).await;
}

#[tokio::test]
async fn a_watch_ends_with_the_last_handle() {
    for discovery in [Discovery::local(), Discovery::off(), daemon(quiet_port())] {
        let mut watch = discovery.watch(Tag::Zone);
        let announced = discovery.announce(hello("zone", 1)).await.unwrap();
        drop(discovery);
        drop(announced);
        while tokio::time::timeout(LIMIT, watch.next()).await.expect("the watch did not end").is_some() {}
    }
}

#[tokio::test]
async fn without_discovery_nothing_is_heard() {
    let discovery = Discovery::off();
    let mut watch = discovery.watch(Tag::Zone);
    let mut announced = discovery.announce(hello("zone", 1)).await.unwrap();
    announced.update(hello("zone", 2)).await.unwrap();
    announced.withdraw().await.unwrap();
    let heard = futures_now(watch.next());
    assert_eq!(heard.await, None);
}

/// What a future gives without waiting.
async fn futures_now<T>(future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        value = future => Some(value),
        () = std::future::ready(()) => None,
    }
}

#[tokio::test]
async fn an_announcement_that_does_not_fit_is_refused_by_its_size() {
    let Announcement::Hello(mut hello) = hello("zone", 1) else { unreachable!() };
    hello.broker.vhost = "x".repeat(512);
    let error = Discovery::local().announce(Announcement::Hello(hello)).await.unwrap_err();
    assert!(matches!(error, DiscoveryError::TooLarge { max: 512, .. }), "{error}");
}
