//! The receiving end of a queue on RabbitMQ.

use std::sync::Arc;

use rollcall_model::route;
use tokio::sync::mpsc;

use super::bus::Handle;
use super::feed::Feed;
use crate::delivery::{Delivery, PARK_PAUSE, Receipt, parked_headers};
use crate::{Assurance, Outgoing, PublishError};

pub(crate) struct RabbitConsumer {
    handle: Arc<Handle>,
    feed: Arc<Feed>,
    deliveries: mpsc::Receiver<Delivery>,
    /// Settled, and the broker not told.
    untold: Vec<Receipt>,
}

impl std::fmt::Debug for RabbitConsumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RabbitConsumer").field("feed", &self.feed).finish_non_exhaustive()
    }
}

impl Drop for RabbitConsumer {
    fn drop(&mut self) {
        self.handle.shared.remove_feed(&self.feed);
    }
}

impl RabbitConsumer {
    pub(super) fn new(handle: Arc<Handle>, feed: Arc<Feed>, deliveries: mpsc::Receiver<Delivery>) -> Self {
        Self { handle, feed, deliveries, untold: Vec::new() }
    }

    pub(crate) async fn next(&mut self) -> Option<Delivery> {
        loop {
            let delivery = self.deliveries.recv().await?;
            if self.is_worth_handling(&delivery) {
                return Some(delivery);
            }
        }
    }

    pub(crate) async fn next_batch(&mut self, into: &mut Vec<Delivery>, max: usize) -> usize {
        let before = into.len();
        loop {
            if self.deliveries.recv_many(into, max.max(1)).await == 0 {
                return 0;
            }
            // Of one connection as a rule: only then nothing is to be left out.
            let lane = self.feed.lane_id();
            let is_worth_handling = |delivery: &Delivery| self.feed.is_inbox || Some(delivery.receipt.lane) == lane;
            if !into[before..].iter().all(is_worth_handling) {
                let fresh = into.split_off(before);
                into.extend(fresh.into_iter().filter(is_worth_handling));
            }
            if into.len() > before {
                return into.len() - before;
            }
        }
    }

    /// What came over an earlier connection comes again, except from an inbox, which went with its connection.
    fn is_worth_handling(&self, delivery: &Delivery) -> bool {
        self.feed.is_inbox || Some(delivery.receipt.lane) == self.feed.lane_id()
    }

    pub(crate) fn ack_all(&self, receipts: &mut [Receipt]) {
        self.feed.ack(receipts);
    }

    pub(crate) fn settle(&mut self, receipts: impl IntoIterator<Item = Receipt>, many: usize) {
        self.untold.extend(receipts);
        if !self.untold.is_empty() && self.untold.len() >= many {
            self.feed.ack(&mut self.untold);
            self.untold.clear();
        }
    }

    pub(crate) fn requeue(&self, receipt: Receipt) {
        self.feed.requeue(receipt);
    }

    pub(crate) async fn park(&self, queue: &str, mut delivery: Delivery, reason: &str) {
        match self.publish_parked(queue, &mut delivery, reason).await {
            Ok(()) => self.feed.ack(&mut [delivery.receipt]),
            Err(error) => {
                tracing::warn!(queue, kind = delivery.kind, %error, "a message could not be parked and is requeued");
                tokio::time::sleep(PARK_PAUSE).await;
                self.feed.requeue(delivery.receipt);
            }
        }
    }

    async fn publish_parked(&self, queue: &str, delivery: &mut Delivery, reason: &str) -> Result<(), PublishError> {
        let session = self.handle.shared.session().ok_or(PublishError::Disconnected)?;
        let extra = session.with_headers(parked_headers(delivery, queue, reason), delivery.kind.clone());
        let message = Outgoing {
            exchange: route::PARKED.into(),
            routing_key: delivery.routing_key.clone(),
            body: std::mem::take(&mut delivery.body),
            kind: "",
            message_id: delivery.message_id.take(),
            assurance: Assurance::Confirmed,
            trace: None,
        };
        session.publish(message, extra, session.confirmed_by()).await
    }
}
