//! The measurement itself: turn and turn about, then medians.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use lapin::Channel;
use lapin::options::ExchangeDeclareOptions;
use lapin::types::FieldTable;
use rollcall_bus::private_broker::PrivateBroker;
use rollcall_group_controller::driver::HEALTH_PREFETCH;
use rollcall_model::route;
use rustix::time::{ClockId, clock_gettime};

use super::bare::Bare;
use super::publisher::Publisher;
use super::session::Zone;
use super::{Side, place};
use crate::machine::{Machine, load};
use crate::report::{Row, Section, figure, median, publish, say};
use crate::statuses::NODES;

/// A run that takes longer has got stuck.
const PATIENCE: Duration = Duration::from_secs(120);
/// Published to each side before anything is measured.
const WARM_UP: usize = 20_000;
/// What the whole path has to reach of what the bare client reaches.
const TARGET: f64 = 0.9;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Pairs of runs, of each of the two kinds.
    pub pairs: usize,
    /// Statuses in each run of publishing and consuming at once.
    pub statuses: usize,
}

/// Statuses in each run of draining: as many as a health queue holds. Many more, and the broker begins to write to disk.
const DRAINED: usize = 50_000;

impl Default for Extent {
    fn default() -> Self {
        Self { pairs: 15, statuses: 100_000 }
    }
}

/// Everything that takes part.
struct Bench {
    broker: PrivateBroker,
    _directory: tempfile::TempDir,
    channel: Channel,
    publisher: Publisher,
    zone: Zone,
    bare: Bare,
    published: usize,
}

/// What is timed.
#[derive(Clone, Copy)]
enum Kind {
    /// Publishing and consuming at once.
    Stream,
    /// A queue that was filled before.
    Drain,
}

/// What came of a run.
#[derive(Clone, Copy)]
struct Run {
    /// Statuses per second.
    rate: f64,
    /// Processor time of the consumer per status, microseconds. The publisher and the broker are other processes.
    cost_us: f64,
}

/// Two runs, one after the other.
#[derive(Clone, Copy)]
struct Pair {
    rollcall: Run,
    bare: Run,
}

/// What this process has had of the processors.
fn processor_time() -> Duration {
    // Never negative.
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap_or_default()
}

/// Measures, prints and writes down.
///
/// # Errors
/// When there is no private RabbitMQ to be had, or a run got stuck or lost a status.
pub async fn run(extent: Extent) -> anyhow::Result<()> {
    ensure!(extent.statuses >= 2 * NODES, "a run needs at least {} statuses: each node has to speak twice", 2 * NODES);
    let load_before = load();
    say("throughput: starting a private RabbitMQ");
    let mut bench = Bench::start().await?;
    for side in [Side::Rollcall, Side::Bare] {
        bench.stream(side, WARM_UP).await?;
    }
    let streamed = bench.pairs(Kind::Stream, extent).await?;
    let drained = bench.pairs(Kind::Drain, extent).await?;
    bench.zone.counts(bench.published).await?;
    say(format_args!("all {} statuses were counted by the group controller, none refused", bench.published));
    bench.broker.stop().await;
    let rows = [rows("publish and consume at once", &streamed), rows("drain a filled queue", &drained)].concat();
    Ok(publish("throughput", Section { machine: Machine::this(), load_before, rows })?)
}

fn rows(kind: &str, pairs: &[Pair]) -> Vec<Row> {
    let middle = |value: fn(&Pair) -> f64| median(&pairs.iter().map(value).collect::<Vec<f64>>());
    let each: Vec<String> = pairs.iter().map(|pair| format!("{:.2}", pair.ratio())).collect();
    let bare = |value| format!("bare lapin {}", figure(value));
    vec![
        Row::new(format!("{kind}: group controller"), middle(|pair| pair.rollcall.rate), "statuses/s")
            .beside(bare(middle(|pair| pair.bare.rate))),
        Row::new(format!("{kind}: ratio"), middle(Pair::ratio), "")
            .beside(format!("target ≥ {TARGET}"))
            .note(format!("pairs: {}", each.join(" "))),
        Row::new(format!("{kind}: processor time"), middle(|pair| pair.rollcall.cost_us), "µs/status")
            .beside(bare(middle(|pair| pair.bare.cost_us)))
            .note("of the consumer, with the client library's thread"),
    ]
}

