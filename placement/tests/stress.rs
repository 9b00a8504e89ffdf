//! Real threads: readers beside a writer that never stops, while nodes come and go. Loom tries every interleaving of the
//! parts; this tries the whole under load.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use rollcall_model::{NodeId, Tick};
use rollcall_placement::{Config, Eligibility, Kind, Rates, Receiver, Targets, Want};

const NODES: usize = 64;
const MESSAGES: u64 = 200_000;

fn node(index: usize) -> NodeId {
    NodeId::derived_from(&format!("node {index}"))
}

/// The odd half is never eligible; the even half comes and goes.
fn may_be_returned(found: NodeId) -> bool {
    (0..NODES).step_by(2).any(|index| node(index) == found)
}

fn read(targets: &Targets, now: &AtomicU64, done: &AtomicBool, kind: Kind) -> u64 {
    let (mut found, mut draw) = (0, 1_u64);
    while !done.load(Ordering::Acquire) {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let at = Tick(now.load(Ordering::Acquire));
        let newest = targets.newest(at, kind);
        let picked = targets.pick(at, kind, Want::default(), draw).map(|target| target.node);
        let ranked = targets.at_rank(at, kind, 0.3).map(|target| target.node);
        for node in [newest, picked, ranked].into_iter().flatten() {
            assert!(may_be_returned(node), "{node} was never eligible");
            found += 1;
        }
    }
    found
}

#[test]
fn readers_never_see_who_was_never_eligible_while_nodes_come_and_go() {
    for kind in [Kind::Balance, Kind::Power] {
        let rates = Rates::new(1.0, 1.0, 0.05).expect("possible");
        let mut receiver = Receiver::new(Tick(0), Config::new(rates, NODES as u32)).expect("possible");
        for index in 0..NODES {
            receiver.insert(Tick(0), node(index)).expect("room");
            if index.is_multiple_of(2) {
                receiver.set_eligibility(Tick(0), node(index), Eligibility::GOOD).expect("known");
            }
        }
        let (now, done) = (AtomicU64::new(0), AtomicBool::new(false));
        let (first, second) = (receiver.targets(), receiver.targets());
        let found = thread::scope(|scope| {
            let readers = [first, second].map(|targets| {
                let (now, done) = (&now, &done);
                scope.spawn(move || read(&targets, now, done, kind))
            });
            for message in 0..MESSAGES {
                let at = Tick(message * 20);
                let index = message as usize % NODES;
                receiver.heard(at, node(index), kind);
                now.store(at.0, Ordering::Release);
                if message % 5 == 0 {
                    receiver.tick(at);
                }
                if message % 97 == 0 && index.is_multiple_of(2) {
                    receiver.remove(node(index));
                    receiver.insert(at, node(index)).expect("room");
                    receiver.set_eligibility(at, node(index), Eligibility::GOOD).expect("known");
                }
            }
            done.store(true, Ordering::Release);
            readers.map(|reader| reader.join().expect("a reader ends")).iter().sum::<u64>()
        });
        assert!(found > 100, "the readers found targets: {found}");
    }
}
