//! Joins: saved before they are answered (Z5). A node ends in one logical and one physical group.

use std::sync::Arc;

use rollcall_model::packet::{
    Arrival, ArrivalAccepted, ArrivalDecision, Decision, IdentityClash, JoinAccepted, JoinDecision, JoinRequest,
    NodeSubscription, Packet,
};
use rollcall_model::{Capability, GroupId, Health, InstanceId, NodeId, NodeState, Now, Principal, SessionEpoch, route};
use rollcall_store::{Change, GroupKind, NodeRecord};
use serde_json::json;

use super::{Effect, Zone};

/// How far an epoch told by others may be ahead of the stored one; more is a fault or a lie.
const FARTHEST_LEAP: u32 = 1 << 20;

/// An epoch for a node that asks to join.
#[derive(Clone, Copy)]
enum Given {
    /// It was given to this run before, and is saved.
    Before(SessionEpoch),
    /// To be saved.
    New(SessionEpoch),
}

impl Given {
    const fn epoch(self) -> SessionEpoch {
        match self {
            Self::Before(epoch) | Self::New(epoch) => epoch,
        }
    }
}

impl Zone {
    /// A check-in service's plan. The same run of an agent that asks again gets the same epoch again.
    pub(super) fn on_join_request(&mut self, now: Now, request: JoinRequest, effects: &mut Vec<Effect>) {
        let inbox = route::checkin_inbox(request.checkin);
        let (node, instance) = (request.subscription.identifier.node, request.subscription.instance);
        self.enrolment.is_through(now.tick, &Principal::Node(node));
        let decision = if request.group != request.capability.group_id() {
            self.count("join", "wrong_group");
            let message = format!("group {} is not the group of {}", request.group, request.capability);
            Decision::Refused { reason: "wrong_group".into(), message }
        } else if self.enrolment.is_revoked(&Principal::Node(node)) {
            let message = format!("node {node} was revoked");
            self.ignore(now, "join", "revoked", request.subscription.name.as_str(), &message, effects);
            Decision::Refused { reason: "revoked".into(), message }
        } else if let Err((reason, message)) = self.judge_combination(now, &request, effects) {
            match reason {
                // Told once, when it began to wait.
                "held" => self.count("join", reason),
                _ => self.ignore(now, "join", reason, request.subscription.name.as_str(), &message, effects),
            }
            Decision::Refused { reason: reason.into(), message }
        } else {
            Decision::Accepted(self.save_join(now, request, effects))
        };
        effects.push(self.tell(now, inbox, Packet::JoinDecision(JoinDecision { node, instance, decision })));
    }

    fn save_join(&mut self, now: Now, request: JoinRequest, effects: &mut Vec<Effect>) -> JoinAccepted {
        let JoinRequest { checkin, subscription, capability, group_name, reason, granted, .. } = request;
        let (group, group_name) = self.create_logical_group(now, &capability, group_name, "check-in", effects);
        let node = subscription.identifier.node;
        let given = self.give_epoch(now, &subscription, group, granted, effects);
        let Given::New(epoch) = given else {
            return JoinAccepted { epoch: given.epoch(), group, group_name };
        };
        let known = self.nodes.get(&node);
        let record = NodeRecord {
            node,
            name: subscription.name.clone(),
            address: subscription.address,
            instance: Some(subscription.instance),
            epoch,
            logical: Some(group),
            physical: known.and_then(|known| known.physical),
            state: NodeState::Joining,
            health: known.map_or_else(Health::unmeasured, |known| known.health),
            last_change: known.map_or((0, 0), |known| known.last_change),
            place: subscription.place.clone(),
            capability: Some(capability.clone()),
            hardware: Some(Arc::new(subscription.hardware.clone())),
            policy: known.map_or(0, |known| known.policy),
        };
        let physical = record.physical;
        self.nodes.insert(node, record);
        effects.push(Effect::Save(Change::NodeJoined {
            identifier: subscription.identifier,
            name: subscription.name,
            address: subscription.address,
            place: subscription.place,
            instance: subscription.instance,
            epoch,
            group,
            capability,
            hardware: Box::new(subscription.hardware),
            reason,
            checkin,
            at: now.wall,
        }));
        if let Some(physical) = physical {
            // Its rack learns the new epoch, and watches it even if the node dies before its first status packet.
            self.tell_epoch(now, physical, node, effects);
            self.unplaced.expect(now.tick, node, epoch);
        } else {
            self.unplaced.wait_for(now.tick, node);
        }
        self.facts_changed(now, node, effects);
        self.set_hardware_aside(node);
        JoinAccepted { epoch, group, group_name }
    }

