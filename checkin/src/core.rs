//! The check-in service's decisions: synchronous, deterministic, with `now` passed in.
//!
//! A node's subscription becomes a plan ([`crate::assign`]); the zone saves the plan and gives the epoch;
//! only then is the node answered (Z5, C6). While the zone is away, the service answers for combinations it knows
//! ([`alone`]): it remembers the epoch it gives before anybody hears of it, and tells the zone until the zone has it.
//!
//! Effects are carried out in this order: saves, then publishes, then the ack of what was delivered.

mod alone;
mod decisions;
mod pending;
mod standing;
mod table;

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use rollcall_bus::{Outgoing, Sender};
use rollcall_model::authority::AuthorityError;
use rollcall_model::packet::{
    Assigned, Assignment, Channel, CheckinReport, ControllerEntry, Decision, JoinRequest, NodeSubscription, Packet,
};
use rollcall_model::wire::txt::{BrokerEndpoint, CheckinAnnouncement};
use rollcall_model::wire::v1::Envelope;
use rollcall_model::{
    CheckinId, InstanceId, Millis, Name, NodeId, Now, Purpose, SessionEpoch, Tick, Turnaround, ZoneFence, ZoneId,
};
use rollcall_model::{name, route};

use self::alone::{Contact, Repeat};
use self::pending::Pending;
pub use self::standing::Standing;
use crate::assign::{Plan, assign};
use crate::memory::{Memory, Record};

/// The group table is asked for again this often, so that a lost answer is made good; it is the service's sign of life.
const TABLE_PERIOD: Millis = Millis(5_000);
/// First pause until the zone has answered once; it doubles up to [`TABLE_PERIOD`].
const TABLE_RETRY: Millis = Millis(500);
/// Reports go out at most this often, when something changed.
const REPORT_PERIOD: Millis = Millis(2_000);
/// Most plans waiting for the zone.
const MAX_PENDING: usize = 20_000;

/// What a check-in service is told once, at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its id.
    pub checkin: CheckinId,
    /// Its name.
    pub name: Name,
    /// Name of its zone: the namespace it serves.
    pub zone_name: Name,
    /// This run.
    pub instance: InstanceId,
    /// Where it is.
    pub address: IpAddr,
    /// What it is responsible for.
    pub ranges: Vec<IpNet>,
    /// Broker of the zone, as nodes reach it.
    pub broker: BrokerEndpoint,
}

/// What happens to a check-in service.
#[derive(Clone, Debug)]
pub enum Event {
    /// The broker is reached, for the first time or again.
    LinkUp,
    /// The broker is out of reach: nothing can be said about the zone.
    LinkDown,
    /// No queue takes what was published with this key.
    Unroutable {
        /// The key.
        routing_key: String,
    },
    /// The zone was heard again, perhaps restarted.
    ZoneHeard,
    /// A message was delivered.
    Delivered(Envelope),
    /// A message was delivered that is no control packet; it is parked.
    Undecodable {
        /// A word to count by.
        reason: &'static str,
    },
    /// A packet was delivered that its sender may not send; it is parked.
    Unentitled(AuthorityError),
    /// A deadline may have passed.
    Tick,
}

/// What a check-in service wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Announce the service over DNS-SD: it is ready to serve.
    Announce(CheckinAnnouncement),
    /// Remember, before anything is published.
    Save(Record),
    /// Publish, before the delivery is acknowledged.
    Publish(Outgoing),
    /// The delivered message cannot be handled: put it aside, with this reason.
    Park(String),
}

/// A check-in service.
#[derive(Debug)]
pub struct Checkin {
    settings: Settings,
    sender: Sender,
    fence: ZoneFence,
    memory: Memory,
    /// Whether the memory outlives this process: nothing is granted otherwise.
    durable: bool,
    /// Whether the table is the zone's word in this run, not only remembered.
    confirmed: bool,
    /// An older table that came once; when it comes again, the zone was set up anew.
    doubted: Option<u64>,
    announced: Option<ZoneId>,
    contact: Contact,
    next_table: Tick,
    table_pause: Millis,
    next_report: Tick,
    next_look: Option<Tick>,
    reported: u64,
    pending: BTreeMap<NodeId, Pending>,
    turnaround: Turnaround,
    repeats: BTreeMap<NodeId, Repeat>,
    report: CheckinReport,
}

