//! Routing, answers to publishers, bounds.

use rollcall_bus::{Assurance, Bus, Consumer, ExchangeKind, Outgoing, Overflow, PublishError, Queue, Topology};
use rollcall_model::{Principal, TraceContext};

use crate::stage::{Stage, next, soon, take, take_all};

/// An exchange with queues bound by these keys.
async fn routes(stage: &Stage, kind: ExchangeKind, bindings: &[(&str, &str)]) -> (Bus, Vec<Consumer>) {
    let bus = stage.attach().await;
    let exchange = stage.named("x");
    let mut topology = Topology::default().exchange(exchange, kind);
    for (queue, key) in bindings {
        let queue = stage.queue_named(queue);
        let name = queue.name.clone();
        topology = topology.queue(queue).bind(exchange, &name, key);
    }
    bus.declare(topology).await.expect("declares");
    let mut consumers = Vec::new();
    for (queue, _) in bindings {
        consumers.push(bus.consume(stage.named(queue), 100).await.expect("consumes"));
    }
    (bus, consumers)
}

async fn publish_keys(stage: &Stage, bus: &Bus, keys: &[&str]) {
    for key in keys {
        let message = Outgoing { routing_key: (*key).into(), ..stage.message(key) };
        bus.publish(message).await.expect("taken");
    }
}

pub async fn a_direct_exchange_takes_the_whole_key(stage: Stage) {
    let (bus, mut consumers) = routes(&stage, ExchangeKind::Direct, &[("a", "k.a"), ("b", "k.b")]).await;
    publish_keys(&stage, &bus, &["k.a", "k.b", "k.a"]).await;
    assert_eq!(take(&mut consumers[0], 2).await, ["k.a", "k.a"]);
    assert_eq!(take(&mut consumers[1], 1).await, ["k.b"]);
}

pub async fn a_topic_exchange_knows_star_and_hash(stage: Stage) {
    let bindings = [("star", "g.*.n"), ("hash", "g.#"), ("all", "#")];
    let (bus, mut consumers) = routes(&stage, ExchangeKind::Topic, &bindings).await;
    publish_keys(&stage, &bus, &["g.health.n", "g.health.m", "g", "other", "g.a.b.n"]).await;
    assert_eq!(take(&mut consumers[0], 1).await, ["g.health.n"]);
    assert_eq!(take(&mut consumers[1], 4).await, ["g.health.n", "g.health.m", "g", "g.a.b.n"]);
    assert_eq!(take(&mut consumers[2], 5).await, ["g.health.n", "g.health.m", "g", "other", "g.a.b.n"]);
    // Nothing else came to the first one.
    publish_keys(&stage, &bus, &["g.last.n"]).await;
    assert_eq!(take(&mut consumers[0], 1).await, ["g.last.n"]);
}

pub async fn a_fanout_exchange_gives_everyone_a_copy(stage: Stage) {
    let (bus, mut consumers) = routes(&stage, ExchangeKind::Fanout, &[("a", ""), ("b", "x")]).await;
    publish_keys(&stage, &bus, &["any"]).await;
    for consumer in &mut consumers {
        assert_eq!(take(consumer, 1).await, ["any"]);
    }
}

pub async fn what_is_published_arrives_as_it_was_sent(stage: Stage) {
    let bus = stage.with_queue(stage.queue()).await;
    let mut consumer = bus.consume(stage.named("q"), 10).await.expect("consumes");
    for assurance in [Assurance::Confirmed, Assurance::Announced, Assurance::Lossy] {
        let message = Outgoing { message_id: Some("id-1".into()), assurance, ..stage.message("body") };
        bus.publish(message).await.expect("taken");
        let delivery = next(&mut consumer).await;
        assert_eq!((delivery.exchange.as_str(), delivery.routing_key.as_str()), (stage.named("x"), "k"));
        assert_eq!((delivery.kind.as_str(), delivery.message_id.as_deref()), ("test", Some("id-1")));
        let user = delivery.user_id.as_deref().expect("a user");
        assert!(!bus.checks_users() || Principal::of_user(user) == Ok(stage.principal()), "{user}");
        assert!(!delivery.redelivered && delivery.headers.is_empty());
        assert_eq!(delivery.body, b"body");
        consumer.ack(delivery).await;
    }
}

