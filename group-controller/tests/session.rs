//! A group's real loop on the in-process bus, with this test as its zone and its nodes.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use rollcall_bus::{
    Attachment, Bus, Connector, Consumer, ExchangeKind, LocalBroker, Overflow, PARKED_REASON, Queue, QueueClass,
    Sender, Topology,
};
use rollcall_discovery::Discovery;
use rollcall_group_controller::core::Settings;
use rollcall_group_controller::driver::Session;
use rollcall_group_controller::launcher::{CheckinService, InProcess, Launcher, Life};
use rollcall_model::packet::{
    ActionOutcome, ActionState, CheckinOrder, CheckinPlaced, Metrics, NodePolicyAck, Packet, PolicyUpdate, Roster,
    RosterMember, ZoneSubscriber,
};
use rollcall_model::wire::v1::Envelope;
use rollcall_model::{
    ActionId, GroupId, Health, HealthBits, InstanceId, Millis, Name, NodeId, NodeState, Now, Principal, SessionEpoch,
    UnixMillis, ZoneId, route,
};
use rollcall_startup::{Clock, Shutdown};
use tokio::sync::mpsc;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);
const SESSION: u32 = 1;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn group(rack: usize) -> GroupId {
    GroupId::derived_from(&format!("rack-{rack}"))
}

fn node(rack: usize, number: usize) -> NodeId {
    NodeId::derived_from(&format!("{rack} {number}"))
}

fn zone_id() -> ZoneId {
    ZoneId::derived_from("zone")
}

/// The zone's end of the bus.
struct Zone {
    connector: Connector,
    bus: Bus,
    sender: Sender,
}

async fn attach(connector: &Connector, principal: Principal) -> Bus {
    let inbox = principal.inbox().expect("an inbox");
    let attachment = Attachment { principal, inbox, client_name: "test".into(), endpoint: None };
    connector.attach(attachment).await.unwrap()
}

impl Zone {
    async fn new() -> Self {
        let connector = Connector::Local(LocalBroker::new());
        let bus = attach(&connector, Principal::Zone(zone_id())).await;
        let exchanges = Topology::default()
            .exchange(route::PRESENCE, ExchangeKind::Fanout)
            .exchange(route::GROUP, ExchangeKind::Topic)
            .exchange(route::ZONE, ExchangeKind::Topic)
            .exchange(route::PARKED, ExchangeKind::Fanout);
        bus.declare(exchanges).await.unwrap();
        Self { connector, bus, sender: Sender::new(route::zone_inbox(zone_id()), InstanceId::derived_from("zone")) }
    }

    async fn listen(&self, queue: &str, exchange: &str, key: &str) -> Consumer {
        let lasting = Queue {
            name: queue.into(),
            class: QueueClass::Quorum { delivery_limit: 5 },
            max_length: 10_000,
            overflow: Overflow::RejectPublish,
            max_age_ms: None,
            dead_letter: None,
        };
        self.bus.declare(Topology::default().queue(lasting).bind(exchange, queue, key)).await.unwrap();
        self.bus.consume(queue, 256).await.unwrap()
    }

    /// A node says something to its rack, under a key that may be another's.
    async fn node_says(&self, node: NodeId, purpose: &str, named: NodeId, packet: Packet) {
        let principal = Principal::Node(node);
        let mut sender = Sender::new(principal.inbox().expect("an inbox"), InstanceId::derived_from("node"));
        let bus = attach(&self.connector, principal).await;
        let key = route::group_key(group(0), purpose, named);
        bus.publish(sender.confirmed(Now::default(), route::GROUP, key, packet)).await.unwrap();
    }

    async fn tell(&mut self, rack: usize, packet: Packet) {
        let inbox = route::group_inbox(group(rack));
        let message = self.sender.confirmed(Now::default(), route::DIRECT, inbox, packet);
        self.bus.publish(message).await.unwrap();
    }

    /// Starts a rack's loop and lets it join with so many nodes in its roster.
    async fn rack(&mut self, rack: usize, nodes: usize, launcher: Option<Arc<dyn Launcher>>) -> Rack {
        let settings = Settings {
            zone_name: name("zone"),
            group: group(rack),
            name: name(&format!("rack-{rack}")),
            place: name(&format!("rack-{rack}")),
            ranges: Vec::new(),
            addresses: Vec::new(),
            instance: InstanceId::derived_from("run"),
            broker: ("local".into(), 5672),
            seals: None,
            certified: false,
        };
        let bus = attach(&self.connector, Principal::Group(group(rack))).await;
        let mut session = Session::open(settings, bus, Discovery::off(), Clock::start()).await.unwrap();
        if let Some(launcher) = launcher {
            session = session.with_launcher(launcher, None);
        }
        let shutdown = Shutdown::new();
        let stop = shutdown.clone();
        let task = tokio::spawn(async move {
            let (_hellos, mut heard) = mpsc::channel(1);
            session.run(&mut heard, &stop).await;
        });
        self.tell(rack, subscriber(rack)).await;
        let members = (0..nodes).map(|number| member(rack, number)).collect();
        self.tell(rack, Packet::Roster(Roster { group: group(rack), session: SESSION, part: 0, members })).await;
        Rack { shutdown, task }
    }
}

