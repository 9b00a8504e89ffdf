//! The group controller's decisions for one zone: synchronous, deterministic, with `now` passed in.
//!
//! A [`Group`] answers hellos with ACKs, finds the nodes at its place, keeps the roster and judges silence, and tells the zone what
//! changed: each change until it is confirmed, and nothing else but a summary now and then. It hands the zone's policy and orders down
//! to the nodes and their answers up. On disk are its id alone, and words on channels while the broker is away: after a restart the
//! zone sends roster and policy back, and the first status packets tell the rest.

mod actions;
mod availability;
mod burst;
mod checkins;
mod crowd;
pub mod liveness;
mod membership;
mod metrics;
mod parcels;
mod policy;
mod power;
mod presence;
mod proof;
mod reports;
mod roster;
mod seals;
mod security;
mod standing;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;
use rollcall_bus::{Outgoing, PublishError, Sender, Spoken, SpokenError};
use rollcall_discovery::Distrust;
use rollcall_model::authority::AuthorityError;
use rollcall_model::packet::{Ack, Packet, ZoneSubscriber};
use rollcall_model::wire::{status::NodeStatus, txt::Hello, v1::Envelope};
use rollcall_model::{GroupId, InstanceId, Millis, Name, NodeId, NodeState, Now, Tick, ZoneFence, ZoneId, route};

use self::availability::Availability;
pub use self::availability::AvailabilityHeard;
use self::burst::Burst;
use self::checkins::Checkins;
use self::crowd::Patience;
use self::liveness::Floor;
use self::metrics::Distributions;
pub use self::metrics::LatestReadings;
use self::parcels::Parcels;
use self::policy::Policy;
use self::power::Power;
use self::presence::Arrivals;
use self::proof::Proof;
use self::reports::{Dark, RESEND, Report};
pub use self::roster::{Member, Roster, Taken};
pub use self::seals::SealSecret;
use self::security::Security;
pub use self::standing::Standing;

/// The ACK is repeated over the broker until the zone answers.
const ACK_RETRY: Millis = Millis(1_000);
/// It doubles up to this: the zone may have more to do than it can, and the ACK wait in its queue.
const ACK_RETRY_MOST: Millis = Millis(16_000);
/// Nodes have this long to come back after the broker or the controller itself was away.
pub const RECONNECT_GRACE: Millis = Millis(30_000);
/// A controller that was not called for this long was paused.
const STALL: Millis = Millis(500);
/// How often silence is judged.
const JUDGE_PERIOD: Millis = Millis(100);

/// What a group controller is told once, at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the zone it serves here; one core per zone.
    pub zone_name: Name,
    /// The group.
    pub group: GroupId,
    /// Its name.
    pub name: Name,
    /// Its place.
    pub place: Name,
    /// Addresses of nodes that name no place but belong here.
    pub ranges: Vec<IpNet>,
    /// Where the controller is.
    pub addresses: Vec<IpAddr>,
    /// This run.
    pub instance: InstanceId,
    /// Broker as nodes reach it: host and port.
    pub broker: (String, u16),
    /// What session keys are derived from, by chance for this run; `None` asks for no sealed tags.
    pub seals: Option<SealSecret>,
    /// Whether it has a certificate. Then only the ACK over the broker counts, and goes out at once.
    pub certified: bool,
}

/// What happens to a group.
#[derive(Clone, Debug)]
pub enum Event {
    /// The zone's hello was heard, over DNS-SD or the broker.
    HelloHeard(Hello),
    /// A hello was heard over DNS-SD that is not believed.
    Distrusted(Hello, Distrust),
    /// The broker is reached, for the first time or again.
    LinkUp,
    /// The broker is out of reach.
    LinkDown,
    /// A control packet was delivered.
    Delivered(Envelope),
    /// A status packet was delivered.
    Status(NodeStatus),
    /// An RA message or a capacity message was delivered.
    Spoken(Spoken),
    /// Something was delivered instead that says nothing that counts; it is dropped.
    Unspoken(SpokenError),
    /// Bytes were delivered that are no packet; they are parked or dropped.
    Undecodable {
        /// A word to count by.
        reason: &'static str,
    },
    /// A packet was delivered that its sender may not send; it is parked.
    Unentitled(AuthorityError),
    /// The broker says that a node's inbox, and so its connection, is gone.
    ConnectionClosed(NodeId),
    /// The broker says that one of its nodes is gone, with the connections of whoever was connected to it.
    BrokerNodeLost,
    /// How a publish ended.
    Published {
        /// From [`Effect::Publish`].
        token: Token,
        /// How it ended.
        result: Result<(), PublishError>,
    },
    /// A check-in service ended, as asked by [`Effect::EndCheckin`] or by itself, or could not be started.
    CheckinEnded {
        /// Its name.
        name: Name,
        /// Why, for people.
        why: String,
    },
    /// A deadline may have passed.
    Tick,
}

