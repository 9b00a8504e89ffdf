//! Connections: opening, losing and finding again; and the broker's own end and return.

use rollcall_bus::local::SessionId;
use rollcall_bus::{DeclareError, Overflow, Queue, QueueClass, Topology};
use rollcall_group_controller::topology::{BROKER_EVENTS, PRESENCE};
use rollcall_model::{CheckinId, Tick, route};

use super::process::{Core, Lane, Pid, Role};
use super::world::{Happening, World};

/// How a node of the broker ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeEnd {
    /// Killed: its queues go with it.
    Lost,
    /// Drained or stopped in order: it closes every connection.
    Drained,
}

impl World {
    /// A process tries to connect, and to get its inbox.
    pub(super) fn connect(&mut self, pid: Pid) {
        let process = &self.processes[pid];
        let life = process.life;
        if process.session.is_some() {
            return;
        }
        if process.is_cut() || !self.broker_up {
            let after = self.chance.between(300, 1_500);
            return self.soon(after, Happening::Connect { pid, life });
        }
        let session = self.broker.connect(&self.scene.principal(process.role, &self.nodes));
        let role = process.role;
        match self.broker.declare(session, &self.topology(role)) {
            Ok(_) => {}
            Err(DeclareError::Locked { queue }) => {
                self.broker.disconnect(session);
                self.note_of(pid, format_args!("cannot connect: {queue} is held by a former connection"));
                self.tally.count("connections refused for an inbox in use");
                return self.soon(1_000, Happening::Connect { pid, life });
            }
            Err(DeclareError::NotYet { .. }) => {
                self.broker.disconnect(session);
                self.note_of(pid, "connected, and waits for the zone's exchanges");
                self.tally.count("connections that waited for the zone");
                return self.soon(1_000, Happening::Connect { pid, life });
            }
            Err(error) => panic!("the broker refused a topology: {error}"),
        }
        let mut consumers = Vec::new();
        for (lane, queue) in self.lanes(role) {
            match self.broker.consume(session, &queue, 512) {
                Ok(consumer) => consumers.push((lane, consumer)),
                Err(error) => panic!("the broker refused a consumer: {error}"),
            }
        }
        let process = &mut self.processes[pid];
        process.session = Some(session);
        process.kept.clear();
        process.consumers = consumers;
        (process.back_at, process.parted_at) = (self.agenda.now(), None);
        self.note_of(pid, "connected");
        let is_begun = !matches!(self.processes[pid].core, None | Some(Core::Standby(_)));
        if is_begun {
            self.soon(0, Happening::Link { pid, life, up: true });
        } else {
            self.begin(pid);
        }
        self.wake_consumers();
    }

    /// The process has lost its connection, and knows it.
    pub(super) fn lose_session(&mut self, pid: Pid) {
        let Some(session) = self.processes[pid].session else { return };
        self.broker.disconnect(session);
        let after = self.chance.between(50, 1_500);
        self.session_lost(pid, after);
    }

    fn session_lost(&mut self, pid: Pid, back_after: u64) {
        let process = &mut self.processes[pid];
        process.session = None;
        process.consumers.clear();
        let life = process.life;
        self.note_of(pid, "connection lost");
        self.soon(0, Happening::Link { pid, life, up: false });
        self.soon(back_after, Happening::Connect { pid, life });
        self.wake_consumers();
    }

    /// A node of the broker ends, and with it the connections of whoever was connected to it. They come back by another, which takes
    /// some of them longer than a node may be silent.
    pub(super) fn broker_node_ends(&mut self, end: NodeEnd) {
        let here: Vec<Pid> = (0..self.processes.len())
            .filter(|pid| self.processes[*pid].session.is_some())
            .filter(|_| self.chance.happens(0.4))
            .collect();
        if here.len() < 3 {
            return;
        }
        self.tally.count(match end {
            NodeEnd::Lost => "broker nodes lost",
            NodeEnd::Drained => "broker nodes drained",
        });
        self.note("broker", format_args!("a node of it ends: {end:?}"));
        for pid in here {
            // One after the other, so that the first may be back before the last are closed.
            let at = if end == NodeEnd::Drained { self.chance.between(0, 400) } else { 0 };
            let life = self.processes[pid].life;
            self.soon(at, Happening::Parts { pid, life, end });
        }
    }

