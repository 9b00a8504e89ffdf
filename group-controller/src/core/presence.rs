//! Nodes at this place: found over the presence fanout, saved by the zone, answered (G3).

use std::collections::HashMap;

use rollcall_model::packet::{
    Arrival, ArrivalDecision, Channel, Decision, Membership, Packet, Presence, PresenceRequest,
};
use rollcall_model::{InstanceId, Millis, NodeId, Now, Purpose, Tick, Turnaround, route};

use super::{Effect, Group, Token};

/// An arrival the zone has not decided is sent again when the node calls again after this, and later if the zone takes its time.
const ARRIVAL_RETRY: Millis = Millis(3_000);
/// A stranger whose status packets come in, and a node in doubt, is asked to call at most this often.
const ASK_PERIOD: Millis = Millis(2_000);
/// Most arrivals waiting for the zone, and most strangers remembered.
const MOST_WAITING: usize = 20_000;

/// Who waits for the zone's word.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    waiting: HashMap<NodeId, Waiting>,
    turnaround: Turnaround,
}

#[derive(Debug)]
struct Waiting {
    presence: Presence,
    since: Tick,
    /// When the zone was asked last and may have it still.
    asked: Option<Tick>,
}

impl Arrivals {
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Forgets who was not asked for again since, and waits no more.
    pub fn forget(&mut self, now: Tick, after: Millis) {
        let turnaround = self.turnaround;
        self.waiting.retain(|_, waiting| turnaround.may_wait(waiting.asked.unwrap_or(waiting.since), after, now));
    }

    /// What was asked may be lost: the zone or the broker was away.
    pub fn reset(&mut self) {
        self.turnaround.reset();
        self.waiting.values_mut().for_each(|waiting| waiting.asked = None);
    }

    /// Since when this run of the node waits.
    fn since(&self, node: NodeId, instance: InstanceId) -> Option<Tick> {
        self.waiting.get(&node).filter(|waiting| waiting.presence.instance == instance).map(|waiting| waiting.since)
    }

    /// Takes up who waits; whether the zone is to be asked.
    fn take(&mut self, now: Tick, presence: &Presence) -> bool {
        let before = self.waiting.get(&presence.node).filter(|waiting| waiting.presence.instance == presence.instance);
        let asked = before.and_then(|waiting| waiting.asked);
        if asked.is_some_and(|asked| self.turnaround.may_wait(asked, ARRIVAL_RETRY, now)) {
            return false;
        }
        let since = before.map_or(now, |waiting| waiting.since);
        self.waiting.insert(presence.node, Waiting { presence: presence.clone(), since, asked: Some(now) });
        true
    }
}

impl Group {
    fn is_mine(&self, presence: &Presence) -> bool {
        match &presence.place {
            Some(place) => *place == self.settings.place,
            None => self.settings.ranges.iter().any(|range| range.contains(&presence.address)),
        }
    }

    pub(super) fn on_presence(&mut self, now: Now, presence: Presence, effects: &mut Vec<Effect>) {
        let Some(session) = self.subscription.as_ref().map(|known| known.session) else { return };
        if !self.is_mine(&presence) {
            return;
        }
        let (node, instance) = (presence.node, presence.instance);
        if self.roster.get(node).is_some_and(|member| member.instance == Some(instance)) {
            // Saved already; the node did not get the answer.
            return self.answer(now, node, instance, effects);
        }
        if self.arrivals.len() >= MOST_WAITING && !self.arrivals.waiting.contains_key(&node) {
            return self.refuse("overloaded");
        }
        if !self.arrivals.take(now.tick, &presence) {
            return;
        }
        let arrival = Packet::Arrival(Arrival { group: self.settings.group, session, presence });
        let arrival = self.sender.confirmed(now, route::DIRECT, route::JOINS.into(), arrival);
        effects.push(Effect::Publish(Token::None, arrival));
    }

