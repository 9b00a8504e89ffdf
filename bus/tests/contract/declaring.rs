//! Declaring, inboxes, and what the broker tells of them.

use std::time::Duration;

use rollcall_bus::{
    Bus, ConsumeError, DeclareError, DownCause, EVENT_EXCHANGE, ExchangeKind, Link, Outgoing, PublishError,
    QUEUE_DELETED, Queue, QueueGone, Topology,
};
use rollcall_model::{GroupId, NodeId, Principal, route};

use crate::stage::{Stage, link, next, soon, take, text};

pub async fn declaring_twice_changes_nothing_and_contradictions_are_refused(stage: Stage) {
    let bus = stage.with_queue(stage.queue()).await;
    stage.publish(&bus, "a").await;
    let again = stage.with_queue(stage.queue()).await;
    let contradiction = Topology::default().queue(Queue { max_length: 7, ..stage.queue() });
    let refused = again.declare(contradiction).await.expect_err("contradicts");
    assert!(matches!(&refused, DeclareError::Refused { what, .. } if what.contains(stage.named("q"))), "{refused}");
    let nowhere = Topology::default().bind(stage.named("missing"), stage.named("q"), "k");
    assert!(matches!(again.declare(nowhere).await, Err(DeclareError::Refused { .. })));
    let mut consumer = again.consume(stage.named("q"), 1).await.expect("consumes");
    assert_eq!(take(&mut consumer, 1).await, ["a"]);
}

pub async fn an_optional_binding_may_be_missing(stage: Stage) {
    let bus = stage.with_queue(stage.queue()).await;
    let queue = stage.named("q");
    let topology = Topology::default()
        .bind_if_present(stage.named("plugin"), queue, "#")
        .bind_if_present(EVENT_EXCHANGE, queue, "never")
        .bind(stage.named("x"), queue, "k2");
    let declared = bus.declare(topology.clone()).await.expect("declares");
    assert_eq!(declared.missing, topology.bindings[..1]);
    bus.publish(Outgoing { routing_key: "k2".into(), ..stage.message("a") })
        .await
        .expect("bound after the missing one");
}

pub async fn an_expected_exchange_is_waited_for(stage: Stage) {
    let zone = stage.attach().await;
    link(&zone, "up", Link::is_up).await;
    let node = Principal::Node(NodeId::derived_from("n"));
    let node = stage.connector.attach(stage.attachment(node, "node")).await.expect("attaches");
    link(&node, "up", Link::is_up).await;
    let (late, queue) = (stage.named("late"), stage.named("q"));
    let topology = Topology::default().expect_exchange(late).queue(stage.queue()).bind(late, queue, "k");
    let declaring = node.declare(topology);
    let mut declaring = std::pin::pin!(declaring);
    let early = tokio::time::timeout(Duration::from_millis(400), &mut declaring).await;
    assert!(early.is_err(), "the exchange is not there yet");
    // Whoever only expects it does not care what kind it is.
    zone.declare(Topology::default().exchange(late, ExchangeKind::Fanout)).await.expect("declares");
    soon("the exchange is found", declaring).await.expect("declares");
    zone.publish(Outgoing { exchange: late.into(), ..stage.message("a") }).await.expect("taken");
    let mut consumer = node.consume(queue, 1).await.expect("consumes");
    assert_eq!(take(&mut consumer, 1).await, ["a"]);
}

/// On a broker that is still empty.
pub async fn who_comes_before_the_zone_waits_for_it(stage: Stage) {
    let node = Principal::Node(NodeId::derived_from("n"));
    let node = stage.connector.attach(stage.attachment(node, "node")).await.expect("attaches");
    let not_ready = |link: &Link| matches!(link, Link::Down { refused: DownCause::ZoneNotReady, .. });
    let Link::Down { reason, .. } = link(&node, "waits", not_ready).await else { unreachable!("waited for down") };
    assert!(reason.contains("the zone has not declared its exchanges yet"), "{reason}");
    assert_eq!(node.publish(stage.message("a")).await, Err(PublishError::Disconnected));
    let zone = stage.attach().await;
    link(&zone, "up", Link::is_up).await;
    link(&node, "up", Link::is_up).await;
    let mut inbox = node.consume(node.inbox(), 1).await.expect("consumes");
    let message =
        Outgoing { exchange: route::DIRECT.into(), routing_key: node.inbox().into(), ..stage.message("welcome") };
    zone.publish(message).await.expect("taken");
    assert_eq!(take(&mut inbox, 1).await, ["welcome"]);
}

pub async fn an_inbox_is_reached_by_its_name(stage: Stage) {
    let (one, two) = (stage.attach().await, stage.attach().await);
    link(&two, "up", Link::is_up).await;
    let mut inbox = one.consume(one.inbox(), 10).await.expect("consumes");
    let message =
        Outgoing { exchange: route::DIRECT.into(), routing_key: one.inbox().into(), ..stage.message("hello") };
    two.publish(message).await.expect("taken");
    assert_eq!(take(&mut inbox, 1).await, ["hello"]);
}

