//! What racks report of a session that the zone does not know yet: a check-in service gave it without the zone, and the node was heard
//! before its join came here. Nobody would report it again.

use std::collections::BTreeMap;

use rollcall_model::packet::{Alerts, NodeChange};
use rollcall_model::{GroupId, NodeId, Now};

use super::{Effect, Zone};

/// The latest report of each node that came too early; no more than there are nodes. A rack that is asked anew, as after a restart of the
/// zone controller, reports everything again.
#[derive(Debug, Default)]
pub(super) struct Early(BTreeMap<NodeId, (GroupId, u32, NodeChange)>);

impl Zone {
    /// Keeps a change for the join that it is of.
    pub(super) fn keep_for_its_join(&mut self, alerts: &Alerts, change: &NodeChange) {
        self.early.0.insert(change.node, (alerts.group, alerts.session, change.clone()));
    }

    /// A join was saved: what was reported of it before counts now.
    pub(super) fn take_early(&mut self, now: Now, node: NodeId, effects: &mut Vec<Effect>) {
        let Some((group, session, change)) = self.early.0.remove(&node) else { return };
        if self.is_current(group, session) {
            self.on_alerts(now, &Alerts { group, session, changes: vec![change] }, effects);
        }
    }
}
