//! What the network and the broker do to whoever uses them: cuts both ways or one way, a whole rack in the dark, an alarm.

use super::process::{Pid, Role};
use super::world::{Happening, World};

/// Which way the network carries nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Neither way.
    Both,
    /// What the process says is lost; what it is told arrives.
    Mute,
    /// What the process is told is lost; what it says arrives.
    Deaf,
}

impl World {
    /// The network stops carrying for a process.
    pub(super) fn cut(&mut self, pid: Pid, way: Cut, span: u64) {
        self.note_of(pid, format_args!("is cut off for {span} ms: {way:?}"));
        self.tally.count(match way {
            Cut::Both => "cuts",
            Cut::Mute => "links that carry only down",
            Cut::Deaf => "links that carry only up",
        });
        let process = &mut self.processes[pid];
        process.mute |= way != Cut::Deaf;
        process.deaf |= way != Cut::Mute;
        // Heartbeats want both ways: with either gone the connection is dead by and by.
        if let Some(session) = process.session {
            let after = self.chance.between(8_000, 15_000);
            self.soon(after, Happening::SessionDead { session });
        }
        self.soon(span, Happening::Heal { pid });
    }

    /// The network carries again.
    pub(super) fn heal(&mut self, pid: Pid) {
        let process = &mut self.processes[pid];
        if !process.is_cut() {
            return;
        }
        (process.mute, process.deaf) = (false, false);
        let life = process.life;
        let lanes: Vec<_> = process.consumers.iter().map(|(lane, _)| *lane).collect();
        self.note_of(pid, "is reachable again");
        for lane in lanes {
            self.soon(1, Happening::Deliver { pid, life, lane });
        }
        self.tell_around();
    }

    /// A rack's switch goes dark, with or without the rack's controller.
    pub(super) fn rack_goes_dark(&mut self, rack: usize, span: u64) {
        self.tally.count("racks in the dark");
        if self.chance.happens(0.5) {
            self.cut(self.scene.pid(Role::Group(rack)), Cut::Both, span);
        }
        for number in (0..self.scene.nodes).filter(|number| self.nodes[*number].rack == rack).collect::<Vec<_>>() {
            self.cut(self.scene.pid(Role::Node(number)), Cut::Both, span);
        }
    }

    /// The broker is short of memory or disk: it reads from no publisher until it is over.
    pub(super) fn broker_is_alarmed(&mut self, span: u64) {
        self.note("broker", format_args!("blocks publishers for {span} ms"));
        self.tally.count("broker alarms");
        self.blocked_until = self.now() + span;
    }
}
