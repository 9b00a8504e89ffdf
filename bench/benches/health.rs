//! Pure code on the way of health, in nanoseconds: readings become bits, scopes of a policy become one, and a roster takes a
//! status that says something new.

mod section;

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::Criterion;
use rollcall_bench::statuses;
use rollcall_model::indicator::{INDICATORS, Side};
use rollcall_model::policy::{IndicatorSetting, Override, PolicyDocument, Settings};
use rollcall_model::threshold::{Evaluator, Readings};
use rollcall_model::{Name, Now, Tick, UnixMillis};

/// How many there are below.
const BENCHMARKS: usize = 5;
const NOW: Now = Now { tick: Tick(1_000), wall: UnixMillis(1_700_000_000_000) };

/// Every indicator read, all of them well within their limits or all of them beyond.
fn readings(bad: bool) -> Readings {
    INDICATORS.map(|indicator| {
        let threshold = indicator.threshold;
        let apart = (threshold.limit - threshold.clear).abs() + 1.0;
        Some(match (threshold.side, bad) {
            (Side::Above, true) => threshold.limit + apart,
            (Side::Above, false) => threshold.clear - apart,
            (Side::Below, true) => threshold.limit - apart,
            (Side::Below, false) => threshold.clear + apart,
        })
    })
}

fn judging(criterion: &mut Criterion) {
    let [well, ill] = [false, true].map(readings);
    let mut evaluator = Evaluator::with_defaults();
    let mut now = 0;
    criterion.bench_function("24 readings to bits: nothing changes", |bencher| {
        bencher.iter(|| {
            now += 1_000;
            evaluator.evaluate(Tick(now), black_box(&well))
        });
    });
    let mut evaluator = Evaluator::with_defaults();
    let (mut now, mut turn) = (0, false);
    // An hour lies between two samples, so that no dwell holds a bit back.
    criterion.bench_function("24 readings to bits: every bit changes", |bencher| {
        bencher.iter(|| {
            (now, turn) = (now + 3_600_000, !turn);
            evaluator.evaluate(Tick(now), black_box(if turn { &ill } else { &well }))
        });
    });
}

fn scope(indicators: usize, limit: f64) -> Settings {
    let setting = IndicatorSetting { limit: Some(limit), ..IndicatorSetting::default() };
    let named = INDICATORS.iter().take(indicators).map(|indicator| (indicator.name.to_owned(), setting));
    Settings { indicators: named.collect::<BTreeMap<_, _>>(), ..Settings::default() }
}

/// The zone names every indicator, the rack eight of them, and a pattern of nodes four.
fn policy() -> PolicyDocument {
    let over = |group: Option<&str>, node: Option<&str>, settings| {
        let (group, node) = (group.map(str::to_owned), node.map(str::to_owned));
        Override { group, node, settings }
    };
    PolicyDocument {
        settings: scope(INDICATORS.len(), 70.0),
        overrides: vec![over(Some("rack-*"), None, scope(8, 80.0)), over(None, Some("db-*"), scope(4, 90.0))],
        ..PolicyDocument::default()
    }
}

fn policies(criterion: &mut Criterion) {
    let (policy, rack, node) = (policy(), Name::nearest("rack-a", "rack"), Name::nearest("db-07", "node"));
    criterion.bench_function("policy: three scopes merged for a node", |bencher| {
        bencher.iter(|| black_box(&policy).for_group(&rack).for_node(&node));
    });
    let merged = policy.for_group(&rack).for_node(&node);
    criterion.bench_function("policy: thresholds of the merged one", |bencher| {
        bencher.iter(|| black_box(&merged).resolve());
    });
}

fn roster(criterion: &mut Criterion) {
    let nodes: Vec<_> = (0..statuses::NODES).map(statuses::node).collect();
    let (mut roster, mut number) = section::settled_roster(NOW, &nodes);
    let (mut index, mut sequence) = (0, 1_u32);
    criterion.bench_function(
        "roster of 1,000 nodes: a status that changes something, and its word to the zone",
        |bencher| {
            bencher.iter(|| {
                index = (index + 1) % nodes.len();
                sequence += 1;
                // Whoever spoke a round ago said the opposite.
                let ill = (sequence as usize / nodes.len()).is_multiple_of(2);
                let health = if ill { statuses::marked() } else { statuses::healthy() };
                roster.hear(NOW, &statuses::status(nodes[index], sequence, health));
                roster.take_changes(&mut number, 1)
            });
        },
    );
}

fn main() -> std::io::Result<()> {
    section::measure("health", BENCHMARKS, &[judging, policies, roster])
}
