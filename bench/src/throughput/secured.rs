//! The session with all that trust costs, beside the session without any of it: two brokers side by side.

use rollcall_bus::private_broker::PrivateBroker;
use rollcall_model::Principal;

use super::lane::Lane;
use super::trial::Trial;
use super::trust::Trust;
use super::way::{Way, zone};
use super::{Extent, publisher, session};
use crate::machine::{Machine, load};
use crate::report::{Section, publish, say};

/// What the secured path has to reach of what the plain one reaches.
const TARGET: f64 = 0.8;

/// Measures, prints and writes down.
///
/// # Errors
/// When there is no private RabbitMQ to be had, or a run got stuck, lost a status, or had one refused.
pub async fn run(extent: Extent) -> anyhow::Result<()> {
    let load_before = load();
    say("secured: starting two private RabbitMQs, one of them with TLS");
    let directory = tempfile::tempdir()?;
    let trust = Trust::make(directory.path())?;
    let plain = PrivateBroker::start(&directory.path().join("plain")).await?;
    let secured = PrivateBroker::start_secured(&directory.path().join("secured"), trust.broker()?).await?;
    for who in [Principal::Zone(zone()), session::group()] {
        trust.admit(&secured, &who).await?;
    }
    trust.admit_impersonator(&secured, &publisher::speaker()).await?;
    let subject = (Lane::session(&trust.way(&secured), &secured).await?, "secured");
    let peer = (Lane::session(&Way::plain(plain.url()), &plain).await?, "plain");
    let outcome = Trial { subject, peer, target: TARGET, target_beyond_us: None }.run(extent).await?;
    plain.stop().await;
    secured.stop().await;
    let rows = [outcome.rows(), outcome.rows_of_publishers()].concat();
    Ok(publish("secured", Section { machine: Machine::this(), load_before, rows })?)
}
