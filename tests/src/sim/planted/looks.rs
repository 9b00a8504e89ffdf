//! What is looked at too late, too often or not at all.

use rollcall_group_controller::core::Event;
use rollcall_model::NodeId;

use super::Bug;
use crate::sim::process::{Core, Pid, Role};
use crate::sim::world::World;

/// How far apart the ticks are that a driver makes up for, milliseconds.
const BEAT: u64 = 100;
/// How long a target is handed out again, milliseconds.
const CACHED: u64 = 5_000;

impl World {
    /// A rack's controller goes on after a pause: the ticks it missed come one after the other, each with the time it was meant for.
    pub(in crate::sim) fn make_up_for_missed_ticks(&mut self, pid: Pid) {
        let process = &self.processes[pid];
        if !self.has(Bug::MakesUpForMissedTicks) || !matches!(process.role, Role::Group(_)) {
            return;
        }
        let (from, to) = (process.looked_at.max(process.started), self.now());
        self.processes[pid].looked_at = to;
        for at in (from..to).step_by(BEAT as usize).skip(1) {
            let now = self.processes[pid].now(at);
            let Some(Core::Group(group)) = &mut self.processes[pid].core else { return };
            // What it would have said is of no matter: what it thinks is.
            group.step(now, Event::Tick);
        }
    }

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
