//! What connects a consumer, which outlives connections, with the channel it is served by at present.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use tokio::sync::mpsc;

use super::settle::{Frames, Settled};
use crate::delivery::{Delivery, Receipt};

static NEXT_LANE: AtomicU64 = AtomicU64::new(1);

/// A consumed queue.
#[derive(Debug)]
pub(super) struct Feed {
    pub queue: String,
    pub prefetch: u16,
    pub is_inbox: bool,
    sender: Mutex<Option<mpsc::Sender<Delivery>>>,
    lane: Mutex<Option<Arc<Lane>>>,
    /// Generation of the connection on which a pump was started last.
    pumped: AtomicU64,
}

/// One opening of a channel for a feed. Receipts of another lane mean nothing on it.
#[derive(Debug)]
pub(super) struct Lane {
    pub id: u64,
    channel: Channel,
    settled: Mutex<Settled>,
    delivered: AtomicU64,
}

impl Feed {
    pub fn new(queue: &str, prefetch: u16, is_inbox: bool) -> (Arc<Self>, mpsc::Receiver<Delivery>) {
        let prefetch = prefetch.max(1);
        // The broker sends no more than that, so the pump hardly ever waits.
        let (sender, receiver) = mpsc::channel(usize::from(prefetch));
        let feed = Self {
            queue: queue.into(),
            prefetch,
            is_inbox,
            sender: Mutex::new(Some(sender)),
            lane: Mutex::new(None),
            pumped: AtomicU64::new(0),
        };
        (Arc::new(feed), receiver)
    }

    /// Whether this generation's pump is to be started by the caller: true once.
    pub fn claim(&self, generation: u64) -> bool {
        self.pumped.fetch_max(generation, Ordering::AcqRel) < generation
    }

    /// Where deliveries go; `None` once the bus is closed.
    pub fn sender(&self) -> Option<mpsc::Sender<Delivery>> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// No more deliveries will come: the consumer sees the end after what it has not yet taken.
    pub fn finish(&self) {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    pub fn open_lane(&self, channel: Channel) -> Arc<Lane> {
        let lane = Arc::new(Lane {
            id: NEXT_LANE.fetch_add(1, Ordering::Relaxed),
            channel,
            settled: Mutex::default(),
            delivered: AtomicU64::new(0),
        });
        *self.lane.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&lane));
        lane
    }

    pub fn close_lane(&self) {
        self.lane.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn lane(&self) -> Option<Arc<Lane>> {
        self.lane.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The opening of a channel whose deliveries can still be settled.
    pub fn lane_id(&self) -> Option<u64> {
        self.lane.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|lane| lane.id)
    }

    /// Acknowledges; receipts of earlier lanes are passed over.
    pub fn ack(&self, receipts: &mut [Receipt]) {
        let Some(lane) = self.lane() else { return };
        receipts.sort_unstable();
        let tags: Vec<u64> = receipts.iter().filter(|r| r.lane == lane.id).map(|r| r.tag).collect();
        lane.ack(&tags);
    }

    /// Gives back to the queue.
    pub fn requeue(&self, receipt: Receipt) {
        if let Some(lane) = self.lane().filter(|lane| lane.id == receipt.lane) {
            lane.requeue(receipt.tag);
        }
    }

    /// Whether the broker holds deliveries back until some are settled, or there is no channel.
    pub fn is_saturated(&self) -> bool {
        self.lane().is_none_or(|lane| lane.outstanding() >= u64::from(self.prefetch))
    }
}

impl Lane {
    /// Notes that a delivery arrived.
    pub fn arrived(&self, tag: u64) {
        self.delivered.store(tag, Ordering::Release);
    }

    fn outstanding(&self) -> u64 {
        let settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner).count();
        self.delivered.load(Ordering::Acquire).saturating_sub(settled)
    }

    /// Acknowledges tags, sorted.
    pub fn ack(&self, tags: &[u64]) {
        if tags.is_empty() {
            return;
        }
        let Frames { up_to, single } = self.settled.lock().unwrap_or_else(PoisonError::into_inner).settle(tags);
        let frames = up_to.map(|tag| (tag, true)).into_iter().chain(single.into_iter().map(|tag| (tag, false)));
        for (tag, multiple) in frames {
            // Queued with the first poll; its being written need not be awaited. If the channel is gone, the
            // broker delivers again.
            let _ = self.channel.basic_ack(tag, BasicAckOptions { multiple }).now_or_never();
        }
    }

    fn requeue(&self, tag: u64) {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner).settle(&[tag]);
        let options = BasicNackOptions { multiple: false, requeue: true };
        let _ = self.channel.basic_nack(tag, options).now_or_never();
    }
}
