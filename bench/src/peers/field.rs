//! Everybody who takes part, up and running.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use rollcall_bus::private_broker::PrivateBroker;

use super::etcd::Etcd;
use super::oslo::{Method, Oslo};
use crate::throughput::lane::{Kind, Lane};
use crate::throughput::way::Way;

/// Reports of one turn: each takes some seconds on two cores.
const STATUSES: usize = 100_000;
const CALLS: usize = 2_000;
const CASTS: usize = 4_000;
const PUTS: usize = 20_000;
const KEEP_ALIVES: usize = 40_000;
/// Before anything is timed.
const WARM_UP: usize = 20_000;
/// A turn that takes longer has got stuck.
const PATIENCE: Duration = Duration::from_secs(120);

/// A way to say "I am alive".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A status packet into the group controller's roster.
    Rollcall,
    /// The same packet to a client that does nothing.
    Bare,
    /// Nova's state report with an answer, as Nova does it.
    Call,
    /// The same without an answer.
    Cast,
    /// A write of the size of a Kubernetes lease.
    Put,
    /// etcd's own lease, kept alive.
    KeepAlive,
}

/// Who takes part. A peer that could not be started has left its reason.
pub struct Field {
    /// The broker of everybody who needs one.
    pub broker: PrivateBroker,
    rollcall: Lane,
    bare: Lane,
    /// oslo.messaging.
    pub oslo: anyhow::Result<Oslo>,
    /// etcd.
    pub etcd: anyhow::Result<Etcd>,
}

impl Field {
    /// Starts everything below a directory.
    pub async fn start(directory: &Path) -> anyhow::Result<Self> {
        let broker = PrivateBroker::start(&directory.join("rabbitmq")).await?;
        let way = Way::plain(broker.url());
        let (mut rollcall, mut bare) = (Lane::session(&way, &broker).await?, Lane::bare(&way, &broker).await?);
        for lane in [&mut rollcall, &mut bare] {
            lane.timed(Kind::Stream, WARM_UP).await?;
        }
        let (oslo, etcd) = (Oslo::start(&broker.url(), directory).await, Etcd::start(directory).await);
        Ok(Self { broker, rollcall, bare, oslo, etcd })
    }

    /// One turn; reports a second.
    pub async fn turn(&mut self, side: Side) -> anyhow::Result<f64> {
        let turn = tokio::time::timeout(PATIENCE, self.take_turn(side)).await;
        turn.with_context(|| format!("it took longer than {} s", PATIENCE.as_secs()))?
    }

    async fn take_turn(&mut self, side: Side) -> anyhow::Result<f64> {
        let (count, took) = match side {
            Side::Rollcall => return Ok(self.rollcall.timed(Kind::Stream, STATUSES).await?.rate),
            Side::Bare => return Ok(self.bare.timed(Kind::Stream, STATUSES).await?.rate),
            Side::Call => (CALLS, there(&mut self.oslo)?.report(Method::Call, CALLS).await?),
            Side::Cast => (CASTS, there(&mut self.oslo)?.report(Method::Cast, CASTS).await?),
            Side::Put => (PUTS, there(&mut self.etcd)?.put(PUTS).await?),
            Side::KeepAlive => (KEEP_ALIVES, there(&mut self.etcd)?.keep_alive(KEEP_ALIVES).await?),
        };
        Ok(count as f64 / took.as_secs_f64())
    }

    /// Checks that Rollcall has counted every status and refused none; how many.
    pub async fn check(&mut self) -> anyhow::Result<usize> {
        self.rollcall.check().await
    }

    /// Ends everybody.
    pub async fn stop(self) {
        let Self { broker, rollcall, bare, oslo, etcd } = self;
        drop((rollcall, bare, oslo, etcd));
        broker.stop().await;
    }
}

/// A peer, or why there is none.
pub fn there<T>(peer: &mut anyhow::Result<T>) -> anyhow::Result<&mut T> {
    match peer {
        Ok(peer) => Ok(peer),
        Err(reason) => bail!("{reason:#}"),
    }
}
