//! One simulated node: the agent's real core, a machine that does not exist, and the lives it is to lead. Synchronous: its
//! carrier hands it the time.

use std::net::IpAddr;
use std::sync::Arc;

use rollcall_model::policy::Resolved;
use rollcall_model::{CheckinId, InstanceId, Millis, Name, NodeId, Now, SessionEpoch, Tick};
use rollcall_node_agent::core::actions::Allowed;
use rollcall_node_agent::core::{Agent, Effect, Event, Settings};
use rollcall_node_agent::simulated::{Fault, Machine};
use rollcall_simulator::behaviour::Behaviour;
use rollcall_simulator::script::{Ailment, Ending, Life, Part};
use rollcall_simulator::{Dice, Generation, Scenario, load};

use super::tally::Tally;

/// What all nodes have in common.
#[derive(Debug)]
pub struct Fleet {
    /// What is simulated.
    pub scenario: Scenario,
    /// What machines are made of.
    pub generations: Vec<Generation>,
    /// The check-in service to ask.
    pub checkin: CheckinId,
    /// What is counted.
    pub tally: Tally,
}

/// A node.
pub struct Node {
    fleet: Arc<Fleet>,
    index: u32,
    place: Name,
    machine: Machine,
    lives: std::vec::IntoIter<Life>,
    next: Option<Life>,
    living: Option<Living>,
    epoch: SessionEpoch,
    led: u64,
    ended: u64,
}

struct Living {
    agent: Agent,
    life: Life,
    /// Its number in the tally.
    number: usize,
    stands: bool,
    next_sample: Tick,
}

/// Whom a rack's name tells: `rack-1` for 0.
#[must_use]
pub fn rack_name(rack: u32) -> Name {
    Name::nearest(&format!("rack-{}", rack + 1), "rack")
}

/// The machine of a part.
#[must_use]
pub fn machine(fleet: &Fleet, part: &Part) -> Machine {
    let machine = Machine::generate(fleet.scenario.seed, part.index);
    let machine = match fleet.generations.get(part.generation) {
        Some(generation) => machine.made_of(generation.hardware(part.index)),
        None => machine,
    };
    let per_hour = fleet.scenario.behaviour.iter().map(|behaviour| match behaviour {
        Behaviour::RandomFaults { per_node_and_hour } => *per_node_and_hour,
        _ => 0.0,
    });
    let mut machine = machine.with_faults_per_minute(per_hour.sum::<f64>() / 60.0);
    for ailing in &part.ailments {
        let fault = match ailing.what {
            Ailment::HotInlet => Fault::Inlet,
            Ailment::BadDrive => Fault::Drive,
            Ailment::LinkLost => Fault::Link,
        };
        machine.stage(fault, Tick(ailing.from), Millis(ailing.lasting));
    }
    machine
}

impl Node {
    /// A node that has not arrived.
    #[must_use]
    pub fn new(fleet: &Arc<Fleet>, part: &Part) -> Self {
        let mut lives = part.lives.clone().into_iter();
        Self {
            fleet: Arc::clone(fleet),
            index: part.index,
            place: rack_name(part.rack),
            machine: machine(fleet, part),
            next: lives.next(),
            lives,
            living: None,
            epoch: SessionEpoch::default(),
            led: 0,
            ended: 0,
        }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> NodeId {
        self.machine.identifier.node
    }

    /// Its machine's name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.machine.name
    }

    /// Where it stands.
    #[must_use]
    pub const fn place(&self) -> &Name {
        &self.place
    }

