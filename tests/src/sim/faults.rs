//! What goes wrong, when, and how it ends; and the changes of the calm phase.

use super::SETTLED;
use super::broker::NodeEnd;
use super::life::Death;
use super::network::Cut;
use super::planted::Bug;
use super::process::{Pid, Role};
use super::truth::{End, KINDS, MEASURED};
use super::world::{Happening, World};

/// A change in the calm phase lasts at least so long, milliseconds.
const LASTING: u64 = 20_000;

impl World {
    /// Something goes wrong, and the next thing is entered.
    pub(super) fn mishap(&mut self) {
        if !self.is_faulty() {
            return;
        }
        let every = self.rates.mishap_every;
        let next = self.chance.between(every / 4, every * 2);
        self.soon(next, Happening::Mishap);
        let pid = self.someone();
        match self.chance.below(28) {
            0..=6 => self.dies(pid),
            7..=9 => {
                let span = self.chance.between(400, 8_000);
                self.pause(pid, span);
            }
            10..=13 => {
                let span = self.chance.between(500, 25_000);
                let way = self.chance.one_of(&[Cut::Both, Cut::Both, Cut::Mute, Cut::Deaf]);
                self.cut(pid, way, span);
            }
            14 if self.broker_up => {
                let away = self.chance.between(500, 6_000);
                self.broker_ends(away);
            }
            15..=16 => self.lose_session(pid),
            17..=20 => self.node_mishap(),
            _ => self.rarer_mishap(pid),
        }
    }

    fn rarer_mishap(&mut self, pid: Pid) {
        let rack = self.chance.below(self.scene.racks);
        match self.chance.below(8) {
            0 => {
                let span = self.chance.between(1_000, 20_000);
                self.rack_goes_dark(rack, span);
            }
            1 => {
                let span = self.chance.between(500, 12_000);
                self.broker_is_alarmed(span);
            }
            2 => {
                let span = self.chance.between(2_000, 30_000);
                self.disk_fills(rack, span);
            }
            3 => {
                let span = self.chance.between(200, 8_000);
                self.database_leaves(span);
            }
            4 => self.broker_node_ends(NodeEnd::Lost),
            5 => self.broker_node_ends(NodeEnd::Drained),
            _ => self.clock_jumps(pid),
        }
    }

    fn someone(&mut self) -> Pid {
        let daemons = 1 + self.scene.checkins + self.scene.racks;
        if self.chance.happens(0.1) {
            return self.scene.pid(Role::Zone(1));
        }
        // The few daemons that matter to all suffer as often as all the nodes.
        let among = if self.chance.happens(0.5) { daemons } else { self.processes.len() };
        self.chance.below(among)
    }

    fn dies(&mut self, pid: Pid) {
        if self.processes[pid].is_running() {
            let death = if self.chance.happens(0.7) { Death::Killed } else { Death::PowerLoss };
            self.crash(pid, death);
        }
    }

    fn node_mishap(&mut self) {
        let number = self.chance.below(self.scene.nodes);
        let pid = self.scene.pid(Role::Node(number));
        if !self.processes[pid].is_running() {
            return;
        }
        match self.chance.below(6) {
            0 => self.moves(number),
            1 => self.is_rebuilt(number),
            2 => self.leaves(number, false),
            3 => self.leaves(number, true),
            4 => self.ends(number, Death::Killed),
            _ => self.ends(number, Death::PowerLoss),
        }
    }

    /// The machine is carried to another rack.
    fn moves(&mut self, number: usize) {
        self.tally.count("moves");
        let pid = self.scene.pid(Role::Node(number));
        self.crash(pid, Death::PowerLoss);
        self.nodes[number].rack = (self.nodes[number].rack + 1) % self.scene.racks;
        let rack = self.nodes[number].rack;
        self.note_of(pid, format_args!("is moved to rack-{rack}"));
    }

