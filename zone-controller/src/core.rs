//! The zone's decisions: synchronous, deterministic, with `now` passed in.
//!
//! One [`Zone`] holds what the store holds (it is loaded from it and writes every change to it before
//! anybody is answered) and a few counters that die with the process. The driver carries effects out in
//! this order: saves in one transaction, then publishes, then the ack of what was delivered. A crash
//! between any two of them delivers again, and every handler answers a repetition as it answered first.

mod admission;
mod groups;
mod health;
mod joins;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rollcall_bus::{Outgoing, Sender};
use rollcall_model::packet::{Ack, CheckinReport, Packet, Summary};
use rollcall_model::wire::txt::{BrokerEndpoint, Hello};
use rollcall_model::wire::v1::Envelope;
use rollcall_model::{CheckinId, GroupId, InstanceId, Millis, Name, NodeId, Now, Purpose, UnixMillis, ZoneId, route};
use rollcall_store::{Change, GroupRecord, NodeRecord, Snapshot};
use serde::Serialize;

pub use self::admission::Admission;
pub use self::groups::TablePolicy;

/// What a zone is told once, at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The zone.
    pub zone: ZoneId,
    /// Its name.
    pub name: Name,
    /// This run.
    pub instance: InstanceId,
    /// Where the zone controller is.
    pub addresses: Vec<std::net::IpAddr>,
    /// The broker of the zone.
    pub broker: BrokerEndpoint,
    /// Where the API is.
    pub api: String,
    /// Every channel a group gets: the standard three and the configured ones.
    pub channels: Vec<Purpose>,
    /// Who may join as a group.
    pub admission: Admission,
    /// Which logical groups there are, and what becomes of unknown combinations.
    pub table: TablePolicy,
    /// Pace of keep-alives.
    pub keep_alive: Millis,
}

/// What happens to a zone.
#[derive(Clone, Debug)]
pub enum Event {
    /// A group controller's ACK was heard over DNS-SD.
    AckHeard(Ack),
    /// Something under the ACK's name was heard that is none.
    AckRefused {
        /// A word to count by.
        reason: &'static str,
        /// Who, as far as can be said.
        from: String,
        /// What was wrong.
        message: String,
    },
    /// A hello was heard, perhaps our own.
    HelloHeard(Hello),
    /// A message was delivered.
    Delivered(Envelope),
    /// A message was delivered that is no control packet; it is parked.
    Undecodable {
        /// A word to count by.
        reason: &'static str,
    },
    /// A confirmed message found no queue: its receiver is gone.
    Unroutable {
        /// Its routing key.
        routing_key: String,
    },
}

/// What a zone wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Save, before anything is published.
    Save(Change),
    /// Publish, before the delivery is acknowledged.
    Publish(Outgoing),
    /// The delivered message cannot be handled: put it aside, with this reason.
    Park(String),
}

/// Counters and the latest reports, for `rollcall status`. Everything else is in the store.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Overview {
    /// What was ignored or refused, by `source.reason`.
    pub ignored: BTreeMap<String, u64>,
    /// Latest summary of each group.
    pub summaries: BTreeMap<GroupId, Summary>,
    /// Latest report of each check-in service.
    pub checkins: BTreeMap<CheckinId, CheckinReport>,
    /// Other zones heard: name and addresses.
    pub neighbours: BTreeMap<ZoneId, String>,
}

/// A zone.
#[derive(Debug)]
pub struct Zone {
    settings: Settings,
    generation: u64,
    sender: Sender,
    groups: BTreeMap<GroupId, GroupRecord>,
    nodes: HashMap<NodeId, NodeRecord>,
    /// Who stands in which physical group.
    members: BTreeMap<GroupId, BTreeSet<NodeId>>,
    /// How far the changes of groups that nodes have left were taken.
    left: HashMap<(NodeId, GroupId), (u32, u64)>,
    checkins: BTreeMap<CheckinId, rollcall_model::packet::TableRequest>,
    table_version: u64,
    overview: Overview,
}