pub async fn an_inbox_in_use_is_taken_until_it_is_free(stage: Stage) {
    let owner = stage.attach_as("same").await;
    link(&owner, "up", Link::is_up).await;
    let other = stage.attach_as("same").await;
    let taken = |link: &Link| matches!(link, Link::Down { refused: DownCause::InboxTaken, .. });
    let Link::Down { reason, .. } = link(&other, "refused", taken).await else { unreachable!("waited for down") };
    assert!(reason.contains("same"), "{reason}");
    assert!(other.publish(stage.message("a")).await.is_err());
    owner.close().await;
    link(&other, "up once the inbox is free", Link::is_up).await;
}

pub async fn a_second_controller_of_a_group_stands_by_and_takes_over(stage: Stage) {
    let zone = stage.attach().await;
    link(&zone, "up", Link::is_up).await;
    let group = Principal::Group(GroupId::derived_from(stage.named("group")));
    let attach = async || stage.connector.attach(stage.attachment(group.clone(), "group")).await.expect("attaches");
    let hello = |bus: &Bus, text| Outgoing {
        exchange: route::DIRECT.into(),
        routing_key: bus.inbox().into(),
        ..stage.message(text)
    };
    let first = attach().await;
    link(&first, "up", Link::is_up).await;
    let mut inbox = first.consume(first.inbox(), 10).await.expect("consumes");
    let second = attach().await;
    let waits = |link: &Link| matches!(link, Link::Down { refused: DownCause::StandsBy, .. });
    let Link::Down { reason, .. } = link(&second, "stands by", waits).await else { unreachable!("waited for down") };
    assert!(reason.contains("stands by: another process has inbox"), "{reason}");
    assert_eq!(second.publish(stage.message("a")).await, Err(PublishError::Disconnected));
    // It looks again and again, of which the first sees nothing.
    tokio::time::sleep(Duration::from_secs(2)).await;
    zone.publish(hello(&first, "one")).await.expect("taken");
    assert_eq!(take(&mut inbox, 1).await, ["one"]);
    first.close().await;
    link(&second, "up once the inbox is free", Link::is_up).await;
    let mut inbox = second.consume(second.inbox(), 10).await.expect("consumes");
    zone.publish(hello(&second, "two")).await.expect("taken");
    assert_eq!(take(&mut inbox, 1).await, ["two"]);
}

pub async fn the_end_of_an_inbox_is_told(stage: Stage) {
    let watcher = stage.with_queue(stage.queue()).await;
    let events = Topology::default().bind_if_present(EVENT_EXCHANGE, stage.named("q"), QUEUE_DELETED);
    assert_eq!(watcher.declare(events).await.expect("declares").missing, []);
    let mut consumer = watcher.consume(stage.named("q"), 10).await.expect("consumes");
    let node = stage.attach_as("node").await;
    link(&node, "up", Link::is_up).await;
    drop(node);
    let told = soon("the event", async {
        loop {
            let event = consumer.next().await.expect("open");
            assert_eq!((event.exchange.as_str(), event.routing_key.as_str()), (EVENT_EXCHANGE, QUEUE_DELETED));
            // Other tests' queues end, too.
            let gone = QueueGone::told_by(&event).expect("it names a queue");
            assert!(!gone.with_its_node, "its owner is gone: {event:?}");
            let is_it = gone.name == stage.named("node");
            consumer.ack(event).await;
            if is_it {
                break;
            }
        }
    });
    told.await;
}

pub async fn consuming_a_queue_that_is_not_there_is_refused(stage: Stage) {
    let bus = stage.with_queue(stage.queue()).await;
    let missing = ConsumeError::NoQueue { queue: stage.named("missing").into() };
    assert_eq!(bus.consume(stage.named("missing"), 1).await.expect_err("missing"), missing);
    let owner = stage.attach_as("owned").await;
    link(&owner, "up", Link::is_up).await;
    let locked = ConsumeError::Locked { queue: stage.named("owned").into() };
    assert_eq!(bus.consume(stage.named("owned"), 1).await.expect_err("locked"), locked);
}

pub async fn echoes_are_not_seen(stage: Stage) {
    let bus = stage.attach().await;
    let mut inbox = bus.consume(bus.inbox(), 4).await.expect("consumes");
    link(&bus, "up", Link::is_up).await;
    let before = bus.link().borrow().clone();
    // Several echo periods.
    assert!(tokio::time::timeout(Duration::from_millis(900), inbox.next()).await.is_err());
    let message = Outgoing { exchange: route::DIRECT.into(), routing_key: bus.inbox().into(), ..stage.message("real") };
    bus.publish(message).await.expect("taken");
    let real = next(&mut inbox).await;
    assert_eq!(text(&real), "real");
    assert_eq!(*bus.link().borrow(), before, "the same connection");
}
