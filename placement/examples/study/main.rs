//! The study.
#![allow(clippy::print_stdout, clippy::expect_used)]
mod draws;
mod fleet;
mod measure;
mod ra;
mod reports;
mod strategy;
mod world;

use strategy::{Aim, Strategy};
use world::{Setting, run};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let nodes: usize = args[1].parse().unwrap();
    let aim = if args[2] == "power" { Aim::Power } else { Aim::Balance };
    let budget: f64 = args[3].parse().unwrap();
    let choosers: usize = args[4].parse().unwrap();
    let load = if aim == Aim::Power { 0.35 } else { 0.7 };
    let setting = Setting { seed: 1, aim, nodes, budget, load, choosers, full: if args.get(6).is_some() { rollcall_placement::metric::Full::Quiet } else { rollcall_placement::metric::Full::Loud }, warm_up: 150, seconds: args[5].parse().unwrap() };
    let t = std::time::Instant::now();
    let base = run(setting, Strategy::Pick(2), 0.0);
    let reports = base.messages / nodes as f64;
    println!("{:45} peak  cv    p99   empty wrong rej   msg/s  stale used", "");
    for s in Strategy::ALL {
        let m = run(setting, s, reports);
        println!("{:45} {:.3} {:.3} {:.3} {:.3} {:.3} {:.3} {:7.1} {:.2} {:.3} {:?}", s.name(), m.peak, m.variation, m.p99, m.empty, m.wrong, m.rejected, m.messages, m.staleness.unwrap_or(-1.0), m.used, t.elapsed());
    }
}
