//! What each principal may do on a real, secured RabbitMQ: every AMQP operation on everything there is, tried by a node, a
//! group controller, a check-in service and a user of the API. What their rights do not name has to be refused by the broker, and told on
//! its log exchange.
//!
//! The broker is a private one of this machine's RabbitMQ; with `ROLLCALL_TEST_RABBITMQ_ROOT` that of another root
//! directory, entered with chroot (`scripts/rabbitmq4` makes one with RabbitMQ 4).

#![allow(clippy::print_stdout, reason = "figures and tables are for people")]

#[path = "../site/mod.rs"]
mod site;
mod tries;
mod world;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::StreamExt;
use lapin::options::{BasicConsumeOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Connection, Consumer};
use rollcall_bus::Rights;
use rollcall_bus::audit::{LOG_ERRORS, LOG_EXCHANGE, Refusal};
use rollcall_model::{Principal, route};

use site::Secured;
use tries::{Outcome, Try};
use world::{EXCHANGES, catalogue, checkin, connect, everybody, group, node, queues_of, zone};

/// Channels of one connection. The client library gives a number again after the 2047th, with the error of the one that had
/// it before.
const CHANNELS: usize = 2_000;
/// Longest wait for the last line of the broker's log.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_not_its_own_is_refused_to_everybody_and_told() {
    let secured = Secured::start(&format!("rollcall-rights-{}", std::process::id())).await;
    let zone_connection = world::build(&secured).await;
    let mut told = listen(&zone_connection).await;
    for who in everybody().into_iter().filter(is_tried) {
        let user = who.user_in(zone());
        let rights = Rights::of(&who, zone());
        let mut tried = Vec::new();
        let all: Vec<Try> = catalogue(&who).into_iter().chain(forgeries(&who)).collect();
        for some in all.chunks(CHANNELS) {
            let connection = connect(&secured, &who).await;
            for what in some {
                tried.push((what.clone(), what.run(&connection).await));
            }
            connection.close(200, "done".into()).await.expect("closed");
        }
        print_table(&who, &tried);
        let wrong: Vec<_> =
            tried.iter().filter(|(what, outcome)| (*outcome == Outcome::Allowed) != what.is_allowed(&rights)).collect();
        assert!(wrong.is_empty(), "{who}: not as its rights have it: {wrong:#?}");
        let foreign: Vec<_> =
            tried.iter().filter(|(what, outcome)| *outcome == Outcome::Allowed && !is_own(what, &who)).collect();
        assert!(foreign.is_empty(), "{who}: allowed on what is not its own: {foreign:#?}");
        let refused = tried.iter().filter(|(_, outcome)| *outcome != Outcome::Allowed).count();
        let heard = hear(&mut told, &user, refused).await;
        println!("{who}: {} operations tried, {refused} refused, {heard} refusals told on {LOG_EXCHANGE}", tried.len());
        assert_eq!(heard, refused, "{who}: every refusal is told");
    }
    secured.stop().await;
}

/// One of each kind but the zone, which may everything.
fn is_tried(who: &Principal) -> bool {
    let one = [Principal::Node(node("a")), Principal::Checkin(checkin("a")), Principal::Group(group("a"))];
    one.contains(who) || matches!(who, Principal::User(_))
}

/// In another's name; the broker has a code of its own for it.
fn forgeries(who: &Principal) -> [Try; 1] {
    let key = who.inbox().unwrap_or_default();
    [Try::PublishAs { exchange: route::DIRECT.into(), key, user: Principal::Node(node("b")).user_in(zone()) }]
}

