//! Queues that are made anew: what an older version made otherwise, and what the broker has forgotten.

use rollcall_bus::{Link, Overflow, Queue, QueueClass};

use crate::stage::{Stage, link, ordinary, soon, take};

const QUORUM: QueueClass = QueueClass::Quorum { delivery_limit: 5 };

/// A bus that declares the queue as an older version did, says something, and is gone.
async fn of_before(stage: &Stage, letters: &str) {
    let before = stage.with_queue(Queue { class: QueueClass::Classic, ..stage.queue() }).await;
    stage.publish(&before, letters).await;
    before.close().await;
}

#[tokio::test]
async fn a_process_own_queue_that_lasted_before_is_replaced_with_what_was_in_it() {
    let stage = Stage::rabbit("replaced").await;
    of_before(&stage, "ab").await;
    let bus = stage.with_queue(Queue { class: QueueClass::Exclusive, ..stage.queue() }).await;
    let mut consumer = bus.consume(stage.named("q"), 10).await.expect("consumes");
    stage.publish(&bus, "c").await;
    assert_eq!(take(&mut consumer, 1).await, ["c"]);
}

#[tokio::test]
async fn a_kept_queue_is_replaced_once_it_is_empty_and_loses_nothing() {
    let stage = Stage::rabbit("kept").await;
    let kept = Queue { class: QUORUM, overflow: Overflow::DropHead, ..stage.queue() };
    of_before(&stage, "ab").await;
    let bus = stage.with_queue(kept.clone()).await;
    let mut consumer = bus.consume(stage.named("q"), 10).await.expect("consumes");
    stage.publish(&bus, "c").await;
    for letter in ["a", "b", "c"] {
        let delivery = soon("a delivery", consumer.next()).await.expect("open");
        assert_eq!(delivery.body, letter.as_bytes());
        consumer.ack(delivery).await;
    }
    bus.close().await;
    // Empty now: another start makes it one of the kind that is wanted, which an older version does not take for its own.
    let bus = stage.with_queue(kept.clone()).await;
    stage.publish(&bus, "d").await;
    let again = stage.attach().await;
    let topology = rollcall_bus::Topology::default().queue(Queue { class: QueueClass::Classic, ..kept });
    let refused = again.declare(topology).await.expect_err("it is a quorum queue");
    assert!(refused.to_string().contains("x-queue-type"), "{refused}");
}

/// The broker loses a queue, behind its owner's back.
async fn forget(stage: &Stage, queue: &str) {
    let (queue, broker) = (stage.named(queue), ordinary().await);
    // For some seconds, of a thread that does nothing else.
    let deleting = tokio::task::spawn_blocking(move || broker.ctl(&["delete_queue", "-p", "rollcall", queue]));
    assert!(deleting.await.expect("it ran").expect("rabbitmqctl runs").success(), "the queue is deleted");
}

#[tokio::test]
async fn a_queue_that_was_forgotten_before_it_is_consumed_is_made_anew() {
    let stage = Stage::rabbit("forgotten-early").await;
    let bus = stage.with_queue(Queue { class: QueueClass::Exclusive, ..stage.queue() }).await;
    forget(&stage, "q").await;
    let mut consumer = bus.consume(stage.named("q"), 10).await.expect("consumes");
    stage.publish(&bus, "x").await;
    assert_eq!(take(&mut consumer, 1).await, ["x"]);
    forget(&stage, "inbox0").await;
    bus.consume(stage.named("inbox0"), 10).await.expect("consumes what comes to its name");
}

#[tokio::test]
async fn a_process_whose_queue_the_broker_has_forgotten_makes_it_anew() {
    let stage = Stage::rabbit("forgotten").await;
    let bus = stage.with_queue(Queue { class: QueueClass::Exclusive, ..stage.queue() }).await;
    let mut consumer = bus.consume(stage.named("q"), 10).await.expect("consumes");
    forget(&stage, "q").await;
    link(&bus, "made anew", |link| matches!(link, Link::Up { generation } if *generation > 1)).await;
    stage.publish(&bus, "x").await;
    assert_eq!(take(&mut consumer, 1).await, ["x"]);
}
