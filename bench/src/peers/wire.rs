//! What one report costs on the wire, each way, both directions: sent one at a time, counted by the kernel.

use std::path::Path;

use anyhow::{Context, ensure};
use rollcall_bus::private_broker::PrivateBroker;
use rollcall_bus::{Assurance, Bus, ExchangeKind, Link, Outgoing, Topology};
use rollcall_model::wire::status;
use rollcall_model::{GroupId, Principal, route};

use super::collectd::Collectd;
use super::field::{Field, there};
use super::frames::{Message, Part, RECORD, sum};
use super::oslo::Method;
use super::sockets::{Traffic, each};
use crate::report::{Row, say};
use crate::statuses::{healthy, node, status};
use crate::throughput::session::attach;
use crate::throughput::trust::Trust;
use crate::throughput::way::zone;

/// Most bytes that a status packet may cost.
const TARGET: f64 = 250.0;
/// Peers' services report this often, seconds.
const PEERS_PERIOD_S: f64 = 10.0;

/// Measures everybody.
///
/// # Errors
/// When Rollcall's own side fails.
pub async fn run(field: &mut Field, directory: &Path, reports: usize) -> anyhow::Result<Vec<Row>> {
    say(format_args!("bytes on the wire: {reports} reports of each, one at a time"));
    let collectd = Collectd::start(&field.broker.url(), field.broker.port(), directory).await;
    let mut rows = own(directory, reports).await?;
    let nova = nova(field, reports).await;
    rows.extend(peer(
        "Nova's state report, call over oslo.messaging",
        nova,
        "plain TCP; at 1,448 B a segment on Ethernet",
    ));
    let lease = lease(field, reports).await;
    rows.extend(peer("Kubernetes' lease, put into etcd", lease, "plain TCP; from API server to etcd"));
    match collectd {
        Ok(collectd) => rows.extend(collectd.rows().await?),
        Err(reason) => {
            say(format_args!("warning: collectd is NOT MEASURED: {reason:#}"));
            rows.push(Row::missing("collectd: one message over AMQP", "B", format!("{reason:#}")));
        }
    }
    Ok(rows)
}

/// A status packet as an agent sends it: over TLS, by its bus, as its own user.
async fn own(directory: &Path, reports: usize) -> anyhow::Result<Vec<Row>> {
    let trusted = directory.join("trust");
    std::fs::create_dir_all(&trusted)?;
    let trust = Trust::make(&trusted)?;
    let broker = PrivateBroker::start_secured(&directory.join("secured"), trust.broker()?).await?;
    let (zone_itself, speaker) = (Principal::Zone(zone()), Principal::Node(node(7)));
    for who in [&zone_itself, &speaker] {
        trust.admit(&broker, who).await?;
    }
    let way = trust.way(&broker);
    let owner = attach(&way, zone_itself, "bench zone").await?;
    let exchange = route::status_exchange(GroupId::derived_from("bench"));
    owner.declare(Topology::default().exchange(&exchange, ExchangeKind::Fanout)).await?;
    owner.close().await;
    drop(owner);
    let bus = attach(&way, speaker.clone(), "bench node").await?;
    connected(&bus).await?;
    let mut sequence = 0;
    let cost = each(std::process::id(), broker.port(), reports, async || {
        sequence += 1;
        let body = status(node(7), sequence, healthy()).encode().to_vec();
        let (exchange, routing_key, kind) = (exchange.clone().into(), String::new(), status::KIND);
        let assurance = Assurance::Lossy;
        bus.publish(Outgoing { exchange, routing_key, body, kind, message_id: None, assurance, trace: None }).await?;
        Ok(())
    })
    .await?;
    bus.close().await;
    broker.stop().await;
    let user = speaker.user_in(zone());
    let message = Message { exchange: &exchange, key: "", kind: status::KIND, user: &user, body: status::BYTES };
    Ok(rows_of(&cost, &message.amqp(), message.on_the_wire()))
}

async fn connected(bus: &Bus) -> anyhow::Result<()> {
    let mut link = bus.link();
    let up = link.wait_for(|link| matches!(link, Link::Up { .. }));
    tokio::time::timeout(std::time::Duration::from_secs(30), up).await.context("the node does not connect")??;
    // Then the channels are opened and the first echo goes round.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    Ok(())
}

fn rows_of(cost: &Traffic, amqp: &[Part], all: Vec<Part>) -> Vec<Row> {
    let reckoned = sum(amqp) + RECORD;
    let agrees = if cost.up == reckoned as u64 {
        format!("as reckoned: AMQP {}, one TLS record", sum(amqp))
    } else {
        format!("TCP carries {}, reckoned {reckoned}", cost.up)
    };
    let mut rows = vec![
        Row::new("status packet over TLS: the node sends", cost.sent() as f64, "B")
            .beside(format!("target ≤ {TARGET}"))
            .note(format!("{} segments; {agrees}", cost.segments_up)),
        Row::new("status packet over TLS: the broker acknowledges", cost.received() as f64, "B")
            .note(format!("{} segments, TCP's own; nothing else is answered", cost.segments_down)),
    ];
    rows.extend(all.into_iter().map(|(what, bytes)| Row::new(format!("status packet: {what}"), bytes as f64, "B")));
    rows
}

async fn nova(field: &mut Field, reports: usize) -> anyhow::Result<Traffic> {
    let port = field.broker.port();
    let oslo = there(&mut field.oslo)?;
    each(oslo.pid()?, port, reports, async || oslo.report(Method::Call, 1).await.map(drop)).await
}

async fn lease(field: &mut Field, reports: usize) -> anyhow::Result<Traffic> {
    let etcd = there(&mut field.etcd)?;
    let cost = each(std::process::id(), etcd.port(), reports, async || etcd.put(1).await.map(drop)).await?;
    ensure!(cost.up > 500, "a put of 500 B has not been seen: {cost:?}");
    Ok(cost)
}

fn peer(what: &str, cost: anyhow::Result<Traffic>, how: &str) -> Vec<Row> {
    match cost {
        Ok(cost) => {
            let hourly = (cost.sent() + cost.received()) as f64 * 3_600.0 / PEERS_PERIOD_S / 1_024.0;
            vec![
                Row::new(format!("{what}: sent"), cost.sent() as f64, "B").of_peer().note(cost.in_words()),
                Row::new(format!("{what}: received"), cost.received() as f64, "B")
                    .of_peer()
                    .note(format!("{how}; {hourly:.0} KiB an hour both ways, one every {PEERS_PERIOD_S} s")),
            ]
        }
        Err(reason) => {
            say(format_args!("warning: {what} is NOT MEASURED: {reason:#}"));
            vec![Row::missing(what, "B", format!("{reason:#}"))]
        }
    }
}