pub async fn a_trace_goes_along_with_what_it_caused(stage: Stage) {
    let bus = stage.with_queue(stage.queue()).await;
    let mut consumer = bus.consume(stage.named("q"), 10).await.expect("consumes");
    let trace = TraceContext::new([7; 16], [9; 8], true);
    for assurance in [Assurance::Confirmed, Assurance::Lossy] {
        bus.publish(Outgoing { trace, assurance, ..stage.message("traced") }).await.expect("taken");
        let delivery = next(&mut consumer).await;
        assert_eq!((delivery.trace(), delivery.headers.len()), (trace, 1));
        consumer.ack(delivery).await;
    }
    bus.publish(stage.message("untraced")).await.expect("taken");
    let delivery = next(&mut consumer).await;
    assert!(delivery.trace().is_none() && delivery.headers.is_empty());
    consumer.ack(delivery).await;
}

pub async fn what_comes_and_goes_is_counted(stage: Stage) {
    let bus = stage.with_queue(stage.queue()).await;
    let mut consumer = bus.consume(stage.named("q"), 10).await.expect("consumes");
    let before = bus.figures();
    assert!(before.is_up && before.connections == 1 && before.proof_age.is_some(), "{before:?}");
    stage.publish(&bus, "abc").await;
    let nowhere = Outgoing { routing_key: "nowhere".into(), ..stage.message("a") };
    bus.publish_all(vec![nowhere, stage.message("d")]).await;
    take(&mut consumer, 3).await;
    let delivery = next(&mut consumer).await;
    consumer.requeue(delivery).await;
    take(&mut consumer, 1).await;
    let after = bus.figures();
    let ended = |word: &str| after.published.iter().find(|(end, _)| *end == word).map(|(_, count)| *count);
    assert_eq!((ended("taken"), ended("unroutable"), ended("refused")), (Some(4), Some(1), Some(0)));
    assert_eq!((after.received, after.requeued, after.parked), (5, 1, 0));
}

pub async fn a_body_larger_than_a_frame_arrives_whole(stage: Stage) {
    let bus = stage.with_queue(stage.queue()).await;
    let mut consumer = bus.consume(stage.named("q"), 10).await.expect("consumes");
    let body: Vec<u8> = (0..300_000_u32).map(|i| (i % 251) as u8).collect();
    bus.publish(Outgoing { body: body.clone(), ..stage.message("") }).await.expect("taken");
    bus.publish(Outgoing { body: Vec::new(), ..stage.message("") }).await.expect("taken");
    assert!(next(&mut consumer).await.body == body);
    assert!(next(&mut consumer).await.body.is_empty());
}

pub async fn a_message_nobody_takes_is_reported_unless_nobody_has_to_take_it(stage: Stage) {
    let bus = stage.with_queue(stage.queue()).await;
    let nowhere = Outgoing { routing_key: "nowhere".into(), ..stage.message("a") };
    let unroutable = PublishError::Unroutable { exchange: stage.named("x").into(), routing_key: "nowhere".into() };
    assert_eq!(bus.publish(nowhere.clone()).await, Err(unroutable));
    for assurance in [Assurance::Lossy, Assurance::Announced] {
        assert_eq!(bus.publish(Outgoing { assurance, ..nowhere.clone() }).await, Ok(()));
    }
    let missing = Outgoing { exchange: stage.named("missing").into(), assurance: Assurance::Announced, ..nowhere };
    assert!(matches!(bus.publish(missing).await, Err(PublishError::NoExchange { .. })), "an announcement is awaited");
    let long = Outgoing { routing_key: "k".repeat(256), ..stage.message("a") };
    assert!(matches!(bus.publish(long).await, Err(PublishError::TooLong { bytes: 256, .. })));
}

