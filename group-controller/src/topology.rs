//! What a group declares on the broker (G4): its queues, by group id and purpose.

use rollcall_bus::{EVENT_EXCHANGE, ExchangeKind, Overflow, QUEUE_DELETED, Queue, QueueClass, Topology};
use rollcall_model::{GroupId, route};

/// Purpose of the queue for presence packets.
pub const PRESENCE: &str = "presence";
/// Purpose of the queue for the broker's own events.
pub const BROKER_EVENTS: &str = "broker-events";

/// RA messages never queue up: what lies there longer than this says nothing of a frequency any more.
const AVAILABILITY_LENGTH: u32 = 10_000;
const AVAILABILITY_AGE_MS: u32 = 2_000;

/// Of the controller's own connection: what came while it was away says nothing any more.
fn newest_wins(group: GroupId, purpose: &str, max_length: u32, max_age_ms: u32) -> Queue {
    Queue {
        name: route::group_queue(group, purpose),
        class: QueueClass::Exclusive,
        max_length,
        overflow: Overflow::DropHead,
        max_age_ms: Some(max_age_ms),
        dead_letter: None,
    }
}

fn lasting(group: GroupId, purpose: &str) -> Queue {
    Queue {
        name: route::group_queue(group, purpose),
        class: QueueClass::Quorum { delivery_limit: 5 },
        max_length: 10_000,
        overflow: Overflow::RejectPublish,
        max_age_ms: None,
        dead_letter: Some(route::PARKED.into()),
    }
}

/// The group's queues and bindings. The exchanges they hang on are the zone's.
#[must_use]
pub fn topology(group: GroupId) -> Topology {
    without_health(group).merge(health(group))
}

/// Its queue of status packets, and nothing else.
#[must_use]
pub fn health(group: GroupId) -> Topology {
    let (health, status) = (route::group_queue(group, route::HEALTH), route::status_exchange(group));
    Topology::default()
        .expect_exchange(route::GROUP)
        .queue(newest_wins(group, route::HEALTH, 50_000, 10_000))
        .exchange(&status, ExchangeKind::Fanout)
        .bind(&status, &health, "")
        // Status packets of agents that know no other way. One that an RA message rides on is a status packet all the same.
        .bind(route::GROUP, &health, &route::group_binding(group, route::AUDIBLE))
        .bind(route::GROUP, &health, &route::group_binding(group, route::HEALTH))
}

/// All but the queue of status packets.
#[must_use]
pub fn without_health(group: GroupId) -> Topology {
    let mut topology = Topology::default()
        .expect_exchange(route::DIRECT)
        .expect_exchange(route::PRESENCE)
        .expect_exchange(route::GROUP)
        .expect_exchange(route::ZONE)
        .expect_exchange(route::PARKED)
        .queue(newest_wins(group, PRESENCE, 20_000, 10_000))
        .bind(route::PRESENCE, &route::group_queue(group, PRESENCE), "")
        .queue(newest_wins(group, BROKER_EVENTS, 20_000, 10_000))
        .bind_if_present(EVENT_EXCHANGE, &route::group_queue(group, BROKER_EVENTS), QUEUE_DELETED)
        .queue(newest_wins(group, route::AVAILABILITY, AVAILABILITY_LENGTH, AVAILABILITY_AGE_MS))
        .queue(newest_wins(group, route::METRICS, 50_000, 60_000))
        .queue(lasting(group, route::HEALTH_ALERTS))
        .queue(lasting(group, route::HEALTH_ACTIONS));
    for purpose in [route::AVAILABILITY, route::METRICS, route::HEALTH_ALERTS, route::HEALTH_ACTIONS] {
        topology =
            topology.bind(route::GROUP, &route::group_queue(group, purpose), &route::group_binding(group, purpose));
    }
    topology
}
