use rollcall_model::{Principal, Tick, ZoneId, route};

use super::{Broker, ConsumerId, SessionId};
use crate::delivery::{DEATH_REASON, PARKED_REASON};
use crate::topology::inbox_topology;
use crate::{
    Assurance, ConsumeError, DeclareError, EVENT_EXCHANGE, ExchangeKind, Outgoing, Overflow, PublishError,
    QUEUE_DELETED, Queue, QueueClass, QueueGone, Topology,
};

fn me() -> Principal {
    Principal::Zone(ZoneId::derived_from("z"))
}

fn queue(name: &str) -> Queue {
    Queue {
        name: name.into(),
        class: QueueClass::Classic,
        max_length: 100,
        overflow: Overflow::DropHead,
        max_age_ms: None,
        dead_letter: None,
    }
}

fn message(key: &str, body: &str) -> Outgoing {
    Outgoing {
        exchange: "x".into(),
        routing_key: key.into(),
        body: body.into(),
        kind: "test",
        message_id: None,
        assurance: Assurance::Confirmed,
        trace: None,
    }
}

fn with(queue: Queue) -> (Broker, SessionId) {
    let mut broker = Broker::new();
    let session = broker.connect(&me());
    let name = queue.name.clone();
    let topology = Topology::default().exchange("x", ExchangeKind::Direct).queue(queue).bind("x", &name, "k");
    assert_eq!(broker.declare(session, &topology), Ok(vec![]));
    (broker, session)
}

fn publish(broker: &mut Broker, session: SessionId, bodies: &str) {
    for body in bodies.chars() {
        broker.publish(session, Tick(0), message("k", &body.to_string())).expect("taken");
    }
}

fn drain(broker: &mut Broker, consumer: ConsumerId) -> String {
    let mut text = String::new();
    while let Some(delivery) = broker.next(consumer) {
        text += std::str::from_utf8(&delivery.body).expect("text");
    }
    text
}

#[test]
fn prefetch_bounds_what_is_out_and_an_ack_lets_the_next_one_come() {
    let (mut broker, session) = with(queue("q"));
    let consumer = broker.consume(session, "q", 2).expect("consumes");
    publish(&mut broker, session, "abc");
    let first = broker.next(consumer).expect("a");
    let _second = broker.next(consumer).expect("b");
    assert!(broker.next(consumer).is_none());
    broker.ack(first.receipt());
    assert_eq!(drain(&mut broker, consumer), "c");
}

#[test]
fn consumers_of_one_queue_take_turns() {
    let (mut broker, session) = with(queue("q"));
    let one = broker.consume(session, "q", 10).expect("consumes");
    let two = broker.consume(session, "q", 10).expect("consumes");
    publish(&mut broker, session, "abcd");
    assert_eq!((drain(&mut broker, one).as_str(), drain(&mut broker, two).as_str()), ("ac", "bd"));
    assert_eq!(broker.take_ready(), vec![one, two]);
}

#[test]
fn requeued_messages_come_back_first_and_in_their_order() {
    let (mut broker, session) = with(queue("q"));
    let consumer = broker.consume(session, "q", 2).expect("consumes");
    publish(&mut broker, session, "abc");
    let (a, b) = (broker.next(consumer).expect("a"), broker.next(consumer).expect("b"));
    broker.cancel(consumer);
    broker.ack(a.receipt());
    broker.requeue(b.receipt());
    let again = broker.consume(session, "q", 10).expect("consumes");
    let first = broker.next(again).expect("a again");
    assert!(first.redelivered && first.body == b"a");
    assert_eq!(drain(&mut broker, again), "bc");
}

#[test]
fn a_full_queue_drops_its_oldest_or_refuses_the_newest_as_declared() {
    let (mut broker, session) = with(Queue { max_length: 2, ..queue("q") });
    publish(&mut broker, session, "abc");
    let consumer = broker.consume(session, "q", 10).expect("consumes");
    assert_eq!(drain(&mut broker, consumer), "bc");

    let (mut broker, session) = with(Queue { max_length: 2, overflow: Overflow::RejectPublish, ..queue("q") });
    publish(&mut broker, session, "ab");
    assert!(matches!(broker.publish(session, Tick(0), message("k", "c")), Err(PublishError::Refused { .. })));
    let lossy = Outgoing { assurance: Assurance::Lossy, ..message("k", "d") };
    assert_eq!(broker.publish(session, Tick(0), lossy), Ok(()));
    assert_eq!(broker.waiting("q"), Some(2));
}

#[test]
fn a_message_too_old_is_dropped_even_without_traffic() {
    let (mut broker, session) = with(Queue { max_age_ms: Some(100), ..queue("q") });
    publish(&mut broker, session, "a");
    broker.advance(Tick(99));
    assert_eq!(broker.waiting("q"), Some(1));
    broker.advance(Tick(100));
    assert_eq!(broker.waiting("q"), Some(0));
}

#[test]
fn a_quorum_queue_gives_a_message_up_after_its_delivery_limit_and_says_why() {
    let spec =
        Queue { class: QueueClass::Quorum { delivery_limit: 2 }, dead_letter: Some("dead".into()), ..queue("q") };
    let (mut broker, session) = with(spec);
    let dead = Topology::default().exchange("dead", ExchangeKind::Fanout).queue(queue("d")).bind("dead", "d", "");
    broker.declare(session, &dead).expect("declared");
    publish(&mut broker, session, "a");
    let consumer = broker.consume(session, "q", 1).expect("consumes");
    for _ in 0..3 {
        let delivery = broker.next(consumer).expect("delivered thrice");
        broker.requeue(delivery.receipt());
    }
    assert!(broker.next(consumer).is_none());
    let letters = broker.consume(session, "d", 1).expect("consumes");
    let letter = broker.next(letters).expect("dead letter");
    assert_eq!(letter.headers.get(DEATH_REASON).map(String::as_str), Some("delivery_limit"));
    assert_eq!(letter.routing_key, "k");
}