    /// A process loses its connection with a node of the broker.
    pub(super) fn parts(&mut self, pid: Pid, end: NodeEnd) {
        let Some(session) = self.processes[pid].session else { return };
        match end {
            NodeEnd::Lost => self.broker.lose(session),
            NodeEnd::Drained => self.broker.disconnect(session),
        }
        let after = self.chance.between(50, 8_000);
        self.session_lost(pid, after);
        // How many of a rack close together, and so whether they are excused, is chance when one is drained.
        self.processes[pid].parted_at = (end == NodeEnd::Lost).then_some(self.now());
    }

    /// The broker's heartbeats went unanswered for too long.
    pub(super) fn session_dead(&mut self, session: SessionId) {
        match self.processes.iter().position(|process| process.session == Some(session)) {
            Some(pid) if self.processes[pid].is_cut() => self.lose_session(pid),
            Some(_) => {}
            None => {
                self.broker.disconnect(session);
                self.wake_consumers();
            }
        }
    }

    /// The broker ends: every connection with it, every inbox, and perhaps what was lossy.
    pub(super) fn broker_ends(&mut self, away: u64) {
        self.tally.count("broker restarts");
        self.note("broker", format_args!("ends for {away} ms"));
        for pid in 0..self.processes.len() {
            self.lose_session(pid);
        }
        self.broker_up = false;
        self.soon(away, Happening::BrokerBack);
    }

    pub(super) fn broker_back(&mut self) {
        self.note("broker", "is back");
        self.broker_up = true;
    }

    fn topology(&self, role: Role) -> Topology {
        let inbox = self.scene.inbox(role, &self.nodes);
        let own = match role {
            Role::Zone(_) => rollcall_zone_controller::topology::topology(&inbox, &self.scene.channels()),
            Role::Checkin(number) => checkin_topology(self.scene.checkin(number)),
            Role::Group(number) => rollcall_group_controller::topology::topology(self.scene.group(number)),
            Role::Node(_) => Topology::default(),
        };
        own.merge(inbox_topology(&inbox))
    }

    fn lanes(&self, role: Role) -> Vec<(Lane, String)> {
        let mut lanes = vec![(Lane::Inbox, self.scene.inbox(role, &self.nodes))];
        match role {
            Role::Zone(_) => lanes.extend([
                (Lane::Joins, route::JOINS.to_owned()),
                (Lane::Alerts, "zone.alerts".to_owned()),
                (Lane::Analytics, "zone.analytics".to_owned()),
                (Lane::Policies, "zone.policies".to_owned()),
            ]),
            Role::Checkin(number) => {
                lanes.push((Lane::Subscriptions, route::checkin_queue(self.scene.checkin(number))));
            }
            Role::Group(number) => {
                let queue = |purpose: &str| route::group_queue(self.scene.group(number), purpose);
                lanes.extend([
                    (Lane::Presence, queue(PRESENCE)),
                    (Lane::Health, queue(route::HEALTH)),
                    (Lane::BrokerEvents, queue(BROKER_EVENTS)),
                    (Lane::Metrics, queue(route::METRICS)),
                    (Lane::HealthAlerts, queue(route::HEALTH_ALERTS)),
                    (Lane::HealthActions, queue(route::HEALTH_ACTIONS)),
                    (Lane::Availability, queue(route::AVAILABILITY)),
                ]);
            }
            Role::Node(_) => {}
        }
        lanes
    }

    /// How many messages were put aside.
    pub(super) fn parked(&mut self) -> usize {
        self.broker.advance(Tick(self.now()));
        self.broker.waiting(route::PARKED_QUEUE).unwrap_or_default()
    }
}

/// What every process declares.
fn inbox_topology(inbox: &str) -> Topology {
    Topology::default()
        .expect_exchange(route::DIRECT)
        .queue(Queue {
            name: inbox.into(),
            class: QueueClass::Exclusive,
            max_length: 1_024,
            overflow: Overflow::RejectPublish,
            max_age_ms: None,
            dead_letter: None,
        })
        .bind(route::DIRECT, inbox, inbox)
}

/// What a check-in service declares.
fn checkin_topology(checkin: CheckinId) -> Topology {
    let queue = route::checkin_queue(checkin);
    Topology::default()
        .expect_exchange(route::DIRECT)
        .expect_exchange(route::ZONE)
        .expect_exchange(route::PARKED)
        .queue(Queue {
            name: queue.clone(),
            class: QueueClass::Exclusive,
            max_length: 20_000,
            overflow: Overflow::RejectPublish,
            max_age_ms: Some(60_000),
            dead_letter: None,
        })
        .bind(route::DIRECT, &queue, &route::checkin_binding(checkin))
}
