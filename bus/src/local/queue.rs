//! One bounded queue: what waits in it, in which order, and what leaves it unread.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rollcall_model::Tick;

use super::{ConsumerId, SessionId};
use crate::{Overflow, Queue, QueueClass};

/// A message as the broker keeps it; queues share it.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub exchange: String,
    pub routing_key: String,
    pub body: Vec<u8>,
    pub kind: String,
    pub message_id: Option<String>,
    pub user_id: Option<String>,
    pub headers: BTreeMap<String, String>,
    /// Queues it already died in: it never goes round in a circle of dead-letter exchanges.
    pub died_in: Vec<String>,
}

/// A message in one queue.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Place in the queue's order; kept when it is requeued.
    place: u64,
    pub message: Arc<Message>,
    since: Tick,
    /// How often it was delivered.
    pub deliveries: u32,
}

/// Why a message leaves a queue without having been settled. The words are RabbitMQ's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Death {
    Expired,
    Overflow,
    DeliveryLimit,
}

impl Death {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Overflow => "maxlen",
            Self::DeliveryLimit => "delivery_limit",
        }
    }
}

/// A full queue refused a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

/// One queue.
#[derive(Debug)]
pub(super) struct QueueState {
    pub spec: Queue,
    /// The session whose inbox it is.
    pub owner: Option<SessionId>,
    /// Consumers; the front one is next in turn.
    pub consumers: VecDeque<ConsumerId>,
    waiting: VecDeque<Entry>,
    next_place: u64,
}

impl QueueState {
    pub fn new(spec: Queue, owner: Option<SessionId>) -> Self {
        Self { spec, owner, consumers: VecDeque::new(), waiting: VecDeque::new(), next_place: 0 }
    }

    /// How many wait to be delivered.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes a message in. Call [`Self::trim_excess`] after what can be delivered has been.
    pub fn push(&mut self, message: Arc<Message>, now: Tick) -> Result<(), Full> {
        if self.spec.overflow == Overflow::RejectPublish && self.waiting.len() >= self.spec.max_length as usize {
            return Err(Full);
        }
        let place = self.next_place;
        self.next_place += 1;
        self.waiting.push_back(Entry { place, message, since: now, deliveries: 0 });
        Ok(())
    }

    /// The oldest message, counted as delivered once more.
    pub fn pop(&mut self) -> Option<Entry> {
        let mut entry = self.waiting.pop_front()?;
        entry.deliveries += 1;
        Some(entry)
    }

    /// Takes a delivered message back to where it was, or gives it up as dead.
    pub fn put_back(&mut self, entry: Entry) -> Option<(Death, Arc<Message>)> {
        if let QueueClass::Quorum { delivery_limit } = self.spec.class
            && entry.deliveries > delivery_limit
        {
            return Some((Death::DeliveryLimit, entry.message));
        }
        let at = self.waiting.partition_point(|other| other.place < entry.place);
        self.waiting.insert(at, entry);
        None
    }

    /// Removes what is too old.
    pub fn trim_old(&mut self, now: Tick) -> Vec<(Death, Arc<Message>)> {
        let mut dead = Vec::new();
        let Some(max_age) = self.spec.max_age_ms.map(u64::from) else { return dead };
        // A requeued message stands before younger ones, so ages fall from front to back.
        while self.waiting.front().is_some_and(|entry| now.since(entry.since).0 >= max_age) {
            dead.extend(self.waiting.pop_front().map(|entry| (Death::Expired, entry.message)));
        }
        dead
    }

    /// Removes what is too much, oldest first.
    pub fn trim_excess(&mut self) -> Vec<(Death, Arc<Message>)> {
        let mut dead = Vec::new();
        while self.spec.overflow == Overflow::DropHead && self.waiting.len() > self.spec.max_length as usize {
            dead.extend(self.waiting.pop_front().map(|entry| (Death::Overflow, entry.message)));
        }
        dead
    }
}
