//! Deliveries, settling them, what happens to those that are not settled.

use std::time::Duration;

use rollcall_bus::{
    DEATH_QUEUE, DEATH_REASON, ExchangeKind, PARKED_KEY, PARKED_KIND, PARKED_QUEUE_NAME, PARKED_REASON, Queue,
    QueueClass, Topology,
};
use rollcall_model::route;

use crate::stage::{Stage, next, soon, take, take_all, text};

pub async fn prefetch_bounds_what_is_out(stage: Stage) {
    let bus = stage.with_queue(stage.queue()).await;
    let mut consumer = bus.consume(stage.named("q"), 2).await.expect("consumes");
    stage.publish(&bus, "abc").await;
    let (a, b) = (next(&mut consumer).await, next(&mut consumer).await);
    assert_eq!((text(&a).as_str(), text(&b).as_str()), ("a", "b"));
    assert!(tokio::time::timeout(Duration::from_millis(100), consumer.next()).await.is_err());
    consumer.ack(b).await;
    assert_eq!(take(&mut consumer, 1).await, ["c"]);
    consumer.ack(a).await;
}

pub async fn consumers_of_one_queue_share_the_work(stage: Stage) {
    let bus = stage.with_queue(stage.queue()).await;
    let mut one = bus.consume(stage.named("q"), 2).await.expect("consumes");
    let mut two = bus.consume(stage.named("q"), 2).await.expect("consumes");
    stage.publish(&bus, "abcd").await;
    let mut all = take(&mut one, 2).await;
    all.extend(take(&mut two, 2).await);
    all.sort();
    assert_eq!(all, ["a", "b", "c", "d"]);
}

pub async fn batches_are_settled_together_and_only_what_was_settled(stage: Stage) {
    let bus = stage.with_queue(stage.queue()).await;
    let mut consumer = bus.consume(stage.named("q"), 100).await.expect("consumes");
    stage.publish(&bus, "abcdefghij").await;
    let mut batch = Vec::new();
    while batch.len() < 10 {
        let room = 10 - batch.len();
        assert!(soon("a batch", consumer.next_batch(&mut batch, room)).await <= room);
    }
    // "c" stays out; what came after it is settled without it.
    let c = batch.remove(2);
    assert_eq!(text(&c), "c");
    consumer.ack_all(batch.split_off(5)).await;
    consumer.ack_all(batch).await;
    bus.close().await;
    let bus = stage.attach().await;
    let mut consumer = bus.consume(stage.named("q"), 100).await.expect("consumes");
    let again = next(&mut consumer).await;
    assert!(again.redelivered && text(&again) == "c");
    consumer.ack(again).await;
    let fresh = stage.with_queue(stage.queue()).await;
    assert!(take_all(&stage, &fresh, &mut consumer).await.is_empty());
}

pub async fn unsettled_deliveries_come_again_after_the_connection(stage: Stage) {
    let first = stage.with_queue(stage.queue()).await;
    let mut consumer = first.consume(stage.named("q"), 10).await.expect("consumes");
    stage.publish(&first, "abc").await;
    let a = next(&mut consumer).await;
    let _b = next(&mut consumer).await;
    consumer.ack(a).await;
    first.close().await;
    let second = stage.attach().await;
    let mut consumer = second.consume(stage.named("q"), 10).await.expect("consumes");
    let b = next(&mut consumer).await;
    assert!(b.redelivered && text(&b) == "b");
    consumer.ack(b).await;
    assert_eq!(take(&mut consumer, 1).await, ["c"]);
}

pub async fn requeued_deliveries_come_first_and_in_order(stage: Stage) {
    let bus = stage.with_queue(stage.queue()).await;
    let mut consumer = bus.consume(stage.named("q"), 2).await.expect("consumes");
    stage.publish(&bus, "abcd").await;
    let (a, b) = (next(&mut consumer).await, next(&mut consumer).await);
    consumer.requeue(b).await;
    let again = next(&mut consumer).await;
    assert!(again.redelivered && text(&again) == "b", "{again:?}");
    consumer.requeue(a).await;
    // Settled only now: in RabbitMQ's classic queue an acknowledgement overtakes what is given back.
    let first = next(&mut consumer).await;
    assert!(first.redelivered && text(&first) == "a", "{first:?}");
    consumer.ack_all(vec![again, first]).await;
    assert_eq!(take(&mut consumer, 2).await, ["c", "d"]);
}

