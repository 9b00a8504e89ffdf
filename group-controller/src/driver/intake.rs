//! What comes in over a group's queues, and what must be right about it before the core looks at it.

use rollcall_bus::{Bus, Consumer, Delivery, PacketError, QueueGone, names_node, packet_of};
use rollcall_model::authority::{self, AuthorityError};
use rollcall_model::packet::Packet;
use rollcall_model::wire::status::{self, NodeStatus};
use rollcall_model::wire::v1::Envelope;
use rollcall_model::{GroupId, NodeId, route};

use super::BATCH;
use crate::RunError;
use crate::core::Event;
use crate::topology::{BROKER_EVENTS, PRESENCE};

/// Most status packets delivered and not yet acknowledged.
pub const HEALTH_PREFETCH: u16 = 2_048;
/// The same of the other queues; outcomes wait until the zone's broker has them, so it bounds those that wait.
const PREFETCH: u16 = 512;

/// The queues of control packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// From anybody, to this controller.
    Inbox,
    /// "Here I am".
    Presence,
    /// Readings of nodes.
    Metrics,
    /// Urgent word of nodes.
    Alerts,
    /// Outcomes of actions.
    Actions,
}

/// The receiving ends of all queues.
pub(super) struct Consumers {
    pub inbox: Consumer,
    pub presence: Consumer,
    pub metrics: Consumer,
    pub alerts: Consumer,
    pub actions: Consumer,
    pub health: Consumer,
    pub events: Consumer,
    pub availability: Consumer,
}

/// What came in.
pub(super) enum Arrived {
    /// Status packets, in the room given for them.
    Health,
    /// Events of the broker.
    Events(Vec<Delivery>),
    /// RA and capacity messages.
    Availability(Vec<Delivery>),
    /// Control packets.
    Control(Which, Vec<Delivery>),
    /// The bus is closed.
    Nothing,
}

impl Consumers {
    /// Begins to consume the group's queues; status packets from the queue that is named.
    pub(super) async fn open(bus: &Bus, group: GroupId, health: &str) -> Result<Self, RunError> {
        let queue = |purpose: &str| route::group_queue(group, purpose);
        Ok(Self {
            inbox: bus.consume(&route::group_inbox(group), 256).await?,
            presence: bus.consume(&queue(PRESENCE), PREFETCH).await?,
            metrics: bus.consume(&queue(route::METRICS), PREFETCH).await?,
            alerts: bus.consume(&queue(route::HEALTH_ALERTS), PREFETCH).await?,
            actions: bus.consume(&queue(route::HEALTH_ACTIONS), PREFETCH).await?,
            health: bus.consume(health, HEALTH_PREFETCH).await?,
            events: bus.consume(&queue(BROKER_EVENTS), PREFETCH).await?,
            availability: bus.consume(&queue(route::AVAILABILITY), HEALTH_PREFETCH).await?,
        })
    }

    /// Waits for whatever comes first. Cancel-safe: no delivery is lost.
    pub(super) async fn next(&mut self, statuses: &mut Vec<Delivery>) -> Arrived {
        let Self { inbox, presence, metrics, alerts, actions, health, events, availability } = self;
        let (mut a, mut b, mut c, mut d) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut e, mut f, mut g) = (Vec::new(), Vec::new(), Vec::new());
        let (count, arrived) = tokio::select! {
            count = health.next_batch(statuses, BATCH) => (count, Arrived::Health),
            count = events.next_batch(&mut a, BATCH) => (count, Arrived::Events(a)),
            count = availability.next_batch(&mut g, BATCH) => (count, Arrived::Availability(g)),
            count = inbox.next_batch(&mut b, BATCH) => (count, Arrived::Control(Which::Inbox, b)),
            count = presence.next_batch(&mut c, BATCH) => (count, Arrived::Control(Which::Presence, c)),
            count = metrics.next_batch(&mut d, BATCH) => (count, Arrived::Control(Which::Metrics, d)),
            count = alerts.next_batch(&mut e, BATCH) => (count, Arrived::Control(Which::Alerts, e)),
            count = actions.next_batch(&mut f, BATCH) => (count, Arrived::Control(Which::Actions, f)),
        };
        if count == 0 { Arrived::Nothing } else { arrived }
    }

    /// The receiving end of a queue of control packets.
    pub(super) fn of(&mut self, which: Which) -> &mut Consumer {
        match which {
            Which::Inbox => &mut self.inbox,
            Which::Presence => &mut self.presence,
            Which::Metrics => &mut self.metrics,
            Which::Alerts => &mut self.alerts,
            Which::Actions => &mut self.actions,
        }
    }
}

