//! A thousand nodes join at once, each with a token of its own: how long it takes, and what the rest of the zone feels
//! of it. Zone controller, check-in service and four group controllers are processes of their own, over a private RabbitMQ
//! with TLS; the agents are simulated machines, all in one process.

mod crowd;
mod tokens;
mod watch;

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rollcall_bus::private_broker::PrivateBroker;
use rollcall_startup::Clock;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use self::crowd::Crowd;
pub use self::crowd::{ROLE, agents};
use self::watch::{Answered, Readiness, memory};
use crate::footprint::process::Snapshot;
use crate::footprint::zone::{Site, Zone};
use crate::machine::{Machine, load};
use crate::report::{Row, Section, publish, say};

/// The racks, each with a group controller.
const RACKS: [&str; 4] = ["rack-a", "rack-b", "rack-c", "rack-d"];
/// Nodes that stand before the others come.
const FIRST: u16 = 8;
/// They stand in peace for so long before.
const REST: Duration = Duration::from_secs(5);
/// Two thousand stand in both their groups within this, seconds.
const TARGET_S: f64 = 60.0;
/// Who does not stand by then does not come.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks at how far they are.
const LOOK: Duration = Duration::from_millis(500);
/// A thousand servers have a thousand addresses, each with its own pace; here they all come from one.
const API: &str = "max_connections = 4096\nmax_connections_per_origin = 4096\nopen_per_second = 10000\n";

/// How far the nodes have come.
struct Standing {
    certified: i64,
    standing: i64,
}

/// What came of it.
struct Joined {
    tokens: Duration,
    /// From the start of the agents to the last certificate, on the zone's clock, seconds.
    certified_s: f64,
    /// To the last node in both its groups, seconds.
    stood_s: f64,
    ready: Answered,
    before: Vec<(String, Snapshot)>,
    after: Vec<(String, Snapshot)>,
    /// Times that one of the first nodes was thought silent.
    doubted: i64,
    /// The same of those who had just come in.
    doubted_new: i64,
}

/// Lets them join, prints and writes down.
///
/// # Errors
/// When there is no private RabbitMQ to be had, a program is missing, a node does not come in, it takes too long, or one of
/// those who stood already was thought silent.
pub async fn run(nodes: u16) -> anyhow::Result<()> {
    ensure!((1..=2_000).contains(&nodes), "1 to 2000 nodes");
    let load_before = load();
    // Each connection is a file; the broker and the daemons inherit it. Where it may not be raised, they say so.
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let directory = tempfile::tempdir()?;
    say(format_args!("joins: starting a private RabbitMQ, a zone, a check-in service and {} racks", RACKS.len()));
    let site = Site::make(directory.path())?;
    let broker = PrivateBroker::start_secured(&directory.path().join("rabbitmq"), site.broker()).await?;
    let zone = Zone::start(site, &broker, &RACKS, API)?;
    let joined = join(&zone, &broker, nodes).await?;
    drop(zone);
    broker.stop().await;
    publish("joins", Section { machine: Machine::this(), load_before, rows: joined.rows(nodes) })?;
    let took = joined.stood_s * 2_000.0 / f64::from(nodes.max(2_000));
    ensure!(joined.doubted == 0, "nodes that stood were thought silent {} times", joined.doubted);
    ensure!(took <= TARGET_S, "it took {:.1} s until {nodes} nodes stood", joined.stood_s);
    Ok(())
}

