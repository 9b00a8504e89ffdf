//! `cargo run --release -p rollcall-placement --example study [SEED]`: how targets by frequency compare, in virtual time.
//!
//! Writes the tables and plots of `docs/placement.md`: the same bytes for the same seed. A minute or two on one core.
//! `study try NODES balance|power BUDGET CHOOSERS SECONDS [SEED]` prints one comparison and writes nothing.
#![allow(clippy::print_stdout, reason = "a program for people at a terminal")]
#![allow(clippy::expect_used, reason = "a study that cannot go on should stop and say where")]

mod draws;
mod fleet;
mod measure;
mod page;
mod plot;
mod ra;
mod reports;
mod strategy;
mod timing;
mod world;

use std::io;

use page::Row;
use plot::{Chart, Line};
use rollcall_placement::metric::Full;
use strategy::{Aim, Strategy};
use timing::Way;
use world::{Setting, run};

const SEED: u64 = 1;
/// Messages per second and node that are allowed in the worst case.
const BUDGET: f64 = 0.5;

fn setting(seed: u64, aim: Aim, nodes: usize, seconds: u64) -> Setting {
    let load = if aim == Aim::Balance { 0.7 } else { 0.35 };
    Setting { seed, aim, nodes, budget: BUDGET, load, choosers: 1, full: Full::Quiet, warm_up: 150, seconds }
}

/// All strategies at the messages that `pick` needed.
fn compare(setting: Setting, strategies: &[Strategy]) -> Vec<Row> {
    let reports = run(setting, Strategy::Pick(2), 0.0).messages / setting.nodes as f64;
    strategies.iter().map(|strategy| (strategy.name(), run(setting, *strategy, reports))).collect()
}

fn tables(seed: u64) -> io::Result<()> {
    let few: Vec<Strategy> = Strategy::ALL
        .into_iter()
        .filter(|one| !matches!(one, Strategy::LeastStale | Strategy::LeastStaleOwn | Strategy::Oracle))
        .collect();
    for (aim, name) in [(Aim::Balance, "balance"), (Aim::Power, "power")] {
        for (nodes, seconds) in [(8, 4000), (64, 1500), (512, 300), (4096, 60)] {
            println!("{name}, {nodes} nodes");
            let rows = compare(setting(seed, aim, nodes, seconds), &Strategy::ALL);
            page::fill(&format!("{name} {nodes}"), &page::table(aim, &rows))?;
        }
    }
    println!("balance, 10000 nodes; eight choosers; full nodes loud");
    let rows = compare(Setting { warm_up: 100, ..setting(seed, Aim::Balance, 10_000, 20) }, &few);
    page::fill("balance 10000", &page::table(Aim::Balance, &rows))?;
    let many = Setting { choosers: 8, ..setting(seed, Aim::Balance, 512, 300) };
    page::fill("choosers", &page::table(Aim::Balance, &compare(many, &Strategy::ALL)))?;
    let ra: Vec<Strategy> = [Strategy::RingNewest, Strategy::CountTop, Strategy::Pick(2), Strategy::Pick(4)].to_vec();
    let loud = Setting { full: Full::Loud, ..setting(seed, Aim::Power, 512, 300) };
    page::fill("loud", &page::table(Aim::Power, &compare(loud, &ra)))
}

/// One line for each strategy over budgets.
fn budgets(seed: u64, aim: Aim, choosers: usize, value: impl Fn(&measure::Measured) -> f64) -> (Vec<f64>, Vec<Line>) {
    let budgets = vec![0.1, 0.2, 0.5, 1.0, 2.0, 5.0];
    let strategies = [
        Strategy::RingNewest,
        Strategy::Pick(2),
        Strategy::Pick(4),
        Strategy::TwoStale,
        Strategy::TwoStaleOwn,
        Strategy::TwoAsked,
        Strategy::LeastStaleOwn,
        Strategy::TwoOracle,
    ];
    let mut lines: Vec<Line> = strategies
        .iter()
        .map(|one| Line { name: one.name(), points: Vec::new(), broken: *one == Strategy::TwoOracle })
        .collect();
    for budget in &budgets {
        let rows = compare(Setting { budget: *budget, choosers, ..setting(seed, aim, 256, 300) }, &strategies);
        for (line, (_, measured)) in lines.iter_mut().zip(rows) {
            line.points.push((*budget, value(&measured)));
        }
    }
    (budgets, lines)
}

