//! A whole agent on the in-process bus, with a test in place of its check-in service, its rack and its zone.

use std::time::Duration;

use rollcall_bus::{
    Assurance, Attachment, Bus, Connector, Consumer, ExchangeKind, Link, LocalBroker, Outgoing, Overflow, Queue,
    QueueClass, Sender, Topology,
};
use rollcall_discovery::Discovery;
use rollcall_model::packet::{
    Action, ActionKind, ActionOrder, ActionState, Assigned, Assignment, Decision, Membership, NodePolicy, Packet,
    ReadingsRequest,
};
use rollcall_model::policy::{IndicatorSetting, Settings};
use rollcall_model::wire::status::{self, NodeStatus};
use rollcall_model::wire::txt::BrokerEndpoint;
use rollcall_model::wire::v1::Envelope;
use rollcall_model::{
    ActionId, Capability, CheckinId, GroupId, InstanceId, Millis, Name, NodeId, Now, Principal, SessionEpoch,
    UnixMillis, ZoneId, route,
};
use rollcall_node_agent::config::Config;
use rollcall_node_agent::simulated::Machine;
use rollcall_node_agent::{Body, Parts, run};
use rollcall_startup::{Pulse, Shutdown};

/// Everybody but the node.
struct Others {
    /// The zone, a check-in service and the rack, each in its own name.
    voices: [(Bus, Sender); 3],
    heard: Consumer,
    node: NodeId,
}

fn zone() -> ZoneId {
    ZoneId::derived_from("others")
}

async fn voice(connector: &Connector, principal: Principal) -> (Bus, Sender) {
    let inbox = principal.inbox().expect("an inbox");
    let attachment = Attachment { principal, inbox: inbox.clone(), client_name: "others".into(), endpoint: None };
    let bus = connector.attach(attachment).await.expect("attaches");
    bus.link().wait_for(Link::is_up).await.expect("a link");
    (bus, Sender::new(inbox, InstanceId::derived_from("others")))
}

enum Heard {
    Packet(Packet),
    Status(NodeStatus),
}

impl Others {
    async fn attach(connector: &Connector, checkin: CheckinId, group: GroupId, node: NodeId) -> Self {
        let voices = [
            voice(connector, Principal::Zone(zone())).await,
            voice(connector, Principal::Checkin(checkin)).await,
            voice(connector, Principal::Group(group)).await,
        ];
        let bus = &voices[0].0;
        let queue = Queue {
            name: "others".into(),
            class: QueueClass::Classic,
            max_length: 1_000,
            overflow: Overflow::DropHead,
            max_age_ms: None,
            dead_letter: None,
        };
        let topology = Topology::default()
            .exchange(route::DIRECT, ExchangeKind::Topic)
            .exchange(route::PRESENCE, ExchangeKind::Fanout)
            .exchange(route::GROUP, ExchangeKind::Topic)
            .queue(queue)
            .bind(route::DIRECT, "others", &route::checkin_binding(checkin))
            .bind(route::DIRECT, "others", route::READINGS_BINDING)
            .bind(route::PRESENCE, "others", "")
            .bind(route::GROUP, "others", &format!("{group}.#"));
        bus.declare(topology).await.expect("declares");
        let heard = bus.consume("others", 64).await.expect("consumes");
        Self { heard, voices, node }
    }

    async fn say(&mut self, packet: Packet) {
        let who = match packet {
            Packet::ReadingsRequest(_) => 0,
            Packet::Assignment(_) => 1,
            _ => 2,
        };
        let (bus, sender) = &mut self.voices[who];
        let message: Outgoing = sender.confirmed(Now::default(), route::DIRECT, route::node_inbox(self.node), packet);
        assert_eq!(message.assurance, Assurance::Confirmed);
        bus.publish(message).await.expect("the node's inbox takes it");
    }

