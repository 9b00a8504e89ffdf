//! Numbers that must grow, and all or nothing.

use std::time::Instant;

use rollcall_model::{Health, NodeState, UnixMillis, ZoneId};
use rollcall_store::{Change, CommitError, Snapshot, Store};

use crate::world::{
    beginning, bits, capability, changed, everything, joined, name, node, one, placed, rack, rack_joined, rows,
    zone_started,
};

pub async fn an_empty_store_loads_as_nothing(store: &Store) {
    assert_eq!(store.load().await.unwrap(), Snapshot::default());
    store.commit(&[]).await.unwrap();
    assert_eq!(store.load().await.unwrap(), Snapshot::default());
}

pub async fn a_number_that_does_not_grow_is_refused_by_name(store: &Store) {
    store.commit(&[zone_started(5), rack_joined(1, 7)]).await.unwrap();
    store.commit(&beginning(0)[3..]).await.unwrap();
    store.commit(&[joined(1, 3, 1)]).await.unwrap();
    for (change, what, had) in [
        (zone_started(5), "generation", 5),
        (zone_started(4), "generation", 5),
        (rack_joined(1, 7), "session", 7),
        (rack_joined(1, 6), "session", 7),
        (joined(1, 3, 1), "epoch", 3),
        (joined(1, 2, 1), "epoch", 3),
        (joined(2, 0, 1), "epoch", 0),
    ] {
        match store.commit(&[change]).await {
            Err(CommitError::Stale { what: found, had: stored, .. }) => assert_eq!((found, stored), (what, had)),
            other => panic!("{what}: {other:?}"),
        }
    }
    let text = store.commit(&[rack_joined(1, 6)]).await.unwrap_err().to_string();
    assert_eq!(text, "session of group rack-1 must grow: stored is 7, got 6; nothing was written");
}

pub async fn a_batch_whose_last_change_is_stale_writes_nothing(store: &Store) {
    store.commit(&beginning(2)).await.unwrap();
    store.commit(&[changed(1, 1, NodeState::Degraded, bits(&["fan"]), "status")]).await.unwrap();
    let before = everything(store).await;
    let batch = [
        zone_started(2),
        rack_joined(1, 2),
        placed(1, 2, 50),
        joined(2, 2, 2),
        joined(3, 1, 1),
        changed(2, 9, NodeState::Down, Health::unmeasured(), "silent"),
        Change::Noted { kind: "note", subject: "x".into(), message: "y".into(), at: UnixMillis(1) },
        joined(1, 1, 1),
    ];
    let error = store.commit(&batch).await.unwrap_err();
    assert!(matches!(error, CommitError::Stale { what: "epoch", had: 1, got: 1, .. }), "{error}");
    assert_eq!(everything(store).await, before);
    store.commit(&batch[..7]).await.unwrap();
    assert_ne!(everything(store).await, before);
}

pub async fn what_is_missing_is_named_and_nothing_is_written(store: &Store) {
    store.commit(&[zone_started(1), rack_joined(1, 1)]).await.unwrap();
    let before = everything(store).await;
    let cases = [
        (joined(1, 1, 1), format!("a join needs group {}", capability(1).group_id())),
        (placed(1, 2, 1), format!("a placement needs group {}", rack(2))),
        (changed(1, 1, NodeState::Healthy, bits(&[]), "x"), format!("a node's change needs node {}", node(1))),
    ];
    for (change, says) in cases {
        let error = store.commit(&[rack_joined(3, 1), change]).await.unwrap_err();
        assert!(error.to_string().starts_with(&says), "{error}");
    }
    let into_combination = Change::NodePlaced {
        node: node(1),
        name: name("node-1"),
        address: crate::world::address(1),
        group: capability(1).group_id(),
        at: UnixMillis(1),
    };
    let error = store.commit(&[crate::world::combination_created(1), into_combination]).await.unwrap_err();
    assert!(error.to_string().contains("is logical, where a physical one is needed"), "{error}");
    assert_eq!(everything(store).await, before);
}

pub async fn another_zone_is_refused(store: &Store) {
    store.commit(&[zone_started(1)]).await.unwrap();
    let other = Change::ZoneStarted {
        zone: ZoneId::derived_from("other"),
        name: name("west"),
        generation: 2,
        at: UnixMillis(1),
    };
    let error = store.commit(&[other]).await.unwrap_err();
    assert!(matches!(error, CommitError::OtherZone { .. }), "{error}");
    assert_eq!(store.load().await.unwrap().zone.unwrap().generation, 1);
}

pub async fn numbers_and_times_beyond_sql_are_cut_not_refused(store: &Store) {
    store.commit(&beginning(1)).await.unwrap();
    let Change::NodeChanged { node, group, session, epoch, state, health, cause, .. } =
        changed(1, 1, NodeState::Healthy, bits(&[]), "odd clock")
    else {
        unreachable!()
    };
    let at = UnixMillis(u64::MAX);
    let odd = Change::NodeChanged { node, group, session, number: u64::MAX, epoch, state, health, cause, at };
    store.commit(&[odd]).await.unwrap();
    assert_eq!(one(store, "SELECT since FROM v_nodes").await, "9999-12-31T23:59:59.999Z");
}

pub async fn a_commit_that_is_cancelled_leaves_the_store_usable(store: &Store) {
    store.commit(&beginning(1)).await.unwrap();
    for polls in 1..40 {
        let batch = [joined(1, 1 + polls, 1)];
        let commit = std::pin::pin!(store.commit(&batch));
        let mut left = polls;
        let mut commit = commit;
        std::future::poll_fn(|context| {
            left -= 1;
            if left == 0 || commit.as_mut().poll(context).is_ready() {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
    }
    store.commit(&[joined(1, 1_000, 1)]).await.unwrap();
    assert_eq!(store.load().await.unwrap().nodes[0].epoch.0, 1_000);
}

pub async fn two_hundred_joins_are_one_quick_commit(store: &Store) {
    store.commit(&beginning(0)).await.unwrap();
    let changes: Vec<Change> = (1..=200).map(|number| joined(number, 1, 1)).collect();
    let begun = Instant::now();
    store.commit(&changes).await.unwrap();
    let took = begun.elapsed();
    assert_eq!(rows(store, "SELECT node_id FROM v_nodes").await.len(), 200);
    // Well under 100 ms on an idle machine; the bound leaves room for a busy one.
    assert!(took.as_millis() < 1_000, "took {took:?}");
}

/// A zone controller that crashed before it told anybody does it all again.
pub async fn everything_that_is_wanted_may_be_committed_again(store: &Store) {
    store.commit(&beginning(3)).await.unwrap();
    let changes = crate::wanted::everything_wanted();
    for change in &changes {
        store.commit(std::slice::from_ref(change)).await.unwrap();
        let before = everything(store).await;
        store.commit(std::slice::from_ref(change)).await.unwrap();
        assert_eq!(everything(store).await, before, "{change:?}");
    }
}