impl Checkin {
    /// A service that knows nothing yet and keeps nothing: while the zone is away, it serves nobody.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self::make(settings, Memory::default(), false)
    }

    /// A service with what a former run remembered, and whose [`Effect::Save`] is carried out for good.
    #[must_use]
    pub fn resumed(settings: Settings, memory: Memory) -> Self {
        Self::make(settings, memory, true)
    }

    fn make(settings: Settings, memory: Memory, durable: bool) -> Self {
        let sender = Sender::new(route::checkin_inbox(settings.checkin), settings.instance);
        let report =
            CheckinReport { checkin: settings.checkin, assigned: 0, refused: BTreeMap::new(), last_refusal: None };
        let repeats: BTreeMap<NodeId, Repeat> = memory.outstanding().map(|node| (node, Repeat::of_before())).collect();
        Self {
            settings,
            sender,
            fence: ZoneFence::default(),
            next_look: (!repeats.is_empty()).then(Tick::default),
            memory,
            durable,
            confirmed: false,
            doubted: None,
            announced: None,
            contact: Contact::default(),
            next_table: Tick::default(),
            table_pause: TABLE_RETRY,
            next_report: Tick::default(),
            reported: 0,
            pending: BTreeMap::new(),
            turnaround: Turnaround::default(),
            repeats,
            report,
        }
    }

    /// When [`Event::Tick`] is wanted at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> Tick {
        let next = self.next_table.min(self.next_report);
        self.next_look.map_or(next, |look| next.min(look))
    }

    /// Whether the zone has spoken to this run.
    #[must_use]
    pub const fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// The zone's group controllers, with their addresses and channels (C7).
    #[must_use]
    pub fn controllers(&self) -> &[ControllerEntry] {
        self.memory.table().map_or(&[], |table| &table.controllers)
    }

    /// The zone the service belongs to, as far as it knows.
    #[must_use]
    pub fn zone(&self) -> Option<ZoneId> {
        self.memory.table().map(|table| table.zone)
    }

    /// What was refused so far, by reason.
    #[must_use]
    pub const fn report(&self) -> &CheckinReport {
        &self.report
    }

    /// Takes one event and says what follows.
    pub fn step(&mut self, now: Now, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::LinkUp => {
                self.nothing_is_on_its_way();
                self.contact.linked(now.tick);
                self.look_at(now.tick);
                self.ask_for_table(now, &mut effects);
            }
            Event::LinkDown => self.contact.lost(),
            Event::ZoneHeard => {
                self.nothing_is_on_its_way();
                self.ask_for_table(now, &mut effects);
            }
            Event::Unroutable { routing_key } => self.on_unroutable(now, &routing_key, &mut effects),
            Event::Tick => self.on_tick(now, &mut effects),
            Event::Undecodable { reason } => self.count(reason, "a message was no control packet".into()),
            Event::Unentitled(error) => self.count(error.reason(), error.to_string()),
            Event::Delivered(envelope) => self.on_packet(now, envelope, &mut effects),
        }
        self.announce(now, &mut effects);
        effects
    }

    fn on_packet(&mut self, now: Now, envelope: Envelope, effects: &mut Vec<Effect>) {
        // Tables have a rule of their own, by which a zone that was set up anew is taken up.
        let is_table = matches!(envelope.packet, Packet::GroupTable(_));
        if let Err(old) = self.fence.admit(&envelope)
            && !is_table
        {
            return self.count("old_zone", format!("a packet of the zone is not obeyed: {old}"));
        }
        match envelope.packet {
            Packet::NodeSubscription(subscription) => self.on_subscription(now, *subscription, effects),
            Packet::JoinDecision(decision) => self.on_decision(now, decision, effects),
            Packet::GroupTable(table) => self.on_table(now, table, effects),
            Packet::Hello(_) => self.ask_for_table(now, effects),
            other => {
                self.count("unexpected_kind", format!("a {} packet came", other.kind()));
                effects.push(Effect::Park(format!("a check-in service takes no {} packet", other.kind())));
            }
        }
    }

    fn on_tick(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if now.tick >= self.next_table {
            self.ask_for_table(now, effects);
        }
        if self.next_look.is_some_and(|look| now.tick >= look) {
            self.look(now, effects);
        }
        if now.tick >= self.next_report {
            self.next_report = now.tick + REPORT_PERIOD;
            self.pending.retain(|_, pending| !pending.is_over(now.tick));
            let told = self.report.assigned + self.report.refused.values().sum::<u64>();
            if told != self.reported {
                self.reported = told;
                let key = format!("{}.{}", name::ANALYTICS, self.settings.checkin);
                let report = Packet::CheckinReport(self.report.clone());
                effects.push(Effect::Publish(self.sender.lossy(now, route::ZONE, key, report)));
            }
        }
    }

    /// The zone or the broker was away: what was asked may be lost.
    fn nothing_is_on_its_way(&mut self) {
        self.turnaround.reset();
        self.pending.values_mut().for_each(|pending| pending.asked = None);
        self.repeats.values_mut().for_each(Repeat::may_be_lost);
    }

    fn save(&mut self, record: Record, effects: &mut Vec<Effect>) {
        if self.durable {
            effects.push(Effect::Save(record.clone()));
        }
        self.memory.take(record);
    }

    fn on_subscription(&mut self, now: Now, subscription: NodeSubscription, effects: &mut Vec<Effect>) {
        let (node, instance) = (subscription.identifier.node, subscription.instance);
        match assign(&self.settings.ranges, self.memory.table(), &subscription) {
            Ok(plan) => self.on_plan(now, plan, subscription, effects),
            Err(refusal) => {
                let (reason, message) = (refusal.reason(), refusal.to_string());
                self.count(reason, format!("{} at {}: {message}", subscription.name, subscription.address));
                let decision = Decision::Refused { reason: reason.into(), message };
                self.answer(now, node, instance, decision, effects);
            }
        }
    }

    fn on_plan(&mut self, now: Now, plan: Plan, subscription: NodeSubscription, effects: &mut Vec<Effect>) {
        let node = subscription.identifier.node;
        if self.repeat_grant(now, &subscription, effects) {
            return;
        }
        if self.memory.granted(node).is_some() {
            // Of a former run, or of former hardware: the zone is not told any more, lest it takes that for the present.
            self.save(Record::Withdrawn { node }, effects);
            self.repeats.remove(&node);
        }
        let known = plan.known;
        let latest = self.memory.latest(node, subscription.epoch);
        let before = self.pending.get(&node).filter(|pending| pending.instance() == subscription.instance);
        let since = before.map_or(now.tick, |before| before.since);
        // The zone's queue has the question already.
        let same = before.filter(|before| before.is_of(&subscription, latest));
        let waits = same.is_some_and(|before| {
            before.is_on_its_way(self.turnaround, now.tick) || (before.told_away && self.contact.is_away())
        });
        let asked = same.and_then(|before| before.asked);
        if before.is_none() && self.pending.len() >= MAX_PENDING {
            // Full: say nothing, the node asks again later.
            return self.count("overloaded", format!("{MAX_PENDING} joins wait for the zone already"));
        }
        let request = Box::new(self.request(plan, subscription));
        let alone = self.contact.is_away() && self.can_grant(node, known);
        let is_asked = alone || waits;
        let asked = if is_asked { asked } else { Some(now.tick) };
        self.pending.insert(node, Pending { request: request.clone(), known, since, asked, told_away: false });
        if !is_asked {
            let request = Packet::JoinRequest(request);
            effects.push(Effect::Publish(self.sender.confirmed(now, route::DIRECT, route::JOINS.into(), request)));
        }
        if self.contact.is_away() {
            self.serve_alone(now, node, effects);
        } else {
            self.look_at(now.tick + alone::ZONE_PATIENCE);
        }
    }

    /// The zone is told the greatest epoch anybody knows of, so that one that lost its database gives none twice.
    fn request(&self, plan: Plan, mut subscription: NodeSubscription) -> JoinRequest {
        subscription.epoch = self.memory.latest(subscription.identifier.node, subscription.epoch);
        JoinRequest {
            checkin: self.settings.checkin,
            subscription,
            capability: plan.capability,
            group: plan.group,
            group_name: plan.group_name,
            table_version: plan.table_version,
            reason: plan.reason,
            granted: None,
        }
    }

    fn assigned(&mut self, request: &JoinRequest, epoch: SessionEpoch) -> Decision<Assigned> {
        self.report.assigned += 1;
        Decision::Accepted(Assigned {
            epoch,
            group: request.group,
            group_name: request.group_name.clone(),
            capability: request.capability.clone(),
            channels: self.channels(),
        })
    }

    /// Where the node calls its rack from now on.
    fn channels(&self) -> Vec<Channel> {
        let BrokerEndpoint { host: address, port, .. } = self.settings.broker.clone();
        Purpose::new("presence")
            .map(|purpose| Channel {
                purpose,
                address,
                port,
                exchange: route::PRESENCE.into(),
                queue: String::new(),
                key: String::new(),
            })
            .into_iter()
            .collect()
    }

    fn answer(
        &mut self,
        now: Now,
        node: NodeId,
        instance: InstanceId,
        decision: Decision<Assigned>,
        effects: &mut Vec<Effect>,
    ) {
        let zone = self.zone();
        let assignment = Packet::Assignment(Assignment { zone, node, instance, decision });
        effects.push(Effect::Publish(self.sender.confirmed(now, route::DIRECT, route::node_inbox(node), assignment)));
    }

    fn count(&mut self, reason: &str, message: String) {
        tracing::warn!(reason, "refused: {message}");
        // Reasons come from this crate and from the zone: a closed set.
        *self.report.refused.entry(reason.to_owned()).or_default() += 1;
        self.report.last_refusal = Some(message);
    }
}

#[cfg(test)]
mod tests;
