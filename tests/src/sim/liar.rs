//! A broken or captured node: it is logged in as itself, and says of others whatever it likes. The in-process broker holds
//! nobody to his keys, so what keeps it from harm is the receivers alone.

use rollcall_bus::{Assurance, Delivery, Outgoing, Sender};
use rollcall_model::indicator::DICTIONARY_VERSION;
use rollcall_model::packet::{
    Alerts, ArrivalDecision, Assignment, Decision, IdentityClash, Membership, NodeChange, NodeSubscription, Packet,
    Presence, PresenceRequest,
};
use rollcall_model::wire::availability::{self, RaMessage};
use rollcall_model::wire::status::{self, NodeStatus};
use rollcall_model::{
    AvailabilityKind, AvailabilityKinds, GroupId, Health, InstanceId, Millis, NodeId, NodeState, Now, Principal,
    SessionEpoch, route,
};

use super::invariants::no_lie_is_believed;
use super::process::{Pid, Role};
use super::world::{Happening, World};

/// Mean pause between two lies, milliseconds.
const PAUSE: u64 = 1_500;

/// Who lies.
pub(super) fn liar() -> Principal {
    Principal::Node(NodeId::derived_from("the liar"))
}

impl World {
    /// A lie, and the next one is entered. It goes on to the end.
    pub(super) fn somebody_lies(&mut self) {
        let next = self.chance.between(PAUSE / 2, PAUSE * 3 / 2);
        self.soon(next, Happening::Lie);
        if !self.broker_up {
            return;
        }
        self.tally.count("lies told");
        let lie = self.lie();
        self.note("the liar", format_args!("says {} to {:?}", lie.kind, lie.routing_key));
        let now = rollcall_model::Tick(self.now());
        // Whether anybody takes it does not matter to a liar.
        let _ = self.broker.publish(self.liar, now, lie);
        self.wake_consumers();
    }

    fn lie(&mut self) -> Outgoing {
        let number = self.chance.below(self.scene.nodes);
        let group = self.scene.group(self.chance.below(self.scene.racks));
        let victim = self.nodes[number].node();
        let now = Now { wall: rollcall_model::UnixMillis(self.now()), ..Now::default() };
        let instance = InstanceId::derived_from("of a lie");
        let inbox = |role| self.scene.inbox(role, &self.nodes);
        let (of_node, of_zone) = (inbox(Role::Node(number)), inbox(Role::Zone(0)));
        let checkin = self.scene.checkin(0);
        let (from, exchange, key, packet) = match self.chance.below(9) {
            0 => return bad_status(group, victim),
            8 => return bad_word(group, victim),
            1 => {
                let presence = self.presence_of(number, instance);
                (of_node, route::PRESENCE, String::new(), Packet::Presence(presence))
            }
            2 => {
                let key = route::checkin_key(checkin, victim);
                (
                    of_node,
                    route::DIRECT,
                    key,
                    Packet::NodeSubscription(Box::new(self.subscription_of(number, instance))),
                )
            }
            3 => {
                let packet = Packet::IdentityClash(IdentityClash {
                    identifier: self.nodes[number].identifier.clone(),
                    instance,
                    name: self.nodes[number].name.clone(),
                    address: [10, 0, 0, 9].into(),
                });
                (of_node, route::DIRECT, route::clash_key(victim), packet)
            }
            4 => (route::group_inbox(group), route::DIRECT, of_node, membership(group, victim, instance)),
            5 => {
                let decision = Decision::Refused { reason: "moved".into(), message: "says a liar".into() };
                let packet = Packet::ArrivalDecision(ArrivalDecision { group, node: victim, instance, decision });
                (of_zone, route::DIRECT, route::group_inbox(group), packet)
            }
            6 => {
                let key = route::zone_key("alerts", group);
                (route::group_inbox(group), route::ZONE, key, Packet::Alerts(alerts(group, victim)))
            }
            _ => {
                let decision = Decision::Refused { reason: "expired".into(), message: "says a liar".into() };
                let packet = Packet::Assignment(Assignment { zone: None, node: victim, instance, decision });
                (route::checkin_inbox(checkin), route::DIRECT, of_node, packet)
            }
        };
        // Half of them under the liar's own inbox.
        let from = if self.chance.happens(0.5) { from } else { liar().inbox().unwrap_or_default() };
        Sender::new(from, instance).lossy(now, exchange, key, packet)
    }

