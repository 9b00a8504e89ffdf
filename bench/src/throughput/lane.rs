//! One of the two that take turns: a way to a broker, a queue there, who takes from it, and who publishes to it.

use std::time::{Duration, Instant};

use anyhow::Context;
use lapin::{Channel, Connection};
use rollcall_bus::private_broker::PrivateBroker;
use rollcall_group_controller::driver::HEALTH_PREFETCH;
use rollcall_model::Principal;
use rustix::time::{ClockId, clock_gettime};

use super::bare::Bare;
use super::publisher::Publisher;
use super::session::Zone;
use super::way::{Way, zone};
use super::{Side, place};
use crate::footprint::process::Snapshot;

/// A run that takes longer has got stuck.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is timed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Publishing and consuming at once.
    Stream,
    /// A queue that was filled before.
    Drain,
}

/// What came of a run.
#[derive(Clone, Copy)]
pub struct Run {
    /// Statuses per second.
    pub rate: f64,
    /// Processor time of the consumer per status, microseconds. The publisher and the broker are other processes.
    pub cost_us: f64,
    /// Processor time of the broker per status, microseconds, for taking it in and for giving it out.
    pub broker_us: f64,
    /// What making one status took the publisher before anything was timed, microseconds.
    pub making_us: f64,
    /// Statuses per second that the publisher brought to the broker; where both go at once, no faster than the consumer.
    pub published: f64,
}

enum Taker {
    Session(Zone),
    Bare(Bare),
}

/// One side.
pub struct Lane {
    side: Side,
    /// Process id of the broker.
    broker: u32,
    /// Lives as long as the channel.
    _connection: Connection,
    channel: Channel,
    publisher: Publisher,
    taker: Taker,
    published: usize,
}

/// What this process has had of the processors.
fn processor_time() -> Duration {
    // Never negative.
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap_or_default()
}

impl Lane {
    /// With the group controller's session, its roster full and every node in possession of its key where keys are given.
    pub async fn session(way: &Way, broker: &PrivateBroker) -> anyhow::Result<Self> {
        let (side, broker) = (Side::Session, broker.pid());
        let (connection, channel) = queue(way, side).await?;
        let mut zone = Zone::start(way).await?;
        let publisher = tokio::select! {
            publisher = Publisher::start(side, way) => publisher?,
            ended = zone.admit() => return Err(ended.err().context("the zone ended")?),
        };
        let taker = Taker::Session(zone);
        Ok(Self { side, broker, _connection: connection, channel, publisher, taker, published: 0 })
    }

    /// With a bare client.
    pub async fn bare(way: &Way, broker: &PrivateBroker) -> anyhow::Result<Self> {
        let (side, broker) = (Side::Bare, broker.pid());
        let (connection, channel) = queue(way, side).await?;
        let taker = Taker::Bare(Bare::start(way).await?);
        let publisher = Publisher::start(side, way).await?;
        Ok(Self { side, broker, _connection: connection, channel, publisher, taker, published: 0 })
    }

    /// One run.
    pub async fn timed(&mut self, kind: Kind, statuses: usize) -> anyhow::Result<Run> {
        let making = self.publisher.prepare(statuses).await?;
        let (before, broker_before) = (processor_time(), Snapshot::of(self.broker)?);
        let (took, publishing) = match kind {
            Kind::Stream => self.stream(statuses).await?,
            Kind::Drain => self.drain(statuses).await?,
        };
        let used = processor_time().saturating_sub(before);
        let by_broker = Snapshot::of(self.broker)?.since(&broker_before).on_cpu;
        let each = statuses as f64;
        let us = |time: Duration| time.as_secs_f64() * 1e6 / each;
        let rate = |time: Duration| each / time.as_secs_f64();
        let (cost_us, broker_us, making_us) = (us(used), us(by_broker), us(making));
        Ok(Run { rate: rate(took), cost_us, broker_us, making_us, published: rate(publishing) })
    }

    async fn stream(&mut self, statuses: usize) -> anyhow::Result<(Duration, Duration)> {
        let from = Instant::now();
        self.publisher.begin().await?;
        let end = self.all_taken(statuses).await?;
        Ok((end - from, self.publisher.done().await?))
    }

    async fn drain(&mut self, statuses: usize) -> anyhow::Result<(Duration, Duration)> {
        let held = match &self.taker {
            Taker::Session(zone) => zone.brake.hold().await?,
            Taker::Bare(bare) => bare.brake.hold().await?,
        };
        self.publisher.begin().await?;
        let publishing = self.publisher.done().await?;
        // What the client library may hold already is the same for both.
        let least = u32::try_from(statuses)?.saturating_sub(u32::from(HEALTH_PREFETCH));
        while place::waiting(&self.channel, self.side).await? < least {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let from = Instant::now();
        drop(held);
        Ok((self.all_taken(statuses).await? - from, publishing))
    }

    async fn all_taken(&mut self, statuses: usize) -> anyhow::Result<Instant> {
        self.published += statuses;
        let stuck = || format!("{statuses} statuses were not taken within {} s", PATIENCE.as_secs());
        match &mut self.taker {
            Taker::Session(zone) => tokio::time::timeout(PATIENCE, zone.hears_mark()).await.with_context(stuck)?,
            Taker::Bare(bare) => tokio::time::timeout(PATIENCE, bare.takes(statuses)).await.with_context(stuck)?,
        }
    }

    /// Checks that a session has counted every status and refused none; how many. A bare client counts by itself.
    pub async fn check(&mut self) -> anyhow::Result<usize> {
        if let Taker::Session(zone) = &mut self.taker {
            zone.counts(self.published).await?;
        }
        Ok(self.published)
    }
}

async fn queue(way: &Way, side: Side) -> anyhow::Result<(Connection, Channel)> {
    let connection = way.connect(&Principal::Zone(zone()), "bench").await?;
    let channel = connection.create_channel().await?;
    place::make_queue(&channel, side).await?;
    Ok((connection, channel))
}
