//! History is kept by policy and pruned in small steps; facts of the present and the audit log never are.

use rollcall_model::packet::ActionState;
use rollcall_model::{Health, NodeState, UnixMillis};
use rollcall_store::{Change, History, IssuedBy, Pruning, Retention, Store};
use serde_json::{Value, json};

use crate::guide::fleet;
use crate::trusted::{DAY, issued, join_decided, join_held, token_created};
use crate::wanted::{analytics, moved, ordered, said};
use crate::world::{START, at, beginning, bits, changed, everything, node, one, placed, rows};

/// Goes through everything; says how many steps it took.
pub async fn pruned(store: &Store, retention: &Retention, now: UnixMillis) -> (Pruning, usize) {
    let mut pruning = Pruning::new(retention, now, Some(retention.next(now)));
    let mut steps = 1;
    while store.prune(&mut pruning, now).await.unwrap() {
        steps += 1;
    }
    (pruning, steps)
}

fn removed(pruning: &Pruning, history: History) -> u64 {
    pruning.done().iter().find(|one| one.history == history).map_or(0, |one| one.removed)
}

/// What the zone goes on with, and what is open.
const PRESENT: [&str; 8] = [
    "SELECT * FROM v_nodes ORDER BY node_id",
    "SELECT * FROM v_groups ORDER BY group_id",
    "SELECT * FROM v_node_health_bits ORDER BY node_id, bit",
    "SELECT * FROM v_assignments WHERE current ORDER BY node_id, kind",
    "SELECT alert_id, state FROM v_alerts WHERE open ORDER BY alert_id",
    "SELECT * FROM v_policies ORDER BY version",
    "SELECT * FROM v_users ORDER BY name",
    "SELECT * FROM v_audit ORDER BY seq",
];

pub async fn what_is_over_goes_and_what_is_in_force_stays(store: &Store) {
    fleet(store).await;
    store.commit(&[moved(2, ActionState::Refused, "not allowed", 1_030), placed(6, 1, 2_000)]).await.unwrap();
    let mut before = Vec::new();
    for sql in PRESENT {
        before.push(rows(store, sql).await);
    }
    let snapshot = store.load().await.unwrap();
    let (pruning, _) = pruned(store, &Retention::default(), at(400 * DAY)).await;
    assert_eq!(pruning.done().len(), History::ALL.len());
    assert_eq!(pruning.removed(), pruning.done().iter().map(|one| one.removed).sum::<u64>());
    for history in
        [History::HealthHistory, History::Events, History::Alerts, History::Assignments, History::Memberships]
    {
        assert!(removed(&pruning, history) > 0, "{history:?}: {pruning:?}");
    }
    for history in [History::Actions, History::ChannelMessages, History::Analytics, History::Certificates] {
        assert!(removed(&pruning, history) > 0, "{history:?}: {pruning:?}");
    }
    for (sql, before) in PRESENT.into_iter().zip(before) {
        assert_eq!(rows(store, sql).await, before, "{sql}");
    }
    let after = store.load().await.unwrap();
    assert_eq!((&after.nodes, &after.groups, &after.zone), (&snapshot.nodes, &snapshot.groups, &snapshot.zone));
    assert_eq!(one(store, "SELECT count(*) FROM v_events").await, 0);
    assert_eq!(one(store, "SELECT count(*) FROM v_alerts WHERE NOT open").await, 0);
    let twice = "SELECT count(*) FROM (SELECT node_id FROM v_health_history GROUP BY node_id HAVING count(*) > 1) AS t";
    assert_eq!(one(store, twice).await, 0, "the newest of each node");
    let with = "SELECT count(DISTINCT node_id) FROM v_health_history";
    assert_eq!(one(store, with).await, 4, "each that had one");
    // Again: there is nothing left to do.
    let tables = everything(store).await;
    let (pruning, _) = pruned(store, &Retention::default(), at(400 * DAY)).await;
    assert_eq!((pruning.removed(), everything(store).await), (0, tables));
}