struct Rack {
    shutdown: Shutdown,
    task: tokio::task::JoinHandle<()>,
}

impl Rack {
    async fn stop(self) {
        self.shutdown.request();
        timeout(PATIENCE, self.task).await.expect("it ends").unwrap();
    }
}

fn subscriber(rack: usize) -> Packet {
    Packet::ZoneSubscriber(ZoneSubscriber {
        zone: ZoneId::derived_from("zone"),
        zone_name: name("zone"),
        generation: 1,
        group: group(rack),
        instance: InstanceId::derived_from("run"),
        session: SESSION,
        channels: Vec::new(),
        keep_alive: Millis(1_000),
        roster_parts: 1,
        status_exchanges: true,
    })
}

fn member(rack: usize, number: usize) -> RosterMember {
    RosterMember {
        node: node(rack, number),
        name: name(&format!("n{rack}-{number}")),
        epoch: SessionEpoch(1),
        state: NodeState::Healthy,
        health: Health::new(HealthBits::NONE, HealthBits::NONE).unwrap(),
        capability_digest: None,
    }
}

/// The next packet that is wanted.
async fn hear<T>(consumer: &mut Consumer, mut wanted: impl FnMut(Packet) -> Option<T>) -> T {
    let heard = async {
        loop {
            let delivery = consumer.next().await.expect("the bus is open");
            let packet = Envelope::decode(&delivery.body).unwrap().packet;
            consumer.ack(delivery).await;
            if let Some(found) = wanted(packet) {
                return found;
            }
        }
    };
    timeout(PATIENCE, heard).await.expect("it comes")
}

/// A node that obeys at once.
async fn obey(connector: Connector, rack: usize, number: usize) {
    let node = node(rack, number);
    let bus = attach(&connector, Principal::Node(node)).await;
    let mut inbox = bus.consume(&route::node_inbox(node), 16).await.unwrap();
    let mut sender = Sender::new(route::node_inbox(node), InstanceId::derived_from(&node.to_string()));
    while let Some(delivery) = inbox.next().await {
        if let Packet::NodePolicy(policy) = Envelope::decode(&delivery.body).unwrap().packet {
            let (epoch, version) = (SessionEpoch(1), policy.version);
            let ack = Packet::NodePolicyAck(NodePolicyAck { node, epoch, version, problem: None });
            let key = route::group_key(group(rack), route::HEALTH_ALERTS, node);
            bus.publish(sender.confirmed(Now::default(), route::GROUP, key, ack)).await.unwrap();
        }
        inbox.ack(delivery).await;
    }
}

#[tokio::test]
async fn a_policy_reaches_two_hundred_nodes_of_four_racks_and_each_answer_the_zone() {
    const RACKS: usize = 4;
    const NODES: usize = 50;
    let mut zone = Zone::new().await;
    let mut reports = zone.listen("zone.policies", route::ZONE, "policies.*").await;
    let mut racks = Vec::new();
    for rack in 0..RACKS {
        racks.push(zone.rack(rack, NODES, None).await);
        for number in 0..NODES {
            tokio::spawn(obey(zone.connector.clone(), rack, number));
        }
    }
    let mut took = Vec::new();
    for version in 1..=3 {
        let begun = Instant::now();
        for rack in 0..RACKS {
            let update = PolicyUpdate {
                group: group(rack),
                session: SESSION,
                version,
                settings: rollcall_model::policy::Settings::default(),
                nodes: Vec::new(),
                allowed_actions: Vec::new(),
                summary_period_ms: 10_000,
            };
            zone.tell(rack, Packet::PolicyUpdate(update)).await;
        }
        let mut obeying = std::collections::BTreeSet::new();
        while obeying.len() < RACKS * NODES {
            let report = hear(&mut reports, |packet| match packet {
                Packet::PolicyReport(report) if report.version == version => Some(report),
                _ => None,
            });
            obeying.extend(report.await.applied);
        }
        took.push(begun.elapsed());
    }
    // The first one may still fall into the joining of the nodes.
    let best = took.iter().min().unwrap();
    println!("200 nodes of 4 racks obeyed after {took:?}");
    assert!(*best <= Duration::from_secs(1), "{took:?}");
    for rack in racks {
        rack.stop().await;
    }
}

