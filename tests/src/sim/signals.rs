//! What wakes a core that is no message: its deadline, its connection coming and going, the end of a publish.

use rollcall_bus::PublishError;

use super::planted::Bug;
use super::process::{Pid, Role};
use super::wire::Mark;
use super::world::{Happening, World};

impl World {
    pub(super) fn deadline(&mut self, pid: Pid, at: u64) {
        if self.processes[pid].armed != Some(at) {
            return;
        }
        self.processes[pid].armed = None;
        if self.has(Bug::SleepsOn) {
            return self.check_it_rests(pid);
        }
        match self.processes[pid].role {
            Role::Zone(_) => self.zone_ticks(pid),
            Role::Checkin(_) => self.checkin_event(pid, rollcall_checkin::core::Event::Tick),
            Role::Group(_) => {
                self.group_event(pid, rollcall_group_controller::core::Event::Tick);
            }
            Role::Node(_) => self.node_event(pid, rollcall_node_agent::core::Event::Tick),
        }
        self.check_it_rests(pid);
    }

    /// A core that was called does not want to be called at once.
    fn check_it_rests(&mut self, pid: Pid) {
        let (now, process) = (self.now(), &self.processes[pid]);
        if let Some(next) = process.deadline().filter(|next| *next <= now) {
            let why = super::invariants::no_core_spins::check(&process.name, now, next);
            self.watch.violations.extend(why);
        }
    }

    /// Enters the core's next deadline, unless it is entered already.
    pub(super) fn arm(&mut self, pid: Pid) {
        let now = self.now();
        let process = &mut self.processes[pid];
        let Some(deadline) = process.deadline() else {
            process.armed = None;
            return;
        };
        let at = deadline.max(now);
        if process.armed == Some(at) {
            return;
        }
        process.armed = Some(at);
        let life = process.life;
        self.agenda.enter(at, Happening::Deadline { pid, life, at });
    }

    pub(super) fn linked(&mut self, pid: Pid, up: bool) {
        match self.processes[pid].role {
            Role::Zone(_) => {}
            Role::Checkin(_) if up => self.checkin_event(pid, rollcall_checkin::core::Event::LinkUp),
            Role::Checkin(_) => self.checkin_event(pid, rollcall_checkin::core::Event::LinkDown),
            Role::Group(_) if self.has(Bug::HidesTheLink) && self.processes[pid].started < self.now() => {}
            Role::Group(_) => {
                use rollcall_group_controller::core::Event;
                self.group_event(pid, if up { Event::LinkUp } else { Event::LinkDown });
            }
            Role::Node(_) => {
                use rollcall_node_agent::core::Event;
                self.node_event(pid, if up { Event::LinkUp } else { Event::LinkDown });
                if up {
                    self.node_is_back(pid);
                }
            }
        }
    }

    pub(super) fn replied(&mut self, pid: Pid, mark: Mark, result: Result<(), PublishError>) {
        let result = if self.has(Bug::TakesSentForConfirmed) { Ok(()) } else { result };
        match mark {
            Mark::Token(token) => {
                self.group_event(pid, rollcall_group_controller::core::Event::Published { token, result });
            }
            Mark::Key(routing_key) if matches!(result, Err(PublishError::Unroutable { .. })) => {
                match self.processes[pid].role {
                    Role::Checkin(_) => {
                        self.checkin_event(pid, rollcall_checkin::core::Event::Unroutable { routing_key });
                    }
                    _ => self.zone_unroutable(pid, routing_key),
                }
            }
            Mark::Key(_) => {}
            Mark::Receipt(receipt) if result.is_ok() => {
                self.node_event(pid, rollcall_node_agent::core::Event::Confirmed(receipt));
            }
            Mark::Receipt(_) => {}
        }
    }
}
