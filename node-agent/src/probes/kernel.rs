//! What the kernel counts about itself: runnable tasks, memory, kills for want of it.

use rollcall_model::{Millis, Tick};

use super::kept::{Kept, unclear};
use super::window::Window;
use super::{Findings, Probe, Reason, bit};
use crate::hardware::{Tree, list_length};

const MINUTE: Millis = Millis(60_000);
/// More processors than this no kernel has.
const MOST_CPUS: u32 = 1 << 16;
/// More tasks than this no kernel has (`PID_MAX_LIMIT`).
const MOST_TASKS: u32 = 1 << 22;

pub(super) struct Kernel {
    loadavg: Kept,
    online: Kept,
    meminfo: Kept,
    vmstat: Kept,
    /// Of the agent's own cgroup, version 2.
    memory_events: Option<Kept>,
    kills: Window,
}

impl Kernel {
    pub(super) fn new(tree: &Tree) -> Self {
        Self {
            loadavg: Kept::new(tree, "proc/loadavg"),
            online: Kept::new(tree, "sys/devices/system/cpu/online"),
            meminfo: Kept::new(tree, "proc/meminfo"),
            vmstat: Kept::new(tree, "proc/vmstat"),
            memory_events: own_cgroup(tree).map(|below| Kept::new(tree, &format!("{below}/memory.events"))),
            kills: Window::new(MINUTE),
        }
    }

    /// `/proc/loadavg` shows the same count as `procs_running` of `/proc/stat`, without the cost of a line for
    /// every interrupt. The task that reads is runnable itself and does not count.
    fn run_queue(&mut self) -> Result<f64, Reason> {
        let runnable = {
            let text = self.loadavg.read()?;
            let field = text.split_whitespace().nth(3).and_then(|field| field.split('/').next()?.parse::<u32>().ok());
            field.filter(|runnable| *runnable <= MOST_TASKS).ok_or_else(|| unclear("proc/loadavg"))?
        };
        let text = self.online.read()?;
        let cpus = list_length(&text).filter(|cpus| *cpus <= MOST_CPUS);
        let cpus = cpus.ok_or_else(|| unclear("sys/devices/system/cpu/online"))?;
        Ok(f64::from(runnable.saturating_sub(1)) / f64::from(cpus))
    }

    fn memory_available(&mut self) -> Result<f64, Reason> {
        let text = self.meminfo.read()?;
        let value = |word: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(word))?;
            line.trim_end_matches("kB").trim().parse::<f64>().ok()
        };
        match (value("MemAvailable:"), value("MemTotal:")) {
            (Some(available), Some(total)) if total > 0.0 && (0.0..=total).contains(&available) => {
                Ok(100.0 * available / total)
            }
            _ => Err(unclear("proc/meminfo")),
        }
    }

    /// `/proc/vmstat` counts every kill on the machine, those within a cgroup's limit too. Where it does not count,
    /// the agent's own cgroup tells at least of itself.
    fn oom_kills(&mut self, now: Tick) -> Result<f64, Reason> {
        let counted = |file: &mut Kept| {
            let text = file.read().ok()?;
            text.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse::<u64>().ok()
        };
        let everywhere = counted(&mut self.vmstat);
        let total = everywhere.or_else(|| counted(self.memory_events.as_mut()?));
        let total = total.ok_or(Reason::Borrowed("this kernel does not count kills for want of memory"))?;
        Ok(self.kills.observe(now, total))
    }
}

/// Directory of the agent's own cgroup, from the line `0::/…` of `/proc/self/cgroup`; none within version 1.
fn own_cgroup(tree: &Tree) -> Option<String> {
    let text = tree.text("proc/self/cgroup")?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let inside = !path.split('/').any(|part| part == "..");
    inside.then(|| format!("sys/fs/cgroup/{path}"))
}

impl Probe for Kernel {
    fn name(&self) -> &str {
        "kernel"
    }

    fn indicators(&self) -> &'static [usize] {
        &[bit::RUN_QUEUE, bit::MEMORY_AVAILABLE, bit::OOM_KILLS]
    }

    fn period(&self) -> Millis {
        Millis(1_000)
    }

    fn measure(&mut self, now: Tick, findings: &mut Findings) {
        findings.say(bit::RUN_QUEUE, self.run_queue());
        findings.say(bit::MEMORY_AVAILABLE, self.memory_available());
        findings.say(bit::OOM_KILLS, self.oom_kills(now));
    }
}
