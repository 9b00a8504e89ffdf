//! What one agent costs its server: memory, processor time and wake-ups of the real program at its default periods,
//! in a real zone.

pub(crate) mod process;
pub(crate) mod zone;

use std::time::Duration;

use anyhow::Context;
use rollcall_bus::private_broker::PrivateBroker;

use crate::machine::{Machine, load};
use crate::report::{Row, Section, publish, say};
use process::{Snapshot, Used};
use zone::{Site, Zone, joined};

/// Between its joining and the measurement.
const WARM_UP: Duration = Duration::from_secs(10);
/// Most memory it may hold, MiB.
const TARGET_MIB: f64 = 10.0;
/// Most processor time it may take, percent of one core.
const TARGET_PERCENT: f64 = 0.2;

/// Measures for so long, prints and writes down.
///
/// # Errors
/// When there is no private RabbitMQ to be had, a program is missing, or the agent does not join.
pub async fn run(span: Duration) -> anyhow::Result<()> {
    let load_before = load();
    let directory = tempfile::tempdir()?;
    say("footprint: starting a private RabbitMQ, a zone, a check-in service and a group controller");
    let site = Site::make(directory.path())?;
    let broker = PrivateBroker::start_secured(&directory.path().join("rabbitmq"), site.broker()).await?;
    let zone = Zone::start(site, &broker, &["rack-a"], "")?;
    let agent = zone.agent()?;
    joined(&agent).await?;
    say(format_args!(
        "the agent has joined; {} s to warm up, then {} s of measuring",
        WARM_UP.as_secs(),
        span.as_secs()
    ));
    tokio::time::sleep(WARM_UP).await;
    let before = Snapshot::of(agent.pid()).context("cannot read what the agent has used")?;
    tokio::time::sleep(span).await;
    let after = Snapshot::of(agent.pid()).context("cannot read what the agent has used: has it ended?")?;
    for (thread, used) in after.threads_since(&before) {
        say(format_args!("  thread {thread}: {:.3} % of a core, {:.1} wake-ups/s", used.percent(), used.wakeups()));
    }
    let rows = rows(&after, after.since(&before));
    drop((agent, zone));
    broker.stop().await;
    Ok(publish("footprint", Section { machine: Machine::this(), load_before, rows })?)
}

fn rows(after: &Snapshot, used: Used) -> Vec<Row> {
    let mib = |kib: u64| kib as f64 / 1_024.0;
    let span = format!("over {:.0} s", used.span.as_secs_f64());
    vec![
        Row::new("agent: resident memory", mib(after.rss_kib), "MiB")
            .beside(format!("target ≤ {TARGET_MIB}"))
            .note(format!("VmRSS; {} threads", after.threads.len())),
        Row::new("agent: its share of shared pages", mib(after.pss_kib), "MiB").note("PSS"),
        Row::new("agent: written pages of its own", mib(after.private_dirty_kib), "MiB").note("Private_Dirty"),
        Row::new("agent: processor time", used.percent(), "% of a core")
            .beside(format!("target ≤ {TARGET_PERCENT}"))
            .note(format!("{span}, by the scheduler's clock")),
        Row::new("agent: the same in clock ticks", used.percent_by_ticks(), "% of a core").note("utime + stime"),
        Row::new("agent: wake-ups", used.wakeups(), "per s").note("voluntary context switches of all threads"),
    ]
}
