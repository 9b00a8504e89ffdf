//! What the zone declares on its broker (design §4).

use rollcall_bus::audit::{LOG_ERRORS, LOG_EXCHANGE};
use rollcall_bus::{ExchangeKind, Overflow, Queue, QueueClass, Topology};
use rollcall_model::{Purpose, name, route};

/// Deliveries of one message before it is parked.
const DELIVERY_LIMIT: u32 = 5;

/// The same of what is put aside or kept: without end, for people look at it again and again.
const KEPT_DELIVERIES: u32 = 1_000_000;
const DAY_MS: u32 = 86_400_000;

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

/// Kept while the zone controller is away, and while a node of the broker is; the oldest gives way.
fn kept(name: String, max_length: u32, max_age_ms: u32) -> Queue {
    let (class, overflow) = (QueueClass::Quorum { delivery_limit: KEPT_DELIVERIES }, Overflow::DropHead);
    Queue { name, class, max_length, overflow, max_age_ms: Some(max_age_ms), dead_letter: None }
}

/// Of the zone controller's own connection: what came while it was away says nothing any more.
fn newest_wins(name: String, max_length: u32, max_age_ms: u32) -> Queue {
    Queue { class: QueueClass::Exclusive, ..kept(name, max_length, max_age_ms) }
}

/// Every exchange of the zone; the queues of its channels, of joins and of parked messages; and what comes to its inbox,
/// which is there already, beside what is sent to it by name.
#[must_use]
pub fn topology(inbox: &str, channels: &[Purpose]) -> Topology {
    let mut topology = exchanges()
        .queue(kept(route::PARKED_QUEUE.into(), 10_000, 7 * DAY_MS))
        .bind(route::PARKED, route::PARKED_QUEUE, "")
        .queue(lasting(route::JOINS.into(), 100_000))
        .queue(kept(route::REFUSALS.into(), 10_000, DAY_MS))
        .bind(route::DIRECT, route::JOINS, route::JOINS)
        .bind(route::DIRECT, route::JOINS, route::CLASH_BINDING)
        .bind(route::DIRECT, inbox, route::READINGS_BINDING);
    for channel in channels {
        let queue = route::zone_queue(channel);
        topology = match channel.as_str() {
            // Policies go straight to the inboxes of the groups; this is for the word that they are obeyed.
            name::POLICIES => topology.queue(lasting(queue.clone(), 100_000)),
            name::ANALYTICS => topology.queue(newest_wins(queue.clone(), 10_000, 60_000)),
            name::ALERTS => topology.queue(lasting(queue.clone(), 100_000)),
            _ => topology.queue(kept(queue.clone(), 10_000, DAY_MS)),
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
        .queue(newest_wins(route::AVAILABILITY_QUEUE.into(), 10_000, 2_000))
        .bind(route::GROUP, route::AVAILABILITY_QUEUE, route::AVAILABILITY_BINDING)
        .bind(route::GROUP, route::AVAILABILITY_QUEUE, route::AUDIBLE_BINDING)
        .queue(newest_wins(TARGETS_QUEUE.into(), 1_000, 5_000))
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
