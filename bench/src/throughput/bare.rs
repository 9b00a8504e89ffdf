//! The peer: a consumer that does nothing but acknowledge, many at a time.

use std::time::Instant;

use anyhow::Context;
use futures::{FutureExt, StreamExt};
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use rollcall_group_controller::driver::{BATCH, HEALTH_PREFETCH};
use rollcall_model::Principal;
use tokio::sync::mpsc;

use super::brake::Brake;
use super::way::{Way, zone};
use super::{Side, place};

/// The peer, as seen from the measuring process.
pub struct Bare {
    /// Its thread.
    pub brake: Brake,
    taken: mpsc::UnboundedReceiver<(usize, Instant)>,
    total: usize,
}

impl Bare {
    /// Starts it.
    pub async fn start(way: &Way) -> anyhow::Result<Self> {
        let brake = Brake::start("bare")?;
        let (tell, taken) = mpsc::unbounded_channel();
        let way = way.clone();
        brake.run(async move { consume(&way, tell).await }).await?;
        Ok(Self { brake, taken, total: 0 })
    }

    /// Waits until it has taken so many more; when that was.
    pub async fn takes(&mut self, count: usize) -> anyhow::Result<Instant> {
        self.total += count;
        loop {
            let (taken, at) = self.taken.recv().await.context("the bare consumer ended")?;
            if taken == self.total {
                return Ok(at);
            }
        }
    }
}

async fn consume(way: &Way, tell: mpsc::UnboundedSender<(usize, Instant)>) -> anyhow::Result<()> {
    let connection = way.connect(&Principal::Zone(zone()), "bench bare consumer").await?;
    let channel = connection.create_channel().await?;
    place::make_queue(&channel, Side::Bare).await?;
    channel.basic_qos(HEALTH_PREFETCH, BasicQosOptions::default()).await?;
    let (queue, options) = (Side::Bare.queue().into(), BasicConsumeOptions::default());
    let mut deliveries = channel.basic_consume(queue, "bare".into(), options, FieldTable::default()).await?;
    tokio::spawn(async move {
        // Lives as long as the consumer.
        let _connection = connection;
        let mut taken = 0;
        while let Some(Ok(first)) = deliveries.next().await {
            let (mut last, mut count) = (first.delivery_tag, 1);
            while count < BATCH
                && let Some(Some(Ok(delivery))) = deliveries.next().now_or_never()
            {
                (last, count) = (delivery.delivery_tag, count + 1);
            }
            if channel.basic_ack(last, BasicAckOptions { multiple: true }).await.is_err() {
                return;
            }
            taken += count;
            // One message to the measuring thread per batch: once the queue is drained, and now and then before.
            if count < BATCH && tell.send((taken, Instant::now())).is_err() {
                return;
            }
        }
    });
    Ok(())
}
