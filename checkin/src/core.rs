//! The check-in service's decisions: synchronous, deterministic, with `now` passed in.
//!
//! A node's subscription becomes a plan ([`crate::assign`]); the zone saves the plan and gives the epoch;
//! only then is the node answered (Z5, C6). The service keeps nothing that must survive it: a node that
//! gets no answer asks again, and the zone answers the same run with the same epoch.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use rollcall_bus::{Outgoing, Sender};
use rollcall_model::packet::{
    Assigned, Assignment, Channel, CheckinReport, Decision, GroupTable, JoinDecision, JoinRequest, NodeSubscription,
    Packet, TableRequest,
};
use rollcall_model::wire::txt::{BrokerEndpoint, CheckinAnnouncement};
use rollcall_model::wire::v1::Envelope;
use rollcall_model::{Capability, CheckinId, InstanceId, Millis, Name, NodeId, Now, Purpose, Tick, name, route};

use crate::assign::{Plan, assign};

/// The group table is asked for again this often, so that a lost answer is made good.
const TABLE_PERIOD: Millis = Millis(15_000);
/// Until the first table has come.
const TABLE_RETRY: Millis = Millis(500);
/// Reports go out at most this often, when something changed.
const REPORT_PERIOD: Millis = Millis(2_000);
/// A plan the zone has not answered by then is forgotten; the node asks again.
const PLAN_LIFE: Millis = Millis(30_000);
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
    /// The zone was heard again, perhaps restarted.
    ZoneHeard,
    /// A message was delivered.
    Delivered(Envelope),
    /// A message was delivered that is no control packet; it is parked.
    Undecodable {
        /// A word to count by.
        reason: &'static str,
    },
    /// A deadline may have passed.
    Tick,
}

/// What a check-in service wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Announce the service over DNS-SD: it is ready to serve.
    Announce(CheckinAnnouncement),
    /// Publish, before the delivery is acknowledged.
    Publish(Outgoing),
    /// The delivered message cannot be handled: put it aside, with this reason.
    Park(String),
}

#[derive(Clone, Debug)]
struct Pending {
    instance: InstanceId,
    capability: Capability,
    since: Tick,
}

/// A check-in service.
#[derive(Debug)]
pub struct Checkin {
    settings: Settings,
    sender: Sender,
    table: Option<GroupTable>,
    next_table: Tick,
    next_report: Tick,
    reported: u64,
    pending: BTreeMap<NodeId, Pending>,
    report: CheckinReport,
}

