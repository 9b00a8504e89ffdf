//! What outlives connections: the link's state, what is to be declared, who consumes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lapin::Error;
use rollcall_model::Principal;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Address;
use super::classify::names_exchange;
use super::feed::Feed;
use super::session::Session;
use crate::figures::Tally;
use crate::topology::inbox_topology;
use crate::{Attachment, DownCause, Link, RabbitSettings, TlsIdentity, Topology};

pub(super) struct Shared {
    pub settings: RabbitSettings,
    pub address: Address,
    /// Where there is none, the URL's user logs in.
    pub identity: Option<TlsIdentity>,
    pub principal: Principal,
    pub inbox: String,
    pub client_name: String,
    pub link: watch::Sender<Link>,
    /// When the path to the broker and back was last proven.
    pub proven: watch::Sender<Option<Instant>>,
    /// What is counted.
    pub tally: Arc<Tally>,
    /// Set once, by closing.
    pub closing: watch::Sender<bool>,
    /// Set once, when the supervisor is done.
    pub closed: watch::Sender<bool>,
    session: Mutex<Option<Arc<Session>>>,
    topology: Mutex<Topology>,
    /// Exchanges that were asked for and may be missing.
    optional: Mutex<BTreeSet<String>>,
    feeds: Mutex<Vec<Arc<Feed>>>,
}

impl Shared {
    pub fn new(
        settings: RabbitSettings,
        address: Address,
        identity: Option<TlsIdentity>,
        attachment: Attachment,
    ) -> Self {
        Self {
            settings,
            address,
            identity,
            principal: attachment.principal,
            inbox: attachment.inbox,
            client_name: attachment.client_name,
            link: watch::Sender::new(Link::Connecting),
            proven: watch::Sender::new(None),
            tally: Arc::default(),
            closing: watch::Sender::new(false),
            closed: watch::Sender::new(false),
            session: Mutex::default(),
            topology: Mutex::default(),
            optional: Mutex::default(),
            feeds: Mutex::default(),
        }
    }

    /// The connection, if the link is up.
    pub fn session(&self) -> Option<Arc<Session>> {
        lock(&self.session).clone()
    }

    /// The link is up on this connection.
    pub fn up(&self, session: Arc<Session>) {
        self.tally.connected();
        self.proven();
        self.go_on(session);
    }

    /// The link is up again on a connection that was kept.
    pub fn go_on(&self, session: Arc<Session>) {
        let generation = session.wire.generation;
        *lock(&self.session) = Some(session);
        self.link.send_replace(Link::Up { generation });
    }

    /// The path works: everything was declared and answered, or an echo came back.
    pub fn proven(&self) {
        self.proven.send_replace(Some(Instant::now()));
    }

    /// The link is down.
    pub fn down(&self, reason: String, refused: DownCause) {
        lock(&self.session).take();
        self.link.send_replace(Link::Down { reason, refused });
    }

    /// What was declared so far, to be declared again.
    pub fn topology(&self) -> Topology {
        lock(&self.topology).clone()
    }

    /// All that was declared, and the inbox, which is there before anything is.
    pub fn whole_topology(&self) -> Topology {
        inbox_topology(&self.inbox, &self.principal).merge(self.topology())
    }

    pub fn remember(&self, topology: Topology) {
        let mut all = lock(&self.topology);
        *all = std::mem::take(&mut *all).merge(topology);
    }

    /// Remembers which exchanges of a topology may be missing: whoever declares it is told, and nobody else need be.
    pub fn may_miss(&self, topology: &Topology) {
        let optional = topology.bindings.iter().filter(|binding| binding.optional);
        lock(&self.optional).extend(optional.map(|binding| binding.exchange.clone()));
    }

    /// Whether the broker speaks of such an exchange that is missing.
    pub fn is_of_optional(&self, error: &Error) -> bool {
        lock(&self.optional).iter().any(|exchange| names_exchange(error, exchange))
    }

    pub fn feeds(&self) -> Vec<Arc<Feed>> {
        lock(&self.feeds).clone()
    }

    pub fn add_feed(&self, feed: Arc<Feed>) {
        lock(&self.feeds).push(feed);
    }

    pub fn remove_feed(&self, feed: &Arc<Feed>) {
        lock(&self.feeds).retain(|other| !Arc::ptr_eq(other, feed));
    }

    /// Whether an echo would be taken out of the inbox.
    pub fn inbox_listens(&self) -> bool {
        lock(&self.feeds).iter().any(|feed| feed.is_inbox && !feed.is_saturated())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is guarded is replaced whole, so a panic elsewhere leaves nothing half-done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
