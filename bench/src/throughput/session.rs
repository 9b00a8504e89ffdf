//! The group controller's real session, with this process as its zone.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rollcall_bus::{
    Attachment, Bus, Connector, Consumer, ExchangeKind, Outgoing, Overflow, Queue, QueueClass, RabbitSettings, Sender,
    Topology,
};
use rollcall_discovery::Discovery;
use rollcall_group_controller::core::Settings;
use rollcall_group_controller::driver::Session;
use rollcall_model::packet::{Alerts, Packet, ROSTER_PART, Roster, RosterMember, Summary, ZoneSubscriber};
use rollcall_model::wire::v1::Envelope;
use rollcall_model::{InstanceId, Millis, Name, NodeState, Principal, ZoneId, name, route};
use rollcall_startup::{Clock, Shutdown};
use tokio::sync::mpsc;

use super::Side;
use super::brake::Brake;
use crate::statuses::{EPOCH, NODES, healthy, marked, node};

const INBOX: &str = "inbox.bench";
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
    clock: Clock,
}

fn attachment(principal: Principal, inbox: String, who: &str) -> Attachment {
    Attachment { principal, inbox, client_name: who.into(), endpoint: None }
}

fn settings() -> Settings {
    Settings {
        zone_name: Name::nearest("bench", "bench"),
        group: Side::Rollcall.group(),
        name: Name::nearest("rack-a", "rack"),
        place: Name::nearest("rack-a", "rack"),
        ranges: Vec::new(),
        addresses: Vec::new(),
        instance: InstanceId::from_bytes([7; 16]),
        broker: ("127.0.0.1".into(), 5672),
        seals: None,
        certified: false,
    }
}

impl Zone {
    /// Starts the session on the side's queue, which is there already, and lets it join with every node in its roster.
    pub async fn start(url: &str) -> anyhow::Result<Self> {
        let connector = Connector::Rabbit(RabbitSettings { url: url.into(), ..RabbitSettings::default() });
        let (brake, clock) = (Brake::start("rollcall")?, Clock::start());
        let bus = connector
            .attach(attachment(Principal::Zone(ZoneId::derived_from("bench")), INBOX.into(), "bench zone"))
            .await?;
        bus.declare(topology()).await?;
        let ear = bus.consume(EAR, 256).await?;
        brake
            .run(async move {
                let settings = settings();
                let inbox = route::group_inbox(settings.group);
                let bus =
                    connector.attach(attachment(Principal::Group(settings.group), inbox, "bench session")).await?;
                let queue = Side::Rollcall.queue();
                let session = Session::open_on(settings, bus, Discovery::off(), clock, queue).await?;
                tokio::spawn(async move {
                    let (_hellos, heard) = mpsc::channel(1);
                    session.run(heard, Shutdown::new()).await;
                });
                Ok(())
            })
            .await?;
        let zone = Self { brake, bus, ear, clock };
        zone.welcome().await?;
        Ok(zone)
    }

    async fn welcome(&self) -> anyhow::Result<()> {
        let mut sender = Sender::new(INBOX, InstanceId::from_bytes([8; 16]));
        let inbox = route::group_inbox(Side::Rollcall.group());
        let members: Vec<RosterMember> = (0..NODES).map(member).collect();
        let parts = members.chunks(ROSTER_PART);
        let roster_parts = u32::try_from(parts.len())?;
        let mut packets = vec![Packet::ZoneSubscriber(subscriber(roster_parts))];
        for (part, members) in (0..).zip(parts) {
            let group = Side::Rollcall.group();
            packets.push(Packet::Roster(Roster { group, session: SESSION, part, members: members.to_vec() }));
        }
        let now = self.clock.now();
        let wrap = |packet| sender.confirmed(now, route::DIRECT, inbox.clone(), packet);
        let messages: Vec<Outgoing> = packets.into_iter().map(wrap).collect();
        for sent in self.bus.publish_all(messages).await {
            sent?;
        }
        Ok(())
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

fn member(index: usize) -> RosterMember {
    let (state, health) = (NodeState::Healthy, healthy());
    RosterMember {
        node: node(index),
        name: Name::nearest(&format!("n{index}"), "n"),
        epoch: EPOCH,
        state,
        health,
        capability_digest: None,
    }
}

fn subscriber(roster_parts: u32) -> ZoneSubscriber {
    let settings = settings();
    ZoneSubscriber {
        zone: ZoneId::derived_from("bench"),
        zone_name: settings.zone_name,
        generation: 1,
        group: settings.group,
        instance: settings.instance,
        session: SESSION,
        channels: Vec::new(),
        keep_alive: Millis(1_000),
        roster_parts,
    }
}

/// Hears what the group tells its zone.
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
        .exchange(route::ZONE, ExchangeKind::Topic)
        .exchange(route::PARKED, ExchangeKind::Fanout)
        .queue(ear)
        .bind(route::ZONE, EAR, &binding(name::ALERTS))
        .bind(route::ZONE, EAR, &binding(name::ANALYTICS))
}
