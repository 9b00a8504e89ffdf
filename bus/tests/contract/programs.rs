//! A program of a user's on a secured RabbitMQ, with the rights of a user: it hears RA messages and asks the zone for targets.

use rollcall_bus::{
    Assurance, Attachment, Bus, Connector, ExchangeKind, Link, Outgoing, Overflow, Queue, QueueClass, Rights, Spoken,
    Topology, Word, spoken,
};
use rollcall_model::wire::availability::{KIND, RaMessage};
use rollcall_model::wire::targets::{ANSWER_KIND, REQUEST_KIND};
use rollcall_model::{
    AvailabilityKind, AvailabilityKinds, GroupId, Name, NodeId, Principal, SessionEpoch, ZoneId, route,
};

use crate::stage::{hasty, link, next, secured, soon};

fn home() -> ZoneId {
    ZoneId::derived_from("programs")
}

/// Somebody with the rights that are theirs.
async fn attach(principal: &Principal, inbox: &str) -> Bus {
    let (secured, user) = (secured().await, principal.user_in(home()));
    secured.admin().admit(&[(user.clone(), Rights::of(principal, home()))]).await.expect("admitted");
    let settings = hasty(secured.broker.url());
    let connector = Connector::Secure { settings, identity: secured.site.identity(&user) };
    let attachment =
        Attachment { principal: principal.clone(), inbox: inbox.into(), client_name: "t".into(), endpoint: None };
    let bus = connector.attach(attachment).await.expect("attaches");
    link(&bus, "it is up", Link::is_up).await;
    bus
}

fn queue(name: &str) -> Queue {
    Queue {
        name: name.into(),
        class: QueueClass::Classic,
        max_length: 100,
        overflow: Overflow::DropHead,
        max_age_ms: Some(2_000),
        dead_letter: None,
    }
}

fn lossy(exchange: &'static str, key: String, kind: &'static str, body: &[u8]) -> Outgoing {
    let (exchange, routing_key, body) = (exchange.into(), key, body.to_vec());
    Outgoing { exchange, routing_key, body, kind, message_id: None, assurance: Assurance::Lossy, trace: None }
}

#[tokio::test]
async fn a_program_of_a_user_hears_who_is_free_and_asks_for_targets() {
    let zone = attach(&Principal::Zone(home()), &route::zone_inbox(home())).await;
    let asked = Topology::default().exchange(route::GROUP, ExchangeKind::Topic).queue(queue("programs.targets")).bind(
        route::DIRECT,
        "programs.targets",
        route::TARGETS_BINDING,
    );
    zone.declare(asked).await.expect("declared");
    let name = Name::new("ci").expect("a name");
    let program = attach(&Principal::User(name.clone()), "user.ci.0").await;
    let heard = Topology::default()
        .expect_exchange(route::GROUP)
        .queue(queue("user.ci.1"))
        .bind(route::GROUP, "user.ci.1", route::AVAILABILITY_BINDING)
        .bind(route::GROUP, "user.ci.1", route::AUDIBLE_BINDING);
    soon("its own queue is declared", program.declare(heard)).await.expect("declared");
    let mut words = program.consume("user.ci.1", 8).await.expect("consumes");
    let mut answers = program.consume("user.ci.0", 8).await.expect("consumes");

    let (node, group) = (NodeId::derived_from("n"), GroupId::derived_from("g"));
    let kinds = AvailabilityKinds::EMPTY.with(AvailabilityKind::Balance);
    let speaker = attach(&Principal::Node(node), &route::node_inbox(node)).await;
    let body = RaMessage { node, epoch: SessionEpoch(1), kinds }.encode();
    let key = route::group_key(group, route::AVAILABILITY, node);
    speaker.publish(lossy(route::GROUP, key, KIND, &body)).await.expect("sent");
    let delivery = next(&mut words).await;
    let said = Spoken { node, epoch: SessionEpoch(1), word: Word::Free(kinds) };
    assert_eq!(spoken(&delivery, program.checks_users()), Ok(said));
    words.ack(delivery).await;

    let mut questions = zone.consume("programs.targets", 8).await.expect("consumes");
    program.publish(lossy(route::DIRECT, route::targets_key(&name), REQUEST_KIND, b"{}")).await.expect("sent");
    let question = next(&mut questions).await;
    assert_eq!((question.kind.as_str(), question.routing_key.as_str()), (REQUEST_KIND, "targets.ci"));
    assert_eq!(question.user_id.as_deref(), Some(Principal::User(name).user_in(home()).as_str()));
    questions.ack(question).await;
    zone.publish(lossy("", "user.ci.0".into(), ANSWER_KIND, b"{}")).await.expect("sent");
    let answer = next(&mut answers).await;
    assert_eq!((answer.kind.as_str(), answer.exchange.as_str()), (ANSWER_KIND, ""));
    answers.ack(answer).await;
    for bus in [program, speaker, zone] {
        bus.close().await;
    }
}
