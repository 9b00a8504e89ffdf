//! The in-process broker: synchronous and deterministic, without clock, threads or randomness.
//!
//! Whoever drives it hands in the present and takes deliveries out. Equal calls in equal order give equal
//! deliveries, which is what the seeded simulation stands on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use rollcall_model::{TRACEPARENT, Tick, route};

use super::queue::{Death, Entry, Message, QueueState};
use super::routing::ExchangeState;
use crate::delivery::{DEATH_EXCHANGE, DEATH_QUEUE, DEATH_REASON, Receipt, parked_headers};
use crate::{Assurance, ConsumeError, Delivery, EVENT_EXCHANGE, ExchangeKind, Outgoing, PublishError};

/// A connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub(super) u64);

/// A consumer of one queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerId(u64);

#[derive(Debug)]
pub(super) struct ConsumerState {
    pub(super) session: SessionId,
    queue: String,
    prefetch: usize,
    next_tag: u64,
    /// Delivered and not settled, by tag.
    unsettled: BTreeMap<u64, Entry>,
    /// Tags of those not yet taken out with [`Broker::next`].
    untaken: VecDeque<u64>,
}

/// The broker.
#[derive(Debug)]
pub struct Broker {
    pub(super) now: Tick,
    next_id: u64,
    pub(super) sessions: BTreeMap<SessionId, String>,
    pub(super) exchanges: BTreeMap<String, ExchangeState>,
    pub(super) queues: BTreeMap<String, QueueState>,
    pub(super) consumers: BTreeMap<ConsumerId, ConsumerState>,
    ready: BTreeSet<ConsumerId>,
}

impl Default for Broker {
    fn default() -> Self {
        Self::new()
    }
}

impl Broker {
    /// A broker with nothing but the event exchange.
    #[must_use]
    pub fn new() -> Self {
        Self {
            now: Tick(0),
            next_id: 1,
            sessions: BTreeMap::new(),
            exchanges: BTreeMap::from([(EVENT_EXCHANGE.to_owned(), ExchangeState::new(ExchangeKind::Topic))]),
            queues: BTreeMap::new(),
            consumers: BTreeMap::new(),
            ready: BTreeSet::new(),
        }
    }

    /// Moves the present forward; it never goes back. Messages that became too old by then are dropped.
    pub fn advance(&mut self, now: Tick) {
        if now <= self.now {
            return;
        }
        self.now = now;
        let aging: Vec<String> = self
            .queues
            .iter()
            .filter(|(_, q)| q.spec.max_age_ms.is_some() && !q.is_empty())
            .map(|(name, _)| name.clone())
            .collect();
        for queue in aging {
            self.settle_queue(&queue);
        }
    }

    /// Starts a consumer with at most `prefetch` (at least 1) unsettled deliveries.
    ///
    /// # Errors
    /// [`ConsumeError`]; nothing was started.
    pub fn consume(&mut self, session: SessionId, queue: &str, prefetch: u16) -> Result<ConsumerId, ConsumeError> {
        if !self.sessions.contains_key(&session) {
            return Err(ConsumeError::Closed);
        }
        let id = ConsumerId(self.next_id);
        let Some(state) = self.queues.get_mut(queue) else {
            return Err(ConsumeError::NoQueue { queue: queue.into() });
        };
        if state.owner.is_some_and(|owner| owner != session) {
            return Err(ConsumeError::Locked { queue: queue.into() });
        }
        self.next_id += 1;
        state.consumers.push_back(id);
        self.consumers.insert(
            id,
            ConsumerState {
                session,
                queue: queue.into(),
                prefetch: usize::from(prefetch.max(1)),
                next_tag: 1,
                unsettled: BTreeMap::new(),
                untaken: VecDeque::new(),
            },
        );
        self.settle_queue(queue);
        Ok(id)
    }

    /// Stops a consumer; what it had not settled is requeued.
    pub fn cancel(&mut self, consumer: ConsumerId) {
        let Some(state) = self.consumers.remove(&consumer) else { return };
        self.ready.remove(&consumer);
        if let Some(queue) = self.queues.get_mut(&state.queue) {
            queue.consumers.retain(|id| *id != consumer);
        }
        for entry in state.unsettled.into_values() {
            self.put_back(&state.queue, entry);
        }
        self.settle_queue(&state.queue);
    }