impl Pair {
    fn ratio(&self) -> f64 {
        self.rollcall.rate / self.bare.rate
    }
}

impl Bench {
    async fn start() -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let broker = PrivateBroker::start(&directory.path().join("rabbitmq")).await?;
        let url = broker.url();
        let connection = place::connect(&url, "bench").await?;
        let channel = connection.create_channel().await?;
        let (topic, durable) =
            (lapin::ExchangeKind::Topic, ExchangeDeclareOptions { durable: true, ..Default::default() });
        channel.exchange_declare(route::GROUP.into(), topic, durable, FieldTable::default()).await?;
        place::make_queue(&channel, Side::Rollcall).await?;
        let bare = Bare::start(&url).await?;
        let zone = Zone::start(&url).await?;
        place::drop_real_queue(&channel).await?;
        let publisher = Publisher::start(&url).await?;
        Ok(Self { broker, _directory: directory, channel, publisher, zone, bare, published: 0 })
    }

    async fn pairs(&mut self, kind: Kind, extent: Extent) -> anyhow::Result<Vec<Pair>> {
        let what = match kind {
            Kind::Stream => "publish and consume",
            Kind::Drain => "drain",
        };
        let statuses = match kind {
            Kind::Stream => extent.statuses,
            Kind::Drain => DRAINED,
        };
        let mut pairs = Vec::new();
        for number in 1..=extent.pairs {
            let rollcall = self.timed(kind, Side::Rollcall, statuses).await?;
            let bare = self.timed(kind, Side::Bare, statuses).await?;
            let pair = Pair { rollcall, bare };
            let (rates, costs) = ((rollcall.rate, bare.rate), (rollcall.cost_us, bare.cost_us));
            say(format_args!(
                "{what} {number}/{}: {}/s and {:.2} µs each, bare {}/s and {:.2} µs, ratio {:.3}",
                extent.pairs,
                figure(rates.0),
                costs.0,
                figure(rates.1),
                costs.1,
                pair.ratio()
            ));
            pairs.push(pair);
        }
        Ok(pairs)
    }

    async fn timed(&mut self, kind: Kind, side: Side, statuses: usize) -> anyhow::Result<Run> {
        let before = processor_time();
        let took = match kind {
            Kind::Stream => self.stream(side, statuses).await?,
            Kind::Drain => self.drain(side, statuses).await?,
        };
        let used = processor_time().saturating_sub(before);
        let each = statuses as f64;
        Ok(Run { rate: each / took.as_secs_f64(), cost_us: used.as_secs_f64() * 1e6 / each })
    }

    async fn stream(&mut self, side: Side, statuses: usize) -> anyhow::Result<Duration> {
        let from = Instant::now();
        self.publisher.begin(side, statuses).await?;
        let end = self.all_taken(side, statuses).await?;
        self.publisher.done().await?;
        Ok(end - from)
    }

    async fn drain(&mut self, side: Side, statuses: usize) -> anyhow::Result<Duration> {
        let held = match side {
            Side::Rollcall => self.zone.brake.hold().await?,
            Side::Bare => self.bare.brake.hold().await?,
        };
        self.publisher.begin(side, statuses).await?;
        self.publisher.done().await?;
        // What the client library may hold already is the same for both.
        let least = u32::try_from(statuses)?.saturating_sub(u32::from(HEALTH_PREFETCH));
        while place::waiting(&self.channel, side).await? < least {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let from = Instant::now();
        drop(held);
        Ok(self.all_taken(side, statuses).await? - from)
    }

    async fn all_taken(&mut self, side: Side, statuses: usize) -> anyhow::Result<Instant> {
        let stuck = || format!("{side:?} did not take {statuses} statuses within {} s", PATIENCE.as_secs());
        match side {
            Side::Rollcall => {
                self.published += statuses;
                tokio::time::timeout(PATIENCE, self.zone.hears_mark()).await.with_context(stuck)?
            }
            Side::Bare => tokio::time::timeout(PATIENCE, self.bare.takes(statuses)).await.with_context(stuck)?,
        }
    }
}
