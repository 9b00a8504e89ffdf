//! Starting and ending processes.

use rollcall_model::wire::txt::Announcement;
use rollcall_node_agent::checkins::Checkins;

use super::process::{Core, Pid, Role};
use super::world::{Happening, World};

/// A pause a controller notices, milliseconds: its own measure, and the longest it waits between two steps anyway.
const NOTICED: u64 = 600;

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Death {
    /// Killed: its connections close at once.
    Killed,
    /// The machine lost its power: the broker learns it by and by.
    PowerLoss,
}

impl World {
    /// A process is started; its core begins once it is connected, as the daemons do.
    pub(super) fn start(&mut self, pid: Pid) {
        let process = &mut self.processes[pid];
        if process.is_running() || !process.wanted {
            return;
        }
        process.life += 1;
        let life = process.life;
        self.soon(0, Happening::Connect { pid, life });
    }

    /// The core begins.
    pub(super) fn begin(&mut self, pid: Pid) {
        let instance = self.chance.instance();
        self.note_of(pid, format_args!("starts, run {}", instance.short()));
        self.tally.count("starts");
        let now = self.now();
        let process = &mut self.processes[pid];
        process.started = now;
        process.paused_until = 0;
        let (life, role) = (process.life, process.role);
        match role {
            Role::Zone => return self.zone_begins(pid, instance),
            Role::Checkin(number) => {
                let settings = self.scene.checkin_settings(number, instance);
                let memory = self.memories[number].clone();
                let core = rollcall_checkin::core::Checkin::resumed(settings, memory);
                self.processes[pid].core = Some(Core::Checkin(Box::new(core)));
            }
            Role::Group(number) => {
                let settings = self.scene.group_settings(number, instance);
                let mut core = rollcall_group_controller::core::Group::new(settings);
                core.restore(self.spools[number].clone());
                self.processes[pid].core = Some(Core::Group(Box::new(core)));
            }
            Role::Node(number) => {
                self.nodes[number].spoke = false;
                let settings = self.scene.node_settings(&self.nodes[number], number, instance);
                let core = rollcall_node_agent::core::Agent::new(settings);
                self.processes[pid].core = Some(Core::Node(Box::new(core), Checkins::default()));
            }
        }
        self.soon(0, Happening::Link { pid, life, up: true });
        if let Role::Node(number) = role {
            self.samples(number);
        }
        self.arm(pid);
        self.tell_around();
    }

    /// The zone's process loads what was saved and begins from it.
    fn zone_begins(&mut self, pid: Pid, instance: rollcall_model::InstanceId) {
        let saved = match self.runtime.block_on(self.store.load()) {
            Ok(saved) => saved,
            Err(error) => return self.watch.violations.push(format!("the store does not load: {error}")),
        };
        let settings = self.scene.zone_settings(instance);
        let (zone, effects) = rollcall_zone_controller::core::Zone::start(self.now_of(pid), settings, saved);
        let hello = Announcement::Hello(zone.hello());
        self.processes[pid].core = Some(Core::Zone(Box::new(zone)));
        self.announce(pid, hello);
        self.zone_effects(pid, effects);
        self.arm(pid);
    }

    /// A process ends without a word; what it had not acknowledged is delivered again.
    pub(super) fn crash(&mut self, pid: Pid, death: Death) {
        let process = &mut self.processes[pid];
        process.life += 1;
        process.core = None;
        process.armed = None;
        process.consumers.clear();
        process.kept.clear();
        let session = process.session.take();
        self.note_of(pid, format_args!("ends: {death:?}"));
        self.tally.count(match death {
            Death::Killed => "kills",
            Death::PowerLoss => "power losses",
        });
        if let Some(session) = session {
            match death {
                Death::Killed => {
                    self.broker.disconnect(session);
                    self.wake_consumers();
                }
                Death::PowerLoss => {
                    let after = self.chance.between(8_000, 20_000);
                    self.soon(after, Happening::SessionDead { session });
                }
            }
        }
        if self.processes[pid].wanted {
            let life = self.processes[pid].life;
            let after = self.chance.between(100, 12_000);
            self.soon(after, Happening::Start { pid, life });
        }
        if self.chance.happens(0.3) {
            self.withdraw(pid);
        }
    }

    /// The network stops carrying for a process.
    pub(super) fn cut(&mut self, pid: Pid, span: u64) {
        self.note_of(pid, format_args!("is cut off for {span} ms"));
        self.tally.count("cuts");
        self.processes[pid].cut = true;
        if let Some(session) = self.processes[pid].session {
            let after = self.chance.between(8_000, 15_000);
            self.soon(after, Happening::SessionDead { session });
        }
        self.soon(span, Happening::Heal { pid });
    }

    /// The network carries again.
    pub(super) fn heal(&mut self, pid: Pid) {
        let process = &mut self.processes[pid];
        if !process.cut {
            return;
        }
        process.cut = false;
        let life = process.life;
        let lanes: Vec<_> = process.consumers.iter().map(|(lane, _)| *lane).collect();
        self.note_of(pid, "is reachable again");
        for lane in lanes {
            self.soon(1, Happening::Deliver { pid, life, lane });
        }
        self.tell_around();
    }

    /// A process gets no processor for a while.
    pub(super) fn pause(&mut self, pid: Pid, span: u64) {
        self.note_of(pid, format_args!("is paused for {span} ms"));
        self.tally.count("pauses");
        let until = self.now() + span;
        self.processes[pid].paused_until = until;
        // A shorter pause is not told from a busy machine.
        if span > NOTICED {
            self.processes[pid].back_at = until;
        }
    }
}
