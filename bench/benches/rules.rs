//! Rules over 10,000 nodes, beside the same question in SQL and in Rust.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use rollcall_bench::estimates::estimates;
use rollcall_bench::machine::{Machine, load};
use rollcall_bench::report::{Row, Section, publish};
use rollcall_bench::statuses;
use rollcall_grouping::{Engine, Facts, NodeIdentity, Rule};
use rollcall_model::indicator::by_name;
use rollcall_model::{
    Capability, GroupId, HardwareTopology, Health, HealthBits, Millis, Name, NodeState, SessionEpoch, Tick,
};
use rollcall_node_agent::simulated::Machine as Simulated;
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{Connection, Row as _, SqliteConnection, SqlitePool};

/// How many nodes.
const NODES: usize = 10_000;
/// How many benchmarks there are below.
const BENCHMARKS: usize = 6;
const SCRATCH: &str = "10,000 nodes from scratch";
const ONE: &str = "one node of 10,000 changes";
/// How long all nodes may take, in nanoseconds.
const TARGET_NS: f64 = 100e6;

const RULE: &str = "cpu.threads >= 32 && memory.gib >= 64 && !health.disk_space && metrics.cpu_temperature < 80.0 \
                    && nics.exists(n, n.speed_mbps >= 25000)";
const SQL: &str = "SELECT node FROM nodes WHERE threads >= 32 AND gib >= 64 AND NOT disk_space AND cpu_temperature < 80.0 \
                   AND EXISTS (SELECT 1 FROM nics WHERE nics.node = nodes.node AND speed_mbps >= 25000)";

/// What the peers ask of.
struct Plain {
    hardware: HardwareTopology,
    disk_space: bool,
    cpu_temperature: f64,
}

impl Plain {
    fn generate(index: usize) -> Self {
        let hardware = Simulated::generate(7, u32::try_from(index).unwrap_or(0)).hardware;
        Self { hardware, disk_space: index.is_multiple_of(9), cpu_temperature: 40.0 + (index % 50) as f64 }
    }

    fn facts(&self, index: usize) -> Facts {
        let node = NodeIdentity {
            id: statuses::node(index),
            name: Name::nearest(&format!("bench-{index}"), "node"),
            address: [10, 1, 2, 3].into(),
            place: None,
            state: NodeState::Healthy,
            epoch: SessionEpoch(1),
        };
        let bit = by_name("disk_space").map_or(0, |indicator| indicator.bit);
        let health = Health::new(HealthBits::NONE.with(bit, self.disk_space), HealthBits::NONE);
        let metrics = BTreeMap::from([("cpu_temperature".to_owned(), self.cpu_temperature)]);
        let health = health.unwrap_or_else(|_| Health::unmeasured());
        Facts::new(node, &self.hardware, health, &metrics, Some(Capability::of(&self.hardware, &[])), None, 1)
    }

    fn gib(&self) -> u64 {
        self.hardware.memory.total_bytes.map_or(0, |bytes| (bytes + (1 << 29)) >> 30)
    }

    /// The rule, written in Rust.
    fn fulfils(&self) -> bool {
        self.hardware.cpu.threads.is_some_and(|threads| threads >= 32)
            && self.gib() >= 64
            && !self.disk_space
            && self.cpu_temperature < 80.0
            && self.hardware.nics.iter().any(|nic| nic.speed_mbps.is_some_and(|speed| speed >= 25_000))
    }
}

/// The same nodes as tables in memory.
async fn tables(nodes: &[Plain]) -> sqlx::Result<SqlitePool> {
    let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await?;
    let mut connection = pool.acquire().await?;
    for statement in [
        "CREATE TABLE nodes (node INTEGER PRIMARY KEY, threads INTEGER, gib INTEGER, disk_space BOOLEAN, \
         cpu_temperature REAL)",
        "CREATE TABLE nics (node INTEGER, speed_mbps INTEGER)",
        "CREATE INDEX nics_of ON nics (node)",
    ] {
        sqlx::query(statement).execute(&mut *connection).await?;
    }
    let mut all = connection.begin().await?;
    for (index, node) in (0_i64..).zip(nodes) {
        sqlx::query("INSERT INTO nodes VALUES ($1, $2, $3, $4, $5)")
            .bind(index)
            .bind(node.hardware.cpu.threads)
            .bind(i64::try_from(node.gib()).unwrap_or(i64::MAX))
            .bind(node.disk_space)
            .bind(node.cpu_temperature)
            .execute(&mut *all)
            .await?;
        for nic in &node.hardware.nics {
            let insert = sqlx::query("INSERT INTO nics VALUES ($1, $2)").bind(index).bind(nic.speed_mbps);
            insert.execute(&mut *all).await?;
        }
    }
    all.commit().await?;
    drop(connection);
    Ok(pool)
}

async fn select(connection: &mut SqliteConnection) -> sqlx::Result<usize> {
    Ok(sqlx::query(SQL).fetch_all(connection).await?.len())
}

