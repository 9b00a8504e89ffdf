//! The feed on a database: the seam between what is read and what is live, lag, gaps, restarts.

use std::time::Duration;

use rollcall_model::UnixMillis;
use rollcall_startup::Clock;
use rollcall_store::{Change, Pruning, Retention};

use super::*;

struct Stage {
    store: Store,
    feed: Feed,
    shutdown: Shutdown,
    noted: u64,
}

impl Stage {
    async fn up() -> Self {
        Self::on(Store::open("sqlite::memory:").await.unwrap()).await
    }

    async fn on(store: Store) -> Self {
        let shutdown = Shutdown::new();
        let feed = Feed::open(store.clone(), shutdown.clone()).await.unwrap();
        let reading = feed.clone();
        tokio::spawn(async move { reading.keep_reading().await });
        Self { store, feed, shutdown, noted: 0 }
    }

    /// Commits so many events, numbered in their messages.
    async fn note(&mut self, many: u64) {
        let at = Clock::start().now().wall;
        let note = |number: u64| Change::Noted { kind: "note", subject: "x".into(), message: number.to_string(), at };
        let notes: Vec<Change> = (self.noted + 1..=self.noted + many).map(note).collect();
        self.store.commit(&notes).await.unwrap();
        self.noted += many;
    }
}

async fn next(subscription: &mut Subscription) -> Told {
    let next = tokio::time::timeout(Duration::from_secs(20), subscription.next()).await;
    next.expect("something is told").unwrap().expect("the zone runs")
}

/// The messages of the next events.
async fn messages(subscription: &mut Subscription, many: u64) -> Vec<u64> {
    let mut messages = Vec::new();
    for _ in 0..many {
        match next(subscription).await {
            Told::Entry(entry) => messages.push(entry.text("message").parse().unwrap()),
            gap @ Told::Gap { .. } => panic!("{gap:?}"),
        }
    }
    messages
}

fn numbers(range: std::ops::RangeInclusive<u64>) -> Vec<u64> {
    range.collect()
}

#[tokio::test]
async fn what_is_committed_is_told_to_all_and_whoever_resumes_gets_the_rest_first() {
    let mut stage = Stage::up().await;
    let mut early = stage.feed.events();
    stage.note(300).await;
    assert_eq!(messages(&mut early, 300).await, numbers(1..=300));
    let mut late = stage.feed.events();
    let mut resumed = stage.feed.events().after(100);
    stage.note(3).await;
    assert_eq!(messages(&mut late, 3).await, numbers(301..=303));
    assert_eq!(messages(&mut resumed, 203).await, numbers(101..=303));
    stage.note(1).await;
    for follower in [&mut early, &mut late, &mut resumed] {
        while messages(follower, 1).await != [304] {}
    }
}

#[tokio::test]
async fn who_resumes_in_the_midst_of_commits_misses_nothing_and_hears_nothing_twice() {
    let mut stage = Stage::up().await;
    stage.note(10).await;
    let mut followers = Vec::new();
    for after in 0..60 {
        stage.note(7).await;
        followers.push((after, stage.feed.events().after(after)));
        tokio::task::yield_now().await;
    }
    let last = stage.noted;
    for (after, mut follower) in followers {
        let begin = u64::try_from(after).unwrap() + 1;
        assert_eq!(messages(&mut follower, last - begin + 1).await, numbers(begin..=last));
    }
}

#[tokio::test]
async fn a_follower_that_is_slower_than_its_channel_reads_the_rest_from_the_store() {
    let mut stage = Stage::up().await;
    let (mut slow, mut newest) = (stage.feed.events(), stage.feed.newest_event());
    for _ in 0..5 {
        stage.note(1_000).await;
    }
    newest.wait_for(|newest| *newest == 5_000).await.unwrap();
    assert_eq!(messages(&mut slow, 5_000).await, numbers(1..=5_000));
    stage.note(1).await;
    assert_eq!(messages(&mut slow, 1).await, [5_001]);
}

#[tokio::test]
async fn what_retention_took_is_told_as_a_gap_and_an_id_there_never_was_begins_with_what_is_new() {
    let mut stage = Stage::up().await;
    let old = |number: u64| Change::Noted {
        kind: "note",
        subject: "x".into(),
        message: number.to_string(),
        at: UnixMillis(number),
    };
    stage.store.commit(&(1..=20).map(old).collect::<Vec<_>>()).await.unwrap();
    stage.noted = 20;
    stage.note(5).await;
    let mut newest = stage.feed.newest_event();
    newest.wait_for(|newest| *newest == 25).await.unwrap();
    let now = Clock::start().now().wall;
    let mut pruning = Pruning::new(&Retention::default(), now, None);
    while stage.store.prune(&mut pruning, now).await.unwrap() {}

    let mut resumed = stage.feed.events().after(3);
    assert_eq!(next(&mut resumed).await, Told::Gap { first: 21 });
    assert_eq!(messages(&mut resumed, 5).await, numbers(21..=25));
    let mut whole = stage.feed.events().after(20);
    assert_eq!(messages(&mut whole, 5).await, numbers(21..=25), "nothing is missing");
    let mut future = stage.feed.events().after(4_711);
    stage.note(1).await;
    assert_eq!(messages(&mut future, 1).await, [26]);
}

#[tokio::test]
async fn a_feed_begun_anew_goes_on_where_the_one_before_it_ended() {
    let mut stage = Stage::up().await;
    stage.note(4).await;
    let mut before = stage.feed.events().after(0);
    assert_eq!(messages(&mut before, 2).await, [1, 2]);
    stage.shutdown.request();
    let mut ended = before.next().await.unwrap();
    while ended.is_some() {
        ended = before.next().await.unwrap();
    }
    // Committed while nobody reads.
    stage.note(2).await;
    let mut again = Stage::on(stage.store.clone()).await;
    again.noted = 6;
    let mut resumed = again.feed.events().after(2);
    again.note(1).await;
    assert_eq!(messages(&mut resumed, 5).await, numbers(3..=7));
}

#[tokio::test]
async fn a_user_who_is_removed_is_told_as_a_change_of_trust_and_a_note_is_not() {
    let mut stage = Stage::up().await;
    let mut newest = stage.feed.newest_event();
    let mut trust = stage.feed.trust_changes();
    stage.note(1).await;
    newest.wait_for(|newest| *newest == 1).await.unwrap();
    assert!(!trust.has_changed().unwrap());
    let at = Clock::start().now().wall;
    let removed = Change::Noted { kind: "user_removed", subject: "user.ada".into(), message: "x".into(), at };
    stage.store.commit(&[removed]).await.unwrap();
    tokio::time::timeout(Duration::from_secs(20), trust.changed()).await.unwrap().unwrap();
}
