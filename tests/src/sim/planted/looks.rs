//! What is looked at too late, or wrongly.

use rollcall_group_controller::core::Event;
use rollcall_model::NodeId;

use super::Bug;
use crate::sim::process::{Pid, Role};
use crate::sim::world::World;

/// How long a target is handed out again, milliseconds.
const CACHED: u64 = 5_000;

impl World {
    /// A target that was found a while ago, if such are kept.
    pub(in crate::sim) fn cached_target(&mut self, pid: Pid, found: Option<NodeId>) -> Option<NodeId> {
        if !self.has(Bug::CachesTargets) {
            return None;
        }
        let now = self.now();
        let cached = self.watch.cached_targets.get(&pid).copied().filter(|(at, _)| at + CACHED > now);
        if let (None, Some(node)) = (cached, found) {
            self.watch.cached_targets.insert(pid, (now, node));
        }
        cached.map(|(_, node)| node)
    }

    /// What a rack's controller takes an event of the broker for.
    pub(in crate::sim) fn taken_for(&mut self, event: Event) -> Vec<Event> {
        if !matches!(event, Event::BrokerNodeLost) || !self.has(Bug::TakesPartedForDead) {
            return vec![event];
        }
        let node = |role| match role {
            Role::Node(number) => Some(self.nodes[number].node()),
            _ => None,
        };
        let parted: Vec<NodeId> =
            self.processes.iter().filter(|it| it.parted_at.is_some()).filter_map(|it| node(it.role)).collect();
        parted.into_iter().filter(|_| self.chance.happens(0.3)).map(Event::ConnectionClosed).collect()
    }
}
