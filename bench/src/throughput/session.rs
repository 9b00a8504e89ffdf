//! The group controller's real session, with this process as its zone.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rollcall_bus::{Attachment, Bus, Consumer, ExchangeKind, Outgoing, Overflow, Queue, QueueClass, Sender, Topology};
use rollcall_discovery::Discovery;
use rollcall_group_controller::core::{SealSecret, Settings};
use rollcall_group_controller::driver::Session;
use rollcall_model::packet::{
    Alerts, Arrival, ArrivalAccepted, ArrivalDecision, Decision, Packet, ROSTER_PART, Roster, RosterMember, Summary,
    ZoneSubscriber,
};
use rollcall_model::wire::v1::Envelope;
use rollcall_model::{InstanceId, Millis, Name, NodeState, Principal, name, route};
use rollcall_startup::{Clock, Shutdown};
use tokio::sync::mpsc;

use super::brake::Brake;
use super::way::{Way, zone};
use super::{Side, callers};
use crate::statuses::{EPOCH, HARDWARE, NODES, healthy, marked, node};

const EAR: &str = "bench.ear";
/// Number of the membership.
const SESSION: u32 = 1;
/// Summaries come every 10 s.
const SUMMARY_PATIENCE: Duration = Duration::from_secs(25);

/// The session, as seen from its zone.
pub struct Zone {
    /// The session's thread.
    pub brake: Brake,
    bus: Bus,
    ear: Consumer,
    sender: Sender,
    clock: Clock,
}

/// Who the group is at the broker.
pub fn group() -> Principal {
    Principal::Group(Side::Session.group())
}

/// Attaches somebody to a broker.
pub async fn attach(way: &Way, principal: Principal, who: &str) -> anyhow::Result<Bus> {
    let inbox = principal.inbox().context("a principal without an inbox")?;
    let connector = way.connector(&principal)?;
    Ok(connector.attach(Attachment { principal, inbox, client_name: who.into(), endpoint: None }).await?)
}

fn settings(secured: bool) -> Settings {
    Settings {
        zone_name: Name::nearest("bench", "bench"),
        group: Side::Session.group(),
        name: Name::nearest("rack-a", "rack"),
        place: callers::place(),
        ranges: Vec::new(),
        addresses: Vec::new(),
        instance: InstanceId::from_bytes([7; 16]),
        broker: ("127.0.0.1".into(), 5672),
        seals: secured.then(|| SealSecret::from_bytes([7; 32])),
        certified: secured,
    }
}

impl Zone {
    /// Starts the session on the side's queue, which is there already, and lets it join with every node in its roster.
    pub async fn start(way: &Way) -> anyhow::Result<Self> {
        let (brake, clock) = (Brake::start("rollcall")?, Clock::start());
        let bus = attach(way, Principal::Zone(zone()), "bench zone").await?;
        bus.declare(topology()).await?;
        let ear = bus.consume(EAR, 256).await?;
        let way = way.clone();
        brake
            .run(async move {
                let bus = attach(&way, group(), "bench session").await?;
                let (settings, queue) = (settings(way.is_secured()), Side::Session.queue());
                let session = Session::open_on(settings, bus, Discovery::off(), clock, &queue).await?;
                tokio::spawn(async move {
                    let (_hellos, mut heard) = mpsc::channel(1);
                    session.run(&mut heard, &Shutdown::new()).await;
                });
                Ok(())
            })
            .await?;
        let sender = Sender::new(route::zone_inbox(zone()), InstanceId::from_bytes([8; 16]));
        let mut zone = Self { brake, bus, ear, sender, clock };
        zone.welcome().await?;
        Ok(zone)
    }

    async fn welcome(&mut self) -> anyhow::Result<()> {
        let members: Vec<RosterMember> = (0..NODES).map(member).collect();
        let parts = members.chunks(ROSTER_PART);
        let roster_parts = u32::try_from(parts.len())?;
        let mut packets = vec![Packet::ZoneSubscriber(subscriber(roster_parts))];
        for (part, members) in (0..).zip(parts) {
            let group = Side::Session.group();
            packets.push(Packet::Roster(Roster { group, session: SESSION, part, members: members.to_vec() }));
        }
        self.tell(packets).await
    }

    async fn tell(&mut self, packets: Vec<Packet>) -> anyhow::Result<()> {
        let (now, inbox) = (self.clock.now(), route::group_inbox(Side::Session.group()));
        let wrap = |packet| self.sender.confirmed(now, route::DIRECT, inbox.clone(), packet);
        let messages: Vec<Outgoing> = packets.into_iter().map(wrap).collect();
        for sent in self.bus.publish_all(messages).await {
            sent?;
        }
        Ok(())
    }

