//! The zone's decisions: synchronous, deterministic, with `now` passed in.
//!
//! One [`Zone`] holds what the store holds (it is loaded from it and writes every change to it before
//! anybody is answered) and a few counters that die with the process. The driver carries effects out in
//! this order: saves in one transaction, then publishes, then the ack of what was delivered. A crash
//! between any two of them delivers again, and every handler answers a repetition as it answered first.

mod actions;
mod admission;
mod audit;
mod candidates;
mod channels;
mod combinations;
mod command;
mod enrolment;
mod groups;
mod health;
mod ignored;
mod joins;
mod makes;
mod places;
mod policies;
mod readings;
mod refusals;
mod rules;
mod succession;
#[cfg(test)]
mod tests;
mod unplaced;
mod warnings;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rollcall_bus::audit::Refusal;
use rollcall_bus::{Outgoing, Sender};
use rollcall_model::authority::AuthorityError;
use rollcall_model::packet::{Ack, Packet};
use rollcall_model::wire::txt::{BrokerEndpoint, Hello};
use rollcall_model::wire::v1::Envelope;
use rollcall_model::{CheckinId, GroupId, InstanceId, Millis, Name, NodeId, Now, Purpose, Tick, ZoneId, route};
use rollcall_store::{Change, GroupRecord, NodeRecord, Snapshot};
use serde_json::Value;

use self::actions::Orders;
pub use self::admission::Admission;
pub use self::audit::CERTIFICATE_ISSUED;
pub use self::candidates::Demands;
use self::combinations::Combinations;
pub use self::command::{By, Command, Expected, Rejection, RejectionKind};
use self::enrolment::Enrolment;
pub use self::enrolment::{Applicant, Grant, JoinAnswer, Trust, TrustSettings};
pub use self::groups::TablePolicy;
pub use self::ignored::Overview;
use self::makes::Make;
use self::places::Places;
pub use self::places::{CheckinPlace, PlaceReport};
use self::policies::Policies;
pub use self::policies::PolicyProgress;
use self::readings::Asked;
use self::refusals::Refusals;
use self::rules::{Rules, SavedRules};
pub use self::succession::Succession;
use self::unplaced::Unplaced;

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
    /// Where check-in services are to run (Z7).
    pub places: Vec<CheckinPlace>,
    /// How certificates are issued.
    pub trust: TrustSettings,
    /// The lease it acts under, where several zone controllers could.
    pub succession: Option<Succession>,
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
    /// A hello was heard that is not believed.
    HelloRefused {
        /// A word to count by.
        reason: &'static str,
        /// The zone it names.
        from: String,
        /// Why not.
        message: String,
    },
    /// A message was delivered.
    Delivered(Envelope),
    /// A message was delivered that is no control packet; it is parked.
    Undecodable {
        /// A word to count by.
        reason: &'static str,
    },
    /// A packet was delivered that its sender may not send; it is parked.
    Unentitled(AuthorityError),
    /// The broker refused somebody an operation, or the login.
    BrokerRefused(Refusal),
    /// A confirmed message found no queue: its receiver is gone.
    Unroutable {
        /// Its routing key.
        routing_key: String,
    },
    /// A deadline may have passed.
    Tick,
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
    /// Answer a command, after everything it caused is saved and sent.
    Answer {
        /// Number of the request.
        request: u64,
        /// What came of it.
        result: Result<Value, Rejection>,
    },
}

/// A zone.
#[derive(Debug)]
pub struct Zone {
    settings: Settings,
    generation: u64,
    sender: Sender,
    groups: BTreeMap<GroupId, GroupRecord>,
    /// Without their hardware: see [`Self::makes`].
    nodes: HashMap<NodeId, NodeRecord>,
    makes: HashMap<NodeId, Make>,
    /// Who stands in which physical group.
    members: BTreeMap<GroupId, BTreeSet<NodeId>>,
    /// How far the changes of groups that nodes have left were taken.
    left: HashMap<(NodeId, GroupId), (u32, u64)>,
    checkins: BTreeMap<CheckinId, rollcall_model::packet::TableRequest>,
    table_version: u64,
    /// The version check-in services were last told, and when.
    table_told: (u64, Tick),
    overview: Overview,
    policies: Policies,
    rules: Rules,
    orders: Orders,
    places: Places,
    combinations: Combinations,
    asked: Asked,
    unplaced: Unplaced,
    enrolment: Enrolment,
    deaths: health::Deaths,
    /// How far the alarms of groups were taken: membership and number.
    alarms: BTreeMap<GroupId, (u32, u64)>,
    /// When the security channel was last told of the refusals of a check-in service.
    refusals_told: BTreeMap<CheckinId, Tick>,
    refusals: Refusals,
}

impl Zone {
    /// Starts from the saved topology. The effects save the new generation and the configured groups, and
    /// call the groups that are already members.
    #[must_use]
    pub fn start(now: Now, settings: Settings, saved: Snapshot) -> (Self, Vec<Effect>) {
        let next = saved.zone.as_ref().map_or(0, |zone| zone.generation) + 1;
        let generation = settings.succession.as_ref().map_or(next, |succession| succession.tenure.generation);
        let sender = Sender::new(route::zone_inbox(settings.zone), settings.instance).in_generation(generation);
        let mut members: BTreeMap<GroupId, BTreeSet<NodeId>> = BTreeMap::new();
        for node in &saved.nodes {
            if let Some(group) = node.physical {
                members.entry(group).or_default().insert(node.node);
            }
        }
        let table_version = generation << 32;
        let mut zone = Self {
            generation,
            sender,
            deaths: health::Deaths::of(&saved.nodes),
            groups: saved.groups.into_iter().map(|group| (group.group, group)).collect(),
            nodes: saved.nodes.into_iter().map(|node| (node.node, node)).collect(),
            makes: HashMap::new(),
            members,
            left: HashMap::new(),
            checkins: BTreeMap::new(),
            table_version,
            table_told: (table_version, now.tick),
            overview: Overview::default(),
            policies: Policies::start(saved.policy),
            rules: Rules::default(),
            orders: Orders::start(now, saved.actions),
            places: Places::new(now.tick, &settings.places),
            combinations: Combinations::new(saved.held),
            asked: Asked::default(),
            unplaced: Unplaced::default(),
            enrolment: Enrolment::start(saved.trust),
            alarms: BTreeMap::new(),
            refusals_told: BTreeMap::new(),
            refusals: Refusals::default(),
            settings,
        };
        let rules = SavedRules { entered: saved.entered, dissolved: saved.dissolved };
        let effects = zone.open(now, rules);
        (zone, effects)
    }

