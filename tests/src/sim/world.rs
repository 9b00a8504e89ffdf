//! The world of one seed: what exists in it, and its main loop.

use std::collections::BTreeMap;

use rollcall_bus::local::{Broker, SessionId};
use rollcall_bus::{Outgoing, PublishError};
use rollcall_checkin::memory::Memory;
use rollcall_model::packet::ActionOutcome;
use rollcall_model::wire::txt::Announcement;
use rollcall_store::Store;
use tokio::runtime::Runtime;

use super::agenda::Agenda;
use super::chance::{Chance, Rates};
use super::commands::Commands;
use super::dns::Dns;
use super::journal::{Journal, Keep};
use super::liar::liar;
use super::process::{Lane, Pid, Process, Role};
use super::scene::Scene;
use super::tally::Tally;
use super::truth::NodeTruth;
use super::watch::Watch;
use super::wire::{Mark, Reply};
use super::{FAULTS_END, REST, SETTLED};

/// What can happen next.
#[derive(Debug)]
pub(super) enum Happening {
    /// A core's deadline, as it was armed.
    Deadline { pid: Pid, life: u32, at: u64 },
    /// A message reaches the broker.
    Arrive { from: Pid, message: Outgoing, reply: Option<Reply> },
    /// A publisher learns how a publish ended.
    Reply { pid: Pid, life: u32, mark: Mark, result: Result<(), PublishError> },
    /// A process looks into one of its queues.
    Deliver { pid: Pid, life: u32, lane: Lane },
    /// A process hears an announcement.
    Sight { pid: Pid, life: u32, owner: Pid, announcement: Announcement },
    /// A process hears that an announcement is withdrawn or expired.
    Gone { pid: Pid, life: u32, owner: Pid },
    /// Everybody asks again for what is announced.
    AskAround,
    /// A process is started.
    Start { pid: Pid, life: u32 },
    /// A process tries to connect.
    Connect { pid: Pid, life: u32 },
    /// A process notices that its connection is up or down.
    Link { pid: Pid, life: u32, up: bool },
    /// The broker notices that a connection is dead.
    SessionDead { session: SessionId },
    /// The broker is back.
    BrokerBack,
    /// The network carries again for this process.
    Heal { pid: Pid },
    /// Every node takes its readings, and one sample asks for the next.
    Samples,
    /// Somebody asks the zone to do something.
    Command,
    /// An action on a node ends.
    ActionEnds { pid: Pid, life: u32, outcome: Box<ActionOutcome> },
    /// A node says something about others.
    Lie,
    /// Something goes wrong.
    Mishap,
    /// The health of some node changes.
    HealthTurns,
    /// The faults are over.
    Calm,
    /// The health of this node changes in the calm phase; the change lasts.
    LastingTurn { node: usize, bit: usize },
    /// A node is killed in the calm phase.
    LastingKill { node: usize },
}

/// How a history ended.
#[derive(Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What was violated; empty when all is well.
    pub violations: Vec<String>,
    /// The log, as much of it as was kept.
    pub log: Vec<String>,
    /// Digest of the whole log.
    pub digest: u64,
    /// What befell the world.
    pub tally: Tally,
}

/// A zone, its nodes, and everything between them.
#[derive(Debug)]
pub struct World {
    pub(super) seed: u64,
    pub(super) agenda: Agenda<Happening>,
    pub(super) chance: Chance,
    pub(super) rates: Rates,
    pub(super) journal: Journal,
    pub(super) tally: Tally,
    pub(super) broker: Broker,
    pub(super) broker_up: bool,
    /// The sessions through which messages on the wire reach the broker: one for each process, in its name.
    pub(super) wires: Vec<SessionId>,
    /// The session of somebody who lies.
    pub(super) liar: SessionId,
    pub(super) processes: Vec<Process>,
    pub(super) scene: Scene,
    pub(super) nodes: Vec<NodeTruth>,
    pub(super) dns: Dns,
    pub(super) store: Store,
    pub(super) runtime: Runtime,
    pub(super) watch: Watch,
    /// What the check-in services remember on their disks.
    pub(super) memories: Vec<Memory>,
    /// What the group controllers keep on their disks for the broker.
    pub(super) spools: Vec<BTreeMap<u64, Outgoing>>,
    pub(super) commands: Commands,
}