    fn presence_of(&self, number: usize, instance: InstanceId) -> Presence {
        let node = &self.nodes[number];
        Presence {
            node: node.node(),
            instance,
            name: node.name.clone(),
            address: [10, 0, 0, 9].into(),
            place: None,
            epoch: SessionEpoch(1),
        }
    }

    fn subscription_of(&self, number: usize, instance: InstanceId) -> NodeSubscription {
        let node = &self.nodes[number];
        NodeSubscription {
            identifier: node.identifier.clone(),
            instance,
            name: node.name.clone(),
            address: [10, 0, 0, 9].into(),
            place: None,
            hardware: super::truth::hardware((node.kind + 1) % super::truth::KINDS),
            epoch: SessionEpoch(1_000),
        }
    }

    /// Whether the broker says that the liar published this.
    pub(super) fn is_of_the_liar(delivery: &Delivery) -> bool {
        delivery.user_id.as_deref() == Some(liar().to_string().as_str())
    }

    /// A process takes what it was given for true.
    pub(super) fn believes(&mut self, pid: Pid, delivery: &Delivery) {
        let name = &self.processes[pid].name;
        let why = no_lie_is_believed::check(name, &delivery.kind, Self::is_of_the_liar(delivery));
        self.watch.violations.extend(why);
    }
}

/// "I am well", in another's name, in an epoch that would shut its own word out.
fn bad_status(group: GroupId, node: NodeId) -> Outgoing {
    let status = NodeStatus {
        node,
        health: Health::unmeasured(),
        dictionary: DICTIONARY_VERSION,
        epoch: SessionEpoch(1_000_000),
        sequence: u32::MAX,
        longest_silence: Millis(600_000),
        leaving: true,
        tag: None,
        availability: AvailabilityKinds::EMPTY,
    };
    Outgoing {
        exchange: route::GROUP.into(),
        routing_key: route::group_key(group, route::HEALTH, node),
        body: status.encode().to_vec(),
        kind: status::KIND,
        message_id: None,
        assurance: Assurance::Lossy,
        trace: None,
    }
}

/// "I am free", in another's name.
fn bad_word(group: GroupId, node: NodeId) -> Outgoing {
    let kinds = AvailabilityKinds::EMPTY.with(AvailabilityKind::Balance);
    Outgoing {
        routing_key: route::group_key(group, route::AVAILABILITY, node),
        body: RaMessage { node, epoch: SessionEpoch(1_000_000), kinds }.encode().to_vec(),
        kind: availability::KIND,
        ..bad_status(group, node)
    }
}

fn membership(group: GroupId, node: NodeId, instance: InstanceId) -> Packet {
    if node.as_bytes()[0].is_multiple_of(2) {
        return Packet::PresenceRequest(PresenceRequest { group, sign_of_life: false });
    }
    Packet::Membership(Membership {
        node,
        instance,
        group,
        group_name: rollcall_model::Name::nearest("liars", "liars"),
        channels: Vec::new(),
        keep_alive: Millis(600_000),
        seal: None,
    })
}

fn alerts(group: GroupId, node: NodeId) -> Alerts {
    let change = NodeChange {
        number: u64::MAX,
        node,
        epoch: SessionEpoch(1),
        state: NodeState::Down,
        health: Health::unmeasured(),
        at: rollcall_model::UnixMillis(0),
        cause: "says a liar".into(),
        metrics: std::collections::BTreeMap::new(),
    };
    Alerts { group, session: 1, changes: vec![change] }
}
