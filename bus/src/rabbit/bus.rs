//! A process's hold on RabbitMQ.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout};

use super::consumer::RabbitConsumer;
use super::declare::{self, Failure};
use super::feed::Feed;
use super::pump::{self, Refusal};
use super::shared::Shared;
use super::{Address, hide_password, supervisor};
use crate::figures::Tally;
use crate::link::wait_up;
use crate::{
    Attachment, ConnectError, ConsumeError, DeclareError, Declared, Link, Outgoing, PublishError, RabbitSettings,
    TlsIdentity, Topology,
};

/// How long closing may take.
const CLOSE_PATIENCE: Duration = Duration::from_secs(4);

/// How often a queue that the broker forgets is declared again before it is consumed.
const MOST_FORGOTTEN: u32 = 5;
/// Pause before an exchange of the zone is looked for again.
pub(super) const NOT_YET_RETRY: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(crate) struct RabbitBus {
    handle: Arc<Handle>,
}

/// The last one to be dropped closes the connection.
pub(super) struct Handle {
    pub shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.closing.send_replace(true);
    }
}

impl std::fmt::Debug for RabbitBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shared = &self.handle.shared;
        f.debug_struct("RabbitBus").field("address", &shared.address).field("inbox", &shared.inbox).finish()
    }
}

impl RabbitBus {
    pub(crate) fn attach(
        settings: &RabbitSettings,
        identity: Option<&TlsIdentity>,
        attachment: Attachment,
    ) -> Result<Self, ConnectError> {
        settings.validate().map_err(ConnectError::BadSettings)?;
        let address = Address::new(settings, attachment.endpoint.as_ref())?;
        check_login(&settings.url, &address, identity, &attachment)?;
        let shared = Arc::new(Shared::new(settings.clone(), address, identity.cloned(), attachment));
        tokio::spawn(supervisor::run(Arc::clone(&shared)));
        Ok(Self { handle: Arc::new(Handle { shared }) })
    }

