//! What a steady fleet costs its zone: messages a minute from a rack of 10, of 100 and of 1,000 nodes.
//!
//! The group controller's real core in virtual time, with this process as its zone and its nodes. Every node speaks once
//! a second and tells its readings every ten, as agents do by default, and nothing changes. Whatever the core publishes
//! towards the zone is counted, by messages and bytes. Nothing is estimated and nothing depends on the machine.

use anyhow::ensure;
use rollcall_bus::Outgoing;
use rollcall_group_controller::core::{Effect, Event, Group, Settings};
use rollcall_model::indicator::INDICATORS;
use rollcall_model::packet::{
    Metrics, NodePolicyAck, Packet, PolicyUpdate, ROSTER_PART, Roster, RosterMember, ZoneSubscriber,
};
use rollcall_model::wire::txt::{BrokerEndpoint, Hello};
use rollcall_model::wire::v1::Envelope;
use rollcall_model::{GroupId, InstanceId, MessageId, Millis, Name, NodeState, Now, Tick, UnixMillis, ZoneId, route};

use crate::machine::{Machine, load};
use crate::report::{Row, Section, publish};
use crate::statuses::{EPOCH, healthy, node, status};

/// Sizes of the racks.
const FLEETS: [usize; 3] = [10, 100, 1_000];
/// The first minute, in which the rack joins and is told a policy, is not counted.
const BEFORE: u64 = 60_000;
/// Counted is so long, milliseconds.
const COUNTED: u64 = 600_000;
/// Pace of statuses and of readings, milliseconds.
const STATUSES: u64 = 1_000;
const READINGS: u64 = 10_000;
/// Resolution of virtual time, milliseconds.
const STEP: u64 = 100;
const SESSION: u32 = 1;

/// What went where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Messages to the zone.
    pub to_zone: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Messages from the nodes.
    pub from_nodes: u64,
}

struct Rack {
    core: Group,
    now: u64,
    traffic: Traffic,
}

fn group() -> GroupId {
    GroupId::derived_from("steady")
}

fn at(ms: u64) -> Now {
    Now { tick: Tick(ms), wall: UnixMillis(1_700_000_000_000 + ms) }
}

impl Rack {
    fn step(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for effect in self.core.step(at(self.now), event) {
                if let Effect::Publish(token, message) = effect {
                    self.count(&message);
                    events.push(Event::Published { token, result: Ok(()) });
                    events.extend(answer(&message));
                }
            }
        }
    }

    fn deliver(&mut self, packet: Packet) {
        self.step(delivered(packet));
    }

    fn count(&mut self, message: &Outgoing) {
        if message.exchange == route::ZONE || message.routing_key == route::JOINS {
            self.traffic.to_zone += 1;
            self.traffic.bytes += message.body.len() as u64;
        }
    }

    fn run(&mut self, nodes: usize, until: u64) {
        while self.now < until {
            self.now += STEP;
            for index in 0..nodes {
                // Nodes do not speak in chorus.
                let own = self.now + STEP * (index as u64 % 97);
                if own.is_multiple_of(STATUSES) {
                    self.traffic.from_nodes += 1;
                    let sequence = u32::try_from(self.now / STATUSES + 1).unwrap_or(u32::MAX);
                    self.step(Event::Status(status(node(index), sequence, healthy())));
                }
                if own.is_multiple_of(READINGS) {
                    self.traffic.from_nodes += 1;
                    let value = |bit: usize| ((index + bit) % 50) as f64;
                    let readings = INDICATORS.iter().map(|one| (one.name.to_owned(), value(one.bit))).collect();
                    self.deliver(Packet::Metrics(Metrics { node: node(index), epoch: EPOCH, readings }));
                }
            }
            self.step(Event::Tick);
        }
    }
}

fn delivered(packet: Packet) -> Event {
    Event::Delivered(Envelope::new(MessageId::derived_from("steady"), "inbox.steady", UnixMillis(0), packet))
}

/// What a node says to its policy.
fn answer(message: &Outgoing) -> Option<Event> {
    let to = route::node_of_inbox(&message.routing_key)?;
    let Packet::NodePolicy(policy) = Envelope::decode(&message.body).ok()?.packet else { return None };
    let ack = NodePolicyAck { node: to, epoch: EPOCH, version: policy.version, problem: None };
    Some(delivered(Packet::NodePolicyAck(ack)))
}