/// The reader's own list, beside the regular expressions: what somebody may do touches its own queues, or is said in its
/// own name, or to those it has to speak to.
fn is_own(what: &Try, who: &Principal) -> bool {
    let (own, id) = (queues_of(who), who.id());
    let service = matches!(who, Principal::Group(_) | Principal::Checkin(_));
    match what {
        Try::Declare { queue }
        | Try::DeclareBurying { queue, .. }
        | Try::Consume { queue }
        | Try::Get { queue }
        | Try::Purge { queue }
        | Try::Delete { queue } => own.contains(queue),
        Try::Bind { queue, exchange, key } | Try::Unbind { queue, exchange, key } => {
            let hears =
                matches!(who, Principal::User(_)) && exchange == route::GROUP && key == route::AVAILABILITY_BINDING;
            own.contains(queue)
                && (hears
                    || key.contains(&id)
                    || [route::PRESENCE, route::EVENTS, "amq.rabbitmq.event"].contains(&&**exchange))
        }
        Try::Publish { exchange, key } => match exchange.as_str() {
            route::PRESENCE => !service,
            route::PARKED => service,
            route::DIRECT => {
                let answers = key == route::JOINS || key.starts_with("inbox.node.") || key.starts_with("inbox.zone.");
                key.contains(&id) || (service && answers)
            }
            _ => key.ends_with(&id),
        },
        // RabbitMQ lets whoever may read one exchange and write another tie them together, for the keys it may read: a node
        // can have copies of what is sent to its own inbox go where it may publish itself. It cannot be forbidden. A user can
        // have copies of events go where it asks for targets: no event's kind is the first word of a key that is bound there.
        Try::Tie { to, from, key } | Try::Untie { to, from, key } => {
            let events = matches!(who, Principal::User(_)) && from == route::EVENTS && to == route::DIRECT;
            events || ((service || key.contains(&id)) && EXCHANGES[..5].contains(&to.as_str()))
        }
        Try::DeclareExchange { .. } | Try::DeleteExchange { .. } | Try::PublishAs { .. } => false,
    }
}

/// By operation and object: how many were allowed, refused, and failed otherwise.
fn print_table(who: &Principal, tried: &[(Try, Outcome)]) {
    let mut rows: BTreeMap<(&str, String), [usize; 3]> = BTreeMap::new();
    for (what, outcome) in tried {
        let row = rows.entry(what.words()).or_default();
        row[match outcome {
            Outcome::Allowed => 0,
            Outcome::Refused => 1,
            Outcome::Failed(_) => 2,
        }] += 1;
    }
    println!("{who}\n{:<30} {:<60} allowed refused failed", "operation", "on");
    for ((operation, object), [allowed, refused, failed]) in rows {
        println!("{operation:<30} {object:<60} {allowed:>7} {refused:>7} {failed:>6}");
    }
}

/// What the zone does to hear of refusals.
async fn listen(connection: &Connection) -> Consumer {
    let channel = connection.create_channel().await.expect("a channel");
    let exclusive = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    channel.queue_declare("heard.refusals".into(), exclusive, FieldTable::default()).await.expect("declared");
    // The broker makes the exchange a moment after it is ready.
    let bound = Try::Bind { queue: "heard.refusals".into(), exchange: LOG_EXCHANGE.into(), key: LOG_ERRORS.into() };
    let until = Instant::now() + PATIENCE;
    while bound.run(connection).await != Outcome::Allowed {
        assert!(Instant::now() < until, "the broker tells no refusals");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let consumed = channel.basic_consume("heard.refusals".into(), "audit".into(), options, FieldTable::default());
    consumed.await.expect("consumes")
}

/// Counts the refusals of one user, until there are as many as there should be.
async fn hear(told: &mut Consumer, user: &str, wanted: usize) -> usize {
    let until = Instant::now() + PATIENCE;
    let mut heard = 0;
    while heard < wanted {
        let next = tokio::time::timeout(until.saturating_duration_since(Instant::now()), told.next()).await;
        let Ok(Some(Ok(delivery))) = next else { break };
        let line = String::from_utf8_lossy(&delivery.data);
        match Refusal::of_line(&line) {
            Some(refusal) if refusal.user.as_deref() == Some(user) => heard += 1,
            Some(refusal) => println!("somebody else's: {refusal:?}"),
            None => println!("not a refusal: {line}"),
        }
    }
    heard
}