/// What was known of every node at a moment.
async fn known_at(store: &Store, moment: u64) -> Vec<Vec<Value>> {
    let ms = i64::try_from(START + moment * 1_000).unwrap();
    let state = "SELECT n.name, (SELECT h.state FROM health_history h WHERE h.node_id = n.node_id AND h.at_ms <= $1 \
                 ORDER BY h.at_ms DESC, h.history_id DESC LIMIT 1), \
                 (SELECT min(g.name) FROM assignments a JOIN groups g ON g.group_id = a.group_id \
                  WHERE a.node_id = n.node_id AND a.kind = 'physical' \
                  AND a.from_ms <= $1 AND (a.until_ms IS NULL OR a.until_ms > $1)) FROM nodes n ORDER BY n.name";
    let open = "SELECT kind, coalesce(node_id, group_id) FROM alerts WHERE raised_ms <= $1 \
                AND (cleared_ms IS NULL OR cleared_ms > $1) ORDER BY 1, 2";
    let mut known = store.select(state, &[ms.into()]).await.unwrap().rows;
    known.extend(store.select(open, &[ms.into()]).await.unwrap().rows);
    known
}

pub async fn every_moment_within_the_span_is_known_as_before(store: &Store) {
    store.commit(&beginning(6)).await.unwrap();
    let states = [NodeState::Healthy, NodeState::Degraded, NodeState::Down];
    let mut changes = Vec::new();
    for day in 0..60_u64 {
        let which = 1 + (day * 7 % 5) as u32;
        let state = states[(day % 3) as usize];
        let health = if state == NodeState::Degraded { bits(&["fan"]) } else { Health::unmeasured() };
        let mut change = changed(which, day + 1, state, health, "status");
        if let Change::NodeChanged { at: moment, .. } = &mut change {
            *moment = at(day * DAY + 3_600);
        }
        changes.push(change);
        if day % 9 == 4 {
            changes.push(placed(6, 1 + (day / 9 % 2) as u32, day * DAY + 7_200));
        }
    }
    store.commit(&changes).await.unwrap();
    let now = at(70 * DAY);
    let retention = Retention {
        health_history_days: 30,
        alerts_days: 30,
        memberships_days: 30,
        rows_per_step: 10,
        ..Retention::default()
    };
    let moments: Vec<u64> = (40..=70).flat_map(|day| [day * DAY, day * DAY + 3_600, day * DAY + 50_000]).collect();
    let mut before = Vec::new();
    for moment in &moments {
        before.push(known_at(store, *moment).await);
    }
    let (pruning, _) = pruned(store, &retention, now).await;
    assert!(removed(&pruning, History::HealthHistory) > 30, "{pruning:?}");
    assert!(removed(&pruning, History::Assignments) > 1 && removed(&pruning, History::Alerts) > 1, "{pruning:?}");
    for (moment, before) in moments.into_iter().zip(before) {
        assert_eq!(known_at(store, moment).await, before, "at day {}", moment / DAY);
    }
}

