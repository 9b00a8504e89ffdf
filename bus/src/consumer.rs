//! The receiving end of a queue.

use std::sync::Arc;

use crate::Delivery;
use crate::figures::Tally;
use crate::local::LocalConsumer;
use crate::rabbit::RabbitConsumer;

/// The receiving end of a queue; ends when dropped.
///
/// After a reconnect it goes on by itself. Deliveries of the previous connection can still be handed back:
/// settling them does nothing, since the broker delivers them again, marked as redelivered.
#[derive(Debug)]
pub struct Consumer {
    queue: String,
    kind: ConsumerKind,
    tally: Arc<Tally>,
    /// For [`Self::next`], so that one delivery costs no allocation.
    one: Vec<Delivery>,
}

#[derive(Debug)]
pub(crate) enum ConsumerKind {
    Rabbit(RabbitConsumer),
    Local(LocalConsumer),
}

impl Consumer {
    pub(crate) fn new(queue: &str, kind: ConsumerKind, tally: Arc<Tally>) -> Self {
        Self { queue: queue.into(), kind, tally, one: Vec::new() }
    }

    /// Name of the queue.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// The next delivery; `None` once the bus is closed. Safe to cancel: no delivery is lost.
    pub async fn next(&mut self) -> Option<Delivery> {
        let next = match &mut self.kind {
            ConsumerKind::Rabbit(consumer) => consumer.next().await,
            ConsumerKind::Local(consumer) => {
                consumer.next_batch(&mut self.one, 1).await;
                self.one.pop()
            }
        };
        self.tally.received(usize::from(next.is_some()));
        next
    }

    /// Waits for a delivery, then takes all that have arrived, at most `max` (at least 1), into `into`. Returns how
    /// many; 0 once the bus is closed. Safe to cancel: no delivery is lost.
    pub async fn next_batch(&mut self, into: &mut Vec<Delivery>, max: usize) -> usize {
        let count = match &mut self.kind {
            ConsumerKind::Rabbit(consumer) => consumer.next_batch(into, max).await,
            ConsumerKind::Local(consumer) => consumer.next_batch(into, max).await,
        };
        self.tally.received(count);
        count
    }

    /// Settles a delivery: it is done with.
    pub async fn ack(&mut self, delivery: Delivery) {
        match &mut self.kind {
            ConsumerKind::Rabbit(consumer) => consumer.ack_all(&mut [delivery.receipt]),
            ConsumerKind::Local(consumer) => consumer.ack([delivery.receipt]),
        }
    }

    /// Settles many; contiguous ones in one frame.
    pub async fn ack_all(&mut self, mut deliveries: Vec<Delivery>) {
        self.ack_and_clear(&mut deliveries).await;
    }

    /// The same, and leaves `deliveries` empty with its room for the next batch: growing it anew each time is felt
    /// where tens of thousands of deliveries come in a second.
    pub async fn ack_and_clear(&mut self, deliveries: &mut Vec<Delivery>) {
        let receipts = deliveries.iter().map(|delivery| delivery.receipt);
        match &mut self.kind {
            ConsumerKind::Rabbit(consumer) => consumer.ack_all(&mut receipts.collect::<Vec<_>>()),
            ConsumerKind::Local(consumer) => consumer.ack(receipts),
        }
        deliveries.clear();
    }

    /// Settles many where it does not matter when the broker hears of it: not before so many are settled, or
    /// [`Self::settle_rest`] is called. Each word to the broker costs both sides more than a delivery does. Of what it was
    /// not told when the connection breaks, it delivers again. Leaves `deliveries` empty with its room.
    ///
    /// `many` has to be well below the consumer's prefetch: the broker sends no more until it is told.
    pub async fn settle_many(&mut self, deliveries: &mut Vec<Delivery>, many: usize) {
        match &mut self.kind {
            ConsumerKind::Rabbit(consumer) => consumer.settle(deliveries.iter().map(|it| it.receipt), many),
            ConsumerKind::Local(consumer) => consumer.ack(deliveries.iter().map(|it| it.receipt)),
        }
        deliveries.clear();
    }

    /// Tells the broker of all that was settled and it has not heard of yet.
    pub async fn settle_rest(&mut self) {
        if let ConsumerKind::Rabbit(consumer) = &mut self.kind {
            consumer.settle([], 0);
        }
    }

    /// Gives a delivery back to the front of its queue, to be delivered again.
    pub async fn requeue(&mut self, delivery: Delivery) {
        self.tally.requeued();
        match &mut self.kind {
            ConsumerKind::Rabbit(consumer) => consumer.requeue(delivery.receipt),
            ConsumerKind::Local(consumer) => consumer.requeue(delivery.receipt),
        }
    }

    /// Moves a delivery that cannot be handled to the parked messages, with the reason. If that fails it is
    /// requeued, after a pause so that the two do not chase each other: nothing is lost.
    pub async fn park(&mut self, delivery: Delivery, reason: &str) {
        self.tally.parked();
        match &mut self.kind {
            ConsumerKind::Rabbit(consumer) => consumer.park(&self.queue, delivery, reason).await,
            ConsumerKind::Local(consumer) => consumer.park(&delivery, reason).await,
        }
    }
}
