//! What the zone declares on its broker (design §4).

use rollcall_bus::audit::{LOG_ERRORS, LOG_EXCHANGE};
use rollcall_bus::{ExchangeKind, Overflow, Queue, QueueClass, Topology};
use rollcall_model::{Purpose, name, route};

/// Deliveries of one message before it is parked.
const DELIVERY_LIMIT: u32 = 5;

fn lasting(name: String, max_length: u32) -> Queue {
    Queue {
        name,
        class: QueueClass::Quorum { delivery_limit: DELIVERY_LIMIT },
        max_length,
        overflow: Overflow::RejectPublish,
        max_age_ms: None,
        dead_letter: Some(route::PARKED.into()),
    }
}

fn lossy(name: String, max_length: u32) -> Queue {
    Queue {
        name,
        class: QueueClass::Classic,
        max_length,
        overflow: Overflow::DropHead,
        max_age_ms: Some(60_000),
        dead_letter: None,
    }
}

/// Every exchange of the zone; the queues of its channels, of joins and of parked messages; and what comes to its inbox,
/// which is there already, beside what is sent to it by name.
#[must_use]
pub fn topology(inbox: &str, channels: &[Purpose]) -> Topology {
    let parked = Queue { max_age_ms: Some(7 * 86_400_000), ..lossy(route::PARKED_QUEUE.into(), 10_000) };
    let mut topology = exchanges()
        .queue(parked)
        .bind(route::PARKED, route::PARKED_QUEUE, "")
        .queue(lasting(route::JOINS.into(), 100_000))
        .queue(Queue { max_age_ms: Some(86_400_000), ..lossy(route::REFUSALS.into(), 10_000) })
        .bind(route::DIRECT, route::JOINS, route::JOINS)
        .bind(route::DIRECT, route::JOINS, route::CLASH_BINDING)
        .bind(route::DIRECT, inbox, route::READINGS_BINDING);
    for channel in channels {
        let queue = route::zone_queue(channel);
        topology = match channel.as_str() {
            // Policies go straight to the inboxes of the groups; this is for the word that they are obeyed.
            name::POLICIES => topology.queue(lasting(queue.clone(), 100_000)),
            name::ANALYTICS => topology.queue(lossy(queue.clone(), 10_000)),
            name::ALERTS => topology.queue(lasting(queue.clone(), 100_000)),
            _ => topology.queue(Queue { max_age_ms: Some(86_400_000), ..lossy(queue.clone(), 10_000) }),
        };
        topology = topology.bind(route::ZONE, &queue, &route::zone_binding(channel));
    }
    topology
}

/// Queue of questions for targets, of programs of other people.
pub const TARGETS_QUEUE: &str = "zone.targets";

/// What the zone hears of availability, and what it is asked: nothing of it is worth keeping for longer than it takes to
/// answer. An RA message that lies there for two seconds says nothing of a frequency any more.
#[must_use]
pub fn availability() -> Topology {
    exchanges()
        .queue(Queue { max_age_ms: Some(2_000), ..lossy(route::AVAILABILITY_QUEUE.into(), 10_000) })
        .bind(route::GROUP, route::AVAILABILITY_QUEUE, route::AVAILABILITY_BINDING)
        .bind(route::GROUP, route::AVAILABILITY_QUEUE, route::AUDIBLE_BINDING)
        .queue(Queue { max_age_ms: Some(5_000), ..lossy(TARGETS_QUEUE.into(), 1_000) })
        .bind(route::DIRECT, TARGETS_QUEUE, route::TARGETS_BINDING)
}

/// Refusals come from the exchange of the broker's log, which is there only where the broker is told to have it, and
/// shortly after its start at that.
#[must_use]
pub fn refusals() -> Topology {
    Topology::default().bind_if_present(LOG_EXCHANGE, route::REFUSALS, LOG_ERRORS)
}

fn exchanges() -> Topology {
    Topology::default()
        .exchange(route::DIRECT, ExchangeKind::Topic)
        .exchange(route::PRESENCE, ExchangeKind::Fanout)
        .exchange(route::GROUP, ExchangeKind::Topic)
        .exchange(route::ZONE, ExchangeKind::Topic)
        .exchange(route::PARKED, ExchangeKind::Fanout)
        .exchange(route::EVENTS, ExchangeKind::Topic)
}