/// What a steady rack of so many nodes sends in [`COUNTED`].
#[must_use]
pub fn steady(nodes: usize) -> Traffic {
    let name = Name::nearest("steady", "rack");
    let settings = Settings {
        zone_name: name.clone(),
        group: group(),
        name: name.clone(),
        place: name.clone(),
        ranges: Vec::new(),
        addresses: Vec::new(),
        instance: InstanceId::derived_from("steady"),
        broker: ("127.0.0.1".into(), 5672),
        seals: None,
        certified: false,
    };
    let mut rack = Rack { core: Group::new(settings), now: 0, traffic: Traffic::default() };
    join(&mut rack, nodes, &name);
    rack.run(nodes, BEFORE);
    rack.traffic = Traffic::default();
    rack.run(nodes, BEFORE + COUNTED);
    rack.traffic
}

/// The rack becomes a member, is handed its roster, and is told a policy.
fn join(rack: &mut Rack, nodes: usize, name: &Name) {
    let (zone, instance) = (ZoneId::derived_from("steady"), InstanceId::derived_from("steady"));
    rack.step(Event::LinkUp);
    rack.step(Event::HelloHeard(Hello {
        zone,
        name: name.clone(),
        generation: 1,
        broker: BrokerEndpoint { host: "127.0.0.1".into(), port: 5672, vhost: "v".into() },
        api: "127.0.0.1:1".into(),
        addresses: Vec::new(),
        expires: None,
        ca: None,
        credential: None,
        signature: None,
    }));
    let parts = nodes.div_ceil(ROSTER_PART);
    rack.deliver(Packet::ZoneSubscriber(ZoneSubscriber {
        zone,
        zone_name: name.clone(),
        generation: 1,
        group: group(),
        instance,
        session: SESSION,
        channels: Vec::new(),
        keep_alive: Millis(STATUSES),
        roster_parts: u32::try_from(parts).unwrap_or(u32::MAX),
        status_exchanges: true,
    }));
    let members: Vec<RosterMember> = (0..nodes)
        .map(|index| RosterMember {
            node: node(index),
            name: Name::nearest(&format!("n{index}"), "n"),
            epoch: EPOCH,
            state: NodeState::Healthy,
            health: healthy(),
            capability_digest: None,
        })
        .collect();
    for (part, members) in (0..).zip(members.chunks(ROSTER_PART)) {
        rack.deliver(Packet::Roster(Roster { group: group(), session: SESSION, part, members: members.to_vec() }));
    }
    rack.deliver(Packet::PolicyUpdate(PolicyUpdate {
        group: group(),
        session: SESSION,
        version: 1,
        settings: rollcall_model::policy::Settings::default(),
        nodes: Vec::new(),
        allowed_actions: Vec::new(),
        summary_period_ms: READINGS,
    }));
}

/// Counts for each size of rack, prints the table, and refuses figures that grow with the nodes.
///
/// # Errors
/// When the zone hears more of a larger rack than of a smaller one, or the figures cannot be written.
pub fn run() -> anyhow::Result<()> {
    let load_before = load();
    let per_minute = |count: u64| count as f64 * 60_000.0 / COUNTED as f64;
    let counted = FLEETS.map(|nodes| (nodes, steady(nodes)));
    let rows = counted
        .iter()
        .map(|(nodes, traffic)| {
            Row::new(format!("a rack of {nodes} nodes: messages to the zone"), per_minute(traffic.to_zone), "per min")
                .beside(format!("from its nodes {:.0}", per_minute(traffic.from_nodes)))
                .note(format!("{:.1} KiB per min", per_minute(traffic.bytes) / 1_024.0))
        })
        .collect();
    publish("steady fleet", Section { machine: Machine::this(), load_before, rows })?;
    let [(_, smallest), .., (_, largest)] = &counted;
    ensure!(largest.to_zone <= smallest.to_zone, "messages to the zone grow with the number of nodes: {counted:?}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rack_ten_times_as_large_tells_its_zone_no_more() {
        let (small, large) = (steady(10), steady(100));
        assert_eq!(small.to_zone, large.to_zone);
        // A summary every ten seconds, for ten minutes, and nothing else.
        assert_eq!(small.to_zone, 60);
        assert!(large.from_nodes >= small.from_nodes * 9);
    }
}