impl World {
    /// The world of a seed, with nothing started yet.
    ///
    /// # Panics
    /// When there is no memory for a database or a runtime.
    #[must_use]
    pub fn new(seed: u64, keep: Keep) -> Self {
        let runtime = match tokio::runtime::Builder::new_current_thread().build() {
            Ok(runtime) => runtime,
            Err(error) => panic!("no runtime: {error}"),
        };
        let store = match runtime.block_on(Store::open("sqlite::memory:")) {
            Ok(store) => store,
            Err(error) => panic!("no store: {error}"),
        };
        let mut chance = Chance::of_seed(seed);
        let rates = chance.rates();
        let scene = Scene::draw(&mut chance);
        let nodes = scene.nodes(&mut chance);
        let mut broker = Broker::new();
        let processes = scene.processes(&nodes);
        let wires = processes.iter().map(|it| broker.connect(&scene.principal(it.role, &nodes))).collect();
        let liar = broker.connect(&liar());
        let mut world = Self {
            seed,
            agenda: Agenda::default(),
            chance,
            rates,
            journal: Journal::new(keep),
            tally: Tally::default(),
            broker,
            broker_up: true,
            wires,
            liar,
            processes,
            dns: Dns::default(),
            watch: Watch::default(),
            memories: vec![Memory::default(); scene.checkins],
            spools: vec![BTreeMap::new(); scene.racks],
            commands: Commands::default(),
            scene,
            nodes,
            store,
            runtime,
        };
        world.set_out();
        world
    }

    fn set_out(&mut self) {
        let (scene, rates) = (self.scene, self.rates);
        self.note("world", format_args!("{scene} {rates:?}"));
        for pid in 0..self.processes.len() {
            let at = self.chance.between(0, 5_000);
            self.agenda.enter(at, Happening::Start { pid, life: 0 });
        }
        let first = self.rates.mishap_every;
        self.agenda.enter(first, Happening::Mishap);
        self.agenda.enter(3_000, Happening::HealthTurns);
        self.agenda.enter(8_000, Happening::AskAround);
        self.agenda.enter(1_000, Happening::Samples);
        self.agenda.enter(6_000, Happening::Command);
        self.agenda.enter(4_000, Happening::Lie);
        self.agenda.enter(FAULTS_END, Happening::Calm);
    }

    /// Lets everything happen, until rest or the first violation.
    #[must_use]
    pub fn play(mut self) -> Outcome {
        while self.watch.violations.is_empty()
            && let Some(happening) = self.agenda.next_before(REST)
        {
            self.broker.advance(rollcall_model::Tick(self.agenda.now()));
            self.happen(happening);
        }
        if self.watch.violations.is_empty() {
            self.check_rest();
        }
        for violation in std::mem::take(&mut self.watch.violations) {
            self.note("VIOLATION", &violation);
            self.watch.violations.push(violation);
        }
        Outcome {
            seed: self.seed,
            violations: self.watch.violations,
            digest: self.journal.digest(),
            log: self.journal.into_lines(),
            tally: self.tally,
        }
    }

    pub(super) fn now(&self) -> u64 {
        self.agenda.now()
    }

    pub(super) fn is_faulty(&self) -> bool {
        self.now() < FAULTS_END
    }

    pub(super) fn is_settled(&self) -> bool {
        self.now() >= SETTLED
    }

    pub(super) fn soon(&mut self, after: u64, happening: Happening) {
        self.agenda.enter(self.agenda.now() + after, happening);
    }

    pub(super) fn note(&mut self, who: &str, what: impl std::fmt::Display) {
        self.journal.note(self.agenda.now(), who, what);
    }

    pub(super) fn note_of(&mut self, pid: Pid, what: impl std::fmt::Display) {
        self.journal.note(self.agenda.now(), &self.processes[pid].name, what);
    }

