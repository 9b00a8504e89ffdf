//! f_RA over a real RabbitMQ: 200 nodes say how free they are, and a receiver recovers it from their timing (A5); and the
//! traffic of all of them in any second, also when all become free at once.
//!
//! The agents' real cores, with their status packets and what rides on them, over a private broker's real exchange and a group
//! controller's real queues, into a receiver. What a node has free is held still meanwhile, so that what is off is the timing's.

mod choir;
mod ear;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use rollcall_bus::private_broker::PrivateBroker;
use rollcall_bus::{Attachment, Bus, Connector, RabbitSettings};
use rollcall_model::policy::{AvailabilitySettings, SentKinds};
use rollcall_model::{GroupId, NodeId, Principal, Purpose, ZoneId, route};
use rollcall_placement::frequency::Recovered;
use rollcall_placement::{Kind, Plan, plan};
use rollcall_startup::Clock;
use tokio::sync::mpsc;

use self::choir::Choir;
use self::ear::Ear;
use crate::machine::{Machine, load};
use crate::report::{Row, Section, publish};

/// How many nodes.
pub const NODES: u32 = 200;
/// Over so many connections.
const CHOIRS: u32 = 4;
/// What a group of them may send in any second.
const MESSAGES_PER_SECOND: f64 = 400.0;
/// Each node's own share of its machine is in use so long; then all are full, then all are free.
const OWN: Duration = Duration::from_secs(90);
const FULL: Duration = Duration::from_secs(30);
const FREE: Duration = Duration::from_secs(30);

/// What is in use on every node, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Its own share.
    Own,
    /// Everything.
    All,
    /// Nothing.
    Nothing,
}

impl Use {
    fn of(number: u8) -> Self {
        [Self::Own, Self::All, Self::Nothing].get(usize::from(number)).copied().unwrap_or(Self::Nothing)
    }

    /// The fraction in use on a node that has its own share in use otherwise.
    #[must_use]
    pub const fn fraction(self, own: f64) -> f64 {
        match self {
            Self::Own => own,
            Self::All => 1.0,
            Self::Nothing => 0.0,
        }
    }
}

fn zone() -> ZoneId {
    ZoneId::derived_from("availability bench")
}

fn group() -> GroupId {
    GroupId::derived_from("availability bench")
}

fn settings() -> AvailabilitySettings {
    AvailabilitySettings {
        kinds: SentKinds::Both,
        messages_per_second: MESSAGES_PER_SECOND,
        nodes_per_group: NODES,
        ..AvailabilitySettings::default()
    }
}

async fn attach(url: &str, principal: Principal) -> anyhow::Result<Bus> {
    let inbox = principal.inbox().context("a principal without an inbox")?;
    let connector = Connector::Rabbit(RabbitSettings { url: url.to_owned(), ..RabbitSettings::default() });
    let client_name = format!("bench {principal}");
    let bus = connector.attach(Attachment { principal, inbox, client_name, endpoint: None }).await?;
    bus.link().wait_for(rollcall_bus::Link::is_up).await.context("the bus ended")?;
    Ok(bus)
}

/// Measures, prints and keeps the figures.
///
/// # Errors
/// When there is no RabbitMQ, a figure misses its target, or the figures cannot be written.
pub async fn run() -> anyhow::Result<()> {
    let load_before = load();
    let directory = tempfile::tempdir()?;
    let broker = PrivateBroker::start(directory.path()).await?;
    let plan = plan(&settings())?.context("a plan")?;
    let (clock, now_in_use) = (Clock::start(), Arc::new(AtomicU8::new(0)));
    let zone_bus = attach(&broker.url(), Principal::Zone(zone())).await?;
    let inbox = route::zone_inbox(zone());
    zone_bus.declare(rollcall_zone_controller::topology::topology(&inbox, &Purpose::standard())).await?;
    let mut ear = Ear::open(attach(&broker.url(), Principal::Group(group())).await?, &plan, clock).await?;
    let (tell, sent) = mpsc::channel(100_000);
    for number in 0..CHOIRS {
        let (url, now_in_use, tell) = (broker.url(), Arc::clone(&now_in_use), tell.clone());
        let choir = Choir::new(number, CHOIRS, now_in_use);
        for (node, _) in choir.members() {
            ear.expect(node)?;
        }
        choir.sing(url, clock, tell)?;
    }
    drop(tell);

    ear.listen(OWN).await;
    let mut rows = recovered(&ear, &plan);
    now_in_use.store(1, Ordering::Relaxed);
    ear.listen(FULL).await;
    now_in_use.store(2, Ordering::Relaxed);
    ear.listen(FREE).await;
    rows.extend(traffic(&ear, sent));
    publish("availability over RabbitMQ", Section { machine: Machine::this(), load_before, rows: rows.clone() })?;
    broker.stop().await;
    judge(&rows)
}

