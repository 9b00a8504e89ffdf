//! What the broker tells when a queue is gone.

use crate::{Delivery, QUEUE_DELETED};

/// The header with the queue's name.
pub(crate) const NAME: &str = "name";
/// The header with the user who deleted it, or whose connection it went with. Of queues that went with a node of the broker RabbitMQ does
/// not have it: nobody deleted them (`rabbit_amqqueue`, `internal_delete` and `on_node_down`).
pub(crate) const BY: &str = "user_who_performed_action";

/// A queue that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueGone<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether it went with the node of the broker that it was on. Its owner lost its connection and may be as well as ever: that says
    /// nothing against it.
    pub with_its_node: bool,
}

impl<'a> QueueGone<'a> {
    /// What this event says; nothing if it is none of this kind.
    #[must_use]
    pub fn told_by(event: &'a Delivery) -> Option<Self> {
        if event.routing_key != QUEUE_DELETED {
            return None;
        }
        let name = event.headers.get(NAME)?;
        Some(Self { name, with_its_node: !event.headers.contains_key(BY) })
    }
}