    /// The machine gets other parts, and so another capability.
    fn is_rebuilt(&mut self, number: usize) {
        self.tally.count("rebuilds");
        let pid = self.scene.pid(Role::Node(number));
        self.crash(pid, Death::Killed);
        self.nodes[number].kind = (self.nodes[number].kind + 1) % KINDS;
        let kind = self.nodes[number].kind;
        self.note_of(pid, format_args!("is rebuilt as kind {kind}"));
    }

    /// A clean shutdown, perhaps for good.
    fn leaves(&mut self, number: usize, for_good: bool) {
        self.tally.count("good-byes");
        let pid = self.scene.pid(Role::Node(number));
        self.note_of(pid, format_args!("says good-bye{}", if for_good { " for good" } else { "" }));
        self.node_event(pid, rollcall_node_agent::core::Event::Leave);
        if for_good {
            self.processes[pid].wanted = false;
            self.nodes[number].end = End::Left;
        }
        self.crash(pid, Death::Killed);
    }

    /// A node is killed for good.
    fn ends(&mut self, number: usize, death: Death) {
        self.tally.count("ends for good");
        let pid = self.scene.pid(Role::Node(number));
        self.processes[pid].wanted = false;
        self.nodes[number].end = End::Killed;
        self.crash(pid, death);
    }

    /// Some bit of some node turns.
    pub(super) fn health_turns(&mut self) {
        if !self.is_faulty() {
            return;
        }
        let next = self.chance.between(200, 4_000);
        self.soon(next, Happening::HealthTurns);
        let number = self.chance.below(self.scene.nodes);
        let bit = self.chance.below(MEASURED);
        self.turn(number, bit);
    }

    fn turn(&mut self, number: usize, bit: usize) {
        let now = self.now();
        self.nodes[number].toggle(bit, now);
        let pid = self.scene.pid(Role::Node(number));
        let set = self.nodes[number].health.bits().get(bit);
        self.note_of(pid, format_args!("bit {bit} turns {set}"));
        self.samples(number);
    }

    /// The node takes its readings.
    pub(super) fn samples(&mut self, number: usize) {
        let pid = self.scene.pid(Role::Node(number));
        let sample = self.nodes[number].sample(self.now_of(pid).tick);
        let is_first = self.processes[pid].started == self.now();
        if self.processes[pid].is_running() && (is_first || !self.has(Bug::MeasuresOnce)) {
            self.node_event(pid, rollcall_node_agent::core::Event::Sampled(sample));
        }
    }

    /// The faults are over: the network carries everything, clocks are right, and what is paused or to be started again soon is.
    pub(super) fn calm(&mut self) {
        self.note("world", "the faults are over");
        for pid in 0..self.processes.len() {
            self.heal(pid);
            self.processes[pid].skew = 0;
        }
        self.full_until.fill(0);
        self.database_away_until = self.now();
        self.blocked_until = self.now();
        let mut at = SETTLED + 1_000;
        for number in 0..self.scene.nodes {
            let pid = self.scene.pid(Role::Node(number));
            if self.nodes[number].end != End::No || !self.processes[pid].wanted {
                continue;
            }
            if number % 3 == 0 {
                let bit = self.chance.below(MEASURED);
                self.agenda.enter(at, Happening::LastingTurn { node: number, bit });
                at += 500;
            }
        }
        let survivors: Vec<usize> = (0..self.scene.nodes).filter(|n| self.nodes[*n].end == End::No).collect();
        if let Some(node) = survivors.last().filter(|_| survivors.len() > 1) {
            self.agenda.enter(at, Happening::LastingKill { node: *node });
        }
    }

    /// A bit turns in the calm phase, stays so long enough to count as lasting, and half of them turn back.
    pub(super) fn lasting_turn(&mut self, number: usize, bit: usize) {
        let now = self.now();
        let since = self.nodes[number].bit_since[bit];
        if since < SETTLED {
            self.watch.lasting(number, bit, !self.nodes[number].health.bits().get(bit), now);
            if self.chance.happens(0.5) {
                self.soon(LASTING, Happening::LastingTurn { node: number, bit });
            }
        }
        self.turn(number, bit);
    }

    pub(super) fn lasting_kill(&mut self, number: usize) {
        self.ends(number, Death::Killed);
    }
}