/// What was recovered of each node beside what it says, by kind.
fn recovered(ear: &Ear, plan: &Plan) -> Vec<Row> {
    let mut rows = Vec::new();
    for kind in [Kind::Balance, Kind::Power] {
        let mut errors: Vec<f64> = choir::all(CHOIRS)
            .filter_map(|(node, own)| {
                let (frequency, _) = ear.receiver().frequency(node, kind)?;
                match plan.sending.rates.recover(kind, 1.0, frequency) {
                    Recovered::One(f) => Some((f / (1.0 - own) - 1.0).abs()),
                    Recovered::Impossible | Recovered::Two(..) => None,
                }
            })
            .collect();
        errors.sort_by(f64::total_cmp);
        let at = |part: f64| errors.get((errors.len() as f64 * part) as usize).copied().unwrap_or(1.0) * 100.0;
        let what = |which: &str| format!("f_RA from timing, {}, {which} error", kind.as_str());
        let of = format!("{} of {NODES} nodes", errors.len());
        rows.push(Row::new(what("median"), at(0.5), "%").beside("target 5 %").note(of));
        rows.push(Row::new(what("95th percentile"), at(0.95), "%"));
    }
    rows
}

/// The worst second, as sent and as heard.
fn traffic(ear: &Ear, mut sent: mpsc::Receiver<choir::Sent>) -> Vec<Row> {
    let (mut at, mut riding) = (Vec::new(), 0_usize);
    while let Ok(message) = sent.try_recv() {
        at.push(message.at.0);
        riding += usize::from(message.rides);
    }
    let whole = (OWN + FULL + FREE).as_secs_f64();
    let target = format!("budget {MESSAGES_PER_SECOND}");
    let ride = format!("{:.0} % ride on status packets", 100.0 * riding as f64 / at.len().max(1) as f64);
    vec![
        Row::new("RA and capacity messages in the worst second, as sent", worst_second(&mut at), "messages")
            .beside(target),
        // Broker and listener are held up on a busy machine, and then much comes at once.
        Row::new("the same, as heard", worst_second(&mut ear.times()), "messages").note("after hold-ups on the way"),
        Row::new("messages per second, all three phases", at.len() as f64 / whole, "per s").note(ride),
        Row::new("messages that were not taken", ear.not_taken() as f64, "messages"),
    ]
}

/// The most that lie within any 1,000 ms.
fn worst_second(times: &mut [u64]) -> f64 {
    times.sort_unstable();
    let (mut from, mut most) = (0, 0);
    for to in 0..times.len() {
        while times[to] - times[from] >= 1_000 {
            from += 1;
        }
        most = most.max(to - from + 1);
    }
    most as f64
}

fn judge(rows: &[Row]) -> anyhow::Result<()> {
    for row in rows {
        let most = match &*row.beside {
            "target 5 %" => 5.0,
            beside if beside.starts_with("budget") => MESSAGES_PER_SECOND,
            _ => continue,
        };
        ensure!(row.value <= most, "{} is {:.1} {}, above {most}", row.what, row.value, row.unit);
    }
    Ok(())
}

/// The node of a number.
fn node(number: u32) -> NodeId {
    rollcall_node_agent::simulated::Machine::generate(9, number).identifier.node
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_second_slides() {
        assert_eq!(worst_second(&mut [0, 900, 1_000, 1_800, 2_000, 5_000]), 3.0);
        assert_eq!(worst_second(&mut []), 0.0);
        assert_eq!(Use::of(1).fraction(0.3), 1.0);
    }
}
