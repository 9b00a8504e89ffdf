//! Who is in a world: its daemons, their ids and their settings.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use rollcall_group_controller::core::SealSecret;
use rollcall_model::policy::Resolved;
use rollcall_model::wire::txt::BrokerEndpoint;
use rollcall_model::{
    Capability, CheckinId, GroupId, InstanceId, Millis, Name, NodeId, Principal, Purpose, ZoneId, route,
};
use rollcall_node_agent::core::actions::Allowed;
use rollcall_zone_controller::core::{Admission, Succession, TablePolicy, TrustSettings};

use super::chance::Chance;
use super::process::{Process, Role};
use super::truth::{KINDS, NodeTruth, hardware};

/// How many zone controllers there are.
pub(super) const ZONES: usize = 2;

/// How many nodes share three parts of an address.
const HOSTS: usize = 200;

/// How many there are of each kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene {
    pub checkins: usize,
    pub racks: usize,
    pub nodes: usize,
}

impl fmt::Display for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} check-in services, {} racks, {} nodes", self.checkins, self.racks, self.nodes)
    }
}

fn name(text: &str) -> Name {
    Name::nearest(text, "x")
}

fn endpoint() -> BrokerEndpoint {
    BrokerEndpoint { host: "broker".into(), port: 5672, vhost: "sim".into() }
}

fn net(text: &str) -> ipnet::IpNet {
    match text.parse() {
        Ok(net) => net,
        Err(error) => unreachable!("{text} is a network: {error}"),
    }
}

/// By chance as the run's id is: another run has another.
fn secret_of(instance: InstanceId) -> SealSecret {
    let mut bytes = [7; 32];
    bytes[..16].copy_from_slice(instance.as_bytes());
    SealSecret::from_bytes(bytes)
}

/// The dictionary without dwells: readings here are taken once a second.
fn prompt() -> Resolved {
    let mut resolved = Resolved::default();
    for threshold in &mut resolved.thresholds {
        threshold.dwell = Millis(0);
    }
    resolved
}

impl Scene {
    pub fn draw(chance: &mut Chance) -> Self {
        Self { checkins: 1 + chance.below(2), racks: 2 + chance.below(2), nodes: 6 + chance.below(7) }
    }

    pub fn nodes(&self, chance: &mut Chance) -> Vec<NodeTruth> {
        (0..self.nodes)
            .map(|number| NodeTruth::new(number, chance.below(self.racks), chance.happens(0.5), chance.below(KINDS)))
            .collect()
    }

    pub fn processes(&self, nodes: &[NodeTruth]) -> Vec<Process> {
        let mut processes = vec![Process::new(Role::Zone(0), "zc-0".into())];
        processes.extend((0..self.checkins).map(|i| Process::new(Role::Checkin(i), format!("checkin-{i}"))));
        processes.extend((0..self.racks).map(|i| Process::new(Role::Group(i), format!("rack-{i}"))));
        let of_node = |(i, node): (usize, &NodeTruth)| Process::new(Role::Node(i), node.name.to_string());
        processes.extend(nodes.iter().enumerate().map(of_node));
        processes.push(Process::new(Role::Zone(1), "zc-1".into()));
        processes
    }

    pub fn zone(&self) -> ZoneId {
        ZoneId::derived_from("simulated zone")
    }

    pub fn zone_name(&self) -> Name {
        name("sim")
    }

    pub fn group(&self, number: usize) -> GroupId {
        GroupId::derived_from(&format!("rack {number}"))
    }

    pub fn checkin(&self, number: usize) -> CheckinId {
        CheckinId::of_service(&name(&format!("checkin-{number}")))
    }

    pub fn channels(&self) -> Vec<Purpose> {
        Purpose::standard().into()
    }

    pub fn principal(&self, role: Role, nodes: &[NodeTruth]) -> Principal {
        match role {
            Role::Zone(_) => Principal::Zone(self.zone()),
            Role::Checkin(number) => Principal::Checkin(self.checkin(number)),
            Role::Group(number) => Principal::Group(self.group(number)),
            Role::Node(number) => Principal::Node(nodes[number].node()),
        }
    }

