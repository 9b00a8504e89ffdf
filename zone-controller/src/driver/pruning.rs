//! Prunes history beside the loop: a step at a time, with a pause between two, so that what comes in waits for one small
//! transaction at most.

use std::time::Duration;

use rollcall_startup::{Clock, Shutdown};
use rollcall_store::{Pruning, Retention, Store, Writable};

/// The first look comes this long after the start: what waited in the queues goes first.
const FIRST: Duration = Duration::from_secs(300);

/// Looks for what may go, again and again, until `shutdown`.
pub async fn keep_pruning(store: Store, retention: Retention, clock: Clock, shutdown: Shutdown) {
    let mut pause = FIRST;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shutdown.requested() => return,
        }
        tokio::select! {
            () = prune(&store, &retention, clock) => {}
            // A step that is under way is rolled back: the next look removes its rows.
            () = shutdown.requested() => return,
        }
        pause = Duration::from_secs(u64::from(retention.every_minutes) * 60);
    }
}

/// One look at every history.
async fn prune(store: &Store, retention: &Retention, clock: Clock) {
    let now = clock.now().wall;
    let mut pruning = Pruning::new(retention, now, Some(retention.next(now)));
    let pause = Duration::from_millis(retention.pause_ms.into());
    let mut writable = store.writable();
    loop {
        match store.prune(&mut pruning, clock.now().wall).await {
            Ok(true) => tokio::time::sleep(pause).await,
            Ok(false) => break,
            // Whoever tries the database again finds out when; the step is then done as it was.
            Err(error) if error.is_passing() => {
                if writable.wait_for(Writable::is_yes).await.is_err() {
                    return;
                }
                tokio::time::sleep(pause).await;
            }
            Err(error) => {
                return tracing::error!("history could not be pruned, the next look is in a while: {error}");
            }
        }
    }
    let removed: Vec<String> = pruning
        .done()
        .iter()
        .filter(|one| one.removed > 0)
        .map(|one| format!("{} {}", one.removed, one.history.table()))
        .collect();
    if !removed.is_empty() {
        tracing::info!(rows = pruning.removed(), "history that was kept long enough is gone: {}", removed.join(", "));
    }
}

#[cfg(test)]
mod tests {
    use rollcall_model::UnixMillis;
    use rollcall_store::Change;

    use super::*;

    #[tokio::test]
    async fn a_look_removes_what_is_old_in_steps_and_says_when_the_next_one_is() {
        let store = Store::open("sqlite::memory:").await.unwrap();
        let note = |at: UnixMillis| Change::Noted { kind: "note", subject: "x".into(), message: "x".into(), at };
        let clock = Clock::start();
        let present = clock.now().wall;
        let old: Vec<Change> = (0..25).map(|number| note(UnixMillis(number + 1))).collect();
        store.commit(&old).await.unwrap();
        store.commit(&[note(present)]).await.unwrap();
        let retention = Retention { rows_per_step: 10, pause_ms: 0, ..Retention::default() };
        prune(&store, &retention, clock).await;
        let left = store.select("SELECT count(*), min(at_ms) FROM v_events", &[]).await.unwrap().rows;
        assert_eq!(left, [[serde_json::json!(1), serde_json::json!(present.0)]]);
        let sql = "SELECT removed, next_ms - ended_ms >= 3599000 FROM prunings WHERE history = 'events'";
        assert_eq!(store.select(sql, &[]).await.unwrap().rows, [[25, 1]]);
    }
}
