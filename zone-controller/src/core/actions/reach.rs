//! Whether a node can be reached by an order.

use rollcall_model::{NodeId, NodeState, Now};

use super::super::{Rejection, Zone};

impl Zone {
    /// Whether a node can be reached.
    ///
    /// # Errors
    /// When it stands in no physical group yet, and when it is down or has left.
    pub(super) fn is_reachable(&self, now: Now, node: NodeId) -> Result<(), Rejection> {
        let Some(record) = self.nodes.get(&node) else {
            return Err(Rejection::missing(format!("there is no node {node} in this zone")));
        };
        if matches!(record.state, NodeState::Down | NodeState::Left) {
            let since =
                self.orders.gone.get(&node).map_or_else(String::new, |since| {
                    format!(" for {}", span(now.wall.0.saturating_sub(since.0) / 1_000))
                });
            let message =
                format!("node {} is gone ({}{since}); order it again when it is back", record.name, record.state);
            return Err(Rejection::conflict(message));
        }
        if record.physical.is_none() {
            let message = format!(
                "node {} stands in no physical group yet, so no group controller can reach it; wait until one has found it",
                record.name
            );
            return Err(Rejection::conflict(message));
        }
        Ok(())
    }
}

/// A span of time in words.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
