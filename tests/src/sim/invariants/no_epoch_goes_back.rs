//! A node's epoch only grows: in the store, in what the zone answers, at the agent, in every roster.

use rollcall_model::{NodeId, SessionEpoch};
use rollcall_store::Snapshot;

use super::Violations;

/// `before` and `now` are what the same holder knew one after the other.
#[must_use]
pub fn check(holder: &str, node: NodeId, before: SessionEpoch, now: SessionEpoch) -> Violations {
    if now >= before { Vec::new() } else { vec![violated!("{holder} takes {node} from epoch {before} back to {now}")] }
}

/// The epoch a snapshot has of a node.
#[must_use]
pub fn saved_epoch(saved: &Snapshot, node: NodeId) -> SessionEpoch {
    saved.nodes.iter().find(|known| known.node == node).map_or(SessionEpoch::default(), |known| known.epoch)
}
