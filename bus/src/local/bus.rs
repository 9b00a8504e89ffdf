//! A process's hold on the in-process broker.

use std::sync::{Arc, Weak};
use std::time::Duration;

use rollcall_model::Principal;
use tokio::sync::{Notify, watch};

use super::{ConsumerId, LocalBroker, SessionId};
use crate::delivery::{ECHO, PARK_PAUSE, Receipt};
use crate::figures::Tally;
use crate::link::{has_standbys, wait_up};
use crate::topology::inbox_topology;
use crate::{
    Attachment, ConsumeError, DeclareError, Declared, Delivery, DownCause, Link, Outgoing, PublishError, Topology,
};

/// Pause between two attempts to get an inbox that another session holds, or exchanges that are not there yet.
const RETRY: Duration = Duration::from_millis(250);

#[derive(Clone, Debug)]
pub(crate) struct LocalBus {
    session: Arc<LocalSession>,
}

#[derive(Debug)]
struct LocalSession {
    broker: LocalBroker,
    id: SessionId,
    inbox: String,
    principal: Principal,
    link: watch::Sender<Link>,
    tally: Arc<Tally>,
}

impl Drop for LocalSession {
    fn drop(&mut self) {
        self.end();
    }
}

impl LocalSession {
    fn open(&self) -> bool {
        match self.broker.with(|broker, _| broker.declare(self.id, &inbox_topology(&self.inbox, &self.principal))) {
            Ok(_) => {
                self.tally.connected();
                self.link.send_replace(Link::Up { generation: 1 });
                true
            }
            Err(error) => {
                let (refused, reason) = match error {
                    DeclareError::Locked { .. } if has_standbys(&self.principal) => {
                        (DownCause::StandsBy, format!("stands by: another process has inbox {:?}", self.inbox))
                    }
                    DeclareError::Locked { .. } => (DownCause::InboxTaken, error.to_string()),
                    DeclareError::NotYet { .. } => (DownCause::ZoneNotReady, error.to_string()),
                    _ => (DownCause::TopologyRefused, error.to_string()),
                };
                tracing::warn!(inbox = self.inbox, %reason, retry_in = ?RETRY, "not on the bus yet");
                self.link.send_replace(Link::Down { reason, refused });
                false
            }
        }
    }

    fn end(&self) {
        self.broker.with(|broker, _| broker.disconnect(self.id));
        self.broker.wake_ended();
        self.link.send_replace(Link::Down { reason: "closed".into(), refused: DownCause::Closed });
    }
}

async fn open_later(session: Weak<LocalSession>) {
    loop {
        tokio::time::sleep(RETRY).await;
        let Some(session) = session.upgrade() else { return };
        if session.broker.with(|broker, _| !broker.is_connected(session.id)) || session.open() {
            return;
        }
    }
}

impl LocalBus {
    pub(crate) fn attach(broker: &LocalBroker, attachment: Attachment) -> Self {
        let id = broker.with(|broker, _| broker.connect(&attachment.principal));
        let (link, _) = watch::channel(Link::Connecting);
        let Attachment { inbox, principal, .. } = attachment;
        let session =
            Arc::new(LocalSession { broker: broker.clone(), id, inbox, principal, link, tally: Arc::default() });
        if !session.open() {
            tokio::spawn(open_later(Arc::downgrade(&session)));
        }
        Self { session }
    }

    pub(crate) fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.session.tally)
    }

    pub(crate) fn link(&self) -> watch::Receiver<Link> {
        self.session.link.subscribe()
    }

    pub(crate) fn inbox(&self) -> &str {
        &self.session.inbox
    }

    pub(crate) async fn declare(&self, topology: &Topology) -> Result<Declared, DeclareError> {
        let mut told = false;
        loop {
            wait_up(&mut self.link()).await.ok_or(DeclareError::Closed)?;
            match self.session.broker.with(|broker, _| broker.declare(self.session.id, topology)) {
                Ok(missing) => return Ok(Declared { missing }),
                Err(error @ DeclareError::NotYet { .. }) if !told => {
                    told = true;
                    tracing::info!(inbox = self.session.inbox, "{error}; waiting");
                }
                Err(DeclareError::NotYet { .. }) => {}
                Err(error) => return Err(error),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    pub(crate) async fn consume(&self, queue: &str, prefetch: u16) -> Result<LocalConsumer, ConsumeError> {
        wait_up(&mut self.link()).await.ok_or(ConsumeError::Closed)?;
        let id = self.session.broker.with(|broker, _| broker.consume(self.session.id, queue, prefetch))?;
        let wake = self.session.broker.wake_for(id);
        let is_inbox = queue == self.session.inbox;
        Ok(LocalConsumer { session: Arc::clone(&self.session), id, wake, is_inbox })
    }

    pub(crate) fn publish(&self, message: Outgoing) -> Result<(), PublishError> {
        if !self.session.link.borrow().is_up() {
            return Err(PublishError::Disconnected);
        }
        self.session.broker.with(|broker, now| broker.publish(self.session.id, now, message))
    }

    pub(crate) fn close(&self) {
        self.session.end();
    }
}

#[derive(Debug)]
pub(crate) struct LocalConsumer {
    session: Arc<LocalSession>,
    id: ConsumerId,
    wake: Arc<Notify>,
    is_inbox: bool,
}

impl Drop for LocalConsumer {
    fn drop(&mut self) {
        self.session.broker.with(|broker, _| broker.cancel(self.id));
        self.session.broker.forget(self.id);
    }
}

impl LocalConsumer {
    pub(crate) async fn next_batch(&mut self, into: &mut Vec<Delivery>, max: usize) -> usize {
        loop {
            let before = into.len();
            let goes_on = self.take(into, max.max(1));
            let taken = into.len() - before;
            if taken > 0 || !goes_on {
                return taken;
            }
            self.wake.notified().await;
        }
    }

    /// Takes what is there; tells whether the consumer still exists.
    fn take(&self, into: &mut Vec<Delivery>, max: usize) -> bool {
        self.session.broker.with(|broker, _| {
            let end = into.len() + max;
            while into.len() < end {
                let Some(delivery) = broker.next(self.id) else { break };
                if self.is_inbox && delivery.kind == ECHO {
                    broker.ack(delivery.receipt);
                    continue;
                }
                into.push(delivery);
            }
            broker.has_consumer(self.id)
        })
    }

    pub(crate) fn ack(&self, receipts: impl IntoIterator<Item = Receipt>) {
        self.session.broker.with(|broker, _| receipts.into_iter().for_each(|receipt| broker.ack(receipt)));
    }

    pub(crate) fn requeue(&self, receipt: Receipt) {
        self.session.broker.with(|broker, _| broker.requeue(receipt));
    }

    pub(crate) async fn park(&self, delivery: &Delivery, reason: &str) {
        if !self.session.broker.with(|broker, now| broker.park(now, delivery, reason)) {
            tracing::warn!(kind = delivery.kind, "a message could not be parked and is requeued");
            tokio::time::sleep(PARK_PAUSE).await;
        }
    }
}
