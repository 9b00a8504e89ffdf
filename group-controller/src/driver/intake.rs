//! What comes in over a group's queues, and what must be right about it before the core looks at it.

use rollcall_bus::{Bus, Consumer, Delivery};
use rollcall_model::packet::Packet;
use rollcall_model::wire::status::{self, NodeStatus};
use rollcall_model::wire::v1::Envelope;
use rollcall_model::{GroupId, NodeId, route};

use super::BATCH;
use crate::RunError;
use crate::topology::{BROKER_EVENTS, PRESENCE};

/// Most status packets delivered and not yet acknowledged.
pub const HEALTH_PREFETCH: u16 = 2_048;
/// The same of the other queues; outcomes wait until the zone's broker has them, so it bounds those that wait.
const PREFETCH: u16 = 512;

/// The queues of control packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
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
}

/// What came in.
pub(super) enum Arrived {
    /// Status packets, in the room given for them.
    Health,
    /// Events of the broker.
    Events(Vec<Delivery>),
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
        })
    }

    /// Waits for whatever comes first. Cancel-safe: no delivery is lost.
    pub(super) async fn next(&mut self, statuses: &mut Vec<Delivery>) -> Arrived {
        let Self { inbox, presence, metrics, alerts, actions, health, events } = self;
        let (mut a, mut b, mut c, mut d) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut e, mut f) = (Vec::new(), Vec::new());
        let (count, arrived) = tokio::select! {
            count = health.next_batch(statuses, BATCH) => (count, Arrived::Health),
            count = events.next_batch(&mut a, BATCH) => (count, Arrived::Events(a)),
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

/// Why a delivery is parked: a word to count by, and a text for people.
pub(super) type Refusal = (&'static str, String);

/// A control packet. On the queues of nodes the packet must be of the kind the queue is for, and name the node of its
/// routing key: otherwise it is somebody lying about somebody else.
pub(super) fn control_packet(which: Which, delivery: &Delivery) -> Result<Envelope, Refusal> {
    let envelope = Envelope::decode(&delivery.body).map_err(|error| (error.reason(), error.to_string()))?;
    let of_node = match (which, &envelope.packet) {
        (Which::Inbox | Which::Presence, _) => return Ok(envelope),
        (Which::Metrics, Packet::Metrics(metrics)) => metrics.node,
        (Which::Alerts, Packet::NodePolicyAck(ack)) => ack.node,
        (Which::Actions, Packet::ActionOutcome(outcome)) => outcome.node,
        (_, other) => {
            let message = format!("the queue of {which:?} takes no {} packet", other.kind());
            return Err(("unexpected_kind", message));
        }
    };
    names_its_sender(delivery, of_node).map(|()| envelope)
}

/// A status packet of the node its routing key names.
pub(super) fn status_packet(delivery: &Delivery) -> Result<NodeStatus, Refusal> {
    if delivery.kind != status::KIND {
        return Err(("unexpected_kind", format!("a health queue takes no {:?} packet", delivery.kind)));
    }
    let status = NodeStatus::decode(&delivery.body).map_err(|error| (error.reason(), error.to_string()))?;
    names_its_sender(delivery, status.node).map(|()| status)
}

fn names_its_sender(delivery: &Delivery, node: NodeId) -> Result<(), Refusal> {
    let named = delivery.routing_key.rsplit_once('.').and_then(|(_, node)| node.parse().ok());
    if named == Some(node) {
        Ok(())
    } else {
        Err(("wrong_sender", format!("routing key {:?} is not that of node {node}", delivery.routing_key)))
    }
}

/// Puts aside what cannot be handled, with the reason.
pub(super) async fn park(consumer: &mut Consumer, parked: Vec<(Delivery, String)>) {
    for (delivery, reason) in parked {
        tracing::warn!(queue = consumer.queue(), kind = delivery.kind, "parked: {reason}");
        consumer.park(delivery, &reason).await;
    }
}