    /// Waits for something of interest; what comes meanwhile is passed over.
    async fn hear<T>(&mut self, what: &str, mut wanted: impl FnMut(Heard) -> Option<T>) -> T {
        let listen = async {
            loop {
                let delivery = self.heard.next().await.expect("a delivery");
                let heard = if delivery.kind == status::KIND {
                    Heard::Status(NodeStatus::decode(&delivery.body).expect("a status"))
                } else {
                    Heard::Packet(Envelope::decode(&delivery.body).expect("a packet").packet)
                };
                self.heard.ack(delivery).await;
                if let Some(found) = wanted(heard) {
                    return found;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), listen).await.unwrap_or_else(|_| panic!("no {what} in a minute"))
    }
}

fn config(state_dir: &std::path::Path) -> Config {
    let text = format!(
        "zone = \"z\"\ncheckin = \"c\"\nsample_period_ms = 200\nstate_dir = {state_dir:?}\n\
         [probes]\ndeadline_ms = 100\n[actions]\nidentify = true\n[discovery]\nmdns = false\n"
    );
    // In this process, on the in-process bus: there is nobody to prove anything to.
    toml::from_str(&text).expect("a configuration")
}

#[tokio::test]
async fn an_agent_obeys_a_policy_tells_its_readings_and_carries_out_an_order_once() {
    let state = tempfile::tempdir().expect("a directory");
    let (checkin, group) = (CheckinId::derived_from("c"), GroupId::derived_from("rack"));
    let connector = Connector::Local(LocalBroker::new());
    let body = Body::simulated(Machine::generate(1, 1).with_faults_per_minute(0.0));
    let (node, hardware) = (body.identifier.node, body.hardware.clone());
    let mut others = Others::attach(&connector, checkin, group, node).await;
    let parts = Parts {
        connector,
        seed: BrokerEndpoint { host: "b".into(), port: 1, vhost: "v".into() },
        checkin: Some(checkin),
        discovery: Discovery::off(),
        pulse: Pulse::default(),
    };
    let shutdown = Shutdown::new();
    let agent = tokio::spawn(run(config(state.path()), body, parts, shutdown.clone()));

    let subscription = others
        .hear("subscription", |heard| match heard {
            Heard::Packet(Packet::NodeSubscription(subscription)) => Some(subscription),
            _ => None,
        })
        .await;
    assert_eq!((subscription.epoch, &subscription.hardware), (SessionEpoch(0), &hardware));
    let instance = subscription.instance;
    let capability = Capability::of(&hardware, &[]);
    let assigned = Assigned {
        epoch: SessionEpoch(7),
        group: capability.group_id(),
        group_name: capability.group_name(),
        capability,
        channels: vec![],
    };
    let decision = Decision::Accepted(assigned);
    others.say(Packet::Assignment(Assignment { zone: None, node, instance, decision })).await;
    let group_name = Name::new("rack").expect("a name");
    let keep_alive = Millis(1_000);
    others
        .say(Packet::Membership(Membership {
            node,
            instance,
            group,
            group_name,
            channels: vec![],
            keep_alive,
            seal: None,
        }))
        .await;

    let off = IndicatorSetting { enabled: Some(false), ..IndicatorSetting::default() };
    let settings = Settings {
        keep_alive_ms: Some(400),
        metrics_period_ms: Some(1_000),
        indicators: [("fan".to_owned(), off)].into(),
        ..Settings::default()
    };
    others
        .say(Packet::NodePolicy(NodePolicy {
            group,
            version: 3,
            settings,
            allowed_actions: vec![ActionKind::Identify],
        }))
        .await;
    let ack = others
        .hear("acknowledgement", |heard| match heard {
            Heard::Packet(Packet::NodePolicyAck(ack)) => Some(ack),
            _ => None,
        })
        .await;
    assert_eq!((ack.version, ack.epoch, ack.problem), (3, SessionEpoch(7), None));
    others
        .hear("status that obeys", |heard| match heard {
            Heard::Status(status) => {
                (status.health.mask().get(17) && status.longest_silence == Millis(1_400)).then_some(())
            }
            Heard::Packet(_) => None,
        })
        .await;
    let readings = others
        .hear("metrics", |heard| match heard {
            Heard::Packet(Packet::Metrics(metrics)) => Some(metrics.readings),
            _ => None,
        })
        .await;
    assert!(readings.contains_key("cpu_temperature") && !readings.contains_key("fan"), "{readings:?}");

    others.say(Packet::ReadingsRequest(ReadingsRequest { request: 5 })).await;
    let readings = others
        .hear("readings", |heard| match heard {
            Heard::Packet(Packet::Readings(readings)) => Some(readings),
            _ => None,
        })
        .await;
    assert_eq!((readings.request, readings.policy, readings.indicators.len()), (5, 3, 24));
    assert_eq!(readings.indicators[17].reason.as_deref(), Some("switched off by policy 3"));

    let order = ActionOrder {
        action_id: ActionId::derived_from("a"),
        group,
        node,
        action: Action::Identify { seconds: 60 },
        automatic: false,
        deadline: UnixMillis(u64::MAX),
        time_limit_ms: 10_000,
    };
    for _ in 0..2 {
        others.say(Packet::ActionOrder(order.clone())).await;
        others
            .hear("outcome", |heard| match heard {
                Heard::Packet(Packet::ActionOutcome(outcome)) => (outcome.state == ActionState::Done).then_some(()),
                _ => None,
            })
            .await;
    }
    shutdown.request();
    agent.await.expect("no panic").expect("a clean end");
    let journal = std::fs::read_to_string(state.path().join("actions.journal")).expect("a journal");
    assert_eq!(journal.lines().filter(|line| line.contains("begun")).count(), 1, "{journal}");
}