/// Which publish is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Token {
    /// A report to the zone: its membership and the last number in it.
    Changes {
        /// The membership.
        session: u32,
        /// The last number.
        number: u64,
    },
    /// A question to a node that fell silent.
    Probe(NodeId),
    /// A question to a node whose connection is said to have closed.
    Return(NodeId),
    /// A message that is sent again until it is confirmed.
    Parcel(u64),
    /// Anything whose end does not matter.
    None,
}

impl Token {
    /// Whether the answer says that a node is there: it must not wait behind reports that the broker takes its time to confirm.
    #[must_use]
    pub const fn is_question(self) -> bool {
        matches!(self, Self::Probe(_) | Self::Return(_))
    }
}

/// What a group wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Announce this ACK over DNS-SD, instead of a former one.
    Announce(Ack),
    /// Publish; tell how it ended if the token is not [`Token::None`].
    Publish(Token, Outgoing),
    /// The delivered message cannot be handled: put it aside, with this reason.
    Park(String),
    /// The delivered message is not done with: acknowledge it when [`Effect::Settle`] with the same number comes, and not
    /// before. Should this process end first, it is delivered again.
    Keep(u64),
    /// Acknowledge the message that was kept under this number.
    Settle(u64),
    /// The broker does not take this message now: write it to disk, so that it outlives this process.
    Spool(u64, Outgoing),
    /// The message that was written under this number has arrived, or nobody wants it.
    Unspool(u64),
    /// Start a check-in service of this zone; [`Event::CheckinEnded`] tells when it ends, or why it cannot be started.
    StartCheckin {
        /// Its name.
        name: Name,
        /// The addresses it is responsible for.
        ranges: Vec<IpNet>,
    },
    /// End a check-in service; [`Event::CheckinEnded`] tells when it has.
    EndCheckin(Name),
}

/// A group in one zone.
#[derive(Debug)]
pub struct Group {
    settings: Settings,
    sender: Sender,
    fence: ZoneFence,
    /// The zone and its generation, once its hello was heard.
    zone: Option<(ZoneId, u64)>,
    next_ack: Option<Tick>,
    /// After how long the next ACK is repeated that is not answered.
    ack_pause: Millis,
    subscription: Option<ZoneSubscriber>,
    /// The membership that a former run's late ACK took from us.
    taken_late: Option<u32>,
    roster_parts: BTreeSet<u32>,
    /// Who stands here as the zone says, while the roster comes in.
    named: BTreeSet<NodeId>,
    roster: Roster,
    arrivals: Arrivals,
    asked: HashMap<NodeId, Tick>,
    floor: Floor,
    proof: Proof,
    patience: Patience,
    burst: Burst,
    linked: bool,
    last_step: Option<Tick>,
    next_judgement: Tick,
    next_summary: Tick,
    /// When the last summary went out.
    summarised: Tick,
    next_sweep: Tick,
    dark: Dark,
    number: u64,
    inflight: Option<(Report, Tick)>,
    statuses: u64,
    /// How often silence, or a closed connection, led to a state.
    verdicts: BTreeMap<NodeState, u64>,
    refused: BTreeMap<String, u64>,
    parcels: Parcels,
    policy: Policy,
    distributions: Distributions,
    security: Security,
    power: Power,
    checkins: Checkins,
    availability: Availability,
}

