//! Who may act for the zone.

use rollcall_model::InstanceId;
use rollcall_store::{Lease, Renewal, Replica, Store};

use crate::world::{beginning, name, rows, zone_started};

/// A replica of this name.
pub fn replica(called: &str) -> Replica {
    let mut bytes = [7; 16];
    bytes[..called.len()].copy_from_slice(called.as_bytes());
    Replica { instance: InstanceId::from_bytes(bytes), name: name(called), address: format!("https://{called}:7443") }
}

async fn lease(store: &Store) -> Lease {
    store.lease().await.unwrap().expect("somebody took it")
}

pub async fn each_tenure_is_greater_than_any_before_and_than_the_zones_generation(store: &Store) {
    assert_eq!((store.lease().await.unwrap(), store.tenure()), (None, None));
    store.commit(&[zone_started(5)]).await.unwrap();
    let first = store.take(&replica("zc-a"), None).await.unwrap().unwrap();
    assert_eq!((first.generation, &first.from), (6, &None));
    assert_eq!(store.tenure(), Some(first));
    store.commit(&[zone_started(6)]).await.unwrap();
    let seen = lease(store).await;
    let second = store.take(&replica("zc-b"), Some(&seen)).await.unwrap().unwrap();
    assert_eq!((second.generation, &second.from), (7, &Some(seen)));
    store.commit(&[zone_started(7)]).await.unwrap();
    store.commit(&beginning(1)[1..]).await.unwrap();
    let found = rows(store, "SELECT name, address, role, generation FROM v_controllers").await;
    assert_eq!(found, [[serde_json::json!("zc-b"), "https://zc-b:7443".into(), "active".into(), 7.into()]]);
}

pub async fn a_lease_that_does_not_stand_as_it_was_seen_is_not_taken(store: &Store) {
    store.take(&replica("zc-a"), None).await.unwrap().unwrap();
    let seen = lease(store).await;
    assert_eq!(store.take(&replica("zc-b"), None).await.unwrap(), None, "there is one by now");
    assert_eq!(store.renew().await.unwrap(), Renewal::Kept);
    assert_eq!(store.take(&replica("zc-b"), Some(&seen)).await.unwrap(), None, "it was renewed meanwhile");
    let now = lease(store).await;
    assert_eq!((now.generation, now.beats), (seen.generation, seen.beats + 1));
    assert_eq!(now.name, name("zc-a"));
}

/// Where one process alone has the database, as a simulation has it open twice; see `postgres_lease.rs` for servers.
pub async fn who_takes_the_lease_fences_the_former_holder(store: &Store) {
    let Some(other) = store.beside() else { return };
    let own = store.take(&replica("zc-a"), None).await.unwrap().unwrap();
    store.commit(&[zone_started(own.generation)]).await.unwrap();
    assert_eq!((other.tenure(), lease(&other).await.generation), (None, own.generation));
    let seen = lease(&other).await;
    let next = other.take(&replica("zc-b"), Some(&seen)).await.unwrap().unwrap();
    other.commit(&[zone_started(next.generation)]).await.unwrap();
    assert!(store.commit(&beginning(1)[1..]).await.unwrap_err().is_fenced());
    // What would be refused for itself, too: it must hear why it has to end.
    assert!(store.commit(&[zone_started(own.generation)]).await.unwrap_err().is_fenced());
    assert_eq!(store.renew().await.unwrap(), Renewal::Lost(next.generation));
    assert_eq!(other.renew().await.unwrap(), Renewal::Kept);
}

pub async fn a_lease_is_renewed_given_back_and_taken_again(store: &Store) {
    let own = store.take(&replica("zc-a"), None).await.unwrap().unwrap();
    store.release().await.unwrap();
    assert!(lease(store).await.is_released);
    let role = "SELECT role FROM v_controllers";
    assert_eq!(rows(store, role).await, [["ended"]]);
    let again = store.take_again(&replica("zc-a")).await.unwrap().unwrap();
    assert_eq!(again.generation, own.generation + 1);
    assert!(!lease(store).await.is_released);
    assert_eq!(store.renew().await.unwrap(), Renewal::Kept);
}

/// A zone that starts anew takes its lease again while the thread that renews it goes on.
pub async fn a_lease_that_is_taken_again_while_it_is_renewed_is_never_lost(store: &Store) {
    let own = store.take(&replica("zc-a"), None).await.unwrap().unwrap();
    for more in 1..=50 {
        let me = replica("zc-a");
        let (again, renewed) = tokio::join!(store.take_again(&me), store.renew());
        assert_eq!(again.unwrap().unwrap().generation, own.generation + more);
        assert_eq!(renewed.unwrap(), Renewal::Kept);
    }
}