    pub fn inbox(&self, role: Role, nodes: &[NodeTruth]) -> String {
        match role {
            Role::Zone(_) => route::zone_inbox(self.zone()),
            Role::Checkin(number) => route::checkin_inbox(self.checkin(number)),
            Role::Group(number) => route::group_inbox(self.group(number)),
            Role::Node(number) => route::node_inbox(nodes[number].node()),
        }
    }

    pub fn zone_settings(
        &self,
        instance: InstanceId,
        succession: Option<Succession>,
    ) -> rollcall_zone_controller::core::Settings {
        rollcall_zone_controller::core::Settings {
            zone: self.zone(),
            name: self.zone_name(),
            instance,
            addresses: vec![IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))],
            broker: endpoint(),
            api: "10.0.0.1:8080".into(),
            channels: self.channels(),
            admission: Admission { groups: vec!["rack-*".into()] },
            table: TablePolicy {
                attributes: Vec::new(),
                groups: vec![(Capability::of(&hardware(0), &[]), name("known"))],
                create_unknown: true,
            },
            keep_alive: Millis(1_000),
            places: Vec::new(),
            trust: TrustSettings::default(),
            succession,
        }
    }

    pub fn checkin_settings(&self, number: usize, instance: InstanceId) -> rollcall_checkin::core::Settings {
        rollcall_checkin::core::Settings {
            checkin: self.checkin(number),
            name: name(&format!("checkin-{number}")),
            zone_name: self.zone_name(),
            instance,
            address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)),
            // The second service is responsible for one rack only, the first for whatever nobody else is.
            ranges: vec![net(if number == 0 { "10.0.0.0/8" } else { "10.1.0.0/16" })],
            broker: endpoint(),
        }
    }

    pub fn group_settings(&self, number: usize, instance: InstanceId) -> rollcall_group_controller::core::Settings {
        rollcall_group_controller::core::Settings {
            zone_name: self.zone_name(),
            group: self.group(number),
            name: name(&format!("rack-{number}")),
            place: name(&format!("place-{number}")),
            ranges: vec![net(&format!("10.{number}.0.0/16"))],
            addresses: Vec::new(),
            instance,
            broker: ("broker".into(), 5672),
            seals: Some(secret_of(instance)),
            certified: false,
        }
    }

    pub fn node_settings(
        &self,
        node: &NodeTruth,
        number: usize,
        instance: InstanceId,
    ) -> rollcall_node_agent::core::Settings {
        rollcall_node_agent::core::Settings {
            identifier: node.identifier.clone(),
            name: node.name.clone(),
            address: Self::address(node, number),
            place: node.knows_place.then(|| name(&format!("place-{}", node.rack))),
            instance,
            hardware: node.hardware(),
            epoch: node.kept,
            keep_alive: Millis(1_000),
            sample_period: Millis(1_000),
            unpoliced: prompt(),
            allowed: Allowed { identify: true, ..Allowed::default() },
            remembered: node.journal.values().cloned().collect(),
            untold: node.journal.keys().copied().collect(),
        }
    }

    /// Where a node is reached: in the range of its rack.
    pub fn address(node: &NodeTruth, number: usize) -> IpAddr {
        let parts = [node.rack, number / HOSTS, number % HOSTS + 10];
        let [rack, part, host] = parts.map(|part| u8::try_from(part).unwrap_or_default());
        IpAddr::V4(Ipv4Addr::new(10, rack, part, host))
    }

    /// The process in this role.
    pub fn pid(&self, role: Role) -> usize {
        match role {
            Role::Zone(0) => 0,
            Role::Zone(_) => 1 + self.checkins + self.racks + self.nodes,
            Role::Checkin(number) => 1 + number,
            Role::Group(number) => 1 + self.checkins + number,
            Role::Node(number) => 1 + self.checkins + self.racks + number,
        }
    }

    /// The number of the node with this id.
    pub fn node_number(nodes: &[NodeTruth], id: NodeId) -> Option<usize> {
        nodes.iter().position(|node| node.node() == id)
    }
}
