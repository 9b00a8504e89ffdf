//! Pure code, in nanoseconds: wire forms, the roster's hot path, capability, and routing on the in-process bus.

mod section;

use std::hint::black_box;

use criterion::Criterion;
use rollcall_bench::statuses;
use rollcall_bus::local::Broker;
use rollcall_bus::{Assurance, ExchangeKind, Outgoing, Overflow, Queue, QueueClass, Topology};
use rollcall_model::packet::{Packet, Presence};
use rollcall_model::wire::status::NodeStatus;
use rollcall_model::wire::v1::Envelope;
use rollcall_model::{
    Capability, GroupId, InstanceId, MessageId, Name, Now, Principal, SessionEpoch, Tick, UnixMillis, route,
};
use rollcall_node_agent::simulated::Machine as Simulated;

/// How many there are below.
const BENCHMARKS: usize = 7;
const NOW: Now = Now { tick: Tick(1_000), wall: UnixMillis(1_700_000_000_000) };

fn wire_forms(criterion: &mut Criterion) {
    let status = statuses::status(statuses::node(7), 42, statuses::healthy());
    criterion.bench_function("status packet: encode", |bencher| bencher.iter(|| black_box(&status).encode()));
    let bytes = status.encode();
    criterion.bench_function("status packet: decode", |bencher| bencher.iter(|| NodeStatus::decode(black_box(&bytes))));

    let presence = Packet::Presence(Presence {
        node: statuses::node(7),
        instance: InstanceId::derived_from("bench"),
        name: Name::nearest("bench-7", "node"),
        address: [10, 1, 2, 3].into(),
        place: None,
        epoch: SessionEpoch(1),
    });
    let envelope = Envelope::new(MessageId::derived_from("bench"), "inbox.node.bench", NOW.wall, presence);
    criterion
        .bench_function("presence in its envelope: encode", |bencher| bencher.iter(|| black_box(&envelope).encode()));
    let bytes = envelope.encode();
    criterion.bench_function("presence in its envelope: decode", |bencher| {
        bencher.iter(|| Envelope::decode(black_box(&bytes)));
    });
    let hardware = Simulated::generate(7, 0).hardware;
    criterion.bench_function("capability of a server's hardware", |bencher| {
        bencher.iter(|| Capability::of(black_box(&hardware), &[]));
    });
}

fn roster(criterion: &mut Criterion) {
    let nodes: Vec<_> = (0..statuses::NODES).map(statuses::node).collect();
    let (mut roster, _) = section::settled_roster(NOW, &nodes);
    let mut sequence = 1_u32;
    let mut index = 0;
    criterion.bench_function("roster of 1,000 nodes: hear a status", |bencher| {
        bencher.iter(|| {
            index = (index + 1) % nodes.len();
            sequence += 1;
            roster.hear(NOW, &statuses::status(nodes[index], sequence, statuses::healthy()))
        });
    });
}

fn routing(criterion: &mut Criterion) {
    let group = GroupId::derived_from("bench");
    let queue = route::group_queue(group, route::HEALTH);
    let mut broker = Broker::new();
    let session = broker.connect(&Principal::User(Name::nearest("bench", "bench")));
    let topology = Topology::default()
        .exchange(route::GROUP, ExchangeKind::Topic)
        .queue(Queue {
            name: queue.clone(),
            class: QueueClass::Classic,
            max_length: 1_000,
            overflow: Overflow::DropHead,
            max_age_ms: None,
            dead_letter: None,
        })
        .bind(route::GROUP, &queue, &route::group_binding(group, route::HEALTH));
    assert!(broker.declare(session, &topology).is_ok(), "a fresh broker takes the topology");
    let message = Outgoing {
        exchange: route::GROUP.into(),
        routing_key: route::group_key(group, route::HEALTH, statuses::node(7)),
        body: vec![0; 64],
        kind: "status",
        message_id: None,
        assurance: Assurance::Lossy,
        trace: None,
    };
    criterion.bench_function("in-process bus: route one message", |bencher| {
        bencher.iter(|| broker.publish(session, NOW.tick, black_box(message.clone())));
    });
}

fn main() -> std::io::Result<()> {
    section::measure("pure code", BENCHMARKS, &[wire_forms, roster, routing])
}