/// A node's temperature changes, and it is asked about again.
async fn change(connection: &mut SqliteConnection, node: i64, temperature: f64) -> sqlx::Result<Option<i64>> {
    let update = sqlx::query("UPDATE nodes SET cpu_temperature = $2 WHERE node = $1").bind(node).bind(temperature);
    update.execute(&mut *connection).await?;
    let again = sqlx::query(sqlx::AssertSqlSafe(format!("{SQL} AND nodes.node = $1"))).bind(node);
    again.fetch_optional(connection).await?.map(|row| row.try_get(0)).transpose()
}

fn from_scratch(criterion: &mut Criterion, nodes: &[Plain], engine: &mut Engine, rule: &Rule) {
    let group = GroupId::derived_from("bench");
    let fulfil = nodes.iter().filter(|node| node.fulfils()).count();
    assert_eq!(engine.matching(rule).nodes.len(), fulfil, "the rule asks what the peers ask");
    assert!(fulfil > NODES / 100, "somebody fulfils it: {fulfil}");
    criterion.bench_function(&format!("{SCRATCH}: rule (CEL), with the moves"), |bencher| {
        bencher.iter(|| {
            engine.remove(group);
            engine.set_rule(Tick(0), group, black_box(rule.clone()), Millis(0), Millis(0)).len()
        });
    });
    criterion.bench_function(&format!("{SCRATCH}: the rule by hand in Rust"), |bencher| {
        bencher.iter(|| black_box(nodes).iter().filter(|node| node.fulfils()).count());
    });
}

fn one_node(criterion: &mut Criterion, nodes: &[Plain], engine: &mut Engine, rule: &Rule) {
    let facts = nodes[0].facts(0);
    criterion.bench_function("one node: the rule (CEL) evaluated", |bencher| {
        bencher.iter(|| black_box(rule).evaluate(black_box(&facts)));
    });
    let mut next = 0;
    criterion.bench_function(&format!("{ONE}: rule (CEL)"), |bencher| {
        bencher.iter(|| {
            next += 1;
            let index = next * 7 % nodes.len();
            let node = statuses::node(index);
            let mut facts = engine.facts(node).cloned()?;
            facts.set_metrics(&BTreeMap::from([("cpu_temperature".to_owned(), 40.0 + (next % 50) as f64)]));
            Some(engine.update(Tick(0), node, facts).len())
        });
    });
}

fn peers(criterion: &mut Criterion, nodes: &[Plain]) -> sqlx::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    // Connections are given back to their pool inside a runtime only.
    let _inside = runtime.enter();
    let pool = runtime.block_on(tables(nodes))?;
    let mut connection = runtime.block_on(pool.acquire())?;
    let found = runtime.block_on(select(&mut connection))?;
    assert_eq!(found, nodes.iter().filter(|node| node.fulfils()).count(), "SQL asks the same");
    criterion.bench_function(&format!("{SCRATCH}: WHERE of SQLite in memory"), |bencher| {
        bencher.iter(|| runtime.block_on(select(&mut connection)).ok());
    });
    let mut next = 0_usize;
    criterion.bench_function(&format!("{ONE}: UPDATE and WHERE of SQLite in memory"), |bencher| {
        bencher.iter(|| {
            next += 1;
            let node = i64::try_from(next * 7 % nodes.len()).unwrap_or(0);
            runtime.block_on(change(&mut connection, node, 40.0 + (next % 50) as f64)).ok()
        });
    });
    Ok(())
}

/// With the ratio to SQLite beside what the rule takes, and the peers marked as such.
fn compared(mut rows: Vec<Row>) -> Vec<Row> {
    for what in [SCRATCH, ONE] {
        let of = |part: &str| rows.iter().position(|row| row.what.starts_with(what) && row.what.contains(part));
        if let (Some(rule), Some(peer)) = (of("rule (CEL)"), of("SQLite")) {
            let ratio = rows[peer].value / rows[rule].value;
            let target = if what == SCRATCH { ", target ≤ 100 ms" } else { "" };
            rows[rule].beside = format!("{ratio:.2} × as fast as SQLite{target}");
        }
    }
    for row in &mut rows {
        row.peer = !row.what.contains("(CEL)");
    }
    rows
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let load_before = load();
    let directory = tempfile::tempdir()?;
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(30)
        .output_directory(directory.path())
        .configure_from_args();
    let nodes: Vec<Plain> = (0..NODES).map(Plain::generate).collect();
    let mut engine = Engine::default();
    for (index, node) in nodes.iter().enumerate() {
        engine.update(Tick(0), statuses::node(index), node.facts(index));
    }
    let rule = Rule::compile(RULE)?;
    from_scratch(&mut criterion, &nodes, &mut engine, &rule);
    one_node(&mut criterion, &nodes, &mut engine, &rule);
    peers(&mut criterion, &nodes)?;
    criterion.final_summary();
    let rows = compared(estimates(directory.path()));
    // With a filter or `--test` there is not everything, and nothing is written down.
    if rows.len() < BENCHMARKS {
        return Ok(());
    }
    let took = rows.iter().find(|row| row.what.starts_with(SCRATCH) && row.what.contains("CEL"));
    let missed = took.is_some_and(|row| row.value > TARGET_NS);
    publish("rules", Section { machine: Machine::this(), load_before, rows })?;
    if missed { Err("10,000 nodes took longer than 100 ms".into()) } else { Ok(()) }
}
