//! What is looked at too late.

use rollcall_model::NodeId;

use super::Bug;
use crate::sim::process::Pid;
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
}