    /// Publishes. A lossy message that nobody takes is not an error.
    ///
    /// # Errors
    /// [`PublishError`], as a confirming RabbitMQ would give it.
    pub fn publish(&mut self, session: SessionId, now: Tick, message: Outgoing) -> Result<(), PublishError> {
        self.advance(now);
        message.check()?;
        let Some(user) = self.sessions.get(&session) else { return Err(PublishError::Disconnected) };
        let assurance = message.assurance;
        let outcome = self.route(Message {
            exchange: message.exchange.into(),
            routing_key: message.routing_key,
            body: message.body,
            kind: message.kind.into(),
            message_id: message.message_id,
            user_id: Some(user.clone()),
            headers: message.trace.iter().map(|trace| (TRACEPARENT.to_owned(), trace.to_string())).collect(),
            died_in: Vec::new(),
        });
        match assurance {
            Assurance::Lossy => Ok(()),
            Assurance::Announced if matches!(outcome, Err(PublishError::Unroutable { .. })) => Ok(()),
            Assurance::Announced | Assurance::Confirmed => outcome,
        }
    }

    /// Takes the next delivery out.
    pub fn next(&mut self, consumer: ConsumerId) -> Option<Delivery> {
        let state = self.consumers.get_mut(&consumer)?;
        let tag = state.untaken.pop_front()?;
        let entry = state.unsettled.get(&tag)?;
        let message = &entry.message;
        Some(Delivery {
            exchange: message.exchange.clone(),
            routing_key: message.routing_key.clone(),
            body: message.body.clone(),
            kind: message.kind.clone(),
            message_id: message.message_id.clone(),
            user_id: message.user_id.clone(),
            reply_to: None,
            redelivered: entry.deliveries > 1,
            headers: message.headers.clone(),
            receipt: Receipt { lane: consumer.0, tag },
        })
    }

    /// Settles one delivery. One that was settled before, or whose consumer is gone, changes nothing.
    pub fn ack(&mut self, receipt: Receipt) {
        if let Some((queue, _)) = self.take_unsettled(receipt) {
            self.settle_queue(&queue);
        }
    }

    /// Settles every taken delivery of that consumer up to and including this one.
    pub fn ack_up_to(&mut self, receipt: Receipt) {
        let Some(state) = self.consumers.get_mut(&ConsumerId(receipt.lane)) else { return };
        let later = state.unsettled.split_off(&(receipt.tag + 1));
        state.unsettled = later;
        state.untaken.retain(|tag| *tag > receipt.tag);
        let queue = state.queue.clone();
        self.settle_queue(&queue);
    }

    /// Gives one delivery back to its place at the front of the queue.
    pub fn requeue(&mut self, receipt: Receipt) {
        if let Some((queue, entry)) = self.take_unsettled(receipt) {
            self.put_back(&queue, entry);
            self.settle_queue(&queue);
        }
    }

    /// Moves a delivery to the parked messages with the reason, or requeues it if nobody takes parked messages;
    /// tells which.
    pub fn park(&mut self, now: Tick, delivery: &Delivery, reason: &str) -> bool {
        self.advance(now);
        let Some(state) = self.consumers.get(&ConsumerId(delivery.receipt.lane)) else { return false };
        let outcome = self.route(Message {
            exchange: route::PARKED.into(),
            routing_key: delivery.routing_key.clone(),
            body: delivery.body.clone(),
            kind: delivery.kind.clone(),
            message_id: delivery.message_id.clone(),
            user_id: self.sessions.get(&state.session).cloned(),
            headers: parked_headers(delivery, &state.queue, reason),
            died_in: Vec::new(),
        });
        match outcome {
            Ok(()) => self.ack(delivery.receipt),
            Err(_) => self.requeue(delivery.receipt),
        }
        outcome.is_ok()
    }

    /// Whether the consumer still exists: neither cancelled nor gone with its session or queue.
    #[must_use]
    pub fn has_consumer(&self, consumer: ConsumerId) -> bool {
        self.consumers.contains_key(&consumer)
    }

