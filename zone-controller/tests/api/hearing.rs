//! A zone that hears how free its nodes are: RA messages in, targets out over AMQP, alerts and figures; health decides.

use std::time::Duration;

use reqwest::Method;
use rollcall_bus::{Assurance, Bus, Consumer, Outgoing};
use rollcall_model::indicator::Severity;
use rollcall_model::packet::{ChannelMessage, Packet};
use rollcall_model::wire::availability::{KIND, RaMessage};
use rollcall_model::wire::targets::{ANSWER_KIND, REQUEST_KIND, TargetAnswer};
use rollcall_model::{
    AvailabilityKind, AvailabilityKinds, GroupId, NodeId, NodeState, Principal, Purpose, SessionEpoch, UnixMillis,
    name, route,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::stage::{Stage, name as named};

const PATIENCE: Duration = Duration::from_secs(20);
const POLICY: &str = "[settings.availability]\nkinds = \"both\"\nmessages_per_second = 100.0\n";

/// A program of user `ci`.
struct Program {
    bus: Bus,
    answers: Consumer,
    asked: u32,
}

impl Program {
    async fn of(stage: &Stage) -> Self {
        let bus = stage.attach(Principal::User(named("ci")), "user.ci.0".into()).await;
        Self { answers: bus.consume("user.ci.0", 8).await.unwrap(), bus, asked: 0 }
    }

    async fn send(&self, key: &str, body: &Value) {
        let message = Outgoing {
            exchange: route::DIRECT.into(),
            routing_key: key.into(),
            body: serde_json::to_vec(body).unwrap(),
            kind: REQUEST_KIND,
            message_id: None,
            assurance: Assurance::Lossy,
            trace: None,
        };
        self.bus.publish(message).await.unwrap();
    }

    /// Asks until there is an answer; the zone's task may not be there yet.
    async fn ask(&mut self, question: Value) -> TargetAnswer {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.asked += 1;
            let mut body = json!({ "v": 1, "request": self.asked.to_string(), "reply_to": "user.ci.0" });
            body.as_object_mut().unwrap().extend(question.as_object().unwrap().clone());
            self.send("targets.ci", &body).await;
            while let Ok(Some(delivery)) = timeout(Duration::from_millis(500), self.answers.next()).await {
                assert_eq!(delivery.kind, ANSWER_KIND);
                let answer: TargetAnswer = serde_json::from_slice(&delivery.body).unwrap();
                self.answers.ack(delivery).await;
                if answer.request == self.asked.to_string() || answer.request.is_empty() {
                    return answer;
                }
            }
            assert!(Instant::now() < deadline, "no answer to {question}");
        }
    }

    /// Asks until the answer is what is waited for.
    async fn until(&mut self, question: Value, wanted: impl Fn(&TargetAnswer) -> bool) -> TargetAnswer {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.ask(question.clone()).await;
            if wanted(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{question} is still answered {answer:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn speak(stage: &Stage, node: NodeId, epoch: u32) {
    let bus = stage.attach(Principal::Node(node), route::node_inbox(node)).await;
    let kinds = AvailabilityKinds::EMPTY.with(AvailabilityKind::Balance).with(AvailabilityKind::Power);
    let body = RaMessage { node, epoch: SessionEpoch(epoch), kinds }.encode().to_vec();
    let message = Outgoing {
        exchange: route::GROUP.into(),
        routing_key: route::group_key(GroupId::derived_from("rack-a"), route::AVAILABILITY, node),
        body,
        kind: KIND,
        message_id: None,
        assurance: Assurance::Lossy,
        trace: None,
    };
    bus.publish(message).await.unwrap();
    bus.close().await;
}

fn nodes(answer: &TargetAnswer) -> Vec<NodeId> {
    answer.targets.iter().map(|target| target.node).collect()
}

#[tokio::test]
async fn programs_are_told_targets_and_health_decides_who_is_one() {
    let mut stage = Stage::up().await;
    let (one, other) = (stage.node("web-1").await, stage.node("web-2").await);
    let mut program = Program::of(&stage).await;
    let balance = || json!({ "for": "balance" });
    let off = program.ask(balance()).await;
    assert!(off.targets.is_empty() && off.problem.unwrap().contains("availability.kinds"));

    stage.state(&one, 1, NodeState::Healthy).await;
    stage.state(&other, 2, NodeState::Healthy).await;
    assert_eq!(stage.ask(Method::PUT, "/v1/policy", Some(POLICY)).await.0, 200);
    program.until(balance(), |answer| !answer.problem.as_ref().unwrap().contains("availability.kinds")).await;
    speak(&stage, one.node, 1).await;
    speak(&stage, other.node, 1).await;
    let both = program.until(json!({ "for": "balance", "count": 2 }), |answer| answer.targets.len() == 2).await;
    assert_eq!((both.problem, both.targets[0].name.is_some()), (None, true));

    // Of its own group as of any other kind, by name and by id.
    for group in ["rack-a".to_owned(), GroupId::derived_from("rack-a").to_string()] {
        let found = program.ask(json!({ "for": "power", "group": group, "count": 3 })).await;
        assert_eq!(found.targets.len(), 2, "{found:?}");
        assert!(found.problem.unwrap().contains("2 of 3"));
    }
    let nowhere = program.ask(json!({ "for": "balance", "group": "rack-z" })).await;
    assert!(nowhere.problem.unwrap().contains("no group \"rack-z\""));
    let mixed = program.ask(json!({ "for": "mixed" })).await;
    assert!(mixed.problem.unwrap().contains("balance and power"));
    let wrong = program.ask(json!({ "for": "balance", "size": 7 })).await;
    assert!(wrong.problem.unwrap().contains("size must be"));

    stage.state(&one, 3, NodeState::Down).await;
    let found = program.until(json!({ "for": "balance", "count": 2 }), |answer| answer.targets.len() == 1).await;
    assert_eq!(nodes(&found), [other.node]);
    stage.state(&other, 4, NodeState::Suspect).await;
    let none = program.until(balance(), |answer| answer.targets.is_empty()).await;
    assert!(none.problem.unwrap().contains("barred"));
    // Who is well again is one again, by what it said before.
    stage.state(&other, 5, NodeState::Healthy).await;
    program.until(balance(), |answer| nodes(answer) == [other.node]).await;
}

#[tokio::test]
async fn nobody_is_answered_who_asks_in_anothers_name_or_for_anothers_queue() {
    let stage = Stage::up().await;
    let mut program = Program::of(&stage).await;
    program.ask(json!({ "for": "balance" })).await;
    let other = stage.attach(Principal::User(named("ada")), "user.ada.0".into()).await;
    let mut heard = other.consume("user.ada.0", 8).await.unwrap();
    let question = |reply_to: &str| json!({ "v": 1, "request": "x", "for": "balance", "reply_to": reply_to });
    for reply_to in ["user.ada.0", "user.ci.x", "user.ci.00", "zone.joins", "user.ci", ""] {
        program.send("targets.ci", &question(reply_to)).await;
    }
    program.send("targets.ada", &question("user.ada.0")).await;
    let figure = |page: &str, line: &str| page.lines().any(|it| it == line);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (_, _, page) = stage.page("/metrics").await;
        if figure(&page, "rollcall_targets_asked_total{became=\"wrong_reply_to\"} 6")
            && figure(&page, "rollcall_targets_asked_total{became=\"wrong_sender\"} 1")
        {
            break;
        }
        assert!(Instant::now() < deadline, "{page}");
        sleep(Duration::from_millis(50)).await;
    }
    assert!(timeout(Duration::from_millis(50), heard.next()).await.is_err(), "nothing reaches another's queue");
}

#[tokio::test]
async fn what_a_rack_warns_of_is_an_alert_as_long_as_it_lasts() {
    let mut stage = Stage::up().await;
    let warning = |what: &str, group: &str, raised: bool| {
        Packet::ChannelMessage(ChannelMessage {
            channel: Purpose::new(name::ALERTS).unwrap(),
            what: what.into(),
            subject: "web-1".into(),
            severity: Severity::Warning,
            message: "node web-1 sends RA messages faster than its policy allows".into(),
            detail: json!({ "group": GroupId::derived_from(group), "raised": raised }),
            at: UnixMillis(1_700_000_000_000),
        })
    };
    for (what, group) in [("availability_flood", "rack-b"), ("weather", "rack-a"), (name::AVAILABILITY_FLOOD, "rack-a")]
    {
        stage.on_channel("alerts", warning(what, group, true)).await;
        stage.on_channel("alerts", warning(what, group, true)).await;
    }
    let open = |alerts: &Value| {
        let found: Vec<Value> =
            alerts.as_array()?.iter().filter(|it| it["kind"] == "availability_flood").cloned().collect();
        (found.len() == 1).then(|| found[0].clone())
    };
    let alert = stage.until("/v1/alerts", open).await;
    assert_eq!(
        (&alert["group_name"], &alert["state"], &alert["node"]),
        (&json!("rack-a"), &json!("raised"), &Value::Null)
    );
    stage.on_channel("alerts", warning(name::AVAILABILITY_FLOOD, "rack-a", false)).await;
    stage
        .until("/v1/alerts", |alerts| {
            let alert = alerts.as_array()?.iter().find(|it| it["kind"] == "availability_flood")?;
            (alert["state"] == "cleared").then(|| alert.clone())
        })
        .await;
    let (_, events) = stage.get("/v1/events?limit=100").await;
    let kinds: Vec<&str> = events.as_array().unwrap().iter().filter_map(|it| it["kind"].as_str()).collect();
    assert_eq!(kinds.iter().filter(|kind| kind.starts_with("group_warning")).count(), 2, "{kinds:?}");
}