pub async fn of_many_at_once_each_gets_its_own_answer(stage: Stage) {
    let bus = stage.with_queue(stage.queue()).await;
    let messages: Vec<Outgoing> = (0..700)
        .map(|i| Outgoing { routing_key: if i % 7 == 3 { "nowhere" } else { "k" }.into(), ..stage.message("m") })
        .collect();
    for _ in 0..25 {
        // Two tasks at once, so that confirms of different callers mix.
        let (one, two) = tokio::join!(bus.publish_all(messages.clone()), bus.publish_all(messages.clone()));
        for results in [one, two] {
            for (i, result) in results.into_iter().enumerate() {
                assert_eq!(result.is_err(), i % 7 == 3, "message {i}: {result:?}");
            }
        }
    }
}

pub async fn a_missing_exchange_is_reported_and_the_bus_goes_on(stage: Stage) {
    let bus = stage.with_queue(stage.queue()).await;
    let missing = Outgoing { exchange: stage.named("missing").into(), ..stage.message("a") };
    for _ in 0..3 {
        let error = bus.publish(missing.clone()).await;
        assert_eq!(error, Err(PublishError::NoExchange { exchange: stage.named("missing").into() }));
        stage.publish(&bus, "b").await;
    }
    // Lossy messages go on, too, once the broker has closed and we have reopened the channel.
    let mut consumer = bus.consume(stage.named("q"), 10).await.expect("consumes");
    assert_eq!(take(&mut consumer, 3).await, ["b", "b", "b"]);
    let lossy = |message: Outgoing| Outgoing { assurance: Assurance::Lossy, ..message };
    bus.publish(lossy(missing)).await.expect("not reported");
    let arrived = soon("a lossy message after a missing exchange", async {
        loop {
            // It may fall into the moment before the broker's refusal is known.
            let _ = bus.publish(lossy(stage.message("c"))).await;
            if let Ok(delivery) = tokio::time::timeout(std::time::Duration::from_millis(50), consumer.next()).await {
                break delivery;
            }
        }
    });
    assert_eq!(arrived.await.expect("open").body, b"c");
}

pub async fn a_full_queue_drops_its_oldest(stage: Stage) {
    let bus = stage.with_queue(Queue { max_length: 3, ..stage.queue() }).await;
    stage.publish(&bus, "abcdef").await;
    let mut consumer = bus.consume(stage.named("q"), 10).await.expect("consumes");
    assert_eq!(take_all(&stage, &bus, &mut consumer).await, ["d", "e", "f"]);
}

pub async fn a_full_queue_refuses_the_newest(stage: Stage) {
    let bus = stage.with_queue(Queue { max_length: 3, overflow: Overflow::RejectPublish, ..stage.queue() }).await;
    stage.publish(&bus, "abc").await;
    let refused = PublishError::Refused { exchange: stage.named("x").into(), routing_key: "k".into() };
    assert_eq!(bus.publish(stage.message("d")).await, Err(refused));
    let mut consumer = bus.consume(stage.named("q"), 10).await.expect("consumes");
    assert_eq!(take(&mut consumer, 3).await, ["a", "b", "c"]);
    let room = async {
        // Once those are settled there is room again.
        while bus.publish(stage.message("e")).await.is_err() {}
    };
    soon("room again", room).await;
    assert_eq!(take(&mut consumer, 1).await, ["e"]);
}

pub async fn a_message_too_old_is_gone(stage: Stage) {
    let dead = stage.named("dead");
    let bus = stage.attach().await;
    let graves = stage.queue_named("graves");
    let topology =
        Topology::default().exchange(dead, ExchangeKind::Fanout).queue(graves).bind(dead, stage.named("graves"), "");
    bus.declare(topology).await.expect("declares");
    let queue = Queue { max_age_ms: Some(50), dead_letter: Some(dead.into()), ..stage.queue() };
    let sender = stage.with_queue(queue).await;
    let mut consumer = bus.consume(stage.named("graves"), 1).await.expect("consumes");
    stage.publish(&sender, "a").await;
    let letter = soon("the message dies of age", async {
        loop {
            // The in-process broker ages with whatever is done on it.
            if let Ok(letter) = tokio::time::timeout(std::time::Duration::from_millis(20), consumer.next()).await {
                break letter;
            }
            let _ = bus.consume(stage.named("missing"), 1).await;
        }
    });
    let letter = letter.await.expect("open");
    assert_eq!(letter.headers.get(rollcall_bus::DEATH_REASON).map(String::as_str), Some("expired"));
    assert_eq!(letter.body, b"a");
}