fn plots(seed: u64) -> io::Result<()> {
    println!("plots over budgets");
    let x = "messages per second and node allowed in the worst case";
    for (name, title, choosers) in [
        ("balance.svg", "Balance by budget, 256 nodes, one chooser", 1),
        ("choosers.svg", "Balance by budget, 256 nodes, eight choosers", 8),
    ] {
        let (ticks, lines) = budgets(seed, Aim::Balance, choosers, |measured| measured.variation);
        let y = "coefficient of variation of utilisation";
        page::plot(name, &Chart { title, x, y, logarithmic: true, ticks, lines }.svg())?;
    }
    let (ticks, lines) = budgets(seed, Aim::Power, 1, |measured| measured.empty * 100.0);
    let (title, y) = ("Nodes that could be switched off, 256 nodes, one chooser", "empty nodes, %");
    page::plot("power.svg", &Chart { title, x, y, logarithmic: true, ticks, lines }.svg())?;
    recovery(seed)
}

/// f_RA from timing, by loss and by jitter.
fn recovery(seed: u64) -> io::Result<()> {
    println!("recovery from timing");
    let usual = Way { jitter: 0.1, loss: 0.0, delay: 20.0, twice: 0.01 };
    let line = |name: String, of: &dyn Fn(f64) -> (f64, f64), ticks: &[f64]| {
        let error = |x: f64| (x, of(x));
        let both: Vec<(f64, (f64, f64))> = ticks.iter().map(|x| error(*x)).collect();
        let part = |broken: bool| Line {
            name: format!("{name}, {}", if broken { "95th percentile" } else { "median" }),
            points: both.iter().map(|(x, (median, high))| (*x, if broken { *high } else { *median } * 100.0)).collect(),
            broken,
        };
        [part(false), part(true)]
    };
    let losses = vec![0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3];
    let by_loss: Vec<Line> = [0.02, 0.1, 0.3]
        .into_iter()
        .flat_map(|jitter| {
            line(format!("jitter ±{jitter}"), &|loss| timing::error(Way { jitter, loss, ..usual }, seed), &losses)
        })
        .collect();
    let (title, y) = ("f_RA recovered from timing, by loss", "error of f_RA, %");
    let chart = Chart { title, x: "part of messages lost", y, logarithmic: false, ticks: losses, lines: by_loss };
    page::plot("recovery-loss.svg", &chart.svg())?;
    let jitters = vec![0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5];
    let by_jitter: Vec<Line> = [(0.0, 20.0), (0.05, 20.0), (0.0, 1000.0)]
        .into_iter()
        .flat_map(|(loss, delay)| {
            let name = format!("loss {loss}, delay to {delay} ms");
            line(name, &|jitter| timing::error(Way { jitter, loss, delay, ..usual }, seed), &jitters)
        })
        .collect();
    let (title, x) = ("f_RA recovered from timing, by jitter", "jitter, part of a period either way");
    let chart = Chart { title, x, y, logarithmic: false, ticks: jitters, lines: by_jitter };
    page::plot("recovery-jitter.svg", &chart.svg())
}

fn try_one(words: &[String]) -> Option<()> {
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<f64>().ok());
    let aim = if words.get(1)? == "power" { Aim::Power } else { Aim::Balance };
    let seed = number(5).map_or(SEED, |seed| seed as u64);
    let setting = Setting {
        budget: number(2)?,
        choosers: number(3)? as usize,
        ..setting(seed, aim, number(0)? as usize, number(4)? as u64)
    };
    println!("{}", page::table(aim, &compare(setting, &Strategy::ALL)));
    Some(())
}

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "try") {
        return try_one(&words[1..])
            .ok_or_else(|| io::Error::other("study try NODES balance|power BUDGET CHOOSERS SECONDS [SEED]"));
    }
    let seed = words.first().and_then(|word| word.parse().ok()).unwrap_or(SEED);
    tables(seed)?;
    plots(seed)
}
