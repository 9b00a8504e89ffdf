//! Starting and ending processes.

use rollcall_model::wire::txt::Announcement;
use rollcall_node_agent::checkins::Checkins;

use super::invariants::the_store_can_be_read;
use super::process::{Core, Pid, Role};
use super::world::{Happening, World};

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
        if matches!(process.role, Role::Zone(_)) {
            return self.stands_by(pid);
        }
        self.soon(0, Happening::Connect { pid, life });
    }

    /// The core begins.
    pub(super) fn begin(&mut self, pid: Pid) {
        let instance = self.chance.instance();
        self.note_of(pid, format_args!("starts, run {}", instance.short()));
        self.tally.count("starts");
        let now = self.now();
        let process = &mut self.processes[pid];
        let (life, role) = (process.life, process.role);
        // A zone controller has lived for a while: it stood by.
        if !matches!(role, Role::Zone(_)) {
            (process.started, process.paused_until) = (now, 0);
        }
        match role {
            Role::Zone(_) => return self.zone_begins(pid, instance),
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
            Err(error) => return self.watch.violations.extend(the_store_can_be_read::cannot("loading", error)),
        };
        let Role::Zone(number) = self.processes[pid].role else { return };
        let settings = self.scene.zone_settings(instance, self.offices[number].succession());
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
        process.stalled = false;
        process.consumers.clear();
        process.kept.clear();
        let session = process.session.take();
        process.parted_at = None;
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
}
