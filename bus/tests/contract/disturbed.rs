//! A broker that is killed and halted while it is used.

use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rollcall_bus::private_broker::PrivateBroker;
use rollcall_bus::{DownCause, Link, Outgoing, PublishError, Queue, QueueClass, RabbitSettings};
use rollcall_model::route;

use crate::stage::{Stage, disturbed, hasty, link, next, soon, take, text};

/// RabbitMQ writes a new quorum queue's registration down some time after it has answered. Killed before, it comes
/// back with a queue that never gets a leader, and no client can change that.
async fn registered(broker: &PrivateBroker, queue: &str) {
    let data = broker.log().parent().expect("its directory").join("mnesia");
    let written = || {
        let names = glob(&data, &["", "quorum", "", "names.dets"]);
        names.iter().any(|file| contains(&std::fs::read(file).unwrap_or_default(), queue.as_bytes()))
    };
    soon("the quorum queue is registered", async {
        while !written() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// Paths below `root`; an empty part stands for any name.
fn glob(root: &Path, parts: &[&str]) -> Vec<PathBuf> {
    let Some((first, rest)) = parts.split_first() else { return vec![root.to_owned()] };
    let below: Vec<PathBuf> = if first.is_empty() {
        std::fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    } else {
        vec![root.join(first)]
    };
    below.iter().flat_map(|path| glob(path, rest)).collect()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test]
async fn after_a_killed_broker_comes_back_consumers_and_publishers_go_on() {
    let mut broker = disturbed().await;
    let stage = Stage::on("killed", hasty(broker.url()));
    let class = QueueClass::Quorum { delivery_limit: 5 };
    let bus = stage.with_queue(Queue { class, ..stage.queue() }).await;
    let mut consumer = bus.consume(stage.named("q"), 10).await.expect("consumes");
    let mut inbox = bus.consume(bus.inbox(), 10).await.expect("consumes");
    stage.publish(&bus, "ab").await;
    let a = next(&mut consumer).await;
    assert_eq!(text(&a), "a");

    registered(&broker, stage.named("q")).await;
    broker.kill().await;
    let lost = |link: &Link| matches!(link, Link::Down { refused: DownCause::Lost | DownCause::Unreachable, .. });
    link(&bus, "lost", lost).await;
    let started = Instant::now();
    assert_eq!(bus.publish(stage.message("x")).await, Err(PublishError::Disconnected));
    assert!(started.elapsed() < Duration::from_millis(500), "a publisher does not wait for the outage to end");

    broker.restart().await.expect("restarts");
    link(&bus, "up again", |link| matches!(link, Link::Up { generation } if *generation > 1)).await;
    // Of the last connection: passed over.
    consumer.ack(a).await;
    stage.publish(&bus, "c").await;
    // What was confirmed and not settled is still there.
    let mut seen = take(&mut consumer, 3).await;
    seen.sort();
    assert_eq!(seen, ["a", "b", "c"]);
    let message =
        Outgoing { exchange: route::DIRECT.into(), routing_key: bus.inbox().into(), ..stage.message("inbox") };
    bus.publish(message).await.expect("the inbox is declared and bound again");
    assert_eq!(take(&mut inbox, 1).await, ["inbox"]);
}

#[tokio::test]
async fn a_halted_broker_is_noticed_and_nobody_waits_for_it() {
    let broker = disturbed().await;
    let settings = RabbitSettings {
        echo_period_ms: 500,
        echo_deadline_ms: 1_500,
        confirm_deadline_ms: 500,
        connect_timeout_ms: 1_000,
        ..hasty(broker.url())
    };
    let stage = Stage::on("halted", settings);
    let bus = stage.with_queue(stage.queue()).await;
    let mut consumer = bus.consume(stage.named("q"), 10).await.expect("consumes");
    stage.publish(&bus, "a").await;
    assert_eq!(take(&mut consumer, 1).await, ["a"]);
    let mut proven = bus.proven();
    for _ in 0..2 {
        soon("echoes prove the way", proven.changed()).await.expect("the bus is there");
    }

    broker.pause();
    let halted = Instant::now();
    assert_eq!(bus.publish(stage.message("b")).await, Err(PublishError::Unconfirmed(500)));
    assert!(halted.elapsed() < Duration::from_millis(1_000), "confirmed or not by the deadline");
    let down = link(&bus, "down", |link| matches!(link, Link::Down { .. })).await;
    assert!(matches!(down, Link::Down { refused: DownCause::EchoSilent, .. }), "{down:?}");
    assert!(halted.elapsed() < Duration::from_millis(2_500), "noticed after {:?}", halted.elapsed());
    assert_eq!(bus.publish(stage.message("x")).await, Err(PublishError::Disconnected));

    let last = proven.borrow_and_update().expect("it was proven once").into_std();
    assert!(last <= halted + Duration::from_millis(50), "a halted broker proves nothing");

    broker.resume();
    link(&bus, "up again", |link| matches!(link, Link::Up { generation } if *generation > 1)).await;
    soon("the way is proven anew", proven.changed()).await.expect("the bus is there");
    stage.publish(&bus, "c").await;
    // "b" was sent before anyone knew: it may or may not have arrived.
    let last = soon("c arrives", async {
        loop {
            let delivery = consumer.next().await.expect("open");
            let body = text(&delivery);
            consumer.ack(delivery).await;
            if body != "b" {
                break body;
            }
        }
    });
    assert_eq!(last.await, "c");
}

#[tokio::test]
async fn a_busy_inbox_does_not_make_the_echo_silent() {
    let broker = disturbed().await;
    let settings = RabbitSettings { echo_period_ms: 100, echo_deadline_ms: 300, ..hasty(broker.url()) };
    let stage = Stage::on("busy", settings);
    let bus = stage.attach().await;
    let mut inbox = bus.consume(bus.inbox(), 1).await.expect("consumes");
    let message = Outgoing { exchange: route::DIRECT.into(), routing_key: bus.inbox().into(), ..stage.message("work") };
    bus.publish(message).await.expect("taken");
    let held = next(&mut inbox).await;
    // The handler takes its time: many echoes cannot be delivered meanwhile.
    let link_changed = async {
        let mut link = bus.link();
        link.mark_unchanged();
        link.changed().await
    };
    assert!(tokio::time::timeout(Duration::from_secs(2), link_changed).await.is_err(), "{:?}", bus.link().borrow());
    inbox.ack(held).await;
}

#[tokio::test]
async fn what_could_not_be_parked_comes_again() {
    let broker = disturbed().await;
    let settings = RabbitSettings { confirm_deadline_ms: 500, echo_period_ms: 60_000, ..hasty(broker.url()) };
    let stage = Stage::on("parking", settings);
    let bus = stage.with_queue(stage.queue()).await;
    let mut consumer = bus.consume(stage.named("q"), 1).await.expect("consumes");
    stage.publish(&bus, "a").await;
    let delivery = next(&mut consumer).await;
    broker.pause();
    consumer.park(delivery, "the broker is halted").await;
    broker.resume();
    let again = next(&mut consumer).await;
    assert!(again.redelivered && text(&again) == "a");
}

#[tokio::test]
async fn a_fleet_that_connects_at_once_is_not_turned_away() {
    const FLEET: usize = 500;
    let broker = disturbed().await;
    // What nobody accepts has to wait; with RabbitMQ's own room for 128 the rest would be dropped.
    broker.pause();
    let address = (Ipv4Addr::LOCALHOST, broker.port()).into();
    let connect = |_| TcpStream::connect_timeout(&address, Duration::from_millis(500));
    let connected: Vec<TcpStream> = (0..FLEET).map_while(|number| connect(number).ok()).collect();
    broker.resume();
    assert_eq!(connected.len(), FLEET);
}