    /// The epoch of a node that asks to join: the one it has when the same run of the agent asks again with the same
    /// hardware, a new one otherwise. No epoch goes back: not behind what a check-in service gave while the zone was
    /// away (`granted`), nor behind what the node kept, which heals a lost database.
    fn give_epoch(
        &mut self,
        now: Now,
        subscription: &NodeSubscription,
        group: GroupId,
        granted: Option<SessionEpoch>,
        effects: &mut Vec<Effect>,
    ) -> Given {
        let known = self.nodes.get(&subscription.identifier.node);
        let stored = known.map_or(SessionEpoch::default(), |known| known.epoch);
        let (told, granted) = (subscription.epoch, granted.unwrap_or_default());
        let furthest = told.max(granted);
        let same = known.is_some_and(|known| {
            known.instance == Some(subscription.instance)
                && known.logical == Some(group)
                && self.makes.get(&known.node).is_some_and(|make| make.is(&subscription.hardware))
        });
        if furthest.0 > stored.0.saturating_add(FARTHEST_LEAP) {
            let message = format!("it tells of epoch {}, {} was given: not believed", furthest.0, stored.0);
            self.ignore(now, "join", "epoch_leap", subscription.name.as_str(), &message, effects);
            return if same { Given::Before(stored) } else { Given::New(stored.next()) };
        }
        match () {
            () if same && stored >= furthest => Given::Before(stored),
            () if granted > stored && granted >= told => Given::New(granted),
            () => Given::New(stored.max(furthest).next()),
        }
    }

    /// A group controller found a node at its place.
    pub(super) fn on_arrival(&mut self, now: Now, arrival: &Arrival, effects: &mut Vec<Effect>) {
        if !self.is_current(arrival.group, arrival.session) {
            return self.refuse_stale(now, "arrival", arrival.group, effects);
        }
        let decision = match self.claimed_elsewhere(arrival) {
            Some(message) => {
                let who = arrival.presence.name.to_string();
                self.ignore(now, "arrival", "claimed_by_another", &who, &message, effects);
                Decision::Refused { reason: "claimed_by_another".into(), message }
            }
            None => {
                let epoch = self.save_arrival(now, arrival, effects);
                Decision::Accepted(self.accepted(arrival.presence.node, epoch))
            }
        };
        let (node, instance) = (arrival.presence.node, arrival.presence.instance);
        let answer = ArrivalDecision { group: arrival.group, node, instance, decision };
        effects.push(self.tell(now, route::group_inbox(arrival.group), Packet::ArrivalDecision(answer)));
    }

    /// What a group controller is told of a node that stands at its place: its epoch, and the hardware it has in that.
    pub(super) fn accepted(&self, node: NodeId, epoch: SessionEpoch) -> ArrivalAccepted {
        let capability = self.nodes.get(&node).and_then(|known| known.capability.as_ref());
        ArrivalAccepted { epoch, capability_digest: capability.map(Capability::short_digest) }
    }

    /// A live node cannot stand in two racks: the first claim holds as long as that run of the agent lives.
    fn claimed_elsewhere(&self, arrival: &Arrival) -> Option<String> {
        let known = self.nodes.get(&arrival.presence.node)?;
        let other = known.physical.filter(|group| *group != arrival.group)?;
        let alive = matches!(known.state, NodeState::Healthy | NodeState::Degraded | NodeState::Suspect);
        (alive && known.instance == Some(arrival.presence.instance)).then(|| {
            let name = self.groups.get(&other).map_or_else(|| other.to_string(), |group| group.name.to_string());
            format!(
                "node {} stands in group {name} already: the places or ranges of two group controllers overlap",
                known.name
            )
        })
    }