impl Group {
    /// A group that has heard of its zone but not answered yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let sender = Sender::new(route::group_inbox(settings.group), settings.instance);
        Self {
            settings,
            sender,
            fence: ZoneFence::default(),
            zone: None,
            next_ack: None,
            ack_pause: ACK_RETRY,
            subscription: None,
            taken_late: None,
            roster_parts: BTreeSet::new(),
            named: BTreeSet::new(),
            roster: Roster::default(),
            arrivals: Arrivals::default(),
            asked: HashMap::new(),
            floor: Floor::default(),
            proof: Proof::default(),
            patience: Patience::default(),
            burst: Burst::default(),
            linked: false,
            last_step: None,
            next_judgement: Tick::default(),
            next_summary: Tick::default(),
            summarised: Tick::default(),
            next_sweep: Tick::default(),
            dark: Dark::default(),
            number: 0,
            inflight: None,
            statuses: 0,
            verdicts: BTreeMap::new(),
            refused: BTreeMap::new(),
            parcels: Parcels::default(),
            policy: Policy::default(),
            distributions: Distributions::default(),
            security: Security::default(),
            power: Power::default(),
            checkins: Checkins::default(),
            availability: Availability::default(),
        }
    }

    /// When [`Event::Tick`] is wanted at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> Tick {
        // What needs the link waits for the link, not for a deadline.
        let over_link = [
            self.next_ack,
            self.inflight.as_ref().map(|(_, sent)| *sent + RESEND),
            self.parcels.next_deadline(),
            self.policy.next_deadline(),
            self.power.next_deadline(),
        ];
        let over_link = over_link.into_iter().flatten().filter(|_| self.linked);
        let always = [self.next_judgement, self.next_summary, self.next_sweep];
        let some = [self.checkins.next_deadline(), self.availability.next_deadline()].into_iter().flatten();
        over_link.chain(always).chain(some).min().unwrap_or_default()
    }

    /// The roster.
    #[must_use]
    pub const fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Whether the zone has answered.
    #[must_use]
    pub const fn is_subscribed(&self) -> bool {
        self.subscription.is_some()
    }

    /// How often something was refused for this reason since it started.
    #[must_use]
    pub fn refused(&self, reason: &str) -> u64 {
        self.refused.get(reason).copied().unwrap_or_default()
    }

    /// Whether the zone has answered and said who stands here.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.is_subscribed() && self.next_ack.is_none()
    }

    /// Takes one event and says what follows.
    pub fn step(&mut self, now: Now, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.notice_stall(now.tick);
        if let Some(stood) = self.proof.see(now.tick, &event) {
            tracing::info!(ms = stood.0, "the broker stood still: every node gets its full span again");
            self.excuse_all(now.tick, Millis(0));
            self.availability_held_up(now.tick);
        }
        match event {
            Event::Status(status) => self.on_status(now, &status, &mut effects),
            Event::Spoken(spoken) => self.on_spoken(now, spoken, &mut effects),
            Event::Unspoken(error) => self.on_unspoken(now, error, &mut effects),
            Event::HelloHeard(hello) => self.on_hello(now, &hello, &mut effects),
            Event::Distrusted(hello, distrust) => self.on_distrusted(now, &hello, &distrust, &mut effects),
            Event::LinkUp => self.on_link_up(now, &mut effects),
            Event::LinkDown => self.on_link_down(&mut effects),
            Event::Delivered(envelope) => self.on_packet(now, envelope, &mut effects),
            Event::Undecodable { reason } => self.refuse(reason),
            Event::Unentitled(error) => self.on_unentitled(now, &error, &mut effects),
            Event::ConnectionClosed(node) => self.on_told_closed(now, node, &mut effects),
            Event::BrokerNodeLost => self.on_broker_node_lost(now),
            Event::Published { token, result } => self.on_published(now, token, &result, &mut effects),
            Event::CheckinEnded { name, why } => self.on_checkin_ended(now, name, why, &mut effects),
            Event::Tick => self.on_tick(now, &mut effects),
        }
        self.tell_changes(now, &mut effects);
        effects
    }

    fn on_packet(&mut self, now: Now, envelope: Envelope, effects: &mut Vec<Effect>) {
        if let Err(old) = self.fence.admit(&envelope) {
            tracing::warn!(kind = envelope.packet.kind(), "a packet of the zone is not obeyed: {old}");
            return self.refuse("old_zone");
        }
        match envelope.packet {
            Packet::Presence(presence) => self.on_presence(now, presence, effects),
            Packet::ZoneSubscriber(subscriber) => self.on_subscriber(now, subscriber, effects),
            Packet::Roster(roster) => self.on_roster(now, roster),
            Packet::ArrivalDecision(decision) => self.on_arrival_decision(now, decision, effects),
            Packet::Hello(hello) => self.on_hello(now, &hello, effects),
            Packet::PolicyUpdate(update) => self.on_policy_update(now, update, effects),
            Packet::NodePolicyAck(ack) => self.on_policy_ack(now, ack, effects),
            Packet::Metrics(metrics) => self.on_metrics(&metrics),
            Packet::ActionOrder(order) => self.on_action_order(now, envelope.sent, order, effects),
            Packet::ActionOutcome(outcome) => self.on_action_outcome(now, outcome, effects),
            Packet::CheckinOrder(order) => self.on_checkin_order(now, order, effects),
            other => {
                self.refuse("unexpected_kind");
                effects.push(Effect::Park(format!("a group controller takes no {} packet", other.kind())));
            }
        }
    }

    fn refuse(&mut self, reason: &'static str) {
        *self.refused.entry(reason.to_owned()).or_default() += 1;
    }
}
