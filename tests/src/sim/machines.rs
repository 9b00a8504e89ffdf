//! What machines do to the processes on them: no processor for a while, a full disk, a wall clock that jumps.

use super::process::{Pid, Role};
use super::world::World;

/// A pause a controller notices, milliseconds: its own measure, and the longest it waits between two steps anyway.
const NOTICED: u64 = 600;
/// Farthest that a wall clock jumps, milliseconds.
const JUMP: u64 = 3_600_000;
/// The zone's: an order that it makes meanwhile expires so much later, and is to be over at rest.
const JUMP_OF_ZONE: u64 = 40_000;

impl World {
    /// A process gets no processor for a while.
    pub(super) fn pause(&mut self, pid: Pid, span: u64) {
        self.note_of(pid, format_args!("is paused for {span} ms"));
        self.tally.count("pauses");
        let until = self.processes[pid].paused_until.max(self.now() + span);
        self.processes[pid].paused_until = until;
        // A shorter pause is not told from a busy machine.
        if span > NOTICED {
            self.processes[pid].back_at = until;
        }
    }

    /// The wall clock of a machine is set, forward or back; its monotonic clock goes on.
    pub(super) fn clock_jumps(&mut self, pid: Pid) {
        let most = if matches!(self.processes[pid].role, Role::Zone(_)) { JUMP_OF_ZONE } else { JUMP };
        let by = self.chance.between(1, 2 * most) as i64 - most as i64;
        self.note_of(pid, format_args!("has its wall clock off by {by} ms"));
        self.tally.count("wall clocks that jumped");
        self.processes[pid].skew = by;
    }

    /// Nothing more can be written on the disk of a rack's controller.
    pub(super) fn disk_fills(&mut self, rack: usize, span: u64) {
        self.note("world", format_args!("the disk of rack-{rack} is full for {span} ms"));
        self.tally.count("full disks");
        self.full_until[rack] = self.now() + span;
    }
}