    fn save_arrival(&mut self, now: Now, arrival: &Arrival, effects: &mut Vec<Effect>) -> SessionEpoch {
        let presence = &arrival.presence;
        let record = self.nodes.entry(presence.node).or_insert_with(|| NodeRecord {
            node: presence.node,
            name: presence.name.clone(),
            address: presence.address,
            instance: None,
            epoch: SessionEpoch::default(),
            logical: None,
            physical: None,
            state: NodeState::Joining,
            health: Health::unmeasured(),
            last_change: (0, 0),
            place: presence.place.clone(),
            capability: None,
            hardware: None,
            policy: 0,
        });
        let epoch = record.epoch;
        if record.physical == Some(arrival.group) {
            return epoch;
        }
        let (left, taken) = (record.physical.replace(arrival.group), record.last_change);
        // Each group numbers its own changes.
        record.last_change = self.left.get(&(presence.node, arrival.group)).copied().unwrap_or_default();
        self.members.entry(arrival.group).or_default().insert(presence.node);
        effects.push(Effect::Save(Change::NodePlaced {
            node: presence.node,
            name: presence.name.clone(),
            address: presence.address,
            group: arrival.group,
            at: now.wall,
        }));
        if let Some(left) = left {
            self.left.insert((presence.node, left), taken);
            self.members.entry(left).or_default().remove(&presence.node);
            self.tell_moved(now, left, presence.node, presence.instance, effects);
        }
        self.overview.unplaced.remove(&presence.node);
        self.unplaced.expect(now.tick, presence.node, epoch);
        self.facts_changed(now, presence.node, effects);
        epoch
    }

    /// The group controller of a rack learns which epoch a node has that stands there.
    pub(super) fn tell_epoch(&mut self, now: Now, group: GroupId, node: NodeId, effects: &mut Vec<Effect>) {
        let Some(known) = self.nodes.get(&node) else { return };
        // One that never checked in is told by the run of nobody: the group controller looks at the node only.
        let instance = known.instance.unwrap_or(InstanceId::from_bytes([0; 16]));
        let decision = Decision::Accepted(self.accepted(node, known.epoch));
        let told = ArrivalDecision { group, node, instance, decision };
        effects.push(self.tell(now, route::group_inbox(group), Packet::ArrivalDecision(told)));
    }

    /// The group controller of a rack learns that a node does not stand there (any more).
    pub(super) fn tell_moved(
        &mut self,
        now: Now,
        group: GroupId,
        node: NodeId,
        instance: InstanceId,
        effects: &mut Vec<Effect>,
    ) {
        let message = format!("node {node} stands in another group");
        let decision = Decision::Refused { reason: "moved".into(), message };
        let told = ArrivalDecision { group, node, instance, decision };
        effects.push(self.tell(now, route::group_inbox(group), Packet::ArrivalDecision(told)));
    }

    /// Whether a message of this group belongs to its present membership.
    pub(super) fn is_current(&self, group: GroupId, session: u32) -> bool {
        self.groups.get(&group).is_some_and(|known| known.kind == GroupKind::Physical && known.session == session)
    }

    pub(super) fn on_identity_clash(&mut self, now: Now, clash: &IdentityClash, effects: &mut Vec<Effect>) {
        let node = clash.identifier.node;
        let run =
            |instance: Option<InstanceId>| instance.map_or_else(|| "unknown run".into(), |it| format!("run {it}"));
        // Of the two live sessions one tells of the clash; the other is the one that checked in, unless that is itself.
        let other = self.nodes.get(&node).filter(|known| known.instance != Some(clash.instance));
        let holder = other.map_or_else(
            || "whose session this zone does not know".to_owned(),
            |known| format!("{} at {} ({})", known.name, known.address, run(known.instance)),
        );
        let message = format!(
            "{} at {} ({}) has the node identifier {node} of another live agent, {holder}: a cloned disk or two agents on \
             one machine; give the clone a new /etc/machine-id or stop one",
            clash.name,
            clash.address,
            run(Some(clash.instance))
        );
        self.ignore_of(
            now,
            ("join", "identity_clash"),
            (clash.name.as_str(), json!({ "node": node })),
            &message,
            effects,
        );
    }
}