/// What the broker's own events tell: whose connection closed, and, once for all of them, that a node of the broker is gone with those
/// who were connected to it.
#[must_use]
pub fn broker_events(deliveries: &[Delivery]) -> Vec<Event> {
    let (with_the_broker, closed): (Vec<_>, Vec<_>) =
        deliveries.iter().filter_map(QueueGone::told_by).partition(|gone| gone.with_its_node);
    let closed = closed.iter().filter_map(|gone| route::node_of_inbox(gone.name)).map(Event::ConnectionClosed);
    let lost = (!with_the_broker.is_empty()).then_some(Event::BrokerNodeLost);
    closed.chain(lost).collect()
}

/// Why a delivery is parked.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is no packet for this queue.
    #[error("{1}")]
    Unfit(&'static str, String),
    /// Its sender may not send it.
    #[error(transparent)]
    Unentitled(#[from] AuthorityError),
}

impl From<PacketError> for Refusal {
    fn from(error: PacketError) -> Self {
        match error {
            PacketError::Undecodable(error) => Self::Unfit(error.reason(), error.to_string()),
            PacketError::Unentitled(error) => Self::Unentitled(error),
        }
    }
}

impl Refusal {
    /// What the core is told of it.
    #[must_use]
    pub fn event(self) -> Event {
        match self {
            Self::Unfit(reason, _) => Event::Undecodable { reason },
            Self::Unentitled(error) => Event::Unentitled(error),
        }
    }
}

/// A control packet. On the queues of nodes the packet must be of the kind the queue is for, of a node, and name the
/// node of its routing key: otherwise it is somebody lying about somebody else.
///
/// # Errors
/// [`Refusal`].
pub fn control_packet(which: Which, delivery: &Delivery, checks_users: bool) -> Result<Envelope, Refusal> {
    let envelope = packet_of(delivery, checks_users)?;
    let of_node = match (which, &envelope.packet) {
        (Which::Inbox, _) => return Ok(envelope),
        (Which::Presence, Packet::Presence(_)) => return Ok(envelope),
        (Which::Metrics, Packet::Metrics(metrics)) => metrics.node,
        (Which::Alerts, Packet::NodePolicyAck(ack)) => ack.node,
        (Which::Actions, Packet::ActionOutcome(outcome)) => outcome.node,
        (_, other) => {
            let message = format!("the queue of {which:?} takes no {} packet", other.kind());
            return Err(Refusal::Unfit("unexpected_kind", message));
        }
    };
    if checks_users && envelope.from != route::node_inbox(of_node) {
        // A group may pass an outcome on, but not into the queue of another's nodes, or its own.
        let message = format!("{} is not the inbox of node {of_node}", envelope.from);
        return Err(Refusal::Unfit("wrong_sender", message));
    }
    names_its_sender(delivery, of_node).map(|()| envelope)
}

/// A status packet of the node its routing key names. Without a key it came over the group's own exchange, where the user alone, whom
/// the broker has checked, tells whose it is.
///
/// # Errors
/// [`Refusal`].
pub fn status_packet(delivery: &Delivery, checks_users: bool) -> Result<NodeStatus, Refusal> {
    if delivery.kind != status::KIND {
        let message = format!("a health queue takes no {:?} packet", delivery.kind);
        return Err(Refusal::Unfit("unexpected_kind", message));
    }
    let unfit = |error: status::StatusError| Refusal::Unfit(error.reason(), error.to_string());
    let status = NodeStatus::decode(&delivery.body).map_err(unfit)?;
    if checks_users {
        authority::status(delivery.user_id.as_deref(), &status)?;
    }
    if delivery.routing_key.is_empty() {
        return Ok(status);
    }
    names_its_sender(delivery, status.node).map(|()| status)
}

fn names_its_sender(delivery: &Delivery, node: NodeId) -> Result<(), Refusal> {
    if names_node(delivery, node) {
        Ok(())
    } else {
        let message = format!("routing key {:?} is not that of node {node}", delivery.routing_key);
        Err(Refusal::Unfit("wrong_sender", message))
    }
}

/// Puts aside what cannot be handled, with the reason.
pub(super) async fn park(consumer: &mut Consumer, parked: Vec<(Delivery, String)>) {
    for (delivery, reason) in parked {
        tracing::warn!(queue = consumer.queue(), kind = delivery.kind, "parked: {reason}");
        consumer.park(delivery, &reason).await;
    }
}