impl Zone {
    /// Starts from the saved topology. The effects save the new generation and the configured groups, and
    /// call the groups that are already members.
    #[must_use]
    pub fn start(now: Now, settings: Settings, saved: Snapshot) -> (Self, Vec<Effect>) {
        let generation = saved.zone.as_ref().map_or(0, |zone| zone.generation) + 1;
        let sender = Sender::new(route::zone_inbox(settings.zone), settings.instance);
        let mut members: BTreeMap<GroupId, BTreeSet<NodeId>> = BTreeMap::new();
        for node in &saved.nodes {
            if let Some(group) = node.physical {
                members.entry(group).or_default().insert(node.node);
            }
        }
        let mut zone = Self {
            generation,
            sender,
            groups: saved.groups.into_iter().map(|group| (group.group, group)).collect(),
            nodes: saved.nodes.into_iter().map(|node| (node.node, node)).collect(),
            members,
            left: HashMap::new(),
            checkins: BTreeMap::new(),
            table_version: generation << 32,
            overview: Overview::default(),
            settings,
        };
        let mut effects = vec![Effect::Save(Change::ZoneStarted {
            zone: zone.settings.zone,
            name: zone.settings.name.clone(),
            generation,
            at: now.wall,
        })];
        zone.create_configured_groups(now, &mut effects);
        let members: Vec<GroupId> = zone.groups.values().filter(|g| g.session > 0).map(|g| g.group).collect();
        for group in members {
            let hello = Packet::Hello(zone.hello());
            effects.push(zone.tell(now, route::group_inbox(group), hello));
        }
        (zone, effects)
    }

    /// The hello packet to be announced (Z2).
    #[must_use]
    pub fn hello(&self) -> Hello {
        Hello {
            zone: self.settings.zone,
            name: self.settings.name.clone(),
            generation: self.generation,
            broker: self.settings.broker.clone(),
            api: self.settings.api.clone(),
            addresses: self.settings.addresses.clone(),
        }
    }

    /// The generation of this start.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Counters and latest reports.
    #[must_use]
    pub const fn overview(&self) -> &Overview {
        &self.overview
    }

    /// Takes one event and says what follows.
    pub fn step(&mut self, now: Now, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::AckHeard(ack) => self.on_ack(now, &ack, &mut effects),
            Event::AckRefused { reason, from, message } => {
                self.ignore(now, "ack", reason, &from, &message, &mut effects);
            }
            Event::HelloHeard(hello) => self.on_hello(now, &hello, &mut effects),
            Event::Delivered(envelope) => self.on_packet(now, envelope, &mut effects),
            Event::Undecodable { reason } => self.count("packet", reason),
            Event::Unroutable { routing_key } => {
                tracing::debug!(%routing_key, "nobody takes this any more");
                self.count("answer", "receiver_gone");
            }
        }
        effects
    }

    fn on_packet(&mut self, now: Now, envelope: Envelope, effects: &mut Vec<Effect>) {
        match envelope.packet {
            Packet::Ack(ack) => self.on_ack(now, &ack, effects),
            Packet::HelloRequest(_) => {
                let hello = Packet::Hello(self.hello());
                effects.push(self.tell(now, envelope.from, hello));
            }
            Packet::TableRequest(request) => self.on_table_request(now, request, effects),
            Packet::JoinRequest(request) => self.on_join_request(now, *request, effects),
            Packet::Arrival(arrival) => self.on_arrival(now, &arrival, effects),
            Packet::Alerts(alerts) => self.on_alerts(now, &alerts, effects),
            Packet::GroupAlarm(alarm) => self.on_group_alarm(now, &alarm, effects),
            Packet::Summary(summary) => self.on_summary(now, summary, effects),
            Packet::CheckinReport(report) => {
                self.overview.checkins.insert(report.checkin, report);
            }
            Packet::IdentityClash(clash) => self.on_identity_clash(now, &clash, effects),
            other => {
                self.count("packet", "unexpected_kind");
                effects.push(Effect::Park(format!("a zone controller takes no {} packet", other.kind())));
            }
        }
    }

    fn tell(&mut self, now: Now, inbox: String, packet: Packet) -> Effect {
        Effect::Publish(self.sender.confirmed(now, route::DIRECT, inbox, packet))
    }

    fn count(&mut self, source: &str, reason: &str) {
        *self.overview.ignored.entry(format!("{source}.{reason}")).or_default() += 1;
    }

    /// Counts, and writes one event per (source, reason, subject) so that a flood of strangers fills no table.
    fn ignore(
        &mut self,
        now: Now,
        source: &'static str,
        reason: &str,
        subject: &str,
        message: &str,
        effects: &mut Vec<Effect>,
    ) {
        let key = format!("{source}.{reason}");
        let count = self.overview.ignored.entry(key).or_default();
        *count += 1;
        // The first few of a kind are told one by one, then each tenfold.
        if *count <= 10 || count.ilog10() > (*count - 1).ilog10() {
            effects.push(note(now.wall, "ignored", subject, format!("{source} ignored ({reason}): {message}")));
        }
    }
}

fn note(at: UnixMillis, kind: &'static str, subject: &str, message: String) -> Effect {
    Effect::Save(Change::Noted { kind, subject: subject.chars().take(64).collect(), message, at })
}