    pub(crate) fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.handle.shared.tally)
    }

    pub(crate) fn link(&self) -> watch::Receiver<Link> {
        self.handle.shared.link.subscribe()
    }

    pub(crate) fn proven(&self) -> watch::Receiver<Option<Instant>> {
        self.handle.shared.proven.subscribe()
    }

    pub(crate) fn inbox(&self) -> &str {
        &self.handle.shared.inbox
    }

    pub(crate) fn checks_users(&self) -> bool {
        self.handle.shared.identity.is_some()
    }

    pub(crate) async fn declare(&self, topology: Topology) -> Result<Declared, DeclareError> {
        let shared = &self.handle.shared;
        let mut link = self.link();
        shared.may_miss(&topology);
        loop {
            let generation = wait_up(&mut link).await.ok_or(DeclareError::Closed)?;
            let Some(session) = shared.session() else { continue };
            let mut over = session.wire.over();
            let declared = tokio::select! {
                () = over.wait() => continue,
                declared = declare::declare(&session.wire.connection, &topology, &shared.inbox) => declared,
            };
            match declared {
                Ok(missing) => {
                    shared.remember(topology.clone());
                    // A connection made meanwhile does not know of it yet.
                    if session.wire.generation == generation && !over.is() {
                        return Ok(Declared { missing });
                    }
                }
                Err(Failure::Refused(error)) => return Err(error),
                Err(Failure::NotYet(error)) => {
                    tracing::info!(inbox = shared.inbox, "{error}; waiting");
                    tokio::select! {
                        () = over.wait() => {}
                        () = tokio::time::sleep(NOT_YET_RETRY) => {}
                    }
                }
                Err(Failure::Lost(error)) => {
                    tracing::debug!(%error, "declaring again after the next connection");
                    over.wait().await;
                }
            }
        }
    }

    pub(crate) async fn consume(&self, queue: &str, prefetch: u16) -> Result<RabbitConsumer, ConsumeError> {
        let shared = &self.handle.shared;
        let (mut feed, mut deliveries) = Feed::new(queue, prefetch, queue == shared.inbox);
        let (mut link, mut forgotten) = (self.link(), 0);
        loop {
            wait_up(&mut link).await.ok_or(ConsumeError::Closed)?;
            let Some(session) = shared.session() else { continue };
            if !feed.claim(session.wire.generation) {
                // This connection's attempt failed with it; the link is about to say so.
                session.wire.over().wait().await;
                continue;
            }
            let (first, heard) = oneshot::channel();
            let wire = Arc::clone(&session.wire);
            tokio::spawn(pump::run(wire, Arc::clone(&feed), Arc::clone(&session.echo), first, true));
            match heard.await {
                Ok(Ok(())) => break,
                // It was declared: a node of the broker has forgotten it since, by name, with those of another node that is gone.
                Ok(Err(Refusal::Consume(ConsumeError::NoQueue { .. })))
                    if forgotten < MOST_FORGOTTEN && shared.whole_topology().own_queues().any(|own| own == queue) =>
                {
                    forgotten += 1;
                    self.declare_again(queue).await?;
                    (feed, deliveries) = Feed::new(queue, prefetch, queue == shared.inbox);
                }
                Ok(Err(Refusal::Consume(error))) => return Err(error),
                Ok(Err(Refusal::Lost(..))) | Err(_) => {}
            }
        }
        shared.add_feed(Arc::clone(&feed));
        let consumer = RabbitConsumer::new(Arc::clone(&self.handle), Arc::clone(&feed), deliveries);
        self.serve_on_newest(&feed);
        Ok(consumer)
    }

    /// Declares all there is for a queue that is to be consumed.
    async fn declare_again(&self, queue: &str) -> Result<(), ConsumeError> {
        let declared = self.declare(self.handle.shared.whole_topology()).await;
        declared.map(drop).map_err(|error| match error {
            DeclareError::Closed => ConsumeError::Closed,
            error => ConsumeError::Refused { queue: queue.to_owned(), why: error.to_string() },
        })
    }

    /// A connection made between the first attempt and the registration did not see the feed.
    fn serve_on_newest(&self, feed: &Arc<Feed>) {
        let Some(session) = self.handle.shared.session() else { return };
        if feed.claim(session.wire.generation) {
            let (first, _) = oneshot::channel();
            let wire = Arc::clone(&session.wire);
            tokio::spawn(pump::run(wire, Arc::clone(feed), Arc::clone(&session.echo), first, false));
        }
    }

    pub(crate) async fn publish(&self, message: Outgoing) -> Result<(), PublishError> {
        let session = self.handle.shared.session().ok_or(PublishError::Disconnected)?;
        session.publish(message, session.extra(), session.confirmed_by()).await
    }

    pub(crate) async fn publish_all(&self, messages: Vec<Outgoing>) -> Vec<Result<(), PublishError>> {
        match self.handle.shared.session() {
            Some(session) => session.publish_all(messages).await,
            None => messages.iter().map(|_| Err(PublishError::Disconnected)).collect(),
        }
    }

    pub(crate) async fn close(&self) {
        let shared = &self.handle.shared;
        shared.closing.send_replace(true);
        // The supervisor's own patience is shorter; this only guards against a runtime that is going down.
        let _ = timeout(CLOSE_PATIENCE, shared.closed.subscribe().wait_for(|closed| *closed)).await;
    }
}

/// Login and URL have to go together, and the certificate has to be this process's own.
fn check_login(
    url: &str,
    address: &Address,
    identity: Option<&TlsIdentity>,
    attachment: &Attachment,
) -> Result<(), ConnectError> {
    let Some(identity) = identity else {
        let url = hide_password(url);
        return if address.is_tls() { Err(ConnectError::NoIdentity { url }) } else { Ok(()) };
    };
    if !address.is_tls() {
        return Err(ConnectError::NotTls { url: hide_password(url) });
    }
    let login = identity.login();
    if login.principal != attachment.principal {
        let (user, principal) = (login.user.clone(), attachment.principal.to_string());
        return Err(ConnectError::OtherIdentity { user, principal });
    }
    Ok(())
}