impl Checkin {
    /// A service that knows nothing yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let sender = Sender::new(route::checkin_inbox(settings.checkin), settings.instance);
        let report =
            CheckinReport { checkin: settings.checkin, assigned: 0, refused: BTreeMap::new(), last_refusal: None };
        Self {
            settings,
            sender,
            table: None,
            next_table: Tick::default(),
            next_report: Tick::default(),
            reported: 0,
            pending: BTreeMap::new(),
            report,
        }
    }

    /// When [`Event::Tick`] is wanted at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> Tick {
        self.next_table.min(self.next_report)
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
            Event::LinkUp | Event::ZoneHeard => self.ask_for_table(now, &mut effects),
            Event::Tick => self.on_tick(now, &mut effects),
            Event::Undecodable { reason } => self.count(reason, "a message was no control packet".into()),
            Event::Delivered(envelope) => match envelope.packet {
                Packet::NodeSubscription(subscription) => self.on_subscription(now, *subscription, &mut effects),
                Packet::JoinDecision(decision) => self.on_decision(now, decision, &mut effects),
                Packet::GroupTable(table) => self.on_table(now, table, &mut effects),
                Packet::Hello(_) => self.ask_for_table(now, &mut effects),
                other => {
                    self.count("unexpected_kind", format!("a {} packet came", other.kind()));
                    effects.push(Effect::Park(format!("a check-in service takes no {} packet", other.kind())));
                }
            },
        }
        effects
    }

    fn on_tick(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if now.tick >= self.next_table {
            self.ask_for_table(now, effects);
        }
        if now.tick >= self.next_report {
            self.next_report = now.tick + REPORT_PERIOD;
            self.pending.retain(|_, pending| now.tick.since(pending.since) < PLAN_LIFE);
            let told = self.report.assigned + self.report.refused.values().sum::<u64>();
            if told != self.reported {
                self.reported = told;
                let key = format!("{}.{}", name::ANALYTICS, self.settings.checkin);
                let report = Packet::CheckinReport(self.report.clone());
                effects.push(Effect::Publish(self.sender.lossy(now, route::ZONE, key, report)));
            }
        }
    }

    fn ask_for_table(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.next_table = now.tick + if self.table.is_some() { TABLE_PERIOD } else { TABLE_RETRY };
        let request = Packet::TableRequest(TableRequest {
            checkin: self.settings.checkin,
            name: self.settings.name.clone(),
            address: self.settings.address,
            ranges: self.settings.ranges.clone(),
            have: self.table.as_ref().map_or(0, |table| table.version),
        });
        effects.push(Effect::Publish(self.sender.confirmed(now, route::DIRECT, route::JOINS.into(), request)));
    }

    /// The first table also says which zone this is; from then on the service is announced (C1).
    fn on_table(&mut self, now: Now, table: GroupTable, effects: &mut Vec<Effect>) {
        match &self.table {
            Some(known) if known.zone != table.zone => {
                return self.count("other_zone", format!("a table of zone {}", table.zone));
            }
            Some(known) if known.version > table.version => return,
            Some(_) => {}
            None => {
                let Settings { checkin, name, zone_name, ranges, broker, address, .. } = &self.settings;
                tracing::info!(target: "rollcall::step", step = "checkin_ready", checkin = %name, ms = now.tick.0,
                    "check-in service {name} is ready");
                effects.push(Effect::Announce(CheckinAnnouncement {
                    checkin: *checkin,
                    zone: table.zone,
                    namespace: zone_name.clone(),
                    ranges: ranges.clone(),
                    broker: broker.clone(),
                    addresses: vec![*address],
                }));
            }
        }
        self.table = Some(table);
        self.next_table = now.tick + TABLE_PERIOD;
    }

    fn on_subscription(&mut self, now: Now, subscription: NodeSubscription, effects: &mut Vec<Effect>) {
        let (node, instance) = (subscription.identifier.node, subscription.instance);
        let planned = assign(&self.settings.ranges, self.table.as_ref(), &subscription);
        match planned {
            Ok(plan) if self.pending.len() < MAX_PENDING => {
                let since = now.tick;
                self.pending.insert(node, Pending { instance, capability: plan.capability.clone(), since });
                let request = self.request(plan, subscription);
                effects.push(Effect::Publish(self.sender.confirmed(now, route::DIRECT, route::JOINS.into(), request)));
            }
            // Full: say nothing, the node asks again later.
            Ok(_) => self.count("overloaded", format!("{MAX_PENDING} joins wait for the zone already")),
            Err(refusal) => {
                let (reason, message) = (refusal.reason(), refusal.to_string());
                self.count(reason, format!("{} at {}: {message}", subscription.name, subscription.address));
                let decision = Decision::Refused { reason: reason.into(), message };
                self.answer(now, node, instance, decision, effects);
            }
        }
    }

    fn request(&self, plan: Plan, subscription: NodeSubscription) -> Packet {
        Packet::JoinRequest(Box::new(JoinRequest {
            checkin: self.settings.checkin,
            subscription,
            capability: plan.capability,
            group: plan.group,
            group_name: plan.group_name,
            table_version: plan.table_version,
            reason: plan.reason,
        }))
    }

    fn on_decision(&mut self, now: Now, decision: JoinDecision, effects: &mut Vec<Effect>) {
        let JoinDecision { node, instance, decision } = decision;
        let Some(pending) = self.pending.get(&node).filter(|pending| pending.instance == instance) else {
            // Answered already, or a former run of ours asked: the node will ask again if it still needs it.
            return;
        };
        let capability = pending.capability.clone();
        self.pending.remove(&node);
        let answer = match decision {
            Decision::Accepted(accepted) => {
                self.report.assigned += 1;
                Decision::Accepted(Assigned {
                    epoch: accepted.epoch,
                    group: accepted.group,
                    group_name: accepted.group_name,
                    capability,
                    channels: self.channels(),
                })
            }
            Decision::Refused { reason, message } => {
                self.count(&reason, format!("node {node}: {message}"));
                Decision::Refused { reason, message }
            }
        };
        self.answer(now, node, instance, answer, effects);
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
        let zone = self.table.as_ref().map(|table| table.zone);
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