    /// What a zone does first: takes its generation, makes what is configured, and calls the groups it knows.
    fn open(&mut self, now: Now, rules: SavedRules) -> Vec<Effect> {
        let mut effects = vec![Effect::Save(Change::ZoneStarted {
            zone: self.settings.zone,
            name: self.settings.name.clone(),
            generation: self.generation,
            at: now.wall,
        })];
        if let Some(succession) = &self.settings.succession {
            effects.extend(succession.effects(now, &self.settings.zone.to_string()));
        }
        self.overview.places = self.places.reports();
        let unplaced = self.nodes.values().filter(|node| node.physical.is_none() && node.instance.is_some());
        self.unplaced.wait_for_all(now.tick, unplaced.map(|node| node.node));
        self.create_configured_groups(now, &mut effects);
        self.start_rules(now, rules, &mut effects);
        self.start_remedies(now, &mut effects);
        let members: Vec<GroupId> = self.groups.values().filter(|g| g.session > 0).map(|g| g.group).collect();
        for group in members {
            let hello = Packet::Hello(self.hello());
            effects.push(self.tell(now, route::group_inbox(group), hello));
        }
        effects
    }

    /// Tells a starting zone which groups ran the check-in services of its places before.
    pub fn recall_places(&mut self, placed: Vec<(Name, GroupId)>) {
        self.places.recall(placed);
        self.overview.places = self.places.reports();
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
            expires: None,
            ca: None,
            credential: None,
            signature: None,
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
            Event::AckHeard(ack) => self.on_ack_heard(now, &ack, &mut effects),
            Event::AckRefused { reason, from, message } => {
                self.ignore(now, "ack", reason, &from, &message, &mut effects);
            }
            Event::HelloHeard(hello) => self.on_hello(now, &hello, &mut effects),
            Event::HelloRefused { reason, from, message } => {
                self.ignore(now, "hello", reason, &from, &message, &mut effects);
            }
            Event::Delivered(envelope) => self.on_packet(now, envelope, &mut effects),
            Event::Undecodable { reason } => self.count("packet", reason),
            Event::Unentitled(error) => {
                self.ignore(now, "packet", error.reason(), &error.sender(), &error.to_string(), &mut effects);
            }
            Event::BrokerRefused(refusal) => self.on_broker_refused(now, &refusal, &mut effects),
            Event::Unroutable { routing_key } => self.on_unroutable(now, &routing_key, &mut effects),
            Event::Tick => self.on_tick(now, &mut effects),
        }
        self.tell_table(now, &mut effects);
        effects
    }

    /// When [`Event::Tick`] is wanted at the latest; `None` when nothing is waited for.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Tick> {
        [
            self.policies.next_deadline(),
            self.rules.next_deadline(),
            self.orders.next_deadline(),
            self.places.next_deadline(),
            self.asked.next_deadline(),
            self.unplaced.next_deadline(),
            self.refusals.next_deadline(),
            self.table_deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn on_tick(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.tick_policies(now, effects);
        self.tick_rules(now, effects);
        self.tick_orders(now, effects);
        self.tick_places(now, effects);
        self.tick_asked(now, effects);
        self.tick_unplaced(now, effects);
        self.tick_refusals(now, effects);
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
            Packet::CheckinReport(report) => self.on_checkin_report(now, report, effects),
            Packet::IdentityClash(clash) => self.on_identity_clash(now, &clash, effects),
            Packet::PolicyReport(report) => self.on_policy_report(now, report, effects),
            Packet::ActionOutcome(outcome) => self.on_action_outcome(now, outcome, effects),
            Packet::CheckinPlaced(placed) => self.on_checkin_placed(now, placed, effects),
            Packet::Readings(readings) => self.on_readings(&readings, effects),
            Packet::ChannelMessage(message) => self.on_channel_message(message, &envelope.from, effects),
            other => {
                self.count("packet", "unexpected_kind");
                effects.push(Effect::Park(format!("a zone controller takes no {} packet", other.kind())));
            }
        }
    }

    /// Nobody takes what is sent to this inbox any more.
    fn on_unroutable(&mut self, now: Now, routing_key: &str, effects: &mut Vec<Effect>) {
        tracing::debug!(%routing_key, "nobody takes this any more");
        self.count("answer", "receiver_gone");
        if let Some(node) = route::node_of_inbox(routing_key) {
            self.node_gone(node, effects);
        } else if let Some(group) = routing_key.strip_prefix("inbox.group.").and_then(|id| id.parse().ok()) {
            self.group_gone(now, group);
        } else {
            self.checkins.retain(|checkin, _| route::checkin_inbox(*checkin) != routing_key);
        }
    }

    fn tell(&mut self, now: Now, inbox: String, packet: Packet) -> Effect {
        Effect::Publish(self.sender.confirmed(now, route::DIRECT, inbox, packet))
    }
}
