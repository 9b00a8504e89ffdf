//! This very machine made ill: each illness sets its bit, and the bit clears when it is over.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rollcall_tests::stage::{Brokers, Fleet, PATIENCE, Stage, Tmpfs, until};
use serde_json::json;

use crate::deaths::now_ms;

/// A sampling period of the real agent on a stage.
const PERIOD_MS: i64 = 1_000;

/// When a bit of the real node came to be in a state, after that moment; ms since 1970.
async fn bit_at(stage: &Stage, bit: &str, state: &str, after: i64) -> i64 {
    let query = format!(
        "SELECT CAST(ROUND((julianday(since) - 2440587.5) * 86400000.0) AS INTEGER) FROM v_node_health_bits \
         WHERE node = 'real' AND indicator = '{bit}' AND state = '{state}'"
    );
    until(format!("{bit} to be {state}"), PATIENCE * 3, async || {
        stage.api().number(&query).await.ok().filter(|at| *at >= after)
    })
    .await
}

/// The bits that are set, without those that a busy test machine may set of its own accord.
async fn set_bits(stage: &Stage) -> Vec<String> {
    let busy = ["cpu_pressure", "io_pressure", "run_queue", "memory_pressure", "agent_quality", "clock_unsynchronised"];
    let query = "SELECT indicator FROM v_node_health_bits WHERE node = 'real' AND state = 'set' ORDER BY indicator";
    let names = stage.api().rows(query).await.into_iter().filter_map(|row| Some(row[0].as_str()?.to_owned()));
    names.filter(|name| !busy.contains(&name.as_str())).collect()
}

#[allow(clippy::print_stdout, reason = "this is a test's output")]
fn tell(text: &str, took: i64) {
    println!("    {text} {took} ms later");
}

async fn with_real(stage: &Stage, tables: &str) -> Fleet {
    let mut fleet = stage.fleet(1, 0).await;
    fleet.agents.push(stage.real_agent("rack-a", "", tables).started());
    until("the real node to be measured", PATIENCE, async || {
        let measured = "SELECT COUNT(*) FROM v_node_health_bits WHERE node = 'real' AND state <> 'unmeasurable'";
        (stage.api().number(measured).await.ok()? > 5).then_some(())
    })
    .await;
    fleet
}

fn run(line: &[&str]) {
    let done = Command::new(line[0]).args(&line[1..]).status().unwrap_or_else(|error| panic!("{line:?}: {error}"));
    assert!(done.success(), "{line:?} failed; it wants root");
}

pub async fn a_full_file_system_sets_its_bit_its_group_and_its_alert_and_clears_them(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let tmpfs = Tmpfs::mounted(&stage.directory().join("data"), 1);
    let fleet = with_real(&stage, &format!("[probes]\nmounts = [{:?}]", tmpfs.path())).await;
    let rule = json!({ "name": "full", "kind": "health", "rule": "health.disk_space", "enter_dwell_ms": 0, "leave_dwell_ms": 0 });
    let (code, answer) = stage.api().command("POST", "/v1/groups", rule).await;
    assert!((200..300).contains(&code), "{answer}");
    let before = set_bits(&stage).await;
    let began = now_ms();
    let file = tmpfs.fill();
    let set = bit_at(&stage, "disk_space", "set", began).await;
    tell("filled, and its bit set", set - began);
    assert!(set - began <= 2 * PERIOD_MS + 500, "it took {} ms", set - began);
    let alert = "SELECT severity FROM v_alerts WHERE node = 'real' AND kind = 'disk_space' AND state = 'raised'";
    assert_eq!(stage.api().rows(alert).await, [[json!("critical")]], "an alert at once");
    let member = "SELECT COUNT(*) FROM v_memberships WHERE node = 'real' AND group_name = 'full'";
    until("the node to be in its health group", Duration::from_secs(1), async || {
        (stage.api().number(member).await == Ok(1)).then_some(())
    })
    .await;
    let new: Vec<String> = set_bits(&stage).await.into_iter().filter(|bit| !before.contains(bit)).collect();
    assert_eq!(new, ["disk_space"], "just its bit");
    let emptied = now_ms();
    std::fs::remove_file(file).expect("it is removed");
    let clear = bit_at(&stage, "disk_space", "clear", emptied).await;
    tell("emptied, and its bit clear", clear - emptied);
    until("the node to have left the group, and its alert to be over", Duration::from_secs(1), async || {
        let gone = stage.api().number(member).await == Ok(0);
        (gone && stage.api().rows(alert).await.is_empty()).then_some(())
    })
    .await;
    fleet.assert_alive();
}

/// Processes that do nothing but compute.
pub struct Burning(Vec<Child>);

