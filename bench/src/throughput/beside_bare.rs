//! The session beside a bare client, on one broker without certificates.

use rollcall_bus::private_broker::PrivateBroker;

use super::Extent;
use super::lane::Lane;
use super::trial::Trial;
use super::way::Way;
use crate::machine::{Machine, load};
use crate::report::{Section, publish, say};

/// What the whole path has to reach of what the bare client reaches.
const TARGET: f64 = 0.95;

/// Measures, prints and writes down.
///
/// # Errors
/// When there is no private RabbitMQ to be had, or a run got stuck or lost a status.
pub async fn run(extent: Extent) -> anyhow::Result<()> {
    let load_before = load();
    say("throughput: starting a private RabbitMQ");
    let directory = tempfile::tempdir()?;
    let broker = PrivateBroker::start(&directory.path().join("rabbitmq")).await?;
    let way = Way::plain(broker.url());
    let subject = (Lane::session(&way, &broker).await?, "group controller");
    let peer = (Lane::bare(&way, &broker).await?, "bare lapin");
    let outcome = Trial { subject, peer, target: TARGET }.run(extent).await?;
    broker.stop().await;
    Ok(publish("throughput", Section { machine: Machine::this(), load_before, rows: outcome.rows() })?)
}