async fn join(zone: &Zone, broker: &PrivateBroker, nodes: u16) -> anyhow::Result<Joined> {
    let (url, pid) = (broker.url(), broker.pid());
    let first = Crowd::of(zone, &url, 0, FIRST);
    tokens::hand_out(zone, &first).await?;
    let mut first_agents = first.start()?;
    until_standing(zone, FIRST, &mut first_agents).await?;
    let began = Instant::now();
    let crowd = Crowd::of(zone, &url, FIRST, nodes);
    tokens::hand_out(zone, &crowd).await?;
    let tokens = began.elapsed();
    say(format_args!("  {nodes} tokens after {:.1} s", tokens.as_secs_f64()));
    tokio::time::sleep(REST).await;

    let before = memory(zone, pid)?;
    let ready = Readiness::begin(zone)?;
    let (from, wall) = (Instant::now(), Clock::start().now().wall.0);
    let mut agents = crowd.start()?;
    until_standing(zone, FIRST + nodes, &mut agents).await?;
    let stood_s = from.elapsed().as_secs_f64();
    let ready = ready.end().await;
    let after = memory(zone, pid)?;

    let last = "SELECT CAST(ROUND((julianday(max(issued_at)) - julianday('1970-01-01')) * 86400000) AS INTEGER) \
                FROM v_certificates WHERE principal LIKE 'node.%'";
    let certified_s = (number(zone, last)? - i64::try_from(wall)?) as f64 / 1_000.0;
    let names: Vec<String> = first.names().iter().map(|name| format!("'{name}'")).collect();
    let doubted = |which: &str| {
        number(
            zone,
            &format!(
                "SELECT count(*) FROM v_events WHERE kind = 'node_state' \
                 AND json_extract(detail, '$.to') IN ('suspect', 'unknown', 'down') \
                 AND subject_id {which} (SELECT node_id FROM v_nodes WHERE name IN ({}))",
                names.join(", ")
            ),
        )
    };
    let (doubted, doubted_new) = (doubted("IN")?, doubted("NOT IN")?);
    Ok(Joined { tokens, certified_s, stood_s, ready, before, after, doubted, doubted_new })
}

async fn until_standing(zone: &Zone, nodes: u16, agents: &mut tokio::process::Child) -> anyhow::Result<()> {
    let from = Instant::now();
    let mut said = 0;
    loop {
        let Standing { certified, standing } = look(zone)?;
        if certified + standing != said {
            said = certified + standing;
            let after = from.elapsed().as_secs_f64();
            say(format_args!("  {after:5.1} s: {certified} certificates, {standing} in both groups, of {nodes}"));
        }
        if standing >= i64::from(nodes) {
            return Ok(());
        }
        if let Some(ended) = agents.try_wait()? {
            bail!("the agents ended: {ended}");
        }
        ensure!(from.elapsed() < PATIENCE, "only {standing} of {nodes} nodes came in");
        tokio::time::sleep(LOOK).await;
    }
}

fn look(zone: &Zone) -> anyhow::Result<Standing> {
    let query = "SELECT (SELECT count(*) FROM v_certificates WHERE principal LIKE 'node.%'), \
                 (SELECT count(*) FROM v_nodes WHERE state IN ('healthy', 'degraded') \
                 AND physical_group IS NOT NULL AND logical_group IS NOT NULL)";
    let answer = zone.ask(&["sql", query])?;
    let column = |index: usize| answer["rows"][0][index].as_i64().with_context(|| format!("no number in {answer}"));
    Ok(Standing { certified: column(0)?, standing: column(1)? })
}

fn number(zone: &Zone, query: &str) -> anyhow::Result<i64> {
    zone.ask(&["sql", query])?["rows"][0][0].as_i64().with_context(|| format!("no number comes of {query}"))
}

impl Joined {
    fn rows(&self, nodes: u16) -> Vec<Row> {
        let mib = |kib: u64| kib as f64 / 1_024.0;
        let held = self.before.iter().zip(&self.after).map(|((name, before), (_, after))| {
            Row::new(format!("memory of {name}: after"), mib(after.rss_kib), "MiB")
                .beside(format!("before {:.1}", mib(before.rss_kib)))
                .note(format!("VmRSS; at most {:.1}", mib(after.peak_kib)))
        });
        let mut rows = vec![
            Row::new(format!("{nodes} tokens made"), self.tokens.as_secs_f64(), "s")
                .note("before the joins; the zone's pace for administrators is 100 a second"),
            Row::new(format!("{nodes} nodes: the last certificate"), self.certified_s, "s")
                .note("from the start of the agents"),
            Row::new(format!("{nodes} nodes: all in both groups"), self.stood_s, "s")
                .beside(format!("target ≤ {TARGET_S} for 2,000"))
                .note("looked at twice a second"),
            Row::new("joins", f64::from(nodes) / self.stood_s, "per s"),
            Row::new(format!("the {FIRST} who stood: thought silent"), self.doubted as f64, "times").beside("target 0"),
            Row::new("the new ones: thought silent", self.doubted_new as f64, "times"),
            Row::new("/readyz meanwhile: median", self.ready.within(50), "ms").note(format!(
                "99 of 100 within {:.0} ms, all {} within {:.0} ms; {} not ready",
                self.ready.within(99),
                self.ready.ms.len(),
                self.ready.within(100),
                self.ready.not_ready
            )),
        ];
        rows.extend(held);
        rows
    }
}