    /// The address it tells.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        let [_, high, middle, low] = (self.index + 1).to_be_bytes();
        IpAddr::from([10, high, middle, low])
    }

    /// When it arrives next; `None` while it lives, and when it will not any more.
    #[must_use]
    pub fn arrives(&self) -> Option<Tick> {
        self.next.filter(|_| self.living.is_none()).map(|life| Tick(life.from))
    }

    /// Whether it neither lives nor will.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.living.is_none() && self.next.is_none()
    }

    /// How many of its lives have ended.
    #[must_use]
    pub const fn ended(&self) -> u64 {
        self.ended
    }

    /// When it wants to be [due](Self::due) next.
    #[must_use]
    pub fn deadline(&self) -> Option<Tick> {
        let Some(living) = &self.living else { return self.arrives() };
        let end = living.life.end.map(|(at, _)| Tick(at));
        [Some(living.next_sample), living.agent.next_deadline(), end].into_iter().flatten().min()
    }

    /// Does what is due: arrive, take readings, speak, end. `linked` says whether its connection is up.
    pub fn due(&mut self, now: Now, linked: bool) -> Vec<Effect> {
        if self.arrives().is_some_and(|at| now.tick >= at) {
            return self.arrive(now, linked);
        }
        let Some(living) = &mut self.living else { return Vec::new() };
        if let Some((at, how)) = living.life.end
            && now.tick >= Tick(at)
        {
            return self.end(now, how);
        }
        if now.tick < living.next_sample {
            return self.step(now, Event::Tick);
        }
        let mut sample = self.machine.sample(now.tick, living.next_sample);
        living.next_sample = now.tick + living.agent.sample_period();
        load::lay_over(load::wave(&self.fleet.scenario.behaviour, now.tick), &mut sample.readings);
        self.step(now, Event::Sampled(sample))
    }

    /// Something happened to it. Who does not live hears nothing.
    pub fn step(&mut self, now: Now, event: Event) -> Vec<Effect> {
        let Some(living) = &mut self.living else { return Vec::new() };
        let effects = living.agent.step(now, event);
        for effect in &effects {
            if let Effect::Keep(epoch) = effect {
                self.epoch = *epoch;
            }
        }
        if !living.stands && living.agent.assigned().is_some() && living.agent.membership().is_some() {
            living.stands = true;
            self.fleet.tally.stands(living.number, now.wall.0);
        }
        effects
    }

    fn arrive(&mut self, now: Now, linked: bool) -> Vec<Effect> {
        let Some(life) = self.next.take() else { return Vec::new() };
        self.next = self.lives.next();
        // It may have come late: its certificate and its connection took their time, which is part of its way in.
        let arrived = now.wall.0.saturating_sub(now.tick.since(Tick(life.from)).0);
        let number = self.fleet.tally.arrived(self.index, self.led == 0, arrived);
        self.led += 1;
        let agent = Agent::new(self.settings());
        // Machines that start together do not look at themselves together.
        let phase =
            Dice::of(&[self.fleet.scenario.seed, u64::from(self.index), 6]).below(self.fleet.scenario.sample_period.0);
        let first = self.machine.sample(now.tick, now.tick);
        self.living = Some(Living { agent, life, number, stands: false, next_sample: now.tick + Millis(phase) });
        let mut effects = self.step(now, Event::CheckinFound(self.fleet.checkin));
        if linked {
            effects.extend(self.step(now, Event::LinkUp));
        }
        effects.extend(self.step(now, Event::Sampled(first)));
        effects
    }

    fn end(&mut self, now: Now, how: Ending) -> Vec<Effect> {
        let effects = if how == Ending::Left { self.step(now, Event::Leave) } else { Vec::new() };
        if let Some(living) = self.living.take() {
            self.fleet.tally.ended(living.number, now.wall.0, how);
            self.ended += 1;
        }
        effects
    }

    fn settings(&self) -> Settings {
        let scenario = &self.fleet.scenario;
        let mut dice = Dice::of(&[scenario.seed, u64::from(self.index), self.led]);
        let mut instance = [0; 16];
        instance[..8].copy_from_slice(&dice.roll().to_be_bytes());
        instance[8..].copy_from_slice(&dice.roll().to_be_bytes());
        Settings {
            identifier: self.machine.identifier.clone(),
            name: self.machine.name.clone(),
            address: self.address(),
            place: Some(self.place.clone()),
            instance: InstanceId::from_bytes(instance),
            hardware: self.machine.hardware.clone(),
            epoch: self.epoch,
            keep_alive: scenario.keep_alive.millis(),
            sample_period: scenario.sample_period.millis(),
            unpoliced: Resolved::default(),
            allowed: Allowed::default(),
            remembered: Vec::new(),
            untold: Vec::new(),
        }
    }
}