    /// How many messages wait in a queue; `None` if there is no such queue.
    #[must_use]
    pub fn waiting(&self, queue: &str) -> Option<usize> {
        self.queues.get(queue).map(QueueState::len)
    }

    /// The consumers that were given deliveries since the last call, in order of their ids.
    pub fn take_ready(&mut self) -> Vec<ConsumerId> {
        std::mem::take(&mut self.ready).into_iter().collect()
    }

    pub(super) fn fresh_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    fn take_unsettled(&mut self, receipt: Receipt) -> Option<(String, Entry)> {
        let state = self.consumers.get_mut(&ConsumerId(receipt.lane))?;
        let entry = state.unsettled.remove(&receipt.tag)?;
        state.untaken.retain(|tag| *tag != receipt.tag);
        Some((state.queue.clone(), entry))
    }

    fn put_back(&mut self, queue: &str, entry: Entry) {
        let dead = self.queues.get_mut(queue).and_then(|state| state.put_back(entry));
        if let Some((death, message)) = dead {
            self.bury(queue, death, &message);
        }
    }

    pub(super) fn route(&mut self, message: Message) -> Result<(), PublishError> {
        let targets = match self.exchanges.get(&message.exchange) {
            Some(exchange) => exchange.route(&message.routing_key),
            // The default exchange: every queue is bound to it under its own name.
            None if message.exchange.is_empty() => self
                .queues
                .contains_key(&message.routing_key)
                .then(|| message.routing_key.clone())
                .into_iter()
                .collect(),
            None => return Err(PublishError::NoExchange { exchange: message.exchange }),
        };
        let message = Arc::new(message);
        if targets.is_empty() {
            let (exchange, routing_key) = (message.exchange.clone(), message.routing_key.clone());
            return Err(PublishError::Unroutable { exchange, routing_key });
        }
        let mut refused = false;
        for queue in targets {
            let Some(state) = self.queues.get_mut(&queue) else { continue };
            refused |= state.push(Arc::clone(&message), self.now).is_err();
            self.settle_queue(&queue);
        }
        if refused {
            let (exchange, routing_key) = (message.exchange.clone(), message.routing_key.clone());
            return Err(PublishError::Refused { exchange, routing_key });
        }
        Ok(())
    }

    /// Brings a queue to rest: the too old leave, what can be delivered is, the too many leave.
    fn settle_queue(&mut self, queue: &str) {
        let Some(state) = self.queues.get_mut(queue) else { return };
        let mut dead = state.trim_old(self.now);
        self.dispatch(queue);
        if let Some(state) = self.queues.get_mut(queue) {
            dead.extend(state.trim_excess());
        }
        for (death, message) in dead {
            self.bury(queue, death, &message);
        }
    }

    fn dispatch(&mut self, queue: &str) {
        let Some(state) = self.queues.get_mut(queue) else { return };
        let mut busy = 0;
        while busy < state.consumers.len() && !state.is_empty() {
            let Some(id) = state.consumers.pop_front() else { return };
            state.consumers.push_back(id);
            let free = self.consumers.get_mut(&id).filter(|c| c.unsettled.len() < c.prefetch);
            let Some(consumer) = free else {
                busy += 1;
                continue;
            };
            busy = 0;
            let Some(entry) = state.pop() else { return };
            let tag = consumer.next_tag;
            consumer.next_tag += 1;
            consumer.unsettled.insert(tag, entry);
            consumer.untaken.push_back(tag);
            self.ready.insert(id);
        }
    }

    /// Sends a dead message to the queue's dead-letter exchange, if it has one.
    fn bury(&mut self, queue: &str, death: Death, message: &Message) {
        let Some(exchange) = self.queues.get(queue).and_then(|state| state.spec.dead_letter.clone()) else { return };
        if message.died_in.iter().any(|name| name == queue) {
            return;
        }
        let mut letter = message.clone();
        letter.died_in.push(queue.to_owned());
        for (name, value) in [(DEATH_REASON, death.word()), (DEATH_QUEUE, queue), (DEATH_EXCHANGE, &message.exchange)] {
            letter.headers.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
        letter.exchange = exchange;
        // A dead letter that nobody takes is gone, as on RabbitMQ.
        let _ = self.route(letter);
    }
}
