//! A process's hold on the bus.

use std::sync::Arc;

use rollcall_model::LinkFigures;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::consumer::ConsumerKind;
use crate::figures::Tally;
use crate::local::LocalBus;
use crate::rabbit::RabbitBus;
use crate::{Binding, ConsumeError, Consumer, DeclareError, Link, Outgoing, PublishError, Topology};

/// A process's hold on the bus. Cheap to clone; the connection ends with [`Bus::close`] or when the last
/// clone and the last [`Consumer`] are gone.
#[derive(Clone, Debug)]
pub struct Bus {
    kind: BusKind,
    tally: Arc<Tally>,
}

#[derive(Clone, Debug)]
enum BusKind {
    Rabbit(RabbitBus),
    Local(LocalBus),
}

impl From<RabbitBus> for Bus {
    fn from(bus: RabbitBus) -> Self {
        Self { tally: bus.tally(), kind: BusKind::Rabbit(bus) }
    }
}

impl From<LocalBus> for Bus {
    fn from(bus: LocalBus) -> Self {
        Self { tally: bus.tally(), kind: BusKind::Local(bus) }
    }
}

/// What came of a declaration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// Optional bindings whose exchange does not exist.
    pub missing: Vec<Binding>,
}

impl Bus {
    /// The link, to watch.
    #[must_use]
    pub fn link(&self) -> watch::Receiver<Link> {
        match &self.kind {
            BusKind::Rabbit(bus) => bus.link(),
            BusKind::Local(bus) => bus.link(),
        }
    }

    /// When the way to the broker and back was last proven: by a new connection on which everything was declared, then by
    /// each echo that came back. In-process it is proven once and for all.
    #[must_use]
    pub fn proven(&self) -> watch::Receiver<Option<Instant>> {
        match &self.kind {
            BusKind::Rabbit(bus) => bus.proven(),
            BusKind::Local(_) => watch::Sender::new(Some(Instant::now())).subscribe(),
        }
    }

    /// What was counted on it so far.
    #[must_use]
    pub fn figures(&self) -> LinkFigures {
        let (link, proven) = (self.link().borrow().clone(), *self.proven().borrow());
        self.tally.figures(&link, proven)
    }

    /// Name of the inbox, declared and bound to `rollcall.direct` under its own name.
    #[must_use]
    pub fn inbox(&self) -> &str {
        match &self.kind {
            BusKind::Rabbit(bus) => bus.inbox(),
            BusKind::Local(bus) => bus.inbox(),
        }
    }

    /// Whether the user ids of deliveries on this bus are principals, told by who logged in: always in-process, on
    /// RabbitMQ when logged in by certificate. Where they are not, there is nothing to check them against.
    #[must_use]
    pub fn checks_users(&self) -> bool {
        match &self.kind {
            BusKind::Rabbit(bus) => bus.checks_users(),
            BusKind::Local(_) => true,
        }
    }

    /// Declares, and declares again after each reconnect, together with all that was declared before. Waits
    /// for the link to be up, and for the exchanges that are only expected.
    ///
    /// # Errors
    /// [`DeclareError`]; a topology of which anything was refused is not remembered.
    pub async fn declare(&self, topology: Topology) -> Result<Declared, DeclareError> {
        match &self.kind {
            BusKind::Rabbit(bus) => bus.declare(topology).await,
            BusKind::Local(bus) => bus.declare(&topology).await,
        }
    }

    /// Consumes a queue with at most `prefetch` unsettled deliveries (at least 1). Survives reconnects. Waits for
    /// the link to be up.
    ///
    /// # Errors
    /// [`ConsumeError`].
    pub async fn consume(&self, queue: &str, prefetch: u16) -> Result<Consumer, ConsumeError> {
        let kind = match &self.kind {
            BusKind::Rabbit(bus) => ConsumerKind::Rabbit(bus.consume(queue, prefetch).await?),
            BusKind::Local(bus) => ConsumerKind::Local(bus.consume(queue, prefetch).await?),
        };
        Ok(Consumer::new(queue, kind, Arc::clone(&self.tally)))
    }

    /// Publishes one message. Never waits for an outage to end: while the link is down it fails at once.
    ///
    /// # Errors
    /// [`PublishError`] says what is known about the message.
    pub async fn publish(&self, message: Outgoing) -> Result<(), PublishError> {
        let end = match &self.kind {
            BusKind::Rabbit(bus) => bus.publish(message).await,
            BusKind::Local(bus) => bus.publish(message),
        };
        self.tally.published(&end);
        end
    }

    /// Publishes many: all are sent, then all confirms awaited under one deadline. Results are in the order
    /// of the messages.
    pub async fn publish_all(&self, messages: Vec<Outgoing>) -> Vec<Result<(), PublishError>> {
        let ends = match &self.kind {
            BusKind::Rabbit(bus) => bus.publish_all(messages).await,
            BusKind::Local(bus) => messages.into_iter().map(|message| bus.publish(message)).collect(),
        };
        ends.iter().for_each(|end| self.tally.published(end));
        ends
    }

    /// Closes the connection in order, within a few seconds at most. Unsettled deliveries go back to their
    /// queues, the inbox is gone, consumers end.
    pub async fn close(&self) {
        match &self.kind {
            BusKind::Rabbit(bus) => bus.close().await,
            BusKind::Local(bus) => bus.close(),
        }
    }
}