    /// Lets in whoever arrives, for ever.
    pub async fn admit(&mut self) -> anyhow::Result<()> {
        loop {
            let mut deliveries = Vec::new();
            ensure!(self.ear.next_batch(&mut deliveries, 256).await > 0, "the bus was closed");
            let mut decisions = Vec::new();
            for delivery in &deliveries {
                if let Packet::Arrival(arrival) = Envelope::decode(&delivery.body)?.packet {
                    decisions.push(accepted(&arrival));
                }
            }
            self.ear.ack_all(deliveries).await;
            self.tell(decisions).await?;
        }
    }

    /// Waits until the zone is told what the last status of a run says; when that was.
    pub async fn hears_mark(&mut self) -> anyhow::Result<Instant> {
        let told = |alerts: &Alerts| alerts.changes.iter().any(|change| change.health == marked());
        self.hears(|packet| matches!(packet, Packet::Alerts(alerts) if told(alerts))).await
    }

    /// Checks that the group controller counts exactly so many statuses, and refused none.
    pub async fn counts(&mut self, statuses: usize) -> anyhow::Result<()> {
        let mut last = None;
        let all = |packet: &Packet| {
            let Packet::Summary(summary) = packet else { return false };
            let complete = usize::try_from(summary.statuses).is_ok_and(|counted| counted >= statuses);
            last = Some(summary.clone());
            complete
        };
        // Whether it came or not, what was heard last tells more.
        let _ = tokio::time::timeout(SUMMARY_PATIENCE, self.hears(all)).await;
        let Summary { statuses: counted, refused, .. } = last.context("no summary came")?;
        let right = usize::try_from(counted).is_ok_and(|counted| counted == statuses) && refused.is_empty();
        ensure!(right, "{statuses} statuses were published, {counted} counted, refused: {refused:?}");
        Ok(())
    }

    async fn hears(&mut self, mut wanted: impl FnMut(&Packet) -> bool) -> anyhow::Result<Instant> {
        loop {
            let delivery = self.ear.next().await.context("the bus was closed")?;
            let at = Instant::now();
            let found = wanted(&Envelope::decode(&delivery.body)?.packet);
            self.ear.ack(delivery).await;
            if found {
                return Ok(at);
            }
        }
    }
}

fn accepted(arrival: &Arrival) -> Packet {
    let decision = Decision::Accepted(ArrivalAccepted { epoch: EPOCH, capability_digest: Some(HARDWARE) });
    let (node, instance) = (arrival.presence.node, arrival.presence.instance);
    Packet::ArrivalDecision(ArrivalDecision { group: arrival.group, node, instance, decision })
}

fn member(index: usize) -> RosterMember {
    let (state, health) = (NodeState::Healthy, healthy());
    RosterMember {
        node: node(index),
        name: Name::nearest(&format!("n{index}"), "n"),
        epoch: EPOCH,
        state,
        health,
        capability_digest: Some(HARDWARE),
    }
}

fn subscriber(roster_parts: u32) -> ZoneSubscriber {
    let settings = settings(false);
    ZoneSubscriber {
        zone: zone(),
        zone_name: settings.zone_name,
        generation: 1,
        group: settings.group,
        instance: settings.instance,
        session: SESSION,
        channels: Vec::new(),
        keep_alive: Millis(1_000),
        roster_parts,
        status_exchanges: true,
    }
}

/// Hears what the group asks and tells its zone.
fn topology() -> Topology {
    let ear = Queue {
        name: EAR.into(),
        class: QueueClass::Classic,
        max_length: 100_000,
        overflow: Overflow::DropHead,
        max_age_ms: None,
        dead_letter: None,
    };
    let binding = |channel: &str| format!("{channel}.*");
    Topology::default()
        .exchange(route::PRESENCE, ExchangeKind::Fanout)
        .exchange(route::GROUP, ExchangeKind::Topic)
        .exchange(route::ZONE, ExchangeKind::Topic)
        .exchange(route::PARKED, ExchangeKind::Fanout)
        .queue(ear)
        .bind(route::ZONE, EAR, &binding(name::ALERTS))
        .bind(route::ZONE, EAR, &binding(name::ANALYTICS))
        .bind(route::DIRECT, EAR, route::JOINS)
}