#[test]
fn dead_letters_do_not_go_round_in_circles() {
    let spec = Queue { max_length: 1, dead_letter: Some("x".into()), ..queue("q") };
    let (mut broker, session) = with(spec);
    publish(&mut broker, session, "abc");
    assert_eq!(broker.waiting("q"), Some(1));
}

#[test]
fn an_inbox_belongs_to_one_session_and_its_end_is_told() {
    let (mut broker, watcher) = with(queue("events"));
    let events = Topology::default().bind_if_present(EVENT_EXCHANGE, "events", QUEUE_DELETED);
    assert_eq!(broker.declare(watcher, &events), Ok(vec![]));
    let owner = broker.connect(&me());
    broker.declare(owner, &inbox_topology("inbox.a", &me())).expect("declared");
    let locked = DeclareError::Locked { queue: "inbox.a".into() };
    assert_eq!(broker.declare(watcher, &inbox_topology("inbox.a", &me())), Err(locked));
    assert_eq!(broker.consume(watcher, "inbox.a", 1), Err(ConsumeError::Locked { queue: "inbox.a".into() }));
    broker.disconnect(owner);
    assert_eq!(broker.waiting("inbox.a"), None);
    let consumer = broker.consume(watcher, "events", 1).expect("consumes");
    let event = broker.next(consumer).expect("told");
    assert_eq!(event.routing_key, QUEUE_DELETED);
    assert_eq!(QueueGone::told_by(&event), Some(QueueGone { name: "inbox.a", with_its_node: false }));
    broker.ack(event.receipt());
    let owner = broker.connect(&me());
    broker.declare(owner, &inbox_topology("inbox.a", &me())).expect("declared again");
    broker.lose(owner);
    let event = broker.next(consumer).expect("told again");
    assert_eq!(QueueGone::told_by(&event), Some(QueueGone { name: "inbox.a", with_its_node: true }));
}

#[test]
fn what_nobody_takes_is_returned_and_a_missing_exchange_is_named() {
    let (mut broker, session) = with(queue("q"));
    assert!(matches!(broker.publish(session, Tick(0), message("other", "a")), Err(PublishError::Unroutable { .. })));
    let nowhere = Outgoing { exchange: "nowhere".into(), ..message("k", "a") };
    assert_eq!(broker.publish(session, Tick(0), nowhere), Err(PublishError::NoExchange { exchange: "nowhere".into() }));
    let long = message(&"k".repeat(256), "a");
    assert!(matches!(broker.publish(session, Tick(0), long), Err(PublishError::TooLong { bytes: 256, .. })));
    broker.publish(session, Tick(0), Outgoing { exchange: "".into(), ..message("q", "b") }).expect("default exchange");
    assert_eq!(broker.waiting("q"), Some(1));
}

#[test]
fn declaring_what_contradicts_is_refused_and_optional_bindings_may_be_missing() {
    let (mut broker, session) = with(queue("q"));
    let other = Topology::default().queue(Queue { max_length: 5, ..queue("q") });
    assert!(matches!(broker.declare(session, &other), Err(DeclareError::Refused { .. })));
    let kind = Topology::default().exchange("x", ExchangeKind::Fanout);
    assert!(matches!(broker.declare(session, &kind), Err(DeclareError::Refused { .. })));
    let optional = Topology::default().bind_if_present("plugin", "q", "#");
    assert_eq!(broker.declare(session, &optional), Ok(optional.bindings.clone()));
}

#[test]
fn a_parked_message_says_why_and_is_requeued_when_nobody_keeps_parked_ones() {
    let (mut broker, session) = with(queue("q"));
    publish(&mut broker, session, "a");
    let consumer = broker.consume(session, "q", 1).expect("consumes");
    let delivery = broker.next(consumer).expect("a");
    broker.park(Tick(1), &delivery, "no such node");
    let delivery = broker.next(consumer).expect("requeued, not lost");
    assert!(delivery.redelivered);
    let parked = Topology::default()
        .exchange(route::PARKED, ExchangeKind::Fanout)
        .queue(queue(route::PARKED_QUEUE))
        .bind(route::PARKED, route::PARKED_QUEUE, "");
    broker.declare(session, &parked).expect("declared");
    broker.park(Tick(1), &delivery, "no such node");
    assert!(broker.next(consumer).is_none());
    let keeper = broker.consume(session, route::PARKED_QUEUE, 1).expect("consumes");
    let kept = broker.next(keeper).expect("parked");
    assert_eq!(kept.headers.get(PARKED_REASON).map(String::as_str), Some("no such node"));
}

#[test]
fn settling_up_to_a_delivery_settles_all_before_it() {
    let (mut broker, session) = with(queue("q"));
    publish(&mut broker, session, "abcd");
    let consumer = broker.consume(session, "q", 3).expect("consumes");
    let _a = broker.next(consumer);
    let b = broker.next(consumer).expect("b");
    broker.ack_up_to(b.receipt());
    assert_eq!(drain(&mut broker, consumer), "cd");
    broker.disconnect(session);
    assert_eq!(broker.waiting("q"), Some(2));
}