#[tokio::test]
async fn an_outcome_stays_in_its_queue_until_the_zones_queue_has_it() {
    let mut zone = Zone::new().await;
    let first = zone.rack(0, 1, None).await;
    let outcome = ActionOutcome {
        action_id: ActionId::derived_from("order"),
        node: node(0, 0),
        state: ActionState::Done,
        message: "done".into(),
        at: UnixMillis(5),
    };
    let packet = Packet::ActionOutcome(outcome.clone());
    zone.node_says(node(0, 0), route::HEALTH_ACTIONS, node(0, 0), packet).await;
    // The zone has no queue yet. The controller takes the outcome and ends: another one finds it again.
    let Connector::Local(broker) = zone.connector.clone() else { panic!("a local one") };
    let queue = route::group_queue(group(0), route::HEALTH_ACTIONS);
    let taken = async {
        while broker.waiting(&queue) != Some(0) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, taken).await.expect("it is taken");
    first.stop().await;
    assert_eq!(broker.waiting(&queue), Some(1), "it was not settled");
    let second = zone.rack(0, 1, None).await;
    let mut joins = zone.listen(route::JOINS, route::DIRECT, route::JOINS).await;
    let heard = hear(&mut joins, |packet| if let Packet::ActionOutcome(one) = packet { Some(one) } else { None }).await;
    assert_eq!(heard, outcome);
    second.stop().await;
    assert_eq!(broker.waiting(&queue), Some(0), "and then it was");
}

#[tokio::test]
async fn who_speaks_for_another_node_is_parked_with_the_reason() {
    let mut zone = Zone::new().await;
    let parked = Topology::default().exchange(route::PARKED, ExchangeKind::Fanout);
    zone.bus.declare(parked).await.unwrap();
    let mut parked = zone.listen(route::PARKED_QUEUE, route::PARKED, "").await;
    let rack = zone.rack(0, 2, None).await;
    let readings = std::collections::BTreeMap::new();
    let metrics = Packet::Metrics(Metrics { node: node(0, 0), epoch: SessionEpoch(1), readings });
    let outcome = Packet::ActionOutcome(ActionOutcome {
        action_id: ActionId::derived_from("order"),
        node: node(0, 0),
        state: ActionState::Done,
        message: String::new(),
        at: UnixMillis(5),
    });
    // (queue, packet, who sends it, whom the routing key names, part of the reason)
    let (me, other) = (node(0, 0), node(0, 1));
    for (purpose, packet, sender, named, reason) in [
        (route::METRICS, metrics.clone(), other, me, "speaks for another"),
        (route::HEALTH_ACTIONS, outcome, other, other, "speaks for another"),
        (route::METRICS, metrics.clone(), me, other, "is not that of node"),
        (route::HEALTH_ALERTS, metrics, me, me, "takes no metrics packet"),
    ] {
        zone.node_says(sender, purpose, named, packet).await;
        let delivery = timeout(PATIENCE, parked.next()).await.expect("it is parked").expect("the bus is open");
        assert!(delivery.headers[PARKED_REASON].contains(reason), "{purpose}: {:?}", delivery.headers);
        parked.ack(delivery).await;
    }
    rack.stop().await;
}

#[tokio::test]
async fn a_check_in_service_runs_as_long_as_the_zone_wants_it_and_no_longer_than_its_controller() {
    let mut zone = Zone::new().await;
    let mut joins = zone.listen(route::JOINS, route::DIRECT, route::JOINS).await;
    let (tell, mut told) = mpsc::unbounded_channel();
    let launcher = InProcess::new(move |service: CheckinService, stop: Shutdown| -> Life {
        let tell = tell.clone();
        Box::pin(async move {
            let _ = tell.send(format!("{} of {} runs", service.name, service.zone));
            stop.requested().await;
            let _ = tell.send("ended".into());
            "as asked".into()
        })
    });
    let rack = zone.rack(0, 0, Some(Arc::new(launcher))).await;
    let order = |run: bool| {
        let ranges = vec!["10.0.0.0/8".parse().unwrap()];
        Packet::CheckinOrder(CheckinOrder { group: group(0), session: SESSION, name: name("checkin-0"), ranges, run })
    };
    let placed = |packet| match packet {
        Packet::CheckinPlaced(CheckinPlaced { running, .. }) => Some(running),
        _ => None,
    };
    for run in [true, false, true] {
        zone.tell(0, order(run)).await;
        assert_eq!(hear(&mut joins, placed).await, run);
        let expected = if run { "checkin-0 of zone runs" } else { "ended" };
        assert_eq!(told.recv().await.as_deref(), Some(expected));
    }
    rack.stop().await;
    assert_eq!(told.recv().await.as_deref(), Some("ended"));
}