pub async fn a_step_looks_at_no_more_rows_than_it_may(store: &Store) {
    store.commit(&beginning(25)).await.unwrap();
    // All at the same moment: a mark of time alone would never pass them.
    let same = |number: u32| {
        let mut change = changed(number, u64::from(number), NodeState::Healthy, bits(&[]), "status");
        if let Change::NodeChanged { at: moment, .. } = &mut change {
            *moment = at(500);
        }
        change
    };
    store.commit(&(1..=25).map(same).collect::<Vec<_>>()).await.unwrap();
    store.commit(&[changed(7, 26, NodeState::Down, bits(&[]), "silent")]).await.unwrap();
    let only = Retention { rows_per_step: 10, ..Retention::default() };
    let now = at(200 * DAY);
    let mut pruning = Pruning::new(&only, now, None);
    let mut steps = 0;
    while pruning.at() == Some(History::HealthHistory) {
        let before = one(store, "SELECT count(*) FROM v_health_history").await.as_u64().unwrap();
        store.prune(&mut pruning, now).await.unwrap();
        let after = one(store, "SELECT count(*) FROM v_health_history").await.as_u64().unwrap();
        assert!(before - after <= 10);
        steps += 1;
    }
    assert_eq!(steps, 3, "26 rows, ten at a time");
    assert_eq!(one(store, "SELECT count(*) FROM v_health_history").await, 25, "one of each node");
    let events = one(store, "SELECT count(*) FROM v_events").await.as_u64().unwrap();
    store.prune(&mut pruning, now).await.unwrap();
    assert_eq!(one(store, "SELECT count(*) FROM v_events").await, events - 10);
    assert_eq!((pruning.at(), pruning.removed()), (Some(History::Events), 11));
}

pub async fn what_is_kept_for_ever_stays(store: &Store) {
    fleet(store).await;
    let forever = Retention {
        health_history_days: 0,
        events_days: 0,
        alerts_days: 0,
        memberships_days: 0,
        actions_days: 0,
        channel_messages_days: 0,
        analytics_days: 0,
        credentials_days: 0,
        ..Retention::default()
    };
    let before = everything(store).await;
    let (pruning, steps) = pruned(store, &forever, at(4_000 * DAY)).await;
    assert_eq!((steps, pruning.done().len()), (1, 0));
    assert_eq!(everything(store).await, before);
}

pub async fn the_next_message_of_a_channel_is_numbered_after_those_that_went(store: &Store) {
    store.commit(&[said("security", "one", 1), said("security", "two", 2), said("power", "three", 3)]).await.unwrap();
    let (pruning, _) = pruned(store, &Retention::default(), at(91 * DAY)).await;
    assert_eq!(removed(&pruning, History::ChannelMessages), 1, "the last of each stays");
    store.commit(&[said("security", "four", 4)]).await.unwrap();
    let left = rows(store, "SELECT channel, number FROM v_channel_messages ORDER BY 1, 2").await;
    assert_eq!(left, [[json!("power"), json!(1)], [json!("security"), json!(2)], [json!("security"), json!(3)]]);
}

pub async fn what_let_in_goes_once_it_is_over_for_long_enough(store: &Store) {
    let by = || IssuedBy::Approval("ada".into());
    store.commit(&beginning(1)).await.unwrap();
    store.commit(&[token_created(1, 1), join_held(1, 1), issued(1, 1, by(), at(1)), analytics(1, 1)]).await.unwrap();
    store.commit(&[ordered(1, node(1), 1), join_held(2, 1), join_decided(2, false, 2)]).await.unwrap();
    let tables = "SELECT (SELECT count(*) FROM v_tokens), (SELECT count(*) FROM v_joins), \
                  (SELECT count(*) FROM v_certificates), (SELECT count(*) FROM v_analytics), \
                  (SELECT count(*) FROM v_actions)";
    // The certificate is valid for a day, the token for ten minutes; the summary is over with its period, a request to
    // join when it came, but for who still waits; an action nobody ended is not over.
    for (days, left) in [(13, [1, 2, 1, 1, 1]), (15, [1, 2, 1, 0, 1]), (31, [0, 1, 1, 0, 1]), (61, [0, 0, 0, 0, 1])] {
        pruned(store, &Retention::default(), at(days * DAY)).await;
        assert_eq!(rows(store, tables).await, [left], "after {days} days");
    }
    let noted = store.select("SELECT history, ended_ms, next_ms FROM prunings ORDER BY history", &[]).await.unwrap();
    assert_eq!(noted.rows.len(), History::ALL.len());
    let now = START + 61 * DAY * 1_000;
    assert_eq!(noted.rows[0], [json!("actions"), json!(now), json!(now + 3_600_000)]);
}