    pub(super) fn now_of(&self, pid: Pid) -> rollcall_model::Now {
        self.processes[pid].now(self.now())
    }

    fn happen(&mut self, happening: Happening) {
        let Some(happening) = self.unless_paused(happening) else { return };
        match happening {
            Happening::Deadline { pid, at, .. } => self.deadline(pid, at),
            Happening::Arrive { from, message, reply } => self.arrive(from, message, reply),
            Happening::Reply { pid, mark, result, .. } => self.replied(pid, mark, result),
            Happening::Deliver { pid, lane, .. } => self.deliver(pid, lane),
            Happening::Sight { pid, owner, announcement, .. } => self.sighted(pid, owner, announcement),
            Happening::Gone { pid, owner, .. } => self.gone(pid, owner),
            Happening::AskAround => self.ask_around(),
            Happening::Start { pid, .. } => self.start(pid),
            Happening::Connect { pid, .. } => self.connect(pid),
            Happening::Link { pid, up, .. } => self.linked(pid, up),
            Happening::SessionDead { session } => self.session_dead(session),
            Happening::BrokerBack => self.broker_back(),
            Happening::Heal { pid } => self.heal(pid),
            Happening::Samples => self.all_sample(),
            Happening::Command => self.somebody_commands(),
            Happening::ActionEnds { pid, outcome, .. } => self.action_ends(pid, *outcome),
            Happening::Lie => self.somebody_lies(),
            Happening::Mishap => self.mishap(),
            Happening::HealthTurns => self.health_turns(),
            Happening::Calm => self.calm(),
            Happening::LastingTurn { node, bit } => self.lasting_turn(node, bit),
            Happening::LastingKill { node } => self.lasting_kill(node),
        }
    }

    /// What is meant for a former run is dropped; what is meant for a paused process waits for it.
    fn unless_paused(&mut self, happening: Happening) -> Option<Happening> {
        let (pid, meant) = match &happening {
            Happening::Deadline { pid, life, .. }
            | Happening::Reply { pid, life, .. }
            | Happening::Deliver { pid, life, .. }
            | Happening::Sight { pid, life, .. }
            | Happening::Gone { pid, life, .. }
            | Happening::ActionEnds { pid, life, .. }
            | Happening::Link { pid, life, .. } => (*pid, *life),
            Happening::Start { pid, life } | Happening::Connect { pid, life } => {
                return (self.processes[*pid].life == *life).then_some(happening);
            }
            _ => return Some(happening),
        };
        let process = &self.processes[pid];
        if process.life != meant || !process.is_running() {
            return None;
        }
        let until = process.paused_until;
        if self.now() < until {
            self.agenda.enter(until, happening);
            return None;
        }
        Some(happening)
    }

    fn deadline(&mut self, pid: Pid, at: u64) {
        if self.processes[pid].armed != Some(at) {
            return;
        }
        self.processes[pid].armed = None;
        match self.processes[pid].role {
            Role::Zone => self.zone_ticks(pid),
            Role::Checkin(_) => self.checkin_event(pid, rollcall_checkin::core::Event::Tick),
            Role::Group(_) => {
                self.group_event(pid, rollcall_group_controller::core::Event::Tick);
            }
            Role::Node(_) => self.node_event(pid, rollcall_node_agent::core::Event::Tick),
        }
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

    fn linked(&mut self, pid: Pid, up: bool) {
        match self.processes[pid].role {
            Role::Zone => {}
            Role::Checkin(_) if up => self.checkin_event(pid, rollcall_checkin::core::Event::LinkUp),
            Role::Checkin(_) => self.checkin_event(pid, rollcall_checkin::core::Event::LinkDown),
            Role::Group(_) => {
                use rollcall_group_controller::core::Event;
                self.group_event(pid, if up { Event::LinkUp } else { Event::LinkDown });
            }
            Role::Node(_) => {
                use rollcall_node_agent::core::Event;
                self.node_event(pid, if up { Event::LinkUp } else { Event::LinkDown });
            }
        }
    }

    fn replied(&mut self, pid: Pid, mark: Mark, result: Result<(), PublishError>) {
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
