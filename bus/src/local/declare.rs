//! Declaring on the in-process broker.

use super::queue::QueueState;
use super::routing::ExchangeState;
use super::{Broker, SessionId};
use crate::{Binding, DeclareError, Exchange, Queue, QueueClass, Topology};

impl Broker {
    /// Declares a topology; returns the optional bindings whose exchange does not exist. Declaring the same
    /// twice changes nothing.
    ///
    /// # Errors
    /// [`DeclareError`]; what came before the refused item stays declared.
    pub fn declare(&mut self, session: SessionId, topology: &Topology) -> Result<Vec<Binding>, DeclareError> {
        if !self.is_connected(session) {
            return Err(DeclareError::Closed);
        }
        for exchange in &topology.exchanges {
            self.declare_exchange(exchange)?;
        }
        if let Some(missing) = topology.expected.iter().find(|name| !self.exchanges.contains_key(*name)) {
            return Err(DeclareError::NotYet { exchange: missing.clone() });
        }
        for queue in &topology.queues {
            self.declare_queue(session, queue)?;
        }
        let mut missing = Vec::new();
        for binding in &topology.bindings {
            if !self.bind(session, binding)? {
                missing.push(binding.clone());
            }
        }
        Ok(missing)
    }

    fn declare_exchange(&mut self, exchange: &Exchange) -> Result<(), DeclareError> {
        let existing = self.exchanges.entry(exchange.name.clone()).or_insert_with(|| ExchangeState::new(exchange.kind));
        if existing.kind == exchange.kind {
            return Ok(());
        }
        let why = format!("it exists and is of kind {:?}, not {:?}", existing.kind, exchange.kind);
        Err(DeclareError::Refused { what: format!("exchange {:?}", exchange.name), why })
    }

    fn declare_queue(&mut self, session: SessionId, queue: &Queue) -> Result<(), DeclareError> {
        let Some(existing) = self.queues.get(&queue.name) else {
            let owner = (queue.class == QueueClass::Exclusive).then_some(session);
            self.queues.insert(queue.name.clone(), QueueState::new(queue.clone(), owner));
            return Ok(());
        };
        if existing.owner.is_some_and(|owner| owner != session) {
            return Err(DeclareError::Locked { queue: queue.name.clone() });
        }
        if existing.spec != *queue {
            let why = "it exists with another class, bound, overflow rule, age or dead-letter exchange".to_owned();
            return Err(DeclareError::Refused { what: format!("queue {:?}", queue.name), why });
        }
        Ok(())
    }

    /// Returns whether the exchange was there.
    fn bind(&mut self, session: SessionId, binding: &Binding) -> Result<bool, DeclareError> {
        let refused = |why: &str| DeclareError::Refused {
            what: format!("binding {:?} of queue {:?} to exchange {:?}", binding.key, binding.queue, binding.exchange),
            why: why.to_owned(),
        };
        let Some(queue) = self.queues.get(&binding.queue) else { return Err(refused("there is no such queue")) };
        if queue.owner.is_some_and(|owner| owner != session) {
            return Err(DeclareError::Locked { queue: binding.queue.clone() });
        }
        match self.exchanges.get_mut(&binding.exchange) {
            Some(exchange) => {
                exchange.bind(&binding.key, &binding.queue);
                Ok(true)
            }
            None if binding.optional => Ok(false),
            None => Err(refused("there is no such exchange")),
        }
    }
}