impl Burning {
    pub fn lit(many: usize) -> Self {
        // They want to run as much as any, but let others go first: what is measured is the agent, not its starvation.
        let script = "while :; do :; done";
        let burn = || Command::new("nice").args(["-n", "19", "sh", "-c", script]).stdin(Stdio::null()).spawn();
        Self((0..many).map(|_| burn().expect("a shell")).collect())
    }
}

impl Drop for Burning {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub async fn busy_processors_set_the_run_queue_bit_as_the_policy_says(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let fleet = with_real(&stage, "").await;
    let (code, answer) =
        stage.api().set_policy("[settings.indicators.run_queue]\nlimit = 6.0\nclear = 4.0\ndwell_ms = 0\n").await;
    assert_eq!(code, 200, "{answer}");
    let obeys = "SELECT policy_version FROM v_nodes WHERE name = 'real'";
    until("the node to obey the policy", PATIENCE, async || (stage.api().number(obeys).await == Ok(1)).then_some(()))
        .await;
    let many = 12 * std::thread::available_parallelism().map_or(1, usize::from);
    let burning = Burning::lit(many);
    let began = now_ms();
    let set = bit_at(&stage, "run_queue", "set", began).await;
    tell("busy, and its bit set", set - began);
    assert!(set - began <= 2 * PERIOD_MS + 500, "it took {} ms", set - began);
    drop(burning);
    let over = now_ms();
    let clear = bit_at(&stage, "run_queue", "clear", over).await;
    tell("idle, and its bit clear", clear - over);
    fleet.assert_alive();
}

/// A memory control group of a few megabytes, of whichever version this machine has.
struct Squeezed(PathBuf);

impl Squeezed {
    fn made(name: &str) -> Self {
        let (root, limit) = if Path::new("/sys/fs/cgroup/memory/memory.limit_in_bytes").exists() {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        } else {
            ("/sys/fs/cgroup", "memory.max")
        };
        let path = Path::new(root).join(name);
        std::fs::create_dir(&path).unwrap_or_else(|error| panic!("no control group at {}: {error}", path.display()));
        std::fs::write(path.join(limit), "8388608").expect("a limit is set");
        Self(path)
    }

    /// Runs something in it that takes all the memory there is.
    fn squeeze(&self) {
        let script = format!("echo $$ > {}/cgroup.procs && exec tail /dev/zero", self.0.display());
        let ended = Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).status().expect("a shell");
        assert!(!ended.success(), "it was not killed");
    }
}

impl Drop for Squeezed {
    fn drop(&mut self) {
        // It is empty by now.
        let _ = std::fs::remove_dir(&self.0);
    }
}

pub async fn a_process_killed_for_want_of_memory_sets_the_bit_of_oom_kills(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let fleet = with_real(&stage, "").await;
    let squeezed = Squeezed::made(&format!("rollcall-test-{}", std::process::id()));
    let began = now_ms();
    squeezed.squeeze();
    let set = bit_at(&stage, "oom_kills", "set", began).await;
    tell("killed for want of memory, and its bit set", set - began);
    assert!(set - began <= 2 * PERIOD_MS + 1_000, "it took {} ms", set - began);
    fleet.assert_alive();
}

/// A pair of network interfaces of which one goes down.
struct Cable(String);

impl Cable {
    fn plugged(name: String) -> Self {
        run(&["ip", "link", "add", &name, "type", "veth", "peer", "name", &format!("{name}p")]);
        run(&["ip", "link", "set", &name, "up"]);
        run(&["ip", "link", "set", &format!("{name}p"), "up"]);
        Self(name)
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        // With its peer.
        let _ = Command::new("ip").args(["link", "del", &self.0]).status();
    }
}

pub async fn a_link_that_goes_down_sets_its_bit_until_it_is_up_again(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let cable = Cable::plugged(format!("rcl{}", std::process::id() % 100_000));
    let fleet = with_real(&stage, &format!("[probes]\ninterfaces = [{:?}]", cable.0)).await;
    let peer = format!("{}p", cable.0);
    bit_at(&stage, "link", "clear", 0).await;
    let began = now_ms();
    run(&["ip", "link", "set", &peer, "down"]);
    let set = bit_at(&stage, "link", "set", began).await;
    tell("unplugged, and its bit set", set - began);
    // The dictionary gives a link two seconds before it is believed to be down.
    assert!(set - began <= 2_000 + 2 * PERIOD_MS + 500, "it took {} ms", set - began);
    let mended = now_ms();
    run(&["ip", "link", "set", &peer, "up"]);
    tell("plugged in, and its bit clear", bit_at(&stage, "link", "clear", mended).await - mended);
    fleet.assert_alive();
}
