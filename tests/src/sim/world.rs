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
use super::broker::NodeEnd;
use super::chance::{Chance, Rates};
use super::commands::Commands;
use super::crowd::Toil;
use super::daemons::lease::Office;
use super::dns::Dns;
use super::invariants::Violations;
use super::journal::{Journal, Keep};
use super::liar::liar;
use super::planted::Bug;
use super::process::{Lane, Pid, Process};
use super::scene::{Scene, ZONES};
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
    Arrive { from: Pid, session: SessionId, message: Outgoing, reply: Option<Reply> },
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
    /// A zone controller looks at its lease.
    Lease { pid: Pid, life: u32 },
    /// A renewal of a lease ends that began then.
    Renewed { pid: Pid, life: u32, began: u64 },
    /// A zone controller goes on that stood still between deciding and saving.
    Belated { pid: Pid, life: u32, effects: Vec<rollcall_zone_controller::core::Effect> },
    /// A process notices that its connection is up or down.
    Link { pid: Pid, life: u32, up: bool },
    /// The broker notices that a connection is dead.
    SessionDead { session: SessionId },
    /// The broker is back.
    BrokerBack,
    /// A process loses its connection with a node of the broker.
    Parts { pid: Pid, life: u32, end: NodeEnd },
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
    pub violations: Violations,
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
    /// What is done wrong here on purpose.
    pub(super) planted: Option<Bug>,
    pub(super) agenda: Agenda<Happening>,
    pub(super) chance: Chance,
    pub(super) rates: Rates,
    pub(super) journal: Journal,
    pub(super) tally: Tally,
    pub(super) broker: Broker,
    pub(super) broker_up: bool,
    /// Until when the broker reads from no publisher.
    pub(super) blocked_until: u64,
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
    /// Until when nothing more can be written on the disk of each rack.
    pub(super) full_until: Vec<u64>,
    /// Until when the database answers nobody.
    pub(super) database_away_until: u64,
    /// From when on everybody alive has had time to settle.
    pub(super) settled_from: u64,
    /// How long the acting zone controller works on what it was given.
    pub(super) toil: Toil,
    /// What each zone controller knows of its lease.
    pub(super) offices: Vec<Office>,
    pub(super) commands: Commands,
}

impl World {
    /// The world of a seed, with nothing started yet.
    ///
    /// # Panics
    /// When there is no memory for a database or a runtime.
    #[must_use]
    pub fn new(seed: u64, keep: Keep, planted: Option<Bug>) -> Self {
        let mut chance = Chance::of_seed(seed);
        let rates = chance.rates();
        let scene = Scene::draw(&mut chance);
        let mut world = Self::of_scene(seed, keep, scene, chance, rates);
        world.planted = planted;
        world.set_out();
        world
    }

    /// A scene in which nothing is to happen yet.
    pub(super) fn of_scene(seed: u64, keep: Keep, scene: Scene, mut chance: Chance, rates: Rates) -> Self {
        let runtime = match tokio::runtime::Builder::new_current_thread().build() {
            Ok(runtime) => runtime,
            Err(error) => panic!("no runtime: {error}"),
        };
        let store = match runtime.block_on(Store::open("sqlite::memory:")) {
            Ok(store) => store,
            Err(error) => panic!("no store: {error}"),
        };
        let nodes = scene.nodes(&mut chance);
        let mut broker = Broker::new();
        let processes = scene.processes(&nodes);
        let wires = processes.iter().map(|it| broker.connect(&scene.principal(it.role, &nodes))).collect();
        let liar = broker.connect(&liar());
        Self {
            seed,
            planted: None,
            agenda: Agenda::default(),
            chance,
            rates,
            journal: Journal::new(keep),
            tally: Tally::default(),
            broker,
            broker_up: true,
            blocked_until: 0,
            wires,
            liar,
            processes,
            dns: Dns::default(),
            watch: Watch::default(),
            memories: vec![Memory::default(); scene.checkins],
            spools: vec![BTreeMap::new(); scene.racks],
            full_until: vec![0; scene.racks],
            database_away_until: 0,
            toil: Toil::default(),
            settled_from: SETTLED,
            offices: (0..ZONES).map(|number| Office::new(number, &store)).collect(),
            commands: Commands::default(),
            scene,
            nodes,
            store,
            runtime,
        }
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
        self.now() >= self.settled_from
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

    pub(super) fn happen(&mut self, happening: Happening) {
        let Some(happening) = self.unless_paused(happening) else { return };
        match happening {
            Happening::Deadline { pid, at, .. } => self.deadline(pid, at),
            Happening::Arrive { from, session, message, reply } => self.arrive(from, session, message, reply),
            Happening::Reply { pid, mark, result, .. } => self.replied(pid, mark, result),
            Happening::Deliver { pid, lane, .. } => self.deliver(pid, lane),
            Happening::Sight { pid, owner, announcement, .. } => self.sighted(pid, owner, announcement),
            Happening::Gone { pid, owner, .. } => self.gone(pid, owner),
            Happening::AskAround => self.ask_around(),
            Happening::Start { pid, .. } => self.start(pid),
            Happening::Connect { pid, .. } => self.connect(pid),
            Happening::Lease { pid, .. } => self.lease(pid),
            Happening::Renewed { pid, began, .. } => self.renewed(pid, began),
            Happening::Belated { pid, effects, .. } => self.zone_goes_on(pid, effects),
            Happening::Link { pid, up, .. } => self.linked(pid, up),
            Happening::SessionDead { session } => self.session_dead(session),
            Happening::BrokerBack => self.broker_back(),
            Happening::Parts { pid, end, .. } => self.parts(pid, end),
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
            | Happening::Lease { pid, life }
            | Happening::Renewed { pid, life, .. }
            | Happening::Belated { pid, life, .. }
            | Happening::Link { pid, life, .. } => (*pid, *life),
            Happening::Start { pid, life } | Happening::Connect { pid, life } | Happening::Parts { pid, life, .. } => {
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
        let is_work =
            matches!(happening, Happening::Deadline { .. } | Happening::Deliver { .. } | Happening::Sight { .. });
        if is_work && let Err(later) = self.acts(pid) {
            self.agenda.enter(later, happening);
            return None;
        }
        Some(happening)
    }
}
