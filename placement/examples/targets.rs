//! `cargo run --release -p rollcall-placement --example targets`: what taking a target costs, beside its peers, while a
//! writer works on the other core at 100,000 messages per second.
#![allow(clippy::print_stdout, reason = "a program for people at a terminal")]
#![allow(clippy::expect_used, reason = "a benchmark that cannot go on should stop and say where")]

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use rollcall_model::{NodeId, Tick};
use rollcall_placement::{Config, Eligibility, Kind, Rates, Receiver, Want};

const NODES: usize = 1000;
const MESSAGES_PER_SECOND: u64 = 100_000;
/// Selections timed together: a single one is shorter than reading the clock.
const BATCH: u32 = 200;
const BATCHES: usize = 20_000;

/// What the writer keeps up for the peers.
struct Peers {
    queue: Mutex<VecDeque<NodeId>>,
    table: RwLock<Vec<(NodeId, f64)>>,
    nodes: Vec<NodeId>,
}

fn node(index: usize) -> NodeId {
    NodeId::derived_from(&format!("node {index}"))
}

fn receiver() -> Receiver {
    // Each node speaks 100 times a second, so that a thousand make the 100,000.
    let rates = Rates::new(200.0, 200.0, 0.05).expect("rates that work");
    let mut receiver = Receiver::new(Tick(0), Config::new(rates, NODES as u32)).expect("a configuration that works");
    for index in 0..NODES {
        receiver.insert(Tick(0), node(index)).expect("room");
        receiver.set_eligibility(Tick(0), node(index), Eligibility::GOOD).expect("known");
    }
    receiver
}

/// Keeps up `MESSAGES_PER_SECOND`, to the receiver and to the peers. Returns how many there were.
fn write(receiver: &mut Receiver, peers: &Peers, clock: &AtomicU64, done: &AtomicBool) -> u64 {
    let start = Instant::now();
    let mut written = 0_u64;
    while !done.load(Ordering::Relaxed) {
        let elapsed = start.elapsed();
        let now = Tick(elapsed.as_millis() as u64 + 1);
        clock.store(now.0, Ordering::Release);
        let due = elapsed.as_micros() as u64 * MESSAGES_PER_SECOND / 1_000_000;
        // After a hold-up it does not catch up all at once: that would be no steady rate.
        written = written.max(due.saturating_sub(1000));
        while written < due {
            let index = (written.wrapping_mul(2_654_435_761) >> 7) as usize % NODES;
            receiver.heard(now, peers.nodes[index], Kind::Balance);
            let mut queue = peers.queue.lock().expect("no panic holds it");
            queue.push_back(peers.nodes[index]);
            if queue.len() > 2 {
                queue.pop_front();
            }
            drop(queue);
            peers.table.write().expect("no panic holds it")[index].1 = (written % 97) as f64;
            written += 1;
        }
        if written.is_multiple_of(1000) {
            receiver.tick(now);
        }
        std::hint::spin_loop();
    }
    written
}

/// Nanoseconds of one selection: median, 99th percentile and largest over batches.
fn time(mut select: impl FnMut(u64) -> Option<NodeId>) -> (f64, f64, f64, f64) {
    let mut draw = 0x9e37_79b9_7f4a_7c15_u64;
    let (mut spans, mut found) = (Vec::with_capacity(BATCHES), 0_u64);
    for _ in 0..BATCHES {
        let start = Instant::now();
        for _ in 0..BATCH {
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            found += u64::from(black_box(select(draw)).is_some());
        }
        spans.push(start.elapsed().as_nanos() as f64 / f64::from(BATCH));
    }
    spans.sort_by(f64::total_cmp);
    let share = found as f64 / (BATCHES as f64 * f64::from(BATCH));
    (spans[BATCHES / 2], spans[BATCHES * 99 / 100], spans[BATCHES - 1], share)
}

fn load() -> String {
    std::fs::read_to_string("/proc/loadavg").map_or("unknown".into(), |text| text.trim().to_owned())
}

fn two_choices(peers: &Peers, draw: u64) -> Option<NodeId> {
    let table = peers.table.read().expect("no panic holds it");
    let (first, second) = (table[(draw >> 33) as usize % NODES], table[(draw >> 3) as usize % NODES]);
    Some(if first.1 >= second.1 { first.0 } else { second.0 })
}

fn main() {
    println!("load before: {}", load());
    let mut receiver = receiver();
    let targets = receiver.targets();
    let nodes: Vec<NodeId> = (0..NODES).map(node).collect();
    let table = RwLock::new(nodes.iter().map(|node| (*node, 1.0)).collect());
    let peers = Peers { queue: Mutex::new(VecDeque::from([nodes[0], nodes[1]])), table, nodes };
    let (clock, done) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let start = Instant::now();
            let written = write(&mut receiver, &peers, &clock, &done);
            written as f64 / start.elapsed().as_secs_f64()
        });
        thread::sleep(Duration::from_millis(500));
        let now = || Tick(clock.load(Ordering::Relaxed));
        let want = |choices| Want { size: 0.0, choices };
        println!("| selection | median | p99 | largest | found |\n|---|---:|---:|---:|---:|");
        let print = |name: &str, (median, p99, largest, found): (f64, f64, f64, f64)| {
            println!("| {name} | {median:.1} ns | {p99:.1} ns | {largest:.0} ns | {:.1} % |", found * 100.0);
        };
        print("ring, newest", time(|_| targets.newest(now(), Kind::Balance)));
        print("pick, best of 2", time(|draw| Some(targets.pick(now(), Kind::Balance, want(2), draw)?.node)));
        print("pick, best of 4", time(|draw| Some(targets.pick(now(), Kind::Balance, want(4), draw)?.node)));
        print("count list, median", time(|_| Some(targets.at_rank(now(), Kind::Balance, 0.5)?.node)));
        print("peer: random from a slice", time(|draw| Some(peers.nodes[(draw >> 33) as usize % NODES])));
        print(
            "peer: Mutex<VecDeque>, front",
            time(|_| peers.queue.lock().expect("no panic holds it").front().copied()),
        );
        print("peer: two choices over RwLock<Vec>", time(|draw| two_choices(&peers, draw)));
        done.store(true, Ordering::Relaxed);
        let rate = writer.join().expect("the writer ends");
        println!("writer: {rate:.0} messages per second");
    });
    println!("taken: {:?}; load after: {}", receiver.tally(), load());
}