    pub(super) fn on_arrival_decision(&mut self, now: Now, decision: ArrivalDecision, effects: &mut Vec<Effect>) {
        let ArrivalDecision { group, node, instance, decision } = decision;
        if group != self.settings.group {
            return self.refuse("for_another_run");
        }
        let since = self.arrivals.since(node, instance);
        if let Some(since) = since {
            self.arrivals.turnaround.answered(since, now.tick);
        }
        match decision {
            Decision::Accepted(accepted) if since.is_some() => {
                let name = self.arrivals.waiting.remove(&node).map(|waiting| waiting.presence.name);
                self.named.insert(node);
                self.roster.place(now, node, name, instance, accepted.epoch);
                self.expect(node, accepted.epoch, accepted.capability_digest);
                self.answer(now, node, instance, effects);
            }
            // Not asked for: the node checked in again and the zone tells its new epoch.
            Decision::Accepted(accepted) => {
                let known = self.roster.get(node).map(|member| member.epoch);
                if known == Some(accepted.epoch) {
                    // The node was heard in this epoch before the zone knew of it, which took no such word until now.
                    self.roster.tell_again(now, node);
                } else if known.is_some_and(|known| accepted.epoch > known) {
                    let instance = self.roster.get(node).and_then(|member| member.instance).unwrap_or(instance);
                    self.roster.place(now, node, None, instance, accepted.epoch);
                }
                self.expect(node, accepted.epoch, accepted.capability_digest);
            }
            Decision::Refused { message, .. } => {
                tracing::warn!(%node, "the zone does not let this node into the group: {message}");
                self.arrivals.waiting.remove(&node);
                // Should it stand here all the same, its next status packet makes it a stranger that is asked to call.
                self.roster.forget(now.tick, node);
                self.match_availability(now.tick);
                self.refuse("arrival_refused");
            }
        }
        // A node that joins anew is no target before it was heard.
        self.show_node(now.tick, node);
    }

    fn answer(&mut self, now: Now, node: NodeId, instance: InstanceId, effects: &mut Vec<Effect>) {
        let seal = self.give_seal(now, node, instance);
        let Some(subscription) = &self.subscription else { return };
        let membership = Packet::Membership(Membership {
            node,
            instance,
            group: self.settings.group,
            group_name: self.settings.name.clone(),
            channels: self.channels(node),
            keep_alive: subscription.keep_alive,
            seal,
        });
        let answer = self.sender.confirmed(now, route::DIRECT, route::node_inbox(node), membership);
        effects.push(Effect::Publish(Token::None, answer));
        self.tell_policy(now, node, effects);
    }

    /// The group's queues, told to a node (G4).
    fn channels(&self, node: NodeId) -> Vec<Channel> {
        let group = self.settings.group;
        let (address, port) = &self.settings.broker;
        [route::METRICS, route::HEALTH, route::HEALTH_ALERTS, route::HEALTH_ACTIONS]
            .into_iter()
            .filter_map(|purpose| {
                let (exchange, key) = if purpose == route::HEALTH && self.gives_status_exchange() {
                    (route::status_exchange(group), String::new())
                } else {
                    (route::GROUP.to_owned(), route::group_key(group, purpose, node))
                };
                Some(Channel {
                    purpose: Purpose::new(purpose).ok()?,
                    address: address.clone(),
                    port: *port,
                    exchange,
                    queue: route::group_queue(group, purpose),
                    key,
                })
            })
            .collect()
    }

    /// Whether nodes may write to the group's own exchange: the zone says so once it has given them the right.
    fn gives_status_exchange(&self) -> bool {
        self.subscription.as_ref().is_some_and(|known| known.status_exchanges)
    }

    /// Status packets of a node that is not in the roster, or of a session that is over: ask it to call.
    pub(super) fn ask(&mut self, now: Now, node: NodeId, reason: &'static str, effects: &mut Vec<Effect>) {
        self.refuse(reason);
        self.ask_again(now, node, effects);
    }

    /// The same without counting anything.
    pub(super) fn ask_again(&mut self, now: Now, node: NodeId, effects: &mut Vec<Effect>) {
        if self.may_ask(now, node) {
            effects.push(self.request_presence(now, node, Token::None));
        }
    }

    /// Whether it was not asked a moment ago.
    fn may_ask(&mut self, now: Now, node: NodeId) -> bool {
        if self.asked.get(&node).is_some_and(|asked| now.tick.since(*asked) < ASK_PERIOD) {
            return false;
        }
        if self.asked.len() >= MOST_WAITING {
            self.asked.clear();
        }
        self.asked.insert(node, now.tick);
        true
    }

    /// I do not know you: say where you are.
    pub(super) fn request_presence(&mut self, now: Now, node: NodeId, token: Token) -> Effect {
        self.request(now, node, token, false)
    }

    /// I have not heard you: say anything. An inbox that is gone says that the node is.
    pub(super) fn request_sign_of_life(&mut self, now: Now, node: NodeId, token: Token) -> Effect {
        self.request(now, node, token, true)
    }

    fn request(&mut self, now: Now, node: NodeId, token: Token, sign_of_life: bool) -> Effect {
        let request = Packet::PresenceRequest(PresenceRequest { group: self.settings.group, sign_of_life });
        Effect::Publish(token, self.sender.confirmed(now, route::DIRECT, route::node_inbox(node), request))
    }
}
