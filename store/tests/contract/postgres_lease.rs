//! Several zone controllers on one server, of which one may write.

use std::time::Duration;

use rollcall_store::{CommitError, Contest, Renewal, Store};

use crate::lease::replica;
use crate::server::server;
use crate::world::{beginning, rows, zone_started};

async fn taken(contest: &mut Contest) -> Store {
    let seen = contest.look().await.unwrap();
    contest.take(&seen).await.unwrap().expect("it stands as it was seen")
}

#[tokio::test]
async fn who_takes_the_lease_fences_the_former_holder_wherever_it_is() {
    let url = server().url(&server().database());
    let mut first = Contest::new(&url, replica("zc-a")).unwrap();
    let old = taken(&mut first).await;
    assert_eq!(old.tenure().unwrap().generation, 1);
    old.commit(&[zone_started(1)]).await.unwrap();
    let mut second = Contest::new(&url, replica("zc-b")).unwrap();
    let sight = second.look().await.unwrap();
    assert!(sight.is_locked && sight.lease.as_ref().is_some_and(|lease| lease.generation == 1 && !lease.is_released));
    let new = second.take(&sight).await.unwrap().expect("the lease is taken from a holder that lives");
    assert_eq!(new.tenure().unwrap().generation, 2);
    new.commit(&[zone_started(2)]).await.unwrap();
    // The former holder's writing connection is gone. It makes another, and learns why it gets nowhere.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    let refused = loop {
        match old.commit(&beginning(1)[1..]).await {
            Err(error) if error.is_passing() && tokio::time::Instant::now() < deadline => {}
            other => break other,
        }
        drop(old.try_to_write().await);
        if let Ok(Renewal::Lost(2)) = old.renew().await {
            break Err(CommitError::Fenced { own: 1, stored: 2 });
        }
    };
    assert!(matches!(refused, Err(CommitError::Fenced { own: 1, stored: 2 })), "{refused:?}");
    assert_eq!(old.renew().await.unwrap(), Renewal::Lost(2));
    // Even with the lock in its hands: the new holder's connection is lost for a moment.
    let database = url.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
    let held = "SELECT pg_terminate_backend(l.pid) FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted \
                AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    server().psql(&database, held);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    let refused = loop {
        match old.commit(&beginning(1)[1..]).await {
            Err(error) if error.is_passing() && tokio::time::Instant::now() < deadline => {}
            other => break other,
        }
    };
    assert!(matches!(refused, Err(CommitError::Fenced { own: 1, stored: 2 })), "{refused:?}");
    let again = loop {
        match new.commit(&beginning(1)[1..]).await {
            Err(error) if error.is_passing() => {}
            other => break other,
        }
    };
    again.expect("whoever is fenced off leaves the lock to who may write");
    assert_eq!(rows(&new, "SELECT generation FROM v_zones").await, [[2]]);
}

#[tokio::test]
async fn a_transaction_under_way_ends_with_the_tenure() {
    let url = server().url(&server().database());
    let mut first = Contest::new(&url, replica("zc-a")).unwrap();
    let old = taken(&mut first).await;
    old.commit(&beginning(1)).await.unwrap();
    let mut second = Contest::new(&url, replica("zc-b")).unwrap();
    let sight = second.look().await.unwrap();
    // Writes follow each other closely, so that one is under way when the lease is taken.
    let writing = tokio::spawn(async move {
        let mut generation = 1;
        loop {
            generation += 1;
            if old.commit(&[zone_started(generation)]).await.is_err() {
                return generation - 1;
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let new = second.take(&sight).await.unwrap().expect("it is taken");
    let last = writing.await.unwrap();
    let (stored, own) = (rows(&new, "SELECT generation FROM v_zones").await, new.tenure().unwrap().generation);
    let stored = stored[0][0].as_u64().unwrap();
    // The last one may have been committed without its writer hearing of it; none came after the lease was taken.
    assert!(stored == last || stored == last + 1, "written {stored}, heard of {last}");
    assert!(own > stored, "tenure {own}, zone {stored}");
}

#[tokio::test]
async fn a_database_held_without_a_lease_is_left_alone() {
    let url = server().url(&server().database());
    let held = Store::open(&url).await.unwrap();
    let mut contest = Contest::new(&url, replica("zc-b")).unwrap();
    let sight = contest.look().await.unwrap();
    assert!(sight.is_locked && sight.lease.is_none());
    assert!(contest.take(&sight).await.unwrap().is_none());
    held.commit(&beginning(1)).await.unwrap();
    let owner = contest.look().await.unwrap().zone;
    assert!(owner.is_some(), "whose it is can be seen");
}

#[tokio::test]
async fn who_stands_by_can_be_asked_for() {
    let url = server().url(&server().database());
    let store = taken(&mut Contest::new(&url, replica("zc-a")).unwrap()).await;
    let mut contest = Contest::new(&url, replica("zc-b")).unwrap();
    contest.look().await.unwrap();
    let asked = "SELECT name, role FROM v_controllers ORDER BY name";
    assert_eq!(rows(&store, asked).await, [["zc-a", "active"], ["zc-b", "standby"]]);
    store.release().await.unwrap();
    let sight = contest.look().await.unwrap();
    assert!(sight.lease.as_ref().unwrap().is_released);
    let next = contest.take(&sight).await.unwrap().expect("it was given back");
    assert_eq!(rows(&next, asked).await, [["zc-b", "active"]]);
}
