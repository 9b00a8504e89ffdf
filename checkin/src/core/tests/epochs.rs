//! Property: whatever is lost, repeated, restarted or set back, the epochs a node is told never go back, and no two
//! runs of its agent are told the same one.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

/// What can happen.
#[derive(Clone, Debug)]
enum Happening {
    /// The present run of the agent asks.
    Ask,
    /// The agent is started anew; it may remember its epoch.
    NewRun { remembers: bool },
    /// The agent finds other hardware and asks.
    HotPlug,
    /// The zone takes the oldest message it was sent.
    ZoneWorks,
    /// The zone's answer is lost.
    AnswerLost,
    /// The zone's database is set back to an older copy.
    ZoneSetBack,
    /// Time passes.
    Wait(u64),
    /// The service dies at its next effects: after so many of them were carried out, saves first.
    Crash(usize),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => Just(Happening::Ask),
        2 => any::<bool>().prop_map(|remembers| Happening::NewRun { remembers }),
        1 => Just(Happening::HotPlug),
        4 => Just(Happening::ZoneWorks),
        1 => Just(Happening::AnswerLost),
        1 => Just(Happening::ZoneSetBack),
        3 => (1_u64..5_000).prop_map(Happening::Wait),
        1 => (0_usize..6).prop_map(Happening::Crash),
    ]
}

/// What the zone has of the node.
#[derive(Clone, Debug, Default)]
struct Stored {
    epoch: u32,
    run: Option<(InstanceId, u64)>,
}

struct World {
    service: Checkin,
    disk: Vec<Record>,
    now: u64,
    crash: Option<usize>,
    to_zone: VecDeque<JoinRequest>,
    stored: Stored,
    backup: Stored,
    run: u32,
    plugged: u32,
    remembered: u32,
    /// (run, epoch) as the node was told.
    told: Vec<(InstanceId, u32)>,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            service: Checkin::resumed(settings(), Memory::default()),
            disk: Vec::new(),
            now: 0,
            crash: None,
            to_zone: VecDeque::new(),
            stored: Stored::default(),
            backup: Stored::default(),
            run: 0,
            plugged: 0,
            remembered: 0,
            told: Vec::new(),
        };
        world.happens(Event::LinkUp);
        world.happens(delivered(Packet::GroupTable(table())));
        world
    }

    fn subscription(&self) -> NodeSubscription {
        let base = subscription(&format!("run {}", self.run), [10, 1, 0, 9]);
        NodeSubscription { hardware: hardware(self.plugged), epoch: SessionEpoch(self.remembered), ..base }
    }

    fn happens(&mut self, event: Event) {
        let effects = self.service.step(at(self.now), event);
        // As the driver: saves first, then the rest.
        let (saves, rest): (Vec<_>, Vec<_>) = effects.into_iter().partition(|e| matches!(e, Effect::Save(_)));
        for (done, effect) in saves.into_iter().chain(rest).enumerate() {
            if self.crash == Some(done) {
                return self.restart();
            }
            self.carry_out(effect);
        }
    }

    fn restart(&mut self) {
        self.crash = None;
        let mut memory = Memory::default();
        self.disk.iter().cloned().for_each(|record| memory.take(record));
        // A rewritten journal leads to the same memory.
        let mut rewritten = Memory::default();
        memory
            .records()
            .chain(memory.table().map(|t| Record::Table(Box::new(t.clone()))))
            .for_each(|r| rewritten.take(r));
        assert_eq!(memory, rewritten);
        self.service = Checkin::resumed(settings(), memory);
        self.happens(Event::LinkUp);
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Save(record) => self.disk.push(record),
            Effect::Publish(message) => match Envelope::decode(&message.body).unwrap().packet {
                Packet::JoinRequest(request) => self.to_zone.push_back(*request),
                Packet::Assignment(Assignment { instance, decision: Decision::Accepted(assigned), .. }) => {
                    self.told.push((instance, assigned.epoch.0));
                    if instance == self.subscription().instance {
                        self.remembered = self.remembered.max(assigned.epoch.0);
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }

    /// The zone's rules for joins.
    fn zone_works(&mut self, answers: bool) {
        let Some(request) = self.to_zone.pop_front() else { return };
        let subscription = &request.subscription;
        let run = (subscription.instance, subscription.hardware.digest());
        let granted = request.granted.map_or(0, |epoch| epoch.0);
        let (stored, told) = (self.stored.epoch, subscription.epoch.0);
        let same = self.stored.run == Some(run) && stored >= granted.max(told);
        if !same {
            let takes = granted > stored && granted >= told;
            let epoch = if takes { granted } else { stored.max(told).max(granted) + 1 };
            self.stored = Stored { epoch, run: Some(run) };
        }
        let accepted = JoinAccepted {
            epoch: SessionEpoch(self.stored.epoch),
            group: request.group,
            group_name: request.group_name.clone(),
        };
        let decision = JoinDecision {
            node: subscription.identifier.node,
            instance: subscription.instance,
            decision: Decision::Accepted(accepted),
        };
        if answers {
            self.happens(delivered(Packet::JoinDecision(decision)));
        }
    }

    fn pass(&mut self, span: u64) {
        let until = self.now + span;
        while self.service.next_deadline().0.max(self.now) <= until {
            self.now = self.service.next_deadline().0.max(self.now);
            self.happens(Event::Tick);
            self.now += 1;
        }
        self.now = until;
    }

    fn take(&mut self, happening: &Happening) {
        match happening {
            Happening::Ask => {}
            Happening::NewRun { remembers } => {
                self.run += 1;
                self.remembered = if *remembers { self.remembered } else { 0 };
            }
            Happening::HotPlug => self.plugged += 1,
            Happening::ZoneWorks => return self.zone_works(true),
            Happening::AnswerLost => return self.zone_works(false),
            Happening::ZoneSetBack => {
                std::mem::swap(&mut self.stored, &mut self.backup);
                if self.backup.epoch < self.stored.epoch {
                    self.backup = self.stored.clone();
                }
                return;
            }
            Happening::Wait(span) => return self.pass(*span),
            Happening::Crash(after) => {
                self.crash = Some(*after);
                return;
            }
        }
        self.happens(delivered(Packet::NodeSubscription(Box::new(self.subscription()))));
    }
}

fn hardware(plugged: u32) -> HardwareTopology {
    HardwareTopology { kernel: Some(format!("kernel {plugged}")), ..HardwareTopology::default() }
}

/// The kernel is no part of the combination: all of the node's hardware is known.
fn table() -> GroupTable {
    knowing(7)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn epochs_told_to_a_node_never_go_back_nor_repeat_for_different_runs(
        happenings in proptest::collection::vec(happening(), 1..60)
    ) {
        let mut world = World::new();
        for happening in &happenings {
            world.take(happening);
        }
        // In the end the zone is there and the present run is served.
        world.crash = None;
        world.take(&Happening::Ask);
        for _ in 0..200 {
            world.zone_works(true);
            world.pass(500);
        }
        let mut last: Option<(InstanceId, u32)> = None;
        for (run, epoch) in &world.told {
            if let Some((before, greatest)) = last {
                let forward = if before == *run { *epoch >= greatest } else { *epoch > greatest };
                prop_assert!(forward, "{run} was told {epoch} after {before} had {greatest}: {:?}", world.told);
            }
            last = Some((*run, *epoch));
        }
        let present = world.subscription().instance;
        prop_assert!(world.told.iter().any(|(run, _)| *run == present), "the present run was served");
        prop_assert_eq!(world.service.repeats.len(), 0, "nothing is left to tell the zone");
    }
}
