//! What the zone says of the nodes, heard over its API.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Method;
use rollcall_model::{NodeId, NodeState};
use rollcall_simulator::verdicts::Said;
use serde_json::Value;

use crate::ask::client::Client;

/// The zone is asked to wait so long for what happens next.
const WAIT: Duration = Duration::from_secs(5);
/// After an answer that was none.
const PAUSE: Duration = Duration::from_millis(500);

/// Everything that was said of nodes.
#[derive(Clone, Debug, Default)]
pub struct Hearing(Arc<Mutex<Heard>>);

#[derive(Debug, Default)]
struct Heard {
    said: Vec<Said>,
    newest: BTreeMap<u32, NodeState>,
}

impl Hearing {
    /// Listens from now on, until dropped with its runtime or aborted. `numbers` are those of the nodes.
    #[must_use]
    pub fn begin(client: Client, numbers: BTreeMap<NodeId, u32>) -> (Self, tokio::task::JoinHandle<()>) {
        let hearing = Self::default();
        let listening = tokio::spawn(listen(client, numbers, hearing.clone()));
        (hearing, listening)
    }

    /// What was said so far.
    #[must_use]
    pub fn said(&self) -> Vec<Said> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).said.clone()
    }

    /// How many nodes are said to be down or out of reach at this moment.
    #[must_use]
    pub fn missed(&self) -> u32 {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let missed = heard.newest.values().filter(|state| matches!(state, NodeState::Down | NodeState::Unknown));
        u32::try_from(missed.count()).unwrap_or(u32::MAX)
    }

    fn take(&self, said: Said) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.newest.insert(said.node, said.state);
        heard.said.push(said);
    }
}

async fn listen(client: Client, numbers: BTreeMap<NodeId, u32>, hearing: Hearing) {
    let mut last = 0;
    loop {
        let Ok(answer) = client.events_after(last, &[], WAIT).await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        for row in answer.document.as_array().into_iter().flatten() {
            last = row["event_id"].as_i64().unwrap_or(last).max(last);
            if let Some(said) = said(row, &numbers) {
                hearing.take(said);
            }
        }
    }
}

/// A row of `v_events`, if it tells the state of one of these nodes.
fn said(row: &Value, numbers: &BTreeMap<NodeId, u32>) -> Option<Said> {
    if row["kind"] != "node_state" {
        return None;
    }
    let node = *numbers.get(&row["subject_id"].as_str()?.parse().ok()?)?;
    let at: jiff::Timestamp = row["at"].as_str()?.parse().ok()?;
    let detail = match &row["detail"] {
        Value::String(text) => serde_json::from_str(text).ok()?,
        other => other.clone(),
    };
    let state = detail["to"].as_str()?.parse().ok()?;
    Some(Said { node, at: u64::try_from(at.as_millisecond()).ok()?, state })
}

/// How many messages the zone controller took in so far, by its own metrics.
pub async fn messages_of_zone(client: &Client) -> Option<u64> {
    let page = client.raw(Method::GET, "/metrics", Vec::new(), None).await.ok()?;
    received(&String::from_utf8_lossy(&page.body))
}

fn received(page: &str) -> Option<u64> {
    let of =
        |line: &str| line.strip_prefix("rollcall_messages_received_total")?.rsplit_once(' ')?.1.parse::<u64>().ok();
    page.lines().filter_map(of).reduce(|sum, more| sum + more)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_of_state_is_heard_and_nothing_else() {
        let node = NodeId::derived_from("x");
        let numbers = BTreeMap::from([(node, 7)]);
        let row = |kind: &str, detail: Value| json!({ "event_id": 1, "at": "2026-11-20T08:15:30.250Z", "kind": kind, "subject_id": node.to_string(), "detail": detail });
        let expected = Said { node: 7, at: 1_795_162_530_250, state: NodeState::Down };
        assert_eq!(said(&row("node_state", json!({ "from": "healthy", "to": "down" })), &numbers), Some(expected));
        assert_eq!(said(&row("node_state", json!("{\"to\":\"down\"}")), &numbers), Some(expected));
        assert_eq!(said(&row("node_health", json!({ "to": "down" })), &numbers), None);
        assert_eq!(said(&row("node_state", json!({ "to": "tired" })), &numbers), None);
        assert_eq!(said(&row("node_state", json!({ "to": "down" })), &BTreeMap::new()), None);
    }

    #[test]
    fn messages_of_all_links_are_summed() {
        let page = "# TYPE rollcall_messages_received counter\nrollcall_messages_received_total{zone=\"a\"} 40\n\
                    rollcall_messages_received_total{zone=\"b\"} 2\nrollcall_messages_parked_total 9\n";
        assert_eq!(received(page), Some(42));
        assert_eq!(received("nothing"), None);
    }
}