pub async fn too_many_deliveries_make_a_dead_letter(stage: Stage) {
    let (dead, graves) = (stage.named("dead"), stage.named("graves"));
    let class = QueueClass::Quorum { delivery_limit: 2 };
    let topology = Topology::default()
        .exchange(dead, ExchangeKind::Fanout)
        .queue(stage.queue_named("graves"))
        .bind(dead, graves, "");
    let other = stage.attach().await;
    other.declare(topology).await.expect("declares");
    let bus = stage.with_queue(Queue { class, dead_letter: Some(dead.into()), ..stage.queue() }).await;
    let mut consumer = bus.consume(stage.named("q"), 1).await.expect("consumes");
    stage.publish(&bus, "ab").await;
    for time in 0..3 {
        let delivery = next(&mut consumer).await;
        assert_eq!((text(&delivery).as_str(), delivery.redelivered), ("a", time > 0));
        consumer.requeue(delivery).await;
    }
    assert_eq!(take(&mut consumer, 1).await, ["b"]);
    let mut graves = other.consume(graves, 1).await.expect("consumes");
    let letter = next(&mut graves).await;
    assert_eq!(letter.headers.get(DEATH_REASON).map(String::as_str), Some("delivery_limit"));
    assert_eq!(letter.headers.get(DEATH_QUEUE).map(String::as_str), Some(stage.named("q")));
    assert_eq!((text(&letter).as_str(), letter.routing_key.as_str(), letter.kind.as_str()), ("a", "k", "test"));
}

pub async fn a_parked_message_says_why(stage: Stage) {
    let bus = stage.with_queue(stage.queue()).await;
    let kept = stage.queue_named("parked");
    let topology = Topology::default().exchange(route::PARKED, ExchangeKind::Fanout).queue(kept).bind(
        route::PARKED,
        stage.named("parked"),
        "",
    );
    bus.declare(topology).await.expect("declares");
    let mut consumer = bus.consume(stage.named("q"), 1).await.expect("consumes");
    let mut parked = bus.consume(stage.named("parked"), 10).await.expect("consumes");
    stage.publish(&bus, "ab").await;
    let delivery = next(&mut consumer).await;
    consumer.park(delivery, "from the future").await;
    assert_eq!(take(&mut consumer, 1).await, ["b"]);
    let kept = soon("the parked message", async {
        loop {
            // Other tests may park on the same exchange.
            let kept = parked.next().await.expect("open");
            if kept.headers.get(PARKED_QUEUE_NAME).map(String::as_str) == Some(stage.named("q")) {
                break kept;
            }
        }
    })
    .await;
    let header = |name| kept.headers.get(name).map(String::as_str);
    assert_eq!(header(PARKED_REASON), Some("from the future"));
    assert_eq!((header(PARKED_KEY), header(PARKED_KIND)), (Some("k"), Some("test")));
    assert_eq!((text(&kept).as_str(), kept.kind.as_str()), ("a", "test"));
}

pub async fn waiting_for_a_delivery_can_be_given_up_without_loss(stage: Stage) {
    let bus = stage.with_queue(stage.queue()).await;
    let mut consumer = bus.consume(stage.named("q"), 10).await.expect("consumes");
    let sending = async {
        for _ in 0..20 {
            stage.publish(&bus, "a").await;
        }
    };
    let mut count = 0;
    let receiving = async {
        while count < 20 {
            // Given up again and again, at any moment.
            if let Ok(delivery) = tokio::time::timeout(Duration::from_micros(300), consumer.next()).await {
                consumer.ack(delivery.expect("open")).await;
                count += 1;
            }
        }
    };
    soon("all arrive", async { tokio::join!(sending, receiving) }).await;
    assert_eq!(count, 20);
}

pub async fn closing_ends_consumers(stage: Stage) {
    let bus = stage.with_queue(stage.queue()).await;
    let mut consumer = bus.consume(stage.named("q"), 10).await.expect("consumes");
    let waiting = tokio::spawn(async move { consumer.next().await.is_none() });
    bus.close().await;
    assert!(soon("the consumer ends", waiting).await.expect("no panic"));
    assert_eq!(bus.publish(stage.message("a")).await, Err(rollcall_bus::PublishError::Disconnected));
    assert!(bus.declare(Topology::default()).await.is_err());
    assert!(bus.consume(stage.named("q"), 1).await.is_err());
}

pub async fn a_dropped_consumer_gives_back_what_it_held(stage: Stage) {
    let bus = stage.with_queue(stage.queue()).await;
    let mut consumer = bus.consume(stage.named("q"), 10).await.expect("consumes");
    stage.publish(&bus, "ab").await;
    let _held = next(&mut consumer).await;
    drop(consumer);
    let mut consumer = bus.consume(stage.named("q"), 10).await.expect("consumes");
    assert_eq!(take(&mut consumer, 2).await, ["a", "b"]);
}
