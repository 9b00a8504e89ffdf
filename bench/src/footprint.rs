//! What one agent costs its server: memory, processor time and wake-ups of the real program at its default periods,
//! in a real zone; beside it in the same time what serf's agent costs.

pub(crate) mod process;
mod serf;
pub(crate) mod zone;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use rollcall_bus::private_broker::PrivateBroker;

use crate::machine::{Machine, load};
use crate::report::{Row, Section, figure, publish, say};
use process::{Snapshot, Used};
use zone::{Site, Zone, joined};

/// Most memory it may hold, MiB.
const TARGET_MIB: f64 = 8.0;
/// Most processor time it may take, percent of one core.
const TARGET_PERCENT: f64 = 0.1;
/// How often it may wake up, per second.
const TARGET_WAKEUPS: f64 = 2.0;

/// Measures for `span`, once the agent has stood for `warm_up`; prints and writes down. Whoever browses for services asks
/// the network again after 1, 2, 4, … seconds: what is measured within the first minute is a start, and not what the
/// agent costs from then on.
///
/// # Errors
/// When there is no private RabbitMQ to be had, a program is missing, or the agent does not join.
pub async fn run(span: Duration, warm_up: Duration) -> anyhow::Result<()> {
    let load_before = load();
    let directory = tempfile::tempdir()?;
    say(
        "footprint: starting a private RabbitMQ, a zone, a check-in service, a group controller and two agents of serf",
    );
    let site = Site::make(directory.path())?;
    let broker = PrivateBroker::start_secured(&directory.path().join("rabbitmq"), site.broker()).await?;
    let zone = Zone::start(site, &broker, &["rack-a"], "")?;
    let agent = zone.agent()?;
    joined(&agent).await?;
    let serf = serf::Pair::start(directory.path()).await?;
    let (warm_up_s, span_s) = (warm_up.as_secs(), span.as_secs());
    say(format_args!("the agent has joined; {warm_up_s} s to warm up, then {span_s} s of measuring"));
    tokio::time::sleep(warm_up).await;
    let before = both(&agent, &serf)?;
    tokio::time::sleep(span).await;
    let after = both(&agent, &serf)?;
    let rows = rows(&before, &after);
    drop((agent, serf, zone));
    broker.stop().await;
    Ok(publish("footprint", Section { machine: Machine::this(), load_before, rows })?)
}

/// What the agent and its peer have used so far.
fn both(agent: &zone::Daemon, serf: &serf::Pair) -> anyhow::Result<[Snapshot; 2]> {
    let of = |pid| Snapshot::of(pid).context("cannot read what a process has used: has it ended?");
    Ok([of(agent.pid())?, of(serf.pid())?])
}

fn rows(before: &[Snapshot; 2], after: &[Snapshot; 2]) -> Vec<Row> {
    let mib = |kib: u64| kib as f64 / 1_024.0;
    let [agent, serf] = after;
    let [used, peer]: [Used; 2] = std::array::from_fn(|it| after[it].since(&before[it]));
    let span = format!("over {:.0} s", used.span.as_secs_f64());
    let beside = |target: Option<f64>, peer: f64| {
        let target = target.map(|target| format!("target ≤ {target}; ")).unwrap_or_default();
        format!("{target}serf {}", figure(peer))
    };
    let memory = |what: &str, target, of: fn(&Snapshot) -> u64| {
        Row::new(format!("agent: {what}"), mib(of(agent)), "MiB").beside(beside(target, mib(of(serf))))
    };
    let mut rows = vec![
        memory("resident memory", Some(TARGET_MIB), |it| it.rss_kib).note(format!(
            "VmRSS; {} threads, serf {}",
            agent.threads.len(),
            serf.threads.len()
        )),
        memory("of which pages of files", None, |it| it.file_kib)
            .note("RssFile: the system can drop them and take them up again"),
        memory("its share of shared pages", None, |it| it.pss_kib).note("PSS"),
        memory("written pages of its own", None, |it| it.private_dirty_kib).note("Private_Dirty"),
        Row::new("agent: processor time", used.percent(), "% of a core")
            .beside(beside(Some(TARGET_PERCENT), peer.percent()))
            .note(format!("{span}, by the scheduler's clock")),
        Row::new("agent: the same in clock ticks", used.percent_by_ticks(), "% of a core")
            .beside(beside(None, peer.percent_by_ticks()))
            .note("utime + stime"),
        Row::new("agent: wake-ups", used.wakeups(), "per s")
            .beside(beside(Some(TARGET_WAKEUPS), peer.wakeups()))
            .note("voluntary context switches of all threads"),
    ];
    rows.extend(by_thread(&before[0], agent));
    rows
}

/// Who wakes up, by the names of threads.
fn by_thread(before: &Snapshot, after: &Snapshot) -> Vec<Row> {
    let mut threads = BTreeMap::<&str, Used>::new();
    for (name, used) in after.threads_since(before) {
        threads.entry(name).and_modify(|all| *all = all.and(used)).or_insert(used);
    }
    let row = |(name, used): (&str, Used)| {
        let percent = figure(used.percent());
        Row::new(format!("thread {name}: wake-ups"), used.wakeups(), "per s").note(format!("{percent} % of a core"))
    };
    threads.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_is_told_by_name_and_beside_each_figure_stands_the_peers() {
        let own = || Snapshot::of(std::process::id()).expect("its own");
        let (before, idle) = ([own(), own()], std::thread::Builder::new().name("idle".into()));
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        // A thread takes its name itself, when it begins.
        let (begin, begun) = std::sync::mpsc::channel();
        let idle = idle.spawn(move || begin.send(()).map(|()| stopped.recv())).expect("a thread");
        begun.recv().expect("it begins");
        let rows = rows(&before, &[own(), own()]);
        drop(stop);
        assert!(matches!(idle.join(), Ok(Ok(Err(_)))), "it ends");
        let named = |what: &str| rows.iter().find(|row| row.what == what).unwrap_or_else(|| panic!("{what}: {rows:?}"));
        assert!(named("agent: resident memory").beside.starts_with("target ≤ 8; serf "));
        assert!(named("thread idle: wake-ups").note.ends_with("% of a core"));
    }
}
